//! A run of a tiny network learns, stops, goes on, and writes what it says.

use std::fs;

use super::*;
use crate::job::CancelSwitch;
use crate::train::grammar::Set;

fn tiny(steps: usize) -> Recipe {
    let shape = Shape {
        vocabulary: Vocabulary::of_the_grammar().len(),
        width: 16,
        inner: 24,
        blocks: 2,
        heads: 2,
        context: 48,
    };
    Recipe {
        shape,
        steps,
        warm_up: 1,
        rate: 1e-2,
        hop_rows: 3,
        letter_steps: 3,
        other_rows: 2,
        other_weight: 0.5,
        most_skipped: 0.3,
        save_every: 2,
    }
}

fn weights(teacher: &Teacher) -> Vec<Vec<f32>> {
    let flat = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
    teacher.network.named().iter().map(|(_, var)| flat(var)).collect()
}

#[test]
fn a_cancelled_run_ends_as_cancelled_before_its_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let switch = CancelSwitch::default();
    let thrown = switch.clone();
    let job = Job::new(switch, move |progress| {
        if progress.done == 3 {
            thrown.cancel();
        }
    });
    let mut teacher = Teacher::new(tiny(6), 5).unwrap();
    let ended = teacher.teach(folder.path(), &job);
    assert!(matches!(ended, Err(TrainError::Cancelled(_))));
    assert_eq!(teacher.step, 4);
}

#[test]
fn a_run_that_was_interrupted_ends_with_the_same_weights_and_log() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let job = Job::unattended();
    let mut uninterrupted = Teacher::new(tiny(6), 5).unwrap();
    let before = weights(&uninterrupted);
    uninterrupted.teach(whole.path(), &job).unwrap();
    assert_ne!(weights(&uninterrupted), before);

    let mut first = Teacher::new(tiny(6), 5).unwrap();
    let switch = CancelSwitch::default();
    let thrown = switch.clone();
    let cancelling = Job::new(switch, move |progress| {
        if progress.done == 3 {
            thrown.cancel();
        }
    });
    first.teach(parts.path(), &cancelling).unwrap_err();
    let mut second = Teacher::new(tiny(6), 5).unwrap();
    resume::load(&mut second, parts.path()).unwrap();
    assert_eq!(second.step, 4);
    second.teach(parts.path(), &job).unwrap();
    assert_eq!(weights(&second), weights(&uninterrupted));
    assert_eq!(second.log, uninterrupted.log);
    let log = |folder: &Path| fs::read_to_string(folder.join(resume::LOG)).unwrap();
    assert_eq!(log(parts.path()), log(whole.path()));
}

#[test]
fn another_seed_does_not_continue_a_run() {
    let folder = tempfile::tempdir().unwrap();
    Teacher::new(tiny(2), 5).unwrap().teach(folder.path(), &Job::unattended()).unwrap();
    let mut other = Teacher::new(tiny(2), 6).unwrap();
    let refused = resume::load(&mut other, folder.path());
    assert!(matches!(refused, Err(TrainError::OtherRun { .. })));
    assert_eq!(other.step, 0);
}

#[test]
fn a_broken_place_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("resume.safetensors"), b"not tensors").unwrap();
    let refused = resume::load(&mut Teacher::new(tiny(2), 5).unwrap(), folder.path());
    assert!(matches!(refused, Err(TrainError::Tensors { .. })));
}

#[test]
fn the_loss_on_one_repeated_batch_falls() {
    let mut teacher = Teacher::new(tiny(1), 5).unwrap();
    let mut rng = numbers(9, 0);
    let samples: Vec<_> = (0..4).map(|_| Sample::draw(HOPS, 1, Set::Taught, &mut rng)).collect();
    let batch = Batch::new(&samples, &teacher.vocabulary).unwrap();
    let mut losses = Vec::new();
    for step in 0..30 {
        let outcome = early_exit_loss(&teacher.network, &batch, &[]).unwrap();
        losses.push(outcome.loss.to_scalar::<f32>().unwrap());
        let grads = outcome.loss.backward().unwrap();
        teacher.adam.step(teacher.network.named(), &grads, step, 1e-2).unwrap();
    }
    assert!(losses[29] < 0.6 * losses[0], "{losses:?}");
}

#[test]
fn every_weight_has_a_gradient() {
    let teacher = Teacher::new(tiny(1), 5).unwrap();
    let samples = kept_back(5, 0, |_| 1);
    let batch = Batch::new(&samples, &teacher.vocabulary).unwrap();
    let loss = early_exit_loss(&teacher.network, &batch, &[]).unwrap().loss;
    let grads = loss.backward().unwrap();
    for (name, var) in teacher.network.named() {
        assert!(grads.get(var.as_tensor()).is_some(), "{name}");
    }
}

#[test]
fn the_finite_difference_of_the_loss_is_its_gradient() {
    let teacher = Teacher::new(tiny(1), 5).unwrap();
    let samples = kept_back(5, 0, |_| 1);
    let batch = Batch::new(&samples, &teacher.vocabulary).unwrap();
    let loss = || early_exit_loss(&teacher.network, &batch, &[]).unwrap().loss;
    let value = || f64::from(loss().to_scalar::<f32>().unwrap());
    let grads = loss().backward().unwrap();
    for (name, var) in teacher.network.named() {
        // Along the gradient itself the slope is its squared length.
        let grad = grads.get(var.as_tensor()).unwrap().detach();
        let square = f64::from(grad.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap());
        let small = 1e-2 / square.sqrt().max(1e-3);
        let old = var.as_detached_tensor().copy().unwrap();
        var.set(&(&old + (&grad * small).unwrap()).unwrap()).unwrap();
        let above = value();
        var.set(&(&old - (&grad * small).unwrap()).unwrap()).unwrap();
        let below = value();
        var.set(&old).unwrap();
        let slope = (above - below) / (2.0 * small);
        assert!((slope - square).abs() < 0.05 * square + 1e-4, "{name}: {slope} against {square}");
    }
}
