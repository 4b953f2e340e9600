//! Where the host's endpoints meet the wire part of the kit of modules: the kit reads queries
//! and bodies in Medusa's words, and here its faults become answers.

use hyper::StatusCode;
use serde_json::{Map, Value};
use wares_module_kit::entity::{Column, Entity};
use wares_module_kit::fault::Fault;
use wares_module_kit::http::body::Body;
use wares_module_kit::http::exchange;
use wares_module_kit::http::fields::Selection;
use wares_module_kit::http::parameters::{self, Parameters};

use super::super::answer::{Answer, JSON, Refusal};
use super::{HostRequest, Result};

/// Reads all of a request's query.
pub(super) fn query<T>(
    request: &HostRequest<'_>,
    read: impl FnOnce(&mut Parameters) -> T,
) -> Result<T> {
    Parameters::read(request.query(), read).map_err(refused)
}

/// Reads all of a request's body.
pub(super) fn body<T>(request: &HostRequest<'_>, read: impl FnOnce(&mut Body) -> T) -> Result<T> {
    Body::read(&request.body, read).map_err(refused)
}

/// Reads a query that takes `fields` alone.
pub(super) fn fields(request: &HostRequest<'_>, entity: &'static Entity) -> Result<Selection> {
    parameters::fields(entity, request.query(), &Selection::shown(entity)).map_err(refused)
}

/// Reads the value of `fields`.
pub(super) fn select(entity: &'static Entity, fields: Option<&str>) -> Result<Selection> {
    parameters::select(entity, fields, &Selection::shown(entity)).map_err(refused)
}

/// A thing by its columns, with a value each.
pub(super) fn thing<const N: usize>(
    columns: &[Column; N],
    values: [Value; N],
) -> Map<String, Value> {
    let names = columns.iter().map(|column| column.name.to_owned());
    names.zip(values).collect()
}

/// The selected columns of a thing.
pub(super) fn shown(
    entity: &Entity,
    selection: &Selection,
    mut thing: Map<String, Value>,
) -> Map<String, Value> {
    let names = selection
        .columns
        .iter()
        .map(|index| entity.columns[*index].name);
    names
        .filter_map(|name| Some((name.to_owned(), thing.shift_remove(name)?)))
        .collect()
}

/// The answer to a request that the kit refuses, as a module's has it.
pub(super) fn refused(fault: Fault) -> Refusal {
    let (response, error) = exchange::failed(fault);
    if let Some(error) = error {
        tracing::error!(error, "a request of the host's own cannot be read");
    }
    let status = StatusCode::from_u16(response.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Box::new(Answer::bytes(status, JSON, response.body.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: [Column; 3] = [Column::key("id"), Column::text("a"), Column::text("b")];
    static THING: Entity = Entity::elsewhere("Thing", &COLUMNS);

    #[test]
    fn fields_select_and_the_id_comes_along() {
        for (fields, wanted) in [
            (None, json!({"id": 1, "a": 2, "b": 3})),
            (Some("b"), json!({"b": 3, "id": 1})),
            (Some("b,id,a"), json!({"b": 3, "id": 1, "a": 2})),
            (Some(""), json!({"id": 1})),
            (Some("-id,-a"), json!({"b": 3, "id": 1})),
            (Some("+a, b"), json!({"id": 1, "a": 2, "b": 3})),
            (Some("*"), json!({"id": 1, "a": 2, "b": 3})),
            (Some("unknown,a"), json!({"a": 2, "id": 1})),
        ] {
            let selection = select(&THING, fields).unwrap();
            let thing = thing(&COLUMNS, [1.into(), 2.into(), 3.into()]);
            let shown = Value::Object(shown(&THING, &selection, thing));
            assert_eq!(shown.to_string(), wanted.to_string(), "{fields:?}");
        }
        let refusal = select(&THING, Some("a,__proto__")).unwrap_err();
        assert_eq!(refusal.status, 400);
        assert_eq!(
            refusal.body,
            r#"{"type":"invalid_data","message":"Invalid request: column __proto__ does not exist"}"#
        );
    }
}
