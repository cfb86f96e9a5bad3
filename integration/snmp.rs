//! SNMP by itself: our manager at a real `snmpd`, and net-snmp's tools at our simulated agent.

use std::fmt::Write as _;
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sekisho::simulation::SnmpAgent;
use sekisho::survey::{Access, Agent, Answer, Context, Question, Target};
use sekisho::vocabulary::{Moment, Secret, Timestamp};
use sekisho::wire::snmp::{Auth, MasterKeys, Oid, Privacy, Value as Cell};
use tempfile::TempDir;

use crate::city::{printed, root, run};

pub const AUTH_WORD: &str = "authentication-word";
pub const PRIVACY_WORD: &str = "privacy-word-2026";
pub const COMMUNITY: &str = "not-public";

/// A real agent that serves the tables of a file.
pub struct Snmpd {
    pub directory: TempDir,
    pub child: Child,
    _turn: MutexGuard<'static, ()>,
}

/// Tests that need the same address wait for each other.
static TURN: Mutex<()> = Mutex::new(());

impl Snmpd {
    /// At an address and port, for a user of each name, hash and cipher.
    pub fn start(address: &str, users: &[(&str, &str, &str)]) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = TempDir::new().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("tables"), "").unwrap();
        let mut text = format!("agentaddress udp:{address}\nrwcommunity {COMMUNITY} default .1\n");
        for (name, auth, privacy) in users {
            writeln!(text, "createUser {name} {auth} {AUTH_WORD} {privacy} {PRIVACY_WORD}")
                .unwrap();
            writeln!(text, "rwuser {name} authpriv .1").unwrap();
        }
        for tree in ["1.3.6.1.2.1.31", "1.3.6.1.2.1.2", "1.3.6.1.2.1.17", "1.0.8802"] {
            let script = root().join("integration/survey_agent.py");
            let tables = at("tables");
            writeln!(
                text,
                "pass_persist .{tree} /usr/bin/python3 {} {}",
                script.display(),
                tables.display()
            )
            .unwrap();
        }
        fs::write(at("snmpd.conf"), text).unwrap();
        let child = Command::new("/usr/sbin/snmpd")
            .args(["-f", "-Lo", "-C", "-I", "-ifTable,-ifXTable,-interfaces,-at"])
            .arg("-c")
            .arg(at("snmpd.conf"))
            .arg("-p")
            .arg(at("pid"))
            .env("SNMP_PERSISTENT_DIR", at("persistent"))
            .env("SNMPCONFPATH", directory.path())
            .env("MIBS", "")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("snmpd must be installed");
        let snmpd = Self { directory, child, _turn: turn };
        let end = Instant::now() + Duration::from_secs(20);
        let get = ["-v2c", "-c", COMMUNITY, address, ".1.3.6.1.2.1.1.3.0"];
        while !tool("snmpget", &get).contains("Timeticks") {
            assert!(Instant::now() < end, "snmpd does not answer");
        }
        snmpd
    }

    pub fn tables(&self) -> PathBuf {
        self.directory.path().join("tables")
    }

    /// What the state of ports was set to, one after the other; one whose answer is late is set
    /// again.
    pub fn set(&self) -> Vec<u8> {
        let set = fs::read_to_string(self.directory.path().join("tables.set")).unwrap_or_default();
        let mut set: Vec<u8> = set
            .lines()
            .map(|line| {
                assert!(line.starts_with("1.3.6.1.2.1.2.2.1.7.10101 integer "), "{line}");
                line.rsplit(' ').next().unwrap().parse().unwrap()
            })
            .collect();
        set.dedup();
        set
    }

    /// Shows these rows from now on.
    pub fn show(&self, rows: &str) {
        let fresh = self.directory.path().join("fresh");
        fs::write(&fresh, rows).unwrap();
        fs::rename(fresh, self.tables()).unwrap();
    }
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        // OK when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one of net-snmp's tools says.
pub fn tool(name: &str, arguments: &[&str]) -> String {
    let directory = std::env::temp_dir();
    let mut command = Command::new(name);
    command.args(["-On", "-t", "1", "-r", "1"]).args(arguments);
    printed(&run(command.env("MIBS", "").env("SNMPCONFPATH", directory)))
}

fn word(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

pub fn keys(auth: Auth, privacy: Privacy) -> MasterKeys {
    MasterKeys::new((auth, &word(AUTH_WORD)), Some((privacy, &word(PRIVACY_WORD)))).unwrap()
}

/// What our manager is answered by whoever listens at an address.
fn asked(address: &str, access: Access, question: Question) -> Answer {
    let target = Target { access, repetitions: 20, timeout: Duration::from_secs(2), retries: 2 };
    let mut agent = Agent::new(target, &[3; 32]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let start = Instant::now();
    let now = || Moment { monotonic: start.elapsed(), wall: Timestamp(0) };
    assert!(agent.ask(now(), Context::Default, question));
    let mut buffer = vec![0; 65_536];
    loop {
        if let Some(event) = agent.poll_event() {
            return event.unwrap();
        }
        if let Some(octets) = agent.poll_transmit() {
            socket.send_to(&octets, address).unwrap();
        }
        if let Ok((octets, _)) = socket.recv_from(&mut buffer) {
            agent.handle(now(), &buffer[..octets]);
        }
        agent.handle_timeout(now());
    }
}

const NET_SNMP_AUTHS: [(Auth, &str); 5] = [
    (Auth::Sha1, "SHA"),
    (Auth::Sha224, "SHA-224"),
    (Auth::Sha256, "SHA-256"),
    (Auth::Sha384, "SHA-384"),
    (Auth::Sha512, "SHA-512"),
];
const NET_SNMP_PRIVACIES: [(Privacy, &str); 3] = [
    (Privacy::Aes128, "AES"),
    (Privacy::Aes256Blumenthal, "AES-256"),
    (Privacy::Aes256Reeder, "AES-256-C"),
];

#[test]
fn our_manager_and_a_real_agent_understand_each_other_in_every_family_of_keys() {
    let names: Vec<_> = NET_SNMP_AUTHS
        .into_iter()
        .flat_map(|auth| {
            NET_SNMP_PRIVACIES.map(|privacy| (format!("u{}{}", auth.1, privacy.1), auth, privacy))
        })
        .collect();
    let users: Vec<(&str, &str, &str)> =
        names.iter().map(|(name, auth, privacy)| (name.as_str(), auth.1, privacy.1)).collect();
    let address = "127.9.8.1:11610";
    let snmpd = Snmpd::start(address, &users);
    let mut rows = String::new();
    for row in 1..=300 {
        writeln!(
            rows,
            "1.3.6.1.2.1.17.4.3.1.2.0.18.226.0.{}.{} integer {row}",
            row / 256,
            row % 256
        )
        .unwrap();
    }
    rows.push_str("1.3.6.1.2.1.2.2.1.7.5 integer 1\n");
    snmpd.show(&rows);
    let column: Oid = "1.3.6.1.2.1.17.4.3.1.2".parse().unwrap();
    let expect = |answer: Answer, what: &str| {
        let Answer::Columns(columns) = answer else { panic!("a walk was asked for") };
        let numbers: Vec<_> = columns[0].iter().map(|(_, value)| value.clone()).collect();
        let all: Vec<_> = (1..=300).map(Cell::Integer).collect();
        assert_eq!(numbers, all, "{what}");
    };
    let access = Access::Community(word(COMMUNITY));
    expect(asked(address, access, Question::Walk(vec![column.clone()])), "2c");
    for (name, (auth, _), (privacy, _)) in &names {
        let access = Access::User { name: name.clone(), keys: Arc::new(keys(*auth, *privacy)) };
        expect(asked(address, access, Question::Walk(vec![column.clone()])), name);
    }
    // What is set is set.
    let set: Oid = "1.3.6.1.2.1.2.2.1.7.5".parse().unwrap();
    let binding = sekisho::wire::snmp::Binding { name: set.clone(), value: Cell::Integer(2) };
    let access = Access::Community(word(COMMUNITY));
    asked(address, access, Question::Set(vec![binding]));
    let text = tool("snmpget", &["-v2c", "-c", COMMUNITY, address, &set.to_string()]);
    assert!(text.contains("INTEGER: 2"), "{text}");
}

#[test]
fn net_snmps_tools_read_our_agent_in_every_family_of_keys_and_are_told_what_is_wrong() {
    let engine = b"\x80\x00\x1f\x88\x80simulated";
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut switch = SnmpAgent::new(engine);
    switch.community = Some(COMMUNITY.as_bytes().to_vec());
    for port in 1..=60_u32 {
        let name = "1.3.6.1.2.1.31.1.1.1.1".parse::<Oid>().unwrap().child(&[port]);
        switch.tree().insert(name, Cell::Octets(format!("0/{port}").into_bytes()));
    }
    let switch = Arc::new(Mutex::new(switch));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (own, end) = (Arc::clone(&switch), Arc::clone(&stop));
    let thread = std::thread::spawn(move || {
        let (mut buffer, start) = (vec![0; 65_536], Instant::now());
        while !end.load(std::sync::atomic::Ordering::Relaxed) {
            let Ok((octets, from)) = socket.recv_from(&mut buffer) else { continue };
            let time = u32::try_from(start.elapsed().as_secs()).unwrap();
            if let Some(answer) = own.lock().unwrap().answer(time, &buffer[..octets]) {
                socket.send_to(&answer, from).unwrap();
            }
        }
    });
    let column = "1.3.6.1.2.1.31.1.1.1.1";
    let walk = |options: &[&str]| {
        let arguments: Vec<&str> =
            options.iter().copied().chain([address.as_str(), column]).collect();
        let text = tool("snmpbulkwalk", &arguments);
        (text.lines().filter(|line| line.contains("STRING: \"0/")).count(), text)
    };
    let user = |auth, privacy, word| {
        [
            "-v3", "-l", "authPriv", "-u", "sekisho", "-a", auth, "-A", AUTH_WORD, "-x", privacy,
            "-X", word,
        ]
    };
    assert_eq!(walk(&["-v2c", "-c", COMMUNITY]).0, 60);
    for (auth, auth_name) in NET_SNMP_AUTHS {
        for (privacy, privacy_name) in NET_SNMP_PRIVACIES {
            let local = keys(auth, privacy).localise(engine);
            switch.lock().unwrap().user = Some((b"sekisho".to_vec(), local));
            let (rows, text) = walk(&user(auth_name, privacy_name, PRIVACY_WORD));
            assert_eq!(rows, 60, "{auth_name} {privacy_name}: {text}");
        }
    }
    let wrong = walk(&user("SHA-224", "AES", PRIVACY_WORD)).1;
    assert!(wrong.contains("Authentication failure"), "{wrong}");
    let set = [address.as_str(), "1.3.6.1.2.1.2.2.1.7.5", "i", "2"];
    let options = user("SHA-512", "AES-256-C", PRIVACY_WORD);
    let text = tool("snmpset", &options.iter().copied().chain(set).collect::<Vec<_>>());
    assert!(text.contains("INTEGER: 2"), "{text}");
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    thread.join().unwrap();
}
