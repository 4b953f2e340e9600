//! Signatures of components: minisign's, by keys that the operator names. Where they are
//! required, only built-in components are served without one, wherever they come from.

use std::sync::LazyLock;

use minisign_verify::{PublicKey, Signature};

use super::bundled::BUNDLED;
use super::source::{Rank, Source};
use crate::digest::Digest;
use crate::storage::{Installed, StorageError};

/// The keys that components may be signed with.
#[derive(Clone, Default)]
pub struct Keys(Vec<(String, PublicKey)>);

/// Why a signature is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is missing, and required.
    #[error("it is not signed, and versions.require_signature is set")]
    Missing,
    /// It is not in minisign's format.
    #[error("the signature is not one of minisign's: {0}")]
    Malformed(String),
    /// No key is listed to check it.
    #[error("it is signed, and versions.public_keys has no key to check that")]
    NoKeys,
    /// No key has made it for these bytes.
    #[error("no key of versions.public_keys made the signature, or it is for other bytes")]
    Wrong,
    /// The version was installed without one, and it is required.
    #[error(
        "the version was installed without a signature, and versions.require_signature is set: install it \
         once more with its signature"
    )]
    MissingOfVersion,
    /// The version was signed by a key that is not listed.
    #[error(
        "the version is signed by {0}, which versions.public_keys does not name: install it once more with \
         a signature by one of those"
    )]
    OtherKey(String),
    /// The record of the version cannot be read.
    #[error("the signer of the version cannot be read: {0}")]
    Unread(String),
}

/// The signers whose components are served.
#[derive(Clone)]
pub struct Trust {
    keys: Keys,
    required: bool,
}

/// A built-in component is trusted as the host itself is, wherever it comes from.
static BUILT_IN: LazyLock<Vec<Digest>> =
    LazyLock::new(|| BUNDLED.iter().map(|(_, bytes)| Digest::of(bytes)).collect());

/// Stored instead of a key for a version that was built in: it stays trusted when a later
/// program has another one built in. No key has this form.
const BY_PROGRAM: &str = "built-in";

/// Returns the stored signer of a component with this digest: the key that signed it, or
/// the program that it is built into.
pub(super) fn kept_signer(digest: Digest, signed_by: Option<String>) -> Option<String> {
    signed_by.or_else(|| is_built_in(digest).then(|| BY_PROGRAM.to_owned()))
}

fn is_built_in(digest: Digest) -> bool {
    BUILT_IN.contains(&digest)
}

impl Trust {
    /// Accepts components that these keys signed, and others unless a signature is required.
    pub fn new(keys: Keys, required: bool) -> Self {
        Self { keys, required }
    }

    /// The key that signed a component to be installed. `None` if it has no signature, and
    /// none is required.
    pub(super) fn check(
        &self,
        bytes: &[u8],
        signature: Option<&str>,
    ) -> Result<Option<String>, SignatureError> {
        self.keys.check(bytes, signature, self.required)
    }

    /// Whether a version that is installed may be put in service.
    pub(super) fn check_version(&self, version: &Installed) -> Result<(), SignatureError> {
        self.check_kept(version.digest, Some(version))
    }

    fn check_kept(
        &self,
        digest: Digest,
        version: Option<&Installed>,
    ) -> Result<(), SignatureError> {
        if !self.required || is_built_in(digest) {
            return Ok(());
        }
        match version.and_then(|version| version.signed_by.as_deref()) {
            None => Err(SignatureError::MissingOfVersion),
            Some(BY_PROGRAM) => Ok(()),
            Some(key) if self.keys.has(key) => Ok(()),
            Some(key) => Err(SignatureError::OtherKey(key.to_owned())),
        }
    }

    /// The key that signed the component of a file, by `FILE.minisig` beside it. `None` if that
    /// proves nothing and no signature is required, and for components that are no files.
    pub(super) fn check_file(&self, source: &Source) -> Result<Option<String>, SignatureError> {
        if !matches!(source.rank, Rank::Configured | Rank::File) {
            return Ok(None);
        }
        let signed_by = self.check(&source.bytes, source.signature.as_deref());
        match signed_by {
            Err(error) if self.required && !is_built_in(source.digest) => Err(error),
            signed_by => Ok(signed_by.unwrap_or_default()),
        }
    }

    /// The key that signed a component that may serve a module at the start; `kept` returns the
    /// record of a version.
    ///
    /// # Errors
    /// When it may not be served.
    pub fn source(
        &self,
        source: &Source,
        kept: impl FnOnce(&str, Digest) -> Result<Option<Installed>, StorageError>,
    ) -> Result<Option<String>, SignatureError> {
        match source.rank {
            Rank::BuiltIn | Rank::Configured | Rank::File => self.check_file(source),
            Rank::Active | Rank::Earlier if !self.required => Ok(None),
            Rank::Active | Rank::Earlier => {
                let version = kept(source.name.as_deref().unwrap_or_default(), source.digest)
                    .map_err(|error| SignatureError::Unread(error.to_string()))?;
                self.check_kept(source.digest, version.as_ref())?;
                Ok(version.and_then(|version| version.signed_by))
            }
        }
    }
}

impl Keys {
    /// Keys as minisign writes them, in base 64.
    ///
    /// # Errors
    /// With the first invalid one.
    pub fn new(keys: &[String]) -> Result<Self, String> {
        keys.iter()
            .map(|key| match PublicKey::from_base64(key.trim()) {
                Ok(public) => Ok((key.trim().to_owned(), public)),
                Err(_) => Err(key.clone()),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(text, _)| text == key)
    }

    /// The key that signed these bytes. `None` without a signature, if none is required.
    fn check(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_was_built_in_is_trusted_where_another_one_is_now() {
        let trust = Trust::new(Keys::default(), true);
        let check = |digest: Digest, signed_by: Option<String>| {
            trust.check_version(&Installed {
                module: "notes".to_owned(),
                digest,
                version: "1.0.0".to_owned(),
                size_bytes: 1,
                installed_at: String::new(),
                installed_by: "host".to_owned(),
                signed_by,
            })
        };
        let (built_in, another) = (Digest::of(BUNDLED[0].1), Digest::of(b"another"));
        let kept = kept_signer(built_in, None);
        assert_eq!(kept.as_deref(), Some(BY_PROGRAM));
        assert_eq!(check(built_in, None), Ok(()));
        assert_eq!(check(another, kept), Ok(()));
        // A component that was never built in has no signer.
        assert_eq!(kept_signer(another, None), None);
        assert_eq!(check(another, None), Err(SignatureError::MissingOfVersion));
        let key = || Some("key".to_owned());
        assert_eq!(kept_signer(built_in, key()), key());
        let other_key = SignatureError::OtherKey("key".to_owned());
        assert_eq!(check(another, key()), Err(other_key));
        assert!(Keys::new(&[BY_PROGRAM.to_owned()]).is_err());
    }
}
