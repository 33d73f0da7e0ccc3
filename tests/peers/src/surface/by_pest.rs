//! pest.

use pest::Parser;

use super::Segments;

#[allow(missing_docs, reason = "the macro documents nothing of what it makes")]
mod grammar {
    /// The grammar of `CEP §5.2`.
    #[derive(pest_derive::Parser)]
    #[grammar = "surface/grammar.pest"]
    pub struct Grammar;
}

/// Reads a name.
#[must_use]
pub fn parse(name: &str) -> Option<Segments<'_>> {
    let mut parts = grammar::Grammar::parse(grammar::Rule::surface, name).ok()?.next()?.into_inner();
    let mut part = || parts.next().filter(|part| part.as_rule() != grammar::Rule::EOI).map(|part| part.as_str());
    Some(Segments { time: part()?, context: part()?, profile: part()?, priority: part()?, extension: part() })
}
