//! What frames and fields are printed as.

mod figures;

use figures::of;
use iacp_wire::{Frame, MessageType, Value};

#[test]
fn a_printed_frame_has_its_type_its_flags_and_its_cookie_and_nothing_else() {
    for sample in figures::all() {
        let bytes = sample.encoded();
        let frame = Frame::parse(&bytes).expect("a golden frame");
        assert_eq!(format!("{:?}", frame.message), sample.message_type.name());
        let (flags, cookie) = (frame.flags, frame.responder_cookie);
        let expected = format!(
            "Frame {{ message: {}, flags: {flags:?}, responder_cookie: {cookie:?}, .. }}",
            sample.message_type.name()
        );
        assert_eq!(format!("{frame:?}"), expected);
    }
}

#[test]
fn a_printed_field_has_its_value_and_a_secret_one_only_that_it_is_secret() {
    let printed = |value: Value<'_>| format!("{value:?}");
    assert_eq!(printed(Value::Bytes(&[1, 2])), "Bytes([1, 2])");
    assert_eq!(printed(Value::Integer(7)), "Integer(7)");
    assert_eq!(printed(Value::Text("eu")), "Text(\"eu\")");
    assert_eq!(printed(Value::Secret(&[1, 2])), "Secret(..)");
    // The token of an ERP_ALLOC and of an ERP_KEEPALIVE is one.
    for message_type in [MessageType::ErpAlloc, MessageType::ErpKeepalive] {
        let bytes = of(message_type).encoded();
        let mut secrets = Vec::new();
        Frame::parse(&bytes).expect("a golden frame").message.visit(&mut |name, value| {
            if let Value::Secret(_) = value {
                secrets.push(name);
            }
        });
        assert_eq!(secrets, ["local_iat"], "{message_type}");
    }
}
