//! Where an interrupted run is taken up again: weights, moments, course and log in one file, replaced as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use candle_core::{DType, Tensor};
use safetensors::SafeTensors;

use super::TrainError;
use super::course::Course;
use super::files::{Stored, replace, write_tensors};
use super::teacher::Teacher;

pub(crate) const FILE: &str = "resume.safetensors";
/// The log so far, for whoever watches; the last line is the step that `FILE` continues from.
pub(crate) const LOG: &str = "training.log";

/// What a run must have in common with the file to be continued from it.
fn identity(teacher: &Teacher) -> String {
    format!("seed {}, {:?}", teacher.seed, teacher.recipe)
}

/// Saves `teacher` so that `load` continues from here.
pub(crate) fn save(teacher: &Teacher, folder: &Path) -> Result<(), TrainError> {
    let mut stored = BTreeMap::new();
    for (idx, (name, var)) in teacher.network.named().iter().enumerate() {
        stored.insert(format!("first.{name}"), Stored::single(&teacher.adam.first[idx])?);
        stored.insert(format!("second.{name}"), Stored::single(&teacher.adam.second[idx])?);
        stored.insert(format!("weight.{name}"), Stored::single(var.as_tensor())?);
    }
    let Course { reached, mastery } = teacher.course;
    let mut place = Vec::new();
    place.extend((teacher.step as u64).to_le_bytes());
    place.extend((reached as u64).to_le_bytes());
    place.extend(mastery.to_le_bytes());
    stored.insert("place".to_owned(), Stored::bytes(place));
    stored.insert("identity".to_owned(), Stored::bytes(identity(teacher).into_bytes()));
    stored.insert("log".to_owned(), Stored::bytes(teacher.log.clone().into_bytes()));
    write_tensors(&folder.join(FILE), stored)?;
    replace(&folder.join(LOG), teacher.log.as_bytes())
}

/// Brings `teacher` to where a run in `folder` was interrupted; leaves it at its beginning if there was none.
pub(crate) fn load(teacher: &mut Teacher, folder: &Path) -> Result<(), TrainError> {
    let path = folder.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(TrainError::Io { path, source }),
    };
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|source| TrainError::Tensors { path: path.clone(), source })?;
    let bytes_of = |name: &str| -> Result<&[u8], TrainError> {
        let found = tensors.tensor(name);
        let tensor = found.map_err(|source| TrainError::Tensors { path: path.clone(), source })?;
        Ok(tensor.data())
    };
    if bytes_of("identity")? != identity(teacher).as_bytes() {
        return Err(TrainError::OtherRun { path });
    }
    let read = |name: String, like: &Tensor| -> Result<Tensor, TrainError> {
        let bytes = bytes_of(&name)?;
        Ok(Tensor::from_raw_buffer(bytes, DType::F32, like.dims(), like.device())?)
    };
    for (idx, (name, var)) in teacher.network.named().iter().enumerate() {
        var.set(&read(format!("weight.{name}"), var)?)?;
        teacher.adam.first[idx] = read(format!("first.{name}"), var)?;
        teacher.adam.second[idx] = read(format!("second.{name}"), var)?;
    }
    let place = bytes_of("place")?;
    let (numbers, _) = place.as_chunks::<8>();
    let &[step, reached, mastery] = numbers else {
        return Err(TrainError::OtherRun { path });
    };
    let whole = |bytes| usize::try_from(u64::from_le_bytes(bytes)).unwrap_or(usize::MAX);
    teacher.step = whole(step);
    teacher.course = Course { reached: whole(reached), mastery: f64::from_le_bytes(mastery) };
    teacher.log = String::from_utf8_lossy(bytes_of("log")?).into_owned();
    Ok(())
}

/// Forgets the place: the run is finished.
pub(crate) fn forget(folder: &Path) -> Result<(), TrainError> {
    let path = folder.join(FILE);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(TrainError::Io { path, source }),
        _ => Ok(()),
    }
}
