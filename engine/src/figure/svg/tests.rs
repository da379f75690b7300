use std::sync::Arc;

use super::*;
use crate::figure::{Axis, ColorMap, Ink, Mark, sampler};

const SIZE: Size = Size { width: 640, height: 400 };

fn svg(figure: &Figure) -> String {
    let text = to_svg(figure, SIZE, Theme::Light, &[("model".to_owned(), "a<b".to_owned())]);
    // Every test also holds the document to be well-formed XML.
    resvg::usvg::roxmltree::Document::parse(&text).unwrap();
    text
}

#[test]
fn every_mark_is_drawn() {
    insta::assert_snapshot!(svg(&sampler::every_mark()));
}

#[test]
fn a_heat_map_has_words_names_and_a_colour_bar() {
    insta::assert_snapshot!(svg(&sampler::heat()));
}

#[test]
fn only_signs_that_the_font_has_stand_in_a_title() {
    assert!(svg(&sampler::every_mark()).contains(">KL (final || depth) − every mark ≥ 1<"));
}

#[test]
fn an_empty_figure_says_so() {
    assert!(svg(&sampler::empty()).contains(">No data<"));
    assert!(!svg(&sampler::every_mark()).contains(">No data<"));
}

#[test]
fn themes_differ_and_provenance_is_escaped() {
    let figure = sampler::every_mark();
    assert_ne!(to_svg(&figure, SIZE, Theme::Light, &[]), to_svg(&figure, SIZE, Theme::Dark, &[]));
    assert!(svg(&figure).contains("<metadata>\nmodel: a&lt;b\n</metadata>"));
}

#[test]
fn wild_numbers_give_a_document_with_finite_places() {
    let wild = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 0.0, 5e-324];
    let points: Vec<[f64; 2]> = wild.iter().flat_map(|x| wild.map(|y| [*x, y])).collect();
    let (label, ink) = (String::new(), Ink::Accent);
    let mut figure = sampler::empty();
    figure.marks = vec![
        Mark::Line { label: label.clone(), points: points.clone(), ink },
        Mark::Points { label: label.clone(), points: points.clone(), ink },
        Mark::Bars { label: label.clone(), bars: points.clone(), width: f64::MAX, ink },
        Mark::Band { label, points: points.iter().map(|[x, y]| [*x, *y, *x]).collect(), ink },
        Mark::Heat(Heat {
            label: "\0".to_owned(),
            columns: 3,
            rows: usize::MAX,
            origin: [f64::MAX, f64::MIN],
            values: Arc::from([f32::NAN, f32::INFINITY, f32::MIN, 1.0]),
            range: (f32::NEG_INFINITY, f32::INFINITY),
            colors: ColorMap::Diverging,
            texts: Arc::from(["a".to_owned()]),
            hovers: Arc::from([]),
            selected_column: Some(usize::MAX),
        }),
    ];
    for wild in wild {
        figure.marks.push(Mark::Text { at: [wild, wild], text: "\u{1}".to_owned() });
        figure.x.range = Some((wild, wild));
        let text = svg(&figure);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}

#[test]
fn a_heat_map_without_columns_is_no_data() {
    let mut figure = sampler::heat();
    for mark in &mut figure.marks {
        if let Mark::Heat(heat) = mark {
            heat.columns = 0;
        }
    }
    assert!(svg(&figure).contains(">No data<"));
}

#[test]
fn a_tiny_picture_and_a_thousand_names_are_drawn() {
    let names = (0..1000).map(|i| format!("A rather long name {i}")).collect();
    let mut figure = sampler::every_mark();
    figure.x = Axis::category("Token", names);
    figure.y = Axis::category("Task", vec!["x".repeat(500); 300]);
    let labels = svg(&figure).matches("A rather").count();
    assert!((10..60).contains(&labels), "{labels}");
    for side in [0, 1, 40] {
        let text = to_svg(&figure, Size { width: side, height: side }, Theme::Dark, &[]);
        assert!(!text.contains("width=\"-"));
    }
}
