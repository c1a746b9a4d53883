//! How a build tells its caller what it does.

/// Receives what a build has to say while it runs.
///
/// The crate itself writes nothing to the terminal: whether a step is a line,
/// a spinner or nothing is the caller's affair.
pub trait Progress: Sync {
    /// A step begins or was decided, in one line without a newline.
    fn step(&self, message: &str);

    /// One line that a compiler wrote for the user: its status, warnings and
    /// errors, with colours if they were asked for.
    fn output(&self, line: &str);
}

/// Keeps quiet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

// === impl Silent ===

impl Progress for Silent {
    fn step(&self, _: &str) {}

    fn output(&self, _: &str) {}
}
