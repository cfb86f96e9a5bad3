//! Remembers TLS sessions for resumption: bounded in number and age, wiped when forgotten.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::server::StoresServerSessions;
use rustls::time_provider::TimeProvider;
use zeroize::Zeroizing;

use crate::vocabulary::{Moment, Timestamp};

/// No session lives longer, whatever is configured (RFC 8446 §4.6.1).
pub const SESSION_LIFETIME_SECONDS_MAX: u32 = 7 * 86_400;

/// The wall clock as last handed in; what the TLS library believes the time to be.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicI64);

impl Clock {
    pub(super) fn set(&self, now: Moment) {
        self.0.store(now.wall.0, Ordering::Relaxed);
    }

    fn seconds(&self) -> i64 {
        Timestamp(self.0.load(Ordering::Relaxed)).seconds()
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// The sessions that may be resumed. Belongs to one set of trust anchors: a server with others
/// does not take it over.
pub struct SessionStore {
    pub(super) clock: Arc<Clock>,
    /// Digest over the anchors under which these sessions were made.
    anchors: [u8; 32],
    lifetime_s: u32,
    sessions_max: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    sessions: HashMap<Vec<u8>, Session>,
    /// Keys in the order they came; entries without their session are skipped.
    order: VecDeque<(u64, Vec<u8>)>,
    next: u64,
}

struct Session {
    number: u64,
    since_s: i64,
    value: Zeroizing<Vec<u8>>,
}

impl SessionStore {
    pub(super) fn new(
        clock: Arc<Clock>,
        anchors: [u8; 32],
        lifetime_s: u32,
        sessions_max: usize,
    ) -> Self {
        let lifetime_s = lifetime_s.min(SESSION_LIFETIME_SECONDS_MAX);
        Self { clock, anchors, lifetime_s, sessions_max, table: Mutex::default() }
    }

    /// Whether its sessions were made under these anchors and last as long.
    pub(super) fn is_of(&self, anchors: &[u8; 32], lifetime_s: u32) -> bool {
        self.anchors == *anchors && self.lifetime_s == lifetime_s.min(SESSION_LIFETIME_SECONDS_MAX)
    }

    /// How many sessions are held now, those too old included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().sessions.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets every session, as after a change of trust.
    pub fn clear(&self) {
        *self.table() = Table::default();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // OK because every operation leaves the table whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_fresh(&self, session: &Session) -> bool {
        // A clock that stepped back proves nothing about age, so the session is not used.
        let age_s = self.clock.seconds().saturating_sub(session.since_s);
        (0..i64::from(self.lifetime_s)).contains(&age_s)
    }
}

impl fmt::Debug for SessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStore").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl StoresServerSessions for SessionStore {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let value = Zeroizing::new(value);
        if self.sessions_max == 0 {
            return false;
        }
        let mut guard = self.table();
        let table = &mut *guard;
        let number = table.next;
        table.next += 1;
        // The library leaves room behind what it wrote; that many times over is much.
        let value = Zeroizing::new(value.to_vec());
        let session = Session { number, since_s: self.clock.seconds(), value };
        table.sessions.insert(key.clone(), session);
        table.order.push_back((number, key));
        while table.sessions.len() > self.sessions_max {
            let Some((number, key)) = table.order.pop_front() else { break };
            if table.sessions.get(&key).is_some_and(|session| session.number == number) {
                table.sessions.remove(&key);
            }
        }
        if table.order.len() > self.sessions_max.saturating_mul(2) {
            let sessions = &table.sessions;
            table.order.retain(|(number, key)| {
                sessions.get(key).is_some_and(|session| session.number == *number)
            });
        }
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut table = self.table();
        let session = table.sessions.get(key)?;
        if self.is_fresh(session) {
            return Some(session.value.to_vec());
        }
        table.sessions.remove(key);
        None
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let session = self.table().sessions.remove(key)?;
        self.is_fresh(&session).then(|| session.value.to_vec())
    }

    fn can_cache(&self) -> bool {
        self.sessions_max > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment { monotonic: Duration::ZERO, wall: Timestamp::from_seconds(seconds) }
    }

    #[test]
    fn res_3_sessions_are_bounded_and_the_oldest_goes() {
        let store = SessionStore::new(Arc::default(), [0; 32], 60, 3);
        for key in 0..100_u8 {
            assert!(store.put(vec![key], vec![key]));
            assert!(store.len() <= 3 && store.table().order.len() <= 6);
            if key % 3 == 0 {
                assert_eq!(store.take(&[key]), Some(vec![key]));
                assert_eq!(store.take(&[key]), None);
            }
        }
        assert_eq!(store.get(&[98]), Some(vec![98]));
        assert_eq!(store.get(&[90]), None);
    }

    #[test]
    fn res_3_sessions_end_with_their_age_and_with_a_clock_that_steps_back() {
        let store = SessionStore::new(Arc::default(), [0; 32], 60, 3);
        store.clock.set(at(1000));
        store.put(vec![1], vec![1]);
        store.clock.set(at(1059));
        assert_eq!(store.get(&[1]), Some(vec![1]));
        store.clock.set(at(1060));
        assert_eq!(store.get(&[1]), None);
        store.put(vec![2], vec![2]);
        store.clock.set(at(1059));
        assert_eq!(store.take(&[2]), None);
    }
}
