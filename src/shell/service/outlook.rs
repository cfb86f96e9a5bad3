//! What the service shows of itself: metrics, health, and when certificates end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use serde_json::json;

use super::Input;
use crate::access::IgnoreReason;
use crate::alert::End;
use crate::plan::{Credentials, Device, Plan};
use crate::shell::log::{self, Log};
use crate::shell::metrics::{Metrics, epoch};
use crate::shell::workers::{Report, Trouble};
use crate::shell::{clock, http};
use crate::vocabulary::{AlertKind, EnvironmentIndex, Timestamp};

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

    /// Puts them into the metrics, in place of those before.
    pub(super) fn show(&self, metrics: &Metrics) {
        metrics.certificate_expiry.reset();
        for (role, name, end) in &self.certificates {
            metrics.certificate_expiry.with_label_values(&[*role, name.as_str()]).set(epoch(*end));
        }
        metrics.crl_next_update.reset();
        for (authority, next) in &self.lists {
            metrics.crl_next_update.with_label_values(&[authority.as_str()]).set(epoch(*next));
        }
    }
}

/// Shows what a plan holds, and begins the series of each of its switches at zero, so that the
/// first event of a kind is a rise like any other.
pub(super) fn show_plan(metrics: &Metrics, plan: &Plan) {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    metrics.devices.reset();
    for (index, environment) in (0_u8..).zip(&plan.environments) {
        let here = |device: &&Device| device.environment == EnvironmentIndex(index);
        let devices = count(plan.devices.iter().filter(here).count());
        metrics.devices.with_label_values(&[&environment.id]).set(devices);
    }
    metrics.clients.reset();
    for switch in plan.switches.iter().filter(|switch| switch.is_client()) {
        let (id, site) = (switch.id.as_str(), plan.site(switch.site));
        let site = site.map_or("", |site| site.id.as_str());
        metrics.clients.with_label_values(&[id, site]).set(1);
        metrics.last_request.with_label_values(&[id]);
        metrics.message_authenticator_missing.with_label_values(&[id]);
        for reason in
            [IgnoreReason::MessageAuthenticatorMissing, IgnoreReason::MessageAuthenticatorInvalid]
        {
            metrics.ignored.with_label_values(&[id, reason.id()]);
        }
    }
}

/// The series that are known before anything happens.
pub(super) fn begin(metrics: &Metrics, node: &str, now: Timestamp) {
    metrics.build.with_label_values(&[env!("CARGO_PKG_VERSION"), node]).set(1);
    metrics.start.set(epoch(now));
    for kind in AlertKind::ALL {
        metrics.alerts.with_label_values(&[kind.id()]);
    }
    for place in ["queue", "receive", "send", "event", "ledger"] {
        metrics.lost.with_label_values(&[place]);
    }
}

/// Where receivers and workers report what happens to them.
pub(super) fn report(log: &Log, metrics: &Arc<Metrics>, sender: &Sender<Input>) -> Report {
    let (log, metrics, sender) = (log.clone(), Arc::clone(metrics), sender.clone());
    Arc::new(move |trouble| match trouble {
        Trouble::QueueFull => metrics.lost.with_label_values(&["queue"]).inc(),
        Trouble::Repeated => metrics.repeated.inc(),
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
pub(super) fn pages(metrics: &Arc<Metrics>, log: &Log, healthy: &Arc<AtomicBool>) -> http::Pages {
    let (metrics, log) = (Arc::clone(metrics), log.clone());
    let healthy = Arc::clone(healthy);
    Arc::new(move |path| match path {
        "/metrics" => {
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
