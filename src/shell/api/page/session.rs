//! Who is logged in: a random name in a cookie, everything else in memory. A restart ends every
//! session, and so does the end of its token.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

use crate::plan::{ApiRole, ApiToken};
use crate::shell::random;

/// Sessions at once; beyond, the one that was idle longest ends.
pub(super) const SESSIONS_MAX: usize = 256;
/// How long a session may be idle.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(30 * 60);
/// How long a session may last.
pub(super) const LIFE_MAX: Duration = Duration::from_secs(12 * 3600);
/// 43 characters of six bits are 256 bits.
const NAME_CHARACTERS: usize = 43;

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub(super) struct Session {
    token: ApiToken,
    /// What a form must send back; no other site can know it.
    pub(super) form: String,
    opened: Instant,
    used: Instant,
}

impl Session {
    /// The token it was opened with.
    pub(super) const fn token(&self) -> &ApiToken {
        &self.token
    }

    /// Whose token it is.
    pub(super) fn name(&self) -> &str {
        &self.token.name
    }

    /// What the token permits.
    pub(super) const fn role(&self) -> ApiRole {
        self.token.role
    }

    /// Whether a form was made for this session, in constant time.
    pub(super) fn made(&self, form: &str) -> bool {
        self.form.as_bytes().ct_eq(form.as_bytes()).into()
    }

    fn over(&self, now: Instant) -> bool {
        now.duration_since(self.used) > IDLE_MAX || now.duration_since(self.opened) > LIFE_MAX
    }
}

/// Every session by the hash of its name, so that looking one up tells nothing of another.
#[derive(Debug, Default)]
pub(in crate::shell::api) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

impl Sessions {
    /// Opens a session; gives its name, or nothing where the machine has no randomness.
    pub(super) fn open(&self, token: ApiToken, now: Instant) -> Option<String> {
        let secret = || {
            let text = random::text(NAME_CHARACTERS).ok()?;
            String::from_utf8(text.expose().to_vec()).ok()
        };
        let (name, form) = (secret()?, secret()?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, session| !session.over(now));
        if all.len() >= SESSIONS_MAX {
            let idle = all.iter().min_by_key(|(_, session)| session.used).map(|(key, _)| *key);
            idle.and_then(|key| all.remove(&key));
        }
        all.insert(key(&name), Session { token, form, opened: now, used: now });
        Some(name)
    }

    /// The session of that name, used now.
    pub(super) fn find(&self, name: &str, now: Instant) -> Option<Session> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = all.get_mut(&key(name)).filter(|session| !session.over(now))?;
        session.used = now;
        Some(session.clone())
    }

    /// Ends one.
    pub(super) fn close(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(name));
    }

    /// Ends those whose token is none of these.
    pub(in crate::shell::api) fn keep(&self, tokens: &[ApiToken]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, session| tokens.contains(&session.token));
    }
}

fn key(name: &str) -> [u8; 32] {
    let mut key = [0; 32];
    let found = digest(&SHA256, name.as_bytes());
    key.iter_mut().zip(found.as_ref()).for_each(|(own, octet)| *own = *octet);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str) -> ApiToken {
        ApiToken::of(name, ApiRole::Read, b"a-token-of-sufficient-length")
    }

    #[test]
    fn sessions_end_by_idleness_by_age_by_hand_and_with_their_token() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let name = sessions.open(token("one"), now).unwrap();
        let found = sessions.find(&name, now + IDLE_MAX).unwrap();
        assert!(found.made(&found.form) && !found.made("") && !found.made(&name));
        assert!(sessions.find(&name, now + IDLE_MAX * 2 + Duration::from_secs(1)).is_none());
        let cut: String = name.chars().skip(1).collect();
        assert!(sessions.find("", now).is_none() && sessions.find(&cut, now).is_none());
        let mut at = now;
        while at < now + LIFE_MAX {
            assert!(sessions.find(&name, at).is_some());
            at += IDLE_MAX / 2;
        }
        assert!(sessions.find(&name, now + LIFE_MAX + Duration::from_secs(1)).is_none());
        let [one, two] = ["one", "two"].map(|name| sessions.open(token(name), at).unwrap());
        sessions.close(&one);
        assert!(sessions.find(&one, at).is_none());
        sessions.keep(&[token("two")]);
        assert!(sessions.find(&two, at).is_some());
        sessions.keep(&[token("three")]);
        assert!(sessions.find(&two, at).is_none());
    }

    #[test]
    fn sessions_are_bounded_and_the_idlest_goes_first() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let first = sessions.open(token("one"), now).unwrap();
        let second = sessions.open(token("one"), now).unwrap();
        let later = now + Duration::from_secs(1);
        assert!(sessions.find(&first, later).is_some());
        for _ in 0..SESSIONS_MAX - 1 {
            sessions.open(token("one"), later).unwrap();
        }
        assert!(sessions.find(&first, later).is_some() && sessions.find(&second, later).is_none());
    }
}
