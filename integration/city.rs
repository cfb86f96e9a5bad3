//! The shipped city on loopback, with a throw-away authority, served by the real binary.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use sekisho::authority::{Authority, Credential, Identity, Revocation, RevocationReason};
use sekisho::vocabulary::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// The name in the server's certificate, as `config/server.toml` has it.
pub const SERVER_NAME: &str = "radius.city.example";

thread_local! {
    /// The second octet of this test's loopback network: tests side by side, each of which runs in
    /// a thread of its own, bind no address twice and hear nothing that is meant for another.
    static NETWORK: u8 = {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        16 + NEXT.fetch_add(1, Ordering::Relaxed) % 224
    };
}

/// The address of a switch of this test: `127.N.` before what follows 10.250 in the shipped files.
pub fn address(rest: &str) -> String {
    format!("127.{}.{rest}", NETWORK.with(|octet| *octet))
}

/// A copy of the shipped files in which every switch has an address of [`address`], and the
/// secrets to serve it.
pub struct City {
    pub directory: TempDir,
    pub authority: Authority,
    revoked: Mutex<(u64, Vec<Revocation>)>,
}

/// The present as the product's time.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The secret of a switch.
pub fn secret(switch: &str) -> String {
    format!("{switch}-Zq7wPx2vKd9mTn4c")
}

/// The binary under test with these arguments.
pub fn sekisho(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.args(arguments).env_remove("LANG").env_remove("LC_ALL").env_remove("LC_MESSAGES");
    command
}

/// Runs a foreign program, which must be there.
pub fn run(command: &mut Command) -> Output {
    let program = command.get_program().to_owned();
    command
        .output()
        .unwrap_or_else(|error| panic!("{} must be installed: {error}", program.display()))
}

/// Where a program runs: on this machine, or in a namespace of it.
#[derive(Clone, Default)]
pub struct Within(pub Option<String>);

impl Within {
    pub fn command(&self, program: &str) -> Command {
        let Some(namespace) = &self.0 else { return Command::new(program) };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, program]);
        command
    }
}

/// What a program printed, both ways.
pub fn printed(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A port of this machine for a program that must be told its own before it starts.
///
/// The kernel never hands these out itself (`ip_local_port_range` begins at 32768), so that no
/// socket of a test beside this one can take it before the program does; and none is given twice.
pub fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 10_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Another run beside this one begins elsewhere.
    let begin = std::process::id().wrapping_mul(97);
    loop {
        let step = GIVEN.fetch_add(1, Ordering::Relaxed);
        assert!(step < COUNT, "no free port");
        let port = u16::try_from(FIRST + begin.wrapping_add(step) % COUNT).unwrap();
        let at = ("127.0.0.1", port);
        if TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok() {
            return port;
        }
    }
}

impl City {
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let at = directory.path().to_owned();
        for tree in ["config", "topology"] {
            copy_tree(&root().join(tree), &at.join(tree));
        }
        let (authority, _) = Authority::create("Test city CA", now(), 365).unwrap();
        let city = Self { directory, authority, revoked: Mutex::default() };
        city.edit("config/server.toml", |text| {
            text.replace("127.0.0.1:1812", "127.0.0.1:0")
                .replace("127.0.0.1:1813", "127.0.0.1:0")
                .replace("127.0.0.1:9812", "127.0.0.1:0")
                .replace("127.0.0.1:9813", "127.0.0.1:0")
        });
        let here = address("");
        for file in ["config/environments.toml", "topology/network.toml"] {
            city.edit(file, |text| text.replace("10.250.", &here));
        }
        for site in fs::read_dir(at.join("topology")).unwrap() {
            let path = site.unwrap().path().join("site.toml");
            if path.is_file() {
                let text = fs::read_to_string(&path).unwrap();
                for id in text.lines().filter_map(|line| line.strip_prefix("id = \"")) {
                    let id = id.trim_end_matches('"');
                    city.write(
                        &format!("secrets/client/{id}.secret"),
                        secret(id).as_bytes(),
                        0o600,
                    );
                }
                fs::write(path, text.replace("10.250.", &here)).unwrap();
            }
        }
        // Sites have ids as well, and switches without authenticated ports are no clients.
        let plan = city.plan();
        for entry in fs::read_dir(at.join("secrets/client")).unwrap() {
            let path = entry.unwrap().path();
            let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let client = plan.switch_by_id(&id).and_then(|index| plan.switch(index));
            if !client.is_some_and(sekisho::plan::Switch::is_client) {
                fs::remove_file(path).unwrap();
            }
        }
        let server = city.authority.issue_server(&[SERVER_NAME], now(), 90).unwrap();
        city.write("secrets/server/chain.pem", server.issued.pem.as_bytes(), 0o644);
        city.write("secrets/server/key.pem", server.key.pem().expose(), 0o600);
        city.write(
            "secrets/authority/city.pem",
            city.authority.certificate_pem().as_bytes(),
            0o644,
        );
        city.publish_list();
        city
    }

    /// The plan of its files, which must have no errors.
    pub fn plan(&self) -> sekisho::plan::Plan {
        use sekisho::shell::sources::read_tree;
        let config = read_tree(&self.path("config")).unwrap();
        let topology = read_tree(&self.path("topology")).unwrap();
        let sources = sekisho::plan::Sources { config, topology };
        let compiled = sekisho::plan::compile(&sources, now());
        compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.findings))
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    pub fn write(&self, relative: &str, content: &[u8], mode: u32) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Changes a file, which must change.
    pub fn edit(&self, relative: &str, change: impl FnOnce(&str) -> String) {
        let text = fs::read_to_string(self.path(relative)).unwrap();
        let changed = change(&text);
        assert_ne!(text, changed, "{relative} did not change");
        fs::write(self.path(relative), changed).unwrap();
    }

    /// A certificate for a name; its files lie in the directory as `NAME.pem` and `NAME.key`.
    pub fn issue(&self, name: &str) -> Credential {
        let identity = Identity::parse(name).unwrap();
        let credential = self.authority.issue_client(&identity, now(), 30).unwrap();
        self.keep(name, &credential);
        credential
    }

    /// Writes a certificate and key for a supplicant to read.
    pub fn keep(&self, name: &str, credential: &Credential) {
        self.write(&format!("{name}.pem"), credential.issued.pem.as_bytes(), 0o644);
        self.write(&format!("{name}.key"), credential.key.pem().expose(), 0o600);
    }

    /// Revokes a certificate and publishes the list.
    pub fn revoke(&self, serial: &str) {
        let at = now();
        let revocation =
            Revocation { serial: serial.to_owned(), at, reason: RevocationReason::KeyCompromise };
        self.revoked.lock().unwrap().1.push(revocation);
        self.publish_list();
    }

    fn publish_list(&self) {
        let mut revoked = self.revoked.lock().unwrap();
        revoked.0 += 1;
        let list = self.authority.revocation_list(&revoked.1, revoked.0, now(), 7).unwrap();
        self.write("secrets/authority/city.crl", list.pem.as_bytes(), 0o644);
    }

    /// The command with this city's directories.
    pub fn sekisho(&self, arguments: &[&str]) -> Command {
        let mut command = sekisho(arguments);
        command.current_dir(self.directory.path());
        command
    }

    /// Starts the real binary on this city and waits until it answers.
    pub fn serve(&self) -> Server {
        self.serve_by(sekisho(&[]))
    }

    /// The same by a command that ends in the binary, such as one inside a namespace.
    pub fn serve_by(&self, mut command: Command) -> Server {
        fs::create_dir_all(self.path("state")).unwrap();
        command.current_dir(self.directory.path()).args(["serve", "--lang", "en"]);
        Server::start(command)
    }
}

/// A running service and what it logs.
pub struct Server {
    child: Child,
    lines: Arc<(Mutex<Vec<Value>>, Condvar)>,
    pub port: u16,
}

impl Server {
    /// Starts a command that ends in the real binary's `serve`, and waits until it answers.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let (output, kept) = (child.stdout.take().unwrap(), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let line = line.unwrap();
                let value =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
                kept.0.lock().unwrap().push(value);
                kept.1.notify_all();
            }
            // The end wakes whoever waits for a line that will not come.
            kept.0.lock().unwrap().push(Value::Null);
            kept.1.notify_all();
        });
        let mut server = Self { child, lines, port: 0 };
        let started = server.wait_for("start", |line| line["event"] == "SYS-started");
        let addresses = started["addresses"].as_str().unwrap();
        server.port = addresses.rsplit(':').next().unwrap().parse().unwrap();
        server
    }

    /// The first line, past or to come, that fits.
    pub fn wait_for(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut lines = self.lines.0.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| fits(line)) {
                return line.clone();
            }
            let ended = lines.last() == Some(&Value::Null);
            let (guard, waited) = self.lines.1.wait_timeout(lines, PATIENCE).unwrap();
            lines = guard;
            if ended || waited.timed_out() {
                let mut text = String::new();
                if let (true, Some(error)) = (ended, self.child.stderr.as_mut()) {
                    let _ = std::io::Read::read_to_string(error, &mut text);
                }
                panic!("no line for {what}; {text}\n{lines:#?}");
            }
        }
    }

    /// Every decision so far about an address, in order.
    pub fn decisions(&self, mac: &str) -> Vec<Value> {
        let lines = self.lines.0.lock().unwrap();
        let of = |line: &&Value| line["event"] == "AUTH" && line["mac"] == mac;
        lines.iter().filter(of).cloned().collect()
    }

    /// Waits for the `count`th decision about an address, and gives it.
    pub fn decision(&mut self, mac: &str, count: usize) -> Value {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let found = self.decisions(mac);
            if let Some(decision) = found.get(count - 1) {
                return decision.clone();
            }
            assert!(std::time::Instant::now() < deadline, "{mac}: only {found:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Asks for the end and waits for it.
    pub fn stop(self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.ended()
    }

    /// Waits for the end.
    pub fn ended(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // OK when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
