//! Devices and what they were answered.

use std::collections::{BTreeMap, BTreeSet};

use super::{Basis, CERTIFICATE_DAYS, share};
use crate::plan::Device;
use crate::report::document::{Cell, Table, column, private, term};
use crate::report::tally::{Decisions, STRANGERS_MAX, Seen};
use crate::vocabulary::{Language, Outcome, Reason, Text, Timestamp};

pub(super) fn tables(basis: &Basis<'_>, language: Language) -> Vec<Table> {
    vec![
        sections(basis, language),
        classes(basis, language),
        unseen(basis, language),
        strangers(basis, language),
        refusals(basis, language),
        certificates(basis, language),
    ]
}

fn devices<'a>(basis: &'a Basis<'_>) -> impl Iterator<Item = (&'a Device, &'a Seen)> {
    basis.plan.devices.iter().zip(&basis.tally.devices)
}

#[derive(Default)]
struct Stock {
    registered: u64,
    seen: u64,
}

impl Stock {
    fn add(&mut self, seen: &Seen) {
        self.registered += 1;
        self.seen += u64::from(seen.count.times > 0);
    }
}

fn sections(basis: &Basis<'_>, language: Language) -> Table {
    let title = Text { ja: "課ごとの端末と認証", en: "Devices and admissions by section" };
    let mut table = Table::new(
        "sections",
        title,
        &[
            column("number", "番号", "no."),
            private("section", "課", "section"),
            column("registered", "登録", "registered"),
            column("seen", "確認", "seen"),
            column("unseen", "未確認", "unseen"),
            column("certificate", "証明書で許可", "by certificate"),
            column("mab", "MAC で許可", "by MAC address"),
            column("mab_share", "MAC の割合", "share of MAC"),
            column("quarantined", "隔離", "quarantined"),
            column("refused", "拒否", "refused"),
        ],
    );
    let mut stock: BTreeMap<&str, Stock> = BTreeMap::new();
    for (device, seen) in devices(basis) {
        stock.entry(&device.section).or_default().add(seen);
    }
    let names: BTreeSet<&str> =
        stock.keys().copied().chain(basis.tally.sections.keys().map(String::as_str)).collect();
    for (number, name) in (1..).zip(names) {
        let none = Stock::default();
        let stock = stock.get(name).unwrap_or(&none);
        let decisions: Decisions = basis.tally.sections.get(name).copied().unwrap_or_default();
        let unknown = Text { ja: "(所属なし・未登録)", en: "(none, or not registered)" };
        table.row(vec![
            Cell::Number(number),
            Cell::text(if name.is_empty() { unknown.get(language) } else { name }),
            Cell::Number(stock.registered),
            Cell::Number(stock.seen),
            Cell::Number(stock.registered - stock.seen),
            Cell::Number(decisions.certificate),
            Cell::Number(decisions.mab),
            share(&decisions),
            Cell::Number(decisions.quarantined),
            Cell::Number(decisions.refused),
        ]);
    }
    table
}

fn class_name<'a>(basis: &'a Basis<'_>, device: &Device, language: Language) -> &'a str {
    basis.plan.class(device.class).map_or("?", |class| class.name.get(language))
}

fn classes(basis: &Basis<'_>, language: Language) -> Table {
    let title =
        Text { ja: "環境・区分ごとの端末", en: "Devices by environment and class" };
    let mut table = Table::new(
        "classes",
        title,
        &[
            private("environment", "環境", "environment"),
            private("class", "区分", "class"),
            column("registered", "登録", "registered"),
            column("seen", "確認", "seen"),
            column("unseen", "未確認", "unseen"),
        ],
    )
    .private();
    let mut stock: BTreeMap<(&str, &str), Stock> = BTreeMap::new();
    for (device, seen) in devices(basis) {
        let environment = basis.plan.environment_id(device.environment);
        let class = class_name(basis, device, language);
        stock.entry((environment, class)).or_default().add(seen);
    }
    for ((environment, class), stock) in stock {
        table.row(vec![
            Cell::text(environment),
            Cell::text(class),
            Cell::Number(stock.registered),
            Cell::Number(stock.seen),
            Cell::Number(stock.registered - stock.seen),
        ]);
    }
    table
}

fn unseen(basis: &Basis<'_>, language: Language) -> Table {
    let title = Text { ja: "未確認の端末(棚卸)", en: "Devices registered but not seen" };
    let mut table = Table::new(
        "unseen",
        title,
        &[
            private("section", "課", "section"),
            private("asset", "資産番号", "asset"),
            private("computer", "コンピューター名", "computer"),
            private("class", "区分", "class"),
            private("environment", "環境", "environment"),
        ],
    )
    .private();
    let mut found: Vec<&Device> = devices(basis)
        .filter(|(_, seen)| seen.count.times == 0)
        .map(|(device, _)| device)
        .collect();
    found.sort_by_key(|device| (&device.section, &device.asset));
    for device in found {
        table.row(vec![
            Cell::text(&*device.section),
            Cell::text(&device.asset),
            Cell::text(&device.computer),
            Cell::text(class_name(basis, device, language)),
            Cell::text(basis.plan.environment_id(device.environment)),
        ]);
    }
    table
}

fn strangers(basis: &Basis<'_>, language: Language) -> Table {
    let title =
        Text { ja: "接続を試みた未登録の端末", en: "Devices seen but not registered" };
    let mut table = Table::new(
        "strangers",
        title,
        &[
            private("mac", "MAC アドレス", "MAC address"),
            private("asset", "以前の資産番号", "former asset"),
            private("place", "最後の場所", "last place"),
            column("reason", "最後の理由", "last reason"),
            column("times", "記録数", "records"),
            column("records", "証跡(最初・最後)", "evidence (first, last)"),
        ],
    )
    .private();
    if basis.tally.strangers_more > 0 {
        let text = Text {
            ja: "一覧の上限 {limit} 件を超えたため、ほかに {more} 件の記録があります。",
            en: "The list ends at {limit}; {more} more records are about others.",
        };
        let facts = [
            ("limit", STRANGERS_MAX.to_string()),
            ("more", basis.tally.strangers_more.to_string()),
        ];
        table = table.note(text.fill(language, &facts));
    }
    for (mac, stranger) in &basis.tally.strangers {
        table.row(vec![
            Cell::text(mac.to_string()),
            Cell::text(&stranger.asset),
            Cell::text(&stranger.place),
            Cell::text(&stranger.reason),
            Cell::Number(stranger.count.times),
            Cell::Records(stranger.count.records()),
        ]);
    }
    table
}

fn refusals(basis: &Basis<'_>, language: Language) -> Table {
    let title =
        Text { ja: "理由ごとの拒否と隔離", en: "Refusals and quarantine by reason" };
    let mut table = Table::new(
        "refusals",
        title,
        &[
            column("outcome", "結果", "result"),
            column("reason", "理由", "reason"),
            column("text", "説明", "explanation"),
            column("times", "件数", "times"),
            column("records", "証跡(最初・最後)", "evidence (first, last)"),
        ],
    );
    for ((outcome, reason), count) in &basis.tally.reasons {
        let quarantine = outcome == Outcome::Quarantine.id();
        let known = Reason::ALL.iter().find(|known| known.id() == reason);
        let text = known.map(|known| {
            let wants: Vec<_> =
                known.text().wants(language).map(|name| (name, "…".to_owned())).collect();
            known.text().fill(language, &wants)
        });
        let named = match quarantine {
            true => term("quarantine", "隔離", "quarantine"),
            false => term("refuse", "拒否", "refusal"),
        };
        table.row(vec![
            named,
            // A reason that this version does not know may say anything.
            known.map_or(Cell::text("?"), |known| Cell::text(known.id())),
            Cell::text(text.unwrap_or_default()),
            Cell::Number(count.times),
            Cell::Records(count.records()),
        ]);
    }
    table
}

/// Devices whose certificate ends within [`CERTIFICATE_DAYS`] or has ended, soonest first.
pub(super) fn ending<'a>(basis: &'a Basis<'_>) -> Vec<(Timestamp, &'a Device)> {
    const DAY_MS: i64 = 86_400_000;
    let last = Timestamp(basis.as_of.0.saturating_add(CERTIFICATE_DAYS * DAY_MS));
    let mut found: Vec<_> = devices(basis)
        .filter_map(|(device, seen)| Some((seen.certificate_end?, device)))
        .filter(|(end, _)| *end <= last)
        .collect();
    found.sort_by_key(|(end, device)| (*end, &device.asset));
    found
}

fn certificates(basis: &Basis<'_>, language: Language) -> Table {
    let title = Text {
        ja: "90日以内に期限の切れる証明書",
        en: "Certificates ending within 90 days",
    };
    let note = Text {
        ja: "端末が期間中に最後に示した証明書の期限です。示さなかった端末の期限は分かりません。",
        en: "By the certificate that each device showed last in the period; of others nothing is known.",
    };
    let mut table = Table::new(
        "certificates",
        title,
        &[
            private("section", "課", "section"),
            private("asset", "資産番号", "asset"),
            private("computer", "コンピューター名", "computer"),
            column("end", "期限", "ends"),
            column("records", "証跡", "evidence"),
        ],
    )
    .private()
    .note(note.get(language));
    for (end, device) in ending(basis) {
        let index = basis.plan.device_by_asset(&device.asset);
        let place = index.and_then(|index| usize::try_from(index.0).ok());
        let seen = place.and_then(|place| basis.tally.devices.get(place));
        table.row(vec![
            Cell::text(&*device.section),
            Cell::text(&device.asset),
            Cell::text(&device.computer),
            Cell::Day(end),
            Cell::Records(seen.map(|seen| vec![seen.count.last]).unwrap_or_default()),
        ]);
    }
    table
}
