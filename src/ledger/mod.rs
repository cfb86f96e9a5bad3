//! Who is attached where: every session that a switch was told to open, with what is needed to
//! decide on it again and to name it to its switch.
//!
//! Pure memory, no decisions: what becomes of a session is `policy`'s word and `enforce`'s work.
//! Bounded: beyond [`ATTACHMENTS_MAX`] the session that ends first is forgotten, and counted. An
//! attachment is kept until its switch was told No, says that it ended, or its time is over with
//! a grace. Knowing too much does no harm (the switch answers that there is no such session),
//! knowing too little would leave somebody in.

mod attachment;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

pub use attachment::{Attachment, Chain, Key, Point, Session};

use crate::vocabulary::{Mac, Moment, Timestamp};

/// Sessions remembered at once.
pub const ATTACHMENTS_MAX: usize = 100_000;
/// How much longer than its time a session is remembered: switches ask anew a little late.
pub const GRACE: Duration = Duration::from_secs(120);
/// How long a session is remembered that was given no time at all.
pub const ENDLESS: Duration = Duration::from_secs(30 * 86_400);

/// What happens to attachments.
#[derive(Clone, Debug)]
pub enum Input {
    /// A switch was told to open a session, or to go on with it.
    Attached(Box<Attachment>),
    /// A switch was told No: whatever was open there is closed.
    Refused(Box<Key>),
    /// Accounting says that a session began or goes on under this Acct-Session-Id
    /// (RFC 2866 §5.5).
    Started(Box<Key>, Vec<u8>),
    /// Accounting says that the session of this Acct-Session-Id ended then.
    Ended(Box<Key>, Vec<u8>, Timestamp),
    /// Accounting says that a switch began anew then (Accounting-On or -Off).
    Restarted(String, Timestamp),
}

impl Input {
    /// The switch at which somebody came or went by cable, so that its tables change.
    #[must_use]
    pub fn moves(&self) -> Option<&str> {
        let wired = |key: &Key| matches!(key.point, Point::Port(_));
        match self {
            Self::Attached(attachment) => Some(&attachment.key).filter(|key| wired(key)),
            Self::Refused(key) | Self::Ended(key, ..) => Some(&**key).filter(|key| wired(key)),
            // Reported again and again while a session goes on.
            Self::Started(..) => None,
            Self::Restarted(switch, _) => return Some(switch),
        }
        .map(|key| key.switch.as_str())
    }
}

/// What became of one attachment, for whoever keeps them on disk; `None` when it is gone.
pub type Change = (Key, Option<Arc<Attachment>>);

/// The table of attachments.
#[derive(Debug, Default)]
pub struct Ledger {
    held: HashMap<Arc<Key>, Held>,
    /// The same by switch and place.
    places: BTreeSet<Arc<Key>>,
    /// When each is looked at to be forgotten, on the monotonic clock: never after it ends. One
    /// that is told of again keeps its entry until then.
    ends: BTreeSet<(Duration, Arc<Key>)>,
    changed: BTreeSet<Arc<Key>>,
    evicted: u64,
}

#[derive(Debug)]
struct Held {
    key: Arc<Key>,
    attachment: Arc<Attachment>,
    until: Duration,
    /// Its time in `ends`.
    listed: Duration,
    /// Whether it is among those that changed.
    changed: bool,
}

impl Ledger {
    /// Takes up attachments remembered from before, those that are over left out.
    pub fn restore(&mut self, now: Moment, attachments: Vec<Attachment>) {
        for attachment in attachments {
            let age = attachment.since.seconds_until(now.wall).max(0);
            let age = Duration::from_secs(u64::try_from(age).unwrap_or(0));
            match lasts(&attachment).checked_sub(age) {
                Some(left) => self.hold(now.monotonic + left, attachment),
                None => {
                    self.changed.insert(Arc::new(attachment.key));
                }
            }
        }
    }

    /// Takes in what a switch was told, or told us.
    pub fn handle(&mut self, now: Moment, input: Input) {
        match input {
            Input::Attached(attachment) => {
                self.hold(now.monotonic + lasts(&attachment), *attachment);
            }
            Input::Refused(key) => {
                self.forget(&key);
            }
            Input::Started(key, session) => self.started(&key, &session),
            Input::Ended(key, session, at) => {
                self.ended(&key, Some(&session), at);
            }
            Input::Restarted(switch, at) => self.switch_restarted(&switch, at),
        }
    }

    /// From now on the session has a name.
    fn started(&mut self, key: &Key, session: &[u8]) {
        if let Some(held) = self.held.get_mut(key)
            && held.attachment.session.id.as_deref() != Some(session)
        {
            let mut attachment = Attachment::clone(&held.attachment);
            attachment.session.id = Some(session.into());
            held.attachment = Arc::new(attachment);
            held.changed = true;
            self.changed.insert(Arc::clone(&held.key));
        }
    }

    /// A session ended at `at`, as accounting (with the session's name) or an answer of the
    /// switch says. Says whether it was known. What began after `at`, or has another name, is
    /// another session and stays: reports of the end come late.
    pub fn ended(&mut self, key: &Key, session: Option<&[u8]>, at: Timestamp) -> bool {
        let Some(held) = self.held.get(key) else { return false };
        let other = match (held.attachment.session.id.as_deref(), session) {
            (Some(known), Some(named)) => known != named,
            (None, _) | (_, None) => held.attachment.since > at,
        };
        !other && self.forget(key)
    }

    /// Nothing of before is open at that switch.
    fn switch_restarted(&mut self, switch: &str, at: Timestamp) {
        let before =
            |held: &&Held| held.attachment.key.switch == switch && held.attachment.since <= at;
        let keys: Vec<_> =
            self.held.values().filter(before).map(|held| Arc::clone(&held.key)).collect();
        for key in keys {
            self.forget(&key);
        }
    }

    /// Forgets attachments whose time is over.
    pub fn handle_timeout(&mut self, now: Moment) {
        while let Some((until, key)) = self.first()
            && until <= now.monotonic
        {
            self.forget(&key);
        }
    }

    /// Who ends first, and when.
    fn first(&mut self) -> Option<(Duration, Arc<Key>)> {
        loop {
            let (listed, key) = self.ends.pop_first()?;
            let Some(held) = self.held.get_mut(&key) else { continue };
            let until = held.until;
            held.listed = until;
            self.ends.insert((until, Arc::clone(&key)));
            if until == listed {
                return Some((until, key));
            }
        }
    }

    /// When to call [`Ledger::handle_timeout`] next, on the monotonic clock: not after anything ends.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// Whether an attachment changed that was not taken yet.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The next attachment that changed, as it is now.
    pub fn poll_event(&mut self) -> Option<Change> {
        let key = self.changed.pop_first()?;
        let attachment = self.held.get_mut(&key).map(|held| {
            held.changed = false;
            Arc::clone(&held.attachment)
        });
        Some((Key::clone(&key), attachment))
    }

    /// One attachment.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Arc<Attachment>> {
        self.held.get(key).map(|held| &held.attachment)
    }

    /// Whether nobody else is at the same place.
    #[must_use]
    pub fn is_alone(&self, key: &Key) -> bool {
        let here = |other: &Key| other.switch == key.switch && other.point == key.point;
        let after = (Bound::Excluded(key), Bound::Unbounded);
        let before = self.places.range::<Key, _>(..key).next_back();
        let after = self.places.range::<Key, _>(after).next();
        !before.into_iter().chain(after).any(|other| here(other))
    }

    /// The wired sessions at one switch, by port and address.
    pub fn wired(&self, switch: &str) -> impl Iterator<Item = (&str, Mac)> {
        let first =
            Key { switch: switch.into(), point: Point::Port(SmolStr::default()), mac: Mac::LEAST };
        let here = self.places.range(first..).take_while(move |key| key.switch == switch);
        here.filter_map(|key| match &key.point {
            Point::Port(port) => Some((port.as_str(), key.mac)),
            Point::Network(_) => None,
        })
    }

    /// Every attachment, in the order of switch, place and address.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Attachment>> {
        self.places.iter().filter_map(|key| self.get(key))
    }

    /// How many are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether nobody is attached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// How many were forgotten for want of room.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn hold(&mut self, until: Duration, attachment: Attachment) {
        if let Some(held) = self.held.get_mut(&attachment.key) {
            if !held.changed {
                held.changed = true;
                self.changed.insert(Arc::clone(&held.key));
            }
            if until < held.listed {
                self.ends.remove(&(held.listed, Arc::clone(&held.key)));
                self.ends.insert((until, Arc::clone(&held.key)));
                held.listed = until;
            }
            held.until = until;
            held.attachment = Arc::new(attachment);
            return;
        }
        if self.held.len() >= ATTACHMENTS_MAX
            && let Some((_, first)) = self.first()
        {
            self.forget(&first);
            self.evicted += 1;
        }
        let key = Arc::new(attachment.key.clone());
        self.places.insert(Arc::clone(&key));
        self.ends.insert((until, Arc::clone(&key)));
        self.changed.insert(Arc::clone(&key));
        let attachment = Arc::new(attachment);
        let held = Held { key: Arc::clone(&key), attachment, until, listed: until, changed: true };
        self.held.insert(key, held);
    }

    fn forget(&mut self, key: &Key) -> bool {
        let Some(old) = self.held.remove(key) else { return false };
        self.places.remove(key);
        self.ends.remove(&(old.listed, Arc::clone(&old.key)));
        self.changed.insert(old.key);
        true
    }
}

/// How long an attachment is remembered from its beginning.
fn lasts(attachment: &Attachment) -> Duration {
    attachment.lasts.map_or(ENDLESS, |lasts| lasts.saturating_add(GRACE).min(ENDLESS))
}
