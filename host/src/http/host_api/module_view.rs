//! Modules and their versions as the answers below `/_wares` show them.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::Result;
use super::versions::changed;
use crate::components::{Circuit, Counted, Failure, Manager, Slot};
use crate::digest::Digest;
use crate::storage::Installed;

pub(super) fn shown(manager: &Manager, name: &str) -> Result {
    Ok(Answer::json(&json!({"module": module(manager, name)?})))
}

pub(super) fn shown_with(manager: &Manager, name: &str, version: &Installed) -> Result {
    let state = state(manager.slot(name).ok().as_deref(), version.digest);
    Ok(Answer::json(&json!({
        "version": installed(version, state),
        "module": module(manager, name)?,
    })))
}

/// A module; of one that is not in service, its versions are all that there is to show.
pub(super) fn module(manager: &Manager, name: &str) -> Result<Value> {
    let versions = changed(manager.installed(name))?;
    let slot = manager.slot(name).ok();
    let current = slot.as_ref().map(|slot| slot.module());
    let canary = slot.as_ref().and_then(|slot| slot.canary()).map(|canary| {
        json!({
            "version": canary.module.version().to_string(),
            "digest": canary.module.digest(),
            "share_percent": f64::from(canary.share) / 100.0,
            "calls": calls(canary.module.statistics().counted()),
            "calls_in_service": calls(canary.counted_in_service()),
        })
    });
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| installed(version, state(slot.as_deref(), version.digest)))
        .collect();
    let mut failures = manager.failures();
    failures.retain(|failure| failure.module.as_deref() == Some(name));
    let current = current.as_ref();
    let circuit = slot.as_ref().map(|slot| slot.circuit());
    Ok(json!({
        "name": name,
        "version": current.map(|current| current.version().to_string()),
        "digest": current.map(|current| current.digest()),
        "source": current.map(|current| current.origin().kind()),
        "enabled": manager.is_enabled(name),
        "circuit": circuit.unwrap_or(Circuit::Closed).name(),
        "calls": calls(current.map(|current| current.statistics().counted()).unwrap_or_default()),
        "canary": canary,
        "grants": changed(manager.grants(name))?.list(),
        "extension_points": slot.as_ref().map(|slot| manager.points_of(slot)).unwrap_or_default(),
        "fills": current.map(|current| current.points_filled()).unwrap_or_default(),
        "on_failure": current.map(|current| current.on_failure().name()),
        "versions": versions,
        "changes": changed(manager.changes(name))?,
        "failures": failures.iter().map(failure).collect::<Vec<_>>(),
    }))
}

/// A component that could not be served when the host started.
pub(super) fn failure(failure: &Failure) -> Value {
    json!({
        "module": failure.module,
        "origin": failure.origin,
        "digest": failure.digest,
        "reason": failure.reason,
    })
}

fn state(slot: Option<&Slot>, digest: Digest) -> &'static str {
    let Some(slot) = slot else {
        return "installed";
    };
    let serves = slot.module();
    // The same bytes in a file are none.
    if serves.digest() == digest && serves.origin().kind() == "version" {
        "active"
    } else if slot
        .canary()
        .is_some_and(|canary| canary.module.digest() == digest)
    {
        "canary"
    } else {
        "installed"
    }
}

fn installed(version: &Installed, state: &str) -> Value {
    json!({
        "digest": version.digest,
        "version": version.version,
        "state": state,
        "size_bytes": version.size_bytes,
        "installed_at": version.installed_at,
        "installed_by": version.installed_by,
        "signed_by": version.signed_by,
    })
}

fn calls(counted: Counted) -> Value {
    json!({
        "made": counted.calls,
        "failed": counted.failed,
        "server_errors": counted.server_errors,
        "mean_ms": (counted.mean_ms() * 1_000.0).round() / 1_000.0,
    })
}
