//! What governing costs a device: the policies of the robot cell of `examples/conference`, which a host has compiled
//! and which lie in flash; a control plane, an interaction and a log in memory.

use core::mem::MaybeUninit;

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

use crate::meter::{Cost, Meter};
use crate::report::{Report, fail};

/// Made by `inspect policy compile` of `plant.policy`, `vendor.policy` and `works-council.policy`.
const COMPILED: &[u8] = include_bytes!("robot.policy.bin");
static VERSION: Version<3> = match Version::compiled(0, COMPILED) {
    Ok(version) => version,
    Err(_) => panic!("no compiled policy"),
};

/// A control plane that has its one version in flash.
type Plane = Rollout<3, 0>;
/// The robot, its operator and one more; its controller and one more.
type Cell = Interaction<3, 2>;
/// Records that wait until they are safe elsewhere.
type Records<'m> = Log<&'m mut [Bytes]>;

// Numbers of the vocabulary.
const PLANT: Authority = Authority(0);
const AUTHORITIES: u8 = 3;
const JOIN: Action = Action(0);
const REPORT: Action = Action(1);
const COMMAND: Action = Action(3);
const TELEMETRY: Modality = Modality(0);
const COMMANDS: Modality = Modality(2);
const ROBOT: Role = Role(0);
const HARDENED: Posture = Posture(1);
const HERE: Region = Region(0);

/// All that is in memory besides the stack.
pub struct Memory {
    plane: Plane,
    cell: MaybeUninit<Cell>,
    records: [Bytes; 6],
}

impl Memory {
    pub const EMPTY: Self = Self {
        plane: Rollout::new(Authorities::new(), [0; 32]),
        cell: MaybeUninit::uninit(),
        records: [[0; RECORD]; 6],
    };
}

/// All that a device does before it governs.
#[inline(never)]
pub fn link(plane: &mut Plane) -> bool {
    let mut introduced = (0..AUTHORITIES).map(|number| plane.authorities.introduce(Authority(number), [number; 32]));
    introduced.all(|done| done.is_ok())
        && plane.link(&VERSION).is_ok_and(|number| plane.publish(Track::STABLE, number).is_ok())
}

#[inline(never)]
pub fn create<'c>(place: &'c mut MaybeUninit<Cell>, plane: &Plane, log: &mut Records<'_>) -> Option<&'c mut Cell> {
    let cell = place.write(Cell::VACANT);
    let id = InteractionId::recorded([7; 16]);
    cell.begin(id, Time(1_000), Mode::Enforce, plane, log).ok().map(|()| cell)
}

#[inline(never)]
pub fn join(cell: &mut Cell, plane: &Plane, log: &mut Records<'_>) -> Option<Seat> {
    let robot = Admission {
        action: JOIN,
        name: [1; 16],
        kind: Kind::Device,
        home: Some(PLANT),
        credential_until: Time::NEVER,
        validation: Validation { posture: HARDENED, region: Some(HERE), until: Time::NEVER },
        roles: Set::one(ROBOT),
        streams: Streams { sends: Set::one(TELEMETRY), receives: Set::one(COMMANDS) },
        consents: Set::EMPTY,
    };
    cell.join(Time(1_001), &robot, plane, log).ok()
}

fn request(seat: Seat, action: Action, on: Modality) -> Request {
    Request { action, seat, on: On::Stream(on), binding: None, goes: Set::EMPTY }
}

/// A decision with its record.
#[inline(never)]
pub fn decide(cell: &mut Cell, request: &Request, plane: &Plane, log: &mut Records<'_>) -> Option<Lease> {
    cell.decide(Time(1_002), request, plane, log).lease
}

/// The check of the lease before each governed processing.
#[inline(never)]
pub fn permits(cell: &Cell, lease: &Lease, request: &Request, plane: &Plane) -> bool {
    cell.permits(lease, request, Time(1_003), plane)
}

pub fn all(memory: &mut Memory, meter: &mut Meter, report: &mut Report) {
    let Memory { plane, cell, records } = memory;
    let log = &mut Records::keeping(records, 1);
    report.line(&["size", "plane"], &[size_of::<Plane>() as u32]);
    report.line(&["size", "cell"], &[size_of::<Cell>() as u32]);
    report.line(&["size", "version"], &[size_of::<Version<3>>() as u32]);
    let mut tell = |step: &str, cost: Cost| report.line(&["step", "policy", step], &[cost.stack, cost.instructions]);
    let (cost, linked) = meter.measure(|| link(plane));
    tell("link", cost);
    let (cost, cell) = meter.measure(|| create(cell, plane, log));
    tell("create", cost);
    let Some(cell) = cell.filter(|_| linked) else { fail("the policy is not linked, or nothing begins") };
    let (cost, seat) = meter.measure(|| join(cell, plane, log));
    tell("join", cost);
    let Some(seat) = seat else { fail("the robot is not let in") };
    let reports = request(seat, REPORT, TELEMETRY);
    let (cost, lease) = meter.measure(|| decide(cell, &reports, plane, log));
    tell("decide", cost);
    let Some(lease) = lease else { fail("the robot may not report") };
    let (cost, holds) = meter.measure(|| permits(cell, &lease, &reports, plane));
    tell("permits", cost);
    log.taken();
    let commands = request(seat, COMMAND, COMMANDS);
    let (cost, denied) = meter.measure(|| decide(cell, &commands, plane, log));
    tell("decide", cost);
    if !holds || denied.is_some() {
        fail("a permit does not hold, or a robot commands");
    }
}
