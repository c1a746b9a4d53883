//! The allocator of a capsule: it hands out memory that the module starts with
//! before it asks for more.
//!
//! A guest that grows its memory on its first allocation makes the host change
//! the protection of pages twice in each instance's life, and those changes
//! stop every thread of the host's process in turn: a fresh instance per call
//! then takes twice the time on one thread, and several times on two. Most
//! capsules never need more than the arena, and small ones only the beginning
//! of it: so it is handed out in pieces.
#![expect(
    unsafe_code,
    reason = "an allocator deals in raw memory; each block says why it is sound"
)]

use std::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::UnsafeCell,
    ptr,
};

use dlmalloc::Dlmalloc;
use zeros::{Pieces, ZEROS};

#[cfg(target_feature = "atomics")]
compile_error!(
    "the SDK's allocator is for one thread: build without `atomics`, or without the feature `arena`"
);

/// WebAssembly's unit of growth.
const PAGE_BYTES: usize = 64 * 1024;

/// What the sizes of regions are multiples of, and all that the allocator is to
/// round them up to: how long a piece of the arena should be is not its matter.
const GRANULARITY: usize = 16;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(UnsafeCell::new(dlmalloc()));

/// The allocator that Rust uses on this target by itself, on memory of our
/// choice.
struct Allocator(UnsafeCell<Dlmalloc<System>>);

/// Where the memory comes from: the arena, then growth.
struct System {
    arena: Pieces,
}

// SAFETY: without `atomics`, which is refused above, a module has one thread.
unsafe impl Sync for Allocator {}

const fn dlmalloc() -> Dlmalloc<System> {
    // SAFETY: only `ALLOCATOR` is made here, and nothing else names the zeros.
    let arena = unsafe { Pieces::new(&ZEROS) };
    let mut dlmalloc = Dlmalloc::new_with_allocator(System { arena });
    assert!(dlmalloc.set_granularity(GRANULARITY));
    dlmalloc
}

// === impl Allocator ===

// SAFETY: `Dlmalloc` is a correct allocator if it is used by one caller at a
// time and its `System` gives it memory that nobody else uses. There is one
// thread, and no call can begin within another: `System` does not allocate, and
// nothing interrupts WebAssembly. So each `&mut` below is the only one. Layouts
// are passed on as they came.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see the impl.
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see the impl.
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: see the impl; the caller got `memory` for `layout` from here.
        unsafe { (*self.0.get()).free(memory, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: see the impl; the caller got `memory` for `layout` from here.
        unsafe { (*self.0.get()).realloc(memory, layout.size(), layout.align(), size) }
    }
}

// === impl System ===

// SAFETY: each region is as long as is said, and is handed out once:
// pieces of the arena, because that is what `Pieces` promises; grown pages,
// because `memory.grow` appends pages that nothing had before. Both are zeros.
unsafe impl dlmalloc::Allocator for System {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if let Some(piece) = self.arena.take(size) {
            return (piece.as_ptr().cast(), piece.len(), 0);
        }
        let pages = size.div_ceil(PAGE_BYTES);
        let before = wasm32::memory_grow::<0>(pages);
        if before == usize::MAX {
            return (ptr::null_mut(), 0, 0);
        }
        let start = before * PAGE_BYTES;
        let mut length = pages * PAGE_BYTES;
        if start.checked_add(length).is_none() {
            // A region may not end where addresses do: one past it would be
            // null. If it is too short then, dlmalloc finds that it is.
            length -= GRANULARITY;
        }
        (ptr::with_exposed_provenance_mut(start), length, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE_BYTES
    }
}
