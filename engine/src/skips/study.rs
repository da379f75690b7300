//! Everything that is run for one view.

use std::ops::AddAssign as _;

use crate::job::Job;
use crate::knob::{KnobCard, Knobs, Part};
use crate::lens::View;
use crate::model::{LayeredModel, MissingKv, ModelCard, NO_TOKEN};
use crate::policy::skip::{self, Entry, Plan, Planned, Set, Similarity, Unplanned};
use crate::policy::{Place, positions};
use crate::recording::Recording;
use crate::skips::knobs::{self, Damage, MODES, Settings};
use crate::skips::measure::Measurer;
use crate::skips::pass::{Outcome, pass};
use crate::skips::random::{self, Drawn, Draws};
use crate::skips::texts::{self, Texts};
use crate::skips::through::How;
use crate::skips::walk::{Walk, median, walk};
use crate::skips::{Asked, Generate, SkipError, cost, view};

/// How a pass did, over the tokens behind the prompts.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Score {
    /// Mean NLL of the true next tokens; `None` where it is no number.
    pub(super) nll: Option<f64>,
    /// Tokens whose first choice is the full model's.
    pub(super) agreeing: u64,
    /// Tokens of which the full model has a first choice.
    pub(super) answered: u64,
    /// Share of the full model's FLOPs that was left out (modelled).
    pub(super) saved: Option<f64>,
}

/// What was found.
pub(super) struct Study<'a> {
    pub(super) card: &'a ModelCard,
    pub(super) recording: &'a Recording,
    pub(super) texts: &'a Texts<'a>,
    pub(super) places: &'a [Place],
    pub(super) settings: Settings,
    pub(super) rule: &'static Entry,
    pub(super) planned: Planned,
    pub(super) full: Outcome,
    pub(super) skipped: Outcome,
    pub(super) full_score: Score,
    pub(super) score: Score,
    /// How the modes of missing keys compare; empty where none is read.
    pub(super) modes: Vec<(&'static str, Score)>,
    /// The rule at positions of its main knob.
    pub(super) curve: Vec<Score>,
    /// Random sets of growing size, among them that of the rule where it has one.
    pub(super) random: Vec<Drawn>,
    /// How many runs of the texts those took.
    pub(super) random_runs: usize,
    /// NLL above the full model's without one part.
    pub(super) damage: Vec<(usize, Part, f64)>,
    pub(super) continued: Option<Continued>,
}

/// A continuation with and without skips.
pub(super) struct Continued {
    /// Tokens of the prompt.
    pub(super) prompt: usize,
    pub(super) full: Timed,
    pub(super) skipped: Timed,
    /// With the other modes of missing keys.
    pub(super) others: Vec<(&'static str, Walk)>,
    /// What the walks say, in the order full, skipped, others.
    pub(super) texts: Vec<String>,
}

/// Walks of one kind: they are all the same but for the time.
#[derive(Default)]
pub(super) struct Timed {
    pub(super) walk: Walk,
    pub(super) prefill_secs: Option<f64>,
    pub(super) decode_secs: Option<f64>,
}

/// Runs the texts of a recording with and without what its knobs leave out. Nothing is left of a run that is cancelled.
pub(crate) fn run(
    model: &dyn LayeredModel,
    asked: &Asked<'_>,
    job: &Job,
) -> Result<View, SkipError> {
    let Asked { recording, knobs, limit_tokens, generate, budget_bytes } = *asked;
    let card = model.card();
    let texts = texts::texts(recording, card, limit_tokens)?;
    if texts.texts.is_empty() {
        return Err(SkipError::NothingToRun);
    }
    check_size(card, &texts, budget_bytes)?;
    let settings = knobs::settings(recording, knobs);
    let prompt = settings.about.prompt;
    let places: Vec<Place> = texts.places(prompt).collect();
    if places.iter().all(|place| place.is_prompt) {
        return Err(SkipError::NothingToCount { prompt });
    }
    // Before anything that takes long.
    let start = generate.map(|generate| start(generate, &texts, prompt, card)).transpose()?;
    let mut runs = Runs { model, texts: &texts, settings, job, done: 0, total: 0 };
    let full_plan = Plan::everywhere(Set::full(card.layers));
    let full = runs.pass(&full_plan, MissingKv::Never)?;
    let full_top1 = full.top1.clone();
    let mut measurer = Measurer { model, texts: &texts, full: &full_top1, job, angles: None };
    let rule = skip::rule_or_default(knobs.choice(&skip::RULE));
    let mut plan = |knobs: &Knobs| skip::plan(settings.about, recording, knobs, &mut measurer);
    let planned = plan(knobs)?;
    let skipped = runs.pass(&planned.plan, runs.missing(&planned.plan))?;
    let main = knobs::cards(Some(recording), knobs).into_iter().find(|c| c.id == rule.card.main);
    let curve = match &planned.plan {
        Plan::Similarity(rule) => thresholds(rule, &skipped, settings.points),
        Plan::Placed(_) => curve(main.as_ref(), settings.points, knobs, &mut plan)?,
    };
    let draws = random::draws(&planned.plan, card.layers, (settings.points, settings.seeds));
    let random_runs = draws.iter().map(Draws::num_runs).sum::<usize>();
    let damages = damages(settings.damage, card.layers);
    let is_nested = planned.plan.is_nested();
    let modes = if is_nested { &[][..] } else { &MODES[..] };
    runs.total = (2 + curve.len() + random_runs + damages.len() + modes.len()) as u64;
    let of = |outcome: &Outcome| Score::of(card, &places, &full, outcome);
    let full_score = of(&full);
    let mut score_of = |plan: &Plan, missing| Ok::<_, SkipError>(of(&runs.pass(plan, missing)?));
    let mut compared = Vec::new();
    for (mode, id, _) in modes {
        compared.push((*id, score_of(&planned.plan, *mode)?));
    }
    let missing = |plan: &Plan| if plan.is_nested() { MissingKv::Never } else { settings.missing };
    let mut score = |plan: &Plan| score_of(plan, missing(plan));
    let random = draws.into_iter().map(|draws| draws.run(&mut score)).collect::<Result<_, _>>()?;
    let mut scores = |plans: &[Plan]| plans.iter().map(&mut score).collect::<Result<Vec<_>, _>>();
    let curve = scores(&curve)?;
    let plans: Vec<Plan> = damages
        .iter()
        .map(|damage| Plan::everywhere(Set::without(card.layers, [*damage])))
        .collect();
    let above = |score: &Score| Some(score.nll? - full_score.nll?);
    let damage = damages
        .iter()
        .zip(scores(&plans)?)
        .map(|((layer, part), score)| (*layer, *part, above(&score).unwrap_or(f64::NAN)))
        .collect();
    let continued = match (generate, start) {
        (Some(generate), Some(start)) => Some(runs.continued(&planned.plan, generate, &start)?),
        _ => None,
    };
    let score = of(&skipped);
    let study = Study {
        card,
        recording,
        texts: &texts,
        places: &places,
        settings,
        rule,
        planned,
        full_score,
        score,
        full: full.clone(),
        skipped,
        modes: compared,
        curve,
        random,
        random_runs,
        damage,
        continued,
    };
    Ok(view::view(&study))
}

/// Streams, and keys and values, of the largest part against the budget.
fn check_size(card: &ModelCard, texts: &Texts<'_>, allowed: u64) -> Result<(), SkipError> {
    let tokens = texts.longest().max(texts::BATCH_TOKENS.min(texts.num_tokens()));
    let kept = (card.layers as u64).saturating_mul(cost::entry_bytes(card));
    // The stream, what a probe keeps of it, and a vector of keys that grows may hold twice what it needs.
    let streams = (card.width as u64).saturating_mul(16);
    let each = kept.saturating_mul(2).saturating_add(streams);
    let needed = each.saturating_mul(tokens as u64);
    if needed > allowed {
        return Err(SkipError::TooLarge { tokens, needed, allowed });
    }
    Ok(())
}

/// Ids of the prompt that is gone on with.
fn start(
    generate: Generate<'_>,
    texts: &Texts<'_>,
    prompt: u32,
    card: &ModelCard,
) -> Result<Vec<u32>, SkipError> {
    let ids = if let Some(text) = generate.prompt {
        generate.tokenizer.encode(text)?
    } else {
        let first = texts.texts.first().copied().unwrap_or_default();
        let given = usize::try_from(prompt).unwrap_or(usize::MAX).clamp(1, first.len().max(1));
        first.get(..given).unwrap_or(first).to_vec()
    };
    let (prompt, tokens, context) = (ids.len(), generate.tokens, card.context);
    if prompt == 0 {
        return Err(SkipError::NothingToRun);
    }
    if prompt.saturating_add(tokens) > context {
        return Err(SkipError::LongText { prompt, tokens, context });
    }
    Ok(ids)
}

/// The plans at positions of the rule's main knob; those that cannot be planned are left out.
fn curve(
    main: Option<&KnobCard>,
    points: u32,
    knobs: &Knobs,
    plan: &mut dyn FnMut(&Knobs) -> Result<Planned, Unplanned>,
) -> Result<Vec<Plan>, SkipError> {
    let Some(main) = main.filter(|_| points > 0) else { return Ok(Vec::new()) };
    let mut plans = Vec::new();
    for value in positions(main, points) {
        let mut turned = knobs.clone();
        turned.set(main.id, value);
        match plan(&turned) {
            Ok(planned) => plans.push(planned.plan),
            Err(Unplanned::Refused(_)) => {}
            Err(stopped) => return Err(stopped.into()),
        }
    }
    // Neighbouring positions of a knob may mean the same.
    plans.dedup();
    Ok(plans)
}

/// The rule at thresholds between which equally many of the similarities of this run lie, since evenly spaced ones would
/// mostly say the same, and at one that nothing reaches.
fn thresholds(rule: &Similarity, seen: &Outcome, points: u32) -> Vec<Plan> {
    let (start, end) = rule.middle;
    let middle = seen.ran.get(start..end).unwrap_or_default();
    let mut all: Vec<f32> =
        middle.iter().flat_map(|ran| &ran.similarities).map(|(a, _)| *a).collect();
    all.retain(|similarity| !similarity.is_nan());
    all.sort_by(f32::total_cmp);
    let steps = usize::try_from(points.saturating_sub(1)).unwrap_or(0);
    let quantile = |step: usize| all.get(step * all.len().saturating_sub(1) / steps.max(1));
    let quantiles = (0..steps).filter_map(quantile).map(|at| f64::from(*at));
    let never = (points > 0).then_some(f64::INFINITY);
    let plan = |threshold| Plan::Similarity(Similarity { threshold, ..rule.clone() });
    quantiles.chain(never).map(plan).collect()
}

fn damages(damage: Damage, layers: usize) -> Vec<(usize, Part)> {
    let parts: &[Part] = match damage {
        Damage::None => &[],
        Damage::Blocks => &[Part::Whole],
        Damage::Sublayers => &[Part::Attention, Part::FeedForward],
    };
    (0..layers).flat_map(|layer| parts.iter().map(move |part| (layer, *part))).collect()
}

/// Passes over the same texts.
struct Runs<'a> {
    model: &'a dyn LayeredModel,
    texts: &'a Texts<'a>,
    settings: Settings,
    job: &'a Job,
    done: u64,
    /// 0 while it is not known.
    total: u64,
}

impl Runs<'_> {
    fn missing(&self, plan: &Plan) -> MissingKv {
        if plan.is_nested() { MissingKv::Never } else { self.settings.missing }
    }

    fn pass(&mut self, plan: &Plan, missing: MissingKv) -> Result<Outcome, SkipError> {
        self.job.progress("Running with skips", "passes", self.done, self.total)?;
        self.done.add_assign(1);
        let how = How { model: self.model, plan, missing };
        Ok(pass(how, self.texts, self.settings.about.prompt, &self.job.quiet())?)
    }

    /// Goes on with `start`, the full model and the one with skips by turns, after a turn of each that warms up.
    fn continued(
        &self,
        plan: &Plan,
        generate: Generate<'_>,
        start: &[u32],
    ) -> Result<Continued, SkipError> {
        let full_plan = Plan::everywhere(Set::full(self.model.card().layers));
        let quiet = self.job.quiet();
        let walk = |plan: &Plan, missing| {
            walk(How { model: self.model, plan, missing }, start, generate.tokens, &quiet)
        };
        let (mut full, mut skipped) = (Vec::new(), Vec::new());
        let rounds = self.settings.repeats + 1;
        for round in 0..rounds {
            self.job.progress("Generating by turns", "turns", round as u64, rounds as u64)?;
            full.push(walk(&full_plan, MissingKv::Never)?);
            skipped.push(walk(plan, self.missing(plan))?);
        }
        let mut others = Vec::new();
        for (mode, id, _) in MODES {
            if !plan.is_nested() && mode != self.settings.missing {
                others.push((id, walk(plan, mode)?));
            }
        }
        let (full, skipped) = (Timed::of(full), Timed::of(skipped));
        let walks = [&full.walk, &skipped.walk].into_iter().chain(others.iter().map(|(_, w)| w));
        let texts = walks.map(|walk| text(walk, generate)).collect();
        Ok(Continued { prompt: start.len(), full, skipped, others, texts })
    }
}

/// What a walk says, up to the first token that ends a text.
fn text(walk: &Walk, generate: Generate<'_>) -> String {
    let ids = walk.ids.iter().take_while(|id| !generate.ends.contains(id));
    let bytes: Vec<u8> = ids.flat_map(|id| generate.tokenizer.bytes(*id)).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Timed {
    /// Without the first, which warmed up.
    fn of(walks: Vec<Walk>) -> Self {
        let of = |secs: fn(&Walk) -> f64| median(walks.iter().skip(1).map(secs).collect());
        let (prefill_secs, decode_secs) =
            (of(|walk| walk.prefill_secs), of(|walk| walk.decode_secs));
        Self { prefill_secs, decode_secs, walk: walks.into_iter().next().unwrap_or_default() }
    }

    /// Tokens per second behind the prompt.
    pub(super) fn rate(&self) -> Option<f64> {
        let rate = self.walk.ids.len() as f64 / self.decode_secs?;
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }
}

impl Study<'_> {
    /// Random sets of as many blocks, or of one of their sublayers, as the rule leaves out.
    pub(super) fn matched(&self) -> Option<&Drawn> {
        let size = random::size_of(&self.planned.plan)?;
        self.random.iter().find(|drawn| drawn.size == size)
    }
}

impl Score {
    fn of(card: &ModelCard, places: &[Place], full: &Outcome, outcome: &Outcome) -> Self {
        let rows = || places.iter().enumerate().filter(|(_, place)| !place.is_prompt);
        let nll = rows().filter(|(row, _)| full.nll.get(*row).is_some_and(|nll| !nll.is_nan()));
        let nll = nll.filter_map(|(row, _)| outcome.nll.get(row));
        let (sum, count) =
            nll.fold((0.0, 0_u64), |(sum, count), nll| (sum + f64::from(*nll), count + 1));
        let nll = sum / count as f64;
        let mut score = Self {
            nll: nll.is_finite().then_some(nll),
            saved: cost::flops_saved(card, places.iter().copied(), outcome),
            ..Self::default()
        };
        for (row, _) in rows() {
            let Some(full) = full.top1.get(row).filter(|id| **id != NO_TOKEN) else { continue };
            score.answered += 1;
            score.agreeing += u64::from(outcome.top1.get(row) == Some(full));
        }
        score
    }

    pub(super) fn agreement(&self) -> Option<f64> {
        (self.answered > 0).then(|| self.agreeing as f64 / self.answered as f64)
    }
}
