//! What is counted, in the text format of Prometheus.
//!
//! Labels are bounded: switches of the plan, ids of enums, roles of files. Never a MAC, a user,
//! a serial number or anything else that a peer can invent; an unknown source is `unknown`.

use prometheus::{
    Encoder as _, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use super::{Failure, FailureKind};

/// The client label of a source that the plan does not know.
pub const CLIENT_UNKNOWN: &str = "unknown";

/// Latency buckets in seconds: a MAB answer takes microseconds here, a handshake milliseconds,
/// a conversation with a slow device seconds.
const SECONDS_BUCKETS: [f64; 12] =
    [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];
/// Buckets of round trips in a conversation.
const ROUNDS_BUCKETS: [f64; 9] = [1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 20.0, 40.0, 100.0];

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Datagrams received, by client and kind.
    pub requests: IntCounterVec,
    /// Replies made, by client, method, result and reason: the decision's own for an Accept or
    /// Reject, empty for others.
    pub replies: IntCounterVec,
    /// Datagrams not answered, by client and reason.
    pub ignored: IntCounterVec,
    /// Time from the first request to the decision, by method and result.
    pub auth_seconds: HistogramVec,
    /// Round trips of EAP conversations.
    pub eap_rounds: Histogram,
    /// Open EAP conversations, by worker.
    pub conversations: prometheus::IntGaugeVec,
    /// TLS sessions resumed, after authorisation anew.
    pub resumptions: IntCounter,
    /// Duplicates answered with the same octets.
    pub duplicates: IntCounter,
    /// Days until certificates end, by role and name.
    pub certificate_expiry_days: GaugeVec,
    /// Seconds until the next CRL is due, by authority.
    pub crl_next_update_seconds: GaugeVec,
    /// Generation of the plan in service.
    pub plan_generation: IntGauge,
    /// 1 when the last reload was accepted, else 0.
    pub reload_success: IntGauge,
    /// When a reload was last tried, seconds since the epoch.
    pub reload_timestamp_seconds: Gauge,
    /// Requests that lacked Message-Authenticator, by client.
    pub message_authenticator_missing: IntCounterVec,
    /// Log lines that did not fit.
    pub log_lines_missing: IntGauge,
    /// Datagrams lost between socket and worker, by where.
    pub lost: IntCounterVec,
    /// Answers of switches to CoA and Disconnect, by switch, kind and result.
    pub coa: IntCounterVec,
    /// Live sessions, by whether they are attached, being changed, or held for a person.
    pub sessions: prometheus::IntGaugeVec,
    /// Age of the newest view of a switch's tables, by switch.
    pub snmp_sweep_age: GaugeVec,
    /// Sweeps in vain, by switch and fault.
    pub snmp_errors: IntCounterVec,
    /// Traps and informs, by switch and what they are about or why they had no effect.
    pub snmp_traps: IntCounterVec,
    /// SNMP messages without effect, by switch and reason.
    pub snmp_ignored: IntCounterVec,
    /// Addresses at edge ports without a session, by switch.
    pub fdb_minus_sessions: prometheus::IntGaugeVec,
    /// What breaks the rules that switches' tables show, by rule.
    pub rule_violations: prometheus::IntGaugeVec,
    /// Conversations thrown out because the table or the port was full.
    pub evictions: IntCounter,
    /// Accounts received, by client, kind and what became of them.
    pub accounts: IntCounterVec,
    /// Sessions that accounts say are open, by environment.
    pub accounted_sessions: prometheus::IntGaugeVec,
    /// Number of the newest record of evidence.
    pub evidence_head: IntGauge,
    /// 1 while the evidence store takes records, else 0.
    pub evidence_healthy: IntGauge,
    /// Records waiting on the spool.
    pub evidence_spooled: IntGauge,
    /// Failures of the evidence store.
    pub evidence_errors: IntCounter,
    /// Records that fitted nowhere.
    pub evidence_lost: IntCounter,
    /// Age of the oldest record still kept.
    pub evidence_oldest_seconds: Gauge,
    /// What was alerted, by kind; what was summed up counts one by one.
    pub alerts: IntCounterVec,
    /// Messages of other products' consoles, by what became of them.
    pub detections: IntCounterVec,
    /// Deliveries of alerts, by receiver and result.
    pub alert_deliveries: IntCounterVec,
    /// Devices that the alert's memory had to forget.
    pub alert_forgotten: IntGauge,
}

impl Metrics {
    /// A registry of its own with every metric at zero.
    ///
    /// # Errors
    /// Never in practice: names are fixed and unique, which a test shows.
    pub fn new() -> Result<Self, Failure> {
        Self::register().map_err(|cause| {
            Failure::new(FailureKind::MachineRefused).fact("cause", format!("metrics: {cause}"))
        })
    }

    /// Everything in the text exposition format.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // OK because a Vec takes every write and our families are never empty.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }

    fn register() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            prometheus::Result::Ok(counters)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let integer = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            prometheus::Result::Ok(gauge)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let gauges = GaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauges.clone()))?;
            prometheus::Result::Ok(gauges)
        };
        let conversations = prometheus::IntGaugeVec::new(
            Opts::new("sekisho_conversations", "Open EAP conversations."),
            &["worker"],
        )?;
        registry.register(Box::new(conversations.clone()))?;
        let sessions = prometheus::IntGaugeVec::new(
            Opts::new("sekisho_sessions", "Live sessions, by what is done about them."),
            &["state"],
        )?;
        registry.register(Box::new(sessions.clone()))?;
        let integers = |name: &str, help: &str, label: &str| {
            let gauges = prometheus::IntGaugeVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(gauges.clone()))?;
            prometheus::Result::Ok(gauges)
        };
        let auth_seconds = HistogramVec::new(
            HistogramOpts::new(
                "sekisho_auth_seconds",
                "Time from the first request of a conversation to the decision.",
            )
            .buckets(SECONDS_BUCKETS.to_vec()),
            &["method", "result"],
        )?;
        registry.register(Box::new(auth_seconds.clone()))?;
        let eap_rounds = Histogram::with_opts(
            HistogramOpts::new("sekisho_eap_rounds", "Round trips of an EAP conversation.")
                .buckets(ROUNDS_BUCKETS.to_vec()),
        )?;
        registry.register(Box::new(eap_rounds.clone()))?;
        let reload_timestamp_seconds = Gauge::new(
            "sekisho_reload_timestamp_seconds",
            "When a reload was last tried, in seconds since the epoch.",
        )?;
        registry.register(Box::new(reload_timestamp_seconds.clone()))?;
        let accounted_sessions = prometheus::IntGaugeVec::new(
            Opts::new("sekisho_accounted_sessions", "Sessions that accounting says are open."),
            &["environment"],
        )?;
        registry.register(Box::new(accounted_sessions.clone()))?;
        let evidence_oldest_seconds = Gauge::new(
            "sekisho_evidence_oldest_seconds",
            "Age of the oldest record of evidence still kept.",
        )?;
        registry.register(Box::new(evidence_oldest_seconds.clone()))?;
        Ok(Self {
            accounts: counters(
                "sekisho_accounts_total",
                "RADIUS accounts received.",
                &["client", "kind", "result"],
            )?,
            accounted_sessions,
            evidence_head: integer("sekisho_evidence_head", "Number of the newest record.")?,
            evidence_healthy: integer(
                "sekisho_evidence_healthy",
                "Whether the evidence store takes records.",
            )?,
            evidence_spooled: integer(
                "sekisho_evidence_spooled",
                "Records that wait on the spool for the store.",
            )?,
            evidence_errors: counter(
                "sekisho_evidence_errors_total",
                "Failures of the evidence store.",
            )?,
            evidence_lost: counter(
                "sekisho_evidence_lost_total",
                "Records of evidence that fitted nowhere.",
            )?,
            evidence_oldest_seconds,
            alerts: counters("sekisho_alerts_total", "What was alerted.", &["kind"])?,
            detections: counters(
                "sekisho_detections_total",
                "Messages of other products' consoles, by what became of them.",
                &["result"],
            )?,
            alert_deliveries: counters(
                "sekisho_alert_delivery_total",
                "Deliveries of alerts to receivers.",
                &["sink", "result"],
            )?,
            alert_forgotten: integer(
                "sekisho_alert_forgotten",
                "Devices that the memory of alerts had to forget.",
            )?,
            requests: counters(
                "sekisho_requests_total",
                "RADIUS datagrams received.",
                &["client", "kind"],
            )?,
            replies: counters(
                "sekisho_replies_total",
                "RADIUS replies made.",
                &["client", "method", "result", "reason"],
            )?,
            ignored: counters(
                "sekisho_ignored_total",
                "RADIUS datagrams not answered.",
                &["client", "reason"],
            )?,
            auth_seconds,
            eap_rounds,
            conversations,
            resumptions: counter("sekisho_resumptions_total", "TLS sessions resumed.")?,
            duplicates: counter("sekisho_duplicates_total", "Duplicates answered alike.")?,
            certificate_expiry_days: gauges(
                "sekisho_certificate_expiry_days",
                "Days until a certificate ends; negative afterwards.",
                &["role", "name"],
            )?,
            crl_next_update_seconds: gauges(
                "sekisho_crl_next_update_seconds",
                "Seconds until the next CRL is due; negative when it is stale.",
                &["authority"],
            )?,
            plan_generation: integer("sekisho_plan_generation", "Generation of the plan.")?,
            reload_success: integer("sekisho_reload_success", "Whether the last reload worked.")?,
            reload_timestamp_seconds,
            message_authenticator_missing: counters(
                "sekisho_message_authenticator_missing_total",
                "Requests without Message-Authenticator.",
                &["client"],
            )?,
            log_lines_missing: integer(
                "sekisho_log_lines_missing",
                "Log lines that did not fit and are not reported yet.",
            )?,
            lost: counters(
                "sekisho_datagrams_lost_total",
                "Datagrams lost inside this machine.",
                &["where"],
            )?,
            coa: counters(
                "sekisho_coa_total",
                "Requests to switches to end or renew a session (RFC 5176).",
                &["switch", "kind", "result"],
            )?,
            sessions,
            snmp_sweep_age: gauges(
                "sekisho_snmp_sweep_age_seconds",
                "Age of the newest view of a switch's tables.",
                &["switch"],
            )?,
            snmp_errors: counters(
                "sekisho_snmp_errors_total",
                "Sweeps of a switch's tables in vain.",
                &["switch", "reason"],
            )?,
            snmp_traps: counters(
                "sekisho_snmp_traps_total",
                "Traps and informs received.",
                &["switch", "result"],
            )?,
            snmp_ignored: counters(
                "sekisho_snmp_ignored_total",
                "SNMP messages without effect.",
                &["switch", "reason"],
            )?,
            fdb_minus_sessions: integers(
                "sekisho_fdb_minus_sessions",
                "Addresses at edge ports without a session.",
                "switch",
            )?,
            rule_violations: integers(
                "sekisho_rule_violations",
                "What breaks rules R17 to R19 at present.",
                "rule",
            )?,
            evictions: counter(
                "sekisho_conversations_evicted_total",
                "EAP conversations thrown out because the table or the port was full.",
            )?,
            registry,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_registered_and_rendered() {
        let metrics = Metrics::new().unwrap();
        let replies = &metrics.replies;
        replies.with_label_values(&["hon-sw01", "mab", "accept", "policy.admitted"]).inc();
        metrics.auth_seconds.with_label_values(&["mab", "accept"]).observe(0.003);
        metrics.requests.with_label_values(&["hon-sw01", "access-request"]).inc();
        metrics.ignored.with_label_values(&[CLIENT_UNKNOWN, "unknown-client"]).inc();
        let text = String::from_utf8(metrics.render()).unwrap();
        for line in [
            "sekisho_replies_total{client=\"hon-sw01\",method=\"mab\",reason=\"policy.admitted\",result=\"accept\"} 1",
            "sekisho_requests_total{client=\"hon-sw01\",kind=\"access-request\"} 1",
            "sekisho_ignored_total{client=\"unknown\",reason=\"unknown-client\"} 1",
            "sekisho_auth_seconds_bucket{method=\"mab\",result=\"accept\",le=\"0.005\"} 1",
            "sekisho_plan_generation 0",
        ] {
            assert!(text.lines().any(|each| each == line), "{line}\n{text}");
        }
    }
}
