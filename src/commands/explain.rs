//! `sekisho explain`: the decision that a device would meet, with the rule, the evidence and
//! what would have to change.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, ArgMatches, Command};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::arguments::Words;
use super::site;
use super::{Console, DONE, WRONG, WRONG_USE};
use crate::access::{Snapshot, session_seconds};
use crate::eap::certificate;
use crate::plan::{self, Plan};
use crate::policy::{self, Decision, Evidence};
use crate::shell::control::{self, Command as Ask, Request};
use crate::shell::service::{Directories, Material as _, mark_subject};
use crate::shell::{clock, files};
use crate::vocabulary::{
    Because, Claimed, Language, Mac, Mark, MarkKind, Marks, Moment, Outcome, Place, Point, Proven,
    Reason, Text, Timestamp, hex,
};

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let about = words.say(
        "端末がその場所で受ける判定と、その理由、変えるべき点を示す",
        "show what a device would be answered at a place, why, and what would have to change",
    );
    let command = Command::new("explain")
        .about(about)
        .arg(
            words
                .text(
                    "switch",
                    "ID",
                    "スイッチまたは無線コントローラー",
                    "switch or wireless controller",
                )
                .required(true),
        )
        .arg(words.text("port", "IFNAME", "ポート名", "name of the port"))
        .arg(words.text("ssid", "NAME", "無線ネットワーク名", "name of the wireless network"))
        .group(ArgGroup::new("point").args(["port", "ssid"]).required(true))
        .arg(
            words
                .text(
                    "access-point",
                    "MAC",
                    "アクセスポイントの MAC アドレス",
                    "radio address of the access point",
                )
                .conflicts_with("port"),
        )
        .arg(
            words
                .text(
                    "mac",
                    "MAC",
                    "端末の MAC アドレス(書式は自由)",
                    "MAC address of the device, in any spelling",
                )
                .required(true),
        )
        .arg(words.path(
            "certificate",
            "FILE.pem",
            "端末の証明書(中間証明書を続けてよい)",
            "certificate of the device, intermediates after it",
        ))
        .arg(words.text("at", "TIME", "判定する日時。省略すると今", "when; now if absent"));
    let command = site::with_secrets(site::with_files(command, words), words);
    site::with_json(site::with_state(command, words), words)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    match explain(matches, console) {
        Ok(code) | Err(code) => code,
    }
}

fn explain(matches: &ArgMatches, console: &mut Console) -> Result<u8, u8> {
    let language = console.language;
    let directories = site::directories(matches);
    let plan = site::compile(&directories, console)?;
    let now = match matches.get_one::<String>("at") {
        None => clock::now(),
        Some(text) => Timestamp::parse(text).map_err(|_| {
            let complaint = Text {
                ja: "日時 `{text}` を読み取れません。例: 2026-11-30、R8.11.30、2026-11-30 17:00",
                en: "cannot read the time `{text}`; write 2026-11-30, R8.11.30 or 2026-11-30 17:00",
            };
            console.complain(complaint.fill(language, &[("text", text.clone())]));
            WRONG_USE
        })?,
    };
    let place = place(matches, &plan, console)?;
    let mac = mac(matches, "mac", console)?.ok_or(WRONG_USE)?;
    let chain = chain(matches, console)?;
    let mut remarks = Vec::new();
    let marks = marks(matches, &plan, language, &mut remarks);
    let evidence = match chain.first() {
        None => Ok(Evidence::Mac(Claimed(mac))),
        Some(end_entity) => match certificate::read(end_entity) {
            Err(_) => Err(Because::new(Reason::CertificateMalformed)),
            Ok(certificate) => verify(&directories, &plan, &chain, now, language, &mut remarks)
                .map(|()| Evidence::Certificate {
                    mac: Claimed(mac),
                    certificate: Proven::after_verification(certificate),
                }),
        },
    };
    let decision = match &evidence {
        Ok(evidence) => policy::decide(&plan, &marks, evidence, &place, now),
        Err(because) => Decision::refuse(because.clone()),
    };
    let shown = facts(&plan, &place, mac, &decision, now, language);
    if matches.get_flag("json") {
        let mut shown = shown;
        if let Value::Object(fields) = &mut shown {
            fields.insert("remarks".to_owned(), json!(remarks));
        }
        console.json(&shown);
    } else {
        print(&shown, &decision, console);
        for remark in remarks {
            let note = console.say(Text { ja: "※", en: "note:" });
            console.line(format!("{note} {remark}"));
        }
    }
    Ok(DONE)
}

fn mac(matches: &ArgMatches, name: &str, console: &mut Console) -> Result<Option<Mac>, u8> {
    let Some(text) = matches.get_one::<String>(name) else { return Ok(None) };
    Mac::parse(text).map(Some).map_err(|_| {
        let complaint = Text {
            ja: "`{text}` は端末の MAC アドレスではありません。例: 00-11-22-aa-bb-cc",
            en: "`{text}` is not the MAC address of a device; write 00-11-22-aa-bb-cc",
        };
        console.complain(complaint.fill(console.language, &[("text", text.clone())]));
        WRONG_USE
    })
}

fn place(matches: &ArgMatches, plan: &Plan, console: &mut Console) -> Result<Place, u8> {
    let language = console.language;
    let word = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let unknown = |console: &mut Console, text: Text, value: &str, hint: String| {
        console.complain(text.fill(language, &[("value", value.to_owned()), ("hint", hint)]));
        WRONG_USE
    };
    let id = word("switch");
    let switch = plan.switch_by_id(&id).ok_or_else(|| {
        let hint = plan::nearest(&id, plan.switches.iter().map(|switch| switch.id.as_str()));
        let text = Text {
            ja: "スイッチ `{value}` は topology にありません。{hint}",
            en: "the topology has no switch `{value}`; {hint}",
        };
        unknown(console, text, &id, hint)
    })?;
    if matches.contains_id("ssid") {
        let access_point = mac(matches, "access-point", console)?;
        // Any access point will do when none is named: it decides the site.
        let first = plan.switch(switch).and_then(|switch| switch.access_points.first());
        let access_point = access_point.or_else(|| first.map(|point| point.mac));
        return Ok(Place { switch, point: Point::Wireless { ssid: word("ssid"), access_point } });
    }
    let name = word("port");
    let port = plan.port_by_name(switch, &name).ok_or_else(|| {
        let known = plan.switch(switch).map_or(&[][..], |switch| &switch.ports);
        let hint = plan::nearest(&name, known.iter().map(|port| port.name.as_str()));
        let text = Text {
            ja: "このスイッチにポート `{value}` はありません。{hint}",
            en: "the switch has no port `{value}`; {hint}",
        };
        unknown(console, text, &name, hint)
    })?;
    Ok(Place { switch, point: Point::Port(port) })
}

fn chain(matches: &ArgMatches, console: &mut Console) -> Result<Vec<CertificateDer<'static>>, u8> {
    let Some(path) = matches.get_one::<PathBuf>("certificate") else { return Ok(Vec::new()) };
    let content = files::read(path).map_err(|error| {
        console.complain(error.text(console.language));
        WRONG
    })?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) | Err(_) => {
            let text = Text {
                ja: "`{path}` に PEM 形式の証明書がありません",
                en: "`{path}` holds no certificate in PEM",
            };
            let facts = [("path", path.display().to_string())];
            console.complain(text.fill(console.language, &facts));
            Err(WRONG)
        }
    }
}

/// The marks of the running service; without one, none, and a remark.
fn marks(
    matches: &ArgMatches,
    plan: &Plan,
    language: Language,
    remarks: &mut Vec<String>,
) -> Marks {
    let state = site::path(matches, "state");
    let ask = |command| {
        let request = Request { language: "ja".to_owned(), command };
        control::ask(&state, &request).ok().filter(|reply| reply.ok).map(|reply| reply.result)
    };
    let (Some(status), Some(list)) = (ask(Ask::Status), ask(Ask::MarkList)) else {
        let remark = Text {
            ja: "稼働中のサービスに接続できないため、隔離・拒否の印は考慮していません",
            en: "no running service was reached, so marks are not considered",
        };
        remarks.push(remark.get(language).to_owned());
        return Marks::default();
    };
    if status.get("content_hash") != Some(&json!(hex(&plan.content_hash))) {
        let remark = Text {
            ja: "このファイルは稼働中の計画(世代 {generation})と異なります",
            en: "these files differ from the plan in force (generation {generation})",
        };
        let generation = status.get("generation").map(Value::to_string).unwrap_or_default();
        let facts = [("generation", generation)];
        remarks.push(remark.fill(language, &facts));
    }
    let mark = |value: &Value| {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Some(Mark {
            id: value["mark"].as_i64()?,
            subject: mark_subject(plan, &text("subject")).ok()?,
            kind: if value["kind"] == "refuse" { MarkKind::Refuse } else { MarkKind::Quarantine },
            reason: text("reason"),
            by: text("by"),
            since: Timestamp::parse(&text("since")).ok()?,
            until: value["until"].as_str().and_then(|until| Timestamp::parse(until).ok()),
        })
    };
    Marks::new(list.as_array().into_iter().flatten().filter_map(mark).collect())
}

/// Verifies a chain as a handshake would, where the secrets directory has what that takes.
fn verify(
    directories: &Directories,
    plan: &Plan,
    chain: &[CertificateDer<'static>],
    now: Timestamp,
    language: Language,
    remarks: &mut Vec<String>,
) -> Result<(), Because> {
    let credentials = directories.credentials(plan, now).ok().and_then(|(found, _)| found);
    let snapshot = credentials.and_then(|credentials| {
        let plan = std::sync::Arc::new(plan.clone());
        let learned = std::collections::HashSet::new();
        Snapshot::new(0, plan, &credentials, Marks::default(), &learned, None).ok()
    });
    let Some(snapshot) = snapshot else {
        let remark = Text {
            ja: "秘密情報が揃っていないため、証明書の署名と失効は確認していません",
            en: "the secrets are incomplete, so the certificate's signature and revocation were not checked",
        };
        remarks.push(remark.get(language).to_owned());
        return Ok(());
    };
    snapshot.verify(Moment { monotonic: Duration::ZERO, wall: now }, chain).map(drop)
}

fn facts(
    plan: &Plan,
    place: &Place,
    mac: Mac,
    decision: &Decision,
    now: Timestamp,
    language: Language,
) -> Value {
    let because = &decision.because;
    let device = because.device.or_else(|| plan.device_by_mac(mac));
    let device = device.and_then(|index| plan.device(index)).map(|device| {
        json!({
            "asset": device.asset,
            "computer": device.computer,
            "class": plan.class(device.class).map(|class| class.name.get(language).to_owned()),
            "section": &*device.section,
            "environment": plan.environment(device.environment).map(|found| found.id.clone()),
            "certificate": device.certificate,
            "macs": device.macs.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "place": device.place.as_ref().map(|area| plan.area_name(area)),
            "at": device.at.to_string(),
        })
    });
    let rule = because.rule.and_then(|index| plan.rule(index));
    let rule =
        rule.map(|rule| json!({ "id": rule.id, "note": rule.note, "at": rule.at.to_string() }));
    let grant = because.grant.and_then(|index| plan.grant(index));
    let grant = grant.map(
        |grant| json!({ "id": grant.id, "company": grant.company, "at": grant.at.to_string() }),
    );
    let entry = decision.entry().map(|entry| {
        let environment = plan.environment(entry.environment);
        let profile = plan.profile_of(place.switch);
        json!({
            "environment": environment.map(|found| found.id.clone()),
            "environment_name": environment.map(|found| found.name.get(language).to_owned()),
            "vlan": entry.vlan.get(),
            "vlan_name": plan.vlan(entry.vlan).map(|vlan| vlan.name.clone()),
            "session_timeout_s": profile.and_then(|profile| session_seconds(profile, entry, now)),
            "until": entry.until.map(Timestamp::rfc3339),
            "filter": entry.filter,
        })
    });
    json!({
        "outcome": decision.outcome().id(),
        "reason": because.reason.id(),
        "text": because.text(language),
        "remedy": because.remedy(language),
        "place": plan.place_name(place),
        "mac": mac.to_string(),
        "at": now.rfc3339(),
        "device": device,
        "rule": rule,
        "grant": grant,
        "entry": entry,
    })
}

fn print(shown: &Value, decision: &Decision, console: &mut Console) {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    let verdict = match decision.outcome() {
        Outcome::Admit => Text { ja: "許可", en: "ADMIT" },
        Outcome::Quarantine => Text { ja: "隔離", en: "QUARANTINE" },
        Outcome::Refuse => Text { ja: "拒否", en: "REFUSE" },
    };
    let verdict = console.say(verdict);
    console.line(format!("{verdict}  [{}] {}", text(&shown["reason"]), text(&shown["text"])));
    let mut row = |label: Text, value: String| {
        let label = console.say(label);
        console.line(format!("  {label}: {value}"));
    };
    row(Text { ja: "場所", en: "place" }, text(&shown["place"]));
    row(Text { ja: "MAC", en: "MAC" }, text(&shown["mac"]));
    if let Value::Object(_) = &shown["device"] {
        let device = &shown["device"];
        let parts = ["asset", "computer", "class", "section", "environment", "place", "at"];
        let parts: Vec<String> = parts.iter().map(|name| text(&device[*name])).collect();
        row(Text { ja: "台帳", en: "inventory" }, parts.join("  "));
        row(
            Text { ja: "登録された証明書", en: "registered certificate" },
            text(&device["certificate"]),
        );
    }
    for (name, label) in
        [("rule", Text { ja: "規則", en: "rule" }), ("grant", Text { ja: "一時許可", en: "grant" })]
    {
        if let Value::Object(fields) = &shown[name] {
            let parts: Vec<String> = ["id", "note", "company", "at"]
                .iter()
                .filter_map(|name| fields.get(*name))
                .map(text)
                .collect();
            row(label, parts.join("  "));
        }
    }
    if let Value::Object(_) = &shown["entry"] {
        let entry = &shown["entry"];
        let part = |name: &str| text(&entry[name]);
        let environment = format!("{} ({})", part("environment"), part("environment_name"));
        row(Text { ja: "環境", en: "environment" }, environment);
        row(Text { ja: "VLAN", en: "VLAN" }, format!("{} ({})", part("vlan"), part("vlan_name")));
        row(
            Text { ja: "再認証まで(秒)", en: "seconds to re-authentication" },
            part("session_timeout_s"),
        );
    }
    row(Text { ja: "変えるには", en: "to change it" }, text(&shown["remedy"]));
}
