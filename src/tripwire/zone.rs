//! Zone files as BIND and its like read them (RFC 1035 §5).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::export::serial;
use super::{Epoch, LabelKey, labels};
use crate::plan::{Plan, Tripwire};
use crate::vocabulary::Timestamp;

/// Times of the SOA record in seconds: refresh, retry and expire (RFC 1035 §3.3.13).
pub(super) const TIMES_S: [u32; 3] = [3600, 600, 86_400];

/// The zone for the inside DNS: every label in force, answered with the inside addresses.
#[must_use]
pub fn inside(plan: &Plan, wire: &Tripwire, key: &LabelKey, now: Timestamp) -> String {
    let mut text = head(wire, now);
    let epoch = Epoch::at(now, wire.rotation);
    for epoch in BTreeSet::from([epoch.previous(), epoch]) {
        for labelled in labels(plan, wire, key, epoch) {
            for address in &wire.inside {
                let kind = match address {
                    IpAddr::V4(_) => "A",
                    IpAddr::V6(_) => "AAAA",
                };
                // OK because a String takes every write, here and below.
                let _ = writeln!(text, "{} IN {kind} {address}", labelled.label);
            }
        }
    }
    text
}

/// The zone as the public side shows it, which is without any label, and how the zone above
/// delegates it.
#[must_use]
pub fn outside(wire: &Tripwire, now: Timestamp) -> String {
    let mut text = head(wire, now);
    text.push_str("; in the zone above:\n");
    for server in &wire.name_servers {
        let _ = writeln!(text, "; {}. IN NS {server}.", wire.zone);
    }
    text
}

/// SOA and NS (RFC 1035 §3.3.13; the last number is the TTL of negative answers, RFC 2308 §4).
fn head(wire: &Tripwire, now: Timestamp) -> String {
    let Tripwire { zone, ttl_s, negative_ttl_s, .. } = wire;
    let primary = wire.name_servers.first().map_or(zone.as_str(), String::as_str);
    let [refresh, retry, expire] = TIMES_S;
    let mut text = format!("$ORIGIN {zone}.\n$TTL {ttl_s}\n");
    let _ = writeln!(
        text,
        "@ {negative_ttl_s} IN SOA {primary}. hostmaster.{primary}. {} {refresh} {retry} {expire} {negative_ttl_s}",
        serial(now)
    );
    for server in &wire.name_servers {
        let _ = writeln!(text, "@ IN NS {server}.");
    }
    text
}
