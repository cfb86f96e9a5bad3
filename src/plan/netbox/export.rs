//! An export as far as it matters here, gathered from any number of files.

use std::collections::HashSet;
use std::sync::Arc;

use ipnetwork::IpNetwork;
use serde_json::Value;

use super::json::{Item, Remarks, Source, word};
use super::read;
use super::remark::{Remark, RemarkKind};
use crate::plan::Cable;
use crate::vocabulary::VlanId;

/// Objects of one kind.
const OBJECTS_MAX: usize = 200_000;

/// The lists of NetBox's API that say something about the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `dcim/sites`.
    Sites,
    /// `dcim/devices`.
    Devices,
    /// `dcim/interfaces`.
    Interfaces,
    /// `ipam/vlans`.
    Vlans,
    /// `ipam/prefixes`.
    Prefixes,
    /// `dcim/cables`.
    Cables,
    /// `wireless/wireless-links`.
    WirelessLinks,
}

impl Kind {
    /// Every kind, in the order they are told.
    pub const ALL: [Self; 7] = [
        Self::Sites,
        Self::Devices,
        Self::Interfaces,
        Self::Vlans,
        Self::Prefixes,
        Self::Cables,
        Self::WirelessLinks,
    ];

    /// Its name in NetBox's API.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Sites => "sites",
            Self::Devices => "devices",
            Self::Interfaces => "interfaces",
            Self::Vlans => "vlans",
            Self::Prefixes => "prefixes",
            Self::Cables => "cables",
            Self::WirelessLinks => "wireless-links",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let name = name.replace('_', "-");
        Self::ALL.into_iter().find(|kind| kind.id() == name)
    }

    /// Read from an object's own address, from the file's name, or from what only it has.
    fn guess(first: Option<&Value>, file: &str) -> Option<Self> {
        let text = |key| first.and_then(|it| it.get(key)).and_then(Value::as_str);
        let by_url = text("url").and_then(|url| {
            let mut parts = url.trim_end_matches('/').rsplit('/');
            parts.nth(1).and_then(Self::named)
        });
        let by_name = || {
            let name = file.rsplit(['/', '\\']).next()?.to_lowercase().replace('_', "-");
            // The longest first: `wireless-links` is none of the others, but might be one day.
            Self::ALL.into_iter().rev().find(|kind| name.contains(kind.id()))
        };
        let by_field = || {
            let has = |key| first.and_then(|it| it.get(key)).is_some();
            [
                ("a_terminations", Self::Cables),
                ("termination_a_id", Self::Cables),
                ("interface_a", Self::WirelessLinks),
                ("prefix", Self::Prefixes),
                ("vid", Self::Vlans),
                ("device_type", Self::Devices),
                ("device", Self::Interfaces),
                ("slug", Self::Sites),
            ]
            .into_iter()
            .find_map(|(key, kind)| has(key).then_some(kind))
        };
        by_url.or_else(by_field).or_else(by_name)
    }
}

/// What was read of one kind.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// Whether a list of it was there at all.
    given: bool,
    /// How many NetBox said there are.
    announced: u64,
    ids: HashSet<u64>,
    read: usize,
}

/// What NetBox says, from all files handed in.
#[derive(Clone, Debug, Default)]
pub struct Export {
    pub(super) sites: Vec<SiteObject>,
    pub(super) devices: Vec<DeviceObject>,
    pub(super) interfaces: Vec<InterfaceObject>,
    pub(super) vlans: Vec<VlanObject>,
    pub(super) prefixes: Vec<PrefixObject>,
    pub(super) cables: Vec<CableObject>,
    pub(super) remarks: Remarks,
    tallies: [Tally; 7],
}

impl Export {
    /// Takes a file in, called `name` in remarks: the answer of a list, a plain array, or one
    /// object with such lists under the names of the API.
    pub fn add(&mut self, name: &str, octets: &[u8]) {
        let file: Arc<str> = name.into();
        let whole = |kind| {
            Remark::new(
                kind,
                Some(Source { file: Arc::clone(&file), kind: None, index: 0, id: None }),
            )
        };
        let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
        // The parser ends at a depth of 128, so no nesting exhausts the stack.
        let value: Value = match serde_json::from_slice(octets) {
            Ok(value) => value,
            Err(cause) => {
                self.remarks.push(whole(RemarkKind::NotJson).fact("cause", cause));
                return;
            }
        };
        let keyed = value.as_object().filter(|map| !map.contains_key("results"));
        let Some(map) = keyed else {
            match Kind::guess(listed(&value).and_then(|list| list.first()), name) {
                Some(kind) => self.list(kind, &value, &file),
                None => self.remarks.push(whole(RemarkKind::KindUnknown)),
            }
            return;
        };
        let mut used = false;
        for (key, value) in map {
            match Kind::named(key) {
                Some(kind) => {
                    used = true;
                    self.list(kind, value, &file);
                }
                None => self.remarks.push(whole(RemarkKind::KeyUnused).fact("key", shorten(key))),
            }
        }
        if !used {
            self.remarks.push(whole(RemarkKind::KindUnknown));
        }
    }

    fn list(&mut self, kind: Kind, value: &Value, file: &Arc<str>) {
        let source = |index, id| Source { file: Arc::clone(file), kind: Some(kind), index, id };
        let Some(list) = listed(value) else {
            let at = Source { kind: None, ..source(0, None) };
            let remark = Remark::new(RemarkKind::WrongType, Some(at)).field(kind.id());
            self.remarks.push(remark.fact("expected", "array").fact("found", word(value)));
            return;
        };
        let announced = value.get("count").and_then(Value::as_u64).unwrap_or(0);
        let Some(tally) = self.tallies.get_mut(kind as usize) else { return };
        tally.given = true;
        tally.announced = tally.announced.max(announced);
        for (index, value) in list.iter().enumerate() {
            let id = value.get("id").and_then(Value::as_u64);
            let source = source(index, id);
            let Some(tally) = self.tallies.get_mut(kind as usize) else { return };
            // Pages fetched while something was added overlap.
            if id.is_some_and(|id| !tally.ids.insert(id)) {
                continue;
            }
            if tally.read == OBJECTS_MAX {
                let remark = Remark::new(RemarkKind::TooMany, Some(source));
                self.remarks.push(remark.fact("max", OBJECTS_MAX));
                return;
            }
            tally.read += 1;
            if let Some(item) = Item::new(value, &source, &self.remarks) {
                match kind {
                    Kind::Sites => self.sites.extend(read::site(&item, &source)),
                    Kind::Devices => self.devices.extend(read::device(&item, &source)),
                    Kind::Interfaces => self.interfaces.extend(read::interface(&item, &source)),
                    Kind::Vlans => self.vlans.extend(read::vlan(&item, &source)),
                    Kind::Prefixes => self.prefixes.extend(read::prefix(&item, &source)),
                    Kind::Cables => self.cables.extend(read::cable(&item, &source)),
                    Kind::WirelessLinks => self.cables.extend(read::wireless(&item, &source)),
                }
            }
        }
    }

    /// How many objects of each kind were read.
    pub(super) fn counts(&self) -> Vec<(Kind, usize)> {
        Kind::ALL.into_iter().zip(self.tallies.iter().map(|tally| tally.read)).collect()
    }

    /// Tells of lists whose other pages are not there.
    pub(super) fn truncated(&self, remarks: &Remarks) {
        for (kind, tally) in Kind::ALL.into_iter().zip(&self.tallies) {
            if tally.announced > tally.read as u64 {
                let remark = Remark::new(RemarkKind::Truncated, None).fact("what", kind.id());
                let remark = remark.fact("count", tally.announced);
                remarks.push(remark.fact("read", tally.read));
            }
        }
    }

    /// Whether all objects of a kind are here, so that what is not here does not exist.
    pub(super) fn whole(&self, kind: Kind) -> bool {
        let tally = self.tallies.get(kind as usize);
        tally.is_some_and(|tally| tally.given && tally.announced <= tally.read as u64)
    }
}

/// The objects of an answer or a plain array.
fn listed(value: &Value) -> Option<&Vec<Value>> {
    value.get("results").unwrap_or(value).as_array()
}

fn shorten(key: &str) -> String {
    let short: String = key.chars().take(40).collect();
    crate::vocabulary::escape(short.as_bytes())
}

/// A site.
#[derive(Clone, Debug)]
pub(super) struct SiteObject {
    pub(super) at: Source,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) group: Option<String>,
}

/// A device of any kind.
#[derive(Clone, Debug)]
pub(super) struct DeviceObject {
    pub(super) at: Source,
    pub(super) id: u64,
    pub(super) name: Option<String>,
    /// The slug of its role, in lower case.
    pub(super) role: Option<String>,
    /// The slug of its site.
    pub(super) site: Option<String>,
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) address: Option<std::net::IpAddr>,
    pub(super) status: Option<String>,
    /// The name of the virtual chassis it is a unit of.
    pub(super) chassis: Option<String>,
}

impl DeviceObject {
    /// Its status where that means that it carries no traffic for long.
    pub(super) fn idle(&self) -> Option<&str> {
        let idle = ["planned", "inventory", "decommissioning"];
        self.status.as_deref().filter(|status| idle.contains(status))
    }
}

/// What an interface does with tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Access,
    Tagged,
    TaggedAll,
}

/// A VLAN by its own number, or by NetBox's number for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum VlanReference {
    Vid(VlanId),
    Id(u64),
}

/// An interface of any device.
#[derive(Clone, Debug)]
pub(super) struct InterfaceObject {
    pub(super) at: Source,
    pub(super) id: u64,
    pub(super) device: u64,
    pub(super) name: String,
    /// Whether it is a socket for a cable, or a radio.
    pub(super) physical: bool,
    pub(super) enabled: bool,
    pub(super) cabled: bool,
    pub(super) mode: Option<Mode>,
    pub(super) untagged: Option<VlanReference>,
    pub(super) tagged: Vec<VlanReference>,
    /// The bundle it is a member of.
    pub(super) lag: Option<u64>,
    /// The interfaces at the far end, behind any number of panels.
    pub(super) peers: Vec<u64>,
}

/// A VLAN.
#[derive(Clone, Debug)]
pub(super) struct VlanObject {
    pub(super) at: Source,
    pub(super) id: Option<u64>,
    pub(super) vid: VlanId,
    pub(super) name: String,
}

/// A prefix that is that of a VLAN.
#[derive(Clone, Debug)]
pub(super) struct PrefixObject {
    pub(super) at: Source,
    pub(super) prefix: IpNetwork,
    pub(super) vlan: VlanReference,
}

/// A cable or wireless link.
#[derive(Clone, Debug)]
pub(super) struct CableObject {
    pub(super) at: Source,
    /// The interfaces at both ends; `None` where it ends elsewhere or at several.
    pub(super) ends: Option<[u64; 2]>,
    pub(super) medium: Option<Cable>,
    pub(super) connected: bool,
}
