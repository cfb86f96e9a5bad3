//! A connection to a receiver, in the clear or inside TLS, on which nothing waits for ever.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::plan::Host;

/// How long a receiver may take to answer anything.
const PATIENCE: Duration = Duration::from_secs(5);

/// What receivers over TLS are believed by.
pub(in crate::shell) fn trust(anchors: &[Vec<u8>]) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for anchor in anchors {
        roots.add(CertificateDer::from(anchor.as_slice()))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// An open connection.
pub(in crate::shell) enum Channel {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Channel {
    /// Connects to the first address that answers.
    pub(in crate::shell) fn open(to: &Host) -> io::Result<Self> {
        let mut failed = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for address in (to.name.as_str(), to.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    return Ok(Self::Clear(stream));
                }
                Err(cause) => failed = cause,
            }
        }
        Err(failed)
    }

    /// The same connection inside TLS, whose other end is proven to be `to`.
    pub(in crate::shell) fn protect(
        self,
        to: &Host,
        trust: &Arc<ClientConfig>,
    ) -> io::Result<Self> {
        let Self::Clear(mut stream) = self else { return Ok(self) };
        let name = ServerName::try_from(to.name.clone()).map_err(io::Error::other)?;
        let mut session =
            ClientConnection::new(Arc::clone(trust), name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(session, stream))))
    }

    /// Our own address, for a greeting.
    pub(in crate::shell) fn own(&self) -> Option<std::net::IpAddr> {
        let stream = match self {
            Self::Clear(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        };
        stream.local_addr().ok().map(|address| address.ip())
    }

    /// Says that nothing more comes and waits until the other end has read it all. A receiver
    /// that died in between resets the connection, and one that never closes has had its time.
    pub(in crate::shell) fn finish(mut self) -> io::Result<()> {
        if let Self::Tls(stream) = &mut self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        match &self {
            Self::Clear(stream) => stream.shutdown(Shutdown::Write)?,
            Self::Tls(stream) => stream.sock.shutdown(Shutdown::Write)?,
        }
        let mut ignored = [0; 1024];
        loop {
            match self.read(&mut ignored) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(cause) => match cause.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::UnexpectedEof => {
                        return Ok(());
                    }
                    ErrorKind::Interrupted => {}
                    _ => return Err(cause),
                },
            }
        }
    }
}

impl Read for Channel {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(octets),
            Self::Tls(stream) => stream.read(octets),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.write(octets),
            Self::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A line without its end, by single octets: what follows may belong to TLS.
pub(in crate::shell) fn read_line(channel: &mut impl Read, max: usize) -> io::Result<String> {
    let mut line = Vec::new();
    let mut octet = [0];
    loop {
        channel.read_exact(&mut octet)?;
        match octet {
            [b'\n'] => break,
            [octet] => line.push(octet),
        }
        if line.len() > max {
            return Err(io::Error::other("the server's answer is too long"));
        }
    }
    Ok(crate::vocabulary::escape(line.trim_ascii_end()))
}
