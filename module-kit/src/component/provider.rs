//! The glue of a component that provides fields and relations for entities of other modules.
//!
//! A module implements [`Provider`] and names it where it exports itself:
//!
//! ```ignore
//! wares_module_kit::component::export!(Things: Provider);
//! ```

use std::rc::Rc;

use serde_json::{Value, json};
use wares_module::bindings::provider::exports::wares::module::provider;
use wares_module::provider::Condition as WitCondition;
use wares_module::{Context, panics};

use super::{Exported, Module, budget, values as settings};
use crate::caller::Caller;
use crate::entity::{Entity, Relation};
use crate::extended::{Condition, Selection};
use crate::fault::Fault;
use crate::http::budget::Budget;
use crate::http::fields::Related;

/// A field or a relation.
pub struct Field {
    /// The entity, by the name that its module has for it.
    pub entity: &'static str,
    /// Its name in `fields` and in answers; with one dot at most.
    pub name: &'static str,
    /// A JSON Schema of its values.
    pub schema: Value,
    /// Whether lists of the entity may be filtered by it.
    pub filterable: bool,
}

impl Field {
    /// A relation to any number of these, which stand in the schemas of the module.
    pub fn relation(entity: &'static str, name: &'static str, target: &Entity) -> Self {
        let items = json!({"$ref": format!("#/components/schemas/{}", target.name)});
        Self {
            entity,
            name,
            schema: json!({"type": "array", "items": items}),
            filterable: false,
        }
    }
}

/// A field that is asked for.
pub struct Asked {
    /// Its name.
    pub name: String,
    /// Of a relation, the fields below its name: `total`, `*`; none where the relation alone is
    /// named.
    pub fields: Vec<String>,
}

impl Asked {
    /// The relation, with the fields that are asked for.
    pub fn related(&self, relation: &'static Relation) -> Related {
        Related::of(relation, &self.fields)
    }
}

/// What is asked for.
pub struct Question {
    /// Of which entity.
    pub entity: String,
    /// The fields and relations, in the order of the answer.
    pub asked: Vec<Asked>,
    /// The ids of the entities.
    pub ids: Vec<String>,
    /// What the answer may take.
    pub budget: Budget,
}

/// A component that provides fields and relations.
pub trait Provider: Module {
    /// All of them, as the settings have it.
    fn fields(settings: &Self::Settings) -> Vec<Field>;

    /// The values of what is asked for: a list for each field, with a JSON text for each id, in
    /// the order of both.
    ///
    /// # Errors
    /// When the store cannot serve.
    fn values(domain: &Self::Domain, question: &Question) -> Result<Vec<Vec<String>>, Fault>;

    /// The entities whose field fulfils all conditions, by `limit` ids at most: where entities
    /// that are not known here fulfil them too, by the ids of those that do not.
    ///
    /// # Errors
    /// When the field does not have such a condition, or the store cannot serve.
    fn select(
        _domain: &Self::Domain,
        _entity: &str,
        name: &str,
        _conditions: &[Condition],
        _limit: u32,
    ) -> Result<Selection, Fault> {
        Err(Fault::Invalid(format!("lists are not filtered by {name}")))
    }
}

fn domain<P: Provider>(context: Context, settings: &[(String, String)]) -> P::Domain {
    P::domain(P::settings(settings), Rc::new(Caller::from(context)))
}

impl<P: Provider> provider::Guest for Exported<P> {
    fn fields() -> Vec<provider::Field> {
        let field = |field: Field| provider::Field {
            entity: field.entity.to_owned(),
            name: field.name.to_owned(),
            schema: field.schema.to_string(),
            filterable: field.filterable,
        };
        let fields = <P as Provider>::fields(&P::settings(&settings()));
        fields.into_iter().map(field).collect()
    }

    fn values(
        context: Context,
        entity: String,
        asked: Vec<provider::Asked>,
        ids: Vec<String>,
    ) -> Result<Vec<Vec<String>>, String> {
        panics::report();
        let settings = settings();
        let asked = asked.into_iter().map(|asked| Asked {
            name: asked.name,
            fields: asked.fields,
        });
        let question = Question {
            entity,
            asked: asked.collect(),
            ids,
            budget: budget(&settings),
        };
        <P as Provider>::values(&domain::<P>(context, &settings), &question)
            .map_err(|fault| fault.to_string())
    }

    fn select(
        context: Context,
        entity: String,
        name: String,
        conditions: Vec<WitCondition>,
        limit: u32,
    ) -> Result<provider::Selected, String> {
        panics::report();
        let conditions: Vec<Condition> = conditions
            .into_iter()
            .map(|condition| Condition {
                operator: condition.operator,
                values: condition.values,
            })
            .collect();
        let domain = domain::<P>(context, &settings());
        match <P as Provider>::select(&domain, &entity, &name, &conditions, limit) {
            Ok(Selection::Ids(ids)) => Ok(provider::Selected::Ids(ids)),
            Ok(Selection::AllBut(ids)) => Ok(provider::Selected::AllBut(ids)),
            Err(Fault::Invalid(text)) => Err(text),
            // It is no answer to who asked: the host sees a call that failed.
            Err(fault) => panic!("{fault}"),
        }
    }
}
