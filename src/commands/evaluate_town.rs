//! `sekisho evaluate --simulate`: how well the sensor does in a simulated city hall.

use std::path::PathBuf;

use clap::{ArgMatches, Command, value_parser};
use serde_json::{Map, Value, json};

use super::arguments::Words;
use super::evaluate::{TARGET, interval_json, times_json};
use super::{Console, DONE, WRONG, WRONG_USE};
use crate::sensor::evaluation::clopper_pearson;
use crate::shell::Failure;
use crate::shell::capture::CaptureWriter;
use crate::simulation::town::{
    ENDPOINTS_MAX, FormResult, Group, HOURS_MAX, Measured, REPEATS_MAX, Settings, Story,
    WrongAlarm, measure,
};
use crate::vocabulary::{Language, Text};

/// The slowest that one verdict in twenty may be, in seconds.
const P95_TARGET_S: f64 = 60.0;
/// False alarms for each endpoint and day that are too many.
const FALSE_ALARM_TARGET: f64 = 1e-4;
/// Sub-variants that have a target; of others, what was found is told.
const WITH_TARGET: &[&str] = &["2a", "2b", "3b", "3c", "4a", "5a"];

pub(super) fn define(command: Command, words: Words) -> Command {
    let number = |id, value, ja, en| words.text(id, value, ja, en).requires("simulate");
    let seed = words.text(
        "simulate",
        "SEED",
        "キャプチャーの代わりに模擬の庁舎で測る。同じ種なら同じ結果になる",
        "measure in a simulated city hall instead; the same seed gives the same results",
    );
    let hours = number(
        "hours",
        "HOURS",
        "模擬する時間[既定: 10。朝 8 時から]",
        "simulated hours [default: 10, from eight in the morning]",
    );
    let endpoints =
        number("endpoints", "N", "登録端末の数[既定: 300]", "registered devices [default: 300]");
    let repeats = number(
        "repeats",
        "N",
        "持ち込み・回避・まぎらわしい例をそれぞれ何回起こすか[既定: 10]",
        "how often each thing brought in, evasion and trap happens [default: 10]",
    );
    let write = words
        .path(
            "write",
            "FILE.pcap",
            "ミラーに流れたフレームをファイルにも書く",
            "write the mirror's frames into a file as well",
        )
        .requires("simulate");
    command.args([
        seed.value_parser(value_parser!(u64)),
        hours.value_parser(value_parser!(u32).range(1..=i64::from(HOURS_MAX))),
        endpoints.value_parser(value_parser!(u32).range(30..=i64::from(ENDPOINTS_MAX))),
        repeats.value_parser(value_parser!(u32).range(0..=i64::from(REPEATS_MAX))),
        write,
    ])
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let number = |id: &str, default| matches.get_one::<u32>(id).copied().unwrap_or(default);
    let settings = Settings {
        seed: matches.get_one::<u64>("simulate").copied().unwrap_or_default(),
        hours: number("hours", 10),
        endpoints: number("endpoints", 300),
        repeats: number("repeats", 10),
    };
    let measured = match simulate(settings, matches.get_one::<PathBuf>("write")) {
        Ok(Some(measured)) => measured,
        Ok(None) => {
            let text = Text {
                ja: "模擬する庁舎の計画を作れませんでした。端末の数を変えてください",
                en: "no plan could be made for the simulated hall; try another number of devices",
            };
            console.complain(text.get(console.language));
            return WRONG_USE;
        }
        Err(failure) => {
            console.complain(failure.message(console.language));
            return WRONG_USE;
        }
    };
    if matches.get_flag("json") {
        let value = to_json(&measured, console.language);
        console.json(&value);
    } else {
        print(&measured, console);
    }
    if is_met(&measured) { DONE } else { WRONG }
}

fn simulate(settings: Settings, write: Option<&PathBuf>) -> Result<Option<Measured>, Failure> {
    let mut file = write.map(|path| CaptureWriter::create(path)).transpose()?;
    let measured = measure(settings, |captured| {
        if let Some(file) = &mut file {
            file.add(captured);
        }
    });
    file.map_or(Ok(()), CaptureWriter::finish)?;
    Ok(measured)
}

/// Whether what is to be found is found in time, and false alarms are not certainly too many.
fn is_met(measured: &Measured) -> bool {
    let variants = measured.variants();
    let met = |variant: &str| {
        variants.get(variant).is_none_or(|it| {
            let fast = it.from_offence.quantile(0.95).is_none_or(|time| time <= P95_TARGET_S);
            recall(it).is_none_or(|recall| recall >= TARGET) && fast
        })
    };
    let quiet = measured.false_alarms.interval.low <= FALSE_ALARM_TARGET;
    WITH_TARGET.iter().all(|variant| met(variant)) && quiet
}

fn recall(result: &FormResult) -> Option<f64> {
    (result.told > 0).then(|| f64::from(result.found) / f64::from(result.told))
}

/// A group's results; `alarms` are those that are false in it.
fn result_json(result: &FormResult, alarms: u32) -> Value {
    let claims = result.found + alarms;
    let precision = if claims == 0 { 1.0 } else { f64::from(result.found) / f64::from(claims) };
    json!({
        "positives": result.told,
        "found": result.found,
        "other_kind": result.other_kind,
        "with_signs": result.signs,
        "recall": recall(result),
        "recall_ci95": recall(result).map(|_| interval_json(result.interval())),
        "precision": precision,
        "precision_ci95": interval_json(clopper_pearson(result.found, claims)),
        "false_alarms": alarms,
        "time_to_detect_s": times_json(&result.from_offence),
        "time_from_plug_s": times_json(&result.from_plug),
    })
}

fn story_json(story: Story, result: &FormResult, language: Language) -> Value {
    let (what, signs) = (story.text().get(language), &result.missed_with);
    if story.group() == Group::Trap {
        let alarms = alarms_json(&result.alarms, language);
        return json!({ "what": what, "told": result.told, "raised": result.found, "alarms": alarms });
    }
    json!({
        "what": what,
        "result": result_json(result, 0),
        "kinds": result.kinds,
        "not_found_with_signs": signs,
    })
}

fn alarms_json(alarms: &[WrongAlarm], language: Language) -> Value {
    let one = |alarm: &WrongAlarm| {
        let signs = alarm.verdict.iter().flat_map(|verdict| &verdict.signs);
        let signs: Vec<String> = signs.map(|sign| sign.text(language)).collect();
        json!({ "kind": alarm.kind, "subject": alarm.subject, "signs": signs })
    };
    alarms.iter().map(one).collect()
}

fn to_json(measured: &Measured, language: Language) -> Value {
    let Settings { seed, hours, endpoints, repeats } = measured.settings;
    let rate = &measured.false_alarms;
    let scenarios: Map<String, Value> = measured
        .variants()
        .iter()
        .map(|(variant, result)| ((*variant).to_owned(), result_json(result, 0)))
        .collect();
    let group = |group: Group| -> Map<String, Value> {
        let stories = measured.stories.iter().filter(|(story, _)| story.group() == group);
        stories
            .map(|(story, it)| (story.id().to_owned(), story_json(*story, it, language)))
            .collect()
    };
    json!({
        "simulation": {
            "seed": seed, "hours": hours, "endpoints": endpoints, "repeats": repeats,
            "frames": measured.frames, "unreadable": measured.flawed,
        },
        "overall": result_json(&measured.total(Group::Attack), rate.count),
        "scenarios": scenarios,
        "false_alarms_per_endpoint_day": {
            "count": rate.count,
            "endpoint_days": rate.endpoint_days,
            "rate_ci95": interval_json(rate.interval),
        },
        "false_alarms": alarms_json(&measured.wrong, language),
        "attacks": group(Group::Attack),
        "unseen": group(Group::Unseen),
        "evasions": group(Group::Evasion),
        "traps": group(Group::Trap),
        "target": TARGET,
        "met": is_met(measured),
    })
}

fn print(measured: &Measured, console: &mut Console) {
    let language = console.language;
    let rate = &measured.false_alarms;
    let facts = [
        ("hours", measured.settings.hours.to_string()),
        ("endpoints", measured.settings.endpoints.to_string()),
        ("frames", measured.frames.to_string()),
        ("flawed", measured.flawed.to_string()),
        ("count", rate.count.to_string()),
        ("days", format!("{:.1}", rate.endpoint_days)),
        ("low", format!("{:.2e}", rate.interval.low)),
        ("high", format!("{:.2e}", rate.interval.high)),
    ];
    let text = Text {
        ja: "模擬の庁舎: {hours} 時間、登録端末 {endpoints} 台、{frames} フレーム(読めないもの {flawed})\n誤警報 {count} 件 / {days} 端末日(95% 区間: 1 端末日あたり {low}~{high})",
        en: "simulated hall: {hours} hours, {endpoints} registered devices, {frames} frames (unreadable: {flawed})\nfalse alarms: {count} in {days} endpoint-days (95 %: {low} to {high} for each endpoint-day)",
    };
    console.line(text.fill(language, &facts));
    print_alarms(&measured.wrong, console);
    let heading = Text {
        ja: "類型: 検知/件数、再現率 [95%]、検知までの秒(最初のフレームから: 中央値、p95。接続から: p95)",
        en: "variant: found/told, recall [95 %], seconds to detect (from the first frame: median, p95; from plugging in: p95)",
    };
    console.line(heading.get(language));
    for (variant, result) in measured.variants() {
        console.line(line(variant, &result));
    }
    let groups = [
        (Group::Attack, "攻撃", "attacks"),
        (
            Group::Unseen,
            "有線に現れない、または転送表だけで分かるもの(参考)",
            "not on the wire, or in the forwarding table alone (for information)",
        ),
        (Group::Evasion, "回避", "evasions"),
        (Group::Trap, "まぎらわしいもの(警報の件数)", "traps (alarms raised)"),
    ];
    for (group, ja, en) in groups {
        console.line(format!("-- {}", Text { ja, en }.get(language)));
        let stories = measured.stories.iter().filter(|(story, _)| story.group() == group);
        for (story, result) in stories {
            console.line(format!("{}  {}", line(story.id(), result), story.text().get(language)));
            let kinds: Vec<String> =
                result.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            if !kinds.is_empty() {
                console.line(format!("    [{}]", kinds.join(", ")));
            }
            print_alarms(&result.alarms, console);
            for (signs, count) in result.missed_with.iter().filter(|_| group != Group::Trap) {
                let facts = [("count", count.to_string()), ("signs", signs.clone())];
                let text = match signs.is_empty() {
                    true => Text {
                        ja: "    見逃し {count}: 兆候なし",
                        en: "    missed {count}: no sign",
                    },
                    false => Text {
                        ja: "    見逃し {count}: 兆候は {signs}",
                        en: "    missed {count}: signs {signs}",
                    },
                };
                console.line(text.fill(language, &facts));
            }
        }
    }
}

fn print_alarms(alarms: &[WrongAlarm], console: &mut Console) {
    let language = console.language;
    for alarm in alarms {
        let word = Text { ja: "誤警報", en: "false alarm" }.get(language);
        console.line(format!("{word} [{}] {}", alarm.kind, alarm.subject));
        for sign in alarm.verdict.iter().flat_map(|verdict| &verdict.signs) {
            console.line(format!("    {}", sign.text(language)));
        }
    }
}

fn line(name: &str, result: &FormResult) -> String {
    let interval = result.interval();
    let share = recall(result).map_or_else(
        || "-".to_owned(),
        |recall| format!("{recall:.3} [{:.3}, {:.3}]", interval.low, interval.high),
    );
    let time = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.1}"));
    format!(
        "{name}: {}/{}, {share}, {}, {}, {}",
        result.found,
        result.told,
        time(result.from_offence.quantile(0.5)),
        time(result.from_offence.quantile(0.95)),
        time(result.from_plug.quantile(0.95)),
    )
}
