//! The real binary on the command line: what it prints, what it writes, how it ends.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as expected")]

#[path = "kit/binary.rs"]
mod binary;
#[path = "kit/killed.rs"]
mod killed;

use std::fs;
use std::path::Path;

use binary::{layerscope, text, words};
use killed::killed_at;

fn record_embedded(folder: &Path) {
    let done = layerscope(&["record", "--limit-tokens", "600", "--out", words(folder)]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
}

fn view(recording: &Path, settings: &[&str], out: &Path) -> serde_json::Value {
    let mut arguments = vec!["view", words(recording), "--out", words(out)];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    let done = layerscope(&arguments);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    serde_json::from_slice(&fs::read(out.join("readings.json")).unwrap()).unwrap()
}

fn reading(readings: &serde_json::Value, id: &str) -> f64 {
    let list = readings["readings"].as_array().unwrap();
    list.iter().find(|reading| reading["id"] == id).unwrap()["value"].as_f64().unwrap()
}

#[test]
fn two_settings_are_written_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (recording, out) = (folder.path().join("recording"), folder.path().join("both"));
    record_embedded(&recording);
    let set = ["--set", "threshold=0.5", "--versus-set", "rule=entropy", "--versus-set"];
    let paths = ["view", words(&recording), "--out", words(&out)];
    let done = layerscope(&[&paths[..], &set[..], &["threshold=0.75"][..]].concat());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let both: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("readings.json")).unwrap()).unwrap();
    assert_eq!(both["versus"]["rule"], "entropy");
    let a = view(&recording, &["threshold=0.5"], &folder.path().join("a"));
    let b = view(&recording, &["rule=entropy", "threshold=0.75"], &folder.path().join("b"));
    for row in both["readings"].as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        let of = |alone: &serde_json::Value| {
            let rows = alone["readings"].as_array().unwrap();
            rows.iter().find(|row| row["id"] == id).unwrap()["value"].clone()
        };
        assert_eq!((&row["value"], &row["versus"]), (&of(&a), &of(&b)), "{id}");
    }
    assert!(a.get("versus").is_none() && a["readings"][0].get("versus").is_none());
    let same = |name: &str, of: &str| {
        let alone = name.trim_start_matches("b_");
        fs::read(out.join(name)).unwrap() == fs::read(folder.path().join(of).join(alone)).unwrap()
    };
    assert!(same("b_per_depth.csv", "b") && same("per_depth.csv", "a"));
    let head = fs::read_to_string(out.join("tokens.csv")).unwrap();
    assert!(head.lines().next().unwrap().contains("b_exit_depth"), "{head}");
    let refused = layerscope(&[&paths[..], &["--versus-set", "threshold"][..]].concat());
    assert!(text(&refused.stderr).contains("--versus-set threshold: expected KNOB=VALUE"));
}

#[test]
fn recording_and_viewing_the_embedded_checkpoint_writes_figures_and_readings() {
    let folder = tempfile::tempdir().unwrap();
    let (recording, out) = (folder.path().join("recording"), folder.path().join("view"));
    record_embedded(&recording);
    let readings = view(&recording, &["rule=entropy", "threshold=0.75"], &out);
    assert_eq!(readings["lens"], "exits");
    assert_eq!(readings["knobs"]["rule"], "entropy");
    assert_eq!(readings["knobs"]["threshold"], 0.75);
    assert_eq!(reading(&readings, "tokens"), 600.0);
    let ids =
        ["mean_exit_depth", "layers_saved", "agreement", "nll_full", "nll_exit", "flops_saved"];
    for id in ids {
        assert!(reading(&readings, id).is_finite(), "{id}");
    }
    let per_depth = fs::read_to_string(out.join("per_depth.csv")).unwrap();
    let header = per_depth.lines().next().unwrap();
    assert_eq!(header, "depth,exits,agreement,nll,mean_max_prob,mean_entropy,mean_kl");
    assert_eq!(per_depth.lines().count(), 1 + 9);
    for figure in ["grid", "exits", "distribution", "trade-off"] {
        for ending in ["svg", "png", "csv"] {
            let path = out.join(format!("{figure}.{ending}"));
            assert!(fs::metadata(&path).unwrap().len() > 0, "{}", path.display());
        }
    }
}

#[test]
fn blocks_are_left_out_of_a_recording_of_the_embedded_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (recording, out) = (folder.path().join("recording"), folder.path().join("skips"));
    record_embedded(&recording);
    let skip = |more: &[&str]| {
        let start = ["skip", words(&recording), "--limit-tokens", "300", "--out", words(&out)];
        layerscope(&[&start, more].concat())
    };
    let settings = ["--set", "target-speedup=2", "--set", "skip-rule=unified", "--generate", "6"];
    let done = skip(&settings);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let told = text(&done.stdout);
    for part in ["(modelled)", "(measured)", "full model: \"", "with skips: \""] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let readings: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("readings.json")).unwrap()).unwrap();
    assert_eq!(readings["lens"], "skips");
    assert_eq!(readings["knobs"]["skip-rule"], "unified");
    assert_eq!(reading(&readings, "tokens"), 300.0);
    assert_eq!(reading(&readings, "attention_skipped"), 0.5);
    for name in ["skip-map.svg", "nll-against-saved.png", "curve.csv", "continuations.csv"] {
        assert!(fs::metadata(out.join(name)).unwrap().len() > 0, "{name}");
    }
    let done = skip(&["--set", "skip=8"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(
        text(&done.stderr).contains("numbers and ranges from 0 to 7"),
        "{}",
        text(&done.stderr)
    );
}

#[test]
fn rules_say_where_they_come_from_and_what_turns_them() {
    let listed = text(&layerscope(&["rules"]).stdout);
    for part in ["max-prob", "skip-rule", "draft-search", "SWIFT", "target-speedup"] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    let json = layerscope(&["rules", "--json"]).stdout;
    let rules: serde_json::Value = serde_json::from_slice(&json).unwrap();
    for kind in ["exit", "skip"] {
        for rule in rules[kind].as_array().unwrap() {
            for field in ["id", "label", "meaning", "source"] {
                assert!(!rule[field].as_str().unwrap().is_empty(), "{rule}");
            }
        }
    }
}

#[test]
fn the_order_of_settings_has_no_meaning() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record_embedded(&recording);
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let readings = view(&recording, &["rule=entropy", "threshold=2.5"], &first);
    assert_eq!(readings, view(&recording, &["threshold=2.5", "rule=entropy"], &second));
}

#[test]
fn a_wrong_file_ends_with_code_3_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "not a checkpoint").unwrap();
    let done = layerscope(&["inspect", words(&file)]);
    assert_eq!(done.status.code(), Some(3));
    let message = text(&done.stderr);
    assert_eq!(message.lines().count(), 2, "{message}");
    assert!(message.starts_with("error: "), "{message}");
    assert!(message.contains("notes.txt"), "{message}");
    assert!(message.lines().nth(1).unwrap().starts_with("hint: "), "{message}");
}

#[test]
fn a_misspelt_knob_ends_with_code_2_and_lists_what_exists() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    record_embedded(&recording);
    let out = folder.path().join("view");
    let done =
        layerscope(&["view", words(&recording), "--set", "treshold=0.5", "--out", words(&out)]);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("threshold"), "{}", text(&done.stderr));
    assert!(!out.exists());
}

#[test]
fn a_folder_that_is_in_use_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thesis.txt");
    fs::write(&file, "three years of work").unwrap();
    let done = layerscope(&["record", "--limit-tokens", "50", "--out", words(folder.path())]);
    assert_eq!(done.status.code(), Some(3), "{}", text(&done.stderr));
    assert_eq!(fs::read_to_string(&file).unwrap(), "three years of work");
}

#[test]
fn a_folder_that_cannot_be_used_is_told_before_the_model_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thesis.txt");
    fs::write(&file, "three years of work").unwrap();
    // The checkpoint is none; the folder is what is told.
    for out in [&file, folder.path()] {
        let done = layerscope(&["record", words(&file), "--out", words(out)]);
        assert_eq!(done.status.code(), Some(3));
        let message = text(&done.stderr);
        assert!(message.contains("a file, not a folder") || message.contains("other files"));
    }
}

#[test]
fn bf16_readouts_say_so_everywhere_or_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("recording");
    let done = layerscope(&["record", "--bf16", "--limit-tokens", "200", "--out", words(&out)]);
    let told = text(&done.stderr);
    if done.status.code() == Some(2) {
        assert!(told.contains("`--bf16` cannot be used: this processor has no"), "{told}");
        assert!(!out.exists(), "never exact instead");
        return;
    }
    assert_eq!(done.status.code(), Some(0), "{told}");
    let caveat = "Readouts in bf16: probabilities are off by up to 1e-2, entropy, NLL and KL by up to 2e-2 or 2 %";
    assert!(text(&done.stdout).contains(caveat), "{}", text(&done.stdout));
    let shown = text(&layerscope(&["inspect", words(&out)]).stdout);
    assert!(shown.contains("readouts      bf16") && shown.contains(caveat), "{shown}");
    let seen = folder.path().join("view");
    let readings = view(&out, &[], &seen);
    assert_eq!(readings["provenance"]["numerics"], "bf16");
    let mut notes = readings["notes"].as_array().unwrap().iter();
    assert!(notes.any(|note| note["what"].as_str().unwrap().starts_with(caveat)));
    let json =
        layerscope(&["generate", "--prompt", "tom", "--max-tokens", "4", "--bf16", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["recording"]["numerics"], "bf16");
}

/// A recording of the embedded checkpoint over `data` that is killed as soon as a part of it is on the disk.
fn kill_a_run(data: &Path, recording: &Path) {
    let part = recording.join("unfinished/0000");
    killed_at(&part, &["record", "--data", words(data), "--out", words(recording)]);
}

#[test]
fn a_run_that_is_killed_leaves_a_recording_of_what_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |name: &str| folder.path().join(name);
    let (data, recording) = (inside("data.txt"), inside("recording"));
    // Much more work than until the first part, so that there is always something left to kill.
    fs::write(&data, "tom has a red ball . the ball is red .\n".repeat(50_000)).unwrap();
    kill_a_run(&data, &recording);

    let told = layerscope(&["inspect", words(&recording)]);
    assert!(
        text(&told.stdout).contains("incomplete: the run was killed"),
        "{}",
        text(&told.stdout)
    );
    let json = layerscope(&["inspect", words(&recording), "--json"]);
    assert_eq!(json.status.code(), Some(0), "{}", text(&json.stderr));
    let manifest: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&manifest["complete"], &manifest["partial"]), (&false.into(), &true.into()));
    let tokens = manifest["tokens"].as_f64().unwrap();
    assert!(tokens > 0.0);
    let readings = view(&recording, &["threshold=0.8"], &inside("view"));
    assert_eq!(reading(&readings, "tokens"), tokens);
    assert_eq!(readings["provenance"]["partial"], true);
    let said = format!("The run was killed (or is still going): {tokens} of ");
    let mut notes = readings["notes"].as_array().unwrap().iter();
    assert!(notes.any(|note| note["what"].as_str().unwrap().starts_with(&said)), "{said}");

    // The same folder again, and then a kill over a whole recording, which stays.
    record_embedded(&recording);
    assert!(!recording.join("unfinished").exists());
    kill_a_run(&data, &recording);
    let readings = view(&recording, &[], &inside("view"));
    assert_eq!(reading(&readings, "tokens"), 600.0);
    assert_eq!(readings["provenance"]["partial"], false);
}

#[test]
fn a_text_is_gone_on_with_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (out, seen) = (folder.path().join("out"), folder.path().join("seen"));
    let prompt = "tom has a red ball . the ball is";
    let arguments = ["generate", "--prompt", prompt, "--max-tokens", "12"];
    let done = layerscope(&[&arguments[..], &["--out", words(&out)]].concat());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let told = text(&done.stdout);
    assert!(told.ends_with('\n') && told.trim().split(' ').count() > 3, "{told}");
    assert!(text(&done.stderr).contains(" generated: "), "{}", text(&done.stderr));

    let json = layerscope(&[&arguments[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["text"].as_str().unwrap().trim_end(), told.trim_end());
    let made = &json["recording"]["generation"];
    assert_eq!((&made["prompt_tokens"], &made["is_chat"]), (&10.into(), &false.into()));
    let tokens = json["tokens"].as_f64().unwrap();
    let readings = view(&out, &[], &seen);
    assert_eq!(reading(&readings, "tokens"), 10.0 + tokens);
    let shown = text(&layerscope(&["inspect", words(&out)]).stdout);
    assert!(shown.contains("generated"), "{shown}");

    let drawn = |seed: &str| {
        let more = ["--temperature", "1.5", "--top-k", "50", "--seed", seed];
        text(&layerscope(&[&arguments[..], &more].concat()).stdout)
    };
    assert_eq!(drawn("4"), drawn("4"));
    assert!(["5", "6", "7"].iter().any(|seed| drawn(seed) != drawn("4")));
}

#[test]
fn the_embedded_checkpoint_is_timed_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("bench.json");
    let short = ["bench", "--tokens", "16", "--steps", "4", "--repeat", "1", "--threads", "1"];
    let done = layerscope(&[&short[..], &["--out", words(&out)]].concat());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let told = text(&done.stdout);
    let begins =
        ["Layerscope ", "Embedded default (", "16 tokens (built-in text, repeated), 4 steps"];
    assert!(told.lines().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{told}");
    let written: serde_json::Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    let rows = written["rows"].as_array().unwrap();
    assert!(rows.len() >= 6);
    for row in rows {
        let id = row["id"].as_str().unwrap();
        assert!(told.lines().any(|line| line.starts_with(&format!("{id} "))), "{told}");
        assert!(row["tokens_per_sec"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(written["machine"]["threads"], 1);

    let more = ["--only", "prefill,decode", "--json"];
    let json = layerscope(&[&short[..], &more].concat()).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let ids: Vec<_> = json["rows"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, ["prefill", "decode"]);
}

#[test]
fn what_cannot_be_timed_is_told_with_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let (prompt, ids) = (folder.path().join("prompt.txt"), folder.path().join("ids.json"));
    fs::write(&prompt, "tom has a red ball").unwrap();
    fs::write(&ids, "[1, 2, -3]").unwrap();
    let bench = |more: &[&str]| {
        let done = layerscope(&[&["bench", "--repeat", "1"], more].concat());
        (done.status.code(), text(&done.stderr))
    };
    let (code, told) = bench(&["--tokens", "16", "--prompt", words(&prompt)]);
    assert!(code == Some(3) && told.contains("and 16 are asked for"), "{told}");
    let (code, told) = bench(&["--ids", words(&ids)]);
    assert!(code == Some(3) && told.contains("the input cannot be read"), "{told}");
    let (code, told) = bench(&["--ids", words(&folder.path().join("none"))]);
    assert!(code == Some(3) && told.contains("the input cannot be read"), "{told}");
    let (code, told) = bench(&["--tokens", "100000"]);
    assert!(code == Some(3) && told.contains("the model's context is"), "{told}");
    let (code, told) = bench(&["--only", "prefil"]);
    assert!(code == Some(2) && told.contains("allowed: `record`"), "{told}");
}

#[test]
fn what_cannot_be_generated_is_told_with_its_code() {
    let generate = |more: &[&str]| {
        let done = layerscope(&[&["generate", "--prompt", "tom"], more].concat());
        (done.status.code(), text(&done.stderr))
    };
    let (code, told) = generate(&["--chat"]);
    assert!(code == Some(3) && told.contains("no chat template"), "{told}");
    let (code, told) = generate(&["--temperature", "-1"]);
    assert!(code == Some(2) && told.contains("temperature is -1, but must be 0, or"), "{told}");
    let (code, told) = generate(&["--top-p", "1.5"]);
    assert!(code == Some(2) && told.contains("top-p is 1.5"), "{told}");
    let long = "tom ".repeat(200);
    let done = layerscope(&["generate", "--prompt", &long]);
    let told = text(&done.stderr);
    assert!(done.status.code() == Some(3) && told.contains("context is full"), "{told}");
}

#[test]
fn lenses_are_listed_for_people_and_for_programs() {
    let done = layerscope(&["lenses", "--json"]);
    assert_eq!(done.status.code(), Some(0));
    let lenses: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(lenses[0]["id"], "exits");
    let ids: Vec<_> = lenses[0]["knobs"].as_array().unwrap().iter().map(|k| &k["id"]).collect();
    for id in ["rule", "threshold", "least-depth", "slice"] {
        assert!(ids.iter().any(|found| *found == id), "{id}");
    }
    assert!(text(&layerscope(&["lenses"]).stdout).contains("exits"));
}

#[test]
fn without_a_display_the_window_says_so_and_names_the_command_line() {
    let done = layerscope(&[]);
    assert_eq!(done.status.code(), Some(1));
    let message = text(&done.stderr);
    assert!(message.contains("display"), "{message}");
    assert!(message.contains("layerscope record"), "{message}");
}

/// What a usage error says, in its two lines.
fn usage_error(arguments: &[&str]) -> [String; 2] {
    let done = layerscope(arguments);
    assert_eq!(done.status.code(), Some(2), "{arguments:?}");
    assert!(done.stdout.is_empty(), "{arguments:?}");
    let message = text(&done.stderr);
    let lines: Vec<_> = message.lines().map(str::to_owned).collect();
    let lines: [String; 2] = lines.try_into().unwrap();
    assert!(lines[0].starts_with("error: ") && lines[1].starts_with("hint: "), "{message}");
    lines
}

#[test]
fn a_usage_error_is_one_line_and_the_usage_of_what_was_called() {
    for (arguments, said) in [
        (&["record", "--colour"][..], "Unknown argument `--colour`; did you mean `--column`?"),
        (&["record"], "Missing: `--out <DIR>`"),
        (&["record", "--out"], "`--out <DIR>` needs a value"),
        (&["record", "--out", "a", "--out", "b"], "`--out <DIR>` is given more than once"),
        (
            &["record", "--out", "a", "--cut", "word"],
            "`word` is no value of `--cut <CUT>`; allowed: `line`, `paragraph`",
        ),
        (
            &["record", "--out", "a", "--limit-tokens", "0"],
            "`0` is no value of `--limit-tokens <N>`: number would be zero for non-zero type",
        ),
        (
            &["record", "--out", "a", "--readout", "0"],
            "`0` is no value of `--readout <every|N|last>`: it is every, last or a whole number above 0",
        ),
        (
            &["record", "--out", "a", "--text", "b", "--data", "c"],
            "`--text <TEXT>` cannot be used together with `--data <FILE>`",
        ),
        (
            &["record", "--out", "a", "--text", "b", "--column", "c"],
            "`--text <TEXT>` cannot be used together with `--column <COLUMN>`",
        ),
        (&["record", "--out", "a", "--cut", "line"], "Missing: `--data <FILE>`"),
        (
            &["record", "--out", "a", "--lens", "exit"],
            "No lens `exit`; there are: exits, claims, pareto, cascade, reliability, cod, makespan",
        ),
        (
            &["train", "deflaut", "--out", "a"],
            "`deflaut` is no value of `<NAME>`; allowed: `default`",
        ),
        (&["view"], "Missing: `--out <DIR>`, `<RECORDING>`"),
        (&["inspect", "a", "b"], "Unknown argument `b`"),
        (&["lenses", "--jsn"], "Unknown argument `--jsn`; did you mean `--json`?"),
        (&["--colour"], "Unknown argument `--colour`"),
    ] {
        let [what, hint] = usage_error(arguments);
        assert_eq!(what, format!("error: {said}"));
        let called = arguments[0];
        let called = if called.starts_with('-') { String::new() } else { format!(" {called}") };
        assert!(hint.starts_with(&format!("hint: Usage: layerscope{called} ")), "{hint}");
        assert!(hint.ends_with(&format!("; `layerscope{called} --help` says more")), "{hint}");
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (arguments, part) in [
        (&["--help"][..], "inspect"),
        (&["--version"], "layerscope "),
        (&["help", "view"], "--set"),
    ] {
        let done = layerscope(arguments);
        assert_eq!(done.status.code(), Some(0));
        assert!(done.stderr.is_empty());
        assert!(text(&done.stdout).contains(part), "{arguments:?}");
    }
}

#[test]
fn a_misspelt_sub_command_is_no_reason_to_open_a_window() {
    let done = layerscope(&["recrod"]);
    assert_eq!(done.status.code(), Some(3));
    let message = text(&done.stderr);
    assert!(message.starts_with("error: there is no such file or folder: recrod\n"), "{message}");
    assert!(
        message.contains(
            "inspect, lenses, rules, record, means, generate, bench, view, verify, skip, train"
        ),
        "{message}"
    );
}

#[test]
fn an_empty_prompt_is_called_empty_and_no_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let done = layerscope(&["record", "--text", " ", "--out", words(&out)]);
    assert_eq!(done.status.code(), Some(3));
    assert_eq!(text(&done.stderr), "error: the text is empty\nhint: Type some text.\n");
}

#[test]
fn only_what_was_asked_for_is_read_out_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let record = |readout: &str| {
        let out = folder.path().join(readout);
        let limits =
            ["record", "--limit-tokens", "600", "--readout", readout, "--out", words(&out)];
        let done = layerscope(&limits);
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        (text(&done.stdout), out)
    };
    let (every, all) = record("every");
    assert!(every.starts_with("600 tokens") && !every.contains("read out"), "{every}");
    let (nth, some) = record("4");
    assert!(
        nth.contains("\nread out: one token in 4, from the first of each sequence on\n"),
        "{nth}"
    );
    let shown = text(&layerscope(&["inspect", words(&some)]).stdout);
    assert!(shown.contains("read out      one token in 4, from the first"), "{shown}");
    let (out, full) = (folder.path().join("view"), folder.path().join("full view"));
    let readings = view(&some, &["threshold=0.75"], &out);
    view(&all, &["threshold=0.75"], &full);
    let notes = readings["notes"].to_string();
    assert!(notes.contains("Read out was one token in 4"), "{notes}");
    // Every row is the row of the same token among all of them.
    let table = |folder: &Path| {
        let table = fs::read_to_string(folder.join("tokens.csv")).unwrap();
        // Without its number and with its sample, position and all that the rule says.
        let rest = |line: &str| line.split_once(',').map(|(_, rest)| rest.to_owned());
        table.lines().skip(1).filter_map(rest).collect::<Vec<_>>()
    };
    let (rows, whole) = (table(&out), table(&full));
    assert_eq!(rows.len() as f64, reading(&readings, "tokens"));
    assert!((150..600).contains(&rows.len()) && rows.iter().all(|row| whole.contains(row)));
    let (last, ends) = record("last");
    assert!(last.contains("read out: the last token of each sequence"), "{last}");
    view(&ends, &["threshold=0.75"], &folder.path().join("last view"));
}

#[test]
fn another_limit_is_another_fingerprint_and_a_selected_token_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let prints: Vec<_> = ["20", "21", "20"]
        .iter()
        .enumerate()
        .map(|(at, limit)| {
            let out = folder.path().join(at.to_string());
            let arguments = ["record", "--limit-tokens", limit, "--out", words(&out), "--json"];
            let done = layerscope(&arguments);
            let manifest: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
            manifest["provenance"]["data_fingerprint"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_ne!(prints[0], prints[1]);
    assert_eq!(prints[0], prints[2]);
    let (recording, out) = (folder.path().join("0"), folder.path().join("view"));
    let view = |token| {
        let arguments = ["view", words(&recording), "--token", token, "--out", words(&out)];
        layerscope(&arguments)
    };
    assert_eq!(view("7").status.code(), Some(0));
    let readings = fs::read(out.join("readings.json")).unwrap();
    let readings: serde_json::Value = serde_json::from_slice(&readings).unwrap();
    assert_eq!(readings["provenance"]["selected_token"], 7);
    let done = view("20");
    assert_eq!(done.status.code(), Some(2));
    let said = "error: --token 20: the recording has 20 tokens, counted from 0\n";
    assert!(text(&done.stderr).starts_with(said));
}
