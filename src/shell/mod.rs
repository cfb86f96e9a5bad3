//! The only room that touches the world: sockets, files, stores, HTTP, the control socket, the
//! log and signals.
//!
//! It decides nothing: who is admitted is `access`'s and `policy`'s word, what a site's files
//! mean is `plan`'s. Everything here carries bytes and facts between those rooms and the
//! machine, within named bounds, and never lets a slow reader hold up admission.

/// Declares an enum of ids with their texts in both languages.
macro_rules! registry {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $id:literal [$ja:literal, $en:literal])* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = $en] $variant,)*
        }

        impl $name {
            /// Everything in the registry, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable id.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// The text, with names of facts in braces.
            #[must_use]
            pub const fn text(self) -> crate::vocabulary::Text {
                match self { $(Self::$variant => crate::vocabulary::Text { ja: $ja, en: $en },)* }
            }
        }
    };
}

mod admission;
mod archive;
pub mod authenticator;
pub mod clock;
pub mod control;
mod eapol_port;
mod failure;
pub mod files;
pub mod fleet;
pub mod http;
pub mod log;
pub mod metrics;
mod notify;
mod openflow;
pub mod ovsdb;
pub mod random;
pub mod service;
pub mod sources;
pub mod store;
pub mod workers;

pub use failure::{Failure, FailureKind};
