//! The lock and the atomics that everything shared between threads is made of:
//! real ones, or with `--cfg shuttle` those of a scheduler that tries out
//! interleavings.

#[cfg(shuttle)]
pub(crate) use {
    self::explored::Mutex,
    shuttle::sync::{
        MutexGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};
#[cfg(not(shuttle))]
pub(crate) use {
    parking_lot::{Mutex, MutexGuard},
    std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

#[cfg(shuttle)]
mod explored {
    use super::MutexGuard;

    /// A lock with the interface of the real one.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        #[expect(clippy::unwrap_used, reason = "a poisoned lock fails the exploration")]
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

/// How many schedules each test plays; `CAPSULE_SCHEDULES` says otherwise.
#[cfg(all(shuttle, test))]
pub(crate) fn schedules() -> usize {
    let asked = std::env::var("CAPSULE_SCHEDULES").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(500)
}
