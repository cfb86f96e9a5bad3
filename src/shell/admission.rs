//! One worker's admission as the worker threads see it: counts every exit and hands every event
//! on, to the log at once and to the service where something must be remembered.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use prometheus::{Gauge, Histogram, IntCounter, IntGauge};

use super::log::{self, Log};
use super::metrics::{CLIENT_UNKNOWN, Metrics, epoch};
use super::service::{Feed, Input};
use super::workers::{Answer, Answerer};
use crate::access::{
    Access, Action, Decided, DecisionRecord, Event, IgnoreReason, ReplyReason, Snapshot,
};
use crate::plan::Plan;
use crate::vocabulary::{EnvironmentIndex, Moment, Outcome, Reason, SwitchIndex};

/// Sources complained of at once; further ones are counted only.
const COMPLAINTS_MAX: usize = 1024;
/// A full table is looked through for sources to forget at most this often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Decisions are handed on this many together, or when the first has waited so long.
const BATCH: usize = 256;
pub(super) const HOLD: Duration = Duration::from_millis(20);
/// Codes of requests (RFC 2865 §3, RFC 5997 §3).
const ACCESS_REQUEST: u8 = 1;
const STATUS_SERVER: u8 = 12;
/// How long a source stays uncommented after a line about it.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// An [`Access`] with its surroundings.
pub(super) struct Admission {
    access: Access,
    log: Log,
    metrics: Arc<Metrics>,
    service: Sender<Input>,
    sessions: Feed,
    /// Conversations under way.
    open: IntGauge,
    complaints: HashMap<(IpAddr, IgnoreReason), Complaint>,
    swept: Duration,
    /// Counters found once for each generation.
    decided: HashMap<Labels, DecidedCounters>,
    received: HashMap<(Option<SwitchIndex>, Option<u8>), ReceivedCounters>,
    /// When they are handed on at the latest.
    due: Option<Duration>,
    events_lost: u64,
}

/// What decisions are counted by.
#[derive(PartialEq, Eq, Hash)]
struct Labels {
    /// An abandoned conversation may be of an earlier one, with other numbers.
    generation: u64,
    switch: SwitchIndex,
    environment: Option<EnvironmentIndex>,
    method: &'static str,
    outcome: Outcome,
    reason: Reason,
}

struct ReceivedCounters {
    requests: IntCounter,
    /// When the last one came from that switch.
    last: Option<Gauge>,
}

struct DecidedCounters {
    replies: IntCounter,
    decisions: IntCounter,
    seconds: Histogram,
}

/// When a source was last complained of, and how often it has given cause since.
struct Complaint {
    at: Duration,
    silent: u64,
}

impl Admission {
    pub(super) fn new(
        worker: u8,
        access: Access,
        log: Log,
        metrics: Arc<Metrics>,
        service: Sender<Input>,
        sessions: Feed,
    ) -> Self {
        Self {
            access,
            log,
            open: metrics.conversations.with_label_values(&[&worker.to_string()]),
            metrics,
            service,
            sessions,
            complaints: HashMap::new(),
            swept: Duration::ZERO,
            decided: HashMap::new(),
            received: HashMap::new(),
            due: None,
            events_lost: 0,
        }
    }

    /// Counts what was decided and hands it on.
    fn hand_on(&mut self) {
        self.due = None;
        let Decided { records, attached } = self.access.take_decided();
        records.iter().for_each(|record| self.count(record));
        if !records.is_empty() {
            self.log.decisions(records);
        }
        if !attached.is_empty() {
            self.sessions.decided(attached);
        }
    }

    /// One line a minute for each source and reason: a flood must not fill the log.
    fn complain(&mut self, now: Moment, source: SocketAddr, reason: IgnoreReason) {
        match reason {
            IgnoreReason::UnknownClient
            | IgnoreReason::Malformed
            | IgnoreReason::WrongCode
            | IgnoreReason::MessageAuthenticatorMissing
            | IgnoreReason::MessageAuthenticatorInvalid
            | IgnoreReason::ProxyStateUnprotected
            | IgnoreReason::Unwritable => {}
            // Happens to honest devices every day.
            IgnoreReason::Absorbed | IgnoreReason::EapDiscarded => return,
        }
        let recent = |last: &Complaint| now.monotonic.saturating_sub(last.at) < COMPLAINT_INTERVAL;
        if self.complaints.len() >= COMPLAINTS_MAX
            && now.monotonic.saturating_sub(self.swept) >= SWEEP_EVERY
        {
            self.swept = now.monotonic;
            self.complaints.retain(|_, last| recent(last));
        }
        let full = self.complaints.len() >= COMPLAINTS_MAX;
        let more = match self.complaints.get_mut(&(source.ip(), reason)) {
            Some(last) if recent(last) => {
                last.silent += 1;
                return;
            }
            Some(last) => last.silent,
            None if full => return, // OK because the counter has it
            None => 0,
        };
        self.complaints.insert((source.ip(), reason), Complaint { at: now.monotonic, silent: 0 });
        let facts = [
            ("address", source.ip().to_string()),
            ("reason", reason.id().to_owned()),
            ("more", more.to_string()),
        ];
        self.log.event(now.wall, log::Event::Complaint, &facts);
    }

    fn count(&mut self, record: &DecisionRecord) {
        let key = Labels {
            generation: record.generation,
            switch: record.place.switch,
            environment: record.entered.map(|(environment, _)| environment),
            method: record.method,
            outcome: record.outcome,
            reason: record.because.reason,
        };
        let metrics = &self.metrics;
        let counters = self.decided.entry(key).or_insert_with_key(|key| {
            let switch = record.switch();
            let environment = record.environment().unwrap_or_default();
            let result = match key.outcome {
                Outcome::Admit => ReplyReason::Accept,
                Outcome::Quarantine => ReplyReason::Quarantine,
                Outcome::Refuse => ReplyReason::Reject,
            };
            let labels = [switch, key.method, result.id(), key.reason.id()];
            DecidedCounters {
                replies: metrics.replies.with_label_values(&labels),
                decisions: metrics.decisions.with_label_values(&[
                    switch,
                    environment,
                    record.outcome.id(),
                ]),
                seconds: metrics.auth_seconds.with_label_values(&[key.method, result.id()]),
            }
        });
        counters.replies.inc();
        counters.decisions.inc();
        counters.seconds.observe(record.elapsed.as_secs_f64());
        if record.rounds > 1 {
            metrics.eap_rounds.observe(f64::from(record.rounds));
        }
        if record.resumed {
            metrics.resumptions.inc();
        }
    }

    /// Counts a request; gives the id of the switch it came from.
    fn received(&mut self, now: Moment, datagram: &[u8], source: IpAddr) -> Option<SwitchIndex> {
        let snapshot = self.access.snapshot();
        let switch = snapshot.plan.client_by_address(source);
        // Any other code is no request.
        let code =
            datagram.first().copied().filter(|code| [ACCESS_REQUEST, STATUS_SERVER].contains(code));
        let metrics = &self.metrics;
        let counters = self.received.entry((switch, code)).or_insert_with(|| {
            let client = client_label(&snapshot.plan, switch);
            let kind = match code {
                Some(ACCESS_REQUEST) => "access-request",
                Some(_) => "status-server",
                None => "other",
            };
            let last = switch.map(|_| metrics.last_request.with_label_values(&[client]));
            ReceivedCounters { requests: metrics.requests.with_label_values(&[client, kind]), last }
        });
        counters.requests.inc();
        if let Some(last) = &counters.last {
            last.set(epoch(now.wall));
        }
        switch
    }
}

/// How a source is called in metrics.
fn client_label(plan: &Plan, switch: Option<SwitchIndex>) -> &str {
    switch.and_then(|switch| plan.switch(switch)).map_or(CLIENT_UNKNOWN, |switch| &switch.id)
}

impl Answerer for Admission {
    type Snapshot = Snapshot;

    fn handle(
        &mut self,
        now: Moment,
        datagram: &[u8],
        source: SocketAddr,
        local: SocketAddr,
        reply: &mut Vec<u8>,
    ) -> Answer {
        let action = self.access.handle(now, datagram, source, local, reply);
        let switch = self.received(now, datagram, source.ip());
        let client = client_label(&self.access.snapshot().plan, switch);
        match action {
            Action::Reply { reason } => {
                match reason {
                    ReplyReason::Challenge | ReplyReason::Status => {
                        let labels = [client, "", reason.id(), ""];
                        self.metrics.replies.with_label_values(&labels).inc();
                    }
                    ReplyReason::Duplicate => self.metrics.duplicates.inc(),
                    // Counted with the decision's own reason when it is handed on.
                    ReplyReason::Accept | ReplyReason::Quarantine | ReplyReason::Reject => {}
                }
                Answer::Send
            }
            Action::Later { .. } => Answer::Later,
            Action::Ignore { reason } => {
                self.metrics.ignored.with_label_values(&[client, reason.id()]).inc();
                if reason == IgnoreReason::MessageAuthenticatorMissing {
                    self.metrics.message_authenticator_missing.with_label_values(&[client]).inc();
                }
                self.complain(now, source, reason);
                Answer::Nothing
            }
        }
    }

    fn poll_transmit(
        &mut self,
        now: Moment,
        reply: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        self.access.poll_transmit(now, reply)
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.access.poll_timeout().into_iter().chain(self.due).min()
    }

    fn handle_timeout(&mut self, now: Moment) {
        self.access.handle_timeout(now);
    }

    fn replace(&mut self, snapshot: Arc<Snapshot>) {
        // What was decided before is told before; the new plan has other numbers.
        self.hand_on();
        self.decided.clear();
        self.received.clear();
        self.access.replace(snapshot);
    }

    fn settle(&mut self, now: Moment) {
        while let Some(event) = self.access.poll_event() {
            match event {
                Event::Learned { switch } => {
                    let facts = [("switch", switch.clone())];
                    self.log.event(now.wall, log::Event::Learned, &facts);
                    // OK because a service that is gone is stopping.
                    let _ = self.service.send(Input::Learned(switch));
                }
                Event::Evicted { count, .. } => {
                    self.metrics.evictions.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
                }
            }
        }
        let waiting = self.access.decided();
        if waiting > 0 && *self.due.get_or_insert(now.monotonic + HOLD) <= now.monotonic
            || waiting >= BATCH
        {
            self.hand_on();
        }
        let gauges = self.access.gauges();
        self.open.set(i64::try_from(gauges.conversations).unwrap_or(i64::MAX));
        let lost = gauges.events_lost.saturating_sub(self.events_lost);
        if lost > 0 {
            self.events_lost = gauges.events_lost;
            self.metrics.lost.with_label_values(&["event"]).inc_by(lost);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.hand_on();
    }
}
