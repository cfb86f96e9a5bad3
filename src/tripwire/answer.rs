//! An authoritative server of one zone that holds hashes instead of names (RFC 1035, RFC 2308).
//!
//! It answers what it must and no more: no recursion, no wildcard, no additional records, nothing
//! longer than a plain datagram, nothing at all to what is itself a response.

use std::collections::HashSet;
use std::net::IpAddr;
use std::str::FromStr as _;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, NS, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::zone::TIMES_S;
use super::{Export, LabelHash};

/// A header (RFC 1035 §4.1.1).
const HEADER_OCTETS: usize = 12;
/// Longest answer by UDP without EDNS (RFC 1035 §4.2.1).
const PLAIN_OCTETS_MAX: usize = 512;
/// What we say to take by UDP: fits every path without fragments (DNS flag day 2020).
const PAYLOAD_OCTETS: u16 = 1232;
/// Records that a query may add: OPT, and one that signs it.
const ADDITIONALS_MAX: u16 = 2;

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// By UDP.
    Udp,
    /// By TCP.
    Tcp,
}

/// What a query or request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It asked for a label in force.
    Named,
    /// It asked for a name below the zone that is none.
    Missed,
    /// It asked for the zone itself.
    Apex,
    /// It asked for something that is none of ours, or that we never do.
    Refused,
    /// It could not be read.
    Malformed,
    /// It was no query at all, and is not answered.
    Ignored,
}

/// What to do about a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What to send, if anything.
    pub octets: Option<Vec<u8>>,
    /// What it was.
    pub outcome: Outcome,
    /// The label it asked for, by hash.
    pub hit: Option<LabelHash>,
}

/// The zone as the public side knows it.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: Name,
    name_servers: Vec<Name>,
    mailbox: Name,
    outside: Vec<IpAddr>,
    ttl_s: u32,
    negative_ttl_s: u32,
    serial: u32,
    hashes: HashSet<LabelHash>,
}

impl Zone {
    /// The zone of a file; `None` when a name in it is none.
    #[must_use]
    pub fn new(export: &Export) -> Option<Self> {
        let absolute = |text: &str| {
            let mut name = Name::from_ascii(text).ok()?;
            name.set_fqdn(true);
            Some(name)
        };
        let servers = export.name_servers.iter().map(|name| absolute(name));
        let name_servers = servers.collect::<Option<Vec<_>>>()?;
        let mailbox = format!("hostmaster.{}", export.name_servers.first()?);
        Some(Self {
            origin: absolute(&export.zone)?,
            name_servers,
            mailbox: absolute(&mailbox)?,
            outside: export.outside.clone(),
            ttl_s: export.ttl_s,
            negative_ttl_s: export.negative_ttl_s,
            serial: export.serial,
            hashes: export.hashes.iter().filter_map(|hash| LabelHash::parse(hash)).collect(),
        })
    }

    /// How many labels are in force.
    #[must_use]
    pub fn labels(&self) -> usize {
        self.hashes.len()
    }

    /// The label in force that a host's name is, or is below.
    #[must_use]
    pub fn hit(&self, host: &str) -> Option<LabelHash> {
        let mut name = Name::from_str(host).ok()?;
        name.set_fqdn(true);
        self.known(&name)
    }

    /// Who asks for something below a label knows the label as well.
    fn known(&self, name: &Name) -> Option<LabelHash> {
        if !self.origin.zone_of(name) {
            return None;
        }
        let above = usize::from(self.origin.num_labels());
        let at = name.iter().count().checked_sub(above + 1)?;
        let hash = LabelHash::of(name.iter().nth(at)?)?;
        self.hashes.contains(&hash).then_some(hash)
    }

    /// Answers a query.
    #[must_use]
    pub fn answer(&self, octets: &[u8], transport: Transport) -> Answer {
        let Some(header) = octets.first_chunk::<HEADER_OCTETS>() else { return IGNORED };
        let id = u16::from_be_bytes([header[0], header[1]]);
        // A response is never answered, or two servers could be set on each other.
        if header[2] & 0x80 != 0 {
            return IGNORED;
        }
        let operation = OpCode::from_u8((header[2] >> 3) & 0x0f);
        if operation != OpCode::Query {
            return bare(id, operation, ResponseCode::NotImp, Outcome::Refused);
        }
        let malformed = || bare(id, operation, ResponseCode::FormErr, Outcome::Malformed);
        // Counts of question, answer, authority and additional (RFC 1035 §4.1.1).
        let count = |at: usize| {
            let octets = header.get(at..).and_then(|rest| rest.first_chunk::<2>());
            octets.map_or(u16::MAX, |octets| u16::from_be_bytes(*octets))
        };
        let additionals = count(10);
        if [count(4), count(6), count(8)] != [1, 0, 0] || additionals > ADDITIONALS_MAX {
            return malformed();
        }
        let Ok(query) = Message::from_vec(octets) else { return malformed() };
        let [question] = query.queries.as_slice() else { return malformed() };
        let mut message = Message::response(id, operation);
        message.metadata.recursion_desired = query.metadata.recursion_desired;
        message.add_query(question.clone());
        if let Some(edns) = &query.edns {
            let mut own = Edns::new();
            own.set_max_payload(PAYLOAD_OCTETS).set_version(0);
            // A version we do not know (RFC 6891 §6.1.3).
            if edns.version() > 0 {
                own.set_rcode_high(ResponseCode::BADVERS.high());
                message.metadata.response_code = ResponseCode::BADVERS;
                message.set_edns(own);
                return finish(&message, &query, transport, Outcome::Refused, None);
            }
            message.set_edns(own);
        }
        let (outcome, hit) = self.fill(&mut message, question);
        finish(&message, &query, transport, outcome, hit)
    }

    /// Code and records of an answer (RFC 1034 §4.3.2).
    fn fill(&self, message: &mut Message, question: &Query) -> (Outcome, Option<LabelHash>) {
        let (name, kind) = (question.name(), question.query_type());
        let transfer = matches!(kind, RecordType::AXFR | RecordType::IXFR);
        let ours = question.query_class() == DNSClass::IN && self.origin.zone_of(name);
        if transfer || !ours {
            message.metadata.response_code = ResponseCode::Refused;
            return (Outcome::Refused, None);
        }
        message.metadata.authoritative = true;
        if *name == self.origin {
            match kind {
                // One RRset is answer enough to a query for any (RFC 8482 §4.1).
                RecordType::SOA | RecordType::ANY => message.add_answer(self.soa(self.ttl_s)),
                RecordType::NS => message.add_answers(self.servers()),
                _ => message.add_authority(self.soa(self.negative_ttl_s)),
            };
            return (Outcome::Apex, None);
        }
        let hit = self.known(name);
        let exact = name.iter().count() == usize::from(self.origin.num_labels()) + 1;
        if hit.is_none() || !exact {
            message.metadata.response_code = ResponseCode::NXDomain;
            message.add_authority(self.soa(self.negative_ttl_s));
        } else {
            let found = self.addresses(name, kind);
            // A name without what was asked for (RFC 2308 §2.2).
            if found.is_empty() {
                message.add_authority(self.soa(self.negative_ttl_s));
            }
            message.add_answers(found);
        }
        (if hit.is_some() { Outcome::Named } else { Outcome::Missed }, hit)
    }

    fn addresses(&self, name: &Name, kind: RecordType) -> Vec<Record> {
        let wanted = |address: &&IpAddr| match address {
            IpAddr::V4(_) => matches!(kind, RecordType::A | RecordType::ANY),
            IpAddr::V6(_) => kind == RecordType::AAAA,
        };
        let record = |address: &IpAddr| {
            let data = match address {
                IpAddr::V4(address) => RData::A(A(*address)),
                IpAddr::V6(address) => RData::AAAA(AAAA(*address)),
            };
            Record::from_rdata(name.clone(), self.ttl_s, data)
        };
        self.outside.iter().filter(wanted).map(record).collect()
    }

    fn servers(&self) -> Vec<Record> {
        let record = |name: &Name| {
            Record::from_rdata(self.origin.clone(), self.ttl_s, RData::NS(NS(name.clone())))
        };
        self.name_servers.iter().map(record).collect()
    }

    /// The SOA record. Beside a negative answer its TTL says how long that may be kept (RFC 2308
    /// §3).
    fn soa(&self, ttl_s: u32) -> Record {
        let primary = self.name_servers.first().unwrap_or(&self.origin).clone();
        let [refresh, retry, expire] = TIMES_S.map(|time| i32::try_from(time).unwrap_or(i32::MAX));
        let soa = SOA::new(
            primary,
            self.mailbox.clone(),
            self.serial,
            refresh,
            retry,
            expire,
            self.negative_ttl_s,
        );
        Record::from_rdata(self.origin.clone(), ttl_s, RData::SOA(soa))
    }
}

const IGNORED: Answer = Answer { octets: None, outcome: Outcome::Ignored, hit: None };

/// A header alone.
fn bare(id: u16, operation: OpCode, code: ResponseCode, outcome: Outcome) -> Answer {
    let octets = Message::error_msg(id, operation, code).to_vec().ok();
    Answer { octets, outcome, hit: None }
}

/// The octets of an answer. What does not fit is asked for again by TCP (RFC 2181 §9).
fn finish(
    message: &Message,
    query: &Message,
    transport: Transport,
    outcome: Outcome,
    hit: Option<LabelHash>,
) -> Answer {
    let payload = query.edns.as_ref().map_or(0, |edns| usize::from(edns.max_payload()));
    let most = payload.clamp(PLAIN_OCTETS_MAX, usize::from(PAYLOAD_OCTETS));
    let octets = message.to_vec().ok();
    let fits = octets.as_ref().is_some_and(|octets| octets.len() <= most);
    let octets = if fits || transport == Transport::Tcp { octets } else { truncated(message) };
    Answer { octets, outcome, hit }
}

/// The question with the bit that says to ask by TCP.
fn truncated(message: &Message) -> Option<Vec<u8>> {
    let mut short = message.truncate();
    short.metadata.message_type = MessageType::Response;
    short.to_vec().ok()
}

impl Answer {
    /// The same, but to be asked for again by TCP; no longer than the query was.
    #[must_use]
    pub fn truncate(self) -> Self {
        let message = self.octets.as_deref().and_then(|octets| Message::from_vec(octets).ok());
        Self { octets: message.as_ref().and_then(truncated), ..self }
    }
}
