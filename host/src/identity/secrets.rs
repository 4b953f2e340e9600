//! Random secrets, and the hashes by which they are found.

use rand::Rng;
use sha2::{Digest, Sha256};

pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

pub(super) fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Only letters and digits, so that it can be pasted anywhere.
pub(super) fn random_password() -> String {
    const ALPHABET: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    random_bytes()
        .iter()
        .take(20)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}
