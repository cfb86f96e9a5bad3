//! From a site's files to something that can be put in force: compiled, its credentials read.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::weakening::refuse_weaker;
use crate::access::Snapshot;
use crate::plan::{self, Credentials, Finding, Plan, Severity, Sources};
use crate::proof::{AcceptedPlan, Change};
use crate::shell::store::Store;
use crate::shell::{Failure, FailureKind, log, sources};
use crate::vocabulary::{Language, Marks, Timestamp};

/// Where a site's files and secrets come from.
pub trait Material: Send {
    /// The files of `config/` and `topology/`.
    ///
    /// # Errors
    /// They cannot be read.
    fn sources(&self) -> Result<Sources, Failure>;

    /// The secrets that a plan needs, and what is wrong with them; `None` when the plan cannot
    /// be served with what is there.
    ///
    /// # Errors
    /// They cannot be read.
    fn credentials(
        &self,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<(Option<Credentials>, Vec<Finding>), Failure>;

    /// Fits a plan to the machine; the files themselves stay what they are.
    fn fit(&self, plan: Plan) -> Plan {
        plan
    }
}

/// A site in three directories, as every real one is.
#[derive(Clone, Debug)]
pub struct Directories {
    /// `config/`.
    pub config: PathBuf,
    /// `topology/`.
    pub topology: PathBuf,
    /// `secrets/`.
    pub secrets: PathBuf,
}

impl Material for Directories {
    fn sources(&self) -> Result<Sources, Failure> {
        let mut config = sources::read_tree(&self.config)?;
        config.retain(|path, _| plan::concerns(path));
        let topology = sources::read_tree(&self.topology)?;
        Ok(Sources { config, topology })
    }

    fn credentials(
        &self,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<(Option<Credentials>, Vec<Finding>), Failure> {
        Ok(plan::credentials(plan, sources::read_secrets(&self.secrets)?, now))
    }
}

/// Why a plan was not put into service.
#[derive(Clone, Debug)]
pub struct Refused {
    /// In one sentence.
    pub failure: Failure,
    /// In detail.
    pub findings: Vec<Finding>,
    /// What would change, where that is the reason.
    pub changes: Vec<Change>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, findings: Vec::new(), changes: Vec::new() }
    }
}

/// A plan and everything needed to serve it, not yet in force.
pub(super) struct Candidate {
    pub(super) sources: Sources,
    pub(super) plan: AcceptedPlan,
    pub(super) credentials: Credentials,
    pub(super) findings: Vec<Finding>,
}

/// What happened while the first plan was chosen, to be logged once there is a log.
pub(super) struct Start {
    pub(super) candidate: Candidate,
    pub(super) generation: u64,
    pub(super) events: Vec<log::Said>,
    pub(super) findings: Vec<Finding>,
}

/// Compiles and proves files; with the plan come the findings that do not refuse it.
///
/// # Errors
/// A plan of these files cannot be served.
pub fn prove(
    sources: &Sources,
    fit: impl FnOnce(Plan) -> Plan,
    now: Timestamp,
) -> Result<(AcceptedPlan, Vec<Finding>), Refused> {
    let refused = |findings: Vec<Finding>| {
        let errors = findings.iter().filter(|each| each.severity() == Severity::Error).count();
        let failure = Failure::new(FailureKind::PlanRefused).fact("errors", errors);
        Refused { failure, findings, changes: Vec::new() }
    };
    let compiled = plan::compile(sources, now);
    let mut findings = compiled.findings;
    let Some(plan) = compiled.plan else { return Err(refused(findings)) };
    match AcceptedPlan::new(fit(plan), now) {
        Ok((plan, proven)) => {
            findings.extend(proven);
            Ok((plan, findings))
        }
        Err(more) => {
            findings.extend(more);
            Err(refused(findings))
        }
    }
}

/// Compiles files and reads the credentials of the plan they make.
pub(super) fn load(
    material: &dyn Material,
    sources: Sources,
    now: Timestamp,
) -> Result<Candidate, Refused> {
    let candidate = load_for_start(material, sources, now)?;
    match candidate.credentials.left_out {
        0 => Ok(candidate),
        count => Err(credentials_refused(count, candidate.findings)),
    }
}

/// The same where nobody is served yet: what is left out keeps no answer from the others.
fn load_for_start(
    material: &dyn Material,
    sources: Sources,
    now: Timestamp,
) -> Result<Candidate, Refused> {
    let (plan, mut findings) = prove(&sources, |plan| material.fit(plan), now)?;
    let (credentials, more) = material.credentials(&plan, now)?;
    let count = more.len();
    findings.extend(more);
    let Some(credentials) = credentials else {
        return Err(credentials_refused(count, findings));
    };
    Ok(Candidate { sources, plan, credentials, findings })
}

fn credentials_refused(count: usize, findings: Vec<Finding>) -> Refused {
    let failure = Failure::new(FailureKind::CredentialsRefused).fact("count", count);
    Refused { failure, findings, changes: Vec::new() }
}

/// The plan to start with: the files if they can be served and were not set aside by a rollback,
/// else the last one accepted, loudly. A new one is accepted when the store is settled.
pub(super) fn choose(
    material: &dyn Material,
    store: Option<&mut Store>,
    now: Timestamp,
) -> Result<Start, Refused> {
    let fresh = material.sources().map_err(Refused::from);
    let fresh = fresh.and_then(|sources| load_for_start(material, sources, now));
    let Some(store) = store else {
        let mut candidate = fresh?;
        let findings = std::mem::take(&mut candidate.findings);
        return Ok(Start { candidate, generation: 1, events: Vec::new(), findings });
    };
    let newest = store.newest()?;
    let aside = store.set_aside()?;
    // Files changed while the service was down ask for the same acceptance as a reload, but for
    // those that a rollback set aside, which are not used anyway.
    let fresh = fresh.and_then(|candidate| {
        let hash = candidate.plan.content_hash;
        let known = newest.as_ref().filter(|it| it.content_hash != hash && aside != Some(hash));
        if let Some(newest) = known {
            let (_, sources) = store.load(newest.generation)?;
            // One that this version can no longer read has nothing to compare.
            if let Some(plan) = plan::compile(&sources, now).plan {
                refuse_weaker(&plan, &candidate.plan, now)?;
            }
        }
        Ok(candidate)
    });
    let (event, cause, findings) = match (fresh, &newest) {
        (Ok(candidate), Some(_)) if aside == Some(candidate.plan.content_hash) => {
            (log::Event::PlanSetAside, None, candidate.findings)
        }
        (Ok(mut candidate), newest) => {
            let known =
                newest.as_ref().filter(|newest| newest.content_hash == candidate.plan.content_hash);
            let accept = |store: &mut Store| {
                store.hold()?;
                store.accept(&candidate.sources, "start", now)
            };
            let mut events = Vec::new();
            let generation = match known {
                Some(newest) => newest.generation,
                // A disk that is full keeps nobody out: the number is taken when it has room.
                None => accept(store).map_or_else(
                    |failure| {
                        store.let_go();
                        events.push(unstored(&failure, candidate.plan.server.language));
                        newest.as_ref().map_or(0, |newest| newest.generation) + 1
                    },
                    |accepted| accepted.generation,
                ),
            };
            let findings = std::mem::take(&mut candidate.findings);
            return Ok(Start { candidate, generation, events, findings });
        }
        (Err(refused), None) => return Err(refused),
        (Err(refused), Some(_)) => {
            (log::Event::PlanFallback, Some(refused.failure), refused.findings)
        }
    };
    let Some(newest) = newest else {
        return Err(Failure::new(FailureKind::GenerationUnknown).fact("generation", 0).into());
    };
    let (_, sources) = store.load(newest.generation)?;
    let mut candidate = load_for_start(material, sources, now)?;
    candidate.findings.clear();
    let mut facts = vec![("generation", newest.generation.to_string())];
    facts.extend(cause.map(|cause| ("cause", cause.message(candidate.plan.server.language))));
    let events = vec![(event, facts)];
    Ok(Start { candidate, generation: newest.generation, events, findings })
}

/// Says that the plan now served is not kept.
pub(super) fn unstored(failure: &Failure, language: Language) -> log::Said {
    (log::Event::StoreFailed, vec![("cause", failure.message(language))])
}

pub(super) fn snapshot(
    generation: u64,
    candidate: &Candidate,
    marks: Marks,
    learned: &HashSet<String>,
    previous: Option<&Snapshot>,
) -> Result<Snapshot, Failure> {
    let plan = Arc::clone(candidate.plan.shared());
    Snapshot::new(generation, plan, &candidate.credentials, marks, learned, previous)
        .map_err(|cause| Failure::new(FailureKind::SnapshotRefused).fact("cause", cause))
}
