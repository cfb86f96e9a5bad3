//! A whole node in one directory: plans, marks, evidence, configuration and secrets, copied
//! while it runs, compared with the original, and put back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::evidence::{
    EVIDENCE_FILE, KEY_FILE, PUBLIC_FILE, SPOOL_FILE, Sqlite, public_key, waiting,
};
use super::files::{self, FileError, PRIVATE_DIRECTORY, PRIVATE_FILE};
use super::service::Directories;
use super::sources::read_tree;
use super::staged::StagedDirectory;
use super::store::{STORE_FILE, Store};
use super::{Failure, FailureKind, imports};
use crate::record::{Head, Store as _, Verifier};
use crate::vocabulary::hex;

/// Says what a backup holds.
pub const MANIFEST_FILE: &str = "manifest.json";
const FORMAT: &str = "sekisho-backup-1";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    /// When it was made, RFC 3339.
    pub time: String,
    /// SHA-256 of every file, by its path.
    files: BTreeMap<String, String>,
    /// Number of the newest record of evidence.
    pub sequence: u64,
    /// Its hash.
    pub head: String,
}

/// Copies a node. `store` is a copy of the state store that the running service made, or `None`
/// when none runs; it is moved away. `target` must not exist or be empty. Gives how many records
/// wait on the spool besides and are not in it.
///
/// # Errors
/// Something cannot be read or written, or the copy is not what the original is; then nothing
/// stands at `target`.
pub fn backup(
    directories: &Directories,
    state: &Path,
    store: Option<&Path>,
    target: &Path,
    time: String,
) -> Result<(Manifest, u64), Failure> {
    let staged = StagedDirectory::begin(target).map_err(unwritable)?;
    staged.directory("state", PRIVATE_DIRECTORY).map_err(unwritable)?;
    let at = |name: &str| staged.path().join("state").join(name);
    match store {
        Some(copy) => {
            copied(copy, &at(STORE_FILE), target)?;
        }
        None => Store::open(state)?.copy_to(&at(STORE_FILE))?,
    }
    let evidence = state.join(EVIDENCE_FILE);
    let original = Sqlite::open_to_read(&evidence).map_err(|cause| database(&evidence, &cause))?;
    let copy = at(EVIDENCE_FILE);
    original.copy_to(&copy).map_err(|cause| database(&copy, &cause))?;
    for name in [KEY_FILE, PUBLIC_FILE] {
        let from = state.join(name);
        copied(&from, &at(name), target)?;
    }
    let own = Sqlite::open_to_read(&copy).map_err(|cause| database(&copy, &cause))?;
    let waiting = waiting(state, &own).map_err(|cause| machine(&state.join(SPOOL_FILE), &cause))?;
    drop(own);
    let put = |name: &str, directory: &Path, mode: u32| {
        staged.directory(name, PRIVATE_DIRECTORY).map_err(unwritable)?;
        for (path, content) in read_tree(directory)? {
            staged.file(&format!("{name}/{path}"), &content, mode).map_err(unwritable)?;
        }
        Ok::<_, Failure>(())
    };
    put("config", &directories.config, files::PUBLIC_FILE)?;
    put("topology", &directories.topology, files::PUBLIC_FILE)?;
    put("secrets", &directories.secrets, PRIVATE_FILE)?;
    let replaced = directories.config.join(imports::DIRECTORY);
    if replaced.is_dir() {
        put(&format!("config/{}", imports::DIRECTORY), &replaced, PRIVATE_FILE)?;
    }
    let head = compared(&original, &copy, &at(PUBLIC_FILE))?;
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        time,
        files: sums(staged.path())?,
        sequence: head.sequence,
        head: hex(&head.hash),
    };
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    staged.file(MANIFEST_FILE, text.as_bytes(), PRIVATE_FILE).map_err(unwritable)?;
    staged.commit_as(PRIVATE_DIRECTORY).map_err(unwritable)?;
    Ok((manifest, waiting))
}

/// Puts a backup back as a site of its own: `config`, `topology`, `secrets` and `state`.
///
/// # Errors
/// The backup is not what its manifest says, or something stands at `target` already.
pub fn restore(source: &Path, target: &Path) -> Result<Manifest, Failure> {
    let path = source.join(MANIFEST_FILE);
    let text = files::read(&path).map_err(unreadable)?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|_| wrong(FailureKind::BackupForeign, &path))?;
    if manifest.format != FORMAT {
        return Err(wrong(FailureKind::BackupForeign, &path));
    }
    let found = sums(source)?;
    let names = manifest.files.keys().chain(found.keys().filter(|name| *name != MANIFEST_FILE));
    for name in names {
        if manifest.files.get(name) != found.get(name) {
            return Err(wrong(FailureKind::BackupMismatch, &source.join(name)));
        }
    }
    let state = source.join("state");
    let evidence = state.join(EVIDENCE_FILE);
    let store = Sqlite::open_to_read(&evidence).map_err(|cause| database(&evidence, &cause))?;
    let head = verified(&store, &evidence, &state.join(PUBLIC_FILE))?;
    drop(store);
    if hex(&head.hash) != manifest.head {
        return Err(wrong(FailureKind::BackupMismatch, &evidence));
    }
    let staged = StagedDirectory::begin(target).map_err(unwritable)?;
    for name in manifest.files.keys() {
        let (from, to) = (source.join(name), staged.path().join(name));
        if let Some(parent) = Path::new(name).parent().and_then(Path::to_str) {
            let private = name.starts_with("secrets/") || name.starts_with("state/");
            let mode = if private { PRIVATE_DIRECTORY } else { files::PUBLIC_DIRECTORY };
            staged.directory(parent, mode).map_err(unwritable)?;
        }
        copied(&from, &to, target)?;
    }
    staged.commit().map_err(unwritable)?;
    Ok(manifest)
}

/// Removes the copy of the state store that the service made for a backup.
pub fn discard(copy: &Path) {
    files::remove(copy);
}

/// Proves a copy of the evidence: its chain is whole, and where it ends the original has the
/// same hash.
fn compared(original: &Sqlite, copy: &Path, key: &Path) -> Result<Head, Failure> {
    let store = Sqlite::open_to_read(copy).map_err(|cause| database(copy, &cause))?;
    let head = verified(&store, copy, key)?;
    let mut same = head == Head::START || original.origin().is_ok_and(|origin| origin == head);
    let walked = original.walk(head.sequence, &mut |sequence, hash, _| {
        same |= sequence == head.sequence && *hash == head.hash;
        false
    });
    walked.map_err(|cause| database(original.path(), &cause))?;
    if same { Ok(head) } else { Err(wrong(FailureKind::BackupCopy, copy)) }
}

fn verified(store: &Sqlite, path: &Path, key: &Path) -> Result<Head, Failure> {
    let failed = |cause: rusqlite::Error| database(path, &cause);
    let origin = store.origin().map_err(failed)?;
    let mut verifier = Verifier::new(origin, store.seals().map_err(failed)?, &public_key(key)?);
    let walked = store.walk(origin.sequence + 1, &mut |sequence, hash, body| {
        verifier.record(sequence, hash, body);
        true
    });
    walked.map_err(failed)?;
    if verifier.finish(None).0.is_empty() {
        store.head().map_err(failed)
    } else {
        Err(wrong(FailureKind::BackupChain, path))
    }
}

/// Copies a file below a target; what the target has no room for is no fault of the file.
fn copied(from: &Path, to: &Path, target: &Path) -> Result<(), Failure> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::StorageFull
        | io::ErrorKind::QuotaExceeded
        | io::ErrorKind::FileTooLarge
        | io::ErrorKind::ReadOnlyFilesystem => unwritable(files::system(target, &cause)),
        _ => machine(from, &cause),
    };
    fs::copy(from, to).map(|_| ()).map_err(failed)
}

/// SHA-256 of every file below a directory, by its path.
fn sums(directory: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut sums = BTreeMap::new();
    let mut open = vec![PathBuf::new()];
    while let Some(relative) = open.pop() {
        let path = directory.join(&relative);
        let failed = |cause: io::Error| machine(&path, &cause);
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let own = relative.join(entry.file_name());
            if entry.file_type().map_err(failed)?.is_dir() {
                open.push(own);
                continue;
            }
            let name = own.to_str().ok_or_else(|| {
                Failure::new(FailureKind::NameNotText).fact("path", own.display())
            })?;
            // The parts of a database that is being read are no content.
            if !name.ends_with("-wal") && !name.ends_with("-shm") {
                sums.insert(name.to_owned(), sum(&entry.path()).map_err(failed)?);
            }
        }
    }
    Ok(sums)
}

fn sum(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut context = Context::new(&SHA256);
    let mut chunk = vec![0; 65_536];
    loop {
        let octets = file.read(&mut chunk)?;
        if octets == 0 {
            return Ok(hex(context.finish().as_ref()));
        }
        context.update(chunk.get(..octets).unwrap_or_default());
    }
}

fn wrong(kind: FailureKind, path: &Path) -> Failure {
    Failure::new(kind).fact("path", path.display())
}

fn machine(path: &Path, cause: &io::Error) -> Failure {
    Failure::new(FailureKind::FileUnreadable).fact("path", path.display()).fact("cause", cause)
}

fn database(path: &Path, cause: &rusqlite::Error) -> Failure {
    Failure::new(FailureKind::FileUnreadable).fact("path", path.display()).fact("cause", cause)
}

fn unreadable(error: FileError) -> Failure {
    error.failure(FailureKind::FileUnreadable)
}

fn unwritable(error: FileError) -> Failure {
    error.failure(FailureKind::FileUnwritable)
}
