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

    /// A console whose output, of either kind, a test can read.
    #[cfg(test)]
    pub(super) fn captured(language: Language) -> (Self, Captured) {
        let captured = Captured::default();
        let (out, err) = (Box::new(captured.clone()), Box::new(captured.clone()));
        (Self { language, out, err, terminal: false }, captured)
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

    /// Prints octets as they are.
    pub fn octets(&mut self, octets: &[u8]) {
        let _ = self.out.write_all(octets).and_then(|()| self.out.flush()); // OK as above
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

/// What a console under test was told to print.
#[cfg(test)]
#[derive(Clone, Default)]
pub(super) struct Captured(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

#[cfg(test)]
impl Captured {
    /// Everything printed since the last call.
    pub(super) fn take(&self) -> String {
        String::from_utf8(self.0.take()).unwrap()
    }
}

#[cfg(test)]
impl Write for Captured {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
