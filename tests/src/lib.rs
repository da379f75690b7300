//! Holds nothing: the checks of the house stand in `tests/`.
