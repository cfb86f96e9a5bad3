//! A gateway that permits just the flows, and what its VLAN interfaces are called there.

use super::Refused;
use crate::plan::{Applied, Gateway, Plan};
use crate::vocabulary::{EnvironmentIndex, VlanId};

/// Longest name of an interface on Linux (`IFNAMSIZ` less the NUL).
const NAME_OCTETS_MAX: usize = 15;

/// The interfaces of one gateway, by VLAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interfaces {
    names: Vec<(VlanId, String)>,
}

impl Interfaces {
    /// Names every interface of a gateway: `vlan<ID>` unless `given` says otherwise as
    /// `VLAN=NAME`.
    ///
    /// # Errors
    /// The gateway does not permit just the flows, or what is given does not fit it.
    pub fn new(gateway: &Gateway, given: &[String]) -> Result<Self, Refused> {
        let just = |applied: Option<Applied>| applied == Some(Applied::Flows);
        let all = gateway.interfaces.iter().all(|each| just(each.input) && just(each.output));
        if !all || gateway.interfaces.is_empty() || gateway.bypass || !gateway.stateful {
            return Err(Refused::new(
                "ゲートウェイ {gateway} は、特定通信だけを通すものではありません。stateful = true で、すべてのインターフェースが in = \"flows\", out = \"flows\" のものだけを扱えます",
                "gateway {gateway} does not permit just the flows: it needs stateful = true and in = \"flows\", out = \"flows\" at every interface",
            )
            .fact("gateway", &gateway.id));
        }
        let mut names: Vec<(VlanId, String)> = gateway
            .interfaces
            .iter()
            .map(|each| (each.vlan, format!("vlan{}", each.vlan)))
            .collect();
        for text in given {
            let pair = text.split_once('=').and_then(|(vlan, name)| {
                let vlan = vlan.parse().ok().and_then(VlanId::new)?;
                is_name(name).then(|| (vlan, name.to_owned()))
            });
            let slot = pair.and_then(|(vlan, name)| {
                let slot = names.iter_mut().find(|(own, _)| *own == vlan)?;
                Some((slot, name))
            });
            let Some((slot, name)) = slot else {
                return Err(Refused::new(
                    "--interface {text}: ゲートウェイ {gateway} の VLAN とインターフェース名を 110=eth1 のように書いてください",
                    "--interface {text}: write a VLAN of gateway {gateway} and an interface's name, such as 110=eth1",
                )
                .fact("text", text)
                .fact("gateway", &gateway.id));
            };
            slot.1 = name;
        }
        for (index, (vlan, name)) in names.iter().enumerate() {
            if names.iter().skip(index + 1).any(|(_, other)| other == name) {
                return Err(Refused::new(
                    "インターフェース {name} が二つの VLAN に使われています(VLAN {vlan} ほか)",
                    "interface {name} is used for two VLANs, {vlan} being one",
                )
                .fact("name", name)
                .fact("vlan", vlan));
            }
        }
        Ok(Self { names })
    }

    /// The name of a VLAN's interface.
    pub(super) fn name(&self, vlan: VlanId) -> &str {
        let found = self.names.iter().find(|(own, _)| *own == vlan);
        found.map_or("", |(_, name)| name.as_str())
    }

    /// Every VLAN and its interface.
    pub(super) fn all(&self) -> &[(VlanId, String)] {
        &self.names
    }
}

/// A name that Linux takes and that is no pattern.
fn is_name(name: &str) -> bool {
    let fits =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | '@');
    (1..=NAME_OCTETS_MAX).contains(&name.len())
        && name != "."
        && name != ".."
        && name.chars().all(fits)
}

/// The VLANs of an environment that a gateway joins.
pub(super) fn vlans_of(
    plan: &Plan,
    gateway: &Gateway,
    environment: EnvironmentIndex,
) -> Vec<VlanId> {
    let own = |vlan: &VlanId| plan.vlan_environment(*vlan) == Some(environment);
    gateway.interfaces.iter().map(|each| each.vlan).filter(own).collect()
}
