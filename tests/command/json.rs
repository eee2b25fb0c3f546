//! The JSON text itself, as scripts see it: nothing of the crate reads it here.

use super::*;

/// The text with every number outside of strings replaced by `#`, and the numbers.
fn shape(text: &str) -> (String, Vec<f64>) {
    let (mut shape, mut numbers, mut number, mut quoted) = (String::new(), Vec::new(), String::new(), false);
    for c in text.chars() {
        quoted ^= c == '"';
        if !quoted && (c.is_ascii_digit() || "+-.".contains(c) || c == 'e' && !number.is_empty()) {
            number.push(c);
            continue;
        }
        if !number.is_empty() {
            numbers.push(number.parse().unwrap());
            shape.push('#');
            number.clear();
        }
        shape.push(c);
    }
    (shape, numbers)
}

/// The numbers of a text of this shape. Instruction sets round differently: hence no exact comparison of losses.
#[track_caller]
fn numbers_in(text: &str, expected: &str) -> Vec<f64> {
    let (shape, numbers) = shape(text);
    assert_eq!(shape, expected);
    numbers
}

fn with_example() -> Folder {
    let folder = Folder::of_irises();
    folder.write("model", include_bytes!("../../examples/iris.safetensors"));
    folder
}

#[test]
fn json_text_of_predict() {
    let out = with_example().run("predict model unlabeled.csv --json").ok();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 150);
    for (row, class, probabilities) in [
        (0, "setosa", [0.9997253, 0.00027473454, 5.1140003e-9]),
        (50, "versicolor", [0.0047100754, 0.9906899, 0.004600091]),
        (119, "virginica", [0.000060333994, 0.1211839, 0.8787558]),
    ] {
        let text = r##"{"prediction":"CLASS","probabilities":{"setosa":#,"versicolor":#,"virginica":#}}"##;
        let found = numbers_in(lines[row], &text.replace("CLASS", class));
        for (found, expected) in found.iter().zip(probabilities) {
            assert!((found / expected - 1.0).abs() < 1e-4, "{found} for {expected}");
        }
    }
}

#[test]
fn json_text_of_eval() {
    let out = with_example().run("eval model iris.csv --json").ok();
    let class = |name: &str| format!(r##"{{"class":"{name}","precision":#,"recall":#,"f1":#,"examples":#}}"##);
    let classes = ["setosa", "versicolor", "virginica"].map(class).join(",");
    let shape = r##"{"examples":#,"loss":#,"accuracy":#,"calibration_error":#,"classes":[CLASSES],"confusion":[[#,#,#],[#,#,#],[#,#,#]]}"##;
    let found = numbers_in(&out, &format!("{}\n", shape.replace("CLASSES", &classes)));
    assert!((found[1] - 0.033123641).abs() < 1e-6, "{out}");
    let f1 = [98.0 / 99.0, 100.0 / 101.0];
    let classes = [1.0, 1.0, 1.0, 50.0, 1.0, 0.98, f1[0], 50.0, 50.0 / 51.0, 1.0, f1[1], 50.0];
    let confusion = [50.0, 0.0, 0.0, 0.0, 49.0, 1.0, 0.0, 0.0, 50.0];
    let expected = [&[150.0, found[1], 149.0 / 150.0, found[3]], &classes[..], &confusion[..]].concat();
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} for {expected:?}");
    assert_eq!(found.len(), expected.len());
}

#[test]
fn json_text_of_train() {
    let folder = with_example();
    let words = "train iris.csv --fast --epochs 2 --hidden 4 --weight-decay 0.1 --quiet --json -o m";
    for (options, validation) in [("", "null"), (" --validation 0.2", "#")] {
        let out = folder.run(&format!("{words}{options}")).ok();
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 3, "{out}");
        let epoch = r##"{"event":"epoch","epoch":#,"train_loss":#,"validation_loss":VALIDATION,"seconds":#}"##;
        for (line, number) in lines[..2].iter().zip([1.0, 2.0]) {
            assert_eq!(numbers_in(line, &epoch.replace("VALIDATION", validation))[0], number);
        }
        let (done, settings) = lines[2].split_once(r#","model":"m","settings":"palmnet train iris.csv "#).unwrap();
        let score = r##"{"loss":#,"accuracy":#,"calibration_error":#}"##;
        let shape = format!(r##"{{"event":"done","epochs":#,"seconds":#,"train":{score},"test":{score}"##);
        assert_eq!(numbers_in(done, &shape)[0], 2.0);
        assert!(settings.ends_with(r#" --seed 0"}"#), "{settings}");
    }
}
