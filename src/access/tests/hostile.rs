//! Octets nobody should send.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::fixture::{Desk, LOCAL, PC, PRINTER, code};
use crate::eap::peer::PeerVersions;
use crate::wire::radius::Code;

#[test]
fn no_datagram_panics_or_is_let_in() {
    let mut desk = Desk::new();
    let source = desk.source(PRINTER.switch);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(4096));
    let desk = std::cell::RefCell::new(&mut desk);
    runner
        .run(&any::<Vec<u8>>(), |octets| {
            let (mut desk, mut reply) = (desk.borrow_mut(), Vec::new());
            let now = desk.now;
            desk.access.handle(now, &octets, source, LOCAL.into(), &mut reply);
            prop_assert!(reply.is_empty());
            Ok(())
        })
        .unwrap();
}

/// Without the secret no change of a good request leads to an Accept.
#[test]
fn no_flipped_octet_of_a_good_request_is_let_in() {
    let mut desk = Desk::new();
    let request = desk.mab(&PRINTER);
    let source = desk.source(PRINTER.switch);
    for index in 0..request.len() {
        for bit in [0x01, 0x10, 0x80] {
            let mut changed = request.clone();
            changed[index] ^= bit;
            let mut reply = Vec::new();
            desk.access.handle(desk.now, &changed, source, LOCAL.into(), &mut reply);
            assert!(reply.is_empty(), "octet {index}");
        }
    }
}

/// With the secret, and a supplicant that answers rubbish at any round: the conversation ends
/// or goes on, but nobody gets in who did not finish it.
#[test]
fn a_conversation_spoilt_at_any_round_never_ends_in_an_accept() {
    let mut desk = Desk::new();
    let (config, _) = desk.supplicant(PC.name, PeerVersions::Both);
    let rounds = desk.authenticate(&PC, &config, false, None, |_, _| {}).rounds;
    for spoilt in 2..=rounds {
        let mut desk = Desk::new();
        let (config, _) = desk.supplicant(PC.name, PeerVersions::Both);
        // A second conversation at the same port, cut off at that round by the first one's.
        let ended = desk.authenticate(&PC, &config, false, None, |desk, round| {
            if round == spoilt {
                for junk in [&[2, 9, 0, 4][..], &[2, 1, 0, 5, 13], &[1, 1, 0, 5, 1], &[3, 1, 0, 4]]
                {
                    let request = desk.eap_request(PC.switch, PC.mac, junk, Some(&[0; 16]), |_| {});
                    let answered = desk.send(PC.switch, &request);
                    let accepted =
                        answered.reply.is_some_and(|reply| code(&reply) == Code::AccessAccept);
                    assert!(!accepted);
                }
            }
        });
        assert_eq!(ended.code, Code::AccessAccept, "the honest one was not disturbed");
    }
}
