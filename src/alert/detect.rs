//! What each line, and each silence, means.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::hints::Hints;
use super::hours::closed;
use super::limit::Limiter;
use super::recent::Recent;
use super::{Alert, PREFIX};
use crate::plan::{Plan, PortRole};
use crate::record::{Line, Status};
use crate::sensor::{Hint, SignKind};
use crate::vocabulary::{AlertKind, AlertSeverity, Mac, Moment, Outcome, Reason, Timestamp};

/// Devices remembered: where they were, and how often they were refused.
const DEVICES_MAX: usize = 32_768;
/// How long after its last sign a device counts as still in use where it was: longer than the
/// hour after which switches authenticate again.
const GOES_ON: Duration = Duration::from_secs(90 * 60);
/// How long a switch is watched before its usual interval is believed, and the least silence
/// that is told until then.
const LEARNING: Duration = Duration::from_secs(24 * 3600);
const LEARNING_FLOOR: Duration = Duration::from_secs(6 * 3600);
/// Intervals shorter than this are no news.
const PACE_STEP: Duration = Duration::from_secs(1);
/// In this time half of a switch's longest interval is forgotten.
const HALF_LIFE_S: f64 = 7.0 * 86_400.0;
/// A step of the clock worth telling, and one that spoils evidence and certificates.
const STEP_MS: i64 = 1000;
const STEP_GRAVE_MS: i64 = 30_000;
/// How often ends of certificates and lists are looked at.
const ENDS_EVERY: Duration = Duration::from_secs(3600);
const DAY_S: i64 = 86_400;
/// Days before its end at which a certificate is told of again; the server's is told of earlier.
const CERTIFICATE_DAYS: [i64; 4] = [60, 30, 14, 3];
/// Hours before its update is due at which a list is told of.
const LIST_HOURS: [i64; 2] = [24, 0];

/// Something that ends: a certificate or a revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// [`AlertKind::CertificateExpiring`] or [`AlertKind::ListExpiring`].
    pub kind: AlertKind,
    /// `server`, `authority` or `crl`.
    pub role: &'static str,
    /// Its name.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// Events of the log that are alerts by themselves, and the fact that names their subject.
pub(super) const EVENTS: &[(&str, AlertKind, &str)] = &[
    ("CFG-plan-refused", AlertKind::ReloadRefused, ""),
    ("CFG-plan-fallback", AlertKind::ReloadRefused, ""),
    ("CFG-weakening-accepted", AlertKind::Weakened, "change"),
    ("OPS-detection", AlertKind::Detection, "subject"),
    ("OPS-detection-held", AlertKind::DetectionHeld, "named"),
    ("SYS-evidence-spooling", AlertKind::EvidenceSpooling, ""),
    ("SYS-evidence-no-spool", AlertKind::EvidenceUnspooled, ""),
    ("SYS-evidence-full", AlertKind::EvidenceFull, ""),
    ("SYS-evidence-gap", AlertKind::EvidenceGap, ""),
    ("SYS-evidence-damaged", AlertKind::EvidenceDamaged, ""),
    ("SYS-evidence-restored", AlertKind::EvidenceRestored, ""),
    ("OPS-backup-failed", AlertKind::BackupFailed, ""),
    ("SYS-clock-back", AlertKind::ClockOff, ""),
    ("SYS-clock-off", AlertKind::ClockOff, "servers"),
    ("SYS-clock-unmeasured", AlertKind::ClockUnmeasured, ""),
    ("SYS-alert-sink-away", AlertKind::ReceiverAway, "sink"),
    ("SYS-worker-failed", AlertKind::Service, "event"),
    ("SYS-socket-failed", AlertKind::Service, "address"),
    ("SYS-store-failed", AlertKind::Service, "event"),
    ("COA-left-down", AlertKind::Service, "place"),
    ("SNMP-stranger", AlertKind::AddressUnproven, "place"),
    ("SNMP-two-places", AlertKind::AddressDoubled, "mac"),
    ("SNMP-neighbour", AlertKind::NeighbourUndeclared, "place"),
    ("SNMP-unread", AlertKind::SwitchUnread, "name"),
    ("SENSOR-separation-wire", AlertKind::Separation, "subject"),
    ("SENSOR-separation-flow", AlertKind::Separation, "subject"),
    ("SENSOR-separation-device", AlertKind::Separation, "subject"),
    ("SENSOR-silent", AlertKind::SensorSilent, "sensor"),
    ("SYS-alerts-lost", AlertKind::Missed, "sink"),
];

/// What switches' tables show that sensors hear of.
const TABLES: &[(&str, SignKind)] =
    &[("SNMP-stranger", SignKind::NoSession), ("SNMP-two-places", SignKind::TwoPlaces)];

/// Facts of a decision that an alert repeats.
const CONTEXT: &[&str] = &[
    "mac",
    "place",
    "site",
    "switch",
    "environment",
    "vlan",
    "asset",
    "host",
    "section",
    "identity",
    "serial",
    "method",
    "outcome",
    "reason",
    "rule",
];

/// What an [`Alerter`] asks of a line, whose fields need not all be made for that.
pub trait Facts {
    /// A field that is a text.
    fn fact(&self, name: &str) -> Option<Cow<'_, str>>;
    /// The device's address.
    fn mac(&self) -> Option<Mac> {
        Mac::parse(self.fact("mac")?.as_ref()).ok()
    }
    /// The whole line.
    fn line(&self) -> Cow<'_, Line>;
}

impl Facts for Line {
    fn fact(&self, name: &str) -> Option<Cow<'_, str>> {
        text(self, name).map(Cow::Borrowed)
    }

    fn line(&self) -> Cow<'_, Line> {
        Cow::Borrowed(self)
    }
}

/// Where a device was seen last.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) place: String,
    at: Duration,
    /// Its session there has ended since.
    ended: bool,
    /// Whether it was let in there by its certificate, since when, and whether accounting tells of
    /// it.
    pub(super) certificate: bool,
    pub(super) since: Option<Duration>,
    pub(super) accounted: bool,
    /// When that ended, and how long it had stood.
    pub(super) left: Option<(Duration, Duration)>,
}

impl Seen {
    /// It showed itself at a place.
    fn came(&mut self, now: Duration, place: &str) -> Came {
        if place.is_empty() {
            return Came::Anew;
        }
        let elapsed = now.saturating_sub(self.at);
        let ended = std::mem::take(&mut self.ended);
        self.at = now;
        if self.place == place {
            return if !ended && elapsed <= GOES_ON { Came::Again } else { Came::Anew };
        }
        let before = std::mem::replace(&mut self.place, place.to_owned());
        // Between the networks of one controller people walk freely.
        let roamed = match (before.split_once("/ssid:"), place.split_once("/ssid:")) {
            (Some((one, _)), Some((other, _))) => one == other,
            _ => false,
        };
        if before.is_empty() || ended || roamed { Came::Anew } else { Came::From(before, elapsed) }
    }

    /// It was seen elsewhere: what was known of a session is another's.
    pub(super) fn forget_session(&mut self) {
        (self.certificate, self.accounted, self.since, self.left) = (false, false, None, None);
    }
}

/// How a device came to a place.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    /// It was in use there already.
    Again,
    /// From a place where nobody knows it to have gone, so long after it was seen there.
    From(String, Duration),
    /// In no way that says anything.
    Anew,
}

/// How often a switch is heard of.
#[derive(Debug)]
struct Pace {
    first: Duration,
    last: Duration,
    /// The longest interval, fading, in seconds.
    usual_s: f64,
    told: bool,
}

/// Turns lines into alerts; see the room's head.
#[derive(Debug)]
pub struct Alerter {
    plan: Arc<Plan>,
    ends: Vec<End>,
    limiter: Limiter,
    hints: Hints,
    seen: Recent<Mac, Seen>,
    refused: Recent<String, VecDeque<Duration>>,
    switches: HashMap<String, Pace>,
    /// Wall clock minus monotonic clock, in milliseconds.
    offset: Option<i64>,
    ends_at: Duration,
    /// How many of its thresholds each end has passed.
    stages: BTreeMap<(&'static str, String), usize>,
}

impl Alerter {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new(plan: Arc<Plan>, ends: Vec<End>) -> Self {
        Self {
            limiter: Limiter::new(plan.alerts.watch.window),
            plan,
            ends,
            hints: Hints::default(),
            seen: Recent::new(DEVICES_MAX),
            refused: Recent::new(DEVICES_MAX),
            switches: HashMap::new(),
            offset: None,
            ends_at: Duration::ZERO,
            stages: BTreeMap::new(),
        }
    }

    /// Goes on with another plan, and with other certificates.
    pub fn replace(&mut self, plan: Arc<Plan>, ends: Vec<End>) {
        self.limiter.set_window(plan.alerts.watch.window);
        self.switches.retain(|switch, _| plan.switch_by_id(switch).is_some());
        let named = |role: &str, name: &str| {
            ends.iter().any(|end: &End| end.role == role && end.name == name)
        };
        self.stages.retain(|(role, name), _| named(role, name));
        self.ends_at = Duration::ZERO;
        (self.plan, self.ends) = (plan, ends);
    }

    /// Looks at a line of the log.
    pub fn handle(&mut self, now: Moment, told: &dyn Facts) {
        let Some(event) = told.fact("event") else { return };
        if event.starts_with(PREFIX) {
            return;
        }
        if let Some(switch) = told.fact("switch") {
            self.heard(now.monotonic, &switch);
        }
        if event == "AUTH" {
            self.decision(now, told);
        } else if let Some(status) = Status::ALL.iter().find(|status| status.id() == event) {
            self.session(now, *status, told);
        } else if event == "SENSOR-verdict" || event == "SENSOR-located" {
            let line = told.line();
            let subject = text(&line, "subject").unwrap_or_default();
            let facts = ["text", "sensor", "action", "signs", "kind"];
            let facts = facts.map(|name| (name, line.get(name).cloned().unwrap_or_default()));
            self.raise(now, AlertKind::Rogue, subject, told, &facts);
        } else if event == "AUTH-ignored" {
            self.untrusted(now, &told.line());
        } else if let Some((_, kind, subject)) = EVENTS.iter().find(|(id, ..)| *id == event) {
            let line = told.line();
            let subject = text(&line, subject).unwrap_or_default().to_owned();
            if let Some((_, kind)) = TABLES.iter().find(|(id, _)| *id == event) {
                let of = |name| text(&line, name).unwrap_or_default();
                if let Some(mac) = told.mac() {
                    self.hints.add(now, mac, *kind, (of("place"), of("other")));
                }
            }
            let mut alert = Alert::new(*kind, now.wall, subject).fact("what", &*event);
            for (name, value) in line.iter().filter(|(name, _)| !is_head(name)) {
                alert.fields.insert(name.clone(), value.clone());
            }
            if line.contains_key("place") {
                alert.environments = self.concerned(&line);
            } else if let Some(named) = text(&line, "environments") {
                alert.environments = named.split(',').map(str::to_owned).collect();
            }
            self.limiter.raise(now.monotonic, alert);
        }
    }

    /// Something was not looked at because it came too fast.
    pub fn missed(&mut self, now: Moment, count: u64) {
        let alert = Alert::new(AlertKind::Missed, now.wall, "lines").fact("count", count);
        self.limiter.raise(now.monotonic, alert);
    }

    /// Looks at what time alone brings about.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.watch_clock(now);
        self.watch_switches(now);
        if self.ends_at <= now.monotonic {
            self.ends_at = now.monotonic.saturating_add(ENDS_EVERY);
            self.watch_ends(now);
        }
        self.limiter.expire(now.monotonic);
    }

    /// When to be called again at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Duration {
        self.limiter.next().map_or(self.ends_at, |next| next.min(self.ends_at))
    }

    /// The alerts to be told now.
    pub fn poll_events(&mut self) -> Vec<Alert> {
        self.limiter.take()
    }

    /// What sensors are to be told.
    pub fn poll_hints(&mut self) -> Vec<Hint> {
        self.hints.take()
    }

    /// What is still held back: the end.
    pub fn finish(&mut self) -> Vec<Alert> {
        self.limiter.flush();
        self.limiter.take()
    }

    /// How many devices were forgotten to make room for others.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.seen.forgotten() + self.refused.forgotten()
    }

    fn decision(&mut self, now: Moment, told: &dyn Facts) {
        let fact = |name| told.fact(name).unwrap_or_default();
        let (mac, place, reason) = (told.mac(), fact("place"), fact("reason"));
        let (place, name) = (&*place, || mac.map(|mac| mac.to_string()).unwrap_or_default());
        let is = |reasons: &[Reason]| reasons.iter().any(|each| each.id() == reason);
        let refused = fact("outcome") == Outcome::Refuse.id();
        if is(&[Reason::DeviceUnknown, Reason::DeviceUnknownRandom]) {
            // By place: a flood from one port is one subject, however many addresses it invents.
            self.raise(now, AlertKind::Stranger, place, told, &[]);
        } else if is(&[
            Reason::CertificateOtherMac,
            Reason::CertificateAmbiguous,
            Reason::CertificateUnknown,
            Reason::MabMacMismatch,
        ]) {
            let identity = fact("identity");
            let subject = if identity.is_empty() { name() } else { identity.into_owned() };
            self.raise(now, AlertKind::CertificateConflict, &subject, told, &[]);
        } else if refused {
            let subject = if mac.is_some() { name() } else { place.to_owned() };
            self.count_refusal(now, subject, told);
        }
        let went_on = mac.is_some_and(|mac| {
            let seen = self.seen.entry(mac, Seen::default);
            if is_wired(place) {
                self.hints.decided(now, (mac, place), seen, told);
            }
            let came = seen.came(now.monotonic, place);
            self.moved(now, mac, &came, told);
            came == Came::Again
        });
        if fact("outcome") == Outcome::Admit.id() && fact("method") == "eap-tls" && !went_on {
            // Devices without a certificate, such as printers, are nobody's use of a computer.
            let section = fact("section");
            if let Some(hours) = closed(now.wall, &self.plan.calendar, &section) {
                let asset = fact("asset");
                let subject = if asset.is_empty() { name() } else { asset.into_owned() };
                let facts = [("hours", json!(hours)), ("local", json!(now.wall.local()))];
                self.raise(now, AlertKind::AfterHours, &subject, told, &facts);
            }
        }
    }

    fn count_refusal(&mut self, now: Moment, subject: String, told: &dyn Facts) {
        let watch = self.plan.alerts.watch;
        let times = self.refused.entry(subject.clone(), VecDeque::new);
        let since = now.monotonic.saturating_sub(watch.refusals_within);
        times.push_back(now.monotonic);
        while times.front().is_some_and(|at| *at < since)
            || times.len() > usize::try_from(watch.refusals).unwrap_or(usize::MAX)
        {
            times.pop_front();
        }
        if times.len() >= usize::try_from(watch.refusals).unwrap_or(usize::MAX) {
            // Counted anew, so that the same refusals are not told twice.
            times.clear();
            let minutes = watch.refusals_within.as_secs() / 60;
            let facts = [("count", json!(watch.refusals)), ("minutes", json!(minutes))];
            self.raise(now, AlertKind::Refusals, &subject, told, &facts);
        }
    }

    /// Tells of a device that is at two places.
    fn moved(&mut self, now: Moment, mac: Mac, came: &Came, told: &dyn Facts) {
        if let Came::From(before, elapsed) = came
            && *elapsed <= self.plan.alerts.watch.two_places_within
        {
            let facts = [("before", json!(before)), ("seconds", json!(elapsed.as_secs()))];
            self.raise(now, AlertKind::TwoPlaces, &mac.to_string(), told, &facts);
        }
    }

    fn session(&mut self, now: Moment, status: Status, told: &dyn Facts) {
        let fact = |name| told.fact(name).unwrap_or_default();
        let Some(mac) = told.mac() else { return };
        let place = &*fact("place");
        match status {
            Status::Start | Status::Interim => {
                if let Some(seen) = self.seen.get_mut(&mac).filter(|seen| seen.place != place) {
                    seen.forget_session();
                }
                let seen = self.seen.entry(mac, Seen::default);
                let came = seen.came(now.monotonic, place);
                seen.accounted |= !place.is_empty();
                self.moved(now, mac, &came, told);
            }
            Status::Stop => {
                if let Some(seen) = self.seen.get_mut(&mac).filter(|seen| seen.place == place) {
                    seen.ended = true;
                    Hints::left(now, seen);
                }
            }
            Status::On | Status::Off | Status::Other => {}
        }
    }

    fn untrusted(&mut self, now: Moment, line: &Line) {
        let reason = text(line, "reason").unwrap_or_default();
        if ["message-authenticator-missing", "message-authenticator-invalid"].contains(&reason) {
            let address = text(line, "address").unwrap_or_default();
            let more = text(line, "more").and_then(|more| more.parse().ok()).unwrap_or(0);
            let mut alert = Alert::new(AlertKind::SecretMismatch, now.wall, address)
                .fact("address", address)
                .fact("reason", reason);
            alert.more = more;
            self.limiter.raise(now.monotonic, alert);
        }
    }

    fn raise(
        &mut self,
        now: Moment,
        kind: AlertKind,
        subject: &str,
        told: &dyn Facts,
        facts: &[(&str, Value)],
    ) {
        let line = &*told.line();
        let mut alert = Alert::new(kind, now.wall, subject);
        for name in CONTEXT {
            if let Some(value) = line.get(*name).filter(|value| !value.is_null()) {
                alert.fields.insert((*name).to_owned(), value.clone());
            }
        }
        for (name, value) in facts {
            alert.fields.insert((*name).to_owned(), value.clone());
        }
        alert.environments = self.concerned(line);
        self.limiter.raise(now.monotonic, alert);
    }

    /// The environments that a line is about: the one entered and the one the device belongs to;
    /// of a stranger, every one that its place could have let it into.
    fn concerned(&self, line: &Line) -> BTreeSet<String> {
        let plan = &self.plan;
        let id = |index| plan.environment(index).map(|environment| environment.id.clone());
        let mut concerned: BTreeSet<String> =
            text(line, "environment").map(str::to_owned).into_iter().collect();
        let device = text(line, "asset").and_then(|asset| plan.device_by_asset(asset));
        let device = device.and_then(|index| plan.device(index));
        concerned.extend(device.and_then(|device| id(device.environment)));
        if device.is_none() {
            let served = self.served(line).into_iter().filter(|index| *index != plan.quarantine);
            concerned.extend(served.filter_map(id));
        }
        concerned
    }

    fn served(&self, line: &Line) -> Vec<crate::vocabulary::EnvironmentIndex> {
        let plan = &self.plan;
        let every = || (0..).map(crate::vocabulary::EnvironmentIndex).zip(&plan.environments);
        let every = || every().map(|(index, _)| index).collect();
        let Some(id) = text(line, "switch") else { return every() };
        let Some(index) = plan.switch_by_id(id) else { return every() };
        let place = text(line, "place").unwrap_or_default();
        let point = place.split_once(&format!("/{id}/")).map_or("", |(_, point)| point);
        if let Some(ssid) = point.strip_prefix("ssid:") {
            let networks = plan.switch(index).map(|switch| switch.networks.as_slice());
            let network = networks.unwrap_or_default().iter().find(|it| it.ssid == ssid);
            return network.map_or_else(every, |network| network.environments.clone());
        }
        let port = plan.port_by_name(index, point).and_then(|port| plan.port(index, port));
        if let Some(PortRole::Auth { environments, .. }) = port.map(|port| &port.role) {
            return environments.clone();
        }
        let site = plan.switch(index).and_then(|switch| plan.site(switch.site));
        site.map_or_else(every, |site| site.assign.iter().map(|(index, _)| *index).collect())
    }

    fn heard(&mut self, now: Duration, switch: &str) {
        let pace = match self.switches.get_mut(switch) {
            Some(pace) => pace,
            None if self.plan.switch_by_id(switch).is_none() => return,
            None => {
                let new = Pace { first: now, last: now, usual_s: 0.0, told: false };
                self.switches.entry(switch.to_owned()).or_insert(new)
            }
        };
        let gap = now.saturating_sub(pace.last);
        if gap < PACE_STEP && !pace.told {
            return;
        }
        let gap = gap.as_secs_f64();
        pace.usual_s = gap.max(pace.usual_s * 0.5_f64.powf(gap / HALF_LIFE_S));
        (pace.last, pace.told) = (now, false);
    }

    fn watch_switches(&mut self, now: Moment) {
        let least = self.plan.alerts.watch.silent_after;
        let mut silent = Vec::new();
        for (switch, pace) in self.switches.iter_mut().filter(|(_, pace)| !pace.told) {
            let quiet = now.monotonic.saturating_sub(pace.last);
            let learning = pace.last.saturating_sub(pace.first) < LEARNING;
            let floor = if learning { least.max(LEARNING_FLOOR) } else { least };
            if quiet > floor && quiet.as_secs_f64() > 2.0 * pace.usual_s {
                pace.told = true;
                silent.push((switch.clone(), quiet.as_secs() / 60));
            }
        }
        for (switch, minutes) in silent {
            let line: Line = [("switch".to_owned(), json!(switch))].into_iter().collect();
            let facts = [("minutes", json!(minutes))];
            self.raise(now, AlertKind::SwitchSilent, &switch, &line, &facts);
        }
    }

    fn watch_clock(&mut self, now: Moment) {
        let monotonic = i64::try_from(now.monotonic.as_millis()).unwrap_or(i64::MAX);
        let offset = now.wall.0.saturating_sub(monotonic);
        let before = self.offset.replace(offset).unwrap_or(offset);
        let step = offset.saturating_sub(before).saturating_abs();
        if step > STEP_MS {
            let grave = step > STEP_GRAVE_MS;
            let severity = if grave { AlertSeverity::Error } else { AlertSeverity::Warning };
            let alert = Alert::new(AlertKind::ClockOff, now.wall, "").graded(severity);
            self.limiter.raise(now.monotonic, alert.fact("seconds", step / 1000));
        }
    }

    fn watch_ends(&mut self, now: Moment) {
        for end in &self.ends {
            let left = now.wall.seconds_until(end.at);
            let (days, hours) = (left.div_euclid(DAY_S), left.div_euclid(3600));
            let stage = if end.kind == AlertKind::ListExpiring {
                LIST_HOURS.iter().filter(|limit| hours < **limit).count()
            } else {
                let early = |limit: i64| limit <= 30 || end.role == "server";
                CERTIFICATE_DAYS.iter().filter(|it| days < **it && early(**it)).count()
            };
            let told = self.stages.entry((end.role, end.name.clone())).or_insert(0);
            let over = left < 0;
            if stage <= *told && !over {
                *told = stage;
                continue;
            }
            *told = stage;
            let grave = over || (end.kind == AlertKind::CertificateExpiring && days < 3);
            let severity = if grave { AlertSeverity::Error } else { AlertSeverity::Warning };
            let subject = format!("{} {}", end.role, end.name);
            let alert = Alert::new(end.kind, now.wall, subject)
                .graded(severity)
                .fact("role", end.role)
                .fact("name", end.name.as_str())
                .fact("until", end.at.local())
                .fact("days", days)
                .fact("hours", hours);
            self.limiter.raise(now.monotonic, alert);
        }
    }
}

/// Whether a place is a port: over the air a device is at no one port.
pub(super) fn is_wired(place: &str) -> bool {
    !place.is_empty() && !place.contains("/ssid:")
}

fn text<'a>(line: &'a Line, name: &str) -> Option<&'a str> {
    line.get(name).and_then(Value::as_str)
}

/// Fields that every line has of its own.
fn is_head(name: &str) -> bool {
    ["time", "event", "severity", "node", "schema", "message", "seq"].contains(&name)
}
