//! What it costs to ask switches for their tables: a sweep of 300 access switches with 150
//! addresses each by SNMPv3 authPriv, and one long table beside net-snmp's `snmpbulkwalk`, both
//! asking the same simulated agent in turn.
//!
//! `cargo bench --bench survey`. The switches' own work is measured apart and left out.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that goes wrong should stop loudly"
)]

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sekisho::plan::{Forwarding, InterfaceNames};
use sekisho::simulation::SnmpAgent;
use sekisho::survey::{Access, Agent, Answer, Context, Question, Sweep, Target};
use sekisho::vocabulary::{Moment, Secret, Timestamp};
use sekisho::wire::snmp::{Auth, MasterKeys, Oid, Privacy, Value};

const SWITCHES: usize = 300;
const STATIONS: u32 = 150;
const LONG: u32 = 10_000;
const RUNS: usize = 9;
const WORD: &str = "benchmark-word";
const ENGINE: &[u8] = b"\x80\x00\x1f\x88\x80benchmark";

fn main() {
    let word = Secret::new(WORD.as_bytes().to_vec());
    let begin = Instant::now();
    let keys = MasterKeys::new((Auth::Sha256, &word), Some((Privacy::Aes128, &word)));
    let keys = Arc::new(keys.expect("the word is long enough"));
    println!("keys of a passphrase, once: {:?}", begin.elapsed());
    sweeps(&keys);
    beside_net_snmp(&keys);
}

fn switch(keys: &MasterKeys, stations: u32) -> SnmpAgent {
    let mut switch = SnmpAgent::new(ENGINE);
    switch.user = Some((b"sekisho".to_vec(), keys.localise(ENGINE)));
    let name = |text: &str, index: &[u32]| text.parse::<Oid>().expect("a name").child(index);
    for port in 1..=50_u32 {
        let text = Value::Octets(format!("0/{port}").into_bytes());
        switch.tree().insert(name("1.3.6.1.2.1.31.1.1.1.1", &[port]), text);
        for column in ["1.3.6.1.2.1.2.2.1.7", "1.3.6.1.2.1.2.2.1.8"] {
            switch.tree().insert(name(column, &[port]), Value::Integer(1));
        }
        let index = Value::Integer(i64::from(port));
        switch.tree().insert(name("1.3.6.1.2.1.17.1.4.1.2", &[port]), index);
    }
    for station in 0..stations {
        let index = [120, 0, 18, 226, station >> 16, station >> 8 & 255, station & 255];
        let port = Value::Integer(i64::from(station % 48 + 1));
        switch.tree().insert(name("1.3.6.1.2.1.17.7.1.2.2.1.2", &index), port);
        switch.tree().insert(name("1.3.6.1.2.1.17.7.1.2.2.1.3", &index), Value::Integer(3));
    }
    switch
}

fn manager(keys: &Arc<MasterKeys>) -> Agent {
    let access = Access::User { name: "sekisho".to_owned(), keys: Arc::clone(keys) };
    let timeout = Duration::from_secs(5);
    Agent::new(Target { access, repetitions: 20, timeout, retries: 1 }, &[1; 32])
}

fn now() -> Moment {
    Moment { monotonic: Duration::from_secs(1), wall: Timestamp(0) }
}

/// The processor time of our side for one sweep of every switch.
fn sweeps(keys: &Arc<MasterKeys>) {
    let (mut ours, mut requests, mut stations) = (Duration::ZERO, 0, 0);
    let mut theirs = switch(keys, STATIONS);
    for _ in 0..SWITCHES {
        let mut agent = manager(keys);
        let mut sweep = Sweep::new((Forwarding::QBridge, InterfaceNames::IfName), &[]);
        while let Some((context, question)) = sweep.question() {
            let mut begin = Instant::now();
            agent.ask(now(), context, question);
            let answer = loop {
                if let Some(answer) = agent.poll_event() {
                    break answer;
                }
                let request = agent.poll_transmit().expect("something to ask");
                ours += begin.elapsed();
                let answer = theirs.answer(1, &request).expect("an answer");
                begin = Instant::now();
                agent.handle(now(), &answer);
            };
            sweep.answered(answer).expect("a whole sweep");
            ours += begin.elapsed();
        }
        requests += agent.requests();
        stations += sweep.into_view().stations.len();
    }
    println!(
        "{SWITCHES} switches with {STATIONS} addresses: {ours:?} of one core, {requests} requests, {stations} addresses",
    );
    println!("share of one core in a period of 300 s: {:.3} %", ours.as_secs_f64() / 3.0);
}

fn beside_net_snmp(keys: &Arc<MasterKeys>) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address").to_string();
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let theirs = Arc::new(Mutex::new(switch(keys, LONG)));
    let stop = Arc::new(AtomicBool::new(false));
    let (own, end) = (Arc::clone(&theirs), Arc::clone(&stop));
    let thread = std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while !end.load(Ordering::Relaxed) {
            let Ok((octets, from)) = socket.recv_from(&mut buffer) else { continue };
            let answer = own.lock().expect("no panic").answer(1, &buffer[..octets]);
            if let Some(answer) = answer {
                socket.send_to(&answer, from).expect("sent");
            }
        }
    });
    let column = "1.3.6.1.2.1.17.7.1.2.2.1.2";
    let (mut ours, mut net_snmp) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let begin = Instant::now();
        assert_eq!(walk(keys, &address, column), LONG as usize);
        ours.push(begin.elapsed());
        let begin = Instant::now();
        let done = Command::new("snmpbulkwalk")
            .args(["-v3", "-l", "authPriv", "-u", "sekisho", "-a", "SHA-256", "-A", WORD])
            .args(["-x", "AES", "-X", WORD, "-On", "-Cr40", &address, column])
            .env("MIBS", "")
            .stdout(Stdio::null())
            .status();
        assert!(done.expect("snmpbulkwalk must be installed").success());
        net_snmp.push(begin.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    thread.join().expect("no panic");
    ours.sort();
    net_snmp.sort();
    let (ours, net_snmp) = (ours[RUNS / 2], net_snmp[RUNS / 2]);
    println!(
        "{LONG} rows over loopback, median of {RUNS}: ours {ours:?}, snmpbulkwalk -Cr40 {net_snmp:?}, ratio {:.2}",
        ours.as_secs_f64() / net_snmp.as_secs_f64()
    );
}

fn walk(keys: &Arc<MasterKeys>, address: &str, column: &str) -> usize {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut agent = manager(keys);
    agent.ask(now(), Context::Default, Question::Walk(vec![column.parse().expect("a name")]));
    let mut buffer = vec![0; 65_536];
    loop {
        if let Some(event) = agent.poll_event() {
            let Ok(Answer::Columns(columns)) = event else { panic!("{event:?}") };
            return columns.first().map_or(0, Vec::len);
        }
        let request = agent.poll_transmit().expect("something to ask");
        socket.send_to(&request, address).expect("sent");
        let (octets, _) = socket.recv_from(&mut buffer).expect("an answer");
        agent.handle(now(), &buffer[..octets]);
    }
}
