//! Any bytes are a notification or refused.
#![no_main]

use cep_envelope::notification::{MAX_NOTIFICATION, Notification};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(notification) = Notification::read(bytes) {
        let mut buffer = [0; MAX_NOTIFICATION];
        let written = notification.write(&mut buffer).expect("what was read can be written");
        assert_eq!(Notification::read(written), Ok(notification));
    }
});
