//! What DHCP shows: who asks, in which manner, and who answers.

use std::net::IpAddr;

use super::{Context, Draft, NoticeKind, Sensor, Subject};
use crate::sensor::dissect::{Dhcp, DhcpKind, Ip, Protocol};
use crate::sensor::fingerprint::{DhcpClass, dhcp_class};
use crate::sensor::habit::{Aspect, Sight, dhcp_value};
use crate::sensor::knowledge::{Role, Roles};
use crate::sensor::sign::SignKind;
use crate::sensor::tether::tether;
use crate::vocabulary::escape;

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
        if self.may_serve(at, ip.source, server) {
            return;
        }
        let subject = at.source.map_or(Subject::Ip(ip.source), Subject::Mac);
        let given = message.given.map(IpAddr::V4);
        let tethered = [Some(server), given].into_iter().flatten().find_map(tether);
        if !self.knowledge.planned && tethered.is_none() {
            self.unplanned(at, subject, NoticeKind::UnplannedDhcp, server);
            return;
        }
        self.misplaced(at, subject, server);
        let mut draft = Draft::new(SignKind::RogueDhcp).hard(true).fact("server", server);
        draft.address = Some(server);
        draft = draft.fact("given", given.map_or_else(|| "-".to_owned(), |ip| ip.to_string()));
        self.raise(at, subject, draft);
    }

    /// Whether whoever sent an answer may: what it names in the answer is anybody's to write.
    fn may_serve(&mut self, at: &Context, source: IpAddr, server: IpAddr) -> bool {
        let gives = |roles: Roles| roles.has(Role::DhcpServer) || roles.has(Role::Router);
        let sender = self.knowledge.roles(at.source, None);
        // A gateway relays for servers elsewhere, under its own address (RFC 1542 §4.1.2).
        if gives(sender) || at.source.is_some_and(|mac| self.is_gateway(mac)) {
            return true;
        }
        let named = [source, server].map(|address| self.knowledge.roles(None, Some(address)));
        if sender == Roles::default() {
            return named.into_iter().all(gives);
        }
        // Equipment in the inventory may be the server itself; a client may not, nor may either
        // speak for a gateway.
        let server = named.into_iter().all(|roles| roles.has(Role::DhcpServer));
        server && !sender.has(Role::Client)
    }

    /// The names a station announces by mDNS.
    pub(super) fn announced(&mut self, at: &Context, subject: Subject, name: &str) {
        if crate::sensor::phone::is_phone_host(name) {
            let draft = Draft::new(SignKind::PhoneHost).fact("name", escape(name.as_bytes()));
            self.raise(at, subject, draft);
        }
    }
}
