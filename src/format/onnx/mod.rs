//! The model file inside an ONNX file. A graph alone does not say how columns were written, nor what held-out rows said
//! about its predictions: its metadata has the header of the model file, and the names of the graph's constants that have
//! the numbers behind it. Numbers that the graph does not have are there in hexadecimal.

#[cfg(feature = "import")]
pub(crate) mod read;
#[cfg(feature = "export")]
pub(crate) mod write;

use crate::base::digest::Digest;

/// The key of the metadata.
pub(crate) const KEY: &str = "palmnet";
/// The members of the record: the digest of the graph that it is of, the header of the model file, and its numbers.
const GRAPH: &str = "graph";
const HEADER: &str = "header";
const NUMBERS: &str = "numbers";
/// The member of numbers that the graph does not have.
const HEXADECIMAL: &str = "hex";

fn digest(graph: &[u8]) -> String {
    let mut digest = Digest::new();
    digest.bytes(graph);
    digest.finish()
}

#[cfg(all(test, feature = "export", feature = "import"))]
mod tests {
    use super::KEY;
    use super::read::{Inside, model_file};
    use super::write::record;
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
        let file = file.to_bytes();
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
        let record = record(&file, graph.as_bytes(), constants);
        assert!(
            record.ends_with(r#""numbers":["a","b","1",{"hex":"0000803f"},{"hex":"000000800000f040"},"q"]}"#),
            "{record}"
        );
        let written = |key: &str, record: &str| {
            let (mut entry, mut file) = (Message::new(), Message::new());
            entry.bytes(1, key);
            entry.bytes(2, record);
            file.message(7, &graph);
            file.message(14, &entry);
            file.into_bytes()
        };
        let whole = written(KEY, &record);
        assert_eq!(model_file(&whole), Ok(Inside::Whole(file)));
        assert_eq!(model_file(&written("other", &record)), Ok(Inside::Nothing));
        // One bit of a weight.
        let mut changed = whole.clone();
        let at = whole.windows(4).position(|bytes| bytes == 7f32.to_le_bytes()).unwrap();
        changed[at] ^= 1;
        assert_eq!(model_file(&changed), Ok(Inside::Changed));
        for (from, to) in
            [("\"q\"", "\"p\""), ("f040", "f04"), ("f040", "f04+"), ("hex", "oct"), ("numbers", "none"), ("{", "")]
        {
            assert_eq!(model_file(&written(KEY, &record.replace(from, to))), Ok(Inside::Changed), "{from}");
        }
        // A constant that is asked for again and again.
        let many = record.replace("[\"a\"", &format!("[{}\"a\"", "\"a\",".repeat(1000)));
        assert_eq!(model_file(&written(KEY, &many)), Ok(Inside::Changed));
    }
}
