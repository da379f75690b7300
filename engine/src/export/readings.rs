//! readings.json and the provenance that every exported file carries.

use std::collections::BTreeMap;

use crate::export::Export;
use crate::knob::Value;
use crate::lens::ReadingRow;
use crate::notes::Note;
use crate::recording::Manifest;
use crate::signal::ReadBy;

/// Where an export came from.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Origin<'a> {
    model: &'a str,
    model_fingerprint: &'a str,
    tokenizer_fingerprint: &'a str,
    data: &'a str,
    data_fingerprint: &'a str,
    lens: &'static str,
    /// Index of the token that the figures follow; absent where none was selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    selected_token: Option<usize>,
    /// Version of Layerscope that exported.
    version: &'static str,
    /// Version of Layerscope that recorded.
    recorded_version: &'a str,
    /// How readouts were rounded.
    numerics: &'static str,
    /// What turned states into probabilities, where it was no head of the checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    readout: Option<&'static str>,
    /// Whether the recording was cancelled and holds only its first tokens.
    partial: bool,
    /// The models whose recordings of the same data were looked at beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    beside: Vec<Beside<'a>>,
}

/// A recording that stood beside the first.
#[derive(Debug, Clone, serde::Serialize)]
struct Beside<'a> {
    model: &'a str,
    model_fingerprint: &'a str,
    numerics: &'static str,
    recorded_version: &'a str,
}

/// readings.json. `files` is how a later export knows which files it may replace.
#[derive(Debug, serde::Serialize)]
pub(super) struct ReadingsFile<'a> {
    lens: &'static str,
    knobs: &'a BTreeMap<&'static str, Value>,
    /// Knobs of the setting beside it, whose values are the `versus` of the readings.
    #[serde(skip_serializing_if = "Option::is_none")]
    versus: Option<&'a BTreeMap<&'static str, Value>>,
    readings: Vec<ReadingRow>,
    notes: Vec<&'a Note>,
    provenance: Origin<'a>,
    files: Vec<String>,
}

/// `<figure>.provenance.json`, beside a figure's CSV, which has no room for it.
#[derive(Debug, serde::Serialize)]
pub(super) struct OriginFile<'a> {
    figure: &'a str,
    knobs: &'a BTreeMap<&'static str, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    versus: Option<&'a BTreeMap<&'static str, Value>>,
    provenance: Origin<'a>,
}

impl<'a> Export<'a> {
    fn origin(&self) -> Origin<'a> {
        let manifest = self.recording.manifest();
        let came = &manifest.provenance;
        Origin {
            model: &came.model,
            model_fingerprint: &came.model_fingerprint,
            tokenizer_fingerprint: &came.tokenizer_fingerprint,
            data: &came.data,
            data_fingerprint: &came.data_fingerprint,
            lens: self.card.id,
            selected_token: self.selection.token,
            version: env!("CARGO_PKG_VERSION"),
            recorded_version: &came.version,
            numerics: manifest.numerics.id(),
            readout: Some(manifest.readout).filter(|by| !by.is_head()).map(ReadBy::id),
            partial: manifest.partial,
            beside: self.others.iter().map(|other| beside(other.manifest())).collect(),
        }
    }

    pub(super) fn readings_file(&'a self, files: Vec<String>) -> ReadingsFile<'a> {
        let mut notes: Vec<&Note> = self.recording.manifest().notes.iter().collect();
        for note in &self.view.notes {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        ReadingsFile {
            lens: self.card.id,
            knobs: &self.knobs,
            versus: self.versus.as_ref(),
            readings: self.view.reading_rows(),
            notes,
            provenance: self.origin(),
            files,
        }
    }

    pub(super) fn origin_file(&'a self, figure: &'a str) -> OriginFile<'a> {
        let (knobs, versus) = (&self.knobs, self.versus.as_ref());
        OriginFile { figure, knobs, versus, provenance: self.origin() }
    }

    /// Names and values for SVG and PNG, among them one per knob.
    pub(super) fn origin_pairs(&self) -> Vec<(String, String)> {
        let origin = self.origin();
        let mut pairs = vec![
            ("model", origin.model.to_owned()),
            ("model_fingerprint", origin.model_fingerprint.to_owned()),
            ("tokenizer_fingerprint", origin.tokenizer_fingerprint.to_owned()),
            ("data", origin.data.to_owned()),
            ("data_fingerprint", origin.data_fingerprint.to_owned()),
            ("lens", origin.lens.to_owned()),
            ("version", origin.version.to_owned()),
            ("recorded_version", origin.recorded_version.to_owned()),
            ("numerics", origin.numerics.to_owned()),
            ("partial", origin.partial.to_string()),
        ];
        pairs.extend(origin.readout.map(|by| ("readout", by.to_owned())));
        let beside = origin.beside.iter();
        let told = |other: &Beside<'_>| format!("{} {}", other.model, other.model_fingerprint);
        pairs.extend(beside.map(|other| ("beside", told(other))));
        pairs.extend(origin.selected_token.map(|token| ("selected_token", token.to_string())));
        pairs.extend(self.knobs.iter().map(|(id, value)| (*id, value.to_string())));
        let owned = |(name, value): (&str, String)| (name.to_owned(), value);
        let others = self.versus.iter().flatten();
        let others = others.map(|(id, value)| (format!("B {id}"), value.to_string()));
        pairs.into_iter().map(owned).chain(others).collect()
    }
}

fn beside(manifest: &Manifest) -> Beside<'_> {
    let came = &manifest.provenance;
    Beside {
        model: &came.model,
        model_fingerprint: &came.model_fingerprint,
        numerics: manifest.numerics.id(),
        recorded_version: &came.version,
    }
}

/// Names of the files of an older export; `None` if this is no readings.json.
pub(super) fn older_files(json: &[u8]) -> Option<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Older {
        #[serde(rename = "lens")]
        _lens: String,
        files: Vec<String>,
    }
    serde_json::from_slice::<Older>(json).ok().map(|older| older.files)
}
