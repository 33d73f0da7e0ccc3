//! One module for each command.

pub mod fetch;
pub mod keys;
pub mod outbox;
pub mod review;
pub mod run;
pub mod seal;
pub mod status;

use cep_envelope::decision::Outcome;

/// The exit status of a sender that knows the receiver's outcome: 0 if the object goes on.
pub const fn exit_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Continue | Outcome::Fork => 0,
        Outcome::Triage => 4,
        Outcome::Resync => 5,
        Outcome::Quarantine => 6,
    }
}
