//! The command line: data on stdout, logs and progress on stderr; exit codes
//! 0 for done, 1 for failed, 2 for called wrongly.

mod args;
mod build;
mod check;
mod command;
mod explain;
mod list;
mod logs;
mod new;
mod output;
mod run;

pub use self::command::main;
