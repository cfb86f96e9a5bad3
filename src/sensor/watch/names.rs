//! What names show: those looked up, those announced, and what a box says to be.

use std::net::IpAddr;

use super::{Context, Draft, Sensor, Subject};
use crate::sensor::dissect::{
    Dns, HEAD_OCTETS_MAX, Http, Ip, Protocol, is_dhcpv6, is_quic_initial, is_radius, is_snmp,
};
use crate::sensor::fingerprint::DhcpClass;
use crate::sensor::habit::digest;
use crate::sensor::knowledge::Role;
use crate::sensor::phone::{Maker, looked_up};
use crate::sensor::sign::SignKind;
use crate::vocabulary::escape;

/// What a gateway calls itself in UPnP.
const GATEWAY_DEVICE: &[u8] = b"InternetGatewayDevice:";
/// What Windows looks up to see whether it reaches the Internet (Microsoft, "Network Connectivity
/// Status Indicator overview").
const CHECKS: &[&str] = &[
    "www.msftconnecttest.com",
    "ipv6.msftconnecttest.com",
    "www.msftncsi.com",
    "dns.msftncsi.com",
];
/// Within how long both names are looked up, in seconds.
const BURST_S: i64 = 10;
/// How long after a station came up such checks are its own, in seconds.
const AWAKE_S: i64 = 300;
/// The weight of a phone's name where the Internet is reached, and others look it up as well.
const PHONE_NAME_WEIGHT_INTERNET: u8 = 3;
/// The weight of a name that PCs or their browsers look up as well.
pub const PHONE_NAME_WEIGHT_SHARED: u8 = 4;

impl Sensor {
    pub(super) fn datagram(
        &mut self,
        at: &Context,
        ip: &Ip<'_>,
        (from, to): (u16, u16),
        payload: &[u8],
    ) {
        match (from, to) {
            (67 | 68, _) | (_, 67 | 68) => self.dhcp(at, ip, payload),
            (546 | 547, _) | (_, 546 | 547) if is_dhcpv6(payload) => {
                self.dhcpv6(at, ip.source, from, payload);
            }
            (53, _) | (_, 53 | 5353 | 5355) | (5355, _) => self.dns(at, ip, to, payload),
            (1900, _) | (_, 1900) => self.ssdp(at, ip, payload),
            (161 | 162, _) | (_, 161 | 162) if is_snmp(payload) => {
                self.protocols.add(Protocol::Snmp);
            }
            (1645 | 1646 | 1812 | 1813 | 3799, _) | (_, 1645 | 1646 | 1812 | 1813 | 3799)
                if is_radius(payload) =>
            {
                self.protocols.add(Protocol::Radius);
            }
            (_, 443) if is_quic_initial(payload) => self.protocols.add(Protocol::Quic),
            _ => {}
        }
    }

    fn dns(&mut self, at: &Context, ip: &Ip<'_>, to: u16, payload: &[u8]) {
        let Some(message) = Dns::parse(payload) else { return };
        self.protocols.add(Protocol::Dns);
        let subject = self.subject(at, at.source, ip.source);
        if message.response {
            if to == 5353 {
                for name in message.answers() {
                    self.announced(at, subject, &name);
                }
            }
        } else if to == 53 {
            for name in message.questions() {
                self.checks(at, subject, ip.source, &name);
                self.asked_for(at, subject, ip.source, &name);
            }
        }
    }

    /// Windows checks its connection when an interface comes up: two names at once, and when none
    /// on this wire came up it may have been another.
    fn checks(&mut self, at: &Context, subject: Subject, address: IpAddr, name: &str) {
        let name = name.trim_end_matches('.');
        let Some(name) = CHECKS.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return;
        };
        if !matches!(subject, Subject::Mac(_)) {
            return;
        }
        let number = digest(&[name.as_bytes()]);
        let station = self.station(at, subject);
        let before = station.probe.replace((number, at.time));
        let burst =
            before.is_some_and(|(other, time)| other != number && time.within(at.time, BURST_S));
        if burst && !station.awake.within(at.time, AWAKE_S) {
            let draft = Draft::new(SignKind::ProbeBurst).at(address);
            self.raise(at, subject, draft.fact("name", name));
        }
    }

    /// A station wants the server of that name, by DNS, TLS or HTTP.
    pub(super) fn asked_for(
        &mut self,
        at: &Context,
        subject: Subject,
        address: IpAddr,
        name: &str,
    ) {
        let Some(maker) = looked_up(name) else { return };
        let mac = match subject {
            Subject::Mac(mac) => Some(mac),
            Subject::Ip(_) => None,
        };
        // The city's own servers ask in the name of others.
        let roles = self.knowledge.roles(mac, Some(address));
        if [Role::Server, Role::Proxy, Role::Router].iter().any(|role| roles.has(*role)) {
            return;
        }
        let station = self.station(at, subject);
        let class = station.dhcp.and_then(|(class, _)| class);
        if maker == Maker::Apple && class == Some(DhcpClass::Macos) {
            return;
        }
        // Who asked for its address unseen may be a Mac.
        let shared = match maker {
            Maker::AndroidOrChrome => true,
            Maker::Apple => class != Some(DhcpClass::Iphone),
            Maker::Android | Maker::Iphone => false,
        };
        let mut draft = Draft::new(SignKind::PhoneName).at(address);
        if shared {
            draft = draft.weight(PHONE_NAME_WEIGHT_SHARED);
        }
        if at.setting.internet {
            draft = draft.weight(PHONE_NAME_WEIGHT_INTERNET);
        }
        self.raise(at, subject, draft.fact("name", escape(name.as_bytes())));
    }

    /// SSDP (UPnP Device Architecture 2.0 §1): only what a device says of itself, not what it
    /// looks for.
    fn ssdp(&mut self, at: &Context, ip: &Ip<'_>, payload: &[u8]) {
        let Some(http) = Http::parse(payload) else { return };
        self.protocols.add(Protocol::Ssdp);
        if matches!(http, Http::Request { method: "M-SEARCH", .. }) {
            return;
        }
        let head = payload.get(..HEAD_OCTETS_MAX).unwrap_or(payload);
        let described = head.windows(GATEWAY_DEVICE.len()).any(|part| part == GATEWAY_DEVICE);
        if described && !self.knowledge.roles(at.source, Some(ip.source)).has(Role::Router) {
            let subject = at.source.map_or(Subject::Ip(ip.source), Subject::Mac);
            self.raise(at, subject, Draft::new(SignKind::GatewayDescription));
        }
    }
}
