//! A robot cell with remote maintenance: two persons for a stranger's command, presence, hours, an emergency stop that nothing
//! prevents (`IoE R7`, `§8`).

use anyhow::{Context, Result};
use interaction_gov::function::Role;
use interaction_gov::participant::Streams;
use interaction_gov::policy::Kind;
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::plane::{Plane, Text};
use crate::stage::{Person, Played, Stage};
use crate::telling::{Style, Teller};
use crate::work::Work;

const NAMES: &str = include_str!("../../policies/robot/names.vocabulary");
const TEXTS: [(&str, Text); 3] = [
    ("plant", Text { file: "plant.policy", text: include_str!("../../policies/robot/plant.policy") }),
    ("vendor", Text { file: "vendor.policy", text: include_str!("../../policies/robot/vendor.policy") }),
    (
        "works-council",
        Text { file: "works-council.policy", text: include_str!("../../policies/robot/works-council.policy") },
    ),
];
const EVENING: Time = Time(23 * 3_600_000);

/// Plays it.
pub fn play(seed: u64, style: Style) -> Result<Played> {
    let mut plane = Plane::new(NAMES, ChaCha20Rng::seed_from_u64(seed))?;
    for (name, text) in TEXTS {
        plane.take(name, 1, text)?.with_context(|| format!("the text of {name}"))?;
    }
    let first = plane.install()?;
    plane.rollout.publish(Track::STABLE, first).context("publishing")?;
    let (telemetry, camera, commands) =
        (plane.all(&["telemetry"])?, plane.all(&["camera"])?, plane.all(&["commands"])?);
    let mut stage = Stage::new(plane, Time(17 * 3_600_000 + 50 * 60_000), Teller::new(style))?;
    stage.governs(first)?;
    let someone = |name, kind, home, region, consents| Person {
        name,
        kind,
        home,
        posture: "hardened",
        region,
        consents,
        credential_until: EVENING,
    };

    stage.chapter("The cell: a robot, an operator, a safety officer");
    let robot = someone("robot", Kind::Device, "plant", "de", &[]);
    let robot = stage.join_as(&robot, &["robot"], Streams { sends: telemetry.or(camera), receives: commands })?;
    let operator = someone("operator", Kind::Human, "plant", "de", &["filming"]);
    let operator =
        stage.join_as(&operator, &["operator"], Streams { sends: commands, receives: telemetry.or(camera) })?;
    let work = Work {
        label: "the operator's controller",
        does: ("command", "controller"),
        on: "commands",
        seat: operator,
        parent: None,
        sites: &["de"],
        vouched: true,
        role: Role::Core,
    };
    stage.begin(&work)?;
    let officer = someone("safety officer", Kind::Human, "plant", "de", &["filming"]);
    let officer =
        stage.join_as(&officer, &["safety-officer"], Streams { sends: Default::default(), receives: camera })?;
    let controller = stage.begin(&work)?;
    stage.ask(robot, "report", "telemetry", "reports where its arm is")?;

    stage.chapter("Maintenance from outside");
    let remote = someone("maintainer", Kind::Human, "vendor", "us", &["maintenance"]);
    stage.knock_as(&remote, &["maintainer"], Streams { sends: commands, receives: telemetry.or(camera) })?;
    let remote = stage.join_as(&remote, &["maintainer"], Streams { sends: commands, receives: telemetry })?;
    stage.ask(remote, "tune", "commands", "wants to tune, without a second person's word")?;
    stage.consent(operator, &["maintenance", "filming"])?;
    stage.ask(remote, "tune", "commands", "tunes, with the operator's word")?;
    stage.ask_to(remote, ("watch", "camera"), "us", "wants to see the cell")?;

    stage.chapter("The hour, and the officer, end what rested on them");
    stage.wait(10 * 60_000)?;
    stage.ask(remote, "tune", "commands", "wants to tune after six")?;
    stage.leave(officer, "goes home")?;

    stage.chapter("A stop is a stop");
    stage.reach("plant", false)?;
    stage.ask(operator, "command", "commands", "wants to command")?;
    stage.ask(remote, "stop", "commands", "stops the robot")?;
    stage.ask(robot, "stop", "commands", "stops itself")?;
    stage.output(controller, "the arm stands still")?;
    stage.terminate()?;
    Ok(stage.close())
}
