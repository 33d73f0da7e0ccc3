//! A directory node: what it takes, what it refuses at which price, and what it never does.

mod access;
mod admission;
mod escrow;
mod names;
mod world;
