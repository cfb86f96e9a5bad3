//! A day's attempts: what every registered device would honestly do at its registered place, a
//! handful of imposters, and what should come of each.
//!
//! The expectations rest on inventory, sites and the conditions of rules as people wrote them,
//! never on a call of the policy.

use std::collections::{HashMap, HashSet};

use super::device::Credential;
use super::imposter;
use super::wallet::Paper;
use crate::plan::{
    Action, Admission, Area, Device, MacAdmission, Medium, Method, Plan, PortRole, Rule, VlanMeans,
};
use crate::vocabulary::{
    DeviceIndex, EnvironmentIndex, Mac, Place, Point, PortIndex, SiteIndex, SwitchIndex, Text,
    Timestamp, VlanId,
};

/// One device that shows up once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number in the run, from 0.
    pub id: u32,
    /// Why it shows up there and so.
    pub story: Story,
    /// The registered device it is, or plays.
    pub device: Option<DeviceIndex>,
    /// The address the switch sees.
    pub mac: Mac,
    /// Where.
    pub place: Place,
    /// By what it wants to be let in.
    pub credential: Credential,
    /// What should come of it.
    pub expected: Expected,
}

/// What should come of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expected {
    /// On the network.
    Admitted {
        /// The environment of the device.
        environment: EnvironmentIndex,
        /// The VLAN.
        vlan: VlanId,
    },
    /// In the waiting room.
    Quarantined {
        /// The VLAN.
        vlan: VlanId,
    },
    /// Outside.
    Refused {
        /// The first word of the reason's id. A switch is not told it; the record is.
        family: &'static str,
    },
}

told! {
    /// Why a device shows up as it does.
    Story
    Honest "honest"
        "登録済みの端末が、登録された場所で正しく接続する"
        "a registered device at its registered place, as it should"
    UnknownMac "unknown-mac"
        "台帳に無い MAC アドレスの機器をつなぐ"
        "a device whose MAC address is in no inventory"
    RandomMac "random-mac"
        "スマートフォンがランダム化された MAC アドレスでつなぐ"
        "a phone with a randomised MAC address"
    BorrowedCertificate "borrowed-certificate"
        "正しい証明書を、別の登録端末に入れて使う"
        "a good certificate on another registered device"
    UnregisteredCertificate "unregistered-certificate"
        "市の認証局の証明書だが、その名前の端末が台帳に無い"
        "a certificate of the city's authority that names no registered device"
    FallenBack "fallen-back"
        "証明書を持つはずの端末が MAC アドレスだけでつなぐ"
        "a device that should hold a certificate comes by its MAC address"
    NotServed "not-served"
        "端末の環境が無い場所のポートにつなぐ"
        "a device at a port that does not serve its environment"
    Misplaced "misplaced"
        "登録された場所とは別の場所につなぐ"
        "a device at another place than the one it is registered for"
    ExpiredCertificate "expired-certificate"
        "期限の切れた証明書でつなぐ"
        "a certificate whose validity is over"
    OtherAuthority "other-authority"
        "市のものではない認証局の証明書でつなぐ"
        "a certificate of an authority that is not the city's"
    WirelessMac "wireless-mac"
        "無線に MAC アドレスだけでつなぐ"
        "a device that joins the wireless network by its MAC address"
}

/// The attempts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct City {
    /// In the order in which they begin.
    pub attempts: Vec<Attempt>,
    /// Devices for which no port or wireless network is fit.
    pub homeless: Vec<DeviceIndex>,
}

impl City {
    /// What the devices of `plan` do at `now`, imposters in between. The same seed gives the same
    /// imposters.
    #[must_use]
    pub fn new(plan: &Plan, now: Timestamp, seed: &[u8; 32]) -> Self {
        let mut spots = Spots::new(plan);
        let (mut honest, mut homeless) = (Vec::new(), Vec::new());
        for (index, device) in (0_u32..).map(DeviceIndex).zip(&plan.devices) {
            match spots.attempt(index, device, now) {
                Some(attempt) => honest.push(attempt),
                None => homeless.push(index),
            }
        }
        let imposters = imposter::attempts(plan, &spots, &honest, seed);
        let every = honest.len() / (imposters.len() + 1) + 1;
        let mut attempts = Vec::with_capacity(honest.len() + imposters.len());
        let mut imposters = imposters.into_iter();
        for (position, attempt) in honest.into_iter().enumerate() {
            if position % every == every - 1 {
                attempts.extend(imposters.next());
            }
            attempts.push(attempt);
        }
        attempts.extend(imposters);
        for (id, attempt) in (0_u32..).zip(&mut attempts) {
            attempt.id = id;
        }
        Self { attempts, homeless }
    }
}

/// A point where devices can be admitted.
pub(super) struct Spot {
    pub(super) place: Place,
    pub(super) site: SiteIndex,
    pub(super) medium: Medium,
    /// Some device is registered for this very port.
    pub(super) pinned: bool,
    /// What it serves, and into which VLAN.
    pub(super) serves: Vec<(EnvironmentIndex, VlanId)>,
}

impl Spot {
    pub(super) fn vlan(&self, environment: EnvironmentIndex) -> Option<VlanId> {
        self.serves.iter().find(|(served, _)| *served == environment).map(|(_, vlan)| *vlan)
    }
}

/// All points where devices can be admitted, and which of them are next to be used.
pub(super) struct Spots<'a> {
    plan: &'a Plan,
    pub(super) all: Vec<Spot>,
    /// Where those of a switch stand among all.
    of_switch: HashMap<SwitchIndex, Vec<usize>>,
    turns: HashMap<Wish, (Vec<usize>, usize)>,
}

/// What a device needs: where, into what, through what.
type Wish = (Option<Area>, EnvironmentIndex, Medium);

impl<'a> Spots<'a> {
    fn new(plan: &'a Plan) -> Self {
        let pinned: HashSet<(SwitchIndex, PortIndex)> = plan
            .devices
            .iter()
            .filter_map(|device| match device.place {
                Some(Area::Port(switch, port)) => Some((switch, port)),
                Some(Area::Site(_) | Area::Switch(_) | Area::Network(..)) | None => None,
            })
            .collect();
        let mut all = Vec::new();
        for (index, switch) in (0_u16..).map(SwitchIndex).zip(&plan.switches) {
            for (port_index, port) in (0_u16..).map(PortIndex).zip(&switch.ports) {
                if matches!(port.role, PortRole::Auth { .. }) {
                    let place = Place { switch: index, point: Point::Port(port_index) };
                    let pinned = pinned.contains(&(index, port_index));
                    all.extend(spot(plan, place, Medium::Wired, pinned));
                }
            }
            for point in &switch.access_points {
                for network in &switch.networks {
                    let access_point = Some(point.mac);
                    let point = Point::Wireless { ssid: network.ssid.clone(), access_point };
                    let place = Place { switch: index, point };
                    all.extend(spot(plan, place, Medium::Wireless, false));
                }
            }
        }
        // Ports of the same number one after the other: neighbours go to different switches.
        all.sort_by_key(|spot| match spot.place.point {
            Point::Port(port) => (port.0, spot.place.switch),
            Point::Wireless { .. } | Point::Unknown(_) => (0, spot.place.switch),
        });
        let mut of_switch = HashMap::<_, Vec<_>>::new();
        for (position, spot) in all.iter().enumerate() {
            of_switch.entry(spot.place.switch).or_default().push(position);
        }
        Self { plan, all, of_switch, turns: HashMap::new() }
    }

    /// What a device would honestly do.
    fn attempt(&mut self, index: DeviceIndex, device: &Device, now: Timestamp) -> Option<Attempt> {
        let method = if device.certificate.is_some() { Method::EapTls } else { Method::Mab };
        let plan = self.plan;
        let spot = self.home(device, method)?;
        let expected = honest_expectation(plan, index, device, method, spot, now);
        let credential = match &device.certificate {
            Some(name) => Credential::Certificate(Paper { name: name.clone(), flaw: None }),
            None => Credential::Mac,
        };
        Some(Attempt {
            id: 0,
            story: Story::Honest,
            device: Some(index),
            mac: *device.macs.first()?,
            place: spot.place.clone(),
            credential,
            expected,
        })
    }

    /// The spot that a device uses: a cable where the rules know one for it, else the air.
    fn home(&mut self, device: &Device, method: Method) -> Option<&Spot> {
        let plan = self.plan;
        let fit = |medium: &Medium| {
            plan.rules
                .iter()
                .any(|rule| rule.action == Action::Admit && is_about(rule, device, method, *medium))
        };
        let position = [Medium::Wired, Medium::Wireless]
            .into_iter()
            .filter(fit)
            .find_map(|medium| self.turn((device.place.clone(), device.environment, medium)))?;
        self.all.get(position)
    }

    /// The next spot that grants a wish.
    fn turn(&mut self, wish: Wish) -> Option<usize> {
        let (plan, all, of_switch) = (self.plan, &self.all, &self.of_switch);
        let list = |wish: &Wish| {
            let fits =
                |position: &usize| all.get(*position).is_some_and(|it| grants(plan, it, wish));
            let fitting: Vec<_> = match &wish.0 {
                Some(Area::Port(switch, _) | Area::Switch(switch) | Area::Network(switch, _)) => {
                    of_switch.get(switch).into_iter().flatten().copied().filter(fits).collect()
                }
                Some(Area::Site(_)) | None => (0..all.len()).filter(fits).collect(),
            };
            (fitting, 0)
        };
        let (fitting, next) = self.turns.entry(wish).or_insert_with_key(list);
        let position = fitting.get(next.checked_rem(fitting.len())?).copied();
        *next += 1;
        position
    }
}

/// Whether a spot is what a device needs. Ports that some device is registered for are left to it.
fn grants(plan: &Plan, spot: &Spot, (area, environment, medium): &Wish) -> bool {
    spot.medium == *medium
        && spot.vlan(*environment).is_some()
        && (!spot.pinned || matches!(area, Some(Area::Port(..))))
        && area.as_ref().is_none_or(|area| plan.area_contains(area, &spot.place))
}

fn spot(plan: &Plan, place: Place, medium: Medium, pinned: bool) -> Option<Spot> {
    let switch = plan.switch(place.switch)?;
    let site = plan.place_site(&place)?;
    let fixed = plan.profile_of(place.switch)?.reply.vlan == VlanMeans::Fixed;
    let serves = if fixed {
        fixed_vlan(plan, &place).into_iter().collect()
    } else {
        let assigned = plan.site(site)?.assign.iter();
        assigned.filter(|(_, vlan)| switch.vlans.contains(vlan)).copied().collect::<Vec<_>>()
    };
    // The quarantine is where the site has one, whatever a port says of the others.
    let open =
        |environment| environment == plan.quarantine || plan.served(&place).contains(&environment);
    let serves = serves.into_iter().filter(|(environment, _)| open(*environment)).collect();
    Some(Spot { place, site, medium, pinned, serves })
}

fn fixed_vlan(plan: &Plan, place: &Place) -> Option<(EnvironmentIndex, VlanId)> {
    let Point::Port(port) = place.point else { return None };
    match plan.port(place.switch, port)?.role {
        PortRole::Auth { fixed_vlan: Some(vlan), .. } => Some((plan.vlan_environment(vlan)?, vlan)),
        PortRole::Auth { fixed_vlan: None, .. }
        | PortRole::Trunk { .. }
        | PortRole::Access { .. }
        | PortRole::Unused => None,
    }
}

/// Whether a rule is about such a device coming so, wherever that be.
fn is_about(rule: &Rule, device: &Device, method: Method, medium: Medium) -> bool {
    fn lists<T: PartialEq>(list: Option<&Vec<T>>, item: &T) -> bool {
        list.is_none_or(|list| list.contains(item))
    }
    !rule.grants
        && lists(rule.classes.as_ref(), &device.class)
        && lists(rule.environments.as_ref(), &device.environment)
        && lists(rule.methods.as_ref(), &method)
        && lists(rule.media.as_ref(), &medium)
}

/// The rule that people wrote for such a device at that spot: the first that fits.
fn rule_at<'a>(plan: &'a Plan, device: &Device, method: Method, spot: &Spot) -> Option<&'a Rule> {
    plan.rules.iter().find(|rule| {
        is_about(rule, device, method, spot.medium)
            && rule.sites.as_ref().is_none_or(|list| list.contains(&spot.site))
            && rule.switches.as_ref().is_none_or(|list| list.contains(&spot.place.switch))
    })
}

fn honest_expectation(
    plan: &Plan,
    index: DeviceIndex,
    device: &Device,
    method: Method,
    spot: &Spot,
    now: Timestamp,
) -> Expected {
    if method == Method::Mab
        && let Some(family) = mac_fault(plan, index, device, now)
    {
        return with_fault(plan, device, method, spot, family);
    }
    let Some(rule) = rule_at(plan, device, method, spot) else {
        return Expected::Refused { family: "policy" };
    };
    match (rule.action, rule.vlan.or_else(|| spot.vlan(device.environment))) {
        (Action::Admit, Some(vlan)) => Expected::Admitted { environment: device.environment, vlan },
        (Action::Admit, None) => Expected::Refused { family: "place" },
        (Action::Quarantine, _) => quarantine(plan, spot),
        (Action::Refuse, _) => Expected::Refused { family: "policy" },
    }
}

/// What its MAC address alone lacks to be enough, by the columns of the inventory.
fn mac_fault(
    plan: &Plan,
    index: DeviceIndex,
    device: &Device,
    now: Timestamp,
) -> Option<&'static str> {
    let excepted = plan.mac_exception(index, now).is_some();
    let pinned = matches!(device.place, Some(Area::Port(..)));
    let class = match plan.class(device.class)?.mac {
        MacAdmission::Never => false,
        MacAdmission::Exception => excepted,
        MacAdmission::Pinned => pinned,
    };
    let certificate = plan.environment(device.environment)?.admission == Admission::Certificate;
    match (class, certificate) {
        (false, _) => Some("mac"),
        (true, true) if !excepted => Some("certificate"),
        (true, true) if !pinned => Some("mac"),
        (true, true | false) => None,
    }
}

/// What becomes of a registered device that something speaks against: a quarantine rule takes
/// it in, or it stays outside.
pub(super) fn with_fault(
    plan: &Plan,
    device: &Device,
    method: Method,
    spot: &Spot,
    family: &'static str,
) -> Expected {
    match rule_at(plan, device, method, spot).map(|rule| rule.action) {
        Some(Action::Quarantine) => quarantine(plan, spot),
        Some(Action::Admit | Action::Refuse) | None => Expected::Refused { family },
    }
}

fn quarantine(plan: &Plan, spot: &Spot) -> Expected {
    spot.vlan(plan.quarantine)
        .map_or(Expected::Refused { family: "quarantine" }, |vlan| Expected::Quarantined { vlan })
}
