//! The interpreter's pipeline on real web servers, and how it decided.

pub mod demo;
pub mod driver;
pub mod show;
pub mod text;
