//! Files and directories: read with bounds, written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown,
};
use std::path::{Path, PathBuf};

use super::{Failure, FailureKind, random};
use crate::vocabulary::{Language, Text, escape};

/// Largest file in octets.
pub const FILE_OCTETS_MAX: u64 = 32 * 1024 * 1024;

/// Mode of a file only its owner reads: keys and secrets.
pub const PRIVATE_FILE: u32 = 0o600;
/// Mode of a file everyone may read: certificates, lists, configuration.
pub const PUBLIC_FILE: u32 = 0o644;
/// Mode of a directory only its owner enters.
pub const PRIVATE_DIRECTORY: u32 = 0o700;
/// Mode of a directory everyone may read.
pub const PUBLIC_DIRECTORY: u32 = 0o755;

/// What could not be done with which path, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The path concerned.
    pub path: PathBuf,
    /// Why.
    pub cause: FileCause,
}

/// Why a file or directory could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileCause {
    /// The operating system refused, in its words.
    System(io::ErrorKind, String),
    /// Larger than a bound of this module.
    TooLarge,
    /// A name or content that is not UTF-8.
    NotText,
    /// Neither a file nor a directory, or a symbolic link to a directory.
    NotFile,
    /// Already there, and not to be overwritten.
    Exists,
    /// Another command holds the lock, or was killed holding it.
    Locked,
    /// Other than it was when it was read.
    Changed,
    /// No randomness for a temporary name.
    NoRandomness,
}

/// A lock held by the existence of a file; dropping it removes the file.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
}

/// The octets of a regular file of at most [`FILE_OCTETS_MAX`].
///
/// # Errors
/// [`FileError`] when it cannot be read, is larger, or is no regular file.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    // Asked before opening, because opening a pipe would wait for its other end.
    let kind = fs::metadata(path).map_err(|cause| system(path, &cause))?;
    if !kind.is_file() {
        return Err(error(path, FileCause::NotFile));
    }
    let file = File::open(path).map_err(|cause| system(path, &cause))?;
    let mut content = Vec::new();
    file.take(FILE_OCTETS_MAX + 1)
        .read_to_end(&mut content)
        .map_err(|cause| system(path, &cause))?;
    if content.len() as u64 > FILE_OCTETS_MAX {
        return Err(error(path, FileCause::TooLarge));
    }
    Ok(content)
}

/// Whether something is there, where this process may know.
///
/// # Errors
/// It may not.
pub fn exists(path: &Path) -> Result<bool, FileError> {
    path.try_exists().map_err(|cause| system(path, &cause))
}

/// Whether a file is there and this process may read it.
///
/// # Errors
/// What the operating system says.
pub fn may_read(path: &Path) -> io::Result<()> {
    File::open(path).map(|_| ())
}

/// The octets of a file, or of standard input where the path is `-`.
///
/// # Errors
/// As [`read`].
pub fn read_or_input(path: &Path) -> Result<Vec<u8>, FileError> {
    if path != Path::new("-") {
        return read(path);
    }
    let mut content = Vec::new();
    io::stdin()
        .lock()
        .take(FILE_OCTETS_MAX + 1)
        .read_to_end(&mut content)
        .map_err(|cause| system(path, &cause))?;
    if content.len() as u64 > FILE_OCTETS_MAX {
        return Err(error(path, FileCause::TooLarge));
    }
    Ok(content)
}

/// The text of a file.
///
/// # Errors
/// As [`read`], and [`FileCause::NotText`] when it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    String::from_utf8(read(path)?).map_err(|_| error(path, FileCause::NotText))
}

/// Writes a file whole: beside it first, flushed to the medium, then renamed over it. A reader
/// sees the old content or the new, and never a key with a wider mode than `mode`.
///
/// # Errors
/// [`FileError`] when the operating system refuses; the old file is then untouched.
pub fn write_private(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let temporary = write_beside(path, content, mode)?;
    let moved = fs::rename(&temporary, path).map_err(|cause| system(path, &cause));
    settle(path, &temporary, moved)
}

/// Writes an existing file as [`write_private`] does; who owns and who may read it stays, and a
/// symbolic link stays one.
///
/// # Errors
/// [`FileError`] when it is not there or the operating system refuses; it is then untouched.
pub fn rewrite(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let path = fs::canonicalize(path).map_err(|cause| system(path, &cause))?;
    write_like(&path, content, &path)
}

/// Writes what a service reads and anyone may, whatever the umask: over a file that is there as
/// [`rewrite`] does.
///
/// # Errors
/// As [`write_private`].
pub fn write_for_service(path: &Path, content: &[u8]) -> Result<(), FileError> {
    if path.exists() {
        return rewrite(path, content);
    }
    write_private(path, content, PUBLIC_FILE)?;
    let mode = fs::Permissions::from_mode(PUBLIC_FILE);
    fs::set_permissions(path, mode).map_err(|cause| system(path, &cause))
}

/// Writes a file as [`write_private`] does; it belongs to whom `model` belongs, and may be read
/// by whoever may read that.
///
/// # Errors
/// [`FileError`] when the model is not there or the operating system refuses; nothing is written
/// then.
pub fn write_like(path: &Path, content: &[u8], model: &Path) -> Result<(), FileError> {
    let old = fs::metadata(model).map_err(|cause| system(model, &cause))?;
    let temporary = write_beside(path, content, PRIVATE_FILE)?;
    let (user, group) = (Some(old.uid()), Some(old.gid()));
    let moved = chown(&temporary, user, group)
        .and_then(|()| fs::set_permissions(&temporary, old.permissions()))
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|cause| system(path, &cause));
    settle(path, &temporary, moved)
}

/// Writes a file as [`write_private`] does, but never over an existing one.
///
/// # Errors
/// [`FileCause::Exists`] when there is one, else as [`write_private`].
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let temporary = write_beside(path, content, mode)?;
    // A hard link is refused where a rename would replace.
    let linked = fs::hard_link(&temporary, path).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => error(path, FileCause::Exists),
        _ => system(path, &cause),
    });
    remove(&temporary);
    settle(path, &temporary, linked)
}

/// Writes a new secret as [`write_new`] does. Where its directory is open to its group alone, that
/// may read it: the service reads what root wrote.
///
/// # Errors
/// As [`write_new`].
pub fn write_secret(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write_new(path, content, PRIVATE_FILE)?;
    let_group_read(path);
    Ok(())
}

/// Lets the group of the directory read a file in it, where the directory is open to that group
/// alone.
pub fn let_group_read(path: &Path) {
    share(path, 0o040);
}

/// Makes a directory for secrets unless it is there; open to the group to which the one above it
/// is open.
///
/// # Errors
/// As [`make_directory`].
pub fn make_secret_directory(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    make_directory(path, PRIVATE_DIRECTORY)?;
    share(path, 0o050);
    Ok(())
}

/// Opens what was made to the group of the directory it lies in, where that is open to its group
/// and nobody else. OK to fail, because what cannot be given to the group stays private.
fn share(path: &Path, bits: u32) {
    let Ok(above) = fs::metadata(parent(path)) else { return };
    if above.mode() & 0o057 != 0o050 || chown(path, None, Some(above.gid())).is_err() {
        return;
    }
    if let Ok(made) = fs::metadata(path) {
        let mode = fs::Permissions::from_mode((made.mode() & 0o777) | bits);
        let _ = fs::set_permissions(path, mode);
    }
}

/// Puts a file in the place of another in one step that outlasts a loss of power; what was there
/// is gone.
///
/// # Errors
/// [`FileError`] when the operating system refuses; both files are then as they were.
pub fn replace(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(|cause| system(from, &cause))?;
    flush_parent(to)
}

/// Makes a directory, and those above it, unless it is there.
///
/// # Errors
/// [`FileError`] when the operating system refuses.
pub fn make_directory(path: &Path, mode: u32) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|cause| system(path, &cause))
}

impl Lock {
    /// Takes the lock `.lock` of a directory.
    ///
    /// # Errors
    /// [`FileCause::Locked`] when it is taken, else what the operating system says.
    pub fn take(directory: &Path) -> Result<Self, FileError> {
        let path = directory.join(".lock");
        let process = format!("{}\n", std::process::id());
        create(&path, process.as_bytes(), PRIVATE_FILE).map_err(|refused| match refused.cause {
            FileCause::System(io::ErrorKind::AlreadyExists, _) => error(&path, FileCause::Locked),
            _ => refused,
        })?;
        Ok(Self { path })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

impl FileError {
    /// The error as a failure: absent, or of the kind that what was tried has.
    #[must_use]
    pub(super) fn failure(&self, kind: FailureKind) -> Failure {
        if matches!(self.cause, FileCause::System(io::ErrorKind::NotFound, _)) {
            return Failure::new(FailureKind::FileAbsent).fact("path", self.path.display());
        }
        let cause = match &self.cause {
            FileCause::System(_, words) => words,
            FileCause::TooLarge => "too large",
            FileCause::NotText => "not UTF-8",
            FileCause::NotFile => "not a regular file",
            FileCause::Exists => "exists already and is not overwritten",
            FileCause::Locked => "another command is at work",
            FileCause::Changed => "changed meanwhile",
            FileCause::NoRandomness => "no randomness is available",
        };
        Failure::new(kind).fact("path", self.path.display()).fact("cause", cause)
    }

    /// The error for people.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let text = match &self.cause {
            FileCause::System(io::ErrorKind::NotFound, _) => {
                Text { ja: "`{path}` がありません", en: "`{path}` does not exist" }
            }
            FileCause::System(io::ErrorKind::PermissionDenied, _) => Text {
                ja: "`{path}` を読み書きする権限がありません",
                en: "no permission to read or write `{path}`",
            },
            FileCause::System(io::ErrorKind::ReadOnlyFilesystem, _) => Text {
                ja: "`{path}` は書き込みできないファイルシステムにあります",
                en: "`{path}` is on a read-only file system",
            },
            FileCause::System(..) => Text { ja: "`{path}`: {system}", en: "`{path}`: {system}" },
            FileCause::TooLarge => {
                Text { ja: "`{path}`: 大きすぎます", en: "`{path}` is too large" }
            }
            FileCause::NotText => {
                Text { ja: "`{path}`: UTF-8ではありません", en: "`{path}` is not UTF-8" }
            }
            FileCause::NotFile => Text {
                ja: "`{path}`: 通常のファイルではありません",
                en: "`{path}` is not a regular file",
            },
            FileCause::Exists => Text {
                ja: "`{path}`: すでにあるため上書きしません",
                en: "`{path}` exists already and is not overwritten",
            },
            FileCause::Locked => Text {
                ja: "`{path}`: 別のコマンドが使用中です。強制終了の跡であれば、このファイルを削除してください",
                en: "`{path}`: another command is at work; if one was killed, remove this file",
            },
            FileCause::Changed => Text {
                ja: "`{path}`: 途中で変更されています。何も書き込んでいません",
                en: "`{path}` was changed meanwhile; nothing was written",
            },
            FileCause::NoRandomness => {
                Text { ja: "乱数を得られません", en: "no randomness is available" }
            }
        };
        let system = match &self.cause {
            FileCause::System(_, words) => words.clone(),
            FileCause::TooLarge
            | FileCause::NotText
            | FileCause::NotFile
            | FileCause::Exists
            | FileCause::Locked
            | FileCause::Changed
            | FileCause::NoRandomness => String::new(),
        };
        let path = escape(self.path.as_os_str().as_encoded_bytes());
        text.fill(language, &[("path", path), ("system", system)])
    }
}

/// Writes a temporary file in the directory of `path`.
fn write_beside(path: &Path, content: &[u8], mode: u32) -> Result<PathBuf, FileError> {
    let temporary = beside(path)?;
    match create(&temporary, content, mode) {
        Ok(()) => Ok(temporary),
        Err(refused) => {
            remove(&temporary);
            Err(error(parent(path), refused.cause))
        }
    }
}

/// Ends a write: the directory is flushed after success, the temporary file gone after failure.
fn settle(path: &Path, temporary: &Path, done: Result<(), FileError>) -> Result<(), FileError> {
    match done {
        Ok(()) => flush_parent(path),
        Err(refused) => {
            remove(temporary);
            Err(refused)
        }
    }
}

/// A hidden name in the same directory, hence on the same file system.
pub(super) fn beside(path: &Path) -> Result<PathBuf, FileError> {
    let suffix = random::text(12).map_err(|_| error(path, FileCause::NoRandomness))?;
    let suffix = String::from_utf8_lossy(suffix.expose()).into_owned();
    let Some(name) = path.file_name() else { return Err(error(path, FileCause::NotFile)) };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{suffix}.tmp"));
    Ok(path.with_file_name(hidden))
}

/// Writes a file that must not exist, flushed to the medium.
pub(super) fn create(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        // What is not whole would be taken for a file, or for a lock that somebody holds.
        written.inspect_err(|_| remove(path))
    };
    write().map_err(|cause| system(path, &cause))
}

/// Flushes the directory entry of `path`, without which a rename may be lost with the power.
pub(super) fn flush_parent(path: &Path) -> Result<(), FileError> {
    flush(parent(path))
}

/// Flushes a directory's entries.
pub(super) fn flush(directory: &Path) -> Result<(), FileError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|cause| system(directory, &cause))
}

/// The directory of a file, which is what a failure to create a file beside it is about.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes a file that nobody reads, if it is there.
pub(super) fn remove(path: &Path) {
    let _ = fs::remove_file(path); // OK because what remains is hidden and never read
}

pub(super) fn error(path: &Path, cause: FileCause) -> FileError {
    FileError { path: path.to_owned(), cause }
}

pub(super) fn system(path: &Path, cause: &io::Error) -> FileError {
    error(path, FileCause::System(cause.kind(), cause.to_string()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::shell) fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    pub(in crate::shell) fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode_narrow() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "old").unwrap();
        write_private(&path, b"new", PRIVATE_FILE).unwrap();
        assert_eq!(read_text(&path).unwrap(), "new");
        assert_eq!(mode(&path), 0o600);
        let refused = write_new(&path, b"other", PRIVATE_FILE).unwrap_err();
        assert_eq!(refused.cause, FileCause::Exists);
        assert_eq!(read_text(&path).unwrap(), "new");
        write_new(&directory.path().join("second"), b"x", PUBLIC_FILE).unwrap();
        assert_eq!(names(directory.path()), ["key", "second"], "no temporary file remains");
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(write_private(&path, b"x", PRIVATE_FILE).is_err());
        let refused = write_private(&directory.path().join("no/such"), b"x", PRIVATE_FILE);
        assert_eq!(refused.unwrap_err().path, directory.path().join("no"), "what is missing");
        assert_eq!(names(directory.path()), ["taken"]);
    }

    #[test]
    fn what_is_no_plain_text_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let cause = |name: &str| read_text(&root.join(name)).unwrap_err().cause;
        assert!(matches!(cause("none"), FileCause::System(io::ErrorKind::NotFound, _)));
        assert_eq!(read(root).unwrap_err().cause, FileCause::NotFile);
        File::create(root.join("large")).unwrap().set_len(FILE_OCTETS_MAX + 1).unwrap();
        assert_eq!(cause("large"), FileCause::TooLarge);
        fs::write(root.join("octets"), [0xff]).unwrap();
        assert_eq!(cause("octets"), FileCause::NotText);
    }

    #[test]
    fn a_file_takes_the_place_of_another() {
        let directory = tempfile::tempdir().unwrap();
        let (next, current) = (directory.path().join("next"), directory.path().join("current"));
        fs::write(&next, "new").unwrap();
        fs::write(&current, "old").unwrap();
        replace(&next, &current).unwrap();
        assert_eq!(read_text(&current).unwrap(), "new");
        let refused = replace(&next, &current).unwrap_err();
        assert_eq!(refused.path, next, "and the one that is missing is named");
        assert_eq!(names(directory.path()), ["current"]);
    }

    #[test]
    fn a_secret_is_read_by_whoever_may_read_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        for (above, below, file) in
            [(0o750, 0o750, 0o640), (0o700, 0o700, 0o600), (0o755, 0o700, 0o600)]
        {
            let secrets = directory.path().join(format!("{above:o}"));
            make_directory(&secrets, above).unwrap();
            let room = secrets.join("client");
            make_secret_directory(&room).unwrap();
            let path = room.join("sw01.next");
            write_secret(&path, b"x").unwrap();
            assert_eq!((mode(&room), mode(&path)), (below, file));
            assert_eq!(write_secret(&path, b"y").unwrap_err().cause, FileCause::Exists);
        }
    }

    #[test]
    fn a_lock_is_held_once_and_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let lock = Lock::take(directory.path()).unwrap();
        assert_eq!(Lock::take(directory.path()).unwrap_err().cause, FileCause::Locked);
        drop(lock);
        assert!(Lock::take(directory.path()).is_ok());
    }

    #[test]
    fn errors_show_paths_escaped() {
        let refused = error(Path::new("a\nb"), FileCause::Exists);
        assert_eq!(
            refused.text(Language::English),
            "`a\\x0ab` exists already and is not overwritten"
        );
    }
}
