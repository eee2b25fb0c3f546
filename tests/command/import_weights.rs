//! `palmnet import` of weights that PyTorch saved, and `palmnet export --to pytorch`.

use palmnet::format::Tensor;
use palmnet::import::{Sequential, preprocessing};
use palmnet::{Activation, Dataset, Matrix, Model, Network, Scaling, Target};

use super::*;

/// State dicts of PyTorch, and what it predicts: `make_weights.py` in this folder.
fn golden(name: &str) -> String {
    format!("{}/tests/golden/weights/{name}.safetensors", env!("CARGO_MANIFEST_DIR"))
}

fn tensor(file: &Safetensors, name: &str) -> Matrix {
    let Tensor { shape, data, .. } = file.tensor(name).unwrap();
    Matrix::from_vec(shape[0], shape[1], data.clone())
}

#[track_caller]
fn near(found: &Matrix, expected: &Matrix, tolerance: f32) {
    assert_eq!(found.shape(), expected.shape());
    for (a, b) in found.as_slice().iter().zip(expected.as_slice()) {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{a} is not {b}");
    }
}

#[test]
fn imported_weights_predict_as_pytorch_does() {
    let folder = Folder::new();
    let outputs = Safetensors::read(golden("outputs")).unwrap();
    for (name, options) in [
        ("sequential", "--activation gelu"),
        ("sequential", "--layers flatten-4-8-batch_norm-gelu-dropout-7-gelu-6-layer_norm-gelu-3"),
        ("named", "--layers fc1,bn1,relu,fc2,tanh,out --head softmax"),
        ("named", "--layers=fc1,BatchNorm1d,ReLU,Linear,Tanh,Linear,Softmax"),
        ("double", "--activation sigmoid --head sigmoid"),
        ("half", "--activation relu"),
    ] {
        let out = folder.run(&format!("import {} {options}", golden(name))).ok();
        assert!(out.ends_with("saved model.safetensors\n"), "{out}");
        let model = Model::load(folder.path("model.safetensors")).unwrap();
        near(&model.predict(&tensor(&outputs, "x")), &tensor(&outputs, name), 1e-6);
    }
}

/// A state dict of `nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))`.
fn linear() -> Safetensors {
    let mut file = Safetensors::default();
    for (name, shape) in [("0.weight", &[5, 4][..]), ("0.bias", &[5]), ("2.weight", &[3, 5]), ("2.bias", &[3])] {
        let data = (0..shape.iter().product()).map(|i: usize| (i as f32).sin()).collect();
        file.tensors.push(Tensor::new(name, shape, data));
    }
    file
}

#[test]
fn columns_classes_and_scaling_are_said_or_those_of_a_table() {
    let folder = Folder::of_irises();
    linear().write(folder.path("w")).unwrap();
    let run = |options: &str| {
        folder.run(&format!("import w --activation relu {options}")).ok();
        Model::load(folder.path("model.safetensors")).unwrap()
    };
    let plain = run("");
    assert_eq!(plain.schema().target().names(), ["value 1", "value 2", "value 3"]);
    assert_eq!(run("--head sigmoid").schema().target().output_names().len(), 3);
    assert_eq!(run("--head softmax").schema().target().output_names(), ["0", "1", "2"]);
    let named = run("--classes r,s,t --target kind --features a,b,c,d");
    assert_eq!((named.schema().target().names(), named.schema().input_names().len()), (&["kind".to_string()][..], 4));
    // Logits become probabilities, as PyTorch's loss has it.
    let x = Matrix::from_rows(&[[0.1, -0.3, 0.7, 1.5]]);
    let sum: f32 = named.predict(&x).row(0).iter().sum();
    assert!((sum - 1.0).abs() < 1e-6 && named.network() == plain.network());

    let scaled = run("--mean 1,2,3,4 --std 2");
    assert_eq!(
        (scaled.preprocessing().features().offset()[3], scaled.preprocessing().features().factor()[3]),
        (4.0, 0.5)
    );
    folder.write("mean.txt", "[1.0 2.0\n 3.0 4.0]\n");
    assert_eq!(run("--mean mean.txt --std 2,2,2,2").preprocessing(), scaled.preprocessing());

    let from_table = run("--data iris.csv --target species --scale standard");
    let data = Dataset::from_csv(folder.path("iris.csv"), Target::Last).unwrap();
    assert_eq!(from_table.schema().target().output_names(), ["setosa", "versicolor", "virginica"]);
    assert_eq!(from_table.preprocessing(), &preprocessing(&data, Scaling::Standard));
    // The mean of the petal lengths is 3.758, as everywhere.
    assert!((from_table.preprocessing().features().offset()[2] - 3.758).abs() < 1e-5);

    // It is a model as any other.
    folder.run("eval model.safetensors iris.csv").ok();
    assert_eq!(folder.run("predict model.safetensors unlabeled.csv").ok().lines().count(), 150);
    folder.run("train iris.csv --from model.safetensors --epochs 100 --lr 0.01 --quiet -o further").ok();
    let score = Model::load(folder.path("further")).unwrap().score(&data).unwrap();
    assert!(score.value() > 0.9, "{score}");
    let json = folder.run("import w --activation relu --json").json();
    assert_eq!((json.len(), number(&json[0], "parameters")), (1, 43.0));
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let folder = Folder::of_irises();
    linear().write(folder.path("w")).unwrap();
    let irises = String::from_utf8(folder.bytes("iris.csv")).unwrap();
    let with_gap = |(row, line): (usize, &str)| match line.split_once(',') {
        Some((_, rest)) if row % 4 == 3 => format!(",{rest}\n"),
        _ => format!("{line}\n"),
    };
    folder.write("gaps.csv", irises.lines().enumerate().map(with_gap).collect::<String>());
    let with = |name: &str, shape: &[usize]| {
        let mut file = linear();
        file.tensors.push(Tensor::new(name, shape, vec![0.5; shape.iter().product()]));
        file.write(folder.path("more")).unwrap();
    };
    for (options, parts) in [
        ("", &["--activation relu", "--layers linear,relu,linear"][..]),
        ("--layers 4-6-relu-3", &["`0.weight` of shape [5, 4]", "4 inputs and 6 outputs", "(`linear`, `linear`)"]),
        ("--layers 7-5-relu-3", &["`0.weight`", "7 inputs"]),
        ("--layers linear,relu", &["`2.weight`", "none of the layers"]),
        ("--layers 4-5-relu-3-relu-2", &["more layers than tensors", "2 modules", "`0`, `2`"]),
        ("--layers 4-5-rellu-3", &["`rellu`", "module of the file"]),
        ("--layers linear,batch_norm,linear", &["`2.weight`", "of a linear layer", "batch_norm there"]),
        ("--layers 4-5-relu-3-softmax --head sigmoid", &["end with softmax already"]),
        ("--activation relu --classes a,b", &["2 names of classes", "has 3"]),
        ("--activation relu --mean 1,2 --std 1", &["2 means for 4 inputs"]),
        ("--activation relu --head sigmoid --classes a,b,c", &["3 outputs of sigmoid are of labels", "softmax"]),
        ("--activation relu --mean 1 --std 2,0,1,1", &["standard deviation 2 is 0e0", "give 1"]),
        ("--activation relu --mean 1 --std -1", &["standard deviation 1 is -1e0"]),
        ("--activation relu --data gaps.csv", &["missing cells in `sepal_length`", "there are 5", "has 4: fill"]),
        ("--activation relu --data gaps.csv --mean 1,2,3,4 --std 1", &["missing cells in `sepal_length`"]),
        ("--activation relu --mean absent.txt --std 1", &["absent.txt"]),
        ("--activation relu --mean iris.csv --std 1", &["iris.csv", "--mean"]),
        ("--activation rellu", &["relu"]),
        ("--like iris.csv", &["iris.csv"]),
    ] {
        folder.run(&format!("import w {options}")).fails(1, parts);
    }
    for (options, parts) in [
        ("--activation relu --mean 1", &["--std"][..]),
        ("--activation relu --scale standard", &["--data"]),
        ("--layers 4-5-relu-3 --activation relu", &["exclude"]),
        ("--head relu", &["softmax"]),
    ] {
        folder.run(&format!("import w {options}")).fails(2, parts);
    }
    for (name, shape, parts) in [
        ("3.weight", &[3][..], &["`3.weight` of shape [3]", "PReLU", "layer_norm"][..]),
        ("2.running_mean", &[3], &["module `2`", "both running means and variances"]),
        ("conv.weight", &[2, 2, 3, 3], &["`conv.weight`", "4 dimensions"]),
        ("lstm.weight_ih_l0", &[2, 2], &["`lstm.weight_ih_l0`", "BatchNorm1d"]),
        ("4.bias", &[3], &["module `4` has only `4.bias`"]),
        ("4.weight", &[2, 4], &["`4.weight` of shape [2, 4]", "3 inputs"]),
        ("4.weight", &[0, 3], &["`4.weight`", "empty"]),
    ] {
        with(name, shape);
        folder.run("import more --activation relu").fails(1, parts);
    }
    with("3.weight", &[3]);
    let out = folder.run("import more --layers 4-5-relu-3-layer_norm").ok();
    assert!(out.replace('\n', " ").contains("a GroupNorm, and a BatchNorm1d without running statistics"), "{out}");
    fs::remove_file(folder.path("model.safetensors")).unwrap();
    with("mean", &[4]);
    folder.run("import more --layers 4-5-relu-3").fails(1, &["`mean`"]);
    let mut file = linear();
    file.tensors[2].data[7] = f32::NAN;
    file.write(folder.path("nan")).unwrap();
    folder.run("import nan --activation relu").fails(1, &["`2.weight` holds NaN"]);
    folder
        .run(&format!("import {} --activation relu", golden("named")))
        .fails(1, &["--layers fc1,bn1,relu,fc2,relu,out"]);
    folder.write("net.pt", b"PK\x03\x04more");
    folder.run("import net.pt").fails(1, &["net.pt", "safetensors.torch.save_file"]);
    folder.run("import net.pt --layers 4-3").fails(2, &["--layers is for safetensors files"]);
    folder.run("import w --activation relu -o iris.csv").fails(1, &["iris.csv"]);
    assert!(!folder.has("model.safetensors"));
    folder.run("import w --activation relu -o model").ok();
    folder.run("import model --activation relu").fails(1, &["needs no import"]);
}

#[test]
fn layers_follow_from_numbers_and_gaps() {
    let network = |names: &[(&str, &[usize])]| {
        let mut file = Safetensors::default();
        for (name, shape) in names {
            file.tensors.push(Tensor::new(*name, shape, vec![0.5; shape.iter().product()]));
        }
        let network = Sequential::numbered(Activation::Tanh).from_bytes(&file.to_bytes(), "file");
        network.map(|network| network.layers().iter().map(|layer| layer.to_string()).collect::<Vec<_>>().join(" "))
    };
    let norm: [(&str, &[usize]); 2] = [("1.running_mean", &[2]), ("1.running_var", &[2])];
    let linear = |name, inputs: &'static [usize]| (name, inputs);
    let [a, b] = [linear("0.weight", &[2, 3]), linear("3.weight", &[1, 2])];
    assert_eq!(network(&[norm[0], a, b, norm[1]]).unwrap(), "dense(3,2) batch_norm(2) tanh dense(2,1)");
    let (early, late) = (linear("0.weight", &[2, 3]), linear("4.weight", &[1, 2]));
    let after: [(&str, &[usize]); 2] = [("3.running_mean", &[2]), ("3.running_var", &[2])];
    assert_eq!(network(&[early, after[0], after[1], late]).unwrap(), "dense(3,2) tanh batch_norm(2) dense(2,1)");
    // Two gaps, and none: an activation may be in either.
    let unclear: [(&str, &[usize]); 2] = [("2.running_mean", &[2]), ("2.running_var", &[2])];
    assert!(network(&[early, unclear[0], unclear[1], late]).unwrap_err().to_string().contains("do not tell"));
    let list = ["layers.0.weight", "layers.1.weight", "layers.10.weight"];
    let list: Vec<(&str, &[usize])> = list.iter().map(|name| (*name, &[2, 2][..])).collect();
    assert!(network(&list).unwrap_err().to_string().contains("do not tell"));
    let list: Vec<(&str, &[usize])> = vec![("layers.1.weight", &[2, 3]), ("layers.0.weight", &[3, 4])];
    assert_eq!(network(&list).unwrap(), "dense(4,3) tanh dense(3,2)");
    let words: Vec<(&str, &[usize])> = vec![("fc10.weight", &[1, 2]), ("fc9.weight", &[2, 3])];
    assert_eq!(network(&words).unwrap(), "dense(3,2) tanh dense(2,1)");
    assert_eq!(network(&[("weight", &[1, 2])]).unwrap(), "dense(2,1)");
    assert!(network(&[("weight", &[2])]).unwrap_err().to_string().contains("two dimensions"));
    assert!(network(&[]).is_err());
}

#[test]
fn a_plain_model_goes_to_pytorch_and_back() {
    let folder = Folder::of_irises();
    let options = "--fast --epochs 9 --hidden 8,6 --batch-norm --dropout 0.1 --noise 0.1 --activation leaky_relu:0.2";
    folder.run(&format!("train iris.csv --quiet -o iris.model {options}")).ok();
    let out = folder.run_with("export iris.model --to pytorch", &[("COLUMNS", "40")]).ok();
    let expected = "nn.Sequential(\n    nn.Identity(),  # noise(0.1) in training\n    nn.Linear(4, 8),\n    \
        nn.BatchNorm1d(8),\n    nn.LeakyReLU(0.2),\n    nn.Dropout(0.1),\n    nn.Linear(8, 6),\n    nn.BatchNorm1d(6),\n    \
        nn.LeakyReLU(0.2),\n    nn.Dropout(0.1),\n    nn.Linear(6, 3),\n    nn.Softmax(dim=-1),\n)\n";
    assert!(out.starts_with(expected), "{out}");
    assert!(
        out.ends_with("saved iris-pytorch.safetensors\n") || out.ends_with("saved\niris-pytorch.safetensors\n"),
        "{out}"
    );
    assert!(out.lines().all(|line| line.chars().count() <= 44), "{out}");

    let file = Safetensors::read(folder.path("iris-pytorch.safetensors")).unwrap();
    let model = Model::load(folder.path("iris.model")).unwrap();
    assert_eq!(file.tensor("1.weight").unwrap().shape, [8, 4]);
    let palmnet::nn::Layer::Dense(dense) = &model.network().layers()[1] else { panic!("no dense layer") };
    assert_eq!(tensor(&file, "1.weight"), dense.weights().transpose());
    let parts = ["num_batches_tracked", "running_mean", "running_var", "weight", "bias"];
    assert!(parts.iter().all(|part| file.tensor(&format!("2.{part}")).is_some()));
    let json = |key: &str| Json::parse(&file.metadata[key]).unwrap();
    let factor: Vec<f32> = numbers(&json("features.factor")).into_iter().map(|x| x as f32).collect();
    assert_eq!(factor, model.preprocessing().features().factor());
    assert_eq!(strings(&json("classes")), ["setosa", "versicolor", "virginica"]);
    assert_eq!(file.metadata["sequential"], expected.trim_end());

    folder.run("import iris-pytorch.safetensors --like iris.model -o again").ok();
    // Without it, the scaling would be lost.
    let layers = "--layers 4-8-batch_norm-relu-6-batch_norm-relu-3";
    folder.run(&format!("import iris-pytorch.safetensors {layers}")).fails(1, &["metadata", "scaling", "--like MODEL"]);
    let again = Model::load(folder.path("again")).unwrap();
    assert_eq!((again.network(), again.preprocessing()), (model.network(), model.preprocessing()));
    assert_eq!((again.schema(), again.loss()), (model.schema(), model.loss()));
    // It replaces its own files, and no others.
    let json = folder.run("export iris.model --to pytorch --json").json();
    assert!(text(&json[0], "sequential").starts_with("nn.Sequential("));
    folder.run("export iris.model --to pytorch -o again").fails(1, &["again", "not a state dict"]);
    folder.run("export iris.model --to pytorch --name x").fails(2, &["--name is for C and Rust"]);

    folder.write("sums.csv", sums(80));
    folder.run("train sums.csv --target sum,difference --fast --epochs 3 --quiet -o sums").ok();
    let out = folder.run("export sums --to pytorch -o sums.pytorch").ok();
    assert!(out.contains("targets.factor"), "{out}");
    folder.run("import sums.pytorch --like sums -o again").ok();
    let sums = Model::load(folder.path("sums")).unwrap();
    assert_eq!(Model::load(folder.path("again")).unwrap().preprocessing(), sums.preprocessing());
}

#[test]
fn models_that_pytorch_does_not_express_are_refused() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --quiet -o ensemble --epochs 2 --lr 0.01 --members 2").ok();
    folder.run("export ensemble --to pytorch").fails(1, &["nn.Sequential", "--fast"]);
    folder.run("import iris.csv --like ensemble").fails(2, &["--like"]);
    linear().write(folder.path("w")).unwrap();
    folder.run("import w --like ensemble").fails(1, &["none of an nn.Sequential", "--fast"]);
    let csv: String = (0..60).map(|i| format!("{},{},{}\n", ["red", "blue"][i % 2], i % 7, i % 3)).collect();
    folder.write("colors.csv", "color,size,kind\n".to_string() + &csv);
    folder.run("train colors.csv --quiet -o colors --fast --epochs 2").ok();
    folder.run("export colors --to pytorch").fails(1, &["`color` is encoded", "--to c"]);
    assert!(Network::load(folder.path("colors")).is_ok() && !folder.has("colors-pytorch.safetensors"));
}
