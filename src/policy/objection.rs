//! What speaks against letting a device in, whatever the policy rules say.

use smallvec::SmallVec;

use super::Evidence;
use super::decide::{fixed_vlan, vlan_at};
use crate::plan::{
    Admission, Area, Device, Environment, Grant, MacAdmission, Plan, PortRole, VlanMeans,
};
use crate::vocabulary::{
    Because, Certificate, DeviceIndex, EnvironmentIndex, GrantIndex, Mac, Place, Point, Reason,
    Timestamp,
};

/// Whom the evidence names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A registered device.
    Device(DeviceIndex),
    /// The holder of an admission grant.
    Grant(GrantIndex),
}

impl Subject {
    pub(super) fn because(&self, reason: Reason) -> Because {
        let because = Because::new(reason);
        match self {
            Self::Device(index) => Because { device: Some(*index), ..because },
            Self::Grant(index) => Because { grant: Some(*index), ..because },
        }
    }

    pub(super) fn environment(&self, plan: &Plan) -> Option<EnvironmentIndex> {
        match self {
            Self::Device(index) => plan.device(*index).map(|device| device.environment),
            Self::Grant(index) => plan.grant(*index).map(|grant| grant.environment),
        }
    }
}

/// What speaks against anyone coming in at `place` with this kind of evidence.
pub(super) fn to_place(plan: &Plan, evidence: &Evidence, place: &Place) -> Option<Because> {
    let here = |reason| Because::new(reason).fact("place", plan.place_name(place));
    let Some(switch) = plan.switch(place.switch) else {
        return Some(here(Reason::PlaceUnknown));
    };
    match &place.point {
        Point::Unknown(_) => Some(here(Reason::PlaceUnknown)),
        Point::Port(port) => match plan.port(place.switch, *port).map(|port| &port.role) {
            None => Some(here(Reason::PlaceUnknown)),
            Some(PortRole::Auth { .. }) => None,
            Some(PortRole::Trunk { .. } | PortRole::Access { .. } | PortRole::Unused) => {
                Some(here(Reason::PlaceNotAccess))
            }
        },
        Point::Wireless { ssid, access_point } => {
            if matches!(evidence, Evidence::Mac(_)) {
                return Some(Because::new(Reason::WirelessMac));
            }
            if switch.networks.is_empty() {
                return Some(Because::new(Reason::WirelessFromWired).fact("switch", &switch.id));
            }
            if switch.network(ssid).is_none() {
                return Some(Because::new(Reason::WirelessNetworkUnknown).fact("ssid", ssid));
            }
            let known = access_point.is_some_and(|mac| switch.access_point(mac).is_some());
            if !switch.access_points.is_empty() && !known {
                let radio = access_point.map_or_else(|| "-".to_owned(), |mac| mac.to_string());
                return Some(Because::new(Reason::AccessPointUnknown).fact("access_point", radio));
            }
            None
        }
    }
}

/// Finds the one device or grant that the evidence names, MAC and certificate checked together.
pub(super) fn identify(
    plan: &Plan,
    evidence: &Evidence,
    now: Timestamp,
) -> Result<Subject, Because> {
    match evidence {
        Evidence::Mac(mac) => identify_mac(plan, mac.0, now),
        Evidence::Certificate { mac, certificate } => {
            identify_certificate(plan, mac.0, certificate.get(), now)
        }
    }
}

/// The grants that speak for these names: those in force, so that a renewed grant is not hidden
/// by the one it follows; when none is, the one that ends last, for its reason.
fn grants_at(plan: &Plan, mac: Option<Mac>, names: &[String], now: Timestamp) -> Vec<GrantIndex> {
    let grants = || plan.grants_for(mac, names);
    let in_force = |index: &GrantIndex| plan.grant(*index).is_some_and(|it| it.in_force(now));
    let current: Vec<_> = grants().filter(in_force).collect();
    if !current.is_empty() {
        return current;
    }
    grants().max_by_key(|index| plan.grant(*index).map(|grant| grant.until)).into_iter().collect()
}

fn identify_mac(plan: &Plan, mac: Mac, now: Timestamp) -> Result<Subject, Because> {
    if let Some(device) = plan.device_by_mac(mac) {
        return Ok(Subject::Device(device));
    }
    if let Some(grant) = grants_at(plan, Some(mac), &[], now).first() {
        return Ok(Subject::Grant(*grant));
    }
    let reason = if mac.is_local() { Reason::DeviceUnknownRandom } else { Reason::DeviceUnknown };
    Err(Because::new(reason).fact("mac", mac))
}

fn identify_certificate(
    plan: &Plan,
    mac: Mac,
    certificate: &Certificate,
    now: Timestamp,
) -> Result<Subject, Because> {
    let devices = certificate.identities.iter().filter_map(|name| plan.device_by_identity(name));
    let grants = grants_at(plan, None, &certificate.identities, now).into_iter();
    let mut subjects: SmallVec<[Subject; 1]> =
        devices.map(Subject::Device).chain(grants.map(Subject::Grant)).collect();
    subjects.dedup();
    let identity = || certificate.identities.join(", ");
    let subject = match subjects.as_slice() {
        [] => return Err(Because::new(Reason::CertificateUnknown).fact("identity", identity())),
        [subject] => *subject,
        [_, _, ..] => {
            return Err(Because::new(Reason::CertificateAmbiguous).fact("identity", identity()));
        }
    };
    let at_home = match subject {
        Subject::Device(index) => {
            plan.device(index).is_some_and(|device| device.macs.contains(&mac))
        }
        // A grant for a certificate alone holds for whatever adapter its bearer brings, unless
        // the city's own inventory knows the address as another device's.
        Subject::Grant(index) => plan.grant(index).is_some_and(|grant| match grant.mac {
            Some(registered) => registered == mac,
            None => plan.device_by_mac(mac).is_none(),
        }),
    };
    if at_home {
        return Ok(subject);
    }
    let owner = match subject {
        Subject::Device(index) => plan.device(index).map(label),
        Subject::Grant(index) => plan.grant(index).map(|grant| grant.id.clone()),
    };
    let because = subject.because(Reason::CertificateOtherMac);
    Err(because.fact("device", owner.unwrap_or_default()).fact("mac", mac))
}

/// What speaks against this device or grant at this place, with this evidence, now.
pub(super) fn to_subject(
    plan: &Plan,
    subject: &Subject,
    evidence: &Evidence,
    place: &Place,
    now: Timestamp,
) -> Option<Because> {
    let environment_index = subject.environment(plan)?;
    let environment = plan.environment(environment_index)?;
    if let Some(reason) = evidence.certificate().and_then(|found| out_of_validity(found, now)) {
        return Some(merge(subject, reason));
    }
    let personal = match subject {
        Subject::Device(index) => {
            let device = plan.device(*index)?;
            to_device(plan, *index, device, environment, evidence, place, now)
        }
        Subject::Grant(index) => {
            to_grant(plan, plan.grant(*index)?, environment, evidence, place, now)
        }
    };
    let because =
        personal.or_else(|| to_environment(plan, environment_index, environment, place))?;
    Some(merge(subject, because))
}

fn merge(subject: &Subject, because: Because) -> Because {
    let Because { device, grant, .. } = subject.because(because.reason);
    Because { device, grant, ..because }
}

fn out_of_validity(certificate: &Certificate, now: Timestamp) -> Option<Because> {
    if now < certificate.not_before {
        Some(Because::new(Reason::CertificateNotYetValid).day("from", certificate.not_before))
    } else if now > certificate.not_after {
        Some(Because::new(Reason::CertificateExpired).day("until", certificate.not_after))
    } else {
        None
    }
}

fn to_device(
    plan: &Plan,
    index: DeviceIndex,
    device: &Device,
    environment: &Environment,
    evidence: &Evidence,
    place: &Place,
    now: Timestamp,
) -> Option<Because> {
    if let Evidence::Mac(_) = evidence
        && let Some(because) = to_mac_alone(plan, index, device, environment, now)
    {
        return Some(because);
    }
    let area = device.place.as_ref().filter(|area| !plan.area_contains(area, place))?;
    Some(
        Because::new(Reason::PlaceUnexpected)
            .fact("registered", plan.area_name(area))
            .fact("place", plan.place_name(place)),
    )
}

/// How people call a device: its computer name, with the asset number.
fn label(device: &Device) -> String {
    if device.computer.is_empty() {
        device.asset.clone()
    } else {
        format!("{} ({})", device.computer, device.asset)
    }
}

fn is_pinned(device: &Device) -> bool {
    matches!(device.place, Some(Area::Port(..)))
}

/// A MAC address anyone can copy is enough only where the class says so, no certificate is
/// registered, and the environment or a dated exception permits it (R10).
fn to_mac_alone(
    plan: &Plan,
    index: DeviceIndex,
    device: &Device,
    environment: &Environment,
    now: Timestamp,
) -> Option<Because> {
    let required = || Because::new(Reason::CertificateMissing).fact("device", label(device));
    let excepted = plan.mac_exception(index, now).is_some();
    if device.certificate.is_some() && !excepted {
        return Some(required());
    }
    let Some(class) = plan.class(device.class) else { return Some(required()) };
    match class.mac {
        MacAdmission::Never => {
            return Some(
                Because::new(Reason::MacAuthenticationNotAllowed).fact("class", &class.id),
            );
        }
        MacAdmission::Exception if !excepted => {
            return Some(Because::new(Reason::MacException).fact("device", label(device)));
        }
        MacAdmission::Pinned if !is_pinned(device) => {
            return Some(Because::new(Reason::MacNotPinned).fact("device", label(device)));
        }
        MacAdmission::Exception | MacAdmission::Pinned => {}
    }
    match environment.admission {
        Admission::Certificate if !excepted => Some(required()),
        Admission::Certificate if !is_pinned(device) => {
            Some(Because::new(Reason::MacNotPinned).fact("device", label(device)))
        }
        Admission::Certificate | Admission::CertificateOrMac | Admission::None => None,
    }
}

fn to_grant(
    plan: &Plan,
    grant: &Grant,
    environment: &Environment,
    evidence: &Evidence,
    place: &Place,
    now: Timestamp,
) -> Option<Because> {
    if !grant.in_force(now) {
        return Some(
            Because::new(Reason::GrantEnded)
                .fact("grant", &grant.id)
                .day("from", grant.from)
                .day("until", grant.until.just_before()),
        );
    }
    let certificate_required =
        grant.certificate.is_some() || environment.admission == Admission::Certificate;
    if certificate_required && matches!(evidence, Evidence::Mac(_)) {
        return Some(Because::new(Reason::GrantCertificate).fact("grant", &grant.id));
    }
    if !grant.places.iter().any(|area| plan.area_contains(area, place)) {
        return Some(
            Because::new(Reason::GrantElsewhere)
                .fact("grant", &grant.id)
                .fact("place", plan.place_name(place)),
        );
    }
    None
}

fn to_environment(
    plan: &Plan,
    index: EnvironmentIndex,
    environment: &Environment,
    place: &Place,
) -> Option<Because> {
    let not_served = || {
        Because::new(Reason::EnvironmentNotServed)
            .fact("place", plan.place_name(place))
            .fact("environment", &environment.id)
    };
    if environment.admission == Admission::None {
        return Some(not_served());
    }
    let served = plan.served(place).contains(&index);
    match &place.point {
        Point::Wireless { ssid, .. } => {
            if !environment.wireless_allowed(plan.edition) {
                return Some(
                    Because::new(Reason::WirelessForbidden)
                        .fact("environment", &environment.id)
                        .fact("edition", plan.edition.id()),
                );
            }
            if !served {
                return Some(
                    Because::new(Reason::WirelessOtherEnvironment)
                        .fact("ssid", ssid)
                        .fact("environment", &environment.id),
                );
            }
        }
        Point::Port(_) => {
            let fixed = plan
                .profile_of(place.switch)
                .is_some_and(|profile| profile.reply.vlan == VlanMeans::Fixed);
            let vlan = fixed_vlan(plan, place);
            if fixed && vlan.and_then(|vlan| plan.vlan_environment(vlan)) != Some(index) {
                return Some(
                    Because::new(Reason::PlaceOtherVlan)
                        .fact("place", plan.place_name(place))
                        .fact("environment", &environment.id),
                );
            }
        }
        Point::Unknown(_) => {}
    }
    (!served || vlan_at(plan, place, index).is_none()).then(not_served)
}
