//! Brings alerts to one receiver and says what became of each.

use std::io::{self, ErrorKind, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::super::post::{Answer, Peer, post};
use super::channel::{Channel, trust};
use super::smtp;
use crate::alert::Alert;
use crate::alert::format::{Header, bsd, cef, json, rfc5424};
use crate::plan::{AlertSecrets, AlertSink, Host, Means, Shape, Transport};
use crate::vocabulary::{Language, Secret, Timestamp};

/// How long the machine of a datagram's receiver has to say that nobody listens.
const UNREACHABLE_WAIT: Duration = Duration::from_millis(100);
/// What an HTTP server answers to content that it will never take, however often it comes.
const REFUSALS: [u16; 4] = [400, 413, 415, 422];

/// What became of one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The receiver has it, as far as its protocol tells.
    Delivered,
    /// The receiver will never take it, and why.
    Refused(String),
}

/// Delivers to one receiver.
#[derive(Debug)]
pub struct Courier {
    means: Means,
    language: Language,
    node: String,
    trust: Option<Arc<ClientConfig>>,
    word: Option<Secret>,
}

impl Courier {
    /// One for the receiver, with what it is proven by.
    ///
    /// # Errors
    /// Its certificates cannot be used.
    pub fn new(
        sink: &AlertSink,
        secrets: &AlertSecrets,
        node: &str,
    ) -> Result<Self, rustls::Error> {
        let trust = sink.means.is_tls().then(|| trust(&secrets.anchors)).transpose()?;
        Ok(Self {
            means: sink.means.clone(),
            language: sink.language,
            node: node.to_owned(),
            trust,
            word: secrets.word.clone(),
        })
    }

    /// Delivers in order and tells the fate of one after the other, until something goes wrong.
    ///
    /// # Errors
    /// The receiver cannot be reached, or did not take the first one that was not told of.
    pub fn deliver(
        &self,
        now: Timestamp,
        alerts: &[Alert],
        tell: &mut dyn FnMut(Fate),
    ) -> Result<(), String> {
        let done = match &self.means {
            Means::Syslog { transport, to, shape, facility, enterprise, bom } => {
                let header = Header {
                    facility: *facility,
                    node: &self.node,
                    enterprise: *enterprise,
                    bom: *bom,
                };
                let form = match shape {
                    Shape::Rfc5424 => rfc5424,
                    Shape::Bsd => bsd,
                    Shape::Cef => cef,
                };
                let messages: Vec<_> =
                    alerts.iter().map(|alert| form(alert, header, self.language)).collect();
                let sent = match transport {
                    Transport::Udp => datagrams(to, &messages),
                    Transport::Tcp | Transport::Tls => self.stream(to, &messages),
                };
                sent.map(|()| alerts.iter().for_each(|_| tell(Fate::Delivered)))
            }
            Means::Webhook { to, path, .. } => {
                alerts.iter().try_for_each(|alert| self.post(to, path, alert).map(&mut *tell))
            }
            Means::Mail { to, security, user, from, addressees } => {
                let account =
                    self.word.as_ref().filter(|_| !user.is_empty()).map(|it| (user.as_str(), it));
                let post = smtp::Post {
                    to,
                    security: *security,
                    trust: self.trust.as_ref(),
                    account,
                    from,
                    addressees,
                    node: &self.node,
                    language: self.language,
                };
                smtp::send(&post, now, alerts, tell)
            }
        };
        done.map_err(|cause| match cause.kind() {
            // How a socket says that its time is over, which tells nobody anything.
            ErrorKind::WouldBlock => io::Error::from(rustix::io::Errno::TIMEDOUT).to_string(),
            _ => cause.to_string(),
        })
    }

    fn open(&self, to: &Host) -> io::Result<Channel> {
        let channel = Channel::open(to)?;
        match &self.trust {
            Some(trust) => channel.protect(to, trust),
            None => Ok(channel),
        }
    }

    /// Octet counting (RFC 6587 §3.4.1, RFC 5425 §4.3); they count as delivered when the other
    /// end has read to the end.
    fn stream(&self, to: &Host, messages: &[String]) -> io::Result<()> {
        let mut channel = self.open(to)?;
        for message in messages {
            write!(channel, "{} {message}", message.len())?;
        }
        channel.flush()?;
        channel.finish()
    }

    fn post(&self, to: &Host, path: &str, alert: &Alert) -> io::Result<Fate> {
        let body = json(alert, self.language);
        let peer = Peer { to, trust: self.trust.as_ref(), token: self.word.as_ref() };
        let Answer { line, status, .. } = post(&peer, path, body.as_bytes())?;
        match status {
            Some(200..=299) => Ok(Fate::Delivered),
            Some(status) if REFUSALS.contains(&status) => Ok(Fate::Refused(line)),
            _ => Err(io::Error::other(format!("the server answers `{line}`"))),
        }
    }
}

/// One datagram each (RFC 5426).
fn datagrams(to: &Host, messages: &[String]) -> io::Result<()> {
    let address = (to.name.as_str(), to.port).to_socket_addrs()?.next();
    let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
    let any: SocketAddr = if address.is_ipv4() {
        (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(UNREACHABLE_WAIT))?;
    for message in messages {
        socket.send(message.as_bytes())?;
    }
    match socket.recv(&mut [0]) {
        Err(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => Err(cause),
        Ok(_) | Err(_) => Ok(()),
    }
}
