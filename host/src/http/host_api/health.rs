//! Health and metrics.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};
use serde_json::json;

use super::super::RETRY_AFTER_S;
use super::super::answer::Answer;
use super::operation::{Operation, text, text_answer};
use super::{HostRequest, Result, accepts};
use crate::components::{Circuit, Manager};
use crate::fault::fault;
use crate::storage;

/// How long every event of a subscriber fails before that is said.
const FAILING_MIN: Duration = Duration::from_secs(3600);

/// That the host lives, which modules are given a rest, which databases are in trouble, and
/// what failed at its start. Where a database cannot even be read, that it does not.
/// Anybody may ask: there is no path and no reason of a component's in it.
pub(super) fn health(request: &HostRequest<'_>) -> Result {
    let about = request.about;
    fault("endpoint.health");
    let open: String = about
        .manager
        .slots()
        .iter()
        .filter(|slot| slot.circuit() != Circuit::Closed)
        .map(|slot| {
            format!(
                "\nThe circuit of the module {} is open, and it answers 503",
                slot.name()
            )
        })
        .collect();
    let ailing = storage::ailing();
    let troubles: String = ailing
        .iter()
        .map(|ailing| {
            let (title, why) = (&ailing.title, ailing.trouble.for_callers());
            let works = if ailing.is_down {
                ""
            } else {
                ", which can be read"
            };
            format!("\nTrouble with {title}{works}: {why}")
        })
        .collect();
    let is_down = ailing.iter().any(|ailing| ailing.is_down);
    let (status, word) = if is_down {
        (StatusCode::SERVICE_UNAVAILABLE, "Down")
    } else {
        (StatusCode::OK, "OK")
    };
    let failing: String = about
        .manager
        .failing_subscribers(FAILING_MIN)
        .into_iter()
        .map(|name| format!("\nNo event is handled by the module {name} for more than an hour"))
        .collect();
    let text = format!(
        "{word}{troubles}{open}{failing}{}",
        left_out(&about.manager)
    );
    let plain = HeaderValue::from_static("text/html; charset=utf-8");
    let answer = Answer::bytes(status, plain, text.into());
    Ok(if is_down {
        answer.with(RETRY_AFTER, &RETRY_AFTER_S.to_string())
    } else {
        answer
    })
}

fn left_out(manager: &Manager) -> String {
    let mut lines: Vec<String> = manager
        .failures()
        .into_iter()
        .map(|failure| match failure.module {
            Some(name) if manager.slot(&name).is_ok() => {
                format!("\nThe module {name} failed at the start, and another version serves")
            }
            Some(name) => format!("\nThe module {name} failed at the start, and is not served"),
            None => "\nA component failed at the start, and is not served".to_owned(),
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines.concat()
}

/// What Prometheus collects, in its own text format unless OpenMetrics is asked for.
pub(super) fn metrics(request: &HostRequest<'_>) -> Result {
    let (about, headers) = (request.about, &request.parts.headers);
    const OPEN: HeaderValue =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    const CLASSIC: HeaderValue =
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    about.metrics.left_out(about.manager.failures().len());
    let (text, content_type) = if accepts::open_metrics(headers) {
        (about.metrics.open_metrics(), OPEN)
    } else {
        (about.metrics.classic(), CLASSIC)
    };
    match text {
        Ok(text) => Ok(Answer::bytes(StatusCode::OK, content_type, text.into())),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            Err(Box::new(Answer::unknown_error()))
        }
    }
}

pub(super) fn health_operation() -> Operation {
    Operation::new(
        "Host",
        "Health",
        "Whether the host lives, which modules have an open circuit, and which failed at its start",
        text_answer("text/html"),
    )
}

pub(super) fn metrics_operation() -> Operation {
    Operation::new(
        "Host",
        "RetrieveMetrics",
        "Retrieve what Prometheus collects",
        json!({"200": {"description": "Done", "content": {
            "text/plain": {"schema": text()},
            "application/openmetrics-text": {"schema": text()},
        }}}),
    )
}
