//! What the time to live shows, and which MACs are gateways by what they carry.
//!
//! A gateway's frames are those of others: what they carry says nothing about the gateway. Where
//! no plan tells, a MAC is one when it carries public addresses from farther than itself, is sent
//! what is for several public addresses, or, with the vantage unknown, carries more addresses than
//! a station has.

use std::net::IpAddr;

use super::gateway::{Carrier, is_virtual_router};
use super::stream::CONTROLLER_PORTS;
use super::{Context, Draft, Sensor, Subject, is_told};
use crate::sensor::capture::CaptureTime;
use crate::sensor::dissect::{Ip, Transport};
use crate::sensor::fingerprint::{DhcpClass, initial_ttl};
use crate::sensor::habit::Aspect;
use crate::sensor::judge::WINDOW_S;
use crate::sensor::knowledge::{Role, Vantage};
use crate::sensor::sign::SignKind;
use crate::sensor::station::{Station, TtlFamily};
use crate::vocabulary::Mac;

/// The farthest that counts as behind something here; farther is a distant server.
pub const HOPS_MAX: u8 = 3;
/// Stations that must agree before hops mean anything at an unknown vantage.
pub const BASELINE_STATIONS_MIN: usize = 50;
/// How close two initial TTLs must stand, in seconds.
pub const TTL_FAMILIES_S: i64 = 120;
/// Packets of either initial TTL before the two count: one may be anything.
pub const TTL_FAMILY_PACKETS_MIN: u32 = 2;
/// Packets with another TTL than that of the system it says to be, before that means anything.
pub const POSING_PACKETS_MIN: u32 = 4;
/// Addresses a MAC carries before it is a gateway where the vantage is unknown.
pub const STATION_ADDRESSES_MAX: usize = 3;
/// Public sources behind a MAC before it is a gateway, unless one is farther than any here.
pub const PUBLIC_SOURCES_MIN: usize = 2;
/// Public destinations behind a MAC before it is a gateway.
pub const PUBLIC_DESTINATIONS_MIN: usize = 2;
/// A silence after which a station may have slept, in seconds.
const PAUSE_S: i64 = 60;
/// Different initial TTLs remembered of one station.
const TTLS_MAX: usize = 8;

/// The hops of stations at one place, by hop count.
#[derive(Clone, Debug, Default)]
pub(super) struct Baseline {
    hops: [Vec<Mac>; HOPS_MAX as usize + 1],
    settled: Option<u8>,
}

impl Baseline {
    pub(super) const fn settled(&self) -> Option<u8> {
        self.settled
    }

    /// It is known, as an earlier run knew it.
    pub(super) fn settle(&mut self, hop: u8) {
        *self = Self { settled: Some(hop), ..Self::default() };
    }
}

/// Whether an address is one of the Internet's.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_documentation()
                || first == 0
                || first >= 240
                // Shared between carriers and their customers (RFC 6598).
                || (first == 100 && second & 0xc0 == 64))
        }
        // Global unicast (RFC 4291 §2.4).
        IpAddr::V6(address) => address.segments().first().is_some_and(|head| head >> 13 == 1),
    }
}

impl Sensor {
    /// The hop count of ordinary stations here; `None` while it is not known.
    pub(super) fn baseline(&self, vlan: Option<u16>) -> Option<u8> {
        match self.knowledge.vantage {
            Vantage::Edge => Some(0),
            Vantage::Core | Vantage::Learn => self.baselines.get(&vlan)?.settled,
        }
    }

    /// Looks at addresses and TTL of a packet from a station.
    pub(super) fn hops(&mut self, at: &Context, ip: &Ip<'_>) {
        let hop = initial_ttl(ip.ttl) - ip.ttl;
        let carried =
            at.unicast && matches!(ip.transport, Transport::Tcp(_) | Transport::Udp { .. });
        let gateway = self.carried(at, ip, hop, carried);
        let routes =
            |mac| is_virtual_router(mac) || self.knowledge.roles(Some(mac), None).has(Role::Router);
        let subject = match at.source.filter(|mac| !gateway && !routes(*mac)) {
            Some(mac) => Subject::Mac(mac),
            None => Subject::Ip(ip.source),
        };
        let own = hop == 0 || !carried || matches!(subject, Subject::Ip(_));
        let counts = carried && !is_relayed_service(ip) && !is_link_local(ip.source);
        let (Subject::Mac(mac), true) = (subject, counts) else {
            if own {
                self.owns(at, subject, ip.source);
            }
            return;
        };
        self.learn(at, mac, hop);
        self.families(at, subject, ip, (hop, own));
        let Some(baseline) = self.baseline(at.vlan) else { return };
        let Some(hop) = hop.checked_sub(baseline).filter(|hop| (1..=HOPS_MAX).contains(hop)) else {
            return;
        };
        // A server role explains a container host that answers from behind itself.
        if self.knowledge.roles(Some(mac), Some(ip.source)).has(Role::Server) {
            return;
        }
        let station = self.station(at, subject);
        let told = is_told(station, SignKind::HopDistance, ip.source, at.time);
        let own = station.addresses.contains(&ip.source);
        if !told {
            let draft = Draft::new(SignKind::HopDistance).at(ip.source);
            self.raise(at, subject, draft.fact("ttl", ip.ttl).fact("hop", hop));
        }
        if !own {
            self.misplaced(at, subject, ip.source);
        }
    }

    /// Remembers what a packet's MACs carry, and whether that makes one a gateway; tells whether
    /// it does of the sender's.
    fn carried(&mut self, at: &Context, ip: &Ip<'_>, hop: u8, carried: bool) -> bool {
        let mut gateway = false;
        if let Some(mac) = at.source {
            let registered = self.knowledge.roles(None, Some(ip.source)).has(Role::Router);
            let outside = carried && hop >= 1 && is_public(ip.source);
            let known = self.baseline(at.vlan).is_some();
            if registered && hop == 0 {
                self.claims_gateway(at, mac, ip.source);
            }
            let carrier = self.carriers.get_or(mac, Carrier::default);
            if hop > 0 {
                carrier.forwarded = Some(at.time);
            }
            gateway = carrier.is_excused(at.time);
            if !gateway {
                let room = carrier.sources.len() <= STATION_ADDRESSES_MAX;
                if carried && ip.source.is_ipv4() && room && !carrier.sources.contains(&ip.source) {
                    carrier.sources.push(ip.source);
                }
                if outside && !carrier.outside.contains(&ip.source) {
                    carrier.outside.push(ip.source);
                }
                // One public address one hop away may be a translator's own.
                let far = outside && hop > HOPS_MAX || carrier.outside.len() >= PUBLIC_SOURCES_MIN;
                let many = !known && carrier.sources.len() > STATION_ADDRESSES_MAX;
                if self.knowledge.gateways_learnt && (far || many) {
                    gateway = self.believe_gateway(at, mac);
                }
            }
        }
        if let Some(mac) = at.destination
            && self.knowledge.gateways_learnt
            && is_public(ip.destination)
        {
            let carrier = self.carriers.get_or(mac, Carrier::default);
            if !carrier.gateway && !carrier.destinations.contains(&ip.destination) {
                carrier.destinations.push(ip.destination);
                if carrier.destinations.len() >= PUBLIC_DESTINATIONS_MIN {
                    self.believe_gateway(at, mac);
                }
            }
        }
        gateway
    }

    /// Counts the station towards the baseline of its place.
    fn learn(&mut self, at: &Context, mac: Mac, hop: u8) {
        if self.knowledge.vantage == Vantage::Edge {
            return;
        }
        if self.knowledge.planned && self.knowledge.roles(Some(mac), None) == Default::default() {
            return;
        }
        let baseline = self.baselines.entry(at.vlan).or_default();
        if baseline.settled.is_some() {
            return;
        }
        let total: usize = baseline.hops.iter().map(Vec::len).sum();
        let Some(macs) = baseline.hops.get_mut(usize::from(hop)) else { return };
        if macs.contains(&mac) {
            return;
        }
        macs.push(mac);
        let agree = macs.len();
        if agree >= BASELINE_STATIONS_MIN {
            // Where they do not agree, learning begins anew.
            let settled = agree * 10 >= (total + 1) * 9;
            baseline.settled = settled.then_some(hop);
            baseline.hops = Default::default();
        }
    }

    /// Two initial TTLs behind one station; before the baseline is known, behind one address. An
    /// address that is the station's `own` is looked at on the way.
    fn families(&mut self, at: &Context, subject: Subject, ip: &Ip<'_>, (hop, own): (u8, bool)) {
        let initial = initial_ttl(ip.ttl);
        // Over IPv6 a router says with which to begin (RFC 4861 §6.3.4).
        let counts = matches!(initial, 64 | 128)
            && hop <= HOPS_MAX
            && ip.source.is_ipv4()
            && !is_controllers(ip);
        let whole = self.baseline(at.vlan).is_some();
        let mut station = self.station(at, subject);
        if own && !(station.looked_at && station.addresses.contains(&ip.source)) {
            self.owns(at, subject, ip.source);
            station = self.station(at, subject);
        }
        if !station.seen.within(at.time, PAUSE_S) {
            station.awake = at.time;
        }
        station.seen = at.time;
        if !counts {
            return;
        }
        let same =
            |family: &&mut TtlFamily| family.initial == initial && family.address == ip.source;
        let mut lately = 1;
        if let Some(family) = station.ttls.iter_mut().find(same) {
            family.packets = family.packets.saturating_add(1);
            let goes_on = family.time.within(at.time, WINDOW_S);
            family.lately = if goes_on { family.lately.saturating_add(1) } else { 1 };
            lately = family.lately;
            family.time = at.time;
        } else {
            if station.ttls.len() >= TTLS_MAX {
                station.ttls.remove(0);
            }
            let address = ip.source;
            station.ttls.push(TtlFamily { address, initial, packets: 1, lately, time: at.time });
        }
        let packets = |wanted: u8| -> u32 {
            let counts = |family: &&TtlFamily| {
                family.initial == wanted
                    && (whole || family.address == ip.source)
                    && close(family.time, at.time)
            };
            station.ttls.iter().filter(counts).map(|family| family.packets).sum()
        };
        let two = station.ttls.iter().any(|family| family.initial != initial);
        let poses = initial == 64 && hop == 0 && poses(station);
        // Whether it was told is asked before counting: what was goes on with every packet.
        if two
            && !is_told(station, SignKind::TtlFamilies, ip.source, at.time)
            && packets(64) >= TTL_FAMILY_PACKETS_MIN
            && packets(128) >= TTL_FAMILY_PACKETS_MIN
        {
            self.raise(at, subject, Draft::new(SignKind::TtlFamilies).at(ip.source));
        }
        let Subject::Mac(mac) = subject else { return };
        if poses {
            let draft = Draft::new(SignKind::ClientMismatch).at(ip.source);
            let draft = draft.fact("one", DhcpClass::Windows.id());
            self.raise(at, subject, draft.fact("other", format!("TTL {}", ip.ttl)));
        }
        // One packet may be anything, but is learnt; every packet is too often.
        let compare = lately == TTL_FAMILY_PACKETS_MIN
            || lately == 1 && !self.habits.is_settled((at.vlan, mac), at.time);
        if compare && hop == self.baseline(at.vlan).unwrap_or(0) {
            let draft = || Draft::new(SignKind::TtlChanged).at(ip.source);
            self.used_to(at, mac, (Aspect::Ttl, u64::from(initial)), false, draft);
        }
    }
}

/// Whether a station asks for its address as Windows does and never once has Windows' TTL. A
/// management controller that shares its interface speaks beside it, not instead.
fn poses(station: &Station) -> bool {
    let windows = station.dhcp.is_some_and(|(class, _)| class == Some(DhcpClass::Windows));
    let other = || station.ttls.iter().any(|family| family.initial != 64);
    let packets = || station.ttls.iter().map(|family| family.packets).sum::<u32>();
    windows && packets() >= POSING_PACKETS_MIN && !other()
}

fn close(one: CaptureTime, other: CaptureTime) -> bool {
    one.within(other, TTL_FAMILIES_S)
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// A PC's management controller answers with its own TTL.
fn is_controllers(ip: &Ip<'_>) -> bool {
    matches!(&ip.transport, Transport::Tcp(tcp) if CONTROLLER_PORTS.contains(&tcp.source))
}

/// DHCP relays forward by design.
fn is_relayed_service(ip: &Ip<'_>) -> bool {
    matches!(ip.transport, Transport::Udp { source: 67 | 68 | 547, .. })
}
