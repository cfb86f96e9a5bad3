//! The operator's page: HTML made here, one small script and one style sheet, nothing from
//! anywhere else. It says and does what the API does, by the same commands and roles.
//!
//! A form is believed when its cookie (`SameSite=Strict`) is a session's, when it carries what
//! only that session's pages hold, and when the browser does not say that it came from another
//! site.

mod device;
mod frame;
mod happenings;
mod map;
mod session;
mod tables;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{COOKIE, HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use maud::{Markup, html};
use serde_json::Value;

use super::{Api, shown, whole};
use crate::alert::Alert;
use crate::plan::{ApiRole, ApiToken};
use crate::record::{Line, Record, time_of};
use crate::shell::control::Command;
use crate::shell::evidence::Sqlite;
use crate::shell::metrics::Metrics;
use crate::shell::seen::Seen;
use crate::shell::{clock, log};
use crate::vocabulary::{Language, Text, Timestamp};

use super::route::Problem;
use device::Found;
use session::Session;

pub(super) use session::Sessions;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// Nothing but our own style, script and pages; nobody may frame them.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
    img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Fields read of one form or query.
const FIELDS_MAX: usize = 20;

/// One request by a browser.
#[derive(Clone)]
pub(super) struct Visit<'a> {
    api: &'a Api,
    peer: SocketAddr,
    language: Language,
    path: String,
    query: Vec<(String, String)>,
    session: Option<Session>,
    seen: Arc<Seen>,
    metrics: &'a Metrics,
    now: Timestamp,
}

/// Why there is no page.
struct Refusal {
    status: StatusCode,
    message: String,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { status: problem.status, message: problem.message }
    }
}

impl Visit<'_> {
    fn say(&self, ja: &'static str, en: &'static str) -> &'static str {
        Text { ja, en }.get(self.language)
    }

    /// A field of the query; empty where it is absent.
    fn asked(&self, name: &str) -> &str {
        value(&self.query, name)
    }

    fn refusal(&self, status: StatusCode, ja: &'static str, en: &'static str) -> Refusal {
        Refusal { status, message: self.say(ja, en).to_owned() }
    }

    /// Has the service carry out a command in the name of the session.
    async fn carry(&self, command: Command) -> Result<Value, Refusal> {
        let name = self.session.as_ref().map_or("?", Session::name);
        let by = format!("page {name} ({})", self.peer.ip());
        let reply = self.api.ask(command, by, self.language).await;
        if reply.ok { Ok(reply.result) } else { Err(Problem::of(reply).into()) }
    }

    /// Reads the evidence; `None` where it cannot be read.
    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Sqlite) -> rusqlite::Result<T> + Send + 'static,
    ) -> Option<T> {
        let path = self.api.evidence.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&Sqlite::open_to_read(&path)?));
        asked.await.ok()?.ok()
    }

    /// Refuses whoever lacks the role.
    fn must(&self, role: ApiRole) -> Result<(), Refusal> {
        if self.session.as_ref().is_some_and(|session| session.role().permits(role)) {
            return Ok(());
        }
        self.api.complain(self.peer);
        Err(self.refusal(
            StatusCode::FORBIDDEN,
            "このトークンの役割ではできません",
            "the role of this token does not permit it",
        ))
    }

    fn refused(&self, refusal: &Refusal) -> Response<Full<Bytes>> {
        let title = refusal.status.as_str();
        let main = html! {
            h1 { (title) }
            p.notice.bad role="alert" { (refusal.message) }
            p { a href="/" { (self.say("はじめに戻る", "back to the beginning")) } }
        };
        text(refusal.status, "text/html", frame::page(self, title, &main))
    }
}

/// Answers a browser; `secure` over TLS.
pub(super) async fn answer(
    api: &Api,
    request: Request<Incoming>,
    peer: SocketAddr,
    secure: bool,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    match parts.uri.path() {
        "/style.css" => return text(StatusCode::OK, "text/css", STYLE.to_owned()),
        "/script.js" => return text(StatusCode::OK, "text/javascript", SCRIPT.to_owned()),
        _ => {}
    }
    let query = fields(parts.uri.query().unwrap_or_default().as_bytes());
    let chosen = Language::parse(value(&query, "lang"));
    let kept = cookie(&parts.headers, "lang").and_then(Language::parse);
    let language = chosen.or(kept).unwrap_or_else(|| super::language(&parts.headers, api.language));
    let name = cookie(&parts.headers, session_cookie(secure));
    let visit = Visit {
        api,
        peer,
        language,
        path: parts.uri.path().to_owned(),
        query,
        session: name
            .and_then(|name| api.sessions.find(name, Instant::now()))
            .filter(|session| api.holds(session.token())),
        seen: api.window.look(),
        metrics: &api.metrics,
        now: clock::now(),
    };
    let response = match parts.method {
        Method::GET | Method::HEAD => show(&visit).await,
        Method::POST => match form(&visit, &parts.headers, body).await {
            Ok(form) => take(&visit, &form, name, secure).await,
            Err(refusal) => Err(refusal),
        },
        _ => Err(visit.refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "その方法はありません",
            "no such method",
        )),
    };
    let mut response = response.unwrap_or_else(|refusal| visit.refused(&refusal));
    if let Some(language) = chosen {
        let cookie = format!("lang={}; Path=/; SameSite=Strict; Max-Age=31536000", language.id());
        put(&mut response, "set-cookie", &cookie);
    }
    response
}

/// With TLS a browser refuses that name to anything but this very host.
const fn session_cookie(secure: bool) -> &'static str {
    if secure { "__Host-sekisho" } else { "sekisho" }
}

async fn show(visit: &Visit<'_>) -> Result<Response<Full<Bytes>>, Refusal> {
    if visit.session.is_none() {
        return Ok(if visit.path == "/login" {
            text(StatusCode::OK, "text/html", login(visit, None))
        } else {
            elsewhere("/login")
        });
    }
    let absent =
        || visit.refusal(StatusCode::NOT_FOUND, "そのページはありません", "there is no such page");
    let html = match visit.path.as_str() {
        "/" => {
            let (title, main) = map::city(visit);
            frame::page(visit, &title, &main)
        }
        "/site" => {
            let (title, main) = map::site(visit).await.ok_or_else(absent)?;
            frame::page(visit, &title, &main)
        }
        "/find" => match device::find(visit) {
            Found::One(path) => return Ok(elsewhere(&path)),
            Found::Several(title, main) => frame::page(visit, &title, &main),
        },
        "/device" => device::story(visit, None).await.ok_or_else(absent)?,
        "/alerts" => happenings::alerts(visit).await,
        "/plans" => happenings::plans(visit).await?,
        "/plan" => {
            visit.must(ApiRole::Administer)?;
            happenings::plan(visit).await?
        }
        "/login" => return Ok(elsewhere("/")),
        _ => return Err(absent()),
    };
    Ok(text(StatusCode::OK, "text/html", html))
}

/// Reads a form that this site's own page sent.
async fn form(
    visit: &Visit<'_>,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Vec<(String, String)>, Refusal> {
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let site = header("sec-fetch-site").is_none_or(|it| it == "same-origin");
    let host = header(HOST.as_str()).unwrap_or_default();
    let origin = header(ORIGIN.as_str());
    let origin = origin.is_none_or(|it| it.split_once("://").is_some_and(|(_, it)| it == host));
    if !site || !origin {
        visit.api.complain(visit.peer);
        return Err(visit.refusal(
            StatusCode::FORBIDDEN,
            "ほかのサイトからの要求です",
            "this request came from another site",
        ));
    }
    let body = whole(body).await.ok_or_else(|| {
        visit.refusal(StatusCode::PAYLOAD_TOO_LARGE, "本文が長すぎます", "the body is too long")
    })?;
    Ok(fields(&body))
}

/// Carries out what a form asks.
async fn take(
    visit: &Visit<'_>,
    form: &[(String, String)],
    name: Option<&str>,
    secure: bool,
) -> Result<Response<Full<Bytes>>, Refusal> {
    if visit.path == "/login" {
        return Ok(log_in(visit, value(form, "token"), secure));
    }
    let Some(session) = &visit.session else { return Ok(elsewhere("/login")) };
    if !session.made(value(form, "form")) {
        visit.api.complain(visit.peer);
        return Err(visit.refusal(
            StatusCode::FORBIDDEN,
            "フォームが古いか、このページのものではありません。開き直してください",
            "this form is old or not of this page; open it anew",
        ));
    }
    match visit.path.as_str() {
        "/logout" => {
            name.iter().for_each(|name| visit.api.sessions.close(name));
            let mut response = elsewhere("/login");
            let name = session_cookie(secure);
            put(&mut response, "set-cookie", &format!("{name}=; Path=/; Max-Age=0"));
            Ok(response)
        }
        "/act" => act(visit, form).await,
        _ => Err(visit.refusal(
            StatusCode::NOT_FOUND,
            "そのページはありません",
            "there is no such page",
        )),
    }
}

async fn act(
    visit: &Visit<'_>,
    form: &[(String, String)],
) -> Result<Response<Full<Bytes>>, Refusal> {
    visit.must(ApiRole::Operate)?;
    let [subject, reason] = ["subject", "reason"].map(|name| value(form, name).to_owned());
    let action = value(form, "action");
    let command = match action {
        "quarantine" => Command::Quarantine { subject, reason, until: None },
        "release" => Command::Release { subject, reason },
        "disconnect" => Command::Disconnect { subject, reason },
        _ => {
            return Err(visit.refusal(
                StatusCode::BAD_REQUEST,
                "その操作はありません",
                "there is no such action",
            ));
        }
    };
    let back = value(form, "back").strip_prefix("/device?").unwrap_or_default();
    match visit.carry(command).await {
        Ok(_) => Ok(elsewhere(&format!("/device?{back}&done={action}"))),
        Err(refusal) => {
            let (path, query) = ("/device".to_owned(), fields(back.as_bytes()));
            let again = Visit { path, query, ..visit.clone() };
            match device::story(&again, Some(&refusal)).await {
                Some(html) => Ok(text(refusal.status, "text/html", html)),
                None => Err(refusal),
            }
        }
    }
}

fn log_in(visit: &Visit<'_>, token: &str, secure: bool) -> Response<Full<Bytes>> {
    let found: Option<ApiToken> = visit.api.holder(token.trim().as_bytes());
    // What a sensor reports with opens no page.
    let found = found.filter(|token| token.role.permits(ApiRole::Read));
    let refused = |status, ja, en| {
        visit.api.complain(visit.peer);
        text(status, "text/html", login(visit, Some(visit.say(ja, en))))
    };
    let Some(token) = found else {
        return refused(
            StatusCode::UNAUTHORIZED,
            "そのトークンは有効ではありません。",
            "this token is not valid",
        );
    };
    let facts = [
        ("by", token.name.clone()),
        ("role", token.role.id().to_owned()),
        ("address", visit.peer.ip().to_string()),
    ];
    let Some(name) = visit.api.sessions.open(token, Instant::now()) else {
        return refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "いまはログインできません。",
            "nobody can log in now",
        );
    };
    visit.api.log.event(visit.now, log::Event::PageLogin, &facts);
    let mut response = elsewhere("/");
    let secure =
        if secure { ("; Secure", session_cookie(true)) } else { ("", session_cookie(false)) };
    let age = session::LIFE_MAX.as_secs();
    let (flag, cookie) = secure;
    let cookie = format!("{cookie}={name}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{flag}");
    put(&mut response, "set-cookie", &cookie);
    response
}

fn login(visit: &Visit<'_>, wrong: Option<&str>) -> String {
    let main = html! {
        section.login {
            h1 { (visit.say("ログイン", "Log in")) }
            @if let Some(wrong) = wrong { p.notice.bad role="alert" { (wrong) } }
            form method="post" action="/login" {
                label for="token" { (visit.say("API のトークン", "API token")) }
                input #token name="token" type="password" required autocomplete="current-password" autofocus;
                button.primary type="submit" { (visit.say("ログイン", "log in")) }
            }
            p.quiet { (visit.say("トークンは sekisho secret token で作ります。30 分使わないとログアウトします。", "sekisho secret token makes one; half an hour of idleness logs you out")) }
        }
    };
    frame::page(visit, visit.say("ログイン", "Log in"), &main)
}

/// The newest records of several searches, each once.
fn records(mut found: Vec<Record>, limit: usize) -> Vec<Line> {
    found.sort_by_key(|record| std::cmp::Reverse(record.sequence));
    let mut known = BTreeSet::new();
    found.retain(|record| known.insert(record.sequence));
    found.iter().take(limit).map(Record::line).collect()
}

fn text_of<'a>(line: &'a Line, key: &str) -> &'a str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn when(line: &Line) -> String {
    time_of(line).local()
}

/// Records as a table.
fn line_table(visit: &Visit<'_>, lines: &[Line]) -> Markup {
    let plan_place = |line: &Line| shown(text_of(line, "place"));
    html! {
        div.scroll { table.lines {
            thead { tr {
                th scope="col" { (visit.say("時刻", "time")) } th scope="col" { (visit.say("種類", "event")) }
                th scope="col" { (visit.say("場所", "place")) } th scope="col" { (visit.say("環境", "environment")) }
                th scope="col" { (visit.say("内容", "what")) }
            } }
            tbody { @for line in lines {
                tr.(text_of(line, "severity")) {
                    td { time { (when(line)) } } td.mono { (text_of(line, "event")) }
                    td { (plan_place(line)) } td { (frame::chip(visit, text_of(line, "environment"))) }
                    td { (told(visit, line)) }
                }
            } }
        } }
    }
}

/// What a record says; an alert in the visitor's language, anything else in the log's.
fn told(visit: &Visit<'_>, line: &Line) -> String {
    let key = if line.contains_key("message") { "message" } else { "text" };
    let alert = Alert::of(line).map(|alert| alert.text(visit.language));
    alert.unwrap_or_else(|| text_of(line, key).to_owned())
}

fn fields(octets: &[u8]) -> Vec<(String, String)> {
    let pairs = form_urlencoded::parse(octets).take(FIELDS_MAX);
    pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).into_iter().filter_map(|it| it.to_str().ok());
    all.flat_map(|it| it.split("; ")).find_map(|it| it.strip_prefix(name)?.strip_prefix('='))
}

fn put(response: &mut Response<Full<Bytes>>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}

fn elsewhere(path: &str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::SEE_OTHER, "text/html", String::new());
    put(&mut response, "location", path);
    response
}

fn text(status: StatusCode, kind: &str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kept = if kind == "text/html" { "no-store" } else { "max-age=300" };
    for (name, value) in [
        ("content-type", format!("{kind}; charset=utf-8").as_str()),
        ("cache-control", kept),
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        put(&mut response, name, value);
    }
    response
}
