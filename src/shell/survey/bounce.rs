//! Ports that are taken down and up again: which may be, how many, and what is told of it.

use std::time::Duration;

use super::target::Target;
use super::{Running, STOP_MAX};
use crate::plan::{Area, PortRole};
use crate::shell::log::Event;
use crate::survey::{Bounce, BounceFault};
use crate::vocabulary::{Mac, Moment, PortIndex, SwitchIndex};

/// Ports bounced within the window, at one switch and altogether: enough for an incident, too few
/// to empty a building by a slip.
const PER_SWITCH_MAX: usize = 4;
const ALTOGETHER_MAX: usize = 20;
const WINDOW: Duration = Duration::from_secs(60);

/// One port and because of whom.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) switch: String,
    pub(super) port: String,
    pub(super) mac: Mac,
}

impl Running {
    /// Takes an order, or says why not.
    pub(super) fn order(&mut self, now: Moment, order: Order) {
        match self.may(now, &order) {
            Ok((place, index)) => {
                self.bounced.push_back((now.monotonic, order.switch.clone()));
                if let Some(target) = self.targets.get_mut(place) {
                    target.bounce(order, Bounce::new(index));
                }
                self.schedule(place);
            }
            Err(cause) => self.tell_bounce(now, &order, Event::PortBounceFailed, cause),
        }
    }

    /// The target and the ifIndex, where the port may be bounced: one for devices, by the plan and
    /// by what is seen, at a switch that is read, within the limits.
    fn may(&mut self, now: Moment, order: &Order) -> Result<(usize, u32), &'static str> {
        if self.stopping.is_some() {
            return Err("stopping");
        }
        let place = self.targets.iter().position(|it| it.id == order.switch).ok_or("not-asked")?;
        let switch = self.targets.get(place).map(|it| it.index).ok_or("not-asked")?;
        let (port, interface) = self.edge_port(switch, &order.port)?;
        if self.judge.leads_on(&self.plan, switch, port) {
            return Err("uplink");
        }
        self.bounced.retain(|(at, _)| *at + WINDOW > now.monotonic);
        let here = self.bounced.iter().filter(|(_, id)| *id == order.switch).count();
        if here >= PER_SWITCH_MAX || self.bounced.len() >= ALTOGETHER_MAX {
            return Err("too-many");
        }
        Ok((place, interface))
    }

    /// A port for devices, and its ifIndex as the switch was last read.
    pub(super) fn edge_port(
        &self,
        switch: SwitchIndex,
        port: &str,
    ) -> Result<(PortIndex, u32), &'static str> {
        let port = self.plan.port_by_name(switch, port).ok_or("port-unknown")?;
        match self.plan.port(switch, port).map(|it| &it.role) {
            Some(PortRole::Auth { .. } | PortRole::Access { .. }) => {}
            Some(PortRole::Trunk { .. } | PortRole::Unused) | None => {
                return Err("not-an-edge-port");
            }
        }
        let interface = self.judge.interface(&self.plan, switch, port).ok_or("port-unread")?;
        Ok((port, interface))
    }

    pub(super) fn is_bouncing(&self) -> bool {
        self.targets.iter().any(Target::is_bouncing)
    }

    /// Begins to end: ports that are down are brought up at once, others are left alone.
    pub(super) fn finish(&mut self, now: Moment) {
        self.stopping = Some(now.monotonic + STOP_MAX);
        for place in 0..self.targets.len() {
            let target = self.targets.get_mut(place);
            for (order, bounce) in target.map(Target::finish).unwrap_or_default() {
                self.unfinished(now, &order, &bounce, "stopping");
            }
            self.schedule(place);
        }
    }

    /// Nobody waits any longer: what is not known to be up is told.
    pub(super) fn give_up(&mut self, now: Moment) {
        for target in std::mem::take(&mut self.targets) {
            for (order, bounce) in target.into_bounces() {
                self.unfinished(now, &order, &bounce, "stopping");
            }
        }
    }

    /// A bounce ends before its time.
    pub(super) fn unfinished(&self, now: Moment, order: &Order, bounce: &Bounce, cause: &str) {
        let event = if bounce.has_begun() { Event::PortLeftDown } else { Event::PortBounceFailed };
        self.count_bounce(order, "nak");
        self.tell_bounce(now, order, event, cause);
    }

    fn count_bounce(&self, order: &Order, word: &str) {
        let labels = [order.switch.as_str(), "snmp-bounce", word];
        self.surroundings.metrics.coa.with_label_values(&labels).inc();
    }

    pub(super) fn bounced(&mut self, now: Moment, order: &Order, result: Result<(), BounceFault>) {
        self.forget_left(now, order);
        self.count_bounce(order, if result.is_ok() { "ack" } else { "nak" });
        match result {
            Ok(()) => self.tell_bounce(now, order, Event::PortBounced, "-"),
            Err(fault @ BounceFault::LeftDown) => {
                self.tell_bounce(now, order, Event::PortLeftDown, fault.id());
            }
            Err(fault @ (BounceFault::NotUp | BounceFault::Untouched(_))) => {
                self.tell_bounce(now, order, Event::PortBounceFailed, fault.id());
            }
        }
    }

    pub(super) fn tell_bounce(&self, now: Moment, order: &Order, event: Event, cause: &str) {
        let switch = self.plan.switch_by_id(&order.switch);
        let area = switch.and_then(|switch| {
            Some(Area::Port(switch, self.plan.port_by_name(switch, &order.port)?))
        });
        let written = || format!("{}:{}", order.switch, order.port);
        let facts = [
            ("place", area.map_or_else(written, |area| self.plan.area_name(&area))),
            ("mac", order.mac.to_string()),
            ("cause", cause.to_owned()),
        ];
        self.surroundings.log.event(now.wall, event, &facts);
    }
}
