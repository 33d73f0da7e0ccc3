//! cedar-policy: policies, entities and requests are all made before anything is measured.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request as Asked, RestrictedExpression,
};

use super::rules::{ACTIONS, CONSENTS, KINDS, MODALITIES, REGIONS, Request, Rule};
use super::{Engine, names};

/// Policies, one store of entities, and the requests.
pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    requests: Vec<Asked>,
}

impl Engine for Cedar {
    fn new(rules: &[Rule], requests: &[Request]) -> Self {
        let policies: String = rules.iter().map(policy).collect();
        let principals = requests.iter().enumerate().map(|(number, request)| {
            let attributes = [
                ("region", RestrictedExpression::new_string(REGIONS[request.region].into())),
                ("posture", RestrictedExpression::new_long(i64::try_from(request.posture).expect("a small number"))),
            ];
            let attributes = HashMap::from(attributes.map(|(name, value)| (name.to_owned(), value)));
            Entity::new(principal(number, request), attributes, HashSet::new()).expect("an entity")
        });
        let plain = |kind: &'static str, names: &'static [&str]| {
            names.iter().map(move |name| Entity::new_no_attrs(uid(kind, name), HashSet::new()))
        };
        let entities = principals.chain(plain("Action", &ACTIONS)).chain(plain("Modality", &MODALITIES));
        Self {
            authorizer: Authorizer::new(),
            policies: policies.parse().expect("policies"),
            entities: Entities::from_entities(entities, None).expect("entities"),
            requests: requests.iter().enumerate().map(|(number, request)| asked(number, request)).collect(),
        }
    }

    fn permits(&mut self, request: usize) -> bool {
        let response = self.authorizer.is_authorized(&self.requests[request], &self.policies, &self.entities);
        response.decision() == Decision::Allow
    }
}

impl Cedar {
    /// Whether a rule decided, and not the default.
    #[must_use]
    pub fn is_by_rule(&self, request: usize) -> bool {
        let response = self.authorizer.is_authorized(&self.requests[request], &self.policies, &self.entities);
        response.diagnostics().reason().next().is_some()
    }
}

fn uid(kind: &str, name: &str) -> EntityUid {
    format!("{kind}::\"{name}\"").parse().expect("a name")
}

/// A kind of participant is a type of entity.
fn principal(number: usize, request: &Request) -> EntityUid {
    uid(KINDS[request.kind], &number.to_string())
}

fn asked(number: usize, request: &Request) -> Asked {
    let consents = (0..CONSENTS.len()).filter(|consent| request.consents_to(*consent));
    let consents = consents.map(|consent| RestrictedExpression::new_string(CONSENTS[consent].into()));
    let consents = RestrictedExpression::new_set(consents);
    let context = Context::from_pairs([("consents".to_owned(), consents)]).expect("a context");
    let action = uid("Action", ACTIONS[request.action]);
    let resource = uid("Modality", MODALITIES[request.modality]);
    Asked::new(principal(number, request), action, resource, context, None).expect("a request")
}

/// What can stand in the scope does: Cedar looks at it first.
fn policy(rule: &Rule) -> String {
    let effect = if rule.permits { "permit" } else { "forbid" };
    let principal = rule.kind.map_or("principal".to_owned(), |kind| format!("principal is {}", KINDS[kind]));
    let (action, more_actions) = scope("action", "Action", &names(&ACTIONS, &rule.actions));
    let (resource, more_resources) = scope("resource", "Modality", &names(&MODALITIES, &rule.modalities));
    let regions = names(&REGIONS, &rule.regions).iter().map(|name| format!("principal.region == \"{name}\"")).collect();
    let mut when: Vec<String> = [more_actions, more_resources].into_iter().flatten().collect();
    when.push(any(regions));
    when.push(format!("principal.posture >= {}", rule.posture));
    when.extend(rule.consent.map(|consent| format!("context.consents.contains(\"{}\")", CONSENTS[consent])));
    format!("{effect} ({principal}, {action}, {resource}) when {{ {} }};\n", when.join(" && "))
}

/// One name stands in the scope. Several are compared one by one: that is faster than `in [..]`, which makes a set each time.
fn scope(what: &str, kind: &str, names: &[&str]) -> (String, Option<String>) {
    match names {
        [one] => (format!("{what} == {kind}::\"{one}\""), None),
        several => {
            let each = several.iter().map(|name| format!("{what} == {kind}::\"{name}\"")).collect();
            (what.to_owned(), Some(any(each)))
        }
    }
}

fn any(conditions: Vec<String>) -> String {
    format!("({})", conditions.join(" || "))
}
