//! The two engines that components run in, by their size. Small ones are copied into a fresh
//! memory for each call; large ones, which carry the runtime of a language, begin as an image
//! of their memory that is mapped. The engine for large ones is made when the first of them
//! comes, and a host without any has none.

use std::sync::{Mutex, OnceLock, PoisonError};

use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use super::size::Size;
use super::{EngineOptions, LoadError, SPARE_CALLS, UNLIMITED};
use crate::capabilities::DEPTH_MAX;
use crate::threads::STACK_BYTES_OF_HOST;

/// Calls that may be made at the same time on one thread: one within the other.
const NESTED_CALLS: u32 = 1 + DEPTH_MAX as u32;
/// The room of a nested call, beside the one around it: what toolchains make has one
/// memory, and few tables.
const TABLES_PER_NESTED_CALL: u32 = 4;
/// Memory of a slot that is cleared by hand instead of returned to the
/// kernel: page faults cost more than clearing the little that a call touches.
const KEEP_RESIDENT_BYTES: usize = 1024 * 1024;

/// The engine that machine code is for.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The size of its components.
    pub size: Size,
    /// As in [`super::EngineOptions`].
    pub developing: bool,
}

/// The engines of one host.
pub(super) struct Engines {
    options: EngineOptions,
    small: wasmtime::Engine,
    large: OnceLock<wasmtime::Engine>,
    making: Mutex<()>,
}

impl Engines {
    /// Reserves the pool of small components.
    ///
    /// # Errors
    /// When the machine has not the virtual memory for it.
    pub(super) fn new(options: EngineOptions) -> Result<Self, LoadError> {
        Ok(Self {
            small: wasmtime::Engine::new(&config(&options, Size::Small))
                .map_err(LoadError::Engine)?,
            large: OnceLock::new(),
            making: Mutex::default(),
            options,
        })
    }

    /// The engine for components of this size, which is made if it is the first.
    ///
    /// # Errors
    /// When the machine has not the virtual memory for it.
    pub(super) fn of(&self, size: Size) -> Result<&wasmtime::Engine, LoadError> {
        if size == Size::Small {
            return Ok(&self.small);
        }
        let _one_at_a_time = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(large) = self.large.get() {
            return Ok(large);
        }
        let large =
            wasmtime::Engine::new(&config(&self.options, Size::Large)).map_err(|error| {
                LoadError::Engine(error.context(
                    "there is no room for a second engine, which large components need: reduce \
                 limits.calls_max",
                ))
            })?;
        Ok(self.large.get_or_init(|| large))
    }

    /// The target of components of this size.
    pub(super) fn target(&self, size: Size) -> Target {
        Target {
            size,
            developing: self.options.developing,
        }
    }

    /// Advances the clock that deadlines are measured by.
    pub(super) fn tick(&self) {
        self.small.increment_epoch();
        if let Some(large) = self.large.get() {
            large.increment_epoch();
        }
    }
}

fn config(options: &EngineOptions, size: Size) -> Config {
    let calls = options.calls_max + SPARE_CALLS;
    // Each call may have others nested in it.
    let instances = calls * NESTED_CALLS;
    let nested = instances - calls;
    let room = size.room();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * room.core_instances)
        .total_memories(calls * room.memories + nested)
        .total_tables(calls * room.tables + nested * TABLES_PER_NESTED_CALL)
        .max_core_instances_per_component(room.core_instances)
        .max_memories_per_component(room.memories)
        .max_tables_per_component(room.tables)
        .max_memories_per_module(room.memories)
        .max_tables_per_module(room.tables)
        .max_memory_size(options.memory_bytes_max)
        .table_elements(options.table_elements_max as usize)
        .max_unused_warm_slots(calls)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(64 * 1024);
    let mut config = code_config(Target {
        size,
        developing: options.developing,
    });
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .max_wasm_stack(options.stack_bytes_max)
        // No call has a stack of its own beside its thread's, but the two are held
        // against each other.
        .async_stack_size(options.stack_bytes_max + STACK_BYTES_OF_HOST);
    config
}

/// The stack that the guests of a call and of the calls nested in it take together on their
/// thread, in bytes, each as much as one may.
pub(crate) fn stack_bytes_of_calls(stack_bytes_max: usize) -> usize {
    stack_bytes_max * NESTED_CALLS as usize
}

/// All that machine code depends on; the same for the process that compiles and the one that runs it.
pub(super) fn code_config(target: Target) -> Config {
    let mut config = Config::new();
    config
        // Copying the data of a small component into a fresh memory is cheaper than mapping
        // it: a mapping has to be undone after every call, and what is written
        // faults page by page, both with a flush of what all processors know of it.
        // A runtime's megabytes are read more than written, and copied for longer.
        .memory_init_cow(target.size == Size::Large)
        .epoch_interruption(!UNLIMITED)
        // A slot reserves all that 32 bits can reach, so that reads and writes
        // need no checks; what lies behind it catches offsets in an instruction.
        .memory_guard_size(64 * 1024)
        // The debug information of a component is foreign, and the host itself reads it at a
        // trap: only that of a component whose author runs the host.
        .wasm_backtrace_details(match target.developing {
            true => WasmBacktraceDetails::Enable,
            false => WasmBacktraceDetails::Disable,
        })
        .wasm_component_model(true);
    config
}

#[cfg(test)]
mod tests {
    use super::super::Engine;
    use super::*;
    use crate::digest::Digest;

    fn engine(artifacts: &std::path::Path) -> Engine {
        Engine::new(EngineOptions {
            calls_max: 1,
            memory_bytes_max: 1 << 20,
            table_elements_max: 1_000,
            stack_bytes_max: 256 * 1024,
            component_bytes_max: 1 << 20,
            compile: None,
            artifacts: Some(artifacts.to_owned()),
            hear: None,
            developing: false,
            trial: None,
        })
        .unwrap()
    }

    #[test]
    fn the_engine_for_large_components_is_made_for_the_first_of_them() {
        let folder = tempfile::TempDir::new().unwrap();
        let small = b"\0asm\x0d\x00\x01\x00".to_vec();
        let large = wat::parse_str(format!(
            "(component (core module $m) {})",
            "(core instance (instantiate $m))".repeat(17)
        ));
        let load = |engine: &Engine, bytes: &[u8]| {
            let fits = |_: &_| Ok(());
            engine
                .load(bytes, Digest::of(bytes), fits)
                .map(drop)
                .unwrap();
            engine.engines.large.get().is_some()
        };
        let large = large.unwrap();
        let first = engine(folder.path());
        assert_eq!([load(&first, &small), load(&first, &large)], [false, true]);
        // The same where machine code was kept of both.
        let later = engine(folder.path());
        assert_eq!([load(&later, &small), load(&later, &large)], [false, true]);
    }
}
