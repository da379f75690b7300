//! What a rule may look at, and where a recording has it.

use crate::model::NO_TOKEN;
use crate::policy::pieces::TOGETHER;
use crate::recording::Recording;
use crate::signal::{Depth, Signal};

/// One token at one depth. NaN, or `NO_TOKEN`, where it was not recorded. Definitions: `signal`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TokenSignals {
    pub(crate) max_prob: f32,
    pub(crate) margin: f32,
    pub(crate) entropy: f32,
    /// RMS of the stream here.
    pub(crate) rms: f32,
    /// RMS of the stream one depth before; NaN at depth 0.
    pub(crate) rms_prev: f32,
    /// Cosine between the stream one depth before and here; NaN at depth 0.
    pub(crate) cos_prev: f32,
    /// KL divergence of the readout here from that one depth before; NaN at depth 0.
    pub(crate) kl_prev: f32,
    /// Distance of the distribution here from that one depth before; NaN at depth 0.
    pub(crate) prob_step: f32,
    /// First choice of the readout.
    pub(crate) top1: u32,
}

/// Where a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// Position in its sequence.
    pub(crate) position: u32,
    /// Whether it was given to a model that then wrote on; false where the whole text was given.
    pub(crate) is_prompt: bool,
    /// How many tokens before it were written, or, where the whole text was given, stand before it; 0 in a prompt.
    pub(crate) step: u32,
}

impl Place {
    /// Of a position behind a prompt of so many tokens.
    pub(crate) fn new(position: u32, prompt: u32) -> Self {
        Self { position, is_prompt: position < prompt, step: position.saturating_sub(prompt) }
    }
}

/// Columns of a recording, to be read token by token.
pub(crate) struct Reader<'a> {
    recording: &'a Recording,
    max_prob: &'a [Vec<f32>],
    margin: &'a [Vec<f32>],
    entropy: &'a [Vec<f32>],
    rms: &'a [Vec<f32>],
    cos_next: &'a [Vec<f32>],
    kl_prev: &'a [Vec<f32>],
    prob_step: &'a [Vec<f32>],
    places: Places<'a>,
}

/// Where tokens stand.
#[derive(Debug, Clone, Copy)]
struct Places<'a> {
    position: &'a [u32],
    prompt: u32,
}

impl Places<'_> {
    #[inline]
    fn of(self, token: usize) -> Place {
        Place::new(self.position.get(token).copied().unwrap_or(0), self.prompt)
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(recording: &'a Recording) -> Self {
        let of = |signal| recording.signals.get(&signal).map(Vec::as_slice).unwrap_or_default();
        let prompt = recording.manifest.generation.as_ref().map_or(0, |g| g.prompt_tokens);
        Self {
            recording,
            max_prob: of(Signal::MaxProb),
            margin: of(Signal::Margin),
            entropy: of(Signal::Entropy),
            rms: of(Signal::Rms),
            cos_next: of(Signal::CosNext),
            kl_prev: of(Signal::KlPrev),
            prob_step: of(Signal::ProbStep),
            places: Places {
                position: &recording.tokens.position,
                prompt: u32::try_from(prompt).unwrap_or(u32::MAX),
            },
        }
    }

    /// The columns of one depth, to be read along the tokens.
    pub(crate) fn at(&self, depth: Depth) -> Columns<'a> {
        let here = depth.index();
        let column = |columns: &'a [Vec<f32>], depth: Option<usize>| {
            let column = depth.and_then(|depth| columns.get(depth));
            column.map(Vec::as_slice).unwrap_or_default()
        };
        let before = here.checked_sub(1);
        Columns {
            max_prob: column(self.max_prob, Some(here)),
            margin: column(self.margin, Some(here)),
            entropy: column(self.entropy, Some(here)),
            rms: column(self.rms, Some(here)),
            rms_prev: column(self.rms, before),
            cos_prev: column(self.cos_next, before),
            kl_prev: column(self.kl_prev, Some(here)),
            prob_step: column(self.prob_step, Some(here)),
            top1: self.recording.top1.get(here).map(Vec::as_slice).unwrap_or_default(),
            places: self.places,
        }
    }

    /// What a token shows at a depth.
    #[cfg(test)]
    pub(crate) fn signals(&self, token: usize, depth: Depth) -> TokenSignals {
        self.at(depth).signals(token)
    }

    /// Where a token stands.
    #[inline]
    pub(crate) fn place(&self, token: usize) -> Place {
        self.places.of(token)
    }
}

/// What was not recorded, of as many rows as a piece has.
static NO_NUMBER: [f32; TOGETHER] = [f32::NAN; TOGETHER];
static NO_CHOICE: [u32; TOGETHER] = [NO_TOKEN; TOGETHER];
static NO_PLACE: [u32; TOGETHER] = [0; TOGETHER];

/// What a recording has at one depth; empty where it was not recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a> {
    max_prob: &'a [f32],
    margin: &'a [f32],
    entropy: &'a [f32],
    rms: &'a [f32],
    rms_prev: &'a [f32],
    cos_prev: &'a [f32],
    kl_prev: &'a [f32],
    prob_step: &'a [f32],
    top1: &'a [u32],
    places: Places<'a>,
}

impl<'a> Columns<'a> {
    /// Those of `num` rows from a first one on, which is row 0 then; `None` where these are more than a piece has. All
    /// are of this length, what was not recorded too, so that no row has to be checked.
    #[inline]
    pub(crate) fn of(&self, first: usize, num: usize) -> Option<Self> {
        let (no_number, no_choice, no_place) =
            (NO_NUMBER.get(..num)?, NO_CHOICE.get(..num)?, NO_PLACE.get(..num)?);
        let of = first..first.checked_add(num)?;
        let part = |column: &'a [f32]| column.get(of.clone()).unwrap_or(no_number);
        Some(Self {
            max_prob: part(self.max_prob),
            margin: part(self.margin),
            entropy: part(self.entropy),
            rms: part(self.rms),
            rms_prev: part(self.rms_prev),
            cos_prev: part(self.cos_prev),
            kl_prev: part(self.kl_prev),
            prob_step: part(self.prob_step),
            top1: self.top1.get(of.clone()).unwrap_or(no_choice),
            places: Places {
                position: self.places.position.get(of).unwrap_or(no_place),
                ..self.places
            },
        })
    }

    /// Where a token stands.
    #[inline]
    pub(crate) fn place(&self, token: usize) -> Place {
        self.places.of(token)
    }

    /// What a token shows.
    #[inline]
    pub(crate) fn signals(&self, token: usize) -> TokenSignals {
        let value = |column: &[f32]| column.get(token).copied().unwrap_or(f32::NAN);
        TokenSignals {
            max_prob: value(self.max_prob),
            margin: value(self.margin),
            entropy: value(self.entropy),
            rms: value(self.rms),
            rms_prev: value(self.rms_prev),
            cos_prev: value(self.cos_prev),
            kl_prev: value(self.kl_prev),
            prob_step: value(self.prob_step),
            top1: self.top1.get(token).copied().unwrap_or(NO_TOKEN),
        }
    }
}

/// A token of which nothing is known.
#[cfg(test)]
pub(crate) fn token() -> TokenSignals {
    let nan = f32::NAN;
    TokenSignals {
        max_prob: nan,
        margin: nan,
        entropy: nan,
        rms: nan,
        rms_prev: nan,
        cos_prev: nan,
        kl_prev: nan,
        prob_step: nan,
        top1: NO_TOKEN,
    }
}
