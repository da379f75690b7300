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

#[test]
fn series_of_one_hue_differ_in_dashes_and_markers() {
    let series = |series: usize| {
        let (label, ink) = (format!("Series {series}"), Ink::Series(series));
        let points = vec![[0.0, 1.0], [1.0, 2.0]];
        let marks = vec![
            Mark::Line { label: label.clone(), points: points.clone(), ink },
            Mark::Points { label, points, ink },
        ];
        svg(&Figure { marks, ..sampler::empty() }).replace(&format!("Series {series}"), "Series")
    };
    let looks = [0, 7, 14].map(series);
    assert!(looks[0] != looks[1] && looks[1] != looks[2] && looks[0] != looks[2]);
    assert!(!looks[0].contains("stroke-dasharray"));
    // The line itself and the one in the legend.
    assert_eq!(looks[1].matches("stroke-dasharray=\"0.1 4.5\"").count(), 2);
    assert_eq!(looks[2].matches("stroke-dasharray=\"3 5\"").count(), 2);
    // Two points and one in the legend; squares and diamonds in the places of dots.
    assert_eq!(looks.each_ref().map(|text| text.matches("<circle").count()), [3, 0, 0]);
}

#[test]
fn faint_series_are_one_name_in_the_legend_and_named_under_the_pointer() {
    let line = |label: &str, ink| Mark::Line {
        label: label.to_owned(),
        points: vec![[0.0, 1.0], [1.0, 2.0]],
        ink,
    };
    let marks = vec![
        line("First <faint>", Ink::Faint),
        line("Second faint", Ink::Faint),
        line("Chosen", Ink::Series(0)),
    ];
    let text = svg(&Figure { marks, ..sampler::empty() });
    for told in ["<title>First &lt;faint&gt;</title>", "<title>Second faint</title>"] {
        assert_eq!(text.matches(told).count(), 1, "{told}");
    }
    assert_eq!(text.matches(">Others<").count(), 1);
    assert!(text.find(">Chosen<") < text.find(">Others<"), "what is compared with comes last");
    assert!(!text.contains("<title>Chosen"));
}
