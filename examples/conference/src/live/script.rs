//! The day that `conference live` plays: each step once, in whatever process.

use anyhow::{Context, Result};
use interaction_gov::function::Role;
use interaction_gov::interaction::Transition;
use interaction_gov::participant::Seat;
use interaction_gov::policy::Kind;
use interaction_gov::protocol::Protocol::WebRtcSession;
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;

use crate::plane::{Plane, Text};
use crate::stage::{Person, Stage};
use crate::telling::{Style, Teller};
use crate::work::Work;

/// What its policies are written in.
pub const NAMES: &str = include_str!("../../policies/names.vocabulary");

const CORPORATE: Text = Text { file: "corporate.policy", text: include_str!("../../policies/corporate.policy") };
const CORPORATE_2: Text = Text { file: "corporate-2.policy", text: include_str!("../../policies/corporate-2.policy") };
const PRIVACY: Text =
    Text { file: "regional-privacy.policy", text: include_str!("../../policies/regional-privacy.policy") };

/// All texts, to be found by their names.
pub const TEXTS: [Text; 3] = [CORPORATE, CORPORATE_2, PRIVACY];

const MORNING: Time = Time(9 * 3_600_000);
const EVENING: Time = Time(20 * 3_600_000);
const ANNA: Seat = Seat(0);
const BEN: Seat = Seat(1);

/// The step in which it leaves the edge.
pub const HAND_OVER: usize = 12;

/// A step. Its events are shown once it is on the disk.
pub type Step = fn(&mut Stage) -> Result<()>;

/// All of them; the first one is played by [`first`].
pub const STEPS: &[Step] = &[
    |_| Ok(()),
    |stage| join(stage, "Anna", "de"),
    |stage| join(stage, "Ben", "fr"),
    |stage| stage.ask(ANNA, "speak", "audio", "speaks").map(drop),
    |stage| record(stage, "recording"),
    |stage| {
        stage.wait(1_000)?;
        stage.consent(BEN, &["analysis"])
    },
    |stage| record(stage, "a second recording"),
    |stage| {
        stage.wait(1_000)?;
        stage.consent(BEN, &["recording", "analysis"])?;
        record(stage, "a third recording")
    },
    |stage| {
        stage.plane.take("corporate", 2, CORPORATE_2)?.context("the second text")?;
        let second = stage.plane.install()?;
        stage.plane.rollout.publish(Track::STABLE, second).context("publishing")?;
        stage.governs(second)?;
        stage.review()
    },
    |stage| stage.ask(BEN, "present", "screen-share", "wants to present").map(drop),
    |stage| {
        stage.plane.rollout.authorities.withdraw(stage.plane.the("corporate")?).context("withdrawing")?;
        let corporate = stage.plane.the("corporate")?;
        stage.plane.rollout.roll_back(corporate, 0).context("rolling back")?;
        stage.governs(0)?;
        stage.review()
    },
    |stage| stage.ask(BEN, "present", "screen-share", "presents").map(drop),
    // The edge gives it away before this step.
    |stage| {
        let over = (WebRtcSession, "anna@cloud");
        stage.transition(ANNA, Transition::Infrastructure, "de", over, "hands over from the edge to the cloud")
    },
    |stage| {
        stage.wait(500)?;
        stage.ask(ANNA, "speak", "audio", "speaks on").map(drop)
    },
    |stage| stage.reach("regional-privacy", false),
    |stage| stage.ask(ANNA, "speak", "audio", "wants to speak").map(drop),
    |stage| stage.reach("regional-privacy", true),
    |stage| {
        stage.wait(60_000)?;
        stage.ask(ANNA, "speak", "audio", "speaks").map(drop)
    },
    |stage| stage.leave(BEN, "leaves"),
    Stage::terminate,
];

/// The first step: texts, a version that governs, and the interaction.
pub fn first(mut plane: Plane) -> Result<Stage> {
    plane.take("corporate", 1, CORPORATE)?.context("the corporate text")?;
    plane.take("regional-privacy", 1, PRIVACY)?.context("the privacy text")?;
    let version = plane.install()?;
    plane.rollout.publish(Track::STABLE, version).context("publishing")?;
    let mut stage = Stage::new(plane, MORNING, Teller::new(Style::Silent))?;
    stage.governs(version)?;
    Ok(stage)
}

fn join(stage: &mut Stage, name: &str, region: &str) -> Result<()> {
    stage.wait(1_000)?;
    let person = Person {
        name,
        kind: Kind::Human,
        home: "corporate",
        posture: "managed",
        region,
        consents: &["recording", "analysis"],
        credential_until: EVENING,
    };
    stage.join(&person).map(drop)
}

fn record(stage: &mut Stage, label: &str) -> Result<()> {
    let does = ("record", "recording");
    let work = Work {
        label,
        does,
        on: "audio",
        seat: ANNA,
        parent: None,
        sites: &["de"],
        vouched: true,
        role: Role::Auxiliary,
    };
    stage.begin(&work).map(drop)
}
