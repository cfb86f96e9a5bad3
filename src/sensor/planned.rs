//! What the sensor learns from a plan.

use super::knowledge::{Knowledge, Role, Setting, Subject, Vantage};
use super::separation::Separation;
use crate::plan::{Guideline, MacAdmission, Plan};

impl Knowledge {
    /// What a plan says: gateways and relays by address, devices by MAC, VLANs by number. A
    /// device that needs a certificate is a client; one let in by its MAC alone is equipment
    /// that may serve pages of its own.
    #[must_use]
    pub fn of_plan(plan: &Plan, vantage: Vantage) -> Self {
        let mut knowledge = Self::none(vantage);
        knowledge.planned = true;
        knowledge.gateways_learnt = plan.gateways.is_empty();
        knowledge.setting = Setting::PLAIN;
        knowledge.separation = Separation::of_plan(plan);
        for device in &plan.devices {
            let role = match plan.class(device.class).map(|class| class.mac) {
                Some(MacAdmission::Never) => Role::Client,
                Some(MacAdmission::Exception | MacAdmission::Pinned) | None => Role::Printer,
            };
            let handheld = plan.class(device.class).is_some_and(|class| class.handheld);
            for mac in &device.macs {
                knowledge.add(Subject::Mac(*mac), role);
                if handheld {
                    knowledge.add(Subject::Mac(*mac), Role::Handheld);
                }
            }
        }
        for gateway in &plan.gateways {
            for interface in &gateway.interfaces {
                let addresses = std::iter::once(interface.address).chain(interface.address6);
                for address in addresses {
                    knowledge.add(Subject::Ip(address.ip()), Role::Router);
                }
            }
        }
        for relay in &plan.relays {
            for address in &relay.addresses {
                knowledge.add(Subject::Ip(*address), Role::Proxy);
            }
        }
        for server in &plan.sensors.dhcp_servers {
            knowledge.add(Subject::Ip(*server), Role::DhcpServer);
        }
        for environment in &plan.environments {
            let grave = environment.guideline == Guideline::MyNumber;
            let setting = if grave { Setting::GRAVE } else { Setting::PLAIN };
            let setting = Setting { internet: environment.internet, ..setting };
            for vlan in &environment.vlans {
                let number = vlan.id.get();
                let networks = vlan.prefix.into_iter().chain(vlan.prefix6);
                knowledge.settings.insert(number, setting);
                knowledge.prefixes.insert(number, networks.collect());
            }
        }
        knowledge
    }
}
