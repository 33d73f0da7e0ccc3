//! The bytes that the firmware links are those of the texts beside them.

use std::path::Path;

use interaction_gov::policy::Policy;
use interaction_gov::vocabulary::Vocabulary;

#[test]
fn the_compiled_policy_is_what_its_texts_compile_to() {
    let names = Vocabulary::read(include_str!("../../policy/names.vocabulary")).expect("a vocabulary");
    let mut policy = Box::<Policy<2>>::default();
    for text in [include_str!("../../policy/plant.policy"), include_str!("../../policy/works-council.policy")] {
        policy.add(text, &names).expect("a policy");
    }
    let mut bytes = vec![0; policy.compile(&mut []).expect_err("it takes bytes")];
    assert_eq!(policy.compile(&mut bytes), Ok(bytes.len()));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/sensor.policy.bin");
    if std::env::var_os("POLICY").is_some_and(|value| value == "write") {
        std::fs::write(&file, &bytes).expect("written");
    }
    assert!(std::fs::read(&file).is_ok_and(|there| there == bytes), "texts have changed: run it with POLICY=write");
}
