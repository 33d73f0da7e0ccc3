//! What happened, told to a person or to a program.

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::clock::Clock;
use crate::telling::event::{Event, Weight};
use crate::telling::story;

/// Who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A person, on standard output, with every step.
    Story,
    /// A person, on standard output, with what a log keeps.
    Outline,
    /// A program, on standard output, an object per line, nothing left out.
    Json,
    /// For a log, on standard error.
    Log,
}

/// After this many lines that are one of many, the rest is only counted.
const MINOR_LINES: u32 = 24;

/// The story so far.
pub struct Timeline {
    clock: Clock,
    style: Style,
    colour: bool,
    minor_left: Cell<u32>,
    bar: RefCell<Option<ProgressBar>>,
}

#[derive(Serialize)]
struct Line<'a> {
    ms: u64,
    who: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

impl Timeline {
    pub fn new(clock: Clock, style: Style) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = match style {
            Style::Story | Style::Outline => io::stdout().is_terminal(),
            Style::Json => false,
            Style::Log => io::stderr().is_terminal(),
        };
        Self { clock, style, colour: terminal && !plain, minor_left: Cell::new(MINOR_LINES), bar: RefCell::new(None) }
    }

    /// It happens now.
    pub fn note(&self, who: &'static str, event: Event) {
        let ms = self.clock.now().0;
        let text = match self.style {
            Style::Json => serde_json::to_string(&Line { ms, who, event: &event }).ok(),
            Style::Log | Style::Outline => {
                (event.weight() == Weight::Major).then(|| story::line(ms, who, &event, self.colour))
            }
            Style::Story => self.is_told(&event).then(|| story::line(ms, who, &event, self.colour)),
        };
        if let Some(text) = text {
            self.print(&text);
        }
    }

    fn is_told(&self, event: &Event) -> bool {
        if event.weight() > Weight::Minor {
            return true;
        }
        match self.minor_left.get() {
            0 => false,
            left => {
                self.minor_left.set(left - 1);
                if left == 1 {
                    self.print("            … more of the kind is only counted from here on");
                }
                true
            }
        }
    }

    /// A reader that has seen enough is no reason to stop.
    fn print(&self, text: &str) {
        let print = || match self.style {
            Style::Log => writeln!(io::stderr().lock(), "{text}"),
            Style::Story | Style::Outline | Style::Json => writeln!(io::stdout().lock(), "{text}"),
        };
        let _ = match self.bar.borrow().as_ref() {
            Some(bar) => bar.suspend(print),
            None => print(),
        };
    }

    /// Begins a bar, if there is a terminal to draw it on.
    pub fn begin_progress(&self, bytes: u64) {
        if self.style == Style::Json || !io::stderr().is_terminal() {
            return;
        }
        let shape = "{bar:40} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar()));
        *self.bar.borrow_mut() = Some(bar);
    }

    pub fn progress(&self, bytes: u64) {
        if let Some(bar) = self.bar.borrow().as_ref() {
            bar.set_position(bytes);
        }
    }

    pub fn end_progress(&self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}
