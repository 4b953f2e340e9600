//! Percent-encoding of paths and queries. Knows neither.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Why a text is not percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PercentError {
    /// A percent sign stands for itself.
    #[error("has a percent sign that no two hexadecimal digits follow")]
    Digits,
    /// The bytes are no text.
    #[error("is not valid UTF-8")]
    Utf8,
}

/// Returns the text that a percent-encoded one stands for. A `+` is a plus sign.
///
/// # Errors
/// When it is not percent-encoded, or stands for bytes that are no UTF-8.
pub fn percent_decode(text: &str) -> Result<Cow<'_, str>, PercentError> {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        rest = &rest[at + 1..];
        if rest.len() < 2 || !rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()) {
            return Err(PercentError::Digits);
        }
    }
    percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| PercentError::Utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_decoded_once_and_as_a_whole() {
        for (text, decoded) in [
            ("", Ok("")),
            ("a+b", Ok("a+b")),
            ("%C3%a9", Ok("é")),
            ("%252F", Ok("%2F")),
            ("a%00", Ok("a\0")),
            ("%", Err(PercentError::Digits)),
            ("a%2", Err(PercentError::Digits)),
            ("%zz", Err(PercentError::Digits)),
            ("%+1", Err(PercentError::Digits)),
            ("%é", Err(PercentError::Digits)),
            ("%20%", Err(PercentError::Digits)),
            ("%ff", Err(PercentError::Utf8)),
            ("%C3x", Err(PercentError::Utf8)),
        ] {
            assert_eq!(
                percent_decode(text).as_deref(),
                decoded.as_ref().copied(),
                "{text}"
            );
        }
    }
}
