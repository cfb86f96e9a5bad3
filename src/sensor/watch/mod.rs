//! The sensor itself: one frame in, signs, verdicts and notices out.
//!
//! The cost of a frame is constant. State is kept for each station and connection, bounded for
//! each place and in total; what is let go is counted. No payload is kept.

mod dhcp;
mod follow;
mod gateway;
mod habits;
mod hellos;
mod hop;
mod link;
mod names;
mod places;
mod separation;
mod servers;
mod stream;
mod told;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::capture::{CaptureTime, Captured};
use super::dissect::{Content, Dissection, Ip, Protocol, Protocols, Transport, dissect};
use super::event::{About, Event, Verdict, Watched};
use super::judge::{Judgement, WATCH_TENTHS_MIN, WINDOW_S, judge};
use super::kind::{NoticeKind, VerdictKind};
use super::knowledge::{Knowledge, PortKind, Role, Setting, Subject};
use super::shelf::Shelf;
use super::sign::{Sign, SignKind};
use super::station::{ALARMS_MAX, Alarm, Station};
use crate::vocabulary::{Mac, Map};
pub use habits::{HABITS_MAX, STRANGERS_MAX};
pub use hop::HOPS_MAX;

use dhcp::{SERVINGS_MAX, Serving};
use gateway::{Carrier, Claim};
use habits::Habits;
use hellos::{HELLOS_MAX, Hello};
use hop::Baseline;
use places::Places;
use separation::Breaches;
use servers::{SERVERS_MAX, Server, ServerKey};
use stream::{Flow, FlowKey};

/// Stations remembered of one place (a VLAN, where a mirror tells no ports apart).
pub const STATIONS_PER_PLACE_MAX: usize = 8_192;
/// Stations remembered in all.
pub const STATIONS_MAX: usize = 65_536;
/// Connections remembered.
pub const FLOWS_MAX: usize = 65_536;
/// MACs whose burden is remembered, so that gateways are known.
pub const CARRIERS_MAX: usize = 16_384;
/// Events that wait to be taken.
pub const EVENTS_MAX: usize = 4_096;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames handed in.
    pub frames: u64,
    /// Frames, or packets in them, that could not be read.
    pub flawed: u64,
    /// Events lost because nobody took them.
    pub events_lost: u64,
    /// Stations beyond those told of one breach.
    pub breaches_held: u64,
}

/// The frame under hand, and where it was seen.
#[derive(Clone, Copy)]
struct Context {
    frame: u64,
    time: CaptureTime,
    vlan: Option<u16>,
    setting: Setting,
    source: Option<Mac>,
    destination: Option<Mac>,
    unicast: bool,
}

/// A sign before it is weighed.
struct Draft {
    kind: SignKind,
    hard: bool,
    /// Another weight than its kind's.
    weight: Option<u8>,
    address: Option<IpAddr>,
    port: Option<u16>,
    change: Option<u64>,
    facts: Vec<(&'static str, String)>,
}

impl Draft {
    const fn new(kind: SignKind) -> Self {
        Self {
            kind,
            hard: false,
            weight: None,
            address: None,
            port: None,
            change: None,
            facts: Vec::new(),
        }
    }

    const fn at(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    const fn service(mut self, address: IpAddr, port: u16) -> Self {
        self.address = Some(address);
        self.port = Some(port);
        self
    }

    const fn hard(mut self, hard: bool) -> Self {
        self.hard = hard;
        self
    }

    const fn weight(mut self, weight: u8) -> Self {
        self.weight = Some(weight);
        self
    }

    fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    /// The sign, once it is one: most drafts say what was told lately.
    fn sign(self, at: &Context) -> Sign {
        let weight = self.weighs();
        let place = self.address.map(|address| match self.port {
            Some(port) => ("server", SocketAddr::new(address, port).to_string()),
            None => ("address", address.to_string()),
        });
        Sign {
            kind: self.kind,
            hard: self.hard,
            weight,
            weight_tenths: u32::from(weight) * at.setting.factor_tenths,
            frame: at.frame,
            time: at.time,
            address: self.address,
            port: self.port,
            change: self.change,
            facts: place.into_iter().chain(self.facts).collect(),
        }
    }

    fn weighs(&self) -> u8 {
        self.weight.unwrap_or_else(|| self.kind.weight())
    }
}

/// The sensor.
#[derive(Debug)]
pub struct Sensor {
    knowledge: Knowledge,
    places: Places,
    stations: usize,
    /// The place in which a station was made that is not counted yet, and how many it held before.
    grown: Option<(Option<u16>, usize)>,
    carriers: Shelf<Mac, Carrier>,
    /// Which MAC has which gateway's address; the plan bounds them.
    claims: Map<IpAddr, Claim>,
    /// Which MAC without a place in the inventory answers as which DHCP server of the plan.
    servings: Shelf<(Option<u16>, IpAddr), Serving>,
    flows: Shelf<FlowKey, Flow>,
    servers: Shelf<ServerKey, Server>,
    /// By the hash of their shapes, which `offers` makes.
    hellos: Shelf<u64, Hello>,
    offers: foldhash::fast::RandomState,
    baselines: Map<Option<u16>, Baseline>,
    breaches: Breaches,
    habits: Habits,
    /// Whether the one port in view has its alarm: who else bridges there is the same cause.
    port_alarm: bool,
    events: VecDeque<Event>,
    /// When the last frame came.
    now: Option<CaptureTime>,
    protocols: Protocols,
    counters: Counters,
}

impl Sensor {
    /// A sensor that has seen nothing.
    #[must_use]
    pub fn new(knowledge: Knowledge) -> Self {
        Self {
            knowledge,
            places: Places::default(),
            stations: 0,
            grown: None,
            carriers: Shelf::new(CARRIERS_MAX),
            claims: Map::default(),
            servings: Shelf::new(SERVINGS_MAX),
            flows: Shelf::new(FLOWS_MAX),
            servers: Shelf::new(SERVERS_MAX),
            hellos: Shelf::new(HELLOS_MAX),
            offers: foldhash::fast::RandomState::default(),
            baselines: Map::default(),
            breaches: Breaches::default(),
            habits: Habits::default(),
            port_alarm: false,
            events: VecDeque::new(),
            now: None,
            protocols: Protocols::default(),
            counters: Counters::default(),
        }
    }

    /// Takes a frame.
    pub fn handle(&mut self, captured: &Captured<'_>) {
        self.counters.frames += 1;
        self.now = Some(captured.time);
        let frame = dissect(captured.link, captured.octets);
        if let Some(protocol) = frame.protocol {
            self.protocols.add(protocol);
        }
        let vlan = frame.vlan.or(self.knowledge.untagged);
        let at = Context {
            frame: captured.number,
            time: captured.time,
            vlan,
            setting: self.knowledge.setting(vlan),
            source: frame.source,
            destination: frame.destination.and_then(|octets| Mac::new(octets).ok()),
            unicast: frame.is_unicast(),
        };
        self.content(&at, &frame);
    }

    fn content(&mut self, at: &Context, frame: &Dissection<'_>) {
        match &frame.content {
            Content::Ip(ip) => self.packet(at, ip),
            Content::Arp { sender } => {
                self.arp(at, *sender);
                self.keep_apart_arp(at, *sender);
            }
            Content::Control(control) => self.control(at, *control),
            Content::Eapol | Content::Other => {}
            Content::Flawed(_) => self.counters.flawed += 1,
        }
    }

    fn packet(&mut self, at: &Context, ip: &Ip<'_>) {
        if ip.source.is_unspecified() || ip.source.is_multicast() {
            // A DHCP client has no address yet.
            if let Transport::Udp { source, destination, payload } = ip.transport {
                self.protocols.add(Protocol::Udp);
                self.datagram(at, ip, (source, destination), payload);
            }
            return;
        }
        self.hops(at, ip);
        self.keep_apart(at, ip);
        match &ip.transport {
            Transport::Tcp(tcp) => {
                self.protocols.add(Protocol::Tcp);
                self.segment(at, ip, tcp);
            }
            Transport::Udp { source, destination, payload } => {
                self.protocols.add(Protocol::Udp);
                self.datagram(at, ip, (*source, *destination), payload);
            }
            Transport::Icmpv6 { kind, lifetime_s } => {
                self.protocols.add(Protocol::Icmpv6);
                if *kind == 134 && lifetime_s.is_some() && ip.ttl == 255 {
                    self.router(at, ip.source);
                }
            }
            Transport::Flawed => self.counters.flawed += 1,
            Transport::Fragment | Transport::Other(_) => {}
        }
    }

    /// The next event, in the order of the frames.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Ends what is known of a station, as when its session, its lease or its port does: whoever
    /// comes to that address next inherits no suspicion.
    pub fn end_session(&mut self, vlan: Option<u16>, subject: Subject) {
        self.settle();
        if let Some(place) = self.places.get_mut(vlan)
            && place.remove(&subject).is_some()
        {
            self.stations = self.stations.saturating_sub(1);
        }
    }

    /// Ends what is known of a MAC in every VLAN, for whoever does not know in which it was.
    pub fn end_sessions(&mut self, mac: Mac) {
        let vlans: Vec<_> = self.places.iter().map(|(vlan, _)| vlan).collect();
        for vlan in vlans {
            self.end_session(vlan, Subject::Mac(mac));
        }
        self.breaches.forget(mac);
    }

    /// The protocols recognised so far.
    #[must_use]
    pub const fn protocols(&self) -> Protocols {
        self.protocols
    }

    /// What was counted.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Stations and connections let go for want of room.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        let stations: u64 = self.places.iter().map(|(_, place)| place.evicted()).sum();
        let learnt = self.breaches.evicted() + self.habits.evicted();
        let learnt = learnt + self.servers.evicted() + self.hellos.evicted();
        let learnt = learnt + self.servings.evicted();
        stations + self.flows.evicted() + self.carriers.evicted() + learnt
    }

    /// Stations remembered now.
    #[must_use]
    pub fn stations(&self) -> usize {
        let grown = self.grown.and_then(|(vlan, before)| {
            self.places.get(vlan).map(|place| place.len().saturating_sub(before))
        });
        self.stations + grown.unwrap_or(0)
    }

    /// Stations with signs worth watching and no alarm, the heaviest first.
    #[must_use]
    pub fn watched(&self) -> Vec<Watched> {
        let mut watched = Vec::new();
        for (vlan, place) in self.places.iter() {
            for (subject, station) in place.entries() {
                let last = station.signs.iter().map(|sign| sign.time).max();
                let Some(last) = last.filter(|_| station.alarms.is_empty()) else { continue };
                if let Judgement::Watch { score_tenths } = judge(station, last) {
                    let about = about(*subject, station, vlan, None, None);
                    watched.push(Watched { about, score_tenths, signs: station.signs.clone() });
                }
            }
        }
        debug_assert!(watched.iter().all(|entry| entry.score_tenths >= WATCH_TENTHS_MIN));
        watched.sort_by_key(|entry| (std::cmp::Reverse(entry.score_tenths), entry.about.subject));
        watched
    }

    /// By what a station is remembered: a gateway's frames are those of whoever sent them.
    fn subject(&mut self, at: &Context, mac: Option<Mac>, address: IpAddr) -> Subject {
        match mac {
            Some(mac) if !self.speaks_for_others(at, mac) => Subject::Mac(mac),
            Some(_) | None => Subject::Ip(address),
        }
    }

    fn station(&mut self, at: &Context, subject: Subject) -> &mut Station {
        self.settle();
        let place = self.places.open(at.vlan);
        let (before, grown) = (place.len(), &mut self.grown);
        place.get_or(subject, || {
            *grown = Some((at.vlan, before));
            Station::new(at.time)
        })
    }

    /// Counts the station that was made last, now that nobody holds it, and makes room for the
    /// next.
    fn settle(&mut self) {
        let Some((vlan, before)) = self.grown.take() else { return };
        let now = self.places.get(vlan).map_or(0, Shelf::len);
        self.stations = (self.stations + now).saturating_sub(before);
        self.make_room();
    }

    /// Where no station has room any more, whoever fills the memory pays: the oldest of the
    /// largest place go. The second turn drops what the first made old.
    fn make_room(&mut self) {
        for _ in 0..2 {
            if self.stations < STATIONS_MAX {
                return;
            }
            let places = self.places.iter_mut().map(|(_, place)| place);
            let Some(place) = places.max_by_key(|place| place.len()) else { return };
            let before = place.len();
            place.turn();
            self.stations = (self.stations + place.len()).saturating_sub(before);
        }
    }

    /// Adds a sign to a station and judges it anew.
    fn raise(&mut self, at: &Context, subject: Subject, draft: Draft) {
        let phone = draft.kind.kinds() == [VerdictKind::Phone];
        if phone
            && let Subject::Mac(mac) = subject
            && self.knowledge.roles(Some(mac), None).has(Role::Handheld)
        {
            return;
        }
        let station = self.station(at, subject);
        let same = |other: &Sign| {
            other.kind == draft.kind && (other.address, other.port) == (draft.address, draft.port)
        };
        if let Some(known) = station.signs.iter().position(same) {
            let told = station.signs.get(known);
            let lately = told.is_some_and(|known| known.time.within(at.time, WINDOW_S));
            // What was only asked for is another thing than what was done.
            let stronger = told.is_some_and(|known| {
                draft.hard && !known.hard
                    || draft.kind == SignKind::ProxyRequest && known.weight < draft.weighs()
            });
            if lately && !stronger {
                return;
            }
            station.signs.remove(known);
        }
        let sign = draft.sign(at);
        station.keep(sign.clone());
        let judgement = judge(station, at.time);
        let verdict = match judgement {
            Judgement::Verdict { kind, score_tenths, signs } => {
                let service = service(kind, &signs);
                is_news(station, kind, service).then_some((kind, score_tenths, signs, service))
            }
            Judgement::LocalNat => {
                let told = station.notices.contains(&NoticeKind::LocalNat);
                if !told {
                    station.notices.push(NoticeKind::LocalNat);
                }
                let about = about(subject, station, at.vlan, at.source, None);
                self.tell(Event::Sign { about: about.clone(), sign });
                if !told {
                    self.notice(at, NoticeKind::LocalNat, about);
                }
                return;
            }
            Judgement::Watch { .. } | Judgement::Nothing => None,
        };
        let mut about = about(subject, station, at.vlan, at.source, None);
        about.addresses.retain(|address| Some(*address) != sign.address);
        about.addresses.splice(0..0, sign.address);
        about.service = sign.address.zip(sign.port);
        self.tell(Event::Sign { about: about.clone(), sign });
        if let Some((kind, score_tenths, signs, service)) = verdict {
            let one_port = self.knowledge.port == PortKind::Access;
            if kind == VerdictKind::BridgeFrame
                && one_port
                && std::mem::replace(&mut self.port_alarm, true)
            {
                return;
            }
            about.service = service;
            for address in signs.iter().filter_map(|sign| sign.address) {
                if !about.addresses.contains(&address) {
                    about.addresses.push(address);
                }
            }
            let (frame, time) = (at.frame, at.time);
            self.tell(Event::Verdict(Verdict { kind, about, score_tenths, signs, frame, time }));
        }
    }

    /// Looks whether what is known of a station now explains what it was watched for.
    fn reconsider(&mut self, at: &Context, subject: Subject) {
        let station = self.station(at, subject);
        let hop = || station.signs.iter().any(|sign| sign.kind == SignKind::HopDistance);
        let news = !station.notices.contains(&NoticeKind::LocalNat) && hop();
        if news && judge(station, at.time) == Judgement::LocalNat {
            self.notice_once(at, subject, NoticeKind::LocalNat);
        }
    }

    /// Tells of a station what it was not told of yet.
    fn notice_once(&mut self, at: &Context, subject: Subject, kind: NoticeKind) {
        let station = self.station(at, subject);
        if !station.notices.contains(&kind) {
            station.notices.push(kind);
            let about = about(subject, station, at.vlan, at.source, None);
            self.notice(at, kind, about);
        }
    }

    fn notice(&mut self, at: &Context, kind: NoticeKind, about: About) {
        self.notice_of(at, kind, about, Vec::new(), Vec::new());
    }

    fn notice_of(
        &mut self,
        at: &Context,
        kind: NoticeKind,
        about: About,
        facts: Vec<(&'static str, String)>,
        changes: Vec<u64>,
    ) {
        let (frame, time) = (at.frame, at.time);
        self.tell(Event::Notice { kind, about, facts, changes, frame, time });
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= EVENTS_MAX {
            self.counters.events_lost += 1;
        } else {
            self.events.push_back(event);
        }
    }
}

fn about(
    subject: Subject,
    station: &Station,
    vlan: Option<u16>,
    source: Option<Mac>,
    service: Option<(IpAddr, u16)>,
) -> About {
    let mac = match subject {
        Subject::Mac(mac) => Some(mac),
        Subject::Ip(_) => source,
    };
    let mut addresses = station.addresses.clone();
    if let Subject::Ip(address) = subject
        && !addresses.contains(&address)
    {
        addresses.insert(0, address);
    }
    About { subject, mac, addresses, service, vlan, since: station.since }
}

/// Whether a sign about an address was told lately, so that telling it again is nothing new.
fn is_told(station: &Station, kind: SignKind, address: IpAddr, now: CaptureTime) -> bool {
    station.signs.iter().any(|sign| {
        sign.kind == kind
            && (sign.address, sign.port) == (Some(address), None)
            && sign.time.within(now, WINDOW_S)
    })
}

/// The service a verdict is about, for kinds that are about one.
fn service(kind: VerdictKind, signs: &[Sign]) -> Option<(IpAddr, u16)> {
    if !matches!(kind, VerdictKind::Proxy | VerdictKind::HttpServer) {
        return None;
    }
    let sign = signs.iter().find(|sign| sign.may_mean(kind) && sign.port.is_some())?;
    sign.address.zip(sign.port)
}

/// Whether an alarm is a new one; one that is not raises its counter.
fn is_news(station: &mut Station, kind: VerdictKind, service: Option<(IpAddr, u16)>) -> bool {
    let known =
        station.alarms.iter_mut().find(|alarm| alarm.kind == kind && alarm.service == service);
    if let Some(alarm) = known {
        alarm.repeats = alarm.repeats.saturating_add(1);
        return false;
    }
    if station.alarms.len() < ALARMS_MAX {
        station.alarms.push(Alarm { kind, service, repeats: 0 });
    }
    true
}
