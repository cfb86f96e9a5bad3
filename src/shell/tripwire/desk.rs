//! What every socket of the responder shares: the zone, the limit, the counts, and who was told of
//! already.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde_json::{Value, json};

use crate::sensor::{Observation, Pulse};
use crate::shell::clock::Clock;
use crate::shell::log::{self, Log};
use crate::tripwire::{LabelHash, Limiter, Outcome, Permit, SourceNetwork, Transport, Zone, web};

/// How long the same label is told of once from one network: resolvers ask again, browsers ask for
/// more types, and the answer may be kept for half a minute only.
const AGAIN: Duration = Duration::from_secs(60);
/// The same from another network.
const ELSEWHERE: Duration = Duration::from_secs(1);

/// What is counted.
#[derive(Debug, Default)]
struct Counts {
    queries: AtomicU64,
    requests: AtomicU64,
    named: AtomicU64,
    misses: AtomicU64,
    refused: AtomicU64,
    malformed: AtomicU64,
    ignored: AtomicU64,
    limited: AtomicU64,
}

/// Hits told, in order.
struct Told {
    sequence: u64,
    /// When and from where a label was told of, by DNS or HTTP; labels in force alone, so bounded
    /// by their number.
    last: HashMap<(LabelHash, &'static str), (Duration, SourceNetwork)>,
    observations: SyncSender<Observation>,
}

/// Answers whatever a socket takes in.
pub(super) struct Desk {
    zone: RwLock<Arc<Zone>>,
    limiter: Mutex<Limiter>,
    /// `None` once the responder ends.
    told: Mutex<Option<Told>>,
    counts: Counts,
    closed: AtomicBool,
    clock: Clock,
    log: Log,
}

impl Desk {
    pub(super) fn new(
        zone: Zone,
        seed: &[u8; 32],
        log: Log,
        observations: SyncSender<Observation>,
    ) -> Self {
        let seed = seed.first_chunk::<8>().map_or(0, |octets| u64::from_be_bytes(*octets));
        Self {
            zone: RwLock::new(Arc::new(zone)),
            limiter: Mutex::new(Limiter::new(seed)),
            told: Mutex::new(Some(Told { sequence: 0, last: HashMap::new(), observations })),
            counts: Counts::default(),
            closed: AtomicBool::new(false),
            clock: Clock::start(),
            log,
        }
    }

    /// Goes on with another zone.
    pub(super) fn replace(&self, zone: Zone) {
        *self.zone.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(zone);
        if let Some(told) = self.told.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            told.last.clear();
        }
    }

    /// Answers no more, and lets go of the way to the courier.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether [`Desk::close`] was called.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn zone(&self) -> Arc<Zone> {
        Arc::clone(&self.zone.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The answer to a query, if there is one. A hit is told whatever the limit says, or a flood
    /// from a carrier's network would hide it.
    pub(super) fn query(
        &self,
        octets: &[u8],
        source: IpAddr,
        transport: Transport,
    ) -> Option<Vec<u8>> {
        count(&self.counts.queries);
        let answer = self.zone().answer(octets, transport);
        self.note(answer.outcome, answer.hit, source, "dns");
        answer.octets.as_ref()?;
        // Who asks by TCP is who it says to be.
        if transport == Transport::Tcp {
            return answer.octets;
        }
        match self.permit(source) {
            Permit::Answer => answer.octets,
            Permit::Truncate => answer.truncate().octets,
            Permit::Drop => None,
        }
    }

    /// The response to the head of a request.
    pub(super) fn request(&self, head: &[u8], source: IpAddr) -> Vec<u8> {
        count(&self.counts.requests);
        let (response, outcome, hit) = web::answer(&self.zone(), head);
        self.note(outcome, hit, source, "http");
        response
    }

    fn permit(&self, source: IpAddr) -> Permit {
        let now = self.clock.now().monotonic;
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        let permit = limiter.take(now, SourceNetwork::of(source));
        if permit != Permit::Answer {
            count(&self.counts.limited);
        }
        permit
    }

    fn note(&self, outcome: Outcome, hit: Option<LabelHash>, source: IpAddr, by: &'static str) {
        match outcome {
            Outcome::Named => count(&self.counts.named),
            Outcome::Missed => count(&self.counts.misses),
            Outcome::Refused => count(&self.counts.refused),
            Outcome::Malformed => count(&self.counts.malformed),
            Outcome::Ignored => count(&self.counts.ignored),
            Outcome::Apex => {}
        }
        if let Some(hit) = hit {
            self.tell(hit, source, by);
        }
    }

    /// Logs a hit and hands it to the courier, once in a while for each label.
    fn tell(&self, label: LabelHash, source: IpAddr, by: &'static str) {
        let now = self.clock.now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = told.as_mut() else { return };
        let network = SourceNetwork::of(source);
        let recent = told.last.get(&(label, by)).is_some_and(|(last, known)| {
            let span = if *known == network { AGAIN } else { ELSEWHERE };
            now.monotonic < *last + span
        });
        if recent {
            return;
        }
        told.last.insert((label, by), (now.monotonic, network));
        told.sequence += 1;
        let (label, network) = (label.to_string(), network.to_string());
        let facts = [("label", label.clone()), ("network", network.clone()), ("by", by.to_owned())];
        self.log.event(now.wall, log::Event::TripwireHit, &facts);
        let hit = Observation::hit(told.sequence, label, network, by, now.wall.rfc3339());
        // OK because the number of one that does not fit is missing from now on, which is how the
        // service hears of it.
        let _ = told.observations.try_send(hit);
    }

    /// What the service is told.
    pub(super) fn pulse(&self) -> Pulse {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { queries, requests, misses, malformed, .. } = &self.counts;
        Pulse {
            frames: of(queries).saturating_add(of(requests)),
            flawed: of(malformed),
            stations: self.zone().labels() as u64,
            misses: of(misses),
            ..Pulse::default()
        }
    }

    /// What an operator is shown.
    pub(super) fn counts(&self) -> Value {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { queries, requests, named, misses, refused, malformed, ignored, limited } =
            &self.counts;
        json!({
            "labels": self.zone().labels(),
            "queries": of(queries),
            "requests": of(requests),
            "named": of(named),
            "misses": of(misses),
            "refused": of(refused),
            "malformed": of(malformed),
            "ignored": of(ignored),
            "limited": of(limited),
        })
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
