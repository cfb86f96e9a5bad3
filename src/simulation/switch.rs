//! A simulated 802.1X switch: relays between devices and the server, and does what the server
//! says as its model would.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::device::{Step, Supplicant};
use super::dialect::{self, Station};
use crate::client::{self, Client, Ticket};
use crate::eap::peer::PeerConfig;
use crate::eap::tls::Msk;
use crate::plan::{ClientSecrets, MabForm, Plan};
use crate::vocabulary::{Mac, Moment, Point, Random, Secret, SwitchIndex, Text, VlanId};
use crate::wire::radius::{Code, Key, Packet, Writer, attribute};

/// Challenges a switch relays for one device before it gives up.
const ROUNDS_MAX: u32 = 64;

/// How a device fared at a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is on the network.
    Admitted {
        /// Where this model of switch puts it.
        vlan: VlanId,
        /// When it must authenticate again.
        session_timeout: Option<Duration>,
        /// Whether switch and device hold the same link keys; `None` for methods without keys.
        keys_match: Option<bool>,
    },
    /// The server said no.
    Refused,
    /// Nobody answered, however often the switch asked.
    NoAnswer,
    /// An exchange that this switch or device cannot make use of: the device stays outside.
    Unusable(Unusable),
}

told! {
    /// Why an exchange came to nothing.
    Unusable
    NoVlan "no-vlan"
        "許可の応答に、この機種が読める VLAN がありません。"
        "the Accept holds no VLAN in the form this model reads"
    VlanNotHere "vlan-not-here"
        "指定された VLAN はこのスイッチに設定されていません。"
        "the VLAN does not exist on this switch"
    Broken "broken-conversation"
        "応答が EAP の手順に合いません。"
        "the reply does not continue the conversation"
    Distrusted "device-refused-server"
        "端末がサーバーを信用せず、認証をやめました。"
        "the device does not believe the server and gave up"
    Endless "too-many-rounds"
        "認証のやりとりが終わりません。"
        "the conversation does not end"
    PortNaming "port-naming"
        "この機種ではそのポートの名前を RADIUS で伝えられません。"
        "this model cannot say that port's name in RADIUS"
    NoCertificate "no-certificate"
        "端末に証明書を用意できません。"
        "no certificate could be made for the device"
    NoSecret "no-secret"
        "スイッチの共有鍵がありません。"
        "there is no secret for the switch"
    Overload "overload"
        "スイッチに同時に扱える数を超える要求があります。"
        "more requests at once than the switch can hold"
}

/// What a device brings to a port.
pub enum Visitor {
    /// Its MAC address.
    Mac,
    /// A supplicant with these settings, and the name it gives when asked.
    Tls(Arc<PeerConfig>, String),
}

/// One simulated switch or wireless controller.
pub struct Switch {
    plan: Arc<Plan>,
    index: SwitchIndex,
    client: Client,
    mab_word: Option<Secret>,
    random: Random,
    sessions: BTreeMap<Ticket, Session>,
    events: VecDeque<(u32, Outcome)>,
}

/// A device under way, its last request unanswered.
struct Session {
    id: u32,
    mac: Mac,
    point: Point,
    /// Absent in PAP and CHAP.
    supplicant: Option<Supplicant>,
    user: Vec<u8>,
    mac_alone: bool,
    rounds: u32,
}

/// What a request carries beside the description of switch, port and device.
enum Proof<'a> {
    Eap { message: &'a [u8], state: Option<&'a [u8]> },
    Pap(&'a [u8]),
    Chap([u8; 16], &'a [u8]),
    Nothing,
}

impl Switch {
    /// The switch of that index as the plan has it, asking `server`; `None` when the plan has no
    /// such switch or profile. `seed` must be the switch's own.
    #[must_use]
    pub fn new(
        plan: Arc<Plan>,
        index: SwitchIndex,
        server: SocketAddr,
        secrets: &ClientSecrets,
        seed: &[u8; 32],
    ) -> Option<Self> {
        let behaviour = &plan.profile_of(index)?.behaviour;
        let settings =
            client::Settings { timeout: behaviour.request_timeout, retries: behaviour.retries };
        let mut random = Random::new(seed);
        let client = Client::new(server, Key::new(&secrets.current), settings, &random.octets());
        let mab_word = secrets.mab_word.clone();
        let (sessions, events) = (BTreeMap::new(), VecDeque::new());
        Some(Self { plan, index, client, mab_word, random, sessions, events })
    }

    /// The address its datagrams leave from.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.plan.switch(self.index).map(|switch| switch.address.ip())
    }

    /// A device shows up at `point`. How it fares comes as an event with `id`.
    pub fn attach(&mut self, now: Moment, id: u32, mac: Mac, point: Point, visitor: Visitor) {
        if let Err(fault) = self.begin(now, id, mac, point, visitor) {
            self.events.push_back((id, Outcome::Unusable(fault)));
        }
    }

    fn begin(
        &mut self,
        now: Moment,
        id: u32,
        mac: Mac,
        point: Point,
        visitor: Visitor,
    ) -> Result<(), Unusable> {
        let plan = Arc::clone(&self.plan);
        let station = self.station(&plan, mac, &point)?;
        let [identifier] = self.random.octets();
        let (user, mut supplicant, mac_alone) = match visitor {
            Visitor::Tls(config, name) => {
                let supplicant = Supplicant::tls(config, &name);
                (name.into_bytes(), Some(supplicant), false)
            }
            Visitor::Mac => {
                let name = station.mac_name().into_bytes();
                let supplicant = (station.mac_form() == MabForm::EapMd5).then(|| {
                    let password = station.mac_password(self.mab_word.as_ref());
                    let password = password.unwrap_or_default();
                    Supplicant::Md5 { name: name.clone(), password }
                });
                (name, supplicant, true)
            }
        };
        let password = station.mac_password(self.mab_word.as_ref());
        let answer = match &mut supplicant {
            Some(supplicant) => match supplicant.identify(now, identifier) {
                Step::Respond(answer) => Some(answer),
                Step::Success(_) | Step::Failure | Step::Ignore => return Err(Unusable::Broken),
            },
            None => None,
        };
        let proof = match (&answer, &password) {
            (Some(message), _) => Proof::Eap { message, state: None },
            (None, None) => Proof::Nothing,
            (None, Some(password)) => match station.mac_form() {
                MabForm::Chap => Proof::Chap(self.random.octets(), password),
                MabForm::Pap | MabForm::EapMd5 => Proof::Pap(password),
            },
        };
        let session = Session { id, mac, point, supplicant, user, mac_alone, rounds: 0 };
        self.ask(now, session, &proof)
    }

    /// Sends a request and waits for its answer.
    fn ask(&mut self, now: Moment, session: Session, proof: &Proof<'_>) -> Result<(), Unusable> {
        let plan = Arc::clone(&self.plan);
        let station = self.station(&plan, session.mac, &session.point)?;
        let port = station.port_attributes()?;
        let fill = |writer: &mut Writer<'_>, key: &Key, authenticator: [u8; 16]| {
            writer.attribute(attribute::USER_NAME, &session.user);
            station.describe(writer, &port, session.mac_alone);
            match proof {
                Proof::Eap { message, state } => {
                    dialect::framed_mtu(writer);
                    writer.eap_message(message);
                    if let Some(state) = state {
                        writer.attribute(attribute::STATE, state);
                    }
                }
                Proof::Pap(password) => dialect::pap(writer, key, authenticator, password),
                Proof::Chap(challenge, password) => dialect::chap(writer, *challenge, password),
                Proof::Nothing => {}
            }
        };
        let ticket = self.client.ask_access(now, fill).map_err(|error| match error {
            client::AskError::Full => Unusable::Overload,
            client::AskError::Unwritable(_) => Unusable::Broken,
        })?;
        self.sessions.insert(ticket, session);
        Ok(())
    }

    fn station<'a>(
        &self,
        plan: &'a Plan,
        mac: Mac,
        point: &'a Point,
    ) -> Result<Station<'a>, Unusable> {
        let switch = plan.switch(self.index).ok_or(Unusable::PortNaming)?;
        let profile = plan.profile_of(self.index).ok_or(Unusable::PortNaming)?;
        Ok(Station { plan, index: self.index, switch, profile, mac, point })
    }

    /// Takes a datagram that came from `source` to this switch.
    pub fn handle(&mut self, now: Moment, datagram: &[u8], source: SocketAddr) -> client::Action {
        let action = self.client.handle(datagram, source);
        self.follow(now);
        action
    }

    /// Sends again what was not answered in time, or gives it up.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.client.handle_timeout(now);
        self.follow(now);
    }

    fn follow(&mut self, now: Moment) {
        while let Some(event) = self.client.poll_event() {
            let (ticket, reply) = match event {
                client::Event::Reply { ticket, octets, request_authenticator } => {
                    (ticket, Some((octets, request_authenticator)))
                }
                client::Event::TimedOut { ticket } => (ticket, None),
            };
            let Some(session) = self.sessions.remove(&ticket) else { continue };
            let id = session.id;
            let outcome = match reply {
                Some((octets, authenticator)) => {
                    self.answered(now, session, &octets, authenticator).transpose()
                }
                None => Some(Ok(Outcome::NoAnswer)),
            };
            if let Some(outcome) = outcome {
                self.events.push_back((id, outcome.unwrap_or_else(Outcome::Unusable)));
            }
        }
    }

    /// `None` when the conversation goes on.
    fn answered(
        &mut self,
        now: Moment,
        mut session: Session,
        octets: &[u8],
        authenticator: [u8; 16],
    ) -> Result<Option<Outcome>, Unusable> {
        let packet = Packet::parse(octets).map_err(|_| Unusable::Broken)?;
        let mut message = Vec::new();
        packet.joined(attribute::EAP_MESSAGE, &mut message);
        match packet.code() {
            Code::AccessAccept => {
                let msk = session.conclude(now, &message)?;
                let plan = Arc::clone(&self.plan);
                let station = self.station(&plan, session.mac, &session.point)?;
                let keys =
                    |msk| dialect::keys_match(&packet, self.client.key(), authenticator, &msk);
                Ok(Some(Outcome::Admitted {
                    vlan: station.read_vlan(&packet)?,
                    session_timeout: dialect::session_timeout(&packet),
                    keys_match: msk.map(keys),
                }))
            }
            Code::AccessChallenge => {
                session.rounds += 1;
                if session.rounds > ROUNDS_MAX {
                    return Err(Unusable::Endless);
                }
                let supplicant = session.supplicant.as_mut().ok_or(Unusable::Broken)?;
                let Step::Respond(answer) = supplicant.handle(now, &message) else {
                    return Err(Unusable::Distrusted);
                };
                let state = packet.first(attribute::STATE);
                self.ask(now, session, &Proof::Eap { message: &answer, state })?;
                Ok(None)
            }
            _ => Ok(Some(Outcome::Refused)), // OK because the client lets only a Reject through
        }
    }

    /// The next datagram to send: its octets in `octets`, and where to.
    pub fn poll_transmit(&mut self, octets: &mut Vec<u8>) -> Option<SocketAddr> {
        self.client.poll_transmit(octets)
    }

    /// When [`Switch::handle_timeout`] has something to do next, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.client.poll_timeout()
    }

    /// The next device whose fate is known.
    pub fn poll_event(&mut self) -> Option<(u32, Outcome)> {
        self.events.pop_front()
    }

    /// Datagrams that were no answers, by reason.
    pub fn ignored(&self) -> impl Iterator<Item = (client::IgnoreReason, u64)> + '_ {
        self.client.ignored()
    }
}

impl Session {
    /// Hands the end of the conversation to the device, which must believe it too.
    fn conclude(&mut self, now: Moment, message: &[u8]) -> Result<Option<Msk>, Unusable> {
        let Some(supplicant) = &mut self.supplicant else { return Ok(None) };
        match supplicant.handle(now, message) {
            Step::Success(keys) => Ok(keys),
            Step::Failure | Step::Ignore => Err(Unusable::Distrusted),
            Step::Respond(_) => Err(Unusable::Broken),
        }
    }
}
