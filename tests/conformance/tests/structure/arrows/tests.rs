use super::*;

fn read(files: &[(&str, &str)]) -> Vec<Arrow> {
    let texts: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    arrows_of(&texts)
}

fn pairs(files: &[(&str, &str)]) -> Vec<(String, String, usize)> {
    read(files).into_iter().map(|Arrow { from, to, line, .. }| (from, to, line)).collect()
}

fn pair(from: &str, to: &str, line: usize) -> (String, String, usize) {
    (from.to_owned(), to.to_owned(), line)
}

#[test]
fn uses_and_paths_are_arrows() {
    let b = ("b.rs", "pub struct B; pub fn f() {}");
    let lib = ("lib.rs", "mod a; mod b;");
    for text in [
        "use crate::b::B;",
        "use super::b::{B as Other};",
        "use crate::b;",
        "use crate::b::*;",
        "fn g() -> crate::b::B { todo!() }",
        "fn g() { super::b::f() }",
        "fn g() { println!(\"{}\", crate::b::f()) }",
        "macro_rules! m { () => { $crate::b::f() } }",
        "pub use crate::b::B;",
        "impl From<crate::b::B> for u8 {}",
    ] {
        assert_eq!(pairs(&[lib, ("a.rs", text), b]), [pair("a.rs", "b.rs", 1)], "{text}");
    }
}

#[test]
fn tests_other_crates_and_facades_are_none() {
    let b = ("b.rs", "pub struct B;");
    for text in [
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(test)] use crate::b::B;",
        "#[test] fn t() { crate::b::B; }",
        "use b::B;",
        "use other::b::B;",
        "macro_rules! m { () => { $crate::n!() } }",
        "// use crate::b::B;\n/// [`crate::b::B`]\nstruct A;",
    ] {
        assert_eq!(
            pairs(&[("lib.rs", "pub mod b; pub use b::B; pub(crate) use self::b::B as C;"), ("a.rs", text), b]),
            [],
            "{text}"
        );
    }
}

#[test]
fn tests_in_files_of_their_own_are_none() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "#[cfg(test)] mod tests; mod more;"),
        ("a/tests/mod.rs", "mod random; use crate::b::B;"),
        ("a/tests/random.rs", "use crate::b::B;"),
        ("a/more.rs", "use crate::b::B;"),
        ("b.rs", "pub struct B;"),
    ];
    assert_eq!(pairs(&files), [pair("a/more.rs", "b.rs", 1)]);
}

#[test]
fn a_re_export_leads_to_what_it_shows() {
    let files = [
        ("lib.rs", "pub mod a; pub mod b; pub use a::*;"),
        ("a/mod.rs", "mod deep; mod plain; pub use deep::{Deep, inner::Inner}; pub struct Own;"),
        ("a/deep.rs", "pub struct Deep; pub mod inner { pub struct Inner; }"),
        ("a/plain.rs", "use super::Deep;\nuse super::Own;"),
        ("b.rs", "use crate::a::Deep;\nuse crate::a::Own;\nuse crate::Inner;"),
    ];
    assert_eq!(
        pairs(&files),
        [
            pair("a/plain.rs", "a/deep.rs", 1),
            pair("a/plain.rs", "a/mod.rs", 2),
            pair("b.rs", "a/deep.rs", 1),
            pair("b.rs", "a/deep.rs", 3),
            pair("b.rs", "a/mod.rs", 2),
        ]
    );
}

#[test]
fn a_circle_is_told_with_the_lines_that_make_it() {
    let arrows = read(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "\nuse crate::b::B; pub struct A;"),
        ("b.rs", "use crate::c::C; pub struct B;"),
        ("c.rs", "pub struct C; fn f() { super::a::A; }"),
        ("d/mod.rs", "mod e; mod f;"),
        ("d/e.rs", "use crate::a::A; use super::f::F; pub struct E;"),
        ("d/f.rs", "use super::e::E; pub struct F;"),
    ]);
    let told: Vec<String> = circles(&arrows).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "src/: a circle of a, b, c\n    src/a.rs:2 uses crate::b::B of src/b.rs\n    src/b.rs:1 uses \
             crate::c::C of src/c.rs\n    src/c.rs:1 uses super::a::A of src/a.rs",
            "src/d: a circle of e, f\n    src/d/e.rs:1 uses super::f::F of src/d/f.rs\n    src/d/f.rs:1 uses \
             super::e::E of src/d/e.rs",
        ]
    );
}

#[test]
fn a_file_belongs_to_an_entry_of_each_folder_above_it() {
    assert_eq!(entry("", "a/b/c.rs"), Some("a"));
    assert_eq!(entry("a", "a/b/c.rs"), Some("b"));
    assert_eq!(entry("a/b", "a/b/c.rs"), Some("c"));
    assert_eq!(entry("a", "a/mod.rs"), Some("mod"));
    assert_eq!(entry("a", "ab/c.rs"), None);
}
