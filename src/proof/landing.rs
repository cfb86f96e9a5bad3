//! Where each registered device would land, at every kind of place, by certificate and by MAC.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::plan::{Area, Device, Plan, PortRole};
use crate::policy::{Entry, Evidence, Verdict, decide};
use crate::vocabulary::{
    Because, Certificate, Claimed, DeviceIndex, Fact, Mac, Marks, Place, Point, PortIndex, Proven,
    SiteIndex, SwitchIndex, Text, Timestamp,
};

/// Why a device is refused at the first place where it may be, shown by certificate if it has one.
pub(super) fn objection(plan: &Plan, device: &Device, now: Timestamp) -> Option<(Place, Because)> {
    let (_, place, _) = places(plan, device.place.as_ref()).into_iter().next()?;
    let evidence = METHODS.into_iter().find_map(|method| evidence(device, method, now))?;
    let decision = decide(plan, &Marks::default(), &evidence, &place, now);
    Some((place, decision.because))
}

/// What becomes of a device at a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Landing {
    Refused,
    /// Environment and VLAN of the quarantine.
    Quarantine(String, u16),
    /// Environment and VLAN.
    Admitted(String, u16),
}

impl Landing {
    /// As people read it: environment and VLAN, or that it is refused.
    pub(super) fn fact(&self) -> Fact {
        match self {
            Self::Refused => Fact::Both(Box::new(Text { ja: "拒否", en: "refused" })),
            Self::Quarantine(environment, vlan) | Self::Admitted(environment, vlan) => {
                Fact::word(format_args!("{environment} VLAN {vlan}"))
            }
        }
    }

    pub(super) const fn admitted(&self) -> bool {
        match self {
            Self::Admitted(..) => true,
            Self::Refused | Self::Quarantine(..) => false,
        }
    }

    pub(super) fn environment(&self) -> Option<String> {
        match self {
            Self::Admitted(environment, _) => Some(environment.clone()),
            Self::Refused | Self::Quarantine(..) => None,
        }
    }
}

/// A kind of place and a way of showing oneself: switch, access point's kind, one of [`METHODS`].
pub(super) type Where = (String, String, &'static str);

/// The ways of showing oneself.
pub(super) const METHODS: [&str; 2] = ["eap-tls", "mab"];

/// What decides about a device besides its names: devices alike in this land alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Alike {
    class: u8,
    environment: u8,
    certificate: bool,
    place: Option<Area>,
    excepted: bool,
}

impl Alike {
    pub(super) fn of(plan: &Plan, device: &Device, now: Timestamp) -> Self {
        let index = plan.device_by_asset(&device.asset).unwrap_or(DeviceIndex(0));
        Self {
            class: device.class.0,
            environment: device.environment.0,
            certificate: device.certificate.is_some(),
            place: device.place.clone(),
            excepted: plan.mac_exception(index, now).is_some(),
        }
    }
}

/// What is known already of devices that are alike.
pub(super) type Known = HashMap<Alike, Rc<BTreeMap<Where, Landing>>>;

/// Where a device would land, by place. Devices that are alike are asked about once.
pub(super) fn landings(
    plan: &Plan,
    device: &Device,
    now: Timestamp,
    known: &mut Known,
) -> Rc<BTreeMap<Where, Landing>> {
    let alike = Alike::of(plan, device, now);
    if let Some(found) = known.get(&alike) {
        return Rc::clone(found);
    }
    let mut found = BTreeMap::new();
    for (switch, place, kind) in places(plan, device.place.as_ref()) {
        for method in METHODS {
            let Some(landing) = landing(plan, device, method, &place, now) else { continue };
            found.insert((switch.clone(), kind.clone(), method), landing);
        }
    }
    let found = Rc::new(found);
    // Nobody else is registered for the same port, and a large city has many.
    if !matches!(alike.place, Some(Area::Port(..))) {
        known.insert(alike, Rc::clone(&found));
    }
    found
}

/// What becomes of a device that shows itself by a method at a place; `None` when it cannot.
fn landing(
    plan: &Plan,
    device: &Device,
    method: &str,
    place: &Place,
    now: Timestamp,
) -> Option<Landing> {
    let evidence = evidence(device, method, now)?;
    let decision = decide(plan, &Marks::default(), &evidence, place, now);
    let environment = |entry: &Entry| plan.environment_id(entry.environment).to_owned();
    Some(match &decision.verdict {
        Verdict::Refuse => Landing::Refused,
        Verdict::Quarantine(into) => Landing::Quarantine(environment(into), into.vlan.get()),
        Verdict::Admit(into) => Landing::Admitted(environment(into), into.vlan.get()),
    })
}

/// Whether a device is refused wherever it may be. Its own port, where it has one, is looked at
/// first: of a large city's devices nearly all are in by that.
pub(super) fn is_shut_out(plan: &Plan, device: &Device, now: Timestamp, known: &mut Known) -> bool {
    let refused = |landing: &Landing| *landing == Landing::Refused;
    if let Some(Area::Port(switch, port)) = &device.place {
        let own = Place { switch: *switch, point: Point::Port(*port) };
        let mut by = METHODS.into_iter();
        if !by.all(|it| landing(plan, device, it, &own, now).as_ref().is_none_or(refused)) {
            return false;
        }
    }
    landings(plan, device, now, known).values().all(refused)
}

/// Whether all that decides about devices, but the devices themselves, is the same in both.
pub(super) fn same_ground(old: &Plan, new: &Plan) -> bool {
    (old.edition, old.quarantine) == (new.edition, new.quarantine)
        && old.environments == new.environments
        && old.pairs == new.pairs
        && old.authorities == new.authorities
        && old.classes == new.classes
        && old.rules == new.rules
        && old.exceptions == new.exceptions
        && old.grants == new.grants
        && old.profiles == new.profiles
        && old.sites == new.sites
        && old.switches == new.switches
}

fn evidence(device: &Device, method: &str, now: Timestamp) -> Option<Evidence> {
    let mac = Claimed(*device.macs.first()?);
    if method == "mab" {
        return Some(Evidence::Mac(mac));
    }
    let certificate = Certificate {
        identities: vec![device.certificate.clone()?],
        subject: String::new(),
        issuer: String::new(),
        serial: String::new(),
        fingerprint: [0; 32],
        not_before: now,
        not_after: Timestamp(now.0.saturating_add(86_400_000)),
    };
    Some(Evidence::Certificate { mac, certificate: Proven::after_verification(certificate) })
}

/// One place of each kind at every switch: ports that are asked alike stand for each other, and
/// so do access points of one site. A device bound to a site, switch or port is asked about there only.
fn places(plan: &Plan, bound: Option<&Area>) -> Vec<(String, Place, String)> {
    let mut places = Vec::new();
    // Nearly every device of a large city is bound to a port: only its own switch is looked at.
    let (first, switches) = match bound {
        None | Some(Area::Site(_)) => (0, plan.switches.as_slice()),
        Some(Area::Switch(at) | Area::Port(at, _) | Area::Network(at, _)) => {
            (at.0, plan.switch(*at).map(std::slice::from_ref).unwrap_or_default())
        }
    };
    for (index, switch) in (first..).map(SwitchIndex).zip(switches) {
        if let Some(Area::Site(site)) = bound
            && switch.networks.is_empty()
            && switch.site != *site
        {
            continue;
        }
        let mut kinds = Vec::new();
        for (port, entry) in (0_u16..).map(PortIndex).zip(&switch.ports) {
            let PortRole::Auth { environments, fixed_vlan, .. } = &entry.role else { continue };
            let point = Point::Port(port);
            let place = Place { switch: index, point };
            let own = matches!(bound, Some(Area::Port(at, on)) if *at == index && *on == port);
            if own {
                places.push((switch.id.clone(), place, format!("port {}", entry.name)));
            } else if !kinds.contains(&(environments, fixed_vlan)) {
                kinds.push((environments, fixed_vlan));
                let ids = plan.environment_ids(environments);
                places.push((switch.id.clone(), place, format!("ports of {ids} {fixed_vlan:?}")));
            }
        }
        let mut heard: Vec<(SiteIndex, Option<Mac>)> = Vec::new();
        for point in &switch.access_points {
            if !heard.iter().any(|(site, _)| *site == point.site) {
                heard.push((point.site, Some(point.mac)));
            }
        }
        if heard.is_empty() {
            heard.push((switch.site, None));
        }
        heard.retain(|(site, _)| !matches!(bound, Some(Area::Site(of)) if of != site));
        for network in &switch.networks {
            for (site, access_point) in &heard {
                let ssid = network.ssid.clone();
                let point = Point::Wireless { ssid, access_point: *access_point };
                let site = plan.site(*site).map_or("", |site| site.id.as_str());
                let kind = format!("ssid:{} at {site}", network.ssid);
                places.push((switch.id.clone(), Place { switch: index, point }, kind));
            }
        }
    }
    places
}
