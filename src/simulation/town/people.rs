//! What happens at a device: programs begin, look names up, talk, and are answered.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use smoltcp::wire::IpEndpoint;

use super::beyond::{Segment, offset};
use super::network::{Event, SECOND, Town};
use super::payload::{announcement, get, hello, query, record};
use super::program::{Doing, Habit, NCSI_NAMES, OPENSSL};
use super::station::{ASKED_MAX, Asked, Number};

/// The first and last hour of work, counted from the beginning of a day at eight.
const WORK_H: i64 = 10;
const DAY_H: i64 = 24;
/// The port and host number at which the environment's name server answers.
const NAMES: (u32, u16) = (10, 53);
const CLOCK: u16 = 123;

impl Town<'_> {
    /// Whether people are at work.
    pub(super) fn is_working(&self) -> bool {
        (self.now / (3_600 * SECOND)).rem_euclid(DAY_H) < WORK_H
    }

    /// A device has come up.
    pub(super) fn begin(&mut self, number: Number) {
        let Some(station) = self.stations.get(number) else { return };
        let (habits, life) = (station.build.habits, station.life);
        let mut at = self.now;
        for (index, _) in habits.iter().enumerate().filter(|(_, habit)| habit.at_first) {
            at += self.dice.between(SECOND / 5, 4 * SECOND);
            self.at(at, Event::First(number, life, index));
        }
        self.plan_next(number, life);
    }

    fn plan_next(&mut self, number: Number, life: u32) {
        let habits = self.stations.get(number).map_or(&[][..], |it| it.build.habits);
        if let Some(mean) = (SECOND * 1_000_000).checked_div(rate(habits)) {
            let wait = self.dice.wait(mean);
            self.at(self.now + wait, Event::Act(number, life));
        }
    }

    pub(super) fn first(&mut self, number: Number, life: u32, habit: usize) {
        let Some(station) = self.stations.get(number).filter(|it| it.life == life) else { return };
        if let Some(habit) = station.build.habits.get(habit).copied() {
            self.perform(number, habit.doing);
        }
    }

    pub(super) fn act(&mut self, number: Number, life: u32) {
        let Some(station) = self.stations.get(number).filter(|it| it.life == life) else { return };
        let habits = station.build.habits;
        self.plan_next(number, life);
        let mut left = i64::try_from(self.dice.below(rate(habits).unsigned_abs())).unwrap_or(0);
        let chosen = habits.iter().find(|habit| {
            left -= share(habit);
            left < 0
        });
        if let Some(habit) = chosen.filter(|habit| habit.always || self.is_working()) {
            self.perform(number, habit.doing);
        }
    }

    fn perform(&mut self, number: Number, doing: Doing) {
        match doing {
            Doing::Fetch { names, agent, offer } => {
                let Some(name) = self.dice.pick(names).copied() else { return };
                let script = match offer {
                    Some(offer) => vec![hello(offer, name, &mut self.dice), record(420)],
                    None => vec![get(name, agent)],
                };
                let port = if offer.is_some() { 443 } else { 80 };
                self.look_up(number, name, port, script.into());
            }
            Doing::Look(names) => {
                // Windows' check asks for all of its names, others for one.
                let all = names == NCSI_NAMES;
                let one = self.dice.pick(names).copied();
                let asked = names.iter().copied().filter(|name| all || Some(*name) == one);
                for name in asked {
                    self.look_up(number, name, 0, VecDeque::new());
                }
            }
            Doing::Talk { port, octets } => {
                let Some(segment) = self.segment_of(number) else { return };
                let to = offset(segment.servers, 11 + u32::from(port % 7));
                let script = VecDeque::from([vec![0x30; octets.into()]]);
                self.talk(number, (to, port), script);
            }
            Doing::Hold { names, port } => {
                let Some(name) = self.dice.pick(names).copied() else { return };
                let script = VecDeque::from([hello(OPENSSL, name, &mut self.dice), record(120)]);
                self.look_up(number, name, port, script);
            }
            Doing::Clock(name) => self.look_up(number, name, CLOCK, VecDeque::new()),
            Doing::Announce { to, from, port, payload } => {
                self.say(number, Some(from), (to.into(), port), payload);
            }
            Doing::Name(name) => {
                let address = self.stations.get(number).and_then(|it| it.address);
                let Some(address) = address else { return };
                let to = (Ipv4Addr::new(224, 0, 0, 251), 5353);
                self.say(number, Some(5353), to, &announcement(name, address));
            }
            Doing::Visit { port, request } => self.visit(number, port, request),
            Doing::Replug => {
                self.plug(number, false);
                let back = self.now + self.dice.between(3 * SECOND, 90 * SECOND);
                self.at(back, Event::Plug(number, true));
            }
        }
    }

    fn segment_of(&self, number: Number) -> Option<&Segment> {
        self.segments.get(self.stations.get(number)?.build.segment)
    }

    fn talk(&mut self, number: Number, to: (Ipv4Addr, u16), script: VecDeque<Vec<u8>>) {
        let now = self.now;
        if let Some(station) = self.stations.get_mut(number).filter(|it| it.address.is_some()) {
            station.stack.talk(now, to, script);
            self.poll(number);
        }
    }

    fn say(&mut self, number: Number, from: Option<u16>, to: (Ipv4Addr, u16), payload: &[u8]) {
        if let Some(station) = self.stations.get_mut(number).filter(|it| it.address.is_some()) {
            station.stack.say(from, to, payload);
            self.poll(number);
        }
    }

    /// Asks for a name, and goes on from there.
    fn look_up(&mut self, number: Number, name: &str, port: u16, script: VecDeque<Vec<u8>>) {
        let Some(segment) = self.segment_of(number) else { return };
        let to = (offset(segment.servers, NAMES.0), NAMES.1);
        let Some(station) = self.stations.get_mut(number) else { return };
        station.next_id = station.next_id.wrapping_mul(5).wrapping_add(12_345);
        let id = station.next_id;
        if station.asked.len() >= ASKED_MAX {
            station.asked.remove(0);
        }
        station.asked.push(Asked { id, port, script });
        self.say(number, None, to, &query(id, name));
    }

    /// A datagram has come in.
    pub(super) fn heard(&mut self, number: Number, from: IpEndpoint, payload: &[u8]) {
        let (53, Some(&[high, low])) = (from.port, payload.get(..2)) else { return };
        let id = u16::from_be_bytes([high, low]);
        let Some(station) = self.stations.get_mut(number) else { return };
        let Some(at) = station.asked.iter().position(|asked| asked.id == id) else { return };
        let asked = station.asked.remove(at);
        let exists = payload.get(3).is_some_and(|code| code & 15 == 0);
        let Some(address) = payload.last_chunk::<4>().filter(|_| exists) else { return };
        let to = (Ipv4Addr::from(*address), asked.port);
        match asked.port {
            0 => {}
            CLOCK => self.say(number, None, to, &[0x23; 48]),
            _ => self.talk(number, to, asked.script),
        }
    }

    /// Opens a connection to somebody near who serves the port: somebody of the same story, where
    /// there is one.
    fn visit(&mut self, number: Number, port: u16, request: &[u8]) {
        let Some(visitor) = self.stations.get(number) else { return };
        let (story, segment) = (visitor.build.story, visitor.build.segment);
        let environment = |segment: usize| self.segments.get(segment).map(|it| it.environment);
        let here = environment(segment);
        let serves = |(other, it): &(Number, &super::station::Station)| {
            let near = match story {
                Some(_) if it.build.story == story => it.build.serves.contains(&port),
                Some(story) => it.part.is_some_and(|(other, _)| other == story) && it.plays(port),
                None => {
                    let same = environment(it.build.segment) == here;
                    it.build.story.is_none() && same && it.build.serves.contains(&port)
                }
            };
            *other != number && near && it.up
        };
        let hosts: Vec<(Number, Ipv4Addr)> = self
            .stations
            .iter()
            .enumerate()
            .filter(serves)
            .filter_map(|(other, it)| Some((other, it.address?)))
            .collect();
        let Some((host, address)) = self.dice.pick(&hosts).copied() else { return };
        let (now, draw) = (self.now, self.dice.next());
        if let Some(story) = story {
            self.offences.entry(story).or_insert(now);
        }
        if let Some(station) = self.stations.get_mut(host) {
            station.stack.await_connection(now, (address, port), draw);
        }
        self.talk(number, (address, port), VecDeque::from([request.to_vec()]));
    }
}

/// How often any of the habits is at work, in a million seconds.
fn rate(habits: &[Habit]) -> i64 {
    habits.iter().map(share).sum()
}

fn share(habit: &Habit) -> i64 {
    1_000_000_i64.checked_div(habit.every_s.into()).unwrap_or(0)
}

/// The type of a DHCP message of a client (RFC 2132 §9.6).
pub(super) fn dhcp_kind(bootp: &[u8]) -> Option<u8> {
    let mut rest = bootp.get(240..)?;
    loop {
        match rest {
            [53, 1, kind, ..] => return Some(*kind),
            [0, tail @ ..] => rest = tail,
            [255, ..] | [] | [_] => return None,
            [_, length, tail @ ..] => rest = tail.get(usize::from(*length)..)?,
        }
    }
}

/// A DHCP server's answer to a message (RFC 2131 §4.3.1).
pub(super) fn dhcp_reply(
    bootp: &[u8],
    kind: u8,
    (given, length): (Ipv4Addr, u8),
    server: Ipv4Addr,
    name_server: Ipv4Addr,
) -> Vec<u8> {
    let field = |from: usize, to: usize| bootp.get(from..to).unwrap_or_default();
    let mut octets = vec![2, 1, 6, 0];
    octets.extend(field(4, 8));
    octets.extend([0, 0]);
    octets.extend(field(10, 16));
    octets.extend(given.octets());
    octets.extend(server.octets());
    octets.extend([0; 4]);
    octets.extend(field(28, 44));
    octets.resize(236, 0);
    octets.extend([99, 130, 83, 99, 53, 1, kind, 54, 4]);
    octets.extend(server.octets());
    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
    octets.extend([1, 4]);
    octets.extend(mask.to_be_bytes());
    octets.extend([3, 4]);
    octets.extend(server.octets());
    octets.extend([6, 4]);
    octets.extend(name_server.octets());
    octets.extend([51, 4]);
    octets.extend(28_800_u32.to_be_bytes());
    octets.push(255);
    octets.resize(300, 0);
    octets
}
