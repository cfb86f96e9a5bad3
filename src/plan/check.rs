//! What only the whole plan shows: devices and grants at places that cannot serve them, and
//! switches whose word is weaker than it should be.

use std::collections::{HashMap, HashSet};

use super::finding::Sink;
use super::{
    Area, Finding, FindingKind, HostMode, MacAdmission, MessageAuthenticator, Origin, Plan,
    PortRole,
};
use crate::vocabulary::{
    EnvironmentIndex, Place, Point, PortIndex, SiteIndex, SwitchIndex, Timestamp,
};

/// Checks a linked plan.
pub(super) fn check(plan: &Plan, sink: &Sink, now: Timestamp) {
    let served = Served::new(plan);
    devices(plan, &served, sink);
    grants(plan, &served, sink, now);
    for switch in plan.switches.iter().filter(|switch| switch.is_client()) {
        match switch.message_authenticator {
            MessageAuthenticator::Require => {}
            MessageAuthenticator::Learn | MessageAuthenticator::Legacy => {
                let at = Some(switch.at.clone());
                let kind = FindingKind::MessageAuthenticatorOptional;
                let finding = Finding::new(kind, at, "message_authenticator");
                sink.push(finding.fact("switch", &switch.id));
            }
        }
    }
}

/// The environments served somewhere on a switch or at a site.
struct Served {
    switches: HashSet<(SwitchIndex, EnvironmentIndex)>,
    sites: HashSet<(SiteIndex, EnvironmentIndex)>,
}

impl Served {
    fn new(plan: &Plan) -> Self {
        let mut served = Self { switches: HashSet::new(), sites: HashSet::new() };
        for (index, switch) in (0_u16..).map(SwitchIndex).zip(&plan.switches) {
            for port in &switch.ports {
                for environment in authenticated(&port.role) {
                    served.switches.insert((index, *environment));
                    served.sites.insert((switch.site, *environment));
                }
            }
            for environment in switch.networks.iter().flat_map(|network| &network.environments) {
                served.switches.insert((index, *environment));
                let sites = switch.access_points.iter().map(|point| (point.site, *environment));
                served.sites.extend(sites);
            }
        }
        served
    }

    fn serves(&self, plan: &Plan, area: &Area, environment: EnvironmentIndex) -> bool {
        match area {
            Area::Site(site) => self.sites.contains(&(*site, environment)),
            Area::Switch(switch) => self.switches.contains(&(*switch, environment)),
            Area::Port(switch, port) => {
                let place = Place { switch: *switch, point: Point::Port(*port) };
                plan.served(&place).contains(&environment)
            }
            Area::Network(switch, ssid) => {
                let point = Point::Wireless { ssid: ssid.clone(), access_point: None };
                plan.served(&Place { switch: *switch, point }).contains(&environment)
            }
        }
    }
}

/// The environments of an authenticated port.
fn authenticated(role: &PortRole) -> &[EnvironmentIndex] {
    match role {
        PortRole::Auth { environments, .. } => environments,
        PortRole::Trunk { .. } | PortRole::Access { .. } | PortRole::Unused => &[],
    }
}

fn environment_id(plan: &Plan, index: EnvironmentIndex) -> &str {
    plan.environment(index).map_or("?", |environment| environment.id.as_str())
}

fn devices(plan: &Plan, served: &Served, sink: &Sink) {
    let mut pinned: HashMap<(SwitchIndex, PortIndex), &Origin> = HashMap::new();
    for device in &plan.devices {
        let finding = |kind| Finding::new(kind, Some(device.at.clone()), "place");
        if let Some(area) = &device.place
            && !served.serves(plan, area, device.environment)
        {
            let finding = finding(FindingKind::PlaceNotServed).fact("place", plan.area_name(area));
            sink.push(finding.fact("environment", environment_id(plan, device.environment)));
        }
        if device.certificate.is_some() {
            continue;
        }
        let Some(area @ Area::Port(switch, port)) = &device.place else {
            if let Some(class) = plan.class(device.class)
                && class.mac == MacAdmission::Pinned
            {
                sink.push(finding(FindingKind::PinnedWithoutPort).fact("class", &class.id));
            }
            continue;
        };
        let single = plan.port(*switch, *port).is_some_and(|port| {
            matches!(port.role, PortRole::Auth { host_mode: HostMode::Single, .. })
        });
        if single && let Some(other) = pinned.insert((*switch, *port), &device.at) {
            let finding = finding(FindingKind::PortShared).fact("place", plan.area_name(area));
            sink.push(finding.fact("other", other));
        }
    }
}

fn grants(plan: &Plan, served: &Served, sink: &Sink, now: Timestamp) {
    for grant in &plan.grants {
        let finding = |kind, field: &str| Finding::new(kind, Some(grant.at.clone()), field);
        if let Some(mac) = grant.mac
            && let Some(device) = plan.device_by_mac(mac).and_then(|index| plan.device(index))
        {
            let finding = finding(FindingKind::GrantRegistered, "mac").fact("mac", mac);
            sink.push(finding.fact("other", &device.at));
        }
        let over = grant.until <= now;
        let serves = |area| served.serves(plan, area, grant.environment);
        if !over && !grant.places.iter().any(serves) {
            let places: Vec<_> = grant.places.iter().map(|area| plan.area_name(area)).collect();
            let finding = finding(FindingKind::GrantNotServed, "places");
            let finding = finding.fact("place", places.join(", "));
            sink.push(finding.fact("environment", environment_id(plan, grant.environment)));
        }
    }
}
