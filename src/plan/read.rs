//! Reads TOML so that every value knows its line and every mistake is reported, not only the
//! first: a table remembers which of its keys were asked for, and the rest are findings.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use ipnetwork::IpNetwork;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::Sink;
use super::names::nearest;
use super::{Finding, FindingKind, Name, Origin};
use crate::vocabulary::{DateError, Mac, MacError, Timestamp, VlanId};

/// Longest id in characters.
const ID_CHARACTERS_MAX: usize = 64;

/// A text file with its lines.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// As findings show it: `config/…` or `topology/…`.
    pub(crate) path: Arc<str>,
    /// Where each line after the first begins.
    breaks: Arc<[usize]>,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        Self { path: path.into(), breaks: breaks.map(|(at, _)| at + 1).collect() }
    }

    /// The line that holds an octet.
    pub(crate) fn at(&self, octet: usize) -> Origin {
        let line = 1 + self.breaks.partition_point(|start| *start <= octet);
        Origin { file: Arc::clone(&self.path), line: u32::try_from(line).unwrap_or(u32::MAX) }
    }
}

/// A value and where it is written.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) at: Origin,
    pub(crate) field: String,
}

impl<T> Located<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: change(self.value), at: self.at, field: self.field }
    }

    /// A finding about this value.
    pub(crate) fn finding(&self, kind: FindingKind) -> Finding {
        Finding::new(kind, Some(self.at.clone()), self.field.clone())
    }
}

/// Reads a file's octets as TOML and hands the outermost table to `body`; `None` after findings.
pub(crate) fn document<T>(
    path: &str,
    octets: &[u8],
    sink: &Sink,
    body: impl FnOnce(&Table<'_>) -> Option<T>,
) -> Option<T> {
    let text = match std::str::from_utf8(octets) {
        Ok(text) => text,
        Err(error) => {
            let finding = Finding::new(FindingKind::FileNotText, None, "")
                .fact("path", path)
                .fact("octet", error.valid_up_to());
            sink.push(finding);
            return None;
        }
    };
    // An editor's byte order mark is no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let file = File::new(path, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = file.at(error.span().map_or(0, |span| span.start));
        let cause = error.message().lines().collect::<Vec<_>>().join(", ");
        sink.push(Finding::new(FindingKind::Syntax, Some(at), "").fact("cause", cause));
    }
    if !errors.is_empty() {
        return None;
    }
    let table = Table::new(table.get_ref(), 0..0, &file, String::new(), sink);
    let read = body(&table);
    table.finish();
    read
}

/// A table being read.
pub(crate) struct Table<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
    file: &'a File,
    path: String,
    sink: &'a Sink,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    fn new(
        table: &'a DeTable<'a>,
        span: Range<usize>,
        file: &'a File,
        path: String,
        sink: &'a Sink,
    ) -> Self {
        Self { table, span, file, path, sink, asked: RefCell::default() }
    }

    /// Where the table begins.
    pub(crate) fn at(&self) -> Origin {
        self.file.at(self.span.start)
    }

    /// The full name of one of its fields.
    pub(crate) fn field(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A finding about one of its fields, at the line of its value, else of the table.
    pub(crate) fn finding(&self, kind: FindingKind, key: &str) -> Finding {
        let found = self.table.iter().find(|(name, _)| name.get_ref() == key);
        let at = found.map_or_else(|| self.at(), |(name, _)| self.file.at(name.span().start));
        Finding::new(kind, Some(at), self.field(key))
    }

    pub(crate) fn push(&self, finding: Finding) {
        self.sink.push(finding);
    }

    pub(crate) const fn sink(&self) -> &'a Sink {
        self.sink
    }

    /// Whether a key is there; asking counts as knowing it.
    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// Reports every key that was not asked for.
    pub(crate) fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            let finding = Finding::new(
                FindingKind::UnknownKey,
                Some(self.file.at(key.span().start)),
                self.field(name),
            );
            let hint = nearest(name, asked.iter().copied());
            self.sink.push(finding.fact("key", name).fact("hint", hint));
        }
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().push(key);
        self.table.get(key)
    }

    fn need(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let found = self.get(key);
        if found.is_none() {
            let finding = Finding::new(FindingKind::MissingKey, Some(self.at()), self.field(key));
            self.sink.push(finding.fact("key", key));
        }
        found
    }

    fn located<T>(&self, value: T, span: Range<usize>, field: String) -> Located<T> {
        Located { value, at: self.file.at(span.start), field }
    }

    fn wrong_type(&self, value: &Spanned<DeValue<'_>>, field: &str, expected: &'static str) {
        let at = Some(self.file.at(value.span().start));
        let finding = Finding::new(FindingKind::WrongType, at, field);
        self.sink
            .push(finding.term("expected", expected).term("found", value.get_ref().type_str()));
    }

    fn as_text(&self, value: &Spanned<DeValue<'_>>, field: String) -> Option<Located<String>> {
        match value.get_ref().as_str() {
            Some(text) => Some(self.located(text.to_owned(), value.span(), field)),
            None => {
                self.wrong_type(value, &field, "string");
                None
            }
        }
    }

    fn as_integer(&self, value: &Spanned<DeValue<'_>>, field: String) -> Option<Located<i64>> {
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_type(value, &field, "integer");
            return None;
        };
        let digits = integer.as_str().replace('_', "");
        let Ok(number) = i64::from_str_radix(&digits, integer.radix()) else {
            let at = Some(self.file.at(value.span().start));
            let finding = Finding::new(FindingKind::OutOfRange, at, field).fact("value", digits);
            self.sink.push(finding.fact("min", i64::MIN).fact("max", i64::MAX));
            return None;
        };
        Some(self.located(number, value.span(), field))
    }

    /// A text that must be there, perhaps empty.
    pub(crate) fn any_text(&self, key: &'static str) -> Option<Located<String>> {
        self.as_text(self.need(key)?, self.field(key))
    }

    /// A text that must be there and not be empty or blank.
    pub(crate) fn text(&self, key: &'static str) -> Option<Located<String>> {
        let text = self.any_text(key)?;
        if text.value.trim().is_empty() {
            self.sink.push(text.finding(FindingKind::Empty));
            return None;
        }
        Some(text)
    }

    /// A text that may be absent: `Some(None)` when it is, `None` after a finding.
    pub(crate) fn optional_text(&self, key: &'static str) -> Option<Option<Located<String>>> {
        match self.table.get(key) {
            None => {
                self.asked.borrow_mut().push(key);
                Some(None)
            }
            Some(_) => self.text(key).map(Some),
        }
    }

    /// An id: ASCII letters, digits, `-`, `_` and `.`, a letter or digit first, since ids are
    /// names of files and of metrics.
    pub(crate) fn id(&self, key: &'static str) -> Option<Located<String>> {
        let text = self.text(key)?;
        let known = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
        if text.value.len() <= ID_CHARACTERS_MAX
            && text.value.bytes().all(known)
            && text.value.starts_with(|first: char| first.is_ascii_alphanumeric())
        {
            return Some(text);
        }
        let finding = text.finding(FindingKind::BadId).fact("value", &text.value);
        self.sink.push(finding.fact("max", ID_CHARACTERS_MAX));
        None
    }

    /// The texts `name_ja` and `name_en`.
    pub(crate) fn name(&self) -> Option<Name> {
        let (ja, en) = (self.text("name_ja"), self.text("name_en"));
        Some(Name { ja: ja?.value, en: en?.value })
    }

    /// A number within bounds.
    pub(crate) fn integer(&self, key: &'static str, range: (i64, i64)) -> Option<Located<i64>> {
        let number = self.as_integer(self.need(key)?, self.field(key))?;
        self.within(number, range)
    }

    /// A number that may be absent.
    pub(crate) fn optional_integer(
        &self,
        key: &'static str,
        range: (i64, i64),
    ) -> Option<Option<Located<i64>>> {
        if self.has(key) { self.integer(key, range).map(Some) } else { Some(None) }
    }

    /// A number within bounds, in the type that the bounds fit.
    pub(crate) fn number<T: TryFrom<i64>>(
        &self,
        key: &'static str,
        range: (i64, i64),
    ) -> Option<T> {
        T::try_from(self.integer(key, range)?.value).ok() // OK because callers' bounds fit the type
    }

    fn within(&self, number: Located<i64>, (min, max): (i64, i64)) -> Option<Located<i64>> {
        if (min..=max).contains(&number.value) {
            return Some(number);
        }
        let finding = number.finding(FindingKind::OutOfRange);
        self.sink.push(finding.fact("value", number.value).fact("min", min).fact("max", max));
        None
    }

    /// A truth value.
    pub(crate) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.need(key)?;
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            self.wrong_type(value, &self.field(key), "boolean");
        }
        truth
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.any_text(key)?;
        self.choose(&text, choices)
    }

    /// One of a few words for each text, so that every wrong word is reported.
    pub(crate) fn choose_all<T: Copy>(
        &self,
        texts: &[Located<String>],
        choices: &[(&'static str, T)],
    ) -> Option<Vec<T>> {
        let chosen: Vec<_> = texts.iter().map(|text| self.choose(text, choices)).collect();
        chosen.into_iter().collect()
    }

    pub(crate) fn choose<T: Copy>(
        &self,
        text: &Located<String>,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let found = choices.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let finding = text.finding(FindingKind::NotAChoice).fact("value", &text.value);
            self.sink.push(finding.fact("choices", words.join(", ")));
        }
        found.map(|(_, value)| *value)
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &'static str) -> Option<Vec<Located<String>>> {
        self.list(key, |value, field| self.as_text(value, field))
    }

    /// A list of texts that may be absent.
    pub(crate) fn optional_texts(&self, key: &'static str) -> Option<Option<Vec<Located<String>>>> {
        if self.has(key) { self.texts(key).map(Some) } else { Some(None) }
    }

    /// A list of VLAN numbers.
    pub(crate) fn vlans(&self, key: &'static str) -> Option<Vec<Located<VlanId>>> {
        self.list(key, |value, field| self.to_vlan(self.as_integer(value, field)?))
    }

    /// One VLAN number.
    pub(crate) fn vlan(&self, key: &'static str) -> Option<Located<VlanId>> {
        let number = self.as_integer(self.need(key)?, self.field(key))?;
        self.to_vlan(number)
    }

    /// One of a few words that may be absent.
    pub(crate) fn optional_choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<Option<T>> {
        if self.has(key) { self.choice(key, choices).map(Some) } else { Some(None) }
    }

    /// One VLAN number that may be absent.
    pub(crate) fn optional_vlan(&self, key: &'static str) -> Option<Option<Located<VlanId>>> {
        if self.has(key) { self.vlan(key).map(Some) } else { Some(None) }
    }

    /// One VLAN number, or the word `none`.
    pub(crate) fn vlan_or_none(&self, key: &'static str) -> Option<Option<Located<VlanId>>> {
        if self.need(key)?.get_ref().as_str().is_some() {
            self.choice(key, &[("none", ())]).map(|()| None)
        } else {
            self.vlan(key).map(Some)
        }
    }

    /// Whether a key is there and holds this word.
    pub(crate) fn is_word(&self, key: &'static str, word: &str) -> bool {
        self.get(key).is_some_and(|value| value.get_ref().as_str() == Some(word))
    }

    /// True or false, which may be absent.
    pub(crate) fn optional_flag(&self, key: &'static str) -> Option<Option<bool>> {
        if self.has(key) { self.boolean(key).map(Some) } else { Some(None) }
    }

    fn to_vlan(&self, number: Located<i64>) -> Option<Located<VlanId>> {
        let number = self.within(number, (1, 4094))?;
        let vlan = u16::try_from(number.value).ok().and_then(VlanId::new)?;
        Some(number.map(|_| vlan))
    }

    fn list<T>(
        &self,
        key: &'static str,
        read: impl Fn(&Spanned<DeValue<'_>>, String) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.need(key)?;
        let field = self.field(key);
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(value, &field, "array");
            return None;
        };
        let items = array.iter().enumerate();
        let items: Vec<_> =
            items.map(|(index, item)| read(item, format!("{field}[{index}]"))).collect();
        items.into_iter().collect()
    }

    /// A network in CIDR notation whose host bits are zero.
    pub(crate) fn to_network(&self, text: &Located<String>) -> Option<IpNetwork> {
        let network = self.to_interface(text)?;
        let whole = IpNetwork::new(network.network(), network.prefix()).ok()?;
        if whole == network {
            return Some(network);
        }
        let finding = text.finding(FindingKind::HostBits).fact("value", &text.value);
        self.sink.push(finding.fact("network", whole));
        None
    }

    /// An address with a prefix length, or alone.
    pub(crate) fn to_interface(&self, text: &Located<String>) -> Option<IpNetwork> {
        match text.value.parse::<IpNetwork>() {
            Ok(network) => Some(network),
            Err(_) => {
                let finding = text.finding(FindingKind::BadAddress).fact("value", &text.value);
                let wanted = "an address, alone or with a prefix length, is wanted";
                self.sink.push(finding.term("cause", wanted));
                None
            }
        }
    }

    /// A day or an instant, as [`Timestamp::parse`] or [`Timestamp::parse_end`] reads it.
    pub(crate) fn time(
        &self,
        key: &'static str,
        parse: fn(&str) -> Result<Timestamp, DateError>,
    ) -> Option<Located<Timestamp>> {
        let text = self.text(key)?;
        match parse(&text.value) {
            Ok(time) => Some(text.map(|_| time)),
            Err(error) => {
                let why = match error {
                    DateError::Form => "form",
                    DateError::NoSuchDay => "no such day",
                    DateError::OutsideEra => "outside the era",
                };
                let finding = text.finding(FindingKind::BadDate).fact("value", &text.value);
                self.sink.push(finding.term("why", why));
                None
            }
        }
    }

    /// A table inside that must be there.
    pub(crate) fn table<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Table<'_>) -> Option<T>,
    ) -> Option<T> {
        self.inner(self.need(key)?, self.field(key), read)
    }

    /// A list of tables, empty when absent. Those that could not be read are left out after
    /// their findings.
    pub(crate) fn tables<T>(
        &self,
        key: &'static str,
        read: impl Fn(&Table<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let field = self.field(key);
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(value, &field, "array of tables");
            return Vec::new();
        };
        let items = array.iter().enumerate();
        items
            .filter_map(|(index, item)| self.inner(item, format!("{field}[{index}]"), &read))
            .collect()
    }

    /// Cuts a list of `key` down to its greatest length, with a finding when it was longer.
    pub(crate) fn at_most<T>(&self, key: &str, items: &mut Vec<T>, max: usize) {
        if items.len() > max {
            let finding = self.finding(FindingKind::TooMany, key).fact("count", items.len());
            self.sink.push(finding.fact("max", max));
            items.truncate(max);
        }
    }

    /// The table `key`, whose keys are names and whose values are VLAN numbers, as `assign`.
    pub(crate) fn vlan_by_name(
        &self,
        key: &'static str,
    ) -> Option<Vec<(Located<String>, Located<VlanId>)>> {
        let value = self.need(key)?;
        let field = self.field(key);
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(value, &field, "table");
            return None;
        };
        let items: Vec<_> = table
            .iter()
            .map(|(name, value)| {
                let word: &str = name.get_ref();
                let field = format!("{field}.{word}");
                let vlan = self.to_vlan(self.as_integer(value, field.clone())?)?;
                Some((self.located(word.to_owned(), name.span(), field), vlan))
            })
            .collect();
        items.into_iter().collect()
    }

    fn inner<T>(
        &self,
        value: &'a Spanned<DeValue<'a>>,
        field: String,
        read: impl FnOnce(&Table<'_>) -> Option<T>,
    ) -> Option<T> {
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(value, &field, "table");
            return None;
        };
        let table = Table::new(table, value.span(), self.file, field, self.sink);
        let item = read(&table);
        table.finish();
        item
    }
}

/// An address with a port.
pub(crate) fn to_socket(text: &Located<String>, sink: &Sink) -> Option<SocketAddr> {
    let address = text.value.parse().ok();
    if address.is_none() {
        sink.push(text.finding(FindingKind::BadSocket).fact("value", &text.value));
    }
    address
}

/// The address of one station in any spelling. A locally administered one is read, with a
/// warning: phones make them up.
pub(crate) fn to_mac(text: &Located<String>, sink: &Sink) -> Option<Mac> {
    let why = match Mac::parse(&text.value) {
        Ok(mac) => {
            if mac.is_local() {
                sink.push(text.finding(FindingKind::LocalMac).fact("value", mac));
            }
            return Some(mac);
        }
        Err(MacError::Spelling) => "spelling",
        Err(MacError::Zero) => "all zero",
        Err(MacError::Group) => "multicast or broadcast",
    };
    let finding = text.finding(FindingKind::BadMac).fact("value", &text.value);
    sink.push(finding.term("why", why));
    None
}

/// Reports every value that a list has twice.
pub(crate) fn distinct<T: PartialEq + std::fmt::Display>(items: &[Located<T>], sink: &Sink) {
    for (index, item) in items.iter().enumerate() {
        if let Some(first) = items.iter().take(index).find(|first| first.value == item.value) {
            let finding = item.finding(FindingKind::Duplicate).fact("value", &item.value);
            sink.push(finding.fact("other", &first.at));
        }
    }
}
