//! What the ledger is told of a decision: which session it opens or closes, and by which words
//! the switch knows it.

use std::time::Duration;

use super::answer;
use super::request::{Course, Site};
use crate::ledger::{Attachment, Input, Key, Point, Session};
use crate::plan::{Plan, ReplyOmit};
use crate::policy::Decision;
use crate::vocabulary::{Mac, Moment, Place, Point as At};
use crate::wire::radius::attribute;

/// What a decision means for the session at its place; `None` where there can be none.
pub(super) fn change(
    now: Moment,
    point: &Site<'_>,
    decision: &Decision,
    course: &Course<'_>,
    mac: Option<Mac>,
) -> Option<Input> {
    let (snapshot, packet) = (point.request.snapshot, point.request.packet);
    let plan = &snapshot.plan;
    let key = key(plan, &point.place, mac?)?;
    let access_point = match &point.place.point {
        At::Wireless { access_point, .. } => *access_point,
        At::Port(_) | At::Unknown(_) => None,
    };
    let Some(entry) = decision.entry() else {
        return Some(Input::Refused(Box::new(key)));
    };
    let lasts = if point.profile.reply.omit.contains(&ReplyOmit::SessionTimeout) {
        None
    } else {
        answer::session_seconds(point.profile, entry, now.wall)
    };
    let raw = |kind| packet.first(kind).map(<[u8]>::to_vec);
    let attachment = Attachment {
        key,
        access_point,
        chain: course.handshake.map_or_else(Default::default, |found| found.chain.clone()),
        environment: plan.environment_id(entry.environment).to_owned(),
        vlan: entry.vlan,
        filter: entry.filter.clone(),
        session: Session {
            user: raw(attribute::USER_NAME).unwrap_or_default(),
            nas_port: packet.integer(attribute::NAS_PORT),
            nas_port_id: raw(attribute::NAS_PORT_ID),
            id: raw(attribute::ACCT_SESSION_ID),
            nas: point.request.source.ip(),
            local: point.request.local.ip(),
        },
        generation: snapshot.generation,
        since: now.wall,
        lasts: lasts.map(|seconds| Duration::from_secs(u64::from(seconds))),
    };
    Some(Input::Attached(Box::new(attachment)))
}

/// The name of whatever an address has open at a place; `None` at a place that the plan does not
/// know, where nothing can be open.
pub(super) fn key(plan: &Plan, place: &Place, mac: Mac) -> Option<Key> {
    let switch = plan.switch(place.switch)?.id.clone();
    let point = match &place.point {
        At::Port(port) => Point::Port(plan.port(place.switch, *port)?.name.clone()),
        At::Wireless { ssid, .. } => Point::Network(ssid.clone()),
        At::Unknown(_) => return None,
    };
    Some(Key { switch, point, mac })
}
