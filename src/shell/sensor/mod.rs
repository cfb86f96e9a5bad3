//! A sensor as a process of its own: frames of a mirror port in, observations to the service out.
//!
//! It holds no key of RADIUS, TLS server or evidence, and after the interface is open no
//! capability either. One thread reads frames and judges them, one brings what was seen to the
//! service, and what cannot be brought waits on disk.

mod memory;
mod plan;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::signal::unix::SignalKind;

use super::log::{self, Log};
use super::mirror::Mirror;
use super::outpost::{Credentials, Heard, Outpost, Shared};
use super::{Failure, clock, notify, privileges};
use crate::plan::{Plan, SensorPlace};
use crate::sensor::{Event, Observation, Pulse, Sensor};
use crate::vocabulary::{Language, Timestamp, hex};
use memory::{Found, Keeper};
use plan::{Followed, Outcome, Plans};

/// Signs reported within a minute; verdicts and notices are not counted, being one a cause.
const SIGNS_A_MINUTE_MAX: u32 = 600;
/// How often what was learnt is written down, if anything was.
const KEEP_EVERY: Duration = Duration::from_secs(300);
/// How often counters are shown and ended sessions looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A running sensor.
pub struct Running {
    mirror: Mirror,
    sensor: Sensor,
    numbered: u64,
    unnumbered: u64,
    signs: (Instant, u32),
    outpost: Outpost,
    keeper: Keeper,
    /// When what was learnt was last written down, and up to which revision.
    kept: (Instant, u64),
    dropped_told: u64,
    place: SensorPlace,
    language: Language,
    plans: Plans,
    /// The plan followed and the last one that could not be, for `status`.
    shown: Arc<Mutex<Standing>>,
}

/// Which plan is followed.
#[derive(Clone, Debug, Default)]
struct Standing {
    /// By its hash.
    plan: String,
    since: Timestamp,
    /// Why another one is not.
    refused: Option<String>,
}

impl Running {
    /// Opens the mirror, gives up every capability and starts the threads. `config` and `topology`
    /// are where the plan was read from, and is read again; `state` keeps what waits for the
    /// service, and the control socket.
    ///
    /// # Errors
    /// The machine refuses the interface, a file or a thread, or the service cannot be proven.
    pub fn start(
        plan: &Plan,
        place: &SensorPlace,
        (config, topology): (PathBuf, PathBuf),
        credentials: Credentials,
        state: &Path,
        output: impl Write + Send + 'static,
    ) -> Result<Self, Failure> {
        Outpost::is_free(state)?;
        let mirror = Mirror::open(&place.interface)?;
        privileges::give_up()?;
        let (to, language) = (place.server.clone(), plan.server.language);
        let outpost = Outpost::start(&place.id, to, credentials, state, language, output)?;
        let since = clock::now();
        let (own, shared) = (place.clone(), Arc::clone(&outpost.shared));
        let standing = Standing { plan: hex(&plan.content_hash), since, refused: None };
        let standing = Arc::new(Mutex::new(standing));
        let look = Arc::clone(&standing);
        outpost.show(state, move || shown(&own, since, &shared, &look))?;
        let mut sensor = Sensor::new(plan::knowledge(plan, place));
        remember(&mut sensor, state, place, since, &outpost.log)?;
        let keeper = Keeper::start(state, &place.id, outpost.log.clone())?;
        let kept = (Instant::now(), sensor.revision());
        let facts = [
            ("sensor", place.id.clone()),
            ("interface", place.interface.clone()),
            ("waiting", outpost.waiting.to_string()),
        ];
        outpost.log.event(since, log::Event::SensorStarted, &facts);
        Ok(Self {
            mirror,
            sensor,
            numbered: 0,
            unnumbered: 0,
            signs: (Instant::now(), 0),
            outpost,
            keeper,
            kept,
            dropped_told: 0,
            place: place.clone(),
            language,
            plans: Plans::new(config, topology, plan, &place.id),
            shown: standing,
        })
    }

    /// Lets SIGTERM and SIGINT end the sensor, and SIGHUP make it read the plan anew.
    ///
    /// # Errors
    /// The machine refuses a handler.
    pub fn obey_signals(&self) -> Result<(), Failure> {
        self.outpost.obey_signals()?;
        self.outpost.raise(SignalKind::hangup(), &self.plans.asked)
    }

    /// Watches until asked to stop, or until the interface is lost.
    ///
    /// # Errors
    /// The interface is gone.
    pub fn run(mut self) -> Result<(), Failure> {
        notify::ready();
        let mut looked = Instant::now();
        let lost = loop {
            if self.outpost.is_over() {
                break None;
            }
            match self.mirror.next() {
                Ok(Some(frame)) => {
                    self.sensor.handle(&frame);
                    while let Some(event) = self.sensor.poll_event() {
                        self.take(&event);
                    }
                }
                Ok(None) => {}
                Err(failure) => break Some(failure),
            }
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                self.look();
            }
        };
        self.look();
        let Self { outpost, keeper, sensor, .. } = self;
        keeper.finish(sensor.memory());
        outpost.close();
        lost.map_or(Ok(()), Err)
    }

    /// Numbers an event and hands it on.
    fn take(&mut self, event: &Event) {
        if matches!(event, Event::Sign { .. }) {
            if self.signs.0.elapsed() >= Duration::from_secs(60) {
                self.signs = (Instant::now(), 0);
            }
            self.signs.1 += 1;
            if self.signs.1 > SIGNS_A_MINUTE_MAX {
                self.unnumbered += 1;
                return;
            }
        }
        self.numbered += 1;
        let observation = Observation::new(self.numbered, event);
        let log = &self.outpost.log;
        let seen = match event {
            Event::Verdict(verdict) => Some(verdict.text(log.language())),
            Event::Breach(breach) => Some(breach.text(log.language())),
            _ => None,
        };
        if let Some(text) = seen {
            let facts = [
                ("kind", observation.kind.clone()),
                ("mac", observation.mac.clone().unwrap_or_default()),
                ("text", text),
                ("frame", observation.frame.to_string()),
                ("sequence", observation.sequence.to_string()),
            ];
            log.event(clock::now(), log::Event::SensorSaw, &facts);
        }
        // OK because the number of one that does not fit is missing from now on, which is how the
        // service hears of it.
        let _ = self.outpost.observations.try_send(observation);
    }

    /// Shows the counters, and forgets stations whose session is over.
    fn look(&mut self) {
        let heard: Vec<Heard> = self.outpost.heard.try_iter().collect();
        for Heard { ended, words, hints, plan } in heard {
            if let Some(hash) = plan {
                self.plans.heard(hash);
            }
            for mac in ended {
                self.sensor.end_sessions(mac);
            }
            for hint in &hints {
                self.sensor.hear(hint);
                while let Some(event) = self.sensor.poll_event() {
                    self.take(&event);
                }
            }
            for (change, accepted) in words {
                // One that is not there was forgotten, and is told of anew when it is seen.
                self.sensor.decide(change, accepted);
                self.outpost.shared.took(change, accepted);
            }
        }
        if let Some(outcome) = self.plans.poll() {
            self.follow(outcome);
        }
        let revision = self.sensor.revision();
        if revision != self.kept.1 && self.kept.0.elapsed() >= KEEP_EVERY {
            let taken = self.keeper.keep(self.sensor.memory());
            self.kept = (Instant::now(), if taken { revision } else { self.kept.1 });
        }
        let dropped = self.mirror.dropped();
        if dropped > self.dropped_told {
            let facts = [
                ("interface", self.place.interface.clone()),
                ("count", (dropped - self.dropped_told).to_string()),
            ];
            self.outpost.log.event(clock::now(), log::Event::SensorDropped, &facts);
            self.dropped_told = dropped;
        }
        let counters = self.sensor.counters();
        let pulse = Pulse {
            frames: counters.frames,
            flawed: counters.flawed,
            dropped,
            evicted: self.sensor.evicted(),
            lost: self.unnumbered + counters.events_lost + counters.breaches_held,
            stations: self.sensor.stations() as u64,
            misses: 0,
        };
        self.outpost.shared.count(pulse);
    }

    /// Goes on with another plan, or says why not.
    fn follow(&mut self, outcome: Outcome) {
        let (now, log) = (clock::now(), &self.outpost.log);
        let id = || ("sensor", self.place.id.clone());
        match outcome {
            Outcome::Changed(followed, by) => {
                let Followed { knowledge, place, plan } = *followed;
                self.sensor.follow(knowledge);
                let standing =
                    Standing { plan: hex(&plan.content_hash), since: now, refused: None };
                let facts = [id(), ("plan", short(&standing.plan)), ("by", by)];
                log.event(now, log::Event::SensorFollows, &facts);
                *lock(&self.shown) = standing;
                let opened = |it: &SensorPlace| (it.interface.clone(), it.server.clone());
                if opened(&place) != opened(&self.place) || plan.server.language != self.language {
                    log.event(now, log::Event::SensorRestart, &[id()]);
                }
            }
            Outcome::Unchanged(by) => {
                lock(&self.shown).refused = None;
                log.event(now, log::Event::SensorFollowsOn, &[id(), ("by", by)]);
            }
            Outcome::Differs(found) => {
                let facts = [id(), ("plan", short(&found))];
                log.event(now, log::Event::SensorDiffers, &facts);
                lock(&self.shown).refused = Some("differs".to_owned());
            }
            Outcome::Refused(refused, by) => {
                let cause = refused.failure.message(self.language);
                let facts = [id(), ("by", by), ("cause", cause.clone())];
                log.event(now, log::Event::SensorKeeps, &facts);
                log.findings(now, &refused.findings);
                lock(&self.shown).refused = Some(cause);
            }
        }
    }
}

/// A hash as people compare it.
fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

/// Which plan is followed; nothing that panics holds the lock.
fn lock(standing: &Mutex<Standing>) -> MutexGuard<'_, Standing> {
    standing.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes back what an earlier run learnt.
fn remember(
    sensor: &mut Sensor,
    state: &Path,
    place: &SensorPlace,
    now: Timestamp,
    log: &Log,
) -> Result<(), Failure> {
    match memory::read(state, &place.id, now)? {
        Found::Nothing => {}
        Found::Whole(memory) => {
            sensor.recall(&memory);
            let facts = [("sensor", place.id.clone()), ("count", sensor.settled().to_string())];
            log.event(now, log::Event::SensorRemembers, &facts);
        }
        Found::SetAside(path, cause) => {
            let facts = [("path", path.display().to_string()), ("cause", cause)];
            log.event(now, log::Event::SensorMemoryBad, &facts);
        }
    }
    Ok(())
}

/// What `sekisho sensor status` shows.
fn shown(
    place: &SensorPlace,
    since: Timestamp,
    shared: &Shared,
    standing: &Mutex<Standing>,
) -> Value {
    let (pulse, line) = (shared.pulse(), shared.line());
    let standing = lock(standing).clone();
    json!({
        "sensor": place.id,
        "interface": place.interface,
        "since": since.rfc3339(),
        "frames": pulse.frames,
        "flawed": pulse.flawed,
        "dropped": pulse.dropped,
        "evicted": pulse.evicted,
        "stations": pulse.stations,
        "acknowledged": line.acknowledged,
        "waiting": line.waiting,
        "lost": pulse.lost + line.lost,
        "away": line.away,
        "plan": standing.plan,
        "plan_since": standing.since.rfc3339(),
        "plan_refused": standing.refused,
    })
}
