//! The status bar: what is going on, how far it is, and how to end it.

use layerscope_engine::api::{Progress, counted};

use crate::state::{Action, Run, Running, State};

/// Draws the bar.
pub(crate) fn show(ui: &mut egui::Ui, state: &State) -> Option<Action> {
    let mut action = None;
    ui.horizontal(|ui| {
        if let Some((_, running)) = state.at_work() {
            action = job(ui, running);
            let waiting = state.jobs.len() - 1;
            if waiting > 0 {
                ui.weak(format!("{waiting} more waiting"));
            }
        } else {
            let text = if state.message.is_empty() { "Ready" } else { &state.message };
            ui.add(egui::Label::new(text).truncate());
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| facts(ui, state));
    });
    action
}

fn job(ui: &mut egui::Ui, running: &Running) -> Option<Action> {
    let mut action = None;
    if running.is_cancelling {
        ui.label("Cancelling…");
    } else if ui.button("Cancel").on_hover_text("End this work (Esc)").clicked() {
        action = Some(Action::Run(Run::Cancel));
    }
    let what =
        running.progress.as_ref().map_or_else(|| running.task.label(), |progress| progress.what);
    ui.label(what);
    if let Some(progress) = &running.progress {
        let bar = egui::ProgressBar::new(fraction(progress)).desired_width(160.0);
        ui.add(if progress.total > 0 { bar.show_percentage() } else { bar });
        ui.label(words(progress));
    }
    action
}

fn fraction(progress: &Progress) -> f32 {
    if progress.total == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
    let fraction = (progress.done as f64 / progress.total as f64).min(1.0) as f32;
    fraction
}

fn words(progress: &Progress) -> String {
    let mut parts = vec![match progress.total {
        0 => format!("{} {}", progress.done, progress.unit),
        total => format!("{} of {total} {}", progress.done, progress.unit),
    }];
    parts.extend(progress.rate().map(|rate| format!("{rate:.0} {}/s", progress.unit)));
    parts.extend(progress.left_secs().map(|left| format!("{} left", duration(left))));
    parts.join(", ")
}

fn duration(secs: f64) -> String {
    if secs < 90.0 {
        format!("{secs:.0} s")
    } else if secs < 5400.0 {
        format!("{:.0} min", secs / 60.0)
    } else {
        format!("{:.1} h", secs / 3600.0)
    }
}

fn facts(ui: &mut egui::Ui, state: &State) {
    if let Some(recording) = &state.recording {
        let manifest = recording.manifest();
        if manifest.partial {
            ui.label("Partial")
                .on_hover_text("The run was cut short; what was done until then is shown");
        } else if !manifest.complete {
            ui.label("Incomplete")
                .on_hover_text("The recording was cut short while it was written");
        }
        if let Some(caveat) = manifest.numerics.caveat() {
            ui.label(manifest.numerics.id()).on_hover_text(caveat);
        }
        ui.weak(counted(recording.num_tokens(), recording.subject().noun()));
    }
    match &state.model {
        Some(card) => ui.add(egui::Label::new(egui::RichText::new(&card.name).weak()).truncate()),
        None => ui.weak("No checkpoint"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_rate_and_time_left_once_they_are_known() {
        let (what, unit) = ("Recording", "tokens");
        let progress = Progress { what, done: 50, total: 200, unit, elapsed_secs: 2.0 };
        assert_eq!(words(&progress), "50 of 200 tokens, 25 tokens/s, 6 s left");
        let unknown = Progress { done: 0, total: 0, elapsed_secs: 0.0, ..progress };
        assert_eq!(words(&unknown), "0 tokens");
    }

    #[test]
    fn long_times_are_told_in_minutes_and_hours() {
        assert_eq!(duration(300.0), "5 min");
        assert_eq!(duration(7200.0), "2.0 h");
    }
}
