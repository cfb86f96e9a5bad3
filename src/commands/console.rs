//! Where commands print: a reader that goes away (`sekisho check | head`) is no fault.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};

use serde_json::Value;

use crate::vocabulary::{Language, Text};

/// Standard output and standard error, in one language.
pub struct Console {
    /// The language to print in.
    pub language: Language,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    terminal: bool,
}

impl Console {
    /// The process's own output.
    #[must_use]
    pub fn new(language: Language) -> Self {
        let terminal = io::stdout().is_terminal();
        Self { language, out: Box::new(io::stdout()), err: Box::new(io::stderr()), terminal }
    }

    /// Whether a person is looking: progress may be redrawn in place.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// A text in the console's language.
    #[must_use]
    pub const fn say(&self, text: Text) -> &'static str {
        text.get(self.language)
    }

    /// Prints a line of the result.
    pub fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.out, "{line}"); // OK because a reader that is gone wants nothing
    }

    /// Prints without ending the line, for progress.
    pub fn part(&mut self, part: impl Display) {
        let _ = write!(self.out, "{part}").and_then(|()| self.out.flush()); // OK as above
    }

    /// Prints a JSON value on several lines.
    pub fn json(&mut self, value: &Value) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        self.line(text);
    }

    /// Prints a complaint or remark that is no part of the result.
    pub fn complain(&mut self, line: impl Display) {
        let _ = writeln!(self.err, "sekisho: {line}"); // OK as above
    }
}
