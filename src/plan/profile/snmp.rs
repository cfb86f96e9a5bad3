//! `[snmp]` of a profile: how a model family is asked for its tables. Optional; a switch without
//! it is never asked, and what only its tables show counts as not measured.

use std::time::Duration;

use crate::plan::FindingKind;
use crate::plan::read::{Table, distinct};
use crate::wire::snmp::{Auth, Privacy};

/// Octets of a user's name (RFC 3414 §5, usmUserName).
const USER_OCTETS_MAX: usize = 32;
const PREFIXES_MAX: usize = 16;
const REPETITIONS: (i64, i64) = (1, 40);
const TIMEOUT_MS: (i64, i64) = (100, 10_000);
const RETRIES: (i64, i64) = (0, 5);

/// How a model family is asked for its tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snmp {
    /// By which version, and as whom.
    pub access: SnmpAccess,
    /// The name of its secrets: `secrets/snmp/NAME.auth` and `.priv`, or `.community`.
    pub secret: String,
    /// The agent's UDP port.
    pub port: u16,
    /// Rows asked for at once, to begin with.
    pub repetitions: u32,
    /// How long to wait for one answer.
    pub timeout: Duration,
    /// Sendings after the first.
    pub retries: u8,
    /// In which tables addresses are found.
    pub forwarding: Forwarding,
    /// Which of its two names an interface is known by.
    pub interface_names: InterfaceNames,
    /// What stands before a port's name of the topology there, each tried in turn; what the profile's `strip`
    /// cuts off at the end counts here too.
    pub interface_prefixes: Vec<String>,
}

/// By which version, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnmpAccess {
    /// Version 2c: a password in clear.
    Community,
    /// Version 3, authenticated.
    User {
        /// The user's name.
        name: String,
        /// How messages are authenticated.
        auth: Auth,
        /// How they are encrypted; `None` sends in clear.
        privacy: Option<Privacy>,
    },
}

/// In which tables a family of switches shows what it learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forwarding {
    /// dot1qTpFdbTable (RFC 4363), dot1dTpFdbTable where that is empty.
    QBridge,
    /// dot1dTpFdbTable alone (RFC 4188).
    Bridge,
    /// dot1dTpFdbTable in a context for each VLAN: `vlan-N`, or `community@N`.
    VlanContexts,
}

/// Which of its two names an interface is known by (RFC 2863 §3.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterfaceNames {
    /// ifName, ifDescr where no interface has one.
    IfName,
    /// ifDescr, where ifName is an abbreviation: `Gi1/0/1` of Cisco.
    IfDescr,
}

pub(super) fn read(table: &Table<'_>) -> Option<Snmp> {
    let access = access(table);
    let secret = table.id("secret");
    let port = table.number("port", (1, 65_535));
    let repetitions = table.number("repetitions", REPETITIONS);
    let timeout: Option<u64> = table.number("timeout_ms", TIMEOUT_MS);
    let retries = table.number("retries", RETRIES);
    let forwarding = table.choice(
        "forwarding",
        &[
            ("q-bridge", Forwarding::QBridge),
            ("bridge", Forwarding::Bridge),
            ("vlan-contexts", Forwarding::VlanContexts),
        ],
    );
    let names = table.choice(
        "interface_names",
        &[("if-name", InterfaceNames::IfName), ("if-descr", InterfaceNames::IfDescr)],
    );
    let prefixes = table.texts("interface_prefixes").map(|mut texts| {
        table.at_most("interface_prefixes", &mut texts, PREFIXES_MAX);
        distinct(&texts, table.sink());
        texts.into_iter().map(|text| text.value).collect()
    });
    Some(Snmp {
        access: access?,
        secret: secret?.value,
        port: port?,
        repetitions: repetitions?,
        timeout: Duration::from_millis(timeout?),
        retries: retries?,
        forwarding: forwarding?,
        interface_names: names?,
        interface_prefixes: prefixes?,
    })
}

fn access(table: &Table<'_>) -> Option<SnmpAccess> {
    let user_keys = ["user", "auth", "privacy"];
    let Some(three) = table.choice("version", &[("2c", false), ("3", true)]) else {
        // Without a version no key of either can be called unknown.
        for key in user_keys {
            table.has(key);
        }
        return None;
    };
    if !three {
        for key in user_keys {
            if table.has(key) {
                let finding = table.finding(FindingKind::ProfileConflict, key);
                table.push(finding.fact("one", "version = 2c").fact("other", key));
            }
        }
        table.push(table.finding(FindingKind::SnmpCommunity, "version"));
        return Some(SnmpAccess::Community);
    }
    let user = table.text("user");
    let auth = table.choice("auth", &Auth::ALL.map(|auth| (auth.id(), auth)));
    let privacies = Privacy::ALL.map(|privacy| (privacy.id(), Some(privacy)));
    let privacies: Vec<_> = privacies.into_iter().chain([("none", None)]).collect();
    let privacy = table.choice("privacy", &privacies);
    if privacy == Some(None) {
        table.push(table.finding(FindingKind::SnmpInClear, "privacy"));
    }
    let user = user?;
    if user.value.len() > USER_OCTETS_MAX {
        let finding = user.finding(FindingKind::OutOfRange).fact("value", user.value.len());
        table.push(finding.fact("min", 1).fact("max", USER_OCTETS_MAX));
        return None;
    }
    Some(SnmpAccess::User { name: user.value, auth: auth?, privacy: privacy? })
}
