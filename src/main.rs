//! Arguments, exit code, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    hotcell::cli::main()
}
