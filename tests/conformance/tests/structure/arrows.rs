//! Which file of a crate uses which other: read from its `use` lines and paths, drawn as arrows between the entries of each
//! folder, and searched for circles.
//!
//! Not arrows: what only tests use, a `mod` line, and a façade's re-export of what stands below it. A name that comes through
//! a re-export leads to the file that defines it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::Path;

use syn::visit::{self, Visit};

use conformance::rust_files;

type Module = Vec<String>;

/// One use of one file by another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// The file that uses, relative to the crate's `src`.
    pub from: String,
    /// The file that is used.
    pub to: String,
    /// The line.
    pub line: usize,
    /// The path that stands there.
    pub path: String,
}

/// The arrows of a crate, in the order of files and lines.
pub fn arrows(src: &Path) -> Vec<Arrow> {
    arrows_of(&rust_files(src).unwrap_or_else(|error| panic!("{error}")))
}

/// The arrows of files that are given as name and text.
pub fn arrows_of(texts: &[(String, String)]) -> Vec<Arrow> {
    let mut krate = Crate::default();
    let mut parsed = Vec::new();
    for (name, text) in texts {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let module = module_of(name);
        krate.files.insert(module.clone(), name.clone());
        parsed.push((name, module, file));
    }
    for (name, module, file) in &parsed {
        krate.names(name, module, &file.items);
    }
    let tests: Vec<Module> = parsed.iter().flat_map(|(_, module, file)| test_modules(module, file)).collect();
    let mut found = BTreeSet::new();
    for (name, module, file) in &parsed {
        if tests.iter().any(|test| module.starts_with(test)) {
            continue;
        }
        let mut reader = Reader { krate: &krate, file: name, module: module.clone(), found: &mut found };
        file.items.iter().for_each(|item| reader.visit_item(item));
    }
    found.into_iter().collect()
}

/// `a/b.rs` and `a/b/mod.rs` are the module a::b; `lib.rs` and `main.rs` are the root.
fn module_of(file: &str) -> Module {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut module: Module = stem.split('/').map(str::to_owned).collect();
    let last = module.last().map(String::as_str);
    if last == Some("mod") || module.len() == 1 && matches!(last, Some("lib" | "main")) {
        module.pop();
    }
    module
}

/// What the modules of a crate contain.
#[derive(Default)]
struct Crate {
    files: BTreeMap<Module, String>,
    /// Names that a module defines.
    defined: BTreeMap<Module, BTreeSet<String>>,
    /// Names that a module imports, and the absolute paths that they stand for.
    imported: BTreeMap<Module, BTreeMap<String, Module>>,
    /// Modules of which a module imports everything.
    globs: BTreeMap<Module, Vec<Module>>,
}

impl Crate {
    fn names(&mut self, file: &str, module: &Module, items: &[syn::Item]) {
        self.defined.entry(module.clone()).or_default();
        // Child modules first: a path may begin with one of them.
        for item in items {
            if let Some(name) = name_of(item) {
                self.defined.entry(module.clone()).or_default().insert(name);
            }
            if let syn::Item::Mod(syn::ItemMod { ident, content: Some((_, items)), .. }) = item {
                let inner = below(module, &ident.to_string());
                self.files.insert(inner.clone(), file.to_owned());
                self.names(file, &inner, items);
            }
        }
        for item in items {
            let syn::Item::Use(item) = item else { continue };
            for (path, name) in flatten(&item.tree) {
                let Some(path) = self.absolute(module, &path) else { continue };
                match name {
                    Some(name) => {
                        self.imported.entry(module.clone()).or_default().insert(name, path);
                    }
                    None => self.globs.entry(module.clone()).or_default().push(path),
                }
            }
        }
    }

    /// A path from the crate's root, if it leads into this crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let mut start = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module.split_last()?.1.to_vec(),
            _ => {
                let child = below(module, first);
                let is_module = self.files.contains_key(&child);
                return is_module.then(|| [child, rest.to_vec()].concat());
            }
        };
        let mut rest = rest;
        while let Some((first, more)) = rest.split_first()
            && first == "super"
        {
            start.pop()?;
            rest = more;
        }
        Some([start, rest.to_vec()].concat())
    }

    /// The file that defines what an absolute path names, through all re-exports.
    fn file(&self, path: &Module) -> Option<&str> {
        let mut path = path.clone();
        // A chain of re-exports is short; an endless one does not compile.
        for _ in 0..16 {
            let length = (0..=path.len()).rev().find(|length| self.files.contains_key(&path[..*length]))?;
            let module = path[..length].to_vec();
            let Some(name) = path.get(length) else { return self.files.get(&module).map(String::as_str) };
            let is_defined = |module: &Module| self.defined.get(module).is_some_and(|names| names.contains(name));
            let imports = |module: &Module| self.imported.get(module).and_then(|names| names.get(name));
            let rest = &path[length + 1..];
            if is_defined(&module) {
                return self.files.get(&module).map(String::as_str);
            }
            if let Some(target) = imports(&module) {
                path = [target, rest].concat();
                continue;
            }
            let globs = self.globs.get(&module).into_iter().flatten();
            match globs.into_iter().find(|glob| is_defined(glob) || imports(glob).is_some()) {
                Some(glob) => path = [&glob[..], &path[length..]].concat(),
                None => return self.files.get(&module).map(String::as_str),
            }
        }
        None
    }
}

fn below(module: &Module, name: &str) -> Module {
    let mut inner = module.clone();
    inner.push(name.to_owned());
    inner
}

fn name_of(item: &syn::Item) -> Option<String> {
    use syn::Item;
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        Item::Mod(item) if item.content.is_some() => item.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Union(item) => item.ident.to_string(),
        _ => return None,
    })
}

/// Every path of a `use`, and the name under which it is known then; none for a glob.
fn flatten(tree: &syn::UseTree) -> Vec<(Vec<String>, Option<String>)> {
    fn walk(tree: &syn::UseTree, path: &[String], all: &mut Vec<(Vec<String>, Option<String>)>) {
        let with = |name: &proc_macro2::Ident| [path, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(tree) => walk(&tree.tree, &with(&tree.ident), all),
            syn::UseTree::Name(tree) if tree.ident == "self" => {
                all.push((path.to_vec(), path.last().cloned()));
            }
            syn::UseTree::Name(tree) => all.push((with(&tree.ident), Some(tree.ident.to_string()))),
            syn::UseTree::Rename(tree) if tree.ident == "self" => {
                all.push((path.to_vec(), Some(tree.rename.to_string())));
            }
            syn::UseTree::Rename(tree) => all.push((with(&tree.ident), Some(tree.rename.to_string()))),
            syn::UseTree::Glob(_) => all.push((path.to_vec(), None)),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, path, all)),
        }
    }
    let mut all = Vec::new();
    walk(tree, &[], &mut all);
    all
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}

/// The modules of tests that stand in files of their own below this one.
fn test_modules(module: &Module, file: &syn::File) -> Vec<Module> {
    let named = |item: &syn::Item| match item {
        syn::Item::Mod(item) if item.content.is_none() && is_test(&item.attrs) => Some(item.ident.to_string()),
        _ => None,
    };
    file.items.iter().filter_map(named).map(|name| [&module[..], &[name]].concat()).collect()
}

/// Reads one file.
struct Reader<'a> {
    krate: &'a Crate,
    file: &'a str,
    module: Module,
    found: &'a mut BTreeSet<Arrow>,
}

impl Reader<'_> {
    fn add(&mut self, path: &[String], line: usize) {
        let Some(absolute) = self.krate.absolute(&self.module, path) else { return };
        let Some(to) = self.krate.file(&absolute) else { return };
        if to != self.file {
            let (from, to) = (self.file.to_owned(), to.to_owned());
            self.found.insert(Arrow { from, to, line, path: path.join("::") });
        }
    }

    /// Paths inside a macro's tokens: `crate::…` and `super::…`, also after a dollar sign.
    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        use proc_macro2::TokenTree;
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        let mut ended = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if path.is_empty() && (ident == "crate" || ident == "super") => {
                    (path, line, colons) = (vec![ident.to_string()], ident.span().start().line, 0);
                }
                TokenTree::Ident(ident) if !path.is_empty() && colons == 2 => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if !path.is_empty() && punct.as_char() == ':' => colons += 1,
                // `crate::name!`: an exported macro is the crate's, not a module's.
                TokenTree::Punct(punct) if path.len() == 2 && punct.as_char() == '!' => path.clear(),
                TokenTree::Group(group) => {
                    ended.push((std::mem::take(&mut path), line));
                    self.tokens(group.stream());
                }
                _ => ended.push((std::mem::take(&mut path), line)),
            }
        }
        ended.push((path, line));
        for (path, line) in ended.into_iter().filter(|(path, _)| path.len() > 1) {
            self.add(&path, line);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let Some((_, items)) = &item.content else { return };
        self.module.push(item.ident.to_string());
        items.iter().for_each(|item| self.visit_item(item));
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_private = matches!(item.vis, syn::Visibility::Inherited);
        let line = item.use_token.span.start().line;
        for (path, _) in flatten(&item.tree) {
            let Some(absolute) = self.krate.absolute(&self.module, &path) else { continue };
            // A façade re-exports what is below it.
            let is_below = absolute.len() > self.module.len() && absolute.starts_with(&self.module);
            if is_private || !is_below {
                self.add(&path, line);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1
            && let Some(first) = path.segments.first()
        {
            self.add(&segments, first.ident.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.tokens(mac.tokens.clone());
        visit::visit_macro(self, mac);
    }
}

/// Entries of one folder that use each other in a circle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Circle {
    /// The folder, relative to the crate's `src`; empty for `src` itself.
    pub folder: String,
    /// Every entry that lies on a circle with the others: files and folders, without `.rs`.
    pub entries: Vec<String>,
    /// A shortest circle among them: each arrow leads from one entry to the next, the last one to the first.
    pub shortest: Vec<Arrow>,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}: a circle of {}", self.folder, self.entries.join(", "))?;
        for Arrow { from, to, line, path } in &self.shortest {
            write!(f, "\n    src/{from}:{line} uses {path} of src/{to}")?;
        }
        Ok(())
    }
}

/// The entry of a folder to which a file belongs: the file itself, or the folder below that holds it. The folder's own
/// `mod.rs` is the entry `mod`.
pub fn entry<'a>(folder: &str, file: &'a str) -> Option<&'a str> {
    let inside = if folder.is_empty() { file } else { file.strip_prefix(folder)?.strip_prefix('/')? };
    let first = inside.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

/// The arrows between different entries of a folder, the first of each pair.
pub fn between<'a>(folder: &str, arrows: &'a [Arrow]) -> BTreeMap<(&'a str, &'a str), &'a Arrow> {
    let mut pairs = BTreeMap::new();
    for arrow in arrows {
        if let (Some(from), Some(to)) = (entry(folder, &arrow.from), entry(folder, &arrow.to))
            && from != to
        {
            pairs.entry((from, to)).or_insert(arrow);
        }
    }
    pairs
}

/// Every circle of every folder.
pub fn circles(arrows: &[Arrow]) -> Vec<Circle> {
    let files = arrows.iter().flat_map(|arrow| [arrow.from.as_str(), arrow.to.as_str()]);
    let folders = files.flat_map(|file| {
        let ends = file.match_indices('/').map(|(end, _)| &file[..end]);
        ends.chain([""])
    });
    let folders: BTreeSet<&str> = folders.collect();
    folders.into_iter().flat_map(|folder| circles_of(folder, arrows)).collect()
}

fn circles_of(folder: &str, arrows: &[Arrow]) -> Vec<Circle> {
    let pairs = between(folder, arrows);
    let entries: BTreeSet<&str> = pairs.keys().flat_map(|(from, to)| [*from, *to]).collect();
    // What can be reached from each, with the shortest way there.
    let ways: BTreeMap<&str, BTreeMap<&str, Vec<&Arrow>>> =
        entries.iter().map(|start| (*start, ways(&pairs, start))).collect();
    let mut done = BTreeSet::new();
    let mut circles = Vec::new();
    for start in &entries {
        if done.contains(start) || !ways[start].contains_key(start) {
            continue;
        }
        let back = |other: &&&str| ways[start].contains_key(**other) && ways[**other].contains_key(start);
        let members: Vec<&str> = entries.iter().filter(back).copied().collect();
        done.extend(members.iter().copied());
        let shortest = members.iter().filter_map(|member| ways[member].get(member)).min_by_key(|way| way.len());
        circles.push(Circle {
            folder: folder.to_owned(),
            entries: members.iter().map(|&member| member.to_owned()).collect(),
            shortest: shortest.into_iter().flatten().map(|arrow| (*arrow).clone()).collect(),
        });
    }
    circles
}

/// The shortest way from an entry to each that it reaches, itself included if it lies on a circle.
fn ways<'a>(pairs: &BTreeMap<(&'a str, &'a str), &'a Arrow>, start: &str) -> BTreeMap<&'a str, Vec<&'a Arrow>> {
    let mut ways: BTreeMap<&str, Vec<&Arrow>> = BTreeMap::new();
    let mut open = VecDeque::from([(start, Vec::new())]);
    while let Some((at, way)) = open.pop_front() {
        for ((from, to), arrow) in pairs {
            if *from == at && !ways.contains_key(to) {
                let way = [&way[..], &[*arrow]].concat();
                ways.insert(to, way.clone());
                open.push_back((to, way));
            }
        }
    }
    ways
}

mod tests;
