//! Which things of a kind are looked for, and in which order. One type for
//! everything that asks: HTTP, typed operations, the rules themselves. Says
//! nothing of how a store finds them.

use crate::entity::Relation;

/// A comparison of a column with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same.
    Equal,
    /// Something else, and something at all.
    NotEqual,
    /// After it.
    Greater,
    /// After it, or the same.
    GreaterOrEqual,
    /// Before it.
    Less,
    /// Before it, or the same.
    LessOrEqual,
    /// A pattern of `%` and `_`, upper and lower case apart.
    Like,
    /// A pattern of `%` and `_`, without regard to the case of the letters A to Z: ids and
    /// emails, which alone are compared so, have no others.
    LikeAnyCase,
    /// A regular expression that is found somewhere in it.
    Matches,
}

/// A condition on one thing. Columns are given by their index in [`columns`](crate::entity::Entity::columns).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every one of these holds.
    All(Vec<Filter>),
    /// One of these holds.
    Any(Vec<Filter>),
    /// The column compares so with a text.
    Compare(usize, Comparison, String),
    /// The column is a truth value, and this one.
    Flag(usize, bool),
    /// The column has no value.
    Null(usize),
    /// The column has a value.
    NotNull(usize),
    /// The column is one of these texts.
    In(usize, Vec<String>),
    /// The column is a text, and none of these.
    NotIn(usize, Vec<String>),
    /// The column is one of these texts, all of them ASCII, in any case.
    InAnyCase(usize, Vec<String>),
    /// The column is a text, and none of these in any case.
    NotInAnyCase(usize, Vec<String>),
    /// Something is tied to it for which this holds.
    Related(&'static Relation, Box<Filter>),
    /// Nothing is tied to it.
    Unrelated(&'static Relation),
    /// Each of these words is found in one of its texts, both without regard to case
    /// and to how accents are composed: as the SQL function `casefold` of the host has it.
    Words(Vec<String>),
}

impl Filter {
    /// No condition.
    pub const fn all() -> Self {
        Self::All(Vec::new())
    }

    /// The id is this one.
    pub fn id(id: &str) -> Self {
        Self::Compare(0, Comparison::Equal, id.to_owned())
    }

    /// Each word of a text is found.
    pub fn words(text: &str) -> Self {
        Self::Words(text.split_whitespace().map(str::to_owned).collect())
    }

    /// Whether it holds for everything.
    pub fn is_all(&self) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(Self::is_all),
            Self::Words(words) => words.is_empty(),
            _ => false,
        }
    }
}

/// The texts of a thing that [`Filter::Words`] are looked for in, as one; no word can match
/// across two of them.
pub fn searched<const N: usize>(texts: [Option<&str>; N]) -> String {
    texts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The order of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By what is tied to it by this relation, where there is one: by the least
    /// value there, or the greatest if the greatest comes first.
    pub through: Option<&'static Relation>,
    /// By this column; after it by when it was made.
    pub column: usize,
    /// The greatest first.
    pub descending: bool,
}

/// By ascending id.
pub const BY_ID: Order = Order {
    through: None,
    column: 0,
    descending: false,
};

/// A query to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// What must hold.
    pub filter: Filter,
    /// The order of the results.
    pub order: Order,
    /// How many to pass over.
    pub offset: u64,
    /// How many to return at most.
    pub limit: u64,
}
