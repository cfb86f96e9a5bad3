//! What a period's records say, counted while they go by: a quarter of a large city is twenty
//! million, so none of their bodies is kept, and whatever a stranger can make grow is bounded.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::plan::Plan;
use crate::record::{DECISION, Digest, Head, Line, Span};
use crate::vocabulary::{Mac, Timestamp};

/// Unregistered addresses listed by themselves; the rest is counted.
pub const STRANGERS_MAX: usize = 10_000;
/// Names of one kind (sections, reasons, events) counted by themselves.
const NAMES_MAX: usize = 10_000;
/// Changes and irregularities listed by themselves; the rest is counted.
pub const NOTABLE_MAX: usize = 10_000;

/// How often something happened, and in which records first and last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often.
    pub times: u64,
    /// The first record.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Count {
    fn add(&mut self, sequence: u64) {
        if self.times == 0 {
            self.first = sequence;
        }
        self.times += 1;
        self.last = sequence;
    }

    /// The records, as evidence of it.
    #[must_use]
    pub fn records(self) -> Vec<u64> {
        match self.times {
            0 => Vec::new(),
            1 => vec![self.first],
            _ => vec![self.first, self.last],
        }
    }
}

/// Decisions about the devices of one section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Admitted by certificate.
    pub certificate: u64,
    /// Admitted by MAC address.
    pub mab: u64,
    /// Sent into quarantine.
    pub quarantined: u64,
    /// Refused.
    pub refused: u64,
}

impl Decisions {
    /// Both together.
    pub const fn add(&mut self, other: &Self) {
        self.certificate += other.certificate;
        self.mab += other.mab;
        self.quarantined += other.quarantined;
        self.refused += other.refused;
    }
}

/// What is known of a registered device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its records.
    pub count: Count,
    /// The end of the certificate it showed last.
    pub certificate_end: Option<Timestamp>,
}

/// An address that is nobody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stranger {
    /// Its records.
    pub count: Count,
    /// Where it was last.
    pub place: String,
    /// What it was answered last.
    pub reason: String,
    /// The asset number it had then, where it is of a device that was struck off since.
    pub asset: String,
}

/// The counts.
#[derive(Debug)]
pub struct Tally<'a> {
    plan: &'a Plan,
    span: Span,
    /// Records of the period.
    pub records: u64,
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub head: Head,
    /// The latest time among them.
    pub latest: Timestamp,
    /// Records that are no JSON object.
    pub unreadable: u64,
    /// By section.
    pub sections: BTreeMap<String, Decisions>,
    /// By outcome and reason.
    pub reasons: BTreeMap<(String, String), Count>,
    /// By place in the plan.
    pub devices: Vec<Seen>,
    /// By address.
    pub strangers: BTreeMap<Mac, Stranger>,
    /// Records of strangers that found no place in the list.
    pub strangers_more: u64,
    /// How often the clock was compared, and how far off it was at most, in seconds.
    pub clock: Option<(u64, f64)>,
    /// What else happened, by event.
    pub events: BTreeMap<String, Count>,
    /// Changes of the plan, and what concerns the evidence itself.
    pub notable: Vec<(u64, Line)>,
    /// How many of those found no place.
    pub notable_more: u64,
}

/// A text of a record, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Word<'a>(#[serde(borrow)] Cow<'a, str>);

/// What is read of every record.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    time: Option<Word<'a>>,
    #[serde(borrow)]
    event: Option<Word<'a>>,
    #[serde(borrow)]
    outcome: Option<Word<'a>>,
    #[serde(borrow)]
    reason: Option<Word<'a>>,
    #[serde(borrow)]
    method: Option<Word<'a>>,
    #[serde(borrow)]
    mac: Option<Word<'a>>,
    #[serde(borrow)]
    asset: Option<Word<'a>>,
    #[serde(borrow)]
    section: Option<Word<'a>>,
    #[serde(borrow)]
    place: Option<Word<'a>>,
    #[serde(borrow)]
    certificate_end: Option<Word<'a>>,
}

/// What is read of `SYS-clock-measured`.
#[derive(Deserialize)]
struct Compared<'a> {
    #[serde(borrow)]
    count: Word<'a>,
    #[serde(borrow)]
    seconds: Word<'a>,
}

fn word<'a>(word: Option<&'a Word<'_>>) -> &'a str {
    word.map_or("", |word| word.0.as_ref())
}

impl<'a> Tally<'a> {
    /// Nothing counted yet, of a period and the devices of a plan.
    #[must_use]
    pub fn new(plan: &'a Plan, span: Span) -> Self {
        Self {
            plan,
            span,
            records: 0,
            first: 0,
            head: Head::START,
            latest: Timestamp(i64::MIN),
            unreadable: 0,
            sections: BTreeMap::new(),
            reasons: BTreeMap::new(),
            devices: vec![Seen::default(); plan.devices.len()],
            strangers: BTreeMap::new(),
            strangers_more: 0,
            clock: None,
            events: BTreeMap::new(),
            notable: Vec::new(),
            notable_more: 0,
        }
    }

    /// The next record.
    pub fn take(&mut self, sequence: u64, hash: &Digest, body: &[u8]) {
        let Ok(fields) = serde_json::from_slice::<Fields<'_>>(body) else {
            self.unreadable += 1;
            return;
        };
        let time = Timestamp::parse(word(fields.time.as_ref())).unwrap_or_default();
        if time < self.span.from || self.span.to <= time {
            return;
        }
        if self.records == 0 {
            self.first = sequence;
        }
        self.records += 1;
        self.head = Head { sequence, hash: *hash };
        self.latest = self.latest.max(time);
        let event = word(fields.event.as_ref());
        // An alert tells of the decision that it is about, which is counted by its own record.
        if event == DECISION {
            self.decision(sequence, word(fields.outcome.as_ref()), &fields);
        } else if !event.starts_with("ACCT-") {
            self.event(sequence, event, body);
            return;
        }
        self.device(sequence, &fields);
    }

    fn decision(&mut self, sequence: u64, outcome: &str, fields: &Fields<'_>) {
        let section = word(fields.section.as_ref());
        if let Some(decisions) = bounded(&mut self.sections, section.to_owned()) {
            match (outcome, word(fields.method.as_ref())) {
                ("admit", "mab") => decisions.mab += 1,
                ("admit", _) => decisions.certificate += 1,
                ("quarantine", _) => decisions.quarantined += 1,
                _ => decisions.refused += 1,
            }
        }
        if outcome != "admit" {
            let key = (outcome.to_owned(), word(fields.reason.as_ref()).to_owned());
            if let Some(count) = bounded(&mut self.reasons, key) {
                count.add(sequence);
            }
        }
    }

    fn device(&mut self, sequence: u64, fields: &Fields<'_>) {
        let (asset, mac) =
            (word(fields.asset.as_ref()), Mac::parse(word(fields.mac.as_ref())).ok());
        let index = self.plan.device_by_asset(asset);
        let index = index.or_else(|| mac.and_then(|mac| self.plan.device_by_mac(mac)));
        if let Some(index) = index {
            let place = usize::try_from(index.0).unwrap_or(usize::MAX);
            let Some(seen) = self.devices.get_mut(place) else { return };
            seen.count.add(sequence);
            let end = word(fields.certificate_end.as_ref());
            seen.certificate_end = Timestamp::parse(end).ok().or(seen.certificate_end);
        } else if let Some(mac) = mac {
            if self.strangers.len() >= STRANGERS_MAX && !self.strangers.contains_key(&mac) {
                self.strangers_more += 1;
                return;
            }
            let stranger = self.strangers.entry(mac).or_default();
            stranger.count.add(sequence);
            let put = |text: &mut String, word: &str| {
                if !word.is_empty() {
                    word.clone_into(text);
                }
            };
            put(&mut stranger.place, word(fields.place.as_ref()));
            put(&mut stranger.reason, word(fields.reason.as_ref()));
            put(&mut stranger.asset, asset);
        }
    }

    fn event(&mut self, sequence: u64, event: &str, body: &[u8]) {
        if let Some(count) = bounded(&mut self.events, event.to_owned()) {
            count.add(sequence);
        }
        if event == "SYS-clock-measured"
            && let Ok(Compared { count, seconds }) = serde_json::from_slice(body)
        {
            let (times, most) = self.clock.get_or_insert_default();
            *times += count.0.parse::<u64>().unwrap_or(0);
            *most = most.max(seconds.0.parse().unwrap_or(f64::INFINITY));
        }
        let wanted = event.starts_with("CFG-plan-")
            || event.starts_with("CFG-weakening-")
            || event.starts_with("SYS-evidence-")
            || event.starts_with("OPS-backup")
            || event.starts_with("SYS-clock-")
            || matches!(event, "SYS-lines-missing" | "SYS-store-failed");
        // Seals are listed by themselves; that the clock was compared is counted.
        if !wanted || matches!(event, "SYS-evidence-sealed" | "SYS-clock-measured") {
            return;
        }
        if self.notable.len() < NOTABLE_MAX {
            self.notable.push((sequence, serde_json::from_slice(body).unwrap_or_default()));
        } else {
            self.notable_more += 1;
        }
    }

    /// How often an event happened.
    #[must_use]
    pub fn count(&self, event: &str) -> Count {
        self.events.get(event).copied().unwrap_or_default()
    }
}

/// The entry of a key, unless there are too many already.
fn bounded<K: Ord, V: Default>(map: &mut BTreeMap<K, V>, key: K) -> Option<&mut V> {
    (map.len() < NAMES_MAX || map.contains_key(&key)).then(|| map.entry(key).or_default())
}
