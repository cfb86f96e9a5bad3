//! Who and where, as the request tells it: addresses, port and the shape of MAC authentication.

use crate::plan::{CalledCarries, MabForm, MabMarker, MabPassword, Plan, Profile};
use crate::vocabulary::{Because, Claimed, Mac, Place, Point, Reason, Secret, SwitchIndex, escape};
use crate::wire::radius::{Packet, attribute, chap_matches};

/// Service-Type of a request made for a MAC address alone (RFC 2865 §5.6, Call-Check).
const SERVICE_TYPE_CALL_CHECK: u32 = 10;
/// NAS-Port-Type of IEEE 802.11 (RFC 2865 §5.41).
const NAS_PORT_TYPE_WIRELESS: u32 = 19;

/// Reads an attribute that must be a text.
fn text<'a>(packet: &Packet<'a>, kind: u8) -> Option<&'a str> {
    packet.first(kind).and_then(|value| std::str::from_utf8(value).ok())
}

/// The station's address as the switch saw it (Calling-Station-Id, RFC 3580 §3.21), from the
/// attribute the profile names.
pub(super) fn calling_mac(packet: &Packet<'_>, profile: &Profile) -> Option<Mac> {
    Mac::parse(packet.first(profile.request.calling.attribute)?).ok()
}

/// The device's address for record and back-off: Calling-Station-Id, or User-Name on switches
/// that send none.
pub(super) fn device_mac(packet: &Packet<'_>, profile: &Profile) -> Option<Mac> {
    match packet.first(profile.request.calling.attribute) {
        None if profile.request.calling.may_be_absent => {
            profile.user_mac(text(packet, attribute::USER_NAME)?)
        }
        Some(_) | None => calling_mac(packet, profile),
    }
}

/// Where the request comes from. What the plan does not know stays unknown, in the switch's own
/// words; nothing is guessed.
pub(super) fn place(
    packet: &Packet<'_>,
    plan: &Plan,
    switch: SwitchIndex,
    profile: &Profile,
) -> Place {
    let wireless = profile.request.called.carries == CalledCarries::ApMacSsid
        || packet.integer(attribute::NAS_PORT_TYPE) == Some(NAS_PORT_TYPE_WIRELESS);
    let point = if wireless {
        let called = packet.first(profile.request.called.attribute).unwrap_or_default();
        let (access_point, ssid) = split_called(called);
        Point::Wireless { ssid: escape(ssid), access_point }
    } else {
        let port = packet.integer(attribute::NAS_PORT);
        let port_id = text(packet, attribute::NAS_PORT_ID);
        match plan.port_called(switch, port, port_id) {
            Some(port) => Point::Port(port),
            None => Point::Unknown(raw_port(packet)),
        }
    };
    Place { switch, point }
}

fn raw_port(packet: &Packet<'_>) -> String {
    let port = packet.integer(attribute::NAS_PORT);
    let port = port.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let port_id = packet.first(attribute::NAS_PORT_ID).map_or_else(|| "-".to_owned(), escape);
    format!("NAS-Port {port} NAS-Port-Id {port_id}")
}

/// `AP-MAC:SSID` (RFC 3580 §3.20). The SSID may hold colons, so the address is taken first.
fn split_called(called: &[u8]) -> (Option<Mac>, &[u8]) {
    for length in [17, 14, 13, 12] {
        if let Some((address, [b':', ssid @ ..])) = called.split_at_checked(length)
            && let Ok(mac) = Mac::parse(address)
        {
            return (Some(mac), ssid);
        }
    }
    (None, called)
}

/// Judges a request without EAP-Message: it is MAC authentication in one of the forms the
/// profile allows, or it is refused. `password` is the decoded User-Password, if any.
///
/// # Errors
/// Why the request must be refused.
pub(super) fn mab(
    packet: &Packet<'_>,
    profile: &Profile,
    word: Option<&Secret>,
    password: Option<&[u8]>,
) -> Result<Claimed<Mac>, Box<Because>> {
    judge_mab(packet, profile, word, password).map(Claimed)
}

fn judge_mab(
    packet: &Packet<'_>,
    profile: &Profile,
    word: Option<&Secret>,
    password: Option<&[u8]>,
) -> Result<Mac, Box<Because>> {
    let chap = packet.has(attribute::CHAP_PASSWORD);
    let form = match (password.is_some(), chap) {
        (true, false) => Some(MabForm::Pap),
        (false, true) => Some(MabForm::Chap),
        (false, false) if profile.request.mab_password == MabPassword::None => Some(MabForm::Pap),
        (false, false) => None,
        (true, true) => return Err(Box::new(Because::new(Reason::CredentialsMixed))),
    };
    let form = form.ok_or_else(|| Box::new(Because::new(Reason::CredentialsMissing)))?;
    let mac = mab_identity(packet, profile, form)?;
    let expected = mab_password(packet, profile, word)?;
    let right = match (expected, password) {
        (None, _) => true,
        (Some(expected), Some(password)) => same(expected, password),
        (Some(expected), None) => chap_matches(packet, expected),
    };
    if right { Ok(mac) } else { Err(Box::new(Because::new(Reason::MabPassword).fact("mac", mac))) }
}

/// The password the switch must use for MAC authentication; `None` where the profile asks for
/// none. It is no evidence of the device: whoever knows the address knows it.
///
/// # Errors
/// A fixed word is wanted and none is stored.
pub(super) fn mab_password<'a>(
    packet: &Packet<'a>,
    profile: &Profile,
    word: Option<&'a Secret>,
) -> Result<Option<&'a [u8]>, Box<Because>> {
    match profile.request.mab_password {
        MabPassword::SameAsUser => Ok(Some(packet.first(attribute::USER_NAME).unwrap_or_default())),
        MabPassword::Fixed => match word {
            Some(word) => Ok(Some(word.expose())),
            None => Err(Box::new(Because::new(Reason::MabWordMissing))),
        },
        MabPassword::None => Ok(None),
    }
}

/// The address a MAC authentication is about: the identity spelled as a MAC, equal to the
/// Calling-Station-Id, marked the way the profile says. Anything else is not MAC authentication.
pub(super) fn mab_identity(
    packet: &Packet<'_>,
    profile: &Profile,
    form: MabForm,
) -> Result<Mac, Because> {
    if !profile.request.mab_forms.contains(&form) {
        return Err(Because::new(Reason::MabFormForbidden)
            .fact("form", form.id())
            .fact("profile", &profile.id));
    }
    let raw = packet.first(attribute::USER_NAME).unwrap_or_default();
    let user = std::str::from_utf8(raw).ok().and_then(|user| profile.user_mac(user));
    let Some(user) = user else {
        return Err(Because::new(Reason::MabName).fact("user", escape(raw)));
    };
    match packet.first(profile.request.calling.attribute) {
        Some(raw) => {
            if Mac::parse(raw) != Ok(user) {
                return Err(Because::new(Reason::MabMacMismatch)
                    .fact("user", user)
                    .fact("calling", escape(raw)));
            }
        }
        None if profile.request.calling.may_be_absent => {}
        None => return Err(Because::new(Reason::StationMissing)),
    }
    let marked = match profile.request.mab_marker {
        MabMarker::CallCheck => {
            packet.integer(attribute::SERVICE_TYPE) == Some(SERVICE_TYPE_CALL_CHECK)
        }
        MabMarker::UserEqualsCalling => true, // OK because equality was just checked
        MabMarker::EapMd5Identity => form == MabForm::EapMd5,
    };
    if marked { Ok(user) } else { Err(Because::new(Reason::MabNotMarked).fact("mac", user)) }
}

/// Compares in constant time, the lengths aside.
fn same(left: &[u8], right: &[u8]) -> bool {
    use subtle::ConstantTimeEq as _;
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::split_called;
    use crate::vocabulary::Mac;

    #[test]
    fn the_network_name_may_hold_colons() {
        let mac = Mac::parse("00-11-22-aa-bb-cc").ok();
        for (called, expected) in [
            ("00-11-22-AA-BB-CC:city-b", (mac, "city-b")),
            ("00:11:22:aa:bb:cc:a:b", (mac, "a:b")),
            ("001122aabbcc:city", (mac, "city")),
            ("001122-aabbcc:city", (mac, "city")),
            ("0011.22aa.bbcc:", (mac, "")),
            ("city-b", (None, "city-b")),
            ("", (None, "")),
        ] {
            let (radio, name) = split_called(called.as_bytes());
            assert_eq!((radio, name), (expected.0, expected.1.as_bytes()), "{called}");
        }
    }
}
