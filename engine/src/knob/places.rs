//! A set of depths or blocks as a person writes it: "all", "none", "2, 5-8", with parts "3a, 4-6f".
//!
//! `a` means the attention sublayer of a block only, `f` the feed-forward sublayer only.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use super::{KnobCard, KnobKind, Knobs, Value};

/// A knob whose value is a set of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacesKnob {
    /// Stable, kebab-case.
    pub id: &'static str,
    /// Sentence case, no colon.
    pub label: &'static str,
    /// One line: what it does.
    pub help: &'static str,
    /// Whether a place can be half in: one of the two sublayers of a block.
    pub has_parts: bool,
    /// "all" or "none".
    pub default: &'static str,
}

/// What of a place is in the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// All of it.
    Whole,
    /// The attention sublayer of a block.
    Attention,
    /// The feed-forward sublayer of a block.
    FeedForward,
}

/// A set of numbered places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(BTreeMap<u16, Part>);

impl PlacesKnob {
    /// The card of this knob for places `first..=last`.
    pub fn card(&self, first: u16, last: u16) -> KnobCard {
        let (default, has_parts) = (self.default.to_owned(), self.has_parts);
        let kind = KnobKind::Places { default, first, last, has_parts };
        KnobCard { id: self.id, label: self.label, help: self.help, unit: "", kind }
    }

    /// What was chosen among `first..=last`, else the default.
    pub(crate) fn chosen(&self, knobs: &Knobs, first: u16, last: u16) -> Places {
        let read = |text: &str| Places::parse(text, first..=last, self.has_parts);
        let chosen = match knobs.get(self.id) {
            Some(Value::Choice(text)) => read(text),
            _ => None,
        };
        chosen.or_else(|| read(self.default)).unwrap_or_default()
    }
}

impl Places {
    /// Reads a set of numbers of `range`; `None` where a number lies outside it, a range runs backwards or a part is
    /// named where there are none.
    pub fn parse(text: &str, range: RangeInclusive<u16>, has_parts: bool) -> Option<Self> {
        match text.trim() {
            "none" | "" => return Some(Self::default()),
            "all" => return Some(Self(range.map(|place| (place, Part::Whole)).collect())),
            _ => {}
        }
        let mut places = Self::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (numbers, part) = match item.strip_suffix('a').map(|rest| (rest, Part::Attention)) {
                Some(split) => split,
                None => match item.strip_suffix('f') {
                    Some(rest) => (rest, Part::FeedForward),
                    None => (item, Part::Whole),
                },
            };
            if part != Part::Whole && !has_parts {
                return None;
            }
            let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            if first > last || !range.contains(&first) || !range.contains(&last) {
                return None;
            }
            for place in first..=last {
                places.add(place, part);
            }
        }
        Some(places)
    }

    /// Puts (a part of) a place into the set; both parts make a whole.
    pub fn add(&mut self, place: u16, part: Part) {
        let here = self.0.entry(place).or_insert(part);
        if *here != part {
            *here = Part::Whole;
        }
    }

    /// Makes the part of a place that is in the set `part`, or takes the place out.
    pub fn put(&mut self, place: u16, part: Option<Part>) {
        match part {
            Some(part) => self.0.insert(place, part),
            None => self.0.remove(&place),
        };
    }

    /// What of a place is in the set.
    pub fn part(&self, place: u16) -> Option<Part> {
        self.0.get(&place).copied()
    }

    /// How many places are in the set, in part or whole.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every place with what of it is in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Part)> + '_ {
        self.0.iter().map(|(place, part)| (*place, *part))
    }

    /// The shortest text that reads as this set; "all" where it holds all of `range`.
    pub fn text(&self, range: &RangeInclusive<u16>) -> String {
        let is_all = range.clone().all(|place| self.part(place) == Some(Part::Whole));
        if is_all && !range.is_empty() { "all".to_owned() } else { self.to_string() }
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut runs: Vec<(u16, u16, Part)> = Vec::new();
        for (place, part) in self.iter() {
            match runs.last_mut() {
                Some((_, last, same)) if *same == part && last.checked_add(1) == Some(place) => {
                    *last = place;
                }
                _ => runs.push((place, place, part)),
            }
        }
        if runs.is_empty() {
            return f.write_str("none");
        }
        for (number, (first, last, part)) in runs.into_iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            let suffix = match part {
                Part::Whole => "",
                Part::Attention => "a",
                Part::FeedForward => "f",
            };
            if first == last {
                write!(f, "{comma}{first}{suffix}")?;
            } else {
                write!(f, "{comma}{first}-{last}{suffix}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        Places::parse(text, 1..=9, true).map(|places| places.text(&(1..=9)))
    }

    #[test]
    fn what_a_person_writes_is_read_and_written_shortest() {
        let read = |text| read(text).unwrap();
        assert_eq!(read("all"), "all");
        assert_eq!(read("1-9"), "all");
        assert_eq!(read(""), "none");
        assert_eq!(read(" 3,2 , 5 - 7"), "2-3, 5-7");
        assert_eq!(read("3a, 4-6f, 3f"), "3, 4-6f");
    }

    #[test]
    fn what_lies_outside_or_is_no_set_is_refused() {
        for text in ["0", "10", "5-3", "x", "3b", "-1", "2-", "a", "99999"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(Places::parse("3a", 1..=9, false), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_reads_back(parts in proptest::collection::vec(0_u8..4, 9)) {
            let mut places = Places::default();
            for (place, part) in (1..).zip(parts) {
                let part = [None, Some(Part::Whole), Some(Part::Attention), Some(Part::FeedForward)][usize::from(part)];
                places.put(place, part);
            }
            let back = Places::parse(&places.text(&(1..=9)), 1..=9, true);
            prop_assert_eq!(back, Some(places));
        }
    }
}
