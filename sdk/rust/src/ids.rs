//! Ids as those of the host's own modules: a prefix for the kind and a ULID, which sorts by the
//! time it was made at.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// Crockford's base 32: no I, L, O or U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The bits below the time.
const RANDOM: u128 = (1 << 80) - 1;

thread_local! {
    /// The one that was made last, as a number.
    static LAST: Cell<u128> = const { Cell::new(0) };
}

/// Returns a new id, greater than all that this call made before. It is unique, and no secret.
///
/// ```
/// let (first, second) = (wares_module::ids::new("order_"), wares_module::ids::new("order_"));
/// assert!(first.starts_with("order_") && first.len() == 32);
/// assert!(first < second);
/// ```
pub fn new(prefix: &str) -> String {
    let number = following(LAST.get(), crate::time::unix_ms(), random());
    LAST.set(number);
    show(prefix, number)
}

/// A number of this time that is greater than the last one.
fn following(last: u128, unix_ms: u64, random: u128) -> u128 {
    let number = u128::from(unix_ms) << 80 | random & RANDOM;
    if number > last { number } else { last + 1 }
}

/// The standard library's hashers are keyed at random, in each call anew.
fn random() -> u128 {
    let half = || u128::from(RandomState::new().hash_one(0));
    half() << 64 | half()
}

fn show(prefix: &str, number: u128) -> String {
    let mut id = String::with_capacity(prefix.len() + 26);
    id.push_str(prefix);
    for index in (0..26).rev() {
        id.push(char::from(ALPHABET[(number >> (index * 5)) as usize & 31]));
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_prefix_and_a_ulid() {
        assert_eq!(show("thing_", 0), "thing_00000000000000000000000000");
        assert_eq!(show("", u128::MAX), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        // The example of the ULID specification.
        let number = 0x0156_3E3A_B5D3_D676_4C61_EFB9_9302_BD5B;
        assert_eq!(show("", number), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    }

    #[test]
    fn ids_of_one_call_sort_as_they_were_made() {
        let ids: Vec<String> = (0..1_000).map(|_| new("")).collect();
        assert!(ids.is_sorted_by(|first, second| first < second));
        // Within a millisecond, and when the clock goes back.
        let first = following(0, 7, 5);
        assert_eq!(following(first, 7, 3), first + 1);
        assert_eq!(following(first, 6, 9), first + 1);
        assert_eq!(following(first, 8, 1), (8 << 80) + 1);
    }
}
