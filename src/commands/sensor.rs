//! `sekisho sensor`: a mirror port watched by a process of its own, and the sensors of a city.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use super::arguments::{Words, shown};
use super::{Console, DONE, WRONG, WRONG_USE};
use super::{operate, site};
use crate::plan::SensorPlace;
use crate::proof::AcceptedPlan;
use crate::shell::control::Command as Ask;
use crate::shell::files;
use crate::shell::outpost::Credentials;
use crate::shell::sensor::Running;
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::{Language, Secret, Text};

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let id = || {
        Arg::new("id")
            .value_name("ID")
            .required(true)
            .help(words.say("config/sensors.toml のセンサー", "a sensor of config/sensors.toml"))
    };
    let run = words
        .verb(
            "run",
            "ミラーポートを監視し、サーバーに報告する(CAP_NET_RAW が要る。SIGHUP で計画を読み直し、SIGTERM で停止)",
            "watch a mirror port and report to the service (needs CAP_NET_RAW; SIGHUP reads the plan anew, SIGTERM stops)",
        )
        .arg(id());
    let run = with_credentials(run, words);
    let check = words
        .verb(
            "check",
            "センサーの設定を検査し、インターフェースを開いてみる",
            "look for mistakes in a sensor's configuration and try to open its interface",
        )
        .arg(id());
    let status = Command::new("status")
        .about(words.say("このセンサーの状態を示す", "show what the sensor here is doing"));
    let list = Command::new("list").about(
        words.say("サーバーから見たセンサーの一覧", "show the sensors as the service sees them"),
    );
    let changes = Command::new("changes").about(words.say(
        "センサーが見た、端末のふだんと違う点の一覧",
        "show what stations do unlike before, as sensors saw it",
    ));
    let change = || {
        Arg::new("subject").value_name("CHANGE").required(true).help(words.say(
            "changes に表示された番号、または MAC アドレス(その端末の未決の変化すべて)",
            "the name that `changes` shows, or a MAC address for every open change of it",
        ))
    };
    let reason =
        || words.text("reason", "TEXT", "理由(記録に残る)", "why, for the record").required(true);
    let accept = words
        .verb(
            "accept",
            "変化を正常と認める(以後は兆候にしない)",
            "a change is the station's own from now on and no sign any more",
        )
        .args([change(), reason()]);
    let deny = words
        .verb(
            "deny",
            "変化を認めない(見えるかぎり兆候とし、更新とも見なさない)",
            "a change is none of ours: a sign whenever it is seen, and never an update",
        )
        .args([change(), reason()]);
    words
        .group(
            "sensor",
            "ミラーポートで持ち込み端末・中継・テザリングを見つける",
            "find phones, relays and tethers on a mirror port",
        )
        .subcommands([
            site::with_state(site::with_files(run, words), words),
            site::with_files(check, words),
            site::with_json(site::with_state(status, words), words),
            site::with_json(site::with_state(list, words), words),
            site::with_json(site::with_state(changes, words), words),
            site::with_json(site::with_state(accept, words), words),
            site::with_json(site::with_state(deny, words), words),
        ])
}

/// Adds `--token` and `--authority`.
pub(super) fn with_credentials(command: Command, words: Words) -> Command {
    let token = words
        .path(
            "token",
            "FILE",
            "トークンのファイル(sekisho secret token ID --role sensor で作る)",
            "file of the token that `sekisho secret token ID --role sensor` makes",
        )
        .required(true);
    let authority = words.path(
        "authority",
        "FILE",
        "サーバー証明書を確かめる認証局の証明書(PEM)。server が https のとき必要",
        "certificates (PEM) that prove the service; needed where `server` is https",
    );
    command.args([token, authority])
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    match matches.subcommand() {
        Some(("run", inner)) => watch(inner, console),
        Some(("check", inner)) => check(inner, console),
        Some(("status", inner)) => status(inner, console),
        Some(("list", inner)) => list(inner, console),
        Some(("changes", inner)) => operate::ask(inner, console, Ask::SensorChanges, print_changes),
        Some(("accept", inner)) => {
            let (subject, reason) = decided(inner);
            operate::ask(inner, console, Ask::SensorAccept { subject, reason }, print_changes)
        }
        Some(("deny", inner)) => {
            let (subject, reason) = decided(inner);
            operate::ask(inner, console, Ask::SensorDeny { subject, reason }, print_changes)
        }
        _ => WRONG_USE,
    }
}

fn decided(matches: &ArgMatches) -> (String, String) {
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    (text("subject"), text("reason"))
}

fn print_changes(console: &mut Console, result: &Value) {
    let changes = result.as_array().map(Vec::as_slice).unwrap_or_default();
    if changes.is_empty() {
        console.complain(console.say(Text {
            ja: "承認や否認を待つ変化も、記録された判断もありません",
            en: "no change waits for a decision, and none was decided on",
        }));
    }
    for change in changes {
        let fact =
            |key: &'static str| (key, operate::shown(change.get(key).unwrap_or(&Value::Null)));
        let keys = ["change", "mac", "vlan", "sensor", "kind", "text", "first", "last", "by"];
        let mut facts: Vec<_> = keys.into_iter().map(fact).collect();
        facts.push(fact("reason"));
        let state = match change["state"].as_str() {
            Some("accepted") => {
                Text { ja: "承認 {by}: {reason}", en: "accepted by {by}: {reason}" }
            }
            Some("denied") => Text { ja: "否認 {by}: {reason}", en: "denied by {by}: {reason}" },
            Some("update") => Text { ja: "更新", en: "an update" },
            _ => Text { ja: "未決", en: "open" },
        };
        facts.push(("state", state.fill(console.language, &facts)));
        let text = Text {
            ja: "{change} {mac}(VLAN {vlan}、{sensor}): {text} [{kind}] {first} から {last} まで、{state}",
            en: "{change} {mac} (VLAN {vlan}, {sensor}): {text} [{kind}] from {first} to {last}; {state}",
        };
        console.line(text.fill(console.language, &facts));
    }
}

/// The plan, and the sensor that was named.
fn place(matches: &ArgMatches, console: &mut Console) -> Result<(AcceptedPlan, SensorPlace), u8> {
    let plan = site::accept(&site::tree(matches), console)?;
    let id = matches.get_one::<String>("id").map_or("", String::as_str);
    match plan.sensors.expected(id).cloned() {
        Some(place) => Ok((plan, place)),
        None => {
            let failure = Failure::new(FailureKind::SensorUnknown).fact("sensor", id);
            console.complain(failure.message(console.language));
            Err(WRONG)
        }
    }
}

fn watch(matches: &ArgMatches, console: &mut Console) -> u8 {
    let language = console.language;
    let started = place(matches, console).and_then(|(plan, place)| {
        let credentials =
            credentials(matches, place.server.tls, language).map_err(|complaint| {
                console.complain(complaint);
                WRONG
            })?;
        let state = site::path(matches, "state");
        files::make_directory(&state, files::PRIVATE_DIRECTORY).map_err(|error| {
            console.complain(error.text(language));
            WRONG
        })?;
        let files = (site::path(matches, "config"), site::path(matches, "topology"));
        let running = Running::start(&plan, &place, files, credentials, &state, std::io::stdout());
        let running = running.and_then(|running| running.obey_signals().map(|()| running));
        running.and_then(Running::run).map_err(|failure| {
            console.complain(failure.message(language));
            WRONG
        })
    });
    started.map_or_else(|code| code, |()| DONE)
}

/// Reads token and authorities.
pub(super) fn credentials(
    matches: &ArgMatches,
    tls: bool,
    language: Language,
) -> Result<Credentials, String> {
    let path = |name| matches.get_one::<PathBuf>(name);
    let token = path("token").map_or_else(|| Ok(Vec::new()), |path| files::read(path));
    let token = Secret::new(token.map_err(|error| error.text(language))?);
    let mut anchors = Vec::new();
    if let Some(path) = path("authority") {
        let octets = files::read(path).map_err(|error| error.text(language))?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
        anchors = read.unwrap_or_default().iter().map(|it| it.to_vec()).collect();
        if anchors.is_empty() {
            let text = Text {
                ja: "`{path}` に PEM の証明書がありません",
                en: "`{path}` holds no certificate in PEM",
            };
            return Err(text.fill(language, &[("path", shown(path))]));
        }
    } else if tls {
        let text = Text {
            ja: "--authority で、サーバー証明書を確かめる認証局の証明書を指定してください",
            en: "name by --authority the certificates that prove the service",
        };
        return Err(text.get(language).to_owned());
    }
    Ok(Credentials { token, anchors })
}

fn check(matches: &ArgMatches, console: &mut Console) -> u8 {
    let place = match place(matches, console) {
        Ok((_, place)) => place,
        Err(code) => return code,
    };
    match crate::shell::mirror::Mirror::open(&place.interface) {
        Ok(_) => {
            let text = Text {
                ja: "センサー {sensor}: インターフェース {interface} を開けました",
                en: "sensor {sensor}: the interface {interface} can be opened",
            };
            let facts = [("sensor", place.id), ("interface", place.interface)];
            console.line(text.fill(console.language, &facts));
            DONE
        }
        Err(failure) => {
            console.complain(failure.message(console.language));
            WRONG
        }
    }
}

fn status(matches: &ArgMatches, console: &mut Console) -> u8 {
    operate::ask_status_of("sekisho sensor run", "sensor", matches, console, |console, result| {
        let fact =
            |key: &'static str| (key, operate::shown(result.get(key).unwrap_or(&Value::Null)));
        let keys = ["sensor", "interface", "since", "frames", "flawed", "dropped", "stations"];
        let facts: Vec<_> = keys.into_iter().map(fact).collect();
        let text = Text {
            ja: "センサー {sensor}({interface}、{since} から): フレーム {frames}(読めないもの {flawed}、取りこぼし {dropped})、覚えている端末 {stations}",
            en: "sensor {sensor} on {interface} since {since}: frames: {frames} (unreadable: {flawed}, lost: {dropped}), stations remembered: {stations}",
        };
        console.line(text.fill(console.language, &facts));
        let facts: Vec<_> = ["acknowledged", "waiting", "lost"].into_iter().map(fact).collect();
        let text = Text {
            ja: "報告: 送信済み {acknowledged}、未送信 {waiting}、欠落 {lost}",
            en: "observations: acknowledged: {acknowledged}, waiting: {waiting}, lost: {lost}",
        };
        console.line(text.fill(console.language, &facts));
        let hash = operate::shown(result.get("plan").unwrap_or(&Value::Null));
        let plan = ("plan", hash.chars().take(12).collect());
        let text = match result["plan_refused"].as_str() {
            None => Text {
                ja: "計画: {plan}({plan_since} から)",
                en: "plan: {plan} since {plan_since}",
            },
            Some("differs") => Text {
                ja: "計画: {plan}({plan_since} から)。ファイルはサーバーで有効な計画と違います",
                en: "plan: {plan} since {plan_since}; the files are not what the service has in force",
            },
            Some(_) => Text {
                ja: "計画: {plan}({plan_since} から)。新しい計画は拒否されました: {plan_refused}",
                en: "plan: {plan} since {plan_since}; a newer one was refused: {plan_refused}",
            },
        };
        let facts = [plan, fact("plan_since"), fact("plan_refused")];
        console.line(text.fill(console.language, &facts));
        line_away(console, result);
    })
}

/// Says why the service is not reached, if it is not.
pub(super) fn line_away(console: &mut Console, status: &Value) {
    if let Some(cause) = status.get("away").and_then(Value::as_str) {
        let text = Text {
            ja: "サーバーに届きません: {cause}",
            en: "the service is not reached: {cause}",
        };
        console.line(text.fill(console.language, &[("cause", cause.to_owned())]));
    }
}

fn list(matches: &ArgMatches, console: &mut Console) -> u8 {
    operate::ask(matches, console, Ask::SensorList, |console, result| {
        let sensors = result.as_array().map(Vec::as_slice).unwrap_or_default();
        if sensors.is_empty() {
            let text = Text {
                ja: "センサーは設定されていません。config/sensors.toml に [[sensor]] を書き、sekisho reload で反映してください",
                en: "no sensor is configured; write one as [[sensor]] into config/sensors.toml and carry out sekisho reload",
            };
            console.line(text.get(console.language).to_owned());
        }
        for sensor in sensors {
            let fact =
                |key: &'static str| (key, operate::shown(sensor.get(key).unwrap_or(&Value::Null)));
            let keys = ["sensor", "site", "heard", "taken", "gaps", "frames", "dropped"];
            let mut facts: Vec<_> = keys.into_iter().map(fact).collect();
            let is = |key: &str| sensor.get(key).and_then(Value::as_bool).unwrap_or(false);
            let state = match (is("enabled"), is("silent"), sensor["heard"].is_null()) {
                (false, ..) => Text { ja: "不使用", en: "not enabled" },
                (_, true, _) => Text { ja: "沈黙", en: "silent" },
                (_, _, true) => Text { ja: "未着", en: "not heard of yet" },
                (_, _, false) => Text { ja: "稼働", en: "reports" },
            };
            facts.push(("state", state.get(console.language).to_owned()));
            let text = Text {
                ja: "{sensor}({site}): {state}、最後の報告 {heard}、報告 {taken} 件(欠番 {gaps})、フレーム {frames}(取りこぼし {dropped})",
                en: "{sensor} ({site}): {state}, heard of last: {heard}, observations: {taken} (missing: {gaps}), frames: {frames} (lost: {dropped})",
            };
            console.line(text.fill(console.language, &facts));
        }
    })
}
