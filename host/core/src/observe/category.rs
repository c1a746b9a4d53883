//! What records are about.

use std::ops::BitOr;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Category {
    /// An event was taken in.
    Published,
    /// An event was let through.
    Admitted,
    /// An interceptor took part in an event.
    Step,
    /// A chain came to its end.
    Verdict,
    /// An event was refused.
    Denied,
    /// An interceptor failed.
    Error,
    /// Something was lost on the way to a consumer, or not taken in.
    Dropped,
    /// The host published an event about itself.
    Lifecycle,
    /// The interceptors were replaced.
    Reload,
    /// Something that whoever answers for the host wants on paper.
    Audit,
}

/// A set of categories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Categories(u16);

// === impl Category ===

impl Category {
    /// Every category, in the order of their declaration.
    pub const ALL: [Self; 10] = [
        Self::Published,
        Self::Admitted,
        Self::Step,
        Self::Verdict,
        Self::Denied,
        Self::Error,
        Self::Dropped,
        Self::Lifecycle,
        Self::Reload,
        Self::Audit,
    ];
}

// === impl Categories ===

impl Categories {
    /// None.
    pub const NONE: Self = Self(0);

    /// Every one.
    pub fn all() -> Self {
        Category::ALL.into_iter().collect()
    }

    /// Whether `category` is in the set.
    pub fn contains(self, category: Category) -> bool {
        self.0 & (1 << category as u16) != 0
    }

    pub(super) fn bits(self) -> u16 {
        self.0
    }

    pub(super) fn from_bits(bits: u16) -> Self {
        Self(bits)
    }
}

impl From<Category> for Categories {
    fn from(category: Category) -> Self {
        Self(1 << category as u16)
    }
}

impl BitOr for Categories {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Category> for Categories {
    fn from_iter<I: IntoIterator<Item = Category>>(all: I) -> Self {
        all.into_iter()
            .fold(Self::NONE, |set, category| set | category.into())
    }
}
