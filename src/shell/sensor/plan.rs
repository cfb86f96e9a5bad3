//! The plan that a running sensor follows.
//!
//! Files are read, compiled and proven on a thread of their own, as often as somebody asks
//! (SIGHUP) or the service says to have another plan in force, so that frames wait for nobody. A
//! plan that is refused changes nothing. What the service has in force is taken when the files
//! here say the same; when they do not, that is told, and looked at again.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use crate::plan::{Plan, SensorPlace};
use crate::proof::AcceptedPlan;
use crate::sensor::Knowledge;
use crate::shell::process::stand_back;
use crate::shell::service::{Directories, Material as _, Refused, prove};
use crate::shell::{Failure, FailureKind, clock};
use crate::vocabulary::{VlanId, hex};

/// From one look at files that are not what the service has in force to the next.
const AGAIN: Duration = Duration::from_secs(60);
/// Who asks, where it is the service.
const SERVICE: &str = "service";

/// What a sensor goes on with.
pub struct Followed {
    /// What it knows beforehand.
    pub knowledge: Knowledge,
    /// Where the plan has it stand.
    pub place: SensorPlace,
    /// The plan.
    pub plan: AcceptedPlan,
}

/// What came of looking at the files.
pub enum Outcome {
    /// Another plan, asked for by whom.
    Changed(Box<Followed>, String),
    /// They say what is in force here already.
    Unchanged(String),
    /// They say what neither is in force here nor at the service.
    Differs(String),
    /// They are refused.
    Refused(Box<Refused>, String),
}

/// Reads plans when that is asked for.
pub struct Plans {
    directories: Directories,
    id: String,
    /// Raised by SIGHUP.
    pub asked: Arc<AtomicBool>,
    /// The plan in force here, by its hash.
    hash: String,
    /// What the service has in force, as long as that is another.
    wanted: Option<String>,
    looked: Option<Instant>,
    /// What the service had in force and what the files said when that was told: it is told once.
    told: Option<(String, String)>,
    under_way: Option<Receiver<Outcome>>,
}

/// What a plan says to a sensor.
pub fn knowledge(plan: &Plan, place: &SensorPlace) -> Knowledge {
    let mut knowledge = Knowledge::of_plan(plan, place.vantage);
    knowledge.untagged = place.untagged.map(VlanId::get);
    knowledge
}

impl Plans {
    /// Follows the files that `plan` was read from.
    pub fn new(config: PathBuf, topology: PathBuf, plan: &Plan, id: &str) -> Self {
        Self {
            directories: Directories { config, topology, secrets: PathBuf::new() },
            id: id.to_owned(),
            asked: Arc::default(),
            hash: hex(&plan.content_hash),
            wanted: None,
            looked: None,
            told: None,
            under_way: None,
        }
    }

    /// The service says what it has in force.
    pub fn heard(&mut self, hash: String) {
        if self.wanted.as_ref() != Some(&hash) {
            self.looked = None;
        }
        self.wanted = (hash != self.hash).then_some(hash);
    }

    /// Looks at the files when it is time to, and says what came of it.
    pub fn poll(&mut self) -> Option<Outcome> {
        if let Some(under_way) = &self.under_way {
            let outcome = match under_way.try_recv() {
                Ok(outcome) => Some(outcome),
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => None,
            };
            self.under_way = None;
            return outcome.filter(|outcome| self.is_news(outcome));
        }
        let asked = self.asked.swap(false, Ordering::Relaxed);
        let due = self.looked.is_none_or(|looked| looked.elapsed() >= AGAIN);
        let wanted = self.wanted.clone().filter(|_| due && !asked);
        if asked || wanted.is_some() {
            self.looked = Some(Instant::now());
            self.look(wanted);
        }
        None
    }

    /// Takes note of what came; says whether it is to be told.
    fn is_news(&mut self, outcome: &Outcome) -> bool {
        let found = match outcome {
            Outcome::Changed(followed, _) => {
                self.hash = hex(&followed.plan.content_hash);
                self.wanted.take_if(|wanted| *wanted == self.hash);
                self.told = None;
                return true;
            }
            Outcome::Unchanged(_) => return true,
            Outcome::Refused(_, by) if by != SERVICE => return true,
            Outcome::Refused(..) => String::new(),
            Outcome::Differs(found) => found.clone(),
        };
        let now = (self.wanted.clone().unwrap_or_default(), found);
        self.told.replace(now.clone()) != Some(now)
    }

    /// Starts to look; `wanted` is the only plan that is taken, when the service asks.
    fn look(&mut self, wanted: Option<String>) {
        let (directories, id, hash) =
            (self.directories.clone(), self.id.clone(), self.hash.clone());
        let (tell, under_way) = channel();
        let by = if wanted.is_some() { SERVICE } else { "SIGHUP" }.to_owned();
        let begun = std::thread::Builder::new().name("plan".to_owned()).spawn(move || {
            stand_back();
            // OK because a sensor that ends asks no more.
            let _ = tell.send(look(&directories, &id, &hash, wanted.as_deref(), by));
        });
        // A machine without room for a thread is asked again.
        self.under_way = begun.is_ok().then_some(under_way);
    }
}

fn look(
    directories: &Directories,
    id: &str,
    hash: &str,
    wanted: Option<&str>,
    by: String,
) -> Outcome {
    let sources = match directories.sources() {
        Ok(sources) => sources,
        Err(failure) => return Outcome::Refused(Box::new(failure.into()), by),
    };
    let found = hex(&sources.content_hash());
    if wanted.is_some_and(|wanted| wanted != found) {
        return Outcome::Differs(found);
    }
    if found == hash {
        return Outcome::Unchanged(by);
    }
    let followed = prove(&sources, |plan| plan, clock::now()).and_then(|(plan, _)| {
        let place = plan.sensors.expected(id).cloned();
        let unknown = || Failure::new(FailureKind::SensorUnknown).fact("sensor", id);
        let place = place.ok_or_else(unknown)?;
        Ok(Box::new(Followed { knowledge: knowledge(&plan, &place), place, plan }))
    });
    match followed {
        Ok(followed) => Outcome::Changed(followed, by),
        Err(refused) => Outcome::Refused(Box::new(refused), by),
    }
}
