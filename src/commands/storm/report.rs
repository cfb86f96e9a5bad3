//! What a storm has to say, for people and for programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::Console;
use crate::shell::process::Used;
use crate::simulation::storm::{Fault, Histogram, Load, StormSettings, Tally};
use crate::vocabulary::Text;

/// Lateness from which on it is told.
const LATE_SHOWN: Duration = Duration::from_millis(100);

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
    /// The server's process ended meanwhile.
    pub(super) server_ended: bool,
    /// Somebody ended the storm before its time.
    pub(super) interrupted: bool,
    /// The devices' version of TLS.
    pub(super) tls: String,
}

impl Report {
    pub(super) fn is_right(&self) -> bool {
        self.tally.is_right() && self.missing == 0 && !self.interrupted && !self.server_ended
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
            "settings": {
                "duration_s": self.settings.duration.as_secs(),
                "eap_tls_percent": self.settings.eap_tls_percent,
                "tls": self.tls,
                "resume_percent": self.settings.resume_percent,
                "timeout_ms": milliseconds(self.settings.timeout),
                "retries": self.settings.retries,
                "source_ports": self.settings.ports,
            },
            "interrupted": self.interrupted,
            "devices": self.devices,
            "seconds": self.seconds(),
            "begun": tally.begun,
            "missing": self.missing,
            "held_up": tally.held_up,
            "generator_late_max_us": microseconds(tally.late_max),
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
        if self.interrupted {
            self.say(
                console,
                Text {
                    ja: "途中で止めました。ここまでの結果です",
                    en: "ended before its time; this is what there was",
                },
            );
        }
        if tally.late_max > LATE_SHOWN {
            self.say(
                console,
                Text {
                    ja: "この負荷プログラム自身の遅れ(最大 {late})も待ち時間に入っています",
                    en: "waits include what this generator itself was late, {late} at most",
                },
            );
        }
        if tally.begun > tally.admitted {
            self.say(
                console,
                Text {
                    ja: "待ち時間は許可された端末だけのものです(許可されなかった端末 {shut_out})",
                    en: "waits are those of admitted devices alone; not admitted: {shut_out}",
                },
            );
        }
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
                    ja: "始められなかった端末 {missing}、端末か識別子が空くのを待って遅れて始めた端末 {held_up}{asked}",
                    en: "devices that never began {missing}, that began late for want of a free device or identifier {held_up}{asked}",
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
        if self.server_ended {
            self.say(
                console,
                Text {
                    ja: "サーバーのプロセスは途中で終わりました(CPU とメモリーは測れません)",
                    en: "the server's process ended meanwhile; what it used cannot be told",
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
        let unreached = Text {
            ja: "(指定した毎秒 {rate} 件には届きませんでした)",
            en: " (the {rate} a second that were asked for were not reached)",
        };
        let asked = match self.settings.load {
            Load::Rate { per_second } if tally.held_up > 0 => {
                unreached.fill(console.language, &[("rate", per_second.to_string())])
            }
            Load::Rate { .. } | Load::Outstanding { .. } | Load::PowerReturn { .. } => {
                String::new()
            }
        };
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
            ("asked", asked),
            ("late", shown(tally.late_max)),
            ("shut_out", tally.begun.saturating_sub(tally.admitted).to_string()),
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
