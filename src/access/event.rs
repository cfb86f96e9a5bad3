//! What the record wants to know of a decision: when, who, where, into which environment, why.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::attachment::Attached;
use crate::plan::{Device, Plan};
use crate::vocabulary::{
    Because, Certificate, EnvironmentIndex, Language, Mac, Octets, Outcome, Place, Proven,
    Timestamp, VlanId, escape_to, members, words,
};

/// Something the shell must write down or pass on.
#[derive(Clone, Debug)]
pub enum Event {
    /// A switch was seen to send Message-Authenticator; from now on it must (MA-4).
    Learned {
        /// The switch's id.
        switch: String,
    },
    /// Conversations were thrown out because the table or the port was full.
    Evicted {
        /// How many.
        count: usize,
        /// The switch whose request needed the room.
        switch: String,
    },
}

/// What was decided and not yet taken, in order.
#[derive(Debug, Default)]
pub struct Decided {
    /// Devices that were answered for good.
    pub records: Vec<DecisionRecord>,
    /// Sessions that switches were told to open, or that there are none.
    pub attached: Vec<Attached>,
}

/// One decision as evidence, in the plan's numbers: whoever reads it looks the words up. A worker
/// makes one for every answer, and for MAC authentication without allocating anything.
#[derive(Clone, Debug)]
pub struct DecisionRecord {
    /// When the answer was made.
    pub time: Timestamp,
    /// Generation of the plan it rests on.
    pub generation: u64,
    /// That plan.
    pub(super) plan: Arc<Plan>,
    /// Where.
    pub place: Place,
    /// The device's address, where one could be read.
    pub mac: Option<Mac>,
    /// User-Name as received.
    pub(super) user: Octets,
    /// Calling-Station-Id as received.
    pub(super) calling: Octets,
    /// How the device authenticated: `mab`, `eap-tls`, or `none` before that was clear.
    pub method: &'static str,
    /// The certificate, where one was proven.
    pub certificate: Option<Proven<Certificate>>,
    /// What was decided.
    pub outcome: Outcome,
    /// Why, and by which device, rule and grant of the plan.
    pub because: Because,
    /// The environment entered, and the VLAN assigned.
    pub entered: Option<(EnvironmentIndex, VlanId)>,
    /// Whether the TLS session was resumed.
    pub resumed: bool,
    /// TLS version.
    pub tls: Option<&'static str>,
    /// RADIUS requests of the conversation.
    pub rounds: u32,
    /// From the first request to the answer.
    pub elapsed: Duration,
}

impl DecisionRecord {
    /// The switch's id.
    #[must_use]
    pub fn switch(&self) -> &str {
        self.plan.switch(self.place.switch).map_or("", |switch| switch.id.as_str())
    }

    /// The site's id.
    #[must_use]
    pub fn site(&self) -> &str {
        let switch = self.plan.switch(self.place.switch);
        switch.and_then(|switch| self.plan.site(switch.site)).map_or("", |site| site.id.as_str())
    }

    /// The place by name.
    #[must_use]
    pub fn place_name(&self) -> String {
        self.plan.place_name(&self.place)
    }

    /// The registered device.
    fn device(&self) -> Option<&Device> {
        self.plan.device(self.because.device?)
    }

    /// The registered computer's name.
    fn host(&self) -> Option<&str> {
        self.device().map(|device| device.computer.as_str()).filter(|name| !name.is_empty())
    }

    /// The id of the environment entered.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.plan.environment(self.entered?.0).map(|found| found.id.as_str())
    }

    /// The VLAN assigned.
    #[must_use]
    pub fn vlan(&self) -> Option<u16> {
        self.entered.map(|(_, vlan)| vlan.get())
    }

    /// The certificate's names.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        self.certificate.as_ref().map(|found| found.get().identities.join(","))
    }

    /// Appends its fields to a JSON object that was begun; the keys are stable.
    pub fn push_fields(&self, language: Language, text: &mut String) {
        let (plan, because, device) = (&self.plan, &self.because, self.device());
        let certificate = self.certificate.as_ref().map(Proven::get);
        let rule = because.rule.and_then(|index| plan.rule(index));
        let grant = because.grant.and_then(|index| plan.grant(index));
        members!(text, {
            "asset": device.map(|device| device.asset.as_str()),
            "certificate_end": certificate.map(|found| found.not_after),
            "elapsed_us": u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX),
            "environment": self.environment(),
            "generation": self.generation,
            "grant": grant.map(|grant| grant.id.as_str()),
            "host": self.host(),
            "identity": self.identity().as_deref(),
            "mac": self.mac,
            "method": self.method,
            "outcome": self.outcome.id(),
            "place": words(|text| plan.push_place(&self.place, text)),
            "raw_calling": words(|text| escape_to(&self.calling, text)),
            "raw_user": words(|text| escape_to(&self.user, text)),
            "reason": because.reason.id(),
            "resumed": self.resumed,
            "rounds": u64::from(self.rounds),
            "rule": rule.map(|rule| rule.id.as_str()),
            "section": device.map(|device| &*device.section),
            "serial": certificate.map(|found| found.serial.as_str()),
            "site": self.site(),
            "switch": self.switch(),
            "text": words(|text| because.tell_to(language, text)),
            "tls": self.tls,
            "vlan": self.vlan().map(u64::from),
        });
    }

    /// One of those fields that are texts; `None` where it has no value or is no such field.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let text = match name {
            "mac" => return self.mac.map(|mac| mac.to_string().into()),
            "place" => return Some(self.place_name().into()),
            "identity" => return self.identity().map(Cow::Owned),
            "switch" => Some(self.switch()),
            "site" => Some(self.site()),
            "reason" => Some(self.because.reason.id()),
            "outcome" => Some(self.outcome.id()),
            "method" => Some(self.method),
            "section" => self.device().map(|device| &*device.section),
            "asset" => self.device().map(|device| device.asset.as_str()),
            "host" => self.host(),
            "environment" => self.environment(),
            _ => None,
        };
        text.map(Cow::Borrowed)
    }
}
