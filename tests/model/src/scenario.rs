//! The models: what is explored completely within small bounds, and walked through at random within wide ones.

use crate::fault::{Fault, Sight};
use crate::plan::{Action, Driver, Plan, Seat, Side};
use crate::raw::Rule;

/// A model, and what must hold in it.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What is explored completely.
    pub small: Plan,
    /// How deep, in actions, in an ordinary test run.
    pub depth: usize,
    /// What is walked through at random.
    pub wide: Plan,
    /// What must never happen.
    pub never: &'static [Fault],
    /// What must happen in some walk: without it the model means nothing.
    pub somewhere: &'static [Sight],
}

const KEYS_NEVER: &[Fault] = &[
    Fault::Refused,
    Fault::Twice,
    Fault::Content,
    Fault::Nonce,
    Fault::Generations,
    Fault::Ended,
    Fault::Stuck,
    Fault::NotRenewed,
    Fault::NotFollowed,
    Fault::NotReturned,
];

/// PROFILE 5.10: both sides renew their keys while data and heartbeats are lost, overtaken and replayed.
pub const KEYS: Scenario = Scenario {
    name: "keys",
    small: Plan { sends: [2, 1], renewals: [2, 0], waits: 2, heartbeats: 2, ..Plan::NOTHING },
    depth: 7,
    wide: Plan { sends: [6, 6], renewals: [4, 2], waits: 20, heartbeats: 2, keeps: 2, copies: 2, ..Plan::NOTHING },
    never: KEYS_NEVER,
    somewhere: &[Sight::Renewed, Sight::RenewedTwice, Sight::OlderOpened, Sight::OlderReplayed, Sight::Followed],
};

/// The same where only Alice renews, and Bob has data on its way: he may follow late, when she has renewed again.
pub const FOLLOWED: Scenario = Scenario {
    name: "followed",
    small: Plan { sends: [0, 1], renewals: [2, 0], waits: 3, heartbeats: 1, ..KEYS.small },
    wide: Plan { sends: [1, 3], renewals: [4, 0], waits: 20, heartbeats: 1, keeps: 0, copies: 1, ..KEYS.wide },
    somewhere: &[Sight::Renewed, Sight::RenewedTwice, Sight::Followed],
    ..KEYS
};

/// The same, from the first moment of the responder's session on: nothing has been echoed yet.
pub const FIRST: Scenario = Scenario {
    name: "first",
    small: Plan { confirmed: false, sends: [1, 1], ..KEYS.small },
    wide: Plan { confirmed: false, ..KEYS.wide },
    depth: 6,
    ..KEYS
};

/// The same with a receiver that holds, and whose application loses what it has not consumed.
pub const HELD: Scenario = Scenario {
    name: "held",
    small: Plan { seats: [Seat::Session, Seat::Holding], sends: [2, 0], rewinds: 1, ..KEYS.small },
    depth: 6,
    wide: Plan { seats: [Seat::Holding, Seat::Holding], rewinds: 3, ..KEYS.wide },
    ..KEYS
};

/// The same with a second implementation of the key update at one end.
pub const RAW: Scenario = Scenario {
    name: "raw",
    small: Plan { seats: [Seat::Raw(None), Seat::Session], sends: [1, 1], renewals: [2, 0], beats: 4, ..KEYS.small },
    depth: 6,
    wide: Plan { seats: [Seat::Raw(None), Seat::Session], beats: 12, ..KEYS.wide },
    never: KEYS_NEVER,
    somewhere: KEYS.somewhere,
};

/// PROFILE 5.8: Alice moves, an attacker sends copies of her frames from its own place and from those she has left.
pub const PLACES: Scenario = Scenario {
    name: "places",
    small: Plan { sends: [1, 1], waits: 2, keeps: 1, forgeries: 2, moves: 2, claims: true, ..Plan::NOTHING },
    depth: 5,
    wide: Plan {
        sends: [3, 3],
        waits: 12,
        heartbeats: 2,
        keeps: 2,
        copies: 2,
        forgeries: 6,
        moves: 2,
        claims: true,
        ..Plan::NOTHING
    },
    never: &[
        Fault::Refused,
        Fault::Twice,
        Fault::Content,
        Fault::Nonce,
        Fault::Ended,
        Fault::Stuck,
        Fault::Astray,
        Fault::Amplified,
        Fault::Backward,
        Fault::NotHome,
        Fault::NotReturned,
    ],
    somewhere: &[Sight::Moved, Sight::MovedTwice, Sight::Probed],
};

/// PROFILE 5.4 and 5.5: silence, probing, held-back heartbeats, and the death of one side.
pub const LIFE: Scenario = Scenario {
    name: "life",
    small: Plan { keeps: 1, waits: 2, quiets: (2, &[16, 46]), dies: true, ..Plan::NOTHING },
    depth: 6,
    wide: Plan { heartbeats: 2, keeps: 2, waits: 12, quiets: (4, &[5, 16, 46]), dies: true, ..Plan::NOTHING },
    never: &[
        Fault::Refused,
        Fault::Twice,
        Fault::Nonce,
        Fault::Ended,
        Fault::ReturnedToDead,
        Fault::OutlivedDead,
        Fault::NotReturned,
    ],
    somewhere: &[Sight::Fell, Sight::Returned, Sight::HeldBack],
};

/// All models.
pub const ALL: [Scenario; 7] = [KEYS, FOLLOWED, FIRST, HELD, RAW, PLACES, LIFE];

/// A model in which a rule is broken, and what happens then.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What is wrong.
    pub name: &'static str,
    /// The model.
    pub plan: Plan,
    /// Its first actions, which are on each way to the fault anyway.
    pub start: &'static [Action],
    /// What happens.
    pub fault: Fault,
}

const fn mutant(name: &'static str, fault: Fault, plan: Plan) -> Mutant {
    Mutant { name, plan, start: &[], fault }
}

impl Mutant {
    const fn after(mut self, start: &'static [Action]) -> Self {
        self.start = start;
        self
    }
}

const fn sender(breaks: Rule) -> Plan {
    Plan {
        seats: [Seat::Raw(Some(breaks)), Seat::Session],
        sends: [1, 0],
        waits: 2,
        beats: 2,
        heartbeats: 1,
        ..RAW.small
    }
}

const fn receiver(breaks: Rule) -> Plan {
    Plan {
        seats: [Seat::Session, Seat::Raw(Some(breaks))],
        sends: [1, 0],
        waits: 2,
        beats: 2,
        heartbeats: 1,
        ..RAW.small
    }
}

const RELAYED: Plan = Plan { sends: [2, 0], waits: 0, keeps: 0, forgeries: 1, moves: 0, relays: true, ..PLACES.small };

/// All mutants: each fault has one.
pub const MUTANTS: [Mutant; 19] = [
    mutant("renews without an echo", Fault::Generations, sender(Rule::WaitsForEcho)),
    mutant("renews without an echo", Fault::Refused, sender(Rule::WaitsForEcho)),
    mutant("renews before all is acknowledged", Fault::Refused, Plan { waits: 1, ..sender(Rule::WaitsForTail) })
        .after(&[Action::Send(Side::Alice), Action::Wait]),
    mutant("leaves the older key at the first heartbeat", Fault::Refused, receiver(Rule::KeepsOlderKey)),
    mutant("takes what it has again", Fault::Twice, Plan { copies: 2, ..receiver(Rule::KnowsWhatCame) }),
    mutant("says what was not sent", Fault::Content, sender(Rule::SaysWhatWasSent)),
    mutant("numbers two heartbeats alike", Fault::Nonce, sender(Rule::CountsHeartbeats)),
    mutant("echoes what was never sent", Fault::Ended, receiver(Rule::EchoesWhatCame)),
    mutant("never acknowledges", Fault::Stuck, receiver(Rule::Acknowledges)),
    mutant("never acknowledges, so the key stays", Fault::NotRenewed, receiver(Rule::Acknowledges)),
    mutant(
        "never acknowledges, so its renewal is not followed",
        Fault::NotFollowed,
        Plan { sends: [0, 1], ..sender(Rule::Acknowledges) },
    ),
    mutant(
        "never echoes, so its silence does not end",
        Fault::NotReturned,
        Plan { quiets: (1, &[46]), ..receiver(Rule::Echoes) },
    ),
    mutant("never echoes, so it cannot move", Fault::NotHome, Plan { moves: 1, ..sender(Rule::Echoes) }),
    mutant("data follows the newest frame", Fault::Astray, Plan { driver: Driver::FollowsNewest, ..PLACES.small }),
    mutant("all are answered", Fault::Amplified, Plan { driver: Driver::AnswersEverywhere, ..PLACES.small }),
    // The limit that PROFILE 5.8 names: an attacker that forwards probes becomes the path.
    mutant("the attacker carries probes on", Fault::Astray, RELAYED),
    mutant(
        "the attacker carries probes on from a place that was left",
        Fault::Backward,
        Plan { sends: [1, 0], waits: 1, moves: 1, ..RELAYED },
    )
    .after(&[Action::Send(Side::Alice), Action::Move, Action::Claim]),
    mutant("any heartbeat is life", Fault::ReturnedToDead, Plan { driver: Driver::BelievesAnyHeartbeat, ..LIFE.small }),
    // A held-back heartbeat does keep a dead session beyond its 45 s.
    mutant("45 s after death all is silent", Fault::OutlivedDead, Plan { outlives: 46_000, ..LIFE.small }),
];
