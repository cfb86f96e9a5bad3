//! What is remembered of one station.

use std::net::IpAddr;

use super::capture::CaptureTime;
use super::dissect::{Neighbour, Syn};
use super::fingerprint::{DhcpClass, StackClass};
use super::kind::{NoticeKind, VerdictKind};
use super::sign::Sign;

/// Addresses remembered of one station.
pub const ADDRESSES_MAX: usize = 8;
/// Stacks remembered of one station.
pub const STACKS_MAX: usize = 8;
/// Signs remembered of one station.
pub const SIGNS_MAX: usize = 32;
/// Alarms remembered of one station, so that each is raised once.
pub const ALARMS_MAX: usize = 16;

/// A stack seen behind a station.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    /// The address it spoke from.
    pub address: IpAddr,
    /// Its class.
    pub class: StackClass,
    /// Its SYN.
    pub syn: Syn,
    /// Whether its packets were forwarded on the way.
    pub forwarded: bool,
    /// When it was seen last.
    pub time: CaptureTime,
}

/// Packets of one initial TTL from one address.
#[derive(Clone, Copy, Debug)]
pub struct TtlFamily {
    /// The address.
    pub address: IpAddr,
    /// The initial TTL: 64 or 128.
    pub initial: u8,
    /// Packets seen.
    pub packets: u32,
    /// Packets seen since the last pause.
    pub lately: u32,
    /// When one was seen last.
    pub time: CaptureTime,
}

/// An alarm that was raised.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// What it claims.
    pub kind: VerdictKind,
    /// The service it is about, for kinds that are about one.
    pub service: Option<(IpAddr, u16)>,
    /// How often its cause came back.
    pub repeats: u32,
}

/// What is remembered of one station.
#[derive(Clone, Debug)]
pub struct Station {
    /// When its first frame was seen.
    pub since: CaptureTime,
    /// Its own addresses: those it uses without being forwarded.
    pub addresses: Vec<IpAddr>,
    /// The stacks behind it.
    pub stacks: Vec<Stack>,
    /// The initial TTLs behind it.
    pub ttls: Vec<TtlFamily>,
    /// What its DHCP client is.
    pub dhcp: Option<(Option<DhcpClass>, u64)>,
    /// Who it says to be by LLDP, and by CDP.
    pub neighbours: [Option<Neighbour>; 2],
    /// Whether what its address alone says was looked at.
    pub looked_at: bool,
    /// When its first frame after a pause came, or it last asked for an address.
    pub awake: CaptureTime,
    /// When its last packet came.
    pub seen: CaptureTime,
    /// The name of its last connection check, as a number, and when.
    pub probe: Option<(u64, CaptureTime)>,
    /// The notices given about it.
    pub notices: Vec<NoticeKind>,
    /// Its signs.
    pub signs: Vec<Sign>,
    /// The alarms raised about it.
    pub alarms: Vec<Alarm>,
}

impl Station {
    /// A station whose first frame is seen now.
    #[must_use]
    pub const fn new(now: CaptureTime) -> Self {
        Self {
            since: now,
            addresses: Vec::new(),
            stacks: Vec::new(),
            ttls: Vec::new(),
            dhcp: None,
            neighbours: [None; 2],
            looked_at: false,
            awake: now,
            seen: now,
            probe: None,
            notices: Vec::new(),
            signs: Vec::new(),
            alarms: Vec::new(),
        }
    }

    /// Remembers one of its own addresses.
    pub fn own(&mut self, address: IpAddr) {
        if !self.addresses.contains(&address) && self.addresses.len() < ADDRESSES_MAX {
            self.addresses.push(address);
        }
    }

    /// Forgets what a boot loader, or another system before this one, left behind.
    pub fn boot(&mut self) {
        self.stacks.clear();
        self.ttls.clear();
    }

    /// Forgets signs, as when the station turns out to be a gateway.
    pub fn absolve(&mut self) {
        self.boot();
        self.signs.clear();
    }

    /// Keeps a sign, in place of the oldest when there are too many.
    pub fn keep(&mut self, sign: Sign) {
        if self.signs.len() >= SIGNS_MAX
            && let Some(oldest) =
                (0..self.signs.len()).min_by_key(|at| self.signs.get(*at).map(|sign| sign.time))
        {
            self.signs.swap_remove(oldest);
        }
        self.signs.push(sign);
    }
}
