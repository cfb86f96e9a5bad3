//! The `radius` crate as a second opinion where it is right, and its known defect.

use ::radius::core::{
    packet::Packet as Theirs, rfc2865, rfc2866, rfc2868, rfc2869, rfc3162, rfc3576, rfc4072,
    rfc4372, rfc4675, rfc4849, rfc6911, tag::Tag,
};

use super::*;

#[test]
fn numbers_agree() {
    let theirs = [
        (attribute::USER_NAME, rfc2865::USER_NAME_TYPE),
        (attribute::USER_PASSWORD, rfc2865::USER_PASSWORD_TYPE),
        (attribute::CHAP_PASSWORD, rfc2865::CHAP_PASSWORD_TYPE),
        (attribute::NAS_IP_ADDRESS, rfc2865::NAS_IP_ADDRESS_TYPE),
        (attribute::NAS_PORT, rfc2865::NAS_PORT_TYPE),
        (attribute::SERVICE_TYPE, rfc2865::SERVICE_TYPE_TYPE),
        (attribute::FRAMED_PROTOCOL, rfc2865::FRAMED_PROTOCOL_TYPE),
        (attribute::FRAMED_IP_ADDRESS, rfc2865::FRAMED_IP_ADDRESS_TYPE),
        (attribute::FILTER_ID, rfc2865::FILTER_ID_TYPE),
        (attribute::FRAMED_MTU, rfc2865::FRAMED_MTU_TYPE),
        (attribute::REPLY_MESSAGE, rfc2865::REPLY_MESSAGE_TYPE),
        (attribute::STATE, rfc2865::STATE_TYPE),
        (attribute::CLASS, rfc2865::CLASS_TYPE),
        (attribute::VENDOR_SPECIFIC, rfc2865::VENDOR_SPECIFIC_TYPE),
        (attribute::SESSION_TIMEOUT, rfc2865::SESSION_TIMEOUT_TYPE),
        (attribute::IDLE_TIMEOUT, rfc2865::IDLE_TIMEOUT_TYPE),
        (attribute::TERMINATION_ACTION, rfc2865::TERMINATION_ACTION_TYPE),
        (attribute::CALLED_STATION_ID, rfc2865::CALLED_STATION_ID_TYPE),
        (attribute::CALLING_STATION_ID, rfc2865::CALLING_STATION_ID_TYPE),
        (attribute::NAS_IDENTIFIER, rfc2865::NAS_IDENTIFIER_TYPE),
        (attribute::PROXY_STATE, rfc2865::PROXY_STATE_TYPE),
        (attribute::ACCT_STATUS_TYPE, rfc2866::ACCT_STATUS_TYPE_TYPE),
        (attribute::ACCT_DELAY_TIME, rfc2866::ACCT_DELAY_TIME_TYPE),
        (attribute::ACCT_INPUT_OCTETS, rfc2866::ACCT_INPUT_OCTETS_TYPE),
        (attribute::ACCT_OUTPUT_OCTETS, rfc2866::ACCT_OUTPUT_OCTETS_TYPE),
        (attribute::ACCT_SESSION_ID, rfc2866::ACCT_SESSION_ID_TYPE),
        (attribute::ACCT_AUTHENTIC, rfc2866::ACCT_AUTHENTIC_TYPE),
        (attribute::ACCT_SESSION_TIME, rfc2866::ACCT_SESSION_TIME_TYPE),
        (attribute::ACCT_INPUT_PACKETS, rfc2866::ACCT_INPUT_PACKETS_TYPE),
        (attribute::ACCT_OUTPUT_PACKETS, rfc2866::ACCT_OUTPUT_PACKETS_TYPE),
        (attribute::ACCT_TERMINATE_CAUSE, rfc2866::ACCT_TERMINATE_CAUSE_TYPE),
        (attribute::ACCT_MULTI_SESSION_ID, rfc2866::ACCT_MULTI_SESSION_ID_TYPE),
        (attribute::ACCT_LINK_COUNT, rfc2866::ACCT_LINK_COUNT_TYPE),
        (attribute::ACCT_INPUT_GIGAWORDS, rfc2869::ACCT_INPUT_GIGAWORDS_TYPE),
        (attribute::ACCT_OUTPUT_GIGAWORDS, rfc2869::ACCT_OUTPUT_GIGAWORDS_TYPE),
        (attribute::EVENT_TIMESTAMP, rfc2869::EVENT_TIMESTAMP_TYPE),
        (attribute::EGRESS_VLANID, rfc4675::EGRESS_VLANID_TYPE),
        (attribute::INGRESS_FILTERS, rfc4675::INGRESS_FILTERS_TYPE),
        (attribute::EGRESS_VLAN_NAME, rfc4675::EGRESS_VLAN_NAME_TYPE),
        (attribute::USER_PRIORITY_TABLE, rfc4675::USER_PRIORITY_TABLE_TYPE),
        (attribute::CHAP_CHALLENGE, rfc2865::CHAP_CHALLENGE_TYPE),
        (attribute::NAS_PORT_TYPE, rfc2865::NAS_PORT_TYPE_TYPE),
        (attribute::PORT_LIMIT, rfc2865::PORT_LIMIT_TYPE),
        (attribute::TUNNEL_TYPE, rfc2868::TUNNEL_TYPE_TYPE),
        (attribute::TUNNEL_MEDIUM_TYPE, rfc2868::TUNNEL_MEDIUM_TYPE_TYPE),
        (attribute::TUNNEL_CLIENT_ENDPOINT, rfc2868::TUNNEL_CLIENT_ENDPOINT_TYPE),
        (attribute::TUNNEL_SERVER_ENDPOINT, rfc2868::TUNNEL_SERVER_ENDPOINT_TYPE),
        (attribute::TUNNEL_PASSWORD, rfc2868::TUNNEL_PASSWORD_TYPE),
        (attribute::CONNECT_INFO, rfc2869::CONNECT_INFO_TYPE),
        (attribute::EAP_MESSAGE, rfc2869::EAP_MESSAGE_TYPE),
        (attribute::MESSAGE_AUTHENTICATOR, rfc2869::MESSAGE_AUTHENTICATOR_TYPE),
        (attribute::TUNNEL_PRIVATE_GROUP_ID, rfc2868::TUNNEL_PRIVATE_GROUP_ID_TYPE),
        (attribute::TUNNEL_ASSIGNMENT_ID, rfc2868::TUNNEL_ASSIGNMENT_ID_TYPE),
        (attribute::TUNNEL_PREFERENCE, rfc2868::TUNNEL_PREFERENCE_TYPE),
        (attribute::ACCT_INTERIM_INTERVAL, rfc2869::ACCT_INTERIM_INTERVAL_TYPE),
        (attribute::NAS_PORT_ID, rfc2869::NAS_PORT_ID_TYPE),
        (attribute::FRAMED_POOL, rfc2869::FRAMED_POOL_TYPE),
        (attribute::CHARGEABLE_USER_IDENTITY, rfc4372::CHARGEABLE_USER_IDENTITY_TYPE),
        (attribute::NAS_FILTER_RULE, rfc4849::NAS_FILTER_RULE_TYPE),
        (attribute::NAS_IPV6_ADDRESS, rfc3162::NAS_IPV6_ADDRESS_TYPE),
        (attribute::FRAMED_INTERFACE_ID, rfc3162::FRAMED_INTERFACE_ID_TYPE),
        (attribute::FRAMED_IPV6_PREFIX, rfc3162::FRAMED_IPV6_PREFIX_TYPE),
        (attribute::ERROR_CAUSE, rfc3576::ERROR_CAUSE_TYPE),
        (attribute::EAP_KEY_NAME, rfc4072::EAP_KEY_NAME_TYPE),
        (attribute::FRAMED_IPV6_ADDRESS, rfc6911::FRAMED_IPV6_ADDRESS_TYPE),
    ];
    for (ours, theirs) in theirs {
        assert_eq!(ours, theirs, "{:?}", attribute::name(ours));
    }
    let compared: Vec<u8> = theirs.iter().map(|(ours, _)| *ours).collect();
    assert_eq!(compared, attribute::ALL);
}

#[test]
fn their_password_and_reply_are_read() {
    let secret = b"testing123";
    let mut theirs = Theirs::new(::radius::core::code::Code::AccessRequest, secret);
    rfc2865::add_user_name(&mut theirs, "nemo");
    rfc2865::add_user_password(&mut theirs, b"arctangent of a long password").unwrap();
    let octets = theirs.encode().unwrap();
    let packet = Packet::parse(&octets).unwrap();
    let key = key("testing123");
    assert_eq!(&*key.decode_user_password(&packet).unwrap(), b"arctangent of a long password");
    let mut buffer = Vec::new();
    let mut writer = Writer::reply(&mut buffer, Code::AccessAccept, &packet);
    writer.message_authenticator_first().vlan(Some(1), "120");
    writer.finish_reply(&key, packet.authenticator()).unwrap();
    assert!(Theirs::is_authentic_response(&buffer, &octets, secret));
}

/// The crate writes a tagged integer as tag and four octets and cannot read a right one. When
/// this fails, the crate has been repaired and may serve as a peer for VLANs too.
#[test]
fn vlan_1_their_tagged_integer_is_one_octet_too_long() {
    let mut theirs = Theirs::new(::radius::core::code::Code::AccessRequest, b"s");
    rfc2868::add_tunnel_type(&mut theirs, Some(&Tag::new(1)), 13);
    let octets = theirs.encode().unwrap();
    let value = Packet::parse(&octets).unwrap().first(attribute::TUNNEL_TYPE).unwrap();
    assert_eq!(value, [1, 0, 0, 0, 13]);
    assert_eq!(view::tagged_integer(value), None);

    let mut buffer = Vec::new();
    let mut writer = Writer::request(&mut buffer, Code::AccessRequest, 3, AUTHENTICATOR);
    writer.vlan(Some(1), "120");
    writer.finish_request(&key("s")).unwrap();
    let theirs = Theirs::decode(&buffer, b"s").unwrap();
    assert!(rfc2868::lookup_tunnel_type(&theirs).unwrap().is_err());
}
