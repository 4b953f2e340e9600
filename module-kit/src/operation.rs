//! How a write is carried out, whatever is written: check, hook, check, find, apply,
//! write, emit, answer, commit. A module says what each of these is for its nouns.

use crate::fault::Fault;
use crate::issue::{Issue, sound};
use crate::store::{Read, Stored, Transaction};

/// The result of a hook: the value to continue with, or a rejection for the caller.
pub type Hooked<T> = Result<T, String>;

/// Returns the value of a hook, or its rejection as a fault.
///
/// # Errors
/// When an extension refuses it.
pub fn hooked<T>(hooked: Hooked<T>) -> Result<T, Fault> {
    hooked.map_err(Fault::Rejected)
}

/// An input that was checked, shown to the extensions, and checked again: what they
/// return is held to the same rules. `known` says whether what it belongs to is there;
/// no extension is asked about what cannot be done.
///
/// # Errors
/// When a rule or an extension refuses it, or that of `known`.
pub fn admitted<T>(
    input: T,
    issues: impl Fn(&T) -> Vec<Issue>,
    known: impl FnOnce(&T) -> Result<(), Fault>,
    hook: impl FnOnce(T) -> Hooked<T>,
) -> Result<T, Fault> {
    sound(issues(&input))?;
    known(&input)?;
    let input = hooked(hook(input))?;
    sound(issues(&input))?;
    Ok(input)
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

/// Changes a thing, if `apply` says that anything changes; a change that changes nothing
/// begins no transaction. It is found and changed once more when no other session can write:
/// another may have changed or deleted it since, and none of that may be lost.
///
/// # Errors
/// Those of finding, applying, writing and of `answer`; nothing is kept then.
pub fn changed<R: Read, T: Transaction, V, A>(
    reads: &R,
    begin: impl FnOnce() -> Stored<T>,
    find: impl Fn(&dyn Read) -> Result<V, Fault>,
    apply: impl Fn(&mut V) -> Result<bool, Fault>,
    write: impl FnOnce(&T, &mut V) -> Result<(), Fault>,
    answer: impl FnOnce(&dyn Read, &V) -> Result<A, Fault>,
) -> Result<A, Fault> {
    let mut thing = find(reads)?;
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
