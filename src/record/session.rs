//! Who is where: one device at one port for one stretch of time.

use std::net::IpAddr;

use super::account::{Account, Status};
use crate::vocabulary::{Mac, Timestamp};

/// A session as the accounts tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The switch's id.
    pub switch: String,
    /// The place by name.
    pub place: String,
    /// The device's address, where one is known.
    pub mac: Option<Mac>,
    /// Acct-Session-Id, escaped.
    pub session: String,
    /// When it began; of a session first heard of in between, as far as its length tells.
    pub start: Timestamp,
    /// When it was last heard of.
    pub last: Timestamp,
    /// When and how it ended.
    pub end: Option<SessionEnd>,
    /// The device's IP address.
    pub address: Option<IpAddr>,
    /// Octets from the device.
    pub input_octets: u64,
    /// Octets to the device.
    pub output_octets: u64,
    /// Asset number of the device that was admitted there.
    pub asset: Option<String>,
    /// The environment it was admitted into.
    pub environment: Option<String>,
    /// The VLAN it was given.
    pub vlan: Option<u16>,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// When.
    pub time: Timestamp,
    /// Why, as `CAUSES` or the store names it.
    pub cause: String,
}

impl Session {
    /// A session first heard of by an account of one device.
    #[must_use]
    pub fn begin(account: &Account) -> Self {
        let seconds = i64::from(account.seconds.unwrap_or(0));
        let mut session = Self {
            switch: account.switch.clone(),
            place: account.place.clone(),
            mac: account.mac,
            session: account.session.clone(),
            start: Timestamp(account.time.0.saturating_sub(seconds.saturating_mul(1000))),
            last: account.time,
            end: None,
            address: None,
            input_octets: 0,
            output_octets: 0,
            asset: None,
            environment: None,
            vlan: None,
        };
        session.hear(account);
        session
    }

    /// Whether an account, though of the same switch, device and id, begins another session: a
    /// start after this one's end. Switches use ids again.
    #[must_use]
    pub fn begins_anew(&self, account: &Account) -> bool {
        account.status == Status::Start
            && self.end.as_ref().is_some_and(|end| account.time > end.time)
    }

    /// Takes in what a further account tells. One that was delayed on its way changes nothing
    /// that a later one has told.
    pub fn hear(&mut self, account: &Account) {
        if account.time >= self.last {
            self.last = account.time;
            self.address = account.address.or(self.address);
            if !account.place.is_empty() {
                self.place.clone_from(&account.place);
            }
        } else {
            self.address = self.address.or(account.address);
        }
        // Counters only grow within a session.
        self.input_octets = self.input_octets.max(account.input_octets);
        self.output_octets = self.output_octets.max(account.output_octets);
        if account.status == Status::Start {
            self.start = self.start.min(account.time);
        }
        if account.status == Status::Stop && self.end.is_none() {
            let cause = account.cause_name().unwrap_or_default();
            self.end = Some(SessionEnd { time: account.time, cause });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(status: Status, time: i64) -> Account {
        Account {
            status,
            time: Timestamp(time),
            switch: "sw".into(),
            place: "1".into(),
            mac: Mac::parse("00-11-22-33-44-55").ok(),
            session: "s".into(),
            address: None,
            input_octets: 0,
            output_octets: 0,
            seconds: None,
            cause: None,
            copy: 0,
        }
    }

    #[test]
    fn a_session_first_heard_of_in_between_began_before() {
        let interim = Account { seconds: Some(60), ..account(Status::Interim, 100_000) };
        assert_eq!(Session::begin(&interim).start, Timestamp(40_000));
    }

    #[test]
    fn a_delayed_account_changes_nothing_later_ones_have_told() {
        let now = account(Status::Start, 1_000);
        let mut session = Session::begin(&now);
        let address = "10.2.0.5".parse().ok();
        session.hear(&Account { address, input_octets: 9, ..account(Status::Interim, 5_000) });
        let old = "10.2.0.4".parse().ok();
        session.hear(&Account { address: old, input_octets: 5, ..account(Status::Interim, 3_000) });
        assert_eq!((session.address, session.input_octets), (address, 9));
        session.hear(&Account { cause: Some(11), ..account(Status::Stop, 9_000) });
        let end = SessionEnd { time: Timestamp(9_000), cause: "nas-reboot".into() };
        assert_eq!(session.end, Some(end.clone()));
        session.hear(&account(Status::Stop, 9_500));
        assert_eq!(session.end, Some(end), "the first end stands");
    }
}
