//! The code octet: what kind of packet this is.

use std::fmt;

/// Kind of a packet (RFC 2865 §3, RFC 5176 §2.3, RFC 5997, RFC 7930).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A switch asks whether a device may join (1).
    AccessRequest,
    /// It may (2).
    AccessAccept,
    /// It may not (3).
    AccessReject,
    /// A switch reports on a session (4).
    AccountingRequest,
    /// The report is kept (5).
    AccountingResponse,
    /// The conversation goes on (11).
    AccessChallenge,
    /// Asks whether the server lives (12).
    StatusServer,
    /// A server asks a switch to end a session (40).
    DisconnectRequest,
    /// The session ended (41).
    DisconnectAck,
    /// The session did not end (42).
    DisconnectNak,
    /// A server asks a switch to change a session (43).
    CoaRequest,
    /// The session changed (44).
    CoaAck,
    /// The session did not change (45).
    CoaNak,
    /// The request was understood as RADIUS and no further (52).
    ProtocolError,
    /// Any other number.
    Unknown(u8),
}

/// What stands in the authenticator field of a packet of some code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthenticatorRule {
    /// Random octets the sender chose (RFC 2865 §3).
    Random,
    /// A digest over the request and the secret (RFC 2866 §3, RFC 5176 §2.3).
    KeyedRequest,
    /// A digest over the reply, the request's authenticator and the secret (RFC 2865 §3).
    Response,
    /// Nobody knows.
    Unknown,
}

impl Code {
    /// The octet on the wire.
    #[must_use]
    pub const fn get(self) -> u8 {
        match self {
            Self::AccessRequest => 1,
            Self::AccessAccept => 2,
            Self::AccessReject => 3,
            Self::AccountingRequest => 4,
            Self::AccountingResponse => 5,
            Self::AccessChallenge => 11,
            Self::StatusServer => 12,
            Self::DisconnectRequest => 40,
            Self::DisconnectAck => 41,
            Self::DisconnectNak => 42,
            Self::CoaRequest => 43,
            Self::CoaAck => 44,
            Self::CoaNak => 45,
            Self::ProtocolError => 52,
            Self::Unknown(octet) => octet,
        }
    }

    pub(super) const fn authenticator_rule(self) -> AuthenticatorRule {
        match self {
            Self::AccessRequest | Self::StatusServer => AuthenticatorRule::Random,
            Self::AccountingRequest | Self::DisconnectRequest | Self::CoaRequest => {
                AuthenticatorRule::KeyedRequest
            }
            Self::AccessAccept
            | Self::AccessReject
            | Self::AccountingResponse
            | Self::AccessChallenge
            | Self::DisconnectAck
            | Self::DisconnectNak
            | Self::CoaAck
            | Self::CoaNak
            | Self::ProtocolError => AuthenticatorRule::Response,
            Self::Unknown(_) => AuthenticatorRule::Unknown,
        }
    }
}

impl From<u8> for Code {
    fn from(octet: u8) -> Self {
        match octet {
            1 => Self::AccessRequest,
            2 => Self::AccessAccept,
            3 => Self::AccessReject,
            4 => Self::AccountingRequest,
            5 => Self::AccountingResponse,
            11 => Self::AccessChallenge,
            12 => Self::StatusServer,
            40 => Self::DisconnectRequest,
            41 => Self::DisconnectAck,
            42 => Self::DisconnectNak,
            43 => Self::CoaRequest,
            44 => Self::CoaAck,
            45 => Self::CoaNak,
            52 => Self::ProtocolError,
            octet => Self::Unknown(octet),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessRequest => "Access-Request",
            Self::AccessAccept => "Access-Accept",
            Self::AccessReject => "Access-Reject",
            Self::AccountingRequest => "Accounting-Request",
            Self::AccountingResponse => "Accounting-Response",
            Self::AccessChallenge => "Access-Challenge",
            Self::StatusServer => "Status-Server",
            Self::DisconnectRequest => "Disconnect-Request",
            Self::DisconnectAck => "Disconnect-ACK",
            Self::DisconnectNak => "Disconnect-NAK",
            Self::CoaRequest => "CoA-Request",
            Self::CoaAck => "CoA-ACK",
            Self::CoaNak => "CoA-NAK",
            Self::ProtocolError => "Protocol-Error",
            Self::Unknown(octet) => return write!(f, "Code-{octet}"),
        })
    }
}
