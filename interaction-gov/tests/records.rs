//! Each public call, permitted and refused, and its whole record (`IoE R6`). Fields that are not named are as in
//! [`Record::fact`].

mod govern;

use std::fmt::Write as _;

use govern::{Call, all, call, component, hardened, log, person, provenance, recording, request, the, world};
use interaction_gov::audit::{Record, Verdict};
use interaction_gov::function::{Binding, Invocation};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Attribution, Choice, Mode, Request, Transition};
use interaction_gov::participant::{Admission, Seat};
use interaction_gov::policy::On;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Set;

/// A record as text, field by field, in the order of its layout.
fn told(record: &Record) -> String {
    let nothing = Record::fact(record.interaction, record.sequence, record.time, record.kind);
    let mut text = format!("{} #{} at {}", record.kind, record.sequence, record.time.0);
    if record.verdict != Verdict::Fact {
        write!(text, ": {}", record.verdict).unwrap();
    }
    macro_rules! fields {
        ($($field:ident)+) => {$(
            if record.$field != nothing.$field {
                let value = format!("{:?}", record.$field);
                let short = ["Some(", "Set(", "Stream(", "Modality(", "Time(", ")"];
                let value = short.into_iter().fold(value, |value, part| value.replace(part, ""));
                write!(text, " {}={value}", stringify!($field)).unwrap();
            }
        )+};
    }
    fields!(seat action on function site region participant home posture provenance authority speaker line rule);
    fields!(obligations);
    let sets = [record.consents.all, record.consents.stream, record.consents.own, record.consents.second];
    if sets.iter().any(|set| !set.is_empty()) {
        write!(text, " consents={:?}", sets.map(Set::bits)).unwrap();
    }
    fields!(roles present sends receives binding parent policy);
    if record.digest != nothing.digest {
        assert_eq!(record.digest[..], world().version(0).unwrap().digest()[..8], "of the version that governs");
        text.push_str(" digest");
    }
    fields!(until law goes);
    if record.voices != 0 {
        write!(text, " voices={:x}", record.voices).unwrap();
    }
    let subject = record.subject;
    if subject != nothing.subject {
        let words = String::from_utf8_lossy(&subject).trim_end_matches('\0').to_owned();
        match subject {
            [first, rest @ ..] if rest.iter().all(|byte| *byte == first) => write!(text, " subject={first}*16"),
            _ if words.starts_with("IoE") => write!(text, " subject={words}"),
            _ => write!(text, " lines={:?}", record.voices().lines),
        }
        .unwrap();
    }
    fields!(plane count);
    text
}

/// Runs steps one after the other, and compares the records that each has written.
struct Scribe {
    log: govern::Records,
    read: usize,
    told: Vec<(&'static str, Vec<String>)>,
}

impl Scribe {
    fn after(&mut self, what: &'static str) {
        let new = self.log.waiting()[self.read..].iter().map(|bytes| told(&Record::read(bytes).unwrap())).collect();
        self.read = self.log.waiting().len();
        self.told.push((what, new));
    }
}

fn life() -> Vec<(&'static str, Vec<String>)> {
    let world = world();
    let mut scribe = Scribe { log: log(), read: 0, told: Vec::new() };
    macro_rules! step {
        ($what:literal, $call:expr) => {{
            let _ = $call;
            scribe.after($what);
        }};
    }
    let (seat, other, nobody) = (Seat(0), Seat(1), Seat(9));
    let id = InteractionId::recorded([7; 16]);
    let mut call = Call::create(id, Time(1_000), Mode::Observe, &world, &mut scribe.log).unwrap();
    scribe.after("create");
    step!("enforce", call.enforce(Time(1_000), &mut scribe.log));
    step!("join", call.join(Time(1_001), &person(1), &world, &mut scribe.log));
    step!("join, twice", call.join(Time(1_002), &person(1), &world, &mut scribe.log));
    let unmanaged = Admission {
        validation: interaction_gov::participant::Validation { posture: the("unmanaged"), ..person(2).validation },
        ..person(2)
    };
    step!("join, denied", call.join(Time(1_003), &unmanaged, &world, &mut scribe.log));
    step!("join, another", call.join(Time(1_004), &person(2), &world, &mut scribe.log));
    step!("revalidate", call.revalidate(Time(1_005), seat, &hardened("fr"), &world, &mut scribe.log));
    step!("revalidate, nobody", call.revalidate(Time(1_006), nobody, &hardened("fr"), &world, &mut scribe.log));
    let audio = On::Stream(the("audio"));
    step!(
        "decide",
        call.decide(Time(1_007), &Request { on: audio, ..request(seat, "speak") }, &world, &mut scribe.log)
    );
    step!("decide, a deny", call.decide(Time(1_008), &request(other, "export"), &world, &mut scribe.log));
    step!("decide, nobody", call.decide(Time(1_009), &request(nobody, "speak"), &world, &mut scribe.log));
    step!("decide, always", call.decide(Time(1_010), &request(seat, "halt"), &world, &mut scribe.log));
    let places = [all(&["us"]), all(&["de"])];
    let export = Request { on: audio, ..request(seat, "export") };
    step!("choose a place, none", call.choose(Time(1_011), Choice::Place, &export, &places, &world, &mut scribe.log));
    let speak = Request { on: audio, ..request(seat, "speak") };
    step!("choose a way", call.choose(Time(1_012), Choice::Way, &speak, &places, &world, &mut scribe.log));
    step!("invoke", call.invoke(Time(1_013), &recording(seat), &provenance, &world, &mut scribe.log));
    let by_itself = Invocation {
        action: the("transcribe"),
        function: the("captions"),
        component: component("stated"),
        ..recording(seat)
    };
    step!("invoke, denied", call.invoke(Time(1_014), &by_itself, &provenance, &world, &mut scribe.log));
    step!("invoke, nobody", call.invoke(Time(1_015), &recording(nobody), &provenance, &world, &mut scribe.log));
    let (runs, none) = (Binding(0), Binding(9));
    step!("reprove", call.reprove(Time(1_016), runs, &component("stated"), &provenance, &mut scribe.log));
    step!("reprove, none", call.reprove(Time(1_016), none, &component("stated"), &provenance, &mut scribe.log));
    step!("hand over", call.hand_over(Time(1_017), runs, other, &world, &mut scribe.log));
    step!("hand over, none", call.hand_over(Time(1_017), none, other, &world, &mut scribe.log));
    step!("output", call.attribute(Time(1_018), Attribution::Output(runs), [5; 16], &world, &mut scribe.log));
    step!("output, none", call.attribute(Time(1_018), Attribution::Output(none), [5; 16], &world, &mut scribe.log));
    step!("telemetry", call.attribute(Time(1_018), Attribution::Telemetry(None), [4; 16], &world, &mut scribe.log));
    step!("identifier", call.attribute(Time(1_018), Attribution::Identifier, [6; 16], &world, &mut scribe.log));
    step!(
        "transition",
        call.transition(Time(1_019), seat, Transition::Protocol, Some(the("de")), [3; 16], &mut scribe.log)
    );
    step!(
        "transition, nobody",
        call.transition(Time(1_019), nobody, Transition::Protocol, None, [3; 16], &mut scribe.log)
    );
    step!("fail", call.fail(Time(1_020), runs, &world, &mut scribe.log));
    step!("fail, none", call.fail(Time(1_020), none, &world, &mut scribe.log));
    step!("recover", call.recover(Time(1_021), runs, &mut scribe.log));
    step!("recover, none", call.recover(Time(1_021), none, &mut scribe.log));
    step!("end", call.end(Time(1_022), runs, &mut scribe.log));
    step!("end, none", call.end(Time(1_022), none, &mut scribe.log));
    step!("consent", call.consent(Time(1_023), other, all(&["analysis"]), &mut scribe.log));
    step!(
        "consent on a stream",
        call.consent_on(Time(1_023), other, audio, all(&["recording", "analysis"]), &mut scribe.log)
    );
    step!("pin", call.pin(Time(1_024), Some(0), &world, &mut scribe.log));
    step!("pin, no such version", call.pin(Time(1_024), Some(9), &world, &mut scribe.log));
    step!("unpin", call.pin(Time(1_024), None, &world, &mut scribe.log));
    step!("suspend", call.suspend(Time(1_025), &mut scribe.log));
    step!("decide, suspended", call.decide(Time(1_026), &request(seat, "speak"), &world, &mut scribe.log));
    step!("resume", call.resume(Time(1_027), &mut scribe.log));
    step!("decide, late", call.decide(Time(1), &request(seat, "speak"), &world, &mut scribe.log));
    step!("set the clock", call.mend_clock(Time(900), &mut scribe.log));
    step!("ban", call.ban(Time(901), other, &mut scribe.log));
    step!("join, banned", call.join(Time(902), &person(2), &world, &mut scribe.log));
    step!("leave", call.leave(Time(12_000), seat, &mut scribe.log));
    step!("leave, nobody", call.leave(Time(12_000), nobody, &mut scribe.log));
    step!("resumed", call.resumed(b"", &mut scribe.log));
    step!("terminate", call.terminate(Time(12_001), &mut scribe.log));
    step!("after the end", call.decide(Time(12_002), &request(seat, "speak"), &world, &mut scribe.log));
    scribe.told
}

#[test]
fn every_call_has_its_whole_record() {
    // shows: IOE-088 (§4.6 R6)
    let told = life();
    let text: String = told
        .iter()
        .map(|(what, records)| {
            format!("{what}\n{}", records.iter().map(|one| format!("  {one}\n")).collect::<String>())
        })
        .collect();
    assert_eq!(text, include_str!("records.txt"), "\n{text}");
}

#[test]
fn a_full_log_refuses_a_decision_and_nothing_has_changed() {
    let world = world();
    let mut first = log();
    let (mut call, seat) = call(&world, &mut first);
    let mut full = interaction_gov::audit::Log::new(Vec::new());
    let before = *call.chain();
    let decision = call.decide(Time(1_001), &request(seat, "speak"), &world, &mut full);
    assert_eq!((decision.verdict, call.chain(), call.time()), (Verdict::AuditFull, &before, Time(1_000)));
    let joins = call.join(Time(1_001), &person(2), &world, &mut full);
    assert_eq!(joins.unwrap_err().0, Verdict::AuditFull);
}
