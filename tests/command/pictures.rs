//! Pictures on standard output and in files.

use super::*;

/// Unicode and no colors, however the tests are run.
const PLAIN: [(&str, &str); 3] = [("LC_ALL", "C.UTF-8"), ("NO_COLOR", "1"), ("COLUMNS", "40")];

#[test]
fn pictures_as_text() {
    let folder = Folder::of_irises();
    let out = folder.run_with("train iris.csv --fast --epochs 20 --quiet --plot -", &PLAIN).ok();
    let curve = &out[out.find("\nLearning curve\n").expect("a picture")..];
    assert!(curve.contains('┤') && curve.contains("└") && curve.ends_with("loss ↑ epoch\n"), "{curve}");
    assert!(out.find("saved model.safetensors").unwrap() < out.find("Learning curve").unwrap());
    let out = folder.run_with("eval model.safetensors iris.csv --plot -", &PLAIN).ok();
    assert!(out.contains("\n    setosa │████        │\n") && out.contains("\nCalibration curve\n"), "{out}");
    // Scripts get what they got before there were pictures.
    let plain = folder.run_with("eval model.safetensors iris.csv", &PLAIN).ok();
    assert!(out.starts_with(&plain) && !plain.contains("Calibration curve"), "{plain}");
    // A locale without Unicode, and forced colors.
    let ascii = [("LC_ALL", "C"), ("COLUMNS", "40")];
    let out = folder.run_with("eval model.safetensors iris.csv --plot -", &ascii).ok();
    assert!(out.contains("    setosa |####        |\n"), "{out}");
    let color = [("LC_ALL", "C.UTF-8"), ("CLICOLOR_FORCE", "1")];
    for (variables, is_colored) in [(&color[..], true), (&[color[0], color[1], ("NO_COLOR", "1")], false)] {
        let out = folder.run_with("eval model.safetensors iris.csv --plot -", variables).ok();
        assert_eq!(out.contains("\x1b[36m"), is_colored, "{out}");
    }
}

/// The demos of two features show the data and the regions: side by side, where there is room.
#[test]
fn demos_show_regions() {
    let folder = Folder::new();
    let narrow = folder.run_with("demo neuron", &PLAIN).ok();
    let map = &narrow[narrow.find("Data, and the class that is predicted\n").expect("regions")..];
    assert!(map.contains(&format!("\n{}\n", "─".repeat(38))) && map.lines().count() > 36, "{map}");
    let wide = folder.run_with("demo neuron", &[("LC_ALL", "C.UTF-8"), ("COLUMNS", "100")]).ok();
    let map = &wide[wide.find("Data, and the class that is predicted\n").expect("regions")..];
    assert!(map.lines().count() < 22 && map.lines().any(|line| line.chars().count() == 78), "{map}");
}

#[test]
fn pictures_in_files() {
    let folder = Folder::of_irises();
    folder.write("sums.csv", sums(60));
    folder.run("train iris.csv --fast --epochs 1 --quiet --plot curve.svg").ok();
    // One of its own is replaced.
    folder.run("train iris.csv --fast --epochs 5 --quiet --plot curve.svg").ok();
    let curve = String::from_utf8(folder.bytes("curve.svg")).unwrap();
    assert!(curve.starts_with("<svg xmlns=") && curve.contains(">Learning curve</text>"), "{curve}");
    let out = folder.run("eval model.safetensors iris.csv --json --plot eval.svg").json();
    assert_eq!(out.len(), 1, "standard output is JSON alone");
    let confusion = String::from_utf8(folder.bytes("eval.svg")).unwrap();
    assert!(confusion.contains(">virginica</text>") && confusion.contains(">Calibration curve</text>"));
    folder.run("train sums.csv --fast --target sum --epochs 3 --quiet -o s").ok();
    let out = folder.run("eval s sums.csv --plot eval.svg").ok();
    assert!(out.ends_with("saved eval.svg\n"), "{out}");
    assert!(String::from_utf8(folder.bytes("eval.svg")).unwrap().contains(">sum, predicted and true</text>"));
    folder.run("demo xor --quiet --plot xor.svg").ok();
    assert!(folder.has("xor.svg"));
}

/// Nothing but a picture is replaced, and that is known before hours of training.
#[test]
fn pictures_replace_nothing_else() {
    let folder = Folder::of_irises();
    folder.write("notes.svg", "do not lose me");
    // The logo of somebody else is no picture of this program.
    folder.write("logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"></svg>");
    for (words, parts) in [
        ("train iris.csv --fast --plot iris.csv", ["iris.csv", "--plot"]),
        ("train iris.csv --fast --plot a.png", ["a.png", "--plot"]),
        ("train iris.csv --fast --plot logo.svg", ["logo.svg: exists and is not a picture", "--plot"]),
        ("train iris.csv --fast --plot notes.svg", ["notes.svg: exists and is not a picture", "--plot"]),
        ("train iris.csv --fast --plot none/a.svg", ["none/a.svg: its folder does not exist", "--plot"]),
        ("train iris.csv --fast --plot .", ["is a folder", "--plot"]),
    ] {
        let run = folder.run(words);
        assert!(!run.err.contains("epoch") && matches!(run.status, Some(1 | 2)), "{words}: {}", run.err);
        parts.iter().for_each(|part| assert!(run.err.contains(part), "{words}: {}", run.err));
    }
    for words in ["--out a.svg --plot a.svg", "--history a.svg --plot ./a.svg", "--checkpoint a.svg --plot a.svg"] {
        folder.run(&format!("train iris.csv --fast {words}")).fails(2, &["a.svg", "--plot"]);
    }
    folder.run("train iris.csv --fast --json --plot -").fails(2, &["--plot -", "--json"]);
    assert_eq!((folder.bytes("notes.svg"), folder.bytes("iris.csv")), (b"do not lose me".into(), IRIS.into()));
}

#[test]
fn weights_as_histograms() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --epochs 5 --hidden 8 --quiet").ok();
    let out = folder.run_with("info model.safetensors --weights", &PLAIN).ok();
    assert!(out.contains("dense(4,8), 32 weights\n") && out.contains('█') && out.contains(", std 0."), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 40), "{out}");
    let info = folder.run("info model.safetensors --weights --json").json();
    let Some(Json::Array(layers)) = info[0].get("weights") else { panic!("{info:?}") };
    assert_eq!(layers.len(), 2);
    assert!(!folder.run("info model.safetensors --json").out.contains("\"weights\""));
}

/// Where a locale has ASCII alone, only names from the data are something else.
#[test]
fn a_plain_locale_has_ascii() {
    let folder = Folder::of_irises();
    let long = IRIS.replace("versicolor", "versicolor_versicolor_versicolor_versicolor");
    folder.write("iris.csv", &long);
    let sums: String = (0..60).map(|i| format!("{i},{}\n", 3 * i)).collect();
    folder.write("sums.csv", format!("size,price\n{sums}"));
    let plain = [("LC_ALL", "C"), ("COLUMNS", "60")];
    for words in [
        "train iris.csv --fast --epochs 3 --weight-decay 0 --plot - -o m",
        "train sums.csv --epochs 3 --members 2 --plot - -o values",
        "train sums.csv --fast --epochs 3 --folds 3",
        "search iris.csv --fast --epochs 3 --trials 3 --plot - -o found",
        "eval m iris.csv --plot -",
        "eval values sums.csv --plot -",
        "explain m iris.csv",
        "explain m iris.csv --row 1",
        "explain values sums.csv",
        "info m --weights",
        "demo xor -o xor",
        "demo sums -o sums",
        "demo neuron -o neuron",
        "train --help",
        "search --help",
        "explain --help",
        "bench --help",
        "demo --help",
        "--help",
    ] {
        let run = folder.run_with(words, &plain);
        assert!(run.out.is_ascii() && run.err.is_ascii(), "{words}: {}{}", run.out, run.err);
        assert!(!run.ok().is_empty());
    }
    folder.write("accents.csv", IRIS.replace("setosa", "s\u{e9}tosa \u{2192} x"));
    folder.run("train accents.csv --fast --epochs 1 --weight-decay 0 -o accents").ok();
    assert!(folder.run_with("eval accents accents.csv", &plain).ok().contains("s\u{e9}tosa > x"));
    assert!(folder.run_with("predict accents accents.csv", &plain).ok().contains("s\u{e9}tosa \u{2192} x\n"));
}
