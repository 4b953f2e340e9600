//! Signatures of components: minisign's, by keys that the operator names.

use minisign_verify::{PublicKey, Signature};

/// The keys that components may be signed with.
#[derive(Default)]
pub struct Keys(Vec<(String, PublicKey)>);

/// Why a signature is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is none, and there has to be one.
    #[error("it is not signed, and versions.require_signature is set")]
    Missing,
    /// It is not what minisign writes.
    #[error("the signature is not one of minisign's: {0}")]
    Malformed(String),
    /// There is no key to hold it against.
    #[error("it is signed, and versions.public_keys names no key to hold that against")]
    NoKeys,
    /// No key has made it for these bytes.
    #[error("the signature is by none of versions.public_keys, or for other bytes")]
    Wrong,
}

impl Keys {
    /// Keys as minisign writes them, in base 64.
    ///
    /// # Errors
    /// With the first one that is none.
    pub fn new(keys: &[String]) -> Result<Self, String> {
        keys.iter()
            .map(|key| match PublicKey::from_base64(key.trim()) {
                Ok(public) => Ok((key.trim().to_owned(), public)),
                Err(_) => Err(key.clone()),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The key that signed these bytes. `None` where there is no signature, and none is required.
    pub(super) fn check(
        &self,
        bytes: &[u8],
        signature: Option<&str>,
        required: bool,
    ) -> Result<Option<String>, SignatureError> {
        let Some(text) = signature else {
            return if required {
                Err(SignatureError::Missing)
            } else {
                Ok(None)
            };
        };
        let signature = Signature::decode(text)
            .map_err(|error| SignatureError::Malformed(error.to_string().to_lowercase()))?;
        if self.0.is_empty() {
            return Err(SignatureError::NoKeys);
        }
        self.0
            .iter()
            .find(|(_, key)| key.verify(bytes, &signature, false).is_ok())
            .map(|(text, _)| Some(text.clone()))
            .ok_or(SignatureError::Wrong)
    }
}
