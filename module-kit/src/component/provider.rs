//! The glue of a component that provides fields and relations for entities of other modules.
//!
//! A module implements [`Provider`] and exports itself as one:
//!
//! ```ignore
//! wares_module_kit::component::provider::export!(
//!     Things with_types_in wares_module_kit::component::provider::bindings
//! );
//! ```

#[allow(missing_docs, reason = "generated from `wit/`, where it is documented")]
pub mod bindings {
    wit_bindgen::generate!({
        path: [
            "../wit/deps/wasi-config@0.2.0-rc.1",
            "../wit/deps/wasi-logging@0.1.0-draft",
            "../wit/platform@1.2.0",
            "../wit/module@2.1.0",
        ],
        inline: "
            package wares:module-kit;

            world provider {
                export wares:module/provider@2.1.0;
            }
        ",
        world: "wares:module-kit/provider",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export",
    });
}

use std::rc::Rc;

use bindings::exports::wares::module::provider::{self, Condition as WitCondition, Context};

use super::{Module, values as settings};
use crate::caller::{Actor, Caller};
use crate::extended::Condition;
use crate::fault::Fault;

pub use bindings::export;

/// A field or a relation.
pub struct Field {
    /// The entity, by the name that its module has for it.
    pub entity: &'static str,
    /// Its name in `fields` and in answers; with one dot at most.
    pub name: &'static str,
    /// A JSON Schema of its values, as JSON.
    pub schema: &'static str,
    /// Whether lists of the entity may be filtered by it.
    pub filterable: bool,
}

/// A field that is asked for.
pub struct Asked {
    /// Its name.
    pub name: String,
    /// Of a relation, the fields below its name: `total`, `*`; none where the relation alone is
    /// named.
    pub fields: Vec<String>,
}

/// A component that provides fields and relations.
pub trait Provider: Module {
    /// All of them.
    const FIELDS: &'static [Field];

    /// The values of fields for the entities with these ids: a list for each field, with a JSON
    /// text for each id.
    ///
    /// # Errors
    /// When the store cannot serve.
    fn values(
        domain: &Self::Domain,
        entity: &str,
        asked: &[Asked],
        ids: &[String],
    ) -> Result<Vec<Vec<String>>, Fault>;

    /// The ids of the entities whose field fulfils all conditions; `limit` at most.
    ///
    /// # Errors
    /// When the field does not have such a condition, or the store cannot serve.
    fn select(
        _domain: &Self::Domain,
        _entity: &str,
        name: &str,
        _conditions: &[Condition],
        _limit: u32,
    ) -> Result<Vec<String>, Fault> {
        Err(Fault::Invalid(format!("lists are not filtered by {name}")))
    }
}

fn domain<P: Provider>(context: Context) -> P::Domain {
    let caller = Caller {
        actor: context.actor.map(|actor| Actor {
            kind: actor.kind,
            id: actor.id,
        }),
        request_id: context.request_id,
        locale: context.locale,
    };
    P::domain(P::settings(&settings()), Rc::new(caller))
}

impl<P: Provider> provider::Guest for P {
    fn fields() -> Vec<provider::Field> {
        let field = |field: &Field| provider::Field {
            entity: field.entity.to_owned(),
            name: field.name.to_owned(),
            schema: field.schema.to_owned(),
            filterable: field.filterable,
        };
        P::FIELDS.iter().map(field).collect()
    }

    fn values(
        context: Context,
        entity: String,
        asked: Vec<provider::Asked>,
        ids: Vec<String>,
    ) -> Result<Vec<Vec<String>>, String> {
        let asked: Vec<Asked> = asked
            .into_iter()
            .map(|asked| Asked {
                name: asked.name,
                fields: asked.fields,
            })
            .collect();
        <P as Provider>::values(&domain::<P>(context), &entity, &asked, &ids)
            .map_err(|fault| fault.to_string())
    }

    fn select(
        context: Context,
        entity: String,
        name: String,
        conditions: Vec<WitCondition>,
        limit: u32,
    ) -> Result<Vec<String>, String> {
        let conditions: Vec<Condition> = conditions
            .into_iter()
            .map(|condition| Condition {
                operator: condition.operator,
                values: condition.values,
            })
            .collect();
        match <P as Provider>::select(&domain::<P>(context), &entity, &name, &conditions, limit) {
            Ok(ids) => Ok(ids),
            Err(Fault::Invalid(text)) => Err(text),
            // It is no answer to who asked: the host sees a call that failed.
            Err(fault) => panic!("{fault}"),
        }
    }
}
