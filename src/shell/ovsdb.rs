//! A client of Open vSwitch's database (RFC 7047): JSON-RPC 1.0 over a Unix socket, every wait
//! and every message bounded.
//!
//! One connection either asks ([`Connection::transact`]) or listens ([`Connection::monitor`] and
//! [`Connection::next_update`]); the switch uses one of each.

use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{Failure, FailureKind};

/// The database of the switch (ovs-vswitchd.conf.db(5)).
const DATABASE: &str = "Open_vSwitch";
/// Longest message: the monitored columns of a thousand ports fit many times.
pub const MESSAGE_OCTETS_MAX: u64 = 4 * 1024 * 1024;
/// How long an answer may take.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a listener lets pass without a word before it asks whether the server lives.
pub const SILENCE: Duration = Duration::from_secs(5);
/// Messages of other kinds that may come before an answer.
const STRAYS_MAX: usize = 1000;
/// From one look at what the switch has carried out to the next.
const APPLY_PAUSE: Duration = Duration::from_millis(2);

/// A connection to the database.
#[derive(Debug)]
pub struct Connection {
    path: PathBuf,
    stream: BufReader<UnixStream>,
    questions: u64,
    /// Whether a listener has asked for a sign of life that did not come yet.
    doubtful: bool,
}

/// What a listener heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// An interface's number on the bridge and its link.
    Interface {
        /// Its name.
        name: String,
        /// Whether there is a carrier.
        up: bool,
        /// OpenFlow port number; `None` while the switch has none.
        number: Option<u16>,
    },
    /// A port's tag is this now.
    Port {
        /// Its name.
        name: String,
        /// The VLAN; `None` for none or several.
        tag: Option<u16>,
    },
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let unreachable = |cause: std::io::Error| lost(path, &cause.to_string());
        let stream = UnixStream::connect(path).map_err(unreachable)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT)).map_err(unreachable)?;
        stream.set_write_timeout(Some(REPLY_TIMEOUT)).map_err(unreachable)?;
        let stream = BufReader::new(stream);
        Ok(Self { path: path.to_owned(), stream, questions: 0, doubtful: false })
    }

    /// A handle by which another thread can end this connection.
    ///
    /// # Errors
    /// The machine has no more descriptors.
    pub fn handle(&self) -> Result<UnixStream, Failure> {
        self.stream.get_ref().try_clone().map_err(|cause| lost(&self.path, &cause.to_string()))
    }

    /// Carries out operations as one transaction, all or none; gives each one's result.
    ///
    /// # Errors
    /// The server is lost, or refuses; then nothing was changed.
    pub fn transact(&mut self, operations: &[Value]) -> Result<Vec<Value>, Failure> {
        let mut parameters = vec![json!(DATABASE)];
        parameters.extend_from_slice(operations);
        let result = self.call("transact", &Value::Array(parameters))?;
        let Value::Array(results) = result else { return Err(self.malformed("transact")) };
        // An error while committing stands behind the results of the operations (RFC 7047 §4.1.3).
        match results.iter().find(|each| each.get("error").is_some_and(|error| !error.is_null())) {
            Some(refused) => Err(refused_by(refused)),
            None => Ok(results),
        }
    }

    /// Carries out operations and waits until the switch itself, not only its database, has
    /// followed.
    ///
    /// # Errors
    /// As [`Connection::transact`], and when the switch does not follow in time.
    pub fn apply(&mut self, operations: &[Value]) -> Result<(), Failure> {
        let mut all = operations.to_vec();
        all.push(json!({"op": "mutate", "table": DATABASE, "where": [], "mutations": [["next_cfg", "+=", 1]]}));
        all.push(json!({"op": "select", "table": DATABASE, "where": [], "columns": ["next_cfg"]}));
        let results = self.transact(&all)?;
        let count = |row: Option<&Value>, column| at(row?, column).as_i64();
        let wanted = count(results.last(), "/rows/0/next_cfg");
        let wanted = wanted.ok_or_else(|| self.malformed("next_cfg"))?;
        let deadline = Instant::now() + REPLY_TIMEOUT;
        let look = json!({"op": "select", "table": DATABASE, "where": [], "columns": ["cur_cfg"]});
        loop {
            let results = self.transact(std::slice::from_ref(&look))?;
            if count(results.first(), "/rows/0/cur_cfg").is_some_and(|current| current >= wanted) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Failure::new(FailureKind::SwitchSilent));
            }
            std::thread::sleep(APPLY_PAUSE);
        }
    }

    /// The VLAN of a port now; `None` when it has none, or is not there.
    ///
    /// # Errors
    /// As [`Connection::transact`].
    pub fn tag(&mut self, port: &str) -> Result<Option<u16>, Failure> {
        let look = json!({"op": "select", "table": "Port", "where": [["name", "==", port]],
                          "columns": ["tag"]});
        let results = self.transact(&[look])?;
        Ok(results.first().and_then(|result| number(at(result, "/rows/0/tag"))))
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// There is none.
    pub fn echo(&mut self) -> Result<(), Failure> {
        self.call("echo", &json!([])).map(|_| ())
    }

    /// Begins to listen; gives what is the case now.
    ///
    /// # Errors
    /// The server is lost or refuses.
    pub fn monitor(&mut self) -> Result<Vec<Update>, Failure> {
        let tables = json!({
            "Interface": {"columns": ["name", "link_state", "ofport"]},
            "Port": {"columns": ["name", "tag"]},
        });
        let initial = self.call("monitor", &json!([DATABASE, "sekisho", tables]))?;
        let timeout = self.stream.get_ref().set_read_timeout(Some(SILENCE));
        timeout.map_err(|cause| lost(&self.path, &cause.to_string()))?;
        Ok(updates(&initial))
    }

    /// Waits for what happens next; an empty list when nothing did.
    ///
    /// # Errors
    /// The server is lost.
    pub fn next_update(&mut self) -> Result<Vec<Update>, Failure> {
        match self.stream.fill_buf() {
            Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if self.doubtful {
                    return Err(lost(&self.path, "silence"));
                }
                self.doubtful = true;
                self.send(&json!({"method": "echo", "params": [], "id": "alive"}))?;
                return Ok(Vec::new());
            }
            Err(_) | Ok(_) => {} // OK because reading finds the same fault again
        }
        let message = self.receive()?;
        self.doubtful = false;
        match at(&message, "/method").as_str() {
            Some("update") => Ok(updates(at(&message, "/params/1"))),
            Some(_) | None => Ok(Vec::new()),
        }
    }

    /// Sends a request and waits for its answer.
    fn call(&mut self, method: &str, parameters: &Value) -> Result<Value, Failure> {
        self.questions += 1;
        let id = json!(self.questions);
        self.send(&json!({"method": method, "params": parameters, "id": id}))?;
        for _ in 0..STRAYS_MAX {
            let mut message = self.receive()?;
            if *at(&message, "/id") != id || message.get("method").is_some() {
                continue;
            }
            if !at(&message, "/error").is_null() {
                return Err(refused_by(&message));
            }
            return Ok(message.get_mut("result").map(Value::take).unwrap_or_default());
        }
        Err(self.malformed("no answer"))
    }

    fn send(&mut self, message: &Value) -> Result<(), Failure> {
        let sent = self.stream.get_mut().write_all(message.to_string().as_bytes());
        sent.map_err(|cause| lost(&self.path, &cause.to_string()))
    }

    /// The next message; the server's own questions whether we live are answered on the way.
    fn receive(&mut self) -> Result<Value, Failure> {
        // Objects follow each other without a mark between them; the reader stops behind each.
        let mut bounded = Read::take(&mut self.stream, MESSAGE_OCTETS_MAX);
        let mut reader = serde_json::Deserializer::from_reader(&mut bounded);
        let message = Value::deserialize(&mut reader)
            .map_err(|cause| lost(&self.path, &cause.to_string()))?;
        if at(&message, "/method") == "echo" {
            let reply = json!({"id": at(&message, "/id"), "result": at(&message, "/params"), "error": null});
            self.send(&reply)?;
        }
        Ok(message)
    }

    fn malformed(&self, what: &str) -> Failure {
        lost(&self.path, &format!("malformed: {what}"))
    }
}

/// The operations that put a port into a VLAN. They fail, and change nothing, when the port is
/// not there.
#[must_use]
pub fn set_tag(port: &str, tag: u16) -> Vec<Value> {
    let named = json!([["name", "==", port]]);
    let empty = json!(["set", []]);
    vec![
        json!({"op": "wait", "timeout": 0, "table": "Port", "where": named, "columns": ["name"],
               "until": "==", "rows": [{"name": port}]}),
        json!({"op": "update", "table": "Port", "where": named, "row": {
            "tag": tag, "vlan_mode": "access", "trunks": empty, "cvlans": empty}}),
    ]
}

/// The operations that make a bridge forward nothing by itself (`fail_mode=secure`), so that
/// only flows let frames through. They fail when the bridge is not there.
#[must_use]
pub fn secure(bridge: &str) -> Vec<Value> {
    let named = json!([["name", "==", bridge]]);
    vec![
        json!({"op": "wait", "timeout": 0, "table": "Bridge", "where": named, "columns": ["name"],
               "until": "==", "rows": [{"name": bridge}]}),
        json!({"op": "update", "table": "Bridge", "where": named, "row": {"fail_mode": "secure"}}),
    ]
}

/// Reads the rows of a table-updates object (RFC 7047 §4.1.6); rows that are gone are left out,
/// since what matters of them, the link, goes first.
fn updates(tables: &Value) -> Vec<Update> {
    let rows = |table: &str| {
        let rows = tables
            .get(table)
            .unwrap_or(&Value::Null)
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::values);
        rows.map(|row| at(row, "/new")).filter(|row| row.is_object())
    };
    let name = |row: &Value| at(row, "/name").as_str().unwrap_or_default().to_owned();
    let interfaces = rows("Interface").map(|row| Update::Interface {
        name: name(row),
        up: at(row, "/link_state") == "up",
        number: number(at(row, "/ofport")).filter(|number| *number > 0),
    });
    let ports =
        rows("Port").map(|row| Update::Port { name: name(row), tag: number(at(row, "/tag")) });
    interfaces.chain(ports).collect()
}

/// An optional column: the value alone, or an empty set.
fn number(value: &Value) -> Option<u16> {
    value.as_i64().and_then(|number| u16::try_from(number).ok())
}

/// What a JSON pointer leads to; null when there is nothing.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn lost(path: &Path, cause: &str) -> Failure {
    Failure::new(FailureKind::SwitchUnreachable).fact("path", path.display()).fact("cause", cause)
}

fn refused_by(answer: &Value) -> Failure {
    let detail = at(answer, "/details").as_str().unwrap_or_default();
    let cause = format!("{} {detail}", at(answer, "/error"));
    Failure::new(FailureKind::SwitchRefused).fact("cause", cause.trim())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread::JoinHandle;

    use super::*;

    /// A server that says its lines, each after the request it waits for, and hands over what it
    /// was asked.
    fn server(path: &Path, says: Vec<Vec<u8>>) -> JoinHandle<Vec<Value>> {
        let listener = UnixListener::bind(path).unwrap();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut writing = stream.try_clone().unwrap();
            let mut asked = serde_json::Deserializer::from_reader(stream).into_iter::<Value>();
            let mut heard = Vec::new();
            for line in says {
                heard.push(asked.next().unwrap().unwrap());
                let _ = writing.write_all(&line);
            }
            heard
        })
    }

    fn answered(line: impl Into<Vec<u8>>) -> (Result<Vec<Value>, Failure>, Vec<Value>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db.sock");
        let server = server(&path, vec![line.into()]);
        let mut connection = Connection::open(&path).unwrap();
        let result = connection.transact(&set_tag("port1", 120));
        drop(connection);
        (result, server.join().unwrap())
    }

    #[test]
    fn an_answer_is_found_behind_strays_and_errors_are_errors() {
        let (result, asked) = answered(
            r#"{"method":"update","params":["sekisho",{}],"id":null}{"id":7,"result":[],"error":null}{"id":1,"result":[{},{"count":1}],"error":null}"#,
        );
        assert_eq!(result.unwrap()[1]["count"], 1);
        assert_eq!(asked[0]["method"], "transact");
        assert_eq!(asked[0]["params"][2]["row"]["tag"], 120);
        for (line, kind) in [
            (r#"{"id":1,"result":null,"error":"unknown database"}"#, FailureKind::SwitchRefused),
            (
                r#"{"id":1,"result":[{},{},{"error":"timed out","details":"x"}],"error":null}"#,
                FailureKind::SwitchRefused,
            ),
            (r#"{"id":1,"result":{},"error":null}"#, FailureKind::SwitchUnreachable),
            ("[[[[", FailureKind::SwitchUnreachable),
            ("", FailureKind::SwitchUnreachable),
        ] {
            assert_eq!(answered(line).0.unwrap_err().kind, kind, "{line}");
        }
    }

    #[test]
    fn a_message_without_end_is_cut_off() {
        let mut line = br#"{"id":1,"result":[""#.to_vec();
        line.resize(usize::try_from(MESSAGE_OCTETS_MAX).unwrap() + 1, b'a');
        assert_eq!(answered(line).0.unwrap_err().kind, FailureKind::SwitchUnreachable);
    }

    #[test]
    fn a_listener_hears_links_and_tags_and_answers_questions_for_life() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db.sock");
        let initial = r#"{"id":1,"error":null,"result":{"Interface":{"u1":{"new":{"name":"port1","link_state":"down","ofport":["set",[]]}}}}}{"method":"echo","params":["x"],"id":"probe"}"#;
        let update = r#"{"method":"update","id":null,"params":["sekisho",{"Interface":{"u1":{"new":{"name":"port1","link_state":"up","ofport":3},"old":{}},"u2":{"old":{"name":"gone"}}},"Port":{"p":{"new":{"name":"port1","tag":120}},"q":{"new":{"name":"port2","tag":["set",[]]}}}}]}"#;
        let server = server(&path, vec![initial.into(), update.into()]);
        let mut connection = Connection::open(&path).unwrap();
        let down = Update::Interface { name: "port1".to_owned(), up: false, number: None };
        assert_eq!(connection.monitor().unwrap(), [down]);
        assert_eq!(connection.next_update().unwrap(), [], "a question is no update");
        let port = |name: &str, tag| Update::Port { name: name.to_owned(), tag };
        assert_eq!(
            connection.next_update().unwrap(),
            [
                Update::Interface { name: "port1".to_owned(), up: true, number: Some(3) },
                port("port1", Some(120)),
                port("port2", None)
            ]
        );
        let heard = server.join().unwrap();
        assert_eq!(heard[1], json!({"id": "probe", "result": ["x"], "error": null}));
        assert!(connection.next_update().is_err(), "the end is noticed");
    }
}
