//! The shipped city holds, and each way of breaking it is named with how it comes about.

use std::collections::BTreeSet;

use super::*;
use crate::plan::tests::{NOW, shipped};
use crate::plan::{FindingKind, Sources, compile};
use crate::vocabulary::{Language, Timestamp};

fn plan(sources: &Sources) -> Plan {
    let compiled = compile(sources, NOW);
    let errors: Vec<_> =
        compiled.findings.iter().filter(|it| it.severity() == Severity::Error).collect();
    compiled.plan.unwrap_or_else(|| panic!("{errors:?}"))
}

/// What is found in the city after these edits, without what the untouched city has.
fn found(edits: &[(&str, &str, &str)]) -> Vec<Finding> {
    let mut sources = shipped();
    for (path, from, to) in edits {
        edit_first(&mut sources, path, from, to);
    }
    let before = prove(&plan(&shipped()), None, NOW).findings;
    let known = |finding: &Finding| {
        before.iter().any(|other| other.kind == finding.kind && other.facts == finding.facts)
    };
    let findings = prove(&plan(&sources), None, NOW).findings;
    findings.into_iter().filter(|finding| !known(finding)).collect()
}

/// Replaces the first of a text that a file must hold.
pub(super) fn edit_first(sources: &mut Sources, path: &str, from: &str, to: &str) {
    let (tree, path) = path.split_once('/').unwrap();
    let files = if tree == "config" { &mut sources.config } else { &mut sources.topology };
    let file = files.get_mut(path).unwrap();
    let text = String::from_utf8(file.clone()).unwrap();
    assert!(text.contains(from), "{path} has no {from}");
    *file = text.replacen(from, to, 1).into_bytes();
}

fn errors(findings: &[Finding]) -> BTreeSet<&'static str> {
    let grave = findings.iter().filter(|finding| finding.severity() == Severity::Error);
    grave.map(|finding| finding.kind.id()).collect()
}

fn told(finding: &Finding) -> Vec<String> {
    finding.witness.iter().map(|step| step.text(Language::English)).collect()
}

const NETWORK: &str = "topology/network.toml";
const FW_AB: &str = "[[gateway]]\nid = \"fw-ab\"\n";

#[test]
fn the_city_holds_but_for_what_it_approved() {
    let proof = prove(&plan(&shipped()), None, NOW);
    assert!(proof.holds());
    let warnings = proof.findings.iter().filter(|it| it.severity() == Severity::Warning);
    assert_eq!(warnings.count(), 0);
    let pairs: Vec<_> = proof.crossings.iter().map(|it| (it.from.0, it.to.0)).collect();
    assert_eq!(pairs, [(0, 1), (1, 0), (1, 2), (2, 1)], "A–B and B–C, never A–C");
    assert!(proof.crossings.iter().all(|crossing| crossing.undeclared.is_empty()));
}

#[test]
fn an_exception_that_lapses_is_a_warning_and_stops_nothing() {
    let later = Timestamp::parse("2029-01-01").unwrap();
    let proof = prove(&plan(&shipped()), None, later);
    assert!(proof.holds());
    let lapsed = proof.findings.iter().filter(|it| it.kind.id() == "r24.single-link");
    assert!(
        lapsed.clone().count() == 2
            && lapsed.into_iter().all(|it| {
                it.severity() == Severity::Warning
                    && it.witness.iter().any(|step| step.kind.id() == "lapsed")
            })
    );
}

#[test]
fn untagged_frames_of_two_environments_on_one_link() {
    let sw = "names = \"0/49-50\", role = \"trunk\", vlans = [112, 122, 132, 900, 990], native = ";
    let dist =
        "names = \"1/0/1-10\", role = \"trunk\", vlans = [112, 122, 132, 900, 990], native = ";
    let findings = found(&[
        ("topology/nambara/site.toml", &format!("{sw}\"none\""), &format!("{sw}112")),
        ("topology/nambara/site.toml", &format!("{dist}\"none\""), &format!("{dist}122")),
    ]);
    // Both cables of the first switch, and nothing of the others.
    assert!(errors(&findings).contains("r02.environments-joined"));
    let joined: Vec<_> =
        findings.iter().filter(|it| it.kind.id() == "r02.environments-joined").collect();
    assert_eq!(joined.len(), 2);
    assert_eq!(
        joined[0].text(Language::English),
        "nam-dist1:1/0/1 (VLAN 122, environment B) and nam-sw01:0/49 (VLAN 112, environment A) \
         become one layer 2 segment"
    );
    assert_eq!(joined[0].witness.len(), 3, "two ends and what is assumed");
}

#[test]
fn a_trunk_that_carries_all() {
    let sw = "names = \"0/49-50\", role = \"trunk\", vlans = ";
    let from = format!("{sw}[112, 122, 132, 900, 990]");
    let findings = found(&[("topology/nambara/site.toml", &from, &format!("{sw}\"all\""))]);
    assert_eq!(errors(&findings), ["r02.trunk-carries-all"].into());
}

#[test]
fn a_gateway_without_a_list() {
    let from = "  { vlan = 113, address = \"10.1.160.1/19\" },\n";
    let to = &format!("{from}  {{ vlan = 130, address = \"10.3.0.5/18\" }},\n");
    let findings = found(&[(NETWORK, from, to)]);
    assert_eq!(errors(&findings), ["r03.path-between-cut-environments"].into());
    let from_a = |it: &&Finding| it.text(Language::English).contains("from environment A");
    let told = told(findings.iter().find(from_a).unwrap());
    assert_eq!(told[1], "gateway gw-a forwards from VLAN 111 to VLAN 130 (environment C)");
    assert_eq!(told[2], "in: nothing restricts it");
    assert_eq!(told.last().unwrap(), "assuming gw-a active");
}

/// The list that stands for the flows of one side of `fw-ab`, spoilt by `rules` before its own.
fn listed(rules: &str) -> Vec<Finding> {
    let acl = format!(
        "[[acl]]\nid = \"ab\"\nfamily = \"both\"\nrule = [\n{rules}  {{ action = \"permit\", \
         from = [\"10.1.0.50/32\"], to = [\"10.2.0.60/32\"], protocol = \"tcp\", ports = [\"443\"] }},\n]\n\n"
    );
    let line =
        "vlan = 110, address = \"10.1.0.8/18\", address6 = \"fd00:1:0:110::8/64\", in = \"flows\"";
    let out = "vlan = 120, address = \"10.2.0.8/18\", address6 = \"fd00:2:0:120::8/64\", in = \"flows\", out = \"flows\"";
    found(&[
        (NETWORK, FW_AB, &format!("{acl}{FW_AB}")),
        (NETWORK, line, &line.replace("in = \"flows\"", "in = \"ab\"")),
        (NETWORK, out, &out.replace("out = \"flows\"", "out = \"ab\"")),
    ])
}

#[test]
fn a_deny_that_an_earlier_permit_shadows() {
    let deny = "  { action = \"deny\", from = [\"10.1.0.0/24\"], to = [\"10.2.0.61/32\"] },\n";
    let wide = "  { action = \"permit\", from = [\"10.1.0.0/24\"], to = [\"10.2.0.0/24\"], protocol = \"tcp\", ports = [\"443\"] },\n";
    assert_eq!(errors(&listed(deny)), [].into(), "the list alone is as narrow as the flow");
    let findings = listed(&format!("{wide}{deny}"));
    assert_eq!(errors(&findings), ["r04.undeclared-flow"].into());
    let line = findings[0].at.as_ref().unwrap();
    let text = String::from_utf8(shipped().topology["network.toml"].clone()).unwrap();
    let before = text.split(FW_AB).next().unwrap().lines().count();
    assert_eq!(usize::try_from(line.line).unwrap(), before + 5, "the wide permit's own line");
    // The same two the other way round: the deny takes 10.2.0.61 away, the rest still passes.
    let findings = listed(&format!("{deny}{wide}"));
    let sample = findings[0].text(Language::English);
    assert!(!sample.contains("10.2.0.61"), "{sample}");
}

#[test]
fn a_flow_without_ports_or_too_wide_or_across_a_cut_or_dead() {
    let ports = "protocol = \"tcp\"\nports = [\"443\"]\n";
    let flows = "config/flows.toml";
    let findings = found(&[(flows, ports, "protocol = \"tcp\"\n")]);
    assert!(errors(&findings).contains("r05.ports"));
    let findings = found(&[(flows, "\"10.1.0.50\"", "\"10.1.0.0/18\"")]);
    assert!(errors(&findings).contains("r05.too-wide"));
    let findings = found(&[(
        flows,
        "environment = \"B\", ip = [\"10.2.0.60\"]",
        "environment = \"C\", ip = [\"10.3.0.60\"]",
    )]);
    assert!(errors(&findings).contains("r05.flow-across-cut"));
    // Without the way through, the flow is still declared and no longer possible.
    let gone = "  { vlan = 120, address = \"10.2.0.8/18\", address6 = \"fd00:2:0:120::8/64\", in = \"flows\", out = \"flows\" },\n";
    let standby = gone.replace("10.2.0.8/", "10.2.0.9/").replace("::8/", "::9/");
    let findings = found(&[(NETWORK, gone, ""), (NETWORK, &standby, "")]);
    let dead = findings.iter().filter(|it| it.kind.id() == "r06.dead-flow").count();
    assert_eq!((errors(&findings), dead), ([].into(), 2));
}

#[test]
fn a_route_that_leaks_between_tables() {
    let fw = "id = \"gw-a\"\nsite = \"honcho\"\nattach = [\"hon-core1\", \"hon-core2\"]\n";
    let own = "  { vlan = 110, address = \"10.1.0.1/18\" },\n";
    let apart = format!("{own}  {{ vlan = 130, address = \"10.3.0.5/18\", vrf = \"c\" }},\n");
    assert_eq!(errors(&found(&[(NETWORK, own, &apart)])), [].into(), "tables are not joined");
    let route = "route = [{ to = \"0.0.0.0/0\", via = \"10.3.0.1\" }]\n";
    let findings = found(&[(NETWORK, own, &apart), (NETWORK, fw, &format!("{fw}{route}"))]);
    // In C, a packet of A that claims to be the sanitiser's gets through to B as well.
    let expected = ["r03.path-between-cut-environments", "r04.undeclared-flow"];
    assert_eq!(errors(&findings), expected.into());
}

#[test]
fn a_standby_whose_list_drifted() {
    let from = "address = \"10.2.0.9/18\", address6 = \"fd00:2:0:120::9/64\", in = \"flows\", out = \"flows\"";
    let to = "address = \"10.2.0.9/18\", address6 = \"fd00:2:0:120::9/64\", in = \"flows\"";
    let other = "address = \"10.1.0.9/18\", address6 = \"fd00:1:0:110::9/64\", in = \"flows\"";
    let open = other.replace(", in = \"flows\"", "");
    let findings = found(&[(NETWORK, from, to), (NETWORK, other, &open)]);
    assert_eq!(errors(&findings), ["r04.undeclared-flow"].into());
    assert_eq!(told(&findings[0]).last().unwrap(), "assuming fw-ab-2 active");
}

#[test]
fn a_rule_that_assigns_a_vlan_of_another_environment() {
    let mut plan = plan(&shipped());
    let vlan = plan.environments[2].vlans[0].id;
    let rule = plan.rules.iter_mut().find(|rule| rule.vlan.is_some()).unwrap();
    rule.vlan = Some(vlan);
    assert!(errors(&prove(&plan, None, NOW).findings).contains("r09.rule-crosses"));
}

#[test]
fn several_devices_on_a_wire_of_many_vlans() {
    let from = "names = \"0/1-48\", role = \"auth\", host_mode = \"single\"";
    let to = &from.replace("single", "multi-auth");
    let findings = found(&[("topology/nambara/site.toml", from, to)]);
    let shared = findings.iter().filter(|it| it.kind.id() == "r02.shared-wire").count();
    assert_eq!(shared, 48);
}

#[test]
fn what_fails_open_leads_out_or_is_on_the_air() {
    let fw = format!("{FW_AB}site = \"honcho\"\n");
    let findings = found(&[(NETWORK, &fw, &format!("{fw}bypass = true\n"))]);
    assert!(errors(&findings).contains("r12.fails-to-wire"));
    assert!(errors(&findings).contains("r04.undeclared-flow"));
    let own = "  { vlan = 110, address = \"10.1.0.1/18\" },\n";
    let out = format!("{own}  {{ vlan = 900, address = \"10.249.0.1/16\" }},\n");
    assert_eq!(errors(&found(&[(NETWORK, own, &out)])), ["r13.quarantine-leads-out"].into());
    let findings = prove(&on_the_air(&shipped()), None, NOW).findings;
    assert_eq!(errors(&findings), ["r11.wireless"].into());
}

/// The first environment on the first wireless network.
fn on_the_air(sources: &Sources) -> Plan {
    let mut plan = plan(sources);
    let network = plan.switches.iter_mut().flat_map(|switch| &mut switch.networks).next().unwrap();
    network.environments.push(crate::vocabulary::EnvironmentIndex(0));
    plan
}

#[test]
fn the_edition_of_the_guideline_decides_about_the_air() {
    let mut sources = shipped();
    let (from, to) = ("wireless = \"forbidden\"", "wireless = \"guideline\"");
    edit_first(&mut sources, "config/environments.toml", from, to);
    let plan = on_the_air(&sources);
    for (edition, broken) in [(Edition::R4_3, true), (Edition::R6_10, true), (Edition::R7_3, false)]
    {
        let findings = prove(&plan, Some(edition), NOW).findings;
        assert_eq!(errors(&findings).contains("r11.wireless"), broken, "{edition:?}");
    }
}

#[test]
fn relays_are_chains_that_need_a_name_and_a_reason() {
    // 10.2.0.60 accepts from A; now it opens into C as well.
    let vdi = "ip = [\"10.2.0.62\", \"10.2.0.63\"]";
    let findings = found(&[("config/flows.toml", vdi, "ip = [\"10.2.0.60\", \"10.2.0.63\"]")]);
    assert_eq!(errors(&findings), ["r03.relay-undeclared"].into());
    let class = "class = \"proxy\"\naddresses = [\"10.2.0.60\", \"10.3.0.20\"";
    for (class, expected) in [
        (class.to_owned(), BTreeSet::from(["r03.relay-across-cut"])),
        (class.replace("proxy", "screen"), BTreeSet::new()),
    ] {
        let findings = found(&[
            ("config/flows.toml", vdi, "ip = [\"10.2.0.60\", \"10.2.0.63\"]"),
            (NETWORK, "class = \"screen\"\naddresses = [\"10.3.0.20\"", &class),
        ]);
        assert_eq!(errors(&findings), expected, "{class}");
    }
    // An exception may name the flow, too.
    let first = "[[exception]]\nid = \"E-001\"";
    let flow = "[[exception]]\nid = \"E-900\"\nrule = \"R03\"\nobjects = [\"T-001\"]\nreason = \"x\"\napprover = \"x\"\napproved = \"2026-04-01\"\nexpires = \"2027-03-31\"\n\n";
    let findings = found(&[
        ("config/flows.toml", vdi, "ip = [\"10.2.0.60\", \"10.2.0.63\"]"),
        (NETWORK, "class = \"screen\"\naddresses = [\"10.3.0.20\"", class),
        ("config/exceptions.toml", first, &format!("{flow}{first}")),
    ]);
    assert_eq!(errors(&findings), [].into());
}

#[test]
fn a_relay_in_two_environments_that_are_cut_joins_them_without_a_flow() {
    let sanitiser = "addresses = [\"10.2.0.70\", \"10.3.0.30\"]";
    for (addresses, expected) in [
        ("[\"10.1.0.77\", \"10.3.0.77\"]", BTreeSet::from(["r03.relay-across-cut"])),
        ("[\"10.2.0.77\", \"10.3.0.77\"]", BTreeSet::new()),
    ] {
        let findings = found(&[(NETWORK, sanitiser, &format!("addresses = {addresses}"))]);
        assert_eq!(errors(&findings), expected, "{addresses}");
    }
}

#[test]
fn a_gateway_stands_where_its_vlans_are() {
    let fw = "id = \"fw-ab\"\nsite = \"honcho\"\nattach = [\"hon-core1\", \"hon-core2\"]";
    let told = |attach: &str| {
        let findings = found(&[(NETWORK, fw, &fw.replace("hon-core1", attach))]);
        let told = findings.iter().filter(|it| it.kind == FindingKind::GatewayNotCarried);
        told.map(|it| it.text(Language::English)).collect::<Vec<_>>()
    };
    for attach in ["hon-sw01:0/3", "aoh-sw01"] {
        let text = told(attach);
        assert!(text.len() == 1 && text[0].contains(attach), "{attach}: {text:?}");
    }
    // A trunk that carries them.
    assert_eq!(told("hon-core1:1/0/42"), Vec::<String>::new());
}

#[test]
fn who_is_registered_and_gets_in_nowhere_is_told() {
    let inventory = String::from_utf8(shipped().config["inventory.csv"].clone()).unwrap();
    let row = |asset: &str| inventory.lines().find(|line| line.starts_with(asset)).unwrap();
    let nowhere = |from: &str, to: &str| -> Vec<String> {
        let findings = found(&[("config/inventory.csv", from, to)]);
        let told = findings.iter().filter(|it| it.kind == FindingKind::AdmittedNowhere);
        told.map(|it| it.text(Language::English)).collect()
    };
    // A printer of environment B registered for A, without the exception that rule R10 wants.
    let printer = row("S-0010,");
    assert!(printer.contains(",プリンター,"), "{printer}");
    let told = nowhere(printer, &printer.replace(",B,", ",A,").replace(",C,", ",A,"));
    assert!(told.len() == 1 && told[0].contains("S-0010"), "{told:?}");
    // A mobile terminal where no rule speaks of its class.
    let tablet = row("W-0001,");
    let told = nowhere(tablet, &tablet.replace(",fujio,", ",honcho/hon-sw01/0/3,"));
    assert!(told.len() == 1 && told[0].contains("W-0001"), "{told:?}");
}

#[test]
fn bundles_trunks_and_first_comers() {
    let link = "id = \"core-1\"\n";
    let other = "id = \"core-2\"\n";
    let vlans = "medium = \"fibre\"\nvlans = [110, 111,";
    let lag = |id: &str| format!("{id}lag = \"core\"\n");
    let same = found(&[(NETWORK, link, &lag(link)), (NETWORK, other, &lag(other))]);
    assert_eq!(errors(&same), [].into());
    let findings = found(&[
        (NETWORK, link, &lag(link)),
        (NETWORK, other, &lag(other)),
        (NETWORK, vlans, "medium = \"fibre\"\nvlans = [111,"),
    ]);
    assert_eq!(errors(&findings), ["r02.lag-members-differ"].into());
    let unused = "{ names = \"1/0/47-48\", role = \"unused\" }";
    let trunk =
        "{ names = \"1/0/47-48\", role = \"trunk\", vlans = [110, 130], native = \"none\" }";
    let findings = found(&[("topology/honcho/site.toml", unused, trunk)]);
    assert!(findings.iter().any(|it| it.kind.id() == "r16.trunk-without-link"));
    let single = "role = \"auth\", host_mode = \"single\"";
    let multi = "role = \"auth\", host_mode = \"multi-host\", environments = [\"B\"]";
    let findings = found(&[("topology/nambara/site.toml", single, multi)]);
    assert!(errors(&findings).contains("r16.multi-host"));
    let reason = format!("{multi}, reason = \"meeting room\"");
    let findings = found(&[("topology/nambara/site.toml", single, &reason)]);
    assert!(!errors(&findings).contains("r16.multi-host"));
}

#[test]
fn what_can_be_assigned_exists_and_reaches_its_gateway() {
    let mut plan = plan(&shipped());
    for switch in &mut plan.switches {
        if switch.id == "hon-sw01" {
            switch.vlans.retain(|vlan| vlan.get() != 125);
        }
    }
    plan.links.retain(|link| !link.id.starts_with("radio-sagi"));
    let findings = prove(&plan, None, NOW).findings;
    assert!(errors(&findings).contains("r15.rule-vlan-absent"));
    let lost = findings.iter().filter(|it| it.kind.id() == "r15.no-way-to-gateway").count();
    assert_eq!(lost, 6, "two switches with three VLANs");
}

#[test]
fn environments_far_apart_are_still_told_apart() {
    let mut plan = plan(&shipped());
    // As many copies of the last environment as fit between the first and the new ones.
    let mut sources = shipped();
    let text = String::from_utf8(sources.config["environments.toml"].clone()).unwrap();
    let more: String = (0..140)
        .map(|number| {
            format!(
                "[[environment]]\nid = \"X{number}\"\nname_ja = \"x\"\nname_en = \"x\"\n\
                 role = \"management\"\nguideline = \"none\"\nprefixes = [\"10.251.{number}.0/24\"]\n\
                 admission = \"none\"\nwireless = \"forbidden\"\ncritical_vlan = false\n\
                 internet = false\nweight = 1\nauthorities = []\n\
                 crl = {{ required = false, grace_h = 0, when_stale = \"refuse\" }}\n\
                 vlan = [{{ id = {}, name = \"X{number}\", prefix = \"10.251.{number}.0/24\" }}]\n\n",
                2_000 + number
            )
        })
        .collect();
    sources.config.insert("environments.toml".to_owned(), format!("{more}{text}").into_bytes());
    let wide = compile(&sources, NOW).plan.unwrap();
    let ids: Vec<_> = wide.environments.iter().map(|it| it.id.as_str()).collect();
    for other in [1, 63, 64, 127, 128, 139] {
        let mut wide = wide.clone();
        let [one, far] = [0, other].map(|at: usize| wide.environments[at].vlans[0].id);
        for switch in wide.switches.iter_mut().filter(|it| it.id.starts_with("hon-core")) {
            switch.vlans.extend([one, far]);
        }
        let gateway = &mut wide.gateways[0];
        for vlan in [one, far] {
            let interface = gateway.interfaces[0].clone();
            gateway.interfaces.push(crate::plan::Interface { vlan, ..interface });
        }
        let found = prove(&wide, None, NOW).crossings;
        let crossing = |from: usize, to: usize| {
            found.iter().any(|it| (usize::from(it.from.0), usize::from(it.to.0)) == (from, to))
        };
        assert!(crossing(0, other) && crossing(other, 0), "{} and {}", ids[0], ids[other]);
    }
    plan.gateways.clear();
    assert!(prove(&plan, None, NOW).crossings.is_empty(), "nothing forwards without gateways");
}

#[test]
fn a_search_that_gives_up_proves_nothing() {
    use crate::plan::{Acl, AclIndex, AclRule, Applied, Families};

    // Each rule is one more box that reaches B.
    let mut plan = plan(&shipped());
    let at = plan.gateways[0].at.clone();
    let rule = |number: u16| AclRule {
        permit: true,
        from: Vec::new(),
        to: vec![
            std::net::IpAddr::from([10, 2, (number / 250 % 50) as u8, (number % 250) as u8]).into(),
        ],
        protocol: Some(6),
        from_ports: Vec::new(),
        to_ports: vec![number..=number],
        established: false,
        at: at.clone(),
    };
    let rules = (0..60_000).map(rule).collect();
    let families = Families { ipv4: true, ipv6: true };
    plan.acls = vec![Acl { id: "many".to_owned(), families, rules, at: at.clone() }];
    for gateway in plan.gateways.iter_mut().filter(|gateway| gateway.id.starts_with("fw-ab")) {
        for interface in &mut gateway.interfaces {
            interface.input = Some(Applied::Acl(AclIndex(0)));
            interface.output = None;
        }
    }
    let proof = prove(&plan, None, NOW);
    assert!(errors(&proof.findings).contains("r03.not-proven") && !proof.holds());
}

#[test]
fn who_enters_by_an_exception_is_pinned_to_a_port() {
    use crate::plan::{Area, ExceptionObject};
    use crate::vocabulary::{DeviceIndex, SiteIndex};

    let unpinned =
        |plan: &Plan| errors(&prove(plan, None, NOW).findings).contains("r10.exception-not-pinned");
    let whole = plan(&shipped());
    let moved = |excepted: bool| {
        let mut plan = whole.clone();
        let at = (0..whole.devices.len()).find(|at| {
            let index = DeviceIndex(u32::try_from(*at).unwrap());
            let device = &whole.devices[*at];
            device.certificate.is_none() && whole.mac_exception(index, NOW).is_some() == excepted
        });
        let device = &mut plan.devices[at.unwrap()];
        device.place = Some(Area::Site(SiteIndex(0)));
        (device.class, plan)
    };
    assert!(!unpinned(&whole));
    // The exception that lets it in does not excuse that it is pinned to no port.
    assert!(unpinned(&moved(true).1));
    let (class, mut plan) = moved(false);
    assert!(!unpinned(&plan), "this one has no exception");
    plan.exceptions[0].objects.push(ExceptionObject::Class(class));
    assert!(unpinned(&plan), "an exception of its class lets it in too");
}

#[test]
fn an_exception_that_excuses_nothing_is_told_and_one_that_holds_outweighs_a_lapsed_one() {
    let exceptions = "config/exceptions.toml";
    let findings = found(&[(exceptions, "\"radio-sagishima\", ", "\"radio-sagishma\", ")]);
    let ids: Vec<_> = findings.iter().map(|finding| finding.kind.id()).collect();
    assert_eq!(ids, ["exception.excuses-nothing"]);
    let mut plan = plan(&shipped());
    let mut lapsed = plan.exceptions.last().unwrap().clone();
    lapsed.expires = lapsed.approved;
    for order in [0, plan.exceptions.len()] {
        let mut plan = plan.clone();
        plan.exceptions.insert(order, lapsed.clone());
        let proof = prove(&plan, None, NOW);
        let single = proof.findings.iter().filter(|it| it.kind.id() == "r24.single-link");
        for finding in single {
            assert_eq!(finding.severity(), Severity::Notice);
            let steps: Vec<_> = finding.witness.iter().map(|step| step.kind.id()).collect();
            assert_eq!(steps, ["cut-off", "cut-off", "excepted"]);
        }
    }
    plan.exceptions.clear();
    assert!(prove(&plan, None, NOW).findings.iter().all(|it| it.graded.is_none()));
}
