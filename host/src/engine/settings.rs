//! The settings of compiling, `compile.…`, and of the stack of calls.

use super::CompileLimits;
use crate::config::Reader;

/// What compiling a component may use.
#[derive(Clone, Copy, Debug)]
pub struct CompileSettings {
    /// The largest component, in bytes.
    pub component_bytes_max: usize,
    /// Time and memory.
    pub limits: CompileLimits,
}

impl CompileSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            component_bytes_max: reader.bytes(
                "compile.component_bytes_max",
                1 << 10..=2 << 30,
                50 * 1024 * 1024,
                "the largest component",
            ),
            limits: CompileLimits {
                deadline_ms: reader.milliseconds(
                    "compile.deadline_ms",
                    120_000,
                    "how long compiling one may take",
                ),
                memory_bytes_max: reader.bytes(
                    "compile.memory_bytes_max",
                    16 << 20..=1 << 40,
                    2 * 1024 * 1024 * 1024,
                    "the memory that compiling one may take",
                ) as u64,
            },
        }
    }
}

/// The stack of a call, in bytes: what every thread that runs a component has.
pub(crate) fn read_stack_bytes(reader: &mut Reader) -> usize {
    reader.bytes(
        "limits.stack_bytes_max",
        64 << 10..=4 << 20,
        1024 * 1024,
        "the stack of a call, the same for all modules",
    )
}
