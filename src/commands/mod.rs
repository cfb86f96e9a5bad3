//! What an operator types. Each command reads its arguments, calls the rooms above and prints;
//! no protocol code lives here.
//!
//! Exit codes are the same for all: 0 done or nothing wrong, 1 something is wrong, 2 wrong use.

mod analyze;
mod alert;
mod arguments;
mod authenticator;
mod authority_directory;
mod backup;
mod certificate;
mod check;
mod console;
mod demo;
mod diff;
mod enforce;
mod evaluate;
mod evaluate_town;
mod example;
mod explain;
mod import;
mod incident;
mod incident_bundle;
mod init;
mod log;
mod log_verify;
mod metrics;
mod misuse;
mod netbox;
mod operate;
mod refusal;
mod render;
mod report;
#[cfg(test)]
mod report_tests;
mod running;
mod secret;
mod sensor;
mod serve;
mod site;
mod switch;
mod undo;
mod who;
mod storm;
mod tripwire;

pub use console::Console;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::vocabulary::{Language, Text};

/// Done, or nothing wrong.
pub const DONE: u8 = 0;
/// Something is wrong.
pub const WRONG: u8 = 1;
/// Wrong use.
pub const WRONG_USE: u8 = 2;

/// More options than a command has: options that every command has are listed after these.
const OPTIONS_MAX: usize = 100;

/// A command: how it is described and what it does.
struct Verb {
    define: fn(Language) -> Command,
    run: fn(&ArgMatches, &mut Console) -> u8,
}

/// Every command, in the order that `--help` lists them.
const VERBS: &[Verb] = &[
    Verb { define: demo::define, run: demo::run },
    Verb { define: serve::define, run: serve::run },
    Verb { define: check::define, run: check::run },
    Verb { define: diff::define, run: diff::run },
    Verb { define: explain::define, run: explain::run },
    Verb { define: import::define, run: import::run },
    Verb { define: render::define, run: render::run },
    Verb { define: operate::define_reload, run: operate::reload },
    Verb { define: operate::define_status, run: operate::status },
    Verb { define: metrics::define, run: metrics::run },
    Verb { define: operate::define_plan, run: operate::plan },
    Verb { define: operate::define_mark, run: operate::mark },
    Verb { define: who::define, run: who::run },
    Verb { define: log::define, run: log::run },
    Verb { define: incident::define, run: incident::run },
    Verb { define: report::define, run: report::run },
    Verb { define: alert::define, run: alert::run },
    Verb { define: backup::define_backup, run: backup::backup },
    Verb { define: backup::define_restore, run: backup::restore },
    Verb { define: enforce::define_quarantine, run: enforce::quarantine },
    Verb { define: enforce::define_release, run: enforce::release },
    Verb { define: enforce::define_disconnect, run: enforce::disconnect },
    Verb { define: enforce::define_enforce, run: enforce::enforce },
    Verb { define: switch::define, run: switch::run },
    Verb { define: analyze::define, run: analyze::run },
    Verb { define: evaluate::define, run: evaluate::run },
    Verb { define: sensor::define, run: sensor::run },
    Verb { define: tripwire::define, run: tripwire::run },
    Verb { define: authenticator::define, run: authenticator::run },
    Verb { define: init::define, run: init::run },
    Verb { define: certificate::define, run: certificate::run },
    Verb { define: secret::define, run: secret::run },
    Verb { define: storm::define, run: storm::run },
];

/// Runs the command line `arguments` (the program's name first) under `locale`, the values of
/// `LC_ALL`, `LC_MESSAGES` and `LANG` in this order.
#[must_use]
pub fn run(arguments: &[OsString], locale: &[Option<String>]) -> ExitCode {
    let language = language(arguments, locale);
    let mut console = Console::new(language);
    let code = obey(arguments, &mut console);
    ExitCode::from(console.end(code))
}

fn obey(arguments: &[OsString], console: &mut Console) -> u8 {
    let language = console.language;
    let matches = match define(language).try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                    console.part(error.render());
                    DONE
                }
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                    console.complain(error.render());
                    WRONG_USE
                }
                _ => {
                    console.complain(misuse::text(&error, language));
                    WRONG_USE
                }
            };
        }
    };
    let Some((name, inner)) = matches.subcommand() else { return WRONG_USE };
    let verb = VERBS.iter().find(|verb| (verb.define)(language).get_name() == name);
    verb.map_or(WRONG_USE, |verb| (verb.run)(inner, console))
}

fn define(language: Language) -> Command {
    let about = Text {
        ja: "関所: 庁内LANに誰をどこまで入れるかを決めるネットワークアクセス制御\n日時は日本時間で読み、示します。ログと --json では UTC(末尾が Z)です",
        en: "decides who may join a city hall's network, and where\ntimes are read and shown in Japan time; in the log and with --json they are UTC (ending in Z)",
    };
    let mut command = Command::new("sekisho")
        .version(env!("CARGO_PKG_VERSION"))
        .about(about.get(language))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true)
        .arg(
            Arg::new("version")
                .short('V')
                .long("version")
                .action(ArgAction::Version)
                .help(Text { ja: "バージョンを表示", en: "print the version" }.get(language)),
        )
        .arg(
            Arg::new("lang")
                .long("lang")
                .global(true)
                .display_order(OPTIONS_MAX)
                .value_name("ja|en")
                .value_parser(["ja", "en"])
                .hide_possible_values(true)
                .help(Text { ja: "表示の言語", en: "language of the output" }.get(language)),
        );
    for verb in VERBS {
        command = command.subcommand((verb.define)(language));
    }
    translate(command, language)
}

/// Gives a command, and those inside it, headings and a help option in the language.
fn translate(command: Command, language: Language) -> Command {
    let say = |ja, en| Text { ja, en }.get(language);
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .display_order(OPTIONS_MAX + 1)
        .action(ArgAction::Help)
        .help(say("この説明を表示", "print this help"));
    let mut template = "{about-with-newline}\n".to_owned();
    let mut part = |heading: &str, content: &str| {
        template.push_str(heading);
        template.push_str(content);
    };
    part(say("使い方: ", "usage: "), "{usage}");
    if command.get_positionals().next().is_some() {
        part(say("\n\n引数:\n", "\n\narguments:\n"), "{positionals}");
    }
    if command.has_subcommands() {
        part(say("\n\nコマンド:\n", "\n\ncommands:\n"), "{subcommands}");
    }
    part(say("\n\nオプション:\n", "\n\noptions:\n"), "{options}");
    command
        .disable_help_flag(true)
        .arg(help)
        .help_template(template)
        .mut_subcommands(|inner| translate(inner, language))
}

/// Looks for `--lang` before the command line is parsed, since `--help` must speak it as well.
fn language(arguments: &[OsString], locale: &[Option<String>]) -> Language {
    let texts: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let option = texts.iter().enumerate().find_map(|(index, text)| match *text {
        "--lang" => texts.get(index + 1).copied(),
        text => text.strip_prefix("--lang="),
    });
    Language::choose(option.and_then(Language::parse), locale)
}
