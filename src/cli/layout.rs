//! Text laid out for a screen of 80 columns: filled paragraphs and aligned columns.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::CliError;

/// The columns of a terminal that nobody widened.
const WIDTH: usize = 80;

/// A heading.
pub(super) const BOLD: Style = Style::new().bold();
/// What is said by the way.
pub(super) const DIM: Style = Style::new().dimmed();
/// As it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Not as it should be.
pub(super) const BAD: Style = AnsiColor::Red.on_default();
/// Worth a look.
pub(super) const CARE: Style = AnsiColor::Yellow.on_default();

/// Puts a text on standard output, coloured where that is a terminal. A reader that is gone is nobody to tell.
///
/// # Errors
/// When it cannot be written: a full disk.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::Io { doing: "writing to standard output", source })
        }
        _ => Ok(()),
    }
}

/// One cell of a table.
pub(super) struct Cell {
    text: String,
    style: Style,
}

/// A plain cell.
pub(super) fn cell(text: impl Into<String>) -> Cell {
    styled(Style::new(), text)
}

/// A cell in a colour.
pub(super) fn styled(style: Style, text: impl Into<String>) -> Cell {
    Cell { text: text.into(), style }
}

/// Rows with aligned columns, `indent` from the left; the last column is filled to the right edge.
pub(super) fn table<const N: usize>(indent: usize, rows: &[[Cell; N]]) -> String {
    lines(indent, rows).concat()
}

/// [`table`], row by row, each with its newline.
pub(super) fn lines<const N: usize>(indent: usize, rows: &[[Cell; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.text.chars().count().max(*width);
        }
    }
    rows.iter().map(|row| line(indent, row, &widths)).collect()
}

fn line<const N: usize>(indent: usize, row: &[Cell; N], widths: &[usize; N]) -> String {
    let mut line = " ".repeat(indent);
    let mut column = indent;
    // Blanks wait for a cell to stand before, so that no line ends with them.
    let mut blanks = 0;
    for (at, (Cell { text, style }, width)) in row.iter().zip(widths).enumerate() {
        if !text.is_empty() {
            let filled = if at + 1 == N { fill(text, column, column) } else { text.clone() };
            line.extend([" ".repeat(blanks), format!("{style}{filled}{style:#}")]);
            blanks = 0;
        }
        blanks += width - text.chars().count() + 2;
        column += width + 2;
    }
    line + "\n"
}

/// A paragraph whose first line begins at column `first` and whose others are indented by `hang`, without a newline at
/// its end. A word that is too long for any line has one of its own.
pub(super) fn fill(text: &str, first: usize, hang: usize) -> String {
    let mut filled = String::new();
    let mut column = first;
    for word in text.split(' ') {
        let length = word.chars().count();
        if filled.is_empty() {
            column += length;
        } else if column + 1 + length <= WIDTH {
            filled.push(' ');
            column += 1 + length;
        } else {
            filled.push('\n');
            filled.push_str(&" ".repeat(hang));
            column = hang + length;
        }
        filled.push_str(word);
    }
    filled
}

/// Text that stands for itself in Markdown, in a table too.
pub(super) fn markdown(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, character| {
        if matches!(character, '\\' | '|' | '<' | '`' | '*' | '_' | '[' | ']') {
            out.push('\\');
        }
        out.push(character);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_the_last_is_filled_below_itself() {
        let words = "word ".repeat(20);
        let rows = [[cell("a"), cell("b"), cell(words.trim_end())], [cell("long"), cell("é"), cell("")]];
        let text = table(2, &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("  a     b  {}", "word ".repeat(14).trim_end()));
        assert_eq!(lines[1], format!("           {}", "word ".repeat(6).trim_end()));
        assert_eq!(lines[2], "  long  é");
        let styled = table(0, &[[styled(BOLD, "a"), styled(BOLD, "")]]);
        assert_eq!(anstream::adapter::strip_str(&styled).to_string(), "a\n");
    }

    #[test]
    fn no_filled_line_is_wider_than_the_screen_unless_one_word_is() {
        let filled = fill(&format!("{} {} end", "ab ".repeat(60).trim_end(), "x".repeat(90)), 10, 4);
        let wide: Vec<&str> = filled.lines().filter(|line| line.chars().count() > WIDTH).collect();
        assert_eq!(wide, [format!("    {}", "x".repeat(90))]);
        assert!(filled.ends_with("\n    end"));
    }
}
