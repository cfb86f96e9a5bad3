//! The sockets of a storm: a few for all switches together, each datagram leaving from the
//! address of its own switch (IP_PKTINFO), so that hundreds of switches cost no more system calls
//! than one.

use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmsg,
    setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

use super::clock::Clock;
use super::{Failure, FailureKind};
use crate::simulation::storm::{Outgoing, Storm};
use crate::vocabulary::Moment;
use crate::wire::radius::PACKET_OCTETS_MAX;

/// Datagrams received by one system call.
const BATCH: usize = 32;
/// Receive buffer asked of the kernel, in octets.
const BUFFER_OCTETS: usize = 16 * 1024 * 1024;
/// How long the storm sleeps when nothing is due.
const IDLE: Duration = Duration::from_millis(50);

/// Whether somebody asked for the end (SIGINT, SIGTERM) since this was called. The next one ends
/// the process as ever.
///
/// # Errors
/// The machine gives no thread.
pub fn interruption() -> Result<Arc<AtomicBool>, Failure> {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    signals.thread_block().map_err(|cause| refused(cause.desc()))?;
    let asked = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&asked);
    let wait = move || {
        // OK because a failure to wait is taken for the wish to end.
        let _ = signals.wait();
        told.store(true, Ordering::Relaxed);
        let _ = signals.thread_unblock();
        loop {
            std::thread::park();
        }
    };
    std::thread::Builder::new().spawn(wait).map_err(refused)?;
    Ok(asked)
}

/// Runs a storm against an IPv4 server to its end, or as long as `goes_on`.
///
/// # Errors
/// A socket cannot be opened, or a source address is not this machine's.
pub fn drive(
    storm: &mut Storm,
    server: SocketAddrV4,
    ports: usize,
    goes_on: impl Fn(&Storm) -> bool,
) -> Result<(), Failure> {
    let sockets = (0..ports.max(1)).map(|_| open()).collect::<Result<Vec<_>, _>>()?;
    // OK because without it a wake-up is a twentieth of a millisecond late, no more.
    let _ = nix::sys::prctl::set_timerslack(1);
    let clock = Clock::start();
    let mut mailbox = Mailbox::new();
    let server = SockaddrIn::from(server);
    loop {
        storm.handle_timeout(clock.now());
        while let Some(outgoing) = storm.poll_transmit() {
            send(&sockets, server, outgoing)?;
        }
        let mut received = 0;
        for (port, socket) in sockets.iter().enumerate() {
            received += mailbox.take(socket, |octets, from, to| {
                storm.handle(clock.now(), octets, from, Some(to), port);
            })?;
        }
        let now = clock.now();
        if storm.is_done(now) || !goes_on(storm) {
            return Ok(());
        }
        if received == 0 {
            wait(storm, now, &sockets);
        }
    }
}

fn refused(cause: impl ToString) -> Failure {
    Failure::new(FailureKind::MachineRefused).fact("cause", cause)
}

fn open() -> Result<Socket, Failure> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).map_err(refused)?;
    // OK because the kernel's own limit is the most an unprivileged process can have.
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_OCTETS)
        .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &BUFFER_OCTETS));
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true).map_err(refused)?;
    socket.set_nonblocking(true).map_err(refused)?;
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    socket.bind(&any.into()).map_err(refused)?;
    Ok(socket)
}

fn send(sockets: &[Socket], server: SockaddrIn, outgoing: Outgoing<'_>) -> Result<(), Failure> {
    let Some(socket) = sockets.get(outgoing.port) else { return Ok(()) };
    let source = outgoing.source.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let address = in_addr { s_addr: u32::from(source).to_be() };
    let unset = in_addr { s_addr: 0 };
    let info = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: address, ipi_addr: unset };
    let own = [ControlMessage::Ipv4PacketInfo(&info)];
    let controls = if outgoing.source.is_some() { own.as_slice() } else { &[] };
    let octets = [IoSlice::new(outgoing.octets)];
    match sendmsg(socket.as_raw_fd(), &octets, controls, MsgFlags::empty(), Some(&server)) {
        // A full buffer loses the datagram, as a busy line would; it is sent again in time. The
        // refusal is an ICMP error for an earlier datagram.
        Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::EINTR | Errno::ECONNREFUSED) => Ok(()),
        Err(cause) => {
            let failure = Failure::new(FailureKind::AddressUnavailable);
            Err(failure.fact("address", source).fact("cause", cause.desc()))
        }
    }
}

/// Buffers for one system call.
struct Mailbox {
    headers: MultiHeaders<SockaddrIn>,
    buffers: Vec<Vec<u8>>,
    arrived: Vec<(usize, SocketAddr, Ipv4Addr)>,
}

impl Mailbox {
    fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(BATCH, Some(cmsg_space!(in_pktinfo))),
            buffers: vec![vec![0; PACKET_OCTETS_MAX]; BATCH],
            arrived: Vec::with_capacity(BATCH),
        }
    }

    /// Takes what has arrived, one batch at most, and says how many datagrams that were.
    fn take(
        &mut self,
        socket: &Socket,
        mut each: impl FnMut(&[u8], SocketAddr, Ipv4Addr),
    ) -> Result<usize, Failure> {
        self.arrived.clear();
        {
            let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
            let flags = MsgFlags::MSG_DONTWAIT;
            match recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), flags, None) {
                Ok(results) => {
                    for one in results {
                        let from = one.address.map_or(
                            SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
                            SocketAddrV4::from,
                        );
                        let to = one.cmsgs().ok().and_then(|mut all| all.find_map(destination));
                        let to = to.unwrap_or(Ipv4Addr::UNSPECIFIED);
                        self.arrived.push((one.bytes, SocketAddr::V4(from), to));
                    }
                }
                Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => {}
                Err(cause) => return Err(refused(cause.desc())),
            }
        }
        for ((octets, from, to), buffer) in self.arrived.iter().zip(&self.buffers) {
            each(buffer.get(..*octets).unwrap_or_default(), *from, *to);
        }
        Ok(self.arrived.len())
    }
}

fn destination(control: ControlMessageOwned) -> Option<Ipv4Addr> {
    match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)))
        }
        _ => None,
    }
}

/// Waits until something arrives or is due.
fn wait(storm: &Storm, now: Moment, sockets: &[Socket]) {
    let due = storm.poll_timeout(now).unwrap_or(now.monotonic + IDLE);
    let span = due.saturating_sub(now.monotonic).min(IDLE);
    if span.is_zero() {
        return;
    }
    let mut waiting: Vec<PollFd<'_>> =
        sockets.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
    // OK because after any end of the wait everything is looked at again.
    let _ = ppoll(&mut waiting, Some(TimeSpec::from_duration(span)), None);
}
