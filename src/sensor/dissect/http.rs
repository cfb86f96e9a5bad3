//! The head of an HTTP/1 message (RFC 9112), as far as the first 512 octets show it.

use super::is_host_name;

/// Octets looked at; a head that goes on beyond them is read up to there.
pub const HEAD_OCTETS_MAX: usize = 512;

/// Octets of a method.
const METHOD_OCTETS_MAX: usize = 24;
/// Methods that everybody knows (RFC 9110 §9.3, RFC 5789, SSDP).
const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "PROPFIND",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "QUERY",
];

/// The fields the sensor looks at; empty where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head<'a> {
    /// `User-Agent` of a request.
    pub agent: &'a str,
    /// `Host` of a request, where it could be a host's name, without its port.
    pub host: &'a str,
    /// `Server` of a response, or of an SSDP message.
    pub server: &'a str,
    /// Whether `Via` is there (RFC 9110 §7.6.3).
    pub via: bool,
    /// Whether `X-Forwarded-For` or `Forwarded` (RFC 7239) is there.
    pub forwarded: bool,
    /// Whether `Proxy-Connection` or `Proxy-Authorization` is there.
    pub proxy: bool,
}

/// A message's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http<'a> {
    /// A request.
    Request {
        /// The method.
        method: &'a str,
        /// The target.
        target: &'a str,
        /// The fields.
        head: Head<'a>,
    },
    /// A response.
    Response {
        /// The status code.
        status: u16,
        /// The fields.
        head: Head<'a>,
    },
}

impl<'a> Http<'a> {
    /// Reads a payload that begins with a head; `None` when it does not.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        // Most payloads are ruled out by their first octet, or since no first word ends in time.
        let start = payload.get(..=METHOD_OCTETS_MAX).unwrap_or(payload);
        if !start.first()?.is_ascii_uppercase() || !start.contains(&b' ') {
            return None;
        }
        let octets = payload.get(..HEAD_OCTETS_MAX).unwrap_or(payload);
        // The whole is mostly text, and read faster at once.
        let text = match str::from_utf8(octets) {
            Ok(text) => text,
            Err(_) => octets.utf8_chunks().next()?.valid(),
        };
        let mut lines = text.split('\n').map(str::trim_end);
        let mut words = lines.next()?.split(' ').filter(|word| !word.is_empty());
        let first = words.next()?;
        if let Some(version) = first.strip_prefix("HTTP/") {
            let status = words.next()?.parse().ok()?;
            let known = version.starts_with("1.") && (100..600).contains(&status);
            return known.then(|| Self::Response { status, head: fields(lines) });
        }
        let target = words.next()?;
        // A target that fills the head leaves no version to see; then the method has to be one
        // that everybody knows.
        let version = words.next();
        let cut = octets.len() == HEAD_OCTETS_MAX && !text.contains('\n');
        let word = first.len() <= METHOD_OCTETS_MAX
            && first.bytes().all(|octet| octet.is_ascii_uppercase() || octet == b'-');
        let known = version.is_some_and(|version| version.starts_with("HTTP/1")) && word
            || cut && METHODS.contains(&first);
        known.then(|| Self::Request { method: first, target, head: fields(lines) })
    }

    /// Whether it is a request that only a proxy is sent: CONNECT, or a target with its scheme
    /// in any case of letters (RFC 9112 §3.2.2, §3.2.3), or a field for proxies.
    #[must_use]
    pub fn is_for_proxy(&self) -> bool {
        match self {
            Self::Request { method, target, head } => {
                let scheme = |name: &str| {
                    target.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
                };
                *method == "CONNECT"
                    || head.proxy
                    || ["http://", "https://", "ftp://"].iter().any(|name| scheme(name))
            }
            Self::Response { .. } => false,
        }
    }
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Head<'a> {
    let mut head = Head::default();
    for line in lines.take_while(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("user-agent") {
            head.agent = value;
        } else if is("host") {
            // An IPv6 address is no name.
            let host = value.split_once(':').map_or(value, |(host, _)| host);
            head.host = if is_host_name(host.as_bytes()) { host } else { "" };
        } else if is("server") {
            head.server = value;
        } else if is("via") {
            head.via = true;
        } else if is("x-forwarded-for") || is("forwarded") {
            head.forwarded = true;
        } else if is("proxy-connection") || is("proxy-authorization") {
            head.proxy = true;
        }
    }
    head
}
