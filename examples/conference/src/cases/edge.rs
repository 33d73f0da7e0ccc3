//! A device that hands work from the edge to the cloud (`IoE §6`), as a script.

use anyhow::{Context, Result};
use interaction_gov::function::Role;
use interaction_gov::interaction::{Choice, Transition};
use interaction_gov::policy::Kind;
use interaction_gov::protocol::Protocol::MqttClient;
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::plane::{Plane, Text};
use crate::stage::{Person, Played, Stage};
use crate::telling::{Style, Teller};
use crate::work::Work;

const NAMES: &str = include_str!("../../policies/edge/names.vocabulary");
const OPERATOR: Text = Text { file: "operator.policy", text: include_str!("../../policies/edge/operator.policy") };
const LAW: Text =
    Text { file: "regional-data-law.policy", text: include_str!("../../policies/edge/regional-data-law.policy") };

/// Plays it.
pub fn play(seed: u64, style: Style) -> Result<Played> {
    let mut plane = Plane::new(NAMES, ChaCha20Rng::seed_from_u64(seed))?;
    plane.take("operator", 1, OPERATOR)?.context("the operator's text")?;
    plane.take("regional-data-law", 1, LAW)?.context("the law's text")?;
    let first = plane.install()?;
    plane.rollout.publish(Track::STABLE, first).context("publishing")?;
    let morning = Time(6 * 3_600_000);
    let mut stage = Stage::new(plane, morning, Teller::new(style))?;
    stage.governs(first)?;

    stage.chapter("A device, a service and an agent");
    let thing = |name, kind, posture, credential_until| Person {
        name,
        kind,
        home: "operator",
        posture,
        region: "de",
        consents: &[],
        credential_until,
    };
    let evening = Time(20 * 3_600_000);
    let device = stage.join(&thing("camera 7", Kind::Device, "hardened", morning.after(300_000)))?;
    let service = stage.join(&thing("cloud service", Kind::Service, "managed", evening))?;
    let agent = stage.join(&thing("planning agent", Kind::Agent, "hardened", evening))?;
    stage.bind(device, MqttClient, "camera-7@edge-broker")?;
    stage.networks.insert("edge");
    stage.ask(device, "report", "telemetry", "reports what it measures")?;
    stage.ask(agent, "command", "commands", "commands the device")?;
    stage.ask(service, "command", "commands", "wants to command the device")?;

    stage.chapter("Work at the edge, and work that goes to the cloud");
    stage.wait(30_000)?;
    let work = Work {
        label: "inference",
        does: ("infer", "inference"),
        on: "telemetry",
        seat: device,
        parent: None,
        sites: &["de"],
        vouched: true,
        role: Role::Auxiliary,
    };
    let inference = stage.begin(&work)?;
    let aggregation = Work { label: "aggregation", does: ("aggregate", "aggregation"), parent: inference, ..work };
    stage.begin(&Work { sites: &["us"], ..aggregation })?;
    let regions: [&[&str]; 2] = [&["us"], &["fr"]];
    let region = stage.choose(Choice::Place, device, ("place", "telemetry"), &regions, "a cloud region")?;
    let delegated = region.map(|site| stage.begin(&Work { sites: &[site], ..aggregation })).transpose()?.flatten();
    stage.output(delegated, "42 parts, none faulty")?;

    stage.chapter("From edge to cloud: the infrastructure changes, the interaction stays");
    stage.wait(30_000)?;
    let (old, new) = ((MqttClient, "camera-7@edge-broker"), (MqttClient, "camera-7@cloud-broker"));
    stage.rebind(device, service, old, new)?;
    stage.rebind(device, device, old, new)?;
    stage.transition(
        device,
        Transition::Infrastructure,
        "de",
        new,
        "hands over from the edge's broker to the cloud's",
    )?;
    stage.networks.insert("cloud");
    stage.ask(device, "report", "telemetry", "reports on")?;

    stage.chapter("The credential expires: what ran on it ends, delegated work included");
    stage.go_to(morning.after(299_000))?;
    stage.ask(device, "report", "telemetry", "reports for the last time")?;
    stage.go_to(morning.after(300_000))?;
    stage.revalidate(device, "hardened", "de", 600_000)?;
    stage.ask(device, "report", "telemetry", "wants to report")?;
    stage.leave(device, "leaves")?;
    stage.wait(10_000)?;
    stage.terminate()?;
    Ok(stage.close())
}
