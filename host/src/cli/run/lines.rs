//! Lines of input, none longer than allowed.

use std::{
    io::{self, BufRead, BufReader, Read},
    ops::Range,
};

use bytes::Bytes;
use memchr::memrchr;

/// One line of the input, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// As it was read.
    Whole(Bytes),
    /// It had this many bytes, more than allowed; they were passed over.
    TooLong(u64),
}

/// Lines that came together, in order.
#[derive(Debug)]
pub(super) struct Batch {
    /// At least one.
    pub(super) lines: Vec<Line>,
    /// Bytes that all of them together hold until the last one is dropped.
    pub(super) kept: usize,
    /// Bytes of the input that they were.
    pub(super) read: u64,
}

/// How much is read at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    /// Bytes of a line.
    pub(super) line: usize,
    /// Lines of a batch.
    pub(super) lines: usize,
    /// Bytes of a batch, but for its last line.
    pub(super) bytes: usize,
}

/// Where a line is in what was kept, or how long it was.
type Place = Result<Range<usize>, u64>;

/// Waits for the next line, and takes those along that have come already.
/// `None` is the end of the input; a last line needs no end.
pub(super) fn read_batch(
    input: &mut BufReader<impl Read>,
    most: Most,
) -> io::Result<Option<Batch>> {
    let mut kept = Vec::with_capacity(most.bytes);
    let Some((first, mut read)) = read_line(input, &mut kept, most.line)? else {
        return Ok(None);
    };
    let mut places = Vec::with_capacity(most.lines);
    places.push(first);
    let last_end = memrchr(b'\n', input.buffer());
    let until = last_end.map_or(read, |at| read + at as u64 + 1);
    while read < until && places.len() < most.lines && kept.len() < most.bytes {
        let Some((place, bytes)) = read_line(input, &mut kept, most.line)? else {
            break;
        };
        places.push(place);
        read += bytes;
    }
    kept.shrink_to_fit();
    let kept = Bytes::from(kept);
    let line = |place: Place| match place {
        Ok(range) => Line::Whole(kept.slice(range)),
        Err(bytes) => Line::TooLong(bytes),
    };
    Ok(Some(Batch {
        lines: places.into_iter().map(line).collect(),
        kept: kept.len(),
        read,
    }))
}

/// Reads the next line to the end of `kept` if it has at most `max` bytes.
/// Says where it is, and how many bytes of the input it was with its end.
fn read_line(
    input: &mut impl BufRead,
    kept: &mut Vec<u8>,
    max: usize,
) -> io::Result<Option<(Place, u64)>> {
    let (start, mut read) = (kept.len(), 0);
    loop {
        let part = input.take(max as u64 + 1).read_until(b'\n', kept)?;
        read += part as u64;
        let is_ended = part > 0 && kept.last() == Some(&b'\n');
        let length = read - u64::from(is_ended);
        let is_too_long = length > max as u64;
        if is_too_long {
            kept.truncate(start);
        }
        if !is_ended && part > 0 {
            continue;
        }
        if is_too_long {
            return Ok(Some((Err(length), read)));
        }
        let mut end = start + length as usize;
        if kept
            .get(start..end)
            .is_some_and(|line| line.ends_with(b"\r"))
        {
            end -= 1;
        }
        return Ok((read > 0).then_some((Ok(start..end), read)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(text: &str, buffer: usize, most: Most) -> Vec<Batch> {
        let mut input = BufReader::with_capacity(buffer, text.as_bytes());
        std::iter::from_fn(|| read_batch(&mut input, most).unwrap()).collect()
    }

    #[test]
    fn lines_are_read_whole_or_counted() {
        let whole = |text: &'static str| Line::Whole(text.into());
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
            (
                "a\r\nabcdefghij\n\r\n",
                vec![whole("a"), Line::TooLong(10), whole("")],
            ),
        ];
        for (text, want) in cases {
            for (buffer, lines, bytes) in [(1, 1, 1), (3, 2, 100), (64, 100, 5), (64, 100, 100)] {
                let most = Most {
                    line: 4,
                    lines,
                    bytes,
                };
                let read = batches(text, buffer, most);
                let total: u64 = read.iter().map(|batch| batch.read).sum();
                assert_eq!(total, text.len() as u64, "{text:?} by {buffer} bytes");
                let got: Vec<_> = read.into_iter().flat_map(|batch| batch.lines).collect();
                assert_eq!(got, want, "{text:?} by {buffer} bytes");
            }
        }
    }

    #[test]
    fn a_batch_takes_what_has_come_and_no_more_than_it_may() {
        let sizes = |text, buffer, lines, bytes| -> Vec<_> {
            let most = Most {
                line: 4,
                lines,
                bytes,
            };
            let batches = batches(text, buffer, most).into_iter();
            batches.map(|batch| batch.lines.len()).collect()
        };
        let five = "a\nb\nc\nd\ne\n";
        assert_eq!(sizes(five, 64, 100, 100), [5], "all of it has come");
        assert_eq!(
            sizes(five, 4, 100, 100),
            [2, 2, 1],
            "two lines come at a time"
        );
        assert_eq!(sizes(five, 64, 2, 100), [2, 2, 1], "two lines at most");
        assert_eq!(sizes(five, 64, 100, 4), [2, 2, 1], "two bytes each");
        assert_eq!(
            sizes("a\nb", 64, 100, 100),
            [1, 1],
            "the end of `b` is waited for"
        );
    }

    #[test]
    fn only_the_line_that_is_due_is_waited_for() {
        struct Slow(&'static [u8]);
        impl Read for Slow {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                assert!(!self.0.is_empty(), "nobody asks for more");
                std::mem::take(&mut self.0).read(to)
            }
        }
        let mut input = BufReader::new(Slow(b"a\nb\nc"));
        let most = Most {
            line: 4,
            lines: 100,
            bytes: 100,
        };
        let batch = read_batch(&mut input, most).unwrap().unwrap();
        assert_eq!(
            batch.lines,
            [Line::Whole("a".into()), Line::Whole("b".into())]
        );
    }
}
