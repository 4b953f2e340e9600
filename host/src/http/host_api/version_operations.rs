//! The OpenAPI operations of the endpoints below `/_wares`.

use serde_json::{Value, json};

use super::operation::{
    Operation, answer, at_least as object, json_content, nullable, query as query_parameter, text,
};
use super::versions::{ACTS, SIGNATURE};
use crate::components::Grants;

pub(super) fn list() -> Operation {
    Operation::new(
        "Versions",
        "ListModules",
        "List the modules that are served or have installed versions, and what failed at the start",
        answer(object(
            json!({"modules": array(module()), "failures": array(failure())}),
        )),
    )
}

pub(super) fn retrieve() -> Operation {
    Operation::new(
        "Versions",
        "RetrieveModule",
        "Retrieve a module: its versions, its canary, calls, and changes under way",
        with(answer(one_module()), &[NO_MODULE]),
    )
}

pub(super) fn install() -> Operation {
    Operation::new("Versions", "InstallModuleVersion",
            "Verify a component, and keep it as a version of its module",
            with(
                answer(version_and_module()),
                &[
                    (
                        "400",
                        "The component, its digest, its signature, its migrations or the first request to it is refused",
                    ),
                    NO_MODULE,
                    CONFLICT,
                    DISK_FULL,
                ],
            )).parameters([
        query_parameter(
            "digest",
            json!({"type": "string", "description": "The SHA-256 that the component must have"}),
        ),
        query_parameter(
            "activate",
            json!({"type": "string", "enum": ["true", "false"], "default": "false"}),
        ),
        query_parameter("canary", share()),
        query_parameter(
            "grant",
            json!({
                "type": "array",
                "items": {"type": "string", "pattern": grant_pattern()},
                "description": "What the module is granted beside what it has: `sql`; `hooks`, or `hooks=notes` for \
                    the hooks of one package alone",

            }),
        ),
        json!({
            "name": SIGNATURE,
            "in": "header",
            "schema": {"type": "string", "contentEncoding": "base64"},
            "description": "What minisign wrote of the component",
        }),
    ]).body(json!({"application/wasm": {}}), true)
}

pub(super) fn activate() -> Operation {
    Operation::new(
        "Versions",
        "ActivateModuleVersion",
        "Put a version in service, or have it answer a share of the callers",
        with(
            answer(version_and_module()),
            &[NO_VERSION, CONFLICT, DISK_FULL],
        ),
    )
    .body(
        json_content(json!({
            "type": "object",
            "properties": {"digest": digest(), "canary": share()},
            "required": ["digest"],
            "additionalProperties": false,
        })),
        true,
    )
}

pub(super) fn roll_back() -> Operation {
    Operation::new(
        "Versions",
        "RollBackModule",
        "Put the version in service that was so before",
        with(
            answer(version_and_module()),
            &[NO_VERSION, CONFLICT, DISK_FULL],
        ),
    )
}

pub(super) fn deactivate() -> Operation {
    Operation::new(
        "Versions",
        "DeactivateModule",
        "End an activation: the module is served from its setting, the folder or the binary again",
        with(answer(one_module()), &[NO_MODULE, CONFLICT, DISK_FULL]),
    )
}

pub(super) fn promote() -> Operation {
    Operation::new(
        "Versions",
        "PromoteCanary",
        "Put the canary in service",
        with(answer(one_module()), &[NO_MODULE, CONFLICT, DISK_FULL]),
    )
}

pub(super) fn withdraw() -> Operation {
    Operation::new(
        "Versions",
        "WithdrawCanary",
        "End the canary; the version in service answers all callers",
        with(answer(one_module()), &[NO_MODULE, CONFLICT, DISK_FULL]),
    )
}

pub(super) fn disable() -> Operation {
    Operation::new(
        "Versions",
        "DisableModule",
        "Take a module out of service, without a loss of its versions, its data or a request",
        with(answer(one_module()), &[NO_MODULE, CONFLICT]),
    )
}

pub(super) fn enable() -> Operation {
    Operation::new(
        "Versions",
        "EnableModule",
        "Put a disabled module in service again",
        with(
            answer(one_module()),
            &[
                ("400", "Another module has taken one of its paths meanwhile"),
                NO_MODULE,
                CONFLICT,
            ],
        ),
    )
}

pub(super) fn remove_module() -> Operation {
    Operation::new(
        "Versions",
        "RemoveModule",
        "Remove a module with all of its versions; its data stays",
        with(
            answer(object(json!({
                "name": text(),
                "object": {"const": "module"},
                "deleted": {"const": true},
            }))),
            &[NO_MODULE, CONFLICT],
        ),
    )
}

pub(super) fn difference() -> Operation {
    let side = || {
        object(json!({
            "version": text(),
            "digest": text(),
            "size_bytes": {"type": ["integer", "null"]},
        }))
    };
    let entries = || object(json!({"added": array(text()), "removed": array(text())}));
    Operation::new(
        "Versions",
        "CompareModuleVersion",
        "Compare an installed version with the one in service",
        with(
            answer(object(json!({"difference": object(json!({
                "module": text(),
                "from": or_null(side()),
                "to": side(),
                "grants": entries(),
                "routes": entries(),
                "fields": entries(),
                "migrations": entries(),
                "exports": entries(),
            }))}))),
            &[NO_VERSION],
        ),
    )
}

/// What `grant` takes, as a regular expression.
fn grant_pattern() -> String {
    let names: Vec<_> = Grants::names().collect();
    let of_components = Grants::of_components().join("|");
    format!("^({}|({of_components})=[A-Za-z0-9_-]+)$", names.join("|"))
}

pub(super) fn remove() -> Operation {
    Operation::new(
        "Versions",
        "RemoveModuleVersion",
        "Remove a version that is not in use",
        with(
            answer(object(json!({
                "digest": text(),
                "object": {"const": "module_version"},
                "deleted": {"const": true},
            }))),
            &[NO_VERSION, CONFLICT],
        ),
    )
}

pub(super) fn audit() -> Operation {
    Operation::new(
        "Versions",
        "ListAuditEntries",
        "List what was done with versions of modules, newest first",
        answer(object(json!({"entries": array(entry())}))),
    )
    .parameters([
        query_parameter(
            "limit",
            json!({"type": "integer", "minimum": 0, "maximum": ACTS.1, "default": ACTS.0}),
        ),
        query_parameter(
            "before",
            json!({
                "type": "integer",
                "minimum": 0,
                "description": "Only what was done before the entry of this number",
            }),
        ),
    ])
}

const NO_MODULE: (&str, &str) = ("404", "There is no such module");
const NO_VERSION: (&str, &str) = ("404", "There is no such module, or it has no such version");
const CONFLICT: (&str, &str) = (
    "409",
    "Another change of the module is under way, or what it has in service, or is granted, does not allow this one",
);
const DISK_FULL: (&str, &str) = ("507", "The disk has no room for it");

pub(super) fn with(mut answers: Value, refusals: &[(&str, &str)]) -> Value {
    for (status, description) in refusals {
        answers[status] = json!({"description": description});
    }
    answers
}

pub(super) fn array(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn or_null(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

pub(super) fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

pub(super) fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn digest() -> Value {
    json!({"type": "string", "description": "The SHA-256 of the component in hex digits, or how it begins"})
}

fn share() -> Value {
    json!({"type": "string", "description": "The share of callers that it answers, from 0.01% to 100%: `10%`"})
}

fn one_module() -> Value {
    object(json!({"module": module()}))
}

fn version_and_module() -> Value {
    object(json!({"version": version(), "module": module()}))
}

fn module() -> Value {
    object(json!({
        "name": text(),
        "version": nullable(),
        "digest": nullable(),
        "source": {
            "enum": ["setting", "version", "folder", "built-in", null],
            "description": "Where the component in service is from; null where none is in service",
        },
        "enabled": {
            "type": "boolean",
            "description": "Whether it gets requests and calls of other modules",
        },
        "circuit": {
            "enum": ["closed", "open", "half-open"],
            "description": "The state of its circuit breaker, which refuses calls of a module that keeps failing",
        },
        "calls": calls(),
        "canary": or_null(object(json!({
            "version": text(),
            "digest": text(),
            "share_percent": {"type": "number"},
            "calls": calls(),
            "calls_in_service": calls(),
        }))),
        "grants": array(text()),
        "extension_points": array(object(json!({
            "name": text(),
            "ordered_by": ordered_by(),
            "extensions": array(extension()),
        }))),
        "fills": {
            "type": "array",
            "items": text(),
            "description": "The extension points that it fills as an extension",
        },
        "on_failure": {
            "enum": ["refuse", "skip", null],
            "description": "What becomes of a request at whose hook it does not answer",
        },
        "versions": array(version()),
        "changes": array(object(json!({
            "action": text(),
            "digest": nullable(),
            "actor": text(),
            "since": time(),
        }))),
        "failures": array(failure()),
    }))
}

fn version() -> Value {
    object(json!({
        "digest": text(),
        "version": text(),
        "state": {"enum": ["active", "canary", "installed"]},
        "size_bytes": count(),
        "installed_at": time(),
        "installed_by": text(),
        "signed_by": {
            "type": ["string", "null"],
            "description": "The key that signed it, or `built-in` where it was built into the host",
        },
    }))
}

/// What decides the order of the extensions at a point.
pub(super) fn ordered_by() -> Value {
    json!({
        "enum": ["setting", "command", "name"],
        "description": "What decides the order: `extensions.order`, `wares module order`, or the names",
    })
}

/// An extension in its turn.
pub(super) fn extension() -> Value {
    object(json!({
        "name": text(),
        "version": {"type": ["string", "null"], "description": "Null if it failed at the start"},
        "on_failure": {"enum": ["refuse", "skip"]},
        "enabled": {"type": "boolean", "description": "Whether it is called"},
    }))
}

fn calls() -> Value {
    object(json!({
        "made": count(),
        "failed": count(),
        "server_errors": count(),
        "mean_ms": {"type": "number"},
    }))
}

fn failure() -> Value {
    object(json!({
        "module": nullable(),
        "origin": text(),
        "digest": nullable(),
        "reason": text(),
    }))
}

fn entry() -> Value {
    object(json!({
        "number": count(),
        "at": time(),
        "actor": text(),
        "action": text(),
        "module": nullable(),
        "digest": nullable(),
        "outcome": {"enum": ["done", "refused", "failed"]},
        "detail": text(),
    }))
}
