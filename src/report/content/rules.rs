//! Exceptions, and how each rule of separation stands.

use super::Basis;
use super::inventory::ending;
use crate::plan::{Severity, Snmp, SnmpAccess, Switch};
use crate::proof::{Standing, concerns, standings};
use crate::report::document::{Cell, Table, column, private, term};
use crate::report::rules::RULES;
use crate::vocabulary::{Language, Text};

/// Evidence ids shown for one rule.
const RECORDS_SHOWN: usize = 20;

pub(super) fn tables(basis: &Basis<'_>, language: Language) -> Vec<Table> {
    vec![exceptions(basis), rules(basis, language)]
}

fn exceptions(basis: &Basis<'_>) -> Table {
    let title =
        Text { ja: "例外措置(期限切れを先に)", en: "Exceptions, expired ones first" };
    let mut table = Table::new(
        "exceptions",
        title,
        &[
            column("number", "番号", "no."),
            column("state", "状態", "state"),
            private("exception", "例外", "exception"),
            column("rule", "規則", "rule"),
            private("objects", "対象", "objects"),
            private("reason", "理由", "reason"),
            private("approver", "承認者", "approver"),
            column("approved", "承認日", "approved"),
            column("expires", "期限", "expires"),
        ],
    );
    let mut all: Vec<_> = basis.plan.exceptions.iter().collect();
    // The earliest expiry first is also the expired ones first.
    all.sort_by_key(|exception| (exception.expires, &exception.id));
    for (number, exception) in (1..).zip(all) {
        let state = if exception.expires <= basis.as_of {
            term("expired", "期限切れ", "expired")
        } else if exception.in_force(basis.as_of) {
            term("in-force", "有効", "in force")
        } else {
            term("not-yet", "開始前", "not yet")
        };
        let objects: Vec<&str> =
            exception.objects.iter().map(|object| basis.plan.object_name(object)).collect();
        table.row(vec![
            Cell::Number(number),
            state,
            Cell::text(&exception.id),
            Cell::text(&exception.rule),
            Cell::text(objects.join(", ")),
            Cell::text(&exception.reason),
            Cell::text(&exception.approver),
            Cell::Day(exception.approved),
            Cell::Day(exception.expires.just_before()),
        ]);
    }
    table
}

/// How a rule stands that only records can show, why, and in which records.
fn measured(
    basis: &Basis<'_>,
    rule: &str,
    language: Language,
) -> Option<(Standing, String, Vec<u64>)> {
    let tally = basis.tally;
    match rule {
        "R21" => {
            let clock = ["SYS-clock-back", "SYS-clock-off", "SYS-clock-unmeasured"];
            let gaps = ["SYS-evidence-gap", "SYS-evidence-damaged"].into_iter().chain(clock);
            let gaps: Vec<_> = gaps.map(|event| tally.count(event)).collect();
            let broken = !basis.broken.is_empty() || tally.unreadable > 0;
            let times: u64 = gaps.iter().map(|count| count.times).sum();
            let standing = match (broken, times) {
                (true, _) => Standing::Broken,
                (false, 0) => Standing::Held,
                (false, _) => Standing::Limited,
            };
            let text = Text {
                ja: "連鎖の不一致 {broken} 件、欠落・破損・時計の異常 {times} 件。",
                en: "faults of the chain: {broken}; gaps, damage and trouble with the clock: {times}. ",
            };
            let offset = Text {
                ja: "時計は NTP サーバーと {count} 回比べ、差は最大 {seconds} 秒。",
                en: "The clock was compared with time servers {count} times and at most {seconds} s off.",
            };
            let unknown = Text {
                ja: "時計のずれは測っていません。",
                en: "The clock's offset is not measured.",
            };
            let count = basis.broken.len() as u64 + tally.unreadable;
            let facts = [("broken", count.to_string()), ("times", times.to_string())];
            let mut text = text.fill(language, &facts);
            match tally.clock {
                Some((count, seconds)) => {
                    let facts =
                        [("count", count.to_string()), ("seconds", format!("{seconds:.3}"))];
                    text += &offset.fill(language, &facts);
                }
                None => text += unknown.get(language),
            }
            let records = gaps.iter().flat_map(|count| count.records());
            let records = records.chain(basis.broken.iter().map(|broken| broken.sequence));
            Some((standing, text, records.collect()))
        }
        "R02" => wire(basis, rule, "SENSOR-separation-wire", language),
        "R04" => wire(basis, rule, "SENSOR-separation-flow", language),
        "R18" => match wire(basis, rule, "SENSOR-separation-device", language) {
            Some(broken) => Some(broken),
            None => survey(basis, rule, language),
        },
        "R17" | "R19" => survey(basis, rule, language),
        "R25" => management(basis, language),
        "R22" => {
            let unseen = tally.devices.iter().filter(|seen| seen.count.times == 0).count();
            let (strangers, ending) = (tally.strangers.len(), ending(basis).len());
            let held = unseen + strangers + ending == 0;
            let text = Text {
                ja: "未確認 {unseen} 台、未登録 {strangers} 台、期限の近い証明書 {ending} 件。",
                en: "unseen: {unseen}, not registered: {strangers}, certificates about to end: {ending}.",
            };
            let facts = [
                ("unseen", unseen.to_string()),
                ("strangers", strangers.to_string()),
                ("ending", ending.to_string()),
            ];
            let standing = if held { Standing::Held } else { Standing::Limited };
            let records = tally.strangers.values().map(|stranger| stranger.count.last);
            Some((standing, text.fill(language, &facts), records.collect()))
        }
        _ => None,
    }
}

/// R25: by which version the plan has switches asked, and what else was found; nothing where none
/// is asked. By what else a switch may be managed the plan does not say.
fn management(basis: &Basis<'_>, language: Language) -> Option<(Standing, String, Vec<u64>)> {
    let snmp = |switch: &Switch| basis.plan.profile(switch.profile).and_then(|it| it.snmp.as_ref());
    let private = |snmp: &Snmp| matches!(snmp.access, SnmpAccess::User { privacy: Some(_), .. });
    let asked = basis.plan.switches.iter().filter(|it| snmp(it).is_some()).count();
    let safe = basis.plan.switches.iter().filter(|it| snmp(it).is_some_and(private)).count();
    let rest = basis.plan.switches.len() - asked;
    let found = basis.findings.iter().filter(|it| concerns("R25", it)).count();
    if asked == 0 {
        return None;
    }
    let held = safe == asked && rest == 0 && found == 0;
    let text = Text {
        ja: "SNMPv3(認証・暗号)で読むスイッチ {safe} 台、それ以外の SNMP {unsafe} 台、SNMP で読まない {rest} 台。",
        en: "switches read by SNMPv3 with authentication and encryption: {safe}, by other SNMP: {unsafe}, not read by SNMP: {rest}.",
    };
    let facts = [
        ("safe", safe.to_string()),
        ("unsafe", (asked - safe).to_string()),
        ("rest", rest.to_string()),
    ];
    let standing = if held { Standing::Held } else { Standing::Limited };
    Some((standing, text.fill(language, &facts), Vec::new()))
}

/// What sensors saw on the wire against a rule; nothing where they saw nothing, since a mirror
/// shows a breach and never its absence: then the rule stands as it is proven or surveyed.
fn wire(
    basis: &Basis<'_>,
    rule: &str,
    event: &str,
    language: Language,
) -> Option<(Standing, String, Vec<u64>)> {
    let found = basis.tally.count(event);
    if found.times == 0 {
        return None;
    }
    let planned = basis.findings.iter().filter(|it| concerns(rule, it)).count();
    let text = Text {
        ja: "センサーがこの期間に {found} 回の違反を見ました(計画の指摘 {planned} 件)。",
        en: "breaches that sensors saw in the period: {found}; findings of the plan: {planned}.",
    };
    let facts = [("found", found.times.to_string()), ("planned", planned.to_string())];
    Some((Standing::Broken, text.fill(language, &facts), found.records()))
}

/// What switches' tables showed; nothing where none were read.
fn survey(
    basis: &Basis<'_>,
    rule: &str,
    language: Language,
) -> Option<(Standing, String, Vec<u64>)> {
    let event = match rule {
        "R17" => "SNMP-stranger",
        "R18" => "SNMP-two-places",
        _ => "SNMP-neighbour",
    };
    let [whole, part, found] =
        ["SNMP-whole", "SNMP-part", event].map(|event| basis.tally.count(event));
    if whole.times + part.times + found.times == 0 {
        return None;
    }
    let standing = match (found.times, part.times) {
        (0, 0) => Standing::Held,
        (0, _) => Standing::Limited,
        (_, _) => Standing::Broken,
    };
    let text = Text {
        ja: "検出 {found} 件。一部のスイッチが未測定だった時点 {part} 回、すべて読めていた時点 {whole} 回(1 時間ごと)。",
        en: "found: {found}; hourly looks with switches not measured: {part}, with all read: {whole}.",
    };
    let facts = [
        ("found", found.times.to_string()),
        ("part", part.times.to_string()),
        ("whole", whole.times.to_string()),
    ];
    let evidence = if found.times > 0 {
        found
    } else if part.times > 0 {
        part
    } else {
        whole
    };
    Some((standing, text.fill(language, &facts), evidence.records()))
}

fn rules(basis: &Basis<'_>, language: Language) -> Table {
    let title = Text { ja: "規則 R01–R25", en: "Rules R01 to R25" };
    let note = Text {
        ja: "○ 適合、△ 例外・警告あり、× 不適合、－ 未測定。R01–R16、R20、R23、R24 は計画からの証明、R17–R19(SNMP でスイッチの表を読んだ場合)・R21・R22 はこの期間の証跡によります。R02・R04・R18 は、センサーがこの期間に違反を見ていれば不適合です。R25 は計画に書かれた SNMP の版と管理アドレスによります(SNMP で読むスイッチがなく指摘もなければ未測定)。ほかの管理手段は分かりません。証跡の番号は、計画についてはそれを受け入れた記録です。",
        en: "○ held, △ with an exception or warning, × broken, － not measured. R01 to R16, R20, R23 and R24 are proven of the plan, R17 to R19 (where the tables of switches are read by SNMP), R21 and R22 are by the records of the period; R02, R04 and R18 are broken when a sensor saw a breach in it. R25 is by the version of SNMP and the management addresses of the plan (not measured where no switch is asked by SNMP and nothing is found); other means of management are not seen. The evidence for the plan is the record of its acceptance.",
    };
    let mut table = Table::new(
        "rules",
        title,
        &[
            column("rule", "規則", "rule"),
            column("item", "監査項目番号", "audit item"),
            column("asks", "内容", "what it asks"),
            column("sign", "判定", "sign"),
            column("standing", "状態", "standing"),
            column("findings", "指摘数", "findings"),
            private("detail", "詳細", "detail"),
            column("records", "証跡", "evidence"),
        ],
    )
    .note(note.get(language));
    let accepted =
        ["CFG-plan-accepted", "CFG-plan-rolled-back", "CFG-plan-unchanged", "SYS-started"]
            .map(|event| basis.tally.count(event).last);
    let accepted: Vec<u64> =
        accepted.into_iter().max().filter(|last| *last > 0).into_iter().collect();
    for ((rule, asks), (_, proven)) in RULES.iter().zip(standings(basis.findings)) {
        let of: Vec<_> = basis
            .findings
            .iter()
            .filter(|finding| concerns(rule, finding))
            .filter(|finding| finding.graded.is_some() || finding.severity() > Severity::Notice)
            .collect();
        let (standing, detail, mut records) = match measured(basis, rule, language) {
            Some(measured) => measured,
            None => {
                let detail = of.first().map(|finding| finding.text(language));
                let records = match proven {
                    Standing::Unmeasured => Vec::new(),
                    Standing::Held | Standing::Limited | Standing::Broken => accepted.clone(),
                };
                (proven, detail.unwrap_or_default(), records)
            }
        };
        records.sort_unstable();
        records.dedup();
        records.truncate(RECORDS_SHOWN);
        let word = match standing {
            Standing::Held => term("held", "適合", "held"),
            Standing::Limited => term("limited", "例外・警告あり", "limited"),
            Standing::Broken => term("broken", "不適合", "broken"),
            Standing::Unmeasured => term("unmeasured", "未測定", "not measured"),
        };
        table.row(vec![
            Cell::text(*rule),
            Cell::text(basis.items.of(rule)),
            Cell::text(asks.get(language)),
            Cell::text(standing.sign()),
            word,
            Cell::Number(of.len() as u64),
            Cell::text(detail),
            Cell::Records(records),
        ]);
    }
    table
}
