//! Three real cases: what governs them is text, and each is a script with a timeline and a proof.

pub mod edge;
pub mod robot;
pub mod telehealth;
