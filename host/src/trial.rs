//! A trial: the time and the chance that components see while they are tested, both made of
//! a seed, and the statements that they run. Machines, days and other processes change nothing
//! of it: the same seed makes the same bytes. No host that serves has one.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

/// The first moment of a trial's clock at the earliest, in seconds since 1970: the year 2026.
const FIRST_S: u64 = 1_767_225_600;
/// The seconds over which the first moments are spread: days, months and a leap day differ from
/// seed to seed.
const SPREAD_S: u64 = 4 * 365 * 24 * 3_600;
/// The longest time from one look at a clock to the next, in microseconds.
const STEP_US: u64 = 1_000;
/// The statements that are kept of one case.
const STATEMENTS_MAX: usize = 100_000;

/// A statement that a component ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The database.
    pub database: PathBuf,
    /// Its text.
    pub sql: String,
}

/// The time and the chance of components, and what they do.
#[derive(Debug)]
pub struct Trial(Mutex<State>);

#[derive(Debug)]
struct State {
    chance: Chance,
    /// Since 1970.
    began: Duration,
    elapsed: Duration,
    statements: Vec<Statement>,
    has_written: bool,
}

impl State {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let began = Duration::from_secs(FIRST_S)
            + Duration::from_secs(chance.next() % SPREAD_S)
            + Duration::from_millis(chance.next() % 1_000);
        // As that of a machine that runs for a while.
        let elapsed = Duration::from_micros(chance.next() % 3_600_000_000);
        Self {
            chance,
            began,
            elapsed,
            statements: Vec::new(),
            has_written: false,
        }
    }

    fn step(&mut self) {
        self.elapsed += Duration::from_micros(1 + self.chance.next() % STEP_US);
    }
}

impl Trial {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(State::new(seed)))
    }

    /// Begins anew with another seed.
    pub(crate) fn begin(&self, seed: u64) {
        *self.lock() = State::new(seed);
    }

    /// The time since 1970. Each look at it is a moment later than the one before.
    pub(crate) fn now(&self) -> Duration {
        let mut state = self.lock();
        state.step();
        state.began + state.elapsed
    }

    /// The time of the last look.
    pub(crate) fn present(&self) -> SystemTime {
        let state = self.lock();
        UNIX_EPOCH + state.began + state.elapsed
    }

    /// The time of a clock that only goes on. Each look at it is a moment later.
    pub(crate) fn elapsed(&self) -> Duration {
        let mut state = self.lock();
        state.step();
        state.elapsed
    }

    /// Moves the clocks on, as waiting does.
    pub(crate) fn wait(&self, time: Duration) {
        let mut state = self.lock();
        state.elapsed = state.elapsed.saturating_add(time);
    }

    pub(crate) fn next(&self) -> u64 {
        self.lock().chance.next()
    }

    pub(crate) fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.lock();
        for chunk in bytes.chunks_mut(size_of::<u64>()) {
            let random = state.chance.next().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }

    /// A UUIDv7 of the trial's time.
    pub(crate) fn uuid(&self) -> Uuid {
        let millis = self.now().as_millis().try_into().unwrap_or(u64::MAX);
        let mut random = [0; 10];
        self.fill(&mut random);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Keeps a statement that a component runs.
    pub(crate) fn note(&self, database: &Path, sql: &str) {
        let statements = &mut self.lock().statements;
        if statements.len() < STATEMENTS_MAX {
            statements.push(Statement {
                database: database.to_owned(),
                sql: sql.to_owned(),
            });
        }
    }

    /// Keeps that a transaction has begun, by whomever.
    pub(crate) fn note_write(&self) {
        self.lock().has_written = true;
    }

    /// Whether any transaction has begun.
    pub(crate) fn has_written(&self) -> bool {
        self.lock().has_written
    }

    /// Takes the statements that were kept.
    pub(crate) fn take_statements(&self) -> Vec<Statement> {
        std::mem::take(&mut self.lock().statements)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SplitMix64, whose numbers no later version of a library changes.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a component may see of a trial.
    fn seen(trial: &Trial) -> (Duration, Duration, [u8; 11], Uuid) {
        let mut bytes = [0; 11];
        trial.fill(&mut bytes);
        (trial.now(), trial.elapsed(), bytes, trial.uuid())
    }

    #[test]
    fn the_same_seed_makes_the_same_and_another_one_makes_another() {
        let trial = Trial::new(7);
        let first = seen(&trial);
        assert_ne!(first, seen(&trial));
        trial.begin(7);
        assert_eq!(first, seen(&trial));
        trial.begin(8);
        assert_ne!(first, seen(&trial));
    }

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let mut chance = Chance(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| chance.next()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn clocks_go_on_with_each_look_and_with_waiting() {
        let trial = Trial::new(1);
        let (one, next) = (trial.now(), trial.now());
        assert!(one < next && next < one + Duration::from_millis(2));
        let hour = Duration::from_secs(3_600);
        trial.wait(hour);
        assert!(trial.now() > next + hour);
        assert_eq!(trial.present(), trial.present());
        let year_2026 = Duration::from_secs(FIRST_S);
        assert!((0..1_000).all(|seed| Trial::new(seed).now() > year_2026));
    }
}
