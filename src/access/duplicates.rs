//! Duplicate detection: the same request gets the same octets back (RFC 5080 §2.2.2).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

use crate::vocabulary::Map;
use crate::wire::radius::Code;

/// How long an answer is remembered; RFC 5080 §2.2.2 suggests 5 to 30 seconds.
const REMEMBERED_S: u32 = 30;
/// Answers remembered for one client at least and at most, so that no switch can push out
/// another's. While fewer than so many are remembered altogether each may have the most, then its
/// part of them.
const PER_CLIENT_ANSWERS: (usize, usize) = (256, 4096);
const ANSWERS_MAX: usize = 32_768;
/// Octets of an answer that are kept with it: what an Accept to MAC authentication has.
const IN_PLACE_OCTETS: usize = 76;
/// Fewer gaps between the answers to a client are not worth closing.
const GAPS_MIN: usize = 32;

/// What makes two datagrams the same request, apart from the authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) source: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) code: u8,
    pub(super) identifier: u8,
}

/// The answers given lately, by worker.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    clients: Map<IpAddr, Client>,
    /// Answers to all of them.
    held: usize,
    /// Our own addresses.
    locals: Vec<SocketAddr>,
}

/// The answers given to one client.
#[derive(Debug, Default)]
struct Client {
    /// In the order of arrival.
    answers: VecDeque<Answer>,
    /// The arrival of the first of them, counted from the beginning and round again.
    first: u32,
    /// Which arrival a request was.
    arrivals: Map<Request, u32>,
}

/// A [`Key`] at one client: place of our address, its port, code and identifier.
type Request = (u16, u16, u8, u8);

#[derive(Debug)]
struct Answer {
    request: Request,
    authenticator: [u8; 16],
    /// Whole seconds: it is forgotten up to one too early, never too late.
    at_s: u32,
    /// `None` once it was forgotten, or another took its place.
    reply: Option<Reply>,
}

/// An answer as it was sent; tens of thousands of them are remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    InPlace { octets: [u8; IN_PLACE_OCTETS], length: u8 },
    Apart(Box<[u8]>),
}

impl From<&[u8]> for Sent {
    fn from(reply: &[u8]) -> Self {
        let mut octets = [0; IN_PLACE_OCTETS];
        match (octets.get_mut(..reply.len()), u8::try_from(reply.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(reply);
                Self::InPlace { octets, length }
            }
            _ => Self::Apart(reply.into()),
        }
    }
}

impl Deref for Sent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::InPlace { octets, length } => {
                octets.get(..usize::from(*length)).unwrap_or_default()
            }
            Self::Apart(octets) => octets,
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Answered with these octets.
    Sent(Sent),
    /// To be answered later; copies are absorbed until then.
    Awaited,
    /// Deliberately not answered; copies are not either.
    Silence,
}

impl Duplicates {
    /// What became of this very request, if it was seen lately.
    pub(super) fn find(&self, now: Duration, key: &Key, authenticator: [u8; 16]) -> Option<&Reply> {
        let client = self.clients.get(&key.source.ip())?;
        let answer = client.answers.get(client.place(self.request(key)?)?)?;
        let same =
            answer.authenticator == authenticator && !expired(answer.at_s, whole_seconds(now));
        answer.reply.as_ref().filter(|_| same)
    }

    /// Remembers what became of a request, in place of any older one with the same key.
    pub(super) fn remember(
        &mut self,
        now: Duration,
        key: Key,
        authenticator: [u8; 16],
        reply: Reply,
    ) {
        let request = self.request(&key).unwrap_or_else(|| {
            let place = u16::try_from(self.locals.len()).unwrap_or(u16::MAX);
            self.locals.push(key.local);
            (place, key.source.port(), key.code, key.identifier)
        });
        let (least, most) = PER_CLIENT_ANSWERS;
        let part = (ANSWERS_MAX / self.clients.len().max(1)).clamp(least, most);
        let most = if self.held < ANSWERS_MAX { most } else { part };
        let client = self.clients.entry(key.source.ip()).or_default();
        let before = client.answers.len();
        let at_s = whole_seconds(now);
        client.make_room(at_s, most);
        let older = client.arrivals.insert(request, client.next());
        let older = older.map(|arrival| client.place_of(arrival));
        if let Some(older) = older.and_then(|place| client.answers.get_mut(place)) {
            older.reply = None;
        }
        client.answers.push_back(Answer { request, authenticator, at_s, reply: Some(reply) });
        self.held = (self.held + client.answers.len()).saturating_sub(before);
    }

    /// Records the octets of an answer that was awaited; false when a newer request has taken
    /// its place, whose answer this is not.
    pub(super) fn answered(&mut self, key: &Key, authenticator: [u8; 16], reply: &[u8]) -> bool {
        let answer = self.answer(key).filter(|answer| answer.authenticator == authenticator);
        answer.is_some_and(|answer| {
            answer.reply = Some(Reply::Sent(reply.into()));
            true
        })
    }

    /// Forgets every Access-Accept: what let somebody in may do so no longer, and a copy is to be
    /// decided like a new request.
    pub(super) fn forget_accepts(&mut self) {
        for answer in self.clients.values_mut().flat_map(|client| client.answers.iter_mut()) {
            answer.reply.take_if(|reply| match reply {
                Reply::Sent(octets) => octets.first() == Some(&Code::AccessAccept.get()),
                Reply::Awaited | Reply::Silence => false,
            });
        }
    }

    /// Lets go of the octets of an answer that its client shows to have received; a copy of the
    /// request that is still on its way is absorbed.
    pub(super) fn received(&mut self, key: &Key, authenticator: [u8; 16]) {
        if let Some(answer) = self.answer(key).filter(|it| it.authenticator == authenticator) {
            answer.reply = Some(Reply::Silence);
        }
    }

    /// Forgets a request that was awaited and will not be answered: its next copy is new.
    pub(super) fn forget(&mut self, key: &Key, authenticator: [u8; 16]) {
        if let Some(answer) = self.answer(key).filter(|it| it.authenticator == authenticator) {
            answer.reply = None;
        }
    }

    fn request(&self, key: &Key) -> Option<Request> {
        let local = self.locals.iter().position(|local| *local == key.local)?;
        Some((u16::try_from(local).ok()?, key.source.port(), key.code, key.identifier))
    }

    /// What is still remembered of a request.
    fn answer(&mut self, key: &Key) -> Option<&mut Answer> {
        let request = self.request(key)?;
        let client = self.clients.get_mut(&key.source.ip())?;
        let place = client.place(request)?;
        client.answers.get_mut(place).filter(|answer| answer.reply.is_some())
    }

    /// Answers held for `client`.
    #[cfg(test)]
    fn held(&self, client: IpAddr) -> usize {
        self.clients.get(&client).map_or(0, |client| client.answers.len())
    }
}

impl Client {
    fn place(&self, request: Request) -> Option<usize> {
        self.arrivals.get(&request).map(|arrival| self.place_of(*arrival))
    }

    /// Where the answer of that arrival is; beyond all of them where it is gone.
    fn place_of(&self, arrival: u32) -> usize {
        usize::try_from(arrival.wrapping_sub(self.first)).unwrap_or(usize::MAX)
    }

    /// The arrival that comes next.
    fn next(&self) -> u32 {
        let held = u32::try_from(self.answers.len()).unwrap_or(u32::MAX);
        self.first.wrapping_add(held)
    }

    /// Lets go of what is old or forgotten, and of the oldest where there is no room; takes memory
    /// for no more than `most`.
    fn make_room(&mut self, now_s: u32, most: usize) {
        while let Some(oldest) = self.answers.front()
            && (self.answers.len() >= most || oldest.reply.is_none() || expired(oldest.at_s, now_s))
        {
            if self.arrivals.get(&oldest.request) == Some(&self.first) {
                self.arrivals.remove(&oldest.request);
            }
            self.answers.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        if self.answers.len() >= 2 * self.arrivals.len().max(GAPS_MIN) {
            self.close_gaps();
        }
        let held = self.answers.len();
        if held == self.answers.capacity() {
            self.answers.reserve_exact((most - held).min((held / 4).max(GAPS_MIN)));
        }
    }

    /// Moves together what is left between answers whose place others took: a switch that uses
    /// one port has 256 requests at a time, however many it sends in half a minute.
    fn close_gaps(&mut self) {
        self.answers.retain(|answer| answer.reply.is_some());
        self.first = 0;
        let arrivals = self.answers.iter().zip(0..);
        self.arrivals = arrivals.map(|(answer, arrival)| (answer.request, arrival)).collect();
    }
}

fn expired(at_s: u32, now_s: u32) -> bool {
    now_s.saturating_sub(at_s) >= REMEMBERED_S
}

/// Of a monotonic clock: they last for 136 years.
fn whole_seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16, identifier: u8) -> Key {
        let address = |port| SocketAddr::from((CLIENT, port));
        Key { source: address(port), local: address(1812), code: 1, identifier }
    }

    /// The request of that number of one of many clients, from as many ports as it takes.
    fn nth(client: u8, number: u16) -> Key {
        let source = SocketAddr::from(([10, 0, 0, client], 1000 + number / 256));
        Key { source, ..key(0, (number % 256) as u8) }
    }

    fn sent(octets: &[u8]) -> Reply {
        Reply::Sent(octets.into())
    }

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const NOW: Duration = Duration::from_secs(100);

    #[test]
    fn dup_1_the_same_request_finds_its_octets_until_they_are_old() {
        let mut duplicates = Duplicates::default();
        duplicates.remember(NOW, key(1, 7), [1; 16], sent(&[2]));
        let find =
            |s, key, auth| duplicates.find(NOW + Duration::from_secs(s), &key, [auth; 16]).cloned();
        assert_eq!(find(0, key(1, 7), 1), Some(sent(&[2])));
        assert_eq!(find(29, key(1, 7), 1), Some(sent(&[2])));
        assert_eq!(find(30, key(1, 7), 1), None);
        assert_eq!(find(0, key(2, 7), 1), None, "another source port");
        assert_eq!(find(0, key(1, 8), 1), None, "another identifier");
    }

    #[test]
    fn dup_2_a_new_authenticator_is_a_new_request() {
        let mut duplicates = Duplicates::default();
        duplicates.remember(NOW, key(1, 7), [1; 16], Reply::Awaited);
        assert_eq!(duplicates.find(NOW, &key(1, 7), [2; 16]), None);
        duplicates.remember(NOW, key(1, 7), [2; 16], Reply::Silence);
        assert!(!duplicates.answered(&key(1, 7), [1; 16], &[9]), "the late result is discarded");
        assert_eq!(duplicates.find(NOW, &key(1, 7), [2; 16]), Some(&Reply::Silence));
    }

    #[test]
    fn dup_4_a_busy_client_pushes_out_only_its_own() {
        let mut duplicates = Duplicates::default();
        let other = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        let of_other = Key { source: SocketAddr::from((other, 9)), ..key(9, 9) };
        duplicates.remember(NOW, of_other, [9; 16], Reply::Silence);
        for port in 0..40 {
            for identifier in 0..=255 {
                let key = key(1000 + port, identifier);
                duplicates.remember(NOW, key, [0; 16], Reply::Silence);
            }
        }
        assert_eq!(duplicates.held(CLIENT), PER_CLIENT_ANSWERS.1);
        assert_eq!(duplicates.find(NOW, &of_other, [9; 16]), Some(&Reply::Silence));
        let later = NOW + Duration::from_secs(60);
        duplicates.remember(later, key(1, 1), [0; 16], Reply::Silence);
        assert_eq!(duplicates.held(CLIENT), 1, "old answers leave when a new one comes");
    }

    #[test]
    fn many_clients_share_what_is_remembered_and_the_latest_is_always_there() {
        let mut duplicates = Duplicates::default();
        // One that was alone has more than its part, until it speaks again.
        for number in 0..4_096 {
            duplicates.remember(NOW, nth(7, number), [0; 16], Reply::Silence);
        }
        for number in 0..1_200 {
            for client in 0..200 {
                let reply = sent(&[client]);
                duplicates.remember(NOW, nth(client, number), [client; 16], reply);
                let latest = duplicates.find(NOW, &nth(client, number), [client; 16]);
                assert_eq!(latest, Some(&sent(&[client])));
            }
        }
        for client in 0..200 {
            assert_eq!(duplicates.held([10, 0, 0, client].into()), PER_CLIENT_ANSWERS.0);
            let Client { answers, arrivals, .. } = &duplicates.clients[&[10, 0, 0, client].into()];
            assert_eq!(arrivals.len(), PER_CLIENT_ANSWERS.0, "nothing else is left behind");
            // All but one spoke before anybody had much to hold.
            let room = if client == 7 { PER_CLIENT_ANSWERS.1 } else { PER_CLIENT_ANSWERS.0 };
            assert_eq!(answers.capacity(), room, "no memory beyond its part");
        }
        assert_eq!(duplicates.find(NOW, &nth(7, 100), [7; 16]), None, "the oldest went");
    }

    #[test]
    fn a_stack_keeps_the_answers_to_all_its_ports_while_others_have_few() {
        let mut duplicates = Duplicates::default();
        for client in 1..=200 {
            duplicates.remember(NOW, nth(client, 0), [0; 16], Reply::Silence);
        }
        for number in 0..2_000 {
            duplicates.remember(NOW, nth(0, number), [0; 16], Reply::Silence);
        }
        assert!(duplicates.find(NOW, &nth(0, 0), [0; 16]).is_some());
        let held: usize = duplicates.clients.values().map(|client| client.answers.len()).sum();
        assert_eq!((held, duplicates.held), (2_200, 2_200));
    }

    #[test]
    fn one_port_holds_no_more_than_twice_its_identifiers() {
        let mut duplicates = Duplicates::default();
        for number in 0..4_000_u16 {
            let (identifier, authenticator) = ((number % 256) as u8, [(number / 256) as u8; 16]);
            let reply = sent(&[identifier]);
            duplicates.remember(NOW, key(1, identifier), authenticator, reply);
            assert!(duplicates.held(CLIENT) <= 512);
            for earlier in number.saturating_sub(255)..=number {
                let (identifier, authenticator) = ((earlier % 256) as u8, (earlier / 256) as u8);
                let found = duplicates.find(NOW, &key(1, identifier), [authenticator; 16]);
                assert_eq!(found, Some(&sent(&[identifier])));
            }
        }
        duplicates.forget(&key(1, 7), [15; 16]);
        assert_eq!(duplicates.find(NOW, &key(1, 7), [15; 16]), None);
    }

    #[test]
    fn what_was_received_is_silence_and_a_newer_request_is_not_touched() {
        let mut duplicates = Duplicates::default();
        let sent = sent(&[11; 500]);
        duplicates.remember(NOW, key(1, 1), [1; 16], sent.clone());
        duplicates.received(&key(1, 1), [2; 16]);
        assert_eq!(duplicates.find(NOW, &key(1, 1), [1; 16]), Some(&sent));
        duplicates.received(&key(1, 1), [1; 16]);
        assert_eq!(duplicates.find(NOW, &key(1, 1), [1; 16]), Some(&Reply::Silence));
    }

    #[test]
    fn what_was_forgotten_is_new_and_what_took_its_place_stays() {
        let mut duplicates = Duplicates::default();
        let accept = sent(&[Code::AccessAccept.get(), 1]);
        duplicates.remember(NOW, key(1, 1), [1; 16], accept.clone());
        duplicates.remember(NOW, key(1, 2), [2; 16], Reply::Awaited);
        duplicates.forget(&key(1, 2), [3; 16]);
        assert_eq!(duplicates.find(NOW, &key(1, 2), [2; 16]), Some(&Reply::Awaited));
        duplicates.forget(&key(1, 2), [2; 16]);
        assert_eq!(duplicates.find(NOW, &key(1, 2), [2; 16]), None);
        assert!(!duplicates.answered(&key(1, 2), [2; 16], &[9]));
        duplicates.forget_accepts();
        assert_eq!(duplicates.find(NOW, &key(1, 1), [1; 16]), None);
        duplicates.remember(NOW, key(1, 1), [4; 16], accept.clone());
        let later = NOW + Duration::from_secs(60);
        duplicates.remember(later, key(1, 1), [5; 16], accept.clone());
        assert_eq!(duplicates.held(CLIENT), 1);
        assert_eq!(duplicates.find(later, &key(1, 1), [5; 16]), Some(&accept));
    }
}
