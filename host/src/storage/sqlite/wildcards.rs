//! `like` and `glob`, as SQLite has them. Its own take as long as the product of
//! text and pattern, where nothing ends them; these look at the clock.

use super::clock::Clock;

/// The longest pattern, in bytes.
pub(in crate::storage) const PATTERN_BYTES_MAX: usize = 1024;
/// Letters compared between two looks at the clock.
const LETTERS_PER_LOOK: usize = 64 * 1024;

/// The time of the statement is up.
#[derive(Debug)]
pub(in crate::storage) struct Expired;

/// A pattern, parsed once for all texts.
pub(in crate::storage) struct Pattern {
    parts: Vec<Part>,
    ignores_case: bool,
}

enum Part {
    /// Any letters, or none.
    Run,
    /// Any letter.
    One,
    Letter(char),
    Set {
        ranges: Vec<(char, char)>,
        inverted: bool,
    },
    /// A part that is cut off, such as a set without an end.
    Never,
}

impl Pattern {
    /// `%` and `_`, and what stands behind the escape as itself.
    pub(in crate::storage) fn like(text: &str, escape: Option<char>) -> Self {
        let mut letters = text.chars();
        let mut parts = Vec::new();
        while let Some(letter) = letters.next() {
            parts.push(match letter {
                _ if Some(letter) == escape => letters.next().map_or(Part::Never, Part::Letter),
                '%' => Part::Run,
                '_' => Part::One,
                _ => Part::Letter(letter),
            });
        }
        Self {
            parts,
            ignores_case: true,
        }
    }

    /// `*`, `?` and sets such as `[a-z]` and `[^a-z]`.
    pub(in crate::storage) fn glob(text: &str) -> Self {
        let mut rest = text;
        let mut parts = Vec::new();
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            parts.push(match letter {
                '*' => Part::Run,
                '?' => Part::One,
                '[' => set(&mut rest),
                _ => Part::Letter(letter),
            });
        }
        Self {
            parts,
            ignores_case: false,
        }
    }

    /// Its memory, in bytes.
    pub(in crate::storage) fn bytes(&self) -> usize {
        let ranges = self.parts.iter().map(|part| match part {
            Part::Set { ranges, .. } => ranges.capacity() * size_of::<(char, char)>(),
            _ => 0,
        });
        self.parts.capacity() * size_of::<Part>() + ranges.sum::<usize>()
    }

    /// Whether the pattern matches a whole text.
    ///
    /// # Errors
    /// When the time of the statement is up.
    pub(in crate::storage) fn matches(&self, text: &str, clock: &Clock) -> Result<bool, Expired> {
        let (mut index, mut rest) = (0, text);
        // Where to continue when the part after the last run does not match here.
        let mut retry = None;
        for step in 1_usize.. {
            if step.is_multiple_of(LETTERS_PER_LOOK) && clock.expired() {
                return Err(Expired);
            }
            let mut letters = rest.chars();
            match (self.parts.get(index), letters.next()) {
                (Some(Part::Run), _) => {
                    index += 1;
                    retry = Some((index, rest));
                }
                (None, None) => return Ok(true),
                (Some(part), Some(letter)) if self.fits(part, letter) => {
                    index += 1;
                    rest = letters.as_str();
                }
                // Nothing further on has as many letters.
                (Some(_), None) => return Ok(false),
                _ => {
                    let Some((start, from)) = retry else {
                        return Ok(false);
                    };
                    let mut letters = from.chars();
                    letters.next();
                    retry = Some((start, letters.as_str()));
                    (index, rest) = (start, letters.as_str());
                }
            }
        }
        Ok(false)
    }

    fn fits(&self, part: &Part, letter: char) -> bool {
        match part {
            Part::One => true,
            Part::Letter(expected) if self.ignores_case => expected.eq_ignore_ascii_case(&letter),
            Part::Letter(expected) => *expected == letter,
            Part::Set { ranges, inverted } => {
                let is_in = |(first, last): &(char, char)| (*first..=*last).contains(&letter);
                ranges.iter().any(is_in) != *inverted
            }
            Part::Run | Part::Never => false,
        }
    }
}

/// A set, up to its end, which is taken off the rest as well.
fn set(rest: &mut &str) -> Part {
    let mut letters = rest.chars().peekable();
    let mut ranges = Vec::new();
    let inverted = letters.next_if_eq(&'^').is_some();
    if letters.next_if_eq(&']').is_some() {
        ranges.push((']', ']'));
    }
    let mut first = None;
    while let Some(letter) = letters.next() {
        if letter == ']' {
            *rest = &rest[rest.len() - letters.map(char::len_utf8).sum::<usize>()..];
            return Part::Set { ranges, inverted };
        }
        match (letter, first, letters.peek()) {
            ('-', Some(from), Some(to)) if *to != ']' => {
                ranges.push((from, *to));
                letters.next();
                first = None;
            }
            _ => {
                ranges.push((letter, letter));
                first = Some(letter);
            }
        }
    }
    *rest = "";
    Part::Never
}
