//! Reads settings: a file, then the environment, then flags, the later ones winning. Each
//! part of the host takes its own settings from the reader, which finds every fault at once.

mod reader;
mod source;
mod values;

pub use reader::Declaration;
pub(crate) use reader::{BYTES_MAX, Reader};
pub(crate) use source::ignored_variables;
pub use source::{ConfigError, Sources};
