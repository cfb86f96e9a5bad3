//! The machine's clock beside a time server of another make: chrony, right and, under faketime,
//! wrong.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::alert::Program;
use crate::city::{City, free_port, printed, run};
use crate::operate::{json, page};

/// A time server that ends with the test. faketime is only its parent, hence the number it wrote.
struct Chrony(Program, PathBuf);

impl Drop for Chrony {
    fn drop(&mut self) {
        if let Ok(pid) = fs::read_to_string(&self.1) {
            let _ = Command::new("kill").arg(pid.trim()).status();
            let _ = self.0.0.wait();
        }
    }
}

/// chrony as a server of the time it reads, with no other source, setting no clock.
fn chrony(mut command: Command, city: &City, port: u16) -> Chrony {
    let pid = city.path(&format!("chrony-{port}.pid"));
    command.args(["-d", "-x", "-u", "root"]).args([
        format!("port {port}"),
        "bindaddress 127.0.0.1".to_owned(),
        "bindcmdaddress /".to_owned(),
        "cmdport 0".to_owned(),
        "allow 127.0.0.1".to_owned(),
        "local stratum 5".to_owned(),
        format!("pidfile {}", pid.display()),
    ]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Chrony(Program(child.expect("chrony and faketime must be installed")), pid)
}

fn compare_with(city: &City, ports: &[u16]) {
    let servers: Vec<String> = ports.iter().map(|port| format!("\"127.0.0.1:{port}\"")).collect();
    city.edit("config/server.toml", |text| {
        let before = text.split("\n[clock]\n").next().unwrap_or(text);
        format!("{before}\n[clock]\nservers = [{}]\n", servers.join(", "))
    });
}

/// What the endpoint says of one server, in seconds, once it has answered.
fn offset(city: &City, port: u16) -> f64 {
    let series = format!("sekisho_clock_offset_seconds{{server=\"127.0.0.1:{port}\"}} ");
    let until = Instant::now() + Duration::from_secs(40);
    loop {
        let metrics = page(city, "/metrics");
        if let Some(value) = metrics.lines().find_map(|line| line.strip_prefix(&series)) {
            return value.parse().unwrap();
        }
        assert!(Instant::now() < until, "{port} was never compared");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_clock_that_differs_from_a_real_time_server_is_alerted_and_stands_in_the_report() {
    let city = City::new();
    let (right, wrong) = (free_port(), free_port());
    let _right = chrony(Command::new("chronyd"), &city, right);
    let mut late = Command::new("faketime");
    late.args(["-f", "-40s", "chronyd"]);
    let _wrong = chrony(late, &city, wrong);
    std::thread::sleep(Duration::from_secs(2));

    compare_with(&city, &[right]);
    let mut server = city.serve();
    assert!(offset(&city, right).abs() < 1.0);
    compare_with(&city, &[wrong]);
    json(&city, &["reload", "--json"]);
    let off = server.wait_for("off", |line| line["event"] == "SYS-clock-off");
    let seconds: f64 = off["seconds"].as_str().unwrap().parse().unwrap();
    assert!((39.0..41.0).contains(&seconds), "{off}");
    assert!((-41.0..-39.0).contains(&offset(&city, wrong)));
    compare_with(&city, &[right]);
    json(&city, &["reload", "--json"]);
    server.wait_for("right", |line| line["event"] == "SYS-clock-right");
    assert!(!page(&city, "/metrics").contains(&format!("127.0.0.1:{wrong}")));
    let list = printed(&run(&mut city.sekisho(&["alert", "list", "--lang", "ja"])));
    assert!(list.contains("ALERT-clock-off") && list.contains("ずれました"), "{list}");
    assert!(server.stop().success());
    let report = ["report", "--year", &crate::report::year(), "--format", "csv", "--lang", "en"];
    let report = printed(&run(&mut city.sekisho(&report)));
    let rule = report.lines().find(|line| line.contains("R21")).unwrap();
    assert!(rule.contains("compared with time servers"), "{rule}");
    assert!(rule.contains("at most 39.9") || rule.contains("at most 40.0"), "{rule}");
}
