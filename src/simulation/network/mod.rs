//! Invented networks of any size, written as the files an operator would write: two cores, rings
//! of sites, dual uplinks, gateways with standbys, environments A, B and C beside quarantine and
//! management.
//!
//! Every switch carries every VLAN, which real networks do not: the most to join at layer 2 that
//! so many switches and VLANs can give, though one walk then tells the failures of them all.

mod config;
mod lists;
mod topology;

use crate::plan::Sources;

/// How large a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Switches, cores included; at least 10.
    pub switches: u16,
    /// VLANs, quarantine and management included; from 8 to 602.
    pub vlans: u16,
    /// Registered devices; as many as there are ports for, if that is fewer.
    pub endpoints: u32,
    /// Switches for devices at each site.
    pub access_per_site: u16,
    /// Permitted flows.
    pub flows: u16,
    /// One device in this many is a printer; 0 for none.
    pub printer_every: u32,
    /// Whether the gateways between environments have written access lists, else they permit the
    /// flows by reference.
    pub lists: bool,
}

impl Size {
    /// A small town.
    pub const TOWN: Self = Self {
        switches: 10,
        vlans: 14,
        endpoints: 280,
        access_per_site: 2,
        flows: 12,
        printer_every: 20,
        lists: false,
    };
    /// A large city: 300 switches by 128 VLANs, 10,000 devices, access lists.
    pub const LARGE: Self = Self::grown(300, 128, 10_000);
    /// A growing network, the largest last.
    pub const GROWTH: [Self; 3] =
        [Self::grown(100, 64, 3_000), Self::LARGE, Self::grown(1_000, 512, 33_000)];

    /// Room for that many devices, up to 200,000, without access lists: half of the ports in use,
    /// or nearly all where a city is that large.
    #[must_use]
    pub fn with_devices(endpoints: u32, printer_every: u32) -> Self {
        let (access_per_site, per_switch) = if endpoints <= 20_000 { (6, 26) } else { (24, 46) };
        let access = endpoints.div_ceil(per_switch).max(8);
        let sites = access.div_ceil(access_per_site.into());
        let switches = 2 + sites * (u32::from(access_per_site) + 1);
        let switches = u16::try_from(switches).unwrap_or(u16::MAX);
        Self {
            switches,
            vlans: 32,
            endpoints,
            access_per_site,
            flows: 12,
            printer_every,
            lists: false,
        }
    }

    const fn grown(switches: u16, vlans: u16, endpoints: u32) -> Self {
        let (access_per_site, flows, printer_every) = (6, switches * 3, 20);
        Self { switches, vlans, endpoints, access_per_site, flows, printer_every, lists: true }
    }
}

/// An environment in which people work.
struct Zone {
    id: char,
    /// Its addresses are 10.`net`.0.0/16.
    net: u16,
    vlans: Vec<u16>,
}

/// VLANs of one environment at most: each has a /24 of its /16.
const ZONE_VLANS_MAX: u16 = 200;
/// VLANs of an environment in which servers are, and the gateways to others.
const SERVER_VLANS_MAX: usize = 4;
const QUARANTINE: u16 = 3_900;
const MANAGEMENT: u16 = 3_990;
/// Sites of one ring at most.
const RING_SITES_MAX: usize = 8;
/// Ports for devices on each access switch.
const PORTS: u16 = 48;

/// The network as it is laid out before it is written.
struct Layout {
    size: Size,
    zones: [Zone; 3],
    /// Sites beside the hall.
    sites: u16,
    /// Access switches at the hall.
    hall: u16,
}

impl Layout {
    fn new(size: Size) -> Self {
        let business = size.vlans.saturating_sub(2).max(6);
        let share = |number: u16| ((business + number) / 3).min(ZONE_VLANS_MAX);
        let zone = |id, net, first: u16, number| Zone {
            id,
            net,
            vlans: (first..first + share(number)).collect(),
        };
        let zones = [zone('A', 1, 100, 0), zone('B', 2, 1_000, 1), zone('C', 3, 2_000, 2)];
        let beside_cores = size.switches.saturating_sub(2);
        let per_site = size.access_per_site + 1;
        // A town keeps some of its access switches at the hall.
        let kept = if beside_cores < 2 * per_site + per_site { 2 } else { 0 };
        let sites = beside_cores.saturating_sub(kept).checked_div(per_site).unwrap_or_default();
        Self { size, zones, sites, hall: beside_cores - sites * per_site }
    }

    /// Every VLAN, ascending, as the files write a list.
    fn every_vlan(&self) -> String {
        let business = self.zones.iter().flat_map(|zone| &zone.vlans);
        let all: Vec<String> =
            business.chain(&[QUARANTINE, MANAGEMENT]).map(u16::to_string).collect();
        format!("[{}]", all.join(", "))
    }

    /// The access switches: the site, which one there, from 0.
    fn access(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        let hall = (0..self.hall).map(|number| (0, number));
        let per_site = self.size.access_per_site;
        hall.chain(
            (1..=self.sites).flat_map(move |site| (0..per_site).map(move |number| (site, number))),
        )
    }

    /// The sites of each ring beside the hall, in order.
    fn rings(&self) -> Vec<Vec<u16>> {
        let sites: Vec<u16> = (1..=self.sites).collect();
        sites.chunks(RING_SITES_MAX).map(<[u16]>::to_vec).collect()
    }
}

/// The id of a site; 0 is the hall.
fn site_id(site: u16) -> String {
    if site == 0 { "hall".to_owned() } else { format!("s{site:03}") }
}

/// The id of an access switch.
fn access_id(site: u16, number: u16) -> String {
    format!("{}-sw{:02}", site_id(site), number + 1)
}

/// The port of an access switch that has that number, from 1, of two makes in turn.
fn device_ports(number: u16) -> &'static str {
    if number.is_multiple_of(2) { "0/" } else { "GigabitEthernet1/0/" }
}

/// The files of a network of that size; the same size gives the same octets.
#[must_use]
pub fn generate(size: &Size) -> Sources {
    let layout = Layout::new(*size);
    let flows = lists::flows(&layout);
    let mut sources = Sources::default();
    config::write(&layout, &flows, &mut sources.config);
    topology::write(&layout, &flows, &mut sources.topology);
    sources
}
