//! A clock that answers on every platform.

use std::time::Duration;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use std::time::Instant;

/// A moment from which time is measured.
///
/// On `wasm32-unknown-unknown`, whose standard library has no clock and panics when it is asked for the time, no time
/// ever passes: training works there, its seconds are zero, and whatever needs a time that ends is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    start: Instant,
}

impl Clock {
    /// Whether time passes.
    pub(crate) const RUNS: bool = cfg!(not(all(target_family = "wasm", target_os = "unknown")));

    /// Returns the present moment.
    pub(crate) fn start() -> Self {
        Clock {
            #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
            start: Instant::now(),
        }
    }

    /// Returns the time since that moment.
    pub(crate) fn elapsed(self) -> Duration {
        #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
        return self.start.elapsed();
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        return Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_measures_at_least_the_time_that_passed() {
        let clock = Clock::start();
        std::thread::sleep(Duration::from_millis(2));
        assert!(clock.elapsed() >= Duration::from_millis(2));
    }
}
