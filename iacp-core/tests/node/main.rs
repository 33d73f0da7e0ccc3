//! A directory node: what it takes, what it refuses at which price, and what it never does.

mod access;
mod admission;
mod attacks;
mod client;
mod compare;
mod escrow;
mod floods;
mod hub;
mod invented;
mod names;
mod tend;
mod trials;
mod world;
