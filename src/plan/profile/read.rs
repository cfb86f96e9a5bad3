//! Reads `config/profiles/*.toml`.

use std::time::Duration;

use super::snmp;
use super::spelling::{has_slot, is_pattern};
use super::{
    Accounting, Behaviour, CalledCarries, CalledStation, CallingStation, Coa, CoaAck, CoaBounce,
    CoaKey, Enforce, EnforceMeans, FilterMeans, HostMode, MabForm, MabMarker, MabPassword,
    MessageAuthenticator, NasIdentifier, PortDecode, PortNaming, Profile, ProfileIndex, RealmRule,
    Reply, ReplyOmit, Request, ServerDead, TerminationAction, UserAffix, VlanMeans, VlanTag,
    VlanText, VlansPerPort,
};
use crate::plan::finding::{Sink, some_of};
use crate::plan::names::{Names, declare, nearest};
use crate::plan::read::{Located, Table, distinct, document};
use crate::plan::sources::is_profile;
use crate::plan::{Finding, FindingKind, Sources};
use crate::vocabulary::{MacSpelling, VlanId};

const PROFILES_MAX: usize = 1024;
/// Models, remarks and other lists of one profile.
const LIST_MAX: usize = 64;
const SESSION_TIMEOUT_S: (i64, i64) = (60, 86_400);
const REQUEST_TIMEOUT_S: (i64, i64) = (1, 120);
const RETRIES_MAX: i64 = 10;
const INTERIM_S_MAX: i64 = 86_400;
/// Profiles named in one finding.
const UNPROVEN_SHOWN_MAX: usize = 32;
const VLAN_DEFAULT: u16 = 1;

const SOURCE_GUIDE: &str = "vendor guide";
const SOURCE_CAPTURE: &str = "capture: ";

/// The profiles that rest on a vendor's guide, and where the first of them says so.
#[derive(Default)]
struct Unproven {
    first: Option<Located<String>>,
    ids: Vec<String>,
}

/// Reads `config/profiles/*.toml`.
pub(in crate::plan) fn read(sources: &Sources, sink: &Sink, names: &mut Names) -> Vec<Profile> {
    let mut profiles = Vec::new();
    let mut unproven = Unproven::default();
    let files = || sources.config.iter().filter(|(path, _)| is_profile(path));
    let count = files().count();
    if count > PROFILES_MAX {
        let finding = Finding::new(FindingKind::TooMany, None, "profiles");
        sink.push(finding.fact("count", count).fact("max", PROFILES_MAX));
    }
    for (path, octets) in files().take(PROFILES_MAX) {
        // A profile that cannot be read is still known by the name of its file.
        let stem = path.trim_start_matches("profiles/").trim_end_matches(".toml");
        let shown = format!("config/{path}");
        let read = document(&shown, octets, sink, |table| Some(profile(table, stem, names)));
        let (id, body) = read.unwrap_or_default();
        let index = u16::try_from(profiles.len()).ok().map(ProfileIndex);
        let index = index.filter(|_| body.is_some());
        let fresh = match &id {
            Some(id) => declare(&mut names.profiles, id, index, sink),
            None => {
                names.profiles.entry(stem.to_owned()).or_insert(None);
                false
            }
        };
        if let Some((profile, source)) = body.filter(|_| fresh) {
            if source.value == SOURCE_GUIDE {
                unproven.ids.push(profile.id.clone());
                unproven.first.get_or_insert(source);
            }
            profiles.push(profile);
        }
    }
    if let Some(first) = unproven.first {
        let shown = some_of(&unproven.ids, UNPROVEN_SHOWN_MAX);
        sink.push(first.finding(FindingKind::ProfileUnproven).fact("profiles", shown));
    }
    profiles
}

type Read = (Option<Located<String>>, Option<(Profile, Located<String>)>);

fn profile(table: &Table<'_>, stem: &str, names: &Names) -> Read {
    let mut id = None;
    let head = table.table("profile", |head| {
        id = head.id("id");
        if let Some(id) = id.as_ref().filter(|id| id.value != stem) {
            let finding = id.finding(FindingKind::ProfileFileName).fact("profile", &id.value);
            head.push(finding.fact("file", format!("profiles/{stem}.toml")));
        }
        let vendor = head.text("vendor");
        let models = words(head, "models");
        let source = head.text("source").filter(|source| is_source(source, head));
        Some((vendor?.value, models?, source?, head.at()))
    });
    let request = table.table("request", request);
    let port = table.table("port", port);
    let reply = table.table("reply", reply);
    let enforce = table.table("enforce", enforce);
    let behaviour = table.table("behaviour", |table| behaviour(table, names));
    let snmp =
        if table.has("snmp") { table.table("snmp", snmp::read).map(Some) } else { Some(None) };
    let body = || {
        let (vendor, models, source, at) = head?;
        let profile = Profile {
            id: id.as_ref()?.value.clone(),
            vendor,
            models,
            source: source.value.clone(),
            request: request?,
            port: port?,
            reply: reply?,
            enforce: enforce?,
            behaviour: behaviour?,
            snmp: snmp?,
            at,
        };
        contradictions(&profile, table);
        Some((profile, source))
    };
    let body = body();
    (id, body)
}

fn is_source(source: &Located<String>, table: &Table<'_>) -> bool {
    let capture = source.value.strip_prefix(SOURCE_CAPTURE);
    let good = source.value == SOURCE_GUIDE || capture.is_some_and(|name| !name.trim().is_empty());
    if !good {
        let finding = source.finding(FindingKind::NotAChoice).fact("value", &source.value);
        table.push(finding.fact("choices", format!("{SOURCE_GUIDE}, {SOURCE_CAPTURE}NAME")));
    }
    good
}

/// A list of words for people.
fn words(table: &Table<'_>, key: &'static str) -> Option<Vec<String>> {
    let mut texts = table.texts(key)?;
    table.at_most(key, &mut texts, LIST_MAX);
    distinct(&texts, table.sink());
    Some(texts.into_iter().map(|text| text.value).collect())
}

/// A list of choices, each at most once.
fn set<T: Copy + PartialEq>(
    table: &Table<'_>,
    key: &'static str,
    choices: &[(&'static str, T)],
) -> Option<Vec<T>> {
    let texts = table.texts(key)?;
    distinct(&texts, table.sink());
    table.choose_all(&texts, choices)
}

fn spelling(text: &Located<String>, table: &Table<'_>) -> Option<MacSpelling> {
    let spelling = MacSpelling::from_example(&text.value);
    if spelling.is_none() {
        table.push(text.finding(FindingKind::BadSpelling).fact("value", &text.value));
    }
    spelling
}

fn request(table: &Table<'_>) -> Option<Request> {
    let mab_forms = set(
        table,
        "mab_forms",
        &[("pap", MabForm::Pap), ("chap", MabForm::Chap), ("eap-md5", MabForm::EapMd5)],
    );
    let mab_marker = table.choice(
        "mab_marker",
        &[
            ("call-check", MabMarker::CallCheck),
            ("user-equals-calling", MabMarker::UserEqualsCalling),
            ("eap-md5-identity", MabMarker::EapMd5Identity),
        ],
    );
    let mab_password = table.choice(
        "mab_password",
        &[
            ("same-as-user", MabPassword::SameAsUser),
            ("fixed", MabPassword::Fixed),
            ("none", MabPassword::None),
        ],
    );
    let user_mac = table.text("user_mac").and_then(|text| spelling(&text, table));
    let user_affix = table.table("user_affix", |affix| {
        let (prefix, suffix) = (affix.any_text("prefix"), affix.any_text("suffix"));
        let realm =
            affix.choice("realm", &[("refuse", RealmRule::Refuse), ("strip", RealmRule::Strip)]);
        Some(UserAffix { prefix: prefix?.value, suffix: suffix?.value, realm: realm? })
    });
    let calling = table.table("calling", |calling| {
        let attribute = calling.number("attribute", (30, 31));
        let mac = calling.text("mac").and_then(|text| spelling(&text, calling));
        let may_be_absent = calling.boolean("may_be_absent");
        Some(CallingStation { attribute: attribute?, mac: mac?, may_be_absent: may_be_absent? })
    });
    let called = table.table("called", |called| {
        let attribute = called.number("attribute", (30, 31));
        let carries = called.choice(
            "carries",
            &[
                ("port-mac", CalledCarries::PortMac),
                ("bridge-mac", CalledCarries::BridgeMac),
                ("ap-mac-ssid", CalledCarries::ApMacSsid),
            ],
        );
        Some(CalledStation { attribute: attribute?, carries: carries? })
    });
    let nas_identifier = table.choice(
        "nas_identifier",
        &[
            ("name", NasIdentifier::Name),
            ("vlan-in-fixed-mode", NasIdentifier::VlanInFixedMode),
            ("ignore", NasIdentifier::Ignore),
        ],
    );
    let message_authenticator = table.choice(
        "message_authenticator",
        &[
            ("require", MessageAuthenticator::Require),
            ("learn", MessageAuthenticator::Learn),
            ("legacy", MessageAuthenticator::Legacy),
        ],
    );
    Some(Request {
        mab_forms: mab_forms?,
        mab_marker: mab_marker?,
        mab_password: mab_password?,
        user_mac: user_mac?,
        user_affix: user_affix?,
        calling: calling?,
        called: called?,
        nas_identifier: nas_identifier?,
        message_authenticator: message_authenticator?,
    })
}

fn port(table: &Table<'_>) -> Option<PortNaming> {
    let decode = table.choice(
        "decode",
        &[
            ("nas-port-plain", PortDecode::NasPortPlain),
            ("ifindex", PortDecode::IfIndex),
            ("comware-8-4-8-12", PortDecode::Comware),
            ("cisco-50xxx", PortDecode::Cisco),
            ("nas-port-id", PortDecode::NasPortId),
        ],
    );
    let strip = table.any_text("strip");
    let name = table.optional_text("name");
    let (decode, name) = (decode?, name?);
    match (decode, &name) {
        (PortDecode::NasPortId, None) => {}
        (PortDecode::NasPortId, Some(name)) => {
            let finding = name.finding(FindingKind::ProfileConflict);
            table.push(finding.fact("one", "decode = nas-port-id").fact("other", "name"));
        }
        (_, None) => {
            let finding = table.finding(FindingKind::MissingKey, "name");
            table.push(finding.fact("key", "name"));
        }
        (_, Some(name)) => {
            let slots = matches!(decode, PortDecode::Comware | PortDecode::Cisco);
            if !is_pattern(&name.value) || (has_slot(&name.value) && !slots) {
                let finding = name.finding(FindingKind::PortPattern).fact("value", &name.value);
                table.push(finding.fact("port", "{port}").fact("slot", "{slot}"));
            }
        }
    }
    Some(PortNaming { decode, strip: strip?.value, name: name.map(|name| name.value) })
}

fn reply(table: &Table<'_>) -> Option<Reply> {
    let vlan = table.choice(
        "vlan",
        &[
            ("tunnel", VlanMeans::Tunnel),
            ("tunnel+egress", VlanMeans::TunnelEgress),
            ("vsa-278-192", VlanMeans::Vsa278),
            ("hp-11-64", VlanMeans::Hp1164),
            ("fixed", VlanMeans::Fixed),
        ],
    );
    let vlan_tag = table.choice(
        "vlan_tag",
        &[("none", VlanTag::None), ("0", VlanTag::Zero), ("1", VlanTag::One), ("2", VlanTag::Two)],
    );
    let vlan_text = table.choice(
        "vlan_text",
        &[
            ("decimal", VlanText::Decimal),
            ("name", VlanText::Name),
            ("VLANnnn", VlanText::Prefixed),
        ],
    );
    let forbidden_vlans = table.vlans("forbidden_vlans");
    distinct(forbidden_vlans.as_deref().unwrap_or_default(), table.sink());
    let filter = table.choice(
        "filter",
        &[
            ("none", FilterMeans::None),
            ("filter-id", FilterMeans::FilterId),
            ("nas-filter-rule", FilterMeans::NasFilterRule),
            ("vsa", FilterMeans::Vsa),
        ],
    );
    let session_timeout_s = table.number("session_timeout_s", SESSION_TIMEOUT_S);
    let termination_action = table.choice(
        "termination_action",
        &[
            ("default", TerminationAction::Default),
            ("radius-request", TerminationAction::RadiusRequest),
        ],
    );
    let omit = set(
        table,
        "omit",
        &[
            ("session-timeout", ReplyOmit::SessionTimeout),
            ("termination-action", ReplyOmit::TerminationAction),
            ("message-authenticator", ReplyOmit::MessageAuthenticator),
            ("user-name", ReplyOmit::UserName),
            ("reply-message", ReplyOmit::ReplyMessage),
        ],
    );
    Some(Reply {
        vlan: vlan?,
        vlan_tag: vlan_tag?,
        vlan_text: vlan_text?,
        forbidden_vlans: forbidden_vlans?.into_iter().map(|vlan| vlan.value).collect(),
        filter: filter?,
        session_timeout: Duration::from_secs(session_timeout_s?),
        termination_action: termination_action?,
        omit: omit?,
    })
}

fn enforce(table: &Table<'_>) -> Option<Enforce> {
    let means = set(
        table,
        "means",
        &[
            ("session-timeout", EnforceMeans::SessionTimeout),
            ("snmp-port-bounce", EnforceMeans::SnmpPortBounce),
            ("disconnect", EnforceMeans::Disconnect),
            ("coa-reauth", EnforceMeans::CoaReauth),
            ("coa-port-bounce", EnforceMeans::CoaPortBounce),
        ],
    );
    if means.as_ref().is_some_and(Vec::is_empty) {
        table.push(table.finding(FindingKind::Empty, "means"));
    }
    let coa = table.table("coa", coa);
    Some(Enforce { means: means?, coa: coa? })
}

fn coa(table: &Table<'_>) -> Option<Coa> {
    let port: Option<u16> = table.number("port", (0, 65_535));
    let keys = set(
        table,
        "keys",
        &[
            ("calling-station-id", CoaKey::CallingStationId),
            ("nas-port", CoaKey::NasPort),
            ("nas-port-id", CoaKey::NasPortId),
            ("acct-session-id", CoaKey::AcctSessionId),
            ("user-name", CoaKey::UserName),
        ],
    );
    let mac = table.any_text("mac").and_then(|text| match text.value.as_str() {
        "" => Some(None),
        _ => spelling(&text, table).map(Some),
    });
    let event_timestamp = table.boolean("event_timestamp");
    let message_authenticator = table.boolean("message_authenticator");
    let ack = set(
        table,
        "ack",
        &[("disconnect-ack", CoaAck::DisconnectAck), ("coa-ack", CoaAck::CoaAck)],
    );
    let bounce = table.optional_choice(
        "bounce",
        &[
            ("cisco-9-1", CoaBounce::Cisco),
            ("hp-11-23", CoaBounce::Hp),
            ("aruba-14823-40", CoaBounce::Aruba),
        ],
    );
    let coa = Coa {
        port: port?,
        keys: keys?,
        mac: mac?,
        event_timestamp: event_timestamp?,
        message_authenticator: message_authenticator?,
        ack: ack?,
        bounce: bounce?,
    };
    // Spoken or not spoken: a half-written table would be found out in an emergency.
    let spoken = coa.port != 0;
    let facts = [
        ("keys", !coa.keys.is_empty(), true),
        ("mac", coa.mac.is_some(), true),
        ("ack", !coa.ack.is_empty(), true),
        ("event_timestamp", coa.event_timestamp, false),
        ("message_authenticator", coa.message_authenticator, false),
    ];
    for (key, written, needed) in facts {
        if written != spoken && (written || needed) {
            let finding = table.finding(FindingKind::ProfileConflict, key);
            table.push(finding.fact("one", format!("port = {}", coa.port)).fact("other", key));
        }
    }
    Some(coa)
}

fn behaviour(table: &Table<'_>, names: &Names) -> Option<Behaviour> {
    let vlans_per_port = table.choice(
        "vlans_per_port",
        &[
            ("one", VlansPerPort::One),
            ("per-mac", VlansPerPort::PerMac),
            ("first-wins", VlansPerPort::FirstWins),
        ],
    );
    let host_mode = table.choice(
        "host_mode",
        &[
            ("single", HostMode::Single),
            ("multi-domain", HostMode::MultiDomain),
            ("multi-auth", HostMode::MultiAuth),
            ("multi-host", HostMode::MultiHost),
        ],
    );
    let server_dead =
        table.any_text("server_dead").and_then(|text| server_dead(&text, table, names));
    let request_timeout_s = table.number("request_timeout_s", REQUEST_TIMEOUT_S);
    let retries = table.number("retries", (0, RETRIES_MAX));
    let accounting = table.table("accounting", |accounting| {
        let start_stop = accounting.boolean("start_stop");
        let interim_s = accounting.number("interim_s", (0, INTERIM_S_MAX));
        let interim = Duration::from_secs(interim_s?);
        Some(Accounting { start_stop: start_stop?, interim })
    });
    let quirks = words(table, "quirks");
    Some(Behaviour {
        vlans_per_port: vlans_per_port?,
        host_mode: host_mode?,
        server_dead: server_dead?,
        request_timeout: Duration::from_secs(request_timeout_s?),
        retries: retries?,
        accounting: accounting?,
        quirks: quirks?,
    })
}

/// `closed`, `last-vlan`, `open`, or `critical-vlan:` and the number of a VLAN of the plan.
fn server_dead(text: &Located<String>, table: &Table<'_>, names: &Names) -> Option<ServerDead> {
    let Some(number) = text.value.strip_prefix("critical-vlan:") else {
        return table.choose(
            text,
            &[
                ("closed", ServerDead::Closed),
                ("last-vlan", ServerDead::LastVlan),
                ("open", ServerDead::Open),
            ],
        );
    };
    let vlan = number.parse().ok().and_then(VlanId::new);
    let known = names.vlans.values().flatten();
    let finding = match vlan {
        Some(vlan) if vlan.get() == VLAN_DEFAULT => text.finding(FindingKind::VlanOne),
        Some(vlan) if known.clone().any(|known| *known == vlan) => {
            return Some(ServerDead::CriticalVlan(vlan));
        }
        Some(_) | None => {
            let numbers: Vec<String> = known.map(ToString::to_string).collect();
            let hint = nearest(number, numbers.iter().map(String::as_str));
            let finding = text.finding(FindingKind::UnknownReference).term("what", "VLAN");
            finding.fact("value", number).fact("hint", hint)
        }
    };
    table.push(finding);
    None
}

/// What two parts of a profile must agree on, each checked by reading the file at hand.
fn contradictions(profile: &Profile, table: &Table<'_>) {
    let (request, reply, enforce) = (&profile.request, &profile.reply, &profile.enforce);
    let only_md5 = !request.mab_forms.is_empty()
        && request.mab_forms.iter().all(|form| *form == MabForm::EapMd5);
    let needs_coa = enforce.means.iter().any(|means| match means {
        EnforceMeans::Disconnect | EnforceMeans::CoaReauth | EnforceMeans::CoaPortBounce => true,
        EnforceMeans::SessionTimeout | EnforceMeans::SnmpPortBounce => false,
    });
    let affix = &request.user_affix;
    let pairs = [
        (
            request.called.carries == CalledCarries::ApMacSsid && !request.mab_forms.is_empty(),
            ("request", "called.carries = ap-mac-ssid", "mab_forms"),
        ),
        (
            only_md5 != (request.mab_marker == MabMarker::EapMd5Identity),
            ("request", "mab_forms", "mab_marker"),
        ),
        (
            request.calling.attribute == request.called.attribute,
            ("request", "calling.attribute", "called.attribute"),
        ),
        (
            affix.realm == RealmRule::Strip
                && (affix.prefix.contains('@') || affix.suffix.contains('@')),
            ("request", "user_affix.realm = strip", "user_affix with @"),
        ),
        (needs_coa && enforce.coa.port == 0, ("enforce", "means", "coa.port = 0")),
        (
            enforce.means.contains(&EnforceMeans::CoaPortBounce) != enforce.coa.bounce.is_some(),
            ("enforce", "means: coa-port-bounce", "coa.bounce"),
        ),
        (
            enforce.means.contains(&EnforceMeans::SessionTimeout)
                && reply.omit.contains(&ReplyOmit::SessionTimeout),
            ("enforce", "means: session-timeout", "reply.omit: session-timeout"),
        ),
    ];
    for (contradict, (section, one, other)) in pairs {
        if contradict {
            let finding = table.finding(FindingKind::ProfileConflict, section);
            table.push(finding.fact("one", one).fact("other", other));
        }
    }
}
