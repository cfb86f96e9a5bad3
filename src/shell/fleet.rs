//! Real sockets for simulated switches: one for each, on its own loopback address, so that the
//! server tells them apart as it tells real ones.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use super::clock::Clock;
use super::{Failure, FailureKind};
use crate::simulation::{AttemptResult, Fleet, Progress, Wallet};
use crate::wire::radius::PACKET_OCTETS_MAX;

/// Replies received and not yet taken by the fleet.
const WAITING_MAX: usize = 4096;
/// How long the fleet sleeps when it has nothing due.
const IDLE: Duration = Duration::from_millis(50);

/// A reply: who sent it, to which switch, and its octets.
type Received = (SocketAddr, IpAddr, Vec<u8>);

/// Runs a fleet to its end and shows every attempt's result, with how far the run is.
///
/// # Errors
/// A switch's address cannot be opened, or the machine refuses a resource.
pub fn drive<W: Wallet>(
    fleet: &mut Fleet<W>,
    show: impl FnMut(AttemptResult, Progress),
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
    runtime.block_on(run(fleet, show))
}

async fn run<W: Wallet>(
    fleet: &mut Fleet<W>,
    mut show: impl FnMut(AttemptResult, Progress),
) -> Result<(), Failure> {
    let clock = Clock::start();
    let (sender, mut received) = channel(WAITING_MAX);
    let sockets = open(fleet.addresses(), &sender).await?;
    let mut octets = Vec::new();
    loop {
        fleet.handle_timeout(clock.now());
        while let Some((from, to)) = fleet.poll_transmit(&mut octets) {
            if let Some(socket) = sockets.get(&from) {
                // OK because a lost datagram is sent again.
                let _ = socket.send_to(&octets, to).await;
            }
        }
        while let Some(result) = fleet.poll_event() {
            show(result, fleet.progress());
        }
        if fleet.progress().is_done() {
            return Ok(());
        }
        take(fleet, &clock, &mut received).await;
    }
}

/// Waits for replies until something is due, and takes all that are there.
async fn take<W: Wallet>(fleet: &mut Fleet<W>, clock: &Clock, received: &mut Receiver<Received>) {
    let now = clock.now().monotonic;
    let wait = fleet.poll_timeout().map_or(IDLE, |due| due.saturating_sub(now).min(IDLE));
    let mut next = timeout(wait, received.recv()).await.ok().flatten();
    while let Some((source, local, octets)) = next {
        fleet.handle(clock.now(), &octets, source, local);
        next = received.try_recv().ok();
    }
}

async fn open(
    addresses: impl Iterator<Item = IpAddr>,
    sender: &Sender<Received>,
) -> Result<HashMap<IpAddr, Arc<UdpSocket>>, Failure> {
    let mut sockets = HashMap::new();
    for address in addresses {
        let socket = UdpSocket::bind((address, 0)).await.map_err(|cause| {
            let failure = Failure::new(FailureKind::AddressUnavailable);
            failure.fact("address", address).fact("cause", cause)
        })?;
        let socket = Arc::new(socket);
        sockets.insert(address, Arc::clone(&socket));
        let sender = sender.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; PACKET_OCTETS_MAX];
            while let Ok((octets, source)) = socket.recv_from(&mut buffer).await {
                let octets = buffer.get(..octets).unwrap_or_default().to_vec();
                if sender.send((source, address, octets)).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(sockets)
}
