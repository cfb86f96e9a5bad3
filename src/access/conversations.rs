//! The EAP conversations under way on one worker, and the State attribute that finds them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use subtle::ConstantTimeEq as _;

use crate::vocabulary::{Place, Random};

/// The State attribute (RFC 2865 §5.24): which node, worker and conversation, how many answers it
/// has taken, and a number that changes with every challenge, so that each State is used once
/// (RFC 3579 §2.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) node: u8,
    pub(super) worker: u8,
    pub(super) conversation: u64,
    pub(super) step: Step,
}

/// Where a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Answers taken since the first challenge; it stays at the last number.
    pub(super) taken: u8,
    nonce: [u8; 5],
}

impl Step {
    fn next(taken: u8, random: &mut Random) -> Self {
        Self { taken, nonce: random.octets() }
    }
}

impl State {
    /// Length on the wire in octets.
    pub(super) const OCTETS: usize = 16;

    pub(super) fn encode(&self) -> [u8; Self::OCTETS] {
        let [a, b, c, d, e, f, g, h] = self.conversation.to_be_bytes();
        let [i, j, k, l, m] = self.step.nonce;
        [self.node, self.worker, a, b, c, d, e, f, g, h, self.step.taken, i, j, k, l, m]
    }

    /// `None` when the octets cannot be a State of any of our nodes.
    pub(super) fn decode(octets: &[u8]) -> Option<Self> {
        let octets: [u8; Self::OCTETS] = octets.try_into().ok()?;
        let [node, worker, a, b, c, d, e, f, g, h, taken, nonce @ ..] = octets;
        let conversation = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        Some(Self { node, worker, conversation, step: Step { taken, nonce } })
    }
}

/// One conversation and whose it is.
#[derive(Debug)]
pub(super) struct Held<T> {
    pub(super) value: T,
    pub(super) client: IpAddr,
    pub(super) place: Place,
    step: Step,
    started: Duration,
    arrival: u64,
    proven: bool,
}

/// The conversations under way, bounded in all and for each port.
pub(super) struct Conversations<T> {
    held: HashMap<u64, Held<T>>,
    /// Conversations by arrival: those that have proven nothing, then the others.
    unproven: BTreeMap<u64, u64>,
    proven: BTreeMap<u64, u64>,
    by_place: HashMap<Place, Vec<u64>>,
    arrivals: u64,
    node: u8,
    worker: u8,
}

/// Limits of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) conversations_max: usize,
    pub(super) per_place_max: usize,
    pub(super) lifetime: Duration,
}

impl<T> Conversations<T> {
    pub(super) fn new(node: u8, worker: u8) -> Self {
        Self {
            held: HashMap::new(),
            unproven: BTreeMap::new(),
            proven: BTreeMap::new(),
            by_place: HashMap::new(),
            arrivals: 0,
            node,
            worker,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Takes in a new conversation and gives its first State. When the port already has its
    /// share, the port's oldest that has proven nothing leaves, else its oldest; when the table is full, the oldest that has proven
    /// nothing leaves, else the oldest (RFC 3579 leaves it open; see `protocol` EAP-11).
    /// Returns how many had to leave.
    pub(super) fn insert(
        &mut self,
        now: Duration,
        limits: Limits,
        random: &mut Random,
        client: IpAddr,
        place: Place,
        value: T,
    ) -> (State, usize) {
        let mut evicted = 0;
        let at_place = self.by_place.get(&place).map_or(0, Vec::len);
        if at_place >= limits.per_place_max.max(1)
            && let Some(oldest) = self.oldest_at(&place)
        {
            self.remove(oldest);
            evicted += 1;
        }
        while self.held.len() >= limits.conversations_max.max(1) {
            let oldest = self.unproven.values().next().or_else(|| self.proven.values().next());
            let Some(oldest) = oldest.copied() else { break };
            self.remove(oldest);
            evicted += 1;
        }
        let mut id = u64::from_be_bytes(random.octets());
        while self.held.contains_key(&id) {
            id = u64::from_be_bytes(random.octets());
        }
        self.arrivals += 1;
        let step = Step::next(0, random);
        let arrival = self.arrivals;
        self.unproven.insert(arrival, id);
        self.by_place.entry(place.clone()).or_default().push(id);
        let held = Held { value, client, place, step, started: now, arrival, proven: false };
        self.held.insert(id, held);
        (self.state(id, step), evicted)
    }

    /// The oldest conversation of a port that has proven nothing, else its oldest.
    fn oldest_at(&self, place: &Place) -> Option<u64> {
        let list = self.by_place.get(place)?;
        let unproven = |id: &&u64| self.held.get(id).is_some_and(|held| !held.proven);
        list.iter().find(unproven).or_else(|| list.first()).copied()
    }

    /// The conversation that `state` names, if it is ours, of `client`, and `state` is the one
    /// that was sent last.
    pub(super) fn find(&mut self, client: IpAddr, state: &State) -> Option<&mut Held<T>> {
        let held = self.held.get_mut(&state.conversation)?;
        let same =
            held.step.nonce.ct_eq(&state.step.nonce) & held.step.taken.ct_eq(&state.step.taken);
        (state.node == self.node
            && state.worker == self.worker
            && held.client == client
            && bool::from(same))
        .then_some(held)
    }

    /// Uses up the State of a conversation and gives the next one; `proven` when the peer has
    /// shown possession of its key.
    pub(super) fn advance(&mut self, random: &mut Random, id: u64, proven: bool) -> Option<State> {
        let held = self.held.get_mut(&id)?;
        held.step = Step::next(held.step.taken.saturating_add(1), random);
        if proven && !held.proven {
            held.proven = true;
            self.unproven.remove(&held.arrival);
            self.proven.insert(held.arrival, id);
        }
        let step = held.step;
        Some(self.state(id, step))
    }

    /// Takes a conversation out.
    pub(super) fn remove(&mut self, id: u64) -> Option<Held<T>> {
        let held = self.held.remove(&id)?;
        self.unproven.remove(&held.arrival);
        self.proven.remove(&held.arrival);
        if let Some(list) = self.by_place.get_mut(&held.place) {
            list.retain(|other| *other != id);
            if list.is_empty() {
                self.by_place.remove(&held.place);
            }
        }
        Some(held)
    }

    /// Takes out one conversation that has lasted too long, if there is one.
    pub(super) fn expire(&mut self, now: Duration, limits: Limits) -> Option<Held<T>> {
        let (_, id) = self.oldest()?;
        let held = self.held.get(&id)?;
        if now.saturating_sub(held.started) < limits.lifetime {
            return None;
        }
        self.remove(id)
    }

    /// When the next conversation will have lasted too long.
    pub(super) fn timeout(&self, limits: Limits) -> Option<Duration> {
        let (_, id) = self.oldest()?;
        Some(self.held.get(&id)?.started + limits.lifetime)
    }

    fn oldest(&self) -> Option<(u64, u64)> {
        let first = |map: &BTreeMap<u64, u64>| map.iter().next().map(|(a, b)| (*a, *b));
        match (first(&self.unproven), first(&self.proven)) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (left, right) => left.or(right),
        }
    }

    fn state(&self, conversation: u64, step: Step) -> State {
        State { node: self.node, worker: self.worker, conversation, step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{Point, PortIndex, SwitchIndex};

    const LIMITS: Limits =
        Limits { conversations_max: 4, per_place_max: 2, lifetime: Duration::from_secs(60) };
    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn place(port: u16) -> Place {
        Place { switch: SwitchIndex(3), point: Point::Port(PortIndex(port)) }
    }

    fn insert(table: &mut Conversations<u8>, random: &mut Random, port: u16, value: u8) -> State {
        let now = Duration::from_secs(u64::from(value));
        table.insert(now, LIMITS, random, CLIENT, place(port), value).0
    }

    #[test]
    fn eap_9_a_state_is_used_once_by_its_client_on_its_node() {
        let (mut table, mut random) = (Conversations::new(1, 2), Random::new(&[7; 32]));
        let state = insert(&mut table, &mut random, 1, 0);
        assert_eq!(State::decode(&state.encode()), Some(state));
        assert!(table.find(CLIENT, &state).is_some());
        assert!(
            table.find(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), &state).is_none(),
            "another switch"
        );
        assert!(table.find(CLIENT, &State { node: 9, ..state }).is_none(), "another node");
        let next = table.advance(&mut random, state.conversation, false).unwrap();
        assert!(table.find(CLIENT, &state).is_none(), "used");
        assert!(table.find(CLIENT, &next).is_some());
    }

    #[test]
    fn eap_11_the_full_table_lets_the_oldest_unproven_go() {
        let (mut table, mut random) = (Conversations::new(1, 2), Random::new(&[7; 32]));
        let states: Vec<_> =
            (0..4_u8).map(|n| insert(&mut table, &mut random, u16::from(n), n)).collect();
        let first = table.advance(&mut random, states[0].conversation, true).unwrap();
        insert(&mut table, &mut random, 9, 9);
        assert!(table.find(CLIENT, &first).is_some(), "has proven its key");
        assert!(table.find(CLIENT, &states[1]).is_none(), "the oldest that has not");
        assert_eq!(table.len(), 4);
    }

    #[test]
    fn eap_11_one_port_cannot_fill_the_table() {
        let (mut table, mut random) = (Conversations::new(1, 2), Random::new(&[7; 32]));
        let other = insert(&mut table, &mut random, 1, 0);
        let states: Vec<_> = (1..9).map(|n| insert(&mut table, &mut random, 5, n)).collect();
        assert!(table.find(CLIENT, &other).is_some());
        assert_eq!(table.len(), 3);
        assert!(table.find(CLIENT, states.last().unwrap()).is_some());
    }

    #[test]
    fn old_conversations_leave_in_order() {
        let (mut table, mut random) = (Conversations::new(1, 2), Random::new(&[7; 32]));
        insert(&mut table, &mut random, 1, 5);
        insert(&mut table, &mut random, 2, 8);
        assert_eq!(table.timeout(LIMITS), Some(Duration::from_secs(65)));
        assert!(table.expire(Duration::from_secs(64), LIMITS).is_none());
        let expired = table.expire(Duration::from_secs(66), LIMITS);
        assert_eq!(expired.map(|held| held.value), Some(5));
        assert!(table.expire(Duration::from_secs(66), LIMITS).is_none());
        assert!(table.by_place.len() == 1 && table.unproven.len() == 1);
    }
}
