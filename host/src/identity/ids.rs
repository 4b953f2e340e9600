//! Ids: a prefix, and the 128 bits of a UUIDv7 in Crockford's base 32, which
//! makes a valid ULID that sorts by time.

use crate::clock;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Returns a fresh id: `prefix_` and 26 characters.
pub(super) fn new(prefix: &str) -> String {
    let bits = clock::uuid().as_u128();
    let digits = (0..26)
        .rev()
        .map(|index| char::from(ALPHABET[(bits >> (index * 5)) as usize & 31]));
    format!("{prefix}_{}", digits.collect::<String>())
}
