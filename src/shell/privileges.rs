//! Giving up what was needed only at the start.

use caps::CapSet;
use nix::sys::prctl::set_no_new_privs;

use super::{Failure, FailureKind};

/// Gives up every capability of this thread and of those it starts from now on, for good. To be
/// called before any other thread runs.
///
/// # Errors
/// The machine refuses.
pub fn give_up() -> Result<(), Failure> {
    let refused = |cause: String| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
    set_no_new_privs().map_err(|cause| refused(cause.to_string()))?;
    for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::clear(None, set).map_err(|cause| refused(cause.to_string()))?;
    }
    Ok(())
}
