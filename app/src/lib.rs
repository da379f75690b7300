//! Layerscope the app: a window over the engine, and a command line that does the same without one.

#[cfg(feature = "window")]
mod bridge;
pub mod cli;
#[cfg(feature = "window")]
mod paint;
#[cfg(feature = "window")]
mod panels;
#[cfg(feature = "window")]
pub mod shell;
#[cfg(feature = "window")]
mod state;
#[cfg(feature = "window")]
mod theme;
