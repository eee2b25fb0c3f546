//! Products of a row of numbers in 8 bits, quantized here, and a matrix of weights in 8 bits.
//!
//! A number *x* is stored as the whole number *q* = round(*x* / *s*) + *z* from 0 to 255, with the scale *s* and the zero
//! point *z* of all inputs; *w* is from -127 to 127. A sum is *b* + Σ (*q* - *z*)·*w*, where *b* is a whole number, too.
//! Kernels add *q*·*w* in any order, and then *b* - *z*·Σ*w*. Every sum on the way is, for each weight, the weight times a
//! number from -255 to 255, and in the end *b*, so its size is at most |*b*| + 255·Σ|*w*|: [`Packed::new`] refuses a column
//! for which that is 2³¹ or more, and no sum overflows or saturates. The result is the sum, as a float, times a scale.

use std::fmt;

use super::isa::isa;
use super::lanes::dot::{Dot, GROUP, PANEL, Rows, SHIFT};
use super::vectorize::vectorized;

/// The largest weight.
pub(crate) const MOST_WEIGHT: f32 = 127.0;
/// The largest quantized input.
pub(crate) const MOST_INPUT: f32 = 255.0;
/// The most inputs: 255 · 127 · 66,000 is 10 million less than 2³¹, which is for a bias.
pub(crate) const MOST_INPUTS: usize = 66_000;

/// A matrix of signed bytes, and what belongs to its columns, in the order in which kernels read them.
#[derive(Clone, PartialEq)]
pub(crate) struct Packed {
    /// The instructions for which it is packed.
    dot: Dot,
    rows: usize,
    columns: usize,
    /// Of whole panels, with zeros where there are no weights.
    panels: Vec<u8>,
    start: Vec<i32>,
    scale: Vec<f32>,
}

impl Packed {
    /// Returns the matrix of these weights, `rows` × as many columns as there are entries of `bias` and `scale`; `None` if a
    /// sum could overflow. `zero` is the zero point of the inputs.
    pub(crate) fn new(weights: &[i8], zero: u8, bias: &[i32], scale: &[f32]) -> Option<Self> {
        Packed::of(Dot::of(isa()), weights, zero, bias, scale)
    }

    fn of(dot: Dot, weights: &[i8], zero: u8, bias: &[i32], scale: &[f32]) -> Option<Self> {
        let columns = bias.len();
        let rows = weights.len() / columns.max(1);
        assert!(weights.len() == rows * columns && scale.len() == columns, "{rows} × {columns} weights");
        let whole = columns.next_multiple_of(PANEL);
        let mut packed = Packed {
            dot,
            rows,
            columns,
            panels: vec![0; groups(rows, dot) * GROUP * whole],
            start: vec![0; whole],
            scale: vec![0.0; whole],
        };
        packed.scale[..columns].copy_from_slice(scale);
        for j in 0..columns {
            let (mut sum, mut most) = (0, i64::from(bias[j]).abs());
            for i in 0..rows {
                let weight = weights[i * columns + j];
                packed.set(i, j, weight);
                sum += i64::from(weight);
                most += MOST_INPUT as i64 * i64::from(weight).abs();
            }
            packed.start[j] = (i64::from(bias[j]) - (i64::from(zero) - i64::from(SHIFT)) * sum) as i32;
            if most > i64::from(i32::MAX) {
                return None;
            }
        }
        Some(packed)
    }

    /// Returns the place of a weight, whose first byte has its value and whose second, if there is one, its sign.
    fn at(&self, row: usize, column: usize) -> usize {
        let numbers = GROUP / self.dot.bytes();
        let group = column / PANEL * groups(self.rows, self.dot) + row / numbers;
        (group * PANEL + column % PANEL) * GROUP + row % numbers * self.dot.bytes()
    }

    fn set(&mut self, row: usize, column: usize, weight: i8) {
        let at = self.at(row, column);
        let bytes = i16::from(weight).to_le_bytes();
        self.panels[at..][..self.dot.bytes()].copy_from_slice(&bytes[..self.dot.bytes()]);
    }

    /// Returns what the sums of a column begin with, if numbers are not shifted.
    #[cfg(feature = "export")]
    pub(crate) fn start(&self, column: usize) -> i32 {
        let sum: i32 = (0..self.rows).map(|row| i32::from(self.weight(row, column))).sum();
        self.start[column] - SHIFT * sum
    }

    /// Returns what the sum of a column is multiplied by.
    #[cfg(feature = "export")]
    pub(crate) fn scale(&self, column: usize) -> f32 {
        self.scale[column]
    }

    /// Returns a weight.
    pub(crate) fn weight(&self, row: usize, column: usize) -> i8 {
        self.panels[self.at(row, column)] as i8
    }
}

/// Returns the groups of so many numbers.
fn groups(numbers: usize, dot: Dot) -> usize {
    (numbers * dot.bytes()).div_ceil(GROUP)
}

/// Writes the shape alone.
impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_fmt(format_args!("Packed({}, {})", self.rows, self.columns))
    }
}

/// How numbers are stored in 8 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    /// 1 over the scale.
    pub(crate) inverse: f32,
    pub(crate) zero: u8,
}

impl Step {
    /// A number that floats have no fraction from: what is added to it is rounded, to even if it is between two whole
    /// numbers, and is in the lowest bits.
    const WHOLE: f32 = 12_582_912.0;

    /// Returns the quantized number; 0 for NaN.
    #[inline(always)]
    pub(crate) fn quantize(self, x: f32) -> u16 {
        let low = -f32::from(self.zero);
        let (scaled, high) = (x * self.inverse, low + MOST_INPUT);
        let scaled = if scaled > low { scaled } else { low };
        let scaled = if scaled < high { scaled } else { high };
        ((scaled + Step::WHOLE).to_bits() as u16).wrapping_add(self.zero.into())
    }
}

/// Some rows of numbers in 8 bits, as the instructions in use read them.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    dot: Dot,
    bytes: Vec<u8>,
    rows: usize,
    /// Bytes from a row to the next.
    stride: usize,
}

impl Default for Bytes {
    fn default() -> Self {
        Bytes::of(Dot::of(isa()))
    }
}

impl Bytes {
    fn of(dot: Dot) -> Self {
        Bytes { dot, bytes: Vec::new(), rows: 0, stride: 0 }
    }

    /// Quantizes `rows` × `columns` numbers; returns whether one is NaN.
    ///
    /// # Panics
    /// If there are not as many.
    pub(crate) fn fill(&mut self, numbers: &[f32], [rows, columns]: [usize; 2], step: Step) -> bool {
        self.rows = rows;
        self.stride = groups(columns, self.dot) * GROUP;
        assert_eq!(numbers.len(), rows * columns, "{rows} × {columns} numbers");
        // Layers take turns: memory of the widest is not cleared again and again. Bytes behind a row are multiplied by the
        // zeros behind the weights.
        if self.bytes.len() < rows * self.stride {
            self.bytes.resize(rows * self.stride, 0);
        }
        match cfg!(feature = "simd") && numbers.len() <= FEW {
            true => quantize(numbers, columns, step, self),
            false => quantize_many(numbers, columns, step, self),
        }
    }
}

/// Fewer numbers are done before the instructions for many at once are chosen.
const FEW: usize = 64;

vectorized! {
    fn quantize_many(numbers: &[f32], columns: usize, step: Step, to: &mut Bytes) -> bool {
        quantize(numbers, columns, step, to)
    }
}

#[inline(always)]
fn quantize(numbers: &[f32], columns: usize, step: Step, to: &mut Bytes) -> bool {
    let mut has_nan = false;
    let wide = to.dot.bytes() == 2;
    // Rows without a gap are as one.
    let is_whole = to.stride == columns * to.dot.bytes();
    let (rows, columns, stride) =
        if is_whole { (1, to.rows * columns, to.rows * to.stride) } else { (to.rows, columns, to.stride) };
    for row in 0..rows {
        let (from, to) = (row * columns..(row + 1) * columns, to.bytes.get_mut(row * stride..(row + 1) * stride));
        let (Some(row), Some(to)) = (numbers.get(from), to) else { return has_nan };
        if wide {
            for (&x, to) in row.iter().zip(to.as_chunks_mut().0) {
                *to = step.quantize(x).to_le_bytes();
                has_nan |= x.is_nan();
            }
        } else {
            for (&x, to) in row.iter().zip(to) {
                *to = (step.quantize(x) as u8).wrapping_sub(SHIFT as u8);
                has_nan |= x.is_nan();
            }
        }
    }
    has_nan
}

/// The rows of a product, of the quantized ones as well as of the results: every `step`-th from `first` on.
#[derive(Clone, Copy)]
pub(crate) struct Every {
    pub(crate) first: usize,
    pub(crate) step: usize,
}

/// Computes C = A · W for some rows, where results that are less than `floor` become it. C has as many columns as W.
///
/// # Panics
/// If the two are for different instructions.
pub(crate) fn product(a: &Bytes, w: &Packed, floor: f32, c: &mut [f32], Every { first, step }: Every) {
    assert_eq!(a.dot, w.dot, "instructions");
    let rows = a.rows.saturating_sub(first);
    a.dot.run(Rows {
        a: a.bytes.get(first * a.stride..).unwrap_or_default(),
        stride: step * a.stride,
        // A division takes as long as the product of a small row.
        count: if step == 1 { rows } else { rows.div_ceil(step) },
        groups: groups(w.rows, w.dot),
        panels: &w.panels,
        start: &w.start,
        scale: &w.scale,
        floor,
        c: c.get_mut(first * w.columns..).unwrap_or_default(),
        width: w.columns,
        step: step * w.columns,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    /// By the definition, in 64 bits.
    fn expected(q: &[u8], w: &[i8], bias: &[i32], zero: u8) -> Vec<i64> {
        let columns = bias.len();
        let sum = |j: usize| {
            let terms =
                q.iter().enumerate().map(|(i, &q)| (i64::from(q) - i64::from(zero)) * i64::from(w[i * columns + j]));
            i64::from(bias[j]) + terms.sum::<i64>()
        };
        (0..columns).map(sum).collect()
    }

    #[test]
    fn kernels_have_the_same_sums() {
        let mut rng = Rng::new(1);
        for dot in Dot::available() {
            // The same memory for all, from wide rows to narrow ones.
            let mut a = Bytes::of(dot);
            for (rows, depth, width) in [(8, 130, 15), (1, 64, 128), (13, 33, 40), (1, 7, 70), (2, 4, 16), (1, 1, 1)] {
                let zero = rng.next_u64() as u8;
                let w: Vec<i8> =
                    (0..depth * width).map(|_| (rng.next_u64() % 255) as i8).map(|w| w.max(-127)).collect();
                let bias: Vec<i32> = (0..width).map(|_| rng.next_u64() as i32 >> 8).collect();
                let scale: Vec<f32> = (0..width).map(|_| 0.1 + rng.uniform() as f32).collect();
                let packed = Packed::of(dot, &w, zero, &bias, &scale).unwrap();
                assert!((0..depth * width).all(|i| packed.weight(i / width, i % width) == w[i]));
                let x: Vec<f32> =
                    (0..rows * depth).map(|_| 300.0 * rng.uniform() as f32 - 20.0 - f32::from(zero)).collect();
                let step = Step { inverse: 1.0, zero };
                for (first, every) in [(0, 1), (rows / 2, 2)] {
                    let mut c = vec![-1.0; rows * width];
                    assert!(!a.fill(&x, [rows, depth], step));
                    let floor = if every == 1 { f32::NEG_INFINITY } else { 0.0 };
                    product(&a, &packed, floor, &mut c, Every { first, step: every });
                    for (row, c) in c.chunks_exact(width).enumerate() {
                        let q: Vec<u8> = x[row * depth..][..depth].iter().map(|&x| step.quantize(x) as u8).collect();
                        let mut expected: Vec<f32> =
                            expected(&q, &w, &bias, zero).iter().map(|&sum| sum as f32).collect();
                        expected.iter_mut().zip(&scale).for_each(|(sum, scale)| *sum = (*sum * scale).max(floor));
                        if row < first || (row - first) % every > 0 {
                            expected.fill(-1.0);
                        }
                        assert_eq!(c, expected, "{dot:?} {rows} × {depth} × {width}, row {row}");
                    }
                }
            }
        }
    }

    /// The largest sums of both signs, at the bound.
    #[test]
    fn sums_reach_the_bound() {
        let depth = MOST_INPUTS;
        let rest = i32::MAX - 255 * 127 * depth as i32;
        let w: Vec<i8> = [127, -127].repeat(depth);
        for zero in [0, 255] {
            assert_eq!(Packed::new(&w, zero, &[rest + 1, -rest], &[1.0; 2]), None);
            let x = vec![if zero == 0 { 1e9 } else { -1e9 }; depth];
            let most = if zero == 0 { i32::MAX as f32 } else { (rest - 255 * 127 * depth as i32) as f32 };
            for dot in Dot::available() {
                let packed = Packed::of(dot, &w, zero, &[rest, -rest], &[1.0; 2]).unwrap();
                let (mut a, mut c) = (Bytes::of(dot), [0.0; 2]);
                a.fill(&x, [1, depth], Step { inverse: 1.0, zero });
                product(&a, &packed, f32::NEG_INFINITY, &mut c, Every { first: 0, step: 1 });
                assert_eq!(c, [most, -most], "{dot:?}");
            }
        }
    }

    #[test]
    fn numbers_are_rounded_to_even_and_clamped() {
        let step = Step { inverse: 2.0, zero: 3 };
        let cases = [
            (0.0, 3),
            (0.24, 3),
            (0.25, 3),
            (0.26, 4),
            (0.75, 5),
            (-0.25, 3),
            (-0.75, 1),
            (-1.5, 0),
            (-2.0, 0),
            (125.9, 255),
            (126.0, 255),
            (f32::INFINITY, 255),
            (f32::NEG_INFINITY, 0),
            (f32::NAN, 0),
        ];
        for (x, q) in cases {
            assert_eq!(step.quantize(x), q, "{x}");
        }
        let mut bytes = Bytes::default();
        assert!(bytes.fill(&[1.0, f32::NAN, 2.0], [1, 3], step) && !bytes.fill(&[1.0; 3], [1, 3], step));
    }
}
