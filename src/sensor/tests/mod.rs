//! The sensor on frames made here: each sign, each rule of judgement, hostile octets, bounds.

mod following;
mod forged;
mod frames;
mod habits;
mod hostile;
mod judging;
mod quiet;
mod separation;
mod signs;
mod told;

use std::net::IpAddr;

use super::*;
use crate::vocabulary::Mac;
use frames::Frame;

/// What a sensor made of frames.
pub(super) struct Seen {
    pub sensor: Sensor,
    pub signs: Vec<(About, Sign)>,
    pub verdicts: Vec<Verdict>,
    pub notices: Vec<NoticeKind>,
    pub breaches: Vec<Breach>,
}

impl Seen {
    pub fn has(&self, kind: SignKind) -> bool {
        self.signs.iter().any(|(_, sign)| sign.kind == kind)
    }

    pub fn kinds(&self) -> Vec<VerdictKind> {
        self.verdicts.iter().map(|verdict| verdict.kind).collect()
    }
}

/// Runs frames, one millisecond apart unless they say otherwise.
pub(super) fn run(knowledge: Knowledge, frames: &[Frame]) -> Seen {
    let mut seen = Seen {
        sensor: Sensor::new(knowledge),
        signs: Vec::new(),
        verdicts: Vec::new(),
        notices: Vec::new(),
        breaches: Vec::new(),
    };
    feed(&mut seen, frames);
    seen
}

pub(super) fn feed(seen: &mut Seen, frames: &[Frame]) {
    for (number, frame) in (1..).zip(frames) {
        let time = frame.time.unwrap_or(CaptureTime(i64::from(number as i32) * 1_000_000));
        let link = LinkType::Ethernet;
        seen.sensor.handle(&Captured { number, time, link, octets: &frame.octets });
        while let Some(event) = seen.sensor.poll_event() {
            match event {
                Event::Sign { about, sign } => seen.signs.push((about, sign)),
                Event::Verdict(verdict) => seen.verdicts.push(verdict),
                Event::Breach(breach) => seen.breaches.push(breach),
                Event::Notice { kind, .. } => seen.notices.push(kind),
            }
        }
    }
}

/// A mirror before the first router, with a plan that names nobody.
pub(super) fn edge() -> Knowledge {
    let mut knowledge = Knowledge::none(Vantage::Edge);
    knowledge.planned = true;
    knowledge
}

pub(super) fn with(mut knowledge: Knowledge, roles: &[(&str, Role)]) -> Knowledge {
    for (name, role) in roles {
        knowledge.add(subject(name), *role);
    }
    knowledge
}

pub(super) fn subject(name: &str) -> Subject {
    match name.parse::<IpAddr>() {
        Ok(address) => Subject::Ip(address),
        Err(_) => Subject::Mac(Mac::parse(name).unwrap()),
    }
}
