//! A serial line as the way out of a host: COBS frames with a CRC, as `examples/firmware/serial` has them, over a port of this
//! machine or over TCP, as emulators and terminal servers offer one. A line that breaks is opened again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};
use serial::{Decoder, ENCODED};
use serial2_tokio::SerialPort;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;

use crate::carrier::link::FRAME_LIMIT;

/// Bits per second, unless the user says otherwise.
const BAUD: u32 = 115_200;
/// Frames that wait for the line: few, so that what is urgent does not wait long.
const QUEUE: usize = 4;
/// Frames that have come and wait to be taken; more are lost, as on any network.
const INBOX: usize = 64;
/// A line that broke is opened again after this long.
const AGAIN: Duration = Duration::from_millis(200);

/// Where a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A port of this machine, and its bits per second.
    Port(PathBuf, u32),
    /// Where a TCP connection leads to one.
    Tcp(SocketAddr),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(address) = text.strip_prefix("tcp:") {
            return address.parse().map(Self::Tcp).map_err(|_| format!("`{address}` is not IP:PORT"));
        }
        match text.rsplit_once('@') {
            Some((path, baud)) if !path.is_empty() => match baud.parse() {
                Ok(baud) => Ok(Self::Port(path.into(), baud)),
                Err(_) => Err(format!("`{baud}` is no number of bits per second")),
            },
            None if !text.is_empty() => Ok(Self::Port(text.into(), BAUD)),
            _ => Err("a serial line is PATH, PATH@BAUD or tcp:IP:PORT".into()),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Port(path, baud) => write!(f, "{}@{baud}", path.display()),
            Self::Tcp(at) => write!(f, "tcp:{at}"),
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn open(place: &Place) -> Result<Box<dyn Stream>> {
    Ok(match place {
        Place::Port(path, baud) => Box::new(SerialPort::open(path, *baud)?),
        Place::Tcp(at) => {
            let stream = TcpStream::connect(at).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
    })
}

/// A line that is open, or is being opened again.
pub struct Line {
    incoming: Mutex<mpsc::Receiver<Vec<u8>>>,
    outgoing: mpsc::Sender<Vec<u8>>,
    task: AbortHandle,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Line {
    /// Opens a line, which must be there now.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn open(place: Place) -> Result<Self> {
        let first = open(&place).await.with_context(|| format!("cannot open the serial line {place}"))?;
        let (sender, incoming) = mpsc::channel(INBOX);
        let (outgoing, receiver) = mpsc::channel(QUEUE);
        let task = tokio::spawn(keep(place, first, sender, receiver)).abort_handle();
        Ok(Self { incoming: Mutex::new(incoming), outgoing, task })
    }

    /// The next frame; its length. A call that is given up loses nothing.
    pub async fn next(&self, buffer: &mut [u8]) -> usize {
        match self.incoming.lock().await.recv().await {
            Some(frame) => copied(&frame, buffer),
            None => std::future::pending().await,
        }
    }

    /// One that is here already.
    pub fn try_next(&self, buffer: &mut [u8]) -> Option<usize> {
        let frame = self.incoming.try_lock().ok()?.try_recv().ok()?;
        Some(copied(&frame, buffer))
    }

    /// Hands one frame over; `false` if the queue is full.
    pub fn send(&self, frame: &[u8]) -> bool {
        !matches!(self.outgoing.try_send(frame.to_vec()), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Waits until a full queue has room.
    pub async fn room(&self) {
        let _ = self.outgoing.reserve().await;
    }
}

fn copied(frame: &[u8], buffer: &mut [u8]) -> usize {
    let length = frame.len().min(buffer.len());
    buffer[..length].copy_from_slice(&frame[..length]);
    length
}

/// Carries frames both ways until the process ends.
async fn keep(
    place: Place,
    first: Box<dyn Stream>,
    incoming: mpsc::Sender<Vec<u8>>,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
) {
    let mut stream = first;
    loop {
        let (mut from, mut to) = tokio::io::split(stream);
        tokio::select! {
            () = read(&mut from, &incoming) => {}
            () = write(&mut to, &mut outgoing) => {}
        }
        drop((from, to));
        stream = loop {
            tokio::time::sleep(AGAIN).await;
            // What waited for the old line is late by now: its session sends it again.
            while outgoing.try_recv().is_ok() {}
            if let Ok(stream) = open(&place).await {
                break stream;
            }
        };
    }
}

async fn read(from: &mut (impl AsyncRead + Unpin), incoming: &mpsc::Sender<Vec<u8>>) {
    let mut decoder = Box::new(Decoder::new());
    let mut buffer = [0; 1_024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        for byte in &buffer[..length] {
            if let Some(frame) = decoder.push(*byte)
                && frame.len() <= FRAME_LIMIT
            {
                // One too many is lost: what it belongs to sends it again.
                let _ = incoming.try_send(frame.to_vec());
            }
        }
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), outgoing: &mut mpsc::Receiver<Vec<u8>>) {
    let mut room = [0; ENCODED];
    while let Some(frame) = outgoing.recv().await {
        let Some(encoded) = serial::encode(&frame, &[], &mut room) else { continue };
        if to.write_all(encoded).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_port_with_or_without_its_speed_or_a_connection() {
        let read = |text: &str| text.parse::<Place>().map(|place| place.to_string());
        assert_eq!(read("/dev/ttyUSB0").as_deref(), Ok("/dev/ttyUSB0@115200"));
        assert_eq!(read("/dev/ttyACM1@921600").as_deref(), Ok("/dev/ttyACM1@921600"));
        assert_eq!(read("tcp:127.0.0.1:4000").as_deref(), Ok("tcp:127.0.0.1:4000"));
        for wrong in ["", "@9600", "/dev/x@fast", "tcp:localhost", "tcp:127.0.0.1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn frames_cross_a_line_and_go_on_when_it_has_broken() {
        let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let place = Place::Tcp(port.local_addr().expect("bound"));
        let opened = tokio::spawn(Line::open(place));
        for round in 0..3_u8 {
            let (mut far, _) = port.accept().await.expect("it comes again");
            if round == 0 {
                continue;
            }
            // Noise, a frame, and half of another.
            let mut room = [0; ENCODED];
            let encoded = serial::encode(&[round; 100], &[], &mut room).expect("short").to_vec();
            far.write_all(&[7, 7, 0]).await.expect("open");
            far.write_all(&encoded).await.expect("open");
            far.write_all(&encoded[..20]).await.expect("open");
            far.flush().await.expect("open");
            if round == 2 {
                let line = opened.await.expect("no panic").expect("it was there");
                let mut buffer = [0; FRAME_LIMIT];
                for expected in 1..=2 {
                    let length = line.next(&mut buffer).await;
                    assert_eq!(buffer[..length], [expected; 100]);
                }
                assert!(line.send(&[9; 30]));
                let mut decoder = Decoder::new();
                let mut byte = [0];
                loop {
                    far.read_exact(&mut byte).await.expect("open");
                    if let Some(frame) = decoder.push(byte[0]) {
                        assert_eq!(frame, [9; 30]);
                        return;
                    }
                }
            }
        }
    }
}
