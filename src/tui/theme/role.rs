//! What has a look of its own: parts of the screen, tokens, families of layers.

use crate::policy::Layer;

/// An enum whose variants have a name in theme files, and whose order is that of [`Theme`](super::Theme)'s arrays.
macro_rules! looks {
    ($(#[$meta:meta])+ $name:ident { $($(#[$doc:meta])+ $variant:ident = $key:literal,)+ }) => {
        $(#[$meta])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])+ $variant,)+
        }

        impl $name {
            /// Every one, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];
            /// Their names in theme files, in the same order.
            pub(super) const NAMES: &[&str] = &[$($key,)+];
        }
    };
}

looks! {
    /// A part of the screen that has a look of its own.
    Role {
        /// What is read. Its background is that of the screen, to be painted before all else.
        Text = "text",
        /// What is said by the way.
        Muted = "muted",
        /// What stands out.
        Accent = "accent",
        /// A pane's border and title.
        Border = "border",
        /// The border and title of the pane that has the focus.
        BorderFocused = "border-focused",
        /// The selected row.
        Selection = "selection",
        /// The row at the moment that is selected elsewhere.
        Moment = "moment",
        /// As it should be: a layer in force, a clean end.
        Good = "good",
        /// Worth a look: unverified, changed, near its limit.
        Caution = "caution",
        /// Not as it should be: a denial, an exposure, a layer not in force.
        Bad = "bad",
        /// A hidden or active character made visible.
        Mark = "mark",
        /// A search's match.
        Match = "match",
        /// Standard output.
        Stdout = "stdout",
        /// Standard error.
        Stderr = "stderr",
        /// Line numbers.
        LineNumber = "line-number",
        /// The line the cursor is on.
        CursorLine = "cursor-line",
        /// The cursor of the specimen and of fields.
        Cursor = "cursor",
        /// The header.
        Header = "header",
        /// The footer.
        Footer = "footer",
        /// A key in the footer and in the help.
        Key = "key",
        /// A box over the panes.
        Overlay = "overlay",
        /// The graph of CPU time.
        GraphCpu = "graph-cpu",
        /// The graph of memory.
        GraphMemory = "graph-memory",
        /// The graph of processes.
        GraphPids = "graph-pids",
        /// The graph of block I/O.
        GraphIo = "graph-io",
        /// A limit in a graph.
        GraphLimit = "graph-limit",
    }
}

looks! {
    /// A kind of token in source code.
    Token {
        /// Anything else.
        Plain = "plain",
        /// A comment.
        Comment = "comment",
        /// A string.
        String = "string",
        /// An escape within a string.
        Escape = "escape",
        /// A number.
        Number = "number",
        /// A constant of the language.
        Constant = "constant",
        /// A keyword.
        Keyword = "keyword",
        /// An operator.
        Operator = "operator",
        /// A function's or method's name.
        Function = "function",
        /// A type's or class's name.
        Type = "type",
        /// A variable or parameter.
        Variable = "variable",
        /// A module or import.
        Module = "module",
        /// A decorator, annotation or preprocessor line.
        Attribute = "attribute",
        /// Punctuation.
        Punctuation = "punctuation",
    }
}

looks! {
    /// What layers have to do with, each with its colour.
    Family {
        /// What can be reached.
        Network = "network",
        /// What can be read and written.
        Files = "files",
        /// How much can be used up.
        Resources = "resources",
        /// As whom it runs, with which powers.
        Privileges = "privileges",
        /// How much of the kernel is within reach.
        Kernel = "kernel",
        /// What the mandatory access control grants.
        Labels = "labels",
        /// What it runs in.
        Runtime = "runtime",
    }
}

impl Family {
    /// The family of a layer.
    pub const fn of(layer: Layer) -> Self {
        match layer {
            Layer::Network => Self::Network,
            Layer::Rootfs | Layer::Tmpfs | Layer::Landlock => Self::Files,
            Layer::Memory | Layer::Cpu | Layer::Pids | Layer::Io | Layer::Ulimits | Layer::Timeout | Layer::Output => {
                Self::Resources
            }
            Layer::Caps | Layer::NoNewPrivs | Layer::User | Layer::Userns => Self::Privileges,
            Layer::Seccomp | Layer::Ipc | Layer::ProcMasks => Self::Kernel,
            Layer::Apparmor | Layer::Selinux => Self::Labels,
            Layer::Runtime | Layer::Env => Self::Runtime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_a_layer() {
        for family in Family::ALL {
            assert!(Layer::ALL.into_iter().any(|layer| Family::of(layer) == *family), "{family:?}");
        }
    }

    #[test]
    fn what_has_a_look_knows_its_place_in_the_arrays() {
        for (at, role) in Role::ALL.iter().enumerate() {
            assert_eq!(*role as usize, at);
        }
        assert_eq!(Role::NAMES[Role::GraphLimit as usize], "graph-limit");
    }
}
