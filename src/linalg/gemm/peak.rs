//! The peak speed of multiplications and additions on registers, with which products are compared.

// Constant bounds keep the sums in registers only in loops with indices.
#![allow(clippy::needless_range_loop)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::linalg::isa::isa;
use crate::linalg::lanes::{Lanes, Task, run_on};

/// Sums under way at once: enough to fill the time that a multiply-add takes, few enough for the registers of every
/// instruction set.
const SUMS: usize = 12;
/// Rounds between two looks at the clock.
const ROUNDS: usize = 20_000;

/// Returns the multiplications and additions per second of one core on registers alone, with the instructions in use.
/// The measurement takes about a twentieth of a second.
pub fn peak_flops() -> f64 {
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed() < Duration::from_millis(50) {
        let start = Instant::now();
        let count = run_on(isa(), Peak);
        best = best.min(start.elapsed().as_secs_f64() / count as f64);
    }
    2.0 / best
}

/// Runs chains of multiply-adds; returns the number of multiply-adds of single numbers.
struct Peak;

impl Task for Peak {
    type Output = usize;

    #[inline(always)]
    fn run<L: Lanes>(self) -> usize {
        let factor = L::splat(black_box(0.0));
        let mut sums = [L::splat(black_box(1.0)); SUMS];
        for _ in 0..ROUNDS {
            for i in 0..SUMS {
                // The sum is the addend, as in a product: NEON would have to copy any other.
                sums[i] = sums[(i + 1) % SUMS].mul_add(factor, sums[i]);
            }
        }
        let mut seen = [0.0; 16];
        for i in 0..SUMS {
            sums[i].store(&mut seen);
            black_box(&seen);
        }
        ROUNDS * SUMS * L::COUNT
    }
}
