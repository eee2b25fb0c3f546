//! The search for a step length along a direction.

/// The fraction of the decrease predicted by the slope at the start that a step must bring (c₁).
const DECREASE: f64 = 1e-4;
/// The largest slope at the end, as a fraction of that at the start (c₂).
const SLOPE: f64 = 0.9;
/// The relative error of a value that is due to rounding to single precision.
const NOISE: f64 = 1e-7;
/// The most evaluations of one search.
const MOST: usize = 25;

/// A point on the line: the step length, the function there, and its slope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) step: f64,
    pub(crate) value: f64,
    pub(crate) slope: f64,
}

impl Point {
    /// A value or slope that is not finite, of a step that is too long, counts as infinitely high.
    fn new(step: f64, (value, slope): (f64, f64)) -> Self {
        let value = if value.is_finite() && slope.is_finite() { value } else { f64::INFINITY };
        Point { step, value, slope }
    }
}

/// Returns a step at which the function is lower and flatter than at `start`, by the strong Wolfe conditions (Nocedal,
/// Wright, 2006, algorithms 3.5 and 3.6), or at least lower, if rounding leaves no such step to be found; `None` if no
/// step decreases the function. Near a minimum the slope is exact when the value no longer is, so a flatter point may
/// be higher by a rounding error (after Hager, Zhang, 2005).
///
/// `function` returns value and slope at a step. The first step tried is `first`, and the last call is for the step
/// that is returned. The slope at the start must be negative.
pub(crate) fn search(start: Point, first: f64, mut function: impl FnMut(f64) -> (f64, f64)) -> Option<Point> {
    let decreases = |point: Point| point.value <= start.value + DECREASE * point.step * start.slope;
    let rounded = |point: Point| (point.value - start.value).abs() <= NOISE * start.value.abs();
    let is_flat = |point: Point| point.slope.abs() <= SLOPE * start.slope.abs();
    let (mut low, mut high) = (start, None);
    let mut step = first;
    for _ in 0..MOST {
        let point = Point::new(step, function(step));
        if is_flat(point) && (decreases(point) || rounded(point)) {
            return Some(point);
        }
        if !decreases(point) || point.value >= low.value && low.step > 0.0 {
            high = Some(point);
        } else {
            // There is a minimum between two points if the function descends from the lower one toward the other.
            let away = high.map_or(1.0, |high: Point| high.step - low.step);
            if point.slope * away >= 0.0 {
                high = Some(low);
            }
            low = point;
        }
        step = match high {
            None => beyond(low),
            Some(high) => between(low, high),
        };
        // Rounding leaves no step between the two.
        if high.is_some_and(|high| (high.step - low.step).abs() <= 1e-10 * high.step.max(low.step)) {
            break;
        }
    }
    // The caller keeps the state of the last call, which must be for this point.
    (low.step > 0.0).then(|| Point::new(low.step, function(low.step)))
}

/// Returns a step beyond a point at which the function still decreases steeply.
fn beyond(point: Point) -> f64 {
    3.0 * point.step
}

/// Returns a step between two: at the minimum of the cubic through values and slopes of both, but not too near to
/// either.
fn between(low: Point, high: Point) -> f64 {
    let width = high.step - low.step;
    let half = low.step + 0.5 * width;
    if !high.value.is_finite() {
        return low.step + 0.1 * width;
    }
    let bend = low.slope + high.slope - 3.0 * (high.value - low.value) / width;
    let root = (bend * bend - low.slope * high.slope).sqrt() * width.signum();
    let part = 1.0 - (high.slope + root - bend) / (high.slope - low.slope + 2.0 * root);
    if part.is_finite() { low.step + width * part.clamp(0.1, 0.9) } else { half }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both of the strong Wolfe conditions, written out.
    fn assert_wolfe(start: Point, found: Point, name: &str) {
        assert!(found.value <= start.value + 1e-4 * found.step * start.slope, "{name}: {found:?} is not low enough");
        assert!(found.slope.abs() <= 0.9 * start.slope.abs(), "{name}: {found:?} is too steep");
    }

    #[test]
    fn steps_meet_the_wolfe_conditions() {
        type Function = fn(f64) -> (f64, f64);
        let functions: [(&str, Function); 6] = [
            ("parabola", |a| ((a - 3.0).powi(2), 2.0 * (a - 3.0))),
            ("narrow", |a| (1e6 * (a - 1e-3).powi(2), 2e6 * (a - 1e-3))),
            // From Moré and Thuente (1994), their first and second test functions.
            ("concave", |a| (-a / (a * a + 2.0), (a * a - 2.0) / (a * a + 2.0).powi(2))),
            ("steep end", |a| {
                ((a + 0.004).powi(5) - 2.0 * (a + 0.004).powi(4), {
                    5.0 * (a + 0.004).powi(4) - 8.0 * (a + 0.004).powi(3)
                })
            }),
            ("waves", |a| (-a + 0.5 * (5.0 * a).cos() + 0.05 * a * a, -1.0 - 2.5 * (5.0 * a).sin() + 0.1 * a)),
            (
                "wall",
                |a| if a < 2.0 { (-a + 1.0 / (2.0 - a), -1.0 + 1.0 / (2.0 - a).powi(2)) } else { (f64::NAN, 1.0) },
            ),
        ];
        for (name, function) in functions {
            let (value, slope) = function(0.0);
            for first in [1e-3, 0.1, 1.0, 1.9, 10.0, 1e3] {
                let start = Point { step: 0.0, value, slope };
                let found = search(start, first, function).expect(name);
                assert_eq!(function(found.step), (found.value, found.slope));
                assert_wolfe(start, found, &format!("{name} from {first}"));
            }
        }
    }
}
