//! Ports that may be down because of us, written down before they are told to go down: what a
//! service that was killed left behind, the next one looks after.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bounce::Order;
use super::target::{Cause, Target};
use super::{Failure, FailureKind, Running};
use crate::shell::files;
use crate::shell::log::Event;
use crate::survey::Bounce;
use crate::vocabulary::{Mac, Moment, Timestamp};

/// The file inside the state directory.
const LEFT_FILE: &str = "bounces.json";
/// How long afterwards a port is brought up; later nobody knows who shut it down.
const LEFT_MAX: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    switch: String,
    port: String,
    mac: String,
    /// When it was told to go down (RFC 3339).
    time: String,
    /// Whether it is of an earlier service and nobody looks after it yet.
    #[serde(skip, default = "yes")]
    left: bool,
}

const fn yes() -> bool {
    true
}

/// What is written down.
#[derive(Debug)]
pub(super) struct Left {
    path: Option<PathBuf>,
    entries: Vec<Entry>,
}

impl Left {
    /// What an earlier service left behind. Without a state directory nothing is kept.
    pub(super) fn open(state: Option<PathBuf>) -> Self {
        let path = state.map(|state| state.join(LEFT_FILE));
        let octets = path.as_ref().and_then(|path| files::read(path).ok());
        // OK because the file is written whole: without one, or with another's, nothing is known.
        let entries = octets.and_then(|octets| serde_json::from_slice(&octets).ok());
        Self { path, entries: entries.unwrap_or_default() }
    }

    /// A port is about to go down; this is durable before it does.
    fn begun(&mut self, now: Timestamp, order: &Order) -> Result<(), Failure> {
        if self.entries.iter().any(|entry| entry.is_of(order)) {
            return Ok(());
        }
        self.entries.push(Entry {
            switch: order.switch.clone(),
            port: order.port.clone(),
            mac: order.mac.to_string(),
            time: now.rfc3339(),
            left: false,
        });
        self.write()
    }

    /// It is up, or somebody was told.
    fn ended(&mut self, order: &Order) -> Result<(), Failure> {
        let before = self.entries.len();
        self.entries.retain(|entry| !entry.is_of(order));
        if self.entries.len() == before { Ok(()) } else { self.write() }
    }

    fn write(&self) -> Result<(), Failure> {
        let Some(path) = &self.path else { return Ok(()) };
        let octets = serde_json::to_vec(&self.entries).unwrap_or_default();
        files::write_private(path, &octets, files::PRIVATE_FILE)
            .map_err(|error| error.failure(FailureKind::FileUnwritable))
    }

    /// What was left at a switch, and when it went down.
    fn at(&self, switch: &str) -> Vec<(Order, Timestamp)> {
        let left = self.entries.iter().filter(|entry| entry.left && entry.switch == switch);
        left.filter_map(Entry::order).collect()
    }

    /// From now on it is looked after.
    fn take(&mut self, order: &Order) {
        for entry in self.entries.iter_mut().filter(|entry| entry.is_of(order)) {
            entry.left = false;
        }
    }
}

impl Entry {
    fn is_of(&self, order: &Order) -> bool {
        self.switch == order.switch && self.port == order.port
    }

    fn order(&self) -> Option<(Order, Timestamp)> {
        let mac = Mac::parse(&self.mac).ok()?;
        let (switch, port) = (self.switch.clone(), self.port.clone());
        Some((Order { switch, port, mac }, Timestamp::parse(&self.time).ok()?))
    }
}

impl Running {
    /// Has switches with ports that were left down read at once.
    pub(super) fn look_for_left(&mut self, now: Moment) {
        let mut switches: Vec<String> =
            self.left.entries.iter().map(|entry| entry.switch.clone()).collect();
        switches.dedup();
        for switch in switches {
            if !self.hasten(now, &switch, Cause::Operator) {
                for (order, _) in self.left.at(&switch) {
                    self.tell_left(now, &order, "not-asked");
                    self.forget_left(now, &order);
                }
            }
        }
    }

    /// A switch was read: its ports that were left down are brought up.
    pub(super) fn look_after(&mut self, now: Moment, place: usize) {
        let Some(target) = self.targets.get(place) else { return };
        let index = target.index;
        for (order, since) in self.left.at(&target.id) {
            let old = since.plus(LEFT_MAX) < now.wall;
            let interface = if old { Err("long-ago") } else { self.edge_port(index, &order.port) };
            match interface {
                Ok((_, interface)) => {
                    self.left.take(&order);
                    if let Some(target) = self.targets.get_mut(place) {
                        target.bounce(order, Bounce::left_down(interface));
                    }
                }
                Err(cause) => {
                    self.tell_left(now, &order, cause);
                    self.forget_left(now, &order);
                }
            }
        }
    }

    /// A switch cannot be read: somebody else must look at ports that were left down there. They
    /// are brought up all the same should it be read again soon.
    pub(super) fn tell_all_left(&self, now: Moment, switch: &str, cause: &str) {
        for (order, _) in self.left.at(switch) {
            self.tell_left(now, &order, cause);
        }
    }

    fn tell_left(&self, now: Moment, order: &Order, cause: &str) {
        self.tell_bounce(now, order, Event::PortLeftDown, cause);
    }

    /// Writes down what a target is about to take down.
    pub(super) fn remember_begun(&mut self, now: Moment, place: usize) {
        let begun = self.targets.get(place).and_then(Target::begun);
        if let Some(order) = begun.cloned() {
            let kept = self.left.begun(now.wall, &order);
            self.tell_unkept(now, kept);
        }
    }

    pub(super) fn forget_left(&mut self, now: Moment, order: &Order) {
        let kept = self.left.ended(order);
        self.tell_unkept(now, kept);
    }

    fn tell_unkept(&self, now: Moment, kept: Result<(), Failure>) {
        if let Err(failure) = kept {
            let facts = [("cause", failure.message(self.surroundings.log.language()))];
            self.surroundings.log.event(now.wall, Event::StoreFailed, &facts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(port: &str) -> Order {
        Order { switch: "sw01".to_owned(), port: port.to_owned(), mac: Mac::LEAST }
    }

    #[test]
    fn what_was_not_brought_up_is_known_after_a_hard_end() {
        let directory = tempfile::tempdir().unwrap();
        let state = || Some(directory.path().to_owned());
        let mut left = Left::open(state());
        assert!(left.entries.is_empty());
        let now = Timestamp(1_795_446_000_000);
        left.begun(now, &order("1")).unwrap();
        left.begun(now, &order("1")).unwrap();
        left.begun(now, &order("2")).unwrap();
        assert!(left.at("sw01").is_empty(), "this service looks after it itself");
        left.ended(&order("2")).unwrap();
        drop(left);

        let mut left = Left::open(state());
        let found = left.at("sw01");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0.port.as_str(), found[0].0.mac, found[0].1), ("1", Mac::LEAST, now));
        assert!(left.at("sw02").is_empty());
        left.take(&order("1"));
        assert!(left.at("sw01").is_empty());
        // Until it is up the next one would look after it too.
        assert_eq!(Left::open(state()).at("sw01").len(), 1);
        left.ended(&order("1")).unwrap();
        assert!(Left::open(state()).entries.is_empty());
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(LEFT_FILE), b"{\"x\":").unwrap();
        assert!(Left::open(Some(directory.path().to_owned())).entries.is_empty());
        assert!(Left::open(None).begun(Timestamp(0), &order("1")).is_ok());
    }
}
