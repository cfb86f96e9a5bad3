//! The example networks: the shipped city, embedded, so that the program shows itself without any
//! file, and generated ones.

use std::collections::BTreeMap;

use include_dir::{Dir, DirEntry, include_dir};

use crate::plan::{self, Sources};
use crate::simulation::network::{Size, generate};

static CONFIG: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/config");
static TOPOLOGY: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/topology");

/// A network to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Example {
    /// A small town.
    Town,
    /// The shipped city.
    City,
    /// A large city.
    Large,
}

impl Example {
    /// Every one.
    pub(super) const ALL: [Self; 3] = [Self::Town, Self::City, Self::Large];
    /// As the command line names them.
    pub(super) const IDS: [&'static str; 3] = ["town", "city", "large"];

    /// As the command line names it.
    pub(super) const fn id(self) -> &'static str {
        let [town, city, large] = Self::IDS;
        match self {
            Self::Town => town,
            Self::City => city,
            Self::Large => large,
        }
    }

    /// Its files.
    pub(super) fn sources(self) -> Sources {
        match self {
            Self::Town => generate(&Size::TOWN),
            Self::City => sources(),
            Self::Large => generate(&Size::LARGE),
        }
    }
}

/// The files of the example city.
pub(super) fn sources() -> Sources {
    let mut sources = Sources::default();
    collect(&CONFIG, &mut sources.config);
    sources.config.retain(|path, _| plan::concerns(path));
    collect(&TOPOLOGY, &mut sources.topology);
    sources
}

fn collect(directory: &Dir<'static>, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in directory.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, files),
            DirEntry::File(file) => {
                // OK because a path that is no UTF-8 would not have compiled into a plan.
                let path = file.path().to_str().unwrap_or_default().to_owned();
                files.insert(path, file.contents().to_vec());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Severity;
    use crate::proof;
    use crate::vocabulary::Timestamp;

    /// 2026-11-24.
    const NOW: Timestamp = Timestamp(1_795_500_000_000);

    #[test]
    fn every_example_compiles_and_is_proven() {
        for example in Example::ALL {
            let compiled = plan::compile(&example.sources(), NOW);
            let mut findings = compiled.findings;
            if let Some(plan) = &compiled.plan {
                findings.extend(proof::prove(plan, None, NOW).findings);
            }
            let errors = findings.iter().filter(|it| it.severity() == Severity::Error);
            let errors: Vec<_> = errors.map(|it| (it.kind.id(), &it.at, &it.facts)).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", example.id());
            assert!(compiled.plan.is_some(), "{}", example.id());
            let again = example.sources();
            assert_eq!(example.sources().content_hash(), again.content_hash(), "{}", example.id());
        }
    }
}
