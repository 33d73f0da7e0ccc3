//! `fetch URL` and `fetch demo`: what the interpreter decides about a URI, and how it got there.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;
use fetch::demo;
use fetch::driver::{Fetcher, Verdict};
use fetch::show;
use iacp_core::dhi::pipeline::{Limits, Media, Requirement};

/// Fetches what a site has for agents, by the ingestion pipeline of IACP §4.1, and shows each decision.
#[derive(Parser)]
#[command(version, about, after_help = "Exit codes: 0 native or legacy, 1 unavailable or refused, 2 a mistake.")]
struct Arguments {
    /// A URI, or `demo`: servers on loopback that do what servers do, and worse.
    uri: String,
    /// Prints JSON instead of a timeline.
    #[arg(long)]
    json: bool,
    /// Allows `http` for the URI itself.
    #[arg(long)]
    http: bool,
    /// T_eval in milliseconds, 15,000 at most.
    #[arg(long, default_value_t = 15_000)]
    t_eval: u32,
    /// Compares the document's text with the web page's.
    #[arg(long)]
    equivalence: bool,
    /// What the agent requires: raster, vector, audio, video, layout, script, forms, binary.
    #[arg(long, value_parser = medium)]
    require: Vec<Media>,
    /// A DNS server to ask instead of the system's, as ADDRESS:PORT.
    #[arg(long)]
    dns: Option<SocketAddr>,
    /// Prints the document itself, if there is one.
    #[arg(long)]
    show: bool,
}

fn medium(name: &str) -> Result<Media, String> {
    let known = Media::KINDS.into_iter().find(|(_, known)| *known == name);
    known.map(|(media, _)| media).ok_or_else(|| format!("no medium is called {name}"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("fetch: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let mut limits = Limits::DRAFT.with_t_eval(arguments.t_eval)?;
    (limits.http, limits.equivalence) = (arguments.http, arguments.equivalence);
    if arguments.uri == "demo" {
        return show_demo(arguments.json).await;
    }
    let required = arguments.require.iter().fold(Media::NONE, |all, one| all.and(*one));
    let needs = Requirement { required, wanted: Media::NONE };
    let report = Fetcher::new(arguments.dns)?.ingest(&arguments.uri, needs, limits).await?;
    if arguments.json {
        println!("{}", show::json(&report));
    } else {
        print!("{}", show::timeline(&report));
        println!("{}", show::verdict(&report.verdict));
    }
    if let (Verdict::Native { payload, .. }, true) = (&report.verdict, arguments.show) {
        println!("{}", String::from_utf8_lossy(payload).escape_debug());
    }
    let is_there = matches!(report.verdict, Verdict::Native { .. } | Verdict::Legacy { .. });
    Ok(if is_there { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn show_demo(json: bool) -> Result<ExitCode> {
    let world = demo::start().await?;
    let mut wrong = 0;
    for case in &world.cases {
        let mut limits = Limits::DRAFT.with_t_eval(case.t_eval)?;
        (limits.http, limits.equivalence) = (true, case.equivalence);
        let report = Fetcher::new(Some(world.dns))?.ingest(&case.uri, Requirement::default(), limits).await?;
        let is_right = case.expected.is(&report.verdict);
        wrong += u32::from(!is_right);
        if json {
            println!(
                "{}",
                serde_json::json!({ "case": case.what, "expected": is_right, "report": show::json(&report) })
            );
        } else {
            println!("── {} ── {}", case.what, case.uri);
            print!("{}", show::timeline(&report));
            println!("{} {}\n", if is_right { "✓" } else { "✗ UNEXPECTED" }, show::verdict(&report.verdict));
        }
    }
    if !world.has_outside {
        eprintln!("NOT SHOWN: requests inwards, because this host has no address but loopback");
    }
    ensure!(wrong == 0, "{wrong} of {} cases were not decided as expected", world.cases.len());
    Ok(ExitCode::SUCCESS)
}
