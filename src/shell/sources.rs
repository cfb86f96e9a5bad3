//! Reads a site's directories whole, within bounds.
//!
//! What the files mean is `plan`'s business. Names that begin with a dot (version control,
//! editors) are passed over; a link that leads out of its directory is refused, so that a
//! directory says all there is to say about itself.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Failure, FailureKind};
use crate::plan::{FindingKind, SecretFiles, secret_finding};
use crate::vocabulary::Secret;

/// Most files in one directory tree.
pub const FILES_MAX: usize = 10_000;
/// Most octets in one directory tree.
pub const OCTETS_MAX: u64 = 64 * 1024 * 1024;
/// Deepest nesting of directories.
pub const DEPTH_MAX: usize = 16;

/// Every file below `directory` by its path relative to it, with `/` between names.
///
/// # Errors
/// The directory is absent, something in it is unreadable or no regular file, a link leads out
/// of it, or a bound is exceeded.
pub fn read_tree(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    read(directory, None)
}

/// The same; what is unreadable goes to `unreadable`, where that is given: its path and why.
fn read(
    directory: &Path,
    unreadable: Option<&mut Vec<(String, String)>>,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let root = directory.canonicalize().map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(FailureKind::DirectoryAbsent).fact("path", directory.display())
        }
        _ => self::unreadable(directory, &cause),
    })?;
    let mut reader =
        Reader { shown: directory, root, files: BTreeMap::new(), octets: 0, unreadable };
    reader.read_directory(&reader.root.clone(), "", 0)?;
    Ok(reader.files)
}

/// Every file of a secrets directory; empty when there is none. Files that cannot be read, and
/// those that everyone on the machine may read, are findings.
///
/// # Errors
/// As [`read_tree`], but for an absent directory and for what is unreadable in it.
pub fn read_secrets(directory: &Path) -> Result<SecretFiles, Failure> {
    let mut unreadable = Vec::new();
    let files = match read(directory, Some(&mut unreadable)) {
        Ok(files) => files,
        Err(failure) if failure.kind == FailureKind::DirectoryAbsent => BTreeMap::new(),
        Err(failure) => return Err(failure),
    };
    let finding = |(path, cause): (String, String)| {
        secret_finding(FindingKind::FileUnreadable, &path).fact("cause", cause)
    };
    let mut findings: Vec<_> = unreadable.into_iter().map(finding).collect();
    for path in files.keys().filter(|path| is_private(path)) {
        let full = directory.join(path);
        let metadata = std::fs::metadata(&full).map_err(|cause| self::unreadable(&full, &cause))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o007 != 0 {
            let finding = secret_finding(FindingKind::SecretOpen, path);
            findings.push(finding.fact("path", full.display()).fact("mode", format!("{mode:03o}")));
        }
    }
    let secret = |(path, content)| (path, Secret::new(content));
    Ok(SecretFiles { files: files.into_iter().map(secret).collect(), findings })
}

/// Certificates and revocation lists are public; everything else is not.
fn is_private(path: &str) -> bool {
    let certificate = ["api/", "alert/", "detection/"].iter().any(|it| path.starts_with(it))
        && path.ends_with(".pem");
    !(certificate || path.starts_with("authority/") || path == "server/chain.pem")
}

/// Reads one file of at most `octets_max`.
///
/// # Errors
/// The file is unreadable or too large.
pub fn read_file(path: &Path, octets_max: u64) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(|cause| unreadable(path, &cause))?;
    let length = file.metadata().map_or(0, |about| about.len()).min(octets_max);
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(octets_max + 1)
        .read_to_end(&mut content)
        .map_err(|cause| unreadable(path, &cause))?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > octets_max {
        return Err(Failure::new(FailureKind::FilesTooLarge)
            .fact("path", path.display())
            .fact("limit", octets_max));
    }
    Ok(content)
}

struct Reader<'a> {
    /// The directory as the operator named it, for messages.
    shown: &'a Path,
    root: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
    octets: u64,
    /// Where what is unreadable is told, unless it ends the reading.
    unreadable: Option<&'a mut Vec<(String, String)>>,
}

impl Reader<'_> {
    fn read_directory(&mut self, at: &Path, prefix: &str, depth: usize) -> Result<(), Failure> {
        let shown = self.shown.join(prefix);
        if depth > DEPTH_MAX {
            return Err(Failure::new(FailureKind::DirectoriesTooDeep)
                .fact("path", shown.display())
                .fact("limit", DEPTH_MAX));
        }
        for entry in std::fs::read_dir(at).map_err(|cause| unreadable(&shown, &cause))? {
            let entry = entry.map_err(|cause| unreadable(&shown, &cause))?;
            let name = entry.file_name();
            if name.as_encoded_bytes().first() == Some(&b'.') {
                continue;
            }
            let Some(name) = name.to_str() else {
                let path = shown.join(&name);
                return Err(
                    Failure::new(FailureKind::NameNotText).fact("path", path.to_string_lossy())
                );
            };
            let relative =
                if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            match (self.read_entry(&entry.path(), &relative, depth), &mut self.unreadable) {
                (Err(failure), Some(told)) if failure.kind == FailureKind::FileUnreadable => {
                    told.push((relative, fact(&failure, "cause")));
                }
                (read, _) => read?,
            }
        }
        Ok(())
    }

    fn read_entry(&mut self, path: &Path, relative: &str, depth: usize) -> Result<(), Failure> {
        let shown = self.shown.join(relative);
        // Resolves links, so that what is checked is what is read.
        let real = path.canonicalize().map_err(|cause| unreadable(&shown, &cause))?;
        if !real.starts_with(&self.root) {
            return Err(Failure::new(FailureKind::LinkEscapes)
                .fact("path", shown.display())
                .fact("root", self.shown.display()));
        }
        let metadata = std::fs::metadata(&real).map_err(|cause| unreadable(&shown, &cause))?;
        if metadata.is_dir() {
            return self.read_directory(&real, relative, depth + 1);
        }
        if !metadata.is_file() {
            return Err(Failure::new(FailureKind::NotAFile).fact("path", shown.display()));
        }
        if self.files.len() >= FILES_MAX {
            return Err(Failure::new(FailureKind::FilesTooMany)
                .fact("path", self.shown.display())
                .fact("limit", FILES_MAX));
        }
        let left = OCTETS_MAX.saturating_sub(self.octets);
        let content = read_file(&real, left).map_err(|failure| match failure.kind {
            FailureKind::FilesTooLarge => failure_of_size(self.shown),
            _ => Failure::new(failure.kind)
                .fact("path", shown.display())
                .fact("cause", fact(&failure, "cause")),
        })?;
        self.octets += u64::try_from(content.len()).unwrap_or(u64::MAX);
        self.files.insert(relative.to_owned(), content);
        Ok(())
    }
}

fn failure_of_size(shown: &Path) -> Failure {
    Failure::new(FailureKind::FilesTooLarge).fact("path", shown.display()).fact("limit", OCTETS_MAX)
}

fn fact(failure: &Failure, name: &str) -> String {
    let found = failure.facts.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn unreadable(path: &Path, cause: &std::io::Error) -> Failure {
    Failure::new(FailureKind::FileUnreadable).fact("path", path.display()).fact("cause", cause)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn read(directory: &TempDir) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
        read_tree(&directory.path().join("config"))
    }

    fn site() -> TempDir {
        let directory = TempDir::new().unwrap();
        let config = directory.path().join("config");
        fs::create_dir_all(config.join("profiles")).unwrap();
        fs::write(config.join("server.toml"), "a").unwrap();
        fs::write(config.join("profiles/ax.toml"), "b").unwrap();
        fs::write(config.join(".server.toml.swp"), "c").unwrap();
        directory
    }

    #[test]
    fn files_come_by_relative_path_and_dotted_names_are_passed_over() {
        let directory = site();
        symlink("server.toml", directory.path().join("config/inside.toml")).unwrap();
        let files = read(&directory).unwrap();
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["inside.toml", "profiles/ax.toml", "server.toml"]);
        assert_eq!(files["inside.toml"], b"a");
    }

    #[test]
    fn a_link_out_of_the_directory_is_refused() {
        let directory = site();
        fs::write(directory.path().join("outside.toml"), "x").unwrap();
        symlink("../outside.toml", directory.path().join("config/link.toml")).unwrap();
        let failure = read(&directory).unwrap_err();
        assert_eq!(failure.kind, FailureKind::LinkEscapes);
        assert!(failure.to_string().contains("config/link.toml"), "{failure}");
    }

    /// A link that leads nowhere cannot be read, whoever tries.
    #[test]
    fn an_unreadable_secret_is_told_and_hides_no_other() {
        let directory = TempDir::new().unwrap();
        let client = directory.path().join("client");
        fs::create_dir(&client).unwrap();
        symlink("nowhere", client.join("sw-a.secret")).unwrap();
        fs::write(client.join("sw-b.secret"), "x").unwrap();
        fs::set_permissions(client.join("sw-b.secret"), fs::Permissions::from_mode(0o604)).unwrap();
        let found = read_secrets(directory.path()).unwrap();
        assert_eq!(found.files.keys().collect::<Vec<_>>(), ["client/sw-b.secret"]);
        let told: Vec<_> = found
            .findings
            .iter()
            .map(|it| (it.kind.id(), it.at.as_ref().unwrap().file.to_string()))
            .collect();
        assert_eq!(
            told,
            [
                ("file.unreadable", "secrets/client/sw-a.secret".to_owned()),
                ("secrets.open-to-everyone", "secrets/client/sw-b.secret".to_owned())
            ]
        );
        assert_eq!(read_tree(directory.path()).unwrap_err().kind, FailureKind::FileUnreadable);
    }

    #[test]
    fn a_link_in_a_circle_ends() {
        let directory = site();
        symlink(".", directory.path().join("config/again")).unwrap();
        assert_eq!(read(&directory).unwrap_err().kind, FailureKind::DirectoriesTooDeep);
    }

    #[test]
    fn absent_directories_and_devices_are_named() {
        let directory = TempDir::new().unwrap();
        assert_eq!(read(&directory).unwrap_err().kind, FailureKind::DirectoryAbsent);
        let directory = site();
        let _socket =
            std::os::unix::net::UnixListener::bind(directory.path().join("config/s")).unwrap();
        assert_eq!(read(&directory).unwrap_err().kind, FailureKind::NotAFile);
    }

    #[test]
    fn a_tree_too_large_is_refused_without_reading_it_whole() {
        let directory = site();
        let large = fs::File::create(directory.path().join("config/large")).unwrap();
        large.set_len(OCTETS_MAX + 1).unwrap();
        assert_eq!(read(&directory).unwrap_err().kind, FailureKind::FilesTooLarge);
    }

    #[test]
    fn too_many_files_are_refused() {
        let directory = site();
        let many = directory.path().join("config/many");
        fs::create_dir(&many).unwrap();
        for number in 0..FILES_MAX {
            fs::File::create(many.join(number.to_string())).unwrap();
        }
        assert_eq!(read(&directory).unwrap_err().kind, FailureKind::FilesTooMany);
    }
}
