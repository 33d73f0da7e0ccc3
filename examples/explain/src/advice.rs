//! What a mistyped word may have been meant to be: the names that it is near to, and the lists that contain it.

use interaction_gov::Trouble;
use interaction_gov::policy::{Kind, Provenance};
use interaction_gov::vocabulary::{
    Action, Authority, Consent, Function, Listed, Modality, Obligation, Posture, Region, Role, Vocabulary,
};

/// The most names that are listed.
const FEW: usize = 12;
/// What a line of a policy can begin with.
const STATEMENTS: &[&str] = &["authority", "version", "over", "permit", "deny", "keep", "set"];
/// What a line of a vocabulary can begin with.
const LISTS: &[&str] = &[
    "actions",
    "own",
    "always",
    "modalities",
    "functions",
    "regions",
    "roles",
    "consents",
    "postures",
    "obligations",
    "authorities",
    "group",
];
/// What can follow in a line.
const CLAUSES: &[&str] = &["for", "as", "on", "by", "in", "with", "without", "below", "from", "oblige", "named", "own"];
/// What can follow `with`, `without` and `below`.
const LEVELS: &[&str] =
    &["consent", "stream-consent", "own-consent", "second-consent", "present", "posture", "provenance"];
/// What can follow `set`.
const SETTINGS: &[&str] = &["lease", "validation", "recovery", "heads"];

/// More about what is wrong with a word of a line: `: 'recrod' (did you mean 'record'?)`.
#[must_use]
pub fn about(vocabulary: Option<&Vocabulary<'_>>, trouble: Trouble, line: &str, column: u16) -> String {
    let at = usize::from(column).saturating_sub(1);
    let word = word_at(line, at);
    let before = line.get(..at).unwrap_or_default().split_whitespace().next_back().unwrap_or_default();
    let names: Vec<&str> = match trouble {
        Trouble::UnknownName(list) => named(vocabulary, list),
        Trouble::UnknownStatement if vocabulary.is_none() => LISTS.to_vec(),
        Trouble::UnknownStatement => STATEMENTS.to_vec(),
        Trouble::UnknownClause => match before {
            "with" | "without" | "below" => LEVELS.to_vec(),
            "set" => SETTINGS.to_vec(),
            _ => CLAUSES.to_vec(),
        },
        Trouble::NoNumber if matches!(before, "from" | "to") => {
            return format!(": '{word}' (a time of the day is four digits, 0000 to 2359)");
        }
        _ => return String::new(),
    };
    if word.is_empty() {
        return String::new();
    }
    if trouble == Trouble::UnknownStatement && names.contains(&word) {
        return format!(
            ": '{word}' (it stands {}, once)",
            if word == "over" { "behind the version" } else { "in front" }
        );
    }
    let near = nearest(word, &names);
    let elsewhere = vocabulary.and_then(|vocabulary| vocabulary.lists_with(word).next());
    let more = match (trouble, near, elsewhere) {
        (Trouble::UnknownName(_), ..) if CLAUSES.contains(&word) => "is there a comma too many in front of it?".into(),
        (Trouble::UnknownClause, _, Some(list)) => {
            format!("it is one of the {list}: is a comma missing in front of it?")
        }
        (Trouble::UnknownName(_), _, Some(list)) => format!("it is one of the {list}; {}", all(&names)),
        (_, Some(near), _) => format!("did you mean '{near}'?"),
        (_, None, _) => all(&names),
    };
    format!(": '{word}' ({more})")
}

/// The word that begins at a byte of a line; where none does, the text from there up to a blank.
#[must_use]
pub fn word_at(line: &str, at: usize) -> &str {
    let rest = line.get(at..).unwrap_or_default();
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    let length = if length > 0 { length } else { rest.find([' ', '\t', ',', '#']).unwrap_or(rest.len()) };
    rest.get(..length).unwrap_or_default()
}

fn named<'t>(vocabulary: Option<&Vocabulary<'t>>, list: &str) -> Vec<&'t str> {
    fn of<'t, T: Listed>(vocabulary: Option<&Vocabulary<'t>>, list: &str) -> Vec<&'t str> {
        let Some(vocabulary) = vocabulary.filter(|_| T::LIST == list) else { return Vec::new() };
        let groups = vocabulary.groups().filter(|group| vocabulary.all_of::<T>(group).is_some());
        vocabulary.all::<T>().map(|(_, name)| name).chain(groups).collect()
    }
    let kinds = || Kind::ALL.map(Kind::name).to_vec();
    let levels = || Provenance::ALL.map(Provenance::name).to_vec();
    match list {
        "kinds" => kinds(),
        "provenances" => levels(),
        list => [
            of::<Action>(vocabulary, list),
            of::<Modality>(vocabulary, list),
            of::<Function>(vocabulary, list),
            of::<Region>(vocabulary, list),
            of::<Role>(vocabulary, list),
            of::<Consent>(vocabulary, list),
            of::<Posture>(vocabulary, list),
            of::<Obligation>(vocabulary, list),
            of::<Authority>(vocabulary, list),
        ]
        .concat(),
    }
}

/// The name with the fewest changes, if these are few for its length.
fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(&word.to_ascii_lowercase(), name);
    let near = names.iter().copied().min_by_key(|name| (distance(name), *name))?;
    (distance(&near) <= 1 + word.len().max(near.len()) / 4).then_some(near)
}

fn all(names: &[&str]) -> String {
    match names.len() {
        0 => "there is none".into(),
        count if count > FEW => {
            format!("there are {} and {} more", names.get(..FEW).unwrap_or_default().join(", "), count - FEW)
        }
        _ => format!("there are {}", names.join(", ")),
    }
}
