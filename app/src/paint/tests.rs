//! Figures in a window: what a person sees, touches and hears of them.

use egui_kittest::Harness;

#[path = "../../tests/kit/soft.rs"]
mod soft;

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
