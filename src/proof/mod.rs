//! Proves that environments cannot meet beyond the permitted flows, whatever port is assigned
//! and whichever link fails, or shows how they can.
//!
//! Everything that could ever be up is up at once: every link of a ring, every member of a
//! bundle, every VLAN a port could be assigned, every gateway and its standby. What may be sent
//! only grows by that, so what is impossible here is impossible in every state that failures and
//! assignments leave. Availability (rule R24) is the opposite question and asked separately.
//!
//! May not change the plan or read the clock.

mod attachment;
mod availability;
mod change;
mod exception;
mod flow;
mod header;
mod landing;
mod layer2;
mod layer3;
mod nowhere;
mod separation;
mod standing;
#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use change::{Change, ChangeKind, change_hash, changes};
pub use header::{Header, IPV4, MACS, Span, address, addresses, ports, subtract};
pub use layer3::others;
pub use separation::Crossing;
pub use standing::{Standing, concerns, standings};

use crate::plan::{Edition, Finding, Plan, Severity};
use crate::vocabulary::Timestamp;

/// The rules of separation that the plan alone decides. R17, R18, R19, R21 and R22 need what
/// only the running network shows. R25 the plan can only show to be broken: by what version
/// switches are asked stands in it, not by what else they may be managed.
pub const STATIC_RULES: &[&str] = &[
    "R01", "R02", "R03", "R04", "R05", "R06", "R07", "R08", "R09", "R10", "R11", "R12", "R13",
    "R14", "R15", "R16", "R20", "R23", "R24",
];

/// What was proven of a plan.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What speaks against it, with witnesses, by rule.
    pub findings: Vec<Finding>,
    /// What crosses from each environment into each other, permitted or not.
    pub crossings: Vec<Crossing>,
}

impl Proof {
    /// Whether nothing but what an exception allows speaks against the plan.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity() < Severity::Error)
    }
}

/// Proves a plan, as the edition of the guideline asks that it names itself or that is given.
/// `now` decides which exceptions still excuse, never whether something unexcused is an error.
#[must_use]
pub fn prove(plan: &Plan, edition: Option<Edition>, now: Timestamp) -> Proof {
    let mut proof = prove_separation(plan, edition, now);
    nowhere::check(plan, now, &mut proof.findings);
    proof.findings.sort_by_key(|finding| {
        (
            std::cmp::Reverse(finding.severity()),
            finding.kind.id(),
            finding.at.as_ref().map(|at| at.line),
        )
    });
    proof
}

/// The same without what the inventory alone is about: two plans are compared by this.
fn prove_separation(plan: &Plan, edition: Option<Edition>, now: Timestamp) -> Proof {
    let edition = edition.unwrap_or(plan.edition);
    let segments = layer2::Segments::of(plan);
    let mut findings = Vec::new();
    separation::joined(plan, &segments, &mut findings);
    let crossings = separation::crossings(plan, &segments, &mut findings);
    flow::check(plan, &crossings, edition, &mut findings);
    attachment::check(plan, &segments, edition, &mut findings);
    availability::check(plan, &mut findings);
    exception::excuse(plan, &mut findings, now);
    Proof { findings, crossings }
}

/// A plan that was proven; only such a one can be served.
#[derive(Clone, Debug)]
pub struct AcceptedPlan(Arc<Plan>);

impl AcceptedPlan {
    /// Accepts a plan that holds.
    ///
    /// # Errors
    /// Everything found, at least one of it an error.
    pub fn new(plan: Plan, now: Timestamp) -> Result<(Self, Vec<Finding>), Vec<Finding>> {
        let proof = prove(&plan, None, now);
        if proof.holds() { Ok((Self(Arc::new(plan)), proof.findings)) } else { Err(proof.findings) }
    }

    /// The plan, to be shared by those who serve it.
    #[must_use]
    pub const fn shared(&self) -> &Arc<Plan> {
        &self.0
    }
}

impl std::ops::Deref for AcceptedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0
    }
}
