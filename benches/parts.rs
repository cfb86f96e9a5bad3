//! What each part of an answer costs, in processor time of one thread: `cargo bench --bench parts`
//! prints a table, `-- --json` one object for programs, `-- --large` also takes 200,000 devices.
//!
//! `access` is everything between datagram and reply; `handshake` is the server's side of EAP-TLS
//! with its RADIUS-free conversation, to be held against the bare handshake of the bench `limit`.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement stops loudly and prints"
)]

use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use prometheus::IntCounterVec;
use sekisho::access::{Access, Action, ReplyReason, Snapshot};
use sekisho::authority::Authority;
use sekisho::plan::{AuthorityIndex, AuthorityMaterial, ClientSecrets, Credentials, Plan, compile};
use sekisho::policy::{Evidence, decide};
use sekisho::sensor::{CaptureTime, Captured, Knowledge, LinkType, Sensor, Vantage};
use sekisho::shell::metrics::Metrics;
use sekisho::simulation::network::{Size, generate};
use sekisho::simulation::storm::{Method, Roster, roster_of};
use sekisho::vocabulary::{
    Claimed, Mac, Marks, Moment, Place, Point, PortIndex, Secret, SwitchIndex, Timestamp,
};
use sekisho::wire::radius::{Code, Key, Packet, Writer, attribute};
use serde_json::{Map, Value, json};

/// 2026-11-26, when none of the dates in the files is near.
const NOW: Timestamp = Timestamp(1_795_660_000_000);
const SECRET: &[u8] = b"a secret of twenty-four!";
/// Repetitions of one group, and groups, of which the median is told.
const TIMES: u32 = 20_000;
const GROUPS: usize = 9;

fn processor() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// Microseconds for each of `times` calls: the median of the groups.
fn each(times: u32, mut work: impl FnMut()) -> f64 {
    let mut groups: Vec<f64> = (0..GROUPS)
        .map(|_| {
            let begun = processor();
            (0..times).for_each(|_| work());
            (processor() - begun).as_secs_f64() * 1e6 / f64::from(times)
        })
        .collect();
    groups.sort_by(f64::total_cmp);
    groups[GROUPS / 2]
}

/// Milliseconds of one call: the median of three.
fn once<T>(mut work: impl FnMut() -> T) -> (f64, T) {
    let mut taken = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        let begun = processor();
        last = Some(work());
        taken.push((processor() - begun).as_secs_f64() * 1e3);
    }
    taken.sort_by(f64::total_cmp);
    (taken[1], last.unwrap())
}

struct City {
    plan: Arc<Plan>,
    credentials: Credentials,
    roster: Roster,
}

fn city(devices: u32, told: &mut Map<String, Value>) -> City {
    let sources = generate(&Size::with_devices(devices, 10));
    let (ms, compiled) = once(|| compile(&sources, NOW));
    told.insert(format!("compile_{devices}_ms"), json!(ms));
    let plan = Arc::new(compiled.plan.unwrap());
    let current = Secret::new(SECRET.to_vec());
    let clients: HashMap<_, _> = (0_u16..)
        .map(SwitchIndex)
        .zip(&plan.switches)
        .filter(|(_, switch)| switch.is_client())
        .map(|(index, _)| {
            let current = current.clone();
            (index, ClientSecrets { current, next: None, mab_word: None })
        })
        .collect();
    let roster = roster_of(&plan, &clients, NOW).unwrap();
    let (authority, _) = Authority::create("Parts CA", NOW, 30).unwrap();
    let server = authority.issue_server(&["radius.city.example"], NOW, 20).unwrap();
    let list = authority.revocation_list(&[], 1, NOW, 20).unwrap();
    let credentials = Credentials {
        clients,
        left_out: 0,
        server_chain: server.issued.pem.clone().into_bytes(),
        server_key: server.key.pem().clone(),
        server_end: NOW,
        authorities: vec![AuthorityMaterial {
            index: AuthorityIndex(0),
            certificates_der: vec![authority.certificate_der().to_vec()],
            crl_der: Some(list.der),
            ends: vec![NOW],
            crl_next_update: None,
        }],
        tokens: Vec::new(),
        peers: Default::default(),
        snmp: Default::default(),
        tripwire: None,
        alerts: Default::default(),
    };
    City { plan, credentials, roster }
}

fn snapshot(city: &City, previous: Option<&Snapshot>) -> Arc<Snapshot> {
    let (plan, learned) = (Arc::clone(&city.plan), HashSet::new());
    let marks = Marks::default();
    Arc::new(Snapshot::new(1, plan, &city.credentials, marks, &learned, previous).unwrap())
}

fn swap(city: &City, devices: u32, told: &mut Map<String, Value>) -> Arc<Snapshot> {
    let (ms, first) = once(|| snapshot(city, None));
    told.insert(format!("snapshot_{devices}_ms"), json!(ms));
    let mut access = Access::new(0, Arc::clone(&first), &[7; 32]);
    let second = snapshot(city, Some(&first));
    let us = each(1_000, || access.replace(Arc::clone(&second)));
    told.insert(format!("swap_{devices}_us"), json!(us));
    first
}

/// A MAB request of each printer, and where it comes from.
fn requests(city: &City, key: &Key) -> Vec<(Vec<u8>, SocketAddr)> {
    let printers = city.roster.entries.iter().filter(|entry| entry.method == Method::Mab);
    printers
        .enumerate()
        .map(|(number, entry)| {
            let mut octets = Vec::new();
            let mut authenticator = [3; 16];
            authenticator[..8].copy_from_slice(&number.to_be_bytes());
            let identifier = u8::try_from(number % 256).unwrap();
            let mut writer =
                Writer::request(&mut octets, Code::AccessRequest, identifier, authenticator);
            writer.message_authenticator_first().text(attribute::USER_NAME, &entry.user);
            let mut hidden = Vec::new();
            key.encode_user_password(authenticator, entry.password.as_bytes(), &mut hidden)
                .unwrap();
            writer.attribute(attribute::USER_PASSWORD, &hidden);
            for (kind, value) in &entry.attributes {
                let own = [attribute::USER_NAME, attribute::USER_PASSWORD];
                if !own.contains(kind) && *kind != attribute::MESSAGE_AUTHENTICATOR {
                    writer.attribute(*kind, value);
                }
            }
            writer.finish_request(key).unwrap();
            let port = 2_000 + u16::try_from(number / 256).unwrap();
            (octets, SocketAddr::new(IpAddr::V4(entry.source.unwrap()), port))
        })
        .collect()
}

fn radius(city: &City, snapshot: &Arc<Snapshot>, told: &mut Map<String, Value>) {
    let key = Key::new(&Secret::new(SECRET.to_vec()));
    let requests = requests(city, &key);
    let (octets, _) = &requests[0];
    let packet = Packet::parse(octets).unwrap();
    let mut put = |name: &str, us: f64| told.insert(name.to_owned(), json!(us));
    put(
        "decode_us",
        each(TIMES, || {
            black_box(Packet::parse(black_box(octets)).unwrap());
        }),
    );
    put(
        "message_authenticator_us",
        each(TIMES, || {
            black_box(key.check_message_authenticator(&packet));
        }),
    );
    put(
        "user_password_us",
        each(TIMES, || {
            black_box(key.decode_user_password(&packet).unwrap());
        }),
    );
    let mut reply = Vec::with_capacity(4096);
    put(
        "encode_accept_us",
        each(TIMES, || {
            let mut writer = Writer::reply(&mut reply, Code::AccessAccept, &packet);
            writer.message_authenticator_first();
            writer.vlan(None, "110").integer(attribute::SESSION_TIMEOUT, 3_600);
            writer.finish_reply(&key, packet.authenticator()).unwrap();
        }),
    );
    let local = SocketAddr::from(([127, 0, 0, 1], 1812));
    let mut access = Access::new(0, Arc::clone(snapshot), &[7; 32]);
    let mut turn = 0_u32;
    let mut next = requests.iter().cycle();
    let all = u32::try_from(requests.len()).unwrap();
    let us = each(all, || {
        let (octets, source) = next.next().unwrap();
        // Each round comes later than an answer is remembered.
        let seconds = u64::from(turn / all) * 31;
        turn += 1;
        let now = Moment { monotonic: Duration::from_secs(seconds), wall: NOW };
        let action = access.handle(now, octets, *source, local, &mut reply);
        assert_eq!(action, Action::Reply { reason: ReplyReason::Accept });
        if access.decided() >= 128 {
            black_box(access.take_decided());
        }
    });
    put("access_mab_us", us);
}

fn policy(city: &City, told: &mut Map<String, Value>) {
    let plan = &city.plan;
    let marks = Marks::default();
    let printer = plan.devices.iter().find(|device| !device.macs.is_empty()).unwrap();
    let evidence = Evidence::Mac(Claimed::<Mac>(printer.macs[0]));
    let place = Place {
        switch: SwitchIndex(u16::try_from(plan.switches.len() - 1).unwrap()),
        point: Point::Port(PortIndex(0)),
    };
    let us = each(TIMES, || {
        black_box(decide(plan, &marks, &evidence, &place, NOW));
    });
    told.insert("decide_us".to_owned(), json!(us));
}

/// Frames of a TCP connection between a PC and a server, as most frames are.
fn sensor(told: &mut Map<String, Value>) {
    let mut frame = vec![
        0x00, 0x12, 0xe2, 0, 0, 1, 0x00, 0x12, 0xe2, 0, 0, 2, 0x08, 0x00, 0x45, 0, 0, 60, 0, 1,
        0x40, 0, 128, 6, 0, 0, 10, 1, 1, 10, 10, 2, 1, 20, 0xc0, 0x01, 0x01, 0xbb, 0, 0, 0, 1, 0,
        0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0,
    ];
    frame.resize(74, 0);
    let mut sensor = Sensor::new(Knowledge::none(Vantage::default()));
    let mut number = 0_u64;
    let us = each(TIMES, || {
        number += 1;
        frame[11] = (number % 200) as u8;
        frame[29] = (number % 200) as u8;
        let (seconds, part) = (number / 20_000, number % 20_000);
        let time = CaptureTime::new(
            i64::try_from(seconds).unwrap(),
            u32::try_from(part * 50_000).unwrap(),
        );
        sensor.handle(&Captured { number, time, link: LinkType::Ethernet, octets: &frame });
        while let Some(event) = sensor.poll_event() {
            black_box(event);
        }
    });
    told.insert("sensor_frame_us".to_owned(), json!(us));
}

/// What Prometheus is told after a busy day at 300 switches with 3,118 devices, each switch with
/// every kind of request, reply, account, trap and half a dozen reasons of refusal.
fn scrape(told: &mut Map<String, Value>) {
    let size = Size { endpoints: 3_118, ..Size::LARGE };
    let plan = compile(&generate(&size), NOW).plan.unwrap();
    assert_eq!((plan.switches.len(), plan.devices.len()), (300, 3_118));
    let metrics = Metrics::new().unwrap();
    let refusals =
        ["policy.unknown-device", "policy.wrong-place", "policy.no-rule", "cert.expired"];
    for (number, switch) in (1_u64..).zip(&plan.switches) {
        let id = switch.id.as_str();
        let site = plan.site(switch.site).unwrap().id.as_str();
        metrics.clients.with_label_values(&[id, site]).set(1);
        metrics.last_request.with_label_values(&[id]).set(1.8e9);
        metrics.snmp_sweep.with_label_values(&[id]).set(1.8e9);
        metrics.fdb_minus_sessions.with_label_values(&[id]).set(0);
        metrics.message_authenticator_missing.with_label_values(&[id]).inc();
        let count = |family: &IntCounterVec, labels: &[&[&str]]| {
            for rest in labels {
                family.with_label_values(&[&[id], *rest].concat()).inc_by(number * 1_000);
            }
        };
        count(
            &metrics.requests,
            &[&["access-request"], &["accounting-request"], &["status-server"]],
        );
        count(&metrics.replies, &[&["mab", "accept", "policy.admitted"], &["", "challenge", ""]]);
        for method in ["mab", "eap-tls"] {
            count(
                &metrics.replies,
                &refusals.map(|reason| [method, "reject", reason]).each_ref().map(|it| &it[..]),
            );
        }
        for environment in &plan.environments {
            count(
                &metrics.decisions,
                &[&[&environment.id, "admit"], &[&environment.id, "quarantine"]],
            );
        }
        count(&metrics.decisions, &[&["", "refuse"]]);
        count(&metrics.ignored, &[&["not-authentic"], &["malformed"]]);
        count(
            &metrics.coa,
            &[&["disconnect", "ack"], &["disconnect", "timeout"], &["reauthenticate", "ack"]],
        );
        count(&metrics.accounts, &[&["start", "kept"], &["stop", "kept"], &["interim", "kept"]]);
        count(&metrics.snmp_errors, &[&["silent"]]);
        count(&metrics.snmp_traps, &[&["link-up"], &["link-down"], &["addresses"], &["other"]]);
        count(&metrics.snmp_ignored, &[&["nothing-asked"]]);
    }
    for site in &plan.sites {
        for environment in &plan.environments {
            metrics.attached.with_label_values(&[&site.id, &environment.id]).set(26);
        }
    }
    let text = metrics.render();
    told.insert("scrape_300_octets".to_owned(), json!(text.len()));
    told.insert("scrape_300_us".to_owned(), json!(each(20, || drop(black_box(metrics.render())))));
    // The least that any answer of so many octets costs.
    told.insert(
        "scrape_300_copy_us".to_owned(),
        json!(each(200, || drop(black_box(text.clone())))),
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let mut told = Map::new();
    let small = city(3_118, &mut told);
    let first = swap(&small, 3_118, &mut told);
    radius(&small, &first, &mut told);
    policy(&small, &mut told);
    sensor(&mut told);
    scrape(&mut told);
    if has("--large") {
        let large = city(200_000, &mut told);
        swap(&large, 200_000, &mut told);
    }
    if has("--json") {
        println!("{}", Value::Object(told));
    } else {
        for (name, value) in &told {
            println!("{name:<28} {:>12.2}", value.as_f64().unwrap());
        }
    }
}
