//! A sensor as a process at a real interface, beside the service it reports to, while the plan
//! changes under both.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::city::{City, Within, printed, run};
use crate::operate::json;
use crate::sensor::phone;

const SENSOR: &str = "honcho-mirror";
const STATE: &str = "mirror";
/// Sends frames, given in hexadecimal, where the mirror port ends.
const SEND: &str = "import socket, sys
port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
port.bind((\"far\", 0))
for frame in sys.argv[1:]:
    port.send(bytes.fromhex(frame))";

/// A namespace with a cable in it; `near` is the mirror port.
struct Room(String);

impl Room {
    fn new() -> Self {
        let room = Self(format!("sekisho-mirror-{}", std::process::id()));
        let own = room.0.as_str();
        let ip = |line: &str| {
            let output = run(Command::new("ip").args(line.split(' ')));
            assert!(output.status.success(), "{line}: {}", printed(&output));
        };
        ip(&format!("netns add {own}"));
        for line in ["lo up", "near up", "far up"] {
            if line == "near up" {
                ip(&format!("-n {own} link add near type veth peer name far"));
            }
            ip(&format!("-n {own} link set {line}"));
        }
        room
    }

    fn command(&self, program: &str) -> Command {
        Within(Some(self.0.clone())).command(program)
    }

    /// A phone with that last octet of its address asks for an address and checks its connection.
    fn phone(&self, last: u8) {
        let hex = |frame: Vec<u8>| frame.iter().map(|it| format!("{it:02x}")).collect::<String>();
        let mut python = self.command("python3");
        python.args(["-c", SEND]).args(phone([0, 0, 0x5e, 0, 0x53, last]).into_iter().map(hex));
        let output = run(&mut python);
        assert!(output.status.success(), "{}", printed(&output));
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        run(Command::new("ip").args(["netns", "del", &self.0]));
    }
}

/// A running sensor and what it logs.
struct Sensor {
    child: Child,
    lines: Receiver<Value>,
    /// The MACs accused so far.
    accused: Vec<String>,
}

impl Sensor {
    fn start(city: &City, room: &Room) -> Self {
        let token = format!("secrets/api/{SENSOR}.sensor.token");
        let mut command = room.command(env!("CARGO_BIN_EXE_sekisho"));
        command.args(["sensor", "run", SENSOR, "--token", &token, "--state", STATE]);
        command.current_dir(city.path("")).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (output, (sender, lines)) = (child.stdout.take().unwrap(), channel());
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        let mut sensor = Self { child, lines, accused: Vec::new() };
        sensor.wait_for("SENSOR-started");
        sensor
    }

    fn wait_for(&mut self, event: &str) -> Value {
        let end = Instant::now() + Duration::from_secs(60);
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Ok(line) = self.lines.recv_timeout(left) else { break };
            if line["event"] == "SENSOR-saw" {
                self.accused.push(line["mac"].as_str().unwrap().to_owned());
            }
            if line["event"] == event {
                return line;
            }
        }
        panic!("no {event}");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(run(Command::new("kill").args([&format!("-{name}"), &id])).status.success());
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        // OK when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_sensor_follows_the_plan_whole_or_not_at_all_and_loses_no_frame() {
    let (city, room) = (City::new(), Room::new());
    city.edit("config/server.toml", |text| {
        text.replacen(
            "listen = \"127.0.0.1:0\"\n\n[metrics]",
            "listen = \"127.0.0.1:9813\"\n\n[metrics]",
            1,
        )
    });
    city.edit("config/sensors.toml", |text| {
        text.replacen("\nenabled = false", "\nenabled = true", 1)
            .replacen("eth1", "near", 1)
            .replacen("https://radius.city.example", "http://127.0.0.1", 1)
            .replacen("vantage = \"edge\"", "vantage = \"edge\"\nuntagged_vlan = 110", 1)
    });
    let server = city.serve_by(room.command(env!("CARGO_BIN_EXE_sekisho")));
    let done = |arguments: &[&str]| {
        let output = run(&mut city.sekisho(arguments));
        assert!(output.status.success(), "{}", printed(&output));
    };
    done(&["secret", "token", SENSOR, "--role", "sensor"]);
    let mut sensor = Sensor::start(&city, &room);
    // A token that the service has not read yet.
    let away = sensor.wait_for("SENSOR-line-away");
    assert!(away["cause"].as_str().unwrap().contains("sekisho reload"), "{away}");
    done(&["reload"]);
    sensor.wait_for("SENSOR-line-back");
    room.phone(1);
    assert_eq!(sensor.wait_for("SENSOR-saw")["kind"], "phone");

    // A file that is broken is named, and the plan stays what it was.
    let whole = fs::read_to_string(city.path("config/policy.toml")).unwrap();
    city.edit("config/policy.toml", |text| format!("{text}\nrule = 5\n"));
    sensor.signal("HUP");
    let refused = sensor.wait_for("SENSOR-plan-refused");
    assert_eq!(refused["by"], "SIGHUP", "{refused}");
    let named = sensor.wait_for("CFG-finding-error");
    assert!(named["file"].as_str().unwrap().starts_with("config/policy.toml"), "{named}");
    let status = || json(&city, &["sensor", "status", "--state", STATE, "--json"]);
    let before = status();
    assert!(before["plan_refused"].is_string(), "{before}");
    room.phone(2);
    assert!(sensor.wait_for("SENSOR-saw")["mac"].as_str().unwrap().ends_with("02"));

    // What the service puts in force is followed without being told here.
    let handheld = |text: &str| {
        text.replace("id = \"other-device\"", "id = \"other-device\"\nhandheld = true")
    };
    fs::write(city.path("config/policy.toml"), handheld(&whole)).unwrap();
    let rows = fs::read_to_string(city.path("config/inventory.csv")).unwrap();
    let row = rows.lines().find(|row| row.contains(",その他機器,")).unwrap();
    let mac = row.split(',').nth(5).unwrap();
    city.edit("config/inventory.csv", |text| text.replace(mac, "00-00-5E-00-53-03"));
    done(&["reload"]);
    let read = sensor.wait_for("SENSOR-plan-read");
    assert_eq!(read["by"], "service", "{read}");
    room.phone(3);
    room.phone(4);
    let seen = sensor.wait_for("SENSOR-saw");
    assert!(seen["mac"].as_str().unwrap().ends_with("04"), "{seen}");
    assert_eq!(sensor.accused.len(), 3, "{:?}", sensor.accused);

    // Files that say what the service does not have in force are told.
    city.edit("config/policy.toml", |text| format!("{text}\n# changed here alone\n"));
    sensor.signal("HUP");
    assert_eq!(sensor.wait_for("SENSOR-plan-read")["by"], "SIGHUP");
    sensor.wait_for("SENSOR-plan-differs");
    let after = status();
    assert_eq!(after["plan_refused"], "differs", "{after}");
    assert_ne!(after["plan"], before["plan"]);
    assert_eq!((&after["dropped"], &after["lost"]), (&0.into(), &0.into()), "{after}");
    // Each phone sent two frames; the kernel says a little of its own on such a cable.
    assert!(after["frames"].as_u64().unwrap() >= 8, "{after}");
    sensor.signal("TERM");
    sensor.wait_for("SYS-stopped");
    assert!(server.stop().success());
}
