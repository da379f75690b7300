//! The legend of a figure: where it hides least.

use egui_plot::{Corner, Legend};
use layerscope_engine::api::{Figure, Mark};

/// In the order in which they are preferred.
const CORNERS: [Corner; 4] =
    [Corner::RightTop, Corner::LeftTop, Corner::RightBottom, Corner::LeftBottom];

/// The part of a figure, from its corner, that a legend may cover.
const PART: f64 = 0.4;

/// A legend in `corner`, its entries in the order of the marks.
pub(super) fn of(corner: Corner) -> Legend {
    Legend::default()
        .text_style(egui::TextStyle::Small)
        .background_alpha(0.85)
        .position(corner)
        .follow_insertion_order(true)
}

/// The corner with the fewest points near it.
pub(super) fn emptiest_corner(figure: &Figure, [x, y]: [(f64, f64); 2]) -> Corner {
    let mut near = [0_usize; 4];
    let mut count = |px: f64, py: f64| {
        let part = |at: f64, (from, to): (f64, f64)| (at - from) / (to - from);
        let (across, up) = (part(px, x), part(py, y));
        let sides = [across > 1.0 - PART, across < PART, up > 1.0 - PART, up < PART];
        let [right, left, top, bottom] = sides;
        let corners = [right && top, left && top, right && bottom, left && bottom];
        for (near, is_near) in near.iter_mut().zip(corners) {
            *near += usize::from(is_near);
        }
    };
    for mark in &figure.marks {
        match mark {
            Mark::Line { points, .. } | Mark::Points { points, .. } => {
                for [x, y] in points {
                    count(*x, *y);
                }
            }
            Mark::Band { points, .. } => {
                for [x, low, high] in points {
                    count(*x, *low);
                    count(*x, *high);
                }
            }
            // A bar covers everything from its foot to its end.
            Mark::Bars { bars, .. } => {
                for [x, height] in bars {
                    for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
                        count(*x, height * part);
                    }
                }
            }
            Mark::Text { at: [x, y], .. } => count(*x, *y),
            Mark::Heat(_) | Mark::Rule { .. } => {}
        }
    }
    let emptiest = CORNERS.into_iter().zip(near).min_by_key(|(_, near)| *near);
    emptiest.map_or(Corner::RightTop, |(corner, _)| corner)
}

#[cfg(test)]
mod tests {
    use layerscope_engine::api::{Axis, Ink};

    use super::*;

    #[test]
    fn a_rising_line_has_its_legend_at_the_upper_left() {
        let line = |slope: f64| Figure {
            id: "line",
            title: String::new(),
            x: Axis::integer("Depth"),
            y: Axis::linear("Agreement", "fraction"),
            marks: vec![Mark::Line {
                label: "All".to_owned(),
                points: (0..9).map(f64::from).map(|x| [x, slope * x]).collect(),
                ink: Ink::Series(0),
            }],
        };
        assert!(emptiest_corner(&line(1.0), [(0.0, 8.0), (0.0, 8.0)]) == Corner::LeftTop);
        assert!(emptiest_corner(&line(-1.0), [(0.0, 8.0), (-8.0, 0.0)]) == Corner::RightTop);
    }
}
