//! The rooms together and against real peers. Every program named here comes from Debian's
//! packages (`.ci/run` installs them); one that is missing fails the test.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that goes wrong should stop loudly, and a test touches the world"
)]

mod api;
mod alert;
mod authenticator;
mod city;
mod clock;
mod detection;
mod eapol;
mod evidence;
mod files;
mod dashboards;
mod metrics;
mod mirror;
mod netbox;
mod operate;
mod page;
mod order;
mod peers;
mod radclient;
mod render;
mod sessions;
mod storm;
mod snmp;
mod survey;
mod sensor;
mod tripwire;
mod watch;
mod report;
