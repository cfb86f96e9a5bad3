//! Operating systems as the wire shows them: initial TTL, the first segment of a connection, the
//! DHCP client.
//!
//! These are the simulation's own facts, from what the systems' makers and RFCs publish and what
//! anybody reads off a connection of such a device; the sensor's tables are not used, and systems
//! are here that the sensor has no row for. Sources: Windows' 64,240 octets and scale 8 (Microsoft,
//! "TCP/IP performance known issues" and any SYN of Windows 10 1809 and later), Linux' initial
//! window of 44 segments (`tcp_select_initial_window`), FreeBSD's and Apple's order of options
//! (`tcp_addoptions`), Android's client name `android-dhcp-N` (`DhcpClient.java`), Apple's requests
//! for options 108 (RFC 8925, from iOS 15 on) and 114 (RFC 8910, from iOS 14 on).

/// An option of TCP, by its place in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Mss,
    Nop,
    Scale,
    Sack,
    Stamp,
    End,
}

use Part::{End, Mss, Nop, Sack, Scale, Stamp};

/// What a DHCP client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// Option 60; empty for none.
    pub(super) vendor: &'static str,
    /// Option 55.
    pub(super) parameters: &'static [u8],
}

/// A system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct System {
    pub(super) ttl: u8,
    /// The window of a SYN.
    pub(super) window: u16,
    /// Scales, one of which a connection has; none where the option is not sent.
    pub(super) scales: &'static [u8],
    /// The options of a SYN.
    pub(super) options: &'static [Part],
    /// Those of the answer to a SYN without timestamps.
    pub(super) answer: &'static [Part],
    /// The third SYN leaves the scale out, as Windows' does.
    pub(super) gives_in: bool,
    /// Identifications of IP packets count up instead of being drawn.
    pub(super) counts: bool,
    /// First and last of the ports it draws for connections.
    pub(super) ports: (u16, u16),
    pub(super) client: Client,
}

const LINUX_SYN: &[Part] = &[Mss, Sack, Stamp, Nop, Scale];
const BARE_SYN: &[Part] = &[Mss, Nop, Nop, Sack, Nop, Scale];
const WINDOWS_SYN: &[Part] = &[Mss, Nop, Scale, Nop, Nop, Sack];
const APPLE_SYN: &[Part] = &[Mss, Nop, Scale, Nop, Nop, Stamp, Sack, End];
const BSD_SYN: &[Part] = &[Mss, Nop, Scale, Sack, Stamp];
const BSD_BARE: &[Part] = &[Mss, Nop, Scale, Sack, End];

const fn client(vendor: &'static str, parameters: &'static [u8]) -> Client {
    Client { vendor, parameters }
}

/// Windows 11, and 10 since 1809.
pub(super) const WINDOWS: System = System {
    ttl: 128,
    window: 64_240,
    scales: &[8],
    options: WINDOWS_SYN,
    answer: WINDOWS_SYN,
    gives_in: true,
    counts: true,
    ports: (49_152, 65_535),
    client: client("MSFT 5.0", &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252]),
};
/// Windows with a program, or a policy, that sets the receive buffer itself.
pub(super) const WINDOWS_TUNED: System = System { window: 65_535, ..WINDOWS };
/// Windows Server, which answers with a full window.
pub(super) const WINDOWS_SERVER: System = System { window: 65_535, ..WINDOWS };
/// Windows' installer (Windows PE): the same stack and client.
pub(super) const WINDOWS_PE: System = WINDOWS;
/// Ubuntu 22.04, client of NetworkManager.
pub(super) const LINUX: System = System {
    ttl: 64,
    window: 64_240,
    scales: &[7],
    options: LINUX_SYN,
    answer: BARE_SYN,
    gives_in: false,
    counts: false,
    ports: (32_768, 60_999),
    client: client("", &[1, 2, 6, 12, 15, 26, 28, 121, 3, 33, 40, 41, 42, 119, 249, 252, 17]),
};
/// A consumer router of Linux 4 and BusyBox.
pub(super) const ROUTER: System = System {
    window: 29_200,
    scales: &[5],
    client: client("udhcp 1.25.1", &[1, 3, 6, 12, 15, 17, 23, 28, 29, 31, 33, 40, 41, 42]),
    ..LINUX
};
/// The same whose maker sends Windows' vendor class, as travel routers do that imitate a PC.
pub(super) const ROUTER_POSING: System = System { client: WINDOWS.client, ..ROUTER };
/// An IP telephone of embedded Linux.
pub(super) const TELEPHONE: System = System {
    window: 14_600,
    scales: &[3],
    client: client("Cisco Systems, Inc. IP Phone CP-8841", &[1, 66, 6, 3, 15, 150, 35, 151]),
    ..LINUX
};
/// A network camera of embedded Linux.
pub(super) const CAMERA: System = System {
    window: 5_840,
    scales: &[2],
    client: client("udhcp 1.20.2", &[1, 3, 6, 12, 15, 28, 42, 121]),
    ..LINUX
};
/// A multifunction printer of a BSD.
pub(super) const COPIER: System = System {
    ttl: 64,
    window: 32_768,
    scales: &[0],
    options: BSD_SYN,
    answer: BSD_BARE,
    gives_in: false,
    counts: true,
    ports: (49_152, 65_535),
    client: client("", &[1, 3, 15, 6, 44, 46, 69, 70]),
};
/// A small printer with a stack of its own.
pub(super) const PRINTER: System = System {
    ttl: 255,
    window: 5_840,
    scales: &[],
    options: &[Mss],
    answer: &[Mss],
    gives_in: false,
    counts: true,
    ports: (49_152, 65_535),
    client: client("", &[6, 3, 1, 15, 66, 67, 13, 44, 12, 81, 252]),
};
/// The management controller that shares a PC's network interface.
pub(super) const CONTROLLER: System = System { window: 4_096, ttl: 64, ..PRINTER };
/// macOS 13.
pub(super) const MAC: System = System {
    ttl: 64,
    window: 65_535,
    scales: &[6],
    options: APPLE_SYN,
    answer: &[Mss, Nop, Scale, Sack, End],
    gives_in: false,
    counts: false,
    ports: (49_152, 65_535),
    client: client("", &[1, 121, 3, 6, 15, 108, 114, 119, 252, 95, 44, 46]),
};
/// iOS 17.
pub(super) const IPHONE: System =
    System { client: client("", &[1, 121, 3, 6, 15, 108, 114, 119, 252]), ..MAC };
/// Android 13.
pub(super) const ANDROID: System = System {
    window: 65_535,
    scales: &[8, 9],
    client: client("android-dhcp-13", &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114, 108]),
    ..LINUX
};
/// Android that asks for its address as Windows does.
pub(super) const ANDROID_POSING: System = System { client: WINDOWS.client, ..ANDROID };
/// A network boot loader (iPXE).
pub(super) const BOOT_LOADER: System = System {
    ttl: 64,
    window: 65_535,
    scales: &[9],
    options: &[Mss, Nop, Nop, Sack, Nop, Nop, Stamp, Nop, Scale],
    answer: BARE_SYN,
    gives_in: false,
    counts: true,
    ports: (49_152, 65_535),
    client: client(
        "PXEClient:Arch:00007:UNDI:003010",
        &[
            1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67, 119, 128, 129, 130, 131, 132, 133, 134,
            135, 175, 203,
        ],
    ),
};
/// A phone's stack changed to draw window, scale and order of options for each connection.
pub(super) const SCRAMBLED: System = System {
    options: &[Mss, Scale, Nop, Stamp, Nop, Nop, Sack],
    window: 40_000,
    scales: &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    ..ANDROID
};
/// A proxy on a phone whose SYNs imitate Windows'.
pub(super) const WINDOWS_FORGED: System = System { gives_in: false, counts: false, ..WINDOWS };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_scale_sends_none() {
        for system in [
            WINDOWS,
            LINUX,
            ROUTER,
            TELEPHONE,
            CAMERA,
            COPIER,
            PRINTER,
            CONTROLLER,
            MAC,
            IPHONE,
            ANDROID,
            BOOT_LOADER,
            SCRAMBLED,
        ] {
            assert_eq!(system.scales.is_empty(), !system.options.contains(&Scale));
        }
    }
}
