use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::figure::sampler;
use crate::job::CancelSwitch;
use crate::knob::{KnobCard, Knobs, Real, Value};
use crate::lens::{Reading, ReadingKind};
use crate::model::NO_TOKEN;
use crate::notes::Note;
use crate::recording::{Manifest, Provenance, Sample, Tokens};

const CARD: LensCard = LensCard {
    id: "exits",
    name: "Exits",
    question: "Where?",
    source: "",
    modelled: "",
    unknown: "",
};
const THRESHOLD: Real = Real {
    id: "threshold",
    label: "Threshold",
    help: "",
    unit: "",
    default: 0.9,
    min: 0.0,
    max: 1.0,
    step: 0.01,
};

struct Parts {
    knob_cards: Vec<KnobCard>,
    knobs: Knobs,
    recording: Recording,
    selection: Selection,
    view: View,
    token_columns: TokenColumns<'static>,
    home: tempfile::TempDir,
}

impl Parts {
    fn new() -> Self {
        let mut knobs = Knobs::default();
        knobs.set("threshold", Value::Real(0.75));
        let reading = |id, value| Reading {
            id,
            label: "A number".to_owned(),
            value,
            unit: "layers",
            kind: ReadingKind::Modelled,
        };
        let view = View {
            figures: vec![sampler::every_mark(), sampler::heat()],
            readings: vec![reading("mean_exit_depth", Some(2.5)), reading("agreement", None)],
            tables: vec![
                DataTable {
                    id: "per_depth",
                    columns: vec!["depth", "exits", "agreement"],
                    rows: vec![vec![0.0, 2.0, 0.1], vec![1.0, 1.0, f64::NAN]],
                    names: None,
                },
                DataTable {
                    id: "per_slice",
                    columns: vec!["tokens"],
                    rows: vec![vec![3.0], vec![2.0]],
                    names: Some(("slice", vec!["all".to_owned(), "task:a, b".to_owned()])),
                },
            ],
            suggestions: Vec::new(),
            notes: vec![Note::new("Something was cut.", "")],
            versus: None,
        };
        let token_columns = TokenColumns {
            names: vec!["half".to_owned()],
            cells: Box::new(|token| vec![(token as f64 / 2.0).to_string()]),
        };
        Self {
            knob_cards: vec![THRESHOLD.card()],
            knobs,
            recording: recording(),
            selection: Selection::default(),
            view,
            token_columns,
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn export(&self) -> Export<'_> {
        Export {
            card: &CARD,
            knobs: self.knobs.resolved(&self.knob_cards),
            versus: self.view.versus.as_ref().map(|_| Knobs::default().resolved(&self.knob_cards)),
            recording: &self.recording,
            others: &[],
            selection: self.selection,
            view: &self.view,
            token_columns: &self.token_columns,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str) -> Result<BTreeMap<String, Vec<u8>>, ExportError> {
        write_view(&self.export(), &self.path(name), &Job::unattended())?;
        Ok(files(&self.path(name)))
    }

    /// Names in the folder that holds all exports, hidden ones too.
    fn neighbours(&self) -> Vec<String> {
        let entries = fs::read_dir(self.home.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

fn recording() -> Recording {
    let task = BTreeMap::from([("task".to_owned(), "hops, 2".to_owned())]);
    Recording {
        manifest: Manifest {
            version: 1,
            complete: true,
            partial: true,
            tokens: 3,
            layers: 1,
            vocab: 3,
            signals: Vec::new(),
            columns: vec!["task".to_owned()],
            provenance: Provenance {
                model: "tiny".to_owned(),
                model_fingerprint: "aa".to_owned(),
                tokenizer_fingerprint: "bb".to_owned(),
                data: "prompt".to_owned(),
                data_fingerprint: "cc".to_owned(),
                version: "0.0.9".to_owned(),
            },
            flops_per_block: vec![1.0],
            subject: Default::default(),
            read_at: Default::default(),
            readout: Default::default(),
            numerics: Default::default(),
            block_costs: Vec::new(),
            flops_per_fill: None,
            flops_per_readout: 1.0,
            block_secs: vec![0.0],
            generation: None,
            notes: vec![Note::new("Something was cut.", "")],
        },
        tokens: Tokens {
            ids: vec![0, 1, 2],
            next_ids: vec![1, 2, NO_TOKEN],
            sample: vec![0, 0, 0],
            position: vec![0, 1, 2],
            texts: Vec::new(),
        },
        samples: vec![Sample { columns: task, first_token: 0, num_tokens: 3 }],
        signals: BTreeMap::new(),
        top1: vec![vec![0, 0, 0], vec![1, 1, 2]],
        top5: Vec::new(),
        pieces: BTreeMap::from([(0, "a".to_owned()), (1, " \"b".to_owned())]),
        cubes: Default::default(),
    }
}

#[test]
fn a_view_is_every_figure_thrice_its_tables_its_tokens_and_its_readings() {
    let written = Parts::new().write("out").unwrap();
    let names: Vec<_> = written.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "every-mark.csv",
            "every-mark.png",
            "every-mark.svg",
            "grid.csv",
            "grid.png",
            "grid.svg",
            "per_depth.csv",
            "per_slice.csv",
            "readings.json",
            "tokens.csv"
        ]
    );
    let text = |name: &str| String::from_utf8(written[name].clone()).unwrap();
    assert_eq!(text("per_depth.csv"), "depth,exits,agreement\n0,2,0.1\n1,1,\n");
    assert_eq!(text("per_slice.csv"), "slice,tokens\nall,3\n\"task:a, b\",2\n");
    insta::assert_snapshot!(text("tokens.csv"), @r#"
    token,sample,position,text,next,full_id,full,half,sample_task
    0,0,0,a," ""b",1," ""b",0,"hops, 2"
    1,0,1," ""b",<2>,1," ""b",0.5,"hops, 2"
    2,0,2,<2>,,2,<2>,1,"hops, 2"
    "#);
    insta::assert_snapshot!(text("readings.json").replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn a_table_with_the_name_of_a_figure_stands_beside_it() {
    let mut parts = Parts::new();
    parts.view.tables[1].id = "grid";
    let written = parts.write("out").unwrap();
    assert!(written["grid.csv"].starts_with(b"mark,"));
    assert!(written["grid-table.csv"].starts_with(b"slice,"));
    // And the older export knows all of its files.
    assert_eq!(parts.write("out").unwrap(), written);
}

#[test]
fn pictures_carry_where_they_came_from() {
    let written = Parts::new().write("out").unwrap();
    for name in ["grid.svg", "grid.png"] {
        let text = String::from_utf8_lossy(&written[name]);
        for part in ["model_fingerprint", "aa", "bb", "cc", "threshold", "0.75"] {
            assert!(text.contains(part), "{name} {part}");
        }
    }
}

#[test]
fn the_selected_token_is_part_of_where_everything_came_from() {
    let mut parts = Parts::new();
    let without = parts.write("out").unwrap();
    parts.selection.token = Some(2);
    let with = parts.write("out").unwrap();
    for name in ["grid.svg", "grid.png", "readings.json"] {
        let says = |files: &BTreeMap<String, Vec<u8>>| {
            String::from_utf8_lossy(&files[name]).contains("selected_token")
        };
        assert!(!says(&without) && says(&with), "{name}");
    }
    let json: serde_json::Value = serde_json::from_slice(&with["readings.json"]).unwrap();
    assert_eq!(json["provenance"]["selected_token"], 2);
}

/// The columns of a token table by name.
struct TokenTable(Vec<BTreeMap<String, String>>);

impl TokenTable {
    fn read(bytes: &[u8]) -> Self {
        let rows = csv::Reader::from_reader(bytes).into_deserialize();
        Self(rows.map(|row| row.unwrap()).collect())
    }

    /// Mean over the cells that are not empty.
    fn mean(&self, column: &str) -> f64 {
        let cells = self.0.iter().map(|row| &row[column]).filter(|cell| !cell.is_empty());
        let numbers: Vec<f64> = cells.map(|cell| cell.parse().unwrap()).collect();
        numbers.iter().sum::<f64>() / numbers.len() as f64
    }
}

#[test]
fn the_readings_can_be_counted_again_from_the_tokens() {
    let mut parts = Parts::new();
    parts.recording = crate::recording::rough(300, 4, 7);
    let lens = crate::lens::find("exits").unwrap();
    for (rule, signal, slice) in [
        ("max-prob", "max_prob_exit", None),
        ("margin", "margin_exit", Some(("task", "hops"))),
        ("entropy", "entropy_exit", Some(("difficulty", "2"))),
    ] {
        let choice = |value: &str| Value::Choice(value.to_owned());
        parts.knobs.set("rule", choice(rule));
        let (column, value) = slice.unwrap_or_default();
        parts.knobs.set("slice", choice(&format!("{column}:{value}")));
        let knob_cards = lens.knobs(Some(&parts.recording), &parts.knobs);
        let mut view = lens.view(&parts.recording, &parts.knobs, parts.selection);
        // Pictures take their time and say nothing here.
        view.figures.clear();
        let export = Export {
            card: lens.card(),
            knobs: parts.knobs.resolved(&knob_cards),
            view: &view,
            token_columns: &lens.token_columns(&parts.recording, &parts.knobs),
            ..parts.export()
        };
        write_view(&export, &parts.path("out"), &Job::unattended()).unwrap();
        let written = files(&parts.path("out"));
        let json: serde_json::Value = serde_json::from_slice(&written["readings.json"]).unwrap();
        let readings = json["readings"].as_array().unwrap();
        let reading = |id: &str| {
            let found = readings.iter().find(|reading| reading["id"] == id);
            found.unwrap()["value"].as_f64().unwrap()
        };
        let mut table = TokenTable::read(&written["tokens.csv"]);
        assert_eq!(table.0.len(), 300);
        assert!(table.0[0].contains_key(signal), "{rule}");
        table.0.retain(|row| slice.is_none_or(|(name, v)| row[&format!("sample_{name}")] == v));
        assert_eq!(table.0.len() as f64, reading("tokens"));
        for (column, id) in
            [("exit_depth", "mean_exit_depth"), ("agrees", "agreement"), ("nll_exit", "nll_exit")]
        {
            let (found, expected) = (table.mean(column), reading(id));
            assert!((found - expected).abs() < 1e-6, "{rule} {id}: {found} against {expected}");
        }
        assert!((table.mean("nll_full") - reading("nll_full")).abs() < 1e-6);
        let mut num_absent = 0;
        for row in &table.0 {
            let agrees = if row["exit_id"] == row["full_id"] { "1" } else { "0" };
            let is_absent = row["full_id"].is_empty();
            num_absent += usize::from(is_absent);
            assert_eq!(row["agrees"], if is_absent { "" } else { agrees });
            let text = format!(" w{}", row["exit_id"]);
            assert_eq!(row["exit"], if row["exit_id"].is_empty() { "" } else { &text });
        }
        assert!(num_absent > 0, "some readouts are no numbers");
    }
}

#[test]
fn the_same_view_is_the_same_bytes_and_replaces_an_older_export() {
    let mut parts = Parts::new();
    let first = parts.write("a").unwrap();
    assert_eq!(first, parts.write("b").unwrap());
    assert_eq!(first, parts.write("a").unwrap());
    parts.view.figures.pop();
    let fewer = parts.write("a").unwrap();
    assert!(!fewer.contains_key("grid.svg"));
    assert_eq!(
        parts.neighbours().into_iter().collect::<BTreeSet<_>>(),
        ["a", "b"].map(str::to_owned).into()
    );
}

#[test]
fn a_folder_with_other_files_stays_as_it_is() {
    let parts = Parts::new();
    let folder = parts.path("out");
    parts.write("out").unwrap();
    fs::write(folder.join("thesis.txt"), "mine").unwrap();
    let before = files(&folder);
    let error = parts.write("out").unwrap_err();
    assert!(error.to_string().contains("`thesis.txt`"), "{error}");
    assert!(error.is_input() && !error.hint().is_empty());
    assert_eq!(files(&folder), before);

    fs::create_dir(parts.path("other")).unwrap();
    fs::write(parts.path("other").join("readings.json"), "{\"mine\": 1}").unwrap();
    assert!(matches!(parts.write("other"), Err(ExportError::Foreign { .. })));
    fs::write(parts.path("file"), "").unwrap();
    assert!(matches!(parts.write("file"), Err(ExportError::NotFolder { .. })));
    let root = write_view(&parts.export(), Path::new("/"), &Job::unattended());
    assert!(root.is_err());
}

#[test]
fn a_cancel_after_any_file_leaves_nothing() {
    let mut parts = Parts::new();
    parts.view.figures = vec![sampler::empty()];
    for last in 0..7 {
        let switch = CancelSwitch::default();
        let thrown = switch.clone();
        let seen = Arc::new(AtomicU64::new(0));
        let job = Job::new(switch, move |progress| {
            assert_eq!(progress.total, 7);
            if seen.fetch_add(1, Ordering::Relaxed) == last {
                thrown.cancel();
            }
        });
        let ended = write_view(&parts.export(), &parts.path("out"), &job);
        assert!(matches!(ended, Err(ExportError::Cancelled(_))), "{last} {ended:?}");
        assert_eq!(parts.neighbours(), Vec::<String>::new());
    }
}

#[test]
fn one_figure_is_the_same_bytes_as_in_the_folder() {
    let parts = Parts::new();
    let all = parts.write("out").unwrap();
    for ending in ["svg", "png", "csv", "SVG"] {
        let file = parts.path(&format!("figure.{ending}"));
        write_figure(&parts.export(), "grid", &file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), all[&format!("grid.{}", ending.to_lowercase())]);
    }
    let beside = fs::read_to_string(parts.path("figure.provenance.json")).unwrap();
    assert!(beside.contains("\"data_fingerprint\": \"cc\"") && beside.contains("0.75"), "{beside}");
}

#[test]
fn a_figure_or_format_that_does_not_exist_is_refused_by_name() {
    let parts = Parts::new();
    let says = |id: &str, name: &str| {
        write_figure(&parts.export(), id, Path::new(name)).unwrap_err().to_string()
    };
    insta::assert_snapshot!(says("grid", "f.pdf"), @"`pdf` is no format of figures; there are svg, png, csv: f.pdf");
    insta::assert_snapshot!(says("gird", "f.svg"), @"there is no figure `gird`; there are every-mark, grid");
    let missing = parts.path("missing").join("f.svg");
    let error = write_figure(&parts.export(), "grid", &missing).unwrap_err();
    assert!(matches!(error, ExportError::Io { .. }) && error.is_input(), "{error}");
}
