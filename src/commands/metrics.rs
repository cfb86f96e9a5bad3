//! `sekisho metrics`: what can be watched.

use clap::{ArgMatches, Command};

use super::arguments::Words;
use super::{Console, DONE};
use crate::shell::metrics;
use crate::vocabulary::Language;

pub(super) fn define(language: Language) -> Command {
    let about = "メトリクスの一覧を Markdown の表で示す(日本語と英語)";
    Command::new("metrics")
        .about(Words(language).say(about, "every metric as a Markdown table, in both languages"))
}

pub(super) fn run(_: &ArgMatches, console: &mut Console) -> u8 {
    console.part(metrics::table());
    DONE
}
