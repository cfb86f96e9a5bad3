//! What the plan says about environments: whose VLANs and addresses are whose, and what may pass.

use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::capture::CaptureTime;
use super::dissect::{Ip, Transport};
use crate::plan::{Flow, Plan, Role, TCP, UDP};
use crate::vocabulary::{EnvironmentIndex, Mac, Map, Set};

/// The environments of a plan, as far as frames can show them; empty without a plan.
#[derive(Clone, Debug, Default)]
pub struct Separation {
    /// The id of each environment, and whether devices are only kept there until released.
    environments: Map<EnvironmentIndex, (String, bool)>,
    vlans: Map<u16, EnvironmentIndex>,
    networks: Vec<(IpNetwork, EnvironmentIndex)>,
    /// By the environments of their ends, in the order of the connection.
    flows: Map<(EnvironmentIndex, EnvironmentIndex), Vec<Flow>>,
    /// MACs that the plan itself names in two environments.
    joint: Set<Mac>,
}

impl Separation {
    /// What a plan says.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Self {
        let mut separation = Self::default();
        for (index, environment) in (0..).map(EnvironmentIndex).zip(&plan.environments) {
            let waits = environment.role == Role::Quarantine;
            separation.environments.insert(index, (environment.id.clone(), waits));
            separation.vlans.extend(environment.vlans.iter().map(|vlan| (vlan.id.get(), index)));
            separation.networks.extend(environment.prefixes.iter().map(|net| (*net, index)));
        }
        let mut named: Map<Mac, EnvironmentIndex> = Map::default();
        for flow in &plan.permitted {
            for end in [&flow.from, &flow.to] {
                for mac in &end.macs {
                    if *named.entry(*mac).or_insert(end.environment) != end.environment {
                        separation.joint.insert(*mac);
                    }
                }
            }
            let ends = (flow.from.environment, flow.to.environment);
            separation.flows.entry(ends).or_default().push(flow.clone());
        }
        separation
    }

    /// Whether the environments have the same ids in the same order, so that what was learnt by
    /// index still means the same.
    #[must_use]
    pub fn is_numbered_like(&self, other: &Self) -> bool {
        self.environments == other.environments
    }

    /// Whether no plan says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vlans.is_empty()
    }

    /// Whose VLAN it is.
    #[must_use]
    pub fn home(&self, vlan: u16) -> Option<EnvironmentIndex> {
        self.vlans.get(&vlan).copied()
    }

    /// Whose address it is.
    #[must_use]
    pub fn owner(&self, address: IpAddr) -> Option<EnvironmentIndex> {
        let held = self.networks.iter().find(|(network, _)| network.contains(address));
        held.map(|(_, index)| *index)
    }

    /// The id of an environment.
    #[must_use]
    pub fn id(&self, index: EnvironmentIndex) -> &str {
        self.environments.get(&index).map_or("-", |(id, _)| id)
    }

    /// Whether devices of others are sent there: they come with the address they had, and leave
    /// with the one they were given.
    #[must_use]
    pub fn is_quarantine(&self, index: EnvironmentIndex) -> bool {
        self.environments.get(&index).is_some_and(|(_, waits)| *waits)
    }

    /// Whether the plan itself names that MAC in two environments.
    #[must_use]
    pub fn is_joint(&self, mac: Mac) -> bool {
        self.joint.contains(&mac)
    }

    /// Whether a packet belongs to a permitted flow in force at `time`, as its request or its
    /// reply. ICMP between the ends of a flow belongs to it: without its errors no connection
    /// finds its packet size (RFC 1191, RFC 8201). A later fragment has no ports to compare.
    #[must_use]
    pub fn permits(
        &self,
        (from, to): (EnvironmentIndex, EnvironmentIndex),
        ip: &Ip<'_>,
        time: CaptureTime,
    ) -> bool {
        let now = time.timestamp();
        let of = |ends| self.flows.get(&ends).into_iter().flatten();
        of((from, to)).any(|flow| {
            flow.in_force(now)
                && flow.from.holds(ip.source)
                && flow.to.holds(ip.destination)
                && carries(flow, &ip.transport, |(_, to)| to)
        }) || of((to, from)).any(|flow| {
            flow.in_force(now)
                && flow.to.holds(ip.source)
                && flow.from.holds(ip.destination)
                && carries(flow, &ip.transport, |(from, _)| from)
        })
    }
}

/// Whether a flow's application is what a packet carries, by the port at its server.
fn carries(flow: &Flow, transport: &Transport<'_>, served: impl Fn((u16, u16)) -> u16) -> bool {
    let at = |protocol: u8, ports: (u16, u16)| {
        flow.protocol == protocol && flow.ports.iter().any(|range| range.contains(&served(ports)))
    };
    match transport {
        Transport::Tcp(tcp) => at(TCP, (tcp.source, tcp.destination)),
        Transport::Udp { source, destination, .. } => at(UDP, (*source, *destination)),
        Transport::Icmpv6 { .. } | Transport::Other(1) => true,
        Transport::Other(protocol) => flow.protocol == *protocol,
        Transport::Fragment | Transport::Flawed => true,
    }
}
