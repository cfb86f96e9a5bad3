//! Accounting as the worker threads see it: every account becomes evidence, and is answered when
//! the evidence is durable.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::admission::HOLD;
use super::log::Log;
use super::metrics::{CLIENT_UNKNOWN, Metrics};
use super::service::Feed;
use super::workers::{Answer, Answerer};
use crate::access::{AccountAction, AccountAnswer, Accounting, Pending, Snapshot};
use crate::record::Account;
use crate::vocabulary::{Fact, Language, Moment};

/// Accounts that may wait to be kept; further ones are dropped, and the switch sends them again.
const PENDING_MAX: usize = 16_384;
/// How often the worker looks for accounts that were kept while any is under way.
const POLL: Duration = Duration::from_micros(500);

/// How long an account waits for the decision that it follows, which its worker hands on by then.
/// A switch begins to account as soon as it is told Yes.
const AFTER_DECISION: Duration = HOLD.saturating_add(Duration::from_millis(10));

/// An account's answer, and whether the account was kept.
type Told = (AccountAnswer, bool);

/// An [`Accounting`] with its surroundings.
pub(super) struct Accountant {
    accounting: Accounting,
    language: Language,
    log: Log,
    metrics: Arc<Metrics>,
    feed: Feed,
    /// Where the keeper tells what became of an account.
    told: Sender<Told>,
    tidings: Receiver<Told>,
    /// Accounts that wait for their decisions, and when they came.
    waiting: VecDeque<(Moment, Box<Pending>)>,
    /// Accounts under way, those among them.
    pending: usize,
    settled: Duration,
}

impl Accountant {
    pub(super) fn new(
        accounting: Accounting,
        language: Language,
        log: Log,
        metrics: Arc<Metrics>,
        feed: Feed,
    ) -> Self {
        let (told, tidings) = channel();
        Self {
            accounting,
            language,
            log,
            metrics,
            feed,
            told,
            tidings,
            waiting: VecDeque::new(),
            pending: 0,
            settled: Duration::ZERO,
        }
    }

    /// When the first account has waited long enough.
    fn due(&self) -> Option<Duration> {
        self.waiting.front().map(|(came, _)| came.monotonic + AFTER_DECISION)
    }

    fn keep_first(&mut self) {
        if let Some((came, pending)) = self.waiting.pop_front() {
            self.keep(came, *pending);
        }
    }

    fn keep_all(&mut self) {
        (0..self.waiting.len()).for_each(|_| self.keep_first());
    }

    fn keep(&mut self, came: Moment, pending: Pending) {
        let fields = self.fields(&pending);
        if let Some(change) = pending.change {
            self.feed.tell(vec![change]);
        }
        let (sender, answer) = (self.told.clone(), pending.answer);
        let kept = Box::new(move |kept| {
            let _ = sender.send((answer, kept)); // OK because a worker that is gone answers nobody
        });
        self.log.account(came.wall, pending.account.status.id(), fields, kept);
    }

    /// The account with what the plan knows of device and place. Device and section rest on the
    /// address alone, which is a claim; the decision before it says what was proven.
    fn fields(&self, pending: &Pending) -> Value {
        let plan = &self.accounting.snapshot().plan;
        let account = &pending.account;
        let mut fields = account.fields();
        let site = plan.switch(pending.switch).and_then(|switch| plan.site(switch.site));
        let device = account.mac.and_then(|mac| plan.device_by_mac(mac));
        let device = device.and_then(|index| plan.device(index));
        let mut put = |key: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                fields.insert(key.to_owned(), json!(value));
            }
        };
        put("site", site.map(|site| site.id.as_str()));
        put("asset", device.map(|device| device.asset.as_str()));
        put("host", device.map(|device| device.computer.as_str()));
        put("section", device.map(|device| &*device.section));
        put("raw_user", Some(&pending.raw_user));
        put("raw_calling", Some(&pending.raw_calling));
        put("cause_name", account.cause_name().as_deref());
        put("message", Some(&message(account, self.language)));
        Value::Object(fields)
    }

    fn count(&self, source: SocketAddr, kind: &str, result: &str) {
        let client = self.accounting.snapshot().client_id(source.ip()).unwrap_or(CLIENT_UNKNOWN);
        self.metrics.accounts.with_label_values(&[client, kind, result]).inc();
    }
}

fn message(account: &Account, language: Language) -> String {
    let mac = account.mac.map_or_else(|| "?".to_owned(), |mac| mac.to_string());
    let facts = [
        ("mac", Fact::word(mac)),
        ("switch", Fact::word(&account.switch)),
        ("place", Fact::word(&account.place)),
    ];
    account.status.text().tell(language, &facts)
}

impl Answerer for Accountant {
    type Snapshot = Snapshot;

    fn handle(
        &mut self,
        now: Moment,
        datagram: &[u8],
        source: SocketAddr,
        local: SocketAddr,
        reply: &mut Vec<u8>,
    ) -> Answer {
        if self.pending >= PENDING_MAX {
            self.count(source, "other", "full");
            return Answer::Nothing;
        }
        match self.accounting.handle(now, datagram, source, local, reply) {
            AccountAction::Reply => {
                self.count(source, "other", "again");
                Answer::Send
            }
            AccountAction::Pending(pending) => {
                self.count(source, pending.account.status.id(), "received");
                self.pending += 1;
                self.waiting.push_back((now, pending));
                Answer::Later
            }
            AccountAction::Ignore { reason } => {
                self.count(source, "other", reason.id());
                Answer::Nothing
            }
        }
    }

    fn poll_transmit(
        &mut self,
        _now: Moment,
        reply: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        while let Ok((answer, kept)) = self.tidings.try_recv() {
            self.pending = self.pending.saturating_sub(1);
            if let Some(way) = self.accounting.settled(answer, kept, reply) {
                return Some(way);
            }
        }
        None
    }

    fn poll_timeout(&self) -> Option<Duration> {
        let told = (self.pending > self.waiting.len()).then(|| self.settled + POLL);
        self.due().into_iter().chain(told).min()
    }

    fn handle_timeout(&mut self, now: Moment) {
        while self.due().is_some_and(|due| due <= now.monotonic) {
            self.keep_first();
        }
    }

    fn replace(&mut self, snapshot: Arc<Snapshot>) {
        // The new plan has other numbers.
        self.keep_all();
        self.accounting.replace(snapshot);
    }

    fn settle(&mut self, now: Moment) {
        self.settled = now.monotonic;
    }
}

impl Drop for Accountant {
    fn drop(&mut self) {
        self.keep_all();
    }
}
