//! Fields and relations that other components provide for a module's entities.

/// A member of the entities' objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its key.
    pub name: String,
    /// A JSON text for each id, in the order of the ids.
    pub values: Vec<String>,
}

/// A condition on a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `in`, `nin`, `gt`, `gte`, `lt` or `lte`.
    pub operator: String,
    /// For `in` and `nin` any number of texts, for the others one.
    pub values: Vec<String>,
}

/// The entities that fulfil all conditions of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those with these ids.
    Ids(Vec<String>),
    /// All but those with these ids.
    AllBut(Vec<String>),
}

/// What a filter selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// No component provides a field of this name that lists are filtered by.
    Unknown,
    /// The entities that fulfil all conditions.
    Found(Selection),
    /// Why there is no answer, for the person who asked.
    Refused(String),
}

/// The components that provide fields and relations.
pub trait Extended {
    /// Whether any of them provides anything for this entity.
    fn is_extended(&self, entity: &str) -> bool;

    /// The values of all that is provided under these paths (`loyalty.tier`, `orders.*`), for
    /// the entities with these ids. With `written`, what is answered is in the database
    /// already: a component that does not answer leaves `null`.
    fn values(&self, entity: &str, paths: &[String], ids: &[&str], written: bool) -> Vec<Member>;

    /// The entities whose field of this name fulfils all conditions.
    fn select(&self, entity: &str, name: &str, conditions: &[Condition]) -> Selected;
}

/// No component provides anything.
impl Extended for () {
    fn is_extended(&self, _: &str) -> bool {
        false
    }

    fn values(&self, _: &str, _: &[String], _: &[&str], _: bool) -> Vec<Member> {
        Vec::new()
    }

    fn select(&self, _: &str, _: &str, _: &[Condition]) -> Selected {
        Selected::Unknown
    }
}
