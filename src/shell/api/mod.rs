//! The HTTP API: the same commands as the control socket and the same searches as `sekisho log`,
//! for other programs, and the operator's page beside it. Plain HTTP on loopback, TLS anywhere
//! else; a token or a client certificate always.

mod openapi;
mod page;
mod route;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT_LANGUAGE, AUTHORIZATION, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
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
use super::sparse::Sparse;
use super::tls::{self, Pinned};
use super::{Failure, FailureKind, clock};
use crate::plan::{ApiRole, ApiToken, Credentials, PeerCertificate};
use crate::record::{Query, Store as _};
use crate::vocabulary::{Language, escape};

use route::{Asked, Problem, Work};

/// Longest body of a request.
pub const BODY_OCTETS_MAX: usize = 65_536;
/// Connections at once; further ones wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 64;
/// Those of one peer: the rest are for others.
pub const CONNECTIONS_OF_ONE_MAX: usize = 48;
/// How long a connection may last: a reload of a large city takes seconds.
pub const CONNECTION_TIMEOUT: Duration = Duration::from_secs(150);
/// How long a peer may take for the handshake or the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take for the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What callers prove themselves by.
#[derive(Default)]
struct Keys {
    tokens: Vec<ApiToken>,
    certificates: Vec<(PeerCertificate, ApiRole)>,
}

/// Who asks.
struct Caller {
    name: String,
    role: ApiRole,
}

/// Where a request comes from.
#[derive(Clone)]
struct Peer {
    address: SocketAddr,
    /// Whether it came over TLS.
    secure: bool,
    /// The certificate that TLS proved.
    certificate: Option<CertificateDer<'static>>,
}

/// What the API serves from.
pub struct Api {
    keys: Mutex<Arc<Keys>>,
    pinned: Arc<Pinned>,
    carry: Carry,
    evidence: PathBuf,
    language: Language,
    log: Log,
    /// What the page shows.
    window: Window,
    metrics: Arc<Metrics>,
    sessions: page::Sessions,
    refused: Sparse,
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
        let (keys, refused, sessions) = (Mutex::default(), Sparse::default(), Default::default());
        let pinned = Pinned::new(true);
        Self { keys, pinned, carry, evidence, language, log, window, metrics, sessions, refused }
    }

    /// From now on these tokens and certificates are good, and no others.
    pub fn admit(&self, credentials: &Credentials) {
        let certificates = credentials.peers.api.clone();
        self.pinned
            .admit(certificates.iter().map(|(certificate, _)| certificate.clone()).collect());
        let keys = Keys { tokens: credentials.tokens.clone(), certificates };
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.sessions.keep(&credentials.tokens);
    }

    /// Whether a token is good still: one that was taken away while somebody logged in with it is
    /// not.
    fn holds(&self, token: &ApiToken) -> bool {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).tokens.contains(token)
    }

    /// TLS for this API.
    ///
    /// # Errors
    /// Certificate or key cannot be used.
    pub fn tls(&self, credentials: &Credentials) -> Result<TlsAcceptor, Failure> {
        tls::acceptor(credentials, &self.pinned)
    }

    async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<Full<Bytes>> {
        if !request.uri().path().starts_with("/api/") {
            return page::answer(self, request, peer.address, peer.secure).await;
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
        peer: &Peer,
        language: Language,
    ) -> Result<Value, Problem> {
        let Some(caller) = self.caller(&request, peer) else {
            self.complain(peer.address);
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "api.token", language));
        };
        let (parts, body) = request.into_parts();
        let (route, captured) = route::find(&parts.method, parts.uri.path(), language)?;
        if !caller.role.permits(route.role) {
            self.complain(peer.address);
            return Err(Problem::new(StatusCode::FORBIDDEN, "api.role", language));
        }
        let body = whole(body).await.ok_or_else(|| {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "api.body-too-long", language)
        })?;
        let asked = Asked {
            captured,
            query: parts.uri.query().unwrap_or_default(),
            body: &body,
            who: &caller.name,
            now: clock::now(),
            language,
        };
        match (route.build)(&asked)? {
            Work::Command(command) => {
                let by = format!("api {} ({})", caller.name, peer.address.ip());
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

    /// The token that somebody presents.
    fn holder(&self, presented: &[u8]) -> Option<ApiToken> {
        let keys = Arc::clone(&self.keys.lock().unwrap_or_else(PoisonError::into_inner));
        // Every one is compared, whichever it is.
        let mut found = None;
        for token in &keys.tokens {
            if token.is(presented) {
                found = Some(token.clone());
            }
        }
        found
    }

    /// Who a request proves to come from: a token speaks before a certificate.
    fn caller(&self, request: &Request<Incoming>, peer: &Peer) -> Option<Caller> {
        if let Some(header) = request.headers().get(AUTHORIZATION) {
            let token = self.holder(header.as_bytes().strip_prefix(b"Bearer ")?)?;
            return Some(Caller { name: token.name, role: token.role });
        }
        let keys = Arc::clone(&self.keys.lock().unwrap_or_else(PoisonError::into_inner));
        let presented = peer.certificate.as_ref()?;
        // Once more, since a connection may outlast the belief in its certificate.
        self.pinned.whose(presented, clock::now()).ok()?;
        let held = keys.certificates.iter().find(|(own, _)| own.der == presented.as_ref());
        held.map(|(own, role)| Caller { name: own.name.clone(), role: *role })
    }

    fn complain(&self, peer: SocketAddr) {
        if let Some(more) = self.refused.due() {
            let facts = [("address", peer.ip().to_string()), ("more", more.to_string())];
            self.log.event(clock::now(), log::Event::ApiRefused, &facts);
        }
    }
}

/// A body of bearable length that comes in time.
async fn whole(body: Incoming) -> Option<Bytes> {
    let body = timeout(BODY_TIMEOUT, Limited::new(body, BODY_OCTETS_MAX).collect()).await;
    Some(body.ok()?.ok()?.to_bytes())
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

/// Connections by peer.
type Shares = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// One connection of a peer, who may not have all.
struct Share {
    shares: Shares,
    peer: IpAddr,
}

impl Share {
    fn of(shares: &Shares, peer: IpAddr) -> Option<Self> {
        let mut all = shares.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(peer).or_default();
        if *count >= CONNECTIONS_OF_ONE_MAX {
            return None;
        }
        *count += 1;
        drop(all);
        Some(Self { shares: Arc::clone(shares), peer })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.peer);
            }
        }
    }
}

/// Serves until the task is dropped; with `tls` where the listener is not on loopback.
pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, api: Arc<Api>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let shares = Shares::default();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, address)) = listener.accept().await else {
            // Out of descriptors, most likely: wait rather than spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Some(share) = Share::of(&shares, address.ip()) else { continue };
        let (api, tls) = (Arc::clone(&api), tls.clone());
        tokio::spawn(async move {
            let _share = share;
            let served = async {
                match tls {
                    None => {
                        let peer = Peer { address, secure: false, certificate: None };
                        converse(stream, &api, peer).await;
                    }
                    Some(tls) => match timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                        Ok(Ok(stream)) => {
                            let shown = stream.get_ref().1.peer_certificates();
                            let own = shown.and_then(<[_]>::first);
                            let certificate = own.map(|own| own.clone().into_owned());
                            let peer = Peer { address, secure: true, certificate };
                            converse(stream, &api, peer).await;
                        }
                        Ok(Err(_)) => api.complain(address),
                        Err(_) => {}
                    },
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
    peer: Peer,
) {
    let peer = &peer;
    let service = hyper::service::service_fn(|request| async move {
        Ok::<_, Infallible>(api.answer(request, peer).await)
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
