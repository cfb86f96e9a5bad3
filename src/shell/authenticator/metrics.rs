//! What the authenticator counts. Labels are ids of enums and names from its own file.

use crate::authenticator::State;
use crate::shell::metrics::metrics;

/// From an order to the switch's word that it is done, in seconds.
const APPLY: [f64; 8] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 3.0];

metrics! {
    /// Everything the authenticator counts.
    Metrics {
        events: IntCounterVec "sekisho_authenticator_events_total" ["event"]
            ["起きたこと", "What happened."]
        changes: IntCounterVec "sekisho_authenticator_changes_total" ["change"]
            ["ポートの変化とその原因", "Changes of ports, by cause."]
        ports: IntGaugeVec "sekisho_authenticator_ports" ["state"]
            ["状態ごとのアクセスポートの数", "Access ports, by state."]
        switch_up: IntGauge "sekisho_authenticator_switch_up" []
            ["仮想スイッチが応答していれば 1", "1 while the switch answers, else 0."]
        apply_seconds: Histogram "sekisho_authenticator_apply_seconds" [] in APPLY
            ["指示してからスイッチが完了を答えるまでの時間", "From an order to the switch's word that it is done."]
        drifts: IntCounter "sekisho_authenticator_drifts_total" []
            ["ほかから変更されたため閉じたポート", "Ports closed because somebody else changed them."]
        frames_lost: IntCounterVec "sekisho_authenticator_frames_lost_total" ["port"]
            ["ポートの待ち行列に入らなかったフレーム", "Frames that did not fit into the queue of their port."]
    }
}

impl Metrics {
    /// Shows how many ports are in which state.
    pub fn show(&self, states: impl Iterator<Item = State> + Clone) {
        for state in State::ALL {
            let count = states.clone().filter(|each| each == state).count();
            let gauge = self.ports.with_label_values(&[state.id()]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
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
