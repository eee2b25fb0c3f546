//! Tables with something odd in them, one kind each: they are read, and a line says what to know.

use super::*;

const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tables/");

/// Trains on a table; returns the report and the warnings, each without line breaks.
fn train(folder: &Folder, words: &str) -> Run {
    let mut run = folder.run(&format!("train {TABLES}{words} --fast --hidden 8"));
    run.err = run.err.split_whitespace().collect::<Vec<_>>().join(" ");
    run
}

#[test]
fn odd_tables_have_a_warning() {
    let folder = Folder::new();
    for (name, part) in [
        ("sentinel.csv", "a is -9999 in 20 examples, far from all others: --missing-values -9999"),
        ("outlier200.csv", "a has one value far from all others, 1e30"),
        ("const_target.csv", "the target y is the same in every example"),
        ("boolmix.csv", "the classes True, true are almost the same"),
        ("classcase.csv", "the classes Yes, yes are almost the same"),
        ("nfc.csv", "are almost the same text"),
        ("idcol.csv", "the column `id` has 200 different texts"),
        ("feature_bigint_offset.csv", "t counts up as row numbers do"),
        ("imb99.csv", "classes are imbalanced"),
        ("ecodes_allnum.csv", "--categories code"),
        ("const_feature.csv", "k is constant"),
        ("pandasindex.csv", "--keep-index"),
        ("numheader.csv", "--header no"),
    ] {
        let run = train(&folder, &format!("{name} --epochs 1 --weight-decay 0"));
        assert!(run.err.contains("warning: ") && run.err.contains(part), "{name}: {}", run.err);
        run.ok();
    }
    // Nothing is said of tables that are as they should be.
    for name in ["thousands_plain.csv", "train_named.csv", "two_scales.csv"] {
        let run = train(&folder, &format!("{name} --epochs 1 --weight-decay 0 --restarts 1"));
        assert!(!run.err.contains("warning"), "{name}: {}", run.err);
    }
}

#[test]
fn features_that_give_the_target_away_are_named() {
    let folder = Folder::new();
    let rows: String = (0..40).map(|i| format!("{},{},{},{}\n", i % 7, 3 * (i % 5), i % 3, i % 5)).collect();
    folder.write("leak.csv", format!("a,copy,b,y\n{rows}"));
    let run = folder.run("train leak.csv --fast --epochs 1 --weight-decay 0 --task regress");
    assert!(run.err.contains("warning: copy gives the target away"), "{}", run.err);
    let run = folder.run("train leak.csv --fast --epochs 1 --weight-decay 0");
    assert!(run.err.contains("warning: copy gives the target away"), "{}", run.err);
    let run = folder.run("train leak.csv --fast --epochs 1 --weight-decay 0 --ignore copy");
    assert!(!run.err.contains("gives the target away"), "{}", run.err);
    let run = folder.run("train leak.csv --fast --test leak.csv --epochs 1 --weight-decay 0");
    assert!(run.err.contains("40 of the 40 test examples are in the training data too"), "{}", run.err);
}

fn r2(run: &Run) -> f64 {
    let line = run.out.lines().find(|line| line.starts_with("test ")).unwrap();
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn numbers_are_learned_wherever_they_lie() {
    let folder = Folder::new();
    for (words, least) in [
        ("feature_bigint_offset.csv", 0.999),
        ("offset_target.csv", 0.99),
        ("numheader.csv", 0.99),
        ("const_feature.csv", 0.999),
        ("near_const.csv", 0.99),
    ] {
        let run = folder.run(&format!("train {TABLES}{words} --fast --quiet"));
        assert!(r2(&run) >= least, "{words}: {}", run.out);
    }
    // Predictions are in the units of the file, to the decimals that the network has.
    folder.run(&format!("train {TABLES}offset_target.csv --quiet")).ok();
    let predictions = folder.run(&format!("predict model.safetensors {TABLES}offset_target.csv")).ok();
    let file = std::fs::read_to_string(format!("{TABLES}offset_target.csv")).unwrap();
    for (prediction, line) in predictions.lines().zip(file.lines().skip(1)) {
        let expected: f64 = line.rsplit_once(',').unwrap().1.parse().unwrap();
        assert!((prediction.parse::<f64>().unwrap() - expected).abs() < 0.5, "{prediction} for {expected}");
    }
}

#[test]
fn constant_features_move_no_prediction_later() {
    let folder = Folder::new();
    for scale in ["standard", "minmax", "none"] {
        folder.run(&format!("train {TABLES}const_feature.csv --fast --quiet --scale {scale}")).ok();
        folder.write("later.csv", "a,k\n1,14.62\n1,100\n1,-1e6\n");
        let run = folder.run("predict model.safetensors later.csv");
        let predictions: Vec<f64> = run.out.lines().map(|line| line.parse().unwrap()).collect();
        assert!(predictions.iter().all(|y| *y == predictions[0]), "{scale}: {predictions:?}");
        assert!((predictions[0] - 2.0).abs() < 0.05, "{scale}: {predictions:?}");
        assert!(run.err.contains("`k` was 14.62") && run.err.contains("2 rows"), "{}", run.err);
    }
}

/// A table and its decorated twin give the same model, byte for byte in every tensor.
#[test]
fn decorated_twins_give_the_same_model() {
    let folder = Folder::new();
    let rows: Vec<[f64; 3]> =
        (0..60).map(|i| [f64::from(i * 3571 % 90_000) / 4.0, f64::from(i % 13) - 6.5, f64::from(i % 2)]).collect();
    let table = |separator: &str, write: &dyn Fn(f64) -> String| {
        let line = |row: &[f64; 3]| [write(row[0]), write(row[1]), row[2].to_string()].join(separator) + "\n";
        ["a", "b", "y"].join(separator) + "\n" + &rows.iter().map(line).collect::<String>()
    };
    let grouped = |x: f64, group: &str, decimal: &str| {
        let text = format!("{:.2}", x.abs());
        let (whole, decimals) = text.split_once('.').unwrap();
        let whole = match whole.len() {
            4.. => format!("{}{group}{}", &whole[..whole.len() - 3], &whole[whole.len() - 3..]),
            _ => whole.to_string(),
        };
        format!("{}{whole}{decimal}{decimals}", if x < 0.0 { "-" } else { "" })
    };
    let train = |name: &str, text: String| {
        folder.write(&format!("{name}.csv"), text);
        folder.run(&format!("train {name}.csv --fast --quiet --hidden 4 --epochs 3 -o {name}")).ok();
        let bytes = folder.bytes(name);
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[8 + header..].to_vec()
    };
    let plain = train("plain", table(",", &|x| format!("{x:.2}")));
    let twins: [(&str, String); 7] = [
        ("thousands", table(",", &|x| format!("\"{}\"", grouped(x, ",", ".")))),
        ("german", table(";", &|x| grouped(x, ".", ","))),
        ("french", table(";", &|x| grouped(x, "\u{202F}", ","))),
        ("swiss", table(",", &|x| grouped(x, "'", "."))),
        ("minus", table(",", &|x| format!("{x:.2}").replace('-', "\u{2212}"))),
        ("percent", table(",", &|x| format!("{x:.2} %"))),
        ("dollars", table(",", &|x| format!("{}${:.2}", if x < 0.0 { "-" } else { "" }, x.abs()))),
    ];
    for (name, text) in twins {
        assert_eq!(train(name, text), plain, "{name}");
        let own = folder.run(&format!("predict {name} {name}.csv")).ok();
        assert_eq!(own, folder.run("predict plain plain.csv").ok(), "{name}");
    }
}

#[test]
fn a_line_without_end_is_an_error() {
    let folder = Folder::new();
    folder.write("line.csv", "1,".repeat(1_000_001));
    folder.run("train line.csv --fast").fails(1, &["line.csv, line 1", "1000002 cells", "end of the line"]);
}
