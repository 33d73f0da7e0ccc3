//! Model checking with the real code as the step: two sessions of the library, an adversarial network between them, and
//! every order of events within the bounds of a plan.

pub mod end;
pub mod explore;
pub mod fault;
pub mod frame;
mod handshake;
pub mod migration;
pub mod network;
pub mod plan;
pub mod provider;
pub mod raw;
pub mod resume;
pub mod scenario;
mod settle;
pub mod voting;
pub mod world;
