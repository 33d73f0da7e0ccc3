//! What is read without the feature `registry`: `cargo test -p iacp-wire --no-default-features --test parts`.

use iacp_wire::message::{ErpInit, PssInit};
use iacp_wire::{Frame, Message, MessageType, ParseError, Reason};
use zerocopy::FromZeros;

fn written(message: Message<'_>) -> Vec<u8> {
    let mut bytes = [0; 1_200];
    let length = Frame::new(message).write(&mut bytes).expect("room");
    bytes[..length].to_vec()
}

#[test]
fn messages_of_sessions_are_read_in_every_build_and_others_with_the_registry() {
    assert!(Frame::parse(&written(Message::PssInit(&PssInit::new_zeroed()))).is_ok());
    let other = written(Message::ErpInit(&ErpInit::new_zeroed()));
    let read = Frame::parse(&other).map(|_| ());
    if cfg!(feature = "registry") {
        assert_eq!(read, Ok(()));
    } else {
        let field = if cfg!(feature = "names") { "type" } else { "" };
        assert_eq!(
            read,
            Err(ParseError { reason: Reason::UnknownType(MessageType::ErpInit.code()), field, offset: 0 })
        );
    }
}

#[test]
fn an_error_has_its_byte_and_with_the_feature_the_name_of_its_field() {
    let frame = written(Message::PssInit(&PssInit::new_zeroed()));
    let mut cut = frame[..frame.len() - 1].to_vec();
    let payload = u16::try_from(cut.len() - 4).expect("short").to_be_bytes();
    cut[2..4].copy_from_slice(&payload);
    let error = Frame::parse(&cut).expect_err("it is cut");
    assert_eq!((error.reason, error.offset), (Reason::Truncated, cut.len()));
    assert_eq!(error.field.is_empty(), !cfg!(feature = "names"), "{error}");
    assert!(!error.to_string().starts_with(':'), "{error}");
}
