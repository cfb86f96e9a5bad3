//! Layer 2: which VLANs of which switches are one segment while every link is up and every port
//! forwards, as no failure and no blocked ring ever joins more (`segment` grows with every link).

use crate::plan::{
    Gateway, GatewayIndex, HostMode, Link, LinkEnd, Plan, PortRole, SwitchRole, VlansPerPort,
};
use crate::vocabulary::{EnvironmentIndex, PortIndex, SwitchIndex, VlanId};

/// Where frames of two environments meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    /// Two ends of a link take the same untagged frames into VLANs of two environments.
    Native {
        /// The position of the link in the plan.
        link: usize,
        /// The VLAN at each end.
        vlans: [VlanId; 2],
    },
    /// Several devices share an authenticated port that gives each a VLAN of its own, untagged.
    Wire {
        /// The port.
        end: LinkEnd,
        /// All environments of the port.
        environments: Vec<EnvironmentIndex>,
    },
}

/// The segments of a plan.
#[derive(Clone, Debug)]
pub(super) struct Segments {
    /// Every VLAN of the plan, in order of number.
    vlans: Vec<(VlanId, EnvironmentIndex)>,
    /// The position of a VLAN in `vlans` plus one, by number; 0 where the plan has none.
    position: Vec<u16>,
    /// The segment of each node, nodes being switches by VLANs; `u32::MAX` where the switch does
    /// not have the VLAN.
    segment: Vec<u32>,
    /// The environments of each segment.
    environments: Vec<EnvironmentSet>,
    /// Where environments meet.
    pub(super) meetings: Vec<Meeting>,
}

/// No segment: the switch does not have the VLAN.
const NONE: u32 = u32::MAX;

impl Segments {
    /// Finds the segments while everything is up.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut vlans: Vec<(VlanId, EnvironmentIndex)> = (0_u8..)
            .map(EnvironmentIndex)
            .zip(&plan.environments)
            .flat_map(|(index, of)| of.vlans.iter().map(move |vlan| (vlan.id, index)))
            .collect();
        vlans.sort_unstable();
        let mut position = vec![0_u16; 4096];
        for (number, (vlan, _)) in (1_u16..).zip(&vlans) {
            if let Some(slot) = position.get_mut(usize::from(vlan.get())) {
                *slot = number;
            }
        }
        let nodes = plan.switches.len() * vlans.len();
        let mut segments = Self {
            vlans,
            position,
            segment: Vec::new(),
            environments: Vec::new(),
            meetings: Vec::new(),
        };
        let mut forest = Forest::new(nodes);
        let mut present = vec![false; nodes];
        for (index, switch) in (0_u16..).map(SwitchIndex).zip(&plan.switches) {
            for vlan in &switch.vlans {
                if let Some(slot) =
                    segments.node(index, *vlan).and_then(|node| present.get_mut(node))
                {
                    *slot = true;
                }
            }
        }
        for (position, link) in plan.links.iter().enumerate() {
            segments.join_link(plan, position, link, &mut forest);
        }
        segments.join_wires(plan, &mut forest);
        segments.number(&present, &mut forest);
        segments
    }

    /// The node of a VLAN at a switch.
    fn node(&self, switch: SwitchIndex, vlan: VlanId) -> Option<usize> {
        let position = *self.position.get(usize::from(vlan.get()))?;
        let position = usize::from(position).checked_sub(1)?;
        Some(usize::from(switch.0) * self.vlans.len() + position)
    }

    fn join(&self, forest: &mut Forest, one: (SwitchIndex, VlanId), other: (SwitchIndex, VlanId)) {
        let nodes = (self.node(one.0, one.1), self.node(other.0, other.1));
        if let (Some(one), Some(other)) = nodes {
            forest.join(one, other);
        }
    }

    fn join_link(&mut self, plan: &Plan, position: usize, link: &Link, forest: &mut Forest) {
        let [one, other] = link.ends;
        let (Some((tagged, native)), Some((other_tagged, other_native))) =
            (carried(plan, one), carried(plan, other))
        else {
            return;
        };
        for vlan in common(tagged, other_tagged) {
            self.join(forest, (one.switch, vlan), (other.switch, vlan));
        }
        // Untagged frames become whatever the other end takes untagged frames for.
        if let (Some(vlan), Some(other_vlan)) = (native, other_native) {
            self.join(forest, (one.switch, vlan), (other.switch, other_vlan));
            if plan.vlan_environment(vlan) != plan.vlan_environment(other_vlan) {
                let vlans = [vlan, other_vlan];
                self.meetings.push(Meeting::Native { link: position, vlans });
            }
        }
    }

    /// Ports that give every MAC address a VLAN of its own, with several devices behind them.
    fn join_wires(&mut self, plan: &Plan, forest: &mut Forest) {
        for (index, switch) in (0_u16..).map(SwitchIndex).zip(&plan.switches) {
            let per_mac = plan
                .profile(switch.profile)
                .is_some_and(|profile| profile.behaviour.vlans_per_port == VlansPerPort::PerMac);
            if !per_mac {
                continue;
            }
            for (port, entry) in (0_u16..).map(PortIndex).zip(&switch.ports) {
                let PortRole::Auth { host_mode, environments, .. } = &entry.role else { continue };
                match host_mode {
                    HostMode::Single | HostMode::MultiHost => continue,
                    HostMode::MultiDomain | HostMode::MultiAuth => {}
                }
                // The quarantine is joined as well: its device hears what is sent untagged.
                let site = plan.site(switch.site);
                let vlans: Vec<VlanId> = environments
                    .iter()
                    .filter_map(|environment| site?.assigned(*environment))
                    .filter(|vlan| switch.vlans.contains(vlan))
                    .collect();
                let pairs = vlans.iter().zip(vlans.iter().skip(1));
                for (one, other) in pairs {
                    self.join(forest, (index, *one), (index, *other));
                }
                if vlans.len() > 1 {
                    let end = LinkEnd { switch: index, port };
                    let environments = environments.clone();
                    self.meetings.push(Meeting::Wire { end, environments });
                }
            }
        }
    }

    fn number(&mut self, present: &[bool], forest: &mut Forest) {
        // The number of each root, where it has one.
        let mut numbers = vec![NONE; present.len()];
        let mut count = 0_u32;
        self.segment = vec![NONE; present.len()];
        for (node, there) in present.iter().enumerate() {
            if !there {
                continue;
            }
            let Some(known) = numbers.get_mut(forest.root(node)) else { continue };
            if *known == NONE {
                *known = count;
                count += 1;
            }
            let number = *known;
            if let Some(slot) = self.segment.get_mut(node) {
                *slot = number;
            }
            let environment = self.vlans.get(node % self.vlans.len().max(1)).map(|(_, of)| *of);
            let number = usize::try_from(number).unwrap_or_default();
            if self.environments.len() <= number {
                self.environments.resize(number + 1, EnvironmentSet::default());
            }
            if let (Some(set), Some(environment)) = (self.environments.get_mut(number), environment)
            {
                set.add(environment);
            }
        }
    }

    /// The segment of a VLAN at a switch.
    pub(super) fn segment(&self, switch: SwitchIndex, vlan: VlanId) -> Option<u32> {
        let segment = *self.segment.get(self.node(switch, vlan)?)?;
        (segment != NONE).then_some(segment)
    }

    /// How many segments there are.
    pub(super) fn count(&self) -> usize {
        self.environments.len()
    }

    /// Whether a segment holds VLANs of that environment.
    pub(super) fn holds(&self, segment: u32, environment: EnvironmentIndex) -> bool {
        let set = usize::try_from(segment).ok().and_then(|at| self.environments.get(at));
        set.is_some_and(|set| set.holds(environment))
    }

    /// The segments that a gateway's interface in `vlan` is connected to.
    pub(super) fn attached(&self, plan: &Plan, gateway: &Gateway, vlan: VlanId) -> Vec<u32> {
        let mut found: Vec<u32> = attachments(plan, gateway)
            .into_iter()
            .filter_map(|switch| self.segment(switch, vlan))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Environments, one bit for each index there can be.
#[derive(Clone, Copy, Debug, Default)]
struct EnvironmentSet([u128; 2]);

impl EnvironmentSet {
    const fn place(environment: EnvironmentIndex) -> (usize, u128) {
        ((environment.0 >> 7) as usize, 1_u128 << (environment.0 & 127))
    }

    fn add(&mut self, environment: EnvironmentIndex) {
        let (half, bit) = Self::place(environment);
        if let Some(bits) = self.0.get_mut(half) {
            *bits |= bit;
        }
    }

    fn holds(&self, environment: EnvironmentIndex) -> bool {
        let (half, bit) = Self::place(environment);
        self.0.get(half).is_some_and(|bits| bits & bit != 0)
    }
}

/// The switches a gateway is connected to: those written, else the core of its site, else every
/// switch of its site.
pub(super) fn attachments(plan: &Plan, gateway: &Gateway) -> Vec<SwitchIndex> {
    if !gateway.attach.is_empty() {
        return gateway.attach.clone();
    }
    let of = |core: bool| -> Vec<SwitchIndex> {
        let here = (0_u16..).map(SwitchIndex).zip(&plan.switches);
        here.filter(|(_, switch)| {
            switch.site == gateway.site && (!core || switch.role == SwitchRole::Core)
        })
        .map(|(index, _)| index)
        .collect()
    };
    let core = of(true);
    if core.is_empty() { of(false) } else { core }
}

/// The gateway that is not active while that one is.
pub(super) fn partner(plan: &Plan, gateway: GatewayIndex) -> Option<GatewayIndex> {
    let own = plan.gateway(gateway)?.standby_of;
    own.or_else(|| {
        let position = plan.gateways.iter().position(|other| other.standby_of == Some(gateway))?;
        u16::try_from(position).ok().map(GatewayIndex)
    })
}

/// What an end of a link carries: tagged VLANs, and the VLAN of untagged frames.
pub(super) fn carried(plan: &Plan, end: LinkEnd) -> Option<(&[VlanId], Option<VlanId>)> {
    match &plan.port(end.switch, end.port)?.role {
        PortRole::Trunk { vlans, native, .. } => Some((vlans, *native)),
        PortRole::Access { vlan, .. } => Some((&[], Some(*vlan))),
        PortRole::Auth { .. } | PortRole::Unused => None,
    }
}

/// What two ascending lists have in common.
pub(super) fn common<'a>(
    one: &'a [VlanId],
    other: &'a [VlanId],
) -> impl Iterator<Item = VlanId> + 'a {
    let mut other = other.iter().copied().peekable();
    one.iter().copied().filter(move |vlan| {
        while other.next_if(|next| next < vlan).is_some() {}
        other.next_if_eq(vlan).is_some()
    })
}

/// Disjoint sets, with path halving and union by size.
struct Forest {
    parent: Vec<usize>,
    size: Vec<u32>,
}

impl Forest {
    fn new(count: usize) -> Self {
        Self { parent: (0..count).collect(), size: vec![1; count] }
    }

    fn root(&mut self, mut node: usize) -> usize {
        loop {
            let parent = self.parent.get(node).copied().unwrap_or(node);
            if parent == node {
                return node;
            }
            let above = self.parent.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parent.get_mut(node) {
                *slot = above;
            }
            node = above;
        }
    }

    fn join(&mut self, one: usize, other: usize) {
        let (mut large, mut small) = (self.root(one), self.root(other));
        if large == small {
            return;
        }
        let size = |forest: &Self, node| forest.size.get(node).copied().unwrap_or_default();
        if size(self, large) < size(self, small) {
            std::mem::swap(&mut large, &mut small);
        }
        let sum = size(self, large) + size(self, small);
        if let Some(slot) = self.parent.get_mut(small) {
            *slot = large;
        }
        if let Some(slot) = self.size.get_mut(large) {
            *slot = sum;
        }
    }
}
