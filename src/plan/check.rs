//! What only the whole plan shows: devices and grants at places that cannot serve them, gateways
//! with an address that is not theirs, and switches whose word is weaker than it should be.

use std::collections::{HashMap, HashSet};

use super::finding::Sink;
use super::gateways;
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
    gateways::check(plan, sink);
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

fn devices(plan: &Plan, served: &Served, sink: &Sink) {
    let mut pinned: HashMap<(SwitchIndex, PortIndex), &Origin> = HashMap::new();
    for device in &plan.devices {
        let finding = |kind| Finding::new(kind, Some(device.at.clone()), "place");
        if let Some(area) = &device.place
            && !served.serves(plan, area, device.environment)
        {
            let finding = finding(FindingKind::PlaceNotServed).fact("place", plan.area_name(area));
            sink.push(finding.fact("environment", plan.environment_id(device.environment)));
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
            sink.push(finding.fact("environment", plan.environment_id(grant.environment)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::inventory::tests::classes;
    use crate::plan::names::Names;
    use crate::plan::topology::tests::{environments, lines, sources, topology};
    use crate::plan::{
        Alerts, Calendar, Detections, EapSettings, Edition, Grant, Sensors, Server, inventory,
    };
    use crate::vocabulary::{Language, Mac};

    /// A plan of the small city with these rows and this grant.
    fn findings(rows: &str, change: fn(&mut Grant)) -> Vec<String> {
        let (sink, mut names, mut sources) = (Sink::default(), Names::default(), sources());
        let rows = format!("資産番号,MACアドレス,証明書識別名,区分,環境,設置場所\n{rows}");
        sources.config.insert("inventory.csv".to_owned(), rows.into());
        let topology = topology(&sources, &sink, &mut names);
        let environments = environments(&mut names);
        let classes = classes(&mut names);
        let environment_list = &environments.environments;
        let devices =
            inventory::read(&sources, &sink, &mut names, environment_list, &classes, &topology);
        let now = Timestamp::parse("2026-11-23").unwrap();
        let mut grant = Grant {
            id: "G-1".to_owned(),
            company: String::new(),
            purpose: String::new(),
            approver: String::new(),
            approved: now,
            environment: EnvironmentIndex(1),
            mac: None,
            certificate: Some("guest.city.example".to_owned()),
            places: vec![Area::Site(SiteIndex(1))],
            from: now,
            until: Timestamp::parse_end("2026-11-30").unwrap(),
            at: Origin { file: "config/grants.toml".into(), line: 7 },
        };
        change(&mut grant);
        let plan = Plan {
            content_hash: [0; 32],
            server: Server {
                node_name: "node".to_owned(),
                state_number: 0,
                accounting: Vec::new(),
                evidence_days: None,
                api_listen: None,
                authentication: Vec::new(),
                workers: 1,
                datagram_octets_max: 1_400,
                metrics_listen: None,
                eap: EapSettings {
                    server_name: "radius.city.example".to_owned(),
                    conversations_max: 1,
                    conversations_per_port_max: 1,
                    conversation_timeout: Duration::from_secs(30),
                    session_lifetime: None,
                },
                language: Language::Japanese,
                survey: Default::default(),
                clock: Default::default(),
                enforce_ports_max: 20,
            },
            edition: Edition::R7_3,
            environments: environments.environments,
            quarantine: EnvironmentIndex(3),
            pairs: Vec::new(),
            authorities: Vec::new(),
            classes,
            rules: Vec::new(),
            exceptions: Vec::new(),
            grants: vec![grant],
            profiles: Vec::new(),
            sites: topology.sites,
            switches: topology.switches,
            devices,
            rings: Vec::new(),
            links: Vec::new(),
            acls: Vec::new(),
            gateways: Vec::new(),
            relays: Vec::new(),
            permitted: Vec::new(),
            alerts: Alerts::default(),
            detections: Detections::default(),
            calendar: Calendar::default(),
            sensors: Sensors::default(),
            tripwire: None,
            lookup: crate::plan::model::Lookup::default(),
        };
        check(&plan.link(), &sink, now);
        // The small city's controller is of the old kind on purpose.
        let old = "check.message-authenticator-optional hall/site.toml:42 message_authenticator";
        let mut found = lines(&sink.into_findings());
        let before = found.len();
        found.retain(|line| line != old);
        assert_eq!(found.len() + 1, before, "{found:?}");
        found
    }

    #[test]
    fn what_can_never_be_admitted_is_warned_of() {
        let pinned = "check.pinned-without-port inventory.csv:2 place";
        let unserved = "check.place-not-served inventory.csv:2 place";
        for (row, expected) in [
            ("P,0012E2000001,p.example,terminal,A,hall", None),
            ("P,0012E2000001,p.example,terminal,A,annex", Some(unserved)),
            ("P,0012E2000001,p.example,terminal,B,annex", None),
            ("P,0012E2000001,p.example,terminal,A,hall/fix1", Some(unserved)),
            ("P,0012E2000001,p.example,terminal,A,hall/sw1/0/9", Some(unserved)),
            ("P,0012E2000001,p.example,terminal,A,hall/sw1/0/11", Some(unserved)),
            ("P,0012E2000001,p.example,terminal,C,hall/wlc/ssid:city-b", Some(unserved)),
            ("P,0012E2000001,,printer,B,hall/sw1", Some(pinned)),
            ("P,0012E2000001,,printer,B,", Some(pinned)),
            ("P,0012E2000001,,printer,B,hall/sw1/0/1", None),
        ] {
            assert_eq!(findings(row, |_| {}), Vec::from_iter(expected), "{row}");
        }
    }

    #[test]
    fn a_single_port_takes_one_device_without_certificate() {
        let shared = ["check.port-shared inventory.csv:3 place"];
        for (port, expected) in [("0/1", shared.as_slice()), ("0/9", &[])] {
            let rows = format!(
                "P,0012E2000001,,printer,B,hall/sw1/{port}\nR,0012E2000002,,printer,B,hall/sw1/{port}"
            );
            assert_eq!(findings(&rows, |_| {}), expected, "{port}");
        }
    }

    #[test]
    fn a_grant_must_be_of_use_and_not_for_a_registered_device() {
        const ROW: &str = "P,0012E2000001,p.example,terminal,B,";
        let unserved = |grant: &mut Grant| grant.environment = EnvironmentIndex(4);
        assert_eq!(findings(ROW, unserved), ["check.grant-not-served grants.toml:7 places"]);
        let over = |grant: &mut Grant| {
            grant.environment = EnvironmentIndex(4);
            grant.until = grant.from;
        };
        assert_eq!(findings(ROW, over), Vec::<String>::new());
        let registered =
            |grant: &mut Grant| grant.mac = Some(Mac::new([0, 0x12, 0xe2, 0, 0, 1]).unwrap());
        assert_eq!(findings(ROW, registered), ["check.grant-registered grants.toml:7 mac"]);
    }
}
