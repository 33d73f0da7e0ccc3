//! Lines for the host, without `core::fmt`: it would be a good part of the image that is measured.

use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hio::{self, HostStream};

/// The host's standard output.
pub struct Report(HostStream);

impl Report {
    /// Opens it.
    pub fn open() -> Self {
        match hio::hstdout() {
            Ok(stream) => Self(stream),
            Err(()) => fail("no standard output"),
        }
    }

    /// Writes one line of words and numbers.
    pub fn line(&mut self, words: &[&str], numbers: &[u32]) {
        for word in words {
            self.write(word.as_bytes());
            self.write(b" ");
        }
        for number in numbers {
            self.number(*number);
            self.write(b" ");
        }
        self.write(b"\n");
    }

    fn number(&mut self, mut number: u32) {
        let mut digits = [b'0'; 10];
        let mut length = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            length += 1;
            if number == 0 {
                break;
            }
        }
        self.write(digits.get(10 - length..).unwrap_or_default());
    }

    pub fn write(&mut self, bytes: &[u8]) {
        // A lost line is missed by the host.
        let _ = self.0.write_all(bytes);
    }
}

/// Ends the emulation with success.
pub fn end() -> ! {
    loop {
        debug::exit(EXIT_SUCCESS);
    }
}

/// Ends the emulation with failure.
pub fn fail(why: &str) -> ! {
    if let Ok(mut stream) = hio::hstderr() {
        let _ = stream.write_all(why.as_bytes());
        let _ = stream.write_all(b"\n");
    }
    loop {
        debug::exit(EXIT_FAILURE);
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    fail(info.location().map_or("panic", |location| location.file()))
}
