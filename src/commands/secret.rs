//! `sekisho secret`: the secrets shared with switches, one file each, changed without a gap.
//!
//! While `SWITCH.next` stands beside `SWITCH.secret`, the service accepts both, so that the
//! switch can be changed over at leisure.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};

use super::arguments::{Words, shown};
use super::refusal::{Refusal, conclude};
use super::site;
use super::{Console, DONE, WRONG_USE};
use crate::plan::ApiRole;
use crate::shell::files::{self, FileCause, FileError};
use crate::shell::service::Directories;
use crate::shell::{Failure, FailureKind, random};
use crate::vocabulary::{Language, Secret, Text, escape};

/// Characters of a generated secret; six random bits each.
const SECRET_CHARACTERS: usize = 32;
/// Most characters of a switch's name.
const SWITCH_CHARACTERS_MAX: usize = 64;

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let placed = |name, ja, en| {
        let secrets = words.path(
            "secrets",
            "DIR",
            "秘密情報のディレクトリ[既定: secrets]",
            "directory of the secrets [default: secrets]",
        );
        words.verb(name, ja, en).arg(secrets.default_value("secrets").hide_default_value(true))
    };
    let named = |ja, en| Arg::new("name").value_name("NAME").required(true).help(words.say(ja, en));
    let verb = |name, ja, en| {
        let switch = Arg::new("switch").value_name("SWITCH").required(true);
        placed(name, ja, en).arg(switch.help(words.say("スイッチのid", "id of the switch")))
    };
    let generate = verb(
        "generate",
        "新しいスイッチの共有鍵を作る(上書きはしない)",
        "makes secrets for new switches (never overwrites)",
    );
    let rotate = verb(
        "rotate",
        "次の共有鍵を作る。入れ替えが済むまで両方を受け付ける",
        "makes the next secret; both are accepted until it is promoted",
    );
    let promote =
        verb("promote", "次の共有鍵を現在の鍵にする", "makes the next secret the current one");
    let show = verb(
        "show",
        "スイッチに入力する共有鍵を表示する",
        "shows the secret to be typed into the switch",
    );
    let token = placed(
        "token",
        "HTTP API のトークンを作る(上書きはしない)",
        "makes a token for the HTTP API (never overwrites)",
    )
    .arg(named("使う人またはプログラムの名前", "who or what uses it"))
    .arg(
        words
            .text(
                "role",
                "read|operate|administer|sensor",
                "役割: read(閲覧)、operate(隔離と解除)、administer(計画の変更も)、sensor(センサーの報告だけ)",
                "role: read, operate (quarantine and release), administer (plans too) or sensor (reports and nothing else)",
            )
            .required(true)
            .value_parser(ApiRole::ALL.map(ApiRole::id))
            .hide_possible_values(true),
    );
    let snmp = placed(
        "snmp",
        "スイッチを SNMPv3 で読むためのパスフレーズを作る(上書きはしない)",
        "makes the passphrases by which switches are asked by SNMPv3 (never overwrites)",
    )
    .arg(named(
        "プロファイルの [snmp] の secret に書いた名前",
        "what [snmp] of the profiles has as `secret`",
    ));
    let missing = words.flag(
        "missing",
        "鍵のないスイッチすべてに作る",
        "one for every switch of the plan that has none",
    );
    words
        .group(
            "secret",
            "スイッチとの共有鍵を作り、入れ替える",
            "makes and changes the secrets shared with switches",
        )
        .subcommand(site::with_files(
            generate
                .mut_arg("switch", |switch| {
                    switch.num_args(1..).required(false).required_unless_present("missing")
                })
                .arg(missing.conflicts_with("switch")),
            words,
        ))
        .subcommand(rotate)
        .subcommand(token)
        .subcommand(snmp)
        .subcommand(promote)
        .subcommand(
            show.arg(words.flag("next", "次の共有鍵を表示", "show the next secret"))
                .arg(
                    words
                        .flag(
                            "snmp",
                            "この名前の SNMPv3 のパスフレーズを表示",
                            "show the passphrases of SNMPv3 of that name",
                        )
                        .conflicts_with("next"),
                )
                .arg(words.flag(
                    "yes",
                    "端末の画面以外にも出力",
                    "print it even where no terminal is",
                )),
        )
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let Some((verb, inner)) = matches.subcommand() else { return WRONG_USE };
    let secrets = inner.get_one::<PathBuf>("secrets").cloned().unwrap_or_default();
    let text = |id: &str| inner.get_one::<String>(id).map_or("", String::as_str);
    match verb {
        "token" => {
            return conclude(token(&secrets, text("name"), text("role"), console), console);
        }
        "snmp" => return conclude(passphrases(&secrets, text("name"), console), console),
        _ => {}
    }
    let switches = inner.get_many::<String>("switch").into_iter().flatten().cloned();
    let mut switches: Vec<String> = switches.collect();
    if verb == "generate" && inner.get_flag("missing") {
        match missing(&site::directories(inner), console) {
            Ok(found) if found.is_empty() => {
                console.complain(console.say(Text {
                    ja: "共有鍵のないスイッチはありません",
                    en: "every switch has a secret",
                }));
            }
            Ok(found) => switches = found,
            Err(code) => return code,
        }
    }
    let (next, yes) = match verb {
        "show" if inner.get_flag("snmp") => {
            let shown = show_passphrases(&secrets, text("switch"), inner.get_flag("yes"), console);
            return conclude(shown, console);
        }
        "show" => (inner.get_flag("next"), inner.get_flag("yes")),
        _ => (false, false),
    };
    let mut worst = DONE;
    for switch in &switches {
        let done = Client::of(&secrets, switch).and_then(|client| match verb {
            "generate" => client.generate(console),
            "rotate" => client.rotate(console),
            "promote" => client.promote(console),
            _ => client.show(next, yes, console), // OK because clap lets only `show` through
        });
        worst = worst.max(conclude(done, console));
    }
    worst
}

/// Makes a token for the HTTP API.
fn token(secrets: &Path, name: &str, role: &str, console: &mut Console) -> Result<(), Refusal> {
    plain_name(name)?;
    let path = room(secrets, "api")?.join(format!("{name}.{role}.token"));
    write(&path)?;
    let text = Text {
        ja: "{path} を作りました。`sekisho reload` で有効になります",
        en: "wrote {path}; `sekisho reload` puts it into force",
    };
    let text = text.fill(console.language, &[("path", shown(&path))]);
    console.line(text);
    Ok(())
}

/// What SNMPv3 proves and encrypts by, and what a switch calls it.
const PASSPHRASES: [(&str, &str); 2] = [("auth", "auth"), ("priv", "privacy")];

/// Makes the passphrases of SNMPv3: those that are absent.
fn passphrases(secrets: &Path, name: &str, console: &mut Console) -> Result<(), Refusal> {
    plain_name(name)?;
    let directory = room(secrets, "snmp")?;
    let files = PASSPHRASES.map(|(ending, _)| directory.join(format!("{name}.{ending}")));
    // One of two may have been lost; where both are there nothing is to be made.
    let whole = files.iter().all(|path| path.exists());
    for path in files.iter().filter(|path| whole || !path.exists()) {
        write(path)?;
    }
    let text = Text {
        ja: "{path} に {name}.auth と {name}.priv を作りました。`sekisho secret show --snmp {name}` で表示してスイッチに設定し、`sekisho reload` で読み始めます",
        en: "wrote {name}.auth and {name}.priv into {path}; show them by `sekisho secret show --snmp {name}`, set them on the switches, and begin to ask by `sekisho reload`",
    };
    let text =
        text.fill(console.language, &[("path", shown(&directory)), ("name", name.to_owned())]);
    console.line(text);
    Ok(())
}

/// Shows the passphrases of SNMPv3, to be typed into switches.
fn show_passphrases(
    secrets: &Path,
    name: &str,
    yes: bool,
    console: &mut Console,
) -> Result<(), Refusal> {
    plain_name(name)?;
    if !yes && !console.is_terminal() {
        return Err(Failure::new(FailureKind::SecretHidden).into());
    }
    for (ending, called) in PASSPHRASES {
        let path = secrets.join("snmp").join(format!("{name}.{ending}"));
        if !files::exists(&path)? {
            let failure = Failure::new(FailureKind::PassphraseAbsent).fact("name", name);
            return Err(failure.fact("path", shown(&path)).into());
        }
        let word = Secret::new(files::read_text(&path)?.into_bytes());
        console.line(format!("{called:<8}{}", String::from_utf8_lossy(word.expose()).trim_end()));
    }
    Ok(())
}

/// A directory below the secrets, made where it is not yet.
fn room(secrets: &Path, name: &str) -> Result<PathBuf, Refusal> {
    if !secrets.is_dir() {
        let failure = Failure::new(FailureKind::DirectoryAbsent);
        return Err(failure.fact("path", shown(secrets)).into());
    }
    let directory = secrets.join(name);
    files::make_secret_directory(&directory)?;
    Ok(directory)
}

/// Letters, digits, `-`, `_` and `.`, a letter or digit first.
fn plain_name(name: &str) -> Result<(), Refusal> {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    if name.len() > SWITCH_CHARACTERS_MAX
        || !name.starts_with(|first: char| first.is_ascii_alphanumeric())
        || !name.chars().all(plain)
    {
        let failure = Failure::new(FailureKind::SwitchNameMalformed);
        return Err(failure.fact("name", escape(name.as_bytes())).into());
    }
    Ok(())
}

/// The switches of the plan that ask the server and have no secret yet.
fn missing(directories: &Directories, console: &mut Console) -> Result<Vec<String>, u8> {
    let plan = site::compile(directories, console)?;
    let clients = plan.switches.iter().filter(|switch| switch.is_client());
    let file = |id: &str| directories.secrets.join("client").join(format!("{id}.secret"));
    Ok(clients.map(|switch| switch.id.clone()).filter(|id| !file(id).exists()).collect())
}

/// A new secret for a switch.
pub(super) fn generate() -> Result<Secret, Failure> {
    random::text(SECRET_CHARACTERS).map_err(|_| Failure::new(FailureKind::RandomUnavailable))
}

/// One switch's files below the secrets.
struct Client<'a> {
    switch: &'a str,
    current: PathBuf,
    next: PathBuf,
}

impl<'a> Client<'a> {
    fn of(secrets: &Path, switch: &'a str) -> Result<Self, Refusal> {
        plain_name(switch)?;
        if !secrets.is_dir() {
            let failure = Failure::new(FailureKind::DirectoryAbsent);
            return Err(failure.fact("path", shown(secrets)).into());
        }
        let file = |ending: &str| secrets.join("client").join(format!("{switch}.{ending}"));
        Ok(Self { switch, current: file("secret"), next: file("next") })
    }

    fn generate(&self, console: &mut Console) -> Result<(), Refusal> {
        if let Some(directory) = self.current.parent() {
            files::make_secret_directory(directory)?;
        }
        write(&self.current)?;
        self.say(
            console,
            Text {
                ja: "{current} を作りました。`sekisho secret show {switch}` で表示し、スイッチに設定してください",
                en: "wrote {current}; show it by `sekisho secret show {switch}` and set it on the switch",
            },
        );
        Ok(())
    }

    fn rotate(&self, console: &mut Console) -> Result<(), Refusal> {
        if !files::exists(&self.current)? {
            return Err(self.failure(FailureKind::SecretAbsent, &self.current));
        }
        write(&self.next).map_err(|refusal| match refusal {
            Refusal::File(FileError { cause: FileCause::Exists, .. }) => {
                self.failure(FailureKind::SecretPending, &self.next)
            }
            other => other,
        })?;
        self.say(
            console,
            Text {
                ja: "{next} を作りました。続けて:\n  1. sekisho reload(今の鍵と次の鍵の両方を受け付けます)\n  2. sekisho secret show --next {switch} で表示し、スイッチに設定\n  3. sekisho secret promote {switch}\n  4. sekisho reload(古い鍵を受け付けなくなります)",
                en: "wrote {next}; then:\n  1. sekisho reload (the current and the next secret are both accepted)\n  2. sekisho secret show --next {switch}, and set it on the switch\n  3. sekisho secret promote {switch}\n  4. sekisho reload (the old secret is no longer accepted)",
            },
        );
        Ok(())
    }

    fn promote(&self, console: &mut Console) -> Result<(), Refusal> {
        if !files::exists(&self.next)? {
            return Err(self.failure(FailureKind::SecretNextAbsent, &self.next));
        }
        files::replace(&self.next, &self.current)?;
        self.say(
            console,
            Text {
                ja: "{next} を {current} に置き換えました(一度に切り替わり、古い鍵は残りません)。`sekisho reload` で有効になります",
                en: "renamed {next} over {current} (in one step; the old secret is gone); `sekisho reload` puts it into force",
            },
        );
        Ok(())
    }

    fn show(&self, next: bool, yes: bool, console: &mut Console) -> Result<(), Refusal> {
        if !yes && !console.is_terminal() {
            return Err(Failure::new(FailureKind::SecretHidden).into());
        }
        let (path, absent) = if next {
            (&self.next, FailureKind::SecretNextAbsent)
        } else {
            (&self.current, FailureKind::SecretAbsent)
        };
        if !files::exists(path)? {
            return Err(self.failure(absent, path));
        }
        let secret = Secret::new(files::read_text(path)?.into_bytes());
        console.line(String::from_utf8_lossy(secret.expose()).trim_end());
        Ok(())
    }

    fn failure(&self, kind: FailureKind, path: &Path) -> Refusal {
        Failure::new(kind).fact("switch", self.switch).fact("path", shown(path)).into()
    }

    fn say(&self, console: &mut Console, text: Text) {
        let facts = [
            ("switch", self.switch.to_owned()),
            ("current", shown(&self.current)),
            ("next", shown(&self.next)),
        ];
        let text = text.fill(console.language, &facts);
        console.line(text);
    }
}

/// Writes a new secret where there is none.
fn write(path: &Path) -> Result<(), Refusal> {
    Ok(files::write_secret(path, generate()?.expose())?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn run_with(secrets: &Path, arguments: &[&str]) -> (u8, String) {
        let (mut console, captured) = Console::captured(Language::English);
        let mut line = vec!["secret"];
        line.extend(arguments);
        line.extend(["--secrets", secrets.to_str().unwrap()]);
        let matches = define(Language::English).try_get_matches_from(line).unwrap();
        (run(&matches, &mut console), captured.take())
    }

    #[test]
    fn a_secret_is_made_rotated_and_promoted_without_being_printed() {
        let directory = tempfile::tempdir().unwrap();
        let secrets = directory.path();
        let file = |name: &str| secrets.join("client").join(name);
        let (code, mut printed) = run_with(secrets, &["generate", "sw01", "sw02"]);
        assert_eq!(code, DONE);
        let first = fs::read_to_string(file("sw01.secret")).unwrap();
        assert_eq!(first.len(), SECRET_CHARACTERS);
        assert_eq!(fs::metadata(file("sw01.secret")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(file("")).unwrap().permissions().mode() & 0o777, 0o700);
        assert_ne!(first, fs::read_to_string(file("sw02.secret")).unwrap());

        assert_eq!(run_with(secrets, &["generate", "sw01", "sw03"]).0, 1, "never overwritten");
        assert_eq!(fs::read_to_string(file("sw01.secret")).unwrap(), first);
        assert!(file("sw03.secret").exists(), "and the others are made all the same");

        let (code, more) = run_with(secrets, &["rotate", "sw01"]);
        printed.push_str(&more);
        assert_eq!(code, DONE);
        assert_eq!(run_with(secrets, &["rotate", "sw01"]).0, 1, "one rotation at a time");
        let next = fs::read_to_string(file("sw01.next")).unwrap();
        let (code, more) = run_with(secrets, &["promote", "sw01"]);
        printed.push_str(&more);
        assert_eq!(code, DONE);
        assert_eq!(fs::read_to_string(file("sw01.secret")).unwrap(), next);
        assert!(!file("sw01.next").exists());
        assert!(!printed.contains(&first) && !printed.contains(&next), "{printed}");

        assert_eq!(run_with(secrets, &["show", "sw01"]).0, WRONG_USE, "no terminal here");
        assert_eq!(run_with(secrets, &["show", "sw01", "--yes"]), (DONE, format!("{next}\n")));
    }

    #[test]
    fn passphrases_of_snmp_are_made_once_private_and_shown_only_when_asked() {
        let directory = tempfile::tempdir().unwrap();
        let secrets = directory.path();
        let (code, printed) = run_with(secrets, &["snmp", "switches"]);
        assert!(code == DONE && printed.contains("secret show --snmp switches"), "{printed}");
        let word = |ending: &str| {
            let path = secrets.join("snmp").join(format!("switches.{ending}"));
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::read_to_string(path).unwrap()
        };
        let (auth, privacy) = (word("auth"), word("priv"));
        assert!(auth != privacy && !printed.contains(&auth) && !printed.contains(&privacy));
        assert_eq!(run_with(secrets, &["snmp", "switches"]).0, 1, "never overwritten");
        fs::remove_file(secrets.join("snmp/switches.priv")).unwrap();
        assert_eq!(run_with(secrets, &["snmp", "switches"]).0, DONE);
        assert_eq!(word("auth"), auth, "the other is made anew");
        let privacy = word("priv");
        assert_eq!(run_with(secrets, &["show", "--snmp", "switches"]).0, WRONG_USE, "no terminal");
        let (code, printed) = run_with(secrets, &["show", "--snmp", "switches", "--yes"]);
        assert_eq!((code, printed), (DONE, format!("auth    {auth}\nprivacy {privacy}\n")));
        let (code, printed) = run_with(secrets, &["show", "--snmp", "others", "--yes"]);
        assert!(code == 1 && printed.contains("sekisho secret snmp others"), "{printed}");
    }

    #[test]
    fn what_is_absent_or_no_name_is_refused_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let cases: [(&[&str], u8, &str); 6] = [
            (&["rotate", "sw01"], 1, "secret generate sw01"),
            (&["promote", "sw01"], 1, "secret rotate sw01"),
            (&["show", "sw01", "--yes"], 1, "secret generate sw01"),
            (&["generate", "../sw01"], 2, "cannot be a name"),
            (&["generate", ".sw01"], 2, "cannot be a name"),
            (&["generate", "a/b"], 2, "cannot be a name"),
        ];
        for (arguments, code, text) in cases {
            let (found, printed) = run_with(directory.path(), arguments);
            assert!(found == code && printed.contains(text), "{arguments:?}: {found} {printed}");
        }
        let (code, printed) = run_with(&directory.path().join("none"), &["generate", "sw01"]);
        assert!(code == 1 && printed.contains("no such directory"), "{printed}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
