//! The same rules and the same requests, decided by engines of four makes.
//!
//! The rules are made from one description ([`rules`]) and written in each engine's own language. All give the same
//! answer to each request, which the tests show. Ours does more, which can only make it slower: it checks the request
//! against the state of its interaction, gives a lease, and chains a record of the decision.

mod by_casbin;
mod by_cedar;
mod by_rego;
mod ours;
pub mod rules;

pub use by_casbin::Casbin;
pub use by_cedar::Cedar;
pub use by_rego::Rego;
pub use ours::Ours;

use rules::{Request, Rule};

/// How many rules are measured.
pub const SIZES: [usize; 3] = [10, 100, 1_000];

/// An engine with its rules and all requests that will be made, prepared as far as it can prepare them.
pub trait Engine {
    /// Prepares everything.
    ///
    /// # Panics
    /// The engine does not take it.
    #[must_use]
    fn new(rules: &[Rule], requests: &[Request]) -> Self;

    /// Whether the request with this number is permitted.
    fn permits(&mut self, request: usize) -> bool;
}

fn names(all: &[&'static str], these: &[usize]) -> Vec<&'static str> {
    these.iter().map(|number| all[*number]).collect()
}

#[cfg(test)]
mod tests {
    use interaction_gov::audit::Verdict;
    use interaction_gov::policy::Answer;

    use super::rules::{Dice, Outcome, outcome, requests, rules};
    use super::*;

    /// Checks that all of them give the answer that the rules give.
    fn agreed(rules: &[Rule], requests: &[Request]) -> Vec<Outcome> {
        let mut ours = Ours::new(rules, requests);
        let mut cedar = Cedar::new(rules, requests);
        let mut rego = Rego::new(rules, requests);
        let mut casbin = Casbin::new(rules, requests);
        let say = |(number, request): (usize, &Request)| {
            let said = outcome(rules, request);
            let permits = matches!(said, Outcome::Permit(_));
            assert_eq!(cedar.permits(number), permits, "cedar: {request:?}, {said:?}");
            assert_eq!(cedar.is_by_rule(number), said != Outcome::Default, "cedar: {request:?}, {said:?}");
            assert_eq!(rego.permits(number), permits, "rego: {request:?}, {said:?}");
            assert_eq!(casbin.permits(number), permits, "casbin: {request:?}, {said:?}");
            // Ours names the rule, too.
            let (verdict, answer, line) = match said {
                Outcome::Permit(place) => (Verdict::Permit, Answer::Permit, Some(place + 3)),
                Outcome::Deny(place) => (Verdict::DeniedByRule, Answer::Deny, Some(place + 3)),
                Outcome::Default => (Verdict::NotPermitted, Answer::NoRule, None),
            };
            let (ruling, decision) = (ours.evaluate(number), ours.decide(number));
            assert_eq!((ruling.answer, ruling.line.map(usize::from)), (answer, line), "{request:?}");
            assert_eq!((decision.verdict, decision.line), (verdict, ruling.line), "{request:?}");
            said
        };
        requests.iter().enumerate().map(say).collect()
    }

    #[test]
    fn all_say_the_same_to_the_measured_requests() {
        for size in SIZES {
            let rules = rules(size);
            let said = agreed(&rules, &requests(&rules));
            let places = |permits: bool| {
                let place = move |outcome: &Outcome| match outcome {
                    Outcome::Permit(place) if permits => Some(*place),
                    Outcome::Deny(place) if !permits => Some(*place),
                    _ => None,
                };
                said.iter().filter_map(place)
            };
            assert_eq!(said.len(), 12, "{said:?}");
            assert_eq!(said.iter().filter(|outcome| **outcome == Outcome::Default).count(), 4);
            // Some are decided early, and some late.
            for permits in [true, false] {
                assert!(places(permits).any(|place| place < size / 2), "{size}: {said:?}");
                assert!(places(permits).any(|place| place >= size / 2), "{size}: {said:?}");
            }
        }
    }

    #[test]
    fn all_say_the_same_to_any_request() {
        let mut dice = Dice::new(3);
        let any: Vec<_> = (0..200).map(|_| dice.request()).collect();
        let rules = rules(1_000);
        let said = agreed(&rules, &any);
        for (what, like) in
            [("permits", Outcome::Permit(0)), ("denies", Outcome::Deny(0)), ("is silent", Outcome::Default)]
        {
            let alike = said.iter().filter(|outcome| std::mem::discriminant(*outcome) == std::mem::discriminant(&like));
            assert!(alike.count() >= 10, "{what}: {said:?}");
        }
    }
}
