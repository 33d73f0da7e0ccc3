//! A policy that a host has compiled decides as its texts do, and a device links it without reading a text (`IoE R2`, `R5`).

mod govern;

use govern::{CORPORATE, NAMES, PRIVACY, World, authorities, call, log, names, policy, request, take, the, world};
use interaction_gov::audit::Verdict;
use interaction_gov::authority::{Authorities, AuthorityError};
use interaction_gov::policy::{CompiledError, Policy, PolicyError};
use interaction_gov::rollout::{Rollout, RolloutError, Track, Version};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Vocabulary;

use sha2::{Digest as _, Sha256};

fn compiled<const W: usize, const A: usize, const T: usize, const K: usize>(policy: &Policy<W, A, T, K>) -> Vec<u8> {
    let mut bytes = vec![0; policy.compile(&mut []).unwrap_err()];
    let needed = bytes.len();
    assert_eq!(policy.compile(&mut bytes), Ok(needed));
    bytes
}

/// As a program would put it into a static.
fn version(number: u32, texts: &[&str]) -> &'static Version<2> {
    Box::leak(Box::new(Version::compiled(number, &compiled(&policy(texts))).unwrap()))
}

const EACH_TEST: &str = "authority corporate
version 1
permit join with consent recording
permit speak with own-consent recording
permit record without consent analysis
permit transcribe with present host
permit export without present guest
permit export as staff from 0800 to 1730
";

#[test]
fn the_bytes_are_those_of_the_profile() {
    let text = "authority privacy\nversion 258\nover speak in de\ndeny speak on chat\nkeep any within de with consent recording\npermit speak oblige watermark\nset heads 7\n";
    let (names, mut policy) = (names(), Policy::<1>::new());
    policy.add(text, &names).unwrap();
    let bytes = compiled(&policy);
    let none = [0; 5];
    let member: [&[u8]; 16] = [
        &[1],
        &[0, 0, 1, 2],
        &Sha256::digest(text),
        &[0, 0, 0, 0b10], // speak
        &none,            // any role, stream and function
        &none,
        &none,
        &[1],
        &1_u128.to_be_bytes(), // de
        &[0xF, 0xF, 7, 0],     // any kind, posture and provenance; not only its own
        &[0],                  // no tests
        &[0; 12],
        &[0, 0, 0, 7], // heads
        &[0, 0, 0, 1], // one word from 0
        &[0, 3],       // three rules
        &[0, 1],       // not asked about everything; a permit obliges
    ];
    let head: [&[u8]; 8] = [
        b"IoE/1 compiled\0",
        &[0, 1],
        names.digest(),
        &[0, 0, 0, 0b11],      // own: join, speak
        &[0, 0, 0, 0b10_0000], // always: halt
        &0b1111_u128.to_be_bytes(),
        policy.digest(),
        &[1],
    ];
    let test: [&[u8]; 2] = [&[1], &[0, 0, 0, 0, 0]]; // with the consent of all to recording
    // Places: unknown, de, and all others.
    let mut places = [1; 128];
    (places[0], places[127]) = (2, 0);
    let row = |bits: u8| [0, 0, 0, 0, 0, 0, 0, bits];
    // Deny, keep, permit: bits 0, 1, 2.
    let [keep, both, all] = [0b010, 0b110, 0b111].map(row);
    let nothing = row(0);
    let mut rows = Vec::new();
    for action in 0..31 {
        rows.push(if action == 1 { all } else { keep });
    }
    rows.extend([all; 4]); // kinds
    rows.extend([all; 16]); // roles: none, and each
    rows.extend([both; 3]); // streams: none, audio, video …
    rows.push(all); // … and chat
    rows.extend([both; 12]);
    rows.extend([all; 32]); // functions
    rows.extend([all; 4]); // postures
    rows.extend([all; 3]); // provenances
    rows.push(keep); // who asks for the test
    rows.extend([all; 3]); // where those are whose data it carries: anywhere
    rows.extend([keep, keep, nothing]); // outside of de: unknown, others, de
    rows.extend([row(0b011), keep, row(0b100)]); // forbid; keep; oblige
    let words = |rule: &str| Sha256::digest(rule)[..4].to_vec();
    let says = [
        [&words("deny speak on chat ")[..], &[0, 4, 0, 0]].concat(),
        [&words("keep any within de with consent recording ")[..], &[0, 5, 0, 0]].concat(),
        [&words("permit speak oblige watermark ")[..], &[0, 6, 0, 0b10]].concat(),
        vec![0; 61 * 8],
    ];
    let by_hand =
        [head.concat(), member.concat(), test.concat(), vec![3], places.to_vec(), rows.concat(), says.concat()];
    let by_hand = by_hand.concat();
    let differs = bytes.iter().zip(&by_hand).position(|(one, other)| one != other);
    assert_eq!((differs, bytes.len()), (None, by_hand.len()));
}

#[test]
fn what_is_cut_longer_or_altered_is_refused_or_is_another_policy_and_never_stumbles() {
    let bytes = compiled(&policy(&[CORPORATE, PRIVACY]));
    assert!(Policy::<2>::compiled(&bytes).is_ok() && Policy::<5>::compiled(&bytes).is_ok());
    assert_eq!(Policy::<1>::compiled(&bytes).err(), Some(CompiledError::Full(2)));
    for at in 0..bytes.len() {
        assert_eq!(Policy::<2>::compiled(&bytes[..at]).err(), Some(CompiledError::Length), "cut at {at}");
    }
    assert_eq!(Policy::<2>::compiled(&[&bytes[..], &[0]].concat()).err(), Some(CompiledError::Length));
    // A rule with each sort of test, too.
    let tests = compiled(&policy(&[EACH_TEST]));
    for bytes in [&bytes, &tests] {
        for (at, bit) in (0..bytes.len()).flat_map(|at| [(at, 1), (at, 0x80), (at, 0xFF)]) {
            let mut altered = bytes.clone();
            altered[at] ^= bit;
            let Ok(other) = Policy::<2>::compiled(&altered) else { continue };
            // Whatever the bytes contain, the policy can be asked and read without a panic.
            other.members().iter().for_each(|member| drop(other.rules_of(member).collect::<Vec<_>>()));
            assert!(compiled(&other) == altered, "byte {at}: nothing is read that is not said again");
        }
    }
    let field = |at: usize, value: u8| {
        let mut altered = bytes.clone();
        altered[at] = value;
        Policy::<2>::compiled(&altered).err()
    };
    let first = 15 + 2 + 32 + 4 + 4 + 16 + 32 + 1;
    assert_eq!(field(0, b'i'), Some(CompiledError::Label));
    assert_eq!(field(14, b'2'), Some(CompiledError::Label));
    assert_eq!(field(first - 1, 9), Some(CompiledError::Field("authorities")));
    assert_eq!(field(first, 8), Some(CompiledError::Field("authority")), "there are eight");
    assert_eq!(field(first, 1), Some(CompiledError::Field("authority")), "twice the same");
    assert_eq!(CompiledError::Full(2).to_string(), "its rules take 2 words of 64");
}

#[test]
fn a_policy_with_just_as_many_places_as_it_needs_is_the_same_and_one_place_less_is_refused() {
    let tests = compiled(&policy(&[EACH_TEST]));
    let fitted = Policy::<1, 1, 6, 1>::fitted(&tests).unwrap();
    assert!(compiled(&fitted) == tests && fitted.rules_of(&fitted.members()[0]).count() == 6);
    assert!(size_of_val(&fitted) < size_of::<Policy<1>>() / 2);
    assert_eq!(Policy::<1, 1, 5, 1>::fitted(&tests).err(), Some(CompiledError::Field("tests")));
    assert_eq!(Policy::<1, 0, 6, 1>::fitted(&tests).err(), Some(CompiledError::Field("authorities")));
    // The unknown region, Germany, and all others.
    let regions = compiled(&policy(&["authority privacy\nversion 1\npermit speak in de\n"]));
    let fitted = Policy::<1, 1, 0, 3>::fitted(&regions).unwrap();
    assert!(compiled(&fitted) == regions);
    assert_eq!(Policy::<1, 1, 0, 2>::fitted(&regions).err(), Some(CompiledError::Field("places")));
}

#[test]
fn a_text_that_needs_more_places_than_there_are_is_refused_and_nothing_of_it_stays() {
    let (names, mut policy) = (names(), Policy::<1, 1, 0, 1>::with_room());
    let empty = compiled(&policy);
    for rule in ["permit speak with own-consent recording", "permit speak in de", "keep any within de"] {
        let text = format!("authority privacy\nversion 1\n{rule}\n");
        assert_eq!(policy.add(&text, &names), Err(PolicyError::TooFine), "{rule}");
        assert!(compiled(&policy) == empty, "{rule}");
    }
    policy.add("authority privacy\nversion 1\npermit speak\n", &names).unwrap();
    let another = "authority corporate\nversion 1\n";
    assert_eq!(policy.add(another, &names), Err(PolicyError::Full), "one authority");
}

#[test]
fn an_empty_policy_compiles_to_one_that_permits_nothing() {
    let bytes = compiled(&Policy::<1>::new());
    let again = Policy::<1>::compiled(&bytes).unwrap();
    assert_eq!((again.members().len(), again.digest()), (0, Policy::<1>::new().digest()));
}

#[test]
fn a_linked_version_governs_without_a_text_and_counts_as_taken() {
    let mut plane = World::new(authorities(), [5; 32]);
    let linked = version(7, &[CORPORATE, PRIVACY]);
    assert_eq!(plane.link(linked), Ok(7));
    assert!(plane.version_of(Track::STABLE).is_none(), "it governs nothing yet");
    plane.publish(Track::STABLE, 7).unwrap();
    // It decides what its texts decide.
    let (of_texts, mut log) = (world(), log());
    let (mut one, seat) = call(&plane, &mut log);
    let (mut other, _) = call(&of_texts, &mut log);
    for action in ["speak", "export", "halt"] {
        let decide = |call: &mut govern::Call, plane: &World, log: &mut govern::Records| {
            let decision = call.decide(Time(1_001), &request(seat, action), plane, log);
            (decision.verdict, decision.authority, decision.line, decision.rule, decision.obligations)
        };
        assert_eq!(decide(&mut one, &plane, &mut log), decide(&mut other, &of_texts, &mut log), "{action}");
    }
    // Later texts of its authorities follow it, as versions in RAM.
    let strict = CORPORATE.replace("version 1", "version 2").replace("join, speak", "join");
    take(&mut plane, "corporate", 2, CORPORATE, &strict);
    let next = plane.install(&policy(&[&strict, PRIVACY])).unwrap();
    assert_eq!(next, 8, "no number is given twice");
    plane.publish(Track::STABLE, next).unwrap();
    assert_eq!(one.decide(Time(1_002), &request(seat, "speak"), &plane, &mut log).verdict, Verdict::NotPermitted);
    // The stable track can go back to the linked version once.
    plane.roll_back(the("corporate"), 7).unwrap();
    assert_eq!(one.decide(Time(1_003), &request(seat, "speak"), &plane, &mut log).verdict, Verdict::Permit);
    plane.discard(next).unwrap();
    assert_eq!(plane.discard(7), Err(RolloutError::InUse));
}

#[test]
fn what_is_older_another_or_of_strangers_is_not_linked() {
    // shows: IOE-136 (§8)
    let mut strangers = World::new(Authorities::new(), [5; 32]);
    let linked = version(7, &[CORPORATE, PRIVACY]);
    assert_eq!(strangers.link(linked), Err(RolloutError::NotSigned(the("corporate"))));
    let mut plane = world();
    assert_eq!(plane.link(version(0, &[CORPORATE, PRIVACY])), Err(RolloutError::Full), "the number was given");
    assert_eq!(plane.link(version(7, &[CORPORATE])), Err(RolloutError::LeftOut(the("privacy"))));
    let same_number = PRIVACY.replace("de, fr", "de");
    assert_eq!(plane.link(version(7, &[CORPORATE, &same_number])), Err(RolloutError::NotSigned(the("privacy"))));
    let strict = CORPORATE.replace("version 1", "version 2");
    take(&mut plane, "corporate", 2, CORPORATE, &strict);
    assert_eq!(plane.link(linked), Err(RolloutError::NotSigned(the("corporate"))), "it has signed something newer");
    assert!(plane.version(7).is_none(), "a refused one is not there");
    // A newer linked version can replace it, unless it governs.
    let newer = CORPORATE.replace("version 1", "version 3");
    assert_eq!(plane.link(version(7, &[&newer, PRIVACY])), Ok(7));
    assert_eq!(plane.link(version(8, &[&newer, PRIVACY])), Ok(8));
    assert!(plane.version(7).is_none());
    plane.publish(Track::STABLE, 8).unwrap();
    assert_eq!(plane.link(version(9, &[&newer, PRIVACY])), Err(RolloutError::InUse));
    // A version that was rolled back cannot be used again.
    let track = plane.start_canary(8, 0).unwrap();
    let after = plane.install(&policy(&[&newer, PRIVACY])).unwrap();
    plane.publish(Track::STABLE, after).unwrap();
    plane.publish(track, 8).unwrap();
    plane.roll_back_canary().unwrap();
    assert_eq!(plane.publish(Track::STABLE, 8), Err(RolloutError::Withdrawn));
}

#[test]
fn to_link_the_texts_that_are_known_already_changes_nothing_about_them() {
    let mut plane = world();
    plane.link(version(7, &[CORPORATE, PRIVACY])).unwrap();
    assert_eq!(plane.authorities.withdraw(the("corporate")), Err(AuthorityError::Gap), "there is no text before");
}

#[test]
fn a_version_in_the_words_of_a_ninth_vocabulary_is_not_linked() {
    let mut plane = world();
    let longer = |more: usize| {
        let regions: String = (0..more).map(|number| format!(", r{number}")).collect();
        NAMES.replace("us, ca", &format!("us, ca{regions}"))
    };
    let texts: Vec<String> = (0..9).map(longer).collect();
    let vocabularies: Vec<Vocabulary<'_>> = texts.iter().map(|text| Vocabulary::read(text).unwrap()).collect();
    for pair in vocabularies[..8].windows(2) {
        plane.authorities.adopt(&pair[0], &pair[1]).unwrap();
    }
    let in_the_words_of = |number: u32, names: &Vocabulary<'_>| -> &'static Version<2> {
        let mut policy = Policy::<2>::new();
        let newer = CORPORATE.replace("version 1", &format!("version {number}"));
        policy.add(&newer, names).unwrap();
        policy.add(&PRIVACY.replace("version 1", &format!("version {number}")), names).unwrap();
        Box::leak(Box::new(Version::compiled(number, &compiled(&policy)).unwrap()))
    };
    assert_eq!(plane.link(in_the_words_of(7, &vocabularies[8])), Err(RolloutError::Full));
    assert_eq!(plane.link(in_the_words_of(8, &vocabularies[7])), Ok(8), "the eighth is known");
}

#[test]
fn a_restart_finds_the_linked_version_and_newer_firmware_brings_its_own() {
    let linked = version(7, &[CORPORATE, PRIVACY]);
    let mut plane = World::new(authorities(), [5; 32]);
    plane.link(linked).unwrap();
    plane.publish(Track::STABLE, 7).unwrap();
    let mut bytes = vec![0; plane.snapshot(&mut []).unwrap_err()];
    plane.snapshot(&mut bytes).unwrap();
    let no_texts = |_: &[u8; 32], _: &mut Policy<2>| false;

    let mut again = World::new(authorities(), [5; 32]);
    again.link(linked).unwrap();
    again.restore(&bytes, no_texts).unwrap();
    assert_eq!(again.version_of(Track::STABLE).unwrap().number, 7);
    let mut same = vec![0; bytes.len()];
    assert_eq!((again.snapshot(&mut same), &same), (Ok(bytes.len()), &bytes));

    // Firmware with another linked version: the version that governed must be available as texts, or nothing is
    // restored.
    let newer = CORPORATE.replace("version 1", "version 2");
    let other = version(8, &[&newer, PRIVACY]);
    let mut updated = World::new(authorities(), [5; 32]);
    updated.link(other).unwrap();
    assert!(updated.restore(&bytes, no_texts).is_err());
    assert!(updated.version(8).is_none() && updated.version_of(Track::STABLE).is_none());
    updated
        .restore(&bytes, |_, to| {
            to.clone_from(&policy(&[CORPORATE, PRIVACY]));
            true
        })
        .unwrap();
    assert_eq!(updated.link(other), Ok(8));
    updated.publish(Track::STABLE, 8).unwrap();
    assert_eq!(updated.link(linked), Err(RolloutError::Full), "and not back to the old firmware's");
}

#[test]
fn a_control_plane_without_room_for_texts_has_its_version_in_flash() {
    let mut plane = Rollout::<2, 0>::new(authorities(), [5; 32]);
    plane.link(version(0, &[CORPORATE, PRIVACY])).unwrap();
    plane.publish(Track::STABLE, 0).unwrap();
    assert_eq!(plane.install(&policy(&[CORPORATE, PRIVACY])), Err(RolloutError::Full));
    assert_eq!(plane.version_of(Track::STABLE).unwrap().policy.members().len(), 2);
    assert!(size_of::<Rollout<2, 0>>() + size_of::<Version<2>>() <= size_of::<Rollout<2, 1>>());
}

#[test]
fn a_refused_text_leaves_no_kind_of_region_told_apart() {
    let names = names();
    let mut policy = Policy::<1, 1, 0, 3>::with_room();
    let before = policy.compile(&mut [0; 8_192]);
    let refused = policy.add("authority corporate\nversion 1\npermit speak in de\npermit join in fr\n", &names);
    assert!(refused.is_err(), "a kind of regions for each of them, and room for one");
    assert_eq!(policy.compile(&mut [0; 8_192]), before);
    policy.add("authority corporate\nversion 1\npermit speak in us\n", &names).expect("one of them");
}
