//! `--missing` and `--ignore`.

use super::*;

/// The irises with an identifier, every tenth length missing, and one species missing.
fn gaps() -> String {
    let row = |(i, line): (usize, &str)| match i {
        0 => format!("id,{line}\n"),
        90 => format!("flower{i},{}\n", line.replace("versicolor", "")),
        _ if i % 10 == 0 => format!("flower{i},,{}\n", line.split_once(',').unwrap().1),
        _ => format!("flower{i},{line}\n"),
    };
    IRIS.lines().enumerate().map(row).collect()
}

#[test]
fn missing_cells_are_dropped_or_imputed() {
    let folder = Folder::new();
    folder.write("gaps.csv", gaps());
    folder
        .run("train gaps.csv --fast --missing error")
        .fails(1, &["line 11, column sepal_length: is empty", "--missing drop", "--missing fill"]);
    let run = folder.run("train gaps.csv --fast --hidden 8 --missing drop");
    assert!(run.err.contains("`id` has 135 different texts") && run.err.contains("left out"), "{}", run.err);
    let run = folder.run("train gaps.csv --fast --hidden 8 --ignore id --missing drop");
    assert!(run.err.contains("warning: 15 of 150 rows are dropped"), "{}", run.err);
    assert!(run.out.contains("--ignore id --missing drop") && run.out.contains("train 108, test 27"), "{}", run.out);
    folder.run("eval model.safetensors gaps.csv").fails(1, &["line 11", "(--missing fill)"]);

    folder.write(
        "labeled.csv",
        gaps().lines().filter(|line| !line.ends_with(',')).fold(String::new(), |text, line| text + line + "\n"),
    );
    let run = folder.run("train gaps.csv --fast --hidden 8 --ignore id --test labeled.csv");
    assert!(run.err.contains("warning: 1 of 150 rows are dropped"), "{}", run.err);
    assert!(run.err.contains("warning: missing cells are filled in: 14 of `sepal_length`"), "{}", run.err);
    assert!(run.out.contains("train 149, test 149 examples\n"), "{}", run.out);
    run.ok();
    assert_eq!(folder.run("predict model.safetensors gaps.csv").ok().lines().count(), 150);
    folder.write("one.csv", "petal_width,petal_length,sepal_width,sepal_length\n0.2,1.4,3.5,NA\n");
    assert_eq!(folder.run("predict model.safetensors one.csv").ok(), "setosa\n");
    folder.run("eval model.safetensors labeled.csv").ok();
    folder.run("eval model.safetensors gaps.csv").fails(1, &["line 91, column species: is empty", "--missing drop"]);
    let run = folder.run("eval model.safetensors gaps.csv --missing drop");
    assert!(run.err == "warning: 1 of 150 rows are dropped because a cell is missing\n", "{}", run.err);
    assert!(run.ok().starts_with("149 examples\n"));
    folder.run("eval none gaps.csv --missing fill").fails(2, &["--missing fill: expected one of error, drop"]);
    // Another seed gives another training part, and another median.
    let fill = |words: &str| {
        folder.run(&format!("train gaps.csv --fast --ignore 1 --missing fill --epochs 1 --quiet {words}")).ok();
        let info = &folder.run("info model.safetensors --json").json()[0];
        numbers(member(info, "fill"))
    };
    let fills: Vec<Vec<f64>> = (0..5).map(|seed| fill(&format!("--seed {seed}"))).collect();
    assert!(fills.iter().any(|fill| *fill != fills[0]) && fills.iter().all(|fill| fill.len() == 5), "{fills:?}");
    folder
        .run("train gaps.csv --fast --ignore ids --missing fill")
        .fails(1, &["no column `ids`", "did you mean `id`?"]);
    folder
        .run("train gaps.csv --fast --missing guess")
        .fails(2, &["--missing guess: expected one of error, drop, fill"]);
    folder.run("train gaps.csv --fast --ignore species --target species").fails(1, &["`species` is the target"]);
    write_images(&folder, "images");
    folder.run("train images --ignore 1").fails(2, &["--ignore is for tables"]);
}
