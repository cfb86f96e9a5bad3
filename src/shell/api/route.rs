//! Every path of the API: who may ask, and what a request there means.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::shown;
use crate::plan::ApiRole;
use crate::record::{Field, Pattern, Query, QueryError, Span};
use crate::shell::FailureKind;
use crate::shell::control::{Accept, Command, MarkKindWord, Reply};
use crate::vocabulary::{Language, Text, Timestamp};

/// Records or sessions in one answer.
const ANSWERS_MAX: usize = 10_000;
const ANSWERS: usize = 1_000;

/// A request, as far as it was read.
pub(super) struct Asked<'a> {
    /// What stood for the `{…}` of the path.
    pub(super) captured: Option<String>,
    pub(super) query: &'a str,
    pub(super) body: &'a [u8],
    /// The name of the token.
    pub(super) who: &'a str,
    pub(super) now: Timestamp,
    pub(super) language: Language,
}

/// What is to be done.
pub(super) enum Work {
    Command(Command),
    Records(Query),
    Sessions(Query),
    Description,
}

/// A path.
pub(super) struct Route {
    pub(super) method: Method,
    /// At most one `{…}`.
    pub(super) path: &'static str,
    pub(super) role: ApiRole,
    pub(super) summary: Text,
    /// The schema of the body, where one is wanted.
    pub(super) body: Option<&'static str>,
    /// Whether the query asks for records or sessions.
    pub(super) searches: bool,
    pub(super) build: fn(&Asked<'_>) -> Result<Work, Problem>,
}

/// Why there is no result.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) id: String,
    pub(super) message: String,
    pub(super) result: serde_json::Value,
}

/// What the API itself says, by id.
const TEXTS: &[(&str, Text)] = &[
    (
        "api.token",
        Text {
            ja: "有効なトークンがありません。Authorization: Bearer で送ってください",
            en: "no valid token; send one as Authorization: Bearer",
        },
    ),
    (
        "api.role",
        Text {
            ja: "このトークンの役割ではできません",
            en: "the role of this token does not permit it",
        },
    ),
    (
        "api.path",
        Text {
            ja: "その経路はありません。/api/v1/openapi.json を見てください",
            en: "no such path; see /api/v1/openapi.json",
        },
    ),
    (
        "api.method",
        Text {
            ja: "その経路にその方法はありません", en: "that path knows no such method"
        },
    ),
    ("api.body", Text { ja: "本文を読み取れません: {cause}", en: "cannot read the body: {cause}" }),
    ("api.body-too-long", Text { ja: "本文が長すぎます", en: "the body is too long" }),
    (
        "api.parameter",
        Text {
            ja: "`{name}` を読み取れません: `{value}`", en: "cannot read `{name}`: `{value}`"
        },
    ),
    ("api.evidence", Text { ja: "証跡を読めません", en: "the evidence cannot be read" }),
];

impl Problem {
    pub(super) fn new(status: StatusCode, id: &str, language: Language) -> Self {
        Self::with(status, id, language, &[])
    }

    fn with(
        status: StatusCode,
        id: &str,
        language: Language,
        facts: &[(&'static str, String)],
    ) -> Self {
        let text = TEXTS.iter().find(|(own, _)| *own == id).map(|(_, text)| *text);
        let message = text.map(|text| text.fill(language, facts)).unwrap_or_default();
        Self { status, id: id.to_owned(), message, result: serde_json::Value::Null }
    }

    fn parameter(name: &str, value: &str, language: Language) -> Self {
        let facts = [("name", shown(name)), ("value", shown(value))];
        Self::with(StatusCode::BAD_REQUEST, "api.parameter", language, &facts)
    }

    fn query(error: QueryError, value: &str, language: Language) -> Self {
        let message = error.text().fill(language, &[("value", shown(value))]);
        let id = error.id().to_owned();
        Self { status: StatusCode::BAD_REQUEST, id, message, result: serde_json::Value::Null }
    }

    /// What the service refused.
    pub(super) fn of(reply: Reply) -> Self {
        let id = reply.failure.unwrap_or_default();
        let kind = FailureKind::ALL.iter().find(|kind| kind.id() == id);
        let status = match kind {
            Some(
                FailureKind::MarkUnknown
                | FailureKind::GenerationUnknown
                | FailureKind::GenerationForgotten
                | FailureKind::SubjectUnknown
                | FailureKind::SubjectUnmarked
                | FailureKind::MarkedOtherwise
                | FailureKind::SessionUnknown
                | FailureKind::SwitchUnknown
                | FailureKind::ChangeUnknown
                | FailureKind::AddressUnattached,
            ) => StatusCode::NOT_FOUND,
            Some(
                FailureKind::SubjectMalformed
                | FailureKind::DateMalformed
                | FailureKind::MarkEnded
                | FailureKind::TextEmpty
                | FailureKind::ObservationMalformed
                | FailureKind::TextTooLong,
            ) => StatusCode::BAD_REQUEST,
            Some(
                FailureKind::PlanRefused
                | FailureKind::CredentialsRefused
                | FailureKind::Weaker
                | FailureKind::WeakerSecond
                | FailureKind::AcceptForeign
                | FailureKind::SensorUnknown
                | FailureKind::MarksFull
                | FailureKind::SubjectAmbiguous
                | FailureKind::SwitchUnasked,
            ) => StatusCode::CONFLICT,
            Some(FailureKind::Stopping | FailureKind::ObservationUnkept) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Some(_) | None => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, id, message: reply.message, result: reply.result }
    }
}

/// Every path.
pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/api/v1/openapi.json",
        role: ApiRole::Read,
        summary: Text { ja: "この API の記述", en: "the description of this API" },
        body: None,
        searches: false,
        build: |_| Ok(Work::Description),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/status",
        role: ApiRole::Read,
        summary: Text { ja: "稼働状況", en: "what runs, with which plan" },
        body: None,
        searches: false,
        build: |_| Ok(Work::Command(Command::Status)),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/records",
        role: ApiRole::Read,
        summary: Text { ja: "証跡の検索", en: "search the evidence" },
        body: None,
        searches: true,
        build: |asked| search(asked).map(Work::Records),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/sessions",
        role: ApiRole::Read,
        summary: Text {
            ja: "接続の検索(今とこれまで)", en: "search the sessions, now and before"
        },
        body: None,
        searches: true,
        build: |asked| search(asked).map(Work::Sessions),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/plans",
        role: ApiRole::Read,
        summary: Text { ja: "受け入れた計画", en: "accepted plans" },
        body: None,
        searches: false,
        build: |_| Ok(Work::Command(Command::PlanList)),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/plans/{generation}",
        role: ApiRole::Administer,
        summary: Text { ja: "一つの計画とそのファイル", en: "one plan and its files" },
        body: None,
        searches: false,
        build: |asked| {
            number(asked, "generation")
                .map(|generation| Work::Command(Command::PlanShow { generation }))
        },
    },
    Route {
        method: Method::POST,
        path: "/api/v1/plans/{generation}/rollback",
        role: ApiRole::Administer,
        summary: Text { ja: "以前の計画に戻す", en: "put an earlier plan in force" },
        body: None,
        searches: false,
        build: |asked| {
            number(asked, "generation")
                .map(|generation| Work::Command(Command::PlanRollback { generation }))
        },
    },
    Route {
        method: Method::POST,
        path: "/api/v1/reload",
        role: ApiRole::Administer,
        summary: Text { ja: "設定を読み直す", en: "read the files again" },
        body: Some("Reload"),
        searches: false,
        build: |asked| {
            let Reload { accept } = body(asked)?;
            Ok(Work::Command(Command::Reload { accept }))
        },
    },
    Route {
        method: Method::GET,
        path: "/api/v1/marks",
        role: ApiRole::Read,
        summary: Text { ja: "有効な印", en: "marks in force" },
        body: None,
        searches: false,
        build: |_| Ok(Work::Command(Command::MarkList)),
    },
    Route {
        method: Method::POST,
        path: "/api/v1/marks",
        role: ApiRole::Operate,
        summary: Text {
            ja: "端末またはポートを隔離・拒否する",
            en: "quarantine or refuse a device or port",
        },
        body: Some("Mark"),
        searches: false,
        build: |asked| {
            let Mark { subject, kind, reason, until } = body(asked)?;
            Ok(Work::Command(Command::MarkAdd { subject, kind, reason, until }))
        },
    },
    Route {
        method: Method::DELETE,
        path: "/api/v1/marks/{mark}",
        role: ApiRole::Operate,
        summary: Text { ja: "印を解除する", en: "release a mark" },
        body: None,
        searches: false,
        build: |asked| {
            let mark = i64::try_from(number(asked, "mark")?).unwrap_or(i64::MAX);
            Ok(Work::Command(Command::MarkRelease { mark }))
        },
    },
    Route {
        method: Method::POST,
        path: "/api/v1/quarantine",
        role: ApiRole::Operate,
        summary: Text {
            ja: "端末またはポートをすぐに隔離する",
            en: "quarantine a device or port at once",
        },
        body: Some("Subject"),
        searches: false,
        build: |asked| {
            let Subject { subject, reason, until } = body(asked)?;
            Ok(Work::Command(Command::Quarantine { subject, reason, until }))
        },
    },
    Route {
        method: Method::POST,
        path: "/api/v1/release",
        role: ApiRole::Operate,
        summary: Text {
            ja: "端末またはポートの印をすべて解除する",
            en: "release every mark on a device or port",
        },
        body: Some("Subject"),
        searches: false,
        build: |asked| {
            let Subject { subject, reason, .. } = body(asked)?;
            Ok(Work::Command(Command::Release { subject, reason }))
        },
    },
    Route {
        method: Method::POST,
        path: "/api/v1/disconnect",
        role: ApiRole::Operate,
        summary: Text {
            ja: "端末またはポートの接続を切る",
            en: "end the sessions of a device or port",
        },
        body: Some("Subject"),
        searches: false,
        build: |asked| {
            let Subject { subject, reason, .. } = body(asked)?;
            Ok(Work::Command(Command::Disconnect { subject, reason }))
        },
    },
    Route {
        method: Method::GET,
        path: "/api/v1/enforcement",
        role: ApiRole::Read,
        summary: Text {
            ja: "まだ計画どおりでない接続",
            en: "sessions that are not yet what they should be",
        },
        body: None,
        searches: false,
        build: |_| Ok(Work::Command(Command::EnforceList)),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/switches",
        role: ApiRole::Read,
        summary: Text {
            ja: "スイッチの表をどこまで読めているか(R17〜R19 の数も)",
            en: "how far the tables of switches are read, with what R17 to R19 find",
        },
        body: None,
        searches: false,
        build: |_| Ok(Work::Command(Command::SwitchStatus { switch: None })),
    },
    Route {
        method: Method::GET,
        path: "/api/v1/switches/{switch}",
        role: ApiRole::Read,
        summary: Text {
            ja: "一台のスイッチの表(MAC アドレス、隣接機器、ポート、違反)",
            en: "the tables of one switch: addresses, neighbours, ports and findings",
        },
        body: None,
        searches: false,
        build: |asked| {
            let switch = Some(asked.captured.clone().unwrap_or_default());
            Ok(Work::Command(Command::SwitchStatus { switch }))
        },
    },
    Route {
        method: Method::POST,
        path: "/api/v1/switches/{switch}/sweep",
        role: ApiRole::Operate,
        summary: Text {
            ja: "一台のスイッチの表をすぐに読む",
            en: "read the tables of one switch now",
        },
        body: None,
        searches: false,
        build: |asked| {
            let switch = asked.captured.clone().unwrap_or_default();
            Ok(Work::Command(Command::SwitchSweep { switch }))
        },
    },
    Route {
        method: Method::GET,
        path: "/api/v1/changes",
        role: ApiRole::Read,
        summary: Text {
            ja: "センサーが見た、端末のふだんと違う点",
            en: "what stations do unlike before, as sensors saw it",
        },
        body: None,
        searches: false,
        build: |_| Ok(Work::Command(Command::SensorChanges)),
    },
    Route {
        method: Method::POST,
        path: "/api/v1/changes/accept",
        role: ApiRole::Operate,
        summary: Text {
            ja: "変化を正常と認める(変化の番号か MAC アドレス)",
            en: "accept a change, by its name or a MAC address",
        },
        body: Some("Subject"),
        searches: false,
        build: |asked| {
            let Subject { subject, reason, .. } = body(asked)?;
            Ok(Work::Command(Command::SensorAccept { subject, reason }))
        },
    },
    Route {
        method: Method::POST,
        path: "/api/v1/changes/deny",
        role: ApiRole::Operate,
        summary: Text {
            ja: "変化を認めない(変化の番号か MAC アドレス)",
            en: "deny a change, by its name or a MAC address",
        },
        body: Some("Subject"),
        searches: false,
        build: |asked| {
            let Subject { subject, reason, .. } = body(asked)?;
            Ok(Work::Command(Command::SensorDeny { subject, reason }))
        },
    },
    Route {
        method: Method::POST,
        path: "/api/v1/observations",
        role: ApiRole::Sensor,
        summary: Text { ja: "センサーの報告", en: "what a sensor reports" },
        body: Some("Observations"),
        searches: false,
        build: |asked| {
            let report = body(asked)?;
            Ok(Work::Command(Command::Observe { sensor: asked.who.to_owned(), report }))
        },
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    subject: String,
    reason: String,
    #[serde(default)]
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reload {
    #[serde(default)]
    accept: Option<Accept>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    subject: String,
    #[serde(default = "quarantine")]
    kind: MarkKindWord,
    reason: String,
    #[serde(default)]
    until: Option<String>,
}

const fn quarantine() -> MarkKindWord {
    MarkKindWord::Quarantine
}

/// The route of a request, and what stands for its `{…}`.
pub(super) fn find(
    method: &Method,
    path: &str,
    language: Language,
) -> Result<(&'static Route, Option<String>), Problem> {
    let mut known = false;
    for route in ROUTES {
        if let Some(captured) = captured(route.path, path) {
            known = true;
            if route.method == *method {
                return Ok((route, captured));
            }
        }
    }
    let (status, id) = if known {
        (StatusCode::METHOD_NOT_ALLOWED, "api.method")
    } else {
        (StatusCode::NOT_FOUND, "api.path")
    };
    Err(Problem::new(status, id, language))
}

fn captured(pattern: &str, path: &str) -> Option<Option<String>> {
    let mut found = None;
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {
                found = Some(given.to_owned());
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

fn number(asked: &Asked<'_>, name: &str) -> Result<u64, Problem> {
    let text = asked.captured.as_deref().unwrap_or_default();
    text.parse().map_err(|_| Problem::parameter(name, text, asked.language))
}

fn body<T: DeserializeOwned>(asked: &Asked<'_>) -> Result<T, Problem> {
    let octets = if asked.body.is_empty() { b"{}" } else { asked.body };
    serde_json::from_slice(octets).map_err(|cause| {
        let facts = [("cause", cause.to_string())];
        Problem::with(StatusCode::BAD_REQUEST, "api.body", asked.language, &facts)
    })
}

fn search(asked: &Asked<'_>) -> Result<Query, Problem> {
    let mut query = Query { span: Span::ALL, fields: Vec::new(), limit: ANSWERS };
    for (name, value) in form_urlencoded::parse(asked.query.as_bytes()) {
        let wrong = |error| Problem::query(error, &value, asked.language);
        match &*name {
            "since" => query.span.from = Span::begin(&value, asked.now).map_err(wrong)?,
            "until" => query.span.to = Span::end(&value, asked.now).map_err(wrong)?,
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=ANSWERS_MAX).contains(limit));
                query.limit =
                    limit.ok_or_else(|| Problem::parameter("limit", &value, asked.language))?;
            }
            _ => {
                let field = Field::ALL.iter().find(|field| field.key() == name);
                let field =
                    *field.ok_or_else(|| Problem::parameter(&name, &value, asked.language))?;
                query.fields.push((field, Pattern::new(field, &value).map_err(wrong)?));
            }
        }
    }
    Ok(query)
}
