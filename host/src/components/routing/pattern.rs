//! Paths: which patterns a component may declare, which prefixes an operator may
//! grant, and which paths are the host's. Knows no endpoint.
//!
//! A pattern is literals and whole `{name}` segments: `/admin/things/{id}`. A literal
//! is letters, digits, `-`, `.`, `_` and `~`, which need no percent-encoding, so that
//! one literal is written in one way; it matches without regard to case.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use percent_encoding::percent_decode_str;

use crate::printable::cut;

/// Segments of a pattern.
pub const SEGMENTS_MAX: usize = 16;
/// The name of a parameter, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The part of a segment that an error shows, in bytes.
const SHOWN_BYTES_MAX: usize = 100;

/// The root, which is the host's. No component can declare it, or be granted it as a prefix.
const ROOT: &str = "/";

/// The paths of the host: these and all below them. Each is one or two literal
/// segments, in lower case. A component neither declares one nor gets a request for one.
const HOST_ROOTS: [(&str, Option<&str>); 9] = [
    ("auth", None),
    ("_wares", None),
    ("docs", None),
    ("openapi.json", None),
    ("health", None),
    ("metrics", None),
    ("app", None),
    ("admin", Some("users")),
    ("admin", Some("api-keys")),
];

/// Prefixes of a module without a setting of the operator.
pub const DEFAULT_PREFIXES: [&str; 3] = ["/admin", "/store", "/hooks"];

/// A path pattern of a route.
#[derive(Clone, Debug)]
pub struct Pattern {
    segments: Vec<Segment>,
}

/// One segment of a pattern. Two are equal if they match the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    /// A literal, in lower case.
    Literal(Box<str>),
    /// `{name}`: any segment that is not empty.
    Parameter,
}

/// A path prefix that an operator grants: literals alone, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefix {
    segments: Vec<Box<str>>,
}

/// Why a text is no pattern, or not one that may be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with a slash.
    #[error("a path begins with a slash")]
    NoSlash,
    /// Two slashes stand side by side, or one stands at the end.
    #[error("a path has no empty segment and no slash at its end")]
    EmptySegment,
    /// It has too many segments.
    #[error("it has {0} segments, more than {SEGMENTS_MAX}")]
    Segments(usize),
    /// A segment that clients and proxies resolve before they send it.
    #[error("the segment '{0}' is resolved by clients and proxies, and never arrives")]
    Dots(String),
    /// A segment is of no allowed form.
    #[error(
        "the segment '{0}' is neither a literal (letters, digits, - . _ ~) nor a whole {{name}}"
    )]
    Segment(String),
    /// The name of a parameter is of no allowed form.
    #[error("the parameter '{0}' needs a name of 1 to {NAME_BYTES_MAX} letters, digits, _ and -")]
    Name(String),
    /// Two parameters have one name.
    #[error("two parameters are named '{0}'")]
    SameName(String),
    /// A prefix has a parameter.
    #[error("a prefix has literal segments alone, not '{0}'")]
    Parameter(String),
    /// It is the host's.
    #[error("{0} and all below it are the host's")]
    Host(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// With the rule that the text breaks.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let path = path.strip_prefix('/').ok_or(PathError::NoSlash)?;
        let count = path.split('/').count();
        if count > SEGMENTS_MAX {
            return Err(PathError::Segments(count));
        }
        let mut names = BTreeSet::new();
        let segments = path
            .split('/')
            .map(|segment| read(segment, &mut names))
            .collect::<Result<_, _>>()?;
        Ok(Self { segments })
    }

    /// Reads a pattern of the host's: one that a component may declare, or the root `/`.
    ///
    /// # Errors
    /// With the rule that the text breaks.
    pub fn parse_of_host(path: &str) -> Result<Self, PathError> {
        if path != ROOT {
            return Self::parse(path);
        }
        Ok(Self {
            segments: vec![Segment::Literal(Box::default())],
        })
    }

    /// # Errors
    /// When the pattern lies at or below a path of the host's. One that merely
    /// matches such a path, as `/admin/{x}` does, serves only the others.
    pub fn check_not_host(&self) -> Result<(), PathError> {
        let literal = |index: usize| match self.segments.get(index) {
            Some(Segment::Literal(literal)) => Some(&**literal),
            _ => None,
        };
        check_not_host(literal(0), literal(1))
    }

    /// Whether the pattern is the prefix, or lies below it.
    pub fn lies_below(&self, prefix: &PathPrefix) -> bool {
        self.segments.len() >= prefix.segments.len()
            && self.segments.iter().zip(&prefix.segments).all(
                |(segment, literal)| matches!(segment, Segment::Literal(mine) if mine == literal),
            )
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

impl PathPrefix {
    /// Reads a prefix.
    ///
    /// # Errors
    /// With the rule that the text breaks: a prefix is a pattern without parameters
    /// that does not lie at or below a path of the host's.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let pattern = Pattern::parse(path)?;
        pattern.check_not_host()?;
        let literal = |segment| match segment {
            Segment::Literal(literal) => Ok(literal),
            Segment::Parameter => {
                let mut written = path.split('/');
                let parameter = written.find(|segment| segment.starts_with('{'));
                Err(PathError::Parameter(shown(parameter.unwrap_or(path))))
            }
        };
        let segments = pattern.segments.into_iter().map(literal);
        Ok(Self {
            segments: segments.collect::<Result<_, _>>()?,
        })
    }

    /// Returns the prefixes that hold where the operator sets none.
    pub fn defaults() -> Vec<Self> {
        let prefixes = DEFAULT_PREFIXES.iter();
        prefixes
            .filter_map(|prefix| Self::parse(prefix).ok())
            .collect()
    }
}

impl Display for PathPrefix {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.segments
            .iter()
            .try_for_each(|segment| write!(formatter, "/{segment}"))
    }
}

fn read(segment: &str, names: &mut BTreeSet<String>) -> Result<Segment, PathError> {
    if segment.is_empty() {
        return Err(PathError::EmptySegment);
    }
    let name = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    if let Some(name) = name {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_name) {
            return Err(PathError::Name(shown(segment)));
        }
        if !names.insert(name.to_owned()) {
            return Err(PathError::SameName(name.to_owned()));
        }
        return Ok(Segment::Parameter);
    }
    let is_literal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !segment.bytes().all(is_literal) {
        return Err(PathError::Segment(shown(segment)));
    }
    if is_dots(segment) {
        return Err(PathError::Dots(segment.to_owned()));
    }
    Ok(Segment::Literal(segment.to_ascii_lowercase().into()))
}

fn shown(segment: &str) -> String {
    cut(segment, SHOWN_BYTES_MAX).escape_debug().to_string()
}

fn check_not_host(first: Option<&str>, second: Option<&str>) -> Result<(), PathError> {
    if first == Some("") {
        return Err(PathError::Host(ROOT.to_owned()));
    }
    let is_below = |(one, two): &&(&str, Option<&str>)| {
        first == Some(one) && (two.is_none() || second == *two)
    };
    match HOST_ROOTS.iter().find(is_below) {
        None => Ok(()),
        Some((one, None)) => Err(PathError::Host(format!("/{one}"))),
        Some((one, Some(two))) => Err(PathError::Host(format!("/{one}/{two}"))),
    }
}

/// Whether the path of a request belongs to the host, in any case and encoding: no
/// component is called for it, whether the host has an endpoint there or not.
pub fn belongs_to_host(path: &str) -> bool {
    if path == ROOT {
        return true;
    }
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let (first, second) = (segments.next(), segments.next());
    let is = |segment: Option<&str>, literal: &str| {
        segment.is_some_and(|segment| matches_decoded(segment, literal))
    };
    HOST_ROOTS
        .iter()
        .any(|(one, two)| is(first, one) && two.is_none_or(|two| is(second, two)))
}

/// Whether a segment, percent-decoded, is this literal in any case.
fn matches_decoded(segment: &str, literal: &str) -> bool {
    segment.len() >= literal.len() && decoded(segment).eq_ignore_ascii_case(literal.as_bytes())
}

/// Whether a segment means the current or the parent one, percent-encoded or not.
/// It means one path to a client or proxy that resolves it, and another to one that does not.
pub(super) fn is_dots(segment: &str) -> bool {
    // Six bytes are two encoded dots.
    segment.len() <= 6 && matches!(&*decoded(segment), b"." | b"..")
}

/// Percent-decodes a text; an invalid encoding stays as it is.
fn decoded(segment: &str) -> Cow<'_, [u8]> {
    percent_decode_str(segment).into()
}

#[cfg(test)]
mod tests;
