//! What people wrote in `config/` and `topology/`, compiled into one immutable [`Plan`], or every
//! [`Finding`] at once.
//!
//! May not open files (it is handed [`Sources`]), see packets, read the clock or decide about a
//! device. Unknown keys are findings, nothing falls back silently, and no code here knows the
//! name of an environment: environments are data.

mod alerts;
mod calendar;
mod check;
mod compile;
mod credentials;
mod detections;
mod environment;
mod finding;
mod flow;
mod gateways;
mod import;
mod inventory;
mod model;
mod names;
pub mod netbox;
mod packet;
mod policy;
mod profile;
pub(crate) mod read;
mod sensors;
mod tripwire;
mod server;
mod sources;
mod step;
#[cfg(test)]
pub(crate) mod tests;
mod topology;

pub use alerts::{AlertSink, Alerts, Host, MailSecurity, Means, Shape, Transport, Watch};
pub use calendar::{Calendar, DaySpan, Days, Hours};
pub use compile::{Compiled, compile};
pub use credentials::{
    AlertSecrets, ApiRole, ApiToken, AuthorityMaterial, ClientSecrets, Credentials,
    PeerCertificate, Peers, SecretFiles, SnmpSecrets, TRIPWIRE_KEY, TRIPWIRE_KEY_OCTETS,
    alert_secrets, credentials,
};
pub(crate) use credentials::{SECRET_CHARACTERS_MIN, finding as secret_finding};
pub use detections::{DetectionRule, Detections, Message};
pub use environment::{
    Admission, Authority, AuthorityIndex, Environment, Flows, Guideline, Pair, Revocation, Role,
    Vlan, WhenStale, WirelessRule,
};
pub use finding::{Finding, FindingKind, Severity};
pub(crate) use finding::{Sink, some_of};
pub use flow::{Flow, FlowEnd};
pub use import::{Change, Consent, Entry, Import, Move, Obstacle, Refused, import};
pub use inventory::{Area, Charset, Device};
pub use model::{Name, Origin, Plan};
pub use names::nearest;
pub use packet::{TCP, UDP, protocol_name};
pub use policy::{
    Action, Class, Edition, Exception, ExceptionObject, Grant, MacAdmission, Medium, Method, Rule,
};
pub use profile::{
    Accounting, Behaviour, CalledCarries, CalledStation, CallingStation, Coa, CoaAck, CoaBounce,
    CoaKey, Enforce, EnforceMeans, FilterMeans, Forwarding, HostMode, InterfaceNames, MabForm,
    MabMarker, MabPassword, MessageAuthenticator, NasIdentifier, PortDecode, PortNaming, Profile,
    ProfileIndex, RealmRule, Reply, ReplyOmit, Request, ServerDead, Snmp, SnmpAccess,
    TerminationAction, UserAffix, VlanMeans, VlanTag, VlanText, VlansPerPort,
};
pub use sensors::{Report, Response, ResponseLimit, Rung, SensorPlace, Sensors, Vantage};
pub use server::{EapSettings, Server, Survey, Timeservers};
pub use sources::{Sources, concerns};
pub use step::{Step, StepKind};
pub use topology::{
    AccessPoint, Acl, AclIndex, AclRule, Applied, Cable, Families, Gateway, GatewayIndex,
    Interface, Link, LinkEnd, Port, PortRole, Relay, RelayClass, Ring, RingIndex, Route, Site,
    Switch, SwitchRole, Transmission, WirelessNetwork,
};
pub use tripwire::Tripwire;
