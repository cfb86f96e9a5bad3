//! What each rule of separation asks, in a line.

use crate::vocabulary::Text;

/// Every rule.
pub(super) const RULES: [(&str, Text); 25] = [
    (
        "R01",
        Text {
            ja: "VLAN・サブネット・SSID の環境は一つだけ",
            en: "every VLAN, subnet and SSID has exactly one environment",
        },
    ),
    (
        "R02",
        Text {
            ja: "環境どうしが L2 でつながらない", en: "no environments meet at layer 2"
        },
    ),
    (
        "R03",
        Text {
            ja: "通信を認めない環境間に L3 の経路がない",
            en: "no layer 3 path between environments without permitted flows",
        },
    ),
    (
        "R04",
        Text {
            ja: "環境間の通信は特定通信の範囲内",
            en: "what passes between environments is within the permitted flows",
        },
    ),
    (
        "R05",
        Text {
            ja: "特定通信は両端・プロトコル・承認・期限を限定",
            en: "each permitted flow names its ends, protocol, approval and expiry",
        },
    ),
    ("R06", Text { ja: "特定通信は実際に通れる", en: "each permitted flow is possible" }),
    (
        "R07",
        Text {
            ja: "認証で割り当てうるすべての VLAN でも R02–R04 を満たす",
            en: "R02 to R04 hold for every VLAN that could be assigned",
        },
    ),
    (
        "R08",
        Text {
            ja: "どの障害のときも R02–R04 を満たす", en: "R02 to R04 hold under every failure"
        },
    ),
    (
        "R09",
        Text {
            ja: "端末は自分の環境の VLAN にだけ入る",
            en: "a device enters VLANs of its own environment only",
        },
    ),
    (
        "R10",
        Text {
            ja: "証明書を求める環境に MAC 認証で入るのは期限付き例外だけ",
            en: "where certificates are asked for, MAC authentication is a dated exception",
        },
    ),
    (
        "R11",
        Text {
            ja: "無線の利用は準拠する版のガイドラインのとおり",
            en: "wireless is as the guideline's edition asks",
        },
    ),
    (
        "R12",
        Text {
            ja: "認証サーバー停止時に業務の VLAN を開かない",
            en: "no business VLAN opens when no server answers",
        },
    ),
    (
        "R13",
        Text {
            ja: "認証前・ゲスト・認証失敗の VLAN を分離",
            en: "VLANs before and without authentication are isolated",
        },
    ),
    ("R14", Text { ja: "VLAN 1 を使わない", en: "VLAN 1 is not used" }),
    (
        "R15",
        Text {
            ja: "割り当てうる VLAN がスイッチと上位リンクにある",
            en: "assignable VLANs exist on switch and uplink",
        },
    ),
    (
        "R16",
        Text {
            ja: "認証のない端末ポートは理由を付けて届け出",
            en: "edge ports without authentication are listed with a reason",
        },
    ),
    (
        "R17",
        Text {
            ja: "端末ポートの MAC は認証済みのものだけ",
            en: "addresses on an edge port are those of its sessions",
        },
    ),
    ("R18", Text { ja: "一つの MAC は一か所", en: "one address is in one place" }),
    (
        "R19",
        Text {
            ja: "実際の接続構成は届け出のとおり", en: "neighbours are as declared"
        },
    ),
    (
        "R20",
        Text {
            ja: "スイッチとサーバーの間の RADIUS を保護",
            en: "RADIUS between switch and server is protected",
        },
    ),
    (
        "R21",
        Text {
            ja: "記録に欠けがなく、時刻が合い、検証できる",
            en: "records have no gap, the clock keeps time, the chain verifies",
        },
    ),
    (
        "R22",
        Text {
            ja: "棚卸(未確認の端末・未登録の端末・証明書の期限)",
            en: "inventory: unseen and unregistered devices, certificates about to end",
        },
    ),
    (
        "R23",
        Text {
            ja: "例外措置に承認者と期限があり、期限内",
            en: "each exception has approver and expiry, and holds",
        },
    ),
    (
        "R24",
        Text {
            ja: "一か所の障害で特定通信・認証が途切れない",
            en: "no single failure cuts a permitted flow or the servers",
        },
    ),
    (
        "R25",
        Text {
            ja: "管理系は SNMPv3 と専用の VLAN",
            en: "management by SNMPv3 on a VLAN of its own",
        },
    ),
];
