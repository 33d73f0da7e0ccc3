//! All combinations of facts that can occur, as one space that can be searched exhaustively: each fact is some bits, a
//! rule is a binary decision diagram over them, and so is what all rules of all authorities together permit.

use biodivine_lib_bdd::{Bdd, BddValuation, BddVariable, BddVariableSet};
use interaction_gov::policy::{Conditions, Consents, Effect, Facts, Kind, On, Provenance, Rule, Sense, Test, Whose};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{
    Action, Authority, Consent, Function, Listed, Modality, Name, Obligation, Posture, Region, Role, Set, Vocabulary,
};

use super::{Index, Policies};

const MINUTE: u64 = 60_000;
/// Minutes of a day.
const DAY: u16 = 1_440;

/// One of several: a number in as many bits as that takes.
struct Choice {
    bits: Vec<BddVariable>,
    count: usize,
}

/// Any of several: a bit for each.
struct Any<T> {
    bits: Vec<(T, BddVariable)>,
}

/// How many bits are taken.
struct Bits(usize);

impl Bits {
    fn take(&mut self) -> BddVariable {
        self.0 += 1;
        BddVariable::from_index(self.0 - 1)
    }

    fn choice(&mut self, count: usize) -> Choice {
        let width = usize::BITS - count.saturating_sub(1).leading_zeros();
        Choice { bits: (0..width).map(|_| self.take()).collect(), count: count.max(1) }
    }

    fn any<T>(&mut self, names: impl Iterator<Item = T>) -> Any<T> {
        Any { bits: names.map(|name| (name, self.take())).collect() }
    }
}

/// The facts that can occur under a vocabulary.
///
/// A question says on which stream or on none. An actor is there in its own roles, and a person's own consent is part
/// of what all persons consent to; nothing else is assumed about how facts depend on each other, so that some
/// combinations may be rare.
pub struct Space<'v> {
    vocabulary: &'v Vocabulary<'v>,
    variables: BddVariableSet,
    action: Choice,
    kind: Choice,
    home: Choice,
    on: Choice,
    function: Choice,
    posture: Choice,
    provenance: Choice,
    hour: Choice,
    roles: Any<Role>,
    present: Any<Role>,
    consents: [Any<Consent>; 4],
    law: Any<Region>,
    goes: Any<Region>,
    /// The minutes of the day at which any rule's answer changes: the first of each choice of hours.
    edges: Vec<u16>,
}

/// The answers of policies to every question.
pub struct Meaning {
    pub permitted: Bdd,
    /// What is permitted with an obligation.
    pub obliged: Vec<(Obligation, Bdd)>,
}

fn count<T: Listed>(vocabulary: &Vocabulary<'_>) -> usize {
    T::list(vocabulary).len()
}

impl<'v> Space<'v> {
    /// The space in which these policies can be distinguished.
    pub fn of(vocabulary: &'v Vocabulary<'v>, policies: &[&Policies<'_>]) -> Self {
        let rules = policies.iter().flat_map(|policies| rules(&policies.together));
        let conditions = rules.map(|(_, rule)| rule.conditions);
        let scopes = policies.iter().flat_map(|policies| policies.together.members());
        let conditions: Vec<Conditions> =
            conditions.chain(scopes.map(|member| member.scope.conditions.clone())).collect();
        let mut edges = vec![0];
        for test in conditions.iter().flat_map(Conditions::tests) {
            if let Test::Hours(from, to) = test {
                edges.extend([from, to].into_iter().filter(|edge| *edge < DAY));
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let mut bits = Bits(0);
        let roles = || vocabulary.all::<Role>().map(|(role, _)| role);
        let consents = || vocabulary.all::<Consent>().map(|(consent, _)| consent);
        let regions = || vocabulary.all().map(|(region, _)| region).chain([Region::UNKNOWN]);
        let action = bits.choice(count::<Action>(vocabulary));
        let kind = bits.choice(Kind::ALL.len());
        let on = bits.choice(count::<Modality>(vocabulary) + 1);
        let function = bits.choice(count::<Function>(vocabulary) + 1);
        let posture = bits.choice(count::<Posture>(vocabulary));
        let provenance = bits.choice(Provenance::ALL.len());
        let home = bits.choice(count::<Authority>(vocabulary) + 1);
        let hour = bits.choice(edges.len());
        let (roles, present) = (bits.any(roles()), bits.any(roles()));
        let consents = Whose::ALL.map(|_| bits.any(consents()));
        let (law, goes) = (bits.any(regions()), bits.any(regions()));
        let Bits(used) = bits;
        let variables = BddVariableSet::new_anonymous(u16::try_from(used).unwrap_or(u16::MAX));
        Self {
            vocabulary,
            variables,
            action,
            kind,
            home,
            on,
            function,
            posture,
            provenance,
            hour,
            roles,
            present,
            consents,
            law,
            goes,
            edges,
        }
    }

    fn yes(&self) -> Bdd {
        self.variables.mk_true()
    }

    fn no(&self) -> Bdd {
        self.variables.mk_false()
    }

    fn any(&self, all: impl IntoIterator<Item = Bdd>) -> Bdd {
        all.into_iter().fold(self.no(), |one, other| one.or(&other))
    }

    fn every(&self, all: impl IntoIterator<Item = Bdd>) -> Bdd {
        all.into_iter().fold(self.yes(), |one, other| one.and(&other))
    }

    fn is(&self, choice: &Choice, number: usize) -> Bdd {
        let literal = |(at, bit): (u32, &BddVariable)| {
            self.variables.mk_literal(*bit, number.checked_shr(at).is_some_and(|rest| rest & 1 != 0))
        };
        self.every((0..).zip(&choice.bits).map(literal))
    }

    fn one_of(&self, choice: &Choice, which: impl Fn(usize) -> bool) -> Bdd {
        self.any((0..choice.count).filter(|number| which(*number)).map(|number| self.is(choice, number)))
    }

    fn some<T: Copy>(&self, any: &Any<T>, which: impl Fn(T) -> bool) -> Bdd {
        self.any(any.bits.iter().filter(|(one, _)| which(*one)).map(|(_, bit)| self.variables.mk_var(*bit)))
    }

    fn none<T: Copy>(&self, any: &Any<T>, which: impl Fn(T) -> bool) -> Bdd {
        self.some(any, which).not()
    }

    /// All combinations of facts that can occur with this action.
    pub fn about(&self, action: Action) -> Bdd {
        let choices = [&self.kind, &self.home, &self.on, &self.function, &self.posture, &self.provenance, &self.hour];
        let numbers = self.every(choices.map(|choice| self.one_of(choice, |_| true)));
        let implied = |one: Bdd, other: Bdd| one.imp(&other);
        let there = self.vocabulary.all::<Role>().map(|(role, _)| {
            implied(self.some(&self.roles, |one| one == role), self.some(&self.present, |one| one == role))
        });
        let [all, _, own, _] = &self.consents;
        let human = self.is(&self.kind, Kind::Human as usize);
        let own = self.vocabulary.all::<Consent>().map(|(consent, _)| {
            let all = self.some(all, |one| one == consent).and(&human);
            implied(all, self.some(own, |one| one == consent))
        });
        self.is(&self.action, usize::from(action.0))
            .and(&numbers)
            .and(&self.every(there))
            .and(&self.every(own))
            .and(&self.some(&self.law, |_| true))
    }

    /// Conditions without streams and regions.
    fn elsewhere(&self, conditions: &Conditions) -> Bdd {
        let number = |at: usize| u8::try_from(at).unwrap_or(u8::MAX);
        let mut all = vec![
            self.one_of(&self.action, |at| conditions.actions.contains(Action(number(at)))),
            self.one_of(&self.kind, |at| Kind::ALL.get(at).is_some_and(|kind| conditions.has_kind(*kind))),
            self.one_of(&self.posture, |at| conditions.has_posture(Posture(number(at)))),
            self.one_of(&self.provenance, |at| {
                Provenance::ALL.get(at).is_some_and(|level| conditions.has_provenance(*level))
            }),
        ];
        all.extend(conditions.roles.map(|these| self.some(&self.roles, |one| these.contains(one))));
        all.extend(conditions.functions.map(|these| {
            self.one_of(&self.function, |at| at.checked_sub(1).is_some_and(|at| these.contains(Function(number(at)))))
        }));
        all.extend(conditions.tests().map(|test| self.test(test)));
        self.every(all)
    }

    fn test(&self, test: Test) -> Bdd {
        let consent = |whose: Whose, consent: Consent| match self.consents.get(whose as usize) {
            Some(any) => self.some(any, |one| one == consent),
            None => self.no(),
        };
        match test {
            Test::With(whose, one) => consent(whose, one),
            Test::Without(whose, one) => consent(whose, one).not(),
            Test::Present(role) => self.some(&self.present, |one| one == role),
            Test::Absent(role) => self.none(&self.present, |one| one == role),
            Test::Hours(from, to) => self.one_of(&self.hour, |at| {
                let now = self.edges.get(at).copied().unwrap_or_default();
                if from <= to { from <= now && now < to } else { from <= now || now < to }
            }),
        }
    }

    fn on(&self, conditions: &Conditions) -> Bdd {
        conditions.modalities.map_or(self.yes(), |these| {
            self.one_of(&self.on, |at| {
                at.checked_sub(1).and_then(|at| u8::try_from(at).ok()).is_some_and(|at| these.contains(Modality(at)))
            })
        })
    }

    /// Whether the data are where this is about: all of them, or any of them that may be.
    fn places(&self, these: Option<Set<Region>>, sense: Sense, of: &[&Any<Region>]) -> Bdd {
        these.map_or(self.yes(), |these| match sense {
            Sense::Must => self.every(of.iter().map(|any| self.none(any, |one| !these.contains(one)))),
            Sense::May => {
                self.any(of.iter().map(|any| self.some(any, |one| these.contains(one) || one == Region::UNKNOWN)))
            }
        })
    }

    fn speaks(&self, rule: &Rule) -> Bdd {
        let Rule { effect, conditions, within, .. } = rule;
        let sense = if *effect == Effect::Permit { Sense::Must } else { Sense::May };
        let leaves = match effect {
            Effect::Keep => self.some(&self.goes, |one| !within.contains(one)),
            _ => self.yes(),
        };
        self.elsewhere(conditions)
            .and(&self.on(conditions))
            .and(&self.places(conditions.regions, sense, &[&self.law]))
            .and(&leaves)
    }

    /// What policies say.
    pub fn meaning(&self, policies: &Policies<'_>) -> Meaning {
        let index = &policies.together;
        let (mut asked_any, mut permitted) = (self.no(), self.yes());
        let obligations: Vec<Obligation> = self.vocabulary.all().map(|(one, _)| one).collect();
        let mut obliged: Vec<Bdd> = obligations.iter().map(|_| self.no()).collect();
        for member in index.members() {
            let scope = &member.scope;
            let home = self.one_of(&self.home, |at| at == 0 || at == usize::from(member.authority.0) + 1);
            let asked = self
                .elsewhere(&scope.conditions)
                .and(&self.on(&scope.conditions))
                .and(&self.places(scope.conditions.regions, Sense::May, &[&self.law, &self.goes]))
                .and(&if scope.own { home } else { self.yes() });
            let (mut permits, mut forbids) = (self.no(), self.no());
            for rule in index.rules_of(member) {
                let speaks = self.speaks(&rule);
                if rule.effect != Effect::Permit {
                    forbids = forbids.or(&speaks);
                    continue;
                }
                permits = permits.or(&speaks);
                for (_, before) in
                    obligations.iter().zip(&mut obliged).filter(|(one, _)| rule.obligations.contains(**one))
                {
                    *before = before.or(&speaks.and(&asked));
                }
            }
            permitted = permitted.and(&asked.imp(&permits.and_not(&forbids)));
            asked_any = asked_any.or(&asked);
        }
        let permitted = permitted.and(&asked_any);
        let obliged = obligations.into_iter().zip(obliged.into_iter().map(|one| one.and(&permitted))).collect();
        Meaning { permitted, obliged }
    }

    /// The facts among these that need the fewest words: with known places if possible, and the first of several that
    /// are equally short.
    pub fn smallest(&self, among: &Bdd) -> Option<Facts> {
        let unknown = |any| self.none(any, |one| one == Region::UNKNOWN);
        let known = among.and(&unknown(&self.law)).and(&unknown(&self.goes));
        let mut left = if known.is_false() { among.clone() } else { known };
        let said = |these: &Bdd| {
            let least = these.most_negative_valuation()?;
            Some(self.variables.variables().into_iter().filter(|bit| least.value(*bit)).count())
        };
        let least = said(&left)?;
        for bit in self.variables.variables().into_iter().rev() {
            let without = left.and(&self.variables.mk_not_var(bit));
            left = if said(&without) == Some(least) { without } else { left.and(&self.variables.mk_var(bit)) };
        }
        left.first_valuation().map(|valuation| self.facts(&valuation))
    }

    fn facts(&self, valuation: &BddValuation) -> Facts {
        let chosen = |choice: &Choice| {
            (0..).zip(&choice.bits).fold(0, |number, (at, bit)| number | u8::from(valuation.value(*bit)) << at)
        };
        fn set<T: Name>(any: &Any<T>, valuation: &BddValuation) -> Set<T> {
            any.bits.iter().filter(|(_, bit)| valuation.value(*bit)).map(|(one, _)| *one).collect()
        }
        let consents = |at: usize| self.consents.get(at).map_or(Set::EMPTY, |any| set(any, valuation));
        let minute = self.edges.get(usize::from(chosen(&self.hour))).copied().unwrap_or_default();
        Facts {
            action: Action(chosen(&self.action)),
            kind: Kind::ALL.get(usize::from(chosen(&self.kind))).copied().unwrap_or(Kind::Human),
            roles: set(&self.roles, valuation),
            home: chosen(&self.home).checked_sub(1).map(Authority),
            on: chosen(&self.on).checked_sub(1).map_or(On::Nothing, |one| On::Stream(Modality(one))),
            function: chosen(&self.function).checked_sub(1).map(Function),
            law: set(&self.law, valuation),
            goes: set(&self.goes, valuation),
            consents: Consents { all: consents(0), stream: consents(1), own: consents(2), second: consents(3) },
            present: set(&self.present, valuation),
            posture: Posture(chosen(&self.posture)),
            provenance: Provenance::ALL.get(usize::from(chosen(&self.provenance))).copied().unwrap_or_default(),
            time: Time(u64::from(minute) * MINUTE),
        }
    }
}

/// All rules, each with its authority.
pub fn rules(index: &Index) -> impl Iterator<Item = (Authority, Rule)> + '_ {
    index.members().iter().flat_map(|member| index.rules_of(member).map(|rule| (member.authority, rule)))
}
