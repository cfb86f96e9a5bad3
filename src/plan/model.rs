//! The plan as a whole, and how its parts are found.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnetwork::IpNetwork;

use super::profile::{Called, PortPlace};
use super::{
    Acl, AclIndex, Alerts, Area, Authority, AuthorityIndex, Calendar, Class, Detections, Device,
    Edition, Environment, Exception, ExceptionObject, Flow, Flows, Gateway, GatewayIndex, Grant,
    Link, Pair, Port, PortRole, Profile, ProfileIndex, Relay, Ring, Rule, Sensors, Server, Site,
    Switch, Tripwire, Vlan,
};
use crate::vocabulary::{
    ClassIndex, DeviceIndex, EnvironmentIndex, GrantIndex, Language, Mac, Map, Place, Point,
    PortIndex, RuleIndex, SiteIndex, SwitchIndex, Timestamp, VlanId,
};

/// A name in both languages, as written in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

impl Name {
    /// The name in `language`.
    #[must_use]
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Japanese => &self.ja,
            Language::English => &self.en,
        }
    }
}

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The file, as `config/…` or `topology/…`.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Everything people wrote, checked and linked. It never changes; new files make a new plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// SHA-256 over the sorted paths and contents of the files it was compiled from.
    pub content_hash: [u8; 32],
    /// This node.
    pub server: Server,
    /// The edition of the national guideline.
    pub edition: Edition,
    /// The environments.
    pub environments: Vec<Environment>,
    /// The one environment whose role is quarantine.
    pub quarantine: EnvironmentIndex,
    /// What may flow between each pair of business environments.
    pub pairs: Vec<Pair>,
    /// The certificate authorities.
    pub authorities: Vec<Authority>,
    /// The device classes.
    pub classes: Vec<Class>,
    /// The rules, in order of evaluation.
    pub rules: Vec<Rule>,
    /// The exceptions, those no longer or not yet in force included.
    pub exceptions: Vec<Exception>,
    /// The grants, those no longer or not yet in force included.
    pub grants: Vec<Grant>,
    /// The switch profiles.
    pub profiles: Vec<Profile>,
    /// The sites.
    pub sites: Vec<Site>,
    /// The switches of all sites.
    pub switches: Vec<Switch>,
    /// The registered devices.
    pub devices: Vec<Device>,
    /// The rings.
    pub rings: Vec<Ring>,
    /// The links.
    pub links: Vec<Link>,
    /// The access lists.
    pub acls: Vec<Acl>,
    /// The gateways.
    pub gateways: Vec<Gateway>,
    /// The machines where connections end and others begin.
    pub relays: Vec<Relay>,
    /// The permitted flows (特定通信), those no longer or not yet approved included.
    pub permitted: Vec<Flow>,
    /// What is alerted, and to whom.
    pub alerts: Alerts,
    /// Whose messages may take a device off the network.
    pub detections: Detections,
    /// When the city hall works.
    pub calendar: Calendar,
    /// Where mirror ports are watched, and what a verdict may do by itself.
    pub sensors: Sensors,
    /// The public zone whose names only the city's PCs know; `None` where nothing is written.
    pub tripwire: Option<Tripwire>,
    pub(super) lookup: Lookup,
}

/// Indices derived from the lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup {
    macs: Map<Mac, DeviceIndex>,
    /// Devices that have a certificate, in the order of its name.
    identities: Vec<DeviceIndex>,
    /// In the order of asset numbers.
    assets: Vec<DeviceIndex>,
    vlans: Map<VlanId, (EnvironmentIndex, usize)>,
    switches: Map<String, SwitchIndex>,
    /// Of each switch, in the order of their names.
    ports: Vec<Vec<PortIndex>>,
    /// Of each switch, those that requests call by number, in the order of numbers.
    numbers: Vec<Vec<(PortPlace, PortIndex)>>,
    hosts: Map<IpAddr, SwitchIndex>,
    /// Longest first.
    networks: Vec<(IpNetwork, SwitchIndex)>,
}

/// The index of that name in a list that is in the order of names: a table would hold a copy of
/// each.
fn among<'a, I: Copy>(
    sorted: &[I],
    name: &str,
    name_of: impl Fn(I) -> Option<&'a str>,
) -> Option<I> {
    let at = sorted.binary_search_by(|index| name_of(*index).cmp(&Some(name))).ok()?;
    sorted.get(at).copied()
}

/// Declares the accessors of a plan's lists.
macro_rules! accessors {
    ($($name:ident, $list:ident, $index:ty => $item:ty, $doc:literal;)*) => {$(
        #[doc = $doc]
        #[must_use]
        pub fn $name(&self, index: $index) -> Option<&$item> {
            self.$list.get(usize::try_from(index.0).ok()?)
        }
    )*};
}

impl Plan {
    accessors! {
        environment, environments, EnvironmentIndex => Environment, "The environment of that index.";
        authority, authorities, AuthorityIndex => Authority, "The authority of that index.";
        class, classes, ClassIndex => Class, "The device class of that index.";
        rule, rules, RuleIndex => Rule, "The rule of that index.";
        grant, grants, GrantIndex => Grant, "The grant of that index.";
        profile, profiles, ProfileIndex => Profile, "The profile of that index.";
        site, sites, SiteIndex => Site, "The site of that index.";
        switch, switches, SwitchIndex => Switch, "The switch of that index.";
        acl, acls, AclIndex => Acl, "The access list of that index.";
        gateway, gateways, GatewayIndex => Gateway, "The gateway of that index.";
        device, devices, DeviceIndex => Device, "The device of that index.";
    }

    /// The port of that index on that switch.
    #[must_use]
    pub fn port(&self, switch: SwitchIndex, port: PortIndex) -> Option<&Port> {
        self.switch(switch)?.ports.get(usize::from(port.0))
    }

    /// The port of that name on that switch, without a search through all its ports.
    #[must_use]
    pub fn port_by_name(&self, switch: SwitchIndex, name: &str) -> Option<PortIndex> {
        let sorted = self.lookup.ports.get(usize::from(switch.0))?;
        among(sorted, name, |index| self.port(switch, index).map(|port| port.name.as_ref()))
    }

    /// The port of that switch that a request's NAS-Port and NAS-Port-Id name, in the words of
    /// the switch's profile.
    #[must_use]
    pub fn port_called(
        &self,
        switch: SwitchIndex,
        nas_port: Option<u32>,
        nas_port_id: Option<&str>,
    ) -> Option<PortIndex> {
        match self.profile_of(switch)?.called(nas_port, nas_port_id)? {
            Called::Name(name) => self.port_by_name(switch, name),
            Called::Number(number) => {
                let sorted = self.lookup.numbers.get(usize::from(switch.0))?;
                let at = sorted.binary_search_by_key(&number, |(number, _)| *number).ok()?;
                sorted.get(at).map(|(_, port)| *port)
            }
        }
    }

    /// The profile of that switch.
    #[must_use]
    pub fn profile_of(&self, switch: SwitchIndex) -> Option<&Profile> {
        self.profile(self.switch(switch)?.profile)
    }

    /// The device that has that address.
    #[must_use]
    pub fn device_by_mac(&self, mac: Mac) -> Option<DeviceIndex> {
        self.lookup.macs.get(&mac).copied()
    }

    /// The device whose certificate carries that name; the case of letters does not matter.
    #[must_use]
    pub fn device_by_identity(&self, identity: &str) -> Option<DeviceIndex> {
        let find = |identity: &str| {
            let name = |index| self.device(index)?.certificate.as_deref();
            among(&self.lookup.identities, identity, name)
        };
        find(identity).or_else(|| find(&identity.to_lowercase()))
    }

    /// The device of that asset number.
    #[must_use]
    pub fn device_by_asset(&self, asset: &str) -> Option<DeviceIndex> {
        let name = |index| self.device(index).map(|device| device.asset.as_str());
        among(&self.lookup.assets, asset, name)
    }

    /// The grants that name this address or one of these certificate names, whether in force or
    /// not, in the order written.
    pub fn grants_for<'a>(
        &'a self,
        mac: Option<Mac>,
        identities: &'a [String],
    ) -> impl Iterator<Item = GrantIndex> + 'a {
        self.grants.iter().enumerate().filter_map(move |(index, grant)| {
            let by_mac = grant.mac.is_some() && grant.mac == mac;
            let by_name = grant
                .certificate
                .as_ref()
                .is_some_and(|name| identities.iter().any(|it| it.to_lowercase() == *name));
            let index = u16::try_from(index).ok()?;
            (by_mac || by_name).then_some(GrantIndex(index))
        })
    }

    /// The exception of rule R10 in force at `now` that lets this device in by its MAC address.
    #[must_use]
    pub fn mac_exception(&self, device: DeviceIndex, now: Timestamp) -> Option<&Exception> {
        let class = self.device(device)?.class;
        self.exceptions.iter().find(|exception| {
            exception.rule == "R10"
                && exception.in_force(now)
                && exception.objects.iter().any(|object| match object {
                    ExceptionObject::Device(index) => *index == device,
                    ExceptionObject::Class(index) => *index == class,
                    ExceptionObject::Switch(_) | ExceptionObject::Other(_) => false,
                })
        })
    }

    /// What an exception concerns, by the name that files give it.
    #[must_use]
    pub fn object_name<'a>(&'a self, object: &'a ExceptionObject) -> &'a str {
        let name = match object {
            ExceptionObject::Device(index) => self.device(*index).map(|it| it.asset.as_str()),
            ExceptionObject::Class(index) => self.class(*index).map(|it| it.id.as_str()),
            ExceptionObject::Switch(index) => self.switch(*index).map(|it| it.id.as_str()),
            ExceptionObject::Other(name) => Some(name.as_str()),
        };
        name.unwrap_or("?")
    }

    /// The RADIUS client that sends from that address: the longest prefix that holds it. An
    /// IPv4-mapped IPv6 address counts as the IPv4 address.
    #[must_use]
    pub fn client_by_address(&self, address: IpAddr) -> Option<SwitchIndex> {
        let address = address.to_canonical();
        self.lookup.hosts.get(&address).copied().or_else(|| {
            let holds = |(network, _): &&(IpNetwork, SwitchIndex)| network.contains(address);
            self.lookup.networks.iter().find(holds).map(|(_, switch)| *switch)
        })
    }

    /// The switch of that id.
    #[must_use]
    pub fn switch_by_id(&self, id: &str) -> Option<SwitchIndex> {
        self.lookup.switches.get(id).copied()
    }

    /// The environment of that id.
    #[must_use]
    pub fn environment_by_id(&self, id: &str) -> Option<EnvironmentIndex> {
        let position = self.environments.iter().position(|environment| environment.id == id)?;
        u8::try_from(position).ok().map(EnvironmentIndex)
    }

    /// The site of that id.
    #[must_use]
    pub fn site_by_id(&self, id: &str) -> Option<SiteIndex> {
        let position = self.sites.iter().position(|site| site.id == id)?;
        u16::try_from(position).ok().map(SiteIndex)
    }

    /// The id of an environment, `?` for one that the plan does not have.
    #[must_use]
    pub fn environment_id(&self, index: EnvironmentIndex) -> &str {
        self.environment(index).map_or("?", |environment| environment.id.as_str())
    }

    /// The ids of environments, as people read a list.
    #[must_use]
    pub fn environment_ids(&self, list: &[EnvironmentIndex]) -> String {
        list.iter().map(|index| self.environment_id(*index)).collect::<Vec<_>>().join(", ")
    }

    /// The environment that VLAN belongs to.
    #[must_use]
    pub fn vlan_environment(&self, vlan: VlanId) -> Option<EnvironmentIndex> {
        self.lookup.vlans.get(&vlan).map(|(environment, _)| *environment)
    }

    /// What is written about that VLAN.
    #[must_use]
    pub fn vlan(&self, vlan: VlanId) -> Option<&Vlan> {
        let (environment, position) = self.lookup.vlans.get(&vlan)?;
        self.environment(*environment)?.vlans.get(*position)
    }

    /// What may flow between two environments; `None` when no pair is declared.
    #[must_use]
    pub fn flows(&self, one: EnvironmentIndex, other: EnvironmentIndex) -> Option<Flows> {
        let between = if one <= other { [one, other] } else { [other, one] };
        self.pairs.iter().find(|pair| pair.between == between).map(|pair| pair.flows)
    }

    /// The site of a place: where the access point hangs, when it is known, else where the
    /// switch stands.
    #[must_use]
    pub fn place_site(&self, place: &Place) -> Option<SiteIndex> {
        let switch = self.switch(place.switch)?;
        match &place.point {
            Point::Wireless { access_point: Some(mac), .. } => {
                Some(switch.access_point(*mac).map_or(switch.site, |point| point.site))
            }
            Point::Port(_) | Point::Wireless { access_point: None, .. } | Point::Unknown(_) => {
                Some(switch.site)
            }
        }
    }

    /// The environments that a device can be put into at a place, the quarantine included where
    /// it is served; empty where nothing may be admitted.
    #[must_use]
    pub fn served(&self, place: &Place) -> &[EnvironmentIndex] {
        match &place.point {
            Point::Port(port) => match self.port(place.switch, *port).map(|port| &port.role) {
                Some(PortRole::Auth { environments, .. }) => environments,
                Some(PortRole::Trunk { .. } | PortRole::Access { .. } | PortRole::Unused)
                | None => &[],
            },
            Point::Wireless { ssid, .. } => self
                .switch(place.switch)
                .and_then(|switch| switch.network(ssid))
                .map_or(&[], |network| &network.environments),
            Point::Unknown(_) => &[],
        }
    }

    /// Whether `place` lies in `area`.
    #[must_use]
    pub fn area_contains(&self, area: &Area, place: &Place) -> bool {
        match area {
            Area::Site(site) => self.place_site(place) == Some(*site),
            Area::Switch(switch) => place.switch == *switch,
            Area::Port(switch, port) => {
                place.switch == *switch && place.point == Point::Port(*port)
            }
            Area::Network(switch, name) => {
                place.switch == *switch
                    && matches!(&place.point, Point::Wireless { ssid, .. } if ssid == name)
            }
        }
    }

    /// The name of a place: `honcho/hon-sw01/0/3`, `honcho/hon-wlc/ssid:city-b`.
    #[must_use]
    pub fn place_name(&self, place: &Place) -> String {
        let mut name = String::with_capacity(32);
        self.push_place(place, &mut name);
        name
    }

    /// The same, appended to a text.
    pub fn push_place(&self, place: &Place, text: &mut String) {
        if let Some(switch) = self.switch(place.switch) {
            text.push_str(self.site(switch.site).map_or("?", |site| site.id.as_str()));
            text.push('/');
            text.push_str(&switch.id);
        } else {
            text.push('?');
        }
        let (before, name) = match &place.point {
            Point::Port(port) => {
                ("/", self.port(place.switch, *port).map_or("?", |port| port.name.as_str()))
            }
            Point::Wireless { ssid, .. } => ("/ssid:", ssid.as_str()),
            Point::Unknown(name) => ("/?", name.as_str()),
        };
        text.push_str(before);
        text.push_str(name);
    }

    /// The name of an area, as files write it.
    #[must_use]
    pub fn area_name(&self, area: &Area) -> String {
        let site = |index| self.site(index).map_or("?", |site: &Site| site.id.as_str());
        let switch = |index| {
            self.switch(index).map_or_else(
                || "?".to_owned(),
                |switch| format!("{}/{}", site(switch.site), switch.id),
            )
        };
        match area {
            Area::Site(index) => site(*index).to_owned(),
            Area::Switch(index) => switch(*index),
            Area::Port(index, port) => {
                let port = self.port(*index, *port).map_or("?", |port| port.name.as_str());
                format!("{}/{port}", switch(*index))
            }
            Area::Network(index, ssid) => format!("{}/ssid:{ssid}", switch(*index)),
        }
    }

    /// The same plan with every switch's address changed to one host, so that a demonstration
    /// can run all of them on one machine.
    #[must_use]
    pub fn map_addresses(mut self, change: impl Fn(IpAddr) -> IpAddr) -> Self {
        for switch in &mut self.switches {
            switch.address = IpNetwork::from(change(switch.address.ip()));
        }
        self.link()
    }

    /// A plan of these parts and nothing else, for tests of other rooms.
    #[cfg(test)]
    pub(crate) fn of_parts(
        server: Server,
        environments: Vec<Environment>,
        profiles: Vec<Profile>,
        sites: Vec<Site>,
        switches: Vec<Switch>,
    ) -> Self {
        let plan = Self {
            content_hash: [0; 32],
            server,
            edition: Edition::R7_3,
            environments,
            quarantine: EnvironmentIndex(0),
            pairs: Vec::new(),
            authorities: Vec::new(),
            classes: Vec::new(),
            rules: Vec::new(),
            exceptions: Vec::new(),
            grants: Vec::new(),
            profiles,
            sites,
            switches,
            devices: Vec::new(),
            rings: Vec::new(),
            links: Vec::new(),
            acls: Vec::new(),
            gateways: Vec::new(),
            relays: Vec::new(),
            permitted: Vec::new(),
            alerts: Alerts::default(),
            detections: Detections::default(),
            calendar: Calendar::default(),
            sensors: Sensors::default(),
            tripwire: None,
            lookup: Lookup::default(),
        };
        plan.link()
    }

    /// The tripwire, where it is in use.
    #[must_use]
    pub fn tripwire(&self) -> Option<&Tripwire> {
        self.tripwire.as_ref().filter(|tripwire| tripwire.enabled)
    }

    /// How long whoever reports under this name may be silent; `None` when nobody should.
    #[must_use]
    pub fn reporter(&self, id: &str) -> Option<Duration> {
        let tripwire = self.tripwire().filter(|tripwire| tripwire.id == id);
        let sensor = || self.sensors.expected(id).map(|sensor| sensor.silent_after);
        tripwire.map(|tripwire| tripwire.silent_after).or_else(sensor)
    }

    /// The names of those who should report.
    pub fn reporters(&self) -> impl Iterator<Item = &str> {
        let sensors = self.sensors.sensors.iter().filter(|sensor| sensor.enabled);
        let tripwire = self.tripwire().map(|tripwire| tripwire.id.as_str());
        sensors.map(|sensor| sensor.id.as_str()).chain(tripwire)
    }

    /// Fills the lookups from the lists.
    pub(super) fn link(mut self) -> Self {
        let mut lookup = Lookup::default();
        for (index, device) in (0_u32..).zip(&self.devices) {
            let index = DeviceIndex(index);
            lookup.assets.push(index);
            lookup.macs.extend(device.macs.iter().map(|mac| (*mac, index)));
            lookup.identities.extend(device.certificate.as_ref().map(|_| index));
        }
        lookup.assets.sort_by_key(|index| self.device(*index).map(|it| it.asset.as_str()));
        let certificate = |index: &DeviceIndex| self.device(*index)?.certificate.as_deref();
        lookup.identities.sort_by_key(certificate);
        for (index, environment) in (0_u8..).zip(&self.environments) {
            for (position, vlan) in environment.vlans.iter().enumerate() {
                lookup.vlans.insert(vlan.id, (EnvironmentIndex(index), position));
            }
        }
        for (index, switch) in (0_u16..).zip(&self.switches) {
            let index = SwitchIndex(index);
            lookup.switches.insert(switch.id.clone(), index);
            let mut ports: Vec<_> = (0_u16..).zip(&switch.ports).collect();
            ports.sort_by_key(|(_, port)| &port.name);
            let profile = self.profile(switch.profile);
            let number =
                |(at, port): &(u16, &Port)| Some((profile?.number_of(&port.name)?, PortIndex(*at)));
            let mut numbers: Vec<_> = ports.iter().filter_map(number).collect();
            numbers.sort_unstable();
            lookup.numbers.push(numbers);
            lookup.ports.push(ports.into_iter().map(|(at, _)| PortIndex(at)).collect());
            if switch.is_client() {
                let whole = if switch.address.is_ipv4() { 32 } else { 128 };
                if switch.address.prefix() == whole {
                    lookup.hosts.insert(switch.address.ip().to_canonical(), index);
                } else {
                    lookup.networks.push((switch.address, index));
                }
            }
        }
        lookup.networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix()));
        self.lookup = lookup;
        self
    }
}
