//! Views of the shapes that families of switches serve.

use super::super::{Access, Agent, Station, StpState, Sweep};
use super::{at, number, pair, passphrase, set, target, view, words};
use crate::plan::{Forwarding, InterfaceNames};
use crate::simulation::SnmpAgent;
use crate::vocabulary::{Mac, Moment, VlanId};
use crate::wire::snmp::Value;

const Q_BRIDGE: (Forwarding, InterfaceNames) = (Forwarding::QBridge, InterfaceNames::IfName);
const PC: [u32; 6] = [0x00, 0x12, 0xe2, 0, 0, 1];
const PHONE: [u32; 6] = [0x00, 0x12, 0xe2, 0, 0, 2];

fn mac(arcs: [u32; 6]) -> Mac {
    Mac::new(arcs.map(|arc| u8::try_from(arc).unwrap())).unwrap()
}

/// Ports 1 to 4: bridge port n is ifIndex 100 + n is `0/n`.
fn base(switch: &mut SnmpAgent, context: &[u8]) {
    for port in 1..=4_u32 {
        let index = [100 + port];
        let shown = i64::from(100 + port);
        set(switch, b"", "1.3.6.1.2.1.31.1.1.1.1", &index, words(&format!("0/{port}")));
        set(switch, b"", "1.3.6.1.2.1.2.2.1.7", &index, number(1));
        set(switch, b"", "1.3.6.1.2.1.2.2.1.8", &index, number(if port == 4 { 2 } else { 1 }));
        set(switch, context, "1.3.6.1.2.1.17.1.4.1.2", &[port], number(shown));
        set(switch, context, "1.3.6.1.2.1.17.2.15.1.3", &[port], number(5));
    }
    set(switch, b"", "1.3.6.1.2.1.1.5.0", &[], words("hon-sw01"));
    set(switch, b"", "1.0.8802.1.1.2.1.3.1.0", &[], number(4));
    set(switch, b"", "1.0.8802.1.1.2.1.3.2.0", &[], Value::Octets(vec![0, 0x12, 0xe2, 9, 9, 9]));
}

fn station(port: &str, arcs: [u32; 6], vlan: Option<u16>) -> Station {
    Station { port: port.to_owned(), mac: mac(arcs), vlan: vlan.and_then(VlanId::new) }
}

#[test]
fn q_bridge_names_the_port_in_three_steps_and_the_vlan_by_its_table() {
    let (mut switch, mut agent) = pair();
    base(&mut switch, b"");
    // Table 7 is of VLAN 110.
    set(&mut switch, b"", "1.3.6.1.2.1.17.7.1.4.2.1.3", &[0, 110], Value::Gauge32(7));
    let row = |arcs: [u32; 6]| [vec![7], arcs.to_vec()].concat();
    for (arcs, port, status) in [(PC, 1, 3), (PHONE, 2, 3), ([0, 0x12, 0xe2, 9, 9, 9], 3, 4)] {
        set(&mut switch, b"", "1.3.6.1.2.1.17.7.1.2.2.1.2", &row(arcs), number(port));
        set(&mut switch, b"", "1.3.6.1.2.1.17.7.1.2.2.1.3", &row(arcs), number(status));
    }
    // A group's address, a port that is nobody's, and the port that means "not known".
    for (arcs, port) in
        [([1, 0, 0x5e, 0, 0, 1], 1), ([0, 0, 0, 0, 0, 3], 9), ([0, 0, 0, 0, 0, 4], 0)]
    {
        set(&mut switch, b"", "1.3.6.1.2.1.17.7.1.2.2.1.2", &row(arcs), number(port));
    }
    let view = view(&mut switch, &mut agent, Q_BRIDGE, &[]);
    let expected = [station("0/1", PC, Some(110)), station("0/2", PHONE, Some(110))];
    assert_eq!(view.stations, expected);
    assert_eq!(view.unplaced, 1);
    assert_eq!((view.system.as_str(), view.interfaces.len()), ("hon-sw01", 4));
    let (one, four) = (view.interfaces["0/1"], view.interfaces["0/4"]);
    assert_eq!((one.index, one.enabled, one.up), (101, Some(true), Some(true)));
    assert_eq!((four.up, one.spanning_tree), (Some(false), Some(StpState::Forwarding)));
}

#[test]
fn where_the_newer_table_is_empty_the_older_one_is_read() {
    let (mut switch, mut agent) = pair();
    base(&mut switch, b"");
    set(&mut switch, b"", "1.3.6.1.2.1.17.4.3.1.2", &PC, number(3));
    for forwarding in [Forwarding::QBridge, Forwarding::Bridge] {
        let view = view(&mut switch, &mut agent, (forwarding, InterfaceNames::IfName), &[]);
        assert_eq!(view.stations, [station("0/3", PC, None)]);
    }
}

/// The shape of an ALAXALA AX2430S (software 11.1), after the recording that LibreNMS keeps of one
/// (`tests/snmpsim/alaxala_ax2430s.snmprec`): bridge ports numbered as interfaces from 10 on,
/// names in ifDescr alone, VLANs among the interfaces, no status, tables numbered as VLANs.
#[test]
fn a_switch_that_says_little_is_read_by_what_it_says() {
    let (mut switch, mut agent) = pair();
    set(&mut switch, b"", "1.3.6.1.2.1.2.2.1.2", &[3], words("VLAN 1 (default) (VLAN0001)"));
    for port in 1..=24_u32 {
        let (index, up) = ([9 + port], if port % 3 == 0 { 1 } else { 2 });
        let name = words(&format!("GigabitEther 0/{port}"));
        set(&mut switch, b"", "1.3.6.1.2.1.2.2.1.2", &index, name);
        set(&mut switch, b"", "1.3.6.1.2.1.2.2.1.7", &index, number(1));
        set(&mut switch, b"", "1.3.6.1.2.1.2.2.1.8", &index, number(up));
        set(&mut switch, b"", "1.3.6.1.2.1.17.1.4.1.2", &index, number(i64::from(9 + port)));
    }
    for (arcs, port) in [(PC, 33), (PHONE, 18)] {
        let row = [vec![1], arcs.to_vec()].concat();
        set(&mut switch, b"", "1.3.6.1.2.1.17.7.1.2.2.1.2", &row, number(port));
    }
    let view = view(&mut switch, &mut agent, Q_BRIDGE, &[]);
    let expected =
        [station("GigabitEther 0/24", PC, Some(1)), station("GigabitEther 0/9", PHONE, Some(1))];
    assert_eq!(view.stations, expected);
    assert_eq!((view.unplaced, view.interfaces["GigabitEther 0/9"].up), (0, Some(true)));
}

/// The shape of Cisco IOS: ifName abbreviates, no Q-BRIDGE-MIB, and the VLAN's context alone has
/// its bridge ports and addresses.
#[test]
fn a_switch_that_abbreviates_is_read_by_its_descriptions() {
    let (mut switch, mut agent) = pair();
    for port in 1..=2_u32 {
        let index = [10_100 + port];
        let long = words(&format!("GigabitEthernet1/0/{port}"));
        set(&mut switch, b"", "1.3.6.1.2.1.31.1.1.1.1", &index, words(&format!("Gi1/0/{port}")));
        set(&mut switch, b"", "1.3.6.1.2.1.2.2.1.2", &index, long);
        set(&mut switch, b"", "1.3.6.1.2.1.2.2.1.8", &index, number(1));
        let shown = number(i64::from(10_100 + port));
        set(&mut switch, b"vlan-110", "1.3.6.1.2.1.17.1.4.1.2", &[port], shown);
    }
    set(&mut switch, b"vlan-110", "1.3.6.1.2.1.17.4.3.1.2", &PC, number(2));
    for (names, port) in
        [(InterfaceNames::IfName, "Gi1/0/2"), (InterfaceNames::IfDescr, "GigabitEthernet1/0/2")]
    {
        let view = view(&mut switch, &mut agent, (Forwarding::VlanContexts, names), &[110]);
        assert_eq!(view.stations, [station(port, PC, Some(110))]);
        assert_eq!(view.interfaces[port].up, Some(true));
    }
}

/// The shape of Junos: the forwarding table names units of interfaces, its tables have numbers
/// beyond those of VLANs, and nothing says which is which.
#[test]
fn a_table_of_no_vlan_known_still_says_who_is_where() {
    let (mut switch, mut agent) = pair();
    for (index, name) in [(501, "ge-0/0/0"), (502, "ge-0/0/0.0"), (503, "ge-0/0/1.0")] {
        set(&mut switch, b"", "1.3.6.1.2.1.31.1.1.1.1", &[index], words(name));
    }
    for (port, index) in [(490, 502), (491, 503)] {
        set(&mut switch, b"", "1.3.6.1.2.1.17.1.4.1.2", &[port], number(index));
    }
    let row = [vec![131_072], PC.to_vec()].concat();
    set(&mut switch, b"", "1.3.6.1.2.1.17.7.1.2.2.1.2", &row, number(491));
    set(&mut switch, b"", "1.3.6.1.2.1.17.7.1.2.2.1.3", &row, number(3));
    let view = view(&mut switch, &mut agent, Q_BRIDGE, &[]);
    assert_eq!((view.stations, view.unplaced), (vec![station("ge-0/0/1.0", PC, None)], 0));
}

#[test]
fn each_vlan_of_its_own_context_is_swept() {
    let (mut switch, mut agent) = pair();
    for (vlan, arcs) in [(110, PC), (120, PHONE)] {
        let context = format!("vlan-{vlan}").into_bytes();
        base(&mut switch, &context);
        set(&mut switch, &context, "1.3.6.1.2.1.17.4.3.1.2", &arcs, number(2));
    }
    let view = view(
        &mut switch,
        &mut agent,
        (Forwarding::VlanContexts, InterfaceNames::IfName),
        &[110, 120, 130],
    );
    let expected = [station("0/2", PC, Some(110)), station("0/2", PHONE, Some(120))];
    assert_eq!(view.stations, expected);
}

proptest::proptest! {
    /// By version 2c nothing is proven, so that anybody's octets may come for an answer.
    #[test]
    fn a_sweep_of_spoilt_answers_ends_and_never_panics(
        spoils in proptest::collection::vec((proptest::prelude::any::<(u16, u8)>(), 0..4_u8), 1..64),
    ) {
        let (mut switch, _) = pair();
        base(&mut switch, b"");
        let row = [vec![7], PC.to_vec()].concat();
        set(&mut switch, b"", "1.3.6.1.2.1.17.7.1.2.2.1.2", &row, number(1));
        let access = Access::Community(passphrase("public"));
        let mut agent = Agent::new(target(access), &[7; 32]);
        let mut sweep = Sweep::new(Q_BRIDGE, &[]);
        let mut spoils = spoils.into_iter().cycle();
        let mut now = at(1);
        let mut asked = 0;
        'sweep: while let Some((context, question)) = sweep.question() {
            assert!(agent.ask(now, context, question));
            loop {
                if let Some(event) = agent.poll_event() {
                    if sweep.answered(event).is_err() {
                        break 'sweep;
                    }
                    break;
                }
                if let Some(octets) = agent.poll_transmit() {
                    asked += 1;
                    assert!(asked < 10_000, "it does not end");
                    let Some(mut answer) = switch.answer(1, &octets) else { continue };
                    let ((place, value), how) = spoils.next().unwrap();
                    let place = usize::from(place) % answer.len();
                    match how {
                        0 => answer[place] = value,
                        1 => answer.truncate(place),
                        2 => answer.insert(place, value),
                        _ => {}
                    }
                    agent.handle(now, &answer);
                } else {
                    now = Moment { monotonic: agent.poll_timeout().unwrap(), ..now };
                    agent.handle_timeout(now);
                }
            }
        }
        proptest::prop_assert!(sweep.into_view().stations.len() < 100);
    }
}

#[test]
fn neighbours_are_named_by_the_port_they_are_at() {
    let (mut switch, mut agent) = pair();
    base(&mut switch, b"");
    // Local port 1 calls itself `0/3`; port 2 says nothing, and is bridge port 2.
    set(&mut switch, b"", "1.0.8802.1.1.2.1.3.7.1.3", &[1], words("0/3"));
    let mut say = |column: &str, local: u32, value: Value| {
        let name = format!("1.0.8802.1.1.2.1.4.1.1.{column}");
        set(&mut switch, b"", &name, &[77, local, 1], value);
    };
    say("4", 1, number(4));
    say("5", 1, Value::Octets(vec![0, 0x12, 0xe2, 7, 7, 7]));
    say("6", 1, number(5));
    say("7", 1, words("1/0/1"));
    say("9", 1, words("hon-dist1.city.example"));
    say("12", 1, Value::Octets(vec![0x28, 0]));
    say("4", 2, number(7));
    say("5", 2, words("desk\nphone"));
    say("12", 2, Value::Octets(vec![0x24, 0]));
    let view = view(&mut switch, &mut agent, Q_BRIDGE, &[]);
    let [phone, above] = view.neighbours.as_slice() else { panic!("{:?}", view.neighbours) };
    assert_eq!((above.port.as_str(), above.chassis.as_str()), ("0/3", "00-12-E2-07-07-07"));
    assert_eq!((above.remote_port.as_str(), above.bridge, above.router), ("1/0/1", true, true));
    assert_eq!(above.system, "hon-dist1.city.example");
    assert_eq!((phone.port.as_str(), phone.chassis.as_str()), ("0/2", "desk·phone"));
    assert!(phone.bridge && phone.telephone && !phone.router && !phone.access_point);
    assert_eq!(view.chassis, "00-12-E2-09-09-09");
}

#[test]
fn the_controlled_port_is_read_where_there_is_one() {
    let (mut switch, mut agent) = pair();
    base(&mut switch, b"");
    set(&mut switch, b"", "1.0.8802.1.1.1.1.2.1.1.5", &[101], number(1));
    set(&mut switch, b"", "1.0.8802.1.1.1.1.2.1.1.5", &[102], number(2));
    let view = view(&mut switch, &mut agent, Q_BRIDGE, &[]);
    let authorised = |port: &str| view.interfaces[port].authorised;
    assert_eq!(
        [authorised("0/1"), authorised("0/2"), authorised("0/3")],
        [Some(true), Some(false), None]
    );
}
