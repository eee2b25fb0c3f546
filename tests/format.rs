//! JSON, safetensors files, and how files are written.

use std::fs;
use std::path::PathBuf;

use palmnet::json::Json;
use palmnet::{Error, Safetensors, Tensor, write_atomic};
use proptest::prelude::*;

// ---------------------------------------------------------------------------------------------------- JSON

#[test]
fn json_values() {
    let text = " { \"a\" : [ 1 , -0.5e+1, 2E3, true ] , \"\" : null, \"b\": {\"c\": \"d\"}, \"e\": [], \"f\": {}, \"g\": false }\r\n\t";
    let json = Json::parse(text).unwrap();
    assert_eq!(json.to_string(), r#"{"a":[1,-5,2000,true],"":null,"b":{"c":"d"},"e":[],"f":{},"g":false}"#);
    let a = json.get("a").unwrap().as_array().unwrap();
    assert_eq!((a[0].as_usize(), a[1].as_usize(), a[1].as_f64(), a[3].as_f64()), (Some(1), None, Some(-5.0), None));
    assert_eq!(json.get("b").unwrap().get("c").unwrap().as_str(), Some("d"));
    assert_eq!(json.as_object().unwrap().len(), 6);
    assert_eq!((json.get("h"), a[0].get("a"), json.as_str(), json.as_array()), (None, None, None, None));
    assert_eq!(Json::Number(0.5).as_usize(), None);
    assert_eq!(Json::Number(9_007_199_254_740_994.0).as_usize(), None);
}

#[test]
fn json_strings() {
    let json = Json::parse(r#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00é😀""#).unwrap();
    assert_eq!(json.as_str(), Some("\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1F600}\u{e9}\u{1F600}"));
    assert_eq!(Json::from("\u{1}\u{1f}\"\\é\n").to_string(), r#""\u0001\u001f\"\\é\n""#);
}

#[test]
fn json_numbers_are_short() {
    let cases = [
        (Json::from(0.1f32), "0.1"),
        (Json::from(0.1f64), "0.1"),
        (Json::from(60_000usize), "60000"),
        (Json::from(1.0), "1"),
        (Json::from(-0.0), "-0"),
        (Json::from(1e-8f32), "1e-8"),
        (Json::from(1e300), "1e300"),
        (Json::from(123_456_789_012_345.0), "123456789012345"),
        (Json::from(f32::MAX), "3.4028235e38"),
        (Json::from(f32::NAN), "null"),
        (Json::from(f32::INFINITY), "null"),
        (Json::from(f64::NEG_INFINITY), "null"),
    ];
    for (json, text) in cases {
        assert_eq!(json.to_string(), text);
    }
    // The one number of its size that is not itself when it is rounded to f64 before it is rounded to f32.
    let awkward = f32::from_bits(0x15AE_43FD);
    assert_eq!(Json::from(awkward).as_f64().unwrap() as f32, awkward);
}

#[test]
fn json_refuses() {
    let cases = [
        ("", "a value expected, but the text ends at byte 0"),
        ("[1,]", "a value expected, ']' found at byte 3"),
        ("[1 2]", "',' or ']' expected, '2' found at byte 3"),
        ("{\"a\":1,}", "a name in '\"' expected, '}' found at byte 7"),
        ("{a:1}", "a name in '\"' expected, 'a' found at byte 1"),
        ("{\"a\" 1}", "':' expected, '1' found at byte 5"),
        ("{\"a\":1,\"b\":2,\"a\":3}", "the name `a` twice in the object that ends at byte 19"),
        ("1 é", "the end expected, 'é' found at byte 2"),
        ("01", "the end expected, '1' found at byte 1"),
        ("+1", "a value expected, '+' found at byte 0"),
        ("1.", "a digit expected, but the text ends at byte 2"),
        (".5", "a value expected, '.' found at byte 0"),
        ("-", "a digit expected, but the text ends at byte 1"),
        ("1e+", "a digit expected, but the text ends at byte 3"),
        ("1e999", "a number beyond the range of f64 that ends at byte 5"),
        ("NaN", "a value expected, 'N' found at byte 0"),
        ("nul", "a value expected, 'n' found at byte 0"),
        ("truefalse", "the end expected, 'f' found at byte 4"),
        ("\u{feff}1", "a value expected, '\\u{feff}' found at byte 0"),
        ("\"a", "the '\"' that ends the string, or an escape, expected, but the text ends at byte 2"),
        ("\"a\nb\"", "the '\"' that ends the string, or an escape, expected, '\\n' found at byte 2"),
        ("\"\\x\"", "an escape character expected, 'x' found at byte 2"),
        ("\"\\é\"", "an escape character expected, 'é' found at byte 2"),
        ("\"\\u12g4\"", "a hexadecimal digit expected, 'g' found at byte 5"),
        ("\"\\ud800\"", "a surrogate without its other half at byte 7"),
        ("\"\\udc00\\ud800\"", "a surrogate without its other half at byte 7"),
        ("\"\\ud800\\u0041\"", "a surrogate without its other half at byte 13"),
    ];
    for (text, message) in cases {
        assert_eq!(Json::parse(text), Err(message.into()), "{text}");
    }
    let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
    assert!(Json::parse(&nested(64)).is_ok());
    assert_eq!(Json::parse(&nested(65)), Err("more than 64 levels deep at byte 64".into()));
    assert!(Json::parse(&"[".repeat(1_000_000)).is_err());
    assert!(Json::parse(&"{\"a\":".repeat(1_000_000)).is_err());
}

fn any_json() -> impl Strategy<Value = Json> {
    let finite = any::<f64>().prop_filter("JSON has finite numbers only", |x| x.is_finite());
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        finite.prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Json::object),
        ]
    })
}

proptest! {
    #[test]
    fn json_round_trips(json in any_json()) {
        let text = json.to_string();
        prop_assert!(!text.contains('\n'));
        prop_assert_eq!(Json::parse(&text), Ok(json));
    }

    #[test]
    fn json_of_f32_reads_back(bits in any::<u32>()) {
        let x = f32::from_bits(bits);
        prop_assume!(x.is_finite());
        let json = Json::from(x);
        prop_assert_eq!(json.as_f64().map(|x| x as f32), Some(x));
        prop_assert!(json.to_string().len() <= 17, "{}", json);
    }

    #[test]
    fn json_survives_any_text(text in any::<String>(), near in "[\\[\\]{}\",:\\\\u0-9eE+.\\-tfnaé ]{0,40}") {
        let _ = Json::parse(&text);
        if let Ok(json) = Json::parse(&near) {
            prop_assert_eq!(Json::parse(&json.to_string()), Ok(json));
        }
    }
}

// --------------------------------------------------------------------------------------------- safetensors

/// Written by the safetensors package 0.8.0 of Python.
const FROM_PYTHON: &[u8] =
    b"\xd8\0\0\0\0\0\0\0{\"__metadata__\":{\"caf\xc3\xa9\":\"\\\"\xc3\xa9\\\"\\n\xf0\x9f\x98\x80\"},\
\"none\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[0,0]},\
\"step\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},\
\"weights\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[4,28]}}\
\0\0\xe0@\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\0\0\xa0@\0\0\xd0\xc0";

fn python_content() -> Safetensors {
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
fn safetensors_as_python_has_them() {
    assert_eq!(Safetensors::from_bytes(FROM_PYTHON, "").unwrap(), python_content());
    // Python puts the numbers of equally wide types in the order of their names, as they are here.
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
fn safetensors_lie_in_the_order_of_their_numbers() {
    let header =
        format!("{{{},{},{}}}", tensor("b", "[1]", 4, 8), tensor("e", "[0]", 4, 4), tensor("a", "[1,1]", 0, 4));
    let read = Safetensors::from_bytes(&file(&header, 8), "").unwrap();
    assert_eq!(read.tensors.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["a", "e", "b"]);
}

/// A file with one tensor.
fn one(name: &str, shape: &str, begin: usize, end: usize, numbers: usize) -> Vec<u8> {
    file(&format!("{{{}}}", tensor(name, shape, begin, end)), numbers)
}

#[test]
fn safetensors_refuse() {
    let whole = python_content().to_bytes();
    let start = "this is not a safetensors file, or it is damaged: ";
    let damaged = ": the file is damaged";
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
    let foreign = format!("{start}it does not begin with a header's length and a header");
    assert_eq!(refusal(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), foreign);
    assert_eq!(refusal(b"\x01\xe1\xf5\x05\0\0\0\0{}"), foreign);
    assert_eq!(refusal(&u64::MAX.to_le_bytes()), foreign);
    assert_eq!(refusal(&file("[1]", 0)), foreign);
    let message = refusal(b"\x03\0\0\0\0\0\0\0{\xff}");
    assert!(message.starts_with(&format!("{start}its header is not UTF-8: invalid")), "{message}");
    let message = format!("{start}its header cannot be read: a value expected, '}}' found at byte 5");
    assert_eq!(refusal(&file("{\"a\":}", 0)), message);

    let half = r#"{"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#;
    assert_eq!(refusal(&file(half, 4)), "tensor `w` has dtype `F16`, only F32 can be read: convert it to float32");
    for bad in ["1", "null", "[]", "{}", r#"{"dtype":3}"#] {
        let header = format!("{{\"w\":{bad}}}");
        assert_eq!(refusal(&file(&header, 4)), format!("tensor `w`: it has no dtype{damaged}"));
    }
    for shape in ["1", "[-1]", "[1.5]", "[\"1\"]", "null", "[1e300]"] {
        let message = format!("tensor `w`: its shape is not a list of whole numbers{damaged}");
        assert_eq!(refusal(&one("w", shape, 0, 4, 4)), message);
    }
    for offsets in ["[0]", "[0,4,4]", "[0,-4]", "0", "[0,null]"] {
        let header = format!(r#"{{"w":{{"dtype":"F32","shape":[1],"data_offsets":{offsets}}}}}"#);
        let message = format!("tensor `w`: its data_offsets are not two whole numbers{damaged}");
        assert_eq!(refusal(&file(&header, 4)), message);
    }
    let message = format!("tensor `w`: its shape and its data_offsets do not fit each other{damaged}");
    assert_eq!(refusal(&one("w", "[2]", 0, 4, 4)), message);
    assert_eq!(refusal(&one("w", "[1]", 4, 0, 4)), message);
    assert_eq!(refusal(&one("w", "[]", 0, 0, 0)), message);
    assert_eq!(
        refusal(&one("w", "[4611686018427387904]", 0, 0, 0)),
        format!("tensor `w`: its shape is not a list of whole numbers{damaged}")
    );
    assert_eq!(refusal(&one("w", "[1]", 4, 8, 8)), format!("tensor `w` leaves a gap after the one before it{damaged}"));
    let two = |a: (usize, usize), b: (usize, usize)| {
        format!("{{{},{}}}", tensor("a", "[2]", a.0, a.1), tensor("b", "[2]", b.0, b.1))
    };
    assert_eq!(refusal(&file(&two((0, 8), (4, 12)), 12)), format!("tensor `b` overlaps the one before it{damaged}"));
    assert_eq!(refusal(&file(&two((0, 8), (0, 8)), 8)), format!("tensor `b` overlaps the one before it{damaged}"));
    assert_eq!(
        refusal(&file(&two((12, 20), (0, 8)), 20)),
        format!("tensor `a` leaves a gap after the one before it{damaged}")
    );
    assert_eq!(refusal(&file(&two((0, 8), (8, 16)), 17)), format!("1 bytes at the end belong to no tensor{damaged}"));
    let twice = format!("{{{},{}}}", tensor("a", "[1]", 0, 4), tensor("a", "[1]", 4, 8));
    assert!(refusal(&file(&twice, 8)).contains("the name `a` twice"));
    for metadata in ["1", "[]", r#"{"a":1}"#, "null"] {
        let header = format!("{{\"__metadata__\":{metadata}}}");
        assert_eq!(refusal(&file(&header, 0)), format!("__metadata__ may hold nothing but strings{damaged}"));
    }
    // What a file says reaches the terminal short and without control characters.
    let message = refusal(&one(&format!("\\u001b[31m{}", "x".repeat(1000)), "[2]", 0, 4, 4));
    assert!(message.starts_with("tensor `\\u{1b}[31mxxx") && message.chars().count() < 200, "{message}");
}

/// Sizes that only a 64-bit processor can count to.
#[cfg(target_pointer_width = "64")]
#[test]
fn safetensors_refuse_the_impossible() {
    let message = "tensor `w`: its shape and its data_offsets do not fit each other: the file is damaged";
    assert_eq!(refusal(&one("w", "[4294967296,4294967296,4294967296]", 4, 0, 4)), message);
    assert_eq!(refusal(&one("w", "[4294967296,4294967296,4294967296]", 0, 0, 0)), message);
    assert_eq!(refusal(&one("w", "[4503599627370496,1024]", 0, 0, 0)), message);
    assert_eq!(refusal(&one("w", "[2251799813685248]", 0, 9007199254740992, 0)).find("the file is truncated"), Some(0));
}

#[test]
#[should_panic(expected = "the number of entries of tensor `w` of shape [2, 2]")]
fn tensor_of_the_wrong_shape() {
    Tensor::new("w", &[2, 2], vec![0.0; 3]);
}

#[test]
#[should_panic(expected = "two tensors of the same name")]
fn tensors_of_the_same_name() {
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
        // A number of the header becomes another.
        let header = str::from_utf8(&FROM_PYTHON[8..FROM_PYTHON.len() - 28]).unwrap();
        let places: Vec<usize> = header.match_indices(|c: char| c.is_ascii_digit()).map(|(place, _)| place).collect();
        let place = places[at % places.len()];
        check_damaged(&file(&format!("{}{digits}{}", &header[..place], &header[place + 1..]), 28));
    }
}

/// Read or refused, and if read, no larger than the file.
fn check_damaged(bytes: &[u8]) {
    if let Ok(read) = Safetensors::from_bytes(bytes, "") {
        assert!(read.tensors.iter().map(|tensor| 4 * tensor.data.capacity()).sum::<usize>() <= bytes.len());
        read.to_bytes();
    }
}

// ------------------------------------------------------------------------------------------ atomic writing

/// An empty folder of its own for a test, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("palmnet-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn complaint(path: &PathBuf) -> String {
    let error = write_atomic(path, b"new").unwrap_err().to_string();
    error.strip_prefix(&format!("{}: ", path.display())).expect(&error).to_string()
}

#[test]
fn a_file_is_replaced() {
    let folder = Folder::new("replaced");
    let path = folder.path("a");
    write_atomic(&path, b"first").unwrap();
    write_atomic(&path, b"2nd").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"2nd");
    python_content().write(&path).unwrap();
    assert_eq!(Safetensors::read(&path).unwrap(), python_content());
    assert_eq!(folder.names(), ["a"]);
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let folder = Folder::new("failure");
    fs::write(folder.path("file"), "old").unwrap();
    assert_eq!(complaint(&folder.path("none/file")), "the folder does not exist: create it, or choose another place");
    assert_eq!(complaint(&folder.0), "this is a folder: give the name of a file in it");
    let message = "a part of this path is a file, not a folder: choose another place";
    assert_eq!(complaint(&folder.path("file/inner")), message);
    let error = write_atomic("", b"new").unwrap_err().to_string();
    assert_eq!(error, ": this cannot be a file's name: choose another, shorter name");
    // The temporary file can be written, but it cannot get this name.
    assert!(write_atomic(folder.path(&"x".repeat(300)), b"new").is_err());
    assert_eq!(folder.names(), ["file"]);
    assert!(matches!(Safetensors::read(folder.path("none")), Err(Error::Io { .. })));
}

#[test]
fn a_read_only_file_is_left_alone() {
    let folder = Folder::new("readonly");
    let path = folder.path("file");
    fs::write(&path, "old").unwrap();
    let writable = fs::metadata(&path).unwrap().permissions();
    let mut permissions = writable.clone();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let message = "no permission to write: change the permissions of the file or folder, or choose another place";
    assert_eq!(complaint(&path), message);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(folder.names(), ["file"]);
    fs::set_permissions(&path, writable).unwrap();
}

#[test]
fn readers_and_writers_at_once_see_whole_files() {
    let folder = Folder::new("race");
    let path = folder.path("file");
    let contents = [vec![b'a'; 100_000], vec![b'b'; 50_000]];
    write_atomic(&path, &contents[0]).unwrap();
    std::thread::scope(|scope| {
        for content in &contents {
            scope.spawn(|| (0..30).for_each(|_| write_atomic(&path, content).unwrap()));
        }
        for _ in 0..200 {
            assert!(contents.contains(&fs::read(&path).unwrap()));
        }
    });
    assert_eq!(folder.names(), ["file"]);
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_link_stays_a_link() {
        let folder = Folder::new("link");
        fs::create_dir(folder.path("there")).unwrap();
        fs::write(folder.path("there/file"), "old").unwrap();
        symlink("there/file", folder.path("first")).unwrap();
        symlink("first", folder.path("second")).unwrap();
        write_atomic(folder.path("second"), b"new").unwrap();
        assert_eq!(fs::read(folder.path("there/file")).unwrap(), b"new");
        assert!(folder.path("second").is_symlink() && folder.path("first").is_symlink());

        symlink("there/later", folder.path("dangling")).unwrap();
        write_atomic(folder.path("dangling"), b"new").unwrap();
        assert!(folder.path("dangling").is_symlink());
        assert_eq!(fs::read(folder.path("there/later")).unwrap(), b"new");

        symlink("circle", folder.path("circle")).unwrap();
        assert!(write_atomic(folder.path("circle"), b"new").is_err());
        assert_eq!(fs::read_dir(folder.path("there")).unwrap().count(), 2);
        assert_eq!(folder.names(), ["circle", "dangling", "first", "second", "there"]);
    }

    #[test]
    fn permissions_stay() {
        let folder = Folder::new("permissions");
        let path = folder.path("file");
        for mode in [0o600, 0o666, 0o755] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            write_atomic(&path, b"new").unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_device_is_written_not_replaced() {
        assert_eq!(complaint(&"/dev/full".into()), "the disk is full: make room, or choose another place");
    }
}
