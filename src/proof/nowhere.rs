//! Devices that are registered and can get in nowhere: what the inventory says of them and what
//! policy and topology say do not meet.

use std::collections::{BTreeMap, HashMap};

use super::landing::{is_shut_out, objection};
use crate::plan::{Area, Device, Finding, FindingKind, MacAdmission, Plan, some_of};
use crate::vocabulary::{ClassIndex, EnvironmentIndex, Place, Point, Timestamp};

/// Devices named in one finding.
const SHOWN_MAX: usize = 5;

/// One finding for each class and environment, at the first device of it.
pub(super) fn check(plan: &Plan, now: Timestamp, findings: &mut Vec<Finding>) {
    let mut known = HashMap::new();
    let mut refused: BTreeMap<(u8, u8), Vec<&Device>> = BTreeMap::new();
    for device in plan.devices.iter().filter(|device| !is_told(plan, device)) {
        if is_shut_out(plan, device, now, &mut known) {
            refused.entry((device.class.0, device.environment.0)).or_default().push(device);
        }
    }
    for ((class, environment), devices) in refused {
        let at = devices.first().map(|device| device.at.clone());
        let class = plan.class(ClassIndex(class)).map_or("", |class| class.id.as_str());
        let assets: Vec<String> = devices.iter().map(|device| device.asset.clone()).collect();
        let example = devices.first().and_then(|device| {
            let (place, because) = objection(plan, device, now)?;
            Some((question(plan, device, &place), because.reason.id()))
        });
        let (question, reason) = example.unwrap_or_default();
        findings.push(
            Finding::new(FindingKind::AdmittedNowhere, at, "")
                .fact("count", devices.len())
                .fact("devices", some_of(&assets, SHOWN_MAX))
                .fact("class", class)
                .fact("environment", plan.environment_id(EnvironmentIndex(environment)))
                .fact("reason", reason)
                .fact("question", question),
        );
    }
}

/// What to ask `explain` of a device.
fn question(plan: &Plan, device: &Device, place: &Place) -> String {
    let switch = plan.switch(place.switch).map_or("", |switch| switch.id.as_str());
    let at = match &place.point {
        Point::Port(port) => {
            format!("--port {}", plan.port(place.switch, *port).map_or("", |it| it.name.as_str()))
        }
        Point::Wireless { ssid, access_point } => {
            let heard = access_point.map(|mac| format!(" --access-point {mac}"));
            format!("--ssid {ssid}{}", heard.unwrap_or_default())
        }
        Point::Unknown(_) => String::new(),
    };
    let mac = device.macs.first().map(ToString::to_string).unwrap_or_default();
    format!("--mac {mac} --switch {switch} {at}")
}

/// Whether its own row or place says already why it cannot get in.
fn is_told(plan: &Plan, device: &Device) -> bool {
    let mac = plan.class(device.class).map(|class| class.mac);
    let at_port = match &device.place {
        Some(Area::Port(switch, port)) => {
            Some(Place { switch: *switch, point: Point::Port(*port) })
        }
        Some(Area::Site(_) | Area::Switch(_) | Area::Network(..)) | None => None,
    };
    let unserved =
        at_port.as_ref().is_some_and(|place| !plan.served(place).contains(&device.environment));
    let by_mac = match mac {
        Some(MacAdmission::Pinned) => at_port.is_some(),
        Some(MacAdmission::Never) | None => false,
        Some(MacAdmission::Exception) => true,
    };
    unserved || (device.certificate.is_none() && !by_mac)
}
