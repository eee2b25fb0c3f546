//! Whether rounds of equal work, the steps of a training, are done sooner by several threads or by one.
//!
//! Threads hand each other what they computed: the weights that one of them updated must reach the caches of the others
//! before their next step. How long that takes differs from device to device by a factor of ten, and with few rows in a
//! mini-batch it can be longer than the work. No formula knows it, so it is measured: most rounds go one way, and from
//! time to time a few go the other, less often as long as those are slower.

use std::time::Duration;

/// The rounds of a trial. The first finds the caches as the other way left them, and is not counted.
const TRIAL: u32 = 4;
/// The fewest rounds between two trials, and the most.
const SOON: u32 = 32;
const LATE: u32 = 2048;
/// Rounds longer than that are not tried by one thread: handing over takes a small part of them.
const LONG: Duration = Duration::from_millis(20);
/// Sharing must be faster by this factor, because it keeps more than one core busy.
const WORTH: f64 = 0.99;

/// The times of the last rounds, and which way the next one goes.
pub(super) struct Pace {
    /// The amount of work in the rounds that are compared.
    amount: usize,
    /// Whether the next round is shared.
    shared: bool,
    /// The rounds since the last trial, and those until the next one begins.
    rounds: u32,
    between: u32,
    /// The fastest of the last rounds, shared and alone.
    fastest: [Duration; 2],
}

impl Pace {
    pub(super) const fn new() -> Self {
        // The first trial begins as soon as there is something to compare with: some trainings have few steps.
        Pace { amount: 0, shared: true, rounds: 0, between: TRIAL, fastest: [Duration::MAX; 2] }
    }

    /// Returns whether the next round had better be shared.
    pub(super) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Accounts for a round with this amount of work, which went as [`is_shared`](Self::is_shared) said.
    pub(super) fn weigh(&mut self, amount: usize, taken: Duration) {
        if self.amount == 0 {
            self.amount = amount;
        }
        // The last mini-batch of an epoch may be a smaller one.
        if amount != self.amount {
            return;
        }
        if self.shared && taken > LONG {
            self.rounds = 0;
            return;
        }
        self.rounds += 1;
        let way = usize::from(!self.shared);
        let of_trial = self.rounds.checked_sub(self.between);
        // As many rounds are compared with those of the trial as there are of those.
        if of_trial != Some(1) && self.rounds + TRIAL > self.between {
            self.fastest[way] = self.fastest[way].min(taken);
        }
        match of_trial {
            Some(0) => self.shared = !self.shared,
            Some(TRIAL) => {
                let [shared, alone] = self.fastest;
                let pays = shared < alone.mul_f64(WORTH);
                // The trial went the other way.
                let between = if pays == self.shared { SOON } else { (2 * self.between).clamp(SOON, LATE) };
                *self = Pace { shared: pays, between, amount, ..Pace::new() };
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the time that this many rounds take, which take that long shared and alone, in microseconds.
    fn run(pace: &mut Pace, rounds: u32, shared: u64, alone: u64) -> u64 {
        let mut all = 0;
        for round in 0..rounds {
            let taken = if pace.is_shared() { shared } else { alone };
            all += taken;
            // Now and then another program holds up a round.
            let held_up = if round % 7 == 0 { 500 } else { 0 };
            pace.weigh(64, Duration::from_micros(taken + held_up));
            pace.weigh(32, Duration::from_micros(1));
        }
        all
    }

    #[test]
    fn rounds_go_the_faster_way() {
        for (shared, alone) in [(180, 100), (100, 180), (100, 100), (105, 100), (30, 100)] {
            let mut pace = Pace::new();
            let all = run(&mut pace, 10_000, shared, alone) as f64 / 10_000.0;
            let best = shared.min(alone) as f64;
            assert!(all < 1.01 * best, "{all} instead of {best}");
            // The other way becomes the faster one.
            run(&mut pace, 3 * LATE, alone, shared);
            let all = run(&mut pace, 10_000, alone, shared) as f64 / 10_000.0;
            assert!(all < 1.01 * best, "{all} instead of {best}");
        }
    }

    #[test]
    fn long_rounds_are_shared() {
        let mut pace = Pace::new();
        assert_eq!(run(&mut pace, 100, 20_001, 10), 100 * 20_001);
    }
}
