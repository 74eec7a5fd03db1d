//! Figures drawn as blocks. Pure.

/// From an eighth of a cell to a whole one.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws figures, one a column from the left, as rows of characters, the top one first; all rows have `width` cells.
///
/// A figure that is known takes at least the lowest block, one that is not takes nothing, and one above `max` is as high
/// as the graph. Where there are more figures than columns, the oldest are left out.
pub fn graph(values: &[Option<u64>], max: u64, width: usize, height: usize) -> Vec<Vec<char>> {
    let seen = &values[values.len().saturating_sub(width)..];
    let levels: Vec<usize> = seen.iter().map(|value| value.map_or(0, |value| level(value, max, height))).collect();
    let row = |row: usize| {
        let below = (height - 1 - row) * BLOCKS.len();
        let cell = |column: usize| match levels.get(column).map_or(0, |level| level.saturating_sub(below)) {
            0 => ' ',
            level => BLOCKS[level.min(BLOCKS.len()) - 1],
        };
        (0..width).map(cell).collect()
    };
    (0..height).map(row).collect()
}

/// How many eighths of a cell a figure takes: rounded up, so that only a full figure looks full.
fn level(value: u64, max: u64, height: usize) -> usize {
    let most = height * BLOCKS.len();
    let level = (u128::from(value) * most as u128).checked_div(max.into()).unwrap_or(u128::MAX);
    usize::try_from(level).map_or(most, |level| level.clamp(most.min(1), most))
}

/// Figures in fewer columns: of those that fall into one, the largest.
pub fn condensed(values: &[Option<u64>], columns: usize) -> Vec<Option<u64>> {
    let each = values.len().div_ceil(columns.max(1)).max(1);
    values.chunks(each).map(|chunk| chunk.iter().flatten().max().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[Option<u64>], max: u64, width: usize, height: usize) -> Vec<String> {
        graph(values, max, width, height).into_iter().map(String::from_iter).collect()
    }

    #[test]
    fn a_figure_is_as_high_as_its_share_of_the_most() {
        let values: Vec<_> = (0..=8).map(Some).collect();
        assert_eq!(drawn(&values, 8, 9, 1), ["▁▁▂▃▄▅▆▇█"]);
        let values: Vec<_> = (0..=8).map(|value| Some(value * 2)).collect();
        assert_eq!(drawn(&values, 16, 9, 2), ["     ▂▄▆█", "▁▂▄▆█████"]);
    }

    #[test]
    fn only_a_full_figure_looks_full() {
        assert_eq!(drawn(&[Some(999), Some(1000), Some(5000)], 1000, 3, 1), ["▇██"]);
    }

    #[test]
    fn what_is_not_known_is_empty_and_what_is_nothing_is_not() {
        assert_eq!(drawn(&[None, Some(0), None, Some(4)], 4, 6, 2), ["   █  ", " ▁ █  "]);
    }

    #[test]
    fn the_oldest_figures_are_left_out_where_there_is_no_room() {
        assert_eq!(drawn(&[Some(8), Some(4), Some(1)], 8, 2, 1), ["▄▁"]);
    }

    #[test]
    fn any_size_and_any_figure_can_be_drawn() {
        for (width, height) in [(0, 0), (0, 3), (3, 0), (1, 1), (500, 100)] {
            let rows = drawn(&[Some(0), None, Some(u64::MAX)], u64::MAX, width, height);
            assert_eq!(rows.len(), height);
            assert!(rows.iter().all(|row| row.chars().count() == width));
        }
        assert_eq!(drawn(&[Some(0), Some(1)], 0, 2, 1), ["██"]);
        assert_eq!(drawn(&[Some(u64::MAX)], 1, 1, 1), ["█"]);
    }

    #[test]
    fn a_condensed_graph_keeps_its_peaks() {
        let values = [Some(1), None, Some(9), Some(2), None, None, Some(3)];
        assert_eq!(condensed(&values, 4), [Some(1), Some(9), None, Some(3)]);
        assert_eq!(condensed(&values, 9), values);
        assert_eq!(condensed(&[], 4), []);
        assert_eq!(condensed(&values, 0), [Some(9)]);
    }
}
