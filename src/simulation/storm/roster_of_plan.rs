//! The roster of a city's own devices: where each honestly shows up, and what is right by the
//! inventory.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::super::city::{Attempt, City, Expected, Story};
use super::super::device::Credential;
use super::super::dialect::{self, Station};
use super::{Entry, Method, Roster};
use crate::plan::{ClientSecrets, MabForm, Plan};
use crate::vocabulary::{SwitchIndex, Text, Timestamp};
use crate::wire::radius::{Code, Key, Packet, Writer};

told! {
    /// Why a device cannot be listed.
    Unlisted
    Homeless "homeless"
        "つなぐ場所がない端末があります"
        "a device has no place where it could connect"
    NotAdmitted "not-admitted"
        "台帳のうえで許可されない端末があります"
        "a device would not be admitted by the inventory"
    Form "form"
        "PAP 以外の MAC 認証か IPv6 のスイッチは扱えません"
        "MAC authentication in another form than PAP and switches with IPv6 addresses are not supported"
}

/// Lists every device of a plan at the place where it would honestly connect. What goes into its
/// requests is what its model of switch says.
///
/// # Errors
/// [`Unlisted`] when a device cannot take part.
pub fn roster_of(
    plan: &Plan,
    secrets: &HashMap<SwitchIndex, ClientSecrets>,
    now: Timestamp,
) -> Result<Roster, Unlisted> {
    // The imposters, whom the seed chooses, are left out.
    let city = City::new(plan, now, &[0; 32]);
    if !city.homeless.is_empty() {
        return Err(Unlisted::Homeless);
    }
    let honest = city.attempts.iter().filter(|attempt| attempt.story == Story::Honest);
    let mut roster = Roster { entries: Vec::new(), secrets: BTreeMap::new() };
    for attempt in honest {
        let index = attempt.place.switch;
        let client = secrets.get(&index).ok_or(Unlisted::NotAdmitted)?;
        let entry = entry(plan, client, attempt)?;
        roster.secrets.entry(entry.source).or_insert_with(|| client.current.clone());
        roster.entries.push(entry);
    }
    Ok(roster)
}

fn entry(plan: &Plan, client: &ClientSecrets, attempt: &Attempt) -> Result<Entry, Unlisted> {
    let index = attempt.place.switch;
    let switch = plan.switch(index).ok_or(Unlisted::NotAdmitted)?;
    let profile = plan.profile_of(index).ok_or(Unlisted::NotAdmitted)?;
    let point = &attempt.place.point;
    let station = Station { plan, index, switch, profile, mac: attempt.mac, point };
    let IpAddr::V4(source) = switch.address.ip() else { return Err(Unlisted::Form) };
    let Expected::Admitted { vlan, .. } = attempt.expected else {
        return Err(Unlisted::NotAdmitted);
    };
    let (method, user, password) = match &attempt.credential {
        Credential::Certificate(paper) => (Method::EapTls, paper.name.clone(), String::new()),
        Credential::Mac => {
            let password = station.mac_password(client.mab_word.as_ref());
            let password = password.and_then(|octets| String::from_utf8(octets).ok());
            match (station.mac_form(), password) {
                (MabForm::Pap, Some(password)) => (Method::Mab, station.mac_name(), password),
                (MabForm::Pap | MabForm::Chap | MabForm::EapMd5, _) => return Err(Unlisted::Form),
            }
        }
    };
    let port = station.port_attributes().map_err(|_| Unlisted::Form)?;
    let mut octets = Vec::new();
    let mut writer = Writer::request(&mut octets, Code::AccessRequest, 0, [0; 16]);
    station.describe(&mut writer, &port, method == Method::Mab);
    if method == Method::EapTls {
        dialect::framed_mtu(&mut writer);
    }
    let key = Key::new(&client.current);
    writer.finish_request(&key).map_err(|_| Unlisted::Form)?;
    let packet = Packet::parse(&octets).map_err(|_| Unlisted::Form)?;
    let attributes = packet.attributes().map(|one| (one.kind, one.value.to_vec())).collect();
    Ok(Entry { method, source: Some(source), user, password, vlan, papers: None, attributes })
}
