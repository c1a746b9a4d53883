//! Lines of input, none longer than allowed.

use std::io::{self, BufRead};

/// One line of the input, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// As it was read.
    Whole(Vec<u8>),
    /// It had this many bytes, more than allowed; they were passed over.
    TooLong(u64),
}

/// Reads the next line, of which at most `max` bytes are kept. `None` is the
/// end of the input; a last line needs no end.
pub(super) fn read_line(input: &mut impl BufRead, max: usize) -> io::Result<Option<Line>> {
    let mut kept = Vec::new();
    let mut length = 0_u64;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = end.map_or(available, |end| available.split_at(end).0);
        length += part.len() as u64;
        if length <= max as u64 {
            kept.extend_from_slice(part);
        } else {
            kept = Vec::new();
        }
        let at_the_end = available.is_empty();
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() || at_the_end {
            return Ok(match (at_the_end, length) {
                (true, 0) => None,
                (_, length) if length > max as u64 => Some(Line::TooLong(length)),
                _ => {
                    if kept.last() == Some(&b'\r') {
                        kept.pop();
                    }
                    Some(Line::Whole(kept))
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn lines_are_read_whole_or_counted() {
        let whole = |text: &str| Line::Whole(text.into());
        let cases = [
            ("", vec![]),
            ("\n", vec![whole("")]),
            ("a", vec![whole("a")]),
            ("a\n", vec![whole("a")]),
            (
                "a\r\nb\n\nc",
                vec![whole("a"), whole("b"), whole(""), whole("c")],
            ),
            ("abcd\nx", vec![whole("abcd"), whole("x")]),
            ("abcde\nx", vec![Line::TooLong(5), whole("x")]),
            ("abcdefghijkl", vec![Line::TooLong(12)]),
        ];
        for (text, want) in cases {
            for buffer in [1, 3, 64] {
                let mut input = BufReader::with_capacity(buffer, text.as_bytes());
                let mut lines = Vec::new();
                while let Some(line) = read_line(&mut input, 4).unwrap() {
                    lines.push(line);
                }
                assert_eq!(lines, want, "{text:?} by {buffer} bytes");
            }
        }
    }
}
