//! `wares:platform/extended`: fields and relations that other components provide for the
//! entities of the one that calls. The host finds who provides them; it knows no entity.

use wasmtime::component::{HasData, Linker};

use super::bindings::wares::platform::extended::{self as wit, Host};
pub use super::bindings::wares::platform::extended::{Condition, Member, Selection};
pub use super::bindings::wares::platform::hooks::{Actor, Context};
use super::{CallState, Capability, NoAnswer};

pub(crate) const CAPABILITY: Capability = Capability {
    interfaces: &["wares:platform/extended@1.3.0"],
    // A component is answered about its own entities alone.
    grant: None,
    is_inert: false,
    summary: "shows fields and relations that other components provide for its own entities",
    link,
};

pub(crate) type State = ();
pub(crate) type Limits = ();

/// What a component asks others about entities of its own.
pub struct Question<'a, T> {
    /// Of the request.
    pub context: &'a Context,
    /// The entity.
    pub entity: &'a str,
    /// What is asked.
    pub of: T,
}

/// The values of fields and relations.
#[derive(Clone, Copy)]
pub struct Extending<'a> {
    /// The paths under which they are provided.
    pub paths: &'a [String],
    /// The ids of the entities.
    pub ids: &'a [String],
    /// Whether what is answered is in the database already.
    pub written: bool,
}

/// The entities whose field fulfils all conditions.
#[derive(Clone, Copy)]
pub struct Selecting<'a> {
    /// The field.
    pub name: &'a str,
    /// The conditions.
    pub conditions: &'a [Condition],
}

/// Why a component that asks about entities gets no answer.
#[derive(Debug, thiserror::Error)]
pub enum NotAnswered {
    /// A component that may not be left out does not answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The entity is another component's, or none's.
    #[error("it asks about the entity '{0}', which is none of its own")]
    NotOwn(String),
}

impl NotAnswered {
    /// As the error that ends the call.
    fn ends_call(self) -> wasmtime::Error {
        match self {
            Self::NoAnswer(error) => wasmtime::Error::new(error),
            error @ Self::NotOwn(_) => wasmtime::Error::msg(error.to_string()),
        }
    }
}

impl Host for CallState {
    fn is_extended(&mut self, entity: String) -> wasmtime::Result<bool> {
        Ok(self.reached().is_some_and(|points| points.extends(&entity)))
    }

    fn values(
        &mut self,
        context: Context,
        entity: String,
        paths: Vec<String>,
        ids: Vec<String>,
        written: bool,
    ) -> wasmtime::Result<Vec<Member>> {
        let Some((points, nesting)) = self.points() else {
            return Ok(Vec::new());
        };
        let question = Question {
            context: &context,
            entity: &entity,
            of: Extending {
                paths: &paths,
                ids: &ids,
                written,
            },
        };
        points
            .values(&question, &nesting)
            .map_err(NotAnswered::ends_call)
    }

    fn select(
        &mut self,
        context: Context,
        entity: String,
        name: String,
        conditions: Vec<Condition>,
    ) -> wasmtime::Result<Selection> {
        let Some((points, nesting)) = self.points() else {
            return Ok(Selection::Unknown);
        };
        let question = Question {
            context: &context,
            entity: &entity,
            of: Selecting {
                name: &name,
                conditions: &conditions,
            },
        };
        points
            .select(&question, &nesting)
            .map_err(NotAnswered::ends_call)
    }
}

struct HasExtended;

impl HasData for HasExtended {
    type Data<'a> = &'a mut CallState;
}

fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasExtended>(linker, |state| state)
}
