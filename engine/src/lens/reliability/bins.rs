//! Rows in bins of how sure they are.

/// How bins are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binning {
    /// Equally wide parts of 0..=1; a value on an edge belongs to the upper bin, 1 to the last.
    Width,
    /// Parts with equally many rows, as far as equal values, which stay together, allow.
    Mass,
}

/// Rows that are about equally sure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bin {
    /// Where it begins and ends; of equal count: its least and largest value.
    pub(super) edges: [f64; 2],
    pub(super) num: u64,
    sum: f64,
    num_right: u64,
}

impl Bin {
    fn empty(edges: [f64; 2]) -> Self {
        Self { edges, num: 0, sum: 0.0, num_right: 0 }
    }

    fn take(&mut self, confidence: f32, is_right: bool) {
        self.num += 1;
        self.sum += f64::from(confidence);
        self.num_right += u64::from(is_right);
    }

    /// Mean max probability; `None` where it is empty.
    pub(super) fn confidence(&self) -> Option<f64> {
        (self.num > 0).then(|| self.sum / self.num as f64)
    }

    /// Share that is right; `None` where it is empty.
    pub(super) fn right(&self) -> Option<f64> {
        (self.num > 0).then(|| self.num_right as f64 / self.num as f64)
    }
}

/// Bins of rows, each a confidence in 0..=1 (never NaN) and whether it is right. They are put in order first, so that sums do
/// not depend on the order of rows. Of equal count: fewer than `num` where there are fewer different values.
pub(super) fn bins(mut rows: Vec<(f32, bool)>, num: usize, binning: Binning) -> Vec<Bin> {
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let num = num.max(1);
    match binning {
        Binning::Width => {
            let edge = |idx: usize| idx as f64 / num as f64;
            let mut bins: Vec<_> =
                (0..num).map(|idx| Bin::empty([edge(idx), edge(idx + 1)])).collect();
            for (confidence, is_right) in rows {
                let value = f64::from(confidence);
                let after = bins.partition_point(|bin| bin.edges[0] <= value);
                if let Some(bin) = bins.get_mut(after.saturating_sub(1)) {
                    bin.take(confidence, is_right);
                }
            }
            bins
        }
        Binning::Mass => {
            let mut bins: Vec<Bin> = Vec::new();
            let (count, mut current, mut before) = (rows.len(), usize::MAX, f32::NAN);
            for (rank, (confidence, is_right)) in rows.into_iter().enumerate() {
                let wanted = rank.saturating_mul(num) / count;
                // Equal values stay where the first of them is.
                if wanted != current && confidence != before {
                    bins.push(Bin::empty([f64::from(confidence); 2]));
                    current = wanted;
                }
                before = confidence;
                if let Some(bin) = bins.last_mut() {
                    bin.edges[1] = f64::from(confidence);
                    bin.take(confidence, is_right);
                }
            }
            bins
        }
    }
}

/// Expected calibration error: the distance of what is right from how sure it is, in the mean over rows,
/// `sum over bins of n_b / n |right_b - confidence_b|` (Guo et al. 2017, eq. 5); `None` without rows.
pub(super) fn calibration_error(bins: &[Bin]) -> Option<f64> {
    let num: u64 = bins.iter().map(|bin| bin.num).sum();
    let distance = |bin: &Bin| Some((bin.right()? - bin.confidence()?).abs() * bin.num as f64);
    (num > 0).then(|| bins.iter().filter_map(distance).sum::<f64>() / num as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_small_case_by_hand() {
        // 0.1 of 2 bins: [0, .5) holds .25 (wrong) and .375 (right), [.5, 1] holds .5, .75 and 1 (right, wrong, right).
        let rows = vec![(1.0, true), (0.25, false), (0.5, true), (0.375, true), (0.75, false)];
        let found = bins(rows.clone(), 2, Binning::Width);
        assert_eq!(found.iter().map(|bin| bin.num).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(found[0].confidence(), Some(0.3125));
        assert_eq!(found[0].right(), Some(0.5));
        assert_eq!(found[1].confidence(), Some(0.75));
        // (2 * |.5 - .3125| + 3 * |2/3 - .75|) / 5 = (.375 + .25) / 5.
        let error = calibration_error(&found).unwrap();
        assert!((error - 0.125).abs() < 1e-12, "{error}");
        // Equal count: 5 rows in 2 bins are 3 and 2.
        let found = bins(rows, 2, Binning::Mass);
        let told: Vec<_> = found.iter().map(|bin| (bin.num, bin.edges)).collect();
        assert_eq!(told, [(3, [0.25, 0.5]), (2, [0.75, 1.0])]);
        assert_eq!(calibration_error(&bins(Vec::new(), 10, Binning::Mass)), None);
        assert_eq!(calibration_error(&bins(Vec::new(), 10, Binning::Width)), None);
    }

    #[test]
    fn equal_values_stay_together() {
        let rows: Vec<_> =
            (0..30).map(|row| (if row < 20 { 0.5 } else { 0.75 }, row % 2 == 0)).collect();
        let found = bins(rows, 10, Binning::Mass);
        assert_eq!(found.iter().map(|bin| bin.num).collect::<Vec<_>>(), [20, 10]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn bins_are_everything_once_in_any_order(
            rows in proptest::collection::vec((0_u16..=64, any::<bool>()), 0..200),
            num in 1_usize..50,
            is_mass in any::<bool>(),
        ) {
            let binning = if is_mass { Binning::Mass } else { Binning::Width };
            let rows: Vec<_> = rows.into_iter().map(|(c, r)| (f32::from(c) / 64.0, r)).collect();
            let found = bins(rows.clone(), num, binning);
            prop_assert_eq!(found.iter().map(|bin| bin.num).sum::<u64>(), rows.len() as u64);
            prop_assert!(found.len() <= num);
            let right = rows.iter().filter(|row| row.1).count() as f64;
            let told: f64 = found.iter().filter_map(|b| Some(b.right()? * b.num as f64)).sum();
            prop_assert!((right - told).abs() < 1e-9);
            for bin in found.iter().filter(|bin| bin.num > 0) {
                let mean = bin.confidence().unwrap();
                prop_assert!(bin.edges[0] <= mean && mean <= bin.edges[1]);
            }
            prop_assert!(found.windows(2).all(|pair| pair[0].edges[1] <= pair[1].edges[0]));
            let turned = bins(rows.into_iter().rev().collect(), num, binning);
            prop_assert_eq!(found, turned);
        }
    }
}
