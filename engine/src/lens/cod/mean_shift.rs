//! Clusters of bounded radius and least size: mean-shift with a flat kernel, again and again over what is left.
//!
//! The paper names an "improved mean-shift" without giving its inside; the concrete form is ours. Repeat: shift from
//! every free point to the mean of the free points within R until nothing moves; of modes closer than R/2 keep the
//! denser; each free point within R of a mode belongs to the nearest; a mode with enough of them is a cluster. Stop
//! when none is. Then points that are left within R of a cluster's mean join the nearest.
//!
//! The points are put in an order of their own first, so the order in which they come changes nothing but places.

use std::cmp::Ordering;

use rayon::prelude::*;

/// A trajectory stands still long before; a flat kernel on finitely many points cannot go on forever, but rounding
/// could.
const MOST_SHIFTS: usize = 200;

/// Clusters, largest first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clusters {
    /// The cluster of every point; `None` for outliers.
    pub(super) of_point: Vec<Option<usize>>,
    /// Points of every cluster, rising.
    pub(super) members: Vec<Vec<usize>>,
}

/// Points in their own order, with the length of each along the diagonal: two points are at least as far apart as
/// these, so that most distances need not be computed.
struct Cloud<'a> {
    points: Vec<&'a [f64]>,
    along: Vec<f64>,
    is_free: Vec<bool>,
    radius: f64,
}

struct Mode {
    at: Vec<f64>,
    density: usize,
}

/// `points`: `[point][dimension]`, finite, of one length; `radius` in their units.
pub(super) fn cluster(points: &[Vec<f64>], radius: f64, least_size: usize) -> Clusters {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| match (points.get(*a), points.get(*b)) {
        (Some(a), Some(b)) => diagonal(a).total_cmp(&diagonal(b)).then_with(|| lexical(a, b)),
        _ => Ordering::Equal,
    });
    let sorted: Vec<&[f64]> =
        order.iter().filter_map(|idx| Some(points.get(*idx)?.as_slice())).collect();
    let mut cloud = Cloud {
        along: sorted.iter().map(|point| diagonal(point)).collect(),
        is_free: vec![true; sorted.len()],
        points: sorted,
        radius,
    };
    let mut found = Vec::new();
    loop {
        let accepted = cloud.accept(least_size.max(1));
        if accepted.is_empty() {
            break;
        }
        found.extend(accepted);
    }
    cloud.join_leftovers(&mut found);
    let mut members = found;
    // Largest first; of equals the one whose first point comes first in the points' own order.
    for places in &mut members {
        places.sort_unstable();
    }
    members.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.first().cmp(&b.first())));
    let mut of_point = vec![None; points.len()];
    for (label, places) in members.iter_mut().enumerate() {
        *places = places.iter().filter_map(|place| order.get(*place).copied()).collect();
        places.sort_unstable();
        for idx in places {
            if let Some(slot) = of_point.get_mut(*idx) {
                *slot = Some(label);
            }
        }
    }
    Clusters { of_point, members }
}

impl Cloud<'_> {
    /// One round: clusters of free points, which are free no more.
    fn accept(&mut self, least_size: usize) -> Vec<Vec<usize>> {
        let modes = self.modes();
        let mut members = vec![Vec::new(); modes.len()];
        for (place, point) in self.points.iter().enumerate() {
            if self.is_free.get(place) == Some(&true)
                && let Some(nearest) = nearest(point, modes.iter().map(|m| &m.at), self.radius)
                && let Some(places) = members.get_mut(nearest)
            {
                places.push(place);
            }
        }
        members.retain(|places| places.len() >= least_size);
        for place in members.iter().flatten() {
            if let Some(is_free) = self.is_free.get_mut(*place) {
                *is_free = false;
            }
        }
        members
    }

    /// Where trajectories end, densest first, none within R/2 of a denser one.
    fn modes(&self) -> Vec<Mode> {
        let free = (0..self.points.len()).filter(|place| self.is_free.get(*place) == Some(&true));
        let mut starts: Vec<usize> = free.collect();
        // Equal points end alike; in this order they stand side by side.
        starts.dedup_by(|a, b| self.points.get(*a) == self.points.get(*b));
        let mut modes: Vec<Mode> = starts
            .into_par_iter()
            .filter_map(|place| self.climb(self.points.get(place)?))
            .collect();
        modes.sort_by(|a, b| b.density.cmp(&a.density).then_with(|| lexical(&a.at, &b.at)));
        let mut kept: Vec<Mode> = Vec::new();
        for mode in modes {
            if nearest(&mode.at, kept.iter().map(|m| &m.at), self.radius / 2.0).is_none() {
                kept.push(mode);
            }
        }
        kept
    }

    fn climb(&self, start: &[f64]) -> Option<Mode> {
        let mut mode = self.mean_around(start)?;
        for _ in 0..MOST_SHIFTS {
            let next = self.mean_around(&mode.at)?;
            if next.at == mode.at {
                break;
            }
            mode = next;
        }
        Some(mode)
    }

    /// Mean of the free points within the radius and their number; `None` where there is none.
    fn mean_around(&self, at: &[f64]) -> Option<Mode> {
        let here = diagonal(at);
        // A hair more, since rounding may put a point at the very edge outside.
        let reach = self.radius * (1.0 + 1e-9);
        let from = self.along.partition_point(|along| *along < here - reach);
        let to = self.along.partition_point(|along| *along <= here + reach);
        let mut sum = vec![0.0; at.len()];
        let mut density = 0_usize;
        for place in from..to {
            let Some(point) = self.points.get(place) else {
                continue;
            };
            if self.is_free.get(place) == Some(&true) && is_within(at, point, self.radius) {
                density += 1;
                for (sum, value) in sum.iter_mut().zip(*point) {
                    *sum += value;
                }
            }
        }
        for sum in &mut sum {
            *sum /= density as f64;
        }
        (density > 0).then_some(Mode { at: sum, density })
    }

    fn join_leftovers(&self, clusters: &mut [Vec<usize>]) {
        let mean = |places: &Vec<usize>| {
            let mut mean: Vec<f64> = Vec::new();
            for point in places.iter().filter_map(|place| self.points.get(*place)) {
                mean.resize(point.len(), 0.0);
                for (mean, value) in mean.iter_mut().zip(*point) {
                    *mean += value / places.len() as f64;
                }
            }
            mean
        };
        let means: Vec<Vec<f64>> = clusters.iter().map(mean).collect();
        for (place, point) in self.points.iter().enumerate() {
            if self.is_free.get(place) == Some(&true)
                && let Some(nearest) = nearest(point, means.iter(), self.radius)
                && let Some(places) = clusters.get_mut(nearest)
            {
                places.push(place);
            }
        }
    }
}

/// Sum over √n: the length along the diagonal.
fn diagonal(point: &[f64]) -> f64 {
    point.iter().sum::<f64>() / (point.len().max(1) as f64).sqrt()
}

fn lexical(a: &[f64], b: &[f64]) -> Ordering {
    let orders = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn is_within(a: &[f64], b: &[f64], radius: f64) -> bool {
    squared_distance(a, b) <= radius * radius
}

/// The nearest of some places that is no farther than the radius; of equals the first.
fn nearest<'a>(
    point: &[f64],
    places: impl Iterator<Item = &'a Vec<f64>>,
    radius: f64,
) -> Option<usize> {
    let distances = places.map(|place| squared_distance(point, place)).enumerate();
    let near = distances.filter(|(_, distance)| *distance <= radius * radius);
    near.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(idx, _)| idx)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blob(center: [f64; 3], num: usize, spread: f64) -> Vec<Vec<f64>> {
        let offset = |i: usize, d: usize| ((i * (7 + 4 * d)) % 11) as f64 / 10.0 - 0.5;
        (0..num).map(|i| (0..3).map(|d| center[d] + spread * offset(i, d)).collect()).collect()
    }

    #[test]
    fn blobs_are_found_and_what_lies_between_is_left_out() {
        let mut points = blob([0.1, 0.2, 0.3], 30, 0.1);
        points.extend(blob([0.8, 0.8, 0.9], 20, 0.1));
        points.extend(blob([0.5, 0.0, 1.0], 4, 0.1));
        let found = cluster(&points, 0.2, 10);
        let sizes: Vec<usize> = found.members.iter().map(Vec::len).collect();
        assert_eq!(sizes, [30, 20]);
        assert_eq!(found.of_point.iter().filter(|label| label.is_none()).count(), 4);
        assert_eq!(found.of_point[0], Some(0));
        assert_eq!(found.of_point[40], Some(1));
    }

    #[test]
    fn nothing_and_too_little_have_no_cluster() {
        assert_eq!(cluster(&[], 0.2, 10).members.len(), 0);
        let few = cluster(&blob([0.5; 3], 9, 0.1), 0.2, 10);
        assert_eq!((few.members.len(), few.of_point), (0, vec![None; 9]));
        assert_eq!(cluster(&vec![Vec::new(); 12], 0.2, 10).members.len(), 1);
    }

    fn clouds() -> impl Strategy<Value = Vec<Vec<f64>>> {
        // Coarse values, so that equal points and equal distances occur.
        let value = (0..=20_u32).prop_map(|step| f64::from(step) / 20.0);
        proptest::collection::vec(proptest::collection::vec(value, 3), 0..120)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn clusters_and_outliers_part_the_points_within_size_and_radius(
            points in clouds(), radius in 0.05..0.6_f64, least in 1..12_usize
        ) {
            let found = cluster(&points, radius, least);
            let outliers = found.of_point.iter().filter(|label| label.is_none()).count();
            let clustered: usize = found.members.iter().map(Vec::len).sum();
            prop_assert_eq!(clustered + outliers, points.len());
            for (label, members) in found.members.iter().enumerate() {
                prop_assert!(members.len() >= least);
                prop_assert!(members.iter().all(|m| found.of_point[*m] == Some(label)));
                // Within R of the mode, or of the mean before the last joined; so two are never farther than that.
                for a in members {
                    for b in members {
                        let apart = squared_distance(&points[*a], &points[*b]).sqrt();
                        prop_assert!(apart <= 4.0 * radius + 1e-9);
                    }
                }
            }
        }

        #[test]
        fn the_order_of_points_changes_only_their_places(points in clouds(), turn in 0..120_usize) {
            let num = points.len();
            let moved = |idx: usize| (idx * 7 + turn) % num.max(1);
            prop_assume!(num % 7 != 0);
            let mut other = points.clone();
            for (idx, point) in points.iter().enumerate() {
                other[moved(idx)].clone_from(point);
            }
            let (a, b) = (cluster(&points, 0.3, 4), cluster(&other, 0.3, 4));
            for idx in 0..num {
                prop_assert_eq!(a.of_point[idx], b.of_point[moved(idx)]);
            }
        }
    }
}
