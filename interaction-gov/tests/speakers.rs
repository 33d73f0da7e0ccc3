//! Who speaks for whom (`IoE R7`): a permit, and a denial, last as long as every delegation that leads to the speaker.

mod govern;

use govern::{LONG, START, World, all, begin, log, names, request, sign, the, valid_for, verifies, world_of};
use interaction_gov::audit::Verdict;
use interaction_gov::authority::{AuthorityError, Delegation};
use interaction_gov::interaction::Request;
use interaction_gov::participant::{Admission, Streams};
use interaction_gov::policy::Scope;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Set, Vocabulary};

/// Corporate itself denies to speak, and is asked about everything.
const CORPORATE: &str = "authority corporate\nversion 1\ndeny speak\npermit join\n";
/// Privacy permits everything, and is itself asked about exports alone.
const PRIVACY: &str = "authority privacy\nversion 1\nover export\npermit any\n";
/// Authorities without a policy, through which the chains of delegations lead.
const FIRST: Authority = Authority(4);
const SECOND: Authority = Authority(5);
const THIRD: Authority = Authority(6);
const FOURTH: Authority = Authority(7);

fn delegate(world: &mut World, from: Authority, to: Authority, serial: u32) -> Result<(), AuthorityError> {
    delegate_in(world, from, to, serial, *names().digest())
}

fn delegate_in(
    world: &mut World,
    from: Authority,
    to: Authority,
    serial: u32,
    vocabulary: [u8; 32],
) -> Result<(), AuthorityError> {
    let scope = Scope::read("join, speak", &names()).unwrap();
    let delegation = Delegation { from, to, scope, vocabulary, until: Time::NEVER, serial, redelegate: true };
    let signature = sign(1, &delegation.signed());
    world.authorities.delegate(delegation, &signature, &verifies, Time(START))
}

/// A world in which privacy speaks for corporate, at the end of a chain of delegations over these authorities.
fn chained(over: &[Authority]) -> World {
    let mut world = world_of(&format!("{CORPORATE}{LONG}"), &format!("{PRIVACY}{LONG}"));
    for between in [FIRST, SECOND, THIRD, FOURTH] {
        world.authorities.introduce(between, *govern::key(1).pk).unwrap();
    }
    let mut from: Authority = the("corporate");
    for to in over.iter().copied().chain([the("privacy")]) {
        delegate(&mut world, from, to, 1).unwrap();
        from = to;
    }
    world
}

/// A permit to speak, the verdict after a change of the control plane, and whether the permit holds on.
fn before_and_after(mut world: World, change: impl FnOnce(&mut World)) -> (Verdict, Verdict, bool) {
    let mut log = log();
    let mut call = begin(&world, &mut log);
    let seat = call.join(Time(START), &valid_for(1, 100_000), &world, &mut log).unwrap();
    let speak: Request = request(seat, "speak");
    let decision = call.decide(Time(START + 1), &speak, &world, &mut log);
    let lease = decision.lease.unwrap();
    assert!(call.permits(&lease, &speak, Time(START + 2), &world));
    change(&mut world);
    let holds = call.permits(&lease, &speak, Time(START + 2), &world);
    (decision.verdict, call.decide(Time(START + 2), &speak, &world, &mut log).verdict, holds)
}

#[test]
fn a_permit_ends_when_a_delegation_is_taken_back_that_was_passed_on() {
    // shows: IOE-098 (§4.7 R7)
    let privacy: Authority = the("privacy");
    let ended = (Verdict::Permit, Verdict::Unreachable, false);
    for over in [&[FIRST][..], &[FIRST, SECOND], &[THIRD, SECOND, FIRST], &[FIRST, THIRD, FOURTH, SECOND]] {
        let links = over.iter().copied().zip(over.iter().copied().skip(1).chain([privacy]));
        for (from, to) in links {
            let revoked = before_and_after(chained(over), |world| world.authorities.revoke(from, to));
            assert_eq!(revoked, ended, "{over:?}: {from:?} takes it back from {to:?}");
        }
    }
}

#[test]
fn a_permit_ends_when_an_authority_between_delegates_to_another_one() {
    let ended = (Verdict::Permit, Verdict::Unreachable, false);
    for (over, from, to) in [
        (&[FIRST][..], FIRST, FOURTH),
        (&[FIRST, SECOND], FIRST, FOURTH),
        (&[FIRST, SECOND], SECOND, FOURTH),
        (&[THIRD, SECOND, FIRST], FIRST, FOURTH),
    ] {
        let newer = before_and_after(chained(over), |world| delegate(world, from, to, 2).unwrap());
        assert_eq!(newer, ended, "{over:?}: {from:?} delegates to {to:?}");
        // The same delegation in words that are not known yet counts from when they are adopted.
        let longer = govern::NAMES.replace("us, ca", "us, ca, mx");
        let longer = Vocabulary::read(&longer).unwrap();
        let mut world = chained(over);
        delegate_in(&mut world, from, to, 2, *longer.digest()).unwrap();
        let adopted = before_and_after(world, |world| world.authorities.adopt(&names(), &longer).unwrap());
        assert_eq!(adopted, ended, "{over:?}: {from:?} has delegated to {to:?}");
    }
}

#[test]
fn a_permit_holds_on_when_others_change_their_delegates() {
    let held = (Verdict::Permit, Verdict::Permit, true);
    let mut world = chained(&[FIRST]);
    delegate(&mut world, SECOND, THIRD, 1).unwrap();
    assert_eq!(before_and_after(world, |world| world.authorities.revoke(SECOND, THIRD)), held);
    let newer = |world: &mut World| delegate(world, SECOND, FOURTH, 1).unwrap();
    assert_eq!(before_and_after(chained(&[FIRST]), newer), held);
    // What leads to an authority is not what leads on from it.
    let into_the_chain = |world: &mut World| delegate(world, SECOND, FIRST, 1).unwrap();
    assert_eq!(before_and_after(chained(&[FIRST]), into_the_chain), held);
}

#[test]
fn a_function_whose_permit_rests_on_a_passed_on_delegation_is_decided_again() {
    let mut world = chained(&[FIRST]);
    let mut log = log();
    let mut call = begin(&world, &mut log);
    let seat = call.join(Time(START), &valid_for(1, 100_000), &world, &mut log).unwrap();
    let speaks = interaction_gov::function::Invocation { action: the("speak"), ..govern::recording(seat) };
    let (_, binding) = call.invoke(Time(START), &speaks, &govern::provenance, &world, &mut log);
    assert!(binding.is_some());
    assert!(call.review(Time(START + 1), &world, &mut log).unwrap().is_empty());
    world.authorities.revoke(FIRST, the("privacy"));
    assert_eq!(call.review(Time(START + 2), &world, &mut log).unwrap().len(), 1, "it may run no more");
}

#[test]
fn a_flow_comes_back_when_the_last_delegate_can_be_asked_again() {
    // shows: IOE-107 (§4.9 R9)
    for over in [&[][..], &[FIRST], &[FIRST, SECOND, THIRD]] {
        let mut world = chained(over);
        let mut log = log();
        let mut call = begin(&world, &mut log);
        let audio = all(&["audio"]);
        for (number, sends, receives) in [(1, audio, Set::EMPTY), (2, Set::EMPTY, audio)] {
            let who = Admission { streams: Streams { sends, receives }, ..valid_for(number, 100_000) };
            call.join(Time(START), &who, &world, &mut log).unwrap();
        }
        let mut flows = |world: &World, at: u64| {
            let _ = call.review(Time(START + at), world, &mut log).unwrap();
            call.flows(Time(START + at)).count()
        };
        assert_eq!(flows(&world, 1), 1);
        world.authorities.set_reach(the("privacy"), false);
        assert_eq!(flows(&world, 2), 0, "{over:?}");
        world.authorities.set_reach(the("privacy"), true);
        assert_eq!(flows(&world, 3), 1, "{over:?}: the denial rests on the silence of privacy");
    }
}
