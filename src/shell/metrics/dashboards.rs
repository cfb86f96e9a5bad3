//! Grafana's dashboards in both languages, from one table.

use serde_json::{Value, json};

use crate::vocabulary::{Language, Text};

/// A dashboard.
struct Dashboard {
    id: &'static str,
    title: Text,
    panels: &'static [Panel],
}

/// A panel: how it looks, what it asks.
struct Panel {
    title: Text,
    /// Grafana's name of the kind.
    kind: &'static str,
    /// Grafana's name of the unit.
    unit: &'static str,
    /// Of 24 columns.
    width: u64,
    /// Query and legend.
    queries: &'static [(&'static str, &'static str)],
}

/// Height of a row of single numbers, and of one of anything else.
const LOW: u64 = 4;
const HIGH: u64 = 8;
const COLUMNS: u64 = 24;

const fn panel(
    kind: &'static str,
    width: u64,
    unit: &'static str,
    ja: &'static str,
    en: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Panel {
    Panel { title: Text { ja, en }, kind, unit, width, queries }
}

#[rustfmt::skip]
const DASHBOARDS: &[Dashboard] = &[
    Dashboard { id: "city", title: Text { ja: "市のようす", en: "The city at a glance" }, panels: &[
        panel("stat", 6, "short", "接続中", "attached", &[("sum(sekisho_attached_sessions{site=~\"$site\",environment=~\"$environment\"})", "")]),
        panel("stat", 6, "short", "登録端末", "registered devices", &[("sum(sekisho_devices{environment=~\"$environment\"})", "")]),
        panel("stat", 6, "short", "有効な印", "marks in force", &[("sum by (kind) (sekisho_marks)", "{{kind}}")]),
        panel("stat", 6, "s", "認証の 99 パーセンタイル", "99th percentile", &[("histogram_quantile(0.99, sum by (le) (increase(sekisho_auth_seconds_bucket[1h])))", "")]),
        panel("timeseries", 12, "reqps", "環境ごとの受け入れ", "admissions by environment", &[("sum by (environment) (rate(sekisho_decisions_total{outcome!=\"refuse\",environment=~\"$environment\"}[$__rate_interval]) * on (job, instance, client) group_left (site) sekisho_client_info{site=~\"$site\"})", "{{environment}}")]),
        panel("timeseries", 12, "reqps", "理由ごとの拒否", "refusals by reason", &[("sum by (reason) (rate(sekisho_replies_total{result=\"reject\"}[$__rate_interval]) * on (job, instance, client) group_left (site) sekisho_client_info{site=~\"$site\"})", "{{reason}}")]),
        panel("timeseries", 12, "s", "認証にかかる時間", "how long authentication takes", &[
            ("histogram_quantile(0.5, sum by (le, method) (rate(sekisho_auth_seconds_bucket[$__rate_interval])))", "{{method}} 50 %"),
            ("histogram_quantile(0.99, sum by (le, method) (rate(sekisho_auth_seconds_bucket[$__rate_interval])))", "{{method}} 99 %")]),
        panel("timeseries", 12, "short", "環境ごとの接続", "attached by environment", &[("sum by (environment) (sekisho_attached_sessions{site=~\"$site\",environment=~\"$environment\"})", "{{environment}}")]),
        panel("bargauge", 12, "short", "拠点ごとの接続", "attached by site", &[("sum by (site) (sekisho_attached_sessions{site=~\"$site\",environment=~\"$environment\"})", "{{site}}")]),
        panel("bargauge", 12, "short", "一時間の拒否(拠点)", "refusals of an hour, by site", &[("sum by (site) (increase(sekisho_decisions_total{outcome=\"refuse\"}[1h]) * on (job, instance, client) group_left (site) sekisho_client_info{site=~\"$site\"})", "{{site}}")]),
    ]},
    Dashboard { id: "switches", title: Text { ja: "スイッチ", en: "Switches" }, panels: &[
        panel("timeseries", 12, "reqps", "要求の多いスイッチ", "switches that ask most", &[("topk(10, sum by (client) (rate(sekisho_requests_total{client!=\"unknown\"}[$__rate_interval]) * on (job, instance, client) group_left (site) sekisho_client_info{site=~\"$site\"}))", "{{client}}")]),
        panel("timeseries", 12, "reqps", "応答しなかった要求", "requests not answered", &[("sum by (reason) (rate(sekisho_ignored_total[$__rate_interval]))", "{{reason}}")]),
        panel("bargauge", 12, "s", "最後の要求からの時間(長い順)", "longest since the last request", &[("topk(20, (time() - (sekisho_last_request_timestamp_seconds > 0)) * on (job, instance, client) group_left (site) sekisho_client_info{site=~\"$site\"})", "{{client}}")]),
        panel("bargauge", 12, "short", "Message-Authenticator の無い要求", "requests without Message-Authenticator", &[("topk(10, sekisho_message_authenticator_missing_total)", "{{client}}")]),
        panel("timeseries", 12, "short", "CoA・切断の結果(10 分)", "CoA and Disconnect, 10 minutes", &[("sum by (kind, result) (increase(sekisho_coa_total[10m])) or vector(0)", "{{kind}} {{result}}")]),
        panel("timeseries", 12, "short", "接続の変更(適用中・承認待ち)", "sessions being changed or held", &[("sum by (state) (sekisho_sessions{state!=\"attached\"})", "{{state}}")]),
        panel("timeseries", 12, "short", "進行中の EAP の会話", "open EAP conversations", &[("sum by (worker) (sekisho_conversations)", "{{worker}}")]),
        panel("timeseries", 12, "short", "失われたもの・打ち切り", "lost and thrown out", &[("sum by (where) (increase(sekisho_datagrams_lost_total[$__rate_interval]))", "{{where}}"), ("sum(increase(sekisho_conversations_evicted_total[$__rate_interval]))", "EAP")]),
        panel("timeseries", 24, "short", "アカウンティングの接続", "sessions by accounting", &[("sum by (environment) (sekisho_accounted_sessions{environment=~\"$environment\"}) or vector(0)", "{{environment}}")]),
    ]},
    Dashboard { id: "tables", title: Text { ja: "スイッチの表(SNMP)", en: "Switches' own tables (SNMP)" }, panels: &[
        panel("stat", 8, "short", "表を読めているスイッチ", "switches whose tables are read", &[("sum by (state) (sekisho_snmp_switches)", "{{state}}")]),
        panel("stat", 8, "short", "規則 R17〜R19 への違反", "what breaks rules R17 to R19", &[("sum by (rule) (sekisho_rule_violations)", "{{rule}}")]),
        panel("stat", 8, "s", "最も古い表", "oldest tables", &[("max(time() - (sekisho_snmp_sweep_timestamp_seconds > 0))", "")]),
        panel("bargauge", 12, "short", "認証の無い MAC アドレス(多い順)", "addresses without a session, most first", &[("topk(20, sekisho_fdb_minus_sessions)", "{{client}}")]),
        panel("bargauge", 12, "s", "表を読んでからの時間(長い順)", "longest since the tables were read", &[("topk(20, time() - (sekisho_snmp_sweep_timestamp_seconds > 0))", "{{client}}")]),
        panel("timeseries", 12, "short", "違反の推移", "violations over time", &[("sum by (rule) (sekisho_rule_violations)", "{{rule}}")]),
        panel("timeseries", 12, "short", "表を読めなかった回数(10 分)", "sweeps in vain, 10 minutes", &[("sum by (reason) (increase(sekisho_snmp_errors_total[10m])) or vector(0)", "{{reason}}")]),
        panel("timeseries", 12, "short", "トラップとインフォーム(10 分)", "traps and informs, 10 minutes", &[("sum by (result) (increase(sekisho_snmp_traps_total[10m])) or vector(0)", "{{result}}")]),
        panel("timeseries", 12, "short", "効力を持たせなかった SNMP メッセージ(10 分)", "SNMP messages without effect, 10 minutes", &[("sum by (reason) (increase(sekisho_snmp_ignored_total[10m])) or vector(0)", "{{reason}}")]),
        panel("timeseries", 24, "short", "SNMP によるポートの落とし上げ(1 時間)", "ports bounced by SNMP, an hour", &[("sum by (result) (increase(sekisho_coa_total{kind=\"snmp-bounce\"}[1h])) or vector(0)", "{{result}}")]),
    ]},
    Dashboard { id: "sensors", title: Text { ja: "センサーと不正な機器", en: "Sensors and rogue equipment" }, panels: &[
        panel("stat", 8, "short", "報告の途絶えたセンサー", "silent sensors", &[("sum(sekisho_sensor_silent)", "")]),
        panel("stat", 8, "short", "一日の判定", "verdicts of a day", &[("sum by (action) (increase(sekisho_rogue_verdicts_total{environment=~\"$environment\"}[1d])) or vector(0)", "{{action}}")]),
        panel("stat", 8, "s", "兆候から遮断まで(一日の平均)", "from sign to action, mean of a day", &[("sum(increase(sekisho_rogue_action_seconds_sum[1d])) / sum(increase(sekisho_rogue_action_seconds_count[1d]))", "")]),
        panel("bargauge", 12, "s", "最後の報告からの時間", "since the last report", &[("time() - (sekisho_sensor_report_timestamp_seconds > 0)", "{{sensor}}")]),
        panel("timeseries", 12, "pps", "見たフレーム", "frames looked at", &[("sum by (sensor) (rate(sekisho_sensor_frames_total[$__rate_interval]))", "{{sensor}}")]),
        panel("timeseries", 12, "short", "失われたもの(10 分)", "lost, 10 minutes", &[("sum by (sensor, result) (increase(sekisho_sensor_lost_total[10m]))", "{{sensor}} {{result}}")]),
        panel("timeseries", 12, "short", "覚えている端末", "stations remembered", &[("sum by (sensor) (sekisho_sensor_stations)", "{{sensor}}")]),
        panel("timeseries", 12, "short", "判定の種類(1 時間)", "verdicts by kind, an hour", &[("sum by (kind) (increase(sekisho_rogue_verdicts_total{environment=~\"$environment\"}[1h])) or vector(0)", "{{kind}}")]),
        panel("timeseries", 12, "short", "環境の分離の破れ(1 時間)", "breaches of the separation, an hour", &[("sum by (kind) (increase(sekisho_separation_breaches_total[1h])) or vector(0)", "{{kind}}")]),
        panel("timeseries", 12, "short", "トリップワイヤーの反応(1 時間)", "hits of the tripwire, an hour", &[("sum by (result) (increase(sekisho_tripwire_hits_total[1h])) or vector(0)", "{{result}}")]),
        panel("timeseries", 12, "short", "他製品からの検知(1 時間)", "detections of other products, an hour", &[("sum by (result) (increase(sekisho_detections_total[1h])) or vector(0)", "{{result}}")]),
    ]},
    Dashboard { id: "evidence", title: Text { ja: "証跡とノード", en: "Evidence and nodes" }, panels: &[
        panel("stat", 6, "bool_on_off", "証跡の保存", "evidence store", &[("min by (instance) (sekisho_evidence_healthy)", "{{instance}}")]),
        panel("stat", 6, "short", "計画の世代", "plan generation", &[("max by (instance) (sekisho_plan_generation)", "{{instance}}")]),
        panel("stat", 6, "bool_yes_no", "最後の再読み込み", "last reload accepted", &[("min by (instance) (sekisho_reload_success)", "{{instance}}")]),
        panel("stat", 6, "s", "起動からの時間", "up for", &[("time() - max by (instance) (sekisho_start_timestamp_seconds)", "{{instance}}")]),
        panel("timeseries", 12, "ops", "証跡の記録", "records of evidence", &[("sum by (instance) (deriv(sekisho_evidence_head[5m]))", "{{instance}}")]),
        panel("timeseries", 12, "short", "退避・失敗・欠落", "spooled, failed, lost", &[("sum(sekisho_evidence_spooled)", "spool"), ("sum(increase(sekisho_evidence_errors_total[$__rate_interval]))", "errors"), ("sum(increase(sekisho_evidence_lost_total[$__rate_interval]))", "lost")]),
        panel("timeseries", 12, "s", "最後の保存からの時間", "since evidence was last stored", &[("time() - sekisho_evidence_written_timestamp_seconds", "{{instance}}")]),
        panel("timeseries", 12, "s", "最も古い証跡", "oldest record", &[("time() - sekisho_evidence_oldest_timestamp_seconds", "{{instance}}")]),
        panel("bargauge", 12, "short", "一日の警報", "alerts of a day", &[("sum by (kind) (increase(sekisho_alerts_total[1d]))", "{{kind}}")]),
        panel("timeseries", 12, "short", "警報の送達", "deliveries of alerts", &[("sum by (sink, result) (increase(sekisho_alert_delivery_total[$__rate_interval])) or vector(0)", "{{sink}} {{result}}")]),
        panel("timeseries", 12, "short", "欠けたログの行", "log lines missing", &[("sum by (instance) (sekisho_log_lines_missing)", "{{instance}}")]),
        panel("timeseries", 12, "short", "版", "version", &[("sum by (instance, node, version) (sekisho_build_info)", "{{node}} {{version}}")]),
    ]},
    Dashboard { id: "certificates", title: Text { ja: "証明書と期限", en: "Certificates and their ends" }, panels: &[
        panel("bargauge", 12, "s", "証明書の残り", "certificates end in", &[("sekisho_certificate_expiry_timestamp_seconds - time()", "{{role}} {{name}}")]),
        panel("bargauge", 12, "s", "失効リストの更新まで", "revocation lists are due in", &[("sekisho_crl_next_update_timestamp_seconds - time()", "{{authority}}")]),
        panel("timeseries", 12, "reqps", "方法ごとの認証", "authentications by method", &[("sum by (method) (rate(sekisho_auth_seconds_count[$__rate_interval]))", "{{method}}")]),
        panel("timeseries", 12, "percentunit", "再開した TLS の割合", "share of resumed TLS", &[("sum(rate(sekisho_resumptions_total[$__rate_interval])) / sum(rate(sekisho_auth_seconds_count{method=\"eap-tls\"}[$__rate_interval]))", "")]),
        panel("timeseries", 12, "short", "EAP の往復(平均)", "EAP round trips, mean", &[("sum(rate(sekisho_eap_rounds_sum[$__rate_interval])) / sum(rate(sekisho_eap_rounds_count[$__rate_interval]))", "")]),
        panel("timeseries", 12, "reqps", "証明書による拒否", "refusals about certificates", &[("sum by (reason) (rate(sekisho_replies_total{method=\"eap-tls\",result=\"reject\"}[$__rate_interval])) or vector(0)", "{{reason}}")]),
    ]},
];

/// Every dashboard as a file: its name below a directory of the language, and its JSON.
#[must_use]
pub fn dashboards(language: Language) -> Vec<(String, String)> {
    let file = |dashboard: &Dashboard| {
        let mut text =
            serde_json::to_string_pretty(&written(dashboard, language)).unwrap_or_default();
        text.push('\n');
        (format!("{}/{}.json", language.id(), dashboard.id), text)
    };
    DASHBOARDS.iter().map(file).collect()
}

fn written(dashboard: &Dashboard, language: Language) -> Value {
    let (mut x, mut y, mut height) = (0, 0, 0);
    let mut panels = Vec::new();
    for (id, panel) in (1_u64..).zip(dashboard.panels) {
        if x + panel.width > COLUMNS {
            (x, y, height) = (0, y + height, 0);
        }
        let own = if panel.kind == "stat" { LOW } else { HIGH };
        panels.push(drawn(
            panel,
            id,
            json!({ "x": x, "y": y, "w": panel.width, "h": own }),
            language,
        ));
        (x, height) = (x + panel.width, height.max(own));
    }
    let say = |ja, en| Text { ja, en }.get(language);
    let choice = |name: &str, label: &str, query: &str| {
        json!({
            "name": name, "label": label, "type": "query", "query": query, "refresh": 2, "sort": 1,
            "multi": true, "includeAll": true, "allValue": ".*",
            "current": { "text": "All", "value": "$__all" },
            "datasource": { "type": "prometheus", "uid": "${source}" },
        })
    };
    json!({
        "uid": format!("sekisho-{}-{}", dashboard.id, language.id()),
        "title": format!("{}: {}", say("関所", "sekisho"), dashboard.title.get(language)),
        "tags": ["sekisho", language.id()],
        "timezone": "Asia/Tokyo",
        "schemaVersion": 39,
        "editable": false,
        "refresh": "30s",
        "time": { "from": "now-6h", "to": "now" },
        "templating": { "list": [
            { "name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus" },
            choice("site", say("拠点", "site"), "label_values(sekisho_client_info, site)"),
            choice("environment", say("環境", "environment"), "label_values(sekisho_devices, environment)"),
        ] },
        "panels": panels,
    })
}

fn drawn(panel: &Panel, id: u64, place: Value, language: Language) -> Value {
    let instant = panel.kind != "timeseries";
    let targets = ('A'..).zip(panel.queries).map(|(name, (query, legend))| {
        json!({ "refId": name, "expr": query, "legendFormat": legend, "instant": instant, "range": !instant })
    });
    json!({
        "id": id,
        "title": panel.title.get(language),
        "type": panel.kind,
        "gridPos": place,
        "datasource": { "type": "prometheus", "uid": "${source}" },
        "fieldConfig": { "defaults": { "unit": panel.unit, "min": 0 }, "overrides": [] },
        "targets": targets.collect::<Vec<_>>(),
    })
}
