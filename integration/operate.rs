//! Operating the real binary: reloads, refusals, restarts, rollbacks, marks, metrics, the end.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::city::{City, now, printed, run};
use crate::sessions::Switch;

pub fn json(city: &City, arguments: &[&str]) -> Value {
    let output = run(&mut city.sekisho(arguments));
    assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub fn refused(city: &City, arguments: &[&str]) -> String {
    let output = run(&mut city.sekisho(arguments));
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", printed(&output));
    printed(&output)
}

fn generation(city: &City) -> u64 {
    json(city, &["status", "--json"])["generation"].as_u64().unwrap()
}

/// One page of the metrics server.
pub fn page(city: &City, path: &str) -> String {
    let address = json(city, &["status", "--json"])["metrics"].as_str().unwrap().to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn add_rule(city: &City, id: &str) {
    city.edit("config/policy.toml", |text| {
        format!("{text}\n[[rule]]\nid = \"{id}\"\nclasses = [\"wifi-trial\"]\nmethods = [\"mab\"]\nmedia = [\"wired\"]\naction = \"refuse\"\n")
    });
}

fn break_policy(city: &City) {
    city.edit("config/policy.toml", |text| text.replace("id = \"P-10\"", "idd = \"P-10\""));
}

#[test]
fn a_reload_swaps_the_plan_and_a_broken_file_changes_nothing() {
    let city = City::new();
    let server = city.serve();
    let first = generation(&city);
    add_rule(&city, "P-99");
    let reply = json(&city, &["reload", "--json"]);
    assert_eq!(
        (reply["changed"].as_bool(), reply["generation"].as_u64()),
        (Some(true), Some(first + 1))
    );
    assert_eq!(json(&city, &["reload", "--json"])["changed"], false);

    break_policy(&city);
    let text = refused(&city, &["reload", "--lang", "en"]);
    assert!(text.contains("config/policy.toml:") && text.contains("idd"), "{text}");
    assert_eq!(generation(&city), first + 1);
    assert!(page(&city, "/metrics").contains("\nsekisho_reload_success 0\n"));
    assert!(
        page(&city, "/metrics").contains(&format!("\nsekisho_plan_generation {}\n", first + 1))
    );

    // A restart does not lose the service to a broken file.
    assert!(server.stop().success());
    let mut server = city.serve();
    let fallback = server.wait_for("fallback", |line| line["event"] == "CFG-plan-fallback");
    assert_eq!(fallback["generation"], first + 1);
    server.wait_for("finding", |line| line["finding"] == "file.unknown-key");
    assert_eq!(generation(&city), first + 1);
    assert!(server.stop().success());
}

#[test]
fn a_plan_can_be_listed_shown_and_rolled_back_and_stays_so() {
    let city = City::new();
    let server = city.serve();
    let first = generation(&city);
    add_rule(&city, "P-98");
    json(&city, &["reload", "--json"]);
    let reply = json(&city, &["plan", "rollback", &first.to_string(), "--json"]);
    assert_eq!(reply["generation"].as_u64(), Some(first + 2));
    let list = json(&city, &["plan", "list", "--json"]);
    let hashes: Vec<_> =
        list.as_array().unwrap().iter().map(|each| &each["content_hash"]).collect();
    assert_eq!(hashes[0], hashes[2], "the newest is the first again");
    assert_ne!(hashes[0], hashes[1]);
    let shown = json(&city, &["plan", "show", &(first + 1).to_string(), "--json"]);
    assert!(shown["files"]["config/policy.toml"].as_str().unwrap().contains("P-98"));
    refused(&city, &["plan", "rollback", "99"]);

    // The files on disk were set aside, also for a restart.
    assert!(server.stop().success());
    let mut server = city.serve();
    server.wait_for("set aside", |line| line["event"] == "CFG-plan-set-aside");
    assert_eq!(generation(&city), first + 2);
    assert_eq!(json(&city, &["reload", "--json"])["changed"], true, "asked for, they return");
    assert!(server.stop().success());
}

#[test]
fn marks_hold_from_the_moment_they_are_set_and_outlive_a_restart() {
    let city = City::new();
    let explain = |city: &City| {
        let place = ["--switch", "hon-sw15", "--port", "0/1", "--mac", "E8-0F-5E-60-EB-41"];
        json(city, &[&["explain", "--json"], &place[..]].concat())
    };
    let server = city.serve();
    assert_eq!(explain(&city)["outcome"], "admit");
    let add = ["mark", "add", "hon-sw15:0/1", "--reason", "不審な通信", "--json"];
    let mark = json(&city, &add)["mark"].to_string();
    assert_eq!(explain(&city)["reason"], "mark.quarantine");
    assert!(server.stop().success());
    let server = city.serve();
    assert_eq!(explain(&city)["reason"], "mark.quarantine");
    json(&city, &["mark", "release", &mark, "--json"]);
    assert_eq!(explain(&city)["outcome"], "admit");
    refused(&city, &["mark", "release", &mark]);
    // What operators did to a device is found under the device.
    let mark =
        json(&city, &["mark", "add", "P-0001", "--reason", "貸出", "--json"])["mark"].to_string();
    json(&city, &["mark", "release", &mark, "--json"]);
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let search = ["log", "search", "--asset", "P-0001", "--format", "json"];
        let found = printed(&run(&mut city.sekisho(&search)));
        if found.contains("OPS-mark-added") && found.contains("OPS-mark-released") {
            break;
        }
        assert!(Instant::now() < until, "{found}");
        std::thread::sleep(Duration::from_millis(200));
    }
    refused(&city, &["mark", "add", "nonsense", "--reason", "x"]);
    refused(&city, &["mark", "add", "P-0001", "--reason", "x", "--until", "tomorrow"]);
    let past = refused(&city, &["quarantine", "P-0001", "--reason", "x", "--until", "2020-01-01"]);
    assert!(past.contains("2020-01-01"), "{past}");
    assert_eq!(json(&city, &["mark", "list", "--json"]).as_array().unwrap().len(), 0);
    // A device has several names, and is in again only when none of them is marked.
    for name in ["P-0001", "D4-1E-F8-2F-60-B6"] {
        json(&city, &["mark", "add", name, "--reason", "x", "--json"]);
    }
    let release = |name| run(&mut city.sekisho(&["release", name, "--reason", "x"]));
    assert!(printed(&release("P-0001")).contains("release D4-1E-F8-2F-60-B6"));
    let other = refused(&city, &["release", "P-0001", "--reason", "x"]);
    assert!(other.contains("release D4-1E-F8-2F-60-B6"), "{other}");
    assert!(!printed(&release("D4-1E-F8-2F-60-B6")).contains("release P-0001"));
    let mut marks = ["x", "two\nlines"].map(|reason| {
        json(&city, &["mark", "add", "P-0001", "--reason", reason, "--json"])["mark"].to_string()
    });
    let list = printed(&run(&mut city.sekisho(&["mark", "list"])));
    assert!(list.contains("two\\nlines"), "{list}");
    marks.reverse();
    let still = marks.map(|mark| {
        printed(&run(&mut city.sekisho(&["mark", "release", &mark]))).contains("release P-0001")
    });
    assert_eq!(still, [true, false], "as long as another mark holds it");
    assert!(server.stop().success());
}

#[test]
fn who_cannot_be_served_is_told_why() {
    let city = City::new();
    fs::create_dir(city.path("state")).unwrap();
    // One switch without its secret takes the answers from no other, nor does a spoilt file; but
    // nobody loses what works.
    fs::remove_file(city.path("secrets/client/hon-sw15.secret")).unwrap();
    city.write("secrets/client/hon-sw01.secret", b"short", 0o600);
    let list = fs::read(city.path("secrets/authority/city.crl")).unwrap();
    city.write("secrets/authority/city.crl", &list[..list.len() / 2], 0o644);
    let mut server = city.serve();
    for id in ["secret.client-absent", "secret.too-short", "credential.unreadable-crl"] {
        server.wait_for(id, |line| line["finding"] == id);
    }
    assert!(Switch::cisco().authenticate(&server).contains("Received Access-Accept"));
    let text = refused(&city, &["reload", "--lang", "en"]);
    for file in ["hon-sw15.secret", "hon-sw01.secret", "city.crl"] {
        assert!(text.contains(file), "{file}: {text}");
    }
    assert!(server.stop().success());
    city.write("secrets/authority/city.crl", &list, 0o644);
    for entry in fs::read_dir(city.path("secrets/client")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let text = refused(&city, &["serve", "--lang", "en"]);
    assert!(text.contains("get no answer"), "{text}");
    // `check` only warns: a plan can be checked where no secrets are.
    assert!(run(&mut city.sekisho(&["check"])).status.success());

    let city = City::new();
    let text = refused(&city, &["serve", "--lang", "ja", "--state", "config/server.toml"]);
    assert!(text.contains("config/server.toml"), "{text}");
    let text = refused(&city, &["status", "--lang", "ja"]);
    assert!(text.contains("sekisho serve"), "{text}");
    for program in ["sensor", "tripwire", "authenticator"] {
        let text = refused(&city, &[program, "status", "--lang", "en"]);
        assert!(text.contains(&format!("is sekisho {program} run running?")), "{text}");
    }
    break_policy(&city);
    fs::create_dir(city.path("state")).unwrap();
    let text = refused(&city, &["serve", "--lang", "ja"]);
    assert!(text.contains("config/policy.toml:"), "{text}");
}

/// A plan that could not open its sockets never served, and is none to fall back to.
#[test]
fn a_plan_is_accepted_once_everything_is_open() {
    let city = City::new();
    assert!(city.serve().stop().success());
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let free = "listen = \"127.0.0.1:0\"\n\n[metrics]".to_owned();
    let busy = format!("listen = \"{taken}\"\n\n[metrics]");
    city.edit("config/server.toml", |text| text.replace(&free, &busy));
    let text = refused(&city, &["serve", "--lang", "en"]);
    assert!(text.contains(&taken.to_string()), "{text}");
    city.edit("config/server.toml", |text| text.replace(&busy, &free));
    add_rule(&city, "P-99");
    let server = city.serve();
    let plans = json(&city, &["plan", "list", "--json"]);
    assert_eq!(plans.as_array().unwrap().len(), 2, "{plans}");
    assert!(server.stop().success());
}

#[test]
fn a_second_service_on_the_same_state_is_refused() {
    let city = City::new();
    let server = city.serve();
    let text = refused(&city, &["serve", "--lang", "en"]);
    assert!(text.contains("in use by another sekisho"), "{text}");
    assert!(server.stop().success());
}

/// Everything durable is refused while nothing can be written, and admission goes on.
#[test]
fn a_full_disk_refuses_changes_and_nothing_else() {
    let city = City::new();
    let state = city.path("state");
    fs::create_dir(&state).unwrap();
    let mount = |arguments: &[&str]| {
        run(std::process::Command::new(arguments[0]).args(&arguments[1..])).status.success()
    };
    let at = state.to_str().unwrap();
    assert!(mount(&["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", at]));
    let server = city.serve();
    let first = generation(&city);
    let filler = fs::write(state.join("filler"), vec![0; 64 << 20]);
    assert!(filler.is_err(), "the disk is full");
    add_rule(&city, "P-97");
    refused(&city, &["reload"]);
    refused(&city, &["mark", "add", "P-0001", "--reason", &"x".repeat(900)]);
    assert_eq!(generation(&city), first);
    // Nor does it keep the service from starting, with files that were changed meanwhile.
    server.signal("KILL");
    server.ended();
    let server = city.serve();
    assert_eq!(generation(&city), first + 1);
    assert_eq!(json(&city, &["plan", "list", "--json"]).as_array().unwrap().len(), 1);
    // With room they are accepted, under a number that nothing else was served by.
    fs::remove_file(state.join("filler")).unwrap();
    assert_eq!(json(&city, &["reload", "--json"])["changed"], true);
    assert_eq!(json(&city, &["reload", "--json"])["changed"], false);
    let plans = json(&city, &["plan", "list", "--json"]);
    let numbers: Vec<_> = plans.as_array().unwrap().iter().map(|it| &it["generation"]).collect();
    assert_eq!(numbers, [first + 2, first]);
    assert!(server.stop().success());
    assert!(mount(&["umount", at]));
}

#[test]
fn health_and_metrics_are_served_and_name_no_device() {
    let city = City::new();
    let server = city.serve();
    assert!(page(&city, "/health").contains("\"healthy\":true"));
    let text = page(&city, "/metrics");
    for (series, days) in [
        ("certificate_expiry_timestamp_seconds{name=\"radius.city.example\",role=\"server\"}", 90),
        ("crl_next_update_timestamp_seconds{authority=\"city\"}", 7),
    ] {
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("sekisho_{series} ")));
        let ends: i64 = value.unwrap_or_else(|| panic!("{series}: {text}")).parse().unwrap();
        let left = ends - now().seconds();
        assert!((days * 86_400 - 3600..=days * 86_400).contains(&left), "{series} {left}");
    }
    assert!(!text.contains("E8-0F") && !text.contains("e80f"), "{text}");
    assert!(page(&city, "/../etc/passwd").starts_with("HTTP/1.1 404"));
    assert!(server.stop().success());
}

#[test]
fn the_end_is_clean_and_said() {
    let city = City::new();
    let mut server = city.serve();
    server.signal("INT");
    server.wait_for("the end", |line| line["event"] == "SYS-stopped");
    assert!(server.ended().success());
}

/// Processor time a process has used, in ticks of the kernel: utime and stime of proc(5).
fn processor_ticks(id: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn a_service_that_nobody_asks_rests() {
    let city = City::new();
    let server = city.serve();
    // Longer than every thread's first wait.
    std::thread::sleep(Duration::from_secs(7));
    let before = processor_ticks(server.id());
    std::thread::sleep(Duration::from_secs(3));
    let used = processor_ticks(server.id()) - before;
    assert!(used < 30, "{used} hundredths of a second in three seconds");
    assert!(server.stop().success());
}

/// The name of the change that a refusal asks to accept.
fn change_in(text: &str) -> String {
    let (_, rest) = text.split_once("--accept ").unwrap_or_else(|| panic!("{text}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

fn loosen(city: &City) {
    city.edit("config/environments.toml", |text| {
        text.replacen("admission = \"certificate\"\n", "admission = \"certificate-or-mac\"\n", 1)
    });
}

#[test]
fn a_change_that_weakens_the_separation_needs_a_name_and_a_reason() {
    let city = City::new();
    let server = city.serve();
    let first = generation(&city);
    loosen(&city);
    let text = refused(&city, &["reload", "--lang", "en"]);
    assert!(text.contains("! [setting.loosened] environment A admission is loosened"), "{text}");
    assert_eq!(generation(&city), first);
    let change = change_in(&text);

    // A restart does not let it in by the back door.
    assert!(server.stop().success());
    let mut server = city.serve();
    let line = server.wait_for("fallback", |line| line["event"] == "CFG-plan-fallback");
    assert_eq!(line["generation"], first);

    // Neither does the acceptance of another change, nor of none.
    let by = ["--by", "関 守", "--reason", "試験導入"];
    let with = |change: &str| {
        let accept = ["reload", "--lang", "en", "--accept", change];
        [&accept[..], &by[..]].concat().iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()
    };
    for wrong in ["0123456789ab", change.get(..6).unwrap(), ""] {
        let arguments = with(wrong);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        assert!(refused(&city, &arguments).contains("is not the present change"), "{wrong}");
    }
    let output = run(&mut city.sekisho(&["reload", "--accept", &change]));
    assert_eq!(output.status.code(), Some(2), "{}", printed(&output));

    let arguments = with(&change);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run(&mut city.sekisho(&arguments));
    assert!(output.status.success(), "{}", printed(&output));
    assert_eq!(generation(&city), first + 1);
    let line = server.wait_for("acceptance", |line| line["event"] == "CFG-weakening-accepted");
    assert_eq!((&line["by"], &line["reason"]), (&"関 守".into(), &"試験導入".into()));
    let plans = json(&city, &["plan", "list", "--json"]);
    assert!(plans[0]["by"].as_str().unwrap().contains("関 守: 試験導入"), "{plans:#}");
    // Back to the stricter setting asks for nobody.
    city.edit("config/environments.toml", |text| {
        text.replacen("admission = \"certificate-or-mac\"", "admission = \"certificate\"", 1)
    });
    assert_eq!(json(&city, &["reload", "--json"])["generation"], first + 2);
    assert!(server.stop().success());
}

#[test]
fn an_environment_may_ask_for_a_second_person() {
    let city = City::new();
    city.edit("config/environments.toml", |text| {
        text.replacen("critical_vlan = false\n", "critical_vlan = false\nsecond_person = true\n", 1)
    });
    let server = city.serve();
    let first = generation(&city);
    // What the change itself says of second persons does not count.
    loosen(&city);
    city.edit("config/environments.toml", |text| text.replace("second_person = true\n", ""));
    let change = change_in(&refused(&city, &["reload", "--lang", "en"]));
    let accept = ["reload", "--lang", "en", "--accept", &change, "--by", "関", "--reason", "試験"];
    for _ in 0..2 {
        // The same person twice is one person.
        let text = refused(&city, &accept);
        assert!(text.contains("asks for a second person"), "{text}");
    }
    assert_eq!(generation(&city), first);
    assert!(server.stop().success());
}
