//! What is wanted of which session: everybody decided on again, the few who differ, and how many
//! ports may change without a person.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::dialect;
use super::event::{Ending, Event, Matter, Summary};
use super::judge::{Wanted, judge, wanted};
use super::task::{State, Step, Task};
use super::{Enforcer, SWEEP_EVERY};
use crate::ledger::{Attachment, Point};
use crate::plan::EnforceMeans;
use crate::vocabulary::{MarkSubject, Moment, Timestamp};

impl Enforcer {
    /// Decides on every session again. What differs is begun, or held when it is too much.
    pub(super) fn sweep(&mut self, now: Moment, verify: bool) -> Summary {
        let all: Vec<Arc<Attachment>> = self.ledger.iter().cloned().collect();
        let mut ends: Vec<Timestamp> = self.snapshot.marks.next_end(now.wall).into_iter().collect();
        let (sessions, mut fresh) = (all.len(), Vec::new());
        for attachment in &all {
            let decision = judge(&self.snapshot, attachment, now, verify);
            ends.extend(decision.entry().and_then(|entry| entry.until));
            let wanted = wanted(&self.snapshot.plan, attachment, &decision);
            let matter = wanted.map(|wanted| Matter {
                key: attachment.key.clone(),
                environment: attachment.environment.to_string(),
                wanted,
                because: Some(decision.because),
            });
            fresh.extend(self.compare(now, attachment, matter));
        }
        // What time alone brings about is looked at when it is due.
        let next = ends.into_iter().filter(|end| now.wall < *end).min();
        let left = next.and_then(|end| u64::try_from(now.wall.seconds_until(end)).ok());
        let left = left.map_or(SWEEP_EVERY, |left| Duration::from_secs(left.saturating_add(1)));
        self.sweep_at = now.monotonic + left.min(SWEEP_EVERY);
        let changing = self.begin(now, fresh);
        self.dispatch(now);
        Summary { sessions, changing, ..self.summary() }
    }

    /// Compares what is wanted of a session with what is being done; gives it back when it is
    /// news.
    fn compare(
        &mut self,
        now: Moment,
        attachment: &Attachment,
        matter: Option<Matter>,
    ) -> Option<Matter> {
        let key = &attachment.key;
        let Some(matter) = matter else {
            let renewal = |matter: &Matter| matter.wanted == Wanted::Renewal;
            if !self.tasks.get(key).is_some_and(|task| renewal(&task.matter)) {
                self.finish(now, key, Ending::Right);
            }
            if !self.held.matters.get(key).is_some_and(|(matter, _)| renewal(matter)) {
                self.held.matters.remove(key);
            }
            return None;
        };
        if let Some(task) = self.tasks.get_mut(key) {
            if task.matter.wanted == matter.wanted || matches!(task.state, State::Asked(_)) {
                // One that is asked comes back into the state now wanted, since it is decided
                // on by this snapshot when it comes.
                task.matter = matter;
                return None;
            }
            self.tasks.remove(key);
            self.start(now, matter);
            return None;
        }
        if let Some((held, _)) = self.held.matters.get_mut(key) {
            *held = matter;
            return None;
        }
        Some(matter)
    }

    /// Begins what concerns few enough ports; holds it otherwise. Says how many were begun.
    pub(super) fn begin(&mut self, now: Moment, matters: Vec<Matter>) -> usize {
        let limit = self.snapshot.plan.server.enforce_ports_max;
        let ports = ports(&matters);
        if ports <= usize::from(limit) {
            let count = matters.len();
            for matter in matters {
                self.held.matters.remove(&matter.key);
                self.start(now, matter);
            }
            return count;
        }
        self.held.number += 1;
        let sessions = matters.len();
        for matter in matters {
            self.held.matters.insert(matter.key.clone(), (matter, now.wall));
        }
        let number = self.held.number;
        self.events.push_back(Event::Held { number, sessions, ports, limit });
        0
    }

    /// Makes a task of what is wanted.
    pub(super) fn start(&mut self, now: Moment, matter: Matter) {
        let key = matter.key.clone();
        let plan = &self.snapshot.plan;
        let index = plan.switch_by_id(&key.switch);
        let profile = index.and_then(|switch| plan.profile_of(switch));
        let (Some(index), Some(profile)) = (index, profile) else {
            // A switch that left the plan has no secret any more and can be told nothing.
            self.ledger.ended(&key, None, now.wall);
            let matter = Box::new(matter);
            self.events.push_back(Event::Failed { matter, last: None });
            return;
        };
        let Some(attachment) = self.ledger.get(&key) else { return };
        let alone = matches!(key.point, Point::Port(_)) && self.ledger.is_alone(&key);
        let mut means = dialect::means(profile, matter.wanted.is_urgent(), alone);
        means.retain(|_| dialect::is_speakable(profile, attachment));
        let secrets = self.snapshot.secrets(index).count();
        let steps: Vec<Step> = means
            .into_iter()
            .flat_map(|means| (0..secrets).map(move |secret| Step { means, secret }))
            .collect();
        if steps.is_empty() {
            let until = attachment.lasts.map(|lasts| attachment.since.plus(lasts));
            let matter = Box::new(matter.clone());
            self.events.push_back(Event::Waits { matter, until });
        }
        if let Some(old) = self.tasks.insert(key, Task::new(now, matter, steps)) {
            self.forget_question(&old);
        }
    }

    /// The port to be bounced by SNMP for a session that its switch cannot be told about: where
    /// the profile says so, and nobody else is behind it.
    #[must_use]
    pub fn bounce(&self, matter: &Matter) -> Option<&str> {
        let plan = &self.snapshot.plan;
        let switch = plan.switch_by_id(&matter.key.switch)?;
        let means = &plan.profile_of(switch)?.enforce.means;
        let Point::Port(port) = &self.ledger.get(&matter.key)?.key.point else { return None };
        let may = means.contains(&EnforceMeans::SnmpPortBounce);
        (may && self.ledger.is_alone(&matter.key)).then_some(port.as_str())
    }

    /// What was wanted before, as it is wanted now; `None` when it no longer is.
    pub(super) fn still(&self, now: Moment, matter: Matter) -> Option<Matter> {
        let attachment = self.ledger.get(&matter.key)?;
        if matter.wanted == Wanted::Renewal {
            return Some(matter);
        }
        let decision = judge(&self.snapshot, attachment, now, true);
        let wanted = wanted(&self.snapshot.plan, attachment, &decision)?;
        Some(Matter { wanted, because: Some(decision.because), ..matter })
    }

    /// The sessions of a device or port, to be renewed. A device has all its addresses, as it
    /// has for marks.
    pub(super) fn concerned(&self, subject: &MarkSubject) -> Vec<Matter> {
        let plan = &self.snapshot.plan;
        let device = match subject {
            MarkSubject::Mac(mac) => plan.device_by_mac(*mac),
            MarkSubject::Asset(asset) => plan.device_by_asset(asset),
            MarkSubject::Port(..) => None,
        };
        let macs = device.and_then(|device| plan.device(device)).map(|device| &device.macs);
        let concerns = |attachment: &&Arc<Attachment>| {
            let key = &attachment.key;
            match subject {
                MarkSubject::Port(switch, port) => {
                    key.switch == *switch && key.point == Point::Port(port.into())
                }
                MarkSubject::Mac(mac) if key.mac == *mac => true,
                MarkSubject::Mac(_) | MarkSubject::Asset(_) => {
                    macs.is_some_and(|macs| macs.contains(&key.mac))
                }
            }
        };
        let renewal = |attachment: &Arc<Attachment>| Matter {
            key: attachment.key.clone(),
            environment: attachment.environment.to_string(),
            wanted: Wanted::Renewal,
            because: None,
        };
        self.ledger.iter().filter(concerns).map(renewal).collect()
    }
}

/// How many ports are concerned; in the air each device counts as one.
fn ports(matters: &[Matter]) -> usize {
    let mut wired = HashSet::new();
    let mut wireless = 0;
    for matter in matters {
        match &matter.key.point {
            Point::Port(port) => {
                wired.insert((&matter.key.switch, port));
            }
            Point::Network(_) => wireless += 1,
        }
    }
    wired.len() + wireless
}
