//! What an import replaced, kept so that it can be taken back: `.imports` beside the inventory,
//! so that whoever may write the one may write the other, and both are saved together. Names
//! with a dot are no part of the configuration.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use ring::digest;
use serde::{Deserialize, Serialize};

use super::control::operator;
use super::files::{self, FileCause, FileError, Lock};
use crate::vocabulary::{Timestamp, hex};

/// Imports that are kept; older ones are forgotten.
pub const IMPORTS_MAX: usize = 20;
pub(super) const DIRECTORY: &str = ".imports";

/// Who replaced the inventory, when, by which list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// Who, as the kernel says.
    pub by: String,
    /// The list, as it was called.
    pub list: String,
    /// SHA-256 of the list.
    pub list_sha256: String,
    /// SHA-256 of the inventory before.
    pub before_sha256: String,
    /// SHA-256 of the inventory after.
    pub after_sha256: String,
    /// Devices added.
    pub added: usize,
    /// Devices changed.
    pub changed: usize,
    /// Devices removed.
    pub removed: usize,
    /// Who took it back, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Undone>,
}

/// Who took an import back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// Who, as the kernel says.
    pub by: String,
}

/// An inventory that replaces another.
#[derive(Clone, Copy, Debug)]
pub struct Replacement<'a> {
    /// The list, as it is called, and its octets.
    pub list: (&'a str, &'a [u8]),
    /// The inventory that the list was compared with.
    pub before: &'a [u8],
    /// The inventory that results.
    pub after: &'a [u8],
    /// Devices added, changed and removed.
    pub counts: [usize; 3],
}

/// An import that can be taken back.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What is known of it.
    pub record: Record,
    /// The inventory before.
    pub content: Vec<u8>,
    path: PathBuf,
}

/// Replaces `inventory.csv` of `config`, after what it replaces was kept.
///
/// # Errors
/// [`FileCause::Changed`] when the inventory is no longer the one compared with, else what the
/// operating system says; the inventory is then untouched.
pub fn replace(config: &Path, new: &Replacement<'_>, now: Timestamp) -> Result<(), FileError> {
    let inventory = config.join("inventory.csv");
    let directory = config.join(DIRECTORY);
    if !directory.is_dir() {
        make(&directory, &inventory)?;
    }
    let _lock = Lock::take(&directory)?;
    unchanged(&inventory, &sha256(new.before))?;
    let [added, changed, removed] = new.counts;
    let record = Record {
        time: now.rfc3339(),
        by: me()?,
        list: new.list.0.to_owned(),
        list_sha256: sha256(new.list.1),
        before_sha256: sha256(new.before),
        after_sha256: sha256(new.after),
        added,
        changed,
        removed,
        undone: None,
    };
    let digits: String = record.time.chars().filter(char::is_ascii_alphanumeric).collect();
    let short: String = record.before_sha256.chars().take(8).collect();
    let path = directory.join(format!("{digits}-{short}.json"));
    let kept = path.with_extension("csv");
    let done = files::write_like(&kept, new.before, &inventory)
        .and_then(|()| files::write_like(&path, &written(&record), &inventory))
        .and_then(|()| files::rewrite(&inventory, new.after));
    match done {
        Ok(()) => forget(&directory),
        Err(_) => drop_both(&path),
    }
    done
}

/// The import that made the inventory what it is; `None` when none did, or it was changed since.
///
/// # Errors
/// [`FileCause::Changed`] when what was kept was changed, else what the operating system says.
pub fn last(config: &Path) -> Result<Option<Kept>, FileError> {
    let current = sha256(&files::read(&config.join("inventory.csv"))?);
    for path in records(&config.join(DIRECTORY)).into_iter().rev() {
        // A record that cannot be read takes nothing back.
        let Ok(record) = serde_json::from_slice::<Record>(&files::read(&path)?) else { continue };
        if record.undone.is_some() || record.after_sha256 != current {
            continue;
        }
        let kept = path.with_extension("csv");
        let content = files::read(&kept)?;
        if sha256(&content) != record.before_sha256 {
            return Err(FileError { path: kept, cause: FileCause::Changed });
        }
        return Ok(Some(Kept { record, content, path }));
    }
    Ok(None)
}

/// Puts back what an import replaced, in one step, and notes who did.
///
/// # Errors
/// [`FileCause::Changed`] when the inventory is no longer what the import made of it, else what
/// the operating system says.
pub fn take_back(config: &Path, kept: &Kept, now: Timestamp) -> Result<(), FileError> {
    let inventory = config.join("inventory.csv");
    let _lock = Lock::take(&config.join(DIRECTORY))?;
    unchanged(&inventory, &kept.record.after_sha256)?;
    let undone = Some(Undone { time: now.rfc3339(), by: me()? });
    files::rewrite(&inventory, &kept.content)?;
    let record = Record { undone, ..kept.record.clone() };
    files::rewrite(&kept.path, &written(&record))
}

fn unchanged(path: &Path, hash: &str) -> Result<(), FileError> {
    if sha256(&files::read(path)?) == hash {
        return Ok(());
    }
    Err(FileError { path: path.to_owned(), cause: FileCause::Changed })
}

/// The paths of all records, oldest first.
fn records(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let is_record = |path: &PathBuf| {
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        !hidden && path.extension().is_some_and(|extension| extension == "json")
    };
    let mut paths: Vec<PathBuf> = paths.filter(is_record).collect();
    paths.sort();
    paths
}

fn forget(directory: &Path) {
    let records = records(directory);
    let old = records.len().saturating_sub(IMPORTS_MAX);
    records.iter().take(old).for_each(|path| drop_both(path));
}

fn drop_both(path: &Path) {
    let _ = fs::remove_file(path); // OK because without it what remains is never read
    let _ = fs::remove_file(path.with_extension("csv")); // OK as above
}

fn written(record: &Record) -> Vec<u8> {
    let mut text = serde_json::to_string_pretty(record).unwrap_or_default();
    text.push('\n');
    text.into_bytes()
}

/// Makes the directory, which whoever may read the inventory may enter.
fn make(directory: &Path, inventory: &Path) -> Result<(), FileError> {
    let refused = |cause| files::system(directory, &cause);
    let old = fs::metadata(inventory).map_err(|cause| files::system(inventory, &cause))?;
    files::make_directory(directory, files::PRIVATE_DIRECTORY)?;
    chown(directory, Some(old.uid()), Some(old.gid())).map_err(refused)?;
    let mode = old.permissions().mode() & 0o666;
    let entered = fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2));
    fs::set_permissions(directory, entered).map_err(refused)
}

/// Who runs this process.
fn me() -> Result<String, FileError> {
    let path = Path::new("/proc/self");
    let metadata = fs::metadata(path).map_err(|cause| files::system(path, &cause))?;
    Ok(operator(metadata.uid()))
}

fn sha256(octets: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, octets).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(config: &Path, before: &str, after: &str, second: i64) -> Result<(), FileError> {
        let (before, after) = (before.as_bytes(), after.as_bytes());
        let new = Replacement { list: ("list.csv", b"x"), before, after, counts: [1, 2, 3] };
        replace(config, &new, Timestamp(1_795_489_200_000 + second * 1000))
    }

    fn inventory(config: &Path) -> String {
        fs::read_to_string(config.join("inventory.csv")).unwrap()
    }

    #[test]
    fn imports_are_taken_back_one_by_one_and_only_while_nothing_else_changed() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path();
        fs::write(config.join("inventory.csv"), "one").unwrap();
        fs::set_permissions(config.join("inventory.csv"), fs::Permissions::from_mode(0o640))
            .unwrap();
        assert!(last(config).unwrap().is_none());
        replaced(config, "one", "two", 1).unwrap();
        replaced(config, "two", "three", 2).unwrap();
        let refused = replaced(config, "two", "four", 3).unwrap_err();
        assert_eq!((refused.cause, inventory(config)), (FileCause::Changed, "three".to_owned()));
        fs::write(config.join("inventory.csv"), "by hand").unwrap();
        assert!(last(config).unwrap().is_none());
        fs::write(config.join("inventory.csv"), "three").unwrap();
        let kept = last(config).unwrap().unwrap();
        assert_eq!((kept.record.added, kept.record.changed, kept.record.removed), (1, 2, 3));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let paths = [&kept.path, &kept.path.with_extension("csv"), &config.join(DIRECTORY)];
        assert_eq!(paths.map(|path| mode(path)), [0o640, 0o640, 0o750]);
        take_back(config, &kept, Timestamp(1_795_489_300_000)).unwrap();
        assert_eq!(inventory(config), "two");
        assert_eq!(take_back(config, &kept, Timestamp(0)).unwrap_err().cause, FileCause::Changed);
        let text = fs::read_to_string(&kept.path).unwrap();
        let record: Record = serde_json::from_str(&text).unwrap();
        assert_eq!(record.undone.unwrap().by, record.by);
        let first = last(config).unwrap().unwrap();
        fs::write(first.path.with_extension("csv"), "spoilt").unwrap();
        assert_eq!(last(config).unwrap_err().cause, FileCause::Changed);
        fs::write(first.path.with_extension("csv"), "one").unwrap();
        fs::write(config.join(DIRECTORY).join("9.json"), "{").unwrap();
        take_back(config, &last(config).unwrap().unwrap(), Timestamp(0)).unwrap();
        assert_eq!(inventory(config), "one");
        assert!(last(config).unwrap().is_none());
    }

    #[test]
    fn a_bounded_number_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path();
        fs::write(config.join("inventory.csv"), "0").unwrap();
        for number in 0..30 {
            replaced(config, &number.to_string(), &(number + 1).to_string(), number).unwrap();
        }
        let kept = fs::read_dir(config.join(DIRECTORY)).unwrap().count();
        assert_eq!(kept, 2 * IMPORTS_MAX);
        assert_eq!(last(config).unwrap().unwrap().content, b"29");
    }
}
