//! Rules and dashboards: promtool tries every alert, and a real Prometheus that scrapes the
//! demonstration answers every panel.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sekisho::shell::metrics::{LABELS, dashboards};
use sekisho::vocabulary::Language;
use serde_json::Value;
use tempfile::TempDir;

use crate::city::{Within, free_port, printed, root, run};
use crate::metrics::{Demonstration, promtool};

/// How long Prometheus may take for anything: recording rules are evaluated once a minute.
const PATIENCE: Duration = Duration::from_secs(180);

fn shipped(relative: &str) -> String {
    fs::read_to_string(root().join("config/prometheus").join(relative)).unwrap()
}

/// Names after `- alert:` of the rules.
fn alerts() -> Vec<String> {
    let rules = shipped("alerts.yml");
    rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_alert_fires_when_it_must_and_is_silent_when_it_must_not() {
    promtool(
        &["check", "rules", "config/prometheus/alerts.yml", "config/prometheus/recording.yml"],
        "",
    );
    let output = run(Command::new("promtool")
        .args(["test", "rules", "tests.yml"])
        .current_dir(root().join("config/prometheus")));
    assert!(output.status.success(), "{}", printed(&output));
    let (rules, tests, runbook) =
        (shipped("alerts.yml"), shipped("tests.yml"), shipped("RUNBOOK.md"));
    let alerts = alerts();
    assert!(alerts.len() > 20);
    for alert in &alerts {
        for title in [format!("name: {alert} fires\n"), format!("name: {alert} is silent\n")] {
            assert!(tests.contains(&title), "tests.yml lacks `{title}`");
        }
        let section = runbook.split_once(&format!("\n## {alert}\n"));
        let (_, section) = section.unwrap_or_else(|| panic!("RUNBOOK.md lacks {alert}"));
        let section = section.split("\n## ").next().unwrap();
        assert!(!section.is_ascii() && section.lines().count() >= 4, "{alert}: {section}");
        let (_, rule) = rules.split_once(&format!("- alert: {alert}\n")).unwrap();
        let rule = rule.split("- alert: ").next().unwrap();
        for part in [
            "severity: ",
            "summary: ",
            "summary_en: ",
            &format!("RUNBOOK.md#{}", alert.to_lowercase()),
        ] {
            assert!(rule.contains(part), "{alert}: no {part}");
        }
    }
}

/// Every `sekisho_…` word in a text.
fn named(text: &str) -> BTreeSet<&str> {
    let word = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '_');
    text.split(word).filter(|word| word.starts_with("sekisho_")).collect()
}

#[test]
fn rules_and_dashboards_ask_only_for_metrics_that_exist() {
    let table = shipped("METRICS.md");
    let mut texts = vec![shipped("alerts.yml"), shipped("recording.yml"), shipped("tests.yml")];
    texts.extend(dashboards(Language::Japanese).into_iter().map(|(_, text)| text));
    for name in texts.iter().flat_map(|text| named(text)) {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let known = |name: &str| table.contains(&format!("| `{name}` |"));
        assert!(known(name) || family.is_some_and(known), "{name}");
    }
    assert!(LABELS.len() > 10);
}

#[test]
fn the_shipped_dashboards_are_the_programs_own_in_both_languages() {
    let directory = root().join("config/grafana");
    let renew = std::env::var_os("SEKISHO_RENEW").is_some();
    for language in [Language::Japanese, Language::English] {
        for (name, text) in dashboards(language) {
            let path = directory.join(&name);
            if renew {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &text).unwrap();
            }
            let own = fs::read_to_string(&path).unwrap_or_default();
            assert!(own == text, "{name} differs; run this test with SEKISHO_RENEW=1");
            let titles = text.lines().filter(|line| line.trim().starts_with("\"title\""));
            for title in titles {
                assert!(language == Language::English || !title.is_ascii(), "{name}: {title}");
                assert!(language == Language::Japanese || title.is_ascii(), "{name}: {title}");
            }
        }
    }
}

/// A real Prometheus that scrapes one target.
pub struct Prometheus {
    child: Child,
    base: String,
    within: Within,
    _directory: TempDir,
}

impl Prometheus {
    pub fn new(target: &str, within: Within) -> Self {
        let directory = TempDir::new().unwrap();
        let port = free_port();
        let rules = root().join("config/prometheus");
        let config = format!(
            "global: {{scrape_interval: 200ms, evaluation_interval: 1s}}\n\
             rule_files: ['{0}/recording.yml', '{0}/alerts.yml']\n\
             scrape_configs: [{{job_name: sekisho, static_configs: [{{targets: ['{target}']}}]}}]\n",
            rules.display()
        );
        let at = |name: &str| directory.path().join(name);
        fs::write(at("prometheus.yml"), config).unwrap();
        let show = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let mut command = within.command("prometheus");
        command.arg(show("config.file", &at("prometheus.yml")));
        command.arg(show("storage.tsdb.path", &at("data")));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("prometheus must be installed: {error}"));
        let base = format!("http://127.0.0.1:{port}");
        Self { child, base, within, _directory: directory }
    }

    fn ask(&self, path: &str, query: Option<&str>) -> Value {
        let mut command = self.within.command("curl");
        command.args(["-sS", "-G", "--max-time", "10", &format!("{}{path}", self.base)]);
        if let Some(query) = query {
            command.args(["--data-urlencode", &format!("query={query}")]);
        }
        serde_json::from_slice(&run(&mut command).stdout).unwrap_or(Value::Null)
    }

    /// Every value of a query.
    fn values(&self, query: &str) -> Vec<f64> {
        let answer = self.ask("/api/v1/query", Some(query));
        assert!(answer["status"] != "error", "{query}: {answer}");
        let result = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        result.iter().map(|each| each["value"][1].as_str().unwrap().parse().unwrap()).collect()
    }

    pub fn wait_for(&self, what: &str, query: &str) {
        let end = Instant::now() + PATIENCE;
        while self.values(query).is_empty() {
            assert!(Instant::now() < end, "no {what}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Prometheus {
    /// Has every panel answered whose query `concerns` picks; gives how
    /// many queries that were.
    pub fn answers_panels(&self, concerns: impl Fn(&str) -> bool) -> usize {
        let mut asked = 0;
        for (file, text) in dashboards(Language::English) {
            let dashboard: Value = serde_json::from_str(&text).unwrap();
            for panel in dashboard["panels"].as_array().unwrap() {
                for target in panel["targets"].as_array().unwrap() {
                    let query = target["expr"].as_str().unwrap();
                    if !concerns(query) {
                        continue;
                    }
                    let query = query.replace("$site", ".*").replace("$environment", ".*");
                    let query = query.replace("$__rate_interval", "2m");
                    // What grows takes two scrapes to show.
                    let end = Instant::now() + PATIENCE;
                    loop {
                        let values = self.values(&query);
                        if values.iter().any(|value| value.is_finite()) {
                            break;
                        }
                        let title = &panel["title"];
                        assert!(Instant::now() < end, "{file} {title}: {query}: {values:?}");
                        std::thread::sleep(Duration::from_millis(200));
                    }
                    asked += 1;
                }
            }
        }
        asked
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // OK when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_prometheus_answers_every_panel_and_no_rule_breaks() {
    let mut demonstration = Demonstration::begin();
    // Prometheus is to see the figures grow, and takes seconds to its first scrape.
    demonstration.signal("STOP");
    let prometheus = Prometheus::new(&demonstration.address, Within::default());
    prometheus.wait_for("attempt", "up");
    demonstration.signal("CONT");
    prometheus.wait_for("scrape", "sekisho_build_info");
    demonstration.finish();
    prometheus.wait_for("decisions", "sum(sekisho_decisions_total) > 3000");
    prometheus.wait_for("sessions", "sum(sekisho_attached_sessions) > 3000");
    // No switch has tables here, no sensor watches and nobody is cut off: the lab answers for those.
    let asked = prometheus.answers_panels(|query| {
        let nothing =
            ["sekisho_snmp_sweep", "sekisho_fdb", "sekisho_sensor", "sekisho_rogue_action"];
        !nothing.iter().any(|family| query.contains(family))
    });
    assert!(asked > 50, "{asked}");
    let until = Instant::now() + PATIENCE;
    let rules = loop {
        let rules = prometheus.ask("/api/v1/rules", None);
        if !rules.to_string().contains("\"health\":\"unknown\"") {
            break rules;
        }
        assert!(Instant::now() < until, "a rule was never evaluated: {rules:#}");
        std::thread::sleep(Duration::from_millis(500));
    };
    let groups = rules["data"]["groups"].as_array().unwrap();
    let all: Vec<&Value> = groups.iter().flat_map(|it| it["rules"].as_array().unwrap()).collect();
    assert_eq!(all.len(), alerts().len() + 3);
    for rule in &all {
        assert_eq!(rule["health"], "ok", "{rule:#}");
    }
    // A demonstration keeps no evidence, and says so; its strangers are alerts. Nothing else fires.
    let firing = all.iter().filter(|it| it["alerts"].as_array().is_some_and(|it| !it.is_empty()));
    let firing: BTreeSet<&str> = firing.map(|it| it["name"].as_str().unwrap()).collect();
    for own in &firing {
        let expected = [
            "SekishoEvidenceFailing",
            "SekishoOwnAlert",
            "SekishoCertificateEnds",
            "SekishoEvidenceStopped",
            "SekishoSecretMismatch",
            "SekishoMessageAuthenticatorMissing",
            "SekishoRefusalsSurge",
        ];
        assert!(expected.contains(own), "{firing:?}");
    }
}
