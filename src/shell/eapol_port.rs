//! An access port's wire beside the switch: every frame the host sends is seen here, whatever
//! the switch does with it, and frames sent here reach the host.

use std::os::fd::IntoRawFd as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pnet_datalink::{Channel, Config, DataLinkReceiver, DataLinkSender};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::{Failure, FailureKind};
use crate::vocabulary::Mac;

/// Frames of one port that may wait to be looked at; a flood costs its own port only.
pub const FRAMES_WAITING_MAX: usize = 32;
/// Largest frame that is read in full.
const FRAME_OCTETS_MAX: usize = 2048;
/// How long a read waits; a write does not, since the wires share one sender.
const TIMEOUT: Duration = Duration::from_millis(200);
/// From a failure of the wire, its link taken down for instance, to the next attempt.
const REOPEN_PAUSE: Duration = Duration::from_millis(100);
/// How often hosts that only send data are reported.
const SIGHTING_INTERVAL: Duration = Duration::from_secs(1);

/// Octets of an Ethernet header, and where its type lies.
const HEADER_OCTETS: usize = 14;
const TYPE: std::ops::Range<usize> = 12..14;
/// Port access entities (IEEE 802.1X), as octets.
const EAPOL: [u8; 2] = [0x88, 0x8e];

/// Every protocol, in network order (`ETH_P_ALL`).
const PROTOCOL_ALL: i32 = 0x0300;
/// Lets a frame through unless this machine sent it (`PACKET_OUTGOING`): the switch sends other
/// hosts' frames out of this port, and those are no hosts of it.
const INCOMING: [SockFilter; 4] = [
    SockFilter::new(0x30, 0, 0, 0xffff_f004), // load the packet's type
    SockFilter::new(0x15, 0, 1, 4),           // is it outgoing?
    SockFilter::new(0x06, 0, 0, 0),           // then drop
    SockFilter::new(0x06, 0, 0, 0x0004_0000), // else keep
];

type Sending = Arc<Mutex<Option<Box<dyn DataLinkSender>>>>;

/// A wire that is being listened to. Threads end when what they report to says so.
pub struct Wire {
    sending: Sending,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
}

/// The address of an interface.
///
/// # Errors
/// There is no such interface, or it has none.
pub fn address(interface: &str) -> Result<Mac, Failure> {
    let found = find(interface).map_err(|cause| unusable(interface, &cause))?;
    let mac = found.mac.and_then(|mac| Mac::new(mac.octets()).ok());
    mac.ok_or_else(|| unusable(interface, "no address"))
}

impl Wire {
    /// Begins to listen. `heard` is given every EAPOL frame, and of other frames one a second,
    /// however many hosts seem to send them; it says whether anyone still wants them.
    ///
    /// # Errors
    /// The interface cannot be opened, for want of permission for instance, or the machine gives
    /// no thread.
    pub fn listen(
        interface: &str,
        heard: impl Fn(Vec<u8>) -> bool + Send + 'static,
    ) -> Result<Self, Failure> {
        let wire =
            Self { sending: Sending::default(), waiting: Arc::default(), lost: Arc::default() };
        let mut receiver = wire.open(interface).map_err(|cause| unusable(interface, &cause))?;
        let reader = Self {
            sending: Arc::clone(&wire.sending),
            waiting: Arc::clone(&wire.waiting),
            lost: Arc::clone(&wire.lost),
        };
        let name = interface.to_owned();
        let thread = std::thread::Builder::new().name(format!("wire-{interface}"));
        let spawned = thread.spawn(move || {
            while reader.read(receiver.as_mut(), &heard) {
                receiver = loop {
                    std::thread::sleep(REOPEN_PAUSE);
                    if let Ok(opened) = reader.open(&name) {
                        break opened;
                    }
                };
            }
        });
        spawned.map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        Ok(wire)
    }

    /// Sends a frame; one that the wire does not take is lost, as on every wire.
    pub fn send(&self, frame: &[u8]) {
        if let Some(sender) = self.sending.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // OK because the protocol repeats itself
            if !matches!(sender.send_to(frame, None), Some(Ok(()))) {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// A reported frame has been looked at.
    pub fn taken(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Frames that did not fit or could not be sent since the last call.
    pub fn lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }

    fn open(&self, interface: &str) -> Result<Box<dyn DataLinkReceiver>, String> {
        let found = find(interface)?;
        // Made here rather than there, so that the filter is in place before the first frame.
        let open = || {
            let socket =
                Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(PROTOCOL_ALL)))?;
            socket.attach_filter(&INCOMING)?;
            let config = Config {
                read_timeout: Some(TIMEOUT),
                write_timeout: Some(Duration::ZERO),
                read_buffer_size: FRAME_OCTETS_MAX,
                socket_fd: Some(socket.into_raw_fd()),
                ..Config::default()
            };
            pnet_datalink::channel(&found, config)
        };
        match open().map_err(|cause| cause.to_string())? {
            Channel::Ethernet(sender, receiver) => {
                *self.sending.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
                Ok(receiver)
            }
            _ => Err("no Ethernet".to_owned()), // OK because the foreign enum has no other today
        }
    }

    /// Reads until the wire fails; false when nobody listens any more.
    fn read(&self, receiver: &mut dyn DataLinkReceiver, heard: &impl Fn(Vec<u8>) -> bool) -> bool {
        let mut seen: Option<Instant> = None;
        loop {
            let frame = match receiver.next() {
                Ok(frame) => frame,
                Err(cause) if cause.kind() == std::io::ErrorKind::TimedOut => continue,
                Err(_) => return true,
            };
            if frame.len() < HEADER_OCTETS {
                continue;
            }
            if frame.get(TYPE) != Some(&EAPOL[..]) {
                let now = Instant::now();
                if seen.is_some_and(|at| now - at < SIGHTING_INTERVAL) {
                    continue;
                }
                seen = Some(now);
            }
            if self.waiting.load(Ordering::Relaxed) >= FRAMES_WAITING_MAX {
                self.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
            if !heard(frame.to_vec()) {
                return false;
            }
        }
    }
}

fn find(interface: &str) -> Result<pnet_datalink::NetworkInterface, String> {
    let mut interfaces = pnet_datalink::interfaces().into_iter();
    interfaces.find(|found| found.name == interface).ok_or_else(|| "no such interface".to_owned())
}

fn unusable(interface: &str, cause: &str) -> Failure {
    Failure::new(FailureKind::InterfaceUnusable).fact("interface", interface).fact("cause", cause)
}
