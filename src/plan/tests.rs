//! The shipped configuration, and what is found when it is spoilt.

use super::compile::Names;
use super::finding::Sink;
use super::*;

/// The shipped files.
pub(super) fn shipped() -> Sources {
    fn tree(root: &std::path::Path, at: &str, files: &mut std::collections::BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(root.join(at)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = if at.is_empty() { name } else { format!("{at}/{name}") };
            if entry.file_type().unwrap().is_dir() {
                tree(root, &path, files);
            } else {
                files.insert(path, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Sources::default();
    tree(&root.join("config"), "", &mut sources.config);
    tree(&root.join("topology"), "", &mut sources.topology);
    sources
}

/// The shipped profiles.
pub(super) fn profiles() -> Vec<Profile> {
    static PROFILES: std::sync::OnceLock<Vec<Profile>> = std::sync::OnceLock::new();
    PROFILES
        .get_or_init(|| {
            let (sources, sink, mut names) = (shipped(), Sink::default(), Names::default());
            environment::read(&sources, &sink, &mut names);
            profile::read(&sources, &sink, &mut names)
        })
        .clone()
}
