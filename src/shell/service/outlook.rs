//! What the service shows of itself: metrics, health, and when certificates end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::Input;
use crate::alert::End;
use crate::plan::{Credentials, Plan};
use crate::shell::log::{self, Log};
use crate::shell::metrics::Metrics;
use crate::shell::workers::{Report, Trouble};
use crate::shell::{clock, http};
use crate::vocabulary::{AlertKind, Timestamp};

/// When certificates and lists end, for the metrics.
#[derive(Default)]
pub(super) struct Ends {
    /// Role, name, end.
    certificates: Vec<(&'static str, String, Timestamp)>,
    /// Authority, next update.
    lists: Vec<(String, Timestamp)>,
}

impl Ends {
    pub(super) fn of(plan: &Plan, credentials: &Credentials) -> Self {
        let mut ends = Self::default();
        let server = plan.server.eap.server_name.clone();
        ends.certificates.push(("server", server, credentials.server_end));
        for material in &credentials.authorities {
            let id = plan.authority(material.index).map(|authority| authority.id.clone());
            let id = id.unwrap_or_default();
            // While an authority is renewed the longest-lived of its certificates counts.
            if let Some(end) = material.ends.iter().max() {
                ends.certificates.push(("authority", id.clone(), *end));
            }
            if let Some(next) = material.crl_next_update {
                ends.lists.push((id, next));
            }
        }
        ends
    }

    /// The same for alerts.
    pub(super) fn watched(&self) -> Vec<End> {
        let certificates = self.certificates.iter().map(|(role, name, at)| End {
            kind: AlertKind::CertificateExpiring,
            role,
            name: name.clone(),
            at: *at,
        });
        let lists = self.lists.iter().map(|(name, at)| End {
            kind: AlertKind::ListExpiring,
            role: "crl",
            name: name.clone(),
            at: *at,
        });
        certificates.chain(lists).collect()
    }

    fn show(&self, metrics: &Metrics, now: Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "spans of time need no more than 52 bits")]
        let seconds = |end: &Timestamp| now.seconds_until(*end) as f64;
        metrics.certificate_expiry_days.reset();
        for (role, name, end) in &self.certificates {
            let gauge = metrics.certificate_expiry_days.with_label_values(&[*role, name.as_str()]);
            gauge.set(seconds(end) / 86_400.0);
        }
        metrics.crl_next_update_seconds.reset();
        for (authority, next) in &self.lists {
            let gauge = metrics.crl_next_update_seconds.with_label_values(&[authority.as_str()]);
            gauge.set(seconds(next));
        }
    }
}

/// Where receivers and workers report what happens to them.
pub(super) fn report(log: &Log, metrics: &Arc<Metrics>, sender: &Sender<Input>) -> Report {
    let (log, metrics, sender) = (log.clone(), Arc::clone(metrics), sender.clone());
    Arc::new(move |trouble| match trouble {
        Trouble::QueueFull => metrics.lost.with_label_values(&["queue"]).inc(),
        Trouble::Send { .. } => metrics.lost.with_label_values(&["send"]).inc(),
        Trouble::Receive { local, cause } => {
            metrics.lost.with_label_values(&["receive"]).inc();
            let facts = [("address", local.to_string()), ("cause", cause)];
            log.event(clock::now(), log::Event::SocketFailed, &facts);
        }
        Trouble::WorkerGone(number) => {
            let _ = sender.send(Input::WorkerGone(number)); // OK because it is stopping anyway
        }
    })
}

/// `/metrics` and `/health`.
pub(super) fn pages(
    metrics: &Arc<Metrics>,
    log: &Log,
    ends: &Arc<Mutex<Ends>>,
    healthy: &Arc<AtomicBool>,
) -> http::Pages {
    let (metrics, log) = (Arc::clone(metrics), log.clone());
    let (ends, healthy) = (Arc::clone(ends), Arc::clone(healthy));
    Arc::new(move |path| match path {
        "/metrics" => {
            let now = clock::now();
            ends.lock().unwrap_or_else(PoisonError::into_inner).show(&metrics, now);
            metrics.log_lines_missing.set(i64::try_from(log.missing()).unwrap_or(i64::MAX));
            let media_type = "text/plain; version=0.0.4; charset=utf-8";
            Some(http::Page { status: http::Status::Ok, media_type, body: metrics.render() })
        }
        "/health" => {
            let sound = healthy.load(Ordering::Relaxed);
            let status = if sound { http::Status::Ok } else { http::Status::Unavailable };
            let generation = metrics.plan_generation.get();
            let body = json!({ "healthy": sound, "generation": generation }).to_string();
            let media_type = "application/json";
            Some(http::Page { status, media_type, body: body.into_bytes() })
        }
        _ => None,
    })
}
