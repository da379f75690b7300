//! What a person has set up: all of it is in a session file, none of it is a result.

use std::path::{Path, PathBuf};
use std::time::Duration;

use layerscope_engine::api::{
    Cut, GenerateRequest, GenerateSettings, Input, Knobs, Numerics, ReadAt, RecordRequest,
    Sampling, Selection, Start,
};
use serde::{Deserialize, Serialize};

use super::LiveSetup;

/// Version of the session file; another one is refused with a sentence.
pub(crate) const VERSION: u32 = 1;

/// How the name of a session file ends.
pub(crate) const ENDING: &str = ".layerscope.json";
/// How often the figures follow a text that is being written.
const SHOW_EVERY: Duration = Duration::from_millis(400);

/// What a window was looking at and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct Session {
    /// `VERSION`.
    pub(crate) version: u32,
    /// The checkpoint.
    #[serde(default)]
    pub(crate) model: Source,
    /// The recording folder, where the recording came from one or was saved to one.
    #[serde(default)]
    pub(crate) recording: Option<PathBuf>,
    /// Recording folders of the same data that stand beside it, in the order in which they were added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) beside: Vec<PathBuf>,
    /// What is run.
    #[serde(default)]
    pub(crate) input: InputSetup,
    /// Id of the lens.
    #[serde(default = "default_lens")]
    pub(crate) lens: String,
    /// Knobs that stand elsewhere than at their default.
    #[serde(default)]
    pub(crate) knobs: Knobs,
    /// How a rule is executed.
    #[serde(default)]
    pub(crate) live: LiveSetup,
    /// Setting B, where two are compared; `knobs` is A then.
    #[serde(default)]
    pub(crate) versus: Option<Knobs>,
    /// Which of the two the knobs pane turns.
    #[serde(default)]
    pub(crate) side: Side,
    /// What is picked.
    #[serde(default)]
    pub(crate) selection: Selection,
    /// Dark or light.
    #[serde(default)]
    pub(crate) theme: Lights,
    /// The docked panes as the window last laid them out.
    #[serde(default)]
    pub(crate) layout: Option<serde_json::Value>,
}

/// Where the model comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// No model.
    #[default]
    None,
    /// The one in the binary.
    Embedded,
    /// A checkpoint.
    Path(PathBuf),
}

/// Dark or light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Lights {
    /// Light on dark.
    #[default]
    Dark,
    /// Dark on light.
    Light,
}

/// One of two settings of the knobs that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    /// The first; it alone is there where nothing is compared.
    #[default]
    A,
    /// The second.
    B,
}

/// Which of the inputs is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InputKind {
    /// The data in the binary.
    #[default]
    Embedded,
    /// The prompt.
    Prompt,
    /// The data file.
    File,
    /// The folder of images: the only one that a model of images takes, and no other takes it.
    Images,
}

/// What is run; the other inputs keep what was typed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub(crate) struct InputSetup {
    /// Which one is run.
    pub(crate) kind: InputKind,
    /// The prompt.
    pub(crate) prompt: String,
    /// The data file.
    pub(crate) file: Option<PathBuf>,
    /// Its text column; `None` takes "text".
    pub(crate) column: Option<String>,
    /// Its column of labels; `None` takes "label" where there is one.
    pub(crate) label: Option<String>,
    /// Its column of second texts; `None`: each sample is one text.
    pub(crate) pair: Option<String>,
    /// The folder of images; the folders in it are labels.
    pub(crate) images: Option<PathBuf>,
    /// How a txt file is cut.
    pub(crate) cut: Cut,
    /// Stop after so many tokens; `None` runs all.
    pub(crate) limit_tokens: Option<u64>,
    /// Which tokens are read out.
    pub(crate) read_at: ReadAt,
    /// How readouts round.
    pub(crate) numerics: Numerics,
    /// How the checkpoint goes on with the prompt.
    pub(crate) writing: Writing,
}

/// How a checkpoint goes on with a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub(crate) struct Writing {
    /// Most new tokens.
    pub(crate) most_tokens: u64,
    /// 0 takes the most probable token.
    pub(crate) temperature: f64,
    /// Only so many of the most probable tokens are drawn from; `None`: all.
    pub(crate) top_k: Option<u64>,
    /// Of those only as many as are needed to reach this probability; 1: all.
    pub(crate) top_p: f64,
    /// Makes tokens that are in the text already less likely; 1: not.
    pub(crate) repeat_penalty: f64,
    /// Of the draws.
    pub(crate) seed: u64,
    /// The prompt is what a user says, where the checkpoint has a template for that.
    pub(crate) is_chat: bool,
    /// Texts at which to stop, one in each line; `\n` stands for a new line.
    pub(crate) stops: String,
}

impl Default for Writing {
    fn default() -> Self {
        let Sampling { temperature, top_k, top_p, repeat_penalty, seed } = Sampling::default();
        let (is_chat, stops) = (false, String::new());
        Self { most_tokens: 64, temperature, top_k, top_p, repeat_penalty, seed, is_chat, stops }
    }
}

impl Writing {
    /// What the engine is asked to go on with.
    pub(crate) fn request(&self, start: Start, numerics: Numerics) -> GenerateRequest {
        let Self { most_tokens, temperature, top_k, top_p, repeat_penalty, seed, .. } = *self;
        let sampling = Sampling { temperature, top_k, top_p, repeat_penalty, seed };
        let stops = self.stops.lines().filter(|stop| !stop.is_empty());
        let stops = stops.map(|stop| stop.replace("\\n", "\n")).collect();
        let settings = GenerateSettings { sampling, most_tokens, stops };
        GenerateRequest { start, settings, numerics, show_every: Some(SHOW_EVERY), folder: None }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self {
            version: VERSION,
            model: Source::default(),
            recording: None,
            beside: Vec::new(),
            input: InputSetup::default(),
            lens: default_lens(),
            knobs: Knobs::default(),
            live: LiveSetup::default(),
            versus: None,
            side: Side::default(),
            selection: Selection::default(),
            theme: Lights::default(),
            layout: None,
        }
    }
}

fn default_lens() -> String {
    "exits".to_owned()
}

impl Session {
    /// Which setting the knobs pane turns: B only while there is one.
    pub(crate) fn side(&self) -> Side {
        if self.versus.is_some() { self.side } else { Side::A }
    }

    /// The setting that the knobs pane turns.
    pub(crate) fn edited(&self) -> &Knobs {
        self.versus.as_ref().filter(|_| self.side == Side::B).unwrap_or(&self.knobs)
    }

    /// The same, to be turned.
    pub(crate) fn edited_mut(&mut self) -> &mut Knobs {
        match &mut self.versus {
            Some(versus) if self.side == Side::B => versus,
            _ => &mut self.knobs,
        }
    }

    /// Reads a session file; a sentence where it is none.
    pub(crate) fn from_json(text: &str) -> Result<Self, String> {
        let session: Self = serde_json::from_str(text)
            .map_err(|error| format!("This is not a session file: {error}"))?;
        if session.version == VERSION {
            Ok(session)
        } else {
            let found = session.version;
            Err(format!("The session file has version {found}; this program reads {VERSION}"))
        }
    }
}

/// Whether the name of `path` says that it is a session file.
pub(crate) fn is_session(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING))
}

impl InputSetup {
    /// What the engine is asked to run, or why nothing can be run.
    pub(crate) fn request(&self) -> Result<RecordRequest, &'static str> {
        let input = match self.kind {
            InputKind::Embedded => Input::Embedded,
            InputKind::Prompt if self.prompt.trim().is_empty() => {
                return Err("Type a prompt first");
            }
            InputKind::Prompt => Input::Text(self.prompt.clone()),
            InputKind::File => {
                let path = self.file.clone().ok_or("Choose a data file first")?;
                let (column, label) = (self.column.clone(), self.label.clone());
                Input::File { path, column, label, pair: self.pair.clone(), cut: self.cut }
            }
            InputKind::Images => {
                let path = self.images.clone().ok_or("Choose a folder of images first")?;
                Input::File { path, column: None, label: None, pair: None, cut: self.cut }
            }
        };
        // The window saves when a person says where to.
        let (limit_tokens, read_at, numerics) = (self.limit_tokens, self.read_at, self.numerics);
        Ok(RecordRequest { input, limit_tokens, read_at, numerics, folder: None })
    }
}
