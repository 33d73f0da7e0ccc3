//! Files through real sockets: two processes of `agent`, beside two of quinn, on loopback and through a bad link.
//!
//! ```text
//! cargo build --release -p agent
//! cargo run --release --manifest-path tests/peers/Cargo.toml --bin real
//! ```
//!
//! Times depend on the machine and on what else it does. Programs take turns, round by round, and the table has medians
//! and their ratios. `link` measures the same link in virtual time, with the same result on every machine.

mod relay;
mod stream;

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use self::relay::{Relay, Weather};
use self::stream::Control;

type Failure = Box<dyn Error + Send + Sync>;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    AgentUdp,
    AgentQuic,
    Quinn(Control),
}

impl Program {
    const fn name(self) -> &'static str {
        match self {
            Self::AgentUdp => "agent over UDP",
            Self::AgentQuic => "agent over QUIC datagrams",
            Self::Quinn(Control::Bbr) => "quinn, BBR",
            Self::Quinn(Control::Cubic) => "quinn, Cubic",
        }
    }
}

/// A link and what goes through it.
struct Scene {
    name: &'static str,
    bytes: u64,
    weather: Option<Weather>,
    rounds: usize,
    programs: &'static [Program],
    /// The first program's time is at most this many times the second's.
    goals: &'static [(Program, f64, Program)],
}

const SCENES: [Scene; 3] = [
    Scene {
        name: "100 MB on loopback",
        bytes: 100_000_000,
        weather: None,
        rounds: 5,
        programs: &[Program::AgentUdp, Program::AgentQuic, Program::Quinn(Control::Cubic)],
        goals: &[(Program::AgentUdp, 0.70, Program::Quinn(Control::Cubic))],
    },
    Scene {
        name: "10 MB, 25 ms each way",
        bytes: 10_000_000,
        weather: Some(Weather { delay_ms: 25, loss_permille: 0 }),
        rounds: 3,
        programs: &[
            Program::AgentUdp,
            Program::AgentQuic,
            Program::Quinn(Control::Bbr),
            Program::Quinn(Control::Cubic),
        ],
        goals: &[(Program::AgentUdp, 1.10, Program::Quinn(Control::Bbr))],
    },
    Scene {
        name: "10 MB, 25 ms each way, 1 % lost",
        bytes: 10_000_000,
        weather: Some(Weather { delay_ms: 25, loss_permille: 10 }),
        rounds: 3,
        programs: &[Program::AgentUdp, Program::AgentQuic, Program::Quinn(Control::Bbr)],
        goals: &[
            (Program::AgentUdp, 1.20, Program::Quinn(Control::Bbr)),
            (Program::AgentQuic, 1.25, Program::AgentUdp),
        ],
    },
];

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => stream::serve(),
        ["fetch", to, control, bytes] => stream::send(to.parse()?, Control::read(control)?, bytes.parse()?),
        [] => measure(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/agent")),
        [agent] => measure(Path::new(agent)),
        _ => Err("real [AGENT]: the path of the release build of `agent`".into()),
    }
}

fn measure(agent: &Path) -> Result<(), Failure> {
    if !agent.is_file() {
        return Err(format!("{}: build it first: cargo build --release -p agent", agent.display()).into());
    }
    let mut missed = 0;
    for (number, scene) in SCENES.iter().enumerate() {
        let file = File::of_noise(number, scene.bytes)?;
        let mut times = vec![Vec::new(); scene.programs.len()];
        for round in 0..scene.rounds {
            for (program, times) in scene.programs.iter().zip(&mut times) {
                let seed = u64::try_from(round)?;
                eprint!("\r{:78}\r{}: round {}, {} … ", "", scene.name, round + 1, program.name());
                times.push(run(agent, *program, &file.0, scene.bytes, scene.weather, seed)?);
            }
        }
        eprint!("\r{:78}\r", "");
        println!("{}", scene.name);
        let median = |program: Program| -> f64 {
            let place = scene.programs.iter().position(|one| *one == program).unwrap_or(0);
            let mut sorted = times[place].clone();
            sorted.sort_by(f64::total_cmp);
            sorted[sorted.len() / 2]
        };
        for (program, times) in scene.programs.iter().zip(&times) {
            let all: Vec<String> = times.iter().map(|time| format!("{time:.2}")).collect();
            println!("  {:<28}{:>8.2} s   of {}", program.name(), median(*program), all.join(" "));
        }
        for (ours, most, other) in scene.goals {
            let ratio = median(*ours) / median(*other);
            let verdict = if ratio <= *most { "met" } else { "MISSED" };
            missed += usize::from(ratio > *most);
            println!("  {} / {}: {ratio:.2}, goal {most:.2}: {verdict}", ours.name(), other.name());
        }
    }
    println!("{missed} goals missed");
    Ok(())
}

/// A file that is removed when this is dropped.
struct File(PathBuf);

impl File {
    fn of_noise(number: usize, length: u64) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("real-{}-{number}", std::process::id()));
        let mut file = std::fs::File::create(&path)?;
        let (mut rng, mut block) = (ChaCha8Rng::seed_from_u64(1), vec![0; 1_000_000]);
        for _ in 0..length / 1_000_000 {
            rng.fill_bytes(&mut block);
            file.write_all(&block)?;
        }
        Ok(Self(path))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A process that is ended when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(command: &mut Command) -> Result<Self, Failure> {
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?))
    }

    /// The text behind these words in a line of its standard error.
    fn told(&mut self, words: &str) -> Result<String, Failure> {
        let stderr = self.0.stderr.as_mut().ok_or("its standard error is piped")?;
        for line in BufReader::new(stderr).lines() {
            if let Some((_, rest)) = line?.split_once(words) {
                return Ok(rest.to_owned());
            }
        }
        Err(format!("it never said '{words}'").into())
    }
}

/// Seconds from the established connection until all has arrived, as the sending process measured them.
fn run(
    agent: &Path,
    program: Program,
    file: &Path,
    bytes: u64,
    weather: Option<Weather>,
    seed: u64,
) -> Result<f64, Failure> {
    let this = std::env::current_exe()?;
    let (transport, control) = match program {
        Program::AgentUdp => ("udp", None),
        Program::AgentQuic => ("quic", None),
        Program::Quinn(control) => ("quic", Some(control)),
    };
    let listen = ["listen", "--bind", "127.0.0.1:0", "--transport", transport, "--seed", SEED];
    let mut listener = match control {
        None => Running::start(Command::new(agent).args(listen))?,
        Some(_) => Running::start(Command::new(&this).arg("serve"))?,
    };
    let at: SocketAddr = listener.told(&format!("listening on {transport} "))?.trim().parse()?;
    let relay = weather.map(|weather| Relay::start(at, weather, seed)).transpose()?;
    let at = relay.as_ref().map_or(at, |relay| relay.at).to_string();
    let mut sender = match control {
        None => {
            let eid = Command::new(agent).args(["eid", "--seed", SEED]).output()?;
            let to = format!("{}@{at}", String::from_utf8(eid.stdout)?.trim());
            Running::start(Command::new(agent).args(["send", "--to", &to, "--transport", transport]).arg(file))?
        }
        Some(control) => Running::start(Command::new(&this).args(["fetch", &at, control.name(), &bytes.to_string()]))?,
    };
    let told = sender.told("sent ")?;
    let (_, time) = told.split_once(" in ").ok_or_else(|| format!("it did not arrive: {told}"))?;
    let ms: String = time.split(" ms").next().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    Ok(ms.parse::<f64>()? / 1_000.0)
}

/// The listener's identity.
const SEED: &str = "0707070707070707070707070707070707070707070707070707070707070707";
