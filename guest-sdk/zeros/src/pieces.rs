//! The zeros, and what is left of them.
#![expect(
    unsafe_code,
    reason = "memory for an allocator is raw; each block says why it is sound"
)]

use std::{
    cell::{Cell, UnsafeCell},
    ptr::NonNull,
};

/// All there is: 512 KiB, for some hundred events of common size at once, and
/// still within what a host keeps resident.
const BYTES: usize = 512 * 1024;

/// The host's unit of memory: what is touched of it becomes resident.
const PAGE_BYTES: usize = 4 * 1024;

/// Up to here pieces are as small as pages allow. Whoever needs more gets all
/// the rest: a page more hardly counts then, and a buffer at the heap's end
/// grows where it is, while at the end of a piece it would be copied.
const PAGED_BYTES: usize = 16 * 1024;

/// The memory of a module's allocator; it costs the module's file nothing.
pub static ZEROS: Zeros = Zeros::new();

/// 512 KiB of zeros.
#[derive(Debug)]
#[repr(align(16))]
pub struct Zeros(UnsafeCell<[u8; BYTES]>);

/// Hands out zeros, each once, from the first to the last.
#[derive(Debug)]
pub struct Pieces {
    zeros: &'static Zeros,
    /// How many bytes have been handed out.
    taken: Cell<usize>,
}

// SAFETY: nothing is read or written through a shared `Zeros`. It only has an
// address, for `Pieces`, of which `Pieces::new` demands that it is alone.
unsafe impl Sync for Zeros {}

// === impl Zeros ===

impl Zeros {
    const fn new() -> Self {
        Self(UnsafeCell::new([0; BYTES]))
    }
}

// === impl Pieces ===

impl Pieces {
    /// Hands out `zeros`.
    ///
    /// # Safety
    ///
    /// There is no other `Pieces` of the same zeros: two would hand out the
    /// same memory.
    pub const unsafe fn new(zeros: &'static Zeros) -> Self {
        Self {
            zeros,
            taken: Cell::new(0),
        }
    }

    /// The next piece, of at least `bytes`; `None` if fewer are left.
    ///
    /// It is for the caller alone, and has not been written to. It begins where
    /// the last one ended, at a multiple of 16 as its length is one, and may be
    /// used with it as one region. It ends with a page, or with all there is.
    pub fn take(&self, bytes: usize) -> Option<NonNull<[u8]>> {
        let taken = self.taken.get();
        let need = taken.checked_add(bytes).filter(|need| *need <= BYTES)?;
        let first = NonNull::from_ref(&self.zeros.0).cast::<u8>();
        let address = first.addr().get();
        let end = match need <= PAGED_BYTES {
            true => (address + need).next_multiple_of(PAGE_BYTES) - address,
            false => BYTES,
        };
        let end = end.min(BYTES);
        self.taken.set(end);
        // SAFETY: `taken` was at most `BYTES`, within the zeros or right behind.
        let start = unsafe { first.add(taken) };
        Some(NonNull::slice_from_raw_parts(start, end - taken))
    }
}

#[cfg(test)]
mod tests;
