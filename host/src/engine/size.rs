//! The size of a component, counted before it is compiled: what it is refused for, and the
//! engine that it runs in. A module that is defined counts once, however often it is
//! instantiated; what that hides, the engine refuses when it takes the machine code.

use serde::{Deserialize, Serialize};
use wasmparser::{ConstExpr, DataKind, Instance, Operator, Payload};

use super::EngineOptions;
use super::error::LoadError;

/// What a component consists of, over all modules and components in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measures {
    /// Instances of its modules.
    pub core_instances: u64,
    /// Linear memories.
    pub memories: u64,
    /// Those together, before anything runs, in bytes.
    pub memory_bytes: u64,
    /// Tables.
    pub tables: u64,
    /// Those together, before anything runs.
    pub table_elements: u64,
    /// Segments of data.
    pub data_segments: u64,
    /// Those of modules whose data is no image that can be mapped: it is too far apart, or
    /// where it goes is not known before the module runs.
    pub scattered_segments: u64,
    /// All segments together, in bytes.
    pub data_bytes: u64,
    /// Functions that it defines.
    pub functions: u64,
}

/// The engine that a component runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    /// Its data is copied into a fresh memory.
    Small,
    /// Its memory begins as a mapped image, and it may have many instances.
    Large,
}

/// Up to here copying the data of a component into each fresh memory costs less than mapping
/// it, and undoing that after each call. What Rust's toolchain makes has far less.
const SMALL_DATA_BYTES_MAX: u64 = 512 * 1024;
/// Each is copied by itself. Snapshots of a runtime have thousands.
const SMALL_DATA_SEGMENTS_MAX: u64 = 1_000;
/// Rust's toolchain makes up to this many core instances, each with its own tables: the
/// program itself, and adapters around it.
const SMALL_CORE_INSTANCES_MAX: u32 = 16;

/// All that decides between the engines: machine code of a host that decides otherwise is
/// not used.
pub(super) const RULE: (u64, u64, u32) = (
    SMALL_DATA_BYTES_MAX,
    SMALL_DATA_SEGMENTS_MAX,
    SMALL_CORE_INSTANCES_MAX,
);

/// More than any toolchain makes: Go's some 42,000. Each takes time of the compiler, which is
/// bounded as well.
const DATA_SEGMENTS_MAX: u64 = 60_000;
/// Each of these is copied by code of its own, and the time to compile that grows with the
/// square of their number.
const SCATTERED_SEGMENTS_MAX: u64 = 10_000;
/// Wasmtime maps data of no more than this many bytes from first to last, and more of it if no
/// more than half of that is empty.
const IMAGE_BYTES_MAX: u64 = 16 * 1024 * 1024;
const FUNCTIONS_MAX: u64 = 200_000;

/// The room that a component and a call of it have in an engine.
pub(super) struct Room {
    pub(super) core_instances: u32,
    pub(super) memories: u32,
    pub(super) tables: u32,
}

impl Size {
    /// Both, in the order in which they are tried where the size is not known.
    pub(super) const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// The name, for the process that compiles and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }

    pub(super) fn room(self) -> Room {
        match self {
            Self::Small => Room {
                core_instances: SMALL_CORE_INSTANCES_MAX,
                memories: 4,
                tables: 16,
            },
            // A runtime that is linked from libraries has an instance for each of them.
            Self::Large => Room {
                core_instances: 48,
                memories: 2,
                tables: 16,
            },
        }
    }
}

impl Measures {
    /// Counts one part of a component, as the parser meets it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn count(&mut self, payload: &Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::InstanceSection(instances) => {
                for instance in instances.clone() {
                    let is_made = matches!(instance?, Instance::Instantiate { .. });
                    self.core_instances += u64::from(is_made);
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories.clone() {
                    let memory = memory?;
                    let page_bytes = 1_u64.checked_shl(memory.page_size_log2.unwrap_or(16));
                    let bytes = memory
                        .initial
                        .saturating_mul(page_bytes.unwrap_or(u64::MAX));
                    self.memories += 1;
                    self.memory_bytes = self.memory_bytes.saturating_add(bytes);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables.clone() {
                    self.tables += 1;
                    let elements = table?.ty.initial;
                    self.table_elements = self.table_elements.saturating_add(elements);
                }
            }
            Payload::DataSection(segments) => {
                let (mut count, mut extent) = (0, Some(Extent::default()));
                for segment in segments.clone() {
                    let segment = segment?;
                    count += 1;
                    self.data_bytes += segment.data.len() as u64;
                    if let DataKind::Active { offset_expr, .. } = &segment.kind {
                        let at = constant(offset_expr)?;
                        extent = extent
                            .zip(at)
                            .map(|(extent, at)| extent.with(at, segment.data));
                    }
                }
                self.data_segments += count;
                if !extent.is_some_and(|extent| extent.is_image()) {
                    self.scattered_segments += count;
                }
            }
            Payload::FunctionSection(functions) => {
                self.functions += u64::from(functions.count());
            }
            _ => {}
        }
        Ok(())
    }

    /// The engine for it.
    pub fn size(&self) -> Size {
        let is_small = self.data_bytes <= SMALL_DATA_BYTES_MAX
            && self.data_segments <= SMALL_DATA_SEGMENTS_MAX
            && self.core_instances <= SMALL_CORE_INSTANCES_MAX.into();
        if is_small { Size::Small } else { Size::Large }
    }

    /// Checks that it has room in its engine.
    ///
    /// # Errors
    /// With what it has too much of, the limit, and the setting that raises it.
    pub(super) fn check(&self, options: &EngineOptions) -> Result<(), LoadError> {
        let room = self.size().room();
        let memory_bytes_max = options.memory_bytes_max as u64;
        for (what, count, max, setting) in [
            (
                "core instances",
                self.core_instances,
                room.core_instances.into(),
                None,
            ),
            ("memories", self.memories, room.memories.into(), None),
            (
                "bytes of memory before it runs",
                self.memory_bytes,
                memory_bytes_max,
                Some("limits.memory_bytes_max"),
            ),
            ("tables", self.tables, room.tables.into(), None),
            (
                "elements of tables before it runs",
                self.table_elements,
                options.table_elements_max.into(),
                Some("limits.table_elements_max"),
            ),
            ("data segments", self.data_segments, DATA_SEGMENTS_MAX, None),
            (
                "data segments that are too far apart to be mapped",
                self.scattered_segments,
                SCATTERED_SEGMENTS_MAX,
                None,
            ),
            ("functions", self.functions, FUNCTIONS_MAX, None),
        ] {
            if count > max {
                return Err(LoadError::TooMuch {
                    what,
                    count,
                    max,
                    setting,
                });
            }
        }
        Ok(())
    }
}

/// From the first to the last byte of data of a module, and how many there are in it.
#[derive(Clone, Copy)]
struct Extent {
    from: u64,
    to: u64,
    bytes: u64,
}

impl Default for Extent {
    fn default() -> Self {
        Self {
            from: u64::MAX,
            to: 0,
            bytes: 0,
        }
    }
}

impl Extent {
    fn with(self, at: u64, data: &[u8]) -> Self {
        if data.is_empty() {
            return self;
        }
        let length = data.len() as u64;
        Self {
            from: self.from.min(at),
            to: self.to.max(at.saturating_add(length)),
            bytes: self.bytes + length,
        }
    }

    fn is_image(self) -> bool {
        let length = self.to.saturating_sub(self.from);
        length < IMAGE_BYTES_MAX || length / 2 < self.bytes
    }
}

/// The value of an expression that is one constant.
fn constant(expression: &ConstExpr<'_>) -> wasmparser::Result<Option<u64>> {
    let mut operators = expression.get_operators_reader();
    let value = match operators.read()? {
        Operator::I32Const { value } => Some(u64::from(value.cast_unsigned())),
        Operator::I64Const { value } => Some(value.cast_unsigned()),
        _ => None,
    };
    let is_all = matches!(operators.read()?, Operator::End);
    Ok(value.filter(|_| is_all))
}

#[cfg(test)]
mod tests {
    use wasmparser::Parser;

    use super::*;

    fn measures(text: &str) -> Measures {
        let bytes = wat::parse_str(text).unwrap();
        let mut measures = Measures::default();
        for payload in Parser::new(0).parse_all(&bytes) {
            measures.count(&payload.unwrap()).unwrap();
        }
        measures
    }

    #[test]
    fn all_parts_of_a_component_are_counted_wherever_they_are() {
        let counted = measures(
            r#"(component
                (core module $m
                    (memory 2)
                    (table 5 funcref)
                    (data (i32.const 0) "four")
                    (data "and a passive one")
                    (func) (func))
                (core instance $a (instantiate $m))
                (core instance $b (instantiate $m))
                (component
                    (core module $n (memory 1) (table 1 funcref) (func))
                    (core instance (instantiate $n))))"#,
        );
        let expected = Measures {
            core_instances: 3,
            memories: 2,
            memory_bytes: 3 << 16,
            tables: 2,
            table_elements: 6,
            data_segments: 2,
            scattered_segments: 0,
            data_bytes: 21,
            functions: 3,
        };
        assert_eq!(counted, expected);
    }

    #[test]
    fn data_is_scattered_unless_it_can_be_mapped() {
        let far = IMAGE_BYTES_MAX;
        let half = "x".repeat(far as usize / 2 + 100);
        for (module, scattered) in [
            ("(memory 1)".to_owned(), 0),
            (r#"(memory 1) (data "passive")"#.to_owned(), 0),
            (
                r#"(memory 400) (data (i32.const 0) "a") (data (i32.const 100) "b")"#.to_owned(),
                0,
            ),
            (
                format!(r#"(memory 400) (data (i32.const 0) "a") (data (i32.const {far}) "b")"#),
                2,
            ),
            (
                format!(
                    r#"(memory 400) (data (i32.const 0) "{half}") (data (i32.const {far}) "b")"#
                ),
                0,
            ),
            (
                r#"(import "a" "b" (global $g i32)) (memory 1) (data (global.get $g) "a")"#
                    .to_owned(),
                1,
            ),
        ] {
            let counted = measures(&format!("(module {module})")).scattered_segments;
            assert_eq!(counted, scattered, "{}", &module[..module.len().min(80)]);
        }
    }

    #[test]
    fn the_engine_follows_from_data_and_instances() {
        let small = Measures {
            core_instances: 16,
            memory_bytes: 1 << 40,
            data_segments: SMALL_DATA_SEGMENTS_MAX,
            data_bytes: SMALL_DATA_BYTES_MAX,
            functions: u64::MAX,
            ..Measures::default()
        };
        assert_eq!(small.size(), Size::Small);
        for large in [
            Measures {
                core_instances: 17,
                ..small
            },
            Measures {
                data_segments: SMALL_DATA_SEGMENTS_MAX + 1,
                ..small
            },
            Measures {
                data_bytes: SMALL_DATA_BYTES_MAX + 1,
                ..small
            },
        ] {
            assert_eq!(large.size(), Size::Large);
        }
    }
}
