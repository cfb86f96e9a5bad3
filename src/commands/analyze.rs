//! `sekisho analyze`: what a capture shows of rogue bridges, phones, tethers and proxies.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value, json};

use super::arguments::{Words, shown};
use super::{Console, DONE, WRONG, WRONG_USE, site};
use crate::plan::Plan;
use crate::sensor::{
    About, Breach, Event, Knowledge, NoticeKind, Sensor, Sign, Vantage, Verdict, Watched,
};
use crate::shell::Failure;
use crate::shell::capture::Capture;
use crate::shell::service::Directories;
use crate::vocabulary::{Language, Text};

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let about = words.say(
        "キャプチャーファイルから、テザリング・中継・不正な DHCP/RA・プロキシー・環境間の分離の破れなどを見つける(終了コード: 0 判定なし、1 判定あり、2 使い方の誤り・読めないファイル)",
        "find tethers, relays, rogue DHCP or RA, proxies, breaches of the separation and the like in captures (exit 0 no verdict, 1 verdicts, 2 wrong use or an unreadable file)",
    );
    let captures = Arg::new("capture")
        .value_name("CAPTURE")
        .required(true)
        .num_args(1..)
        .action(ArgAction::Append)
        .value_parser(value_parser!(PathBuf))
        .help(words.say(
            "pcap または pcapng のファイル(- は標準入力)",
            "pcap or pcapng files (- is standard input)",
        ));
    let vantage = words
        .text(
            "vantage",
            "edge|core|learn",
            "ミラーの位置: edge 端末側、core ルーターより上、learn 不明[既定: learn]",
            "where the mirror stands: edge before the first router, core above one, learn unknown [default: learn]",
        )
        .value_parser(["edge", "core", "learn"])
        .hide_possible_values(true);
    let config = words.path(
        "config",
        "DIR",
        "設定のディレクトリ(計画と突き合わせる場合)",
        "directory of the configuration, to compare with the plan",
    );
    let topology = words.path(
        "topology",
        "DIR",
        "拠点・スイッチ・リンクのディレクトリ(計画と突き合わせる場合)",
        "directory of sites, switches and links, to compare with the plan",
    );
    let untagged = words
        .text(
            "untagged-vlan",
            "VLAN",
            "タグのないフレームの VLAN(計画と突き合わせる場合)",
            "the VLAN of frames without a tag, to compare with the plan",
        )
        .value_parser(value_parser!(u16).range(1..=4094));
    let watch = words.flag(
        "watch",
        "判定に至らない監視対象と参考事項も示す",
        "show the watch list and notices as well",
    );
    let command = Command::new("analyze").about(about).arg_required_else_help(true);
    let command = command.args([captures, vantage, config, topology, untagged, watch]);
    command.arg(words.flag("json", "JSON を1行に1件ずつ出力する", "print JSON, one object a line"))
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let vantage = match matches.get_one::<String>("vantage").map(String::as_str) {
        Some("edge") => Vantage::Edge,
        Some("core") => Vantage::Core,
        _ => Vantage::Learn,
    };
    let planned = ["config", "topology"].iter().any(|name| matches.contains_id(name));
    let plan = if planned {
        let directories = Directories {
            config: site::path(matches, "config"),
            topology: site::path(matches, "topology"),
            secrets: PathBuf::from("secrets"),
        };
        match site::compile(&directories, console) {
            Ok(plan) => Some(plan),
            Err(_) => return WRONG_USE,
        }
    } else {
        None
    };
    let (json, watch) = (matches.get_flag("json"), matches.get_flag("watch"));
    let (mut verdicts, mut unreadable) = (0_u64, false);
    for path in matches.get_many::<PathBuf>("capture").into_iter().flatten() {
        let mut knowledge = plan
            .as_ref()
            .map_or_else(|| Knowledge::none(vantage), |plan| Knowledge::of_plan(plan, vantage));
        knowledge.untagged = matches.get_one::<u16>("untagged-vlan").copied();
        let mut reading = Reading {
            file: shown(path),
            plan: plan.as_ref(),
            console: &mut *console,
            json,
            watch,
            verdicts: 0,
        };
        let mut sensor = Sensor::new(knowledge);
        let result = Capture::open(path).and_then(|mut capture| {
            let result = reading.read(&mut capture, &mut sensor);
            reading.finish(&sensor);
            result
        });
        verdicts += reading.verdicts;
        if let Err(failure) = result {
            console.complain(failure.message(console.language));
            unreadable = true;
        }
    }
    match (unreadable, verdicts) {
        (true, _) => WRONG_USE,
        (false, 0) => DONE,
        (false, _) => WRONG,
    }
}

/// One capture being read.
struct Reading<'a> {
    file: String,
    plan: Option<&'a Plan>,
    console: &'a mut Console,
    json: bool,
    watch: bool,
    verdicts: u64,
}

impl Reading<'_> {
    fn read(&mut self, capture: &mut Capture, sensor: &mut Sensor) -> Result<(), Failure> {
        while let Some(frame) = capture.next()? {
            sensor.handle(&frame);
            while let Some(event) = sensor.poll_event() {
                match event {
                    Event::Verdict(verdict) => self.verdict(&verdict),
                    Event::Breach(breach) => self.breach(&breach),
                    Event::Notice { kind, about, facts, .. } => self.notice(kind, &about, &facts),
                    Event::Sign { .. } => {}
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, sensor: &Sensor) {
        let watched = sensor.watched();
        for entry in &watched {
            self.watched(entry);
        }
        if !self.json {
            let counters = sensor.counters();
            let facts = [
                ("file", self.file.clone()),
                ("frames", counters.frames.to_string()),
                ("flawed", counters.flawed.to_string()),
                ("evicted", sensor.evicted().to_string()),
                ("verdicts", self.verdicts.to_string()),
                ("watched", watched.len().to_string()),
            ];
            let text = Text {
                ja: "{file}: {frames} フレーム(読めないもの {flawed}、記憶から外したもの {evicted})、判定 {verdicts} 件、監視対象 {watched} 件",
                en: "{file}: frames: {frames} (unreadable: {flawed}, let go from memory: {evicted}), verdicts: {verdicts}, watched: {watched}",
            };
            self.console.line(text.fill(self.console.language, &facts));
        }
    }

    fn verdict(&mut self, verdict: &Verdict) {
        self.verdicts += 1;
        let language = self.console.language;
        if self.json {
            let value = verdict_json(&self.file, verdict, self.plan, language);
            self.console.line(value);
            return;
        }
        let facts = [
            ("kind", verdict.kind.id().to_owned()),
            ("text", verdict.text(language)),
            ("score", tenths(verdict.score_tenths)),
            ("variants", verdict.kind.variants().join(", ")),
            ("frame", verdict.frame.to_string()),
            ("time", verdict.time.timestamp().local()),
        ];
        let text = Text {
            ja: "! [{kind}] {text}(点数 {score}、類型 {variants}、フレーム {frame}、{time})",
            en: "! [{kind}] {text} (score {score}, variants {variants}, frame {frame}, {time})",
        };
        self.console.line(text.fill(language, &facts));
        self.place(&verdict.about);
        self.signs(&verdict.signs);
    }

    fn breach(&mut self, breach: &Breach) {
        self.verdicts += 1;
        let language = self.console.language;
        if self.json {
            let value = breach_json(&self.file, breach, self.plan, language);
            self.console.line(value);
            return;
        }
        self.console.line(format!("! [{}] {}", breach.kind.id(), breach.text(language)));
        self.place(&breach.about);
        for seen in &breach.evidence {
            let facts = [
                ("frame", seen.frame.to_string()),
                ("time", seen.time.timestamp().local()),
                ("vlan", seen.vlan.to_string()),
                ("address", seen.address.map_or_else(|| "-".to_owned(), |it| it.to_string())),
            ];
            let text = Text {
                ja: "      フレーム {frame}({time}): VLAN {vlan}、送信元 {address}",
                en: "      frame {frame} ({time}): VLAN {vlan}, source {address}",
            };
            self.console.line(text.fill(language, &facts));
        }
    }

    fn place(&mut self, about: &About) {
        let language = self.console.language;
        let Some((asset, place)) = registered(self.plan, about) else { return };
        let text = Text {
            ja: "      台帳: {asset}、設置場所 {place}",
            en: "      registered: {asset}, at {place}",
        };
        self.console.line(text.fill(language, &[("asset", asset), ("place", place)]));
    }

    fn signs(&mut self, signs: &[Sign]) {
        let language = self.console.language;
        for sign in signs {
            let facts = [
                ("frame", sign.frame.to_string()),
                ("time", sign.time.timestamp().local()),
                ("text", sign.text(language)),
                ("id", sign.kind.id().to_owned()),
            ];
            let text = Text {
                ja: "      フレーム {frame}({time}): {text} [{id}]",
                en: "      frame {frame} ({time}): {text} [{id}]",
            };
            self.console.line(text.fill(language, &facts));
        }
    }

    fn watched(&mut self, entry: &Watched) {
        if !self.watch {
            return;
        }
        let language = self.console.language;
        if self.json {
            let mut value = about_json(&self.file, &entry.about, self.plan);
            value.insert("level".to_owned(), json!("watch"));
            value.insert("score".to_owned(), json!(f64::from(entry.score_tenths) / 10.0));
            value.insert("signs".to_owned(), signs_json(&entry.signs, language));
            self.console.line(Value::Object(value));
            return;
        }
        let facts =
            [("subject", entry.about.subject.to_string()), ("score", tenths(entry.score_tenths))];
        let text = Text {
            ja: "? 監視対象 {subject}(点数 {score})",
            en: "? watched: {subject} (score {score})",
        };
        self.console.line(text.fill(language, &facts));
        self.signs(&entry.signs);
    }

    fn notice(&mut self, kind: NoticeKind, about: &About, facts: &[(&'static str, String)]) {
        if !self.watch {
            return;
        }
        let facts = [facts, &[("subject", about.subject.to_string())]].concat();
        let text = kind.text().fill(self.console.language, &facts);
        if self.json {
            let mut value = about_json(&self.file, about, self.plan);
            value.insert("level".to_owned(), json!("notice"));
            value.insert("kind".to_owned(), json!(kind.id()));
            value.insert("text".to_owned(), json!(text));
            self.console.line(Value::Object(value));
        } else {
            self.console.line(format!("- [{}] {text}", kind.id()));
        }
    }
}

/// A score for people.
fn tenths(score: u32) -> String {
    format!("{}.{}", score / 10, score % 10)
}

/// The registered device behind a MAC, and where it is registered to be.
fn registered(plan: Option<&Plan>, about: &About) -> Option<(String, String)> {
    let plan = plan?;
    let index = plan.device_by_mac(about.mac?)?;
    let device = plan.device(index)?;
    let place = device.place.as_ref().map_or_else(|| "-".to_owned(), |area| plan.area_name(area));
    Some((device.asset.clone(), place))
}

/// Whom something is about, as the beginning of a JSON object.
fn about_json(file: &str, about: &About, plan: Option<&Plan>) -> Map<String, Value> {
    let addresses: Vec<_> = about.addresses.iter().map(ToString::to_string).collect();
    let registered = registered(plan, about);
    [
        ("file", json!(file)),
        ("subject", json!(about.subject.to_string())),
        ("mac", json!(about.mac.map(|mac| mac.to_string()))),
        ("ip", json!(addresses)),
        (
            "service",
            json!(
                about
                    .service
                    .map(|(address, port)| std::net::SocketAddr::from((address, port)).to_string())
            ),
        ),
        ("vlan", json!(about.vlan)),
        ("asset", json!(registered.as_ref().map(|(asset, _)| asset))),
        ("place", json!(registered.as_ref().map(|(_, place)| place))),
        ("first_frame_time", json!(about.since.timestamp().rfc3339())),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn signs_json(signs: &[Sign], language: Language) -> Value {
    let one = |sign: &Sign| {
        json!({
            "id": sign.kind.id(),
            "family": sign.kind.family().id(),
            "weight": sign.weight,
            "hard": sign.hard,
            "frame": sign.frame,
            "time": sign.time.timestamp().rfc3339(),
            "text": sign.text(language),
        })
    };
    signs.iter().map(one).collect()
}

/// A breach of the separation as one JSON object.
fn breach_json(file: &str, breach: &Breach, plan: Option<&Plan>, language: Language) -> Value {
    let mut value = about_json(file, &breach.about, plan);
    let ((first, since), (last, time)) = (breach.first(), breach.last());
    let [home, other] = &breach.environments;
    value.insert("level".to_owned(), json!("breach"));
    value.insert("kind".to_owned(), json!(breach.kind.id()));
    value.insert("environment".to_owned(), json!(home));
    value.insert("other".to_owned(), json!(other));
    value.insert("first_frame".to_owned(), json!(first));
    value.insert("first_time".to_owned(), json!(since.timestamp().rfc3339()));
    value.insert("verdict_frame".to_owned(), json!(last));
    value.insert("verdict_time".to_owned(), json!(time.timestamp().rfc3339()));
    value.insert("text".to_owned(), json!(breach.text(language)));
    Value::Object(value)
}

/// A verdict as one JSON object.
pub(super) fn verdict_json(
    file: &str,
    verdict: &Verdict,
    plan: Option<&Plan>,
    language: Language,
) -> Value {
    let mut value = about_json(file, &verdict.about, plan);
    value.insert("level".to_owned(), json!("verdict"));
    value.insert("kind".to_owned(), json!(verdict.kind.id()));
    value.insert("variants".to_owned(), json!(verdict.kind.variants()));
    value.insert("score".to_owned(), json!(f64::from(verdict.score_tenths) / 10.0));
    value.insert("signs".to_owned(), signs_json(&verdict.signs, language));
    value.insert("first_sign_time".to_owned(), json!(verdict.first_sign().timestamp().rfc3339()));
    value.insert("verdict_time".to_owned(), json!(verdict.time.timestamp().rfc3339()));
    value.insert("verdict_frame".to_owned(), json!(verdict.frame));
    value.insert("text".to_owned(), json!(verdict.text(language)));
    Value::Object(value)
}
