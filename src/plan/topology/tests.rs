//! A small city, and what is found when one line of it is spoilt.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::plan::environment::Environments;
use crate::plan::finding::Sink;
use crate::plan::names::Names;
use crate::plan::*;

pub(in crate::plan) const HALL: &str = r#"[site]
id = "hall"
name_ja = "本庁舎"
name_en = "City hall"
group = "main"
medium = "fibre"

[site.assign]
A = 110
B = 120
C = 130
Q = 900

[[switch]]
id = "sw1"
address = "10.250.1.11"
profile = "wired"
model = "M"
serial = "S"
role = "access"
vlans = [110, 120, 130, 900, 990]
port = [
  { names = "0/1-8", role = "auth", host_mode = "single" },
  { names = "0/9", role = "auth", host_mode = "multi-auth", environments = ["B", "Q"] },
  { names = "0/10", role = "access", vlan = 120, reason = "lift" },
  { names = "0/11-12", role = "trunk", vlans = [110, 120], native = 990 },
]

[[switch]]
id = "fix1"
address = "10.250.1.12"
profile = "fixed"
model = "M"
serial = "S"
role = "access"
vlans = [120, 990]
port = [
  { names = "1", role = "auth", vlan = 120 },
]

[[switch]]
id = "wlc"
address = "10.250.1.0/28"
profile = "wireless"
model = "M"
serial = "S"
role = "wireless-controller"
vlans = [120, 121, 990]
message_authenticator = "legacy"
port = [
  { names = "1-2", role = "trunk", vlans = [120, 121], native = "none" },
]
ssid = [
  { name = "city-b", environments = ["B"] },
]
access_point = [
  { mac = "84-F0-3C-00-01-00", site = "hall", name = "ap1" },
  { mac = "84-F0-3C-00-02-00", site = "annex", name = "ap2" },
]
"#;

pub(in crate::plan) const ANNEX: &str = r#"[site]
id = "annex"
name_ja = "別館"
name_en = "Annex"
group = "main"
medium = "radio"
assign = { B = 121 }

[[switch]]
id = "core"
name_ja = "中核"
name_en = "Core"
address = "10.250.2.1"
profile = "wired"
model = "M"
serial = "S"
role = "core"
vlans = [110, 120, 121, 990]
port = [
  { names = "1", role = "trunk", vlans = [110, 120], native = 990 },
  { names = "2", role = "trunk", vlans = [120, 121], native = "none" },
  { names = "3", role = "unused" },
]
"#;

const NETWORK: &str = r#"[[ring]]
id = "loop"
name_ja = "環"
name_en = "Loop"
protocol = "rstp"
sites = ["hall", "annex"]

[[link]]
id = "one"
ends = ["sw1:0/11", "core:1"]
medium = "fibre"
ring = "loop"
vlans = [110, 120]
native = 990

[[link]]
id = "two"
ends = ["wlc:1", "core:2"]
medium = "copper"
vlans = [120, 121]
native = "none"

[[gateway]]
id = "gw-b"
site = "hall"
interface = [
  { vlan = 120, address = "10.2.0.1/18" },
]
"#;

/// The environments of the shipped city, as far as topology and inventory ask.
pub(in crate::plan) fn environments(names: &mut Names) -> Environments {
    let at = || Origin { file: "config/environments.toml".into(), line: 1 };
    let business = |id, admission| (id, Role::Business, admission);
    let environment =
        |(id, role, admission): (&str, Role, Admission), prefix: &str, vlans: &[(u16, &str)]| {
            let vlan = |(number, prefix): &(u16, &str)| Vlan {
                id: VlanId::new(*number).unwrap(),
                name: format!("V{number}"),
                prefix6: None,
                prefix: Some(prefix.parse().unwrap()),
                at: at(),
            };
            Environment {
                id: id.to_owned(),
                name: Name::default(),
                role,
                guideline: Guideline::None,
                prefixes: vec![prefix.parse().unwrap()],
                admission,
                wireless: WirelessRule::Certificate,
                critical_vlan: false,
                second_person: false,
                internet: false,
                weight: 1,
                authorities: Vec::new(),
                revocation: Revocation {
                    required: false,
                    grace: Duration::ZERO,
                    when_stale: WhenStale::Refuse,
                },
                vlans: vlans.iter().map(vlan).collect(),
                at: at(),
            }
        };
    let list = vec![
        environment(
            business("A", Admission::Certificate),
            "10.1.0.0/16",
            &[
                (110, "10.1.0.0/18"),
                (111, "10.1.64.0/18"),
                (112, "10.1.128.0/19"),
                (113, "10.1.160.0/19"),
            ],
        ),
        environment(
            business("B", Admission::CertificateOrMac),
            "10.2.0.0/16",
            &[
                (120, "10.2.0.0/18"),
                (121, "10.2.64.0/18"),
                (122, "10.2.128.0/19"),
                (123, "10.2.160.0/19"),
                (125, "10.2.192.0/22"),
            ],
        ),
        environment(
            business("C", Admission::CertificateOrMac),
            "10.3.0.0/16",
            &[
                (130, "10.3.0.0/18"),
                (131, "10.3.64.0/18"),
                (132, "10.3.128.0/19"),
                (133, "10.3.160.0/19"),
            ],
        ),
        environment(
            ("Q", Role::Quarantine, Admission::None),
            "10.249.0.0/16",
            &[(900, "10.249.0.0/16"), (901, "10.248.0.0/16")],
        ),
        environment(
            ("M", Role::Management, Admission::None),
            "10.250.0.0/16",
            &[(1, "10.251.0.0/16"), (990, "10.250.0.0/16")],
        ),
    ];
    for (index, environment) in (0_u8..).zip(&list) {
        names.environments.insert(environment.id.clone(), Some(EnvironmentIndex(index)));
    }
    Environments {
        environments: list,
        quarantine: Some(EnvironmentIndex(3)),
        ..Environments::default()
    }
}

/// A profile that is careful in everything.
fn careful(id: &str) -> Profile {
    let mut profile = Profile::plain();
    id.clone_into(&mut profile.id);
    profile.enforce.means = vec![EnforceMeans::SessionTimeout];
    profile.reply.session_timeout = Duration::from_secs(3_600);
    profile.reply.forbidden_vlans = vec![VlanId::new(901).unwrap()];
    profile.behaviour.accounting.start_stop = true;
    profile
}

/// Careful and careless profiles, and those the shipped city names.
fn profiles(names: &mut Names) -> Vec<Profile> {
    let mut profiles = Vec::new();
    let mut add = |id: &str, change: fn(&mut Profile)| {
        let mut profile = careful(id);
        change(&mut profile);
        let index = ProfileIndex(u16::try_from(profiles.len()).unwrap());
        names.profiles.insert(id.to_owned(), Some(index));
        profiles.push(profile);
    };
    for id in [
        "wired",
        "alaxala-ax-mac-dynamic",
        "alliedtelesis-x",
        "apresia-np",
        "aruba-cx",
        "cisco-ibns",
        "comware",
        "hostapd-wired",
        "hpe-arubaos-switch",
        "juniper-ex",
        "panasonic-switch-m",
    ] {
        add(id, |_| {});
    }
    for id in ["wireless", "wireless-controller"] {
        add(id, |profile| profile.request.called.carries = CalledCarries::ApMacSsid);
    }
    add("fixed", |profile| profile.reply.vlan = VlanMeans::Fixed);
    add("open", |profile| profile.behaviour.server_dead = ServerDead::Open);
    add("first", |profile| profile.behaviour.vlans_per_port = VlansPerPort::FirstWins);
    add("critical", |profile| {
        profile.behaviour.server_dead = ServerDead::CriticalVlan(VlanId::new(110).unwrap());
    });
    profiles
}

/// The small city's files.
pub(in crate::plan) fn sources() -> Sources {
    let mut sources = Sources::default();
    for (path, text) in
        [("hall/site.toml", HALL), ("annex/site.toml", ANNEX), ("network.toml", NETWORK)]
    {
        sources.topology.insert(path.to_owned(), text.into());
    }
    sources
}

/// Reads topology over the environments and profiles above.
pub(in crate::plan) fn topology(sources: &Sources, sink: &Sink, names: &mut Names) -> Topology {
    let environments = environments(names);
    let profiles = profiles(names);
    read(sources, sink, names, &environments, &profiles)
}

fn findings(sources: &Sources) -> Vec<Finding> {
    let sink = Sink::default();
    topology(sources, &sink, &mut Names::default());
    sink.into_findings()
}

/// The findings as `id file:line field`, without the tree in front of the file.
pub(in crate::plan) fn lines(findings: &[Finding]) -> Vec<String> {
    let line = |finding: &Finding| {
        let at = finding.at.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let at = at.split_once('/').map_or(at.clone(), |(_, rest)| rest.to_owned());
        format!("{} {at} {}", finding.kind.id(), finding.field)
    };
    findings.iter().map(line).collect()
}

#[test]
fn a_small_city_reads_as_written() {
    let (sink, mut names) = (Sink::default(), Names::default());
    let city = topology(&sources(), &sink, &mut names);
    assert_eq!(lines(&sink.into_findings()), Vec::<String>::new());
    let [core, sw1, fix1, wlc] = city.switches.as_slice() else { panic!("four switches") };
    let everything: Vec<_> = (0..4).map(EnvironmentIndex).collect();
    let auth = |host_mode, environments: &[EnvironmentIndex], fixed| PortRole::Auth {
        host_mode,
        environments: environments.to_vec(),
        fixed_vlan: fixed,
        reason: None,
    };
    assert_eq!(sw1.ports.len(), 12);
    assert_eq!(sw1.ports[7].name, "0/8");
    assert_eq!(sw1.ports[7].role, auth(HostMode::Single, &everything, None));
    let [_, b, _, q] = everything[..] else { panic!("four environments") };
    assert_eq!(sw1.ports[8].role, auth(HostMode::MultiAuth, &[b, q], None));
    assert_eq!(fix1.ports[0].role, auth(HostMode::Single, &[b], VlanId::new(120)));
    assert_eq!(fix1.message_authenticator, MessageAuthenticator::Require);
    assert_eq!(wlc.message_authenticator, MessageAuthenticator::Legacy);
    assert_eq!(wlc.access_points[1].site, SiteIndex(0));
    assert_eq!((core.site, sw1.site), (SiteIndex(0), SiteIndex(1)));
    assert_eq!(city.links[0].ends[0], LinkEnd { switch: SwitchIndex(1), port: PortIndex(10) });
    assert_eq!(city.links[0].ring, Some(RingIndex(0)));
    assert_eq!(city.gateways[0].interfaces[0].vlan.get(), 120);
}

/// Each row spoils one spot of one file and names what must be found, and nothing else may be.
#[test]
fn every_mistake_is_found_where_it_is_made() {
    let hall = "hall/site.toml";
    let (annex, net) = ("annex/site.toml", "network.toml");
    let mut wrong = Vec::new();
    let port9 = "\"multi-auth\", environments = [\"B\", \"Q\"]";
    for (file, from, to, expected) in [
        (net, "id = \"gw-b\"", "id = \"gw/b\"", "file.bad-id network.toml:24 gateway[0].id"),
        (hall, "id = \"fix1\"", "id = \"core\"", "file.duplicate hall/site.toml:30 switch[1].id"),
        (hall, "group", "floor = 1\ngroup", "file.unknown-key hall/site.toml:5 site.floor"),
        (
            hall,
            "A = 110",
            "A = 120",
            "topology.vlan-of-another-environment hall/site.toml:9 site.assign.A",
        ),
        (
            hall,
            "[120, 990]",
            "[120, 991]",
            "topology.vlan-unknown hall/site.toml:36 switch[1].vlans[1]",
        ),
        (
            hall,
            "A = 110",
            "A = 111",
            "topology.assignable-vlan-absent hall/site.toml:23 switch[0].port[0].names",
        ),
        (
            hall,
            "[120, 990]\nport = [\n  { names = \"1\", role = \"auth\", vlan = 120 }",
            "[901]\nport = [\n  { names = \"1\", role = \"auth\", vlan = 901 }",
            "topology.vlan-forbidden hall/site.toml:38 switch[1].port[0].vlan",
        ),
        (
            hall,
            "[120, 990]",
            "[990, 120]",
            "topology.vlans-not-ascending hall/site.toml:36 switch[1].vlans[1]",
        ),
        (hall, "10.250.1.12", "10.250.1.11", "topology.address-taken hall/site.toml:30 address"),
        (
            hall,
            "10.250.1.12",
            "10.2.1.12",
            "topology.address-outside-management hall/site.toml:31 switch[1].address",
        ),
        (
            hall,
            "10.250.1.0/28",
            "10.250.1.1/28",
            "file.host-bits hall/site.toml:43 switch[2].address",
        ),
        (
            hall,
            "profile = \"wired\"",
            "profile = \"wierd\"",
            "file.unknown-reference hall/site.toml:17 switch[0].profile",
        ),
        (
            hall,
            "profile = \"wired\"",
            "profile = \"wireless\"",
            "topology.profile-is-wireless hall/site.toml:17 switch[0].profile",
        ),
        (
            hall,
            "profile = \"wireless\"",
            "profile = \"wired\"",
            "topology.profile-is-wired hall/site.toml:44 switch[2].profile",
        ),
        (
            hall,
            "profile = \"wired\"",
            "profile = \"open\"",
            "topology.opens-without-server hall/site.toml:17 switch[0].profile",
        ),
        (
            hall,
            "profile = \"wired\"",
            "profile = \"first\"",
            "topology.first-device-wins hall/site.toml:17 switch[0].profile",
        ),
        (
            hall,
            "profile = \"wired\"",
            "profile = \"critical\"",
            "topology.critical-vlan hall/site.toml:17 switch[0].profile",
        ),
        (
            annex,
            "role = \"core\"",
            "role = \"core\"\nssid = []",
            "topology.not-a-controller annex/site.toml:18 switch[0].ssid",
        ),
        (
            hall,
            "0/1-8",
            "0/8-1",
            "topology.bad-port-names hall/site.toml:23 switch[0].port[0].names",
        ),
        (hall, "0/1-8", "0/1-9", "file.duplicate hall/site.toml:24 switch[0].port[1].names"),
        (
            hall,
            port9,
            "\"multi-auth\", environments = []",
            "file.empty-value hall/site.toml:24 switch[0].port[1].environments",
        ),
        (
            hall,
            port9,
            "\"multi-host\", environments = [\"B\", \"Q\"]",
            "topology.multi-host hall/site.toml:24 switch[0].port[1].host_mode",
        ),
        (
            hall,
            port9,
            "\"multi-auth\", environments = [\"B\", \"M\"]",
            "topology.environment-not-assigned hall/site.toml:24 switch[0].port[1].environments[1]",
        ),
        (
            hall,
            port9,
            "\"multi-auth\", environments = [\"B\", \"B\"]",
            "file.duplicate hall/site.toml:24 switch[0].port[1].environments[1]",
        ),
        (
            hall,
            "access\", vlan = 120",
            "access\", vlan = 121",
            "topology.port-vlan-absent hall/site.toml:25 switch[0].port[2].vlan",
        ),
        (
            hall,
            "\"1\", role = \"auth\", vlan = 120",
            "\"1\", role = \"auth\"",
            "topology.fixed-vlan-missing hall/site.toml:38 switch[1].port[0].vlan",
        ),
        (
            hall,
            port9,
            "\"multi-auth\", vlan = 120",
            "topology.fixed-vlan-unused hall/site.toml:24 switch[0].port[1].vlan",
        ),
        (
            hall,
            "vlan = 120 }",
            "vlan = 120, environments = [\"C\"] }",
            "topology.fixed-vlan-of-another-environment hall/site.toml:38 switch[1].port[0].environments[0]",
        ),
        (
            hall,
            "\"city-b\", environments = [\"B\"]",
            "\"city-b\", environments = []",
            "file.empty-value hall/site.toml:54 switch[2].ssid[0].environments",
        ),
        (
            hall,
            "84-F0-3C-00-02-00",
            "84-F0-3C-00-01-00",
            "file.duplicate hall/site.toml:58 switch[2].access_point[1].mac",
        ),
        (
            hall,
            "84-F0-3C-00-02-00",
            "85-F0-3C-00-02-00",
            "file.bad-mac hall/site.toml:58 switch[2].access_point[1].mac",
        ),
        (
            hall,
            "\"annex\"",
            "\"anex\"",
            "file.unknown-reference hall/site.toml:58 switch[2].access_point[1].site",
        ),
        (
            annex,
            "assign = { B = 121 }",
            "assign = {}",
            "topology.environment-not-assigned hall/site.toml:54 ssid.environments",
        ),
        (
            annex,
            "assign = { B = 121 }",
            "assign = { B = 122 }",
            "topology.assignable-vlan-absent hall/site.toml:54 ssid.environments",
        ),
        (
            net,
            "[\"hall\", ",
            "[\"hell\", ",
            "file.unknown-reference network.toml:6 ring[0].sites[0]",
        ),
        (net, "core:1", "core", "topology.bad-link-end network.toml:10 link[0].ends[1]"),
        (net, ", \"core:1\"", "", "topology.bad-link-end network.toml:10 link[0].ends"),
        (net, "core:1", "core:3", "topology.link-end-not-trunk network.toml:10 link[0].ends[1]"),
        (net, "core:1", "core:4", "file.unknown-reference network.toml:10 link[0].ends[1]"),
        (net, "wlc:1", "core:2", "file.duplicate network.toml:18 link[1].ends[1]"),
        (net, "id = \"two\"", "id = \"one\"", "file.duplicate network.toml:17 link[1].id"),
        (
            net,
            "10.2.0.1/18",
            "10.2.0.1/24",
            "topology.gateway-address network.toml:27 gateway[0].interface[0].address",
        ),
        (
            net,
            "id = \"gw-b\"",
            "id = \"gw-b\"\nstandby_of = \"gw-b\"",
            "topology.standby-of-itself network.toml:25 gateway[0].standby_of",
        ),
        (
            net,
            "id = \"gw-b\"",
            "id = \"gw-b\"\nroute = [{ to = \"10.9.0.0/16\", via = \"192.0.2.1\" }]",
            "topology.route-nowhere network.toml:25 via",
        ),
        (
            net,
            "id = \"gw-b\"",
            "id = \"gw-b\"\nroute = [{ to = \"10.9.0.0/16\", via = \"10.2.0.0/24\" }]",
            "file.bad-address network.toml:25 gateway[0].route[0].via",
        ),
        (
            net,
            "id = \"gw-b\"",
            "id = \"gw-b\"\nunlisted_family = \"deny\"",
            "file.not-a-choice network.toml:25 gateway[0].unlisted_family",
        ),
        (
            net,
            "id = \"gw-b\"",
            "id = \"gw-b\"\nattach = [\"core:9\"]",
            "file.unknown-reference network.toml:25 gateway[0].attach[0]",
        ),
        (
            net,
            "\"10.2.0.1/18\"",
            "\"10.2.0.1/18\", in = \"flwos\"",
            "file.unknown-reference network.toml:27 gateway[0].interface[0].in",
        ),
        (
            net,
            "10.2.0.1/18",
            "10.2.64.1/18",
            "topology.gateway-address network.toml:27 gateway[0].interface[0].address",
        ),
    ] {
        let mut sources = sources();
        let text = String::from_utf8(sources.topology[file].clone()).unwrap();
        let spoilt = text.replacen(from, to, 1);
        assert_ne!(text, spoilt, "{from}");
        sources.topology.insert(file.to_owned(), spoilt.into());
        let found = lines(&findings(&sources));
        if found != [expected] {
            wrong.push(format!("{from} -> {to}: {found:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_site_lives_in_the_folder_of_its_name() {
    let mut sources = sources();
    let hall = sources.topology.remove("hall/site.toml").unwrap();
    sources.topology.insert("hell/site.toml".to_owned(), hall);
    assert_eq!(lines(&findings(&sources)), ["topology.site-directory hell/site.toml:2 site.id"]);
}

#[test]
fn a_link_must_carry_what_both_ports_carry() {
    let mut sources = sources();
    let spoilt =
        NETWORK.replacen("vlans = [110, 120]\nnative = 990", "vlans = [110]\nnative = \"none\"", 1);
    sources.topology.insert("network.toml".to_owned(), spoilt.into());
    let found = findings(&sources);
    let expected = [("vlans", 13), ("vlans", 13), ("native", 14), ("native", 14)];
    let expected = expected
        .map(|(key, line)| format!("topology.link-differs network.toml:{line} link[0].{key}"));
    assert_eq!(lines(&found), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever an editor's slip does to a site file, it ends in findings.
    #[test]
    fn no_slip_in_a_site_file_panics(at in 0..HALL.len(), cut in 0_usize..40, put in "[\\PC\n]{0,12}") {
        let mut octets = HALL.as_bytes().to_vec();
        let end = (at + cut).min(octets.len());
        octets.splice(at..end, put.bytes());
        let mut sources = sources();
        sources.topology.insert("hall/site.toml".to_owned(), octets);
        findings(&sources);
    }
}
