//! The attribute macros of `capsule-sdk`, which re-exports and explains them.

mod expand;
mod parse;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Makes a capsule of a type: put it on the `impl` block with its handlers.
///
/// - Each method marked [`#[action]`](macro@action) is a handler. It takes
///   `&mut self` or `&self`, then the payload (`Json<T>`, `String`,
///   `Vec<u8>`: whatever is `FromPayload`) and `&Context`, each only if it
///   wants it, and returns `Verdict` or `Result<Verdict>`.
/// - `fn new(config: &Config) -> Result<Self>` makes the state before an
///   instance's first event. Without it the type must be `Default`.
/// - Everything else in the block stays as it is.
///
/// The type becomes a `Capsule`, and on `wasm32` the crate (a `cdylib`)
/// exports its hook to the host; so a crate has one capsule. The names of the
/// actions also go into the module's custom section `capsule-actions`, one a
/// line, for tools that compare them with the manifest's.
#[proc_macro_attribute]
pub fn capsule(arguments: TokenStream, item: TokenStream) -> TokenStream {
    parse::capsule(arguments.into(), item.into())
        .map(|capsule| expand::capsule(&capsule))
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

/// Marks a handler inside a `#[capsule]` block.
///
/// The action's name, which the manifest's interceptors refer to, is the
/// method's; `#[action("check-it")]` gives it another, of 1 to 64 of
/// `A-Z a-z 0-9 _ -`.
#[proc_macro_attribute]
pub fn action(_arguments: TokenStream, _item: TokenStream) -> TokenStream {
    parse::action_outside().into_compile_error().into()
}
