//! Incidents and reports over the real binary: an incident from its opening to the report, and
//! the bundle that the CSIRT is handed, read by programs that are not ours.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::city::{City, now, printed, run};

fn told(city: &City, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(&mut city.sekisho(arguments));
    (output.status.code(), printed(&output))
}

fn json(city: &City, arguments: &[&str]) -> Value {
    let output = run(&mut city.sekisho(arguments));
    assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The fiscal year in which this test runs.
pub(crate) fn year() -> String {
    let day = now().day();
    let mut parts = day.split('-');
    let (year, month) = (parts.next().unwrap(), parts.next().unwrap());
    (year.parse::<i32>().unwrap() - i32::from(month < "04")).to_string()
}

/// Waits until the evidence holds the records that are cited.
fn recorded(city: &City) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while run(&mut city.sekisho(&["log", "search", "--format", "json"])).stdout.is_empty() {
        assert!(Instant::now() < deadline, "records are kept");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Opens, notes and closes an incident; its id.
fn incident(city: &City) -> String {
    recorded(city);
    let open = [
        "incident",
        "open",
        "--title",
        "<b>不審な中継器</b>",
        "--reason",
        "通報",
        "--evidence",
        "1",
        "--json",
    ];
    let id = json(city, &open)["incident"].as_str().unwrap().to_owned();
    for (kind, text) in [("action", "LAN から切り離した"), ("corrective", "ポートを一台に限る")]
    {
        let note = ["incident", "note", &id, "--kind", kind, "--text", text, "--json"];
        assert_eq!(json(city, &note)["incident"], id.as_str());
    }
    let decision = [
        "incident",
        "note",
        &id,
        "--kind",
        "decision",
        "--text",
        "公表しない",
        "--reason",
        "早期に復旧",
        "--by",
        "市長",
    ];
    let (code, text) = told(city, &decision);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = told(
        city,
        &["incident", "close", &id.to_lowercase(), "--reason", "撤去を確認", "--lang", "ja"],
    );
    assert!(code == Some(0) && text.contains("終了しました"), "{text}");
    id
}

const WELL_FORMED: &str = "
import sys
from html.parser import HTMLParser
VOID = {'meta'}
class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.cells, self.text = [], 0, ''
    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        assert tag not in ('script', 'link', 'img', 'b', 'iframe'), tag
        assert 'src' not in names and 'href' not in names, attributes
        if tag == 'th': assert names['scope'] in ('col', 'row')
        if tag not in VOID: self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        assert tag in VOID, tag
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
    def handle_data(self, data):
        self.text += data
reader = Reader()
reader.feed(open(sys.argv[1], encoding='utf-8').read())
reader.close()
assert reader.open == [], reader.open
assert '<b>不審な中継器</b>' in reader.text, 'the title is text'
print('well-formed')
";

const TABLES: &str = "
import csv, sys
rows = list(csv.reader(open(sys.argv[1], encoding=sys.argv[2], newline='')))
place = next(n for n, row in enumerate(rows) if row == ['インシデント'])
heading, first = rows[place + 1], rows[place + 2]
assert heading[0] == '番号' and len(first) == len(heading), (heading, first)
assert not any(cell[:1] in '=+-@' for row in rows for cell in row if cell)
print(first[0])
";

#[test]
fn an_incident_is_recorded_step_by_step_and_the_report_shows_it() {
    let city = City::new();
    let server = city.serve();
    let id = incident(&city);
    let list = json(&city, &["incident", "list", "--json"]);
    assert_eq!(list[0]["incident"], id.as_str());
    assert_eq!(json(&city, &["incident", "list", "--open", "--json"]), serde_json::json!([]));
    let shown = json(&city, &["incident", "show", &id, "--json"]);
    let steps = shown["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 5);
    assert_eq!(steps[0]["evidence"], serde_json::json!([1]));
    assert_eq!(steps[3]["decided_by"], "市長");
    assert_ne!(steps[3]["by"], "市長", "the kernel says who entered it");
    for language in ["ja", "en"] {
        let (code, text) = told(&city, &["incident", "show", &id, "--lang", language]);
        assert!(code == Some(0) && text.contains("撤去を確認"), "{text}");
    }
    // The second of the day, also after the service has started anew.
    assert!(server.stop().success());
    let server = city.serve();
    let open = ["incident", "open", "--title", "2", "--reason", "x", "--json"];
    let second = json(&city, &open)["incident"].as_str().unwrap().to_owned();
    assert_ne!(second, id);
    let year = year();
    let report = json(&city, &["report", "--year", &year, "--format", "json"]);
    let incidents = report["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 2);
    assert_eq!(
        (&incidents[0]["state"], &incidents[1]["state"]),
        (&Value::from("closed"), &Value::from("open"))
    );
    assert_eq!(report["corrective"][0]["measure"], "ポートを一台に限る");
    assert_eq!(report["changes"].as_array().unwrap().len(), 0, "nothing was reloaded");
    let rules = report["rules"].as_array().unwrap();
    assert_eq!(rules.iter().filter(|rule| rule["standing"] == "unmeasured").count(), 3);
    assert!(rules.iter().all(|rule| rule["standing"] != "broken"), "{rules:?}");

    let page = run(&mut city.sekisho(&["report", "--year", &year]));
    fs::write(city.path("out.html"), &page.stdout).unwrap();
    let read = run(Command::new("python3").args(["-c", WELL_FORMED]).arg(city.path("out.html")));
    assert_eq!(printed(&read).trim(), "well-formed");
    for (encoding, name) in [("utf-8", "utf-8-sig"), ("cp932", "cp932")] {
        let table = ["report", "--year", &year, "--format", "csv", "--encoding", encoding];
        let table = run(&mut city.sekisho(&table));
        fs::write(city.path("out.csv"), table.stdout).unwrap();
        let mut python = Command::new("python3");
        let read = run(python.args(["-c", TABLES]).arg(city.path("out.csv")).arg(name));
        assert_eq!(printed(&read).trim(), id);
    }
    let redacted = run(&mut city.sekisho(&["report", "--year", &year, "--redacted"]));
    let redacted = String::from_utf8(redacted.stdout).unwrap();
    assert!(redacted.contains(&id) && !redacted.contains("中継器"));
    let (code, text) = told(&city, &["log", "verify"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(server.stop().success());
}

#[test]
fn wrong_steps_of_an_incident_are_refused_in_both_languages_and_change_nothing() {
    let city = City::new();
    let (code, text) = told(&city, &["incident", "open", "--title", "x", "--reason", "x"]);
    assert!(code == Some(1) && text.contains("serve"), "{text}");
    let server = city.serve();
    let id = incident(&city);
    for (arguments, code, part) in [
        (&["note", "INC-1", "--text", "x"][..], 1, "INC-1"),
        (&["show", "INC-1"], 1, "INC-1"),
        (&["bundle", "INC-1", "--out", "out"], 1, "INC-1"),
        (&["note", &id, "--text", "x"], 1, &id),
        (&["close", &id, "--reason", "x"], 1, &id),
        (&["open", "--title", " ", "--reason", "x"], 1, "title"),
        (&["open", "--title", "x", "--reason", " "], 1, "reason"),
        (&["open", "--title", "x"], 2, "--reason"),
        (&["open", "--title", "x", "--reason", "x", "--evidence", "x"], 1, "12,15-17"),
        (&["open", "--title", "x", "--reason", "x", "--evidence", "999999"], 1, "999999"),
        (&["open", "--title", "x", "--reason", "x", "--detected", "2999-01-01"], 1, "2999-01-01"),
        (&["note", &id, "--text", "x", "--kind", "guess"], 2, "corrective"),
        (&["show"], 2, ""),
    ] {
        for language in ["ja", "en"] {
            let arguments = [&["incident"], arguments, &["--lang", language]].concat();
            let (found, text) = told(&city, &arguments);
            assert!(found == Some(code) && text.contains(part), "{arguments:?}: {found:?} {text}");
        }
    }
    assert_eq!(json(&city, &["incident", "list", "--json"]).as_array().unwrap().len(), 1);
    let second = ["incident", "open", "--title", "x", "--reason", "x", "--json"];
    let second = json(&city, &second)["incident"].as_str().unwrap().to_owned();
    let decision = ["incident", "note", &second, "--text", "x", "--kind", "decision"];
    let (code, text) = told(&city, &decision);
    assert!(code == Some(1) && text.contains("reason"), "a decision wants its ground: {text}");
    assert!(server.stop().success());
}

#[test]
fn a_bundle_proves_its_records_by_the_seals_and_shows_every_change() {
    let city = City::new();
    let server = city.serve();
    let id = incident(&city);
    assert!(server.stop().success());
    // As on the day after: the day is sealed by the service's own key.
    let state = city.path("state");
    let key = sekisho::shell::evidence::SealKey::of(&state).unwrap();
    let bundle = |out: &str| {
        let (code, text) = told(&city, &["incident", "bundle", &id, "--out", out, "--lang", "en"]);
        assert!(code == Some(0) && text.contains("incident verify"), "{text}");
    };
    let verify = |out: &str| told(&city, &["incident", "verify", out, "--lang", "en"]);
    bundle("open");
    let (code, text) = verify("open");
    assert!(code == Some(0) && text.contains("(0 records sealed, 6 not sealed yet)"), "{text}");
    {
        use sekisho::record::Store as _;
        let mut store = sekisho::shell::evidence::Sqlite::open(&state).unwrap();
        let tomorrow = sekisho::vocabulary::Timestamp(now().0 + 86_400_000);
        assert!(
            !store.seal("sekisho-1", tomorrow, &|message| key.sign(message)).unwrap().is_empty()
        );
    }
    bundle("sealed");
    let (code, text) = verify("sealed");
    assert!(code == Some(0) && text.contains("(6 records sealed, 0 not sealed yet)"), "{text}");
    let (code, text) = told(&city, &["incident", "bundle", &id, "--out", "sealed"]);
    assert!(code == Some(1) && text.contains("sealed"), "nothing is written over: {text}");
    // The same days read by the check of the archive.
    let segments: Vec<String> = fs::read_dir(city.path("sealed/segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    let mut arguments = vec!["log", "verify", "--key", "sealed/evidence.pub"];
    arguments.extend(segments.iter().map(String::as_str));
    let (code, text) = told(&city, &arguments);
    assert_eq!(code, Some(0), "{text}");
    let readme = fs::read_to_string(city.path("sealed/README.txt")).unwrap();
    assert!(readme.contains("確かめ方") && readme.contains("To check it"));

    for out in ["open", "sealed"] {
        for (file, from, to) in [
            ("records.jsonl", "通報", "通知"),
            ("incident.json", "市長", "課長"),
            ("incident.txt", "市長", "課長"),
            ("seals.json", "\"head\": \"", "\"head\": \"0"),
            ("unsealed.jsonl", "通報", "通知"),
            ("unsealed.jsonl", "\"sequence\":0", "\"sequence\":1"),
            ("evidence.pub", "", "0"),
        ] {
            let path = city.path(out).join(file);
            let Ok(whole) = fs::read_to_string(&path) else { continue };
            let changed = whole.replacen(from, to, 1);
            if changed == whole || (out == "open" && file == "evidence.pub") {
                continue;
            }
            fs::write(&path, changed).unwrap();
            let (code, text) = verify(out);
            assert_eq!(code, Some(1), "{out}/{file}: {text}");
            fs::write(&path, whole).unwrap();
        }
    }
    let (code, text) = verify("sealed");
    assert_eq!(code, Some(0), "{text}");
    let other = "00".repeat(32);
    fs::write(city.path("other.pub"), other).unwrap();
    let (code, text) = told(&city, &["incident", "verify", "sealed", "--key", "other.pub"]);
    assert_eq!(code, Some(1), "another key proves nothing: {text}");
}
