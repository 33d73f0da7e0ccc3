//! Two real cases: what governs them is text, and each is a script with a timeline and a proof.

pub mod robot;
pub mod telehealth;
