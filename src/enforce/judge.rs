//! Decides on a live session again, by the plan, marks and trust of this moment.

use rustls::pki_types::CertificateDer;

use crate::access::Snapshot;
use crate::eap::certificate;
use crate::ledger::{Attachment, Point};
use crate::plan::Plan;
use crate::policy::{Decision, Evidence, Verdict, decide};
use crate::vocabulary::{
    Because, Claimed, Moment, Place, Point as At, Proven, Reason, SwitchIndex, VlanId,
};

/// What a session should become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// No session at all.
    Cut,
    /// Another environment, VLAN or filter.
    Move {
        /// The environment's id.
        environment: String,
        /// Its VLAN there.
        vlan: VlanId,
        /// Whether it is the quarantine.
        quarantine: bool,
    },
    /// A new beginning, because an operator says so.
    Renewal,
}

impl Wanted {
    /// Whether the device must not stay where it is while it is asked to authenticate anew: one
    /// that does not answer would stay.
    pub(super) const fn is_urgent(&self) -> bool {
        match self {
            Self::Cut | Self::Renewal => true,
            Self::Move { quarantine, .. } => *quarantine,
        }
    }
}

/// Where an attachment is in a plan; `None` when the plan has no such switch. A port that is
/// gone from the plan stays a place, of which nothing is known.
pub(super) fn place(plan: &Plan, attachment: &Attachment) -> Option<Place> {
    let switch = plan.switch_by_id(&attachment.key.switch)?;
    let point = match &attachment.key.point {
        Point::Port(name) => {
            plan.port_by_name(switch, name).map_or_else(|| At::Unknown(name.to_string()), At::Port)
        }
        Point::Network(ssid) => {
            At::Wireless { ssid: ssid.to_string(), access_point: attachment.access_point }
        }
    };
    Some(Place { switch, point })
}

/// Decides on an attachment anew. `verify` is false only where the chain was verified by the
/// very trust of this snapshot before, and only marks have changed since.
pub(super) fn judge(
    snapshot: &Snapshot,
    attachment: &Attachment,
    now: Moment,
    verify: bool,
) -> Decision {
    let plan = &snapshot.plan;
    let Some(place) = place(plan, attachment) else {
        let because = Because::new(Reason::PlaceUnknown).fact("place", &attachment.key);
        return Decision::refuse(because);
    };
    match evidence(snapshot, attachment, place.switch, now, verify) {
        Ok(evidence) => decide(plan, &snapshot.marks, &evidence, &place, now.wall),
        Err(because) => Decision::refuse(*because),
    }
}

fn evidence(
    snapshot: &Snapshot,
    attachment: &Attachment,
    switch: SwitchIndex,
    now: Moment,
    verify: bool,
) -> Result<Evidence, Box<Because>> {
    let mac = Claimed(attachment.key.mac);
    let Some(end_entity) = attachment.chain.first() else {
        let profile = snapshot.plan.profile_of(switch);
        if let Some(profile) = profile.filter(|profile| profile.request.mab_forms.is_empty()) {
            let because = Because::new(Reason::MabFormForbidden).fact("form", "-");
            return Err(Box::new(because.fact("profile", &profile.id)));
        }
        return Ok(Evidence::Mac(mac));
    };
    let certificate = if verify {
        let chain: Vec<CertificateDer<'_>> =
            attachment.chain.iter().map(|each| CertificateDer::from(each.as_slice())).collect();
        snapshot.verify(now, &chain).map_err(Box::new)?
    } else {
        certificate::read(end_entity).map_err(|fault| {
            Box::new(Because::new(Reason::CertificateMalformed).fact("fault", fault.id()))
        })?
    };
    // OK because it was verified just above, or at its admission under the same trust.
    Ok(Evidence::Certificate { mac, certificate: Proven::after_verification(certificate) })
}

/// What must become of an attachment by this decision; `None` when it is as it should be.
pub(super) fn wanted(plan: &Plan, attachment: &Attachment, decision: &Decision) -> Option<Wanted> {
    let Some(entry) = decision.entry() else { return Some(Wanted::Cut) };
    let environment = plan.environment_id(entry.environment);
    let same = environment == attachment.environment
        && entry.vlan == attachment.vlan
        && entry.filter == attachment.filter;
    (!same).then(|| Wanted::Move {
        environment: environment.to_owned(),
        vlan: entry.vlan,
        quarantine: matches!(decision.verdict, Verdict::Quarantine(_)),
    })
}
