//! What a gateway that permits just the flows has to let pass.

use ipnetwork::IpNetwork;

use super::interfaces::vlans_of;
use crate::plan::{Environment, Flow, Gateway, Plan};
use crate::proof::{Header, MACS, Span, addresses, ports};
use crate::vocabulary::{EnvironmentIndex, Mac, VlanId};

/// Protocols with ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
pub(super) const PORTED: &[(u8, &str)] =
    &[(6, "tcp"), (17, "udp"), (33, "dccp"), (132, "sctp"), (136, "udplite")];

/// A permitted flow of one family at one VLAN it may come in by.
#[derive(Debug)]
pub(super) struct Passage<'a> {
    pub(super) flow: &'a Flow,
    pub(super) input: VlanId,
    pub(super) outputs: Vec<VlanId>,
    pub(super) from: Vec<IpNetwork>,
    pub(super) to: Vec<IpNetwork>,
    /// The source MAC addresses; `None` where the sender is beyond a router.
    pub(super) macs: Option<&'a [Mac]>,
}

/// An environment at the gateway.
#[derive(Debug)]
pub(super) struct Home<'a> {
    pub(super) environment: &'a Environment,
    pub(super) vlans: Vec<VlanId>,
}

/// The environments that a gateway joins.
pub(super) fn homes<'a>(plan: &'a Plan, gateway: &Gateway) -> Vec<Home<'a>> {
    let indexed = (0_u8..).map(EnvironmentIndex).zip(&plan.environments);
    let home = indexed
        .map(|(index, environment)| Home { environment, vlans: vlans_of(plan, gateway, index) });
    home.filter(|home| !home.vlans.is_empty()).collect()
}

/// Networks of one family; one that lies within another is left out.
pub(super) fn family(networks: &[IpNetwork], ipv4: bool) -> Vec<IpNetwork> {
    let mut kept: Vec<IpNetwork> = Vec::new();
    let mut sorted: Vec<_> = networks.iter().filter(|each| each.is_ipv4() == ipv4).collect();
    sorted.sort_by_key(|network| (network.prefix(), network.network()));
    for network in sorted {
        if !kept.iter().any(|whole| whole.contains(network.network())) {
            kept.push(*network);
        }
    }
    kept
}

/// How a flow passes the gateway. A sender whose address lies in a VLAN that the gateway itself
/// joins is held to that VLAN and to its MAC addresses; only one from elsewhere, who comes by a
/// router of its environment, is taken without.
pub(super) fn passages<'a>(plan: &Plan, gateway: &Gateway, flow: &'a Flow) -> Vec<Passage<'a>> {
    let outputs = vlans_of(plan, gateway, flow.to.environment);
    let ported = PORTED.iter().any(|(number, _)| *number == flow.protocol);
    if outputs.is_empty() || !(flow.ports.is_empty() || ported) {
        return Vec::new();
    }
    let joined: Vec<VlanId> = gateway.interfaces.iter().map(|each| each.vlan).collect();
    let mut passages = Vec::new();
    for input in vlans_of(plan, gateway, flow.from.environment) {
        for ipv4 in [true, false] {
            let to = family(&flow.to.addresses, ipv4);
            let (mut here, mut beyond) = (Vec::new(), Vec::new());
            for network in family(&flow.from.addresses, ipv4) {
                if touches(plan, input, network) {
                    here.push(network);
                } else if !joined.iter().any(|vlan| touches(plan, *vlan, network)) {
                    beyond.push(network);
                }
            }
            for (from, macs) in [(here, Some(flow.from.macs.as_slice())), (beyond, None)] {
                if !from.is_empty() && !to.is_empty() {
                    let (outputs, to) = (outputs.clone(), to.clone());
                    passages.push(Passage { flow, input, outputs, from, to, macs });
                }
            }
        }
    }
    passages
}

/// Whether a network and a VLAN have addresses in common.
fn touches(plan: &Plan, vlan: VlanId, network: IpNetwork) -> bool {
    let prefixes = plan.vlan(vlan).into_iter().flat_map(|vlan| [vlan.prefix, vlan.prefix6]);
    let own = addresses(network);
    prefixes.flatten().any(|prefix| addresses(prefix).and(own).is_some())
}

impl Passage<'_> {
    /// The packets, whatever connection they belong to.
    pub(super) fn headers(&self) -> Vec<Header> {
        let flow = self.flow;
        let macs = self.macs.map_or_else(
            || vec![MACS],
            |macs| macs.iter().map(|mac| Span::new(number(*mac), number(*mac))).collect(),
        );
        let ranges: Vec<Span<u16>> = if flow.ports.is_empty() {
            vec![Header::ALL.to_port]
        } else {
            flow.ports.iter().map(ports).collect()
        };
        let mut boxes = Vec::new();
        for from in &self.from {
            for to in &self.to {
                for range in &ranges {
                    for mac in &macs {
                        boxes.push(Header {
                            from: addresses(*from),
                            to: addresses(*to),
                            protocol: Span::new(flow.protocol, flow.protocol),
                            to_port: *range,
                            mac: *mac,
                            ..Header::ALL
                        });
                    }
                }
            }
        }
        boxes
    }
}

impl Home<'_> {
    /// The packets that stay within the environment.
    pub(super) fn headers(&self) -> Vec<Header> {
        let mut boxes = Vec::new();
        for ipv4 in [true, false] {
            let prefixes = family(&self.environment.prefixes, ipv4);
            for from in &prefixes {
                for to in &prefixes {
                    let (from, to) = (addresses(*from), addresses(*to));
                    boxes.push(Header { from, to, ..Header::ALL });
                }
            }
        }
        boxes
    }
}

/// A MAC address as a number.
pub(super) fn number(mac: Mac) -> u64 {
    mac.octets().iter().fold(0, |number, octet| (number << 8) | u64::from(*octet))
}
