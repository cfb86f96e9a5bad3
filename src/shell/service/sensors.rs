//! What sensors report: taken once, and kept as evidence before it is acknowledged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use smol_str::SmolStr;
use tokio::sync::oneshot;

use super::place::Sought;
use super::{Input, Service, watched};
use crate::ledger::{Change, Key};
use crate::plan::{Plan, SensorPlace};
use crate::sensor::{Hint, Level, Observation, Pulse, Report, TEXT_OCTETS_MAX};
use crate::shell::control::Reply;
use crate::shell::evidence::Kept;
use crate::shell::log::Said;
use crate::shell::metrics::Metrics;
use crate::shell::store::RUN_OCTETS_MAX;
use crate::shell::{Failure, FailureKind, log};
use crate::vocabulary::{Language, Mac, Timestamp, hex};

/// MACs whose session ended, waiting for one sensor to ask.
const ENDED_MAX: usize = 4096;
/// Hints that wait for one sensor to ask; the oldest make room.
const HINTS_MAX: usize = 1024;

/// Who is where, and how the sensors do.
#[derive(Debug, Default)]
pub(super) struct Sensors {
    /// The sessions of each address, nearly always one, with the environment entered.
    pub(super) live: BTreeMap<Mac, Vec<(Key, SmolStr)>>,
    pub(super) states: BTreeMap<String, State>,
    /// Verdicts on devices of which nobody knows yet where they are.
    pub(super) sought: VecDeque<Sought>,
}

/// How one sensor does.
#[derive(Debug)]
pub(super) struct State {
    /// When it was heard last, on the monotonic clock, and by the wall clock.
    heard: Duration,
    pub(super) heard_at: Option<Timestamp>,
    pub(super) silent: bool,
    /// The run under way; empty when it is to be read anew how far it was kept.
    run: String,
    /// The last number taken in this run, kept or still on its way to be.
    pub(super) head: u64,
    pub(super) gaps: u64,
    /// What it counted at its last report.
    pub(super) pulse: Pulse,
    ended: VecDeque<Mac>,
    hints: VecDeque<Hint>,
}

/// What was taken of a report, and is acknowledged when its lines are kept.
#[derive(Debug)]
struct Taken {
    run: String,
    head: u64,
    gaps: u64,
    pulse: Pulse,
}

/// A report whose lines are on their way to the evidence.
#[derive(Debug)]
pub struct Underway {
    sensor: String,
    taken: Taken,
    language: Language,
    answer: oneshot::Sender<Reply>,
}

impl State {
    fn new(now: Duration) -> Self {
        Self {
            heard: now,
            heard_at: None,
            silent: false,
            run: String::new(),
            head: 0,
            gaps: 0,
            pulse: Pulse::default(),
            ended: VecDeque::new(),
            hints: VecDeque::new(),
        }
    }

    /// Goes on with a run of which so much is stored; not while what was taken of it last is
    /// still on its way, or that would be acknowledged before it is kept.
    fn go_on(&mut self, run: &str, stored: u64) -> Result<(), Failure> {
        if self.run != run {
            (self.run, self.head) = (run.to_owned(), stored);
        }
        if self.head == stored { Ok(()) } else { Err(Failure::new(FailureKind::ObservationUnkept)) }
    }

    /// The lines were not kept: the report comes again, and is taken then.
    fn unkept(&mut self, run: &str) {
        if self.run == run {
            self.run.clear();
        }
    }

    /// Frames lost since the last report.
    const fn lost_since(&self, pulse: &Pulse) -> u64 {
        watched::grown(self.pulse.dropped, pulse.dropped)
    }

    /// The lines were kept. Gives the addresses that the sensor is to forget and what else it is
    /// to know, where it hears.
    fn acknowledge(&mut self, taken: &Taken, hears: bool) -> (Vec<Mac>, Vec<Hint>) {
        self.gaps += taken.gaps;
        self.pulse = taken.pulse;
        if !hears {
            return Default::default();
        }
        (self.ended.drain(..).collect(), self.hints.drain(..).collect())
    }
}

impl Sensors {
    /// Takes in what became of attachments; says whose last session ended.
    pub(super) fn follow(&mut self, changes: &[Change]) {
        for (key, attachment) in changes {
            match attachment {
                Some(attachment) => {
                    let sessions = self.live.entry(key.mac).or_default();
                    let environment = attachment.environment.clone();
                    if let Some((_, entered)) = sessions.iter_mut().find(|(held, _)| held == key) {
                        *entered = environment;
                    } else {
                        sessions.reserve_exact(1);
                        sessions.push((key.clone(), environment));
                    }
                }
                None => {
                    let Some(sessions) = self.live.get_mut(&key.mac) else { continue };
                    sessions.retain(|(held, _)| held != key);
                    if sessions.is_empty() {
                        self.live.remove(&key.mac);
                        for state in self.states.values_mut() {
                            if state.ended.len() >= ENDED_MAX {
                                state.ended.pop_front();
                            }
                            state.ended.push_back(key.mac);
                        }
                    }
                }
            }
        }
    }

    /// Every sensor is to hear of this: which of them sees the device is not known here.
    pub(super) fn hint(&mut self, hints: &[Hint]) {
        for state in self.states.values_mut() {
            for hint in hints {
                if state.hints.len() >= HINTS_MAX {
                    state.hints.pop_front();
                }
                state.hints.push_back(hint.clone());
            }
        }
    }

    /// Goes on with the sensors that a plan expects, and with no others.
    fn expect(&mut self, plan: &Plan, now: Duration, metrics: &Metrics) {
        let expected: BTreeSet<&str> = plan.reporters().collect();
        self.states.retain(|id, _| {
            let stays = expected.contains(id.as_str());
            if !stays {
                watched::forget(metrics, id);
            }
            stays
        });
        for id in expected {
            self.states.entry(id.to_owned()).or_insert_with(|| State::new(now));
        }
    }
}

impl Service {
    /// Takes a report; the answer goes out when all of it is kept.
    pub(super) fn observe(
        &mut self,
        now: Timestamp,
        sensor: &str,
        report: Report,
        language: Language,
        answer: oneshot::Sender<Reply>,
    ) {
        let (lines, taken) = match self.take_report(now, sensor, report) {
            Ok(taken) => taken,
            Err(failure) => {
                // OK because who asked may be gone.
                let _ = answer.send(Reply::failed(&failure, language));
                return;
            }
        };
        let underway = Underway { sensor: sensor.to_owned(), taken, language, answer };
        if lines.is_empty() {
            return self.acknowledge(underway);
        }
        let sender = self.sender.clone();
        let kept: Kept = Box::new(move |kept| {
            // OK because a service that is gone answers nobody.
            let _ = sender.send(Input::Observed(Box::new(underway), kept));
        });
        self.log.events_kept(now, &lines, kept);
    }

    /// The lines of a report are kept, or are not.
    pub(super) fn observed(&mut self, now: Timestamp, underway: Underway, kept: bool) {
        let (sensor, taken) = (&underway.sensor, &underway.taken);
        let stored = if kept {
            let store = self.store();
            store.and_then(|store| store.keep_sensor_head(sensor, &taken.run, taken.head, now))
        } else {
            Err(Failure::new(FailureKind::ObservationUnkept))
        };
        let Err(failure) = stored else { return self.acknowledge(underway) };
        if let Some(state) = self.sensors.states.get_mut(sensor) {
            state.unkept(&taken.run);
        }
        // OK because who asked may be gone.
        let _ = underway.answer.send(Reply::failed(&failure, underway.language));
    }

    /// Answers a report that is kept. Only now is told whose session ended: with a report that
    /// fails it would be lost.
    fn acknowledge(&mut self, underway: Underway) {
        let Underway { sensor, taken, answer, .. } = underway;
        let hears = !answer.is_closed();
        let (mut ended, mut hints) = (Vec::new(), Vec::new());
        if let Some(state) = self.sensors.states.get_mut(&sensor) {
            watched::count(&self.metrics, &sensor, &state.pulse, &taken.pulse, taken.gaps);
            watched::show(&self.metrics, &sensor, state);
            (ended, hints) = state.acknowledge(&taken, hears);
        }
        let ended: Vec<String> = ended.iter().map(ToString::to_string).collect();
        let words = self.words(&sensor);
        let plan = hex(&self.snapshot.plan.content_hash);
        let result = json!({
            "acknowledged": taken.head,
            "ended": ended,
            "words": words,
            "hints": hints,
            "plan": plan,
        });
        let _ = answer.send(Reply::done(String::new(), result)); // OK because who asked may be gone
    }

    /// What of a report is new, as lines; what is done about its verdicts is done.
    fn take_report(
        &mut self,
        now: Timestamp,
        sensor: &str,
        report: Report,
    ) -> Result<(Vec<Said>, Taken), Failure> {
        let plan = Arc::clone(&self.snapshot.plan);
        let unknown = || Failure::new(FailureKind::SensorUnknown).fact("sensor", sensor);
        if plan.reporter(sensor).is_none() {
            return Err(unknown());
        }
        check(&report)?;
        check_source(&plan, sensor, &report)?;
        let monotonic = self.clock.now().monotonic;
        self.sensors.expect(&plan, monotonic, &self.metrics);
        let stored = self.store()?.sensor_head(sensor, &report.run)?;
        let state = self.sensors.states.get_mut(sensor).ok_or_else(unknown)?;
        state.heard = monotonic;
        state.go_on(&report.run, stored)?;
        let fresh: Vec<Observation> =
            report.observations.into_iter().filter(|it| it.sequence > stored).collect();
        self.take_changes(now, sensor, &report.taken, &fresh)?;
        let state = self.sensors.states.get_mut(sensor).ok_or_else(unknown)?;
        let mut lines = Vec::new();
        let name = || ("sensor", sensor.to_owned());
        if state.silent || state.heard_at.is_none() {
            lines.push((log::Event::SensorBack, vec![name()]));
        }
        (state.heard_at, state.silent) = (Some(now), false);
        let dropped = state.lost_since(&report.pulse);
        if dropped > 0 {
            lines.push((log::Event::SensorFrames, vec![name(), ("count", dropped.to_string())]));
        }
        let (mut head, mut gaps) = (stored, 0);
        for observation in &fresh {
            let missing = observation.sequence.saturating_sub(head + 1);
            if missing > 0 {
                gaps += missing;
                let first = ("first", (head + 1).to_string());
                let facts = vec![name(), ("count", missing.to_string()), first];
                lines.push((log::Event::SensorGap, facts));
            }
            head = observation.sequence;
        }
        state.head = head;
        for observation in &fresh {
            lines.push(self.told(now, &plan, sensor, observation));
        }
        Ok((lines, Taken { run: report.run, head, gaps, pulse: report.pulse }))
    }

    /// Looks for sensors that say nothing.
    pub(super) fn watch_sensors(&mut self) {
        let now = self.clock.now();
        let plan = Arc::clone(&self.snapshot.plan);
        self.sensors.expect(&plan, now.monotonic, &self.metrics);
        for (id, state) in &mut self.sensors.states {
            let Some(silent_after) = plan.reporter(id) else { continue };
            let silence = now.monotonic.saturating_sub(state.heard);
            if state.silent || silence < silent_after {
                watched::show(&self.metrics, id, state);
                continue;
            }
            state.silent = true;
            watched::show(&self.metrics, id, state);
            let minutes = (silence.as_secs() / 60).to_string();
            let facts = [("sensor", id.clone()), ("minutes", minutes)];
            self.log.event(now.wall, log::Event::SensorSilent, &facts);
        }
    }

    /// The sensors and how they do.
    pub(super) fn sensor_list(&self) -> Value {
        let plan = &self.snapshot.plan;
        let one = |sensor: &SensorPlace| {
            let site = plan.site(sensor.site).map(|site| site.id.as_str());
            self.reporter_row(&sensor.id, sensor.enabled, site)
        };
        let mut list: Vec<Value> = plan.sensors.sensors.iter().map(one).collect();
        let wire = plan.tripwire();
        list.extend(wire.map(|wire| self.reporter_row(&wire.id, true, Some(&wire.zone))));
        Value::Array(list)
    }

    /// How one that reports does.
    fn reporter_row(&self, id: &str, enabled: bool, site: Option<&str>) -> Value {
        let state = self.sensors.states.get(id);
        let pulse = state.map(|state| state.pulse).unwrap_or_default();
        json!({
            "sensor": id,
            "enabled": enabled,
            "site": site,
            "heard": state.and_then(|it| it.heard_at).map(Timestamp::rfc3339),
            "silent": state.is_some_and(|state| state.silent),
            "taken": state.map_or(0, |state| state.head),
            "gaps": state.map_or(0, |state| state.gaps),
            "frames": pulse.frames,
            "dropped": pulse.dropped,
            "flawed": pulse.flawed,
            "evicted": pulse.evicted,
            "lost": pulse.lost,
            "stations": pulse.stations,
            "misses": pulse.misses,
        })
    }
}

/// Refuses a report that says too much in one place, or numbers that do not rise.
fn check(report: &Report) -> Result<(), Failure> {
    let malformed =
        |cause: &str| Failure::new(FailureKind::ObservationMalformed).fact("cause", cause);
    if report.run.is_empty() || report.run.len() > RUN_OCTETS_MAX {
        return Err(malformed("run"));
    }
    let mut last = 0;
    for observation in &report.observations {
        if observation.sequence <= last || observation.sequence > i64::MAX.cast_unsigned() {
            return Err(malformed("sequence"));
        }
        last = observation.sequence;
        let texts =
            [&observation.kind, &observation.subject, &observation.time, &observation.first];
        let texts = texts.into_iter().chain(&observation.environments).chain(&observation.changes);
        let notes =
            observation.signs.iter().flat_map(|sign| [&sign.id, &sign.time, &sign.ja, &sign.en]);
        if texts.chain(notes).any(|text| text.len() > TEXT_OCTETS_MAX) {
            return Err(malformed("text"));
        }
    }
    Ok(())
}

/// Hits come from the tripwire's responder alone, and nothing else does: who takes over the one in
/// the DMZ can claim nothing about frames, and a sensor nothing about labels.
fn check_source(plan: &Plan, sensor: &str, report: &Report) -> Result<(), Failure> {
    let responder = plan.tripwire().is_some_and(|wire| wire.id == sensor);
    let fits = |it: &Observation| (it.level == Level::Hit) == responder;
    if report.observations.iter().all(fits) {
        return Ok(());
    }
    Err(Failure::new(FailureKind::ObservationMalformed).fact("cause", "level"))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::ledger::{Attachment, Point, Session};
    use crate::vocabulary::VlanId;

    const ENDED: Mac = Mac::LEAST;

    fn change(port: &str, environment: Option<&str>) -> Change {
        let key = Key { switch: "sw01".into(), point: Point::Port(port.into()), mac: Mac::LEAST };
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let attachment = environment.map(|environment| Attachment {
            key: key.clone(),
            access_point: None,
            chain: [].into(),
            environment: environment.into(),
            vlan: VlanId::new(120).unwrap(),
            filter: None,
            session: Session {
                user: b"u".as_slice().into(),
                nas_port: None,
                nas_port_id: None,
                id: None,
                nas: address,
                local: address,
            },
            generation: 1,
            since: Timestamp(0),
            lasts: None,
        });
        (key, attachment.map(Arc::new))
    }

    #[test]
    fn an_address_is_live_until_the_last_of_its_sessions_ends() {
        let mut sensors = Sensors::default();
        sensors.states.insert("one".to_owned(), State::new(Duration::ZERO));
        let environments = |sensors: &Sensors| -> Vec<String> {
            let sessions = sensors.live.get(&Mac::LEAST).into_iter().flatten();
            sessions.map(|(_, environment)| environment.to_string()).collect()
        };
        sensors.follow(&[change("1", Some("A")), change("2", Some("B")), change("1", Some("C"))]);
        assert_eq!(environments(&sensors), ["C", "B"], "a session that goes on is the same one");
        sensors.follow(&[change("1", None)]);
        assert_eq!(environments(&sensors), ["B"]);
        assert!(sensors.states["one"].ended.is_empty());
        sensors.follow(&[change("2", None), change("2", None)]);
        assert!(sensors.live.is_empty());
        assert_eq!(sensors.states["one"].ended, [Mac::LEAST]);
    }

    fn taken(head: u64, pulse: Pulse) -> Taken {
        Taken { run: "one".to_owned(), head, gaps: 0, pulse }
    }

    #[test]
    fn what_is_on_its_way_is_neither_taken_again_nor_acknowledged() {
        let mut state = State::new(Duration::ZERO);
        assert!(state.go_on("one", 0).is_ok());
        state.head = 5;
        let again = state.go_on("one", 0).unwrap_err();
        assert_eq!(again.kind, FailureKind::ObservationUnkept);
        // It was kept, and the run goes on.
        assert!(state.go_on("one", 5).is_ok());
        // It was not: from the stored head on everything is taken once more.
        state.head = 9;
        state.unkept("one");
        assert!(state.go_on("one", 5).is_ok());
        assert_eq!(state.head, 5);
        // A fault of an earlier run is none of the run that follows.
        assert!(state.go_on("two", 0).is_ok());
        state.head = 3;
        state.unkept("one");
        assert!(state.go_on("two", 0).is_err());
    }

    #[test]
    fn who_ended_is_told_with_the_first_answer_that_is_heard() {
        let mut state = State::new(Duration::ZERO);
        state.ended.push_back(ENDED);
        state.unkept("one");
        let mut hears = |hears| state.acknowledge(&taken(1, Pulse::default()), hears).0;
        assert!(hears(false).is_empty());
        assert_eq!(hears(true), [ENDED]);
        assert!(hears(true).is_empty());
    }

    #[test]
    fn lost_frames_are_told_once_also_when_their_counter_begins_anew() {
        let mut state = State::new(Duration::ZERO);
        for (dropped, more) in [(4, 4), (4, 0), (7, 3), (2, 2), (2, 0)] {
            let pulse = Pulse { dropped, ..Pulse::default() };
            assert_eq!(state.lost_since(&pulse), more, "{dropped}");
            // What is not kept is told again.
            assert_eq!(state.lost_since(&pulse), more, "{dropped}");
            state.acknowledge(&taken(1, pulse), true);
        }
    }
}
