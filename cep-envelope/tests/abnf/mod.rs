//! A matcher for surfaces that is independent of the parser: it reads the text of the grammar (RFC 5234, as much of it
//! as the draft uses) and builds an automaton that takes one byte at a time.

use std::collections::{BTreeMap, BTreeSet};

/// `CEP §5.2`, to the letter.
pub const GRAMMAR: &str = r#"
surface-name = time-fragment "." context "." profile "." priority
[ "." extension ]
time-fragment = compact-time / dashed-time / date-only
compact-time = 8DIGIT "t" 6DIGIT "z"
dashed-time = 4DIGIT "-" 2DIGIT "-" 2DIGIT "t"
2DIGIT "-" 2DIGIT "-" 2DIGIT "z"
date-only = 4DIGIT "-" 2DIGIT "-" 2DIGIT
context = 1*48(segment-char)
profile = 1*48(segment-char)
priority = 1*32(segment-char)
extension = 1*48(segment-char)
segment-char = LCALPHA / DIGIT / "-"
LCALPHA = %x61-7A
DIGIT = %x30-39
"#;

/// The answer of the grammar for some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The grammar derives them.
    Derived,
    /// The first byte with which no derived name can go on, or the number of bytes if only more bytes are missing.
    Stuck(usize),
}

/// A rule's right side.
#[derive(Clone, Debug)]
enum Expression {
    Rule(String),
    /// One byte of a range.
    Byte(u8, u8),
    OneOf(Vec<Expression>),
    Row(Vec<Expression>),
    Repeat(usize, usize, Box<Expression>),
}

/// An automaton without dead states: from each state an end can be reached.
pub struct Matcher {
    next: Vec<[Option<usize>; 256]>,
    accepts: Vec<bool>,
}

impl Matcher {
    /// The language of the first rule.
    pub fn new(grammar: &str) -> Self {
        let rules = rules(grammar);
        let first = grammar.split_whitespace().next().expect("a rule").to_owned();
        let mut graph = Graph { rules, arrows: vec![Vec::new()], steps: vec![Vec::new()] };
        let end = graph.add(&Expression::Rule(first), 0);
        graph.determine(end)
    }

    /// Walks the bytes.
    pub fn judge(&self, bytes: &[u8]) -> Verdict {
        let mut state = 0;
        for (place, byte) in bytes.iter().enumerate() {
            match self.next[state][usize::from(*byte)] {
                Some(next) => state = next,
                None => return Verdict::Stuck(place),
            }
        }
        if self.accepts[state] { Verdict::Derived } else { Verdict::Stuck(bytes.len()) }
    }

    /// How many bytes the longest derived name has. The language is finite.
    #[allow(dead_code, reason = "the fuzz target does not ask")]
    pub fn longest(&self) -> usize {
        let mut states = BTreeSet::from([0]);
        for length in 0.. {
            states = states.iter().flat_map(|state| self.next[*state].iter().flatten().copied()).collect();
            if states.is_empty() {
                return length;
            }
        }
        unreachable!("the loop has no end but that one")
    }
}

/// The transitions of a state without a byte, and those with bytes.
struct Graph {
    rules: BTreeMap<String, Expression>,
    arrows: Vec<Vec<usize>>,
    steps: Vec<Vec<(u8, u8, usize)>>,
}

impl Graph {
    fn state(&mut self) -> usize {
        self.arrows.push(Vec::new());
        self.steps.push(Vec::new());
        self.arrows.len() - 1
    }

    /// Adds the transitions of the expression from a state on, and returns its end state.
    fn add(&mut self, expression: &Expression, from: usize) -> usize {
        match expression {
            Expression::Rule(name) => {
                let expression = self.rules.get(&name.to_ascii_lowercase()).expect("a rule of that name").clone();
                self.add(&expression, from)
            }
            Expression::Byte(least, most) => {
                let to = self.state();
                self.steps[from].push((*least, *most, to));
                to
            }
            Expression::OneOf(choices) => {
                let ends: Vec<_> = choices.iter().map(|choice| self.add(choice, from)).collect();
                let to = self.state();
                ends.into_iter().for_each(|end| self.arrows[end].push(to));
                to
            }
            Expression::Row(row) => row.iter().fold(from, |from, one| self.add(one, from)),
            Expression::Repeat(least, most, one) => {
                let mut ends = Vec::new();
                let mut from = from;
                for count in 0..*most {
                    if count >= *least {
                        ends.push(from);
                    }
                    from = self.add(one, from);
                }
                let to = self.state();
                ends.into_iter().chain([from]).for_each(|end| self.arrows[end].push(to));
                to
            }
        }
    }

    fn closure(&self, mut states: Vec<usize>) -> BTreeSet<usize> {
        let mut closed = BTreeSet::new();
        while let Some(state) = states.pop() {
            if closed.insert(state) {
                states.extend(&self.arrows[state]);
            }
        }
        closed
    }

    /// Every reachable set of states becomes one state. None of them is dead: each expression can be completed, so that
    /// the end can be reached from each state.
    fn determine(&self, end: usize) -> Matcher {
        let mut numbers = BTreeMap::new();
        let mut sets = vec![self.closure(vec![0])];
        numbers.insert(sets[0].clone(), 0);
        let mut matcher = Matcher { next: Vec::new(), accepts: Vec::new() };
        while let Some(set) = sets.get(matcher.next.len()).cloned() {
            let mut next = [None; 256];
            for byte in 0..=u8::MAX {
                let steps = set.iter().flat_map(|state| &self.steps[*state]);
                let reached: Vec<_> =
                    steps.filter(|(least, most, _)| (least..=most).contains(&&byte)).map(|(.., to)| *to).collect();
                if !reached.is_empty() {
                    let reached = self.closure(reached);
                    let number = *numbers.entry(reached.clone()).or_insert_with(|| {
                        sets.push(reached);
                        sets.len() - 1
                    });
                    next[usize::from(byte)] = Some(number);
                }
            }
            matcher.next.push(next);
            matcher.accepts.push(set.contains(&end));
        }
        matcher
    }
}

/// Rules by name; RFC 5234 ignores case in names. A line without `=` continues the rule above it.
fn rules(grammar: &str) -> BTreeMap<String, Expression> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for line in grammar.lines().filter(|line| !line.trim().is_empty()) {
        match line.split_once('=') {
            Some((name, text)) => texts.push((name.trim().to_ascii_lowercase(), text.to_owned())),
            None => texts.last_mut().expect("a rule above").1.extend([" ", line]),
        }
    }
    texts
        .into_iter()
        .map(|(name, text)| {
            let mut reader = Reader { rest: &text };
            let expression = reader.choices();
            assert_eq!(reader.rest.trim(), "", "all of {name} is read");
            (name, expression)
        })
        .collect()
}

/// Recursive descent through one right side.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn choices(&mut self) -> Expression {
        let mut choices = vec![self.row()];
        while self.takes('/') {
            choices.push(self.row());
        }
        Expression::OneOf(choices)
    }

    fn row(&mut self) -> Expression {
        let mut row = Vec::new();
        while !matches!(self.rest.trim_start().chars().next(), None | Some('/' | ')' | ']')) {
            row.push(self.repetition());
        }
        Expression::Row(row)
    }

    /// `n`, `n*m`, `*m`, `n*` (which no rule of a finite language has) or nothing before an element.
    fn repetition(&mut self) -> Expression {
        self.rest = self.rest.trim_start();
        let least = self.number(10);
        let (least, most) = if self.takes('*') {
            (least.unwrap_or(0), self.number(10).expect("a limit"))
        } else {
            (least.unwrap_or(1), least.unwrap_or(1))
        };
        Expression::Repeat(least, most, Box::new(self.element()))
    }

    fn element(&mut self) -> Expression {
        if self.takes('(') {
            let inner = self.choices();
            assert!(self.takes(')'), "a group ends");
            return inner;
        }
        if self.takes('[') {
            let inner = self.choices();
            assert!(self.takes(']'), "an option ends");
            return Expression::Repeat(0, 1, Box::new(inner));
        }
        if self.takes('"') {
            let (text, rest) = self.rest.split_once('"').expect("a string ends");
            self.rest = rest;
            // RFC 5234, section 2.3: strings ignore case.
            let either = |byte: u8| [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()];
            let letters = text.bytes().map(either).map(|[lower, upper]| {
                Expression::OneOf(vec![Expression::Byte(lower, lower), Expression::Byte(upper, upper)])
            });
            return Expression::Row(letters.collect());
        }
        if self.takes('%') {
            assert!(self.takes('x'), "the draft writes hexadecimal only");
            let least = self.number(16).expect("a byte");
            let most = if self.takes('-') { self.number(16).expect("a byte") } else { least };
            let byte = |number| u8::try_from(number).expect("a byte");
            return Expression::Byte(byte(least), byte(most));
        }
        let name = self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == '-');
        assert!(!name.is_empty(), "an element before {:?}", self.rest);
        Expression::Rule(name.to_owned())
    }

    fn number(&mut self, radix: u32) -> Option<usize> {
        let digits = self.take_while(|digit| digit.is_digit(radix));
        usize::from_str_radix(digits, radix).ok()
    }

    fn takes(&mut self, sign: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_while(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|sign| !of(sign)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}
