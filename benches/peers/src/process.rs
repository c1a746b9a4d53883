//! Processes: one that lives long and is asked over pipes, and one for each
//! event.

use std::{
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
    process::{self, ChildStdin, ChildStdout, Command, Stdio},
};

use capsule_bench::BenchError;

/// What a child says of a payload that may pass.
const PASSES: u8 = 1;
/// And of one that may not.
const REFUSED: u8 = 0;

/// A child that is asked over its pipes: the payload's length in four bytes
/// and the payload; it answers with one byte.
pub(crate) struct Child {
    process: process::Child,
    stdin: BufWriter<ChildStdin>,
    stdout: ChildStdout,
}

/// What the child does, until its input ends.
pub(crate) fn answer(input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut input = BufReader::with_capacity(128 << 10, input);
    let mut length = [0; 4];
    let mut payload = Vec::new();
    loop {
        match input.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        payload.resize(u32::from_le_bytes(length) as usize, 0);
        input.read_exact(&mut payload)?;
        let verdict = match payload.first() {
            Some(0xff) => REFUSED,
            _ => PASSES,
        };
        output.write_all(&[verdict])?;
        output.flush()?;
    }
}

/// Starts a process for each event, which reads it all.
pub(crate) fn each(payload: &[u8]) -> impl FnMut(u64) -> Result<(), BenchError> {
    move |times| {
        for _ in 0..times {
            let mut cat = Command::new("cat")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .map_err(BenchError::io("cannot run `cat`"))?;
            if let Some(mut stdin) = cat.stdin.take() {
                let written = stdin.write_all(payload);
                written.map_err(BenchError::io("cannot write to `cat`"))?;
            }
            let status = cat
                .wait()
                .map_err(BenchError::io("cannot wait for `cat`"))?;
            if !status.success() {
                let program = "cat".to_owned();
                return Err(BenchError::Child { program, status });
            }
        }
        Ok(())
    }
}

// === impl Child ===

impl Child {
    /// Starts `program`, this one, as a child.
    pub(crate) fn start(program: &Path) -> Result<Self, BenchError> {
        let mut process = Command::new(program)
            .arg("--child")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(BenchError::io("cannot run a child process"))?;
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(BenchError::unexpected("a child without pipes"));
        };
        Ok(Self {
            process,
            stdin: BufWriter::with_capacity(128 << 10, stdin),
            stdout,
        })
    }

    /// Asks it again and again.
    pub(crate) fn asked(mut self, payload: &[u8]) -> impl FnMut(u64) -> Result<(), BenchError> {
        move |times| {
            for _ in 0..times {
                let verdict = self.ask(payload);
                match verdict.map_err(BenchError::io("cannot ask a child process"))? {
                    PASSES => {}
                    other => return Err(BenchError::unexpected(format!("a child says {other}"))),
                }
            }
            Ok(())
        }
    }

    fn ask(&mut self, payload: &[u8]) -> io::Result<u8> {
        self.stdin
            .write_all(&(payload.len() as u32).to_le_bytes())?;
        self.stdin.write_all(payload)?;
        self.stdin.flush()?;
        let mut verdict = [REFUSED];
        self.stdout.read_exact(&mut verdict)?;
        let [verdict] = verdict;
        Ok(verdict)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It ends by itself when its input does; that is not waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_answers_each_payload_with_a_byte() {
        let mut input = Vec::new();
        for payload in [&b"ok"[..], b"", b"\xff"] {
            input.extend((payload.len() as u32).to_le_bytes());
            input.extend(payload);
        }
        let mut output = Vec::new();
        answer(&*input, &mut output).unwrap();
        assert_eq!(output, [PASSES, PASSES, REFUSED]);
    }
}
