//! The HTTP API: the same commands as the control socket and the same searches as `sekisho log`,
//! for other programs, and the operator's page beside it. Plain HTTP on loopback, TLS anywhere else; a token always.

mod openapi;
mod page;
mod route;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT_LANGUAGE, AUTHORIZATION, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::control::{Carry, Command, Reply, Request as Ask};
use super::evidence::Sqlite;
use super::log::{self, Log};
use super::metrics::Metrics;
use super::seen::Window;
use super::{Failure, FailureKind, clock};
use crate::plan::{ApiToken, Credentials};
use crate::record::{Query, Store as _};
use crate::vocabulary::{Language, escape};

use route::{Asked, Problem, Work};

/// Longest body of a request.
pub const BODY_OCTETS_MAX: usize = 65_536;
/// Connections at once; further ones wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 64;
/// How long a connection may last: a reload of a large city takes seconds.
pub const CONNECTION_TIMEOUT: Duration = Duration::from_secs(150);
/// How long a peer may take for the handshake or the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a refused caller is worth a line.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(60);

/// What the API serves from.
pub struct Api {
    tokens: Mutex<Arc<Vec<ApiToken>>>,
    carry: Carry,
    evidence: PathBuf,
    language: Language,
    log: Log,
    /// What the page shows.
    window: Window,
    metrics: Arc<Metrics>,
    sessions: page::Sessions,
    /// Refusals since the last line about one, and when that was.
    refused: Mutex<(u64, Option<Instant>)>,
}

impl Api {
    /// An API that hands commands to `carry` and reads the evidence file.
    #[must_use]
    pub fn new(
        carry: Carry,
        evidence: PathBuf,
        language: Language,
        log: Log,
        (window, metrics): (Window, Arc<Metrics>),
    ) -> Self {
        let (tokens, refused) = (Mutex::default(), Mutex::default());
        let sessions = page::Sessions::default();
        Self { tokens, carry, evidence, language, log, window, metrics, sessions, refused }
    }

    /// From now on these tokens are good, and no others.
    pub fn admit(&self, tokens: &[ApiToken]) {
        self.sessions.keep(tokens);
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(tokens.to_vec());
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        secure: bool,
    ) -> Response<Full<Bytes>> {
        if !request.uri().path().starts_with("/api/") {
            return page::answer(self, request, peer, secure).await;
        }
        let language = language(request.headers(), self.language);
        match self.work(request, peer, language).await {
            Ok(value) => page(StatusCode::OK, &value),
            Err(problem) => {
                let error = json!({ "id": problem.id, "message": problem.message });
                page(problem.status, &json!({ "error": error, "result": problem.result }))
            }
        }
    }

    async fn work(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        language: Language,
    ) -> Result<Value, Problem> {
        let Some(token) = self.token(&request) else {
            self.complain(peer);
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "api.token", language));
        };
        let (parts, body) = request.into_parts();
        let (route, captured) = route::find(&parts.method, parts.uri.path(), language)?;
        if token.role < route.role {
            self.complain(peer);
            return Err(Problem::new(StatusCode::FORBIDDEN, "api.role", language));
        }
        let body = Limited::new(body, BODY_OCTETS_MAX).collect().await;
        let body = body.map_err(|_| {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "api.body-too-long", language)
        })?;
        let asked = Asked {
            captured,
            query: parts.uri.query().unwrap_or_default(),
            body: &body.to_bytes(),
            now: clock::now(),
            language,
        };
        match (route.build)(&asked)? {
            Work::Command(command) => {
                let by = format!("api {} ({})", token.name, peer.ip());
                let reply = self.ask(command, by, language).await;
                if reply.ok { Ok(reply.result) } else { Err(Problem::of(reply)) }
            }
            Work::Records(query) => {
                self.read(language, move |store| {
                    let records = store.search(&query)?;
                    let lines: Vec<Value> =
                        records.iter().map(|record| Value::Object(record.line())).collect();
                    Ok(json!({ "records": lines }))
                })
                .await
            }
            Work::Sessions(query) => self.sessions(language, query).await,
            Work::Description => Ok(openapi::description(language)),
        }
    }

    /// Has the service carry out a command.
    async fn ask(&self, command: Command, by: String, language: Language) -> Reply {
        let ask = Ask { language: language.id().to_owned(), command };
        let reply = match (self.carry)(ask, by) {
            Some(receiver) => receiver.await.ok(),
            None => None,
        };
        let failure = Failure::new(FailureKind::Stopping);
        reply.unwrap_or_else(|| Reply::failed(&failure, language))
    }

    async fn sessions(&self, language: Language, query: Query) -> Result<Value, Problem> {
        self.read(language, move |store| {
            let sessions = store.sessions(&query)?;
            let sessions: Vec<Value> = sessions.iter().map(crate::record::session_json).collect();
            Ok(json!({ "sessions": sessions }))
        })
        .await
    }

    async fn read(
        &self,
        language: Language,
        ask: impl FnOnce(&Sqlite) -> rusqlite::Result<Value> + Send + 'static,
    ) -> Result<Value, Problem> {
        let path = self.evidence.clone();
        let found = tokio::task::spawn_blocking(move || ask(&Sqlite::open_to_read(&path)?)).await;
        match found {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) | Err(_) => {
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "api.evidence", language))
            }
        }
    }

    /// The token that a request proves to hold.
    fn token(&self, request: &Request<Incoming>) -> Option<ApiToken> {
        let header = request.headers().get(AUTHORIZATION)?.as_bytes();
        self.holder(header.strip_prefix(b"Bearer ")?)
    }

    /// The token that somebody presents.
    fn holder(&self, presented: &[u8]) -> Option<ApiToken> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Every one is compared, whichever it is.
        let mut found = None;
        for token in tokens.iter() {
            if token.is(presented) {
                found = Some(token.clone());
            }
        }
        found
    }

    fn complain(&self, peer: SocketAddr) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.1.is_some_and(|at| at.elapsed() < REFUSAL_INTERVAL) {
            refused.0 += 1;
            return;
        }
        let facts = [("address", peer.ip().to_string()), ("more", refused.0.to_string())];
        *refused = (0, Some(Instant::now()));
        drop(refused);
        self.log.event(clock::now(), log::Event::ApiRefused, &facts);
    }
}

fn language(headers: &HeaderMap, default: Language) -> Language {
    let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let first = wanted.and_then(|value| value.split([',', '-', ';']).next());
    first.and_then(|word| Language::parse(word.trim())).unwrap_or(default)
}

fn page(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-type", "application/json; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert("www-authenticate", HeaderValue::from_static("Bearer"));
    }
    response
}

/// TLS with the server's own certificate.
///
/// # Errors
/// Certificate or key cannot be used.
pub fn tls(credentials: &Credentials) -> Result<TlsAcceptor, Failure> {
    let failed = |cause: String| Failure::new(FailureKind::SnapshotRefused).fact("cause", cause);
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&credentials.server_chain).collect();
    let chain = chain.map_err(|cause| failed(cause.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(credentials.server_key.expose())
        .map_err(|cause| failed(cause.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| failed(cause.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|cause| failed(cause.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until the task is dropped; with `tls` where the listener is not on loopback.
pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, api: Arc<Api>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of descriptors, most likely: wait rather than spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (api, tls) = (Arc::clone(&api), tls.clone());
        tokio::spawn(async move {
            let served = async {
                match tls {
                    None => converse(stream, &api, peer, false).await,
                    Some(tls) => {
                        if let Ok(Ok(stream)) = timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                            converse(stream, &api, peer, true).await;
                        }
                    }
                }
            };
            // OK because a peer that is slow or gone has only itself to tell.
            let _ = timeout(CONNECTION_TIMEOUT, served).await;
            drop(place);
        });
    }
}

async fn converse(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    api: &Arc<Api>,
    peer: SocketAddr,
    secure: bool,
) {
    let service = hyper::service::service_fn(|request| async move {
        Ok::<_, Infallible>(api.answer(request, peer, secure).await)
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    let server = server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    // OK because a broken connection concerns only its peer.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// Text of a peer as an answer shows it.
fn shown(text: &str) -> String {
    escape(text.as_bytes())
}
