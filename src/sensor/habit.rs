//! What one station is used to do: learnt in its first days of sight, compared with ever after.
//!
//! A station is known by its MAC and its place (the VLAN, where a mirror tells no ports apart).
//! What it shows on its first three days is its own; from the fourth on anything else is a change,
//! which stays one until a person accepts it. What a station never did on those days is no change
//! when it is first seen, but for services: who has offered none for three days is a client.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::capture::CaptureTime;
use super::fingerprint::{DhcpClass, StackClass};
use crate::vocabulary::Mac;

/// Days of sight after which nothing is learnt any more.
pub const DAYS_MIN: u8 = 3;
/// Changes of one aspect of one station that wait for a person; more are told and not kept.
pub const CHANGES_MAX: usize = 8;
/// Services and other values of one aspect that are remembered; who shows more varies, and
/// nothing is concluded from that aspect.
const SERVICES_MAX: usize = 8;
const VALUES_MAX: usize = 4;
/// Japan is nine hours ahead of UTC all year.
const JAPAN_S: i64 = 9 * 3600;
const DAY_S: i64 = 86_400;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// The class of its TCP stack, by its SYN.
    Stack,
    /// The TTL its packets begin with.
    Ttl,
    /// How it asks for an address.
    Dhcp,
    /// Who it says to be by LLDP or CDP.
    Neighbour,
    /// The ports on which it accepts connections.
    Service,
}

impl Aspect {
    const fn values_max(self) -> usize {
        match self {
            Self::Service => SERVICES_MAX,
            Self::Stack | Self::Ttl | Self::Dhcp | Self::Neighbour => VALUES_MAX,
        }
    }

    /// A value as operators read it.
    #[must_use]
    pub fn words(self, value: u64) -> String {
        match self {
            Self::Stack => stack_of(value).map_or("-", StackClass::id).to_owned(),
            Self::Ttl | Self::Service => value.to_string(),
            Self::Dhcp => {
                let class = DhcpClass::ALL.get(usize::try_from(value >> 56).unwrap_or(usize::MAX));
                format!("{} {:06x}", class.map_or("-", |class| class.id()), value & 0x00ff_ffff)
            }
            Self::Neighbour => format!("{:08x}", value >> 32),
        }
    }
}

/// A stack's class as a value to compare.
#[must_use]
pub const fn stack_value(class: StackClass) -> u64 {
    match class {
        StackClass::Windows => 1,
        StackClass::Apple => 2,
        StackClass::Unix => 3,
        StackClass::Other => 4,
    }
}

fn stack_of(value: u64) -> Option<StackClass> {
    use StackClass as C;
    [C::Windows, C::Apple, C::Unix, C::Other].into_iter().find(|it| stack_value(*it) == value)
}

/// A DHCP request as a value to compare: its class in the first octet, then what it asks for.
#[must_use]
pub fn dhcp_value(class: Option<DhcpClass>, parameters: &[u8], vendor: &str) -> u64 {
    let class = class.and_then(|class| DhcpClass::ALL.iter().position(|other| *other == class));
    let class = class.and_then(|at| u64::try_from(at).ok()).unwrap_or(0xff);
    class << 56 | digest(&[parameters, vendor.as_bytes()]) >> 8
}

/// The first eight octets of SHA-256 over parts and their lengths: the same in every version of
/// this program, since it is written down.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    let octets: [u8; 32] = hasher.finalize().into();
    octets.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// What names a change, so that a person can speak of it.
#[must_use]
pub fn change_id(vlan: Option<u16>, mac: Mac, aspect: Aspect, value: u64) -> u64 {
    let aspect = match aspect {
        Aspect::Stack => 0,
        Aspect::Ttl => 1,
        Aspect::Dhcp => 2,
        Aspect::Neighbour => 3,
        Aspect::Service => 4,
    };
    let vlan = vlan.unwrap_or(0).to_be_bytes();
    digest(&[&vlan, &mac.octets(), &[aspect], &value.to_be_bytes()])
}

/// A change that nobody has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What changed.
    pub aspect: Aspect,
    /// To what.
    pub value: u64,
    /// Whether a person has said that it is none of ours.
    pub denied: bool,
}

/// What was made of something seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It is learnt from now on.
    Learnt,
    /// It was known.
    Known,
    /// The aspect varied too much while it was learnt to say anything.
    Varies,
    /// It is a change, seen for the first time.
    Changed,
    /// It is a change that was told before.
    Again,
    /// It is a change beyond those that can wait for a person.
    Beyond,
}

/// What one station is used to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Habit {
    /// Earlier days of sight, up to [`DAYS_MIN`].
    days: u8,
    /// The last day of sight, in days since 1970 in Japan.
    day: i64,
    known: Vec<(Aspect, u64)>,
    varied: Vec<Aspect>,
    changes: Vec<Change>,
}

impl Habit {
    /// One that begins now.
    #[must_use]
    pub fn new(now: CaptureTime) -> Self {
        Self { day: day_of(now), ..Self::default() }
    }

    /// Whether nothing is learnt any more.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.days >= DAYS_MIN
    }

    /// The last day of sight, in days since 1970 in Japan.
    #[must_use]
    pub const fn day(&self) -> i64 {
        self.day
    }

    /// Counts the day; a clock that runs backwards counts nothing. Says whether that settled it.
    pub fn touch(&mut self, now: CaptureTime) -> bool {
        let day = day_of(now);
        if day <= self.day {
            return false;
        }
        self.day = day;
        let before = self.is_settled();
        self.days = self.days.saturating_add(1).min(DAYS_MIN);
        self.is_settled() && !before
    }

    /// Compares something seen.
    pub fn see(&mut self, aspect: Aspect, value: u64) -> Sight {
        if self.known.contains(&(aspect, value)) {
            return Sight::Known;
        }
        if self.varied.contains(&aspect) {
            return Sight::Varies;
        }
        let values = self.known.iter().filter(|(other, _)| *other == aspect).count();
        if !self.is_settled() || values == 0 && aspect != Aspect::Service {
            if values >= aspect.values_max() {
                self.varied.push(aspect);
                return Sight::Varies;
            }
            self.known.push((aspect, value));
            return Sight::Learnt;
        }
        let same = |change: &Change| change.aspect == aspect && change.value == value;
        if self.changes.iter().any(same) {
            return Sight::Again;
        }
        if self.waiting(aspect) >= CHANGES_MAX {
            return Sight::Beyond;
        }
        self.changes.push(Change { aspect, value, denied: false });
        Sight::Changed
    }

    /// What is known of an aspect, as operators read it.
    #[must_use]
    pub fn words(&self, aspect: Aspect) -> String {
        let of = self.known.iter().filter(|(other, _)| *other == aspect);
        let words: Vec<String> = of.map(|(_, value)| aspect.words(*value)).collect();
        if words.is_empty() { "-".to_owned() } else { words.join(", ") }
    }

    /// A change is the station's own from now on, unless a person said otherwise; says whether
    /// there was such a change.
    pub fn adopt(&mut self, aspect: Aspect, value: u64) -> bool {
        let open =
            |change: &Change| change.aspect == aspect && change.value == value && !change.denied;
        let Some(at) = self.changes.iter().position(open) else { return false };
        self.changes.swap_remove(at);
        self.learn(aspect, value);
        true
    }

    /// A person accepts or denies a change, also one that a person or an update made known before.
    pub fn decide(&mut self, (aspect, value): (Aspect, u64), accepted: bool) {
        let same = |it: &Change| it.aspect == aspect && it.value == value;
        let waits = self.changes.iter().any(same);
        if accepted && waits {
            self.changes.retain(|it| !same(it));
            self.learn(aspect, value);
        } else if let Some(change) = self.changes.iter_mut().find(|it| same(it)) {
            change.denied = true;
        } else if !accepted && self.known.contains(&(aspect, value)) {
            self.known.retain(|known| *known != (aspect, value));
            if self.waiting(aspect) >= CHANGES_MAX
                && let Some(oldest) = self.changes.iter().position(|it| it.aspect == aspect)
            {
                self.changes.remove(oldest);
            }
            self.changes.push(Change { aspect, value, denied: true });
        }
    }

    fn waiting(&self, aspect: Aspect) -> usize {
        self.changes.iter().filter(|change| change.aspect == aspect).count()
    }

    /// The oldest value makes room where there is none.
    fn learn(&mut self, aspect: Aspect, value: u64) {
        let of = |(other, _): &(Aspect, u64)| *other == aspect;
        if self.known.iter().filter(|known| of(known)).count() >= aspect.values_max()
            && let Some(oldest) = self.known.iter().position(of)
        {
            self.known.remove(oldest);
        }
        self.known.push((aspect, value));
    }

    /// The changes that nobody has accepted.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What is known, of every aspect.
    #[must_use]
    pub fn known(&self) -> &[(Aspect, u64)] {
        &self.known
    }

    /// Whether it could have been made by this version: what was written down and read back is
    /// believed only then.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let counted = |aspect: Aspect| self.known.iter().filter(|it| it.0 == aspect).count();
        self.days <= DAYS_MIN
            && self.known.iter().all(|(aspect, _)| counted(*aspect) <= aspect.values_max())
            && self.varied.len() <= VARIED_MAX
            && self.changes.iter().all(|it| self.waiting(it.aspect) <= CHANGES_MAX)
    }
}

/// Every aspect once.
const VARIED_MAX: usize = 5;

fn day_of(now: CaptureTime) -> i64 {
    now.timestamp().0.div_euclid(1000).saturating_add(JAPAN_S).div_euclid(DAY_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> CaptureTime {
        CaptureTime::new(day * DAY_S, 0)
    }

    /// One that has shown `value` on three days, on the fourth.
    fn settled(aspect: Aspect, value: u64) -> Habit {
        let mut habit = Habit::new(at(10));
        assert_eq!(habit.see(aspect, value), Sight::Learnt);
        for day in 11..=13 {
            assert!(!habit.is_settled());
            assert_eq!(habit.touch(at(day)), day == 13);
        }
        habit
    }

    #[test]
    fn what_the_first_three_days_show_is_learnt_and_the_rest_is_a_change() {
        let mut habit = settled(Aspect::Dhcp, 7);
        assert_eq!(habit.see(Aspect::Dhcp, 7), Sight::Known);
        assert_eq!(habit.see(Aspect::Dhcp, 8), Sight::Changed);
        assert_eq!(habit.see(Aspect::Dhcp, 8), Sight::Again);
        assert_eq!(habit.see(Aspect::Ttl, 64), Sight::Learnt, "never seen before");
        assert_eq!(habit.see(Aspect::Ttl, 128), Sight::Changed);
        assert_eq!(habit.see(Aspect::Service, 80), Sight::Changed, "a client that serves");
    }

    #[test]
    fn days_are_days_of_sight_in_japan_and_no_clock_that_jumps_adds_one() {
        let mut habit = Habit::new(at(10));
        for _ in 0..9 {
            habit.touch(at(9));
            habit.touch(at(10));
        }
        assert!(!habit.is_settled());
        // 15:00 in UTC is midnight in Japan.
        habit.touch(CaptureTime::new(10 * DAY_S + 15 * 3600 - 1, 0));
        assert_eq!(habit.days, 0);
        habit.touch(CaptureTime::new(10 * DAY_S + 15 * 3600, 0));
        assert_eq!(habit.days, 1);
        habit.touch(at(400));
        habit.touch(at(401));
        assert!(habit.is_settled());
    }

    #[test]
    fn who_varies_is_not_held_to_it_and_nothing_grows() {
        let mut habit = Habit::new(at(10));
        for value in 0..1_000 {
            habit.see(Aspect::Stack, value);
            habit.see(Aspect::Service, value);
        }
        assert!(habit.is_sound());
        for day in 11..=13 {
            habit.touch(at(day));
        }
        assert_eq!(habit.see(Aspect::Stack, 5_000), Sight::Varies);
        for value in 0..1_000 {
            habit.see(Aspect::Dhcp, value);
        }
        assert!(habit.is_sound());
        assert_eq!(habit.changes().len(), CHANGES_MAX);
    }

    #[test]
    fn many_changes_of_one_aspect_blind_no_other_and_are_told_all_the_same() {
        let mut habit = settled(Aspect::Dhcp, 7);
        habit.see(Aspect::Ttl, 128);
        for value in 100..108 {
            assert_eq!(habit.see(Aspect::Dhcp, value), Sight::Changed);
        }
        assert_eq!(habit.see(Aspect::Dhcp, 108), Sight::Beyond);
        assert_eq!(habit.see(Aspect::Dhcp, 100), Sight::Again);
        assert_eq!(habit.see(Aspect::Ttl, 64), Sight::Changed);
        assert!(habit.is_sound());
    }

    #[test]
    fn what_was_accepted_may_be_denied_after_all() {
        let mut habit = settled(Aspect::Stack, 1);
        habit.see(Aspect::Stack, 3);
        habit.decide((Aspect::Stack, 3), true);
        assert_eq!(habit.see(Aspect::Stack, 3), Sight::Known);
        habit.decide((Aspect::Stack, 3), false);
        assert_eq!(habit.see(Aspect::Stack, 3), Sight::Again);
        assert!(!habit.adopt(Aspect::Stack, 3));
        assert_eq!(habit.words(Aspect::Stack), "windows");
        // Where as many wait already, one of them makes room.
        let mut habit = settled(Aspect::Service, 80);
        for port in 1..=8 {
            habit.see(Aspect::Service, port);
        }
        habit.decide((Aspect::Service, 80), false);
        assert!(habit.is_sound());
        assert_eq!(habit.see(Aspect::Service, 80), Sight::Again);
    }

    #[test]
    fn what_is_accepted_is_known_and_what_is_denied_stays_a_change() {
        let mut habit = settled(Aspect::Stack, 1);
        habit.see(Aspect::Stack, 3);
        habit.see(Aspect::Stack, 2);
        let [unix, apple] = [3, 2].map(|value| (Aspect::Stack, value));
        habit.decide(unix, true);
        habit.decide(apple, false);
        assert_eq!(
            (habit.see(Aspect::Stack, 3), habit.see(Aspect::Stack, 2)),
            (Sight::Known, Sight::Again)
        );
        assert!(!habit.adopt(Aspect::Stack, 2), "no update takes back what a person said");
        habit.decide(apple, true);
        assert_eq!(habit.see(Aspect::Stack, 2), Sight::Known);
        assert_eq!(habit.words(Aspect::Stack), "windows, unix, apple");
    }

    #[test]
    fn values_are_the_same_in_every_version() {
        // Written down by one version and compared by the next.
        assert_eq!(digest(&[b"ab", b"c"]), digest(&[b"ab", b"c"]));
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        let value = dhcp_value(Some(DhcpClass::Windows), &[1, 3, 6], "MSFT 5.0");
        assert!(Aspect::Dhcp.words(value).starts_with("windows "));
        assert!(Aspect::Dhcp.words(dhcp_value(None, &[], "")).starts_with("- "));
    }
}
