//! An agent's end of its local channel: frames to the LL-Entity of a host, and what it says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use iacp_core::crypto::Secret32;
use iacp_core::erp::agent::Agent;
use iacp_core::erp::local::LocalStatus;
use iacp_core::erp::resume::ResumeRecord;
use iacp_core::pss::Capabilities;
use iacp_wire::message::{AaiRequest, ErpInit, ErpKeepalive, Local};
use iacp_wire::{Eid, Frame, IatField, InitializationNonce, Locator, Message};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use zeroize::{Zeroize, Zeroizing};

use crate::carrier::stream::{LOCAL_LIMIT, read_frame};
use crate::host::storage::{Folder, Run};
use crate::local::credentials::Credentials;
use crate::local::notice::{Notice, Status, What};

/// A host answers within this time, or is not there.
const PATIENCE: Duration = Duration::from_secs(10);
/// An agent shows that it lives this often: every 30 s is asked for, and a loaded machine may be late.
pub const KEEPALIVE: Duration = Duration::from_secs(20);
/// Bytes of content in one item.
pub const CONTENT: usize = 879;
/// The window of sessions that an agent of this program takes.
pub const WINDOW: u32 = 256;

/// What a session of items that go on after a loss has. Devices may have ChaCha20 alone.
const COLLECTED: Capabilities = Capabilities::RESUME.with(Capabilities::CHACHA20_POLY1305);

/// What a session that shares endpoints has.
const SHARING: Capabilities = Capabilities::ENDPOINTS.with(Capabilities::SFC).with(Capabilities::CHACHA20_POLY1305);

/// What an agent asks, as this program needs it (AAI_REQUEST, PROFILE 23.3).
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// Takes this many sessions at a time, and acknowledges what is CONSUMED.
    Listen {
        sessions: u32,
    },
    /// As LISTEN, for sessions whose items have numbers that outlive them (RESUME), with any cipher.
    Collect {
        sessions: u32,
    },
    /// Sessions that share endpoints, exclusive ones too.
    Follow {
        sessions: u32,
    },
    Open {
        peer: &'a Eid,
        at: Option<SocketAddr>,
    },
    /// A session that shares endpoints; an exclusive one has those of its pair alone.
    Share {
        peer: &'a Eid,
        at: Option<SocketAddr>,
        exclusive: bool,
    },
    /// Accepts the terms that were proposed.
    Accept,
    /// A new endpoint; in a session and without a tag, the own one of its pair.
    Endpoint {
        global: bool,
        tag: &'a [u8],
    },
    /// A value for an own endpoint, or in a session for one of the peer's.
    Write {
        coordinate: &'a [u8; 32],
        value: &'a [u8],
    },
    Grant {
        coordinate: &'a [u8; 32],
        rights: u16,
    },
    Subscribe {
        coordinate: &'a [u8; 32],
    },
    /// A session in which a line goes on.
    GoOn {
        peer: &'a Eid,
        at: SocketAddr,
        record: &'a [u8; ResumeRecord::LEN],
    },
    /// A line that a peer may name.
    Recall {
        record: &'a [u8; ResumeRecord::LEN],
    },
    Send {
        item: u64,
        content: &'a [u8],
    },
    Consumed {
        below: u64,
    },
    /// A record about the agent's own EID, for the directory.
    Deposit {
        kind: u8,
        body: &'a [u8],
    },
    Finish {
        items: u64,
    },
    Close,
    Abort,
    Ready,
    Rewind,
    Leave,
}

impl Ask<'_> {
    const fn op(self) -> u16 {
        match self {
            Self::Listen { .. } | Self::Collect { .. } | Self::Follow { .. } => 1,
            Self::Open { .. } | Self::Share { .. } | Self::GoOn { .. } => 2,
            Self::Send { .. } => 3,
            Self::Recall { .. } => 4,
            Self::Consumed { .. } => 5,
            Self::Accept => 6,
            Self::Finish { .. } => 7,
            Self::Close => 8,
            Self::Abort => 9,
            Self::Endpoint { .. } => 11,
            Self::Write { .. } => 12,
            Self::Grant { .. } => 15,
            Self::Subscribe { .. } => 16,
            Self::Deposit { .. } => 20,
            Self::Ready => 21,
            Self::Leave => 23,
            Self::Rewind => 24,
        }
    }

    fn arguments(self) -> Vec<u8> {
        match self {
            // Capabilities, rotation, lifetime, window, sessions, HOLD.
            Self::Listen { sessions } => [0, 0, 0, WINDOW, sessions, 1].map(u32::to_be_bytes).concat(),
            Self::Collect { sessions } => [COLLECTED.bits(), 0, 0, WINDOW, sessions, 1].map(u32::to_be_bytes).concat(),
            Self::Follow { sessions } => {
                let offer = SHARING.with(Capabilities::EXCLUSIVE).bits();
                [offer, 0, 0, WINDOW, sessions, 0].map(u32::to_be_bytes).concat()
            }
            Self::Open { peer, at } => open(peer, at, Capabilities::NONE),
            Self::Share { peer, at, exclusive: false } => open(peer, at, SHARING),
            Self::Share { peer, at, exclusive: true } => open(peer, at, SHARING.with(Capabilities::EXCLUSIVE)),
            // 1 is accept; the terms behind it are those of a counter-proposal.
            Self::Accept => [&[0, 1, 0, 0][..], &[0; 12]].concat(),
            Self::Endpoint { global, tag } => {
                let length = u8::try_from(tag.len()).unwrap_or(u8::MAX);
                [&[u8::from(global), length][..], &[0; 4], tag].concat()
            }
            Self::Write { coordinate, value } => [&coordinate[..], &[0; 8], value].concat(),
            Self::Grant { coordinate, rights } => [&coordinate[..], &rights.to_be_bytes(), &[0; 6]].concat(),
            Self::Subscribe { coordinate } => [&coordinate[..], &[1]].concat(),
            Self::GoOn { peer, at, record } => {
                let (ip, port) = (Locator::from(at.ip()), at.port().to_be_bytes());
                // HOLD: what has come is acknowledged when it is CONSUMED.
                [&peer.0[..], &ip.0, &port, &[0, 1], &COLLECTED.bits().to_be_bytes(), record].concat()
            }
            Self::Recall { record } => record.to_vec(),
            Self::Send { item, content } => [&item.to_be_bytes()[..], content].concat(),
            Self::Consumed { below } => below.to_be_bytes().to_vec(),
            Self::Deposit { kind, body } => [&[kind][..], body].concat(),
            Self::Finish { items } => items.to_be_bytes().to_vec(),
            // Reason 1: the task is complete. Reason 0: none is given.
            Self::Close => 1_u16.to_be_bytes().to_vec(),
            Self::Abort => 0_u16.to_be_bytes().to_vec(),
            Self::Ready => vec![1],
            Self::Rewind | Self::Leave => Vec::new(),
        }
    }
}

/// The arguments of OPEN, without HOLD and without a record.
fn open(peer: &Eid, at: Option<SocketAddr>, offer: Capabilities) -> Vec<u8> {
    let (ip, port) = at.map_or((Locator::ZERO, 0), |at| (Locator::from(at.ip()), at.port()));
    [&peer.0[..], &ip.0, &port.to_be_bytes(), &[0; 2], &offer.bits().to_be_bytes()].concat()
}

/// An agent's channel. Dropped, it is closed; the context lives on until it is purged.
pub struct Channel {
    writer: OwnedWriteHalf,
    notices: mpsc::UnboundedReceiver<Notice>,
    reader: AbortHandle,
    agent: Agent,
    /// The host, which need not be the one that the agent was started with.
    place: Folder,
    boot: String,
    /// The agent's context has ended here.
    unbound: bool,
    requests: u32,
    /// What came while an answer was awaited.
    stash: VecDeque<Notice>,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// What an agent finds when it comes to its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A context of its own, with a new EID.
    New,
    /// Its EID, and a new token. If the host was started again its sessions are gone; if another host has taken the context over,
    /// each session that goes on is told by OPENED.
    Restored,
    /// Its context, with all sessions.
    Alive,
}

impl Channel {
    /// Comes to the host of this folder, as the agent with these credentials if its context lives there, else as a new one. An
    /// agent whose context has moved comes to the host where it is now.
    pub async fn open(folder: &Folder, credentials: &mut Credentials) -> Result<(Self, Found)> {
        let folder = &credentials.place(folder)?;
        let run = folder.run()?;
        let none = || format!("no host runs in {} (agent host --state …)", folder.path().display());
        let silent = || format!("the host in {} does not answer", folder.path().display());
        if let Some(agent) = credentials.of_run(&run) {
            let stream = UnixStream::connect(folder.local()).await.with_context(none)?;
            let mut channel = Self::over(stream, agent, folder, &run);
            // A context that is gone does not answer.
            let number = channel.ask(0, Ask::Ready).await?;
            if tokio::time::timeout(PATIENCE, channel.answer(number)).await.is_ok_and(|answer| answer.is_ok()) {
                return Ok((channel, Found::Alive));
            }
        }
        let before = credentials.eid().map(str::to_owned);
        let nonce = credentials.nonce();
        let stream = UnixStream::connect(folder.local()).await.with_context(none)?;
        let (stream, agent) = tokio::time::timeout(PATIENCE, begin(stream, &nonce)).await.with_context(silent)??;
        credentials.write(&nonce, &agent, &run)?;
        let found = if before == Some(hex::encode(agent.eid().0)) { Found::Restored } else { Found::New };
        let mut channel = Self::over(stream, agent, folder, &run);
        if found == Found::Restored {
            // A host that has taken a context over holds back what comes for it until its agent is here.
            channel.settle(Ask::Ready).await?;
        }
        Ok((channel, found))
    }

    fn over(stream: UnixStream, agent: Agent, place: &Folder, run: &Run) -> Self {
        let (reader, writer) = stream.into_split();
        let (sender, notices) = mpsc::unbounded_channel();
        let reader = tokio::spawn(read(reader, agent.eid(), sender)).abort_handle();
        let (place, boot, stash) = (place.clone(), run.boot.clone(), VecDeque::new());
        Self { writer, notices, reader, agent, place, boot, unbound: false, requests: 0, stash }
    }

    pub const fn eid(&self) -> Eid {
        self.agent.eid()
    }

    /// Where the host of this agent is.
    pub const fn place(&self) -> &Folder {
        &self.place
    }

    /// Whether the agent was told that its context has ended here.
    pub const fn is_unbound(&self) -> bool {
        self.unbound
    }

    /// A session with this peer that goes on on this host, and the next item to send: it was told before anything was asked here.
    pub fn goes_on(&mut self, peer: &Eid) -> Option<(u64, u64)> {
        let (place, found) = self.stash.iter().enumerate().find_map(|(place, notice)| match notice.what {
            What::Opened { peer: of, resumed: true, first_to_send, .. } if of == *peer => {
                Some((place, (notice.session, first_to_send)))
            }
            _ => None,
        })?;
        self.stash.remove(place);
        Some(found)
    }

    /// Which run of the host this is.
    pub fn boot(&self) -> &str {
        &self.boot
    }

    /// Asks something; returns its number, which the RESULT repeats. A call must not be given up in the middle.
    ///
    /// # Errors
    /// The channel is broken.
    pub async fn ask(&mut self, session: u64, ask: Ask<'_>) -> Result<u32> {
        self.requests = self.requests.wrapping_add(1).max(1);
        self.ask_as(self.requests, session, ask).await?;
        Ok(self.requests)
    }

    /// Asks something that is answered only if it is refused.
    ///
    /// # Errors
    /// The channel is broken.
    pub async fn say(&mut self, session: u64, ask: Ask<'_>) -> Result<()> {
        self.ask_as(0, session, ask).await
    }

    // keeps: IACP-072 (§4.2.2.2)
    async fn ask_as(&mut self, request: u32, session: u64, ask: Ask<'_>) -> Result<()> {
        let arguments = ask.arguments();
        let head =
            AaiRequest { op: ask.op().into(), op_reserved: 0.into(), request: request.into(), session: session.into() };
        let mut inner = [0; LOCAL_LIMIT];
        let length = Frame::new(Message::AaiRequest { head: &head, arguments: &arguments }).write(&mut inner)?;
        let mut frame = Zeroizing::new([0; LOCAL_LIMIT]);
        let mut local = Local { eid: self.eid(), local_iat: IatField(*self.agent.iat().expose()) };
        let written = Frame::new(Message::Local { head: &local, inner: &inner[..length] }).write(frame.as_mut_slice());
        local.local_iat.0.zeroize();
        self.writer.write_all(&frame[..written?]).await.context("the host has gone")
    }

    /// Says that the agent lives.
    ///
    /// # Errors
    /// The channel is broken.
    pub async fn keep_alive(&mut self) -> Result<()> {
        let mut alive = ErpKeepalive { eid: self.eid(), local_iat: IatField(*self.agent.iat().expose()) };
        let mut frame = Zeroizing::new([0; 128]);
        let written = Frame::new(Message::ErpKeepalive(&alive)).write(frame.as_mut_slice());
        alive.local_iat.0.zeroize();
        self.writer.write_all(&frame[..written?]).await.context("the host has gone")
    }

    /// The next notice; `None` if the channel is broken. A call that is given up loses nothing.
    pub async fn next(&mut self) -> Option<Notice> {
        let notice = match self.stash.pop_front() {
            Some(notice) => notice,
            None => self.notices.recv().await?,
        };
        self.unbound |= notice.what == What::State { unbound: true };
        Some(notice)
    }

    /// One that is here already.
    pub fn try_next(&mut self) -> Option<Notice> {
        let notice = self.stash.pop_front().or_else(|| self.notices.try_recv().ok())?;
        self.unbound |= notice.what == What::State { unbound: true };
        Some(notice)
    }

    /// Waits for the RESULT of a request; what else comes meanwhile waits for [`Self::next`].
    async fn answer(&mut self, number: u32) -> Result<Result<(), Status>> {
        loop {
            let notice = self.notices.recv().await.context("the host has gone")?;
            match notice.what {
                What::Result { request, status, .. } if request == number => return Ok(status),
                _ => self.stash.push_back(notice),
            }
        }
    }

    /// Asks something and waits for what becomes of it.
    ///
    /// # Errors
    /// The channel is broken, or the host refuses.
    pub async fn settle(&mut self, ask: Ask<'_>) -> Result<()> {
        let number = self.ask(0, ask).await?;
        let answer =
            tokio::time::timeout(PATIENCE, self.answer(number)).await.context("the host does not answer")??;
        answer.map_err(|status| anyhow!("the host refuses: {}", words(status)))
    }
}

/// A status in words.
pub fn words(status: Status) -> String {
    match status {
        Status::Known(LocalStatus::NotFound) => {
            "this host has no such agent: name the address of the peer's host (EID@IP:PORT)".into()
        }
        Status::Known(status) => status.to_string(),
        Status::Unknown(code) => format!("status {code}"),
    }
}

/// ERP_INIT, and the ERP_ALLOC that brings EID and token.
// keeps: IACP-075 (§4.2.3.1)
async fn begin(mut stream: UnixStream, nonce: &[u8; 32]) -> Result<(UnixStream, Agent)> {
    let mut init = ErpInit { initialization_nonce: InitializationNonce(*nonce) };
    let mut frame = Zeroizing::new([0; 64]);
    let written = Frame::new(Message::ErpInit(&init)).write(frame.as_mut_slice());
    init.initialization_nonce.0.zeroize();
    stream.write_all(&frame[..written?]).await.context("the host has gone")?;
    loop {
        let answer = read_frame(&mut stream).await.context("the host has gone")?;
        let Some(answer) = answer.map(Zeroizing::new) else { bail!("the host has no local channel free, or has gone") };
        match Frame::parse(&answer).map(|frame| frame.message) {
            Ok(Message::ErpAlloc(alloc)) if alloc.initialization_nonce.0 == *nonce => {
                let fill = |to: &mut [u8; 32]| to.copy_from_slice(&alloc.local_iat.0);
                let agent = Agent::new(alloc.allocated_eid, Secret32::fill(fill));
                return Ok((stream, agent));
            }
            Ok(Message::Error(_)) => bail!("the host has no room for one more agent"),
            _ => {}
        }
    }
}

/// Takes in what the host says, as it comes: an agent that asks while notices wait must not stop both of them. How much can
/// wait is bounded by the windows of the agent's sessions.
async fn read(mut from: OwnedReadHalf, own: Eid, notices: mpsc::UnboundedSender<Notice>) {
    while let Ok(Some(frame)) = read_frame(&mut from).await {
        if let Some(notice) = Notice::parse(&frame, &own)
            && notices.send(notice).is_err()
        {
            return;
        }
    }
}
