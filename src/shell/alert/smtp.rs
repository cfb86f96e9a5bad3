//! Just enough SMTP (RFC 5321) to hand in alerts: a client of our own, because a library would
//! bring more code for parsing mail than all of this room, and our letters are always plain.

use std::io::{self, Write};
use std::sync::Arc;

use rustls::ClientConfig;

use super::channel::Channel;
use super::channel::read_line;
use super::courier::Fate;
use crate::alert::Alert;
use crate::alert::format::{Letter, base64, letter};
use crate::plan::{Host, MailSecurity};
use crate::vocabulary::{Language, Secret, Timestamp};

/// Longest line of a reply (RFC 5321 §4.5.3.1.5: 512), with room for those who ignore that.
const LINE_OCTETS_MAX: usize = 4096;
/// Lines of one reply.
const LINES_MAX: usize = 100;

/// Where letters go.
pub(super) struct Post<'a> {
    pub(super) to: &'a Host,
    pub(super) security: MailSecurity,
    pub(super) trust: Option<&'a Arc<ClientConfig>>,
    pub(super) account: Option<(&'a str, &'a Secret)>,
    pub(super) from: &'a str,
    pub(super) addressees: &'a [String],
    pub(super) node: &'a str,
    pub(super) language: Language,
}

/// Sends a letter for each alert over one connection.
pub(super) fn send(
    post: &Post<'_>,
    now: Timestamp,
    alerts: &[Alert],
    tell: &mut dyn FnMut(Fate),
) -> io::Result<()> {
    let mut channel = Channel::open(post.to)?;
    let untrusted = || io::Error::other("no certificate to believe");
    if post.security == MailSecurity::Tls {
        channel = channel.protect(post.to, post.trust.ok_or_else(untrusted)?)?;
    }
    let own = match channel.own() {
        Some(std::net::IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        Some(std::net::IpAddr::V4(address)) => format!("[{address}]"),
        None => "localhost".to_owned(),
    };
    let hello = format!("EHLO {own}");
    expect(&mut channel, 220)?;
    ask(&mut channel, &hello, 250)?;
    if post.security == MailSecurity::StartTls {
        // Demanded, not tried: whoever strips it out of the answer gets nothing.
        ask(&mut channel, "STARTTLS", 220)?;
        channel = channel.protect(post.to, post.trust.ok_or_else(untrusted)?)?;
        ask(&mut channel, &hello, 250)?;
    }
    if let Some((user, word)) = post.account {
        // RFC 4616: nobody else, user, password.
        let plain = [b"\0", user.as_bytes(), b"\0", word.expose()].concat();
        ask(&mut channel, &format!("AUTH PLAIN {}", base64(&plain)), 235)?;
    }
    for alert in alerts {
        ask(&mut channel, &format!("MAIL FROM:<{}>", post.from), 250)?;
        let mut taken = 0;
        let mut refused = String::new();
        for to in post.addressees {
            match ask(&mut channel, &format!("RCPT TO:<{to}>"), 250) {
                Ok(_) => taken += 1,
                Err(cause) => refused = cause.to_string(),
            }
        }
        if taken == 0 {
            return Err(io::Error::other(refused));
        }
        ask(&mut channel, "DATA", 354)?;
        let header = Letter { from: post.from, to: post.addressees, node: post.node, now };
        let text = letter(alert, header, post.language);
        let mut stuffed = String::with_capacity(text.len() + 16);
        for line in text.split_inclusive("\r\n") {
            // RFC 5321 §4.5.2.
            if line.starts_with('.') {
                stuffed.push('.');
            }
            stuffed.push_str(line);
        }
        stuffed.push_str(".\r\n");
        channel.write_all(stuffed.as_bytes())?;
        channel.flush()?;
        match reply(&mut channel)? {
            (250, _) => tell(Fate::Delivered),
            // The server has read it and will never take it.
            (552 | 554, text) => tell(Fate::Refused(text)),
            (_, text) => return Err(io::Error::other(text)),
        }
    }
    // OK because the letters are handed in, whatever the server thinks of our leaving.
    let _ = ask(&mut channel, "QUIT", 221);
    Ok(())
}

fn ask(channel: &mut Channel, line: &str, expected: u16) -> io::Result<String> {
    channel.write_all(line.as_bytes())?;
    channel.write_all(b"\r\n")?;
    channel.flush()?;
    expect(channel, expected)
}

fn expect(channel: &mut Channel, expected: u16) -> io::Result<String> {
    match reply(channel)? {
        (code, text) if code == expected => Ok(text),
        (_, text) => Err(io::Error::other(format!("the server answers `{text}`"))),
    }
}

/// Code and last line of a reply, whose other lines have `-` after the code.
fn reply(channel: &mut Channel) -> io::Result<(u16, String)> {
    for _ in 0..LINES_MAX {
        let line = read_line(channel, LINE_OCTETS_MAX)?;
        let code = line.get(..3).and_then(|code| code.parse().ok());
        let code = code.ok_or_else(|| io::Error::other(format!("no reply of SMTP: `{line}`")))?;
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok((code, line));
        }
    }
    Err(io::Error::other("the server's answer has no end"))
}
