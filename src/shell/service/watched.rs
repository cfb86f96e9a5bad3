//! What Prometheus is told of sensors, of the tripwire's responder and of their verdicts.

use super::Service;
use super::sensors::State;
use crate::enforce::ladder::Step;
use crate::plan::Plan;
use crate::sensor::{Observation, Pulse, VerdictKind};
use crate::shell::metrics::{Metrics, epoch};
use crate::vocabulary::{EnvironmentIndex, Timestamp};

/// What a sensor counted since: it counts anew when it starts anew.
pub(super) const fn grown(before: u64, now: u64) -> u64 {
    match now.checked_sub(before) {
        Some(more) => more,
        None => now,
    }
}

/// Shows when a reporter was last heard, and whether it has gone silent.
pub(super) fn show(metrics: &Metrics, id: &str, state: &State) {
    let heard = state.heard_at.map_or(0.0, epoch);
    metrics.sensor_report.with_label_values(&[id]).set(heard);
    metrics.sensor_silent.with_label_values(&[id]).set(i64::from(state.silent));
}

/// Adds what a report that is kept says of the reporter itself.
pub(super) fn count(metrics: &Metrics, id: &str, before: &Pulse, pulse: &Pulse, gaps: u64) {
    let label = &[id];
    metrics.sensor_frames.with_label_values(label).inc_by(grown(before.frames, pulse.frames));
    for (result, more) in [
        ("unreadable", grown(before.flawed, pulse.flawed)),
        ("dropped", grown(before.dropped, pulse.dropped)),
        ("evicted", grown(before.evicted, pulse.evicted)),
        ("unsaid", grown(before.lost, pulse.lost)),
        ("missing", gaps),
    ] {
        metrics.sensor_lost.with_label_values(&[id, result]).inc_by(more);
    }
    let stations = i64::try_from(pulse.stations).unwrap_or(i64::MAX);
    metrics.sensor_stations.with_label_values(label).set(stations);
}

/// Forgets one that the plan expects no longer.
pub(super) fn forget(metrics: &Metrics, id: &str) {
    // OK because what was never shown need not be forgotten.
    let _ = metrics.sensor_report.remove_label_values(&[id]);
    let _ = metrics.sensor_silent.remove_label_values(&[id]);
    let _ = metrics.sensor_stations.remove_label_values(&[id]);
}

impl Service {
    /// Counts a verdict by what was done about it, and how long that took from its first sign.
    pub(super) fn count_verdict(
        &self,
        now: Timestamp,
        plan: &Plan,
        observation: &Observation,
        environment: Option<EnvironmentIndex>,
        step: Step,
    ) {
        // What a sensor says becomes a label only where it is known.
        let kind = VerdictKind::parse(&observation.kind).map_or("unknown", VerdictKind::id);
        let environment = environment.and_then(|index| plan.environment(index));
        let environment = environment.map_or("", |environment| environment.id.as_str());
        self.metrics.rogue_verdicts.with_label_values(&[kind, environment, step.id()]).inc();
        self.time_action(now, observation, step);
    }

    /// How long it took from the first sign until something was done.
    pub(super) fn time_action(&self, now: Timestamp, observation: &Observation, step: Step) {
        let acted = matches!(step, Step::Quarantine | Step::PortDown);
        if let (true, Ok(first)) = (acted, Timestamp::parse(&observation.first)) {
            // The clocks are those of two machines.
            let passed = u64::try_from(now.0.saturating_sub(first.0)).unwrap_or(0);
            let passed = std::time::Duration::from_millis(passed);
            self.metrics.rogue_action.observe(passed.as_secs_f64());
        }
    }
}
