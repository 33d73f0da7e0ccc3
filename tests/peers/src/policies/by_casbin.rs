//! casbin: a row for each rule, and one matcher for all of them. A list of names is a text with a bar around each.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use casbin::function_map::OperatorFunction;
use casbin::rhai::Dynamic;
use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};

use super::rules::{ACTIONS, CONSENTS, KINDS, MODALITIES, POSTURES, REGIONS, Request, Rule};
use super::{Engine, names};

/// An enforcer, and the requests.
pub struct Casbin {
    enforcer: Enforcer,
    requests: Vec<Vec<Dynamic>>,
}

const MODEL: &str = "
[request_definition]
r = action, modality, region, kind, posture, consents

[policy_definition]
p = actions, modalities, regions, kinds, postures, consent, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = within(r.action, p.actions) && within(r.modality, p.modalities) && within(r.region, p.regions) && \
within(r.kind, p.kinds) && within(r.posture, p.postures) && within(p.consent, r.consents)
";

impl Engine for Casbin {
    fn new(rules: &[Rule], requests: &[Request]) -> Self {
        // Denies stand in front: the first one that holds ends the search.
        let (permits, denies): (Vec<_>, Vec<_>) = rules.iter().partition(|rule| rule.permits);
        let rows = denies.into_iter().chain(permits).map(row).collect();
        let enforcer = at_once(async {
            let model = DefaultModel::from_str(MODEL).await?;
            let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
            enforcer.add_function("within", OperatorFunction::Arg2(within));
            enforcer.add_policies(rows).await?;
            Ok::<_, casbin::Error>(enforcer)
        });
        Self { enforcer: enforcer.expect("a model and its rows"), requests: requests.iter().map(asked).collect() }
    }

    fn permits(&mut self, request: usize) -> bool {
        self.enforcer.enforce(self.requests[request].clone()).expect("a request")
    }
}

/// casbin's own engine has no such operator.
fn within(name: Dynamic, list: Dynamic) -> Dynamic {
    let within =
        list.into_immutable_string().and_then(|list| Ok(list.contains(name.into_immutable_string()?.as_str())));
    within.unwrap_or(false).into()
}

/// Nothing here waits for anything.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("it is all in memory"),
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("|{name}|")).collect()
}

fn row(rule: &Rule) -> Vec<String> {
    vec![
        list(&names(&ACTIONS, &rule.actions)),
        list(&names(&MODALITIES, &rule.modalities)),
        list(&names(&REGIONS, &rule.regions)),
        list(rule.kind.map_or(&KINDS, |kind| &KINDS[kind..=kind])),
        list(&POSTURES[rule.posture..]),
        // No text is without an empty one.
        rule.consent.map_or(String::new(), |consent| list(&[CONSENTS[consent]])),
        if rule.permits { "allow" } else { "deny" }.to_owned(),
    ]
}

fn asked(request: &Request) -> Vec<Dynamic> {
    let consents: Vec<_> = (0..CONSENTS.len()).filter(|consent| request.consents_to(*consent)).collect();
    let texts = [
        list(&[ACTIONS[request.action]]),
        list(&[MODALITIES[request.modality]]),
        list(&[REGIONS[request.region]]),
        list(&[KINDS[request.kind]]),
        list(&[POSTURES[request.posture]]),
        list(&names(&CONSENTS, &consents)),
    ];
    texts.map(Dynamic::from).to_vec()
}
