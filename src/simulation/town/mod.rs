//! A city hall of hundreds of devices in simulated time, on the wire that a sensor watches.
//!
//! Every device is a TCP/IP stack of smoltcp with the model of an operating system at its edge
//! ([`edge`], [`system`]) and programs that look names up, open connections and talk
//! ([`program`]). Switches, routers, DHCP and the servers beyond are between them; every frame of
//! an access VLAN goes to the mirror, tagged, once. In between, things are brought in ([`story`]):
//! phones, bridges, routers, proxies; traps that look like them; and evasions. The same seed gives
//! the same octets.
//!
//! What is measured is the sensor as it runs in service: it knows the plan and sees frames,
//! nothing else ([`measure`]). Nothing here reads a table of the sensor.
//!
//! What the model leaves out: switches lose and reorder nothing; what the router forwards comes
//! from servers that exist once for each client; ARP requests reach their target alone; a rogue
//! DHCP server is always slower than the city's, so that nobody takes its address.

mod beyond;
mod dice;
mod edge;
mod measure;
mod network;
mod payload;
mod people;
mod program;
mod stack;
mod station;
mod story;
mod system;
mod telling;
#[cfg(test)]
mod tests;

pub use measure::{ExposureRate, FormResult, Measured, WrongAlarm, measure};
pub use story::{Group, Story};

/// Devices of a town at most.
pub const ENDPOINTS_MAX: u32 = 3_000;
/// Hours of a run at most: a month.
pub const HOURS_MAX: u32 = 744;

/// Tellings of each story at most.
pub const REPEATS_MAX: u32 = 200;

/// What a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Chance.
    pub seed: u64,
    /// Simulated hours, from eight in the morning on.
    pub hours: u32,
    /// Registered devices, at most [`ENDPOINTS_MAX`].
    pub endpoints: u32,
    /// How often each story is told.
    pub repeats: u32,
}
