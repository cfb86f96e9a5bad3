//! What an observation of a sensor means: a line for the record, and where the configuration says
//! so a mark, which live sessions then follow like any other.

use super::Service;
use crate::enforce::ladder::Step;
use crate::plan::Plan;
use crate::sensor::{BreachKind, Level, Observation};
use crate::shell::log;
use crate::shell::log::Said;
use crate::vocabulary::{EnvironmentIndex, Mac, Timestamp, VlanId, escape};

impl Service {
    /// An observation as a line; of a verdict also what was done about it.
    pub(super) fn told(
        &mut self,
        now: Timestamp,
        plan: &Plan,
        sensor: &str,
        observation: &Observation,
    ) -> Said {
        let language = self.log.language();
        let mac = observation.mac.as_deref().and_then(|mac| Mac::parse(mac).ok());
        let mut facts = vec![
            ("sensor", sensor.to_owned()),
            ("sequence", observation.sequence.to_string()),
            ("kind", escape(observation.kind.as_bytes())),
            ("subject", escape(observation.subject.as_bytes())),
            ("addresses", escape(observation.addresses.join(",").as_bytes())),
            ("frame", observation.frame.to_string()),
            ("frame_time", escape(observation.time.as_bytes())),
            ("first_sign", escape(observation.first.as_bytes())),
        ];
        let known = observation.text(language);
        let text =
            known.unwrap_or_else(|| format!("{}: {}", observation.kind, observation.subject));
        facts.push(("text", escape(text.as_bytes())));
        facts.extend(mac.map(|mac| ("mac", mac.to_string())));
        if !observation.changes.is_empty() {
            facts.push(("changes", escape(observation.changes.join(",").as_bytes())));
        }
        facts.extend(observation.vlan.map(|vlan| ("vlan", vlan.to_string())));
        let device = mac.and_then(|mac| plan.device_by_mac(mac)).and_then(|it| plan.device(it));
        facts.extend(device.map(|device| ("asset", device.asset.clone())));
        let environment = self.environment(plan, mac, observation.vlan);
        let named = environment.and_then(|index| plan.environment(index));
        facts.extend(named.map(|environment| ("environment", environment.id.clone())));
        let event = match observation.level {
            Level::Sign => log::Event::SensorSign,
            Level::Notice => log::Event::SensorNotice,
            Level::Hit => return self.tripped(now, plan, sensor, observation),
            Level::Breach => {
                let named = escape(observation.environments.join(",").as_bytes());
                facts.push(("environments", named));
                let frames: Vec<_> = observation
                    .signs
                    .iter()
                    .map(|seen| format!("{} {}", seen.frame, seen.time))
                    .collect();
                facts.push(("frames", escape(frames.join("; ").as_bytes())));
                self.breached(observation)
            }
            Level::Verdict => {
                let (step, place) = self.respond(now, plan, sensor, observation, environment);
                if step == Step::NowhereKnown {
                    self.seek(sensor, observation);
                }
                self.count_verdict(now, plan, observation, environment, step);
                facts.push(("action", step.id().to_owned()));
                facts.push(("place", place));
                let score = observation.score_tenths;
                facts.push(("score", format!("{}.{}", score / 10, score % 10)));
                facts.push(("hard", observation.is_hard().to_string()));
                let signs: Vec<_> =
                    observation.signs.iter().map(|sign| sign.text(language)).collect();
                facts.push(("signs", escape(signs.join("; ").as_bytes())));
                let frames: Vec<_> = observation
                    .signs
                    .iter()
                    .map(|sign| format!("{} {} {}", sign.id, sign.frame, sign.time))
                    .collect();
                facts.push(("sign_frames", escape(frames.join("; ").as_bytes())));
                log::Event::SensorVerdict
            }
        };
        (event, facts)
    }

    /// Counts a breach of the separation; gives its event.
    fn breached(&self, observation: &Observation) -> log::Event {
        let kind = BreachKind::parse(&observation.kind);
        let counted = kind.map_or("unknown", BreachKind::id);
        self.metrics.separation_breaches.with_label_values(&[counted]).inc();
        match kind {
            Some(BreachKind::Flow) => log::Event::SeparationFlow,
            Some(BreachKind::Device) => log::Event::SeparationDevice,
            Some(BreachKind::Address | BreachKind::Vlan) | None => log::Event::SeparationWire,
        }
    }

    /// The environment a verdict concerns: the device's own, else the one its session entered,
    /// else that of the VLAN.
    pub(super) fn environment(
        &self,
        plan: &Plan,
        mac: Option<Mac>,
        vlan: Option<u16>,
    ) -> Option<EnvironmentIndex> {
        let device = mac.and_then(|mac| plan.device_by_mac(mac)).and_then(|it| plan.device(it));
        let session = || {
            let sessions = self.sensors.live.get(&mac?)?;
            sessions.first().and_then(|(_, id)| plan.environment_by_id(id))
        };
        let network = || plan.vlan_environment(VlanId::new(vlan?)?);
        device.map(|device| device.environment).or_else(session).or_else(network)
    }
}
