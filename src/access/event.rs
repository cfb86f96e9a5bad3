//! What the record wants to know of a decision: when, who, where, into which environment, why.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use crate::ledger;
use crate::vocabulary::{Because, Language, Mac, Outcome, Timestamp};

/// Something the shell must write down or pass on.
#[derive(Clone, Debug)]
pub enum Event {
    /// A device was answered for good.
    Decision(Box<DecisionRecord>),
    /// A switch was seen to send Message-Authenticator; from now on it must (MA-4).
    Learned {
        /// The switch's id.
        switch: String,
    },
    /// A switch was told to open a session, or that there is none.
    Attachment(ledger::Input),
    /// Conversations were thrown out because the table or the port was full.
    Evicted {
        /// How many.
        count: usize,
        /// The switch whose request needed the room.
        switch: String,
    },
}

/// One decision as evidence.
#[derive(Clone, Debug)]
pub struct DecisionRecord {
    /// When the answer was made.
    pub time: Timestamp,
    /// Generation of the plan it rests on.
    pub generation: u64,
    /// The site's id.
    pub site: String,
    /// The switch's id.
    pub switch: String,
    /// The place by name.
    pub place: String,
    /// The device's address, where one could be read.
    pub mac: Option<Mac>,
    /// User-Name as received, escaped.
    pub raw_user: String,
    /// Calling-Station-Id as received, escaped.
    pub raw_calling: String,
    /// How the device authenticated: `mab`, `eap-tls`, or `none` before that was clear.
    pub method: &'static str,
    /// The certificate's names, where one was proven.
    pub identity: Option<String>,
    /// The certificate's serial number.
    pub serial: Option<String>,
    /// When the certificate ends.
    pub certificate_end: Option<Timestamp>,
    /// What was decided.
    pub outcome: Outcome,
    /// Why.
    pub because: Because,
    /// Asset number of the registered device.
    pub asset: Option<String>,
    /// Its computer name.
    pub host: Option<String>,
    /// The section that owns it.
    pub section: Option<String>,
    /// The environment entered.
    pub environment: Option<String>,
    /// The VLAN assigned.
    pub vlan: Option<u16>,
    /// The rule that spoke.
    pub rule: Option<String>,
    /// The grant that applied.
    pub grant: Option<String>,
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
    /// The fields of its JSON object; the keys are stable.
    #[must_use]
    pub fn fields(&self, language: Language) -> impl Serialize + use<'_> {
        Fields {
            asset: self.asset.as_deref(),
            certificate_end: self.certificate_end.map(Timestamp::rfc3339),
            elapsed_us: u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX),
            environment: self.environment.as_deref(),
            generation: self.generation,
            grant: self.grant.as_deref(),
            host: self.host.as_deref(),
            identity: self.identity.as_deref(),
            mac: self.mac.map(|mac| mac.to_string()),
            method: self.method,
            outcome: self.outcome.id(),
            place: &self.place,
            raw_calling: &self.raw_calling,
            raw_user: &self.raw_user,
            reason: self.because.reason.id(),
            resumed: self.resumed,
            rounds: self.rounds,
            rule: self.rule.as_deref(),
            section: self.section.as_deref(),
            serial: self.serial.as_deref(),
            site: &self.site,
            switch: &self.switch,
            text: self.because.text(language),
            tls: self.tls,
            vlan: self.vlan,
        }
    }

    /// One of those fields that are texts; `None` where it has no value or is no such field.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let text = match name {
            "mac" => return self.mac.map(|mac| mac.to_string().into()),
            "switch" => Some(self.switch.as_str()),
            "place" => Some(self.place.as_str()),
            "site" => Some(self.site.as_str()),
            "reason" => Some(self.because.reason.id()),
            "outcome" => Some(self.outcome.id()),
            "method" => Some(self.method),
            "identity" => self.identity.as_deref(),
            "section" => self.section.as_deref(),
            "asset" => self.asset.as_deref(),
            "environment" => self.environment.as_deref(),
            _ => None,
        };
        text.map(Cow::Borrowed)
    }
}

#[derive(Serialize)]
struct Fields<'a> {
    asset: Option<&'a str>,
    certificate_end: Option<String>,
    elapsed_us: u64,
    environment: Option<&'a str>,
    generation: u64,
    grant: Option<&'a str>,
    host: Option<&'a str>,
    identity: Option<&'a str>,
    mac: Option<String>,
    method: &'static str,
    outcome: &'static str,
    place: &'a str,
    raw_calling: &'a str,
    raw_user: &'a str,
    reason: &'static str,
    resumed: bool,
    rounds: u32,
    rule: Option<&'a str>,
    section: Option<&'a str>,
    serial: Option<&'a str>,
    site: &'a str,
    switch: &'a str,
    text: String,
    tls: Option<&'static str>,
    vlan: Option<u16>,
}
