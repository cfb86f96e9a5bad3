//! The arguments that say where a site's directories are, and findings as people read them.

use std::path::PathBuf;

use clap::{ArgMatches, Command};
use serde_json::Value;

use super::arguments::Words;
use super::{Console, WRONG};
use crate::plan::{self, Finding, Plan, Severity};
use crate::proof::AcceptedPlan;
use crate::shell::clock;
use crate::shell::service::{Directories, Material as _, Refused};
use crate::vocabulary::Text;

/// Adds `--config` and `--topology`.
pub(super) fn with_files(command: Command, words: Words) -> Command {
    let config = words.path(
        "config",
        "DIR",
        "設定のディレクトリ[既定: config]",
        "directory of the configuration [default: config]",
    );
    let topology = words.path(
        "topology",
        "DIR",
        "拠点・スイッチ・リンクのディレクトリ[既定: topology]",
        "directory of sites, switches and links [default: topology]",
    );
    command
        .arg(config.default_value("config").hide_default_value(true))
        .arg(topology.default_value("topology").hide_default_value(true))
}

/// Adds `--secrets`.
pub(super) fn with_secrets(command: Command, words: Words) -> Command {
    let secrets = words.path(
        "secrets",
        "DIR",
        "秘密情報のディレクトリ[既定: secrets]",
        "directory of keys, certificates and shared secrets [default: secrets]",
    );
    command.arg(secrets.default_value("secrets").hide_default_value(true))
}

/// Adds `--state`.
pub(super) fn with_state(command: Command, words: Words) -> Command {
    let state = words.path(
        "state",
        "DIR",
        "状態ディレクトリ(制御ソケットもここにある)[既定: state]",
        "directory of what outlives a restart, and of the control socket [default: state]",
    );
    command.arg(state.default_value("state").hide_default_value(true))
}

/// Adds `--json`.
pub(super) fn with_json(command: Command, words: Words) -> Command {
    command.arg(words.flag("json", "JSON で出力する", "print JSON"))
}

/// The value of a directory argument.
pub(super) fn path(matches: &ArgMatches, name: &str) -> PathBuf {
    matches.get_one::<PathBuf>(name).cloned().unwrap_or_else(|| PathBuf::from(name))
}

/// The three directories a command was given.
pub(super) fn directories(matches: &ArgMatches) -> Directories {
    Directories {
        config: path(matches, "config"),
        topology: path(matches, "topology"),
        secrets: path(matches, "secrets"),
    }
}

/// The same for a command that asks for no secrets.
pub(super) fn tree(matches: &ArgMatches) -> Directories {
    Directories {
        config: path(matches, "config"),
        topology: path(matches, "topology"),
        secrets: PathBuf::new(),
    }
}

/// The plan of a site's files; findings are printed only when there is none.
///
/// # Errors
/// The exit code, after the reason was printed.
pub(super) fn compile(directories: &Directories, console: &mut Console) -> Result<Plan, u8> {
    let sources = directories.sources().map_err(|failure| {
        console.complain(failure.message(console.language));
        WRONG
    })?;
    let compiled = plan::compile(&sources, clock::now());
    compiled.plan.ok_or_else(|| {
        print_findings(console, &compiled.findings);
        WRONG
    })
}

/// Compiles and proves; what is refused is printed, and the exit code returned.
pub(super) fn accept(directories: &Directories, console: &mut Console) -> Result<AcceptedPlan, u8> {
    let plan = compile(directories, console)?;
    AcceptedPlan::new(plan, clock::now()).map(|(plan, _)| plan).map_err(|findings| {
        print_findings(console, &findings);
        WRONG
    })
}

/// How grave a finding is.
pub(super) const ERROR: Text = Text { ja: "誤り", en: "error" };
pub(super) const WARNING: Text = Text { ja: "警告", en: "warning" };

/// Prints findings, two lines each: what is wrong where, and what to do about it.
pub(super) fn print_findings(console: &mut Console, findings: &[Finding]) {
    let language = console.language;
    for finding in findings {
        let severity = match finding.severity() {
            Severity::Error => ERROR,
            Severity::Warning => WARNING,
            Severity::Notice => Text { ja: "参考", en: "notice" },
        };
        let mut place = String::new();
        if let Some(at) = &finding.at {
            place = format!("{at}: ");
        }
        if !finding.field.is_empty() {
            place.push_str(&format!("{}: ", finding.field));
        }
        let severity = severity.get(language);
        console.line(format!(
            "{place}{severity} [{}] {}",
            finding.kind.id(),
            finding.text(language)
        ));
        for (number, step) in (1..).zip(&finding.witness) {
            console.line(format!("    {number}. {}", step.text(language)));
        }
        console.line(format!("    → {}", finding.remedy(language)));
    }
}

/// Prints changes as the service and `diff` give them, those that weaken the separation first
/// and marked with `!`.
pub(super) fn print_changes(console: &mut Console, changes: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for change in changes.as_array().into_iter().flatten() {
        let sign = if change["weaker"] == true { '!' } else { ' ' };
        console.line(format!("{sign} [{}] {}", text(&change["id"]), text(&change["text"])));
        let finding = &change["finding"];
        for step in finding["witness"].as_array().into_iter().flatten() {
            console.line(format!("      {}", text(&step["text"])));
        }
    }
}

/// How many findings are errors, and how many warnings.
pub(super) fn count(findings: &[Finding]) -> (usize, usize) {
    let of = |severity| findings.iter().filter(|each| each.severity() == severity).count();
    (of(Severity::Error), of(Severity::Warning))
}

/// Prints why a plan cannot be served.
pub(super) fn print_refusal(console: &mut Console, refused: &Refused) {
    print_findings(console, &refused.findings);
    let message = refused.failure.message(console.language);
    console.complain(message);
}
