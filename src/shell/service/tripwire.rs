//! Whose label was asked for outside, and what that leads to: the same as any hard sign.

use ipnetwork::IpNetwork;
use serde_json::{Value, json};

use super::Service;
use super::operators::check_reason;
use crate::plan::{Credentials, Device, Plan};
use crate::sensor::Observation;
use crate::shell::log::Said;
use crate::shell::store::Revoked;
use crate::shell::{Failure, FailureKind, log};
use crate::tripwire::{Directory, Epoch, LabelHash, LabelKey, Whose};
use crate::vocabulary::{Timestamp, escape};

/// How far ahead of ours the responder's clock may be, in milliseconds.
const AHEAD_MS: i64 = 3_600_000;

/// What labels are known by.
#[derive(Debug, Default)]
pub(super) struct Labels {
    key: Option<LabelKey>,
    /// Made at the first hit, for the plan in force.
    directory: Option<Directory>,
}

impl Labels {
    pub(super) fn new(credentials: &Credentials) -> Self {
        Self { key: credentials.tripwire.as_ref().and_then(LabelKey::new), directory: None }
    }

    /// The labels of this moment; `None` without key or tripwire.
    fn directory(&mut self, plan: &Plan, now: Timestamp) -> Option<&Directory> {
        let (wire, key) = (plan.tripwire()?, self.key.as_ref()?);
        if !self.directory.as_ref().is_some_and(|known| known.is_of(now)) {
            self.directory = Some(Directory::new(plan, wire, key, now));
        }
        self.directory.as_ref()
    }
}

impl Service {
    /// A hit as a line, and what is done about it.
    pub(super) fn tripped(
        &mut self,
        now: Timestamp,
        plan: &Plan,
        sensor: &str,
        hit: &Observation,
    ) -> Said {
        let network = hit.addresses.first().map(|it| escape(it.as_bytes())).unwrap_or_default();
        let mut facts = vec![
            ("sensor", sensor.to_owned()),
            ("sequence", hit.sequence.to_string()),
            ("label", escape(hit.subject.as_bytes())),
            ("network", network),
            ("by", escape(hit.kind.as_bytes())),
            ("asked", escape(hit.time.as_bytes())),
        ];
        let (device, epoch) = match self.whose(now, plan, hit) {
            Ok(known) => known,
            Err(why) => {
                self.count_hit("unknown");
                facts.push(("why", why.to_owned()));
                return (log::Event::TripwireUnknown, facts);
            }
        };
        if let Some(revoked) = self.revocation(now, plan, device, epoch) {
            self.count_hit("revoked");
            facts.push(("asset", revoked.asset));
            facts.push(("reason", escape(revoked.reason.as_bytes())));
            return (log::Event::TripwireRevokedHit, facts);
        }
        let from = hit.addresses.first().and_then(|network| network.parse::<IpNetwork>().ok());
        let own = from.zip(plan.tripwire()).is_some_and(|(from, wire)| wire.is_own(from));
        if own {
            self.count_hit("own");
            facts.push(("asset", device.asset.clone()));
            return (log::Event::TripwireOwn, facts);
        }
        self.count_hit("named");
        // The address that has a session, so that its place is known.
        let live = device.macs.iter().find(|mac| self.sensors.live.contains_key(mac));
        let mac = live.or(device.macs.first()).map(ToString::to_string);
        let subject = mac.clone().unwrap_or_else(|| device.asset.clone());
        let (event, mut told) = self.told(now, plan, sensor, &hit.tripped(subject, mac));
        let new = |name: &str| !told.iter().any(|(known, _)| *known == name);
        let more = [("asset", device.asset.clone()), ("host", device.computer.clone())];
        let more: Vec<_> = facts.into_iter().chain(more).filter(|(name, _)| new(name)).collect();
        told.extend(more);
        (event, told)
    }

    /// The device whose label was asked for, and the epoch of the label.
    fn whose<'a>(
        &mut self,
        now: Timestamp,
        plan: &'a Plan,
        hit: &Observation,
    ) -> Result<(&'a Device, Epoch), &'static str> {
        let hash = LabelHash::parse(&hit.subject).ok_or("no hash")?;
        let asked = Timestamp::parse(&hit.time).map_err(|_| "no time")?;
        if asked.0 > now.0.saturating_add(AHEAD_MS) {
            return Err("future");
        }
        let directory = self.tripwire.directory(plan, now).ok_or("no key")?;
        match directory.whose(hash, asked) {
            Whose::Device(index, epoch) => {
                plan.device(index).map(|device| (device, epoch)).ok_or("unknown")
            }
            Whose::Past(_) => Err("past"),
            Whose::Nobody => Err("unknown"),
        }
    }

    /// Whether a label was taken back. A store that cannot be read takes none back: the verdict
    /// says so to people, who know.
    fn revocation(
        &mut self,
        now: Timestamp,
        plan: &Plan,
        device: &Device,
        epoch: Epoch,
    ) -> Option<Revoked> {
        let begins = epoch.begins(plan.tripwire()?.rotation);
        let revoked = match self.store().and_then(|store| store.revoked_label(&device.asset)) {
            Ok(revoked) => revoked?,
            Err(failure) => {
                self.log.event(
                    now,
                    log::Event::StoreFailed,
                    &[("cause", failure.message(self.log.language()))],
                );
                return None;
            }
        };
        (begins <= revoked.at).then_some(revoked)
    }

    fn count_hit(&self, result: &str) {
        self.metrics.tripwire_hits.with_label_values(&[result]).inc();
    }

    /// Takes the labels of a device back that are in force; the next epoch brings it another.
    pub(super) fn tripwire_revoke(
        &mut self,
        now: Timestamp,
        asset: &str,
        reason: &str,
        by: &str,
    ) -> Result<Value, Failure> {
        check_reason(reason)?;
        let plan = std::sync::Arc::clone(&self.snapshot.plan);
        let wire = plan.tripwire().ok_or_else(|| Failure::new(FailureKind::TripwireAbsent))?;
        let known = plan
            .device_by_asset(asset)
            .and_then(|index| plan.device(index).filter(|device| wire.covers(index, device)));
        if known.is_none() {
            return Err(Failure::new(FailureKind::TripwireDeviceWithout).fact("asset", asset));
        }
        let revoked = Revoked {
            asset: asset.to_owned(),
            at: now,
            by: by.to_owned(),
            reason: reason.to_owned(),
        };
        self.store()?.revoke_label(&revoked)?;
        let until = Epoch::at(now, wire.rotation).ends(wire.rotation).rfc3339();
        let facts = [
            ("asset", asset.to_owned()),
            ("by", by.to_owned()),
            ("until", until.clone()),
            ("reason", reason.to_owned()),
        ];
        self.log.event(now, log::Event::TripwireRevoked, &facts);
        Ok(json!({ "asset": asset, "until": until }))
    }

    /// What was taken back.
    pub(super) fn tripwire_revoked(&mut self) -> Result<Value, Failure> {
        let wire = self.snapshot.plan.tripwire().cloned();
        let wire = wire.ok_or_else(|| Failure::new(FailureKind::TripwireAbsent))?;
        let now = self.clock.now().wall;
        let one = |it: &Revoked| {
            let until = Epoch::at(it.at, wire.rotation).ends(wire.rotation);
            json!({
                "asset": it.asset,
                "at": it.at.rfc3339(),
                "by": it.by,
                "reason": it.reason,
                "until": until.rfc3339(),
                "new_label": until <= now,
            })
        };
        Ok(self.store()?.revoked_labels()?.iter().map(one).collect())
    }
}
