//! The scale of an axis: its range, and ticks at round numbers (after Heckbert, 1990).

/// A range of numbers, which are mapped to fractions from 0 to 1.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
}

/// A labeled number of an axis.
pub(super) struct Tick {
    pub value: f64,
    pub label: String,
}

impl Scale {
    /// Returns the scale of all finite values; logarithmic if that is wanted and all are above 0.
    pub fn of(values: &mut dyn Iterator<Item = f64>, is_log: bool) -> Scale {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if low == high {
            let margin = if low == 0.0 { 1.0 } else { low.abs() / 2.0 };
            (low, high) = ((low - margin).max(f64::MIN), (high + margin).min(f64::MAX));
        }
        Scale { low, high, is_log: is_log && low >= f64::MIN_POSITIVE }
    }

    /// Returns the scale with a margin on both sides, so that no mark lies on the border.
    pub fn with_margin(self) -> Scale {
        const MARGIN: f64 = 0.03;
        let (low, high) = (self.number(-MARGIN), self.number(1.0 + MARGIN));
        // A range of double precision's largest or smallest numbers has none.
        let is_sound = low.is_finite() && high.is_finite() && (!self.is_log || low >= f64::MIN_POSITIVE);
        if is_sound { Scale { low, high, ..self } } else { self }
    }

    fn measure(&self, value: f64) -> f64 {
        if self.is_log { value.ln() } else { value }
    }

    /// Returns the fraction of the range below a value; NaN if it has none.
    pub fn fraction(&self, value: f64) -> f64 {
        let (low, high) = (self.measure(self.low), self.measure(self.high));
        // Halves, because the difference of two numbers may be infinite.
        (self.measure(value) / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
    }

    /// Returns the value at a fraction of the range.
    pub fn number(&self, fraction: f64) -> f64 {
        let (low, high) = (self.measure(self.low), self.measure(self.high));
        let value = low * (1.0 - fraction) + high * fraction;
        if self.is_log { value.exp() } else { value }
    }

    /// Returns at most so many ticks inside the range, at least one of a range that has a round number.
    pub fn ticks(&self, most: usize) -> Vec<Tick> {
        if self.is_log {
            let all = [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]];
            let found = all.iter().map(|steps| self.powers(steps));
            if let Some(ticks) = found.into_iter().find(|ticks| (2..=most).contains(&ticks.len())) {
                return ticks;
            }
        }
        let rough = (self.high / most as f64 - self.low / most as f64).max(f64::MIN_POSITIVE);
        let power = 10f64.powi(rough.log10().floor() as i32);
        let mut step = [1.0, 2.0, 5.0, 10.0].map(|unit| unit * power).into_iter().find(|step| *step >= rough);
        loop {
            let size = step.unwrap_or(rough);
            let (first, last) = ((self.low / size).ceil(), (self.high / size).floor());
            if last - first < most as f64 {
                let values = (0..=(last - first).max(0.0) as usize).map(|i| (first + i as f64) * size);
                return values.map(|value| Tick { value, label: label(value, size) }).collect();
            }
            step = Some(size * 2.0);
        }
    }

    /// Returns ticks at these multiples of the powers of ten.
    fn powers(&self, steps: &[f64]) -> Vec<Tick> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let values = (first..=last).flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
        let inside = values.filter(|value| (self.low..=self.high).contains(value));
        let tick = |value: f64| Tick { value, label: label(value, value) };
        inside.map(tick).collect()
    }
}

/// Returns a multiple of a step in as many digits as tell it from the next one: with an exponent, if it would be long
/// without.
fn label(value: f64, step: f64) -> String {
    let value = if value.abs() < step / 2.0 { 0.0 } else { value };
    // A step may be a little less than the round number that it stands for.
    let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.len() <= 7 && (value != 0.0 || decimals < 5) {
        return text;
    }
    let digits = (value.abs() / step).max(1.0).log10().round().clamp(0.0, 9.0) as usize;
    let with_exponent = format!("{value:.digits$e}");
    let short = match with_exponent.split_once('e') {
        Some((digits, exponent)) => {
            let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
            if exponent == "0" { digits.to_string() } else { format!("{digits}e{exponent}") }
        }
        None => with_exponent,
    };
    if text.len() <= short.len() { text } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, is_log: bool, most: usize) -> Vec<String> {
        let scale = Scale::of(&mut [low, high].into_iter(), is_log);
        scale.ticks(most).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(0.0, 1.0, false, 6), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(1.0, 60.0, false, 4), ["20", "40", "60"]);
        assert_eq!(labels(-3.2, 3.1, false, 5), ["-2", "0", "2"]);
        assert_eq!(labels(0.001, 10.0, true, 5), ["0.001", "0.01", "0.1", "1", "10"]);
        assert_eq!(labels(0.2, 3.0, true, 5), ["0.2", "0.5", "1", "2"]);
        assert_eq!(labels(0.0, 2e9, false, 3), ["0", "1e9", "2e9"]);
        assert_eq!(labels(0.0, 3e-7, false, 4), ["0", "1e-7", "2e-7", "3e-7"]);
        assert_eq!(labels(123_456.0, 123_458.0, false, 4), ["123456", "123457", "123458"]);
        assert_eq!(labels(1_234_567.0, 1_234_567.5, false, 3), ["1234567.0", "1234567.2", "1234567.4"]);
        // One value, no value, and the largest ones.
        assert_eq!(labels(4.0, 4.0, false, 5), ["2", "3", "4", "5", "6"]);
        assert_eq!(labels(f64::NAN, f64::INFINITY, false, 2), ["0", "1"]);
        assert!(!labels(-f64::MAX, f64::MAX, false, 5).is_empty());
    }

    #[test]
    fn few_ticks_for_any_range() {
        for power in -300..300 {
            for (low, high) in [(0.0, 1.0), (-0.3, 0.7), (0.99, 1.0), (1.0, 7.3)] {
                let size = 10f64.powi(power);
                for is_log in [false, true] {
                    let ticks = labels(low * size, high * size, is_log, 5);
                    assert!((1..=5).contains(&ticks.len()), "{low} {high} {power} {ticks:?}");
                    assert!(ticks.iter().all(|tick| tick.len() <= 10), "{ticks:?}");
                }
            }
        }
    }

    #[test]
    fn fractions_and_back() {
        for (low, high, is_log) in [(0.0, 8.0, false), (1e-3, 10.0, true), (-f64::MAX, f64::MAX, false)] {
            let scale = Scale::of(&mut [high, f64::NAN, low].into_iter(), is_log);
            assert_eq!([low, high].map(|x| scale.fraction(x)), [0.0, 1.0]);
            assert!((scale.fraction(scale.number(0.3)) - 0.3).abs() < 1e-12);
        }
        assert!(Scale::of(&mut [0.0, 1.0].into_iter(), true).fraction(0.5) == 0.5, "0 has no logarithm");
    }
}
