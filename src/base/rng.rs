//! The crate's own random numbers, fixed forever: a seed means the same network in every release and on every
//! machine. Nothing here calls the platform's mathematics library, whose last bits differ between systems.

use crate::base::math;

/// The purposes of random numbers: each has a stream of its own, so that the same seed serves them all. Fixed forever,
/// like the generator.
pub(crate) mod purpose {
    pub(crate) const WEIGHTS: u64 = 1;
    pub(crate) const STARTS: u64 = 2;
    pub(crate) const PROBLEM: u64 = 3;
    pub(crate) const SPLIT: u64 = 4;
    pub(crate) const VALIDATION: u64 = 5;
    pub(crate) const ORDER: u64 = 6;
    pub(crate) const DROPOUT: u64 = 7;
    pub(crate) const RATE: u64 = 8;
    pub(crate) const FOLDS: u64 = 12;
    pub(crate) const EXPLAIN: u64 = 13;
    pub(crate) const SEARCH: u64 = 1000;
    pub(crate) const TRIALS: u64 = 1001;
    /// The first of many.
    pub(crate) const ROUNDS: u64 = 2000;
}

/// A small, fast generator: xoshiro256++ (Blackman, Vigna, 2019), seeded through SplitMix64.
///
/// ```
/// use palmnet::compute::Rng;
/// let mut a = Rng::new(42);
/// let mut b = Rng::new(42);
/// assert_eq!(a.next_u64(), b.next_u64());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// Returns a generator whose whole stream follows from `seed`. Any seed is good, zero included.
    pub fn new(seed: u64) -> Self {
        let mut s = seed;
        Rng { state: std::array::from_fn(|_| split_mix(&mut s)) }
    }

    /// Returns the `index`-th independent generator of `seed`, so that drawing more numbers for one purpose does not
    /// change those for another.
    pub fn stream(seed: u64, index: u64) -> Self {
        let mut s = index;
        Rng::new(seed ^ split_mix(&mut s).rotate_left(17))
    }

    /// Returns the next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// Returns a number uniform in [0, 1), in steps of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Returns a number uniform in [`low`, `high`).
    pub fn uniform_in(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Returns an integer uniform in 0..`bound`, without bias (Lemire, 2019).
    ///
    /// # Panics
    /// If `bound` is zero.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "Rng::below needs a positive bound");
        let bound = bound as u64;
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(bound);
            if wide as u64 >= bound.wrapping_neg() % bound {
                return (wide >> 64) as usize;
            }
        }
    }

    /// Returns a normal number with mean 0 and standard deviation 1, by the polar method (Marsaglia, Bray, 1964). The
    /// second number of each pair is dropped, so that the state is the generator's four words and nothing else.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (self.uniform_in(-1.0, 1.0), self.uniform_in(-1.0, 1.0));
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                return x * (-2.0 * math::ln_f64(s) / s).sqrt();
            }
        }
    }

    /// Puts `items` in random order (Fisher, Yates; Durstenfeld, 1964).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fixed forever: the reference values of SplitMix64 (seed 0) and xoshiro256++ (state 1, 2, 3, 4) as their
    /// authors' C code prints them.
    #[test]
    fn reference_streams() {
        let mut s = 0;
        assert_eq!(split_mix(&mut s), 0xE220_A839_7B1D_CDAF);
        assert_eq!(split_mix(&mut s), 0x6E78_9E6A_A1B9_65F4);
        let mut r = Rng { state: [1, 2, 3, 4] };
        let first: Vec<u64> = (0..5).map(|_| r.next_u64()).collect();
        assert_eq!(first, [41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205]);
    }

    #[test]
    fn moments() {
        let mut r = Rng::new(1);
        let n = 200_000;
        let (mut mean, mut square) = (0.0, 0.0);
        for _ in 0..n {
            let x = r.normal();
            mean += x / f64::from(n);
            square += x * x / f64::from(n);
        }
        assert!(mean.abs() < 0.01 && (square - 1.0).abs() < 0.02, "mean {mean}, square {square}");
        let uniform = (0..n).map(|_| r.uniform_in(-1.0, 3.0)).sum::<f64>() / f64::from(n);
        assert!((uniform - 1.0).abs() < 0.01, "{uniform}");
    }

    #[test]
    fn below_covers_its_range() {
        let mut r = Rng::new(7);
        let mut counts = [0; 5];
        (0..50_000).for_each(|_| counts[r.below(5)] += 1);
        assert!(counts.iter().all(|&c| (9_500..10_500).contains(&c)), "{counts:?}");
    }

    #[test]
    fn shuffle_keeps_every_item() {
        let mut items: Vec<usize> = (0..100).collect();
        Rng::new(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn streams_differ() {
        assert_ne!(Rng::stream(1, 0).next_u64(), Rng::stream(1, 1).next_u64());
        assert_ne!(Rng::stream(1, 0).next_u64(), Rng::stream(2, 0).next_u64());
    }
}
