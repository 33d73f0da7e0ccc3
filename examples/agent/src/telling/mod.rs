//! What is told of a session, to a person or to a program.

mod story;
pub mod summary;
pub mod timeline;
pub mod watch;
