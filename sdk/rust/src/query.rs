//! The parameters of a request's query.

use std::fmt::Display;
use std::str::FromStr;

use crate::Error;

/// The parameters of a query, decoded, in the order in which they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads all after the `?`.
    ///
    /// # Errors
    /// The parameter that is not percent-encoded UTF-8, or contains a NUL character.
    ///
    /// ```
    /// use wares_module::Query;
    ///
    /// let query = Query::parse("q=mugs+%26+cups&limit=5&tag=a&tag=b").unwrap();
    /// assert_eq!(query.get("q"), Some("mugs & cups"));
    /// assert_eq!(query.read("limit"), Ok(Some(5)));
    /// assert_eq!(query.all("tag").collect::<Vec<_>>(), ["a", "b"]);
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let read = pairs.map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let wrong = |what| Error::invalid(format!("Parameter '{}' {what}", key.escape_debug()));
            Ok((decode(key).map_err(wrong)?, decode(value).map_err(wrong)?))
        });
        read.collect::<Result<_, Error>>().map(Self)
    }

    /// The value of a parameter; the last one if it was sent more than once.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    /// All values of a parameter, as of `tag=a&tag=b`.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| &**value)
    }

    /// The value of a parameter as a number or another type that is read from text.
    ///
    /// # Errors
    /// The parameter, if its value is not of this type.
    ///
    /// ```
    /// use wares_module::Query;
    ///
    /// let query = Query::parse("limit=many").unwrap();
    /// assert_eq!(query.read::<u32>("offset"), Ok(None));
    /// let refused = query.read::<u32>("limit").unwrap_err();
    /// assert_eq!(refused.to_string(), "Parameter 'limit' cannot be 'many': invalid digit found in string");
    /// ```
    pub fn read<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Error> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|error| {
            let value = value.escape_debug();
            Error::invalid(format!("Parameter '{name}' cannot be '{value}': {error}")).field(name)
        })
    }

    /// The names of the parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }
}

/// The text that an encoded one stands for.
fn decode(text: &str) -> Result<String, &'static str> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit(), digit());
                let value = high.zip(low).map(|(high, low)| (high * 16 + low) as u8);
                value.ok_or("has a percent sign that no two hexadecimal digits follow")?
            }
            byte => byte,
        });
    }
    let decoded = String::from_utf8(decoded).map_err(|_| "is not valid UTF-8")?;
    match decoded.contains('\0') {
        true => Err("contains a NUL character"),
        false => Ok(decoded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_once_and_in_order() {
        let query = Query::parse("&a=1&b&a=%C3%a9+%2B&=x&a%5B%5D=%2525&&c==").unwrap();
        let names: Vec<&str> = query.names().collect();
        assert_eq!(names, ["a", "b", "a", "", "a[]", "c"]);
        assert_eq!(query.get("a"), Some("é +"));
        assert_eq!(query.get("b"), Some(""));
        assert_eq!(query.get("a[]"), Some("%25"));
        assert_eq!(query.get("c"), Some("="));
        assert_eq!(query.get("d"), None);
    }

    #[test]
    fn what_is_no_encoding_is_refused() {
        for (text, said) in [
            (
                "a=%",
                "Parameter 'a' has a percent sign that no two hexadecimal digits follow",
            ),
            (
                "a=%2",
                "Parameter 'a' has a percent sign that no two hexadecimal digits follow",
            ),
            (
                "a=%+1",
                "Parameter 'a' has a percent sign that no two hexadecimal digits follow",
            ),
            (
                "a=%é1",
                "Parameter 'a' has a percent sign that no two hexadecimal digits follow",
            ),
            ("%ff=1", "Parameter '%ff' is not valid UTF-8"),
            ("a=%00", "Parameter 'a' contains a NUL character"),
        ] {
            assert_eq!(Query::parse(text).unwrap_err().to_string(), said);
        }
    }
}
