//! `sekisho init`: a new site's files, commented, with keys of its own, ready to be tried; or
//! those of an example network, to see what a whole one looks like.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};

use super::arguments::{Words, shown};
use super::authority_directory::{CERTIFICATE, KEY, LIST, LIST_DAYS, REGISTER};
use super::certificate::SERVER_DAYS;
use super::example::Example;
use super::refusal::{Refusal, conclude};
use super::{Console, secret};
use crate::authority::{Authority, AuthorityError, Identity, Purpose, Register};
use crate::plan;
use crate::shell::clock;
use crate::shell::files::{PRIVATE_DIRECTORY, PRIVATE_FILE, PUBLIC_FILE};
use crate::shell::staged::StagedDirectory;
use crate::vocabulary::{Language, Text, Timestamp};

/// Days the new authority is valid: ten years.
const AUTHORITY_DAYS: u32 = 3_652;
/// The server's name in the files below, replaced by the one chosen.
const SERVER_NAME: &str = "radius.example.test";
/// Stands in `environments.toml` for the authority's name, its quotes included.
const AUTHORITY_NAME: &str = "\"{authority}\"";
/// The switches of the site below.
const SWITCHES: [&str; 2] = ["sw01", "bench"];
/// The authority of the site below.
const AUTHORITY: &str = "city";

/// Declares the files of a new site: those of its own, and those shipped with the program.
macro_rules! site {
    (own: $($own:literal)* shipped: $($shipped:literal)*) => {
        /// Path and content.
        const FILES: &[(&str, &str)] = &[
            $(($own, include_str!(concat!("site/", $own))),)*
            $(($shipped, include_str!(concat!("../../../", $shipped))),)*
        ];
    };
}

site! {
    own:
        "config/server.toml"
        "config/environments.toml"
        "config/policy.toml"
        "config/exceptions.toml"
        "config/grants.toml"
        "config/inventory.csv"
        "topology/network.toml"
        "topology/honcho/site.toml"
        "topology/honcho/drawing.txt"
        "bench/eapol_test.conf"
        "sekisho.service"
    shipped:
        "config/profiles/cisco-ibns.toml"
        "config/profiles/hostapd-wired.toml"
}

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let directory =
        words.say("作るディレクトリ(無いか、空であること)", "directory to make (absent or empty)");
    let authority_name = words.text(
        "authority-name",
        "NAME",
        "端末認証局の名前[既定: 端末認証局]",
        "name of the device certification authority [default: Device CA]",
    );
    let server_name = words.text(
        "server-name",
        "NAME",
        "サーバー証明書のDNS名[既定: radius.example.test]",
        "DNS name in the server's certificate [default: radius.example.test]",
    );
    let example = words.text(
        "example",
        "town|city|large",
        "見本のネットワークを作る(town 小さな町、city 中規模の市、large スイッチ300台)",
        "write an example network (town: a small one, city: a medium one, large: 300 switches)",
    );
    let default_authority = words.say("端末認証局", "Device CA");
    words
        .verb(
            "init",
            "新しい庁舎の設定一式を、説明と鍵を付けて作る",
            "writes a new site's files, commented, with keys of its own",
        )
        .arg(
            Arg::new("directory")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help(directory),
        )
        .arg(
            example
                .value_parser(Example::IDS)
                .hide_possible_values(true)
                .conflicts_with_all(["authority-name", "server-name"]),
        )
        .arg(authority_name.default_value(default_authority).hide_default_value(true))
        .arg(server_name.default_value(SERVER_NAME).hide_default_value(true))
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let text = |id: &str| matches.get_one::<String>(id).map_or("", String::as_str);
    let directory = matches.get_one::<PathBuf>("directory").cloned().unwrap_or_default();
    let now = clock::now();
    let example = Example::ALL.iter().find(|example| example.id() == text("example"));
    let facts = [("directory", shown(&directory))];
    let (site, steps) = match example {
        Some(example) => (Site::example(*example, now), EXAMPLE_NEXT_STEPS),
        None => (Site::new(text("authority-name"), text("server-name")), NEXT_STEPS),
    };
    let done = site.and_then(|site| site.write(&directory, now));
    if done.is_ok() {
        let steps = steps.fill(console.language, &facts);
        console.line(steps);
    }
    conclude(done, console)
}

/// What is to be written.
struct Site {
    files: Vec<(String, Vec<u8>)>,
    /// The switches that get a secret.
    switches: Vec<String>,
    /// Id and name of the authority that certifies devices.
    authority: (String, String),
    server: Identity,
}

impl Site {
    /// A new site.
    fn new(authority_name: &str, server_name: &str) -> Result<Self, Refusal> {
        let server = identity(server_name)?;
        let quoted = toml::Value::from(authority_name).to_string();
        let fill = |content: &str| {
            content.replace(SERVER_NAME, server.name()).replace(AUTHORITY_NAME, &quoted)
        };
        let files = FILES.iter().map(|(path, text)| ((*path).to_owned(), fill(text).into_bytes()));
        Ok(Self {
            files: files.collect(),
            switches: SWITCHES.map(str::to_owned).to_vec(),
            authority: (AUTHORITY.to_owned(), authority_name.to_owned()),
            server,
        })
    }

    /// An example network, with whatever authority and server its own files name.
    fn example(example: Example, now: Timestamp) -> Result<Self, Refusal> {
        let sources = example.sources();
        // OK because every example compiles, as a test shows; else it is written for what it is.
        let plan = plan::compile(&sources, now).plan;
        let plan = plan.as_ref();
        let clients = plan.into_iter().flat_map(|plan| &plan.switches).filter(|it| it.is_client());
        let authority = plan.and_then(|plan| plan.authorities.first());
        let named = authority.map(|authority| (authority.id.clone(), authority.name.clone()));
        let trees = [("config", sources.config), ("topology", sources.topology)];
        let files = trees.into_iter().flat_map(|(tree, files)| {
            files.into_iter().map(move |(path, content)| (format!("{tree}/{path}"), content))
        });
        Ok(Self {
            switches: clients.map(|switch| switch.id.clone()).collect(),
            authority: named.unwrap_or_else(|| (AUTHORITY.to_owned(), AUTHORITY.to_owned())),
            server: identity(plan.map_or(SERVER_NAME, |plan| &plan.server.eap.server_name))?,
            files: files.collect(),
        })
    }

    /// Writes the site, which appears whole or not at all.
    fn write(&self, directory: &Path, now: Timestamp) -> Result<(), Refusal> {
        let (id, name) = &self.authority;
        let (authority, key) =
            Authority::create(name, now, AUTHORITY_DAYS).map_err(Refusal::Argument)?;
        let staged = StagedDirectory::begin(directory)?;
        for (path, content) in &self.files {
            staged.file(path, content, PUBLIC_FILE)?;
        }
        staged.file(".gitignore", include_bytes!("site/gitignore"), PUBLIC_FILE)?;
        staged.directory("state", PRIVATE_DIRECTORY)?;

        let names = std::slice::from_ref(&self.server);
        let credential = authority.issue_pair(Purpose::Server, names, now, SERVER_DAYS)?;
        let mut register = Register::default();
        // OK because an empty register has room and knows no serial number
        let _ = register.record(&credential.issued);
        let number = register.next_list_number();
        let list = authority.revocation_list(&[], number, now, LIST_DAYS)?;

        staged.directory("ca", PRIVATE_DIRECTORY)?;
        let ca =
            |name: &str, content: &[u8], mode| staged.file(&format!("ca/{name}"), content, mode);
        ca(CERTIFICATE, authority.certificate_pem().as_bytes(), PUBLIC_FILE)?;
        ca(KEY, key.pem().expose(), PRIVATE_FILE)?;
        ca(REGISTER, register.print().as_bytes(), PRIVATE_FILE)?;
        ca(LIST, list.pem.as_bytes(), PUBLIC_FILE)?;

        for part in ["secrets", "secrets/server", "secrets/authority", "secrets/client"] {
            staged.directory(part, PRIVATE_DIRECTORY)?;
        }
        staged.file("secrets/server/chain.pem", credential.issued.pem.as_bytes(), PUBLIC_FILE)?;
        staged.file("secrets/server/key.pem", credential.key.pem().expose(), PRIVATE_FILE)?;
        let trusted = |ending: &str, content: &str| {
            staged.file(
                &format!("secrets/authority/{id}.{ending}"),
                content.as_bytes(),
                PUBLIC_FILE,
            )
        };
        trusted("pem", authority.certificate_pem())?;
        trusted("crl", &list.pem)?;
        for switch in &self.switches {
            let path = format!("secrets/client/{switch}.secret");
            staged.file(&path, secret::generate()?.expose(), PRIVATE_FILE)?;
        }
        Ok(staged.commit()?)
    }
}

fn identity(server_name: &str) -> Result<Identity, Refusal> {
    Identity::dns(server_name)
        .map_err(|error| Refusal::Argument(AuthorityError::identity(server_name, error)))
}

/// What to do with an example network.
const EXAMPLE_NEXT_STEPS: Text = Text {
    ja: "{directory} に見本のネットワークを、認証局・証明書・共有鍵とともに作りました。機器と住所はすべて架空です。
     cd {directory}
     sekisho check
     sekisho serve",
    en: "wrote an example network to {directory}, with an authority, certificates and secrets; its devices and addresses are invented
     cd {directory}
     sekisho check
     sekisho serve",
};

/// What to do with a new site.
const NEXT_STEPS: Text = Text {
    ja: "{directory} に設定一式を作りました。次の手順:

1. 確かめて動かす
     cd {directory}
     sekisho check
     sekisho serve

2. 試験用の端末証明書を出し、別の画面から試す(eapol_test は Debian では eapoltest パッケージ)
     sekisho certificate issue --ca ca --new-key --name pc0001.example.test --out bench
     eapol_test -c bench/eapol_test.conf -a 127.0.0.1 -s \"$(sekisho secret show bench --yes)\" \\
       -M 00:00:5e:00:53:01 -N 61:d:15 -N 87:s:eth1

3. 最初のスイッチをつなぐ
     - topology/honcho/site.toml の sw01 に、実機のアドレス・機種・ポートを書く
     - config/server.toml に、このサーバーの管理VLANのアドレスを書く
     - sekisho secret show sw01 で表示した共有鍵を、RADIUSサーバーのアドレスとともにスイッチに設定する
     - sekisho check で確かめ、sekisho reload で反映する

4. 認証局の鍵を移す
     ca/ をサーバーではない機械(普段は電源を切っておけるもの)に移し、ここから消してください。
     サーバーが侵害されても、端末の証明書を偽造されないためです。
     失効リストは30日ごとに `sekisho certificate crl --ca ca` で作り直し、ca/authority.crl を secrets/authority/city.crl に写してください。",
    en: "wrote a new site to {directory}; next steps:

1. check and run it
     cd {directory}
     sekisho check
     sekisho serve

2. issue a test certificate and try it from another terminal (eapol_test: Debian's package eapoltest)
     sekisho certificate issue --ca ca --new-key --name pc0001.example.test --out bench
     eapol_test -c bench/eapol_test.conf -a 127.0.0.1 -s \"$(sekisho secret show bench --yes)\" \\
       -M 00:00:5e:00:53:01 -N 61:d:15 -N 87:s:eth1

3. connect the first switch
     - put its address, model and ports under sw01 in topology/honcho/site.toml
     - put this server's address in the management VLAN into config/server.toml
     - set on the switch this server's address and the secret that `sekisho secret show sw01` prints
     - run sekisho check, then sekisho reload

4. move the authority's key
     Move ca/ to a machine that is not the server, one that can stay switched off, and remove it here,
     so that whoever breaks into the server cannot forge device certificates.
     Every 30 days renew the revocation list by `sekisho certificate crl --ca ca`; copy ca/authority.crl to
     secrets/authority/city.crl.",
};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::authority::Authority;

    fn run_on(directory: &Path, options: &[&str]) -> (u8, String) {
        let (mut console, captured) = Console::captured(Language::Japanese);
        let line = ["init", directory.to_str().unwrap()];
        let line = line.iter().chain(options);
        let matches = define(Language::Japanese).try_get_matches_from(line).unwrap();
        (run(&matches, &mut console), captured.take())
    }

    #[test]
    fn a_new_site_is_whole_private_where_it_must_be_and_never_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        let site = parent.path().join("site");
        let (code, printed) =
            run_on(&site, &["--server-name", "Radius.City.Example", "--authority-name", "市\"CA"]);
        assert_eq!(code, 0, "{printed}");
        let read = |path: &str| fs::read_to_string(site.join(path)).unwrap();

        let private = [
            ("ca", 0o700),
            ("ca/authority.key", 0o600),
            ("state", 0o700),
            ("secrets", 0o700),
            ("secrets/server/key.pem", 0o600),
            ("secrets/client/sw01.secret", 0o600),
            ("secrets/client/bench.secret", 0o600),
        ];
        for (path, mode) in private {
            let found = fs::metadata(site.join(path)).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{path}");
        }
        for secret in ["ca/authority.key", "secrets/server/key.pem", "secrets/client/sw01.secret"] {
            assert!(!printed.contains(read(secret).trim()), "{secret} is printed");
        }

        Authority::load(&read("ca/authority.pem"), &read("ca/authority.key")).unwrap();
        assert_eq!(read("ca/authority.pem"), read("secrets/authority/city.pem"));
        let register = Register::parse(&read("ca/register.jsonl")).unwrap();
        assert_eq!(register.entries()[0].identities, ["radius.city.example"], "recorded");
        assert!(read("bench/eapol_test.conf").contains("\"radius.city.example\""));
        let parse = |path: &str| read(path).parse::<toml::Table>().unwrap();
        let name = parse("config/server.toml")["eap"]["server_name"].clone();
        assert_eq!(name.as_str(), Some("radius.city.example"));
        let name = parse("config/environments.toml")["authority"][0]["name"].clone();
        assert_eq!(name.as_str(), Some("市\"CA"));

        let before = read("ca/authority.key");
        assert_eq!(run_on(&site, &[]).0, 1, "a second time");
        assert_eq!(read("ca/authority.key"), before);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing beside it");
    }

    #[test]
    fn an_example_network_is_written_whole_with_what_check_wants() {
        let parent = tempfile::tempdir().unwrap();
        let site = parent.path().join("town");
        let (code, printed) = run_on(&site, &["--example", "town"]);
        assert_eq!(code, 0, "{printed}");
        let path = |name: &str| site.join(name).to_str().unwrap().to_owned();
        let (mut console, captured) = Console::captured(Language::English);
        let line = ["check", "--config", &path("config"), "--topology", &path("topology")];
        let line = line.into_iter().chain(["--secrets"]).map(str::to_owned);
        let line = line.chain([path("secrets")]);
        let matches =
            crate::commands::check::define(Language::English).try_get_matches_from(line).unwrap();
        assert_eq!(crate::commands::check::run(&matches, &mut console), 0);
        let printed = captured.take();
        assert!(printed.contains("errors: 0, warnings: 0"), "{printed}");

        let options = ["--example", "town", "--server-name", "radius.city.example"];
        let line = ["init", "elsewhere"].iter().chain(&options);
        assert!(define(Language::English).try_get_matches_from(line).is_err(), "its own name");
    }

    #[test]
    fn a_bad_name_makes_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let site = parent.path().join("site");
        for options in [["--server-name", "10.0.0.1"], ["--authority-name", ""]] {
            let (code, printed) = run_on(&site, &options);
            assert!(code == 2 && printed.starts_with("sekisho: "), "{printed}");
        }
        assert!(fs::read_dir(parent.path()).unwrap().next().is_none());
    }

    #[test]
    fn every_toml_file_of_a_new_site_is_toml() {
        for (path, content) in FILES.iter().filter(|(path, _)| path.ends_with(".toml")) {
            content.parse::<toml::Table>().unwrap_or_else(|error| panic!("{path}: {error}"));
        }
    }
}
