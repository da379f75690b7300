//! The grammar says the same for the same seed, and its answers are right: each is worked out here again in another
//! way, from the text alone.

use std::collections::BTreeMap;

use super::*;

fn samples(set: Set) -> Vec<Sample> {
    let mut rng = numbers(7, 1);
    let mut samples = Vec::new();
    for task in TASKS {
        for difficulty in 1..=task.hardest() {
            samples.extend((0..50).map(|_| Sample::draw(*task, difficulty, set, &mut rng)));
        }
    }
    samples
}

fn of(task: &str) -> Vec<Sample> {
    samples(Set::Taught).into_iter().filter(|sample| sample.task == task).collect()
}

#[test]
fn the_same_seed_gives_the_same_text_and_another_stream_gives_another() {
    assert_eq!(samples(Set::Taught), samples(Set::Taught));
    let draw = |stream| Sample::draw(HOPS, 3, Set::Taught, &mut numbers(7, stream)).text();
    assert_ne!(draw(1), draw(2));
}

#[test]
fn names_of_tasks_are_unique_and_their_words_have_no_white_space() {
    let names: std::collections::BTreeSet<_> = TASKS.iter().map(|task| task.id()).collect();
    assert_eq!(names.len(), TASKS.len());
    for word in TASKS.iter().flat_map(|task| task.words()) {
        assert!(!word.is_empty() && !word.contains(char::is_whitespace), "{word:?}");
    }
}

#[test]
fn tasks_use_only_words_that_some_task_declares() {
    let words: Vec<String> = TASKS.iter().flat_map(|task| task.words()).collect();
    for word in samples(Set::Taught).iter().flat_map(|sample| &sample.words) {
        assert!(words.contains(&word.text), "{}", word.text);
    }
}

#[test]
fn look_ups_are_right_when_walked_through_the_written_map() {
    let mut rng = numbers(7, 2);
    let letters = (1..=4).map(|steps| Sample::draw_letter_hops(steps, Set::Taught, &mut rng));
    let lines =
        of("hops").into_iter().map(|sample| (sample, true)).chain(letters.map(|s| (s, false)));
    for (sample, is_colour) in lines {
        let text = sample.text();
        let map: BTreeMap<&str, &str> =
            text.split(' ').filter_map(|word| word.split_once('>')).collect();
        assert_eq!(map.len(), 9);
        let words: Vec<&str> = text.split(' ').collect();
        let mut queries = 0;
        for pair in words.windows(2) {
            if let Some((from, steps)) = pair[0].split_once('+') {
                let mut at = from;
                for _ in 0..steps.parse::<usize>().unwrap() {
                    at = map[at];
                }
                let colour = match at {
                    "a" | "b" | "c" => "red",
                    "d" | "e" | "f" => "blue",
                    _ => "green",
                };
                assert_eq!(pair[1], if is_colour { colour } else { at }, "{text}");
                assert_eq!(steps, sample.difficulty.to_string());
                queries += 1;
            }
        }
        assert_eq!(queries, 9);
    }
}

#[test]
fn a_map_never_leads_back_within_four_steps() {
    let mut rng = numbers(7, 3);
    for steps in 1..=4 {
        let sample = Sample::draw_letter_hops(steps, Set::Taught, &mut rng);
        for pair in sample.words.windows(2) {
            if let Some((from, _)) = pair[0].text.split_once('+') {
                assert_ne!(from, pair[1].text);
            }
        }
    }
}

#[test]
fn maps_kept_back_are_never_taught() {
    let maps = |set| -> std::collections::BTreeSet<String> {
        let hops = samples(set).into_iter().filter(|sample| sample.task == "hops");
        hops.map(|sample| sample.text().split(' ').skip(1).take(9).collect()).collect()
    };
    assert!(maps(Set::Taught).is_disjoint(&maps(Set::KeptBack)));
}

#[test]
fn sums_are_right() {
    for sample in of("sums") {
        let text = sample.text();
        let sums = text.strip_prefix("sum ").unwrap();
        for sum in sums.split(" ;").filter(|sum| !sum.is_empty()) {
            let (terms, total) = sum.split_once('=').unwrap();
            let terms: Vec<usize> =
                terms.split('+').map(|term| term.trim().parse().unwrap()).collect();
            assert_eq!(terms.len(), sample.difficulty + 1);
            assert_eq!(terms.iter().sum::<usize>(), total.trim().parse::<usize>().unwrap());
        }
    }
}

#[test]
fn brackets_close_what_was_opened() {
    for sample in of("brackets") {
        let mut open = Vec::new();
        for word in sample.text().split(' ').filter(|word| !["close", "|"].contains(word)) {
            match word {
                "(" => open.push(")"),
                "[" => open.push("]"),
                "{" => open.push("}"),
                close => assert_eq!(open.pop(), Some(close)),
            }
        }
        assert!(open.is_empty());
    }
}

#[test]
fn copies_equal_what_was_copied() {
    for sample in of("copying") {
        let text = sample.text();
        let parts: Vec<&str> = text.strip_prefix("copy").unwrap().split('|').collect();
        assert_eq!(parts[0], parts[1]);
        assert_eq!(parts[0].split_whitespace().count(), 2 * sample.difficulty);
    }
}

#[test]
fn recalled_numbers_are_those_that_were_given() {
    for sample in of("recall") {
        let text = sample.text();
        let (given, asked) = text.strip_prefix("recall ").unwrap().split_once(" | ").unwrap();
        let pairs = |part: &str| -> BTreeMap<String, String> {
            let words: Vec<&str> = part.split([' ', ':']).collect();
            words.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
        };
        assert_eq!(pairs(given), pairs(asked));
        assert_eq!(pairs(given).len(), 2 * sample.difficulty);
    }
}

#[test]
fn a_story_goes_on_with_whom_it_left() {
    for sample in of("stories") {
        let text = sample.text();
        let sentences: Vec<Vec<&str>> =
            text.split_terminator(" .").map(|s| s.split_whitespace().collect()).collect();
        assert_eq!(sentences.len(), sample.difficulty);
        for pair in sentences.windows(2) {
            assert_eq!(pair[0][5..7], pair[1][1..3]);
        }
    }
}

#[test]
fn every_line_of_look_ups_has_as_many_words_nobody_can_know() {
    let given = |sample: &Sample| sample.words.iter().filter(|w| w.part == Part::Given).count();
    assert!(of("hops").iter().all(|sample| given(sample) == 10 && sample.words.len() == 28));
}
