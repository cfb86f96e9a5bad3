//! What a switch's forwarding table shows: which MAC is at which port.
//!
//! The frames of a mirror do not tell ports apart; whoever asks switches (by SNMP, or by their
//! notifications) hands in what they say.

use super::{Context, Draft, Sensor, Subject};
use crate::sensor::capture::CaptureTime;
use crate::sensor::sign::SignKind;
use crate::vocabulary::{Mac, PortIndex, SwitchIndex};

/// Ports whose MACs are remembered.
pub const PORTS_MAX: usize = 65_536;
/// MACs remembered of one port, and so the bound of what a flood on it costs.
pub const PORT_MACS_MAX: usize = 16;

/// A port of a switch.
pub type At = (SwitchIndex, PortIndex);

impl Sensor {
    /// Takes a line of a forwarding table: `mac` is at an access port that may hold `allowed`
    /// MACs (a telephone and a PC behind it are two).
    pub fn sighted(
        &mut self,
        now: CaptureTime,
        port: At,
        (mac, vlan): (Mac, Option<u16>),
        allowed: usize,
    ) {
        let at = Context {
            frame: 0,
            time: now,
            vlan,
            setting: self.knowledge.setting(vlan),
            source: Some(mac),
            destination: None,
            unicast: true,
        };
        let before = self.ports_of.get_mut(&mac).copied();
        self.ports_of.insert(mac, port);
        if let Some(before) = before.filter(|before| *before != port) {
            if let Some(macs) = self.macs_at.get_mut(&before) {
                macs.retain(|(other, _)| *other != mac);
            }
            self.raise(&at, Subject::Mac(mac), Draft::new(SignKind::MacMoved));
        }
        let macs = self.macs_at.get_or(port, Vec::new);
        macs.retain(|(other, _)| *other != mac);
        let beside =
            macs.iter().find_map(|(other, at)| Some((*other, at.filter(|at| vlan != Some(*at))?)));
        if macs.len() < PORT_MACS_MAX {
            macs.push((mac, vlan));
        }
        let count = macs.len();
        if count > allowed {
            let draft = Draft::new(SignKind::SeveralMacs).fact("count", count);
            self.raise(&at, Subject::Mac(mac), draft);
        }
        if let (Some(vlan), Some(beside)) = (vlan, beside) {
            self.shared_port(&at, (mac, vlan), beside);
        }
    }
}
