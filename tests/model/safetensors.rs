//! Safetensors files.

use palmnet::Error;
use palmnet::unversioned::{Safetensors, Tensor};
use proptest::prelude::*;

/// Written by the safetensors package 0.8.0 of Python.
const FROM_PYTHON: &[u8] =
    b"\xd8\0\0\0\0\0\0\0{\"__metadata__\":{\"caf\xc3\xa9\":\"\\\"\xc3\xa9\\\"\\n\xf0\x9f\x98\x80\"},\
\"none\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[0,0]},\
\"step\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},\
\"weights\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[4,28]}}\
\0\0\xe0@\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\0\0\xa0@\0\0\xd0\xc0";

pub fn python_content() -> Safetensors {
    Safetensors {
        metadata: [("café".to_string(), "\"é\"\n😀".to_string())].into(),
        tensors: vec![
            Tensor::new("none", &[0, 3], vec![]),
            Tensor::new("step", &[], vec![7.0]),
            Tensor::new("weights", &[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, -6.5]),
        ],
    }
}

/// A file of this header and these many zero bytes of numbers.
fn file(header: &str, numbers: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + numbers, 0);
    bytes
}

fn tensor(name: &str, shape: &str, begin: usize, end: usize) -> String {
    format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
}

fn refusal(bytes: &[u8]) -> String {
    match Safetensors::from_bytes(bytes, "model.safetensors") {
        Err(error @ Error::Format { .. }) => error.to_string().replacen("model.safetensors: ", "", 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn safetensors_match_python() {
    assert_eq!(Safetensors::from_bytes(FROM_PYTHON, "").unwrap(), python_content());
    // Python orders tensors of equally wide types by name, as these are.
    assert_eq!(python_content().to_bytes(), FROM_PYTHON);
    assert_eq!(python_content().tensor("step").unwrap().data, [7.0]);
    assert_eq!(python_content().tensor("bias"), None);
}

#[test]
fn safetensors_are_aligned() {
    for length in 0..20 {
        let tensors = vec![Tensor::new("a".repeat(length), &[1], vec![1.0])];
        let bytes = Safetensors { tensors, ..Default::default() }.to_bytes();
        assert_eq!(bytes.len() % 8, 4);
        assert_eq!(bytes[bytes.len() - 4..], [0, 0, 0x80, 0x3f]);
    }
    assert_eq!(Safetensors::default().to_bytes(), b"\x08\0\0\0\0\0\0\0{}      ");
    assert_eq!(Safetensors::from_bytes(&file("{}", 0), "").unwrap(), Safetensors::default());
}

#[test]
fn safetensors_are_ordered_by_offset() {
    let header =
        format!("{{{},{},{}}}", tensor("b", "[1]", 4, 8), tensor("e", "[0]", 4, 4), tensor("a", "[1,1]", 0, 4));
    let read = Safetensors::from_bytes(&file(&header, 8), "").unwrap();
    assert_eq!(read.tensors.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["a", "e", "b"]);
}

/// A file with one tensor.
fn one(name: &str, shape: &str, begin: usize, end: usize, numbers: usize) -> Vec<u8> {
    file(&format!("{{{}}}", tensor(name, shape, begin, end)), numbers)
}

const DAMAGED: &str = ": the file is damaged";

#[test]
fn files_that_are_no_safetensors_are_refused() {
    let whole = python_content().to_bytes();
    let start = "this is not a safetensors file, or it is damaged: ";
    assert_eq!(refusal(&[]), "the file is truncated: 8 bytes expected, 0 found; copy or save it again");
    assert_eq!(
        refusal(&whole[..whole.len() - 1]),
        format!(
            "the file is truncated: {} bytes expected, {} found; copy or save it again",
            whole.len(),
            whole.len() - 1
        )
    );
    assert_eq!(refusal(&whole[..100]), "the file is truncated: 224 bytes expected, 100 found; copy or save it again");
    assert_eq!(refusal(&whole[..8]), "the file is truncated: 224 bytes expected, 8 found; copy or save it again");
    let foreign = format!(
        "{start}it does not begin with a header's length and a header; palmnet train saves models as such files, and palmnet \
         import makes them of ONNX files"
    );
    assert_eq!(refusal(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), foreign);
    assert_eq!(refusal(b"\x01\xe1\xf5\x05\0\0\0\0{}"), foreign);
    assert_eq!(refusal(&u64::MAX.to_le_bytes()), foreign);
    assert_eq!(refusal(&file("[1]", 0)), foreign);
    let message = refusal(b"\x03\0\0\0\0\0\0\0{\xff}");
    assert!(message.starts_with(&format!("{start}its header is not UTF-8: invalid")), "{message}");
    let message = format!("{start}its header cannot be read: a value expected, '}}' found at byte 5");
    assert_eq!(refusal(&file("{\"a\":}", 0)), message);
}

#[test]
fn malformed_tensor_headers_are_refused() {
    let half = r#"{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#;
    assert_eq!(
        refusal(&file(half, 4)),
        "tensor `w` has dtype `U8`, only F64, F32, F16, BF16, I64 and I8 can be read: convert it to float32"
    );
    for bad in ["1", "null", "[]", "{}", r#"{"dtype":3}"#] {
        let header = format!("{{\"w\":{bad}}}");
        assert_eq!(refusal(&file(&header, 4)), format!("tensor `w`: it has no dtype{DAMAGED}"));
    }
    for shape in ["1", "[-1]", "[1.5]", "[\"1\"]", "null", "[1e300]"] {
        let message = format!("tensor `w`: its shape is not a list of whole numbers{DAMAGED}");
        assert_eq!(refusal(&one("w", shape, 0, 4, 4)), message);
    }
    for offsets in ["[0]", "[0,4,4]", "[0,-4]", "0", "[0,null]"] {
        let header = format!(r#"{{"w":{{"dtype":"F32","shape":[1],"data_offsets":{offsets}}}}}"#);
        let message = format!("tensor `w`: its data_offsets are not two whole numbers{DAMAGED}");
        assert_eq!(refusal(&file(&header, 4)), message);
    }
}

#[test]
fn inconsistent_tensor_sizes_are_refused() {
    let message = format!("tensor `w`: its shape and its data_offsets do not fit each other{DAMAGED}");
    assert_eq!(refusal(&one("w", "[2]", 0, 4, 4)), message);
    assert_eq!(refusal(&one("w", "[1]", 4, 0, 4)), message);
    assert_eq!(refusal(&one("w", "[]", 0, 0, 0)), message);
    assert_eq!(
        refusal(&one("w", "[4611686018427387904]", 0, 0, 0)),
        format!("tensor `w`: its shape is not a list of whole numbers{DAMAGED}")
    );
    assert_eq!(refusal(&one("w", "[1]", 4, 8, 8)), format!("tensor `w` leaves a gap after the one before it{DAMAGED}"));
    let two = |a: (usize, usize), b: (usize, usize)| {
        format!("{{{},{}}}", tensor("a", "[2]", a.0, a.1), tensor("b", "[2]", b.0, b.1))
    };
    assert_eq!(refusal(&file(&two((0, 8), (4, 12)), 12)), format!("tensor `b` overlaps the one before it{DAMAGED}"));
    assert_eq!(refusal(&file(&two((0, 8), (0, 8)), 8)), format!("tensor `b` overlaps the one before it{DAMAGED}"));
    assert_eq!(
        refusal(&file(&two((12, 20), (0, 8)), 20)),
        format!("tensor `a` leaves a gap after the one before it{DAMAGED}")
    );
    assert_eq!(refusal(&file(&two((0, 8), (8, 16)), 17)), format!("1 bytes at the end belong to no tensor{DAMAGED}"));
}

#[test]
fn duplicate_names_and_malformed_metadata_are_refused() {
    let twice = format!("{{{},{}}}", tensor("a", "[1]", 0, 4), tensor("a", "[1]", 4, 8));
    assert!(refusal(&file(&twice, 8)).contains("the name `a` twice"));
    for metadata in ["1", "[]", r#"{"a":1}"#, "null"] {
        let header = format!("{{\"__metadata__\":{metadata}}}");
        assert_eq!(refusal(&file(&header, 0)), format!("__metadata__ may hold nothing but strings{DAMAGED}"));
    }
    // Messages quote a file's text shortened and without control characters.
    let message = refusal(&one(&format!("\\u001b[31m{}", "x".repeat(1000)), "[2]", 0, 4, 4));
    assert!(message.starts_with("tensor `\\u{1b}[31mxxx") && message.chars().count() < 200, "{message}");
}

/// Sizes that do not fit in 32 bits.
#[cfg(target_pointer_width = "64")]
#[test]
fn safetensors_of_impossible_sizes_are_refused() {
    let message = "tensor `w`: its shape and its data_offsets do not fit each other: the file is damaged";
    assert_eq!(refusal(&one("w", "[4294967296,4294967296,4294967296]", 4, 0, 4)), message);
    assert_eq!(refusal(&one("w", "[4294967296,4294967296,4294967296]", 0, 0, 0)), message);
    assert_eq!(refusal(&one("w", "[4503599627370496,1024]", 0, 0, 0)), message);
    assert_eq!(refusal(&one("w", "[2251799813685248]", 0, 9007199254740992, 0)).find("the file is truncated"), Some(0));
}

#[test]
#[should_panic(expected = "the number of entries of tensor `w` of shape [2, 2]")]
fn tensor_of_the_wrong_shape_panics() {
    Tensor::new("w", &[2, 2], vec![0.0; 3]);
}

#[test]
#[should_panic(expected = "two tensors of the same name")]
fn duplicate_tensor_names_panic() {
    let tensors = vec![Tensor::new("w", &[], vec![0.0]), Tensor::new("w", &[], vec![0.0])];
    Safetensors { tensors, ..Default::default() }.to_bytes();
}

proptest! {
    #[test]
    fn tensors_round_trip_bit_for_bit(
        metadata in prop::collection::btree_map(any::<String>(), any::<String>(), 0..4),
        tensors in prop::collection::btree_map(any::<String>(), prop::collection::vec(any::<u32>(), 0..20), 0..5),
    ) {
        let tensors: Vec<Tensor> = tensors.into_iter()
            .map(|(name, bits)| Tensor::new(name, &[1, bits.len()], bits.into_iter().map(f32::from_bits).collect()))
            .collect();
        let bits = |file: &Safetensors| -> Vec<u32> {
            file.tensors.iter().flat_map(|tensor| &tensor.data).map(|x| x.to_bits()).collect()
        };
        let written = Safetensors { metadata, tensors };
        let bytes = written.to_bytes();
        let read = Safetensors::from_bytes(&bytes, "").unwrap();
        prop_assert_eq!(bits(&read), bits(&written));
        prop_assert_eq!(&read.metadata, &written.metadata);
        prop_assert_eq!(read.to_bytes(), bytes);
    }

    #[test]
    fn safetensors_survive_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), header in "[\\[\\]{}\",:a0-9]{0,60}") {
        let _ = Safetensors::from_bytes(&bytes, "");
        let _ = Safetensors::from_bytes(&file(&header, 4), "");
    }

    #[test]
    fn safetensors_survive_damage(at in 0..FROM_PYTHON.len(), byte in any::<u8>(), cut in 0..=FROM_PYTHON.len(), digits in "[0-9]{1,20}") {
        let mut bytes = FROM_PYTHON.to_vec();
        bytes[at] = byte;
        check_damaged(&bytes);
        check_damaged(&bytes[..cut]);
        // One number of the header is replaced.
        let header = str::from_utf8(&FROM_PYTHON[8..FROM_PYTHON.len() - 28]).unwrap();
        let indices: Vec<usize> = header.match_indices(|c: char| c.is_ascii_digit()).map(|(index, _)| index).collect();
        let index = indices[at % indices.len()];
        check_damaged(&file(&format!("{}{digits}{}", &header[..index], &header[index + 1..]), 28));
    }
}

/// Read or refused, and if read, no larger than the file.
fn check_damaged(bytes: &[u8]) {
    if let Ok(read) = Safetensors::from_bytes(bytes, "") {
        assert!(read.tensors.iter().map(|tensor| 4 * tensor.data.capacity()).sum::<usize>() <= bytes.len());
        read.to_bytes();
    }
}
