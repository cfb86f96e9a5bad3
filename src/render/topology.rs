//! The network as Graphviz draws it: sites, switches, links by the environments they carry, and
//! gateways.

use std::collections::BTreeSet;

use crate::plan::{Gateway, Plan, SwitchRole};
use crate::vocabulary::{EnvironmentIndex, Language, SiteIndex, SwitchIndex, VlanId};

/// Colours of the environments, in the order of the plan; told apart also by the colour-blind.
const COLOURS: &[&str] =
    &["#d55e00", "#0072b2", "#009e73", "#999999", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442"];

/// Writes the plan's network in the language of `dot`.
#[must_use]
pub fn dot(plan: &Plan, language: Language) -> String {
    let mut lines = vec![
        "graph sekisho {".to_owned(),
        format!("  label={};", quoted(&format!("plan {}", super::short_hash(plan)))),
        "  layout=fdp; overlap=false; splines=true; node [shape=box, fontsize=9]; edge [penwidth=1.5];".to_owned(),
        "  subgraph cluster_legend {".to_owned(),
        format!("    label={};", quoted(language_text(language))),
    ];
    for (index, environment) in (0_u8..).map(EnvironmentIndex).zip(&plan.environments) {
        let label = format!("{} {}", environment.id, environment.name.get(language));
        lines.push(format!(
            "    {} [label={}, style=filled, fillcolor=\"{}\"];",
            quoted(&format!("environment {}", environment.id)),
            quoted(&label),
            colour(index)
        ));
    }
    lines.push("  }".to_owned());
    for (index, site) in (0_u16..).map(SiteIndex).zip(&plan.sites) {
        lines.push(format!("  subgraph {} {{", quoted(&format!("cluster_{}", site.id))));
        lines.push(format!("    label={};", quoted(site.name.get(language))));
        for switch in plan.switches.iter().filter(|switch| switch.site == index) {
            let style = match switch.role {
                SwitchRole::Core => ", penwidth=3",
                SwitchRole::Distribution => ", penwidth=2",
                SwitchRole::Access => "",
                SwitchRole::WirelessController => ", style=dashed",
            };
            lines.push(format!(
                "    {} [label={}{style}];",
                node("switch", &switch.id),
                quoted(&switch.id)
            ));
        }
        for gateway in plan.gateways.iter().filter(|gateway| gateway.site == index) {
            let style = if gateway.standby_of.is_some() { ", style=dashed" } else { "" };
            lines.push(format!(
                "    {} [shape=diamond, label={}{style}];",
                node("gateway", &gateway.id),
                quoted(&gateway.id)
            ));
        }
        lines.push("  }".to_owned());
    }
    for link in &plan.links {
        let [one, other] = link.ends;
        let ends = plan.switch(one.switch).zip(plan.switch(other.switch));
        let Some((one, other)) = ends else { continue };
        let colours = carried(plan, link.vlans.iter().copied().chain(link.native));
        lines.push(format!(
            "  {} -- {} [color=\"{colours}\", tooltip={}];",
            node("switch", &one.id),
            node("switch", &other.id),
            quoted(&link.id)
        ));
    }
    for gateway in &plan.gateways {
        let colours = carried(plan, gateway.interfaces.iter().map(|each| each.vlan));
        for switch in attached(plan, gateway) {
            lines.push(format!(
                "  {} -- {} [color=\"{colours}\"];",
                node("gateway", &gateway.id),
                node("switch", &switch)
            ));
        }
    }
    lines.push("}".to_owned());
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

const fn language_text(language: Language) -> &'static str {
    crate::vocabulary::Text { ja: "環境", en: "environments" }.get(language)
}

/// The switches a gateway hangs on: those named, or every core switch of its site.
fn attached(plan: &Plan, gateway: &Gateway) -> Vec<String> {
    let indexed = (0_u16..).map(SwitchIndex).zip(&plan.switches);
    let hangs = |(index, switch): &(SwitchIndex, &crate::plan::Switch)| {
        if gateway.attach.is_empty() {
            switch.site == gateway.site && switch.role == SwitchRole::Core
        } else {
            gateway.attach.contains(index)
        }
    };
    indexed.filter(hangs).map(|(_, switch)| switch.id.clone()).collect()
}

/// The colours of the environments of some VLANs, side by side.
fn carried(plan: &Plan, vlans: impl Iterator<Item = VlanId>) -> String {
    let environments: BTreeSet<_> = vlans.filter_map(|vlan| plan.vlan_environment(vlan)).collect();
    if environments.is_empty() {
        return "black".to_owned();
    }
    environments.into_iter().map(colour).collect::<Vec<_>>().join(":")
}

pub(super) fn colour(index: EnvironmentIndex) -> &'static str {
    COLOURS.iter().cycle().nth(usize::from(index.0)).copied().unwrap_or("black")
}

fn node(kind: &str, id: &str) -> String {
    quoted(&format!("{kind} {id}"))
}

/// A text as `dot` reads it.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
