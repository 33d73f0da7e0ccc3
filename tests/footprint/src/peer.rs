//! What the host is to a program that talks: the peers of a node's sessions, or a list of datagrams.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, anyhow, bail};
use iacp_core::crypto::{ChaChaOnly, Secret32};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, Discard, Incoming, Received, Replied, Responder, Session, SessionEvent, Settings,
    TRANSMIT_BUFFER, TeardownReason, Terms,
};
use iacp_core::time::Mono;
use iacp_wire::{Eid, MessageType};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::qemu::Peer;

const CAPABILITIES: Capabilities = Capabilities::CHACHA20_POLY1305;
const WINDOW: u32 = 4;
/// Where the node is.
const NODE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4227);

type Agent = Identity<ChaChaOnly>;
type Link = Session<ChaChaOnly, 8192, { WINDOW as usize }>;

/// One peer of a node: an honest agent that sends back all data it gets, and ends its session when it is asked to.
struct Echo {
    agent: Agent,
    door: Responder<4>,
    link: Link,
}

/// The peers of a node's two sessions.
pub struct Echoes {
    node: Option<Eid>,
    peers: [Echo; 2],
    rng: ChaCha20Rng,
    now: u64,
    out: VecDeque<(u8, Vec<u8>)>,
    echoed: Vec<usize>,
}

impl Echoes {
    /// Two peers, the same in each run.
    #[must_use]
    pub fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(14);
        let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: WINDOW };
        let mut peer = |seed| Echo {
            agent: Agent::from_seed(&Secret32::new([seed; 32])),
            door: Responder::new(Settings { capabilities: CAPABILITIES, terms }, Mono(1_000), &mut rng),
            link: Link::IDLE,
        };
        let peers = [peer(2), peer(3)];
        Self { node: None, peers, rng, now: 1_000, out: VecDeque::new(), echoed: Vec::new() }
    }

    /// Bytes of all content that was sent back, in its order.
    #[must_use]
    pub fn echoed(&self) -> &[usize] {
        &self.echoed
    }

    fn receive(&mut self, number: u8, bytes: &mut [u8]) -> anyhow::Result<()> {
        let now = Mono(self.now);
        let Echo { agent, door, link } = &mut self.peers[usize::from(number)];
        // A PSS_INIT or a PSS_ACK is for the responder, as long as there is no session.
        if link.is_over()
            && let Ok(Incoming::Signed(signed)) = Incoming::parse(bytes)
        {
            let mut out = [0; TRANSMIT_BUFFER];
            match door.answer(now, agent, NODE, &signed, |_| Admission::Admit, &mut out) {
                Ok(Replied::Negotiate { length, .. }) => self.out.push_back((number, out[..length].to_vec())),
                _ => {
                    let accepted = door.accept(now, agent, NODE, &signed, &mut ());
                    let accepted = accepted.map_err(|discard| anyhow!("PSS_ACK: {discard:?}"))?;
                    link.accept(now, &accepted).map_err(|error| anyhow!("{error}"))?;
                }
            }
            return Ok(());
        }
        match link.handle(now, agent, NODE, bytes) {
            // A repeat is honest.
            Received::Taken | Received::Discarded(Discard::Duplicate) => {}
            Received::Data { kind, content, .. } => {
                self.echoed.push(content.len());
                link.send(now, kind, content).map_err(|error| anyhow!("{error}"))?;
            }
            Received::Discarded(discard) => bail!("a datagram is discarded: {discard:?}"),
        }
        while let Some(event) = link.poll_event() {
            if let SessionEvent::CloseRequested { .. } = event {
                link.close(now, TeardownReason::TaskComplete).map_err(|error| anyhow!("{error}"))?;
            }
        }
        Ok(())
    }
}

impl Default for Echoes {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes of an even number of hexadecimal digits.
pub(crate) fn bytes(hex: &str) -> anyhow::Result<Vec<u8>> {
    let byte = |at| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).context("no hexadecimal");
    (0..hex.len()).step_by(2).map(byte).collect()
}

impl Peer for Echoes {
    fn hear(&mut self, words: &[&str]) -> anyhow::Result<()> {
        let [what, number, rest @ ..] = words else { bail!("an unexpected line: {words:?}") };
        let number: u8 = number.parse()?;
        let mut bytes = bytes(rest.first().copied().unwrap_or_default())?;
        let peer = self.peers.get_mut(usize::from(number)).context("no such peer")?;
        match *what {
            "eid" => self.node = Some(Eid(bytes.as_slice().try_into()?)),
            // The node begins, and needs to know with which peer.
            "initiate" => self.out.push_back((number, peer.agent.eid().0.to_vec())),
            "respond" => {
                let node = self.node.context("no EID of the node")?;
                let begun = peer.link.initiate(Mono(self.now), &peer.agent, node, NODE, CAPABILITIES, &mut self.rng);
                begun.map_err(|error| anyhow!("{error}"))?;
            }
            "datagram" => self.receive(number, &mut bytes)?,
            _ => bail!("an unexpected line: {words:?}"),
        }
        Ok(())
    }

    fn ask(&mut self, now: u64) -> anyhow::Result<Option<(u8, Vec<u8>)>> {
        self.now = now;
        for (number, Echo { agent, link, .. }) in (0..).zip(&mut self.peers) {
            if link.next_deadline().is_some_and(|(at, _)| at.0 <= now) {
                link.handle_deadline(Mono(now), agent, &mut self.rng).map_err(|error| anyhow!("{error}"))?;
            }
            let mut buffer = [0; TRANSMIT_BUFFER];
            while let Some(transmit) = link.poll_transmit(Mono(now), &mut buffer).map_err(|error| anyhow!("{error}"))? {
                self.out.push_back((number, transmit.bytes.to_vec()));
            }
        }
        Ok(self.out.pop_front())
    }
}

/// Datagrams, one after the other, and what the program said of each.
#[derive(Default)]
pub struct List {
    datagrams: VecDeque<Vec<u8>>,
    /// Whether the program held each for true, where it said that.
    pub verdicts: Vec<bool>,
}

impl List {
    /// The frame of each kind of message in `docs/vectors.json`.
    ///
    /// # Errors
    /// The file is malformed.
    pub fn frames() -> anyhow::Result<Self> {
        let vectors: serde_json::Value = serde_json::from_str(include_str!("../../../docs/vectors.json"))?;
        let mut list = Self::default();
        for frame in vectors["frames"].as_array().context("no frames")? {
            let name = frame["message"].as_str().context("no name")?;
            // What is no frame, but lies in one or around one, stands there too.
            if MessageType::ALL.iter().any(|kind| kind.name() == name) {
                list.datagrams.push_back(bytes(frame["hex"].as_str().context("no bytes")?)?);
            }
        }
        Ok(list)
    }

    /// The vectors of strict verification, and for each whether it is to be accepted.
    ///
    /// # Errors
    /// The file is malformed.
    pub fn strict() -> anyhow::Result<(Self, Vec<bool>)> {
        let (mut list, mut expected) = (Self::default(), Vec::new());
        for line in include_str!("../../providers/vectors/strict.txt").lines() {
            let fields: Vec<_> = line.split(" # ").next().context("no fields")?.split(' ').collect();
            let [verdict, _, public, signature, message] = fields[..] else { bail!("a malformed line: {line}") };
            list.datagrams.push_back([bytes(public)?, bytes(signature)?, bytes(message)?].concat());
            expected.push(verdict == "accept");
        }
        Ok((list, expected))
    }
}

impl Peer for List {
    fn hear(&mut self, words: &[&str]) -> anyhow::Result<()> {
        let ["verdict", number, holds] = words else { bail!("an unexpected line: {words:?}") };
        if number.parse() != Ok(self.verdicts.len()) {
            bail!("verdict {number} after {}", self.verdicts.len());
        }
        self.verdicts.push(*holds == "1");
        Ok(())
    }

    fn ask(&mut self, _: u64) -> anyhow::Result<Option<(u8, Vec<u8>)>> {
        Ok(self.datagrams.pop_front().map(|datagram| (0, datagram)))
    }
}
