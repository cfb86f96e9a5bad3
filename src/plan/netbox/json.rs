//! Objects of an export, looked at with care: whatever has the wrong type is a remark that names
//! file, object and field, and counts as absent.

use std::cell::RefCell;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::export::Kind;
use super::remark::{Remark, RemarkKind};
use crate::vocabulary::escape;

/// Characters of a name, as many as any name or description of NetBox may have.
const TEXT_CHARACTERS_MAX: usize = 200;
/// Remarks about one export; what is wrong a hundred thousand times is not read by anyone.
const REMARKS_MAX: usize = 100_000;

/// Where an object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file, as it was given.
    pub file: Arc<str>,
    /// The list; `None` for the file as a whole.
    pub kind: Option<Kind>,
    /// Its position in that list, from 0.
    pub index: usize,
    /// NetBox's own number for it.
    pub id: Option<u64>,
}

impl Source {
    /// The object within its file: `interfaces[12]`.
    #[must_use]
    pub fn object(&self) -> String {
        self.kind.map_or_else(String::new, |kind| format!("{}[{}]", kind.id(), self.index))
    }
}

/// Where the readers put what they have to say.
#[derive(Clone, Debug, Default)]
pub(super) struct Remarks(RefCell<Vec<Remark>>);

impl Remarks {
    pub(super) fn push(&self, remark: Remark) {
        let mut list = self.0.borrow_mut();
        if list.len() < REMARKS_MAX {
            list.push(remark);
        }
    }

    pub(super) fn list(&self) -> Vec<Remark> {
        self.0.borrow().clone()
    }
}

/// An object, or one nested in it.
#[derive(Clone)]
pub(super) struct Item<'a> {
    map: &'a Map<String, Value>,
    source: &'a Source,
    /// What leads from the object to here, with the dot at its end.
    prefix: String,
    remarks: &'a Remarks,
}

/// How an object names another: nested as the API answers it, or by number alone.
pub(super) enum Reference<'a> {
    Nested(Item<'a>),
    Number(u64),
}

impl<'a> Item<'a> {
    /// The object of a list; anything else is a remark.
    pub(super) fn new(value: &'a Value, source: &'a Source, remarks: &'a Remarks) -> Option<Self> {
        let Some(map) = value.as_object() else {
            let remark = Remark::new(RemarkKind::WrongType, Some(source.clone()));
            remarks.push(remark.fact("expected", "object").fact("found", word(value)));
            return None;
        };
        Some(Self { map, source, prefix: String::new(), remarks })
    }

    /// Says something about a field.
    pub(super) fn remark(&self, kind: RemarkKind, key: &str) -> Remark {
        Remark::new(kind, Some(self.source.clone())).field(format!("{}{key}", self.prefix))
    }

    pub(super) fn push(&self, remark: Remark) {
        self.remarks.push(remark);
    }

    fn wrong(&self, key: &str, expected: &'static str, found: &Value) {
        let remark = self.remark(RemarkKind::WrongType, key).fact("expected", expected);
        self.push(remark.fact("found", word(found)));
    }

    /// A value that is there and not null.
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// A text that may be absent; an empty one counts as absent.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let value = self.get(key)?;
        let Some(text) = value.as_str() else {
            self.wrong(key, "string", value);
            return None;
        };
        self.bounded(key, text)
    }

    fn bounded(&self, key: &str, text: &str) -> Option<String> {
        let text = text.trim();
        if text.chars().count() > TEXT_CHARACTERS_MAX {
            self.push(self.remark(RemarkKind::TooLong, key).fact("max", TEXT_CHARACTERS_MAX));
            return None;
        }
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A text that must be there.
    pub(super) fn name(&self, key: &str) -> Option<String> {
        match self.get(key) {
            Some(Value::String(text)) if text.trim().is_empty() => {
                self.push(self.remark(RemarkKind::FieldMissing, key));
                None
            }
            Some(_) => self.text(key),
            None => {
                self.push(self.remark(RemarkKind::FieldMissing, key));
                None
            }
        }
    }

    /// A choice: `{"value": …, "label": …}`, or the value alone.
    pub(super) fn choice(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            Value::Object(map) => match map.get("value") {
                Some(Value::String(text)) => self.bounded(key, text),
                Some(other) if !other.is_null() => {
                    self.wrong(&format!("{key}.value"), "string", other);
                    None
                }
                _ => None,
            },
            Value::String(text) => self.bounded(key, text),
            other => {
                self.wrong(key, "object", other);
                None
            }
        }
    }

    /// A boolean that may be absent.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        if value.as_bool().is_none() {
            self.wrong(key, "boolean", value);
        }
        value.as_bool()
    }

    /// A number that may be absent.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        let value = self.get(key)?;
        if value.as_u64().is_none() {
            self.wrong(key, "number", value);
        }
        value.as_u64()
    }

    /// A number that must be there.
    pub(super) fn needed_number(&self, key: &str) -> Option<u64> {
        if !self.has(key) {
            self.push(self.remark(RemarkKind::FieldMissing, key));
        }
        self.number(key)
    }

    /// Another object that may be absent.
    pub(super) fn reference(&self, key: &str) -> Option<Reference<'a>> {
        self.refer(key, self.get(key)?)
    }

    fn refer(&self, key: &str, value: &'a Value) -> Option<Reference<'a>> {
        match value {
            Value::Object(map) => {
                let prefix = format!("{}{key}.", self.prefix);
                Some(Reference::Nested(Self { map, prefix, ..self.clone() }))
            }
            Value::Number(number) if number.as_u64().is_some() => {
                number.as_u64().map(Reference::Number)
            }
            other => {
                self.wrong(key, "object", other);
                None
            }
        }
    }

    /// Another object as the API nests it.
    pub(super) fn nested(&self, key: &str) -> Option<Item<'a>> {
        match self.reference(key)? {
            Reference::Nested(item) => Some(item),
            Reference::Number(_) => None, // OK because a number names nothing that is wanted here
        }
    }

    /// The number of another object.
    pub(super) fn reference_id(&self, key: &str) -> Option<u64> {
        match self.reference(key)? {
            Reference::Nested(item) => item.needed_number("id"),
            Reference::Number(id) => Some(id),
        }
    }

    /// The first text of these keys that a nested object has, `role.slug`.
    pub(super) fn within(&self, key: &str, names: &[&str]) -> Option<String> {
        let item = self.nested(key)?;
        names.iter().find_map(|name| item.text(name))
    }

    /// A list of objects, each with its key; empty when it is absent.
    pub(super) fn list(&self, key: &str) -> Vec<(String, Reference<'a>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(array) = value.as_array() else {
            self.wrong(key, "array", value);
            return Vec::new();
        };
        let keyed = array.iter().enumerate().map(|(index, value)| {
            let key = format!("{key}[{index}]");
            let reference = self.refer(&key, value)?;
            Some((key, reference))
        });
        keyed.flatten().collect()
    }

    /// A value that cannot be what it should be.
    pub(super) fn bad(&self, key: &str, value: &str, expected: &'static str) {
        let remark = self.remark(RemarkKind::ValueBad, key).fact("value", escape(value.as_bytes()));
        self.push(remark.fact("expected", expected));
    }
}

/// JSON's word for a value's type.
pub(super) const fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
