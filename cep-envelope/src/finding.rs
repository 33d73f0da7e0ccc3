//! The findings about a delivery, and the one table of their outcomes (`CEP §8`).

use core::fmt;

use crate::outcome::Outcome::{self, Continue, Fork, Quarantine, Resync, Triage};
use crate::words::list;

macro_rules! findings {
    ($($(#[$doc:meta])* $finding:ident = $name:literal, $default:ident, $lenient:ident, $words:literal;)+) => {
        /// A finding about a delivery. Each has its row in the table above.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum Finding { $($(#[$doc])* $finding,)+ }

        impl Finding {
            /// All of them, in the order of the table.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$finding),+];

            /// A name for logs and programs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$finding => $name,)+ }
            }

            /// Its outcome, unless a policy has another one.
            #[must_use]
            pub const fn default_outcome(self) -> Outcome {
                match self { $(Self::$finding => $default,)+ }
            }

            /// The most lenient outcome that a policy may choose for it.
            #[must_use]
            pub const fn most_lenient(self) -> Outcome {
                match self { $(Self::$finding => $lenient,)+ }
            }

            /// The finding in words.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$finding => $words,)+ }
            }
        }
    };
}

// keeps: CEP-009 (§1.1), CEP-089 (§8), CEP-100 (§8)
findings! {
    // finding                name                        by default  at best     in words

    // Missing or invalid evidence (CEP §6, §7).
    /// `CEP §5.2`.
    NotASurface             = "not-a-surface",            Quarantine, Triage,     "the name is no surface";
    /// `CEP §4`: a reference without bytes.
    NoBytes                 = "no-bytes",                 Resync,     Triage,     "the object is referenced and not here";
    /// `CEP §6`.
    NoManifest              = "no-manifest",              Triage,     Triage,     "no sealed manifest came with it";
    /// `CEP §6`.
    Malformed               = "malformed",                Quarantine, Triage,     "the sealed manifest is malformed";
    /// `CEP §6`: the outer object or the manifest names another recipient.
    OtherRecipient          = "other-recipient",          Quarantine, Triage,     "it is for another recipient";
    /// `CEP §6`: the manifest names another signer than the outer object.
    OtherSigner             = "other-signer",             Quarantine, Triage,     "it was sealed by another key than it says";
    /// `CEP §4`: a name that claims more identity than it has.
    KeyNotBound             = "key-not-bound",            Quarantine, Triage,     "its key is not bound to the sender";
    /// `CEP §6`.
    BadSignature            = "bad-signature",            Quarantine, Triage,     "its signature does not hold";
    /// `CEP §7`, digest-matched: a container whose expected digest is not known.
    NoDigest                = "no-digest",                Triage,     Triage,     "no source says which digest it must have";
    /// `CEP §7`, digest-matched.
    DigestDiffers           = "digest-differs",           Quarantine, Triage,     "its bytes have another digest than expected";
    /// `CEP §7`, container-verified.
    ContainerBroken         = "container-broken",         Quarantine, Triage,     "its container is not sound";
    /// `CEP §7`, manifest-verified.
    OtherContent            = "other-content",            Quarantine, Triage,     "it is not the content that was sealed";
    /// `CEP §6`, `CEP §7`: mirrored fields are part of the rung.
    SurfaceDiffers          = "surface-differs",          Triage,     Triage,     "its name says something else than was sealed";

    /// `CEP §4`: a visible name that claims another identity than it has.
    ProfileOfAnother        = "profile-of-another",       Triage,     Continue,   "its profile is another sender's name";

    // Where planes disagree and the sealed truth holds (CEP §6, §6.1, §12).
    /// `CEP §4`: transport metadata that differ.
    NoticeDiffers           = "notice-differs",           Triage,     Continue,   "the notice says something else than was sealed";
    /// `CEP §6.1`: a mismatch that the policy does not know.
    SchemaDiffers           = "schema-differs",           Triage,     Continue,   "notice and manifest name different schemas";
    /// `CEP §6.1`: a mismatch that the policy knows and bounds.
    SchemaUnderstood        = "schema-understood",        Continue,   Continue,   "notice and manifest name schemas that are known to go together";
    /// `CEP §3.1`: a notice proves nothing.
    Overclaimed             = "overclaimed",              Continue,   Continue,   "the notice claims a state that only evidence gives";
    /// `CEP §6`: a carrier may have chosen the recipient.
    RecipientNotSealed      = "recipient-not-sealed",     Continue,   Continue,   "its recipient was not sealed";

    // Time and drift (CEP §9).
    /// The envelope's time alone decides nothing.
    NoCalendarTime          = "no-calendar-time",         Continue,   Continue,   "its name has a time that no calendar has";
    /// An early sign; it can be seen only beside the sealed time.
    EnvelopeDrift           = "envelope-drift",           Triage,     Continue,   "its name's time has drifted from the sealed time";
    /// The sender's clock or ours is wrong, by more than the policy allows. Such an object never continues: after a
    /// loss of memory it could not be distinguished from one that was decided before.
    SealedAhead             = "sealed-ahead",             Triage,     Triage,     "it was sealed later than it came";
    /// `CEP §4`: stale continuity.
    Stale                   = "stale",                    Resync,     Continue,   "it was sealed too long ago";
    /// Causal order holds, whatever the clocks say.
    SealedBeforeParent      = "sealed-before-parent",     Continue,   Continue,   "it was sealed before its parent, by their clocks";
    /// The same, by more than clocks may differ.
    SealedFarBeforeParent   = "sealed-far-before-parent", Triage,     Continue,   "it was sealed long before its parent, by their clocks";

    // Causality (CEP §8).
    /// The manifest has no member `causal_parent`.
    ParentMissing           = "parent-missing",           Triage,     Fork,       "it names no parent and is no root";
    /// The lineage has never seen the parent, or has forgotten it.
    ParentUnknown           = "parent-unknown",           Resync,     Fork,       "its parent is unknown here";
    /// The parent is known, and not approved yet.
    ParentUndecided         = "parent-undecided",         Triage,     Triage,     "its parent is not approved yet";
    /// The parent is known to be bad.
    ParentInvalid           = "parent-invalid",           Quarantine, Triage,     "its parent is invalid";
    /// Policy lets nothing continue the parent.
    ParentForbidden         = "parent-forbidden",         Quarantine, Triage,     "nothing may continue its parent";
    /// Another object has continued the parent.
    ParentContinued         = "parent-continued",         Fork,       Fork,       "another object continues its parent already";
    /// Its parent, or its own manifest, was approved on a branch only.
    OnBranch                = "on-branch",                Fork,       Fork,       "it is on a branch";

    // Replay (CEP §4).
    /// The lineage has decided this very object.
    Replayed                = "replayed",                 Quarantine, Triage,     "its manifest was decided before";
    /// The same act would happen twice: the lineage has approved this manifest, sealed by another key.
    Resealed                = "resealed",                 Triage,     Continue,   "its manifest is approved already, sealed by another key";
    /// Sealed before the time from which the lineage remembers everything.
    MaybeReplayed           = "maybe-replayed",           Resync,     Triage,     "it is older than the memory that would know it";
    /// Full means refuse.
    NoRoom                  = "no-room",                  Resync,     Triage,     "there is no room to remember it";
}

impl Finding {
    const fn bit(self) -> u64 {
        1 << self as u64
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of findings.
///
/// ```
/// use cep_envelope::decision::{Findings, Outcome, Policy};
///
/// let nothing = Findings::default();
/// assert!(nothing.is_empty());
/// assert_eq!(Policy::default().outcome(nothing), Outcome::Continue);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Findings(u64);

impl Findings {
    /// Whether nothing was found.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this is among them.
    #[must_use]
    pub const fn contains(self, finding: Finding) -> bool {
        self.0 & finding.bit() != 0
    }

    /// Each of them, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Finding> {
        Finding::ALL.into_iter().filter(move |finding| self.contains(*finding))
    }

    pub(crate) const fn add_all(&mut self, others: Self) {
        self.0 |= others.0;
    }

    pub(crate) const fn add(&mut self, finding: Finding) {
        self.0 |= finding.bit();
    }

    pub(crate) const fn add_if(&mut self, holds: bool, finding: Finding) {
        if holds {
            self.add(finding);
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.iter())
    }
}
