//! The allocator of a capsule: it hands out memory that the module starts with
//! before it asks for more.
//!
//! A guest that grows its memory on its first allocation makes the host change
//! the protection of pages twice in each instance's life, and those changes
//! stop every thread of the host's process in turn: a fresh instance per call
//! then takes twice the time on one thread, and several times on two. Most
//! capsules never need more than the arena.
#![expect(
    unsafe_code,
    reason = "an allocator deals in raw memory; each block says why it is sound"
)]

use std::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::{Cell, UnsafeCell},
    ptr,
};

use dlmalloc::Dlmalloc;

#[cfg(target_feature = "atomics")]
compile_error!(
    "the SDK's allocator is for one thread: build without `atomics`, or without the feature `arena`"
);

/// How much memory is there without growing: 512 KiB, for some hundred events
/// of common size at once, and still within what a host keeps resident.
const ARENA_BYTES: usize = 512 * 1024;

/// WebAssembly's unit of growth.
const PAGE_BYTES: usize = 64 * 1024;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(UnsafeCell::new(Dlmalloc::new_with_allocator(System {
    arena_is_taken: Cell::new(false),
})));

/// Zeros that cost the module's file nothing.
static ARENA: Arena = Arena(UnsafeCell::new([0; ARENA_BYTES]));

/// The allocator that Rust uses on this target by itself, on memory of our
/// choice.
struct Allocator(UnsafeCell<Dlmalloc<System>>);

/// Where the memory comes from: the arena once, then growth.
struct System {
    arena_is_taken: Cell<bool>,
}

#[repr(align(16))]
struct Arena(UnsafeCell<[u8; ARENA_BYTES]>);

// SAFETY: without `atomics`, which is refused above, a module has one thread.
unsafe impl Sync for Allocator {}

// SAFETY: as for `Allocator`; besides, the arena is handed out only once.
unsafe impl Sync for Arena {}

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

// SAFETY: each region is at least as long as asked for and is handed out once:
// the arena, because the flag says so and nothing else names it; grown pages,
// because `memory.grow` appends pages that nothing had before. Both are zeros.
unsafe impl dlmalloc::Allocator for System {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if size <= ARENA_BYTES && !self.arena_is_taken.replace(true) {
            return (ARENA.0.get().cast(), ARENA_BYTES, 0);
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
            // null. What is left out is of the size that keeps it aligned.
            length -= align_of::<Arena>();
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
