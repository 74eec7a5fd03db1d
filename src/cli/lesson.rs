//! `hotcell layers`: what each layer is; with a name, its page.

use std::fmt::Write;

use clap::Args;

use super::layout::{self, BOLD, cell, fill, styled, table};
use super::{CliError, Common};
use crate::drill::lesson::{Block, Lesson};
use crate::policy::{Client, Layer, Policy};
use crate::text::visible_str;

/// Arguments of `hotcell layers`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct LessonArgs {
    /// The layer whose page is printed; all of them in a line each where none is named
    name: Option<String>,
    #[arg(
        long,
        value_name = "POLICY",
        help = "The policy whose settings the equivalent flags are of [default: hardened, or $HOTCELL_POLICY]"
    )]
    policy: Option<String>,
}

const EXAMPLES: &str = "Examples:
  hotcell layers
  hotcell layers seccomp
  hotcell layers pids --policy paranoid";

/// Prints them; gives the exit status.
///
/// # Errors
/// A name that no layer has, or a policy that cannot be had.
pub fn layers(common: &Common, arguments: &LessonArgs) -> Result<u8, CliError> {
    let Some(name) = &arguments.name else {
        let rows: Vec<_> =
            Layer::ALL.into_iter().map(|layer| [styled(BOLD, layer.name()), cell(layer.stops())]).collect();
        layout::print(&table(0, &rows))?;
        return Ok(0);
    };
    let layer = Layer::from_name(name)?;
    let config = common.load(None, arguments.policy.clone())?;
    let mut policy = Policy::load(&config.policy, &config.dirs.policies())?;
    // Off, there is no flag to learn.
    policy.set_on(layer, true);
    layout::print(&page(&Lesson::of(layer), &policy))?;
    Ok(0)
}

fn page(lesson: &Lesson, policy: &Policy) -> String {
    let layer = lesson.layer;
    let mut text = format!("{BOLD}{layer}: {}{BOLD:#}\n", lesson.title);
    for block in &lesson.blocks {
        let _ = match block {
            Block::Heading(heading) => writeln!(text, "\n{BOLD}{heading}{BOLD:#}"),
            Block::Paragraph(paragraph) => writeln!(text, "{}", fill(paragraph, 0, 0)),
            Block::Item(item) => writeln!(text, "  {}", fill(item, 2, 4)),
        };
    }
    if let Some(probe) = lesson.probe {
        let how = format!("{probe}: O in the workbench, or hotcell drill --only {probe}");
        let _ = writeln!(text, "\n{BOLD}The probe{BOLD:#}\n  {}", fill(&how, 2, 4));
    }
    let _ = writeln!(text, "\n{BOLD}The same by command, under {}{BOLD:#}", visible_str(&policy.name));
    for (client, equivalent) in
        [(Client::Docker, policy.docker_flags(layer)), (Client::Podman, policy.podman_flags(layer))]
    {
        for line in equivalent.lines(client) {
            let _ = writeln!(text, "  {}", fill(&visible_str(&line), 2, 4));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_printed_with_its_flags_and_no_line_is_too_wide() {
        let mut policy = Policy::shipped("paranoid").unwrap();
        for layer in Layer::ALL {
            policy.set_on(layer, true);
            let text = anstream::adapter::strip_str(&page(&Lesson::of(layer), &policy)).to_string();
            assert!(text.contains("\nWhat it does not stop\n") && text.contains("\n  docker: "), "{text}");
            let wide = text.lines().find(|line| line.chars().count() > 80 && !line.contains("https://"));
            assert_eq!(wide, None, "{layer}");
        }
    }
}
