//! One HTTP request with a JSON body, over TLS or in the clear, on which nothing waits for ever.

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use rustls::ClientConfig;

use super::alert::channel::{Channel, read_line};
use crate::alert::format::NAME;
use crate::plan::Host;
use crate::vocabulary::Secret;

/// Longest line of a head.
const LINE_OCTETS_MAX: usize = 1024;
/// Lines of a head.
const LINES_MAX: usize = 64;
/// Longest body of an answer.
const BODY_OCTETS_MAX: u64 = 256 * 1024;

/// Whom to ask, and as whom.
pub struct Peer<'a> {
    /// The server.
    pub to: &'a Host,
    /// What it is proven by; `None` in the clear.
    pub trust: Option<&'a Arc<ClientConfig>>,
    /// The bearer token.
    pub token: Option<&'a Secret>,
}

/// What came back.
pub struct Answer {
    /// The status line.
    pub line: String,
    /// The status; `None` when the line is none of HTTP.
    pub status: Option<u16>,
    /// The body.
    pub body: Vec<u8>,
}

/// Posts `body` and waits for the answer.
///
/// # Errors
/// The server cannot be reached, is not who it should be, or breaks off.
pub fn post(peer: &Peer<'_>, path: &str, body: &[u8]) -> io::Result<Answer> {
    let to = peer.to;
    let host = if to.name.contains(':') { format!("[{}]", to.name) } else { to.name.clone() };
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}:{}\r\nUser-Agent: {NAME}/{}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n",
        to.port,
        env!("CARGO_PKG_VERSION"),
        body.len(),
    )
    .into_bytes();
    if let Some(token) = peer.token {
        head.extend_from_slice(b"Authorization: Bearer ");
        head.extend_from_slice(token.expose().trim_ascii_end());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    let mut channel = Channel::open(to)?;
    if let Some(trust) = peer.trust {
        channel = channel.protect(to, trust)?;
    }
    channel.write_all(&head)?;
    channel.write_all(body)?;
    channel.flush()?;
    let line = read_line(&mut channel, LINE_OCTETS_MAX)?;
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    let status = status.and_then(|status| status.parse::<u16>().ok());
    let mut length = None;
    let mut lines = 0;
    // A server that says nothing after its status has still said that.
    while let Ok(header) = read_line(&mut channel, LINE_OCTETS_MAX) {
        lines += 1;
        if header.is_empty() || lines > LINES_MAX {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<u64>().ok();
        }
    }
    let mut body = Vec::new();
    if let Some(length) = length.filter(|length| *length <= BODY_OCTETS_MAX) {
        // OK because a body that breaks off is one that cannot be read.
        let _ = channel.take(length).read_to_end(&mut body);
    }
    Ok(Answer { line, status, body })
}
