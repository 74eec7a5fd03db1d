//! The calls and their arguments: one row a call, grouped by subject.
//!
//! To decode one more call, add its row to the group's table; a call without a row
//! shows six registers in hexadecimal. A 32-bit call such as `setuid32` or `fcntl64`
//! finds the row without its suffix, unless it has one of its own.

mod files;
mod kernel;
mod layouts;
mod memory;
mod network;
mod process;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use network::socketcall;

use super::kind::{Kind, Row};
use super::{ARCH_I386, RawCall};

const GROUPS: [&[Row]; 5] = [files::ROWS, kernel::ROWS, memory::ROWS, network::ROWS, process::ROWS];

static INDEX: LazyLock<HashMap<&str, &[Kind]>> = LazyLock::new(|| GROUPS.into_iter().flatten().copied().collect());

/// The kinds of the arguments of the call with this name.
pub fn kinds(name: &str, raw: &RawCall) -> &'static [Kind] {
    // These take one pointer to their arguments in the first ABI of i386.
    if raw.arch == ARCH_I386 && matches!(name, "mmap" | "select") {
        return &[Kind::Pointer];
    }
    let bare = || name.strip_suffix("32").or_else(|| name.strip_suffix("64"));
    INDEX.get(name).or_else(|| INDEX.get(bare()?)).copied().unwrap_or(&[Kind::Hex; 6])
}

/// Every call that has a row.
#[cfg(test)]
pub fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.into_iter().flatten().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::super::write::{MAX_FIELDS, MAX_STRUCT};
    use super::*;

    #[test]
    fn every_call_has_one_row_of_at_most_six_arguments() {
        let count: usize = GROUPS.iter().map(|rows| rows.len()).sum();
        assert_eq!(INDEX.len(), count, "a call has two rows");
        for (name, kinds) in GROUPS.into_iter().flatten() {
            assert!(kinds.len() <= 6, "{name}");
        }
    }

    #[test]
    fn every_structure_and_every_position_in_a_table_fits() {
        fn check(kind: Kind, count: usize, what: &str) {
            match kind {
                Kind::ModeIfCreating(at)
                | Kind::Device(at)
                | Kind::Data(at)
                | Kind::OptionValue(at)
                | Kind::Protocol(at)
                | Kind::Sockaddr(at) => assert!(at < count, "{what}"),
                Kind::Struct(layout) => check_layout(layout, what),
                Kind::SizedStruct(layout, at) | Kind::Array(layout, at) => {
                    assert!(at < count, "{what}");
                    check_layout(layout, what);
                }
                Kind::Operation(operations) => {
                    for (_, kinds) in operations.arguments {
                        kinds.iter().for_each(|kind| check(*kind, 6, what));
                    }
                }
                _ => {}
            }
        }
        fn check_layout(layout: &'static super::super::kind::Layout, what: &str) {
            assert!(layout.0.len() <= MAX_FIELDS, "{what}");
            assert!(layout.places(false).1 <= MAX_STRUCT, "{what}");
            layout.0.iter().for_each(|field| check(field.kind, layout.0.len(), what));
        }
        for (name, kinds) in GROUPS.into_iter().flatten() {
            kinds.iter().for_each(|kind| check(*kind, kinds.len(), name));
        }
    }
}
