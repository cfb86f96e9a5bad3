//! The SNMP agent of a switch, as sekisho asks it: one user, who reads bridge, interface and LLDP
//! tables, and writes ifAdminStatus only where ports are bounced.

use super::switch::Family;
use crate::plan::{EnforceMeans, Forwarding, Profile, SnmpAccess};
use crate::wire::snmp::{Auth, Privacy};

/// What is read: mib-2 and LLDP (IEEE 802.1AB, IEEE 802.1X).
const READ: [&str; 2] = ["1.3.6.1.2.1", "1.0.8802"];
/// What is written: ifAdminStatus (RFC 2863).
const WRITTEN: &str = "1.3.6.1.2.1.2.2.1.7";

/// The lines, `  ! ` before a remark; none where the profile does not say how a switch is asked.
/// `traps` says whether the service hears traps.
pub(super) fn lines(family: Family, profile: &Profile, traps: bool) -> Vec<String> {
    let Some(snmp) = &profile.snmp else { return Vec::new() };
    let SnmpAccess::User { name, auth, privacy } = &snmp.access else {
        return vec![
            "!".to_owned(),
            format!("! SNMP: the community is the word in secrets/snmp/{}.community", snmp.secret),
        ];
    };
    let writes = profile.enforce.means.contains(&EnforceMeans::SnmpPortBounce);
    let level = if privacy.is_some() { "priv" } else { "auth" };
    let mut lines = vec![
        "!".to_owned(),
        format!("! AUTH, PRIVACY: what `sekisho secret show --snmp {}` prints.", snmp.secret),
    ];
    if family == Family::AlliedWarePlus {
        lines.push("snmp-server".to_owned());
    }
    lines.extend(READ.map(|tree| format!("snmp-server view SEKISHO {tree} included")));
    if writes {
        lines.push(format!("snmp-server view SEKISHO-PORTS {WRITTEN} included"));
    }
    let version = if family == Family::AlliedWarePlus { "" } else { "v3 " };
    let views = if writes { "read SEKISHO write SEKISHO-PORTS" } else { "read SEKISHO" };
    lines.push(format!("snmp-server group SEKISHO {version}{level} {views}"));
    if family == Family::Cisco && snmp.forwarding == Forwarding::VlanContexts {
        lines.push(format!(
            "snmp-server group SEKISHO v3 {level} context vlan- match prefix read SEKISHO  ! to confirm"
        ));
    }
    let privacy = privacy.map(|it| format!(" priv {} PRIVACY", privacy_word(family, it)));
    lines.push(format!(
        "! snmp-server user {name} SEKISHO {version}auth {} AUTH{}",
        auth_word(family, *auth),
        privacy.unwrap_or_default()
    ));
    if traps {
        lines.extend(receiver(family, name, level));
    }
    lines
}

/// What a command line calls it; where that is not known, what everybody does.
const fn auth_word(family: Family, auth: Auth) -> &'static str {
    match (family, auth) {
        (_, Auth::Sha1) => "sha",
        (Family::Cisco, Auth::Sha256) => "sha-2 256",
        (Family::Cisco, Auth::Sha384) => "sha-2 384",
        (Family::Cisco, Auth::Sha512) => "sha-2 512",
        (Family::Alaxala, Auth::Sha256) => "sha256",
        (Family::Alaxala, Auth::Sha512) => "sha512",
        (_, other) => other.id(),
    }
}

const fn privacy_word(family: Family, privacy: Privacy) -> &'static str {
    match (family, privacy) {
        (Family::Cisco, Privacy::Aes128) => "aes 128",
        (Family::Cisco, _) => "aes 256",
        (Family::Alaxala, Privacy::Aes128) => "aes128",
        (Family::AlliedWarePlus, Privacy::Aes128) => "aes",
        (_, other) => other.id(),
    }
}

/// Where traps go to. No address of a server is written here.
fn receiver(family: Family, user: &str, level: &str) -> Vec<String> {
    let (host, enable): (_, &[&str]) = match family {
        Family::Cisco => (
            format!("version 3 {level} {user}"),
            &[
                "snmp-server enable traps snmp linkdown linkup coldstart warmstart",
                "snmp-server enable traps mac-notification change move  ! to confirm",
                "mac address-table notification change  ! to confirm",
            ],
        ),
        Family::Alaxala => (format!("traps {user} version 3 {level} snmp"), &[]),
        Family::AlliedWarePlus => {
            (format!("version 3 {level} {user}"), &["snmp-server enable trap lldp  ! to confirm"])
        }
    };
    let host = format!("! snmp-server host SERVER {host}");
    [host].into_iter().chain(enable.iter().map(|line| (*line).to_owned())).collect()
}
