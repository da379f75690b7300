//! Frames of the whole window over a recording of a million tokens and 32 blocks: interface, accessibility tree
//! and tessellation, without the graphics card's part.
//!
//! `cargo bench -p layerscope --features bench`; 60 frames a second leave 16.7 ms. `TOKENS` and `SIZE` (for
//! example `SIZE=3840x2160`) change what is drawn.
#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark ends at the first thing that is not as expected"
)]

use std::time::{Duration, Instant};

use egui::{Pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use layerscope::shell::{Start, Window};
use layerscope_engine::api::bench_support;

const FRAMES: u16 = 240;

fn main() {
    let setting =
        |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let tokens: usize = setting("TOKENS", "1000000").parse().unwrap();
    let size = setting("SIZE", "1280x800");
    let (width, height) = size.split_once('x').unwrap();
    let size = vec2(width.parse().unwrap(), height.parse().unwrap());

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    bench_support::write(tokens, 32, &path).unwrap();
    let start = Start { path: Some(path), asks_in_field: true, ..Start::default() };
    let begun = Instant::now();
    let mut window = Harness::builder()
        .with_size(size)
        .build_eframe(|creation| Window::new(&creation.egui_ctx, start).unwrap());
    settle(&mut window);
    println!(
        "{tokens} tokens at 33 depths, {size:?} points: shown after {:.1} s",
        begun.elapsed().as_secs_f64()
    );

    let mut idle = Vec::new();
    for _ in 0..FRAMES {
        idle.push(frame(&mut window));
    }
    report("nothing moves", idle);

    let plot = window.get_by_label("Threshold line").rect().center();
    let mut hover = Vec::new();
    for step in 0..FRAMES {
        window.hover_at(
            plot + vec2(f32::from(step % 60) * 4.0 - 120.0, f32::from(step % 7) * 9.0 - 27.0),
        );
        hover.push(frame(&mut window));
    }
    report("the pointer moves over a plot", hover);

    let line = window.get_by_label("Threshold line").rect().center();
    let (frames, answers) = drag(&mut window, line);
    report("the threshold is dragged", frames);
    report("from a move of the line to its figures on screen", answers);
}

/// Drags the threshold line up and down. Every frame, and the time from each move to the frame that shows its figures.
fn drag(window: &mut Harness<'_, Window>, from: Pos2) -> (Vec<f64>, Vec<f64>) {
    let (mut frames, mut answers) = (Vec::new(), Vec::new());
    window.hover_at(from);
    window.step();
    window.drag_at(from);
    window.step();
    for step in 0..FRAMES {
        let begun = Instant::now();
        window.hover_at(from + vec2(0.0, f32::from(step % 40)));
        frames.push(frame(window));
        while !window.state().shows_present_knobs() {
            std::thread::park_timeout(Duration::from_micros(100));
            frames.push(frame(window));
        }
        answers.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    window.drop_at(from);
    window.step();
    (frames, answers)
}

/// Milliseconds of one frame.
fn frame(window: &mut Harness<'_, Window>) -> f64 {
    let begun = Instant::now();
    window.step();
    let shapes = window.output().shapes.clone();
    let meshes = window.ctx.tessellate(shapes, window.output().pixels_per_point);
    let millis = begun.elapsed().as_secs_f64() * 1000.0;
    drop(meshes);
    millis
}

fn settle(window: &mut Harness<'_, Window>) {
    while !window.state().is_quiet() {
        std::thread::park_timeout(Duration::from_millis(2));
        window.step();
    }
    window.step();
}

fn report(name: &str, mut millis: Vec<f64>) {
    millis.sort_by(f64::total_cmp);
    let at =
        |share: usize| millis.get((millis.len() - 1) * share / 100).copied().unwrap_or(f64::NAN);
    println!(
        "{name}: median {:.2} ms, 95 % below {:.2} ms, longest {:.2} ms ({} of them)",
        at(50),
        at(95),
        at(100),
        millis.len()
    );
}
