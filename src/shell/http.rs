//! A small HTTP/1.1 server for `/metrics` and `/health`: GET and HEAD only, one request a
//! connection, everything bounded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Failure, FailureKind};

/// Longest request head.
pub const HEAD_OCTETS_MAX: usize = 8192;
/// How long one connection may take from accept to the last octet.
pub const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How many connections are served at once; further ones wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 64;

/// What a page answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// HTTP status.
    pub status: Status,
    /// Media type.
    pub media_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// The statuses this server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200.
    Ok,
    /// 400.
    BadRequest,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 431.
    HeadTooLarge,
    /// 503.
    Unavailable,
}

impl Status {
    const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }
}

/// Gives the page of a path, or `None` when there is none.
pub type Pages = Arc<dyn Fn(&str) -> Option<Page> + Send + Sync>;

/// Opens the listening socket.
///
/// # Errors
/// The address cannot be bound.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|cause| {
        Failure::new(FailureKind::AddressUnavailable).fact("address", address).fact("cause", cause)
    })
}

/// Serves pages until the task is dropped.
pub async fn serve(listener: TcpListener, pages: Pages) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: wait rather than spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let pages = pages.clone();
        tokio::spawn(async move {
            // OK because a peer that is slow or gone has only itself to tell.
            let _ = timeout(CONNECTION_TIMEOUT, answer(stream, &pages)).await;
            drop(place);
        });
    }
}

async fn answer(mut stream: TcpStream, pages: &Pages) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    let complete = loop {
        if head.windows(4).any(|window| window == b"\r\n\r\n") {
            break true;
        }
        if head.len() >= HEAD_OCTETS_MAX {
            break false;
        }
        let mut chunk = [0; 1024];
        let octets = stream.read(&mut chunk).await?;
        if octets == 0 {
            return Ok(());
        }
        head.extend_from_slice(chunk.get(..octets).unwrap_or_default());
    };
    let (page, body_wanted) =
        if complete { respond(&head, pages) } else { (plain(Status::HeadTooLarge), true) };
    let mut response = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n",
        page.status.line(),
        page.media_type,
        page.body.len()
    );
    if page.status == Status::MethodNotAllowed {
        response.push_str("Allow: GET, HEAD\r\n");
    }
    response.push_str("\r\n");
    stream.write_all(response.as_bytes()).await?;
    if body_wanted {
        stream.write_all(&page.body).await?;
    }
    stream.shutdown().await
}

/// The page for a request head, and whether its body is wanted.
fn respond(head: &[u8], pages: &Pages) -> (Page, bool) {
    let line = head.split(|octet| *octet == b'\r').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return (plain(Status::BadRequest), true) };
    let mut words = line.split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, words.next())
    else {
        return (plain(Status::BadRequest), true);
    };
    if !target.starts_with('/') || !version.starts_with("HTTP/1.") {
        return (plain(Status::BadRequest), true);
    }
    let body_wanted = match method {
        "GET" => true,
        "HEAD" => false,
        _ => return (plain(Status::MethodNotAllowed), true),
    };
    let path = target.split('?').next().unwrap_or(target);
    (pages(path).unwrap_or_else(|| plain(Status::NotFound)), body_wanted)
}

fn plain(status: Status) -> Page {
    let body = format!("{}\n", status.line()).into_bytes();
    Page { status, media_type: "text/plain; charset=utf-8", body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Pages {
        Arc::new(|path| match path {
            "/metrics" => Some(Page {
                status: Status::Ok,
                media_type: "text/plain",
                body: b"sekisho_plan_generation 1\n".to_vec(),
            }),
            _ => None,
        })
    }

    async fn ask(request: &[u8]) -> String {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, pages()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut reply = Vec::new();
        // A refused oversize head may end in a reset after the reply was read.
        let _ = stream.read_to_end(&mut reply).await;
        server.abort();
        String::from_utf8(reply).unwrap()
    }

    #[tokio::test]
    async fn a_page_is_served_with_its_length() {
        let reply = ask(b"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
        assert!(reply.contains("Content-Length: 26\r\n"));
        assert!(reply.ends_with("\r\n\r\nsekisho_plan_generation 1\n"));
    }

    #[tokio::test]
    async fn head_gives_no_body_and_strangers_get_their_status() {
        let reply = ask(b"HEAD /metrics HTTP/1.1\r\n\r\n").await;
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\n"));
        for (request, status) in [
            (&b"GET /etc/passwd HTTP/1.1\r\n\r\n"[..], "404"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
            (b"GET metrics HTTP/1.1\r\n\r\n", "400"),
            (b"GET /metrics\r\n\r\n", "400"),
            (b"\xff\xfe\r\n\r\n", "400"),
        ] {
            let reply = ask(request).await;
            assert_eq!(reply.split(' ').nth(1), Some(status), "{reply}");
        }
    }

    #[tokio::test]
    async fn a_head_without_end_is_cut_off() {
        let reply = ask(&[b'a'; HEAD_OCTETS_MAX]).await;
        assert!(reply.starts_with("HTTP/1.1 431"), "{reply}");
    }
}
