//! The safetensors format: eight bytes with the header's length, a JSON header, and the numbers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::atomic::replace;
use super::json::Json;
use crate::base::error::{self, Error};
use crate::base::memory::{is_available, megabytes};
use crate::base::sort::order;
use crate::base::text::{quoted, repeated};

/// The longest header that is read and written. The format allows ten times that; the parsed form of a hostile one would
/// fill a phone's memory.
pub(crate) const MAX_HEADER: usize = 10_000_000;
/// The longest header that the format allows.
const FORMAT_LIMIT: u64 = 100_000_000;
/// The header's member for strings.
const METADATA: &str = "__metadata__";

/// The content of a safetensors file: named tensors of `f32`, or of whole numbers of 8 bits, and strings about them.
///
/// Files are little-endian and are the same as those of the `safetensors` package of Python.
///
/// ```
/// use palmnet::unversioned::{Safetensors, Tensor};
/// let mut file = Safetensors::default();
/// file.metadata.insert("license".into(), "MIT".into());
/// file.tensors.push(Tensor::new("bias", &[3], vec![0.5, -1.0, 2.0]));
/// let bytes = file.to_bytes();
/// assert_eq!(Safetensors::from_bytes(&bytes, "bias.safetensors")?, file);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Safetensors {
    /// Everything that is not a tensor (`__metadata__` in the file).
    pub metadata: BTreeMap<String, String>,
    /// The tensors in the order of their numbers in the file.
    pub tensors: Vec<Tensor>,
}

/// A named array of `f32` of any number of dimensions; in the file, its numbers may be of 8 bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// The name, different from the other tensors' of the file.
    pub name: String,
    /// The size of each dimension, outermost first. A single number has none.
    pub shape: Vec<usize>,
    /// The entries, those of the last dimension next to each other (row-major).
    pub data: Vec<f32>,
    /// Whether the entries are whole numbers from -128 to 127, a byte each in the file (`I8`).
    pub is_bytes: bool,
}

impl Tensor {
    /// Returns a tensor of these entries.
    ///
    /// # Panics
    /// If `data` does not have as many entries as `shape` says.
    pub fn new(name: impl Into<String>, shape: &[usize], data: Vec<f32>) -> Self {
        let tensor = Tensor { name: name.into(), shape: shape.to_vec(), data, is_bytes: false };
        tensor.check();
        tensor
    }

    /// Returns the bytes of a number in the file.
    pub(crate) fn size(&self) -> usize {
        if self.is_bytes { 1 } else { 4 }
    }

    /// Returns whether an entry is NaN.
    pub(crate) fn has_nan(&self) -> bool {
        self.data.iter().any(|x| x.is_nan())
    }

    fn check(&self) {
        let Tensor { name, shape, data, .. } = self;
        assert_eq!(
            entries(shape),
            Some(data.len()),
            "the number of entries of tensor {} of shape {shape:?}",
            quoted(name)
        );
    }
}

impl Safetensors {
    /// Returns the tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// Reads the file `path`.
    ///
    /// # Errors
    /// If the file cannot be read, and those of [`from_bytes`](Self::from_bytes).
    pub fn read(path: impl AsRef<Path>) -> error::Result<Self> {
        let path = path.as_ref();
        let mut file = File::open(path).map_err(|source| Error::io(path, source))?;
        let mut bytes = read_header(&mut file).map_err(|source| Error::io(path, source))?;
        let end = header(&bytes).and_then(|header| Ok(Descriptions::parse(&header)?.end));
        let end = end.map_err(|message| Error::format(path.display().to_string(), message))?;
        // A device may never end: one byte more shows whether it ends there.
        let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let limit = if is_regular { u64::MAX } else { (end as u64).saturating_add(1) };
        file.take(limit).read_to_end(&mut bytes).map_err(|source| Error::io(path, source))?;
        Safetensors::from_bytes(&bytes, &path.display().to_string())
    }

    /// Reads the strings of the file `path`, without its tensors.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), as far as they concern the header.
    pub(crate) fn read_metadata(path: &Path) -> error::Result<BTreeMap<String, String>> {
        let bytes = File::open(path).and_then(|mut file| read_header(&mut file));
        let bytes = bytes.map_err(|source| Error::io(path, source))?;
        let metadata = header(&bytes).and_then(|header| Ok(Descriptions::parse(&header)?.metadata));
        metadata.map_err(|message| Error::format(path.display().to_string(), message))
    }

    /// Writes the file `path`, which is replaced whole or not at all (see [`write_atomic`](super::write_atomic)).
    ///
    /// # Errors
    /// If the file cannot be written, or its header would be longer than the 10,000,000 bytes that can be read.
    ///
    /// # Panics
    /// If [`to_bytes`](Self::to_bytes) panics.
    pub fn write(&self, path: impl AsRef<Path>) -> error::Result<()> {
        self.write_locked(path.as_ref(), false).map(drop)
    }

    /// Writes as [`write`](Self::write) does, and returns the locked file as [`replace`] does.
    pub(crate) fn write_locked(&self, path: &Path, is_new: bool) -> error::Result<Option<File>> {
        let numbers: usize = self.tensors.iter().map(|tensor| tensor.size() * tensor.data.len()).sum();
        check_memory(numbers).map_err(|message| Error::format(path.display().to_string(), message))?;
        let bytes = self.to_bytes();
        // The limit of the reader holds for the writer: nothing is replaced by a file that cannot be read.
        let header = bytes.len() - 8 - numbers;
        if header > MAX_HEADER {
            let message = format!(
                "not written: its names and texts would take {header} bytes, of which {MAX_HEADER} can be read: shorten \
                 them"
            );
            return Err(Error::format(path.display().to_string(), message));
        }
        replace(path, &bytes, is_new)
    }

    /// Reads the content of a file; `file_name` is used in errors only. The bytes may be anything: everything is
    /// checked before it is used. `F16`, `BF16` and `I8` are widened, which is exact; `F64` and `I64` are rounded to the
    /// nearest `f32`.
    ///
    /// # Errors
    /// [`Error::Format`] if the bytes are not a whole and consistent safetensors file, or hold a tensor of another type
    /// than these and `F32`.
    pub fn from_bytes(bytes: &[u8], file_name: &str) -> error::Result<Self> {
        // The tensors, widened to single precision if they are of half, and the header when it is parsed.
        let longest = bytes.len().min(MAX_HEADER) as u64;
        let header = bytes.first_chunk().map_or(0, |&length| u64::from_le_bytes(length).min(longest));
        let read = check_memory(bytes.len().saturating_mul(2).saturating_add(16 * header as usize));
        read.and_then(|()| parse(bytes)).map_err(|message| Error::format(file_name, message))
    }

    /// Returns the content of the file: the tensors in their order, their numbers from a multiple of eight bytes on.
    ///
    /// # Panics
    /// If two tensors have the same name, one is named `__metadata__`, or one does not have as many entries as its
    /// shape says.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut members = Vec::with_capacity(self.tensors.len() + 1);
        if !self.metadata.is_empty() {
            let strings = self.metadata.iter().map(|(name, text)| (name.as_str(), text.as_str().into()));
            members.push((METADATA, Json::object(strings)));
        }
        let mut end = 0;
        for tensor in &self.tensors {
            tensor.check();
            let begin = end;
            end += tensor.size() * tensor.data.len();
            let dtype = if tensor.is_bytes { "I8" } else { "F32" };
            let description =
                [("dtype", dtype.into()), ("shape", numbers(&tensor.shape)), ("data_offsets", numbers(&[begin, end]))];
            members.push((&tensor.name, Json::object(description)));
        }
        let twice = repeated(self.tensors.iter().map(|tensor| tensor.name.as_str()).chain([METADATA]));
        assert_eq!(twice, None, "two tensors of the same name");

        let mut header = Json::object(members).to_string();
        header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
        let mut bytes = Vec::with_capacity(8 + header.len() + end);
        bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        for tensor in &self.tensors {
            match tensor.is_bytes {
                true => bytes.extend(tensor.data.iter().map(|&x| x as i8 as u8)),
                false => bytes.extend(tensor.data.iter().flat_map(|x| x.to_le_bytes())),
            }
        }
        bytes
    }
}

/// Returns an error if there is no memory for the content of a file.
fn check_memory(bytes: usize) -> Result<(), String> {
    match is_available(bytes) {
        true => Ok(()),
        false => {
            let need = format!("its numbers need {} of memory, more than there is", megabytes(bytes));
            Err(format!("{need}: end other programs, or use a network of fewer units"))
        }
    }
}

fn numbers(values: &[usize]) -> Json {
    Json::Array(values.iter().map(|&value| value.into()).collect())
}

/// Returns the number of entries of a tensor of this shape, if it fits a `usize`.
fn entries(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1, |product: usize, &size| product.checked_mul(size))
}

/// Reads as much of a file as [`header`] needs.
fn read_header(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(9).read_to_end(&mut bytes)?;
    if let Some((&length, b"{")) = bytes.split_first_chunk() {
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
        // Without the brace, which has been read.
        file.take(length.min(MAX_HEADER).saturating_sub(1) as u64).read_to_end(&mut bytes)?;
    }
    // Parsed, a number of a byte or two takes sixteen times as much.
    if !is_available(16 * bytes.len()) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    Ok(bytes)
}

fn truncated(bytes: &[u8], expected: usize) -> String {
    format!("the file is truncated: {expected} bytes expected, {} found; copy or save it again", bytes.len())
}

/// Returns the header of a file that begins with these bytes.
fn header(bytes: &[u8]) -> Result<Json, String> {
    let foreign = |what| format!("this is not a safetensors file, or it is damaged: {what}");
    let Some((length, rest)) = bytes.split_first_chunk() else { return Err(truncated(bytes, 8)) };
    let length = u64::from_le_bytes(*length);
    if length > FORMAT_LIMIT || rest.first().is_some_and(|&byte| byte != b'{') {
        return Err(foreign(
            "it does not begin with a header's length and a header; palmnet train saves models as such files, and palmnet \
             import makes them of ONNX files"
                .into(),
        ));
    }
    let length = length as usize;
    if length > MAX_HEADER {
        return Err(format!("its header has {length} bytes, of which {MAX_HEADER} can be read: shorten its metadata"));
    }
    let header = rest.get(..length).ok_or_else(|| truncated(bytes, 8 + length))?;
    let header = std::str::from_utf8(header).map_err(|error| foreign(format!("its header is not UTF-8: {error}")))?;
    Json::parse(header).map_err(|error| foreign(format!("its header cannot be read: {error}")))
}

fn parse(bytes: &[u8]) -> Result<Safetensors, String> {
    let header = header(bytes)?;
    let Descriptions { metadata, tensors, order, end } = Descriptions::parse(&header)?;
    let (length, rest) = bytes.split_first_chunk().unwrap_or((&[0; 8], &[]));
    let length = u64::from_le_bytes(*length) as usize;
    let numbers = &rest[length..];
    if end > numbers.len() {
        return Err(truncated(bytes, end.saturating_add(8 + length)));
    }
    if end < numbers.len() {
        return Err(format!("{} bytes at the end belong to no tensor: the file is damaged", numbers.len() - end));
    }
    // Bytes become four times as many.
    let widened = tensors.iter().map(|tensor| (tensor.end - tensor.begin) / tensor.dtype.size()).map(|count| 4 * count);
    check_memory(widened.fold(0, usize::saturating_add))?;
    let tensors = order.iter().map(|&i| tensors[i].read(numbers)).collect();
    Ok(Safetensors { metadata, tensors })
}

/// The content of a header.
struct Descriptions<'a> {
    metadata: BTreeMap<String, String>,
    tensors: Vec<Description<'a>>,
    /// The tensors in the order of their numbers, which follow each other: every byte belongs to exactly one of them.
    order: Vec<usize>,
    /// The number of bytes of their numbers.
    end: usize,
}

impl<'a> Descriptions<'a> {
    fn parse(header: &'a Json) -> Result<Self, String> {
        let mut metadata = BTreeMap::new();
        let mut tensors: Vec<Description<'a>> = Vec::new();
        for (name, value) in header.as_object().unwrap_or_default() {
            if name == METADATA {
                metadata = strings(value).ok_or("__metadata__ may hold nothing but strings: the file is damaged")?;
            } else {
                tensors.push(Description::parse(name, value)?);
            }
        }
        let range = |i: usize| (tensors[i].begin, tensors[i].end);
        let order = order(tensors.len(), &|a, b| range(a).cmp(&range(b)));
        let mut end = 0;
        for tensor in order.iter().map(|&i| &tensors[i]) {
            if tensor.begin != end {
                let what = if tensor.begin < end { "overlaps" } else { "leaves a gap after" };
                return Err(format!("tensor {} {what} the one before it: the file is damaged", quoted(tensor.name)));
            }
            end = tensor.end;
        }
        Ok(Descriptions { metadata, tensors, order, end })
    }
}

fn strings(metadata: &Json) -> Option<BTreeMap<String, String>> {
    let mut strings = BTreeMap::new();
    for (name, text) in metadata.as_object()? {
        strings.insert(name.clone(), text.as_str()?.to_string());
    }
    Some(strings)
}

/// A type of numbers that can be read.
#[derive(Clone, Copy)]
enum Dtype {
    F64,
    F32,
    F16,
    BF16,
    /// Of a counter: PyTorch has one in every batch normalization.
    I64,
    I8,
}

impl Dtype {
    fn parse(name: &str) -> Option<Dtype> {
        match name {
            "F64" => Some(Dtype::F64),
            "F32" => Some(Dtype::F32),
            "F16" => Some(Dtype::F16),
            "BF16" => Some(Dtype::BF16),
            "I64" => Some(Dtype::I64),
            "I8" => Some(Dtype::I8),
            _ => None,
        }
    }

    /// Returns the number of bytes of a number.
    fn size(self) -> usize {
        match self {
            Dtype::F64 | Dtype::I64 => 8,
            Dtype::F32 => 4,
            Dtype::F16 | Dtype::BF16 => 2,
            Dtype::I8 => 1,
        }
    }

    fn read(self, bytes: &[u8]) -> Vec<f32> {
        let doubles = || bytes.as_chunks().0.iter().copied();
        let halves = || bytes.as_chunks().0.iter().map(|&half| u16::from_le_bytes(half));
        match self {
            Dtype::F64 => doubles().map(|bytes| f64::from_le_bytes(bytes) as f32).collect(),
            Dtype::I64 => doubles().map(|bytes| i64::from_le_bytes(bytes) as f32).collect(),
            Dtype::F32 => bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect(),
            Dtype::F16 => halves().map(half_to_float).collect(),
            // The upper half of a float.
            Dtype::BF16 => halves().map(|half| f32::from_bits(u32::from(half) << 16)).collect(),
            Dtype::I8 => bytes.iter().map(|&byte| f32::from(byte as i8)).collect(),
        }
    }
}

/// Widens a number of IEEE 754's binary16: a sign, 5 bits of exponent with a bias of 15, 10 bits of fraction.
fn half_to_float(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let (exponent, fraction) = (u32::from(half >> 10 & 0x1F), u32::from(half & 0x3FF));
    let magnitude = match exponent {
        // Subnormal: the fraction times 2⁻²⁴.
        0 => (fraction as f32 * 2f32.powi(-24)).to_bits(),
        0x1F => 0xFF << 23 | fraction << 13,
        _ => (exponent + 127 - 15) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

/// The description of a tensor in the header.
struct Description<'a> {
    name: &'a str,
    dtype: Dtype,
    shape: Vec<usize>,
    /// Its first byte among the numbers.
    begin: usize,
    /// The byte after its last.
    end: usize,
}

impl<'a> Description<'a> {
    fn parse(name: &'a str, value: &Json) -> Result<Self, String> {
        let damaged = |what: &str| format!("tensor {}: {what}: the file is damaged", quoted(name));
        let sizes = |key| value.get(key)?.as_array()?.iter().map(Json::as_usize).collect::<Option<Vec<usize>>>();

        let dtype = value.get("dtype").and_then(Json::as_str).ok_or_else(|| damaged("it has no dtype"))?;
        let Some(dtype) = Dtype::parse(dtype) else {
            let (name, dtype) = (quoted(name), quoted(dtype));
            return Err(format!(
                "tensor {name} has dtype {dtype}, only F64, F32, F16, BF16, I64 and I8 can be read: convert it to float32"
            ));
        };
        let shape = sizes("shape").ok_or_else(|| damaged("its shape is not a list of whole numbers"))?;
        let Some(&[begin, end]) = sizes("data_offsets").as_deref() else {
            return Err(damaged("its data_offsets are not two whole numbers"));
        };
        let length = entries(&shape).and_then(|entries| entries.checked_mul(dtype.size()));
        if length.is_none() || length != end.checked_sub(begin) {
            return Err(damaged("its shape and its data_offsets do not fit each other"));
        }
        Ok(Description { name, dtype, shape, begin, end })
    }

    /// Reads the tensor, whose range has been checked.
    fn read(&self, numbers: &[u8]) -> Tensor {
        let data = self.dtype.read(&numbers[self.begin..self.end]);
        Tensor { name: self.name.into(), shape: self.shape.clone(), data, is_bytes: matches!(self.dtype, Dtype::I8) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits are those of NumPy's float16.
    #[test]
    fn half_precision_is_widened_exactly() {
        for (half, float) in [
            (0x0000, 0.0),
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x03FF, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x7C00, f32::INFINITY),
            (0xFC00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half_to_float(half), float, "{half:04x}");
        }
        assert!(half_to_float(0x7E00).is_nan() && half_to_float(0x8000).is_sign_negative());
    }

    #[test]
    fn numbers_of_other_sizes_are_read() {
        let read = |dtype: &str, bytes: &[u8]| {
            let header = format!(r#"{{"x":{{"dtype":"{dtype}","shape":[2],"data_offsets":[0,{}]}}}}"#, bytes.len());
            let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), bytes].concat();
            Safetensors::from_bytes(&file, "file").map(|file| file.tensors[0].data.clone())
        };
        assert_eq!(read("F16", &[0x00, 0x3C, 0x00, 0xC0]).unwrap(), [1.0, -2.0]);
        // 1.0 and -2.0 are 0x3F80_0000 and 0xC000_0000 as floats.
        assert_eq!(read("BF16", &[0x80, 0x3F, 0x00, 0xC0]).unwrap(), [1.0, -2.0]);
        let doubles = [0.1f64.to_le_bytes(), (-1e300f64).to_le_bytes()].concat();
        assert_eq!(read("F64", &doubles).unwrap(), [0.1, f32::NEG_INFINITY]);
        let counts = [300i64.to_le_bytes(), (-1i64).to_le_bytes()].concat();
        assert_eq!(read("I64", &counts).unwrap(), [300.0, -1.0]);
        assert!(read("F16", &[0; 8]).unwrap_err().to_string().contains("do not fit each other"));
        assert_eq!(read("I8", &[0x7F, 0x80]).unwrap(), [127.0, -128.0]);
        assert!(read("I16", &[0; 4]).unwrap_err().to_string().contains("F32, F16, BF16, I64 and I8"));
    }
}
