//! The checkpoint behind a folder, a single file and the program's own memory: a configuration and safetensors parts.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::fingerprint::Fingerprint;
use crate::checkpoint::error::quoted;
use crate::checkpoint::map::{self, Owner};
use crate::checkpoint::marks::{self, Marks};
use crate::checkpoint::safetensors::header::Header;
use crate::checkpoint::{Bytes, Checkpoint, OpenError, TensorInfo, Tokenizer, limits};

/// One file of weights behind its validated header.
pub(in crate::checkpoint) struct Shard {
    path: PathBuf,
    owner: Owner,
    /// Where the file lies in its owner's bytes: all of them but for an aligned copy.
    place: Range<usize>,
    /// The validated header.
    pub(in crate::checkpoint) header: Header,
}

impl Shard {
    /// Maps a file and reads its header; `idx` becomes [`TensorInfo::file`].
    pub(in crate::checkpoint) fn open(path: &Path, idx: usize) -> Result<Self, OpenError> {
        let owner = map::map(path)?;
        let place = 0..(*owner).as_ref().len();
        Self::new(path, owner, place, idx)
    }

    fn new(path: &Path, owner: Owner, place: Range<usize>, idx: usize) -> Result<Self, OpenError> {
        let bytes = (*owner).as_ref().get(place.clone()).unwrap_or_default();
        if bytes.starts_with(b"version https://git-lfs") {
            return Err(OpenError::LfsPointer { path: path.to_owned() });
        }
        let header = Header::read(bytes, path, idx)?;
        Ok(Self { path: path.to_owned(), owner, place, header })
    }

    /// The whole file.
    pub(in crate::checkpoint) fn file(&self) -> &[u8] {
        (*self.owner).as_ref().get(self.place.clone()).unwrap_or_default()
    }

    /// The bytes of one of its tensors.
    pub(in crate::checkpoint) fn bytes(&self, tensor: &TensorInfo) -> Result<Bytes, OpenError> {
        let place = |at: usize| self.place.start.checked_add(at);
        place(tensor.range.start)
            .zip(place(tensor.range.end))
            .and_then(|(start, end)| Bytes::new(Owner::clone(&self.owner), start..end))
            .ok_or_else(|| OpenError::Truncated {
                path: self.path.clone(),
                needed: tensor.range.end as u64,
                found: self.file().len() as u64,
            })
    }

    /// What makes it this file and no other.
    pub(in crate::checkpoint) fn add_to(&self, fingerprint: &mut Fingerprint) {
        let file = self.file();
        let (header, weights) = file.split_at_checked(self.header.len).unwrap_or((file, &[]));
        fingerprint.whole(header);
        fingerprint.sampled(weights);
    }

    /// Whether the file has a tensor, be it a weight or not.
    pub(super) fn has(&self, name: &str) -> bool {
        let derived = &self.header.derived;
        self.header.tensors.binary_search_by(|tensor| tensor.name.as_str().cmp(name)).is_ok()
            || derived.binary_search_by(|other| other.as_str().cmp(name)).is_ok()
    }
}

/// What lies beside the weights.
pub(in crate::checkpoint) struct Beside {
    /// config.json as it stands.
    raw: Vec<u8>,
    config: Map<String, Value>,
    tokenizer: TokenizerFile,
    chat_template: Option<String>,
}

enum TokenizerFile {
    Path(PathBuf),
    Memory(&'static [u8]),
}

impl Beside {
    /// From the files of a folder; the tokenizer is read when it is asked for.
    pub(in crate::checkpoint) fn read(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join("config.json");
        if !map::exists(&path)? {
            return Err(OpenError::NoConfig { path: folder.to_owned() });
        }
        let raw = map::read(&path, "bytes of config.json", limits::CONFIG_BYTES)?;
        let config = object(&raw, &path, "config.json")?;
        let tokenizer = TokenizerFile::Path(folder.join("tokenizer.json"));
        Ok(Self { raw, config, tokenizer, chat_template: chat_template(folder)? })
    }
}

fn object(bytes: &[u8], path: &Path, what: &'static str) -> Result<Map<String, Value>, OpenError> {
    serde_json::from_slice(bytes).map_err(|source| OpenError::Json {
        path: path.to_owned(),
        what,
        source,
    })
}

/// chat_template.jinja, which newer tools write and prefer, or the template in tokenizer_config.json.
fn chat_template(folder: &Path) -> Result<Option<String>, OpenError> {
    let path = folder.join("chat_template.jinja");
    if map::exists(&path)? {
        let bytes = map::read(&path, "bytes of the chat template", limits::TEMPLATE_BYTES)?;
        let text = String::from_utf8(bytes).map_err(|error| OpenError::Field {
            path,
            field: "the chat template".to_owned(),
            found: format!("no UTF-8 at byte {}", error.utf8_error().valid_up_to()),
            allowed: "text".to_owned(),
        })?;
        return Ok(Some(text));
    }
    let path = folder.join("tokenizer_config.json");
    if !map::exists(&path)? {
        return Ok(None);
    }
    let bytes = map::read(&path, "bytes of tokenizer_config.json", limits::CONFIG_BYTES)?;
    let config = object(&bytes, &path, "tokenizer_config.json")?;
    let wrong = |found: &Value| OpenError::Field {
        path: path.clone(),
        field: "chat_template".to_owned(),
        found: quoted(&found.to_string()),
        allowed: "a text or a list of templates with `name` and `template`".to_owned(),
    };
    match config.get("chat_template") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Array(list)) => {
            for entry in list {
                let part = |key| entry.get(key).and_then(Value::as_str).ok_or_else(|| wrong(entry));
                if part("name")? == "default" {
                    return Ok(Some(part("template")?.to_owned()));
                }
            }
            Ok(None)
        }
        Some(other) => Err(wrong(other)),
    }
}

/// The tokenizer of a vocab.txt, and of the tokenizer_config.json beside it.
fn word_pieces(path: &Path) -> Result<Option<Tokenizer>, OpenError> {
    if !map::exists(path)? {
        return Ok(None);
    }
    let bytes = map::read(path, "bytes of vocab.txt", limits::TOKENIZER_BYTES)?;
    let beside = path.with_file_name("tokenizer_config.json");
    let config = if map::exists(&beside)? {
        let bytes = map::read(&beside, "bytes of tokenizer_config.json", limits::CONFIG_BYTES)?;
        object(&bytes, &beside, "tokenizer_config.json")?
    } else {
        Map::new()
    };
    Tokenizer::from_vocab_txt(&bytes, &config, path).map(Some)
}

/// Own exit heads: `exit.l.weight` and `exit.l.bias` for every depth l, with `pooling` in the metadata.
const EXIT_HEADS: &str = "exit_heads.safetensors";

/// The exit heads that lie in `folder`, as one more part behind `shards`.
pub(in crate::checkpoint) fn exit_heads(
    folder: &Path,
    shards: &[Shard],
) -> Result<Option<Shard>, OpenError> {
    let path = folder.join(EXIT_HEADS);
    let is_open = shards.iter().any(|shard| shard.path == path);
    if is_open || !map::exists(&path)? {
        Ok(None)
    } else {
        Shard::open(&path, shards.len()).map(Some)
    }
}

/// A configuration and the weights that belong to it.
pub(in crate::checkpoint) struct Bundle {
    format: &'static str,
    path: PathBuf,
    beside: Beside,
    shards: Vec<Shard>,
    tensors: Vec<TensorInfo>,
}

impl Bundle {
    /// Joins the headers; a name may be in one part only.
    pub(in crate::checkpoint) fn new(
        format: &'static str,
        path: &Path,
        beside: Beside,
        shards: Vec<Shard>,
    ) -> Result<Self, OpenError> {
        let mut tensors = Vec::new();
        let mut seen = BTreeSet::new();
        for shard in &shards {
            for tensor in &shard.header.tensors {
                if !seen.insert(tensor.name.as_str()) {
                    let tensor = quoted(&tensor.name);
                    return Err(OpenError::Duplicate { path: shard.path.clone(), tensor });
                }
                tensors.push(tensor.clone());
            }
        }
        if tensors.is_empty() || tensors.len() > limits::TENSORS {
            return Err(OpenError::Field {
                path: path.to_owned(),
                field: "the number of weights".to_owned(),
                found: tensors.len().to_string(),
                allowed: format!("1 to {}", limits::TENSORS),
            });
        }
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { format, path: path.to_owned(), beside, shards, tensors })
    }

    /// From the program's own memory; an empty tokenizer is none.
    pub(in crate::checkpoint) fn embedded(
        name: &str,
        config: &'static [u8],
        weights: &'static [u8],
        tokenizer: &'static [u8],
    ) -> Result<Self, OpenError> {
        let path = Path::new(name);
        if weights.is_empty() {
            return Err(OpenError::Empty { path: path.to_owned() });
        }
        let (owner, place) = map::aligned(weights);
        let shard = Shard::new(path, owner, place, 0)?;
        let beside = Beside {
            raw: config.to_vec(),
            config: object(config, path, "config.json")?,
            tokenizer: TokenizerFile::Memory(tokenizer),
            chat_template: None,
        };
        Self::new("embedded safetensors", path, beside, vec![shard])
    }
}

impl Checkpoint for Bundle {
    fn format(&self) -> &'static str {
        self.format
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn folder(&self) -> Option<&Path> {
        match &self.beside.tokenizer {
            TokenizerFile::Path(path) => path.parent(),
            TokenizerFile::Memory(_) => None,
        }
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn config(&self) -> &Map<String, Value> {
        &self.beside.config
    }

    fn metadata(&self, key: &str) -> Option<&str> {
        self.shards.iter().find_map(|shard| shard.header.metadata.get(key)).map(String::as_str)
    }

    fn bytes(&self, tensor: &TensorInfo) -> Result<Bytes, OpenError> {
        let shard = self.shards.get(tensor.file).ok_or_else(|| OpenError::Truncated {
            path: self.path.clone(),
            needed: tensor.range.end as u64,
            found: 0,
        })?;
        shard.bytes(tensor)
    }

    fn tokenizer(&self) -> Result<Option<Tokenizer>, OpenError> {
        match &self.beside.tokenizer {
            TokenizerFile::Memory([]) => Ok(None),
            TokenizerFile::Memory(bytes) => Tokenizer::from_hf_json(bytes, &self.path).map(Some),
            TokenizerFile::Path(path) => {
                if !map::exists(path)? {
                    return word_pieces(&path.with_file_name("vocab.txt"));
                }
                let bytes = map::read(path, "bytes of tokenizer.json", limits::TOKENIZER_BYTES)?;
                Tokenizer::from_hf_json(&bytes, path).map(Some)
            }
        }
    }

    fn preprocessor(&self) -> Result<Option<Map<String, Value>>, OpenError> {
        const NAME: &str = "preprocessor_config.json";
        let TokenizerFile::Path(tokenizer) = &self.beside.tokenizer else { return Ok(None) };
        let path = tokenizer.with_file_name(NAME);
        if !map::exists(&path)? {
            return Ok(None);
        }
        let bytes = map::read(&path, "bytes of preprocessor_config.json", limits::CONFIG_BYTES)?;
        object(&bytes, &path, NAME).map(Some)
    }

    fn chat_template(&self) -> Option<String> {
        self.beside.chat_template.clone()
    }

    /// generation_config.json says where texts end, in its absence config.json.
    fn marks(&self, tokenizer: &Tokenizer) -> Result<Marks, OpenError> {
        let beside = |name: &str, what, field| match &self.beside.tokenizer {
            TokenizerFile::Path(path) if map::exists(&path.with_file_name(name))? => {
                let path = path.with_file_name(name);
                object(&map::read(&path, what, limits::CONFIG_BYTES)?, &path, field)
            }
            TokenizerFile::Path(_) | TokenizerFile::Memory(_) => Ok(Map::new()),
        };
        let name = "generation_config.json";
        let generation = beside(name, "bytes of generation_config.json", name)?;
        let name = "tokenizer_config.json";
        let words = beside(name, "bytes of tokenizer_config.json", name)?;
        let ids = |config, key| marks::ids(config, key, &self.path);
        let own = ids(&self.beside.config, "eos_token_id")?;
        let ends = ids(&generation, "eos_token_id")?.or(own).unwrap_or_default();
        let spelt = |key: &str, id: Option<&u32>| {
            let known = || id.map(|id| tokenizer.piece(*id));
            marks::spelling(&words, key).or_else(known).unwrap_or_default()
        };
        let bos = ids(&self.beside.config, "bos_token_id")?.unwrap_or_default();
        let (bos, eos) = (spelt("bos_token", bos.first()), spelt("eos_token", ends.first()));
        Ok(Marks { ends, bos, eos })
    }

    fn size_bytes(&self) -> u64 {
        self.shards.iter().map(|shard| shard.file().len() as u64).sum()
    }

    fn fingerprint(&self) -> Result<String, OpenError> {
        let mut fingerprint = Fingerprint::default();
        // The same weights with another configuration are another network.
        fingerprint.whole(&self.beside.raw);
        self.shards.iter().for_each(|shard| shard.add_to(&mut fingerprint));
        Ok(fingerprint.finish())
    }
}
