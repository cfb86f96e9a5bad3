//! Registered devices, by what becomes of them.

use std::collections::{BTreeMap, HashMap};

use super::{Change, ChangeKind, SHOWN_MAX};
use crate::plan::{Device, Plan, some_of};
use crate::proof::landing::{Alike, Landing, METHODS, Where, landings, same_ground};
use crate::vocabulary::Timestamp;

pub(super) fn devices(old: &Plan, new: &Plan, now: Timestamp, changes: &mut Vec<Change>) {
    let absent = |devices: &Plan, other: &Plan| -> Vec<String> {
        let gone = devices.devices.iter().filter(|it| other.device_by_asset(&it.asset).is_none());
        gone.map(|device| device.asset.clone()).collect()
    };
    let (mut was, mut is) = (HashMap::new(), HashMap::new());
    let mut told: BTreeMap<(Landing, Landing, bool), Vec<String>> = BTreeMap::new();
    let (mut renamed, mut placed) = (Vec::new(), Vec::new());
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
        let place = |plan: &Plan, device: &Device| {
            device.place.as_ref().map_or_else(String::new, |area| plan.area_name(area))
        };
        let moved = place(old, before) != place(new, after);
        if moved {
            placed.push(after.asset.clone());
        }
        let before = landings(old, before, now, &mut was);
        let landings = landings(new, after, now, &mut is);
        let mut tell = |before: &Landing, landing: &Landing| {
            if before == landing {
                return;
            }
            let devices = told.entry((before.clone(), landing.clone(), loosened)).or_default();
            if devices.last() != Some(&after.asset) {
                devices.push(after.asset.clone());
            }
        };
        let same = before.iter().filter_map(|(at, before)| Some((before, landings.get(at)?)));
        same.for_each(|(before, landing)| tell(before, landing));
        // Bound to another place, it is asked about where nobody asked before: the best that it
        // had anywhere, beside the best that it gets.
        for method in METHODS.into_iter().filter(|_| moved) {
            tell(best(&before, method), best(&landings, method));
        }
    }
    for (kind, devices) in [
        (ChangeKind::DeviceAdded, absent(new, old)),
        (ChangeKind::DeviceRemoved, absent(old, new)),
        (ChangeKind::DeviceRenamed, renamed),
        (ChangeKind::DevicePlaced, placed),
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

/// What a device gets by a method where it gets most.
fn best<'a>(landings: &'a BTreeMap<Where, Landing>, method: &str) -> &'a Landing {
    let all = landings.iter().filter(|((.., by), _)| *by == method);
    all.map(|(_, landing)| landing).max().unwrap_or(&Landing::Refused)
}

/// Whether less is asked of a device: it needed a certificate, or was bound to a place.
const fn loosened(before: &Device, after: &Device) -> bool {
    after.certificate.is_none()
        && (before.certificate.is_some() || (before.place.is_some() && after.place.is_none()))
}
