//! interaction-gov: an interaction for each request, so that nothing is still warm from the one before.

use interaction_gov::audit::{Bytes, Log, Need, RECORD, Sink, Verdict};
use interaction_gov::authority::{Authorities, Speaker, Update};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Decision, Interaction, Mode, Request as Governed};
use interaction_gov::participant::{Admission, Streams, Validation};
use interaction_gov::policy::{Consents, Facts, Kind, On, Policy, Provenance, Ruling};
use interaction_gov::rollout::{Rollout, Track};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Listed, Set, Vocabulary};
use sha2::{Digest as _, Sha256};

use super::rules::{ACTIONS, CONSENTS, KINDS, MODALITIES, POSTURES, REGIONS, Request, Rule};
use super::{Engine, names};

/// 1,024 rules, and two versions: one under which all participants join, and then the one that is measured.
type Control = Rollout<16, 2>;

/// Its time stands still.
const NOW: Time = Time(1_000);

const AUTHORITY: Authority = Authority(0);

const OPEN: &str = "authority corporate\nversion 1\npermit any\n";

/// How many records wait before they are taken.
const LOG: usize = 1_024;

/// Interactions under one policy of one authority, and what is requested in each.
pub struct Ours {
    control: Box<Control>,
    asked: Vec<(Interaction<2, 2>, Governed, Facts)>,
    log: Log<Box<[Bytes]>>,
}

impl Engine for Ours {
    fn new(rules: &[Rule], requests: &[Request]) -> Self {
        let words = vocabulary();
        let vocabulary = Vocabulary::read(&words).expect("a vocabulary");
        let mut authorities = Authorities::new();
        authorities.introduce(AUTHORITY, [1; 32]).expect("there is room");
        let mut control = Box::new(Control::new(authorities, [2; 32]));
        govern(&mut control, "", OPEN, &vocabulary);
        let mut log = Log::new(vec![[0; RECORD]; LOG].into_boxed_slice());
        let asked = (1..).zip(requests).map(|(number, request)| ask(number, request, &vocabulary, &control, &mut log));
        let asked = asked.collect();
        govern(&mut control, OPEN, &text(rules), &vocabulary);
        Self { asked, control, log }
    }

    fn permits(&mut self, request: usize) -> bool {
        self.decide(request).verdict == Verdict::Permit
    }
}

impl Ours {
    /// One whole governed decision, with its record in the log, which is emptied when it is full.
    pub fn decide(&mut self, request: usize) -> Decision {
        if !self.log.has_room(2, Need::Ordinary) {
            self.log.taken();
        }
        let (interaction, request, _) = &mut self.asked[request];
        interaction.decide(NOW, request, &*self.control, &mut self.log)
    }

    /// The answer of the policy alone.
    ///
    /// # Panics
    /// There is no answer.
    #[must_use]
    pub fn evaluate(&self, request: usize) -> Ruling {
        let (_, _, facts) = &self.asked[request];
        let policy = &self.control.version_of(Track::STABLE).expect("a version").policy;
        policy.decide(facts, |authority| Speaker { authority: Some(authority), until: Time::NEVER })
    }

    /// The bytes that the last record's hash is over: the hash before, and the record.
    #[must_use]
    pub fn hashed(&self) -> [u8; 32 + RECORD] {
        let mut bytes = [0x5A; 32 + RECORD];
        if let Some(record) = self.log.waiting().last() {
            bytes[32..].copy_from_slice(record);
        }
        bytes
    }
}

/// Puts a text into force that follows another one.
fn govern(control: &mut Control, before: &str, text: &str, vocabulary: &Vocabulary<'_>) {
    let mut policy = Box::new(Policy::<16>::new());
    policy.add(text, vocabulary).expect("a policy");
    let version = policy.members()[0].version;
    let update = Update {
        authority: AUTHORITY,
        version,
        follows: Sha256::digest(before).into(),
        vocabulary: *vocabulary.digest(),
        text,
    };
    // Whether it is signed is not what is measured.
    let signed = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true;
    let mut scratch = Box::new(Policy::<16>::new());
    control.authorities.take(&update, &[0; 64], &signed, vocabulary, &mut scratch).expect("it follows");
    let version = control.install(&policy).expect("there is room");
    control.publish(Track::STABLE, version).expect("it is installed");
}

/// A participant as the request describes it, and a person who gives the same consents.
fn ask(
    number: u8,
    request: &Request,
    vocabulary: &Vocabulary<'_>,
    control: &Control,
    log: &mut Log<Box<[Bytes]>>,
) -> (Interaction<2, 2>, Governed, Facts) {
    fn the<T: Listed>(vocabulary: &Vocabulary<'_>, name: &str) -> T {
        vocabulary.find(name).expect("a name of the vocabulary")
    }
    log.taken();
    let facts = Facts {
        action: the(vocabulary, ACTIONS[request.action]),
        kind: Kind::ALL[request.kind],
        home: Some(AUTHORITY),
        roles: Set::EMPTY,
        on: On::Stream(the(vocabulary, MODALITIES[request.modality])),
        function: None,
        law: Set::one(the(vocabulary, REGIONS[request.region])),
        goes: Set::EMPTY,
        present: Set::EMPTY,
        time: NOW,
        consents: Consents::everybody(
            (0..CONSENTS.len())
                .filter(|consent| request.consents_to(*consent))
                .map(|consent| the(vocabulary, CONSENTS[consent]))
                .collect(),
        ),
        posture: the(vocabulary, POSTURES[request.posture]),
        provenance: Provenance::None,
    };
    let mut interaction = Interaction::create(InteractionId::recorded([number; 16]), NOW, Mode::Enforce, control, log)
        .expect("there is room for a record");
    let admission = Admission {
        action: the(vocabulary, ACTIONS[0]),
        name: [1; 16],
        kind: facts.kind,
        home: facts.home,
        credential_until: Time::NEVER,
        validation: Validation {
            posture: facts.posture,
            region: Some(the(vocabulary, REGIONS[request.region])),
            until: Time::NEVER,
        },
        roles: Set::EMPTY,
        streams: Streams::both(Set::one(the(vocabulary, MODALITIES[request.modality]))),
        consents: facts.consents.all,
    };
    let seat = interaction.join(NOW, &admission, control, log).expect("a seat");
    let person = Admission { name: [2; 16], kind: Kind::Human, ..admission };
    interaction.join(NOW, &person, control, log).expect("a seat");
    let request = Governed { action: facts.action, seat, on: facts.on, binding: None, goes: Set::EMPTY };
    (interaction, request, facts)
}

fn vocabulary() -> String {
    let lists: [(&str, &[&str]); 6] = [
        ("actions", &ACTIONS),
        ("modalities", &MODALITIES),
        ("regions", &REGIONS),
        ("postures", &POSTURES),
        ("consents", &CONSENTS),
        ("authorities", &["corporate"]),
    ];
    lists.map(|(list, names)| format!("{list} {}\n", names.join(", "))).concat()
}

/// The line of a rule is its place and three.
fn text(rules: &[Rule]) -> String {
    let mut text = String::from("authority corporate\nversion 2\n");
    for rule in rules {
        text.push_str(if rule.permits { "permit " } else { "deny " });
        text.push_str(&names(&ACTIONS, &rule.actions).join(", "));
        text.extend(rule.kind.map(|kind| format!(" for {}", KINDS[kind])));
        text.push_str(&format!(" on {}", names(&MODALITIES, &rule.modalities).join(", ")));
        text.push_str(&format!(" in {}", names(&REGIONS, &rule.regions).join(", ")));
        text.extend(rule.consent.map(|consent| format!(" with consent {}", CONSENTS[consent])));
        if rule.posture > 0 {
            text.push_str(&format!(" with posture {}", POSTURES[rule.posture]));
        }
        text.push('\n');
    }
    text
}
