//! Amounts of money: decimal numbers of a currency's unit, kept as integers, so that sums are
//! exact. Knows no currency.

/// The decimals that an amount may have. No currency has more.
pub const DECIMALS: u32 = 4;
/// What an amount of 1 is kept as.
pub const UNIT: i64 = 10_i64.pow(DECIMALS);
/// The largest amount, as it is kept: programs whose numbers are 64-bit floats read every smaller
/// one exactly.
pub const MAX: i64 = 100_000_000_000 * UNIT;

/// The amount that a decimal number means, as it is kept; `None` if it has more decimals, a sign,
/// or no such form.
pub fn parse(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let decimals = match decimals.trim_end_matches('0') {
        "" if digits(decimals) => "0",
        decimals => decimals,
    };
    if !digits(whole) || !digits(decimals) {
        return None;
    }
    let missing = DECIMALS.checked_sub(u32::try_from(decimals.len()).ok()?)?;
    let part = decimals.parse::<i64>().ok()? * 10_i64.pow(missing);
    let whole = whole.parse::<i64>().ok()?.checked_mul(UNIT)?;
    whole.checked_add(part)
}

/// An amount that is kept so, as a decimal number without zeros at its end.
pub fn show(kept: i64) -> String {
    let sign = if kept < 0 { "-" } else { "" };
    let (whole, part) = (
        kept.unsigned_abs() / UNIT.unsigned_abs(),
        kept.unsigned_abs() % UNIT.unsigned_abs(),
    );
    if part == 0 {
        return format!("{sign}{whole}");
    }
    let part = format!("{part:0width$}", width = DECIMALS as usize);
    format!("{sign}{whole}.{}", part.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_shown_as_it_was_read() {
        for (text, kept) in [
            ("0", 0),
            ("12.5", 125_000),
            ("0.0001", 1),
            ("19.99", 199_900),
            ("100000000000", MAX),
        ] {
            assert_eq!(parse(text), Some(kept), "{text}");
            assert_eq!(show(kept), text);
        }
        assert_eq!(parse("12.500000"), Some(125_000));
        assert_eq!(parse("1.0"), Some(UNIT));
        assert_eq!(show(-125_000), "-12.5");
        assert_eq!(show(i64::MIN), "-922337203685477.5808");
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e2",
            "1.00001",
            "1,5",
            " 1",
            "1.0x",
            "١",
            "922337203685478",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
