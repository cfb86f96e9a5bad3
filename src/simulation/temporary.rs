//! replaced by Profile::port_attributes and Profile::user_name

use crate::plan::{PortDecode, Profile};
use crate::vocabulary::Mac;

pub(super) fn user_name(profile: &Profile, mac: Mac) -> String {
    let affix = &profile.request.user_affix;
    format!("{}{}{}", affix.prefix, profile.request.user_mac.format(mac), affix.suffix)
}

pub(super) fn port_attributes(
    profile: &Profile,
    name: &str,
) -> Option<(Option<u32>, Option<String>)> {
    let numbers = || {
        let pattern = profile.port.name.as_deref()?;
        let (mut slot, mut port, mut rest) = (0_u32, None, name);
        let mut pattern = pattern;
        while !pattern.is_empty() {
            if let Some(tail) = pattern.strip_prefix("{slot}") {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                let (digits, remaining) = rest.split_at(end);
                slot = digits.parse().ok()?;
                (pattern, rest) = (tail, remaining);
            } else if let Some(tail) = pattern.strip_prefix("{port}") {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                let (digits, remaining) = rest.split_at(end);
                port = Some(digits.parse::<u32>().ok()?);
                (pattern, rest) = (tail, remaining);
            } else {
                let first = pattern.chars().next()?;
                rest = rest.strip_prefix(first)?;
                pattern = pattern.strip_prefix(first)?;
            }
        }
        rest.is_empty().then_some((slot, port?))
    };
    match profile.port.decode {
        PortDecode::NasPortId => Some((None, Some(format!("{name}{}", profile.port.strip)))),
        PortDecode::NasPortPlain | PortDecode::IfIndex => {
            numbers().map(|(_, port)| (Some(port), None))
        }
        PortDecode::Comware => numbers().map(|(slot, port)| (Some(slot << 24 | port << 12), None)),
        PortDecode::Cisco => numbers().map(|(slot, port)| (Some(50_000 + 100 * slot + port), None)),
    }
}
