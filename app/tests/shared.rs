//! The product against the reference checkpoints and numbers in ../shared.
//! Runs only with the feature `shared-checks`: a fresh machine does not have them.
#![cfg(feature = "shared-checks")]
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as expected")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;

fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(path)
}

fn layerscope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_layerscope")).args(arguments).output().unwrap()
}

fn words(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn must_work(arguments: &[&str]) -> Output {
    let done = layerscope(arguments);
    let message = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(0), "{arguments:?}: {message}");
    done
}

/// One line of the long table: a token at a depth.
struct Row {
    token: u32,
    top1: u32,
    max_prob: f32,
    margin: f32,
    entropy: f32,
    nll: Option<f32>,
}

/// Reads the token table with nothing but a Parquet reader, as somebody else's script would.
fn rows(recording: &Path) -> Vec<Row> {
    let file = fs::File::open(recording.join("signals.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<_> =
        schema.root_schema().get_fields().iter().map(|f| f.name().to_owned()).collect();
    let at = |name: &str| names.iter().position(|n| n == name).unwrap();
    let (token, top1) = (at("token"), at("top1"));
    let (max_prob, margin, entropy, nll) = (at("max_prob"), at("margin"), at("entropy"), at("nll"));
    let row = |row: parquet::record::Row| Row {
        token: row.get_uint(token).unwrap(),
        top1: row.get_uint(top1).unwrap(),
        max_prob: row.get_float(max_prob).unwrap(),
        margin: row.get_float(margin).unwrap(),
        entropy: row.get_float(entropy).unwrap(),
        nll: row.get_float(nll).ok().filter(|nll| !nll.is_nan()),
    };
    reader.get_row_iter(None).unwrap().map(|r| row(r.unwrap())).collect()
}

/// Mean exit depth, agreement and NLL at the exit, counted one token after the other.
fn by_hand(rows: &[Row], least_depth: usize, stops: impl Fn(&Row) -> bool) -> [f64; 3] {
    let tokens: Vec<_> = rows.chunk_by(|a, b| a.token == b.token).collect();
    let (mut depth_sum, mut agreeing, mut nll_sum, mut nll_count) = (0.0, 0.0, 0.0, 0.0);
    for depths in &tokens {
        let last = depths.len() - 1;
        let exit = (least_depth..last).find(|d| stops(&depths[*d])).unwrap_or(last);
        depth_sum += exit as f64;
        agreeing += f64::from(u8::from(depths[exit].top1 == depths[last].top1));
        if let Some(nll) = depths[exit].nll {
            nll_sum += f64::from(nll);
            nll_count += 1.0;
        }
    }
    let count = tokens.len() as f64;
    [depth_sum / count, agreeing / count, nll_sum / nll_count]
}

fn readings(recording: &Path, settings: &[&str], out: &Path) -> [f64; 3] {
    let mut arguments = vec!["view", words(recording), "--out", words(out)];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    must_work(&arguments);
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("readings.json")).unwrap()).unwrap();
    let list = json["readings"].as_array().unwrap().clone();
    let value = |id: &str| {
        list.iter().find(|reading| reading["id"] == id).unwrap()["value"].as_f64().unwrap()
    };
    [value("mean_exit_depth"), value("agreement"), value("nll_exit")]
}

fn assert_close(found: [f64; 3], expected: [f64; 3], what: &str) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{what}: {found} against {expected}");
    }
}

/// How a rule's id, its thresholds and the decision itself belong together.
type Rule = (&'static str, [&'static str; 6], fn(&Row, f64) -> bool);

const RULES: [Rule; 3] = [
    ("max-prob", ["0", "0.3", "0.5", "0.9", "0.99", "1"], |row, at| f64::from(row.max_prob) >= at),
    ("margin", ["0", "0.3", "0.5", "0.9", "0.99", "1"], |row, at| f64::from(row.margin) >= at),
    ("entropy", ["0", "0.1", "0.5", "1", "2.5", "4"], |row, at| f64::from(row.entropy) < at),
];

fn check_exits_by_hand(recording: &Path, folder: &Path) {
    let rows = rows(recording);
    // One thread for each rule: the work is many short runs of the program.
    std::thread::scope(|scope| {
        for (rule, thresholds, stops) in RULES {
            let rows = &rows;
            scope.spawn(move || {
                for (threshold, least) in thresholds.iter().flat_map(|t| [(t, 0), (t, 3)]) {
                    let limit: f64 = threshold.parse().unwrap();
                    let settings = [
                        format!("rule={rule}"),
                        format!("threshold={threshold}"),
                        format!("least-depth={least}"),
                    ];
                    let settings = settings.each_ref().map(String::as_str);
                    let found = readings(recording, &settings, &folder.join(rule));
                    let expected = by_hand(rows, least, |row| stops(row, limit));
                    assert_close(found, expected, &settings.join(" "));
                }
            });
        }
    });
}

#[test]
fn exits_of_the_embedded_checkpoint_agree_with_a_count_over_the_token_table() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    must_work(&["record", "--out", words(&recording)]);
    check_exits_by_hand(&recording, folder.path());
}

#[test]
fn exits_of_stories260k_agree_with_a_count_over_the_token_table() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    let (model, data) = (shared("data/stories260K_hf"), shared("data/tinyshakespeare"));
    let text = fs::read_dir(data)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "txt"));
    let text = text.unwrap();
    must_work(&[
        "record",
        words(&model),
        "--data",
        words(&text),
        "--limit-tokens",
        "2000",
        "--out",
        words(&recording),
    ]);
    check_exits_by_hand(&recording, folder.path());
}

#[test]
fn stories260k_gives_the_published_numbers_in_every_format() {
    let story = "Once upon a time, there was a little boy named Tim. Tim had a big red ball. He \
                 loved to play with his ball in the park. One day, Tim saw a cat in a tree. The \
                 cat was sad.";
    for (model, within) in [
        ("data/stories260K_hf", 1e-4),
        ("data/stories260K_hf/model.safetensors", 1e-4),
        ("data/stories260K_gguf/stories260K-f32.gguf", 1e-4),
        ("data/stories260K_gguf/stories260K-f16.gguf", 2e-3),
        ("data/stories260K_gguf/stories260K-q8_0.gguf", 2e-2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (recording, out) = (folder.path().join("recording"), folder.path().join("view"));
        let path = shared(model);
        must_work(&["record", words(&path), "--text", story, "--out", words(&recording)]);
        must_work(&["view", words(&recording), "--out", words(&out)]);
        let table = fs::read_to_string(out.join("per_depth.csv")).unwrap();
        let nll: Vec<f64> = table
            .lines()
            .skip(1)
            .map(|line| line.split(',').nth(3).unwrap().parse().unwrap())
            .collect();
        // ../shared/data/README.md, three decimals; the last one has four.
        let expected = [21.873, 11.155, 5.306, 2.983, 1.746, 0.6689];
        for (found, expected) in nll.iter().zip(expected) {
            let limit = 6e-4 + within * expected;
            assert!((found - expected).abs() < limit, "{model}: {found} against {expected}");
        }
    }
}

#[test]
fn every_reference_checkpoint_opens_and_says_what_reads_out() {
    let mut folders: Vec<_> =
        fs::read_dir(shared("golden/tiny")).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    assert_eq!(folders.len(), 23);
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let card = String::from_utf8(must_work(&["inspect", words(&folder)]).stdout).unwrap();
        let readout = match name {
            "bert" => "none",
            "vit" => "classification head, 3 classes",
            _ if name.ends_with("_cls") => "classification head, 3 classes",
            _ if name.ends_with("_mlm") => "masked-language-model head",
            _ => "language-model head",
        };
        let line = card.lines().find(|line| line.starts_with("readout")).unwrap();
        assert!(line.ends_with(&format!(" {readout}")), "{name}: {line}");
    }
}

#[test]
fn a_folder_of_images_runs_through_a_vit_one_row_for_each() {
    let home = tempfile::tempdir().unwrap();
    let model = home.path().join("vit");
    fs::create_dir(&model).unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(shared("golden/tiny/vit").join(name), model.join(name)).unwrap();
    }
    let (images, recording) = (shared("data/cifar10_jpg_sample"), home.path().join("recording"));
    let record = ["record", words(&model), "--data", words(&images), "--out", words(&recording)];
    let refused = layerscope(&record);
    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("no preprocessor_config.json"), "{said}");
    fs::write(model.join("preprocessor_config.json"), "{\"size\": 16}").unwrap();
    let said = String::from_utf8(must_work(&record).stdout).unwrap();
    assert!(said.starts_with("300 samples at 5 depths of vit written to"), "{said}");
    // The classes of the random checkpoint have other names.
    assert!(
        said.contains("Labels that name no class of the model: 300, first `airplane`"),
        "{said}"
    );
    let out = home.path().join("view");
    must_work(&["view", words(&recording), "--set", "slice=label:dog", "--out", words(&out)]);
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("readings.json")).unwrap()).unwrap();
    let tokens = &json["readings"][0];
    assert_eq!((&tokens["value"], &tokens["unit"]), (&30.0.into(), &"samples".into()));
    assert_eq!(json["readings"][1]["kind"], "exact");
    let text =
        layerscope(&["record", words(&model), "--text", "a dog", "--out", words(&recording)]);
    assert_eq!(text.status.code(), Some(3));
    let said = String::from_utf8(text.stderr).unwrap();
    assert!(said.contains("reads images"), "{said}");
}

#[test]
fn a_model_of_images_is_timed_on_made_ones() {
    let model = shared("golden/tiny/vit");
    let short = ["bench", words(&model), "--repeat", "1", "--json"];
    let report: serde_json::Value = serde_json::from_slice(&must_work(&short).stdout).unwrap();
    let ids = |list: &str| -> Vec<String> {
        let rows = report[list].as_array().unwrap().iter();
        rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("rows"), ["record", "forward", "probes"]);
    assert_eq!(
        ids("absent"),
        ["record-bf16", "forward-all", "prefill", "decode", "decode-readout"]
    );
    // Whole images of 17 places each: 15 have room in 256.
    assert_eq!((&report["tokens"], &report["source"]), (&255.into(), &"made images".into()));
    let folder = tempfile::tempdir().unwrap();
    let prompt = folder.path().join("prompt.txt");
    fs::write(&prompt, "a dog").unwrap();
    for (more, why) in [
        (["--prompt", words(&prompt)], "the model reads images, and no text or ids"),
        (["--tokens", "16"], "must be 17, which are one image, to 512"),
    ] {
        let done = layerscope(&[&short[..], &more].concat());
        assert_eq!(done.status.code(), Some(3));
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(said.contains(why), "{said}");
    }
}

/// The head of `per_depth.csv` of a run of an encoder over `data`, row by row.
fn per_depth(model: &Path, data: &str, more: &[&str]) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let inside = |name: &str| home.path().join(name);
    let (file, recording, out) = (inside("data.tsv"), inside("recording"), inside("view"));
    fs::write(&file, data).unwrap();
    let record = ["record", words(model), "--data", words(&file), "--out", words(&recording)];
    must_work(&[&record[..], more].concat());
    must_work(&["view", words(&recording), "--out", words(&out)]);
    let table = fs::read_to_string(out.join("per_depth.csv")).unwrap();
    table.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn the_second_text_of_a_pair_is_told_from_the_first() {
    let home = tempfile::tempdir().unwrap();
    let model = home.path().join("bert");
    fs::create_dir(&model).unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(shared("golden/tiny/bert_cls").join(name), model.join(name)).unwrap();
    }
    let specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let vocab: Vec<_> = specials.into_iter().chain((5..128).map(|id| format!("w{id}"))).collect();
    fs::write(model.join("vocab.txt"), vocab.join("\n")).unwrap();
    let pair = per_depth(&model, "text\tother\nw20 w21\tw30 w31\n", &["--pair", "other"]);
    // The same ids, but all of one text.
    let one = per_depth(&model, "text\nw20 w21 [SEP] w30 w31\n", &[]);
    assert_eq!(pair.len(), 6, "{pair:?}");
    // At depth 0 the classifier reads the embedding of [CLS], which is of the first text either way; only the KL
    // to the end differs.
    let before_kl = |row: &String| row.rsplit_once(',').unwrap().0.to_owned();
    assert_eq!(before_kl(&pair[1]), before_kl(&one[1]));
    for (pair, one) in pair.iter().zip(&one).skip(2) {
        assert_ne!(pair, one);
    }
    let file = home.path().join("pairs.tsv");
    fs::write(&file, "text\tother\na\tb\n").unwrap();
    let out = home.path().join("out");
    let decoder =
        layerscope(&["record", "--data", words(&file), "--pair", "other", "--out", words(&out)]);
    assert_eq!(decoder.status.code(), Some(3));
    let said = String::from_utf8(decoder.stderr).unwrap();
    assert!(said.contains("reads one text from left to right"), "{said}");
}

/// SST-2 dev through MiniLM with exit heads, which are in ../shared; MiniLM itself is not.
#[test]
#[ignore = "needs all-MiniLM-L6-v2: LAYERSCOPE_MINILM names its folder, which ../shared/peers/models.sh makes"]
fn minilm_with_exit_heads_gives_the_published_accuracies() {
    let minilm = PathBuf::from(std::env::var("LAYERSCOPE_MINILM").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let inside = |name: &str| folder.path().join(name);
    fs::create_dir(inside("model")).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(minilm.join(name), inside("model").join(name)).unwrap();
    }
    let heads = shared("data/minilm_sst2_exit_heads/exit_heads.safetensors");
    fs::copy(heads, inside("model").join("exit_heads.safetensors")).unwrap();
    let (model, data, out) = (inside("model"), shared("data/sst2/dev.tsv"), inside("recording"));
    let columns = ["--column", "#1", "--label", "#2"];
    let record = ["record", words(&model), "--data", words(&data), "--out", words(&out)];
    must_work(&[&record[..], &columns[..]].concat());
    let view = |lens: &str, settings: &[&str]| -> serde_json::Value {
        let mut arguments = vec!["view", words(&out), "--lens", lens];
        for setting in settings {
            arguments.extend(["--set", setting]);
        }
        let seen = inside(lens);
        arguments.extend(["--out", words(&seen)]);
        must_work(&arguments);
        serde_json::from_slice(&fs::read(seen.join("readings.json")).unwrap()).unwrap()
    };
    let value = |view: &serde_json::Value, id: &str| {
        let list = view["readings"].as_array().unwrap();
        list.iter().find(|reading| reading["id"] == id).unwrap()["value"].as_f64().unwrap()
    };
    let near = |found: f64, expected: f64, what: &str| {
        assert!((found - expected).abs() < 0.005, "{what}: {found} against {expected}");
    };
    // ../shared/data/README.md: the table of max probability, whose first exit is at depth 1.
    for (threshold, accuracy, depth) in [
        ("0.6", 0.8119, 1.17),
        ("0.7", 0.8096, 1.64),
        ("0.8", 0.8177, 2.32),
        ("0.9", 0.7901, 3.42),
        ("0.95", 0.7901, 4.20),
    ] {
        let setting = format!("threshold={threshold}");
        let exits = view("exits", &[&setting, "least-depth=1"]);
        near(value(&exits, "accuracy_exit"), accuracy, threshold);
        near(value(&exits, "mean_exit_depth"), depth, threshold);
        // The chart of all rules says the same of the present setting.
        let rules = view("pareto", &[&setting, "least-depth=1", "part=all", "goal=accuracy"]);
        near(value(&rules, "present_kept"), accuracy, threshold);
        near(value(&rules, "present_cost"), depth, threshold);
    }
    let by_depth = [0.8005, 0.8085, 0.7856, 0.8200, 0.8119, 0.8119, 0.7856];
    for (depth, accuracy) in by_depth.into_iter().enumerate() {
        let reliability = view("reliability", &[&format!("at-depth={depth}")]);
        near(value(&reliability, "kept"), accuracy, &format!("depth {depth}"));
    }
}

#[test]
fn a_pickle_is_refused_and_the_way_out_is_named() {
    let mut files: Vec<_> =
        fs::read_dir(shared("data/cifar_resnet")).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "th"));
    assert!(!files.is_empty());
    for file in files {
        let done = layerscope(&["inspect", words(&file)]);
        assert_eq!(done.status.code(), Some(3));
        let message = String::from_utf8(done.stderr).unwrap();
        assert!(message.contains("pickle") && message.contains("safetensors"), "{message}");
    }
}
