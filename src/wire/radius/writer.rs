//! Writing a packet into a buffer that its caller reuses.

use crate::vocabulary::VlanId;

use super::code::AuthenticatorRule;
use super::view::TAG_MAX;
use super::{
    ATTRIBUTES_MAX, Code, HEADER_OCTETS, Key, MS_MPPE_RECV_KEY, MS_MPPE_SEND_KEY,
    PACKET_OCTETS_MAX, Packet, VALUE_OCTETS_MAX, VENDOR_MICROSOFT, attribute,
};

/// More Proxy-State attributes than any chain of proxies adds.
pub const PROXY_STATES_MAX: usize = 32;

/// All Proxy-State values of a request together.
pub const PROXY_STATE_OCTETS_MAX: usize = 2048;

/// Tunnel-Type VLAN (RFC 3580 §3.31).
const TUNNEL_TYPE_VLAN: u32 = 13;

/// Tunnel-Medium-Type IEEE-802 (RFC 2868 §3.2).
const TUNNEL_MEDIUM_IEEE_802: u32 = 6;

/// Why a packet cannot be written as asked. Nothing of it is left in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unwritable {
    /// A value, the packet, or the number of its attributes is past its bound.
    TooLong,
    /// A value of no octets, which may not be sent.
    Empty,
    /// A tag above 0x1F, a tagged number of more than three octets, or a text whose first octet
    /// would be read as a tag.
    Tag,
    /// A Message-Authenticator asked for twice, or as the first after another attribute.
    Order,
    /// More Proxy-State than a reply will carry.
    ProxyStates,
}

impl Unwritable {
    /// Stable name for metrics and logs.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::TooLong => "unwritable-too-long",
            Self::Empty => "unwritable-empty",
            Self::Tag => "unwritable-tag",
            Self::Order => "unwritable-order",
            Self::ProxyStates => "unwritable-proxy-states",
        }
    }
}

/// A packet being written. The first fault is kept until the end, where it is returned and the
/// buffer emptied, so that half a packet is never sent.
#[derive(Debug)]
#[must_use = "a packet that is not finished must not be sent"]
pub struct Writer<'b> {
    buffer: &'b mut Vec<u8>,
    authenticator: [u8; 16],
    /// Where the value of Message-Authenticator starts.
    message_authenticator: Option<usize>,
    attributes: usize,
    fault: Option<Unwritable>,
}

impl<'b> Writer<'b> {
    /// Starts a request. The authenticator is random octets for Access-Request and Status-Server;
    /// the other requests compute theirs at the end and ignore it.
    pub fn request(
        buffer: &'b mut Vec<u8>,
        code: Code,
        identifier: u8,
        authenticator: [u8; 16],
    ) -> Self {
        buffer.clear();
        buffer.extend_from_slice(&[code.get(), identifier, 0, 0]);
        buffer.extend_from_slice(&authenticator);
        Self { buffer, authenticator, message_authenticator: None, attributes: 0, fault: None }
    }

    /// Starts the reply to a request: its identifier, and its authenticator as the one that keys
    /// the reply. Of the request's attributes nothing is copied.
    pub fn reply(buffer: &'b mut Vec<u8>, code: Code, request: &Packet<'_>) -> Self {
        Self::request(buffer, code, request.identifier(), request.authenticator())
    }

    /// Octets written so far, the header included: how much room is left below a client's limit.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.buffer.len()
    }

    /// Reserves Message-Authenticator as the first attribute, where it keeps a forger from
    /// choosing what stands before it (CVE-2024-3596).
    pub fn message_authenticator_first(&mut self) -> &mut Self {
        if self.buffer.len() != HEADER_OCTETS {
            return self.fail(Unwritable::Order);
        }
        self.message_authenticator()
    }

    /// Reserves Message-Authenticator at this place, as older peers do.
    pub fn message_authenticator(&mut self) -> &mut Self {
        if self.message_authenticator.is_some() {
            return self.fail(Unwritable::Order);
        }
        self.message_authenticator = Some(self.buffer.len() + 2);
        self.put(attribute::MESSAGE_AUTHENTICATOR, &[&[0; 16]])
    }

    /// Writes one attribute of 1 to 253 octets.
    pub fn attribute(&mut self, kind: u8, value: &[u8]) -> &mut Self {
        if value.is_empty() { self.fail(Unwritable::Empty) } else { self.put(kind, &[value]) }
    }

    /// Writes a number as four octets.
    pub fn integer(&mut self, kind: u8, value: u32) -> &mut Self {
        self.put(kind, &[&value.to_be_bytes()])
    }

    /// Writes a text.
    pub fn text(&mut self, kind: u8, text: &str) -> &mut Self {
        self.attribute(kind, text.as_bytes())
    }

    /// Writes an EAP packet as EAP-Message attributes of at most 253 octets, one directly after
    /// the other (RFC 3579 §3.1).
    pub fn eap_message(&mut self, packet: &[u8]) -> &mut Self {
        self.split(attribute::EAP_MESSAGE, packet)
    }

    /// Writes an EAP-Start: an EAP-Message without octets (RFC 3579 §2.1), for the switch's side.
    pub fn eap_start(&mut self) -> &mut Self {
        self.put(attribute::EAP_MESSAGE, &[])
    }

    /// Writes rules as NAS-Filter-Rule, NUL between them, split wherever 253 octets end
    /// (RFC 4849 §2).
    pub fn filter_rules(&mut self, rules: &[&str]) -> &mut Self {
        self.split(attribute::NAS_FILTER_RULE, rules.join("\0").as_bytes())
    }

    /// Writes a tagged number: always a tag octet, 0 for none, and three octets (RFC 2868 §3.1).
    pub fn tagged_integer(&mut self, kind: u8, tag: Option<u8>, value: u32) -> &mut Self {
        let tag = tag.unwrap_or(0);
        match value.to_be_bytes() {
            [0, high, middle, low] if tag <= TAG_MAX => {
                self.put(kind, &[&[tag, high, middle, low]])
            }
            [..] => self.fail(Unwritable::Tag),
        }
    }

    /// Writes a tagged text: with `None` there is no tag octet, with `Some(0)` an unused one
    /// (RFC 2868 §3.6); switches differ in what they make of it.
    pub fn tagged_text(&mut self, kind: u8, tag: Option<u8>, text: &str) -> &mut Self {
        match (tag, text.as_bytes()) {
            (_, []) => self.fail(Unwritable::Empty),
            (None, [first, ..]) if *first <= TAG_MAX => self.fail(Unwritable::Tag),
            (None, text) => self.put(kind, &[text]),
            (Some(tag), text) if tag <= TAG_MAX => self.put(kind, &[&[tag], text]),
            (Some(_), _) => self.fail(Unwritable::Tag),
        }
    }

    /// Writes one vendor attribute in a Vendor-Specific of its own (RFC 2865 §5.26).
    pub fn vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) -> &mut Self {
        if value.is_empty() {
            return self.fail(Unwritable::Empty);
        }
        match u8::try_from(value.len().saturating_add(2)) {
            Ok(length) => self
                .put(attribute::VENDOR_SPECIFIC, &[&vendor.to_be_bytes(), &[kind, length], value]),
            Err(_) => self.fail(Unwritable::TooLong),
        }
    }

    /// Writes the link keys for the switch (RFC 2548 §2.4): `recv` is the first half of the MSK,
    /// `send` the second. The salts are random octets; were they equal, one bit of the second is
    /// turned, since a pad used twice betrays both keys.
    pub fn mppe_keys(
        &mut self,
        key: &Key,
        recv: &[u8; 32],
        send: &[u8; 32],
        salts: [[u8; 2]; 2],
    ) -> &mut Self {
        let [first, mut second] = salts.map(|[high, low]| [high | 0x80, low]);
        if first == second {
            second[1] ^= 1;
        }
        let mut hidden = Vec::with_capacity(50);
        for (kind, salt, half) in
            [(MS_MPPE_RECV_KEY, first, recv), (MS_MPPE_SEND_KEY, second, send)]
        {
            hidden.clear();
            match key.salted(salt, self.authenticator, half, &mut hidden) {
                Ok(()) => self.vendor(VENDOR_MICROSOFT, kind, &hidden),
                Err(fault) => self.fail(fault),
            };
        }
        self
    }

    /// Returns every Proxy-State of the request unchanged and in order (RFC 2865 §5.33).
    pub fn copy_proxy_states(&mut self, request: &Packet<'_>) -> &mut Self {
        let mut octets = 0;
        for (index, value) in request.all(attribute::PROXY_STATE).enumerate() {
            octets += value.len();
            if index >= PROXY_STATES_MAX || octets > PROXY_STATE_OCTETS_MAX {
                return self.fail(Unwritable::ProxyStates);
            }
            self.put(attribute::PROXY_STATE, &[value]);
        }
        self
    }

    /// Writes the three attributes that put a port into a VLAN (RFC 3580 §3.31), under one tag.
    /// `text` is the VLAN as the switch wants it spelled.
    pub fn vlan(&mut self, tag: Option<u8>, text: &str) -> &mut Self {
        self.tagged_integer(attribute::TUNNEL_TYPE, tag, TUNNEL_TYPE_VLAN)
            .tagged_integer(attribute::TUNNEL_MEDIUM_TYPE, tag, TUNNEL_MEDIUM_IEEE_802)
            .tagged_text(attribute::TUNNEL_PRIVATE_GROUP_ID, tag, text)
    }

    /// Adds a VLAN to a port, its frames with or without an 802.1Q tag (RFC 4675 §2.1).
    pub fn egress_vlanid(&mut self, tagged: bool, vlan: VlanId) -> &mut Self {
        let indication: u32 = if tagged { 0x3100_0000 } else { 0x3200_0000 };
        self.integer(attribute::EGRESS_VLANID, indication | u32::from(vlan.get()))
    }

    /// Completes a reply: length, Message-Authenticator if reserved, then the response
    /// authenticator over the whole (RFC 2865 §3, RFC 3579 §3.2).
    ///
    /// # Errors
    /// The first fault met while writing; the buffer is then empty.
    pub fn finish_reply(
        self,
        key: &Key,
        request_authenticator: [u8; 16],
    ) -> Result<(), Unwritable> {
        self.finish(key, request_authenticator, true)
    }

    /// Completes a request: length, Message-Authenticator if reserved, and for Accounting-,
    /// Disconnect- and CoA-Requests the keyed authenticator (RFC 2866 §3, RFC 5176 §2.3).
    ///
    /// # Errors
    /// The first fault met while writing; the buffer is then empty.
    pub fn finish_request(self, key: &Key) -> Result<(), Unwritable> {
        let code = Code::from(self.buffer.first().copied().unwrap_or_default());
        match code.authenticator_rule() {
            AuthenticatorRule::KeyedRequest => self.finish(key, [0; 16], true),
            AuthenticatorRule::Random
            | AuthenticatorRule::Response
            | AuthenticatorRule::Unknown => {
                let authenticator = self.authenticator;
                self.finish(key, authenticator, false)
            }
        }
    }

    fn finish(self, key: &Key, authenticator: [u8; 16], keyed: bool) -> Result<(), Unwritable> {
        if let Some(fault) = self.fault {
            self.buffer.clear();
            return Err(fault);
        }
        let Ok(length) = u16::try_from(self.buffer.len()) else {
            self.buffer.clear();
            return Err(Unwritable::TooLong);
        };
        patch(self.buffer, 2, &length.to_be_bytes());
        if let Some(at) = self.message_authenticator {
            let value = key.message_authenticator(self.buffer, authenticator, at);
            patch(self.buffer, at, &value);
        }
        if keyed {
            let value = key.keyed_authenticator(self.buffer, authenticator);
            patch(self.buffer, 4, &value);
        }
        Ok(())
    }

    /// Writes what no honest peer would, an empty value for one.
    #[cfg(test)]
    pub(super) fn put_for_test(&mut self, kind: u8, value: &[u8]) -> &mut Self {
        self.put(kind, &[value])
    }

    fn split(&mut self, kind: u8, octets: &[u8]) -> &mut Self {
        if octets.is_empty() {
            return self.fail(Unwritable::Empty);
        }
        for part in octets.chunks(VALUE_OCTETS_MAX) {
            self.put(kind, &[part]);
        }
        self
    }

    fn put(&mut self, kind: u8, parts: &[&[u8]]) -> &mut Self {
        let value: usize = parts.iter().map(|part| part.len()).sum();
        let length = match u8::try_from(value.saturating_add(2)) {
            Ok(length)
                if self.buffer.len() + usize::from(length) <= PACKET_OCTETS_MAX
                    && self.attributes < ATTRIBUTES_MAX =>
            {
                length
            }
            Ok(_) | Err(_) => return self.fail(Unwritable::TooLong),
        };
        self.attributes += 1;
        self.buffer.extend_from_slice(&[kind, length]);
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        self
    }

    fn fail(&mut self, fault: Unwritable) -> &mut Self {
        self.fault.get_or_insert(fault);
        self
    }
}

/// Overwrites octets that were reserved before.
fn patch(buffer: &mut [u8], at: usize, octets: &[u8]) {
    if let Some(place) = buffer.get_mut(at..at.saturating_add(octets.len())) {
        place.copy_from_slice(octets);
    }
}
