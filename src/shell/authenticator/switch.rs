//! The switch under the authenticator: Open vSwitch by its database and by flows.
//!
//! A closed port has no flow, so nothing it sends goes anywhere, and the tag [`BLACKHOLE`], so
//! nothing of any network goes to it. Opening sets the tag first and the flow last; closing
//! removes the flow first. Whatever was found at the start, after a lost connection or after
//! somebody else's change is closed and told anew, never believed. What is open is renewed all
//! the time, and shuts by itself when this process no longer does so.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::authenticator::{Applied, PortId};
use crate::shell::openflow;
use crate::shell::ovsdb::{self, Update};
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::Mac;

/// The tag of closed ports. No uplink carries it, as the file's `vlans` cannot hold it.
pub const BLACKHOLE: u16 = 4094;
/// From one look whether the switch lives to the next.
const TICK: Duration = Duration::from_secs(1);
/// From one renewal of what is open to the next.
const RENEWAL: Duration = Duration::from_secs(5);
/// From one attempt to connect to the next: at first, and at most.
const RECONNECT_MIN: Duration = Duration::from_millis(100);
const RECONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a bounced link stays down (RFC 5176 leaves it open; hosts notice two seconds).
const BOUNCE: Duration = Duration::from_secs(2);

/// What the switch is asked.
#[derive(Debug)]
pub enum Order {
    /// Do this with a port.
    Apply(PortId, Applied, Option<Mac>),
    /// Take its link down for a moment.
    Bounce(PortId),
    /// From the listener of a connection, by the connection's number.
    Heard(u64, Result<Vec<Update>, Failure>),
    /// Look whether to end.
    Stop,
}

/// What the switch tells.
#[derive(Debug)]
pub enum Report {
    /// It answers, and every port is closed.
    Back,
    /// It does not answer, or has ceased to.
    Lost(Failure),
    /// A link is up or down.
    Link(PortId, bool),
    /// An order was carried out, or not.
    Applied(PortId, Applied, Result<(), Failure>),
    /// Somebody else changed a port; it is closed.
    Drifted(PortId),
}

/// Where the switch is and what belongs to us.
#[derive(Clone, Debug)]
pub struct Place {
    /// Socket of the database.
    pub database: PathBuf,
    /// Management socket of the bridge.
    pub openflow: PathBuf,
    /// The bridge.
    pub bridge: String,
    /// Ports towards the network.
    pub uplinks: Vec<String>,
    /// Access ports, in order of [`PortId`], with their own addresses.
    pub ports: Vec<(String, Mac)>,
}

/// The thread that speaks to the switch.
pub struct Switch<R: Fn(Report) + Send> {
    place: Place,
    report: R,
    orders: Receiver<Order>,
    sender: Sender<Order>,
    /// Whether to end, whatever else is still ordered.
    ending: Arc<AtomicBool>,
    live: Option<Live>,
    connections: u64,
    /// Ports whose link we hold down, and until when.
    bouncing: HashMap<PortId, Instant>,
}

/// A switch that answers.
struct Live {
    database: ovsdb::Connection,
    flows: openflow::Connection,
    listening: UnixStream,
    numbers: HashMap<String, u16>,
    links: HashMap<String, bool>,
    /// The tags that we set.
    tags: HashMap<String, u16>,
    /// What is let in, by the number of its port, and when that is renewed.
    admitted: HashMap<u16, Option<Mac>>,
    renewal: Instant,
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.listening.shutdown(std::net::Shutdown::Both); // OK when it is gone already
    }
}

impl<R: Fn(Report) + Send> Switch<R> {
    /// A switch that is not connected yet. `sender` is the other end of `orders`; `ending` is set
    /// before [`Order::Stop`] is sent.
    pub fn new(
        place: Place,
        report: R,
        (sender, orders): (Sender<Order>, Receiver<Order>),
        ending: Arc<AtomicBool>,
    ) -> Self {
        let bouncing = HashMap::new();
        Self { place, report, orders, sender, ending, live: None, connections: 0, bouncing }
    }

    /// Carries out orders until told to stop, and leaves every port shut.
    pub fn run(mut self) {
        let mut pause = RECONNECT_MIN;
        let mut told = false;
        while !self.ending.load(Ordering::Relaxed) {
            if self.live.is_none() {
                match self.connect() {
                    Ok(()) => {
                        pause = RECONNECT_MIN;
                        told = false;
                    }
                    Err(failure) => {
                        if !std::mem::replace(&mut told, true) {
                            (self.report)(Report::Lost(failure));
                        }
                    }
                }
            }
            let wait = if self.live.is_some() { self.until_next() } else { pause };
            if self.live.is_none() {
                pause = (pause * 2).min(RECONNECT_MAX);
            }
            let done = match self.orders.recv_timeout(wait) {
                Ok(order) => self.obey(order).and_then(|()| self.end_bounces()),
                Err(RecvTimeoutError::Timeout) => self.end_bounces().and_then(|()| self.probe()),
                Err(RecvTimeoutError::Disconnected) => break, // OK because `sender` is ours
            };
            let done = done.and_then(|()| self.live.as_mut().map_or(Ok(()), Live::renew));
            if let Err(failure) = done {
                self.leave();
                told = true;
                (self.report)(Report::Lost(failure));
            }
        }
        self.leave();
    }

    /// Gives the switch up, with every port shut if it still hears that.
    fn leave(&mut self) {
        if let Some(mut live) = self.live.take() {
            let _ = live.flows.clear(); // OK because flows nobody renews end by themselves
        }
    }

    fn until_next(&self) -> Duration {
        let now = Instant::now();
        let ends = self.bouncing.values().map(|end| end.saturating_duration_since(now));
        ends.chain([TICK]).min().unwrap_or(TICK)
    }

    /// Connects, closes every port and lets the uplinks' frames in. Shuts first, so that nothing
    /// is left open that the database keeps us from closing.
    fn connect(&mut self) -> Result<(), Failure> {
        let Place { database, openflow, bridge, uplinks, ports } = &self.place;
        let mut flows = openflow::Connection::open(openflow)?;
        flows.clear()?;
        let mut asking = ovsdb::Connection::open(database)?;
        // Becoming secure removes what the bridge did by itself, and ours must come after it.
        asking.apply(&ovsdb::secure(bridge))?;
        flows.clear()?;
        let mut tags = HashMap::new();
        for (port, _) in ports {
            unless_lost(asking.transact(&ovsdb::set_tag(port, BLACKHOLE)).map(drop))?;
            tags.insert(port.clone(), BLACKHOLE);
        }
        asking.apply(&[])?;
        let mut listener = ovsdb::Connection::open(database)?;
        let listening = listener.handle()?;
        let found = listener.monitor()?;
        let mut live = Live {
            database: asking,
            flows,
            listening,
            numbers: HashMap::new(),
            links: HashMap::new(),
            tags,
            admitted: HashMap::new(),
            renewal: Instant::now() + RENEWAL,
        };
        for update in &found {
            if let Update::Interface { name, up, number } = update {
                live.links.insert(name.clone(), *up);
                if let Some(number) = number {
                    live.numbers.insert(name.clone(), *number);
                }
            }
        }
        for uplink in uplinks {
            let number = live.number(uplink)?;
            live.admit(number, None)?;
        }
        // A bounce that the loss cut short must not leave a link down.
        for (port, address) in ports {
            if let Some(number) = live.numbers.get(port).copied() {
                unless_lost(live.flows.set_link(number, *address, true))?;
            }
        }
        self.bouncing.clear();
        self.connections += 1;
        listen(listener, self.connections, self.sender.clone())?;
        (self.report)(Report::Back);
        for ((port, _), id) in ports.iter().zip(0..) {
            (self.report)(Report::Link(PortId(id), live.links.get(port) == Some(&true)));
        }
        self.live = Some(live);
        Ok(())
    }

    /// Carries out one order.
    ///
    /// # Errors
    /// The switch is lost.
    fn obey(&mut self, order: Order) -> Result<(), Failure> {
        match order {
            Order::Apply(id, applied, only) => {
                let done = self.apply(id, applied, only);
                let connected = self.live.is_some();
                let lost = if connected { unless_lost(done.clone()) } else { Ok(()) };
                (self.report)(Report::Applied(id, applied, done));
                lost
            }
            Order::Bounce(id) => unless_lost(self.bounce(id)),
            Order::Heard(connection, heard) => {
                if connection != self.connections || self.live.is_none() {
                    return Ok(()); // OK because that connection is over
                }
                heard?.into_iter().try_for_each(|update| self.follow(update))
            }
            Order::Stop => Ok(()), // OK because it only wakes `run`
        }
    }

    fn apply(&mut self, id: PortId, applied: Applied, only: Option<Mac>) -> Result<(), Failure> {
        let (port, _) = self.port(id)?;
        let live = self.live.as_mut().ok_or_else(|| Failure::new(FailureKind::SwitchSilent))?;
        let number = match applied {
            Applied::Closed => live.numbers.get(&port).copied(), // without one it has no flow
            Applied::Vlan(_) => Some(live.number(&port)?),
        };
        if let Some(number) = number {
            live.admitted.remove(&number);
            live.flows.shut(number)?;
        }
        let tag = match applied {
            Applied::Closed => BLACKHOLE,
            Applied::Vlan(vlan) => vlan.get(),
        };
        live.database.apply(&ovsdb::set_tag(&port, tag))?;
        live.tags.insert(port, tag);
        match (applied, number) {
            (Applied::Vlan(_), Some(number)) => live.admit(number, only),
            (Applied::Closed, _) | (_, None) => Ok(()),
        }
    }

    fn bounce(&mut self, id: PortId) -> Result<(), Failure> {
        self.set_link(id, false)?;
        self.bouncing.insert(id, Instant::now() + BOUNCE);
        (self.report)(Report::Link(id, false));
        Ok(())
    }

    fn set_link(&mut self, id: PortId, up: bool) -> Result<(), Failure> {
        let (port, address) = self.port(id)?;
        let Some(live) = self.live.as_mut() else { return Ok(()) }; // OK: connecting sets it up
        let number = live.number(&port)?;
        live.flows.set_link(number, address, up)
    }

    /// Brings links up again whose bounce is over.
    fn end_bounces(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        let over: Vec<PortId> =
            self.bouncing.iter().filter(|(_, end)| **end <= now).map(|(id, _)| *id).collect();
        for id in over {
            self.bouncing.remove(&id);
            unless_lost(self.set_link(id, true))?;
            let live = self.live.as_ref();
            let up = live.is_some_and(|live| {
                let port = self.place.ports.get(usize::from(id.0));
                port.and_then(|(port, _)| live.links.get(port)) == Some(&true)
            });
            if up {
                (self.report)(Report::Link(id, true));
            }
        }
        Ok(())
    }

    /// Asks both sides of the switch whether they live.
    fn probe(&mut self) -> Result<(), Failure> {
        let Some(live) = &mut self.live else { return Ok(()) };
        live.flows.settle()?;
        live.database.echo()
    }

    /// Takes what the listener heard.
    fn follow(&mut self, update: Update) -> Result<(), Failure> {
        let name = match &update {
            Update::Interface { name, .. } | Update::Port { name, .. } => name.clone(),
        };
        let found = self.place.ports.iter().position(|(port, _)| *port == name);
        let id = found.and_then(|index| u16::try_from(index).ok()).map(PortId);
        let Some(live) = self.live.as_mut() else { return Ok(()) };
        match update {
            Update::Interface { up, number, .. } => {
                // Flows name a number: when that changes, nothing set before holds.
                if let Some(number) = number
                    && live.numbers.insert(name.clone(), number).is_some_and(|old| old != number)
                    && (id.is_some() || self.place.uplinks.contains(&name))
                {
                    return Err(Failure::new(FailureKind::SwitchSilent));
                }
                if live.links.insert(name, up) != Some(up)
                    && let Some(id) = id
                    && !self.bouncing.contains_key(&id)
                {
                    (self.report)(Report::Link(id, up));
                }
            }
            Update::Port { tag, .. } => {
                let Some(id) = id else { return Ok(()) };
                if tag == live.tags.get(&name).copied() {
                    return Ok(());
                }
                // What is heard may be a change of our own that we have made another one after.
                if live.database.tag(&name)? == live.tags.get(&name).copied() {
                    return Ok(());
                }
                unless_lost(self.apply(id, Applied::Closed, None))?;
                (self.report)(Report::Drifted(id));
            }
        }
        Ok(())
    }

    fn port(&self, id: PortId) -> Result<(String, Mac), Failure> {
        let port = self.place.ports.get(usize::from(id.0));
        port.cloned().ok_or_else(|| Failure::new(FailureKind::PortAbsent).fact("port", id.0))
    }
}

impl Live {
    fn number(&self, port: &str) -> Result<u16, Failure> {
        let number = self.numbers.get(port).copied();
        number.ok_or_else(|| Failure::new(FailureKind::PortAbsent).fact("port", port))
    }

    fn admit(&mut self, number: u16, only: Option<Mac>) -> Result<(), Failure> {
        self.flows.admit(number, only)?;
        self.admitted.insert(number, only);
        Ok(())
    }

    /// Renews what is let in, when it is time to.
    fn renew(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        if now < self.renewal {
            return Ok(());
        }
        self.renewal = now + RENEWAL;
        self.admitted.iter().try_for_each(|(number, only)| self.flows.admit(*number, *only))
    }
}

/// Hands on what a listener hears, until its connection ends.
fn listen(
    mut listener: ovsdb::Connection,
    connection: u64,
    sender: Sender<Order>,
) -> Result<(), Failure> {
    let thread = std::thread::Builder::new().name("switch-listener".to_owned());
    let spawned = thread.spawn(move || {
        loop {
            let heard = listener.next_update();
            let over = heard.is_err();
            if sender.send(Order::Heard(connection, heard)).is_err() || over {
                return;
            }
        }
    });
    spawned
        .map(|_| ())
        .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))
}

/// Keeps a failure only when it means that the connection is no good, rather than the order: a
/// port that the switch lacks costs no other port.
fn unless_lost(done: Result<(), Failure>) -> Result<(), Failure> {
    match done {
        Err(failure)
            if !matches!(
                failure.kind,
                FailureKind::SwitchUnreachable | FailureKind::SwitchSilent
            ) =>
        {
            Ok(())
        }
        Ok(()) | Err(_) => done,
    }
}
