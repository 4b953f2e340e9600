//! `/_wares`: versions of modules, and what was done with them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use serde_json::{Value, json};
use wares_module_kit::http::parameters::Parameters;
use wares_module_kit::issue::Issues;

use super::super::answer::Answer;
use super::module_view::{failure, module, shown, shown_with};
use super::{HostRequest, Result, wire};
use crate::components::{Action, ChangeError, Grants, Installation, Then};
use crate::digest::Digest;
use crate::fault::fault;
use crate::identity::{Actor, ActorKind};
use crate::storage::{MigrationError, SqlError, Trouble};

/// The header that holds what minisign wrote, in base 64.
pub(super) const SIGNATURE: &str = "wares-signature";
/// What whoever has a component loaded while too many are should wait, in seconds: that
/// takes most components to compile.
const ASIDE_RETRY_AFTER_S: u64 = 5;
/// Acts that one answer shows, if nothing else is said, and at most.
pub(super) const ACTS: (u64, u64) = (50, 1_000);

/// `GET /_wares/modules`
pub(super) fn list(request: &HostRequest<'_>) -> Result {
    let manager = &request.about.manager;
    let mut names: Vec<String> = manager
        .slots()
        .iter()
        .map(|slot| slot.name().to_owned())
        .collect();
    let others = manager.not_in_service();
    names.extend(others.map_err(|error| Box::new(super::failed(&error)))?);
    names.sort();
    let modules: Vec<Value> = names
        .iter()
        .map(|name| module(manager, name))
        .collect::<Result<_>>()?;
    fault("endpoint.modules");
    // Those of modules that are served stand there.
    let failures: Vec<Value> = manager
        .failures()
        .iter()
        .filter(|failure| {
            let module = failure.module.as_deref();
            module.is_none_or(|name| manager.slot(name).is_err())
        })
        .map(failure)
        .collect();
    Ok(Answer::json(
        &json!({"modules": modules, "failures": failures}),
    ))
}

/// `GET /_wares/modules/{name}`
pub(super) fn retrieve(request: &HostRequest<'_>) -> Result {
    let manager = &request.about.manager;
    shown(manager, request.parameter(0))
}

/// `PUT /_wares/modules/{name}`
pub(super) fn install(request: &HostRequest<'_>) -> Result {
    let (manager, by) = (&request.about.manager, name_of(request.actor()?));
    let (name, bytes) = (request.parameter(0), &*request.body);
    let wanted = wire::query(request, wanted).inspect_err(|refusal| {
        let digest = Digest::of(bytes).to_string();
        manager.refuse(Action::Install, name, Some(digest), &by, &refusal.message());
    });
    let (digest, grants, then) = wanted?;
    let signature = request.parts.headers.get(SIGNATURE).map(|value| {
        STANDARD
            .decode(value.as_bytes())
            .ok()
            .and_then(|text| String::from_utf8(text).ok())
            // Minisign says what is wrong with it.
            .unwrap_or_default()
    });
    let installation = Installation {
        bytes,
        digest: digest.as_deref(),
        signature: signature.as_deref(),
        grants,
        then,
    };
    let installed = changed(manager.install(name, &installation, &by))?;
    match then {
        Then::Keep => {}
        Then::Activate => {
            changed(manager.activate(name, &installed.digest.to_string(), &by))?;
        }
        Then::Canary(share) => {
            changed(manager.begin_canary(name, &installed.digest.to_string(), share, &by))?;
        }
    }
    shown_with(manager, name, &installed)
}

/// The digest that a component must have, what its module is granted, and what follows its
/// installation.
fn wanted(parameters: &mut Parameters) -> (Option<String>, Grants, Then) {
    let digest = parameters.text("digest");
    let granted = parameters.texts("grant").unwrap_or_default();
    let activate = parameters.text("activate");
    let canary = parameters.text("canary");
    let issues = parameters.issues();
    let share = share(issues, canary.as_deref());
    let activate = match activate.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            let text = format!("Expected: 'true, false' for field 'activate', but got: '{other}'");
            issues.wrong("activate", text);
            false
        }
    };
    if activate && canary.is_some() {
        let text = "Fields 'activate' and 'canary' exclude each other: leave out 'activate' to try the version first";
        issues.wrong("activate", text.to_owned());
    }
    let shown = granted.join(", ");
    let grants = Grants::parse(granted).unwrap_or_else(|| {
        let names: Vec<_> = Grants::names().collect();
        let names = names.join(", ");
        let text = format!("Expected: '{names}' for field 'grant', but got: '{shown}'");
        issues.wrong("grant", text);
        Grants::none()
    });
    let then = match share {
        Some(share) => Then::Canary(share),
        None if activate => Then::Activate,
        None => Then::Keep,
    };
    (digest, grants, then)
}

/// `POST /_wares/modules/{name}/activate`
pub(super) fn activate(request: &HostRequest<'_>) -> Result {
    let (manager, by) = (&request.about.manager, name_of(request.actor()?));
    let name = request.parameter(0);
    let (digest, share) = wire::body(request, |body| {
        let digest = body.required_name("digest");
        let canary = body.name("canary");
        let share = share(&mut body.issues, canary.as_deref());
        (digest.unwrap_or_default(), share)
    })?;
    let version = changed(match share {
        Some(share) => manager.begin_canary(name, &digest, share, &by),
        None => manager.activate(name, &digest, &by),
    })?;
    shown_with(manager, name, &version)
}

/// `POST /_wares/modules/{name}/rollback`
pub(super) fn roll_back(request: &HostRequest<'_>) -> Result {
    let (manager, by) = (&request.about.manager, name_of(request.actor()?));
    let name = request.parameter(0);
    wire::body(request, |_| ())?;
    let version = changed(manager.roll_back(name, &by))?;
    shown_with(manager, name, &version)
}

/// `POST /_wares/modules/{name}/deactivate`
pub(super) fn deactivate(request: &HostRequest<'_>) -> Result {
    let (manager, by) = (&request.about.manager, name_of(request.actor()?));
    let name = request.parameter(0);
    wire::body(request, |_| ())?;
    changed(manager.deactivate(name, &by))?;
    shown(manager, name)
}

/// Keeps that a component was refused before all of it had come.
pub(super) fn refuse_install(request: &HostRequest<'_>, refusal: &Answer) {
    let (name, reason) = (request.parameter(0), refusal.message());
    if let Some(actor) = request.actor {
        let (manager, by) = (&request.about.manager, name_of(actor));
        manager.refuse(Action::Install, name, None, &by, &reason);
    }
}

/// `POST /_wares/modules/{name}/promote`
pub(super) fn promote(request: &HostRequest<'_>) -> Result {
    let (manager, by) = (&request.about.manager, name_of(request.actor()?));
    let name = request.parameter(0);
    wire::body(request, |_| ())?;
    changed(manager.promote(name, &by))?;
    shown(manager, name)
}

/// `POST /_wares/modules/{name}/withdraw`
pub(super) fn withdraw(request: &HostRequest<'_>) -> Result {
    let (manager, by) = (&request.about.manager, name_of(request.actor()?));
    let name = request.parameter(0);
    wire::body(request, |_| ())?;
    changed(manager.withdraw(name, &by))?;
    shown(manager, name)
}

/// `POST /_wares/modules/{name}/disable`
pub(super) fn disable(request: &HostRequest<'_>) -> Result {
    let (manager, by) = (&request.about.manager, name_of(request.actor()?));
    let name = request.parameter(0);
    wire::body(request, |_| ())?;
    changed(manager.disable(name, &by))?;
    shown(manager, name)
}

/// `POST /_wares/modules/{name}/enable`
pub(super) fn enable(request: &HostRequest<'_>) -> Result {
    let (manager, by) = (&request.about.manager, name_of(request.actor()?));
    let name = request.parameter(0);
    wire::body(request, |_| ())?;
    changed(manager.enable(name, &by))?;
    shown(manager, name)
}

/// `DELETE /_wares/modules/{name}`
pub(super) fn remove_module(request: &HostRequest<'_>) -> Result {
    let (manager, by) = (&request.about.manager, name_of(request.actor()?));
    let name = request.parameter(0);
    changed(manager.remove_module(name, &by))?;
    Ok(Answer::json(&json!({
        "name": name, "object": "module", "deleted": true,
    })))
}

/// `GET /_wares/modules/{name}/versions/{digest}/diff`
pub(super) fn difference(request: &HostRequest<'_>) -> Result {
    let (name, digest) = (request.parameter(0), request.parameter(1));
    let difference = changed(request.about.manager.difference(name, digest))?;
    Ok(Answer::json(&json!({"difference": difference})))
}

/// `DELETE /_wares/modules/{name}/versions/{digest}`
pub(super) fn remove(request: &HostRequest<'_>) -> Result {
    let (manager, by) = (&request.about.manager, name_of(request.actor()?));
    let (name, digest) = (request.parameter(0), request.parameter(1));
    let removed = changed(manager.remove(name, digest, &by))?;
    Ok(Answer::json(&json!({
        "digest": removed.digest, "object": "module_version", "deleted": true,
    })))
}

/// `GET /_wares/audit`
pub(super) fn audit(request: &HostRequest<'_>) -> Result {
    let manager = &request.about.manager;
    let (limit, before) = wire::query(request, |parameters| {
        let limit = parameters.number("limit", ACTS.1).unwrap_or(ACTS.0);
        (limit, parameters.number("before", i64::MAX.unsigned_abs()))
    })?;
    let entries = manager
        .audit(
            before.and_then(|before| before.try_into().ok()),
            limit.try_into().unwrap_or(u32::MAX),
        )
        .map_err(|error| Box::new(super::failed(&error)))?;
    Ok(Answer::json(&json!({"entries": entries})))
}

/// A share of requests, `10%`, of ten thousand.
fn share(issues: &mut Issues, text: Option<&str>) -> Option<u32> {
    let text = text?;
    let parsed = crate::components::share(text);
    if parsed.is_none() {
        let text = format!("Field 'canary' must be a share from 0.01% to 100%, got: '{text}'");
        issues.wrong("canary", text);
    }
    parsed
}

/// Who somebody is, in the audit log.
pub(super) fn name_of(actor: &Actor) -> String {
    match actor.kind {
        ActorKind::User | ActorKind::ApiKey => actor.id.clone(),
        ActorKind::Operator => format!("operator {}", actor.id),
    }
}

pub(super) fn changed<T>(result: std::result::Result<T, ChangeError>) -> Result<T> {
    result.map_err(|error| Box::new(refusal(&error)))
}

/// The answer to a request for a change that is refused.
fn refusal(error: &ChangeError) -> Answer {
    let reason = error.reason();
    let (status, kind) = match error {
        ChangeError::CompilerBusy(_) | ChangeError::AsideBusy(_) => {
            return Answer::busy(&reason, ASIDE_RETRY_AFTER_S);
        }
        _ if error.is_disk_full() => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        ChangeError::Storage(error) if error.trouble().is_some() => return super::failed(error),
        ChangeError::Database(SqlError::Trouble(trouble))
        | ChangeError::Migration(MigrationError::Sql(SqlError::Trouble(trouble))) => {
            return super::unavailable(*trouble);
        }
        ChangeError::Database(SqlError::Busy)
        | ChangeError::Migration(MigrationError::Sql(SqlError::Busy)) => {
            return super::unavailable(Trouble::Locked);
        }
        ChangeError::UnknownModule(_)
        | ChangeError::NotServed { .. }
        | ChangeError::UnknownVersion { .. }
        | ChangeError::UnknownPoint { .. }
        | ChangeError::NoSubscriber(_)
        | ChangeError::NoEvent(_) => (StatusCode::NOT_FOUND, "not_found"),
        ChangeError::Ambiguous { .. }
        | ChangeError::AmbiguousPoint { .. }
        | ChangeError::NoExtension { .. } => (StatusCode::BAD_REQUEST, "invalid_data"),
        ChangeError::Pinned(_)
        | ChangeError::InUse(_)
        | ChangeError::NoHost(_)
        | ChangeError::NoRoom(_)
        | ChangeError::GrantsAreSet(_)
        | ChangeError::OrderIsSet
        | ChangeError::NotInService(_)
        | ChangeError::Nothing(_) => (StatusCode::CONFLICT, "not_allowed"),
        ChangeError::NotGranted { .. } => (StatusCode::CONFLICT, "not_granted"),
        ChangeError::Busy(_) => (StatusCode::CONFLICT, "conflict"),
        ChangeError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        ChangeError::Digest { .. } => (StatusCode::BAD_REQUEST, "wrong_digest"),
        ChangeError::Signature(_) => (StatusCode::BAD_REQUEST, "wrong_signature"),
        ChangeError::Component(_) => (StatusCode::BAD_REQUEST, "invalid_component"),
        ChangeError::Migration(_) => (StatusCode::BAD_REQUEST, "failed_migration"),
        ChangeError::Incompatible { .. } => (StatusCode::CONFLICT, "incompatible_schema"),
        ChangeError::Probe { .. } => (StatusCode::BAD_REQUEST, "failed_probe"),
        ChangeError::Fault(_) => {
            tracing::error!(
                error = reason,
                "a change of a module panicked inside the host"
            );
            (StatusCode::INTERNAL_SERVER_ERROR, "unexpected_state")
        }
        ChangeError::HalfRemoved { .. } => {
            tracing::error!(error = reason, "a module is not removed as a whole");
            (StatusCode::INTERNAL_SERVER_ERROR, "unexpected_state")
        }
        ChangeError::ComponentStore(_) | ChangeError::Storage(_) | ChangeError::Database(_) => {
            tracing::error!(error = reason, "a version cannot be kept");
            (StatusCode::INTERNAL_SERVER_ERROR, "unexpected_state")
        }
    };
    Answer::error(status, kind, &reason)
}
