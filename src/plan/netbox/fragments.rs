//! What NetBox has and the topology lacks, as text for the topology's files.
//!
//! What is not NetBox's to say stands there as `"?"` or an empty text, which `check` refuses at
//! its line: nothing is made up, and nothing that was forgotten takes force.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;

use super::export::{Export, Mode};
use super::links::{idle, own_end};
use super::ports::told;
use super::wired::{Carries, NetPort, NetSwitch, Wired, list, ranges};
use super::{cable_name, role_name};
use crate::plan::{LinkEnd, Plan};
use crate::vocabulary::VlanId;

/// What stands where NetBox cannot say it.
const OPEN: &str = "?";

const HEAD: &str = "\
# NetBox にあって topology/ に無いもの。確かめてから、示したファイルに写してください。
# 手書きのファイルにはコメントと判断が書かれているため、自動では書き換えません。
# \"?\" と空の値は NetBox からは決められない項目で、そのままでは `sekisho check` が誤りとします。
# What NetBox has and topology/ lacks. Review it, then copy it into the files named.
# Files written by hand hold comments and decisions, so they are never rewritten.
# \"?\" and empty values are not NetBox's to say; as they are, `sekisho check` refuses them.
";

/// Writes the fragments; empty when the topology lacks nothing.
pub(super) fn write(wired: &Wired<'_>, export: &Export, plan: &Plan) -> String {
    let mut text = String::new();
    let new = |net: &&NetSwitch<'_>| net.known.is_none() && net.device.idle().is_none();
    // Sites in the order of their ids, those that only devices name included.
    let mut switches: BTreeMap<String, Vec<&NetSwitch<'_>>> = BTreeMap::new();
    for net in wired.switches.iter().filter(new) {
        let slug = net.device.site.clone().unwrap_or_else(|| OPEN.to_owned());
        switches.entry(slug).or_default().push(net);
    }
    for site in &export.sites {
        if !plan.sites.iter().any(|own| own.id.eq_ignore_ascii_case(&site.slug)) {
            switches.entry(site.slug.clone()).or_default();
        }
    }
    for (slug, list) in &switches {
        let own = plan.sites.iter().find(|own| own.id.eq_ignore_ascii_case(slug));
        let path = own.map_or(slug, |own| &own.id);
        section(&mut text, &format!("topology/{}/site.toml", plain(path)));
        if own.is_none() {
            site(&mut text, slug, export);
        }
        list.iter().for_each(|net| switch(&mut text, net));
    }
    lacking_ports(&mut text, wired, plan);
    links(&mut text, wired, plan);
    if text.is_empty() { text } else { format!("{HEAD}{text}") }
}

fn section(text: &mut String, path: &str) {
    let _ = writeln!(text, "\n# ==== {path}"); // OK because a String takes everything
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {}", quoted(value)); // OK as above
}

fn site(text: &mut String, slug: &str, export: &Export) {
    let found = export.sites.iter().find(|site| site.slug == slug);
    let name = found.map_or(slug, |site| &site.name);
    text.push_str("[site]\n");
    line(text, "id", &identifier(slug));
    line(text, "name_ja", name);
    line(text, "name_en", name);
    line(text, "group", found.and_then(|site| site.group.as_deref()).unwrap_or(""));
    line(text, "medium", OPEN);
    text.push_str("# medium: fibre | radio\n# 環境 → VLAN。 Environment to VLAN.\n[site.assign]\n");
}

fn switch(text: &mut String, net: &NetSwitch<'_>) {
    let device = net.device;
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    let id = identifier(&net.id);
    text.push_str("\n[[switch]]\n");
    if id == OPEN {
        let _ = writeln!(text, "# NetBox: {}", plain(&net.id)); // OK as above
    }
    line(text, "id", &id);
    let address = device.address.map_or_else(|| OPEN.to_owned(), |it| it.to_string());
    line(text, "address", &address);
    line(text, "profile", OPEN);
    line(text, "model", &word(&device.model));
    line(text, "serial", &word(&device.serial));
    line(text, "role", net.role.map_or(OPEN, role_name));
    if net.units > 1 {
        let _ = writeln!(text, "stack = {}", net.units); // OK as above
    }
    let carried = net.ports.iter().filter_map(|port| port.carries.as_ref());
    let vlans: BTreeSet<VlanId> = carried
        .flat_map(|carries| carries.tagged.iter().copied().chain(carries.untagged))
        .collect();
    let vlans = if vlans.is_empty() { String::new() } else { list(&vlans) };
    let _ = writeln!(text, "vlans = [{vlans}]\nport = ["); // OK as above
    ports(text, net.ports.iter());
    text.push_str("]\n");
}

/// Groups of ports that NetBox says the same about, in the order of NetBox.
fn ports<'p>(text: &mut String, ports: impl Iterator<Item = &'p NetPort<'p>>) {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for port in ports {
        let said = port_role(port);
        match groups.iter_mut().find(|(other, _)| *other == said) {
            Some((_, names)) => names.push(&port.name),
            None => groups.push((said, vec![&port.name])),
        }
    }
    for (said, names) in groups {
        let (role, remark) = said.split_once('#').unwrap_or((&said, ""));
        let remark = if remark.is_empty() { String::new() } else { format!("  #{remark}") };
        for names in ranges(names.into_iter()) {
            // OK as above
            let _ = writeln!(text, "  {{ names = {}, {role} }},{remark}", quoted(&names));
        }
    }
}

/// The keys of a port beside its names, and after `#` what people should know.
fn port_role(port: &NetPort<'_>) -> String {
    let trunk = |carries: &Carries, vlans: String| {
        let native = carries.untagged.map_or_else(|| "\"none\"".to_owned(), |it| it.to_string());
        format!("role = \"trunk\", vlans = {vlans}, native = {native}")
    };
    if !port.interface.enabled {
        return "role = \"unused\"".to_owned();
    }
    match &port.carries {
        Some(carries) if carries.mode == Mode::TaggedAll => trunk(carries, "\"all\"".to_owned()),
        Some(carries) if carries.mode == Mode::Tagged && !carries.tagged.is_empty() => {
            trunk(carries, format!("[{}]", list(&carries.tagged)))
        }
        Some(carries) => format!("role = \"{OPEN}\"# auth | access; NetBox: {}", told(carries)),
        None => format!("role = \"{OPEN}\"# auth | access | trunk | unused"),
    }
}

/// Ports that a switch of the topology does not have.
fn lacking_ports(text: &mut String, wired: &Wired<'_>, plan: &Plan) {
    for net in &wired.switches {
        let Some(own) = net.known.and_then(|index| plan.switch(index)) else { continue };
        let known: HashSet<&str> = own.ports.iter().map(|port| port.name.as_str()).collect();
        let mut lacking = net.ports.iter().filter(|port| !known.contains(port.name.as_str()));
        let Some(first) = lacking.next() else { continue };
        let site = plan.site(own.site).map_or("?", |site| &site.id);
        section(text, &format!("topology/{site}/site.toml: switch `{}`, port = [ … ]", own.id));
        ports(text, std::iter::once(first).chain(lacking));
    }
}

/// Links between ports of which neither is an end of a link yet.
fn links(text: &mut String, wired: &Wired<'_>, plan: &Plan) {
    let ends: HashSet<LinkEnd> = plan.links.iter().flat_map(|link| link.ends).collect();
    let mut ids: HashSet<String> = plan.links.iter().map(|link| link.id.clone()).collect();
    let taken = |place| own_end(wired, plan, place).is_some_and(|end| ends.contains(&end));
    let mut first = true;
    for connection in &wired.connections {
        if connection.ends.iter().any(|place| taken(*place)) || idle(wired, connection) {
            continue;
        }
        if std::mem::take(&mut first) {
            section(text, "topology/network.toml");
        }
        let number = connection.at.id.map_or_else(|| "0".to_owned(), |id| id.to_string());
        let kind = connection.at.kind.map_or("link", |kind| kind.id());
        let mut id = format!("netbox-{}-{number}", kind.trim_end_matches('s'));
        while !ids.insert(id.clone()) {
            id.push('x');
        }
        let [one, other] = connection.ends;
        let end = |place| {
            let switch = wired.switch_of(place).map_or("?", |net| &net.id);
            let port = wired.port_of(place).map_or("?", |port| &port.name);
            quoted(&format!("{}:{port}", identifier(switch)))
        };
        let carries = [one, other].map(|place| wired.port_of(place)?.carries.as_ref());
        let carries = carries.iter().flatten().find(|carries| carries.mode == Mode::Tagged);
        let vlans = carries.map_or_else(String::new, |carries| match list(&carries.tagged) {
            none if none == "-" => String::new(),
            vlans => vlans,
        });
        let native = carries.map(|carries| {
            carries.untagged.map_or_else(|| "\"none\"".to_owned(), |vlan| vlan.to_string())
        });
        text.push_str("[[link]]\n");
        line(text, "id", &id);
        let _ = writeln!(text, "ends = [{}, {}]", end(one), end(other)); // OK as above
        line(text, "medium", connection.medium.map_or(OPEN, cable_name));
        let bundle = |place| wired.port_of(place)?.bundle.as_deref();
        if let Some(bundle) = bundle(one).or_else(|| bundle(other)) {
            line(text, "lag", bundle);
        }
        let native = native.unwrap_or_else(|| quoted(OPEN));
        let _ = writeln!(text, "vlans = [{vlans}]\nnative = {native}\n"); // OK as above
    }
}

/// An id that the files may hold, else [`OPEN`].
fn identifier(text: &str) -> String {
    let known = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    let fits = text.len() <= 64
        && text.bytes().all(known)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if fits { text.to_owned() } else { OPEN.to_owned() }
}

/// A text as TOML writes it; what could reorder or hide letters is written as its number.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if hidden(letter) => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(letter)); // OK as above
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A text for a comment: one line, and nothing hidden.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if hidden(letter) { '?' } else { letter }).collect()
}

fn hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}
