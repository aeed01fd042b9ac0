//! Text for terminals and logs: hostile text made harmless, measured, clipped and aligned.
//!
//! A [`Page`] is the only place that puts line breaks and colour codes into the output; whatever
//! text it is given is escaped first. Widths follow the common habit of terminals (East Asian wide
//! characters take two columns, combining marks none), not the whole of Unicode's annex 11.

use std::fmt::Write as _;

pub use auscult_model::clean;

/// How a piece of text is shown where colour is wanted. Nothing depends on colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Heading,
    Faint,
    Good,
    Warning,
    Alarm,
}

impl Style {
    /// SGR parameters (ECMA-48 section 8.3.117).
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Heading => Some("1"),
            Self::Faint => Some("2"),
            Self::Good => Some("32"),
            Self::Warning => Some("33"),
            Self::Alarm => Some("1;31"),
        }
    }
}

/// A piece of text with its style.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) style: Style,
}

impl Cell {
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: Style::Plain }
    }
}

/// A column of a grid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) header: &'static str,
    /// The widest it gets, in columns of the terminal.
    pub(crate) width_max: usize,
    pub(crate) clip: Clip,
}

/// What to drop from a text that is too wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clip {
    /// Its end.
    End,
    /// Its start: of a path, the file name matters most.
    Start,
    /// As `End`, and the text stands to the right.
    Number,
    /// As `End`, but the column is not narrowed for the others' sake: an id is to be copied.
    Whole,
}

impl Column {
    pub(crate) const fn new(header: &'static str, width_max: usize, clip: Clip) -> Self {
        Self { header, width_max, clip }
    }
}

/// Columns are not made narrower than this for the sake of the page.
const WIDTH_LEAST: usize = 9;

/// The output under construction.
pub(crate) struct Page {
    text: String,
    colour: bool,
    width: usize,
}

impl Page {
    pub(crate) fn new(colour: bool, width: usize) -> Self {
        Self { text: String::new(), colour, width }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// Starts a section.
    pub(crate) fn heading(&mut self, title: &str, rest: &str, style: Style) {
        self.text.push('\n');
        self.push(title, Style::Heading);
        if !rest.is_empty() {
            self.space(2);
            self.push(rest, style);
        }
        self.text.push('\n');
    }

    /// Writes a text, indented and wrapped at the width of the page.
    pub(crate) fn line(&mut self, indent: usize, text: &str, style: Style) {
        for line in self.wrapped(text, indent) {
            self.space(indent);
            self.push(&line, style);
            self.text.push('\n');
        }
    }

    /// Writes a label and its text in two columns, the text wrapped in its own.
    pub(crate) fn pair(&mut self, label: &str, text: &str, style: Style) {
        const LABEL: usize = 11;
        let mut label = pad(label, LABEL, Clip::End);
        for line in self.wrapped(text, 2 + LABEL) {
            self.space(2);
            self.push(&label, Style::Faint);
            self.push(&line, style);
            self.text.push('\n');
            label = " ".repeat(LABEL);
        }
    }

    /// Breaks a text at its spaces, at least one line; a word that is too long stays whole.
    fn wrapped(&self, text: &str, indent: usize) -> Vec<String> {
        let clean = clean(text);
        let room = self.width.saturating_sub(indent).max(20);
        let mut lines = Vec::new();
        let mut line = String::new();
        for (index, word) in clean.split(' ').enumerate() {
            if !line.trim().is_empty() && width(&line) + 1 + width(word) > room {
                lines.push(std::mem::take(&mut line));
            } else if index > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
        lines
    }

    /// Writes rows under their headers, each column as wide as its widest cell.
    pub(crate) fn grid(&mut self, indent: usize, columns: &[Column], rows: &[Vec<Cell>]) {
        let widths = self.widths(indent, columns, rows);
        let header: Vec<Cell> =
            columns.iter().map(|column| Cell::styled(column.header, Style::Faint)).collect();
        for row in std::iter::once(&header).chain(rows) {
            self.row(indent, columns, &widths, row);
        }
    }

    fn widths(&self, indent: usize, columns: &[Column], rows: &[Vec<Cell>]) -> Vec<usize> {
        let mut widths: Vec<usize> = columns.iter().map(|column| width(column.header)).collect();
        for row in rows {
            for ((cell, column), widest) in row.iter().zip(columns).zip(&mut widths) {
                *widest = (*widest).max(width(&clean(&cell.text)).min(column.width_max));
            }
        }
        let gaps = 2 * columns.len().saturating_sub(1) + indent;
        while widths.iter().sum::<usize>() + gaps > self.width {
            let narrower = widths.iter_mut().zip(columns);
            let widest = narrower
                .filter(|(width, column)| column.clip != Clip::Whole && **width > WIDTH_LEAST)
                .map(|(width, _)| width)
                .max();
            let Some(widest) = widest else { break };
            *widest -= 1;
        }
        widths
    }

    fn row(&mut self, indent: usize, columns: &[Column], widths: &[usize], row: &[Cell]) {
        self.space(indent);
        let last = row.len().saturating_sub(1);
        for (index, ((cell, column), width)) in row.iter().zip(columns).zip(widths).enumerate() {
            let text = clip(&clean(&cell.text), *width, column.clip);
            if index == last && column.clip != Clip::Number {
                self.push(&text, cell.style);
            } else {
                self.push(&pad(&text, *width, column.clip), cell.style);
                self.space(if index == last { 0 } else { 2 });
            }
        }
        while self.text.ends_with(' ') {
            self.text.pop();
        }
        self.text.push('\n');
    }

    fn space(&mut self, columns: usize) {
        self.text.extend(std::iter::repeat_n(' ', columns));
    }

    /// Everything that reaches the output passes here.
    fn push(&mut self, text: &str, style: Style) {
        let text = clean(text);
        match style.code().filter(|_| self.colour && !text.trim().is_empty()) {
            // Writing to a String cannot fail.
            Some(code) => _ = write!(self.text, "\u{1b}[{code}m{text}\u{1b}[0m"),
            None => self.text.push_str(&text),
        }
    }
}

/// The columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(character_width).sum()
}

fn character_width(character: char) -> usize {
    match character {
        '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Cuts a text to a width and marks the cut with an ellipsis.
pub(crate) fn clip(text: &str, columns: usize, clip: Clip) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let mut fits = |character: &char| {
        let wide = character_width(*character);
        let fits = wide <= left;
        left = left.saturating_sub(wide);
        fits
    };
    if clip == Clip::Start {
        let kept: Vec<char> = text.chars().rev().take_while(&mut fits).collect();
        return std::iter::once('…').chain(kept.into_iter().rev()).collect();
    }
    text.chars().take_while(&mut fits).chain(std::iter::once('…')).collect()
}

fn pad(text: &str, columns: usize, clip: Clip) -> String {
    let space = " ".repeat(columns.saturating_sub(width(text)));
    if clip == Clip::Number { format!("{space}{text}") } else { format!("{text}{space}") }
}

/// A number with its thousands set apart.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of things of which there are as many as a list holds.
pub(crate) fn count(list: usize) -> String {
    number(u64::try_from(list).unwrap_or(u64::MAX))
}

/// A number of things with their name, in the plural where it is due.
pub(crate) fn things(list: usize, name: &str) -> String {
    format!("{} {name}{}", count(list), if list == 1 { "" } else { "s" })
}

/// Hundredths of a percent as percent with one digit, cut off and never rounded up to 100.
pub(crate) fn percent(basis_points: u64) -> String {
    format!("{}.{} %", basis_points / 100, basis_points % 100 / 10)
}

/// A size with its binary unit, cut off.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Clip, Column, Page, Style, clean, clip, number, percent, size, width};

    #[test]
    fn terminals_obey_nothing_from_a_name() {
        let hostile = "a\u{1b}[31mb\nc\rd\u{202e}e\u{200b}\u{9b}\u{7f}";
        assert_eq!(clean(hostile), r"a\u{1b}[31mb\nc\rd\u{202e}e\u{200b}\u{9b}\u{7f}");
        let mut page = Page::new(false, 80);
        page.heading(hostile, hostile, Style::Plain);
        page.line(2, hostile, Style::Alarm);
        page.pair(hostile, hostile, Style::Plain);
        page.grid(0, &[Column::new("X", 90, Clip::End)], &[vec![Cell::from(hostile)]]);
        let text = page.finish();
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert_eq!(text.lines().count(), 6);
    }

    #[test]
    fn text_is_clipped_by_width_not_bytes() {
        assert_eq!(clip("漢字漢字", 5, Clip::End), "漢字…");
        assert_eq!(clip("/usr/sbin/hostapd", 9, Clip::Start), "…/hostapd");
        assert_eq!(clip("abc", 3, Clip::End), "abc");
        assert_eq!(width("e\u{301}漢"), 3);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!([number(0), number(999), number(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([percent(9999), percent(10_000), percent(7)], ["99.9 %", "100.0 %", "0.0 %"]);
        assert_eq!([size(1023), size(1536), size(3 << 30)], ["1023 bytes", "1.5 KiB", "3.0 GiB"]);
    }

    #[test]
    fn colour_is_optional_and_adds_no_text() {
        let columns = [Column::new("NAME", 10, Clip::End), Column::new("N", 5, Clip::Number)];
        let rows = [vec![Cell::styled("one", Style::Alarm), "1".into()]];
        let draw = |colour| {
            let mut page = Page::new(colour, 80);
            page.grid(2, &columns, &rows);
            page.finish()
        };
        assert_eq!(draw(false), "  NAME  N\n  one   1\n");
        assert!(draw(true).contains("\u{1b}[1;31mone "));
    }
}
