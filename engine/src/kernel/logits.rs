//! The statistics of logits that are there as a whole: few rows, few classes.
//!
//! Definitions: `signal`. The sums are those of the tiled readout with a single tile.

use crate::job::{Cancelled, Job};
use crate::kernel::machine::fastest;
use crate::kernel::readout::{Absorb, Readouts, Request};
use crate::kernel::tally::Tally;
use crate::signal::NO_TOKEN;

/// `request.streams` are the logits of each depth, [rows, classes]. Cancel is looked at between rows.
pub(crate) fn of_logits(
    request: Request<'_>,
    classes: usize,
    job: &Job,
) -> Result<Readouts, Cancelled> {
    let (depths, rows) = (request.streams.len(), request.next.len());
    let mut out = Readouts::absent(depths * rows);
    let mut weights = vec![0.0; 3 * classes];
    for (row, &next) in request.next.iter().enumerate() {
        job.check()?;
        let logits = |depth: usize| &request.streams[depth][row * classes..][..classes];
        let mut tallies = vec![Tally::new(NO_TOKEN); depths];
        for (depth, tally) in tallies.iter_mut().enumerate().filter(|_| next != NO_TOKEN) {
            tally.next = logits(depth).get(next as usize).copied().unwrap_or(f32::NAN);
        }
        let (tallies_of_row, weights) = (&mut tallies[..], &mut weights[..]);
        fastest(Absorb { tallies: tallies_of_row, logits, weights, first: 0, next });
        out.put_token(row, &tallies, request);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{Bytes, DType};
    use crate::kernel::matrix::Matrix;
    use crate::kernel::readout::{Head, readout};
    use crate::signal::Depth;
    use std::sync::Arc;

    #[test]
    fn they_are_those_of_a_head_that_changes_nothing() {
        for classes in [1, 2, 7, 1500] {
            let logits = |step: f32| -> Vec<f32> {
                (0..3 * classes).map(|i| (i as f32 * step).sin() * 4.0).collect()
            };
            let streams = [logits(0.7), logits(1.3), logits(0.2)];
            let streams: Vec<&[f32]> = streams.iter().map(Vec::as_slice).collect();
            let next = [0, NO_TOKEN, u32::try_from(classes).unwrap() - 1];
            let raw: Vec<u8> = (0..classes * classes)
                .map(|at| f32::from(at / classes == at % classes))
                .flat_map(f32::to_le_bytes)
                .collect();
            let len = raw.len();
            let bytes = Bytes::new(Arc::new(raw), 0..len).unwrap();
            let matrix = Matrix::new(bytes, DType::F32, classes, classes).unwrap();
            let head = Head { norm: None, matrix: &matrix, bias: None, cap: None };
            let job = Job::unattended();
            for last_is_final in [true, false] {
                let depths = &[4, 5, 6].map(Depth);
                let request = Request { depths, streams: &streams, next: &next, last_is_final };
                let (got, want) =
                    (of_logits(request, classes, &job).unwrap(), readout(head, request, &job));
                let want = want.unwrap();
                assert_eq!(got.top_ids, want.top_ids);
                let pairs = [
                    (&got.max_prob, &want.max_prob),
                    (&got.margin, &want.margin),
                    (&got.entropy, &want.entropy),
                    (&got.kl, &want.kl),
                    (&got.kl_prev, &want.kl_prev),
                    (&got.prob_step, &want.prob_step),
                    (&got.nll, &want.nll),
                    (&got.rank, &want.rank),
                ];
                for (got, want) in pairs.into_iter().flat_map(|(g, w)| g.iter().zip(w)) {
                    assert_eq!(got.is_nan(), want.is_nan());
                    assert!(got.is_nan() || (got - want).abs() < 1e-5, "{got} {want}");
                }
            }
        }
    }
}
