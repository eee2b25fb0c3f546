//! Products of a single row and a small matrix: a prediction for one example, a training step on one.
//!
//! They have so few multiply-adds that [`gemm`](super::gemm) would take longer to cut them into tiles than to compute
//! them. Here, too, every entry is one chain of multiply-adds in the order of the depth, so the bits are the same.

use super::isa::isa;
use super::lanes::{Lanes, Task, run_on};

/// The most numbers of such a matrix. From there on, the tiles of a product gain more than they cost.
const SMALL: usize = 4096;

/// Returns whether products of so many rows and this matrix are computed here. Code that is compiled for size has none of
/// it.
pub(crate) fn is_single(rows: usize, matrix: &[f32]) -> bool {
    cfg!(feature = "simd") && rows == 1 && matrix.len() <= SMALL
}

/// c = a · B, where `b` is row-major and has as many columns as `c` has entries.
pub(crate) fn product(a: &[f32], b: &[f32], c: &mut [f32]) {
    assert_eq!(b.len(), a.len() * c.len(), "a product of {} × {}", a.len(), c.len());
    run_on(isa(), Product { a, b, c, transposed: false });
}

/// c = a · Bᵀ, where `b` is row-major and has as many rows as `c` has entries.
pub(crate) fn product_transposed(a: &[f32], b: &[f32], c: &mut [f32]) {
    assert_eq!(b.len(), a.len() * c.len(), "a product of {} × {}", a.len(), c.len());
    run_on(isa(), Product { a, b, c, transposed: true });
}

/// C = aᵀ · b, row-major; added to C if it is to `resume`.
pub(crate) fn outer_product(a: &[f32], b: &[f32], c: &mut [f32], resume: bool) {
    assert_eq!(c.len(), a.len() * b.len(), "a product of {} × {}", a.len(), b.len());
    run_on(isa(), Outer { a, b, c, resume });
}

/// Returns a · b + c, rounded as the vectors of the instruction set do it.
#[inline(always)]
fn mul_add<L: Lanes>(a: f32, b: f32, c: f32) -> f32 {
    if const { L::FUSED } { a.mul_add(b, c) } else { a * b + c }
}

/// Runs `$stripe`, generic over its width, for all of so many entries: first for wide stripes, whose numbers stay in
/// registers.
macro_rules! stripes {
    ($count:expr, $first:ident => $stripe:ident($($argument:expr),*)) => {
        stripes!($count, $first => $stripe($($argument),*), 64 16 8 4 2 1)
    };
    ($count:expr, $first:ident => $stripe:ident $arguments:tt, $($width:literal)*) => {
        let (count, mut $first) = ($count, 0);
        $(while count - $first >= $width {
            stripes!(@call $stripe, $width, $arguments);
            $first += $width;
        })*
    };
    (@call $stripe:ident, $width:literal, ($($argument:expr),*)) => {
        $stripe::<L, $width>($($argument),*)
    };
}

struct Product<'a> {
    a: &'a [f32],
    b: &'a [f32],
    c: &'a mut [f32],
    /// Whether B is.
    transposed: bool,
}

impl Task for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Product { a, b, c, transposed } = self;
        if transposed {
            stripes!(c.len(), first => transposed_stripe(a, b, c, first), 8 4 2 1);
        } else {
            stripes!(c.len(), first => product_stripe(a, b, c, first));
        }
    }
}

#[inline(always)]
fn product_stripe<L: Lanes, const N: usize>(a: &[f32], b: &[f32], c: &mut [f32], first: usize) {
    let mut sums = [0.0; N];
    for (&a, b) in a.iter().zip(b.chunks_exact(c.len())) {
        let b = &b[first..][..N];
        for i in 0..N {
            sums[i] = mul_add::<L>(a, b[i], sums[i]);
        }
    }
    c[first..][..N].copy_from_slice(&sums);
}

#[inline(always)]
fn transposed_stripe<L: Lanes, const N: usize>(a: &[f32], b: &[f32], c: &mut [f32], first: usize) {
    let depth = a.len();
    let mut rows = [&[][..]; N];
    for i in 0..N {
        rows[i] = &b[(first + i) * depth..][..depth];
    }
    let mut sums = [0.0; N];
    for k in 0..depth {
        for i in 0..N {
            sums[i] = mul_add::<L>(a[k], rows[i][k], sums[i]);
        }
    }
    c[first..][..N].copy_from_slice(&sums);
}

struct Outer<'a> {
    a: &'a [f32],
    b: &'a [f32],
    c: &'a mut [f32],
    resume: bool,
}

impl Task for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Outer { a, b, c, resume } = self;
        if !resume {
            c.fill(0.0);
        }
        stripes!(b.len(), first => outer_stripe(a, b, c, first));
    }
}

#[inline(always)]
fn outer_stripe<L: Lanes, const N: usize>(a: &[f32], b: &[f32], c: &mut [f32], first: usize) {
    let mut stripe = [0.0; N];
    stripe.copy_from_slice(&b[first..][..N]);
    for (&a, c) in a.iter().zip(c.chunks_exact_mut(b.len())) {
        let c = &mut c[first..][..N];
        for i in 0..N {
            c[i] = mul_add::<L>(a, stripe[i], c[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::linalg::isa::Isa;

    fn bits(numbers: &[f32]) -> Vec<u32> {
        numbers.iter().map(|x| x.to_bits()).collect()
    }

    /// By the definition, for every instruction set and stripes of all widths.
    #[test]
    fn entries_are_chains() {
        let mut rng = Rng::new(1);
        let shapes = [(0, 3), (1, 1), (4, 16), (16, 3), (3, 16), (7, 127), (127, 7), (5, 0)];
        for (isa, (depth, width)) in Isa::ALL.into_iter().flat_map(|isa| shapes.map(|shape| (isa, shape))) {
            if !isa.is_available() {
                continue;
            }
            let is_fused = matches!(isa, Isa::Avx512 | Isa::Avx2 | Isa::Neon);
            let mul_add = |a: f32, b: f32, c: f32| if is_fused { a.mul_add(b, c) } else { a * b + c };
            let mut random = |count: usize| (0..count).map(|_| rng.normal() as f32).collect::<Vec<f32>>();
            let (row, matrix, column) = (random(depth), random(depth * width), random(width));
            let chain = |j: usize| (0..depth).fold(0.0, |sum, k| mul_add(row[k], matrix[k * width + j], sum));
            let mut c = vec![f32::NAN; width];
            run_on(isa, Product { a: &row, b: &matrix, c: &mut c, transposed: false });
            assert_eq!(bits(&c), bits(&(0..width).map(chain).collect::<Vec<f32>>()), "{isa} {depth} × {width}");

            let chain = |i: usize| (0..width).fold(0.0, |sum, k| mul_add(column[k], matrix[i * width + k], sum));
            let mut c = vec![f32::NAN; depth];
            run_on(isa, Product { a: &column, b: &matrix, c: &mut c, transposed: true });
            assert_eq!(bits(&c), bits(&(0..depth).map(chain).collect::<Vec<f32>>()), "{isa} {depth} × {width}");

            let mut c = vec![f32::NAN; depth * width];
            for resume in [false, true] {
                let before: Vec<f32> = if resume { c.clone() } else { vec![0.0; c.len()] };
                let entry = |i: usize| mul_add(row[i / width], column[i % width], before[i]);
                run_on(isa, Outer { a: &row, b: &column, c: &mut c, resume });
                assert_eq!(bits(&c), bits(&(0..c.len()).map(entry).collect::<Vec<f32>>()), "{isa} {depth} × {width}");
            }
        }
    }
}
