use super::*;
use crate::crypto::{ChaChaOnly, Secret32, Suite};
use crate::pss::stream::keys::Way;

const COOKIES: Cookies = Cookies { initiator: Cookie([1; 8]), responder: Cookie([2; 8]) };

fn keys() -> Sealing<ChaChaOnly> {
    let mut keys = Sealing::IDLE;
    keys.start(&Secret32::new([7; 32]), Way::I2r, Suite::ChaCha20Poly1305);
    keys
}

// shows: IACP-150 (§6.4.5)
#[test]
fn a_data_frame_is_laid_out_as_drawn() {
    assert_eq!((SESSION_HEADER_LEN, AAD_LEN, SEALED_AT, OVERHEAD), (12, 28, 40, 89));
    assert_eq!((SHOWN_MAX, HEARTBEAT_CONTENT, HEARTBEAT_LEN), (4_096, 56, 145));
    let mut keys = keys();
    let (chain, nonce) = (keys.chain, keys.nonce(5));
    let mut frame = [0; OVERHEAD + 3];
    let fill = |content: &mut [u8]| write(content, b"abc");
    let tag = seal_frame(&mut keys, COOKIES, 5, Flags::FIN, 4, &mut frame, fill).expect("the key is alive");
    assert_eq!(frame[..2], [0x10, 0xb0 | Flags::FIN.with(Flags::SESSION).bits()], "version 1, type 0x0b");
    assert_eq!(frame[2..4], 88_u16.to_be_bytes(), "what follows the header");
    assert_eq!((&frame[4..12], &frame[12..20], &frame[20..28]), (&[2; 8][..], &[1; 8][..], &5_u64.to_be_bytes()[..]));
    assert_eq!((&frame[28..40], &frame[32..40]), (&nonce[..], &5_u64.to_be_bytes()[..]));
    let (aad, sealed, in_frame) = take_apart(&mut frame).expect("it is long enough");
    assert_eq!((aad.len(), sealed.len(), in_frame), (28, 36, &tag));
    // Opened with the key of this direction: chain, kind, content.
    let prk = Secret32::new([7; 32]);
    let key = ChaChaOnly::hkdf_expand_key(&prk, b"IACP/1 key i2r");
    let cipher = ChaChaOnly::cipher(Suite::ChaCha20Poly1305, &key);
    assert_eq!(ChaChaOnly::open(&cipher, &nonce, aad, sealed, &tag), Ok(()));
    assert_eq!((&sealed[..32], sealed[32], &sealed[33..]), (&chain[..], 4, &b"abc"[..]));
    for (length, whole) in [(0, false), (55, false), (56, true)] {
        assert_eq!(take_apart(&mut [0; 56][..length]).is_some(), whole, "{length} bytes");
    }
    for (length, sealed) in [(3, false), (88, false), (89, true)] {
        let tag = seal_frame(&mut keys, COOKIES, 6, Flags::NONE, 0, &mut [0; 89][..length], |_| ());
        assert_eq!(tag.is_some(), sealed, "{length} bytes");
    }
}

#[test]
fn a_heartbeat_is_laid_out_as_drawn() {
    for (ask, held, first, second) in
        [(false, false, 0, 0), (true, false, 0x80, 0), (false, true, 0, 0x80), (true, true, 0x80, 0x80)]
    {
        let vector = Vector { next_send: 7, ask, expected: 9, held, receive_chain: [5; 32], echo: 3, bitmap: &[] };
        let mut content = [0; HEARTBEAT_CONTENT + 2];
        vector.write(&mut content).expect("there is room");
        content[HEARTBEAT_CONTENT + 1] = 0x10;
        assert_eq!((content[0], content[7], content[8], content[15]), (first, 7, second, 9));
        assert_eq!((&content[16..48], content[55]), (&[5; 32][..], 3));
        let read = Vector::read(&content).unwrap_or_else(|violation| panic!("{violation}"));
        assert_eq!((read.next_send, read.ask, read.expected, read.held), (7, ask, 9, held));
        assert_eq!((read.receive_chain, read.echo, read.bitmap), ([5; 32], 3, &[0, 0x10][..]));
    }
    for (length, sound) in [(55, false), (56, true), (57, true), (568, true), (569, false)] {
        let mut content = [1; 569];
        content[..16].fill(0);
        assert_eq!(Vector::read(&content[..length]).is_ok(), sound, "{length} bytes");
    }
    let empty = [0; HEARTBEAT_CONTENT + 1];
    assert_eq!(Vector::read(&empty).err(), Some(Violation::Bitmap), "the last byte shows a frame");
}

#[test]
fn what_is_shown_ends_behind_the_last_bit() {
    for (held, bitmap, end) in [
        (false, &[][..], 100),
        (true, &[], 101),
        (false, &[0x80], 102),
        (true, &[0x80], 102),
        (false, &[0x40], 103),
        (false, &[0xff], 109),
        (false, &[0, 0x80], 110),
        (false, &[0, 0, 0x01], 125),
    ] {
        let vector = Vector { next_send: 0, ask: false, expected: 100, held, receive_chain: [0; 32], echo: 0, bitmap };
        assert_eq!(vector.shown_end(), end, "{held}, {bitmap:?}");
    }
    let vector = |held, bitmap| Vector {
        next_send: 0,
        ask: false,
        expected: u64::MAX,
        held,
        receive_chain: [0; 32],
        echo: 0,
        bitmap,
    };
    assert_eq!([vector(true, &[][..]), vector(false, &[1])].map(|vector| vector.shown_end()), [u64::MAX; 2]);
}

#[test]
fn a_bitmap_is_written_behind_the_heartbeat() {
    let mut keys = keys();
    let key = ChaChaOnly::hkdf_expand_key(&Secret32::new([7; 32]), b"IACP/1 key i2r");
    let cipher = ChaChaOnly::cipher(Suite::ChaCha20Poly1305, &key);
    let vector =
        Vector { next_send: 7, ask: true, expected: 9, held: false, receive_chain: [5; 32], echo: 0, bitmap: &[] };
    for length in [0, 2, BITMAP_MAX] {
        let nonce = keys.nonce(HEARTBEATS);
        let mut frame = [0; HEARTBEAT_LEN + BITMAP_MAX];
        let frame = &mut frame[..HEARTBEAT_LEN + length];
        let shown = |bitmap: &mut [u8]| bitmap.fill(0xA5);
        assert!(seal_heartbeat(&mut keys, COOKIES, HEARTBEATS, &vector, frame, shown).is_some());
        assert_eq!(frame[1] & 0x0f, Flags::SESSION.bits());
        let (aad, sealed, tag) = take_apart(frame).expect("it is long enough");
        assert_eq!(ChaChaOnly::open(&cipher, &nonce, aad, sealed, tag), Ok(()));
        assert_eq!((sealed.len(), sealed[32]), (33 + HEARTBEAT_CONTENT + length, ContentKind::HEARTBEAT));
        let read = Vector::read(&sealed[33..]).unwrap_or_else(|violation| panic!("{violation}"));
        assert_eq!((read.next_send, read.expected, read.bitmap), (7, 9, &[0xA5; BITMAP_MAX][..length]));
    }
}
