//! `layerscope verify` on the embedded checkpoint: what it writes, what it refuses, how it ends.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as expected")]

#[path = "kit/binary.rs"]
mod binary;

use std::fs;
use std::path::Path;
use std::process::Output;

use binary::{layerscope, text, words};

fn record(folder: &Path) {
    let done = layerscope(&["record", "--limit-tokens", "400", "--out", words(folder)]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
}

fn verify(recording: &Path, more: &[&str], out: &Path) -> Output {
    let mut arguments = vec!["verify", words(recording), "--out", words(out), "--repeat", "1"];
    arguments.extend(more);
    layerscope(&arguments)
}

fn readings(out: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(out.join("readings.json")).unwrap()).unwrap()
}

fn reading(readings: &serde_json::Value, id: &str) -> f64 {
    let list = readings["readings"].as_array().unwrap();
    list.iter().find(|reading| reading["id"] == id).unwrap()["value"].as_f64().unwrap()
}

#[test]
fn a_run_with_true_entries_does_what_the_replay_says_and_drafts_write_the_full_models_text() {
    let home = tempfile::tempdir().unwrap();
    let (recording, out) = (home.path().join("recording"), home.path().join("verified"));
    record(&recording);
    let prompt = ["--generate", "20", "--prompt", "tom has a red ball ."];
    let speculate = ["--treatment", "speculate", "--draft-depth", "3", "--draft-length", "4"];
    let rule = ["--set", "threshold=0.9", "--set", "least-depth=2"];
    let done = verify(&recording, &[&rule[..], &speculate, &prompt].concat(), &out);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("Speedup (modelled)"));
    let read = readings(&out);
    assert_eq!(
        (&read["lens"], &read["knobs"]["treatment"]),
        (&"verify".into(), &"speculate".into())
    );
    assert_eq!(read["knobs"]["least-depth"], 2);
    assert_eq!(reading(&read, "same_depth"), 1.0);
    assert_eq!(reading(&read, "same_answer"), 1.0);
    let depth = reading(&read, "mean_depth_live");
    assert!((2.0..8.0).contains(&depth), "{depth}");
    assert_eq!(depth, reading(&read, "mean_depth_replay"));
    assert_eq!(reading(&read, "written_agreement"), 1.0);
    assert!((0.0..=1.0).contains(&reading(&read, "acceptance_rate")));
    let table = fs::read_to_string(out.join("live_rows.csv")).unwrap();
    assert_eq!(table.lines().count() as f64, 1.0 + reading(&read, "rows"));
    for file in ["live-depths.svg", "live-exits.png", "written-depths.csv", "written.csv"] {
        assert!(out.join(file).is_file(), "{file}");
    }

    // The same folder again, with a treatment that is not exact, of fewer tokens.
    let more = [&rule[..], &["--treatment", "absent", "--limit-tokens", "150"]].concat();
    let done = verify(&recording, &more, &out);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let read = readings(&out);
    assert!(reading(&read, "rows") <= 150.0);
    assert!(reading(&read, "cache_bytes_live") < reading(&read, "cache_bytes_full"));
    assert!(read["notes"].to_string().contains("The run is not the replay"));
    assert!(!out.join("written.csv").exists());
}

#[test]
fn what_cannot_be_executed_is_refused_in_words_and_writes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (recording, out) = (home.path().join("recording"), home.path().join("verified"));
    record(&recording);
    let refused = |more: &[&str], code: i32, words: &str| {
        let done = verify(&recording, more, &out);
        assert_eq!(done.status.code(), Some(code), "{}", text(&done.stderr));
        assert!(text(&done.stderr).contains(words), "{}", text(&done.stderr));
        assert!(!out.exists());
    };
    refused(&["--set", "rule=oracle"], 3, "only a finished run knows");
    refused(&["--limit-tokens", "1"], 3, "no sequence within the limit");
    refused(&["--treatment", "magic"], 2, "magic");
    refused(&["--generate", "5"], 2, "--prompt");
    let far = ["--generate", "5", "--prompt", "tom", "--draft-depth", "8"];
    refused(&far, 3, "Draft at least one token, by 0 to 7 blocks.");
    refused(&["--set", "treshold=0.5"], 2, "threshold");
    // A manifest that names another model.
    let manifest = recording.join("manifest.json");
    let old = fs::read_to_string(&manifest).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&old).unwrap();
    other["provenance"]["model_fingerprint"] = "00".into();
    fs::write(&manifest, serde_json::to_string(&other).unwrap()).unwrap();
    refused(&[], 3, "the recording is of `");
}
