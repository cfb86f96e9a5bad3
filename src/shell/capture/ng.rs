//! pcapng: sections, interfaces and the blocks that hold frames.
//!
//! ```text
//! block type(4) total length(4) body … total length(4)
//! ```

use std::io::Read;

use crate::sensor::{CaptureTime, LinkType};

use super::octets::{Order, Source};
use super::{BLOCK_OCTETS_MAX, FRAME_OCTETS_MAX, Fault, Found, INTERFACES_MAX};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// An interface and its clock.
#[derive(Clone, Copy)]
struct Interface {
    link: u32,
    /// The longest frame it keeps; 0 for any.
    kept: u32,
    /// Ticks in a second.
    ticks: u64,
    /// Seconds added to every time.
    offset_s: i64,
}

/// Four octets whose order is not known yet.
fn four(octets: &[u8]) -> [u8; 4] {
    octets.first_chunk().copied().unwrap_or_default()
}

/// A section being read.
pub(super) struct Interfaces {
    order: Order,
    interfaces: Vec<Interface>,
}

impl Interfaces {
    /// Reads the first section's header, whose type was read already.
    pub(super) fn begin(source: &mut Source<Box<dyn Read>>) -> Result<Self, Fault> {
        let mut section = Self { order: Order::Little, interfaces: Vec::new() };
        let length = four(source.take(4)?);
        section.section(source, length)?;
        Ok(section)
    }

    /// A section header: its length is in an order that only its body tells.
    fn section(
        &mut self,
        source: &mut Source<Box<dyn Read>>,
        length: [u8; 4],
    ) -> Result<(), Fault> {
        self.order = match source.take(4)? {
            [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
            [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
            _ => return Err(Fault::Damaged("byte-order magic")),
        };
        self.interfaces.clear();
        let total = usize::try_from(self.order.u32_at(&length, 0)).unwrap_or(usize::MAX);
        let rest = total.checked_sub(12).filter(|rest| *rest <= BLOCK_OCTETS_MAX);
        let rest = rest.ok_or(Fault::Damaged("block length"))?;
        source.take(rest).map(drop)
    }

    /// The next frame; `None` at the end.
    pub(super) fn next(
        &mut self,
        source: &mut Source<Box<dyn Read>>,
    ) -> Result<Option<Found>, Fault> {
        loop {
            let Some(head) = source.take_or_end(8)? else { return Ok(None) };
            let (kind, octets) = (self.order.u32_at(head, 0), self.order.u32_at(head, 4));
            if kind == SECTION {
                let length = four(head.get(4..).unwrap_or_default());
                self.section(source, length)?;
                continue;
            }
            let total = usize::try_from(octets).unwrap_or(usize::MAX);
            let body = total.checked_sub(12).filter(|body| *body <= BLOCK_OCTETS_MAX);
            let body = body.ok_or(Fault::Damaged("block length"))?;
            // Bodies are padded to four octets, whatever their length says.
            let body = body.next_multiple_of(4);
            let (block, again) = source.take(body + 4)?.split_at_checked(body).unwrap_or_default();
            if self.order.u32_at(again, 0) != octets {
                return Err(Fault::Damaged("block length"));
            }
            if let Some(found) = self.block(kind, block)? {
                return Ok(Some(found));
            }
        }
    }

    /// What the block in hand is: a frame, or something to remember or to skip.
    fn block(&mut self, kind: u32, block: &[u8]) -> Result<Option<Found>, Fault> {
        let order = self.order;
        let u32_at = |at| order.u32_at(block, at);
        let (interface, time, length, start) = match kind {
            INTERFACE => {
                if self.interfaces.len() >= INTERFACES_MAX {
                    return Err(Fault::Damaged("too many interfaces"));
                }
                let interface = self.interface(block);
                self.interfaces.push(interface);
                return Ok(None);
            }
            ENHANCED_PACKET => (u32_at(0), Some((u32_at(4), u32_at(8))), u32_at(12), 20),
            OLD_PACKET => {
                let interface = u32::from(order.u16_at(block, 0));
                (interface, Some((u32_at(4), u32_at(8))), u32_at(12), 20)
            }
            SIMPLE_PACKET => {
                let kept = self.interfaces.first().map_or(0, |interface| interface.kept);
                let kept = if kept == 0 { u32::MAX } else { kept };
                (0, None, u32_at(0).min(kept), 4)
            }
            _ => return Ok(None),
        };
        let interface = usize::try_from(interface).ok().and_then(|at| self.interfaces.get(at));
        let interface = interface.ok_or(Fault::Damaged("interface without description"))?;
        let link = LinkType::from_number(interface.link).ok_or(Fault::Link(interface.link))?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let octets = block.get(start..).and_then(|rest| rest.get(..length));
        if octets.is_none() || length > FRAME_OCTETS_MAX {
            return Err(Fault::Damaged("frame too long"));
        }
        let time = time.map_or_else(CaptureTime::default, |(high, low)| {
            interface.time(u64::from(high) << 32 | u64::from(low))
        });
        Ok(Some(Found { time, link, octets: start..start + length }))
    }

    /// An interface description: link type, longest frame, then options of which 9 is the
    /// resolution of the clock and 14 its offset.
    fn interface(&self, block: &[u8]) -> Interface {
        let order = self.order;
        let mut interface = Interface {
            link: u32::from(order.u16_at(block, 0)),
            kept: order.u32_at(block, 4),
            ticks: 1_000_000,
            offset_s: 0,
        };
        let mut rest = block.get(8..).unwrap_or_default();
        while rest.len() >= 4 {
            let (code, length) = (order.u16_at(rest, 0), usize::from(order.u16_at(rest, 2)));
            let Some(value) = rest.get(4..).and_then(|rest| rest.get(..length)) else { break };
            match (code, value) {
                (0, _) => break,
                (9, [power, ..]) => {
                    let exponent = u32::from(power & 0x7f);
                    let base: u64 = if power & 0x80 == 0 { 10 } else { 2 };
                    // A clock too fine for 64 bits is taken for one of nanoseconds.
                    interface.ticks = base.checked_pow(exponent).unwrap_or(1_000_000_000);
                }
                (14, _) => interface.offset_s = order.i64_at(value, 0),
                _ => {}
            }
            rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        interface
    }
}

impl Interface {
    fn time(&self, ticks: u64) -> CaptureTime {
        let seconds = i64::try_from(ticks / self.ticks.max(1)).unwrap_or(i64::MAX);
        let rest = u128::from(ticks % self.ticks.max(1)) * 1_000_000_000;
        let nanoseconds = rest / u128::from(self.ticks.max(1));
        let nanoseconds = u32::try_from(nanoseconds).unwrap_or(0); // OK because it is below 10^9
        CaptureTime::new(seconds.saturating_add(self.offset_s), nanoseconds)
    }
}
