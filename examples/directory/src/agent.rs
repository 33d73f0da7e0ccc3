//! An agent that asks directory nodes by the client's side of the directory: work, quorums, and a judge of every record.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use iacp_core::crypto::{Secret32, Suite};
use iacp_core::directory::node::Trust as _;
use iacp_core::directory::quorum::{Progress, Question};
use iacp_core::directory::work::Worker;
use iacp_core::directory::{Answered, Class, Facts, Judgement, Kind, Origin, Voters, answered, judge, name, sign};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::ticket::{Issuer, Opener, query, storage_key};
use iacp_core::governance::malfeasance::accuse;
use iacp_core::identity::Identity;
use iacp_core::pss::TicketKey;
use iacp_core::time::Mono;
use iacp_wire::layout::{Record, Revocation};
use iacp_wire::message::{DirGet, DirPut, ErpRegister, Evidence, HeaderFragment, MigrationVector};
use iacp_wire::{
    DhtKey, Digest, Eid, Frame, Locator, Message, MigrationVectorTlv, Signature, TlvWriter, TransactionId,
};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use zerocopy::{FromBytes as _, IntoBytes as _};

use crate::Chosen;
use crate::clock::Clocks;
use crate::node::Overlay;

/// ERROR WORK_TOO_LOW.
const WORK_TOO_LOW: u16 = 2;
/// The most bits that an agent works for.
const PATIENCE: u32 = 24;
/// The flag of a DIR_ANSWER for a slashed key: a hint.
pub const SLASHED: u16 = 0x0002;
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

/// What a look-up found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The newest binding that a node had and that holds.
    pub binding: Option<ErpRegister>,
    /// Two bindings of one generation at two places: no honest key signs both.
    pub pair: Option<(ErpRegister, ErpRegister)>,
    /// How many nodes called the key slashed.
    pub slashed: usize,
    /// How many nodes answered.
    pub answers: usize,
}

/// What a reader knows besides the record: which of the known nodes vote.
struct Reader<'o>(&'o Overlay);

impl Facts for Reader<'_> {
    fn airk(&self, _: &Eid) -> Option<Eid> {
        None
    }
    fn first_invalid(&self, _: &Eid) -> Option<u64> {
        None
    }
    fn is_slashed(&self, _: &Eid) -> bool {
        false
    }
    fn is_challenged(&self, _: &Eid) -> bool {
        false
    }
    fn path_key(&self, _: &name::Path<'_>) -> Option<Eid> {
        None
    }
    fn root_before(&self, _: &name::Path<'_>, _: u64) -> Option<(Eid, Digest)> {
        None
    }
    fn paid(&self, _: &name::Root<'_>) -> bool {
        false
    }
    fn voters(&self, class: Class, key: &DhtKey) -> Voters {
        self.0.responsible(class, key).unwrap_or_default()
    }
}

fn frame(message: Message<'_>) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 1_200];
    let length = Frame::new(message).write(&mut bytes).map_err(|error| anyhow!("a frame: {error}"))?;
    bytes.truncate(length);
    Ok(bytes)
}

fn fragment(binding: &ErpRegister) -> HeaderFragment {
    HeaderFragment {
        ip: binding.current_transport_ip,
        generation_counter: binding.generation_counter,
        signature: binding.signature,
    }
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

    /// Writes a record by a frame of its owner.
    async fn write(&self, inner: &[u8], class: Class, record: &Record<'_>, nodes: &Gateways) -> Result<Written> {
        let mono = || Mono(self.clocks.elapsed());
        let eids: Vec<Eid> = nodes.iter().map(|(eid, _)| *eid).collect();
        let mut question = Question::new(mono(), &eids).context("one to seven nodes")?;
        let mut sent: BTreeMap<Eid, Vec<u8>> = BTreeMap::new();
        let (mut refused, mut datagram, mut buffer) = (None, inner.to_vec(), [0; 1_500]);
        let mut refusals = std::collections::BTreeSet::new();
        while question.progress() == Progress::Waiting {
            while let Some(eid) = question.poll(mono()) {
                let Some((_, at)) = nodes.iter().find(|(node, _)| *node == eid) else { continue };
                sent.insert(eid, datagram.clone());
                self.socket.send_to(&datagram, at).await?;
            }
            let Some(until) = question.next_deadline() else { break };
            let wait = Duration::from_millis(until.0.saturating_sub(mono().0).max(1));
            let Ok(Ok((length, from))) = timeout(wait, self.socket.recv_from(&mut buffer)).await else { continue };
            let Some((eid, at)) = nodes.iter().find(|(_, at)| *at == from) else { continue };
            let Some(last) = sent.get(eid) else { continue };
            match answered::<Chosen>(buffer.get(..length).unwrap_or_default(), eid, last, record) {
                Some(Answered::Status(0)) => {
                    question.answered(eid);
                }
                Some(Answered::Status(status)) => {
                    refused = Some(status);
                    refusals.insert(*eid);
                    // No quorum can confirm it any more.
                    if refusals.len() > iacp_core::directory::quorum::faulty(nodes.len()) {
                        return Ok(Written::Refused(status));
                    }
                }
                Some(Answered::Refused { code: WORK_TOO_LOW, retry_after }) => {
                    // One proof serves all nodes.
                    datagram = worked(class, record.storage_key, retry_after, &self.clocks, inner).await?;
                    sent.insert(*eid, datagram.clone());
                    self.socket.send_to(&datagram, at).await?;
                }
                Some(Answered::Refused { .. }) | None => {}
            }
        }
        Ok(match (question.progress(), refused) {
            (Progress::Done, _) => Written::Done,
            (_, Some(status)) => Written::Refused(status),
            _ => Written::Silence,
        })
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

    /// Leaves a Forwarding Ticket for the peer that has the same key of a session.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn leave_ticket(&self, key: [u8; 32], nodes: &Gateways) -> Result<Written> {
        let mut issuer = Issuer::new(TicketKey { key: Secret32::new(key), iv: [1, 2, 3, 4] }, SUITE);
        issuer.persisted(64);
        let ticket = issuer.issue(&self.me, self.socket.local_addr()?).map_err(|error| anyhow!("a ticket: {error}"))?;
        let inner = frame(Message::DhtTicketStore(&ticket))?;
        let stored = record(Kind::Ticket, ticket.target_storage_key, ticket.as_bytes());
        self.write(&inner, Class::Identities, &stored, nodes).await
    }

    /// Where a peer says that it is, in the ticket that it left.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn follow_ticket(&self, owner: &Eid, key: [u8; 32], nodes: &Gateways) -> Result<Option<SocketAddr>> {
        let question = frame(Message::DhtTicketQuery(&query::<Chosen>(owner, &self.eid(), transaction()?)))?;
        let mut at = None;
        self.ask(&question, nodes, |_, answer| {
            let Message::DhtTicketResp(ticket) = answer.message else { return false };
            let mut opener = Opener::new(TicketKey { key: Secret32::new(key), iv: [1, 2, 3, 4] }, SUITE);
            at = at.or(opener.open::<Chosen>(owner, ticket).ok());
            true
        })
        .await?;
        Ok(at)
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
        let (one, other) = (fragment(&pair.0), fragment(&pair.1));
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

    /// Asks nodes until a quorum of them has answered.
    async fn ask(
        &self,
        question: &[u8],
        nodes: &Gateways,
        mut read: impl FnMut(&Eid, &Frame<'_>) -> bool,
    ) -> Result<Progress> {
        let mono = || Mono(self.clocks.elapsed());
        let eids: Vec<Eid> = nodes.iter().map(|(eid, _)| *eid).collect();
        let mut asked = Question::new(mono(), &eids).context("one to seven nodes")?;
        let mut buffer = [0; 1_500];
        let mut has_answered = std::collections::BTreeSet::new();
        while asked.progress() == Progress::Waiting {
            while let Some(eid) = asked.poll(mono()) {
                let Some((_, at)) = nodes.iter().find(|(node, _)| *node == eid) else { continue };
                self.socket.send_to(question, at).await?;
            }
            let Some(until) = asked.next_deadline() else { break };
            let wait = Duration::from_millis(until.0.saturating_sub(mono().0).max(1));
            let Ok(Ok((length, from))) = timeout(wait, self.socket.recv_from(&mut buffer)).await else { continue };
            let Some((eid, _)) = nodes.iter().find(|(_, at)| *at == from) else { continue };
            let Ok(answer) = Frame::parse(buffer.get(..length).unwrap_or_default()) else { continue };
            if !has_answered.contains(eid) && read(eid, &answer) {
                has_answered.insert(*eid);
                asked.answered(eid);
            }
        }
        Ok(asked.progress())
    }

    /// Looks an EID up: the best binding of a quorum of answers, each of them judged.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn find(&self, eid: &Eid, nodes: &Gateways, known: &Overlay) -> Result<Found> {
        let (key, transaction) = (storage_key::<Chosen>(eid), transaction()?);
        let head = DirGet {
            storage_key: key,
            transaction_id: transaction,
            kind: 255,
            first: 0,
            class: Class::Identities as u8,
            reserved: 0,
        };
        let question = frame(Message::DirGet { head: &head, padding: &[0; 96] })?;
        let mut found = Found::default();
        let now = self.clocks.now().unix;
        self.ask(&question, nodes, |_, answer| {
            let Message::DirAnswer { head, records } = answer.message else { return false };
            if head.transaction_id != transaction {
                return false;
            }
            found.answers += 1;
            found.slashed += usize::from(head.answer_flags.get() & SLASHED != 0);
            if let Ok((one, _)) = Record::parse_prefix(records) {
                found.consider(now, &one, known);
            }
            true
        })
        .await?;
        Ok(found)
    }

    /// Whether a verdict of a quorum says that a key is slashed, or that it is cleared; read and verified.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn verdict(&self, eid: &Eid, nodes: &Gateways, known: &Overlay) -> Result<Option<u8>> {
        let (key, transaction) = (storage_key::<Chosen>(eid), transaction()?);
        let head = DirGet {
            storage_key: key,
            transaction_id: transaction,
            kind: Kind::Verdict as u8,
            first: 0,
            class: Class::Identities as u8,
            reserved: 0,
        };
        let question = frame(Message::DirGet { head: &head, padding: &[0; 360] })?;
        let (mut outcome, now) = (None, self.clocks.now().unix);
        self.ask(&question, nodes, |_, answer| {
            let Message::DirAnswer { head, records } = answer.message else { return false };
            if head.transaction_id != transaction {
                return false;
            }
            if let Ok((one, _)) = Record::parse_prefix(records)
                && one.kind == Kind::Verdict as u8
                && matches!(judge::<Chosen>(now, Origin::Node, &one, None, &Reader(known)), Judgement::Store { .. })
            {
                outcome = one.body.get(64).copied();
            }
            true
        })
        .await?;
        Ok(outcome)
    }
}

impl Found {
    fn consider(&mut self, now: iacp_core::time::UnixTime, one: &Record<'_>, known: &Overlay) {
        let held = self.binding;
        let held = held.as_ref().map(|held| record(Kind::Binding, one.storage_key, held.as_bytes()));
        let Ok(binding) = ErpRegister::read_from_bytes(one.body) else { return };
        match judge::<Chosen>(now, Origin::Node, one, held.as_ref(), &Reader(known)) {
            Judgement::Store { .. } => self.binding = Some(binding),
            Judgement::Equivocation => self.pair = self.binding.map(|first| (first, binding)),
            Judgement::Refresh { .. } | Judgement::Stale | Judgement::Refused(_) => {}
        }
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
