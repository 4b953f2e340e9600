//! The extension points of modules, and the order in which extensions are called at them.

use serde_json::{Value, json};
use wares_module_kit::issue::Issue;

use super::super::answer::Answer;
use super::operation::{Operation, answer, at_least, json_content, query, text};
use super::version_operations::{array, extension, ordered_by, with};
use super::versions::{changed, name_of};
use super::{HostRequest, Result, wire};

/// `GET /_wares/extension-points`
pub(super) fn list(request: &HostRequest<'_>) -> Result {
    let name = wire::query(request, |parameters| parameters.text("point"))?;
    let points = changed(request.about.manager.points(name.as_deref()))?;
    Ok(Answer::json(&json!({"extension_points": points})))
}

pub(super) fn list_operation() -> Operation {
    let points = array(point());
    Operation::new(
        "Extensions",
        "ListExtensionPoints",
        "List the extension points of modules in service, and the extensions that fill them",
        with(
            answer(at_least(json!({"extension_points": points}))),
            &[NO_POINT],
        ),
    )
    .parameters([query("point", name())])
}

/// `POST /_wares/extension-points/order`
pub(super) fn order(request: &HostRequest<'_>) -> Result {
    let (manager, by) = (&request.about.manager, name_of(request.actor()?));
    let (point, names) = wire::body(request, |body| {
        let point = body.required_name("point").unwrap_or_default();
        let order = body.ids("order");
        if order.is_none() {
            body.issues.rules(vec![Issue::required("order")]);
        }
        (point, order.unwrap_or_default())
    })?;
    let point = changed(manager.order_extensions(&point, &names, &by))?;
    Ok(Answer::json(&json!({"extension_point": point})))
}

pub(super) fn order_operation() -> Operation {
    Operation::new(
        "Extensions",
        "OrderExtensions",
        "Set the order in which extensions are called at a point, from the next hook on",
        with(
            answer(at_least(json!({"extension_point": point()}))),
            &[
                ("400", "One of the names is of no extension that fills the point"),
                NO_POINT,
                ("409", "The setting extensions.order has the order"),
            ],
        ),
    )
    .body(
        json_content(json!({
            "type": "object",
            "properties": {
                "point": name(),
                "order": {
                    "type": "array",
                    "items": text(),
                    "description": "The names of extensions; others follow by name, and without any all do",
                },
            },
            "required": ["point", "order"],
            "additionalProperties": false,
        })),
        true,
    )
}

const NO_POINT: (&str, &str) = ("404", "No module in service has this extension point");

fn name() -> Value {
    json!({
        "type": "string",
        "description": "The interface of the point, with or without its version and its namespace",
    })
}

fn point() -> Value {
    at_least(json!({
        "name": text(),
        "modules": array(text()),
        "ordered_by": ordered_by(),
        "extensions": array(extension()),
    }))
}
