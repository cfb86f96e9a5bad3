//! What DHCP shows: who asks, in which manner, and who answers.

use std::net::{IpAddr, Ipv4Addr};

use super::gateway::CLAIM_WEIGHT;
use super::{Context, Draft, NoticeKind, Sensor, Subject};
use crate::sensor::capture::CaptureTime;
use crate::sensor::dissect::{Dhcp, DhcpKind, Ip, Protocol, Transport};
use crate::sensor::fingerprint::{DhcpClass, dhcp_class};
use crate::sensor::habit::{Aspect, Sight, dhcp_value};
use crate::sensor::knowledge::{Role, Roles};
use crate::sensor::sign::SignKind;
use crate::sensor::tether::tether;
use crate::vocabulary::{Mac, escape};

/// Servers of the plan, by VLAN, whose MACs are remembered.
pub const SERVINGS_MAX: usize = 4_096;
/// How long the MAC that answers as a server of the plan is silent before another may, in seconds.
pub const SERVER_SILENT_S: i64 = 3_600;
/// What a server for network boot says to be (PXE 2.1 §2.2.3).
const PXE_VENDOR: &str = "PXEClient";
/// The port of DHCP's clients (RFC 2131 §4.1).
const CLIENT_PORT: u16 = 68;

/// A MAC that answers as a server of the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Serving {
    mac: Mac,
    seen: CaptureTime,
    /// The router it names.
    router: Option<Ipv4Addr>,
}

/// What is to be thought of a server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is the plan's.
    Planned,
    /// It may be the other machine of a pair.
    Doubtful,
    /// It is none of the plan's.
    Rogue,
}

impl Sensor {
    pub(super) fn dhcp(&mut self, at: &Context, ip: &Ip<'_>, payload: &[u8]) {
        self.protocols.add(Protocol::Dhcp);
        let Some(message) = Dhcp::parse(payload) else {
            self.counters.flawed += 1;
            return;
        };
        if message.reply {
            self.dhcp_server(at, ip, &message);
        } else {
            self.dhcp_client(at, ip, &message);
        }
    }

    fn dhcp_client(&mut self, at: &Context, ip: &Ip<'_>, message: &Dhcp) {
        if message.parameters.is_empty() && message.vendor.is_empty() && message.host.is_empty() {
            return;
        }
        // A relay sends for others: the message names whom.
        let relayed = at.source.is_some_and(|mac| self.is_gateway(mac));
        let mac = if relayed { message.client } else { at.source.or(message.client) };
        let subject = mac.map_or(Subject::Ip(ip.source), Subject::Mac);
        // Who has an address asks for other options (RFC 2131 §4.4.3): no other system does it.
        if message.kind == DhcpKind::Inform {
            return;
        }
        let class = dhcp_class(message);
        let now = (class, dhcp_value(class, &message.parameters, &message.vendor));
        let station = self.station(at, subject);
        let before = station.dhcp.replace(now);
        station.awake = at.time;
        // A boot loader and the system it loads are two stacks, one after the other.
        if class == Some(DhcpClass::Pxe)
            || before.is_some_and(|(class, _)| class == Some(DhcpClass::Pxe))
        {
            station.boot();
            return;
        }
        // So are those of two systems on one disk, or of two notebooks at one dock; a printer has
        // one system, and whose message names another client hands it on.
        let another = before.is_some_and(|(before, _)| before != class) && mac == message.client;
        if another && !self.knowledge.roles(mac, None).has(Role::Printer) {
            self.station(at, subject).boot();
        }
        let sight = self.request(at, subject, now);
        // What a person accepted, or is told already, is told no second time.
        let fresh = matches!(sight, None | Some(Sight::Learnt | Sight::Varies));
        if let (Some((one, before)), Some(other)) = (before, class)
            && fresh
            && before != now.1
            && one != class
        {
            let one = one.map_or("-", DhcpClass::id);
            let draft = Draft::new(SignKind::DhcpChanged).fact("one", one);
            self.raise(at, subject, draft.fact("other", other.id()));
        }
        if let Some(class) = class.filter(|class| class.is_phone()) {
            if let Subject::Mac(mac) = subject
                && mac.is_local()
            {
                self.raise(at, subject, Draft::new(SignKind::LocalMac));
            }
            let draft = Draft::new(SignKind::PhoneDhcp).fact("class", class.id());
            self.raise(at, subject, draft);
        }
    }

    /// Compares how a station asks for an address with how it is used to.
    fn request(
        &mut self,
        at: &Context,
        subject: Subject,
        (class, value): (Option<DhcpClass>, u64),
    ) -> Option<Sight> {
        let Subject::Mac(mac) = subject else { return None };
        let phone = class.is_some_and(DhcpClass::is_phone);
        let draft = || Draft::new(SignKind::DhcpChanged);
        Some(self.used_to(at, mac, (Aspect::Dhcp, value), phone, draft))
    }

    fn dhcp_server(&mut self, at: &Context, ip: &Ip<'_>, message: &Dhcp) {
        if !matches!(message.kind, DhcpKind::Offer | DhcpKind::Ack | DhcpKind::Nak) {
            return;
        }
        let server = message.server.map(IpAddr::V4).unwrap_or(ip.source);
        let standing = self.may_serve(at, ip, server, message);
        if standing == Standing::Planned {
            return;
        }
        let subject = at.source.map_or(Subject::Ip(ip.source), Subject::Mac);
        let given = message.given.map(IpAddr::V4);
        let tethered = [Some(server), given].into_iter().flatten().find_map(tether);
        if !self.knowledge.planned && tethered.is_none() && !message.metered {
            self.unplanned(at, subject, NoticeKind::UnplannedDhcp, server);
            return;
        }
        let mut draft = Draft::new(SignKind::RogueDhcp).fact("server", server);
        draft.address = Some(server);
        draft = draft.fact("given", given.map_or_else(|| "-".to_owned(), |ip| ip.to_string()));
        if standing == Standing::Doubtful {
            return self.raise(at, subject, draft.weight(CLAIM_WEIGHT));
        }
        self.misplaced(at, subject, server);
        self.raise(at, subject, draft.hard(true));
    }

    /// Whether whoever sent an answer may: what it names in the answer is anybody's to write.
    fn may_serve(&mut self, at: &Context, ip: &Ip<'_>, server: IpAddr, message: &Dhcp) -> Standing {
        let gives = |roles: Roles| roles.has(Role::DhcpServer) || roles.has(Role::Router);
        let sender = self.knowledge.roles(at.source, None);
        // A gateway relays for servers elsewhere, under its own address (RFC 1542 §4.1.2).
        if gives(sender) || at.source.is_some_and(|mac| self.is_gateway(mac)) {
            if let Some(mac) = at.source {
                let own = Serving { mac, seen: at.time, router: message.router };
                self.servings.insert((at.vlan, server), own);
            }
            return Standing::Planned;
        }
        let named = [ip.source, server].map(|address| self.knowledge.roles(None, Some(address)));
        // A server for network boot beside the DHCP server gives no address (PXE 2.1 §2.2.4).
        let boot = message.given.is_none() && message.vendor.starts_with(PXE_VENDOR);
        let is_server = |roles: Roles| roles.has(Role::Server);
        let named_so = sender == Roles::default() && named.into_iter().all(is_server);
        if boot && (is_server(sender) || named_so) {
            return Standing::Planned;
        }
        let planned = named.into_iter().all(gives);
        let serves = named.into_iter().all(|roles| roles.has(Role::DhcpServer));
        match at.source.filter(|_| sender == Roles::default()) {
            Some(mac) if planned => self.stands_in(at, mac, ip, server, message),
            None if planned && sender == Roles::default() => Standing::Planned,
            // Equipment in the inventory may be the server itself; a client may not, nor may
            // either speak for a gateway.
            None if serves && !sender.has(Role::Client) => Standing::Planned,
            Some(_) | None => Standing::Rogue,
        }
    }

    /// What is to be thought of a MAC that nobody registered and that answers as a server of the
    /// plan. Machines of a pair give the same: addresses of this network, and the same router.
    fn stands_in(
        &mut self,
        at: &Context,
        mac: Mac,
        ip: &Ip<'_>,
        server: IpAddr,
        message: &Dhcp,
    ) -> Standing {
        // What goes to a relay is for another network (RFC 2131 §4.1).
        let Transport::Udp { destination: CLIENT_PORT, .. } = ip.transport else {
            return Standing::Planned;
        };
        let networks = self.knowledge.prefixes(at.vlan);
        let outside = |address: Option<Ipv4Addr>| {
            address.zip(networks).is_some_and(|(address, networks)| {
                !networks.iter().any(|network| network.contains(IpAddr::V4(address)))
            })
        };
        if outside(message.given) || outside(message.router) {
            return Standing::Rogue;
        }
        let own = Serving { mac, seen: at.time, router: message.router };
        let held = self.servings.get_or((at.vlan, server), || own);
        let router = message.router.or(held.router);
        let gone = !held.seen.within(at.time, SERVER_SILENT_S);
        if held.mac == mac || gone {
            *held = Serving { router, ..own };
            return Standing::Planned;
        }
        if held.router.is_some() && router != held.router {
            return Standing::Rogue;
        }
        Standing::Doubtful
    }

    /// The names a station announces by mDNS.
    pub(super) fn announced(&mut self, at: &Context, subject: Subject, name: &str) {
        if crate::sensor::phone::is_phone_host(name) {
            let draft = Draft::new(SignKind::PhoneHost).fact("name", escape(name.as_bytes()));
            self.raise(at, subject, draft);
        }
    }
}
