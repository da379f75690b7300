//! The window: frame, menus, status bar, tiles, dialogs.
//!
//! May use state, panels and paint. Must not know: what an engine is.

mod cards;
mod dialogs;
mod frame;
#[cfg(test)]
mod knobs_tests;
#[cfg(test)]
mod live_tests;
mod menu;
pub(crate) mod recents;
mod start;
mod status;
#[cfg(test)]
mod tests;
mod tiles;

pub use frame::{Start, Window};
pub use start::run;
