//! What is told of views: events, metrics, and how switches stand for operators.

use serde_json::{Value, json};

use super::target::Target;
use super::{Running, STANDING_EVERY};
use crate::plan::{Area, PortRole};
use crate::shell::log::Event;
use crate::shell::metrics::epoch;
use crate::survey::{Change, Fault, Interface, Neighbour, Rule, Station, Verdict, View};
use crate::vocabulary::{Mac, Moment, hex};

/// Stations, neighbours and ports of one switch that an operator is shown.
const SHOWN_MAX: usize = 10_000;

impl Running {
    pub(super) fn tell_change(&self, now: Moment, change: &Change) {
        let (verdict, over) = match change {
            Change::Found(verdict) => (verdict, false),
            Change::Over(verdict) => (verdict, true),
        };
        let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let mut facts = vec![
            ("rule", verdict.rule.id().to_owned()),
            ("switch", verdict.switch.clone()),
            ("place", self.place(verdict)),
        ];
        let subject = verdict.subject.clone();
        if over {
            facts.push(("subject", subject));
            return self.surroundings.log.event(now.wall, Event::SurveyOver, &facts);
        }
        let vlan = verdict.vlan.map_or_else(|| "-".to_owned(), |vlan| vlan.get().to_string());
        let event = match verdict.rule {
            Rule::Stranger => {
                facts.extend([("mac", subject), ("vlan", vlan), ("asset", self.asset(verdict))]);
                Event::SurveyStranger
            }
            Rule::TwoPlaces => {
                let other = verdict.other.clone();
                facts.extend([("mac", subject), ("vlan", vlan), ("other", other)]);
                facts.push(("asset", self.asset(verdict)));
                Event::SurveyTwoPlaces
            }
            Rule::Neighbour => {
                facts.extend([("neighbour", subject), ("expected", or_dash(&verdict.other))]);
                Event::SurveyNeighbour
            }
        };
        self.surroundings.log.event(now.wall, event, &facts);
    }

    fn place(&self, verdict: &Verdict) -> String {
        let switch = self.plan.switch_by_id(&verdict.switch);
        let area = switch.and_then(|switch| {
            Some(Area::Port(switch, self.plan.port_by_name(switch, &verdict.port)?))
        });
        // A plan that has changed meanwhile may know it no more.
        let written = || format!("{}:{}", verdict.switch, verdict.port);
        area.map_or_else(written, |area| self.plan.area_name(&area))
    }

    /// The registered device of the address, where it is one's.
    fn asset(&self, verdict: &Verdict) -> String {
        let device = Mac::parse(&verdict.subject).ok().and_then(|mac| self.plan.device_by_mac(mac));
        let device = device.and_then(|index| self.plan.device(index));
        device.map_or_else(|| "-".to_owned(), |device| device.asset.clone())
    }

    pub(super) fn failed(&mut self, now: Moment, place: usize, fault: Option<Fault>) {
        let Some(target) = self.targets.get_mut(place) else { return };
        let fault_id = fault.map_or("sessions", Fault::id);
        let tell = target.has_failed(now, fault);
        let labels = [target.id.as_str(), fault_id];
        self.surroundings.metrics.snmp_errors.with_label_values(&labels).inc();
        if tell {
            // Not as `switch`: nothing was heard of it.
            let id = target.id.clone();
            let facts = [("name", id.clone()), ("fault", fault_id.to_owned())];
            self.surroundings.log.event(now.wall, Event::SurveyUnread, &facts);
            self.tell_all_left(now, &id, fault_id);
        }
    }

    pub(super) fn tell_back(&self, now: Moment, switch: &str) {
        let facts = [("switch", switch.to_owned())];
        self.surroundings.log.event(now.wall, Event::SurveyRead, &facts);
    }

    /// Shows ages, and puts on record now and then how far the rules were looked at: silence
    /// must not read as good news.
    pub(super) fn show(&mut self, now: Moment) {
        for place in 0..self.targets.len() {
            self.show_target(place);
        }
        self.show_rules();
        let (fresh, stale) = self.reading(now);
        for (state, switches) in [("fresh", fresh), ("stale", stale)] {
            let switches = i64::try_from(switches).unwrap_or(i64::MAX);
            self.surroundings.metrics.snmp_switches.with_label_values(&[state]).set(switches);
        }
        let count = |rule| self.judge.verdicts().filter(|it| it.rule == rule).count();
        let read = self.targets.iter().any(|target| target.story.done > 0);
        if read && self.standing_at <= now.monotonic {
            self.standing_at = now.monotonic + STANDING_EVERY;
            let facts = [
                ("fresh", fresh.to_string()),
                ("stale", stale.to_string()),
                ("r17", count(Rule::Stranger).to_string()),
                ("r18", count(Rule::TwoPlaces).to_string()),
                ("r19", count(Rule::Neighbour).to_string()),
            ];
            let event = if stale == 0 { Event::SurveyWhole } else { Event::SurveyPart };
            self.surroundings.log.event(now.wall, event, &facts);
        }
    }

    pub(super) fn show_rules(&self) {
        for rule in Rule::ALL {
            let found = self.judge.verdicts().filter(|it| it.rule == rule).count();
            let found = i64::try_from(found).unwrap_or(i64::MAX);
            self.surroundings.metrics.rule_violations.with_label_values(&[rule.id()]).set(found);
        }
    }

    /// How many switches with edge ports were seen lately, and how many not: those that are never
    /// asked count as not seen.
    fn reading(&self, now: Moment) -> (usize, usize) {
        let edge = |role: &PortRole| !matches!(role, PortRole::Trunk { .. });
        let switches = self.plan.switches.iter();
        let switches = switches.filter(|it| it.ports.iter().any(|port| edge(&port.role)));
        let period = self.plan.server.survey.sweep;
        let reading = self.judge.reading(now, period, switches.map(|it| it.id.as_str()));
        (reading.fresh, reading.stale)
    }

    pub(super) fn show_target(&self, place: usize) {
        let Some(target) = self.targets.get(place) else { return };
        let Some((_, at)) = self.judge.view(&target.id) else { return };
        let metrics = &self.surroundings.metrics;
        metrics.snmp_sweep.with_label_values(&[&target.id]).set(epoch(at.wall));
        let of = |it: &&Verdict| it.rule == Rule::Stranger && it.switch == target.id;
        let strangers = i64::try_from(self.judge.verdicts().filter(of).count()).unwrap_or(i64::MAX);
        metrics.fdb_minus_sessions.with_label_values(&[&target.id]).set(strangers);
    }

    pub(super) fn forget_metrics(&self, switch: &str) {
        // OK because what was never shown need not be forgotten.
        let _ = self.surroundings.metrics.snmp_sweep.remove_label_values(&[switch]);
        let _ = self.surroundings.metrics.fdb_minus_sessions.remove_label_values(&[switch]);
    }

    /// One switch whole, or every switch in a line; `None` for one that the plan does not have.
    pub(super) fn status(&self, now: Moment, switch: Option<&str>) -> Option<Value> {
        let one = |id: &str| {
            let target = self.targets.iter().find(|target| target.id == id);
            self.standing(now, id, target)
        };
        match switch {
            None => {
                let list: Vec<Value> = self.plan.switches.iter().map(|it| one(&it.id)).collect();
                let (fresh, stale) = self.reading(now);
                let traps = self.traps.as_ref().and_then(|it| it.local_addr().ok());
                let traps = traps.map(|address| address.to_string());
                let engine = hex(self.listener.engine());
                Some(json!({
                    "switches": list,
                    "fresh": fresh,
                    "stale": stale,
                    "traps": traps,
                    "engine": engine,
                }))
            }
            Some(id) => {
                self.plan.switch_by_id(id)?;
                let mut standing = one(id);
                if let (Value::Object(fields), Some((view, _))) =
                    (&mut standing, self.judge.view(id))
                {
                    fields.extend(view_json(view));
                    let found = self.judge.verdicts().filter(|it| it.switch == id);
                    fields.insert("findings".to_owned(), found.map(verdict_json).collect());
                }
                Some(standing)
            }
        }
    }

    fn standing(&self, now: Moment, id: &str, target: Option<&Target>) -> Value {
        let seen = self.judge.view(id);
        let age = seen.map(|(_, at)| now.monotonic.saturating_sub(at.monotonic));
        let period = self.plan.server.survey.sweep;
        let state = match (target, age) {
            (None, _) => "unasked",
            (Some(_), None) => "unread",
            (Some(_), Some(age)) if age <= period * crate::survey::STALE_PERIODS => "fresh",
            (Some(_), Some(_)) => "stale",
        };
        let story = target.map(|target| target.story.clone()).unwrap_or_default();
        let of =
            |rule| self.judge.verdicts().filter(|it| it.switch == id && it.rule == rule).count();
        json!({
            "switch": id,
            "state": state,
            "address": target.map(|target| target.address.to_string()),
            "age_s": age.map(|age| age.as_secs()),
            "sweeps": story.done,
            "failures": story.failed,
            "took_ms": u64::try_from(story.took.as_millis()).unwrap_or(u64::MAX),
            "requests": story.requests,
            "fault": story.fault.map(Fault::id),
            "stations": seen.map(|(view, _)| view.stations.len()),
            "r17": of(Rule::Stranger),
            "r18": of(Rule::TwoPlaces),
            "r19": of(Rule::Neighbour),
        })
    }
}

fn view_json(view: &View) -> serde_json::Map<String, Value> {
    let station = |it: &Station| {
        let vlan = it.vlan.map(|vlan| vlan.get());
        json!({ "port": it.port, "mac": it.mac.to_string(), "vlan": vlan })
    };
    let neighbour = |it: &Neighbour| {
        json!({
            "port": it.port,
            "system": it.system,
            "chassis": it.chassis,
            "remote_port": it.remote_port,
            "bridge": it.bridge,
            "router": it.router,
            "access_point": it.access_point,
            "telephone": it.telephone,
        })
    };
    let port = |(name, it): (&String, &Interface)| {
        json!({
            "port": name,
            "enabled": it.enabled,
            "up": it.up,
            "spanning_tree": it.spanning_tree.map(|state| state.id()),
            "authorised": it.authorised,
        })
    };
    let fields = [
        ("system", json!(view.system)),
        ("unplaced", json!(view.unplaced)),
        ("table", view.stations.iter().take(SHOWN_MAX).map(station).collect()),
        ("neighbours", view.neighbours.iter().take(SHOWN_MAX).map(neighbour).collect()),
        ("ports", view.interfaces.iter().take(SHOWN_MAX).map(port).collect()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn verdict_json(verdict: &Verdict) -> Value {
    json!({
        "rule": verdict.rule.id(),
        "port": verdict.port,
        "subject": verdict.subject,
        "vlan": verdict.vlan.map(|vlan| vlan.get()),
        "other": verdict.other,
    })
}
