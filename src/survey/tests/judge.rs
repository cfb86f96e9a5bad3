//! What is said of views, relative to each port, and what is not.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::{Change, Interface, Judge, Neighbour, Rule, Station, Verdict, View};
use super::at;
use crate::plan::tests::{NOW, shipped};
use crate::plan::{HostMode, Plan, PortRole, compile};
use crate::vocabulary::{Mac, SwitchIndex, VlanId};

const AGEING_S: u64 = 300;
const SWITCH: &str = "hon-sw01";
const OTHER: &str = "hon-sw02";

struct Scene {
    plan: Plan,
    judge: Judge,
    sessions: BTreeSet<(String, Mac)>,
}

fn mac(last: u8) -> Mac {
    Mac::new([0, 0x12, 0xe2, 0, 0, last]).unwrap()
}

fn station(port: &str, last: u8) -> Station {
    Station { port: port.to_owned(), mac: mac(last), vlan: VlanId::new(120) }
}

fn neighbour(port: &str, system: &str) -> Neighbour {
    Neighbour {
        port: port.to_owned(),
        chassis: "00-12-E2-AA-AA-AA".to_owned(),
        remote_port: "1".to_owned(),
        system: system.to_owned(),
        bridge: true,
        router: false,
        access_point: false,
        telephone: false,
    }
}

fn stations(stations: &[Station]) -> View {
    View { stations: stations.to_vec(), ..View::default() }
}

fn neighbours(neighbours: &[Neighbour]) -> View {
    View { neighbours: neighbours.to_vec(), ..View::default() }
}

impl Scene {
    fn new() -> Self {
        let plan = compile(&shipped(), NOW).plan.unwrap();
        let judge = Judge::new(Duration::from_secs(AGEING_S));
        Self { plan, judge, sessions: BTreeSet::new() }
    }

    fn index(&self, switch: &str) -> SwitchIndex {
        self.plan.switch_by_id(switch).unwrap()
    }

    fn set(&mut self, port: &str, role: impl Fn(&PortRole) -> PortRole) {
        let index = self.index(SWITCH);
        let port = self.plan.port_by_name(index, port).unwrap();
        let port = &mut self.plan.switches[usize::from(index.0)].ports[usize::from(port.0)];
        port.role = role(&port.role);
    }

    fn mode(&mut self, port: &str, mode: HostMode) {
        self.set(port, |role| match role.clone() {
            PortRole::Auth { environments, fixed_vlan, reason, .. } => {
                PortRole::Auth { host_mode: mode, environments, fixed_vlan, reason }
            }
            other => other,
        });
    }

    fn session(&mut self, port: &str, last: u8) {
        self.sessions.insert((port.to_owned(), mac(last)));
    }

    fn sweep_of(&mut self, seconds: u64, switch: &str, view: &View) -> Vec<Change> {
        let index = self.index(switch);
        let sessions = if switch == SWITCH { self.sessions.clone() } else { BTreeSet::new() };
        self.judge.viewed(at(seconds), &self.plan, index, view.clone(), sessions)
    }

    fn sweep(&mut self, seconds: u64, view: &View) -> Vec<Change> {
        self.sweep_of(seconds, SWITCH, view)
    }

    /// What two sweeps of a switch find.
    fn twice(&mut self, view: &View) -> Vec<(Rule, String, String)> {
        let first = self.sweep(0, view);
        assert_eq!(first, [], "one sweep says nothing");
        self.sweep(1, view).into_iter().map(short).collect()
    }
}

fn short(change: Change) -> (Rule, String, String) {
    match change {
        Change::Found(Verdict { rule, port, subject, .. }) => (rule, port, subject),
        Change::Over(verdict) => panic!("over: {verdict:?}"),
    }
}

fn stranger(port: &str, last: u8) -> (Rule, String, String) {
    (Rule::Stranger, port.to_owned(), mac(last).to_string())
}

#[test]
fn r17_who_has_no_session_at_the_port_is_named_by_the_second_sweep_and_not_again() {
    let mut scene = Scene::new();
    scene.session("0/1", 1);
    let view = stations(&[station("0/1", 1), station("0/2", 2), station("0/25", 3)]);
    assert_eq!(scene.sweep(0, &view), []);
    assert!(scene.judge.is_in_doubt(SWITCH));
    let found = scene.sweep(1, &view);
    assert_eq!(found.into_iter().map(short).collect::<Vec<_>>(), [stranger("0/2", 2)]);
    assert!(!scene.judge.is_in_doubt(SWITCH));
    assert_eq!(scene.sweep(2, &view), [], "what is known is not told again");
    assert_eq!(scene.judge.verdicts().count(), 1);
    // It authenticates, and all is well.
    scene.session("0/2", 2);
    let changes = scene.sweep(3, &view);
    let [Change::Over(over)] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((over.rule, over.port.as_str()), (Rule::Stranger, "0/2"));
    assert_eq!(scene.judge.verdicts().count(), 0);
}

#[test]
fn r17_a_session_elsewhere_is_none_here_and_an_unused_port_has_no_stations() {
    let mut scene = Scene::new();
    scene.session("0/3", 2);
    let view = stations(&[station("0/2", 2), station("0/27", 4)]);
    assert_eq!(scene.twice(&view), [stranger("0/2", 2), stranger("0/27", 4)]);
}

#[test]
fn r17_behind_a_desk_hub_everyone_has_a_session_or_the_first_opens_for_all() {
    let mut scene = Scene::new();
    scene.mode("0/5", HostMode::MultiAuth);
    scene.mode("0/6", HostMode::MultiHost);
    scene.mode("0/7", HostMode::MultiHost);
    scene.mode("0/8", HostMode::MultiDomain);
    for (port, last) in [("0/5", 1), ("0/5", 2), ("0/6", 3), ("0/8", 7), ("0/8", 8)] {
        scene.session(port, last);
    }
    let hub = [station("0/5", 1), station("0/5", 2), station("0/6", 3), station("0/6", 4)];
    let phone = [station("0/8", 7), station("0/8", 8)];
    assert_eq!(scene.twice(&stations(&[hub.as_slice(), &phone].concat())), []);
    // Nobody opened 0/7; the third behind 0/5 has no session.
    let view = stations(&[station("0/5", 9), station("0/7", 5)]);
    assert_eq!(scene.twice(&view), [stranger("0/5", 9), stranger("0/7", 5)]);
}

#[test]
fn r17_a_session_that_has_just_ended_leaves_its_address_in_the_table() {
    let mut scene = Scene::new();
    scene.session("0/1", 1);
    let view = stations(&[station("0/1", 1)]);
    scene.sweep(0, &view);
    scene.sessions.clear();
    for seconds in [60, 120, 60 + AGEING_S - 1] {
        assert_eq!(scene.sweep(seconds, &view), [], "{seconds}");
    }
    assert_eq!(scene.sweep(60 + AGEING_S, &view), []);
    assert_eq!(scene.sweep(61 + AGEING_S, &view).len(), 1);
}

#[test]
fn r17_a_new_time_of_ageing_holds_from_the_next_sweep_on() {
    let mut scene = Scene::new();
    scene.session("0/1", 1);
    let view = stations(&[station("0/1", 1)]);
    scene.sweep(0, &view);
    scene.sessions.clear();
    assert_eq!(scene.sweep(60, &view), []);
    scene.judge.age_by(Duration::from_secs(30));
    assert_eq!(scene.sweep(89, &view), []);
    assert_eq!(scene.sweep(90, &view), [], "one sweep says nothing");
    assert_eq!(scene.sweep(91, &view).len(), 1);
}

#[test]
fn r18_a_device_that_moved_is_in_one_place_and_one_that_stays_in_both_is_not() {
    let mut scene = Scene::new();
    for port in ["0/1", "0/2"] {
        scene.session(port, 1);
    }
    let (old, new) =
        (stations(&[station("0/1", 1)]), stations(&[station("0/1", 1), station("0/2", 1)]));
    scene.sweep(0, &old);
    assert_eq!(scene.judge.place_of(mac(1)), Some(&(SWITCH.to_owned(), "0/1".to_owned())));
    // Both are in the table until the old entry must have aged.
    for seconds in [10, 150, 10 + AGEING_S - 1] {
        assert_eq!(scene.sweep(seconds, &new), [], "{seconds}");
    }
    assert_eq!(scene.sweep(10 + AGEING_S, &new), []);
    let found = scene.sweep(20 + AGEING_S, &new);
    let places: Vec<_> = found
        .into_iter()
        .map(|change| match change {
            Change::Found(it) => (it.rule, it.port, it.other),
            Change::Over(_) => panic!(),
        })
        .collect();
    let both =
        |port: &str, other: &str| (Rule::TwoPlaces, port.to_owned(), format!("{SWITCH}:{other}"));
    assert_eq!(places, [both("0/1", "0/2"), both("0/2", "0/1")]);
    assert_eq!(scene.judge.place_of(mac(1)), None, "who is in two places is at neither");
}

#[test]
fn r18_holds_between_switches_and_an_uplink_is_no_place() {
    let mut scene = Scene::new();
    scene.session("0/1", 1);
    let (here, there) =
        (stations(&[station("0/1", 1)]), stations(&[station("0/49", 1), station("0/3", 2)]));
    for seconds in [0, AGEING_S, 2 * AGEING_S] {
        assert_eq!(scene.sweep(seconds, &here), []);
        let found = scene.sweep_of(seconds, OTHER, &there);
        assert!(
            found
                .iter()
                .all(|change| matches!(change, Change::Found(it) if it.rule == Rule::Stranger))
        );
    }
    let copy = stations(&[station("0/4", 1)]);
    let mut rules = Vec::new();
    for seconds in [700, 1_100, 1_200, 1_300] {
        let mut found = scene.sweep(seconds, &here);
        found.extend(scene.sweep_of(seconds, OTHER, &copy));
        rules.extend(found.into_iter().filter_map(|change| match change {
            Change::Found(it) if it.rule == Rule::TwoPlaces => Some((it.switch, it.other)),
            _ => None,
        }));
    }
    rules.sort();
    let expected = [(SWITCH, "hon-sw02:0/4"), (OTHER, "hon-sw01:0/1")];
    assert_eq!(rules, expected.map(|(switch, other)| (switch.to_owned(), other.to_owned())));
}

#[test]
fn r19_a_neighbour_is_the_switch_of_the_link_or_is_named() {
    let mut scene = Scene::new();
    let good = [
        neighbour("0/25", "HON-CORE1.city.example"),
        neighbour("0/26", "hon-core2"),
        // A PC that announces itself forwards nothing.
        Neighbour { bridge: false, ..neighbour("0/1", "pc") },
    ];
    assert_eq!(scene.twice(&neighbours(&good)), []);
    let bad =
        [neighbour("0/25", "hon-core2"), neighbour("0/2", "home-router"), neighbour("0/27", "")];
    let named = |port: &str, subject: &str| (Rule::Neighbour, port.to_owned(), subject.to_owned());
    let address = "00-12-E2-AA-AA-AA";
    assert_eq!(
        scene.twice(&neighbours(&bad)),
        [
            named("0/2", &format!("home-router ({address})")),
            named("0/25", &format!("hon-core2 ({address})")),
            named("0/27", address),
        ],
    );
}

#[test]
fn r19_a_switch_of_another_name_is_known_by_what_it_says_of_itself() {
    let mut scene = Scene::new();
    let core = View { system: "MAIN-CORE".to_owned(), ..View::default() };
    scene.sweep_of(0, "hon-core1", &core);
    assert_eq!(scene.twice(&neighbours(&[neighbour("0/25", "MAIN-CORE")])), []);
    let by_chassis = View { chassis: "00-12-E2-AA-AA-AA".to_owned(), ..View::default() };
    scene.sweep_of(2, "hon-core2", &by_chassis);
    assert_eq!(scene.twice(&neighbours(&[neighbour("0/26", "?")])), []);
}

#[test]
fn r19_a_telephone_and_a_listed_access_point_are_no_bridges() {
    let mut scene = Scene::new();
    scene.mode("0/5", HostMode::MultiDomain);
    let vlan = VlanId::new(120).unwrap();
    scene.set("0/6", |_| PortRole::Access { vlan, reason: "access point".to_owned() });
    let phone = |port| Neighbour { telephone: true, ..neighbour(port, "phone") };
    let access_point = |port| Neighbour { access_point: true, ..neighbour(port, "ap") };
    assert_eq!(scene.twice(&neighbours(&[phone("0/5"), access_point("0/6")])), []);
    let found =
        scene.twice(&neighbours(&[phone("0/1"), access_point("0/5"), neighbour("0/6", "hub")]));
    let ports: Vec<_> = found.into_iter().map(|(_, port, _)| port).collect();
    assert_eq!(ports, ["0/1", "0/5", "0/6"]);
}

#[test]
fn ports_may_have_a_prefix_or_an_end_of_their_own_in_the_tables() {
    let mut scene = Scene::new();
    let view = stations(&[station("GigabitEthernet 0/2", 2)]);
    let index = scene.index(SWITCH);
    let profile = usize::from(scene.plan.switch(index).unwrap().profile.0);
    let snmp = scene.plan.profiles[profile].snmp.get_or_insert(super::snmp());
    snmp.interface_prefixes = Vec::new();
    assert_eq!(scene.twice(&view), []);
    scene.plan.profiles[profile].snmp.as_mut().unwrap().interface_prefixes =
        vec!["GigabitEthernet".to_owned()];
    assert_eq!(scene.twice(&view), [stranger("0/2", 2)]);
    // As Junos calls the unit of an interface.
    let mut scene = Scene::new();
    let view = stations(&[station("GigabitEther 0/3.0", 3)]);
    assert_eq!(scene.twice(&view), []);
    scene.plan.profiles[profile].port.strip = ".0".to_owned();
    assert_eq!(scene.twice(&view), [stranger("0/3", 3)]);
}

#[test]
fn a_view_that_names_no_port_of_the_plan_is_known_for_it() {
    let scene = Scene::new();
    let named = |name: &str| {
        let interfaces = [(name.to_owned(), Interface::default())];
        View { interfaces: interfaces.into(), ..View::default() }
    };
    let knows = |name: &str| Judge::knows(&scene.plan, scene.index(SWITCH), &named(name));
    assert!(knows("0/1") && knows("GigabitEther 0/1") && !knows("Gi0/1"));
    assert!(!Judge::knows(&scene.plan, scene.index(SWITCH), &View::default()));
}

#[test]
fn what_was_not_seen_lately_is_not_measured_and_a_switch_no_longer_asked_is_forgotten() {
    let mut scene = Scene::new();
    let view = stations(&[station("0/2", 2)]);
    scene.twice(&view);
    let period = Duration::from_secs(300);
    let reading = |scene: &Scene, seconds| {
        let reading = scene.judge.reading(at(seconds), period, [SWITCH, OTHER].into_iter());
        (reading.fresh, reading.stale)
    };
    assert_eq!(reading(&scene, 900), (1, 1));
    assert_eq!(reading(&scene, 902), (0, 2));
    let changes = scene.judge.keep(|switch| switch != SWITCH);
    assert!(matches!(changes.as_slice(), [Change::Over(_)]));
    assert!(scene.judge.view(SWITCH).is_none() && scene.judge.verdicts().count() == 0);
}
