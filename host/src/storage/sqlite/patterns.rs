//! Regular expressions of statements: read once as long as they are asked for, a
//! bounded number of them, and counted as memory of the statement that asks.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use regex_automata::Input;
use regex_automata::meta::{BuildError, Cache, Config, Regex};
use regex_automata::util::syntax;

use super::memory::{self, Charge};

/// The longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 4 * 1024;
/// A compiled pattern, in bytes. With the length of the text it bounds how long one
/// match can take: nothing can interrupt it.
const COMPILED_BYTES_MAX: usize = 256 * 1024;
/// The memory of a search for its states, in bytes.
const STATES_BYTES_MAX: usize = 256 * 1024;
/// How deep parentheses may lie within one another.
const NEST_MAX: u32 = 100;
/// Patterns that a connection keeps, and their memory in bytes.
const KEPT_MAX: usize = 16;
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What reading a pattern takes at most, by its letters: each may be one of either
/// case, and a class such as `\w` is some hundred ranges of letters.
const BYTES_PER_LETTER: usize = 1024;
const BYTES_PER_CLASS: usize = 32 * 1024;

/// The patterns of one connection, the one that was asked for last in front.
#[derive(Default)]
pub(in crate::storage) struct Patterns(Mutex<VecDeque<Kept>>);

struct Kept {
    text: String,
    regex: Regex,
    cache: Cache,
    /// Its memory, with its cache.
    charge: Charge,
}

/// Why a pattern was not matched.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::storage) enum PatternError {
    /// The statement has no memory left for it.
    NoMemory,
    /// The fault, on one line.
    Wrong(String),
}

impl Patterns {
    /// Whether the pattern matches in the text.
    ///
    /// # Errors
    /// When the pattern cannot be read, or needs too much memory.
    pub(in crate::storage) fn are_in(
        &self,
        pattern: &str,
        text: &str,
    ) -> Result<bool, PatternError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = kept.iter().position(|kept| kept.text == pattern);
        // While it is asked it is not among those that are kept, and so is gone where that fails.
        let mut asked = match index.and_then(|index| kept.remove(index)) {
            Some(asked) => asked,
            None => Kept::read(pattern)?,
        };
        let found = asked.is_in(text)?;
        kept.push_front(asked);
        let mut bytes = 0;
        let fit = kept.iter().take_while(|kept| {
            bytes += kept.charge.bytes();
            bytes <= KEPT_BYTES_MAX
        });
        let fit = fit.count().min(KEPT_MAX);
        kept.truncate(fit);
        Ok(found)
    }
}

impl Kept {
    fn read(pattern: &str) -> Result<Self, PatternError> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::Wrong(format!(
                "a regular expression has at most {PATTERN_BYTES_MAX} bytes, this one {}",
                pattern.len()
            )));
        }
        let reading = memory::charge(bytes_to_read(pattern)).ok_or(PatternError::NoMemory)?;
        let regex = Regex::builder()
            .syntax(syntax::Config::new().nest_limit(NEST_MAX))
            .configure(
                Config::new()
                    .nfa_size_limit(Some(COMPILED_BYTES_MAX))
                    .onepass_size_limit(Some(COMPILED_BYTES_MAX))
                    .hybrid_cache_capacity(STATES_BYTES_MAX)
                    .dfa(false),
            )
            .build(pattern)
            .map_err(|error| PatternError::Wrong(reason(&error)))?;
        drop(reading);
        let cache = regex.create_cache();
        let bytes = regex.memory_usage() + cache.memory_usage() + pattern.len();
        Ok(Self {
            text: pattern.to_owned(),
            charge: memory::charge(bytes).ok_or(PatternError::NoMemory)?,
            regex,
            cache,
        })
    }

    fn is_in(&mut self, text: &str) -> Result<bool, PatternError> {
        let input = Input::new(text).earliest(true);
        let found = self.regex.search_half_with(&mut self.cache, &input);
        let bytes = self.regex.memory_usage() + self.cache.memory_usage() + self.text.len();
        if bytes > self.charge.bytes() {
            let more = memory::charge(bytes - self.charge.bytes());
            self.charge.take(more.ok_or(PatternError::NoMemory)?);
        }
        Ok(found.is_some())
    }
}

/// What reading a pattern takes for a while, by a rough count from above.
fn bytes_to_read(pattern: &str) -> usize {
    let opens_class = |byte: &u8| matches!(byte, b'\\' | b'[' | b'.');
    let classes = pattern.bytes().filter(|byte| opens_class(byte)).count();
    pattern.len() * BYTES_PER_LETTER + classes * BYTES_PER_CLASS
}

/// The fault of a pattern, on one line.
fn reason(error: &BuildError) -> String {
    if let Some(bytes) = error.size_limit() {
        return format!(
            "the regular expression cannot be read: Compiled regex exceeds size limit of {bytes} bytes."
        );
    }
    let text = error
        .syntax_error()
        .map_or_else(|| error.to_string(), ToString::to_string);
    let last = text.lines().last().unwrap_or_default();
    let reason = last.strip_prefix("error: ").unwrap_or(last);
    format!("the regular expression cannot be read: {reason}")
}
