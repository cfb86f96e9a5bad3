//! Attribute numbers, and how the value of each may be shown.

/// How a value reads, which is also what of it may be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text, often not UTF-8 in the field.
    Text,
    /// Four octets, most significant first.
    Integer,
    /// An IPv4 address.
    Address,
    /// A tag octet and three octets (RFC 2868 §3.1).
    TaggedInteger,
    /// Perhaps a tag octet, then text (RFC 2868 §3.6).
    TaggedText,
    /// Octets that mean something to their maker only.
    Octets,
    /// A vendor's number and whatever that vendor defined (RFC 2865 §5.26).
    Vendor,
    /// A secret under another secret: never printed.
    Hidden,
}

/// Declares each number once, with its name and shape.
macro_rules! attributes {
    ($($constant:ident $number:literal $name:literal $shape:ident $section:literal;)*) => {
        $(
            #[doc = concat!($name, " (", $section, ").")]
            pub const $constant: u8 = $number;
        )*

        /// The registered name of an attribute that this crate knows.
        #[must_use]
        pub const fn name(kind: u8) -> Option<&'static str> {
            match kind { $($number => Some($name),)* _ => None }
        }

        pub(super) const fn shape(kind: u8) -> Shape {
            match kind { $($number => Shape::$shape,)* _ => Shape::Octets }
        }

        /// Every number declared here.
        #[cfg(test)]
        pub(super) const ALL: &[u8] = &[$($number),*];
    };
}

attributes! {
    USER_NAME 1 "User-Name" Text "RFC 2865 §5.1";
    USER_PASSWORD 2 "User-Password" Hidden "RFC 2865 §5.2";
    CHAP_PASSWORD 3 "CHAP-Password" Hidden "RFC 2865 §5.3";
    NAS_IP_ADDRESS 4 "NAS-IP-Address" Address "RFC 2865 §5.4";
    NAS_PORT 5 "NAS-Port" Integer "RFC 2865 §5.5";
    SERVICE_TYPE 6 "Service-Type" Integer "RFC 2865 §5.6";
    FRAMED_PROTOCOL 7 "Framed-Protocol" Integer "RFC 2865 §5.7";
    FRAMED_IP_ADDRESS 8 "Framed-IP-Address" Address "RFC 2865 §5.8";
    FILTER_ID 11 "Filter-Id" Text "RFC 2865 §5.11";
    FRAMED_MTU 12 "Framed-MTU" Integer "RFC 2865 §5.12";
    REPLY_MESSAGE 18 "Reply-Message" Text "RFC 2865 §5.18";
    STATE 24 "State" Octets "RFC 2865 §5.24";
    CLASS 25 "Class" Octets "RFC 2865 §5.25";
    VENDOR_SPECIFIC 26 "Vendor-Specific" Vendor "RFC 2865 §5.26";
    SESSION_TIMEOUT 27 "Session-Timeout" Integer "RFC 2865 §5.27";
    IDLE_TIMEOUT 28 "Idle-Timeout" Integer "RFC 2865 §5.28";
    TERMINATION_ACTION 29 "Termination-Action" Integer "RFC 2865 §5.29";
    CALLED_STATION_ID 30 "Called-Station-Id" Text "RFC 2865 §5.30";
    CALLING_STATION_ID 31 "Calling-Station-Id" Text "RFC 2865 §5.31";
    NAS_IDENTIFIER 32 "NAS-Identifier" Text "RFC 2865 §5.32";
    PROXY_STATE 33 "Proxy-State" Octets "RFC 2865 §5.33";
    ACCT_STATUS_TYPE 40 "Acct-Status-Type" Integer "RFC 2866 §5.1";
    ACCT_DELAY_TIME 41 "Acct-Delay-Time" Integer "RFC 2866 §5.2";
    ACCT_INPUT_OCTETS 42 "Acct-Input-Octets" Integer "RFC 2866 §5.3";
    ACCT_OUTPUT_OCTETS 43 "Acct-Output-Octets" Integer "RFC 2866 §5.4";
    ACCT_SESSION_ID 44 "Acct-Session-Id" Text "RFC 2866 §5.5";
    ACCT_AUTHENTIC 45 "Acct-Authentic" Integer "RFC 2866 §5.6";
    ACCT_SESSION_TIME 46 "Acct-Session-Time" Integer "RFC 2866 §5.7";
    ACCT_INPUT_PACKETS 47 "Acct-Input-Packets" Integer "RFC 2866 §5.8";
    ACCT_OUTPUT_PACKETS 48 "Acct-Output-Packets" Integer "RFC 2866 §5.9";
    ACCT_TERMINATE_CAUSE 49 "Acct-Terminate-Cause" Integer "RFC 2866 §5.10";
    ACCT_MULTI_SESSION_ID 50 "Acct-Multi-Session-Id" Text "RFC 2866 §5.11";
    ACCT_LINK_COUNT 51 "Acct-Link-Count" Integer "RFC 2866 §5.12";
    ACCT_INPUT_GIGAWORDS 52 "Acct-Input-Gigawords" Integer "RFC 2869 §5.1";
    ACCT_OUTPUT_GIGAWORDS 53 "Acct-Output-Gigawords" Integer "RFC 2869 §5.2";
    EVENT_TIMESTAMP 55 "Event-Timestamp" Integer "RFC 2869 §5.3";
    EGRESS_VLANID 56 "Egress-VLANID" Integer "RFC 4675 §2.1";
    INGRESS_FILTERS 57 "Ingress-Filters" Integer "RFC 4675 §2.2";
    EGRESS_VLAN_NAME 58 "Egress-VLAN-Name" Text "RFC 4675 §2.3";
    USER_PRIORITY_TABLE 59 "User-Priority-Table" Octets "RFC 4675 §2.4";
    CHAP_CHALLENGE 60 "CHAP-Challenge" Octets "RFC 2865 §5.40";
    NAS_PORT_TYPE 61 "NAS-Port-Type" Integer "RFC 2865 §5.41";
    PORT_LIMIT 62 "Port-Limit" Integer "RFC 2865 §5.42";
    TUNNEL_TYPE 64 "Tunnel-Type" TaggedInteger "RFC 2868 §3.1";
    TUNNEL_MEDIUM_TYPE 65 "Tunnel-Medium-Type" TaggedInteger "RFC 2868 §3.2";
    TUNNEL_CLIENT_ENDPOINT 66 "Tunnel-Client-Endpoint" TaggedText "RFC 2868 §3.3";
    TUNNEL_SERVER_ENDPOINT 67 "Tunnel-Server-Endpoint" TaggedText "RFC 2868 §3.4";
    TUNNEL_PASSWORD 69 "Tunnel-Password" Hidden "RFC 2868 §3.5";
    CONNECT_INFO 77 "Connect-Info" Text "RFC 2869 §5.11";
    EAP_MESSAGE 79 "EAP-Message" Octets "RFC 3579 §3.1";
    MESSAGE_AUTHENTICATOR 80 "Message-Authenticator" Octets "RFC 3579 §3.2";
    TUNNEL_PRIVATE_GROUP_ID 81 "Tunnel-Private-Group-ID" TaggedText "RFC 2868 §3.6";
    TUNNEL_ASSIGNMENT_ID 82 "Tunnel-Assignment-ID" TaggedText "RFC 2868 §3.7";
    TUNNEL_PREFERENCE 83 "Tunnel-Preference" TaggedInteger "RFC 2868 §3.8";
    ACCT_INTERIM_INTERVAL 85 "Acct-Interim-Interval" Integer "RFC 2869 §5.16";
    NAS_PORT_ID 87 "NAS-Port-Id" Text "RFC 2869 §5.17";
    FRAMED_POOL 88 "Framed-Pool" Text "RFC 2869 §5.18";
    CHARGEABLE_USER_IDENTITY 89 "Chargeable-User-Identity" Octets "RFC 4372 §2.2";
    NAS_FILTER_RULE 92 "NAS-Filter-Rule" Text "RFC 4849 §2";
    NAS_IPV6_ADDRESS 95 "NAS-IPv6-Address" Octets "RFC 3162 §2.1";
    FRAMED_INTERFACE_ID 96 "Framed-Interface-Id" Octets "RFC 3162 §2.2";
    FRAMED_IPV6_PREFIX 97 "Framed-IPv6-Prefix" Octets "RFC 3162 §2.3";
    ERROR_CAUSE 101 "Error-Cause" Integer "RFC 5176 §3.5";
    EAP_KEY_NAME 102 "EAP-Key-Name" Octets "RFC 4072 §2.4";
    FRAMED_IPV6_ADDRESS 168 "Framed-IPv6-Address" Octets "RFC 6911 §3.1";
}
