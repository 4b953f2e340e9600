//! Ids: a prefix for the kind and a ULID, which sorts by the time it was made at.

use uuid::{NoContext, Timestamp, Uuid};

/// Crockford's base 32: no I, L, O or U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A new id. The prefix says the kind of thing.
pub fn new(prefix: &str) -> String {
    show(prefix, Uuid::now_v7())
}

/// A new id, as if made at a time in milliseconds after 1970.
pub fn new_at(prefix: &str, unix_ms: u64) -> String {
    let nanos = (unix_ms % 1_000) as u32 * 1_000_000;
    show(
        prefix,
        Uuid::new_v7(Timestamp::from_unix(NoContext, unix_ms / 1_000, nanos)),
    )
}

fn show(prefix: &str, uuid: Uuid) -> String {
    let bits = uuid.as_u128();
    let mut id = String::with_capacity(prefix.len() + 26);
    id.push_str(prefix);
    for index in (0..26).rev() {
        id.push(char::from(ALPHABET[(bits >> (index * 5)) as usize & 31]));
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_prefix_and_a_ulid() {
        assert_eq!(
            show("thing_", Uuid::nil()),
            "thing_00000000000000000000000000"
        );
        assert_eq!(show("", Uuid::max()), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        // The example of the ULID specification.
        let uuid = Uuid::from_u128(0x0156_3E3A_B5D3_D676_4C61_EFB9_9302_BD5B);
        assert_eq!(show("", uuid), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    }

    #[test]
    fn ids_that_are_made_one_after_another_sort_so() {
        let ids: Vec<String> = (0..100).map(|_| new("thing_")).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.len() == 32));
    }
}
