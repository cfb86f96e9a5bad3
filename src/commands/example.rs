//! The example city, embedded, so that the program shows itself without any file.

use std::collections::BTreeMap;

use include_dir::{Dir, DirEntry, include_dir};

use crate::plan::Sources;

static CONFIG: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/config");
static TOPOLOGY: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/topology");

/// The files of the example city.
pub(super) fn sources() -> Sources {
    let mut sources = Sources::default();
    collect(&CONFIG, &mut sources.config);
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
