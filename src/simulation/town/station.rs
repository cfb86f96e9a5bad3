//! A device on the wire, or one behind another device: a stack, its model, what runs on it.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::edge::Edge;
use super::program::Habit;
use super::stack::Stack;
use super::system::{Part, System};

/// A device's number in the town.
pub(super) type Number = usize;

/// How a device comes to its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Addressing {
    /// By DHCP.
    Asks,
    /// It speaks from that of another, whose MAC it shares.
    Follows(Number),
}

/// What a device is made of.
pub(super) struct Build {
    pub(super) mac: [u8; 6],
    pub(super) segment: usize,
    pub(super) system: System,
    pub(super) hop: u8,
    pub(super) host: String,
    pub(super) addressing: Addressing,
    pub(super) habits: &'static [Habit],
    /// Ports on which it answers.
    pub(super) serves: &'static [u16],
    /// The story it is part of.
    pub(super) story: Option<usize>,
}

/// What waits for the answer to a question for a name.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) id: u16,
    /// Where to go from there; 0 where the name is all that was wanted.
    pub(super) port: u16,
    pub(super) script: VecDeque<Vec<u8>>,
}

/// A device.
pub(super) struct Station {
    pub(super) build: Build,
    pub(super) stack: Stack,
    pub(super) edge: Edge,
    /// The far side of its connections beyond the router.
    pub(super) far: Stack,
    pub(super) address: Option<Ipv4Addr>,
    /// Whether it is plugged in.
    pub(super) up: bool,
    /// Whether a story has had it.
    pub(super) taken: bool,
    /// The story in which it serves, and the ports.
    pub(super) part: Option<(usize, &'static [u16])>,
    /// Rises whenever it is plugged in or pulled, so that what was meant before is passed over.
    pub(super) life: u32,
    pub(super) asked: Vec<Asked>,
    pub(super) next_id: u16,
}

/// Questions for names that wait for an answer.
pub(super) const ASKED_MAX: usize = 16;

impl Station {
    pub(super) fn new(build: Build, seed: u64) -> Self {
        let stamps = build.system.options.contains(&Part::Stamp);
        let ports = build.system.ports;
        let edge = Edge::new(build.system, build.hop, build.host.clone());
        Self {
            stack: Stack::new(Some(build.mac), seed, stamps, ports),
            far: Stack::new(None, !seed, true, ports),
            edge,
            build,
            address: None,
            up: false,
            taken: false,
            part: None,
            life: 0,
            asked: Vec::new(),
            next_id: u16::try_from(seed & 0x7fff).unwrap_or(1),
        }
    }

    /// Whether a packet for its address and that port is its own rather than that of another
    /// device behind the same address.
    pub(super) fn expects(&self, port: u16) -> bool {
        self.stack.draws(port) || self.build.serves.contains(&port) || self.plays(port)
    }

    /// Whether it serves the port in a story.
    pub(super) fn plays(&self, port: u16) -> bool {
        self.part.is_some_and(|(_, ports)| ports.contains(&port))
    }
}
