//! One pass over some parameters, their gradient and their moments.

use super::penalty::Adjustment;
use crate::base::math::{select, sign};
use crate::linalg::vectorize::{Vectorized, vectorize};

/// A rule at one step, for any single parameter with its `N` moments.
pub(super) trait Update<const N: usize>: Copy {
    /// Returns the parameter after the step, and updates its moments.
    ///
    /// Implementations are marked `#[inline(always)]`, to be compiled for the instruction set in use.
    fn apply(self, parameter: f32, gradient: f32, moments: &mut [f32; N]) -> f32;
}

/// Returns a running mean, or zero for one that is next to nothing: without gradients, as those of a dead ReLU unit,
/// running means decrease until they are subnormal, and processors take up to a hundred times as long to multiply those.
/// Such a mean is too small to show in a parameter.
#[inline(always)]
pub(super) fn settled(mean: f32) -> f32 {
    // Its factor, 1 - β₂ for example, is hardly ever less than 1/1024.
    select(mean.abs() < 1024.0 * f32::MIN_POSITIVE, 0.0, mean)
}

/// A change of a parameter and its gradient before the rule is applied.
trait Before: Copy {
    fn adjust(self, parameter: f32, gradient: f32) -> (f32, f32);
}

/// No change.
impl Before for () {
    #[inline(always)]
    fn adjust(self, w: f32, g: f32) -> (f32, f32) {
        (w, g)
    }
}

impl Before for Adjustment {
    #[inline(always)]
    fn adjust(self, w: f32, g: f32) -> (f32, f32) {
        let g = if g > self.limit { self.limit } else { g };
        let g = if g < -self.limit { -self.limit } else { g };
        (self.kept * w, g + self.l2 * w + self.l1 * sign(w))
    }
}

/// Some parameters, with their gradient and moments.
pub(super) struct Part<'a> {
    pub(super) parameters: &'a mut [f32],
    pub(super) gradient: &'a [f32],
    /// The moments of all parameters, and the index of the first of these among them.
    pub(super) moments: &'a mut [Vec<f32>; 3],
    pub(super) start: usize,
}

impl Part<'_> {
    /// Updates all of the parameters, and returns whether they are all finite. The parameters do not depend on each
    /// other, so any division into parts gives the same bits.
    pub(super) fn update<const N: usize>(self, update: impl Update<N>, adjustment: Adjustment) -> bool {
        let Part { parameters, gradient, moments, start } = self;
        let mut moments = moments.iter_mut();
        let moments = std::array::from_fn(|_| {
            let moment = moments.next().expect("a rule has three moments at most");
            &mut moment[start..][..parameters.len()]
        });
        if adjustment == Adjustment::NONE {
            vectorize(Pass { update, before: (), parameters, gradient, moments })
        } else {
            vectorize(Pass { update, before: adjustment, parameters, gradient, moments })
        }
    }
}

/// As many parameters as the compiler updates at a time, by four of the widest vectors.
const BLOCK: usize = 64;
/// The fewest parameters that are updated so.
const MANY: usize = 256;
/// Others are updated by the widest vector: one by one, a small tensor would take longer than all else in a step.
const GROUP: usize = 16;

struct Pass<'a, U, B, const N: usize> {
    update: U,
    before: B,
    parameters: &'a mut [f32],
    gradient: &'a [f32],
    moments: [&'a mut [f32]; N],
}

impl<U: Update<N>, B: Before, const N: usize> Vectorized for Pass<'_, U, B, N> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let finite = f32::INFINITY.to_bits() << 1;
        if cfg!(not(feature = "simd")) {
            // More copies of the loop would be for nothing where code is compiled for size.
            return self.update() < finite;
        }
        let Pass { update, before, parameters, gradient, mut moments } = self;
        let count = parameters.len();
        let mut largest = 0;
        // Groups of a constant length become vectors.
        macro_rules! run {
            ($start:expr, $count:expr) => {
                let part = Pass {
                    update,
                    before,
                    parameters: &mut parameters[$start..][..$count],
                    gradient: &gradient[$start..][..$count],
                    moments: moments.each_mut().map(|moment| &mut moment[$start..][..$count]),
                };
                largest = largest.max(part.update());
            };
        }
        let mut start = 0;
        if count >= MANY {
            start = count / BLOCK * BLOCK;
            run!(0, start);
        }
        // A loop that might be long would be vectorized over the groups, with gathers of every 16th number.
        for _ in 0..(count - start) % MANY / GROUP {
            run!(start, GROUP);
            start += GROUP;
        }
        run!(start, count - start);
        largest < finite
    }
}

impl<U: Update<N>, B: Before, const N: usize> Pass<'_, U, B, N> {
    /// Updates the parameters; returns the bits of the largest, without its sign.
    #[inline(always)]
    fn update(self) -> u32 {
        let Pass { update, before, parameters, gradient, moments } = self;
        // With all lengths known to be one, no access is checked.
        let count = parameters.len();
        let gradient = &gradient[..count];
        let moments = moments.map(|moment| &mut moment[..count]);
        let mut largest = 0;
        for i in 0..count {
            let (w, g) = before.adjust(parameters[i], gradient[i]);
            let mut at = [0.0; N];
            for k in 0..N {
                at[k] = moments[k][i];
            }
            let updated = update.apply(w, g, &mut at);
            for k in 0..N {
                moments[k][i] = at[k];
            }
            parameters[i] = updated;
            // Without their signs, numbers are ordered as their bits are.
            largest = largest.max(updated.to_bits() << 1);
        }
        largest
    }
}
