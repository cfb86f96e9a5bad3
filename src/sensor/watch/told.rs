//! What the service tells, as signs of stations that are in sight.

use super::{Context, Draft, Sensor, Subject};
use crate::sensor::hint::Hint;

impl Sensor {
    /// Weighs what the service knows of a MAC, in every VLAN where it is in sight: beside a sign of
    /// the wire it may be a verdict, alone it is none. It counts from now on, as frames have it.
    pub fn hear(&mut self, hint: &Hint) {
        let (Some((mac, kind)), Some(time)) = (hint.read(), self.now) else { return };
        let subject = Subject::Mac(mac);
        let mut seen = Vec::new();
        for (vlan, place) in self.places.iter_mut() {
            if place.get_mut(&subject).is_some() {
                seen.push(vlan);
            }
        }
        for vlan in seen {
            let at = Context {
                frame: self.counters.frames,
                time,
                vlan,
                setting: self.knowledge.setting(vlan),
                source: Some(mac),
                destination: None,
                unicast: false,
            };
            let mut draft = Draft::new(kind);
            draft.facts = hint.facts();
            self.raise(&at, subject, draft);
        }
    }
}
