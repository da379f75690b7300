//! Small training runs of our own.
//!
//! A run has a name, a recipe and a seed, and leaves an ordinary checkpoint folder with its card and its log.
//! Must not know: lenses, windows.

mod adam;
mod batch;
mod card;
mod course;
mod default;
mod device;
mod error;
mod evaluate;
mod files;
mod folder;
mod grammar;
mod loss;
mod network;
mod resume;
mod tally;
mod teacher;
mod vocabulary;

pub(crate) use error::TrainError;

use std::path::Path;

use crate::job::Job;

/// Every run, in the order in which they are listed.
pub(crate) static RUNS: &[&dyn Run] = &[&default::RUN];

/// A training run that can be asked for by name.
pub(crate) trait Run: Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// Trains into `folder`, which exists; goes on where an earlier call was interrupted.
    fn train(&self, folder: &Path, seed: u64, job: &Job) -> Result<(), TrainError>;
}

/// Trains the run called `name` into `folder`, which holds nothing else; the same seed gives the same weights.
pub(crate) fn run(name: &str, folder: &Path, seed: u64, job: &Job) -> Result<(), TrainError> {
    let Some(run) = RUNS.iter().find(|run| run.name() == name) else {
        let allowed = RUNS.iter().map(|run| run.name()).collect();
        return Err(TrainError::Unknown { found: name.to_owned(), allowed });
    };
    folder::claim(folder)?;
    run.train(folder, seed, job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_run_is_refused_with_the_known_ones_and_leaves_no_folder() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("out");
        let error = run("deflaut", &folder, 1, &Job::unattended()).unwrap_err();
        assert_eq!(error.to_string(), "there is no training run `deflaut`; known: default");
        assert!(!folder.exists());
    }

    #[test]
    fn names_of_runs_are_unique() {
        let mut names: Vec<_> = RUNS.iter().map(|run| run.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RUNS.len());
    }
}
