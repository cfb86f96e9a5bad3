//! Measuring the sensor on labelled captures: what was found, what was not, and what was wrong.
//!
//! Pure like the rest: the shell reads files, a [`Trial`] takes their frames, a [`Score`] sums up.

mod interval;
mod manifest;
mod score;
mod trial;

pub use interval::{Interval, clopper_pearson, poisson};
pub use manifest::{
    Claim, Class, Expected, MANIFEST_ROWS_MAX, Manifest, ManifestFault, ManifestFaultKind, Name,
    Row,
};
pub use score::{Score, Times, Totals};
pub use trial::{Alarm, Flip, Miss, MissKind, Outcome, Trial};
