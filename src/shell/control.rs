//! The control socket: one JSON line asks, one JSON line answers.
//!
//! Who may ask is the file's permissions' business (owner and group); who asked is taken from
//! the kernel, never from the request, and recorded.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::{Failure, FailureKind};
use crate::sensor::Report;
use crate::vocabulary::Language;

/// Name of the socket inside the state directory.
pub const SOCKET_FILE: &str = "control.sock";
/// Longest request line.
pub const REQUEST_OCTETS_MAX: u64 = 65_536;
/// Longest reply line.
pub const REPLY_OCTETS_MAX: u64 = 128 * 1024 * 1024;
/// How long a peer may take to send its line, and to take the answer.
pub const LINE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an operator waits for the service to carry out a request.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(120);
/// How many operators are served at once.
pub const CONNECTIONS_MAX: usize = 16;
/// Read and write for owner and group.
const SOCKET_MODE: u32 = 0o660;

/// What an operator asks, and in which language the answer should speak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `ja` or `en`; anything else reads as Japanese.
    pub language: String,
    /// The command.
    pub command: Command,
}

/// The commands of the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Read every file anew and swap if there is no error.
    Reload {
        /// Accepts a change that weakens the separation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accept: Option<Accept>,
    },
    /// What runs, since when, with which plan.
    Status,
    /// Accepted plans, newest first.
    PlanList,
    /// One accepted plan with its files.
    PlanShow {
        /// Which one.
        generation: u64,
    },
    /// Put an earlier plan into service.
    PlanRollback {
        /// Which one.
        generation: u64,
    },
    /// Set a mark.
    MarkAdd {
        /// A MAC address, an asset number, or `switch:port`.
        subject: String,
        /// `quarantine` or `refuse`.
        kind: MarkKindWord,
        /// Why.
        reason: String,
        /// Until when; as people write dates.
        until: Option<String>,
    },
    /// Release a mark.
    MarkRelease {
        /// Its number.
        mark: i64,
    },
    /// Marks in force.
    MarkList,
    /// Open an incident.
    IncidentOpen {
        /// What it is called.
        title: String,
        /// When it was detected; as people write dates. Now when absent.
        #[serde(default)]
        detected: Option<String>,
        /// Who, why, on which evidence.
        basis: Basis,
    },
    /// Record a step of an incident.
    IncidentNote {
        /// Which one.
        incident: String,
        /// `note`, `decision`, `action` or `corrective`.
        kind: String,
        /// What happened or was done.
        text: String,
        /// Who, why, on which evidence.
        basis: Basis,
    },
    /// Close an incident.
    IncidentClose {
        /// Which one.
        incident: String,
        /// Who, why, on which evidence.
        basis: Basis,
    },
    /// A copy of the state store, which the service holds for itself, for a backup.
    BackupBegin,
    /// How that backup went.
    BackupEnd {
        /// Where it is.
        path: String,
        /// Number of the newest record in it.
        sequence: u64,
        /// Why it failed, if it did.
        cause: Option<String>,
    },
    /// Quarantine a device or port at once, until released.
    Quarantine {
        /// A MAC address, an asset number, or `switch:port`.
        subject: String,
        /// Why.
        reason: String,
        /// Until when; as people write dates.
        until: Option<String>,
    },
    /// Release every mark on a device or port.
    Release {
        /// A MAC address, an asset number, or `switch:port`.
        subject: String,
        /// Why.
        reason: String,
    },
    /// End the sessions of a device or port, which may come again.
    Disconnect {
        /// A MAC address, an asset number, or `switch:port`.
        subject: String,
        /// Why.
        reason: String,
    },
    /// Sessions that are not yet what they should be.
    EnforceList,
    /// How the tables of one switch, or of every switch, were read.
    SwitchStatus {
        /// Which one; every one when absent.
        #[serde(default)]
        switch: Option<String>,
    },
    /// Read the tables of a switch now.
    SwitchSweep {
        /// Which one.
        switch: String,
    },
    /// Do what waits for a person.
    EnforceApprove {
        /// By the number that the list shows.
        number: u64,
        /// Why.
        reason: String,
    },
    /// What a sensor saw. Only the API brings it, which knows the sensor by its token.
    #[serde(skip)]
    Observe {
        /// The sensor's id.
        sensor: String,
        /// What it reports.
        report: Report,
    },
    /// The sensors and how they do.
    SensorList,
    /// What stations do unlike before, as sensors report it.
    SensorChanges,
    /// A change is the station's own from now on.
    SensorAccept {
        /// The change's name, or a MAC address for every open change of it.
        subject: String,
        /// Why.
        reason: String,
    },
    /// A change is none of ours, and goes on being a sign.
    SensorDeny {
        /// The change's name, or a MAC address for every open change of it.
        subject: String,
        /// Why.
        reason: String,
    },
    /// Take the labels of a device back, until they change.
    TripwireRevoke {
        /// An asset number.
        asset: String,
        /// Why.
        reason: String,
    },
    /// The labels that were taken back.
    TripwireRevoked,
}

/// The acceptance of one change, and of no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// The name of the change in hexadecimal, at least its first 12 digits.
    pub change: String,
    /// Who accepts it, for the record; the kernel says as well who asked.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What a step of an incident rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// On which ground.
    #[serde(default)]
    pub ground: String,
    /// Who decided it, where that is not who asks.
    #[serde(default)]
    pub decided_by: String,
    /// Numbers of records, as `12,15-17`.
    #[serde(default)]
    pub evidence: String,
}

/// A kind of mark as the socket spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkKindWord {
    /// Only the quarantine environment.
    Quarantine,
    /// Nothing at all.
    Refuse,
}

impl Command {
    /// The command's name as in the request.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Reload { .. } => "reload",
            Self::Status => "status",
            Self::PlanList => "plan-list",
            Self::PlanShow { .. } => "plan-show",
            Self::PlanRollback { .. } => "plan-rollback",
            Self::MarkAdd { .. } => "mark-add",
            Self::MarkRelease { .. } => "mark-release",
            Self::MarkList => "mark-list",
            Self::IncidentOpen { .. } => "incident-open",
            Self::IncidentNote { .. } => "incident-note",
            Self::IncidentClose { .. } => "incident-close",
            Self::BackupBegin => "backup-begin",
            Self::BackupEnd { .. } => "backup-end",
            Self::Quarantine { .. } => "quarantine",
            Self::Release { .. } => "release",
            Self::Disconnect { .. } => "disconnect",
            Self::EnforceList => "enforce-list",
            Self::SwitchStatus { .. } => "switch-status",
            Self::SwitchSweep { .. } => "switch-sweep",
            Self::EnforceApprove { .. } => "enforce-approve",
            Self::Observe { .. } => "observe",
            Self::SensorList => "sensor-list",
            Self::SensorChanges => "sensor-changes",
            Self::SensorAccept { .. } => "sensor-accept",
            Self::SensorDeny { .. } => "sensor-deny",
            Self::TripwireRevoke { .. } => "tripwire-revoke",
            Self::TripwireRevoked => "tripwire-revoked",
        }
    }

    /// Whether it changes anything, or asks something of a switch: then the record says who did.
    #[must_use]
    pub const fn changes(&self) -> bool {
        match self {
            Self::Reload { .. }
            | Self::PlanRollback { .. }
            | Self::MarkAdd { .. }
            | Self::MarkRelease { .. }
            | Self::Quarantine { .. }
            | Self::Release { .. }
            | Self::Disconnect { .. }
            | Self::SensorAccept { .. }
            | Self::SensorDeny { .. }
            | Self::TripwireRevoke { .. }
            | Self::EnforceApprove { .. }
            | Self::SwitchSweep { .. } => true,
            Self::Status
            | Self::PlanList
            | Self::PlanShow { .. }
            | Self::MarkList
            // Each is an event of its own.
            | Self::IncidentOpen { .. }
            | Self::IncidentNote { .. }
            | Self::IncidentClose { .. }
            | Self::BackupBegin
            | Self::BackupEnd { .. }
            | Self::SwitchStatus { .. }
            | Self::Observe { .. }
            | Self::SensorList
            | Self::SensorChanges
            | Self::TripwireRevoked
            | Self::EnforceList => false,
        }
    }
}

impl Request {
    /// The language of the answer.
    #[must_use]
    pub fn language(&self) -> Language {
        Language::parse(&self.language).unwrap_or_default()
    }
}

/// What the service answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Whether it was done.
    pub ok: bool,
    /// A sentence for the operator, in the asked language.
    #[serde(default)]
    pub message: String,
    /// The id of the failure, when it was not done.
    #[serde(default)]
    pub failure: Option<String>,
    /// The result.
    #[serde(default)]
    pub result: Value,
}

impl Reply {
    /// It was done.
    #[must_use]
    pub fn done(message: String, result: Value) -> Self {
        Self { ok: true, message, failure: None, result }
    }

    /// It was not done.
    #[must_use]
    pub fn failed(failure: &Failure, language: Language) -> Self {
        let message = failure.message(language);
        Self { ok: false, message, failure: Some(failure.kind.id().to_owned()), result: json!({}) }
    }
}

/// Hands a request with the name of who asks to the service; `None` when it is stopping.
pub type Carry =
    Arc<dyn Fn(Request, String) -> Option<oneshot::Receiver<Reply>> + Send + Sync + 'static>;

/// Opens the socket in `state`, replacing what a crashed service left behind. The caller holds
/// the store, so no other service can be using it.
///
/// # Errors
/// The socket cannot be made.
pub fn bind(state: &Path) -> Result<UnixListener, Failure> {
    let path = state.join(SOCKET_FILE);
    // Made under another name first, so that it is never reachable with wrong permissions.
    let fresh = state.join(format!("{SOCKET_FILE}.new"));
    let unwritable = |cause: std::io::Error| {
        Failure::new(FailureKind::FileUnwritable).fact("path", path.display()).fact("cause", cause)
    };
    if fresh.symlink_metadata().is_ok() {
        std::fs::remove_file(&fresh).map_err(unwritable)?;
    }
    let listener = UnixListener::bind(&fresh).map_err(unwritable)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(SOCKET_MODE))
        .map_err(unwritable)?;
    std::fs::rename(&fresh, &path).map_err(unwritable)?;
    Ok(listener)
}

/// Serves operators until the task is dropped.
pub async fn serve(listener: UnixListener, carry: Carry) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: wait rather than spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let carry = carry.clone();
        tokio::spawn(async move {
            // OK because an operator who is gone has only himself to tell.
            let _ = answer(stream, &carry).await;
            drop(place);
        });
    }
}

async fn answer(mut stream: UnixStream, carry: &Carry) -> std::io::Result<()> {
    let by = operator(stream.peer_cred()?.uid());
    let (reading, mut writing) = stream.split();
    let mut line = Vec::new();
    let mut limited = tokio::io::BufReader::new(reading.take(REQUEST_OCTETS_MAX));
    timeout(LINE_TIMEOUT, limited.read_until(b'\n', &mut line)).await??;
    let reply = match serde_json::from_slice::<Request>(&line) {
        Err(cause) => {
            let failure = Failure::new(FailureKind::ControlMalformed).fact("cause", cause);
            Reply::failed(&failure, Language::English)
        }
        Ok(request) => {
            let language = request.language();
            let stopping = || Reply::failed(&Failure::new(FailureKind::Stopping), language);
            match carry(request, by) {
                None => stopping(),
                Some(carried) => carried.await.unwrap_or_else(|_| stopping()),
            }
        }
    };
    let mut text = serde_json::to_vec(&reply).unwrap_or_default();
    text.push(b'\n');
    timeout(LINE_TIMEOUT, writing.write_all(&text)).await??;
    writing.shutdown().await
}

/// Asks the service whose state directory is `state`.
///
/// # Errors
/// No service answers, or its answer cannot be read.
pub fn ask(state: &Path, request: &Request) -> Result<Reply, Failure> {
    ask_of("sekisho serve", state, request)
}

/// Asks the program whose state directory is `state`, called as operators start it.
///
/// # Errors
/// No program answers, or its answer cannot be read.
pub fn ask_of(program: &str, state: &Path, request: &Request) -> Result<Reply, Failure> {
    let path: PathBuf = state.join(SOCKET_FILE);
    let unavailable = |cause: std::io::Error| {
        if cause.kind() == std::io::ErrorKind::PermissionDenied {
            return Failure::new(FailureKind::ControlForbidden).fact("path", path.display());
        }
        Failure::new(FailureKind::ControlUnavailable)
            .fact("path", path.display())
            .fact("cause", cause)
            .fact("program", program)
    };
    let mut stream = std::os::unix::net::UnixStream::connect(&path).map_err(unavailable)?;
    stream.set_read_timeout(Some(REPLY_TIMEOUT)).map_err(unavailable)?;
    let mut line = serde_json::to_vec(request).unwrap_or_default();
    line.push(b'\n');
    stream.write_all(&line).map_err(unavailable)?;
    let mut text = Vec::new();
    BufReader::new(stream.take(REPLY_OCTETS_MAX))
        .read_until(b'\n', &mut text)
        .map_err(unavailable)?;
    serde_json::from_slice(&text)
        .map_err(|cause| Failure::new(FailureKind::ControlReply).fact("cause", cause))
}

/// The operator's name for the record: from the passwd file, else the number alone.
pub(super) fn operator(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn echo() -> Carry {
        Arc::new(|request, by| {
            let (sender, receiver) = oneshot::channel();
            let result = json!({"by": by, "name": request.command.name()});
            sender.send(Reply::done("済".to_owned(), result)).unwrap();
            Some(receiver)
        })
    }

    async fn asked(carry: Carry, line: Vec<u8>) -> Value {
        let state = TempDir::new().unwrap();
        let server = tokio::spawn(serve(bind(state.path()).unwrap(), carry));
        let path = state.path().join(SOCKET_FILE);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, SOCKET_MODE);
        let mut stream = UnixStream::connect(path).await.unwrap();
        stream.write_all(&line).await.unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).await.unwrap();
        server.abort();
        serde_json::from_slice(&text).unwrap()
    }

    #[tokio::test]
    async fn who_asks_comes_from_the_kernel() {
        let request =
            b"{\"language\":\"ja\",\"command\":{\"name\":\"plan-show\",\"generation\":3}}\n";
        let reply = asked(echo(), request.to_vec()).await;
        assert_eq!(reply["ok"], true);
        assert_eq!(reply["result"]["name"], "plan-show");
        assert!(reply["result"]["by"].as_str().unwrap().contains("uid"), "{reply}");
    }

    #[tokio::test]
    async fn malformed_unknown_and_endless_requests_are_refused() {
        let endless = vec![b' '; usize::try_from(REQUEST_OCTETS_MAX).unwrap()];
        for line in [
            b"hello\n".to_vec(),
            b"{\"language\":\"ja\",\"command\":{\"name\":\"shutdown\"}}\n".to_vec(),
            b"{\"language\":\"ja\",\"by\":\"root\",\"command\":{\"name\":\"status\"}}\n".to_vec(),
            endless,
        ] {
            let reply = asked(echo(), line).await;
            assert_eq!(reply["failure"], "control.malformed", "{reply}");
        }
    }

    #[tokio::test]
    async fn a_stopping_service_says_so() {
        let request = b"{\"language\":\"en\",\"command\":{\"name\":\"status\"}}\n".to_vec();
        let reply = asked(Arc::new(|_, _| None), request).await;
        assert_eq!(reply["failure"], "service.stopping");
    }

    #[test]
    fn without_a_service_the_client_says_where_it_looked() {
        let state = TempDir::new().unwrap();
        let request = Request { language: "ja".to_owned(), command: Command::Status };
        let failure = ask(state.path(), &request).unwrap_err();
        assert_eq!(failure.kind, FailureKind::ControlUnavailable);
        assert!(failure.to_string().contains(SOCKET_FILE));
    }

    #[test]
    fn the_name_in_the_request_is_the_name_in_the_record() {
        for command in [
            Command::Reload { accept: None },
            Command::MarkList,
            Command::PlanRollback { generation: 1 },
            Command::EnforceList,
            Command::EnforceApprove { number: 1, reason: String::new() },
        ] {
            let text = serde_json::to_value(&command).unwrap();
            assert_eq!(text["name"], command.name());
        }
    }
}
