//! Mistakes of new users: each ends in one sentence that says what to do.

use super::*;

/// A folder with a model of the irises, and tables with a mistake each.
fn tables() -> Folder {
    let folder = Folder::of_irises();
    folder.run("train iris.csv --fast --quiet --epochs 1 --hidden 2 --weight-decay 0").ok();
    let lines: Vec<&str> = IRIS.lines().collect();
    let few = lines[..4].join("\n");
    folder.write("empty.csv", "");
    folder.write("header.csv", lines[0]);
    folder.write("one.csv", lines[..2].join("\n"));
    folder.write("number.csv", "a,b\n1,2.5\n");
    folder.write("label.csv", few.replacen(",setosa", ",setossa", 1));
    folder.write("stranger.csv", few.replacen(",setosa", ",rosa", 1));
    folder.write("renamed.csv", few.replace("petal_width", "petal_wdith"));
    folder.write("other.csv", few.replace("petal", "leaf"));
    folder.write("text.csv", IRIS.replacen("\n5.1,", "\ntall,", 1));
    folder.write("color.csv", format!("color,y\n{}", "red,1.5\nblue,2.5\n".repeat(20)));
    folder.write("colour.csv", "color,y\nbleu,1.5\n");
    folder
}

#[test]
fn mistakes_of_new_users_are_explained() {
    let folder = tables();
    let model = "model.safetensors";
    for (words, parts) in [
        // A misspelled option, one of another command, and a misspelled value.
        ("train iris.csv --epoch 3", &["unknown option --epoch (did you mean --epochs?)"][..]),
        (&format!("predict {model} iris.csv --probabilites"), &["(did you mean --probabilities?)"]),
        (&format!("eval {model} iris.csv --target species"), &["--target (it is one of palmnet train, search"]),
        ("train iris.csv --early-stopping", &["unknown option --early-stopping (see --patience)"]),
        (&format!("predict {model} iris.csv --verbose"), &["unknown option --verbose: see palmnet predict --help"]),
        ("train iris.csv --task clasify", &["expected one of classify, regress (did you mean classify?)"]),
        ("trian iris.csv", &["did you mean train?"]),
        // A wrong order.
        (&format!("train {model}"), &["model.safetensors is a model, and DATA is a table or a folder of images"]),
        (&format!("eval iris.csv {model}"), &["the order is MODEL DATA"]),
        (&format!("predict {model} {model}"), &["the order is MODEL DATA"]),
    ] {
        folder.run(words).fails(2, parts);
    }
    let missing = "there is no such file or folder (did you mean `iris.csv`?)";
    for (words, parts) in [
        // A missing file.
        ("train irsi.csv", &["irsi.csv: ", missing][..]),
        ("search Iris.csv", &["Iris.csv: ", missing]),
        ("train iris.csv --fast --test iris.cvs", &["iris.cvs: ", missing]),
        (&format!("eval {model} irsi.csv"), &[missing]),
        (&format!("predict {model} irsi.csv"), &[missing]),
        ("eval modle.safetensors iris.csv", &["(did you mean `model.safetensors`?)"]),
        ("predict modle.safetensors iris.csv", &["(did you mean `model.safetensors`?)"]),
        ("info model.safetensor", &["(did you mean `model.safetensors`?)"]),
        ("train iris.csv --fast --from modle.safetensors", &["(did you mean `model.safetensors`?)"]),
        ("info iris.csv", &["this is not a safetensors file", "palmnet train saves models"]),
        // A wrong column.
        ("train iris.csv --target speceis", &["no column `speceis` (did you mean `species`?)"]),
        ("train iris.csv --ignore petal_lenght", &["(did you mean `petal_length`?)"]),
        ("train iris.csv --weights petal_lenght", &["(did you mean `petal_length`?)"]),
        ("train iris.csv --group specie", &["(did you mean `species`?)"]),
        ("train iris.csv --target species --group species", &["`species` is the target: it cannot be ignored, or be"]),
        ("train iris.csv --time petal_lenght", &["(did you mean `petal_length`?)"]),
        (
            &format!("eval {model} renamed.csv"),
            &["lacks the columns `petal_width`", "rename `petal_wdith` to `petal_width`"],
        ),
        (&format!("predict {model} renamed.csv"), &["rename `petal_wdith` to `petal_width`"]),
        (&format!("predict {model} other.csv"), &["`leaf_length`", "its columns must be called as in training"]),
        // A label that was never seen.
        (&format!("eval {model} label.csv"), &["line 2", "`setossa` is not a known class (did you mean `setosa`?)"]),
        (
            &format!("eval {model} stranger.csv"),
            &["`rosa` is not a known class: there are", "correct the cell, remove the line"],
        ),
        ("train iris.csv --fast --test label.csv", &["(did you mean `setosa`?)"]),
        // An empty file, and one without rows.
        ("train empty.csv", &["is empty: a header or a line of numbers was expected"]),
        (&format!("eval {model} empty.csv"), &["is empty"]),
        (&format!("predict {model} empty.csv"), &["is empty"]),
        ("train header.csv", &["has a header but no rows under it"]),
        (&format!("eval {model} header.csv"), &["has a header but no rows under it"]),
        (&format!("predict {model} header.csv"), &["has a header but no rows under it"]),
        // One row.
        ("train one.csv", &["only one class, `setosa`", "name another target, or add rows of another class"]),
        ("train number.csv --fast --epochs 1 --task classify", &["add rows of another class"]),
        // Text where numbers were.
        (
            "train text.csv",
            &["line 2", "`tall` is not a number", "correct the cell, remove the line", "--categories sepal_length"],
        ),
        (&format!("eval {model} text.csv"), &["`tall` is not a number", "correct the cell, or remove the line"]),
        (&format!("predict {model} text.csv"), &["`tall` is not a number", "correct the cell, or remove the line"]),
    ] {
        folder.run(words).fails(1, parts);
    }
    let mut unnamed = folder.command("train");
    let run = Run::from_output(unnamed.arg("").output().unwrap(), "train ''");
    run.fails(1, &["\"\": a file name is expected, and this one is empty"]);
    // One row is enough to evaluate and to predict.
    folder.run(&format!("eval {model} one.csv")).ok();
    folder.run(&format!("predict {model} one.csv")).ok();
}

/// A category that training did not have is noted, with the one that was meant.
#[test]
fn misspelled_categories_are_corrected() {
    let folder = tables();
    folder.run("train color.csv --fast --quiet --epochs 1 --hidden 2 --weight-decay 0 -o m").ok();
    let run = folder.run("predict m colour.csv");
    let note = run.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(note.contains("as `bleu` (did you mean `blue`?): it counts as none"), "{note}");
    folder.run("predict m colour.csv --unknown error").fails(1, &["not a known category (did you mean `blue`?)"]);
}
