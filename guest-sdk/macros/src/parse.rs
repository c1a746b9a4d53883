//! Reads a `#[capsule]` block, and says what is wrong with it where it is.

use proc_macro2::{Span, TokenStream};
use syn::{
    Attribute, Error, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, LitStr, Meta, ReceiverKind,
    Result, ReturnType, Type, ext::IdentExt, spanned::Spanned,
};

/// A block that makes sense.
pub(crate) struct Capsule {
    /// The block itself, without the attributes of this macro.
    pub(crate) block: ItemImpl,
    /// What the manifest calls by name, in the order of the source.
    pub(crate) actions: Vec<Action>,
    /// Whether there is a `new`, or the type is `Default`.
    pub(crate) has_new: bool,
}

/// One handler.
pub(crate) struct Action {
    pub(crate) name: LitStr,
    pub(crate) method: Ident,
    pub(crate) arguments: Vec<Argument>,
    /// Where the handler says what it returns.
    pub(crate) output: Span,
}

/// What a handler wants to know.
pub(crate) enum Argument {
    Payload(Box<Type>),
    Context,
}

/// Collects what is wrong, so that one compilation shows all of it.
#[derive(Default)]
struct Complaints(Option<Error>);

/// Reads the block that `#[capsule]` is on.
pub(crate) fn capsule(arguments: TokenStream, item: TokenStream) -> Result<Capsule> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(
            arguments,
            "`#[capsule]` takes no arguments: names go to `#[action(\"name\")]`",
        ));
    }
    let mut block = syn::parse2::<ItemImpl>(item).map_err(|error| {
        Error::new(
            error.span(),
            "`#[capsule]` belongs on an `impl` block with the capsule's handlers",
        )
    })?;
    let mut complaints = Complaints::default();
    check_block(&block, &mut complaints);

    let mut actions = Vec::new();
    let mut has_new = false;
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        if let Some(attribute) = take_action(function, &mut complaints) {
            complaints.hear(action(&attribute, function).map(|action| actions.push(action)));
        } else if function.sig.ident == "new" {
            has_new = true;
            complaints.hear(check_new(function));
        }
    }
    check_names(&actions, &mut complaints);
    if actions.is_empty() && complaints.0.is_none() {
        complaints.add(
            &block.self_ty,
            "this capsule answers no action: mark a method with `#[action]`",
        );
    }
    complaints.into_result()?;
    Ok(Capsule {
        block,
        actions,
        has_new,
    })
}

/// What is wrong with an `#[action]` that no `#[capsule]` has taken.
pub(crate) fn action_outside() -> Error {
    Error::new(
        Span::call_site(),
        "`#[action]` belongs on a method of an `impl` block marked `#[capsule]`",
    )
}

fn check_block(block: &ItemImpl, complaints: &mut Complaints) {
    if let Some((path, _)) = &block.trait_ {
        complaints.add(
            path,
            "`#[capsule]` belongs on the type's own `impl` block, and not on that of a trait",
        );
    }
    if !block.generics.params.is_empty() {
        complaints.add(
            &block.generics,
            "a capsule cannot be generic: the host knows one type",
        );
    }
}

/// Takes the `#[action]` off a method.
fn take_action(function: &mut ImplItemFn, complaints: &mut Complaints) -> Option<Attribute> {
    let mut taken = None;
    function.attrs.retain(|attribute| {
        let is_action = attribute.path().is_ident("action");
        if is_action && taken.is_some() {
            complaints.add(attribute, "a handler has one `#[action]`");
        } else if is_action {
            taken = Some(attribute.clone());
        }
        !is_action
    });
    taken
}

fn action(attribute: &Attribute, function: &ImplItemFn) -> Result<Action> {
    let signature = &function.sig;
    if let Some(cfg) = function.attrs.iter().find(|a| a.path().is_ident("cfg")) {
        return Err(Error::new_spanned(
            cfg,
            "an action is there or it is not: put `#[cfg]` on the whole block",
        ));
    }
    if let Some(asyncness) = &signature.asyncness {
        return Err(Error::new_spanned(
            asyncness,
            "a handler cannot be `async`: the host runs other events while this one waits",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &signature.generics,
            "a handler cannot be generic: name the payload's type",
        ));
    }
    let ReturnType::Type(_, output) = &signature.output else {
        return Err(Error::new_spanned(
            &signature.ident,
            "a handler returns `Verdict` or `Result<Verdict>`",
        ));
    };
    Ok(Action {
        name: name(attribute, &signature.ident)?,
        method: signature.ident.clone(),
        arguments: arguments(function)?,
        output: output.span(),
    })
}

/// The name that the attribute gives, or else the method's.
fn name(attribute: &Attribute, method: &Ident) -> Result<LitStr> {
    let name = match &attribute.meta {
        Meta::Path(_) => LitStr::new(&method.unraw().to_string(), method.span()),
        Meta::List(list) => list.parse_args::<LitStr>().map_err(|error| {
            Error::new(
                error.span(),
                "the action's name is a string: `#[action(\"check-it\")]`",
            )
        })?,
        Meta::NameValue(pair) => {
            return Err(Error::new_spanned(
                pair,
                "write the action's name in parentheses: `#[action(\"check-it\")]`",
            ));
        }
    };
    let text = name.value();
    let well_formed = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if well_formed {
        Ok(name)
    } else {
        Err(Error::new(
            name.span(),
            format!("`{text}` cannot name an action: use 1 to 64 of A-Z a-z 0-9 _ -"),
        ))
    }
}

/// What a handler takes beside itself: the payload and the context, at most
/// one of each.
fn arguments(function: &ImplItemFn) -> Result<Vec<Argument>> {
    let mut inputs = function.sig.inputs.iter();
    match inputs.next() {
        Some(FnArg::Receiver(receiver)) if matches!(receiver.kind, ReceiverKind::Reference(..)) => {
        }
        Some(FnArg::Receiver(receiver)) => {
            return Err(Error::new_spanned(
                receiver,
                "a handler borrows the capsule: `&mut self` or `&self`",
            ));
        }
        _ => {
            return Err(Error::new_spanned(
                &function.sig.ident,
                "a handler is a method: its first parameter is `&mut self` or `&self`",
            ));
        }
    }
    let mut arguments = Vec::new();
    let (mut payloads, mut contexts) = (0, 0);
    for input in inputs {
        let FnArg::Typed(parameter) = input else {
            continue; // a second `self` is the compiler's to refuse
        };
        let argument = if is_context(&parameter.ty) {
            contexts += 1;
            Argument::Context
        } else {
            payloads += 1;
            Argument::Payload(parameter.ty.clone())
        };
        if payloads > 1 || contexts > 1 {
            return Err(Error::new_spanned(
                parameter,
                "one parameter too many: a handler takes the payload and `&Context`, \
                 at most one of each",
            ));
        }
        arguments.push(argument);
    }
    Ok(arguments)
}

fn is_context(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else {
        return false;
    };
    let Type::Path(path) = &*reference.elem else {
        return false;
    };
    path.path
        .segments
        .last()
        .is_some_and(|segment| segment.ident == "Context")
}

fn check_new(function: &ImplItemFn) -> Result<()> {
    let signature = &function.sig;
    let takes_one = signature.receiver().is_none() && signature.inputs.len() == 1;
    let returns = matches!(signature.output, ReturnType::Type(..));
    if takes_one && returns && signature.asyncness.is_none() {
        Ok(())
    } else {
        Err(Error::new_spanned(
            signature,
            "`new` makes the capsule from its configuration: \
             `fn new(config: &Config) -> Result<Self>`",
        ))
    }
}

fn check_names(actions: &[Action], complaints: &mut Complaints) {
    for (index, action) in actions.iter().enumerate() {
        let earlier = actions
            .iter()
            .take(index)
            .find(|earlier| earlier.name.value() == action.name.value());
        if let Some(earlier) = earlier {
            complaints.hear::<()>(Err(Error::new(
                action.name.span(),
                format!(
                    "the action `{}` has a handler already: `{}`",
                    action.name.value(),
                    earlier.method
                ),
            )));
        }
    }
}

// === impl Complaints ===

impl Complaints {
    fn add(&mut self, tokens: &impl quote::ToTokens, message: &str) {
        self.hear::<()>(Err(Error::new_spanned(tokens, message)));
    }

    fn hear<T>(&mut self, result: Result<T>) {
        match (&mut self.0, result) {
            (Some(complaints), Err(error)) => complaints.combine(error),
            (none, Err(error)) => *none = Some(error),
            (_, Ok(_)) => {}
        }
    }

    fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
