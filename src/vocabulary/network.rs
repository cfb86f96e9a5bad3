//! Words for where traffic goes: VLANs, and the indices by which a plan names its parts.

use std::fmt;

use smol_str::SmolStr;

/// A VLAN that may carry traffic: 1 to 4094 (IEEE 802.1Q, 0 and 4095 are reserved).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanId(u16);

impl VlanId {
    /// `None` outside 1 to 4094.
    #[must_use]
    pub const fn new(id: u16) -> Option<Self> {
        if matches!(id, 1..=4094) { Some(Self(id)) } else { None }
    }

    /// The number, 1 to 4094.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The number as text, without the price of a format.
    #[must_use]
    pub fn decimal(self) -> SmolStr {
        let digits = [1_000, 100, 10, 1].map(|unit| self.0 / unit % 10);
        let digits = digits.map(|digit| b'0' + u8::try_from(digit).unwrap_or_default());
        let first = digits.iter().position(|digit| *digit != b'0').unwrap_or_default();
        digits.get(first..).and_then(|it| str::from_utf8(it).ok()).unwrap_or_default().into()
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Declares an index into one list of one plan; it means nothing in another plan.
macro_rules! index {
    ($(#[doc = $doc:literal] $name:ident($inner:ty);)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);
    )*};
}

index! {
    #[doc = "An environment (A, B, C, quarantine, management, …) of one plan."]
    EnvironmentIndex(u8);
    #[doc = "A site of one plan."]
    SiteIndex(u16);
    #[doc = "A switch or wireless controller of one plan; also the RADIUS client it is."]
    SwitchIndex(u16);
    #[doc = "A port of one switch."]
    PortIndex(u16);
    #[doc = "A registered device of one plan."]
    DeviceIndex(u32);
    #[doc = "A maintenance company's admission grant of one plan."]
    GrantIndex(u16);
    #[doc = "A policy rule of one plan, in order of evaluation."]
    RuleIndex(u16);
    #[doc = "A device class of one plan."]
    ClassIndex(u8);
}

/// Where a device asks to come in, as far as the switch and the plan agree on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The switch or wireless controller that asks.
    pub switch: SwitchIndex,
    /// The point on it.
    pub point: Point,
}

/// The point of attachment on a switch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// A wired port that the plan knows.
    Port(PortIndex),
    /// A wireless network announced by an access point.
    Wireless {
        /// The network's name (SSID).
        ssid: String,
        /// The radio's address from Called-Station-Id, when the switch sent one.
        access_point: Option<super::Mac>,
    },
    /// The switch named a port that the plan does not know; its own words, escaped.
    Unknown(String),
}

impl Point {
    /// Whether frames reach this point through the air.
    #[must_use]
    pub const fn is_wireless(&self) -> bool {
        matches!(self, Self::Wireless { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::VlanId;

    #[test]
    fn a_vlan_reads_as_its_number() {
        for vlan in (1..=4094).filter_map(VlanId::new) {
            assert_eq!(vlan.decimal(), vlan.to_string());
        }
    }
}
