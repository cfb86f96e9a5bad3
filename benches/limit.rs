//! What no server can do without: `cargo bench --bench limit -- handshake` is the server's share
//! of a TLS handshake between two rustls in memory, `-- echo PORT` an echo that answers each
//! datagram with as many octets as an Accept has, by batched system calls, for
//! `sekisho storm --echo`. `benches/compare` runs both.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that goes wrong should stop loudly"
)]

use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use nix::time::{ClockId, clock_gettime};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};
use sekisho::authority::{Authority, Credential, Identity};
use sekisho::eap::tls::provider;
use sekisho::shell::clock;

/// Datagrams for one system call.
const BATCH: usize = 64;
/// Octets of an Accept with a VLAN and Message-Authenticator.
const REPLY_OCTETS: u8 = 68;
/// An echo ends by itself after this long.
const ECHO_MAX: Duration = Duration::from_secs(600);
/// Handshakes of each kind, in so many groups of which the median is told.
const HANDSHAKES: u32 = 200;
const GROUPS: usize = 9;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["echo", port, ..] => echo(port.parse().unwrap()),
        // `cargo bench` adds `--bench`.
        _ => handshakes(),
    }
}

fn echo(port: u16) {
    let socket = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &(16 << 20));
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut outgoing = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut buffers = vec![[0_u8; 2048]; BATCH];
    // An Accept of the right length whose one attribute says nothing.
    let mut reply = [0_u8; REPLY_OCTETS as usize];
    (reply[0], reply[3], reply[20], reply[21]) = (2, REPLY_OCTETS, 79, REPLY_OCTETS - 20);
    let mut replies = vec![reply; BATCH];
    let begun = Instant::now();
    while begun.elapsed() < ECHO_MAX {
        let mut addresses = Vec::with_capacity(BATCH);
        {
            let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
            let flags = MsgFlags::MSG_WAITFORONE;
            let fd = socket.as_raw_fd();
            let Ok(results) = recvmmsg(fd, &mut headers, slices.iter_mut(), flags, None) else {
                continue;
            };
            addresses.extend(results.map(|one| one.address));
        }
        let count = addresses.len();
        for (reply, request) in replies.iter_mut().zip(&buffers).take(count) {
            reply[1] = request[1];
        }
        let slices: Vec<[IoSlice<'_>; 1]> =
            replies[..count].iter().map(|reply| [IoSlice::new(reply)]).collect();
        let (fd, flags) = (socket.as_raw_fd(), MsgFlags::empty());
        let _ = sendmmsg(fd, &mut outgoing, &slices, &addresses, [], flags);
    }
}

fn handshakes() {
    let now = clock::now();
    let (authority, _) = Authority::create("Limit CA", now, 10).unwrap();
    let server = authority.issue_server(&["radius.example.test"], now, 5).unwrap();
    let identity = Identity::parse("pc1.example.test").unwrap();
    let client = authority.issue_client(&identity, now, 5).unwrap();
    let mut told = serde_json::Map::new();
    for (name, version) in [("tls_1_2", &TLS12), ("tls_1_3", &TLS13)] {
        for resumed in [false, true] {
            let ends = Ends::new(&authority, &server, &client, version, resumed);
            let mut groups: Vec<f64> = (0..GROUPS).map(|_| ends.group(resumed)).collect();
            groups.sort_by(f64::total_cmp);
            let kind = if resumed { "resumed" } else { "full" };
            told.insert(format!("{name}_{kind}_us"), groups[GROUPS / 2].into());
        }
    }
    println!("{}", serde_json::Value::Object(told));
}

/// Processor time of this thread, which another program on the core does not lengthen.
fn processor() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

struct Ends {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

fn papers(of: &Credential) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = PrivatePkcs8KeyDer::from(of.key.der().expose().to_vec());
    (vec![CertificateDer::from(of.issued.der.clone())], PrivateKeyDer::from(key))
}

impl Ends {
    fn new(
        authority: &Authority,
        server: &Credential,
        client: &Credential,
        version: &'static SupportedProtocolVersion,
        resume: bool,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.certificate_der().to_vec())).unwrap();
        let provider = Arc::new(provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.clone().into(), provider.clone());
        let (chain, key) = papers(server);
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        server.send_tls13_tickets = usize::from(resume);
        if resume {
            server.session_storage = ServerSessionMemoryCache::new(64);
        }
        let (chain, key) = papers(client);
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap();
        if !resume {
            client.resumption = Resumption::disabled();
        }
        Self { server: Arc::new(server), client: Arc::new(client) }
    }

    /// Microseconds of the server's side of one handshake, on average of a group.
    fn group(&self, resumed: bool) -> f64 {
        self.one(); // fills the session
        let spent: Duration = (0..HANDSHAKES)
            .map(|_| {
                let (spent, kind) = self.one();
                assert_eq!(kind == Some(HandshakeKind::Resumed), resumed, "{kind:?}");
                spent
            })
            .sum();
        spent.as_secs_f64() * 1e6 / f64::from(HANDSHAKES)
    }

    fn one(&self) -> (Duration, Option<HandshakeKind>) {
        let name = ServerName::try_from("radius.example.test").unwrap();
        let mut client = ClientConnection::new(self.client.clone(), name).unwrap();
        let mut spent = Duration::ZERO;
        let begun = processor();
        let mut server = ServerConnection::new(self.server.clone()).unwrap();
        spent += processor() - begun;
        let mut flight = Vec::new();
        while client.is_handshaking() || server.is_handshaking() || client.wants_write() {
            flight.clear();
            while client.wants_write() {
                client.write_tls(&mut flight).unwrap();
            }
            let begun = processor();
            let mut input = flight.as_slice();
            while !input.is_empty() {
                server.read_tls(&mut input).unwrap();
                server.process_new_packets().unwrap();
            }
            let mut answer = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut answer).unwrap();
            }
            spent += processor() - begun;
            let mut input = answer.as_slice();
            while !input.is_empty() {
                client.read_tls(&mut input).unwrap();
                client.process_new_packets().unwrap();
            }
        }
        (spent, server.handshake_kind())
    }
}
