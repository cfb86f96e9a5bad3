//! Who is a gateway, and who only says so.
//!
//! The plan names addresses, frames show MACs: whoever is first to use a gateway's address has it
//! until it no longer does, also across a restart. A device of the inventory is no gateway whatever
//! it says. Where a pair of routers hands an address over without a MAC made for that, both are
//! innocent: the newcomer is told of, and what it carries is not held against it at first.

use std::net::IpAddr;

use super::{Context, Draft, Sensor, Subject};
use crate::sensor::capture::CaptureTime;
use crate::sensor::knowledge::{Role, Roles};
use crate::sensor::sign::SignKind;
use crate::vocabulary::Mac;

/// How long the MAC that has a gateway's address neither uses it nor forwards before another may
/// have it, in seconds.
pub const GATEWAY_SILENT_S: i64 = 60;
/// How long what a newcomer forwards is not held against it, in seconds: until it is believed, and
/// as long again.
pub const NEWCOMER_S: i64 = 2 * GATEWAY_SILENT_S;
/// The weight of a claim to a gateway's or a server's address by a MAC that nobody registered,
/// which may be another machine of a pair.
pub(super) const CLAIM_WEIGHT: u8 = 5;

/// What a MAC carries.
#[derive(Clone, Debug, Default)]
pub(super) struct Carrier {
    pub(super) gateway: bool,
    /// When it last forwarded a packet.
    pub(super) forwarded: Option<CaptureTime>,
    /// When it first said to have an address that another gateway has.
    newcomer: Option<CaptureTime>,
    pub(super) sources: Vec<IpAddr>,
    pub(super) outside: Vec<IpAddr>,
    pub(super) destinations: Vec<IpAddr>,
}

impl Carrier {
    pub(super) const fn is_gateway(&self) -> bool {
        self.gateway
    }

    /// It is a gateway, as an earlier run knew.
    pub(super) const fn believe(&mut self) {
        self.gateway = true;
    }

    /// Whether it carries more addresses than a station has.
    pub(super) fn is_crowded(&self) -> bool {
        self.sources.len() > super::hop::STATION_ADDRESSES_MAX
    }

    /// Whether what it forwards says nothing of it.
    pub(super) fn is_excused(&self, now: CaptureTime) -> bool {
        self.gateway || self.newcomer.is_some_and(|since| since.within(now, NEWCOMER_S))
    }
}

/// Who has a gateway's address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) mac: Mac,
    /// When it last said so; `None` while only an earlier run heard it.
    said: Option<CaptureTime>,
}

impl Claim {
    /// As an earlier run knew it.
    pub(super) const fn remembered(mac: Mac) -> Self {
        Self { mac, said: None }
    }
}

impl Sensor {
    pub(super) fn is_gateway(&mut self, mac: Mac) -> bool {
        is_virtual_router(mac)
            || self.knowledge.roles(Some(mac), None).has(Role::Router)
            || self.carriers.get_mut(&mac).is_some_and(|carrier| carrier.gateway)
    }

    /// Whether what a MAC sends is others': a gateway's, or that of one which may become one.
    pub(super) fn speaks_for_others(&mut self, at: &Context, mac: Mac) -> bool {
        is_virtual_router(mac)
            || self.knowledge.roles(Some(mac), None).has(Role::Router)
            || self.carriers.get_mut(&mac).is_some_and(|carrier| carrier.is_excused(at.time))
    }

    /// A MAC says to have the address of a gateway of the plan. One frame is no proof: a device of
    /// the inventory is no gateway whatever it says, and whoever else comes second is one only
    /// when the first is gone.
    pub(super) fn claims_gateway(&mut self, at: &Context, mac: Mac, address: IpAddr) {
        if is_virtual_router(mac) || self.knowledge.roles(Some(mac), None).has(Role::Router) {
            return;
        }
        let claim = || Draft::new(SignKind::GatewayAddress).at(address);
        if self.is_registered(mac) {
            self.raise(at, Subject::Mac(mac), claim().hard(true));
            return;
        }
        let own = Claim { mac, said: Some(at.time) };
        let held = self.claims.entry(address).or_insert(own);
        if held.mac == mac {
            *held = own;
        } else {
            // Whoever is only remembered gets the time to be heard.
            let said = *held.said.get_or_insert(at.time);
            let holder = held.mac;
            let forwarded = self.carriers.get_mut(&holder).and_then(|carrier| carrier.forwarded);
            if forwarded.map_or(said, |time| time.max(said)).within(at.time, GATEWAY_SILENT_S) {
                let carrier = self.carriers.get_or(mac, Carrier::default);
                if !carrier.gateway {
                    carrier.newcomer.get_or_insert(at.time);
                    self.raise(at, Subject::Mac(mac), claim().weight(CLAIM_WEIGHT));
                }
                return;
            }
            self.claims.insert(address, own);
        }
        self.believe_gateway(at, mac);
    }

    /// Whether the plan knows the MAC as something else than a router.
    pub(super) fn is_registered(&self, mac: Mac) -> bool {
        let roles = self.knowledge.roles(Some(mac), None);
        roles != Roles::default() && !roles.has(Role::Router)
    }

    /// A MAC is a gateway from now on, unless it is a device of the inventory, and whether it is;
    /// what was held against it is taken back.
    pub(super) fn believe_gateway(&mut self, at: &Context, mac: Mac) -> bool {
        if self.is_registered(mac) {
            return false;
        }
        let carrier = self.carriers.get_or(mac, Carrier::default);
        if !std::mem::replace(&mut carrier.gateway, true) {
            self.station(at, Subject::Mac(mac)).absolve();
        }
        true
    }
}

/// Whether a MAC is one that redundant routers share: VRRP (RFC 9568 §7.3), HSRP in versions 1 and
/// 2, GLBP.
pub(super) fn is_virtual_router(mac: Mac) -> bool {
    let [a, b, c, d, e, _] = mac.octets();
    matches!(
        (a, b, c, d, e),
        (0x00, 0x00, 0x5e, 0x00, 0x01 | 0x02) | (0x00, 0x00, 0x0c, 0x07, 0xac)
    ) || (a, b, c, d >> 4) == (0x00, 0x00, 0x0c, 0x9)
        || (a, b, c, d) == (0x00, 0x07, 0xb4, 0x00)
}
