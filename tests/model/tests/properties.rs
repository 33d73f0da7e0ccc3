//! Every model holds, and every property of them can fail.

use model::explore::{Explored, State, congruence, walk};
use model::fault::{Fault, Sight};
use model::scenario::{ALL, HELD, KEYS, LIFE, MUTANTS, PLACES, Scenario};
use stateright::{Checker, Model};

/// How much more is done than in an ordinary run.
fn deeper() -> usize {
    std::env::var("MODEL_DEEPER").ok().and_then(|levels| levels.parse().ok()).unwrap_or(0)
}

/// The names of the faults that a walk ran into.
fn faults(scenario: &Scenario, state: &State) -> Vec<Fault> {
    scenario.never.iter().copied().filter(|fault| state.faults.has(*fault)).collect()
}

// shows: IACP-150 (§6.4.5), IACP-144 (§6.4.2)
#[test]
fn nothing_forbidden_happens_in_any_order_of_events() {
    for scenario in ALL {
        let depth = scenario.depth + deeper();
        let model = Explored { plan: scenario.small, start: &[], never: scenario.never, somewhere: &[], depth };
        let checker = model.checker().threads(2).spawn_bfs().join();
        println!("{}: {} states, {} actions deep", scenario.name, checker.unique_state_count(), depth);
        if let Some((property, path)) = checker.discoveries().into_iter().next() {
            panic!("{}: {property} after {:?}", scenario.name, path.into_actions());
        }
        assert!(checker.unique_state_count() > 1_000, "{}: too small to mean anything", scenario.name);
    }
}

#[test]
fn nothing_forbidden_happens_on_long_walks_and_what_is_meant_to_happen_does() {
    let walks = 3_000 << (2 * deeper());
    for scenario in ALL {
        let mut missing: Vec<Sight> = scenario.somewhere.to_vec();
        for seed in 0..walks {
            let end = walk(&scenario.wide, seed, 40);
            let faults = faults(&scenario, &end);
            assert!(faults.is_empty(), "{}, seed {seed}: {faults:?} after {:?}", scenario.name, end.history);
            missing.retain(|sight| !end.sights.saw(*sight));
        }
        assert!(missing.is_empty(), "{}: never seen: {missing:?}", scenario.name);
    }
}

#[test]
fn each_property_fails_where_its_rule_is_broken() {
    for mutant in MUTANTS {
        let never: &'static [Fault] =
            Fault::ALL.iter().position(|fault| *fault == mutant.fault).map_or(&[], |at| &Fault::ALL[at..=at]);
        let model = Explored { plan: mutant.plan, start: mutant.start, never, somewhere: &[], depth: 12 };
        let checker = model.checker().threads(2).target_state_count(100_000).spawn_bfs().join();
        let found = checker.discoveries().into_values().next();
        let Some(path) = found else {
            panic!("{}: no {:?} in {} states", mutant.name, mutant.fault, checker.unique_state_count())
        };
        println!("{}: {:?} after {:?}, {:?}", mutant.name, mutant.fault, mutant.start, path.into_actions());
    }
    for fault in Fault::ALL {
        assert!(MUTANTS.iter().any(|mutant| mutant.fault == *fault), "{fault:?} has no mutant");
    }
}

#[test]
fn states_that_look_the_same_behave_the_same() {
    for scenario in [KEYS, HELD, PLACES, LIFE] {
        match congruence(&scenario.small, scenario.depth, 1_500 << (2 * deeper())) {
            Ok(pairs) => assert!(pairs > 100, "{}: {pairs} pairs", scenario.name),
            Err(differ) => panic!("{}: {differ:?}", scenario.name),
        }
    }
}
