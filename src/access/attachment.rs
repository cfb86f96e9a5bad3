//! What the ledger is told of a decision: which session it opens or closes, and by which words
//! the switch knows it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use super::answer;
use super::request::{Course, Site};
use crate::ledger::{Attachment, Chain, Input, Key, Point, Session};
use crate::plan::{Plan, ReplyOmit};
use crate::policy::{Decision, Entry};
use crate::vocabulary::{
    EnvironmentIndex, Mac, Moment, Octets, Place, Point as At, Timestamp, VlanId,
};
use crate::wire::radius::attribute;

/// What a decision means for the session at its place, in the plan's numbers: it becomes words
/// where it is taken in, not where switches wait for answers.
#[derive(Clone, Debug)]
pub struct Attached {
    plan: Arc<Plan>,
    place: Place,
    mac: Mac,
    /// The session, where one was opened.
    open: Option<Open>,
}

#[derive(Clone, Debug)]
struct Open {
    environment: EnvironmentIndex,
    vlan: VlanId,
    filter: Option<String>,
    chain: Option<Chain>,
    user: Octets,
    nas_port: Option<u32>,
    nas_port_id: Option<Octets>,
    id: Option<Octets>,
    nas: IpAddr,
    local: IpAddr,
    generation: u64,
    since: Timestamp,
    lasts: Option<Duration>,
}

impl Attached {
    /// The switch, when somebody came or went there by cable, so that its tables change.
    #[must_use]
    pub fn moves(&self) -> Option<&str> {
        match self.place.point {
            At::Port(_) => self.plan.switch(self.place.switch).map(|switch| switch.id.as_str()),
            At::Wireless { .. } | At::Unknown(_) => None,
        }
    }

    /// The same for the ledger; `None` at a place that the plan does not know, where nothing can
    /// be open.
    #[must_use]
    pub fn input(self) -> Option<Input> {
        let key = key(&self.plan, &self.place, self.mac)?;
        let Some(open) = self.open else { return Some(Input::Refused(Box::new(key))) };
        let access_point = match &self.place.point {
            At::Wireless { access_point, .. } => *access_point,
            At::Port(_) | At::Unknown(_) => None,
        };
        let attachment = Attachment {
            key,
            access_point,
            chain: open.chain.unwrap_or_default(),
            environment: self.plan.environment_id(open.environment).into(),
            vlan: open.vlan,
            filter: open.filter,
            session: Session {
                user: open.user,
                nas_port: open.nas_port,
                nas_port_id: open.nas_port_id,
                id: open.id,
                nas: open.nas,
                local: open.local,
            },
            generation: open.generation,
            since: open.since,
            lasts: open.lasts,
        };
        Some(Input::Attached(Box::new(attachment)))
    }
}

/// What becomes of the session of `mac` at its place.
pub(super) fn attached(
    now: Moment,
    point: &Site<'_>,
    decision: &Decision,
    course: &Course<'_>,
    mac: Mac,
) -> Attached {
    let (snapshot, packet) = (point.request.snapshot, point.request.packet);
    let raw = |kind| packet.first(kind).map(Octets::from_slice);
    let open = |entry: &Entry| {
        let omits = point.profile.reply.omit.contains(&ReplyOmit::SessionTimeout);
        let lasts = answer::session_seconds(point.profile, entry, now.wall).filter(|_| !omits);
        Open {
            environment: entry.environment,
            vlan: entry.vlan,
            filter: entry.filter.clone(),
            chain: course.handshake.map(|found| Arc::clone(&found.chain)),
            user: raw(attribute::USER_NAME).unwrap_or_default(),
            nas_port: packet.integer(attribute::NAS_PORT),
            nas_port_id: raw(attribute::NAS_PORT_ID),
            id: raw(attribute::ACCT_SESSION_ID),
            nas: point.request.copy.source.ip(),
            local: point.request.copy.local.ip(),
            generation: snapshot.generation,
            since: now.wall,
            lasts: lasts.map(|seconds| Duration::from_secs(u64::from(seconds))),
        }
    };
    let (plan, place) = (Arc::clone(&snapshot.plan), point.place.clone());
    Attached { plan, place, mac, open: decision.entry().map(open) }
}

/// The name of whatever an address has open at a place; `None` at a place that the plan does not
/// know, where nothing can be open.
pub(super) fn key(plan: &Plan, place: &Place, mac: Mac) -> Option<Key> {
    let switch = SmolStr::new(&plan.switch(place.switch)?.id);
    let point = match &place.point {
        At::Port(port) => Point::Port(SmolStr::new(&plan.port(place.switch, *port)?.name)),
        At::Wireless { ssid, .. } => Point::Network(ssid.into()),
        At::Unknown(_) => return None,
    };
    Some(Key { switch, point, mac })
}
