//! What evidence costs: octets a record, records a second that are durable, and how long a search
//! takes. `cargo bench --bench evidence` writes a million records, `-- --records N` as many as
//! that, `-- --json` one object for programs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement stops loudly and prints"
)]

use std::time::{Duration, Instant};

use sekisho::record::{Field, Line, Pattern, Query, Span, Store as _};
use sekisho::shell::evidence::{EVIDENCE_FILE, Sqlite};
use sekisho::vocabulary::Timestamp;
use serde_json::{Value, json};

/// 2026-04-01T00:00:00+09:00.
const BEGIN_MS: i64 = 1_774_969_200_000;
const DEVICES: u64 = 3_118;
/// Between two records, so that a million spread over a working year's quarter.
const STEP_MS: i64 = 7_800;
const REPEATS: usize = 15;

/// A decision as the service records it.
fn decision(number: u64) -> Line {
    let device = number.wrapping_mul(2_654_435_761) % DEVICES;
    let environment = ["A", "B", "C"][usize::try_from(device % 3).unwrap()];
    let refused = number.is_multiple_of(97);
    let value = json!({
        "time": Timestamp(BEGIN_MS + i64::try_from(number).unwrap() * STEP_MS).rfc3339(),
        "event": "AUTH", "severity": if refused { "warning" } else { "info" },
        "node": "sekisho-1", "generation": 7, "schema": 1,
        "outcome": if refused { "refuse" } else { "admit" },
        "reason": if refused { "device.unknown" } else { "policy.admitted" },
        "text": if refused { "登録されていない端末です。" } else { "規則 P-10 により環境に許可しました。" },
        "site": format!("site-{:02}", device % 20),
        "switch": format!("sw{:03}", device % 124),
        "place": format!("site-{:02}/sw{:03}/0/{}", device % 20, device % 124, device % 48),
        "mac": format!("00-12-E2-00-{:02X}-{:02X}", device >> 8, device & 255),
        "raw_user": format!("pc{device:04}.city.example"), "raw_calling": "00-12-e2-00-00-00",
        "method": "eap-tls", "identity": format!("pc{device:04}.city.example"),
        "serial": format!("{:032x}", u128::from(device) * 7_919),
        "asset": format!("P-{device:04}"), "host": format!("PC{device:04}"),
        "section": format!("課{:02}", device % 40), "environment": environment,
        "vlan": 110 + device % 3 * 10, "rule": "P-10", "grant": Value::Null,
        "resumed": false, "tls": "1.3", "rounds": 4, "elapsed_us": 2_100,
    });
    let Value::Object(line) = value else { unreachable!() };
    line
}

fn query(fields: &[(Field, &str)], span: Span, limit: usize) -> Query {
    let fields = fields.iter().map(|(field, text)| (*field, Pattern::new(*field, text).unwrap()));
    Query { span, fields: fields.collect(), limit }
}

/// Median and longest of some repetitions, and how many answers there were.
fn time(store: &Sqlite, query: &Query) -> (Duration, Duration, usize) {
    let mut taken = Vec::new();
    let mut answers = 0;
    for _ in 0..REPEATS {
        let begun = Instant::now();
        answers = store.search(query).unwrap().len();
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    (taken[REPEATS / 2], taken[REPEATS - 1], answers)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let as_json = arguments.iter().any(|argument| argument == "--json");
    let records = arguments.iter().position(|argument| argument == "--records");
    let records = records.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(1_000_000);
    let directory = tempfile::tempdir().unwrap();
    let mut result = serde_json::Map::new();

    // Durable records a second, by how many wait when the keeper looks.
    for batch in [1_u64, 16, 256, 4096] {
        let place = directory.path().join(format!("batch-{batch}"));
        std::fs::create_dir(&place).unwrap();
        let mut store = Sqlite::open(&place).unwrap();
        let total = (batch * 64).clamp(256, 32_768);
        let lines: Vec<Line> = (0..total).map(decision).collect();
        let begun = Instant::now();
        for batch in lines.chunks(usize::try_from(batch).unwrap()) {
            store.append(batch).unwrap();
        }
        let rate = total as f64 / begun.elapsed().as_secs_f64();
        println!("durable, {batch:>4} a commit: {rate:>9.0} records/s");
        result.insert(format!("durable_per_second_{batch}"), json!(rate.round()));
    }

    let mut store = Sqlite::open(directory.path()).unwrap();
    let begun = Instant::now();
    for first in (0..records).step_by(4096) {
        let lines: Vec<Line> = (first..records.min(first + 4096)).map(decision).collect();
        store.append(&lines).unwrap();
    }
    println!("{records} records in {:.1} s, making them included", begun.elapsed().as_secs_f64());
    let octets = std::fs::metadata(directory.path().join(EVIDENCE_FILE)).unwrap().len();
    let each = octets as f64 / records as f64;
    println!("{each:.0} octets a record, indices included");
    result.insert("octets_per_record".to_owned(), json!(each.round()));

    let reader = Sqlite::open_to_read(&directory.path().join(EVIDENCE_FILE)).unwrap();
    let last = Timestamp(BEGIN_MS + i64::try_from(records).unwrap() * STEP_MS);
    let day = Span { from: Timestamp(last.0 - 86_400_000), to: last };
    let week_ago = Timestamp(last.0 - 7 * 86_400_000);
    let hour = Span { from: week_ago, to: Timestamp(week_ago.0 + 3_600_000) };
    for (name, query) in [
        ("one device, all time", query(&[(Field::Mac, "00-12-E2-00-01-02")], Span::ALL, 1000)),
        (
            "one person, all time",
            query(&[(Field::Identity, "pc0700.city.example")], Span::ALL, 1000),
        ),
        (
            "one port, all time",
            query(&[(Field::Switch, "sw017"), (Field::Place, "*/sw017/0/17")], Span::ALL, 1000),
        ),
        ("refusals, newest 1,000", query(&[(Field::Outcome, "refuse")], Span::ALL, 1000)),
        ("one environment, one hour a week ago", query(&[(Field::Environment, "B")], hour, 1000)),
        ("one section, last day", query(&[(Field::Section, "課07")], day, 1000)),
        (
            "beginning of a MAC, newest 1,000",
            query(&[(Field::Mac, "00-12-E2-00-0*")], Span::ALL, 1000),
        ),
        ("part of a computer's name, all time", query(&[(Field::Host, "*C303*")], Span::ALL, 1000)),
        ("something that never was", query(&[(Field::Asset, "X-9999")], Span::ALL, 1000)),
    ] {
        let (median, longest, answers) = time(&reader, &query);
        println!("{name}: {median:>10.2?} (longest {longest:.2?}), {answers} answers");
        let figures = json!({ "median_ms": median.as_secs_f64() * 1e3, "longest_ms": longest.as_secs_f64() * 1e3, "answers": answers });
        result.insert(name.to_owned(), figures);
    }
    if as_json {
        println!("{}", Value::Object(result));
    }
}
