//! Aligned columns.

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Rows under `header`, two spaces between columns, no trailing blanks.
pub(super) fn render(header: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|(title, _)| title.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let titles: Vec<String> = header.iter().map(|(title, _)| (*title).to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let cells = row.iter().zip(&widths).zip(header).map(|((cell, width), (_, align))| match align {
            Align::Left => format!("{cell:<width$}"),
            Align::Right => format!("{cell:>width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A duration as people say it: `0.4 s`, `12 s`, `5 min`, `3 h`, `2 d`.
pub(super) fn age(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..10 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_without_blanks() {
        let rows =
            [vec!["a".into(), "1".into(), "°C".into()], vec!["long".into(), "100".into(), String::new()]];
        let text = render(&[("NAME", Align::Left), ("N", Align::Right), ("UNIT", Align::Left)], &rows);
        assert_eq!(text, "NAME    N  UNIT\na       1  °C\nlong  100\n");
    }

    #[test]
    fn ages_are_short() {
        let cases = [(0, "0.0 s"), (450, "0.4 s"), (12_000, "12 s"), (300_000, "5 min"), (10_800_000, "3 h")];
        for (milliseconds, expected) in cases {
            assert_eq!(age(milliseconds), expected);
        }
        assert_eq!(age(u64::MAX), "213503982334 d");
    }
}
