//! How a profile spells ports and user names, both ways: what a switch sends is read, and what
//! it would send can be written, so that a simulated switch speaks like a real one.

use super::{PortDecode, Profile, RealmRule};
use crate::vocabulary::Mac;

/// Base of Cisco's numbers: 50000 + 100 × slot + port.
const CISCO_BASE: u32 = 50_000;
const CISCO_SLOT: u32 = 100;
const CISCO_SLOTS_MAX: u32 = 99;

/// How a request calls the port where the device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Called<'a> {
    /// By the name it has in `topology/`, in NAS-Port-Id (RFC 2869 §5.17).
    Name(&'a str),
    /// By a number, in NAS-Port (RFC 2865 §5.5).
    Number(PortPlace),
}

impl Profile {
    /// How NAS-Port and NAS-Port-Id call the port; `None` when the one that the profile reads is
    /// absent or out of its form.
    pub(in crate::plan) fn called<'a>(
        &self,
        nas_port: Option<u32>,
        nas_port_id: Option<&'a str>,
    ) -> Option<Called<'a>> {
        if self.port.decode == PortDecode::NasPortId {
            let id = nas_port_id.unwrap_or_default();
            let name = id.strip_suffix(self.port.strip.as_str()).unwrap_or(id);
            return (!name.is_empty()).then_some(Called::Name(name));
        }
        split_number(self.port.decode, nas_port?).map(Called::Number)
    }

    /// The number by which requests call the port of that name; `None` where they call it by name,
    /// or cannot call it.
    pub(in crate::plan) fn number_of(&self, port_name: &str) -> Option<PortPlace> {
        if self.port.decode == PortDecode::NasPortId {
            return None;
        }
        unfill(self.port.name.as_deref()?, port_name)
    }

    /// What a switch sends for the port of that name, as NAS-Port and NAS-Port-Id; `None` for a
    /// name that the profile cannot express.
    #[must_use]
    pub fn port_attributes(&self, port_name: &str) -> Option<(Option<u32>, Option<String>)> {
        if self.port.decode == PortDecode::NasPortId {
            let named = !port_name.is_empty();
            return named.then(|| (None, Some(format!("{port_name}{}", self.port.strip))));
        }
        let place = self.number_of(port_name)?;
        Some((Some(join_number(self.port.decode, place)?), None))
    }

    /// The address in a User-Name of MAC authentication: any spelling, but only with the affix
    /// and realm that the profile declares.
    #[must_use]
    pub fn user_mac(&self, user: &str) -> Option<Mac> {
        let affix = &self.request.user_affix;
        let bare = match affix.realm {
            RealmRule::Refuse => user,
            RealmRule::Strip => user.split_once('@').map_or(user, |(bare, _)| bare),
        };
        let bare = bare.strip_prefix(affix.prefix.as_str())?;
        Mac::parse(bare.strip_suffix(affix.suffix.as_str())?).ok()
    }

    /// The User-Name a switch sends for that address.
    #[must_use]
    pub fn user_name(&self, mac: Mac) -> String {
        let affix = &self.request.user_affix;
        format!("{}{}{}", affix.prefix, self.request.user_mac.format(mac), affix.suffix)
    }
}

/// A port's place in its switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan) struct PortPlace {
    slot: u32,
    port: u32,
}

/// `None` for NAS-Port-Id, which is no number.
fn split_number(decode: PortDecode, number: u32) -> Option<PortPlace> {
    match decode {
        PortDecode::NasPortPlain | PortDecode::IfIndex => Some(PortPlace { slot: 0, port: number }),
        PortDecode::Comware => {
            // Slot 8, subslot 4, port 8 and VLAN 12 bits; a subslot has no place in the names.
            let subslot = number >> 20 & 0xf;
            let place = PortPlace { slot: number >> 24, port: number >> 12 & 0xff };
            (subslot == 0).then_some(place)
        }
        PortDecode::Cisco => {
            let rest = number.checked_sub(CISCO_BASE)?;
            let place = PortPlace { slot: rest / CISCO_SLOT, port: rest % CISCO_SLOT };
            (place.slot <= CISCO_SLOTS_MAX).then_some(place)
        }
        PortDecode::NasPortId => None,
    }
}

/// The inverse of [`split_number`]; `None` where the place does not fit.
fn join_number(decode: PortDecode, PortPlace { slot, port }: PortPlace) -> Option<u32> {
    match decode {
        PortDecode::NasPortPlain | PortDecode::IfIndex => (slot == 0).then_some(port),
        PortDecode::Comware => (slot <= 0xff && port <= 0xff).then_some(slot << 24 | port << 12),
        PortDecode::Cisco => (slot <= CISCO_SLOTS_MAX && port < CISCO_SLOT)
            .then(|| CISCO_BASE + CISCO_SLOT * slot + port),
        PortDecode::NasPortId => None,
    }
}

const SLOT: &str = "{slot}";
const PORT: &str = "{port}";

/// Whether a pattern of port names can be read back: one `{port}`, at most one `{slot}`, no
/// other brace, and after each something that is no digit.
pub(super) fn is_pattern(pattern: &str) -> bool {
    let literals = pattern.replacen(SLOT, "\n", 1).replacen(PORT, "\n", 1);
    pattern.contains(PORT)
        && !literals.contains(['{', '}'])
        && !pattern.contains('\n')
        && literals
            .split('\n')
            .skip(1)
            .all(|after| !after.starts_with(|c: char| c.is_ascii_digit()))
        && !literals.contains("\n\n")
}

/// Whether a pattern of port names tells the slot.
pub(super) fn has_slot(pattern: &str) -> bool {
    pattern.contains(SLOT)
}

/// The name of a place. A slot that the pattern does not show must be zero, or two ports would
/// have one name.
fn fill(pattern: &str, place: PortPlace) -> Option<String> {
    if place.slot != 0 && !has_slot(pattern) {
        return None;
    }
    let name = pattern.replacen(SLOT, &place.slot.to_string(), 1);
    Some(name.replacen(PORT, &place.port.to_string(), 1))
}

/// The place of a name.
fn unfill(pattern: &str, name: &str) -> Option<PortPlace> {
    let mut place = PortPlace { slot: 0, port: 0 };
    let (mut pattern_rest, mut name_rest) = (pattern, name);
    while let Some((literal, after)) = pattern_rest.split_once('{') {
        let (word, after) = after.split_once('}')?;
        let tail = name_rest.strip_prefix(literal)?;
        let end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (digits, tail) = tail.split_at_checked(end)?;
        let number = digits.parse().ok()?;
        match word {
            "slot" => place.slot = number,
            "port" => place.port = number,
            _ => return None,
        }
        (pattern_rest, name_rest) = (after, tail);
    }
    // Leading zeros and whatever else would not come back are not names of this pattern.
    (fill(pattern, place)? == name).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::profiles;

    /// The name of the port that a request calls so.
    fn named(profile: &Profile, number: Option<u32>, id: Option<&str>) -> Option<String> {
        match profile.called(number, id)? {
            Called::Name(name) => Some(name.to_owned()),
            Called::Number(place) => fill(profile.port.name.as_deref()?, place),
        }
    }

    #[test]
    fn a_pattern_must_be_readable_backwards() {
        for (pattern, good) in [
            ("{port}", true),
            ("0/{port}", true),
            ("GigabitEthernet{slot}/0/{port}", true),
            ("{port}-{slot}x", true),
            ("", false),
            ("0/1", false),
            ("{slot}", false),
            ("{slot}{port}", false),
            ("{port}0", false),
            ("{port}/{port}", false),
            ("{port}/{unit}", false),
            ("{port", false),
        ] {
            assert_eq!(is_pattern(pattern), good, "{pattern}");
        }
    }

    #[test]
    fn numbers_of_the_field_name_their_ports() {
        let mut profile = profiles().into_iter().find(|profile| profile.id == "comware").unwrap();
        let name = |profile: &Profile, number| named(profile, Some(number), Some("ignored"));
        assert_eq!(name(&profile, 16_781_312).unwrap(), "GigabitEthernet1/0/1");
        assert_eq!(name(&profile, 16_781_312 + 110).unwrap(), "GigabitEthernet1/0/1");
        assert_eq!(name(&profile, 0x0110_1000), None);
        assert_eq!(named(&profile, None, Some("x")), None);

        profile.port.decode = PortDecode::Cisco;
        profile.port.name = Some("FastEthernet0/{port}".to_owned());
        assert_eq!(name(&profile, 50_017).unwrap(), "FastEthernet0/17");
        for stranger in [50_117, 49_999, 60_001, 10_117, u32::MAX] {
            assert_eq!(name(&profile, stranger), None);
        }

        profile.port.decode = PortDecode::NasPortId;
        profile.port.strip = ".0".to_owned();
        assert_eq!(named(&profile, None, Some("ge-0/0/1.0")).unwrap(), "ge-0/0/1");
        assert_eq!(named(&profile, Some(1), None), None);
        assert_eq!(named(&profile, Some(1), Some(".0")), None);
    }

    /// Slots 1 to 3 with 48 ports each, in every numbering that knows slots.
    #[test]
    fn every_port_of_a_stack_comes_back() {
        let mut profile = profiles().into_iter().find(|profile| profile.id == "comware").unwrap();
        for decode in [PortDecode::Comware, PortDecode::Cisco] {
            profile.port.decode = decode;
            let mut numbers = std::collections::BTreeSet::new();
            for slot in 1..=3 {
                for port in 1..=48 {
                    let name = format!("GigabitEthernet{slot}/0/{port}");
                    let (number, id) = profile.port_attributes(&name).unwrap();
                    assert!(numbers.insert(number), "{name} shares {number:?}");
                    assert_eq!(named(&profile, number, id.as_deref()), Some(name));
                }
            }
            assert_eq!(profile.port_attributes("GigabitEthernet1/0/01"), None);
            assert_eq!(profile.port_attributes("GigabitEthernet1/1/1"), None);
            assert_eq!(profile.port_attributes("GigabitEthernet256/0/1"), None);
        }
    }

    #[test]
    fn affix_and_realm_are_honoured_exactly() {
        let mut profile = profiles().into_iter().find(|profile| profile.id == "comware").unwrap();
        let mac = Mac::parse("001122aabbcc").ok();
        assert_eq!(profile.user_mac("0011.22AA.BBCC"), mac, "any spelling is read");
        assert_eq!(profile.user_mac("00-11-22-aa-bb-cc@city"), None);
        profile.request.user_affix = super::super::UserAffix {
            prefix: "1:".to_owned(),
            suffix: "%VLAN110".to_owned(),
            realm: RealmRule::Strip,
        };
        assert_eq!(profile.user_mac("1:001122aabbcc%VLAN110@city"), mac);
        assert_eq!(profile.user_mac("1:001122aabbcc%VLAN110"), mac);
        assert_eq!(profile.user_mac("001122aabbcc%VLAN110"), None);
        assert_eq!(profile.user_mac("1:001122aabbcc"), None);
        assert_eq!(profile.user_name(mac.unwrap()), "1:00-11-22-aa-bb-cc%VLAN110");
    }

    proptest::proptest! {
        #[test]
        fn every_shipped_profile_reads_what_it_writes(octets: [u8; 6], port in 1_u32..=48) {
            for profile in profiles() {
                if let Ok(mac) = Mac::new(octets) {
                    proptest::prop_assert_eq!(profile.user_mac(&profile.user_name(mac)), Some(mac));
                }
                let pattern = profile.port.name.as_deref().unwrap_or("ge-0/0/{port}");
                let name = fill(&pattern.replace(SLOT, "1"), PortPlace { slot: 0, port }).unwrap();
                let (number, id) = profile.port_attributes(&name).unwrap();
                proptest::prop_assert_eq!(named(&profile, number, id.as_deref()), Some(name));
            }
        }

        #[test]
        fn no_request_and_no_name_panics(number: Option<u32>, id: Option<String>, name: String) {
            for profile in profiles() {
                let _ = profile.called(number, id.as_deref());
                let _ = profile.port_attributes(&name);
                let _ = profile.user_mac(&name);
            }
        }
    }
}
