//! Sockets, and many datagrams in one system call.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;

use nix::errno::Errno as ReceiveErrno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt};
use rustix::io::Errno;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Failure, FailureKind};
use crate::wire::radius::PACKET_OCTETS_MAX;

/// Datagrams that one system call takes or sends.
pub const BATCH: usize = 64;
/// Receive buffer asked of the kernel: every switch of a city re-authenticating all ports at once.
pub const RECEIVE_BUFFER_OCTETS: usize = 16 * 1024 * 1024;

/// The bound sockets: one for each worker at each address. The kernel keeps what comes from one
/// source with one of them.
#[derive(Clone, Debug)]
pub struct Sockets {
    addresses: Arc<[SocketAddr]>,
    of_worker: Vec<Arc<[UdpSocket]>>,
}

impl Sockets {
    /// Binds every address for itself, for so many workers.
    ///
    /// # Errors
    /// The first address that cannot be bound.
    pub fn bind(addresses: &[SocketAddr], workers: usize) -> Result<Self, Failure> {
        // The first one shares with nobody: an address that another server holds is refused.
        let mut first = Vec::with_capacity(addresses.len());
        for address in addresses {
            first.push(bind_one(*address, false)?);
        }
        let bound: Result<Vec<_>, _> = first.iter().map(UdpSocket::local_addr).collect();
        let bound = bound
            .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        let mut of_worker = Vec::with_capacity(workers);
        if workers <= 1 {
            of_worker.push(first.into());
        } else {
            drop(first);
            for _ in 0..workers {
                let shared: Result<Vec<_>, _> =
                    bound.iter().map(|address| bind_one(*address, true)).collect();
                of_worker.push(shared?.into());
            }
        }
        Ok(Self { addresses: bound.into(), of_worker })
    }

    /// The addresses as bound, with real port numbers.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.to_vec()
    }

    /// A worker's own sockets, in the order of the addresses.
    pub(super) fn of(&self, worker: usize) -> Option<&Arc<[UdpSocket]>> {
        self.of_worker.get(worker)
    }
}

fn bind_one(address: SocketAddr, shared: bool) -> Result<UdpSocket, Failure> {
    let open = || {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // An IPv6 wildcard must not take IPv4's datagrams under mapped addresses.
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_port(shared)?;
        // OK because without the right to more, the kernel's own limit is the most there is.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_OCTETS).is_err() {
            let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS);
        }
        socket.bind(&address.into())?;
        Ok(UdpSocket::from(socket))
    };
    open().map_err(|cause: io::Error| {
        Failure::new(FailureKind::AddressUnavailable).fact("address", address).fact("cause", cause)
    })
}

/// What one call took off a socket.
pub(super) struct Incoming {
    /// One for each socket: what the kernel writes into them depends on its family.
    headers: Vec<MultiHeaders<SockaddrStorage>>,
    buffers: Vec<[u8; PACKET_OCTETS_MAX]>,
    arrived: Vec<(usize, SocketAddr)>,
}

impl Incoming {
    pub(super) fn new(sockets: usize) -> Self {
        Self {
            headers: (0..sockets).map(|_| MultiHeaders::preallocate(BATCH, None)).collect(),
            buffers: vec![[0; PACKET_OCTETS_MAX]; BATCH],
            arrived: Vec::with_capacity(BATCH),
        }
    }

    /// Takes what waits, without waiting; says how many datagrams that were.
    pub(super) fn take(&mut self, number: usize, socket: &UdpSocket) -> io::Result<usize> {
        self.arrived.clear();
        let Some(headers) = self.headers.get_mut(number) else { return Ok(0) };
        let mut buffers = self.buffers.iter_mut();
        let mut slices: [_; BATCH] = std::array::from_fn(|_| {
            let buffer = buffers.next().map_or(&mut [][..], |buffer| &mut buffer[..]);
            [IoSliceMut::new(buffer)]
        });
        let flags = MsgFlags::MSG_DONTWAIT;
        match recvmmsg(socket.as_raw_fd(), headers, slices.iter_mut(), flags, None) {
            Ok(found) => {
                for one in found {
                    let from = one.address.as_ref().and_then(address);
                    // One from nowhere cannot be answered; it keeps its place as an empty one.
                    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
                    let octets = if from.is_some() { one.bytes } else { 0 };
                    self.arrived.push((octets, from.unwrap_or(nowhere)));
                }
                Ok(self.arrived.len())
            }
            Err(ReceiveErrno::EAGAIN | ReceiveErrno::EINTR) => Ok(0),
            // An ICMP error for an earlier reply, not for this socket.
            Err(ReceiveErrno::ECONNREFUSED | ReceiveErrno::ECONNRESET) => Ok(0),
            Err(cause) => Err(cause.into()),
        }
    }

    /// The datagrams taken last, and from where they came.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let arrived = self.buffers.iter().zip(&self.arrived);
        arrived.map(|(buffer, (octets, from))| (buffer.get(..*octets).unwrap_or_default(), *from))
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = || storage.as_sockaddr_in().copied().map(SocketAddr::from);
    v4().or_else(|| storage.as_sockaddr_in6().copied().map(SocketAddr::from))
}

/// Replies that will leave together, in buffers that are used again.
pub(super) struct Outgoing {
    replies: Vec<Vec<u8>>,
    ways: Vec<Way>,
}

/// Where a reply goes, and which socket it leaves from.
struct Way {
    socket: usize,
    to: SocketAddr,
    raw: SocketAddrAny,
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self {
            // One more, for a reply that is written while a batch is full.
            replies: (0..=BATCH).map(|_| Vec::with_capacity(PACKET_OCTETS_MAX)).collect(),
            ways: Vec::with_capacity(BATCH),
        }
    }

    /// An empty buffer for the next reply, which [`Outgoing::add`] takes.
    pub(super) fn next(&mut self) -> &mut Vec<u8> {
        #[expect(clippy::indexing_slicing, reason = "at most BATCH wait, and there is one more")]
        let reply = &mut self.replies[self.ways.len()];
        reply.clear();
        reply
    }

    /// Takes the reply in [`Outgoing::next`]; true when the batch is full and must be sent.
    pub(super) fn add(&mut self, socket: usize, to: SocketAddr) -> bool {
        self.ways.push(Way { socket, to, raw: to.into() });
        self.ways.len() >= BATCH
    }

    /// Sends what waits; `failed` hears of each reply that cannot be sent.
    pub(super) fn flush(
        &mut self,
        sockets: &[UdpSocket],
        mut failed: impl FnMut(SocketAddr, io::Error),
    ) {
        let mut sent = 0;
        while let Some(first) = self.ways.get(sent) {
            let together = self.ways.iter().skip(sent).take_while(|way| way.socket == first.socket);
            let mut replies = self.replies.iter().skip(sent);
            let slices: [_; BATCH] = std::array::from_fn(|_| {
                [IoSlice::new(replies.next().map_or(&[][..], Vec::as_slice))]
            });
            let mut controls: [_; BATCH] = std::array::from_fn(|_| SendAncillaryBuffer::default());
            let mut messages: Vec<_> = together
                .zip(&slices)
                .zip(&mut controls)
                .map(|((way, slice), control)| MMsgHdr::new_with_addr(&way.raw, slice, control))
                .collect();
            let result = match sockets.get(first.socket) {
                Some(socket) => sendmmsg(socket, &mut messages, SendFlags::empty()),
                None => Err(Errno::NOTSOCK),
            };
            match result {
                Ok(done) if done > 0 => sent += done,
                Err(Errno::INTR) => {}
                // The first of them failed; the others have their own chance.
                result => {
                    failed(first.to, result.err().unwrap_or(Errno::AGAIN).into());
                    sent += 1;
                }
            }
        }
        self.ways.clear();
    }
}
