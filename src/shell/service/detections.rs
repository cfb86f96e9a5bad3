//! What other products found: their word puts a mark on a device, within bounds.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::Service;
use super::operators::{mark_subject, subject_text};
use crate::plan::Plan;
use crate::record::{Field, Pattern, Query, Span, Store as _};
use crate::shell::detection::Detection;
use crate::shell::evidence::{EVIDENCE_FILE, Sqlite};
use crate::shell::{Failure, FailureKind, log};
use crate::vocabulary::{Mac, MarkSubject, Moment, Timestamp, escape};

/// Lines about detections that were not acted on, within one window; the rest is counted.
const HELD_LINES_MAX: usize = 100;
/// Octets of a message that are kept as evidence.
const LINE_OCTETS_MAX: usize = 1000;
/// Open sessions of one address that are looked at.
const SESSIONS_MAX: usize = 16;

/// What was done lately.
#[derive(Debug, Default)]
pub(super) struct Lately {
    marked: VecDeque<Duration>,
    held: VecDeque<Duration>,
    /// Held ones that were not told of.
    more: u64,
}

fn within(times: &mut VecDeque<Duration>, now: Duration, window: Duration) -> usize {
    while times.front().is_some_and(|at| now.saturating_sub(*at) > window) {
        times.pop_front();
    }
    times.len()
}

impl Service {
    /// Marks the device that a message names. Gives what became of it, for the metrics.
    pub(super) fn detected(&mut self, now: Moment, detection: &Detection) -> &'static str {
        let plan = &self.snapshot.plan;
        let rule = plan.detections.rules.iter().find(|rule| rule.id == detection.rule);
        let Some(rule) = rule.filter(|rule| rule.enabled).cloned() else { return "other" };
        let (limit, window) = (plan.detections.marks_max, plan.detections.window);
        let by = format!("detection {} ({})", rule.id, detection.source);
        let subject = match self.named(&detection.named) {
            Ok(subject) => subject,
            Err(failure) => return self.held(now, window, detection, &failure),
        };
        if let Some(allowed) = &rule.environments
            && let Some(own) = environment(&self.snapshot.plan, &subject)
            && !allowed.contains(&own)
        {
            let failure = Failure::new(FailureKind::DetectionForeign).fact("environment", own);
            return self.held(now, window, detection, &failure);
        }
        let marks = match self.store().and_then(|store| store.marks(now.wall)) {
            Ok(marks) => marks,
            Err(failure) => return self.held(now, window, detection, &failure),
        };
        let alike = |kind, own: &MarkSubject| kind == rule.kind && *own == subject;
        if marks.iter().any(|mark| alike(mark.kind, &mark.subject)) {
            return "repeated";
        }
        if within(&mut self.lately.marked, now.monotonic, window) >= limit {
            let failure = Failure::new(FailureKind::DetectionLimit).fact("limit", limit);
            return self.held(now, window, detection, &failure);
        }
        let until = rule.lasts.map(|lasts| {
            let lasts = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
            Timestamp(now.wall.0.saturating_add(lasts))
        });
        match self.mark(now.wall, subject.clone(), rule.kind, &rule.reason, until, &by) {
            Ok(mark) => {
                self.lately.marked.push_back(now.monotonic);
                let mut facts = facts(detection);
                facts.push(("subject", subject_text(&subject)));
                facts.push(("mark", mark.id.to_string()));
                self.log.event(now.wall, log::Event::DetectionMarked, &facts);
                "marked"
            }
            Err(failure) => self.held(now, window, detection, &failure),
        }
    }

    /// Nothing was done, and somebody must know.
    fn held(
        &mut self,
        now: Moment,
        window: Duration,
        detection: &Detection,
        failure: &Failure,
    ) -> &'static str {
        if within(&mut self.lately.held, now.monotonic, window) >= HELD_LINES_MAX {
            self.lately.more += 1;
            return "held";
        }
        self.lately.held.push_back(now.monotonic);
        let mut facts = facts(detection);
        facts.push(("cause", failure.message(self.snapshot.plan.server.language)));
        facts.push(("more", std::mem::take(&mut self.lately.more).to_string()));
        self.log.event(now.wall, log::Event::DetectionHeld, &facts);
        "held"
    }

    /// The device that a message names; a registered one as a whole, whichever of its addresses
    /// was meant, so that it does not come back by another way.
    fn named(&self, text: &str) -> Result<MarkSubject, Failure> {
        match self.subject(text)? {
            MarkSubject::Mac(mac) => Ok(self.whole(mac)),
            subject => Ok(subject),
        }
    }

    /// A registered device with all its addresses, or an address alone.
    fn whole(&self, mac: Mac) -> MarkSubject {
        let plan = &self.snapshot.plan;
        let device = plan.device_by_mac(mac).and_then(|index| plan.device(index));
        device.map_or(MarkSubject::Mac(mac), |it| MarkSubject::Asset(it.asset.clone()))
    }

    /// Whom an operator or a message means: what [`mark_subject`] reads, or an IP address with
    /// which a device is connected now.
    pub(super) fn subject(&self, text: &str) -> Result<MarkSubject, Failure> {
        match text.trim().parse::<IpAddr>() {
            Ok(address) => self.attached(address),
            Err(_) => mark_subject(&self.snapshot.plan, text),
        }
    }

    fn attached(&self, address: IpAddr) -> Result<MarkSubject, Failure> {
        let address = address.to_canonical().to_string();
        let unknown = |kind: FailureKind| Failure::new(kind).fact("subject", &address);
        let state = self.state.as_ref().ok_or_else(|| unknown(FailureKind::AddressUnattached))?;
        let pattern = Pattern::new(Field::Address, &address)
            .map_err(|_| unknown(FailureKind::SubjectMalformed))?;
        let query =
            Query { span: Span::ALL, fields: vec![(Field::Address, pattern)], limit: SESSIONS_MAX };
        let sessions = Sqlite::open_to_read(&state.join(EVIDENCE_FILE))
            .and_then(|store| store.sessions(&query))
            .map_err(|cause| Failure::new(FailureKind::StoreUnreadable).fact("cause", cause))?;
        let mut macs: Vec<_> = sessions
            .iter()
            .filter(|session| session.end.is_none())
            .filter_map(|session| session.mac)
            .collect();
        macs.sort_unstable();
        macs.dedup();
        match macs.as_slice() {
            [mac] => Ok(self.whole(*mac)),
            [] => Err(unknown(FailureKind::AddressUnattached)),
            _ => Err(unknown(FailureKind::SubjectAmbiguous)),
        }
    }
}

fn facts(detection: &Detection) -> Vec<(&'static str, String)> {
    let mut line = escape(detection.line.as_bytes());
    line.truncate(line.floor_char_boundary(LINE_OCTETS_MAX));
    vec![
        ("rule", detection.rule.clone()),
        ("named", escape(detection.named.as_bytes())),
        ("address", detection.source.to_string()),
        ("line", line),
    ]
}

/// The environment of a registered device.
fn environment(plan: &Plan, subject: &MarkSubject) -> Option<String> {
    let index = match subject {
        MarkSubject::Asset(asset) => plan.device_by_asset(asset)?,
        MarkSubject::Mac(mac) => plan.device_by_mac(*mac)?,
        MarkSubject::Port(..) => return None,
    };
    let environment = plan.environment(plan.device(index)?.environment)?;
    Some(environment.id.clone())
}
