//! Every way a datagram can leave this room, counted: no bare return.

use crate::wire::radius::Malformed;

/// Declares an enum of exits with a stable id each.
macro_rules! exits {
    ($(#[doc = $about:literal])* $name:ident { $($variant:ident $id:literal $doc:literal,)* }) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $(#[doc = $doc] $variant,)* }

        impl $name {
            /// Every exit, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable id: a metric label.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }
        }
    };
}

exits! {
    /// Why a datagram got no answer.
    IgnoreReason {
        UnknownClient "unknown-client" "The source address belongs to no switch of the plan (RFC 2865 §3).",
        Malformed "malformed" "The packet breaks the format of RFC 2865 §3 or §5.",
        WrongCode "wrong-code" "The code does not belong on this port (RFC 2865 §4).",
        MessageAuthenticatorMissing "message-authenticator-missing" "Required and absent (RFC 3579 §3.2).",
        MessageAuthenticatorInvalid "message-authenticator-invalid" "Present and wrong: the secrets differ or someone forged it.",
        ProxyStateUnprotected "proxy-state-unprotected" "Proxy-State without Message-Authenticator, the shape of CVE-2024-3596.",
        Absorbed "duplicate-absorbed" "A copy of a request whose answer is awaited or was silence (RFC 5080 §2.2.2).",
        EapDiscarded "eap-discarded" "An EAP packet that fails the checks of RFC 3748 §4.1 and must be dropped silently.",
        Unwritable "unwritable" "The answer does not fit a RADIUS packet; our fault.",
    }
}

exits! {
    /// What kind of answer was given.
    ReplyReason {
        Accept "accept" "Access-Accept into the device's own environment.",
        Quarantine "quarantine" "Access-Accept into the quarantine environment.",
        Reject "reject" "Access-Reject; the decision's reason says why.",
        Challenge "challenge" "Access-Challenge: the EAP conversation goes on.",
        Status "status" "The answer to Status-Server (RFC 5997).",
        Duplicate "duplicate" "The same octets as before (RFC 5080 §2.2.2).",
    }
}

impl From<Malformed> for IgnoreReason {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The reply buffer holds the answer.
    Reply {
        /// Its kind.
        reason: ReplyReason,
    },
    /// The answer is ready and will be given by `poll_transmit` after a delay.
    Later {
        /// Its kind.
        reason: ReplyReason,
    },
    /// No answer.
    Ignore {
        /// Why.
        reason: IgnoreReason,
    },
}
