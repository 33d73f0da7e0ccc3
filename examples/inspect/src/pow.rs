//! `inspect pow`: proofs of work on a `DISCOVERY_REQ`, made and checked.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use explain::hexadecimal;
use explain::utc::utc;
use iacp_core::crypto::{Portable, Provider, Secret32};
use iacp_core::discovery::pow::{Miner, trailing_zero_bits};
use iacp_core::discovery::{NotAccepted, TIMESTAMP_WINDOW, check, space_of_topic};
use iacp_core::time::UnixTime;
use iacp_wire::message::DiscoveryReq;
use iacp_wire::{DhtKey, Frame, HEADER_LEN, Message, X25519Key};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use zerocopy::IntoBytes;

/// Makes and checks proofs of work on a DISCOVERY_REQ.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Mine(Mine),
    Verify(Verify),
}

/// Makes a DISCOVERY_REQ: searches the nonce that gives its digest the zero bits.
#[derive(clap::Args, Debug)]
struct Mine {
    #[command(flatten)]
    target: Target,
    /// Trailing zero bits of the digest; each one doubles the work.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=64))]
    bits: u32,
    /// The requester's one-time X25519 key, 32 bytes; without it one is drawn and its secret forgotten, so that
    /// answers cannot be opened.
    #[arg(long, value_name = "HEX", value_parser = hexadecimal::thirty_two)]
    key: Option<[u8; 32]>,
    /// The request's timestamp; without it, the clock's.
    #[arg(long, value_name = "UNIXMS")]
    time: Option<u64>,
    /// The first nonce to try.
    #[arg(long, value_name = "N", default_value_t = 0)]
    nonce: u64,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct Target {
    /// The Discovery Space that is searched, 32 bytes.
    #[arg(long, value_name = "HEX", value_parser = hexadecimal::thirty_two)]
    space: Option<[u8; 32]>,
    /// A topic: its space is where agents that name it search.
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
}

/// Checks a DISCOVERY_REQ as a responder would, and says which check fails; then the exit code is 1.
#[derive(clap::Args, Debug)]
struct Verify {
    /// The frame: 88 bytes.
    #[arg(value_name = "HEX")]
    frame: String,
    /// The responder's difficulty of the moment; without it, whatever the request claims is enough.
    #[arg(long, value_name = "N", default_value_t = 0)]
    bits: u32,
    /// The responder's clock; without it, the request's own timestamp, which is never too old.
    #[arg(long, value_name = "UNIXMS")]
    now: Option<u64>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
///
/// # Errors
///
/// An input that is not hex, a nonce that does not exist, or an output that cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.command {
        Command::Mine(arguments) => mine(arguments),
        Command::Verify(arguments) => verify(arguments),
    }
}

/// What mining found, in the order in which it is printed.
#[derive(Serialize)]
struct Found {
    frame: String,
    nonce: u64,
    tries: u64,
    digest: String,
    seconds: f64,
}

/// Between two looks at the clock.
const TRIES: u32 = 1 << 16;

fn mine(arguments: &Mine) -> Result<ExitCode> {
    let space = match (&arguments.target.space, &arguments.target.topic) {
        (Some(space), _) => *space,
        (None, topic) => space_of_topic::<Portable>(topic.as_deref().unwrap_or_default()).0,
    };
    let key = match arguments.key {
        Some(key) => key,
        None => one_time_key()?,
    };
    let request = DiscoveryReq {
        target_space_coordinate: DhtKey(space),
        ephemeral_public_key: X25519Key(key),
        timestamp: arguments.time.unwrap_or_else(now).into(),
        pow_nonce: arguments.nonce.into(),
        pow_target_threshold: arguments.bits.into(),
    };

    let start = Instant::now();
    let progress = progress(arguments.bits);
    let mut miner = Miner::new(request);
    let proven = loop {
        if let Some(proven) = miner.step(TRIES) {
            break proven;
        }
        progress.inc(u64::from(TRIES));
    };
    progress.finish_and_clear();

    let mut frame = [0; HEADER_LEN + DiscoveryReq::LEN];
    Frame::new(Message::DiscoveryReq(&proven)).write(&mut frame)?;
    let nonce = proven.pow_nonce.get();
    let found = Found {
        frame: hex::encode(frame),
        nonce,
        tries: nonce.wrapping_sub(arguments.nonce).saturating_add(1),
        digest: hex::encode(Portable::sha256(&[proven.as_bytes()])),
        seconds: start.elapsed().as_secs_f64(),
    };
    let out = &mut io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string(&found)?)?;
    } else {
        let Found { frame, nonce, tries, digest, seconds } = found;
        writeln!(
            out,
            "frame    {frame}\nnonce    {nonce}\ntries    {tries}\ndigest   {digest}\nseconds  {seconds:.3}"
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn one_time_key() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("no randomness for a key: {error}"))?;
    Ok(Portable::x25519_public(&Secret32::new(seed)))
}

/// A bar on standard error if that is a terminal, and nothing otherwise. The tries are independent: the bar ends at the
/// number that is expected on average, and may run past it.
fn progress(bits: u32) -> ProgressBar {
    let expected = 1_u64.checked_shl(bits).unwrap_or(u64::MAX);
    let bar = ProgressBar::new(expected);
    if let Ok(style) =
        ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos} of about {len} tries, {per_sec}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The checks in the order in which a responder makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Check {
    Form,
    Timestamp,
    Threshold,
    Proof,
}

impl Check {
    const ALL: [Self; 4] = [Self::Form, Self::Timestamp, Self::Threshold, Self::Proof];

    const fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Timestamp => "timestamp",
            Self::Threshold => "threshold",
            Self::Proof => "proof",
        }
    }
}

/// The verdict, in the order in which it is printed.
#[derive(Serialize)]
struct Verdict {
    ok: bool,
    /// The check that fails.
    failed: Option<&'static str>,
    error: Option<String>,
    #[serde(flatten)]
    request: Option<Claims>,
}

/// The claims of the request, and the computed values.
#[derive(Serialize)]
struct Claims {
    space: String,
    timestamp: u64,
    now: u64,
    nonce: u64,
    required: u32,
    claimed: u32,
    found: u32,
    digest: String,
}

fn verify(arguments: &Verify) -> Result<ExitCode> {
    let bytes = hexadecimal::read(arguments.frame.as_bytes()).context("the request")?;
    let frame = Frame::parse(&bytes);
    let request = match &frame {
        Ok(Frame { message: Message::DiscoveryReq(request), .. }) => Some(**request),
        _ => None,
    };
    let timestamp = request.map_or(0, |request| request.timestamp.get());
    let at = arguments.now.unwrap_or(timestamp);
    let failed =
        check::<Portable>(&bytes, UnixTime(at), arguments.bits).err().map(|refusal| (failed(refusal), refusal));
    let error = failed.map(|(_, refusal)| match &frame {
        Err(error) => error.to_string(),
        Ok(frame) if request.is_none() => format!("{} is no DISCOVERY_REQ", frame.message.message_type().name()),
        Ok(_) => refusal.to_string(),
    });
    let failed = failed.map(|(check, _)| check);
    let claims = request.map(|request| {
        let digest = Portable::sha256(&[request.as_bytes()]);
        Claims {
            space: request.target_space_coordinate.to_string(),
            timestamp,
            now: at,
            nonce: request.pow_nonce.get(),
            required: arguments.bits,
            claimed: request.pow_target_threshold.get(),
            found: trailing_zero_bits(&digest),
            digest: hex::encode(digest),
        }
    });
    let out = &mut io::stdout().lock();
    if arguments.json {
        let verdict = Verdict { ok: failed.is_none(), failed: failed.map(Check::name), error, request: claims };
        writeln!(out, "{}", serde_json::to_string(&verdict)?)?;
    } else {
        for check in Check::ALL {
            let verdict = match failed {
                Some(failed) if check > failed => "-",
                Some(failed) if check == failed => "FAILS",
                _ => "ok",
            };
            let line = format!("{:<9}  {verdict:<5}  {}", check.name(), remark(check, claims.as_ref(), bytes.len()));
            writeln!(out, "{}", line.trim_end())?;
        }
        if let Some(error) = error {
            out.flush()?;
            eprintln!("inspect: refused: {error}");
        }
    }
    Ok(if failed.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The check that a refusal comes from.
const fn failed(refusal: NotAccepted) -> Check {
    match refusal {
        NotAccepted::Timestamp => Check::Timestamp,
        NotAccepted::Threshold => Check::Threshold,
        NotAccepted::Proof => Check::Proof,
        // The others come from a responder's memory, which a check does not touch.
        NotAccepted::Malformed
        | NotAccepted::Replayed
        | NotAccepted::FilterFull
        | NotAccepted::NoSlot
        | NotAccepted::Seal
        | NotAccepted::Enough => Check::Form,
    }
}

fn remark(check: Check, claims: Option<&Claims>, length: usize) -> String {
    let Some(claims) = claims else {
        return if check == Check::Form { format!("{length} bytes") } else { String::new() };
    };
    match check {
        Check::Form => format!("{length} bytes, DISCOVERY_REQ"),
        Check::Timestamp => {
            let away = claims.timestamp.abs_diff(claims.now);
            format!(
                "{} ({}), {away} ms from the clock, {TIMESTAMP_WINDOW} allowed",
                claims.timestamp,
                utc(claims.timestamp)
            )
        }
        Check::Threshold => format!("{} bits claimed, {} required", claims.claimed, claims.required),
        Check::Proof => format!("{} zero bits in {}", claims.found, claims.digest),
    }
}

/// The clock, in Unix milliseconds.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
