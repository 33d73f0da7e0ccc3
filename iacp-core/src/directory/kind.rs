//! The kinds of records, and where they lie (`IACP §5.1`).

use core::fmt;

/// Which part of the key space a record lies in (`IACP §5.1.2`): the two routing bits of its coordinate.
// keeps: IACP-110 (§5.1.2)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Class {
    /// What an EID is, where it is, what is said of it.
    Identities = 0,
    /// Roots, their changes, delegations.
    Namespaces = 1,
    /// Discovery Spaces.
    Spaces = 2,
    /// The nodes themselves.
    Overlay = 3,
}

words! {
    Class {
        Self::Identities => "identities",
        Self::Namespaces => "namespaces",
        Self::Spaces => "Discovery Spaces",
        Self::Overlay => "nodes",
    }
}

impl Class {
    /// The class of a code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Identities),
            1 => Some(Self::Namespaces),
            2 => Some(Self::Spaces),
            3 => Some(Self::Overlay),
            _ => None,
        }
    }
}

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// Where an EID is: the body of an `ERP_REGISTER`.
    Binding = 1,
    /// A Forwarding Ticket: the body of a `DHT_TICKET_STORE`.
    Ticket = 2,
    /// An agent's identity root key.
    AirkBinding = 3,
    /// The end of an EID's generations.
    Revocation = 4,
    /// Which LL-Entity answers for an EID.
    Hosting = 5,
    /// The root of a namespace.
    Root = 6,
    /// A change of a root.
    Curation = 7,
    /// A parent's word for the key of a child path.
    Delegation = 8,
    /// A curator's child, kept alive by the nodes that are responsible for the curator.
    Custody = 9,
    /// A curator's word on a subject.
    Assertion = 10,
    /// An EID in a Discovery Space.
    Publication = 11,
    /// A proof of malfeasance with its evidence.
    Accusation = 12,
    /// The defence of the accused: the body of a `PSS_REVOCATION_REBUTTAL`.
    Rebuttal = 13,
    /// How an accusation ended.
    Verdict = 14,
    /// One node's opinion of an EID.
    Score = 15,
    /// Where a directory node is.
    Node = 16,
    /// A part of a node's revocation filter.
    Filter = 17,
}

words! {
    Kind {
        Self::Binding => "binding",
        Self::Ticket => "Forwarding Ticket",
        Self::AirkBinding => "identity root key",
        Self::Revocation => "revocation",
        Self::Hosting => "hosting",
        Self::Root => "root",
        Self::Curation => "curation",
        Self::Delegation => "delegation",
        Self::Custody => "custody",
        Self::Assertion => "assertion",
        Self::Publication => "publication",
        Self::Accusation => "accusation",
        Self::Rebuttal => "rebuttal",
        Self::Verdict => "verdict",
        Self::Score => "score",
        Self::Node => "node",
        Self::Filter => "filter",
    }
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::Binding,
        Self::Ticket,
        Self::AirkBinding,
        Self::Revocation,
        Self::Hosting,
        Self::Root,
        Self::Curation,
        Self::Delegation,
        Self::Custody,
        Self::Assertion,
        Self::Publication,
        Self::Accusation,
        Self::Rebuttal,
        Self::Verdict,
        Self::Score,
        Self::Node,
        Self::Filter,
    ];

    /// The kind of a code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }

    /// Where its records lie. What concerns the offence of a curator lies in class 1 instead: see
    /// [`Court`](super::accusation::Court).
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Binding
            | Self::Ticket
            | Self::AirkBinding
            | Self::Revocation
            | Self::Hosting
            | Self::Accusation
            | Self::Rebuttal
            | Self::Verdict
            | Self::Score => Class::Identities,
            Self::Root | Self::Curation | Self::Delegation | Self::Custody | Self::Assertion => Class::Namespaces,
            Self::Publication => Class::Spaces,
            Self::Node | Self::Filter => Class::Overlay,
        }
    }

    /// What the signatures of its body begin with.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Binding => "ERP_REGISTER",
            Self::Ticket => "DHT_TICKET_STORE",
            Self::AirkBinding => "AIRK_BINDING",
            Self::Revocation => "REVOCATION_RECORD",
            Self::Hosting => "HOSTING",
            Self::Root => "ROOT",
            Self::Curation => "CURATION_UPDATE",
            Self::Delegation => "DELEGATION",
            Self::Custody => "CUSTODY",
            Self::Assertion => "ASSERTION",
            Self::Publication => "PUBLICATION",
            Self::Accusation => "PROOF_OF_MAL",
            Self::Rebuttal => "PSS_REVOCATION_REBUTTAL",
            Self::Verdict => "POM_VOTE",
            Self::Score => "SCORE",
            Self::Node => "NODE",
            Self::Filter => "FILTER",
        }
    }
}

/// The body does not have the form of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MalformedRecord;

impl fmt::Display for MalformedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("body: not the form of its kind")
    }
}

impl core::error::Error for MalformedRecord {}
