//! Figures in a window: what a person sees, touches and hears of them.

use std::sync::Arc;

use egui::{Key, Pos2, Theme, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use image::RgbaImage;
use layerscope_engine::api::{Axis, ColorMap, Direction, Figure, Heat, Ink, Mark};

use super::{Memory, Touch};
use crate::theme;

#[path = "../../tests/kit/soft.rs"]
mod soft;

/// One pane with one figure, and what was done in it.
struct Pane {
    memory: Memory,
    figure: Figure,
    touches: Vec<Touch>,
}

fn window(figure: Figure) -> Harness<'static, Pane> {
    lit(figure, Theme::Dark)
}

fn lit(figure: Figure, lights: Theme) -> Harness<'static, Pane> {
    let pane = Pane { memory: Memory::default(), figure, touches: Vec::new() };
    let mut harness = Harness::builder()
        .with_size([640.0, 360.0])
        .with_theme(lights)
        .renderer(soft::Soft::default())
        .with_context_setup(theme::install)
        .build_ui_state(
            |ui, pane: &mut Pane| {
                let touch = pane.memory.show(ui, &pane.figure);
                pane.touches.extend(touch);
            },
            pane,
        );
    harness.run();
    harness
}

fn figure(id: &'static str, x: Axis, y: Axis, marks: Vec<Mark>) -> Figure {
    Figure { id, title: "Exits".to_owned(), x, y, marks, picks: Vec::new() }
}

fn heat(columns: usize, rows: usize, value: impl Fn(usize, usize) -> f32) -> Heat {
    let cells = || (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
    Heat {
        label: "Max probability".to_owned(),
        columns,
        rows,
        origin: [40.0, 0.0],
        values: cells().map(|(column, row)| value(column, row)).collect(),
        range: (0.0, 1.0),
        colors: ColorMap::Sequential,
        texts: cells().map(|(column, _)| format!("w{column}")).collect(),
        hovers: cells().map(|(column, row)| format!("token {} depth {row}", 40 + column)).collect(),
        selected_column: Some(3),
    }
}

fn grid(heat: Heat) -> Figure {
    let steps = (0..heat.columns).flat_map(|column| {
        let (x, y) = (heat.origin[0] + column as f64, (column % heat.rows) as f64);
        [[x - 0.5, y], [x + 0.5, y]]
    });
    let exits =
        Mark::Line { label: "Exit depth".to_owned(), points: steps.collect(), ink: Ink::Accent };
    let marks = vec![Mark::Heat(heat), exits];
    figure("grid", Axis::integer("Token"), Axis::integer("Depth"), marks)
}

fn wave(columns: usize, rows: usize) -> Heat {
    heat(columns, rows, |column, row| ((column * 7 + row * 3) % 20) as f32 / 19.0)
}

fn distribution() -> Figure {
    let depths = || (0..9).map(f64::from);
    let band = |label: &str, half: f64| Mark::Band {
        label: label.to_owned(),
        points: depths().map(|d| [d, d / 9.0 - half, d / 9.0 + half]).collect(),
        ink: Ink::Series(0),
    };
    let marks = vec![
        band("5–95 %", 0.1),
        band("25–75 %", 0.05),
        Mark::Line {
            label: "Median".to_owned(),
            points: depths().map(|d| [d, d / 9.0]).collect(),
            ink: Ink::Series(0),
        },
        Mark::Rule {
            label: "Threshold line".to_owned(),
            direction: Direction::Horizontal,
            at: 0.5,
            knob: Some("threshold"),
        },
    ];
    let y = Axis::linear("Max probability", "").with_range(0.0, 1.0);
    figure("distribution", Axis::integer("Depth"), y, marks)
}

fn bars() -> Figure {
    let series = |idx: u32| Mark::Bars {
        label: format!("k = {}", idx + 1),
        bars: (0..9)
            .map(|d| [f64::from(d) - 0.2 + 0.4 * f64::from(idx), f64::from(d * d)])
            .collect(),
        width: 0.38,
        ink: Ink::Series(idx as usize),
    };
    let mut marks = vec![series(0), series(1)];
    marks.extend(
        (0..9).map(|d| Mark::Text {
            at: [f64::from(d), f64::from(d * d)],
            text: format!("{}", d * d),
        }),
    );
    marks.push(Mark::Rule {
        label: "Mean".to_owned(),
        direction: Direction::Vertical,
        at: 5.5,
        knob: None,
    });
    figure("exits", Axis::integer("Exit depth"), Axis::linear("Tokens", "fraction"), marks)
}

fn picture(harness: &mut Harness<'static, Pane>) -> RgbaImage {
    harness.render().unwrap()
}

fn has_color(picture: &RgbaImage, color: [u8; 3]) -> bool {
    picture.pixels().any(|pixel| pixel.0[..3] == color)
}

/// Moves the pressed pointer from one place to another in a few steps, then lifts it.
fn drag(harness: &mut Harness<'static, Pane>, from: Pos2, to: Pos2) {
    harness.hover_at(from);
    harness.run();
    harness.drag_at(from);
    harness.run();
    for step in 1..=4_u8 {
        harness.hover_at(from.lerp(to, f32::from(step) / 4.0));
        harness.run();
    }
    harness.drop_at(to);
    harness.run();
}

#[test]
fn words_are_drawn_without_a_graphics_card() {
    let mut harness = Harness::builder()
        .with_size([200.0, 60.0])
        .renderer(soft::Soft::default())
        .build_ui(|ui| {
            ui.label("Exit depth");
        });
    harness.run();
    let picture = harness.render().unwrap();
    assert_eq!(picture.dimensions(), (200, 60));
    let ground = *picture.get_pixel(0, 0);
    assert!(picture.pixels().any(|pixel| *pixel != ground));
}

#[test]
fn dragging_the_rule_turns_its_knob_and_ends_when_the_finger_lifts() {
    let mut harness = window(distribution());
    let line = harness.get_by_label("Threshold line").rect();
    drag(&mut harness, line.center(), line.center() - egui::vec2(0.0, 60.0));
    let touches = harness.state().touches.clone();
    let values: Vec<_> = touches
        .iter()
        .map(|touch| match touch {
            Touch::Turn { knob: "threshold", value, is_held } => (*value, *is_held),
            other => panic!("{other:?}"),
        })
        .collect();
    let (last, before) = values.split_last().unwrap();
    assert!(!last.1 && before.len() >= 3 && before.iter().all(|(_, is_held)| *is_held));
    assert!(last.0 > 0.6 && last.0 < 0.9, "{values:?}");
    assert!(values.is_sorted_by(|a, b| a.0 <= b.0), "{values:?}");
}

#[test]
fn a_rule_cannot_be_dragged_out_of_the_figure() {
    let mut harness = window(distribution());
    let line = harness.get_by_label("Threshold line").rect();
    drag(&mut harness, line.center(), pos2(line.center().x, -500.0));
    let last = *harness.state().touches.last().unwrap();
    assert_eq!(last, Touch::Turn { knob: "threshold", value: 1.0, is_held: false });
}

#[test]
fn keys_and_a_screen_reader_move_the_rule() {
    let mut harness = window(distribution());
    harness.get_by_label("Threshold line").focus();
    harness.run();
    harness.key_press(Key::ArrowUp);
    harness.run();
    let step = *harness.state().touches.last().unwrap();
    assert_eq!(step, Touch::Turn { knob: "threshold", value: 0.51, is_held: false });
    harness.get_by_label("Threshold line").set_value_accesskit(0.25);
    harness.run();
    let told = *harness.state().touches.last().unwrap();
    assert_eq!(told, Touch::Turn { knob: "threshold", value: 0.25, is_held: false });
}

#[test]
fn each_handle_is_dragged_alone_and_up_and_down_only() {
    let mut handles = distribution();
    handles.marks.pop();
    handles.marks.push(Mark::Handles {
        label: "Threshold".to_owned(),
        points: vec![[1.0, 0.5], [2.0, 0.5], [3.0, 0.5]],
        knobs: vec!["threshold-1", "threshold-2", "threshold-3"],
        ink: Ink::Accent,
    });
    let mut harness = window(handles);
    let handle = harness.get_by_label("Threshold, depth 2").rect().center();
    drag(&mut harness, handle, handle + egui::vec2(90.0, -60.0));
    let touches = harness.state().touches.clone();
    let values: Vec<f64> = touches
        .iter()
        .map(|touch| match touch {
            Touch::Turn { knob: "threshold-2", value, .. } => *value,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(values.len() >= 3 && values.is_sorted(), "{values:?}");
    assert!(*values.last().unwrap() > 0.6, "{values:?}");
    assert!(harness.query_by_label("Threshold, depth 1").is_some());
}

#[test]
fn a_fixed_rule_cannot_be_touched() {
    let harness = window(bars());
    assert!(harness.query_by_label("Mean").is_none());
}

#[test]
fn clicking_a_cell_selects_its_token_and_hovering_tells_of_it() {
    let mut harness = window(grid(wave(10, 9)));
    let center = harness.get_by_label("Exits").rect().center();
    harness.hover_at(center);
    harness.run();
    assert!(harness.query_by_label("token 45 depth 4").is_some());
    harness.drag_at(center);
    harness.drop_at(center);
    harness.run();
    assert_eq!(harness.state().touches, [Touch::Column(45)]);
}

#[test]
fn hovering_bars_tells_of_every_series_there() {
    let mut harness = window(bars());
    harness.hover_at(harness.get_by_label("Exits").rect().center());
    harness.run();
    let text = "Exit depth: 4\nk = 1: 16 fraction\nk = 2: 16 fraction";
    assert!(harness.query_by_label(text).is_some());
}

#[test]
fn cells_without_a_value_have_their_own_grey() {
    for lights in [Theme::Dark, Theme::Light] {
        let mut harness = lit(grid(heat(5, 4, |_, _| f32::NAN)), lights);
        let engine = match lights {
            Theme::Dark => layerscope_engine::api::Theme::Dark,
            Theme::Light => layerscope_engine::api::Theme::Light,
        };
        let missing = layerscope_engine::api::Palette::of(engine).missing;
        assert!(has_color(&picture(&mut harness), missing));
        harness.state_mut().figure = grid(heat(5, 4, |_, _| 0.5));
        harness.run();
        assert!(!has_color(&picture(&mut harness), missing));
    }
}

#[test]
fn a_figure_with_hostile_numbers_is_drawn() {
    let worst = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 0.0];
    let points: Vec<_> = worst.iter().flat_map(|x| worst.map(|y| [*x, y])).collect();
    let ink = Ink::Series(0);
    let label = String::new;
    let rule = |direction, at, knob| Mark::Rule { label: label(), direction, at, knob };
    let mut cells = heat(3, 3, |_, _| f32::INFINITY);
    cells.range = (f32::NAN, f32::NEG_INFINITY);
    cells.origin = [f64::NAN, 1e300];
    let mut short = heat(3, 3, |_, _| 1.0);
    (short.values, short.texts) = ([].into(), [String::new()].into());
    let marks = vec![
        Mark::Line { label: label(), points: points.clone(), ink },
        Mark::Points { label: label(), points: points.clone(), ink },
        Mark::Bars { label: label(), bars: points.clone(), width: f64::NAN, ink },
        Mark::Band {
            label: label(),
            points: points.iter().map(|[x, y]| [*x, *y, 0.0]).collect(),
            ink,
        },
        rule(Direction::Horizontal, f64::NAN, Some("threshold")),
        rule(Direction::Vertical, f64::INFINITY, None),
        Mark::Text { at: [f64::NAN, 0.0], text: "nowhere".to_owned() },
        Mark::Handles { label: label(), points: points.clone(), knobs: vec!["a", "b"], ink },
        Mark::Heat(cells),
        Mark::Heat(short),
    ];
    let mut harness = window(figure("worst", Axis::linear("x", ""), Axis::linear("y", ""), marks));
    harness.hover_at(pos2(300.0, 200.0));
    harness.run();
    picture(&mut harness);
}

#[test]
fn a_figure_without_data_says_so() {
    let harness =
        window(figure("none", Axis::integer("Depth"), Axis::linear("KL", "nats"), vec![]));
    assert!(harness.query_by_label("No data").is_some());
}

#[test]
fn a_line_of_a_million_points_shows_its_only_spike() {
    let mut points: Vec<_> = (0..1_000_000).map(|i| [f64::from(i), 0.0]).collect();
    points[654_321][1] = 1.0;
    let ink = Ink::Series(0);
    let line = |points| vec![Mark::Line { label: String::new(), points, ink }];
    let axes = || (Axis::integer("Token"), Axis::linear("Entropy", "nats").with_range(-1.0, 2.0));
    let (x, y) = axes();
    let mut harness = window(figure("long", x, y, line(points.clone())));
    let with_spike = picture(&mut harness);
    points[654_321][1] = 0.0;
    harness.state_mut().figure.marks = line(points);
    harness.run();
    assert!(with_spike != picture(&mut harness));
}

#[test]
fn the_wheel_zooms_and_the_button_shows_the_whole_figure_again() {
    let mut harness = window(distribution());
    let whole = picture(&mut harness);
    assert!(harness.query_by_label("Whole figure").is_none());
    harness.hover_at(harness.get_by_label("Exits").rect().center());
    harness.run();
    harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, 120.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers: egui::Modifiers::NONE,
    });
    harness.run();
    harness.get_by_label("Whole figure").click();
    harness.run();
    harness.remove_cursor();
    harness.run();
    assert!(harness.query_by_label("Whole figure").is_none());
    assert!(whole == picture(&mut harness));
}

#[test]
fn other_cells_are_shown_whole_however_far_the_last_were_zoomed() {
    let mut harness = window(grid(wave(100, 9)));
    harness.hover_at(harness.get_by_label("Exits").rect().center());
    harness.run();
    harness.event(egui::Event::Zoom(4.0));
    harness.run();
    assert!(harness.query_by_label("Whole figure").is_some());
    let mut next = wave(60, 9);
    next.origin = [9000.0, 0.0];
    harness.state_mut().figure = grid(next);
    harness.run();
    assert!(harness.query_by_label("Whole figure").is_none());
}

#[test]
fn a_texture_holds_until_its_values_change() {
    let mut harness = window(grid(wave(10, 9)));
    let id = |harness: &Harness<'static, Pane>| {
        harness.state().memory.textures.values().next().unwrap().first_id()
    };
    let first = id(&harness);
    let Mark::Heat(heat) = harness.state().figure.marks[0].clone() else { panic!() };
    let mut same = heat.clone();
    same.selected_column = Some(1);
    harness.state_mut().figure = grid(same);
    harness.run();
    assert_eq!(id(&harness), first);
    let mut other = heat;
    other.values = Arc::from(vec![0.1; 90]);
    harness.state_mut().figure = grid(other);
    harness.run();
    assert_ne!(id(&harness), first);
}

#[test]
fn a_figure_at_rest_asks_for_no_more_frames() {
    let hour = std::time::Duration::from_hours(1);
    for figure in [grid(wave(20, 9)), distribution(), bars()] {
        let harness = window(figure);
        let outputs = &harness.output().viewport_output;
        assert!(outputs.values().all(|output| output.repaint_delay > hour));
    }
}
