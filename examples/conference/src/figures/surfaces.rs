//! |C|, counted in the trails of a small and a large interaction.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use interaction_gov::audit::{Log, RECORD, Record, RecordKind};
use interaction_gov::authority::Authorities;
use interaction_gov::function::{Invocation, Role};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Interaction, Mode, Request, Transition};
use interaction_gov::measure::coordination::Dimensions;
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Kind, On, Policy, Provenance};
use interaction_gov::proof::Component;
use interaction_gov::rollout::{Rollout, Track};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Authority, Function, Modality, Posture, Region, Set, Vocabulary};
use rand_chacha::ChaCha20Rng;
use serde::Serialize;

use super::control::Office;
use crate::plane;

const NOW: Time = Time(1_000);
const TRANSITIONS: [Transition; 3] = [Transition::Transport, Transition::Protocol, Transition::Infrastructure];
/// What each function does, and on which stream.
const WORK: [(&str, &str, &str); 8] = [
    ("caption", "accessibility", "audio"),
    ("record", "recording", "audio"),
    ("transcribe", "transcription", "audio"),
    ("translate", "translation", "audio"),
    ("moderate", "moderation", "audio"),
    ("analyse", "analytics", "audio"),
    ("scan", "compliance-scanning", "audio"),
    ("assist", "assistant", "chat"),
];
/// The small one, and the draft's own.
const SIZES: [Dimensions; 2] = [
    Dimensions { participants: 2, modalities: 2, functions: 2, authorities: 1, transitions: 1 },
    Dimensions::VIDEO_CONFERENCE,
];

/// What was counted in an interaction.
#[derive(Debug, Serialize)]
pub struct Surfaces {
    /// What was put into it.
    #[serde(skip)]
    pub size: Dimensions,
    /// C_int of that.
    pub binding_points: u64,
    /// The number of others with which it exchanges state, by its trail.
    pub counted: u64,
}

/// Counts in both.
pub fn count(names: &Vocabulary<'static>, office: &Office, rng: &mut ChaCha20Rng) -> Result<Vec<Surfaces>> {
    SIZES.into_iter().map(|size| count_one(size, names, office, rng)).collect()
}

/// Something that the interaction exchanges state with.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Other {
    Participant(u16),
    Modality(u8),
    Function(u16),
    Authority(u8),
    Transition(u8),
}

fn count_one(
    size: Dimensions,
    names: &Vocabulary<'static>,
    office: &Office,
    rng: &mut ChaCha20Rng,
) -> Result<Surfaces> {
    let mut rollout = rollout(size, names, office, rng)?;
    let mut log = Log::new(vec![[0; RECORD]; 4096]);
    let mut call = Interaction::<16, 16>::create(InteractionId::draw(rng), NOW, Mode::Enforce, &rollout, &mut log)?;
    live(&mut call, size, names, &mut rollout, &mut log)?;
    let mut others = BTreeSet::new();
    for record in log.waiting().iter().filter_map(Record::read) {
        ensure!(record.interaction == *call.id(), "a record of another interaction");
        others.extend(record.seat.map(Other::Participant));
        others.extend(record.on.stream().map(|modality| Other::Modality(modality.0)));
        others.extend(record.binding.map(Other::Function));
        if record.kind == RecordKind::Transition {
            others.extend(record.action.map(Other::Transition));
        }
    }
    // A record names the authority that decided. All authorities of its version take part.
    let version = call.version(&rollout).context("no version")?;
    others.extend(version.policy.members().iter().map(|member| Other::Authority(member.authority.0)));
    let counted = u64::try_from(others.len()).context("too many")?;
    Ok(Surfaces { size, binding_points: size.interaction_scoped(), counted })
}

type Call = Interaction<16, 16>;
type Versions = Rollout<4, 1>;
type Records = Log<Vec<[u8; RECORD]>>;

fn rollout(size: Dimensions, names: &Vocabulary<'_>, office: &Office, rng: &mut ChaCha20Rng) -> Result<Versions> {
    let mut rollout = Rollout::new(Authorities::new(), plane::draw(rng));
    let mut policy = Policy::new();
    for authority in (0..size.authorities).filter_map(|authority| u8::try_from(authority).ok()).map(Authority) {
        let text = office.introduce(authority, &mut rollout.authorities)?;
        policy.add(text, names).context("a text that is no policy")?;
    }
    let index = rollout.install(&policy)?;
    rollout.publish(Track::STABLE, index)?;
    Ok(rollout)
}

/// All participants join and speak, every stream is used, everything runs and every transition happens.
fn live(
    call: &mut Call,
    size: Dimensions,
    names: &Vocabulary<'_>,
    rollout: &mut Versions,
    log: &mut Records,
) -> Result<()> {
    let action = |name: &str| names.find::<Action>(name).context("no such action");
    let region: Region = names.find("de").context("no such region")?;
    let posture: Posture = names.find("managed").context("no such posture")?;
    for number in (0..size.participants).filter_map(|number| u8::try_from(number).ok()) {
        let admission = Admission {
            name: [number; 16],
            kind: Kind::Human,
            home: Some(Authority(0)),
            credential_until: Time::NEVER,
            validation: Validation { posture, region: Some(region), until: Time::NEVER },
            roles: Set::EMPTY,
            streams: Streams::UNSAID,
            consents: Set::ALL,
            action: action("join")?,
        };
        call.join(NOW, &admission, rollout, log).context("joining")?;
    }
    let first = Seat(0);
    let streams = names.all::<Modality>().map(|(modality, _)| modality).take(usize::try_from(size.modalities)?);
    for modality in streams {
        let speak = action("speak")?;
        let request = Request { action: speak, seat: first, on: On::Stream(modality), binding: None, goes: Set::EMPTY };
        let decision = call.decide(NOW, &request, rollout, log);
        ensure!(decision.verdict.permits(), "a stream that nobody may use: {}", decision.verdict);
    }
    for (does, function, on) in WORK.into_iter().take(usize::try_from(size.functions)?) {
        let function: Function = names.find(function).context("no such function")?;
        let invocation = Invocation {
            action: action(does)?,
            function,
            on: On::from(names.find::<Modality>(on)),
            seat: first,
            parent: None,
            sites: &[region],
            component: Component { digest: [7; 32], statement: &[] },
            role: Role::Auxiliary,
        };
        let verified = |_: &Component<'_>| Provenance::Verified;
        let (decision, binding) = call.invoke(NOW, &invocation, &verified, rollout, log);
        ensure!(binding.is_some(), "{does} does not begin: {}", decision.verdict);
    }
    for transition in TRANSITIONS.into_iter().take(usize::try_from(size.transitions)?) {
        call.transition(NOW, first, transition, Some(region), [1; 16], log).context("a transition")?;
    }
    Ok(())
}
