//! Just enough OpenFlow 1.0 to let frames in and keep them out: flows that hand the frames of
//! one port, perhaps from one source address only, to the switch's own learning and VLANs.
//!
//! The bridge forwards nothing by itself (`fail_mode=secure`), flows do not survive a restart of
//! the switch, and each ends by itself after [`LIFETIME`]: what nobody admits anew is shut, even
//! when the one who admitted it was killed.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Failure, FailureKind};
use crate::vocabulary::Mac;

/// OpenFlow 1.0.
const VERSION: u8 = 1;
/// How long an answer may take.
const REPLY_TIMEOUT: Duration = Duration::from_secs(3);
/// Messages of other kinds that may come before an answer.
const STRAYS_MAX: usize = 1000;
/// Octets of a message's head: version, type, length, transaction.
const HEAD_OCTETS: usize = 8;

const HELLO: u8 = 0;
const ERROR: u8 = 1;
const ECHO_REQUEST: u8 = 2;
const ECHO_REPLY: u8 = 3;
const FLOW_MOD: u8 = 14;
const PORT_MOD: u8 = 15;
const BARRIER_REQUEST: u8 = 18;
const BARRIER_REPLY: u8 = 19;

/// Commands of a flow modification.
const ADD: u16 = 0;
const DELETE: u16 = 3;
/// Wildcards of a match: everything but what a bit cleared below names.
const ANY: u32 = 0x003f_ffff;
const NOT_IN_PORT: u32 = 1;
const NOT_SOURCE: u32 = 1 << 2;
/// No buffer, and no port.
const NO_BUFFER: u32 = u32::MAX;
const NO_PORT: u16 = 0xffff;
/// The switch's own forwarding.
const NORMAL: u16 = 0xfffa;
/// A flow's priority; all of ours are alike, since each is about a port of its own.
const PRIORITY: u16 = 100;
/// How long an admission holds unless it is renewed; a switch counts in whole seconds.
pub const LIFETIME: Duration = Duration::from_secs(15);
/// A port that is administratively down.
const PORT_DOWN: u32 = 1;

/// A connection to one bridge.
#[derive(Debug)]
pub struct Connection {
    path: PathBuf,
    stream: UnixStream,
    transactions: u32,
}

impl Connection {
    /// Connects to the bridge's management socket.
    ///
    /// # Errors
    /// Nobody listens there, or it does not speak OpenFlow 1.0.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let unreachable = |cause: std::io::Error| lost(path, &cause.to_string());
        let stream = UnixStream::connect(path).map_err(unreachable)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT)).map_err(unreachable)?;
        stream.set_write_timeout(Some(REPLY_TIMEOUT)).map_err(unreachable)?;
        let mut connection = Self { path: path.to_owned(), stream, transactions: 0 };
        connection.send(HELLO, &[])?;
        connection.settle()?;
        Ok(connection)
    }

    /// Removes every flow of the bridge.
    ///
    /// # Errors
    /// The switch is lost or refuses.
    pub fn clear(&mut self) -> Result<(), Failure> {
        self.send(FLOW_MOD, &flow(DELETE, None, None))?;
        self.settle()
    }

    /// Removes the flows of a port.
    ///
    /// # Errors
    /// As [`Connection::clear`].
    pub fn shut(&mut self, port: u16) -> Result<(), Failure> {
        self.send(FLOW_MOD, &flow(DELETE, Some(port), None))?;
        self.settle()
    }

    /// Lets a port's frames in, from `only` or from anyone, for [`LIFETIME`] from now.
    ///
    /// # Errors
    /// As [`Connection::clear`].
    pub fn admit(&mut self, port: u16, only: Option<Mac>) -> Result<(), Failure> {
        self.send(FLOW_MOD, &flow(ADD, Some(port), only))?;
        self.settle()
    }

    /// Takes a port's link down, or up again; `address` is the port's own.
    ///
    /// # Errors
    /// As [`Connection::clear`].
    pub fn set_link(&mut self, port: u16, address: Mac, up: bool) -> Result<(), Failure> {
        let mut body = port.to_be_bytes().to_vec();
        body.extend_from_slice(&address.octets());
        body.extend_from_slice(&(if up { 0 } else { PORT_DOWN }).to_be_bytes());
        body.extend_from_slice(&PORT_DOWN.to_be_bytes()); // which bits are meant
        body.extend_from_slice(&[0; 8]); // advertised features unchanged, padding
        self.send(PORT_MOD, &body)?;
        self.settle()
    }

    /// Waits until everything sent before is done; also a sign of life.
    ///
    /// # Errors
    /// The switch is lost, or refused something since the last call.
    pub fn settle(&mut self) -> Result<(), Failure> {
        let barrier = self.send(BARRIER_REQUEST, &[])?;
        let mut refused = None;
        for _ in 0..STRAYS_MAX {
            let (kind, transaction, body) = self.receive()?;
            match kind {
                BARRIER_REPLY if transaction == barrier => return refused.map_or(Ok(()), Err),
                ECHO_REQUEST => self.write(ECHO_REPLY, transaction, &body)?,
                ERROR => {
                    let octet = |at: usize| body.get(at).copied().unwrap_or_default();
                    let of = |at| u16::from_be_bytes([octet(at), octet(at + 1)]);
                    let cause = format!("OpenFlow error {}.{}", of(0), of(2));
                    refused = Some(Failure::new(FailureKind::SwitchRefused).fact("cause", cause));
                }
                _ => {} // OK because nothing else that a switch may say matters here
            }
        }
        Err(lost(&self.path, "no barrier"))
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> Result<u32, Failure> {
        self.transactions = self.transactions.wrapping_add(1);
        self.write(kind, self.transactions, body)?;
        Ok(self.transactions)
    }

    fn write(&mut self, kind: u8, transaction: u32, body: &[u8]) -> Result<(), Failure> {
        let octets = message(kind, transaction, body);
        self.stream.write_all(&octets).map_err(|cause| lost(&self.path, &cause.to_string()))
    }

    /// The next message: type, transaction, body. A length has sixteen bits and so its bound.
    fn receive(&mut self) -> Result<(u8, u32, Vec<u8>), Failure> {
        let unreadable = |cause: std::io::Error| lost(&self.path, &cause.to_string());
        let mut head = [0; HEAD_OCTETS];
        self.stream.read_exact(&mut head).map_err(unreadable)?;
        let [version, kind, high, low, transaction @ ..] = head;
        let octets = usize::from(u16::from_be_bytes([high, low]));
        // A greeting names the newest version its sender speaks; 1.0 is agreed on by ours.
        if octets < HEAD_OCTETS || (version != VERSION && kind != HELLO) {
            return Err(lost(&self.path, "malformed"));
        }
        let mut body = vec![0; octets - HEAD_OCTETS];
        self.stream.read_exact(&mut body).map_err(unreadable)?;
        Ok((kind, u32::from_be_bytes(transaction), body))
    }
}

fn message(kind: u8, transaction: u32, body: &[u8]) -> Vec<u8> {
    // OK because our longest message has 80 octets and an echo's fits sixteen bits.
    let octets = u16::try_from(HEAD_OCTETS + body.len()).unwrap_or(u16::MAX);
    let mut message = vec![VERSION, kind];
    message.extend_from_slice(&octets.to_be_bytes());
    message.extend_from_slice(&transaction.to_be_bytes());
    message.extend_from_slice(body);
    message
}

/// The body of a flow modification (OpenFlow 1.0 §5.3.3): a match of 40 octets, then what to do.
fn flow(command: u16, port: Option<u16>, only: Option<Mac>) -> Vec<u8> {
    let mut wildcards = ANY;
    if port.is_some() {
        wildcards &= !NOT_IN_PORT;
    }
    if only.is_some() {
        wildcards &= !NOT_SOURCE;
    }
    let mut body = wildcards.to_be_bytes().to_vec();
    body.extend_from_slice(&port.unwrap_or_default().to_be_bytes());
    body.extend_from_slice(&only.map_or([0; 6], Mac::octets));
    body.resize(40, 0); // destination and everything above Ethernet: any
    body.extend_from_slice(&[0; 8]); // cookie
    body.extend_from_slice(&command.to_be_bytes());
    body.extend_from_slice(&[0; 2]); // however idle
    let lifetime = u16::try_from(LIFETIME.as_secs()).unwrap_or(u16::MAX); // OK: it is short
    body.extend_from_slice(&lifetime.to_be_bytes());
    body.extend_from_slice(&PRIORITY.to_be_bytes());
    body.extend_from_slice(&NO_BUFFER.to_be_bytes());
    body.extend_from_slice(&NO_PORT.to_be_bytes());
    body.extend_from_slice(&[0; 2]); // flags
    if command == ADD {
        // Output, eight octets long, to the switch's own forwarding.
        for field in [0, 8, NORMAL, 0] {
            body.extend_from_slice(&field.to_be_bytes());
        }
    }
    body
}

fn lost(path: &Path, cause: &str) -> Failure {
    Failure::new(FailureKind::SwitchUnreachable).fact("path", path.display()).fact("cause", cause)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_flow_names_its_port_and_its_host_at_the_places_of_the_standard() {
        let mac = Mac::new([0, 0, 0x5e, 0, 0x53, 1]).unwrap();
        let body = flow(ADD, Some(3), Some(mac));
        assert_eq!(body.len(), 72);
        assert_eq!(body[..12], [0, 0x3f, 0xff, 0xfa, 0, 3, 0, 0, 0x5e, 0, 0x53, 1]);
        assert_eq!(body[50..54], [0, 0, 0, 15], "however idle, for fifteen seconds");
        assert_eq!(body[64..], [0, 0, 0, 8, 0xff, 0xfa, 0, 0]);
        assert_eq!(flow(DELETE, None, None)[..6], [0, 0x3f, 0xff, 0xff, 0, 0]);
        assert_eq!(flow(DELETE, Some(3), None).len(), 64);
    }

    #[test]
    fn an_error_before_the_barrier_is_a_refusal_and_a_switch_that_asks_is_answered() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("br.mgmt");
        let listener = UnixListener::bind(&path).unwrap();
        let switch = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut read = |octets| {
                let mut heard = vec![0; octets];
                stream.read_exact(&mut heard).unwrap();
                heard
            };
            read(HEAD_OCTETS); // hello
            assert_eq!(read(HEAD_OCTETS)[1], BARRIER_REQUEST);
            let mut writing = stream.try_clone().unwrap();
            let mut say = |kind, transaction, body: &[u8]| {
                writing.write_all(&message(kind, transaction, body)).unwrap();
            };
            say(HELLO, 0, &[]);
            say(ECHO_REQUEST, 77, b"x");
            say(BARRIER_REPLY, 2, &[]);
            let mut heard = vec![0; HEAD_OCTETS + 1];
            stream.read_exact(&mut heard).unwrap();
            assert_eq!(heard, message(ECHO_REPLY, 77, b"x"));
            say(ERROR, 3, &[0, 3, 0, 2]);
            say(BARRIER_REPLY, 4, &[]);
            say(BARRIER_REPLY, 6, &[]);
            // Kept open until the other side is done.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        let mut connection = Connection::open(&path).unwrap();
        let refused = connection.admit(1, None).unwrap_err();
        assert_eq!(refused.kind, FailureKind::SwitchRefused);
        assert!(refused.to_string().contains("3.2"), "{refused}");
        connection.shut(1).unwrap();
        drop(connection);
        switch.join().unwrap();
    }
}
