//! What the sensor tells: signs as they are raised, verdicts, notices.

use std::net::IpAddr;

use super::breach::Breach;
use super::capture::CaptureTime;
use super::kind::{NoticeKind, VerdictKind};
use super::knowledge::Subject;
use super::sign::Sign;
use crate::vocabulary::{Language, Mac};

/// Whom something is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// By what the station is remembered.
    pub subject: Subject,
    /// The MAC its frames carried, a gateway's included.
    pub mac: Option<Mac>,
    /// Addresses of the station, those of the signs first.
    pub addresses: Vec<IpAddr>,
    /// The service it is about, where it is about one.
    pub service: Option<(IpAddr, u16)>,
    /// The VLAN it was seen in.
    pub vlan: Option<u16>,
    /// When the station's first frame was seen.
    pub since: CaptureTime,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it claims.
    pub kind: VerdictKind,
    /// Whom it is about.
    pub about: About,
    /// The score, in tenths; a hard sign needs none.
    pub score_tenths: u32,
    /// The signs that count, the heaviest first.
    pub signs: Vec<Sign>,
    /// The frame it was reached at.
    pub frame: u64,
    /// That frame's time.
    pub time: CaptureTime,
}

impl Verdict {
    /// When the first of its signs was seen.
    #[must_use]
    pub fn first_sign(&self) -> CaptureTime {
        self.signs.iter().map(|sign| sign.time).min().unwrap_or(self.time)
    }

    /// The verdict in one sentence.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let subject = match self.about.service {
            Some((address, port)) => format!("{} ({address} {port})", self.about.subject),
            None => self.about.subject.to_string(),
        };
        self.kind.text().fill(language, &[("subject", subject)])
    }
}

/// What the sensor tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A sign was seen that was not there before.
    Sign {
        /// Whom it is about.
        about: About,
        /// The sign.
        sign: Sign,
    },
    /// The signs came to a verdict.
    Verdict(Verdict),
    /// The wire shows two environments that the plan keeps apart.
    Breach(Breach),
    /// Something to know that is no alarm.
    Notice {
        /// What it is.
        kind: NoticeKind,
        /// Whom it is about.
        about: About,
        /// What its text wants filled in beside the subject.
        facts: Vec<(&'static str, String)>,
        /// The changes that are taken back by it.
        changes: Vec<u64>,
        /// The frame.
        frame: u64,
        /// Its time.
        time: CaptureTime,
    },
}

/// A station whose signs are worth watching and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Whom it is about.
    pub about: About,
    /// The score, in tenths.
    pub score_tenths: u32,
    /// The signs.
    pub signs: Vec<Sign>,
}
