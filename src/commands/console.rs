//! Where commands print: a reader that goes away (`sekisho check | head`) is no fault, a result that
//! could not be written whole is one.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};

use serde_json::Value;

use super::WRONG;
use crate::vocabulary::{Language, Text};

/// Standard output and standard error, in one language.
pub struct Console {
    /// The language to print in.
    pub language: Language,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    terminal: bool,
    /// Why a part of the result could not be written.
    lost: Option<io::Error>,
}

impl Console {
    /// The process's own output.
    #[must_use]
    pub fn new(language: Language) -> Self {
        let terminal = io::stdout().is_terminal();
        let (out, err) = (Box::new(io::stdout()), Box::new(io::stderr()));
        Self { language, out, err, terminal, lost: None }
    }

    /// A console whose output, of either kind, a test can read.
    #[cfg(test)]
    pub(super) fn captured(language: Language) -> (Self, Captured) {
        let captured = Captured::default();
        let (out, err) = (Box::new(captured.clone()), Box::new(captured.clone()));
        (Self { language, out, err, terminal: false, lost: None }, captured)
    }

    /// A console whose result goes to `out`, and its complaints where a test can read them.
    #[cfg(test)]
    pub(super) fn writing(language: Language, out: Box<dyn Write>) -> (Self, Captured) {
        let (console, captured) = Self::captured(language);
        (Self { out, ..console }, captured)
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
        let written = if self.terminal {
            writeln!(self.out, "{}", printable(line))
        } else {
            writeln!(self.out, "{line}")
        };
        self.note(written);
    }

    /// Prints without ending the line, for progress.
    pub fn part(&mut self, part: impl Display) {
        let written = write!(self.out, "{part}").and_then(|()| self.out.flush());
        self.note(written);
    }

    /// Prints octets as they are.
    pub fn octets(&mut self, octets: &[u8]) {
        let written = self.out.write_all(octets).and_then(|()| self.out.flush());
        self.note(written);
    }

    /// Prints a JSON value on several lines.
    pub fn json(&mut self, value: &Value) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        self.line(text);
    }

    /// Prints a complaint or remark that is no part of the result.
    pub fn complain(&mut self, line: impl Display) {
        // OK because there is nobody left to tell.
        let _ = writeln!(self.err, "sekisho: {}", printable(line));
    }

    fn note(&mut self, written: io::Result<()>) {
        let lost = written.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        self.lost = self.lost.take().or(lost);
    }

    /// Ends the output of a command; its exit code, that of a fault where the result is not whole.
    #[must_use]
    pub fn end(mut self, code: u8) -> u8 {
        let flushed = self.out.flush();
        self.note(flushed);
        let Some(cause) = self.lost.take() else { return code };
        let text = Text {
            ja: "結果を最後まで書けませんでした: {cause}",
            en: "the result could not be written to its end: {cause}",
        };
        self.complain(text.fill(self.language, &[("cause", cause.to_string())]));
        code.max(WRONG)
    }
}

/// A text for a person, without what would steer a terminal or turn the direction of reading: it may
/// hold what a file or a device says.
fn printable(text: impl Display) -> String {
    tame(&text.to_string(), |character| matches!(character, '\n' | '\t'))
}

/// The same for a part of a line, which stays on it wherever it is printed to.
pub(super) fn on_one_line(text: &str) -> String {
    tame(text, |_| false)
}

fn tame(text: &str, harmless: impl Fn(char) -> bool) -> String {
    let mut printed = String::new();
    for character in text.chars() {
        let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if turns || character.is_control() && !harmless(character) {
            printed.extend(character.escape_default());
        } else {
            printed.push(character);
        }
    }
    printed
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_text_steers_the_terminal() {
        let (console, said) = Console::captured(Language::Japanese);
        let mut console = Console { terminal: true, ..console };
        console.line("資産 \u{1b}[2J\u{202e}x\n\t次");
        console.complain("\u{9b}1m");
        let expected = "資産 \\u{1b}[2J\\u{202e}x\n\t次\nsekisho: \\u{9b}1m\n";
        assert_eq!(said.take(), expected);
    }

    #[test]
    fn a_result_that_is_not_whole_is_a_fault_and_a_reader_that_left_is_none() {
        let end = |kind, code| {
            let (mut console, said) = Console::writing(Language::English, Box::new(Fails(kind)));
            console.line("one");
            (console.end(code), said.take())
        };
        let (code, said) = end(io::ErrorKind::StorageFull, 0);
        assert!(code == WRONG && said.contains("could not be written to its end"), "{said}");
        assert_eq!(end(io::ErrorKind::StorageFull, 2).0, 2);
        assert_eq!(end(io::ErrorKind::BrokenPipe, 0), (0, String::new()));
    }
}
