//! How stories are told: who is brought in where, in place of whom, and what they do.

use std::net::Ipv4Addr;

use super::network::{Event, SECOND, Town};
use super::payload::{advertisement, datagram};
use super::program::{self, Habit};
use super::station::{Addressing, Build, Number};
use super::story::{Part, Story};
use super::system::{self, System};
use crate::vocabulary::Mac;

/// Minutes a story takes.
const MINUTES: (i64, i64) = (20, 45);
/// Ports of those behind another: each has a part of its own.
const PARTS: [(u16, u16); 4] =
    [(62_000, 65_000), (50_000, 52_999), (53_000, 55_999), (56_000, 58_999)];

/// A story that is told at one place and time.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    pub(super) story: Story,
    pub(super) segment: usize,
    /// MACs whose verdicts belong to it.
    pub(super) macs: Vec<Mac>,
    pub(super) begun: i64,
    pub(super) until: i64,
    /// Whether there was somebody to tell it of.
    pub(super) told: bool,
    /// The registered device that is used, replaced or imitated.
    host: Option<Number>,
    stations: Vec<Number>,
}

/// One who is brought in.
struct Guest {
    system: System,
    hop: u8,
    habits: &'static [Habit],
    host: &'static str,
}

const fn guest(system: System, hop: u8, habits: &'static [Habit], host: &'static str) -> Guest {
    Guest { system, hop, habits, host }
}

impl Town<'_> {
    /// Plans every story as often as is wanted, at random places and times.
    pub(super) fn plan_stories(&mut self, tellings: &mut Vec<Telling>) {
        let hours = i64::from(self.settings.hours);
        for story in Story::ALL {
            for _ in 0..self.settings.repeats {
                let length = self.dice.between(MINUTES.0, MINUTES.1) * 60 * SECOND;
                let segments = u64::try_from(self.segments.len()).unwrap_or(0);
                let segment = usize::try_from(self.dice.below(segments)).unwrap_or(0);
                let begun = self.time(hours, length, *story == Story::Night);
                let index = tellings.len();
                tellings.push(Telling {
                    story: *story,
                    segment,
                    macs: Vec::new(),
                    begun,
                    until: begun + length,
                    told: false,
                    host: None,
                    stations: Vec::new(),
                });
                self.at(begun, Event::Step(index, 0));
                self.at(begun + length, Event::Step(index, 9));
            }
        }
    }

    /// A time of work, or of night where the run has one, at which something that long fits.
    fn time(&mut self, hours: i64, length: i64, night: bool) -> i64 {
        let day = 24 * 3_600 * SECOND;
        let end = hours * 3_600 * SECOND - length;
        let (from, to) = if night && hours > 16 { (13, 22) } else { (1, 9) };
        let days = u64::try_from(hours / 24 + 1).unwrap_or(1);
        let first = i64::try_from(self.dice.below(days)).unwrap_or(0) * day;
        let at = first + self.dice.between(from * 3_600 * SECOND, to * 3_600 * SECOND);
        if at <= end { at } else { self.dice.between(SECOND, end.max(2 * SECOND)) }
    }

    /// The next step of a story: 0 begins it, 9 ends it.
    pub(super) fn step(&mut self, index: usize, step: u32) {
        let Some(mut telling) = self.tellings.get(index).cloned() else { return };
        match step {
            0 => self.tell(index, &mut telling),
            9 => {
                for number in telling.stations.clone() {
                    self.plug(number, false);
                }
                self.rogues.retain(|_, (number, _)| {
                    !telling.stations.contains(number) && telling.host != Some(*number)
                });
                if let Some(host) = telling.host {
                    self.plug(host, true);
                    if let Some(station) = self.stations.get_mut(host) {
                        station.part = None;
                    }
                }
            }
            other => self.go_on(index, &telling, other),
        }
        if let Some(place) = self.tellings.get_mut(index) {
            *place = telling;
        }
    }

    fn tell(&mut self, index: usize, telling: &mut Telling) {
        use Story as S;
        let story = telling.story;
        self.take(telling);
        telling.told = telling.host.is_some() || story.takes() == Part::Nobody;
        if !telling.told {
            return;
        }
        let own = telling.host.and_then(|host| self.stations.get(host)).map(|it| it.build.mac);
        let phone = self.local_mac();
        let adapter = self.mac_of(&[[0x00, 0xe0, 0x4c], [0x00, 0x0e, 0xc6], [0xf8, 0xe4, 0x3b]]);
        let router = self.mac_of(&[[0x88, 0x57, 0xee], [0x5c, 0xe9, 0x31], [0x94, 0x83, 0xc4]]);
        let pc = self.pc_habits(telling.segment);
        let mac = match story {
            S::BridgeAndroid | S::BridgeIphone | S::BridgeNotebook => phone,
            S::Router | S::RouterTravel | S::TtlReset | S::Slow | S::RouterPosing => router,
            _ => own.unwrap_or(adapter),
        };
        if let Ok(mac) = Mac::new(mac) {
            telling.macs.push(mac);
        }
        let android = || guest(system::ANDROID, 0, program::ANDROID, "Galaxy-A54");
        let iphone = || guest(system::IPHONE, 0, program::IPHONE, "iPhone");
        let behind = |system, habits| guest(system, 1, habits, "");
        let router_of = |system| guest(system, 0, program::ROUTING, "BUFFALO-AP");
        let windows = || behind(system::WINDOWS, pc);
        match story {
            S::BridgeAndroid | S::Android | S::Night => {
                self.bring(index, telling, mac, vec![android()])
            }
            S::BridgeIphone => self.bring(index, telling, mac, vec![iphone()]),
            S::Iphone => {
                let named = guest(system::IPHONE, 0, program::IPHONE, "Tarou-no-iPhone");
                self.bring(index, telling, mac, vec![named]);
            }
            S::BridgeNotebook => {
                let notebook = guest(system::WINDOWS, 0, pc, "DESKTOP-8K2LQ1");
                self.bring(index, telling, mac, vec![notebook]);
            }
            S::Router => {
                let phone = behind(system::ANDROID, program::ANDROID);
                let all = vec![router_of(system::ROUTER), windows(), phone];
                self.bring(index, telling, mac, all);
            }
            S::RouterCloned => {
                let phone = behind(system::IPHONE, program::IPHONE);
                let all = vec![router_of(system::ROUTER), windows(), phone];
                self.bring(index, telling, mac, all);
            }
            S::RouterTravel => {
                let all = vec![guest(system::ROUTER, 0, program::SILENT, ""), windows()];
                self.bring(index, telling, mac, all);
            }
            S::RouterPosing => {
                let posing = guest(system::ROUTER_POSING, 0, program::SILENT, "DESKTOP-77");
                self.bring(index, telling, mac, vec![posing, windows()]);
            }
            S::Slow => {
                let slow = behind(system::WINDOWS, program::SLOW);
                let all = vec![guest(system::ROUTER, 0, program::SILENT, ""), slow];
                self.bring(index, telling, mac, all);
            }
            S::TtlReset => {
                // Rewritten to the router's own.
                let reset =
                    |system: System, habits| guest(System { ttl: 64, ..system }, 0, habits, "");
                let phone = reset(system::ANDROID, program::ANDROID);
                let all = vec![router_of(system::ROUTER), reset(system::WINDOWS, pc), phone];
                self.bring(index, telling, mac, all);
            }
            S::Inline => {
                let inline = guest(system::LINUX, 0, program::ROUTING, "");
                self.attach(index, telling, mac, inline);
            }
            S::TetherServer => {
                self.bring(index, telling, mac, vec![guest(system::ANDROID, 0, &[], "")]);
                self.serve_addresses(telling, Ipv4Addr::new(10, 77, 13, 5));
                self.at(self.now + SECOND, Event::Step(index, 1));
            }
            S::Sharing => {
                let phone = behind(system::ANDROID, program::ANDROID);
                self.attach(index, telling, mac, phone);
                let host = telling.host;
                if let Some(host) = host {
                    self.rogues.insert(telling.segment, (host, Ipv4Addr::new(192, 168, 137, 1)));
                }
            }
            S::Bridging => self.at(self.now + 2 * SECOND, Event::Step(index, 1)),
            S::Proxy | S::Encrypted | S::Forged => {
                let (system, habits) = match story {
                    S::Encrypted => (system::ANDROID, program::ENCRYPTED),
                    S::Forged => (system::WINDOWS_FORGED, pc),
                    _ => (system::ANDROID, pc),
                };
                // What is no TCP goes through: one hop less of Windows' 128, unless that is
                // imitated too.
                let through = if story == S::Forged { 128 } else { 127 };
                let client = system::WINDOWS.client;
                let system = System { client, ..system };
                self.bring(index, telling, mac, vec![guest(system, 0, habits, "PC")]);
                if let Some(station) =
                    telling.stations.first().and_then(|it| self.stations.get_mut(*it))
                {
                    station.edge.datagram_ttl = Some(through);
                }
            }
            S::WebServer | S::WebProxy | S::WebServerElsewhere | S::WebProxyElsewhere => {
                let web = matches!(story, S::WebServer | S::WebServerElsewhere);
                let (port, habits) = match web {
                    true => (&[80][..], program::BROWSING),
                    false => (&[8080][..], program::PROXIED),
                };
                if let Some(host) = telling.host.and_then(|host| self.stations.get_mut(host)) {
                    host.part = Some((index, port));
                }
                let visitor = self.registered_like();
                self.innocent(index, telling, visitor, guest(system::WINDOWS, 0, habits, "PC"));
            }
            S::PhoneServer => {
                self.bring(index, telling, mac, vec![android()]);
                if let Some(it) = telling.stations.first().and_then(|it| self.stations.get_mut(*it))
                {
                    it.build.serves = &[80];
                }
                let visitor = self.registered_like();
                let browsing = guest(system::WINDOWS, 0, program::BROWSING, "PC");
                self.innocent(index, telling, visitor, browsing);
            }
            S::Wireless | S::Usb => {
                let side = guest(system::WINDOWS, 0, program::DUAL_HOMED, "PC");
                self.attach(index, telling, mac, side);
            }
            S::Leaving => {
                if let Some(host) = telling.host {
                    self.plug(host, false);
                }
            }
            S::DhcpCloned => {
                let posing = guest(system::ANDROID_POSING, 0, program::ANDROID, "DESKTOP-31");
                self.bring(index, telling, mac, vec![posing]);
            }
            S::MacCloned => self.bring(index, telling, mac, vec![android()]),
            S::PrinterCloned => {
                let cloned = guest(system::WINDOWS, 0, pc, "DESKTOP-99");
                self.bring(index, telling, mac, vec![cloned]);
            }
            S::Scrambled => {
                let client = system::WINDOWS.client;
                let system = System { client, ..system::SCRAMBLED };
                let scrambled = guest(system, 0, program::ANDROID, "DESKTOP-40");
                self.bring(index, telling, mac, vec![scrambled]);
            }
            S::Guest => {
                let vm = behind(system::LINUX, program::GUEST);
                self.attach(index, telling, mac, vm);
            }
            S::Leak => self.at(self.now + 5 * SECOND, Event::Step(index, 1)),
            S::Controller => {
                let controller = guest(system::CONTROLLER, 0, &[], "");
                self.attach(index, telling, mac, controller);
                if let Some(it) = telling.stations.first().and_then(|it| self.stations.get_mut(*it))
                {
                    it.build.serves = &[16_992];
                }
                let visitor = self.registered_like();
                let manager = guest(system::WINDOWS, 0, program::MANAGING, "PC");
                self.innocent(index, telling, visitor, manager);
            }
            S::Boot => {
                let loader = guest(system::BOOT_LOADER, 0, program::BOOTING, "");
                self.bring(index, telling, mac, vec![loader]);
                self.at(self.now + 90 * SECOND, Event::Step(index, 1));
                self.at(self.now + 900 * SECOND, Event::Step(index, 2));
            }
            S::Adapter => {
                let pc = guest(system::WINDOWS, 0, pc, "NOTE-0101");
                self.bring(index, telling, mac, vec![pc]);
                self.at(self.now + 500 * SECOND, Event::Step(index, 1));
                self.at(self.now + 1_000 * SECOND, Event::Step(index, 2));
            }
            S::CityProxy => {
                let user = guest(system::WINDOWS, 0, program::PROXIED_BY_CITY, "PC");
                self.bring(index, telling, mac, vec![user]);
            }
            S::Signage => {
                let panel = guest(system::ANDROID, 0, program::ANDROID, "signage-2F");
                self.bring(index, telling, mac, vec![panel]);
            }
        }
    }

    fn go_on(&mut self, index: usize, telling: &Telling, step: u32) {
        use Story as S;
        let again = |town: &mut Self, seconds: i64| {
            if town.now + seconds * SECOND < telling.until {
                town.at(town.now + seconds * SECOND, Event::Step(index, step));
            }
        };
        match telling.story {
            S::Bridging => {
                if let Some(host) = telling.host {
                    self.offences.entry(index).or_insert(self.now);
                    self.bridge(host);
                    again(self, 2);
                }
            }
            S::TetherServer => {
                let tether = telling.stations.first().copied();
                if let Some((number, mac)) =
                    tether.and_then(|it| Some((it, self.stations.get(it)?.build.mac)))
                {
                    self.at(self.now, Event::Raw(number, advertisement(mac)));
                    again(self, 300);
                }
            }
            S::Leak => {
                if let Some(host) = telling.host
                    && let Some(station) = self.stations.get(host)
                {
                    let frame = datagram(
                        (station.build.mac, [0xff; 6]),
                        (
                            (Ipv4Addr::new(192, 168, 43, 1), 137),
                            (Ipv4Addr::new(192, 168, 43, 255), 137),
                        ),
                        128,
                        &[0; 50],
                    );
                    self.at(self.now, Event::Raw(host, frame));
                    again(self, 120);
                }
            }
            S::Boot | S::Adapter => {
                // The next system on the same MAC.
                let mut telling = telling.clone();
                for number in telling.stations.drain(..) {
                    self.plug(number, false);
                }
                let mac = telling.macs.first().map_or([2; 6], |mac| mac.octets());
                let pc = self.pc_habits(telling.segment);
                let next = match (telling.story, step) {
                    (S::Boot, 1) => guest(system::WINDOWS_PE, 0, program::SLOW, "MINWINPC"),
                    (S::Adapter, 1) => guest(system::WINDOWS_TUNED, 0, pc, "NOTE-0102"),
                    _ => guest(system::WINDOWS, 0, pc, "NOTE-0103"),
                };
                self.bring(index, &mut telling, mac, vec![next]);
                if let Some(place) = self.tellings.get_mut(index) {
                    place.stations.extend(telling.stations);
                }
            }
            _ => {}
        }
    }

    /// A registered device of the segment, or of one near, takes part; each in one story of a run,
    /// since an alarm is raised once.
    fn take(&mut self, telling: &mut Telling) {
        let part = telling.story.takes();
        if part == Part::Nobody {
            return;
        }
        let fits = |at: usize, telling: &Telling| {
            let environment = self.segments.get(at).map_or(0, |it| it.environment);
            telling.story.is_told_in(environment)
        };
        let mut fit: Vec<Number> = Vec::new();
        for _ in 0..self.segments.len() {
            let here = telling.segment;
            let wanted = |number: &Number| {
                self.stations.get(*number).is_some_and(|it| {
                    let equipment = it.build.serves.contains(&9100);
                    let kind =
                        if part == Part::Printer { equipment } else { it.build.system.gives_in };
                    it.build.segment == here && it.up && !it.taken && kind
                })
            };
            fit = (0..self.registered).filter(wanted).collect();
            if !fit.is_empty() && fits(here, telling) {
                break;
            }
            fit.clear();
            telling.segment = (here + 1) % self.segments.len().max(1);
        }
        let Some(host) = self.dice.pick(&fit).copied() else { return };
        telling.host = Some(host);
        if let Some(station) = self.stations.get_mut(host) {
            station.taken = true;
        }
        if telling.story.replaces() {
            self.plug(host, false);
        }
    }

    /// Brings devices in that share one MAC: the first asks for an address, others stand behind.
    fn bring(&mut self, index: usize, telling: &mut Telling, mac: [u8; 6], guests: Vec<Guest>) {
        let mut leader = None;
        for (guest, part) in guests.into_iter().zip(PARTS) {
            let addressing = leader.map_or(Addressing::Asks, Addressing::Follows);
            let number = self.enter(index, telling, mac, guest, addressing);
            if let Some(station) = self.stations.get_mut(number) {
                station.stack.draw_ports(part);
            }
            leader = leader.or(Some(number));
            self.plug(number, true);
        }
    }

    /// Brings in one who speaks from the address and MAC of the story's registered device.
    fn attach(&mut self, index: usize, telling: &mut Telling, mac: [u8; 6], guest: Guest) {
        let Some(host) = telling.host else { return };
        let number = self.enter(index, telling, mac, guest, Addressing::Follows(host));
        for (at, ports) in [(number, PARTS[0]), (host, PARTS[1])] {
            if let Some(station) = self.stations.get_mut(at) {
                station.stack.draw_ports(ports);
            }
        }
        self.plug(number, true);
    }

    /// Brings in one who has part in the story and nothing to hide.
    fn innocent(&mut self, index: usize, telling: &mut Telling, mac: [u8; 6], guest: Guest) {
        let number = self.enter(index, telling, mac, guest, Addressing::Asks);
        self.plug(number, true);
    }

    fn enter(
        &mut self,
        index: usize,
        telling: &mut Telling,
        mac: [u8; 6],
        guest: Guest,
        addressing: Addressing,
    ) -> Number {
        let number = self.add(Build {
            mac,
            segment: telling.segment,
            system: guest.system,
            hop: guest.hop,
            host: guest.host.to_owned(),
            addressing,
            habits: guest.habits,
            serves: &[],
            story: Some(index),
        });
        telling.stations.push(number);
        number
    }

    fn serve_addresses(&mut self, telling: &Telling, address: Ipv4Addr) {
        if let Some(number) = telling.stations.first() {
            self.rogues.insert(telling.segment, (*number, address));
        }
    }

    /// What a PC there does.
    fn pc_habits(&self, segment: usize) -> &'static [Habit] {
        let internet = self.segments.get(segment).is_some_and(|it| it.internet);
        if internet { program::WEB_PC } else { program::OFFICE_PC }
    }

    fn local_mac(&mut self) -> [u8; 6] {
        let [a, b, c, d, e, f, ..] = self.dice.next().to_be_bytes();
        [a & 0xfc | 2, b, c, d, e, f]
    }

    fn mac_of(&mut self, blocks: &[[u8; 3]]) -> [u8; 6] {
        let [a, b, c] = self.dice.pick(blocks).copied().unwrap_or_default();
        let [d, e, f, ..] = self.dice.next().to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// A MAC of the block that the registered PCs have.
    fn registered_like(&mut self) -> [u8; 6] {
        self.mac_of(&[[0xd4, 0x1e, 0xf8]])
    }
}
