//! `sekisho report`: the self-check of a quarter or a year, from the evidence and the plan. Reads
//! the files themselves, beside a running service or without one.

use std::path::PathBuf;

use clap::{ArgGroup, ArgMatches, Command};

use super::arguments::{Words, shown};
use super::log::{Told, encoding, open, tell_waiting};
use super::{Console, DONE, WRONG, site};
use crate::plan;
use crate::proof;
use crate::record::{Broken, Head, Incidents, Seal, Span, Store as _, TableEncoding, Verifier};
use crate::report::{Basis, Document, Items, Tally, html, report};
use crate::shell::evidence::{PUBLIC_FILE, Sqlite, public_key};
use crate::shell::service::Material as _;
use crate::shell::{clock, files};
use crate::vocabulary::{FiscalError, FiscalPeriod, Language, Text, Timestamp, escape};

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let format = words
        .text("format", "html|csv|json", "形式[既定: html]", "form [default: html]")
        .value_parser(["html", "csv", "json"])
        .default_value("html")
        .hide_default_value(true)
        .hide_possible_values(true);
    let command = words
        .verb(
            "report",
            "四半期または年度の自己点検報告書を証跡と計画から作る",
            "make the self-check of a quarter or fiscal year from evidence and plan",
        )
        .arg(words.text(
            "quarter",
            "QUARTER",
            "四半期(令和8年度第3四半期、R8Q3、2026Q3。西暦も年度)",
            "quarter of a fiscal year: 令和8年度第3四半期, R8Q3 or 2026Q3 (October to December 2026)",
        ))
        .arg(words.text(
            "year",
            "YEAR",
            "年度(令和8年度、R8、2026)",
            "fiscal year: 令和8年度, R8 or 2026 (April 2026 to March 2027)",
        ))
        .group(ArgGroup::new("period").args(["quarter", "year"]).required(true))
        .args([format, encoding(words)])
        .arg(words.flag(
            "redacted",
            "名前・アドレス・ポート・資産番号を除いた版",
            "the edition without names, addresses, ports and asset numbers",
        ))
        .arg(words.path(
            "items",
            "FILE",
            "規則ごとの監査項目番号([items] の下に R01 = \"5.1.2\")",
            "audit item numbers of the rules: R01 = \"5.1.2\" below [items]",
        ))
        .arg(words.path(
            "key",
            "FILE",
            "公開鍵[既定: 状態ディレクトリの evidence.pub]",
            "public key [default: evidence.pub of the state directory]",
        ));
    site::with_state(site::with_files(command, words), words)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    match made(matches, console) {
        Ok(Some(document)) => {
            print(&document, matches, console);
            DONE
        }
        Ok(None) => WRONG,
        Err(told) => told.complain(console),
    }
}

fn print(document: &Document, matches: &ArgMatches, console: &mut Console) {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    match (text("format"), text("encoding")) {
        (Some("json"), _) => console.json(&document.json()),
        (Some("csv"), Some("cp932")) => console.octets(&document.csv(TableEncoding::Cp932)),
        (Some("csv"), _) => console.octets(&document.csv(TableEncoding::Utf8)),
        _ => console.part(html(document)),
    }
}

fn period(matches: &ArgMatches, language: Language) -> Result<FiscalPeriod, Told> {
    let told = |error: FiscalError, value: &str| {
        Told::wrong_use(error.text().fill(language, &[("value", escape(value.as_bytes()))]))
    };
    match matches.get_one::<String>("quarter") {
        Some(text) => FiscalPeriod::parse_quarter(text).map_err(|error| told(error, text)),
        None => {
            let text = matches.get_one::<String>("year").cloned().unwrap_or_default();
            FiscalPeriod::parse_year(&text).map_err(|error| told(error, &text))
        }
    }
}

fn items(matches: &ArgMatches, language: Language) -> Result<Items, String> {
    let Some(path) = matches.get_one::<PathBuf>("items") else { return Ok(Items::default()) };
    let text = files::read_text(path).map_err(|error| error.text(language))?;
    Items::parse(&text).map_err(|(error, facts)| {
        format!("{}: {}", shown(path), error.text().fill(language, &facts))
    })
}

/// Makes the report; `None` when there is no plan, after saying why.
fn made(matches: &ArgMatches, console: &mut Console) -> Result<Option<Document>, Told> {
    let language = console.language;
    let period = period(matches, language)?;
    let items = items(matches, language)?;
    let store = open(matches, language)?;
    tell_waiting(matches, &store, console);
    let key = matches.get_one::<PathBuf>("key").cloned();
    let key = key.unwrap_or_else(|| site::path(matches, "state").join(PUBLIC_FILE));
    let key = public_key(&key).map_err(|failure| failure.message(language))?;
    let span = Span { from: period.from(), to: period.to() };
    let complete = clock::now() >= span.to;
    let extent = store.extent(span).map_err(failed)?;
    let Some((first, last, latest)) = extent else {
        return Err(nothing(&store, period, language).into());
    };
    // Not the present: the same records are to give the same report, whenever it is made.
    let as_of = if complete { span.to.just_before() } else { latest };

    let sources = site::tree(matches).sources().map_err(|failure| failure.message(language))?;
    let compiled = plan::compile(&sources, as_of);
    let Some(plan) = &compiled.plan else {
        site::print_findings(console, &compiled.findings);
        return Ok(None);
    };
    let mut findings = compiled.findings;
    findings.extend(proof::prove(plan, None, as_of).findings);

    let mut tally = Tally::new(plan, span);
    let (seals, broken) = walk(&store, (first, last), &key, &mut tally).map_err(failed)?;
    let before = Span { from: Timestamp(i64::MIN), to: span.to };
    let incidents = Incidents::read(&store, before, last).map_err(failed)?;
    let basis = Basis {
        period,
        complete,
        as_of,
        plan,
        findings: &findings,
        tally: &tally,
        incidents: &incidents,
        seals: &seals,
        broken: &broken,
        reaches_back: reaches_back(&store, first, span.from).map_err(failed)?,
        version: env!("CARGO_PKG_VERSION"),
        items: &items,
    };
    let document = report(&basis, language);
    Ok(Some(if matches.get_flag("redacted") { document.redacted() } else { document }))
}

fn failed(cause: rusqlite::Error) -> String {
    cause.to_string()
}

fn nothing(store: &Sqlite, period: FiscalPeriod, language: Language) -> String {
    let text = Text {
        ja: "{period}({from} から)の証跡はありません。残っている最も古い記録は {oldest} です",
        en: "there is no evidence of {period}, which begins on {from}; the oldest record kept is of {oldest}",
    };
    let oldest = store.oldest().ok().flatten().map_or("-".to_owned(), Timestamp::local);
    let facts =
        [("period", period.name(language)), ("from", period.from().day()), ("oldest", oldest)];
    text.fill(language, &facts)
}

/// Counts and verifies the records of the period in one walk, and gives the seals among them.
fn walk(
    store: &Sqlite,
    (first, last): (u64, u64),
    key: &[u8],
    tally: &mut Tally<'_>,
) -> rusqlite::Result<(Vec<Seal>, Vec<Broken>)> {
    let mut before = store.origin()?;
    if first > before.sequence + 1 {
        store.walk(first - 1, &mut |sequence, hash, _| {
            before = Head { sequence, hash: *hash };
            false
        })?;
    }
    let mut seals = store.seals()?;
    seals.retain(|seal| (first..=last).contains(&seal.last));
    let mut verifier = Verifier::new(before, seals.clone(), key);
    store.walk(first, &mut |sequence, hash, body| {
        if sequence > last {
            return false;
        }
        verifier.record(sequence, hash, body);
        tally.take(sequence, hash, body);
        true
    })?;
    let (broken, _) = verifier.finish(None);
    Ok((seals, broken))
}

/// Whether nothing is missing before the first record of a period: it is the node's first, one
/// from before is kept, or a seal shows that the one before belonged to an earlier day. Seals
/// stay when records expire, so that the answer stays as well.
fn reaches_back(store: &Sqlite, first: u64, from: Timestamp) -> rusqlite::Result<bool> {
    if first == 1 || store.origin()?.sequence + 1 < first {
        return Ok(true);
    }
    let before = |seal: &Seal| {
        seal.last + 1 == first && Timestamp::parse_end(&seal.day).is_ok_and(|end| end <= from)
    };
    Ok(store.seals()?.iter().any(before))
}
