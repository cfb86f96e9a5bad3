//! Many simulated switches at once, with a bounded number of attempts under way.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::city::{Attempt, Expected};
use super::device::Credential;
use super::switch::{Outcome, Switch, Unusable, Visitor};
use super::wallet::Wallet;
use crate::client;
use crate::plan::{ClientSecrets, Plan};
use crate::vocabulary::{Moment, Random, SwitchIndex};

/// How far down the queue a start is looked for whose place and device are not busy.
const SEARCH_MAX: usize = 256;

/// The switches of a plan and the attempts of a run. Nothing starts before the first
/// [`Fleet::handle_timeout`].
pub struct Fleet<W> {
    switches: BTreeMap<SwitchIndex, Switch>,
    by_address: BTreeMap<IpAddr, SwitchIndex>,
    wallet: W,
    waiting: VecDeque<Attempt>,
    under_way: HashMap<u32, Attempt>,
    under_way_max: usize,
    /// Switches that may have something to send.
    ready: BTreeSet<SwitchIndex>,
    results: VecDeque<AttemptResult>,
    correct: usize,
    wrong: usize,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Attempts not yet begun.
    pub waiting: usize,
    /// Attempts under way.
    pub under_way: usize,
    /// Attempts that came out as expected.
    pub correct: usize,
    /// Attempts that did not.
    pub wrong: usize,
}

impl Progress {
    /// Whether every attempt has ended.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.waiting == 0 && self.under_way == 0
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    /// The attempt, with what was expected of it.
    pub attempt: Attempt,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether that is what was expected.
    pub correct: bool,
}

impl<W: Wallet> Fleet<W> {
    /// A run of `attempts` against `server`, at most `under_way_max` of them at once. Attempts at
    /// switches without a secret end as [`Unusable::NoSecret`]. `seed` must be unpredictable.
    pub fn new(
        plan: &Arc<Plan>,
        secrets: &HashMap<SwitchIndex, ClientSecrets>,
        server: SocketAddr,
        attempts: Vec<Attempt>,
        wallet: W,
        under_way_max: usize,
        seed: &[u8; 32],
    ) -> Self {
        let mut random = Random::new(seed);
        let (mut switches, mut by_address) = (BTreeMap::new(), BTreeMap::new());
        let used: BTreeSet<SwitchIndex> =
            attempts.iter().map(|attempt| attempt.place.switch).collect();
        for index in used {
            let Some(secrets) = secrets.get(&index) else { continue };
            let seed = random.octets();
            let switch = Switch::new(Arc::clone(plan), index, server, secrets, &seed);
            if let Some(switch) = switch
                && let Some(address) = switch.address()
            {
                by_address.insert(address, index);
                switches.insert(index, switch);
            }
        }
        Self {
            switches,
            by_address,
            wallet,
            waiting: attempts.into(),
            under_way: HashMap::new(),
            under_way_max: under_way_max.max(1),
            ready: BTreeSet::new(),
            results: VecDeque::new(),
            correct: 0,
            wrong: 0,
        }
    }

    /// Takes a datagram that came from `source` to the switch that has the address `local`;
    /// `None` when none has.
    pub fn handle(
        &mut self,
        now: Moment,
        datagram: &[u8],
        source: SocketAddr,
        local: IpAddr,
    ) -> Option<client::Action> {
        let index = *self.by_address.get(&local)?;
        let action = self.switches.get_mut(&index)?.handle(now, datagram, source);
        self.collect(index);
        self.start(now);
        Some(action)
    }

    /// Sends again what was not answered in time, and begins attempts where there is room.
    pub fn handle_timeout(&mut self, now: Moment) {
        let is_due = |switch: &Switch| switch.poll_timeout().is_some_and(|at| at <= now.monotonic);
        let due: Vec<SwitchIndex> = self
            .switches
            .iter_mut()
            .filter(|(_, switch)| is_due(switch))
            .map(|(index, switch)| {
                switch.handle_timeout(now);
                *index
            })
            .collect();
        for index in due {
            self.collect(index);
        }
        self.start(now);
    }

    /// The next datagram to send: its octets in `octets`, the address of the switch it leaves
    /// from, and where to.
    pub fn poll_transmit(&mut self, octets: &mut Vec<u8>) -> Option<(IpAddr, SocketAddr)> {
        loop {
            let index = self.ready.first().copied()?;
            let sent = self.switches.get_mut(&index).and_then(|switch| {
                let to = switch.poll_transmit(octets)?;
                Some((switch.address()?, to))
            });
            if sent.is_some() {
                return sent;
            }
            self.ready.remove(&index);
        }
    }

    /// When [`Fleet::handle_timeout`] has something to do next, on the monotonic clock; zero
    /// while an attempt can begin at once.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        if self.under_way.len() < self.under_way_max && self.next_start().is_some() {
            return Some(Duration::ZERO);
        }
        self.switches.values().filter_map(Switch::poll_timeout).min()
    }

    /// The next attempt that ended.
    pub fn poll_event(&mut self) -> Option<AttemptResult> {
        self.results.pop_front()
    }

    /// How far the run is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            waiting: self.waiting.len(),
            under_way: self.under_way.len(),
            correct: self.correct,
            wrong: self.wrong,
        }
    }

    /// The addresses from which switches of this run send, ascending.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.by_address.keys().copied()
    }

    /// Begins attempts while there is room, never two at one place or of one device.
    fn start(&mut self, now: Moment) {
        while self.under_way.len() < self.under_way_max
            && let Some(position) = self.next_start()
            && let Some(attempt) = self.waiting.remove(position)
        {
            let index = attempt.place.switch;
            let visitor = match &attempt.credential {
                Credential::Mac => Ok(Visitor::Mac),
                Credential::Certificate(paper) => match self.wallet.open(paper) {
                    Some(config) => Ok(Visitor::Tls(config, paper.name.clone())),
                    None => Err(Unusable::NoCertificate),
                },
            };
            let switch = self.switches.get_mut(&index).ok_or(Unusable::NoSecret);
            match (switch, visitor) {
                (Ok(switch), Ok(visitor)) => {
                    let point = attempt.place.point.clone();
                    switch.attach(now, attempt.id, attempt.mac, point, visitor);
                    self.under_way.insert(attempt.id, attempt);
                    self.collect(index);
                }
                (Err(fault), _) | (_, Err(fault)) => {
                    self.conclude(attempt, Outcome::Unusable(fault));
                }
            }
        }
    }

    fn next_start(&self) -> Option<usize> {
        self.waiting.iter().take(SEARCH_MAX).position(|attempt| {
            self.under_way
                .values()
                .all(|other| other.place != attempt.place && other.mac != attempt.mac)
        })
    }

    /// Takes what a switch has to tell.
    fn collect(&mut self, index: SwitchIndex) {
        self.ready.insert(index);
        while let Some((id, outcome)) = self.switches.get_mut(&index).and_then(Switch::poll_event) {
            if let Some(attempt) = self.under_way.remove(&id) {
                self.conclude(attempt, outcome);
            }
        }
    }

    fn conclude(&mut self, attempt: Attempt, outcome: Outcome) {
        let correct = is_expected(&attempt, &outcome);
        if correct {
            self.correct += 1;
        } else {
            self.wrong += 1;
        }
        self.results.push_back(AttemptResult { attempt, outcome, correct });
    }
}

/// Whether the device is where it should be, with the keys that its method gives it.
fn is_expected(attempt: &Attempt, outcome: &Outcome) -> bool {
    let keys_wanted = match attempt.credential {
        Credential::Mac => None,
        Credential::Certificate(_) => Some(true),
    };
    match (attempt.expected, outcome) {
        (
            Expected::Admitted { vlan: wanted, .. } | Expected::Quarantined { vlan: wanted },
            Outcome::Admitted { vlan, keys_match, .. },
        ) => wanted == *vlan && *keys_match == keys_wanted,
        (Expected::Refused { .. }, Outcome::Refused) => true,
        (
            Expected::Admitted { .. } | Expected::Quarantined { .. },
            Outcome::Refused | Outcome::NoAnswer | Outcome::Unusable(_),
        )
        | (
            Expected::Refused { .. },
            Outcome::Admitted { .. } | Outcome::NoAnswer | Outcome::Unusable(_),
        ) => false,
    }
}
