//! How long a proof takes: `cargo bench --bench proof`, `-- --json` for programs.
//!
//! Files are compiled beforehand; what is measured is the proof of a compiled plan, all of it,
//! and the proof of the same plan after one change.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that goes wrong should stop loudly"
)]

use std::hint::black_box;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::{Duration, Instant};

use sekisho::plan::{self, Plan, Port, PortRole, Severity, Sources};
use sekisho::proof;
use sekisho::shell::sources::read_tree;
use sekisho::simulation::network::{Size, generate};
use sekisho::vocabulary::Timestamp;

/// 2026-11-24, when none of the dates in the files is near.
const NOW: Timestamp = Timestamp(1_795_500_000_000);
/// Repetitions: enough for a 95th percentile, within the time given.
const TIMES: (usize, usize) = (20, 250);
const TIME_EACH: Duration = Duration::from_secs(3);

struct Measured {
    name: &'static str,
    switches: usize,
    vlans: usize,
    links: usize,
    devices: usize,
    list_rules: usize,
    flows: usize,
    compile_ms: f64,
    full: Spread,
    port: Spread,
    flow: Spread,
}

/// Milliseconds.
struct Spread {
    median: f64,
    p95: f64,
    times: usize,
}

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let [small, large, huge] = Size::GROWTH;
    let cases: [(&'static str, &dyn Fn() -> Sources); 5] = [
        ("city (shipped)", &city),
        ("town", &|| generate(&Size::TOWN)),
        ("100 switches", &|| generate(&small)),
        ("300 switches", &|| generate(&large)),
        ("1,000 switches", &|| generate(&huge)),
    ];
    let wanted = |name: &str| only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let rows: Vec<Measured> = cases
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, sources)| measure(name, &sources()))
        .collect();
    if json {
        let rows: Vec<_> = rows.iter().map(as_json).collect();
        println!("{}", serde_json::json!({ "unit": "ms", "proof": rows }));
        return;
    }
    println!(
        "| network | switches × VLANs × links | devices | flows, list rules | full proof: median, p95 | after a port | after a flow | compile |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for row in rows {
        println!(
            "| {} | {} × {} × {} | {} | {}, {} | {:.2}, {:.2} ms ({} times) | {:.2}, {:.2} ms | {:.2}, {:.2} ms | {:.0} ms |",
            row.name,
            row.switches,
            row.vlans,
            row.links,
            row.devices,
            row.flows,
            row.list_rules,
            row.full.median,
            row.full.p95,
            row.full.times,
            row.port.median,
            row.port.p95,
            row.flow.median,
            row.flow.p95,
            row.compile_ms,
        );
    }
}

/// The city of this repository's own files.
fn city() -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = |name| read_tree(&root.join(name)).unwrap_or_else(|_| panic!("{name}"));
    Sources { config: tree("config"), topology: tree("topology") }
}

fn measure(name: &'static str, sources: &Sources) -> Measured {
    let start = Instant::now();
    let compiled = plan::compile(sources, NOW);
    let compile_ms = start.elapsed().as_secs_f64() * 1e3;
    let plan = compiled.plan.unwrap_or_else(|| panic!("{name} does not compile"));
    let worst = proof::prove(&plan, None, NOW).findings.iter().map(|it| it.severity()).max();
    assert!(worst < Some(Severity::Error), "{name} is not proven");
    Measured {
        name,
        switches: plan.switches.len(),
        vlans: plan.environments.iter().map(|of| of.vlans.len()).sum(),
        links: plan.links.len(),
        devices: plan.devices.len(),
        list_rules: plan.acls.iter().map(|acl| acl.rules.len()).sum(),
        flows: plan.permitted.len(),
        compile_ms,
        full: spread(&plan, Change::nothing),
        port: spread(&plan, Change::port),
        flow: spread(&plan, Change::flow),
    }
}

/// A change that was made, to be taken back.
enum Change {
    Nothing,
    Port(usize, usize, PortRole),
    Flow(usize, Vec<RangeInclusive<u16>>),
}

impl Change {
    fn nothing(_: &mut Plan, _: usize) -> Self {
        Self::Nothing
    }

    /// A port that devices authenticate at is shut.
    fn port(plan: &mut Plan, time: usize) -> Self {
        let auth = |port: &Port| matches!(port.role, PortRole::Auth { .. });
        let switches = plan.switches.iter_mut().enumerate();
        let ports = switches.flat_map(|(at, switch)| {
            switch.ports.iter_mut().enumerate().map(move |(port, of)| (at, port, of))
        });
        let (switch, port, of) =
            ports.filter(|(_, _, of)| auth(of)).nth(time).unwrap_or_else(|| panic!("port {time}"));
        Self::Port(switch, port, std::mem::replace(&mut of.role, PortRole::Unused))
    }

    /// The application of a permitted flow moves to another port.
    fn flow(plan: &mut Plan, time: usize) -> Self {
        let at = time % plan.permitted.len();
        let flow = &mut plan.permitted[at];
        let moved = flow
            .ports
            .iter()
            .map(|range| range.start().saturating_add(1)..=range.end().saturating_add(1));
        let moved = moved.collect();
        Self::Flow(at, std::mem::replace(&mut flow.ports, moved))
    }

    fn take_back(self, plan: &mut Plan) {
        match self {
            Self::Nothing => {}
            Self::Port(switch, port, role) => plan.switches[switch].ports[port].role = role,
            Self::Flow(at, ports) => plan.permitted[at].ports = ports,
        }
    }
}

/// Proves again and again, each time with one change to the plan, which is not measured.
fn spread(plan: &Plan, change: impl Fn(&mut Plan, usize) -> Change) -> Spread {
    let mut plan = plan.clone();
    let (fewest, most) = TIMES;
    let mut taken = Vec::new();
    let begun = Instant::now();
    while taken.len() < fewest || (taken.len() < most && begun.elapsed() < TIME_EACH) {
        let change = change(&mut plan, taken.len());
        let start = Instant::now();
        black_box(proof::prove(black_box(&plan), None, NOW));
        taken.push(start.elapsed().as_secs_f64() * 1e3);
        change.take_back(&mut plan);
    }
    taken.sort_by(f64::total_cmp);
    let at = |share: usize| taken[(taken.len() - 1) * share / 100];
    Spread { median: at(50), p95: at(95), times: taken.len() }
}

fn as_json(row: &Measured) -> serde_json::Value {
    let spread = |spread: &Spread| serde_json::json!({ "median": spread.median, "p95": spread.p95, "times": spread.times });
    serde_json::json!({
        "network": row.name,
        "switches": row.switches,
        "vlans": row.vlans,
        "links": row.links,
        "devices": row.devices,
        "flows": row.flows,
        "list_rules": row.list_rules,
        "compile_ms": row.compile_ms,
        "full": spread(&row.full),
        "after_port": spread(&row.port),
        "after_flow": spread(&row.flow),
    })
}
