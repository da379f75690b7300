//! The one binary: a window, or a sub-command that does the same without one.

use std::process::ExitCode;

fn main() -> ExitCode {
    layerscope::cli::main()
}
