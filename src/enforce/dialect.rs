//! CoA and Disconnect in the words of each family of switches (RFC 5176 §3, and each profile).
//!
//! A session is named by the keys of the profile, with the values that the switch itself sent;
//! only the address is spelled as the profile says, since some switches want it otherwise here.

use crate::client::DynamicKind;
use crate::ledger::Attachment;
use crate::plan::{CoaAck, CoaBounce, CoaKey, EnforceMeans, Profile};
use crate::vocabulary::{MacSpelling, Moment};
use crate::wire::radius::{Code, Writer, attribute};

/// SMI numbers of vendors, and their attributes.
const VENDOR_CISCO: u32 = 9;
const CISCO_AVPAIR: u8 = 1;
const VENDOR_HP: u32 = 11;
const HP_PORT_BOUNCE_HOST: u8 = 23;
const VENDOR_ARUBA: u32 = 14_823;
const ARUBA_PORT_BOUNCE_HOST: u8 = 40;
const REAUTHENTICATE: &[u8] = b"subscriber:command=reauthenticate";
const BOUNCE: &[u8] = b"subscriber:command=bounce-host-port";
/// How long a bounced port stays down, in seconds: long enough for a host to notice, and to ask
/// for an address anew.
const BOUNCE_SECONDS: u32 = 5;

/// What a request of RFC 5176 asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Means {
    /// The end of the session.
    Disconnect,
    /// A new authentication, the session going on meanwhile.
    Reauthenticate,
    /// Link down and up.
    Bounce,
}

impl Means {
    /// The stable id: a metric label.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::Reauthenticate => "reauthenticate",
            Self::Bounce => "bounce",
        }
    }

    /// Whether it goes as Disconnect-Request or as CoA-Request.
    pub(super) const fn kind(self) -> DynamicKind {
        match self {
            Self::Disconnect => DynamicKind::Disconnect,
            Self::Reauthenticate | Self::Bounce => DynamicKind::Coa,
        }
    }
}

/// The means of a profile that take effect at once, in the order to try them. With `urgent` the
/// session is ended rather than renewed, where the switch can. Without `alone` the port is not
/// bounced: that would cut others behind it.
pub(super) fn means(profile: &Profile, urgent: bool, alone: bool) -> Vec<Means> {
    let fast = |means: &EnforceMeans| match means {
        EnforceMeans::Disconnect => Some(Means::Disconnect),
        EnforceMeans::CoaReauth => Some(Means::Reauthenticate),
        EnforceMeans::CoaPortBounce if alone => Some(Means::Bounce),
        EnforceMeans::CoaPortBounce
        | EnforceMeans::SessionTimeout
        | EnforceMeans::SnmpPortBounce => None,
    };
    let mut list: Vec<Means> = profile.enforce.means.iter().filter_map(fast).collect();
    if urgent {
        list.sort_by_key(|means| *means != Means::Disconnect); // OK because the sort is stable
    }
    list
}

/// The codes by which a switch of this profile says that it is done.
pub(super) fn acknowledged_by(profile: &Profile) -> Vec<Code> {
    let code = |ack: &CoaAck| match ack {
        CoaAck::DisconnectAck => Code::DisconnectAck,
        CoaAck::CoaAck => Code::CoaAck,
    };
    profile.enforce.coa.ack.iter().map(code).collect()
}

/// Whether a request could name the session at all.
pub(super) fn is_speakable(profile: &Profile, attachment: &Attachment) -> bool {
    let session = &attachment.session;
    profile.enforce.coa.port != 0
        && profile.enforce.coa.keys.iter().any(|key| match key {
            CoaKey::CallingStationId => true,
            CoaKey::NasPort => session.nas_port.is_some(),
            CoaKey::NasPortId => session.nas_port_id.is_some(),
            CoaKey::AcctSessionId => session.id.is_some(),
            CoaKey::UserName => !session.user.is_empty(),
        })
}

/// Writes what names the session, and what is wanted of it. `with_id` is false once the switch
/// did not know the session by its Acct-Session-Id, which may be an old one.
pub(super) fn write(
    writer: &mut Writer<'_>,
    now: Moment,
    profile: &Profile,
    attachment: &Attachment,
    means: Means,
    with_id: bool,
) {
    let (coa, session) = (&profile.enforce.coa, &attachment.session);
    for key in &coa.keys {
        match key {
            CoaKey::CallingStationId => {
                let spelling = coa.mac.unwrap_or(MacSpelling::RFC3580);
                let mac = spelling.format(attachment.key.mac);
                writer.text(attribute::CALLING_STATION_ID, &mac);
            }
            CoaKey::NasPort => {
                if let Some(port) = session.nas_port {
                    writer.integer(attribute::NAS_PORT, port);
                }
            }
            CoaKey::NasPortId => {
                if let Some(port) = &session.nas_port_id {
                    writer.attribute(attribute::NAS_PORT_ID, port);
                }
            }
            CoaKey::AcctSessionId => {
                if let Some(id) = session.id.as_ref().filter(|_| with_id) {
                    writer.attribute(attribute::ACCT_SESSION_ID, id);
                }
            }
            CoaKey::UserName => {
                if !session.user.is_empty() {
                    writer.attribute(attribute::USER_NAME, &session.user);
                }
            }
        }
    }
    if coa.event_timestamp {
        let seconds = u32::try_from(now.wall.seconds()).unwrap_or_default();
        writer.integer(attribute::EVENT_TIMESTAMP, seconds);
    }
    match means {
        Means::Disconnect => {}
        Means::Reauthenticate => {
            writer.vendor(VENDOR_CISCO, CISCO_AVPAIR, REAUTHENTICATE);
        }
        Means::Bounce => {
            let seconds = &BOUNCE_SECONDS.to_be_bytes();
            match coa.bounce {
                Some(CoaBounce::Hp) => writer.vendor(VENDOR_HP, HP_PORT_BOUNCE_HOST, seconds),
                Some(CoaBounce::Aruba) => {
                    writer.vendor(VENDOR_ARUBA, ARUBA_PORT_BOUNCE_HOST, seconds)
                }
                Some(CoaBounce::Cisco) | None => writer.vendor(VENDOR_CISCO, CISCO_AVPAIR, BOUNCE),
            };
        }
    }
}
