//! The table of every metric, as the documentation has it.

use std::fmt::Write as _;

use super::{Family, Metrics};
use crate::shell::authenticator::Metrics as OfAuthenticator;
use crate::vocabulary::{Language, Text};

/// Every label, what it can be and so how many values it has at most.
pub const LABELS: &[(&str, Text)] = &[
    (
        "action",
        Text {
            ja: "判定に対してしたこと(quarantine、port-down)、または何もしなかった理由",
            en: "what was done about a verdict (quarantine, port-down), or why nothing was",
        },
    ),
    ("authority", Text { ja: "認証局の ID", en: "id of an authority" }),
    ("change", Text { ja: "ポートが変わった原因", en: "why a port changed" }),
    (
        "client",
        Text {
            ja: "計画にあるスイッチの ID。計画に無い送信元は `unknown`",
            en: "id of a switch of the plan; `unknown` for any other source",
        },
    ),
    (
        "environment",
        Text {
            ja: "計画にある環境の ID。無ければ空",
            en: "id of an environment of the plan; empty for none",
        },
    ),
    ("event", Text { ja: "出来事の種類", en: "kind of event" }),
    (
        "kind",
        Text {
            ja: "種類。要求の種類、CoA の手段、アカウンティングの種類、警報の ID、印の種類、分離の破れの種類、センサーの判定の種類",
            en: "kind: of request, of CoA, of account, id of an alert, kind of mark, of breach of the separation, of a sensor's verdict",
        },
    ),
    (
        "method",
        Text {
            ja: "認証方法(eap-tls、mab、none)。途中の応答では空",
            en: "eap-tls, mab or none; empty for replies in between",
        },
    ),
    (
        "name",
        Text {
            ja: "サーバー証明書の名前または認証局の ID",
            en: "name of the server's certificate, or id of an authority",
        },
    ),
    ("node", Text { ja: "ノードの名前", en: "the node's name" }),
    ("outcome", Text { ja: "admit、quarantine、refuse", en: "admit, quarantine or refuse" }),
    ("port", Text { ja: "認証装置のポート", en: "a port of the authenticator" }),
    (
        "reason",
        Text {
            ja: "判定または無応答の理由の ID",
            en: "id of the reason of a decision or of a silence",
        },
    ),
    (
        "result",
        Text {
            ja: "結果。応答の種類、CoA の結果、アカウンティングの扱い、送達の成否、トリップワイヤーの反応",
            en: "what came of it: kind of reply, answer to a CoA, what became of an account, a delivery or a hit of the tripwire",
        },
    ),
    ("role", Text { ja: "server または authority", en: "server or authority" }),
    ("rule", Text { ja: "規則(R17、R18、R19)", en: "R17, R18 or R19" }),
    ("server", Text { ja: "NTP サーバーのアドレス", en: "address of a time server" }),
    (
        "sensor",
        Text {
            ja: "計画にあるセンサーまたはトリップワイヤーの応答機の ID",
            en: "id of a sensor of the plan, or of the tripwire's responder",
        },
    ),
    ("sink", Text { ja: "警報の送り先の ID", en: "id of a receiver of alerts" }),
    ("site", Text { ja: "拠点の ID", en: "id of a site" }),
    ("state", Text { ja: "状態", en: "state" }),
    ("version", Text { ja: "sekisho の版", en: "version of sekisho" }),
    (
        "where",
        Text {
            ja: "失われた場所(queue、receive、send、event、ledger)",
            en: "queue, receive, send, event or ledger",
        },
    ),
    ("worker", Text { ja: "ワーカーの番号", en: "number of a worker" }),
];

/// The table in Markdown, both languages beside each other.
#[must_use]
pub fn table() -> String {
    let mut text = String::from(
        "# メトリクス / Metrics\n\n\
        `sekisho metrics` がこの表を作ります。 `sekisho metrics` makes this table.\n\n\
        端末が作り出せる値(MAC アドレス、利用者名、シリアル番号)はラベルになりません。\
        時刻は 1970 年からの秒数です。 No label can be invented by a device. Instants are \
        seconds since 1970.\n\n## sekisho serve\n\n",
    );
    rows(&mut text, Metrics::FAMILIES);
    text.push_str("\n## sekisho authenticator\n\n");
    rows(&mut text, OfAuthenticator::FAMILIES);
    text.push_str("\n## ラベル / Labels\n\n| label | 意味 | meaning |\n|---|---|---|\n");
    for (label, meaning) in LABELS {
        // OK because a String takes every write, here and below.
        let _ = writeln!(text, "| `{label}` | {} | {} |", meaning.ja, meaning.en);
    }
    text
}

fn rows(text: &mut String, families: &[Family]) {
    text.push_str("| metric | type | labels | 意味 | meaning |\n|---|---|---|---|---|\n");
    for Family { name, kind, labels, meaning, .. } in families {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = labels.join(", ");
        let [ja, en] = [Language::Japanese, Language::English].map(|it| meaning.get(it));
        let _ = writeln!(text, "| `{name}` | {kind} | {labels} | {ja} | {en} |");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_keeps_the_conventions_and_every_label_is_explained() {
        let families = || Metrics::FAMILIES.iter().chain(OfAuthenticator::FAMILIES);
        let names: BTreeSet<&str> = families().map(|family| family.name).collect();
        assert_eq!(names.len(), families().count());
        let mut used = BTreeSet::new();
        for Family { name, kind, labels, buckets, meaning } in families() {
            assert!(name.starts_with("sekisho_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == "counter", "{name}");
            assert_eq!(!buckets.is_empty(), *kind == "histogram", "{name}");
            assert!(!meaning.ja.is_empty() && meaning.en.ends_with('.'), "{name}");
            assert!(!meaning.ja.is_ascii() && !meaning.ja.contains('|'), "{name}");
            used.extend(labels.iter().copied());
        }
        let explained: BTreeSet<&str> = LABELS.iter().map(|(label, _)| *label).collect();
        assert_eq!(used, explained);
    }
}
