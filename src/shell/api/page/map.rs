//! The city by ring and site, and one site by switch and port.

use std::collections::{BTreeMap, HashMap};

use maud::{Markup, html};
use serde_json::Value;

use super::frame::{bar, chip, colour, legend};
use super::{Visit, tables};
use crate::ledger::{Attachment, Point};
use crate::plan::{Port, PortRole, Site, Switch};
use crate::vocabulary::{MarkKind, SiteIndex, Timestamp};

/// Sessions by environment, in the plan's order, those of no known environment last.
fn counts<'a>(visit: &Visit<'_>, of: impl Iterator<Item = &'a Attachment>) -> Vec<(String, usize)> {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    of.for_each(|attachment| *found.entry(&attachment.environment).or_default() += 1);
    let known = visit.seen.snapshot.plan.environments.iter();
    let mut counts: Vec<_> =
        known.map(|it| (it.id.clone(), found.remove(it.id.as_str()).unwrap_or_default())).collect();
    counts.extend(found.into_iter().map(|(id, count)| (id.to_owned(), count)));
    counts
}

/// The whole city.
pub(super) fn city(visit: &Visit<'_>) -> (String, Markup) {
    let say = |ja, en| visit.say(ja, en);
    let (seen, plan) = (&visit.seen, &visit.seen.snapshot.plan);
    let mut by_site: HashMap<SiteIndex, Vec<&Attachment>> = HashMap::new();
    for attachment in &seen.attached {
        if let Some(switch) =
            plan.switch_by_id(&attachment.key.switch).and_then(|it| plan.switch(it))
        {
            by_site.entry(switch.site).or_default().push(attachment);
        }
    }
    let all = counts(visit, seen.attached.iter().map(AsRef::as_ref));
    let marks = [MarkKind::Quarantine, MarkKind::Refuse];
    let [quarantined, refused] = marks.map(|kind| seen.snapshot.marks.count(kind, visit.now));
    let evidence = visit.metrics.evidence_healthy.get() == 1;
    let silent =
        plan.switches.iter().filter(|it| it.is_client() && heard(visit, it).is_none()).count();
    let inside = |site: SiteIndex| plan.rings.iter().any(|ring| ring.sites.contains(&site));
    let all_sites = (0_u16..).map(SiteIndex).take(plan.sites.len());
    let outside: Vec<SiteIndex> = all_sites.filter(|site| !inside(*site)).collect();
    let card = |index: SiteIndex| {
        let here = by_site.get(&index).map(Vec::as_slice).unwrap_or_default();
        plan.site(index).map(|site| site_card(visit, index, site, here))
    };
    let main = html! {
        h1.hidden { (say("市の地図", "City")) }
        div data-live="map" {
            section.tiles aria-label=(say("いまの様子", "at a glance")) {
                div.tile.wide {
                    strong { (seen.attached.len()) }
                    span { (say("接続中", "attached")) " / " (plan.devices.len()) " " (say("登録端末", "registered")) }
                    (bar(visit, &all)) (legend(visit, &all))
                }
                div.tile.(if quarantined + refused > 0 { "warn" } else { "calm" }) {
                    strong { (quarantined) " · " (refused) }
                    span { (say("有効な印(隔離・拒否)", "marks: quarantine, refuse")) }
                }
                div.tile { strong { (silent) } span { (say("起動後まだ要求のないスイッチ", "switches not heard since the start")) } }
                div.tile.(if evidence { "calm" } else { "bad" }) {
                    strong { (if evidence { say("正常", "sound") } else { say("異常", "failing") }) }
                    span { (say("証跡の保存", "evidence store")) " · " (visit.metrics.evidence_head.get()) }
                }
                a.tile href="/plans" { strong { (seen.snapshot.generation) } span { (say("計画の世代", "plan generation")) } }
            }
            @for ring in &plan.rings {
                section.ring {
                    h2 { (ring.name.get(visit.language)) small { (ring.protocol) " · " (ring.sites.len()) " " (say("拠点", "sites")) } }
                    ol.sites { @for site in &ring.sites { (card(*site).unwrap_or_default()) } }
                }
            }
            @if !outside.is_empty() {
                section.ring.loose {
                    h2 { (say("リング外の拠点", "sites outside any ring")) }
                    ol.sites { @for site in &outside { (card(*site).unwrap_or_default()) } }
                }
            }
        }
    };
    (say("市の地図", "City").to_owned(), main)
}

fn site_card(visit: &Visit<'_>, index: SiteIndex, site: &Site, here: &[&Attachment]) -> Markup {
    let plan = &visit.seen.snapshot.plan;
    let switches = plan.switches.iter().filter(|switch| switch.site == index).count();
    let all = counts(visit, here.iter().copied());
    html! {
        li { a.site href={ "/site?id=" (site.id) } {
            span.name { (site.name.get(visit.language)) }
            span.size { (here.len()) }
            small { (site.id) " · " (switches) " " (visit.say("スイッチ", "switches")) }
            (bar(visit, &all))
            (legend(visit, &all))
        } }
    }
}

/// When a switch last asked; `None` when not since the start.
fn heard(visit: &Visit<'_>, switch: &Switch) -> Option<Timestamp> {
    let gauge = visit.metrics.last_request.get_metric_with_label_values(&[&switch.id]).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit")]
    let seconds = gauge.get() as i64;
    (seconds > 0).then_some(Timestamp(seconds * 1000))
}

/// One site; `None` where there is no such.
pub(super) async fn site(visit: &Visit<'_>) -> Option<(String, Markup)> {
    let say = |ja, en| visit.say(ja, en);
    let plan = &visit.seen.snapshot.plan;
    let index = plan.site_by_id(visit.asked("id"))?;
    let site = plan.site(index)?;
    let mut by_switch: HashMap<&str, Vec<&Attachment>> = HashMap::new();
    for attachment in &visit.seen.attached {
        by_switch.entry(&attachment.key.switch).or_default().push(attachment);
    }
    let name = site.name.get(visit.language);
    let switches = plan.switches.iter().filter(|switch| switch.site == index);
    let rings = plan.rings.iter().filter(|ring| ring.sites.contains(&index));
    let rings: Vec<&str> = rings.map(|ring| ring.name.get(visit.language)).collect();
    let here = |id: &str| {
        let switch = plan.switch_by_id(id).and_then(|switch| plan.switch(switch));
        switch.is_some_and(|switch| switch.site == index)
    };
    let tables = tables::read(visit, here).await;
    let main = html! {
        p.crumbs { a href="/" { (say("市の地図", "City")) } " › " (site.id) }
        h1 { (name) small { (rings.join("・")) } }
        dl.facts.row {
            @for (environment, vlan) in &site.assign {
                dt { (chip(visit, plan.environment_id(*environment))) } dd { "VLAN " (vlan) }
            }
        }
        div data-live="site" {
            @for switch in switches {
                (switch_card(visit, switch, by_switch.get(switch.id.as_str()).map(Vec::as_slice).unwrap_or_default(), tables.get(&switch.id)))
            }
        }
    };
    Some((name.to_owned(), main))
}

fn switch_card(
    visit: &Visit<'_>,
    switch: &Switch,
    here: &[&Attachment],
    status: Option<&Value>,
) -> Markup {
    let say = |ja, en| visit.say(ja, en);
    let name = switch.name.as_ref().map(|name| name.get(visit.language));
    let mut by_port: HashMap<&str, Vec<&Attachment>> = HashMap::new();
    let mut by_network: BTreeMap<&str, Vec<&Attachment>> = BTreeMap::new();
    for attachment in here {
        match &attachment.key.point {
            Point::Port(port) => by_port.entry(port).or_default().push(attachment),
            Point::Network(network) => by_network.entry(network).or_default().push(attachment),
        }
    }
    let at = |port: &str| by_port.get(port).map(Vec::as_slice).unwrap_or_default();
    let used = |port: &Port| port.role != PortRole::Unused || !at(&port.name).is_empty();
    let unused = switch.ports.iter().filter(|port| !used(port)).count();
    html! {
        article.switch {
            h2 { (switch.id) @if let Some(name) = name { " " small { (name) } } }
            p.quiet {
                (switch.model) " · " (switch.address.ip()) " · "
                @if switch.is_client() {
                    (say("最後の要求", "last heard")) " " (heard(visit, switch).map_or_else(|| "–".to_owned(), Timestamp::local))
                } @else { (say("認証しない", "asks nothing")) }
            }
            (tables::standing(visit, status))
            (legend(visit, &counts(visit, here.iter().copied())))
            @if !switch.ports.is_empty() {
                ol.ports aria-label=(say("ポート", "ports")) {
                    @for port in switch.ports.iter().filter(|port| used(port)) {
                        li { (port_cell(visit, switch, &port.name, &port.role, at(&port.name))) }
                    }
                }
                @if unused > 0 { p.quiet { (say("未使用のポート", "unused ports")) " " (unused) } }
            }
            @for network in &switch.networks {
                @let here = by_network.get(network.ssid.as_str()).map(Vec::as_slice).unwrap_or_default();
                p { "SSID " b { (network.ssid) } " " (legend(visit, &counts(visit, here.iter().copied()))) }
            }
        }
    }
}

fn port_cell(
    visit: &Visit<'_>,
    switch: &Switch,
    name: &str,
    role: &PortRole,
    here: &[&Attachment],
) -> Markup {
    let plan = &visit.seen.snapshot.plan;
    let short = name.rsplit(|letter: char| !letter.is_ascii_digit()).next().unwrap_or(name);
    if let Some(first) = here.first() {
        let device = plan.device_by_mac(first.key.mac).and_then(|index| plan.device(index));
        let who = device
            .map_or_else(|| first.key.mac.to_string(), |it| format!("{} {}", it.asset, it.section));
        let more = if here.len() > 1 { format!(" +{}", here.len() - 1) } else { String::new() };
        let title = format!("{name}: {who}{more} ({})", first.environment);
        let place = form_urlencoded::byte_serialize(format!("{}:{name}", switch.id).as_bytes())
            .collect::<String>();
        let href = if here.len() > 1 {
            format!("/find?q={place}")
        } else {
            format!("/device?mac={}", first.key.mac)
        };
        return html! { a.port.(colour(plan, &first.environment)) href=(href) title=(title) aria-label=(title) { (short) } };
    }
    let (class, word) = match role {
        PortRole::Auth { .. } => ("free", visit.say("空き", "free")),
        PortRole::Trunk { .. } => ("trunk", visit.say("幹線", "trunk")),
        PortRole::Access { .. } => ("fixed", visit.say("固定", "fixed VLAN")),
        PortRole::Unused => ("unused", visit.say("未使用", "unused")),
    };
    let title = format!("{name}: {word}");
    html! { span.port.(class) title=(title) { (short) span.hidden { " " (word) } } }
}
