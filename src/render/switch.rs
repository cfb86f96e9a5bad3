//! A switch's ports as its own command line wants them: 802.1X and MAC authentication, trunks,
//! and what is shut. ASCII only, since not every switch takes more.
//!
//! What no recorded packet or manual in hand backs is marked `to confirm`.

use std::collections::BTreeSet;

use super::{Refused, agent, short_hash};
use crate::plan::{HostMode, Plan, Port, PortRole, Profile, ServerDead, Switch};
use crate::vocabulary::{SwitchIndex, VlanId};

/// Whose command line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Cisco,
    Alaxala,
    AlliedWarePlus,
}

/// Makers by the name in a profile.
const FAMILIES: &[(&str, Family)] = &[
    ("Cisco", Family::Cisco),
    ("ALAXALA", Family::Alaxala),
    ("Allied Telesis", Family::AlliedWarePlus),
];

/// A switch as it is written down.
struct Writer<'a> {
    family: Family,
    switch: &'a Switch,
    profile: &'a Profile,
    /// The server's ports, as they follow its address.
    server_ports: String,
    /// The VLANs a device can be given, by port.
    dynamic: Vec<Vec<VlanId>>,
    lines: Vec<String>,
}

/// Writes the configuration of a switch's ports. It holds no secret and no server's address:
/// comments say where they go.
///
/// # Errors
/// The switch's maker is not one whose command line is known.
pub fn switch(plan: &Plan, index: SwitchIndex) -> Result<String, Refused> {
    let found = plan.switch(index).zip(plan.profile_of(index));
    let (switch, profile) =
        found.ok_or_else(|| Refused::new("スイッチがありません", "no such switch"))?;
    let Some((_, family)) = FAMILIES.iter().find(|(vendor, _)| *vendor == profile.vendor) else {
        let known: Vec<&str> = FAMILIES.iter().map(|(vendor, _)| *vendor).collect();
        return Err(Refused::new(
            "スイッチ {switch} のメーカー {vendor} の設定は書けません。書けるのは: {known}",
            "switch {switch}: configuration for {vendor} cannot be written; it can for: {known}",
        )
        .fact("switch", &switch.id)
        .fact("vendor", &profile.vendor)
        .fact("known", known.join(", ")));
    };
    let dynamic = switch.ports.iter().map(|port| assignable(plan, switch, port)).collect();
    let server_ports = server_ports(plan);
    let mut writer =
        Writer { family: *family, switch, profile, server_ports, dynamic, lines: Vec::new() };
    writer.line("! Written by sekisho render switch; change the plan, not this file.");
    writer.line(&format!(
        "! switch {}, plan {}, profile {}",
        switch.id,
        short_hash(plan),
        profile.id
    ));
    writer.line("! A remark 'to confirm' is about the line after it, which awaits a test on the model itself.");
    writer.vlans();
    if switch.is_client() {
        writer.servers();
    }
    for line in agent::lines(*family, profile, plan.server.survey.traps.is_some()) {
        writer.line(&line);
    }
    for (position, port) in switch.ports.iter().enumerate() {
        writer.port(position, port);
    }
    writer.line("end");
    let mut text = writer.lines.join("\n");
    text.push('\n');
    Ok(text)
}

/// The ports the server listens on, as a switch is told them.
fn server_ports(plan: &Plan) -> String {
    let kinds = [("auth", &plan.server.authentication), ("acct", &plan.server.accounting)];
    let first = kinds.iter().filter_map(|(kind, all)| Some((kind, all.first()?.port())));
    first.map(|(kind, port)| format!(" {kind}-port {port}")).collect()
}

/// Every VLAN that a device can be given at a port.
fn assignable(plan: &Plan, switch: &Switch, port: &Port) -> Vec<VlanId> {
    let PortRole::Auth { environments, fixed_vlan, .. } = &port.role else { return Vec::new() };
    if let Some(vlan) = fixed_vlan {
        return vec![*vlan];
    }
    let own = |vlan: &&VlanId| {
        plan.vlan_environment(**vlan).is_some_and(|environment| environments.contains(&environment))
    };
    switch.vlans.iter().filter(own).copied().collect()
}

/// VLANs as a list, `110,120-122`.
fn list(vlans: impl IntoIterator<Item = VlanId>) -> String {
    let sorted: BTreeSet<u16> = vlans.into_iter().map(VlanId::get).collect();
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for vlan in sorted {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == vlan => *last = vlan,
            _ => runs.push((vlan, vlan)),
        }
    }
    let shown = |(first, last): &(u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(shown).collect::<Vec<_>>().join(",")
}

impl Writer<'_> {
    /// A line; a remark at its end stands on a line of its own before it, since few switches
    /// take one after a command.
    fn line(&mut self, line: &str) {
        if let Some((command, remark)) = line.split_once("  ! ") {
            let indent = if command.starts_with(' ') { " " } else { "" };
            self.lines.push(format!("{indent}! {remark}"));
            self.lines.push(command.to_owned());
        } else {
            self.lines.push(line.to_owned());
        }
    }

    fn all(&mut self, lines: &[&str]) {
        for line in lines {
            self.line(line);
        }
    }

    fn mac_authentication(&self) -> bool {
        !self.profile.request.mab_forms.is_empty()
    }

    fn vlans(&mut self) {
        self.line("!");
        let vlans = list(self.switch.vlans.iter().copied());
        match self.family {
            Family::Cisco | Family::Alaxala => self.line(&format!("vlan {vlans}")),
            Family::AlliedWarePlus => {
                self.line("vlan database");
                self.line(&format!(" vlan {vlans} state enable"));
            }
        }
        if self.family == Family::Cisco {
            // A trunk of this family always has a native VLAN: this takes untagged frames away.
            self.line("vlan dot1q tag native  ! to confirm: not on every model");
        }
    }

    /// How the servers are asked; their addresses and the secret are left to the operator.
    fn servers(&mut self) {
        let timeout = self.profile.behaviour.request_timeout.as_secs();
        let retries = self.profile.behaviour.retries;
        let coa = self.profile.enforce.coa.port;
        let accounting = self.profile.behaviour.accounting.start_stop;
        let id = self.switch.id.clone();
        self.line("!");
        self.line(
            "! SERVER: an address of sekisho in the management network, from config/server.toml.",
        );
        self.line(&format!(
            "! SECRET: what `sekisho secret show {id}` prints. Neither is written here."
        ));
        match self.family {
            Family::Cisco => {
                self.all(&[
                    "aaa new-model",
                    "aaa authentication dot1x default group radius",
                    "aaa authorization network default group radius",
                ]);
                if accounting {
                    self.line("aaa accounting dot1x default start-stop group radius");
                }
                let ports = &self.server_ports;
                let server = format!("! address ipv4 SERVER{ports}");
                self.all(&["radius server SEKISHO", &server, "! key SECRET"]);
                self.line(&format!(" timeout {timeout}"));
                self.line(&format!(" retransmit {retries}"));
                self.line("radius-server attribute 31 mac format ietf upper-case  ! to confirm");
                if coa != 0 {
                    self.line("aaa server radius dynamic-author");
                    self.line("! client SERVER server-key SECRET");
                    self.line(&format!(" port {coa}  ! to confirm: the default of IOS is 1700"));
                }
                self.line("dot1x system-auth-control");
            }
            Family::Alaxala => {
                self.line(&format!("! radius-server host SERVER{} key SECRET", self.server_ports));
                self.line(&format!("radius-server timeout {timeout}"));
                self.line(&format!("radius-server retransmit {retries}"));
                self.line("aaa authentication dot1x default group radius");
                if accounting {
                    self.line("aaa accounting dot1x default start-stop group radius  ! to confirm");
                }
                self.line("dot1x system-auth-control");
                if self.mac_authentication() {
                    self.all(&[
                        "aaa authentication mac-authentication default group radius  ! to confirm",
                        "mac-authentication system-auth-control",
                    ]);
                }
            }
            Family::AlliedWarePlus => {
                self.line(&format!("! radius-server host SERVER{} key SECRET", self.server_ports));
                self.line(&format!("radius-server timeout {timeout}"));
                self.line(&format!("radius-server retransmit {retries}"));
                self.line("aaa authentication dot1x default group radius");
                if accounting {
                    self.line("aaa accounting dot1x default start-stop group radius");
                }
                if self.mac_authentication() {
                    self.line("aaa authentication auth-mac default group radius");
                    self.line("! user name and password of MAC authentication: the address, lower case, hyphens");
                    self.line("auth-mac username ietf lower-case  ! to confirm");
                }
            }
        }
    }

    fn port(&mut self, position: usize, port: &Port) {
        self.line("!");
        let name = match self.family {
            Family::Cisco | Family::AlliedWarePlus => port.name.clone(),
            Family::Alaxala => format!("gigabitethernet {}", port.name),
        };
        let doubt = if self.family == Family::Alaxala {
            "  ! to confirm: or tengigabitethernet"
        } else {
            ""
        };
        self.line(&format!("interface {name}{doubt}"));
        match &port.role {
            PortRole::Unused => self.line(" shutdown"),
            PortRole::Access { vlan, .. } => {
                self.line(" switchport mode access");
                self.line(&format!(" switchport access vlan {vlan}"));
                self.line(" no shutdown");
            }
            PortRole::Trunk { vlans, native, all } => {
                let vlans = if *all { &self.switch.vlans } else { vlans };
                let tagged = list(vlans.iter().copied());
                self.trunk(&tagged, *native);
            }
            PortRole::Auth { host_mode, fixed_vlan, .. } => {
                let vlans = self.dynamic.get(position).cloned().unwrap_or_default();
                match self.family {
                    Family::Cisco => self.cisco(*host_mode, *fixed_vlan),
                    Family::Alaxala => self.alaxala(*host_mode, *fixed_vlan, &vlans),
                    Family::AlliedWarePlus => self.allied(*host_mode, *fixed_vlan),
                }
                if self.profile.behaviour.server_dead != ServerDead::Closed {
                    self.line(" ! to confirm: nothing here opens the port while no server answers");
                }
                self.line(" no shutdown");
            }
        }
    }

    fn trunk(&mut self, tagged: &str, native: Option<VlanId>) {
        self.line(" switchport mode trunk");
        let add = if self.family == Family::AlliedWarePlus { "add " } else { "" };
        match (self.family, native) {
            (Family::AlliedWarePlus, None) => self.line(" switchport trunk native vlan none"),
            (_, Some(native)) => self.line(&format!(" switchport trunk native vlan {native}")),
            (Family::Cisco, None) => {
                self.line(" ! no native VLAN: 'vlan dot1q tag native' above drops untagged frames");
            }
            (Family::Alaxala, None) => {
                self.line(" ! no native VLAN: VLAN 1 is not allowed below, so untagged frames are dropped (to confirm)");
            }
        }
        self.line(&format!(" switchport trunk allowed vlan {add}{tagged}"));
        self.line(" no shutdown");
    }

    fn cisco(&mut self, host_mode: HostMode, fixed: Option<VlanId>) {
        let mode = match host_mode {
            HostMode::Single => "single-host",
            HostMode::MultiDomain => "multi-domain",
            HostMode::MultiAuth => "multi-auth",
            HostMode::MultiHost => "multi-host",
        };
        self.line(" switchport mode access");
        if let Some(vlan) = fixed {
            self.line(&format!(" switchport access vlan {vlan}"));
        }
        self.line(&format!(" authentication host-mode {mode}"));
        if self.mac_authentication() {
            self.all(&[" authentication order dot1x mab", " mab"]);
        } else {
            self.line(" authentication order dot1x");
        }
        self.all(&[
            " authentication port-control auto",
            " authentication violation restrict",
            " authentication periodic",
        ]);
        let seconds = self.profile.reply.session_timeout.as_secs();
        self.line(&format!(" ! the server says when: Session-Timeout {seconds}"));
        self.all(&[
            " authentication timer reauthenticate server",
            " dot1x timeout tx-period 3",
            " dot1x pae authenticator",
            " ! no VLAN for guests, failures or a dead server",
            " no authentication event fail",
            " no authentication event no-response",
            " no authentication event server dead action authorize  ! to confirm",
        ]);
    }

    fn alaxala(&mut self, host_mode: HostMode, fixed: Option<VlanId>, vlans: &[VlanId]) {
        if let Some(vlan) = fixed {
            self.line(" switchport mode access");
            self.line(&format!(" switchport access vlan {vlan}"));
        } else {
            self.line(" switchport mode mac-vlan");
            self.line(&format!(
                " switchport mac vlan {}  ! the VLANs a device can be given; to confirm",
                list(vlans.iter().copied())
            ));
        }
        self.line(" dot1x port-control auto");
        match host_mode {
            HostMode::Single | HostMode::MultiDomain => {
                self.line(" authentication max-user 1  ! one device; to confirm");
            }
            HostMode::MultiAuth => self.line(" dot1x multiple-authentication  ! to confirm"),
            HostMode::MultiHost => self.line(" dot1x multiple-hosts  ! to confirm"),
        }
        let seconds = self.profile.reply.session_timeout.as_secs();
        self.line(" dot1x reauthentication");
        self.line(&format!(" dot1x timeout reauth-period {seconds}"));
        if self.mac_authentication() {
            self.line(" mac-authentication port  ! to confirm");
        }
        self.line(" ! no VLAN for failures or a dead server: none is configured");
    }

    fn allied(&mut self, host_mode: HostMode, fixed: Option<VlanId>) {
        let mode = match host_mode {
            HostMode::Single => "single-host",
            HostMode::MultiDomain => {
                "single-host  ! to confirm: no multi-domain mode here, so one device"
            }
            HostMode::MultiAuth => "multi-supplicant",
            HostMode::MultiHost => "multi-host",
        };
        self.line(" switchport mode access");
        if let Some(vlan) = fixed {
            self.line(&format!(" switchport access vlan {vlan}"));
        }
        self.line(" dot1x port-control auto");
        if self.mac_authentication() {
            self.line(" auth-mac enable");
        }
        self.line(&format!(" auth host-mode {mode}"));
        if fixed.is_none() {
            // The first device's VLAN must never be everyone's.
            let kind = if host_mode == HostMode::MultiAuth { "type multi" } else { "rule deny" };
            self.line(&format!(" auth dynamic-vlan-creation {kind}  ! to confirm"));
        }
        let seconds = self.profile.reply.session_timeout.as_secs();
        self.line(" auth reauthentication");
        self.line(&format!(" auth timeout reauth-period {seconds}"));
        self.all(&[
            " auth session-timeout  ! to confirm",
            " ! no VLAN for guests, failures or a dead server",
            " no auth guest-vlan",
            " no auth auth-fail vlan",
            " no auth critical",
        ]);
    }
}
