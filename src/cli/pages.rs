//! `hotcell completions` and `hotcell man`: what packagers install beside the program.

use std::io;

use clap::{Arg, Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Cli, CliError, layout};

/// Arguments of `hotcell completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completions of a shell.
///
/// # Errors
/// When they cannot be written.
pub fn completions(arguments: &CompletionsArgs) -> Result<u8, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "hotcell", &mut script);
    layout::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// Prints the manual page: the program, then each subcommand.
///
/// # Errors
/// When it cannot be written.
pub fn man() -> Result<u8, CliError> {
    let page = manual().map_err(|source| CliError::Io { doing: "making the manual page", source })?;
    layout::print(&page)?;
    Ok(0)
}

fn manual() -> io::Result<String> {
    let mut root = Cli::command();
    root.build();
    let man = Man::new(root.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_extra_section(&mut page)?;
    let mut page = as_written(&String::from_utf8_lossy(&page), ".SH");
    for subcommand in root.get_subcommands() {
        page.push_str(&section(subcommand)?);
    }
    Ok(page)
}

/// A section for the subcommand, or one for each of its own.
fn section(command: &Command) -> io::Result<String> {
    if command.is_hide_set() || command.get_name() == "help" {
        return Ok(String::new());
    }
    if command.has_subcommands() {
        return command.get_subcommands().map(section).collect();
    }
    // Those of every subcommand stand in the program's own section.
    let hide_global = |arg: Arg| if arg.is_global_set() || arg.get_id() == "help" { arg.hide(true) } else { arg };
    let man = Man::new(command.clone().mut_args(hide_global));
    let mut body = Vec::new();
    man.render_synopsis_section(&mut body)?;
    man.render_options_section(&mut body)?;
    man.render_extra_section(&mut body)?;
    let body = as_written(&String::from_utf8_lossy(&body).replace("\n.SH ", "\n.SS "), ".SS");
    let title = command.get_bin_name().unwrap_or(command.get_name()).to_uppercase();
    let about = command.get_about().map_or_else(String::new, ToString::to_string);
    Ok(format!(".SH \"{title}\"\n{about}\n{body}"))
}

/// Examples keep their lines; a section without any text goes.
fn as_written(page: &str, heading: &str) -> String {
    match page.split_once(&format!("{heading} EXTRA\n")) {
        Some((before, extra)) if extra.trim().is_empty() => before.to_owned(),
        Some((before, extra)) => format!("{before}{heading} NOTES\n.nf\n{}\n.fi\n", extra.trim_end()),
        None => page.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_page_has_a_section_for_every_subcommand_and_each_global_option_once() {
        let page = manual().unwrap();
        for section in [
            "NAME",
            "\"HOTCELL RUN\"",
            "\"HOTCELL DOCTOR\"",
            "\"HOTCELL IMAGE BUILD\"",
            "\"HOTCELL POLICY SHOW\"",
            "\"HOTCELL SECCOMP CHECK\"",
        ] {
            assert!(page.lines().any(|line| line == format!(".SH {section}")), "{section} is missing:\n{page}");
        }
        assert!(!page.contains("NOTES\n.nf\n\n"), "{page}");
        assert_eq!(page.matches("HOTCELL_ENGINE").count(), 1, "{page}");
        assert!(page.contains("Exit status: the specimen"), "{page}");
    }
}
