//! `sekisho import netbox` through the real binary, on exports derived from the shipped city.

use std::fs;
use std::path::Path;

use sekisho::plan;
use serde_json::{Value, json};

use crate::city::{City, printed, run, sekisho};

#[path = "../src/plan/netbox/tests/example.rs"]
mod example;

use example::{Generation, export};

/// Writes each list to a file as the API answers it.
fn write(at: &Path, lists: &Value) -> Vec<String> {
    let lists = lists.as_object().unwrap();
    let write = |(name, list): (&String, &Value)| {
        let file = format!("{name}.json");
        let count = list.as_array().unwrap().len();
        let answer = json!({ "count": count, "next": null, "previous": null, "results": list });
        fs::write(at.join(&file), answer.to_string()).unwrap();
        file
    };
    lists.iter().map(write).collect()
}

fn import(at: &Path, files: &[String], more: &[&str]) -> (Option<i32>, String) {
    let mut command = sekisho(&["import", "netbox"]);
    let output = run(command.args(files).args(more).current_dir(at));
    (output.status.code(), printed(&output))
}

#[test]
fn what_netbox_says_of_the_city_agrees_until_a_trunk_is_changed() {
    let city = City::new();
    let at = city.directory.path();
    let plan = city.plan();
    for generation in [Generation::Old, Generation::New] {
        let files = write(at, &export(&plan, generation));
        let (code, told) = import(at, &files, &["--lang", "en"]);
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("NetBox and the topology agree"), "{told}");
    }
    let mut lists = export(&plan, Generation::New);
    let interfaces = lists["interfaces"].as_array_mut().unwrap();
    let is = |it: &Value| it["device"]["name"] == "aoh-dist1" && it["name"] == "1/1/1";
    let position = interfaces.iter().position(is).unwrap();
    let vlans = interfaces[position]["tagged_vlans"].as_array_mut().unwrap();
    vlans.retain(|vlan| vlan["vid"] != 131);
    let files = write(at, &lists);
    let place = format!("interfaces.json: interfaces[{position}].tagged_vlans (#{})", position + 1);
    let (code, told) = import(at, &files, &["--lang", "ja"]);
    assert_eq!(code, Some(1), "{told}");
    let wanted = format!(
        "{place}: [netbox.trunk-vlans] 幹線 aoh-dist1:1/1/1 の VLAN: NetBox だけ -、設定だけ 131"
    );
    assert!(told.contains(&wanted), "{told}");
    let (code, told) = import(at, &files, &["--json", "--lang", "en"]);
    let result: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &result["agrees"]), (Some(1), &false.into()));
    let found = &result["differs"][0];
    assert_eq!(
        (&found["object"], &found["field"]),
        (&format!("interfaces[{position}]").into(), &"tagged_vlans".into())
    );
    assert_eq!(
        (&found["facts"]["less"], &found["file"]),
        (&"131".into(), &"interfaces.json".into())
    );
}

#[test]
fn what_the_topology_lacks_is_written_apart_and_never_over_a_file() {
    let city = City::new();
    let at = city.directory.path();
    let mut lists = export(&city.plan(), Generation::New);
    let device = json!({ "id": 900, "name": "new-sw01", "role": { "slug": "floor" }, "site": { "slug": "honcho" } });
    lists["devices"].as_array_mut().unwrap().push(device);
    let files = write(at, &lists);
    let before = fs::read(at.join("topology/honcho/site.toml")).unwrap();
    let (code, told) = import(at, &files, &["--lang", "en"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("--role floor=access"), "{told}");
    let (code, told) = import(at, &files, &["--role", "floor=access", "--out", "lacking.toml"]);
    assert_eq!(code, Some(1), "{told}");
    let text = fs::read_to_string(at.join("lacking.toml")).unwrap();
    assert!(
        text.contains("# ==== topology/honcho/site.toml") && text.contains("id = \"new-sw01\""),
        "{text}"
    );
    let (code, told) =
        import(at, &files, &["--role", "floor=access", "--out", "lacking.toml", "--lang", "en"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("is not overwritten"), "{told}");
    let (_, told) = import(at, &files, &["--role", "floor=access", "--out", "-"]);
    assert_eq!(told, text);
    assert_eq!(fs::read(at.join("topology/honcho/site.toml")).unwrap(), before);
    assert_eq!(import(at, &files, &["--role", "floor"]).0, Some(2));
    assert_eq!(import(at, &["absent.json".to_owned()], &[]).0, Some(1));
    fs::write(at.join("broken.json"), "[{\"device\": 1, \"name\": ]").unwrap();
    let (code, told) = import(at, &["broken.json".to_owned()], &["--lang", "en"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("broken.json: [netbox.not-json]"), "{told}");
}
