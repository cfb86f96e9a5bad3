//! Which label is whose.

use std::collections::HashMap;
use std::time::Duration;

use super::{Epoch, LabelHash, LabelKey};
use crate::plan::{Plan, Tripwire};
use crate::vocabulary::{DeviceIndex, Timestamp};

/// Epochs that hits are told apart by: those in force, and one whose last hits may still wait on
/// the responder's disk.
const EPOCHS: u64 = 3;

/// A device with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// The device.
    pub device: DeviceIndex,
    /// Its asset number.
    pub asset: String,
    /// Its computer name.
    pub computer: String,
    /// Its label.
    pub label: String,
}

/// The labels of every device that has one, in the order of the inventory.
#[must_use]
pub fn labels(plan: &Plan, wire: &Tripwire, key: &LabelKey, epoch: Epoch) -> Vec<Labelled> {
    let devices = (0_u32..).map(DeviceIndex).zip(&plan.devices);
    devices
        .filter(|(index, device)| wire.covers(*index, device))
        .map(|(device, it)| Labelled {
            device,
            asset: it.asset.clone(),
            computer: it.computer.clone(),
            label: key.label(&it.asset, epoch),
        })
        .collect()
}

/// Whose label was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A device's, in force when it was asked for.
    Device(DeviceIndex, Epoch),
    /// A device's, but of a time before.
    Past(DeviceIndex),
    /// Nobody's that this key and plan know.
    Nobody,
}

/// The labels of the last few epochs by hash.
#[derive(Clone, Debug)]
pub struct Directory {
    newest: Epoch,
    rotation: Duration,
    hashes: HashMap<LabelHash, (DeviceIndex, Epoch)>,
}

impl Directory {
    /// That of a moment.
    #[must_use]
    pub fn new(plan: &Plan, wire: &Tripwire, key: &LabelKey, now: Timestamp) -> Self {
        let newest = Epoch::at(now, wire.rotation);
        let mut hashes = HashMap::new();
        for back in 0..EPOCHS.min(newest.0.saturating_add(1)) {
            let epoch = Epoch(newest.0 - back);
            for labelled in labels(plan, wire, key, epoch) {
                let hash = LabelHash::of(labelled.label.as_bytes());
                hashes.extend(hash.map(|hash| (hash, (labelled.device, epoch))));
            }
        }
        Self { newest, rotation: wire.rotation, hashes }
    }

    /// Whether it is that of this moment.
    #[must_use]
    pub fn is_of(&self, now: Timestamp) -> bool {
        Epoch::at(now, self.rotation) == self.newest
    }

    /// Whose label was asked for at a time.
    #[must_use]
    pub fn whose(&self, hash: LabelHash, asked: Timestamp) -> Whose {
        let Some((device, epoch)) = self.hashes.get(&hash) else { return Whose::Nobody };
        let then = Epoch::at(asked, self.rotation);
        if *epoch >= then.previous() {
            return Whose::Device(*device, *epoch);
        }
        Whose::Past(*device)
    }
}
