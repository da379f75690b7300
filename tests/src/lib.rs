//! Checks of the house; they stand in `tests/`.
