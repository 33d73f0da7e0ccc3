//! The draft's own example, a video conference of an enterprise (`IoE §3.2.1`), on one scripted day.

mod rollout;

use anyhow::{Context, Result};
use interaction_gov::authority::Delegation;
use interaction_gov::function::{Binding, Role};
use interaction_gov::interaction::{Choice, Transition};
use interaction_gov::participant::Seat;
use interaction_gov::policy::{Kind, Scope};
use interaction_gov::protocol::Protocol::{QuicConnection, SipCallId, WebRtcSession};
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::plane::{Plane, Text};
use crate::stage::{Person, Played, Stage};
use crate::telling::{Ruling, Style, Teller, clock};
use crate::work::Work;

macro_rules! text {
    ($file:literal) => {
        Text { file: $file, text: include_str!(concat!("../../policies/", $file)) }
    };
}

const NAMES: &str = include_str!("../../policies/names.vocabulary");
const CORPORATE: Text = text!("corporate.policy");
const CORPORATE_2: Text = text!("corporate-2.policy");
const OTHERS: [(&str, Text); 3] = [
    ("guest-organisation", text!("guest-organisation.policy")),
    ("regional-privacy", text!("regional-privacy.policy")),
    ("industry", text!("industry.policy")),
];

const EVENING: Time = Time(20 * 3_600_000);
const MINUTE: u64 = 60_000;
const CALL_ID: &str = "a84b4c76e66710@conference.example";

/// Plays the day.
pub fn play(seed: u64, style: Style) -> Result<Played> {
    let mut plane = Plane::new(NAMES, ChaCha20Rng::seed_from_u64(seed))?;
    plane.take("corporate", 1, CORPORATE)?.context("corporate's first text")?;
    for (name, text) in OTHERS {
        plane.take(name, 1, text)?.context("a first text")?;
    }
    let first = plane.install()?;
    plane.rollout.publish(Track::STABLE, first).context("publishing")?;
    let mut stage = Stage::new(plane, Time(9 * 3_600_000), Teller::new(style))?;
    stage.governs(first)?;
    let mut cast = arrivals(&mut stage)?;
    functions(&mut stage, &mut cast)?;
    consent(&mut stage, &mut cast)?;
    validation(&mut stage, &mut cast)?;
    networks(&mut stage, &cast)?;
    residency(&mut stage, &cast)?;
    failures(&mut stage, &mut cast)?;
    silence(&mut stage, &mut cast)?;
    delegation(&mut stage, &cast)?;
    rollout::change(&mut stage, cast.host)?;
    rollout::bad_updates(&mut stage)?;
    stage.chapter("The end");
    stage.at(9, 36, 0)?;
    stage.terminate()?;
    stage.find(SipCallId, CALL_ID);
    Ok(stage.close())
}

/// The participants and things that the script uses.
struct Cast {
    host: Seat,
    employees: Vec<Seat>,
    guests: Vec<Seat>,
    captions: Option<Binding>,
    recording: Option<Binding>,
    analytics: Option<Binding>,
}

const fn person<'a>(name: &'a str, home: &'a str, posture: &'a str, consents: &'a [&'a str]) -> Person<'a> {
    Person { name, kind: Kind::Human, home, posture, region: "de", consents, credential_until: EVENING }
}

/// Of the employees' machines.
const POSTURES: [&str; 6] = ["hardened", "managed", "managed", "managed", "unmanaged", "managed"];

const ALL: &[&str] = &["recording", "analysis"];

fn arrivals(stage: &mut Stage) -> Result<Cast> {
    stage.chapter("Employees and guests join");
    let mut employees = Vec::new();
    for (number, posture) in POSTURES.into_iter().enumerate() {
        stage.wait(2_000)?;
        let name = format!("employee {}", number + 1);
        employees.push(stage.join(&person(&name, "corporate", posture, ALL))?);
    }
    let host = *employees.first().context("nobody came")?;
    stage.bind(host, SipCallId, CALL_ID)?;
    stage.find(SipCallId, CALL_ID);
    stage.bind(host, WebRtcSession, "4611731400430051336")?;
    let mut guests = Vec::new();
    for number in 1..=3 {
        stage.wait(3_000)?;
        guests.push(stage.join(&person(&format!("guest {number}"), "guest-organisation", "managed", ALL))?);
    }
    stage.chapter("People use the six modalities");
    for (seat, action, modality, what) in [
        (host, "speak", "audio", "speaks"),
        (host, "show", "video", "shows video"),
        (host, "present", "screen-share", "presents a screen"),
        (host, "share", "files", "shares a file"),
        (guests[0], "message", "chat", "writes a message"),
        (guests[1], "draw", "whiteboard", "draws on the whiteboard"),
        (guests[1], "present", "screen-share", "wants to present"),
        (employees[4], "share", "files", "wants to share a file"),
    ] {
        stage.ask(seat, action, modality, what)?;
    }
    Ok(Cast { host, employees, guests, captions: None, recording: None, analytics: None })
}

fn work<'a>(label: &'a str, does: (&'a str, &'a str), on: &'a str, seat: Seat) -> Work<'a> {
    Work { label, does, on, seat, parent: None, sites: &["de"], vouched: true, role: Role::Auxiliary }
}

const RECORDING: (&str, &str) = ("record", "recording");
const TRANSCRIPTION: (&str, &str) = ("transcribe", "transcription");

fn functions(stage: &mut Stage, cast: &mut Cast) -> Result<()> {
    stage.chapter("Functions begin: each is bound to the interaction, and none has a session of its own");
    stage.at(9, 2, 0)?;
    let host = cast.host;
    let captions = work("captions", ("caption", "accessibility"), "audio", host);
    cast.captions = stage.begin(&Work { role: Role::Core, ..captions })?;
    let screening = stage.begin(&work("screening", ("moderate", "moderation"), "video", host))?;
    stage.output(screening, "nothing to object to in the last minute")?;
    let assistant = work("AI assistant", ("assist", "assistant"), "chat", host);
    stage.begin(&Work { vouched: false, ..assistant })?;
    stage.wait(5_000)?;
    stage.begin(&assistant)?;
    cast.recording = stage.begin(&work("recording", RECORDING, "audio", host))?;
    cast.analytics = stage.begin(&work("analytics", ("analyse", "analytics"), "audio", host))?;
    stage.begin(&work("compliance scanning", ("scan", "compliance-scanning"), "chat", host))?;
    // A guest's own agent: it runs with the guest's standing, and so does what it delegates.
    let guest = cast.guests[0];
    let translation = stage.begin(&work("translation", ("translate", "translation"), "audio", guest))?;
    let glossary = work("glossary look-up", ("translate", "translation"), "audio", guest);
    stage.begin(&Work { parent: translation, sites: &["fr"], ..glossary })?;
    stage.chapter("A place for the transcription: the region's law decides before anything goes anywhere");
    stage.begin(&Work { sites: &["us"], ..work("transcription", TRANSCRIPTION, "audio", host) })?;
    stage.begin(&Work { sites: &["us", "fr"], ..work("transcription", TRANSCRIPTION, "audio", host) })?;
    Ok(())
}

fn consent(stage: &mut Stage, cast: &mut Cast) -> Result<()> {
    stage.chapter("A newcomer has not consented: what needs everybody's consent stops, and begins again when all do");
    stage.at(9, 5, 0)?;
    let newcomer = stage.join(&person("guest 4", "guest-organisation", "managed", &[]))?;
    cast.guests.push(newcomer);
    stage.begin(&work("recording", RECORDING, "audio", cast.host))?;
    stage.wait(40_000)?;
    stage.consent(newcomer, ALL)?;
    cast.recording = stage.begin(&work("recording", RECORDING, "audio", cast.host))?;
    cast.analytics = stage.begin(&work("analytics", ("analyse", "analytics"), "audio", cast.host))?;
    stage.begin(&Work { sites: &["fr"], ..work("transcription", TRANSCRIPTION, "audio", cast.host) })?;
    Ok(())
}

fn validation(stage: &mut Stage, cast: &mut Cast) -> Result<()> {
    stage.chapter("Nobody is trusted for having come in: validation goes on");
    stage.at(9, 8, 0)?;
    let three = cast.employees[2];
    stage.revalidate(three, "managed", "de", 2 * MINUTE)?;
    stage.ask(three, "share", "files", "shares a file")?;
    stage.at(9, 10, 30)?;
    stage.ask(three, "share", "files", "shares another")?;
    stage.revalidate(three, "unmanaged", "de", 10 * MINUTE)?;
    stage.ask(three, "share", "files", "tries again, on a machine that nobody manages any more")?;
    stage.revalidate(three, "managed", "de", 15 * MINUTE)?;
    stage.ask(three, "share", "files", "shares it, the machine being managed again")?;
    // A participant whose validation has lapsed counts as not consenting: what needs the consent of all begins again
    // now.
    cast.recording = stage.begin(&work("recording", RECORDING, "audio", cast.host))?;
    cast.analytics = stage.begin(&work("analytics", ("analyse", "analytics"), "audio", cast.host))?;
    stage.begin(&Work { sites: &["fr"], ..work("transcription", TRANSCRIPTION, "audio", cast.host) })?;
    everybody(stage, cast)
}

/// All participants are validated again before that is due.
fn everybody(stage: &mut Stage, cast: &Cast) -> Result<()> {
    let people = cast.employees.iter().zip(POSTURES).chain(cast.guests.iter().map(|guest| (guest, "managed")));
    let mut found = Vec::new();
    for (seat, posture) in people {
        // The second employee has gone home, which is in another country.
        let region = if *seat == cast.employees[1] && stage.networks.contains("home") { "fr" } else { "de" };
        found.push((*seat, posture, region));
    }
    stage.revalidate_all(&found, 15 * MINUTE)
}

fn networks(stage: &mut Stage, cast: &Cast) -> Result<()> {
    stage.chapter("Office Wi-Fi, mobile, home: the identity stays, media adapt, the way is chosen by law");
    stage.at(9, 13, 0)?;
    let two = cast.employees[1];
    let connections =
        [("office Wi-Fi", "8394c8f03e515708"), ("mobile", "f067a5502a4262b5"), ("home", "c3eaa712dfd87be0")];
    let mut before: Option<&str> = None;
    for ((network, connection), region) in connections.into_iter().zip(["de", "de", "fr"]) {
        stage.wait(20_000)?;
        match before {
            None => stage.bind(two, QuicConnection, connection)?,
            Some(old) => {
                // A stranger that has seen the identifier, but does not hold the key.
                stage.rebind(two, cast.guests[1], (QuicConnection, old), (QuicConnection, "0102030405060708"))?;
                stage.rebind(two, two, (QuicConnection, old), (QuicConnection, connection))?;
                let what = format!("goes on over {network}");
                stage.transition(two, Transition::Transport, region, (QuicConnection, connection), &what)?;
            }
        }
        stage.networks.insert(network);
        stage.ask(two, "adapt", "video", &format!("adapts video to {network}"))?;
        let ways: [&[&str]; 2] = [&["de", "us"], &["de", "fr"]];
        stage.choose(Choice::Way, two, ("show", "video"), &ways, "a way for video")?;
        before = Some(connection);
    }
    let guest = cast.guests[1];
    stage.bind(guest, SipCallId, "f81d4fae7dec@guests.example")?;
    stage.rebind(guest, guest, (SipCallId, "f81d4fae7dec@guests.example"), (WebRtcSession, "2890844526"))?;
    let what = "goes on by WebRTC instead of SIP";
    stage.transition(guest, Transition::Protocol, "de", (WebRtcSession, "2890844526"), what)
}

fn residency(stage: &mut Stage, cast: &Cast) -> Result<()> {
    stage.chapter("Two residencies conflict: no place is left, and each place says who stands against it");
    stage.at(9, 17, 0)?;
    let archive = ("archive", "files");
    let places: [&[&str]; 3] = [&["de"], &["fr"], &["us"]];
    stage.choose(Choice::Place, cast.host, archive, &places, "a place to archive the files")?;
    for place in ["de", "fr", "us"] {
        stage.ask_to(cast.host, archive, place, &format!("wants to archive the files in {place}"))?;
    }
    Ok(())
}

fn failures(stage: &mut Stage, cast: &mut Cast) -> Result<()> {
    stage.chapter("Something fails: what does not need it goes on");
    stage.at(9, 19, 0)?;
    stage.leave(cast.guests[0], "is gone: the connection does not come back")?;
    stage.wait(10_000)?;
    stage.fail(cast.recording)?;
    stage.ask(cast.host, "speak", "audio", "speaks on")?;
    stage.wait(6_000)?;
    stage.recover(cast.recording)?;
    stage.wait(10_000)?;
    stage.fail(cast.analytics)?;
    stage.wait(11_000)?;
    stage.wait(9_000)?;
    stage.fail(cast.captions)?;
    stage.ask(cast.host, "speak", "audio", "wants to speak")?;
    stage.wait(3_000)?;
    stage.recover(cast.captions)?;
    stage.ask(cast.host, "speak", "audio", "speaks on")?;
    Ok(())
}

fn silence(stage: &mut Stage, cast: &mut Cast) -> Result<()> {
    stage.chapter("An authority cannot be asked: its scope alone is denied");
    stage.at(9, 22, 0)?;
    everybody(stage, cast)?;
    stage.reach("industry", false)?;
    stage.ask(cast.host, "speak", "audio", "speaks")?;
    stage.begin(&work("second recording", RECORDING, "audio", cast.host))?;
    // The permits that were there run out.
    stage.wait(MINUTE + 1_000)?;
    stage.ask(cast.host, "show", "video", "shows video")?;
    stage.reach("industry", true)?;
    cast.recording = stage.begin(&work("recording", RECORDING, "audio", cast.host))?;
    stage.begin(&work("compliance scanning", ("scan", "compliance-scanning"), "chat", cast.host))?;
    Ok(())
}

fn delegation(stage: &mut Stage, cast: &Cast) -> Result<()> {
    stage.chapter("The guests' organisation lets corporate decide who of its people presents, for five minutes");
    stage.at(9, 25, 0)?;
    let guest = cast.guests[1];
    stage.ask(guest, "present", "screen-share", "wants to present")?;
    let scope = Scope::read("present own", &stage.plane.names)?;
    let until = stage.now.after(5 * MINUTE);
    let (from, to) = (stage.plane.the("guest-organisation")?, stage.plane.the("corporate")?);
    let delegation =
        Delegation { from, to, scope, until, serial: 1, vocabulary: *stage.plane.names.digest(), redelegate: false };
    let done = stage.plane.delegate(delegation, stage.now)?;
    let what = format!("lets corporate decide on 'present' of its own people until {}", clock(until));
    stage.tell("delegated", "guest-organisation", what, Some(Ruling::plain(&done, "taken")));
    stage.ask(guest, "present", "screen-share", "presents")?;
    stage.ask(guest, "share", "files", "wants to share a file, too")?;
    stage.at(9, 30, 0)?;
    stage.ask(guest, "present", "screen-share", "wants to present again")?;
    Ok(())
}
