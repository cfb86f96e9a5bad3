//! What the sensor makes of a town: found, missed, wrong, and how certain that is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Settings;
use super::dice::Dice;
use super::network::{Event, SECOND, Town, since_beginning};
use super::program;
use super::station::{Addressing, Build};
use super::story::{Group, Story};
use super::system;
use super::telling::Telling;
use crate::plan::{MacAdmission, Plan, compile};
use crate::sensor::evaluation::{Interval, Times, clopper_pearson, poisson};
use crate::sensor::{
    Captured, Event as Told, Family, Knowledge, Role, Sensor, SignKind, Subject, Vantage, Verdict,
};
use crate::simulation::network::{Size, generate};
use crate::vocabulary::{Mac, Timestamp};

/// How long after a story's end a verdict still belongs to it, in microseconds.
const AFTERMATH_US: i64 = 600 * SECOND;
/// Alarms about one kind of trap that are shown.
const ALARMS_SHOWN: usize = 3;
/// One registered device in this many is equipment let in by its MAC.
const EQUIPMENT_EVERY: u32 = 6;

/// How often something happens, with a 95 % interval (Poisson).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExposureRate {
    /// How often it happened.
    pub count: u32,
    /// Over how many endpoint-days.
    pub endpoint_days: f64,
    /// The interval of the rate for each endpoint-day.
    pub interval: Interval,
}

/// What came of one story, all tellings together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FormResult {
    /// How often it was told.
    pub told: u32,
    /// How often it was found, at the right MAC and of a fitting kind; for a trap, how often it
    /// raised an alarm.
    pub found: u32,
    /// How often only another kind was claimed of the right MAC.
    pub other_kind: u32,
    /// How often there were signs at least.
    pub signs: u32,
    /// Seconds from the first offending frame to the verdict.
    pub from_offence: Times,
    /// Seconds from plugging in.
    pub from_plug: Times,
    /// The kinds that were claimed, and how often.
    pub kinds: BTreeMap<&'static str, u32>,
    /// The first alarms about a trap.
    pub alarms: Vec<WrongAlarm>,
    /// The signs of those that were not found, and how often.
    pub missed_with: BTreeMap<String, u32>,
}

impl FormResult {
    /// The interval of the share found.
    #[must_use]
    pub fn interval(&self) -> Interval {
        clopper_pearson(self.found, self.told)
    }

    /// Adds another's.
    fn add(&mut self, other: &Self) {
        self.told += other.told;
        self.found += other.found;
        self.other_kind += other.other_kind;
        self.signs += other.signs;
        self.from_offence.extend(&other.from_offence);
        self.from_plug.extend(&other.from_plug);
    }
}

/// A verdict about somebody who did nothing: one with no part in any story, or a trap.
#[derive(Clone, Debug, PartialEq)]
pub struct WrongAlarm {
    /// The verdict; `None` for a breach of the separation.
    pub verdict: Option<Verdict>,
    /// What it claims.
    pub kind: &'static str,
    /// About whom.
    pub subject: String,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What it was measured with.
    pub settings: Settings,
    /// Frames on the mirror.
    pub frames: u64,
    /// Frames that the sensor could not read.
    pub flawed: u64,
    /// False alarms about registered devices, traps apart.
    pub false_alarms: ExposureRate,
    /// Each of them.
    pub wrong: Vec<WrongAlarm>,
    /// By story.
    pub stories: BTreeMap<Story, FormResult>,
}

impl Measured {
    /// Everything of a group together.
    #[must_use]
    pub fn total(&self, group: Group) -> FormResult {
        let mut total = FormResult::default();
        for (story, result) in &self.stories {
            if story.group() == group {
                total.add(result);
            }
        }
        total
    }

    /// Attacks by sub-variant.
    #[must_use]
    pub fn variants(&self) -> BTreeMap<&'static str, FormResult> {
        let mut variants: BTreeMap<&'static str, FormResult> = BTreeMap::new();
        for (story, result) in self.stories.iter().filter(|(it, _)| it.group() == Group::Attack) {
            if let Some(variant) = story.variant() {
                variants.entry(variant).or_default().add(result);
            }
        }
        variants
    }
}

/// What the sensor told of one MAC.
struct Heard {
    mac: Option<Mac>,
    at: i64,
    verdict: Option<Verdict>,
    family: Option<Family>,
    kind: &'static str,
    subject: String,
}

/// Runs a town before a sensor. `watch` is given every frame as well. `None` where no plan of that
/// size compiles, which its tests rule out.
#[must_use]
pub fn measure(settings: Settings, mut watch: impl FnMut(&Captured<'_>)) -> Option<Measured> {
    let plan = plan_of(settings)?;
    let mut knowledge = Knowledge::of_plan(&plan, Vantage::Edge);
    let mut heard = Vec::new();
    let proxies = {
        let mut nobody = |_: &Captured<'_>| {};
        Town::new(&plan, settings, &mut nobody).proxies()
    };
    for address in proxies {
        knowledge.add(Subject::Ip(address.into()), Role::Proxy);
    }
    let mut sensor = Sensor::new(knowledge);
    let mut see = |captured: &Captured<'_>| {
        watch(captured);
        sensor.handle(captured);
        while let Some(told) = sensor.poll_event() {
            heard.extend(listen(told, since_beginning(captured.time)));
        }
    };
    let mut town = Town::new(&plan, settings, &mut see);
    town.settle_in(&plan);
    town.run();
    let (tellings, offences) =
        (std::mem::take(&mut town.tellings), std::mem::take(&mut town.offences));
    drop(town);
    let counters = sensor.counters();
    let mut measured = weigh(settings, &tellings, &offences, heard);
    (measured.frames, measured.flawed) = (counters.frames, counters.flawed);
    Some(measured)
}

fn listen(told: Told, at: i64) -> Option<Heard> {
    Some(match told {
        Told::Verdict(verdict) => Heard {
            mac: verdict.about.mac,
            at,
            family: None,
            kind: verdict.kind.id(),
            subject: verdict.about.subject.to_string(),
            verdict: Some(verdict),
        },
        Told::Breach(breach) => Heard {
            mac: breach.about.mac,
            at,
            family: None,
            kind: breach.kind.id(),
            subject: breach.about.subject.to_string(),
            verdict: None,
        },
        Told::Sign { about, sign } => Heard {
            mac: about.mac,
            at,
            family: Some(sign.kind.family()),
            kind: SignKind::id(sign.kind),
            subject: String::new(),
            verdict: None,
        },
        Told::Notice { .. } => return None,
    })
}

/// The invented network that a town of that size has.
fn plan_of(settings: Settings) -> Option<Arc<Plan>> {
    /// 2026-11-26.
    const NOW: Timestamp = Timestamp(1_795_660_000_000);
    let size = Size::with_devices(settings.endpoints, EQUIPMENT_EVERY);
    compile(&generate(&size), NOW).plan.map(Arc::new)
}

impl Town<'_> {
    /// The devices of the plan, each with a system and programs, and when they are on.
    fn settle_in(&mut self, plan: &Plan) {
        let mut turn: BTreeMap<usize, usize> = BTreeMap::new();
        let mut dice = Dice::new(self.settings.seed, 2);
        let count = usize::try_from(self.settings.endpoints).unwrap_or(usize::MAX);
        for (index, device) in plan.devices.iter().take(count).enumerate() {
            let environment = usize::from(device.environment.0);
            let fit: Vec<usize> = (0..self.segments.len())
                .filter(|at| self.segments.get(*at).is_some_and(|it| it.environment == environment))
                .collect();
            let next = turn.entry(environment).or_default();
            *next += 1;
            let Some(&segment) = (*next).checked_rem(fit.len()).and_then(|at| fit.get(at)) else {
                continue;
            };
            let Some(mac) = device.macs.first() else { continue };
            let certificate =
                plan.class(device.class).map(|class| class.mac) == Some(MacAdmission::Never);
            let internet = self.segments.get(segment).is_some_and(|it| it.internet);
            let draw = dice.below(100);
            let (system, habits, serves): (_, _, &'static [u16]) =
                match (certificate, internet, draw) {
                    (true, true, 0..=3) => (system::MAC, program::MAC_PC, &[]),
                    (true, true, 4..=8) => (system::WINDOWS, program::WEB_PC_ITUNES, &[]),
                    (true, _, 9..=11) => (system::LINUX, program::LINUX_PC, &[]),
                    (true, true, 12..=20) => (system::WINDOWS_TUNED, program::WEB_PC, &[7_680]),
                    (true, true, _) => (system::WINDOWS, program::WEB_PC, &[7_680]),
                    (true, false, 12..=20) => (system::WINDOWS_TUNED, program::OFFICE_PC, &[]),
                    (true, false, _) => (system::WINDOWS, program::OFFICE_PC, &[]),
                    (false, _, 0..=29) => (system::COPIER, program::PRINTING, &[9_100]),
                    (false, _, 30..=59) => (system::PRINTER, program::PRINTING, &[9_100]),
                    (false, _, 60..=84) => (system::TELEPHONE, program::TELEPHONING, &[]),
                    (false, _, _) => (system::CAMERA, program::WATCHING, &[]),
                };
            let number = self.add(Build {
                mac: mac.octets(),
                segment,
                system,
                hop: 0,
                host: format!("PC{:05}", index + 1),
                addressing: Addressing::Asks,
                habits,
                serves,
                story: None,
            });
            self.keep_hours(number, certificate && system.client != system::LINUX.client);
        }
        self.registered = self.stations.len();
        let mut tellings = Vec::new();
        self.plan_stories(&mut tellings);
        self.tellings = tellings;
    }

    /// When a device is on: PCs by day, nine in ten of them, the rest always.
    fn keep_hours(&mut self, number: usize, pc: bool) {
        let hour = 3_600 * SECOND;
        let begins = self.dice.between(0, hour / 2);
        self.at(begins, Event::Plug(number, true));
        if !pc || self.dice.one_in(10) {
            return;
        }
        for day in 0..i64::from(self.settings.hours) / 24 + 1 {
            let off = (day * 24 + 10) * hour + self.dice.between(0, 3 * hour / 2);
            let on = (day * 24 + 24) * hour + self.dice.between(0, hour / 2);
            self.at(off, Event::Plug(number, false));
            self.at(on, Event::Plug(number, true));
        }
    }
}

fn weigh(
    settings: Settings,
    tellings: &[Telling],
    offences: &std::collections::HashMap<usize, i64>,
    heard: Vec<Heard>,
) -> Measured {
    let belongs = |telling: &Telling, heard: &Heard| {
        let mine = heard.mac.is_some_and(|mac| telling.macs.contains(&mac));
        mine && heard.at >= telling.begun && heard.at <= telling.until + AFTERMATH_US
    };
    let mut stories: BTreeMap<Story, FormResult> = BTreeMap::new();
    for (index, telling) in tellings.iter().enumerate().filter(|(_, telling)| telling.told) {
        let result = stories.entry(telling.story).or_default();
        result.told += 1;
        let mine: Vec<&Heard> = heard.iter().filter(|it| belongs(telling, it)).collect();
        let verdicts = || mine.iter().filter_map(|it| Some((it.at, it.verdict.as_ref()?)));
        for (_, verdict) in verdicts() {
            *result.kinds.entry(verdict.kind.id()).or_default() += 1;
        }
        result.signs += u32::from(mine.iter().any(|it| it.family.is_some()));
        let trap = telling.story.group() == Group::Trap;
        let fits = |verdict: &Verdict| trap || telling.story.kinds().contains(&verdict.kind);
        let found = verdicts().find(|(_, verdict)| fits(verdict));
        if let Some((at, verdict)) = found {
            result.found += 1;
            if trap && result.alarms.len() < ALARMS_SHOWN {
                let (kind, subject) = (verdict.kind.id(), verdict.about.subject.to_string());
                result.alarms.push(WrongAlarm { verdict: Some(verdict.clone()), kind, subject });
            }
            let offence = offences.get(&index).copied().unwrap_or(telling.begun);
            result.from_offence.add(seconds(at - offence));
            result.from_plug.add(seconds(at - telling.begun));
        } else {
            result.other_kind += u32::from(verdicts().next().is_some());
            let mut signs: Vec<&str> =
                mine.iter().filter(|it| it.family.is_some()).map(|it| it.kind).collect();
            signs.sort_unstable();
            signs.dedup();
            *result.missed_with.entry(signs.join(", ")).or_default() += 1;
        }
    }
    let stray =
        |it: &Heard| it.family.is_none() && !tellings.iter().any(|telling| belongs(telling, it));
    let wrong: Vec<WrongAlarm> = heard
        .into_iter()
        .filter(stray)
        .map(|it| WrongAlarm { verdict: it.verdict, kind: it.kind, subject: it.subject })
        .collect();
    let endpoint_days = f64::from(settings.endpoints) * f64::from(settings.hours) / 24.0;
    let count = u32::try_from(wrong.len()).unwrap_or(u32::MAX);
    let interval = poisson(count, endpoint_days);
    let false_alarms = ExposureRate { count, endpoint_days, interval };
    Measured { settings, frames: 0, flawed: 0, false_alarms, wrong, stories }
}

#[expect(clippy::cast_precision_loss, reason = "a span in seconds needs no microseconds")]
fn seconds(span: i64) -> f64 {
    (span.max(0) as f64) / 1e6
}
