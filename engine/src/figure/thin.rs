//! Fewer points for a line that has more of them than a picture has columns of pixels.

/// At most four points (first, lowest, highest, last) for each of `columns` slices of `from..=to`, in their order, and
/// one NaN per gap: on the screen the same line. Unchanged where x does not rise or where nothing would be saved.
pub fn thin_line(points: &[[f64; 2]], from: f64, to: f64, columns: usize) -> Vec<[f64; 2]> {
    let width = (to - from) / columns.max(1) as f64;
    let finite = points.iter().filter(|point| is_finite(point));
    let rises = finite.clone().zip(finite.skip(1)).all(|(a, b)| a[0] <= b[0]);
    if points.len() <= 4 * columns || width <= 0.0 || !width.is_finite() || !rises {
        return points.to_vec();
    }
    let slice = |point: &[f64; 2]| ((point[0] - from) / width).floor();
    let mut thinned = Vec::new();
    for group in points
        .chunk_by(|a, b| is_finite(a) == is_finite(b) && (!is_finite(a) || slice(a) == slice(b)))
    {
        thin_slice(group, &mut thinned);
    }
    thinned
}

fn is_finite(point: &[f64; 2]) -> bool {
    point[0].is_finite() && point[1].is_finite()
}

fn thin_slice(group: &[[f64; 2]], thinned: &mut Vec<[f64; 2]>) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return;
    };
    if !is_finite(first) {
        thinned.push(*first);
        return;
    }
    let by_height = |a: &(usize, &[f64; 2]), b: &(usize, &[f64; 2])| a.1[1].total_cmp(&b.1[1]);
    let lowest = group.iter().enumerate().min_by(by_height);
    let highest = group.iter().enumerate().max_by(by_height);
    let mut kept = vec![(0, first), (group.len() - 1, last)];
    kept.extend(lowest);
    kept.extend(highest);
    kept.sort_by_key(|(place, _)| *place);
    kept.dedup_by_key(|(place, _)| *place);
    thinned.extend(kept.into_iter().map(|(_, point)| *point));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_of_one_point_in_a_million_survives() {
        let mut points: Vec<_> = (0..1_000_000).map(|i| [f64::from(i), 0.0]).collect();
        points[654_321][1] = 1.0;
        let thinned = thin_line(&points, 0.0, 1e6, 500);
        assert!(thinned.len() <= 4 * 501);
        assert!(thinned.contains(&[654_321.0, 1.0]));
        assert_eq!(thinned.first(), points.first());
        assert_eq!(thinned.last(), points.last());
        assert!(thinned.is_sorted_by_key(|point| point[0]));
    }

    #[test]
    fn gaps_stay_gaps() {
        let mut points: Vec<_> = (0..10_000).map(|i| [f64::from(i), 0.0]).collect();
        points[5000][1] = f64::NAN;
        let thinned = thin_line(&points, 0.0, 1e4, 10);
        assert_eq!(thinned.iter().filter(|point| point[1].is_nan()).count(), 1);
    }

    #[test]
    fn a_short_line_is_unchanged() {
        let points = [[0.0, 1.0], [1.0, 2.0]];
        assert_eq!(thin_line(&points, 0.0, 1.0, 100), points);
    }
}
