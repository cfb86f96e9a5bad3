//! Tells systemd how far the service is (sd_notify(3)); without `NOTIFY_SOCKET` nobody is told.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The sockets are open and a plan is in force.
pub fn ready() {
    send("READY=1");
}

/// No more requests are taken.
pub fn stopping() {
    send("STOPPING=1");
}

fn send(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&path),
    };
    let told = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    // OK because a service manager that does not listen learns of the end from the kernel.
    let _ = told;
}
