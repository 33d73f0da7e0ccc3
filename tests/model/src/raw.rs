//! A peer made of raw frames, written from PROFILE 5.10 alone: it keeps all rules, or breaks a single one.

use iacp_core::crypto::{Provider, Secret32, Suite};

use crate::frame::{Frame, HEARTBEATS, SEALED_AT};
use crate::provider::Fast;

/// A rule that a peer can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The sender renews its key after an echo of a heartbeat that it sealed under the present generation.
    WaitsForEcho,
    /// The sender renews its key when everything that it had sealed when that echo came is acknowledged.
    WaitsForTail,
    /// The receiver keeps the older key until everything before the first heartbeat of the newer one has come.
    KeepsOlderKey,
    /// The receiver remembers what has come already.
    KnowsWhatCame,
    /// Its heartbeats state truly what its application sent.
    SaysWhatWasSent,
    /// Each heartbeat has a number of its own.
    CountsHeartbeats,
    /// It echoes heartbeats.
    Echoes,
    /// It echoes no heartbeat that it has not taken.
    EchoesWhatCame,
    /// It acknowledges what has come.
    Acknowledges,
}

/// What the peer made of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Data with this sequence number, for the first time.
    Data(u64),
    /// The newest heartbeat so far.
    Heartbeat,
    /// Data that is here, or an older heartbeat.
    Old,
    /// No key for it.
    Refused,
}

/// One direction's secret, by generation.
struct Secret {
    bytes: [u8; 32],
    labels: [&'static [u8]; 2],
}

impl Secret {
    fn next(&self) -> Self {
        let next = Fast::hkdf_expand_key(&Secret32::new(self.bytes), self.labels[1]);
        Self { bytes: *next.expose(), labels: self.labels }
    }

    fn cipher(&self) -> <Fast as Provider>::Cipher {
        Fast::cipher(Suite::Aes256Gcm, &Fast::hkdf_expand_key(&Secret32::new(self.bytes), self.labels[0]))
    }
}

/// The peer. Sequence numbers are whole.
pub struct Raw {
    breaks: Option<Rule>,
    header: [u8; 16],
    sending: Secret,
    send_iv: u32,
    generation: u32,
    send_chain: [u8; 32],
    next: u64,
    acknowledged: u64,
    /// All data frames so far.
    log: Vec<Vec<u8>>,
    own: u64,
    heartbeats: u64,
    first_of_generation: u64,
    renewable: Option<u64>,
    receiving: Secret,
    receive_iv: u32,
    low: u32,
    ahead: bool,
    /// The chain at each sequence number from the peer's first one on, as far as all before it has come.
    receive_chains: Vec<[u8; 32]>,
    first: u64,
    tags: Vec<Option<[u8; 16]>>,
    echo: u64,
    leaving: Option<u64>,
}

fn expand(prk: &Secret32, label: &str) -> [u8; 32] {
    *Fast::hkdf_expand_key(prk, label.as_bytes()).expose()
}

/// The first four bytes of one side's nonces in generation 0.
#[must_use]
pub fn first_iv(prk: &Secret32, initiator: bool) -> u32 {
    first_four(&expand(prk, if initiator { "IACP/1 iv i2r" } else { "IACP/1 iv r2i" }))
}

fn first_four(block: &[u8; 32]) -> u32 {
    u32::from_be_bytes(block[..4].try_into().expect("4 bytes"))
}

impl Raw {
    /// Takes the seat of the initiator, or of the responder, of a session with this PRK: the initial sequence numbers of
    /// both sides, and how many heartbeats were sealed and taken.
    #[must_use]
    pub fn new(
        breaks: Option<Rule>,
        initiator: bool,
        cookies: [[u8; 8]; 2],
        own: u64,
        peer: u64,
        prk: &Secret32,
    ) -> Self {
        const KEYS: [[&[u8]; 2]; 2] =
            [[b"IACP/1 key i2r", b"IACP/1 update i2r"], [b"IACP/1 key r2i", b"IACP/1 update r2i"]];
        let (out, back) = if initiator { (0, 1) } else { (1, 0) };
        let name = |way: usize| ["i2r", "r2i"][way];
        let mut header = [0; 16];
        header[..8].copy_from_slice(&cookies[1]);
        header[8..].copy_from_slice(&cookies[0]);
        Self {
            breaks,
            header,
            sending: Secret { bytes: *prk.expose(), labels: KEYS[out] },
            send_iv: first_iv(prk, initiator),
            generation: 0,
            send_chain: expand(prk, &format!("IACP/1 chain {}", name(out))),
            next: own,
            acknowledged: own,
            log: Vec::new(),
            own,
            heartbeats: 0,
            first_of_generation: 0,
            renewable: None,
            receiving: Secret { bytes: *prk.expose(), labels: KEYS[back] },
            receive_iv: first_iv(prk, !initiator),
            low: 0,
            ahead: false,
            receive_chains: vec![expand(prk, &format!("IACP/1 chain {}", name(back)))],
            first: peer,
            tags: Vec::new(),
            echo: 0,
            leaving: None,
        }
    }

    /// The sending generation, and the newest one that was opened.
    #[must_use]
    pub const fn generations(&self) -> (u32, u32) {
        (self.generation, self.low + self.ahead as u32)
    }

    /// Sequence numbers that are sealed and not acknowledged: from, and up to but not including.
    #[must_use]
    pub const fn unacknowledged(&self) -> (u64, u64) {
        (self.acknowledged, self.next)
    }

    /// The lowest sequence number that has not come.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.first + self.receive_chains.len() as u64 - 1
    }

    fn keeps(&self, rule: Rule) -> bool {
        self.breaks != Some(rule)
    }

    fn seal(&self, sequence: u64, kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(16 + 8 + 12 + 33 + content.len() + 16).expect("short").to_be_bytes();
        let head = [&[0x10, 0xB1, length[0], length[1]][..], &self.header, &sequence.to_be_bytes()].concat();
        let iv = self.send_iv.wrapping_add(self.generation).to_be_bytes();
        let nonce: [u8; 12] = [&iv[..], &sequence.to_be_bytes()].concat().try_into().expect("12 bytes");
        let mut sealed = [&self.send_chain[..], &[kind], content].concat();
        let tag = Fast::seal(&self.sending.cipher(), &nonce, &head, &mut sealed);
        [&head[..], &nonce, &sealed, &tag].concat()
    }

    /// Seals the next data frame.
    pub fn data(&mut self, content: &[u8]) -> Vec<u8> {
        let content = if self.keeps(Rule::SaysWhatWasSent) { content } else { b"another one" };
        let frame = self.seal(self.next, 0, content);
        self.send_chain = Fast::sha256(&[&self.send_chain, &frame[frame.len() - 16..]]);
        self.next += 1;
        self.log.push(frame.clone());
        frame
    }

    /// The data frames that are not acknowledged.
    #[must_use]
    pub fn repeat(&self) -> Vec<Vec<u8>> {
        self.log.iter().skip(usize::try_from(self.acknowledged - self.own).expect("short")).cloned().collect()
    }

    /// Seals a heartbeat that asks for an answer.
    pub fn heartbeat(&mut self) -> Vec<u8> {
        let expected = if self.keeps(Rule::Acknowledges) { self.expected() } else { self.first };
        let chain = &self.receive_chains[usize::try_from(expected - self.first).expect("short")];
        let echo = match self.echo {
            _ if !self.keeps(Rule::Echoes) => 0,
            echo if !self.keeps(Rule::EchoesWhatCame) => echo + 100,
            echo => echo,
        };
        let content =
            [&(self.next | HEARTBEATS).to_be_bytes()[..], &expected.to_be_bytes(), chain, &echo.to_be_bytes()].concat();
        let frame = self.seal(HEARTBEATS + self.heartbeats, 3, &content);
        if self.keeps(Rule::CountsHeartbeats) {
            self.heartbeats += 1;
        }
        frame
    }

    /// Whether the sending key may be renewed, as far as this peer keeps the rules.
    #[must_use]
    pub fn may_renew(&self) -> bool {
        match self.renewable {
            None => !self.keeps(Rule::WaitsForEcho),
            Some(tail) => !self.keeps(Rule::WaitsForTail) || self.acknowledged >= tail,
        }
    }

    /// Renews the sending key.
    pub fn renew(&mut self) {
        self.sending = self.sending.next();
        self.generation += 1;
        (self.first_of_generation, self.renewable) = (self.heartbeats, None);
    }

    /// Takes a frame.
    pub fn take(&mut self, bytes: &[u8]) -> Taken {
        let Some(frame) = Frame::read(bytes) else { return Taken::Refused };
        let place = usize::try_from(frame.sequence().wrapping_sub(self.first)).unwrap_or(usize::MAX);
        let known = match frame.heartbeat() {
            Some(_) => frame.sequence() <= self.echo,
            None => frame.sequence() < self.first || self.tags.get(place).is_some_and(Option::is_some),
        };
        if known && self.keeps(Rule::KnowsWhatCame) {
            return Taken::Old;
        }
        let ahead = match frame.iv().wrapping_sub(self.receive_iv).wrapping_sub(self.low) {
            0 => false,
            1 => true,
            _ => return Taken::Refused,
        };
        let cipher = if ahead { self.receiving.next().cipher() } else { self.receiving.cipher() };
        let mut sealed = bytes[SEALED_AT..bytes.len() - 16].to_vec();
        let tag = bytes[bytes.len() - 16..].try_into().expect("16 bytes");
        if Fast::open(&cipher, &frame.nonce(), &bytes[..28], &mut sealed, &tag).is_err() {
            return Taken::Refused;
        }
        self.ahead |= ahead;
        let taken = if frame.heartbeat().is_some() {
            self.hear(frame, ahead);
            Taken::Heartbeat
        } else {
            self.tags.resize(self.tags.len().max(place + 1), None);
            self.tags[place] = Some(tag);
            while let Some(Some(tag)) = self.tags.get(self.receive_chains.len() - 1) {
                let chain = self.receive_chains.last().expect("the first one is always there");
                self.receive_chains.push(Fast::sha256(&[chain, tag]));
            }
            Taken::Data(frame.sequence())
        };
        let early = !self.keeps(Rule::KeepsOlderKey);
        if self.leaving.is_some_and(|sequence| early || self.expected() >= sequence) {
            self.receiving = self.receiving.next();
            (self.low, self.ahead, self.leaving) = (self.low + 1, false, None);
        }
        taken
    }

    fn hear(&mut self, frame: Frame<'_>, ahead: bool) {
        self.echo = frame.sequence();
        self.acknowledged = self.acknowledged.max(frame.expected());
        if self.renewable.is_none() && frame.echo() >= HEARTBEATS + self.first_of_generation {
            self.renewable = Some(self.next);
        }
        if ahead && self.leaving.is_none() {
            self.leaving = Some(frame.next_send().0);
        }
    }
}
