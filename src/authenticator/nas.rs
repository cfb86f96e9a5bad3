//! What the authenticator says of itself, of a port and of a host in every request.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::settings::{Port, Settings};
use crate::vocabulary::{Mac, MacSpelling, VlanId};
use crate::wire::radius::{Key, VALUE_OCTETS_MAX, Writer, attribute};

/// Service-Type of a host that joins, and of a request for its address alone (RFC 2865 §5.6).
const SERVICE_TYPE_FRAMED: u32 = 2;
const SERVICE_TYPE_CALL_CHECK: u32 = 10;
/// NAS-Port-Type Ethernet (RFC 2865 §5.41).
const NAS_PORT_TYPE_ETHERNET: u32 = 15;
/// The longest EAP packet for the link to the host, in octets (RFC 3579 §2.4).
const FRAMED_MTU_OCTETS: u32 = 1_400;

/// The authenticator as a RADIUS client.
#[derive(Debug)]
pub(super) struct Nas {
    pub(super) name: String,
    pub(super) address: IpAddr,
    pub(super) vlans: BTreeSet<VlanId>,
}

impl Nas {
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { name, nas_address, vlans, .. } = settings;
        Self { name: name.clone(), address: *nas_address, vlans: vlans.clone() }
    }

    /// Writes an Access-Request's attributes for an EAP response.
    pub(super) fn eap(
        &self,
        writer: &mut Writer<'_>,
        port: &Port,
        mac: Mac,
        identity: &[u8],
        packet: &[u8],
        state: Option<&[u8]>,
    ) {
        user_name(writer, mac, identity);
        writer.integer(attribute::SERVICE_TYPE, SERVICE_TYPE_FRAMED);
        self.place(writer, port);
        station(writer, port, mac);
        writer.integer(attribute::FRAMED_MTU, FRAMED_MTU_OCTETS).eap_message(packet);
        if let Some(state) = state.filter(|state| !state.is_empty()) {
            writer.attribute(attribute::STATE, state);
        }
    }

    /// Writes an Access-Request's attributes for an address alone: name and password are the
    /// address, which is no secret and pretends to be none.
    pub(super) fn mab(
        &self,
        writer: &mut Writer<'_>,
        key: &Key,
        authenticator: [u8; 16],
        port: &Port,
        mac: Mac,
    ) {
        let name = MacSpelling::BARE.format(mac);
        writer.text(attribute::USER_NAME, &name);
        let mut hidden = Vec::new();
        // OK because twelve octets always fit; without it the server refuses.
        if key.encode_user_password(authenticator, name.as_bytes(), &mut hidden).is_ok() {
            writer.attribute(attribute::USER_PASSWORD, &hidden);
        }
        writer.integer(attribute::SERVICE_TYPE, SERVICE_TYPE_CALL_CHECK);
        self.place(writer, port);
        station(writer, port, mac);
    }

    /// Writes where: the authenticator and its port.
    pub(super) fn place(&self, writer: &mut Writer<'_>, port: &Port) {
        self.itself(writer);
        writer
            .integer(attribute::NAS_PORT, port.number)
            .text(attribute::NAS_PORT_ID, &port.name)
            .integer(attribute::NAS_PORT_TYPE, NAS_PORT_TYPE_ETHERNET);
    }

    /// Writes who asks.
    pub(super) fn itself(&self, writer: &mut Writer<'_>) {
        match self.address {
            IpAddr::V4(address) => {
                writer.attribute(attribute::NAS_IP_ADDRESS, &address.octets());
            }
            IpAddr::V6(address) => {
                writer.attribute(attribute::NAS_IPV6_ADDRESS, &address.octets());
            }
        }
        writer.text(attribute::NAS_IDENTIFIER, &self.name);
    }
}

/// Writes the name; a host without one is called by its address (RFC 3579 §2.1).
pub(super) fn user_name(writer: &mut Writer<'_>, mac: Mac, name: &[u8]) {
    if name.is_empty() || name.len() > VALUE_OCTETS_MAX {
        writer.text(attribute::USER_NAME, &MacSpelling::RFC3580.format(mac));
    } else {
        writer.attribute(attribute::USER_NAME, name);
    }
}

/// Writes the addresses of port and host (RFC 3580 §3.20 and §3.21).
pub(super) fn station(writer: &mut Writer<'_>, port: &Port, mac: Mac) {
    writer
        .text(attribute::CALLED_STATION_ID, &MacSpelling::RFC3580.format(port.mac))
        .text(attribute::CALLING_STATION_ID, &MacSpelling::RFC3580.format(mac));
}
