//! A TCP/IP stack of smoltcp in simulated time, and the conversations on it.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, ChecksumCapabilities, DeviceCapabilities, Medium};
use smoltcp::socket::{dhcpv4, tcp, udp};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    EthernetAddress, HardwareAddress, IpAddress, IpCidr, IpEndpoint, IpListenEndpoint, Ipv4Cidr,
};

use super::payload::respond;

/// Octets a client has room for, and a server.
const CLIENT_BUFFERS: (usize, usize) = (8_192, 4_096);
const SERVER_BUFFERS: (usize, usize) = (4_096, 12_288);
/// Connections of one stack at once; more wait for their turn by not being made.
const SESSIONS_MAX: usize = 24;
/// How long a connection may take, in microseconds.
const PATIENCE_US: i64 = 25_000_000;

/// Frames on their way in and out of one interface.
struct Wire {
    medium: Medium,
    received: VecDeque<Vec<u8>>,
    sent: VecDeque<Vec<u8>>,
}

struct Taken(Vec<u8>);

struct Giving<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::RxToken for Taken {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl phy::TxToken for Giving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        // Room for the options that a model adds.
        let mut octets = Vec::with_capacity(length + 64);
        octets.resize(length, 0);
        let result = write(&mut octets);
        self.0.push_back(octets);
        result
    }
}

impl phy::Device for Wire {
    type RxToken<'a> = Taken;
    type TxToken<'a> = Giving<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Taken, Giving<'_>)> {
        let octets = self.received.pop_front()?;
        Some((Taken(octets), Giving(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Giving<'_>> {
        Some(Giving(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = self.medium;
        capabilities.max_transmission_unit =
            if self.medium == Medium::Ethernet { 1_514 } else { 1_500 };
        // The models fill them in.
        capabilities.checksum = ChecksumCapabilities::ignored();
        capabilities
    }
}

/// A conversation under way.
struct Session {
    handle: SocketHandle,
    /// What is still to be said, one after each answer.
    script: VecDeque<Vec<u8>>,
    /// The client's, by who began; a server answers.
    client: bool,
    /// Requests answered by a server.
    turns: u32,
    /// Something was heard since the last word.
    heard: bool,
    closed: bool,
    until: i64,
    draw: u64,
}

/// A stack, its sockets and conversations.
pub(super) struct Stack {
    interface: Interface,
    sockets: SocketSet<'static>,
    wire: Wire,
    sessions: Vec<Session>,
    datagrams: SocketHandle,
    dhcp: Option<SocketHandle>,
    /// The port that `datagrams` is bound to.
    bound: u16,
    stamps: bool,
    ports: (u16, u16),
    next_port: u16,
    /// When the next poll is due that was asked for.
    pub(super) due: Option<i64>,
}

/// What a poll brought about.
#[derive(Default)]
pub(super) struct Polled {
    /// Frames to send.
    pub(super) frames: VecDeque<Vec<u8>>,
    /// A lease, or that it was lost.
    pub(super) lease: Option<Option<(Ipv4Addr, Ipv4Addr)>>,
    /// Datagrams received: from whom, at which port.
    pub(super) datagrams: Vec<(IpEndpoint, u16, Vec<u8>)>,
}

fn instant(now: i64) -> Instant {
    Instant::from_micros(now)
}

fn stamp() -> u32 {
    // Clocks are drawn by the models' systems; the sensor reads none.
    0x0102_0304
}

impl Stack {
    /// A stack of a station with that MAC, or, without one, the far side of a router, which takes
    /// what is for anybody.
    pub(super) fn new(mac: Option<[u8; 6]>, seed: u64, stamps: bool, ports: (u16, u16)) -> Self {
        let (medium, hardware) = match mac {
            Some(mac) => (Medium::Ethernet, HardwareAddress::Ethernet(EthernetAddress(mac))),
            None => (Medium::Ip, HardwareAddress::Ip),
        };
        let mut wire = Wire { medium, received: VecDeque::new(), sent: VecDeque::new() };
        let mut config = Config::new(hardware);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut wire, instant(0));
        if mac.is_none() {
            let own = Ipv4Addr::new(192, 0, 2, 1);
            interface.update_ip_addrs(|addresses| {
                let _ = addresses.push(IpCidr::Ipv4(Ipv4Cidr::new(own, 32)));
            });
            let _ = interface.routes_mut().add_default_ipv4_route(own);
            interface.set_any_ip(true);
        }
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4], vec![0; 2_048]);
        let mut sockets = SocketSet::new(Vec::new());
        let datagrams = sockets.add(udp::Socket::new(buffer(), buffer()));
        let next_port = ports.0;
        Self {
            interface,
            sockets,
            wire,
            sessions: Vec::new(),
            datagrams,
            dhcp: None,
            bound: 0,
            stamps,
            ports,
            next_port,
            due: None,
        }
    }

    /// Asks for an address from now on.
    pub(super) fn ask_for_address(&mut self) {
        match self.dhcp {
            Some(handle) => self.sockets.get_mut::<dhcpv4::Socket<'_>>(handle).reset(),
            None => self.dhcp = Some(self.sockets.add(dhcpv4::Socket::new())),
        }
    }

    /// Takes an address, and a way out.
    pub(super) fn address(&mut self, address: Ipv4Addr, length: u8, gateway: Ipv4Addr) {
        self.interface.update_ip_addrs(|addresses| {
            addresses.clear();
            let _ = addresses.push(IpCidr::Ipv4(Ipv4Cidr::new(address, length)));
        });
        let _ = self.interface.routes_mut().add_default_ipv4_route(gateway);
    }

    /// Pulls the cable: connections and address are gone.
    pub(super) fn unplug(&mut self) {
        self.hang_up();
        self.interface.update_ip_addrs(|addresses| addresses.clear());
    }

    /// Ends every connection without a word.
    pub(super) fn hang_up(&mut self) {
        for session in self.sessions.drain(..) {
            self.sockets.remove(session.handle);
        }
        self.wire.received.clear();
    }

    /// Draws from a part of the ports, where several stand behind one address.
    pub(super) fn draw_ports(&mut self, ports: (u16, u16)) {
        (self.ports, self.next_port) = (ports, ports.0);
    }

    /// Whether a port is one that it draws.
    pub(super) fn draws(&self, port: u16) -> bool {
        (self.ports.0..=self.ports.1).contains(&port)
    }

    fn port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = if port >= self.ports.1 { self.ports.0 } else { port + 1 };
        port
    }

    pub(super) fn receive(&mut self, octets: Vec<u8>) {
        self.wire.received.push_back(octets);
    }

    fn tcp(&self, (receive, send): (usize, usize)) -> tcp::Socket<'static> {
        let buffer = |octets| tcp::SocketBuffer::new(vec![0; octets]);
        let mut socket = tcp::Socket::new(buffer(receive), buffer(send));
        socket.set_timeout(Some(Duration::from_secs(22)));
        socket.set_tsval_generator(self.stamps.then_some(stamp));
        socket
    }

    /// Opens a connection and says the script's parts one after another.
    pub(super) fn talk(&mut self, now: i64, to: (Ipv4Addr, u16), script: VecDeque<Vec<u8>>) {
        if self.sessions.len() >= SESSIONS_MAX {
            return;
        }
        let port = self.port();
        let handle = self.sockets.add(self.tcp(CLIENT_BUFFERS));
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
        let to = IpEndpoint::new(IpAddress::Ipv4(to.0), to.1);
        if socket.connect(self.interface.context(), to, port).is_err() {
            self.sockets.remove(handle);
            return;
        }
        self.session(now, handle, true, script, 0);
    }

    /// Is ready for one connection to that address and port.
    pub(super) fn await_connection(&mut self, now: i64, at: (Ipv4Addr, u16), draw: u64) {
        if self.sessions.len() >= SESSIONS_MAX {
            return;
        }
        let handle = self.sockets.add(self.tcp(SERVER_BUFFERS));
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
        let at = IpListenEndpoint { addr: Some(IpAddress::Ipv4(at.0)), port: at.1 };
        if socket.listen(at).is_err() {
            self.sockets.remove(handle);
            return;
        }
        self.session(now, handle, false, VecDeque::new(), draw);
    }

    fn session(
        &mut self,
        now: i64,
        handle: SocketHandle,
        client: bool,
        script: VecDeque<Vec<u8>>,
        draw: u64,
    ) {
        let until = now + PATIENCE_US;
        let (turns, heard, closed) = (0, client, false);
        self.sessions.push(Session { handle, script, client, turns, heard, closed, until, draw });
    }

    /// Sends a datagram from a port, or from one that is drawn.
    pub(super) fn say(&mut self, from: Option<u16>, to: (Ipv4Addr, u16), payload: &[u8]) {
        let port = from.unwrap_or_else(|| self.port());
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.datagrams);
        if self.bound != port {
            socket.close();
            let _ = socket.bind(port);
            self.bound = port;
        }
        let to = IpEndpoint::new(IpAddress::Ipv4(to.0), to.1);
        let _ = socket.send_slice(payload, to);
    }

    /// Lets the stack work, and the conversations go on.
    pub(super) fn poll(&mut self, now: i64) -> Polled {
        let mut polled = Polled::default();
        // What a conversation says after the stack has worked is sent at once.
        for _ in 0..4 {
            self.interface.poll(instant(now), &mut self.wire, &mut self.sockets);
            if !self.converse(now) {
                break;
            }
        }
        if let Some(handle) = self.dhcp {
            match self.sockets.get_mut::<dhcpv4::Socket<'_>>(handle).poll() {
                Some(dhcpv4::Event::Configured(lease)) => {
                    let address = lease.address.address();
                    polled.lease = Some(Some((address, lease.router.unwrap_or(address))));
                }
                Some(dhcpv4::Event::Deconfigured) => polled.lease = Some(None),
                None => {}
            }
        }
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.datagrams);
        while let Ok((payload, metadata)) = socket.recv() {
            polled.datagrams.push((metadata.endpoint, self.bound, payload.to_vec()));
        }
        std::mem::swap(&mut polled.frames, &mut self.wire.sent);
        polled
    }

    /// When the stack wants to be polled again.
    pub(super) fn poll_at(&mut self, now: i64) -> Option<i64> {
        let at = self.interface.poll_at(instant(now), &self.sockets)?.total_micros();
        Some(at.max(now + 1))
    }

    /// Goes on with every conversation; whether anything was said.
    fn converse(&mut self, now: i64) -> bool {
        let mut spoke = false;
        let mut at = 0;
        while let Some(session) = self.sessions.get_mut(at) {
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(session.handle);
            let over = matches!(socket.state(), tcp::State::Closed | tcp::State::TimeWait);
            if over || now > session.until {
                let handle = session.handle;
                self.sessions.swap_remove(at);
                self.sockets.remove(handle);
                continue;
            }
            spoke |= session.go_on(socket);
            at += 1;
        }
        spoke
    }
}

impl Session {
    fn go_on(&mut self, socket: &mut tcp::Socket<'_>) -> bool {
        let mut spoke = false;
        let mut request = Vec::new();
        while let Ok(octets) = socket.recv(|octets| (octets.len(), octets.to_vec())) {
            if octets.is_empty() {
                break;
            }
            self.heard = true;
            request.extend(octets);
        }
        if self.client {
            if self.heard && socket.may_send() && !self.closed {
                if let Some(part) = self.script.pop_front() {
                    let _ = socket.send_slice(&part);
                    (self.heard, spoke) = (false, true);
                } else if !socket.may_recv() {
                    socket.close();
                    (self.closed, spoke) = (true, true);
                }
            }
        } else if !request.is_empty() && !self.closed {
            let (answer, last) = respond(&request, self.turns, self.draw);
            self.turns += 1;
            let _ = socket.send_slice(&answer);
            if last {
                socket.close();
                self.closed = true;
            }
            spoke = true;
        } else if !self.closed && socket.is_active() && self.turns > 0 && !socket.may_recv() {
            socket.close();
            (self.closed, spoke) = (true, true);
        }
        spoke
    }
}
