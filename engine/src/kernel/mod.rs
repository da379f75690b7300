//! Hot loops: each with its definition, a plain version, a fast version and a test between them.
//!
//! Must not know: files, models, threads of the app.
