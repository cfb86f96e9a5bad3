//! The rate limit: the first of a kind and subject at once, the rest of a window as one summary.
//!
//! Nothing is dropped. What is held back is counted where it was held, and each alert stands for
//! `1 + more` occurrences, so that the sum over what comes out is the sum over what went in.

use std::collections::HashMap;
use std::time::Duration;

use super::Alert;
use crate::vocabulary::AlertKind;

/// Alerts of one kind that are sent one by one in a window; further subjects are summed up.
pub const PER_KIND_MAX: u32 = 20;
/// Windows of subjects open at once; further subjects are summed up by their kind.
const SUBJECTS_MAX: usize = 4096;

/// Alerts held back.
#[derive(Debug, Default)]
struct Held {
    count: u64,
    last: Option<Alert>,
}

impl Held {
    fn add(&mut self, mut alert: Alert) {
        self.count += 1 + alert.more;
        if let Some(before) = self.last.take() {
            alert.environments.extend(before.environments);
            alert.severity = alert.severity.max(before.severity);
        }
        self.last = Some(alert);
    }

    /// The summary, where there is something to sum up.
    fn take(&mut self) -> Option<Alert> {
        let mut last = self.last.take()?;
        last.more = std::mem::take(&mut self.count).saturating_sub(1);
        Some(last)
    }
}

#[derive(Debug)]
struct Window {
    until: Duration,
    sent: u32,
    held: Held,
}

impl Window {
    fn new(until: Duration) -> Self {
        Self { until, sent: 0, held: Held::default() }
    }
}

/// See the head of the file. Times are monotonic.
#[derive(Debug)]
pub(super) struct Limiter {
    window: Duration,
    subjects: HashMap<(AlertKind, String), Window>,
    kinds: HashMap<AlertKind, Window>,
    out: Vec<Alert>,
}

impl Limiter {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, subjects: HashMap::new(), kinds: HashMap::new(), out: Vec::new() }
    }

    /// Later windows are so long.
    pub(super) fn set_window(&mut self, window: Duration) {
        self.window = window;
    }

    pub(super) fn raise(&mut self, now: Duration, alert: Alert) {
        let window = alert.kind.own_window().unwrap_or(self.window);
        if window.is_zero() {
            self.out.push(alert);
            return;
        }
        let name = (alert.kind, alert.subject.clone());
        if let Some(open) = self.subjects.get_mut(&name) {
            if now < open.until {
                open.held.add(alert);
                return;
            }
            self.out.extend(open.held.take());
            self.subjects.remove(&name);
        }
        let until = now.saturating_add(self.window);
        let kind = self.kinds.entry(alert.kind).or_insert_with(|| Window::new(until));
        if kind.until <= now {
            self.out.extend(kind.held.take());
            *kind = Window::new(until);
        }
        if kind.sent >= PER_KIND_MAX || self.subjects.len() >= SUBJECTS_MAX {
            kind.held.add(alert);
            return;
        }
        kind.sent += 1;
        self.subjects.insert(name, Window::new(now.saturating_add(window)));
        self.out.push(alert);
    }

    /// Sums up the windows that are over. One in which something was held back goes on, since
    /// what goes on for longer than a window is not news each time.
    pub(super) fn expire(&mut self, now: Duration) {
        let (out, window) = (&mut self.out, self.window);
        self.subjects.retain(|(kind, _), open| {
            if now < open.until {
                return true;
            }
            let summary = open.held.take();
            open.until = now.saturating_add(kind.own_window().unwrap_or(window));
            let goes_on = summary.is_some();
            out.extend(summary);
            goes_on
        });
        self.kinds.retain(|_, open| {
            if now < open.until {
                return true;
            }
            out.extend(open.held.take());
            false
        });
    }

    /// Sums up everything that is held back: the end.
    pub(super) fn flush(&mut self) {
        let windows = self.subjects.values_mut().chain(self.kinds.values_mut());
        self.out.extend(windows.filter_map(|open| open.held.take()));
    }

    /// When the next window is over.
    pub(super) fn next(&self) -> Option<Duration> {
        self.subjects.values().chain(self.kinds.values()).map(|open| open.until).min()
    }

    /// What may be sent now.
    pub(super) fn take(&mut self) -> Vec<Alert> {
        std::mem::take(&mut self.out)
    }
}
