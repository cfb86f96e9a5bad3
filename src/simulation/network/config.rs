//! `config/` of an invented network.

use std::collections::BTreeMap;

use super::lists::Flow;
use super::{Layout, MANAGEMENT, PORTS, QUARANTINE, Zone, access_id, device_ports, site_id};

/// The shipped profiles that the network's switches have.
const PROFILES: &[(&str, &str)] = &[
    (
        "profiles/alaxala-ax-mac-dynamic.toml",
        include_str!("../../../config/profiles/alaxala-ax-mac-dynamic.toml"),
    ),
    ("profiles/cisco-ibns.toml", include_str!("../../../config/profiles/cisco-ibns.toml")),
];

const SERVER: &str = "\
# このサーバー。 This server.
[node]
name = \"sekisho-1\"
state_number = 1

[radius]
authentication = [\"127.0.0.1:1812\"]
workers = 2
datagram_octets_max = 1400

[metrics]
listen = \"127.0.0.1:9812\"

[eap]
server_name = \"radius.city.example\"
conversations_max = 4096
conversations_per_port_max = 4
conversation_timeout_s = 60
session_lifetime_h = 24

[language]
default = \"ja\"
";

const PAIRS: &str = "
# A と C は断つ。ほかは特定通信だけ。 A and C: cut. The others: permitted flows only.
[[pair]]
between = [\"A\", \"C\"]
flows = \"cut\"

[[pair]]
between = [\"A\", \"B\"]
flows = \"enumerated\"

[[pair]]
between = [\"B\", \"C\"]
flows = \"enumerated\"

[[authority]]
id = \"city\"
name = \"端末認証局 Device CA\"
";

const POLICY: &str = "\
# 上から順に読み、最初に当てはまった規則で決まる。 The first rule that matches speaks.
edition = \"R7.3\"

[[class]]
id = \"information-terminal\"
name_ja = \"情報系端末\"
name_en = \"Information terminal\"
mac = \"never\"

[[class]]
id = \"printer\"
name_ja = \"プリンター\"
name_en = \"Printer\"
mac = \"pinned\"

[[rule]]
id = \"P-10\"
note = \"端末は証明書で、登録した環境へ。 Terminals, by certificate, into their own environment.\"
classes = [\"information-terminal\"]
environments = [\"A\", \"B\", \"C\"]
methods = [\"eap-tls\"]
media = [\"wired\"]
action = \"admit\"

[[rule]]
id = \"P-70\"
note = \"プリンターは台帳のポートでだけ。 Printers, only at the port they are registered for.\"
classes = [\"printer\"]
environments = [\"B\", \"C\"]
methods = [\"mab\"]
media = [\"wired\"]
action = \"admit\"

[[rule]]
id = \"P-90\"
note = \"証明書を持つはずの端末が MAC で来たら隔離。 Terminals that come by their MAC address: quarantine.\"
classes = [\"information-terminal\"]
methods = [\"mab\"]
media = [\"wired\"]
action = \"quarantine\"
session_timeout_s = 600
";

/// Writes the files.
pub(super) fn write(layout: &Layout, flows: &[Flow], files: &mut BTreeMap<String, Vec<u8>>) {
    let mut file = |path: &str, text: String| files.insert(path.to_owned(), text.into_bytes());
    file("server.toml", SERVER.to_owned());
    file("environments.toml", environments(layout));
    file("policy.toml", POLICY.to_owned());
    file("flows.toml", flows.iter().map(Flow::declared).collect());
    file("inventory.csv", inventory(layout));
    for (path, text) in PROFILES {
        file(path, (*text).to_owned());
    }
}

fn environments(layout: &Layout) -> String {
    let mut text = "# 生成した環境。 Environments, generated.\n".to_owned();
    for zone in &layout.zones {
        let (ja, en, guideline, admission, internet) = match zone.id {
            'A' => ("マイナンバー系", "My Number", "my-number", "certificate", false),
            'B' => ("LGWAN系", "LGWAN", "lgwan", "certificate-or-mac", false),
            _ => ("インターネット系", "Internet", "internet", "certificate-or-mac", true),
        };
        let vlans: String = (0_u16..)
            .zip(&zone.vlans)
            .map(|(index, vlan)| {
                let prefix = zone.prefix(index);
                let id = zone.id;
                format!("  {{ id = {vlan}, name = \"{id}-{vlan}\", prefix = \"{prefix}\" }},\n")
            })
            .collect();
        text.push_str(&format!(
            "
[[environment]]
id = \"{id}\"
name_ja = \"{ja}\"
name_en = \"{en}\"
role = \"business\"
guideline = \"{guideline}\"
prefixes = [\"10.{net}.0.0/16\"]
admission = \"{admission}\"
wireless = \"forbidden\"
critical_vlan = false
internet = {internet}
weight = 100
authorities = [\"city\"]
crl = {{ required = true, grace_h = 24, when_stale = \"refuse\" }}
vlan = [
{vlans}]
",
            id = zone.id,
            net = zone.net,
        ));
    }
    for (id, ja, en, role, net, vlan) in [
        ('Q', "隔離", "Quarantine", "quarantine", 249, QUARANTINE),
        ('M', "管理", "Management", "management", 250, MANAGEMENT),
    ] {
        text.push_str(&format!(
            "
[[environment]]
id = \"{id}\"
name_ja = \"{ja}\"
name_en = \"{en}\"
role = \"{role}\"
guideline = \"none\"
prefixes = [\"10.{net}.0.0/16\"]
admission = \"none\"
wireless = \"forbidden\"
critical_vlan = false
internet = false
weight = 10
authorities = []
crl = {{ required = false, grace_h = 0, when_stale = \"refuse\" }}
vlan = [
  {{ id = {vlan}, name = \"{id}-{vlan}\", prefix = \"10.{net}.0.0/16\" }},
]
"
        ));
    }
    text + PAIRS
}

/// Devices spread evenly over the access switches; every one has a port to itself.
fn inventory(layout: &Layout) -> String {
    let mut text = "資産番号,コンピューター名,ドメイン名,システムモデル,システムシリアル,MACアドレス,証明書識別名,区分,課名,環境,設置場所,備考\n".to_owned();
    let access: Vec<(u16, u16)> = layout.access().collect();
    let count = u32::try_from(access.len()).unwrap_or_default();
    let most = layout.size.endpoints.min(count * u32::from(PORTS));
    for index in 0..most {
        let (at, port) = (index.checked_rem(count), index.checked_div(count).unwrap_or_default());
        let at = at.and_then(|at| usize::try_from(at).ok()).and_then(|at| access.get(at));
        let Some((site, number)) = at else { break };
        let (number_of, mac) = (index + 1, mac(index));
        let place = format!("{}/{}", site_id(*site), access_id(*site, *number));
        // By row, not by port, so that printers do not all end up on the first ports.
        let every = layout.size.printer_every;
        let turn = index.checked_div(every);
        text.push_str(&if let Some(turn) = turn.filter(|_| (index + 1).is_multiple_of(every)) {
            let environment = if turn.is_multiple_of(2) { 'B' } else { 'C' };
            let port = format!("{}{}", device_ports(*number), port + 1);
            format!("S-{number_of:05},PR{number_of:05},,LaserPrint 200,SP{number_of:05},{mac},,プリンター,総務課,{environment},{place}/{port},\n")
        } else {
            let environment = match index % 3 {
                0 => 'A',
                1 => 'B',
                _ => 'C',
            };
            format!("P-{number_of:05},PC{number_of:05},city.example,DeskMate 3100,SN{number_of:05},{mac},pc{number_of:05}.pc.city.example,情報系端末,総務課,{environment},{place},\n")
        });
    }
    text
}

/// A globally administered address; multiplying by an odd number keeps them apart.
fn mac(index: u32) -> String {
    let [_, one, two, three] = (index + 1).wrapping_mul(0x9e_3779).to_be_bytes();
    format!("D4-1E-F8-{one:02X}-{two:02X}-{three:02X}")
}

impl Zone {
    /// The addresses of its VLAN of that position.
    fn prefix(&self, index: u16) -> String {
        format!("10.{}.{index}.0/24", self.net)
    }
}
