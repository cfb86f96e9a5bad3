//! `sekisho storm` against `sekisho serve`, both as the real binary, on loopback.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::city::{Server, printed, run, sekisho};

/// A prepared city of 60 devices, every third a printer, with the server running.
struct Prepared {
    directory: TempDir,
    server: Server,
}

impl Prepared {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(more: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let at = |relative: &str| directory.path().join(relative).to_str().unwrap().to_owned();
        let site = at("site");
        let words = ["--devices", "60", "--printer-every", "3", "--listen", "127.0.0.1:0"];
        let output = run(sekisho(&["storm", "prepare", &site]).args(words).args(more));
        assert!(output.status.success(), "{}", printed(&output));
        let check = run(sekisho(&["check", "--lang", "en"]).current_dir(&site));
        assert!(check.status.success(), "{}", printed(&check));
        let mut serve = sekisho(&["serve", "--lang", "en"]);
        serve.current_dir(&site);
        let server = Server::start(serve);
        Self { directory, server }
    }

    fn storm(&self, words: &[&str]) -> Command {
        let mut command = sekisho(&["storm", "--json", "--lang", "en"]);
        let site = self.directory.path().join("site");
        command.arg("--site").arg(site);
        command.arg("--server").arg(format!("127.0.0.1:{}", self.server.port)).args(words);
        command
    }

    fn report(&self, words: &[&str]) -> Value {
        let output = run(&mut self.storm(words));
        let report = serde_json::from_slice(&output.stdout);
        report.unwrap_or_else(|_| panic!("{words:?}: {}", printed(&output)))
    }
}

#[test]
fn a_storm_admits_everyone_by_either_method_full_and_resumed_and_counts_what_it_cost() {
    let prepared = Prepared::new();
    let pid = prepared.server.id().to_string();
    let all = prepared.report(&["--power-return", "--server-pid", &pid]);
    assert_eq!(
        (&all["right"], &all["admitted"], &all["begun"]),
        (&true.into(), &60.into(), &60.into())
    );
    assert_eq!((&all["mab"], &all["eap_tls_full"]), (&20.into(), &40.into()));
    assert!(all["server_process"]["memory_peak_kib"].as_u64().unwrap() > 1_000);
    assert!(all["wait_us"]["eap_tls"]["p99"].as_f64().unwrap() > 0.0);

    for version in ["1.2", "1.3"] {
        let words = ["--mix", "eap-tls=100", "--tls", version, "--resume", "100", "--devices", "4"];
        let resumed =
            prepared.report(&[&words[..], &["--count", "12", "--outstanding", "2"]].concat());
        assert_eq!(
            (&resumed["right"], &resumed["eap_tls_resumed"]),
            (&true.into(), &12.into()),
            "{resumed}"
        );
    }
    let rate = prepared.report(&["--mix", "mab=50,eap-tls=50", "--rate", "20", "--duration", "1"]);
    assert_eq!(
        (&rate["right"], &rate["mab"], &rate["missing"]),
        (&true.into(), &10.into(), &0.into())
    );
}

#[test]
fn devices_with_certificates_of_their_own_need_nobody_who_issues_them() {
    let prepared = Prepared::with(&["--certificates"]);
    fs::remove_file(prepared.directory.path().join("site/ca/authority.key")).unwrap();
    let all = prepared.report(&["--power-return"]);
    assert_eq!((&all["right"], &all["eap_tls_full"]), (&true.into(), &40.into()), "{all}");
}

#[test]
fn a_storm_notices_another_vlan_and_another_secret_than_the_right_ones() {
    let prepared = Prepared::new();
    let at = prepared.directory.path().join("site/storm/devices.csv");
    let table = fs::read_to_string(&at).unwrap();
    let printer = table.lines().find(|line| line.starts_with("mab,")).unwrap();
    let mut cells: Vec<&str> = printer.split(',').collect();
    cells[4] = "99";
    fs::write(&at, table.replace(printer, &cells.join(","))).unwrap();
    let words = ["--power-return", "--timeout", "200", "--retries", "0"];
    let output = run(&mut prepared.storm(&words));
    assert_eq!(output.status.code(), Some(1));
    let wrong: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&wrong["admitted"], &wrong["faults"]["vlan-wrong"]),
        (&59.into(), &1.into()),
        "{wrong}"
    );

    // With the wrong secret the server is silent, and so is nothing in the report.
    let secret = prepared.directory.path().join("wrong");
    fs::write(&secret, "not-the-right-secret\n").unwrap();
    let secret = secret.to_str().unwrap();
    let silent =
        prepared.report(&[&words[..], &["--secret-file", secret, "--devices", "5"]].concat());
    assert_eq!(
        (&silent["admitted"], &silent["faults"]["no-answer"]),
        (&0.into(), &5.into()),
        "{silent}"
    );
}

#[test]
fn what_would_measure_something_else_is_refused() {
    let prepared = Prepared::new();
    let table = prepared.directory.path().join("site/storm/devices.csv");
    for (words, told) in [
        (&["--power-return", "--mix", "mab=50,eap-tls=50"][..], "every device come once"),
        (&["--mix", "eap-tls=100", "--authority", table.to_str().unwrap()], "devices.csv"),
    ] {
        let output = run(&mut prepared.storm(words));
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}", printed(&output));
        assert!(printed(&output).contains(told), "{words:?}: {}", printed(&output));
    }
    let one = prepared.report(&["--power-return", "--mix", "mab=100"]);
    assert_eq!((&one["right"], &one["begun"]), (&true.into(), &20.into()), "{one}");
}

/// What was counted is told, whoever ends first.
#[test]
fn a_storm_that_is_ended_or_loses_its_server_tells_what_there_was() {
    let kill = |how: &str, id: u32| run(Command::new("kill").args([how, &id.to_string()]));
    let (storm, _server) = under_way(&["--rate", "20", "--duration", "60"]);
    kill("-INT", storm.id());
    let (code, ended) = told(storm);
    assert_eq!((code, &ended["interrupted"]), (Some(1), &true.into()), "{ended}");
    assert!(ended["admitted"].as_u64().unwrap() > 0, "{ended}");

    // What is measured is another process here, so that it can end and answers go on.
    let mut process = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = process.id().to_string();
    let words = ["--rate", "10", "--duration", "4", "--server-pid", &pid];
    let (storm, _server) = under_way(&words);
    process.kill().unwrap();
    process.wait().unwrap();
    let (code, lost) = told(storm);
    assert_eq!(
        (code, &lost["admitted"], &lost["server_process"]),
        (Some(1), &40.into(), &Value::Null),
        "{lost}"
    );
}

/// A storm of which some devices are through already, and its server.
fn under_way(words: &[&str]) -> (Child, Prepared) {
    let mut prepared = Prepared::new();
    let storm = prepared.storm(words).stdout(Stdio::piped()).spawn().unwrap();
    let mac = prepared.server.wait_for("a device", |line| line["event"] == "AUTH")["mac"].clone();
    prepared.server.wait_for("another", |line| line["event"] == "AUTH" && line["mac"] != mac);
    (storm, prepared)
}

/// How a storm ended, and what it printed.
fn told(storm: Child) -> (Option<i32>, Value) {
    let output = storm.wait_with_output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn a_storm_keeps_to_this_machine_unless_told_and_says_what_is_wrong_with_its_use() {
    let nowhere = TempDir::new().unwrap();
    let nowhere = nowhere.path().to_str().unwrap();
    for (words, code, told) in [
        (&["--server", "192.0.2.1:1812"][..], 2, "--allow-remote"),
        (&["--server", "[::1]:1812"], 2, "IPv4"),
        (&["--server", "127.0.0.1"], 2, "--server"),
        (&["--server", "127.0.0.1:1", "--site", nowhere], 1, "sekisho storm prepare"),
        (&["--server", "127.0.0.1:1", "--rate", "1", "--outstanding", "1"], 2, "--outstanding"),
        (&["--server", "127.0.0.1:1", "--duration", "601"], 2, "601"),
        (&[], 2, "--server"),
    ] {
        let output = run(sekisho(&["storm", "--lang", "en"]).args(words));
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", printed(&output));
        assert!(printed(&output).contains(told), "{words:?}: {}", printed(&output));
    }
}
