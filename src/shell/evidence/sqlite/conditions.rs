//! The conditions of a query, as SQL with their values beside it.

use rusqlite::types::ToSql;

use crate::record::Pattern;

/// The conditions of a query, with their values.
#[derive(Default)]
pub(super) struct Conditions {
    clauses: Vec<String>,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    pub(super) fn add(&mut self, clause: &str, value: impl ToSql + 'static) {
        self.clauses.push(clause.to_owned());
        self.values.push(Box::new(value));
    }

    pub(super) fn field(&mut self, column: &str, pattern: &Pattern) {
        match pattern.value() {
            Some(value) => self.add(&format!("{column} = ?"), value.to_owned()),
            None => self.add(&format!("{column} LIKE ? ESCAPE '\\'"), like(pattern)),
        }
    }

    pub(super) fn clause(&self) -> String {
        if self.clauses.is_empty() {
            return String::new();
        }
        format!("WHERE {}", self.clauses.join(" AND "))
    }

    pub(super) fn values(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(AsRef::as_ref).collect()
    }
}

/// A pattern as `LIKE … ESCAPE '\'` wants it.
pub(super) fn like(pattern: &Pattern) -> String {
    let mut like = String::new();
    for letter in pattern.text().chars() {
        match letter {
            '*' => like.push('%'),
            '%' | '_' | '\\' => like.extend(['\\', letter]),
            other => like.push(other),
        }
    }
    like
}
