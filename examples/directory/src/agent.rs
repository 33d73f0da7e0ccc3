//! An agent that asks directory nodes by the client's side of the directory: work, quorums, and a judge of every record.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use iacp_core::crypto::{Secret32, Suite};
use iacp_core::directory::client::{self, BINDING, Found, NodeRecords, QUESTION, Reader, Reading, Writing};
use iacp_core::directory::quorum::{Progress, Question};
use iacp_core::directory::work::Worker;
use iacp_core::directory::{Class, Judgement, Kind, Origin, judge, sign};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::ticket::{Issuer, Opener, query, storage_key};
use iacp_core::governance::malfeasance::accuse;
use iacp_core::identity::Identity;
use iacp_core::pss::TicketKey;
use iacp_core::time::Mono;
use iacp_wire::layout::{Record, Revocation};
use iacp_wire::message::{DirPut, ErpRegister, Evidence, HeaderFragment, MigrationVector};
use iacp_wire::{DhtKey, Eid, Frame, Locator, Message, MigrationVectorTlv, Signature, TlvWriter, TransactionId};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use zerocopy::IntoBytes as _;

use crate::Chosen;
use crate::clock::Clocks;
use crate::node::Overlay;

/// The most bits that an agent works for.
const PATIENCE: u32 = 24;
/// The cipher of the tickets here.
const SUITE: Suite = Suite::ChaCha20Poly1305;

/// Nodes that an agent asks: an odd one among them neither hides nor invents anything.
pub type Gateways = Vec<(Eid, SocketAddr)>;

/// An agent at one address.
pub struct Agent {
    me: Identity<Chosen>,
    seed: [u8; 32],
    socket: UdpSocket,
    clocks: Clocks,
    generation: u64,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A quorum of the nodes that were asked confirmed it.
    Done,
    /// A node refused it with this status, and no quorum confirmed it.
    Refused(u32),
    /// Neither within the time.
    Silence,
}

fn frame(message: Message<'_>) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 1_200];
    let length = Frame::new(message).write(&mut bytes).map_err(|error| anyhow!("a frame: {error}"))?;
    bytes.truncate(length);
    Ok(bytes)
}

fn record(kind: Kind, key: DhtKey, body: &[u8]) -> Record<'_> {
    Record { kind: kind as u8, storage_key: key, expiry: u64::MAX, body }
}

/// Works for a request, off the thread of the nodes.
async fn worked(class: Class, key: DhtKey, bits: u32, clocks: &Clocks, inner: &[u8]) -> Result<Vec<u8>> {
    if bits > PATIENCE {
        bail!("a node asks for {bits} bits of work");
    }
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce)?;
    let (bits, now) = (u8::try_from(bits)?, clocks.now().unix);
    let mut worker = Worker::new::<Chosen>(class, key, bits, now, u64::from_be_bytes(nonce), inner);
    loop {
        if let Some(head) = worker.step(1 << 12) {
            return frame(Message::WorkedRequest { head: &head, inner });
        }
        tokio::task::yield_now().await;
    }
}

impl Agent {
    /// An agent of a seed at an address.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn new(seed: [u8; 32], at: IpAddr, clocks: Clocks) -> Result<Self> {
        let socket = UdpSocket::bind((at, 0)).await.with_context(|| format!("a port at {at}"))?;
        Ok(Self { me: Identity::from_seed(&Secret32::new(seed)), seed, socket, clocks, generation: 0 })
    }

    /// Its EID.
    #[must_use]
    pub const fn eid(&self) -> Eid {
        self.me.eid()
    }

    /// The generation of its last binding.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Goes on behind a generation that it used before.
    pub const fn continue_from(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// Where it is.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn at(&self) -> Result<IpAddr> {
        Ok(self.socket.local_addr()?.ip())
    }

    fn mono(&self) -> Mono {
        Mono(self.clocks.elapsed())
    }

    /// The next datagram of a node before `until`: which node, and how long it is.
    async fn next(&self, until: Mono, nodes: &Gateways, buffer: &mut [u8]) -> Option<(Eid, usize)> {
        let wait = Duration::from_millis(until.0.saturating_sub(self.mono().0).max(1));
        let (length, from) = timeout(wait, self.socket.recv_from(buffer)).await.ok()?.ok()?;
        nodes.iter().find(|(_, at)| *at == from).map(|(eid, _)| (*eid, length))
    }

    /// Writes a record by a frame of its owner.
    async fn write(&self, inner: &[u8], class: Class, record: &Record<'_>, nodes: &Gateways) -> Result<Written> {
        let eids: Vec<Eid> = nodes.iter().map(|(eid, _)| *eid).collect();
        let mut write = Writing::new(self.mono(), &eids).context("one to seven nodes")?;
        let mut sent: BTreeMap<Eid, Vec<u8>> = BTreeMap::new();
        let (mut datagram, mut buffer) = (inner.to_vec(), [0; 1_500]);
        loop {
            while let Some(eid) = write.poll(self.mono()) {
                let Some((_, at)) = nodes.iter().find(|(node, _)| *node == eid) else { continue };
                sent.insert(eid, datagram.clone());
                self.socket.send_to(&datagram, at).await?;
            }
            match write.progress() {
                client::Written::Waiting | client::Written::Work(_) => {}
                client::Written::Done => return Ok(Written::Done),
                client::Written::Refused(status) => return Ok(Written::Refused(status)),
                client::Written::Failed => return Ok(Written::Silence),
            }
            let Some(until) = write.next_deadline() else { continue };
            let Some((eid, length)) = self.next(until, nodes, &mut buffer).await else { continue };
            let Some(last) = sent.get(&eid) else { continue };
            let heard = write.heard::<Chosen>(&eid, buffer.get(..length).unwrap_or_default(), last, record);
            if let client::Written::Work(bits) = heard {
                // One proof serves all nodes.
                datagram = worked(class, record.storage_key, bits, &self.clocks, inner).await?;
                write.worked(self.mono());
            }
        }
    }

    /// Registers where it is, under its next generation.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn register(&mut self, nodes: &Gateways) -> Result<Written> {
        self.generation += 1;
        let binding = Binding::sign(&self.me, Locator::from(self.at()?), self.generation).to_register();
        self.bind(&binding, nodes).await
    }

    async fn bind(&self, binding: &ErpRegister, nodes: &Gateways) -> Result<Written> {
        let key = storage_key::<Chosen>(&binding.source_eid);
        let inner = frame(Message::ErpRegister(binding))?;
        self.write(&inner, Class::Identities, &record(Kind::Binding, key, binding.as_bytes()), nodes).await
    }

    /// Sends the binding of its last generation again: it lives for two more hours.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn refresh(&self, nodes: &Gateways) -> Result<Written> {
        let binding = Binding::sign(&self.me, Locator::from(self.at()?), self.generation).to_register();
        self.bind(&binding, nodes).await
    }

    /// Moves to another address by a MIGRATION_VECTOR from there.
    ///
    /// # Errors
    /// The address cannot be bound, or the socket fails.
    pub async fn migrate(&mut self, to: IpAddr, nodes: &Gateways) -> Result<Written> {
        let from = self.at()?;
        self.socket = UdpSocket::bind((to, 0)).await.with_context(|| format!("a port at {to}"))?;
        self.generation += 1;
        let binding = Binding::sign(&self.me, Locator::from(to), self.generation).to_register();
        let vector = MigrationVector {
            source_eid: binding.source_eid,
            generation_counter: binding.generation_counter,
            signature: binding.signature,
        };
        let mut buffer = [0; 64];
        let mut tlvs = TlvWriter::new(&mut buffer);
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce)?;
        let tlv = MigrationVectorTlv { code: 0x17, previous: from, current: to, nonce };
        tlvs.migration_vector(&tlv).map_err(|error| anyhow!("a TLV: {error}"))?;
        let tlvs = tlvs.finish().map_err(|error| anyhow!("a TLV: {error}"))?;
        let mut inner = vec![0; 400];
        let sent = Frame { tlvs, ..Frame::new(Message::MigrationVector(&vector)) };
        let length = sent.write(&mut inner).map_err(|error| anyhow!("a frame: {error}"))?;
        inner.truncate(length);
        let key = storage_key::<Chosen>(&binding.source_eid);
        self.write(&inner, Class::Identities, &record(Kind::Binding, key, binding.as_bytes()), nodes).await
    }

    /// The offence: a second place under the last generation, said from there.
    ///
    /// # Errors
    /// The address cannot be bound, or the socket fails.
    pub async fn equivocate(&self, to: IpAddr, nodes: &Gateways) -> Result<Written> {
        let mut twin = Self::new(self.seed, to, self.clocks.clone()).await?;
        twin.generation = self.generation;
        twin.refresh(nodes).await
    }

    /// Leaves a Forwarding Ticket for the peer that has the same key of a session: it leads to `at`.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn leave_ticket(&self, key: [u8; 32], at: SocketAddr, nodes: &Gateways) -> Result<Written> {
        let mut issuer = Issuer::new(TicketKey { key: Secret32::new(key), iv: [1, 2, 3, 4] }, SUITE);
        issuer.persisted(64);
        let ticket = issuer.issue(&self.me, at).map_err(|error| anyhow!("a ticket: {error}"))?;
        let inner = frame(Message::DhtTicketStore(&ticket))?;
        let stored = record(Kind::Ticket, ticket.target_storage_key, ticket.as_bytes());
        self.write(&inner, Class::Identities, &stored, nodes).await
    }

    /// Where a peer says that it is, in the ticket that it left.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn follow_ticket(&self, owner: &Eid, key: [u8; 32], nodes: &Gateways) -> Result<Option<SocketAddr>> {
        let transaction_id = transaction()?;
        let question = frame(Message::DhtTicketQuery(&query::<Chosen>(owner, &self.eid(), transaction_id)))?;
        let mut opener = Opener::new(TicketKey { key: Secret32::new(key), iv: [1, 2, 3, 4] }, SUITE);
        let eids: Vec<Eid> = nodes.iter().map(|(eid, _)| *eid).collect();
        let mut asked = Question::new(self.mono(), &eids).context("one to seven nodes")?;
        let (mut at, mut buffer) = (None, [0; 1_500]);
        loop {
            while let Some(eid) = asked.poll(self.mono()) {
                let Some((_, at)) = nodes.iter().find(|(node, _)| *node == eid) else { continue };
                self.socket.send_to(&question, at).await?;
            }
            let Some(until) = asked.next_deadline() else { return Ok(at) };
            let Some((eid, length)) = self.next(until, nodes, &mut buffer).await else { continue };
            let Ok(answer) = Frame::parse(buffer.get(..length).unwrap_or_default()) else { continue };
            let Message::DhtTicketResp(ticket) = answer.message else { continue };
            // Of another question: its number is another one.
            if ticket.transaction_id == transaction_id {
                at = at.or(opener.open::<Chosen>(owner, ticket).ok());
                asked.answered(&eid);
            }
        }
    }

    /// Revokes its key, with all its generations.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn revoke(&self, nodes: &Gateways) -> Result<Written> {
        let mut body = Revocation {
            eid: self.eid(),
            first_invalid_generation: 0.into(),
            timestamp: self.clocks.now().unix.0.into(),
            signature: Signature::ZERO,
        };
        body.signature = sign(&self.me, Kind::Revocation, body.as_bytes().get(..48).unwrap_or_default(), &[]);
        let key = storage_key::<Chosen>(&self.eid());
        let stored = record(Kind::Revocation, key, body.as_bytes());
        let mut bytes = [0; 1_004];
        let length = stored.write(&mut bytes).map_err(|error| anyhow!("a record: {error}"))?;
        let head = DirPut { directory_node_eid: Eid::ZERO, timestamp: 0.into(), signature: Signature::ZERO };
        let inner = frame(Message::DirPut { head: &head, record: bytes.get(..length).unwrap_or_default() })?;
        self.write(&inner, Class::Identities, &stored, nodes).await
    }

    /// Accuses a key of two bindings.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn accuse(&self, pair: &(ErpRegister, ErpRegister), nodes: &Gateways) -> Result<Written> {
        let (one, other) = (HeaderFragment::from(&pair.0), HeaderFragment::from(&pair.1));
        let offender = pair.0.source_eid;
        let (head, evidence) = accuse(&self.me, offender, one, other, self.clocks.now().unix.0);
        let inner = frame(Message::ProofOfMal { head: &head, evidence: Some(Evidence::Bindings(&evidence)) })?;
        let key = storage_key::<Chosen>(&offender);
        let body = inner.get(4..).unwrap_or_default();
        self.write(&inner, Class::Identities, &record(Kind::Accusation, key, body), nodes).await
    }

    /// Two places under one generation, as the offender would sign them.
    #[must_use]
    pub fn contradiction(&self, one: IpAddr, other: IpAddr) -> (ErpRegister, ErpRegister) {
        let at = |ip: IpAddr| Binding::sign(&self.me, Locator::from(ip), self.generation).to_register();
        (at(one), at(other))
    }

    /// Looks up what stands under the key of an EID; `read` gets the first answer of each node, until a quorum has answered.
    async fn read(
        &self,
        eid: &Eid,
        kind: u8,
        nodes: &Gateways,
        mut read: impl FnMut(&NodeRecords<'_>),
    ) -> Result<Progress> {
        let eids: Vec<Eid> = nodes.iter().map(|(eid, _)| *eid).collect();
        let at = (Class::Identities, storage_key::<Chosen>(eid));
        let reading = Reading::new(self.mono(), &eids, at, kind, transaction()?);
        let mut reading = reading.context("one to seven nodes")?;
        let (mut question, mut buffer) = ([0; QUESTION], [0; 1_500]);
        reading.write(&mut question).map_err(|error| anyhow!("a frame: {error}"))?;
        loop {
            while let Some(eid) = reading.poll(self.mono()) {
                let Some((_, at)) = nodes.iter().find(|(node, _)| *node == eid) else { continue };
                self.socket.send_to(&question, at).await?;
            }
            let Some(until) = reading.next_deadline() else { return Ok(reading.progress()) };
            let Some((eid, length)) = self.next(until, nodes, &mut buffer).await else { continue };
            if let Some(answer) = reading.heard(&eid, buffer.get(..length).unwrap_or_default()) {
                read(&answer);
            }
        }
    }

    /// Looks an EID up: the newest binding in the answers of a quorum, each of them judged.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn find(&self, eid: &Eid, nodes: &Gateways, known: &Overlay) -> Result<Found> {
        let (mut found, now) = (Found::default(), self.clocks.now().unix);
        let voters = known.nearest(Class::Identities, &storage_key::<Chosen>(eid));
        let reader = Reader { nodes: &voters, airk: None };
        self.read(eid, BINDING, nodes, |answer| found.take::<Chosen>(now, answer, &reader)).await?;
        Ok(found)
    }

    /// Whether a verdict of a quorum says that a key is slashed, or that it is cleared; read and verified.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn verdict(&self, eid: &Eid, nodes: &Gateways, known: &Overlay) -> Result<Option<u8>> {
        let (mut outcome, now) = (None, self.clocks.now().unix);
        let voters = known.nearest(Class::Identities, &storage_key::<Chosen>(eid));
        let reader = Reader { nodes: &voters, airk: None };
        self.read(eid, Kind::Verdict as u8, nodes, |answer| {
            let is_verdict = |one: &Record<'_>| {
                one.kind == Kind::Verdict as u8
                    && matches!(judge::<Chosen>(now, Origin::Node, one, None, &reader), Judgement::Store { .. })
            };
            // A key that was cleared of one accusation may be convicted by another.
            let outcomes = answer.records().filter(is_verdict).filter_map(|one| one.body.get(64).copied());
            outcome = outcomes.chain(outcome).min();
        })
        .await?;
        Ok(outcome)
    }
}

fn transaction() -> Result<TransactionId> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)?;
    Ok(TransactionId(random))
}

/// A seed for number `number` of `what`, from the seed of a run.
#[must_use]
pub fn seed(run: u64, what: &str, number: usize) -> [u8; 32] {
    use iacp_core::crypto::Provider as _;
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    Chosen::sha256(&[b"directory demo\0", &run.to_be_bytes(), what.as_bytes(), &[0], &number.to_be_bytes()])
}
