//! A manifest of labelled captures: one row a capture, tab-separated under one header line.
//!
//! Wanted are the columns `file`, `scenario`, `class` and `expected`; `source` and `sha256` are
//! used where they are, others are passed over. `expected` holds clauses joined by `; `.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Component, Path};

use crate::sensor::dissect::Protocol;
use crate::sensor::kind::VerdictKind;
use crate::sensor::knowledge::{PortKind, Role, Subject, Vantage};
use crate::vocabulary::{Language, Mac, escape, registry};

/// Rows of one manifest.
pub const MANIFEST_ROWS_MAX: usize = 100_000;

/// What a capture is an example of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The phenomenon is there.
    Positive,
    /// A phone is itself the endpoint.
    Phone,
    /// Ordinary traffic.
    Negative,
    /// Looks like an attack and is none.
    Trap,
    /// Not decidable.
    Ambiguous,
}

impl Class {
    /// Every class by its id.
    const ALL: &'static [(&'static str, Self)] = &[
        ("pos", Self::Positive),
        ("phone", Self::Phone),
        ("neg", Self::Negative),
        ("trap", Self::Trap),
        ("ambiguous", Self::Ambiguous),
    ];

    /// The id.
    #[must_use]
    pub fn id(self) -> &'static str {
        Self::ALL.iter().find(|(_, class)| *class == self).map_or("?", |(id, _)| id)
    }
}

/// How a manifest names who something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// A station.
    Mac(Mac),
    /// An address.
    Ip(IpAddr),
    /// A service.
    Service(IpAddr, u16),
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Ip(address));
        }
        if let Ok(service) = text.parse::<SocketAddr>() {
            return Some(Self::Service(service.ip(), service.port()));
        }
        Mac::parse(text).ok().map(Self::Mac)
    }
}

/// Kinds, any of which will do, about any of the names; no names means anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The kinds.
    pub kinds: Vec<VerdictKind>,
    /// The names.
    pub names: Vec<Name>,
}

/// What a capture should come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// What must be found, each of them.
    pub alerts: Vec<Claim>,
    /// Whether a sign will do.
    pub sign_level: bool,
    /// Kinds no verdict may have; `Some` of an empty list means none at all.
    pub forbidden: Option<Vec<VerdictKind>>,
    /// What may be found as well.
    pub allowed: Vec<Claim>,
    /// Protocols, one of which must be recognised.
    pub protocols: Vec<Protocol>,
    /// Whether it does not count.
    pub unscored: bool,
    /// Where the mirror stands.
    pub vantage: Vantage,
    /// The port control frames come in on.
    pub port: PortKind,
    /// What the plan says.
    pub roles: Vec<(Subject, Role)>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its line, from 1.
    pub line: usize,
    /// The capture, below the directory of captures.
    pub file: String,
    /// Where the capture is from; empty where the manifest does not say.
    pub source: String,
    /// SHA-256 of the capture in hexadecimal; empty where the manifest does not say.
    pub sha256: String,
    /// The scenario.
    pub scenario: String,
    /// The class.
    pub class: Class,
    /// What should come of it.
    pub expected: Expected,
}

registry! {
    /// What can be wrong with a row.
    ManifestFaultKind {
        Empty "manifest.empty"
            ["見出しの行がありません", "there is no header line"]
        RowsAbsent "manifest.no-rows"
            ["見出しの下に行がありません", "there is no row below the header line"]
        ColumnAbsent "manifest.column-absent"
            ["列 `{value}` がありません。見出しにはタブ区切りで file、scenario、class、expected が必要です", "there is no column `{value}`; the header wants file, scenario, class and expected, tab-separated"]
        CellAbsent "manifest.cell-absent"
            ["列 `{value}` が空か、ありません。列はタブで区切ります", "the cell of `{value}` is empty or absent; cells are separated by tabs"]
        RowsTooMany "manifest.too-many-rows"
            ["行数が上限 {value} を超えています", "there are more than {value} rows"]
        FileOutside "manifest.file-outside"
            ["ファイル `{value}` は指定のディレクトリの外を指しています。ディレクトリの下の相対パスで書きます", "the file `{value}` lies outside the directory of captures; write a relative path below it"]
        ClassUnknown "manifest.class-unknown"
            ["区分 `{value}` はありません。pos、phone、neg、trap、ambiguous のどれかです", "there is no class `{value}`; it is pos, phone, neg, trap or ambiguous"]
        ClauseUnknown "manifest.clause-unknown"
            ["句 `{value}` を読み取れません。ALERT、LEVEL sign、NO-ALERT、ALLOW、PARSE、NO-SCORE、VANTAGE edge、PORT access|uplink、ROLE x=役割 のどれかです", "cannot read the clause `{value}`; it is one of ALERT, LEVEL sign, NO-ALERT, ALLOW, PARSE, NO-SCORE, VANTAGE edge, PORT access|uplink, ROLE x=role"]
        KindUnknown "manifest.kind-unknown"
            ["判定の種類 `{value}` はありません", "there is no kind of verdict `{value}`"]
        NameUnknown "manifest.name-unknown"
            ["`{value}` は MAC アドレスでも IP アドレスでも IP:ポートでもありません", "`{value}` is no MAC address, no IP address and no IP:port"]
        ProtocolUnknown "manifest.protocol-unknown"
            ["プロトコル `{value}` は認識の対象にありません", "the protocol `{value}` is none that is recognised"]
        RoleUnknown "manifest.role-unknown"
            ["役割 `{value}` はありません。client、server、proxy、printer、dhcp-server、router、handheld のどれかです", "there is no role `{value}`; it is client, server, proxy, printer, dhcp-server, router or handheld"]
        NothingExpected "manifest.nothing-expected"
            ["区分 `{value}` なのに ALERT がありません", "the class is `{value}` but there is no ALERT"]
    }
}

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFault {
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong.
    pub kind: ManifestFaultKind,
    /// What was written.
    pub value: String,
}

impl ManifestFault {
    /// What is wrong, in words.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        self.kind.text().fill(language, &[("value", self.value.clone())])
    }
}

/// What went wrong in a row, before its line is known.
type Wrong = (ManifestFaultKind, String);

/// A manifest: its usable rows, and what is wrong with the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The rows.
    pub rows: Vec<Row>,
    /// The faults.
    pub faults: Vec<ManifestFault>,
}

impl Manifest {
    /// Reads a manifest; every fault is found at once.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut manifest = Self::default();
        let fault = |line, (kind, value): Wrong| ManifestFault {
            line,
            kind,
            value: escape(value.as_bytes()),
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = (1..).zip(text.lines());
        let Some((_, header)) = lines.next().filter(|(_, line)| !line.trim().is_empty()) else {
            manifest.faults.push(fault(1, (ManifestFaultKind::Empty, String::new())));
            return manifest;
        };
        let columns: HashMap<&str, usize> =
            header.split('\t').enumerate().map(|(at, name)| (name.trim(), at)).collect();
        for name in ["file", "scenario", "class", "expected"] {
            if !columns.contains_key(name) {
                let wrong = (ManifestFaultKind::ColumnAbsent, name.to_owned());
                manifest.faults.push(fault(1, wrong));
            }
        }
        if !manifest.faults.is_empty() {
            return manifest;
        }
        for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
            if manifest.rows.len() >= MANIFEST_ROWS_MAX {
                let wrong = (ManifestFaultKind::RowsTooMany, MANIFEST_ROWS_MAX.to_string());
                manifest.faults.push(fault(line, wrong));
                break;
            }
            let cells: Vec<&str> = text.split('\t').collect();
            let cell = |name: &str| {
                let at = columns.get(name)?;
                cells.get(*at).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
            };
            match row(line, cell) {
                Ok(row) => manifest.rows.push(row),
                Err(wrong) => manifest.faults.push(fault(line, wrong)),
            }
        }
        if manifest.rows.is_empty() && manifest.faults.is_empty() {
            manifest.faults.push(fault(1, (ManifestFaultKind::RowsAbsent, String::new())));
        }
        manifest
    }
}

fn row<'a>(line: usize, cell: impl Fn(&str) -> Option<&'a str>) -> Result<Row, Wrong> {
    let wanted =
        |name: &str| cell(name).ok_or_else(|| (ManifestFaultKind::CellAbsent, name.to_owned()));
    let file = wanted("file")?.to_owned();
    let below = Path::new(&file).components().all(|part| matches!(part, Component::Normal(_)));
    if !below {
        return Err((ManifestFaultKind::FileOutside, file));
    }
    let id = wanted("class")?;
    let class = Class::ALL.iter().find(|(known, _)| *known == id).map(|(_, class)| *class);
    let class = class.ok_or_else(|| (ManifestFaultKind::ClassUnknown, id.to_owned()))?;
    let expected = expected(wanted("expected")?)?;
    let positive = matches!(class, Class::Positive | Class::Phone);
    if positive && expected.alerts.is_empty() && !expected.unscored {
        return Err((ManifestFaultKind::NothingExpected, id.to_owned()));
    }
    let optional = |name: &str| cell(name).filter(|text| *text != "-").unwrap_or_default();
    Ok(Row {
        line,
        file,
        source: optional("source").to_owned(),
        sha256: optional("sha256").to_ascii_lowercase(),
        scenario: wanted("scenario")?.to_owned(),
        class,
        expected,
    })
}

fn expected(text: &str) -> Result<Expected, Wrong> {
    let mut expected = Expected::default();
    for clause in text.split(';').map(str::trim).filter(|clause| !clause.is_empty()) {
        let mut words = clause.split_whitespace();
        let verb = words.next().unwrap_or_default();
        let (first, second) = (words.next(), words.next());
        let unknown = || (ManifestFaultKind::ClauseUnknown, clause.to_owned());
        if words.next().is_some() {
            return Err(unknown());
        }
        match (verb, first, second) {
            ("ALERT", Some(kinds), names) => expected.alerts.push(claim(kinds, names)?),
            ("ALLOW", Some(kinds), names) => expected.allowed.push(claim(kinds, names)?),
            ("LEVEL", Some("sign"), None) => expected.sign_level = true,
            ("LEVEL", Some("verdict"), None) => expected.sign_level = false,
            ("NO-ALERT", kinds, None) => {
                let kinds = kinds.map_or_else(|| Ok(Vec::new()), self::kinds)?;
                expected.forbidden.get_or_insert_default().extend(kinds);
            }
            ("NO-SCORE", None, None) => expected.unscored = true,
            ("VANTAGE", Some("edge"), None) => expected.vantage = Vantage::Edge,
            ("VANTAGE", Some("core"), None) => expected.vantage = Vantage::Core,
            ("VANTAGE", Some("learn"), None) => expected.vantage = Vantage::Learn,
            ("PORT", Some("access"), None) => expected.port = PortKind::Access,
            ("PORT", Some("uplink"), None) => expected.port = PortKind::Uplink,
            ("PARSE", Some(ids), None) => {
                for id in ids.split(['|', ',']) {
                    let protocol = Protocol::parse(id);
                    let wrong = || (ManifestFaultKind::ProtocolUnknown, id.to_owned());
                    expected.protocols.push(protocol.ok_or_else(wrong)?);
                }
            }
            ("ROLE", Some(list), None) => {
                for part in list.split(',') {
                    expected.roles.push(role(part)?);
                }
            }
            _ => return Err(unknown()),
        }
    }
    Ok(expected)
}

fn kinds(text: &str) -> Result<Vec<VerdictKind>, Wrong> {
    let kind = |id: &str| {
        VerdictKind::parse(id).ok_or_else(|| (ManifestFaultKind::KindUnknown, id.to_owned()))
    };
    text.split('|').map(kind).collect()
}

fn claim(kinds: &str, names: Option<&str>) -> Result<Claim, Wrong> {
    let name = |text: &str| {
        Name::parse(text).ok_or_else(|| (ManifestFaultKind::NameUnknown, text.to_owned()))
    };
    let names = names.map_or_else(|| Ok(Vec::new()), |names| names.split(',').map(name).collect());
    Ok(Claim { kinds: self::kinds(kinds)?, names: names? })
}

fn role(text: &str) -> Result<(Subject, Role), Wrong> {
    let wrong = |kind, value: &str| (kind, value.to_owned());
    let (name, id) =
        text.split_once('=').ok_or_else(|| wrong(ManifestFaultKind::ClauseUnknown, text))?;
    let role = Role::parse(id).ok_or_else(|| wrong(ManifestFaultKind::RoleUnknown, id))?;
    let subject = match Name::parse(name) {
        Some(Name::Mac(mac)) => Subject::Mac(mac),
        Some(Name::Ip(address)) => Subject::Ip(address),
        Some(Name::Service(..)) | None => {
            return Err(wrong(ManifestFaultKind::NameUnknown, name));
        }
    };
    Ok((subject, role))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "file\tscenario\tclass\texpected\n";

    #[test]
    fn every_clause_is_read() {
        let text = format!(
            "{HEADER}a/b.pcap\tS4\tpos\tALERT proxy|nat 10.0.0.1:8080,02:00:00:00:00:01; ALERT phone; \
             LEVEL sign; NO-ALERT relay|nat; ALLOW http-server; PARSE tls|http; VANTAGE edge; \
             PORT uplink; ROLE 10.0.0.1=client,02:00:00:00:00:02=router\n"
        );
        let manifest = Manifest::parse(&text);
        assert_eq!(manifest.faults, []);
        let expected = &manifest.rows[0].expected;
        assert_eq!(expected.alerts[0].kinds, [VerdictKind::Proxy, VerdictKind::Nat]);
        assert_eq!(expected.alerts[0].names.len(), 2);
        assert_eq!(expected.alerts[1].names, []);
        assert!(expected.sign_level && !expected.unscored);
        assert_eq!(expected.forbidden, Some(vec![VerdictKind::Relay, VerdictKind::Nat]));
        assert_eq!(expected.protocols, [Protocol::Tls, Protocol::Http]);
        assert_eq!((expected.vantage, expected.port), (Vantage::Edge, PortKind::Uplink));
        assert_eq!(expected.roles[1].1, Role::Router);
    }

    #[test]
    fn every_wrong_row_says_its_line_and_what_is_wrong() {
        use ManifestFaultKind as K;
        for (row, kind) in [
            ("a.pcap\tN\tneg", K::CellAbsent),
            ("../a.pcap\tN\tneg\tNO-ALERT", K::FileOutside),
            ("/a.pcap\tN\tneg\tNO-ALERT", K::FileOutside),
            ("a.pcap\tN\tgood\tNO-ALERT", K::ClassUnknown),
            ("a.pcap\tN\tneg\tSILENCE", K::ClauseUnknown),
            ("a.pcap\tN\tneg\tALERT proxy 10.0.0.1 now", K::ClauseUnknown),
            ("a.pcap\tN\tpos\tALERT wolf", K::KindUnknown),
            ("a.pcap\tN\tpos\tALERT proxy ten", K::NameUnknown),
            ("a.pcap\tN\tneg\tPARSE ipx", K::ProtocolUnknown),
            ("a.pcap\tN\tneg\tROLE 10.0.0.1=king", K::RoleUnknown),
            ("a.pcap\tN\tneg\tROLE 10.0.0.1:80=client", K::NameUnknown),
            ("a.pcap\tN\tpos\tVANTAGE edge", K::NothingExpected),
        ] {
            let manifest = Manifest::parse(&format!("{HEADER}\n{row}\n"));
            assert_eq!(manifest.rows, [], "{row}");
            assert_eq!(manifest.faults.len(), 1, "{row}");
            assert_eq!((manifest.faults[0].line, manifest.faults[0].kind), (3, kind), "{row}");
        }
        assert_eq!(Manifest::parse("").faults[0].kind, K::Empty);
        let header = "file\tscenario\tclass\texpected\n";
        assert_eq!(Manifest::parse(header).faults[0].kind, K::RowsAbsent);
        assert_eq!(Manifest::parse("file\tclass").faults.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = Manifest::parse(&text);
            let _ = Manifest::parse(&format!("{HEADER}{text}"));
            let _ = Manifest::parse(&format!("{HEADER}a\tN\tneg\t{text}"));
        }
    }
}
