//! `sekisho log`: the evidence searched, verified, and taken to an archive. Reads the files
//! themselves, so that it works beside a running service and without one.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::arguments::{Words, shown};
use super::{Console, DONE, WRONG, WRONG_USE, log_verify, site};
use crate::record::{
    ANSWERS_MAX, Field, Pattern, Query, QueryError, Record, Segment, Span, Store as _,
    TableEncoding, cell, csv, read_segment, write_segment,
};
use crate::shell::evidence::{
    EVIDENCE_FILE, PUBLIC_FILE, Sqlite, pack, public_key, read_packed, waiting,
};
use crate::shell::{clock, files};
use crate::vocabulary::{Language, Text, Timestamp, escape};

/// Answers shown when nobody says how many.
const LIMIT: &str = "1000";
/// Records among which one is sought that differs in case alone.
const ALIKE_MAX: usize = 1000;
/// Option, value name, field, Japanese and English help.
const FILTERS: &[(&str, &str, Field, Text)] = &[
    (
        "mac",
        "MAC",
        Field::Mac,
        Text {
            ja: "MAC アドレス(表記は自由、00-12-E2* で前方一致)",
            en: "MAC address in any spelling, or its beginning: 00-12-E2*",
        },
    ),
    ("ip", "IP", Field::Address, Text { ja: "IP アドレス", en: "IP address" }),
    ("asset", "ASSET", Field::Asset, Text { ja: "資産番号", en: "asset number" }),
    ("host", "NAME", Field::Host, Text { ja: "コンピューター名", en: "computer name" }),
    ("person", "NAME", Field::Identity, Text { ja: "証明書の名前", en: "name in the certificate" }),
    ("section", "NAME", Field::Section, Text { ja: "所属", en: "section" }),
    ("site", "SITE", Field::Site, Text { ja: "拠点", en: "site" }),
    ("switch", "SWITCH", Field::Switch, Text { ja: "スイッチ", en: "switch" }),
    ("environment", "ENV", Field::Environment, Text { ja: "環境", en: "environment" }),
    (
        "result",
        "RESULT",
        Field::Outcome,
        Text { ja: "結果(admit、quarantine、refuse)", en: "admit, quarantine or refuse" },
    ),
    ("reason", "ID", Field::Reason, Text { ja: "理由", en: "reason" }),
    (
        "event",
        "ID",
        Field::Event,
        Text {
            ja: "事象(AUTH、ACCT-*、CFG-* など)", en: "event: AUTH, ACCT-*, CFG-* and so on"
        },
    ),
    (
        "session",
        "ID",
        Field::Session,
        Text { ja: "接続番号(Acct-Session-Id)", en: "Acct-Session-Id" },
    ),
];

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let mut search = Command::new("search").about(words.say(
        "証跡を検索する(条件はすべて満たすもの、* は任意の文字列)",
        "search the evidence; every condition must hold, * stands for anything",
    ));
    for (name, value, _, help) in FILTERS {
        search = search.arg(words.text(name, value, help.ja, help.en));
    }
    let format = words
        .text("format", "text|json|csv", "形式[既定: text]", "form [default: text]")
        .value_parser(["text", "json", "csv"])
        .default_value("text")
        .hide_default_value(true)
        .hide_possible_values(true);
    let limit = words
        .text("limit", "N", "最大件数[既定: 1000]", "answers at most [default: 1000]")
        .value_parser(value_parser!(u32).range(1..=ANSWERS_MAX as i64))
        .default_value(LIMIT)
        .hide_default_value(true);
    let search = with_span(search.arg(port(words)), words).args([format, encoding(words), limit]);
    let files = |ja, en| {
        Arg::new("file")
            .value_name("FILE")
            .action(ArgAction::Append)
            .value_parser(value_parser!(PathBuf))
            .help(words.say(ja, en))
    };
    let key = words.path(
        "key",
        "FILE",
        "公開鍵[既定: 状態ディレクトリの evidence.pub]",
        "public key [default: evidence.pub of the state directory]",
    );
    let verify = Command::new("verify")
        .about(words.say(
            "証跡の連鎖と封印を確かめ、変更・欠落・入れ替えがあれば示す",
            "check the chain and its seals, and name every change, gap or reordering",
        ))
        .arg(files(
            "封印ファイル(省略すると状態ディレクトリの証跡)",
            "sealed segments; without any, the evidence of the state directory",
        ))
        .arg(key.clone());
    let export = Command::new("export")
        .about(words.say(
            "封印した日をファイルに書き出す(圧縮、既にあるものは除く)",
            "write every sealed day that is not there yet, compressed",
        ))
        .arg(words.path("out", "DIR", "書き出し先", "where to").required(true));
    let import = words
        .verb(
            "import",
            "書き出した日を検索できるように戻す",
            "bring exported days back to be searched",
        )
        .arg(files("封印ファイル", "sealed segments").required(true))
        .arg(key);
    words
        .group("log", "証跡の検索・検証・保管", "search, verify and archive the evidence")
        .subcommand(site::with_state(search, words))
        .subcommand(site::with_json(site::with_state(verify, words), words))
        .subcommand(site::with_state(export, words))
        .subcommand(site::with_state(import, words))
}

/// `--encoding` of CSV.
pub(super) fn encoding(words: Words) -> Arg {
    words
        .text(
            "encoding",
            "utf-8|cp932",
            "CSV の文字コード[既定: utf-8]",
            "encoding of CSV [default: utf-8]",
        )
        .value_parser(["utf-8", "cp932"])
        .default_value("utf-8")
        .hide_default_value(true)
        .hide_possible_values(true)
}

/// `--since` and `--until`.
pub(super) fn with_span(command: Command, words: Words) -> Command {
    command
        .arg(words.text(
            "since",
            "WHEN",
            "この時から(24h、7d、今日、昨日、2026-11-24、令和8年11月24日、RFC 3339)",
            "from then on: 24h, 7d, today, yesterday, 2026-11-24, R8.11.24 or RFC 3339",
        ))
        .arg(words.text(
            "until",
            "WHEN",
            "この時まで(日付はその日を含む)",
            "until then, a day included",
        ))
}

/// `--port`.
pub(super) fn port(words: Words) -> Arg {
    words.text(
        "port",
        "SWITCH:PORT",
        "スイッチとポート(例 hon-sw01:0/3)",
        "switch and port, such as hon-sw01:0/3",
    )
}

/// Why a command cannot say anything, already in words, and the code it ends with.
pub(super) struct Told(String, u8);

impl From<String> for Told {
    fn from(text: String) -> Self {
        Self(text, WRONG)
    }
}

impl Told {
    /// The same, when it is what was typed that cannot be understood.
    pub(super) const fn wrong_use(text: String) -> Self {
        Self(text, WRONG_USE)
    }

    /// Complains, and gives the code.
    pub(super) fn complain(self, console: &mut Console) -> u8 {
        console.complain(self.0);
        self.1
    }
}

/// The span that the arguments name.
pub(super) fn span(matches: &ArgMatches, now: Timestamp, language: Language) -> Result<Span, Told> {
    let mut span = Span::ALL;
    if let Some(text) = matches.get_one::<String>("since") {
        span.from = Span::begin(text, now).map_err(|error| told(error, text, language))?;
    }
    if let Some(text) = matches.get_one::<String>("until") {
        span.to = Span::end(text, now).map_err(|error| told(error, text, language))?;
    }
    if span.from >= span.to {
        let empty = Text {
            ja: "期間が空です: {from} から {to} まで。--since を --until より前にしてください",
            en: "nothing lies between {from} and {to}; --since has to be before --until",
        };
        let facts = [("from", span.from.local()), ("to", span.to.local())];
        return Err(Told::wrong_use(empty.fill(language, &facts)));
    }
    Ok(span)
}

fn told(error: QueryError, value: &str, language: Language) -> Told {
    Told::wrong_use(error.text().fill(language, &[("value", escape(value.as_bytes()))]))
}

/// What a field must be.
pub(super) fn condition(
    field: Field,
    text: &str,
    language: Language,
) -> Result<(Field, Pattern), Told> {
    let pattern = Pattern::new(field, text);
    pattern.map(|pattern| (field, pattern)).map_err(|error| told(error, text, language))
}

/// `hon-sw01:0/3` as conditions.
pub(super) fn port_conditions(
    text: &str,
    language: Language,
) -> Result<Vec<(Field, Pattern)>, Told> {
    let Some((switch, port)) = text.split_once(':').filter(|(_, port)| !port.is_empty()) else {
        let wrong = Text {
            ja: "ポート `{value}` を読み取れません。例: hon-sw01:0/3",
            en: "cannot read the port `{value}`; write hon-sw01:0/3",
        };
        let facts = [("value", escape(text.as_bytes()))];
        return Err(Told::wrong_use(wrong.fill(language, &facts)));
    };
    Ok(vec![
        condition(Field::Switch, switch, language)?,
        condition(Field::Place, &format!("*/{switch}/{port}"), language)?,
    ])
}

/// Opens the evidence of a state directory to read.
pub(super) fn open(matches: &ArgMatches, language: Language) -> Result<Sqlite, String> {
    let path = site::path(matches, "state").join(EVIDENCE_FILE);
    let text = Text {
        ja: "証跡 `{path}` を読めません: {cause}(--state で状態ディレクトリを指定できます)",
        en: "cannot read the evidence `{path}`: {cause}; --state names the state directory",
    };
    let absent = Text { ja: "ファイルがありません", en: "no such file" };
    // SQLite needs a file beside it, which the running service has made.
    let alone = Text {
        ja: "サービスが動いていないあいだは、状態ディレクトリに書ける利用者だけが読めます",
        en: "while the service does not run, only who may write in the state directory can read it",
    };
    let cause = match files::may_read(&path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            absent.get(language).to_owned()
        }
        Err(cause) => cause.to_string(),
        Ok(()) => match Sqlite::open_to_read(&path) {
            Ok(store) => return Ok(store),
            Err(cause) if cause.sqlite_error_code().is_some_and(is_alone) => {
                alone.get(language).to_owned()
            }
            Err(cause) => cause.to_string(),
        },
    };
    Err(text.fill(language, &[("path", shown(&path)), ("cause", cause)]))
}

/// Says that records wait on the spool, among which nothing is found.
pub(super) fn tell_waiting(matches: &ArgMatches, store: &Sqlite, console: &mut Console) {
    // OK because who may not read the spool is told of the store alone.
    let waiting = waiting(&site::path(matches, "state"), store).unwrap_or_default();
    if waiting > 0 {
        let text = Text {
            ja: "スプールで保存を待つ {count} 件は、ここには含まれません",
            en: "{count} records that wait on the spool are not among these",
        };
        console.complain(text.fill(console.language, &[("count", waiting.to_string())]));
    }
}

/// What SQLite says where it may not make the file beside the store.
const fn is_alone(code: rusqlite::ErrorCode) -> bool {
    matches!(code, rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let Some((kind, inner)) = matches.subcommand() else { return WRONG_USE };
    let done = match kind {
        "search" => search(inner, console),
        "verify" => log_verify::verify(inner, console),
        "export" => export(inner, console),
        _ => import(inner, console),
    };
    done.unwrap_or_else(|told| told.complain(console))
}

fn search(matches: &ArgMatches, console: &mut Console) -> Result<u8, Told> {
    let language = console.language;
    let mut fields = Vec::new();
    for (name, _, field, _) in FILTERS {
        if let Some(text) = matches.get_one::<String>(name) {
            fields.push(condition(*field, text, language)?);
        }
    }
    if let Some(text) = matches.get_one::<String>("port") {
        fields.extend(port_conditions(text, language)?);
    }
    let limit = matches.get_one::<u32>("limit").map_or(1, |limit| *limit as usize);
    let query = Query { span: span(matches, clock::now(), language)?, fields, limit };
    let store = open(matches, language)?;
    let records = store.search(&query).map_err(|cause| cause.to_string())?;
    match matches.get_one::<String>("format").map(String::as_str) {
        Some("json") => records.iter().for_each(|record| console.line(&record.body)),
        Some("csv") => {
            let cp932 = matches.get_one::<String>("encoding").is_some_and(|it| it == "cp932");
            let encoding = if cp932 { TableEncoding::Cp932 } else { TableEncoding::Utf8 };
            console.octets(&csv(&records, language, encoding));
        }
        _ => {
            for record in &records {
                console.line(line(record));
            }
            let count = Text { ja: "{count} 件", en: "{count} records" };
            console.line(count.fill(language, &[("count", records.len().to_string())]));
        }
    }
    if records.is_empty() {
        tell_unknown(&store, query.fields, console)?;
    }
    tell_waiting(matches, &store, console);
    if records.len() == limit {
        let more = Text {
            ja: "最大件数 {limit} に達しました。続きは --limit か --until で",
            en: "there may be more than {limit}; ask with --limit or --until",
        };
        console.complain(more.fill(language, &[("limit", limit.to_string())]));
    }
    Ok(DONE)
}

/// Says which conditions no record at all meets, whenever: most likely a slip of the pen.
pub(super) fn tell_unknown(
    store: &Sqlite,
    conditions: Vec<(Field, Pattern)>,
    console: &mut Console,
) -> Result<(), String> {
    for (field, pattern) in conditions {
        let text = Text {
            ja: "--{option} の `{value}` に合う記録は、どこにもありません",
            en: "no record at all meets `{value}` of --{option}",
        };
        let option = FILTERS.iter().find(|(_, _, known, _)| *known == field);
        let option = option.map_or("port", |(name, ..)| *name);
        let facts = [("option", option.to_owned()), ("value", pattern.text().to_owned())];
        let like = Pattern::new(field, &format!("{}*", pattern.text())).ok();
        let find = |pattern: Pattern, limit| {
            let query = Query { span: Span::ALL, fields: vec![(field, pattern)], limit };
            store.search(&query).map_err(|cause| cause.to_string())
        };
        let typed = pattern.text().to_owned();
        if !find(pattern, 1)?.is_empty() {
            continue;
        }
        let mut told = text.fill(console.language, &facts);
        // A value is met as it is written, a pattern whatever the case.
        let found = like.map(|like| find(like, ALIKE_MAX)).transpose()?.unwrap_or_default();
        let mut values = found.iter().map(|record| cell(&record.line(), field.key()));
        if let Some(other) = values.find(|value| value.eq_ignore_ascii_case(&typed)) {
            let hint =
                Text { ja: "。`{other}` のことですか", en: "; did you mean `{other}`?" };
            told.push_str(&hint.fill(console.language, &[("other", other)]));
        }
        console.complain(told);
    }
    Ok(())
}

/// A record on one line: what there is of the most telling columns.
fn line(record: &Record) -> String {
    let line = record.line();
    let told = ["outcome", "environment", "asset", "mac", "address", "place", "section", "text"];
    let mut text = format!(
        "{} {:>7} {}",
        Timestamp::told(&cell(&line, "time")),
        record.sequence,
        cell(&line, "event")
    );
    for key in told {
        let value = cell(&line, key);
        if !value.is_empty() {
            text.push(' ');
            text.push_str(&escape(value.as_bytes()));
        }
    }
    text
}

pub(super) fn segment(path: &Path, language: Language) -> Result<Segment, String> {
    let unreadable = |cause: std::io::Error| {
        let text = Text {
            ja: "`{path}` を読めません: {cause}",
            en: "cannot read `{path}`: {cause}",
        };
        text.fill(language, &[("path", shown(path)), ("cause", cause.to_string())])
    };
    let text = read_packed(path).map_err(unreadable)?;
    read_segment(&text).map_err(|(fault, sequence)| {
        fault.text().fill(language, &[("sequence", sequence.to_string())])
    })
}

fn export(matches: &ArgMatches, console: &mut Console) -> Result<u8, Told> {
    let language = console.language;
    let out = site::path(matches, "out");
    files::make_directory(&out, files::PRIVATE_DIRECTORY).map_err(|error| error.text(language))?;
    let key = public_key(&site::path(matches, "state").join(PUBLIC_FILE));
    let key = key.map_err(|failure| failure.message(language))?;
    let store = open(matches, language)?;
    let failed = |cause: rusqlite::Error| cause.to_string();
    let origin = store.origin().map_err(failed)?;
    let mut written = false;
    for seal in store.seals().map_err(failed)? {
        let name = format!("{}-{}-{}.jsonl.gz", seal.node, seal.day, seal.first);
        let path = out.join(&name);
        if seal.first <= origin.sequence || path.exists() {
            continue;
        }
        let mut bodies = Vec::new();
        let walked = store.walk(seal.first, &mut |sequence, _, body| {
            let within = sequence <= seal.last;
            if within {
                bodies.push(String::from_utf8_lossy(body).into_owned());
            }
            within
        });
        walked.map_err(failed)?;
        let text = write_segment(&seal, &key, bodies.iter().map(String::as_str));
        if read_segment(&text).is_err() {
            let text = Text {
                ja: "{day} の証跡は封印と一致しないため書き出しません。sekisho log verify で確かめてください",
                en: "the evidence of {day} does not agree with its seal and is not written; see sekisho log verify",
            };
            return Err(text.fill(language, &[("day", seal.day)]).into());
        }
        let packed = pack(&text).map_err(|cause| cause.to_string())?;
        files::write_new(&path, &packed, files::PRIVATE_FILE)
            .map_err(|error| error.text(language))?;
        let text = Text { ja: "{path}: {count} 件", en: "{path}: {count} records" };
        let facts = [("path", shown(&path)), ("count", bodies.len().to_string())];
        console.line(text.fill(language, &facts));
        written = true;
    }
    if !written {
        console.complain(console.say(Text {
            ja: "封印した日で、まだ書き出していないものはありません(その日が終わると封印します)",
            en: "there is no sealed day that is not written already; a day is sealed once it is over",
        }));
    }
    Ok(DONE)
}

fn import(matches: &ArgMatches, console: &mut Console) -> Result<u8, Told> {
    let language = console.language;
    let state = site::path(matches, "state");
    let key_file = matches.get_one::<PathBuf>("key").cloned();
    let key = public_key(&key_file.unwrap_or_else(|| state.join(PUBLIC_FILE)));
    let key = key.map_err(|failure| failure.message(language))?;
    open(matches, language)?;
    let mut store = Sqlite::open(&state).map_err(|cause| cause.to_string())?;
    for path in matches.get_many::<PathBuf>("file").into_iter().flatten() {
        let segment = segment(path, language).map_err(|told| format!("{}: {told}", shown(path)))?;
        let known = store.seals().map_err(|cause| cause.to_string())?.contains(&segment.seal);
        if !known || segment.key != key {
            let text = Text {
                ja: "{path}: この状態ディレクトリの封印ではありません",
                en: "{path}: this is no seal of this state directory",
            };
            return Err(text.fill(language, &[("path", shown(path))]).into());
        }
        let count = store.readmit(&segment.records).map_err(|cause| cause.to_string())?;
        let text = Text {
            ja: "{path}: {count} 件を戻しました",
            en: "{path}: {count} records brought back",
        };
        let facts = [("path", shown(path)), ("count", count.to_string())];
        console.line(text.fill(language, &facts));
    }
    Ok(DONE)
}
