//! Registered devices, by what becomes of them.

use std::collections::{BTreeMap, HashMap};

use super::landing::{Alike, Landing, landings, same_ground};
use super::{Change, ChangeKind, SHOWN_MAX};
use crate::plan::{Device, Plan, some_of};
use crate::vocabulary::Timestamp;

pub(super) fn devices(old: &Plan, new: &Plan, now: Timestamp, changes: &mut Vec<Change>) {
    let absent = |devices: &Plan, other: &Plan| -> Vec<String> {
        let gone = devices.devices.iter().filter(|it| other.device_by_asset(&it.asset).is_none());
        gone.map(|device| device.asset.clone()).collect()
    };
    let (mut was, mut is) = (HashMap::new(), HashMap::new());
    let mut told: BTreeMap<(Landing, Landing, bool), Vec<String>> = BTreeMap::new();
    let mut renamed = Vec::new();
    let same_ground = same_ground(old, new);
    for after in &new.devices {
        let Some(before) = old.device_by_asset(&after.asset).and_then(|at| old.device(at)) else {
            continue;
        };
        let same_names = (&before.macs, &before.certificate) == (&after.macs, &after.certificate);
        if !same_names {
            renamed.push(after.asset.clone());
        } else if same_ground && Alike::of(old, before, now) == Alike::of(new, after, now) {
            continue;
        }
        let loosened = loosened(before, after);
        let before = landings(old, before, now, &mut was);
        let after_landings = landings(new, after, now, &mut is);
        for (place, before) in before.iter() {
            let Some(landing) = after_landings.get(place).filter(|it| *it != before) else {
                continue;
            };
            let devices = told.entry((before.clone(), landing.clone(), loosened)).or_default();
            if devices.last() != Some(&after.asset) {
                devices.push(after.asset.clone());
            }
        }
    }
    for (kind, devices) in [
        (ChangeKind::DeviceAdded, absent(new, old)),
        (ChangeKind::DeviceRemoved, absent(old, new)),
        (ChangeKind::DeviceRenamed, renamed),
    ] {
        if !devices.is_empty() {
            let change = Change::new(kind, false).fact("count", devices.len());
            changes.push(change.fact("devices", some_of(&devices, SHOWN_MAX)));
        }
    }
    for ((before, after, loosened), devices) in told {
        let kind = match (before.admitted(), after.admitted()) {
            (true, true) => ChangeKind::DeviceMoves,
            (false, true) => ChangeKind::DeviceAdmitted,
            (_, false) => ChangeKind::DeviceRefused,
        };
        let weaker = loosened || kind == ChangeKind::DeviceAdmitted;
        let mut change = Change::new(kind, weaker)
            .fact("count", devices.len())
            .fact("devices", some_of(&devices, SHOWN_MAX));
        change.facts.extend([("before", before.fact()), ("after", after.fact())]);
        changes.push(change.of(after.environment()));
    }
}

/// Whether less is asked of a device: it needed a certificate, or was bound to a place.
const fn loosened(before: &Device, after: &Device) -> bool {
    after.certificate.is_none()
        && (before.certificate.is_some() || (before.place.is_some() && after.place.is_none()))
}
