//! Files in, one plan or every finding out.

use std::collections::{BTreeMap, HashMap};

use ring::digest;

use super::finding::Sink;
use super::read::{Located, nearest};
use super::{
    AuthorityIndex, Finding, FindingKind, Plan, ProfileIndex, RingIndex, environment, inventory,
    policy, profile, server, topology,
};
use crate::vocabulary::{
    ClassIndex, DeviceIndex, EnvironmentIndex, SiteIndex, SwitchIndex, Timestamp, VlanId,
};

/// The files of a site by path relative to their directory, with `/` between names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// What lies below `config/`.
    pub config: BTreeMap<String, Vec<u8>>,
    /// What lies below `topology/`.
    pub topology: BTreeMap<String, Vec<u8>>,
}

impl Sources {
    /// SHA-256 over every path and content, each with its length, in order.
    #[must_use]
    pub fn content_hash(&self) -> [u8; 32] {
        let mut hash = digest::Context::new(&digest::SHA256);
        for (tree, files) in [("config", &self.config), ("topology", &self.topology)] {
            for (path, content) in files {
                for part in [tree.as_bytes(), path.as_bytes(), content] {
                    hash.update(&(part.len() as u64).to_be_bytes());
                    hash.update(part);
                }
            }
        }
        hash.finish().as_ref().try_into().unwrap_or([0; 32]) // OK: SHA-256 has 32 octets
    }
}

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
        gateways: topology.gateways,
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
                | "inventory.csv"
        ) || is_profile(path)
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

/// `profiles/ID.toml`.
pub(super) fn is_profile(path: &str) -> bool {
    path.split('/').count() == 2 && path.starts_with("profiles/") && path.ends_with(".toml")
}

/// `SITE/site.toml`.
pub(super) fn is_site(path: &str) -> bool {
    path.split('/').count() == 2 && path.ends_with("/site.toml")
}

/// A required file, or a finding.
pub(super) fn required<'a>(
    files: &'a BTreeMap<String, Vec<u8>>,
    tree: &str,
    path: &str,
    sink: &Sink,
) -> Option<&'a [u8]> {
    let found = files.get(path);
    if found.is_none() {
        let path = format!("{tree}/{path}");
        sink.push(Finding::new(FindingKind::FileAbsent, None, "").fact("path", path));
    }
    found.map(Vec::as_slice)
}

/// The names that files refer to each other by. A name that was declared but could not be read
/// stands for `None`: references to it are not findings of their own.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) environments: HashMap<String, Option<EnvironmentIndex>>,
    pub(super) vlans: HashMap<String, Option<VlanId>>,
    pub(super) authorities: HashMap<String, Option<AuthorityIndex>>,
    pub(super) profiles: HashMap<String, Option<ProfileIndex>>,
    /// By id, and by both names: the inventory uses any of them.
    pub(super) classes: HashMap<String, Option<ClassIndex>>,
    pub(super) sites: HashMap<String, Option<SiteIndex>>,
    pub(super) switches: HashMap<String, Option<SwitchIndex>>,
    pub(super) rings: HashMap<String, Option<RingIndex>>,
    pub(super) assets: HashMap<String, Option<DeviceIndex>>,
}

/// Finds what a text refers to. An unknown name is a finding; a name whose declaration could not
/// be read is silently nothing, since that has its own findings.
pub(super) fn resolve<T: Copy>(
    names: &HashMap<String, Option<T>>,
    what: &'static str,
    text: &Located<String>,
    sink: &Sink,
) -> Option<T> {
    match names.get(&text.value) {
        Some(found) => *found,
        None => {
            let hint = nearest(&text.value, names.keys().map(String::as_str));
            let finding = text.finding(FindingKind::UnknownReference).term("what", what);
            sink.push(finding.fact("value", &text.value).fact("hint", hint));
            None
        }
    }
}

/// Finds what every text of a list refers to, so that all unknown names are reported.
pub(super) fn resolve_all<T: Copy>(
    names: &HashMap<String, Option<T>>,
    what: &'static str,
    texts: &[Located<String>],
    sink: &Sink,
) -> Option<Vec<T>> {
    let found: Vec<_> = texts.iter().map(|text| resolve(names, what, text, sink)).collect();
    found.into_iter().collect()
}

/// Declares a name; a second declaration is a finding. False when it was taken.
pub(super) fn declare<T>(
    names: &mut HashMap<String, Option<T>>,
    text: &Located<String>,
    index: Option<T>,
    sink: &Sink,
) -> bool {
    if names.contains_key(&text.value) {
        let finding = text.finding(FindingKind::Duplicate).fact("value", &text.value);
        sink.push(finding.fact("other", "-"));
        return false;
    }
    names.insert(text.value.clone(), index);
    true
}
