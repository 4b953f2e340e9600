//! Proofs of a host to commands that it serves their data folder. The key is in the folder
//! and has no other use. A proof holds for one challenge and one address, IP and port: a
//! program that listens at the address of an earlier run cannot use a proof of the host,
//! which listens elsewhere.

use jsonwebtoken::crypto::{sign, verify};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

/// The beginning of every signed text.
const LABEL: &str = "wares: the host of this data folder";
/// The length of a challenge: 32 bytes in hexadecimal.
pub const CHALLENGE_LENGTH: usize = 64;

pub fn is_challenge(text: &str) -> bool {
    text.len() == CHALLENGE_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(super) struct Proofs {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Proofs {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        }
    }

    /// Returns the proof for a challenge: an HMAC-SHA-256 in base 64. `None` if the key has the
    /// wrong length.
    pub(super) fn make(&self, challenge: &str, address: &str) -> Option<String> {
        let text = text(challenge, address);
        sign(text.as_bytes(), &self.encoding, Algorithm::HS256).ok()
    }

    pub(super) fn is_right(&self, proof: &str, challenge: &str, address: &str) -> bool {
        let text = text(challenge, address);
        verify(proof, text.as_bytes(), &self.decoding, Algorithm::HS256).unwrap_or(false)
    }
}

fn text(challenge: &str, address: &str) -> String {
    format!("{LABEL}\n{challenge}\n{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_only_for_its_key_its_challenge_and_its_address() {
        let (ours, theirs) = (Proofs::new(b"ours"), Proofs::new(b"theirs"));
        let (one, other) = ("1".repeat(64), "2".repeat(64));
        let proof = ours.make(&one, "127.0.0.1:9000").unwrap();
        assert!(ours.is_right(&proof, &one, "127.0.0.1:9000"));
        assert!(!ours.is_right(&proof, &one, "127.0.0.1:9001"));
        assert!(!ours.is_right(&proof, &other, "127.0.0.1:9000"));
        assert!(!theirs.is_right(&proof, &one, "127.0.0.1:9000"));
        for wrong in ["", "=", "a.b.c", &proof[1..]] {
            assert!(!ours.is_right(wrong, &one, "127.0.0.1:9000"), "{wrong}");
        }
    }

    #[test]
    fn a_challenge_has_one_length_and_hexadecimal_digits_alone() {
        assert!(is_challenge(&"0aF9".repeat(16)));
        for wrong in [
            "",
            &"0".repeat(63),
            &"0".repeat(65),
            &"g".repeat(64),
            &"ü".repeat(32),
        ] {
            assert!(!is_challenge(wrong), "{wrong}");
        }
    }
}
