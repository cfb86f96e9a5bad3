//! The HTTP API by `curl`, by a tester that reads its own description, over TLS, and by callers
//! who may not.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::city::{City, printed, run, sekisho};

/// A city with an API and one token for each role.
fn city() -> City {
    let city = City::new();
    for role in ["read", "operate", "administer"] {
        let made = run(&mut city.sekisho(&["secret", "token", "tester", "--role", role]));
        assert!(made.status.success(), "{}", printed(&made));
    }
    city
}

fn token(city: &City, role: &str) -> String {
    fs::read_to_string(city.path(&format!("secrets/api/tester.{role}.token"))).unwrap()
}

pub fn address(city: &City) -> String {
    let status = run(&mut city.sekisho(&["status", "--json"]));
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    status["api"].as_str().unwrap().to_owned()
}

/// Status and body of one request.
pub fn ask(
    base: &str,
    token: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> (u16, Value) {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "20", "-X", method, "-w", "\n%{http_code}"]);
    command.args(["-H", &format!("Authorization: Bearer {token}"), "-H", "Accept-Language: en"]);
    if let Some(body) = body {
        command.args(["-H", "Content-Type: application/json", "-d", &body.to_string()]);
    }
    let output = run(command.arg(format!("{base}{path}")));
    assert!(output.status.success(), "{}", printed(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn the_same_commands_are_carried_out_by_role_and_stand_in_the_record() {
    let city = city();
    let mut server = city.serve();
    let base = format!("http://{}", address(&city));
    let [read, operate, administer] =
        ["read", "operate", "administer"].map(|role| token(&city, role));
    let mark = json!({ "subject": "P-0001", "reason": "lost" });
    let (status, body) = ask(&base, &read, "POST", "/api/v1/marks", Some(&mark));
    assert_eq!((status, &body["error"]["id"]), (403, &json!("api.role")), "{body}");
    let (status, body) = ask(&base, &operate, "POST", "/api/v1/marks", Some(&mark));
    assert_eq!(status, 200, "{body}");
    let number = body["mark"].as_i64().unwrap();
    let (_, marks) = ask(&base, &read, "GET", "/api/v1/marks", None);
    assert_eq!(marks[0]["subject"], "P-0001");
    let by = marks[0]["by"].as_str().unwrap();
    assert_eq!(by, "api tester (127.0.0.1)");
    let path = format!("/api/v1/marks/{number}");
    assert_eq!(ask(&base, &operate, "DELETE", &path, None).0, 200);
    assert_eq!(ask(&base, &operate, "DELETE", &path, None).0, 404);
    server.wait_for("the record of it", |line| {
        line["event"] == "OPS-mark-released" && line["by"] == "api tester (127.0.0.1)"
    });
    assert_eq!(ask(&base, &administer, "POST", "/api/v1/reload", None).1["changed"], false);
    let (status, found) = ask(&base, &read, "GET", "/api/v1/records?event=OPS-*&since=1h", None);
    assert!(status == 200 && found["records"].as_array().unwrap().len() >= 2, "{found}");
    assert_eq!(ask(&base, &read, "GET", "/api/v1/sessions?mac=0012e2010203", None).0, 200);
    let (status, switches) = ask(&base, &read, "GET", "/api/v1/switches", None);
    assert_eq!((status, &switches["fresh"]), (200, &json!(0)), "{switches}");
    let (_, switch) = ask(&base, &read, "GET", "/api/v1/switches/ken-sw02", None);
    assert_eq!((&switch["switch"], &switch["state"]), (&json!("ken-sw02"), &json!("unasked")));
    let sweep = "/api/v1/switches/ken-sw02/sweep";
    assert_eq!(ask(&base, &read, "POST", sweep, None).0, 403);
    for (method, path, body, status, id) in [
        ("GET", "/api/v1/nothing", None, 404, "api.path"),
        ("PUT", "/api/v1/marks", None, 405, "api.method"),
        ("GET", "/api/v1/records?mac=zz", None, 400, "query.mac"),
        ("GET", "/api/v1/records?colour=red", None, 400, "api.parameter"),
        ("GET", "/api/v1/records?limit=0", None, 400, "api.parameter"),
        ("GET", "/api/v1/plans/x", None, 400, "api.parameter"),
        ("GET", "/api/v1/plans/99", None, 404, "plan.no-such-generation"),
        ("GET", "/api/v1/switches/no-such", None, 404, "switch.unknown"),
        ("POST", "/api/v1/switches/no-such/sweep", None, 404, "switch.unknown"),
        ("POST", "/api/v1/switches/ken-sw02/sweep", None, 409, "switch.not-asked"),
        ("POST", "/api/v1/marks", Some(json!({ "subject": "P-0001" })), 400, "api.body"),
        (
            "POST",
            "/api/v1/marks",
            Some(json!({ "subject": "Q", "reason": "r" })),
            404,
            "mark.subject-unknown",
        ),
    ] {
        let (found, answer) = ask(&base, &administer, method, path, body.as_ref());
        assert_eq!((found, answer["error"]["id"].as_str()), (status, Some(id)), "{path}: {answer}");
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty(), "{path}");
    }
    for wrong in ["", "x", &read.to_uppercase()] {
        assert_eq!(ask(&base, wrong, "GET", "/api/v1/status", None).0, 401);
    }
    server.wait_for("a refusal", |line| line["event"] == "OPS-api-refused");
    // A token that is taken away is good no longer after a reload.
    fs::remove_file(city.path("secrets/api/tester.read.token")).unwrap();
    assert_eq!(ask(&base, &administer, "POST", "/api/v1/reload", None).0, 200);
    assert_eq!(ask(&base, &read, "GET", "/api/v1/status", None).0, 401);
    let logged = run(&mut city.sekisho(&["log", "search", "--format", "json"]));
    assert!(!printed(&logged).contains(&administer), "no token is ever written down");
    assert!(server.stop().success());
}

/// `schemathesis` comes from PyPI into a directory of its own.
fn schemathesis() -> std::path::PathBuf {
    let at = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    let program = at.join("bin/schemathesis");
    if !program.exists() {
        let made = run(Command::new("python3").args(["-m", "venv"]).arg(&at));
        assert!(made.status.success(), "{}", printed(&made));
        let pip = run(Command::new(at.join("bin/pip")).args(["install", "-q", "schemathesis"]));
        assert!(pip.status.success(), "{}", printed(&pip));
    }
    program
}

#[test]
fn a_tester_that_reads_the_description_finds_nothing_that_differs_from_it() {
    let city = city();
    let server = city.serve();
    let base = format!("http://{}", address(&city));
    let token = token(&city, "administer");
    let output = run(Command::new(schemathesis())
        .args(["run", &format!("{base}/api/v1/openapi.json"), "--max-examples", "20"])
        .args(["-H", &format!("Authorization: Bearer {token}"), "--seed", "7"])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"])
        .current_dir(city.directory.path()));
    assert!(output.status.success(), "{}", printed(&output));
    assert!(printed(&output).contains("Tested: 21"), "{}", printed(&output));
    assert!(server.stop().success());
}

#[test]
fn anywhere_but_on_loopback_it_speaks_tls_alone() {
    let city = city();
    let name = format!("sekisho-api-{}", std::process::id());
    let ip = |arguments: &[&str]| run(Command::new("ip").args(arguments)).status.success();
    assert!(ip(&["netns", "add", &name]));
    assert!(ip(&["-n", &name, "link", "set", "lo", "up"]));
    assert!(ip(&["-n", &name, "address", "add", "10.99.0.1/32", "dev", "lo"]));
    city.edit("config/server.toml", |text| {
        text.replace("[api]", "[api]\n#").replacen(
            "listen = \"127.0.0.1:0\"\n\n[metrics]",
            "listen = \"10.99.0.1:9813\"\n\n[metrics]",
            1,
        )
    });
    city.write("ca.pem", city.authority.certificate_pem().as_bytes(), 0o644);
    let inside = |command: &Command| {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &name]).arg(command.get_program()).args(command.get_args());
        inside.current_dir(city.directory.path());
        inside
    };
    for name in ["soc", "other"] {
        city.issue(&format!("{name}.city.example"));
    }
    let registered = fs::read(city.path("soc.city.example.pem")).unwrap();
    city.write("secrets/api/soc.operate.pem", &registered, 0o644);
    let server = city.serve_by(inside(&sekisho(&[])));
    let curl = |arguments: &[&str]| {
        let mut curl = Command::new("curl");
        run(&mut inside(curl.args(["-sS", "--max-time", "10"]).args(arguments)))
    };
    let bearer = format!("Authorization: Bearer {}", token(&city, "read"));
    let ask = |arguments: &[&str]| curl(&[&["-H", bearer.as_str()], arguments].concat());
    let resolve = "radius.city.example:9813:10.99.0.1";
    let page = "https://radius.city.example:9813/api/v1/status";
    let found = ask(&["--cacert", "ca.pem", "--resolve", resolve, page]);
    assert!(printed(&found).contains("\"generation\""), "{}", printed(&found));
    assert!(!ask(&["--resolve", resolve, page]).status.success(), "not without the authority");
    // A registered certificate speaks with its own role; another of the same authority does not.
    let certified = |name: &str, path: &str, more: &[&str]| {
        let (own, url) = (format!("{name}.city.example"), page.replace("status", path));
        let (certificate, key) = (format!("{own}.pem"), format!("{own}.key"));
        let proof = ["--cacert", "ca.pem", "--cert", &certificate, "--key", &key];
        let target = ["--resolve", resolve, &url];
        printed(&curl(&[&proof[..], &target, more].concat()))
    };
    let body = r#"{"subject":"P-0001","reason":"lost"}"#;
    let quarantined = certified("soc", "quarantine", &["-d", body]);
    assert!(quarantined.contains("\"by\":\"api soc (10.99.0.1)\""), "{quarantined}");
    let denied = certified("soc", "plans/1", &[]);
    assert!(denied.contains("api.role"), "{denied}");
    let stranger = certified("other", "status", &[]);
    assert!(!stranger.contains("generation"), "{stranger}");
    // Taken away, it is good no longer.
    fs::remove_file(city.path("secrets/api/soc.operate.pem")).unwrap();
    assert!(run(&mut inside(&city.sekisho(&["reload"]))).status.success());
    let revoked = certified("soc", "status", &[]);
    assert!(!revoked.contains("generation"), "{revoked}");
    let plain = ask(&["http://10.99.0.1:9813/api/v1/status"]);
    assert!(!printed(&plain).contains("generation"), "{}", printed(&plain));
    assert!(server.stop().success());
    assert!(ip(&["netns", "del", &name]));
}

/// A report of one sensor, with verdicts of these numbers on the PC.
pub fn report(run: &str, numbers: std::ops::RangeInclusive<u64>) -> Value {
    let one = |sequence: u64| {
        json!({
            "sequence": sequence, "level": "verdict", "kind": "rogue-dhcp", "time": "2026-11-26T00:00:00.000Z",
            "frame": 7, "subject": "00:12:e2:01:02:03", "mac": "00:12:e2:01:02:03", "addresses": ["10.1.0.9"],
            "vlan": 110, "score_tenths": 0, "first": "2026-11-26T00:00:00.000Z",
            "signs": [{ "id": "dhcp.rogue", "hard": true, "frame": 7, "time": "2026-11-26T00:00:00.000Z",
                "ja": "DHCP サーバー", "en": "a DHCP server" }],
        })
    };
    let pulse =
        json!({ "frames": 9, "flawed": 0, "dropped": 2, "evicted": 0, "lost": 0, "stations": 1 });
    json!({ "run": run, "pulse": pulse, "observations": numbers.map(one).collect::<Vec<_>>() })
}

#[test]
fn a_sensors_reports_are_taken_once_kept_and_its_gaps_and_silence_told() {
    let city = city();
    city.edit("config/sensors.toml", |text| {
        text.replacen("\nenabled = false", "\nenabled = true", 1)
    });
    for name in ["honcho-mirror", "kenko-mirror"] {
        let made = run(&mut city.sekisho(&["secret", "token", name, "--role", "sensor"]));
        assert!(made.status.success(), "{}", printed(&made));
    }
    let path = "/api/v1/observations";
    let of = |name: &str| {
        fs::read_to_string(city.path(&format!("secrets/api/{name}.sensor.token"))).unwrap()
    };
    let sensor = of("honcho-mirror");
    let mut server = city.serve();
    let base = format!("http://{}", address(&city));
    let administer = token(&city, "administer");
    let send = |base: &str, body: Value| ask(base, &sensor, "POST", path, Some(&body));
    // Nobody else may report, and a sensor may do nothing else.
    assert_eq!(ask(&base, &administer, "POST", path, Some(&report("a", 1..=1))).0, 403);
    assert_eq!(ask(&base, &sensor, "GET", "/api/v1/status", None).0, 403);
    let other = ask(&base, &of("kenko-mirror"), "POST", path, Some(&report("a", 1..=1)));
    assert_eq!((other.0, &other.1["error"]["id"]), (409, &json!("sensor.unknown")), "{}", other.1);
    let (status, answer) = send(&base, report("a", 1..=2));
    assert_eq!((status, &answer["acknowledged"]), (200, &json!(2)), "{answer}");
    server.wait_for("a verdict", |line| {
        line["event"] == "SENSOR-verdict"
            && line["environment"] == "A"
            && line["action"] == "no-session"
    });
    server.wait_for("its alert", |line| line["event"] == "ALERT-rogue");
    // Two environments on one wire.
    let mut breach = report("z", 1..=1);
    let seen = &mut breach["observations"][0];
    (seen["level"], seen["kind"]) = (json!("breach"), json!("separation.address"));
    seen["environments"] = json!(["C", "A"]);
    assert_eq!(send(&base, breach).1["acknowledged"], 1);
    server.wait_for("a breach", |line| {
        line["event"] == "SENSOR-separation-wire"
            && line["environments"] == "C,A"
            && line["frames"] == "7 2026-11-26T00:00:00.000Z"
    });
    server.wait_for("its alert", |line| {
        line["event"] == "ALERT-separation-broken" && line["environments"] == json!(["A", "C"])
    });
    // A change that an operator accepts: the sensor is told until it says that it has done it.
    let mut change = report("y", 1..=1);
    let seen = &mut change["observations"][0];
    (seen["level"], seen["kind"]) = (json!("sign"), json!("dhcp.changed"));
    seen["subject"] = json!("00-12-E2-01-02-03");
    seen["changes"] = json!(["00000000000000ab"]);
    assert_eq!(send(&base, change).1["words"], json!([]));
    let sensor_of = |arguments: &[&str]| {
        let output = run(&mut city.sekisho(&[&["sensor"], arguments, &["--json"]].concat()));
        (output.status.success(), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let open = sensor_of(&["changes"]).1;
    assert_eq!(
        (&open[0]["change"], &open[0]["state"]),
        (&json!("00000000000000ab"), &json!("open"))
    );
    let accepted = sensor_of(&["accept", "0012.e201.0203", "--reason", "new image"]);
    assert_eq!((accepted.0, &accepted.1[0]["state"]), (true, &json!("accepted")), "{}", accepted.1);
    assert!(!sensor_of(&["deny", "00-12-E2-01-02-03", "--reason", "late"]).0, "nothing is open");
    server.wait_for("the decision", |line| {
        line["event"] == "SENSOR-change-accepted"
            && line["reason"] == "new image"
            && line["change"] == "00000000000000ab"
            && line["by"].as_str().is_some_and(|by| !by.is_empty())
    });
    let word = json!([{ "change": "00000000000000ab", "accepted": true }]);
    let mut pulse = report("y", 1..=1);
    pulse["observations"] = json!([]);
    assert_eq!(send(&base, pulse.clone()).1["words"], word);
    assert_eq!(send(&base, pulse.clone()).1["words"], word, "an answer may be lost");
    pulse["taken"] = json!([{ "change": "00000000000000ab", "accepted": false }]);
    assert_eq!(send(&base, pulse.clone()).1["words"], word, "nobody said so");
    pulse["taken"] = word;
    assert_eq!(send(&base, pulse).1["words"], json!([]));
    // The same again says nothing new; a number that is missing does.
    assert_eq!(send(&base, report("a", 1..=2)).1["acknowledged"], 2);
    assert_eq!(send(&base, report("a", 4..=5)).1["acknowledged"], 5);
    server.wait_for("the gap", |line| line["event"] == "SENSOR-gap" && line["count"] == "1");
    for wrong in
        [json!({}), report("", 1..=1), json!({ "run": "a", "pulse": {}, "observations": [] })]
    {
        assert_eq!(send(&base, wrong).0, 400);
    }
    let mut twice = report("a", 6..=7);
    twice["observations"][1]["sequence"] = json!(6);
    assert_eq!(send(&base, twice).0, 400);
    // Killed hard, it still knows what it took.
    server.signal("KILL");
    server.ended();
    let server = city.serve();
    let base = format!("http://{}", address(&city));
    assert_eq!(send(&base, report("a", 1..=6)).1["acknowledged"], 6);
    let listed = run(&mut city.sekisho(&["sensor", "list", "--json"]));
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!((&listed[0]["taken"], &listed[0]["frames"]), (&json!(6), &json!(9)), "{listed}");
    assert!(server.stop().success());
    let found =
        run(&mut city.sekisho(&["log", "search", "--event", "SENSOR-verdict", "--format", "json"]));
    let numbers: Vec<String> = String::from_utf8(found.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| line["sequence"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(numbers.len(), 5, "each is kept once: {numbers:?}");
}
