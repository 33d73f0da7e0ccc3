//! What is printed: every event, discard and error of the libraries has a `defmt::Format` for firmware, as their `Cargo.toml`
//! promises, and a `Display` for people.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::TokenTree;
use syn::visit::{self, Visit};

/// The types of one crate, and the traits that name them.
#[derive(Default)]
struct Types {
    /// Public types that derive Debug, and whether they have a Format.
    public: BTreeMap<String, bool>,
    errors: BTreeSet<String>,
    display: BTreeSet<String>,
    formats: BTreeSet<String>,
}

impl Types {
    fn define(&mut self, visibility: &syn::Visibility, name: &syn::Ident, attributes: &[syn::Attribute]) {
        let has = |word: &str| {
            attributes.iter().any(
                |attribute| matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string().contains(word)),
            )
        };
        if matches!(visibility, syn::Visibility::Public(_)) && has("Debug") {
            let format = self.public.entry(name.to_string()).or_insert(true);
            *format &= has("defmt :: Format");
        }
    }
}

impl<'ast> Visit<'ast> for Types {
    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.define(&item.vis, &item.ident, &item.attrs);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.define(&item.vis, &item.ident, &item.attrs);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let (Some((of, _)), syn::Type::Path(named)) = (&item.trait_, &*item.self_ty) else { return };
        let last = |path: &syn::Path| path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        let name = last(&named.path);
        match last(of).as_str() {
            "Error" => self.errors.insert(name),
            "Display" => self.display.insert(name),
            "Format" => self.formats.insert(name),
            _ => false,
        };
    }

    /// `words!` and `flags!` write `Display`: the type's name stands before its texts.
    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        if !["words", "flags"].iter().any(|name| item.mac.path.is_ident(name)) {
            return;
        }
        let mut name = None;
        for token in item.mac.tokens.clone() {
            match token {
                TokenTree::Ident(ident) if ident != "or" => name = Some(ident.to_string()),
                TokenTree::Group(_) => self.display.extend(name.take()),
                _ => {}
            }
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
        if !is_test {
            visit::visit_item_mod(self, item);
        }
    }
}

fn read(folder: &Path, types: &mut Types) {
    for entry in std::fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, types);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            types.visit_file(&file);
        }
    }
}

/// Whether a type's name says that it reports what happened.
fn tells(name: &str) -> bool {
    ["Event", "Received", "Handled", "Discard", "Dropped", "Closure", "Violation", "Reason"]
        .iter()
        .any(|end| name.ends_with(end))
}

#[test]
fn every_event_discard_and_error_can_be_printed_by_firmware_and_read_by_people() {
    let root = conformance::source_root().expect("the test runs inside its workspace");
    let mut faults = Vec::new();
    for (krate, least) in [("iacp-wire", 2), ("iacp-core", 40), ("cep-envelope", 8), ("interaction-gov", 8)] {
        let mut types = Types::default();
        read(&root.join(krate).join("src"), &mut types);
        assert!(types.errors.len() >= least, "{krate}: only {} errors were found", types.errors.len());
        for (name, has_format) in &types.public {
            let error = types.errors.contains(name);
            if !error && !tells(name) {
                continue;
            }
            if !has_format && !types.formats.contains(name) {
                faults.push(format!("{krate}: {name} has no defmt::Format"));
            }
            if !types.display.contains(name) {
                faults.push(format!("{krate}: {name} has no Display"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
