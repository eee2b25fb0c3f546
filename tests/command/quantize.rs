//! Models with weights in 8 bits.

use palmnet::nn::{InputScale, Layer, QuantizedParts};
use palmnet::unversioned::{Json, Safetensors};
use palmnet::{Dataset, Matrix, Model, Target};

use super::exported::{Case, check};
use super::*;

/// Rounds to the nearest whole number, to the even one of two, by the remainder.
fn rounded(x: f64) -> f64 {
    let below = x.floor();
    match x - below {
        rest if rest < 0.5 => below,
        rest if rest > 0.5 => below + 1.0,
        _ if below % 2.0 == 0.0 => below,
        _ => below + 1.0,
    }
}

/// The outputs of a layer in 8 bits for the row of a member, by its definition, in whole numbers of 64 bits.
fn by_definition(parts: &QuantizedParts, member: usize, x: &[f32]) -> Vec<f32> {
    let InputScale { scale, zero } = parts.input;
    let (inverse, zero) = (1.0 / scale, f64::from(zero));
    let q = |x: &f32| rounded(f64::from(x * inverse)) + zero;
    let q: Vec<i64> = x.iter().map(|x| (q(x).clamp(0.0, 255.0) - zero) as i64).collect();
    let output = |j: usize| {
        let of_output = scale * parts.scale[member * parts.outputs + j];
        let bias = rounded(f64::from(parts.bias[member * parts.outputs + j] / of_output)) as i64;
        let weight = |i: usize| i64::from(parts.weights[(member * parts.inputs + i) * parts.outputs + j]);
        let sum = bias + q.iter().enumerate().map(|(i, q)| q * weight(i)).sum::<i64>();
        sum as f32 * of_output
    };
    (0..parts.outputs).map(output).collect()
}

#[test]
fn layers_compute_what_is_documented() {
    for options in ["--fast --hidden 24,7 --batch-norm --activation tanh", "--members 4 --hidden 17"] {
        let folder = Folder::of_irises();
        folder.run(&format!("train iris.csv --epochs 20 --quiet {options} -o float")).ok();
        let text = folder.run("quantize float iris.csv -o int8").ok();
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        let model = Model::load(folder.path("int8")).unwrap();
        let network = model.network();
        assert!(network.is_quantized() && network.layers().iter().all(|layer| !matches!(layer, Layer::Dense(_))));
        let x = Matrix::from_fn(9, network.inputs(), |i, j| (i as f32 - 4.0) * 0.7 + j as f32 * 0.31);
        let mut seen = 0;
        for (index, layer) in network.layers().iter().enumerate() {
            let Layer::Quantized(layer) = layer else { continue };
            let input = if index == 0 { x.clone() } else { network.activations(&x, index - 1) };
            let output = network.activations(&x, index);
            for (row, (input, output)) in input.iter_rows().zip(output.iter_rows()).enumerate() {
                let expected = by_definition(&layer.parts(), row % layer.members(), input);
                assert_eq!(output, expected, "{options}: layer {index}, row {row}");
            }
            seen += 1;
        }
        assert!(seen >= 2);
        // One row at a time, and by a predictor: the same bits.
        let rows = Matrix::from_fn(5, model.schema().width(), |i, j| 1.0 + i as f32 + j as f32);
        let (all, mut predictor) = (model.predict(&rows), model.predictor());
        for i in 0..5 {
            assert_eq!(predictor.predict(rows.row(i)).unwrap(), all.row(i));
        }
    }
}

#[test]
fn files_hold_bytes_and_are_a_quarter_of_the_size() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --hidden 200,200 --epochs 9 --quiet -o float").ok();
    let line = folder.run("quantize float iris.csv -o int8 --json").json().remove(0);
    let bytes = |name: &str| std::fs::read(folder.path(name)).unwrap().len();
    assert_eq!(line.get("bytes").and_then(Json::as_usize), Some(bytes("int8")));
    assert!(100 * bytes("int8") <= 27 * bytes("float") + 100 * 1024, "{} of {}", bytes("int8"), bytes("float"));
    let file = Safetensors::read(folder.path("int8")).unwrap();
    assert_eq!(file.metadata["format"], "2");
    let weights = file.tensor("layers.2.weights").unwrap();
    assert!(weights.is_bytes && weights.shape == [200, 200] && weights.data.contains(&127.0));
    let model = Model::load(folder.path("int8")).unwrap();
    assert_eq!(Model::from_bytes(&model.to_bytes(), "int8").unwrap(), model);
    // Every other byte of the header, and cut: an error, and no panic.
    let whole = model.to_bytes();
    assert!(Model::from_bytes(&whole[..whole.len() - 1], "cut").is_err());
    let damaged = |change: &dyn Fn(&mut Safetensors)| {
        let mut file = file.clone();
        change(&mut file);
        Model::from_bytes(&file.to_bytes(), "damaged").unwrap_err().to_string()
    };
    let set = |name: &'static str, value: f32| {
        move |file: &mut Safetensors| {
            file.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap().data[0] = value
        }
    };
    assert!(damaged(&set("layers.0.weights", -128.0)).contains("-128"));
    assert!(damaged(&set("layers.0.scale", 0.0)).contains("scale"));
    assert!(damaged(&set("layers.0.bias", 1e20)).contains("2^31"));
    let zero = damaged(&|file| {
        file.tensors.iter_mut().for_each(|tensor| {
            if tensor.name.ends_with("input") {
                tensor.data[1] = 256.0
            }
        })
    });
    assert!(zero.contains("zero point"), "{zero}");
    let float = damaged(&|file| file.tensors.iter_mut().for_each(|tensor| tensor.is_bytes = false));
    assert!(float.contains("another type"), "{float}");
    let newer = damaged(&|file| _ = file.metadata.insert("format".into(), "3".into()));
    assert!(newer.contains("format 3"), "{newer}");
    let float = Safetensors::read(folder.path("float")).unwrap();
    assert_eq!(float.metadata["format"], "1");
}

#[test]
fn such_models_predict_and_are_not_trained() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --epochs 20 --quiet -o float").ok();
    folder.run("quantize float iris.csv -o int8").ok();
    let accuracy = |model: &str| folder.run(&format!("eval {model} iris.csv --json")).ok();
    let score = |text: &str| Json::parse(text).unwrap().get("accuracy").and_then(Json::as_f64).unwrap();
    // Of several ways to round, the best on these rows is taken: it may be better.
    assert!(score(&accuracy("int8")) >= score(&accuracy("float")) - 0.001);
    let info = folder.run("info int8").ok();
    assert!(info.contains("dense8(4,") && info.contains("int8: 4 of 4 layers; loss"), "{info}");
    assert!(!info.contains("test: loss"), "of the model before: {info}");
    for command in
        ["train iris.csv --from int8 --epochs 1 -o x", "quantize int8 iris.csv -o x", "average int8 int8 -o x"]
    {
        let message = folder.run(command).fails(1, &[]).replace("\n", " ");
        assert!(message.contains("8-bit weights") && message.contains("made of"), "{command}: {message}");
        assert!(!folder.path("x").exists());
    }
    // The same file at the end of a training.
    let text = folder.run("train iris.csv --fast --epochs 20 --int8 -o trained").ok();
    assert!(text.contains("8 bits loss"), "{text}");
    assert!(Model::load(folder.path("trained")).unwrap().network().is_quantized());
    assert!(folder.run("quantize float iris.csv -o iris.csv").fails(1, &[]).contains("is the data"));
}

/// A layer whose inputs are far apart is kept, if 8 bits cost too much.
#[test]
fn a_layer_that_would_cost_too_much_stays() {
    let folder = Folder::new();
    let mut csv = "a,b,y\n".to_string();
    // The sum of a large part, which has no influence, and a small one, which is everything.
    (0..400).for_each(|i| {
        csv += &format!("{},{},{}\n", i * 37 % 400, i * 91 % 400, (i * 37 % 400) as f32 + 0.001 * (i % 7) as f32)
    });
    folder.write("line.csv", &csv);
    folder.run("train line.csv --target y --fast --hidden 0 --epochs 200 --test 0 --quiet -o float").ok();
    let model = Model::load(folder.path("float")).unwrap();
    let data = Dataset::from_csv(folder.path("line.csv"), Target::Values(&["y"])).unwrap();
    let found = model.quantized(&data).unwrap();
    assert!(found.before.value() - found.after.value() <= 0.002);
    for layer in &found.layers {
        assert_eq!(layer.is_quantized, layer.cost <= 0.002, "{layer:?}");
    }
}

/// The same bits from compiled code as from the model.
#[test]
fn exported_code_computes_the_same_numbers() {
    let folder = Folder::of_irises();
    for (name, options) in [
        ("plain", "--fast --hidden 24,7 --activation gelu"),
        ("members", "--members 3 --hidden 17"),
        ("normalized", "--fast --hidden 9 --layer-norm"),
    ] {
        folder.run(&format!("train iris.csv --epochs 15 --quiet {options} -o float")).ok();
        folder.run("quantize float iris.csv -o int8").ok();
        let model = Model::load(folder.path("int8")).unwrap();
        check(&Case::new(name, model, IRIS, &["1e30,1,1,1", "-1e30,0,9,-9"]));
    }
}
