//! One block while it runs.

use crate::model::decoder::plan::Plan;
use crate::model::{Point, Probe};
use crate::signal::Layer;

/// Which block of which network, and who looks at it.
pub(super) struct Running<'a> {
    pub(super) plan: &'a Plan,
    pub(super) layer: Layer,
    pub(super) probe: &'a mut dyn Probe,
}

impl Running<'_> {
    /// Shows what is at a point, and makes it only if somebody wants to see it.
    pub(super) fn look<V: AsRef<[f32]>>(&mut self, point: Point, values: impl FnOnce() -> V) {
        if self.probe.wants(point, self.layer) {
            self.probe.see(point, self.layer, values().as_ref());
        }
    }
}
