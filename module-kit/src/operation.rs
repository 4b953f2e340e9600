//! How a write is carried out, whatever is written: check, find, hook, check, apply,
//! write, emit, answer, commit. A module says what each of these is for its nouns.

use crate::fault::Fault;
use crate::issue::{Issue, sound};
use crate::store::{Read, Stored, Transaction};

/// The value that a hook returned, or why the write ends there: a rejection for the caller,
/// or a fault of the extension.
pub type Hooked<T> = Result<T, Fault>;

/// What a write is about. A hook may not change it.
pub trait Identity {
    /// The fields that a hook may not change, by name, with their values.
    fn identity(&self) -> Vec<(&'static str, String)>;
}

/// The id of what is deleted.
impl Identity for String {
    fn identity(&self) -> Vec<(&'static str, String)> {
        vec![("id", self.clone())]
    }
}

/// Returns the value of a hook.
///
/// # Errors
/// When an extension refuses the write, or changes what it is about.
pub fn hooked<T: Identity>(value: T, hook: impl FnOnce(T) -> Hooked<T>) -> Result<T, Fault> {
    let before = value.identity();
    let value = hook(value)?;
    let changed = before
        .iter()
        .zip(value.identity())
        .find(|(before, after)| *before != after);
    match changed {
        None => Ok(value),
        Some(((field, before), (_, after))) => Err(Fault::Internal(format!(
            "an extension changed the {field} of a value from '{before}' to '{after}', which no hook may change"
        ))),
    }
}

/// An input that was checked, shown to the extensions, and checked again: what they
/// return is held to the same rules. `found` looks up what it belongs to; no extension is
/// asked about what cannot be done.
///
/// # Errors
/// When a rule or an extension refuses it, or that of `found`.
pub fn admitted<T: Identity, F>(
    input: T,
    issues: impl Fn(&T) -> Vec<Issue>,
    found: impl FnOnce(&T) -> Result<F, Fault>,
    hook: impl FnOnce(T) -> Hooked<T>,
) -> Result<(T, F), Fault> {
    sound(issues(&input))?;
    let found = found(&input)?;
    let input = hooked(input, hook)?;
    sound(issues(&input))?;
    Ok((input, found))
}

/// Writes, and keeps it. What is answered is made before that, by `answer`: what cannot
/// be answered is not kept.
///
/// # Errors
/// Those of writing and of `answer`; nothing is kept then.
pub fn kept<T: Transaction, V, A>(
    transaction: Stored<T>,
    write: impl FnOnce(&T) -> Result<V, Fault>,
    answer: impl FnOnce(&dyn Read, &V) -> Result<A, Fault>,
) -> Result<A, Fault> {
    let transaction = transaction?;
    let written = write(&transaction)?;
    let answer = answer(&transaction, &written)?;
    transaction.commit()?;
    Ok(answer)
}

/// Changes a thing that was found, if `apply` says that anything changes; a change that
/// changes nothing begins no transaction. It is found and changed once more when no other
/// session can write: another may have changed or deleted it since, and none of that may be
/// lost.
///
/// # Errors
/// Those of finding, applying, writing and of `answer`; nothing is kept then.
pub fn changed<R: Read, T: Transaction, V, A>(
    reads: &R,
    mut thing: V,
    begin: impl FnOnce() -> Stored<T>,
    find: impl FnOnce(&dyn Read) -> Result<V, Fault>,
    apply: impl Fn(&mut V) -> Result<bool, Fault>,
    write: impl FnOnce(&T, &mut V) -> Result<(), Fault>,
    answer: impl FnOnce(&dyn Read, &V) -> Result<A, Fault>,
) -> Result<A, Fault> {
    if !apply(&mut thing)? {
        return answer(reads, &thing);
    }
    let again = |transaction: &T| {
        let mut thing = find(transaction)?;
        if apply(&mut thing)? {
            write(transaction, &mut thing)?;
        }
        Ok(thing)
    };
    kept(begin(), again, answer)
}
