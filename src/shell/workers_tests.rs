//! Datagrams through real sockets on loopback, answered by a stand-in.

use std::sync::Mutex;

use super::*;
use crate::wire::radius::PACKET_OCTETS_MAX;

/// Answers `x` by its own octets and the snapshot, `later` after a while, `#nslow` after some
/// work, `panic` by a fault.
struct Parrot {
    number: u8,
    snapshot: Arc<u8>,
    put_off: Vec<(Duration, SocketAddr, SocketAddr)>,
    gate: Arc<Mutex<()>>,
}

impl Answerer for Parrot {
    type Snapshot = u8;

    fn handle(
        &mut self,
        now: Moment,
        datagram: &[u8],
        source: SocketAddr,
        local: SocketAddr,
        reply: &mut Vec<u8>,
    ) -> Answer {
        if self.number == 0 {
            drop(self.gate.lock());
        }
        if datagram.ends_with(b"slow") {
            std::thread::sleep(Duration::from_millis(2));
        }
        match datagram {
            other if other.ends_with(b"ignore") => Answer::Nothing,
            b"panic" => panic!("asked to"),
            b"later" => {
                let due = now.monotonic + Duration::from_millis(50);
                self.put_off.push((due, source, local));
                Answer::Later
            }
            other => {
                reply.push(self.number);
                reply.push(*self.snapshot);
                reply.extend_from_slice(other);
                Answer::Send
            }
        }
    }

    fn poll_transmit(
        &mut self,
        now: Moment,
        reply: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        let at = self.put_off.iter().position(|(due, ..)| *due <= now.monotonic)?;
        let (_, to, from) = self.put_off.remove(at);
        reply.extend_from_slice(b"late");
        Some((to, from))
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.put_off.iter().map(|(due, ..)| *due).min()
    }

    fn handle_timeout(&mut self, _now: Moment) {}

    fn replace(&mut self, snapshot: Arc<u8>) {
        self.snapshot = snapshot;
    }

    fn settle(&mut self, _now: Moment) {}
}

struct Scene {
    workers: Workers<u8>,
    addresses: Vec<SocketAddr>,
    trouble: Arc<Mutex<Vec<Trouble>>>,
    gate: Arc<Mutex<()>>,
}

/// The second octet of `#n` names the worker; `+n` goes on with what was begun.
fn route(datagram: &[u8]) -> Option<Continuation> {
    match datagram {
        [kind @ (b'#' | b'+'), number, ..] => {
            Some(Continuation { worker: number - b'0', begun: *kind == b'+' })
        }
        _ => None,
    }
}

fn scene(workers: u8, addresses: &[&str]) -> Scene {
    let addresses: Vec<SocketAddr> = addresses.iter().map(|each| each.parse().unwrap()).collect();
    let sockets = Sockets::bind(&addresses, usize::from(workers)).unwrap();
    let gate = Arc::new(Mutex::new(()));
    let parrot =
        |number| Parrot { number, snapshot: Arc::new(1), put_off: Vec::new(), gate: gate.clone() };
    let trouble = Arc::new(Mutex::new(Vec::new()));
    let told = trouble.clone();
    let report: Report = Arc::new(move |each| told.lock().unwrap().push(each));
    let parrots = (0..workers).map(parrot).collect();
    let workers = Workers::start(&sockets, parrots, route, Clock::start(), &report).unwrap();
    Scene { workers, addresses: sockets.addresses(), trouble, gate }
}

fn switch(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((if to.is_ipv4() { "127.0.0.1" } else { "::1" }, 0)).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

fn ask(socket: &UdpSocket, datagram: &[u8]) -> Vec<u8> {
    socket.send(datagram).unwrap();
    receive(socket)
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; PACKET_OCTETS_MAX];
    let octets = socket.recv(&mut buffer).unwrap();
    buffer[..octets].to_vec()
}

#[test]
fn every_address_answers_from_itself() {
    let scene = scene(2, &["127.0.0.1:0", "127.0.0.2:0"]);
    for address in &scene.addresses {
        // A connected socket takes only what comes from the address it asked.
        assert_eq!(ask(&switch(*address), b"x")[2..], *b"x");
    }
    scene.workers.stop().unwrap();
}

#[test]
fn a_named_worker_is_found_from_any_source_and_a_source_keeps_its_worker() {
    let scene = scene(4, &["127.0.0.1:0"]);
    let address = scene.addresses[0];
    for number in 0..4 {
        let reply = ask(&switch(address), &[b'#', b'0' + number]);
        assert_eq!(reply[0], number);
    }
    let socket = switch(address);
    let first = ask(&socket, b"x")[0];
    assert!((0..20).all(|_| ask(&socket, b"x")[0] == first));
    assert_eq!(ask(&socket, b"#9")[0], first, "a worker that does not exist is not an answer");
    scene.workers.stop().unwrap();
}

#[test]
fn a_snapshot_is_in_service_when_replace_returns() {
    let scene = scene(3, &["127.0.0.1:0"]);
    scene.workers.replace(&Arc::new(2)).unwrap();
    for number in 0..3 {
        assert_eq!(ask(&switch(scene.addresses[0]), &[b'#', b'0' + number])[1], 2);
    }
    scene.workers.stop().unwrap();
}

#[test]
fn stopping_answers_what_was_received_and_what_was_put_off() {
    let scene = scene(1, &["127.0.0.1:0"]);
    let socket = switch(scene.addresses[0]);
    let held = scene.gate.lock().unwrap();
    for _ in 0..100 {
        socket.send(b"later").unwrap();
    }
    socket.send(b"x").unwrap();
    let stopping = std::thread::spawn(move || scene.workers.stop());
    drop(held);
    stopping.join().unwrap().unwrap();
    let replies: Vec<_> = (0..101).map(|_| receive(&socket)).collect();
    assert_eq!(replies.iter().filter(|reply| *reply == b"late").count(), 100);
}

#[test]
fn a_full_queue_lets_the_oldest_go_and_says_so() {
    let scene = scene(2, &["127.0.0.1:0"]);
    // A source whose datagrams the other worker takes, and hands on.
    let socket = loop {
        let socket = switch(scene.addresses[0]);
        if ask(&socket, b"x")[0] == 1 {
            break socket;
        }
    };
    let held = scene.gate.lock().unwrap();
    let told = || scene.trouble.lock().unwrap().len();
    socket.send(b"#0first").unwrap();
    // Loopback may lose datagrams of its own when its buffer is full, so send until it shows.
    for number in 0..2 * QUEUE_DATAGRAMS_MAX {
        socket.send(format!("#0{number}ignore").as_bytes()).unwrap();
        if told() > 2 {
            break;
        }
    }
    // Once an answer comes there is room in the buffer for what must not be lost.
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut tries = 0..100;
    assert!(tries.any(|_| socket.send(b"x").is_ok() && socket.recv(&mut [0; 8]).is_ok()));
    while socket.recv(&mut [0; 8]).is_ok() {}
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send(b"#0last").unwrap();
    ask(&socket, b"x");
    assert!(scene.trouble.lock().unwrap().iter().all(|each| *each == Trouble::QueueFull));
    assert!(told() > 2);
    drop(held);
    // The first was begun before; what came last is still there.
    assert_eq!(receive(&socket)[2..], *b"#0first");
    assert_eq!(receive(&socket)[2..], *b"#0last");
    scene.workers.stop().unwrap();
}

#[test]
fn what_costs_much_does_not_hold_up_the_rest() {
    let scene = scene(1, &["127.0.0.1:0"]);
    let socket = switch(scene.addresses[0]);
    let held = scene.gate.lock().unwrap();
    for number in 0..50 {
        socket.send(format!("#0{number}slow").as_bytes()).unwrap();
    }
    socket.send(b"x").unwrap();
    drop(held);
    let before = (0..51).position(|_| receive(&socket)[2..] == *b"x").unwrap();
    assert!(before < 10, "{before} others came first");
    scene.workers.stop().unwrap();
}

#[test]
fn what_was_begun_goes_first() {
    let scene = scene(1, &["127.0.0.1:0"]);
    let socket = switch(scene.addresses[0]);
    let held = scene.gate.lock().unwrap();
    for kind in ['#', '+'] {
        (0..24).for_each(|number| drop(socket.send(format!("{kind}0{number}").as_bytes())));
    }
    drop(held);
    let order: Vec<bool> = (0..48).map(|_| receive(&socket)[2] == b'+').collect();
    // Some may have been taken before the others had come.
    assert!(order.iter().skip_while(|begun| !**begun).take(24).all(|begun| *begun), "{order:?}");
    scene.workers.stop().unwrap();
}

fn lobby() -> Waiting {
    Waiting { queue: Mutex::default(), bell: UnixDatagram::pair().unwrap().0 }
}

#[test]
fn what_has_waited_long_goes_in_order_of_arrival() {
    let (waiting, source) = (lobby(), "127.0.0.1:1".parse().unwrap());
    let at = Duration::from_millis;
    for (octets, since, begun) in
        [(b"a", 0, false), (b"b", 400, true), (b"c", 500, false), (b"d", 600, true)]
    {
        waiting.push(octets, source, 0, at(since), begun, false);
    }
    let next = |now| waiting.queue().pop(at(now)).unwrap().octets;
    assert_eq!(next(999), b"b");
    assert_eq!(next(1_000), b"a");
    assert_eq!(next(1_499), b"d");
    waiting.push(b"e", source, 0, at(1_400), true, false);
    assert_eq!([next(1_500), next(1_500)], [b"c", b"e"]);
}

#[test]
fn a_full_queue_keeps_what_work_was_spent_on() {
    let (waiting, source) = (lobby(), "127.0.0.1:1".parse().unwrap());
    let push = |octets: &[u8], begun| waiting.push(octets, source, 0, Duration::ZERO, begun, false);
    assert_eq!(push(b"begun", true), Some(0));
    let gone: usize = (0..QUEUE_DATAGRAMS_MAX)
        .filter_map(|number| push(format!("{number:05}").as_bytes(), false))
        .sum();
    assert_eq!(gone, 1);
    assert_eq!((push(b"00001", false), push(b"begun", false)), (None, None), "they wait already");
    let mut queue = waiting.queue();
    assert_eq!(queue.pop(Duration::ZERO).unwrap().octets, b"begun");
    assert_eq!(queue.pop(Duration::ZERO).unwrap().octets, b"00001", "the oldest went");
    assert_eq!(queue.len(), QUEUE_DATAGRAMS_MAX - 2);
    assert_eq!((queue.octets, queue.tickets.len()), (5 * queue.len(), queue.len()));
}

#[test]
fn a_worker_that_faults_is_reported() {
    let scene = scene(1, &["127.0.0.1:0"]);
    switch(scene.addresses[0]).send(b"panic").unwrap();
    let gone = || scene.trouble.lock().unwrap().contains(&Trouble::WorkerGone(0));
    for _ in 0..500 {
        if gone() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(gone());
    assert!(scene.workers.stop().is_err());
}

#[test]
fn an_address_in_use_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for workers in [1, 2] {
        let failure = Sockets::bind(&[address], workers).unwrap_err();
        assert_eq!(failure.kind, FailureKind::AddressUnavailable);
        assert!(failure.to_string().contains(&address.to_string()));
    }
    // Nor do workers of one server share theirs with another server.
    let ours = Sockets::bind(&["127.0.0.1:0".parse().unwrap()], 2).unwrap();
    assert!(Sockets::bind(&ours.addresses(), 2).is_err());
}
