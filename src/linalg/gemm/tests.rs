//! Every instruction set of this machine against the definition, evaluated in double precision.

use proptest::prelude::*;

use super::*;
use crate::base::rng::Rng;
use crate::linalg::lanes::{Lanes, Task};
use crate::linalg::lines::Lines;
use crate::linalg::matrix::Matrix;
use crate::linalg::vectorize::{Vectorized, vectorize};

/// Adds to every entry a number that encodes its index, and doubles it: an epilogue that runs twice, not at all,
/// or at the wrong index shows.
fn marking(entries: &mut [f32], rows: Range<usize>, columns: Range<usize>) {
    assert_eq!(entries.len(), rows.len() * columns.len());
    let indices = rows.flat_map(|row| columns.clone().map(move |column| (row, column)));
    for (x, (row, column)) in entries.iter_mut().zip(indices) {
        *x = 2.0 * (*x + mark(row, column));
    }
}

fn mark(row: usize, column: usize) -> f32 {
    (row * 7 + column) as f32 / 16.0
}

fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

fn random(rng: &mut Rng, rows: usize, columns: usize) -> Matrix {
    Matrix::from_fn(rows, columns, |_, _| (rng.next_u64() >> 40) as f32 / 8_388_608.0 - 1.0)
}

/// The matrix as a factor, stored as it is or transposed.
fn stored(matrix: &Matrix, transposed: bool) -> Matrix {
    if transposed { matrix.transpose() } else { matrix.clone() }
}

fn factor(stored: &Matrix, transposed: bool) -> MatrixView<'_> {
    if transposed { stored.operand().transposed() } else { stored.operand() }
}

/// The product by one instruction set, from factors stored in either way, with room behind them and without. C starts as
/// NaN, which must be overwritten.
fn compute(isa: Isa, a: &Matrix, b: &Matrix, transposed: (bool, bool), epilogue: &Epilogue) -> Matrix {
    let (left, right) = (stored(a, transposed.0), stored(b, transposed.1));
    let alone = |matrix: &Matrix| Matrix::from_vec(matrix.rows(), matrix.columns(), matrix.as_slice().to_vec());
    let [with_room, without] = [(&left, &right), (&alone(&left), &alone(&right))].map(|(left, right)| {
        let mut c = Matrix::filled(a.rows(), b.columns(), f32::NAN);
        let (a, b) = (factor(left, transposed.0), factor(right, transposed.1));
        product_on(isa, Product { a, b, c: c.as_mut_slice(), stride: b.columns(), epilogue, resume: false });
        c
    });
    let bits = |matrix: &Matrix| matrix.as_slice().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&with_room), bits(&without), "{isa} {:?} · {:?} {transposed:?}", a.shape(), b.shape());
    without
}

/// Compares with the definition. The error of a chain of K rounded multiply-adds is at most K units of 2⁻²⁴ (twice
/// that if the product is rounded too) of the sum of magnitudes (Higham, 2002, section 3.1).
fn check(isa: Isa, a: &Matrix, b: &Matrix, transposed: (bool, bool)) {
    let plain = compute(isa, a, b, transposed, &nothing);
    let marked = compute(isa, a, b, transposed, &marking);
    let entry = |i, j| format!("{isa} {:?} · {:?} {transposed:?} at ({i}, {j})", a.shape(), b.shape());
    for i in 0..a.rows() {
        for j in 0..b.columns() {
            let terms = (0..a.columns()).map(|k| f64::from(a[(i, k)]) * f64::from(b[(k, j)]));
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()));
            let bound = 1.01 * (2 * a.columns()) as f64 * 2f64.powi(-24) * size;
            let got = plain[(i, j)];
            if sum.is_finite() {
                assert!((f64::from(got) - sum).abs() <= bound, "{}: {got} for {sum} ± {bound:e}", entry(i, j));
                assert_eq!(marked[(i, j)], 2.0 * (got + mark(i, j)), "{}: the epilogue", entry(i, j));
            } else {
                let same = if sum.is_nan() { got.is_nan() } else { f64::from(got) == sum };
                assert!(same, "{}: {got} for {sum}", entry(i, j));
            }
        }
    }
}

fn check_all(a: &Matrix, b: &Matrix) {
    for isa in available() {
        for transposed in [(false, false), (false, true), (true, false), (true, true)] {
            check(isa, a, b, transposed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_shape(rows in 0usize..45, depth in 0usize..70, columns in 0usize..75, seed: u64) {
        let mut rng = Rng::new(seed);
        check_all(&random(&mut rng, rows, depth), &random(&mut rng, depth, columns));
    }

    /// Infinities and NaN come out where the definition has them, and nowhere else.
    #[test]
    fn not_finite(rows in 1usize..20, depth in 1usize..20, columns in 1usize..40, seed: u64, which in 0usize..4) {
        let mut rng = Rng::new(seed);
        let (mut a, mut b) = (random(&mut rng, rows, depth), random(&mut rng, depth, columns));
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0][which];
        a[(seed as usize % rows, seed as usize / 64 % depth)] = odd;
        b[(seed as usize / 7 % depth, seed as usize / 3 % columns)] = f32::INFINITY;
        check_all(&a, &b);
    }
}

/// Sizes around those of tiles and vectors, in every combination.
#[test]
fn edges() {
    let mut rng = Rng::new(1);
    for rows in [1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 29] {
        for columns in [1, 3, 4, 8, 10, 15, 16, 17, 31, 32, 33, 65, 127, 128, 129] {
            for depth in [1, 2, 17] {
                check_all(&random(&mut rng, rows, depth), &random(&mut rng, depth, columns));
            }
        }
    }
}

/// Sizes that are cut into blocks, in depth and in columns.
#[test]
fn blocks() {
    let mut rng = Rng::new(2);
    for (rows, depth, columns) in
        [(61, 523, 33), (60, 300, 1050), (61, 257, 521), (3, 300, 530), (1, 515, 257), (30, 513, 1030)]
    {
        check_all(&random(&mut rng, rows, depth), &random(&mut rng, depth, columns));
    }
}

/// A row of the product has the same bits whatever rows and columns are computed with it, however the factors are
/// stored; and fused multiply-adds are the same on every instruction set.
#[test]
fn rows_are_independent() {
    let mut rng = Rng::new(3);
    for (depth, columns) in [(300, 37), (784, 128), (700, 600)] {
        let (a, b) = (random(&mut rng, 63, depth), random(&mut rng, depth, columns));
        let mut fused: Option<Matrix> = None;
        for isa in available() {
            let whole = compute(isa, &a, &b, (false, false), &nothing);
            for transposed in [(false, true), (true, false), (true, true)] {
                assert_eq!(compute(isa, &a, &b, transposed, &nothing), whole, "{isa} {transposed:?}");
            }
            for rows in [1, 2, 3, 5, 15, 62] {
                let first = a.select_rows(&(0..rows).collect::<Vec<_>>());
                for transposed in [(false, false), (false, true)] {
                    let part = compute(isa, &first, &b, transposed, &nothing);
                    assert_eq!(
                        part.as_slice(),
                        &whole.as_slice()[..rows * columns],
                        "{isa}, {rows} rows {transposed:?}"
                    );
                }
            }
            let narrow = Matrix::from_fn(depth, 1, |k, _| b[(k, columns - 1)]);
            let column = compute(isa, &a, &narrow, (false, false), &nothing);
            assert!((0..63).all(|i| column[(i, 0)] == whole[(i, columns - 1)]), "{isa}, one column");
            if !matches!(isa, Isa::Sse2 | Isa::Portable) {
                assert_eq!(*fused.get_or_insert_with(|| whole.clone()), whole, "{isa}");
            }
        }
    }
}

/// A product in parts, of the rows of C and of the depth, has the same bits as the whole.
#[test]
fn parts_make_the_whole() {
    let mut rng = Rng::new(4);
    for (rows, depth, columns) in [(63, 64, 37), (5, 700, 128), (100, 33, 10), (17, 6, 1)] {
        let (a, b) = (random(&mut rng, rows, depth), random(&mut rng, depth, columns));
        for isa in available() {
            let whole = compute(isa, &a, &b, (false, false), &nothing);
            for transposed in [(false, false), (true, false), (false, true), (true, true)] {
                let (left, right) = (stored(&a, transposed.0), stored(&b, transposed.1));
                let (left, right) = (factor(&left, transposed.0), factor(&right, transposed.1));
                let mut c = Matrix::filled(rows, columns, f32::NAN);
                let (row_cuts, depth_cuts) = ([0, rows / 3, rows], [0, 0, depth / 4, depth - 1, depth]);
                for rows in row_cuts.windows(2).map(|cut| cut[0]..cut[1]) {
                    let c = &mut c.as_mut_slice()[rows.start * columns..rows.end * columns];
                    for (i, depth) in depth_cuts.windows(2).map(|cut| cut[0]..cut[1]).enumerate() {
                        let left = left.select_rows(rows.clone()).transposed().select_rows(depth.clone()).transposed();
                        let b = right.select_rows(depth);
                        let product = Product { a: left, b, c, stride: b.columns(), epilogue: &nothing, resume: i > 0 };
                        product_on(isa, product);
                    }
                }
                assert_eq!(c, whole, "{isa} {transposed:?}");
            }
        }
    }
}

/// Rows of a product that lie apart have the bits of the whole, and nothing between them changes; so do factors of every
/// third row.
#[test]
fn rows_apart() {
    let mut rng = Rng::new(6);
    for (rows, depth, columns) in [(63, 64, 37), (5, 700, 128), (100, 33, 10), (17, 6, 1), (40, 300, 520), (0, 3, 2)] {
        let (tall, b) = (random(&mut rng, 3 * rows, depth), random(&mut rng, depth, columns));
        let a = tall.select_rows(&(0..rows).map(|i| 3 * i + 1).collect::<Vec<_>>());
        let whole = a.matmul(&b);
        let transposed = stored(&b, true);
        for b in [factor(&b, false), factor(&transposed, true)] {
            let stride = columns + 3;
            let mut c = vec![7.0; rows * stride];
            product_apart(tall.operand().every(1, 3), b, &mut c, stride);
            for (i, row) in c.chunks(stride).enumerate() {
                assert_eq!(&row[..columns], whole.row(i), "row {i}");
                assert_eq!(row[columns..], [7.0; 3]);
            }
        }
        let (left, mut sum) = (random(&mut rng, 3 * rows, 4), Matrix::zeros(4, depth));
        product(left.operand().every(2, 3).transposed(), tall.operand().every(1, 3), sum.as_mut_slice());
        let every = left.select_rows(&(0..rows).map(|i| 3 * i + 2).collect::<Vec<_>>());
        assert_eq!(sum, every.transpose().matmul(&a));
    }
}

/// Every method that works on memory without further checks refuses too short a matrix, by a number.
#[test]
fn tiles_outside_their_matrices_panic() {
    const GAP: usize = 3;
    fn lines(data: &[f32], length: usize) -> Lines<'_> {
        Lines { data, stride: length + GAP }
    }
    /// A tile of 2 × 1 vectors, with one number fewer in the matrix of this index.
    struct Tile(usize);
    impl Task for Tile {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self) {
            let depth = 5;
            let numbers = |lines: usize, length: usize, which| {
                vec![1.0; (lines - 1) * (length + GAP) + length - usize::from(self.0 == which)]
            };
            let (a, a_transposed) = (numbers(2, depth, 0), numbers(depth, 2, 1));
            let (b, mut c, square) =
                (numbers(depth, L::COUNT, 2), numbers(2, L::COUNT, 3), numbers(L::COUNT, L::COUNT, 4));
            let mut sums = [[L::splat(0.0)]; 2];
            L::multiply::<2, 1, false>(&mut sums, depth, lines(&a, depth), lines(&b, L::COUNT));
            L::multiply::<2, 1, true>(&mut sums, depth, lines(&a_transposed, 2), lines(&b, L::COUNT));
            match self.0 {
                5 => sums = L::load_tile(lines(&c[1..], L::COUNT)),
                _ => L::store_tile(sums, &mut c, L::COUNT + GAP),
            }
            let [[first], _] = sums;
            first.store(&mut c);
            L::load_transposed(lines(&square, L::COUNT))[0].store(&mut c[L::COUNT..]);
        }
    }
    for isa in available() {
        for index in 0..=6 {
            let result = std::panic::catch_unwind(|| run_on(isa, Tile(index)));
            assert_eq!(result.is_ok(), index == 6, "{isa}, matrix {index}");
        }
    }
}

/// Element-wise work runs, and gives what it gives anywhere.
#[test]
fn vectorized_work() {
    struct Squares<'a>(&'a mut [f32]);
    impl Vectorized for Squares<'_> {
        type Output = f32;
        #[inline(always)]
        fn run(self) -> f32 {
            self.0.iter_mut().for_each(|x| *x *= *x);
            self.0[2]
        }
    }
    let mut numbers = [1.0, 2.0, 3.0, 4.0, 5.0];
    assert_eq!(vectorize(Squares(&mut numbers)), 9.0);
    assert_eq!(numbers, [1.0, 4.0, 9.0, 16.0, 25.0]);
}
