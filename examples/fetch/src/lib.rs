//! The interpreter's pipeline on real web servers, and how it decided.

pub mod demo;
pub mod directory;
pub mod driver;
pub mod host;
pub mod records;
pub mod sandbox;
pub mod servers;
pub mod show;
pub mod text;
