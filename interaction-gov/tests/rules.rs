//! Which rule covers which, at which minute the hours of a rule begin and end, and whose settings count (`IoE R2`, `R5`).

mod govern;

use govern::{all, facts, itself, names, the};
use interaction_gov::policy::{Answer, Consents, Facts, Kind, On, Policy, PolicyError, Scope, Settings, Test, Voices};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Modality};
use interaction_gov::{TextError, Trouble};

fn trouble(rules: &str) -> Option<(u16, u16, Trouble)> {
    match Policy::<2>::new().add(&format!("authority corporate\nversion 1\n{rules}\n"), &names()) {
        Ok(_) => None,
        Err(PolicyError::Text(TextError { line, column, trouble })) => Some((line, column, trouble)),
        Err(other) => panic!("{other:?} for {rules}"),
    }
}

/// Two clauses of which the first one covers the second, and not the other way round.
const WIDER: [(&str, &str); 16] = [
    ("join, speak", "join"),
    ("any", "join"),
    ("any", "any for human"),
    ("any for human, agent", "any for agent"),
    ("any", "any as host"),
    ("any as host, guest", "any as guest"),
    ("any", "any on chat"),
    ("any on audio, chat", "any on chat"),
    ("any by recording, captions", "any by captions"),
    ("any in de, fr", "any in fr"),
    ("any with consent recording", "any with consent recording, analysis"),
    ("any without present host", "any without present host from 0800 to 0900"),
    ("any with posture managed", "any with posture hardened"),
    ("any below posture hardened", "any below posture managed"),
    ("any with provenance stated", "any with provenance verified"),
    ("any below provenance verified", "any below provenance stated"),
];

/// Two clauses of which neither covers the other.
const APART: [(&str, &str); 11] = [
    ("join", "speak"),
    ("join, speak", "speak, record"),
    ("any for human", "any for agent"),
    ("any as host", "any as guest"),
    ("any on audio", "any on chat"),
    ("any by recording", "any by captions"),
    ("any in de", "any in fr"),
    ("any with consent recording", "any with own-consent recording"),
    ("any with posture managed", "any below posture managed"),
    ("any with provenance stated", "any below provenance stated"),
    ("any from 0800 to 0900", "any from 0800 to 0901"),
];

#[test]
fn a_rule_after_one_that_covers_it_is_never_reached() {
    let reached = [Some((4, 1, Trouble::Unreachable(3))), None];
    for effect in ["permit", "deny"] {
        for (wide, narrow) in WIDER {
            let both = |one, other| trouble(&format!("{effect} {one}\n{effect} {other}"));
            assert_eq!([both(wide, narrow), both(narrow, wide)], reached, "{effect}: {wide} / {narrow}");
            assert_eq!(both(wide, wide), reached[0], "{wide} twice");
        }
        for (one, other) in APART {
            let both = |one, other| trouble(&format!("{effect} {one}\n{effect} {other}"));
            assert_eq!([both(one, other), both(other, one)], [None, None], "{effect}: {one} / {other}");
        }
    }
    for (wide, narrow) in WIDER {
        let denied = trouble(&format!("permit {narrow}\ndeny {wide}"));
        assert_eq!(denied, Some((3, 1, Trouble::Contradiction(4))), "{wide} / {narrow}");
        assert_eq!(trouble(&format!("permit {wide}\ndeny {narrow}")), None, "{wide} / {narrow}");
    }
}

#[test]
fn a_covered_permit_counts_if_it_obliges_to_more_and_a_covered_keep_if_it_allows_less() {
    for (rules, lines) in [
        ("permit any oblige notify\npermit join", Some((4, 3))),
        ("permit any oblige notify\npermit join oblige notify", Some((4, 3))),
        ("permit any\npermit join oblige notify", None),
        ("permit any oblige watermark\npermit join oblige notify", None),
        ("keep any within de, fr\nkeep audio within de, fr", Some((4, 3))),
        ("keep any within de, fr\nkeep audio within de, fr, us", Some((4, 3))),
        ("keep any within de, fr\nkeep audio within de", None),
        ("keep any within de, fr\nkeep audio within de, us", None),
        ("keep audio within de\nkeep chat within de", None),
        ("deny any\nkeep audio within de", Some((4, 3))),
        ("keep audio within de\ndeny any", Some((3, 4))),
        ("deny join\nkeep audio within de", None),
        ("deny any on chat\nkeep audio within de", None),
        ("keep any within de\npermit join", None),
        ("keep any within de\ndeny join", None),
        ("permit any\nkeep any within de", None),
        ("permit any\ndeny join", None),
    ] {
        let expected = lines.map(|(line, by)| (line, 1, Trouble::Unreachable(by)));
        assert_eq!(trouble(rules), expected, "{rules}");
    }
}

#[test]
fn a_rule_whose_clauses_exclude_each_other_is_refused() {
    for never in [
        "permit any with present host without present host",
        "permit any with own-consent analysis without own-consent analysis",
        "permit any with posture managed below posture managed",
        "permit any with provenance stated below provenance stated",
        "permit any below provenance none",
    ] {
        assert_eq!(trouble(never), Some((3, 1, Trouble::NeverMatches)), "{never}");
    }
    for fine in [
        "permit any with present host without present guest",
        "permit any with own-consent analysis without stream-consent analysis",
        "permit any with posture managed below posture hardened",
        "permit any with provenance stated below provenance verified",
        "permit any from 2359 to 0000",
        "permit any from 0000 to 0059",
        "permit any with consent recording, analysis with own-consent recording, analysis \
         with stream-consent recording, analysis with second-consent recording, analysis",
    ] {
        assert_eq!(trouble(fine), None, "{fine}");
    }
    let nine = "permit any with consent recording, analysis with own-consent recording, analysis with stream-consent \
                recording, analysis with second-consent recording, analysis with present host";
    assert_eq!(trouble(nine).map(|(.., trouble)| trouble), Some(Trouble::TooMany), "eight tests and one more");
}

#[test]
fn each_kind_of_statement_has_its_own_clauses() {
    for (unknown, column) in [
        ("keep any within de on audio", 20),
        ("keep any within de oblige notify", 20),
        ("keep any within de own", 20),
        ("deny join oblige notify", 11),
        ("deny join own", 11),
        ("permit join own", 13),
        ("over join named entry", 11),
        ("over join oblige notify", 11),
        ("permit join for human without luck x", 31),
        ("permit join below consent recording", 19),
        ("permit join without posture managed", 21),
        ("permit join without provenance stated", 21),
        ("permit join below present host", 19),
        ("set lease 5 6", 13),
    ] {
        assert_eq!(trouble(unknown), Some((3, column, Trouble::UnknownClause)), "{unknown}");
    }
    for fine in
        ["keep any within de named home", "deny join named entry", "over join own", "set heads 1", "over any on chat"]
    {
        assert_eq!(trouble(fine), None, "{fine}");
    }
}

#[test]
fn the_text_of_a_scope_is_one_line() {
    let read =
        |text: &str| Scope::read(text, &names()).map_err(|TextError { line, column, trouble }| (line, column, trouble));
    assert_eq!(read("any"), Ok(Scope::ALL));
    assert_eq!(read("\n# all of it\nany own\n"), Ok(Scope { own: true, ..Scope::ALL }));
    assert_eq!(read(""), Err((1, 1, Trouble::Missing)));
    assert_eq!(read("join\nspeak"), Err((2, 1, Trouble::UnknownStatement)));
    assert_eq!(read("any below posture unmanaged"), Err((1, 1, Trouble::NeverMatches)));
    assert_eq!(read("any \u{200B}"), Err((1, 5, Trouble::Hidden)));
}

#[test]
fn hours_begin_with_their_first_minute_and_end_before_their_last_one() {
    let holds = |from, to, minute: u64, ms| {
        Test::Hours(from, to).holds(&Facts { time: Time(minute * 60_000 + ms), ..facts("join") })
    };
    for (from, to, at, so) in [
        (60, 120, 59, false),
        (60, 120, 60, true),
        (60, 120, 119, true),
        (60, 120, 120, false),
        (60, 120, 1_440 + 60, true),
        // Over midnight.
        (1_320, 360, 1_319, false),
        (1_320, 360, 1_320, true),
        (1_320, 360, 1_439, true),
        (1_320, 360, 1_440, true),
        (1_320, 360, 359, true),
        (1_320, 360, 360, false),
        // From a minute to the same one there is no time.
        (60, 60, 60, false),
        (60, 60, 59, false),
    ] {
        for ms in [0, 59_999] {
            assert_eq!(holds(from, to, at, ms), so, "{from} to {to} at {at}");
        }
    }
}

#[test]
fn the_shortest_setting_of_the_asked_authorities_counts_in_any_order() {
    // shows: IOE-082 (§4.5 R5)
    const WIDE: &str = "";
    const NARROW: &str = "over join\n";
    let lease = |texts: [(&str, &str); 2], action: &str| {
        let mut policy = Policy::<2>::new();
        for (name, (scope, settings)) in ["corporate", "privacy"].into_iter().zip(texts) {
            policy.add(&format!("authority {name}\nversion 1\n{scope}{settings}permit join\n"), &names()).unwrap();
        }
        policy.settings(&facts(action)).lease_ms
    };
    let (five, nine, none) = ("set lease 5\n", "set lease 9\n", "");
    let long = "set lease 10001\n";
    for (texts, join, speak) in [
        ([(WIDE, five), (WIDE, nine)], 5, 5),
        ([(WIDE, nine), (WIDE, five)], 5, 5),
        ([(WIDE, none), (WIDE, nine)], 9, 9),
        ([(WIDE, nine), (WIDE, none)], 9, 9),
        ([(WIDE, long), (WIDE, none)], 10_001, 10_001),
        ([(WIDE, none), (NARROW, five)], 5, 10_000),
        ([(WIDE, none), (NARROW, long)], 10_000, 10_000),
        ([(WIDE, nine), (NARROW, five)], 5, 9),
        ([(WIDE, five), (NARROW, nine)], 5, 5),
        ([(WIDE, none), (NARROW, none)], 10_000, 10_000),
        ([(NARROW, five), (NARROW, nine)], 5, 10_000),
        ([(NARROW, nine), (NARROW, five)], 5, 10_000),
        ([(WIDE, "set lease 9\nset lease 5\n"), (WIDE, none)], 5, 5),
    ] {
        assert_eq!((lease(texts, "join"), lease(texts, "speak")), (join, speak), "{texts:?}");
    }
    let Settings { lease_ms, validation_ms, recovery_ms, head_every } = Settings::default();
    assert_eq!((lease_ms, validation_ms, recovery_ms, head_every), (10_000, 60_000, 10_000, 256));
}

#[test]
fn every_rule_of_a_long_text_is_found_in_whatever_word_it_stands() {
    let mut rules = Vec::new();
    for action in ["join", "speak", "record", "transcribe", "export"] {
        for kind in Kind::ALL {
            for region in ["de", "fr", "us", "ca"] {
                for role in ["host", "guest"] {
                    rules.extend(["audio", "video", "chat"].map(|stream| (action, kind, region, role, stream)));
                }
            }
        }
    }
    let text = |name: &str, scope: &str, number: usize| {
        let mut text = format!("authority {name}\nversion 1\nover {scope}\n");
        for (action, kind, region, role, stream) in &rules[..number] {
            text += &format!("permit {action} for {} in {region} as {role} on {stream}\n", kind.name());
        }
        text
    };
    // The rules of the first stand in words 0 to 2, those of the second in words 3 to 9.
    let mut policy = Policy::<10>::new();
    policy.add(&text("corporate", "any with consent recording", 130), &names()).unwrap();
    policy.add(&text("privacy", "any without consent recording", 420), &names()).unwrap();
    for (number, (action, kind, region, role, stream)) in rules.iter().enumerate() {
        let on = On::Stream(the(stream));
        let facts = Facts { kind: *kind, law: all(&[*region]), roles: all(&[*role]), on, ..facts(action) };
        for (consents, there) in [(all(&["recording"]), 130), (all(&[]), 420)] {
            let ruling = policy.decide(&Facts { consents: Consents::everybody(consents), ..facts }, itself);
            let line = u16::try_from(number + 4).ok().filter(|_| number < there);
            let answer = if number < there { Answer::Permit } else { Answer::NoRule };
            assert_eq!((ruling.answer, ruling.line), (answer, line), "rule {number} of {there}");
        }
    }
}

#[test]
fn voices_tell_who_spoke_for_each_authority() {
    let voices = Voices { speakers: 0x8000_0F81, ..Voices::default() };
    let spoke = [
        Some(Some(Authority(0))),
        Some(Some(Authority(7))),
        Some(None),
        None,
        None,
        None,
        None,
        Some(Some(Authority(7))),
    ];
    let found: Vec<_> = (0..8).map(|number| voices.speaker(Authority(number))).collect();
    assert_eq!(found, spoke);
    assert_eq!(voices.all(), [0, 1, 2, 7].map(Authority).into_iter().collect());
    let other = Voices { speakers: 0x0000_0300, ..Voices::default() };
    assert_eq!(other.all(), [Authority(2)].into_iter().collect(), "for itself");
    let other = Voices { speakers: 0x0000_0400, ..Voices::default() };
    assert_eq!(other.all(), [2, 3].map(Authority).into_iter().collect(), "for another");
    assert_eq!(Voices::default().all(), all(&[]));
}

#[test]
fn a_stream_has_one_code_and_what_is_unsaid_another() {
    for (on, code, stream) in [
        (On::Nothing, 255, None),
        (On::Unsaid, 254, None),
        (On::Stream(Modality(253)), 253, Some(Modality(253))),
        (On::Stream(Modality(0)), 0, Some(Modality(0))),
    ] {
        assert_eq!((on.code(), On::from_code(code), on.stream()), (code, on, stream));
    }
    assert_eq!(
        (On::from(None), On::from(Some(Modality(3))), On::from(Modality(3))),
        (On::Unsaid, On::Stream(Modality(3)), On::Stream(Modality(3)))
    );
    assert_eq!(
        (On::default(), On::Nothing.streams(), On::Stream(Modality(2)).streams()),
        (On::Unsaid, all(&[]), all(&["chat"]))
    );
}
