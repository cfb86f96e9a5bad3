//! HTTP at the public side: a request by a label proves a way out that carries data, not names
//! alone. One request a connection, a fixed answer (RFC 9112).

use super::{LabelHash, Outcome, Zone};

/// Longest head of a request that is read.
pub const HEAD_OCTETS_MAX: usize = 4096;

/// There is nothing to see (RFC 9110 §15.3.5).
const NO_CONTENT: &str = "204 No Content";
const NOT_FOUND: &str = "404 Not Found";
const BAD_REQUEST: &str = "400 Bad Request";

/// Answers the head of a request: what is sent, what it was, and the label that was asked by.
#[must_use]
pub fn answer(zone: &Zone, head: &[u8]) -> (Vec<u8>, Outcome, Option<LabelHash>) {
    let host = std::str::from_utf8(head).ok().and_then(host);
    let Some(host) = host else { return (response(BAD_REQUEST), Outcome::Malformed, None) };
    match zone.hit(host) {
        Some(hash) => (response(NO_CONTENT), Outcome::Named, Some(hash)),
        None => (response(NOT_FOUND), Outcome::Missed, None),
    }
}

fn response(status: &str) -> Vec<u8> {
    let length = if status == NO_CONTENT { "" } else { "Content-Length: 0\r\n" };
    format!("HTTP/1.1 {status}\r\n{length}Cache-Control: no-store\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

/// The host of a request (RFC 9112 §3.2): the one `Host` field, without a port.
fn host(head: &str) -> Option<&str> {
    let mut lines = head.split("\r\n");
    let line = lines.next()?;
    let mut words = line.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let known = matches!(method, "GET" | "HEAD") && version.starts_with("HTTP/1.");
    if !known || words.next().is_some() || !target.starts_with('/') {
        return None;
    }
    let mut hosts = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    });
    let host = hosts.next().filter(|_| hosts.next().is_none())?;
    Some(host.split_once(':').map_or(host, |(name, _)| name))
}
