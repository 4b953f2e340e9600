//! The components that the binary carries. Which ones, the build script says.

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
