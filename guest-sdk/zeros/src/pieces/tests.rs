use std::slice;

use dlmalloc::Dlmalloc;

use super::*;

/// What an allocator needs beside the memory that was asked for.
const OVERHEAD: usize = 256;

fn pieces() -> (Pieces, &'static Zeros) {
    let zeros = Box::leak(Box::new(Zeros::new()));
    // SAFETY: nobody else knows these zeros.
    (unsafe { Pieces::new(zeros) }, zeros)
}

/// The piece as addresses: its first, and the one behind it.
fn ends(piece: NonNull<[u8]>) -> (usize, usize) {
    let start = piece.addr().get();
    (start, start + piece.len())
}

#[test]
fn pieces_continue_one_another_and_end_with_a_page() {
    let (pieces, zeros) = pieces();
    let mut next = ptr_of(zeros);
    for bytes in [1, 100, 4_000, 16] {
        let (start, end) = ends(pieces.take(bytes).unwrap());
        assert_eq!(start, next, "{bytes} bytes");
        assert!(end - start >= bytes, "{bytes} bytes");
        assert!(end - start < bytes + PAGE_BYTES, "{bytes} bytes");
        assert_eq!(end % PAGE_BYTES, 0, "{bytes} bytes");
        next = end;
    }
}

#[test]
fn who_needs_much_gets_all_that_is_left() {
    let (pieces, zeros) = pieces();
    let (_, first) = ends(pieces.take(100).unwrap());
    let rest = ends(pieces.take(PAGED_BYTES).unwrap());
    assert_eq!(rest, (first, ptr_of(zeros) + BYTES));
    assert_eq!(pieces.take(1), None);
}

#[test]
fn what_is_too_much_is_refused_and_takes_nothing() {
    let (pieces, zeros) = pieces();
    let (_, first) = ends(pieces.take(100).unwrap());
    for bytes in [BYTES, usize::MAX] {
        assert_eq!(pieces.take(bytes), None);
    }
    let end = ptr_of(zeros) + BYTES;
    let rest = ends(pieces.take(end - first).unwrap());
    assert_eq!(rest, (first, end));
}

#[test]
fn an_allocator_touches_no_page_that_it_does_not_need() {
    for bytes in [10, 1_000, 3_000, 8_000] {
        let (pieces, zeros) = pieces();
        let mut heap = heap(pieces);
        // SAFETY: sizes are not zero, and alignments powers of two.
        let memory = unsafe { heap.malloc(bytes, 8) };
        assert!(!memory.is_null());
        // SAFETY: that much was asked for.
        unsafe { memory.write_bytes(1, bytes) };
        let start = ptr_of(zeros);
        let page = (start + bytes + OVERHEAD).next_multiple_of(PAGE_BYTES) - start;
        let behind = &content(zeros)[page..];
        assert!(behind.iter().all(|byte| *byte == 0), "{bytes} bytes");
    }
}

#[test]
fn an_allocator_makes_one_heap_of_the_pieces() {
    let (pieces, zeros) = pieces();
    let mut heap = heap(pieces);
    let all = ptr_of(zeros)..ptr_of(zeros) + BYTES;
    let mut random = fastrand::Rng::with_seed(7);
    // Each allocation is full of a byte of its own.
    let mut live: Vec<(*mut u8, usize, u8)> = Vec::new();
    for round in 0..20_000 {
        // At first little is alive, so that the heap grows by pages.
        let most = if round < 2_000 { 10 } else { 60 };
        let size = random.usize(1..4_000);
        if live.len() < most {
            let fill = random.u8(..);
            // SAFETY: as above.
            let memory = unsafe { heap.malloc(size, 8) };
            assert!(all.contains(&memory.addr()), "round {round}");
            // SAFETY: as above.
            unsafe { memory.write_bytes(fill, size) };
            live.push((memory, size, fill));
            continue;
        }
        let (memory, old, fill) = live.swap_remove(random.usize(..live.len()));
        // SAFETY: `old` bytes are there, and nobody writes to them.
        let found = unsafe { slice::from_raw_parts(memory, old) };
        assert!(found.iter().all(|byte| *byte == fill), "round {round}");
        if random.bool() {
            // SAFETY: it came from `heap`, and is used no more.
            unsafe { heap.free(memory, old, 8) };
            continue;
        }
        // SAFETY: it came from `heap`; only what is returned is used from now on.
        let memory = unsafe { heap.realloc(memory, old, 8, size) };
        assert!(all.contains(&memory.addr()), "round {round}");
        // SAFETY: of both sizes the smaller one was kept.
        let kept = unsafe { slice::from_raw_parts(memory, old.min(size)) };
        assert!(kept.iter().all(|byte| *byte == fill), "round {round}");
        // SAFETY: as above.
        unsafe { memory.write_bytes(fill, size) };
        live.push((memory, size, fill));
    }
    for (memory, size, _) in live {
        // SAFETY: as above.
        unsafe { heap.free(memory, size, 8) };
    }
    // What was freed is one again: most of all there is, at a stroke.
    // SAFETY: as above.
    assert!(!unsafe { heap.malloc(BYTES * 9 / 10, 8) }.is_null());
}

fn ptr_of(zeros: &Zeros) -> usize {
    zeros.0.get().addr()
}

fn content(zeros: &Zeros) -> &[u8] {
    // SAFETY: the heap on it is not used while the reference is alive.
    unsafe { &*zeros.0.get() }
}

/// The allocator as the SDK sets it up, on nothing but `pieces`.
fn heap(pieces: Pieces) -> Dlmalloc<OnlyPieces> {
    let mut heap = Dlmalloc::new_with_allocator(OnlyPieces(pieces));
    assert!(heap.set_granularity(16));
    heap
}

struct OnlyPieces(Pieces);

// SAFETY: each piece is handed out once, has the length that is said, and stays
// for ever. There is one thread.
unsafe impl Send for OnlyPieces {}

// SAFETY: as above.
unsafe impl dlmalloc::Allocator for OnlyPieces {
    fn alloc(&self, bytes: usize) -> (*mut u8, usize, u32) {
        let piece = self.0.take(bytes);
        piece.map_or((std::ptr::null_mut(), 0, 0), |piece| {
            (piece.as_ptr().cast(), piece.len(), 0)
        })
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        std::ptr::null_mut()
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
