//! The client's side of the directory as step functions: a write to, and a read from, the nodes for a key
//! (`IACP §4.2.1.3`, `IACP §5.3.1`).
//!
//! The caller sends what it is told to send, hands in what comes back, and sleeps until the next deadline. No node is believed:
//! a confirmation counts under its signature, a record after [`judge`], and no single node decides how much work a write costs.

use iacp_wire::layout::Record;
use iacp_wire::message::{DirGet, ErpRegister};
use iacp_wire::{DhtKey, Digest, Eid, Frame, Message, TransactionId, WriteError};
use zerocopy::{FromBytes, IntoBytes};

use super::answered::{Answered, answered};
use super::facts::{Facts, Voters};
use super::judge::{Judgement, Origin, judge};
use super::kind::{Class, Kind};
use super::metric::RESPONSIBLE;
use super::name::{Path, Root};
use super::quorum::{Progress, Question, faulty, needed};
use crate::crypto::Provider;
use crate::time::{Mono, UnixTime};

/// Codes of an ERROR that work gets past.
const WORK_TOO_LOW: u16 = 2;
const BREAKER_OPEN: u16 = 6;
/// The bits of work with which a write begins if no node has named any: an open breaker names none.
const FIRST: u32 = 16;
/// With it a DIR_GET is long enough for the longest answer of one record: an answer has three times the bytes of the question.
const PADDING: [u8; 360] = [0; 360];

/// The longest DIR_GET that [`Reading::write`] writes, in bytes.
pub const QUESTION: usize = 4 + DirGet::LEN + PADDING.len();

/// How a write stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Written {
    /// Too few nodes have answered.
    Waiting,
    /// A quorum asks for this many bits of work: the frame goes out inside a WORKED_REQUEST from now on.
    Work(u32),
    /// k nodes have it.
    Done,
    /// More than f nodes refused it, at last with this status: no quorum can take it.
    Refused(u32),
    /// No quorum within 30 s.
    Failed,
}

impl core::fmt::Display for Written {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Waiting => f.pad("too few nodes have answered"),
            Self::Work(bits) => write!(f, "the nodes want {bits} bits of work"),
            Self::Done => f.pad("a quorum has it"),
            Self::Refused(status) => write!(f, "refused, status {status}"),
            Self::Failed => f.pad("no quorum in time"),
        }
    }
}

/// One record on its way to the nodes for its key.
///
/// Work is done for the bits that k of the n nodes are content with. So f liars that demand the most that there is cost a client
/// nothing.
///
/// ```
/// use iacp_core::crypto::ChaChaOnly;
/// use iacp_core::directory::client::{Writing, Written};
/// use iacp_core::time::Mono;
/// use iacp_wire::layout::Record;
/// use iacp_wire::{DhtKey, Eid};
///
/// let nodes = [Eid([1; 32]), Eid([2; 32])];
/// let mut write = Writing::new(Mono(0), &nodes).ok_or("one to seven nodes")?;
/// let record = Record { kind: 1, storage_key: DhtKey([7; 32]), expiry: u64::MAX, body: &[9; 120] };
/// while let Some(node) = write.poll(Mono(0)) {
///     // The frame of the record goes to this node; what comes back is handed in.
///     let heard = write.heard::<ChaChaOnly>(&node, b"noise", b"the frame", &record);
///     assert_eq!(heard, Written::Waiting);
/// }
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writing {
    question: Question,
    /// What each node that did not take the record wants.
    wants: [Wants; RESPONSIBLE],
    /// The bits that work was asked for last.
    bits: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Nothing,
    Work(u32),
    Never(u32),
}

impl Writing {
    /// A write to 1 to 7 different nodes.
    #[must_use]
    pub fn new(now: Mono, nodes: &[Eid]) -> Option<Self> {
        Some(Self { question: Question::new(now, nodes)?, wants: [Wants::Nothing; RESPONSIBLE], bits: 0 })
    }

    /// The next node to send to now; none until the next deadline.
    pub fn poll(&mut self, now: Mono) -> Option<Eid> {
        if matches!(self.progress(), Written::Refused(_)) { None } else { self.question.poll(now) }
    }

    /// When to poll again; none once it is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        if matches!(self.progress(), Written::Refused(_)) { None } else { self.question.next_deadline() }
    }

    /// The work is done: each node that has not confirmed the record gets it now.
    pub const fn worked(&mut self, now: Mono) {
        self.question.ask_now(now);
    }

    /// How it stands. It is [`Written::Work`] only in the answer of [`Self::heard`].
    #[must_use]
    pub fn progress(&self) -> Written {
        match self.question.progress() {
            Progress::Done => Written::Done,
            Progress::Failed => Written::Failed,
            Progress::Waiting => {
                let refusals = self.wants.iter().filter(|wants| matches!(wants, Wants::Never(_))).count();
                let status = self.wants.iter().rev().find_map(|wants| match wants {
                    Wants::Never(status) => Some(*status),
                    Wants::Nothing | Wants::Work(_) => None,
                });
                match status {
                    Some(status) if refusals > faulty(self.question.count()) => Written::Refused(status),
                    _ => Written::Waiting,
                }
            }
        }
    }

    /// Takes what `node` answered to `sent`, the datagram with the `record`. What is not an answer of this node changes nothing.
    pub fn heard<P: Provider>(&mut self, node: &Eid, datagram: &[u8], sent: &[u8], record: &Record<'_>) -> Written {
        let Some(place) = self.question.place(node) else { return self.progress() };
        let wants = match answered::<P>(datagram, node, sent, record) {
            Some(Answered::Status(0)) => {
                self.question.answered(node);
                Wants::Nothing
            }
            Some(Answered::Status(status)) => Wants::Never(status),
            Some(Answered::Refused { code: WORK_TOO_LOW, retry_after }) => Wants::Work(retry_after),
            Some(Answered::Refused { code: BREAKER_OPEN, .. }) => Wants::Work(self.bits.max(FIRST)),
            // For the rest the repetition is the answer.
            Some(Answered::Refused { .. }) | None => return self.progress(),
        };
        if let Some(known) = self.wants.get_mut(place) {
            *known = wants;
        }
        match (self.progress(), self.demand()) {
            (Written::Waiting, bits) if bits > self.bits => {
                self.bits = bits;
                Written::Work(bits)
            }
            (progress, _) => progress,
        }
    }

    /// The fewest bits with which k nodes are content. A node that has not asked for any counts as content, so f liars alone
    /// raise nothing.
    // keeps: IACP-117 (§5.3.1)
    fn demand(&self) -> u32 {
        let mut bits = self.wants.map(|wants| match wants {
            Wants::Nothing | Wants::Never(_) => 0,
            Wants::Work(wanted) => wanted,
        });
        let n = self.question.count();
        let bits = bits.get_mut(..n).unwrap_or_default();
        bits.sort_unstable();
        needed(n).checked_sub(1).and_then(|k| bits.get(k)).copied().unwrap_or(0)
    }
}

/// One look-up under way: what stands at a key, in the words of k nodes.
///
/// ```
/// use iacp_core::directory::Class;
/// use iacp_core::directory::client::{BINDING, QUESTION, Reading};
/// use iacp_core::time::Mono;
/// use iacp_wire::{DhtKey, Eid, TransactionId};
///
/// // The transaction id is random in real life: an answer is told by it.
/// let (nodes, id) = ([Eid([1; 32])], TransactionId([5; 8]));
/// let at = (Class::Identities, DhtKey([7; 32]));
/// let mut read = Reading::new(Mono(0), &nodes, at, BINDING, id).ok_or("one to seven nodes")?;
/// let mut frame = [0; QUESTION];
/// assert_eq!(read.write(&mut frame), Ok(QUESTION));
/// assert_eq!(read.poll(Mono(0)), Some(nodes[0]));
/// assert!(read.heard(&nodes[0], b"noise").is_none());
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reading {
    question: Question,
    head: DirGet,
}

/// The code of the kind of a DIR_GET that asks for the binding and the flags of an EID.
pub const BINDING: u8 = 255;

/// What one node answers to a [`Reading`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeRecords<'a> {
    /// What the node says of the key. Hints: the record that proves one is read before anything follows from it.
    pub flags: u16,
    records: &'a [u8],
    asked: (u8, DhtKey),
}

impl<'a> NodeRecords<'a> {
    /// The records of the kind and under the key that were asked for, in the node's order: a valid record of another key is not an answer.
    /// What follows a malformed one is not read.
    // keeps: IACP-067 (§4.2.1.3)
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let (mut rest, (kind, key)) = (self.records, self.asked);
        let all = core::iter::from_fn(move || {
            let (record, behind) = Record::parse_prefix(rest).ok()?;
            rest = behind;
            Some(record)
        });
        let kind = if kind == BINDING { Kind::Binding as u8 } else { kind };
        all.filter(move |record| record.kind == kind && record.storage_key == key)
    }
}

impl Reading {
    /// A look-up of all records of a kind, or of a [`BINDING`], at 1 to 7 different nodes.
    #[must_use]
    pub fn new(
        now: Mono,
        nodes: &[Eid],
        (class, storage_key): (Class, DhtKey),
        kind: u8,
        transaction_id: TransactionId,
    ) -> Option<Self> {
        let head = DirGet { storage_key, transaction_id, kind, first: 0, class: class as u8, reserved: 0 };
        Some(Self { question: Question::new(now, nodes)?, head })
    }

    /// Writes the DIR_GET; its length.
    ///
    /// # Errors
    /// `out` is shorter than [`QUESTION`].
    pub fn write(&self, out: &mut [u8]) -> Result<usize, WriteError> {
        Frame::new(Message::DirGet { head: &self.head, padding: &PADDING }).write(out)
    }

    /// The next node to send to now; none until the next deadline.
    pub fn poll(&mut self, now: Mono) -> Option<Eid> {
        self.question.poll(now)
    }

    /// When to poll again; none once it is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.question.next_deadline()
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.question.progress()
    }

    /// The first answer of a node. Anything else is none, and changes nothing.
    pub fn heard<'a>(&mut self, node: &Eid, datagram: &'a [u8]) -> Option<NodeRecords<'a>> {
        let place = self.question.place(node).filter(|place| !self.question.has_answered(*place))?;
        let frame = Frame::parse(datagram).ok()?;
        let Message::DirAnswer { head, records } = frame.message else { return None };
        if head.transaction_id != self.head.transaction_id {
            return None;
        }
        self.question.answered(node);
        let asked = (self.head.kind, self.head.storage_key);
        self.question.has_answered(place).then_some(NodeRecords { flags: head.answer_flags.get(), records, asked })
    }
}

/// What the answers to a look-up of a [`BINDING`] say together.
///
/// The newest binding counts, not the one that most nodes name: each is signed by its owner, and an owner that has just moved is
/// where its newest one says. k nodes were asked so that one of them was among those that took it.
///
/// Three nodes answer, and one of them has an older binding:
///
/// ```
/// use iacp_core::directory::client::{BINDING, Found, NodeRecords, Reader, Reading};
/// use iacp_core::directory::{Class, Facts, Voters};
/// # use iacp_core::time::{Mono, UnixTime};
/// # use iacp_wire::layout::Record;
/// # use iacp_wire::message::DirAnswer;
/// # use iacp_wire::{Eid, Frame, Message, TransactionId};
/// # use iacp_core::crypto::{ChaChaOnly, Provider};
/// # use iacp_core::erp::binding::Binding;
/// # use iacp_core::identity::Identity;
/// # use iacp_wire::message::ErpRegister;
/// # use iacp_wire::{DhtKey, Locator};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # use zerocopy::IntoBytes;
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let agent = Identity::<ChaChaOnly>::generate(&mut rng);
/// # let key = DhtKey(ChaChaOnly::sha256(&[&agent.eid().0]));
/// # let bound = |last| {
/// #     let ip = Locator::from(std::net::IpAddr::from([192, 0, 2, last]));
/// #     let Binding { eid, ip, generation, signature } = Binding::sign(&agent, ip, 7);
/// #     ErpRegister {
/// #         source_eid: eid,
/// #         current_transport_ip: ip,
/// #         generation_counter: generation.into(),
/// #         signature,
/// #     }
/// # };
/// # let (now, nodes) = (UnixTime(1_790_000_010_000), [1, 2, 3].map(|byte| Eid([byte; 32])));
/// # let (at, id) = ((Class::Identities, key), TransactionId([5; 8]));
/// # let older = Binding::sign(&agent, Locator::from(std::net::IpAddr::from([192, 0, 2, 9])), 6);
/// # let older = ErpRegister {
/// #     source_eid: older.eid,
/// #     current_transport_ip: older.ip,
/// #     generation_counter: 6.into(),
/// #     signature: older.signature,
/// # };
/// # let newest = bound(1);
/// # let said = |binding: &ErpRegister| {
/// #     let mut records = [0; 200];
/// #     let record = Record { kind: 1, storage_key: key, expiry: now.0 + 60_000, body: binding.as_bytes() };
/// #     let length = record.write(&mut records).expect("room for a binding");
/// #     let head = DirAnswer {
/// #         transaction_id: id,
/// #         answer_status: 0.into(),
/// #         answer_flags: 0.into(),
/// #         total: 1,
/// #         first: 0,
/// #         reserved: [0; 2],
/// #     };
/// #     let mut frame = vec![0; 400];
/// #     let message = Message::DirAnswer { head: &head, records: &records[..length] };
/// #     let length = Frame::new(message).write(&mut frame).expect("room for a frame");
/// #     frame.truncate(length);
/// #     frame
/// # };
///
/// let reader = Reader { nodes: &nodes, airk: None };
/// let voters: Voters = reader.voters(at.0, &at.1);
/// let mut read = Reading::new(Mono(0), &voters, at, BINDING, id).ok_or("one to seven nodes")?;
/// let mut found = Found::default();
/// for (node, datagram) in nodes.iter().zip([said(&newest), said(&older), said(&newest)]) {
///     let answer: NodeRecords<'_> = read.heard(node, &datagram).ok_or("it answers the question")?;
///     found.take::<ChaChaOnly>(now, &answer, &reader);
/// }
/// assert_eq!((found.answers, found.binding, found.pair), (3, Some(newest), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest binding that holds.
    pub binding: Option<ErpRegister>,
    /// Two bindings of one generation at two places: no honest key signs both.
    pub pair: Option<(ErpRegister, ErpRegister)>,
    /// How many nodes answered.
    pub answers: usize,
    flags: [u8; 16],
}

impl Found {
    /// Judges what a node answered.
    // keeps: IACP-067 (§4.2.1.3)
    pub fn take<P: Provider>(&mut self, now: UnixTime, answer: &NodeRecords<'_>, facts: &impl Facts) {
        self.answers = self.answers.saturating_add(1);
        for (bit, count) in self.flags.iter_mut().enumerate() {
            *count = count.saturating_add(u8::from(answer.flags >> bit & 1 == 1));
        }
        let Some(record) = answer.records().next() else { return };
        let Ok(binding) = ErpRegister::read_from_bytes(record.body) else { return };
        let before = self.binding;
        let held = before.as_ref().map(|held| Record { body: held.as_bytes(), ..record });
        match judge::<P>(now, Origin::Node, &record, held.as_ref(), facts) {
            Judgement::Store { .. } => self.binding = Some(binding),
            Judgement::Equivocation => self.pair = self.pair.or_else(|| before.map(|first| (first, binding))),
            Judgement::Refresh { .. } | Judgement::Stale | Judgement::Refused(_) => {}
        }
    }

    /// How many nodes set all of these flags.
    #[must_use]
    pub fn flagged(&self, flags: u16) -> usize {
        let set = self.flags.iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1);
        usize::from(set.map(|(_, count)| *count).min().unwrap_or(0))
    }
}

/// What a reader knows besides the record: the nodes that it asks, whose votes count, and the root key of the owner if it has
/// read that.
///
/// ```
/// use iacp_core::directory::client::Reader;
/// use iacp_core::directory::{Class, Facts};
/// use iacp_wire::{DhtKey, Eid};
///
/// let nodes = [Eid([1; 32])];
/// let reader = Reader { nodes: &nodes, airk: None };
/// assert_eq!(reader.voters(Class::Identities, &DhtKey([7; 32])), nodes);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reader<'n> {
    /// The nodes that vote.
    pub nodes: &'n [Eid],
    /// The owner's root key.
    pub airk: Option<Eid>,
}

impl Facts for Reader<'_> {
    fn airk(&self, _: &Eid) -> Option<Eid> {
        self.airk
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
    fn path_key(&self, _: &Path<'_>) -> Option<Eid> {
        None
    }
    fn root_before(&self, _: &Path<'_>, _: u64) -> Option<(Eid, Digest)> {
        None
    }
    fn paid(&self, _: &Root<'_>) -> bool {
        false
    }
    fn voters(&self, _: Class, _: &DhtKey) -> Voters {
        self.nodes.iter().copied().take(RESPONSIBLE).collect()
    }
}
