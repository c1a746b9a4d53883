//! One thing done again and again, and nothing else in the process: what a
//! profiler is to look at.

use std::{sync::Arc, thread, time::Duration};

use capsule_core::types::Principal;
use tokio::runtime::Runtime;

use crate::{
    Bench, BenchError,
    fixture::{
        CapsuleDir, Installed, Raw, Work, draft, own_drafts, payload, request_in_turn,
        single_thread,
    },
    groups::{fresh, native, publish::Audience, request::call},
    machine::Stopwatch,
};

/// Bytes of the payload.
const BYTES: usize = 1024;
/// Capsules in the chain.
const CHAIN: usize = 8;
/// Principals, where there are many.
const PRINCIPALS: usize = 64;

/// One thing that can be done alone.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// What it is called.
    pub name: &'static str,
    /// Makes ready what so many threads need, and says what each of them does.
    prepare: fn(&Bench, usize) -> Result<Task, BenchError>,
}

/// What a thread does.
type Task = Box<dyn Fn(&Thread) -> Result<(), BenchError> + Sync>;

/// A thread of its own.
struct Thread {
    number: usize,
    of: usize,
    runtime: Runtime,
    work: Arc<Work>,
}

/// All of them.
pub const WORKLOADS: [Workload; 8] = [
    Workload {
        name: "raw",
        prepare: |bench, threads| {
            let raws = engines(bench, threads)?;
            Ok(Box::new(move |thread| {
                let raw = thread.own(&raws);
                let mut instance = thread.runtime.block_on(raw.instance())?;
                thread.again(call(&thread.runtime, &mut instance, &payload(BYTES)))
            }))
        },
    },
    Workload {
        name: "raw-fresh",
        prepare: |bench, threads| {
            let raws = engines(bench, threads)?;
            let payload = payload(BYTES);
            Ok(Box::new(move |thread| {
                thread.again(|times| {
                    let calls = fresh::raw_calls(thread.own(&raws), &payload, times);
                    thread.runtime.block_on(calls)
                })
            }))
        },
    },
    Workload {
        name: "request",
        prepare: |bench, _| through(bench, 1, Installed::default(), 1),
    },
    Workload {
        name: "principals",
        prepare: |bench, _| through(bench, 1, Installed::default(), PRINCIPALS),
    },
    Workload {
        name: "fresh",
        prepare: |bench, _| {
            let fresh = Installed {
                instance: "fresh",
                ..Installed::default()
            };
            through(bench, 1, fresh, 1)
        },
    },
    Workload {
        name: "chain",
        prepare: |bench, _| through(bench, CHAIN, Installed::default(), 1),
    },
    Workload {
        name: "native",
        prepare: |_, _| {
            let dispatcher = native::dispatcher(1)?;
            Ok(Box::new(move |thread| {
                let principal = Principal::new(&format!("p{}", thread.number))?;
                let drafts = native::drafts(1)?;
                let drafts: Vec<_> = drafts
                    .into_iter()
                    .map(|draft| draft.with_principal(principal.clone()))
                    .collect();
                thread.again(native::requests(&thread.runtime, &dispatcher, &drafts))
            }))
        },
    },
    Workload {
        name: "publish",
        prepare: |_, _| {
            Ok(Box::new(|thread| {
                let (mut audience, draft) = (Audience::new(1), draft(BYTES)?);
                thread.again(audience.publish(&thread.runtime, &draft))
            }))
        },
    },
];

// === impl Workload ===

impl Workload {
    /// The one called `name`.
    pub fn find(name: &str) -> Option<Self> {
        WORKLOADS.into_iter().find(|workload| workload.name == name)
    }

    /// Does it for `length` or a little longer on so many `threads`, and returns
    /// how often and how long.
    ///
    /// # Errors
    ///
    /// A capsule is not built, or an event has another outcome than it must.
    pub fn run(
        &self,
        bench: &Bench,
        threads: usize,
        length: Duration,
    ) -> Result<(u64, Duration), BenchError> {
        let task = (self.prepare)(bench, threads)?;
        let watch = Stopwatch::start();
        let work = Arc::new(Work::during(length));
        thread::scope(|scope| {
            let start = |number| {
                let work = work.clone();
                let task = &task;
                scope.spawn(move || {
                    task(&Thread {
                        number,
                        of: threads,
                        runtime: single_thread()?,
                        work,
                    })
                })
            };
            let started: Vec<_> = (0..threads).map(start).collect();
            started.into_iter().try_for_each(|thread| {
                let ended = thread.join();
                ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })?;
        Ok((work.taken(), watch.elapsed()))
    }
}

// === impl Thread ===

impl Thread {
    #[expect(clippy::indexing_slicing, reason = "there is one for each thread")]
    fn own<'a, T>(&self, one_each: &'a [T]) -> &'a T {
        &one_each[self.number]
    }

    fn again(&self, mut run: impl FnMut(u64) -> Result<(), BenchError>) -> Result<(), BenchError> {
        while let Some(times) = self.work.next() {
            run(times)?;
        }
        Ok(())
    }
}

/// An engine for each thread, as the host has it.
fn engines(bench: &Bench, threads: usize) -> Result<Vec<Raw>, BenchError> {
    let wasm = bench.pass()?;
    (0..threads).map(|_| Raw::new(&wasm)).collect()
}

/// Events of so many principals, or of one for each thread, through so many
/// capsules.
fn through(
    bench: &Bench,
    capsules: usize,
    how: Installed<'static>,
    principals: usize,
) -> Result<Task, BenchError> {
    let wasm = bench.pass()?;
    let dir = CapsuleDir::new(&bench.work, "workload")?;
    for index in 0..capsules {
        dir.add(&format!("pass-{index}"), &wasm, how)?;
    }
    let host = dir.host()?;
    Ok(Box::new(move |thread| {
        let principals = principals.max(thread.of);
        let drafts = own_drafts((thread.number, thread.of), principals, BYTES)?;
        let requests = request_in_turn(host.clone(), drafts, thread.work.clone());
        thread.runtime.block_on(requests)
    }))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::Length;

    fn run(workload: Workload, threads: usize) -> Result<u64, BenchError> {
        let nothing = PathBuf::new();
        let bench = Bench {
            length: Length::Trial,
            guests: nothing.clone(),
            examples: nothing.clone(),
            host: nothing.clone(),
            program: nothing.clone(),
            work: nothing,
        };
        let (times, _) = workload.run(&bench, threads, Duration::ZERO)?;
        Ok(times)
    }

    #[test]
    fn each_thread_does_its_own_and_the_first_error_is_told() {
        let failing = Workload {
            name: "failing",
            prepare: |_, threads| {
                let names: Vec<_> = (0..threads).map(|n| format!("{n} of {threads}")).collect();
                Ok(Box::new(move |thread| match thread.number {
                    0 => thread.again(|_| Ok(())),
                    _ => Err(BenchError::unexpected(thread.own(&names).clone())),
                }))
            },
        };
        assert!(run(failing, 1).unwrap() > 0);
        let error = run(failing, 2).unwrap_err().to_string();
        assert_eq!(error, "not as expected: 1 of 2");
    }

    #[test]
    fn a_thread_goes_on_until_all_is_done() {
        let thread = Thread {
            number: 0,
            of: 1,
            runtime: single_thread().unwrap(),
            work: Arc::new(Work::times(130, 1)),
        };
        let mut parts = Vec::new();
        let again = thread.again(|times| {
            parts.push(times);
            Ok(())
        });
        again.unwrap();
        assert_eq!((parts.len(), parts.iter().sum::<u64>()), (44, 130));
    }
}
