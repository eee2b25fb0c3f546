//! Tables, images and model files, good and bad.

use super::*;

#[test]
fn text_columns_are_features() {
    let folder = Folder::new();
    let colors = ["red", "green", "light blue"];
    let rows: String =
        (0..90).map(|i| format!("{},{},{}\n", i % 7, colors[i % 3], ["warm", "mild", "cold"][i % 3])).collect();
    folder.write("weather.csv", format!("size,color,feel\n{rows}"));
    folder.run("train weather.csv --fast --hidden 16 --quiet --lr 0.01").ok();
    folder.write("new.csv", "color,size\nred,3\nlight blue,3\n\"green\",6\n");
    assert_eq!(folder.run("predict model.safetensors new.csv").ok(), "warm\ncold\nmild\n");
    folder.write("new.csv", "color,size\nred,3\npink,3\n");
    let run = folder.run("predict model.safetensors new.csv");
    assert!(run.err.contains("`color` has 1 cell with a category"), "{}", run.err);
    assert_eq!(run.ok().lines().count(), 2);
    folder
        .run("predict model.safetensors new.csv --unknown error --strict")
        .fails(1, &["new.csv, line 3, column color", "`pink`", "`light blue`"]);
    // A row that cannot be read does not lose the others.
    folder.write("new.csv", "color,size\nred,3\nred,big\nlight blue,3\nred,\n");
    let run = folder.run("predict model.safetensors new.csv");
    assert_eq!((run.status, run.out.as_str()), (Some(1), "warm\n\ncold\n\n"));
    assert!(run.err.contains("2 rows cannot be read") && run.err.contains("line 3, column size"), "{}", run.err);
    let json = folder.run("predict model.safetensors new.csv --json");
    assert_eq!(json.out.lines().nth(1), Some("{\"prediction\":null}"));
    let strict = folder.run("predict model.safetensors new.csv --strict");
    assert_eq!((strict.status, strict.out.as_str()), (Some(1), ""));
    folder.write("new.csv", "color,weight\nred,3\n");
    folder.run("predict model.safetensors new.csv").fails(1, &["new.csv", "lacks", "`size`", "`weight`"]);
    folder.run("eval model.safetensors new.csv").fails(1, &["lacks", "`size`", "`feel`"]);
    folder.write("new.csv", "size,color,feel\n1,red,warm\n2,red,hot\n");
    folder.run("eval model.safetensors new.csv").fails(1, &["new.csv, line 3, column feel", "`hot`", "`cold`"]);
}

#[test]
fn quoted_names_round_trip() {
    let folder = Folder::new();
    let rows: String =
        (0..40).map(|i| format!("{i},{}\n", if i < 20 { "\"a, \"\"b\"\"\"" } else { "\"two\nlines\"" })).collect();
    folder.write("odd.csv", format!("\"x, y\",\"the, class\"\n{rows}"));
    folder.run("train odd.csv --fast --hidden 16 --quiet --lr 0.01").ok();
    let out = folder.run("predict model.safetensors odd.csv").ok();
    // Quoted as in CSV, so that the output can be read back.
    assert!(out.starts_with("\"a, \"\"b\"\"\"\n") && out.ends_with("\"two\nlines\"\n"), "{out}");
    let out = folder.run("predict model.safetensors odd.csv --probabilities").ok();
    assert!(out.starts_with("\"the, class\",\"a, \"\"b\"\"\",\"two\nlines\"\n"), "{out}");
    let lines = folder.run("predict model.safetensors odd.csv --json").json();
    assert_eq!((lines.len(), text(&lines[39], "prediction")), (40, "two\nlines"));
    assert!(folder.run("eval model.safetensors odd.csv").ok().contains("two lines"));
    let run =
        Run::of(folder.command("train odd.csv --fast --quiet --epochs 1 --target").arg("x, y"), "--target 'x, y'");
    run.ok();
}

/// The tensors of a model file, without the header.
fn tensors(folder: &Folder, name: &str) -> Vec<u8> {
    let bytes = folder.bytes(name);
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].to_vec()
}

#[test]
fn csv_dialects_give_the_same_model() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --hidden 16 --quiet --epochs 30").ok();
    let model = tensors(&folder, "model.safetensors");
    let predictions = folder.run("predict model.safetensors unlabeled.csv").ok();
    for (name, text) in [
        ("iris.tsv", IRIS.replace(',', "\t")),
        ("semicolons.csv", IRIS.replace(',', ";")),
        ("crlf.csv", IRIS.replace('\n', "\r\n")),
        ("bom.csv", format!("\u{FEFF}{IRIS}\n\n")),
        ("quotes.csv", IRIS.replace("setosa", "\"setosa\"")),
    ] {
        folder.write(name, text);
        folder.run(&format!("train {name} --fast --hidden 16 --quiet --epochs 30 -o other")).ok();
        assert_eq!(tensors(&folder, "other"), model, "{name}");
        assert_eq!(folder.run(&format!("predict model.safetensors {name}")).ok(), predictions, "{name}");
    }
    // Without a header, columns are found by index.
    let bare = IRIS.split_once('\n').unwrap().1;
    folder.write("bare.csv", bare);
    folder.write("bare_unlabeled.csv", without_last_column(bare));
    folder.run("train bare.csv --fast --hidden 16 --quiet --epochs 30 -o bare").ok();
    assert_eq!(folder.run("predict bare bare_unlabeled.csv").ok(), predictions);
    assert_eq!(folder.run("predict model.safetensors bare.csv").ok(), predictions);
    assert_eq!(folder.run("predict bare iris.csv").ok(), predictions);
    folder.run_with_input("train - --fast --hidden 16 --quiet --epochs 30 -o piped", IRIS).ok();
    assert_eq!(tensors(&folder, "piped"), model);
}

#[test]
fn malformed_tables_are_errors() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --quiet --epochs 1").ok();
    let bad = |content: &[u8], parts: &[&str]| {
        folder.write("bad.csv", content);
        let parts: Vec<&str> = parts.iter().copied().chain(["bad.csv"]).collect();
        for words in [
            "train bad.csv --fast --missing error",
            "eval model.safetensors bad.csv",
            "predict model.safetensors bad.csv",
        ] {
            folder.run(words).fails(1, &parts);
        }
    };
    let head = "sepal_length,sepal_width,petal_length,petal_width,species\n5.1,3.5,1.4,0.2,setosa\n";
    let with = |row: &str| format!("{head}{row}\n6,3,5,2,virginica\n").into_bytes();
    bad(&with("5.1,,1.4,0.2,setosa"), &["line 3, column sepal_width", "is empty", "fill"]);
    bad(&with("5.1,NA,1.4,0.2,setosa"), &["line 3, column sepal_width", "`NA`", "missing"]);
    bad(&with("5.1,nan,1.4,0.2,setosa"), &["line 3, column sepal_width", "`nan`", "missing"]);
    bad(&with("5.1,1e99,1.4,0.2,setosa"), &["line 3, column sepal_width", "`1e99`", "finite"]);
    bad(&with("5.1,x,1.4,0.2,setosa"), &["line 3, column sepal_width", "`x`", "number"]);
    bad(&with("5.1,3.5,1.4,0.2"), &["line 3", "4 cells", "has 5", "fill the line up"]);
    bad(&with("5.1,3.5,1.4,0.2,\"setosa"), &["line 3", "quote"]);
    bad(&with("5.1,3.5,1.4,0.2,\"set\"osa"), &["line 3", "quote"]);
    bad(&[with("").as_slice(), b"5,3,1,\xE9,setosa\n"].concat(), &["line 5", "UTF-8", "iconv"]);
    bad(b"\xFF\xFEs\0,\0", &["UTF-16", "iconv"]);
    bad(b"", &["is empty"]);
    bad(b"\n \n", &["is empty"]);
    bad(head.lines().next().unwrap().as_bytes(), &["no rows"]);
    bad(b"a,b,a\n1,2,3\n", &["line 1", "`a`", "rename"]);
    bad(b"\x1F\x8B\x08\0", &["compressed", "gunzip -k bad.csv.gz"]);
    folder.write("iris.csv.gz", b"\x1F\x8B\x08\0");
    folder.run("train iris.csv.gz").fails(1, &["iris.csv.gz", "`gunzip -k iris.csv.gz`"]);
    folder.run_with_input("train - --fast", "").fails(1, &["-: is empty"]);
    folder.run("train none.csv --fast").fails(1, &["none.csv"]);
    folder.write("one.csv", "x,y\n1,a\n2,a\n");
    folder.run("train one.csv --fast").fails(1, &["one.csv", "only one class"]);
    folder.write("narrow.csv", "x\n1\n2\n");
    folder.run("train narrow.csv --fast").fails(1, &["narrow.csv", "no feature"]);
    // No model was written.
    assert!(!folder.has("bad.safetensors"));
}

#[test]
fn tiny_tables_can_be_trained() {
    let folder = Folder::new();
    for rows in ["1,2\n", "1,2\n3,4\n", "1,2\n3,4\n5,9.5\n"] {
        folder.write("few.csv", rows);
        folder.run("train few.csv --fast --quiet --epochs 2 --task regress").ok();
        folder
            .run("train few.csv --fast --quiet --epochs 2 --task regress --validation 0.5 --patience 1 --json")
            .json();
        assert_eq!(folder.run("predict model.safetensors few.csv").ok().lines().count(), rows.lines().count());
        folder.run("eval model.safetensors few.csv --json").json();
    }
}

#[test]
fn image_folder_is_trained_and_predicted() {
    let folder = Folder::new();
    write_images(&folder, "images");
    let lines = folder.run("train images --hidden 16 --epochs 60 --batch 16 --lr 0.01 --json").json();
    let done = lines.last().unwrap();
    assert!(number(done, "test.accuracy") >= 0.95, "{done}");
    let evaluation = &folder.run("eval model.safetensors images --json").json()[0];
    assert_eq!(number(evaluation, "examples"), 60.0);
    assert_eq!(member(evaluation, "accuracy"), member(done, "test.accuracy"));
    assert_eq!(member(evaluation, "loss"), member(done, "test.loss"));
    let predictions = folder.run("predict model.safetensors images").ok();
    let right = predictions.lines().enumerate().filter(|(i, class)| (i % 4).to_string() == *class).count();
    assert_eq!((predictions.lines().count(), right as f64 / 60.0), (60, number(evaluation, "accuracy")));
    let out = folder.run("train images --quiet --epochs 1").ok();
    assert!(out.contains("16 features → label (4 classes)\ntrain 200, test 60 examples\n"), "{out}");
    assert!(folder.run("info model.safetensors").ok().contains("pixel0"));
    // A table of the same pixels gives the same prediction.
    let header: Vec<String> = (0..16).map(|pixel| format!("pixel{pixel}")).collect();
    let row: Vec<String> = folder.bytes("images/t10k-images-idx3-ubyte")[16..32].iter().map(u8::to_string).collect();
    folder.write("one.csv", format!("{}\n{}\n", header.join(","), row.join(",")));
    let first = |data: &str| folder.run(&format!("predict model.safetensors {data} --json")).json().remove(0);
    assert_eq!(text(&first("one.csv"), "prediction"), text(&first("images"), "prediction"));
    for option in ["--target 1", "--task regress", "--test 0.1"] {
        folder.run(&format!("train images {option}")).fails(2, &[option.split(' ').next().unwrap(), "images"]);
    }
    folder.write("iris.csv", IRIS);
    folder.run("train iris.csv --fast --quiet --epochs 1").ok();
    folder.run("eval model.safetensors images").fails(1, &["4 inputs", "16 features"]);
    folder.run("predict model.safetensors images").fails(1, &["4 inputs", "16 features"]);
}

/// Overflow in the network is an error, not a prediction.
#[test]
fn non_finite_predictions_are_errors() {
    let folder = Folder::new();
    folder.write("iris.csv", IRIS);
    folder.run("train iris.csv --fast --quiet --epochs 1 --hidden 64,64").ok();
    let header = IRIS.lines().next().unwrap();
    folder.write("new.csv", format!("{header}\n5,3,1,0.2,setosa\n3e38,-3e38,3e38,-3e38,setosa\n"));
    for options in ["", " --json"] {
        let run = folder.run(&format!("predict model.safetensors new.csv{options}"));
        run.fails(1, &["new.csv, line 3: the network's outputs are not numbers", "too extreme"]);
    }
}

#[test]
fn damaged_image_folders_are_errors() {
    let folder = Folder::new();
    write_images(&folder, "images");
    let (images, labels) = ("images/train-images-idx3-ubyte", "images/train-labels-idx1-ubyte");
    let good = folder.bytes(images);
    let bad = |content: &[u8], parts: &[&str]| {
        folder.write(images, content);
        let err = folder.run("train images --epochs 1").fails(1, parts);
        assert!(err.contains("images/train-"), "{err}");
    };
    bad(&good[..good.len() - 1], &["cut off", "3200 bytes"]);
    bad(&good[..7], &["cut off"]);
    bad(&[&good[..], b"x"].concat(), &["longer"]);
    bad(b"", &["not an IDX file"]);
    bad(b"\x1F\x8B\x08\0", &["gunzip -k images/train-images-idx3-ubyte.gz"]);
    bad(&folder.bytes(labels), &["1 dimensions", "swapped"]);
    bad(&idx(&[199, 4, 4], &good[16..16 + 199 * 16]), &["200 labels", "199 images"]);
    bad(&idx(&[200, 4, 2], &good[16..16 + 200 * 8]), &["[4, 2]", "[4, 4]"]);
    fs::remove_file(folder.path(images)).unwrap();
    folder
        .run("train images")
        .fails(1, &["images: ", "t10k-labels-idx1-ubyte", "train-images-idx3-ubyte is not there"]);
    folder.write(&format!("{images}.gz"), b"\x1F\x8B\x08\0");
    folder.run("train images").fails(1, &["compressed", &format!("gunzip -k {images}.gz")]);
    fs::create_dir(folder.path("empty")).unwrap();
    folder.run("train empty").fails(1, &["empty: ", "train-images-idx3-ubyte is not there"]);
    folder.run("demo mnist empty").fails(1, &["empty: ", "train-images-idx3-ubyte is not there"]);
}

#[test]
fn damaged_model_files_are_errors() {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --quiet --epochs 1").ok();
    let good = folder.bytes("model.safetensors");
    let bad = |content: &[u8], parts: &[&str]| {
        folder.write("bad.safetensors", content);
        let parts: Vec<&str> = parts.iter().copied().chain(["bad.safetensors"]).collect();
        for words in ["info bad.safetensors", "eval bad.safetensors iris.csv", "predict bad.safetensors iris.csv"] {
            folder.run(words).fails(1, &parts);
        }
    };
    bad(IRIS.as_bytes(), &["not a safetensors file"]);
    bad(b"", &["truncated"]);
    for length in [7, 8, 100, good.len() - 1] {
        bad(&good[..length], &["truncated", &format!("{length} found")]);
    }
    bad(&[&good[..], b"1234"].concat(), &["4 bytes at the end"]);
    let network = palmnet::Network::builder(4).dense(3, palmnet::Activation::Softmax).build().unwrap();
    network.save(folder.path("network.safetensors")).unwrap();
    bad(&folder.bytes("network.safetensors"), &["without its preprocessing"]);
    let mut foreign = Safetensors::default();
    foreign.tensors.push(palmnet::unversioned::Tensor::new("w", &[1], vec![0.5]));
    bad(&foreign.to_bytes(), &["no palmnet model"]);
    folder.run("info none.safetensors").fails(1, &["none.safetensors"]);
    fs::create_dir(folder.path("sub")).unwrap();
    folder.run("info sub").fails(1, &["sub"]);
}

/// Text from a file must not control the terminal.
#[test]
fn control_characters_in_names_are_not_printed() {
    let folder = Folder::new();
    folder.write("evil.csv", "\u{1b}[31mred,y\n1,\u{1b}[2Ja\n2,b\n3,\u{1b}[2Ja\n4,b\n");
    let run = folder.run("train evil.csv --fast --epochs 1");
    assert!(!run.out.contains('\u{1b}') && !run.err.contains('\u{1b}'), "{:?} {:?}", run.out, run.err);
    for words in ["info model.safetensors", "eval model.safetensors evil.csv"] {
        let out = folder.run(words).ok();
        assert!(!out.contains('\u{1b}'), "{words}: {out:?}");
    }
}
