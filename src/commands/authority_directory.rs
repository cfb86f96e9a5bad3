//! The authority's directory: its certificate and key, the register of what it has issued, and
//! its last revocation list. It belongs on a machine that is not the server.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::arguments::shown;
use super::refusal::Refusal;
use crate::authority::{Authority, Issued, Register, RegisterError, RevocationList};
use crate::shell::files::{self, FileCause, FileError, Lock};
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::Timestamp;

/// The authority's certificate.
pub(super) const CERTIFICATE: &str = "authority.pem";
/// Its private key.
pub(super) const KEY: &str = "authority.key";
/// What it has issued and revoked.
pub(super) const REGISTER: &str = "register.jsonl";
/// Its last revocation list.
pub(super) const LIST: &str = "authority.crl";

/// Days until a revocation list is due again, unless told otherwise.
pub(super) const LIST_DAYS: u32 = 30;

/// An opened directory, locked against other commands.
#[derive(Debug)]
pub(super) struct AuthorityDirectory {
    path: PathBuf,
    /// What signs.
    pub(super) authority: Authority,
    /// What has been issued; a change counts once it is saved.
    pub(super) register: Register,
    _lock: Lock,
}

impl AuthorityDirectory {
    /// Locks a directory and takes the authority and its register from it.
    pub(super) fn open(path: &Path) -> Result<Self, Refusal> {
        if !path.is_dir() {
            return Err(Failure::new(FailureKind::DirectoryAbsent)
                .fact("path", shown(path))
                .into());
        }
        let lock = Lock::take(path)?;
        let certificate = files::read_text(&path.join(CERTIFICATE))?;
        let key = path.join(KEY);
        require_private(&key)?;
        let key = Zeroizing::new(files::read_text(&key)?);
        let authority = Authority::load(&certificate, &key)?;
        let register = read_register(path)?;
        Ok(Self { path: path.to_owned(), authority, register, _lock: lock })
    }

    /// Enters a certificate and saves the register. Only then may the certificate be handed out,
    /// so that nothing the authority signed is ever unrecorded.
    pub(super) fn record(&mut self, issued: &Issued) -> Result<(), Refusal> {
        let line = self.register.entries().len() + 2; // the first line is the list's number
        self.register.record(issued).map_err(|fault| {
            Refusal::Register(self.path.join(REGISTER), RegisterError { line, fault })
        })?;
        Ok(self.save()?)
    }

    fn save(&self) -> Result<(), FileError> {
        let text = self.register.print();
        files::write_private(&self.path.join(REGISTER), text.as_bytes(), files::PRIVATE_FILE)
    }

    /// Signs the next revocation list, saves the register and writes the list, to `to` or into
    /// the directory. Says where it is.
    pub(super) fn publish_list(
        &mut self,
        to: Option<&Path>,
        now: Timestamp,
        days: u32,
    ) -> Result<(RevocationList, PathBuf), Refusal> {
        let number = self.register.next_list_number();
        let list =
            self.authority.revocation_list(&self.register.revocations(now), number, now, days)?;
        self.save()?;
        let path = to.map_or_else(|| self.path.join(LIST), Path::to_owned);
        match files::write_for_service(&path, list.pem.as_bytes()) {
            Ok(()) => Ok((list, path)),
            Err(error) => {
                let to = to.map_or_else(String::new, |to| format!(" --crl {}", shown(to)));
                let failure = Failure::new(FailureKind::ListNotWritten);
                let failure = failure.fact("ca", shown(&self.path)).fact("to", to);
                Err(Refusal::Unwritten(failure, error))
            }
        }
    }
}

/// Reads the register of a directory, which needs neither lock nor key: it is replaced whole.
pub(super) fn read_register(path: &Path) -> Result<Register, Refusal> {
    let path = path.join(REGISTER);
    let text = files::read_text(&path)?;
    Register::parse(&text).map_err(|error: RegisterError| Refusal::Register(path, error))
}

/// Refuses a key that others than its owner can reach.
fn require_private(path: &Path) -> Result<(), Refusal> {
    let metadata = std::fs::metadata(path).map_err(|cause| FileError {
        path: path.to_owned(),
        cause: FileCause::System(cause.kind(), cause.to_string()),
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let failure = Failure::new(FailureKind::KeyExposed);
    Err(failure.fact("path", shown(path)).fact("mode", format!("{mode:03o}")).into())
}
