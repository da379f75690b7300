//! Runs data through a model and fills a recording.
//!
//! Must not know: lenses, windows.
