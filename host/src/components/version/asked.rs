//! A version that is asked by name, with values in JSON, as tests of components do.

use serde_json::{Map, Value, json};

use super::Version;
use crate::components::contract::{Asking, Selected, named};
use crate::engine::extended::{Condition, Context};
use crate::engine::{CallError, HookCall, JsonReturned, Nesting, Question, Selecting, nearest};

/// Ids that a filter of a test selects at most.
const SELECTED_MAX: u32 = 10_000;

impl Version {
    /// Reads a call of one of its hooks.
    ///
    /// # Errors
    /// With the hook or the field that there is not.
    pub fn read_hook(
        &self,
        name: &str,
        context: &Value,
        value: &Value,
    ) -> Result<HookCall, String> {
        let component = self.loaded.contract.component();
        component.read_hook(name, context, value)
    }

    /// Takes its turn at a hook, within the calls of `nesting`.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn hook_in_json(
        &self,
        call: &HookCall,
        nesting: &Nesting,
    ) -> Result<JsonReturned, CallError> {
        let component = self.loaded.contract.component();
        component.call_hook_in_json(self.nested(nesting), call)
    }

    /// Calls a typed operation, written as for `wares call`, within the calls of `nesting`.
    ///
    /// # Errors
    /// When there is no such operation, or the call returns nothing.
    pub fn call_in_json(&self, call: &str, nesting: &Nesting) -> Result<JsonReturned, CallError> {
        let component = self.loaded.contract.component();
        component.call_by_name_in_json(self.nested(nesting), call)
    }

    /// Checks that it provides fields of an entity.
    ///
    /// # Errors
    /// With the first that it does not provide.
    pub fn check_fields(&self, entity: &str, names: &[String]) -> Result<(), String> {
        let of_entity = self.fields().iter().filter(|field| field.entity == entity);
        let known: Vec<&str> = of_entity.map(|field| &*field.name).collect();
        for name in names {
            if named(self.fields(), entity, std::slice::from_ref(name)).is_empty() {
                return Err(not_provided(entity, name, &known));
            }
        }
        Ok(())
    }

    /// Returns the values of fields that it provides, as an object of lists.
    ///
    /// # Errors
    /// When the call returns nothing, or values that the fields cannot have.
    pub fn fields_in_json(
        &self,
        question: &Question<'_, (&[String], &[String])>,
        nesting: &Nesting,
    ) -> Result<JsonReturned, CallError> {
        let (names, ids) = question.of;
        let asked = named(self.fields(), question.entity, names);
        let asking = Question {
            context: question.context,
            entity: question.entity,
            of: Asking { asked: &asked, ids },
        };
        let values = match self.values(&asking, nesting)? {
            Ok(values) => values,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let lists = asked.iter().zip(values).map(|(asked, values)| {
            // They were checked.
            let values = values.iter();
            let values = values.map(|value| serde_json::from_str(value).unwrap_or(Value::Null));
            (asked.name.to_owned(), values.collect::<Value>())
        });
        Ok(Ok(Value::Object(Map::from_iter(lists))))
    }

    /// Selects entities by a field that it provides.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn filter_in_json(
        &self,
        question: &Question<'_, Selecting<'_>>,
        nesting: &Nesting,
    ) -> Result<JsonReturned, CallError> {
        let selected = self.select(question, SELECTED_MAX, nesting)?;
        Ok(match selected {
            Ok(Selected::Ids(ids)) => Ok(json!({"ids": ids})),
            Ok(Selected::AllBut(ids)) => Ok(json!({"all-but": ids})),
            Err(refusal) => Err(refusal.into()),
        })
    }
}

fn not_provided(entity: &str, name: &str, known: &[&str]) -> String {
    let (entity, name) = (entity.escape_debug(), name.escape_debug());
    match (nearest(&name.to_string(), known), known) {
        (_, []) => format!("the component provides no fields of '{entity}'"),
        (Some(near), _) => format!("it provides no {name} of '{entity}'; did you mean {near}?"),
        (None, _) => format!(
            "it provides no {name} of '{entity}'; there is {}",
            known.join(", ")
        ),
    }
}

/// The context of a question, as the contract has it.
pub fn context_of(actor: Option<(&str, &str)>, request_id: &str) -> Context {
    Context {
        actor: actor.map(|(kind, id)| crate::engine::extended::Actor {
            kind: kind.to_owned(),
            id: id.to_owned(),
        }),
        request_id: request_id.to_owned(),
        locale: None,
        additional_data: None,
    }
}

/// A condition of a filter.
pub fn condition(operator: String, values: Vec<String>) -> Condition {
    Condition { operator, values }
}
