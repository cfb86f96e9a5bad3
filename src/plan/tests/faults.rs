//! What is found when the shipped configuration is spoilt: each fault at its line and field.

use super::{NOW, found, shipped};
use crate::plan::{Finding, FindingKind, Severity, compile};
use crate::vocabulary::{Fact, Timestamp};

/// File, what is replaced once, by what (`§` marks the line of the finding), id, field.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip] // OK because a row a line is how a table is read
const FAULTS: &[Case] = &[
    // server.toml
    ("server.toml", "name = \"sekisho-1\"", "§name = \"関所\"", "file.bad-id", "node.name"),
    ("server.toml", "state_number = 1", "§state_number = 0", "file.out-of-range", "node.state_number"),
    ("server.toml", "workers = 2", "§workers = 65", "file.out-of-range", "radius.workers"),
    ("server.toml", "= 1400", "§= 99999999999999999999", "file.out-of-range", "radius.datagram_octets_max"),
    ("server.toml", "= 1400", "§= 5000", "file.out-of-range", "radius.datagram_octets_max"),
    ("server.toml", "[\"127.0.0.1:1812\"]", "§[]", "file.empty-value", "radius.authentication"),
    ("server.toml", "[\"127.0.0.1:1812\"]", "[\n§\"127.0.0.1\"]", "file.bad-socket-address", "radius.authentication[0]"),
    ("server.toml", "[\"127.0.0.1:1812\"]", "[\"[::1]:1812\",\n§\"[0:0::1]:1812\"]", "file.duplicate", "radius.authentication[1]"),
    ("server.toml", "[\"127.0.0.1:1813\"]", "§[\"127.0.0.1:1812\"]", "file.duplicate", "radius.accounting"),
    ("server.toml", "[metrics]\nlisten = \"127.0.0.1:9812\"", "[metrics]\nlisten = \"127.0.0.1:9813\"", "file.duplicate", "api"),
    ("server.toml", "\"127.0.0.1:9812\"", "§\"localhost:9812\"", "file.bad-socket-address", "metrics.listen"),
    ("server.toml", "\"radius.city.example\"", "§\"10.250.0.1\"", "file.bad-dns-name", "eap.server_name"),
    ("server.toml", "\"radius.city.example\"", "§\"radius..example\"", "file.bad-dns-name", "eap.server_name"),
    ("server.toml", "session_lifetime_h = 24", "§session_lifetime_h = 169", "file.out-of-range", "eap.session_lifetime_h"),
    ("server.toml", "ports_max = 20", "§ports_max = 0", "file.out-of-range", "enforce.ports_max"),
    ("server.toml", "default = \"ja\"", "§default = \"fr\"", "file.not-a-choice", "language.default"),
    ("server.toml", "workers = 2", "workers = 2\n§wokers = 2", "file.unknown-key", "radius.wokers"),
    // environments.toml
    ("environments.toml", "\"10.2.0.0/16\", \"fd00:2::/48\"", "§\"10.2.0.0/16\", \"fd00:1::/64\"", "environment.prefix-overlap", "environment[1].prefixes[1]"),
    ("environments.toml", "\"10.2.0.0/16\", \"fd", "§\"10.2.0.1/16\", \"fd", "file.host-bits", "environment[1].prefixes[0]"),
    ("environments.toml", "{ id = 110,", "§{ id = 1,", "environment.vlan-one", "environment[0].vlan[0].id"),
    ("environments.toml", "{ id = 130,", "§{ id = 110,", "file.duplicate", "environment[2].vlan[0].id"),
    ("environments.toml", "\"B-RITO\"", "§\"A-RITO\"", "file.duplicate", "environment[1].vlan[3].name"),
    ("environments.toml", "\"10.3.160.0/19\"", "§\"10.4.0.0/19\"", "environment.vlan-outside", "environment[2].vlan[3].prefix"),
    ("environments.toml", "\"10.3.160.0/19\"", "§\"10.3.0.0/15\"", "file.host-bits", "environment[2].vlan[3].prefix"),
    ("environments.toml", "\"10.3.160.0/19\"", "§\"10.3.128.0/20\"", "environment.vlan-overlap", "environment[2].vlan[3].prefix"),
    ("environments.toml", "role = \"management\"", "role = \"quarantine\"", "environment.quarantine-count", "environment"),
    ("environments.toml", "role = \"quarantine\"", "role = \"management\"", "environment.quarantine-count", "environment"),
    ("environments.toml", "authorities = [\"city\"]", "§authorities = []", "environment.no-authority", "environment[0].authorities"),
    ("environments.toml", "authorities = [\"city\"]", "§authorities = [\"town\"]", "file.unknown-reference", "environment[0].authorities[0]"),
    ("environments.toml", "admission = \"none\"", "§admission = \"certificate\"", "environment.role-admits", "environment[3].admission"),
    ("environments.toml", "when_stale = \"refuse\" }", "§when_stale = \"ignore\" }", "file.not-a-choice", "environment[0].crl.when_stale"),
    ("environments.toml", "between = [\"A\", \"B\"]", "§between = [\"A\", \"A\"]", "environment.pair-shape", "pair[1].between"),
    ("environments.toml", "between = [\"A\", \"B\"]", "§between = [\"A\", \"Q\"]", "environment.pair-not-business", "pair[1].between[1]"),
    ("environments.toml", "between = [\"A\", \"B\"]", "§between = [\"C\", \"A\"]", "file.duplicate", "pair[1].between"),
    ("environments.toml", "between = [\"A\", \"B\"]", "between = [\"A\", \"C\"]", "environment.pair-missing", "pair"),
    ("environments.toml", "id = \"B\"", "§id = \"A\"", "file.duplicate", "environment[1].id"),
    // profiles
    ("profiles/comware.toml", "id = \"comware\"", "§id = \"comwear\"", "profile.file-name", "profile.id"),
    ("profiles/comware.toml", "source = \"vendor guide\"", "§source = \"hearsay\"", "file.not-a-choice", "profile.source"),
    ("profiles/comware.toml", "mab_forms = [\"pap\"]", "§mab_forms = [\"pap\", \"pap\"]", "file.duplicate", "request.mab_forms[1]"),
    ("profiles/comware.toml", "user_mac = \"00-11-22-aa-bb-cc\"", "§user_mac = \"00-11-22-AA-bb-cc\"", "file.bad-mac-spelling", "request.user_mac"),
    ("profiles/comware.toml", "[request]\nmab_forms = [\"pap\"]", "§[request]\nmab_forms = [\"eap-md5\"]", "profile.conflict", "request"),
    ("profiles/juniper-ex.toml", "[request]\nmab_forms = [\"eap-md5\"]", "§[request]\nmab_forms = [\"eap-md5\", \"pap\"]", "profile.conflict", "request"),
    ("profiles/wireless-controller.toml", "[request]\nmab_forms = []", "§[request]\nmab_forms = [\"pap\"]", "profile.conflict", "request"),
    ("profiles/comware.toml", "name = \"GigabitEthernet{slot}/0/{port}\"\n", "", "file.missing-key", "port.name"),
    ("profiles/comware.toml", "\"GigabitEthernet{slot}/0/{port}\"", "§\"GigabitEthernet1/0/1\"", "profile.port-pattern", "port.name"),
    ("profiles/apresia-np.toml", "\"1/0/{port}\"", "§\"{slot}/0/{port}\"", "profile.port-pattern", "port.name"),
    ("profiles/juniper-ex.toml", "strip = \".0\"", "strip = \".0\"\n§name = \"{port}\"", "profile.conflict", "port.name"),
    ("profiles/comware.toml", "forbidden_vlans = [1]", "§forbidden_vlans = [1, 1]", "file.duplicate", "reply.forbidden_vlans[1]"),
    ("profiles/comware.toml", "omit = []", "§omit = [\"class\"]", "file.not-a-choice", "reply.omit[0]"),
    ("profiles/comware.toml", "coa = { port = 3799, keys = [\"calling-station-id\"]", "§coa = { port = 3799, keys = []", "profile.conflict", "enforce.coa.keys"),
    ("profiles/aruba-cx.toml", ", bounce = \"aruba-14823-40\"", "", "profile.conflict", "enforce"),
    ("profiles/apresia-np.toml", "coa = { port = 0, keys = [], mac = \"\", event_timestamp = false", "§coa = { port = 0, keys = [], mac = \"\", event_timestamp = true", "profile.conflict", "enforce.coa.event_timestamp"),
    ("profiles/apresia-np.toml", "[enforce]\nmeans = [", "§[enforce]\nmeans = [\"disconnect\", ", "profile.conflict", "enforce"),
    ("profiles/comware.toml", "means = [\"disconnect\", \"session-timeout\"]", "§means = []", "file.empty-value", "enforce.means"),
    ("profiles/comware.toml", "server_dead = \"closed\"", "§server_dead = \"critical-vlan:77\"", "file.unknown-reference", "behaviour.server_dead"),
    ("profiles/comware.toml", "server_dead = \"closed\"", "§server_dead = \"critical-vlan:1\"", "environment.vlan-one", "behaviour.server_dead"),
    ("profiles/comware.toml", "retries = 3", "§retries = 11", "file.out-of-range", "behaviour.retries"),
    // how switches are asked for their tables
    ("profiles/comware.toml", "version = \"3\"\nuser = \"sekisho\"\nauth = \"sha-256\"\nprivacy = \"aes-128\"\n", "§version = \"2c\"\n", "snmp.community", "snmp.version"),
    ("profiles/comware.toml", "privacy = \"aes-128\"", "§privacy = \"none\"", "snmp.in-clear", "snmp.privacy"),
    ("profiles/comware.toml", "version = \"3\"\nuser = \"sekisho\"\nauth = \"sha-256\"\nprivacy = \"aes-128\"\n", "§version = \"1\"\n", "file.not-a-choice", "snmp.version"),
    ("profiles/comware.toml", "version = \"3\"\nuser = \"sekisho\"\nauth = \"sha-256\"\nprivacy = \"aes-128\"\n", "version = \"2c\"\n§auth = \"sha-1\"\n", "profile.conflict", "snmp.auth"),
    ("profiles/comware.toml", "auth = \"sha-256\"", "§auth = \"md5\"", "file.not-a-choice", "snmp.auth"),
    ("profiles/comware.toml", "user = \"sekisho\"", "§user = \"a-name-that-is-longer-than-thirty-two-octets\"", "file.out-of-range", "snmp.user"),
    ("profiles/comware.toml", "port = 161", "§prot = 161", "file.unknown-key", "snmp.prot"),
    ("profiles/comware.toml", "repetitions = 20", "§repetitions = 41", "file.out-of-range", "snmp.repetitions"),
    ("profiles/comware.toml", "interface_names = \"if-name\"", "§interface_names = \"if-alias\"", "file.not-a-choice", "snmp.interface_names"),
    ("server.toml", "hint_s = 45", "§hint_s = 1", "file.out-of-range", "survey.hint_s"),
    ("server.toml", "[language]", "[clock]\n§servers = []\n[language]", "file.empty-value", "clock.servers"),
    ("server.toml", "[language]", "[clock]\n§servers = [\"ntp.city.example\"]\n[language]", "file.bad-socket-address", "clock.servers[0]"),
    ("server.toml", "[language]", "[clock]\nservers = [\"10.250.0.1:123\"]\n§offset_max_ms = 1\n[language]", "file.out-of-range", "clock.offset_max_ms"),
    ("server.toml", "hint_s = 45", "hint_s = 45\n§traps = \"162\"", "file.bad-socket-address", "survey.traps"),
    // policy.toml
    ("policy.toml", "edition = \"R7.3\"", "§edition = \"R9.9\"", "file.not-a-choice", "edition"),
    ("policy.toml", "name_ja = \"モバイル端末\"", "§name_ja = \"情報系端末\"", "file.duplicate", "class[2].name_ja"),
    ("policy.toml", "classes = [\"information-terminal\"]", "§classes = [\"information-terminl\"]", "file.unknown-reference", "rule[0].classes[0]"),
    ("policy.toml", "classes = [\"information-terminal\"]", "§classes = []", "file.empty-value", "rule[0].classes"),
    ("policy.toml", "id = \"P-20\"", "§id = \"P-10\"", "file.duplicate", "rule[1].id"),
    ("policy.toml", "vlan = \"B-PRINTER\"", "§vlan = \"B-PRINTERS\"", "file.unknown-reference", "rule[5].vlan"),
    ("policy.toml", "vlan = \"B-PRINTER\"", "§vlan = \"C-RITO\"", "policy.vlan-elsewhere", "rule[5].vlan"),
    ("policy.toml", "environments = [\"B\"]\nmethods = [\"mab\"]\nmedia = [\"wired\"]\nsites = [\"honcho\"]\naction = \"admit\"\n", "methods = [\"mab\"]\nmedia = [\"wired\"]\nsites = [\"honcho\"]\naction = \"admit\"\n§", "policy.vlan-elsewhere", "rule[5].vlan"),
    ("policy.toml", "action = \"admit\"\nvlan", "action = \"refuse\"\n§vlan", "policy.vlan-without-admit", "rule[5].vlan"),
    ("policy.toml", "media = [\"wired\"]\ngrants = true", "§media = [\"wired\", \"wireless\"]\ngrants = true", "policy.mac-over-air", "rule[4].media"),
    ("policy.toml", "session_timeout_s = 3600", "§session_timeout_s = 59", "file.out-of-range", "rule[4].session_timeout_s"),
    ("policy.toml", "[[rule]]\nid = \"P-60\"", "[[rule]]\nid = \"P-55\"\nmethods = [\"mab\"]\nmedia = [\"wired\"]\naction = \"refuse\"\n\n[[rule]]\n§id = \"P-60\"", "policy.unreachable-rule", "rule[6].id"),
    // exceptions.toml
    ("exceptions.toml", "rule = \"R10\"", "§rule = \"R26\"", "file.not-a-choice", "exception[0].rule"),
    ("exceptions.toml", "objects = [\"S-0001\"]", "§objects = [\"S-1000\"]", "file.unknown-reference", "exception[0].objects[0]"),
    ("exceptions.toml", "objects = [\"S-0001\"]", "§objects = [\"hon-sw01\"]", "file.unknown-reference", "exception[0].objects[0]"),
    ("exceptions.toml", "objects = [\"S-0001\"]", "§objects = []", "file.empty-value", "exception[0].objects"),
    ("exceptions.toml", "approver = \"デジタル推進課長\"", "§approver = \" \"", "file.empty-value", "exception[0].approver"),
    ("exceptions.toml", "approved = \"R8.4.1\"\nexpires = \"2027-03-31\"", "approved = \"R9.4.1\"\n§expires = \"2027-03-31\"", "file.times-reversed", "exception[0].expires"),
    ("exceptions.toml", "approved = \"R8.4.1\"", "§approved = \"R8.12.1\"", "exception.not-yet-approved", "exception[0].approved"),
    ("exceptions.toml", "expires = \"2027-03-31\"", "§expires = \"2026-11-23\"", "exception.expired", "exception[0].expires"),
    ("exceptions.toml", "expires = \"2027-03-31\"", "§expires = \"2026-12-23\"", "exception.expiring", "exception[0].expires"),
    ("exceptions.toml", "expires = \"2027-03-31\"", "§expires = \"R9.2.30\"", "file.bad-date", "exception[0].expires"),
    ("exceptions.toml", "id = \"E-002\"", "§id = \"E-001\"", "file.duplicate", "exception[1].id"),
    // flows.toml
    ("flows.toml", "from = { environment = \"A\", ip = [\"10.1.0.50\"]", "§from = { environment = \"A\", ip = [\"10.3.0.50\"]", "flow.address-outside", "flow[0].from.ip[0]"),
    ("flows.toml", "to = { environment = \"B\", ip = [\"10.2.0.60\"]", "to = { environment = \"A\", ip = [\"10.1.0.60\"]", "flow.stays-inside", "flow[0].id"),
    ("flows.toml", "ip = [\"10.1.0.50\"]", "ip = [\n§\"10.1.0.50/18\"]", "file.host-bits", "flow[0].from.ip[0]"),
    ("flows.toml", "ip = [\"10.1.0.50\"]", "§ip = []", "file.empty-value", "flow[0].from.ip"),
    ("flows.toml", "mac = [\"00-16-3E-0A-00-50\"]", "§mac = []", "file.empty-value", "flow[0].from.mac"),
    ("flows.toml", "mac = [\"00-16-3E-0A-00-50\"]", "mac = [\n§\"any\"]", "file.bad-mac", "flow[0].from.mac[0]"),
    ("flows.toml", "protocol = \"tcp\"", "§protocol = \"any\"", "file.not-a-choice", "flow[0].protocol"),
    ("flows.toml", "protocol = \"tcp\"", "§protocol = \"icmp\"", "topology.ports-without-protocol", "flow[0].protocol"),
    ("flows.toml", "ip = [\"fd00:2:0:120::61\"]", "ip = [\"10.2.0.61\"]", "flow.families-differ", "flow[1].id"),
    ("flows.toml", "ports = [\"443\"]", "ports = [\n§\"443-80\"]", "file.bad-ports", "flow[0].ports[0]"),
    ("flows.toml", "owner = \"市民課\"\n", "", "file.missing-key", "flow[0].owner"),
    ("flows.toml", "approved = \"R8.4.1\"", "§approved = \"R8.12.1\"", "flow.not-yet-approved", "flow[0].approved"),
    ("flows.toml", "expires = \"R9.3.31\"", "§expires = \"R8.11.23\"", "flow.expired", "flow[0].expires"),
    ("flows.toml", "expires = \"R9.3.31\"", "§expires = \"R8.12.20\"", "flow.expiring", "flow[0].expires"),
    ("flows.toml", "expires = \"R9.3.31\"", "§expires = \"R7.3.31\"", "file.times-reversed", "flow[0].expires"),
    ("flows.toml", "id = \"T-002\"", "§id = \"T-001\"", "file.duplicate", "flow[1].id"),
    // detections.toml
    ("detections.toml", "udp = []", "§udp = [\"10.250.0.10\"]", "file.bad-socket-address", "listen.udp[0]"),
    ("detections.toml", "tcp = []\ntls = []", "tcp = [\"127.0.0.1:6514\"]\n§tls = [\"127.0.0.1:6514\"]", "file.duplicate", "listen.tls[0]"),
    ("detections.toml", "tls = []", "tls = []\n§quic = []", "file.unknown-key", "listen.quic"),
    ("detections.toml", "marks_max = 10", "§marks_max = 0", "file.out-of-range", "listen.marks_max"),
    ("detections.toml", "id = \"malware-by-name\"", "§id = \"malware\"", "file.duplicate", "rule[1].id"),
    ("detections.toml", "id = \"malware\"\nenabled = false", "id = \"malware\"\nenabled = true", "detection.no-listener", "listen"),
    ("detections.toml", "from = [\"10.3.8.20\"]", "§from = []", "file.empty-value", "rule[0].from"),
    ("detections.toml", "from = [\"10.3.8.20\"]", "§from = [\"10.3.8.20/24\"]", "file.host-bits", "rule[0].from[0]"),
    ("detections.toml", "(?<ip>[0-9.]+)'", "§(?<ip>[0-9.]+'", "detection.bad-pattern", "rule[0].pattern"),
    ("detections.toml", "(?<ip>[0-9.]+)'", "§[0-9.]+'", "detection.names-nothing", "rule[0].pattern"),
    ("detections.toml", "action = \"quarantine\"", "§action = \"alert\"", "file.not-a-choice", "rule[0].action"),
    ("detections.toml", "environments = [\"C\"]", "§environments = [\"D\"]", "file.unknown-reference", "rule[0].environments[0]"),
    ("detections.toml", "# hours = 24", "§hours = 0", "file.out-of-range", "rule[0].hours"),
    // alerts.toml
    ("alerts.toml", "window_minutes = 10", "§window_minutes = 0", "file.out-of-range", "watch.window_minutes"),
    ("alerts.toml", "refusals = 5\n", "", "file.missing-key", "watch.refusals"),
    ("alerts.toml", "refusals = 5", "refusals = 5\n§refusal = 5", "file.unknown-key", "watch.refusal"),
    ("alerts.toml", "kind = \"mail\"", "§kind = \"fax\"", "file.not-a-choice", "sink[3].kind"),
    ("alerts.toml", "id = \"soc\"", "§id = \"collector\"", "file.duplicate", "sink[1].id"),
    ("alerts.toml", "\"10.250.0.20:6514\"", "§\"10.250.0.20\"", "alert.bad-address", "sink[0].address"),
    ("alerts.toml", "facility = 10", "§facility = 24", "file.out-of-range", "sink[0].facility"),
    ("alerts.toml", "environments = [\"C\"]", "§environments = [\"D\"]", "file.unknown-reference", "sink[1].environments[0]"),
    ("alerts.toml", "minimum = \"info\"", "§minimum = \"low\"", "file.not-a-choice", "sink[0].minimum"),
    ("alerts.toml", "alerts = [\"ALERT-stranger\",", "§alerts = [\"ALERT-strange\",", "file.not-a-choice", "sink[2].alerts[0]"),
    ("alerts.toml", "https://chat.city.example/hooks/sekisho", "§https://user:word@chat.city.example/", "alert.bad-url", "sink[2].url"),
    ("alerts.toml", "kind = \"webhook\"\nurl = \"https:", "§kind = \"webhook\"\nurl = \"http:", "alert.secret-in-clear", "sink[2].kind"),
    ("alerts.toml", "\"kansei@city.example\"", "§\"監視@city.example\"", "alert.bad-mail-address", "sink[3].to[0]"),
    ("alerts.toml", "to = [\"kansei@city.example\"]", "§to = []", "file.empty-value", "sink[3].to"),
    ("alerts.toml", "security = \"starttls\"", "security = \"none\"", "alert.secret-in-clear", "sink[3].kind"),
    ("alerts.toml", "\ntoken = true", "\ntoken = true\n§password = \"x\"", "file.unknown-key", "sink[2].password"),
    // sensors.toml
    ("sensors.toml", "id = \"kenko-mirror\"", "§id = \"honcho-mirror\"", "file.duplicate", "sensor[1].id"),
    ("sensors.toml", "\"10.1.0.10\"", "§\"10.1.0\"", "file.bad-address", "dhcp_servers[0]"),
    ("sensors.toml", "site = \"kenko\"", "§site = \"kenkou\"", "file.unknown-reference", "sensor[1].site"),
    ("sensors.toml", "interface = \"eth1\"", "§interface = \"a/b\"", "sensor.bad-interface", "sensor[0].interface"),
    ("sensors.toml", "vantage = \"edge\"", "§vantage = \"side\"", "file.not-a-choice", "sensor[0].vantage"),
    ("sensors.toml", "untagged_vlan = 130", "§untagged_vlan = 4095", "file.out-of-range", "sensor[1].untagged_vlan"),
    ("sensors.toml", "https://radius.city.example:9813", "§http://radius.city.example:9813", "sensor.token-in-clear", "sensor[0].server"),
    ("sensors.toml", "https://radius.city.example:9813", "§https://radius.city.example:9813/x", "alert.bad-url", "sensor[0].server"),
    ("sensors.toml", "silent_minutes = 5", "§silent_minutes = 0", "file.out-of-range", "sensor[0].silent_minutes"),
    ("sensors.toml", "ports_max = 3", "§ports_max = 0", "file.out-of-range", "limit.ports_max"),
    ("sensors.toml", "environment = \"A\"", "§environment = \"D\"", "file.unknown-reference", "response[0].environment"),
    ("sensors.toml", "first = \"quarantine\"", "§first = \"shoot\"", "file.not-a-choice", "response[0].first"),
    ("sensors.toml", "again = \"port-down\"", "§again = \"alert\"", "sensor.ladder", "response[0].again"),
    ("sensors.toml", "\nverdicts = \"hard\"", "\n§verdicts = \"soft\"", "file.not-a-choice", "response[0].verdicts"),
    // tripwire.toml
    ("tripwire.toml", "enabled = false\n\n", "§enabled = 0\n\n", "file.wrong-type", "enabled"),
    ("tripwire.toml", "id = \"tripwire\"", "§id = \"honcho-mirror\"", "file.duplicate", "id"),
    ("tripwire.toml", "\"a.lan.city.example\"\nname", "§\"a.lan.city.example.\"\nname", "file.bad-dns-name", "zone"),
    ("tripwire.toml", "\"a.lan.city.example\"\nname", "§\"lan\"\nname", "tripwire.zone", "zone"),
    ("tripwire.toml", "\"tripwire.city.example\"", "§\"ns.a.lan.city.example\"", "tripwire.name-server-inside", "name_servers[0]"),
    ("tripwire.toml", "[\"tripwire.city.example\"]", "§[]", "file.empty-value", "name_servers"),
    ("tripwire.toml", "[\"A\", \"B\"]", "§[\"A\", \"Z\"]", "file.unknown-reference", "environments[1]"),
    ("tripwire.toml", "[\"A\", \"B\"]", "§[]", "file.empty-value", "environments"),
    ("tripwire.toml", "exclude = []", "§exclude = [\"S-9999\"]", "file.unknown-reference", "exclude[0]"),
    ("tripwire.toml", "\"10.1.0.80\"", "§\"10.1.0\"", "file.bad-address", "inside[0]"),
    ("tripwire.toml", "\"192.0.2.80\"", "§\"10.1.0.80\"", "tripwire.same-answer", "outside"),
    ("tripwire.toml", "own_networks = []", "§own_networks = [\"203.0.113.1/24\"]", "file.host-bits", "own_networks[0]"),
    ("tripwire.toml", "\"0.0.0.0:53\"", "§\"53\"", "file.bad-socket-address", "dns[0]"),
    ("tripwire.toml", "\"0.0.0.0:80\"", "§\"*:80\"", "file.bad-socket-address", "http[0]"),
    ("tripwire.toml", "https://radius.city.example:9813", "§http://radius.city.example:9813", "sensor.token-in-clear", "server"),
    ("tripwire.toml", "rotation_days = 30", "§rotation_days = 0", "file.out-of-range", "rotation_days"),
    ("tripwire.toml", "\nttl_s = 30", "\n§ttl_s = 301", "file.out-of-range", "ttl_s"),
    ("tripwire.toml", "negative_ttl_s = 30", "§negative_ttl_s = 0", "file.out-of-range", "negative_ttl_s"),
    ("tripwire.toml", "silent_minutes = 10", "silent_minutes = 10\n§silent_minuts = 1", "file.unknown-key", "silent_minuts"),
    // calendar.toml
    ("calendar.toml", "begin = \"07:00\"", "§begin = \"7:00\"", "calendar.bad-time", "hours[0].begin"),
    ("calendar.toml", "end = \"21:00\"", "§end = \"07:00\"", "calendar.bad-time", "hours[0].end"),
    ("calendar.toml", "end = \"24:00\"", "§end = \"24:01\"", "calendar.bad-time", "hours[1].end"),
    ("calendar.toml", "from = \"12-29\"", "§from = \"12-32\"", "file.bad-date", "closed[0].from"),
    ("calendar.toml", "until = \"2027-03-28\"", "§until = \"2027-03-27\"", "file.times-reversed", "open[0].until"),
    ("calendar.toml", "days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]\nbegin", "§days = [\"mon\", \"tues\"]\nbegin", "file.not-a-choice", "hours[0].days[1]"),
    // grants.toml
    ("grants.toml", "environment = \"C\"", "§environment = \"M\"", "grant.environment-closed", "grant[0].environment"),
    ("grants.toml", "mac = \"E8-0F-5D-0E-8C-0F\"", "§mac = \"E8-0F-5D-0E-8C\"", "file.bad-mac", "grant[0].mac"),
    ("grants.toml", "mac = \"E8-0F-5D-0E-8C-0F\"", "§mac = \"EA-0F-5D-0E-8C-0F\"", "file.local-mac", "grant[0].mac"),
    ("grants.toml", "[[grant]]\nid = \"G-2026-014\"\ncompany", "§[[grant]]\nid = \"G-2026-014\"\ncompeny", "file.missing-key", "grant[0].company"),
    ("grants.toml", "mac = \"E8-0F-5D-0E-8C-0F\"\n", "", "grant.names-nobody", "grant[0].id"),
    ("grants.toml", "environment = \"C\"\nmac = ", "environment = \"A\"\n§mac = ", "grant.certificate-absent", "grant[0].mac"),
    ("grants.toml", "approved = \"2026-11-09\"", "§approved = \"2026-12-01\"", "grant.not-yet-approved", "grant[0].approved"),
    ("grants.toml", "places = [\"honcho\", \"kenko\", \"nambara\"]", "§places = []", "file.empty-value", "grant[1].places"),
    ("grants.toml", "until = \"2026-12-25\"", "§until = \"2027-02-16\"", "grant.too-long", "grant[0].until"),
    ("grants.toml", "until = \"2026-12-25\"", "§until = \"2026-11-15\"", "file.times-reversed", "grant[0].until"),
    ("grants.toml", "until = \"2026-12-25\"", "§until = \"2026-11-23\"", "grant.ended", "grant[0].until"),
    ("grants.toml", "until = \"2026-12-25\"", "§until = \"2026-11-30\"", "grant.ending", "grant[0].until"),
];

#[test]
fn every_fault_is_found_at_its_line() {
    let shipped = shipped();
    let mut failures = Vec::new();
    for (file, old, new, id, field) in FAULTS {
        let mut sources = shipped.clone();
        let text = String::from_utf8(sources.config[*file].clone()).unwrap();
        assert!(text.contains(old), "{file} has no {old}");
        let text = text.replacen(old, new, 1);
        let line = text.split('§').next().unwrap().matches('\n').count() + 1;
        let marked = text.contains('§');
        sources.config.insert((*file).to_owned(), text.replacen('§', "", 1).into_bytes());
        let findings = found(&sources, NOW);
        let here = findings.iter().any(|finding| {
            let at = finding.at.as_ref().map(ToString::to_string).unwrap_or_default();
            let placed = if marked {
                at == format!("config/{file}:{line}")
            } else {
                at.starts_with(&format!("config/{file}:"))
            };
            finding.kind.id() == *id && finding.field == *field && placed
        });
        if !here {
            failures.push(format!("{file} {new}: no {id} at line {line} {field} in {findings:#?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The table above has a row for every kind of these families, and lists are bounded.
#[test]
fn no_kind_of_finding_is_left_untried() {
    let families = [
        "environment.",
        "profile.",
        "policy.",
        "exception.",
        "grant.",
        "flow.",
        "alert.",
        "calendar.",
        "detection.",
        "snmp.",
        "sensor.",
        "tripwire.",
    ];
    // One is shown by the shipped files, the other needs a proof.
    // Those about secrets are tried beside their readers.
    let elsewhere = [
        FindingKind::ProfileUnproven,
        FindingKind::ExceptionIdle,
        FindingKind::AlertSecretAbsent,
        FindingKind::AlertSecretUnusable,
        FindingKind::DetectionSenderAbsent,
        FindingKind::TripwireKeyAbsent,
        FindingKind::TripwireKeyUnusable,
    ];
    for kind in FindingKind::ALL {
        let tried = FAULTS.iter().any(|(_, _, _, id, _)| *id == kind.id());
        let ours = families.iter().any(|family| kind.id().starts_with(family));
        assert!(tried || !ours || elsewhere.contains(kind), "{}", kind.id());
    }
    let mut sources = shipped();
    let text = String::from_utf8(sources.config["server.toml"].clone()).unwrap();
    let many: Vec<String> = (1..=17).map(|port| format!("\"127.0.0.1:{port}\"")).collect();
    let text = text.replacen("\"127.0.0.1:1812\"", &many.join(", "), 1);
    sources.config.insert("server.toml".to_owned(), text.into_bytes());
    let findings = found(&sources, NOW);
    assert!(findings.iter().any(|finding| {
        finding.kind == FindingKind::TooMany && finding.field == "radius.authentication"
    }));
}

#[test]
fn files_that_may_be_absent_are_and_others_are_missed_once() {
    let mut sources = shipped();
    for (path, missed) in [
        ("exceptions.toml", 0),
        ("grants.toml", 0),
        ("alerts.toml", 0),
        ("calendar.toml", 0),
        ("sensors.toml", 0),
        ("tripwire.toml", 0),
        ("server.toml", 1),
        ("environments.toml", 1),
        ("policy.toml", 1),
    ] {
        sources.config.remove(path);
        let absent = |finding: &Finding| {
            finding.facts.contains(&("path", Fact::word(format_args!("config/{path}"))))
        };
        let count = found(&sources, NOW).iter().filter(|finding| absent(finding)).count();
        assert_eq!(count, missed, "{path}");
    }
}

/// A syntax error and the octets that are no text are each reported once, although the policy
/// is read twice.
#[test]
fn a_spoilt_policy_is_reported_once() {
    for (octets, id) in
        [(&b"edition = "[..], "file.syntax"), (&b"edition = \"\xff\""[..], "file.not-utf-8")]
    {
        let mut sources = shipped();
        sources.config.insert("policy.toml".to_owned(), octets.to_vec());
        let findings = found(&sources, NOW);
        assert_eq!(findings.iter().filter(|finding| finding.kind.id() == id).count(), 1, "{id}");
    }
}

#[test]
fn a_change_of_time_alone_never_makes_an_error() {
    for now in [Timestamp(0), Timestamp(i64::MIN), Timestamp(i64::MAX)] {
        let errors = found(&shipped(), now)
            .into_iter()
            .filter(|finding| finding.severity() == Severity::Error)
            .filter(|finding| !finding.field.contains("places"))
            .count();
        assert_eq!(errors, 0, "{now:?}");
    }
}

#[test]
fn an_inventory_whose_columns_are_unclear_is_one_fault() {
    let shipped = shipped();
    let inventory = String::from_utf8(shipped.config["inventory.csv"].clone()).unwrap();
    let (headings, rows) = inventory.split_once('\n').unwrap();
    for (text, kind) in [
        (format!("{headings},資産番号\n{rows}"), FindingKind::ColumnTwice),
        (format!("{}\n{rows}", headings.replace("資産番号", "番号札")), FindingKind::ColumnMissing),
        (rows.to_owned(), FindingKind::NoHeader),
    ] {
        let mut sources = shipped.clone();
        sources.config.insert("inventory.csv".to_owned(), text.into_bytes());
        let findings = compile(&sources, NOW).findings;
        let errors: Vec<_> =
            findings.iter().filter(|finding| finding.severity() == Severity::Error).collect();
        assert_eq!(errors.iter().map(|it| it.kind).collect::<Vec<_>>(), [kind], "{errors:#?}");
    }
}

/// What it defines is not missing besides.
#[test]
fn a_file_that_cannot_be_read_is_one_fault() {
    for path in ["policy.toml", "environments.toml"] {
        let mut sources = shipped();
        sources.config.get_mut(path).unwrap().extend(b"\nx = = 1\n");
        let findings = compile(&sources, NOW).findings;
        let errors = findings.iter().filter(|it| it.severity() == Severity::Error);
        let mut kinds: Vec<_> = errors.map(|finding| finding.kind).collect();
        kinds.dedup();
        assert_eq!(kinds, [FindingKind::Syntax], "{path}");
    }
}

/// A way to spoil a file: which, where in thousandths of its length, and how.
fn spoil(file: &[u8], at: usize, how: u8, octet: u8) -> Vec<u8> {
    let mut octets = file.to_vec();
    let at = octets.len() * at / 1000;
    let line_end =
        octets[at..].iter().position(|octet| *octet == b'\n').map_or(octets.len(), |n| at + n);
    match how {
        0 => octets[at] ^= octet,
        1 => drop(octets.remove(at)),
        2 => octets.insert(at, octet),
        3 => drop(octets.drain(at..line_end)),
        4 => octets.extend_from_within(at..),
        _ => octets.truncate(at),
    }
    octets
}

proptest::proptest! {
    #[test]
    fn no_spoilt_file_panics(
        changes in proptest::collection::vec((0_usize..100, 0_usize..1000, 0_u8..6, 0_u8..128), 1..4)
    ) {
        let mut sources = shipped();
        sources.config.remove("inventory.csv");
        let paths: Vec<_> = sources.config.keys().cloned().collect();
        for (file, at, how, octet) in changes {
            let path = &paths[file % paths.len()];
            let spoilt = spoil(&sources.config[path], at, how, octet);
            if !spoilt.is_empty() {
                sources.config.insert(path.clone(), spoilt);
            }
        }
        let compiled = compile(&sources, NOW);
        let errors = compiled.findings.iter().any(|it| it.severity() == Severity::Error);
        proptest::prop_assert!(errors || compiled.plan.is_some());
    }
}
