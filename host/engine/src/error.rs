//! From what wasmtime says went wrong to what the operator is told.

use std::fmt::Write;

use capsule_core::{
    hook::{ErrorKind, HookError},
    text::printable,
};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::{
    memory::{Meter, Refused},
    state::TooManyHostCalls,
};

/// Bytes of a message: part of what readers of outcomes rely on, as the reason
/// of an external hook's denial is.
const MESSAGE_BYTES: usize = 512;
/// Functions of the guest that a message names, the innermost first.
const FRAMES: usize = 3;
const FRAME_BYTES: usize = 100;

/// What the guest was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It was being made.
    Instantiate,
    /// It was answering.
    Call,
}

/// The failure that `error` is, given what the instance was refused before.
pub(crate) fn classify(error: &wasmtime::Error, meter: &Meter, phase: Phase) -> HookError {
    if let Some(refused) = meter.refused().filter(|_| wants_memory(error, phase)) {
        return no_memory(refused, meter);
    }
    if let Some(too_many) = error.downcast_ref::<TooManyHostCalls>() {
        return HookError::new(ErrorKind::Trap, too_many.to_string());
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return not_a_trap(error, phase);
    };
    let kind = match trap {
        Trap::Interrupt => return HookError::new(ErrorKind::Timeout, "its time is up"),
        Trap::StackOverflow => ErrorKind::Stack,
        _ => ErrorKind::Trap,
    };
    let mut message = match phase {
        Phase::Instantiate => "while the instance was made: ".to_owned(),
        Phase::Call => String::new(),
    };
    message.push_str(reason(&trap.to_string()));
    append_frames(&mut message, error);
    HookError::new(kind, bounded(&message))
}

/// The failure that the guest itself answered with.
pub(crate) fn guest(message: &str) -> HookError {
    HookError::new(ErrorKind::Guest, bounded(message))
}

/// A guest that was refused memory fails on purpose (an allocator that gives
/// up), or because it cannot be made; a stack or a time that ran out is its
/// own story.
fn wants_memory(error: &wasmtime::Error, phase: Phase) -> bool {
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow | Trap::Interrupt) => false,
        Some(_) => true,
        None => phase == Phase::Instantiate,
    }
}

fn no_memory(refused: Refused, meter: &Meter) -> HookError {
    match refused {
        Refused::Capsule => HookError::new(
            ErrorKind::Memory,
            format!("it may have {} bytes and wanted more", meter.limit()),
        ),
        // The host's trouble, and no fault of the capsule.
        Refused::Host => HookError::new(
            ErrorKind::Unavailable,
            "the memory of the whole host is used up",
        ),
    }
}

fn not_a_trap(error: &wasmtime::Error, phase: Phase) -> HookError {
    let message = bounded(&error.root_cause().to_string());
    if error.is::<PoolConcurrencyLimitError>() {
        return HookError::new(ErrorKind::Unavailable, message);
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return HookError::new(ErrorKind::Trap, format!("it exited with status {}", exit.0));
    }
    match phase {
        Phase::Instantiate => {
            let message = format!("the instance cannot be made: {message}");
            HookError::new(ErrorKind::Trap, message)
        }
        // The guest handed over something that its type does not allow.
        Phase::Call => HookError::new(ErrorKind::Output, message),
    }
}

/// Without the engine's own preamble.
fn reason(trap: &str) -> &str {
    trap.strip_prefix("wasm trap: ").unwrap_or(trap)
}

fn append_frames(message: &mut String, error: &wasmtime::Error) {
    let frames = error
        .downcast_ref::<WasmBacktrace>()
        .map(WasmBacktrace::frames)
        .unwrap_or_default();
    let names = frames.iter().filter_map(|frame| frame.func_name());
    for (nth, name) in names.take(FRAMES).enumerate() {
        message.push_str(if nth == 0 { " in " } else { " < " });
        let name = format!("{:#}", rustc_demangle::demangle(name));
        // Writing to a string does not fail.
        let _ = write!(message, "{}", printable(&name, FRAME_BYTES));
    }
}

fn bounded(message: &str) -> String {
    printable(message, MESSAGE_BYTES).into_owned()
}
