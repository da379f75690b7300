//! What a member answers to a row and how sure it is: at its last depth, or averaged with cheaper members.

use crate::recording::{Recording, depth_of};
use crate::signal::{NO_TOKEN, Signal};

/// Most choices of which a recording holds every probability: its five best.
const MOST_CHOICES: usize = 5;

/// An answer and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Answer {
    /// Larger is surer; NaN where it cannot be known.
    pub(super) score: f64,
    /// First choice; `NO_TOKEN` where there is none.
    pub(super) id: u32,
}

impl Answer {
    pub(super) const NONE: Self = Self { score: f64::NAN, id: NO_TOKEN };
}

/// How sure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Score {
    /// p1.
    MaxProb,
    /// The negated entropy, in nats.
    Entropy,
    /// p1 - p2; not published for cascades.
    Margin,
}

/// What a row that was passed on gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Combine {
    /// The answer and the score of the last member that ran.
    Last,
    /// The answer of the averaged probabilities; the average of the scores.
    MeanOfScores,
    /// The answer and the score of the averaged probabilities.
    ScoreOfMean,
}

impl Combine {
    /// How the average of all members is scored.
    pub(super) fn of_all(self) -> Self {
        if self == Self::ScoreOfMean { self } else { Self::MeanOfScores }
    }
}

/// One model of the cascade.
#[derive(Debug, Clone)]
pub(super) struct Member<'a> {
    pub(super) recording: &'a Recording,
    /// Different from that of every other member.
    pub(super) name: String,
    /// FLOPs of a row of the slice (modelled); `None` where that is not known.
    pub(super) flops: Option<f64>,
}

impl Member<'_> {
    /// What it answers alone.
    pub(super) fn answer(&self, score: Score, row: usize) -> Answer {
        let last = self.recording.num_layers();
        let value = |signal| {
            let column = self.recording.column(signal, depth_of(last));
            column.and_then(|column| column.get(row)).copied().map_or(f64::NAN, f64::from)
        };
        let score = match score {
            Score::MaxProb => value(Signal::MaxProb),
            Score::Entropy => -value(Signal::Entropy),
            Score::Margin => value(Signal::Margin),
        };
        Answer { score, id: self.recording.first_choice(last, row).unwrap_or(NO_TOKEN) }
    }

    /// The probability of every choice; `None` where one was not recorded.
    fn probs(&self, row: usize) -> Option<[f64; MOST_CHOICES]> {
        let five = self.recording.top5.get(self.recording.num_layers())?.get(row)?;
        let num = self.recording.manifest.vocab;
        let mut probs = [0.0; MOST_CHOICES];
        for (choice, prob) in probs.iter_mut().enumerate().take(num) {
            let place = five.ids.iter().position(|id| *id as usize == choice)?;
            *prob = five.probs.get(place).copied().map(f64::from).filter(|p| p.is_finite())?;
        }
        Some(probs)
    }
}

/// Whether every probability of every row is there.
pub(super) fn has_all_probs(recording: &Recording) -> bool {
    recording.manifest.vocab <= MOST_CHOICES && recording.top5.len() > recording.num_layers()
}

/// What members that all ran answer together; the last of them is the dearest.
pub(super) fn joined(members: &[Member<'_>], combine: Combine, score: Score, row: usize) -> Answer {
    let Some(last) = members.last() else { return Answer::NONE };
    // The first member answers for itself, so that what stays with it keeps its very score.
    if combine == Combine::Last || members.len() == 1 {
        return last.answer(score, row);
    }
    let mut mean = [0.0; MOST_CHOICES];
    for member in members {
        let Some(probs) = member.probs(row) else { return Answer::NONE };
        mean.iter_mut().zip(probs).for_each(|(mean, p)| *mean += p / members.len() as f64);
    }
    let choices = mean.get(..last.recording.manifest.vocab).unwrap_or_default();
    let of_mean = score_of(choices, score);
    let score = match combine {
        Combine::ScoreOfMean => of_mean.score,
        Combine::Last | Combine::MeanOfScores => {
            let scores = members.iter().map(|member| member.answer(score, row).score);
            scores.sum::<f64>() / members.len() as f64
        }
    };
    Answer { score, id: of_mean.id }
}

/// Answer and score of probabilities; of equal ones the first is the answer.
fn score_of(probs: &[f64], score: Score) -> Answer {
    let (mut best, mut second, mut id) = (f64::NEG_INFINITY, f64::NEG_INFINITY, NO_TOKEN);
    for (choice, p) in (0_u32..).zip(probs) {
        if *p > best {
            (best, second, id) = (*p, best, choice);
        } else if *p > second {
            second = *p;
        }
    }
    let score = match score {
        Score::MaxProb => best,
        // -H = sum p ln p; p ln p is 0 at p = 0.
        Score::Entropy => probs.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum(),
        Score::Margin => best - second.max(0.0),
    };
    Answer { score, id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Top5, synthetic_samples};

    /// One sample, three classes, no block.
    fn member(probs: [f32; 3]) -> Recording {
        let mut recording = synthetic_samples(1, 0, 1);
        recording.manifest.vocab = 3;
        let mut order = [0_u32, 1, 2];
        order.sort_by(|a, b| probs[*b as usize].total_cmp(&probs[*a as usize]));
        let [a, b, c] = order;
        let at = |id: u32| probs[id as usize];
        let five =
            Top5 { ids: [a, b, c, NO_TOKEN, NO_TOKEN], probs: [at(a), at(b), at(c), 0.0, 0.0] };
        (recording.top1, recording.top5) = (vec![vec![a]], vec![vec![five]]);
        let mut set = |signal, value| recording.signals.insert(signal, vec![vec![value]]);
        set(Signal::MaxProb, at(a));
        set(Signal::Margin, at(a) - at(b));
        set(Signal::Entropy, -probs.iter().map(|p| p * p.ln()).sum::<f32>());
        recording
    }

    fn joined_at(recordings: &[Recording], combine: Combine, score: Score) -> Answer {
        let member = |recording| Member { recording, name: String::new(), flops: None };
        let members: Vec<_> = recordings.iter().map(member).collect();
        joined(&members, combine, score, 0)
    }

    #[test]
    fn the_average_of_scores_is_not_the_score_of_the_average() {
        let two = [member([0.5, 0.25, 0.25]), member([0.125, 0.75, 0.125])];
        // Averaged: .3125 .5 .1875.
        let of_mean = joined_at(&two, Combine::ScoreOfMean, Score::MaxProb);
        assert_eq!((of_mean.id, of_mean.score), (1, 0.5));
        let mean = joined_at(&two, Combine::MeanOfScores, Score::MaxProb);
        assert_eq!((mean.id, mean.score), (1, 0.625));
        let last = joined_at(&two, Combine::Last, Score::MaxProb);
        assert_eq!((last.id, last.score), (1, 0.75));
        let margin = joined_at(&two, Combine::ScoreOfMean, Score::Margin);
        assert_eq!(margin.score, 0.1875);
        let entropy = joined_at(&two, Combine::ScoreOfMean, Score::Entropy).score;
        let plain = [0.3125_f64, 0.5, 0.1875].map(|p| p * p.ln()).iter().sum::<f64>();
        assert_eq!(entropy, plain);
    }

    #[test]
    fn a_probability_that_is_not_there_leaves_no_average() {
        let mut two = [member([0.5, 0.25, 0.25]), member([0.125, 0.75, 0.125])];
        assert!(two.iter().all(has_all_probs));
        two[1].top5[0][0].ids[2] = NO_TOKEN;
        let mean = joined_at(&two, Combine::MeanOfScores, Score::MaxProb);
        assert!(mean.score.is_nan() && mean.id == NO_TOKEN);
        two[1].manifest.vocab = 6;
        assert!(!has_all_probs(&two[1]));
        two[0].top5.clear();
        assert!(!has_all_probs(&two[0]));
    }

    #[test]
    fn one_member_keeps_its_own_score() {
        let one = [member([0.5, 0.25, 0.25])];
        for score in [Score::MaxProb, Score::Entropy, Score::Margin] {
            let all = [Combine::Last, Combine::MeanOfScores, Combine::ScoreOfMean]
                .map(|combine| joined_at(&one, combine, score));
            assert!(all.iter().all(|answer| *answer == all[0]));
        }
    }
}
