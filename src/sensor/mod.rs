//! What a mirror port shows of devices that nobody registered: phones, tethers, relays, proxies.
//!
//! Pure: frames in, signs and verdicts out. There is no clock, file or socket here; a frame's own
//! time is the time, so a capture gives the same verdicts whenever it is read. No payload is
//! kept. What can grow is bounded, and what is let go is counted.
//!
//! A frame is read by [`dissect`], looked at by [`watch`], becomes a [`sign`] where it shows
//! something, and [`judge`] weighs the signs of a station: one hard sign, or two independent
//! families, what the service knows of sessions among them ([`hint`]). Where the wire shows two environments that the plan keeps apart, that is a [`breach`],
//! which needs no weighing. [`evaluation`] measures all of it on labelled captures.
//!
//! Five of thirteen forms of the attack never put a frame on the wire (a phone nobody joined, a
//! PC that also joins a hotspot, a tether over USB): nothing here claims to see those.

mod breach;
mod capture;
mod dissect;
pub mod evaluation;
mod event;
mod fingerprint;
mod habit;
mod hint;
mod judge;
mod kind;
mod knowledge;
mod maker;
mod memory;
mod observation;
mod phone;
mod planned;
mod separation;
mod shelf;
mod sign;
mod station;
mod tether;
#[cfg(test)]
mod tests;
mod watch;

pub use breach::{Breach, BreachKind, Evidence};
pub use capture::{CaptureTime, Captured, LinkType};
pub use dissect::{Protocol, Protocols};
pub use event::{About, Event, Verdict, Watched};
pub use habit::{Aspect, Habit};
pub use hint::Hint;
pub use judge::{FAMILIES_MIN, SCORE_TENTHS_MIN, WATCH_TENTHS_MIN, WINDOW_S};
pub use kind::{NoticeKind, VerdictKind};
pub use knowledge::{Knowledge, PortKind, Role, Roles, Setting, Subject, Vantage};
pub use memory::{Memory, Remembered};
pub use observation::{
    Level, Note, Observation, Pulse, Report, TEXT_OCTETS_MAX, Word, change_name, change_of,
};
pub use separation::Separation;
pub use sign::{Family, Sign, SignKind};
pub use watch::{Counters, Sensor};
