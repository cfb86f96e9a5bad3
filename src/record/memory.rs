//! An evidence store that keeps everything in memory: plainly right rather than quick, the
//! measure of the others in `record::contract`.

use std::convert::Infallible;

use super::Status;
use super::account::Account;
use super::chain::{Digest, GENESIS, Head, Seal};
use super::query::Query;
use super::session::{Session, SessionEnd};
use super::store::{
    Appended, COPY_SECONDS_MAX, Line, Record, Store, body, day_end, is_decision, time_of,
};
use crate::vocabulary::Timestamp;

/// The store.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    records: Vec<(Timestamp, Record)>,
    seals: Vec<Seal>,
    sessions: Vec<Session>,
    copies: Vec<(u64, Timestamp)>,
    head: Option<Head>,
}

impl Memory {
    fn known(&mut self, account: &Account) -> Option<&mut Session> {
        let live = account.time.0 - COPY_SECONDS_MAX * 1000;
        self.sessions.iter_mut().rev().find(|session| {
            session.switch == account.switch
                && session.session == account.session
                && session.mac == account.mac
                && (session.end.is_none() || session.last.0 > live)
        })
    }

    fn account(&mut self, account: &Account) {
        if account.status == Status::Other {
            return;
        }
        let closes = matches!(account.status, Status::On | Status::Off);
        if closes {
            for session in &mut self.sessions {
                if session.switch == account.switch
                    && session.end.is_none()
                    && session.start <= account.time
                {
                    let cause = "nas-reboot".to_owned();
                    session.end = Some(SessionEnd { time: account.time, cause });
                }
            }
            return;
        }
        if let Some(session) = self.known(account)
            && !session.begins_anew(account)
        {
            session.hear(account);
            return;
        }

        let mut session = Session::begin(account);
        let admitted = self.records.iter().rev().map(|(_, record)| record.line());
        if let Some(line) = admitted.into_iter().find(|line| is_admission(line, account)) {
            let text = |key: &str| Some(line.get(key)?.as_str()?.to_owned());
            session.asset = text("asset");
            session.environment = text("environment");
            session.vlan = line
                .get("vlan")
                .and_then(serde_json::Value::as_u64)
                .and_then(|it| u16::try_from(it).ok());
        }
        self.sessions.push(session);
    }
}

/// Whether a line is the admission of the device of an account at its switch.
fn is_admission(line: &Line, account: &Account) -> bool {
    let text = |key: &str| line.get(key).and_then(serde_json::Value::as_str);
    let mac = account.mac.map(|mac| mac.to_string());
    text("environment").is_some()
        && text("switch") == Some(account.switch.as_str())
        && mac.is_some()
        && text("mac") == mac.as_deref()
        && is_decision(line)
}

impl Store for Memory {
    type Error = Infallible;

    fn head(&self) -> Result<Head, Infallible> {
        Ok(self.head.unwrap_or(Head::START))
    }

    fn append(&mut self, lines: &[Line]) -> Result<Appended, Infallible> {
        let mut repeated = 0;
        for line in lines {
            let time = time_of(line);
            if let Some(account) = Account::of(line) {
                let oldest = time.0 - COPY_SECONDS_MAX * 1000;
                let copied =
                    self.copies.iter().any(|(copy, at)| *copy == account.copy && at.0 > oldest);
                if copied && !self.known(&account).is_some_and(|it| it.begins_anew(&account)) {
                    repeated += 1;
                    continue;
                }
                self.copies.retain(|(copy, at)| at.0 > oldest && *copy != account.copy);
                self.copies.push((account.copy, time));
                self.account(&account);
            }
            let head = self.head.unwrap_or(Head::START);
            let body = body(line, head.sequence + 1);
            let head = head.after(body.as_bytes());
            self.head = Some(head);
            let record = Record { sequence: head.sequence, hash: head.hash, body };
            self.records.push((time, record));
        }
        Ok(Appended { head: self.head.unwrap_or(Head::START), repeated })
    }

    fn search(&self, query: &Query) -> Result<Vec<Record>, Infallible> {
        let fits = |(time, record): &&(Timestamp, Record)| query.fits(*time, &record.line());
        let found = self.records.iter().rev().filter(fits).take(query.limit);
        Ok(found.map(|(_, record)| record.clone()).collect())
    }

    fn sessions(&self, query: &Query) -> Result<Vec<Session>, Infallible> {
        let mut found: Vec<Session> =
            self.sessions.iter().rev().filter(|it| query.fits_session(it)).cloned().collect();
        found.sort_by_key(|session| (session.end.is_some(), std::cmp::Reverse(session.start)));
        found.truncate(query.limit);
        Ok(found)
    }

    fn seal(
        &mut self,
        node: &str,
        now: Timestamp,
        sign: &dyn Fn(&[u8]) -> Vec<u8>,
    ) -> Result<Vec<Seal>, Infallible> {
        let mut fresh = Vec::new();
        loop {
            let (sealed, before) =
                self.seals.last().map_or((0, GENESIS), |seal| (seal.last, seal.head));
            let open = self.records.iter().filter(|(_, record)| record.sequence > sealed);
            let open: Vec<_> = open.collect();
            // A clock that was ahead for a while holds up no seal.
            let Some((time, _)) = open.iter().find(|(time, _)| *time <= now) else { break };
            let Some((_, first)) = open.first() else { break };
            let end = day_end(*time);
            let next = open.iter().position(|(time, _)| (end..=now).contains(time));
            let last = match next {
                Some(place) => open.get(place.saturating_sub(1)),
                None if now >= end => open.last(),
                None => break,
            };
            let Some((_, last)) = last else { break };
            let mut seal = Seal {
                node: node.to_owned(),
                day: time.day(),
                first: first.sequence,
                last: last.sequence,
                before,
                head: last.hash,
                signature: Vec::new(),
            };
            seal.signature = sign(&seal.message());
            fresh.push(seal.clone());
            self.seals.push(seal);
        }
        Ok(fresh)
    }

    fn seals(&self) -> Result<Vec<Seal>, Infallible> {
        Ok(self.seals.clone())
    }

    fn walk(
        &self,
        first: u64,
        each: &mut dyn FnMut(u64, &Digest, &[u8]) -> bool,
    ) -> Result<(), Infallible> {
        for (_, record) in self.records.iter().filter(|(_, record)| record.sequence >= first) {
            if !each(record.sequence, &record.hash, record.body.as_bytes()) {
                break;
            }
        }
        Ok(())
    }

    fn expire(&mut self, before: Timestamp) -> Result<u64, Infallible> {
        let ended = |seal: &&Seal| Timestamp::parse_end(&seal.day).is_ok_and(|end| end <= before);
        let Some(last) = self.seals.iter().take_while(ended).last() else { return Ok(0) };
        let kept = self.records.len();
        self.records.retain(|(_, record)| record.sequence > last.last);
        self.sessions.retain(|session| session.end.as_ref().is_none_or(|end| end.time >= before));
        Ok((kept - self.records.len()) as u64)
    }
}
