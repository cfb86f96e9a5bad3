//! Every state meets every input; the table beside this file says what comes of it.
//!
//! After a deliberate change, `REGENERATE=1 cargo test` writes the table anew, to be read line by
//! line before it is kept.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::states::Because;
use super::*;

const NOW: Duration = Duration::from_secs(1_000);

fn host() -> Mac {
    Mac::new([2, 0, 0, 0, 0, 1]).unwrap()
}

fn rules() -> settings::Port {
    settings::Port::new("p".to_owned(), 1, Mac::new([2, 0, 0, 0, 1, 0]).unwrap())
}

fn grant() -> Grant {
    Grant::critical(VlanId::new(10).unwrap())
}

/// A state, and who is in while the port is in it.
fn states() -> Vec<(&'static str, Pae, Option<Method>)> {
    let (peer, mac, identity) = (host(), host(), b"pc".to_vec());
    let until = NOW + Duration::from_secs(5);
    let identity_of =
        |sent| Pae::AwaitIdentity(AwaitIdentity { to: Some(peer), identifier: 1, sent, due: NOW });
    let server = |back| {
        let (identity, packet) = (identity.clone(), eap::response(1, eap::Method::Tls, &[]));
        Pae::AwaitServer(AwaitServer { peer, identity, identifier: 1, packet, rounds: 0, back })
    };
    let response = |sent| {
        Pae::AwaitResponse(AwaitResponse {
            peer,
            identity: identity.clone(),
            identifier: 1,
            packet: eap::request(1, eap::Method::Tls, &[]),
            rounds: 1,
            back: (ServerId(0), vec![7]),
            patience: Duration::from_secs(30),
            sent,
            due: NOW,
        })
    };
    let success = eap::success(1);
    let switch = AwaitSwitch { mac, method: Method::Dot1x, success };
    let mab_switch = AwaitSwitch { mac, method: Method::Mab, success: Vec::new() };
    let retry = |because| Pae::AwaitRetry(AwaitRetry { until, because });
    let back = Some((ServerId(0), vec![7]));
    vec![
        ("link", Pae::AwaitLink, None),
        ("host", Pae::AwaitHost, None),
        ("identity", identity_of(1), None),
        ("identity-last", identity_of(3), None),
        ("identity-last over dot1x", identity_of(3), Some(Method::Dot1x)),
        ("identity-last over mab", identity_of(3), Some(Method::Mab)),
        ("identity-last over critical", identity_of(3), Some(Method::Critical)),
        ("server", server(None), None),
        ("server-back", server(back), None),
        ("server over dot1x", server(None), Some(Method::Dot1x)),
        ("server over mab", server(None), Some(Method::Mab)),
        ("response", response(1), None),
        ("response-last", response(3), None),
        ("response-last over mab", response(3), Some(Method::Mab)),
        ("verdict", Pae::AwaitVerdict(AwaitVerdict { mac }), None),
        ("verdict over mab", Pae::AwaitVerdict(AwaitVerdict { mac }), Some(Method::Mab)),
        ("switch", Pae::AwaitSwitch(switch), None),
        ("switch-mab", Pae::AwaitSwitch(mab_switch), None),
        ("settled over dot1x", Pae::Settled(Settled), Some(Method::Dot1x)),
        ("settled over mab", Pae::Settled(Settled), Some(Method::Mab)),
        ("retry-dot1x", retry(Because::Dot1x), None),
        ("retry-mab", retry(Because::Mab), None),
        ("retry-logoff", retry(Because::Logoff), None),
        ("retry-switch", retry(Because::Switch), None),
        ("retry-ordered", retry(Because::Ordered), None),
        ("retry-overload over mab", retry(Because::Overload), Some(Method::Mab)),
        ("service", Pae::AwaitService(AwaitService { until }), None),
        (
            "service over critical",
            Pae::AwaitService(AwaitService { until }),
            Some(Method::Critical),
        ),
    ]
}

fn inputs() -> Vec<(&'static str, Input)> {
    let heard = |heard| Input::Heard(host(), heard);
    let response = |identifier, identity: Option<&[u8]>| {
        let packet = eap::response(identifier, eap::Method::Identity, b"pc");
        let identity = identity.map(<[u8]>::to_vec);
        heard(Heard::Response(Response { identifier, identity, packet }))
    };
    let challenge = Challenge {
        server: ServerId(0),
        state: vec![8],
        identifier: 2,
        packet: eap::request(2, eap::Method::Tls, &[]),
        patience: None,
    };
    vec![
        ("up", Input::Link(true)),
        ("down", Input::Link(false)),
        ("start", heard(Heard::Start)),
        ("logoff", heard(Heard::Logoff)),
        ("identity", response(1, Some(b"pc"))),
        ("response", response(1, None)),
        ("stray-response", response(9, Some(b"pc"))),
        ("frame", heard(Heard::Frame)),
        ("challenge", Input::Answered(Answer::Challenge(challenge))),
        ("accept", Input::Answered(Answer::Accept(grant(), eap::success(1)))),
        ("accept-bare", Input::Answered(Answer::Accept(grant(), Vec::new()))),
        ("reject", Input::Answered(Answer::Refuse(Change::Rejected, eap::failure(1)))),
        ("unusable", Input::Answered(Answer::Refuse(Change::Unusable, Vec::new()))),
        ("unanswered", Input::Answered(Answer::Unanswered)),
        ("lost", Input::Answered(Answer::Lost)),
        ("no-server", Input::Answered(Answer::NoServer)),
        ("overload", Input::Answered(Answer::Overload)),
        ("applied", Input::Switch(Ok(()))),
        ("apply-failed", Input::Switch(Err(Duration::from_secs(4)))),
        ("timeout", Input::Timeout),
        ("disconnect", Input::Ordered(Demand::Disconnect)),
        ("bounce", Input::Ordered(Demand::Bounce)),
        ("reauthenticate", Input::Ordered(Demand::Reauthenticate)),
        ("end", Input::Ordered(Demand::End)),
    ]
}

fn step(state: Pae, inside: Option<Method>, input: Input) -> (Pae, Vec<Effect>) {
    let mut desk = Desk {
        now: NOW,
        rules: &rules(),
        seen: Some(host()),
        inside: inside.map(|method| (host(), method)),
        barred: None,
        revival: NOW + Duration::from_secs(60),
        identifier: 42,
        effects: Vec::new(),
    };
    let next = state.handle(input, &mut desk);
    (next, desk.effects)
}

fn shown(state: &Pae) -> String {
    let until = |at: Duration| (at - NOW).as_secs();
    match state {
        Pae::AwaitLink => "link".to_owned(),
        Pae::AwaitHost => "host".to_owned(),
        Pae::AwaitIdentity(next) => format!("identity {}+{}s", next.sent, until(next.due)),
        Pae::AwaitServer(next) => format!("server back={:?}", next.back.is_some()),
        Pae::AwaitResponse(next) => format!("response {}+{}s", next.sent, until(next.due)),
        Pae::AwaitVerdict(_) => "verdict".to_owned(),
        Pae::AwaitSwitch(next) => format!("switch {}", next.method.id()),
        Pae::Settled(_) => "settled".to_owned(),
        Pae::AwaitRetry(next) => format!("retry {:?}+{}s", next.because, until(next.until)),
        Pae::AwaitService(next) => format!("service +{}s", until(next.until)),
    }
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Send(to, packet) => {
            let packet = eap::Packet::parse(packet).unwrap();
            let to = if to.is_some() { "host" } else { "group" };
            format!("send {:?}/{} to {to}", packet.code(), packet.identifier())
        }
        Effect::AskEap { back, .. } => format!("ask-eap back={:?}", back.is_some()),
        Effect::AskMab(_) => "ask-mab".to_owned(),
        Effect::Withdraw => "withdraw".to_owned(),
        Effect::Open(entry) => format!("open {} {}", entry.method.id(), entry.grant.vlan),
        Effect::Admit => "admit".to_owned(),
        Effect::Close(cause) => format!("close {cause:?}"),
        Effect::Bar(_, at) => format!("bar +{}s", (*at - NOW).as_secs()),
        Effect::Bounce => "bounce".to_owned(),
        Effect::Count(counter) => format!("count {}", counter.id()),
        Effect::Tell(change) => format!("tell {}", change.id()),
    }
}

#[test]
fn every_state_meets_every_input_as_the_table_says() {
    let mut table = String::new();
    for (state_name, state, inside) in states() {
        writeln!(table, "{state_name}").unwrap();
        for (input_name, input) in inputs() {
            let (next, effects) = step(state.clone(), inside, input);
            let same = if next == state { "same".to_owned() } else { shown(&next) };
            let effects: Vec<_> = effects.iter().map(effect).collect();
            writeln!(table, "  {input_name:14} -> {same}: {}", effects.join(", ")).unwrap();
        }
    }
    let table = table.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/authenticator/pae/table.txt");
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    for (kept, now) in kept.lines().zip(table.lines()) {
        assert_eq!(kept, now);
    }
    assert_eq!(kept, table);
}

#[test]
fn only_an_accept_opens_and_only_in_the_two_states_that_asked() {
    for (name, state, inside) in states() {
        for (input_name, input) in inputs() {
            let (_, effects) = step(state.clone(), inside, input);
            if effects.iter().any(|effect| matches!(effect, Effect::Open(_))) {
                assert!(name.starts_with("server") || name.starts_with("verdict"), "{name}");
                assert!(input_name.starts_with("accept"), "{name} {input_name}");
            }
        }
    }
}
