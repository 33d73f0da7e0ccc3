//! regorus: the rules as Rego, compiled into a program for its virtual machine, which is kept from request to request; the
//! inputs are values that were made before.

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine as Loader, Rc, Value};

use super::rules::{ACTIONS, CONSENTS, KINDS, MODALITIES, REGIONS, Request, Rule};
use super::{Engine, names};

/// A machine with its program, and the inputs.
pub struct Rego {
    machine: RegoVM,
    inputs: Vec<Value>,
}

const ALLOW: &str = "data.ioe.allow";

impl Engine for Rego {
    fn new(rules: &[Rule], requests: &[Request]) -> Self {
        let mut loader = Loader::new();
        loader.add_policy("ioe.rego".into(), policy(rules)).expect("a policy");
        let entry: Rc<str> = ALLOW.into();
        let compiled = loader.compile_with_entrypoint(&entry).expect("it compiles");
        let mut machine = RegoVM::new_with_policy(compiled.clone());
        machine.load_program(Compiler::compile_from_policy(&compiled, &[ALLOW]).expect("a program"));
        machine.set_max_instructions(usize::MAX);
        Self { machine, inputs: requests.iter().map(input).collect() }
    }

    fn permits(&mut self, request: usize) -> bool {
        // Values are counted references: this copies no data.
        self.machine.set_input(self.inputs[request].clone());
        self.machine.execute().is_ok_and(|said| said == Value::Bool(true))
    }
}

fn input(request: &Request) -> Value {
    let consents = (0..CONSENTS.len()).filter(|consent| request.consents_to(*consent));
    let consents: Vec<_> = consents.map(|consent| format!("\"{}\": true", CONSENTS[consent])).collect();
    let text = format!(
        r#"{{"action": "{}", "kind": "{}", "modality": "{}", "region": "{}", "posture": {}, "consents": {{{}}}}}"#,
        ACTIONS[request.action],
        KINDS[request.kind],
        MODALITIES[request.modality],
        REGIONS[request.region],
        request.posture,
        consents.join(", "),
    );
    Value::from_json_str(&text).expect("an input")
}

fn policy(rules: &[Rule]) -> String {
    let mut policy = String::from("package ioe\n\ndefault allow := false\n\nallow if {\n\tpermit\n\tnot deny\n}\n");
    for rule in rules {
        policy.push_str(if rule.permits { "\npermit if {\n" } else { "\ndeny if {\n" });
        policy.push_str(&among("action", &names(&ACTIONS, &rule.actions)));
        policy.push_str(&among("modality", &names(&MODALITIES, &rule.modalities)));
        policy.push_str(&among("region", &names(&REGIONS, &rule.regions)));
        policy.extend(rule.kind.map(|kind| among("kind", &[KINDS[kind]])));
        policy.push_str(&format!("\tinput.posture >= {}\n", rule.posture));
        policy.extend(rule.consent.map(|consent| format!("\tinput.consents[\"{}\"]\n", CONSENTS[consent])));
        policy.push_str("}\n");
    }
    policy
}

fn among(field: &str, names: &[&str]) -> String {
    match names {
        [one] => format!("\tinput.{field} == \"{one}\"\n"),
        several => format!("\tinput.{field} in {several:?}\n"),
    }
}
