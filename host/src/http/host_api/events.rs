//! Events of components, the components that take them, and what becomes of events that are
//! not handled.

use serde_json::json;
use wares_module_kit::issue::Issue;

use super::super::answer::Answer;
use super::versions::{changed, name_of};
use super::{HostRequest, Result, wire};
use crate::components::{EventFilter, Which};

/// How many are listed, if nothing else is said, and at most.
const LIMIT: (u64, u64) = (100, 1_000);

/// `GET /_wares/events`
pub(super) fn list(request: &HostRequest<'_>) -> Result {
    let filter = wire::query(request, |parameters| EventFilter {
        component: parameters.text("component"),
        name: parameters.text("name"),
        after: parameters.text("after"),
        limit: parameters
            .number("limit", LIMIT.1)
            .unwrap_or(LIMIT.0)
            .try_into()
            .unwrap_or(usize::MAX),
    })?;
    let (events, is_cut) = changed(request.about.manager.events(&filter))?;
    let next = events
        .last()
        .filter(|_| is_cut)
        .map(|event| event.id.clone());
    Ok(Answer::json(&json!({"events": events, "next": next})))
}

/// `GET /_wares/events/{id}`
pub(super) fn retrieve(request: &HostRequest<'_>) -> Result {
    let (event, subscribers) = changed(request.about.manager.event(request.parameter(0)))?;
    Ok(Answer::json(
        &json!({"event": event, "subscribers": subscribers}),
    ))
}

/// `GET /_wares/subscribers`
pub(super) fn subscribers(request: &HostRequest<'_>) -> Result {
    let subscribers = changed(request.about.manager.subscriber_views())?;
    Ok(Answer::json(&json!({"subscribers": subscribers})))
}

/// `GET /_wares/subscribers/{name}/deliveries`
pub(super) fn deliveries(request: &HostRequest<'_>) -> Result {
    let (after, dead, limit) = wire::query(request, |parameters| {
        let (after, state) = (parameters.text("after"), parameters.text("state"));
        let dead = state.map(|state| {
            if !["dead", "waiting"].contains(&&*state) {
                let text =
                    format!("Expected: 'dead, waiting' for field 'state', but got: '{state}'");
                parameters.issues().wrong("state", text);
            }
            state == "dead"
        });
        (
            after,
            dead,
            parameters.number("limit", LIMIT.1).unwrap_or(LIMIT.0),
        )
    })?;
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let manager = &request.about.manager;
    let (deliveries, is_cut) =
        changed(manager.deliveries(request.parameter(0), after.as_deref(), dead, limit))?;
    let next = deliveries
        .last()
        .filter(|_| is_cut)
        .map(|one| one.event_id().to_owned());
    Ok(Answer::json(
        &json!({"deliveries": deliveries, "next": next}),
    ))
}

/// `POST /_wares/subscribers/{name}/retry`
pub(super) fn retry(request: &HostRequest<'_>) -> Result {
    let (which, by) = (which(request)?, name_of(request.actor()?));
    let count = changed(
        request
            .about
            .manager
            .retry(request.parameter(0), meant(&which), &by),
    )?;
    Ok(Answer::json(&json!({"count": count})))
}

/// `POST /_wares/subscribers/{name}/discard`
pub(super) fn discard(request: &HostRequest<'_>) -> Result {
    let (which, by) = (which(request)?, name_of(request.actor()?));
    let count = changed(
        request
            .about
            .manager
            .discard(request.parameter(0), meant(&which), &by),
    )?;
    Ok(Answer::json(&json!({"count": count})))
}

/// `POST /_wares/subscribers/{name}/replay`
pub(super) fn replay(request: &HostRequest<'_>) -> Result {
    const NUMBERS: std::ops::RangeInclusive<i64> = 1..=i64::MAX;
    let by = name_of(request.actor()?);
    let (component, from, to) = wire::body(request, |body| {
        let component = body.required_name("component").unwrap_or_default();
        (
            component,
            body.integer("from", NUMBERS),
            body.integer("to", NUMBERS),
        )
    })?;
    let manager = &request.about.manager;
    let count = changed(manager.replay(request.parameter(0), &component, (from, to), &by))?;
    Ok(Answer::json(&json!({"count": count})))
}

/// The id of an event, or `None` for all dead letters.
fn which(request: &HostRequest<'_>) -> Result<Option<String>> {
    wire::body(request, |body| {
        let (event, all) = (body.name("event"), body.flag("all_dead"));
        if event.is_some() == all.unwrap_or(false) {
            body.issues.rules(vec![Issue::required("event")]);
        }
        event
    })
}

fn meant(event: &Option<String>) -> Which<'_> {
    event.as_deref().map_or(Which::AllDead, Which::One)
}
