//! A token bucket: a bound at once, and a rate a second.

use std::time::{Duration, Instant};

/// Tokens that are spent, and come back with time.
#[derive(Debug)]
pub struct Bucket {
    left: u64,
    max: u64,
    per_second: u64,
    filled: Instant,
}

impl Bucket {
    /// A full bucket of `max` tokens, with this many more a second.
    #[must_use]
    pub fn new(max: u64, per_second: u64) -> Self {
        Self {
            left: max,
            max,
            per_second,
            filled: Instant::now(),
        }
    }

    /// Spends tokens; `false` if it has fewer, and then it is empty.
    pub fn spend(&mut self, tokens: u64) -> bool {
        if self.left < tokens {
            self.fill(Instant::now());
        }
        let enough = self.left >= tokens;
        self.left = self.left.saturating_sub(tokens);
        enough
    }

    /// Adds earned tokens, up to the bound.
    pub fn earn(&mut self, tokens: u64) {
        self.left = self.left.saturating_add(tokens).min(self.max);
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled);
        let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let tokens = self.per_second.saturating_mul(millis) / 1000;
        if tokens > 0 {
            self.earn(tokens);
            // A fraction of a token is counted the next time.
            self.filled =
                now - Duration::from_millis(millis - millis.min(tokens * 1000 / self.per_second));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_spent_and_come_back() {
        let mut bucket = Bucket::new(10, 100);
        let start = bucket.filled;
        assert!(bucket.spend(10));
        bucket.fill(start + Duration::from_millis(45));
        assert_eq!(bucket.left, 4);
        // The half that was left over counts.
        bucket.fill(start + Duration::from_millis(50));
        assert_eq!(bucket.left, 5);
        bucket.fill(start + Duration::from_secs(3600));
        assert_eq!(bucket.left, 10);
        bucket.left = 3;
        bucket.filled = Instant::now() + Duration::from_secs(3600);
        assert!(bucket.spend(3) && !bucket.spend(1));
        bucket.earn(100);
        assert_eq!(bucket.left, 10);
    }
}
