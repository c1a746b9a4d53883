//! Writes what a `#[capsule]` block stands for.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Type, spanned::Spanned};

use crate::parse::{Action, Argument, Capsule};

/// The block, the type's `Capsule`, and the component's export.
pub(crate) fn capsule(capsule: &Capsule) -> TokenStream {
    let block = &capsule.block;
    let implementation = implementation(capsule);
    let export = export(capsule);
    quote! {
        #block
        #implementation
        #export
    }
}

fn implementation(capsule: &Capsule) -> TokenStream {
    let ty = &*capsule.block.self_ty;
    let names = capsule.actions.iter().map(|action| &action.name);
    let start = start(ty, capsule.has_new);
    let arms = capsule.actions.iter().map(arm);
    quote! {
        #[automatically_derived]
        impl ::capsule_sdk::Capsule for #ty {
            const ACTIONS: &'static [&'static str] = &[#(#names),*];

            fn start(config: &::capsule_sdk::Config) -> ::capsule_sdk::Result<Self> {
                #start
            }

            fn hook(
                &mut self,
                action: &str,
                payload: ::std::vec::Vec<u8>,
                cx: &::capsule_sdk::Context,
            ) -> ::capsule_sdk::Result<::capsule_sdk::Verdict> {
                match action {
                    #(#arms)*
                    other => ::core::result::Result::Err(::capsule_sdk::Error::unknown_action(
                        other,
                        <Self as ::capsule_sdk::Capsule>::ACTIONS,
                    )),
                }
            }
        }
    }
}

fn start(ty: &Type, has_new: bool) -> TokenStream {
    if has_new {
        quote! { Self::new(config) }
    } else {
        // With the type's own span the compiler points there when it is not
        // `Default`.
        quote_spanned! {ty.span()=>
            let _ = config;
            ::core::result::Result::Ok(<#ty as ::core::default::Default>::default())
        }
    }
}

fn arm(action: &Action) -> TokenStream {
    let Action {
        name,
        method,
        arguments,
        output,
    } = action;
    let arguments = arguments.iter().map(|argument| match argument {
        Argument::Context => quote! { cx },
        Argument::Payload(ty) => quote_spanned! {ty.span()=>
            <#ty as ::capsule_sdk::FromPayload>::from_payload(payload)?
        },
    });
    let call = quote! { self.#method(#(#arguments),*) };
    let verdict = quote_spanned! {*output=> ::capsule_sdk::IntoVerdict::into_verdict };
    quote! { #name => #verdict(#call), }
}

/// The component's side, which no other target has.
fn export(capsule: &Capsule) -> TokenStream {
    let ty = &*capsule.block.self_ty;
    let names: Vec<_> = capsule.actions.iter().map(|a| a.name.value()).collect();
    let section = names.join("\n");
    let length = section.len();
    let section = Literal::byte_string(section.as_bytes());
    quote! {
        // Natively nothing but tests calls a capsule; without this its code is
        // said to be dead.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(&::capsule_sdk::Config) -> ::capsule_sdk::Result<#ty> =
            <#ty as ::capsule_sdk::Capsule>::start;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            ::std::thread_local! {
                static INSTANCE: ::core::cell::RefCell<::capsule_sdk::Instance<#ty>> =
                    const { ::core::cell::RefCell::new(::capsule_sdk::Instance::new()) };
            }

            #[unsafe(link_section = "capsule-actions")]
            #[used]
            static ACTIONS: [u8; #length] = *#section;

            struct Export;

            impl ::capsule_sdk::guest::Guest for Export {
                fn hook(
                    action: ::std::string::String,
                    payload: ::std::vec::Vec<u8>,
                ) -> ::core::result::Result<::capsule_sdk::guest::Verdict, ::std::string::String> {
                    INSTANCE.with_borrow_mut(|instance| {
                        ::capsule_sdk::guest::hook(instance, &action, payload)
                    })
                }
            }

            ::capsule_sdk::guest::export!(Export with_types_in ::capsule_sdk::guest::bindings);
        };
    }
}
