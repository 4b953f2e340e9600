//! Fields and relations that components provide for entities of others: who provides what is
//! asked about, one call of each, and what becomes of the answer if one does not answer.

use std::sync::Arc;

use super::absent::Absent;
use super::chain::{FailurePolicy, SHOWN_BYTES_MAX, check_nesting, is_own};
use super::contract::{Asking, Selected, is_name, key_of, members, named};
use super::slot::Slot;
use super::version::Version;
use crate::engine::extended::Member;
use crate::engine::{Extending, Nesting, NoAnswer, NotAnswered, Question, Selecting, Selection};
use crate::printable::cut;

/// The ids that a filter selects.
const SELECTED_MAX: usize = 10_000;

/// Whether any component provides fields or relations of an entity, or may have done so had it
/// not failed at the start.
pub(super) fn extends(slots: &[Arc<Slot>], absent: &[Arc<Absent>], entity: &str) -> bool {
    let provides = |version: &Arc<Version>| {
        let mut fields = version.fields().iter();
        fields.any(|field| field.entity == entity)
    };
    slots
        .iter()
        .any(|slot| slot.versions().any(|version| provides(&version)))
        || absent.iter().any(|absent| absent.provides())
}

/// Has every component that provides what is asked about return its values.
///
/// # Errors
/// See [`crate::engine::Points::values`].
pub(super) fn values(
    slots: &[Arc<Slot>],
    absent: &[Arc<Absent>],
    question: &Question<'_, Extending<'_>>,
    nesting: &Nesting,
) -> Result<Vec<Member>, NotAnswered> {
    check_own(slots, question.entity, nesting)?;
    let Extending {
        paths,
        ids,
        written,
    } = question.of;
    let mut all = Vec::new();
    for slot in slots.iter().filter(|slot| !is_own(slot, nesting)) {
        let version = slot.choose(&nesting.caller);
        let asked = named(version.fields(), question.entity, paths);
        if asked.is_empty() {
            continue;
        }
        let asking = Question {
            context: question.context,
            entity: question.entity,
            of: Asking { asked: &asked, ids },
        };
        let nulls = || vec![vec!["null".to_owned(); ids.len()]; asked.len()];
        let returned = match ids {
            [] => Ok(nulls()),
            _ => {
                check_nesting(slot, nesting).and_then(|()| slot.values(&version, &asking, nesting))
            }
        };
        let values = match returned {
            Ok(values) => values,
            Err(reason) => {
                let refused = version.on_failure_of_fields() == FailurePolicy::Refuse && !written;
                log_failed(&version, question.entity, &reason, refused);
                if refused {
                    return Err(not_answered(slot.name(), "values"));
                }
                nulls()
            }
        };
        all.extend(members(&asked, values));
    }
    for absent in absent.iter().filter(|absent| absent.provides()) {
        let missing = missing(paths, &all);
        if missing.is_empty() {
            break;
        }
        let refused = absent.on_failure_of_fields() == FailurePolicy::Refuse && !written;
        log_absent(absent, question.entity, refused);
        if refused {
            return Err(not_answered(&absent.name, "values"));
        }
        all.extend(missing.into_iter().map(|name| Member {
            name,
            values: vec!["null".to_owned(); ids.len()],
        }));
    }
    Ok(all)
}

/// The keys that paths begin with and that no component provides. One that failed at the start
/// may.
fn missing(paths: &[String], provided: &[Member]) -> Vec<String> {
    let keys = paths.iter().map(|path| key_of(path));
    let is_provided = |key: &&str| provided.iter().any(|member| member.name == **key);
    let mut missing: Vec<String> = keys
        .filter(|key| !is_provided(key) && is_name(key))
        .map(str::to_owned)
        .collect();
    missing.sort();
    missing.dedup();
    missing
}

/// Has the component that provides a field select entities by it.
///
/// # Errors
/// See [`crate::engine::Points::select`].
pub(super) fn select(
    slots: &[Arc<Slot>],
    absent: &[Arc<Absent>],
    question: &Question<'_, Selecting<'_>>,
    nesting: &Nesting,
) -> Result<Selection, NotAnswered> {
    check_own(slots, question.entity, nesting)?;
    let provides = |version: &Arc<Version>| {
        let mut fields = version.fields().iter();
        fields.any(|field| {
            field.filterable && field.entity == question.entity && field.name == question.of.name
        })
    };
    let others = slots.iter().filter(|slot| !is_own(slot, nesting));
    let found = others
        .map(|slot| (slot, slot.choose(&nesting.caller)))
        .find(|(_, version)| provides(version));
    let Some((slot, version)) = found else {
        return match absent.iter().find(|absent| absent.provides()) {
            // It may be a filter of that one, without which more would be found.
            Some(absent) => {
                log_absent(absent, question.entity, true);
                Err(not_answered(&absent.name, "select"))
            }
            None => Ok(Selection::Unknown),
        };
    };
    let limit = u32::try_from(SELECTED_MAX + 1).unwrap_or(u32::MAX);
    let selected =
        check_nesting(slot, nesting).and_then(|()| slot.select(&version, question, limit, nesting));
    match selected {
        Ok(Ok(selected)) if selected.ids().len() > SELECTED_MAX => Ok(Selection::Refused(format!(
            "it takes more than {SELECTED_MAX} ids to tell which have this value: ask for other values"
        ))),
        Ok(Ok(Selected::Ids(ids))) => Ok(Selection::Ids(ids)),
        Ok(Ok(Selected::AllBut(ids))) => Ok(Selection::AllBut(ids)),
        Ok(Err(refusal)) => Ok(Selection::Refused(
            cut(&refusal, SHOWN_BYTES_MAX).into_owned(),
        )),
        // Without the filter, more would be found than was asked for.
        Err(reason) => {
            log_failed(&version, question.entity, &reason, true);
            Err(not_answered(slot.name(), "select"))
        }
    }
}

/// A component is answered about entities of its own alone.
fn check_own(slots: &[Arc<Slot>], entity: &str, nesting: &Nesting) -> Result<(), NotAnswered> {
    let own = slots.iter().find(|slot| is_own(slot, nesting));
    let is_of = |version: &Arc<Version>| {
        let mut entities = version.entities().iter();
        entities.any(|own| own.name == entity)
    };
    match own.is_some_and(|slot| is_of(&slot.choose(&nesting.caller))) {
        true => Ok(()),
        false => Err(NotAnswered::NotOwn(
            cut(entity, SHOWN_BYTES_MAX).into_owned(),
        )),
    }
}

fn not_answered(component: &str, function: &str) -> NotAnswered {
    NotAnswered::NoAnswer(NoAnswer {
        component: component.to_owned(),
        function: function.to_owned(),
    })
}

fn log_absent(absent: &Absent, entity: &str, refused: bool) {
    let consequence = match refused {
        true => "the request is refused",
        false => "what nobody provides is null",
    };
    let module = &*absent.name;
    tracing::error!(
        module,
        entity,
        "a component that provides fields failed at the start, and {consequence}: mend it and start the \
         host again, or use `wares module disable {module}`"
    );
}

fn log_failed(version: &Version, entity: &str, reason: &str, refused: bool) {
    let consequence = match refused {
        true => "the request is refused",
        false => "they are null",
    };
    tracing::error!(
        module = version.name(),
        version = %version.version(),
        entity,
        reason = &*cut(reason, SHOWN_BYTES_MAX),
        "a component did not answer for its fields, and {consequence}"
    );
}
