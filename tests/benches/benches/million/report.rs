//! What was measured, in two tables.

use std::time::Duration;

/// How long something took, each time.
pub struct Times(Vec<Duration>);

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        Self(times)
    }
}

impl Times {
    /// What so many of a thousand do not exceed.
    fn permille(&self, permille: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * permille / 1_000).copied().unwrap_or_default()
    }
}

/// What 99.9 % should keep.
#[derive(Clone, Copy)]
pub struct Limit {
    pub goal: Duration,
    pub aim: Duration,
}

/// The rows of both tables.
#[derive(Default)]
pub struct Report {
    times: Vec<[String; 7]>,
    counts: Vec<[String; 5]>,
}

impl Report {
    /// How long something took each time.
    pub fn times(&mut self, what: &str, times: Times, limit: Limit) {
        let [half, most, all] = [500, 999, 1_000].map(|permille| times.permille(permille));
        let goal = format!("{:?}, aim {:?}", limit.goal, limit.aim);
        let met = if most > limit.goal {
            "no"
        } else if most > limit.aim {
            "yes, aim missed"
        } else {
            "yes, and the aim"
        };
        let count = times.0.len().to_string();
        self.times.push([what.to_owned(), count, show(half), show(most), show(all), goal, met.to_owned()]);
    }

    /// How long something took once.
    pub fn total(&mut self, what: &str, time: Duration) {
        let [none, once] = [String::new(), "1".to_owned()];
        self.times.push([what.to_owned(), once, none.clone(), none.clone(), show(time), none.clone(), none]);
    }

    /// How many there were that should not be.
    pub fn count(&mut self, what: &str, found: usize, among: usize) {
        let met = if found == 0 { "yes" } else { "no" };
        self.counts.push([what, &found.to_string(), &among.to_string(), "0", met].map(str::to_owned));
    }

    /// Prints both tables.
    pub fn print(&self) {
        table(["", "times", "median", "99.9 %", "longest", "99.9 % within", "met"], &self.times);
        println!();
        table(["", "found", "among", "goal", "met"], &self.counts);
    }
}

fn show(time: Duration) -> String {
    format!("{time:.1?}")
}

fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) {
    let head = head.map(str::to_owned);
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let print = |row: &[String; N]| {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!(" {cell:<width$} "),
            _ => format!(" {cell:>width$} "),
        });
        println!("|{}|", cells.collect::<Vec<_>>().join("|"));
    };
    print(&head);
    print(&std::array::from_fn(|column| {
        if column == 0 { "-".repeat(widths[column]) } else { format!("{}:", "-".repeat(widths[column] - 1)) }
    }));
    rows.iter().for_each(print);
}
