//! The tiers that customers have by their points, as the setting `tiers` names them.

use crate::rules::POINTS_MAX;

/// The tiers without the setting.
const DEFAULT: &str = "bronze:0,silver:500,gold:2000";
/// How many tiers there may be.
const TIERS_MAX: usize = 32;
/// The longest name.
const NAME_BYTES_MAX: usize = 64;

/// A tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// The points from which on a customer has it.
    pub from: i64,
}

/// All tiers, the lowest first. There is one at least, and the lowest is from 0 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers(Vec<Tier>);

impl Default for Tiers {
    fn default() -> Self {
        Self::parse(DEFAULT).unwrap_or_else(|fault| unreachable!("{DEFAULT}: {fault}"))
    }
}

impl Tiers {
    /// Reads the setting: `bronze:0,silver:500`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(setting: &str) -> Result<Self, String> {
        let tiers: Result<Vec<Tier>, String> = setting.split(',').map(tier).collect();
        let tiers = tiers?;
        if tiers.len() > TIERS_MAX {
            let count = tiers.len();
            return Err(format!(
                "there are {count} tiers, and at most {TIERS_MAX} are taken"
            ));
        }
        if tiers[0].from != 0 {
            let name = &tiers[0].name;
            return Err(format!("the lowest tier '{name}' must begin at 0 points"));
        }
        for (index, next) in tiers.iter().enumerate().skip(1) {
            let before = &tiers[..index];
            if before[index - 1].from >= next.from {
                let (name, below) = (&next.name, &before[index - 1].name);
                return Err(format!("'{name}' must begin at more points than '{below}'"));
            }
            if before.iter().any(|tier| tier.name == next.name) {
                return Err(format!("'{}' is named twice", next.name));
            }
        }
        Ok(Self(tiers))
    }

    /// The names, the lowest first.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|tier| &*tier.name).collect()
    }

    /// The tier of so many points.
    pub fn of(&self, points: i64) -> &str {
        let reached = self.0.iter().rev().find(|tier| tier.from <= points);
        &reached.unwrap_or(&self.0[0]).name
    }

    /// Each tier with its fewest and its most points.
    pub fn ranges(&self) -> impl Iterator<Item = (&str, (i64, i64))> {
        let ends = self.0.iter().skip(1).map(|next| next.from - 1);
        let ends = ends.chain([POINTS_MAX]);
        let tiers = self.0.iter().zip(ends);
        tiers.map(|(tier, end)| (&*tier.name, (tier.from, end)))
    }
}

fn tier(text: &str) -> Result<Tier, String> {
    let Some((name, from)) = text.split_once(':') else {
        return Err(format!(
            "'{text}' is no tier: write NAME:POINTS, like gold:2000"
        ));
    };
    let (name, from) = (name.trim(), from.trim());
    let is_part = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_part) {
        return Err(format!(
            "'{name}' is no name of a tier: write 1 to {NAME_BYTES_MAX} lower-case letters, digits, '_' and '-'"
        ));
    }
    let points = from
        .parse()
        .ok()
        .filter(|points| (0..=POINTS_MAX).contains(points));
    match points {
        Some(from) => Ok(Tier {
            name: name.to_owned(),
            from,
        }),
        None => Err(format!(
            "'{from}' of '{name}' must be a whole number from 0 to {POINTS_MAX}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_has_the_highest_tier_that_its_points_reach() {
        let tiers = Tiers::default();
        assert_eq!(tiers.names(), ["bronze", "silver", "gold"]);
        for (points, tier) in [
            (0, "bronze"),
            (499, "bronze"),
            (500, "silver"),
            (1_999, "silver"),
            (2_000, "gold"),
            (POINTS_MAX, "gold"),
        ] {
            assert_eq!(tiers.of(points), tier, "{points}");
            let (_, range) = tiers.ranges().find(|(name, _)| *name == tier).unwrap();
            assert!(range.0 <= points && points <= range.1, "{points}");
        }
        assert_eq!(Tiers::parse(" one : 0 ").unwrap().of(5), "one");
    }

    #[test]
    fn a_setting_that_names_no_tiers_says_why() {
        for (setting, fault) in [
            ("", "'' is no tier: write NAME:POINTS, like gold:2000"),
            (
                "gold",
                "'gold' is no tier: write NAME:POINTS, like gold:2000",
            ),
            (
                "Gold:0",
                "'Gold' is no name of a tier: write 1 to 64 lower-case letters, digits, '_' and '-'",
            ),
            (
                "gold:-1",
                "'-1' of 'gold' must be a whole number from 0 to 1000000000000",
            ),
            ("gold:1", "the lowest tier 'gold' must begin at 0 points"),
            ("a:0,b:5,c:5", "'c' must begin at more points than 'b'"),
            ("a:0,b:5,a:9", "'a' is named twice"),
        ] {
            assert_eq!(Tiers::parse(setting), Err(fault.to_owned()), "{setting}");
        }
        let many: Vec<String> = (0..33).map(|from| format!("t{from}:{from}")).collect();
        let fault = "there are 33 tiers, and at most 32 are taken".to_owned();
        assert_eq!(Tiers::parse(&many.join(",")), Err(fault));
    }
}
