//! Everything a reviewer can do, once: one name, one help line, one default key each. The keymap, the palette, the
//! help overlay, the footer and the configuration are all made from this table.

use std::fmt;

/// Where a command applies. A key is looked up in the scopes of what has the focus, innermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everywhere.
    Global,
    /// Moving about in any pane or list.
    Move,
    /// The specimen, while it is read.
    Specimen,
    /// The specimen, while it is typed into.
    Edit,
    /// The layers.
    Layers,
    /// The denials.
    Denials,
    /// The denials, while a call is held.
    Held,
    /// The profile.
    Profile,
    /// The breakpoints.
    Points,
    /// The matrix and the drill.
    Trials,
    /// The output.
    Output,
    /// A line of text being typed.
    Field,
}

impl Scope {
    /// Every scope, in the order in which the help lists them.
    pub const ALL: [Self; 12] = [
        Self::Global,
        Self::Move,
        Self::Specimen,
        Self::Edit,
        Self::Layers,
        Self::Denials,
        Self::Held,
        Self::Profile,
        Self::Points,
        Self::Trials,
        Self::Output,
        Self::Field,
    ];

    /// Its heading in the help.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Global => "Everywhere",
            Self::Move => "Moving about",
            Self::Specimen => "Specimen",
            Self::Edit => "Specimen, while editing",
            Self::Layers => "Layers",
            Self::Denials => "Denials",
            Self::Held => "Denials, while a call is held",
            Self::Profile => "Profile",
            Self::Points => "Breakpoints",
            Self::Trials => "Matrix and drill",
            Self::Output => "Output",
            Self::Field => "Typing a line",
        }
    }
}

/// What the table says of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The command.
    pub command: Command,
    /// Its name: in the palette, and as a key of `[keys]` in the configuration file.
    pub name: &'static str,
    /// Where it applies.
    pub scopes: &'static [Scope],
    /// Its keys; the first is the one that is shown.
    pub keys: &'static [&'static str],
    /// What it does, in a line.
    pub help: &'static str,
}

macro_rules! commands {
    ($($variant:ident, $name:literal, [$($scope:ident),+], [$($key:literal),*], $help:literal;)+) => {
        /// Something a reviewer can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the table's help lines say what each is")]
        #[allow(clippy::enum_variant_names, reason = "`Command::ShowCommand` shows a command")]
        pub enum Command {
            $($variant,)+
        }

        /// Every command, in the order in which they are listed.
        pub const COMMANDS: &[Info] = &[
            $(Info {
                command: Command::$variant,
                name: $name,
                scopes: &[$(Scope::$scope),+],
                keys: &[$($key),*],
                help: $help,
            },)+
        ];
    };
}

commands! {
    Run, "run", [Global], ["r", "f5"], "Run the specimen in the cell that waits; while one runs, stop it and run anew";
    Stop, "stop", [Global], ["x", "f6"], "Kill the specimen that runs";
    Hold, "hold", [Global], ["z", "f7"], "Hold every process of the specimen, its deadline too; again: let them go on";
    Break, "break", [Global], ["b"], "Hold each refused call until you decide, or answer as the profile says";
    Breakpoints, "breakpoints", [Global], ["B"], "Choose which refused calls are held: by call, purpose or line";
    ProfileView, "profile-view", [Global], ["V"], "See and change the profile call by call; its edits, differences and faults";
    Prove, "prove", [Global], ["!"], "Run under the engine's own enforcement and compare it with the last supervised run";
    AllowStart, "allow-start", [Global], ["&"], "Allow what starting a container natively needs beside the specimen, as one edit";
    Palette, "palette", [Global], [":", "ctrl-p"], "Find any action by name";
    Help, "help", [Global], ["?", "f1"], "Show every key";
    Open, "open", [Global], ["o", "ctrl-o"], "Open a specimen by its path, or a recent one";
    Corpus, "corpus", [Global], ["O"], "Open a probe of the corpus: the fork bomb, exfiltration, ways out …";
    Matrix, "matrix", [Global], ["#"], "Run the specimen with each layer away and each alone: which of them hold it";
    Drill, "drill", [Global], ["D"], "Try every probe of the corpus under the policy: what is contained, and by which layer";
    NewSpecimen, "new", [Global], ["ctrl-n"], "Begin an empty specimen";
    SaveSpecimen, "save", [Global], ["ctrl-s"], "Save the specimen to a file";
    Language, "language", [Global], ["t"], "Choose the specimen's language";
    Policy, "policy", [Global], ["p"], "Choose a policy";
    Profile, "profile", [Global], ["P"], "Choose the seccomp profile";
    ResetPolicy, "reset-policy", [Global], ["U"], "Take back every change to the policy";
    SavePolicy, "save-policy", [Global], ["W"], "Save the policy as a file of your own";
    Native, "native", [Global], ["M"], "Let the engine enforce seccomp and ulimits alone (no live denials), or the shim";
    ShowCommand, "command", [Global], ["c"], "Show the equivalent docker and podman commands";
    Engine, "engine", [Global], ["E"], "Choose the engine";
    Reconnect, "reconnect", [Global], ["R"], "Look for the engine again, and make a new cell";
    OlderRun, "older-run", [Global], ["["], "Show the run before";
    NewerRun, "newer-run", [Global], ["]"], "Show the run after";
    Compare, "compare", [Global], ["="], "Compare the run shown with the one before it";
    NextPane, "next-pane", [Global], ["tab"], "Focus the next pane";
    PreviousPane, "previous-pane", [Global], ["backtab"], "Focus the pane before";
    FocusSpecimen, "specimen", [Global], ["1"], "Focus the specimen";
    FocusLayers, "layers", [Global], ["2"], "Focus the layers";
    FocusDenials, "denials", [Global], ["3"], "Focus the denials";
    FocusOutput, "output", [Global], ["4"], "Focus the output";
    FocusResources, "resources", [Global], ["5"], "Focus the resources";
    Zoom, "zoom", [Global], ["f"], "Give the focused pane the whole screen, or give it back";
    Taller, "taller", [Global], ["+"], "Make the focused pane taller";
    Shorter, "shorter", [Global], ["-"], "Make the focused pane shorter";
    Wider, "wider", [Global], [">"], "Make the focused pane wider";
    Narrower, "narrower", [Global], ["<"], "Make the focused pane narrower";
    Theme, "theme", [Global], ["T"], "Choose the colours";
    Redraw, "redraw", [Global], ["ctrl-l"], "Draw the whole screen anew";
    Suspend, "suspend", [Global], ["ctrl-z"], "Give the terminal back to the shell until `fg`; what runs is held";
    Quit, "quit", [Global], ["q", "ctrl-q", "ctrl-c"], "Leave; what runs is killed and its cell removed";

    Up, "up", [Move, Edit, Field], ["up", "k"], "Up";
    Down, "down", [Move, Edit, Field], ["down", "j"], "Down";
    Left, "left", [Move, Edit, Field], ["left", "h"], "Left";
    Right, "right", [Move, Edit, Field], ["right", "l"], "Right";
    PageUp, "page-up", [Move, Edit], ["pageup", "ctrl-b"], "A page up";
    PageDown, "page-down", [Move, Edit], ["pagedown", "ctrl-f"], "A page down";
    Top, "top", [Move], ["g", "ctrl-home"], "To the beginning";
    Bottom, "bottom", [Move], ["G", "ctrl-end"], "To the end";
    Accept, "accept", [Move, Edit, Field], ["enter"], "Edit, open or take what is selected";
    Back, "back", [Global], ["esc"], "Leave what is open, or what is being typed";

    Edit, "edit", [Specimen], ["e", "i"], "Type into the specimen";
    Search, "search", [Specimen, Output], ["/"], "Search by a regular expression";
    NextMatch, "next-match", [Specimen, Output], ["n"], "The next match";
    PreviousMatch, "previous-match", [Specimen, Output], ["N"], "The match before";
    BreakLine, "break-line", [Specimen], ["space"], "Hold refused calls that come from this line, or hold them no more";
    NextMark, "next-mark", [Specimen], ["m"], "The next line with a denial or a hidden character";
    Undo, "undo", [Specimen, Edit], ["u", "ctrl-u"], "Undo";
    Redo, "redo", [Specimen, Edit], ["ctrl-r", "ctrl-y"], "Redo";

    LineStart, "line-start", [Specimen, Edit, Field], ["home", "ctrl-a"], "To the beginning of the line";
    LineEnd, "line-end", [Specimen, Edit, Field], ["end", "ctrl-e"], "To the end of the line";
    WordLeft, "word-left", [Edit, Field], ["ctrl-left", "alt-b"], "A word left";
    WordRight, "word-right", [Edit, Field], ["ctrl-right", "alt-f"], "A word right";
    DeleteBack, "delete-back", [Edit, Field], ["backspace", "ctrl-h"], "Delete the character before";
    DeleteNext, "delete-next", [Edit, Field], ["delete", "ctrl-d"], "Delete the character behind";
    DeleteWord, "delete-word", [Edit, Field], ["ctrl-w", "alt-backspace"], "Delete the word before";
    DeleteLineEnd, "delete-line-end", [Edit, Field], ["ctrl-k"], "Delete to the end of the line";
    Indent, "indent", [Edit, Field], ["tab"], "Indent; complete a path";

    Toggle, "toggle", [Layers, Profile, Points], ["space"], "Switch the layer, the call, the argument or the breakpoint on or off";
    Lesson, "lesson", [Layers, Trials], ["?"], "The layer's page: what it stops, what not, a probe that shows it (F1 is help)";
    ResetLayer, "reset-layer", [Layers], ["d"], "Set the layer back to what the policy says";

    UndoEdit, "undo-edit", [Layers, Denials, Profile], ["u"], "Take the last edit to the profile back";
    RedoEdit, "redo-edit", [Layers, Denials, Profile], ["ctrl-r"], "Make the edit again that was taken back last";
    ResetProfile, "reset-profile", [Layers, Profile], ["X"], "Take every edit to the profile back";
    SaveProfile, "save-profile", [Layers, Profile], ["w"], "Save the profile as a file for docker, podman, runc and crun";

    AllowFrom, "allow-from-now-on", [Denials], ["A"], "Allow a refused call from now on: an edit to the profile, and the run goes on";
    Filter, "filter", [Denials, Profile], ["/"], "Show only what matches: call, arguments or process; in the profile, call or purpose";
    Sort, "sort", [Denials], ["s"], "Sort by time, by count or by call";
    GotoLine, "goto-line", [Denials], ["L"], "Go to the specimen's line that made the call, where it is known";

    Deny, "deny-call", [Held], ["d"], "Answer the held call as the profile says";
    Allow, "allow-call", [Held], ["a"], "Let the held call through, once: what its pointers lead to can still change";
    DenyAlways, "deny-always", [Held], ["D"], "Answer this call as the profile says for the rest of the session, and hold it no more";
    DenyErrno, "deny-with", [Held], ["e"], "Answer the held call with another errno, once or from now on";
    KillCaller, "kill-caller", [Held], ["K"], "Kill the process whose call is held";
    NextHeld, "next-held", [Held], ["n"], "Go to the next of the calls that are held";

    EditAllow, "edit-allow", [Profile], ["a"], "Allow the selected call, or the calls of low risk of the purpose";
    EditDeny, "edit-deny", [Profile], ["d"], "Refuse the selected call with an errno of your choice";
    EditDefault, "edit-default", [Profile], ["delete", "backspace"], "Leave the selected call to the default action";
    EditCondition, "edit-condition", [Profile], ["c"], "Allow the selected call under conditions on its arguments";

    AddPoint, "add-breakpoint", [Points], ["a"], "Hold a refused call by its name";

    Runtimes, "runtimes", [Trials], ["v"], "Run the matrix also over every other runtime of the engine, such as gVisor's";
    Expose, "expose", [Trials], ["e"], "Run also what is withheld, since it shows more of the host than a container does";

    Wrap, "wrap", [Output], ["w"], "Wrap long lines, or cut them";
    Split, "split", [Output], ["v"], "Show stdout and stderr side by side, or as they came";
    SaveOutput, "save-output", [Output], ["S"], "Save the output that was kept to a file; in the list of commands, the command";
    Copy, "copy", [Specimen, Denials, Output], ["y"], "Copy what the pane shows to the terminal's clipboard (OSC 52)";
    Follow, "follow", [Denials, Output], ["F"], "Keep the newest in sight, or stay";
}

impl Info {
    /// Whether it does something by itself: the others only move about or type, and are not in the palette.
    pub fn is_action(&self) -> bool {
        !self.scopes.iter().any(|scope| matches!(scope, Scope::Move | Scope::Edit | Scope::Field))
            && self.command != Command::Back
    }
}

impl Command {
    /// What the table says of it.
    pub fn info(self) -> &'static Info {
        // The macro writes the enum and the table from the same rows.
        &COMMANDS[self as usize]
    }

    /// The command of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        COMMANDS.iter().find(|info| info.name == name).map(|info| info.command)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_command_has_a_name_of_its_own_a_key_and_a_help_line() {
        let mut names = HashSet::new();
        for info in COMMANDS {
            assert!(names.insert(info.name), "{} twice", info.name);
            assert!(!info.keys.is_empty() && !info.scopes.is_empty(), "{}", info.name);
            assert!(!info.help.is_empty() && !info.help.ends_with('.'), "{}", info.name);
            assert_eq!(info.command.info(), info);
            assert_eq!(Command::from_name(info.name), Some(info.command));
        }
    }
}
