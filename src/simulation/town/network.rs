//! Switches, the router, DHCP and the mirror: whose frame goes where, and when.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::Ipv4Addr;

use super::Settings;
use super::beyond::{Segment, Server, offset, resolve, segments};
use super::dice::{Dice, mix};
use super::edge::{ETHERNET, Edge, forward};
use super::payload::{answer, bridge_frame, datagram, queried};
use super::people::{dhcp_kind, dhcp_reply};
use super::program::PROXY_NAME;
use super::stack::Polled;
use super::station::{Addressing, Build, Number, Station};
use super::system;
use super::telling::Telling;
use crate::plan::Plan;
use crate::sensor::{CaptureTime, Captured, LinkType};

/// Microseconds of a second.
pub(super) const SECOND: i64 = 1_000_000;
/// Eight in the morning of 2026-11-26 in Japan, when the runs begin.
const BEGINNING_S: i64 = 1_795_647_600;
/// What a switch takes for a frame.
const SWITCH_US: i64 = 40;
/// The host number of servers in the VLAN of servers, for DNS.
const NAME_SERVER: u32 = 10;
const BROADCAST: [u8; 6] = [0xff; 6];

/// What is to happen.
pub(super) enum Event {
    /// A frame reaches a device.
    Frame(Number, Vec<u8>),
    /// A packet reaches the far side of a device's connections.
    Far(Number, Vec<u8>),
    /// A stack asked to be polled.
    Poll(Number),
    /// So did the far side.
    PollFar(Number),
    /// The next thing that somebody does at a device, of that life.
    Act(Number, u32),
    /// Something that is done once a device is up, of that life.
    First(Number, u32, usize),
    /// A device is plugged in, or pulled.
    Plug(Number, bool),
    /// Octets go out at a device's port as they are.
    Raw(Number, Vec<u8>),
    /// The next step of a story.
    Step(usize, u32),
}

struct Queued {
    at: i64,
    order: u64,
    event: Event,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// The town under way.
pub(super) struct Town<'a> {
    pub(super) now: i64,
    pub(super) settings: Settings,
    pub(super) dice: Dice,
    pub(super) segments: Vec<Segment>,
    pub(super) stations: Vec<Station>,
    /// Devices that give addresses though nobody asked them to, by segment: the address they give
    /// out of.
    pub(super) rogues: HashMap<usize, (Number, Ipv4Addr)>,
    /// What is brought in, and when.
    pub(super) tellings: Vec<Telling>,
    /// The first so many devices are those of the plan.
    pub(super) registered: usize,
    /// When the first frame of each story came.
    pub(super) offences: HashMap<usize, i64>,
    queue: BinaryHeap<Reverse<Queued>>,
    order: u64,
    /// Who has a MAC in a segment: several where one stands before others.
    macs: HashMap<(usize, [u8; 6]), Vec<Number>>,
    addresses: HashMap<Ipv4Addr, Number>,
    leases: HashMap<(usize, [u8; 6]), Ipv4Addr>,
    mirror: Mirror<'a>,
}

/// The mirror port.
struct Mirror<'a> {
    watch: &'a mut dyn FnMut(&Captured<'_>),
    number: u64,
    last: i64,
    tagged: Vec<u8>,
}

impl Mirror<'_> {
    fn see(&mut self, now: i64, vlan: u16, octets: &[u8]) {
        let Some((head, rest)) = octets.split_at_checked(12) else { return };
        let time = (BEGINNING_S * SECOND + now) * 1_000;
        self.last = time.max(self.last + 1);
        self.number += 1;
        self.tagged.clear();
        self.tagged.extend(head);
        self.tagged.extend([0x81, 0]);
        self.tagged.extend(vlan.to_be_bytes());
        self.tagged.extend(rest);
        let (number, time, link) = (self.number, CaptureTime(self.last), LinkType::Ethernet);
        (self.watch)(&Captured { number, time, link, octets: &self.tagged });
    }
}

/// Microseconds of the run at which a frame came.
pub(super) const fn since_beginning(time: CaptureTime) -> i64 {
    time.0 / 1_000 - BEGINNING_S * SECOND
}

impl<'a> Town<'a> {
    /// The networks of a plan, with nobody in them.
    pub(super) fn new(
        plan: &Plan,
        settings: Settings,
        watch: &'a mut dyn FnMut(&Captured<'_>),
    ) -> Self {
        let mirror = Mirror { watch, number: 0, last: 0, tagged: Vec::new() };
        Self {
            now: 0,
            settings,
            dice: Dice::new(settings.seed, 1),
            segments: segments(plan),
            stations: Vec::new(),
            rogues: HashMap::new(),
            tellings: Vec::new(),
            registered: 0,
            offences: HashMap::new(),
            queue: BinaryHeap::new(),
            order: 0,
            macs: HashMap::new(),
            addresses: HashMap::new(),
            leases: HashMap::new(),
            mirror,
        }
    }

    /// Where the city's own proxies are.
    pub(super) fn proxies(&self) -> Vec<Ipv4Addr> {
        self.segments.iter().filter_map(|segment| resolve(segment, PROXY_NAME)).collect()
    }

    pub(super) fn at(&mut self, at: i64, event: Event) {
        self.order += 1;
        self.queue.push(Reverse(Queued { at: at.max(self.now), order: self.order, event }));
    }

    /// Adds a device that is not plugged in yet.
    pub(super) fn add(&mut self, build: Build) -> Number {
        let number = self.stations.len();
        let stream = u64::try_from(number).unwrap_or(0) + 1_000;
        self.stations.push(Station::new(build, mix(self.settings.seed ^ mix(stream))));
        number
    }

    /// Everything that happens until the end.
    pub(super) fn run(&mut self) {
        let end = i64::from(self.settings.hours) * 3_600 * SECOND;
        while let Some(Reverse(queued)) = self.queue.pop() {
            if queued.at > end {
                return;
            }
            self.now = queued.at;
            self.happen(queued.event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Frame(number, octets) => {
                if let Some(station) = self.stations.get_mut(number).filter(|it| it.up) {
                    station.stack.receive(octets);
                    self.poll(number);
                }
            }
            Event::Far(number, octets) => self.reach_far(number, octets),
            Event::Poll(number) => {
                if let Some(station) = self.stations.get_mut(number)
                    && station.stack.due.is_some_and(|due| due <= self.now)
                {
                    station.stack.due = None;
                    self.poll(number);
                }
            }
            Event::PollFar(number) => {
                if let Some(station) = self.stations.get_mut(number)
                    && station.far.due.is_some_and(|due| due <= self.now)
                {
                    station.far.due = None;
                    self.poll_far(number);
                }
            }
            Event::Act(number, life) => self.act(number, life),
            Event::First(number, life, habit) => self.first(number, life, habit),
            Event::Plug(number, up) => self.plug(number, up),
            Event::Raw(number, octets) => {
                if self.stations.get(number).is_some_and(|it| it.up) {
                    self.send(number, octets);
                }
            }
            Event::Step(story, step) => self.step(story, step),
        }
    }

    /// Plugs a device in, or pulls it.
    pub(super) fn plug(&mut self, number: Number, up: bool) {
        let Some(station) = self.stations.get_mut(number).filter(|it| it.up != up) else { return };
        station.up = up;
        station.life += 1;
        let key = (station.build.segment, station.build.mac);
        let addressing = station.build.addressing;
        station.asked.clear();
        if !up {
            station.stack.unplug();
            station.far.hang_up();
            if let Some(address) = station.address.take() {
                self.addresses.retain(|other, holder| *other != address || *holder != number);
            }
            if let Some(holders) = self.macs.get_mut(&key) {
                holders.retain(|holder| *holder != number);
            }
            return;
        }
        self.macs.entry(key).or_default().push(number);
        match addressing {
            Addressing::Asks => {
                if let Some(station) = self.stations.get_mut(number) {
                    station.stack.ask_for_address();
                }
            }
            Addressing::Follows(leader) => {
                let address = self.stations.get(leader).and_then(|it| it.address);
                if let Some(address) = address {
                    self.settle(number, address);
                }
            }
        }
        self.poll(number);
    }

    /// A device has its address: what runs on it begins.
    fn settle(&mut self, number: Number, address: Ipv4Addr) {
        let Some(station) = self.stations.get_mut(number) else { return };
        let Some(segment) = self.segments.get(station.build.segment) else { return };
        let news = station.address != Some(address);
        station.address = Some(address);
        station.stack.address(address, segment.network.prefix(), segment.gateway);
        if !matches!(station.build.addressing, Addressing::Follows(_)) {
            self.addresses.insert(address, number);
        }
        if !news {
            return;
        }
        self.begin(number);
        // Those behind it come up with it.
        let behind: Vec<Number> = (0..self.stations.len())
            .filter(|other| {
                self.stations.get(*other).is_some_and(|it| {
                    it.build.addressing == Addressing::Follows(number)
                        && it.up
                        && it.address.is_none()
                })
            })
            .collect();
        for other in behind {
            self.settle(other, address);
        }
    }

    /// Lets a stack work and carries off what it sends.
    pub(super) fn poll(&mut self, number: Number) {
        let now = self.now;
        let Some(station) = self.stations.get_mut(number).filter(|it| it.up) else { return };
        let Polled { frames, lease, datagrams } = station.stack.poll(now);
        let next = station.stack.poll_at(now);
        let again = next.filter(|next| station.stack.due.is_none_or(|due| *next < due));
        if let Some(next) = again {
            station.stack.due = Some(next);
            self.at(next, Event::Poll(number));
        }
        for mut octets in frames {
            if let Some(station) = self.stations.get_mut(number) {
                station.edge.dress(&mut octets, ETHERNET);
            }
            self.send(number, octets);
        }
        if let Some(Some((address, _))) = lease {
            self.settle(number, address);
            self.poll(number);
        }
        for (from, _, payload) in datagrams {
            self.heard(number, from, &payload);
        }
    }

    /// A frame leaves a device.
    fn send(&mut self, number: Number, octets: Vec<u8>) {
        let Some(station) = self.stations.get(number) else { return };
        let at = station.build.segment;
        if let Some(story) = station.build.story
            && self.tellings.get(story).is_some_and(|it| it.story.is_shown_by_frames())
        {
            self.offences.entry(story).or_insert(self.now);
        }
        let Some(segment) = self.segments.get(at) else { return };
        self.mirror.see(self.now, segment.vlan, &octets);
        let Some((destination, rest)) = octets.split_first_chunk::<6>() else { return };
        let kind = rest.get(6..8);
        if *destination == segment.gateway_mac {
            if kind == Some(&[8, 0]) {
                self.route(number, at, octets);
            }
        } else if *destination == BROADCAST {
            match kind {
                Some([8, 6]) => self.asked_who(at, octets),
                Some([8, 0]) if octets.get(36..38) == Some(&[0, 67]) => {
                    self.lease(number, at, &octets)
                }
                _ => {}
            }
        } else if destination[0] & 1 == 0 {
            let destination = *destination;
            self.deliver(at, destination, octets, SWITCH_US);
        }
    }

    /// Brings a frame to whoever has the MAC, and there to whom it is for.
    fn deliver(&mut self, segment: usize, mac: [u8; 6], octets: Vec<u8>, after: i64) {
        let Some(holders) = self.macs.get(&(segment, mac)) else { return };
        let (kind, address) = (octets.get(12..14), octets.get(30..34));
        let port = octets.get(36..38).map_or(0, |port| match port {
            [high, low] => u16::from_be_bytes([*high, *low]),
            _ => 0,
        });
        let to = self.now + after;
        let wanted: Vec<Number> = if kind == Some(&[8, 0]) && port != 68 {
            let has = |number: &&Number| {
                let station = self.stations.get(**number);
                station
                    .and_then(|it| it.address)
                    .is_some_and(|it| Some(&it.octets()[..]) == address)
            };
            let having: Vec<Number> = holders.iter().filter(has).copied().collect();
            let expects =
                |number: &&Number| self.stations.get(**number).is_some_and(|it| it.expects(port));
            let expecting = having.iter().find(expects).or(having.first());
            expecting.copied().into_iter().collect()
        } else {
            holders.clone()
        };
        for number in wanted {
            self.at(to, Event::Frame(number, octets.clone()));
        }
    }

    /// An ARP request: the router answers for itself, others for themselves.
    fn asked_who(&mut self, at: usize, octets: Vec<u8>) {
        let Some(segment) = self.segments.get(at) else { return };
        let Some(&[a, b, c, d]) = octets.get(38..42) else { return };
        let wanted = Ipv4Addr::new(a, b, c, d);
        if wanted == segment.gateway {
            let (mac, vlan) = (segment.gateway_mac, segment.vlan);
            let Some(asker) = octets.get(22..32) else { return };
            let mut reply = octets.get(6..12).unwrap_or_default().to_vec();
            reply.extend(mac);
            reply.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
            reply.extend(mac);
            reply.extend(wanted.octets());
            reply.extend(asker);
            let to = reply.first_chunk().copied().unwrap_or(BROADCAST);
            self.mirror.see(self.now, vlan, &reply);
            self.deliver(at, to, reply, 2 * SWITCH_US);
        } else if let Some(holder) = self.addresses.get(&wanted).copied()
            && self.stations.get(holder).is_some_and(|it| it.build.segment == at)
        {
            let to = self.now + SWITCH_US;
            self.at(to, Event::Frame(holder, octets));
        }
    }

    /// A packet for the router: to another VLAN, or to where the servers are.
    fn route(&mut self, number: Number, at: usize, mut octets: Vec<u8>) {
        if octets.get(36..38) == Some(&[0, 67]) && octets.get(23) == Some(&17) {
            return self.lease(number, at, &octets);
        }
        let Some(&[a, b, c, d]) = octets.get(30..34) else { return };
        let to = Ipv4Addr::new(a, b, c, d);
        let neighbour = self.addresses.get(&to).copied();
        if let Some(neighbour) = neighbour {
            let Some(station) = self.stations.get(neighbour) else { return };
            let (mac, there) = (station.build.mac, station.build.segment);
            let same = |index: usize| self.segments.get(index).map(|it| it.environment);
            if same(there) != same(at) {
                return;
            }
            let Some(segment) = self.segments.get(there) else { return };
            forward(&mut octets, ETHERNET, 1);
            let (gateway, vlan) = (segment.gateway_mac, segment.vlan);
            octets.splice(0..12, mac.into_iter().chain(gateway));
            self.mirror.see(self.now, vlan, &octets);
            self.deliver(there, mac, octets, 2 * SWITCH_US);
            return;
        }
        let internet = self.segments.get(at).is_some_and(|it| it.internet);
        let Some(server) = Server::at(to, internet) else { return };
        octets.drain(..ETHERNET);
        let delay = server.delay_us + self.dice.between(0, server.delay_us / 8 + 1);
        self.at(self.now + delay, Event::Far(number, octets));
    }

    /// A packet reaches the servers: there is one for whatever address and port.
    fn reach_far(&mut self, number: Number, octets: Vec<u8>) {
        let Some(station) = self.stations.get_mut(number) else { return };
        let port = |at: usize| match octets.get(at..at + 2) {
            Some([high, low]) => u16::from_be_bytes([*high, *low]),
            _ => 0,
        };
        let Some(&[a, b, c, d]) = octets.get(16..20) else { return };
        let (to, from, destination) = (Ipv4Addr::new(a, b, c, d), port(20), port(22));
        match octets.get(9) {
            Some(6) => {
                let opens = octets.get(33).is_some_and(|flags| flags & 0x12 == 2);
                if opens {
                    let draw = u64::from(u32::from(to)) << 16 | u64::from(from);
                    station.far.await_connection(
                        self.now,
                        (to, destination),
                        mix(draw ^ self.settings.seed),
                    );
                }
                station.far.receive(octets);
                self.poll_far(number);
            }
            Some(17) => {
                let Some(payload) = octets.get(28..) else { return };
                let source = station.address;
                let at = station.build.segment;
                let Some(segment) = self.segments.get(at) else { return };
                let reply = match destination {
                    53 => answer(payload, resolve(segment, &queried(payload))),
                    123 => vec![0x24; 48],
                    _ => return,
                };
                let Some(source) = source else { return };
                let station_mac = station.build.mac;
                let server = Server::at(to, segment.internet);
                let Some(server) = server else { return };
                let ttl = server.system.ttl - server.hops;
                let addresses = ((to, destination), (source, from));
                let frame = datagram((segment.gateway_mac, station_mac), addresses, ttl, &reply);
                self.arrive(at, frame);
            }
            _ => {}
        }
    }

    fn poll_far(&mut self, number: Number) {
        let now = self.now;
        let Some(station) = self.stations.get_mut(number) else { return };
        let Polled { frames, .. } = station.far.poll(now);
        if let Some(next) = station.far.poll_at(now)
            && station.far.due.is_none_or(|due| next < due)
        {
            station.far.due = Some(next);
            self.at(next, Event::PollFar(number));
        }
        for octets in frames {
            self.come_back(number, octets);
        }
    }

    /// A packet of a server comes back through the router.
    fn come_back(&mut self, number: Number, mut octets: Vec<u8>) {
        let Some(station) = self.stations.get(number).filter(|it| it.up) else { return };
        let (at, mac) = (station.build.segment, station.build.mac);
        let Some(segment) = self.segments.get(at) else { return };
        let Some(&[a, b, c, d]) = octets.get(12..16) else { return };
        let Some(mut server) = Server::at(Ipv4Addr::new(a, b, c, d), segment.internet) else {
            return;
        };
        // Several machines behind one address: clients are shared out among them.
        if server.shared && mix(u64::from(mac[5])) & 1 == 0 {
            (server.system, server.hops) = (system::WINDOWS_SERVER, server.hops + 3);
        }
        let mut edge = Edge::new(server.system, server.hops, String::new());
        edge.dress(&mut octets, 0);
        let mut frame = mac.to_vec();
        frame.extend(segment.gateway_mac);
        frame.extend([8, 0]);
        frame.extend(octets);
        self.arrive(at, frame);
    }

    /// A frame of the router enters a VLAN.
    fn arrive(&mut self, at: usize, octets: Vec<u8>) {
        let Some(segment) = self.segments.get(at) else { return };
        self.mirror.see(self.now, segment.vlan, &octets);
        if let Some(mac) = octets.first_chunk().copied() {
            self.deliver(at, mac, octets, SWITCH_US);
        }
    }

    /// A DHCP request: the router answers from its pool, and so does whoever else gives addresses.
    fn lease(&mut self, number: Number, at: usize, octets: &[u8]) {
        let Some(bootp) = octets.get(42..) else { return };
        let Some(kind) = dhcp_kind(bootp) else { return };
        let Some(mac) = bootp.get(28..34).and_then(|mac| mac.first_chunk::<6>()).copied() else {
            return;
        };
        let Some(segment) = self.segments.get_mut(at) else { return };
        let reply = match kind {
            1 => 2,
            3 => 5,
            _ => return,
        };
        let given = *self.leases.entry((at, mac)).or_insert_with(|| segment.give());
        let (gateway, gateway_mac, network) =
            (segment.gateway, segment.gateway_mac, segment.network);
        let name_server = offset(segment.servers, NAME_SERVER);
        let told = dhcp_reply(bootp, reply, (given, network.prefix()), gateway, name_server);
        let frame = datagram((gateway_mac, mac), ((gateway, 67), (given, 68)), 64, &told);
        self.arrive(at, frame);
        if let Some((rogue, address)) = self.rogues.get(&at).copied()
            && kind == 1
            && rogue != number
            && let Some(station) = self.stations.get(rogue).filter(|it| it.up)
        {
            let given = offset(address, 100);
            let told = dhcp_reply(bootp, reply, (given, 24), address, address);
            let from = station.build.mac;
            let frame =
                datagram((from, BROADCAST), ((address, 67), (Ipv4Addr::BROADCAST, 68)), 128, &told);
            self.at(self.now + 5_000, Event::Raw(rogue, frame));
        }
    }

    /// A frame of a bridge comes from a device.
    pub(super) fn bridge(&mut self, number: Number) {
        if let Some(station) = self.stations.get(number) {
            let frame = bridge_frame(station.build.mac);
            self.at(self.now, Event::Raw(number, frame));
        }
    }
}
