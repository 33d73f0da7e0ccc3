//! Frames on a byte stream, one behind the other: Payload Length delimits them.

use std::io::{self, ErrorKind};

use iacp_wire::HEADER_LEN;
use tokio::io::{AsyncRead, AsyncReadExt};

/// No frame of a local channel is longer, in bytes: an item of 879 stands in 20 bytes of AAI_REQUEST or 36 of AAI_NOTICE,
/// and those in 68 of LOCAL.
pub const LOCAL_LIMIT: usize = 1_200;

/// The next frame; `None` at the end of the stream. A call that is given up loses what it has read, so it has a task of its
/// own.
///
/// # Errors
/// The stream broke, in the middle of a frame too, or the frame is longer than [`LOCAL_LIMIT`].
pub async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; HEADER_LEN];
    if stream.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut head[1..]).await?;
    let length = HEADER_LEN + usize::from(u16::from_be_bytes([head[2], head[3]]));
    if length > LOCAL_LIMIT {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("Payload Length: a frame of {length} bytes")));
    }
    let mut frame = vec![0; length];
    frame[..HEADER_LEN].copy_from_slice(&head);
    stream.read_exact(&mut frame[HEADER_LEN..]).await?;
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(mut bytes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        while let Some(frame) = read_frame(&mut bytes).await? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[tokio::test]
    async fn frames_stand_one_behind_the_other_and_their_length_delimits_them() {
        let frames = all(b"\x18\x60\x00\x02ab\x18\x70\x00\x00\x18\x80\x00\x01c").await.expect("whole");
        assert_eq!(frames, [&b"\x18\x60\x00\x02ab"[..], b"\x18\x70\x00\x00", b"\x18\x80\x00\x01c"]);
        assert!(all(b"").await.expect("nothing").is_empty());
    }

    #[tokio::test]
    async fn a_frame_that_is_cut_or_too_long_is_an_error() {
        let whole = b"\x18\x60\x00\x02ab";
        for end in 1..whole.len() {
            assert!(all(&whole[..end]).await.is_err(), "{end} bytes");
        }
        let limit = u16::try_from(LOCAL_LIMIT - HEADER_LEN).expect("short");
        let frame = |payload: u16| [&b"\x18\x60"[..], &payload.to_be_bytes(), &vec![0; payload.into()]].concat();
        assert!(all(&frame(limit)).await.is_ok());
        assert!(all(&frame(limit + 1)).await.is_err());
    }
}
