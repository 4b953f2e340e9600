//! What an entry may be, and which points fulfil the conditions of a filter.

use wares_module_kit::extended::Condition;
use wares_module_kit::prelude::*;

use crate::tiers::Tiers;

/// The most points of an account.
pub const POINTS_MAX: i64 = 1_000_000_000_000;
/// The most points of one entry.
const ENTRY_POINTS_MAX: i64 = 1_000_000_000;
/// The longest reason, in letters.
const REASON_LETTERS_MAX: usize = 500;

/// Points that a customer gets, or spends where they are below 0.
#[derive(Debug, PartialEq, Eq)]
pub struct NewEntry {
    pub points: i64,
    pub reason: String,
}

/// Reads an entry, with the issues of all that is wrong with it.
pub fn read(body: &mut Body) -> NewEntry {
    let points = body.integer("points", -ENTRY_POINTS_MAX..=ENTRY_POINTS_MAX);
    let reason = body.name("reason").unwrap_or_default();
    let mut issues = nuls(&[("reason", Some(&reason))]);
    match points {
        None => issues.push(Issue::required("points")),
        Some(0) => {
            let text = "Field 'points' must not be 0".to_owned();
            issues.push(Issue::wrong("points", text));
        }
        Some(_) => {}
    }
    if reason.trim().is_empty() {
        issues.push(Issue::required("reason"));
    } else if reason.chars().count() > REASON_LETTERS_MAX {
        let text = format!("Field 'reason' must have at most {REASON_LETTERS_MAX} letters");
        issues.push(Issue::wrong("reason", text));
    }
    body.issues.rules(issues);
    NewEntry {
        points: points.unwrap_or_default(),
        reason,
    }
}

/// What an account with so many points has after an entry.
///
/// # Errors
/// When that is below 0, or beyond the most.
pub fn after(has: i64, points: i64) -> Result<i64, Fault> {
    let after = has.saturating_add(points);
    let bound = match after {
        ..0 => "at least 0".to_owned(),
        0..=POINTS_MAX => return Ok(after),
        _ => format!("at most {POINTS_MAX}"),
    };
    Err(Fault::Invalid(format!(
        "Field 'points': the customer has {has} and would have {after}, which must be {bound}"
    )))
}

/// The fewest and the most points that fulfil a condition, both included.
pub type Range = (i64, i64);

/// The points of the tiers that fulfil all conditions.
///
/// # Errors
/// For the person who asked.
pub fn by_tier(tiers: &Tiers, conditions: &[Condition]) -> Result<Vec<Range>, String> {
    let names = tiers.names();
    for condition in conditions {
        let unknown = |name: &&String| !names.contains(&name.as_str());
        if let Some(name) = condition.values.iter().find(unknown) {
            return Err(format!(
                "no tier is called '{name}'; there are {}",
                names.join(", ")
            ));
        }
        if !matches!(&*condition.operator, "in" | "nin") {
            return Err(no_operator(condition));
        }
    }
    let fulfils = |name: &str, condition: &Condition| {
        let is_named = condition.values.iter().any(|value| value == name);
        is_named == (condition.operator == "in")
    };
    let ranges = tiers.ranges();
    let fulfilling = ranges.filter(|(name, _)| conditions.iter().all(|one| fulfils(name, one)));
    Ok(fulfilling.map(|(_, range)| range).collect())
}

/// The points that fulfil all conditions.
///
/// # Errors
/// For the person who asked.
pub fn by_points(conditions: &[Condition]) -> Result<Vec<Range>, String> {
    let mut ranges = vec![(0, POINTS_MAX)];
    for condition in conditions {
        let mut values = condition
            .values
            .iter()
            .map(|value| points(value))
            .collect::<Result<Vec<i64>, String>>()?;
        values.sort_unstable();
        values.dedup();
        let first = values.first().copied().unwrap_or_default();
        let fulfilling = match &*condition.operator {
            "in" => values.iter().map(|value| (*value, *value)).collect(),
            "nin" => between(&values),
            "gt" => vec![(first.saturating_add(1), i64::MAX)],
            "gte" => vec![(first, i64::MAX)],
            "lt" => vec![(i64::MIN, first.saturating_sub(1))],
            "lte" => vec![(i64::MIN, first)],
            _ => return Err(no_operator(condition)),
        };
        ranges = both(&ranges, &fulfilling);
    }
    Ok(ranges)
}

/// Whether these ranges have the 0 points of a customer without an account.
pub fn has_zero(ranges: &[Range]) -> bool {
    ranges.iter().any(|(from, to)| *from <= 0 && 0 <= *to)
}

/// All points that are in none of these ranges.
pub fn others(ranges: &[Range]) -> Vec<Range> {
    let mut ranges = ranges.to_vec();
    ranges.sort_unstable();
    let (mut others, mut from) = (Vec::new(), 0);
    for (first, last) in ranges {
        if from < first {
            others.push((from, first - 1));
        }
        from = from.max(last.saturating_add(1));
    }
    if from <= POINTS_MAX {
        others.push((from, POINTS_MAX));
    }
    others
}

fn no_operator(condition: &Condition) -> String {
    format!("it has no operator {}", condition.operator)
}

fn points(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|_| format!("'{text}' is no whole number"))
}

/// All but these values, which ascend.
fn between(values: &[i64]) -> Vec<Range> {
    let mut ranges = Vec::with_capacity(values.len() + 1);
    let mut from = i64::MIN;
    for value in values {
        ranges.push((from, value.saturating_sub(1)));
        from = value.saturating_add(1);
    }
    ranges.push((from, i64::MAX));
    ranges
}

/// What is in both. The ranges of each are apart from one another, so these are.
fn both(left: &[Range], right: &[Range]) -> Vec<Range> {
    let pairs = left
        .iter()
        .flat_map(|left| right.iter().map(move |right| (left, right)));
    let common = pairs.map(|(left, right)| (left.0.max(right.0), left.1.min(right.1)));
    common.filter(|(from, to)| from <= to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(operator: &str, values: &[&str]) -> Condition {
        Condition {
            operator: operator.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        }
    }

    #[test]
    fn an_entry_has_points_and_a_reason() {
        let read = |text: &str| Body::read(text.as_bytes(), read);
        let entry = read(r#"{"points":-20,"reason":"Voucher"}"#).unwrap();
        assert_eq!((entry.points, &*entry.reason), (-20, "Voucher"));
        for (text, message) in [
            (
                "{}",
                "Field 'points' is required; Field 'reason' is required",
            ),
            (
                r#"{"points":0,"reason":" "}"#,
                "Field 'points' must not be 0; Field 'reason' is required",
            ),
            (
                r#"{"points":1000000001,"reason":"a\u0000"}"#,
                "Field 'points' must be at most 1000000000, got: '1000000001'; \
                 Field 'reason' must not contain a NUL character",
            ),
            (
                r#"{"points":"5","reason":"a","by":"x"}"#,
                "Expected type: 'number' for field 'points', got: '5'; Unrecognized fields: 'by'",
            ),
        ] {
            assert_eq!(
                read(text),
                Err(Fault::Invalid(message.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn an_account_is_never_below_0_nor_beyond_the_most() {
        assert_eq!(after(30, -30), Ok(0));
        assert_eq!(after(POINTS_MAX - 1, 1), Ok(POINTS_MAX));
        for (has, points, would) in [
            (
                30,
                -31,
                "has 30 and would have -1, which must be at least 0",
            ),
            (
                POINTS_MAX,
                1,
                "has 1000000000000 and would have 1000000000001, which must be at most 1000000000000",
            ),
        ] {
            let message = format!("Field 'points': the customer {would}");
            assert_eq!(after(has, points), Err(Fault::Invalid(message)));
        }
    }

    #[test]
    fn conditions_on_tiers_select_their_points() {
        let tiers = Tiers::default();
        let (silver, gold) = ((500, 1_999), (2_000, POINTS_MAX));
        let bronze = (0, 499);
        for (conditions, expected) in [
            (vec![condition("in", &["gold"])], Ok(vec![gold])),
            (
                vec![condition("in", &["gold", "silver"])],
                Ok(vec![silver, gold]),
            ),
            (vec![condition("nin", &["bronze"])], Ok(vec![silver, gold])),
            (
                vec![
                    condition("nin", &["bronze"]),
                    condition("in", &["bronze", "gold"]),
                ],
                Ok(vec![gold]),
            ),
            (vec![condition("in", &[])], Ok(vec![])),
            (vec![condition("in", &["bronze"])], Ok(vec![bronze])),
            (vec![condition("nin", &["gold"])], Ok(vec![bronze, silver])),
            (
                vec![condition("in", &["platinum"])],
                Err("no tier is called 'platinum'; there are bronze, silver, gold"),
            ),
            (
                vec![condition("gt", &["gold"])],
                Err("it has no operator gt"),
            ),
        ] {
            let got = by_tier(&tiers, &conditions);
            assert_eq!(got, expected.map_err(str::to_owned), "{conditions:?}");
        }
    }

    #[test]
    fn the_other_points_are_those_that_fulfil_no_condition() {
        for (ranges, expected, zero) in [
            (vec![], vec![(0, POINTS_MAX)], false),
            (vec![(0, 499)], vec![(500, POINTS_MAX)], true),
            (vec![(5, 8), (0, 0)], vec![(1, 4), (9, POINTS_MAX)], true),
            (vec![(0, POINTS_MAX)], vec![], true),
            (vec![(1, 4)], vec![(0, 0), (5, POINTS_MAX)], false),
        ] {
            assert_eq!(others(&ranges), expected, "{ranges:?}");
            assert_eq!(has_zero(&ranges), zero, "{ranges:?}");
        }
    }

    #[test]
    fn conditions_on_points_select_them() {
        for (conditions, expected) in [
            (vec![condition("gt", &["0"])], Ok(vec![(1, POINTS_MAX)])),
            (
                vec![condition("gte", &["5"]), condition("lt", &["9"])],
                Ok(vec![(5, 8)]),
            ),
            (
                vec![condition("gt", &["5"]), condition("lte", &["5"])],
                Ok(vec![]),
            ),
            (
                vec![condition("in", &["7", "5", "7"])],
                Ok(vec![(5, 5), (7, 7)]),
            ),
            (
                vec![condition("gte", &["4"]), condition("nin", &["5", "0"])],
                Ok(vec![(4, 4), (6, POINTS_MAX)]),
            ),
            (vec![condition("nin", &["0"])], Ok(vec![(1, POINTS_MAX)])),
            (vec![condition("lt", &["-5"])], Ok(vec![])),
            (vec![condition("gt", &["9223372036854775807"])], Ok(vec![])),
            (vec![condition("lt", &["100"])], Ok(vec![(0, 99)])),
            (vec![condition("in", &["0", "5"])], Ok(vec![(0, 0), (5, 5)])),
            (
                vec![condition("nin", &["5"])],
                Ok(vec![(0, 4), (6, POINTS_MAX)]),
            ),
            (
                vec![condition("gt", &["ten"])],
                Err("'ten' is no whole number"),
            ),
            (
                vec![condition("like", &["5"])],
                Err("it has no operator like"),
            ),
        ] {
            let got = by_points(&conditions);
            assert_eq!(got, expected.map_err(str::to_owned), "{conditions:?}");
        }
    }
}
