//! The settings that the operator gave the component: `[modules.NAME.config]` of `wares.toml`. All
//! values are text, of whatever type in the file.

use std::str::FromStr;

use crate::bindings::wasi::config::store;

/// The value of a setting; `None` if the operator did not set it.
///
/// ```no_run
/// let word = wares_module::settings::get("word").unwrap_or_else(|| "Hello".to_owned());
/// ```
pub fn get(key: &str) -> Option<String> {
    store::get(key).unwrap_or_else(|error| panic!("the setting {key} cannot be read: {error:?}"))
}

/// All settings, with those of the host itself, whose keys begin with `wares.`.
///
/// ```no_run
/// for (key, value) in wares_module::settings::all() {
///     wares_module::debug!("{key} is {value}");
/// }
/// ```
pub fn all() -> Vec<(String, String)> {
    store::get_all().unwrap_or_else(|error| panic!("the settings cannot be read: {error:?}"))
}

/// Reads one of these settings, for [`Component::faults`](crate::Component::faults).
///
/// # Errors
/// A fault, which begins with the key, if the value is not of this type.
///
/// ```
/// use wares_module::settings;
///
/// let given = [("limit".to_owned(), "many".to_owned())];
/// assert_eq!(
///     settings::read::<u32>(&given, "limit"),
///     Err("limit: 'many' is no value: invalid digit found in string".to_owned())
/// );
/// assert_eq!(settings::read::<u32>(&given, "word"), Ok(None));
/// ```
pub fn read<T: FromStr<Err: std::fmt::Display>>(
    given: &[(String, String)],
    key: &str,
) -> Result<Option<T>, String> {
    let Some((_, value)) = given.iter().find(|(name, _)| name == key) else {
        return Ok(None);
    };
    let read = value.trim().parse();
    read.map(Some)
        .map_err(|error| format!("{key}: '{value}' is no value: {error}"))
}
