//! Frames of a mirror port as they come: with their VLAN tags, the kernel's timestamps, and a
//! count of what the kernel let go (packet(7)).
//!
//! A packet socket of our own. The kernel takes the outer tag off a frame before it reaches any
//! socket and tells it beside the frame (PACKET_AUXDATA); here it is put back where it was, so
//! that live frames read like those of a file. ARCHITECTURE.md says why not libpcap.

use std::io::IoSliceMut;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessageOwned, LinkAddr, MsgFlags, MultiHeaders, bind, getsockopt, recvmmsg, setsockopt,
    sockopt,
};
use nix::{cmsg_space, getsockopt_impl, setsockopt_impl, sockopt_impl};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::{Failure, FailureKind};
use crate::sensor::{CaptureTime, Captured, LinkType};

/// Octets of a frame that are kept: all of an Ethernet frame with its tags.
const FRAME_OCTETS: usize = 2048;
/// Frames taken at once.
const BATCH: usize = 64;
/// Octets of frames that may wait in the kernel.
pub const BUFFER_OCTETS: usize = 32 * 1024 * 1024;
/// How long frames may gather before they are taken.
const GATHER: Duration = Duration::from_millis(2);
/// How often an interface that is down is tried again, and how often in a row.
const DOWN_PAUSE: Duration = Duration::from_secs(1);
const DOWN_TRIES: u32 = 60;

/// Every protocol, in network order (`ETH_P_ALL`).
const PROTOCOL_ALL: i32 = 0x0300;
/// Lets nothing through.
const NOTHING: [SockFilter; 1] = [SockFilter::new(0x06, 0, 0, 0)];
/// Lets everything through that this machine did not send itself (`PACKET_OUTGOING`).
const INCOMING: [SockFilter; 4] = [
    SockFilter::new(0x30, 0, 0, 0xffff_f004), // load the packet's type
    SockFilter::new(0x15, 0, 1, 4),           // is it outgoing?
    SockFilter::new(0x06, 0, 0, 0),           // then drop
    SockFilter::new(0x06, 0, 0, 0x0004_0000), // else keep
];

/// Octets of a tag, and of the two addresses before it.
const TAG: usize = 4;
const ADDRESSES: usize = 12;

sockopt_impl!(
    /// Asks for `tpacket_auxdata` beside each frame.
    AuxData,
    SetOnly,
    libc::SOL_PACKET,
    libc::PACKET_AUXDATA,
    bool
);
sockopt_impl!(
    /// Frames for others are wanted too.
    Membership,
    SetOnly,
    libc::SOL_PACKET,
    libc::PACKET_ADD_MEMBERSHIP,
    libc::packet_mreq
);
sockopt_impl!(
    /// Frames taken and let go since it was asked the last time.
    Statistics,
    GetOnly,
    libc::SOL_PACKET,
    libc::PACKET_STATISTICS,
    libc::tpacket_stats
);

/// A frame in its buffer: where it begins and ends, and when it was captured.
#[derive(Clone, Copy, Debug)]
struct Place {
    begin: usize,
    end: usize,
    time: CaptureTime,
}

/// An open mirror port.
pub struct Mirror {
    socket: Socket,
    interface: String,
    buffers: Vec<Vec<u8>>,
    heads: MultiHeaders<()>,
    /// What is in the buffers, from the first on.
    places: Vec<Place>,
    taken: usize,
    number: u64,
    failures: u32,
    dropped: u64,
}

impl Mirror {
    /// Opens an interface; needs CAP_NET_RAW, which may be given up afterwards.
    ///
    /// # Errors
    /// There is no such interface, the permission is missing, or it has no Ethernet address.
    pub fn open(interface: &str) -> Result<Self, Failure> {
        let unusable = |cause: String| unusable(interface, &cause);
        let link = link(interface).map_err(unusable)?;
        let socket = open(&link).map_err(|cause| unusable(cause.to_string()))?;
        let space = cmsg_space!(libc::timespec, libc::tpacket_auxdata);
        Ok(Self {
            socket,
            interface: interface.to_owned(),
            buffers: vec![vec![0; TAG + FRAME_OCTETS]; BATCH],
            heads: MultiHeaders::preallocate(BATCH, Some(space)),
            places: Vec::with_capacity(BATCH),
            taken: 0,
            number: 0,
            failures: 0,
            dropped: 0,
        })
    }

    /// The next frame; `None` when none came for a moment, or the interface is down for now.
    ///
    /// # Errors
    /// The interface is gone, or stays down.
    #[expect(clippy::should_implement_trait, reason = "a frame is lent, which Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Captured<'_>>, Failure> {
        if self.taken >= self.places.len() {
            self.fill()?;
        }
        let Some(place) = self.places.get(self.taken).copied() else { return Ok(None) };
        let octets = self.buffers.get(self.taken).and_then(|it| it.get(place.begin..place.end));
        self.taken += 1;
        self.number += 1;
        let (number, time, link) = (self.number, place.time, LinkType::Ethernet);
        Ok(Some(Captured { number, time, link, octets: octets.unwrap_or_default() }))
    }

    /// Takes what waits in the kernel, or waits a moment.
    fn fill(&mut self) -> Result<(), Failure> {
        self.places.clear();
        self.taken = 0;
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = self
            .buffers
            .iter_mut()
            .map(|buffer| [IoSliceMut::new(buffer.get_mut(TAG..).unwrap_or_default())])
            .collect();
        let descriptor = self.socket.as_raw_fd();
        let received =
            recvmmsg(descriptor, &mut self.heads, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None);
        let mut tags: Vec<Option<[u8; TAG]>> = Vec::with_capacity(BATCH);
        match received {
            Ok(messages) => {
                for message in messages {
                    let (mut time, mut tag) = (CaptureTime::default(), None);
                    for beside in message.cmsgs().into_iter().flatten() {
                        match beside {
                            ControlMessageOwned::ScmTimestampns(at) => {
                                let fraction = u32::try_from(at.tv_nsec()).unwrap_or(0);
                                time = CaptureTime::new(at.tv_sec(), fraction);
                            }
                            ControlMessageOwned::Unknown(other) => tag = tag_of(&other.data_bytes),
                            _ => {} // OK because nothing else was asked for
                        }
                    }
                    let end = TAG + message.bytes.min(FRAME_OCTETS);
                    self.places.push(Place { begin: TAG, end, time });
                    tags.push(tag);
                }
                self.failures = 0;
            }
            Err(Errno::EAGAIN | Errno::EINTR) => std::thread::sleep(GATHER),
            Err(cause) => {
                self.failures += 1;
                if self.failures >= DOWN_TRIES || cause == Errno::ENXIO {
                    return Err(unusable(&self.interface, cause.desc()));
                }
                std::thread::sleep(DOWN_PAUSE);
            }
        }
        for ((place, tag), buffer) in self.places.iter_mut().zip(tags).zip(&mut self.buffers) {
            if let Some(tag) = tag
                && restore(buffer, tag).is_some()
            {
                place.begin = 0;
            }
        }
        Ok(())
    }

    /// Frames that the kernel let go since the mirror was opened.
    pub fn dropped(&mut self) -> u64 {
        if let Ok(statistics) = getsockopt(&self.socket, Statistics) {
            self.dropped += u64::from(statistics.tp_drops);
        }
        self.dropped
    }
}

/// Puts a tag between addresses and type, which begin [`TAG`] octets behind the buffer's start.
fn restore(buffer: &mut [u8], tag: [u8; TAG]) -> Option<()> {
    buffer.get(..TAG + ADDRESSES)?;
    buffer.copy_within(TAG..TAG + ADDRESSES, 0);
    buffer.get_mut(ADDRESSES..ADDRESSES + TAG)?.copy_from_slice(&tag);
    Some(())
}

/// The tag that `struct tpacket_auxdata` tells, as it stood in the frame.
fn tag_of(auxiliary: &[u8]) -> Option<[u8; TAG]> {
    let status = u32::from_ne_bytes(*auxiliary.first_chunk()?);
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let field = |at: usize| auxiliary.get(at..)?.first_chunk().map(|it| u16::from_ne_bytes(*it));
    let control = field(16)?.to_be_bytes();
    let told = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
    let kind = field(18).filter(|_| told).unwrap_or(0x8100).to_be_bytes();
    Some([kind[0], kind[1], control[0], control[1]])
}

/// The address of an interface, which holds its number.
fn link(interface: &str) -> Result<LinkAddr, String> {
    let all = nix::ifaddrs::getifaddrs().map_err(|cause| cause.to_string())?;
    all.filter(|found| found.interface_name == interface)
        .find_map(|found| found.address?.as_link_addr().copied())
        .ok_or_else(|| "no such interface".to_owned())
}

fn open(link: &LinkAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(PROTOCOL_ALL)))?;
    // Until it is bound it hears every interface: none of that is wanted.
    socket.attach_filter(&NOTHING)?;
    let mut rest = [std::mem::MaybeUninit::uninit(); 1];
    socket.set_nonblocking(true)?;
    while socket.recv(&mut rest).is_ok() {}
    bind(socket.as_raw_fd(), link)?;
    setsockopt(&socket, AuxData, &true)?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    let number = i32::try_from(link.ifindex()).unwrap_or(0);
    let promiscuous = libc::packet_mreq {
        mr_ifindex: number,
        mr_type: libc::PACKET_MR_PROMISC as libc::c_ushort,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    setsockopt(&socket, Membership, &promiscuous)?;
    // What may not be forced is at least asked for. OK because losses are counted.
    if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_OCTETS).is_err() {
        let _ = socket.set_recv_buffer_size(BUFFER_OCTETS);
    }
    socket.attach_filter(&INCOMING)?;
    Ok(socket)
}

fn unusable(interface: &str, cause: &str) -> Failure {
    Failure::new(FailureKind::InterfaceUnusable).fact("interface", interface).fact("cause", cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_told_beside_the_frame_stands_where_it_was() {
        let mut auxiliary = [0; 20];
        let flags = libc::TP_STATUS_VLAN_VALID | libc::TP_STATUS_VLAN_TPID_VALID;
        auxiliary[..4].copy_from_slice(&flags.to_ne_bytes());
        auxiliary[16..18].copy_from_slice(&0x606e_u16.to_ne_bytes());
        auxiliary[18..20].copy_from_slice(&0x88a8_u16.to_ne_bytes());
        let tag = tag_of(&auxiliary).unwrap();
        assert_eq!(tag, [0x88, 0xa8, 0x60, 0x6e]);
        let mut buffer: Vec<u8> = (0..20).collect();
        restore(&mut buffer, tag).unwrap();
        let wanted = [&(4..16).collect::<Vec<u8>>()[..], &tag, &[16, 17, 18, 19]].concat();
        assert_eq!(buffer, wanted);
        // Older kernels do not tell the type.
        auxiliary[..4].copy_from_slice(&libc::TP_STATUS_VLAN_VALID.to_ne_bytes());
        assert_eq!(tag_of(&auxiliary), Some([0x81, 0, 0x60, 0x6e]));
        for short in 0..18 {
            assert_eq!(tag_of(&auxiliary[..short]), None, "{short}");
        }
        assert_eq!(tag_of(&[0; 20]), None);
        assert!(restore(&mut [0; 15], tag).is_none());
    }
}
