//! Answers on their way to the connection, as far as there is room for them.

use std::sync::Arc;

use hyper::Response;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;

use super::RETRY_AFTER_S;
use super::answer::Answer;
use super::conditional::Conditions;
use super::connection::Connection;
use super::outgoing::Outgoing;

/// Sends an answer, if there is room for it.
pub(super) fn send(
    connection: &Arc<Connection>,
    parts: &Parts,
    answer: Answer,
) -> Response<Outgoing> {
    let conditions = Conditions::of(&parts.method, &parts.headers);
    let (head, bytes) = conditions.finish(answer).into_parts();
    if let Some(body) = connection.send(bytes, parts.version) {
        return Response::from_parts(head, body);
    }
    if !parts.method.is_safe() {
        // The write was committed: a client that retries would repeat it.
        return Response::from_parts(head, Outgoing::broken());
    }
    let (mut head, bytes) = conditions.finish(untaken()).into_parts();
    let body = connection.send(bytes, parts.version).unwrap_or_else(|| {
        head.headers.remove(CONTENT_TYPE);
        Outgoing::empty()
    });
    Response::from_parts(head, body)
}

/// The answer if earlier ones are not read.
pub(super) fn untaken() -> Answer {
    Answer::busy(
        "Too many bytes of other answers wait to be taken",
        RETRY_AFTER_S,
    )
}
