//! What a switch reads in an Accept, whatever model it is: any of the tags that RFC 2868 allows,
//! and the VLAN as a number.

use super::Fault;
use crate::eap::tls::Msk;
use crate::vocabulary::{Secret, VlanId};
use crate::wire::radius::{
    Key, MS_MPPE_RECV_KEY, MS_MPPE_SEND_KEY, Packet, VENDOR_MICROSOFT, attribute, view,
};

/// Tunnel-Type VLAN and Tunnel-Medium-Type IEEE-802 (RFC 3580 §3.31).
const TUNNEL_TYPE_VLAN: u32 = 13;
const TUNNEL_MEDIUM_IEEE_802: u32 = 6;

/// The VLAN of an Accept: exactly one of each of the three attributes.
pub(super) fn vlan(accept: &Packet<'_>) -> Option<VlanId> {
    let mut numbers = [None; 2];
    let mut group = None;
    for one in accept.attributes() {
        let earlier = match one.kind {
            attribute::TUNNEL_TYPE => {
                numbers[0].replace(view::tagged_integer(one.value)?.1).is_some()
            }
            attribute::TUNNEL_MEDIUM_TYPE => {
                numbers[1].replace(view::tagged_integer(one.value)?.1).is_some()
            }
            attribute::TUNNEL_PRIVATE_GROUP_ID => {
                group.replace(view::tagged_text(one.value).1).is_some()
            }
            _ => false,
        };
        if earlier {
            return None;
        }
    }
    if numbers != [Some(TUNNEL_TYPE_VLAN), Some(TUNNEL_MEDIUM_IEEE_802)] {
        return None;
    }
    std::str::from_utf8(group?).ok()?.parse().ok().and_then(VlanId::new)
}

/// Whether an Accept gives a device what is right: its VLAN, and where it has keys, those.
pub(super) fn judge(
    accept: &Packet<'_>,
    wanted: VlanId,
    keys: Option<(&Key, [u8; 16], &Msk)>,
) -> Result<(), Fault> {
    match vlan(accept) {
        None => return Err(Fault::VlanAbsent),
        Some(vlan) if vlan != wanted => return Err(Fault::VlanWrong),
        Some(_) => {}
    }
    let Some((key, authenticator, msk)) = keys else { return Ok(()) };
    for (kind, wanted) in [(MS_MPPE_RECV_KEY, &msk.recv), (MS_MPPE_SEND_KEY, &msk.send)] {
        let found = link_key(accept, key, authenticator, kind).ok_or(Fault::KeysAbsent)?;
        if found != *wanted {
            return Err(Fault::KeysWrong);
        }
    }
    Ok(())
}

/// The one link key of that kind (RFC 2548 §2.4), decrypted.
fn link_key(accept: &Packet<'_>, key: &Key, authenticator: [u8; 16], kind: u8) -> Option<Secret> {
    let mut all = accept
        .vendor_specific()
        .filter(|(vendor, found, _)| (*vendor, *found) == (VENDOR_MICROSOFT, kind));
    let (_, _, value) = all.next()?;
    let once = all.next().is_none();
    let plain = key.unsalted(authenticator, value).filter(|_| once)?;
    Some(Secret::new(plain.to_vec()))
}
