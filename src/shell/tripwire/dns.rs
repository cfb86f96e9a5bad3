//! DNS by UDP, a plain loop on one thread, and by TCP (RFC 7766), within bounds.

use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::desk::Desk;
use crate::shell::clock;
use crate::tripwire::Transport;

/// Longest query that is read; a name and its options need a quarter of it.
const QUERY_OCTETS_MAX: usize = 1232;
/// How long a connection may take for one query and its answer, and how many it may ask.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);
const QUERIES_MAX: usize = 16;
/// How often it is looked whether to end.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Answers datagrams until the desk is closed.
pub(super) fn datagrams(socket: &UdpSocket, desk: &Desk) {
    // OK because without it the loop only ends a query later.
    let _ = socket.set_read_timeout(Some(LOOK_EVERY));
    let mut buffer = [0; QUERY_OCTETS_MAX];
    while !desk.is_closed() {
        match socket.recv_from(&mut buffer) {
            Ok((octets, source)) => {
                let query = buffer.get(..octets).unwrap_or_default();
                if let Some(answer) = desk.query(query, source.ip(), Transport::Udp) {
                    // OK because a lost answer is asked for again.
                    let _ = socket.send_to(&answer, source);
                }
            }
            Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            // An ICMP error of an earlier answer, or worse: no reason to spin.
            Err(_) => clock::rest(Duration::from_millis(1)),
        }
    }
}

/// Queries of one connection, some of them.
pub(super) async fn connection(mut stream: TcpStream, source: IpAddr, desk: Arc<Desk>) {
    for _ in 0..QUERIES_MAX {
        // OK because a peer that is slow, wrong or gone has only itself to tell.
        let Ok(Ok(true)) = timeout(QUERY_TIMEOUT, exchange(&mut stream, source, &desk)).await
        else {
            return;
        };
    }
}

/// One query and its answer, each with its length before it (RFC 1035 §4.2.2); false ends the
/// connection.
async fn exchange(stream: &mut TcpStream, source: IpAddr, desk: &Desk) -> std::io::Result<bool> {
    let length = usize::from(stream.read_u16().await?);
    if length > QUERY_OCTETS_MAX {
        return Ok(false);
    }
    let mut query = vec![0; length];
    stream.read_exact(&mut query).await?;
    let Some(answer) = desk.query(&query, source, Transport::Tcp) else { return Ok(false) };
    let Ok(length) = u16::try_from(answer.len()) else { return Ok(false) };
    let mut octets = length.to_be_bytes().to_vec();
    octets.extend_from_slice(&answer);
    stream.write_all(&octets).await?;
    Ok(true)
}
