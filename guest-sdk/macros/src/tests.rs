//! What the macro refuses, with the words it says and the place it points to.

use proc_macro2::TokenStream;

use crate::parse;

struct Case {
    name: &'static str,
    arguments: &'static str,
    source: &'static str,
    /// Each error: what it points to, and its message.
    want: &'static [(&'static str, &'static str)],
}

const CASES: &[Case] = &[
    Case {
        name: "not an impl block",
        arguments: "",
        source: "struct Guard { rules: u8 }",
        want: &[(
            "struct",
            "`#[capsule]` belongs on an `impl` block with the capsule's handlers",
        )],
    },
    Case {
        name: "arguments",
        arguments: "check",
        source: "impl Guard {}",
        want: &[(
            "check",
            "`#[capsule]` takes no arguments: names go to `#[action(\"name\")]`",
        )],
    },
    Case {
        name: "no action",
        arguments: "",
        source: "impl Guard { fn check(&self) -> Verdict { todo!() } }",
        want: &[(
            "Guard",
            "this capsule answers no action: mark a method with `#[action]`",
        )],
    },
    Case {
        name: "trait impl",
        arguments: "",
        source: "impl Check for Guard { #[action] fn check(&self) -> Verdict { todo!() } }",
        want: &[(
            "Check",
            "`#[capsule]` belongs on the type's own `impl` block, and not on that of a trait",
        )],
    },
    Case {
        name: "generic capsule",
        arguments: "",
        source: "impl<T> Guard<T> { #[action] fn check(&self) -> Verdict { todo!() } }",
        want: &[(
            "<T>",
            "a capsule cannot be generic: the host knows one type",
        )],
    },
    Case {
        name: "one name twice",
        arguments: "",
        source: "impl Guard {
            #[action] fn check(&self) -> Verdict { todo!() }
            #[action(\"check\")] fn again(&self) -> Verdict { todo!() }
        }",
        want: &[(
            "\"check\"",
            "the action `check` has a handler already: `check`",
        )],
    },
    Case {
        name: "two payloads",
        arguments: "",
        source: "impl Guard { #[action] fn check(&self, a: String, b: String) -> Verdict { todo!() } }",
        want: &[(
            "b: String",
            "one parameter too many: a handler takes the payload and `&Context`, at most one of each",
        )],
    },
    Case {
        name: "three parameters",
        arguments: "",
        source: "impl Guard {
            #[action] fn check(&self, a: String, cx: &Context, n: u8) -> Verdict { todo!() }
        }",
        want: &[(
            "n: u8",
            "one parameter too many: a handler takes the payload and `&Context`, at most one of each",
        )],
    },
    Case {
        name: "async handler",
        arguments: "",
        source: "impl Guard { #[action] async fn check(&self) -> Verdict { todo!() } }",
        want: &[(
            "async",
            "a handler cannot be `async`: the host runs other events while this one waits",
        )],
    },
    Case {
        name: "generic handler",
        arguments: "",
        source: "impl Guard { #[action] fn check<T>(&self, call: Json<T>) -> Verdict { todo!() } }",
        want: &[(
            "<T>",
            "a handler cannot be generic: name the payload's type",
        )],
    },
    Case {
        name: "a function and not a method",
        arguments: "",
        source: "impl Guard { #[action] fn check(call: String) -> Verdict { todo!() } }",
        want: &[(
            "check",
            "a handler is a method: its first parameter is `&mut self` or `&self`",
        )],
    },
    Case {
        name: "self by value",
        arguments: "",
        source: "impl Guard { #[action] fn check(self) -> Verdict { todo!() } }",
        want: &[(
            "self",
            "a handler borrows the capsule: `&mut self` or `&self`",
        )],
    },
    Case {
        name: "nothing returned",
        arguments: "",
        source: "impl Guard { #[action] fn check(&self) {} }",
        want: &[("check", "a handler returns `Verdict` or `Result<Verdict>`")],
    },
    Case {
        name: "a name that is no string",
        arguments: "",
        source: "impl Guard { #[action(check)] fn check(&self) -> Verdict { todo!() } }",
        want: &[(
            "check",
            "the action's name is a string: `#[action(\"check-it\")]`",
        )],
    },
    Case {
        name: "a name after an equals sign",
        arguments: "",
        source: "impl Guard { #[action = \"check\"] fn check(&self) -> Verdict { todo!() } }",
        want: &[(
            "action = \"check\"",
            "write the action's name in parentheses: `#[action(\"check-it\")]`",
        )],
    },
    Case {
        name: "a name of several lines",
        arguments: "",
        source: "impl Guard { #[action(\"a\\nb\")] fn check(&self) -> Verdict { todo!() } }",
        want: &[(
            "\"a\\nb\"",
            "`a\nb` cannot name an action: use 1 to 64 of A-Z a-z 0-9 _ -",
        )],
    },
    Case {
        name: "an empty name",
        arguments: "",
        source: "impl Guard { #[action(\"\")] fn check(&self) -> Verdict { todo!() } }",
        want: &[(
            "\"\"",
            "`` cannot name an action: use 1 to 64 of A-Z a-z 0-9 _ -",
        )],
    },
    Case {
        name: "two attributes",
        arguments: "",
        source: "impl Guard { #[action] #[action(\"b\")] fn check(&self) -> Verdict { todo!() } }",
        want: &[("#[action(\"b\")]", "a handler has one `#[action]`")],
    },
    Case {
        name: "a handler that is only sometimes there",
        arguments: "",
        source: "impl Guard { #[action] #[cfg(x)] fn check(&self) -> Verdict { todo!() } }",
        want: &[(
            "#[cfg(x)]",
            "an action is there or it is not: put `#[cfg]` on the whole block",
        )],
    },
    Case {
        name: "new without configuration",
        arguments: "",
        source: "impl Guard {
            fn new() -> Self { todo!() }
            #[action] fn check(&self) -> Verdict { todo!() }
        }",
        want: &[(
            "fn new() -> Self",
            "`new` makes the capsule from its configuration: `fn new(config: &Config) -> Result<Self>`",
        )],
    },
    Case {
        name: "several at once",
        arguments: "",
        source: "impl Guard {
            #[action] fn a(&self) {}
            #[action] async fn b(&self) -> Verdict { todo!() }
        }",
        want: &[
            ("a", "a handler returns `Verdict` or `Result<Verdict>`"),
            (
                "async",
                "a handler cannot be `async`: the host runs other events while this one waits",
            ),
        ],
    },
];

#[test]
fn what_is_wrong_is_said_where_it_is() {
    for case in CASES {
        let parse = |text: &str| text.parse::<TokenStream>().unwrap();
        let Err(error) = parse::capsule(parse(case.arguments), parse(case.source)) else {
            panic!("case: {}: accepted", case.name);
        };
        let got: Vec<_> = error
            .into_iter()
            .map(|error| (error.span().source_text().unwrap(), error.to_string()))
            .collect();
        let want: Vec<_> = case
            .want
            .iter()
            .map(|&(place, message)| (place.to_owned(), message.to_owned()))
            .collect();
        assert_eq!(got, want, "case: {}", case.name);
    }
}
