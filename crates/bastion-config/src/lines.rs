//! Lines and columns of a text, from offsets in bytes.

use std::ops::Range;

/// Where the lines of a text begin and end, in bytes; the line ends are not part of them.
#[derive(Debug)]
pub(crate) struct Lines {
    ranges: Vec<Range<usize>>,
}

impl Lines {
    pub(crate) fn new(text: &str) -> Lines {
        let mut ranges = Vec::new();
        let mut start = 0;
        for line in text.split('\n') {
            let end = start + line.len();
            let visible = line.strip_suffix('\r').unwrap_or(line).len();
            ranges.push(start..start + visible);
            start = end + 1;
        }
        Lines { ranges }
    }

    /// The line of an offset, counted from 1, and where it lies; past the end: the last one.
    pub(crate) fn of(&self, offset_bytes: usize) -> (usize, Range<usize>) {
        let line = self.ranges.partition_point(|range| range.start <= offset_bytes).max(1);
        (line, self.ranges.get(line - 1).cloned().unwrap_or(0..0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(offset_bytes: usize, expect: (usize, Range<usize>)) {
        assert_eq!(Lines::new("ab\r\n\ncd").of(offset_bytes), expect, "{offset_bytes}");
    }

    #[test]
    fn an_offset_has_a_line_even_past_the_end() {
        check(0, (1, 0..2));
        check(3, (1, 0..2));
        check(4, (2, 4..4));
        check(5, (3, 5..7));
        check(99, (3, 5..7));
    }
}
