//! An empty control plane is all zeros: a static one lies where no initial values are kept.
#![cfg(target_os = "linux")]

use std::hint::black_box;
use std::sync::Mutex;

use interaction_gov::authority::Authorities;
use interaction_gov::rollout::Rollout;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

/// With room for two versions of 128 rules each.
static EMPTY_PLANE: Mutex<Rollout<2, 2>> = Mutex::new(Rollout::new(Authorities::new(), [0; 32]));
/// The same with a key that is not empty, to show that the test would notice it.
static KEYED_PLANE: Mutex<Rollout<2, 2>> = Mutex::new(Rollout::new(Authorities::new(), [1; 32]));

#[test]
fn an_empty_control_plane_takes_no_initial_values() {
    black_box((&EMPTY_PLANE, &KEYED_PLANE));
    let program = std::env::current_exe().and_then(std::fs::read).expect("the program can be read");
    let file = object::File::parse(program.as_slice()).expect("an object file");
    let kind = |name: &str| {
        let mut symbols = file.symbols();
        let symbol = symbols.find(|symbol| symbol.name().is_ok_and(|found| found.contains(name))).expect(name);
        assert!(symbol.size() >= size_of::<Rollout<2, 2>>() as u64, "{name}: {} bytes", symbol.size());
        file.section_by_index(symbol.section_index().expect("a section")).expect("it is there").kind()
    };
    assert_eq!(kind("EMPTY_PLANE"), SectionKind::UninitializedData);
    assert_eq!(kind("KEYED_PLANE"), SectionKind::Data);
}
