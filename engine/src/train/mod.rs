//! Small training runs of our own.
//!
//! Must not know: lenses, windows.
