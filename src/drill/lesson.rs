//! What is taught of each layer: a page of `docs/lessons/`, as it was when this program was built. Pure.
//!
//! ```text
//! # pids: A limit on processes
//!
//! Probe: fork-bomb.py
//!
//! ## What it is
//!
//! A paragraph, its lines filled anew where it is shown.
//!
//! - an item of a list
//! ```

use crate::policy::Layer;

/// A layer's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Which layer's.
    pub layer: Layer,
    /// What it is called.
    pub title: &'static str,
    /// The probe of the corpus that shows it; for a layer that none shows, none.
    pub probe: Option<&'static str>,
    /// What is said, in order.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading.
    Heading(&'static str),
    /// A paragraph, in one line.
    Paragraph(String),
    /// An item of a list, in one line.
    Item(&'static str),
}

impl Lesson {
    /// The page of a layer.
    pub fn of(layer: Layer) -> Self {
        let mut lesson = Self { layer, title: "", probe: None, blocks: Vec::new() };
        for part in text(layer).split("\n\n") {
            if let Some(title) = part.strip_prefix("# ") {
                lesson.title = title.split_once(": ").map_or(title, |(_, title)| title);
            } else if let Some(probe) = part.strip_prefix("Probe: ") {
                lesson.probe = Some(probe).filter(|probe| *probe != "none");
            } else {
                lesson.blocks.extend(blocks(part));
            }
        }
        lesson
    }
}

fn blocks(part: &'static str) -> Vec<Block> {
    if let Some(heading) = part.strip_prefix("## ") {
        return vec![Block::Heading(heading.trim_end())];
    }
    if part.starts_with("- ") {
        return part.lines().filter_map(|line| line.strip_prefix("- ")).map(Block::Item).collect();
    }
    // The marks of code say nothing on a terminal.
    vec![Block::Paragraph(part.split_whitespace().collect::<Vec<_>>().join(" ").replace('`', ""))]
}

const fn text(layer: Layer) -> &'static str {
    match layer {
        Layer::Network => include_str!("../../docs/lessons/network.md"),
        Layer::Rootfs => include_str!("../../docs/lessons/rootfs.md"),
        Layer::Tmpfs => include_str!("../../docs/lessons/tmpfs.md"),
        Layer::Memory => include_str!("../../docs/lessons/memory.md"),
        Layer::Cpu => include_str!("../../docs/lessons/cpu.md"),
        Layer::Pids => include_str!("../../docs/lessons/pids.md"),
        Layer::Io => include_str!("../../docs/lessons/io.md"),
        Layer::Caps => include_str!("../../docs/lessons/caps.md"),
        Layer::NoNewPrivs => include_str!("../../docs/lessons/no-new-privs.md"),
        Layer::Seccomp => include_str!("../../docs/lessons/seccomp.md"),
        Layer::Apparmor => include_str!("../../docs/lessons/apparmor.md"),
        Layer::Selinux => include_str!("../../docs/lessons/selinux.md"),
        Layer::Landlock => include_str!("../../docs/lessons/landlock.md"),
        Layer::Ulimits => include_str!("../../docs/lessons/ulimits.md"),
        Layer::User => include_str!("../../docs/lessons/user.md"),
        Layer::Userns => include_str!("../../docs/lessons/userns.md"),
        Layer::Ipc => include_str!("../../docs/lessons/ipc.md"),
        Layer::Env => include_str!("../../docs/lessons/env.md"),
        Layer::ProcMasks => include_str!("../../docs/lessons/proc-masks.md"),
        Layer::Runtime => include_str!("../../docs/lessons/runtime.md"),
        Layer::Timeout => include_str!("../../docs/lessons/timeout.md"),
        Layer::Output => include_str!("../../docs/lessons/output.md"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::corpus;

    /// What every page tells, in this order.
    const HEADINGS: [&str; 5] = ["What it is", "What it stops", "What it does not stop", "See it", "Read on"];

    #[test]
    fn every_layer_has_a_page_of_its_own_with_every_part_and_none_is_empty() {
        for layer in Layer::ALL {
            let page = text(layer);
            assert!(page.starts_with(&format!("# {layer}: ")), "{layer}: {page}");
            let lesson = Lesson::of(layer);
            assert!(!lesson.title.is_empty(), "{layer}");
            let headings: Vec<&str> = lesson
                .blocks
                .iter()
                .filter_map(|block| match block {
                    Block::Heading(heading) => Some(*heading),
                    _ => None,
                })
                .collect();
            assert_eq!(headings, HEADINGS, "{layer}");
            let empty = lesson.blocks.windows(2).any(|two| matches!(two, [Block::Heading(_), Block::Heading(_)]));
            assert!(!empty && !matches!(lesson.blocks.last(), Some(Block::Heading(_))), "{layer}");
            assert!(page.is_ascii() && page.len() < 2800, "{layer}: a page is short: {}", page.len());
        }
    }

    #[test]
    fn the_probe_that_shows_a_layer_is_in_the_corpus_and_its_header_names_the_layer() {
        let probes = corpus::probes().unwrap();
        for layer in Layer::ALL {
            if let Some(name) = Lesson::of(layer).probe {
                let probe = probes.iter().find(|probe| probe.name == name);
                let probe = probe.unwrap_or_else(|| panic!("{layer}: {name} is not in the corpus"));
                assert!(probe.layers().any(|named| named == layer), "{layer}: {name} does not name it");
            } else {
                let shown = probes.iter().find(|probe| probe.layers().any(|named| named == layer));
                assert_eq!(shown.map(|probe| &probe.name), None, "{layer} has a probe that its page does not name");
            }
        }
    }

    #[test]
    fn every_file_that_a_page_names_is_in_the_corpus() {
        for layer in Layer::ALL {
            for word in text(layer).split(|c: char| c.is_whitespace() || "`().,:;".contains(c) && c != '.') {
                let word = word.trim_end_matches('.');
                if word.strip_suffix(".py").is_some_and(|stem| !stem.contains('/')) {
                    assert!(corpus::text(word).is_some(), "{layer}: {word}");
                }
            }
        }
    }

    #[test]
    fn a_page_is_read_into_its_parts() {
        let lesson = Lesson::of(Layer::Pids);
        assert_eq!((lesson.title, lesson.probe), ("A limit on processes", Some("fork-bomb.py")));
        assert_eq!(lesson.blocks[0], Block::Heading("What it is"));
        let Block::Paragraph(text) = &lesson.blocks[1] else { panic!("{:?}", lesson.blocks[1]) };
        assert!(text.starts_with("The pids controller") && !text.contains('\n'), "{text}");
        assert_eq!(lesson.blocks.last(), Some(&Block::Item("https://docs.kernel.org/admin-guide/cgroup-v1/pids.html")));
    }
}
