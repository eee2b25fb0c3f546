//! The elementary functions that networks need, in plain arithmetic.
//!
//! The platform's mathematics library is called nowhere: its last bits differ between systems, and one call per
//! element keeps a loop from being vectorized. Every function here is free of branches, so that a loop over it
//! compiles to vector instructions, and uses only operations that IEEE 754 rounds exactly, so that it gives the
//! same bits everywhere. Polynomials are those of Cephes (Moshier, 1992) unless another source is named.
#![allow(clippy::excessive_precision)] // Constants stand as their authors printed them.

#[inline(always)]
pub(crate) fn select(condition: bool, yes: f32, no: f32) -> f32 {
    if condition { yes } else { no }
}

/// Returns the sign: -1, 0 or 1; NaN for NaN.
#[inline(always)]
pub(crate) fn sign(x: f32) -> f32 {
    select(x == 0.0 || x.is_nan(), x, 1f32.copysign(x))
}

/// eˣ, within 1 unit in the last place for normal results; 0 below -104, infinite above 88.73.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding and subtracting 1.5 · 2²³ rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // Comparisons this way round let NaN through.
    let x = select(x < -104.0, -104.0, x);
    let x = select(x > 89.0, 89.0, x);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    // ln 2 in two parts, the first with so few bits that n times it is exact.
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = exp_m1_near(r) + 1.0;
    // 2ⁿ as a product of two powers, because 2¹²⁸ and 2⁻¹⁴⁹ are not normal numbers.
    let n = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    let power = |k: i32| f32::from_bits((k.wrapping_add(127) << 23) as u32);
    p * power(half) * power(n.wrapping_sub(half))
}

/// eˣ - 1 for |x| ≤ ½ ln 2.
#[inline(always)]
fn exp_m1_near(x: f32) -> f32 {
    let p = 1.987_569_1e-4;
    let p = p * x + 1.398_199_9e-3;
    let p = p * x + 8.333_452e-3;
    let p = p * x + 4.166_579_6e-2;
    let p = p * x + 1.666_666_5e-1;
    let p = p * x + 0.5;
    p * (x * x) + x
}

/// eˣ - 1, with full relative accuracy also near zero, which the plain difference would lose.
#[inline(always)]
pub(crate) fn exp_m1(x: f32) -> f32 {
    select(x.abs() < 0.34, exp_m1_near(x), exp(x) - 1.0)
}

/// The natural logarithm, within 1 unit in the last place; NaN below zero.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = select(tiny, x * 8_388_608.0, x);
    // The exponent that leaves a mantissa in [√½, √2).
    let bits = scaled.to_bits().wrapping_sub(0x3F35_04F3);
    let e = ((bits as i32) >> 23) as f32 - select(tiny, 23.0, 0.0);
    let m = f32::from_bits((bits & 0x007F_FFFF).wrapping_add(0x3F35_04F3)) - 1.0;
    let z = m * m;
    let p = 7.037_683_6e-2;
    let p = p * m - 1.151_461e-1;
    let p = p * m + 1.167_699_9e-1;
    let p = p * m - 1.242_014_1e-1;
    let p = p * m + 1.424_932_3e-1;
    let p = p * m - 1.666_805_7e-1;
    let p = p * m + 2.000_071_5e-1;
    let p = p * m - 2.499_999_4e-1;
    let p = p * m + 3.333_333e-1;
    let p = p * m * z - e * 2.121_944_4e-4 - 0.5 * z;
    let result = m + p + e * 0.693_359_4;
    let result = select(x == 0.0, f32::NEG_INFINITY, result);
    let result = select(x < 0.0, f32::NAN, result);
    // Infinity and NaN are their own logarithms.
    select(x < f32::INFINITY, result, x)
}

/// ln(1 + x) for x ≥ 0, exact if x is too small to change 1.
#[inline(always)]
pub(crate) fn ln_1p(x: f32) -> f32 {
    let u = 1.0 + x;
    // Corrects the rounding error of the sum, to first order (Kahan).
    ln(u) - select(x < 1e6, ((u - 1.0) - x) / u, 0.0)
}

/// The logistic function 1 / (1 + e⁻ˣ), with full relative accuracy for very negative x too.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    select(x < 0.0, e, 1.0) / (1.0 + e)
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let z = x * x;
    let p = -5.704_988_7e-3;
    let p = p * z + 2.063_908_9e-2;
    let p = p * z - 5.373_971_6e-2;
    let p = p * z + 1.333_144_2e-1;
    let p = p * z - 3.333_328_1e-1;
    let near = x + x * z * p;
    let far = (1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0)).copysign(x);
    select(x.abs() < 0.625, near, far)
}

/// ln(1 + eˣ), without overflow.
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    select(x < 0.0, 0.0, x) + ln_1p(exp(-x.abs()))
}

/// The normal distribution function Φ(x) = ½ erfc(-x / √2), within 5·10⁻⁷ relative in either tail where the result is
/// a normal number, so above -12.9 (Chebyshev fit of erfc: Press et al., Numerical Recipes, 1992).
#[inline(always)]
pub(crate) fn normal_cdf(x: f32) -> f32 {
    // Beyond 20 the tail is zero in single precision; clamping also keeps ∞ - ∞ out of the last lines.
    let far = select(x.abs() > 20.0, 20.0, x.abs());
    let z = far * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * z);
    let p = 0.170_872_77;
    let p = p * t - 0.822_152_23;
    let p = p * t + 1.488_515_9;
    let p = p * t - 1.135_203_9;
    let p = p * t + 0.278_868_07;
    let p = p * t - 0.186_288_06;
    let p = p * t + 0.096_784_18;
    let p = p * t + 0.374_091_96;
    let p = p * t + 1.000_023_7;
    let p = p * t - 1.265_512_2;
    // e^(-x²/2) from an x cut to 12 bits, whose square is exact, and the rest. From z, which is rounded, it would be off
    // by x²/2 times as much.
    let cut = f32::from_bits(far.to_bits() & 0xFFFF_F000);
    let tail = 0.5 * t * exp(-0.5 * (cut * cut)) * exp(0.5 * (cut - far) * (cut + far) + p);
    select(x < 0.0, tail, 1.0 - tail)
}

/// The natural logarithm in double precision, for 0 < x < ∞ and normal.
pub(crate) fn ln_f64(x: f64) -> f64 {
    let bits = x.to_bits().wrapping_sub(0x3FE6_A09E_667F_3BCD);
    let e = ((bits as i64) >> 52) as f64;
    let m = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) + 0x3FE6_A09E_667F_3BCD);
    // ln m = 2 artanh s, and |s| < 0.172: the series needs eleven terms.
    let s = (m - 1.0) / (m + 1.0);
    let series = (0..11).rev().fold(0.0, |sum, k| sum * s * s + 1.0 / f64::from(2 * k + 1));
    e * std::f64::consts::LN_2 + 2.0 * s * series
}

/// xⁿ in double precision, by squaring. A power below 10⁻¹⁵⁰ may be returned as 0: processors take some hundred times as long
/// to multiply numbers that underflow, and Adam needs such a power in every step.
pub(crate) fn power_f64(x: f64, n: u64) -> f64 {
    let (mut result, mut square, mut n) = (1.0, x, n);
    while n > 0 {
        if square.abs() < 1e-150 {
            return 0.0;
        }
        if n % 2 == 1 {
            result *= square;
        }
        square *= square;
        n /= 2;
    }
    result
}

/// Sine and cosine in double precision, for angles of a few turns.
pub(crate) fn sin_cos_f64(x: f64) -> (f64, f64) {
    let quarter = (x * std::f64::consts::FRAC_2_PI).round_ties_even();
    // π/2 in two parts.
    let r = (x - quarter * std::f64::consts::FRAC_PI_2) - quarter * 6.123_233_995_736_766e-17;
    let r2 = r * r;
    let series = |first: u32| {
        (0..10).rev().fold(0.0, |sum, k| 1.0 - sum * r2 / f64::from((2 * k + first) * (2 * k + first + 1)))
    };
    // fold builds 1 - r²/(f(f+1))·(1 - …) from the inside out.
    let (sin, cos) = (r * series(2), series(1));
    match (quarter as i64).rem_euclid(4) {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every magnitude that single precision has, both signs, with 61 mantissas each.
    fn samples() -> impl Iterator<Item = f32> {
        let ordinary = (0..255u32).flat_map(|e| (0..61u32).map(move |k| f32::from_bits((e << 23) | (k * 137_519))));
        ordinary.flat_map(|x| [x, -x])
    }

    /// The error in units of the last place of the true value; exact agreement of infinities counts as none.
    fn ulps(got: f32, truth: f64) -> f64 {
        if f64::from(got) == truth || (got.is_infinite() && got == truth as f32) {
            return 0.0;
        }
        let exponent = truth.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor();
        (f64::from(got) - truth).abs() / (exponent - 23.0).exp2()
    }

    fn worst(function: impl Fn(f32) -> f32, truth: impl Fn(f64) -> f64) -> (f64, f32) {
        samples()
            .map(|x| (ulps(function(x), truth(f64::from(x))), x))
            .fold((0.0, 0.0), |a, b| if b.0 > a.0 || b.0.is_nan() { b } else { a })
    }

    #[test]
    fn within_their_bounds() {
        let logistic = |x: f64| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) };
        for (name, (error, x), bound) in [
            ("exp", worst(exp, f64::exp), 1.0),
            ("exp_m1", worst(exp_m1, f64::exp_m1), 3.0),
            ("ln", worst(|x| ln(x.abs()), |x| x.abs().ln()), 1.0),
            ("ln_1p", worst(|x| ln_1p(x.abs()), |x| x.abs().ln_1p()), 2.0),
            ("sigmoid", worst(sigmoid, logistic), 2.0),
            ("tanh", worst(tanh, f64::tanh), 2.0),
            ("softplus", worst(softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p()), 2.0),
        ] {
            assert!(error <= bound, "{name}({x:e}) is {error} units off");
        }
    }

    #[test]
    fn double_precision() {
        for k in 1..4000 {
            let x = f64::from(k) * 0.0037;
            assert!((ln_f64(x) - x.ln()).abs() < 4e-16 * x.ln().abs().max(1.0), "ln {x}");
            let (sin, cos) = sin_cos_f64(x - 7.0);
            assert!(
                (sin - (x - 7.0).sin()).abs() < 3e-16 && (cos - (x - 7.0).cos()).abs() < 3e-16,
                "angle {}",
                x - 7.0
            );
        }
        assert_eq!((power_f64(3.0, 5), power_f64(0.5, 0), power_f64(0.0, 3)), (243.0, 1.0, 0.0));
        assert_eq!(power_f64(0.9, 1_000_000), 0.0);
        assert!((power_f64(0.999, 5000) - 0.999f64.powf(5000.0)).abs() < 1e-14);
        assert!((ln_f64(1e-300) - 1e-300f64.ln()).abs() < 1e-12);
    }

    /// Φ in double precision: a series near zero, the continued fraction of the tail beyond (Abramowitz, Stegun, 1964,
    /// 26.2.10 and 26.2.14).
    fn normal_cdf_f64(x: f64) -> f64 {
        let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        if x.abs() < 3.0 {
            let series = (1..100).rev().fold(1.0, |sum, k| 1.0 + sum * x * x / f64::from(2 * k + 1));
            return 0.5 + density * x * series;
        }
        let tail = density / (1..200).rev().fold(x.abs(), |fraction, k| x.abs() + f64::from(k) / fraction);
        if x < 0.0 { tail } else { 1.0 - tail }
    }

    #[test]
    fn normal_cdf_within_its_bound() {
        // From mpmath, with 20 digits.
        for (x, truth) in [
            (-12.5, 3.7325642988777133772e-36),
            (-9.0, 1.1285884059538406477e-19),
            (-5.5, 1.8989562465887719384e-8),
            (-3.25, 0.00057702504239076704292),
            (-2.0, 0.0227501319481792072),
            (-0.5, 0.30853753872598689636),
            (0.75, 0.77337264762313180067),
            (2.5, 0.99379033467422386483),
            (4.0, 0.99996832875816688008),
        ] {
            let got = normal_cdf_f64(x);
            assert!((got - truth).abs() < 1e-12 * truth, "{x}: {got} for {truth}");
        }
        for k in -129_000..90_000 {
            let x = 1e-4 * k as f32;
            let (got, truth) = (f64::from(normal_cdf(x)), normal_cdf_f64(f64::from(x)));
            assert!((got - truth).abs() <= 5e-7 * truth, "{x}: {got} for {truth}");
        }
    }

    #[test]
    fn normal_cdf_in_both_tails() {
        // Φ at -10, -5, -1, 0, 1, 5 from tables with more digits than single precision has.
        let table = [
            (-10.0, 7.619_853e-24),
            (-5.0, 2.866_515_7e-7),
            (-1.0, 0.158_655_25),
            (0.0, 0.5),
            (1.0, 0.841_344_75),
            (5.0, 0.999_999_7),
        ];
        for (x, truth) in table {
            let got = normal_cdf(x);
            assert!((got - truth).abs() <= 5e-7 * truth, "{x}: {got} for {truth}");
        }
        assert_eq!((normal_cdf(f32::INFINITY), normal_cdf(f32::NEG_INFINITY)), (1.0, 0.0));
    }

    #[test]
    fn nan_stays_nan() {
        for function in [exp, exp_m1, ln, ln_1p, sigmoid, tanh, softplus, normal_cdf] {
            assert!(function(f32::NAN).is_nan());
        }
        assert!(ln(-1.0).is_nan());
        assert_eq!((ln(0.0), ln(f32::INFINITY)), (f32::NEG_INFINITY, f32::INFINITY));
    }
}
