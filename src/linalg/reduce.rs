//! Sums over slices, in an order of additions that is the same on every processor.
//!
//! A single running sum waits for itself at every addition, and the compiler may not reorder additions. So `N` sums run
//! side by side, entry `i` in sum `i mod N`, and are added up in the end. `N` and the type `T` of the sums decide the
//! bits of the result: each use has its own and keeps it.
//!
//! Those that are `#[inline(always)]` are for code that is compiled for every instruction set already
//! ([`vectorized`]); the others compile themselves.

use std::iter::Sum;
use std::ops::{AddAssign, Mul};

use super::vectorize::vectorized;

/// The type of the sums: `f32` or `f64`.
pub(crate) trait Real: Copy + Default + From<f32> + AddAssign + Mul<Output = Self> + Sum {}
impl Real for f32 {}
impl Real for f64 {}

/// Returns Σ xᵢ.
#[inline(always)]
pub(crate) fn sum<T: Real, const N: usize>(x: &[f32]) -> T {
    let mut sums = [T::default(); N];
    let (parts, rest) = x.as_chunks::<N>();
    for part in parts {
        for (sum, &x) in sums.iter_mut().zip(part) {
            *sum += T::from(x);
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += T::from(x);
    }
    sums.into_iter().sum()
}

/// Returns Σ (xᵢ - `center`)².
#[inline(always)]
pub(crate) fn squared_deviations<const N: usize>(x: &[f32], center: f32) -> f32 {
    let mut sums = [0.0; N];
    let (parts, rest) = x.as_chunks::<N>();
    for part in parts {
        for (sum, x) in sums.iter_mut().zip(part) {
            *sum += (x - center) * (x - center);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += (x - center) * (x - center);
    }
    sums.into_iter().sum()
}

/// Returns Σ aᵢ bᵢ, of slices of the same length.
#[inline(always)]
pub(crate) fn inner_product<T: Real, const N: usize>(a: &[f32], b: &[f32]) -> T {
    let mut sums = [T::default(); N];
    let ((a_parts, a_rest), (b_parts, b_rest)) = (a.as_chunks::<N>(), b.as_chunks::<N>());
    for (a, b) in a_parts.iter().zip(b_parts) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum += T::from(a) * T::from(b);
        }
    }
    for ((sum, &a), &b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += T::from(a) * T::from(b);
    }
    sums.into_iter().sum()
}

vectorized! {
    /// Returns Σ aᵢ bᵢ, of slices of the same length.
    pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
        inner_product::<f64, 16>(a, b)
    }

    /// Returns Σ xᵢ².
    pub(crate) fn square_sum(x: &[f32]) -> f64 {
        inner_product::<f64, 16>(x, x)
    }

    /// Adds `factor` · `x` to `to`, entry by entry.
    pub(crate) fn add_scaled(to: &mut [f32], factor: f32, x: &[f32]) {
        for (to, x) in to.iter_mut().zip(x) {
            *to += factor * x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the closed forms Σ i = n (n - 1) / 2 and Σ i² = (n - 1) n (2n - 1) / 6, for lengths with and without a
    /// rest.
    #[test]
    fn sums_of_any_length() {
        for n in [0, 1, 7, 8, 9, 15, 16, 17, 100] {
            let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let n = f64::from(n);
            let (linear, squares) = (n * (n - 1.0) / 2.0, (n - 1.0) * n * (2.0 * n - 1.0) / 6.0);
            assert_eq!(sum::<f64, 8>(&x), linear);
            assert_eq!(f64::from(sum::<f32, 16>(&x)), linear);
            assert_eq!(square_sum(&x), squares);
            assert_eq!(f64::from(inner_product::<f32, 16>(&x, &x)), squares);
            assert_eq!(f64::from(squared_deviations::<16>(&x, 2.0)), squares - 4.0 * linear + 4.0 * n);
            let y: Vec<f32> = x.iter().map(|x| 2.0 - x).collect();
            assert_eq!(dot(&x, &y), 2.0 * linear - squares);
            let mut to = y.clone();
            add_scaled(&mut to, 3.0, &x);
            assert!(to.iter().zip(&x).all(|(to, x)| *to == 2.0 + 2.0 * x));
        }
    }

    #[test]
    fn order_of_additions_is_fixed() {
        // 1 + ε/2 is lost in the sum that holds 1, and not in the other.
        let half = f32::EPSILON / 2.0;
        assert_eq!(sum::<f32, 1>(&[1.0, half, half]), 1.0);
        assert_eq!(sum::<f32, 2>(&[half, 1.0, half]), 1.0 + f32::EPSILON);
    }
}
