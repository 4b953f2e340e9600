//! What the domain's things look like from outside: their columns and
//! relations, in the order in which Medusa shows them. Knows neither SQL nor JSON.

/// A kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// A customer.
    Customer,
    /// An address of a customer.
    Address,
    /// A group of customers.
    Group,
}

/// How a column's values are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As text.
    Text,
    /// As a truth value.
    Flag,
    /// As the JSON that they hold.
    Json,
    /// As text; a time.
    Time,
}

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, in tables and in JSON.
    pub name: &'static str,
    /// How its values are shown.
    pub kind: Kind,
    /// Whether it may have no value.
    pub nullable: bool,
}

/// Which columns of an entity are read, by their places. The others come as NULL,
/// so that every column keeps its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns(u32);

impl Columns {
    /// All of them.
    pub const ALL: Self = Self(u32::MAX);

    /// These, and the id, by which relations are found.
    pub fn of(places: &[usize]) -> Self {
        Self(places.iter().fold(1, |columns, place| columns | 1 << place))
    }

    /// Whether this one is read.
    pub fn has(self, place: usize) -> bool {
        self.0 & 1 << place != 0
    }
}

/// How things are tied together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The addresses of customers.
    AddressesOfCustomers,
    /// The groups that customers are in.
    GroupsOfCustomers,
    /// The customers that are in groups.
    CustomersOfGroups,
    /// The customer of each address.
    CustomersOfAddresses,
    /// What another module has. Without one, there is nothing.
    Elsewhere,
}

/// A relation of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its name in JSON.
    pub name: &'static str,
    /// How to get there.
    pub link: Link,
    /// What is there; `None` where it is elsewhere.
    pub target: Option<Entity>,
    /// Whether there can be more than one.
    pub many: bool,
    /// Whether the id comes along even when it is not asked for.
    pub with_id: bool,
    /// The column that ties to it, which comes along as well.
    pub own_column: Option<&'static str>,
}

const fn column(name: &'static str, kind: Kind, nullable: bool) -> Column {
    Column {
        name,
        kind,
        nullable,
    }
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text, true)
}

/// A text that is always there.
const fn key(name: &'static str) -> Column {
    column(name, Kind::Text, false)
}

const fn flag(name: &'static str) -> Column {
    column(name, Kind::Flag, false)
}

const fn time(name: &'static str) -> Column {
    column(name, Kind::Time, false)
}

const METADATA: Column = column("metadata", Kind::Json, true);
const DELETED_AT: Column = column("deleted_at", Kind::Time, true);

const CUSTOMER: [Column; 12] = [
    key("id"),
    text("company_name"),
    text("first_name"),
    text("last_name"),
    text("email"),
    text("phone"),
    METADATA,
    flag("has_account"),
    text("created_by"),
    time("created_at"),
    time("updated_at"),
    DELETED_AT,
];

const ADDRESS: [Column; 19] = [
    key("id"),
    text("address_name"),
    text("company"),
    key("customer_id"),
    text("first_name"),
    text("last_name"),
    text("address_1"),
    text("address_2"),
    text("city"),
    text("province"),
    text("postal_code"),
    text("country_code"),
    text("phone"),
    METADATA,
    time("created_at"),
    time("updated_at"),
    flag("is_default_shipping"),
    flag("is_default_billing"),
    DELETED_AT,
];

const GROUP: [Column; 7] = [
    key("id"),
    key("name"),
    text("created_by"),
    time("created_at"),
    time("updated_at"),
    DELETED_AT,
    METADATA,
];

/// Columns of an address that its own routes show only when asked.
const ADDRESS_SHOWN: usize = 16;

// The order of columns where a thing is shown as a relation of another, by
// their places above.
const CUSTOMER_NESTED: [usize; 12] = [0, 1, 2, 3, 4, 5, 7, 6, 8, 9, 10, 11];
const ADDRESS_NESTED: [usize; 19] = [
    0, 1, 16, 17, 2, 4, 5, 6, 7, 8, 11, 9, 10, 12, 13, 3, 14, 15, 18,
];
const GROUP_NESTED: [usize; 7] = [0, 1, 6, 2, 3, 4, 5];

const fn many(name: &'static str, link: Link, target: Entity, with_id: bool) -> Relation {
    Relation {
        name,
        link,
        target: Some(target),
        many: true,
        with_id,
        own_column: None,
    }
}

const fn elsewhere(name: &'static str) -> Relation {
    Relation {
        name,
        link: Link::Elsewhere,
        target: None,
        many: true,
        with_id: false,
        own_column: None,
    }
}

const CUSTOMER_RELATIONS: [Relation; 5] = [
    many(
        "addresses",
        Link::AddressesOfCustomers,
        Entity::Address,
        false,
    ),
    many("groups", Link::GroupsOfCustomers, Entity::Group, false),
    elsewhere("orders"),
    elsewhere("account_holders"),
    elsewhere("account_holder_link"),
];

const ADDRESS_RELATIONS: [Relation; 1] = [Relation {
    name: "customer",
    link: Link::CustomersOfAddresses,
    target: Some(Entity::Customer),
    many: false,
    with_id: true,
    own_column: Some("customer_id"),
}];

const GROUP_RELATIONS: [Relation; 1] = [many(
    "customers",
    Link::CustomersOfGroups,
    Entity::Customer,
    true,
)];

impl Entity {
    /// All columns, in the order of every select.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Customer => &CUSTOMER,
            Self::Address => &ADDRESS,
            Self::Group => &GROUP,
        }
    }

    /// The places of the columns that its own routes show.
    pub fn shown(self) -> std::ops::Range<usize> {
        match self {
            Self::Customer => 0..CUSTOMER.len(),
            Self::Address => 0..ADDRESS_SHOWN,
            Self::Group => 0..GROUP.len(),
        }
    }

    /// The places of all columns, in the order in which a relation shows them.
    pub fn nested(self) -> &'static [usize] {
        match self {
            Self::Customer => &CUSTOMER_NESTED,
            Self::Address => &ADDRESS_NESTED,
            Self::Group => &GROUP_NESTED,
        }
    }

    /// Its relations.
    pub fn relations(self) -> &'static [Relation] {
        match self {
            Self::Customer => &CUSTOMER_RELATIONS,
            Self::Address => &ADDRESS_RELATIONS,
            Self::Group => &GROUP_RELATIONS,
        }
    }

    /// The place of a column.
    pub fn place(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }

    /// A relation by its name.
    pub fn relation(self, name: &str) -> Option<&'static Relation> {
        self.relations()
            .iter()
            .find(|relation| relation.name == name)
    }
}
