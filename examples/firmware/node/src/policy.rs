//! What the sensor may report: one policy of two authorities, compiled on a host, which lies in flash; an interaction that
//! decides by it; and a record of every decision, told before anything follows from it.

use interaction_gov::audit::{Bytes, Log, RECORD};
use interaction_gov::authority::Authorities;
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Interaction, Mode, Request};
use interaction_gov::lease::Lease;
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Kind, On};
use interaction_gov::rollout::{Rollout, Track, Version};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Authority, Modality, Posture, Region, Role, Set};
use rand_core::CryptoRng;

use crate::panics::stop;

/// Made by `inspect policy compile` of the texts beside it; a test of the demo makes it again.
static VERSION: Version<2, 2, 0, 1> = match Version::fitted(0, include_bytes!("../../policy/sensor.policy.bin")) {
    Ok(version) => version,
    Err(_) => panic!("no compiled policy"),
};

type Plane = Rollout<2, 0, 0, 2, 0, 1>;

// The numbers of `names.vocabulary`.
const PLANT: Authority = Authority(0);
const AUTHORITIES: u8 = 2;
const JOIN: Action = Action(0);
const REPORT: Action = Action(1);
const SENSOR: Role = Role(0);
const HARDENED: Posture = Posture(1);
const HERE: Region = Region(0);
/// What a sensor of this kind could measure.
pub const TEMPERATURE: Modality = Modality(0);
pub const PRESENCE: Modality = Modality(1);

/// All zero, so it takes no flash.
pub struct Memory {
    plane: Plane,
    records: [Bytes; 6],
}

impl Memory {
    pub const EMPTY: Self =
        Self { plane: Rollout::with_room(Authorities::with_room(), [0; 32]), records: [[0; RECORD]; 6] };
}

/// The interaction. A vacant one is not all zero, and so it has a place of its own.
pub type Workshop = Interaction<1, 1>;

pub struct Governed {
    plane: &'static mut Plane,
    workshop: &'static mut Workshop,
    log: Log<&'static mut [Bytes]>,
    seat: Seat,
    lease: Option<Lease>,
}

impl Governed {
    /// The sensor is in its interaction, and nothing is decided yet.
    #[inline(never)]
    pub fn begin(
        memory: &'static mut Memory,
        workshop: &'static mut Workshop,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let Memory { plane, records } = memory;
        let introduced = (0..AUTHORITIES).all(|it| plane.authorities.introduce(Authority(it), [it; 32]).is_ok());
        let linked = plane.link(&VERSION).is_ok_and(|number| plane.publish(Track::STABLE, number).is_ok());
        if !introduced || !linked {
            stop("the policy cannot be linked");
        }
        let mut log = Log::keeping(records.as_mut_slice(), 1);
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        if workshop.begin(InteractionId::recorded(id), now, Mode::Enforce, plane, &mut log).is_err() {
            stop("the interaction cannot begin");
        }
        let sensor = Admission {
            action: JOIN,
            name: [1; 16],
            kind: Kind::Device,
            home: Some(PLANT),
            credential_until: Time::NEVER,
            validation: Validation { posture: HARDENED, region: Some(HERE), until: Time::NEVER },
            roles: Set::one(SENSOR),
            streams: Streams { sends: Set::one(TEMPERATURE).with(PRESENCE), receives: Set::EMPTY },
            consents: Set::EMPTY,
        };
        let seat = match workshop.join(now, &sensor, plane, &mut log) {
            Ok(seat) => seat,
            Err(why) => {
                defmt::error!("{}", why);
                stop("the sensor is not let in")
            }
        };
        let mut governed = Self { plane, workshop, log, seat, lease: None };
        governed.tell();
        governed
    }

    /// Whether this may be reported now. A permit holds for a while; what it says is asked each time.
    pub fn may_report(&mut self, what: Modality, now: Time) -> bool {
        let request =
            Request { action: REPORT, seat: self.seat, on: On::Stream(what), binding: None, goes: Set::EMPTY };
        if self.lease.as_ref().is_some_and(|lease| self.workshop.permits(lease, &request, now, self.plane)) {
            return true;
        }
        let decision = self.workshop.decide(now, &request, self.plane, &mut self.log);
        self.tell();
        let permitted = decision.lease.is_some();
        if permitted {
            self.lease = decision.lease;
        }
        permitted
    }

    /// Records leave the device before the next decision: the console is its trail.
    fn tell(&mut self) {
        for record in self.log.waiting() {
            defmt::info!("record {=[u8]:02x}", record.as_slice());
        }
        self.log.taken();
    }
}
