//! Live sessions follow the plan: whoever is attached is decided on again when plan, marks,
//! trust or time have changed, and the sessions that now differ are moved or cut by CoA and
//! Disconnect (RFC 5176). The unchanged get nothing.
//!
//! An [`Enforcer`] is given a snapshot only after every worker has taken it: a device that is
//! cut comes back at once, and must be decided on by the new one. What concerns more ports than
//! `enforce.ports_max` waits for a person. What cannot be done is tried again, told, and tried
//! again later. An acknowledgement of a switch is believed only for the end of a session; that
//! a device authenticated anew shows in its new decision.

mod dialect;
mod event;
mod judge;
pub mod ladder;
mod matters;
mod task;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use dialect::Means;
pub use event::{CoaResult, Ending, Event, Matter, Pending, Summary};
pub use judge::Wanted;
pub use task::{RETRY_AFTER, ROUNDS_MAX, SETTLE};

use task::{Next, State, Task};

use crate::access::Snapshot;
use crate::client::{Ask, Dynamic, DynamicOutcome, DynamicTicket, Route, Settings};
use crate::ledger::{self, Attachment, Change, Key, Ledger};
use crate::vocabulary::{MarkSubject, Moment, Timestamp};

/// How long a switch may take to answer, and how often it is asked in one attempt.
pub const ANSWER: Settings = Settings { timeout: Duration::from_secs(1), retries: 2 };
/// Requests open at one switch at once: more than a person would type, fewer than a small
/// switch's processor minds.
pub const PER_SWITCH_MAX: usize = 8;
/// How long until everybody is decided on again though nothing is known to have changed.
pub const SWEEP_EVERY: Duration = Duration::from_secs(300);

/// The live sessions, and what is being done about them.
pub struct Enforcer {
    snapshot: Arc<Snapshot>,
    ledger: Ledger,
    dynamic: Dynamic,
    tasks: BTreeMap<Key, Task>,
    tickets: HashMap<DynamicTicket, Key>,
    held: Held,
    events: VecDeque<Event>,
    sweep_at: Duration,
}

/// What waits for a person.
#[derive(Debug, Default)]
struct Held {
    /// Changes whenever something is added, so that nobody approves what he has not seen.
    number: u64,
    matters: BTreeMap<Key, (Matter, Timestamp)>,
}

impl Enforcer {
    /// Takes up the attachments of before, and decides on each by `snapshot`, which every worker
    /// must have.
    #[must_use]
    pub fn new(now: Moment, snapshot: Arc<Snapshot>, attachments: Vec<Attachment>) -> Self {
        // Six digits that differ from those before a restart.
        let number = u64::try_from(now.wall.seconds()).unwrap_or(0) % 900_000 + 100_000;
        let mut enforcer = Self {
            snapshot,
            ledger: Ledger::default(),
            dynamic: Dynamic::new(ANSWER),
            tasks: BTreeMap::new(),
            tickets: HashMap::new(),
            held: Held { number, matters: BTreeMap::new() },
            events: VecDeque::new(),
            sweep_at: now.monotonic,
        };
        enforcer.ledger.restore(now, attachments);
        enforcer.sweep(now, true);
        enforcer
    }

    /// A switch was told something by admission, or told accounting something. What was decided
    /// just now is as it should be.
    pub fn handle(&mut self, now: Moment, input: ledger::Input) {
        if self.tasks.is_empty() && self.held.matters.is_empty() {
            return self.ledger.handle(now, input);
        }
        let (key, opened) = match &input {
            ledger::Input::Attached(attachment) => (attachment.key.clone(), true),
            ledger::Input::Refused(key) => (Key::clone(key), false),
            ledger::Input::Started(..)
            | ledger::Input::Ended(..)
            | ledger::Input::Restarted(..) => {
                self.ledger.handle(now, input);
                return self.tidy(now);
            }
        };
        self.ledger.handle(now, input);
        self.held.matters.remove(&key);
        // A device that was to be renewed and came by itself before was not renewed.
        let pending = |task: &Task| {
            let open = matches!(task.state, State::Ready | State::Asked(_) | State::Resting(_));
            task.matter.wanted == Wanted::Renewal && open
        };
        if !(opened && self.tasks.get(&key).is_some_and(pending)) {
            self.finish(now, &key, Ending::Decided);
        }
    }

    /// A datagram from a switch.
    pub fn handle_datagram(&mut self, now: Moment, datagram: &[u8], source: SocketAddr) {
        self.dynamic.handle(datagram, source);
        self.follow(now);
    }

    /// Follows a new snapshot, which every worker has taken.
    pub fn replace(&mut self, now: Moment, snapshot: Arc<Snapshot>) -> Summary {
        let verify = !snapshot.has_trust_of(&self.snapshot);
        self.snapshot = snapshot;
        self.sweep(now, verify)
    }

    /// Ends the sessions of a device or port, without a mark: they may come again.
    pub fn disconnect(&mut self, now: Moment, subject: &MarkSubject) -> Summary {
        let matters = self.concerned(subject);
        let sessions = matters.len();
        let changing = self.begin(now, matters);
        self.dispatch(now);
        Summary { sessions, changing, ..self.summary() }
    }

    /// Does what waited under that number; `None` when another or nothing waits.
    pub fn approve(&mut self, now: Moment, number: u64) -> Option<Summary> {
        if number != self.held.number || self.held.matters.is_empty() {
            return None;
        }
        let held = std::mem::take(&mut self.held.matters);
        let sessions = held.len();
        let matters = held.into_values().filter_map(|(matter, _)| self.still(now, matter));
        let matters: Vec<Matter> = matters.collect();
        let changing = matters.len();
        for matter in matters {
            self.start(now, matter);
        }
        self.dispatch(now);
        Some(Summary { sessions, changing, ..self.summary() })
    }

    /// Every session that is not yet what it should be.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        let held = self.held.matters.values().map(|(matter, since)| Pending {
            matter: matter.clone(),
            state: "held",
            since: *since,
            last: None,
        });
        let tasks = self.tasks.values().map(|task| Pending {
            matter: task.matter.clone(),
            state: task.state.id(),
            since: task.began.wall,
            last: task.last,
        });
        held.chain(tasks).collect()
    }

    /// How things stand, without sessions and changes of any one command.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let held = self.held.matters.len();
        let number = (held > 0).then_some(self.held.number);
        Summary { sessions: self.ledger.len(), changing: self.tasks.len(), held, number }
    }

    /// The snapshot that is followed.
    #[must_use]
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The sessions known.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.ledger.handle_timeout(now);
        self.dynamic.handle_timeout(now);
        self.follow(now);
        self.tidy(now);
        let due = |task: &Task| task.state.until().is_some_and(|until| until <= now.monotonic);
        let keys: Vec<Key> =
            self.tasks.values().filter(|task| due(task)).map(|it| it.matter.key.clone()).collect();
        for key in keys {
            self.timed_out(now, &key);
        }
        if self.sweep_at <= now.monotonic {
            self.sweep(now, true);
        }
        self.dispatch(now);
    }

    /// The next datagram to send: its octets in `octets`, and its way.
    pub fn poll_transmit(&mut self, octets: &mut Vec<u8>) -> Option<Route> {
        self.dynamic.poll_transmit(octets)
    }

    /// When [`Enforcer::handle_timeout`] has something to do next, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let tasks = self.tasks.values().filter_map(|task| task.state.until()).min();
        let due = [self.ledger.poll_timeout(), self.dynamic.poll_timeout(), tasks];
        due.into_iter().flatten().chain([self.sweep_at]).min()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next attachment that changed, for the disk.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.ledger.poll_event()
    }

    fn timed_out(&mut self, now: Moment, key: &Key) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        if let State::Failed(_) = task.state {
            let matter = task.matter.clone();
            self.tasks.remove(key);
            if let Some(matter) = self.still(now, matter) {
                self.start(now, matter);
            }
            return;
        }
        let next = task.timed_out(now);
        self.take(now, key, next);
    }

    /// Ends tasks whose session is no longer known.
    fn tidy(&mut self, now: Moment) {
        let gone = |key: &&Key| self.ledger.get(key).is_none();
        let keys: Vec<Key> =
            self.tasks.keys().chain(self.held.matters.keys()).filter(gone).cloned().collect();
        for key in keys {
            self.held.matters.remove(&key);
            self.finish(now, &key, Ending::Gone);
        }
    }

    /// Takes the answers of switches.
    fn follow(&mut self, now: Moment) {
        while let Some((ticket, outcome)) = self.dynamic.poll_event() {
            let Some(key) = self.tickets.remove(&ticket) else { continue };
            let Some(task) = self.tasks.get_mut(&key) else { continue };
            // One that was answered by a new decision meanwhile has another state or is gone.
            if task.state != State::Asked(ticket) {
                continue;
            }
            let (result, cause) = match outcome {
                DynamicOutcome::Acknowledged => (CoaResult::Ack, None),
                DynamicOutcome::Refused(cause) => (CoaResult::Nak, cause),
                DynamicOutcome::Silent => (CoaResult::Silent, None),
            };
            if let Some(step) = task.step() {
                let switch = key.switch.to_string();
                let means = step.means;
                self.events.push_back(Event::Answered { switch, means, result, cause });
            }
            let has_id = self.ledger.get(&key).is_some_and(|it| it.session.id.is_some());
            let next = task.answered(now, outcome, has_id);
            self.take(now, &key, next);
        }
        self.dispatch(now);
    }

    fn take(&mut self, now: Moment, key: &Key, next: Next) {
        match next {
            Next::Go => {}
            Next::Finish(ending) => {
                let asked = self.tasks.get(key).map_or(now.wall, |task| task.asked);
                self.ledger.ended(key, None, asked);
                self.finish(now, key, ending);
            }
            Next::Fail => {
                if let Some(task) = self.tasks.get_mut(key) {
                    task.fail(now);
                    let (matter, last) = (Box::new(task.matter.clone()), task.last);
                    self.events.push_back(Event::Failed { matter, last });
                }
            }
        }
    }

    fn finish(&mut self, now: Moment, key: &Key, how: Ending) {
        if let Some(task) = self.tasks.remove(key) {
            self.forget_question(&task);
            let elapsed = now.monotonic.saturating_sub(task.began.monotonic);
            let matter = Box::new(task.matter);
            self.events.push_back(Event::Done { matter, how, elapsed });
        }
    }

    /// Asks no further: a device that came back by itself must not be cut by a late copy.
    fn forget_question(&mut self, task: &Task) {
        if let State::Asked(ticket) = task.state {
            self.dynamic.cancel(ticket);
            self.tickets.remove(&ticket);
        }
    }

    /// Sends what may be sent.
    fn dispatch(&mut self, now: Moment) {
        let mut open: HashMap<&str, usize> = HashMap::new();
        for key in self.tickets.values() {
            *open.entry(key.switch.as_str()).or_default() += 1;
        }
        let mut chosen = Vec::new();
        for (key, task) in &self.tasks {
            if task.state != State::Ready {
                continue;
            }
            let at_switch = open.entry(key.switch.as_str()).or_default();
            if *at_switch < PER_SWITCH_MAX {
                *at_switch += 1;
                chosen.push(key.clone());
            }
        }
        for key in chosen {
            self.send(now, &key);
        }
    }

    fn send(&mut self, now: Moment, key: &Key) {
        let Some(attachment) = self.ledger.get(key).cloned() else {
            return self.finish(now, key, Ending::Gone);
        };
        let Some(task) = self.tasks.get_mut(key) else { return };
        let plan = &self.snapshot.plan;
        let switch = plan.switch_by_id(&key.switch);
        let profile = switch.and_then(|switch| plan.profile_of(switch));
        let secret = task.step().and_then(|step| self.snapshot.secrets(switch?).nth(step.secret));
        let (Some(index), Some(profile), Some(step), Some(secret)) =
            (switch, profile, task.step(), secret)
        else {
            let next = task.unsent(now);
            return self.take(now, key, next);
        };
        // The address that the switch asked from, unless the plan has moved it.
        let nas = attachment.session.nas;
        let known = plan.client_by_address(nas) == Some(index);
        let address = plan.switch(index).map_or(nas, |switch| switch.address.ip());
        let ask = Ask {
            kind: step.means.kind(),
            to: SocketAddr::new(if known { nas } else { address }, profile.enforce.coa.port),
            from: attachment.session.local,
            key: secret,
            message_authenticator: profile.enforce.coa.message_authenticator,
            acknowledged_by: &dialect::acknowledged_by(profile),
        };
        let with_id = task.with_id;
        let asked = self.dynamic.ask(now, &ask, |writer| {
            dialect::write(writer, now, profile, &attachment, step.means, with_id);
        });
        match asked {
            Ok(ticket) => {
                task.asked = now.wall;
                task.state = State::Asked(ticket);
                self.tickets.insert(ticket, key.clone());
            }
            // Sent when an answer makes room.
            Err(crate::client::AskError::Full) => {}
            Err(crate::client::AskError::Unwritable(_)) => {
                let next = task.unsent(now);
                self.take(now, key, next);
            }
        }
    }
}
