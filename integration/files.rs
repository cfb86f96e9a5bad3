//! Every shipped file, and deliberately bad ones, through the real binary.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::city::{City, copy_tree, printed, root, run, sekisho};

fn check(directory: &std::path::Path) -> (Option<i32>, Value) {
    let mut command = sekisho(&["check", "--json", "--lang", "en"]);
    let output = run(command.current_dir(directory));
    let value = serde_json::from_slice(&output.stdout);
    (output.status.code(), value.unwrap_or_else(|_| panic!("{}", printed(&output))))
}

#[test]
fn the_shipped_city_has_no_errors_and_what_it_lacks_are_its_secrets() {
    let (code, result) = check(root());
    assert_eq!((code, &result["errors"]), (Some(0), &0.into()), "{result:#}");
    assert_eq!(result["plan"]["devices"], 3118);
    for finding in result["findings"].as_array().unwrap() {
        let id = finding["id"].as_str().unwrap();
        let known =
            ["secret.client-absent", "secret.snmp-absent", "credential.absent", "profile.unproven"];
        // What an exception allows, and the relays that were approved, are notices.
        let approved = ["r03.relay-chain", "r24.single-link", "r24.single-switch"];
        let allowed = approved.contains(&id) && finding["severity"] == "notice";
        assert!(known.contains(&id) || allowed, "{finding:#}");
    }
}

#[test]
fn a_new_site_can_be_checked_as_it_is() {
    let parent = tempfile::tempdir().unwrap();
    let site = parent.path().join("site");
    let output = run(&mut sekisho(&["init", site.to_str().unwrap()]));
    assert!(output.status.success(), "{}", printed(&output));
    let (code, result) = check(&site);
    let numbers = (&result["errors"], &result["warnings"]);
    assert_eq!((code, numbers), (Some(0), (&0.into(), &0.into())), "{result:#}");
}

/// What is changed in which file, and the finding that says so.
const SPOILT: &[(&str, &str, &str, &str)] = &[
    ("config/server.toml", "[eap]", "[eap]\nfoo = 1", "file.unknown-key"),
    ("config/server.toml", "workers = 2", "workers = 0", "file.out-of-range"),
    ("config/server.toml", "workers = 2", "workers 2", "file.syntax"),
    ("config/environments.toml", "{ id = 120,", "{ id = 110,", "file.duplicate"),
    (
        "config/environments.toml",
        "\"10.2.0.0/16\"",
        "\"10.1.0.0/16\"",
        "environment.prefix-overlap",
    ),
    (
        "config/environments.toml",
        "admission = \"certificate\"",
        "admission = \"mac\"",
        "file.not-a-choice",
    ),
    ("config/policy.toml", "vlan = \"B-PRINTER\"", "vlan = \"A-HONCHO\"", "policy.vlan-elsewhere"),
    (
        "config/policy.toml",
        "classes = [\"printer\"]",
        "classes = [\"printre\"]",
        "file.unknown-reference",
    ),
    ("config/grants.toml", "until = \"2026-12-25\"", "until = \"2027-12-25\"", "grant.too-long"),
    ("config/grants.toml", "until = \"2026-12-25\"", "until = \"令和8年2月30日\"", "file.bad-date"),
    (
        "config/exceptions.toml",
        "objects = [\"S-0001\"]",
        "objects = [\"S-9999\"]",
        "file.unknown-reference",
    ),
    (
        "config/profiles/cisco-ibns.toml",
        "id = \"cisco-ibns\"",
        "id = \"cisco\"",
        "profile.file-name",
    ),
    ("config/inventory.csv", "D4-1E-F9-94-6B-5E", "D4-1E-F8-2F-60-B6", "inventory.mac-twice"),
    ("config/inventory.csv", "D4-1E-F8-2F-60-B6", "1.23457E+11", "inventory.mac-exponent"),
    ("config/inventory.csv", "D4-1E-F8-2F-60-B6", "24103", "inventory.mac-zeros-lost"),
    (
        "config/inventory.csv",
        ",社会教育課,B,kyoiku,",
        ",社会教育課,B,kyoku,",
        "file.unknown-reference",
    ),
    ("topology/honcho/site.toml", "A = 110", "A = 120", "topology.vlan-of-another-environment"),
    (
        "topology/kenko/site.toml",
        "vlans = [110, 120, 130, 900, 990]\nport = [\n  { names = \"GigabitEthernet1/0/1-48\"",
        "vlans = [110, 120, 900, 990]\nport = [\n  { names = \"GigabitEthernet1/0/1-48\"",
        "topology.assignable-vlan-absent",
    ),
    (
        "topology/network.toml",
        "\"hon-core1:1/1/3\", \"hon-core2:1/1/3\"",
        "\"hon-core1:9/9/9\", \"hon-core2:1/1/3\"",
        "file.unknown-reference",
    ),
];

#[test]
fn every_spoilt_file_is_refused_with_file_line_field_and_remedy() {
    for (file, from, to, id) in SPOILT {
        let directory = tempfile::tempdir().unwrap();
        for tree in ["config", "topology"] {
            copy_tree(&root().join(tree), &directory.path().join(tree));
        }
        let path = directory.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        let at = text.find(from).unwrap_or_else(|| panic!("{file} has no {from}"));
        let line = text.split_at(at).0.matches('\n').count() + 1;
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let (code, result) = check(directory.path());
        assert_eq!(code, Some(1), "{file} {to}: {result:#}");
        assert_eq!(result["plan"], Value::Null);
        let findings = result["findings"].as_array().unwrap();
        let found =
            findings.iter().find(|finding| finding["id"] == *id && finding["file"] == *file);
        let found = found.unwrap_or_else(|| panic!("{file} {to}: no {id} in {result:#}"));
        assert_eq!(found["severity"], "error");
        let told = found["line"].as_u64().unwrap();
        // Within the lines of what was changed.
        let last = line + to.matches('\n').count();
        assert!(
            (line as u64..=last as u64).contains(&told),
            "{file} {to}: line {told}, not {line}"
        );
        assert!(
            !found["text"].as_str().unwrap().is_empty()
                && !found["remedy"].as_str().unwrap().is_empty()
        );
    }
}

#[test]
fn every_finding_is_told_at_once_and_in_both_languages() {
    let city = City::new();
    city.edit("config/server.toml", |text| text.replace("workers = 2", "workers = 0"));
    city.edit("config/policy.toml", |text| text.replace("id = \"P-10\"", "idd = \"P-10\""));
    city.edit("config/inventory.csv", |text| text.replace("D4-1E-F8-2F-60-B6", "24103"));
    city.edit("topology/ose/site.toml", |text| text.replace("B = 123", "B = 133"));
    for (language, word) in [("ja", "誤り"), ("en", "error")] {
        let output = run(&mut city.sekisho(&["check", "--lang", language]));
        assert_eq!(output.status.code(), Some(1));
        let text = printed(&output);
        for file in [
            "config/server.toml:",
            "config/policy.toml:",
            "config/inventory.csv:2:",
            "topology/ose/site.toml:",
        ] {
            assert!(text.contains(file), "{language} {file}: {text}");
        }
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn secrets_are_judged_and_never_shown() {
    let city = City::new();
    let shared = b"Kq3-shared-Wm8zXc5v";
    for switch in ["hon-sw01", "hon-sw02"] {
        city.write(&format!("secrets/client/{switch}.secret"), shared, 0o600);
    }
    city.write("secrets/client/hon-sw03.secret", b"testing123", 0o600);
    city.write("secrets/client/hon-sw04.secret", b"Xy7-open-Pq4nTb6k", 0o644);
    let (code, result) = check(city.directory.path());
    assert_eq!(code, Some(1));
    let text = result.to_string();
    for id in ["secret.shared", "secret.too-short", "secrets.open-to-everyone"] {
        assert!(text.contains(id), "{id}: {result:#}");
    }
    for secret in ["Kq3-shared", "testing123", "Xy7-open"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn wrong_use_is_told_apart_from_wrong_files() {
    for arguments in [
        &["chek"][..],
        &["check", "--colour"],
        &["explain"],
        &["plan"],
        &["--lang", "fr", "check"],
        &[],
    ] {
        let output = run(&mut sekisho(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", printed(&output));
    }
    let output = run(sekisho(&["check"]).current_dir("/"));
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    for language in ["ja", "en"] {
        let output = run(&mut sekisho(&["--help", "--lang", language]));
        assert!(output.status.success());
        assert!(printed(&output).contains("demo"));
    }
}

/// The main job on the embedded default, from a directory without any file.
#[test]
fn the_demonstration_answers_every_device_as_the_inventory_says() {
    let empty = tempfile::tempdir().unwrap();
    let output = run(sekisho(&["demo", "--once", "--json"]).current_dir(empty.path()));
    assert!(output.status.success(), "{}", printed(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&result["right"], &result["devices"]), (&true.into(), &3118.into()), "{result:#}");
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "nothing is left behind");
}

/// Runs a shell script in a directory, with this build's `sekisho` first on the path.
fn shell(directory: &std::path::Path, script: &str) -> std::process::Output {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_sekisho")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = std::process::Command::new("sh");
    run(command.args(["-ec", script]).current_dir(directory).env("PATH", path))
}

#[test]
fn the_hook_of_the_readme_stops_what_is_weaker_and_nothing_else() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("#!/bin/sh\n").unwrap();
    let (hook, _) = rest.split_once("```").unwrap();
    let parent = tempfile::tempdir().unwrap();
    let site = parent.path();
    for tree in ["config", "topology"] {
        copy_tree(&root().join(tree), &site.join(tree));
    }
    let git = "git -c user.name=x -c user.email=x@city.example";
    let output = shell(site, &format!("git init -q . && git add . && {git} commit -qm one"));
    assert!(output.status.success(), "{}", printed(&output));
    assert!(shell(site, hook).status.success());
    let flows = site.join("config/flows.toml");
    let text = fs::read_to_string(&flows).unwrap();
    fs::write(&flows, text.replacen("ports = [\"443\"]", "ports = [\"443\", \"80\"]", 1)).unwrap();
    let output = shell(site, hook);
    assert!(!output.status.success() && printed(&output).contains("! ["), "{}", printed(&output));
    fs::write(&flows, text.replacen("id = \"T-001\"", "idd = \"T-001\"", 1)).unwrap();
    assert!(!shell(site, hook).status.success());
}

#[test]
fn what_the_readme_says_of_gateways_can_be_read_and_a_broken_rule_breaks_what_rests_on_it() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("[[acl]]\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let parent = tempfile::tempdir().unwrap();
    let site = parent.path();
    for tree in ["config", "topology"] {
        copy_tree(&root().join(tree), &site.join(tree));
    }
    let network = site.join("topology/network.toml");
    let text = fs::read_to_string(&network).unwrap();
    fs::write(&network, format!("{text}\n[[acl]]\n{example}")).unwrap();
    let (code, result) = check(site);
    assert_eq!(code, Some(0), "{result:#}");
    assert_eq!(
        (&result["rules"]["R03"], &result["rules"]["R08"]),
        (&"held".into(), &"held".into())
    );
    assert_eq!(result["rules"]["R25"], "unmeasured");
    // Without its lists, what the gateway forwards is more than any flow permits.
    let open = example.replace("in = \"nothing\", out = \"to-files\"", "vrf = \"main\"");
    let open = open.replace("in = \"to-files\", out = \"nothing\"", "vrf = \"main\"");
    assert_ne!(open, example);
    fs::write(&network, format!("{text}\n[[acl]]\n{open}")).unwrap();
    let (code, result) = check(site);
    assert_eq!(code, Some(1));
    for rule in ["R04", "R07", "R08"] {
        assert_eq!(result["rules"][rule], "broken", "{rule}");
    }
    let found = result["findings"].as_array().unwrap().iter();
    let found = found.filter(|finding| finding["id"] == "r04.undeclared-flow");
    assert!(found.clone().count() > 0);
    for finding in found {
        assert_eq!(finding["rule"], "R04");
        assert!(finding["witness"].as_array().unwrap().len() > 4, "{finding:#}");
    }
}

/// A list from the accounting section, as Excel saves it, through dry run, refusal and apply.
#[test]
fn a_device_list_is_compared_and_then_taken_over_whole_or_not_at_all() {
    let city = City::new();
    let at = city.directory.path();
    let inventory = at.join("config/inventory.csv");
    let before = fs::read_to_string(&inventory).unwrap();
    fs::set_permissions(&inventory, fs::Permissions::from_mode(0o640)).unwrap();
    let list = "端末一覧\t\t\t\r\n端末番号\tMacアドレス\t系統\t区分\r\n\
        P-0001\tＤ４：１Ｅ：Ｆ８：２Ｆ：６０：Ｂ６\tA\t情報系端末\r\n\
        P-0002\tD41E.F994.6B5E\tB\t情報系端末\r\n\
        S-9001\t00-12-E2-00-00-01\tB\tプリンター\r\n";
    let spoilt = list.replace("00-12-E2-00-00-01", "1.2E+11");
    let utf16 = |text: &str| -> Vec<u8> {
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    fs::write(at.join("list.txt"), utf16(list)).unwrap();
    fs::write(at.join("spoilt.txt"), utf16(&spoilt)).unwrap();
    let import = |file: &str, more: &[&str]| {
        let mut command = sekisho(&["import", "devices", file, "--config", "config"]);
        let output = run(command.args(more).current_dir(at));
        (output.status.code(), printed(&output))
    };
    let (code, told) = import("list.txt", &["--lang", "ja"]);
    assert_eq!(code, Some(0), "{told}");
    for part in [
        "文字コード UTF-16LE、区切り タブ",
        "追加: 1",
        "変更: 1",
        "環境: B → A",
        "変更なし: 1",
        "環境が B から A に変わる端末: 1 台",
        "何も書き込んでいません",
    ] {
        assert!(told.contains(part), "no {part} in {told}");
    }
    let (code, told) = import("spoilt.txt", &["--lang", "en", "--apply"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("spoilt.txt:5: Macアドレス: error [inventory.mac-exponent]"), "{told}");
    assert!(told.contains("cannot be applied: 1 rows are invalid"), "{told}");
    let (code, told) = import("list.txt", &["--lang", "en", "--apply", "--full-list"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("--accept-removals 3116"), "{told}");
    for wrong in [&["--encoding", "latin-1"][..], &["--accept-removals", "1"]] {
        assert_eq!(import("list.txt", wrong).0, Some(2), "{wrong:?}");
    }
    assert_eq!(fs::read_to_string(&inventory).unwrap(), before);
    let (code, told) = import("spoilt.txt", &["--apply", "--accept-partial", "--json"]);
    let result: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &result["applied"]), (Some(1), &true.into()), "{told}");
    let (code, told) = import("list.txt", &["--lang", "en", "--apply"]);
    assert_eq!(code, Some(0), "{told}");
    let after = fs::read_to_string(&inventory).unwrap();
    let mut expected: Vec<String> = before.lines().map(str::to_owned).collect();
    expected[1] = expected[1].replace(",B,", ",A,");
    expected.push("S-9001,,,,,00-12-E2-00-00-01,,プリンター,,B,,".to_owned());
    assert_eq!(after.lines().collect::<Vec<_>>(), expected);
    let mode = fs::metadata(&inventory).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o640);
    let (_, result) = check(at);
    assert_eq!((&result["errors"], &result["plan"]["devices"]), (&0.into(), &3119.into()));
    let (code, told) = import("list.txt", &["--lang", "en", "--apply"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("unchanged: 3") && told.contains("stays as it is"), "{told}");
    // Both imports are taken back in turn, unless somebody has been at the file since.
    let undo = |more: &[&str]| {
        let mut command = sekisho(&["import", "undo", "--lang", "en"]);
        let output = run(command.args(more).current_dir(at));
        (output.status.code(), printed(&output))
    };
    fs::write(&inventory, after.replacen("MU-PC0001", "MU-PC9999", 1)).unwrap();
    let (code, told) = undo(&[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("was changed since"), "{told}");
    fs::write(&inventory, &after).unwrap();
    let (code, told) = undo(&[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("`list.txt` (added 1, changed 0, removed 0), imported at"), "{told}");
    let (code, told) = undo(&["--json"]);
    let result: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &result["import"]["list"]), (Some(0), &"spoilt.txt".into()), "{told}");
    assert_eq!(fs::read_to_string(&inventory).unwrap(), before);
    let mode = fs::metadata(&inventory).unwrap().permissions().mode() & 0o777;
    assert_eq!((undo(&[]).0, mode), (Some(1), 0o640));
}
