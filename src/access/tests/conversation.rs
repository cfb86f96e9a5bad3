//! EAP inside RADIUS: versions, resumption, keys, States, limits, and what changes meanwhile.

use std::time::Duration;

use super::fixture::{Desk, PC, PRINTER, REPLIED, code, text};
use crate::access::{Action, Event, IgnoreReason, ReplyReason};
use crate::eap::peer::PeerVersions;
use crate::plan::tests::{edit, shipped};
use crate::vocabulary::{Mac, Mark, MarkKind, MarkSubject, Marks, Reason};
use crate::wire::eap::{Method, response};
use crate::wire::radius::{Code, Packet, attribute};

const VERSIONS: [PeerVersions; 2] = [PeerVersions::Tls12, PeerVersions::Tls13];

fn nothing(_: &mut Desk, _: usize) {}

/// TLS-7, TLS-9, MPPE-1: both versions, both ways to begin, full and resumed, with equal keys.
#[test]
fn tls_7_mppe_1_every_way_in_ends_with_the_vlan_and_the_same_keys() {
    for versions in VERSIONS {
        for from_start in [false, true] {
            let mut desk = Desk::new();
            let (config, _) = desk.supplicant(PC.name, versions);
            for resumed in [false, true, true] {
                let ended = desk.authenticate(&PC, &config, from_start, None, nothing);
                assert_eq!(ended.code, Code::AccessAccept);
                assert_eq!(text(&ended.reply, attribute::TUNNEL_PRIVATE_GROUP_ID).unwrap(), "130");
                let (keys, (recv, send)) = (ended.keys.unwrap(), ended.sent_keys.unwrap());
                assert_eq!((keys.recv.expose(), keys.send.expose()), (&recv[..], &send[..]));
                let record = desk.decision();
                assert_eq!((record.resumed, record.vlan()), (resumed, Some(130)), "{versions:?}");
                assert_eq!(record.identity().as_deref(), Some(PC.name));
            }
        }
    }
}

/// EAP-12: what the link takes, and what keeps the datagram below the path's limit.
#[test]
fn eap_12_packets_obey_framed_mtu_and_the_datagram_limit() {
    for (mtu, limit, longest) in [(None, 1400, 1400), (Some(300), 1400, 420), (None, 576, 576)] {
        let mut desk = Desk::with(|sources| {
            edit(sources, "config/server.toml", "= 1400", &format!("= {limit}"));
        });
        let (config, _) = desk.supplicant(PC.name, PeerVersions::Tls12);
        let ended = desk.authenticate(&PC, &config, false, mtu, nothing);
        assert_eq!(ended.code, Code::AccessAccept);
        assert!(ended.longest <= longest, "{mtu:?} {limit}: {}", ended.longest);
    }
}

/// RES-1, RES-2, PKI-1: nothing that was cached stands for authorisation.
#[test]
fn res_1_res_2_a_resumption_follows_list_inventory_and_marks() {
    for versions in VERSIONS {
        let mut desk = Desk::new();
        let (config, serial) = desk.supplicant(PC.name, versions);
        desk.authenticate(&PC, &config, false, None, nothing);
        let mut moved = shipped();
        edit(
            &mut moved,
            "config/inventory.csv",
            "健康づくり課,C,kenko/ken-sw02",
            "健康づくり課,B,kenko/ken-sw02",
        );
        desk.reload(Some(&moved), Marks::default());
        let ended = desk.authenticate(&PC, &config, false, None, nothing);
        assert_eq!(text(&ended.reply, attribute::TUNNEL_PRIVATE_GROUP_ID).unwrap(), "120");
        let record = desk.decision();
        assert!(record.resumed);
        assert_eq!(record.environment(), Some("B"));

        desk.revoke(&serial);
        let ended = desk.authenticate(&PC, &config, false, None, nothing);
        assert_eq!((ended.code, ended.keys.is_some()), (Code::AccessReject, false));
        assert_eq!(desk.decision().because.reason, Reason::CertificateRevoked);
    }
}

fn refusal(mac: &str, desk: &Desk) -> Marks {
    let subject = MarkSubject::Mac(Mac::parse(mac).unwrap());
    let (reason, by) = ("検査".to_owned(), "test".to_owned());
    let since = desk.now.wall;
    Marks::new(vec![Mark {
        id: 1,
        subject,
        kind: MarkKind::Refuse,
        reason,
        by,
        since,
        until: None,
    }])
}

/// A mark set between the decision and the peer's confirmation counts (TLS-11).
#[test]
fn tls_11_what_changes_between_decision_and_confirmation_is_honoured() {
    let mut desk = Desk::new();
    let (config, _) = desk.supplicant(PC.name, PeerVersions::Tls13);
    let whole = desk.authenticate(&PC, &config, false, None, nothing).rounds;
    let (config, _) = desk.supplicant(PC.name, PeerVersions::Tls13);
    let ended = desk.authenticate(&PC, &config, false, None, |desk, round| {
        if round == whole {
            let marks = refusal(PC.mac, desk);
            desk.reload(None, marks);
        }
    });
    assert_eq!((ended.code, ended.sent_keys), (Code::AccessReject, None));
    assert_eq!(desk.decision().because.reason, Reason::Marked);
}

/// A revocation between the handshake's end and the peer's confirmation counts too.
#[test]
fn what_is_revoked_between_handshake_and_confirmation_is_refused() {
    let mut desk = Desk::new();
    let (config, _) = desk.supplicant(PC.name, PeerVersions::Tls13);
    let whole = desk.authenticate(&PC, &config, false, None, nothing).rounds;
    let (config, serial) = desk.supplicant(PC.name, PeerVersions::Tls13);
    let ended = desk.authenticate(&PC, &config, false, None, |desk, round| {
        if round == whole {
            desk.revoke(&serial);
        }
    });
    assert_eq!((ended.code, ended.sent_keys), (Code::AccessReject, None));
    assert_eq!(desk.decision().because.reason, Reason::CertificateRevoked);
}

/// An Accept that the switch never saw is no longer given after a mark.
#[test]
fn a_copy_of_what_was_accepted_before_a_mark_is_decided_anew() {
    let mut desk = Desk::new();
    let request = desk.mab(&PRINTER);
    assert_eq!(code(&desk.ask(PRINTER.switch, &request)), Code::AccessAccept);
    assert_eq!(code(&desk.ask(PRINTER.switch, &request)), Code::AccessAccept);
    let marks = refusal(PRINTER.mac, &desk);
    desk.reload(None, marks);
    assert_eq!(code(&desk.ask(PRINTER.switch, &request)), Code::AccessReject);
    assert_eq!(desk.decision().because.reason, Reason::Marked);
}

#[test]
fn a_certificate_that_is_not_this_devices_or_nobodys_is_refused_without_success() {
    let strangers = [
        ("mu-pc0001.pc.city.example", Reason::CertificateOtherMac),
        ("nobody.pc.city.example", Reason::CertificateUnknown),
    ];
    for versions in VERSIONS {
        for (name, reason) in strangers {
            let mut desk = Desk::new();
            let (config, _) = desk.supplicant(name, versions);
            let ended = desk.authenticate(&PC, &config, false, None, nothing);
            assert_eq!((ended.code, ended.keys.is_some()), (Code::AccessReject, false));
            assert_eq!(desk.decision().because.reason, reason);
        }
    }
}

/// EAP-9: a State is used once, by its own client; nobody else's conversation suffers.
#[test]
fn eap_9_a_used_foreign_or_invented_state_is_refused_and_the_conversation_goes_on() {
    let mut desk = Desk::new();
    let identity = response(1, Method::Identity, b"x");
    let first = desk.eap_request(PC.switch, PC.mac, &identity, None, |_| {});
    let challenge = desk.ask(PC.switch, &first);
    let state = Packet::parse(&challenge).unwrap().first(attribute::STATE).unwrap().to_vec();
    let nak = |id| response(id, Method::Nak, &[25]);
    let id = {
        let mut message = Vec::new();
        Packet::parse(&challenge).unwrap().joined(attribute::EAP_MESSAGE, &mut message);
        message[1]
    };
    for (switch, forged) in
        [("ken-sw01", state.clone()), (PC.switch, vec![7; 16]), (PC.switch, vec![1])]
    {
        let request = desk.eap_request(switch, PC.mac, &nak(id), Some(&forged), |_| {});
        let reply = desk.ask(switch, &request);
        assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessReject);
        assert_eq!(desk.decision().because.reason, Reason::EapConversationUnknown);
    }
    // EAP-4: a wrong Identifier is dropped and ends nothing.
    let wrong = desk.eap_request(PC.switch, PC.mac, &nak(id.wrapping_add(9)), Some(&state), |_| {});
    let dropped = Action::Ignore { reason: IgnoreReason::EapDiscarded };
    assert_eq!(desk.send(PC.switch, &wrong).action, dropped);
    let request = desk.eap_request(PC.switch, PC.mac, &nak(id), Some(&state), |_| {});
    desk.ask(PC.switch, &request);
    assert_eq!(desk.decision().because.reason, Reason::EapMethod, "the conversation was alive");
}

/// EAP-8: a copy of a request never moves the conversation.
#[test]
fn eap_8_copies_do_not_advance_a_conversation() {
    let mut desk = Desk::new();
    let (config, _) = desk.supplicant(PC.name, PeerVersions::Both);
    let mut last = None::<(Vec<u8>, Vec<u8>)>;
    let ended = desk.authenticate(&PC, &config, false, None, |desk, _| {
        if let Some((request, reply)) = last.take() {
            let copy = desk.send(PC.switch, &request);
            assert_eq!(copy.reply, Some(reply));
        }
        let identity = response(1, Method::Identity, b"y");
        let request = desk.eap_request("ken-sw01", PC.mac, &identity, None, |_| {});
        let reply = desk.ask("ken-sw01", &request);
        let copy = desk.send("ken-sw01", &request);
        assert_eq!(copy.action, REPLIED(ReplyReason::Duplicate));
        assert_eq!(copy.reply, Some(reply));
    });
    assert_eq!(ended.code, Code::AccessAccept);
}

/// DUP-1: an answer is sent again until its State comes back; later copies are absorbed.
#[test]
fn a_challenge_is_kept_until_it_is_known_to_have_arrived() {
    let mut desk = Desk::new();
    let identity = response(1, Method::Identity, b"x");
    let first = desk.eap_request(PC.switch, PC.mac, &identity, None, |_| {});
    let challenge = desk.ask(PC.switch, &first);
    let (packet, mut message) = (Packet::parse(&challenge).unwrap(), Vec::new());
    packet.joined(attribute::EAP_MESSAGE, &mut message);
    let state = packet.first(attribute::STATE);
    let mut nak = |id: u8| {
        let nak = response(id, Method::Nak, &[25]);
        let request = desk.eap_request(PC.switch, PC.mac, &nak, state, |_| {});
        desk.send(PC.switch, &request);
        desk.send(PC.switch, &first)
    };
    let copy = nak(message[1].wrapping_add(9));
    assert_eq!(copy.reply.as_ref(), Some(&challenge), "what is dropped shows nothing");
    let copy = nak(message[1]);
    assert_eq!(copy.action, Action::Ignore { reason: IgnoreReason::Absorbed });
}

/// EAP-11: the table is bounded for each port and in all; who leaves is counted, and a
/// conversation nobody ends is recorded as abandoned.
#[test]
fn eap_11_conversations_are_bounded_and_their_end_is_recorded() {
    let mut desk = Desk::new();
    let identity = response(1, Method::Identity, b"x");
    let most = usize::from(desk.plan.server.eap.conversations_per_port_max);
    for _ in 0..most + 3 {
        let request = desk.eap_request(PC.switch, PC.mac, &identity, None, |_| {});
        desk.ask(PC.switch, &request);
    }
    assert_eq!(desk.access.gauges().conversations, most);
    let mut evicted = 0;
    while let Some(event) = desk.access.poll_event() {
        if let Event::Evicted { count, .. } = event {
            evicted += count;
        }
    }
    assert_eq!(evicted, 3);
    desk.pass(desk.plan.server.eap.conversation_timeout + Duration::from_secs(1));
    desk.access.handle_timeout(desk.now);
    assert_eq!(desk.access.gauges().conversations, 0);
    let record = desk.decision();
    assert_eq!(record.because.reason, Reason::EapAbandoned);
    assert_eq!(record.place_name(), "kenko/ken-sw02/GigabitEthernet1/0/5");
}

/// FMT-11, EAP-3: passwords beside EAP, and EAP-Key-Name only when asked for.
#[test]
fn fmt_11_mixed_credentials_are_refused_and_a_key_name_is_given_only_when_asked() {
    let mut desk = Desk::new();
    let identity = response(1, Method::Identity, b"x");
    let request = desk.eap_request(PC.switch, PC.mac, &identity, None, |writer| {
        writer.attribute(attribute::USER_PASSWORD, &[0; 16]);
    });
    let reply = desk.ask(PC.switch, &request);
    assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessReject);
    assert!(Packet::parse(&reply).unwrap().has(attribute::EAP_MESSAGE), "with a Failure");
    assert_eq!(desk.decision().because.reason, Reason::CredentialsMixed);
    let (config, _) = desk.supplicant(PC.name, PeerVersions::Tls13);
    let ended = desk.authenticate(&PC, &config, false, None, nothing);
    assert_eq!(text(&ended.reply, attribute::EAP_KEY_NAME), None);
}
