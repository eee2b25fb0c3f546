//! `palmnet export`: models of all kinds as code, and the command itself.

use palmnet::data::{Imputer, Scaler, Schema, TargetSchema, Targets};
use palmnet::export::{c_source, onnx, rust_source};
use palmnet::model::{Calibration, TargetRange};
use palmnet::{Activation::*, Matrix, Model, Network, Preprocessing, generate};

use super::exported::{Case, check};
use super::*;

#[test]
fn c_without_nan_is_refused() {
    if Command::new("gcc").arg("--version").output().is_err() {
        eprintln!("not tested: gcc is absent");
        return;
    }
    let folder = Folder::new();
    let model = Model::load(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/iris.safetensors")).unwrap();
    folder.write("code.h", c_source(&model, "code").unwrap());
    let gcc =
        Command::new("gcc").args(["-ffast-math", "-fsyntax-only", "code.h"]).current_dir(&folder.0).output().unwrap();
    assert!(!gcc.status.success() && String::from_utf8_lossy(&gcc.stderr).contains("-ffast-math"), "{gcc:?}");
}

/// A model that the command trains on a table.
fn trained(csv: &str, options: &str) -> Model {
    let folder = Folder::new();
    folder.write("table.csv", csv);
    folder.run(&format!("train table.csv --quiet {options} -o model")).ok();
    Model::load(folder.path("model")).unwrap()
}

fn tables(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tables").join(name)).unwrap()
}

/// Dates with and without times, texts, gaps in both, and a value of millions.
fn houses() -> String {
    let mut rng = Rng::new(4);
    let mut table = "built,sold,city,rooms,heating,open,price\n".to_string();
    for row in 0..240 {
        let (year, rooms, city) = (1950 + rng.below(70), 1 + rng.below(8), rng.below(13));
        let price = 1_000_000.0 + 100_000.0 * rooms as f64 + 20_000.0 * city as f64 + rng.uniform_in(0.0, 9.0);
        let gap = |text: String, every: usize| if row % every == 0 { String::new() } else { text };
        let city = ["Bonn", "K\u{f6}ln", "Ulm", "a\"b", "q?", "x y"]
            .get(city)
            .map_or(format!("c{city}"), |city| city.to_string());
        table += &format!(
            "{year}-{:02}-{:02},2019-{:02}-01 {:02}:30:15,{},{},{},{:02}:{:02},{price:.1}\n",
            1 + row % 12,
            1 + row % 28,
            1 + row % 12,
            row % 24,
            gap(city, 11),
            gap(rooms.to_string(), 9),
            gap(["gas", "oil"][row % 2].into(), 40),
            row % 24,
            row % 60
        );
    }
    table
}

#[test]
fn tables_of_all_kinds_of_columns() {
    let houses = houses();
    let more = [
        "1812-02-29,2000-02-29 00:00:00,Nowhere,1e30,wood,00:00",
        "1999-12-31,2024-12-31 23:59:59,,,,23:59",
        "2024-01-01,2024-01-01 12:00:00,Ulm,-7,gas,12:00",
    ];
    check(&Case::new("houses", trained(&houses, "--fast --epochs 5 --weight-decay 0"), &houses, &more));
    let ensemble = "--members 3 --bins 5 --embedding 3 --epochs 2 --lr 0.01 --dropout 0.1";
    check(&Case::new("houses, ensemble", trained(&houses, ensemble), &houses, &more));
}

#[test]
fn categories_by_the_hundred_are_those_of_the_model() {
    let mut csv = "town,size,price\n".to_string();
    (0..960).for_each(|row| csv += &format!("town {},{},{}\n", row * 7 % 320, row % 13, row * 7 % 320 + row % 13));
    let model = trained(&csv, "--members 2 --bins 4 --embedding 3 --epochs 1 --lr 0.01 --hidden 8 --categories town");
    assert!(model.network().layers().iter().any(|layer| matches!(layer, palmnet::nn::Layer::Embedding(_))));
    check(&Case::new("towns", model, &csv, &["Nowhere,3"]));
}

#[test]
fn tables_of_numbers() {
    let more = ["1e30,1,1,1", "-1e30,0,0,0", ",1,1,1", "0,0,0,0", "nan,1,2,3"];
    let iris = Model::load(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/iris.safetensors")).unwrap();
    check(&Case::new("iris", iris, IRIS, &more));
    let calibrated = trained(IRIS, "--epochs 12 --hidden 8 --seed 1");
    assert!(calibrated.calibration().is_some_and(|found| found.temperature() != 1.0));
    check(&Case::new("iris, calibrated ensemble", calibrated, IRIS, &more));
    let sums = sums(60);
    check(&Case::new("sums", trained(&sums, "--target sum,difference --fast --epochs 9"), &sums, &["1e30,1", "3,-4"]));
    let digits = generate::digits();
    let names: Vec<String> = digits.schema().columns().iter().map(|column| column.name.clone()).collect();
    let mut csv = names.join(",") + ",label\n";
    for row in 0..120 {
        let x = digits.select(&[row]).to_matrix();
        let cells: Vec<String> = x.row(0).iter().map(|x| x.to_string()).collect();
        csv += &format!("{},{}\n", cells.join(","), digits.labels().unwrap()[row]);
    }
    check(&Case::new(
        "digits",
        trained(&csv, "--fast --epochs 3 --hidden 32,16 --batch-norm --dropout 0.1"),
        &csv,
        &[],
    ));
}

#[test]
fn tables_as_they_are() {
    for (name, options, more) in [
        ("times.csv", "--fast --epochs 9", &["23:59,1", "100:12:30,2"][..]),
        ("dates.csv", "--fast --epochs 9", &["1600-01-01,2", "2024-02-29,1e30"]),
        ("percent.csv", "--fast --epochs 9", &["1000%,1"]),
        ("hex.csv", "--fast --epochs 9", &["0xff,1"]),
        ("ml.csv", "--target l1,l2,l3 --epochs 3 --hidden 8 --members 2", &["1e30,1", "1,-1e30"]),
        ("mlt.csv", "--target l1,l2 --fast --epochs 9", &["1e30,1", "1,2"]),
        ("offset_target.csv", "--fast --epochs 9", &["1,2"]),
        ("feature_bigint_offset.csv", "--fast --epochs 9", &["1700000005", "1e30"]),
        ("near_const.csv", "--fast --epochs 9", &["1,14.62"]),
    ] {
        let csv = tables(name);
        check(&Case::new(name, trained(&csv, options), &csv, more));
    }
}

#[test]
fn layers_and_activations() {
    for activation in
        ["leaky_relu:0.2", "elu:0.7", "selu", "sigmoid", "tanh", "softplus", "silu", "gelu", "hard_sigmoid"]
    {
        let more = ["1e30,1,1,1", "-1e30,-1e30,1,1", "0.001,0,0,0"];
        let norm = if activation == "tanh" || activation == "gelu" { "--layer-norm" } else { "--batch-norm" };
        let options = format!("--fast --hidden 8,6 --activation {activation} --epochs 3 {norm}");
        check(&Case::new("activation", trained(IRIS, &options), IRIS, &more));
    }
}

/// A model of three numbers, of which the second may be missing, that ends in this activation.
fn built(end: palmnet::Activation, outputs: usize, target: TargetSchema, seed: u64) -> Model {
    let network = Network::builder(3).dense(5, Tanh).dense(outputs, end).seed(seed).build().unwrap();
    let schema = Schema::numbers(["int", "*/ \u{202e}\u{e9}??/", "/* INT"], target).unwrap();
    let scaler = Scaler::from_parts(vec![0.5, -1.0, 0.0], vec![2.0, 0.5, 0.0]).unwrap();
    let preprocessing =
        Preprocessing::new(scaler, None).with_imputer(Imputer::from_parts(vec![1.0, 2.0, 3.0]).unwrap());
    Model::new(network, preprocessing, schema).unwrap()
}

/// The calibration of probabilities that were too sure, or not sure enough.
fn calibration(outputs: usize, targets: Targets) -> Calibration {
    let found =
        Calibration::fit(&Matrix::from_fn(60, outputs, |_, j| [0.9, 0.05, 0.05][j]), &Matrix::default(), &targets);
    let found = found.unwrap();
    assert!(found.temperature() != 1.0);
    found
}

const NUMBERS: &str =
    "int,*/ \u{202e}\u{e9}??/,/* INT\n0.5,1,2\n-3,,1\n,1,\n1e30,-1e30,5\n20,-40,0\n-20,40,0\n0.01,0.02,7\n";

#[test]
fn ends_of_networks_with_and_without_a_temperature() {
    let classes = |count: usize| TargetSchema::Classes {
        name: "y".into(),
        classes: ["a\"b", "\u{e9}?", "c d"][..count].iter().map(|name| name.to_string()).collect(),
    };
    let labels = || TargetSchema::Labels {
        names: vec!["l".into(), "m".into()],
        classes: vec![["n".into(), "y".into()], ["0".into(), "1".into()]],
    };
    let many = Targets::Classes((0..60).map(|i| u32::from(i % 2 == 0)).collect());
    let two = || Targets::Labels(Matrix::from_fn(60, 2, |i, _| (i % 2) as f32));
    for (end, outputs) in
        [(Softmax, 3), (Identity, 3), (Sigmoid, 1), (Identity, 1), (HardSigmoid, 1), (Sigmoid, 3), (Relu, 3)]
    {
        let model = built(end, outputs, classes(outputs.max(2)), 3);
        let tempered = model.clone().with_calibration(calibration(outputs, many.clone())).unwrap();
        check(&Case::new("classes", model, NUMBERS, &[]));
        check(&Case::new("classes with a temperature", tempered, NUMBERS, &[]));
    }
    for end in [Sigmoid, Identity, HardSigmoid] {
        let model = built(end, 2, labels(), 4);
        let tempered = model.clone().with_calibration(calibration(2, two())).unwrap();
        check(&Case::new("labels with a temperature", tempered, NUMBERS, &[]));
    }
    // Values in a range, of which one was constant in training.
    let model = built(Identity, 2, TargetSchema::Values { names: vec!["y".into(), "z".into()] }, 5);
    let targets = Scaler::from_parts(vec![3.0, -2.0], vec![0.25, 0.0]).unwrap();
    let preprocessing = Preprocessing::new(model.preprocessing().features().clone(), Some(targets))
        .with_imputer(model.preprocessing().imputer().cloned())
        .with_range(TargetRange::from_parts(vec![2.0, -3.0], vec![4.0, 3.0]).unwrap());
    check(&Case::new(
        "values",
        Model::new(model.network().clone(), preprocessing, model.schema().clone()).unwrap(),
        NUMBERS,
        &[],
    ));
}

#[test]
fn the_command_says_the_cost_and_keeps_to_a_budget() {
    let folder = Folder::of_irises();
    folder.write("my-irises 2.model", include_bytes!("../../examples/iris.safetensors"));
    folder.write("iris.model", include_bytes!("../../examples/iris.safetensors"));
    let out = folder.run_with("export iris.model --to c", &[("COLUMNS", "40")]).ok();
    assert!(out.starts_with("flash ") && out.ends_with("\nsaved iris.h\n"), "{out}");
    assert!(out.lines().all(|line| line.len() <= 40), "{out}");
    let json = folder.run("export iris.model --to rust --json -o other.rs").json();
    let (flash, ram) = (number(&json[0], "flash"), number(&json[0], "ram"));
    // 411 parameters and 8 numbers of scaling.
    assert!(flash > 4.0 * 411.0 && flash < 3000.0 && ram > 4.0 * 32.0 && ram < 400.0, "{flash} {ram}");
    assert_eq!(number(&json[0], "multiplications"), 4.0 + (4 * 16 + 16 * 16 + 16 * 3) as f64 + 3.0);
    assert!(folder.has("other.rs"));
    // Into the same file again; and not if it is too large, or another file is there.
    folder.run("export iris.model --to c --budget flash=32k,ram=2k").ok();
    let before = folder.bytes("iris.h");
    folder
        .run("export iris.model --to c --budget flash=1k --name x -o iris.h")
        .fails(1, &["needs about", "of flash", "1.00 KB"]);
    folder.run("export iris.model --to c --budget ram=100").fails(1, &["of RAM", "0.0977 KB"]);
    assert_eq!(folder.bytes("iris.h"), before);
    folder.run("export iris.model --to c -o iris.csv").fails(1, &["iris.csv", "is not a header"]);
    folder.run("export iris.model --to c -o other.rs").fails(1, &["other.rs", "is not a header"]);
    folder.run("export iris.model --to c --name 2x").fails(1, &["`2x`", "x2x"]);
    folder.run("export iris.model --to c --name int").fails(1, &["`int`", "int_"]);
    folder.run("export iris.model --to java").fails(2, &["java", "c, rust, onnx"]);
    folder.run("export iris.model").fails(2, &["--to"]);
    folder.run("export iris.model --to c --budget 32k").fails(2, &["flash=32k,ram=2k"]);
    folder.run("export iris.csv --to c").fails(1, &["iris.csv"]);
}

#[test]
fn an_onnx_file_is_whole_and_small() {
    let folder = Folder::of_irises();
    folder.write("iris.model", include_bytes!("../../examples/iris.safetensors"));
    let out = folder.run("export iris.model --to onnx").ok();
    assert_eq!(out, "saved iris.onnx\n");
    let file = folder.bytes("iris.onnx");
    let model = Model::load(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/iris.safetensors")).unwrap();
    assert_eq!(file, onnx(&model).unwrap());
    // 411 parameters and 8 numbers of scaling, and as much again for 21 nodes and the names. The header of the model file
    // is in it too, where a quotation mark takes up to four characters.
    let header = model.to_bytes().len() - 4 * 419;
    assert!((4 * 419 + header..2 * (4 * 419 + header)).contains(&file.len()), "{}", file.len());
    // The fields of a ModelProto and of its GraphProto, by their numbers in the format's description.
    let fields = fields(&file);
    assert_eq!(fields[0], (1, &[8][..]));
    assert_eq!(fields[1], (2, &b"palmnet"[..]));
    let of = |fields: &[(u64, &[u8])], number| fields.iter().filter(|field| field.0 == number).count();
    let graph = fields_of(&fields, 7);
    assert_eq!((of(&graph, 11), of(&graph, 12), of(&fields, 8)), (4, 2, 1));
    let names: Vec<String> = graph
        .iter()
        .filter(|field| [11, 12].contains(&field.0))
        .map(|field| String::from_utf8(fields_of(&[*field], field.0)[0].1.to_vec()).unwrap())
        .collect();
    let columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"];
    assert_eq!(names[..4], columns);
    assert_eq!(names[4..], ["label", "probabilities"]);
    // Every tensor that a node takes is there before.
    let mut known: Vec<Vec<u8>> = names[..4].iter().map(|name| name.clone().into_bytes()).collect();
    let tensors = graph.iter().filter(|field| field.0 == 5);
    known.extend(tensors.flat_map(|field| fields_of(&[*field], 5)).filter(|f| f.0 == 8).map(|f| f.1.to_vec()));
    for node in graph.iter().filter(|field| field.0 == 1) {
        for (number, bytes) in fields_of(&[*node], 1) {
            match number {
                1 => assert!(known.iter().any(|name| name == bytes), "{bytes:?}"),
                2 => known.push(bytes.to_vec()),
                _ => {}
            }
        }
    }
    folder.run("export iris.model --to onnx --json -o iris.onnx").ok();
    folder.run("export iris.model --to onnx -o iris.csv").fails(1, &["iris.csv", "is not a model"]);
    folder.run("export iris.model --to onnx --budget ram=1k").fails(2, &["--budget", "--to c"]);
}

/// The fields of a message: their numbers, and their bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let length = bytes.iter().position(|byte| *byte < 128).unwrap() + 1;
        let (own, rest) = bytes.split_at(length);
        *bytes = rest;
        own.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 127))
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => bytes.iter().position(|byte| *byte < 128).unwrap() + 1,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            kind => panic!("a field of kind {kind}"),
        };
        let (own, rest) = bytes.split_at(length);
        found.push((key >> 3, own));
        bytes = rest;
    }
    found
}

/// The fields of the first field of this number.
fn fields_of<'a>(all: &[(u64, &'a [u8])], number: u64) -> Vec<(u64, &'a [u8])> {
    fields(all.iter().find(|field| field.0 == number).unwrap().1)
}

#[test]
fn code_is_the_same_each_time_and_a_zero_byte_is_for_rust_alone() {
    let model =
        built(Softmax, 2, TargetSchema::Classes { name: "y".into(), classes: vec!["a\0b".into(), "*/".into()] }, 1);
    support::says(c_source(&model, "x"), &["zero byte", "Rust"]);
    let code = rust_source(&model, "x").unwrap();
    assert_eq!(code, rust_source(&model, "x").unwrap());
    assert!(code.contains(r#""a\0b""#) && code.contains("pub int_: f32") && code.contains("pub int_2: f32"), "{code}");
    support::says(c_source(&model, "x y"), &["`x y`", "x_y"]);
}
