//! What the documentation of a crate contains: its public types, and the code that its examples compile.
//!
//! Read from the source, and from the tokens of its macros: what a macro defines under a name of its own is a type, and so
//! is each documented name that is given to a macro which defines one for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};

use conformance::rust_files;

/// The documentation of a crate.
#[derive(Default)]
pub struct Docs {
    /// The public types, and where each stands.
    pub types: BTreeMap<String, String>,
    /// The types whose own documentation has an example.
    own: BTreeSet<String>,
    /// Every word of every example.
    words: BTreeSet<String>,
    /// Functions that return a `Result` and do not say when it is an error.
    silent: Vec<Found>,
    /// Constants of a number's type that do not say of what it is a number.
    unitless: Vec<Found>,
}

/// Something public, if what it belongs to is.
struct Found {
    name: String,
    place: String,
    /// Whether it can be reached, or the type that it belongs to.
    of: Result<bool, String>,
}

/// Words by one of which a constant says what it counts, or that it is no amount.
const UNITS: [&str; 24] = [
    "byte",
    "bytes",
    "bit",
    "bits",
    "ms",
    "millisecond",
    "milliseconds",
    "second",
    "seconds",
    "minutes",
    "hours",
    "days",
    "parts",
    "percent",
    "many",
    "most",
    "number",
    "code",
    "type",
    "version",
    "count",
    "characters",
    "flag",
    "port",
];

impl Docs {
    /// Reads a crate: its source and its README.
    pub fn read(krate: &Path) -> Self {
        let files = rust_files(&krate.join("src")).unwrap_or_else(|error| panic!("{error}"));
        let page = std::fs::read_to_string(krate.join("README.md")).expect("a README");
        Self::of(&files, &page)
    }

    /// Reads files that are given as name and text.
    pub fn of(files: &[(String, String)], page: &str) -> Self {
        let parsed: Vec<_> = files
            .iter()
            .map(|(name, text)| (name, syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"))))
            .collect();
        let mut names = Names::default();
        parsed.iter().for_each(|(name, file)| names.file(name, &file.items));
        let mut docs = Self::default();
        docs.example(page);
        for (name, file) in &parsed {
            let module = module_of(name);
            let mut reader =
                Reader { names: &names, file: name, docs: &mut docs, is_open: names.is_open(&module), module };
            reader.visit_file(file);
        }
        docs
    }

    /// The types that no example shows, and their places.
    pub fn not_shown(&self) -> BTreeMap<String, String> {
        let missing = |name: &String| !self.own.contains(name) && !self.words.contains(name);
        self.types.clone().into_iter().filter(|(name, _)| missing(name)).collect()
    }

    /// The functions that do not say when they fail.
    pub fn silent(&self) -> BTreeMap<String, String> {
        self.public(&self.silent)
    }

    /// The constants that do not say their unit.
    pub fn unitless(&self) -> BTreeMap<String, String> {
        self.public(&self.unitless)
    }

    fn public(&self, found: &[Found]) -> BTreeMap<String, String> {
        let one = |found: &Found| match &found.of {
            Ok(is_open) => is_open.then(|| (found.name.clone(), found.place.clone())),
            Err(of) => self.types.contains_key(of).then(|| (format!("{of}::{}", found.name), found.place.clone())),
        };
        found.iter().filter_map(one).collect()
    }

    /// Takes the words of a text's examples, and says whether there was one.
    fn example(&mut self, text: &str) -> bool {
        let (mut found, mut inside) = (false, None);
        for line in text.lines().map(str::trim) {
            match (line.strip_prefix("```"), inside) {
                (Some(kind), None) => {
                    let compiles = kind.split(',').all(|word| ["", "rust", "no_run"].contains(&word.trim()));
                    inside = Some(compiles);
                    found |= compiles;
                }
                (Some(_), Some(_)) => inside = None,
                (None, Some(true)) => {
                    let code = line.split("//").next().unwrap_or_default();
                    let words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
                    self.words.extend(words.map(str::to_owned));
                }
                (None, _) => {}
            }
        }
        found
    }
}

/// `a/b.rs` and `a/b/mod.rs` are the module a::b; `lib.rs` is the root.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    stem.split('/').filter(|part| !["lib", "mod"].contains(part)).map(str::to_owned).collect()
}

/// What is public, and which macros define types.
#[derive(Default)]
struct Names {
    /// Modules that are public themselves; whether their parents are is asked in [`Names::is_open`].
    modules: BTreeSet<Vec<String>>,
    /// Names that a public `use` shows, and modules of which it shows everything.
    shown: BTreeSet<String>,
    /// Macros that define a type under a name that they are given.
    macros: BTreeSet<String>,
}

impl Names {
    fn file(&mut self, file: &str, items: &[syn::Item]) {
        self.items(&module_of(file), items);
    }

    fn items(&mut self, module: &[String], items: &[syn::Item]) {
        for item in items {
            match item {
                syn::Item::Mod(item) => {
                    let inner = [module, &[item.ident.to_string()]].concat();
                    if let Some((_, items)) = &item.content {
                        self.items(&inner, items);
                    }
                    if is_public(&item.vis) {
                        self.modules.insert(inner);
                    }
                }
                syn::Item::Use(item) if is_public(&item.vis) => self.tree(&item.tree),
                syn::Item::Macro(item) => {
                    let text = item.mac.tokens.to_string();
                    if let Some(name) = &item.ident
                        && ["pub struct $", "pub enum $"].iter().any(|start| text.contains(start))
                    {
                        self.macros.insert(name.to_string());
                    }
                }
                _ => {}
            }
        }
    }

    fn tree(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree),
            syn::UseTree::Name(name) => _ = self.shown.insert(name.ident.to_string()),
            syn::UseTree::Rename(name) => _ = self.shown.insert(name.ident.to_string()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree)),
            // `pub use field::*` stands beside `pub mod field`, so far.
            syn::UseTree::Glob(_) => {}
        }
    }

    /// Whether all modules on the way are public.
    fn is_open(&self, module: &[String]) -> bool {
        (1..=module.len()).all(|length| self.modules.contains(&module[..length]))
    }
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Ident>().is_ok_and(|condition| condition == "test" || condition == "doctest")
    })
}

fn is_hidden(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc") && attribute.parse_args::<Ident>().is_ok_and(|word| word == "hidden")
    })
}

/// The documentation of an item: its lines.
fn text_of(attributes: &[syn::Attribute]) -> String {
    let line = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value() + "\n"),
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect()
}

/// Reads one file.
struct Reader<'a> {
    names: &'a Names,
    file: &'a str,
    module: Vec<String>,
    /// Whether every module on the way here is public.
    is_open: bool,
    docs: &'a mut Docs,
}

impl Reader<'_> {
    fn define(&mut self, name: &Ident, text: &str) {
        let (name, line) = (name.to_string(), name.span().start().line);
        let has_own = self.docs.example(text);
        if self.is_open || self.names.shown.contains(&name) {
            if has_own {
                self.docs.own.insert(name.clone());
            }
            self.docs.types.insert(name, format!("src/{}:{line}", self.file));
        }
    }

    fn type_item(&mut self, visibility: &syn::Visibility, name: &Ident, attributes: &[syn::Attribute]) {
        if is_public(visibility) && !is_hidden(attributes) && !is_test(attributes) {
            self.define(name, &text_of(attributes));
        }
    }

    /// The types that tokens define: `pub struct Name` anywhere, and in a call also each documented name in front.
    fn tokens(&mut self, tokens: TokenStream, is_call: bool) {
        let (mut text, mut before) = (String::new(), [String::new(), String::new()]);
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if let Some(TokenTree::Group(group)) = tokens.next_if(|next| matches!(next, TokenTree::Group(_))) {
                        text += &doc(group.stream()).unwrap_or_default();
                    }
                    continue;
                }
                TokenTree::Ident(name) => {
                    let is_type = before[0] == "pub" && ["struct", "enum", "trait", "type"].contains(&&*before[1]);
                    let is_named = is_call && !text.is_empty() && name.to_string().starts_with(char::is_uppercase);
                    if is_type || is_named {
                        self.define(&name, &std::mem::take(&mut text));
                    }
                    let [_, last] = before;
                    before = [last, name.to_string()];
                    continue;
                }
                TokenTree::Group(group) => {
                    text.clear();
                    self.tokens(group.stream(), false);
                }
                _ => {}
            }
            before = [String::new(), String::new()];
        }
    }

    fn found(&self, name: &Ident, of: Option<&str>) -> Found {
        let of = of
            .map_or_else(|| Ok(self.is_open || self.names.shown.contains(&name.to_string())), |of| Err(of.to_owned()));
        Found { name: name.to_string(), place: format!("src/{}:{}", self.file, name.span().start().line), of }
    }

    fn function(&mut self, signature: &syn::Signature, attributes: &[syn::Attribute], of: Option<&str>) {
        let syn::ReturnType::Type(_, result) = &signature.output else { return };
        let syn::Type::Path(path) = &**result else { return };
        let is_result = path.path.segments.last().is_some_and(|last| last.ident == "Result");
        if is_result && !text_of(attributes).contains("# Errors") {
            self.docs.silent.push(self.found(&signature.ident, of));
        }
    }

    fn constant(&mut self, name: &Ident, ty: &syn::Type, attributes: &[syn::Attribute], of: Option<&str>) {
        let syn::Type::Path(path) = ty else { return };
        let is_number = ["u8", "u16", "u32", "u64", "usize"].iter().any(|number| path.path.is_ident(number));
        let text = text_of(attributes).to_lowercase();
        let says = text.split(|letter: char| !letter.is_alphanumeric()).any(|word| UNITS.contains(&word));
        if is_number && !says {
            self.docs.unitless.push(self.found(name, of));
        }
    }
}

/// The text of `doc = "…"`.
fn doc(tokens: TokenStream) -> Option<String> {
    let syn::Meta::NameValue(pair) = syn::parse2(tokens).ok()? else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = pair.value else { return None };
    pair.path.is_ident("doc").then(|| text.value() + "\n")
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_file(&mut self, file: &'ast syn::File) {
        self.docs.example(&text_of(&file.attrs));
        visit::visit_file(self, file);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.type_item(&item.vis, &item.ident, &item.attrs);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.type_item(&item.vis, &item.ident, &item.attrs);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.type_item(&item.vis, &item.ident, &item.attrs);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.type_item(&item.vis, &item.ident, &item.attrs);
        for inner in &item.items {
            if let syn::TraitItem::Fn(method) = inner {
                self.docs.example(&text_of(&method.attrs));
                self.function(&method.sig, &method.attrs, Some(&item.ident.to_string()));
            }
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.docs.example(&text_of(&item.attrs));
        if is_public(&item.vis) {
            self.function(&item.sig, &item.attrs, None);
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.docs.example(&text_of(&item.attrs));
        if is_public(&item.vis) {
            self.constant(&item.ident, &item.ty, &item.attrs, None);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let syn::Type::Path(path) = &*item.self_ty else { return };
        let of = path.path.segments.last().map(|last| last.ident.to_string());
        for inner in &item.items {
            match inner {
                syn::ImplItem::Fn(method) => {
                    self.docs.example(&text_of(&method.attrs));
                    if is_public(&method.vis) {
                        self.function(&method.sig, &method.attrs, of.as_deref());
                    }
                }
                syn::ImplItem::Const(constant) => {
                    self.docs.example(&text_of(&constant.attrs));
                    if is_public(&constant.vis) {
                        self.constant(&constant.ident, &constant.ty, &constant.attrs, of.as_deref());
                    }
                }
                _ => {}
            }
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_test(&item.attrs) {
            return;
        }
        self.docs.example(&text_of(&item.attrs));
        if let Some((_, items)) = &item.content {
            self.module.push(item.ident.to_string());
            let before = std::mem::replace(&mut self.is_open, self.names.is_open(&self.module));
            items.iter().for_each(|item| self.visit_item(item));
            self.is_open = before;
            self.module.pop();
        }
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let defines =
            item.mac.path.segments.last().is_some_and(|last| self.names.macros.contains(&last.ident.to_string()));
        self.tokens(item.mac.tokens.clone(), defines);
    }
}

mod tests {
    use super::Docs;

    fn read(files: &[(&str, &str)]) -> Docs {
        let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Docs::of(&files, "```\nuse it::Readme;\n```\n")
    }

    fn not_shown(text: &str) -> Vec<String> {
        read(&[("lib.rs", text)]).not_shown().into_keys().collect()
    }

    #[test]
    fn a_type_is_shown_by_its_own_example_or_where_another_names_it() {
        assert_eq!(not_shown("pub struct A; pub struct Readme; struct Private;"), ["A"]);
        assert_eq!(not_shown("/// ```\n/// let it = 1;\n/// ```\npub enum A {}"), [""; 0]);
        assert_eq!(not_shown("pub trait A {}\n/// ```\n/// let it: A = f();\n/// ```\npub fn f() {}"), [""; 0]);
        assert_eq!(not_shown("pub type A = u8;\n/// ```\n/// let it = Ab; // A\n/// ```\npub fn f() {}"), ["A"]);
    }

    #[test]
    fn what_is_not_compiled_shows_nothing() {
        for kind in ["text", "ignore", "compile_fail,E0451"] {
            assert_eq!(not_shown(&format!("/// ```{kind}\n/// A\n/// ```\npub struct A;")), ["A"], "{kind}");
        }
        assert_eq!(not_shown("/// A is [`A`].\npub struct A;"), ["A"]);
    }

    #[test]
    fn types_of_macros_and_of_private_modules_are_found() {
        let made = "macro_rules! m { ($(#[$d:meta])* $n:ident = $l:literal) => { pub struct $n; pub enum Fixed {} } }\n\
                    m! {\n/// One.\nMade = 4\n}\npub use inner::Shown;\nmod inner;";
        let found = read(&[("lib.rs", made), ("inner.rs", "pub struct Shown; pub struct Hidden;")]);
        assert_eq!(found.not_shown().into_keys().collect::<Vec<_>>(), ["Fixed", "Made", "Shown"]);
    }

    #[test]
    fn results_say_when_they_are_errors_and_numbers_what_they_count() {
        let found = read(&[(
            "lib.rs",
            "pub struct A; impl A { /// Does.\npub fn f() -> Result<(), ()> { Ok(()) }\n/// # Errors\n/// Never.\npub fn g() -> \
             Result<(), ()> { Ok(()) } } struct P; impl P { pub fn f() -> Result<(), ()> { Ok(()) } }\n/// The longest.\npub const \
             N: usize = 1;\n/// The longest, in bytes.\npub const M: usize = 1;",
        )]);
        assert_eq!(found.silent().into_keys().collect::<Vec<_>>(), ["A::f"]);
        assert_eq!(found.unitless().into_keys().collect::<Vec<_>>(), ["N"]);
    }
}
