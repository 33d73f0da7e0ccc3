//! A telehealth call over two jurisdictions: the law goes with the patient's data (`IoE §3.3`, `R7`).

use anyhow::{Context, Result};
use interaction_gov::function::Role;
use interaction_gov::participant::{Seat, Streams};
use interaction_gov::policy::Kind;
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::plane::{Plane, Text};
use crate::stage::{Person, Played, Stage};
use crate::telling::{Style, Teller};
use crate::work::Work;

const NAMES: &str = include_str!("../../policies/telehealth/names.vocabulary");
const TEXTS: [(&str, Text); 3] = [
    ("clinic", Text { file: "clinic.policy", text: include_str!("../../policies/telehealth/clinic.policy") }),
    ("eu-law", Text { file: "eu-law.policy", text: include_str!("../../policies/telehealth/eu-law.policy") }),
    ("us-law", Text { file: "us-law.policy", text: include_str!("../../policies/telehealth/us-law.policy") }),
];
const EVENING: Time = Time(20 * 3_600_000);

const fn person<'a>(name: &'a str, region: &'a str, consents: &'a [&'a str]) -> Person<'a> {
    let kind = Kind::Human;
    Person { name, kind, home: "clinic", posture: "managed", region, consents, credential_until: EVENING }
}

fn record<'a>(label: &'a str, seat: Seat, sites: &'a [&'a str]) -> Work<'a> {
    let does = ("record", "recording");
    Work { label, does, on: "audio", seat, parent: None, sites, vouched: true, role: Role::Auxiliary }
}

/// Plays it.
pub fn play(seed: u64, style: Style) -> Result<Played> {
    let mut plane = Plane::new(NAMES, ChaCha20Rng::seed_from_u64(seed))?;
    for (name, text) in TEXTS {
        plane.take(name, 1, text)?.with_context(|| format!("the text of {name}"))?;
    }
    let first = plane.install()?;
    plane.rollout.publish(Track::STABLE, first).context("publishing")?;
    let all = Streams::both(plane.all(&["audio", "video", "vitals"])?);
    let mut stage = Stage::new(plane, Time(10 * 3_600_000), Teller::new(style))?;
    stage.governs(first)?;

    stage.chapter("A patient and a physician in the EU");
    let patient = stage.join_as(&person("patient", "de", &["recording"]), &["patient"], all)?;
    let physician = stage.join_as(&person("physician", "at", &["recording", "transfer"]), &["physician"], all)?;
    stage.ask(patient, "send", "vitals", "sends the pulse")?;
    stage.ask(physician, "refer", "audio", "refers to a specialist")?;

    stage.chapter("A specialist outside: the patient's data would go there");
    let specialist = person("specialist", "us", &["recording", "transfer"]);
    stage.knock_as(&specialist, &["specialist"], all)?;
    stage.wait(5_000)?;
    stage.consent(patient, &["recording", "transfer"])?;
    let specialist = stage.join_as(&specialist, &["specialist"], all)?;
    stage.flows("us")?;
    stage.ask(specialist, "speak", "audio", "speaks")?;

    stage.chapter("What is recorded stays where the patient is, whoever records");
    stage.begin(&record("a recording at the specialist's", specialist, &["us"]))?;
    stage.begin(&record("a recording in the EU", specialist, &["de"]))?;

    stage.chapter("Consent is taken back, for one thing and then for the other");
    stage.wait(5_000)?;
    stage.consent(patient, &["transfer"])?;
    stage.wait(5_000)?;
    stage.consent(patient, &["recording"])?;
    stage.flows("us")?;
    stage.ask_to(patient, ("send", "vitals"), "us", "wants to send the pulse there")?;

    stage.chapter("The patient hangs up, whatever cannot be asked");
    stage.reach("eu-law", false)?;
    stage.ask(physician, "speak", "audio", "wants to speak")?;
    stage.ask(patient, "hang-up", "audio", "hangs up")?;
    stage.leave(patient, "leaves")?;
    stage.terminate()?;
    Ok(stage.close())
}
