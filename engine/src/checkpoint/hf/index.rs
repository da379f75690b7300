//! The index of a checkpoint in parts: which file holds which tensor, and that both say the same.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;

use super::bundle::Shard;
use crate::checkpoint::error::quoted;
use crate::checkpoint::{OpenError, limits, map};

/// The part of the index that is needed; its `total_size` is wrong in many published files.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Opens every part that the index names, sorted by name, and holds them against it.
pub(super) fn open(path: &Path, folder: &Path) -> Result<Vec<Shard>, OpenError> {
    let bytes = map::read(path, "bytes of the index", limits::INDEX_BYTES)?;
    let index: Index = serde_json::from_slice(&bytes).map_err(|source| OpenError::Json {
        path: path.to_owned(),
        what: "the index",
        source,
    })?;
    let mut tensors_of_shard: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (tensor, shard) in &index.weight_map {
        tensors_of_shard.entry(shard).or_default().push(tensor);
    }
    if tensors_of_shard.is_empty() {
        return Err(field(path, "the index's weight_map", "empty", "a file for every tensor"));
    }
    if tensors_of_shard.len() > limits::SHARDS {
        return Err(OpenError::TooMuch {
            path: path.to_owned(),
            what: "parts",
            found: tensors_of_shard.len() as u64,
            allowed: limits::SHARDS as u64,
        });
    }
    // Every name before any file: a name that leaves the folder is never touched.
    for shard in tensors_of_shard.keys() {
        if !is_plain(shard) {
            let allowed = "the plain name of a .safetensors file in the same folder";
            return Err(field(path, "a part's name", &format!("`{}`", quoted(shard)), allowed));
        }
    }
    for shard in tensors_of_shard.keys() {
        if !map::exists(&folder.join(shard))? {
            let shard = (*shard).to_owned();
            return Err(OpenError::MissingShard { path: path.to_owned(), shard });
        }
    }
    for name in super::names(folder)? {
        if let Some(name) = name.to_str()
            && is_numbered(name)
            && !tensors_of_shard.contains_key(name)
        {
            let shard = name.to_owned();
            return Err(OpenError::ExtraShard { path: path.to_owned(), shard });
        }
    }
    let mut shards = Vec::with_capacity(tensors_of_shard.len());
    for (idx, (name, promised)) in tensors_of_shard.iter().enumerate() {
        let shard = Shard::open(&folder.join(name), idx)?;
        compare(&shard, promised, name, path)?;
        shards.push(shard);
    }
    Ok(shards)
}

/// The same tensors in the index and in the part; `promised` is sorted.
fn compare(shard: &Shard, promised: &[&str], name: &str, path: &Path) -> Result<(), OpenError> {
    let path = path.to_owned();
    let shard_name = name.to_owned();
    if let Some(missing) = promised.iter().find(|tensor| !shard.has(tensor)) {
        let tensor = quoted(missing);
        return Err(OpenError::NotInShard { path, tensor, shard: shard_name });
    }
    let extra = shard
        .header
        .tensors
        .iter()
        .find(|tensor| promised.binary_search(&tensor.name.as_str()).is_err());
    if let Some(extra) = extra {
        let tensor = quoted(&extra.name);
        return Err(OpenError::NotInIndex { path, tensor, shard: shard_name });
    }
    Ok(())
}

fn field(path: &Path, field: &str, found: &str, allowed: &str) -> OpenError {
    OpenError::Field {
        path: path.to_owned(),
        field: field.to_owned(),
        found: found.to_owned(),
        allowed: allowed.to_owned(),
    }
}

/// Whether a name stays inside its folder, on every system: `\` and `:` mean nothing here but do elsewhere.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let one = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    one && !name.contains(['/', '\\', ':', '\0']) && has_extension(name)
}

fn has_extension(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == "safetensors")
}

/// Whether a name is one of a series, as model-00001-of-00003.safetensors.
fn is_numbered(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("model-") else { return false };
    let Some((number, count)) =
        rest.strip_suffix(".safetensors").and_then(|r| r.split_once("-of-"))
    else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(number) && digits(count)
}
