//! What a sensor's verdict does by itself: the ladder of an environment, climbed one rung at a
//! time, within a limit, and never on a port that is no access port.

use std::time::Duration;

use crate::plan::{Response, ResponseLimit, Rung};
use crate::vocabulary::Timestamp;

/// How long after something was done a device may still be seen as it was before.
pub const SETTLING: Duration = Duration::from_secs(30);

/// What is known when a verdict arrives.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The ladder of the device's environment; `None` where none is written.
    pub response: Option<&'a Response>,
    /// How much may be done without a person.
    pub limit: ResponseLimit,
    /// Whether a hard sign is among the signs.
    pub hard: bool,
    /// When the first sign was seen.
    pub first_sign: Timestamp,
    /// Whether the device has a session, and on what kind of place.
    pub place: Where,
    /// What already stands against device or port, and since when.
    pub standing: Option<(Rung, Timestamp)>,
    /// What was done within the limit's window.
    pub recent: u64,
}

/// Where the device is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// On an access port of the plan.
    Access,
    /// On a wireless network, which has no port to close.
    Wireless,
    /// On a port that is an uplink or none of the plan's.
    Uplink,
    /// Nowhere that we know of.
    Unknown,
}

/// What is done, or why nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The device goes into quarantine.
    Quarantine,
    /// The port lets nobody in.
    PortDown,
    /// The configuration wants people told and no more.
    AlertOnly,
    /// Verdicts without a hard sign are only told in this environment.
    SoftOnly,
    /// What can be done already stands, or has not had its time.
    Stands,
    /// Nobody knows where the device is attached.
    NowhereKnown,
    /// It is behind an uplink, to which nothing is ever done.
    OnUplink,
    /// The limit is reached: a person decides.
    OverLimit,
}

impl Step {
    /// As records write it.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::PortDown => "port-down",
            Self::AlertOnly => "alert",
            Self::SoftOnly => "alert-soft",
            Self::Stands => "stands",
            Self::NowhereKnown => "no-session",
            Self::OnUplink => "uplink",
            Self::OverLimit => "over-limit",
        }
    }
}

/// What to do about a verdict.
#[must_use]
pub fn step(case: &Case<'_>) -> Step {
    let Some(response) = case.response else { return Step::AlertOnly };
    let rung = match case.standing {
        None => response.first,
        Some(_) => response.again,
    };
    let (rung, wanted) = match (rung, case.place) {
        (Rung::Alert, _) => return Step::AlertOnly,
        // An access point's port is nobody's place alone: its network goes on without the device.
        (Rung::Quarantine, _) | (Rung::PortDown, Where::Wireless) => {
            (Rung::Quarantine, Step::Quarantine)
        }
        (Rung::PortDown, Where::Access | Where::Uplink | Where::Unknown) => {
            (Rung::PortDown, Step::PortDown)
        }
    };
    if response.hard_only && !case.hard {
        return Step::SoftOnly;
    }
    match case.place {
        Where::Unknown => return Step::NowhereKnown,
        Where::Uplink => return Step::OnUplink,
        Where::Access | Where::Wireless => {}
    }
    if let Some((standing, since)) = case.standing {
        let settled = since.seconds_until(case.first_sign) >= SETTLING.as_secs().cast_signed();
        if rung <= standing || !settled {
            return Step::Stands;
        }
    }
    if case.recent >= u64::from(case.limit.ports_max) {
        return Step::OverLimit;
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::EnvironmentIndex;

    const RESPONSE: Response = Response {
        environment: EnvironmentIndex(0),
        first: Rung::Quarantine,
        again: Rung::PortDown,
        hard_only: true,
    };
    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn case() -> Case<'static> {
        Case {
            response: Some(&RESPONSE),
            limit: ResponseLimit { ports_max: 2, window: Duration::from_secs(3600) },
            hard: true,
            first_sign: NOW,
            place: Where::Access,
            standing: None,
            recent: 0,
        }
    }

    #[test]
    fn the_ladder_is_climbed_one_rung_at_a_time_and_never_beyond_its_bounds() {
        let ago = |seconds: i64| Some((Rung::Quarantine, Timestamp(NOW.0 - seconds * 1000)));
        for (case, wanted) in [
            (case(), Step::Quarantine),
            (Case { response: None, ..case() }, Step::AlertOnly),
            (Case { hard: false, ..case() }, Step::SoftOnly),
            (Case { place: Where::Unknown, ..case() }, Step::NowhereKnown),
            (Case { place: Where::Uplink, ..case() }, Step::OnUplink),
            (Case { recent: 2, ..case() }, Step::OverLimit),
            (Case { recent: 1, ..case() }, Step::Quarantine),
            // Frames from before the quarantine took effect are no reason to go on.
            (Case { standing: ago(29), ..case() }, Step::Stands),
            (Case { standing: ago(30), ..case() }, Step::PortDown),
            (Case { standing: ago(-5), ..case() }, Step::Stands),
            (Case { standing: Some((Rung::PortDown, Timestamp(0))), ..case() }, Step::Stands),
            (Case { standing: ago(60), recent: 2, ..case() }, Step::OverLimit),
            (Case { standing: ago(60), place: Where::Uplink, ..case() }, Step::OnUplink),
            (Case { standing: ago(60), place: Where::Wireless, ..case() }, Step::Stands),
            (Case { place: Where::Wireless, ..case() }, Step::Quarantine),
        ] {
            assert_eq!(step(&case), wanted, "{case:?}");
        }
        let told =
            Response { first: Rung::Alert, again: Rung::Alert, hard_only: false, ..RESPONSE };
        assert_eq!(step(&Case { response: Some(&told), ..case() }), Step::AlertOnly);
        let all = Response { hard_only: false, ..RESPONSE };
        let soft = Case { response: Some(&all), hard: false, ..case() };
        assert_eq!(step(&soft), Step::Quarantine);
    }
}
