//! Everything that is known of the selected denial or limit.

use std::io;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::boxed;
use crate::policy::{Bytes, Layer};
use crate::run;
use crate::run::compare::is_the_rest;
use crate::run::words::{grouped, moment, one_line, time};
use crate::run::{Denial, HeldCall, Known, LimitKind, LimitTotal, Refusal, Source, Stream, Summary};
use crate::tui::cells::{fit, wrap};
use crate::tui::command::Command;
use crate::tui::keymap::Keymap;
use crate::tui::panes::denials::Row;
use crate::tui::state::{RunRecord, State};
use crate::tui::theme::{Role, Theme};

/// Cells of the names at the left.
const NAMES: usize = 12;

/// What letting a call through does and does not mean.
const ALLOWING: &str = "the kernel runs the call as if there were no filter. It reads what pointers lead to again, and \
                        another thread can change that meanwhile: only the registers are certain. Other layers hold on.";

/// The widest box.
const WIDEST: u16 = 92;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct View {
    title: String,
    facts: Vec<Fact>,
    scroll: u16,
}

/// A name, and what is to be said of it.
#[derive(Clone, Debug)]
struct Fact {
    name: String,
    text: String,
    look: Look,
}

/// How a text is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Broken at spaces.
    Words(Role),
    /// Each character as it is; the line is filled before the next begins.
    Exact,
    /// In the colour of a layer.
    Layer(Layer),
}

/// Makes the view of what is selected, scrolled by so many lines; `None` where nothing is.
pub fn view(state: &State, scroll: u16) -> Option<View> {
    if let Some((_, call)) = state.asked() {
        return Some(View::of_held(call, scroll));
    }
    let run = state.runs.shown()?;
    Some(View::new(run, state.denials.selected_row(run)?, &state.keymap, scroll))
}

/// Draws it in the middle of the screen.
pub fn render(frame: &mut Frame<'_>, area: Rect, view: &View, theme: &Theme) {
    let lines = view.lines(text_width(area), theme);
    let area = placed(area, lines.len());
    let height = usize::from(area.height.saturating_sub(2));
    let first = usize::from(view.scroll).min(lines.len().saturating_sub(height));
    let bottom = if lines.len() > height && height > 0 {
        format!("lines {}–{} of {}", first + 1, first + height, lines.len())
    } else {
        String::new()
    };
    let inner = boxed::draw(frame, area, &view.title, &bottom, theme);
    for (line_area, line) in inner.rows().zip(lines.into_iter().skip(first)) {
        frame.render_widget(line, line_area);
    }
}

impl View {
    /// By how many lines it can be scrolled on a screen.
    pub fn most_scroll(&self, screen: Rect) -> u16 {
        let lines: usize = self.facts.iter().map(|fact| fact.lines(text_width(screen)).len()).sum();
        let height = usize::from(placed(screen, lines).height.saturating_sub(2));
        u16::try_from(lines.saturating_sub(height)).unwrap_or(u16::MAX)
    }

    fn new(run: &RunRecord, row: Row<'_>, keymap: &Keymap, scroll: u16) -> Self {
        let mut facts = vec![Fact::words("first seen", first_seen(run, row))];
        match row {
            Row::Denial(denial) => denial_facts(&mut facts, run, denial, keymap),
            Row::Limit(total) => limit_facts(&mut facts, run, total, keymap),
        }
        Self { title: format!("{}: {}", row.layer(), row.name()), facts, scroll }
    }

    /// Of a call that is held.
    fn of_held(call: &HeldCall, scroll: u16) -> Self {
        let mut facts = vec![Fact { look: Look::Words(Role::Accent), ..Fact::words("call", call.syscall.as_str()) }];
        for (at, (arg, register)) in call.args.iter().zip(call.registers).enumerate() {
            let text = format!("{arg}  ({register:#x})");
            facts.push(Fact { name: format!("argument {}", at + 1), text, look: Look::Exact });
        }
        facts.push(Fact { look: Look::Words(Role::Bad), ..Fact::words("refused with", answer(call.refusal)) });
        for (at, process) in call.processes.iter().enumerate() {
            let name = if at == 0 { "process" } else { "child of" };
            facts.push(Fact::words(name, format!("{}, pid {}", process.comm, process.pid)));
        }
        origin_facts(&mut facts, &call.source);
        facts.push(Fact { look: Look::Words(Role::Caution), ..Fact::words("allowing", ALLOWING) });
        Self { title: format!("held: {}", call.syscall), facts, scroll }
    }

    fn lines(&self, cells: usize, theme: &Theme) -> Vec<Line<'static>> {
        let lines = self.facts.iter().flat_map(|fact| {
            let style = fact.look.style(theme);
            fact.lines(cells).into_iter().enumerate().map(move |(at, text)| {
                let name = if at == 0 { fact.name.as_str() } else { "" };
                Line::from(vec![
                    Span::styled(format!(" {} ", fit(name, NAMES)), theme.style(Role::Muted)),
                    Span::styled(text, style),
                ])
            })
        });
        lines.collect()
    }
}

impl Fact {
    fn words(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into(), look: Look::Words(Role::Text) }
    }

    fn lines(&self, cells: usize) -> Vec<String> {
        match self.look {
            Look::Words(_) | Look::Layer(_) => wrap(&self.text, cells),
            Look::Exact => boxed::cut(&self.text, cells, usize::MAX),
        }
    }
}

impl Look {
    fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Words(role) => theme.style(role),
            Self::Exact => theme.style(Role::Text),
            Self::Layer(layer) => theme.layer(layer),
        }
    }
}

/// Cells of the texts at the right, on a screen.
fn text_width(screen: Rect) -> usize {
    usize::from(screen.width.min(WIDEST)).saturating_sub(NAMES + 5).max(1)
}

/// The box in the middle of a screen, for so many lines.
fn placed(screen: Rect, lines: usize) -> Rect {
    let width = screen.width.min(WIDEST);
    let height = u16::try_from(lines + 2).unwrap_or(u16::MAX).min(screen.height);
    Rect { x: screen.x + (screen.width - width) / 2, y: screen.y + (screen.height - height) / 2, width, height }
}

fn first_seen(run: &RunRecord, row: Row<'_>) -> String {
    let whole = match &run.log.summary.outcome {
        Some((_, duration)) => format!("a run of {}", time(*duration)),
        None => "the run, which is not over".to_owned(),
    };
    format!("{} into {whole}", moment(row.first()))
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", grouped(count)) }
}

/// The layer, what it stops, what it is set to and what was read of it.
fn layer_facts(facts: &mut Vec<Fact>, run: &RunRecord, layer: Layer) {
    facts.push(Fact { name: "layer".to_owned(), text: layer.name().to_owned(), look: Look::Layer(layer) });
    facts.push(Fact { look: Look::Words(Role::Muted), ..Fact::words("", layer.stops()) });
    facts.push(Fact::words("set to", one_line(&setting(run, layer))));
    let states = run.log.summary.cell.iter().flat_map(|cell| &cell.layers);
    if let Some(state) = states.into_iter().find(|state| state.layer == layer && !state.detail.is_empty()) {
        facts.push(Fact::words("read back", one_line(&state.detail)));
    }
}

fn setting(run: &RunRecord, layer: Layer) -> String {
    if run.policy.is_on(layer) { run.policy.setting(layer) } else { "off".to_owned() }
}

fn denial_facts(facts: &mut Vec<Fact>, run: &RunRecord, denial: &Denial, keymap: &Keymap) {
    facts.push(Fact::words("how often", times(denial.count)));
    facts.push(Fact { look: Look::Words(Role::Accent), ..Fact::words("call", denial.syscall.as_str()) });
    for (at, arg) in denial.args.iter().enumerate() {
        facts.push(Fact { name: format!("argument {}", at + 1), text: arg.clone(), look: Look::Exact });
    }
    facts.push(Fact { look: Look::Words(Role::Bad), ..Fact::words("answer", answer(denial.refusal)) });
    if is_the_rest(denial) {
        let rest = "many: more different calls were refused than are kept apart, and this row counts the rest";
        facts.push(Fact::words("process", rest));
    } else {
        let text = format!("{}, pid {} as this machine numbers it", denial.comm, denial.pid);
        facts.push(Fact::words("process", text));
    }
    source_facts(facts, denial);
    facts.push(Fact::words("evidence", denial.evidence.as_str()));
    if !denial.behind.is_empty() {
        let names: Vec<&str> = denial.behind.iter().map(|layer| layer.name()).collect();
        let text = format!("{}: with {} off it would be refused all the same", names.join(", "), denial.layer);
        facts.push(Fact::words("behind it", text));
    }
    facts.extend(reading(denial.known).map(|text| Fact { look: Look::Words(Role::Muted), ..Fact::words("", text) }));
    layer_facts(facts, run, denial.layer);
    facts.push(Fact::words("next", next(denial.layer, run, keymap)));
}

/// What is to be known of how a denial came to be known.
fn reading(known: Known) -> Option<&'static str> {
    match known {
        Known::Held => None,
        Known::After => Some(
            "the call was seen once it had ended: what its pointers led to was read after it, and may have changed by then",
        ),
        Known::Attempt => Some("an attempt: the call was seen before it was made, and what became of it was not"),
    }
}

/// The line, the instruction and the stack.
fn source_facts(facts: &mut Vec<Fact>, denial: &Denial) {
    let Some(source) = &denial.source else { return };
    origin_facts(facts, source);
    if source.line.is_ok() && denial.located < denial.count {
        let read = format!("the line was read for {} of the calls", grouped(denial.located));
        let text = format!("{read}; the others came too fast, and are counted with the line read before");
        facts.push(Fact { look: Look::Words(Role::Muted), ..Fact::words("", text) });
    }
}

fn origin_facts(facts: &mut Vec<Fact>, source: &Source) {
    match &source.line {
        Ok(frame) => facts.push(Fact { look: Look::Words(Role::Accent), ..Fact::words("line", place(frame)) }),
        Err(reason) => facts.push(Fact::words("line", format!("not known: {reason}"))),
    }
    for (at, frame) in source.stack.iter().enumerate() {
        let name = if at == 0 { "stack" } else { "" };
        facts.push(Fact { name: name.to_owned(), text: place(frame), look: Look::Exact });
    }
    if source.omitted > 0 {
        facts.push(Fact::words("", format!("and {} more", grouped(source.omitted.into()))));
    }
    if let Some(instruction) = &source.instruction {
        let text = format!("{}+{:#x}", instruction.file, instruction.offset);
        facts.push(Fact { name: "instruction".to_owned(), text, look: Look::Exact });
    }
}

/// A frame: file, line and function.
fn place(frame: &run::Frame) -> String {
    match frame.line {
        0 => format!("{} in {}", frame.file, frame.function),
        line => format!("{}:{line} in {}", frame.file, frame.function),
    }
}

/// The errno's name and its meaning in the words of strerror(3).
fn answer(refusal: Refusal) -> String {
    let number = match refusal {
        Refusal::Errno(number) => number,
        Refusal::Kill => return "killed: the process did not return from the call".to_owned(),
        Refusal::Rightless => return "run, but without the rights that the file lends".to_owned(),
        Refusal::Unseen => return "not seen".to_owned(),
    };
    let meaning = io::Error::from_raw_os_error(number).to_string();
    let meaning = meaning.split(" (os error").next().unwrap_or(&meaning);
    format!("{refusal}: {meaning}")
}

/// What the reviewer can do about a layer's refusals.
fn next(layer: Layer, run: &RunRecord, keymap: &Keymap) -> String {
    let key = |command: Command| match keymap.shown(command) {
        key if key.is_empty() => format!("`{command}` in the palette"),
        key => key,
    };
    if layer == Layer::Seccomp {
        let profile = one_line(&run.policy.setting(layer));
        return format!(
            "the profile `{profile}` refuses it; {} allows it from now on, {} chooses another profile",
            key(Command::AllowFrom),
            key(Command::Profile)
        );
    }
    format!("{} goes to the layers, where `{layer}` can be set for the next run", key(Command::FocusLayers))
}

fn limit_facts(facts: &mut Vec<Fact>, run: &RunRecord, total: &LimitTotal, keymap: &Keymap) {
    let layer = total.kind.layer();
    if !matches!(total.kind, LimitKind::OutputCut(_)) {
        facts.push(Fact::words("how often", times(total.count)));
    }
    facts.push(Fact { look: Look::Words(Role::Bad), ..Fact::words("what", meaning(total.kind)) });
    facts.push(Fact::words("evidence", total.kind.evidence()));
    for (name, text) in figures(&run.log.summary, total.kind) {
        facts.push(Fact::words(name, text.unwrap_or_else(|| "unknown: the kernel does not tell".to_owned())));
    }
    layer_facts(facts, run, layer);
    facts.push(Fact::words("next", next(layer, run, keymap)));
}

/// What it means that a limit was met.
const fn meaning(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::PidsRefused => "fork refused: a fork or a new thread failed with EAGAIN",
        LimitKind::NprocReached => {
            "RLIMIT_NPROC reached: there were as many processes as it allows; the kernel does not count what it refused"
        }
        LimitKind::MemoryMax => "memory maximum hit: the kernel had to take memory back before it gave more",
        LimitKind::OomKill => "OOM kill: there was none to take back, and the kernel killed a process of the cell",
        LimitKind::CpuThrottled => "CPU throttled: the share of a period was used up, and all waited for the next",
        LimitKind::DiskRate => {
            "disk rate reached: for a second a disk was used as fast as is allowed, and who asked may have waited"
        }
        LimitKind::Deadline => "deadline: the time was over, and everything in the cell was killed",
        LimitKind::OutputCut(_) => "output cut: what was written beyond the limit was counted and not kept",
    }
}

/// The figures that belong to a limit, by name; `None` where the kernel does not tell.
fn figures(summary: &Summary, kind: LimitKind) -> Vec<(&'static str, Option<String>)> {
    let last = &summary.last;
    match kind {
        LimitKind::PidsRefused | LimitKind::NprocReached => {
            vec![("peak", last.pids_peak.map(|peak| format!("{} processes and threads", grouped(peak))))]
        }
        LimitKind::MemoryMax | LimitKind::OomKill => vec![("peak", last.memory_peak.map(|peak| peak.to_string()))],
        LimitKind::CpuThrottled => {
            vec![("CPU used", last.cpu.map(time)), ("waited", last.throttled.map(time))]
        }
        LimitKind::DiskRate => {
            vec![("read", last.read.map(|read| read.to_string())), ("written", last.written.map(|all| all.to_string()))]
        }
        LimitKind::Deadline => vec![],
        LimitKind::OutputCut(stream) => written(summary, stream),
    }
}

fn written(summary: &Summary, stream: Stream) -> Vec<(&'static str, Option<String>)> {
    let totals = summary.stream(stream);
    vec![("written", Some(Bytes(totals.written).to_string())), ("dropped", Some(Bytes(totals.dropped()).to_string()))]
}

#[cfg(test)]
mod tests;
