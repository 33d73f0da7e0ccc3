//! Decisions and their reasons in words. The names belong to the application: here their numbers stand for them.

use core::fmt::{self, Display, Formatter, Write as _};

use crate::interaction::{Decision, Flow};
use crate::lease::Lease;
use crate::measure::{Measurements, Metric};
use crate::policy::{Conditions, Kind, Provenance, Rule, Ruling, Test};
use crate::rollout::Version;
use crate::vocabulary::{Authority, Name, Posture, Region, Set};

/// Items separated by commas, after a word.
fn list<T: Display>(f: &mut Formatter<'_>, word: &str, things: impl IntoIterator<Item = T>) -> fmt::Result {
    f.write_str(word)?;
    for (number, thing) in things.into_iter().enumerate() {
        f.write_str(if number == 0 { " " } else { ", " })?;
        thing.fmt(f)?;
    }
    Ok(())
}

fn numbers<T: Name>(f: &mut Formatter<'_>, word: &str, set: Set<T>) -> fmt::Result {
    list(f, word, set.iter().map(Name::number))
}

/// The authority that decided, and the line of its rule.
fn reason(f: &mut Formatter<'_>, authority: Option<Authority>, line: Option<u16>) -> fmt::Result {
    if let Some(Authority(number)) = authority {
        write!(f, ", authority {number}")?;
    }
    line.map_or(Ok(()), |line| write!(f, ", line {line}"))
}

impl Display for Decision {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.verdict.fmt(f)?;
        reason(f, self.authority, self.line)?;
        if let Some(version) = self.version {
            write!(f, ", version {version}")?;
        }
        if let Some(lease) = &self.lease {
            write!(f, ", until {}", lease.until())?;
        }
        if self.enforced { Ok(()) } else { f.write_str(", observed only") }
    }
}

impl Display for Ruling {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.answer.fmt(f)?;
        reason(f, self.authority, self.line)
    }
}

impl Display for Lease {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "action {} of {}", self.what().action.0, self.what().seat)?;
        write!(f, ", until {}, version {}, record {}", self.until(), self.version(), self.record())
    }
}

impl Display for Flow {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "stream {} of {} to {}, ", self.modality.0, self.from, self.to)?;
        match self.region {
            Region::UNKNOWN => f.write_str("in an unknown region"),
            Region(number) => write!(f, "in region {number}"),
        }
    }
}

impl<const W: usize, const A: usize, const T: usize, const K: usize> Display for Version<W, A, T, K> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "version {}, ", self.number)?;
        self.digest().iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let clock = |minute: &u16| (minute / 60, minute % 60);
        match self {
            Self::With(whose, consent) => write!(f, "with {whose} {}", consent.0),
            Self::Without(whose, consent) => write!(f, "without {whose} {}", consent.0),
            Self::Present(role) => write!(f, "with present {}", role.0),
            Self::Absent(role) => write!(f, "without present {}", role.0),
            Self::Hours(from, to) => {
                let ((from, past), (to, after)) = (clock(from), clock(to));
                write!(f, "from {from:02}{past:02} to {to:02}{after:02}")
            }
        }
    }
}

impl Display for Conditions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.actions == Set::ALL {
            f.write_str("any")?
        } else {
            numbers(f, "actions", self.actions)?
        }
        let all = |kind: &Kind| self.has_kind(*kind);
        if !Kind::ALL.iter().all(all) {
            list(f, " for", Kind::ALL.iter().filter(|kind| all(kind)))?;
        }
        self.roles.map_or(Ok(()), |roles| numbers(f, " as", roles))?;
        self.modalities.map_or(Ok(()), |modalities| numbers(f, " on", modalities))?;
        self.functions.map_or(Ok(()), |functions| numbers(f, " by", functions))?;
        self.regions.map_or(Ok(()), |regions| numbers(f, " in", regions))?;
        self.tests().try_for_each(|test| write!(f, " {test}"))?;
        let levels = (0..4).map(Posture);
        if !levels.clone().all(|posture| self.has_posture(posture)) {
            list(f, " posture", levels.filter(|posture| self.has_posture(*posture)).map(|posture| posture.0))?;
        }
        let all = |provenance: &Provenance| self.has_provenance(*provenance);
        if Provenance::ALL.iter().all(all) {
            return Ok(());
        }
        list(f, " provenance", Provenance::ALL.iter().filter(|provenance| all(provenance)))
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {} {}", self.line, self.effect, self.conditions)?;
        if !self.within.is_empty() {
            numbers(f, " within", self.within)?;
        }
        if self.obligations.is_empty() { Ok(()) } else { numbers(f, " oblige", self.obligations) }
    }
}

impl Display for Measurements {
    /// A line for each target.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let all = [Metric::CONTINUITY, Metric::CHANGE_SAFETY, Metric::DEGRADATION];
        for (number, metric) in all.into_iter().flatten().enumerate() {
            if number > 0 {
                f.write_char('\n')?;
            }
            write!(f, "{}: {}", metric.target(), self.attainment(*metric))?;
        }
        Ok(())
    }
}
