//! Lines for the operator.

use std::fmt;

use crate::host;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Details of details.
    Trace,
    /// What a capsule's author wants to see.
    Debug,
    /// What an operator wants to see.
    Info,
    /// Something is off, and the capsule went on.
    Warn,
    /// Something failed.
    Error,
}

/// Writes one line to the host's log, under the capsule's name.
///
/// The macros [`trace!`](crate::trace), [`debug!`](crate::debug),
/// [`info!`](crate::info), [`warn!`](crate::warn) and
/// [`error!`](crate::error) call it; it is for a level that is only known when
/// the capsule runs.
pub fn log(level: Level, message: fmt::Arguments<'_>) {
    match message.as_str() {
        Some(literal) => host::log(level, literal),
        None => host::log(level, &message.to_string()),
    }
}

/// Logs a line at [`Level::Trace`]; takes what `format!` takes.
#[macro_export]
macro_rules! trace {
    ($($message:tt)+) => { $crate::log($crate::Level::Trace, ::core::format_args!($($message)+)) };
}

/// Logs a line at [`Level::Debug`]; takes what `format!` takes.
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::log($crate::Level::Debug, ::core::format_args!($($message)+)) };
}

/// Logs a line at [`Level::Info`]; takes what `format!` takes.
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::log($crate::Level::Info, ::core::format_args!($($message)+)) };
}

/// Logs a line at [`Level::Warn`]; takes what `format!` takes.
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::log($crate::Level::Warn, ::core::format_args!($($message)+)) };
}

/// Logs a line at [`Level::Error`]; takes what `format!` takes.
#[macro_export]
macro_rules! error {
    ($($message:tt)+) => { $crate::log($crate::Level::Error, ::core::format_args!($($message)+)) };
}
