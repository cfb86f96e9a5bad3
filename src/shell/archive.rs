//! A plan's source files as one sequence of octets, the same for the same files.
//!
//! Magic, then each file in order: tree (1 octet), length of the path (4 octets, big endian),
//! path, length of the content (8 octets, big endian), content; all of it compressed by gzip
//! (RFC 1952), which older archives are not. Secrets are never in it.

use std::borrow::Cow;
use std::io::{self, Read as _, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::sources::OCTETS_MAX;
use crate::plan::Sources;

/// First octets of an archive; the digit is the version of the layout.
const MAGIC: &[u8] = b"sekisho-sources-1\n";

const CONFIG: u8 = 0;
const TOPOLOGY: u8 = 1;

/// The most an archive holds uncompressed: both trees, their paths, and room.
const PLAIN_OCTETS_MAX: u64 = 4 * OCTETS_MAX;

/// Packs both trees.
pub(super) fn pack(sources: &Sources) -> Vec<u8> {
    let mut archive = GzEncoder::new(Vec::new(), Compression::fast());
    // OK because memory takes every octet.
    write(sources, &mut archive).and_then(|()| archive.finish()).unwrap_or_default()
}

fn write(sources: &Sources, archive: &mut impl Write) -> io::Result<()> {
    archive.write_all(MAGIC)?;
    for (tree, files) in [(CONFIG, &sources.config), (TOPOLOGY, &sources.topology)] {
        for (path, content) in files {
            // OK because `sources` bounds paths and contents far below these widths.
            let path_octets = u32::try_from(path.len()).unwrap_or(u32::MAX);
            let content_octets = u64::try_from(content.len()).unwrap_or(u64::MAX);
            archive.write_all(&[tree])?;
            archive.write_all(&path_octets.to_be_bytes())?;
            archive.write_all(path.as_bytes())?;
            archive.write_all(&content_octets.to_be_bytes())?;
            archive.write_all(content)?;
        }
    }
    Ok(())
}

/// Unpacks both trees; `None` when the octets are no archive.
pub(super) fn unpack(archive: &[u8]) -> Option<Sources> {
    let archive = if archive.starts_with(MAGIC) {
        Cow::Borrowed(archive)
    } else {
        let mut plain = Vec::new();
        GzDecoder::new(archive).take(PLAIN_OCTETS_MAX).read_to_end(&mut plain).ok()?;
        Cow::Owned(plain)
    };
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
            let mut plain = Vec::new();
            write(&sources, &mut plain).unwrap();
            let unpacked = unpack(&plain);
            prop_assert_eq!(unpacked.as_ref(), Some(&sources), "as older ones are");
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
        let sources = Sources { config, topology: BTreeMap::new() };
        let (packed, mut plain) = (pack(&sources), Vec::new());
        write(&sources, &mut plain).unwrap();
        for (archive, from) in [(packed, 0), (plain, MAGIC.len() + 1)] {
            for length in from..archive.len() {
                assert_eq!(unpack(&archive[..length]), None, "{length}");
            }
        }
    }
}
