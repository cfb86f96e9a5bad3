//! What the record wants to know of a decision: when, who, where, into which environment, why.

use std::time::Duration;

use serde_json::{Value, json};

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
    /// One JSON object; the keys are stable.
    #[must_use]
    pub fn to_json(&self, language: Language) -> Value {
        json!({
            "generation": self.generation,
            "outcome": self.outcome.id(),
            "reason": self.because.reason.id(),
            "text": self.because.text(language),
            "site": self.site,
            "switch": self.switch,
            "place": self.place,
            "mac": self.mac.map(|mac| mac.to_string()),
            "raw_user": self.raw_user,
            "raw_calling": self.raw_calling,
            "method": self.method,
            "identity": self.identity,
            "serial": self.serial,
            "certificate_end": self.certificate_end.map(Timestamp::rfc3339),
            "asset": self.asset,
            "host": self.host,
            "section": self.section,
            "environment": self.environment,
            "vlan": self.vlan,
            "rule": self.rule,
            "grant": self.grant,
            "resumed": self.resumed,
            "tls": self.tls,
            "rounds": self.rounds,
            "elapsed_us": u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX),
        })
    }
}
