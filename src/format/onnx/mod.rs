//! The model file inside an ONNX file. A graph alone does not say how columns were written, nor what held-out rows said
//! about its predictions: its metadata has the header of the model file, and the names of the graph's constants that have
//! the numbers behind it. Numbers that the graph does not have are there in hexadecimal.

#[cfg(feature = "import")]
pub(crate) mod read;
#[cfg(feature = "export")]
pub(crate) mod write;

use super::json::Json;
use crate::base::digest::Digest;

/// The key of the metadata.
pub(crate) const KEY: &str = "palmnet";
/// The members of the record: the digest, the header of the model file, and its numbers.
const DIGEST: &str = "digest";
const HEADER: &str = "header";
const NUMBERS: &str = "numbers";
/// The member of numbers that the graph does not have.
const HEXADECIMAL: &str = "hex";

/// The parts of an ONNX file that belong together.
struct Parts<'a> {
    graph: &'a [u8],
    /// The versions of the operators.
    operators: &'a [u8],
    header: &'a str,
    numbers: &'a Json,
}

impl Parts<'_> {
    fn digest(&self) -> String {
        let mut digest = Digest::new();
        [self.graph, self.operators].iter().for_each(|bytes| digest.bytes(bytes));
        digest.text(self.header);
        digest.text(&self.numbers.to_string());
        digest.finish()
    }
}

#[cfg(all(test, feature = "export", feature = "import"))]
mod tests {
    use super::read::{Inside, model_file};
    use super::write::{Written, record};
    use super::*;
    use crate::format::protobuf::write::Message;
    use crate::format::safetensors::{Safetensors, Tensor};

    /// Whole tensors, parts of them and others come back; anything that is changed is noticed.
    #[test]
    fn files_come_back() {
        let long: Vec<f32> = (0..40).map(|x| x as f32).collect();
        let mut file = Safetensors::default();
        file.metadata.insert("layers".into(), "\"ä\" dense(4,10)".into());
        file.tensors.push(Tensor::new("in parts", &[4, 10], long.clone()));
        file.tensors.push(Tensor::new("one", &[1], vec![1.0]));
        file.tensors.push(Tensor::new("two", &[1], vec![1.0]));
        file.tensors.push(Tensor::new("absent", &[2], vec![-0.0, 7.5]));
        file.tensors.push(Tensor { is_bytes: true, ..Tensor::new("bytes", &[3], vec![-128.0, 0.0, 127.0]) });
        let raw = |numbers: &[f32]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let constants =
            [("b", raw(&long[20..])), ("a", raw(&long[..20])), ("1", raw(&[1.0])), ("q", vec![0x80, 0, 0x7F])];
        let mut graph = Message::new();
        for (name, raw) in &constants {
            let mut tensor = Message::new();
            tensor.bytes(8, name);
            tensor.bytes(9, raw);
            graph.message(5, &tensor);
        }
        let constants = constants.iter().map(|(name, raw)| (*name, &raw[..])).collect();
        let record = record(&file, Written { graph: graph.as_bytes(), operators: b"\x10\x13", constants }).unwrap();
        assert!(
            record.ends_with(r#""numbers":["a","b","1",{"hex":"0000803f"},{"hex":"000000800000f040"},"q"]}"#),
            "{record}"
        );
        let written = |key: &str, record: &str| {
            let (mut entry, mut file) = (Message::new(), Message::new());
            entry.bytes(1, key);
            entry.bytes(2, record);
            file.message(7, &graph);
            file.bytes(8, b"\x10\x13");
            file.message(14, &entry);
            file.into_bytes()
        };
        let whole = written(KEY, &record);
        assert_eq!(model_file(&whole), Ok(Inside::Whole(file.to_bytes())));
        assert_eq!(model_file(&written("other", &record)), Ok(Inside::Nothing));
        let is_changed = |file: &[u8]| assert_eq!(model_file(file), Ok(Inside::Changed), "{file:?}");
        // One bit of a weight, the version of the operators, and graphs and records in which the last would count.
        for bytes in [&7f32.to_le_bytes()[..], b"\x10\x13"] {
            let mut changed = whole.clone();
            let at = whole.windows(bytes.len()).position(|own| own == bytes).unwrap();
            changed[at + bytes.len() - 1] ^= 1;
            is_changed(&changed);
        }
        for more in [&b"\x3a\0"[..], b"\xca\x01\0", b"\x72\x0b\x0a\x07palmnet\x12\0"] {
            is_changed(&[&whole[..], more].concat());
            is_changed(&[more, &whole[..]].concat());
        }
        // Other entries of the metadata change nothing.
        assert!(matches!(model_file(&[&whole[..], b"\x72\0"].concat()), Ok(Inside::Whole(_))));
        for (from, to) in [
            ("\"q\"", "\"p\""),
            ("f040", "f04"),
            ("f040", "f041"),
            ("f040", "f04+"),
            ("hex", "oct"),
            ("numbers", "none"),
            ("dense", "Dense"),
            ("{", ""),
        ] {
            is_changed(&written(KEY, &record.replace(from, to)));
        }
    }

    /// No constant is taken twice, whatever the digest says.
    #[test]
    fn a_record_is_no_longer_than_its_file() {
        let numbers = Json::Array(vec!["a".into(), "a".into()]);
        let mut graph = Message::new();
        graph.bytes(5, b"\x42\x01a\x4a\x04abcd");
        let parts = Parts { graph: graph.as_bytes(), operators: b"", header: "{}", numbers: &numbers };
        let members = [(DIGEST, parts.digest().into()), (HEADER, "{}".into()), (NUMBERS, numbers.clone())];
        let (mut entry, mut file) = (Message::new(), Message::new());
        entry.bytes(1, KEY);
        entry.bytes(2, Json::object(members).to_string());
        file.message(7, &graph);
        file.bytes(8, b"");
        file.message(14, &entry);
        assert_eq!(model_file(&file.into_bytes()), Ok(Inside::Changed));
    }
}
