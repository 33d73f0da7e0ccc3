//! A directory node: what it takes, what it refuses at which price, and what it never does.

mod access;
mod admission;
mod attacks;
mod compare;
mod escrow;
mod hub;
mod names;
mod world;
