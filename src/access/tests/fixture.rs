//! A desk: one worker of the shipped city, its switches' keys, and devices that come to it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::access::{Access, Action, DecisionRecord, ReplyReason, Snapshot};
use crate::authority::{Authority, Identity, Revocation, RevocationReason};
use crate::eap::peer::{Peer, PeerConfig, PeerMaterial, PeerStep, PeerVersions};
use crate::eap::tls::Msk;
use crate::plan::tests::shipped;
use crate::plan::{
    AuthorityIndex, AuthorityMaterial, ClientSecrets, Credentials, Plan, Sources, compile,
};
use crate::record::Field;
use crate::vocabulary::{Language, Mac, Marks, Moment, Secret, SwitchIndex, Timestamp};
use crate::wire::radius::{
    Code, Key, MS_MPPE_RECV_KEY, MS_MPPE_SEND_KEY, Packet, VENDOR_MICROSOFT, Writer, attribute,
};

/// Where every request goes.
pub const LOCAL: ([u8; 4], u16) = ([10, 250, 0, 10], 1812);

/// A printer of environment B pinned to `hon-sw15/0/1`; by rule P-60 its VLAN is 125.
pub const PRINTER: Printer = Printer { switch: "hon-sw15", mac: "E8-0F-5E-60-EB-41", port: 1 };

/// A terminal of environment C for which `kenko/ken-sw02`, a Cisco, is home; its VLAN is 130.
pub const PC: Pc =
    Pc { switch: "ken-sw02", mac: "D4-1E-F9-0D-B6-CE", name: "mu-ka0273.pc.city.example" };

pub struct Printer {
    pub switch: &'static str,
    pub mac: &'static str,
    pub port: u32,
}

pub struct Pc {
    pub switch: &'static str,
    pub mac: &'static str,
    pub name: &'static str,
}

pub struct Desk {
    pub access: Access,
    pub plan: Arc<Plan>,
    pub credentials: Credentials,
    pub authority: Authority,
    pub now: Moment,
    /// Of the next request.
    pub identifier: u8,
    /// Requests so far, so that no two have the same authenticator.
    asked: u32,
    revoked: Vec<Revocation>,
}

/// What came of a datagram: the reply when there was one at once, and what happened.
pub struct Answered {
    pub action: Action,
    pub reply: Option<Vec<u8>>,
}

/// How a conversation ended.
pub struct Ended {
    pub code: Code,
    pub reply: Vec<u8>,
    /// The keys the peer computed, if it believed in its success.
    pub keys: Option<Msk>,
    /// The keys in the reply, receive key first.
    pub sent_keys: Option<(Vec<u8>, Vec<u8>)>,
    pub rounds: usize,
    pub longest: usize,
}

pub fn today() -> Moment {
    let wall = Timestamp::parse("2026-11-24T12:00:00+09:00").unwrap();
    Moment { monotonic: Duration::from_secs(1_000), wall }
}

pub fn plan_of(sources: &Sources) -> Arc<Plan> {
    let compiled = compile(sources, today().wall);
    Arc::new(compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.findings)))
}

fn secret(number: usize) -> Secret {
    Secret::new(format!("secret of switch {number:05}").into_bytes())
}

impl Desk {
    pub fn new() -> Self {
        Self::of(&shipped())
    }

    /// The city after some changes.
    pub fn with(change: impl FnOnce(&mut Sources)) -> Self {
        let mut sources = shipped();
        change(&mut sources);
        Self::of(&sources)
    }

    pub fn of(sources: &Sources) -> Self {
        let plan = plan_of(sources);
        let (authority, _) = Authority::create("Desk CA", today().wall, 90).unwrap();
        let names = [plan.server.eap.server_name.as_str()];
        let server = authority.issue_server(&names, today().wall, 30).unwrap();
        let client = |number: usize| {
            let index = SwitchIndex(u16::try_from(number).unwrap());
            (index, ClientSecrets { current: secret(number), next: None, mab_word: None })
        };
        let credentials = Credentials {
            tokens: Vec::new(),
            peers: Default::default(),
            clients: (0..plan.switches.len()).map(client).collect(),
            left_out: 0,
            server_chain: server.issued.pem.into_bytes(),
            server_key: server.key.pem().clone(),
            server_end: server.issued.not_after,
            alerts: Default::default(),
            snmp: Default::default(),
            tripwire: None,
            authorities: vec![AuthorityMaterial {
                index: AuthorityIndex(0),
                certificates_der: vec![authority.certificate_der().to_vec()],
                crl_der: Some(authority.revocation_list(&[], 1, today().wall, 7).unwrap().der),
                ends: vec![authority.end()],
                crl_next_update: None,
            }],
        };
        let learned = HashSet::new();
        let marks = Marks::default();
        let snapshot =
            Snapshot::new(1, Arc::clone(&plan), &credentials, marks, &learned, None).unwrap();
        let access = Access::new(0, Arc::new(snapshot), &[7; 32]);
        let (now, revoked) = (today(), Vec::new());
        Self { access, plan, credentials, authority, now, identifier: 0, asked: 0, revoked }
    }

    /// Puts other files, marks or credentials in force, as a reload does.
    pub fn reload(&mut self, sources: Option<&Sources>, marks: Marks) {
        if let Some(sources) = sources {
            self.plan = plan_of(sources);
        }
        let (plan, learned) = (Arc::clone(&self.plan), HashSet::new());
        let old = Arc::clone(self.access.snapshot());
        let next = Snapshot::new(2, plan, &self.credentials, marks, &learned, Some(&old)).unwrap();
        self.access.replace(Arc::new(next));
    }

    /// Revokes a certificate and puts the new list in force.
    pub fn revoke(&mut self, serial: &str) {
        let (serial, at) = (serial.to_owned(), self.now.wall);
        self.revoked.push(Revocation { serial, at, reason: RevocationReason::KeyCompromise });
        let list = self.authority.revocation_list(&self.revoked, 2, at, 7).unwrap();
        for material in &mut self.credentials.authorities {
            material.crl_der = Some(list.der.clone());
        }
        self.reload(None, Marks::default());
    }

    pub fn switch(&self, id: &str) -> SwitchIndex {
        self.plan.switch_by_id(id).unwrap()
    }

    pub fn key(&self, switch: &str) -> Key {
        Key::new(&self.credentials.clients[&self.switch(switch)].current)
    }

    pub fn source(&self, switch: &str) -> SocketAddr {
        SocketAddr::new(self.plan.switch(self.switch(switch)).unwrap().address.ip(), 40_000)
    }

    /// An Access-Request with a fresh Identifier and a Message-Authenticator.
    pub fn request(
        &mut self,
        switch: &str,
        build: impl FnOnce(&mut Writer<'_>, &Key, [u8; 16]),
    ) -> Vec<u8> {
        self.identifier = self.identifier.wrapping_add(1);
        self.asked += 1;
        let mut authenticator = [9; 16];
        authenticator[..4].copy_from_slice(&self.asked.to_be_bytes());
        let (mut octets, key) = (Vec::new(), self.key(switch));
        let mut writer =
            Writer::request(&mut octets, Code::AccessRequest, self.identifier, authenticator);
        writer.message_authenticator_first();
        build(&mut writer, &key, authenticator);
        writer.finish_request(&key).unwrap();
        octets
    }

    /// The printer's request for MAC authentication.
    pub fn mab(&mut self, printer: &Printer) -> Vec<u8> {
        let mac = Mac::parse(printer.mac).unwrap();
        let profile = self.plan.profile_of(self.switch(printer.switch)).unwrap();
        let user = profile.user_name(mac);
        let port = printer.port;
        self.request(printer.switch, |writer, key, authenticator| {
            writer.text(attribute::USER_NAME, &user);
            let mut hidden = Vec::new();
            key.encode_user_password(authenticator, user.as_bytes(), &mut hidden).unwrap();
            writer.attribute(attribute::USER_PASSWORD, &hidden);
            writer.text(attribute::CALLING_STATION_ID, printer.mac);
            writer.integer(attribute::NAS_PORT, port);
        })
    }

    /// Hands a datagram in; a reply must be authentic and begin with Message-Authenticator.
    pub fn send(&mut self, switch: &str, datagram: &[u8]) -> Answered {
        let source = self.source(switch);
        let mut octets = Vec::new();
        let action = self.access.handle(self.now, datagram, source, LOCAL.into(), &mut octets);
        let reply = match action {
            Action::Reply { .. } => Some(octets),
            Action::Later { .. } | Action::Ignore { .. } => {
                assert!(octets.is_empty() || matches!(action, Action::Later { .. }));
                None
            }
        };
        if let Some(reply) = &reply {
            self.prove(switch, datagram, reply);
        }
        Answered { action, reply }
    }

    /// FMT-7, MA-5: what every reply must satisfy.
    pub fn prove(&self, switch: &str, request: &[u8], reply: &[u8]) {
        let request = Packet::parse(request).unwrap();
        let reply = Packet::parse(reply).unwrap();
        assert_eq!(reply.identifier(), request.identifier());
        self.key(switch).check_reply(&reply, request.authenticator(), true).unwrap();
        let first = reply.attributes().next().unwrap();
        assert_eq!(first.kind, attribute::MESSAGE_AUTHENTICATOR, "{reply:?}");
    }

    /// The reply to a request, now or when it was held back.
    pub fn ask(&mut self, switch: &str, datagram: &[u8]) -> Vec<u8> {
        let answered = self.send(switch, datagram);
        match (answered.action, answered.reply) {
            (_, Some(reply)) => reply,
            (Action::Later { .. }, None) => {
                self.pass(self.access.poll_timeout().unwrap() - self.now.monotonic);
                let mut reply = Vec::new();
                self.access.poll_transmit(self.now, &mut reply).unwrap();
                self.prove(switch, datagram, &reply);
                reply
            }
            (action, None) => panic!("{action:?}"),
        }
    }

    pub fn pass(&mut self, span: Duration) {
        self.now = Moment { monotonic: self.now.monotonic + span, wall: self.now.wall.plus(span) };
    }

    /// The last decision since the last call.
    pub fn decision(&mut self) -> DecisionRecord {
        let records = self.access.take_decided().records;
        for record in &records {
            let mut line = String::from("{\"schema\":1");
            record.push_fields(Language::Japanese, &mut line);
            line.push('}');
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            for field in Field::ALL {
                let (text, key) = (record.text(field.key()), field.key());
                assert_eq!(text.as_deref(), line[key].as_str(), "{key} is found as it is kept");
            }
        }
        records.into_iter().next_back().expect("a decision")
    }

    /// A device's supplicant with a certificate of that name, and the certificate's serial.
    pub fn supplicant(&self, name: &str, versions: PeerVersions) -> (Arc<PeerConfig>, String) {
        let identity = Identity::parse(name).unwrap();
        let credential = self.authority.issue_client(&identity, self.now.wall, 10).unwrap();
        let key =
            rustls::pki_types::PrivatePkcs8KeyDer::from(credential.key.der().expose().to_vec());
        let material = PeerMaterial {
            credentials: Some((vec![credential.issued.der.into()], key.into())),
            server_anchors: vec![self.authority.certificate_der().to_vec().into()],
            server_name: self.plan.server.eap.server_name.clone(),
            versions,
            resume: true,
        };
        (Arc::new(PeerConfig::new(material).unwrap()), credential.issued.serial)
    }

    /// One packet of a conversation at a Cisco port.
    pub fn eap_request(
        &mut self,
        switch: &str,
        mac: &str,
        eap: &[u8],
        state: Option<&[u8]>,
        more: impl FnOnce(&mut Writer<'_>),
    ) -> Vec<u8> {
        self.request(switch, |writer, _, _| {
            writer.text(attribute::USER_NAME, "anonymous");
            writer.text(attribute::CALLING_STATION_ID, mac);
            writer.integer(attribute::NAS_PORT_TYPE, 15);
            writer.text(attribute::NAS_PORT_ID, "GigabitEthernet1/0/5");
            if eap.is_empty() {
                writer.eap_start();
            } else {
                writer.eap_message(eap);
            }
            if let Some(state) = state {
                writer.attribute(attribute::STATE, state);
            }
            more(writer);
        })
    }

    /// Carries a supplicant to its end, from EAP-Start or from an unasked identity.
    pub fn authenticate(
        &mut self,
        pc: &Pc,
        config: &Arc<PeerConfig>,
        from_start: bool,
        mtu: Option<u32>,
        mut between: impl FnMut(&mut Self, usize),
    ) -> Ended {
        let mut peer = Peer::new(Arc::clone(config), pc.name.as_bytes().to_vec(), 400);
        let mut eap = if from_start {
            Vec::new()
        } else {
            let method = crate::wire::eap::Method::Identity;
            crate::wire::eap::response(1, method, pc.name.as_bytes())
        };
        let (mut state, mut rounds, mut longest) = (None::<Vec<u8>>, 0, 0);
        loop {
            rounds += 1;
            assert!(rounds < 100, "no end");
            between(self, rounds);
            let request = self.eap_request(pc.switch, pc.mac, &eap, state.as_deref(), |writer| {
                if let Some(mtu) = mtu {
                    writer.integer(attribute::FRAMED_MTU, mtu);
                }
            });
            let reply = self.ask(pc.switch, &request);
            longest = longest.max(reply.len());
            let packet = Packet::parse(&reply).unwrap();
            let mut message = Vec::new();
            packet.joined(attribute::EAP_MESSAGE, &mut message);
            let inner = crate::wire::eap::Packet::parse(&message).unwrap().code();
            // EAP-3: never crossed.
            let expected = match packet.code() {
                Code::AccessAccept => crate::wire::eap::Code::Success,
                Code::AccessReject => crate::wire::eap::Code::Failure,
                _ => crate::wire::eap::Code::Request,
            };
            assert_eq!(inner, expected, "{packet:?}");
            match peer.handle(self.now, &message) {
                PeerStep::Respond(answer) if packet.code() == Code::AccessChallenge => {
                    state = packet.first(attribute::STATE).map(<[u8]>::to_vec);
                    eap = answer;
                }
                step => {
                    let keys = match step {
                        PeerStep::Success(keys) => Some(keys),
                        PeerStep::Respond(_) | PeerStep::Failure | PeerStep::Ignore => None,
                    };
                    let sent = self.mppe(pc.switch, &request, &packet);
                    let code = packet.code();
                    return Ended { code, reply, keys, sent_keys: sent, rounds, longest };
                }
            }
        }
    }

    fn mppe(&self, switch: &str, request: &[u8], reply: &Packet<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
        let authenticator = Packet::parse(request).unwrap().authenticator();
        let find = |wanted| {
            let (_, _, value) = reply
                .vendor_specific()
                .find(|(vendor, kind, _)| (*vendor, *kind) == (VENDOR_MICROSOFT, wanted))?;
            Some(self.key(switch).unsalted(authenticator, value)?.to_vec())
        };
        Some((find(MS_MPPE_RECV_KEY)?, find(MS_MPPE_SEND_KEY)?))
    }
}

/// The text of an attribute of a reply.
pub fn text(reply: &[u8], kind: u8) -> Option<String> {
    let packet = Packet::parse(reply).unwrap();
    packet.first(kind).map(|value| String::from_utf8_lossy(value).into_owned())
}

pub fn code(reply: &[u8]) -> Code {
    Packet::parse(reply).unwrap().code()
}

pub const REPLIED: fn(ReplyReason) -> Action = |reason| Action::Reply { reason };
