//! Addresses of gateways that are another machine's, or no machine's.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::finding::Sink;
use super::{Finding, FindingKind, Gateway, GatewayIndex, Plan};

/// Checks the gateways of a linked plan.
pub(super) fn check(plan: &Plan, sink: &Sink) {
    let switches = plan.switches.iter().filter(|switch| is_one(switch.address));
    let mut holders: HashMap<IpAddr, (&str, Option<GatewayIndex>)> =
        switches.map(|switch| (switch.address.ip(), (switch.id.as_str(), None))).collect();
    for (index, gateway) in (0_u16..).map(GatewayIndex).zip(&plan.gateways) {
        for interface in &gateway.interfaces {
            for address in [Some(interface.address), interface.address6].into_iter().flatten() {
                let at = || Some(interface.at.clone());
                if !is_one(address)
                    && [address.network(), broadcast(address)].contains(&address.ip())
                {
                    let finding =
                        Finding::new(FindingKind::GatewayAddressNoMachine, at(), "address");
                    sink.push(finding.fact("address", address));
                }
                let known = *holders.entry(address.ip()).or_insert((&gateway.id, Some(index)));
                // The one that takes another's place may take its address too.
                let stands_in = |one: &Gateway, other| one.standby_of == Some(other);
                let same = known.1.is_some_and(|other| {
                    other == index
                        || stands_in(gateway, other)
                        || plan.gateway(other).is_some_and(|other| stands_in(other, index))
                });
                if !same {
                    let finding = Finding::new(FindingKind::GatewayAddressTaken, at(), "address");
                    sink.push(finding.fact("address", address.ip()).fact("other", known.0));
                }
            }
        }
    }
}

/// Whether a network is a single address.
fn is_one(network: IpNetwork) -> bool {
    matches!(network, IpNetwork::V4(of) if of.prefix() == 32)
        || matches!(network, IpNetwork::V6(of) if of.prefix() == 128)
}

/// The address that reaches all of an IPv4 network but one of two (RFC 3021); IPv6 has none.
fn broadcast(network: IpNetwork) -> IpAddr {
    match network {
        IpNetwork::V4(of) if of.prefix() < 31 => of.broadcast().into(),
        IpNetwork::V4(_) | IpNetwork::V6(_) => network.network(),
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::compile;
    use crate::plan::tests::{NOW, shipped};

    /// What is found after an edit of `topology/network.toml`.
    fn found(from: &str, to: &str) -> Vec<String> {
        let mut sources = shipped();
        let file = sources.topology.get_mut("network.toml").unwrap();
        let text = String::from_utf8(file.clone()).unwrap();
        assert!(text.contains(from), "{from}");
        *file = text.replacen(from, to, 1).into_bytes();
        let findings = compile(&sources, NOW).findings;
        let own = findings.iter().filter(|it| it.kind.id().starts_with("topology.gateway-"));
        own.map(|it| it.kind.id().to_owned()).collect()
    }

    #[test]
    fn addresses_of_others_and_of_no_machine_are_found() {
        let own = "address = \"10.1.0.8/18\"";
        assert_eq!(found(own, own), Vec::<String>::new());
        for (address, expected) in [
            ("10.1.0.1/18", "topology.gateway-address-taken"), // gw-a's
            ("10.1.0.0/18", "topology.gateway-address-no-machine"),
            ("10.1.63.255/18", "topology.gateway-address-no-machine"),
        ] {
            assert_eq!(found(own, &format!("address = \"{address}\"")), [expected], "{address}");
        }
        // Whoever takes another's place may take its address.
        assert_eq!(found("address = \"10.1.0.9/18\"", own), Vec::<String>::new());
        // A switch's.
        let management = "address = \"10.250.0.1/16\"";
        assert_eq!(
            found(management, "address = \"10.250.1.11/16\""),
            ["topology.gateway-address-taken"]
        );
    }
}
