//! The operator's page, driven in a real Chromium: log in, find, read, quarantine, release; with
//! the whole city attached and a hundred thousand records.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho::authority::Authority;
use sekisho::plan::ClientSecrets;
use sekisho::record::{Line, Store as _};
use sekisho::shell::evidence::Sqlite;
use sekisho::shell::fleet;
use sekisho::simulation::{City as Crowd, Fleet, IssuingWallet};
use sekisho::vocabulary::{Secret, SwitchIndex, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::city::{City, SERVER_NAME, Server, Within, free_port, now, printed, root, run, secret};
use crate::operate::json as told;
use crate::sessions::Switch;

/// How long a browser may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// Records of evidence there before.
const RECORDS: usize = 100_000;
/// How long a page may take with all of that.
const PAGE_MAX: Duration = Duration::from_secs(5);

/// A Chromium behind its driver.
pub struct Browser {
    driver: Child,
    session: String,
    within: Within,
    directory: TempDir,
}

impl Browser {
    fn new() -> Self {
        Self::start(Within::default(), &[])
    }

    /// One that runs in a namespace; its home is empty, so that it trusts nobody of its own
    /// accord but whom [`Browser::trust`] names.
    pub fn start(within: Within, arguments: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let port = free_port();
        let mut command = within.command("chromedriver");
        command
            .env("HOME", directory.path())
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let driver = command.spawn();
        let driver =
            driver.unwrap_or_else(|error| panic!("chromium-driver must be installed: {error}"));
        let base = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, session: base.clone(), within, directory };
        let profile = format!("--user-data-dir={}", browser.directory.path().display());
        let own = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1360,900",
            "--lang=ja",
            &profile,
        ];
        let words: Vec<&str> = own.into_iter().chain(arguments.iter().copied()).collect();
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "args": words } } } });
        let end = Instant::now() + PATIENCE;
        let begun = loop {
            let begun = browser.send("POST", "", Some(&wanted));
            if begun["value"]["sessionId"].is_string() {
                break begun;
            }
            assert!(Instant::now() < end, "no browser: {begun}");
            std::thread::sleep(Duration::from_millis(200));
        };
        browser.session = format!("{base}/{}", begun["value"]["sessionId"].as_str().unwrap());
        browser
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let mut command = self.within.command("curl");
        command.args(["-s", "--max-time", "60", "-X", method]);
        if let Some(body) = body {
            command.args(["-H", "Content-Type: application/json", "-d", &body.to_string()]);
        }
        let output = run(command.arg(format!("{}{path}", self.session)));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    pub fn go(&self, url: &str) -> Duration {
        let begun = Instant::now();
        let answer = self.try_go(url);
        assert!(answer.is_null(), "{url}: {answer}");
        begun.elapsed()
    }

    /// What went wrong, if anything did.
    pub fn try_go(&self, url: &str) -> Value {
        self.send("POST", "/url", Some(&json!({ "url": url })))["value"].clone()
    }

    /// The cookies it keeps for the page it shows.
    pub fn cookies(&self) -> Value {
        self.send("GET", "/cookie", None)["value"].clone()
    }

    /// From now on it believes certificates of an authority.
    pub fn trust(&self, authority: &Path) {
        let store = self.directory.path().join(".pki/nssdb");
        fs::create_dir_all(&store).unwrap();
        let store = format!("sql:{}", store.display());
        for arguments in [
            vec!["-N", "--empty-password"],
            vec!["-A", "-n", "city", "-t", "C,,", "-i", authority.to_str().unwrap()],
        ] {
            let done = run(Command::new("certutil").args(["-d", &store]).args(arguments));
            assert!(done.status.success(), "{}", printed(&done));
        }
    }

    /// What a script gives back.
    pub fn script(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.send("POST", "/execute/sync", Some(&body))["value"].clone()
    }

    fn element(&self, css: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let body = json!({ "using": "css selector", "value": css });
            let answer = self.send("POST", "/element", Some(&body));
            let found = answer["value"].as_object().and_then(|it| it.values().next()?.as_str());
            if let Some(found) = found.filter(|_| answer["value"].get("error").is_none()) {
                return found.to_owned();
            }
            assert!(Instant::now() < end, "no {css}: {}", self.text());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn write(&self, css: &str, text: &str) {
        let path = format!("/element/{}/value", self.element(css));
        self.send("POST", &path, Some(&json!({ "text": text })));
    }

    pub fn press(&self, css: &str) {
        let path = format!("/element/{}/click", self.element(css));
        let answer = self.send("POST", &path, Some(&json!({})));
        assert!(answer["value"].is_null(), "{css}: {answer}");
    }

    pub fn text(&self) -> String {
        self.script("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    fn path(&self) -> String {
        let path = self.script("return location.pathname + location.search");
        path.as_str().unwrap_or_default().to_owned()
    }

    pub fn wait_for(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            assert!(Instant::now() < end, "no {text}: {}", self.text());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A picture; kept for the documentation with `SEKISHO_RENEW=1`.
    fn picture(&self, name: &str) {
        let answer = self.send("GET", "/screenshot", None);
        let coded = self.directory.path().join("coded");
        fs::write(&coded, answer["value"].as_str().unwrap()).unwrap();
        let picture = run(Command::new("base64").arg("-d").arg(&coded)).stdout;
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 5_000, "{name}");
        if std::env::var_os("SEKISHO_RENEW").is_some() {
            let directory = root().join("integration/pictures");
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join(format!("{name}.png")), picture).unwrap();
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.send("DELETE", "", None);
        // OK when it has ended already.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A city with a token for whoever looks and one for whoever acts, and evidence of weeks.
fn city() -> City {
    let city = City::new();
    for role in ["read", "operate", "administer"] {
        let made = run(&mut city.sekisho(&["secret", "token", "tester", "--role", role]));
        assert!(made.status.success(), "{}", printed(&made));
    }
    fs::create_dir_all(city.path("state")).unwrap();
    let mut store = Sqlite::open(&city.path("state")).unwrap();
    let begin = now().0 - 30 * 86_400_000;
    let line = |number: usize| -> Line {
        let device = number % 3000 + 1;
        let time = Timestamp(begin + i64::try_from(number).unwrap() * 20_000).rfc3339();
        let line = json!({
            "time": time, "event": "AUTH", "severity": "info", "outcome": "admit",
            "reason": "policy.admitted", "text": "登録どおりに接続しました", "switch": "hon-sw01",
            "place": format!("honcho/hon-sw01/0/{}", number % 48 + 1), "asset": format!("P-{device:04}"),
            "environment": "B", "vlan": 120, "site": "honcho",
        });
        line.as_object().unwrap().clone()
    };
    let lines: Vec<Line> = (0..RECORDS).map(line).collect();
    for lines in lines.chunks(4096) {
        store.append(lines).unwrap();
    }
    city
}

fn token(city: &City, role: &str) -> String {
    fs::read_to_string(city.path(&format!("secrets/api/tester.{role}.token"))).unwrap()
}

/// Lets every device of the inventory come once, by simulated switches.
fn fill(city: &mut City, server: &Server) {
    let plan = Arc::new(city.plan());
    let word = |id: &str| Secret::new(secret(id).into_bytes());
    let clients = (0_u16..).zip(&plan.switches).filter(|(_, switch)| switch.is_client());
    let secrets = clients
        .map(|(index, switch)| {
            let secrets = ClientSecrets { current: word(&switch.id), next: None, mab_word: None };
            (SwitchIndex(index), secrets)
        })
        .collect();
    let (other, _) = Authority::create("Other CA", now(), 2).unwrap();
    let authority = std::mem::replace(&mut city.authority, other);
    let anchor = authority.certificate_der().to_vec();
    let wallet = IssuingWallet::new(authority, anchor, SERVER_NAME.to_owned(), now()).unwrap();
    let crowd = Crowd::new(&plan, now(), &[7; 32]);
    let address = ([127, 0, 0, 1], server.port).into();
    let mut fleet = Fleet::new(&plan, &secrets, address, crowd.attempts, wallet, 64, &[9; 32]);
    fleet::drive(&mut fleet, |_, _| {}).unwrap();
}

pub fn log_in(browser: &Browser, base: &str, token: &str) {
    browser.go(&format!("{base}/?lang=ja"));
    assert_eq!(browser.path(), "/login");
    browser.write("#token", token.trim());
    browser.press("main button");
    browser.wait_for("接続中");
}

#[test]
fn the_page_finds_tells_quarantines_and_releases_by_role_with_the_whole_city_attached() {
    let mut city = city();
    let mut server = city.serve();
    let base = format!("http://{}", told(&city, &["status", "--json"])["api"].as_str().unwrap());
    fill(&mut city, &server);
    let switch = Switch::cisco();
    assert!(switch.authenticate(&server).contains("Received Access-Accept"));
    let browser = Browser::new();

    browser.go(&format!("{base}/?lang=ja"));
    browser.write("#token", "not-a-token-of-this-city");
    browser.press("main button");
    browser.wait_for("有効ではありません");
    browser.picture("login");
    log_in(&browser, &base, &token(&city, "read"));
    let cookie = browser.script("return document.cookie");
    assert!(!cookie.as_str().unwrap().contains("sekisho"), "the session is no script's business");
    let attached = "return Number(document.querySelector('.tile strong').textContent)";
    let end = Instant::now() + PATIENCE;
    while browser.script(attached).as_f64().unwrap_or(0.0) < 3000.0 {
        assert!(Instant::now() < end, "{}", browser.text());
        browser.go(&format!("{base}/"));
    }
    browser.picture("city");

    // Every page answers soon, whatever is kept.
    for path in
        ["/", "/site?id=honcho", "/find?q=市民課", "/device?asset=P-0001", "/alerts", "/plans"]
    {
        let took = browser.go(&format!("{base}{path}"));
        println!("{path}: {took:?}");
        assert!(took < PAGE_MAX, "{path}: {took:?}");
        // Structure for keyboards and screen readers.
        let sound = browser.script(
            "return document.documentElement.lang === 'ja' && document.querySelectorAll('h1').length === 1 \
             && document.querySelectorAll('main').length === 1 && document.title.length > 3 \
             && [...document.querySelectorAll('input:not([type=hidden]), textarea')].every(it => it.labels.length > 0) \
             && [...document.querySelectorAll('a, button')].every(it => (it.ariaLabel || it.textContent).trim() !== '')",
        );
        assert_eq!(sound, true, "{path}");
        let outside = browser.script(
            "return performance.getEntriesByType('resource').filter(it => !it.name.startsWith(location.origin)).length",
        );
        assert_eq!(outside, 0, "{path}");
    }
    browser.go(&format!("{base}/site?id=honcho"));
    browser.picture("site");

    // By part of a name, and by an address as a Japanese keyboard writes it.
    browser.write("#q", "MU-PC000\u{e007}");
    browser.wait_for("P-0001");
    browser.picture("find");
    browser.write("#q", "\u{e009}a\u{e000}Ｅ８：０Ｆ：５Ｄ：９Ｃ：Ｂ６：９Ｂ\u{e007}");
    browser.wait_for("E8-0F-5D-9C-B6-9B");
    assert!(browser.path().starts_with("/device?asset=S-0033"), "{}", browser.path());
    let story = browser.text();
    assert!(
        story.contains("ken-sw02:GigabitEthernet1/0/1") && story.contains("最後の判定"),
        "{story}"
    );
    assert!(story.contains("見るだけ"), "{story}");

    // The role is the service's business, not the button's.
    let refused = browser.script(
        "const form = document.querySelector('form[action=\"/logout\"] input').value; \
         const request = new XMLHttpRequest(); request.open('POST', '/act', false); \
         request.setRequestHeader('content-type', 'application/x-www-form-urlencoded'); \
         request.send('action=quarantine&subject=S-0033&reason=x&form=' + form); return request.status",
    );
    assert_eq!(refused, 403);
    browser.press("form[action='/logout'] button");
    browser.wait_for("API のトークン");

    log_in(&browser, &base, &token(&city, "operate"));
    // What another site would send holds nothing that only our pages know.
    let foreign = browser.script(
        "const request = new XMLHttpRequest(); request.open('POST', '/act', false); \
         request.setRequestHeader('content-type', 'application/x-www-form-urlencoded'); \
         request.send('action=quarantine&subject=S-0033&reason=x&form=guess'); return request.status",
    );
    assert_eq!(foreign, 403);
    browser.go(&format!("{base}/device?asset=S-0033"));
    browser.write("#reason", "不審な通信");
    browser.press("button[value='quarantine']");
    browser.wait_for("隔離しました");
    // The port moves: the switch is told, asks again, and is given the quarantine.
    let asked = switch.heard(Duration::from_secs(10), &[]).expect("a request to the switch");
    switch.answer(&asked, &secret(switch.id), None);
    assert!(switch.authenticate(&server).contains("Received Access-Accept"));
    browser.wait_for("VLAN 900");
    browser.picture("device");
    let marks = told(&city, &["mark", "list", "--json"]);
    assert_eq!(marks[0]["by"], "page tester (127.0.0.1)", "{marks:#}");
    browser.write("#reason", "確認済み");
    browser.press("button[value='release']");
    browser.wait_for("解除しました");
    let again = switch.heard(Duration::from_secs(10), &asked.0).expect("a second request");
    switch.answer(&again, &secret(switch.id), None);
    assert!(switch.authenticate(&server).contains("Received Access-Accept"));
    let end = Instant::now() + PATIENCE;
    while browser.text().contains("VLAN 900") {
        assert!(Instant::now() < end, "{}", browser.text());
        std::thread::sleep(Duration::from_millis(200));
    }
    // The story tells what was done to the device, and by whom.
    browser.wait_for("S-0033 の印 1 を解除しました(page tester");

    // Who administers sees what a plan changed; incidents are there for everybody.
    browser.press("form[action='/logout'] button");
    browser.wait_for("API のトークン");
    log_in(&browser, &base, &token(&city, "administer"));
    city.edit("config/grants.toml", |text| format!("{text}\n# 九月の臨時窓口\n"));
    assert_eq!(told(&city, &["reload", "--json"])["generation"], 2);
    browser.go(&format!("{base}/plans"));
    browser.wait_for("運用中");
    browser.go(&format!("{base}/plan?generation=2"));
    browser.wait_for("+# 九月の臨時窓口");
    let opened = ["incident", "open", "--title", "不審な中継器", "--reason", "通報", "--json"];
    told(&city, &opened);
    browser.go(&format!("{base}/alerts"));
    browser.wait_for("不審な中継器");

    // The other language, and what each answer forbids the browser.
    browser.go(&format!("{base}/alerts?lang=en"));
    browser.wait_for("Alerts and incidents");
    browser.wait_for("was connected at");
    browser.picture("alerts");
    let head = run(Command::new("curl").args([
        "-sS",
        "-D",
        "-",
        "-o",
        "/dev/null",
        &format!("{base}/login"),
    ]));
    let head = printed(&head).to_lowercase();
    for part in ["default-src 'none'", "frame-ancestors 'none'", "nosniff", "no-store"] {
        assert!(head.contains(part), "{head}");
    }
    assert!(!head.contains("unsafe"), "{head}");
    server.wait_for("login", |line| line["event"] == "OPS-page-login" && line["role"] == "operate");
    assert!(server.stop().success());
}
