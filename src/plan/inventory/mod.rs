//! `config/inventory.csv`: the registered devices, and the areas places are registered as.

mod area;
pub(super) mod cells;
pub(super) mod decode;
pub(super) mod devices;
pub(super) mod mac;
#[cfg(test)]
pub(super) mod tests;

pub(super) use area::area;
pub use decode::Charset;
pub(super) use devices::read;

use std::sync::Arc;

use smallvec::SmallVec;

use super::Origin;
use crate::vocabulary::{ClassIndex, EnvironmentIndex, Mac, PortIndex, SiteIndex, SwitchIndex};

/// A registered device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Asset number, unique.
    pub asset: String,
    /// Computer name.
    pub computer: String,
    /// Windows domain or workgroup.
    pub domain: String,
    /// Model; equal ones are kept once, as are sections.
    pub model: Arc<str>,
    /// Serial number.
    pub serial: String,
    /// Its addresses, each unique over all devices.
    pub macs: SmallVec<[Mac; 2]>,
    /// The name in its certificate, lower-cased, unique.
    pub certificate: Option<String>,
    /// Its class.
    pub class: ClassIndex,
    /// The section that owns it.
    pub section: Arc<str>,
    /// The one environment it belongs to.
    pub environment: EnvironmentIndex,
    /// Where it is registered to be, when it is.
    pub place: Option<Area>,
    /// A remark.
    pub note: String,
    /// Where it is written.
    pub at: Origin,
}

/// A part of the city in which a device is registered or a grant is valid.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Area {
    /// A whole site, its wireless included.
    Site(SiteIndex),
    /// A switch, or everything behind a wireless controller.
    Switch(SwitchIndex),
    /// One port.
    Port(SwitchIndex, PortIndex),
    /// One wireless network of a controller.
    Network(SwitchIndex, String),
}
