//! `hotcell image list`: what the engine has, and what hotcell's own store has.

use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::layout::{self, BOLD, GOOD, cell, styled, table};
use crate::cli::{CliError, Format, engine, runtime};
use crate::config::Config;
use crate::engine::{Endpoint, EngineKind, ImageSummary};
use crate::image::TAG;
use crate::image::reference::canonical;
use crate::image::store::Store;
use crate::run::to_pretty;
use crate::text::visible;

const DAY: u64 = 24 * 60 * 60;
const YEAR: u64 = 365 * DAY;

/// `sha256:` and twelve digits.
const SHORT_DIGEST: usize = 19;

/// The place of an image that is in hotcell's own store.
const STORE: &str = "store";

/// Arguments of `hotcell image list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// How to print the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// An image, and where it is: an engine's name, or [`STORE`].
struct Listed {
    place: String,
    image: ImageSummary,
}

/// Lists them. An engine that does not answer is no error while the store has images.
///
/// # Errors
/// When there is neither, or the store cannot be read.
pub(super) fn list(config: &Config, arguments: &ListArgs) -> Result<(), CliError> {
    let stored = Store::at(config.dirs.images()).images()?;
    let (endpoint, mut images) = match runtime()?.block_on(of_engine(config)) {
        Ok((endpoint, images)) => (Some(endpoint), images),
        Err(error) if stored.is_empty() => return Err(error),
        Err(error) => {
            anstream::eprintln!("the store alone: {error}");
            (None, Vec::new())
        }
    };
    let wanted = endpoint.as_ref().map_or(config.image.as_str(), |endpoint| config.image_for(endpoint.kind));
    // The embedded engine's images are the store's, but for its own view of this machine.
    if endpoint.as_ref().is_some_and(|endpoint| endpoint.kind == EngineKind::Embedded) {
        images.retain(|listed| !stored.contains(&listed.image));
    }
    images.extend(stored.into_iter().map(|image| Listed { place: STORE.to_owned(), image }));
    layout::print(&match arguments.format {
        Format::Json => to_pretty(&list_json(endpoint.as_ref(), &images, wanted)) + "\n",
        Format::Text => list_text(&images, wanted, SystemTime::now()),
    })
}

async fn of_engine(config: &Config) -> Result<(Endpoint, Vec<Listed>), CliError> {
    let engine = engine::connect(config).await?;
    let endpoint = engine.endpoint().clone();
    let place = endpoint.kind.to_string();
    let listed = |image| Listed { place: place.clone(), image };
    Ok((endpoint, engine.images().await?.into_iter().map(listed).collect()))
}

fn list_json(engine: Option<&Endpoint>, images: &[Listed], wanted: &str) -> Value {
    let image = |Listed { place, image }: &Listed| {
        json!({
            "reference": image.reference,
            "id": image.id,
            "where": place,
            "size_bytes": image.size,
            "created": image.created,
            "sandbox": is_image(image, wanted),
        })
    };
    json!({ "engine": engine, "images": images.iter().map(image).collect::<Vec<_>>() })
}

fn list_text(images: &[Listed], wanted: &str, now: SystemTime) -> String {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let head = ["IMAGE", "WHERE", "SIZE", "AGE", ""].map(|title| styled(BOLD, title));
    let row = |Listed { place, image }: &Listed| {
        let mark = if is_image(image, wanted) { "for cells" } else { "" };
        let age = age(u64::try_from(image.created).unwrap_or(0), now);
        // As much of a digest as tells images apart, and as the store takes.
        let is_digest = image.reference == image.id && image.id.is_ascii();
        let shown = image.reference.get(..SHORT_DIGEST).filter(|_| is_digest).unwrap_or(&image.reference);
        let reference = cell(visible(shown.as_bytes()));
        [reference, cell(place.as_str()), cell(image.size.to_string()), cell(age), styled(GOOD, mark)]
    };
    let rows: Vec<_> = std::iter::once(head).chain(images.iter().map(row)).collect();
    let table = table(0, &rows);
    if images.iter().any(|listed| is_image(&listed.image, wanted)) {
        return table;
    }
    format!("{table}\n{}\n", layout::fill(&missing(wanted), 0, 0))
}

/// What to do where the image is not there.
pub(in crate::cli) fn missing(wanted: &str) -> String {
    let shown = visible(wanted.as_bytes());
    if canonical(TAG) == canonical(wanted) {
        format!("{shown} is missing: make it with `hotcell image build`")
    } else {
        format!("{shown} is missing: pull or load it with the engine's own tools, or name another with `--image`")
    }
}

/// Whether this is the image that a reference names.
pub(in crate::cli) fn is_image(image: &ImageSummary, wanted: &str) -> bool {
    canonical(&image.reference) == canonical(wanted) || image.id == wanted
}

/// How long ago, in the largest unit; builds that are the same byte for byte have a date from before Docker's time.
fn age(created: u64, now: u64) -> String {
    const DOCKER_BORN: u64 = 43 * YEAR;
    let seconds = now.saturating_sub(created);
    let (count, unit) = match seconds {
        _ if created < DOCKER_BORN => return "undated".to_owned(),
        0..60 => return "just made".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..DAY => (seconds / 3_600, "hour"),
        DAY..YEAR => (seconds / DAY, "day"),
        _ => (seconds / YEAR, "year"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Bytes;

    fn image(reference: &str, place: &str, created: i64) -> Listed {
        let (reference, id) = (reference.to_owned(), "sha256:0".to_owned());
        Listed { place: place.to_owned(), image: ImageSummary { reference, id, size: Bytes::mib(117), created } }
    }

    #[test]
    fn the_list_marks_the_image_that_cells_are_made_from() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let images =
            [image("localhost/code-sandbox:latest", "podman", 315_532_800), image("b\u{1b}[2J", STORE, 1_999_990_000)];
        let text = anstream::adapter::strip_str(&list_text(&images, "code-sandbox", now)).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "localhost/code-sandbox:latest  podman  117 MiB  undated  for cells");
        assert_eq!(lines[2], "b\\x1b[2J                       store   117 MiB  2 hours");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_missing_image_is_told_with_what_to_do() {
        let text = list_text(&[], "code-sandbox:latest", SystemTime::now());
        assert!(text.contains("code-sandbox:latest is missing: make it with `hotcell image build`"), "{text}");
        assert!(missing("mine:1").contains("`--image`"));
    }
}
