//! Clocks and randomness of WASI in a trial: all of them are made of its seed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rand::TryRng;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use crate::trial::Trial;

/// Has a call take its time and its chance from a trial.
pub(super) fn set(builder: &mut WasiCtxBuilder, trial: &Arc<Trial>) {
    let seeded = || Seeded(trial.clone());
    builder
        .wall_clock(seeded())
        .monotonic_clock(seeded())
        .secure_random(seeded())
        .insecure_random(seeded())
        .insecure_random_seed(u128::from(trial.next()) << 64 | u128::from(trial.next()));
}

struct Seeded(Arc<Trial>);

impl HostWallClock for Seeded {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.now()
    }
}

impl HostMonotonicClock for Seeded {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.0.elapsed().as_nanos().try_into().unwrap_or(u64::MAX)
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.0.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}
