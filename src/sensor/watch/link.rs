//! What the link layer shows: control frames, ARP, router advertisements, the MAC itself.

use std::net::{IpAddr, Ipv4Addr};

use super::{Context, Draft, NoticeKind, Sensor, Subject, about};
use crate::sensor::dissect::{Control, Protocol};
use crate::sensor::habit::{Aspect, Sight};
use crate::sensor::knowledge::Role;
use crate::sensor::maker::{is_adapter, maker};
use crate::sensor::sign::SignKind;
use crate::sensor::tether::tether;

/// What macOS calls itself when it shares its connection, from a MAC made for that; as many
/// routers use the address, the MAC decides.
const SHARED_BY_MAC: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 2, 1));

/// The weight of a USB network adapter's block: many notebooks have no other wire.
const ADAPTER_WEIGHT: u8 = 2;

impl Sensor {
    /// BPDU and their like raise an alarm on an access port; LLDP and CDP are compared with what
    /// the station said before.
    pub(super) fn control(&mut self, at: &Context, control: Control) {
        let Some(mac) = at.source else { return };
        let subject = Subject::Mac(mac);
        if !self.knowledge.is_access() || self.knowledge.roles(Some(mac), None).has(Role::Router) {
            return;
        }
        if control.is_bridge() {
            let draft = Draft::new(SignKind::BridgeFrame).hard(true);
            self.raise(at, subject, draft.fact("protocol", control.name()));
            return;
        }
        let (slot, neighbour) = match control {
            Control::Lldp(neighbour) => (0, neighbour),
            Control::Cdp(neighbour) => (1, neighbour),
            _ => return,
        };
        let [lldp, cdp] = &mut self.station(at, subject).neighbours;
        let before = if slot == 0 { lldp } else { cdp }.replace(neighbour);
        let draft = |kind| Draft::new(kind).fact("protocol", control.name());
        if neighbour.switches {
            self.raise(at, subject, draft(SignKind::NeighbourSwitch));
        }
        let changed = || draft(SignKind::NeighbourChanged);
        let sight = self.used_to(at, mac, (Aspect::Neighbour, neighbour.name), false, changed);
        if matches!(sight, Sight::Learnt | Sight::Varies)
            && before.is_some_and(|before| before.name != neighbour.name)
        {
            self.raise(at, subject, draft(SignKind::NeighbourChanged));
        }
    }

    pub(super) fn arp(&mut self, at: &Context, sender: IpAddr) {
        let Some(mac) = at.source.filter(|_| !sender.is_unspecified()) else { return };
        if self.knowledge.roles(None, Some(sender)).has(Role::Router) {
            self.claims_gateway(at, mac, sender);
        }
        self.owns(at, Subject::Mac(mac), sender);
    }

    /// A station uses an address as its own: what the address says is looked at once.
    pub(super) fn owns(&mut self, at: &Context, subject: Subject, address: IpAddr) {
        let station = self.station(at, subject);
        let looked_at = std::mem::replace(&mut station.looked_at, true);
        let known = station.addresses.contains(&address);
        station.own(address);
        if !looked_at && let Subject::Mac(mac) = subject {
            if mac.is_local() {
                self.raise(at, subject, Draft::new(SignKind::LocalMac));
            }
            if let Some(maker) = maker(mac) {
                let draft = Draft::new(SignKind::MakerBlock).fact("maker", maker);
                let adapter = is_adapter(maker);
                let draft = if adapter { draft.weight(ADAPTER_WEIGHT) } else { draft };
                self.raise(at, subject, draft);
            }
        }
        if known {
            return;
        }
        self.misplaced(at, subject, address);
    }

    /// Signs of an address that belongs to a tether or to no network of this place.
    pub(super) fn misplaced(&mut self, at: &Context, subject: Subject, address: IpAddr) {
        let planned = self.knowledge.prefixes(at.vlan);
        let inside = planned.map(|networks| networks.iter().any(|net| net.contains(address)));
        if inside == Some(true) {
            return;
        }
        if let Some(tether) = tether(address) {
            let kind =
                if tether.gateway { SignKind::TetherGateway } else { SignKind::TetherAddress };
            self.raise(at, subject, Draft::new(kind).at(address).fact("maker", tether.maker));
        } else if address == SHARED_BY_MAC && matches!(subject, Subject::Mac(mac) if mac.is_local())
        {
            let draft = Draft::new(SignKind::TetherGateway).at(address);
            self.raise(at, subject, draft.fact("maker", "macOS"));
        }
        let ordinary = match address {
            IpAddr::V4(address) => address.is_link_local() || address.is_unspecified(),
            IpAddr::V6(address) => address.is_unicast_link_local() || address.is_unspecified(),
        };
        if inside == Some(false) && !ordinary && matches!(subject, Subject::Mac(_)) {
            self.raise(at, subject, Draft::new(SignKind::ForeignAddress).at(address));
        }
    }

    /// Someone advertises itself as a router, or answers DHCPv6.
    pub(super) fn router(&mut self, at: &Context, address: IpAddr) {
        let roles = self.knowledge.roles(at.source, Some(address));
        if roles.has(Role::Router) || roles.has(Role::DhcpServer) {
            return;
        }
        // Routers advertise themselves from link-local addresses (RFC 4861 §4.2), which no plan
        // tells: the MAC does.
        if at.source.is_some_and(|mac| self.is_gateway(mac)) {
            return;
        }
        let subject = at.source.map_or(Subject::Ip(address), Subject::Mac);
        if self.knowledge.planned {
            self.raise(at, subject, Draft::new(SignKind::RogueRa).hard(true).at(address));
        } else {
            self.unplanned(at, subject, NoticeKind::UnplannedRouter, address);
        }
    }

    /// Without a plan, whoever serves is told of once and not judged.
    pub(super) fn unplanned(
        &mut self,
        at: &Context,
        subject: Subject,
        kind: NoticeKind,
        address: IpAddr,
    ) {
        let station = self.station(at, subject);
        if station.notices.contains(&kind) {
            return;
        }
        station.notices.push(kind);
        station.own(address);
        let about = about(subject, station, at.vlan, at.source, None);
        self.notice(at, kind, about);
    }

    /// A DHCPv6 message: only what servers send is looked at (RFC 8415 §7.3).
    pub(super) fn dhcpv6(&mut self, at: &Context, address: IpAddr, from: u16, payload: &[u8]) {
        self.protocols.add(Protocol::Dhcpv6);
        if from == 547 && matches!(payload.first(), Some(2 | 7)) {
            self.router(at, address);
        }
    }
}
