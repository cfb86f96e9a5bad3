//! One switch that is asked: its agent, what is being asked of it, and when it is asked next.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::bounce::Order;
use crate::plan::{Forwarding, InterfaceNames, Plan, SnmpAccess, SnmpSecrets, Survey};
use crate::survey::{
    self, Access, Action, Agent, Bounce, BounceFault, Context, Fault, Hints, IgnoreReason, Sender,
    Sweep, View,
};
use crate::vocabulary::{Moment, SwitchIndex, VlanId};

/// After the first start sweeps are spread over this share of their period.
const SPREAD_SHARE: u32 = 10;
/// A sweep comes up to this share of its period earlier, at random, so that switches asked
/// together do not stay together.
const JITTER_SHARE: u32 = 5;
/// From the beginning of one sweep to one that somebody who came or went gave cause for.
const SESSION_SPACING: Duration = Duration::from_secs(10);
/// After somebody came or went, until the tables have followed.
const SETTLE: Duration = Duration::from_secs(1);
/// The same for a trap: it comes when the tables have changed, and there may be many.
const TRAP_SETTLE: Duration = Duration::from_millis(100);
const TRAP_SPACING: Duration = Duration::from_secs(1);
/// From a sweep in vain to the next try.
const AGAIN_AFTER: Duration = Duration::from_secs(15);
/// Faults one after the other until the switch counts as unread.
const FAULTS_TOLERATED: u32 = 2;

/// Why a sweep comes sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Somebody came or went.
    Session,
    /// The switch said so.
    Trap,
    /// An operator said so.
    Operator,
}

/// How a sweep ended.
pub(super) enum Ended {
    View(Box<View>, Moment),
    Failed(Option<Fault>),
    Bounced(Order, Result<(), BounceFault>),
}

enum Job {
    Idle,
    Sweep(Box<Sweep>, Moment),
    Hints,
    Bounce,
}

pub(super) struct Target {
    pub(super) id: String,
    pub(super) index: SwitchIndex,
    pub(super) address: SocketAddr,
    pub(super) story: Story,
    /// Where it stands in the queue.
    pub(super) scheduled: Duration,
    agent: Agent,
    /// Where addresses and names of ports are found.
    tables: (Forwarding, InterfaceNames),
    vlans: Vec<VlanId>,
    job: Job,
    next_sweep: Duration,
    next_hint: Duration,
    hints: Option<(Hints, u32)>,
    not_before: Duration,
    bounces: VecDeque<(Order, Bounce)>,
}

/// What an operator may want to know of the past.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    /// Sweeps done, and tried in vain.
    pub(super) done: u64,
    pub(super) failed: u64,
    /// How long the last one took, and its requests.
    pub(super) took: Duration,
    pub(super) requests: u64,
    pub(super) fault: Option<Fault>,
    /// Whether somebody was told that it cannot be read.
    pub(super) told: bool,
    faults: u32,
    before: u64,
    began: Duration,
}

impl Target {
    /// The target for a switch; `None` for one that is not to be asked: its profile does not say
    /// how, its secrets are absent, or its address is no host's.
    pub(super) fn of(
        plan: &Plan,
        index: u16,
        secrets: Option<&SnmpSecrets>,
        seed: &[u8; 32],
    ) -> Option<Self> {
        let index = SwitchIndex(index);
        let switch = plan.switch(index)?;
        let snmp = plan.profile_of(index)?.snmp.as_ref()?;
        let access = match (secrets?, &snmp.access) {
            (SnmpSecrets::Community(word), SnmpAccess::Community) => {
                Access::Community(word.clone())
            }
            (SnmpSecrets::User(keys), SnmpAccess::User { name, .. }) => {
                Access::User { name: name.clone(), keys: keys.clone() }
            }
            (SnmpSecrets::Community(_), SnmpAccess::User { .. })
            | (SnmpSecrets::User(_), SnmpAccess::Community) => return None,
        };
        let host = switch.address;
        let whole = if host.is_ipv4() { 32 } else { 128 };
        if host.prefix() != whole {
            return None;
        }
        let target = survey::Target {
            access,
            repetitions: snmp.repetitions,
            timeout: snmp.timeout,
            retries: snmp.retries,
        };
        Some(Self {
            id: switch.id.clone(),
            index,
            address: SocketAddr::new(host.ip(), snmp.port),
            story: Story::default(),
            scheduled: Duration::ZERO,
            agent: Agent::new(target, seed),
            tables: (snmp.forwarding, snmp.interface_names),
            vlans: switch.vlans.clone(),
            job: Job::Idle,
            next_sweep: Duration::ZERO,
            next_hint: Duration::MAX,
            hints: None,
            not_before: Duration::ZERO,
            bounces: VecDeque::new(),
        })
    }

    /// Goes on where a target of the same switch was.
    pub(super) fn inherit(&mut self, old: Self) {
        (self.next_sweep, self.next_hint) = (old.next_sweep, old.next_hint);
        (self.hints, self.story, self.bounces) = (old.hints, old.story, old.bounces);
        if matches!(old.job, Job::Sweep(..)) {
            self.next_sweep = self.story.began;
        }
    }

    /// The first sweep, at a random time soon.
    pub(super) fn first(&mut self, now: Moment, period: Duration, random: [u8; 4]) {
        self.next_sweep = now.monotonic + share(period / SPREAD_SHARE, random);
    }

    /// Who sends traps from the switch's address.
    pub(super) fn sender(&self, now: Moment) -> Sender<'_> {
        let (access, engine) = (self.agent.access(), self.agent.engine(now));
        Sender { switch: &self.id, access, engine }
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.agent.is_busy()
    }

    /// When something is to be done.
    pub(super) fn next(&self) -> Duration {
        let idle = || self.next_sweep.min(self.next_hint).max(self.not_before);
        let next = self.agent.poll_timeout().unwrap_or_else(idle);
        match (&self.job, self.bounces.front()) {
            (Job::Bounce, _) | (_, None) => next,
            (_, Some((_, bounce))) => next.min(bounce.poll_timeout().unwrap_or(Duration::ZERO)),
        }
    }

    /// Has a port bounced before anything else is asked.
    pub(super) fn bounce(&mut self, order: Order, bounce: Bounce) {
        self.bounces.push_back((order, bounce));
    }

    pub(super) fn is_bouncing(&self) -> bool {
        !self.bounces.is_empty()
    }

    /// Brings the port up that was taken down, without waiting; gives the bounces that had not
    /// begun, which never will.
    pub(super) fn finish(&mut self) -> VecDeque<(Order, Bounce)> {
        // An answer on its way would be taken for that of what is asked now.
        self.agent.cancel();
        self.job = Job::Idle;
        (self.next_sweep, self.next_hint) = (Duration::MAX, Duration::MAX);
        let (begun, never) =
            self.bounces.drain(..).partition(|(_, bounce): &(Order, Bounce)| bounce.has_begun());
        self.bounces = begun;
        for (_, bounce) in &mut self.bounces {
            bounce.hurry();
        }
        never
    }

    /// Because of whom a port is down, or about to be.
    pub(super) fn begun(&self) -> Option<&Order> {
        self.bounces.front().filter(|(_, bounce)| bounce.has_begun()).map(|(order, _)| order)
    }

    /// What had to be done yet.
    pub(super) fn into_bounces(self) -> VecDeque<(Order, Bounce)> {
        self.bounces
    }

    /// Whether a port waits for something to be asked: then nothing else is.
    pub(super) fn must_bounce(&mut self, now: Moment) -> bool {
        let Some((_, bounce)) = self.bounces.front_mut() else { return false };
        bounce.handle_timeout(now.monotonic);
        bounce.question().is_some() && !matches!(self.job, Job::Bounce)
    }

    pub(super) const fn postpone(&mut self, until: Duration) {
        self.not_before = until;
    }

    pub(super) fn hasten(&mut self, at: Duration) {
        self.next_sweep = self.next_sweep.min(at);
    }

    pub(super) fn hasten_for(&mut self, now: Moment, cause: Cause) {
        match cause {
            Cause::Session => {
                self.hasten((now.monotonic + SETTLE).max(self.story.began + SESSION_SPACING));
            }
            Cause::Trap => {
                self.hasten((now.monotonic + TRAP_SETTLE).max(self.story.began + TRAP_SPACING));
            }
            Cause::Operator => {
                // What is read from now on is wanted, not what was half read before.
                if matches!(self.job, Job::Sweep(..) | Job::Hints) {
                    self.agent.cancel();
                    self.job = Job::Idle;
                }
                self.hasten(now.monotonic);
            }
        }
    }

    /// Begins what is due: a sweep, or a look for changes.
    pub(super) fn begin(&mut self, now: Moment, settings: &Survey, random: [u8; 4]) {
        if self.must_bounce(now) {
            if matches!(self.job, Job::Sweep(..)) {
                self.next_sweep = now.monotonic;
            }
            self.agent.cancel();
            let question = self.bounces.front().and_then(|(_, bounce)| bounce.question());
            if let Some(question) = question {
                self.job = Job::Bounce;
                self.agent.ask(now, Context::Default, question);
            }
            return;
        }
        if self.next_sweep.min(self.next_hint) > now.monotonic {
            return;
        }
        let asked = if self.next_sweep <= now.monotonic {
            let jitter = share(settings.sweep / JITTER_SHARE, random);
            self.next_sweep = now.monotonic + settings.sweep - jitter;
            self.next_hint = now.monotonic + settings.hint;
            (self.story.began, self.story.before) = (now.monotonic, self.agent.requests());
            let sweep = Box::new(Sweep::new(self.tables, &self.vlans));
            let question = sweep.question();
            self.job = Job::Sweep(sweep, now);
            question
        } else {
            self.next_hint = now.monotonic + settings.hint;
            self.job = Job::Hints;
            Some((Context::Default, Hints::question()))
        };
        if let Some((context, question)) = asked {
            self.agent.ask(now, context, question);
        }
    }

    /// Takes a datagram; the reason, where it had no effect.
    pub(super) fn handle(&mut self, now: Moment, octets: &[u8]) -> Option<IgnoreReason> {
        match self.agent.handle(now, octets) {
            Action::Taken => None,
            Action::Ignored { reason } => Some(reason),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Moment) {
        self.agent.handle_timeout(now);
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.agent.poll_transmit()
    }

    /// Goes on with what was answered; how a sweep ended, if one did.
    pub(super) fn advance(&mut self, now: Moment) -> Option<Ended> {
        let event = self.agent.poll_event()?;
        match std::mem::replace(&mut self.job, Job::Idle) {
            Job::Idle => None,
            Job::Bounce => {
                let (_, bounce) = self.bounces.front_mut()?;
                bounce.answered(now.monotonic, &event);
                let result = bounce.ended()?;
                let (order, _) = self.bounces.pop_front()?;
                Some(Ended::Bounced(order, result))
            }
            Job::Hints => {
                let hints = event.ok().and_then(Hints::of);
                let moved = match (&self.hints, &hints) {
                    (Some((before, uptime)), Some((after, later))) => {
                        before != after || later < uptime
                    }
                    // The first look has nothing to compare with; silence is the sweep's to tell.
                    (None, _) | (_, None) => false,
                };
                if hints.is_some() {
                    self.hints = hints;
                }
                if moved {
                    self.hasten(now.monotonic);
                }
                None
            }
            Job::Sweep(mut sweep, began) => match sweep.answered(event) {
                Err(fault) => {
                    self.count_requests(now);
                    Some(Ended::Failed(Some(fault)))
                }
                Ok(()) => match sweep.question() {
                    Some((context, question)) => {
                        self.agent.ask(now, context, question);
                        self.job = Job::Sweep(sweep, began);
                        None
                    }
                    None => {
                        self.count_requests(now);
                        Some(Ended::View(Box::new(sweep.into_view()), began))
                    }
                },
            },
        }
    }

    fn count_requests(&mut self, now: Moment) {
        self.story.took = now.monotonic.saturating_sub(self.story.began);
        self.story.requests = self.agent.requests().saturating_sub(self.story.before);
    }

    /// A sweep was done. Says whether somebody was told before that none can be.
    pub(super) fn succeeded(&mut self) -> bool {
        self.story.done += 1;
        (self.story.fault, self.story.faults) = (None, 0);
        std::mem::take(&mut self.story.told)
    }

    /// A sweep was tried in vain. Says whether somebody is to be told now.
    pub(super) fn has_failed(&mut self, now: Moment, fault: Option<Fault>) -> bool {
        self.hasten(now.monotonic + AGAIN_AFTER);
        self.story.failed += 1;
        self.story.faults = self.story.faults.saturating_add(1);
        self.story.fault = fault;
        let now = self.story.faults >= FAULTS_TOLERATED && !self.story.told;
        self.story.told |= now;
        now
    }
}

/// A random share of a span.
fn share(span: Duration, random: [u8; 4]) -> Duration {
    span.mul_f64(f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::SnmpAgent;
    use crate::vocabulary::{Mac, Secret, Timestamp};
    use crate::wire::snmp::{Oid, Value};

    const STATUS: &str = "1.3.6.1.2.1.2.2.1.7.101";

    fn at(seconds: u64) -> Moment {
        Moment { monotonic: Duration::from_secs(seconds), wall: Timestamp(0) }
    }

    fn target() -> Target {
        let asked = survey::Target {
            access: Access::Community(Secret::new(b"public".to_vec())),
            repetitions: 20,
            timeout: Duration::from_secs(1),
            retries: 1,
        };
        Target {
            id: "sw01".to_owned(),
            index: SwitchIndex(0),
            address: SocketAddr::from(([127, 0, 0, 1], 161)),
            story: Story::default(),
            scheduled: Duration::ZERO,
            agent: Agent::new(asked, &[1; 32]),
            tables: (Forwarding::QBridge, InterfaceNames::IfName),
            vlans: Vec::new(),
            job: Job::Idle,
            next_sweep: Duration::ZERO,
            next_hint: Duration::MAX,
            hints: None,
            not_before: Duration::ZERO,
            bounces: VecDeque::new(),
        }
    }

    fn switch() -> SnmpAgent {
        let mut switch = SnmpAgent::new(b"switch");
        switch.community = Some(b"public".to_vec());
        switch.tree().insert(STATUS.parse().unwrap(), Value::Integer(1));
        switch
    }

    fn status(switch: &mut SnmpAgent) -> Value {
        switch.tree()[&STATUS.parse::<Oid>().unwrap()].clone()
    }

    /// Goes on with bounces as far as it goes by itself.
    fn carry(target: &mut Target, switch: &mut SnmpAgent, now: Moment) -> Option<Ended> {
        loop {
            if target.must_bounce(now) {
                target.begin(now, &Survey::default(), [0; 4]);
            }
            let answer = switch.answer(1, &target.poll_transmit()?).unwrap();
            assert_eq!(target.handle(now, &answer), None);
            if let Some(ended) = target.advance(now) {
                return Some(ended);
            }
        }
    }

    fn order(port: &str) -> Order {
        Order { switch: "sw01".to_owned(), port: port.to_owned(), mac: Mac::LEAST }
    }

    #[test]
    fn what_an_operator_asks_for_is_read_from_then_on() {
        let mut target = target();
        target.begin(at(0), &Survey::default(), [0; 4]);
        assert!(target.is_busy());
        target.hasten_for(at(1), Cause::Trap);
        assert!(target.is_busy(), "what only comes sooner waits for its turn");
        target.hasten_for(at(1), Cause::Operator);
        assert!(!target.is_busy() && target.next() <= at(1).monotonic);
        target.begin(at(1), &Survey::default(), [0; 4]);
        assert!(target.is_busy());
        assert_eq!(target.story.began, at(1).monotonic);
    }

    #[test]
    fn no_sweep_of_an_operator_stops_a_bounce() {
        let (mut target, mut switch) = (target(), switch());
        target.bounce(order("1"), Bounce::new(101));
        assert!(target.must_bounce(at(0)));
        target.begin(at(0), &Survey::default(), [0; 4]);
        target.hasten_for(at(0), Cause::Operator);
        assert!(target.is_busy());
        assert!(carry(&mut target, &mut switch, at(0)).is_none());
        assert_eq!(status(&mut switch), Value::Integer(2));
    }

    #[test]
    fn at_the_end_what_is_down_comes_up_at_once_and_the_rest_is_left_alone() {
        let (mut target, mut switch) = (target(), switch());
        target.bounce(order("1"), Bounce::new(101));
        target.bounce(order("2"), Bounce::new(102));
        assert!(target.begun().is_none());
        assert!(carry(&mut target, &mut switch, at(0)).is_none());
        assert_eq!(status(&mut switch), Value::Integer(2), "it is down");
        assert_eq!(target.begun().map(|order| order.port.as_str()), Some("1"));
        let never = target.finish();
        assert_eq!(never.len(), 1);
        assert_eq!(never[0].0.port, "2");
        let ended = carry(&mut target, &mut switch, at(0));
        assert!(matches!(ended, Some(Ended::Bounced(_, Ok(())))));
        assert_eq!(status(&mut switch), Value::Integer(1));
        assert!(!target.is_bouncing() && target.next() == Duration::MAX, "and nothing follows");
    }

    #[test]
    fn at_the_end_no_late_answer_is_taken_for_another() {
        let (mut target, mut switch) = (target(), switch());
        target.bounce(order("1"), Bounce::new(101));
        target.must_bounce(at(0));
        target.begin(at(0), &Survey::default(), [0; 4]);
        let answer = switch.answer(1, &target.poll_transmit().unwrap()).unwrap();
        target.handle(at(0), &answer);
        assert!(target.advance(at(0)).is_none());
        // It is told to go down; the answer comes after it was decided to end.
        target.must_bounce(at(0));
        target.begin(at(0), &Survey::default(), [0; 4]);
        let late = switch.answer(1, &target.poll_transmit().unwrap()).unwrap();
        assert!(target.finish().is_empty());
        assert!(target.handle(at(0), &late).is_some());
        let ended = carry(&mut target, &mut switch, at(0));
        assert!(matches!(ended, Some(Ended::Bounced(_, Ok(())))));
        assert_eq!(status(&mut switch), Value::Integer(1));
    }
}
