//! The OpenAPI operations of events and subscribers.

use serde_json::{Value, json};

use super::operation::{
    Operation, answer, at_least as object, json_content, nullable, query, text,
};
use super::version_operations::{array, count, time, with};

pub(super) fn list() -> Operation {
    Operation::new(
        "Events",
        "ListEvents",
        "List the events of components that are kept, by component and number",
        with(
            answer(object(
                json!({"events": array(event()), "next": nullable()}),
            )),
            &[NO_COMPONENT],
        ),
    )
    .parameters([
        query("component", text()),
        query(
            "name",
            json!({"type": "string", "description": "`order.created`, or `order.*`"}),
        ),
        query(
            "after",
            json!({"type": "string", "description": "The `next` of the answer before"}),
        ),
        query("limit", limit()),
    ])
}

pub(super) fn retrieve() -> Operation {
    let fate = object(json!({
        "subscriber": text(),
        "state": {"type": "string", "enum": ["handled", "waiting", "dead", "ahead"]},
        "attempts": count(),
        "error": nullable(),
    }));
    Operation::new(
        "Events",
        "RetrieveEvent",
        "Retrieve an event, and what has become of it at each subscriber that takes it",
        with(
            answer(object(
                json!({"event": event(), "subscribers": array(fate)}),
            )),
            &[NO_EVENT],
        ),
    )
}

pub(super) fn subscribers() -> Operation {
    let source = object(json!({
        "component": text(),
        "done": count(),
        "last": count(),
        "lag": count(),
        "waiting": count(),
        "dead": count(),
        "oldest_s": {"type": ["integer", "null"]},
    }));
    let subscriber = object(json!({
        "name": text(),
        "takes": array(text()),
        "state": {"type": "string", "enum": ["works", "fails", "disabled"]},
        "handled": count(),
        "failed": count(),
        "failing_s": {"type": ["integer", "null"]},
        "error": nullable(),
        "sources": array(source),
    }));
    Operation::new(
        "Events",
        "ListSubscribers",
        "List the components that take events, and how far each has got",
        answer(object(json!({"subscribers": array(subscriber)}))),
    )
}

pub(super) fn deliveries() -> Operation {
    let delivery = object(json!({
        "event": event(),
        "state": {"type": "string", "enum": ["waiting", "dead"]},
        "attempts": count(),
        "due": {"type": ["string", "null"], "format": "date-time"},
        "error": nullable(),
    }));
    Operation::new(
        "Events",
        "ListDeliveries",
        "List the events that a subscriber has not handled",
        with(
            answer(object(
                json!({"deliveries": array(delivery), "next": nullable()}),
            )),
            &[NO_SUBSCRIBER],
        ),
    )
    .parameters([
        query(
            "state",
            json!({"type": "string", "enum": ["waiting", "dead"]}),
        ),
        query(
            "after",
            json!({"type": "string", "description": "The `next` of the answer before"}),
        ),
        query("limit", limit()),
    ])
}

pub(super) fn retry() -> Operation {
    on_deliveries(
        "RetryDeliveries",
        "Have events tried again at once that were not handled",
    )
}

pub(super) fn discard() -> Operation {
    on_deliveries("DiscardDeliveries", "Give up events that were not handled")
}

fn on_deliveries(id: &str, summary: &str) -> Operation {
    let body = json!({
        "type": "object",
        "properties": {
            "event": {"type": "string", "description": "The id of one event"},
            "all_dead": {"type": "boolean", "description": "All dead letters"},
        },
        "oneOf": [{"required": ["event"]}, {"required": ["all_dead"]}],
        "additionalProperties": false,
    });
    Operation::new(
        "Events",
        id,
        summary,
        with(counted(), &[NO_SUBSCRIBER, NO_EVENT]),
    )
    .body(json_content(body), true)
}

pub(super) fn replay() -> Operation {
    let number = json!({"type": "integer", "minimum": 1});
    let body = json!({
        "type": "object",
        "properties": {
            "component": text(),
            "from": number,
            "to": number,
        },
        "required": ["component"],
        "additionalProperties": false,
    });
    Operation::new(
        "Events",
        "ReplayEvents",
        "Have a subscriber handle events of a component once more, from one number to another",
        with(counted(), &[NO_SUBSCRIBER]),
    )
    .body(json_content(body), true)
}

const NO_COMPONENT: (&str, &str) = ("404", "No component in service has this name");
const NO_EVENT: (&str, &str) = ("404", "There is no such event");
const NO_SUBSCRIBER: (&str, &str) = ("404", "No component of this name takes events");

fn counted() -> Value {
    answer(object(json!({"count": count()})))
}

fn limit() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": 1000, "default": 100})
}

fn event() -> Value {
    object(json!({
        "id": text(),
        "name": text(),
        "component": text(),
        "entity": text(),
        "key": text(),
        "data": {},
        "time": time(),
        "cause": {"type": ["object", "null"]},
    }))
}
