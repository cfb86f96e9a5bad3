//! A real supplicant, the authenticator and the admission, frame by frame in memory.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::access::{Access, Action as Admission, Snapshot};
use crate::authenticator::{
    Applied, Authenticator, Dynamic, Event, Method, Port, PortId, Server, Settings, State,
};
use crate::authority::Authority;
use crate::eap::peer::{Peer, PeerStep};
use crate::plan::tests::shipped;
use crate::plan::{AuthorityIndex, AuthorityMaterial, ClientSecrets, Credentials, compile};
use crate::simulation::{IssuingWallet, Paper, Wallet as _};
use crate::vocabulary::{
    Mac, Mark, MarkKind, MarkSubject, Marks, Moment, Secret, Timestamp, VlanId,
};
use crate::wire::frame;
use crate::wire::radius::Packet;

/// A terminal of environment C at the main office, where the test bench stands.
const DEVICE: &str = "mu-ka0297.pc.city.example";
const MAC: [u8; 6] = [0xd4, 0x1e, 0xf8, 0x20, 0xa0, 0x50];
const SWITCH: [u8; 4] = [10, 250, 1, 50];
const SERVER: ([u8; 4], u16) = ([10, 250, 0, 10], 1812);
const PORT: PortId = PortId(0);

fn now() -> Moment {
    let wall = Timestamp::parse("2026-11-24T12:00:00+09:00").unwrap();
    Moment { monotonic: Duration::from_secs(500), wall }
}

struct Stack {
    authenticator: Authenticator,
    access: Access,
    snapshot: Arc<Snapshot>,
    device: Peer,
    now: Moment,
    applied: Vec<Applied>,
    /// What had been applied when the supplicant heard of its success.
    success_after: Option<Vec<Applied>>,
}

impl Stack {
    fn new() -> Self {
        let plan = Arc::new(compile(&shipped(), now().wall).plan.unwrap());
        let (authority, _) = Authority::create("Stack CA", now().wall, 90).unwrap();
        let server_name = plan.server.eap.server_name.clone();
        let server = authority.issue_server(&[&server_name], now().wall, 30).unwrap();
        let list = authority.revocation_list(&[], 1, now().wall, 7).unwrap();
        let secret = Secret::new(b"between bench and server".to_vec());
        let bench = plan.switch_by_id("hon-sw40").unwrap();
        let client = ClientSecrets { current: secret.clone(), next: None, mab_word: None };
        let credentials = Credentials {
            tokens: Vec::new(),
            peers: Default::default(),
            clients: [(bench, client)].into(),
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
                crl_der: Some(list.der),
                ends: vec![authority.end()],
                crl_next_update: None,
            }],
        };
        let snapshot =
            Snapshot::new(1, plan, &credentials, Marks::default(), &HashSet::new(), None);
        let snapshot = Arc::new(snapshot.unwrap());
        let anchor = authority.certificate_der().to_vec();
        let mut wallet = IssuingWallet::new(authority, anchor, server_name, now().wall).unwrap();
        let paper = Paper { name: DEVICE.to_owned(), flaw: None };
        let device = Peer::new(wallet.open(&paper).unwrap(), DEVICE.into(), 300);
        let settings = Settings {
            name: "hon-sw40".to_owned(),
            nas_address: SWITCH.into(),
            servers: vec![Server { authentication: SERVER.into(), accounting: None, secret }],
            timeout: Duration::from_secs(2),
            retries: 1,
            dead_time: Duration::from_secs(60),
            dynamic: Dynamic::default(),
            vlans: [130, 900].map(|id| VlanId::new(id).unwrap()).into(),
            ports: vec![Port::new("eth1".to_owned(), 1, Mac::new([2, 0, 0, 0, 1, 0]).unwrap())],
        };
        let authenticator = Authenticator::new(now(), settings, &[3; 32]);
        let access = Access::new(0, Arc::clone(&snapshot), &[4; 32]);
        Self {
            authenticator,
            access,
            snapshot,
            device,
            now: now(),
            applied: Vec::new(),
            success_after: None,
        }
    }

    /// Carries every frame and datagram until all is quiet.
    fn run(&mut self) {
        let (mut octets, mut reply) = (Vec::new(), Vec::new());
        loop {
            let mut quiet = true;
            while let Some(event) = self.authenticator.poll_event() {
                if let Event::Apply { port, applied, .. } = event {
                    quiet = false;
                    self.applied.push(applied);
                    self.authenticator.handle_applied(self.now, port, applied, Ok(()));
                }
            }
            while self.authenticator.poll_frame(&mut octets).is_some() {
                quiet = false;
                let frame = frame::Frame::parse(&octets).unwrap();
                let packet = frame::eapol::Eapol::parse(frame.payload()).unwrap();
                match self.device.handle(self.now, packet.body()) {
                    PeerStep::Respond(answer) => self.say(frame::eapol::Kind::EapPacket, &answer),
                    PeerStep::Success(_) => self.success_after = Some(self.applied.clone()),
                    PeerStep::Failure | PeerStep::Ignore => {}
                }
            }
            while let Some((socket, to)) = self.authenticator.poll_transmit(&mut octets) {
                quiet = false;
                let source = SocketAddr::from((SWITCH, 40_000));
                match self.access.handle(self.now, &octets, source, to, &mut reply) {
                    Admission::Reply { .. } => {
                        self.authenticator.handle_datagram(self.now, &reply, to, socket);
                    }
                    Admission::Later { .. } | Admission::Ignore { .. } => {
                        panic!("{:?}", Packet::parse(&octets));
                    }
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn say(&mut self, kind: frame::eapol::Kind, body: &[u8]) {
        let payload = frame::eapol::packet(kind, body);
        let mut octets = Vec::new();
        let group = frame::eapol::GROUP;
        let from = Mac::new(MAC).unwrap();
        frame::write(&mut octets, group, from, frame::EtherType::Eapol, &payload);
        self.authenticator.handle_frame(self.now, PORT, &octets);
    }

    fn start(&mut self) {
        self.authenticator.handle_link(self.now, PORT, true);
        self.say(frame::eapol::Kind::Start, &[]);
        self.run();
    }
}

#[test]
fn a_certificate_opens_the_port_into_the_vlan_of_the_inventory_before_the_host_hears_of_it() {
    let mut stack = Stack::new();
    stack.start();
    let open = Applied::Vlan(VlanId::new(130).unwrap());
    assert_eq!(stack.applied, [Applied::Closed, open]);
    assert_eq!(stack.success_after, Some(vec![Applied::Closed, open]));
    let status = stack.authenticator.status();
    assert_eq!((status[0].state, status[0].method), (State::Authorised, Some(Method::Dot1x)));
}

/// Session-Timeout and Termination-Action of the real server, and a mark set meanwhile.
#[test]
fn the_next_authentication_follows_a_mark() {
    let mut stack = Stack::new();
    stack.start();
    let mark = Mark {
        id: 1,
        subject: MarkSubject::Mac(Mac::new(MAC).unwrap()),
        kind: MarkKind::Quarantine,
        reason: "test".to_owned(),
        by: "test".to_owned(),
        since: now().wall,
        until: None,
    };
    stack.access.replace(Arc::new(stack.snapshot.with_marks(Marks::new(vec![mark]))));
    let due = stack.authenticator.poll_timeout().unwrap();
    let later = due.saturating_sub(stack.now.monotonic);
    assert!(later <= Duration::from_secs(3600), "{later:?}");
    stack.now = Moment { monotonic: due, wall: stack.now.wall.plus(later) };
    stack.authenticator.handle_timeout(stack.now);
    stack.run();
    let quarantine = Applied::Vlan(VlanId::new(900).unwrap());
    assert_eq!(stack.applied.last(), Some(&quarantine), "{:?}", stack.authenticator.status());
}
