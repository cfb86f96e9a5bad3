//! From signs to a verdict.
//!
//! One hard sign, or enough weight from at least two families within the window. Within a family
//! only the heaviest sign counts. An address out of place does not count beside hops, since a
//! forwarded packet carries both by construction. What only supports counts beside what it
//! supports: a maker's block beside hops or a phone, a locally administered address beside a
//! phone, an interrupted session beside another stack than the station's own.

use super::capture::CaptureTime;
use super::fingerprint::{DhcpClass, StackClass, phone_row};
use super::kind::VerdictKind;
use super::sign::{Family, Sign, SignKind};
use super::station::Station;

/// How long a sign counts.
pub const WINDOW_S: i64 = 600;
/// How long a description of oneself counts: as long as what announces it must say that it holds
/// (UPnP Device Architecture 2.0 §1.2.2, CACHE-CONTROL).
pub const ANNOUNCED_S: i64 = 1_800;
/// The score a verdict needs, in tenths.
pub const SCORE_TENTHS_MIN: u32 = 100;
/// The score of the watch list, in tenths.
pub const WATCH_TENTHS_MIN: u32 = 50;
/// The families a verdict needs.
pub const FAMILIES_MIN: usize = 2;
/// The weight at least one sign of a verdict by score has: otherwise the factor of a grave
/// environment would turn a few weak signs into an alarm. Two families that both say phone need
/// none.
pub const STRONG_WEIGHT_MIN: u8 = 6;

/// The weight a family counts from in a verdict: less would let one sign and a trifle decide.
pub const FAMILY_WEIGHT_MIN: u8 = 3;

/// Kinds from the most to the least specific.
const ORDER: &[VerdictKind] = &[
    VerdictKind::RogueDhcp,
    VerdictKind::RogueRa,
    VerdictKind::BridgeFrame,
    VerdictKind::Proxy,
    VerdictKind::HttpServer,
    VerdictKind::Relay,
    VerdictKind::Nat,
    VerdictKind::TetherGateway,
    VerdictKind::Phone,
    VerdictKind::StackMix,
    VerdictKind::TetherSubnet,
    VerdictKind::AddrLeak,
];

/// What the signs of a station come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// A verdict.
    Verdict {
        /// What it claims.
        kind: VerdictKind,
        /// The score, in tenths.
        score_tenths: u32,
        /// The signs that count, the heaviest first.
        signs: Vec<Sign>,
    },
    /// Looks like a relay, and like a virtual machine on a desktop.
    LocalNat,
    /// Worth watching.
    Watch {
        /// The score, in tenths.
        score_tenths: u32,
    },
    /// Nothing.
    Nothing,
}

/// Judges a station as of `now`.
#[must_use]
pub fn judge(station: &Station, now: CaptureTime) -> Judgement {
    let counts = |sign: &&Sign| {
        let announced = sign.kind == SignKind::GatewayDescription;
        sign.time.within(now, if announced { ANNOUNCED_S } else { WINDOW_S })
    };
    let fresh: Vec<&Sign> = station.signs.iter().filter(counts).collect();
    // The newest hard sign is the one that asks for judgement.
    if let Some(sign) = fresh.iter().rev().find(|sign| sign.hard)
        && let Some(kind) = hard_kind(sign, &fresh)
    {
        let same = |other: &&&Sign| {
            other.kind != sign.kind && (other.address, other.port) == (sign.address, sign.port)
        };
        let mut signs = vec![(*sign).clone()];
        signs.extend(fresh.iter().filter(same).map(|other| (*other).clone()));
        return Judgement::Verdict { kind, score_tenths: sign.weight_tenths, signs };
    }
    let signs = counted(station, &fresh);
    let score_tenths = signs.iter().map(|sign| sign.weight_tenths).sum();
    let phone = signs.iter().filter(|sign| sign.may_mean(VerdictKind::Phone)).count();
    let strong = signs.iter().any(|sign| sign.weight >= STRONG_WEIGHT_MIN);
    let strong = strong || phone >= FAMILIES_MIN;
    let families = signs.iter().filter(|sign| sign.weight >= FAMILY_WEIGHT_MIN).count();
    if score_tenths < WATCH_TENTHS_MIN {
        return Judgement::Nothing;
    }
    if score_tenths >= SCORE_TENTHS_MIN && families >= FAMILIES_MIN && strong {
        if let Some(kind) = kind_of(&signs, station) {
            use VerdictKind as K;
            if matches!(kind, K::Relay | K::Nat | K::StackMix) && is_local_nat(station, &fresh, now)
            {
                return Judgement::LocalNat;
            }
            let signs = signs.into_iter().cloned().collect();
            return Judgement::Verdict { kind, score_tenths, signs };
        }
    } else if is_local_nat(station, &fresh, now) {
        return Judgement::LocalNat;
    }
    Judgement::Watch { score_tenths }
}

/// The kind of a hard sign; a service that answered as a proxy is one.
fn hard_kind(sign: &Sign, fresh: &[&Sign]) -> Option<VerdictKind> {
    let service = (sign.address, sign.port);
    let proxy = fresh.iter().any(|other| {
        other.may_mean(VerdictKind::Proxy)
            && other.weight >= STRONG_WEIGHT_MIN
            && (other.address, other.port) == service
    });
    if sign.kind == SignKind::HttpServer && proxy {
        return Some(VerdictKind::Proxy);
    }
    sign.kind.kinds().first().copied()
}

/// The heaviest sign of each family, without those that may not count; the heaviest first.
///
/// Where a desktop's own stack is at home, names that browsers look up are its browser's.
fn counted<'a>(station: &Station, fresh: &[&'a Sign]) -> Vec<&'a Sign> {
    let desktop = is_desktop(station);
    let hop = fresh.iter().any(|sign| sign.kind.family() == Family::Hop);
    let phone = fresh.iter().any(|sign| sign.may_mean(VerdictKind::Phone));
    let changed = fresh.iter().any(|sign| sign.kind == SignKind::StackChanged);
    let counts = |sign: &Sign| match sign.kind {
        // PCs sleep, start anew and are carried about every day.
        kind if kind.family() == Family::Auth => changed,
        SignKind::LocalMac => phone,
        SignKind::MakerBlock => hop || phone,
        SignKind::PhoneName if sign.weight < STRONG_WEIGHT_MIN => !desktop,
        // Whoever says to be the gateway means to be one.
        SignKind::GatewayAddress => true,
        kind => kind.family() != Family::Address || !hop,
    };
    let mut signs: Vec<&Sign> = Vec::new();
    for sign in fresh.iter().copied().filter(|sign| counts(sign)) {
        match signs.iter_mut().find(|other| other.kind.family() == sign.kind.family()) {
            Some(other) if other.weight_tenths < sign.weight_tenths => *other = sign,
            Some(_) => {}
            None => signs.push(sign),
        }
    }
    signs.sort_by_key(|sign| std::cmp::Reverse(sign.weight_tenths));
    signs
}

/// The most specific kind the counted signs allow. A forwarded address that is not the station's
/// own says relay; its own, translation.
fn kind_of(signs: &[&Sign], station: &Station) -> Option<VerdictKind> {
    let kind = ORDER.iter().copied().find(|kind| signs.iter().any(|sign| sign.may_mean(*kind)))?;
    if kind != VerdictKind::Relay {
        return Some(kind);
    }
    let foreign = signs.iter().any(|sign| {
        sign.kind == SignKind::RelayedFlow
            || sign.kind == SignKind::HopDistance
                && sign.address.is_some_and(|address| !station.addresses.contains(&address))
    });
    Some(if foreign { VerdictKind::Relay } else { VerdictKind::Nat })
}

/// Whether the stack of a desktop speaks for the station itself, without being forwarded. A Mac and
/// an iPhone have the same stack; what they ask for with their address tells them apart.
fn is_desktop(station: &Station) -> bool {
    let iphone = station.dhcp.is_some_and(|(class, _)| class == Some(DhcpClass::Iphone));
    station.stacks.iter().any(|stack| {
        !stack.forwarded
            && (stack.class == StackClass::Windows || stack.class == StackClass::Apple && !iphone)
    })
}

/// Whether hops and stacks are those of a virtual machine on a desktop: a desktop's stack goes on
/// without hops, from the same address, and nothing of a phone or a router is there. A guest's
/// own stack is always behind a hop; a Unix without one is a box before the desktop, whose stack
/// was seen before the box came.
fn is_local_nat(station: &Station, fresh: &[&Sign], now: CaptureTime) -> bool {
    let boxed = station.stacks.iter().any(|stack| {
        !stack.forwarded && stack.class == StackClass::Unix && stack.time.within(now, WINDOW_S)
    });
    let hop = fresh.iter().any(|sign| sign.kind == SignKind::HopDistance);
    let phone = station.stacks.iter().any(|stack| phone_row(64, stack.syn).is_some());
    let explained = fresh.iter().all(|sign| match sign.kind {
        SignKind::HopDistance => {
            sign.address.is_some_and(|address| station.addresses.contains(&address))
        }
        SignKind::TtlFamilies
        | SignKind::StackClasses
        | SignKind::StackWindows
        | SignKind::StackVariants
        | SignKind::AgentMismatch
        | SignKind::ServerStack
        | SignKind::ProbeBurst
        | SignKind::SessionElsewhere
        | SignKind::MethodChanged
        | SignKind::Reconnected
        | SignKind::LocalMac => true,
        SignKind::PhoneName => sign.weight < STRONG_WEIGHT_MIN,
        // An adapter's.
        SignKind::MakerBlock => sign.weight < FAMILY_WEIGHT_MIN,
        _ => false,
    });
    hop && is_desktop(station) && !boxed && !phone && explained
}
