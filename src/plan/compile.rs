//! Files in, one plan or every finding out.

use super::finding::Sink;
use super::names::Names;
use super::sources::{concerns, is_profile, is_site};
use super::{
    Finding, FindingKind, Plan, Sources, alerts, calendar, detections, environment, flow,
    inventory, policy, profile, sensors, server, topology, tripwire,
};
use crate::vocabulary::Timestamp;

/// What became of a site's files.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The plan; `None` exactly when there is an error among the findings.
    pub plan: Option<Plan>,
    /// Everything found, by file and line.
    pub findings: Vec<Finding>,
}

/// Compiles the files of a site. `now` decides only what is warned of (see
/// [`Severity::Warning`](super::Severity)), never whether there is a plan.
#[must_use]
pub fn compile(sources: &Sources, now: Timestamp) -> Compiled {
    let sink = Sink::default();
    let plan = assemble(sources, &sink, now);
    let plan = if sink.has_errors() { None } else { plan };
    Compiled { plan, findings: sink.into_findings() }
}

fn assemble(sources: &Sources, sink: &Sink, now: Timestamp) -> Option<Plan> {
    let mut names = Names::default();
    let server = server::read(sources, sink);
    let environments = environment::read(sources, sink, &mut names);
    let profiles = profile::read(sources, sink, &mut names);
    let classes = policy::read_classes(sources, sink, &mut names);
    let topology = topology::read(sources, sink, &mut names, &environments, &profiles);
    let devices =
        inventory::read(sources, sink, &mut names, &environments.environments, &classes, &topology);
    let policy = policy::read(sources, sink, &names, &environments, &topology, now);
    let permitted = flow::read(sources, sink, &names, &environments.environments, now);
    let alerts = alerts::read(sources, sink, &names);
    let detections = detections::read(sources, sink, &names);
    let calendar = calendar::read(sources, sink);
    let sensors = sensors::read(sources, sink, &names);
    let tripwire = tripwire::read(sources, sink, &names, &sensors);
    unknown_files(sources, sink);
    let plan = Plan {
        content_hash: sources.content_hash(),
        server: server?,
        edition: policy.edition?,
        quarantine: environments.quarantine?,
        environments: environments.environments,
        pairs: environments.pairs,
        authorities: environments.authorities,
        classes,
        rules: policy.rules,
        exceptions: policy.exceptions,
        grants: policy.grants,
        profiles,
        sites: topology.sites,
        switches: topology.switches,
        devices,
        rings: topology.rings,
        links: topology.links,
        acls: topology.acls,
        gateways: topology.gateways,
        relays: topology.relays,
        permitted,
        alerts,
        detections,
        calendar,
        sensors,
        tripwire,
        lookup: super::model::Lookup::default(),
    };
    let plan = plan.link();
    super::check::check(&plan, sink, now);
    Some(plan)
}

/// What no reader asked for is a mistake: a misspelt name would otherwise be a silent omission.
fn unknown_files(sources: &Sources, sink: &Sink) {
    let config = |path: &str| {
        matches!(
            path,
            "server.toml"
                | "environments.toml"
                | "policy.toml"
                | "exceptions.toml"
                | "grants.toml"
                | "flows.toml"
                | "alerts.toml"
                | "detections.toml"
                | "calendar.toml"
                | "sensors.toml"
                | "tripwire.toml"
                | "inventory.csv"
        ) || is_profile(path)
            || !concerns(path)
    };
    let unknown = |tree: &str, path: &str| {
        let path = format!("{tree}/{path}");
        sink.push(Finding::new(FindingKind::FileUnknown, None, "").fact("path", path));
    };
    for path in sources.config.keys().filter(|path| !config(path)) {
        unknown("config", path);
    }
    for path in sources.topology.keys() {
        let drawing = path.split('/').count() == 2 && path.ends_with("/drawing.txt");
        if path != "network.toml" && !is_site(path) && !drawing {
            unknown("topology", path);
        }
    }
}
