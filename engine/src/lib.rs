//! The engine of Layerscope: opens checkpoints, steps networks block by block, records signals, replays
//! exit rules, and turns recordings into figures. Knows nothing of windows.

pub mod api;
mod checkpoint;
mod count;
mod dataset;
mod export;
mod figure;
mod generate;
mod job;
mod kernel;
mod knob;
mod lens;
mod live;
mod means;
mod measure;
mod model;
mod notes;
mod policy;
mod record;
mod recording;
mod signal;
mod skips;
mod train;
mod worker;
