//! What coordination costs by the draft's model, and where its prose does not follow from it (`IoE §3.2`, `§3.2.1`,
//! `§7`).

use std::num::NonZeroU32;

use interaction_gov::measure::coordination::{Coupling, Dimension, Dimensions, Growth, PerMille, Thousandths};
use proptest::prelude::*;

const EXAMPLE: Dimensions = Dimensions::VIDEO_CONFERENCE;

fn k(parts: u16) -> Coupling {
    Coupling::each(PerMille::new(parts).unwrap())
}

fn groups_of(members: u32) -> NonZeroU32 {
    NonZeroU32::new(members).unwrap()
}

#[test]
fn the_five_dimensions_of_a_video_conference() {
    // shows: IOE-027 (§3.2), IOE-034 (§3.2.1), IOE-035 (§3.2.1), IOE-036 (§3.2.1), IOE-037 (§3.2.1), IOE-038 (§3.2.1)
    let networks = ["office WiFi", "mobile", "home network"];
    let said = [
        (Dimension::Participants, 10),
        (Dimension::Modalities, ["audio", "video", "screen share", "chat", "files", "whiteboard"].len()),
        (
            Dimension::Functions,
            [
                "recording",
                "transcription",
                "translation",
                "moderation",
                "analytics",
                "compliance scanning",
                "AI assistant",
                "accessibility",
            ]
            .len(),
        ),
        (Dimension::Authorities, ["corporate", "guest organization", "regional privacy law", "industry"].len()),
        // The draft counts the networks. From one to the next there are two transitions, and T = 3 is what it computes
        // with.
        (Dimension::Transitions, networks.len()),
    ];
    for (dimension, size) in said {
        assert_eq!(EXAMPLE.of(dimension) as usize, size, "{dimension:?}");
    }
    assert_eq!(networks.windows(2).count(), 2);
}

#[test]
fn an_interaction_scoped_architecture_has_31_binding_points() {
    // shows: IOE-031 (§3.2), IOE-041 (§3.2.1)
    assert_eq!(EXAMPLE.interaction_scoped(), 10 + 6 + 8 + 4 + 3);
    assert_eq!(EXAMPLE.interaction_scoped(), 31);
}

#[test]
fn the_worst_case_of_the_example_is_the_product_and_not_the_formula() {
    // shows: IOE-039 (§3.2.1)
    assert_eq!(EXAMPLE.worst_case(), Some(5_760));
    assert_eq!(EXAMPLE.fragmented(Coupling::FULL), Thousandths(332_000));
}

#[test]
fn thirty_per_cent_coupling_gives_neither_500_nor_1000() {
    // shows: IOE-040 (§3.2.1)
    let by_formula = EXAMPLE.fragmented(k(300));
    let of_the_product = EXAMPLE.worst_case().map(|product| product * 300 / 1_000);
    assert_eq!(by_formula.to_string(), "99.600");
    assert_eq!(of_the_product, Some(1_728));
    for surfaces in [by_formula.0 / 1_000, 1_728] {
        assert!(!(500..=1_000).contains(&surfaces));
    }
}

#[test]
fn sixteen_to_32_times_fewer_is_500_to_1000_divided_by_31_and_follows_from_no_count() {
    // shows: IOE-042 (§3.2.1)
    let binding_points = u128::from(EXAMPLE.interaction_scoped());
    assert_eq!([500, 1_000].map(|said: u128| said / binding_points), [16, 32]);
    let rounded = |surfaces: u128| (surfaces + binding_points / 2) / binding_points;
    assert_eq!(EXAMPLE.worst_case().map(rounded), Some(186));
    assert_eq!(rounded(EXAMPLE.fragmented(Coupling::FULL).0 / 1_000), 11);
    assert_eq!(rounded(EXAMPLE.fragmented(k(300)).0 / 1_000), 3);
}

#[test]
fn the_formula_has_four_terms_with_a_k_each() {
    // shows: IOE-028 (§3.2), IOE-032 (§3.2)
    let full = PerMille::ALL;
    let none = PerMille::new(0).unwrap();
    let off = Coupling::each(none);
    let terms = [
        (Coupling { modalities: full, ..off }, 10 * 6),
        (Coupling { functions: full, ..off }, 8 * (10 + 6)),
        (Coupling { authorities: full, ..off }, 4 * (10 + 8)),
        (Coupling { transitions: full, ..off }, 3 * (10 + 6 + 8)),
    ];
    for (coupling, surfaces) in terms {
        assert_eq!(EXAMPLE.fragmented(coupling), Thousandths(1_000 * surfaces), "{coupling:?}");
    }
    assert_eq!(EXAMPLE.fragmented(off), Thousandths(0));
    // Authorities meet neither modalities nor transitions: not every pair of dimensions interacts.
    let apart = Dimensions { modalities: 100, authorities: 100, ..Dimensions::each(0) };
    assert_eq!(apart.fragmented(Coupling::FULL), Thousandths(0));
    let apart = Dimensions { transitions: 100, authorities: 100, ..Dimensions::each(0) };
    assert_eq!(apart.fragmented(Coupling::FULL), Thousandths(0));
}

#[test]
fn k_is_a_probability_typically_from_one_to_eight_tenths() {
    // shows: IOE-029 (§3.2)
    assert_eq!(PerMille::new(1_000), Some(PerMille::ALL));
    assert_eq!(PerMille::new(1_001), None);
    let typical = |parts| Coupling::TYPICAL.contains(&PerMille::new(parts).unwrap());
    assert_eq!([99, 100, 300, 800, 801].map(typical), [false, true, true, true, false]);
}

#[test]
fn at_modest_coupling_growth_remains_super_linear() {
    // shows: IOE-030 (§3.2), IOE-033 (§3.2)
    for parts in 1..=1_000 {
        assert_eq!(Growth::of(|size| size.fragmented(k(parts)).0), Growth::Multiplicative, "k = {parts}/1000");
    }
    assert_eq!(Growth::of(|size| size.fragmented(k(0)).0), Growth::Additive, "nothing is coordinated");
    // What doubles in every dimension quadruples in surfaces, whatever k is tuned to.
    let double = Dimensions { participants: 20, modalities: 12, functions: 16, authorities: 8, transitions: 6 };
    for parts in [1, 300, 1_000] {
        assert_eq!(double.fragmented(k(parts)).0, 4 * EXAMPLE.fragmented(k(parts)).0);
    }
}

#[test]
fn what_multiplies_is_that_dimensions_scale_together() {
    // shows: IOE-030 (§3.2)
    // With all other sizes fixed, one more participant costs the same however many there are.
    let with = |participants| Dimensions { participants, ..EXAMPLE }.fragmented(Coupling::FULL).0;
    assert_eq!(with(11) - with(10), with(1_000_001) - with(1_000_000));
    let alone = |size: Dimensions| Dimensions { participants: size.participants, ..EXAMPLE }.fragmented(k(300)).0;
    assert_eq!(Growth::of(alone), Growth::Additive);
}

#[test]
fn the_drafts_own_sum_is_linear_and_passes_as_additive() {
    // shows: IOE-145 (App. A 7), IOE-152 (A.1)
    assert_eq!(Growth::of(|size| u128::from(size.interaction_scoped())), Growth::Additive);
    let double = Dimensions { participants: 20, modalities: 12, functions: 16, authorities: 8, transitions: 6 };
    assert_eq!(double.interaction_scoped(), 2 * EXAMPLE.interaction_scoped(), "linear, not sub-linear");
}

#[test]
fn growth_is_told_by_the_order_and_not_by_what_is_fixed() {
    // shows: IOE-145 (App. A 7)
    let people = |size: Dimensions| u128::from(size.participants);
    type Count<'a> = &'a dyn Fn(Dimensions) -> u128;
    let cases: [(&str, Count<'_>, Growth); 10] = [
        ("nothing", &|_| 0, Growth::Additive),
        ("a constant", &|_| 1_000_000, Growth::Additive),
        ("a share of one dimension", &|size| people(size) / 7, Growth::Additive),
        ("groups of three, the last one not full", &|size| people(size).div_ceil(3), Growth::Additive),
        ("a thousand for each, and a million", &|size| 1_000 * people(size) + 1_000_000, Growth::Additive),
        ("a root", &|size| people(size).isqrt(), Growth::Additive),
        ("pairs in one dimension", &|size| people(size) * (people(size) - 1) / 2, Growth::Multiplicative),
        ("few pairs, much else", &|size| people(size).pow(2) / 1_000 + 10 * people(size), Growth::Multiplicative),
        ("n log n", &|size| people(size) * u128::from(people(size).ilog2()), Growth::Multiplicative),
        ("too many to count", &|_| u128::MAX, Growth::Multiplicative),
    ];
    for (what, count, growth) in cases {
        assert_eq!(Growth::of(count), growth, "{what}");
    }
    let product = |size: Dimensions| size.worst_case().unwrap();
    assert_eq!(Growth::of(product), Growth::Multiplicative);
}

#[test]
fn hierarchy_lowers_the_cost_and_not_the_order_of_growth_between_groups() {
    // shows: IOE-122 (§7), IOE-123 (§7)
    let flat = EXAMPLE.fragmented(Coupling::FULL);
    let costs = [1, 2, 3, 5, 10].map(|members| EXAMPLE.hierarchical(Coupling::FULL, groups_of(members)).0 / 1_000);
    assert_eq!(costs[0], flat.0 / 1_000, "a group of one is its own head");
    // Groups of two: heads (5, 3, 4, 2, 2) make 15 + 32 + 18 + 24 surfaces, and the other 15 are bound to a head.
    assert_eq!(costs[1], 89 + 15);
    assert!(costs.windows(2).all(|pair| pair[1] < pair[0]), "{costs:?}");
    for members in [1, 2, 10, 100] {
        let growth = Growth::of(|size| size.hierarchical(k(300), groups_of(members)).0);
        assert_eq!(growth, Growth::Multiplicative, "groups of {members}");
    }
    // One group of any size: its head is the single primitive to which everything is bound.
    let one_head = |size: Dimensions| size.hierarchical(Coupling::FULL, groups_of(u32::MAX)).0;
    assert_eq!(Growth::of(one_head), Growth::Additive);
}

#[test]
fn caching_lowers_the_cost_and_not_the_order_of_growth() {
    // shows: IOE-123 (§7), IOE-033 (§3.2)
    assert!(EXAMPLE.fragmented(k(100)) < EXAMPLE.fragmented(k(800)));
    assert_eq!(Growth::of(|size| size.fragmented(k(100)).0), Growth::of(|size| size.fragmented(k(800)).0));
}

#[test]
fn the_largest_interaction_overflows_nothing() {
    let largest = Dimensions::each(u32::MAX);
    let n = u128::from(u32::MAX);
    assert_eq!(u128::from(largest.interaction_scoped()), 5 * n);
    assert_eq!(largest.fragmented(Coupling::FULL), Thousandths(8_000 * n * n));
    assert_eq!(largest.worst_case(), None, "160 bits do not fit 128");
    assert_eq!(Dimensions { transitions: 1, ..largest }.worst_case(), Some(n.pow(4)));
    assert_eq!(largest.hierarchical(Coupling::FULL, groups_of(1)), largest.fragmented(Coupling::FULL));
}

#[test]
fn growth_may_double_with_each_size_and_have_a_thirty_second_part_more() {
    // shows: IOE-145 (App. A 7)
    const FAR: u32 = 1 << 20;
    // From the first size to the second, 3,200 more; from the second to the third, 6,400 and 100 more.
    let growth = |largest: u128| {
        Growth::of(|size| match size.participants / FAR {
            1 => 7,
            2 => 3_207,
            _ => largest,
        })
    };
    assert_eq!(growth(3_207 + 6_500), Growth::Additive);
    assert_eq!(growth(3_207 + 6_501), Growth::Multiplicative);
    assert_eq!(growth(0), Growth::Additive, "less is no growth");
}

#[test]
fn thousandths_have_three_digits_and_a_share_has_its_parts() {
    let shown = [0, 5, 999, 1_000, 12_034].map(|number| Thousandths(number).to_string());
    assert_eq!(shown, ["0.000", "0.005", "0.999", "1.000", "12.034"]);
    assert_eq!([0, 1, 2, 1_000].map(|parts| PerMille::new(parts).map(PerMille::get)), [0, 1, 2, 1_000].map(Some));
    let each = Dimensions::each(3);
    assert_eq!((each.interaction_scoped(), each.worst_case()), (15, Some(243)));
}

proptest! {
    /// Whatever the size, a hierarchy costs no more than the worst case that the model represents, and one more of
    /// anything never costs less.
    #[test]
    fn the_model_is_the_worst_case(
        sizes in [2_u32..5_000, 2..5_000, 2..5_000, 2..5_000, 2..5_000],
        members in 1_u32..100,
        parts in 0_u16..=1_000,
    ) {
        // shows: IOE-122 (§7)
        let [participants, modalities, functions, authorities, transitions] = sizes;
        let size = Dimensions { participants, modalities, functions, authorities, transitions };
        let flat = size.fragmented(Coupling::FULL);
        prop_assert!(size.hierarchical(Coupling::FULL, groups_of(members)) <= flat);
        prop_assert!(size.fragmented(k(parts)) <= flat);
        prop_assert!(u128::from(size.interaction_scoped()) * 1_000 <= flat.0);
        let larger = Dimensions { participants: participants + 1, ..size };
        prop_assert!(larger.fragmented(Coupling::FULL) > flat);
        prop_assert_eq!(larger.interaction_scoped(), size.interaction_scoped() + 1);
    }
}
