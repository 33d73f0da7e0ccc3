//! The interpreter's pipeline on real web servers, and how it decided.

pub mod demo;
pub mod driver;
pub mod entity;
pub mod resolver;
pub mod sandbox;
pub mod servers;
pub mod show;
pub mod text;
