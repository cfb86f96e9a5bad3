//! The networks of a plan, and what is beyond their routers.

use std::net::{IpAddr, Ipv4Addr};

use ipnetwork::IpNetwork;

use super::dice::mix;
use super::system::{self, System};
use crate::plan::Plan;

/// First and last host numbers that are given away.
const HOSTS: (u32, u32) = (20, 250);
/// A VLAN with its router.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) vlan: u16,
    pub(super) network: IpNetwork,
    pub(super) gateway: Ipv4Addr,
    pub(super) gateway_mac: [u8; 6],
    /// Which environment, from 0.
    pub(super) environment: usize,
    /// Whether the Internet is reached.
    pub(super) internet: bool,
    /// The network in which the environment's servers are.
    pub(super) servers: Ipv4Addr,
    next_host: u32,
}

impl Segment {
    /// The next address of the pool.
    pub(super) fn give(&mut self) -> Ipv4Addr {
        let host = self.next_host;
        self.next_host = if host >= HOSTS.1 { HOSTS.0 } else { host + 1 };
        nth(self.network, host)
    }
}

/// A server, or what stands for it; packets take `delay_us` there and back.
#[derive(Clone, Copy)]
pub(super) struct Server {
    pub(super) system: System,
    pub(super) hops: u8,
    pub(super) delay_us: i64,
    /// Whether several machines stand behind one address.
    pub(super) shared: bool,
}

impl Server {
    /// What has an address beyond the router; `None` for what does not answer.
    pub(super) fn at(address: Ipv4Addr, internet: bool) -> Option<Self> {
        let draw = mix(u64::from(u32::from(address)));
        if address.octets()[0] == 10 {
            let system = if draw & 3 == 0 { system::LINUX } else { system::WINDOWS_SERVER };
            return Some(Self { system, hops: 1, delay_us: 300, shared: false });
        }
        // One address in sixteen is down, so that somebody calls in vain.
        if !internet || draw & 15 == 0 {
            return None;
        }
        let system = if draw & 48 == 0 { system::WINDOWS_SERVER } else { system::LINUX };
        let hops = u8::try_from(8 + (draw >> 8) % 11).unwrap_or(8);
        let delay_us = i64::try_from(1_500 + (draw >> 16) % 28_000).unwrap_or(1_500);
        Some(Self { system, hops, delay_us, shared: draw & 0x1c0 == 0 })
    }
}

/// Whom a name leads to: inside names to the environment's servers, others into the Internet
/// where that is reached.
pub(super) fn resolve(segment: &Segment, name: &str) -> Option<Ipv4Addr> {
    let draw = name.bytes().fold(7, |draw, octet| mix(draw ^ u64::from(octet)));
    if name.ends_with("city.example") {
        let host = u32::try_from(20 + draw % 200).unwrap_or(20);
        return Some(offset(segment.servers, host));
    }
    let host = u32::try_from(draw & 0x00ff_ffff).unwrap_or(0);
    segment.internet.then(|| Ipv4Addr::from(0x1700_0000 | host))
}

/// The address that many after `first`.
pub(super) fn offset(first: Ipv4Addr, number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(first).wrapping_add(number))
}

fn nth(network: IpNetwork, host: u32) -> Ipv4Addr {
    match network.network() {
        IpAddr::V4(first) => offset(first, host),
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

/// The VLANs of a plan's business environments. The last of each holds its servers.
pub(super) fn segments(plan: &Plan) -> Vec<Segment> {
    let gateway = |vlan: u16| {
        let mut interfaces = plan.gateways.iter().flat_map(|gateway| &gateway.interfaces);
        let interface = interfaces.find(|interface| interface.vlan.get() == vlan)?;
        match interface.address.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }
    };
    let mut segments = Vec::new();
    for (environment, it) in plan.environments.iter().enumerate().take(3) {
        let networks = it.vlans.iter().filter_map(|vlan| Some((vlan.id.get(), vlan.prefix?)));
        let mut networks: Vec<_> = networks.collect();
        let Some((_, servers)) = networks.pop() else { continue };
        for (vlan, network) in networks {
            let Some(gateway) = gateway(vlan) else { continue };
            let [high, low] = vlan.to_be_bytes();
            segments.push(Segment {
                vlan,
                network,
                gateway,
                gateway_mac: [0x00, 0x12, 0xe2, 0x01, high, low],
                environment,
                internet: it.internet,
                servers: nth(servers, 0),
                next_host: HOSTS.0,
            });
        }
    }
    segments
}
