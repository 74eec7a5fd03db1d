//! `hotcell policy`: which policies there are, and what each comes to, layer by layer.

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::layout::{self, BOLD, CARE, DIM, GOOD, cell, fill, lines, styled, table};
use super::{CliError, Common, Format};
use crate::policy::{Client, Equivalent, Layer, Place, Policy, PolicyError};
use crate::run::to_pretty;
use crate::text::visible;

/// What the equivalent command runs.
const EXAMPLE: [&str; 3] = ["python3", "-c", "print(1)"];

/// What to tell of policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// List every policy: those in the binary and your own
    List(ListArgs),
    /// Show a policy layer by layer, with the equivalent docker or podman flags
    Show(ShowArgs),
}

/// Arguments of `hotcell policy list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// How to print the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Arguments of `hotcell policy show`.
#[derive(Args, Debug)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct ShowArgs {
    /// The policy's name, or the path of its file
    name: String,
    /// How to print it
    #[arg(long, value_enum, default_value_t = ShowFormat::Text)]
    format: ShowFormat,
    /// The client whose flags and command are shown
    #[arg(long, value_enum, default_value_t = Flags::Docker)]
    flags: Flags,
}

const SHOW_EXAMPLES: &str = "Examples:
  hotcell policy show hardened
  hotcell policy show paranoid --flags podman
  hotcell policy show hardened --format toml > ~/.config/hotcell/policies/mine.toml";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ShowFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// A policy file that reads back as this policy
    Toml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Flags {
    /// `docker run`
    Docker,
    /// `podman run`
    Podman,
}

impl Flags {
    const fn client(self) -> Client {
        match self {
            Self::Docker => Client::Docker,
            Self::Podman => Client::Podman,
        }
    }
}

/// Does it; gives the exit status.
///
/// # Errors
/// When the configuration or the policy cannot be read.
pub fn policy(common: &Common, command: &PolicyCommand) -> Result<u8, CliError> {
    let config = common.load(None, None)?;
    let user_dir = config.dirs.policies();
    let text = match command {
        PolicyCommand::List(arguments) => list(&user_dir, arguments.format),
        PolicyCommand::Show(arguments) => {
            let policy = Policy::load(&arguments.name, &user_dir)?;
            let client = arguments.flags.client();
            match arguments.format {
                ShowFormat::Text => show_text(&policy, client, &config.image),
                ShowFormat::Json => to_pretty(&show_json(&policy, client, &config.image)) + "\n",
                ShowFormat::Toml => policy.to_toml(),
            }
        }
    };
    layout::print(&text)?;
    Ok(0)
}

fn list(user_dir: &Path, format: Format) -> String {
    let rows = Policy::names(user_dir).into_iter().map(|name| {
        let own = user_dir.join(format!("{name}.toml"));
        let origin = if own.is_file() { own.display().to_string() } else { "shipped".to_owned() };
        let policy = Policy::load(&name, user_dir).map(|policy| policy.summary);
        (name, origin, policy)
    });
    match format {
        Format::Json => {
            let object = |(name, origin, policy): (_, _, Result<String, PolicyError>)| match policy {
                Ok(summary) => json!({ "name": name, "origin": origin, "summary": summary, "error": null }),
                Err(error) => json!({ "name": name, "origin": origin, "summary": null, "error": error.to_string() }),
            };
            to_pretty(&rows.map(object).collect::<Value>()) + "\n"
        }
        Format::Text => {
            let head = ["POLICY", "FROM", "SUMMARY"].map(|title| styled(BOLD, title));
            let row = |(name, origin, policy): (String, String, Result<String, PolicyError>)| {
                let summary = match policy {
                    Ok(summary) => cell(visible(summary.as_bytes())),
                    Err(error) => styled(CARE, format!("unusable: {error}")),
                };
                [cell(visible(name.as_bytes())), cell(visible(origin.as_bytes())), summary]
            };
            table(0, &std::iter::once(head).chain(rows.map(row)).collect::<Vec<_>>())
        }
    }
}

fn show_text(policy: &Policy, client: Client, image: &str) -> String {
    let head = ["LAYER", "STATE", "SETTING"].map(|title| styled(BOLD, title));
    let states: Vec<_> = std::iter::once(head).chain(Layer::ALL.map(|layer| state(policy, layer))).collect();
    let about = Layer::ALL.map(|layer| explained(policy, layer, client));
    let states = lines(0, &states).into_iter().zip(std::iter::once(String::new()).chain(about));
    let summary = format!("{}: {}", visible(policy.name.as_bytes()), visible(policy.summary.as_bytes()));
    format!(
        "{}\n\n{}{}\n{BOLD}The same with {}{BOLD:#}\n{}\n",
        fill(&summary, 0, 0),
        states.flat_map(|(state, about)| [state, about]).collect::<String>(),
        exposed(policy),
        client.name(),
        command(policy, client, image)
    )
}

fn state(policy: &Policy, layer: Layer) -> [layout::Cell; 3] {
    let state = if policy.is_on(layer) { styled(GOOD, "on") } else { styled(CARE, "off") };
    // A layer without a setting has `on` for one.
    let setting = Some(policy.setting(layer)).filter(|setting| setting != "on").unwrap_or_default();
    let setting = visible(setting.replace(',', ", ").as_bytes());
    let setting = if policy.is_on(layer) || setting.is_empty() { setting } else { format!("({setting})") };
    [cell(layer.name()), state, cell(setting)]
}

/// What a layer stops, who enforces it and the flags for it.
fn explained(policy: &Policy, layer: Layer, client: Client) -> String {
    let stops = format!("    {}\n", fill(layer.stops(), 4, 4));
    let Equivalent { wrapper, global, flags, note } = equivalent(policy, layer, client);
    let mut said = vec![format!("by {}", enforcer(layer.enforced_at()))];
    let name = client.name();
    said.extend((!wrapper.is_empty()).then(|| format!("{} {name} ...", wrapper.join(" "))));
    said.extend((!global.is_empty()).then(|| format!("{name} {} run ...", global.join(" "))));
    said.extend((!flags.is_empty()).then(|| flags.join(" ")));
    said.extend(note);
    let said = visible(said.join("; ").as_bytes());
    format!("{stops}    {DIM}{}{DIM:#}\n", fill(&said, 4, 4))
}

fn equivalent(policy: &Policy, layer: Layer, client: Client) -> Equivalent {
    match client {
        Client::Docker => policy.docker_flags(layer),
        Client::Podman => policy.podman_flags(layer),
    }
}

const fn enforcer(place: Place) -> &'static str {
    match place {
        Place::Engine => "the engine",
        Place::Shim => "the shim",
        Place::ShimOrEngine => "the shim, or the engine with --native",
        Place::Workbench => "hotcell, outside the cell",
    }
}

fn exposed(policy: &Policy) -> String {
    let exposures = policy.exposures();
    if exposures.is_empty() {
        return String::new();
    }
    let each = exposures.iter().map(|exposure| {
        let layers = exposure.layers.iter().map(|layer| layer.name()).collect::<Vec<_>>().join(", ");
        format!("  {}\n", fill(&format!("{layers}: {}", exposure.what), 2, 4))
    });
    format!("\n{CARE}What this leaves open{CARE:#}\n{}", each.collect::<String>())
}

/// On one line, so that it can be copied whole.
fn command(policy: &Policy, client: Client, image: &str) -> String {
    policy.command(client, image, &EXAMPLE.map(str::to_owned))
}

fn show_json(policy: &Policy, client: Client, image: &str) -> Value {
    let layer = |layer: Layer| {
        let equivalent = equivalent(policy, layer, client);
        json!({
            "name": layer,
            "on": policy.is_on(layer),
            "setting": policy.setting(layer),
            "stops": layer.stops(),
            "needs": layer.needs(),
            "enforced_at": layer.enforced_at(),
            "equivalent": {
                "wrapper": equivalent.wrapper,
                "global": equivalent.global,
                "flags": equivalent.flags,
                "note": equivalent.note,
            },
        })
    };
    let exposures = policy.exposures();
    let exposure = exposures.iter().map(|exposure| json!({ "layers": exposure.layers, "what": exposure.what }));
    json!({
        "name": policy.name,
        "summary": policy.summary,
        "layers": Layer::ALL.map(layer),
        "exposures": exposure.collect::<Vec<_>>(),
        "client": client.name(),
        "command": command(policy, client, image),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, client: Client) -> String {
        let policy = Policy::shipped(name).unwrap();
        anstream::adapter::strip_str(&show_text(&policy, client, "box:1")).to_string()
    }

    #[test]
    fn a_policy_is_shown_layer_by_layer_with_what_each_stops_and_its_flags() {
        let text = shown("hardened", Client::Docker);
        let lines: Vec<&str> = text.lines().collect();
        let memory = lines.iter().position(|line| line.starts_with("memory ")).unwrap();
        assert_eq!(lines[memory], "memory        on     256m, swap=0");
        assert_eq!(
            lines[memory + 1].trim_start(),
            "Kills the specimen when it takes more memory than its share, before the host"
        );
        assert_eq!(lines[memory + 3], "    by the engine; --memory 256m --memory-swap 256m");
        assert!(lines.iter().any(|line| line.starts_with("landlock      off    (read_exec=")), "{text}");
        assert!(!text.contains("What this leaves open"), "{text}");
        assert!(lines.last().unwrap().contains("docker run --rm --network none --read-only"), "{text}");
    }

    #[test]
    fn each_layer_is_explained_below_its_own_line() {
        let text = shown("paranoid", Client::Podman);
        for layer in Layer::ALL {
            let after = text.split(&format!("\n{} ", layer.name())).nth(1).unwrap();
            let words: Vec<&str> = after.split_whitespace().collect();
            let stops: Vec<&str> = layer.stops().split_whitespace().collect();
            let at = words.windows(stops.len()).position(|window| window == stops).unwrap();
            assert!(at < 30, "{layer}: {at}");
        }
    }

    #[test]
    fn what_a_loose_policy_leaves_open_is_told() {
        let text = shown("bare", Client::Docker);
        assert!(text.contains("What this leaves open\n  user, caps, userns: The specimen is root"), "{text}");
    }

    #[test]
    fn only_the_command_is_wider_than_the_screen() {
        for name in Policy::shipped_names() {
            for client in [Client::Docker, Client::Podman] {
                let text = shown(name, client);
                let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
                assert_eq!(wide.len(), 1, "{wide:#?}");
            }
        }
    }

    #[test]
    fn a_users_policies_are_listed_and_a_broken_one_says_why() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine.toml"), "summary = \"for me\"").unwrap();
        std::fs::write(dir.path().join("wrong.toml"), "memry = 1").unwrap();
        let listed: Value = serde_json::from_str(&list(dir.path(), Format::Json)).unwrap();
        let names: Vec<_> = listed.as_array().unwrap().iter().map(|policy| policy["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["bare", "docker-default", "hardened", "paranoid", "mine", "wrong"]);
        assert_eq!((&listed[2]["origin"], &listed[4]["summary"]), (&json!("shipped"), &json!("for me")));
        assert!(listed[5]["error"].as_str().unwrap().contains("wrong.toml:1:1: key `memry`"));
    }
}
