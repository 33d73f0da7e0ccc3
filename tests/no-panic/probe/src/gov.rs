//! `interaction-gov`: whatever takes text or bytes, and every step of an interaction.

use core::hint::black_box;

use interaction_gov::audit::{Bytes, Head, Log, Need, RECORD, Record, SignedHead, Sink, Trail, View};
use interaction_gov::authority::{Authorities, Delegation, Update};
use interaction_gov::function::{Binding, Invocation, Role};
use interaction_gov::identity::{AuthorityKey, InteractionId, Subject};
use interaction_gov::interaction::{Attribution, Choice, Interaction, Mode, Request, Transition};
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Consents, Facts, Kind, On, Policy, Provenance, Scope, Sense};
use interaction_gov::proof::Component;
use interaction_gov::protocol::{Protocol, Rebinding, Registry};
use interaction_gov::rollout::{Rollout, Track, Version};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{
    Action, Authority, Consent, Function, Listed, Modality, Name, Obligation, Posture, Region, Set, Vocabulary,
};

use crate::{look, opaque, opaque_buffer, print, text};

type Control = Rollout<3, 2>;
type Governed = Interaction<3, 3>;
type Records = Log<&'static mut [Bytes]>;

pub fn all() {
    vocabulary();
    record(&black_box([0; RECORD]));
    trail();
    identifiers();
    let mut control = Control::new(Authorities::new(), black_box([0; 32]));
    let mut log = Records::new(black_box(&mut []));
    let mut interaction = match Governed::create(id(), time(), black_box(Mode::Enforce), &control, &mut log) {
        Ok(interaction) => interaction,
        Err(refused) => return print(&refused),
    };
    // Each step starts from the state that the one before it left behind.
    while black_box(true) {
        authorities(&mut control.authorities);
        rollout(&mut control, &interaction);
        people(&mut interaction, &control, &mut log);
        decide(&mut interaction, &control, &mut log);
        compute(&mut interaction, &control, &mut log);
        kept(&mut control, &mut interaction, &mut log);
        black_box((log.waiting(), log.room(black_box(Need::Ordinary))));
        log.taken();
    }
}

/// How many bytes are needed.
struct Needed(usize);

impl core::fmt::Display for Needed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

fn time() -> Time {
    Time(black_box(0))
}

fn id() -> InteractionId {
    InteractionId::recorded(black_box([0; 16]))
}

fn number() -> u8 {
    black_box(0)
}

fn seat() -> Seat {
    Seat(black_box(0))
}

fn binding() -> Binding {
    Binding(black_box(0))
}

fn set<T: Name>() -> Set<T> {
    black_box(Set::EMPTY)
}

fn version() -> u32 {
    black_box(0)
}

fn on() -> On {
    black_box(On::Stream(Modality(number())))
}

fn verifies(key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
    black_box((key, hash, signature));
    black_box(true)
}

fn provenance(component: &Component<'_>) -> Provenance {
    black_box(component);
    black_box(Provenance::Stated)
}

fn vocabulary() {
    fn names<T: Listed>(vocabulary: &Vocabulary<'_>) {
        black_box(vocabulary.find::<T>(text()).map(|found| vocabulary.name(found)));
        black_box(vocabulary.name(T::numbered(number())));
        vocabulary.all::<T>().for_each(|(_, name)| print(&name));
    }
    let vocabulary = match Vocabulary::read(text()) {
        Ok(vocabulary) => black_box(vocabulary),
        Err(error) => return print(&error),
    };
    names::<Action>(&vocabulary);
    names::<Modality>(&vocabulary);
    names::<Function>(&vocabulary);
    names::<Region>(&vocabulary);
    names::<Consent>(&vocabulary);
    names::<Posture>(&vocabulary);
    names::<Obligation>(&vocabulary);
    names::<Authority>(&vocabulary);
    policy(&vocabulary);
}

fn facts() -> Facts {
    Facts {
        action: Action(number()),
        kind: black_box(Kind::Human),
        home: black_box(Some(Authority(number()))),
        roles: set(),
        on: on(),
        function: black_box(Some(Function(number()))),
        law: set(),
        goes: set(),
        consents: Consents { all: set(), stream: set(), own: set(), second: set() },
        present: set(),
        time: time(),
        posture: Posture(number()),
        provenance: black_box(Provenance::None),
    }
}

fn policy(vocabulary: &Vocabulary<'_>) {
    let mut policy = Policy::<3>::new();
    while black_box(true) {
        look(policy.add(text(), vocabulary));
        let facts = facts();
        let authorities = black_box(Authorities::new());
        black_box(policy.decide(&facts, |authority| authorities.speaker(authority, &facts, time())));
        black_box((policy.asked(&facts), policy.residency(&facts), policy.settings(&facts), policy.digest()));
        look(policy.compile(opaque_buffer()).map_err(Needed));
        for member in policy.members() {
            policy.rules_of(member).for_each(|rule| {
                let holds = rule.conditions.hold(&facts, black_box(Sense::Must));
                black_box((rule, holds));
            });
        }
    }
}

fn record(bytes: &Bytes) {
    let Some(record) = Record::read(bytes) else { return };
    print(&record.kind);
    print(&record.verdict);
    black_box(black_box(record).write());
    let key = AuthorityKey::new(black_box([0; 32]));
    let mut view = View::<3>::of(Authority(number()), &key);
    while black_box(true) {
        black_box(view.see(&black_box(record)));
    }
    print(&key.pseudonym(black_box(Subject::Protocol), opaque()));
}

fn trail() {
    let mut trail = Trail::of(id());
    while black_box(true) {
        look(trail.record(&black_box([0; RECORD])));
        let head = Head {
            interaction: id(),
            records: black_box(0),
            hash: black_box([0; 32]),
            time: time(),
            last: black_box(false),
        };
        look(trail.head(&SignedHead { head, signature: black_box([0; 64]) }, &black_box([0; 32]), &verifies));
        black_box((trail.records(), trail.unsigned(), trail.is_ended(), trail.hash()));
    }
}

fn identifiers() {
    let mut registry = Registry::<4>::new(black_box([0; 32]));
    while black_box(true) {
        let protocol = black_box(Protocol::Other(black_box(0)));
        look(registry.bind(protocol, opaque(), id(), black_box([0; 32])));
        black_box(registry.find(protocol, opaque()));
        let rebinding =
            Rebinding { old: (protocol, opaque()), new: (protocol, opaque()), challenge: black_box([0; 32]) };
        look(registry.rebind(&rebinding, &black_box([0; 64]), &verifies));
        black_box(registry.challenge(protocol, opaque()));
        registry.release(&id());
    }
}

fn authorities(authorities: &mut Authorities) {
    let authority = Authority(number());
    look(authorities.introduce(authority, black_box([0; 32])));
    let update = Update {
        authority,
        version: black_box(0),
        follows: black_box([0; 32]),
        vocabulary: black_box([0; 32]),
        text: text(),
    };
    if let Ok(vocabulary) = Vocabulary::read(text()) {
        let mut scratch = Policy::<3>::new();
        look(authorities.take(&update, &black_box([0; 64]), &verifies, &vocabulary, &mut scratch));
        look(authorities.adopt(&vocabulary, &vocabulary));
    }
    look(authorities.withdraw(authority));
    authorities.set_reach(authority, black_box(false));
    let (from, to) = (authority, Authority(number()));
    let delegation = Delegation {
        from,
        to,
        scope: black_box(Scope::ALL),
        until: time(),
        serial: black_box(1),
        vocabulary: black_box([0; 32]),
        redelegate: black_box(false),
    };
    look(authorities.delegate(delegation, &black_box([0; 64]), &verifies, time()));
    look(authorities.rotate(authority, black_box([0; 32])));
    authorities.revoke(from, to);
}

/// A version in flash, as firmware has it: the optimiser does not know that it is this one.
static LINKED: Version<3> =
    match Version::compiled(7, include_bytes!("../../../footprint/firmware/src/robot.policy.bin")) {
        Ok(version) => version,
        Err(_) => panic!("no compiled policy"),
    };

fn kept(control: &mut Control, interaction: &mut Governed, log: &mut impl Sink) {
    look(interaction.snapshot(opaque_buffer()).map_err(Needed));
    look(control.snapshot(opaque_buffer()).map_err(Needed));
    look(control.restore(opaque(), |_, policy| policy.add(text(), &Vocabulary::default()).is_ok()));
    look(interaction.resumed(opaque(), log));
    match Governed::restore(opaque()) {
        Ok(restored) => *interaction = black_box(restored),
        Err(error) => print(&error),
    }
    look(interaction.begin(id(), time(), black_box(Mode::Observe), control, log));
}

fn rollout(control: &mut Control, interaction: &Governed) {
    let mut policy = Policy::new();
    if let Ok(vocabulary) = Vocabulary::read(text()) {
        look(policy.add(text(), &vocabulary));
    }
    look(control.install(&policy));
    look(Policy::<3>::compiled(opaque()).map(|policy| *policy.digest()));
    look(Version::<3>::compiled(version(), opaque()).map(|version| version.number));
    look(control.link(black_box(&LINKED)));
    look(control.start_canary(version(), number()));
    look(control.publish(black_box(Track::STABLE), version()));
    look(control.emergency(version()));
    let track = black_box(control.track_for(interaction.id()));
    look(control.publish(track, version()));
    look(control.roll_back(Authority(number()), version()));
    look(control.promote_canary());
    look(control.end_canary());
    look(control.discard(version()));
    black_box(control.version_of(track).map(|version| version.number));
}

fn validation() -> Validation {
    Validation { posture: Posture(number()), region: black_box(Some(Region(number()))), until: time() }
}

fn people(interaction: &mut Governed, control: &Control, log: &mut impl Sink) {
    let admission = Admission {
        action: Action(number()),
        name: black_box([0; 16]),
        kind: black_box(Kind::Human),
        home: black_box(Some(Authority(number()))),
        credential_until: time(),
        validation: validation(),
        roles: set(),
        streams: Streams { sends: set(), receives: set() },
        consents: set(),
    };
    look(interaction.join(time(), &admission, control, log));
    look(interaction.revalidate(time(), seat(), &validation(), control, log));
    look(interaction.consent(time(), seat(), set(), log));
    let (how, region) = (black_box(Transition::Protocol), black_box(Some(Region(number()))));
    look(interaction.transition(time(), seat(), how, region, black_box([0; 16]), log));
    look(interaction.suspend(time(), log));
    look(interaction.resume(time(), log));
    look(interaction.leave(time(), seat(), log));
    look(interaction.terminate(time(), log));
    print(&interaction.state());
    print(interaction.id());
}

fn request() -> Request {
    Request { action: Action(number()), seat: seat(), on: on(), binding: black_box(Some(binding())), goes: set() }
}

fn decide(interaction: &mut Governed, control: &Control, log: &mut impl Sink) {
    let decision = interaction.decide(time(), &request(), control, log);
    print(&decision.verdict);
    black_box((decision, decision.may()));
    if let Some(lease) = decision.lease {
        black_box(interaction.holds(&lease, time(), control));
    }
    let candidates: &[Set<Region>] = black_box(&[]);
    black_box(interaction.choose(time(), black_box(Choice::Way), &request(), candidates, control, log));
    look(interaction.pin(time(), black_box(Some(version())), control, log));
    black_box((interaction.head_is_due(control), interaction.head().signed(), interaction.next_deadline()));
}

fn compute(interaction: &mut Governed, control: &Control, log: &mut impl Sink) {
    let invocation = Invocation {
        action: Action(number()),
        function: Function(number()),
        on: on(),
        seat: seat(),
        parent: black_box(Some(binding())),
        sites: black_box(&[]),
        component: Component { digest: black_box([0; 32]), statement: opaque() },
        role: black_box(Role::Core),
    };
    black_box(interaction.invoke(time(), &invocation, &provenance, control, log));
    look(interaction.fail(time(), binding(), control, log));
    look(interaction.recover(time(), binding(), log));
    look(interaction.end(time(), binding(), log));
    match interaction.review(time(), control, log) {
        Ok(cancelled) => cancelled.iter().for_each(|binding| {
            black_box(binding);
        }),
        Err(refused) => print(&refused),
    }
    let what = black_box(Attribution::Telemetry(Some(binding())));
    look(interaction.attribute(time(), what, black_box([0; 16]), control, log));
}
