//! The house keeps its shape: imports point down, files stay short, registries are complete.
#![expect(clippy::unwrap_used, reason = "a tidy check that cannot read the source has to fail")]

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms of the engine from the leaves up; a room may use itself and what stands before it.
const ROOMS: &[&str] = &[
    "count",
    "job",
    "knob",
    "notes",
    "signal",
    "figure",
    "checkpoint",
    "dataset",
    "kernel",
    "model",
    "recording",
    "policy",
    "record",
    "means",
    "generate",
    "measure",
    "train",
    "lens",
    "live",
    "skips",
    "export",
    "worker",
    "api",
];

/// Folders whose every file must stand in the registry of its `mod.rs`: folder, name of the list, files that are no members.
const REGISTRIES: &[(&str, &str, &[&str])] = &[
    (
        "engine/src/checkpoint",
        "FORMATS",
        &["class_means", "error", "limits", "map", "marks", "mod", "tensor", "tokenizer"],
    ),
    ("engine/src/dataset", "FORMATS", &["error", "images", "mod", "pack"]),
    ("engine/src/model/families", "FAMILIES", &["encoders", "mod"]),
    ("engine/src/model/families/encoders", "ENCODERS", &["mod", "shared"]),
    (
        "engine/src/policy/exit",
        "RULES",
        &[
            "about",
            "alone",
            "at_once",
            "at_depth",
            "branchless",
            "choose",
            "leaving",
            "logistic",
            "marks",
            "mod",
            "order",
            "rule",
            "rungs",
            "signals",
            "truth",
        ],
    ),
    ("engine/src/policy/skip", "RULES", &["choose", "mod", "place", "plan", "rule", "set"]),
    ("engine/src/lens", "LENSES", &["members", "mod", "rows", "versus"]),
    ("engine/src/train/grammar", "TASKS", &["mod"]),
];

/// One file is one idea; longer is usually two.
const LONGEST_FILE: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["app", "engine", "tests"] {
        sources(&root().join(folder), &mut found);
    }
    found
}

/// The rooms that stand behind a `crate::`: one word, or the first words of a list in braces.
fn named(rest: &str) -> Vec<&str> {
    let word = |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let head = |text| -> &str { &text[..word(text).unwrap_or(text.len())] };
    match rest.strip_prefix('{') {
        Some(list) => {
            list.split(';').next().unwrap().split([',', '{']).map(str::trim).map(head).collect()
        }
        None => vec![head(rest)],
    }
}

#[test]
fn every_room_of_an_import_is_seen() {
    assert_eq!(named("worker::Engine;"), ["worker"]);
    assert_eq!(
        named("{job::Job, worker::{self, Engine}};\nuse x"),
        ["job", "worker", "self", "Engine"]
    );
}

#[test]
fn imports_between_rooms_point_down() {
    let source = root().join("engine/src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&source).unwrap();
        let room = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if room == "lib" {
            continue;
        }
        let Some(level) = ROOMS.iter().position(|r| *r == room) else {
            wrong.push(format!("{}: room `{room}` has no place in ROOMS", inside.display()));
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for used in text.split("crate::").skip(1).flat_map(named) {
            if let Some(used_level) = ROOMS.iter().position(|r| *r == used)
                && used_level > level
            {
                wrong.push(format!("{}: `{room}` uses `{used}`", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point up:\n{}", wrong.join("\n"));
}

#[test]
fn no_source_file_is_longer_than_one_idea() {
    let count = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
    let long: Vec<_> = all_sources()
        .into_iter()
        .map(|path| (count(&path), path))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .map(|(lines, path)| format!("{lines} lines: {}", path.display()))
        .collect();
    assert!(long.is_empty(), "files over {LONGEST_FILE} lines:\n{}", long.join("\n"));
}

#[test]
fn every_member_of_a_family_stands_in_its_registry() {
    let mut missing = Vec::new();
    for (folder, list, others) in REGISTRIES {
        let door = fs::read_to_string(root().join(folder).join("mod.rs")).unwrap();
        let start = door.find(&format!("static {list}:"));
        let entries = start.map(|at| door[at..].split(';').next().unwrap().to_owned());
        let Some(entries) = entries else {
            missing.push(format!("{folder}/mod.rs has no list {list}"));
            continue;
        };
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if others.contains(&name.as_str()) || name.ends_with("tests") || name == "snapshots" {
                continue;
            }
            if !entries.contains(&format!("{name}::")) {
                missing.push(format!("{folder}/{name} does not stand in {list}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_app_names_no_tensor_library() {
    let manifest = fs::read_to_string(root().join("app/Cargo.toml")).unwrap();
    // Tests may read Parquet as somebody else's script would.
    let manifest = manifest.split("[dev-dependencies]").next().unwrap();
    for library in ["candle", "gemm", "safetensors", "tokenizers", "arrow", "parquet"] {
        assert!(
            !manifest.contains(library),
            "app/Cargo.toml names {library}; that is the engine's"
        );
    }
}

#[test]
fn the_engine_names_no_window_library() {
    let manifest = fs::read_to_string(root().join("engine/Cargo.toml")).unwrap();
    for library in ["eframe", "egui", "rfd", "winit", "layerscope ="] {
        assert!(!manifest.contains(library), "engine/Cargo.toml names {library}");
    }
}

#[test]
fn only_one_file_of_the_app_holds_the_engine() {
    let mut files = Vec::new();
    sources(&root().join("app/src"), &mut files);
    let holders: Vec<_> = files
        .into_iter()
        // A test may drive an engine of its own.
        .filter(|path| !path.to_string_lossy().ends_with("_tests.rs"))
        .filter(|path| fs::read_to_string(path).unwrap().contains("Engine::with_threads"))
        .map(|path| path.strip_prefix(root()).unwrap().display().to_string())
        .collect();
    assert_eq!(holders, ["app/src/bridge.rs", "app/src/cli/run.rs"]);
}
