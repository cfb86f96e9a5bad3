//! What an engine for the evidence must be able to do, and the record it keeps.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::account::Account;
use super::chain::{Digest, Head, Seal};
use super::query::{Field, Query};
use super::session::Session;
use crate::vocabulary::Timestamp;

/// A line of the log: a JSON object with stable keys, `time` and `event` among them.
pub type Line = Map<String, Value>;

/// When a line says it happened, by this node's clock.
#[must_use]
pub fn time_of(line: &Line) -> Timestamp {
    let text = line.get("time").and_then(Value::as_str);
    text.and_then(|text| Timestamp::parse(text).ok()).unwrap_or_default()
}

/// The event of a decision about a device.
pub const DECISION: &str = "AUTH";

/// Whether a line is a decision, not what alerts and others tell about one.
#[must_use]
pub fn is_decision(line: &Line) -> bool {
    line.get("event").and_then(Value::as_str) == Some(DECISION)
}

/// A record as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number in the node's chain.
    pub sequence: u64,
    /// Its hash.
    pub hash: Digest,
    /// The JSON object, exactly as hashed.
    pub body: String,
}

impl Record {
    /// The JSON object; empty when the body is none, which only a damaged store can hold.
    #[must_use]
    pub fn line(&self) -> Line {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// The exact octets of a line under its number.
#[must_use]
pub fn body(line: &Line, sequence: u64) -> String {
    numbered(&serde_json::to_string(line).unwrap_or_default(), sequence)
}

/// The same of a line's text.
#[must_use]
pub fn numbered(text: &str, sequence: u64) -> String {
    let open = text.strip_suffix('}').unwrap_or("{");
    let comma = if open.len() > 1 { "," } else { "" };
    format!("{open}{comma}\"seq\":{sequence}}}")
}

/// A line as the text that is kept, and what a store must know of it.
#[derive(Clone, Debug)]
pub struct Written<'a> {
    /// The JSON object, without its number.
    pub text: Cow<'a, str>,
    /// When it says it happened.
    pub time: Timestamp,
    /// The account that it is, if it is one.
    pub account: Option<Account>,
    /// What it can be found by.
    pub words: Vec<(Field, Cow<'a, str>)>,
}

impl<'a> Written<'a> {
    /// A line of which only the text is left.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        // What is no JSON object has no time and is no account, but is kept as it is.
        let members: Members<'a> = serde_json::from_str(text).unwrap_or_default();
        let time = members.text("time").and_then(|time| Timestamp::parse(&time).ok());
        let words = Field::ALL.into_iter();
        let words = words.filter_map(|field| Some((field, members.text(field.key())?))).collect();
        // Few lines are accounts, and of those more is wanted.
        let account = members.text("event").filter(|event| Account::has(event)).and_then(|_| {
            let line: Line = serde_json::from_str(text).unwrap_or_default();
            Account::of(&line)
        });
        Self { text: Cow::Borrowed(text), time: time.unwrap_or_default(), account, words }
    }
}

/// The members of a JSON object with their values as they stand in its text: of a line only a few
/// are wanted, and none of them need be copied.
#[derive(Default)]
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A JSON string, copied only where it is escaped.
#[derive(serde::Deserialize)]
struct Unquoted<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Members<'a> {
    /// The text under a key; of two the last, as everywhere.
    fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        let (_, value) = self.0.iter().rev().find(|(name, _)| name == key)?;
        serde_json::from_str(value.get()).ok().map(|Unquoted(text)| text)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(MEMBERS_USUAL);
                while let Some((Unquoted(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        from.deserialize_map(Reader)
    }
}

/// Members that a decision has.
const MEMBERS_USUAL: usize = 48;

impl<'a> From<&'a Line> for Written<'a> {
    fn from(line: &'a Line) -> Self {
        let text = Cow::Owned(serde_json::to_string(line).unwrap_or_default());
        let words = words_of(line).map(|(field, word)| (field, Cow::Borrowed(word))).collect();
        Self { text, time: time_of(line), account: Account::of(line), words }
    }
}

/// What a line can be found by.
fn words_of(line: &Line) -> impl Iterator<Item = (Field, &str)> {
    Field::ALL.into_iter().filter_map(|field| Some((field, line.get(field.key())?.as_str()?)))
}

/// The number that a body names.
pub(super) fn number_of(body: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Numbered {
        seq: u64,
    }
    serde_json::from_slice::<Numbered>(body).ok().map(|numbered| numbered.seq)
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The head of the chain afterwards.
    pub head: Head,
    /// Accounts that were kept before already; nothing was kept twice.
    pub repeated: usize,
}

/// How long a copy of an account is recognised: longer than any switch repeats one, shorter than
/// it takes one to count its sessions anew.
pub const COPY_SECONDS_MAX: i64 = 3600;

/// The operations of an evidence store. Every engine passes `record::contract`.
pub trait Store {
    /// Why an operation failed.
    type Error;

    /// The end of the chain.
    ///
    /// # Errors
    /// The store cannot be read.
    fn head(&self) -> Result<Head, Self::Error>;

    /// Keeps a batch whole or not at all; it is durable when this returns. Lines that are
    /// accounts (`Account::of`) move sessions on; one that is a copy of an account kept less than
    /// [`COPY_SECONDS_MAX`] ago is passed over.
    ///
    /// # Errors
    /// The store cannot be written.
    fn append(&mut self, lines: &[Line]) -> Result<Appended, Self::Error>;

    /// The records that answer a query, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn search(&self, query: &Query) -> Result<Vec<Record>, Self::Error>;

    /// The sessions that answer a query, those still open first, then the newest.
    ///
    /// # Errors
    /// The store cannot be read.
    fn sessions(&self, query: &Query) -> Result<Vec<Session>, Self::Error>;

    /// Seals every day that was over at `now` and holds records, with `sign` over
    /// [`Seal::message`].
    ///
    /// # Errors
    /// The store cannot be written.
    fn seal(
        &mut self,
        node: &str,
        now: Timestamp,
        sign: &dyn Fn(&[u8]) -> Vec<u8>,
    ) -> Result<Vec<Seal>, Self::Error>;

    /// Every seal, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn seals(&self) -> Result<Vec<Seal>, Self::Error>;

    /// Shows the kept records from number `first` on to `each`, in order, until it says false.
    ///
    /// # Errors
    /// The store cannot be read.
    fn walk(
        &self,
        first: u64,
        each: &mut dyn FnMut(u64, &Digest, &[u8]) -> bool,
    ) -> Result<(), Self::Error>;

    /// Forgets the records of whole sealed days that ended before `before`; their seals stay.
    /// Gives how many records went.
    ///
    /// # Errors
    /// The store cannot be written.
    fn expire(&mut self, before: Timestamp) -> Result<u64, Self::Error>;
}

/// The first instant after the day in Japan that holds `time`.
pub(crate) fn day_end(time: Timestamp) -> Timestamp {
    const DAY_MS: i64 = 86_400_000;
    const JST_MS: i64 = 9 * 3_600_000;
    let day = (time.0.saturating_add(JST_MS)).div_euclid(DAY_MS);
    Timestamp((day + 1).saturating_mul(DAY_MS).saturating_sub(JST_MS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            ".{0,12}".prop_map(Value::from),
            Just(json!("2026-11-24T03:00:00.000Z")),
            Just(json!("ACCT-stop")),
            Just(json!({ "mac": "inner", "list": [1, "\"", null] })),
            any::<i32>().prop_map(Value::from),
            Just(Value::Null),
        ]
    }

    fn key() -> impl Strategy<Value = String> {
        let keys = Field::ALL.map(Field::key).into_iter().chain(["time", "at", "copy", "text"]);
        prop_oneof![
            8 => proptest::sample::select(keys.collect::<Vec<_>>()).prop_map(str::to_owned),
            1 => ".{0,6}",
        ]
    }

    proptest! {
        #[test]
        fn a_text_tells_what_the_line_tells(line in proptest::collection::btree_map(key(), value(), 0..20)) {
            let line: Line = line.into_iter().collect();
            let wanted = Written::from(&line);
            let read = Written::parse(&wanted.text);
            prop_assert_eq!((&read.text, read.time, &read.words), (&wanted.text, wanted.time, &wanted.words));
            prop_assert_eq!(read.account, wanted.account);
        }
    }

    #[test]
    fn what_is_no_object_is_kept_as_it_is() {
        for text in ["", "{", "[1]", "{\"mac\":\"a\"} x", "null"] {
            let read = Written::parse(text);
            assert_eq!((&*read.text, read.time, read.words.len()), (text, Timestamp::default(), 0));
        }
        let twice = Written::parse(r#"{"mac":"a","mac":"b"}"#);
        assert_eq!(twice.words, [(Field::Mac, Cow::Borrowed("b"))]);
    }
}
