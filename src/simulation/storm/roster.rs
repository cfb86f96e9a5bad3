//! Who takes part in a storm: two plain tables, so that any server's devices can be listed.
//!
//! `devices.csv` has one line for each device: `method` (`mab` or `eap-tls`), `source` (the
//! switch's IPv4 address, empty for the machine's own), `user`, `password` (MAB), `vlan` (what is
//! right), `certificate` and `key` (EAP-TLS; empty where the site's own authority issues one),
//! and any of [`COLUMNS`], which go into every request as they are. `clients.csv` has `source`
//! and `secret`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::vocabulary::{Secret, Text, VlanId};
use crate::wire::radius::attribute;

/// Devices at most.
pub const DEVICES_MAX: usize = 200_000;

/// How a device proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// By its MAC address, as PAP.
    Mab,
    /// By a certificate.
    EapTls,
}

impl Method {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Mab, Self::EapTls];

    /// `mab` or `eap-tls`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Mab => "mab",
            Self::EapTls => "eap-tls",
        }
    }

    /// The method with that id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.id() == text)
    }
}

/// Where a device's certificate and key lie, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Papers {
    /// The certificate, and its intermediates behind it.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How it proves itself.
    pub method: Method,
    /// The address its switch asks from; `None` for the machine's own choice.
    pub source: Option<Ipv4Addr>,
    /// User-Name, and its EAP identity.
    pub user: String,
    /// User-Password, for MAB.
    pub password: String,
    /// Where it belongs.
    pub vlan: VlanId,
    /// Its certificate; `None` where one is to be issued.
    pub papers: Option<Papers>,
    /// What else its requests say: attribute numbers and values.
    pub attributes: Vec<(u8, Vec<u8>)>,
}

/// The devices and the secrets of their switches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// The devices.
    pub entries: Vec<Entry>,
    /// The secret of each source address; `None` stands for every other.
    pub secrets: BTreeMap<Option<Ipv4Addr>, Secret>,
}

/// How the value of a column is written.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Number,
    Address,
}

/// Attributes that have a column, by their registered names.
const COLUMNS: [(u8, Form); 9] = [
    (attribute::NAS_IP_ADDRESS, Form::Address),
    (attribute::NAS_IDENTIFIER, Form::Text),
    (attribute::NAS_PORT, Form::Number),
    (attribute::NAS_PORT_ID, Form::Text),
    (attribute::NAS_PORT_TYPE, Form::Number),
    (attribute::SERVICE_TYPE, Form::Number),
    (attribute::FRAMED_MTU, Form::Number),
    (attribute::CALLING_STATION_ID, Form::Text),
    (attribute::CALLED_STATION_ID, Form::Text),
];

/// The columns that are no attributes.
const OWN: [&str; 7] = ["method", "source", "user", "password", "vlan", "certificate", "key"];

told! {
    /// What is wrong with a line of a table.
    RosterFault
    Unreadable "storm.table"
        "CSV として読めません"
        "it cannot be read as CSV"
    Column "storm.column"
        "知らない列、または足りない列があります"
        "a column is unknown or missing"
    Method "storm.method"
        "method は mab か eap-tls にしてください"
        "method has to be mab or eap-tls"
    Source "storm.source"
        "source は IPv4 アドレスか空にしてください"
        "source has to be an IPv4 address or empty"
    User "storm.user"
        "user は1~253オクテットにしてください"
        "user has to be of 1 to 253 octets"
    Vlan "storm.vlan"
        "vlan は 1~4094 にしてください"
        "vlan has to be from 1 to 4094"
    Papers "storm.papers"
        "certificate と key は両方書くか、両方空にしてください"
        "write both certificate and key, or neither"
    Attribute "storm.attribute"
        "属性の値を読み取れません"
        "the value of an attribute cannot be read"
    TooMany "storm.too-many"
        "端末が 200,000 台を超えています"
        "there are more than 200,000 devices"
    Secret "storm.secret"
        "共有鍵がないスイッチがあります。clients.csv に書いてください"
        "a switch has no secret; write it into clients.csv"
}

/// A table that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RosterError {
    /// Whether it is the table of the switches' secrets.
    pub in_clients: bool,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub fault: RosterFault,
}

impl Roster {
    /// Reads both tables.
    ///
    /// # Errors
    /// The first line that cannot be used. A missing secret is told at the device that needs it.
    pub fn parse(devices: &str, clients: &str) -> Result<Self, RosterError> {
        let mut secrets = BTreeMap::new();
        let theirs = |error| RosterError { in_clients: true, ..error };
        for row in rows(clients, &["source", "secret"], &[]).map_err(theirs)? {
            let source = row.source().map_err(theirs)?;
            let secret = row.get("secret").unwrap_or_default();
            if secret.is_empty() {
                return Err(theirs(row.error(RosterFault::Secret)));
            }
            secrets.insert(source, Secret::new(secret.as_bytes().to_vec()));
        }
        let mut roster = Self { entries: Vec::new(), secrets };
        let names: Vec<&str> =
            COLUMNS.iter().filter_map(|(kind, _)| attribute::name(*kind)).collect();
        for row in rows(devices, &["method", "user", "vlan"], &names)? {
            if roster.entries.len() >= DEVICES_MAX {
                return Err(row.error(RosterFault::TooMany));
            }
            let entry = row.entry()?;
            if roster.secret(entry.source).is_none() {
                return Err(row.error(RosterFault::Secret));
            }
            roster.entries.push(entry);
        }
        Ok(roster)
    }

    /// The secret of the switch at that address.
    #[must_use]
    pub fn secret(&self, source: Option<Ipv4Addr>) -> Option<&Secret> {
        self.secrets.get(&source).or_else(|| self.secrets.get(&None))
    }

    /// Both tables as [`Roster::parse`] reads them: `devices.csv`, then `clients.csv`.
    #[must_use]
    pub fn print(&self) -> (String, String) {
        let shown =
            |source: &Option<Ipv4Addr>| source.map_or_else(String::new, |it| it.to_string());
        let mut header: Vec<String> = OWN.map(str::to_owned).to_vec();
        header.extend(
            COLUMNS.iter().filter_map(|(kind, _)| attribute::name(*kind)).map(str::to_owned),
        );
        let mut devices = vec![header];
        for entry in &self.entries {
            let (certificate, key) = match &entry.papers {
                Some(papers) => (papers.certificate.clone(), papers.key.clone()),
                None => Default::default(),
            };
            let mut line = vec![
                entry.method.id().to_owned(),
                shown(&entry.source),
                entry.user.clone(),
                entry.password.clone(),
                entry.vlan.get().to_string(),
                certificate,
                key,
            ];
            for (kind, form) in COLUMNS {
                let value = entry.attributes.iter().find(|(found, _)| *found == kind);
                line.push(value.map_or_else(String::new, |(_, value)| form.print(value)));
            }
            devices.push(line);
        }
        let mut clients = vec![vec!["source".to_owned(), "secret".to_owned()]];
        for (source, secret) in &self.secrets {
            let secret = String::from_utf8_lossy(secret.expose()).into_owned();
            clients.push(vec![shown(source), secret]);
        }
        (table(&devices), table(&clients))
    }
}

impl Form {
    fn parse(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Text => (text.len() <= 253).then(|| text.as_bytes().to_vec()),
            Self::Number => text.parse::<u32>().ok().map(|number| number.to_be_bytes().to_vec()),
            Self::Address => text.parse::<Ipv4Addr>().ok().map(|address| address.octets().to_vec()),
        }
    }

    fn print(self, value: &[u8]) -> String {
        let number = || <[u8; 4]>::try_from(value).map(u32::from_be_bytes).unwrap_or_default();
        match self {
            Self::Text => String::from_utf8_lossy(value).into_owned(),
            Self::Number => number().to_string(),
            Self::Address => Ipv4Addr::from(number()).to_string(),
        }
    }
}

/// A line of a table under its heading.
struct Row {
    line: u64,
    cells: BTreeMap<String, String>,
}

impl Row {
    fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(String::as_str)
    }

    const fn error(&self, fault: RosterFault) -> RosterError {
        RosterError { in_clients: false, line: self.line, fault }
    }

    fn source(&self) -> Result<Option<Ipv4Addr>, RosterError> {
        match self.get("source").unwrap_or_default() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| self.error(RosterFault::Source)),
        }
    }

    fn entry(&self) -> Result<Entry, RosterError> {
        let text = |column| self.get(column).unwrap_or_default().to_owned();
        let wrong = |fault| self.error(fault);
        let method = Method::parse(&text("method")).ok_or(wrong(RosterFault::Method))?;
        let user = text("user");
        if user.is_empty() || user.len() > 253 {
            return Err(wrong(RosterFault::User));
        }
        let vlan =
            text("vlan").parse().ok().and_then(VlanId::new).ok_or(wrong(RosterFault::Vlan))?;
        let papers = match (text("certificate"), text("key")) {
            (certificate, key) if certificate.is_empty() && key.is_empty() => None,
            (certificate, key) if certificate.is_empty() || key.is_empty() => {
                return Err(wrong(RosterFault::Papers));
            }
            (certificate, key) => Some(Papers { certificate, key }),
        };
        let mut attributes = Vec::new();
        for (kind, form) in COLUMNS {
            let Some(text) = attribute::name(kind).and_then(|name| self.get(name)) else {
                continue;
            };
            if !text.is_empty() {
                let value = form.parse(text).ok_or(wrong(RosterFault::Attribute))?;
                attributes.push((kind, value));
            }
        }
        let (source, password) = (self.source()?, text("password"));
        Ok(Entry { method, source, user, password, vlan, papers, attributes })
    }
}

/// The lines of a table that must have the columns `needed` and may have [`OWN`] and `more`.
fn rows(text: &str, needed: &[&str], more: &[&str]) -> Result<Vec<Row>, RosterError> {
    let unreadable = |line| RosterError { in_clients: false, line, fault: RosterFault::Unreadable };
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|_| unreadable(1))?.clone();
    let known =
        |column: &str| needed.contains(&column) || OWN.contains(&column) || more.contains(&column);
    let complete = needed.iter().all(|column| header.iter().any(|found| found == *column));
    if !complete || !header.iter().all(known) {
        return Err(RosterError { in_clients: false, line: 1, fault: RosterFault::Column });
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record =
            record.map_err(|error| unreadable(error.position().map_or(1, csv::Position::line)))?;
        let line = record.position().map_or(1, csv::Position::line);
        let cells =
            header.iter().zip(&record).map(|(name, cell)| (name.to_owned(), cell.to_owned()));
        rows.push(Row { line, cells: cells.collect() });
    }
    Ok(rows)
}

fn table(lines: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        // OK because writing into memory does not fail, and all lines have the same length.
        let _ = writer.write_record(line);
    }
    writer.into_inner().ok().and_then(|octets| String::from_utf8(octets).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> Roster {
        let entry = Entry {
            method: Method::EapTls,
            source: Some(Ipv4Addr::new(127, 250, 1, 11)),
            user: "pc1.example.test".to_owned(),
            password: String::new(),
            vlan: VlanId::new(120).unwrap(),
            papers: Some(Papers { certificate: "a.pem".into(), key: "a.key".into() }),
            attributes: vec![
                (attribute::NAS_IP_ADDRESS, vec![127, 250, 1, 11]),
                (attribute::NAS_PORT, vec![0, 0, 0, 7]),
                (attribute::CALLING_STATION_ID, b"00-00-5E-00-53-01".to_vec()),
            ],
        };
        let mab = Entry {
            method: Method::Mab,
            source: None,
            password: "comma, \"quote\"".to_owned(),
            papers: None,
            attributes: Vec::new(),
            ..entry.clone()
        };
        let secrets = [(None, Secret::new(b"everyone".to_vec()))].into();
        Roster { entries: vec![entry, mab], secrets }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let (devices, clients) = roster().print();
        assert_eq!(Roster::parse(&devices, &clients), Ok(roster()));
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let clients = "source,secret\n127.0.0.1,x\n";
        let head = "method,source,user,vlan\n";
        for (devices, line, fault) in [
            ("method,user\n", 1, RosterFault::Column),
            ("method,user,vlan,colour\n", 1, RosterFault::Column),
            ("method,user,vlan\nmab,u\n", 2, RosterFault::Unreadable),
            (
                "method,source,user,vlan\nmab,127.0.0.1,u,10\npeap,127.0.0.1,u,10\n",
                3,
                RosterFault::Method,
            ),
            ("method,source,user,vlan\nmab,lo,u,10\n", 2, RosterFault::Source),
            ("method,source,user,vlan\nmab,127.0.0.1,,10\n", 2, RosterFault::User),
            ("method,source,user,vlan\nmab,127.0.0.1,u,4095\n", 2, RosterFault::Vlan),
            ("method,source,user,vlan\nmab,127.0.0.2,u,10\n", 2, RosterFault::Secret),
            ("method,source,user,vlan,key\neap-tls,127.0.0.1,u,10,k\n", 2, RosterFault::Papers),
            ("method,source,user,vlan,NAS-Port\nmab,127.0.0.1,u,10,x\n", 2, RosterFault::Attribute),
        ] {
            assert_eq!(
                Roster::parse(devices, clients),
                Err(RosterError { in_clients: false, line, fault }),
                "{devices}"
            );
        }
        assert_eq!(
            Roster::parse(head, "source,secret\n,\n").unwrap_err().fault,
            RosterFault::Secret
        );
        assert_eq!(Roster::parse(head, clients).unwrap().entries, []);
    }
}
