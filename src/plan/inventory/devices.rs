//! The rows of `config/inventory.csv` as devices.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use smallvec::SmallVec;

use super::cells::{self, Column, Row};
use super::{Device, area, decode, mac};
use crate::plan::finding::Sink;
use crate::plan::names::{Names, resolve};
use crate::plan::read::Located;
use crate::plan::sources::required;
use crate::plan::topology::Topology;
use crate::plan::{Admission, Class, Environment, FindingKind, MacAdmission, Origin, Sources};
use crate::vocabulary::{ClassIndex, DeviceIndex, EnvironmentIndex, Mac};

/// As findings show it.
pub(in crate::plan) const PATH: &str = "config/inventory.csv";
/// Addresses of one device.
const MACS_MAX: usize = 16;

/// Reads `config/inventory.csv`.
pub(in crate::plan) fn read(
    sources: &Sources,
    sink: &Sink,
    names: &mut Names,
    environments: &[Environment],
    classes: &[Class],
    topology: &Topology,
) -> Vec<Device> {
    let octets = required(&sources.config, "config", "inventory.csv", sink);
    let Some(text) = octets.and_then(|octets| decode::decode(octets, sink)) else {
        return Vec::new();
    };
    let mut devices = Vec::with_capacity(text.lines().count().min(cells::ROWS_MAX));
    let (taken, words) = (Taken::default(), HashSet::new());
    let mut register = Register { sink, environments, classes, topology, taken, words };
    cells::rows(&text, PATH, cells::REQUIRED, sink, |row| {
        if !row.sound {
            return;
        }
        let Some((asset, device)) = register.device(row, names) else { return };
        let index = u32::try_from(devices.len()).ok().map(DeviceIndex);
        names.assets.insert(asset, device.as_ref().and(index));
        devices.extend(device);
    });
    devices
}

/// What only one device may have, and the line of the one that has it.
#[derive(Default)]
struct Taken {
    assets: HashMap<String, u32>,
    computers: HashMap<String, u32>,
    certificates: HashMap<String, u32>,
    macs: HashMap<Mac, u32>,
}

struct Register<'a> {
    sink: &'a Sink,
    environments: &'a [Environment],
    classes: &'a [Class],
    topology: &'a Topology,
    taken: Taken,
    /// What many rows say, kept once.
    words: HashSet<Arc<str>>,
}

impl Register<'_> {
    /// The asset number of a row with its device, which is `None` after findings.
    fn device(&mut self, row: &Row<'_>, names: &Names) -> Option<(String, Option<Device>)> {
        let asset = self.need(row, Column::Asset)?;
        if let Some(other) = take(&mut self.taken.assets, &asset.value, &row.at) {
            self.duplicate(&asset, FindingKind::Duplicate, &other);
            return None;
        }
        let device = self.body(row, names, asset.value.clone());
        Some((asset.value, device))
    }

    fn body(&mut self, row: &Row<'_>, names: &Names, asset: String) -> Option<Device> {
        let class = self.need(row, Column::Class);
        let class = class.and_then(|text| resolve(&names.classes, "class", &text, self.sink));
        let environment = self.environment(row, names);
        let macs = self.macs(row, environment);
        let certificate = self.certificate(row);
        if let Some(computer) = row.cell(Column::Computer)
            && let Some(other) =
                take(&mut self.taken.computers, &computer.value.to_lowercase(), &row.at)
        {
            self.duplicate(&computer, FindingKind::ComputerTwice, &other);
        }
        let place = match row.cell(Column::Place) {
            Some(text) => area(&text, names, self.topology, self.sink).map(Some),
            None => Some(None),
        };
        let (class, certificate) = (class?, certificate?);
        self.can_get_in(row, class, certificate.is_some());
        Some(Device {
            asset,
            computer: row.text(Column::Computer),
            domain: row.text(Column::Domain),
            model: self.word(row, Column::Model),
            serial: row.text(Column::Serial),
            macs: SmallVec::from_slice(&macs?),
            certificate,
            class,
            section: self.word(row, Column::Section),
            environment: environment?,
            place: place?,
            note: row.text(Column::Note),
            at: row.at.clone(),
        })
    }

    fn word(&mut self, row: &Row<'_>, column: Column) -> Arc<str> {
        let text = row.text(column);
        if let Some(known) = self.words.get(text.as_str()) {
            return Arc::clone(known);
        }
        let word: Arc<str> = text.into();
        self.words.insert(Arc::clone(&word));
        word
    }

    fn need(&self, row: &Row<'_>, column: Column) -> Option<Located<String>> {
        let cell = row.cell(column);
        if cell.is_none() {
            self.sink.push(row.finding(FindingKind::Empty, column));
        }
        cell
    }

    fn duplicate(&self, cell: &Located<String>, kind: FindingKind, other: &Origin) {
        self.sink.push(cell.finding(kind).fact("value", &cell.value).fact("other", other));
    }

    fn environment(&self, row: &Row<'_>, names: &Names) -> Option<EnvironmentIndex> {
        let text = self.need(row, Column::Environment)?;
        let index = resolve(&names.environments, "environment", &text, self.sink)?;
        if self.environments.get(usize::from(index.0))?.admission == Admission::None {
            let finding = text.finding(FindingKind::EnvironmentClosed);
            self.sink.push(finding.fact("environment", &text.value));
            return None;
        }
        Some(index)
    }

    /// The name in the certificate, lower-cased; `None` after a finding.
    fn certificate(&mut self, row: &Row<'_>) -> Option<Option<String>> {
        let Some(cell) = row.cell(Column::Certificate) else { return Some(None) };
        let name = cell.value.to_lowercase();
        if let Some(other) = take(&mut self.taken.certificates, &name, &row.at) {
            self.duplicate(&cell, FindingKind::Duplicate, &other);
            return None;
        }
        Some(Some(name))
    }

    /// The addresses of all its columns; `None` after findings.
    fn macs(&mut self, row: &Row<'_>, environment: Option<EnvironmentIndex>) -> Option<Vec<Mac>> {
        let mut macs = Vec::new();
        let mut sound = true;
        for cell in row.cells(Column::Mac) {
            sound &= mac::addresses(&cell, self.sink, &mut macs);
        }
        if macs.is_empty() && sound {
            self.sink.push(row.finding(FindingKind::NoMac, Column::Mac));
            return None;
        }
        if macs.len() > MACS_MAX {
            let finding = row.finding(FindingKind::TooMany, Column::Mac).fact("count", macs.len());
            self.sink.push(finding.fact("max", MACS_MAX));
            return None;
        }
        for mac in &macs {
            let finding = |kind| row.finding(kind, Column::Mac).fact("mac", mac);
            if let Some(other) = take(&mut self.taken.macs, mac, &row.at) {
                self.sink.push(finding(FindingKind::MacTwice).fact("other", other));
                sound = false;
            }
            if mac.is_local() {
                let environment = environment
                    .and_then(|index| self.environments.get(usize::from(index.0)))
                    .filter(|environment| environment.admission == Admission::Certificate);
                self.sink.push(match environment {
                    Some(environment) => finding(FindingKind::MacLocalCertificate)
                        .fact("environment", &environment.id),
                    None => finding(FindingKind::MacLocal),
                });
            }
        }
        sound.then_some(macs)
    }

    fn can_get_in(&self, row: &Row<'_>, class: ClassIndex, certificate: bool) {
        if let Some(class) = self.classes.get(usize::from(class.0))
            && class.mac == MacAdmission::Never
            && !certificate
        {
            let finding = row.finding(FindingKind::NeverAdmitted, Column::Class);
            self.sink.push(finding.fact("class", &class.id));
        }
    }
}

/// Takes what only one may have; gives the line of the one that has it already.
fn take<K: Clone + Eq + Hash>(taken: &mut HashMap<K, u32>, key: &K, at: &Origin) -> Option<Origin> {
    let other = taken.get(key).map(|line| Origin { file: Arc::clone(&at.file), line: *line });
    if other.is_none() {
        taken.insert(key.clone(), at.line);
    }
    other
}
