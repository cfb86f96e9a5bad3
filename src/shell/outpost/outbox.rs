//! What a sensor has to report, until the service has acknowledged it: on disk, bounded, in order.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::Line;
use crate::sensor::{Observation, Pulse, Report};
use crate::shell::evidence::Spool;

/// Name of the file inside the state directory.
pub const OUTBOX_FILE: &str = "sensor.spool";
/// Its size: tens of thousands of observations.
pub const OUTBOX_OCTETS: u64 = 16 * 1024 * 1024;
/// Octets of one report, within what the API takes.
const REPORT_OCTETS_MAX: usize = 56 * 1024;

/// An observation with the run its number belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    run: String,
    observation: Observation,
}

/// What waits to be acknowledged.
#[derive(Debug)]
pub struct Outbox {
    spool: Spool,
    waiting: VecDeque<Entry>,
    lost: u64,
    /// Observations of one report, fewer after a refusal.
    at_most: usize,
}

impl Outbox {
    /// Opens what an earlier run left, or begins.
    ///
    /// # Errors
    /// The file cannot be read, or the disk has no room for it.
    pub fn open(state: &Path, octets: u64) -> io::Result<Self> {
        let mut spool = Spool::open_file(&state.join(OUTBOX_FILE), octets)?;
        let read = |line| serde_json::from_value(Value::Object(line)).ok();
        let waiting = spool.lines()?.into_iter().filter_map(read).collect();
        Ok(Self { spool, waiting, lost: 0, at_most: usize::MAX })
    }

    /// Takes observations in; they are durable when this returns. What does not fit is lost, and
    /// shows as a gap in the numbers.
    pub fn add(&mut self, run: &str, observations: Vec<Observation>) {
        let mut entries: Vec<Entry> = observations
            .into_iter()
            .map(|observation| Entry { run: run.to_owned(), observation })
            .collect();
        let mut taken = self.append(&entries);
        let acknowledged = self.spool.waiting() != (self.waiting.len() + taken) as u64;
        if taken < entries.len() && acknowledged {
            // What was acknowledged still takes room in the file: begin it anew.
            self.waiting.extend(entries.drain(..taken));
            self.rewrite();
            taken = self.append(&entries);
        }
        self.lost += (entries.len() - taken) as u64;
        entries.truncate(taken);
        self.waiting.extend(entries);
    }

    fn append(&mut self, entries: &[Entry]) -> usize {
        let lines: Vec<Line> = entries.iter().map(line).collect();
        // OK because what cannot be written counts as lost.
        self.spool.append(&lines).unwrap_or(0)
    }

    fn rewrite(&mut self) {
        let lines: Vec<Line> = self.waiting.iter().map(line).collect();
        if self.spool.clear().is_ok() {
            // OK because what cannot be written still waits in memory.
            let _ = self.spool.append(&lines);
        }
    }

    /// The next report: what waits of one run, as much as fits; without observations when
    /// nothing waits.
    #[must_use]
    pub fn report(&self, run: &str, pulse: Pulse) -> Report {
        let run = self.waiting.front().map_or(run, |entry| entry.run.as_str());
        let mut octets = 0;
        let mut observations = Vec::new();
        for entry in self.waiting.iter().take(self.at_most).take_while(|it| it.run == run) {
            octets += serde_json::to_vec(&entry.observation).map_or(0, |text| text.len());
            if octets > REPORT_OCTETS_MAX && !observations.is_empty() {
                break;
            }
            observations.push(entry.observation.clone());
        }
        Report { run: run.to_owned(), pulse, observations, taken: Vec::new() }
    }

    /// The service refuses this report. One observation that it does not take must not cost the
    /// others: half of them go next. Says whether what was refused is given up, being alone.
    pub fn refused(&mut self, report: &Report) -> bool {
        let alone = report.observations.len() <= 1;
        self.at_most = (report.observations.len() / 2).max(1);
        if alone {
            self.drop_first(report.observations.len());
        }
        alone
    }

    /// The service has everything in this report.
    pub fn done(&mut self, report: &Report) {
        self.at_most = self.at_most.saturating_mul(2);
        self.drop_first(report.observations.len());
    }

    fn drop_first(&mut self, count: usize) {
        self.waiting.drain(..count.min(self.waiting.len()));
        if self.waiting.is_empty() && self.spool.waiting() > 0 {
            // OK because what is sent again is known again.
            let _ = self.spool.clear();
        }
    }

    /// Observations that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Observations that found no room.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}

fn line(entry: &Entry) -> Line {
    match serde_json::to_value(entry) {
        Ok(Value::Object(line)) => line,
        Ok(_) | Err(_) => Line::new(), // OK because an entry is an object
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::Level;

    fn observation(sequence: u64) -> Observation {
        Observation {
            sequence,
            level: Level::Sign,
            kind: "dhcp.phone".to_owned(),
            time: "2026-11-26T00:00:00.000Z".to_owned(),
            frame: sequence,
            subject: "02:00:00:00:00:51".to_owned(),
            mac: None,
            addresses: Vec::new(),
            vlan: Some(110),
            score_tenths: 0,
            first: "2026-11-26T00:00:00.000Z".to_owned(),
            signs: Vec::new(),
            environments: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn numbers(report: &Report) -> Vec<u64> {
        report.observations.iter().map(|it| it.sequence).collect()
    }

    #[test]
    fn what_waits_survives_a_restart_and_runs_are_told_apart() {
        let state = tempfile::tempdir().unwrap();
        let mut outbox = Outbox::open(state.path(), 65_536).unwrap();
        outbox.add("one", vec![observation(1), observation(2)]);
        drop(outbox);
        let mut outbox = Outbox::open(state.path(), 65_536).unwrap();
        outbox.add("two", vec![observation(1)]);
        let first = outbox.report("two", Pulse::default());
        assert_eq!((first.run.as_str(), numbers(&first)), ("one", vec![1, 2]));
        outbox.done(&first);
        let second = outbox.report("two", Pulse::default());
        assert_eq!((second.run.as_str(), numbers(&second)), ("two", vec![1]));
        outbox.done(&second);
        assert!(outbox.report("two", Pulse::default()).observations.is_empty());
        assert_eq!(Outbox::open(state.path(), 65_536).unwrap().waiting(), 0);
    }

    #[test]
    fn one_observation_that_the_service_refuses_costs_no_other() {
        let state = tempfile::tempdir().unwrap();
        let mut outbox = Outbox::open(state.path(), 65_536).unwrap();
        outbox.add("one", (1..=40).map(observation).collect());
        let (mut kept, mut given_up, mut sent) = (Vec::new(), Vec::new(), 0);
        while outbox.waiting() > 0 {
            let report = outbox.report("one", Pulse::default());
            sent += 1;
            if !numbers(&report).iter().any(|number| [7, 29].contains(number)) {
                kept.extend(numbers(&report));
                outbox.done(&report);
            } else if outbox.refused(&report) {
                given_up.extend(numbers(&report));
            }
        }
        assert_eq!((given_up, kept.len()), (vec![7, 29], 38));
        assert!(kept.is_sorted() && sent < 30, "{sent}");
        // A pulse that is refused gives nothing up.
        assert!(outbox.refused(&outbox.report("one", Pulse::default())));
        outbox.add("one", vec![observation(41)]);
        assert_eq!(numbers(&outbox.report("one", Pulse::default())), [41]);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_room_comes_back_with_the_acknowledgement() {
        let state = tempfile::tempdir().unwrap();
        let mut outbox = Outbox::open(state.path(), 4096).unwrap();
        // So many that they do not even fit when they are packed together.
        outbox.add("one", (1..=2_000).map(observation).collect());
        let kept = outbox.waiting() as u64;
        assert!(kept > 3 && kept + outbox.lost() == 2_000, "{kept}");
        // Nothing is acknowledged: to write the file anew makes no room, and is left alone.
        let epoch = outbox.spool.epoch();
        outbox.add("one", vec![observation(2_000)]);
        assert_eq!((outbox.spool.epoch(), outbox.waiting() as u64), (epoch, kept));
        let lost = outbox.lost();
        // Half of it is acknowledged: the file still holds all, yet there is room.
        let mut report = outbox.report("one", Pulse::default());
        report.observations.truncate(3);
        outbox.done(&report);
        outbox.add("one", vec![observation(2_001), observation(2_002)]);
        assert_ne!(outbox.spool.epoch(), epoch);
        assert_eq!((outbox.lost(), outbox.waiting() as u64), (lost, kept - 1));
        let found = Outbox::open(state.path(), 4096).unwrap();
        assert_eq!(found.waiting() as u64, kept - 1, "the file holds what still waits");
        assert_eq!(found.waiting.back().map(|entry| entry.observation.sequence), Some(2_002));
    }
}
