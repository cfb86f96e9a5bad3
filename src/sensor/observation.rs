//! What a sensor reports to the service: verdicts, signs and notices, numbered, as JSON.
//!
//! Numbers rise by one within one run of a sensor, so that what is lost shows as a gap and what
//! comes twice is known again. Nothing of a frame's payload is in it.

use serde::{Deserialize, Serialize};

use super::breach::{Breach, BreachKind, Evidence};
use super::event::{About, Event};
use super::kind::{NoticeKind, VerdictKind};
use super::sign::{Sign, SignKind};
use crate::vocabulary::{Language, Text};

/// Octets of a text that the service takes.
pub const TEXT_OCTETS_MAX: usize = 2000;
/// Octets of a sign in words: sixteen of them in two languages, escaped in JSON, fit into a report.
const NOTE_OCTETS_MAX: usize = 800;
/// Changes taken back by one notice.
const CHANGES_MAX: usize = 512;
/// Signs told with one verdict.
const NOTES_MAX: usize = 16;
/// The sign of the tripwire.
const TRIPPED: Text = Text {
    ja: "この端末だけが知る名前が {network} から問い合わせられました({by})",
    en: "the name that only this device knows was asked for from {network} ({by})",
};

/// How much an observation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// An alarm.
    Verdict,
    /// Two environments that the plan keeps apart.
    Breach,
    /// Something seen that is no alarm by itself.
    Sign,
    /// Something to know.
    Notice,
    /// A label of the tripwire was asked for outside; its responder alone reports this.
    Hit,
}

/// A sign as it is told with a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Its id.
    pub id: String,
    /// Whether it may raise a verdict alone.
    pub hard: bool,
    /// The number of its frame.
    pub frame: u64,
    /// The frame's time (RFC 3339).
    pub time: String,
    /// The sign in Japanese.
    pub ja: String,
    /// The sign in English.
    pub en: String,
}

impl Note {
    /// A notice in words, where it has more to say than whom it is about.
    fn notice(
        kind: NoticeKind,
        about: &About,
        facts: &[(&'static str, String)],
        (frame, time): (u64, &str),
    ) -> Option<Self> {
        if facts.is_empty() {
            return None;
        }
        let facts = [facts, &[("subject", about.subject.to_string())]].concat();
        Some(Self {
            id: kind.id().to_owned(),
            hard: false,
            frame,
            time: time.to_owned(),
            ja: clip(kind.text().fill(Language::Japanese, &facts)),
            en: clip(kind.text().fill(Language::English, &facts)),
        })
    }

    fn seen(breach: &Breach, seen: &Evidence) -> Self {
        Self {
            id: breach.kind.id().to_owned(),
            hard: true,
            frame: seen.frame,
            time: seen.time.timestamp().rfc3339(),
            ja: clip(breach.text(Language::Japanese)),
            en: clip(breach.text(Language::English)),
        }
    }

    fn new(sign: &Sign) -> Self {
        Self {
            id: sign.kind.id().to_owned(),
            hard: sign.hard,
            frame: sign.frame,
            time: sign.time.timestamp().rfc3339(),
            ja: clip(sign.text(Language::Japanese)),
            en: clip(sign.text(Language::English)),
        }
    }

    /// The sign in words.
    #[must_use]
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::Japanese => &self.ja,
            Language::English => &self.en,
        }
    }
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Its number within the run.
    pub sequence: u64,
    /// How much it says.
    pub level: Level,
    /// What: the id of a verdict's, breach's, sign's or notice's kind.
    pub kind: String,
    /// The time of its frame (RFC 3339).
    pub time: String,
    /// The number of its frame within the run.
    pub frame: u64,
    /// By what the station is remembered: its MAC, or its address behind a gateway.
    pub subject: String,
    /// The MAC its frames carried.
    pub mac: Option<String>,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// The VLAN it was seen in.
    pub vlan: Option<u16>,
    /// The score in tenths; 0 where there is none.
    pub score_tenths: u32,
    /// When the first of its signs was seen (RFC 3339).
    pub first: String,
    /// The signs, the heaviest first; of a breach the frames that show it.
    pub signs: Vec<Note>,
    /// The environments of a breach: the VLAN's own, and the one that should not be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// Names of changes, in hexadecimal: the one that a sign tells of, those that a notice takes
    /// back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
}

impl Observation {
    /// An event as it is reported under a number.
    #[must_use]
    pub fn new(sequence: u64, event: &Event) -> Self {
        let told = |level, kind: &str, about: &About, time: String, frame| Self {
            sequence,
            level,
            kind: kind.to_owned(),
            first: time.clone(),
            time,
            frame,
            subject: about.subject.to_string(),
            mac: about.mac.map(|mac| mac.to_string()),
            addresses: about.addresses.iter().map(ToString::to_string).collect(),
            vlan: about.vlan,
            score_tenths: 0,
            signs: Vec::new(),
            environments: Vec::new(),
            changes: Vec::new(),
        };
        match event {
            Event::Verdict(verdict) => {
                let time = verdict.time.timestamp().rfc3339();
                let id = verdict.kind.id();
                Self {
                    score_tenths: verdict.score_tenths,
                    first: verdict.first_sign().timestamp().rfc3339(),
                    signs: verdict.signs.iter().take(NOTES_MAX).map(Note::new).collect(),
                    ..told(Level::Verdict, id, &verdict.about, time, verdict.frame)
                }
            }
            Event::Breach(breach) => {
                let (frame, time) = breach.last();
                let (id, time) = (breach.kind.id(), time.timestamp().rfc3339());
                let shown = breach.evidence.iter().take(NOTES_MAX);
                Self {
                    first: breach.first().1.timestamp().rfc3339(),
                    signs: shown.map(|seen| Note::seen(breach, seen)).collect(),
                    environments: breach.environments.to_vec(),
                    ..told(Level::Breach, id, &breach.about, time, frame)
                }
            }
            Event::Sign { about, sign } => {
                let time = sign.time.timestamp().rfc3339();
                Self {
                    signs: vec![Note::new(sign)],
                    changes: sign.change.map(change_name).into_iter().collect(),
                    ..told(Level::Sign, sign.kind.id(), about, time, sign.frame)
                }
            }
            Event::Notice { kind, about, facts, changes, frame, time } => {
                let time = time.timestamp().rfc3339();
                let note = Note::notice(*kind, about, facts, (*frame, &time));
                let changes = changes.iter().take(CHANGES_MAX).copied();
                Self {
                    signs: note.into_iter().collect(),
                    changes: changes.map(change_name).collect(),
                    ..told(Level::Notice, kind.id(), about, time, *frame)
                }
            }
        }
    }

    /// A label that was asked for outside: by hash, from where and by what, `dns` or `http`.
    #[must_use]
    pub fn hit(sequence: u64, label: String, network: String, by: &str, time: String) -> Self {
        Self {
            sequence,
            level: Level::Hit,
            kind: by.to_owned(),
            first: time.clone(),
            time,
            frame: 0,
            subject: label,
            mac: None,
            addresses: vec![network],
            vlan: None,
            score_tenths: 0,
            signs: Vec::new(),
            environments: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// The verdict that a hit is, once it is known whose label was asked for. It is hard: no label
    /// can be guessed.
    #[must_use]
    pub fn tripped(&self, subject: String, mac: Option<String>) -> Self {
        let network = self.addresses.first().cloned().unwrap_or_default();
        let facts = [("network", network), ("by", self.kind.clone())];
        let text = |language| TRIPPED.fill(language, &facts);
        let note = Note {
            id: "tripwire.hit".to_owned(),
            hard: true,
            frame: self.frame,
            time: self.time.clone(),
            ja: text(Language::Japanese),
            en: text(Language::English),
        };
        Self {
            level: Level::Verdict,
            kind: VerdictKind::Tripwire.id().to_owned(),
            subject,
            mac,
            signs: vec![note],
            ..self.clone()
        }
    }

    /// Whether one of its signs may raise a verdict alone.
    #[must_use]
    pub fn is_hard(&self) -> bool {
        self.signs.iter().any(|sign| sign.hard)
    }

    /// What it claims, in words; `None` when this version knows no such kind.
    #[must_use]
    pub fn text(&self, language: Language) -> Option<String> {
        let subject = ("subject", self.subject.clone());
        match self.level {
            Level::Verdict => {
                VerdictKind::parse(&self.kind).map(|kind| kind.text().fill(language, &[subject]))
            }
            Level::Notice => {
                let kind = NoticeKind::ALL.iter().find(|kind| kind.id() == self.kind)?;
                let told = self.signs.first().map(|note| note.text(language).to_owned());
                told.or_else(|| Some(kind.text().fill(language, &[subject])))
            }
            Level::Breach => {
                BreachKind::parse(&self.kind)?;
                self.signs.first().map(|seen| seen.text(language).to_owned())
            }
            Level::Hit => None,
            Level::Sign => {
                SignKind::ALL.iter().find(|kind| kind.id() == self.kind)?;
                self.signs.first().map(|sign| sign.text(language).to_owned())
            }
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A text cut to what a report has room for; what is cut ends in an ellipsis.
fn clip(mut text: String) -> String {
    const CUT: &str = "…";
    if text.len() > NOTE_OCTETS_MAX {
        text.truncate(text.floor_char_boundary(NOTE_OCTETS_MAX - CUT.len()));
        text.push_str(CUT);
    }
    text
}

/// A change's name as it is written.
#[must_use]
pub fn change_name(change: u64) -> String {
    format!("{change:016x}")
}

/// Reads a change's name.
#[must_use]
pub fn change_of(name: &str) -> Option<u64> {
    (name.len() == 16).then(|| u64::from_str_radix(name, 16).ok()).flatten()
}

/// What a sensor counts, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pulse {
    /// Frames looked at.
    pub frames: u64,
    /// Frames that could not be read.
    pub flawed: u64,
    /// Frames that the kernel or the interface let go before they were looked at.
    pub dropped: u64,
    /// Stations and connections let go for want of room.
    pub evicted: u64,
    /// Observations that were never numbered, since too many came at once, or since enough
    /// stations were told of one breach.
    pub lost: u64,
    /// Stations remembered now.
    pub stations: u64,
    /// Names asked of the tripwire that are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub misses: u64,
}

/// What a sensor sends at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Names the run that the numbers belong to.
    pub run: String,
    /// What it counts now.
    pub pulse: Pulse,
    /// In the order of their numbers.
    pub observations: Vec<Observation>,
    /// Operators' words that were carried out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<Word>,
}

/// What an operator said about a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// The change, by its name.
    pub change: String,
    /// Whether it is the station's own from now on.
    pub accepted: bool,
}
