//! What a storm has to say, for people and for programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::Console;
use crate::shell::process::Used;
use crate::simulation::storm::{Fault, Histogram, Load, StormSettings, Tally};
use crate::vocabulary::Text;

/// A storm that is over.
pub(super) struct Report {
    pub(super) settings: StormSettings,
    pub(super) devices: usize,
    pub(super) tally: Tally,
    /// Devices that were to begin and did not.
    pub(super) missing: u64,
    /// What this program used while it blew.
    pub(super) own: Used,
    /// What the server used, where that could be asked.
    pub(super) server: Option<Used>,
}

impl Report {
    pub(super) fn is_right(&self) -> bool {
        self.tally.is_right() && self.missing == 0
    }

    fn seconds(&self) -> f64 {
        self.tally.elapsed.as_secs_f64()
    }

    fn json(&self) -> Value {
        let tally = &self.tally;
        let load = match self.settings.load {
            Load::Rate { per_second } => json!({ "rate": per_second }),
            Load::Outstanding { devices } => json!({ "outstanding": devices }),
            Load::PowerReturn { devices } => json!({ "power_return": devices }),
        };
        let server = self.server.map(|used| {
            json!({
                "cpu_ms": milliseconds(used.processor),
                "cpu_us_per_authentication": each(used.processor, tally.admitted),
                "cpu_us_per_answer": each(used.processor, tally.answers),
                "memory_peak_kib": used.memory_peak_kib,
            })
        });
        json!({
            "right": self.is_right(),
            "server": self.settings.server.to_string(),
            "load": load,
            "devices": self.devices,
            "seconds": self.seconds(),
            "begun": tally.begun,
            "missing": self.missing,
            "held_up": tally.held_up,
            "admitted": tally.admitted,
            "mab": tally.mab,
            "eap_tls_full": tally.eap_tls_full,
            "eap_tls_resumed": tally.eap_tls_resumed,
            "answers": tally.answers,
            "authentications_per_second": per_second(tally.admitted, tally.elapsed),
            "answers_per_second": per_second(tally.answers, tally.elapsed),
            "wait_us": { "mab": waits(&tally.wait_mab), "eap_tls": waits(&tally.wait_eap_tls) },
            "round_trips_per_authentication": ratio(tally.round_trips, tally.admitted),
            "octets_sent_per_authentication": ratio(tally.octets_sent, tally.begun),
            "octets_received_per_authentication": ratio(tally.octets_received, tally.begun),
            "retransmissions": tally.retransmissions,
            "unasked": tally.unasked,
            "faults": tally.faults,
            "generator": {
                "cpu_ms": milliseconds(self.own.processor),
                "cpu_us_per_authentication": each(self.own.processor, tally.admitted),
            },
            "server_process": server,
        })
    }

    pub(super) fn print(&self, as_json: bool, console: &mut Console) {
        if as_json {
            console.json(&self.json());
            return;
        }
        let tally = &self.tally;
        self.say(
            console,
            Text {
                ja: "許可 {admitted} / 開始 {begun}({seconds} 秒、毎秒 {rate} 件)。MAB {mab}、EAP-TLS 完全 {full}・再開 {resumed}",
                en: "admitted {admitted} of {begun} begun, in {seconds} s ({rate} a second): MAB {mab}, EAP-TLS full {full}, resumed {resumed}",
            },
        );
        for (name, histogram) in [("MAB", &tally.wait_mab), ("EAP-TLS", &tally.wait_eap_tls)] {
            if histogram.count() > 0 {
                let at = |per_mille| shown(histogram.percentile(per_mille));
                let (mean, max) = (shown(histogram.mean()), shown(histogram.max()));
                let [p50, p99, p999] = [500, 990, 999].map(at);
                console.line(format!(
                    "  {name}: p50 {p50}, p99 {p99}, p99.9 {p999}, max {max}, mean {mean}"
                ));
            }
        }
        self.say(
            console,
            Text {
                ja: "応答 {answers}、往復 {trips}/認証、送信 {sent}・受信 {received} オクテット/認証、再送 {again}、問いのない応答 {unasked}",
                en: "answers {answers}; each authentication {trips} round trips, {sent} octets sent, {received} received; sent again {again}, replies to nothing asked {unasked}",
            },
        );
        if self.missing + tally.held_up > 0 {
            self.say(
                console,
                Text {
                    ja: "始められなかった端末 {missing}、始めるのが遅れた端末 {held_up}",
                    en: "devices that never began {missing}, that began late {held_up}",
                },
            );
        }
        self.say(
            console,
            Text {
                ja: "CPU: この負荷プログラム {own} µs/認証",
                en: "processor: this generator {own} µs each",
            },
        );
        if self.server.is_some() {
            self.say(
                console,
                Text {
                    ja: "CPU: サーバー {server} µs/認証({server_answer} µs/応答)、最大メモリー {memory} KiB",
                    en: "processor: server {server} µs each ({server_answer} µs an answer), peak memory {memory} KiB",
                },
            );
        }
        for (id, count) in &tally.faults {
            let text = Fault::ALL.iter().find(|fault| fault.id() == *id).map(|fault| fault.text());
            let words = text.map_or("", |text| text.get(console.language));
            console.line(format!("  ✗ {count}  {id}: {words}"));
        }
    }

    fn say(&self, console: &mut Console, text: Text) {
        let tally = &self.tally;
        let server = self.server.unwrap_or_default();
        let facts = [
            ("admitted", tally.admitted.to_string()),
            ("begun", tally.begun.to_string()),
            ("seconds", format!("{:.2}", self.seconds())),
            ("rate", format!("{:.0}", per_second(tally.admitted, tally.elapsed))),
            ("mab", tally.mab.to_string()),
            ("full", tally.eap_tls_full.to_string()),
            ("resumed", tally.eap_tls_resumed.to_string()),
            ("answers", tally.answers.to_string()),
            ("trips", format!("{:.2}", ratio(tally.round_trips, tally.admitted))),
            ("sent", format!("{:.0}", ratio(tally.octets_sent, tally.begun))),
            ("received", format!("{:.0}", ratio(tally.octets_received, tally.begun))),
            ("again", tally.retransmissions.to_string()),
            ("unasked", tally.unasked.to_string()),
            ("missing", self.missing.to_string()),
            ("held_up", tally.held_up.to_string()),
            ("own", format!("{:.1}", each(self.own.processor, tally.admitted))),
            ("server", format!("{:.1}", each(server.processor, tally.admitted))),
            ("server_answer", format!("{:.1}", each(server.processor, tally.answers))),
            ("memory", server.memory_peak_kib.to_string()),
        ];
        console.line(text.fill(console.language, &facts));
    }
}

fn shown(span: Duration) -> String {
    if span < Duration::from_millis(10) {
        format!("{} µs", span.as_micros())
    } else {
        format!("{:.1} ms", span.as_secs_f64() * 1e3)
    }
}

fn microseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a storm are far below 2^52")]
fn ratio(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}

fn per_second(count: u64, span: Duration) -> f64 {
    if span.is_zero() { 0.0 } else { ratio(count, 1) / span.as_secs_f64() }
}

/// Microseconds for each.
fn each(span: Duration, count: u64) -> f64 {
    if count == 0 { 0.0 } else { microseconds(span) / ratio(count, 1) }
}

fn waits(histogram: &Histogram) -> Value {
    let at = |per_mille| microseconds(histogram.percentile(per_mille));
    json!({
        "count": histogram.count(),
        "p50": at(500),
        "p90": at(900),
        "p99": at(990),
        "p99_9": at(999),
        "max": microseconds(histogram.max()),
        "mean": microseconds(histogram.mean()),
    })
}
