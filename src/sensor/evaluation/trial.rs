//! One capture against what its row expects.

use std::collections::HashMap;

use super::manifest::{Claim, Class, Name, Row};
use crate::sensor::capture::{CaptureTime, Captured};
use crate::sensor::dissect::Protocol;
use crate::sensor::event::{About, Event, Verdict};
use crate::sensor::kind::VerdictKind;
use crate::sensor::knowledge::{Knowledge, PortKind, Role, Subject};
use crate::sensor::watch::Sensor;
use crate::vocabulary::{Language, registry};

/// The same capture under another plan, under which it must be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flip {
    /// The client is a proxy of the city.
    Proxy,
    /// The client is a server of the city.
    Server,
    /// The port is an uplink.
    Uplink,
    /// The subject is a router of the city.
    Router,
}

impl Flip {
    /// The id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Server => "server",
            Self::Uplink => "uplink",
            Self::Router => "router",
        }
    }

    /// The flips of a row.
    #[must_use]
    pub fn of(row: &Row) -> Vec<Self> {
        use VerdictKind as K;
        let is = |kinds: &[K]| {
            let mut claims = row.expected.alerts.iter();
            claims.any(|claim| claim.kinds.iter().any(|kind| kinds.contains(kind)))
        };
        let mut flips = Vec::new();
        if row.class == Class::Positive && !row.expected.unscored {
            if is(&[K::Proxy, K::HttpServer]) {
                flips.extend([Self::Proxy, Self::Server]);
            }
            if is(&[K::BridgeFrame]) {
                flips.push(Self::Uplink);
            }
            if is(&[K::RogueRa]) {
                flips.push(Self::Router);
            }
        }
        flips
    }
}

registry! {
    /// Why something expected was not found.
    MissKind {
        NoSign "miss.no-sign"
            ["名指しの相手に兆候がありません", "whom it names shows no sign"]
        OneFamily "miss.one-family"
            ["兆候が一つの系統だけで、判定に二つ要ります: {signs}", "signs of one family only, and a verdict wants two: {signs}"]
        TooLight "miss.too-light"
            ["兆候の重みが足りません: {signs}", "the signs do not weigh enough: {signs}"]
        OtherVerdict "miss.other-verdict"
            ["別の種類の判定になりました: {verdicts}(兆候 {signs})", "the verdict is of another kind: {verdicts} (signs {signs})"]
        OtherSubject "miss.other-subject"
            ["別の相手の判定になりました: {verdicts}", "the verdict is about somebody else: {verdicts}"]
    }
}

/// Something expected and not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The kinds expected.
    pub kinds: Vec<VerdictKind>,
    /// Why it was not found.
    pub kind: MissKind,
    /// What the text wants filled in.
    pub facts: Vec<(&'static str, String)>,
}

impl Miss {
    /// Why, in words.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        self.kind.text().fill(language, &self.facts)
    }
}

/// A verdict that nobody expected.
pub type Alarm = Verdict;

/// What came of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Whether the row is a positive, and then whether all it names was found.
    pub found: Option<bool>,
    /// What was not found.
    pub misses: Vec<Miss>,
    /// What was found wrongly.
    pub false_alarms: Vec<Alarm>,
    /// The protocols of the row, when none of them was recognised.
    pub unrecognised: Vec<Protocol>,
    /// Seconds from the first offending frame to the finding.
    pub from_offence_s: Option<f64>,
    /// Seconds from the station's first frame to the finding.
    pub from_first_frame_s: Option<f64>,
    /// Every verdict, right or wrong.
    pub verdicts: Vec<Verdict>,
    /// The ids of the signs that were raised.
    pub signs: Vec<&'static str>,
}

/// A row under trial.
pub struct Trial<'a> {
    row: &'a Row,
    flip: Option<Flip>,
    sensor: Sensor,
    verdicts: Vec<Verdict>,
    signs: Vec<(About, crate::sensor::sign::Sign)>,
    first_signs: HashMap<Subject, CaptureTime>,
}

impl<'a> Trial<'a> {
    /// Begins with what the row says the plan knows.
    #[must_use]
    pub fn new(row: &'a Row, flip: Option<Flip>) -> Self {
        let expected = &row.expected;
        let mut knowledge = Knowledge::none(expected.vantage);
        knowledge.planned = true;
        knowledge.port = match flip {
            Some(Flip::Uplink) => PortKind::Uplink,
            Some(Flip::Proxy | Flip::Server | Flip::Router) | None => expected.port,
        };
        for (subject, role) in &expected.roles {
            let role = match (flip, role) {
                (Some(Flip::Proxy), Role::Client) => Role::Proxy,
                (Some(Flip::Server), Role::Client) => Role::Server,
                _ => *role,
            };
            knowledge.add(*subject, role);
            // Where the plan names a router, who carries others' packets beside it is none.
            knowledge.gateways_learnt &= role != Role::Router;
        }
        if flip == Some(Flip::Router) {
            for name in expected.alerts.iter().flat_map(|claim| &claim.names) {
                match name {
                    Name::Mac(mac) => knowledge.add(Subject::Mac(*mac), Role::Router),
                    Name::Ip(ip) | Name::Service(ip, _) => {
                        knowledge.add(Subject::Ip(*ip), Role::Router);
                    }
                }
            }
        }
        let sensor = Sensor::new(knowledge);
        let (verdicts, signs, first_signs) = (Vec::new(), Vec::new(), HashMap::new());
        Self { row, flip, sensor, verdicts, signs, first_signs }
    }

    /// Takes a frame.
    pub fn handle(&mut self, captured: &Captured<'_>) {
        self.sensor.handle(captured);
        while let Some(event) = self.sensor.poll_event() {
            match event {
                Event::Sign { about, sign } => {
                    self.first_signs.entry(about.subject).or_insert(sign.time);
                    self.signs.push((about, sign));
                }
                Event::Verdict(verdict) => self.verdicts.push(verdict),
                Event::Breach(_) | Event::Notice { .. } => {}
            }
        }
    }

    /// Compares what was seen with what was expected.
    #[must_use]
    pub fn finish(self) -> Outcome {
        let expected = &self.row.expected;
        let counted = self.flip.is_none() && !expected.unscored;
        let positive = counted && matches!(self.row.class, Class::Positive | Class::Phone);
        let mut misses = Vec::new();
        let mut times = Vec::new();
        if positive {
            for claim in &expected.alerts {
                match self.found(claim) {
                    Some((offence, first, found)) => {
                        let span = |from: CaptureTime| from.seconds_until(found).max(0.0);
                        times.push((span(offence), span(first)));
                    }
                    None => misses.push(self.miss(claim)),
                }
            }
        }
        let all = (positive && misses.is_empty()).then_some(times);
        let latest =
            |pick: fn(&(f64, f64)) -> f64| all.as_ref()?.iter().map(pick).max_by(f64::total_cmp);
        let recognised = self.sensor.protocols();
        // Of several protocols any will do.
        let wanted = &expected.protocols;
        let missed = !wanted.iter().any(|protocol| recognised.has(*protocol));
        let unrecognised = if missed { wanted.clone() } else { Vec::new() };
        let mut signs: Vec<_> = self.signs.iter().map(|(_, sign)| sign.kind.id()).collect();
        signs.sort_unstable();
        signs.dedup();
        Outcome {
            found: positive.then_some(misses.is_empty()),
            false_alarms: self.false_alarms(),
            unrecognised,
            from_offence_s: latest(|(offence, _)| *offence),
            from_first_frame_s: latest(|(_, first)| *first),
            misses,
            verdicts: self.verdicts,
            signs,
        }
    }

    /// When a claim was met: the first offence, the station's first frame, the finding.
    fn found(&self, claim: &Claim) -> Option<(CaptureTime, CaptureTime, CaptureTime)> {
        let offence =
            |about: &About, own| self.first_signs.get(&about.subject).copied().unwrap_or(own);
        let by_verdict = self
            .verdicts
            .iter()
            .find(|verdict| claim.kinds.contains(&verdict.kind) && names(claim, &verdict.about));
        if let Some(verdict) = by_verdict {
            let about = &verdict.about;
            return Some((offence(about, verdict.first_sign()), about.since, verdict.time));
        }
        let by_sign =
            self.signs.iter().filter(|_| self.row.expected.sign_level).find(|(about, sign)| {
                claim.kinds.iter().any(|kind| sign.may_mean(*kind)) && names(claim, about)
            });
        by_sign.map(|(about, sign)| (offence(about, sign.time), about.since, sign.time))
    }

    fn miss(&self, claim: &Claim) -> Miss {
        let join = |mut ids: Vec<&str>| {
            ids.sort_unstable();
            ids.dedup();
            ids.join(", ")
        };
        let signs: Vec<_> = self.signs.iter().filter(|(about, _)| names(claim, about)).collect();
        let about: Vec<_> =
            self.verdicts.iter().filter(|verdict| names(claim, &verdict.about)).collect();
        let others = self.verdicts.iter().filter(|verdict| claim.kinds.contains(&verdict.kind));
        let others: Vec<_> = others.map(|verdict| verdict.kind.id()).collect();
        let mut families: Vec<_> = signs.iter().map(|(_, sign)| sign.kind.family()).collect();
        families.sort_unstable();
        families.dedup();
        let (kind, verdicts) = if !about.is_empty() {
            let kinds = about.iter().map(|verdict| verdict.kind.id()).collect();
            (MissKind::OtherVerdict, kinds)
        } else if !others.is_empty() {
            (MissKind::OtherSubject, others)
        } else {
            let kind = match families.len() {
                0 => MissKind::NoSign,
                1 => MissKind::OneFamily,
                _ => MissKind::TooLight,
            };
            (kind, Vec::new())
        };
        let signs = join(signs.iter().map(|(_, sign)| sign.kind.id()).collect());
        let facts = vec![("signs", signs), ("verdicts", join(verdicts))];
        Miss { kinds: claim.kinds.clone(), kind, facts }
    }

    /// Verdicts that the row does not expect, where it expects anything about verdicts.
    fn false_alarms(&self) -> Vec<Alarm> {
        let expected = &self.row.expected;
        let judged = !expected.alerts.is_empty() || expected.forbidden.is_some();
        if expected.unscored || !judged {
            return Vec::new();
        }
        let fits = |claims: &[Claim], verdict: &Verdict| {
            claims
                .iter()
                .any(|claim| claim.kinds.contains(&verdict.kind) && names(claim, &verdict.about))
        };
        let wrong = |verdict: &&Verdict| {
            let right = self.flip.is_none() && fits(&expected.alerts, verdict);
            let forbidden = match expected.forbidden.as_deref() {
                Some([]) => true,
                Some(kinds) => kinds.contains(&verdict.kind) || !expected.alerts.is_empty(),
                None => true,
            };
            !right && !fits(&expected.allowed, verdict) && forbidden
        };
        self.verdicts.iter().filter(wrong).cloned().collect()
    }
}

/// Whether a claim names whom something is about.
fn names(claim: &Claim, about: &About) -> bool {
    let named = |name: &Name| match *name {
        Name::Mac(mac) => about.mac == Some(mac),
        Name::Ip(address) => about.addresses.contains(&address),
        Name::Service(address, port) => about.service == Some((address, port)),
    };
    claim.names.is_empty() || claim.names.iter().any(named)
}
