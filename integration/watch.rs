//! The lab as its network team sees it: a real Prometheus beside the service, the page over TLS in
//! a real Chromium that believes the city's own authority, and a port that moves when the page
//! says so. Switch, supplicant, sensor and SNMP agent are real as well.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::authenticator::Lab;
use crate::city::{printed, run};
use crate::dashboards::Prometheus;
use crate::metrics::as_documented;
use crate::page::{Browser, log_in};

const PAGE: &str = "https://radius.example.test:9813";
/// The name leads to the service's cable, as the city's own names would.
const NAMES: &str = "--host-resolver-rules=MAP radius.example.test 10.251.0.10";
const PC: &str = "P-0001";

struct Watched(Lab);

impl Watched {
    /// What an operator types beside the service.
    fn operator(&self, arguments: &[&str]) -> String {
        let state = self.0.path("state");
        let place = ["--state", state.to_str().unwrap()];
        let output = self.0.sekisho(&[arguments, &place].concat());
        assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
        printed(&output)
    }

    /// Has the tables of the switch read as they are now.
    fn sweep(&self) -> Value {
        self.0.tell("tables", &[]);
        serde_json::from_str(&self.operator(&["switch", "sweep", "sw01", "--json"])).unwrap()
    }
}

#[test]
fn the_lab_is_watched_by_prometheus_and_its_ports_move_when_the_page_says_so() {
    let watched = Watched(Lab::up(&["--watched"]));
    let lab = &watched.0;
    let secrets = lab.path("site/secrets");
    let secrets = secrets.to_str().unwrap();
    let made =
        lab.sekisho(&["secret", "token", "tester", "--role", "operate", "--secrets", secrets]);
    assert!(made.status.success(), "{}", printed(&made));
    watched.operator(&["reload"]);
    let prometheus = Prometheus::new("127.0.0.1:9812", lab.within("srv"));
    prometheus.wait_for("scrape", "sekisho_build_info");
    for (port, host) in [("port1", "pc"), ("port2", "printer")] {
        lab.tell("plug", &[port, host]);
    }
    lab.tell("join", &["pc"]);
    lab.wait_for("port1", "authorised", 110);
    assert!(lab.tell("lease", &["pc"]).starts_with("10.1.0."));

    // Who is in by RADIUS is where the switch says, and who is in without it is named.
    let view = watched.sweep();
    assert_eq!((&view["state"], &view["r17"]), (&"fresh".into(), &0.into()), "{view}");
    let table = view["table"].as_array().unwrap();
    assert!(table.iter().any(|it| it["mac"] == "00-00-5E-00-53-01" && it["port"] == "port1"));
    lab.tell("plug", &["port3", "stranger"]);
    let socket = format!("unix:{}", lab.path("ovs/access.mgmt").display());
    let flow = format!("ovs-ofctl add-flow {socket} in_port=port3,priority=50000,actions=NORMAL");
    let opened = lab.shell("sw", &flow);
    assert!(opened.status.success(), "{}", printed(&opened));
    let stranger = ".0.0.94.0.83.153 ";
    lab.wait("stranger in the table", || {
        lab.shell("stranger", "ip addr replace 10.2.0.66/24 dev eth0; ping -c1 -W1 10.2.0.10");
        lab.tell("tables", &[]);
        fs::read_to_string(lab.path("tables")).unwrap().contains(stranger)
    });
    // Nobody asks for a sweep from here on.
    let learned = Instant::now();

    // A browser that knows no authority of the city goes no further.
    let names = [NAMES];
    let wary = Browser::start(lab.within("srv"), &names);
    let wary = format!("{} {}", wary.try_go(PAGE), wary.text());
    assert!(wary.contains("ERR_CERT_AUTHORITY_INVALID"), "{wary}");
    let browser = Browser::start(lab.within("srv"), &names);
    browser.trust(&lab.path("site/secrets/authority/city.pem"));
    let token = lab.path("site/secrets/api/tester.operate.token");
    log_in(&browser, PAGE, &fs::read_to_string(token).unwrap());
    assert_eq!(browser.script("return location.protocol + isSecureContext"), "https:true");
    // What the session hangs on is for this page alone; the language is nobody's secret.
    let cookies = browser.cookies();
    let kept = cookies.as_array().unwrap().iter().filter(|cookie| cookie["name"] != "lang");
    for cookie in kept.clone() {
        let (secure, script) = (&cookie["secure"], &cookie["httpOnly"]);
        assert_eq!((secure, script), (&json!(true), &json!(true)), "{cookie}");
        assert_eq!(cookie["sameSite"], "Strict", "{cookie}");
    }
    assert_eq!(kept.count(), 1, "{cookies}");
    browser.go(&format!("{PAGE}/device?asset={PC}"));
    browser.wait_for("VLAN 110");
    for (action, said, vlan) in
        [("quarantine", "隔離しました", 900), ("release", "解除しました", 110)]
    {
        browser.write("#reason", "ラボの確認");
        let begun = Instant::now();
        browser.press(&format!("button[value='{action}']"));
        browser.wait_for(said);
        lab.wait_for("port1", "authorised", vlan);
        println!("{action}: the port was in VLAN {vlan} after {:?}", begun.elapsed());
        assert_eq!(lab.tag("port1"), vlan.to_string(), "as the switch itself has it");
        browser.wait_for(&format!("VLAN {vlan}"));
    }

    let named = || fs::read_to_string(lab.path("serve.log")).unwrap().contains("SNMP-stranger");
    while !named() {
        assert!(learned.elapsed() < Duration::from_secs(60), "the stranger is not named");
        std::thread::sleep(Duration::from_millis(100));
    }
    let status: Value =
        serde_json::from_str(&watched.operator(&["switch", "status", "sw01", "--json"])).unwrap();
    let finding = json!({ "rule": "R17", "port": "port3", "subject": "00-00-5E-00-53-99", "vlan": 4094, "other": "" });
    assert_eq!(status["findings"], json!([finding]), "{status}");

    browser.go(&format!("{PAGE}/site?id=honcho"));
    browser.wait_for("R17 認証の無い MAC アドレス · port3 · 00-00-5E-00-53-99");

    // The sensor finds what is brought in behind the PC, and its port moves by itself.
    std::thread::sleep(Duration::from_secs(2));
    lab.tell("attack", &["dhcp"]);
    lab.wait_for("port1", "authorised", 900);
    let metrics = run(lab.inside("srv", "curl").args(["-s", "http://127.0.0.1:9812/metrics"]));
    let served = as_documented(&String::from_utf8(metrics.stdout).unwrap());
    assert!(served.contains_key("sekisho_rogue_verdicts_total"), "{served:?}");
    let asked = prometheus.answers_panels(|_| true);
    println!("{asked} queries answered");
    assert!(asked > 60, "{asked}");
}
