//! Where a guest's stack ends.
//!
//! The linker puts the stack below the data. By default it is 1 MiB, so that it
//! ends with a page, and each instance of the smallest capsule has two pages
//! resident: one for the few bytes of stack that it uses, and one for its few
//! bytes of data. With a stack of 1 MiB and a bit they share one.
//!
//! A capsule with more data than goes into that page would lose by it: of that
//! data the beginning is only read, and a page that is only read is one for all
//! instances. There the stack is made to end with the page before.

use std::ops::Range;

use wasmparser::{BinaryReaderError, DataKind, Operator, Parser, Payload, ValType};

/// The stack that the linker is asked for, in bytes: what it makes by default,
/// and as much more as the hook of a capsule that parses nothing needs. More
/// would be taken from the heap's part of the page.
const ASKED: i32 = DEFAULT + 512;

/// The compiler's own choice, in bytes; it ends with a page.
const DEFAULT: i32 = 1024 * 1024;

/// The host's unit of memory, in bytes.
const PAGE: i64 = 4 * 1024;

/// What `rustc` is told. An author's own flags, wherever they are, come later
/// on its command line, and the last of them counts.
pub(crate) const RUSTC_ARGS: [&str; 4] = ["-C", "link-arg=-z", "-C", "link-arg=stack-size=1049088"];

/// Makes the stack end with a page if it cannot share one with all the data. A
/// module whose stack has another size than was asked for is left as it is.
///
/// # Errors
///
/// The bytes are no module.
pub(crate) fn settle(module: &mut [u8]) -> Result<(), BinaryReaderError> {
    let mut pointer = None;
    let mut data_end = 0;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    let ty = global.ty;
                    if pointer.is_none() && ty.mutable && ty.content_type == ValType::I32 {
                        // The linker's first variable is the stack pointer.
                        pointer = Some(global.init_expr.get_binary_reader().range());
                    }
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    let segment = segment?;
                    if let DataKind::Active { offset_expr, .. } = segment.kind
                        && let Operator::I32Const { value } =
                            offset_expr.get_operators_reader().read()?
                    {
                        let end = i64::from(value) + segment.data.len() as i64;
                        data_end = end.max(data_end);
                    }
                }
            }
            _ => {}
        }
    }
    if data_end > i64::from(DEFAULT) + PAGE
        && let Some(expression) = pointer.and_then(|range: Range<usize>| module.get_mut(range))
        && expression == constant(ASKED)
    {
        expression.copy_from_slice(&constant(DEFAULT));
    }
    Ok(())
}

/// The expression of a constant of 22 to 28 bits, as modules have it.
fn constant(value: i32) -> [u8; 6] {
    const I32_CONST: u8 = 0x41;
    const END: u8 = 0x0b;
    let bits = |low: u32| (value >> low) as u8 & 0x7f;
    let more = 0x80;
    [
        I32_CONST,
        bits(0) | more,
        bits(7) | more,
        bits(14) | more,
        bits(21),
        END,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with this stack pointer, and a byte of data at `data`.
    fn module(pointer: i32, data: i32) -> Vec<u8> {
        let text = format!(
            r#"(module (memory 17)
                (global i32 (i32.const {ASKED}))
                (global (mut i32) (i32.const {pointer}))
                (global (mut i32) (i32.const {ASKED}))
                (data (i32.const {data}) ".")
                (data (i32.const {ASKED}) "first"))"#
        );
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn the_linker_is_asked_for_the_stack_that_is_looked_for() {
        let asked = RUSTC_ARGS.last().unwrap();
        assert_eq!(*asked, format!("link-arg=stack-size={ASKED}"));
    }

    #[test]
    fn only_a_stack_that_was_asked_for_and_has_much_data_above_is_moved() {
        let page = DEFAULT + PAGE as i32;
        let cases = [
            ("data within the page", ASKED, page - 1, ASKED),
            ("data beyond it", ASKED, page, DEFAULT),
            (
                "the author's stack",
                2 * DEFAULT,
                2 * DEFAULT + page,
                2 * DEFAULT,
            ),
            ("a short constant", 16, page, 16),
            ("the compiler's stack", DEFAULT, page, DEFAULT),
        ];
        for (name, pointer, data, want) in cases {
            let mut found = module(pointer, data);
            settle(&mut found).unwrap();
            assert_eq!(found, module(want, data), "case: {name}");
        }
    }

    #[test]
    fn a_module_without_a_stack_is_left_as_it_is() {
        let mut found = wat::parse_str("(module)").unwrap();
        settle(&mut found).unwrap();
        assert_eq!(found, wat::parse_str("(module)").unwrap());
        assert!(settle(&mut [0, 1, 2]).is_err());
    }
}
