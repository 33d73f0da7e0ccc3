//! A fetcher in the demo's world, with the queries that tests need.

#![allow(dead_code, reason = "each test file uses its part")]

use std::time::Duration;

use fetch::demo::{self, World};
use fetch::driver::{Fetcher, Report, Settings, Verdict};
use iacp_core::dhi::handoff::Trigger;
use iacp_core::dhi::pipeline::{Limits, Requirement};

/// No test takes longer, whatever a server does.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Web {
    pub world: World,
    pub fetcher: Fetcher,
    pub limits: Limits,
}

impl Web {
    pub async fn start() -> Self {
        let world = demo::start().await.expect("servers on loopback");
        let fetcher = fetcher(&world);
        let mut limits = Limits::DRAFT;
        limits.http = true;
        Self { world, fetcher, limits }
    }

    /// The same, with an empty problem cache.
    pub fn forget(&mut self) {
        self.fetcher = fetcher(&self.world);
    }

    pub fn uri(&self, name: &str) -> String {
        format!("http://{name}.test:{}/", self.world.port)
    }

    pub async fn fetch(&mut self, name: &str) -> Report {
        let uri = self.uri(name);
        let ingest = self.fetcher.ingest(&uri, Requirement::default(), self.limits);
        tokio::time::timeout(PATIENCE, ingest).await.expect("T_eval ends it").expect("no mistake of the program")
    }

    /// The requests that the servers got: `host path`.
    pub fn asked(&self) -> Vec<String> {
        self.world.log.asked()
    }

    /// Whether requests inwards can be distinguished from others here; prints a note if not.
    pub fn has_outside(&self) -> bool {
        if !self.world.has_outside {
            not_tested("requests inwards: this host has no address but loopback");
        }
        self.world.has_outside
    }
}

/// Tells that something is not tested on this machine. Not `eprintln!`, which is only shown for tests that fail.
pub fn not_tested(what: &str) {
    use std::io::Write;
    writeln!(std::io::stderr(), "\n*** NOT TESTED: {what} ***\n").expect("standard error is open");
}

fn fetcher(world: &World) -> Fetcher {
    Fetcher::new(Settings { dns: Some(world.dns), ..Settings::default() }).expect("a fetcher")
}

pub fn legacy(report: &Report) -> Option<Trigger> {
    match report.verdict {
        Verdict::Legacy { trigger, .. } => Some(trigger),
        _ => None,
    }
}

pub fn payload(report: &Report) -> &[u8] {
    match &report.verdict {
        Verdict::Native { payload, .. } => payload,
        other => panic!("not native but {other:?}: {:?}", notes(report)),
    }
}

pub fn is_unavailable(report: &Report) -> bool {
    matches!(report.verdict, Verdict::Unavailable { .. })
}

pub fn notes(report: &Report) -> Vec<String> {
    report.trail.iter().map(|mark| mark.what.to_string()).collect()
}
