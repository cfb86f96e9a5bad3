//! Takes a switch's accounts (RFC 2866): checks and reads them. An account is answered only once
//! somebody else has kept it, so the answer waits in [`Pending`] until then.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ring::digest::{Context, SHA256};

use super::duplicates::{Duplicates, Key as DuplicateKey, Reply};
use super::reason::IgnoreReason;
use super::snapshot::Snapshot;
use super::{attachment, station};
use crate::ledger;
use crate::record::{Account, Status};
use crate::vocabulary::{Moment, SwitchIndex, Timestamp, escape};
use crate::wire::radius::{Code, Key, MessageAuthenticator, Packet, Writer, attribute};

/// What becomes of a datagram at the accounting port.
#[derive(Debug)]
pub enum AccountAction {
    /// The reply buffer holds the answer: to Status-Server, or the same as before.
    Reply,
    /// An account to be kept before it is answered.
    Pending(Box<Pending>),
    /// No answer.
    Ignore {
        /// Why.
        reason: IgnoreReason,
    },
}

/// An account on its way to the evidence, and its answer.
#[derive(Debug)]
pub struct Pending {
    /// The account.
    pub account: Account,
    /// The switch.
    pub switch: SwitchIndex,
    /// What the ledger is told of it; `None` where it names no session at a known place.
    pub change: Option<ledger::Input>,
    /// User-Name as received, escaped.
    pub raw_user: String,
    /// Calling-Station-Id as received, escaped.
    pub raw_calling: String,
    /// The answer to give when it is kept.
    pub answer: AccountAnswer,
}

/// The answer to an account that is not yet kept.
#[derive(Debug)]
pub struct AccountAnswer {
    to: SocketAddr,
    local: SocketAddr,
    key: DuplicateKey,
    authenticator: [u8; 16],
    octets: Vec<u8>,
}

/// One worker's side of accounting.
pub struct Accounting {
    snapshot: Arc<Snapshot>,
    duplicates: Duplicates,
}

impl Accounting {
    /// A worker that has seen nothing.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, duplicates: Duplicates::default() }
    }

    /// Takes a new snapshot.
    pub fn replace(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshot = snapshot;
    }

    /// The snapshot in use.
    #[must_use]
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Takes a datagram from `source` to `local`.
    pub fn handle(
        &mut self,
        now: Moment,
        datagram: &[u8],
        source: SocketAddr,
        local: SocketAddr,
        reply: &mut Vec<u8>,
    ) -> AccountAction {
        reply.clear();
        self.answer(now, datagram, source, local, reply).unwrap_or_else(|reason| {
            reply.clear();
            AccountAction::Ignore { reason }
        })
    }

    fn answer(
        &mut self,
        now: Moment,
        datagram: &[u8],
        source: SocketAddr,
        local: SocketAddr,
        reply: &mut Vec<u8>,
    ) -> Result<AccountAction, IgnoreReason> {
        let snapshot = Arc::clone(&self.snapshot);
        let (switch, client) = snapshot.client(source.ip())?;
        let packet = Packet::parse(datagram)?;
        let status = match packet.code() {
            Code::AccountingRequest => false,
            Code::StatusServer => true,
            _ => return Err(IgnoreReason::WrongCode),
        };
        let keys = std::iter::once(&client.current).chain(&client.next);
        let key = keys.into_iter().find(|key| authentic(key, &packet, status));
        let key = key.ok_or(IgnoreReason::MessageAuthenticatorInvalid)?;
        let duplicate = DuplicateKey {
            source,
            local,
            code: packet.code().get(),
            identifier: packet.identifier(),
        };
        let authenticator = packet.authenticator();
        match self.duplicates.find(now.monotonic, &duplicate, authenticator) {
            Some(Reply::Sent(octets)) => {
                reply.extend_from_slice(octets);
                return Ok(AccountAction::Reply);
            }
            Some(Reply::Awaited | Reply::Silence) => return Err(IgnoreReason::Absorbed),
            None => {}
        }
        let mut writer = Writer::reply(reply, Code::AccountingResponse, &packet);
        if status {
            writer.message_authenticator_first();
        }
        writer.copy_proxy_states(&packet);
        writer.finish_reply(key, authenticator).map_err(|_| IgnoreReason::Unwritable)?;
        if status {
            return Ok(AccountAction::Reply);
        }
        let profile = snapshot.plan.profile_of(switch).ok_or(IgnoreReason::UnknownClient)?;
        let raw = |kind| packet.first(kind).map(escape).unwrap_or_default();
        let answer = AccountAnswer {
            to: source,
            local,
            key: duplicate,
            authenticator,
            octets: std::mem::take(reply),
        };
        let account = account(now.wall, &packet, &snapshot, switch);
        let pending = Pending {
            change: change(&account, &packet, &snapshot, switch),
            account,
            switch,
            raw_user: raw(attribute::USER_NAME),
            raw_calling: raw(profile.request.calling.attribute),
            answer,
        };
        let remembered = Reply::Awaited;
        self.duplicates.remember(now.monotonic, duplicate, authenticator, remembered);
        Ok(AccountAction::Pending(Box::new(pending)))
    }

    /// The account was kept, or was not: its answer in `reply`, to whom and from where. What was
    /// not kept is not answered and is taken anew when the switch sends it again.
    pub fn settled(
        &mut self,
        answer: AccountAnswer,
        kept: bool,
        reply: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        let AccountAnswer { to, local, key, authenticator, octets } = answer;
        if !kept {
            self.duplicates.forget(&key, authenticator);
            return None;
        }
        // A newer request with the same Identifier has taken its place (DUP-2).
        if !self.duplicates.answered(&key, authenticator, &octets) {
            return None;
        }
        *reply = octets;
        Some((to, local))
    }
}

/// An account is keyed as a whole (RFC 2866 §3); Status-Server by its Message-Authenticator
/// (RFC 5997 §3). A Message-Authenticator that is there must be right in any case.
fn authentic(key: &Key, packet: &Packet<'_>, status: bool) -> bool {
    match key.check_message_authenticator(packet) {
        MessageAuthenticator::Valid => status || key.check_keyed_request(packet),
        MessageAuthenticator::Absent => !status && key.check_keyed_request(packet),
        MessageAuthenticator::Invalid => false,
    }
}

/// Reads an account. What cannot be read is left open, never guessed.
fn account(
    now: Timestamp,
    packet: &Packet<'_>,
    snapshot: &Snapshot,
    switch: SwitchIndex,
) -> Account {
    let plan = &snapshot.plan;
    let integer = |kind| packet.integer(kind);
    let status = integer(attribute::ACCT_STATUS_TYPE);
    let status = status.and_then(Status::from_wire).unwrap_or(Status::Other);
    let whole = matches!(status, Status::On | Status::Off);
    let profile = plan.profile_of(switch).filter(|_| !whole);
    let place = profile.map(|profile| station::place(packet, plan, switch, profile));
    let delay = i64::from(integer(attribute::ACCT_DELAY_TIME).unwrap_or(0));
    let octets = |low, high| {
        let high = u64::from(integer(high).unwrap_or(0));
        high << 32 | u64::from(integer(low).unwrap_or(0))
    };
    Account {
        status,
        time: Timestamp(now.0.saturating_sub(delay.saturating_mul(1000))),
        switch: plan.switch(switch).map(|switch| switch.id.clone()).unwrap_or_default(),
        place: place.map(|place| plan.place_name(&place)).unwrap_or_default(),
        mac: profile.and_then(|profile| station::device_mac(packet, profile)),
        session: packet.first(attribute::ACCT_SESSION_ID).map(escape).unwrap_or_default(),
        address: address(packet),
        input_octets: octets(attribute::ACCT_INPUT_OCTETS, attribute::ACCT_INPUT_GIGAWORDS),
        output_octets: octets(attribute::ACCT_OUTPUT_OCTETS, attribute::ACCT_OUTPUT_GIGAWORDS),
        seconds: integer(attribute::ACCT_SESSION_TIME),
        cause: integer(attribute::ACCT_TERMINATE_CAUSE),
        copy: copy(packet, plan.switch(switch).map_or("", |switch| &switch.id), status),
    }
}

/// What an account means for the session it names.
fn change(
    account: &Account,
    packet: &Packet<'_>,
    snapshot: &Snapshot,
    switch: SwitchIndex,
) -> Option<ledger::Input> {
    let plan = &snapshot.plan;
    let session = || {
        let place = station::place(packet, plan, switch, plan.profile_of(switch)?);
        let key = attachment::key(plan, &place, account.mac?)?;
        Some((Box::new(key), packet.first(attribute::ACCT_SESSION_ID)?.to_vec()))
    };
    match account.status {
        Status::Start | Status::Interim => {
            session().map(|(key, id)| ledger::Input::Started(key, id))
        }
        Status::Stop => session().map(|(key, id)| ledger::Input::Ended(key, id, account.time)),
        Status::On | Status::Off => {
            Some(ledger::Input::Restarted(account.switch.clone(), account.time))
        }
        Status::Other => None,
    }
}

/// The device's address; all zeros and all ones mean that the switch does not know it.
fn address(packet: &Packet<'_>) -> Option<IpAddr> {
    let v4 = packet.integer(attribute::FRAMED_IP_ADDRESS).filter(|it| *it != 0 && *it != u32::MAX);
    let v6 = || {
        let octets = packet.first(attribute::FRAMED_IPV6_ADDRESS)?;
        let octets = <[u8; 16]>::try_from(octets).ok()?;
        Some(Ipv6Addr::from(octets)).filter(|address| !address.is_unspecified())
    };
    v4.map(|number| IpAddr::from(number.to_be_bytes())).or_else(|| v6().map(IpAddr::from))
}

/// What is the same in every copy of an account that a switch sends again with another delay,
/// identifier and authenticator. Where nothing in it would tell two accounts apart, the
/// authenticator does, so that only octets that are all the same are a copy.
fn copy(packet: &Packet<'_>, switch: &str, status: Status) -> u64 {
    let told_apart = match status {
        Status::Start | Status::Stop => true,
        Status::Interim => {
            packet.has(attribute::ACCT_SESSION_TIME) || packet.has(attribute::EVENT_TIMESTAMP)
        }
        Status::On | Status::Off | Status::Other => false,
    };
    let mut context = Context::new(&SHA256);
    context.update(switch.as_bytes());
    context.update(&[0]);
    for attribute in packet.attributes() {
        let passing = matches!(
            attribute.kind,
            attribute::ACCT_DELAY_TIME | attribute::MESSAGE_AUTHENTICATOR | attribute::PROXY_STATE
        );
        if !passing {
            context.update(&[attribute.kind, u8::try_from(attribute.value.len()).unwrap_or(0)]);
            context.update(attribute.value);
        }
    }
    if !told_apart {
        context.update(&packet.authenticator());
    }
    let digest = context.finish();
    digest.as_ref().iter().take(8).fold(0, |all, octet| all << 8 | u64::from(*octet))
}
