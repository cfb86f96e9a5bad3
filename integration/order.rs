//! The rooms are in order: a file names only rooms above its own in `src/lib.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::city::root;

fn rust_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// The rooms, in order of dependency.
fn rooms() -> Vec<String> {
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let room = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    map.lines().filter_map(room).collect()
}

#[test]
fn a_room_names_only_rooms_above_it() {
    let rooms = rooms();
    assert!(rooms.len() > 8, "{rooms:?}");
    let mut broken = Vec::new();
    for (index, room) in rooms.iter().enumerate() {
        let mut files = Vec::new();
        let directory = root().join("src").join(room);
        if directory.is_dir() {
            rust_files(&directory, &mut files);
        } else {
            files.push(directory.with_extension("rs"));
        }
        for file in files {
            // What tests name is no part of the house.
            let name = file.strip_prefix(root()).unwrap().display().to_string();
            if name.contains("tests") {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            let shipped = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
            for (number, line) in shipped.lines().enumerate() {
                for below in &rooms[index + 1..] {
                    // A list of rooms after `crate::` would hide which ones.
                    if names(line, below) || line.contains("crate::{") {
                        broken.push(format!(
                            "{name}:{} names {below}: {}",
                            number + 1,
                            line.trim()
                        ));
                    }
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Whether a line names a room, as `crate::room` and no longer word.
fn names(line: &str, room: &str) -> bool {
    line.split("crate::").skip(1).any(|rest| {
        let word = |letter: char| letter.is_alphanumeric() || letter == '_';
        rest.strip_prefix(room).is_some_and(|after| !after.starts_with(word))
    })
}
