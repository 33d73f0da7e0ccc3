//! The LL-Entity's side: the gate accepts or drops each frame of the sandbox, and streams that it accepts become
//! connections.

use std::collections::HashMap;
use std::time::Duration;

use iacp_core::dhi::pipeline::MAX_FLOAT_BUF;
use iacp_core::dhi::uri::Uri;
use iacp_core::erp::sandbox::{Egress, Gate};
use iacp_core::identity::EsdEid;
use iacp_core::scope::Scope;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::RETURN;
use crate::driver::Fetcher;

/// Bytes of one frame toward the sandbox.
const CHUNK: usize = 16_384;
/// How long one connection of the sandbox may take; others wait meanwhile.
const CONNECT: Duration = Duration::from_secs(3);
/// Answers that wait for the gate.
const WAITING: usize = 16;

/// What passed the gate.
#[derive(Clone, Debug, Default)]
pub struct Passage {
    /// The page that came back, if it did.
    pub returned: Option<Vec<u8>>,
    /// Where streams were opened to.
    pub opened: Vec<String>,
    /// The destinations of streams that were not allowed.
    pub refused: Vec<String>,
    /// Frames that were dropped in silence.
    pub dropped: u32,
}

/// What comes of a connection.
enum Back {
    /// This many bytes of the sandbox were forwarded.
    Passed(u32, u32),
    /// Bytes of the network, and whether they are the last.
    Bytes(u32, Vec<u8>, bool),
}

/// The gate, the derivative of one hand-off, and what it may reach.
pub struct Entity<'e, 'm> {
    /// The gate.
    pub gate: Gate<'m>,
    /// The derivative that is active.
    pub name: EsdEid,
    /// The narrowest scope that the sandbox reaches.
    pub least: Scope,
    /// For its clock and its names.
    pub fetcher: &'e Fetcher,
    /// Toward the container.
    pub answers: mpsc::Sender<Vec<u8>>,
}

impl Entity<'_, '_> {
    /// Serves one hand-off, until the page is back, the container is gone, or the derivative's seconds are over. All connections end
    /// with it.
    pub async fn run(mut self, mut frames: mpsc::Receiver<Vec<u8>>, seconds: u32) -> Passage {
        let mut passage = Passage::default();
        let life = Duration::from_secs(u64::from(seconds));
        // Whether the time ran out makes no difference here: the passage contains what came back.
        let _ = tokio::time::timeout(life, self.serve(&mut frames, &mut passage)).await;
        self.gate.retract(super::CONTEXT.0, &self.name.digest());
        passage
    }

    async fn serve(&mut self, frames: &mut mpsc::Receiver<Vec<u8>>, passage: &mut Passage) {
        let (to_gate, mut back) = mpsc::channel(WAITING);
        let (mut open, mut tasks) = (HashMap::new(), JoinSet::new());
        let mut returning: Option<(u32, Vec<u8>)> = None;
        loop {
            tokio::select! {
                frame = frames.recv() => {
                    let Some(frame) = frame else { return };
                    let now = self.fetcher.now();
                    let Ok(egress) = self.gate.take(now, &frame) else {
                        passage.dropped += 1;
                        continue;
                    };
                    let Egress { stream, url, bytes, ends, .. } = egress;
                    if url == Some(RETURN) {
                        returning = Some((stream, vec![]));
                    } else if let Some(url) = url {
                        let connected = tokio::time::timeout(CONNECT, self.connection(url)).await;
                        match connected.ok().flatten() {
                            Some(connected) => {
                                let (sender, receiver) = mpsc::unbounded_channel();
                                open.insert(stream, sender);
                                passage.opened.push(url.to_owned());
                                tasks.spawn(carry(stream, connected, receiver, to_gate.clone()));
                            }
                            None => {
                                passage.refused.push(url.to_owned());
                                self.answer(stream, &[], true).await;
                            }
                        }
                    }
                    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                    if let Some((_, page)) = returning.as_mut().filter(|(returning, _)| *returning == stream) {
                        page.extend_from_slice(bytes);
                        self.gate.passed(now, &self.name.digest(), stream, length);
                        if page.len() > usize::try_from(MAX_FLOAT_BUF).unwrap_or(usize::MAX) {
                            return;
                        }
                        if ends {
                            passage.returned = returning.map(|(_, page)| page);
                            return;
                        }
                    } else {
                        // What waits here is bounded by the gate: 1 MiB a stream.
                        let sent = open.get(&stream).is_some_and(|sender| sender.send(bytes.to_vec()).is_ok());
                        if !sent {
                            self.gate.passed(now, &self.name.digest(), stream, length);
                        }
                        if ends {
                            open.remove(&stream);
                        }
                    }
                }
                Some(from) = back.recv() => match from {
                    Back::Passed(stream, bytes) => self.gate.passed(self.fetcher.now(), &self.name.digest(), stream, bytes),
                    Back::Bytes(stream, bytes, ends) => self.answer(stream, &bytes, ends).await,
                },
            }
        }
    }

    async fn answer(&mut self, stream: u32, bytes: &[u8], ends: bool) {
        let mut frame = vec![0; bytes.len() + 64];
        let written = self.gate.answer(self.fetcher.now(), &self.name.digest(), stream, (bytes, ends), &mut frame);
        if let Ok(length) = written {
            frame.truncate(length);
            // A container that is gone gets nothing.
            let _ = self.answers.send(frame).await;
        }
    }

    /// A connection to the origin of a URL, unless it leads inwards. The address that is judged is the one that is used.
    async fn connection(&self, url: &str) -> Option<TcpStream> {
        let mut uri = Uri::EMPTY;
        uri.read(url).ok()?;
        let address = self.fetcher.addresses(uri.host()).await.first().copied()?;
        if Scope::of(address) < self.least {
            return None;
        }
        TcpStream::connect((address, uri.port())).await.ok()
    }
}

/// Bytes both ways, until both sides have ended.
async fn carry(
    stream: u32,
    connection: TcpStream,
    mut outward: mpsc::UnboundedReceiver<Vec<u8>>,
    back: mpsc::Sender<Back>,
) {
    let (mut reader, mut writer) = connection.into_split();
    let inward = async {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = reader.read(&mut chunk).await.unwrap_or(0);
            let bytes = chunk.get(..read).unwrap_or_default().to_vec();
            if back.send(Back::Bytes(stream, bytes, read == 0)).await.is_err() || read == 0 {
                return;
            }
        }
    };
    let send = async {
        while let Some(bytes) = outward.recv().await {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            if writer.write_all(&bytes).await.is_err() || back.send(Back::Passed(stream, length)).await.is_err() {
                return;
            }
        }
        // The other side may have closed already.
        let _ = writer.shutdown().await;
    };
    tokio::join!(inward, send);
}
