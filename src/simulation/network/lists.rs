//! The permitted flows of an invented network, and the access lists that permit exactly these.

use super::{Layout, MANAGEMENT, QUARANTINE, SERVER_VLANS_MAX, Zone};

/// First host number of machines that open flows, and of machines that answer. They never meet,
/// so that no machine is a chain from one environment into another.
const OPENS: u16 = 20;
const ANSWERS: u16 = 130;
/// Hosts of each kind in one VLAN.
const HOSTS: u16 = 100;
/// First destination port.
const PORT: u16 = 2_000;

/// A permitted flow: positions of VLANs in their zones, and host numbers.
pub(super) struct Flow {
    number: u16,
    from: End,
    to: End,
    port: u16,
}

struct End {
    zone: char,
    net: u16,
    vlan: u16,
    host: u16,
}

impl End {
    fn address(&self) -> String {
        format!("10.{}.{}.{}", self.net, self.vlan, self.host)
    }

    fn declared(&self) -> String {
        let (zone, address) = (self.zone, self.address());
        let Self { net, vlan, host, .. } = self;
        let mac = format!("00-16-3E-{net:02X}-{vlan:02X}-{host:02X}");
        format!("{{ environment = \"{zone}\", ip = [\"{address}\"], mac = [\"{mac}\"] }}")
    }
}

impl Flow {
    /// As `config/flows.toml` has it.
    pub(super) fn declared(&self) -> String {
        format!(
            "[[flow]]
id = \"T-{:04}\"
purpose = \"業務連携 {}。 Exchange no. {}.\"
owner = \"デジタル推進課\"
approver = \"デジタル推進課長\"
approved = \"2026-04-01\"
expires = \"2036-03-31\"
from = {}
to = {}
protocol = \"tcp\"
ports = [\"{}\"]

",
            self.number,
            self.number,
            self.number,
            self.from.declared(),
            self.to.declared(),
            self.port,
        )
    }

    fn rule(&self) -> String {
        let (from, to, port) = (self.from.address(), self.to.address(), self.port);
        format!(
            "  {{ action = \"permit\", from = [\"{from}/32\"], to = [\"{to}/32\"], protocol = \"tcp\", ports = [\"{port}\"] }},\n"
        )
    }
}

/// The flows: A and B, B and C, both ways in turn, over the VLANs of servers.
pub(super) fn flows(layout: &Layout) -> Vec<Flow> {
    let [a, b, c] = &layout.zones;
    let flow = |number: u16| {
        let (from, to) = match number % 4 {
            0 => (a, b),
            1 => (b, a),
            2 => (b, c),
            _ => (c, b),
        };
        let turn = number / 4;
        let end = |zone: &Zone, turn: u16, first: u16| End {
            zone: zone.id,
            net: zone.net,
            vlan: turn.checked_rem(zone.servers()).unwrap_or_default(),
            host: first + (turn / 4) % HOSTS,
        };
        Flow {
            number: number + 1,
            from: end(from, turn, OPENS),
            to: end(to, turn / 3 + turn, ANSWERS),
            port: PORT + number,
        }
    };
    (0..layout.size.flows).map(flow).collect()
}

impl Zone {
    /// How many of its VLANs hold servers.
    pub(super) fn servers(&self) -> u16 {
        u16::try_from(self.vlans.len().min(SERVER_VLANS_MAX)).unwrap_or_default()
    }
}

/// The id of the list for packets that a firewall takes from, or sends to, a VLAN.
pub(super) fn list_id(firewall: &str, zone: &Zone, vlan: u16, input: bool) -> String {
    let side = if input { "in" } else { "out" };
    format!("{firewall}-{}{vlan}-{side}", zone.id.to_ascii_lowercase())
}

/// The lists of one interface between two zones: what may come in there and what may go out.
pub(super) fn lists(
    firewall: &str,
    (zone, other): (&Zone, &Zone),
    vlan: u16,
    flows: &[Flow],
) -> String {
    let mut text = String::new();
    for input in [true, false] {
        let id = list_id(firewall, zone, vlan, input);
        let permits: String = flows
            .iter()
            .filter(|flow| {
                let (own, far) =
                    if input { (&flow.from, &flow.to) } else { (&flow.to, &flow.from) };
                (own.zone, own.vlan, far.zone) == (zone.id, vlan, other.id)
            })
            .map(Flow::rule)
            .collect();
        let whole = |zone: &Zone| format!("10.{}.0.0/16", zone.net);
        let (from, to) = if input { (zone, other) } else { (other, zone) };
        let (from, to) = (whole(from), whole(to));
        text.push_str(&format!(
            "[[acl]]
id = \"{id}\"
family = \"ipv4\"
rule = [
  {{ action = \"deny\", to = [\"{}\", \"{}\"] }},
  {{ action = \"deny\", from = [\"{}\", \"{}\"] }},
{permits}  {{ action = \"deny\", from = [\"{from}\"], to = [\"{to}\"] }},
  {{ action = \"deny\" }},
]

",
            aside(QUARANTINE),
            aside(MANAGEMENT),
            aside(QUARANTINE),
            aside(MANAGEMENT),
        ));
    }
    text
}

/// The addresses of the environments that no flow is about.
const fn aside(vlan: u16) -> &'static str {
    if vlan == QUARANTINE { "10.249.0.0/16" } else { "10.250.0.0/16" }
}
