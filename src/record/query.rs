//! What can be asked of the evidence.

use serde_json::Value;

use super::session::Session;
use super::store::Line;
use crate::vocabulary::{Mac, MacSpelling, Timestamp, registry};

/// Answers to one query, at most.
pub const ANSWERS_MAX: usize = 1_000_000;
/// Longest pattern, in octets.
const PATTERN_OCTETS_MAX: usize = 256;

/// A field that can be asked for; its name is the key in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// MAC address.
    Mac,
    /// IP address.
    Address,
    /// Asset number.
    Asset,
    /// Computer name.
    Host,
    /// A name in the certificate.
    Identity,
    /// The section that owns the device.
    Section,
    /// Site.
    Site,
    /// Switch.
    Switch,
    /// Port or wireless network.
    Place,
    /// Environment.
    Environment,
    /// `admit`, `quarantine` or `refuse`.
    Outcome,
    /// Reason id.
    Reason,
    /// Event id.
    Event,
    /// Acct-Session-Id.
    Session,
}

impl Field {
    /// Every one, the most telling first.
    pub const ALL: [Self; 14] = [
        Self::Session,
        Self::Mac,
        Self::Address,
        Self::Asset,
        Self::Host,
        Self::Identity,
        Self::Place,
        Self::Switch,
        Self::Section,
        Self::Site,
        Self::Reason,
        Self::Event,
        Self::Outcome,
        Self::Environment,
    ];

    /// The key in a record.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Mac => "mac",
            Self::Address => "address",
            Self::Asset => "asset",
            Self::Host => "host",
            Self::Identity => "identity",
            Self::Section => "section",
            Self::Site => "site",
            Self::Switch => "switch",
            Self::Place => "place",
            Self::Environment => "environment",
            Self::Outcome => "outcome",
            Self::Reason => "reason",
            Self::Event => "event",
            Self::Session => "session",
        }
    }
}

registry! {
    /// Why a query cannot be asked.
    QueryError {
        Mac "query.mac"
            ["MAC アドレス `{value}` を読み取れません。例: 00-12-E2-01-02-03、0012e2010203、前半だけなら 00-12-E2*", "cannot read the MAC address `{value}`; write 00-12-E2-01-02-03, 0012e2010203, or 00-12-E2* for its beginning"]
        Address "query.address"
            ["IP アドレス `{value}` を読み取れません", "cannot read the IP address `{value}`"]
        When "query.when"
            ["日時 `{value}` を読み取れません。例: 24h、7d、今日、昨日、2026-11-24、令和8年11月24日、2026-11-24 09:00", "cannot read the time `{value}`; write 24h, 7d, today, yesterday, 2026-11-24, R8.11.24 or 2026-11-24 09:00"]
        Empty "query.empty"
            ["条件の値が空です", "a condition has no value"]
        TooLong "query.too-long"
            ["`{value}` が長すぎます", "`{value}` is too long"]
    }
}

/// A stretch of time: from, and before what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

impl Span {
    /// All time.
    pub const ALL: Self = Self { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };

    /// When a stretch begins: `24h` and so on back from `now`, a day, or RFC 3339.
    ///
    /// # Errors
    /// The text is no time.
    pub fn begin(text: &str, now: Timestamp) -> Result<Timestamp, QueryError> {
        when(text, now).map(|(begin, _)| begin)
    }

    /// When a stretch ends: with the end of the day, where a day is named.
    ///
    /// # Errors
    /// The text is no time.
    pub fn end(text: &str, now: Timestamp) -> Result<Timestamp, QueryError> {
        when(text, now).map(|(_, end)| end)
    }

    /// Whether it holds an instant.
    #[must_use]
    pub const fn holds(self, time: Timestamp) -> bool {
        self.from.0 <= time.0 && time.0 < self.to.0
    }
}

fn when(text: &str, now: Timestamp) -> Result<(Timestamp, Timestamp), QueryError> {
    let text = text.trim();
    let day = |time: Timestamp| {
        let day = time.day();
        let begin = Timestamp::parse_day(&day);
        begin.and_then(|begin| Ok((begin, Timestamp::parse_end(&day)?)))
    };
    let found = match text {
        "今日" | "本日" | "today" => day(now),
        "昨日" | "yesterday" => day(Timestamp(now.0.saturating_sub(86_400_000))),
        "今" | "now" => Ok((now, now)),
        _ => match back(text) {
            Some(milliseconds) => {
                let at = Timestamp(now.0.saturating_sub(milliseconds));
                Ok((at, at))
            }
            None => {
                Timestamp::parse(text).and_then(|begin| Ok((begin, Timestamp::parse_end(text)?)))
            }
        },
    };
    found.map_err(|_| QueryError::When)
}

/// `90s`, `30m`, `24h`, `7d`, `2w`, in milliseconds.
fn back(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' | '秒' => 1,
        'm' | '分' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number = text.strip_suffix(unit)?;
    let number: i64 = number.parse().ok().filter(|number| *number >= 0)?;
    number.checked_mul(seconds)?.checked_mul(1000)
}

/// What a field must be: a value, or a pattern in which `*` stands for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Reads what somebody asks of a field.
    ///
    /// # Errors
    /// The text can be no value of the field.
    pub fn new(field: Field, text: &str) -> Result<Self, QueryError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(QueryError::Empty);
        }
        if text.len() > PATTERN_OCTETS_MAX {
            return Err(QueryError::TooLong);
        }
        let wild = text.contains('*');
        let text = match field {
            Field::Mac if wild => mac_beginning(text).ok_or(QueryError::Mac)?,
            Field::Mac => Mac::parse(&folded(text)).map_err(|_| QueryError::Mac)?.to_string(),
            Field::Address if !wild => {
                let address: std::net::IpAddr = text.parse().map_err(|_| QueryError::Address)?;
                address.to_string()
            }
            _ => text.to_owned(),
        };
        Ok(Self(text))
    }

    /// The value, where it is one and no pattern.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(self.0.as_str())
    }

    /// The pattern.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether it fits; in a pattern ASCII letters fit without regard to case.
    #[must_use]
    pub fn fits(&self, value: &str) -> bool {
        if self.value().is_some() {
            return self.0 == value;
        }
        let (pattern, value) = (self.0.to_ascii_lowercase(), value.to_ascii_lowercase());
        let mut parts = pattern.split('*');
        let Some(mut rest) = parts.next().and_then(|first| value.strip_prefix(first)) else {
            return false;
        };
        let mut parts = parts.peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.is_empty()
    }
}

/// What people typed, with full-width digits, letters, colons and hyphens as ASCII, trimmed.
#[must_use]
pub fn folded(text: &str) -> String {
    text.trim().chars().map(fold).collect()
}

/// Full-width digits, letters, colons and hyphens as ASCII.
fn fold(letter: char) -> char {
    match letter {
        '！'..='～' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        '‐'..='―' | '−' | 'ー' | 'ｰ' => '-',
        '\u{3000}' => ' ',
        other => other,
    }
}

/// The beginning of an address, `00-12-E2*`, in the spelling of records.
fn mac_beginning(text: &str) -> Option<String> {
    let text = folded(text);
    let digits = text.strip_suffix('*')?;
    let digits: String = digits.chars().filter(char::is_ascii_alphanumeric).collect();
    if digits.is_empty() || digits.len() > 11 || !digits.chars().all(|it| it.is_ascii_hexdigit()) {
        return None;
    }
    let mut spelled = String::new();
    for (place, digit) in digits.to_ascii_uppercase().chars().enumerate() {
        if place > 0 && place % 2 == 0 {
            spelled.push('-');
        }
        spelled.push(digit);
    }
    spelled.push('*');
    Some(spelled)
}

/// A query: every condition must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// When.
    pub span: Span,
    /// What of which field.
    pub fields: Vec<(Field, Pattern)>,
    /// Answers wanted, at most [`ANSWERS_MAX`].
    pub limit: usize,
}

impl Query {
    /// Everything, up to `limit` answers.
    #[must_use]
    pub const fn all(limit: usize) -> Self {
        Self { span: Span::ALL, fields: Vec::new(), limit }
    }

    /// Whether a record's line answers.
    #[must_use]
    pub fn fits(&self, time: Timestamp, line: &Line) -> bool {
        self.span.holds(time)
            && self.fields.iter().all(|(field, pattern)| {
                line.get(field.key()).and_then(Value::as_str).is_some_and(|it| pattern.fits(it))
            })
    }

    /// Whether a session answers: it lasted within the span and has what is asked for. Fields
    /// that sessions do not have are not asked of them.
    #[must_use]
    pub fn fits_session(&self, session: &Session) -> bool {
        let ended = session.end.as_ref().map_or(Timestamp(i64::MAX), |end| end.time);
        let within = session.start.0 < self.span.to.0 && self.span.from.0 <= ended.0;
        within
            && self.fields.iter().all(|(field, pattern)| {
                let text = match field {
                    Field::Mac => session.mac.map(|mac| MacSpelling::RFC3580.format(mac)),
                    Field::Address => session.address.map(|address| address.to_string()),
                    Field::Asset => session.asset.clone(),
                    Field::Switch => Some(session.switch.clone()),
                    Field::Place => Some(session.place.clone()),
                    Field::Environment => session.environment.clone(),
                    Field::Session => Some(session.session.clone()),
                    Field::Host
                    | Field::Identity
                    | Field::Section
                    | Field::Site
                    | Field::Outcome
                    | Field::Reason
                    | Field::Event => return true,
                };
                text.is_some_and(|text| pattern.fits(&text))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_any_spelling_and_by_their_beginning() {
        for text in ["00:12:e2:01:02:03", "0012.E201.0203", "００－１２－Ｅ２－０１－０２－０３"]
        {
            let pattern = Pattern::new(Field::Mac, text).unwrap();
            assert!(pattern.fits("00-12-E2-01-02-03"), "{text}");
        }
        let beginning = Pattern::new(Field::Mac, "0012e2*").unwrap();
        assert!(beginning.fits("00-12-E2-01-02-03") && !beginning.fits("00-13-E2-01-02-03"));
        for wrong in ["", "zz", "00-12", "*", "0012e2010203ff*", "*12"] {
            assert!(Pattern::new(Field::Mac, wrong).is_err(), "{wrong}");
        }
        assert_eq!(Pattern::new(Field::Address, "10.2.0"), Err(QueryError::Address));
    }

    #[test]
    fn a_star_stands_for_anything() {
        let fits =
            |pattern: &str, value: &str| Pattern::new(Field::Section, pattern).unwrap().fits(value);
        assert!(fits("市民*", "市民課") && fits("*課", "市民課") && fits("*民*", "市民課"));
        assert!(fits("*", "") && fits("a*b*c", "aXbYc") && fits("A*", "abc"));
        assert!(!fits("市民", "市民課") && !fits("a*b*c", "acb") && !fits("*ab", "a"));
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = Timestamp::parse("2026-11-24T12:00:00+09:00").unwrap();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        assert_eq!(Span::begin("24h", now), Ok(at("2026-11-23T12:00:00+09:00")));
        assert_eq!(Span::begin("今日", now), Ok(at("2026-11-24")));
        assert_eq!(Span::end("昨日", now), Ok(at("2026-11-24")));
        assert_eq!(Span::begin("令和8年11月23日", now), Ok(at("2026-11-23")));
        assert_eq!(Span::end("R8.11.23", now), Ok(at("2026-11-24")));
        for wrong in ["", "h", "-3h", "99999999999999999d", "明日", "26-11-24"] {
            assert_eq!(Span::begin(wrong, now), Err(QueryError::When), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String, value: String) {
            let _ = Span::begin(&text, Timestamp(0));
            for field in Field::ALL {
                if let Ok(pattern) = Pattern::new(field, &text) {
                    let _ = pattern.fits(&value);
                }
            }
        }
    }
}
