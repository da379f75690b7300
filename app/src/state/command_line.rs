//! The command line that makes again what is on screen.

use std::path::Path;

use layerscope_engine::api::{
    self, Command, Cut, GenerateRequest, Input, Knobs, Numerics, ReadAt, RecordRequest, Start,
};

use super::{Effect, Source, State};

/// Folders that the line writes, in whatever folder it is run.
const RECORDING: &str = "layerscope-recording";
const VIEW: &str = "layerscope-view";

impl State {
    /// Why there is no such line, or nothing.
    pub(crate) fn why_no_command_line(&self) -> Option<&'static str> {
        self.command_line().err()
    }

    /// `layerscope view` of what is on screen; in front of it the run that makes the recording, where it was never saved.
    pub(crate) fn command_line(&self) -> Result<String, &'static str> {
        let recording = self.recording.as_ref().ok_or("There is no recording to look at")?;
        let session = &self.session;
        let (before, folder) = match &session.recording {
            Some(folder) => (None, path(folder)?),
            None if recording.manifest().partial => {
                return Err("No command makes a part of a run again: save the recording first");
            }
            None => (Some(self.making()?), RECORDING.to_owned()),
        };
        let mut words =
            ["layerscope", "view", &folder, "--lens", &session.lens].map(str::to_owned).to_vec();
        if api::looks_at_others(&session.lens) {
            for other in self.beside() {
                words.extend(["--with".to_owned(), path(other.folder)?]);
            }
        }
        // Knobs of other lenses keep their values meanwhile.
        let own = |knobs: &Knobs| -> Vec<String> {
            let cards = api::knobs(&session.lens, Some(recording), knobs);
            let is_own = |id: &str| cards.iter().any(|card| card.id == id);
            let values = knobs.iter().filter(|(id, _)| is_own(id));
            values.map(|(id, value)| format!("{id}={value}")).collect()
        };
        for setting in own(&session.knobs) {
            words.extend(["--set".to_owned(), setting]);
        }
        if let Some(versus) = &session.versus {
            words.push("--versus".to_owned());
            for setting in own(versus) {
                words.extend(["--versus-set".to_owned(), setting]);
            }
        }
        if let Some(token) = session.selection.token {
            words.extend(["--token".to_owned(), token.to_string()]);
        }
        words.extend(["--out", VIEW].map(str::to_owned));
        let lines = before.into_iter().chain([words]).map(|words| line(&words));
        Ok(lines.collect::<Vec<_>>().join(" && "))
    }

    pub(super) fn copy_command_line(&mut self) -> Vec<Effect> {
        match self.command_line() {
            Ok(line) => {
                "The command line is on the clipboard".clone_into(&mut self.message);
                vec![Effect::Copy(line)]
            }
            Err(reason) => {
                reason.clone_into(&mut self.message);
                Vec::new()
            }
        }
    }

    /// The words of the command that made the recording.
    fn making(&self) -> Result<Vec<String>, &'static str> {
        const UNKNOWN: &str = "It is not known how the recording was made: save it first";
        let (model, command) = self.made_by.as_ref().ok_or(UNKNOWN)?;
        let (name, options) = match command {
            Command::Record(request) => ("record", recorded(request)?),
            Command::Generate(request) => ("generate", generated(request)?),
            _ => return Err(UNKNOWN),
        };
        let model = match model {
            Source::Path(model) => Some(path(model)?),
            Source::Embedded => None,
            Source::None => return Err(UNKNOWN),
        };
        let words = ["layerscope".to_owned(), name.to_owned()].into_iter().chain(model);
        Ok(words.chain(options).chain(["--out", RECORDING].map(str::to_owned)).collect())
    }
}

fn recorded(request: &RecordRequest) -> Result<Vec<String>, &'static str> {
    let RecordRequest { input, limit_tokens, read_at, numerics, .. } = request;
    let mut words = Vec::new();
    match input {
        Input::Embedded => {}
        // In one word: a text may begin with a hyphen.
        Input::Text(text) => words.push(format!("--text={text}")),
        Input::File { path: file, column, label, pair, cut } => {
            words.extend(["--data".to_owned(), path(file)?]);
            for (flag, value) in [("column", column), ("label", label), ("pair", pair)] {
                words.extend(value.iter().map(|value| format!("--{flag}={value}")));
            }
            if *cut == Cut::Paragraph {
                words.extend(["--cut", "paragraph"].map(str::to_owned));
            }
        }
    }
    words.extend(limit_tokens.iter().map(|limit| format!("--limit-tokens={limit}")));
    match read_at {
        ReadAt::Every => {}
        ReadAt::EveryNth(n) => words.push(format!("--readout={n}")),
        ReadAt::Last => words.push("--readout=last".to_owned()),
    }
    words.extend(rounded(*numerics));
    Ok(words)
}

fn generated(request: &GenerateRequest) -> Result<Vec<String>, &'static str> {
    let mut words = match &request.start {
        Start::Text(text) => vec![format!("--prompt={text}")],
        Start::Chat(text) => vec![format!("--prompt={text}"), "--chat".to_owned()],
        Start::More(_) => {
            return Err("A text that was gone on with has no one command: save it first");
        }
    };
    let sampling = &request.settings.sampling;
    words.push(format!("--max-tokens={}", request.settings.most_tokens));
    words.push(format!("--temperature={}", sampling.temperature));
    words.extend(sampling.top_k.iter().map(|k| format!("--top-k={k}")));
    words.push(format!("--top-p={}", sampling.top_p));
    words.push(format!("--repeat-penalty={}", sampling.repeat_penalty));
    words.push(format!("--seed={}", sampling.seed));
    words.extend(request.settings.stops.iter().map(|stop| format!("--stop={stop}")));
    words.extend(rounded(request.numerics));
    Ok(words)
}

fn rounded(numerics: Numerics) -> Option<String> {
    (numerics == Numerics::Bf16).then(|| "--bf16".to_owned())
}

/// A path as a word that is no option.
fn path(path: &Path) -> Result<String, &'static str> {
    let text = path.to_str().ok_or("A path here is no text, so no line can name it")?;
    Ok(if text.starts_with('-') { format!("./{text}") } else { text.to_owned() })
}

fn line(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./=:,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_a_shell_would_change_are_quoted() {
        assert_eq!(quoted("slice=task:hops"), "slice=task:hops");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("exit-at=2, 5-8"), "'exit-at=2, 5-8'");
        assert_eq!(quoted("--text=it's $HOME\n!"), "'--text=it'\\''s $HOME\n!'");
        assert_eq!(quoted("~"), "'~'");
    }

    #[test]
    fn a_path_never_looks_like_an_option() {
        assert_eq!(path(Path::new("-rf")), Ok("./-rf".to_owned()));
        assert_eq!(path(Path::new("/a b")), Ok("/a b".to_owned()));
    }
}
