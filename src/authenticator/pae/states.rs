//! The states, each named for what it waits for.

use std::time::Duration;

use super::{
    Answer, Challenge, Desk, Effect, Heard, OVERLOAD_PAUSE, Pae, REQUESTS_AGAIN_MAX, ROUNDS_MAX,
    Response, TerminateCause,
};
use crate::authenticator::event::{Change, Counter, Method};
use crate::authenticator::settings::Order;
use crate::client::ServerId;
use crate::vocabulary::{Mac, MacSpelling};
use crate::wire::eap;

/// A supplicant to name itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::authenticator) struct AwaitIdentity {
    /// Whom we ask; `None` while we know nobody.
    pub(in crate::authenticator) to: Option<Mac>,
    pub(in crate::authenticator) identifier: u8,
    /// How often we have asked.
    pub(in crate::authenticator) sent: u8,
    pub(in crate::authenticator) due: Duration,
}

impl AwaitIdentity {
    pub(super) fn heard(self, from: Mac, heard: Heard, desk: &mut Desk<'_>) -> Pae {
        match heard {
            // The same question again: an answer to the first one must still fit.
            Heard::Start => {
                let again = Self { to: Some(from), sent: 0, ..self };
                again.ask(desk)
            }
            Heard::Response(Response { identifier, identity: Some(identity), packet })
                if identifier == self.identifier =>
            {
                desk.tell(Change::SupplicantSpoke);
                AwaitServer { peer: from, identity, identifier, packet, rounds: 0, back: None }
                    .ask(desk)
            }
            Heard::Response(_) | Heard::Logoff => {
                desk.count(Counter::FrameUnexpected);
                Pae::AwaitIdentity(self)
            }
            Heard::Frame => Pae::AwaitIdentity(self),
        }
    }

    pub(super) fn timeout(self, desk: &mut Desk<'_>) -> Pae {
        if self.sent <= desk.rules.max_reauth_req {
            return self.ask(desk);
        }
        no_word(desk)
    }

    fn ask(self, desk: &mut Desk<'_>) -> Pae {
        let request = eap::request(self.identifier, eap::Method::Identity, &[]);
        desk.put(Effect::Send(self.to, request));
        let due = desk.now + desk.rules.tx_period;
        Pae::AwaitIdentity(Self { sent: self.sent.saturating_add(1), due, ..self })
    }
}

/// The server's word on what the supplicant said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::authenticator) struct AwaitServer {
    pub(in crate::authenticator) peer: Mac,
    pub(in crate::authenticator) identity: Vec<u8>,
    /// Of the response that the server has before it.
    pub(in crate::authenticator) identifier: u8,
    pub(in crate::authenticator) packet: Vec<u8>,
    pub(in crate::authenticator) rounds: u8,
    /// The server that holds the conversation, and its State.
    pub(in crate::authenticator) back: Option<(ServerId, Vec<u8>)>,
}

impl AwaitServer {
    fn ask(self, desk: &mut Desk<'_>) -> Pae {
        desk.put(Effect::AskEap {
            mac: self.peer,
            identity: self.identity.clone(),
            packet: self.packet.clone(),
            back: self.back.clone(),
        });
        Pae::AwaitServer(self)
    }

    pub(super) fn heard(self, from: Mac, heard: Heard, desk: &mut Desk<'_>) -> Pae {
        match heard {
            Heard::Start => {
                desk.put(Effect::Withdraw);
                desk.identify(Some(from))
            }
            Heard::Response(_) | Heard::Logoff => {
                desk.count(Counter::FrameUnexpected);
                Pae::AwaitServer(self)
            }
            Heard::Frame => Pae::AwaitServer(self),
        }
    }

    pub(super) fn answered(self, answer: Answer, desk: &mut Desk<'_>) -> Pae {
        match answer {
            Answer::Challenge(challenge) if self.rounds < ROUNDS_MAX => {
                let Challenge { server, state, identifier, packet, patience } = challenge;
                let patience = patience.unwrap_or(desk.rules.supplicant_timeout);
                let back = (server, state);
                let (peer, identity, rounds) = (self.peer, self.identity, self.rounds + 1);
                let due = desk.now;
                let next = AwaitResponse {
                    peer,
                    identity,
                    identifier,
                    packet,
                    rounds,
                    back,
                    patience,
                    sent: 0,
                    due,
                };
                next.ask(desk)
            }
            // An Accept that does not end the conversation is no answer to it (RFC 3579 §2.6.3).
            Answer::Accept(_, success) if success.is_empty() => {
                desk.count(Counter::AnswerBroken);
                desk.tell(Change::Unusable);
                self.refused(success, desk)
            }
            Answer::Accept(grant, success) => {
                desk.count(Counter::Accepted);
                desk.tell(Change::Accepted);
                desk.open(self.peer, Method::Dot1x, self.identity, (grant, success))
            }
            Answer::Refuse(change, failure) => {
                desk.tell(change);
                self.refused(failure, desk)
            }
            Answer::Challenge(_) => {
                desk.count(Counter::AnswerBroken);
                desk.tell(Change::Unusable);
                self.refused(Vec::new(), desk)
            }
            Answer::Unanswered => {
                desk.tell(Change::ServerLost);
                self.refused(Vec::new(), desk)
            }
            // Nothing of the conversation is with that server yet: another can have it.
            Answer::Lost if self.back.is_none() => self.ask(desk),
            Answer::Lost => {
                desk.tell(Change::ServerLost);
                desk.identify(Some(self.peer))
            }
            // The address was admitted and its time is not over.
            Answer::NoServer if desk.takes_over() => Pae::Settled(Settled),
            Answer::NoServer => desk.unreachable(self.peer),
            Answer::Overload => overloaded(desk),
        }
    }

    fn refused(self, failure: Vec<u8>, desk: &mut Desk<'_>) -> Pae {
        let failure = if failure.is_empty() { eap::failure(self.identifier) } else { failure };
        desk.send(self.peer, failure);
        let quiet = desk.rules.quiet;
        desk.close_and_wait(TerminateCause::ReauthenticationFailure, quiet, Because::Dot1x)
    }
}

/// The supplicant's answer to what the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::authenticator) struct AwaitResponse {
    pub(in crate::authenticator) peer: Mac,
    pub(in crate::authenticator) identity: Vec<u8>,
    /// Of the request that the supplicant has before it.
    pub(in crate::authenticator) identifier: u8,
    pub(in crate::authenticator) packet: Vec<u8>,
    pub(in crate::authenticator) rounds: u8,
    pub(in crate::authenticator) back: (ServerId, Vec<u8>),
    pub(in crate::authenticator) patience: Duration,
    /// How often it was sent.
    pub(in crate::authenticator) sent: u8,
    pub(in crate::authenticator) due: Duration,
}

impl AwaitResponse {
    pub(super) fn heard(self, from: Mac, heard: Heard, desk: &mut Desk<'_>) -> Pae {
        match heard {
            Heard::Start => desk.identify(Some(from)),
            Heard::Response(response) if response.identifier == self.identifier => {
                let (peer, identity, rounds) = (self.peer, self.identity, self.rounds);
                let Response { identifier, packet, .. } = response;
                let back = Some(self.back);
                AwaitServer { peer, identity, identifier, packet, rounds, back }.ask(desk)
            }
            Heard::Response(_) | Heard::Logoff => {
                desk.count(Counter::FrameUnexpected);
                Pae::AwaitResponse(self)
            }
            Heard::Frame => Pae::AwaitResponse(self),
        }
    }

    pub(super) fn timeout(self, desk: &mut Desk<'_>) -> Pae {
        if self.sent <= REQUESTS_AGAIN_MAX { self.ask(desk) } else { no_word(desk) }
    }

    fn ask(self, desk: &mut Desk<'_>) -> Pae {
        desk.send(self.peer, self.packet.clone());
        let (sent, due) = (self.sent.saturating_add(1), desk.now + self.patience);
        Pae::AwaitResponse(Self { sent, due, ..self })
    }
}

/// The server's word on the address alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::authenticator) struct AwaitVerdict {
    pub(in crate::authenticator) mac: Mac,
}

impl AwaitVerdict {
    pub(super) fn heard(self, from: Mac, heard: Heard, desk: &mut Desk<'_>) -> Pae {
        match heard {
            Heard::Start | Heard::Response(_) => {
                desk.put(Effect::Withdraw);
                desk.tell(Change::SupplicantSpoke);
                desk.identify(Some(from))
            }
            Heard::Frame | Heard::Logoff => Pae::AwaitVerdict(self),
        }
    }

    pub(super) fn answered(self, answer: Answer, desk: &mut Desk<'_>) -> Pae {
        match answer {
            Answer::Accept(grant, _) => {
                desk.count(Counter::Accepted);
                desk.tell(Change::Accepted);
                let user = MacSpelling::BARE.format(self.mac).into_bytes();
                desk.open(self.mac, Method::Mab, user, (grant, Vec::new()))
            }
            Answer::Refuse(change, _) => {
                desk.tell(change);
                self.refused(desk)
            }
            Answer::Challenge(_) => {
                desk.count(Counter::AnswerBroken);
                desk.tell(Change::Unusable);
                self.refused(desk)
            }
            Answer::Unanswered => {
                desk.tell(Change::ServerLost);
                self.refused(desk)
            }
            Answer::Lost => {
                desk.put(Effect::AskMab(self.mac));
                Pae::AwaitVerdict(self)
            }
            Answer::NoServer => desk.unreachable(self.mac),
            Answer::Overload => overloaded(desk),
        }
    }

    fn refused(self, desk: &mut Desk<'_>) -> Pae {
        let quiet = desk.rules.quiet;
        desk.put(Effect::Bar(self.mac, desk.now + quiet));
        let cause = TerminateCause::ReauthenticationFailure;
        let held = desk.close_and_wait(cause, quiet, Because::Mab);
        match desk.rules.order {
            Order::MabFirst => desk.identify(None),
            Order::Dot1xFirst | Order::Dot1xOnly | Order::MabOnly => held,
        }
    }
}

/// The switch to do what the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::authenticator) struct AwaitSwitch {
    pub(in crate::authenticator) mac: Mac,
    pub(in crate::authenticator) method: Method,
    /// The EAP-Success to send then; empty without EAP.
    pub(in crate::authenticator) success: Vec<u8>,
}

impl AwaitSwitch {
    pub(super) fn heard(self, heard: Heard, desk: &mut Desk<'_>) -> Pae {
        match heard {
            Heard::Start | Heard::Response(_) | Heard::Logoff => {
                desk.count(Counter::FrameUnexpected);
            }
            Heard::Frame => {}
        }
        Pae::AwaitSwitch(self)
    }

    pub(super) fn applied(self, desk: &mut Desk<'_>) -> Pae {
        desk.tell(Change::Applied);
        desk.put(Effect::Admit);
        if !self.success.is_empty() {
            desk.send(self.mac, self.success);
        }
        match self.method {
            Method::Dot1x | Method::Mab => Pae::Settled(Settled),
            Method::Critical => Pae::AwaitService(AwaitService { until: desk.revival }),
        }
    }
}

/// Nothing but the end of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::authenticator) struct Settled;

impl Settled {
    pub(super) fn heard(self, from: Mac, heard: Heard, desk: &mut Desk<'_>) -> Pae {
        match heard {
            Heard::Start => {
                desk.tell(Change::SupplicantSpoke);
                desk.identify(Some(from))
            }
            Heard::Response(_) if desk.takes_over() => {
                desk.tell(Change::SupplicantSpoke);
                desk.identify(Some(from))
            }
            Heard::Response(_) | Heard::Logoff => {
                desk.count(Counter::FrameUnexpected);
                Pae::Settled(self)
            }
            Heard::Frame => Pae::Settled(self),
        }
    }
}

/// Why there is a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::authenticator) enum Because {
    /// A supplicant was refused.
    Dot1x,
    /// An address was refused.
    Mab,
    /// The supplicant left.
    Logoff,
    /// The switch could not do what was asked.
    Switch,
    /// Someone outside wanted it.
    Ordered,
    /// Too many questions were open.
    Overload,
}

/// The end of a pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::authenticator) struct AwaitRetry {
    pub(in crate::authenticator) until: Duration,
    pub(in crate::authenticator) because: Because,
}

impl AwaitRetry {
    pub(super) fn heard(self, from: Mac, heard: Heard, desk: &mut Desk<'_>) -> Pae {
        match (heard, self.because) {
            // Who was refused by address, or left, has not been refused as a supplicant.
            (Heard::Start, Because::Mab | Because::Logoff) => {
                desk.tell(Change::SupplicantSpoke);
                desk.identify(Some(from))
            }
            (
                Heard::Start,
                Because::Dot1x | Because::Switch | Because::Ordered | Because::Overload,
            )
            | (Heard::Response(_) | Heard::Logoff, _) => {
                desk.count(Counter::FrameUnexpected);
                Pae::AwaitRetry(self)
            }
            (Heard::Frame, _) => Pae::AwaitRetry(self),
        }
    }
}

/// A server to live again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::authenticator) struct AwaitService {
    pub(in crate::authenticator) until: Duration,
}

impl AwaitService {
    pub(super) fn heard(self, from: Mac, heard: Heard, desk: &mut Desk<'_>) -> Pae {
        match heard {
            Heard::Start => {
                desk.tell(Change::SupplicantSpoke);
                desk.identify(Some(from))
            }
            Heard::Response(_) | Heard::Logoff => {
                desk.count(Counter::FrameUnexpected);
                Pae::AwaitService(self)
            }
            Heard::Frame => Pae::AwaitService(self),
        }
    }
}

/// The supplicant says nothing, or nothing more. Who is in by address stays: silence takes
/// nothing over. Who is in by 802.1X is out; who is in for want of a server stays until the
/// address was asked about, where that may be.
fn no_word(desk: &mut Desk<'_>) -> Pae {
    desk.tell(Change::SupplicantSilent);
    if desk.takes_over() {
        return Pae::Settled(Settled);
    }
    let critical = matches!(desk.inside, Some((_, Method::Critical)));
    if desk.inside.is_some() && !(critical && desk.rules.order != Order::Dot1xOnly) {
        desk.inside = None;
        desk.put(Effect::Close(TerminateCause::ReauthenticationFailure));
    }
    desk.fall_back()
}

/// Asks again in a moment; until then the port stays as it is.
fn overloaded(desk: &mut Desk<'_>) -> Pae {
    desk.count(Counter::Overload);
    desk.tell(Change::Overload);
    Pae::AwaitRetry(super::AwaitRetry {
        until: desk.now + OVERLOAD_PAUSE,
        because: Because::Overload,
    })
}
