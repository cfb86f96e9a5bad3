//! What a port waits for: authenticator and backend of IEEE 802.1X-2004 §8.2, with the address
//! alone as a second way in.
//!
//! | here | in the standard |
//! |---|---|
//! | [`AwaitLink`](Pae::AwaitLink) | initialize, disconnected |
//! | [`AwaitIdentity`] | restart, connecting |
//! | [`AwaitServer`], [`AwaitResponse`] | authenticating: backend response, request |
//! | [`AwaitSwitch`] | authenticated, before the port is open |
//! | [`Settled`] | authenticated |
//! | [`AwaitRetry`] | held |
//!
//! Aborting is not a state: what was asked is withdrawn at once. A state never touches the
//! world: it gives [`Effect`]s in order. Only an [`Answer::Accept`], and the absence of every
//! server where a critical VLAN is set, lead to [`Effect::Open`].

mod states;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(super) use states::{
    AwaitIdentity, AwaitResponse, AwaitRetry, AwaitServer, AwaitService, AwaitSwitch, AwaitVerdict,
    Settled,
};

use super::answer::Grant;
use super::event::{Change, Counter, Method};
use super::settings::{self, Order};
use crate::client::ServerId;
use crate::vocabulary::{Mac, VlanId};
use crate::wire::eap;

/// Times an EAP request is sent after the first (`maxReq`, IEEE 802.1X-2004 §8.2.9.1.2).
pub(super) const REQUESTS_AGAIN_MAX: u8 = 2;
/// EAP requests of one conversation, as many as any method needs and more.
pub(super) const ROUNDS_MAX: u8 = 64;
/// When identifiers ran out, they are free again about this much later.
pub(super) const OVERLOAD_PAUSE: Duration = Duration::from_secs(1);

/// What a port waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pae {
    /// The link to come up.
    AwaitLink,
    /// A host to show its address.
    AwaitHost,
    /// A supplicant to name itself.
    AwaitIdentity(AwaitIdentity),
    /// The server's word on what the supplicant said.
    AwaitServer(AwaitServer),
    /// The supplicant's answer to what the server said.
    AwaitResponse(AwaitResponse),
    /// The server's word on the address alone.
    AwaitVerdict(AwaitVerdict),
    /// The switch to do what the server said.
    AwaitSwitch(AwaitSwitch),
    /// Nothing but the end of the session.
    Settled(Settled),
    /// The end of a pause.
    AwaitRetry(AwaitRetry),
    /// A server to live again.
    AwaitService(AwaitService),
}

/// What can happen to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The link went up or down.
    Link(bool),
    /// The host that the port listens to sent something.
    Heard(Mac, Heard),
    /// What was asked came to an end.
    Answered(Answer),
    /// The switch did what was last asked, or will be ready to try again after this long.
    Switch(Result<(), Duration>),
    /// The time that [`Pae::due`] names has come.
    Timeout,
    /// Something outside the port wants it changed.
    Ordered(Demand),
}

/// What a host sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// EAPOL-Start.
    Start,
    /// EAPOL-Logoff.
    Logoff,
    /// An EAP response.
    Response(Response),
    /// Any other frame.
    Frame,
}

/// An EAP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) identifier: u8,
    /// The name, when it is the answer to a request for one.
    pub(super) identity: Option<Vec<u8>>,
    pub(super) packet: Vec<u8>,
}

/// How a question ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The conversation goes on with this EAP request.
    Challenge(Challenge),
    /// Let it in. The EAP packet is a Success, or empty where no EAP was spoken.
    Accept(Grant, Vec<u8>),
    /// Keep it out, with the EAP-Failure to say so, if there is one.
    Refuse(Change, Vec<u8>),
    /// The server is alive and silent about this.
    Unanswered,
    /// The server is gone.
    Lost,
    /// There is no server left to ask.
    NoServer,
    /// The question could not be asked now.
    Overload,
}

/// An EAP request from a server, and how the answer finds its way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) server: ServerId,
    pub(super) state: Vec<u8>,
    pub(super) identifier: u8,
    pub(super) packet: Vec<u8>,
    /// How long the supplicant may take, when the server says (RFC 3580 §3.17).
    pub(super) patience: Option<Duration>,
}

/// What an operator, a server of dynamic authorization or the session's own clock wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// End the session and stay closed for a while.
    Disconnect,
    /// The same, and take the link down.
    Bounce,
    /// Ask again, with the port as it is.
    Reauthenticate,
    /// The session's time is over.
    End,
}

/// What a port wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Send an EAP packet; `None` is the group.
    Send(Option<Mac>, Vec<u8>),
    /// Ask about an EAP response; with server and State when it continues a conversation.
    AskEap { mac: Mac, identity: Vec<u8>, packet: Vec<u8>, back: Option<(ServerId, Vec<u8>)> },
    /// Ask about the address alone.
    AskMab(Mac),
    /// Withdraw the question.
    Withdraw,
    /// Have the switch open the port.
    Open(Entry),
    /// The switch opened it: the session begins or goes on.
    Admit,
    /// End the session, if there is one, and have the switch close the port.
    Close(TerminateCause),
    /// Do not ask about this address alone again before that time.
    Bar(Mac, Duration),
    /// Have the link taken down for a moment.
    Bounce,
    /// Count it.
    Count(Counter),
    /// If this changes the port, it is why.
    Tell(Change),
}

/// Who comes in, how, and on what terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) mac: Mac,
    pub(super) method: Method,
    pub(super) user: Vec<u8>,
    pub(super) grant: Grant,
}

/// Acct-Terminate-Cause (RFC 2866 §5.10, RFC 3580 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TerminateCause {
    UserRequest,
    LostCarrier,
    SessionTimeout,
    AdminReset,
    NasError,
    ServiceUnavailable,
    SupplicantRestart,
    ReauthenticationFailure,
    PortReinitialised,
}

impl TerminateCause {
    /// The number on the wire.
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::UserRequest => 1,
            Self::LostCarrier => 2,
            Self::SessionTimeout => 5,
            Self::AdminReset => 6,
            Self::NasError => 9,
            Self::ServiceUnavailable => 15,
            Self::SupplicantRestart => 19,
            Self::ReauthenticationFailure => 20,
            Self::PortReinitialised => 21,
        }
    }
}

/// What a state may know, and where it puts what it wants.
pub(super) struct Desk<'a> {
    pub(super) now: Duration,
    pub(super) rules: &'a settings::Port,
    /// The address that showed itself last.
    pub(super) seen: Option<Mac>,
    /// Who is in, and how.
    pub(super) inside: Option<(Mac, Method)>,
    /// The address that was refused, and until when it is not asked about again.
    pub(super) barred: Option<(Mac, Duration)>,
    /// When it makes sense to look for a server again.
    pub(super) revival: Duration,
    /// An EAP identifier not used lately.
    pub(super) identifier: u8,
    pub(super) effects: Vec<Effect>,
}

impl Pae {
    /// When [`Input::Timeout`] is due, on the monotonic clock.
    pub(super) const fn due(&self) -> Option<Duration> {
        match self {
            Self::AwaitIdentity(state) => Some(state.due),
            Self::AwaitResponse(state) => Some(state.due),
            Self::AwaitRetry(state) => Some(state.until),
            Self::AwaitService(state) => Some(state.until),
            Self::AwaitLink
            | Self::AwaitHost
            | Self::AwaitServer(_)
            | Self::AwaitVerdict(_)
            | Self::AwaitSwitch(_)
            | Self::Settled(_) => None,
        }
    }

    /// The host that alone is listened to while something is under way with it.
    pub(super) const fn host(&self) -> Option<Mac> {
        match self {
            Self::AwaitServer(state) => Some(state.peer),
            Self::AwaitResponse(state) => Some(state.peer),
            Self::AwaitVerdict(state) => Some(state.mac),
            Self::AwaitSwitch(state) => Some(state.mac),
            Self::AwaitLink
            | Self::AwaitHost
            | Self::AwaitIdentity(_)
            | Self::Settled(_)
            | Self::AwaitRetry(_)
            | Self::AwaitService(_) => None,
        }
    }

    /// The next state; what it wants done is put on the desk.
    pub(super) fn handle(self, input: Input, desk: &mut Desk<'_>) -> Self {
        match input {
            Input::Link(up) => match (self, up) {
                (Self::AwaitLink, true) => {
                    desk.tell(Change::LinkUp);
                    desk.begin()
                }
                (state, true) => state,
                (Self::AwaitLink, false) => Self::AwaitLink,
                (state, false) => {
                    state.leave(desk);
                    desk.tell(Change::LinkDown);
                    desk.put(Effect::Close(TerminateCause::LostCarrier));
                    Self::AwaitLink
                }
            },
            Input::Ordered(demand) => self.ordered(demand, desk),
            Input::Switch(Err(pause)) => {
                if self == Self::AwaitLink {
                    return self;
                }
                let failure = self.leave(desk);
                desk.tell(Change::ApplyFailed);
                if let Some((peer, identifier)) = failure {
                    desk.send(peer, eap::failure(identifier));
                }
                desk.close_and_wait(TerminateCause::NasError, pause, states::Because::Switch)
            }
            Input::Heard(_, Heard::Logoff) => match self {
                Self::AwaitLink => self,
                state @ (Self::AwaitHost
                | Self::AwaitIdentity(_)
                | Self::AwaitServer(_)
                | Self::AwaitResponse(_)
                | Self::AwaitVerdict(_)
                | Self::AwaitSwitch(_)
                | Self::Settled(_)
                | Self::AwaitService(_)) => {
                    state.leave(desk);
                    desk.tell(Change::Logoff);
                    let quiet = desk.rules.quiet;
                    let because = states::Because::Logoff;
                    desk.close_and_wait(TerminateCause::UserRequest, quiet, because)
                }
                // A pause is not shortened, nor made into one that a Start ends.
                state @ Self::AwaitRetry(_) => {
                    desk.count(Counter::FrameUnexpected);
                    state
                }
            },
            Input::Heard(from, heard) => self.heard(from, heard, desk),
            Input::Answered(answer) => match self {
                Self::AwaitServer(state) => state.answered(answer, desk),
                Self::AwaitVerdict(state) => state.answered(answer, desk),
                // A question withdrawn has no answer, so nothing comes here.
                state @ (Self::AwaitLink
                | Self::AwaitHost
                | Self::AwaitIdentity(_)
                | Self::AwaitResponse(_)
                | Self::AwaitSwitch(_)
                | Self::Settled(_)
                | Self::AwaitRetry(_)
                | Self::AwaitService(_)) => state,
            },
            Input::Switch(Ok(())) => match self {
                Self::AwaitSwitch(state) => state.applied(desk),
                state @ (Self::AwaitLink
                | Self::AwaitHost
                | Self::AwaitIdentity(_)
                | Self::AwaitServer(_)
                | Self::AwaitResponse(_)
                | Self::AwaitVerdict(_)
                | Self::Settled(_)
                | Self::AwaitRetry(_)
                | Self::AwaitService(_)) => state,
            },
            Input::Timeout => match self {
                Self::AwaitIdentity(state) => state.timeout(desk),
                Self::AwaitResponse(state) => state.timeout(desk),
                Self::AwaitRetry(_) | Self::AwaitService(_) => {
                    desk.tell(Change::Retry);
                    desk.resume()
                }
                state @ (Self::AwaitLink
                | Self::AwaitHost
                | Self::AwaitServer(_)
                | Self::AwaitVerdict(_)
                | Self::AwaitSwitch(_)
                | Self::Settled(_)) => state,
            },
        }
    }

    fn heard(self, from: Mac, heard: Heard, desk: &mut Desk<'_>) -> Self {
        match self {
            Self::AwaitLink => self,
            Self::AwaitHost => match heard {
                Heard::Start => desk.identify(Some(from)),
                Heard::Frame => {
                    desk.tell(Change::HostSeen);
                    desk.ask_mab(from)
                }
                Heard::Response(_) | Heard::Logoff => {
                    desk.count(Counter::FrameUnexpected);
                    self
                }
            },
            Self::AwaitIdentity(state) => state.heard(from, heard, desk),
            Self::AwaitServer(state) => state.heard(from, heard, desk),
            Self::AwaitResponse(state) => state.heard(from, heard, desk),
            Self::AwaitVerdict(state) => state.heard(from, heard, desk),
            Self::AwaitSwitch(state) => state.heard(heard, desk),
            Self::Settled(state) => state.heard(from, heard, desk),
            Self::AwaitRetry(state) => state.heard(from, heard, desk),
            Self::AwaitService(state) => state.heard(from, heard, desk),
        }
    }

    fn ordered(self, demand: Demand, desk: &mut Desk<'_>) -> Self {
        if self == Self::AwaitLink {
            return self;
        }
        match demand {
            Demand::Disconnect | Demand::Bounce => {
                let (change, cause) = if demand == Demand::Bounce {
                    (Change::Bounced, TerminateCause::PortReinitialised)
                } else {
                    (Change::Disconnected, TerminateCause::AdminReset)
                };
                let failure = self.leave(desk);
                desk.tell(change);
                if let Some((peer, identifier)) = failure {
                    desk.send(peer, eap::failure(identifier));
                }
                let quiet = desk.rules.quiet;
                let held = desk.close_and_wait(cause, quiet, states::Because::Ordered);
                if demand == Demand::Bounce {
                    desk.put(Effect::Bounce);
                }
                held
            }
            Demand::Reauthenticate => match self {
                Self::Settled(_) => {
                    desk.tell(Change::Reauthentication);
                    desk.resume()
                }
                // An exchange is under way, or one is about to begin.
                state @ (Self::AwaitLink
                | Self::AwaitHost
                | Self::AwaitIdentity(_)
                | Self::AwaitServer(_)
                | Self::AwaitResponse(_)
                | Self::AwaitVerdict(_)
                | Self::AwaitSwitch(_)
                | Self::AwaitRetry(_)
                | Self::AwaitService(_)) => state,
            },
            Demand::End => {
                self.leave(desk);
                desk.tell(Change::SessionEnded);
                desk.put(Effect::Close(TerminateCause::SessionTimeout));
                desk.inside = None;
                desk.begin()
            }
        }
    }

    /// Withdraws what is under way; gives whom an EAP-Failure is owed and for which response.
    fn leave(&self, desk: &mut Desk<'_>) -> Option<(Mac, u8)> {
        match self {
            Self::AwaitServer(state) => {
                desk.put(Effect::Withdraw);
                Some((state.peer, state.identifier))
            }
            Self::AwaitVerdict(_) => {
                desk.put(Effect::Withdraw);
                None
            }
            Self::AwaitResponse(state) => Some((state.peer, state.identifier)),
            Self::AwaitSwitch(state) => {
                state.success.get(1).map(|identifier| (state.mac, *identifier))
            }
            Self::AwaitLink
            | Self::AwaitHost
            | Self::AwaitIdentity(_)
            | Self::Settled(_)
            | Self::AwaitRetry(_)
            | Self::AwaitService(_) => None,
        }
    }
}

impl Desk<'_> {
    pub(super) fn put(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn count(&mut self, counter: Counter) {
        self.put(Effect::Count(counter));
    }

    fn tell(&mut self, change: Change) {
        self.put(Effect::Tell(change));
    }

    fn send(&mut self, to: Mac, packet: Vec<u8>) {
        self.put(Effect::Send(Some(to), packet));
    }

    /// The first thing to do for a host that is not in.
    fn begin(&mut self) -> Pae {
        match self.rules.order {
            Order::Dot1xFirst | Order::Dot1xOnly => self.identify(None),
            Order::MabFirst | Order::MabOnly => self.await_host(),
        }
    }

    /// What to do when no supplicant answered.
    fn fall_back(&mut self) -> Pae {
        match self.rules.order {
            Order::Dot1xOnly => self.identify(None),
            Order::Dot1xFirst | Order::MabFirst | Order::MabOnly => self.await_host(),
        }
    }

    /// Asks again about the host that is in; begins when none is.
    fn resume(&mut self) -> Pae {
        match self.inside {
            Some((mac, Method::Dot1x)) => self.identify(Some(mac)),
            Some((mac, Method::Mab)) => self.ask_mab(mac),
            Some((_, Method::Critical)) | None => self.begin(),
        }
    }

    fn identify(&mut self, to: Option<Mac>) -> Pae {
        let identifier = self.identifier;
        self.put(Effect::Send(to, eap::request(identifier, eap::Method::Identity, &[])));
        let due = self.now + self.rules.tx_period;
        Pae::AwaitIdentity(AwaitIdentity { to, identifier, sent: 1, due })
    }

    fn await_host(&mut self) -> Pae {
        match self.seen {
            Some(mac) => self.ask_mab(mac),
            None => Pae::AwaitHost,
        }
    }

    fn ask_mab(&mut self, mac: Mac) -> Pae {
        match self.barred {
            Some((barred, until)) if barred == mac && until > self.now => {
                Pae::AwaitRetry(AwaitRetry { until, because: states::Because::Mab })
            }
            Some(_) | None => {
                self.put(Effect::AskMab(mac));
                Pae::AwaitVerdict(AwaitVerdict { mac })
            }
        }
    }

    fn open(&mut self, mac: Mac, method: Method, user: Vec<u8>, answer: (Grant, Vec<u8>)) -> Pae {
        let (grant, success) = answer;
        self.put(Effect::Open(Entry { mac, method, user, grant }));
        Pae::AwaitSwitch(AwaitSwitch { mac, method, success })
    }

    fn close_and_wait(
        &mut self,
        cause: TerminateCause,
        pause: Duration,
        because: states::Because,
    ) -> Pae {
        self.put(Effect::Close(cause));
        Pae::AwaitRetry(AwaitRetry { until: self.now + pause, because })
    }

    /// Whether what is under way is a supplicant taking over from the address alone.
    fn takes_over(&self) -> bool {
        matches!(self.inside, Some((_, Method::Mab)))
    }

    /// No server at all: into the critical VLAN, or out.
    fn unreachable(&mut self, mac: Mac) -> Pae {
        self.count(Counter::NoServer);
        self.tell(Change::NoServer);
        let until = self.revival;
        match (self.rules.critical, self.inside) {
            (Some(_), Some((_, Method::Critical))) => {}
            (Some(vlan), Some((_, Method::Dot1x | Method::Mab)) | None) => {
                return self.open_critical(mac, vlan);
            }
            (None, _) => self.put(Effect::Close(TerminateCause::ServiceUnavailable)),
        }
        Pae::AwaitService(AwaitService { until })
    }

    fn open_critical(&mut self, mac: Mac, vlan: VlanId) -> Pae {
        self.open(mac, Method::Critical, Vec::new(), (Grant::critical(vlan), Vec::new()))
    }
}
