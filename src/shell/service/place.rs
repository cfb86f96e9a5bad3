//! Where a device is that a verdict is about, and what is done there.
//!
//! A session says it, where there is one. A device behind another's session, as behind a bridge
//! or hub, has none: then the switches' own tables say at which port it is, if need be only with
//! their next sweep, and what is done is done to the port.

use std::sync::Arc;
use std::time::Duration;

use super::Service;
use super::sensors::Sensors;
use crate::enforce::ladder::{Case, Step, Where, step};
use crate::ledger::{Key, Point};
use crate::plan::{Plan, PortRole, Rung};
use crate::sensor::Observation;
use crate::shell::log;
use crate::vocabulary::{
    EnvironmentIndex, Mac, Mark, MarkKind, MarkSubject, Timestamp, VlanId, escape,
};

/// Verdicts that wait for a place at once; with more the oldest waits no longer.
const SOUGHT_MAX: usize = 64;
/// Of how many it is looked in one second, since each is a question to another thread.
const SOUGHT_AT_ONCE: usize = 8;
/// How long a place is sought: the tables are read every ten seconds meanwhile, and who is in
/// none by then sends nothing that is forwarded.
const SOUGHT_FOR: Duration = Duration::from_secs(120);

/// A verdict that waits for a place.
#[derive(Debug)]
pub(super) struct Sought {
    since: Duration,
    sensor: String,
    observation: Observation,
}

/// Where a device is.
struct Seat {
    /// Its session, or that of the port it is behind.
    key: Key,
    /// Whether the session is its own.
    own: bool,
}

impl Sensors {
    /// The session of the device itself. Frames in a VLAN of no environment are those of a port
    /// that let nobody in, whoever has the address elsewhere.
    fn session(&self, plan: &Plan, mac: Mac, vlan: Option<u16>) -> Option<Key> {
        let somewhere = vlan.is_none_or(|vlan| {
            VlanId::new(vlan).is_some_and(|vlan| plan.vlan_environment(vlan).is_some())
        });
        self.live.get(&mac)?.first().filter(|_| somewhere).map(|(key, _)| key.clone())
    }

    /// A session at a port.
    fn session_at(&self, switch: &str, port: &str) -> Option<Key> {
        let here = |key: &&Key| {
            key.switch == switch && matches!(&key.point, Point::Port(name) if name == port)
        };
        self.live.values().flatten().map(|(key, _)| key).find(here).cloned()
    }
}

impl Service {
    /// Does what the ladder says; gives what that was, and where the device is.
    pub(super) fn respond(
        &mut self,
        now: Timestamp,
        plan: &Plan,
        sensor: &str,
        observation: &Observation,
        environment: Option<EnvironmentIndex>,
    ) -> (Step, String) {
        // What is known by its address alone stands behind a gateway, whose port is not its own.
        let mac = Mac::parse(&observation.subject).ok();
        let seat = mac.and_then(|mac| self.seat(plan, sensor, mac, observation.vlan));
        let place = seat.as_ref().map_or_else(|| "-".to_owned(), |seat| seat.key.to_string());
        let (Some(mac), limit) = (mac, plan.sensors.limit) else {
            return (Step::NowhereKnown, place);
        };
        let window = i64::try_from(limit.window.as_millis()).unwrap_or(i64::MAX);
        let since = Timestamp(now.0.saturating_sub(window));
        let known =
            self.store().and_then(|store| Ok((store.marks_by_sensors(since)?, store.marks(now)?)));
        let (recent, marks) = match known {
            Ok(known) => known,
            Err(failure) => {
                self.log.event(
                    now,
                    log::Event::StoreFailed,
                    &[("cause", failure.message(self.log.language()))],
                );
                return (Step::OverLimit, place);
            }
        };
        let port = seat.as_ref().and_then(|seat| match &seat.key.point {
            Point::Port(port) => {
                Some(MarkSubject::Port(seat.key.switch.to_string(), port.to_string()))
            }
            Point::Network(_) => None,
        });
        let asset = plan.device_by_mac(mac).and_then(|it| plan.device(it));
        let device = asset.map_or(MarkSubject::Mac(mac), |it| MarkSubject::Asset(it.asset.clone()));
        let first_sign = Timestamp::parse(&observation.first).unwrap_or(now);
        let case = Case {
            response: environment.and_then(|index| plan.sensors.response(index)),
            limit,
            hard: observation.is_hard(),
            first_sign,
            place: seat.as_ref().map_or(Where::Unknown, |seat| kind_of(plan, &seat.key)),
            standing: standing(&marks, mac, &device, port.as_ref()),
            recent,
        };
        let step = step(&case);
        let own = seat.is_some_and(|seat| seat.own);
        let (subject, kind) = match (step, port) {
            (Step::Quarantine, Some(port)) if !own => (port, MarkKind::Quarantine),
            (Step::Quarantine, _) => (device, MarkKind::Quarantine),
            (Step::PortDown, Some(port)) => (port, MarkKind::Refuse),
            _ => return (step, place),
        };
        let what = escape(observation.kind.as_bytes());
        let reason = format!("{what} ({sensor} {})", observation.sequence);
        match self.mark(now, subject, kind, &reason, None, &format!("sensor {sensor}")) {
            Ok(_) => (step, place),
            Err(failure) => {
                self.log.event(
                    now,
                    log::Event::StoreFailed,
                    &[("cause", failure.message(self.log.language()))],
                );
                (Step::OverLimit, place)
            }
        }
    }

    fn seat(&self, plan: &Plan, sensor: &str, mac: Mac, vlan: Option<u16>) -> Option<Seat> {
        if self.sensors.live.contains_key(&mac) {
            // The tables too would show whose address it is, not who borrows it.
            let key = self.sensors.session(plan, mac, vlan)?;
            return Some(Seat { key, own: true });
        }
        let site = plan.sensors.sensors.iter().find(|it| it.id == sensor)?.site;
        // OK because a survey that does not answer knows no place.
        let (switch, port) = self.survey.locate(mac, site).ok()??;
        let key = self.sensors.session_at(&switch, &port)?;
        Some(Seat { key, own: false })
    }

    /// Remembers a verdict until a switch shows where the device is.
    pub(super) fn seek(&mut self, sensor: &str, observation: &Observation) {
        let Ok(mac) = Mac::parse(&observation.subject) else { return };
        if self.sensors.live.contains_key(&mac) {
            return;
        }
        if self.sensors.sought.len() >= SOUGHT_MAX {
            self.sensors.sought.pop_front();
        }
        let (sensor, observation) = (sensor.to_owned(), observation.clone());
        let since = self.clock.now().monotonic;
        self.sensors.sought.push_back(Sought { since, sensor, observation });
    }

    /// Looks whether a switch shows by now where those are who are sought.
    pub(super) fn look_for_sought(&mut self) {
        let now = self.clock.now();
        let plan = Arc::clone(&self.snapshot.plan);
        for _ in 0..self.sensors.sought.len().min(SOUGHT_AT_ONCE) {
            let Some(sought) = self.sensors.sought.pop_front() else { return };
            let Sought { since, sensor, observation } = &sought;
            let mac = Mac::parse(&observation.subject).ok();
            let environment = self.environment(&plan, mac, observation.vlan);
            let (step, place) = self.respond(now.wall, &plan, sensor, observation, environment);
            if step != Step::NowhereKnown {
                self.time_action(now.wall, observation, step);
                let named = environment.and_then(|index| plan.environment(index));
                let environment = named.map_or_else(|| "-".to_owned(), |it| it.id.clone());
                self.tell_located(now.wall, sensor, observation, (step, place, environment));
            } else if now.monotonic.saturating_sub(*since) < SOUGHT_FOR {
                self.sensors.sought.push_back(sought);
            }
        }
    }

    fn tell_located(
        &self,
        now: Timestamp,
        sensor: &str,
        observation: &Observation,
        (step, place, environment): (Step, String, String),
    ) {
        let language = self.log.language();
        let text = observation.text(language).unwrap_or_else(|| observation.kind.clone());
        let signs: Vec<_> = observation.signs.iter().map(|sign| sign.text(language)).collect();
        let facts = [
            ("kind", escape(observation.kind.as_bytes())),
            ("text", escape(text.as_bytes())),
            ("subject", escape(observation.subject.as_bytes())),
            ("mac", escape(observation.subject.as_bytes())),
            ("sensor", sensor.to_owned()),
            ("sequence", observation.sequence.to_string()),
            ("signs", escape(signs.join("; ").as_bytes())),
            ("environment", environment),
            ("place", place),
            ("action", step.id().to_owned()),
        ];
        self.log.event(now, log::Event::SensorLocated, &facts);
    }
}

/// On what kind of place a session is.
fn kind_of(plan: &Plan, key: &Key) -> Where {
    let Point::Port(name) = &key.point else { return Where::Wireless };
    let port = plan
        .switch_by_id(&key.switch)
        .and_then(|switch| plan.port(switch, plan.port_by_name(switch, name)?));
    match port.map(|port| &port.role) {
        Some(PortRole::Auth { .. }) => Where::Access,
        Some(_) | None => Where::Uplink,
    }
}

/// The gravest thing that stands against a device or its port, and since when.
fn standing(
    marks: &[Mark],
    mac: Mac,
    device: &MarkSubject,
    port: Option<&MarkSubject>,
) -> Option<(Rung, Timestamp)> {
    let concerned = |mark: &&Mark| {
        mark.subject == MarkSubject::Mac(mac)
            || mark.subject == *device
            || Some(&mark.subject) == port
    };
    let rung = |mark: &Mark| match mark.kind {
        MarkKind::Quarantine => Rung::Quarantine,
        MarkKind::Refuse => Rung::PortDown,
    };
    marks.iter().filter(concerned).map(|mark| (rung(mark), mark.since)).max_by_key(|it| it.0)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::plan::compile;
    use crate::plan::tests::{NOW, shipped};

    fn key(port: &str, mac: Mac) -> Key {
        Key { switch: "hon-sw01".into(), point: Point::Port(port.into()), mac }
    }

    #[test]
    fn a_session_is_not_accused_of_frames_from_a_port_that_let_nobody_in() {
        let (plan, mac) = (compile(&shipped(), NOW).plan.unwrap(), Mac::LEAST);
        let mut sensors = Sensors::default();
        let there = key("GigabitEthernet1/0/1", mac);
        sensors.live.insert(mac, vec![(there.clone(), "B".into())]);
        let vlan = plan.environments.iter().find_map(|it| it.vlans.first()).unwrap().id.get();
        for (vlan, found) in [(None, true), (Some(vlan), true), (Some(4094), false)] {
            let session = sensors.session(&plan, mac, vlan);
            assert_eq!(session.as_ref(), Some(&there).filter(|_| found), "{vlan:?}");
        }
        assert_eq!(sensors.session_at("hon-sw01", "GigabitEthernet1/0/1"), Some(there));
        assert_eq!(sensors.session_at("hon-sw01", "GigabitEthernet1/0/2"), None);
        assert_eq!(sensors.session_at("hon-sw02", "GigabitEthernet1/0/1"), None);
    }
}
