//! A small private certification authority: keys, requests, certificates, revocation lists.
//!
//! Opens no file and reads no clock; key material and serial numbers come from the operating
//! system's generator through `ring`. The service never enters this room: certificates are made
//! by separate commands, so that a stolen server does not hold the key that makes identities.

mod error;
mod identity;
mod issue;
mod register;
mod request;
mod revocation;
#[cfg(test)]
mod tests;

pub use error::AuthorityError;
pub use identity::{IDENTITY_OCTETS_MAX, Identity, IdentityError};
pub use issue::{
    AUTHORITY_DAYS_MAX, Authority, CERTIFICATE_DAYS_MAX, Credential, IDENTITIES_MAX, Issued,
    PrivateKey, Purpose,
};
pub use register::{ENTRIES_MAX, Entry, Register, RegisterError, RegisterFault, RevokeError};
pub use request::{CertificateRequest, request};
pub use revocation::{REVOCATION_LIST_DAYS_MAX, Revocation, RevocationList, RevocationReason};
