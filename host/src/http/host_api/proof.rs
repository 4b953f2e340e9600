//! The proof that a host serves the data folder of a command.

use serde_json::json;
use wares_module_kit::http::parameters::Parameters;
use wares_module_kit::issue::Issue;

use super::super::RETRY_AFTER_S;
use super::super::answer::Answer;
use super::{HostRequest, Result, wire};
use crate::identity::{CHALLENGE_LENGTH, is_challenge};

/// `GET /_wares/host`: proves to a command of the data folder that this is its host.
pub(super) fn prove(request: &HostRequest<'_>) -> Result {
    let challenge = wire::query(request, challenge)?;
    match request.identity.prove(&challenge) {
        Some(proof) => Ok(Answer::json(&json!({"proof": proof}))),
        // It answers only this process, as when a command found no host.
        None => Err(Box::new(Answer::busy(
            "The host does not listen yet",
            RETRY_AFTER_S,
        ))),
    }
}

fn challenge(parameters: &mut Parameters) -> String {
    let challenge = parameters.text("challenge");
    let issue = match &challenge {
        None => Some(Issue::required("challenge")),
        Some(challenge) => (!is_challenge(challenge)).then(|| {
            let text = format!("Field 'challenge' must be {CHALLENGE_LENGTH} hexadecimal digits");
            Issue::wrong("challenge", text)
        }),
    };
    parameters.issues().rules(issue.into_iter().collect());
    challenge.unwrap_or_default()
}
