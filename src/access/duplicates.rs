//! Duplicate detection: the same request gets the same octets back (RFC 5080 §2.2.2).

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use smallvec::SmallVec;

use crate::wire::radius::Code;

/// How long an answer is remembered; RFC 5080 §2.2.2 suggests 5 to 30 seconds.
const REMEMBERED_S: u64 = 30;
/// Answers remembered for one client, so that no switch can push out another's.
const PER_CLIENT_ANSWERS_MAX: usize = 4096;

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
    answers: HashMap<Key, Answer>,
    /// Order of arrival for expiry; a key replaced since carries another number.
    order: HashMap<IpAddr, VecDeque<(u64, Key)>>,
    arrivals: u64,
}

#[derive(Debug)]
struct Answer {
    arrival: u64,
    authenticator: [u8; 16],
    at: Duration,
    reply: Reply,
}

/// An answer as it was sent; one to MAC authentication is kept in place.
pub(super) type Sent = SmallVec<[u8; 96]>;

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
        let answer = self.answers.get(key)?;
        (answer.authenticator == authenticator && !expired(answer.at, now)).then_some(&answer.reply)
    }

    /// Remembers what became of a request, in place of any older one with the same key.
    pub(super) fn remember(
        &mut self,
        now: Duration,
        client: IpAddr,
        key: Key,
        authenticator: [u8; 16],
        reply: Reply,
    ) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        let answer = Answer { arrival, authenticator, at: now, reply };
        self.answers.insert(key, answer);
        let order = self.order.entry(client).or_default();
        order.push_back((arrival, key));
        while let Some((oldest, key)) = order.front().copied() {
            let stale = self
                .answers
                .get(&key)
                .is_none_or(|answer| answer.arrival != oldest || expired(answer.at, now));
            if !stale && order.len() <= PER_CLIENT_ANSWERS_MAX {
                break;
            }
            order.pop_front();
            if self.answers.get(&key).is_some_and(|answer| answer.arrival == oldest) {
                self.answers.remove(&key);
            }
        }
    }

    /// Records the octets of an answer that was awaited; false when a newer request has taken
    /// its place, whose answer this is not.
    pub(super) fn answered(&mut self, key: &Key, authenticator: [u8; 16], reply: &[u8]) -> bool {
        match self.answers.get_mut(key) {
            Some(answer) if answer.authenticator == authenticator => {
                answer.reply = Reply::Sent(Sent::from_slice(reply));
                true
            }
            _ => false,
        }
    }

    /// Forgets every Access-Accept: what let somebody in may do so no longer, and a copy is to be
    /// decided like a new request.
    pub(super) fn forget_accepts(&mut self) {
        let accept = |reply: &Reply| match reply {
            Reply::Sent(octets) => octets.first() == Some(&Code::AccessAccept.get()),
            Reply::Awaited | Reply::Silence => false,
        };
        self.answers.retain(|_, answer| !accept(&answer.reply));
    }

    /// Forgets a request that was awaited and will not be answered: its next copy is new.
    pub(super) fn forget(&mut self, key: &Key, authenticator: [u8; 16]) {
        if self.answers.get(key).is_some_and(|answer| answer.authenticator == authenticator) {
            self.answers.remove(key);
        }
    }

    /// Answers held for `client`.
    #[cfg(test)]
    fn held(&self, client: IpAddr) -> usize {
        self.order.get(&client).map_or(0, VecDeque::len)
    }
}

fn expired(at: Duration, now: Duration) -> bool {
    now.saturating_sub(at) >= Duration::from_secs(REMEMBERED_S)
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    fn key(port: u16, identifier: u8) -> Key {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Key { source: address(port), local: address(1812), code: 1, identifier }
    }

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const NOW: Duration = Duration::from_secs(100);

    #[test]
    fn dup_1_the_same_request_finds_its_octets_until_they_are_old() {
        let mut duplicates = Duplicates::default();
        duplicates.remember(NOW, CLIENT, key(1, 7), [1; 16], Reply::Sent(smallvec![2]));
        let find =
            |s, key, auth| duplicates.find(NOW + Duration::from_secs(s), &key, [auth; 16]).cloned();
        assert_eq!(find(0, key(1, 7), 1), Some(Reply::Sent(smallvec![2])));
        assert_eq!(find(29, key(1, 7), 1), Some(Reply::Sent(smallvec![2])));
        assert_eq!(find(30, key(1, 7), 1), None);
        assert_eq!(find(0, key(2, 7), 1), None, "another source port");
        assert_eq!(find(0, key(1, 8), 1), None, "another identifier");
    }

    #[test]
    fn dup_2_a_new_authenticator_is_a_new_request() {
        let mut duplicates = Duplicates::default();
        duplicates.remember(NOW, CLIENT, key(1, 7), [1; 16], Reply::Awaited);
        assert_eq!(duplicates.find(NOW, &key(1, 7), [2; 16]), None);
        duplicates.remember(NOW, CLIENT, key(1, 7), [2; 16], Reply::Silence);
        assert!(!duplicates.answered(&key(1, 7), [1; 16], &[9]), "the late result is discarded");
        assert_eq!(duplicates.find(NOW, &key(1, 7), [2; 16]), Some(&Reply::Silence));
    }

    #[test]
    fn dup_4_a_busy_client_pushes_out_only_its_own() {
        let mut duplicates = Duplicates::default();
        let other = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        duplicates.remember(NOW, other, key(9, 9), [9; 16], Reply::Silence);
        for port in 0..40 {
            for identifier in 0..=255 {
                let key = key(1000 + port, identifier);
                duplicates.remember(NOW, CLIENT, key, [0; 16], Reply::Silence);
            }
        }
        assert_eq!(duplicates.held(CLIENT), PER_CLIENT_ANSWERS_MAX);
        assert_eq!(duplicates.find(NOW, &key(9, 9), [9; 16]), Some(&Reply::Silence));
        let later = NOW + Duration::from_secs(60);
        duplicates.remember(later, CLIENT, key(1, 1), [0; 16], Reply::Silence);
        assert_eq!(duplicates.held(CLIENT), 1, "old answers leave when a new one comes");
    }
}
