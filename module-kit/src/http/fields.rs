//! The `fields` parameter: which columns and relations of a thing are shown,
//! and in which order.

use crate::entity::{Columns, Entity, Join, Relation};

/// The shown fields of an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Indexes of columns of the entity, in the order in which they are shown.
    pub columns: Vec<usize>,
    /// Relations, after the columns.
    pub relations: Vec<Related>,
    /// The paths of what other components may provide: `loyalty.tier`, `orders.*`. It
    /// stands after the relations.
    pub elsewhere: Vec<String>,
}

/// The shown fields of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// The relation.
    pub relation: &'static Relation,
    /// The shown fields of each entity in it.
    pub selection: Selection,
}

impl Related {
    /// A relation that is shown with these fields below its name: `total`, `items.id`, `*`. All of its
    /// columns without any. The column that ties them comes along.
    pub fn of(relation: &'static Relation, fields: &[String]) -> Self {
        let mut selection = Selection::of(Vec::new());
        if let Some(target) = relation.target {
            let all = ["*".to_owned()];
            let fields = if fields.is_empty() { &all } else { fields };
            for field in fields {
                let path: Vec<&str> = field.split('.').collect();
                selection.add_below(target, &path, 1);
            }
            if let Some(Join::Theirs(column)) = relation.join {
                selection.add_all(target.index_of(column));
            }
        }
        Self {
            relation,
            selection,
        }
    }
}

/// Relations within relations beyond this are not followed.
const DEPTH_MAX: usize = 3;
/// The index of the id in every entity.
const ID: usize = 0;
/// Names that JavaScript's objects have of themselves; Medusa asks its database for them.
const NO_COLUMNS: [&str; 2] = ["__proto__", "constructor"];

impl Selection {
    /// What an entity's own routes show.
    pub fn shown(entity: &'static Entity) -> Self {
        Self::of(entity.shown().collect())
    }

    fn of(columns: Vec<usize>) -> Self {
        Self {
            columns,
            relations: Vec::new(),
            elsewhere: Vec::new(),
        }
    }

    /// Returns the columns that are read for it.
    pub fn read(&self) -> Columns {
        Columns::of(&self.columns)
    }

    /// The same, with all columns of these relations.
    #[must_use]
    pub fn with(mut self, entity: &'static Entity, relations: &[&str]) -> Self {
        for name in relations {
            self.relate(entity, &[name, "*"], 0);
        }
        self
    }

    /// Reads the parameter. `defaults` is what is shown without it, and `base`
    /// what its `+` and `-` build upon.
    ///
    /// # Errors
    /// When it names what no column can be called.
    pub fn parse(
        entity: &'static Entity,
        fields: Option<&str>,
        base: &Self,
        defaults: &Self,
    ) -> Result<Self, String> {
        let Some(fields) = fields else {
            return Ok(defaults.clone());
        };
        let entries: Vec<Entry<'_>> = fields.split(',').filter_map(Entry::parse).collect();
        if let Some(name) = entries
            .iter()
            .flat_map(|entry| entry.path.iter())
            .find(|name| NO_COLUMNS.contains(name))
        {
            return Err(format!("column {name} does not exist"));
        }
        if entries.is_empty() {
            return Ok(Self::of(vec![ID]));
        }
        if entries.iter().all(|entry| entry.sign != Sign::None) {
            return Ok(base.clone().edited(entity, &entries));
        }
        let mut selection = Self::of(Vec::new());
        for entry in &entries {
            selection.add(entity, entry);
        }
        selection.ensure_id();
        Ok(selection)
    }

    fn edited(mut self, entity: &'static Entity, entries: &[Entry<'_>]) -> Self {
        for entry in entries {
            match (entry.sign, entry.path.as_slice()) {
                (Sign::Minus, [name]) => {
                    self.columns
                        .retain(|index| entity.columns[*index].name != *name);
                    self.relations
                        .retain(|related| related.relation.name != *name);
                    self.elsewhere.retain(|path| first_of(path) != *name);
                }
                (Sign::Minus, _) => {}
                _ => self.add(entity, entry),
            }
        }
        self.ensure_id();
        self
    }

    fn add(&mut self, entity: &'static Entity, entry: &Entry<'_>) {
        match entry.path.as_slice() {
            ["*"] => self.add_all(entity.shown()),
            path => self.add_path(entity, path, 0),
        }
    }

    fn add_path(&mut self, entity: &'static Entity, path: &[&str], depth: usize) {
        match path {
            [name] if entity.index_of(name).is_some() => self.add_all(entity.index_of(name)),
            // A relation is shown by the names of what it leads to.
            [name]
                if entity
                    .relation(name)
                    .is_some_and(|one| one.target.is_some()) => {}
            path => self.relate(entity, path, depth),
        }
    }

    fn add_all(&mut self, indexes: impl IntoIterator<Item = usize>) {
        for index in indexes {
            if !self.columns.contains(&index) {
                self.columns.push(index);
            }
        }
    }

    fn relate(&mut self, entity: &'static Entity, path: &[&str], depth: usize) {
        let Some((name, rest)) = path.split_first() else {
            return;
        };
        let relation = entity.relation(name);
        if relation.is_none_or(|relation| relation.target.is_none()) {
            self.add_elsewhere(path);
        }
        let Some(relation) = relation else {
            return;
        };
        if depth >= DEPTH_MAX {
            return;
        }
        if let Some(column) = relation.own_column {
            self.add_all(entity.index_of(column));
        }
        let at = match self
            .relations
            .iter()
            .position(|related| related.relation == relation)
        {
            Some(at) => at,
            None => {
                let selection = Self::of(Vec::new());
                self.relations.push(Related {
                    relation,
                    selection,
                });
                self.relations.len() - 1
            }
        };
        let Some(target) = relation.target else {
            return;
        };
        let selection = &mut self.relations[at].selection;
        selection.add_below(target, rest, depth + 1);
        if relation.with_id {
            selection.ensure_id();
        }
    }

    /// Adds what is named below the name of a relation to this entity.
    fn add_below(&mut self, target: &'static Entity, path: &[&str], depth: usize) {
        match path {
            ["*"] => self.add_all(target.nested.iter().copied()),
            path => self.add_path(target, path, depth),
        }
    }

    fn add_elsewhere(&mut self, path: &[&str]) {
        let path = path.join(".");
        if !self.elsewhere.contains(&path) {
            self.elsewhere.push(path);
        }
    }

    fn ensure_id(&mut self) {
        self.add_all([ID]);
    }
}

/// The first name of a path.
pub(super) fn first_of(path: &str) -> &str {
    path.split_once('.').map_or(path, |(first, _)| first)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    None,
    Plus,
    Minus,
}

/// One entry of the list.
struct Entry<'a> {
    sign: Sign,
    path: Vec<&'a str>,
}

impl<'a> Entry<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        // A `+` that was not encoded arrives as a space.
        let (sign, rest) = match text.as_bytes().first()? {
            b'+' | b' ' => (Sign::Plus, &text[1..]),
            b'-' => (Sign::Minus, &text[1..]),
            _ => (Sign::None, text),
        };
        let rest = rest.trim();
        let (sign, path) = match rest.strip_prefix('*') {
            Some("") => (Sign::Plus, vec!["*"]),
            Some(relation) => {
                let sign = if sign == Sign::None { Sign::Plus } else { sign };
                let mut path: Vec<&str> = relation.split('.').collect();
                if sign == Sign::Plus {
                    path.push("*");
                }
                (sign, path)
            }
            None if rest.is_empty() => return None,
            None => {
                let sign = if sign == Sign::None && rest.ends_with(".*") {
                    Sign::Plus
                } else {
                    sign
                };
                (sign, rest.split('.').collect())
            }
        };
        Some(Self { sign, path })
    }
}
