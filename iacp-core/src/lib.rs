//! The behaviour of the Internet Agent Communication Protocol (draft-gebauer-iacp-00) as deterministic step functions.
#![no_std]

pub mod crypto;
pub mod dhi;
pub mod discovery;
pub mod erp;
pub mod governance;
pub mod guard;
pub mod identity;
pub mod machine;
pub mod pss;
pub mod time;
