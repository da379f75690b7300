//! Stops where consecutive depths look alike (MuE, You Need Multiple Exiting).
//!
//! MuE takes one cosine over all numbers of a segment, so that all its tokens exit together: with a, b the streams of the segment at
//! two depths, `sum <a_t, b_t> / sqrt(sum |a_t|^2 sum |b_t|^2)`, in which large tokens weigh more. That is made of the recorded cosines and
//! RMS. For language models each token can also be taken alone. The comparison is strict and a threshold of 1 is off,
//! since a cosine can be 1 by rounding. Prompt and written text are the two segments; in written text, taken token by
//! token, the code's schedule can apply: full depth in the first third, then `0.9 tau + 0.1 exp(-(i + 1) / (M + 1))`.

use std::ops::Range;

use super::about::{About, Checks, Fit};
use super::rule::{
    BuiltRule, Entry, ExitRule, LiveRule, RuleCard, RuleEntry, Stop, Stops, Sweep, above, exits_of,
};
use super::signals::{Place, Reader, TokenSignals};
use crate::knob::{Choice, ChoiceOption, Integer, KnobCard, Knobs, Real};
use crate::recording::{Ladder, Recording, depth_of};
use crate::signal::{Depth, Signal};

const THRESHOLD: Real = Real {
    id: "threshold",
    label: "Threshold",
    help: "A segment stops where its cosine to the depth before is above this; 1 never stops",
    unit: "",
    default: 0.95,
    min: -1.0,
    max: 1.0,
    step: 0.001,
};
const PROMPT: Real = Real {
    id: "prompt-threshold",
    label: "Threshold of the prompt",
    help: "The same for the tokens of a prompt",
    ..THRESHOLD
};
const SCOPE: Choice = Choice {
    id: "segment",
    label: "What exits together",
    help: "Each token alone, or all tokens of a segment by one cosine, as MuE does",
};
const FALLING: Choice = Choice {
    id: "similarity-schedule",
    label: "Schedule",
    help: "Whether the threshold of written tokens falls along their positions, as in MuE's decoder",
};
const LENGTH: Integer = Integer {
    id: "most-new",
    label: "Longest text M (tokens)",
    help: "The most tokens that are written, for the schedule",
    default: 512,
    min: 1,
    max: 1 << 20,
};

/// Registry entry.
pub(super) static RULE: Similarity = Similarity(Entry {
    card: RuleCard {
        id: "similarity",
        label: "Similarity of depths (MuE)",
        meaning: "Stops where the cosine between this depth and the one before is above the threshold, token by token or for a whole segment",
        source: "Tang et al. 2023 (MuE), section 3 and its code; segments of a decoder are an extension",
        signal: Some(Signal::CosNext),
        needs: &[Signal::CosNext, Signal::Rms],
        reads_out: false,
        is_fitted: false,
        main: "threshold",
    },
    knobs: |about| {
        let scopes = [("token", "Token"), ("segment", "Segment")];
        let falling = [("none", "None"), ("mue", "MuE's decoder")];
        let options = |of: [(&str, &str); 2]| of.map(|(id, l)| ChoiceOption::new(id, l)).to_vec();
        let mut cards = vec![THRESHOLD.card()];
        cards.extend((about.prompt > 0).then(|| PROMPT.card()));
        cards.push(SCOPE.card(options(scopes)));
        cards.push(FALLING.card(options(falling)));
        cards.push(LENGTH.card(LENGTH.max));
        cards
    },
    ladder: None,
    build: |knobs, _| {
        let is_falling = knobs.choice(&FALLING) == Some("mue");
        Ok(Alike {
            thresholds: [knobs.real(&THRESHOLD), knobs.real(&PROMPT)],
            falls_over: is_falling.then(|| knobs.integer(&LENGTH) as f64),
        })
    },
});

/// The entry of single tokens, and of segments.
pub(super) struct Similarity(Entry<Alike>);

/// cosine > threshold.
#[derive(Debug, Clone)]
pub(super) struct Alike {
    /// Of written text, of the prompt.
    thresholds: [f64; 2],
    /// M, where the schedule applies.
    falls_over: Option<f64>,
}

impl Alike {
    /// What is added to nine tenths of the threshold of a written token: `0.1 e^-((t+1)/(M+1))`; NaN as long as it is off.
    fn raised(&self, step: u32) -> f64 {
        match self.falls_over {
            Some(most) if f64::from(step) < (most + 1.0) / 3.0 => f64::NAN,
            Some(most) => 0.1 * (-(f64::from(step) + 1.0) / (most + 1.0)).exp(),
            None => 0.0,
        }
    }
}

/// Whether a cosine is above a threshold that is not off.
fn passes(cosine: f64, threshold: f64) -> bool {
    threshold < 1.0 && cosine > threshold
}

impl ExitRule for Alike {
    /// What is added to nine tenths of the threshold, once it was asked for.
    type State = Option<f64>;

    fn look(
        &self,
        state: &mut Option<f64>,
        token: TokenSignals,
        place: Place,
        _depth: Depth,
    ) -> f64 {
        let cosine = f64::from(token.cos_prev);
        if place.is_prompt {
            return if passes(cosine, self.thresholds[1]) { f64::INFINITY } else { f64::NAN };
        }
        if self.falls_over.is_none() {
            return cosine;
        }
        // cosine > 0.9 threshold + what is added.
        (cosine - *state.get_or_insert_with(|| self.raised(place.step))) / 0.9
    }

    fn least(&self, _depth: Depth) -> f64 {
        let own = self.thresholds[0];
        // Where it is off a prompt stops all the same, by a threshold of its own.
        if own < 1.0 { above(own) } else { f64::INFINITY }
    }
}

impl RuleEntry for Similarity {
    fn card(&self) -> &RuleCard {
        self.0.card()
    }

    fn knobs(&self, about: &About) -> Vec<KnobCard> {
        self.0.knobs(about)
    }

    fn ladder(&self, about: &About, knobs: &Knobs) -> Option<(Ladder, f64)> {
        self.0.ladder(about, knobs)
    }

    fn build(&self, knobs: &Knobs, fit: &Fit<'_>) -> Result<Box<dyn BuiltRule>, String> {
        if knobs.choice(&SCOPE) != Some("segment") {
            return self.0.build(knobs, fit);
        }
        Ok(Box::new(Together::new(std::slice::from_ref(knobs))))
    }

    fn sweep(&self, settings: &[Knobs], fit: &Fit<'_>) -> Box<dyn Sweep> {
        let is_alone = |knobs: &Knobs| knobs.choice(&SCOPE) != Some("segment");
        if settings.iter().all(is_alone) {
            return self.0.sweep(settings, fit);
        }
        Box::new(Together::new(settings))
    }
}

/// One cosine for all tokens of a segment, at some settings.
struct Together {
    /// Of written text, of the prompt; the first ascend.
    thresholds: Vec<[f64; 2]>,
}

/// The tokens of a segment of one sample that stop at some settings.
struct SegmentStop {
    segment: usize,
    settings: Range<usize>,
    depth: Depth,
}

/// The sums of one cosine.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    product: f64,
    before: f64,
    here: f64,
}

impl Sums {
    /// Takes in a token: the width of the stream cancels out, so its RMS stands for its norm.
    fn add(&mut self, token: TokenSignals) {
        let (before, here) = (f64::from(token.rms_prev), f64::from(token.rms));
        self.product += f64::from(token.cos_prev) * before * here;
        self.before += before * before;
        self.here += here * here;
    }

    fn cosine(self) -> f64 {
        self.product / (self.before * self.here).sqrt()
    }
}

impl Together {
    fn new(settings: &[Knobs]) -> Self {
        let thresholds = |knobs: &Knobs| [knobs.real(&THRESHOLD), knobs.real(&PROMPT)];
        Self { thresholds: settings.iter().map(thresholds).collect() }
    }

    /// Where the prompt and the other tokens of one sequence stop.
    fn of_sample(
        &self,
        reader: &Reader<'_>,
        checks: &Checks,
        rows: Range<usize>,
    ) -> Vec<SegmentStop> {
        let segment = |row: usize| usize::from(reader.place(row).is_prompt);
        let all = self.thresholds.len();
        // A segment without tokens has stopped.
        let mut stopped = [all; 2];
        for row in rows.clone() {
            stopped[segment(row)] = 0;
        }
        let mut stops = Vec::new();
        let mut stop = |segment: usize, stopped: &mut usize, more: usize, depth: Depth| {
            if more > 0 {
                let settings = *stopped..*stopped + more;
                stops.push(SegmentStop { segment, settings, depth });
            }
            *stopped += more;
        };
        for depth in checks.iter() {
            if stopped == [all; 2] {
                break;
            }
            let columns = reader.at(depth);
            let mut sums = [Sums::default(); 2];
            for row in rows.clone() {
                sums[segment(row)].add(columns.signals(row));
            }
            for (segment, (stopped, sums)) in stopped.iter_mut().zip(sums).enumerate() {
                let stricter = self.thresholds.get(*stopped..).unwrap_or_default().iter();
                let stops = |of: &&[f64; 2]| passes(sums.cosine(), of[segment]);
                stop(segment, stopped, stricter.take_while(stops).count(), depth);
            }
        }
        for (segment, stopped) in stopped.iter_mut().enumerate() {
            stop(segment, stopped, all - *stopped, depth_of(checks.layers()));
        }
        stops
    }
}

impl Sweep for Together {
    fn stops(
        &self,
        recording: &Recording,
        checks: &Checks,
        rows: &[usize],
        stop: &mut dyn FnMut(Depth, Stops<'_>),
    ) {
        let reader = Reader::new(recording);
        let mut at_depth = vec![Vec::new(); checks.layers() + 1];
        let mut known: Option<(u32, Vec<SegmentStop>)> = None;
        for (at, row) in (0..).zip(rows.iter().copied()) {
            let number = recording.tokens.sample.get(row).copied().unwrap_or(u32::MAX);
            let (_, stops) = known.take_if(|(of, _)| *of == number).unwrap_or_else(|| {
                let sample = recording.samples.get(number as usize);
                let rows = sample.map_or(row..row + 1, |sample| recording.rows(sample));
                (number, self.of_sample(&reader, checks, rows))
            });
            let segment = usize::from(reader.place(row).is_prompt);
            for SegmentStop { settings, depth, .. } in stops.iter().filter(|s| s.segment == segment)
            {
                if let Some(stops) = at_depth.get_mut(depth.index()) {
                    stops.push(Stop::new(at, settings.clone()));
                }
            }
            known = Some((number, stops));
        }
        for (depth, stops) in at_depth.iter().enumerate() {
            stop(depth_of(depth), Stops::Ranges(stops));
        }
    }
}

impl BuiltRule for Together {
    fn exits(&self, recording: &Recording, checks: &Checks, rows: &[usize]) -> Vec<Depth> {
        exits_of(checks, rows, |stop| self.stops(recording, checks, rows, stop))
    }

    fn live<'a>(
        &'a self,
        checks: &'a Checks,
        places: Vec<Place>,
    ) -> Option<Box<dyn LiveRule + 'a>> {
        Some(Box::new(TogetherLive { rule: self, checks, places }))
    }
}

struct TogetherLive<'a> {
    rule: &'a Together,
    checks: &'a Checks,
    places: Vec<Place>,
}

impl LiveRule for TogetherLive<'_> {
    fn step(
        &mut self,
        depth: Depth,
        tokens: &[usize],
        signals: &[TokenSignals],
        stops: &mut [bool],
    ) {
        if !self.checks.has(depth) {
            return;
        }
        let segment = |token: &usize| {
            usize::from(self.places.get(*token).is_some_and(|place| place.is_prompt))
        };
        let mut sums = [Sums::default(); 2];
        for (token, signals) in tokens.iter().zip(signals) {
            sums[segment(token)].add(*signals);
        }
        for (token, stops) in tokens.iter().zip(stops) {
            let at = segment(token);
            let threshold = self.rule.thresholds.first().map_or(f64::NAN, |of| of[at]);
            *stops = passes(sums[at].cosine(), threshold);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::exit::signals::token;

    #[test]
    fn the_schedule_has_its_golden_values() {
        let rule = Alike { thresholds: [0.9, 0.9], falls_over: Some(16.0) };
        let stops = |cos_prev: f32, step| {
            let token = TokenSignals { cos_prev, ..token() };
            rule.stops(&mut None, token, Place::new(step, 0), Depth(1))
        };
        assert!((0..6).all(|step| !stops(1.0, step)));
        for (step, golden) in [(6, 0.876_248), (10, 0.862_358), (16, 0.846_788)] {
            assert_eq!(
                [golden - 1e-6, golden + 1e-6].map(|cosine| stops(cosine, step)),
                [false, true]
            );
        }
    }

    #[test]
    fn golden_streams_stop_where_the_specification_says() {
        // h0 = [1,0,0,0], h1 = [1,1,0,0], h2 = [1,1,.2,0].
        let cosines = [f32::NAN, 0.5_f32.sqrt(), 0.990_148];
        let exit = |threshold| {
            let rule = Alike { thresholds: [threshold; 2], falls_over: None };
            let stops = |cos_prev: &f32| {
                let token = TokenSignals { cos_prev: *cos_prev, ..token() };
                rule.stops(&mut None, token, Place::default(), Depth(0))
            };
            cosines.iter().position(stops)
        };
        assert_eq!([0.9, 0.7, 0.995, 1.0].map(exit), [Some(2), Some(1), None, None]);
    }

    #[test]
    fn the_cosine_of_a_segment_is_that_of_all_its_numbers() {
        // Two tokens of width 2: [1,0],[0,3] and [1,1],[0,4].
        let half = 0.5_f32.sqrt();
        let tokens = [
            TokenSignals { rms_prev: half, rms: 1.0, cos_prev: half, ..token() },
            TokenSignals { rms_prev: 3.0 * half, rms: 4.0 * half, cos_prev: 1.0, ..token() },
        ];
        let mut sums = Sums::default();
        for token in tokens {
            sums.add(token);
        }
        let golden = (1.0 + 12.0) / (10.0_f64 * 18.0).sqrt();
        assert!((sums.cosine() - golden).abs() < 1e-6);
    }
}
