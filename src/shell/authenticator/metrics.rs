//! What the authenticator counts. Labels are ids of enums and names from its own file.

use prometheus::{
    Encoder as _, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::authenticator::State;
use crate::shell::{Failure, FailureKind};

/// From an order to the switch's word that it is done, in seconds.
const APPLY_SECONDS_BUCKETS: [f64; 8] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 3.0];

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// What happened, by counter.
    pub events: IntCounterVec,
    /// Changes of ports, by cause.
    pub changes: IntCounterVec,
    /// Ports now, by state.
    pub ports: IntGaugeVec,
    /// Whether the switch answers.
    pub switch_up: IntGauge,
    /// How long the switch took.
    pub apply_seconds: Histogram,
    /// Ports closed because somebody else changed them.
    pub drifts: IntCounter,
    /// Frames that did not fit into their port's queue.
    pub frames_lost: IntCounterVec,
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

    fn register() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, label: &str| {
            let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counters.clone()))?;
            prometheus::Result::Ok(counters)
        };
        let ports = IntGaugeVec::new(
            Opts::new("sekisho_authenticator_ports", "Access ports, by state."),
            &["state"],
        )?;
        registry.register(Box::new(ports.clone()))?;
        let switch_up =
            IntGauge::new("sekisho_authenticator_switch_up", "Whether the switch answers.")?;
        registry.register(Box::new(switch_up.clone()))?;
        let apply_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "sekisho_authenticator_apply_seconds",
                "From an order to the switch's word that it is done.",
            )
            .buckets(APPLY_SECONDS_BUCKETS.to_vec()),
        )?;
        registry.register(Box::new(apply_seconds.clone()))?;
        let drifts = IntCounter::new(
            "sekisho_authenticator_drifts_total",
            "Ports closed because somebody else changed them.",
        )?;
        registry.register(Box::new(drifts.clone()))?;
        Ok(Self {
            events: counters("sekisho_authenticator_events_total", "What happened.", "event")?,
            changes: counters(
                "sekisho_authenticator_changes_total",
                "Changes of ports, by cause.",
                "change",
            )?,
            ports,
            switch_up,
            apply_seconds,
            drifts,
            frames_lost: counters(
                "sekisho_authenticator_frames_lost_total",
                "Frames that did not fit into the queue of their port.",
                "port",
            )?,
            registry,
        })
    }

    /// Shows how many ports are in which state.
    pub fn show(&self, states: impl Iterator<Item = State> + Clone) {
        for state in State::ALL {
            let count = states.clone().filter(|each| each == state).count();
            let gauge = self.ports.with_label_values(&[state.id()]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Everything in the text exposition format.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // OK because a Vec takes every write and our families are never empty.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_line_from_the_start() {
        let metrics = Metrics::new().unwrap();
        metrics.show([State::Down, State::Held, State::Held].into_iter());
        let text = String::from_utf8(metrics.render()).unwrap();
        for line in ["{state=\"held\"} 2", "{state=\"authorised\"} 0"] {
            assert!(text.contains(&format!("sekisho_authenticator_ports{line}\n")), "{text}");
        }
    }
}
