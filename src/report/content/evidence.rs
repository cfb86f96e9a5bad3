//! Changes of the plan, and what proves the evidence itself.

use super::{Basis, named, yes};
use crate::record::{Line, cell, time_of};
use crate::report::document::{Cell, Table, column, private, term};
use crate::report::tally::NOTABLE_MAX;
use crate::vocabulary::{Language, Text, hex};

pub(super) fn tables(basis: &Basis<'_>, language: Language) -> Vec<Table> {
    vec![
        changes(basis, language),
        proof(basis, language),
        irregular(basis, language),
        seals(basis),
        events(basis),
    ]
}

fn more(basis: &Basis<'_>, language: Language) -> String {
    if basis.tally.notable_more == 0 {
        return String::new();
    }
    let text = Text {
        ja: "変更と異常の一覧は合わせて {limit} 件までです。ほかに {more} 件あります。",
        en: "Changes and irregularities together are listed up to {limit}; there are {more} more.",
    };
    let more = basis.tally.notable_more.to_string();
    text.fill(language, &[("limit", NOTABLE_MAX.to_string()), ("more", more)])
}

/// What became of a change of the plan.
fn result(event: &str) -> (&'static str, Cell) {
    match event {
        "CFG-plan-accepted" => {
            ("○", term("accepted", "分離を証明し、受け入れた", "proven and accepted"))
        }
        "CFG-weakening-accepted" => (
            "△",
            term(
                "weakening-accepted",
                "分離を弱める変更を承認した",
                "a weaker separation was accepted",
            ),
        ),
        "CFG-plan-unchanged" => {
            ("○", term("unchanged", "変更なし(読み直し)", "unchanged, read again"))
        }
        "CFG-plan-rolled-back" => {
            ("○", term("rolled-back", "分離を証明し、以前の計画に戻した", "proven and rolled back"))
        }
        "CFG-plan-refused" => {
            ("×", term("refused", "拒否し、前の計画を続けた", "refused; the plan before went on"))
        }
        "CFG-plan-fallback" => (
            "△",
            term(
                "fallback",
                "ファイルを拒否し、最後の計画で起動した",
                "the files were refused; the last plan was used",
            ),
        ),
        _ => ("△", term("set-aside", "ファイルを使わず起動した", "started without the files")),
    }
}

fn changes(basis: &Basis<'_>, language: Language) -> Table {
    let title = Text { ja: "設定の変更", en: "Changes of the configuration" };
    let mut table = Table::new(
        "changes",
        title,
        &[
            column("record", "記録", "record"),
            column("time", "日時", "time"),
            column("generation", "世代", "generation"),
            private("by", "操作者", "by"),
            column("sign", "証明", "proof"),
            column("result", "結果", "result"),
            private("detail", "詳細", "detail"),
        ],
    )
    .note(more(basis, language));
    for (sequence, line) in notable(basis, true) {
        let (sign, result) = result(&cell(line, "event"));
        table.row(vec![
            Cell::Number(*sequence),
            Cell::Time(time_of(line)),
            Cell::text(cell(line, "generation")),
            Cell::text(cell(line, "by")),
            Cell::text(sign),
            result,
            Cell::text(cell(line, "message")),
        ]);
    }
    table
}

fn notable<'a>(basis: &'a Basis<'_>, changes: bool) -> impl Iterator<Item = &'a (u64, Line)> {
    let wanted = move |(_, line): &&(u64, Line)| cell(line, "event").starts_with("CFG-") == changes;
    basis.tally.notable.iter().filter(wanted)
}

fn proof(basis: &Basis<'_>, language: Language) -> Table {
    let tally = basis.tally;
    let sealed = basis.seals.last().map_or(0, |seal| seal.last);
    let mut records = vec![tally.first, tally.head.sequence];
    records.dedup();
    let rows = vec![
        (term("records", "期間中の記録の数", "records in the period"), Cell::Number(tally.records)),
        (
            term("first_and_last", "最初と最後の記録", "first and last record"),
            Cell::Records(records),
        ),
        (
            term(
                "from_the_beginning",
                "期間の初めから残っている",
                "kept from the beginning of the period on",
            ),
            yes(basis.reaches_back),
        ),
        (
            term("verified", "連鎖と封印の検証に合格", "chain and seals verify"),
            yes(basis.broken.is_empty()),
        ),
        (
            term("unreadable", "読み取れない記録", "records that cannot be read"),
            Cell::Number(tally.unreadable),
        ),
        (
            term("sealed_days", "封印された日の数", "sealed days"),
            Cell::Number(basis.seals.len() as u64),
        ),
        (
            term(
                "sealed_to_the_end",
                "最後の記録まで封印されている",
                "sealed up to the last record",
            ),
            yes(sealed >= tally.head.sequence),
        ),
        (
            term("gaps", "記録の欠落(SYS-evidence-gap)", "gaps (SYS-evidence-gap)"),
            Cell::Number(tally.count("SYS-evidence-gap").times),
        ),
        (
            term(
                "clock_steps",
                "時計の後退(SYS-clock-back)",
                "steps of the clock (SYS-clock-back)",
            ),
            Cell::Number(tally.count("SYS-clock-back").times),
        ),
        (
            term(
                "deletions",
                "保存期間による削除(SYS-evidence-expired)",
                "deletions by age (SYS-evidence-expired)",
            ),
            Cell::Number(tally.count("SYS-evidence-expired").times),
        ),
    ];
    let title = Text { ja: "証跡の証明", en: "Proof of the evidence" };
    let broken: Vec<String> = basis.broken.iter().map(|broken| broken.text(language)).collect();
    named("evidence", title, rows).note(broken.join(" "))
}

fn irregular(basis: &Basis<'_>, language: Language) -> Table {
    let title = Text {
        ja: "証跡の異常・削除・バックアップ",
        en: "Irregularities, deletions and backups",
    };
    let mut table = Table::new(
        "irregularities",
        title,
        &[
            column("record", "記録", "record"),
            column("time", "日時", "time"),
            column("event", "事象", "event"),
            private("detail", "詳細", "detail"),
        ],
    )
    .note(more(basis, language));
    for (sequence, line) in notable(basis, false) {
        table.row(vec![
            Cell::Number(*sequence),
            Cell::Time(time_of(line)),
            Cell::text(cell(line, "event")),
            Cell::text(cell(line, "message")),
        ]);
    }
    table
}

fn seals(basis: &Basis<'_>) -> Table {
    let title = Text { ja: "封印", en: "Seals" };
    let mut table = Table::new(
        "seals",
        title,
        &[
            column("day", "日", "day"),
            column("first", "最初", "first"),
            column("last", "最後", "last"),
            column("head", "ハッシュ", "head"),
        ],
    );
    for seal in basis.seals {
        table.row(vec![
            Cell::text(&seal.day),
            Cell::Number(seal.first),
            Cell::Number(seal.last),
            Cell::text(hex(&seal.head)),
        ]);
    }
    table
}

fn events(basis: &Basis<'_>) -> Table {
    let title = Text { ja: "そのほかの事象の数", en: "Other events" };
    let mut table = Table::new(
        "events",
        title,
        &[
            column("event", "事象", "event"),
            column("times", "件数", "times"),
            column("records", "証跡(最初・最後)", "evidence (first, last)"),
        ],
    );
    for (event, count) in &basis.tally.events {
        table.row(vec![
            Cell::text(event),
            Cell::Number(count.times),
            Cell::Records(count.records()),
        ]);
    }
    table
}
