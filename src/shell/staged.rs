//! Directories that are there whole or not at all.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::files::{
    FileCause, FileError, PRIVATE_DIRECTORY, PUBLIC_DIRECTORY, beside, create, error, flush,
    flush_parent, make_directory, parent, system,
};

/// A directory being built where nobody looks: its content appears in its final place whole, or,
/// when dropped before [`StagedDirectory::commit`], not at all.
#[derive(Debug)]
pub struct StagedDirectory {
    staging: PathBuf,
    target: PathBuf,
    /// The target is there, may be somebody's current directory or a mount point, and is filled
    /// instead of replaced.
    fills: bool,
    committed: bool,
}

impl StagedDirectory {
    /// Begins a directory that is to stand at `target`, which must not exist or be an empty
    /// directory.
    ///
    /// # Errors
    /// [`FileCause::Exists`] when something is there, else what the operating system says.
    pub fn begin(target: &Path) -> Result<Self, FileError> {
        let (fills, staging) = match fs::read_dir(target) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(error(target, FileCause::Exists));
                }
                (true, beside(&target.join("new"))?)
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => (false, beside(target)?),
            Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => {
                return Err(error(target, FileCause::Exists));
            }
            Err(cause) => return Err(system(target, &cause)),
        };
        // Private until complete: nobody may read a key while modes are still being set.
        DirBuilder::new()
            .mode(PRIVATE_DIRECTORY)
            .create(&staging)
            .map_err(|cause| system(parent(&staging), &cause))?;
        Ok(Self { staging, target: target.to_owned(), fills, committed: false })
    }

    /// Makes a directory inside, and those above it.
    ///
    /// # Errors
    /// [`FileError`] when the operating system refuses.
    pub fn directory(&self, relative: &str, mode: u32) -> Result<(), FileError> {
        make_directory(&self.staging.join(relative), mode).map_err(|refused| self.told(refused))
    }

    /// Writes a file inside; the directories above it are made readable for everyone unless
    /// they are there.
    ///
    /// # Errors
    /// [`FileError`] when the operating system refuses.
    pub fn file(&self, relative: &str, content: &[u8], mode: u32) -> Result<(), FileError> {
        let path = self.staging.join(relative);
        if let Some(parent) = path.parent() {
            make_directory(parent, PUBLIC_DIRECTORY).map_err(|refused| self.told(refused))?;
        }
        create(&path, content, mode).map_err(|refused| self.told(refused))
    }

    /// Where it is built.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.staging
    }

    /// Puts everything in its place, readable for everyone. A new directory appears in one step;
    /// one that was there is filled entry by entry, and emptied again when that fails.
    ///
    /// # Errors
    /// [`FileError`] when something has appeared there meanwhile or the operating system
    /// refuses; nothing is left behind.
    pub fn commit(self) -> Result<(), FileError> {
        self.commit_as(PUBLIC_DIRECTORY)
    }

    /// The same with a mode of its own; a directory that was there never becomes wider by it.
    ///
    /// # Errors
    /// As [`StagedDirectory::commit`].
    pub fn commit_as(mut self, mode: u32) -> Result<(), FileError> {
        if self.fills {
            self.fill(mode)?;
            self.committed = true;
            return flush(&self.target);
        }
        self.in_mode(&self.staging, mode)?;
        // Renaming over an empty directory replaces it; over any other it is refused.
        fs::rename(&self.staging, &self.target).map_err(|cause| match cause.kind() {
            io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory => error(&self.target, FileCause::Exists),
            _ => system(&self.target, &cause),
        })?;
        self.committed = true;
        flush_parent(&self.target)
    }

    /// An error about what is built, as one about where it is to stand.
    fn told(&self, refused: FileError) -> FileError {
        match refused.path.strip_prefix(&self.staging) {
            Ok(inside) => error(&self.target.join(inside), refused.cause),
            Err(_) => refused,
        }
    }

    fn fill(&self, mode: u32) -> Result<(), FileError> {
        let refused = |cause: io::Error| system(&self.target, &cause);
        let had = fs::metadata(&self.target).map_err(refused)?.permissions().mode() & 0o777;
        for entry in fs::read_dir(&self.target).map_err(refused)? {
            if entry.map_err(refused)?.path() != self.staging {
                return Err(error(&self.target, FileCause::Exists));
            }
        }
        if had & !mode != 0 {
            self.in_mode(&self.target, had & mode)?;
        }
        let names = fs::read_dir(&self.staging)
            .and_then(|entries| entries.map(|entry| entry.map(|it| it.file_name())).collect());
        let names: Vec<_> = names.map_err(refused)?;
        let rename =
            |name: &OsString, from: &Path, to: &Path| fs::rename(from.join(name), to.join(name));
        for (done, name) in names.iter().enumerate() {
            if let Err(cause) = rename(name, &self.staging, &self.target) {
                for name in names.iter().take(done) {
                    let _ = rename(name, &self.target, &self.staging); // OK because the error is told
                }
                return Err(refused(cause));
            }
        }
        fs::remove_dir(&self.staging).map_err(refused)
    }

    fn in_mode(&self, path: &Path, mode: u32) -> Result<(), FileError> {
        fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(|cause| system(&self.target, &cause))
    }
}

impl Drop for StagedDirectory {
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_dir_all(&self.staging); // OK because what remains is hidden, private and unused
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::shell::files::tests::{mode, names};
    use crate::shell::files::{PRIVATE_FILE, PUBLIC_FILE, read_text};

    #[test]
    fn a_staged_directory_appears_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("site");
        let staged = StagedDirectory::begin(&target).unwrap();
        staged.file("config/a", b"a", PUBLIC_FILE).unwrap();
        drop(staged);
        assert!(names(directory.path()).is_empty(), "dropped before commit");

        let staged = StagedDirectory::begin(&target).unwrap();
        staged.directory("secrets", PRIVATE_DIRECTORY).unwrap();
        staged.file("secrets/b", b"b", PRIVATE_FILE).unwrap();
        assert!(!target.exists(), "not yet");
        staged.commit().unwrap();
        assert_eq!((mode(&target), mode(&target.join("secrets"))), (0o755, 0o700));
        assert_eq!(read_text(&target.join("secrets/b")).unwrap(), "b");
        assert_eq!(names(directory.path()), ["site"]);
        assert_eq!(StagedDirectory::begin(&target).unwrap_err().cause, FileCause::Exists);
        let file = target.join("secrets/b");
        assert_eq!(StagedDirectory::begin(&file).unwrap_err().cause, FileCause::Exists);
    }

    #[test]
    fn an_empty_directory_is_filled_and_stays_the_one_it_was() {
        let target = tempfile::tempdir().unwrap();
        let target = target.path();
        let before = (fs::metadata(target).unwrap().ino(), mode(target));
        let stage = || {
            let staged = StagedDirectory::begin(target).unwrap();
            staged.file("config/a", b"a", PUBLIC_FILE).unwrap();
            staged.file("secrets/b", b"b", PRIVATE_FILE).unwrap();
            staged
        };
        drop(stage());
        assert!(names(target).is_empty(), "dropped before commit");
        let staged = stage();
        fs::write(target.join("precious"), "x").unwrap();
        assert_eq!(staged.commit().unwrap_err().cause, FileCause::Exists);
        assert_eq!(names(target), ["precious"]);
        fs::remove_file(target.join("precious")).unwrap();
        stage().commit().unwrap();
        assert_eq!(names(target), ["config", "secrets"]);
        assert_eq!((fs::metadata(target).unwrap().ino(), mode(target)), before, "0700 of tempdir");
        assert_eq!(read_text(&target.join("secrets/b")).unwrap(), "b");
    }

    #[test]
    fn a_directory_filled_meanwhile_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("site");
        let staged = StagedDirectory::begin(&target).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(target.join("precious"), "x").unwrap();
        assert_eq!(staged.commit().unwrap_err().cause, FileCause::Exists);
        assert_eq!(names(directory.path()), ["site"]);
        assert_eq!(names(&target), ["precious"]);
    }
}
