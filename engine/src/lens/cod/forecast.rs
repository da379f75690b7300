//! Clusters of items of like difficulty, a curve for each, and what they say of the full depth.

use std::sync::Arc;

use super::curve::{Curve, Fit, fit};
use super::items::{Choice, Items, Missing};
use super::mean_shift::{Clusters, cluster, squared_distance};
use super::monotone::{Form, Map};
use crate::recording::Recording;

/// How the knobs stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settings {
    pub(super) groups: Groups,
    pub(super) filter: Filter,
    pub(super) form: Form,
}

/// What clusters and their curves depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Groups {
    pub(super) series: Choice,
    /// Root mean square over the known exits.
    pub(super) radius: f64,
    pub(super) least_size: usize,
    /// What chance gives; `None` lets every curve find its own.
    pub(super) guess: Option<f64>,
}

/// Which curves are extrapolated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Filter {
    /// a above.
    pub(super) a: f64,
    /// b above.
    pub(super) b: f64,
    /// c below.
    pub(super) c: f64,
    /// The final level is no lower.
    pub(super) level: f64,
    /// The curve rises at least so much over the known exits: a level that holds over all of them says nothing of
    /// a, b and c.
    pub(super) rise: f64,
}

/// What a filter says of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Predictable,
    /// Near its end at the first exit already.
    Early,
    /// Hardly rises with compute, or not over the known exits: not emergent.
    Flat,
    /// Ends far below 1, or below the least level.
    Low,
    /// No curve was found.
    Unfitted,
}

/// One cluster.
#[derive(Debug)]
pub(super) struct Group {
    /// Items, rising.
    pub(super) members: Vec<usize>,
    /// At every exit, known or not.
    pub(super) means: Vec<f64>,
    pub(super) fit: Option<Fit>,
    /// Root mean square distance of its items from their mean over the known exits.
    pub(super) spread: f64,
}

/// Items, clusters and curves; the same whatever the filter and the map.
#[derive(Debug)]
pub(super) struct Clustered {
    pub(super) items: Items,
    pub(super) clusters: Clusters,
    pub(super) groups: Vec<Group>,
    /// Mean over all items at every exit.
    pub(super) means: Vec<f64>,
    /// One curve through the known means of all items.
    pub(super) one_curve: Option<Fit>,
}

/// The predictions for the full depth and what is true.
#[derive(Debug)]
pub(super) struct Forecast {
    pub(super) clustered: Arc<Clustered>,
    pub(super) verdicts: Vec<Verdict>,
    /// Items in predictable clusters.
    pub(super) num_predictable: usize,
    /// Mean over the predictable subset at every exit; empty without one.
    pub(super) subset_means: Vec<f64>,
    /// The same by the curves of its clusters; empty without one.
    pub(super) subset_curve: Vec<f64>,
    /// `None` without a predictable subset.
    pub(super) map: Option<Map>,
}

/// A way to predict the full depth, and what it says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prediction {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) value: Option<f64>,
}

impl Filter {
    /// `ends`: compute of the first and of the last known exit.
    pub(super) fn verdict(self, fit: Option<Fit>, ends: [f64; 2]) -> Verdict {
        let Some(Fit { curve, .. }) = fit else {
            return Verdict::Unfitted;
        };
        let Curve { a, b, c, .. } = curve;
        let [first, last] = ends.map(|cost| curve.at(cost));
        if b <= self.b || last - first < self.rise {
            Verdict::Flat
        } else if a <= self.a {
            Verdict::Early
        } else if c >= self.c || curve.level() < self.level {
            Verdict::Low
        } else {
            Verdict::Predictable
        }
    }
}

impl Verdict {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Predictable => "predictable",
            Self::Early => "near its end",
            Self::Flat => "too flat",
            Self::Low => "ends too low",
            Self::Unfitted => "no curve",
        }
    }
}

/// Clusters and curves; made once for each position of the knobs that they depend on.
pub(super) fn clustered(recording: &Recording, groups: Groups) -> Result<Arc<Clustered>, Missing> {
    let name = format!("growing exits {groups:?}");
    let made = recording.cubes.memo.get(&name, || {
        Items::new(recording, groups.series).map(|items| Arc::new(Clustered::new(items, groups)))
    });
    match made.as_ref() {
        Ok(clustered) => Ok(Arc::clone(clustered)),
        Err(missing) => Err(*missing),
    }
}

impl Clustered {
    pub(super) fn new(items: Items, settings: Groups) -> Self {
        let points: Vec<Vec<f64>> =
            items.values.iter().map(|values| items.known(values).to_vec()).collect();
        // Root mean square r over n exits is a distance of r √n.
        let radius = settings.radius * (items.num_known as f64).sqrt();
        let clusters = cluster(&points, radius, settings.least_size);
        let costs = items.known(&items.costs);
        let curve = |means: &[f64]| fit(costs, items.known(means), settings.guess);
        let group = |members: &Vec<usize>| {
            let means = items.means(members.iter().copied());
            let middle = items.known(&means);
            let squares: f64 = members
                .iter()
                .filter_map(|item| points.get(*item))
                .map(|point| squared_distance(point, middle))
                .sum();
            let spread = (squares / (members.len() * items.num_known) as f64).sqrt();
            Group { members: members.clone(), fit: curve(&means), means, spread }
        };
        let groups = clusters.members.iter().map(group).collect();
        let means = items.means(0..items.rows.len());
        let one_curve = curve(&means);
        Self { items, clusters, groups, means, one_curve }
    }
}

impl Forecast {
    pub(super) fn new(clustered: Arc<Clustered>, filter: Filter, form: Form) -> Self {
        let known = clustered.items.known(&clustered.items.costs);
        let ends = [known.first(), known.last()].map(|cost| cost.copied().unwrap_or(1.0));
        let verdicts: Vec<Verdict> =
            clustered.groups.iter().map(|group| filter.verdict(group.fit, ends)).collect();
        let subset: Vec<&Group> = clustered
            .groups
            .iter()
            .zip(&verdicts)
            .filter(|(_, verdict)| **verdict == Verdict::Predictable)
            .map(|(group, _)| group)
            .collect();
        let num_predictable: usize = subset.iter().map(|group| group.members.len()).sum();
        let items = &clustered.items;
        let (mut subset_means, mut subset_curve, mut map) = (Vec::new(), Vec::new(), None);
        if num_predictable > 0 {
            subset_means =
                items.means(subset.iter().flat_map(|group| group.members.iter().copied()));
            // Acc_S(C) = Σ |c| y_c(C) / |S|.
            let weighted = |cost: &f64| {
                let part = |group: &&Group| {
                    let value = group.fit.map_or(f64::NAN, |fit| fit.curve.at(*cost));
                    group.members.len() as f64 * value
                };
                subset.iter().map(part).sum::<f64>() / num_predictable as f64
            };
            subset_curve = items.costs.iter().map(weighted).collect();
            let (of_subset, of_all) = (items.known(&subset_means), items.known(&clustered.means));
            let pairs: Vec<[f64; 2]> =
                of_subset.iter().zip(of_all).map(|(x, y)| [*x, *y]).collect();
            map = Some(Map::fit(form, &pairs));
        }
        Self { clustered, verdicts, num_predictable, subset_means, subset_curve, map }
    }

    /// What is true at the full depth.
    pub(super) fn truth(&self) -> Option<f64> {
        self.clustered.means.last().copied()
    }

    /// Every way to predict it.
    pub(super) fn predictions(&self) -> [Prediction; 4] {
        let clustered = &self.clustered;
        let items = &clustered.items;
        let last_known = items.known(&clustered.means).last().copied();
        let full = items.costs.last().copied();
        let one = clustered.one_curve.zip(full).map(|(fit, cost)| fit.curve.at(cost));
        let subset = self.subset_curve.last().copied();
        let mapped = subset.zip(self.map.as_ref()).map(|(accuracy, map)| map.at(accuracy));
        let prediction = |id, name, value: Option<f64>| Prediction {
            id,
            name,
            value: value.filter(|value| value.is_finite()),
        };
        [
            prediction("no_change", "No change (ours)", last_known),
            prediction("one_curve", "One curve", one),
            prediction("subset", "COD without map", subset),
            prediction("cod", "COD", mapped),
        ]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::items::Feature;
    use super::*;

    const COSTS: [f64; 9] = [1.0, 1.7, 2.9, 5.0, 8.5, 14.0, 24.0, 40.0, 320.0];

    /// Items of five difficulties around their curves; the fourth does not emerge. Each is shifted by up to 0.02.
    pub(in crate::lens::cod) fn five_types() -> Items {
        let curves = [
            (80, Curve { g: 0.0, a: 2.0, b: 1.5, c: 0.05 }),
            (70, Curve { g: 0.0, a: 6.0, b: 0.8, c: 0.1 }),
            (60, Curve { g: 0.0, a: 14.0, b: 0.7, c: 0.2 }),
            (50, Curve { g: 0.0, a: 0.7, b: 0.02, c: 0.0 }),
            (40, Curve { g: 0.25, a: 25.0, b: 0.7, c: 0.3 }),
        ];
        let mut values = Vec::new();
        for (num, curve) in curves {
            for i in 0..num {
                let shift = |exit: usize| ((i * 17 + exit * 5) % 21) as f64 / 500.0 - 0.02;
                let of = COSTS.iter().enumerate();
                values.push(
                    of.map(|(exit, c)| (curve.at(*c) + shift(exit)).clamp(0.0, 1.0)).collect(),
                );
            }
        }
        Items {
            depths: (1..=9).collect(),
            costs: COSTS.to_vec(),
            num_known: 8,
            rows: (0..values.len()).collect(),
            num_candidates: values.len(),
            num_incomplete: 0,
            values,
        }
    }

    pub(in crate::lens::cod) const GROUPS: Groups = Groups {
        series: Choice {
            feature: Feature::Probability,
            first: 1,
            known: 8,
            most_items: 1000,
            seed: 1,
        },
        radius: 0.1,
        least_size: 10,
        guess: None,
    };
    const FILTER: Filter = Filter { a: 1.0, b: 0.1, c: 1.0, level: 0.0, rise: 0.05 };

    #[test]
    fn five_types_are_told_apart_and_what_does_not_emerge_is_left_out() {
        let clustered = Arc::new(Clustered::new(five_types(), GROUPS));
        let sizes: Vec<usize> = clustered.groups.iter().map(|group| group.members.len()).collect();
        assert_eq!(sizes, [80, 70, 60, 50, 40]);
        let truth = clustered.means[8];
        for form in [Form::Spline, Form::Quartic] {
            let forecast = Forecast::new(Arc::clone(&clustered), FILTER, form);
            assert_eq!(forecast.verdicts[3], Verdict::Flat, "{:?}", clustered.groups[3].fit);
            assert_eq!(forecast.num_predictable, 250);
            assert_eq!(forecast.truth(), Some(truth));
            let error = |id: &str| {
                let found = forecast.predictions().into_iter().find(|p| p.id == id);
                (found.unwrap().value.unwrap() - truth).abs()
            };
            let map = forecast.map.as_ref().unwrap();
            assert_eq!(map.kept, 1.0);
            assert!(error("one_curve") < error("no_change"));
            // The quartic has f(1) = 1 pull harder at what the fourth type never reaches.
            let most = if form == Form::Spline { error("one_curve") } else { 0.1 };
            assert!(error("cod") < most, "{form:?}: {} {}", error("cod"), error("one_curve"));
        }
    }

    #[test]
    fn a_subset_of_nothing_predicts_nothing() {
        let clustered = Arc::new(Clustered::new(five_types(), GROUPS));
        let strict = Filter { a: 1e9, ..FILTER };
        let forecast = Forecast::new(clustered, strict, Form::Spline);
        assert_eq!((forecast.num_predictable, forecast.map.is_none()), (0, true));
        let values = forecast.predictions().map(|prediction| prediction.value.is_some());
        assert_eq!(values, [true, true, false, false]);
    }

    #[test]
    fn the_gap_of_a_narrow_cluster_is_that_of_its_variance() {
        // E[p] − exp(E ln p) against variance / (2 mean), for a coefficient of variation of 0.3 (its square is 0.09).
        let rates: Vec<f64> = (0..1000)
            .map(|i| 0.4 * (1.0 + 0.3 * 3.0_f64.sqrt() * (f64::from(i) / 499.5 - 1.0)))
            .collect();
        let (exact, approximate) = super::super::readings::gaps(&rates);
        assert!((exact / approximate - 1.0).abs() < 0.1, "{exact} {approximate}");
        assert!((approximate - 0.09 * 0.4 / 2.0).abs() < 1e-4, "{approximate}");
    }
}
