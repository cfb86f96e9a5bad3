//! What the report says, table by table.

mod evidence;
mod incidents;
mod inventory;
mod rules;

use super::document::{Cell, Column, Document, Table, column, term};
use super::items::Items;
use super::tally::Tally;
use crate::plan::{Finding, Plan};
use crate::record::{Broken, Incidents, Seal};
use crate::vocabulary::{FiscalPeriod, Language, Text, Timestamp, hex};

/// Certificates that end within so many days are listed.
pub const CERTIFICATE_DAYS: i64 = 90;

/// Everything a report is made from.
#[derive(Debug)]
pub struct Basis<'a> {
    /// The period.
    pub period: FiscalPeriod,
    /// Whether it was over when the records were read.
    pub complete: bool,
    /// The instant by which dates are judged: the end of the period, or of its last record.
    pub as_of: Timestamp,
    /// The plan.
    pub plan: &'a Plan,
    /// What compiling and proving it found.
    pub findings: &'a [Finding],
    /// The records of the period, counted.
    pub tally: &'a Tally<'a>,
    /// Incidents until the end of the period.
    pub incidents: &'a Incidents,
    /// The seals whose days lie in the period.
    pub seals: &'a [Seal],
    /// What is wrong with the chain within the period.
    pub broken: &'a [Broken],
    /// Whether the chain shows that nothing is missing at the beginning of the period.
    pub reaches_back: bool,
    /// The version of the program.
    pub version: &'a str,
    /// Item numbers of the audit guide.
    pub items: &'a Items,
}

/// The report.
#[must_use]
pub fn report(basis: &Basis<'_>, language: Language) -> Document {
    let period = basis.period.name(language);
    let title = Text {
        ja: "情報ネットワーク自己点検報告書 {period}",
        en: "Network self-check, {period}",
    };
    let head = basis.tally.head;
    let mut tables = vec![summary(basis)];
    tables.extend(inventory::tables(basis, language));
    tables.extend(rules::tables(basis, language));
    tables.extend(incidents::tables(basis));
    tables.extend(evidence::tables(basis, language));
    Document {
        language,
        title: title.fill(language, &[("period", period)]),
        remarks: remarks(basis, language),
        head: vec![
            ("period", Cell::text(basis.period.id())),
            ("from", Cell::Time(basis.period.from())),
            ("to", Cell::Time(basis.period.to())),
            ("complete", yes(basis.complete)),
        ],
        tables,
        foot: vec![
            (
                "version",
                Text { ja: "作成プログラム", en: "made by" },
                Cell::text(format!("sekisho {}", basis.version)),
            ),
            (
                "first",
                Text { ja: "最初の記録", en: "first record" },
                Cell::Number(basis.tally.first),
            ),
            ("last", Text { ja: "最後の記録", en: "last record" }, Cell::Number(head.sequence)),
            (
                "head",
                Text { ja: "最後の記録のハッシュ", en: "hash of the last record" },
                Cell::text(hex(&head.hash)),
            ),
            (
                "plan",
                Text { ja: "計画のハッシュ", en: "hash of the plan" },
                Cell::text(hex(&basis.plan.content_hash)),
            ),
            (
                "edition",
                Text { ja: "ガイドラインの版", en: "edition of the guideline" },
                Cell::text(basis.plan.edition.id()),
            ),
        ],
    }
}

fn remarks(basis: &Basis<'_>, language: Language) -> Vec<String> {
    let mut all = Vec::new();
    let mut say = |text: Text, facts: &[(&'static str, String)]| {
        all.push(text.fill(language, facts));
    };
    let last = Timestamp(basis.period.to().0 - 1);
    say(
        Text {
            ja: "対象期間: {from} から {to} まで(日本時間)。発生した時刻で数えています。",
            en: "Period: {from} to {to}, in Japan; records are counted by the time of what they tell.",
        },
        &[
            ("from", Cell::Day(basis.period.from()).shown(language)),
            ("to", Cell::Day(last).shown(language)),
        ],
    );
    if !basis.complete {
        say(
            Text {
                ja: "期間はまだ終わっていません。記録 {last}({time})までの途中経過です。",
                en: "The period is not over: this is what there is up to record {last} of {time}.",
            },
            &[
                ("last", basis.tally.head.sequence.to_string()),
                ("time", basis.tally.latest.local()),
            ],
        );
    }
    if !basis.reaches_back {
        say(
            Text {
                ja: "期間の初めの記録が残っていない可能性があります。記録は {first} からです。",
                en: "The beginning of the period may not be whole: records begin with {first}.",
            },
            &[("first", basis.tally.first.to_string())],
        );
    }
    say(
        Text {
            ja: "この報告はネットワークへの接続と分離についてのものです。端末だけで完結するテザリング、二つ目の通信機器、USB 機器は有線側からは見えません。",
            en: "This is about joining the network and its separation. A phone alone, a second network card of an admitted PC, and USB devices cannot be seen from the wire.",
        },
        &[],
    );
    all
}

const KEY: [Column; 2] = [column("item", "項目", "item"), column("value", "値", "value")];

fn yes(yes: bool) -> Cell {
    if yes { term("yes", "はい", "yes") } else { term("no", "いいえ", "no") }
}

/// A table of named values.
fn named(key: &'static str, title: Text, rows: Vec<(Cell, Cell)>) -> Table {
    let mut table = Table::new(key, title, &KEY);
    for (name, cell) in rows {
        table.row(vec![name, cell]);
    }
    table
}

fn summary(basis: &Basis<'_>) -> Table {
    let tally = basis.tally;
    let number = |number: usize| Cell::Number(number as u64);
    let seen = tally.devices.iter().filter(|device| device.count.times > 0).count();
    let mut all = super::tally::Decisions::default();
    tally.sections.values().for_each(|section| all.add(section));
    let incidents = incidents::of_period(basis);
    let open = incidents.iter().filter(|incident| incident.closed().is_none()).count();
    let expired = basis.plan.exceptions.iter().filter(|it| it.expires <= basis.as_of).count();
    let rows = vec![
        (
            term("registered", "登録されている端末", "devices registered"),
            number(tally.devices.len()),
        ),
        (term("seen", "うち期間中に確認", "of these seen"), number(seen)),
        (term("unseen", "うち未確認", "of these unseen"), number(tally.devices.len() - seen)),
        (
            term(
                "strangers",
                "接続を試みた未登録の MAC アドレス",
                "addresses seen but not registered",
            ),
            number(tally.strangers.len()),
        ),
        (
            term("certificate", "証明書による許可", "admitted by certificate"),
            Cell::Number(all.certificate),
        ),
        (term("mab", "MAC アドレスによる許可", "admitted by MAC address"), Cell::Number(all.mab)),
        (term("mab_share", "MAC アドレスによる許可の割合", "share of MAC addresses"), share(&all)),
        (term("quarantined", "隔離", "quarantined"), Cell::Number(all.quarantined)),
        (term("refused", "拒否", "refused"), Cell::Number(all.refused)),
        (
            term(
                "certificates_ending",
                "90日以内に期限の切れる証明書",
                "certificates ending within 90 days",
            ),
            number(inventory::ending(basis).len()),
        ),
        (term("exceptions", "例外措置", "exceptions"), number(basis.plan.exceptions.len())),
        (term("exceptions_expired", "うち期限切れ", "of these expired"), number(expired)),
        (term("incidents", "インシデント", "incidents"), number(incidents.len())),
        (term("incidents_open", "うち未終了", "of these open"), number(open)),
    ];
    named("summary", Text { ja: "概要", en: "Summary" }, rows)
}

/// The share of admissions by MAC address, in percent with one digit.
fn share(decisions: &super::tally::Decisions) -> Cell {
    let all = decisions.mab.saturating_add(decisions.certificate);
    match decisions.mab.saturating_mul(1000).checked_div(all) {
        Some(thousandths) => Cell::text(format!("{}.{} %", thousandths / 10, thousandths % 10)),
        None => Cell::Nothing,
    }
}
