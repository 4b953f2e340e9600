//! The lens between a module and an extension that were built against different minor
//! versions of an extension point. Values are forwarded by the names of their fields: an
//! extension gets the fields that it knows, and what it does not know comes back as it
//! was. What cannot be adapted is found by the types alone, before anything is called.

use wasmtime::component::{Type, Val};

/// Why values of one type cannot be adapted to another: the field, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    path: String,
    reason: String,
}

impl Mismatch {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            reason: reason.into(),
        }
    }

    pub(super) fn no_value() -> Self {
        Self::new("one side has no value for it")
    }

    fn within(mut self, name: &str) -> Self {
        self.path = match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{name}.{}", self.path),
        };
        self
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() {
            out.write_str(&self.reason)
        } else {
            write!(out, "{}: {}", self.path, self.reason)
        }
    }
}

/// What is adapted where two types differ.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// An optional field that the value lacks is `none`.
    adds_none: bool,
    /// A case that is not known is left out of its list.
    drops_cases: bool,
}

impl Rules {
    /// Of a value that an extension gets: what it does not know is restored when it returns.
    pub(super) const HOOK: Self = Self {
        adds_none: true,
        drops_cases: true,
    };
    /// Of a value that is carried out as it is.
    pub(super) const OPERATION: Self = Self {
        adds_none: true,
        drops_cases: false,
    };
    /// Of a part that must come back whole.
    const WHOLE: Self = Self {
        adds_none: false,
        drops_cases: false,
    };
}

/// Checks that values of the type `from` can be given to one that takes `to`, by a field
/// that only one of them has being optional there.
///
/// # Errors
/// With the first field that cannot be adapted.
pub(super) fn check(from: &Type, to: &Type, rules: Rules) -> Result<(), Mismatch> {
    let check = |from: &Type, to: &Type| check(from, to, rules);
    match (from, to) {
        (Type::Record(from), Type::Record(to)) => {
            for wanted in to.fields() {
                let given = from.fields().find(|field| field.name == wanted.name);
                match (given, &wanted.ty) {
                    (Some(given), ty) => {
                        check(&given.ty, ty).map_err(|at| at.within(wanted.name))?
                    }
                    (None, Type::Option(_)) if rules.adds_none => {}
                    (None, _) => {
                        let missing = Mismatch::new("one side lacks it, and it is not optional");
                        return Err(missing.within(wanted.name));
                    }
                }
            }
            Ok(())
        }
        // A case that one side does not know is left out of a list, and is an error alone.
        (Type::Variant(from), Type::Variant(to)) => {
            let mut cases = from.cases();
            let unknown = cases.find(|case| to.cases().all(|known| known.name != case.name));
            if let Some(case) = unknown.filter(|_| !rules.drops_cases) {
                return Err(Mismatch::new("one side does not know it").within(case.name));
            }
            for wanted in to.cases() {
                let given = from.cases().find(|case| case.name == wanted.name);
                if let Some(given) = given {
                    match (given.ty, wanted.ty) {
                        (None, None) => {}
                        (Some(given), Some(wanted_ty)) => {
                            check(&given, &wanted_ty).map_err(|at| at.within(wanted.name))?;
                        }
                        _ => return Err(Mismatch::no_value().within(wanted.name)),
                    }
                }
            }
            Ok(())
        }
        (Type::List(from), Type::List(to)) => check(&from.ty(), &to.ty()),
        (Type::Option(from), Type::Option(to)) => check(&from.ty(), &to.ty()),
        (Type::Tuple(from), Type::Tuple(to)) if from.types().len() == to.types().len() => {
            let mut pairs = from.types().zip(to.types());
            pairs.try_for_each(|(from, to)| check(&from, &to))
        }
        (Type::Result(from), Type::Result(to)) => {
            let sides = [(from.ok(), to.ok()), (from.err(), to.err())];
            sides.into_iter().try_for_each(|side| match side {
                (None, None) => Ok(()),
                (Some(from), Some(to)) => check(&from, &to),
                _ => Err(Mismatch::no_value()),
            })
        }
        (from, to) if from == to => Ok(()),
        (from, to) => Err(Mismatch::new(format!(
            "one side has {}, and the other {}",
            name(from),
            name(to)
        ))),
    }
}

/// Checks as [`check`] does that a returned value of the type `from` can be given back: a
/// field of a record that `from` lacks is restored from the value before, outside lists.
///
/// # Errors
/// With the first field that cannot be adapted.
pub(super) fn check_returned(from: &Type, to: &Type) -> Result<(), Mismatch> {
    match (from, to) {
        (Type::Record(from), Type::Record(to)) => {
            for wanted in to.fields() {
                if let Some(given) = from.fields().find(|field| field.name == wanted.name) {
                    check_returned(&given.ty, &wanted.ty).map_err(|at| at.within(wanted.name))?;
                }
            }
            Ok(())
        }
        // What is in a list, or may be none, cannot be restored field by field.
        _ => check(from, to, Rules::WHOLE),
    }
}

/// A value as one of another type. Fields that the type does not have are left out, and
/// optional ones that the value does not have are `none`.
///
/// # Errors
/// When the value has a case that the type does not know, alone and not in a list.
pub(super) fn adapt(value: Val, to: &Type) -> Result<Val, Mismatch> {
    Ok(match (value, to) {
        (Val::Record(mut fields), Type::Record(to)) => {
            let mut adapted = Vec::with_capacity(fields.len());
            for field in to.fields() {
                let given = fields.iter().position(|(name, _)| name == field.name);
                let value = match given {
                    Some(index) => {
                        let (_, value) = fields.swap_remove(index);
                        adapt(value, &field.ty).map_err(|at| at.within(field.name))?
                    }
                    None if matches!(field.ty, Type::Option(_)) => Val::Option(None),
                    None => {
                        let missing = Mismatch::new("it is missing");
                        return Err(missing.within(field.name));
                    }
                };
                adapted.push((field.name.to_owned(), value));
            }
            Val::Record(adapted)
        }
        (Val::Variant(name, value), Type::Variant(to)) => {
            let Some(case) = to.cases().find(|case| case.name == name) else {
                return Err(Mismatch::new(format!("the case {name} is not known")));
            };
            let value = match (value, case.ty) {
                (Some(value), Some(ty)) => Some(Box::new(adapt(*value, &ty)?)),
                _ => None,
            };
            Val::Variant(name, value)
        }
        (Val::List(values), Type::List(to)) => {
            let ty = to.ty();
            let values = values
                .into_iter()
                .filter_map(|value| adapt(value, &ty).ok());
            Val::List(values.collect())
        }
        (Val::Option(Some(value)), Type::Option(to)) => {
            Val::Option(Some(Box::new(adapt(*value, &to.ty())?)))
        }
        (Val::Tuple(values), Type::Tuple(to)) => {
            let values = values.into_iter().zip(to.types());
            let values = values.map(|(value, ty)| adapt(value, &ty));
            Val::Tuple(values.collect::<Result<_, _>>()?)
        }
        (value, _) => value,
    })
}

/// The value that an extension returned, with all of `before` that it does not know: the
/// fields of records that its type `known` lacks, and the cases in lists.
pub(super) fn restore(returned: Val, before: &Val, known: &Type) -> Val {
    match (returned, before, known) {
        (Val::Record(mut returned), Val::Record(before), Type::Record(known)) => {
            let mut restored = Vec::with_capacity(before.len());
            for (name, before) in before {
                let given = returned.iter().position(|(field, _)| field == name);
                let ty = known.fields().find(|field| field.name == name);
                let value = match (given, ty) {
                    (Some(index), Some(field)) => {
                        restore(returned.swap_remove(index).1, before, &field.ty)
                    }
                    _ => before.clone(),
                };
                restored.push((name.clone(), value));
            }
            Val::Record(restored)
        }
        (Val::Option(Some(returned)), Val::Option(Some(before)), Type::Option(known)) => {
            Val::Option(Some(Box::new(restore(*returned, before, &known.ty()))))
        }
        (Val::List(mut returned), Val::List(before), Type::List(known)) => {
            if let Type::Variant(known) = known.ty() {
                let is_known = |name: &str| known.cases().any(|case| case.name == name);
                returned.extend(before.iter().filter_map(|value| match value {
                    Val::Variant(name, _) if !is_known(name) => Some(value.clone()),
                    _ => None,
                }));
            }
            Val::List(returned)
        }
        (returned, ..) => returned,
    }
}

/// One difference between two values: its name, and what each has there. `None` is a case that
/// a value does not have, or that has no value.
pub(crate) type Difference<'a> = (&'a str, Option<&'a Val>, Option<&'a Val>);

/// What differs between two values: the fields of records, and the cases in lists of changes.
/// `value` where they have no names.
pub(crate) fn differences<'a>(before: &'a Val, after: &'a Val) -> Vec<Difference<'a>> {
    match (before, after) {
        (Val::Record(before), Val::Record(after)) => {
            let mut differences = Vec::new();
            for ((name, before), (_, after)) in before.iter().zip(after) {
                match (before, after) {
                    (before, after) if before == after => {}
                    (Val::List(one), Val::List(other)) if has_cases(one) || has_cases(other) => {
                        differences.extend(differing_cases(one, other));
                    }
                    _ => differences.push((name.as_str(), Some(before), Some(after))),
                }
            }
            differences
        }
        (before, after) if before == after => Vec::new(),
        _ => vec![("value", Some(before), Some(after))],
    }
}

fn has_cases(values: &[Val]) -> bool {
    matches!(values.first(), Some(Val::Variant(..)))
}

/// The cases of two lists that differ, each name once.
fn differing_cases<'a>(before: &'a [Val], after: &'a [Val]) -> Vec<Difference<'a>> {
    let only = |these: &'a [Val], those: &[Val]| -> Vec<&'a Val> {
        let mut only: Vec<_> = these.iter().collect();
        only.retain(|value| !those.contains(value));
        only
    };
    let (removed, added) = (only(before, after), only(after, before));
    let mut differences: Vec<Difference<'a>> = Vec::new();
    for name in removed
        .iter()
        .chain(&added)
        .filter_map(|value| case_name(value))
    {
        if differences.iter().all(|(known, ..)| *known != name) {
            let named = |values: &[&'a Val]| {
                values.iter().find_map(|value| match value {
                    Val::Variant(case, value) if case == name => value.as_deref(),
                    _ => None,
                })
            };
            differences.push((name, named(&removed), named(&added)));
        }
    }
    differences
}

fn case_name(value: &Val) -> Option<&str> {
    match value {
        Val::Variant(name, _) => Some(name),
        _ => None,
    }
}

fn name(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "a bool",
        Type::String | Type::Char => "a text",
        Type::List(_) => "a list",
        Type::Record(_) => "a record",
        Type::Tuple(_) => "a tuple",
        Type::Variant(_) | Type::Enum(_) => "a variant",
        Type::Option(_) => "an optional value",
        Type::Result(_) => "a result",
        Type::Flags(_) => "flags",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::component::types::ComponentItem;
    use wasmtime::component::{Component, types::ComponentFunc};

    /// What an older and a newer version have of one record, and others.
    const NAMED: &str = r#"(component
        (type $cases_old' (variant (case "email" (option string)) (case "phone" (option string))))
        (import "cases-old" (type $cases_old (eq $cases_old')))
        (type $cases_new' (variant (case "phone" (option string)) (case "email" (option string))
            (case "nickname" (option string))))
        (import "cases-new" (type $cases_new (eq $cases_new')))
        (type $old' (record (field "id" string) (field "email" (option string))
            (field "changes" (list $cases_old))))
        (import "type-old" (type $old (eq $old')))
        (type $new' (record (field "email" (option string)) (field "id" string)
            (field "nickname" (option string)) (field "points" u32)
            (field "changes" (list $cases_new))))
        (import "type-new" (type $new (eq $new')))
        (type $strict' (record (field "id" string) (field "points" u32)))
        (import "type-strict" (type $strict (eq $strict')))
        (type $number' (record (field "id" u32)))
        (import "type-number" (type $number (eq $number')))
        (import "old" (func (param "value" $old)))
        (import "new" (func (param "value" $new)))
        (import "strict" (func (param "value" $strict)))
        (import "number" (func (param "value" $number))))"#;

    fn ty(name: &str) -> Type {
        let engine = wasmtime::Engine::default();
        let component = Component::new(&engine, wat::parse_str(NAMED).unwrap()).unwrap();
        let ty = component.component_type();
        let function = |item| -> ComponentFunc {
            match item {
                ComponentItem::ComponentFunc(function) => function,
                _ => unreachable!("all imports are functions"),
            }
        };
        let (_, import) = ty.imports(&engine).find(|(one, _)| *one == name).unwrap();
        function(import.ty).params().next().unwrap().1
    }

    fn some(text: &str) -> Val {
        Val::Option(Some(Box::new(Val::String(text.to_owned()))))
    }

    fn change(name: &str, text: &str) -> Val {
        Val::Variant(name.to_owned(), Some(Box::new(some(text))))
    }

    fn record(fields: &[(&str, Val)]) -> Val {
        let fields = fields.iter();
        Val::Record(
            fields
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    fn text(text: &str) -> Val {
        Val::String(text.to_owned())
    }

    #[test]
    fn an_older_extension_sees_what_it_knows_and_the_rest_is_restored() {
        let new = record(&[
            ("email", some("a@b.co")),
            ("id", text("t_1")),
            ("nickname", some("ann")),
            ("points", Val::U32(7)),
            (
                "changes",
                Val::List(vec![change("nickname", "x"), change("email", "y")]),
            ),
        ]);
        let old = ty("old");
        let seen = adapt(new.clone(), &old).unwrap();
        let expected = record(&[
            ("id", text("t_1")),
            ("email", some("a@b.co")),
            ("changes", Val::List(vec![change("email", "y")])),
        ]);
        assert_eq!(seen, expected);
        let returned = record(&[
            ("id", text("t_1")),
            ("email", some("c@d.co")),
            ("changes", Val::List(vec![change("phone", "z")])),
        ]);
        let restored = restore(returned, &new, &old);
        let expected = record(&[
            ("email", some("c@d.co")),
            ("id", text("t_1")),
            ("nickname", some("ann")),
            ("points", Val::U32(7)),
            (
                "changes",
                Val::List(vec![change("phone", "z"), change("nickname", "x")]),
            ),
        ]);
        assert_eq!(restored, expected);
        let changed = differences(&new, &restored).into_iter();
        let names: Vec<_> = changed.map(|(name, ..)| name).collect();
        assert_eq!(names, ["email", "email", "phone"]);
        assert_eq!(differences(&new, &new), []);
    }

    #[test]
    fn types_are_adapted_if_what_one_of_them_lacks_is_optional() {
        for (from, to, refused) in [
            ("old", "old", None),
            ("new", "old", None),
            (
                "old",
                "new",
                Some("points: one side lacks it, and it is not optional"),
            ),
            (
                "strict",
                "old",
                Some("changes: one side lacks it, and it is not optional"),
            ),
            (
                "strict",
                "number",
                Some("id: one side has a text, and the other a number"),
            ),
        ] {
            let checked = check(&ty(from), &ty(to), Rules::HOOK)
                .err()
                .map(|at| at.to_string());
            assert_eq!(checked.as_deref(), refused, "{from} {to}");
        }
        // What is carried out as it is loses no case.
        let carried = check(&ty("new"), &ty("old"), Rules::OPERATION).unwrap_err();
        assert_eq!(
            carried.to_string(),
            "changes.nickname: one side does not know it"
        );
        // What a returned record lacks is restored.
        assert_eq!(check_returned(&ty("old"), &ty("new")), Ok(()));
        assert!(check_returned(&ty("number"), &ty("strict")).is_err());
    }
}
