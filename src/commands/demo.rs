//! `sekisho demo`: the real server on loopback with the example city, driven by simulated
//! switches until every device of the inventory has been answered.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{ArgMatches, Command};
use serde_json::{Value, json};

use super::arguments::Words;
use super::{Console, DONE, WRONG, example, secret, site};
use crate::authority::{Authority, AuthorityError};
use crate::plan::{
    self, AuthorityIndex, AuthorityMaterial, ClientSecrets, Credentials, Finding, Plan, Sources,
};
use crate::shell::clock::{self, Clock};
use crate::shell::service::{Input, Material, Refused, Service};
use crate::shell::{Failure, FailureKind, fleet, random};
use crate::simulation::{AttemptResult, City, Expected, Fleet, IssuingWallet, Progress, Story};
use crate::vocabulary::{Language, SwitchIndex, Text, Timestamp};

/// Attempts under way at once: a busy morning.
const UNDER_WAY_MAX: usize = 64;
/// Days the throw-away certificates are valid.
const DAYS: u32 = 30;
/// How long the log may lag behind the answers.
const LOG_PATIENCE: Duration = Duration::from_secs(5);
/// Wrong answers that are shown one by one.
const WRONG_SHOWN_MAX: usize = 10;
/// How often the progress is redrawn.
const REDRAW: Duration = Duration::from_millis(100);
/// How often it is printed where nothing can be redrawn.
const REPRINT: Duration = Duration::from_secs(2);

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let about = words.say(
        "例の市の全端末を実サーバーに接続させて見せる(権限・スイッチ・設定は不要)",
        "let every device of an example city ask the real server (needs no root, no switch, no files)",
    );
    let once = words.flag(
        "once",
        "まとめを出したら終わる(全端末が台帳どおりなら終了コード 0)",
        "end after the summary (exit 0 only if every device got what the inventory says)",
    );
    site::with_json(Command::new("demo").about(about).arg(once), words)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let (once, as_json) = (matches.get_flag("once"), matches.get_flag("json"));
    match show(once || as_json, as_json, console) {
        Ok(code) => code,
        Err(refused) => {
            site::print_refusal(console, &refused);
            WRONG
        }
    }
}

fn show(once: bool, as_json: bool, console: &mut Console) -> Result<u8, Refused> {
    let now = clock::now();
    let (authority, _) = Authority::create("Demonstration CA", now, DAYS + 1).map_err(fault)?;
    let demonstration = Demonstration::new(&authority, now)?;
    let (plan, secrets) =
        (Arc::clone(&demonstration.plan), demonstration.credentials.clients.clone());
    let tally = Tally::default();
    let service = match Service::start(Box::new(demonstration.clone()), None, tally.clone()) {
        // Somebody else serves metrics there: any port will do for a demonstration.
        Err(refused) if refused.failure.kind == FailureKind::AddressUnavailable => {
            let elsewhere = Demonstration { metrics_port: Some(0), ..demonstration };
            Service::start(Box::new(elsewhere), None, tally.clone())?
        }
        started => started?,
    };
    let server = service.addresses().first().copied();
    let server = server.ok_or_else(|| Failure::new(FailureKind::StopFailed))?;
    let metrics = service.metrics_address();
    if !as_json {
        introduce(console, &plan, server, metrics);
    }

    let city = City::new(&plan, now, &random::seed()?);
    let anchor = authority.certificate_der().to_vec();
    let server_name = plan.server.eap.server_name.clone();
    let wallet = IssuingWallet::new(authority, anchor, server_name, now).map_err(fault)?;
    let mut fleet =
        Fleet::new(&plan, &secrets, server, city.attempts, wallet, UNDER_WAY_MAX, &random::seed()?);
    let total = fleet.progress().waiting;
    let mut results = Vec::with_capacity(total);
    let clock = Clock::start();
    let mut screen = Screen { total, shown: Duration::ZERO, silent: as_json };
    fleet::drive(&mut fleet, |result, progress| {
        screen.show(console, &plan, clock.now().monotonic, &result, progress);
        results.push(result);
    })?;
    let elapsed = clock.now().monotonic;
    screen.end(console);
    tally.wait_for(total, &clock);
    let summary = Summary::new(&plan, &results, &tally, city.homeless.len(), elapsed);
    if as_json {
        console.json(&summary.json());
    } else {
        summary.print(&plan, &results, console);
    }
    let code = if summary.is_right() { DONE } else { WRONG };
    if once {
        // OK because a service that is gone needs no stopping.
        let _ = service.sender().send(Input::Stop("demo".to_owned()));
    } else {
        let text = Text {
            ja: "メトリクスは http://{metrics}/metrics にあります。Ctrl-C で終わります。",
            en: "metrics stay at http://{metrics}/metrics; end with Ctrl-C",
        };
        let at = metrics.map_or_else(|| "-".to_owned(), |address| address.to_string());
        console.line(text.fill(console.language, &[("metrics", at)]));
        service.obey_signals()?;
    }
    service.run()?;
    Ok(code)
}

/// The example city with throw-away keys, fitted to one machine.
#[derive(Clone)]
struct Demonstration {
    sources: Sources,
    /// The plan as fitted, once compiled.
    plan: Arc<Plan>,
    credentials: Credentials,
    metrics_port: Option<u16>,
}

impl Demonstration {
    fn new(authority: &Authority, now: Timestamp) -> Result<Self, Refused> {
        let sources = example::sources();
        let compiled = plan::compile(&sources, now);
        let Some(plan) = compiled.plan else {
            let failure = Failure::new(FailureKind::PlanRefused);
            let failure = failure.fact("errors", site::count(&compiled.findings).0);
            return Err(Refused { failure, findings: compiled.findings, changes: Vec::new() });
        };
        let plan = fit(plan, None);
        let credentials = credentials(&plan, authority, now)?;
        Ok(Self { sources, plan: Arc::new(plan), credentials, metrics_port: None })
    }
}

impl Material for Demonstration {
    fn sources(&self) -> Result<Sources, Failure> {
        Ok(self.sources.clone())
    }

    fn credentials(
        &self,
        _plan: &Plan,
        _now: Timestamp,
    ) -> Result<(Option<Credentials>, Vec<Finding>), Failure> {
        Ok((Some(self.credentials.clone()), Vec::new()))
    }

    fn fit(&self, plan: Plan) -> Plan {
        fit(plan, self.metrics_port)
    }
}

/// Gives every switch a loopback address of its own, 10.250.1.11 becoming 127.250.1.11, and the
/// server a free port.
fn fit(plan: Plan, metrics_port: Option<u16>) -> Plan {
    let mut plan = plan.map_addresses(|address| match address {
        IpAddr::V4(address) => {
            let [_, rest @ ..] = address.octets();
            let [second, third, fourth] = rest;
            IpAddr::from([127, second, third, fourth])
        }
        IpAddr::V6(_) => address,
    });
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    plan.server.authentication = vec![free];
    plan.server.accounting.fill(free);
    if let (Some(port), Some(listen)) = (metrics_port, &mut plan.server.metrics_listen) {
        listen.set_port(port);
    }
    plan
}

fn fault(cause: AuthorityError) -> Refused {
    let cause = cause.text(Language::English);
    Failure::new(FailureKind::SnapshotRefused).fact("cause", cause).into()
}

fn credentials(plan: &Plan, authority: &Authority, now: Timestamp) -> Result<Credentials, Refused> {
    let names = [plan.server.eap.server_name.as_str()];
    let server = authority.issue_server(&names, now, DAYS).map_err(fault)?;
    let list = authority.revocation_list(&[], 1, now, DAYS).map_err(fault)?;
    let mut clients = HashMap::new();
    for (index, switch) in (0_u16..).zip(&plan.switches) {
        if switch.is_client() {
            let (current, word) = (secret::generate()?, secret::generate()?);
            let secrets = ClientSecrets { current, next: None, mab_word: Some(word) };
            clients.insert(SwitchIndex(index), secrets);
        }
    }
    let material = |index| AuthorityMaterial {
        index: AuthorityIndex(index),
        certificates_der: vec![authority.certificate_der().to_vec()],
        crl_der: Some(list.der.clone()),
        ends: vec![authority.end()],
        crl_next_update: Some(list.next_update),
    };
    Ok(Credentials {
        tokens: Vec::new(),
        peers: Default::default(),
        clients,
        left_out: 0,
        server_chain: server.issued.pem.into_bytes(),
        server_key: server.key.pem().clone(),
        server_end: server.issued.not_after,
        alerts: Default::default(),
        snmp: Default::default(),
        tripwire: None,
        authorities: (0_u8..).zip(&plan.authorities).map(|(index, _)| material(index)).collect(),
    })
}

/// Reads the server's own log: what it decided and why is told to nobody else.
#[derive(Clone, Default)]
struct Tally {
    lines: Arc<Mutex<Lines>>,
}

#[derive(Default)]
struct Lines {
    unfinished: Vec<u8>,
    decisions: usize,
    /// Decisions by address and place.
    by_place: HashMap<(String, String), Vec<Decided>>,
}

/// The environment entered, or why none was.
struct Decided {
    environment: Option<String>,
    reason: String,
}

impl Write for Tally {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for octet in octets {
            if *octet == b'\n' {
                let line = std::mem::take(&mut lines.unfinished);
                lines.take(&line);
            } else {
                lines.unfinished.push(*octet);
            }
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn take(&mut self, line: &[u8]) {
        let Ok(Value::Object(line)) = serde_json::from_slice(line) else { return };
        let text = |name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
        if text("event").as_deref() != Some(crate::record::DECISION) {
            return;
        }
        self.decisions += 1;
        let key = (text("mac").unwrap_or_default(), text("place").unwrap_or_default());
        let reason = text("reason").unwrap_or_default();
        let decided = Decided { environment: text("environment"), reason };
        self.by_place.entry(key).or_default().push(decided);
    }
}

impl Tally {
    /// Waits until that many decisions are in the log.
    fn wait_for(&self, decisions: usize, clock: &Clock) {
        let end = clock.now().monotonic + LOG_PATIENCE;
        let done =
            || self.lines.lock().unwrap_or_else(PoisonError::into_inner).decisions >= decisions;
        while !done() && clock.now().monotonic < end {
            clock::rest(Duration::from_millis(10));
        }
    }
}

fn introduce(console: &mut Console, plan: &Plan, server: SocketAddr, metrics: Option<SocketAddr>) {
    let text = Text {
        ja: "例の市: 拠点 {sites}、スイッチ {switches}、登録端末 {devices}\nRADIUS サーバー {server}、メトリクス http://{metrics}/metrics\nPC は証明書(EAP-TLS)、プリンターは MAC アドレス(MAB)で接続し、部外者も混じります。",
        en: "example city: {sites} sites, {switches} switches, {devices} registered devices\nRADIUS server {server}, metrics http://{metrics}/metrics\nPCs come with certificates (EAP-TLS), printers by MAC address (MAB), and strangers among them",
    };
    let facts = [
        ("sites", plan.sites.len().to_string()),
        ("switches", plan.switches.len().to_string()),
        ("devices", plan.devices.len().to_string()),
        ("server", server.to_string()),
        ("metrics", metrics.map_or_else(|| "-".to_owned(), |address| address.to_string())),
    ];
    console.line(text.fill(console.language, &facts));
}

/// The live progress.
struct Screen {
    total: usize,
    shown: Duration,
    silent: bool,
}

impl Screen {
    /// Width of the bar in characters.
    const BAR: usize = 30;

    fn show(
        &mut self,
        console: &mut Console,
        plan: &Plan,
        now: Duration,
        result: &AttemptResult,
        progress: Progress,
    ) {
        let pause = if console.is_terminal() { REDRAW } else { REPRINT };
        if self.silent || (now.saturating_sub(self.shown) < pause && !progress.is_done()) {
            return;
        }
        self.shown = now;
        let done = progress.correct + progress.wrong;
        let filled = done * Self::BAR / self.total.max(1);
        let bar =
            format!("{}{}", "█".repeat(filled), "░".repeat(Self::BAR - filled.min(Self::BAR)));
        let place = plan.place_name(&result.attempt.place);
        let line = format!("{bar} {done:>5}/{}  ✗ {}  {place}", self.total, progress.wrong);
        if console.is_terminal() {
            console.part(format!("\r\x1b[2K{line}"));
        } else {
            console.line(line);
        }
    }

    fn end(&self, console: &mut Console) {
        if console.is_terminal() && !self.silent {
            console.line("");
        }
    }
}

/// What came of the run.
struct Summary {
    devices: usize,
    homeless: usize,
    elapsed: Duration,
    right: usize,
    wrong: usize,
    /// Environments and how many entered each, in the plan's order.
    entered: Vec<(String, usize)>,
    /// Reasons and how many met each.
    refused: BTreeMap<String, usize>,
    /// What was tried, how often, and how often it came out as it should.
    stories: Vec<(Story, usize, usize)>,
}

impl Summary {
    fn new(
        plan: &Plan,
        results: &[AttemptResult],
        tally: &Tally,
        homeless: usize,
        elapsed: Duration,
    ) -> Self {
        let mut lines = tally.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entered: BTreeMap<String, usize> = BTreeMap::new();
        let mut refused: BTreeMap<String, usize> = BTreeMap::new();
        for decided in lines.by_place.values().flatten() {
            match &decided.environment {
                Some(environment) => *entered.entry(environment.clone()).or_default() += 1,
                None => *refused.entry(decided.reason.clone()).or_default() += 1,
            }
        }
        let mut stories: Vec<_> = Story::ALL.iter().map(|story| (*story, 0, 0)).collect();
        let mut right = 0;
        for result in results {
            let attempt = &result.attempt;
            let key = (attempt.mac.to_string(), plan.place_name(&attempt.place));
            // What the switch was told, and what the record says of it; an imposter may have
            // come where the honest device came as well, each for one record of its own.
            let records = lines.by_place.entry(key).or_default();
            let record = records.iter().position(|told| agrees(plan, attempt.expected, told));
            let correct = result.correct && record.is_some();
            if let Some(record) = record {
                records.swap_remove(record);
            }
            right += usize::from(correct);
            if let Some((_, tried, fine)) =
                stories.iter_mut().find(|(story, ..)| *story == attempt.story)
            {
                *tried += 1;
                *fine += usize::from(correct);
            }
        }
        let order = plan.environments.iter().map(|environment| environment.id.clone());
        Self {
            devices: plan.devices.len(),
            homeless,
            elapsed,
            right,
            wrong: results.len() - right,
            entered: order.map(|id| (id.clone(), entered.get(&id).copied().unwrap_or(0))).collect(),
            refused,
            stories,
        }
    }

    fn is_right(&self) -> bool {
        let honest = self.stories.iter().find(|(story, ..)| *story == Story::Honest);
        self.wrong == 0 && honest.is_some_and(|(_, tried, _)| *tried == self.devices)
    }

    fn json(&self) -> Value {
        let stories = self.stories.iter().map(|(story, tried, right)| {
            json!({ "story": story.id(), "attempts": tried, "right": right })
        });
        json!({
            "right": self.is_right(),
            "devices": self.devices,
            "without_place": self.homeless,
            "attempts": self.right + self.wrong,
            "as_expected": self.right,
            "elapsed_ms": u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
            "entered": self.entered.iter().cloned().collect::<BTreeMap<_, _>>(),
            "refused": self.refused,
            "stories": stories.collect::<Vec<_>>(),
        })
    }

    fn print(&self, plan: &Plan, results: &[AttemptResult], console: &mut Console) {
        let language = console.language;
        console.line(console.say(Text { ja: "\n入った環境", en: "\nentered" }));
        for (id, count) in &self.entered {
            let environment = plan.environment_by_id(id).and_then(|index| plan.environment(index));
            let name = environment.map_or("", |environment| environment.name.get(language));
            console.line(format!("  {count:>5}  {id}  {name}"));
        }
        console.line(console.say(Text { ja: "拒否した理由", en: "refused because" }));
        for (reason, count) in &self.refused {
            console.line(format!("  {count:>5}  {reason}"));
        }
        console.line(
            console.say(Text {
                ja: "試したこと(期待どおり/試行)",
                en: "tried (as expected / attempts)",
            }),
        );
        for (story, tried, right) in self.stories.iter().filter(|(_, tried, _)| *tried > 0) {
            console.line(format!("  {right:>5} /{tried:>5}  {}", story.text().get(language)));
        }
        for result in results.iter().filter(|result| !result.correct).take(WRONG_SHOWN_MAX) {
            let place = plan.place_name(&result.attempt.place);
            let (mac, expected) = (result.attempt.mac, result.attempt.expected);
            console.line(format!("  ✗ {mac} {place}: {expected:?} ≠ {:?}", result.outcome));
        }
        let seconds = self.elapsed.as_secs_f64();
        let text = match self.is_right() {
            true => Text {
                ja: "{attempts} 件すべてが台帳どおりでした({seconds} 秒)。",
                en: "all {attempts} attempts were answered as the inventory says, in {seconds} s",
            },
            false => Text {
                ja: "{attempts} 件のうち {wrong} 件が台帳と違います({seconds} 秒)。",
                en: "{wrong} of {attempts} attempts were answered otherwise than the inventory says, in {seconds} s",
            },
        };
        let facts = [
            ("attempts", (self.right + self.wrong).to_string()),
            ("wrong", self.wrong.to_string()),
            ("seconds", format!("{seconds:.1}")),
        ];
        console.line(text.fill(language, &facts));
    }
}

/// Whether the server's record says what was expected.
fn agrees(plan: &Plan, expected: Expected, decided: &Decided) -> bool {
    let id = |index| plan.environment(index).map(|environment| environment.id.as_str());
    let entered = decided.environment.as_deref();
    match expected {
        Expected::Admitted { environment, .. } => entered == id(environment),
        Expected::Quarantined { .. } => entered == id(plan.quarantine),
        Expected::Refused { family } => {
            entered.is_none() && decided.reason.split('.').next() == Some(family)
        }
    }
}
