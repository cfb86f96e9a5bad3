//! What the service tells beside what frames show.

use super::frames::*;
use super::*;
use crate::vocabulary::Timestamp;

fn plain() -> Knowledge {
    let mut knowledge = edge();
    knowledge.setting = Setting::PLAIN;
    knowledge
}

fn hint(mac: &str, kind: SignKind) -> Hint {
    Hint::new(Mac::parse(mac).unwrap(), kind, ("honcho/hon-sw01/0/3", "20"), Timestamp(0))
}

/// What a sensor tells when it hears this.
fn hear(seen: &mut Seen, hint: &Hint) {
    seen.sensor.hear(hint);
    feed(seen, &[]);
    while let Some(event) = seen.sensor.poll_event() {
        match event {
            Event::Sign { about, sign } => seen.signs.push((about, sign)),
            Event::Verdict(verdict) => seen.verdicts.push(verdict),
            Event::Breach(_) | Event::Notice { .. } => panic!("{event:?}"),
        }
    }
}

const SESSIONS: [SignKind; 3] =
    [SignKind::SessionElsewhere, SignKind::MethodChanged, SignKind::Reconnected];

/// A PC of three days, and its MAC with another stack on the fourth.
fn swapped(last: (u8, (u16, &[u8]))) -> Vec<Frame> {
    let opens = |port, (ttl, stack), day: u32| {
        let seconds = f64::from(day) * 86_400.0;
        syn((PC, GATEWAY, "10.1.1.5", "10.1.9.9", ttl), (port, 443), stack).at(seconds)
    };
    let mut frames: Vec<_> =
        (1..4).map(|day| opens(50_000 + day as u16, (128, WINDOWS), day)).collect();
    frames.push(opens(51_000, last, 4));
    frames
}

#[test]
fn an_interrupted_session_counts_beside_another_stack_and_beside_nothing_else() {
    for kind in SESSIONS {
        let mut seen = run(plain(), &swapped((64, LINUX)));
        assert!(seen.has(SignKind::StackChanged) && seen.verdicts.is_empty());
        hear(&mut seen, &hint(PC, kind));
        assert_eq!(seen.kinds(), [VerdictKind::StackMix], "{}", kind.id());
        let verdict = &seen.verdicts[0];
        let families: Vec<_> = verdict.signs.iter().map(|sign| sign.kind.family()).collect();
        assert_eq!(families, [Family::Stack, Family::Auth]);
        let text = verdict.signs[1].text(crate::vocabulary::Language::English);
        assert!(text.contains("honcho/hon-sw01/0/3") && text.contains("1970-01-01"), "{text}");
        // A PC that starts anew while its management controller speaks beside it.
        let mut frames = swapped((128, WINDOWS));
        let last = 4.0 * 86_400.0;
        for (ttl, seconds) in [(64, 1.0), (64, 2.0), (128, 3.0), (128, 4.0)] {
            let way = (PC, GATEWAY, "10.1.1.5", "10.1.9.9", ttl);
            frames.push(udp(way, 5000, 5001, b"x").at(last + seconds));
        }
        let mut seen = run(edge(), &frames);
        assert!(seen.has(SignKind::TtlFamilies) && seen.has(SignKind::TtlChanged));
        hear(&mut seen, &hint(PC, kind));
        assert_eq!(seen.kinds(), [], "{}", kind.id());
    }
}

#[test]
fn sessions_take_no_excuse_from_a_virtual_machine() {
    for kind in SESSIONS {
        let host = (PC, GATEWAY, "10.1.1.5", "10.1.9.9", 128);
        let guest = (PC, GATEWAY, "10.1.1.5", "10.1.9.9", 63);
        let mut seen = run(plain(), &[arp(PC, "10.1.1.5"), syn(host, (1, 80), WINDOWS)]);
        hear(&mut seen, &hint(PC, kind));
        let frames: Vec<_> = (0..4)
            .flat_map(|port| {
                [syn(guest, (100 + port, 80), LINUX), syn(host, (200 + port, 80), WINDOWS)]
            })
            .collect();
        feed(&mut seen, &frames);
        assert_eq!((seen.kinds(), &seen.notices[..]), (vec![], &[NoticeKind::LocalNat][..]));
    }
}

#[test]
fn a_stranger_of_the_switches_tables_that_is_a_phone_is_a_verdict() {
    let asks = dhcp(PC, false, [0; 4], &[(53, &[1]), (60, b"android-dhcp-13"), (55, &[1, 3, 6])]);
    for kind in [SignKind::NoSession, SignKind::TwoPlaces] {
        let mut seen = run(plain(), std::slice::from_ref(&asks));
        assert_eq!(seen.kinds(), []);
        hear(&mut seen, &hint(PC, kind));
        assert_eq!(seen.kinds(), [VerdictKind::Phone]);
        // One that nothing else speaks against is none.
        let mut seen = run(plain(), &[arp(PC, "10.1.1.5")]);
        hear(&mut seen, &hint(PC, kind));
        assert_eq!((seen.kinds(), seen.signs.len()), (vec![], 1));
    }
}

#[test]
fn what_is_not_in_sight_and_what_no_service_may_tell_is_nothing() {
    let mut seen = run(plain(), &[arp(PC, "10.1.1.5")]);
    let stations = seen.sensor.stations();
    hear(&mut seen, &hint(OTHER, SignKind::NoSession));
    let mut forged = hint(PC, SignKind::RogueDhcp);
    for kind in ["dhcp.rogue-server", "l2.bridge-frame", "", "auth"] {
        kind.clone_into(&mut forged.kind);
        hear(&mut seen, &forged);
    }
    assert_eq!((seen.signs.len(), seen.sensor.stations()), (0, stations));
    let mut nobody = run(plain(), &[]);
    hear(&mut nobody, &hint(PC, SignKind::NoSession));
    assert!(nobody.signs.is_empty());
    // However much is told, each says its thing once in ten minutes.
    for number in 0..20_000_u32 {
        let mut more = hint(PC, SESSIONS[number as usize % 3]);
        more.place = format!("{number}");
        hear(&mut seen, &more);
    }
    assert_eq!((seen.signs.len(), seen.kinds()), (3, vec![]));
}
