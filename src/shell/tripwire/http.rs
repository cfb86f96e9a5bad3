//! HTTP: one request a connection, its head alone, a fixed answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::desk::Desk;
use crate::tripwire::web::HEAD_OCTETS_MAX;

/// How long a connection may take from accept to the last octet.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// One connection.
pub(super) async fn connection(stream: TcpStream, source: IpAddr, desk: Arc<Desk>) {
    // OK because a peer that is slow or gone has only itself to tell.
    let _ = timeout(CONNECTION_TIMEOUT, answer(stream, source, &desk)).await;
}

async fn answer(mut stream: TcpStream, source: IpAddr, desk: &Desk) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    let mut chunk = [0; 1024];
    while head.len() < HEAD_OCTETS_MAX && !head.windows(4).any(|it| it == b"\r\n\r\n") {
        let octets = stream.read(&mut chunk).await?;
        if octets == 0 {
            break;
        }
        head.extend_from_slice(chunk.get(..octets).unwrap_or_default());
    }
    head.truncate(HEAD_OCTETS_MAX);
    stream.write_all(&desk.request(&head, source)).await?;
    stream.shutdown().await
}
