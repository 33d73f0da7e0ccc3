//! The fault model: what fails in a round, which interactions that affects, and how it is repaired.

use std::time::Duration;

use anyhow::{Result, ensure};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Authority;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use super::control::RECOVERY_MS;
use super::world::{CAPTIONS, RECORDING, Trouble, World};

/// The number of hosts for core functions; as many others are for auxiliary ones.
pub const HOSTS: usize = 64;
/// How many of 1,000 faults are of each kind: hosts, participants, authorities, logs, clocks.
const PER_MILLE: [u64; 5] = [600, 300, 50, 25, 25];
/// How many of 1,000 failed hosts come back by themselves.
const COME_BACK: u64 = 900;
/// The time within which every fault that is not of a host is repaired, in milliseconds.
const MENDED_MS: u64 = 5_000;
/// The authority that cannot be asked.
pub const SILENT: Authority = Authority(1);

/// The fault model in words, as this file implements it.
pub const WORDS: &str = "\
In each update's round one component fails, and is mended before the next one fails. Drawn from the seed, of 1,000 faults:
  600  a host. Half of the machines, 64, carry captions, which are core; the other 64 carry recordings, which are auxiliary.
       A machine carries one function of at most 2 % of the interactions. It comes back after 1 to 9 s with probability 0.9,
       else never. What has not come back in 5 s is ended, and begins on another machine 0.5 to 3 s later.
  300  a participant's validation: it is found not to hold, for 5 s
   50  an authority: for 5 s the guests' organisation cannot be asked. One interaction in 32 has a guest.
   25  an interaction's log: it is full, for 5 s
   25  an interaction's clock: it goes back by 20 s, for 5 s
The update comes 0.3 s after the fault, while it lasts. In every tenth round a forged, a stale and a replayed update come too.
5 % of the interactions end in each round, and as many begin.";

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A host of auxiliary functions.
    AuxiliaryHost(Host),
    /// A host of core functions.
    CoreHost(Host),
    /// The validation of a participant.
    Validation {
        /// In which interaction.
        place: usize,
        /// Which of the two.
        seat: usize,
    },
    /// The guests' organisation cannot be asked.
    Authority,
    /// The log of an interaction is full.
    Log(usize),
    /// The clock of an interaction goes back.
    Clock(usize),
}

/// A host that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    number: usize,
    /// When it comes back by itself.
    back_ms: Option<u64>,
    /// How long it takes to start another one.
    begins_ms: u64,
}

/// The kinds, in the order of [`Fault::kind`].
pub const KINDS: [&str; 6] = ["auxiliary host", "core host", "validation", "authority", "log", "clock"];

impl Fault {
    /// Draws one. Of 1,000 hosts that fail, `core_share` are hosts of core functions.
    pub fn draw(rng: &mut ChaCha20Rng, interactions: usize, core_share: u64) -> Self {
        // All values are always drawn, so that one fault more or less of one kind leaves the others unchanged.
        let [kind, core, whose, comes_back, back, begins] = [(); 6].map(|()| rng.next_u64());
        let whose = usize::try_from(whose >> 1).unwrap_or(0);
        let host = Host {
            number: whose % HOSTS,
            back_ms: (comes_back % 1_000 < COME_BACK).then_some(1_000 + back % 8_001),
            begins_ms: 500 + begins % 2_501,
        };
        let place = whose % interactions;
        let mut left = kind % PER_MILLE.iter().sum::<u64>();
        let kind = PER_MILLE.iter().position(|share| {
            let here = left < *share;
            left = left.saturating_sub(*share);
            here
        });
        match kind {
            Some(0) if core % 1_000 < core_share => Self::CoreHost(host),
            Some(0) => Self::AuxiliaryHost(host),
            Some(1) => Self::Validation { place, seat: usize::from(core % 2 == 1) },
            Some(2) => Self::Authority,
            Some(3) => Self::Log(place),
            _ => Self::Clock(place),
        }
    }

    /// Its kind, as a place in [`KINDS`].
    pub const fn kind(self) -> usize {
        match self {
            Self::AuxiliaryHost(_) => 0,
            Self::CoreHost(_) => 1,
            Self::Validation { .. } => 2,
            Self::Authority => 3,
            Self::Log(_) => 4,
            Self::Clock(_) => 5,
        }
    }

    /// Whether an interaction needs what has failed.
    pub const fn touches(self, place: usize) -> bool {
        match self {
            Self::AuxiliaryHost(host) => place % HOSTS == host.number,
            // What shares a host of recordings shares no host of captions.
            Self::CoreHost(host) => (place + place / HOSTS) % HOSTS == host.number,
            Self::Authority => World::has_guest(place),
            Self::Validation { place: only, .. } | Self::Log(only) | Self::Clock(only) => place == only,
        }
    }

    /// Whether what a participant may do depends on what has failed.
    pub const fn is_about(self, seat: usize) -> bool {
        match self {
            Self::Validation { seat: only, .. } => seat == only,
            // The guest is the second one.
            Self::Authority => seat == 1,
            Self::AuxiliaryHost(_) | Self::CoreHost(_) | Self::Log(_) | Self::Clock(_) => false,
        }
    }

    fn touched(self, world: &World) -> impl Iterator<Item = usize> + use<> {
        (0..world.len()).filter(move |place| self.touches(*place))
    }

    /// It strikes.
    pub fn strike(self, world: &mut World) -> Result<()> {
        match self {
            Self::AuxiliaryHost(_) => self.touched(world).try_for_each(|place| world.fail(place, RECORDING)),
            Self::CoreHost(_) => self.touched(world).try_for_each(|place| world.fail(place, CAPTIONS)),
            Self::Validation { place, seat } => world.revalidate(place, Some(seat)),
            Self::Authority => {
                world.control.rollout.authorities.set_reach(SILENT, false);
                Ok(())
            }
            Self::Log(place) => {
                world.trouble(place, Some(Trouble::FullLog));
                Ok(())
            }
            Self::Clock(place) => {
                world.trouble(place, Some(Trouble::ClockBack));
                Ok(())
            }
        }
    }

    /// Repairs it. Returns, for each failed auxiliary function, the time until it, or its replacement, worked.
    pub fn mend(self, world: &mut World, struck: Time) -> Result<Vec<Duration>> {
        world.now = struck.after(MENDED_MS);
        match self {
            Self::AuxiliaryHost(host) => self.restore(world, struck, host, RECORDING),
            Self::CoreHost(host) => self.restore(world, struck, host, CAPTIONS).map(|_| Vec::new()),
            Self::Validation { place, .. } => {
                world.revalidate(place, None)?;
                world.equip(place)?;
                Ok(Vec::new())
            }
            Self::Authority => {
                world.control.rollout.authorities.set_reach(SILENT, true);
                Ok(Vec::new())
            }
            Self::Log(place) | Self::Clock(place) => {
                world.trouble(place, None);
                Ok(Vec::new())
            }
        }
    }

    fn restore(self, world: &mut World, struck: Time, host: Host, function: usize) -> Result<Vec<Duration>> {
        let deadline = u64::from(RECOVERY_MS);
        let back = host.back_ms.filter(|back| *back < deadline);
        world.now = struck.after(back.unwrap_or(deadline));
        let mut took = Vec::new();
        for place in self.touched(world) {
            if back.is_some() {
                world.recover(place, function)?;
            }
            // Whatever has not recovered is ended here, at its deadline.
            let works = world.review(place, function)?;
            if back.is_none() {
                ensure!(!works, "interaction {place}: a function works that has failed for good");
            } else {
                took.push(worked(works, world, struck));
            }
        }
        if back.is_none() {
            world.now = world.now.after(host.begins_ms);
            for place in self.touched(world) {
                world.equip(place)?;
                let works = world.review(place, function)?;
                took.push(worked(works, world, struck));
            }
        }
        Ok(took)
    }
}

/// The time until something worked; if it does not work even then, a time that no target allows.
const fn worked(works: bool, world: &World, struck: Time) -> Duration {
    if works { Duration::from_millis(world.now.since(struck)) } else { Duration::MAX }
}
