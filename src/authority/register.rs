//! What the authority has issued, as a text that people can read and programs can search: one
//! JSON object a line, the first one the number of the last revocation list.

use serde::{Deserialize, Serialize};

use super::revocation::serial_octets;
use super::{Issued, Purpose, Revocation, RevocationReason};
use crate::vocabulary::{Language, Text, Timestamp};

/// Most certificates in one register.
pub const ENTRIES_MAX: usize = 200_000;

/// How long after its end a revoked certificate stays on the list, in seconds: RFC 5280 §3.3
/// wants it on one list issued after that end, and lists are renewed at least once a year.
const LISTED_AFTER_END_S: i64 = 367 * 86_400;

/// The issued certificates in order of issue, and the number of the last revocation list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    entries: Vec<Entry>,
    list_number: u64,
}

/// One issued certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Serial number in lower-case hexadecimal.
    pub serial: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The names it proves.
    pub identities: Vec<String>,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// When and why it was revoked.
    pub revoked: Option<(Timestamp, RevocationReason)>,
}

/// Where and why a text is no register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: RegisterFault,
}

/// What is wrong with a line of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterFault {
    /// Not the JSON object expected there.
    Form,
    /// A value outside its range.
    Value,
    /// A serial number that an earlier line has already.
    Duplicate,
    /// More than [`ENTRIES_MAX`] certificates.
    TooMany,
}

/// Why nothing was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeError {
    /// No certificate of that serial number or name.
    Unknown,
    /// Every such certificate is revoked already.
    Already,
    /// Every such certificate has ended.
    Ended,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    revocation_list_number: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    serial: String,
    purpose: String,
    identities: Vec<String>,
    not_before: String,
    not_after: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Register {
    /// Reads the text of a register.
    ///
    /// # Errors
    /// [`RegisterError`] names the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, RegisterError> {
        let mut lines = text.lines().enumerate();
        let at = |index: usize, fault| RegisterError { line: index + 1, fault };
        let head: Head = lines
            .next()
            .and_then(|(_, line)| serde_json::from_str(line).ok())
            .ok_or(at(0, RegisterFault::Form))?;
        let mut register = Self { entries: Vec::new(), list_number: head.revocation_list_number };
        let mut serials = std::collections::HashSet::new();
        for (index, line) in lines {
            let line: Line =
                serde_json::from_str(line).map_err(|_| at(index, RegisterFault::Form))?;
            let entry = line.entry().ok_or(at(index, RegisterFault::Value))?;
            if !serials.insert(entry.serial.clone()) {
                return Err(at(index, RegisterFault::Duplicate));
            }
            if register.entries.len() == ENTRIES_MAX {
                return Err(at(index, RegisterFault::TooMany));
            }
            register.entries.push(entry);
        }
        Ok(register)
    }

    /// The register as text, which [`Register::parse`] reads back.
    #[must_use]
    pub fn print(&self) -> String {
        let mut text = String::new();
        let head = Head { revocation_list_number: self.list_number };
        text.push_str(&serde_json::to_string(&head).unwrap_or_default()); // OK because numbers and texts always serialise
        text.push('\n');
        for entry in &self.entries {
            text.push_str(&entry.json());
            text.push('\n');
        }
        text
    }

    /// The certificates in order of issue.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Enters a certificate.
    ///
    /// # Errors
    /// [`RegisterFault::TooMany`] when full, [`RegisterFault::Duplicate`] for a serial number
    /// that is there already.
    pub fn record(&mut self, issued: &Issued) -> Result<(), RegisterFault> {
        if self.entries.len() >= ENTRIES_MAX {
            return Err(RegisterFault::TooMany);
        }
        if self.entries.iter().any(|entry| entry.serial == issued.serial) {
            return Err(RegisterFault::Duplicate);
        }
        self.entries.push(Entry {
            serial: issued.serial.clone(),
            purpose: issued.purpose,
            identities: issued.identities.clone(),
            not_before: issued.not_before,
            not_after: issued.not_after,
            revoked: None,
        });
        Ok(())
    }

    /// Revokes the certificate with that serial number, written as people copy it.
    ///
    /// # Errors
    /// [`RevokeError`] when nothing changed.
    pub fn revoke_serial(
        &mut self,
        serial: &str,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<Vec<Entry>, RevokeError> {
        let wanted = serial_octets(serial.trim()).map_err(|_| RevokeError::Unknown)?;
        self.revoke(|entry| serial_octets(&entry.serial).as_ref() == Ok(&wanted), reason, now)
    }

    /// Revokes every certificate that proves that name and has not ended.
    ///
    /// # Errors
    /// [`RevokeError`] when nothing changed.
    pub fn revoke_identity(
        &mut self,
        identity: &str,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<Vec<Entry>, RevokeError> {
        let bare = identity.strip_prefix("upn:").unwrap_or(identity);
        self.revoke(
            |entry| entry.identities.iter().any(|name| name.eq_ignore_ascii_case(bare)),
            reason,
            now,
        )
    }

    /// What the next revocation list must hold.
    #[must_use]
    pub fn revocations(&self, now: Timestamp) -> Vec<Revocation> {
        self.entries
            .iter()
            .filter(|entry| entry.not_after.seconds_until(now) <= LISTED_AFTER_END_S)
            .filter_map(|entry| {
                let (at, reason) = entry.revoked?;
                Some(Revocation { serial: entry.serial.clone(), at, reason })
            })
            .collect()
    }

    /// Takes the next number for a revocation list.
    pub const fn next_list_number(&mut self) -> u64 {
        self.list_number = self.list_number.saturating_add(1);
        self.list_number
    }

    fn revoke(
        &mut self,
        matches: impl Fn(&Entry) -> bool,
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<Vec<Entry>, RevokeError> {
        let mut error = RevokeError::Unknown;
        let mut revoked = Vec::new();
        for entry in self.entries.iter_mut().filter(|entry| matches(entry)) {
            if entry.revoked.is_some() {
                error = RevokeError::Already;
            } else if entry.not_after < now {
                if error == RevokeError::Unknown {
                    error = RevokeError::Ended;
                }
            } else {
                entry.revoked = Some((Timestamp::from_seconds(now.seconds()), reason));
                revoked.push(entry.clone());
            }
        }
        if revoked.is_empty() { Err(error) } else { Ok(revoked) }
    }
}

impl Entry {
    /// The entry as one JSON object on one line.
    #[must_use]
    pub fn json(&self) -> String {
        let line = Line {
            serial: self.serial.clone(),
            purpose: self.purpose.id().to_owned(),
            identities: self.identities.clone(),
            not_before: self.not_before.rfc3339(),
            not_after: self.not_after.rfc3339(),
            revoked: self.revoked.map(|(at, _)| at.rfc3339()),
            reason: self.revoked.map(|(_, reason)| reason.id().to_owned()),
        };
        serde_json::to_string(&line).unwrap_or_default() // OK because texts always serialise
    }
}

impl Line {
    fn entry(self) -> Option<Entry> {
        serial_octets(&self.serial).ok()?;
        let revoked = match (self.revoked, self.reason) {
            (Some(at), Some(reason)) => {
                Some((Timestamp::parse(&at).ok()?, RevocationReason::parse(&reason)?))
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return None,
        };
        Some(Entry {
            serial: self.serial,
            purpose: Purpose::parse(&self.purpose)?,
            identities: self.identities,
            not_before: Timestamp::parse(&self.not_before).ok()?,
            not_after: Timestamp::parse(&self.not_after).ok()?,
            revoked,
        })
    }
}

impl RegisterError {
    /// The error for people.
    #[must_use]
    pub fn text(self, language: Language) -> String {
        let text =
            Text { ja: "台帳の{line}行目: {fault}", en: "register line {line}: {fault}" };
        let fault = self.fault.text(language).to_owned();
        text.fill(language, &[("line", self.line.to_string()), ("fault", fault)])
    }
}

impl RegisterFault {
    /// The fault for people.
    #[must_use]
    pub const fn text(self, language: Language) -> &'static str {
        let text = match self {
            Self::Form => {
                Text { ja: "書式が違います", en: "it is not of the expected form" }
            }
            Self::Value => Text { ja: "値が範囲外です", en: "a value is outside its range" },
            Self::Duplicate => Text {
                ja: "シリアル番号が重複しています",
                en: "the serial number is there twice",
            },
            Self::TooMany => Text {
                ja: "件数が上限に達しています",
                en: "there are too many certificates",
            },
        };
        text.get(language)
    }
}

impl RevokeError {
    /// The error for people.
    #[must_use]
    pub const fn text(self, language: Language) -> &'static str {
        let text = match self {
            Self::Unknown => Text {
                ja: "その証明書はこの認証局の台帳にありません",
                en: "no such certificate is in this authority's register",
            },
            Self::Already => Text {
                ja: "その証明書は失効済みです",
                en: "the certificate is revoked already",
            },
            Self::Ended => Text {
                ja: "その証明書は有効期限が切れています",
                en: "the certificate has ended already",
            },
        };
        text.get(language)
    }
}
