//! One access port: its state machine, its session, its door.

use std::time::Duration;

use super::answer::INTERIM_MIN;
use super::bucket::Bucket;
use super::door::Door;
use super::dynamic::Criterion;
use super::event::{Change, Counter, Method, PortId, PortStatus, State};
use super::pae::{Desk, Entry, Heard, Pae, Response};
use super::settings::{self, Hosts, Order};
use crate::client::Asked;
use crate::vocabulary::{Mac, Moment, VlanId};
use crate::wire::eap;
use crate::wire::frame::{EtherType, Frame, FrameError, eapol};

/// However long an authentication anew may take: then the old one has served its time.
const REAUTHENTICATION_MAX: Duration = Duration::from_secs(300);

/// A host that is in.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) mac: Mac,
    pub(super) method: Method,
    pub(super) vlan: VlanId,
    /// The name of its account.
    pub(super) user: Vec<u8>,
    pub(super) class: Vec<Vec<u8>>,
    /// Acct-Session-Id.
    pub(super) id: String,
    pub(super) since: Moment,
    /// When its time is over, and whether it may then authenticate anew.
    pub(super) ends: Option<(Duration, bool)>,
    /// Interval of interim accounts, and when the next is due.
    pub(super) interim: Option<(Duration, Duration)>,
}

impl Session {
    pub(super) fn new(now: Moment, rules: &settings::Port, entry: Entry, id: String) -> Self {
        let Entry { mac, method, user, grant } = entry;
        let ends = match (method, rules.reauthentication) {
            (Method::Critical, _) => None,
            (Method::Dot1x | Method::Mab, Some(span)) => Some((span, true)),
            (Method::Dot1x | Method::Mab, None) => {
                grant.session_timeout.map(|span| (span, grant.reauthenticate))
            }
        };
        let interim = grant.interim.or(rules.interim).map(|span| span.max(INTERIM_MIN));
        Self {
            mac,
            method,
            vlan: grant.vlan,
            user: grant.user.unwrap_or(user),
            class: grant.class,
            id,
            since: now,
            ends: ends.map(|(span, again)| (now.monotonic + span, again)),
            interim: interim.map(|span| (span, now.monotonic + span)),
        }
    }

    /// Whether a server answers for it.
    pub(super) const fn by_server(&self) -> bool {
        match self.method {
            Method::Dot1x | Method::Mab => true,
            Method::Critical => false,
        }
    }

    /// Whether this entry is the same host coming in the same way.
    pub(super) fn goes_on_as(&self, entry: &Entry) -> bool {
        self.mac == entry.mac && self.method == entry.method
    }
}

/// What the clock brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    State,
    Reauthenticate,
    End,
    Interim,
}

#[derive(Debug)]
pub(super) struct Port {
    pub(super) rules: settings::Port,
    pub(super) pae: Pae,
    pub(super) door: Door,
    pub(super) session: Option<Session>,
    /// Who comes in as soon as the switch has opened.
    pub(super) entry: Option<Entry>,
    /// Where the session is being moved from outside.
    pub(super) moving: Option<VlanId>,
    pub(super) question: Option<Asked>,
    pub(super) barred: Option<(Mac, Duration)>,
    seen: Option<Mac>,
    identifier: u8,
    bucket: Bucket,
    shown: PortStatus,
}

impl Port {
    pub(super) fn new(now: Moment, id: PortId, rules: settings::Port, identifier: u8) -> Self {
        let shown = PortStatus {
            port: id,
            name: rules.name.clone(),
            mac: None,
            state: State::Down,
            method: None,
            vlan: None,
            since: now.wall,
            session: None,
        };
        Self {
            rules,
            pae: Pae::AwaitLink,
            door: Door::new(),
            session: None,
            entry: None,
            moving: None,
            question: None,
            barred: None,
            seen: None,
            identifier,
            bucket: Bucket::new(),
            shown,
        }
    }

    /// What a frame means to the state machine.
    ///
    /// # Errors
    /// Why it means nothing; `None` when that is not worth counting.
    pub(super) fn hear(
        &mut self,
        now: Duration,
        octets: &[u8],
    ) -> Result<(Mac, Heard), Option<Counter>> {
        let malformed = Some(Counter::FrameMalformed);
        let frame = Frame::parse(octets).map_err(|error| match error {
            FrameError::Short | FrameError::Source => malformed,
        })?;
        let from = frame.source();
        if from == self.rules.mac {
            return Err(None); // OK because it is what we sent, seen on its way out
        }
        let heard = match frame.kind() {
            EtherType::Unknown(_) => Heard::Frame,
            EtherType::Eapol => {
                if !self.bucket.take(now) {
                    return Err(Some(Counter::FrameFlood));
                }
                if ![eapol::GROUP, self.rules.mac.octets()].contains(&frame.destination()) {
                    return Err(Some(Counter::FrameNotOurs));
                }
                read_eapol(frame.payload()).map_err(Some)?
            }
        };
        if self.pae == Pae::AwaitLink {
            return Err(None);
        }
        let inside = self.session.as_ref().map(|session| session.mac);
        if let Some(host) = inside.or(self.pae.host())
            && host != from
        {
            let alone = match self.rules.hosts {
                Hosts::One => true,
                Hosts::Several => false,
            };
            return Err((alone || inside.is_none()).then_some(Counter::OtherHost));
        }
        self.seen = Some(from);
        match (self.rules.order, &heard) {
            (Order::MabOnly, _) => Ok((from, Heard::Frame)),
            (Order::Dot1xOnly, Heard::Frame) => Err(None),
            (Order::Dot1xFirst | Order::MabFirst | Order::Dot1xOnly, _) => Ok((from, heard)),
        }
    }

    /// Makes the desk for one step of the state machine.
    pub(super) fn desk(&mut self, now: Duration, revival: Duration) -> (Pae, Desk<'_>) {
        self.identifier = self.identifier.wrapping_add(1);
        let desk = Desk {
            now,
            rules: &self.rules,
            seen: self.seen,
            inside: self.session.as_ref().map(|session| (session.mac, session.method)),
            barred: self.barred,
            revival,
            identifier: self.identifier,
            effects: Vec::new(),
        };
        (std::mem::replace(&mut self.pae, Pae::AwaitLink), desk)
    }

    /// The link went: whoever showed itself is not there any more.
    pub(super) fn forget(&mut self) {
        self.seen = None;
    }

    /// The host is asked anew: unless it comes in again, its session ends in time.
    pub(super) fn limit(&mut self, now: Duration) {
        if let Some(session) = &mut self.session {
            let at = now + REAUTHENTICATION_MAX;
            session.ends = Some((session.ends.map_or(at, |(ends, _)| ends.min(at)), false));
        }
    }

    /// When [`Port::alarm`] is due.
    pub(super) fn due(&self) -> Option<Duration> {
        let session = self.session.as_ref();
        let ends = session.and_then(|session| session.ends).map(|(at, _)| at);
        let interim = session.and_then(|session| session.interim).map(|(_, at)| at);
        [self.pae.due(), ends, interim, self.door.due()].into_iter().flatten().min()
    }

    /// What is due now, one after the other.
    pub(super) fn alarm(&mut self, now: Duration) -> Option<Alarm> {
        if let Some(session) = &mut self.session {
            if let Some((at, again)) = session.ends
                && at <= now
            {
                session.ends = None;
                return Some(if again { Alarm::Reauthenticate } else { Alarm::End });
            }
            if let Some((span, at)) = &mut session.interim
                && *at <= now
            {
                *at = now + *span;
                return Some(Alarm::Interim);
            }
        }
        self.pae.due().filter(|due| *due <= now).map(|_| Alarm::State)
    }

    /// Whether the session agrees with everything that was said of it.
    pub(super) fn agrees(&self, criteria: &[Criterion]) -> bool {
        let Some(session) = &self.session else { return false };
        criteria.iter().all(|criterion| match criterion {
            Criterion::Mac(mac) => session.mac == *mac,
            Criterion::Port(number) => self.rules.number == *number,
            Criterion::PortId(name) => self.rules.name.as_bytes() == name,
            Criterion::Session(id) => session.id.as_bytes() == id,
            Criterion::User(user) => session.user == *user,
        })
    }

    /// The port as an operator sees it.
    pub(super) const fn shown(&self) -> &PortStatus {
        &self.shown
    }

    /// Looks whether an operator would see a difference, and tells it once.
    pub(super) fn show(&mut self, now: Moment, why: Change) -> Option<(PortStatus, Change)> {
        let state = self.state();
        let session = self.session.as_ref();
        let entry = self.entry.as_ref();
        let next = PortStatus {
            port: self.shown.port,
            name: self.shown.name.clone(),
            mac: session.map(|session| session.mac).or(self.pae.host()).or(self.seen),
            state,
            method: session
                .map(|session| session.method)
                .or_else(|| entry.map(|entry| entry.method)),
            vlan: session.map(|session| session.vlan),
            since: if state == self.shown.state { self.shown.since } else { now.wall },
            session: session.map(|session| session.id.clone()),
        };
        if next == self.shown {
            return None;
        }
        self.shown = next.clone();
        Some((next, why))
    }

    fn state(&self) -> State {
        if self.session.is_some() {
            return State::Authorised;
        }
        match &self.pae {
            Pae::AwaitLink => State::Down,
            Pae::AwaitHost => State::Waiting,
            Pae::AwaitIdentity(_) => State::Connecting,
            Pae::AwaitServer(_) | Pae::AwaitResponse(_) | Pae::AwaitVerdict(_) => {
                State::Authenticating
            }
            Pae::AwaitSwitch(_) => State::Applying,
            Pae::Settled(_) => State::Authorised,
            Pae::AwaitRetry(_) => State::Held,
            Pae::AwaitService(_) => State::Unreachable,
        }
    }
}

/// Reads what a supplicant may send; what only an authenticator sends is forged.
fn read_eapol(payload: &[u8]) -> Result<Heard, Counter> {
    let packet = eapol::Eapol::parse(payload).map_err(|_| Counter::FrameMalformed)?;
    match packet.kind() {
        eapol::Kind::Start => Ok(Heard::Start),
        eapol::Kind::Logoff => Ok(Heard::Logoff),
        eapol::Kind::EapPacket => {
            let body = packet.body();
            let eap = eap::Packet::parse(body).map_err(|_| Counter::FrameMalformed)?;
            match eap.code() {
                eap::Code::Response => Ok(Heard::Response(Response {
                    identifier: eap.identifier(),
                    identity: (eap.method() == Some(eap::Method::Identity))
                        .then(|| eap.type_data().to_vec()),
                    packet: body.to_vec(),
                })),
                eap::Code::Request
                | eap::Code::Success
                | eap::Code::Failure
                | eap::Code::Unknown(_) => Err(Counter::FrameForged),
            }
        }
        eapol::Kind::Key
        | eapol::Kind::Alert
        | eapol::Kind::Mka
        | eapol::Kind::Announcement
        | eapol::Kind::AnnouncementSpecific
        | eapol::Kind::AnnouncementRequest
        | eapol::Kind::Unknown(_) => Err(Counter::FrameUnsupported),
    }
}
