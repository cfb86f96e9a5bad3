//! `topology/` of an invented network.

use std::collections::BTreeMap;

use super::lists::{Flow, list_id, lists};
use super::{Layout, MANAGEMENT, QUARANTINE, Zone, access_id, device_ports, site_id};

/// The first ports of a core: between the cores, then one for each ring, then the hall's switches.
const CORE_RING_PORT: usize = 3;
/// Ports of a core or distribution switch.
const TRUNKS: u16 = 96;

/// Writes the files.
pub(super) fn write(layout: &Layout, flows: &[Flow], files: &mut BTreeMap<String, Vec<u8>>) {
    let vlans = layout.every_vlan();
    for site in 0..=layout.sites {
        let path = format!("{}/site.toml", site_id(site));
        files.insert(path, site_file(layout, site, &vlans).into_bytes());
    }
    let mut network =
        "# 生成したリング・リンク・ゲートウェイ。 Rings, links and gateways, generated.\n\n"
            .to_owned();
    rings(layout, &vlans, &mut network);
    access_links(layout, &vlans, &mut network);
    gateways(layout, flows, &mut network);
    files.insert("network.toml".to_owned(), network.into_bytes());
}

fn site_file(layout: &Layout, site: u16, vlans: &str) -> String {
    let id = site_id(site);
    let (ja, en, group) = if site == 0 {
        ("本庁舎".to_owned(), "Main office".to_owned(), "hall".to_owned())
    } else {
        let ring = (usize::from(site) - 1) / super::RING_SITES_MAX + 1;
        (format!("第{site}支所"), format!("Branch {site}"), format!("ring-{ring}"))
    };
    let assign: String = layout
        .zones
        .iter()
        .map(|zone| {
            let turn = usize::from(site).checked_rem(zone.vlans.len()).unwrap_or_default();
            let vlan = zone.vlans.get(turn).copied().unwrap_or(QUARANTINE);
            format!("{} = {vlan}\n", zone.id)
        })
        .collect();
    let mut text = format!(
        "# {ja} — {en}
[site]
id = \"{id}\"
name_ja = \"{ja}\"
name_en = \"{en}\"
group = \"{group}\"
medium = \"fibre\"

[site.assign]
{assign}Q = {QUARANTINE}
"
    );
    if site == 0 {
        let used = CORE_RING_PORT - 1 + layout.rings().len() + usize::from(layout.hall);
        for number in 1..=2_u16 {
            text.push_str(&trunks(&format!("core{number}"), "core", (number, used), vlans));
        }
    } else {
        // Below the cores and the access switches of the sites before.
        let used = 2 + 2 * usize::from(layout.size.access_per_site);
        text.push_str(&trunks(&format!("{id}-dist"), "distribution", (2 + site, used), vlans));
    }
    let here = layout.access().enumerate().filter(|(_, (at, _))| *at == site);
    for (position, (_, number)) in here {
        let position = u16::try_from(position).unwrap_or_default() + 3 + layout.sites;
        text.push_str(&access(site, number, position, vlans));
    }
    text
}

/// The management address of the switch of that number in the whole network, from 1.
fn address(position: u16) -> String {
    format!("10.250.{}.{}", position / 200 + 1, position % 200 + 10)
}

/// A switch for links alone, of whose ports the first are `used`.
fn trunks(id: &str, role: &str, (position, used): (u16, usize), vlans: &str) -> String {
    let (address, free) = (address(position), used + 1);
    format!(
        "
[[switch]]
id = \"{id}\"
address = \"{address}\"
profile = \"alaxala-ax-mac-dynamic\"
model = \"AX3660S-24S8XW\"
serial = \"NW{position:05}\"
role = \"{role}\"
vlans = {vlans}
stack = 2
port = [
  {{ names = \"1/0/1-{used}\", role = \"trunk\", vlans = {vlans}, native = \"none\" }},
  {{ names = \"1/0/{free}-{TRUNKS}\", role = \"unused\" }},
]
"
    )
}

fn access(site: u16, number: u16, position: u16, vlans: &str) -> String {
    let (id, address, ports) = (access_id(site, number), address(position), device_ports(number));
    let (profile, model) = if number.is_multiple_of(2) {
        ("alaxala-ax-mac-dynamic", "AX2630S-48T4XW")
    } else {
        ("cisco-ibns", "Catalyst 9200")
    };
    format!(
        "
[[switch]]
id = \"{id}\"
address = \"{address}\"
profile = \"{profile}\"
model = \"{model}\"
serial = \"NW{position:05}\"
role = \"access\"
vlans = {vlans}
port = [
  {{ names = \"{ports}1-48\", role = \"auth\", host_mode = \"single\" }},
  {{ names = \"{ports}49-50\", role = \"trunk\", vlans = {vlans}, native = \"none\" }},
  {{ names = \"{ports}51-52\", role = \"unused\" }},
]
"
    )
}

/// A link; every link carries every VLAN.
fn link(text: &mut String, id: &str, ends: [&str; 2], more: &str, vlans: &str) {
    let [one, other] = ends;
    text.push_str(&format!(
        "[[link]]
id = \"{id}\"
ends = [\"{one}\", \"{other}\"]
medium = \"fibre\"
{more}vlans = {vlans}
native = \"none\"

"
    ));
}

fn rings(layout: &Layout, vlans: &str, text: &mut String) {
    let rings = layout.rings();
    for (number, sites) in (1..).zip(&rings) {
        let sites: Vec<String> =
            sites.iter().map(|site| format!("\"{}\"", site_id(*site))).collect();
        text.push_str(&format!(
            "[[ring]]
id = \"ring-{number}\"
name_ja = \"第{number}リング\"
name_en = \"Ring {number}\"
protocol = \"rstp\"
sites = [\"hall\", {}]

",
            sites.join(", ")
        ));
    }
    for number in 1..CORE_RING_PORT {
        let ends = [format!("core1:1/0/{number}"), format!("core2:1/0/{number}")];
        let [one, other] = &ends;
        link(text, &format!("core-{number}"), [one, other], "lag = \"core\"\n", vlans);
    }
    for (number, sites) in (0_usize..).zip(&rings) {
        let port = number + CORE_RING_PORT;
        let mut before = format!("core1:1/0/{port}");
        let ring = format!("ring = \"ring-{}\"\n", number + 1);
        let mut span = 0;
        let mut next = |other: &str, before: &str, text: &mut String| {
            span += 1;
            link(text, &format!("ring-{}-{span}", number + 1), [before, other], &ring, vlans);
        };
        for site in sites {
            let dist = format!("{}-dist", site_id(*site));
            next(&format!("{dist}:1/0/1"), &before, text);
            before = format!("{dist}:1/0/2");
        }
        next(&format!("core2:1/0/{port}"), &before, text);
    }
}

/// Two uplinks of each access switch: to both cores at the hall, else to its distribution.
fn access_links(layout: &Layout, vlans: &str, text: &mut String) {
    let first = layout.rings().len() + CORE_RING_PORT;
    for (site, number) in layout.access() {
        let (id, ports) = (access_id(site, number), device_ports(number));
        for uplink in 0..2_u16 {
            let own = format!("{id}:{ports}{}", 49 + uplink);
            let (far, lag) = if site == 0 {
                let port = first + usize::from(number);
                (format!("core{}:1/0/{port}", uplink + 1), String::new())
            } else {
                let port = 3 + 2 * number + uplink;
                (format!("{}-dist:1/0/{port}", site_id(site)), format!("lag = \"{id}\"\n"))
            };
            link(text, &format!("{id}-{}", uplink + 1), [&far, &own], &lag, vlans);
        }
    }
}

/// Writes a gateway and its standby, whose interfaces differ by the host number alone.
fn pair(text: &mut String, id: &str, host: u16, more: &str, interface: &dyn Fn(u16) -> String) {
    for (id, standby, host) in [
        (id.to_owned(), String::new(), host),
        (format!("{id}-2"), format!("standby_of = \"{id}\"\n"), host + 1),
    ] {
        text.push_str(&format!(
            "[[gateway]]
id = \"{id}\"
site = \"hall\"
attach = [\"core1\", \"core2\"]
{standby}{more}interface = [
{}]

",
            interface(host)
        ));
    }
}

fn gateways(layout: &Layout, flows: &[Flow], text: &mut String) {
    for zone in &layout.zones {
        let id = format!("gw-{}", zone.id.to_ascii_lowercase());
        pair(text, &id, 1, "", &|host| {
            let vlans = (0_u16..).zip(&zone.vlans);
            let net = zone.net;
            let line = |(index, vlan): (u16, &u16)| {
                format!("  {{ vlan = {vlan}, address = \"10.{net}.{index}.{host}/24\" }},\n")
            };
            vlans.map(line).collect()
        });
    }
    pair(text, "gw-m", 1, "", &|host| {
        format!("  {{ vlan = {MANAGEMENT}, address = \"10.250.0.{host}/16\" }},\n")
    });
    let [a, b, c] = &layout.zones;
    for (id, one, other, host) in [("fw-ab", a, b, 5), ("fw-bc", b, c, 8)] {
        let sides = [(one, other), (other, one)];
        if layout.size.lists {
            for (zone, far) in sides {
                for vlan in 0..zone.servers() {
                    text.push_str(&lists(id, (zone, far), vlan, flows));
                }
            }
        }
        let more = "stateful = true\nunlisted_family = \"drop\"\n";
        pair(text, id, host, more, &|host| {
            let lines = sides.iter().map(|(zone, _)| interfaces(layout, id, zone, host));
            lines.collect()
        });
    }
}

/// The interfaces of a firewall in the VLANs of a zone where servers are.
fn interfaces(layout: &Layout, firewall: &str, zone: &Zone, host: u16) -> String {
    let line = |(index, vlan): (u16, &u16)| {
        let applied = |input| {
            if layout.size.lists {
                list_id(firewall, zone, index, input)
            } else {
                "flows".to_owned()
            }
        };
        let (net, input, output) = (zone.net, applied(true), applied(false));
        format!(
            "  {{ vlan = {vlan}, address = \"10.{net}.{index}.{host}/24\", in = \"{input}\", out = \"{output}\" }},\n"
        )
    };
    (0..zone.servers()).zip(&zone.vlans).map(line).collect()
}
