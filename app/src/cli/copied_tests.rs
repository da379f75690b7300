//! The line that the window copies, read by the real parser: it asks for what is on screen.

use std::path::PathBuf;

use clap::Parser as _;
use layerscope_engine::api::{Command, Engine, Input, Numerics, ReadAt, Selection, Value};

use super::{Arguments, SubCommand, record, view};
use crate::state::{Action, Effect, File, Lens, Run, Side, State};

/// A line as a POSIX shell splits it: bare words, single quotes, and a quoted `'`.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_word) = (Vec::new(), String::new(), false);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                is_word = true;
                word.extend(letters.by_ref().take_while(|letter| *letter != '\''));
            }
            '\\' => word.extend(letters.next()),
            ' ' => {
                if std::mem::take(&mut is_word) {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => {
                is_word = true;
                word.push(letter);
            }
        }
    }
    words.extend(is_word.then_some(word));
    words
}

fn parsed(line: &str) -> SubCommand {
    Arguments::try_parse_from(words(line))
        .unwrap_or_else(|e| panic!("{line}: {e}"))
        .command
        .unwrap()
}

/// Lets a real engine do what the state asks for, and tells the state.
fn perform(state: &mut State, engine: &mut Engine, effects: Vec<Effect>) {
    for effect in effects {
        let Effect::Start(task, command) = effect else { continue };
        let job = engine.send(command);
        state.started(task, job);
        while state.at_work().is_some() {
            for event in engine.wait(std::time::Duration::from_millis(100)) {
                let effects = state.hear(event);
                perform(state, engine, effects);
            }
        }
    }
}

/// A window that ran a text of the embedded checkpoint, with settings A and B.
fn shown(text: &str) -> State {
    let (mut state, mut engine) = (State::default(), Engine::with_threads(1, || {}).unwrap());
    perform(
        &mut state,
        &mut engine,
        vec![Effect::Start(crate::state::Task::OpenEmbedded, Command::OpenEmbedded)],
    );
    state.apply(Action::Run(Run::Prompt(text.to_owned())));
    state.apply(Action::Run(Run::ReadAt(ReadAt::EveryNth(std::num::NonZeroU32::new(2).unwrap()))));
    state.apply(Action::Run(Run::Limit(Some(30))));
    let effects = state.apply(Action::Run(Run::Record));
    perform(&mut state, &mut engine, effects);
    let choice = |text: &str| Value::Choice(text.to_owned());
    let sets = vec![("rule", choice("entropy")), ("threshold", Value::Real(1.25))];
    state.apply(Action::Lens(Lens::Follow(sets)));
    state.apply(Action::Lens(Lens::Compare));
    state.apply(Action::Lens(Lens::Edit(Side::B)));
    state.apply(Action::Lens(Lens::Follow(vec![("exit-at", choice("1, 3-4"))])));
    state.apply(Action::Lens(Lens::Select(Some(1))));
    state
}

#[test]
fn the_copied_line_asks_for_what_is_on_screen() {
    let text = "- it's \"so\" $HOME\n\\n far";
    let mut state = shown(text);
    let copied = state.apply(Action::File(File::CopyCommandLine));
    let [Effect::Copy(line)] = copied.as_slice() else { panic!("{copied:?}") };
    let (before, after) = line.split_once(" && ").unwrap();

    let SubCommand::Record(made) = parsed(before) else { panic!("{before}") };
    let request = record::request(&made, Numerics::F32);
    assert_eq!(request.input, Input::Text(text.to_owned()));
    assert_eq!(request.limit_tokens, Some(30));
    assert_eq!(request.read_at, ReadAt::EveryNth(std::num::NonZeroU32::new(2).unwrap()));

    let SubCommand::View(looked) = parsed(after) else { panic!("{after}") };
    let expected = state.look().unwrap();
    assert_eq!(expected.selection, Selection { token: Some(1) });
    assert_ne!(Some(&expected.knobs), expected.versus.as_ref());
    assert_eq!(
        expected.versus.as_ref().unwrap().get("exit-at"),
        Some(&Value::Choice("1, 3-4".to_owned()))
    );
    assert_eq!(
        view::look(&looked, state.recording.clone().unwrap(), Vec::new()).unwrap(),
        expected
    );
}

#[test]
fn a_saved_recording_is_named_and_not_made_again() {
    let mut state = shown("Once upon a time");
    state.session.recording = Some(PathBuf::from("/my data/it's one"));
    // B at its defaults is still shown.
    state.apply(Action::Lens(Lens::Reset));
    let line = state.command_line().unwrap();
    assert!(line.starts_with(r"layerscope view '/my data/it'\''s one' --lens exits"), "{line}");
    let SubCommand::View(looked) = parsed(&line) else { panic!("{line}") };
    let look = view::look(&looked, state.recording.clone().unwrap(), Vec::new()).unwrap();
    assert_eq!(Some(&look), state.look().as_ref());
    assert_eq!(look.versus, Some(layerscope_engine::api::Knobs::default()));
}

#[test]
fn without_a_recording_there_is_no_line_and_the_reason_is_said() {
    let mut state = State::default();
    assert!(state.apply(Action::File(File::CopyCommandLine)).is_empty());
    assert_eq!(state.message, "There is no recording to look at");
}
