//! The whole shipped city against the real admission, in memory: every registered device and
//! every imposter, over the octets that switches would send.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::{AttemptResult, City, Credential, Expected, Fleet, IssuingWallet, Story};
use crate::access::{Access, Action, Snapshot};
use crate::authority::Authority;
use crate::plan::{AuthorityMaterial, ClientSecrets, Credentials, Plan, compile, tests};
use crate::vocabulary::{Marks, Moment, Outcome as Verdict, Secret, SwitchIndex, Timestamp};

const UNDER_WAY_MAX: usize = 64;
const SEED: [u8; 32] = [5; 32];

/// A day on which every exception of the shipped city is in force.
fn today() -> Timestamp {
    Timestamp::parse("2026-11-24T09:00:00+09:00").unwrap()
}

fn shipped() -> Plan {
    let compiled = compile(&tests::shipped(), today());
    compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.findings))
}

fn credentials(plan: &Plan, authority: &Authority) -> Credentials {
    let now = today();
    let names = [plan.server.eap.server_name.as_str()];
    let server = authority.issue_server(&names, now, 30).unwrap();
    let list = authority.revocation_list(&[], 1, now, 7).unwrap();
    let secret = |number: usize| Secret::new(format!("secret of switch {number:05}").into_bytes());
    let client = |number: usize| {
        let index = SwitchIndex(u16::try_from(number).unwrap());
        let mab_word = Some(Secret::new(b"one word for all".to_vec()));
        (index, ClientSecrets { current: secret(number), next: None, mab_word })
    };
    Credentials {
        tokens: Vec::new(),
        peers: Default::default(),
        clients: (0..plan.switches.len()).map(client).collect(),
        left_out: 0,
        server_chain: server.issued.pem.into_bytes(),
        server_key: server.key.pem().clone(),
        server_end: server.issued.not_after,
        alerts: Default::default(),
        snmp: Default::default(),
        tripwire: None,
        authorities: (0..plan.authorities.len())
            .map(|number| AuthorityMaterial {
                index: crate::plan::AuthorityIndex(u8::try_from(number).unwrap()),
                certificates_der: vec![authority.certificate_der().to_vec()],
                crl_der: Some(list.der.clone()),
                ends: vec![authority.end()],
                crl_next_update: None,
            })
            .collect(),
    }
}

/// Runs a city to its end. Gives the results, and the first word of the server's reason for
/// every refusal by MAC address and place.
fn run(plan: Plan, city: City) -> (Vec<AttemptResult>, HashMap<(String, String), &'static str>) {
    let plan = Arc::new(plan);
    let (authority, _) = Authority::create("Midoriura Device CA", today(), 90).unwrap();
    let credentials = credentials(&plan, &authority);
    let snapshot =
        Snapshot::new(1, plan.clone(), &credentials, Marks::default(), &HashSet::new(), None)
            .unwrap();
    let mut access = Access::new(0, Arc::new(snapshot), &[7; 32]);
    let anchor = authority.certificate_der().to_vec();
    let server_name = plan.server.eap.server_name.clone();
    let wallet = IssuingWallet::new(authority, anchor, server_name, today()).unwrap();
    let server = SocketAddr::from(([127, 0, 0, 1], 1812));
    let clients = &credentials.clients;
    let mut fleet =
        Fleet::new(&plan, clients, server, city.attempts, wallet, UNDER_WAY_MAX, &[9; 32]);
    let mut monotonic = Duration::ZERO;
    let (mut octets, mut reply) = (Vec::new(), Vec::new());
    let (mut results, mut reasons) = (Vec::new(), HashMap::new());
    while !fleet.progress().is_done() {
        let now = Moment { monotonic, wall: today().plus(monotonic) };
        fleet.handle_timeout(now);
        access.handle_timeout(now);
        while let Some((from, to)) = fleet.poll_transmit(&mut octets) {
            assert_eq!(to, server);
            let source = SocketAddr::new(from, 40_000);
            match access.handle(now, &octets, source, to, &mut reply) {
                Action::Reply { .. } => {
                    fleet.handle(now, &reply, to, source.ip()).unwrap();
                }
                Action::Later { .. } => {}
                Action::Ignore { reason } => panic!("{} from {from}", reason.id()),
            }
            assert!(fleet.progress().under_way <= UNDER_WAY_MAX);
        }
        while let Some((to, from)) = access.poll_transmit(now, &mut octets) {
            let local: IpAddr = to.ip();
            fleet.handle(now, &octets, from, local).unwrap();
        }
        while let Some(result) = fleet.poll_event() {
            results.push(result);
        }
        for record in access.take_decided().records {
            if record.outcome == Verdict::Refuse
                && let Some(mac) = record.mac
            {
                let family = record.because.reason.id().split('.').next().unwrap();
                reasons.insert((mac.to_string(), record.place_name()), family);
            }
        }
        monotonic += Duration::from_millis(50);
    }
    (results, reasons)
}

#[test]
fn the_whole_city_is_where_the_inventory_says() {
    let plan = shipped();
    let city = City::new(&plan, today(), &SEED);
    assert_eq!(city, City::new(&plan, today(), &SEED), "the same seed gives the same day");
    assert_eq!(city.homeless, []);
    let honest = city.attempts.iter().filter(|attempt| attempt.story == Story::Honest);
    assert_eq!(honest.count(), plan.devices.len());
    for story in Story::ALL {
        let found = city.attempts.iter().any(|attempt| attempt.story == *story);
        assert!(found, "the city has an example of {}", story.id());
    }
    let attempts = city.attempts.len();
    let (results, reasons) = run(plan.clone(), city);
    assert_eq!(results.len(), attempts);
    for result in results {
        let place = plan.place_name(&result.attempt.place);
        assert!(result.correct, "{place}: {result:?}");
        if let Expected::Refused { family } = result.attempt.expected {
            let reason = reasons.get(&(result.attempt.mac.to_string(), place));
            assert_eq!(reason, Some(&family), "{:?}", result.attempt);
        }
    }
}

#[test]
fn a_city_that_lies_about_its_expectations_is_found_out() {
    let plan = shipped();
    let mut city = City::new(&plan, today(), &SEED);
    city.attempts.retain(|attempt| attempt.story == Story::Honest);
    city.attempts.truncate(40);
    let quarantine = plan.site(crate::vocabulary::SiteIndex(0)).unwrap().assigned(plan.quarantine);
    for (number, attempt) in city.attempts.iter_mut().enumerate() {
        match number {
            0 => attempt.expected = Expected::Refused { family: "device" },
            1 => attempt.expected = Expected::Quarantined { vlan: quarantine.unwrap() },
            2 => attempt.credential = Credential::Mac,
            _ => {}
        }
    }
    let (results, _) = run(plan, city);
    let mut wrong: Vec<_> =
        results.iter().filter(|result| !result.correct).map(|result| result.attempt.id).collect();
    wrong.sort_unstable();
    assert_eq!(wrong.len(), 3, "{wrong:?}");
}
