//! What only the whole plan shows: places a device could be put that its switch cannot serve,
//! and what the passage of time has made or will soon make void.

use super::Plan;
use super::finding::Sink;
use crate::vocabulary::Timestamp;

pub(super) fn check(plan: &Plan, sink: &Sink, now: Timestamp) {
    let _ = (plan, sink, now);
}
