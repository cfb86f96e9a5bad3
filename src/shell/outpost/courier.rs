//! Brings what was seen to the service, in order, as often as it takes.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use serde::Deserialize;

use super::outbox::Outbox;
use crate::plan::Report as Destination;
use crate::sensor::{Hint, Observation, Pulse, Word, change_name, change_of};
use crate::shell::clock;
use crate::shell::log::{self, Log};
use crate::shell::post::{Peer, post};
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::{Mac, Secret};

/// Where the service takes reports.
pub const PATH: &str = "/api/v1/observations";
/// How often the service hears of a sensor that has nothing to say.
const PULSE: Duration = Duration::from_secs(5);
/// How long observations may wait for others to go with them.
const GATHER: Duration = Duration::from_millis(100);
/// From a failure to the next attempt, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Operators' words that wait to be acknowledged; others come again.
const TAKEN_MAX: usize = 256;
/// Statuses that will be the same however often the report comes; a smaller one may be taken.
const REFUSALS: [u16; 3] = [400, 413, 422];

/// How the line to the service is doing.
#[derive(Clone, Debug, Default)]
pub struct LineState {
    /// Observations that wait.
    pub waiting: usize,
    /// Observations that found no room.
    pub lost: u64,
    /// Why the service was not reached the last time.
    pub away: Option<String>,
    /// Observations acknowledged since the start.
    pub acknowledged: u64,
}

/// What the courier and the reader of frames share.
#[derive(Debug, Default)]
pub struct Shared {
    /// What the reader counts.
    pulse: Mutex<Pulse>,
    /// How the line is doing.
    line: Mutex<LineState>,
    /// Operators' words that were carried out.
    taken: Mutex<Vec<Word>>,
}

impl Shared {
    /// What is counted now.
    pub fn pulse(&self) -> Pulse {
        *self.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This is counted now.
    pub fn count(&self, pulse: Pulse) {
        *self.pulse.lock().unwrap_or_else(PoisonError::into_inner) = pulse;
    }

    /// How the line is doing now.
    pub fn line(&self) -> LineState {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Word>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operator's word about a change was carried out.
    pub fn took(&self, change: u64, accepted: bool) {
        let (change, mut taken) = (change_name(change), self.taken());
        taken.retain(|word| word.change != change);
        if taken.len() < TAKEN_MAX {
            taken.push(Word { change, accepted });
        }
    }

    /// The service knows that these were carried out.
    fn told(&self, words: &[Word]) {
        self.taken().retain(|word| !words.contains(word));
    }
}

/// What the courier needs.
pub struct Courier {
    /// The service.
    pub to: Destination,
    /// What it is proven by.
    pub trust: Option<Arc<ClientConfig>>,
    /// What we prove ourselves by.
    pub token: Secret,
    /// This run.
    pub run: String,
    /// What waits.
    pub outbox: Outbox,
    /// Where the log goes.
    pub log: Log,
    /// What is shared with the reader of frames.
    pub shared: Arc<Shared>,
    /// Where the service's answers go.
    pub heard: Sender<Heard>,
}

/// What the service answers.
#[derive(Debug, Default)]
pub struct Heard {
    /// MACs whose session is over.
    pub ended: Vec<Mac>,
    /// Changes about which an operator decided, and whether they are accepted.
    pub words: Vec<(u64, bool)>,
    /// What it knows of devices.
    pub hints: Vec<Hint>,
    /// The plan it has in force, by its hash.
    pub plan: Option<String>,
}

/// The service's answer.
#[derive(Deserialize)]
struct Acknowledgement {
    #[serde(default)]
    ended: Vec<String>,
    #[serde(default)]
    words: Vec<Word>,
    #[serde(default)]
    hints: Vec<Hint>,
    #[serde(default)]
    plan: Option<String>,
}

impl Courier {
    /// Works until nobody hands in observations any more, and then tries once more.
    pub fn run(mut self, observations: &Receiver<Observation>) {
        let mut due = Instant::now();
        let mut pause = AGAIN.0;
        loop {
            let gathered = self.gather(observations);
            let over = gathered.is_none();
            let fresh = gathered.is_some_and(|count| count > 0);
            let away = self.is_away();
            if over || due <= Instant::now() || (fresh && !away) {
                let reached = self.deliver();
                pause = if reached { AGAIN.0 } else { (pause * 2).min(AGAIN.1) };
                due = Instant::now() + if reached { PULSE } else { pause };
            }
            self.show();
            if over {
                return;
            }
        }
    }

    /// Takes what was handed in; `None` when nothing more will be.
    fn gather(&mut self, observations: &Receiver<Observation>) -> Option<usize> {
        let first = match observations.recv_timeout(GATHER) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => return Some(0),
            Err(RecvTimeoutError::Disconnected) => return None,
        };
        let all: Vec<_> = std::iter::once(first).chain(observations.try_iter()).collect();
        let count = all.len();
        self.outbox.add(&self.run, all);
        Some(count)
    }

    /// Sends everything that waits, and the pulse; says whether the service answered.
    fn deliver(&mut self) -> bool {
        loop {
            let mut pulse = self.shared.pulse();
            pulse.lost += self.outbox.lost();
            let mut report = self.outbox.report(&self.run, pulse);
            report.taken.clone_from(&self.shared.taken());
            let body = serde_json::to_vec(&report).unwrap_or_default();
            let token = Some(&self.token);
            let peer = Peer { to: &self.to.to, trust: self.trust.as_ref(), token };
            let mut refused = false;
            let trouble = match post(&peer, PATH, &body) {
                Ok(answer) => match answer.status {
                    Some(200) => match serde_json::from_slice(&answer.body) {
                        Ok(acknowledgement) => {
                            self.shared.told(&report.taken);
                            self.acknowledged(acknowledgement, report.observations.len());
                            None
                        }
                        Err(cause) => Some(cause.to_string()),
                    },
                    Some(status) if REFUSALS.contains(&status) => {
                        refused = true;
                        if self.outbox.refused(&report) {
                            let count = report.observations.len().to_string();
                            let facts = [("count", count), ("cause", answer.line)];
                            self.log.event(clock::now(), log::Event::SensorRefused, &facts);
                        }
                        None
                    }
                    Some(401 | 403) => {
                        let failure = Failure::new(FailureKind::TokenRefused);
                        Some(failure.message(self.log.language()))
                    }
                    _ => Some(answer.line),
                },
                Err(cause) => Some(cause.to_string()),
            };
            self.tell(trouble.clone());
            if trouble.is_some() {
                return false;
            }
            if !refused {
                self.outbox.done(&report);
            }
            if self.outbox.waiting() == 0 {
                return true;
            }
        }
    }

    fn acknowledged(&self, acknowledgement: Acknowledgement, count: usize) {
        let ended: Vec<Mac> =
            acknowledgement.ended.iter().filter_map(|mac| Mac::parse(mac).ok()).collect();
        let Acknowledgement { words, hints, plan, .. } = acknowledgement;
        let words = words.iter();
        let words: Vec<_> =
            words.filter_map(|word| Some((change_of(&word.change)?, word.accepted))).collect();
        // OK because a reader that is gone remembers nobody
        let _ = self.heard.send(Heard { ended, words, hints, plan });
        self.line(|line| line.acknowledged += count as u64);
    }

    fn line<T>(&self, look: impl FnOnce(&mut LineState) -> T) -> T {
        look(&mut self.shared.line.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_away(&self) -> bool {
        self.line(|line| line.away.is_some())
    }

    fn show(&self) {
        let (waiting, lost) = (self.outbox.waiting(), self.outbox.lost());
        self.line(|line| (line.waiting, line.lost) = (waiting, lost));
    }

    /// Says so when the service is lost or back.
    fn tell(&self, trouble: Option<String>) {
        let before = self.line(|line| std::mem::replace(&mut line.away, trouble.clone()));
        match (before, trouble) {
            (None, Some(cause)) => {
                let facts = [("cause", cause)];
                self.log.event(clock::now(), log::Event::SensorLineAway, &facts);
            }
            (Some(_), None) => {
                let facts = [("count", self.outbox.waiting().to_string())];
                self.log.event(clock::now(), log::Event::SensorLineBack, &facts);
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
}
