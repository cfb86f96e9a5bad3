//! DHCP clients by options 60, 55 and 12.

use super::Provenance;
use crate::sensor::dissect::Dhcp;

/// What a DHCP client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DhcpClass {
    /// Windows.
    Windows,
    /// Android.
    Android,
    /// iPhone or iPad.
    Iphone,
    /// macOS.
    Macos,
    /// A Linux distribution.
    Linux,
    /// BusyBox: routers and things.
    Busybox,
    /// lwIP: small things.
    Lwip,
    /// A boot loader: what follows it is another system on the same address.
    Pxe,
}

impl DhcpClass {
    /// Every class; the order is written down by sensors, so new ones go last.
    pub const ALL: &'static [Self] = &[
        Self::Windows,
        Self::Android,
        Self::Iphone,
        Self::Macos,
        Self::Linux,
        Self::Busybox,
        Self::Lwip,
        Self::Pxe,
    ];

    /// Whether it is a phone's.
    #[must_use]
    pub const fn is_phone(self) -> bool {
        matches!(self, Self::Android | Self::Iphone)
    }

    /// The id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Android => "android",
            Self::Iphone => "iphone",
            Self::Macos => "macos",
            Self::Linux => "linux",
            Self::Busybox => "busybox",
            Self::Lwip => "lwip",
            Self::Pxe => "pxe",
        }
    }
}

/// A row: a parameter request list, and the vendor class that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DhcpRow {
    /// What it is.
    pub class: DhcpClass,
    /// What option 60 begins with; empty where the option is absent.
    pub vendor: &'static str,
    /// Option 55.
    pub parameters: &'static [u8],
    /// Where it was read.
    pub provenance: Provenance,
}

const fn row(
    class: DhcpClass,
    vendor: &'static str,
    parameters: &'static [u8],
    sha256: &'static str,
    frame: u32,
) -> DhcpRow {
    DhcpRow { class, vendor, parameters, provenance: Provenance { sha256, frame } }
}

/// The table.
pub const DHCP_ROWS: &[DhcpRow] = &[
    row(
        DhcpClass::Windows,
        "MSFT 5.0",
        &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 121, 249, 252],
        "d331fea12a16350241fdc681b3d4ea7d4776d82052ecb6041bf654c89cce1ab1",
        21,
    ),
    row(
        DhcpClass::Windows,
        "MSFT 5.0",
        &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
        "8794902fb18070d639aceb20a57f093c994cd43f43937905ca0e1d1f58968b8d",
        7,
    ),
    row(
        DhcpClass::Windows,
        "MSFT 5.0",
        &[1, 15, 3, 6, 44, 46, 47, 31, 33, 249, 43],
        "32835ec84b007d69da2b88a92dbdf9946ddbad096aeb6e92e6b36af25406654c",
        15,
    ),
    row(
        DhcpClass::Android,
        "dhcpcd-5.5.6",
        &[1, 33, 3, 6, 15, 28, 51, 58, 59],
        "d0538b1b4c56ff527efcd50dd4523dd362d093f8ed2bd4120d4c9f056620511c",
        7,
    ),
    row(
        DhcpClass::Iphone,
        "",
        &[1, 121, 3, 6, 15, 119, 252],
        "2d82f575a8b9addfc9e66582e34911f79b5388984e54299293a28393c6d7c24e",
        1418,
    ),
    row(
        DhcpClass::Linux,
        "",
        &[1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42],
        "a059d62730a07177c99b2b2fa46de074dab8d16edc67fb67005add1dec232114",
        1,
    ),
    row(
        DhcpClass::Busybox,
        "udhcp",
        &[1, 3, 6, 12, 15, 28, 42],
        "cea8732921410da2b11d6c7bb64c885c4f1e5ba663c455567aba701d3c35fca3",
        3,
    ),
    row(
        DhcpClass::Lwip,
        "",
        &[1, 3, 28, 6],
        "52bf6d33ec0131581315a23d591ba7ba3d1c74680ca3f86f93ae95ac89bd4822",
        3,
    ),
];

/// What Androids call themselves unless their owner renames them.
const ANDROID_HOSTS: &[&str] = &["android-", "galaxy-", "pixel-", "xperia-", "redmi-"];

/// The class of a client's message; `None` for one that nothing names.
///
/// What a client calls itself goes first: Android's own client, a phone's own name. Then the
/// list: an iPhone's list ends where that of macOS goes on.
#[must_use]
pub fn dhcp_class(message: &Dhcp) -> Option<DhcpClass> {
    let vendor = message.vendor.as_str();
    let starts = |name: &str| {
        message.host.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    if vendor.starts_with("PXEClient") {
        return Some(DhcpClass::Pxe);
    }
    if vendor.starts_with("MSFT ") {
        return Some(DhcpClass::Windows);
    }
    if vendor.starts_with("android-dhcp-") || ANDROID_HOSTS.iter().any(|name| starts(name)) {
        return Some(DhcpClass::Android);
    }
    // Owners put their own names before or after it.
    let host = message.host.to_ascii_lowercase();
    if ["iphone", "ipad"].iter().any(|name| host.contains(name)) {
        return Some(DhcpClass::Iphone);
    }
    if vendor.starts_with("udhcp") {
        return Some(DhcpClass::Busybox);
    }
    let apple: &[u8] = &[1, 121, 3, 6, 15];
    let tail = message.parameters.strip_prefix(apple);
    if vendor.is_empty() && tail.is_some_and(|tail| tail.ends_with(&[95, 44, 46])) {
        return Some(DhcpClass::Macos);
    }
    // Older Androids ask for the interface's MTU (26) as well; Apple's from iOS 14 and 15 on for
    // the captive portal (RFC 8910) and whether IPv6 alone would do (RFC 8925), later for
    // resolvers that encrypt (RFC 9463).
    let beside: &[u8] = match (vendor.starts_with("dhcpcd-5"), tail) {
        (true, _) => &[26],
        (false, Some(_)) => &[108, 114, 162],
        (false, None) => &[],
    };
    let asked: Vec<u8> =
        message.parameters.iter().copied().filter(|code| !beside.contains(code)).collect();
    let named = |row: &&DhcpRow| {
        row.parameters == asked && row.vendor.is_empty() == vendor.is_empty() && {
            let version = row.vendor.split('.').next().unwrap_or_default();
            vendor.starts_with(version)
        }
    };
    DHCP_ROWS.iter().find(named).map(|row| row.class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::dissect::DhcpKind;

    fn message(vendor: &str, host: &str, parameters: &[u8]) -> Dhcp {
        Dhcp {
            kind: DhcpKind::Discover,
            reply: false,
            client: None,
            given: None,
            prefix: None,
            router: None,
            metered: false,
            server: None,
            parameters: parameters.to_vec(),
            vendor: vendor.to_owned(),
            host: host.to_owned(),
        }
    }

    #[test]
    fn rows_are_of_their_own_class() {
        for row in DHCP_ROWS {
            let class = dhcp_class(&message(row.vendor, "", row.parameters));
            assert_eq!(class, Some(row.class), "{row:?}");
        }
    }

    #[test]
    fn phones_are_told_from_what_looks_like_them() {
        let iphone = [1, 121, 3, 6, 15, 119, 252];
        let macos = [1, 121, 3, 6, 15, 119, 252, 95, 44, 46];
        let newer = [1, 121, 3, 6, 15, 108, 114, 119, 252, 95, 44, 46];
        for (vendor, host, parameters, class) in [
            ("", "", &iphone[..], Some(DhcpClass::Iphone)),
            ("", "mac-mini", &macos, Some(DhcpClass::Macos)),
            ("", "", &newer, Some(DhcpClass::Macos)),
            ("", "iPhone-of-Sato", &newer, Some(DhcpClass::Iphone)),
            ("", "Sato-no-iPhone", &[], Some(DhcpClass::Iphone)),
            ("", "", &[1, 121, 3, 6, 15, 108, 114, 119, 252], Some(DhcpClass::Iphone)),
            ("", "", &[1, 121, 3, 6, 15, 108, 114, 119, 162, 252], Some(DhcpClass::Iphone)),
            ("", "", &[1, 121, 3, 6, 15, 114, 119], None),
            ("android-dhcp-13", "", &[], Some(DhcpClass::Android)),
            ("", "android-12ab", &[1], Some(DhcpClass::Android)),
            ("dhcpcd-5.6.7", "", &[1, 33, 3, 6, 15, 26, 28, 51, 58, 59], Some(DhcpClass::Android)),
            ("MSFT 5.0", "PC-0001", &[1], Some(DhcpClass::Windows)),
            ("PXEClient:Arch:00007", "", &[1], Some(DhcpClass::Pxe)),
            ("", "", &[], None),
            ("dhcpcd-9.4", "", &[1, 33, 3, 6], None),
        ] {
            assert_eq!(dhcp_class(&message(vendor, host, parameters)), class, "{vendor} {host}");
        }
    }
}
