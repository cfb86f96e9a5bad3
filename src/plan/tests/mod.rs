//! The shipped configuration as tests use it, and what is found in it.

mod faults;

use super::finding::Sink;
use super::names::Names;
use super::*;
use crate::vocabulary::{DeviceIndex, EnvironmentIndex, SiteIndex, Timestamp};

/// 2026-11-24T12:00:00+09:00, a day on which nothing shipped is about to end.
pub(crate) const NOW: Timestamp = Timestamp(1_795_489_200_000);

/// The shipped files.
pub(crate) fn shipped() -> Sources {
    fn tree(
        root: &std::path::Path,
        at: &str,
        files: &mut std::collections::BTreeMap<String, Vec<u8>>,
    ) {
        for entry in std::fs::read_dir(root.join(at)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = if at.is_empty() { name } else { format!("{at}/{name}") };
            if entry.file_type().unwrap().is_dir() {
                tree(root, &path, files);
            } else {
                files.insert(path, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Sources::default();
    tree(&root.join("config"), "", &mut sources.config);
    tree(&root.join("topology"), "", &mut sources.topology);
    sources
}

/// Changes a text of a file that must hold it.
pub(crate) fn edit(sources: &mut Sources, path: &str, from: &str, to: &str) {
    let (tree, path) = path.split_once('/').unwrap();
    let files = if tree == "config" { &mut sources.config } else { &mut sources.topology };
    let file = files.get_mut(path).unwrap();
    let text = String::from_utf8(file.clone()).unwrap();
    assert!(text.contains(from), "{path} has no {from}");
    *file = text.replace(from, to).into_bytes();
}

/// Everything found in `config/`. The names of `topology/` and of the inventory that it uses are
/// given, so that only its own mistakes show.
fn found(sources: &Sources, now: Timestamp) -> Vec<Finding> {
    let (sink, mut names) = (Sink::default(), Names::default());
    server::read(sources, &sink);
    let environments = environment::read(sources, &sink, &mut names);
    profile::read(sources, &sink, &mut names);
    policy::read_classes(sources, &sink, &mut names);
    for site in ["honcho", "kenko", "nambara"] {
        names.sites.insert(site.to_owned(), Some(SiteIndex(0)));
    }
    names.switches.insert("hon-sw01".to_owned(), None);
    for asset in 1_u32..=6 {
        names.assets.insert(format!("S-000{asset}"), Some(DeviceIndex(asset)));
    }
    let topology = topology::Topology::default();
    policy::read(sources, &sink, &names, &environments, &topology, now);
    flow::read(sources, &sink, &names, &environments.environments, now);
    alerts::read(sources, &sink, &names);
    detections::read(sources, &sink, &names);
    calendar::read(sources, &sink);
    let sensors = sensors::read(sources, &sink, &names);
    tripwire::read(sources, &sink, &names, &sensors);
    sink.into_findings()
}

#[test]
fn the_shipped_configuration_has_no_errors_and_one_notice() {
    let findings = found(&shipped(), NOW);
    let own: Vec<_> = findings.iter().filter(|finding| !finding.field.contains("places")).collect();
    let ids: Vec<_> = own.iter().map(|finding| finding.kind.id()).collect();
    assert_eq!(ids, ["profile.unproven"], "{own:?}");
    let text = own[0].text(crate::vocabulary::Language::English);
    assert!(text.contains("comware") && text.contains("juniper-ex"), "{text}");
}

#[test]
fn the_shipped_values_arrive_where_they_belong() {
    let (sources, sink, mut names) = (shipped(), Sink::default(), Names::default());
    let server = server::read(&sources, &sink).unwrap();
    assert_eq!((server.node_name.as_str(), server.state_number), ("sekisho-1", 1));
    assert_eq!(server.eap.session_lifetime.unwrap().as_secs(), 24 * 3600);
    let read = environment::read(&sources, &sink, &mut names);
    let [a, _, c, quarantine, _] = read.environments.as_slice() else { panic!("not five") };
    assert_eq!((a.id.as_str(), a.admission), ("A", Admission::Certificate));
    assert_eq!(c.revocation.grace.as_secs(), 72 * 3600);
    assert_eq!((quarantine.role, read.quarantine), (Role::Quarantine, Some(EnvironmentIndex(3))));
    assert_eq!(names.vlans["B-PRINTER"], crate::vocabulary::VlanId::new(125));
    let cut = read.pairs.iter().find(|pair| pair.flows == Flows::Cut).unwrap();
    assert_eq!(cut.between, [EnvironmentIndex(0), EnvironmentIndex(2)]);
    let classes = policy::read_classes(&sources, &sink, &mut names);
    for name in ["printer", "プリンター", "Printer"] {
        assert_eq!(classes[usize::from(names.classes[name].unwrap().0)].id, "printer");
    }
    names.sites.insert("honcho".to_owned(), Some(SiteIndex(0)));
    let topology = topology::Topology::default();
    let read = policy::read(&sources, &sink, &names, &read, &topology, NOW);
    let rule = |id: &str| read.rules.iter().find(|rule| rule.id == id).unwrap();
    assert_eq!(rule("P-60").vlan, crate::vocabulary::VlanId::new(125));
    assert!(rule("P-50").grants && rule("P-50").classes.is_none());
    assert_eq!(rule("P-90").action, Action::Quarantine);
    assert_eq!(rule("P-90").session_timeout.unwrap().as_secs(), 600);
}

/// The shipped profiles.
pub(super) fn profiles() -> Vec<Profile> {
    static PROFILES: std::sync::OnceLock<Vec<Profile>> = std::sync::OnceLock::new();
    PROFILES
        .get_or_init(|| {
            let (sources, sink, mut names) = (shipped(), Sink::default(), Names::default());
            environment::read(&sources, &sink, &mut names);
            profile::read(&sources, &sink, &mut names)
        })
        .clone()
}

/// The shipped configuration with two switches, `sw-a` and `sw-b`, of which the second sends a
/// fixed word as the password of MAC authentication.
pub(super) fn plan_of_two_switches() -> Plan {
    let (sources, sink, mut names) = (shipped(), Sink::default(), Names::default());
    let server = server::read(&sources, &sink).unwrap();
    let environments = environment::read(&sources, &sink, &mut names);
    let mut profiles = profile::read(&sources, &sink, &mut names);
    profiles.truncate(2);
    profiles[1].request.mab_password = MabPassword::Fixed;
    profiles.iter_mut().for_each(|profile| profile.snmp = None);
    let at = Origin { file: "topology/x/site.toml".into(), line: 1 };
    let switch = |id: &str, number: u8| Switch {
        id: id.to_owned(),
        name: None,
        site: SiteIndex(0),
        address: std::net::IpAddr::from([10, 0, 0, number]).into(),
        profile: ProfileIndex(u16::from(number) - 1),
        model: String::new(),
        serial: String::new(),
        role: SwitchRole::Access,
        vlans: Vec::new(),
        stack: 1,
        message_authenticator: MessageAuthenticator::Require,
        ports: vec![Port {
            name: "1".to_owned(),
            role: PortRole::Auth {
                host_mode: HostMode::Single,
                environments: vec![EnvironmentIndex(0)],
                fixed_vlan: None,
                reason: None,
            },
            at: at.clone(),
        }],
        networks: Vec::new(),
        access_points: Vec::new(),
        at: at.clone(),
    };
    let plan = Plan {
        content_hash: [0; 32],
        server,
        edition: Edition::R7_3,
        quarantine: environments.quarantine.unwrap(),
        environments: environments.environments,
        pairs: environments.pairs,
        authorities: environments.authorities,
        classes: Vec::new(),
        rules: Vec::new(),
        exceptions: Vec::new(),
        grants: Vec::new(),
        profiles,
        sites: Vec::new(),
        switches: vec![switch("sw-a", 1), switch("sw-b", 2)],
        devices: Vec::new(),
        rings: Vec::new(),
        links: Vec::new(),
        acls: Vec::new(),
        gateways: Vec::new(),
        relays: Vec::new(),
        permitted: Vec::new(),
        alerts: Alerts::default(),
        detections: Default::default(),
        calendar: Calendar::default(),
        sensors: Sensors::default(),
        tripwire: None,
        lookup: model::Lookup::default(),
    };
    plan.link()
}
