//! `sekisho evaluate`: how well the sensor does on labelled captures.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::analyze::verdict_json;
use super::arguments::{Words, shown};
use super::{Console, DONE, WRONG, WRONG_USE, evaluate_town, site};
use crate::sensor::evaluation::{
    Class, Flip, Interval, Manifest, Outcome, Row, Score, Times, Totals, Trial,
};
use crate::shell::capture::{Capture, read_whole};
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::{Language, Text, hex};

/// The recall and precision each scenario should reach.
pub(super) const TARGET: f64 = 0.95;

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let about = words.say(
        "ラベル付きキャプチャーか模擬の庁舎で、検知の再現率・適合率・検知時間を測る(終了コード: 0 目標達成、1 未達、2 使い方の誤り・読めないファイル)",
        "measure recall, precision and time to detect on labelled captures or a simulated city hall (exit 0 targets met, 1 not met, 2 wrong use or an unreadable file)",
    );
    let manifest = words.path(
        "manifest",
        "FILE",
        "キャプチャーと期待する結果の一覧(タブ区切り)",
        "list of captures and what is expected of them, tab-separated",
    );
    let captures = words.path(
        "captures",
        "DIR",
        "キャプチャーのあるディレクトリ",
        "directory of the captures",
    );
    let command = Command::new("evaluate").about(about).arg_required_else_help(true);
    let apart = |arg: Arg| arg.required_unless_present("simulate").conflicts_with("simulate");
    let command = command.args([apart(manifest), apart(captures)]);
    site::with_json(evaluate_town::define(command, words), words)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    if matches.contains_id("simulate") {
        return evaluate_town::run(matches, console);
    }
    let language = console.language;
    let path = site::path(matches, "manifest");
    let directory = site::path(matches, "captures");
    let octets = match read_whole(&path) {
        Ok(octets) => octets,
        Err(failure) => {
            console.complain(failure.message(language));
            return WRONG_USE;
        }
    };
    let manifest = Manifest::parse(&String::from_utf8_lossy(&octets));
    let mut run = Run { manifest: path, directory, ..Run::default() };
    for fault in &manifest.faults {
        run.fault(fault.line, fault.text(language));
    }
    for row in &manifest.rows {
        run.row(row, language);
    }
    if matches.get_flag("json") {
        let value = run.json(language);
        console.json(&value);
    } else if !manifest.rows.is_empty() {
        run.print(console);
    }
    for failure in &run.failures {
        console.complain(failure.message(language));
    }
    match (run.failures.is_empty() && !manifest.rows.is_empty(), run.is_met()) {
        (false, _) => WRONG_USE,
        (true, true) => DONE,
        (true, false) => WRONG,
    }
}

/// An evaluation under way.
#[derive(Default)]
struct Run {
    manifest: PathBuf,
    directory: PathBuf,
    score: Score,
    failures: Vec<Failure>,
    /// Rows worth showing, with what came of them, and how they were flipped.
    shown: Vec<(Row, Option<Flip>, Outcome)>,
}

impl Run {
    fn fault(&mut self, line: usize, cause: impl ToString) {
        let failure = Failure::new(FailureKind::ManifestWrong).fact("path", shown(&self.manifest));
        self.failures.push(failure.fact("line", line).fact("cause", cause.to_string()));
    }

    fn row(&mut self, row: &Row, language: Language) {
        let path = self.directory.join(&row.file);
        let octets = match read_whole(&path) {
            Ok(octets) => octets,
            Err(failure) => return self.fault(row.line, failure.message(language)),
        };
        let digest = ring::digest::digest(&ring::digest::SHA256, &octets);
        if !row.sha256.is_empty() && hex(digest.as_ref()) != row.sha256 {
            let text = Text {
                ja: "`{path}` の SHA-256 が一覧と違います。ラベルの付いたファイルを置き直してください",
                en: "the SHA-256 of `{path}` is not that of the manifest; put the labelled file back",
            };
            let cause = text.fill(language, &[("path", shown(&path))]);
            return self.fault(row.line, cause);
        }
        match attempt(row, None, &path, &octets) {
            Ok(outcome) => {
                self.score.add(row, &outcome);
                self.keep(row, None, outcome);
            }
            Err(failure) => return self.fault(row.line, failure.message(language)),
        }
        for flip in Flip::of(row) {
            // OK to pass over failures because the same octets were read just now.
            let Ok(outcome) = attempt(row, Some(flip), &path, &octets) else { continue };
            self.score.add_flip(&outcome);
            self.keep(row, Some(flip), outcome);
        }
    }

    fn keep(&mut self, row: &Row, flip: Option<Flip>, outcome: Outcome) {
        let spoke = !outcome.verdicts.is_empty() || !outcome.signs.is_empty();
        let ambiguous = row.class == Class::Ambiguous && spoke;
        let wrong = !outcome.misses.is_empty()
            || !outcome.false_alarms.is_empty()
            || !outcome.unrecognised.is_empty();
        if ambiguous || wrong {
            self.shown.push((row.clone(), flip, outcome));
        }
    }

    /// Whether every scenario reaches the target and nothing was claimed wrongly elsewhere.
    fn is_met(&self) -> bool {
        let met = |totals: &Totals| {
            totals.recall().is_none_or(|recall| recall >= TARGET) && totals.precision() >= TARGET
        };
        self.score.scenarios.values().all(met)
            && self.score.flips.1 == 0
            && self.score.parsed.1 == 0
    }

    fn json(&self, language: Language) -> Value {
        let scenarios: serde_json::Map<String, Value> = self
            .score
            .scenarios
            .iter()
            .map(|(name, totals)| (name.clone(), totals_json(totals)))
            .collect();
        let of = |pick: fn(&Outcome) -> bool, say: &dyn Fn(&Row, &Outcome) -> Value| -> Value {
            let rows = self
                .shown
                .iter()
                .filter(|(row, _, outcome)| row.class != Class::Ambiguous && pick(outcome));
            let one = |(row, flip, outcome): &(Row, Option<Flip>, Outcome)| {
                let flip = flip.map(Flip::id);
                json!({
                    "file": row.file, "line": row.line, "scenario": row.scenario, "flip": flip,
                    "reasons": say(row, outcome),
                })
            };
            rows.map(one).collect()
        };
        let ambiguous = self.shown.iter().filter(|(row, ..)| row.class == Class::Ambiguous);
        let ambiguous: Value = ambiguous
            .map(|(row, _, outcome)| {
                let kinds: Vec<_> = outcome.verdicts.iter().map(|it| it.kind.id()).collect();
                json!({ "file": row.file, "signs": outcome.signs, "verdicts": kinds })
            })
            .collect();
        json!({
            "overall": totals_json(&self.score.overall),
            "scenarios": scenarios,
            "flips": { "runs": self.score.flips.0, "false_alarms": self.score.flips.1 },
            "parsed": { "rows": self.score.parsed.0, "unrecognised": self.score.parsed.1 },
            "misses": of(|it| !it.misses.is_empty(), &|_, outcome| {
                outcome.misses.iter().map(|miss| json!(miss.text(language))).collect()
            }),
            "false_alarms": of(|it| !it.false_alarms.is_empty(), &|row, outcome| {
                let alarms = outcome.false_alarms.iter();
                alarms.map(|alarm| verdict_json(&row.file, alarm, None, language)).collect()
            }),
            "unrecognised": of(|it| !it.unrecognised.is_empty(), &|_, outcome| {
                outcome.unrecognised.iter().map(|it| json!(it.id())).collect()
            }),
            "ambiguous": ambiguous,
            "errors": self.failures.iter().map(|it| it.message(language)).collect::<Vec<_>>(),
            "target": TARGET,
            "met": self.is_met(),
        })
    }

    fn print(&self, console: &mut Console) {
        let language = console.language;
        let heading = Text {
            ja: "シナリオ: 件数、検知/正例、再現率 [95%]、誤警報、適合率 [95%]、検知までの秒(中央値、p95)",
            en: "scenario: rows, found/positives, recall [95 %], false alarms, precision [95 %], seconds to detect (median, p95)",
        };
        console.line(heading.get(language));
        for (name, totals) in &self.score.scenarios {
            console.line(totals_line(name, totals));
        }
        let all = Text { ja: "全体", en: "overall" }.get(language);
        console.line(totals_line(all, &self.score.overall));
        let facts = [
            ("flips", self.score.flips.0.to_string()),
            ("alarms", self.score.flips.1.to_string()),
            ("parsed", self.score.parsed.0.to_string()),
            ("unread", self.score.parsed.1.to_string()),
            ("units", self.score.overall.units().0.to_string()),
        ];
        let text = Text {
            ja: "計画を変えた再実行 {flips} 回、うち誤警報 {alarms}。プロトコル認識 {parsed} 件、うち不認識 {unread}。再現率の区間は独立な単位(製品・拠点)で数える(全体で {units})。",
            en: "flip runs: {flips}, false alarms in them: {alarms}; protocols to recognise: {parsed}, not recognised: {unread}; intervals of recall are over independent units (product, site), {units} in all",
        };
        console.line(text.fill(language, &facts));
        for (row, flip, outcome) in &self.shown {
            print_row(console, row, *flip, outcome);
        }
    }
}

/// Runs one capture against its row.
fn attempt(row: &Row, flip: Option<Flip>, path: &Path, octets: &[u8]) -> Result<Outcome, Failure> {
    let mut capture = Capture::new(&shown(path), Box::new(std::io::Cursor::new(octets.to_vec())))?;
    let mut trial = Trial::new(row, flip);
    while let Some(frame) = capture.next()? {
        trial.handle(&frame);
    }
    Ok(trial.finish())
}

fn print_row(console: &mut Console, row: &Row, flip: Option<Flip>, outcome: &Outcome) {
    let language = console.language;
    let at = match flip {
        Some(flip) => format!("{} ({}, {})", row.file, row.scenario, flip.id()),
        None => format!("{} ({})", row.file, row.scenario),
    };
    let say = |ja, en| Text { ja, en }.get(language);
    for miss in &outcome.misses {
        let kinds: Vec<_> = miss.kinds.iter().map(|kind| kind.id()).collect();
        let word = say("見逃し", "miss");
        console.line(format!("{word} {at}: {}: {}", kinds.join("|"), miss.text(language)));
    }
    for alarm in &outcome.false_alarms {
        let word = say("誤警報", "false alarm");
        console.line(format!("{word} {at}: [{}] {}", alarm.kind.id(), alarm.text(language)));
        for sign in &alarm.signs {
            console.line(format!("    {}: {}", sign.frame, sign.text(language)));
        }
    }
    if !outcome.unrecognised.is_empty() {
        let ids: Vec<_> = outcome.unrecognised.iter().map(|protocol| protocol.id()).collect();
        console.line(format!("{} {at}: {}", say("不認識", "not recognised"), ids.join("|")));
    }
    if row.class == Class::Ambiguous {
        let kinds: Vec<_> = outcome.verdicts.iter().map(|verdict| verdict.kind.id()).collect();
        let word = say("採点しない", "not scored");
        let (signs, kinds) = (outcome.signs.join(", "), kinds.join(", "));
        console.line(format!("{word} {at}: {signs} [{kinds}]"));
    }
}

pub(super) fn interval_json(interval: Interval) -> Value {
    json!([interval.low, interval.high])
}

pub(super) fn times_json(times: &Times) -> Value {
    json!({
        "median": times.quantile(0.5),
        "p95": times.quantile(0.95),
        "median_ci95": times.median_interval().map(interval_json),
    })
}

fn totals_json(totals: &Totals) -> Value {
    let (units, units_found) = totals.units();
    json!({
        "rows": totals.rows,
        "positives": totals.positives,
        "found": totals.found,
        "recall": totals.recall(),
        "recall_ci95": totals.recall().map(|_| interval_json(totals.recall_interval())),
        "units": units,
        "units_found": units_found,
        "precision": totals.precision(),
        "precision_ci95": interval_json(totals.precision_interval()),
        "false_alarms": totals.false_alarms,
        "false_alarms_per_row_ci95": interval_json(totals.false_alarm_interval()),
        "time_to_detect_s": times_json(&totals.from_offence),
        "time_from_first_frame_s": times_json(&totals.from_first_frame),
    })
}

fn totals_line(name: &str, totals: &Totals) -> String {
    let share = |value: Option<f64>, interval: Interval| match value {
        Some(value) => format!("{value:.3} [{:.3}, {:.3}]", interval.low, interval.high),
        None => "-".to_owned(),
    };
    let seconds = |share| {
        let time = totals.from_offence.quantile(share);
        time.map_or_else(|| "-".to_owned(), |time| format!("{time:.3}"))
    };
    format!(
        "{name}: {}, {}/{}, {}, {}, {}, {}, {}",
        totals.rows,
        totals.found,
        totals.positives,
        share(totals.recall(), totals.recall_interval()),
        totals.false_alarms,
        share(Some(totals.precision()), totals.precision_interval()),
        seconds(0.5),
        seconds(0.95),
    )
}
