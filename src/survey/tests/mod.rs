//! Switches that are simulated, and views made by hand.

mod agent;
mod bounce;
mod judge;
mod sweep;
mod trap;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use super::{Access, Agent, Answer, Context, Fault, Question, Sweep, Target, View};
use crate::plan::{Forwarding, InterfaceNames, Snmp, SnmpAccess};
use crate::simulation::SnmpAgent;
use crate::vocabulary::{Moment, Secret, Timestamp};
use crate::wire::snmp::{Auth, MasterKeys, Oid, Privacy, Value};

pub(super) const ENGINE: &[u8] = b"\x80\x00\x1f\x88\x80switch";

pub(super) fn at(seconds: u64) -> Moment {
    let monotonic = Duration::from_secs(seconds);
    Moment { monotonic, wall: Timestamp::from_seconds(1_800_000_000).plus(monotonic) }
}

pub(super) fn passphrase(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

/// Keys of a passphrase, each made once: that hashes a mebibyte.
pub(super) fn keys(word: &str) -> Arc<MasterKeys> {
    static MADE: LazyLock<Mutex<HashMap<String, Arc<MasterKeys>>>> = LazyLock::new(Mutex::default);
    let make = || {
        let word = passphrase(word);
        let keys = MasterKeys::new((Auth::Sha256, &word), Some((Privacy::Aes128, &word)));
        Arc::new(keys.unwrap())
    };
    Arc::clone(MADE.lock().unwrap().entry(word.to_owned()).or_insert_with(make))
}

pub(super) fn target(access: Access) -> Target {
    Target { access, repetitions: 20, timeout: Duration::from_secs(1), retries: 2 }
}

/// A switch and who asks it, both by version 3.
pub(super) fn pair() -> (SnmpAgent, Agent) {
    let keys = keys("maplesyrup");
    let mut switch = SnmpAgent::new(ENGINE);
    switch.user = Some((b"sekisho".to_vec(), keys.localise(ENGINE)));
    switch.community = Some(b"public".to_vec());
    let access = Access::User { name: "sekisho".to_owned(), keys };
    (switch, Agent::new(target(access), &[7; 32]))
}

/// Carries datagrams until the question has ended.
pub(super) fn run(
    switch: &mut SnmpAgent,
    agent: &mut Agent,
    now: Moment,
    context: Context,
    question: Question,
) -> Result<Answer, Fault> {
    assert!(agent.ask(now, context, question));
    for _ in 0..20_000 {
        if let Some(event) = agent.poll_event() {
            return event;
        }
        let time = u32::try_from(now.monotonic.as_secs()).unwrap();
        match agent.poll_transmit().and_then(|octets| switch.answer(time, &octets)) {
            Some(answer) => {
                agent.handle(now, &answer);
            }
            None => {
                let due = agent.poll_timeout().expect("something is awaited");
                agent.handle_timeout(Moment { monotonic: due, ..now });
            }
        }
    }
    panic!("a question without end");
}

pub(super) fn columns(answer: Result<Answer, Fault>) -> super::Columns {
    match answer.unwrap() {
        Answer::Columns(columns) => columns,
        Answer::Bindings(_) => panic!("a walk was asked for"),
    }
}

/// A message with each of its bits turned, cut at each octet, and with one octet more.
pub(super) fn mutations(good: &[u8]) -> Vec<Vec<u8>> {
    let turned = (0..good.len() * 8).map(|bit| {
        let mut bad = good.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        bad
    });
    let cut = (0..good.len()).map(|length| good[..length].to_vec());
    turned.chain(cut).chain([[good, &[0]].concat()]).collect()
}

/// Writes one cell of a table.
pub(super) fn set(switch: &mut SnmpAgent, context: &[u8], name: &str, index: &[u32], value: Value) {
    let name = name.parse::<Oid>().unwrap().child(index);
    switch.trees.entry(context.to_vec()).or_default().insert(name, value);
}

pub(super) fn number(number: i64) -> Value {
    Value::Integer(number)
}

pub(super) fn words(text: &str) -> Value {
    Value::Octets(text.as_bytes().to_vec())
}

pub(super) fn view(
    switch: &mut SnmpAgent,
    agent: &mut Agent,
    tables: (Forwarding, InterfaceNames),
    vlans: &[u16],
) -> View {
    let vlans: Vec<_> = vlans.iter().filter_map(|it| crate::vocabulary::VlanId::new(*it)).collect();
    let mut sweep = Sweep::new(tables, &vlans);
    while let Some((context, question)) = sweep.question() {
        sweep.answered(run(switch, agent, at(1), context, question)).unwrap();
    }
    sweep.into_view()
}

/// What a profile may say.
pub(super) fn snmp() -> Snmp {
    Snmp {
        access: SnmpAccess::Community,
        secret: "switches".to_owned(),
        port: 161,
        repetitions: 20,
        timeout: Duration::from_secs(1),
        retries: 2,
        forwarding: Forwarding::QBridge,
        interface_names: InterfaceNames::IfName,
        interface_prefixes: Vec::new(),
    }
}
