//! What to do with a refused call from now on.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};

use super::boxed;
use crate::policy::Layer;
use crate::run::words::counted;
use crate::seccomp::decode::number_bits;
use crate::seccomp::{Action, ArgCondition, Edit, Op, Profile, Risk, about, syscall_number, telling};
use crate::tui::cells::{clip, wrap};
use crate::tui::command::Command;
use crate::tui::state::{RunRecord, State};
use crate::tui::theme::{Role, Theme};
use crate::tui::tuning::Subject;

/// Cells of the box.
const WIDTH: u16 = 100;

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The call is allowed, whatever its arguments.
    Always,
    /// It is allowed where the ticked arguments are as they are here.
    Bound,
    /// One of these arguments.
    Argument {
        /// That it is as it is here.
        condition: ArgCondition,
        /// What it is, safe to show.
        words: String,
        /// It counts.
        ticked: bool,
    },
    /// It fails with ENOSYS: the C library has another way.
    NoSys,
    /// It is allowed, and every call of low risk that the run makes from now on.
    Sweep,
    /// Several calls that were refused are allowed at once.
    Refused {
        /// Only those of low risk.
        low: bool,
        /// The edits.
        edits: Vec<Edit>,
    },
}

/// A list of choices.
#[derive(Clone, Debug)]
pub struct Allow {
    /// What it is about.
    pub subject: Subject,
    choices: Vec<Choice>,
    selected: usize,
}

/// Calls that the C library does without where they fail with ENOSYS, and what it takes then.
const INSTEAD: [(&str, &str); 1] = [("clone3", "clone, whose flags a filter can see")];

fn instead(call: &str) -> Option<&'static str> {
    INSTEAD.iter().find(|(known, _)| *known == call).map(|(_, other)| *other)
}

/// ENOSYS as a profile has it.
const ENOSYS: u16 = 38;

/// That a call fails with ENOSYS.
pub fn no_sys(call: &str, reason: String) -> Edit {
    Edit::Deny { call: call.to_owned(), errno: ENOSYS, reason }
}

/// That a call is allowed.
fn always(subject: &Subject) -> Edit {
    Edit::Allow { call: subject.call.clone(), conditions: Vec::new(), reason: subject.reason() }
}

/// Whether a call is of low risk, as the catalogue has it: one that it does not know is not.
pub fn is_low(call: &str) -> bool {
    about(call).is_some_and(|about| about.risk == Risk::Low)
}

impl Allow {
    /// The choices for a call of a run; `None` where no profile can name it.
    pub fn new(subject: Subject, run: &RunRecord, current: &Profile) -> Option<Self> {
        syscall_number(&subject.call)?;
        let mut choices = Vec::new();
        if instead(&subject.call).is_some() {
            choices.push(Choice::NoSys);
        }
        choices.push(Choice::Always);
        let arguments = arguments(&subject);
        let told = arguments.iter().any(|argument| matches!(argument, Choice::Argument { ticked: true, .. }));
        let bound = choices.len();
        if !arguments.is_empty() {
            choices.push(Choice::Bound);
            choices.extend(arguments);
        }
        let low = is_low(&subject.call);
        if subject.held.is_some() && low {
            choices.push(Choice::Sweep);
        }
        let all = refused(run, current);
        let few: Vec<Edit> = all.iter().filter(|edit| is_low(edit.call())).cloned().collect();
        if few.len() > 1 && few.len() < all.len() {
            choices.push(Choice::Refused { low: true, edits: few });
        }
        if all.len() > 1 {
            choices.push(Choice::Refused { low: false, edits: all });
        }
        let selected = if told && instead(&subject.call).is_none() { bound } else { 0 };
        Some(Self { subject, choices, selected })
    }

    /// What is selected.
    pub fn choice(&self) -> &Choice {
        &self.choices[self.selected]
    }

    /// Moves the selection, or ticks an argument.
    pub fn command(&mut self, command: Command) {
        let last = self.choices.len() - 1;
        match command {
            Command::Up => self.selected = self.selected.checked_sub(1).unwrap_or(last),
            Command::Down => self.selected = if self.selected == last { 0 } else { self.selected + 1 },
            Command::Top => self.selected = 0,
            Command::Bottom => self.selected = last,
            Command::Toggle | Command::Accept => {
                if let Choice::Argument { ticked, .. } = &mut self.choices[self.selected] {
                    *ticked = !*ticked;
                }
            }
            _ => {}
        }
    }

    /// The conditions that are ticked.
    fn ticked(&self) -> impl Iterator<Item = (&ArgCondition, &str)> {
        self.choices.iter().filter_map(|choice| match choice {
            Choice::Argument { condition, words, ticked: true } => Some((condition, words.as_str())),
            _ => None,
        })
    }

    /// The edits that the selected choice makes; none where an argument is selected, or none is ticked.
    pub fn edits(&self) -> Vec<Edit> {
        let subject = &self.subject;
        match self.choice() {
            Choice::Always | Choice::Sweep => vec![always(subject)],
            Choice::Bound => {
                let conditions: Vec<ArgCondition> = self.ticked().map(|(condition, _)| *condition).collect();
                let edit = || Edit::Allow {
                    call: subject.call.clone(),
                    conditions: conditions.clone(),
                    reason: subject.reason(),
                };
                if conditions.is_empty() { Vec::new() } else { vec![edit()] }
            }
            Choice::Argument { .. } => Vec::new(),
            Choice::NoSys => vec![no_sys(&subject.call, subject.reason())],
            Choice::Refused { edits, .. } => edits.clone(),
        }
    }

    fn label(&self, choice: &Choice) -> String {
        let call = &self.subject.call;
        match choice {
            Choice::Always => format!("allow {call}, whatever its arguments"),
            Choice::Bound => {
                let words: Vec<&str> = self.ticked().map(|(_, words)| words).collect();
                let what = if words.is_empty() {
                    "the ticked arguments are as they are here".to_owned()
                } else {
                    words.join(" and ")
                };
                format!("allow {call} only where {what}")
            }
            Choice::Argument { words, ticked, .. } => format!("    [{}] {words}", if *ticked { 'x' } else { ' ' }),
            Choice::NoSys => {
                format!("refuse {call} with ENOSYS: the C library then takes {}", instead(call).unwrap_or("another"))
            }
            Choice::Sweep => "allow this and every call of low risk of this run; others are still held".to_owned(),
            Choice::Refused { low, edits } => {
                let calls = counted(edits.len() as u64, "call");
                let risky: Vec<&str> = edits.iter().map(Edit::call).filter(|call| !is_low(call)).collect();
                match (low, risky.is_empty()) {
                    (true, _) => format!("allow all of low risk that this run was refused so far: {calls}"),
                    (false, true) => format!("allow all that this run was refused so far: {calls}, each of low risk"),
                    (false, false) => {
                        format!("allow all that this run was refused so far: {calls}, also {}", risky.join(" "))
                    }
                }
            }
        }
    }
}

/// The arguments on which a condition can be made; those are ticked that tell most of a call.
fn arguments(subject: &Subject) -> Vec<Choice> {
    let most = telling(&subject.call, [Some(u64::MAX); 6]);
    let argument = |(index, words): (usize, &String)| {
        let bits = number_bits(&subject.call, &subject.registers, index)?;
        // Where only some bits tell anything, the others are left alone.
        let mask = most[index].map_or(bits, |most| most & bits);
        let value = subject.registers[index] & mask;
        let place = index + 1;
        let words = match mask {
            mask if mask == bits => format!("argument {place} is {words}"),
            mask => format!("argument {place} & {mask:#x} is {value:#x}"),
        };
        let index = u8::try_from(index).ok()?;
        let condition = if mask == u64::MAX {
            ArgCondition { index, value, value_two: 0, op: Op::Equal }
        } else {
            ArgCondition { index, value: mask, value_two: value, op: Op::MaskedEqual }
        };
        Some(Choice::Argument { condition, words, ticked: most[usize::from(index)].is_some() })
    };
    subject.args.iter().enumerate().take(6).filter_map(argument).collect()
}

/// What would let everything pass that a run was refused and that the profile as it is now still refuses: each call once,
/// whatever its arguments. Where the C library has another way, the call is refused so that it takes that.
pub fn refused(run: &RunRecord, current: &Profile) -> Vec<Edit> {
    let summary = &run.log.summary;
    let denials = summary.denials.values().filter(|denial| denial.layer == Layer::Seccomp);
    let all = denials.map(|denial| Subject::of_denial(run, denial));
    let all = all.chain(summary.waiting.iter().map(|call| Subject::of_held(run, call)));
    let mut edits: Vec<Edit> = Vec::new();
    for subject in all {
        let said = current.says(&subject.call).plain();
        let decided = said.is_some_and(|action| action.allows() || action == Action::Errno(ENOSYS));
        let told = edits.iter().any(|edit| edit.call() == subject.call);
        if decided || told || syscall_number(&subject.call).is_none() {
            continue;
        }
        edits.push(match instead(&subject.call) {
            Some(_) => no_sys(&subject.call, subject.reason()),
            None => always(&subject),
        });
    }
    edits
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    title: String,
    head: Vec<(Role, String)>,
    rows: Vec<String>,
    selected: usize,
    promise: Vec<String>,
    foot: String,
}

/// Makes the view.
pub fn view(allow: &Allow, state: &State) -> View {
    let cells = usize::from(WIDTH.min(state.size.width)).saturating_sub(4);
    let subject = &allow.subject;
    let mut head: Vec<(Role, String)> =
        wrap(&clip(&subject.text(), 2 * cells), cells).into_iter().take(2).map(|line| (Role::Accent, line)).collect();
    head.push((Role::Muted, clip(&format!("{} · refused with {}", subject.place, subject.refusal), cells)));
    if let Some(about) = about(&subject.call) {
        let why = about.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let text = format!("{} Risk {}{why}.", about.does, about.risk.word());
        let role = if about.risk == Risk::Low { Role::Overlay } else { Role::Caution };
        head.extend(wrap(&text, cells).into_iter().take(2).map(|line| (role, line)));
    }
    let tick = state.keymap.shown(Command::Toggle);
    View {
        title: format!("{} from now on", subject.call),
        head,
        rows: allow.choices.iter().map(|choice| allow.label(choice)).collect(),
        selected: allow.selected,
        promise: wrap(promise(subject), cells),
        foot: format!("↑↓ · {tick} ticks · Enter · Esc"),
    }
}

/// What allowing a call cannot promise.
fn promise(subject: &Subject) -> &'static str {
    let addresses =
        (0..subject.args.len().min(6)).any(|at| number_bits(&subject.call, &subject.registers, at).is_none());
    if addresses {
        "A filter sees numbers, not what pointers lead to: that was read for you once, is not checked, and can be \
         another at the next call, even at this one."
    } else {
        "Every argument is a number, which the kernel takes as it is shown here."
    }
}

/// Draws it.
pub fn render(frame: &mut Frame<'_>, screen: Rect, view: &View, theme: &Theme) {
    let fixed = view.head.len() + view.promise.len() + 2;
    let height = u16::try_from(fixed + view.rows.len() + 2).unwrap_or(u16::MAX);
    let inner = boxed(frame, screen, (WIDTH, height), &view.title, &view.foot, theme);
    let cells = usize::from(inner.width);
    let room = usize::from(inner.height).saturating_sub(fixed).max(1);
    let skip = (view.selected + 1).saturating_sub(room);
    let styled = |role, text: &str| Line::styled(format!(" {text}"), theme.style(role));
    let mut lines: Vec<Line<'static>> = view.head.iter().map(|(role, text)| styled(*role, text)).collect();
    lines.push(Line::default());
    for (at, row) in view.rows.iter().enumerate().skip(skip).take(room) {
        let sign = if at == view.selected { "▸" } else { " " };
        lines.push(styled(Role::Overlay, &clip(&format!("{sign} {row}"), cells.saturating_sub(2))));
    }
    lines.push(Line::default());
    lines.extend(view.promise.iter().map(|line| styled(Role::Caution, line)));
    frame.render_widget(Text::from(lines), inner);
    let y = inner.y + u16::try_from(view.head.len() + 1 + view.selected - skip).unwrap_or(u16::MAX);
    let row = Rect { y, height: 1, ..inner }.intersection(inner);
    crate::tui::panes::frame::select(frame.buffer_mut(), row, theme);
}
