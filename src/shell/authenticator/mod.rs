//! The running authenticator: carries frames, datagrams and orders between the machine and
//! [`crate::authenticator`], one input after the other on one thread. It decides nothing.
//!
//! Every source of inputs has a bounded share of the queue, so that a flood on one port or
//! socket costs that one alone.

pub mod file;
mod metrics;
mod switch;

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::clock::Clock;
use super::control::{self, Command, Reply, Request};
use super::eapol_port::{self, Wire};
use super::log::{self, Log, Severity};
use super::{Failure, FailureKind, http, notify, random};
use crate::authenticator::{Applied, Authenticator, Change, Event, PortId, PortStatus, Socket};
use crate::vocabulary::{Language, Moment, Text, Timestamp};
use crate::wire::radius::PACKET_OCTETS_MAX;
use file::File;
pub use metrics::Metrics;
use switch::{Order, Place, Report, Switch};

/// Datagrams of one socket that may wait to be looked at.
const DATAGRAMS_WAITING_MAX: usize = 256;
/// Longest sleep of the thread.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// How long ports may take to close when the authenticator ends.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// What reaches the thread.
#[derive(Debug)]
enum Input {
    Frame(PortId, Vec<u8>),
    Datagram(usize, SocketAddr, Vec<u8>),
    Switch(Report),
    Control(Request, oneshot::Sender<Reply>),
    Stop(String),
}

/// A socket towards servers or for requests from outside.
struct Line {
    socket: Socket,
    udp: UdpSocket,
    waiting: Arc<AtomicUsize>,
}

/// The thread that speaks to the switch.
struct Switchboard {
    orders: Sender<Order>,
    /// Set to end it.
    ending: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// The authenticator and its threads.
pub struct Running {
    name: String,
    authenticator: Authenticator,
    wires: Vec<Wire>,
    names: Vec<String>,
    lines: Vec<Line>,
    switch: Switchboard,
    inputs: Receiver<Input>,
    sender: Sender<Input>,
    language: Language,
    log: Log,
    writer: log::Writer,
    metrics: Arc<Metrics>,
    /// What the ports were at the last look, for the metrics.
    ports: Arc<Mutex<Vec<PortStatus>>>,
    /// When each order that is under way was given.
    ordered: Vec<Option<(Applied, Instant)>>,
    connected: bool,
    since: Timestamp,
    clock: Clock,
    /// Serves HTTP, the control socket and signals.
    runtime: Runtime,
}

impl Running {
    /// Opens everything; no port is open yet. `state` is the directory of the control socket.
    ///
    /// # Errors
    /// The machine refuses an interface, socket or thread.
    pub fn start(
        file: File,
        state: &Path,
        output: impl Write + Send + 'static,
    ) -> Result<Self, Failure> {
        let control = state.join(control::SOCKET_FILE);
        if std::os::unix::net::UnixStream::connect(&control).is_ok() {
            // Two of them would close each other's ports for ever.
            let failure = Failure::new(FailureKind::AddressUnavailable);
            return Err(failure.fact("address", control.display()).fact("cause", "in use"));
        }
        let clock = Clock::start();
        let (sender, inputs) = channel();
        let File { mut settings, bridge, database, openflow, uplinks, .. } = file;
        let mut ports = Vec::new();
        let mut wires = Vec::new();
        for (port, number) in settings.ports.iter_mut().zip(0..) {
            port.mac = eapol_port::address(&port.name)?;
            ports.push((port.name.clone(), port.mac));
            let sender = sender.clone();
            let heard = move |frame| sender.send(Input::Frame(PortId(number), frame)).is_ok();
            wires.push(Wire::listen(&port.name, heard)?);
        }
        let names = ports.iter().map(|(name, _)| name.clone()).collect();
        let place = Place { database, openflow, bridge, uplinks, ports };
        let seed = random::seed()?;
        let (name, nas_address) = (settings.name.clone(), settings.nas_address);
        let authenticator = Authenticator::new(clock.now(), settings, &seed);
        let lines = bind(&authenticator, nas_address, file.dynamic_listen, &sender)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("outside")
            .enable_all()
            .build()
            .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        let (log, writer) = Log::start(&name, file.language, output)?;
        let metrics = Arc::new(Metrics::new()?);
        let shown = Arc::new(Mutex::new(authenticator.status()));
        if let Some(address) = file.metrics_listen {
            let listener = runtime.block_on(http::bind(address))?;
            runtime.spawn(http::serve(listener, pages(&metrics, &shown)));
        }
        let listener = runtime.block_on(async { control::bind(state) })?;
        let asking = sender.clone();
        let carry = move |request, _| {
            let (reply, receiver) = oneshot::channel();
            asking.send(Input::Control(request, reply)).ok()?;
            Some(receiver)
        };
        runtime.spawn(control::serve(listener, Arc::new(carry)));
        let switch = command(place, &sender)?;
        let ordered = vec![None; wires.len()];
        let since = clock.now().wall;
        Ok(Self {
            name,
            authenticator,
            wires,
            names,
            lines,
            switch,
            inputs,
            sender,
            language: file.language,
            log,
            writer,
            metrics,
            ports: shown,
            ordered,
            connected: false,
            since,
            clock,
            runtime,
        })
    }

    /// Lets SIGTERM and SIGINT end the authenticator.
    ///
    /// # Errors
    /// The machine refuses a handler.
    pub fn obey_signals(&self) -> Result<(), Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let refused = |cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        let _context = self.runtime.enter();
        for (kind, name) in
            [(SignalKind::terminate(), "SIGTERM"), (SignalKind::interrupt(), "SIGINT")]
        {
            let mut signals = signal(kind).map_err(refused)?;
            let sender = self.sender.clone();
            self.runtime.spawn(async move {
                while signals.recv().await.is_some() {
                    if sender.send(Input::Stop(name.to_owned())).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(())
    }

    /// Works until asked to stop; closes every port before it returns.
    pub fn run(mut self) {
        let facts = [("switch", self.name.clone()), ("ports", self.wires.len().to_string())];
        self.log.event(self.since, log::Event::AuthenticatorStarted, &facts);
        notify::ready();
        loop {
            self.carry_out();
            match self.inputs.recv_timeout(self.sleep()) {
                Ok(Input::Stop(by)) => {
                    self.log.event(self.clock.now().wall, log::Event::Stopping, &[("by", by)]);
                    break;
                }
                Ok(input) => self.take(input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break, // OK because `sender` is ours
            }
            let now = self.clock.now();
            if self.authenticator.poll_timeout().is_some_and(|due| due <= now.monotonic) {
                self.authenticator.handle_timeout(now);
            }
        }
        notify::stopping();
        self.close();
        self.switch.ending.store(true, Ordering::Relaxed);
        self.order(Order::Stop);
        let _ = self.switch.thread.join(); // OK because a thread that failed shuts nothing more
        self.log.event(self.clock.now().wall, log::Event::Stopped, &[]);
        self.writer.stop();
    }

    fn sleep(&self) -> Duration {
        let now = self.clock.now().monotonic;
        let due = self.authenticator.poll_timeout().map(|due| due.saturating_sub(now));
        due.map_or(SLEEP_MAX, |due| due.min(SLEEP_MAX))
    }

    fn take(&mut self, input: Input) {
        let now = self.clock.now();
        match input {
            Input::Frame(port, frame) => {
                if let Some(wire) = self.wires.get(usize::from(port.0)) {
                    wire.taken();
                }
                // While the switch does not answer nobody can be let in.
                if self.connected {
                    self.authenticator.handle_frame(now, port, &frame);
                }
            }
            Input::Datagram(line, source, octets) => {
                let Some(line) = self.lines.get(line) else { return };
                line.waiting.fetch_sub(1, Ordering::Relaxed);
                self.authenticator.handle_datagram(now, &octets, source, line.socket);
            }
            Input::Switch(report) => self.hear(now, report),
            Input::Control(request, reply) => {
                let _ = reply.send(self.answer(&request)); // OK because an operator may hang up
            }
            Input::Stop(_) => {} // OK because `run` has ended on it
        }
    }

    /// Takes what the switch tells.
    fn hear(&mut self, now: Moment, report: Report) {
        match report {
            Report::Back => {
                self.connected = true;
                self.metrics.switch_up.set(1);
                self.log.event(now.wall, log::Event::SwitchBack, &[]);
            }
            Report::Lost(failure) => {
                self.connected = false;
                self.metrics.switch_up.set(0);
                let facts = [("cause", failure.message(self.language))];
                self.log.event(now.wall, log::Event::SwitchLost, &facts);
                self.all_links_down(now);
            }
            Report::Link(port, up) => self.authenticator.handle_link(now, port, up),
            Report::Applied(port, applied, result) => {
                let slot = self.ordered.get_mut(usize::from(port.0));
                if let Some((_, at)) = slot.and_then(Option::take) {
                    self.metrics.apply_seconds.observe(at.elapsed().as_secs_f64());
                }
                if let Err(failure) = &result {
                    let facts =
                        [("port", self.port_name(port)), ("cause", failure.message(self.language))];
                    self.log.event(now.wall, log::Event::ApplyFailed, &facts);
                }
                let result = result.map_err(|failure| failure.to_string());
                self.authenticator.handle_applied(now, port, applied, result);
            }
            Report::Drifted(port) => {
                self.metrics.drifts.inc();
                let facts = [("port", self.port_name(port))];
                self.log.event(now.wall, log::Event::PortDrifted, &facts);
                // Whoever was admitted there is asked anew, as after a pulled cable.
                self.authenticator.handle_link(now, port, false);
                self.authenticator.handle_link(now, port, true);
            }
        }
    }

    fn all_links_down(&mut self, now: Moment) {
        for number in (0..u16::MAX).take(self.wires.len()) {
            self.authenticator.handle_link(now, PortId(number), false);
        }
    }

    /// Sends what is to be sent, orders what is to be ordered, tells what happened.
    fn carry_out(&mut self) {
        let mut octets = Vec::new();
        while let Some(port) = self.authenticator.poll_frame(&mut octets) {
            if let Some(wire) = self.wires.get(usize::from(port.0)) {
                wire.send(&octets);
            }
        }
        while let Some((socket, to)) = self.authenticator.poll_transmit(&mut octets) {
            if let Some(line) = self.lines.iter().find(|line| line.socket == socket) {
                let _ = line.udp.send_to(&octets, to); // OK because RADIUS repeats itself
            }
        }
        let mut changed = false;
        while let Some(event) = self.authenticator.poll_event() {
            match event {
                Event::Apply { port, applied, only } => {
                    if let Some(slot) = self.ordered.get_mut(usize::from(port.0)) {
                        *slot = Some((applied, Instant::now()));
                    }
                    self.order(Order::Apply(port, applied, only));
                }
                Event::Bounce { port } => self.order(Order::Bounce(port)),
                Event::Changed(status, why) => {
                    changed = true;
                    self.tell(&status, why);
                }
                Event::Counted(counter) => {
                    self.metrics.events.with_label_values(&[counter.id()]).inc();
                }
            }
        }
        for (wire, name) in self.wires.iter().zip(&self.names) {
            match wire.lost() {
                0 => {}
                lost => self.metrics.frames_lost.with_label_values(&[name]).inc_by(lost),
            }
        }
        if changed {
            let status = self.authenticator.status();
            *self.ports.lock().unwrap_or_else(PoisonError::into_inner) = status;
        }
    }

    fn order(&self, order: Order) {
        let _ = self.switch.orders.send(order); // OK because the thread ends only after us
    }

    fn tell(&self, status: &PortStatus, why: Change) {
        self.metrics.changes.with_label_values(&[why.id()]).inc();
        let mut fields = port_json(status);
        if let Value::Object(fields) = &mut fields {
            fields.insert("change".to_owned(), json!(why.id()));
        }
        self.log.fields(self.clock.now().wall, PORT_CHANGED, Severity::Info, fields);
    }

    fn answer(&self, request: &Request) -> Reply {
        let language = request.language();
        match &request.command {
            Command::Status => {
                let ports: Vec<Value> = self.authenticator.status().iter().map(port_json).collect();
                let result = json!({
                    "switch": self.name,
                    "since": self.since.rfc3339(),
                    "connected": self.connected,
                    "ports": ports,
                });
                let done = Text { ja: "実行しました", en: "done" };
                Reply::done(done.get(language).to_owned(), result)
            }
            Command::Reload { .. }
            | Command::PlanList
            | Command::PlanShow { .. }
            | Command::PlanRollback { .. }
            | Command::MarkAdd { .. }
            | Command::MarkRelease { .. }
            | Command::MarkList
            | Command::Quarantine { .. }
            | Command::Observe { .. }
            | Command::SensorList
            | Command::SensorChanges
            | Command::SensorAccept { .. }
            | Command::SensorDeny { .. }
            | Command::TripwireRevoke { .. }
            | Command::TripwireRevoked
            | Command::Release { .. }
            | Command::Disconnect { .. }
            | Command::EnforceList
            | Command::SwitchStatus { .. }
            | Command::SwitchSweep { .. }
            | Command::EnforceApprove { .. }
            | Command::IncidentOpen { .. }
            | Command::IncidentNote { .. }
            | Command::IncidentClose { .. }
            | Command::BackupBegin
            | Command::BackupEnd { .. } => {
                let failure = Failure::new(FailureKind::NotHere);
                Reply::failed(&failure.fact("command", request.command.name()), language)
            }
        }
    }

    /// Ends every session and waits until the ports are closed.
    fn close(&mut self) {
        let end = Instant::now() + CLOSE_TIMEOUT;
        self.all_links_down(self.clock.now());
        loop {
            self.carry_out();
            let open = self.connected && self.ordered.iter().any(Option::is_some);
            let left = end.saturating_duration_since(Instant::now());
            if !open || left.is_zero() {
                break;
            }
            // Links are down for good: nothing but the switch's answers counts any more.
            if let Ok(Input::Switch(report @ (Report::Applied(..) | Report::Lost(_)))) =
                self.inputs.recv_timeout(left)
            {
                self.hear(self.clock.now(), report);
            }
        }
    }

    fn port_name(&self, port: PortId) -> String {
        self.names.get(usize::from(port.0)).cloned().unwrap_or_default()
    }
}

/// The event id of a change of a port.
const PORT_CHANGED: &str = "PORT";

fn port_json(status: &PortStatus) -> Value {
    json!({
        "port": status.name,
        "mac": status.mac.map(|mac| mac.to_string()),
        "state": status.state.id(),
        "method": status.method.map(|method| method.id()),
        "vlan": status.vlan.map(|vlan| vlan.get()),
        "since": status.since.rfc3339(),
        "session": status.session,
    })
}

fn pages(metrics: &Arc<Metrics>, ports: &Arc<Mutex<Vec<PortStatus>>>) -> http::Pages {
    let (metrics, ports) = (Arc::clone(metrics), Arc::clone(ports));
    Arc::new(move |path| {
        let page = |status, media_type, body| Some(http::Page { status, media_type, body });
        match path {
            "/metrics" => {
                let ports = ports.lock().unwrap_or_else(PoisonError::into_inner);
                metrics.show(ports.iter().map(|port| port.state));
                page(http::Status::Ok, "text/plain; version=0.0.4; charset=utf-8", metrics.render())
            }
            "/health" => {
                let up = metrics.switch_up.get() == 1;
                let status = if up { http::Status::Ok } else { http::Status::Unavailable };
                page(status, "application/json", json!({"switch": up}).to_string().into_bytes())
            }
            _ => None,
        }
    })
}

/// Starts the thread that speaks to the switch.
fn command(place: Place, sender: &Sender<Input>) -> Result<Switchboard, Failure> {
    let (orders, received) = channel();
    let ending = Arc::new(AtomicBool::new(false));
    let sender = sender.clone();
    let report = move |report| {
        let _ = sender.send(Input::Switch(report)); // OK because nobody is left to be told
    };
    let switch = Switch::new(place, report, (orders.clone(), received), Arc::clone(&ending));
    let thread = std::thread::Builder::new().name("switch".to_owned());
    let thread = thread
        .spawn(move || switch.run())
        .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
    Ok(Switchboard { orders, ending, thread })
}

/// Opens the sockets the authenticator wants, each with a thread that reads it.
fn bind(
    authenticator: &Authenticator,
    nas_address: std::net::IpAddr,
    dynamic_listen: Option<SocketAddr>,
    sender: &Sender<Input>,
) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for (index, (socket, _)) in authenticator.sockets().iter().enumerate() {
        let own = SocketAddr::new(nas_address, 0);
        let address = match socket {
            Socket::Client(_) => own,
            Socket::Dynamic => dynamic_listen.unwrap_or(own),
        };
        let unavailable = |cause: std::io::Error| {
            let failure = Failure::new(FailureKind::AddressUnavailable);
            failure.fact("address", address).fact("cause", cause)
        };
        let udp = UdpSocket::bind(address).map_err(unavailable)?;
        let reading = udp.try_clone().map_err(unavailable)?;
        let waiting = Arc::new(AtomicUsize::new(0));
        let (sender, full) = (sender.clone(), Arc::clone(&waiting));
        let thread = std::thread::Builder::new().name(format!("line-{index}"));
        let spawned = thread.spawn(move || {
            let mut octets = vec![0; PACKET_OCTETS_MAX];
            loop {
                // An ICMP error about an earlier datagram is no reason to stop reading.
                let Ok((count, source)) = reading.recv_from(&mut octets) else {
                    std::thread::sleep(Duration::from_millis(10));
                    continue;
                };
                if full.load(Ordering::Relaxed) >= DATAGRAMS_WAITING_MAX {
                    continue;
                }
                full.fetch_add(1, Ordering::Relaxed);
                let datagram = octets.get(..count).unwrap_or_default().to_vec();
                if sender.send(Input::Datagram(index, source, datagram)).is_err() {
                    return;
                }
            }
        });
        spawned.map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        lines.push(Line { socket: *socket, udp, waiting });
    }
    Ok(lines)
}
