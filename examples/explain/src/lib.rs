//! The meaning of the protocols' bytes, names and tables, as text for people and as values for programs.
//!
//! `inspect` prints it on a terminal, `lens` shows it in a browser. Nothing here reads a file, a clock or a socket.
//!
//! ```
//! let bytes = explain::hexadecimal::read(b"10 1c 00 08 02 05 00 00 00 00 00 00");
//! assert_eq!(bytes.map(|bytes| bytes.len()), Ok(12));
//! let said = explain::surface::read(b"20260514t064148z.message.jasper.normal.tza").expect("a surface");
//! assert!(said.to_string().contains("context    message"));
//! ```

mod advice;
pub mod answer;
pub mod dissector;
pub mod frame;
pub mod hexadecimal;
pub mod machines;
pub mod manifest;
pub mod policy;
pub mod surface;
pub mod texts;
pub mod utc;
