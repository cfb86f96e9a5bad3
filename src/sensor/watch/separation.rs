//! Where the wire shows two environments that the plan keeps apart.
//!
//! What counts as evidence, and what does not:
//! - A unicast packet from an address of another environment than its VLAN's, unless a permitted
//!   flow in force carries it. From a gateway it was forwarded; from anybody else it is a station
//!   that does not belong.
//! - Broadcasts, multicasts and ARP from such an address say little of one station, which may
//!   have been moved and not have asked for a new address yet. They count when it goes on for a
//!   minute, or when two stations do it, since then the VLAN carries two environments.
//!   A unicast counts likewise while its sender was in that environment a minute ago: whoever is
//!   moved without a link that goes down hears of its new network late.
//! - A MAC in the VLANs of two environments, once it is back in the first: whoever is moved does
//!   not come back at once.
//! - 0.0.0.0, link-local, multicast and broadcast addresses, addresses of gateways, and what
//!   devices bring into quarantine and out of it, are nothing.

use std::net::IpAddr;

use super::{Context, Sensor, Subject, about};
use crate::sensor::breach::{Breach, BreachKind, Evidence};
use crate::sensor::capture::CaptureTime;
use crate::sensor::dissect::{Ip, Transport};
use crate::sensor::event::{About, Event};
use crate::sensor::fingerprint::initial_ttl;
use crate::sensor::judge::WINDOW_S;
use crate::sensor::knowledge::Role;
use crate::sensor::shelf::Shelf;
use crate::vocabulary::{EnvironmentIndex, Mac};

/// MACs whose environments are remembered.
pub const SIGHTINGS_MAX: usize = 65_536;
/// Environments remembered of one MAC.
const ENVIRONMENTS_MAX: usize = 4;
/// VLANs with strays that are remembered, by the strays' environment.
const STRAYS_MAX: usize = 1_024;
/// Strays remembered of one environment on one VLAN.
const STRAYS_A_VLAN_MAX: usize = 8;
/// Causes that are remembered so that each is told once.
const CAUSES_MAX: usize = 4_096;
/// Stations told of one cause before the rest is only counted.
pub const TOLD_A_CAUSE_MAX: usize = 16;
/// After how long what goes on is told again, in seconds.
pub const AGAIN_S: i64 = 3600;
/// How long a station may use the address it had before it was moved, in seconds.
pub const STALE_S: i64 = 60;
/// Stations of another environment that make a VLAN one of two environments.
const STATIONS_MIN: usize = 2;

/// When a MAC was last in an environment.
#[derive(Clone, Copy, Debug)]
struct Sighting {
    environment: EnvironmentIndex,
    seen: Evidence,
}

/// A station with an address of another environment.
#[derive(Clone, Copy, Debug)]
struct Stray {
    mac: Mac,
    first: Evidence,
    last: Evidence,
}

/// What was told of one cause.
#[derive(Clone, Debug)]
struct Told {
    since: CaptureTime,
    of: Vec<Subject>,
}

/// What is remembered of breaches.
#[derive(Debug)]
pub(super) struct Breaches {
    sightings: Shelf<Mac, Vec<Sighting>>,
    strays: Shelf<(u16, EnvironmentIndex), Vec<Stray>>,
    told: Shelf<(BreachKind, u16, EnvironmentIndex), Told>,
}

impl Default for Breaches {
    fn default() -> Self {
        Self {
            sightings: Shelf::new(SIGHTINGS_MAX),
            strays: Shelf::new(STRAYS_MAX),
            told: Shelf::new(CAUSES_MAX),
        }
    }
}

impl Breaches {
    /// Entries let go for want of room.
    pub(super) fn evicted(&self) -> u64 {
        self.sightings.evicted() + self.strays.evicted() + self.told.evicted()
    }

    /// Forgets everything: environments have other numbers now.
    pub(super) fn clear(&mut self) {
        self.sightings.clear();
        self.strays.clear();
        self.told.clear();
    }

    pub(super) fn forget(&mut self, mac: Mac) {
        self.sightings.remove(&mac);
    }
}

/// The VLAN under hand, whose it is, and who else shows up there.
#[derive(Clone, Copy)]
struct Meeting {
    vlan: u16,
    home: EnvironmentIndex,
    other: EnvironmentIndex,
}

impl Sensor {
    /// Looks at the addresses of a packet.
    pub(super) fn keep_apart(&mut self, at: &Context, ip: &Ip<'_>) {
        let Some((vlan, home, mac)) = self.place(at) else { return };
        let gateway = self.is_gateway(mac);
        let expected = self.baseline(at.vlan).unwrap_or(0);
        if !gateway
            && initial_ttl(ip.ttl) - ip.ttl == expected
            && !self.is_at_home_in_both(mac, ip.source)
        {
            self.present(at, (vlan, home, mac), Some(ip.source));
        }
        let Some(other) = self.stranger(home, ip.source) else { return };
        let meeting = Meeting { vlan, home, other };
        let separation = &self.knowledge.separation;
        let destination = separation.owner(ip.destination).unwrap_or(home);
        let permitted = separation.permits((other, destination), ip, at.time);
        if permitted || self.is_address_service(ip) {
            return;
        }
        let unicast = at.unicast && is_unicast(ip.destination);
        match (gateway, unicast) {
            (true, true) => self.forwarded(at, meeting, mac, ip),
            (true, false) => {}
            (false, unicast) => {
                let sure = unicast && !self.was_lately(at, mac, other);
                self.stray(at, meeting, mac, ip.source, sure);
            }
        }
    }

    /// Looks at who says by ARP to have which address.
    pub(super) fn keep_apart_arp(&mut self, at: &Context, sender: IpAddr) {
        let Some((vlan, home, mac)) = self.place(at) else { return };
        if self.is_gateway(mac) || sender.is_unspecified() {
            return;
        }
        if !self.is_at_home_in_both(mac, sender) {
            self.present(at, (vlan, home, mac), Some(sender));
        }
        // A unicast request asks whether the gateway of the last network is still there (RFC 4436).
        if let Some(other) = self.stranger(home, sender).filter(|_| !at.unicast) {
            self.stray(at, Meeting { vlan, home, other }, mac, sender, false);
        }
    }

    /// Whether a MAC was in an environment so lately that it may not know yet that it was moved.
    fn was_lately(&mut self, at: &Context, mac: Mac, environment: EnvironmentIndex) -> bool {
        self.breaches.sightings.get_mut(&mac).is_some_and(|sightings| {
            sightings.iter().any(|sighting| {
                sighting.environment == environment && sighting.seen.time.within(at.time, STALE_S)
            })
        })
    }

    /// The VLAN, its environment and who sent the frame; nothing where no plan tells.
    fn place(&self, at: &Context) -> Option<(u16, EnvironmentIndex, Mac)> {
        let vlan = at.vlan?;
        Some((vlan, self.knowledge.separation.home(vlan)?, at.source?))
    }

    /// The environment of an address that is not at home; a gateway's addresses are at home
    /// wherever it has an interface.
    fn stranger(&self, home: EnvironmentIndex, address: IpAddr) -> Option<EnvironmentIndex> {
        let other = self.knowledge.separation.owner(address).filter(|owner| *owner != home)?;
        let router = self.knowledge.roles(None, Some(address)).has(Role::Router);
        (!router).then_some(other)
    }

    /// Whether the plan itself puts a machine into two environments: a relay, or both ends of
    /// permitted flows.
    fn is_at_home_in_both(&self, mac: Mac, address: IpAddr) -> bool {
        self.knowledge.roles(Some(mac), Some(address)).has(Role::Proxy)
            || self.knowledge.separation.is_joint(mac)
    }

    /// Whether a server that may give addresses speaks to its clients (RFC 2131 §4.1, RFC 8415).
    fn is_address_service(&self, ip: &Ip<'_>) -> bool {
        let ports = matches!(
            ip.transport,
            Transport::Udp { source: 67 | 68 | 546 | 547, .. }
                | Transport::Udp { destination: 67 | 68 | 546 | 547, .. }
        );
        let of = |address| self.knowledge.roles(None, Some(address)).has(Role::DhcpServer);
        ports && (of(ip.source) || of(ip.destination))
    }

    /// A gateway carries what no permitted flow allows.
    fn forwarded(&mut self, at: &Context, meeting: Meeting, mac: Mac, ip: &Ip<'_>) {
        let subject = Subject::Ip(ip.source);
        if !self.is_untold(at, BreachKind::Flow, meeting, subject) {
            return;
        }
        let service = match &ip.transport {
            Transport::Tcp(tcp) => format!("tcp {}→{}", tcp.source, tcp.destination),
            Transport::Udp { source, destination, .. } => format!("udp {source}→{destination}"),
            Transport::Icmpv6 { .. } => "icmpv6".to_owned(),
            Transport::Other(protocol) => crate::plan::protocol_name(*protocol),
            Transport::Fragment | Transport::Flawed => "-".to_owned(),
        };
        let facts = vec![
            ("mac", mac.to_string()),
            ("address", ip.source.to_string()),
            ("destination", ip.destination.to_string()),
            ("service", service),
        ];
        let about = About {
            subject,
            mac: Some(mac),
            addresses: vec![ip.source, ip.destination],
            service: None,
            vlan: at.vlan,
            since: at.time,
        };
        let evidence = vec![evidence(at, meeting.vlan, Some(ip.source))];
        self.breach(BreachKind::Flow, meeting, about, evidence, facts);
    }

    /// A station uses an address of another environment.
    fn stray(&mut self, at: &Context, meeting: Meeting, mac: Mac, address: IpAddr, sure: bool) {
        let separation = &self.knowledge.separation;
        if separation.is_quarantine(meeting.home) || separation.is_quarantine(meeting.other) {
            return;
        }
        let seen = evidence(at, meeting.vlan, Some(address));
        let strays = self.breaches.strays.get_or((meeting.vlan, meeting.other), Vec::new);
        strays.retain(|stray| stray.last.time.within(at.time, WINDOW_S));
        let first = match strays.iter_mut().find(|stray| stray.mac == mac) {
            Some(stray) => {
                stray.last = seen;
                stray.first
            }
            None => {
                if strays.len() >= STRAYS_A_VLAN_MAX {
                    strays.remove(0);
                }
                strays.push(Stray { mac, first: seen, last: seen });
                seen
            }
        };
        let all: Vec<Stray> = strays.clone();
        let lasts = !first.time.within(at.time, STALE_S);
        if (sure || lasts) && self.is_untold(at, BreachKind::Address, meeting, Subject::Mac(mac)) {
            let facts = vec![("mac", mac.to_string()), ("address", address.to_string())];
            let mut frames = vec![first, seen];
            frames.dedup();
            let about = self.whom(at, mac, address);
            self.breach(BreachKind::Address, meeting, about, frames, facts);
        }
        // The cause is the VLAN, whoever is seen there: its subject is the same for all.
        let cause = Subject::Ip(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        if all.len() >= STATIONS_MIN && self.is_untold(at, BreachKind::Vlan, meeting, cause) {
            let addresses: Vec<IpAddr> =
                all.iter().filter_map(|stray| stray.last.address).collect();
            let named: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            let facts = vec![("count", all.len().to_string()), ("addresses", named.join(", "))];
            let mut about = self.whom(at, mac, address);
            about.addresses = addresses;
            let mut frames: Vec<_> = all.iter().map(|stray| stray.last).collect();
            frames.sort_by_key(|seen| seen.time);
            self.breach(BreachKind::Vlan, meeting, about, frames, facts);
        }
    }

    /// A station is in the VLAN of an environment.
    pub(super) fn present(
        &mut self,
        at: &Context,
        (vlan, home, mac): (u16, EnvironmentIndex, Mac),
        address: Option<IpAddr>,
    ) {
        let sightings = self.breaches.sightings.get_or(mac, Vec::new);
        let seen = evidence(at, vlan, address);
        if let Some(last) = sightings.last_mut()
            && last.environment == home
        {
            last.seen = seen;
            return;
        }
        let before = sightings.last().copied();
        let known = sightings.iter().position(|sighting| sighting.environment == home);
        let back = known.map(|known| sightings.remove(known));
        if sightings.len() >= ENVIRONMENTS_MAX {
            sightings.remove(0);
        }
        sightings.push(Sighting { environment: home, seen });
        let Some(before) = before else { return };
        let returned = back.is_some_and(|back| back.seen.time.within(at.time, WINDOW_S))
            && before.seen.time.within(at.time, WINDOW_S);
        if !returned {
            return;
        }
        let meeting = Meeting { vlan, home, other: before.environment };
        let separation = &self.knowledge.separation;
        let waits = separation.is_quarantine(home) || separation.is_quarantine(meeting.other);
        // Who carries many addresses is a gateway that has not shown its own yet.
        let carries_many = self.carriers.get_mut(&mac).is_some_and(|it| it.is_crowded());
        if waits || carries_many || separation.is_joint(mac) {
            return;
        }
        // Told once for both directions.
        let order = if home.0 <= meeting.other.0 {
            meeting
        } else {
            Meeting { vlan: before.seen.vlan, home: meeting.other, other: home }
        };
        if !self.is_untold(at, BreachKind::Device, order, Subject::Mac(mac)) {
            return;
        }
        let facts = vec![("mac", mac.to_string()), ("before", before.seen.vlan.to_string())];
        let address = address.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        let about = self.whom(at, mac, address);
        let frames = vec![before.seen, seen];
        self.breach(BreachKind::Device, meeting, about, frames, facts);
    }

    fn whom(&mut self, at: &Context, mac: Mac, address: IpAddr) -> About {
        let subject = Subject::Mac(mac);
        let station = self.station(at, subject);
        let mut about = about(subject, station, at.vlan, at.source, None);
        about.addresses.retain(|known| *known != address);
        about.addresses.splice(0..0, Some(address).filter(|address| !address.is_unspecified()));
        about
    }

    /// Whether that cause was not told lately of that station; remembers that it is.
    fn is_untold(&mut self, at: &Context, kind: BreachKind, of: Meeting, whom: Subject) -> bool {
        let fresh = || Told { since: at.time, of: Vec::new() };
        let told = self.breaches.told.get_or((kind, of.vlan, of.other), fresh);
        if !told.since.within(at.time, AGAIN_S) {
            *told = fresh();
        }
        if told.of.contains(&whom) {
            return false;
        }
        if told.of.len() >= TOLD_A_CAUSE_MAX {
            self.counters.breaches_held = self.counters.breaches_held.saturating_add(1);
            return false;
        }
        told.of.push(whom);
        true
    }

    fn breach(
        &mut self,
        kind: BreachKind,
        of: Meeting,
        about: About,
        evidence: Vec<Evidence>,
        mut facts: Vec<(&'static str, String)>,
    ) {
        let separation = &self.knowledge.separation;
        let environments = [of.home, of.other].map(|index| separation.id(index).to_owned());
        let [home, other] = environments.clone();
        facts.extend([("vlan", of.vlan.to_string()), ("home", home), ("other", other)]);
        self.tell(Event::Breach(Breach { kind, about, environments, evidence, facts }));
    }
}

fn evidence(at: &Context, vlan: u16, address: Option<IpAddr>) -> Evidence {
    Evidence { frame: at.frame, time: at.time, vlan, address }
}

fn is_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !broadcast && !address.is_multicast()
}
