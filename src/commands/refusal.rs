//! Why a command stopped, whichever room said so.

use std::path::PathBuf;

use super::arguments::shown;
use super::{Console, DONE, WRONG, WRONG_USE};
use crate::authority::{AuthorityError, RegisterError, RevokeError};
use crate::shell::files::FileError;
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::Language;

/// What keeps a command from being done.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A file or directory.
    File(FileError),
    /// The machine, or a rule of the command itself.
    Failure(Failure),
    /// The authority.
    Authority(AuthorityError),
    /// The authority, about something typed on the command line.
    Argument(AuthorityError),
    /// The register is saved, but what it speaks of could not be written.
    Unwritten(Failure, FileError),
    /// The register of the authority.
    Register(PathBuf, RegisterError),
    /// The register, about a revocation.
    Revoke(RevokeError),
}

impl Refusal {
    /// The refusal for people.
    pub(super) fn text(&self, language: Language) -> String {
        match self {
            Self::File(error) => error.text(language),
            Self::Failure(failure) => failure.message(language),
            Self::Authority(error) | Self::Argument(error) => error.text(language),
            Self::Unwritten(failure, error) => {
                failure.clone().fact("cause", error.text(language)).message(language)
            }
            Self::Register(path, error) => {
                format!("`{}`: {}", shown(path), error.text(language))
            }
            Self::Revoke(error) => error.text(language).to_owned(),
        }
    }

    /// Whether the command line is at fault rather than the world.
    fn code(&self) -> u8 {
        match self {
            Self::Argument(_) => WRONG_USE,
            Self::Failure(failure)
                if matches!(
                    failure.kind,
                    FailureKind::SwitchNameMalformed
                        | FailureKind::SecretHidden
                        | FailureKind::StormMix
                        | FailureKind::StormServer
                        | FailureKind::StormRemote
                ) =>
            {
                WRONG_USE
            }
            Self::File(_)
            | Self::Failure(_)
            | Self::Authority(_)
            | Self::Unwritten(..)
            | Self::Register(..)
            | Self::Revoke(_) => WRONG,
        }
    }
}

impl From<FileError> for Refusal {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<AuthorityError> for Refusal {
    fn from(error: AuthorityError) -> Self {
        Self::Authority(error)
    }
}

impl From<RevokeError> for Refusal {
    fn from(error: RevokeError) -> Self {
        Self::Revoke(error)
    }
}

/// Complains when there is cause, and gives the exit code.
pub(super) fn conclude(done: Result<(), Refusal>, console: &mut Console) -> u8 {
    match done {
        Ok(()) => DONE,
        Err(refusal) => {
            console.complain(refusal.text(console.language));
            refusal.code()
        }
    }
}
