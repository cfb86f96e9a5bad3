//! What is counted, in the text format of Prometheus.
//!
//! Labels are bounded: switches of the plan, ids of enums, roles of files. Never a MAC, a user,
//! a serial number or anything else that a peer can invent; an unknown source is `unknown`.
//! Instants are `…_timestamp_seconds` and never "seconds since": what reads them subtracts.

mod dashboards;
mod family;
mod table;

pub use dashboards::dashboards;
pub use family::Family;
pub(super) use family::{Described, metrics, next};
pub use table::{LABELS, table};

use crate::vocabulary::Timestamp;

/// The client label of a source that the plan does not know.
pub const CLIENT_UNKNOWN: &str = "unknown";

/// Latency buckets in seconds: a MAB answer takes microseconds here, a handshake milliseconds,
/// a conversation with a slow device seconds.
const LATENCY: [f64; 12] =
    [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];
/// Round trips in a conversation.
const ROUNDS: [f64; 9] = [1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 20.0, 40.0, 100.0];

/// From a sign to what is done about it: seconds where a person waits, minutes where signs add up.
const REACTION: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];

/// An instant as Prometheus counts it: seconds since 1970.
#[must_use]
pub fn epoch(time: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double exactly")]
    let seconds = time.seconds() as f64;
    seconds
}

metrics! {
    /// Everything the service counts.
    Metrics {
        build: IntGaugeVec "sekisho_build_info" ["version", "node"]
            ["動いている版とノード。値は常に 1", "Version and node that run; always 1."]
        start: Gauge "sekisho_start_timestamp_seconds" []
            ["サービスを起動した時刻", "When the service started."]
        clients: IntGaugeVec "sekisho_client_info" ["client", "site"]
            ["計画にある RADIUS クライアント(スイッチ)とその拠点。値は常に 1", "RADIUS clients of the plan and their sites; always 1."]
        devices: IntGaugeVec "sekisho_devices" ["environment"]
            ["台帳に登録された端末の数", "Registered devices."]
        marks: IntGaugeVec "sekisho_marks" ["kind"]
            ["有効な印(隔離・拒否)の数", "Marks in force."]
        requests: IntCounterVec "sekisho_requests_total" ["client", "kind"]
            ["受け取った RADIUS データグラム", "RADIUS datagrams received."]
        last_request: GaugeVec "sekisho_last_request_timestamp_seconds" ["client"]
            ["そのスイッチから最後に要求を受け取った時刻。起動してからまだ無ければ 0", "When a switch was last heard; 0 while it was not heard since the start."]
        replies: IntCounterVec "sekisho_replies_total" ["client", "method", "result", "reason"]
            ["返した RADIUS 応答。承認と拒否には判定の理由が付く", "RADIUS replies made; an answer for good carries the reason of its decision."]
        decisions: IntCounterVec "sekisho_decisions_total" ["client", "environment", "outcome"]
            ["判定の数。拒否では environment は空", "Decisions; a refusal has no environment."]
        ignored: IntCounterVec "sekisho_ignored_total" ["client", "reason"]
            ["応答しなかった RADIUS データグラム", "RADIUS datagrams not answered."]
        auth_seconds: HistogramVec "sekisho_auth_seconds" ["method", "result"] in LATENCY
            ["会話の最初の要求から判定までの時間", "Time from the first request of a conversation to the decision."]
        eap_rounds: Histogram "sekisho_eap_rounds" [] in ROUNDS
            ["EAP の会話の往復回数", "Round trips of an EAP conversation."]
        conversations: IntGaugeVec "sekisho_conversations" ["worker"]
            ["進行中の EAP の会話", "Open EAP conversations."]
        evictions: IntCounter "sekisho_conversations_evicted_total" []
            ["表またはポートがいっぱいで打ち切った EAP の会話", "EAP conversations thrown out because the table or the port was full."]
        resumptions: IntCounter "sekisho_resumptions_total" []
            ["再開した TLS セッション(判定はやり直している)", "TLS sessions resumed, after a decision anew."]
        duplicates: IntCounter "sekisho_duplicates_total" []
            ["同じ応答を返した重複要求", "Duplicates answered with the same octets."]
        repeated: IntCounter "sekisho_datagrams_repeated_total" []
            ["最初のものがまだ順番を待つあいだに再送され、除いた要求(sekisho_requests_total に入らない)", "Requests sent again while the first still waited its turn, left out (not in sekisho_requests_total)."]
        message_authenticator_missing: IntCounterVec "sekisho_message_authenticator_missing_total" ["client"]
            ["Message-Authenticator が無かった要求", "Requests without Message-Authenticator."]
        lost: IntCounterVec "sekisho_datagrams_lost_total" ["where"]
            ["この機械の中で失われたもの", "What was lost inside this machine."]
        sessions: IntGaugeVec "sekisho_sessions" ["state"]
            ["開いている接続。適用中・承認待ちはその内数", "Live sessions; those being changed or held for a person are among the attached."]
        attached: IntGaugeVec "sekisho_attached_sessions" ["site", "environment"]
            ["開いている接続の拠点・環境ごとの数", "Live sessions, by the site of their switch."]
        coa: IntCounterVec "sekisho_coa_total" ["client", "kind", "result"]
            ["接続を切る・やり直すためにスイッチへ送った要求の結果(RFC 5176)", "Requests to switches to end or renew a session, by what came of them (RFC 5176)."]
        accounts: IntCounterVec "sekisho_accounts_total" ["client", "kind", "result"]
            ["受け取った RADIUS アカウンティング", "RADIUS accounts received."]
        accounted_sessions: IntGaugeVec "sekisho_accounted_sessions" ["environment"]
            ["アカウンティングが開いていると言う接続", "Sessions that accounts say are open."]
        certificate_expiry: GaugeVec "sekisho_certificate_expiry_timestamp_seconds" ["role", "name"]
            ["証明書の有効期限", "When a certificate ends."]
        crl_next_update: GaugeVec "sekisho_crl_next_update_timestamp_seconds" ["authority"]
            ["失効リストの次の更新期限", "When the next revocation list is due."]
        plan_generation: IntGauge "sekisho_plan_generation" []
            ["動いている計画の世代", "Generation of the plan in force."]
        plan_changed: Gauge "sekisho_plan_timestamp_seconds" []
            ["動いている計画を有効にした時刻", "When the plan in force was put in force by this process."]
        reload_success: IntGauge "sekisho_reload_success" []
            ["最後の再読み込みが受け入れられたら 1", "1 when the last reload was accepted, else 0."]
        reload_timestamp_seconds: Gauge "sekisho_reload_timestamp_seconds" []
            ["最後に再読み込みを試みた時刻。まだ無ければ 0", "When a reload was last tried; 0 while none was."]
        evidence_head: IntGauge "sekisho_evidence_head" []
            ["最新の証跡の番号", "Number of the newest record of evidence."]
        evidence_written: Gauge "sekisho_evidence_written_timestamp_seconds" []
            ["証跡を最後に保存した時刻。まだ無ければ 0", "When evidence was last stored; 0 while none was."]
        evidence_healthy: IntGauge "sekisho_evidence_healthy" []
            ["証跡を保存できていれば 1", "1 while the evidence store takes records, else 0."]
        evidence_spooled: IntGauge "sekisho_evidence_spooled" []
            ["退避ファイルで待っている証跡", "Records that wait on the spool for the store."]
        evidence_errors: IntCounter "sekisho_evidence_errors_total" []
            ["証跡の保存の失敗", "Failures of the evidence store."]
        evidence_lost: IntCounter "sekisho_evidence_lost_total" []
            ["どこにも入らず失われた証跡", "Records of evidence that fitted nowhere."]
        evidence_oldest: Gauge "sekisho_evidence_oldest_timestamp_seconds" []
            ["残っている最も古い証跡の時刻。まだ無ければ 0", "Time of the oldest record still kept; 0 while there is none."]
        clock_offset: GaugeVec "sekisho_clock_offset_seconds" ["server"]
            ["NTP サーバーの時計からこのノードの時計を引いた差。答えないサーバーは出ない", "Clock of a time server minus this node's; absent while the server does not answer."]
        snmp_sweep: GaugeVec "sekisho_snmp_sweep_timestamp_seconds" ["client"]
            ["スイッチの転送表などを最後に読み終えた時刻", "When the tables of a switch were last read as a whole."]
        snmp_errors: IntCounterVec "sekisho_snmp_errors_total" ["client", "reason"]
            ["スイッチの表を読めなかった回数", "Sweeps of a switch's tables in vain."]
        snmp_traps: IntCounterVec "sekisho_snmp_traps_total" ["client", "result"]
            ["受け取ったトラップとインフォーム", "Traps and informs received."]
        snmp_ignored: IntCounterVec "sekisho_snmp_ignored_total" ["client", "reason"]
            ["効力を持たせなかった SNMP メッセージ", "SNMP messages without effect."]
        fdb_minus_sessions: IntGaugeVec "sekisho_fdb_minus_sessions" ["client"]
            ["端末用ポートで、認証した接続が無いのに見えている MAC アドレスの数", "Addresses at edge ports without a session."]
        rule_violations: IntGaugeVec "sekisho_rule_violations" ["rule"]
            ["スイッチの表が示す、規則 R17〜R19 への違反の数", "What breaks rules R17 to R19 at present."]
        snmp_switches: IntGaugeVec "sekisho_snmp_switches" ["state"]
            ["端末用ポートのあるスイッチの数。fresh は表を読めているもの、stale は読んでいないか最近読めていないもの", "Switches with edge ports whose tables were read lately (fresh), or were not (stale)."]
        sensor_report: GaugeVec "sekisho_sensor_report_timestamp_seconds" ["sensor"]
            ["センサーまたはトリップワイヤーの応答機から最後に報告を受けた時刻。起動してからまだ無ければ 0", "When a sensor, or the tripwire's responder, last reported; 0 while it has not since the start."]
        sensor_silent: IntGaugeVec "sekisho_sensor_silent" ["sensor"]
            ["報告が途絶えていれば 1", "1 while a sensor says nothing for longer than it may, else 0."]
        sensor_frames: IntCounterVec "sekisho_sensor_frames_total" ["sensor"]
            ["センサーが見たフレーム(応答機では問い合わせ)", "Frames that sensors looked at; queries at the tripwire's responder."]
        sensor_lost: IntCounterVec "sekisho_sensor_lost_total" ["sensor", "result"]
            ["センサーが失ったもの。dropped 取りこぼしたフレーム、unreadable 読めないフレーム、evicted 忘れた端末、unsaid 多すぎて報告しなかった観測、missing 届かなかった観測", "What sensors lost: frames dropped or unreadable, stations evicted, observations unsaid because they were too many, or missing on the way."]
        sensor_stations: IntGaugeVec "sekisho_sensor_stations" ["sensor"]
            ["センサーが覚えている端末の数", "Stations that a sensor remembers."]
        rogue_verdicts: IntCounterVec "sekisho_rogue_verdicts_total" ["kind", "environment", "action"]
            ["センサーの判定(スマートフォン、中継など)の数と、それに対してしたこと", "Verdicts of sensors (phones, relays and so on), by what was done about them."]
        rogue_action: Histogram "sekisho_rogue_action_seconds" [] in REACTION
            ["最初の兆候から、隔離またはポートの遮断までの時間", "Time from the first sign of a verdict to quarantine or closing of the port."]
        separation_breaches: IntCounterVec "sekisho_separation_breaches_total" ["kind"]
            ["センサーが見た、環境の分離の破れ", "Breaches of the separation of environments that sensors saw."]
        tripwire_hits: IntCounterVec "sekisho_tripwire_hits_total" ["result"]
            ["トリップワイヤーの反応。named 端末を特定、revoked 取り消し済み、own 市自身のネットワークから、unknown 有効なラベルでない", "Hits of the tripwire: named (a PC), revoked, own (from the city's own networks), or unknown (no label in force)."]
        detections: IntCounterVec "sekisho_detections_total" ["result"]
            ["他製品の管理コンソールから届いた電文の扱い", "Messages of other products' consoles, by what became of them."]
        alerts: IntCounterVec "sekisho_alerts_total" ["kind"]
            ["警報。まとめて送ったものも 1 件ずつ数える", "Alerts; what was summed up counts one by one."]
        alert_deliveries: IntCounterVec "sekisho_alert_delivery_total" ["sink", "result"]
            ["警報の送達", "Deliveries of alerts to receivers."]
        alert_forgotten: IntGauge "sekisho_alert_forgotten" []
            ["警報の記憶がいっぱいで忘れた端末", "Devices that the memory of alerts had to forget."]
        log_lines_missing: IntGauge "sekisho_log_lines_missing" []
            ["入りきらず、まだ欠落を記録していないログの行", "Log lines that did not fit and are not reported yet."]
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
