//! Requests that wait for their answer: 256 for each pair of source address and source port
//! (RFC 2865 §3), sent again as a switch would.

use std::collections::VecDeque;
use std::time::Duration;

/// One source address at one source port.
#[derive(Debug)]
pub(super) struct Lane {
    /// Which source address.
    pub(super) source: usize,
    /// Which source port.
    pub(super) port: usize,
    /// Identifiers not in use, the one unused longest in front, so that a late reply finds its
    /// identifier unused rather than in use for something else.
    free: VecDeque<u8>,
    questions: Vec<Question>,
}

/// A request under way; its buffer is used again by the next with the same identifier.
#[derive(Debug, Default)]
pub(super) struct Question {
    /// The conversation it belongs to; `None` while the identifier is free.
    pub(super) session: Option<usize>,
    pub(super) octets: Vec<u8>,
    pub(super) authenticator: [u8; 16],
    pub(super) retries_left: u8,
    /// When it is sent again or given up.
    pub(super) due: Duration,
}

/// Names a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) lane: usize,
    pub(super) identifier: u8,
}

impl Lane {
    pub(super) fn new(source: usize, port: usize) -> Self {
        let questions = (0..=u8::MAX).map(|_| Question::default()).collect();
        Self { source, port, free: (0..=u8::MAX).collect(), questions }
    }

    /// An identifier, with its question to be filled; `None` when all are in use.
    pub(super) fn open(&mut self) -> Option<(u8, &mut Question)> {
        let identifier = self.free.pop_front()?;
        self.questions.get_mut(usize::from(identifier)).map(|question| (identifier, question))
    }

    /// Whether an identifier is free.
    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// The question of an identifier, if it waits for an answer.
    pub(super) fn get(&mut self, identifier: u8) -> Option<&mut Question> {
        let question = self.questions.get_mut(usize::from(identifier))?;
        question.session.is_some().then_some(question)
    }

    /// Ends a wait. Says which conversation waited.
    pub(super) fn close(&mut self, identifier: u8) -> Option<usize> {
        let session = self.get(identifier)?.session.take();
        self.free.push_back(identifier);
        session
    }
}
