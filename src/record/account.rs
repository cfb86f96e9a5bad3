//! What a switch accounts for (RFC 2866), as a value.

use std::net::IpAddr;

use serde_json::Value;

use super::store::Line;
use crate::vocabulary::{Mac, Timestamp, registry};

registry! {
    /// What an account tells (Acct-Status-Type, RFC 2866 §5.1).
    Status {
        Start "ACCT-start"
            ["{mac} の接続が始まりました({switch} {place})", "the session of {mac} began at {switch} {place}"]
        Interim "ACCT-interim"
            ["{mac} は接続中です({switch} {place})", "the session of {mac} goes on at {switch} {place}"]
        Stop "ACCT-stop"
            ["{mac} の接続が終わりました({switch} {place})", "the session of {mac} ended at {switch} {place}"]
        On "ACCT-on"
            ["スイッチ {switch} が起動しました。開いていた接続をすべて閉じます", "the switch {switch} started; all its sessions are closed"]
        Other "ACCT-other"
            ["{switch} から種類の分からない記録が届きました", "{switch} sent an account of an unknown kind"]
        Off "ACCT-off"
            ["スイッチ {switch} が停止します。開いていた接続をすべて閉じます", "the switch {switch} shuts down; all its sessions are closed"]
    }
}

impl Status {
    /// From the number on the wire.
    #[must_use]
    pub const fn from_wire(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Start),
            2 => Some(Self::Stop),
            3 => Some(Self::Interim),
            7 => Some(Self::On),
            8 => Some(Self::Off),
            _ => None,
        }
    }
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What it tells.
    pub status: Status,
    /// When that happened: when it was received less Acct-Delay-Time.
    pub time: Timestamp,
    /// The switch's id.
    pub switch: String,
    /// The place by name; empty for the switch as a whole.
    pub place: String,
    /// The device, where an address could be read.
    pub mac: Option<Mac>,
    /// Acct-Session-Id, escaped.
    pub session: String,
    /// Framed-IP-Address, or Framed-IPv6-Address (RFC 6911).
    pub address: Option<IpAddr>,
    /// Octets from the device, gigawords included (RFC 2869 §5.1).
    pub input_octets: u64,
    /// Octets to the device, gigawords included.
    pub output_octets: u64,
    /// Acct-Session-Time.
    pub seconds: Option<u32>,
    /// Acct-Terminate-Cause (RFC 2866 §5.10).
    pub cause: Option<u32>,
    /// The same for every copy of one account, whatever its delay, identifier and authenticator.
    pub copy: u64,
}

/// Names of Acct-Terminate-Cause (RFC 2866 §5.10, RFC 3580 §3.1).
const CAUSES: &[(u32, &str)] = &[
    (1, "user-request"),
    (2, "lost-carrier"),
    (3, "lost-service"),
    (4, "idle-timeout"),
    (5, "session-timeout"),
    (6, "admin-reset"),
    (7, "admin-reboot"),
    (8, "port-error"),
    (9, "nas-error"),
    (10, "nas-request"),
    (11, "nas-reboot"),
    (12, "port-unneeded"),
    (13, "port-preempted"),
    (14, "port-suspended"),
    (15, "service-unavailable"),
    (16, "callback"),
    (17, "user-error"),
    (18, "host-request"),
    (19, "supplicant-restart"),
    (20, "reauthentication-failure"),
    (21, "port-reinitialised"),
    (22, "port-disabled"),
];

impl Account {
    /// The account as fields of a line, which [`Account::of`] reads back.
    #[must_use]
    pub fn fields(&self) -> Line {
        let text = |text: &str| Value::from(text);
        let mut fields = Line::new();
        let mut put = |key: &str, value: Value| {
            fields.insert(key.to_owned(), value);
        };
        put("at", text(&self.time.rfc3339()));
        put("switch", text(&self.switch));
        put("place", text(&self.place));
        put("session", text(&self.session));
        put("input_octets", Value::from(self.input_octets));
        put("output_octets", Value::from(self.output_octets));
        put("copy", text(&format!("{:016x}", self.copy)));
        if let Some(mac) = self.mac {
            put("mac", text(&mac.to_string()));
        }
        if let Some(address) = self.address {
            put("address", text(&address.to_string()));
        }
        if let Some(seconds) = self.seconds {
            put("seconds", Value::from(seconds));
        }
        if let Some(cause) = self.cause {
            put("cause", Value::from(cause));
        }
        fields
    }

    /// Whether an event is about an account.
    #[must_use]
    pub fn has(event: &str) -> bool {
        Status::ALL.iter().any(|status| status.id() == event)
    }

    /// The account that a line is about, where it is about one.
    #[must_use]
    pub fn of(line: &Line) -> Option<Self> {
        let text = |key: &str| line.get(key).and_then(Value::as_str);
        let number = |key: &str| line.get(key).and_then(Value::as_u64);
        let event = text("event")?;
        let status = Status::ALL.iter().find(|status| status.id() == event)?;
        let short = |key: &str| number(key).and_then(|number| u32::try_from(number).ok());
        Some(Self {
            status: *status,
            time: Timestamp::parse(text("at")?).ok()?,
            switch: text("switch")?.to_owned(),
            place: text("place").unwrap_or_default().to_owned(),
            mac: text("mac").and_then(|mac| Mac::parse(mac).ok()),
            session: text("session").unwrap_or_default().to_owned(),
            address: text("address").and_then(|address| address.parse().ok()),
            input_octets: number("input_octets").unwrap_or(0),
            output_octets: number("output_octets").unwrap_or(0),
            seconds: short("seconds"),
            cause: short("cause"),
            copy: u64::from_str_radix(text("copy")?, 16).ok()?,
        })
    }

    /// The cause of the end, by name or number.
    #[must_use]
    pub fn cause_name(&self) -> Option<String> {
        let cause = self.cause?;
        let named = CAUSES.iter().find(|(number, _)| *number == cause);
        Some(named.map_or_else(|| cause.to_string(), |(_, name)| (*name).to_owned()))
    }
}
