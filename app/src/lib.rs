//! Layerscope the app: a window over the engine, and a command line that does the same without one.

pub mod cli;
