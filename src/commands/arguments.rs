//! How a command line is described, in one language, and how paths are shown.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command, value_parser};

use crate::vocabulary::{Language, Text, escape};

/// Describes commands and their options in a language.
#[derive(Clone, Copy)]
pub(super) struct Words(pub(super) Language);

impl Words {
    pub(super) fn say(self, ja: &'static str, en: &'static str) -> &'static str {
        Text { ja, en }.get(self.0)
    }

    /// A command that wants arguments.
    pub(super) fn verb(self, name: &'static str, ja: &'static str, en: &'static str) -> Command {
        Command::new(name).about(self.say(ja, en)).arg_required_else_help(true)
    }

    /// A command that holds others.
    pub(super) fn group(self, name: &'static str, ja: &'static str, en: &'static str) -> Command {
        self.verb(name, ja, en).subcommand_required(true).disable_help_subcommand(true)
    }

    /// `--id VALUE`, a text.
    pub(super) fn text(
        self,
        id: &'static str,
        value: &'static str,
        ja: &'static str,
        en: &'static str,
    ) -> Arg {
        Arg::new(id).long(id).value_name(value).help(self.say(ja, en))
    }

    /// `--id VALUE`, a path.
    pub(super) fn path(
        self,
        id: &'static str,
        value: &'static str,
        ja: &'static str,
        en: &'static str,
    ) -> Arg {
        self.text(id, value, ja, en).value_parser(value_parser!(PathBuf))
    }

    /// `--id DAYS`, a number of days.
    pub(super) fn days(self, id: &'static str, ja: &'static str, en: &'static str) -> Arg {
        self.text(id, "DAYS", ja, en).value_parser(value_parser!(u32))
    }

    /// `--id`, on or off.
    pub(super) fn flag(self, id: &'static str, ja: &'static str, en: &'static str) -> Arg {
        Arg::new(id).long(id).action(ArgAction::SetTrue).help(self.say(ja, en))
    }
}

/// A path for people.
pub(super) fn shown(path: &Path) -> String {
    escape(path.as_os_str().as_encoded_bytes())
}
