//! A plan's source files as one sequence of octets, the same for the same files.
//!
//! Magic, then each file in order: tree (1 octet), length of the path (4 octets, big endian),
//! path, length of the content (8 octets, big endian), content. Secrets are never in it.

use crate::plan::Sources;

/// First octets of an archive; the digit is the version of the layout.
const MAGIC: &[u8] = b"sekisho-sources-1\n";

const CONFIG: u8 = 0;
const TOPOLOGY: u8 = 1;

/// Packs both trees.
pub(super) fn pack(sources: &Sources) -> Vec<u8> {
    let mut archive = MAGIC.to_vec();
    for (tree, files) in [(CONFIG, &sources.config), (TOPOLOGY, &sources.topology)] {
        for (path, content) in files {
            // OK because `sources` bounds paths and contents far below these widths.
            let path_octets = u32::try_from(path.len()).unwrap_or(u32::MAX);
            let content_octets = u64::try_from(content.len()).unwrap_or(u64::MAX);
            archive.push(tree);
            archive.extend_from_slice(&path_octets.to_be_bytes());
            archive.extend_from_slice(path.as_bytes());
            archive.extend_from_slice(&content_octets.to_be_bytes());
            archive.extend_from_slice(content);
        }
    }
    archive
}

/// Unpacks both trees; `None` when the octets are no archive.
pub(super) fn unpack(archive: &[u8]) -> Option<Sources> {
    let mut rest = archive.strip_prefix(MAGIC)?;
    let mut sources = Sources::default();
    while let Some((tree, after)) = rest.split_first() {
        let (octets, after) = after.split_first_chunk::<4>()?;
        let path_octets = usize::try_from(u32::from_be_bytes(*octets)).ok()?;
        let (path, after) = after.split_at_checked(path_octets)?;
        let (octets, after) = after.split_first_chunk::<8>()?;
        let content_octets = usize::try_from(u64::from_be_bytes(*octets)).ok()?;
        let (content, after) = after.split_at_checked(content_octets)?;
        let files = match *tree {
            CONFIG => &mut sources.config,
            TOPOLOGY => &mut sources.topology,
            _ => return None,
        };
        files.insert(String::from_utf8(path.to_vec()).ok()?, content.to_vec());
        rest = after;
    }
    Some(sources)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_packed_unpacks_to_the_same_files(
            config: BTreeMap<String, Vec<u8>>,
            topology: BTreeMap<String, Vec<u8>>,
        ) {
            let sources = Sources { config, topology };
            prop_assert_eq!(unpack(&pack(&sources)), Some(sources));
        }

        #[test]
        fn no_octets_panic(mut octets: Vec<u8>) {
            let _ = unpack(&octets);
            let mut archive = MAGIC.to_vec();
            archive.append(&mut octets);
            let _ = unpack(&archive);
        }
    }

    #[test]
    fn a_cut_archive_is_none() {
        let config = BTreeMap::from([("server.toml".to_owned(), b"x".to_vec())]);
        let archive = pack(&Sources { config, topology: BTreeMap::new() });
        for length in MAGIC.len() + 1..archive.len() {
            assert_eq!(unpack(&archive[..length]), None, "{length}");
        }
    }
}
