//! The grammar of vocabularies and policies in PROFILE: a matcher built from it accepts every text that the reader
//! accepts.

mod govern;

use std::collections::{BTreeSet, HashMap};

use interaction_gov::policy::Policy;
use interaction_gov::vocabulary::Vocabulary;
use proptest::prelude::*;

/// The elements of an ABNF rule (RFC 5234), as far as they are used here.
#[derive(Clone, Debug)]
enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Times(usize, usize, Box<Node>),
    Text(String),
    Range(char, char),
    Name(String),
}

struct Grammar(HashMap<String, Node>);

impl Grammar {
    fn of_profile() -> Self {
        let profile = include_str!("../../PROFILE.md");
        let (_, block) = profile.split_once("<!-- grammar -->").unwrap();
        let (block, _) = block.split_once("```abnf\n").unwrap().1.split_once("```").unwrap();
        let mut rules: HashMap<String, Node> = HashMap::new();
        for line in block.lines() {
            let (name, more) = line.split_once('=').unwrap();
            let (more, adds) = more.strip_prefix('/').map_or((more, false), |more| (more, true));
            let tokens = tokens(more);
            let (node, rest) = alternatives(&tokens);
            assert!(rest.is_empty(), "{line}: {rest:?}");
            let name = name.trim().to_owned();
            match rules.get_mut(&name) {
                Some(Node::Any(all)) if adds => all.push(node),
                _ => assert!(rules.insert(name, Node::Any(vec![node])).is_none()),
            }
        }
        for (name, node) in
            [("SP", Node::Text(" ".into())), ("LF", Node::Text("\n".into())), ("DIGIT", Node::Range('0', '9'))]
        {
            rules.insert(name.into(), node);
        }
        Self(rules)
    }

    /// All places where a match that begins here can end.
    fn ends(&self, node: &Node, text: &str, at: usize) -> BTreeSet<usize> {
        match node {
            Node::Any(all) => all.iter().flat_map(|one| self.ends(one, text, at)).collect(),
            Node::All(all) => all.iter().fold(BTreeSet::from([at]), |places, one| {
                places.into_iter().flat_map(|at| self.ends(one, text, at)).collect()
            }),
            Node::Times(least, most, one) => {
                let (mut all, mut last) = (BTreeSet::new(), BTreeSet::from([at]));
                for time in 0..=*most {
                    if time >= *least {
                        all.extend(&last);
                    }
                    last = last
                        .into_iter()
                        .flat_map(|at| self.ends(one, text, at))
                        .filter(|end| !all.contains(end))
                        .collect();
                    if last.is_empty() {
                        break;
                    }
                }
                all
            }
            Node::Text(word) => text[at..].starts_with(word.as_str()).then_some(at + word.len()).into_iter().collect(),
            Node::Range(from, to) => {
                let found = text[at..].chars().next().filter(|c| (*from..=*to).contains(c));
                found.map(|c| at + c.len_utf8()).into_iter().collect()
            }
            Node::Name(name) => self.ends(self.0.get(name).unwrap_or_else(|| panic!("no rule {name}")), text, at),
        }
    }

    fn takes(&self, rule: &str, text: &str) -> bool {
        self.ends(&Node::Name(rule.into()), text, 0).contains(&text.len())
    }
}

fn tokens(line: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => rest[1..].find('"').unwrap() + 2,
            '(' | ')' | '[' | ']' | '/' => 1,
            _ => rest.find(|c: char| " ()[]/\"".contains(c)).unwrap_or(rest.len()),
        };
        tokens.push(rest[..end].to_owned());
        // A repetition applies to the element right after it.
        let (_, more) = rest.split_at(end);
        rest = more.trim_start();
    }
    tokens
}

fn alternatives(mut tokens: &[String]) -> (Node, &[String]) {
    let mut all = Vec::new();
    loop {
        let (node, rest) = sequence(tokens);
        all.push(node);
        match rest.split_first() {
            Some((slash, more)) if slash == "/" => tokens = more,
            _ => return (Node::Any(all), rest),
        }
    }
}

fn sequence(mut tokens: &[String]) -> (Node, &[String]) {
    let mut all = Vec::new();
    while let Some((first, rest)) = tokens.split_first() {
        if ["/", ")", "]"].contains(&first.as_str()) {
            break;
        }
        let (node, rest) = element(first, rest);
        all.push(node);
        tokens = rest;
    }
    (Node::All(all), tokens)
}

fn element<'t>(first: &str, rest: &'t [String]) -> (Node, &'t [String]) {
    match first {
        "(" => {
            let (node, rest) = alternatives(rest);
            (node, &rest[1..])
        }
        "[" => {
            let (node, rest) = alternatives(rest);
            (Node::Times(0, 1, Box::new(node)), &rest[1..])
        }
        _ if first.starts_with('"') => (Node::Text(first.trim_matches('"').into()), rest),
        _ if first.starts_with("%x") => {
            let (from, to) = first[2..].split_once('-').unwrap();
            let char = |hex: &str| char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap();
            (Node::Range(char(from), char(to)), rest)
        }
        _ if first.starts_with(|c: char| c == '*' || c.is_ascii_digit()) => {
            let digits = first.chars().take_while(char::is_ascii_digit).count();
            let least = first[..digits].parse().unwrap_or(0);
            let (most, of) = match first[digits..].strip_prefix('*') {
                Some(of) => (usize::MAX, of),
                None => (least, &first[digits..]),
            };
            let (node, rest) = if of.is_empty() { element(&rest[0], &rest[1..]) } else { element(of, rest) };
            (Node::Times(least, most, Box::new(node)), rest)
        }
        _ => (Node::Name(first.into()), rest),
    }
}

/// One blank between words and after a comma, none elsewhere; no comments, no empty lines.
fn plain(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.split('#').next().unwrap().replace(',', " , ");
        line.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",")
    });
    lines.filter(|line| !line.is_empty()).map(|line| line + "\n").collect()
}

#[test]
fn the_examples_are_of_the_grammar() {
    let grammar = Grammar::of_profile();
    for text in [govern::CORPORATE, govern::PRIVACY] {
        assert!(grammar.takes("policy", &plain(text)), "{text}");
    }
    for line in plain(govern::NAMES).lines() {
        assert!(grammar.takes("vocabulary", line), "{line}");
    }
    for wrong in
        ["permit", "permit join own", "keep audio", "set mood 7", "deny join oblige notify", "permit join from 8 to 9"]
    {
        assert!(!grammar.takes("statement", wrong), "{wrong}");
    }
}

fn any_line() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(vec![
        "permit",
        "deny",
        "keep",
        "set",
        "over",
        "any",
        "join",
        "speak",
        "record",
        "on",
        "audio",
        "video",
        "by",
        "recording",
        "in",
        "de",
        "eu",
        "as",
        "host",
        "for",
        "human",
        "with",
        "without",
        "below",
        "consent",
        "own-consent",
        "second-consent",
        "posture",
        "managed",
        "provenance",
        "stated",
        "present",
        "from",
        "0800",
        "to",
        "1800",
        "oblige",
        "notify",
        "named",
        "x",
        "within",
        "lease",
        "7",
        "own",
        ",",
        ",",
        "analysis",
    ]);
    proptest::collection::vec(word, 1..9).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn what_the_reader_takes_is_of_the_grammar(scope in proptest::option::of(any_line()), lines in proptest::collection::vec(any_line(), 1..3)) {
        let scope = scope.map(|line| format!("over {line}\n")).unwrap_or_default();
        let text = format!("authority corporate\nversion 1\n{scope}{}\n", lines.join("\n"));
        if Policy::<1>::new().add(&text, &govern::names()).is_ok() {
            prop_assert!(Grammar::of_profile().takes("policy", &plain(&text)), "{}", text);
        }
    }

    #[test]
    fn what_the_vocabulary_takes_is_of_the_grammar(words in proptest::collection::vec(proptest::sample::select(vec!["actions", "regions", "roles", "group", "of", "a", "b", "c", ",", "own", "always"]), 2..7)) {
        let line = words.join(" ");
        if Vocabulary::read(&line).is_ok() {
            prop_assert!(Grammar::of_profile().takes("vocabulary", plain(&line).trim_end()), "{}", line);
        }
    }
}
