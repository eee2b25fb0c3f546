//! Tensors of constants: initializers, the values of Constant nodes, and what is computed of them.

use std::rc::Rc;

use crate::format::protobuf::read::{Damage, Fields, Wire};

/// Reads a file beside the graph, by its name.
pub(super) type Outside<'a> = dyn Fn(&str) -> Result<Rc<[u8]>, Damage> + 'a;

/// Numbers or texts in a shape.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) dims: Vec<usize>,
    pub(super) values: Values,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
    Texts(Vec<String>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Values::Floats(all) => all.len(),
            Values::Integers(all) => all.len(),
            Values::Texts(all) => all.len(),
        }
    }
}

/// The data types that are read, as ONNX numbers them.
const FLOAT: i64 = 1;
const UINT8: i64 = 2;
const INT8: i64 = 3;
const INT32: i64 = 6;
const INT64: i64 = 7;
const STRING: i64 = 8;
const BOOL: i64 = 9;
const DOUBLE: i64 = 11;

impl Tensor {
    pub(super) fn floats(values: Vec<f32>) -> Self {
        Tensor { dims: vec![values.len()], values: Values::Floats(values) }
    }

    pub(super) fn integers(values: Vec<i64>) -> Self {
        Tensor { dims: vec![values.len()], values: Values::Integers(values) }
    }

    pub(super) fn texts(values: Vec<String>) -> Self {
        Tensor { dims: vec![values.len()], values: Values::Texts(values) }
    }

    pub(super) fn scalar(value: f32) -> Self {
        Tensor { dims: Vec::new(), values: Values::Floats(vec![value]) }
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns the entries as floats; `None` if they are texts, or integers that no float is equal to.
    pub(super) fn numbers(&self) -> Option<Vec<f32>> {
        match &self.values {
            Values::Floats(all) => Some(all.clone()),
            Values::Integers(all) => all.iter().map(|&x| (x.unsigned_abs() <= 1 << 24).then_some(x as f32)).collect(),
            Values::Texts(_) => None,
        }
    }

    /// Returns the entries, if they are integers.
    pub(super) fn whole(&self) -> Option<&[i64]> {
        if let Values::Integers(all) = &self.values { Some(all) } else { None }
    }

    /// Returns the entries as texts; `None` if they are fractions.
    pub(super) fn words(&self) -> Option<Vec<String>> {
        match &self.values {
            Values::Texts(all) => Some(all.clone()),
            Values::Integers(all) => Some(all.iter().map(i64::to_string).collect()),
            Values::Floats(all) => {
                all.iter().all(|x| x.fract() == 0.0).then(|| all.iter().map(f32::to_string).collect())
            }
        }
    }

    /// Returns the only number, whatever the dimensions.
    pub(super) fn single(&self) -> Option<f32> {
        self.numbers().filter(|all| all.len() == 1).map(|all| all[0])
    }

    /// Reads a `TensorProto`.
    pub(super) fn read(message: &[u8], outside: &Outside<'_>) -> Result<(String, Tensor), Damage> {
        let mut parts = Parts::default();
        for field in Fields::new(message) {
            parts.read(field?)?;
        }
        parts.finish(outside)
    }
}

/// The fields of a `TensorProto`.
#[derive(Default)]
struct Parts<'a> {
    dims: Vec<i64>,
    kind: i64,
    name: String,
    raw: Option<&'a [u8]>,
    floats: Vec<f32>,
    integers: Vec<i64>,
    texts: Vec<String>,
    is_outside: bool,
    /// File, offset and length, if the numbers are in another file.
    file: String,
    offset: usize,
    length: Option<usize>,
}

impl<'a> Parts<'a> {
    fn read(&mut self, (number, value): (u32, Wire<'a>)) -> Result<(), Damage> {
        match number {
            1 => value.integers(&mut self.dims)?,
            2 => self.kind = value.integer()?,
            3 => return Err("a tensor is in segments"),
            4 => value.floats(&mut self.floats)?,
            5 | 7 | 11 => value.integers(&mut self.integers)?,
            6 => self.texts.push(value.text()?),
            8 => self.name = value.text()?,
            9 => self.raw = Some(value.bytes()?),
            10 => value.doubles(&mut self.floats)?,
            13 => self.entry(value.bytes()?)?,
            14 => self.is_outside = value.integer()? == 1,
            _ => {}
        }
        Ok(())
    }

    /// Reads a key and a value that say where numbers outside are.
    fn entry(&mut self, message: &[u8]) -> Result<(), Damage> {
        let (mut key, mut text) = (String::new(), String::new());
        for field in Fields::new(message) {
            match field? {
                (1, value) => key = value.text()?,
                (2, value) => text = value.text()?,
                _ => {}
            }
        }
        let number = || text.parse().map_err(|_| "the position of numbers in another file is no number");
        match key.as_str() {
            "location" => self.file = text,
            "offset" => self.offset = number()?,
            "length" => self.length = Some(number()?),
            _ => {}
        }
        Ok(())
    }

    fn finish(self, outside: &Outside<'_>) -> Result<(String, Tensor), Damage> {
        let count = check_count(&self.dims)?;
        let found;
        let raw = if self.is_outside {
            found = outside(&self.file)?;
            let rest = found.get(self.offset..).ok_or("the file with its numbers is too short")?;
            let length = self.length.unwrap_or(rest.len());
            Some(rest.get(..length).ok_or("the file with its numbers is too short")?)
        } else {
            self.raw
        };
        let values = match (self.kind, raw) {
            (FLOAT, Some(raw)) => Values::Floats(chunks(raw, f32::from_le_bytes)?),
            (DOUBLE, Some(raw)) => Values::Floats(chunks(raw, |bytes| f64::from_le_bytes(bytes) as f32)?),
            (INT64, Some(raw)) => Values::Integers(chunks(raw, i64::from_le_bytes)?),
            (INT32, Some(raw)) => Values::Integers(chunks(raw, |bytes| i32::from_le_bytes(bytes).into())?),
            (UINT8 | BOOL, Some(raw)) => Values::Integers(chunks(raw, |[byte]| byte.into())?),
            (INT8, Some(raw)) => Values::Integers(chunks(raw, |[byte]| (byte as i8).into())?),
            (FLOAT | DOUBLE, None) => Values::Floats(self.floats),
            (INT64 | INT32 | UINT8 | INT8 | BOOL, None) => Values::Integers(self.integers),
            (STRING, None) => Values::Texts(self.texts),
            _ => return Err("a tensor has a type of numbers other than float32, float64, integers or texts"),
        };
        if values.len() != count {
            return Err("a tensor has another number of entries than its shape");
        }
        Ok((self.name, Tensor { dims: self.dims.iter().map(|&dim| dim as usize).collect(), values }))
    }
}

/// The most dimensions of a tensor.
const MAX_DIMS: usize = 8;

/// Returns the number of entries in this shape.
fn check_count(dims: &[i64]) -> Result<usize, Damage> {
    let product = |count: usize, &dim: &i64| count.checked_mul(usize::try_from(dim).ok()?);
    let count = dims.iter().try_fold(1, product).filter(|_| dims.len() <= MAX_DIMS);
    count.ok_or("a tensor has an impossible shape")
}

/// Returns the numbers that raw bytes are.
fn chunks<const N: usize, T>(raw: &[u8], number: impl Fn([u8; N]) -> T) -> Result<Vec<T>, Damage> {
    let (whole, rest) = raw.as_chunks::<N>();
    if !rest.is_empty() {
        return Err("a tensor ends within a number");
    }
    Ok(whole.iter().map(|bytes| number(*bytes)).collect())
}
