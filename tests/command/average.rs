//! The mean of models that were trained apart.

use super::*;
use palmnet::Model;

/// Models that were trained further from one, on different rows of the irises.
fn trained_apart(folder: &Folder, options: &str) -> Vec<Model> {
    let (header, rows) = IRIS.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    folder.run(&format!("train iris.csv --epochs 2 {options} -o start")).ok();
    for part in 0..3 {
        let part_rows: Vec<&str> = rows.iter().copied().skip(part).step_by(3).collect();
        folder.write(&format!("part{part}.csv"), format!("{header}\n{}\n", part_rows.join("\n")));
        folder.run(&format!("train part{part}.csv --from start --epochs 2 --test 0 --quiet -o local{part}")).ok();
    }
    (0..3).map(|part| Model::load(folder.path(&format!("local{part}"))).unwrap()).collect()
}

#[test]
fn parameters_and_statistics_are_averaged() {
    for options in ["--fast --batch-norm --hidden 8", "--members 4 --hidden 8"] {
        let folder = Folder::of_irises();
        let models = trained_apart(&folder, options);
        let run = folder.run("average local0 local1 local2 --weights 10,20,5 -o mean");
        assert!(run.ok().starts_with("saved mean: the mean of 3 models"));
        let mean = Model::load(folder.path("mean")).unwrap();
        let numbers = |model: &Model| -> Vec<f64> {
            let layers = model.network().layers().iter();
            let tensors = layers.flat_map(|layer| layer.parameters().chain(layer.state()).map(|(_, numbers)| numbers));
            tensors.flatten().map(|&x| f64::from(x)).collect()
        };
        let all: Vec<Vec<f64>> = models.iter().map(numbers).collect();
        for (i, x) in numbers(&mean).into_iter().enumerate() {
            let expected = (10.0 * all[0][i] + 20.0 * all[1][i] + 5.0 * all[2][i]) / 35.0;
            assert!((x - expected).abs() <= 1e-6 * expected.abs().max(1e-3), "{options} {i}: {x}, not {expected}");
        }
        assert!(numbers(&mean) != all[0] && all[0] != all[1]);
        // One that predicts as well, and can be trained further.
        assert!(folder.run("eval mean iris.csv").ok().contains("accuracy"));
        folder.run("train part0.csv --from mean --epochs 1 --quiet -o further").ok();
        // The mean of a model with itself is the model, to the bit.
        folder.run("average local0 local0 local0 --weights 1,2,0.1 -o same").ok();
        assert_eq!(Model::load(folder.path("same")).unwrap().network(), models[0].network());
        // Without weights, all count alike.
        folder.run("average local0 local1 -o even").ok();
        folder.run("average local0 local1 --weights 3,3 -o weighted").ok();
        let even = ["even", "weighted"].map(|name| Model::load(folder.path(name)).unwrap());
        assert_eq!(even[0].network(), even[1].network());
    }
}

#[test]
fn models_that_differ_are_refused() {
    let folder = Folder::of_irises();
    trained_apart(&folder, "--fast --hidden 8");
    let quick = "--fast --epochs 1 --weight-decay 0 --quiet";
    let other = |options: &str| folder.run(&format!("train iris.csv {quick} {options} -o other")).ok();
    let refused = |parts: &[&str]| {
        folder.run("average local0 other -o mean").fails(1, parts);
        assert!(!folder.path("mean").exists());
    };
    other("--hidden 8 --ignore 1");
    refused(&["model 2 has other columns or classes than the first: train all of them from one model (--from)"]);
    other("--hidden 8 --seed 5");
    refused(&["model 2 has other preprocessing than the first"]);
    for layers in ["--hidden 9", "--hidden 8 --activation tanh", "--hidden 8,8"] {
        folder.write("small.csv", IRIS);
        folder.run(&format!("train iris.csv {quick} {layers} --scale none -o other")).ok();
        folder.run(&format!("train iris.csv {quick} --hidden 8 --scale none -o plain")).ok();
        folder.run("average plain other -o mean").fails(1, &["parameters of another network"]);
    }
    folder.run("average local0 none -o mean").fails(1, &["none: there is no such file"]);
    folder.run("average local0 iris.csv -o mean").fails(1, &["iris.csv", "not a safetensors file"]);
    folder.run("average local0 local1 --weights 1 -o mean").fails(2, &["--weights 1: expected 2 numbers"]);
    folder.run("average local0 local1 --weights 1,x -o mean").fails(2, &["--weights 1,x: expected 2 numbers"]);
    for weights in ["1,NaN", "1,inf", "1,2,"] {
        folder.run(&format!("average local0 local1 --weights {weights}x -o mean")).fails(2, &["expected 2 numbers"]);
    }
    for weights in ["0,0", "1,-1"] {
        folder.run(&format!("average local0 local1 --weights {weights} -o mean")).fails(1, &["must be at least 0"]);
    }
    folder.run("average local0 local1 -o local1").fails(1, &["local1", "choose another --out"]);
    folder.run("average local0").fails(2, &["missing argument; usage: palmnet average MODEL MODEL..."]);
    assert_eq!(
        folder.run("average local0 local1 -o mean --json").ok(),
        "{\"event\":\"done\",\"models\":2,\"model\":\"mean\"}\n"
    );
}
