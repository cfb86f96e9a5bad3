//! Configuration for the machines that carry the plan out, as text, and whether a running
//! gateway does what the plan permits.
//!
//! May not open files, read the clock or hold a secret: where one belongs, the text says so.

mod agent;
mod interfaces;
mod nftables;
mod permitted;
pub mod running;
mod switch;
#[cfg(test)]
mod tests;
mod topology;
mod witness;

pub use interfaces::Interfaces;
pub use nftables::gateway;
pub use switch::switch;
pub use topology::dot;
pub use witness::witnesses;

use crate::vocabulary::{Language, Text, hex};

/// Why nothing was rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    text: Text,
    facts: Vec<(&'static str, String)>,
}

impl Refused {
    const fn new(ja: &'static str, en: &'static str) -> Self {
        Self { text: Text { ja, en }, facts: Vec::new() }
    }

    fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    /// The reason, for an operator.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        self.text.fill(language, &self.facts)
    }
}

/// The first digits of a plan's content hash, enough to tell plans apart.
fn short_hash(plan: &crate::plan::Plan) -> String {
    hex(&plan.content_hash).chars().take(12).collect()
}
