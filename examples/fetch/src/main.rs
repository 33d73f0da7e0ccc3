//! `fetch URL` and `fetch demo`: what the interpreter decides about a URI, and how it got there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use fetch::demo;
use fetch::driver::{Fetcher, Report, Settings, Verdict};
use fetch::host::{Host, rng};
use fetch::{sandbox, show};
use iacp_core::crypto::Portable;
use iacp_core::dhi::handoff::Trigger;
use iacp_core::dhi::pipeline::{Limits, Media, Requirement};
use iacp_core::identity::Identity;
use iacp_wire::Eid;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

/// Fetches what a site has for agents, by the ingestion pipeline of IACP §4.1, and shows each decision.
#[derive(Parser)]
#[command(version, about, after_help = "Exit codes: 0 native or legacy, 1 unavailable or refused, 2 a mistake.")]
struct Arguments {
    /// A URI, or `demo`: well-behaved and broken servers on loopback.
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
    /// A certificate to trust besides the usual ones, as a PEM file.
    #[arg(long)]
    root: Option<PathBuf>,
    /// A directory node that resolves names, as EID@ADDRESS:PORT, the EID in 64 hexadecimal digits; one to seven, of which a quorum
    /// has to agree.
    #[arg(long, value_parser = resolver)]
    resolver: Vec<(Eid, SocketAddr)>,
    /// Hands a URI that goes legacy to a headless Chromium, whose only way out is the LL-Entity.
    #[arg(long)]
    browser: bool,
    /// Prints the document itself, if there is one.
    #[arg(long)]
    show: bool,
}

fn medium(name: &str) -> Result<Media, String> {
    let known = Media::KINDS.into_iter().find(|(_, known)| *known == name);
    known.map(|(media, _)| media).ok_or_else(|| format!("no medium is called {name}"))
}

fn resolver(text: &str) -> Result<(Eid, SocketAddr), String> {
    let (digits, at) = text.split_once('@').ok_or("EID@ADDRESS:PORT")?;
    let mut eid = Eid([0; 32]);
    if digits.len() != 64 || !digits.is_ascii() {
        return Err("an EID is 64 hexadecimal digits".to_owned());
    }
    for (place, at) in eid.0.iter_mut().zip((0..64).step_by(2)) {
        let pair = digits.get(at..at + 2).unwrap_or_default();
        *place = u8::from_str_radix(pair, 16).map_err(|_| "an EID is 64 hexadecimal digits")?;
    }
    Ok((eid, at.parse().map_err(|_| "ADDRESS:PORT after the @")?))
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
    let mut settings = Settings { dns: arguments.dns, ..Settings::default() };
    if let Some(file) = &arguments.root {
        settings.roots.add(CertificateDer::from_pem_file(file).context("the certificate of --root")?)?;
    }
    let agent = Identity::<Portable>::generate(&mut rng());
    if !arguments.resolver.is_empty() {
        settings.host = Some(Host::new(&arguments.resolver).context("--resolver")?);
    }
    let mut fetcher = Fetcher::new(settings)?;
    let report = fetcher.ingest(&arguments.uri, needs, limits).await?;
    if arguments.json {
        println!("{}", show::json(&report));
    } else {
        print!("{}", show::timeline(&report));
        println!("{}", show::verdict(&report.verdict));
    }
    if let (Verdict::Native { payload, .. }, true) = (&report.verdict, arguments.show) {
        println!("{}", String::from_utf8_lossy(payload).escape_debug());
    }
    if arguments.browser {
        browse(&fetcher, &agent, &report, &arguments).await?;
    }
    let is_there = matches!(report.verdict, Verdict::Native { .. } | Verdict::Legacy { .. });
    Ok(if is_there { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes the legacy path, if that is the verdict.
async fn browse(fetcher: &Fetcher, agent: &Identity<Portable>, report: &Report, arguments: &Arguments) -> Result<()> {
    let Verdict::Legacy { trigger, url } = &report.verdict else { return Ok(()) };
    let chromium = sandbox::find().context("no Chromium is installed: the legacy path is not shown")?;
    let browse = async |proxy: SocketAddr, url: &str| chromium.browse(proxy, url).await;
    let returned = sandbox::hand_off(fetcher, agent, (*trigger, url), report.scope, browse).await?;
    if arguments.json {
        println!("{}", show::returned_json(&returned));
    } else {
        print!("{}", show::returned(&returned));
    }
    if arguments.show {
        println!("{}", String::from_utf8_lossy(&returned.page).escape_debug());
    }
    Ok(())
}

async fn show_demo(json: bool) -> Result<ExitCode> {
    let world = demo::start().await?;
    let mut wrong = 0;
    for case in &world.cases {
        let mut limits = Limits::DRAFT.with_t_eval(case.t_eval)?;
        (limits.http, limits.equivalence) = (true, case.equivalence);
        let settings =
            Settings { dns: Some(world.dns), host: world.host(case.mapped.is_some())?, ..Settings::default() };
        let report = Fetcher::new(settings)?.ingest(&case.uri, Requirement::default(), limits).await?;
        let is_right = case.is_as_expected(&report);
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
    if let Err(error) = show_browser(&world, json).await {
        wrong += 1;
        eprintln!("✗ UNEXPECTED the legacy path: {error:#}");
    }
    if !world.has_outside {
        eprintln!("NOT SHOWN: requests inwards, because this host has no address but loopback");
    }
    ensure!(wrong == 0, "{wrong} of {} cases were not decided as expected", world.cases.len() + 1);
    Ok(ExitCode::SUCCESS)
}

/// Hands a page that is empty until its script has run to a browser, and takes it back.
async fn show_browser(world: &demo::World, json: bool) -> Result<()> {
    let Some(chromium) = sandbox::find() else {
        eprintln!("NOT SHOWN: the legacy path, because no Chromium is installed");
        return Ok(());
    };
    let mut fetcher = Fetcher::new(Settings { dns: Some(world.dns), ..Settings::default() })?;
    let agent = Identity::<Portable>::generate(&mut rng());
    let url = format!("http://scripted.test:{}/", world.port);
    let mut limits = Limits::DRAFT;
    limits.http = true;
    let report = fetcher.ingest(&url, Requirement::default(), limits).await?;
    let browse = async |proxy: SocketAddr, url: &str| chromium.browse(proxy, url).await;
    let returned = sandbox::hand_off(&fetcher, &agent, (Trigger::AnmlAbsent, &url), report.scope, browse).await?;
    let text = String::from_utf8_lossy(&returned.page);
    ensure!(text.contains("six times seven is 42"), "the script has not run: {text}");
    if json {
        println!("{}", show::returned_json(&returned));
    } else {
        println!("── the legacy path: a real browser ── {url}\n{}", show::returned(&returned));
    }
    Ok(())
}
