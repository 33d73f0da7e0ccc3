//! What is told of a session, to a person or to a program.

pub mod capture;
pub mod event;
pub mod outlet;
pub mod report;
pub mod step;
mod story;
pub mod summary;
pub mod timeline;
pub mod watch;
