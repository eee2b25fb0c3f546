//! Columns about rows on the command line: `--weights`, `--group`, `--time`.

use super::*;

const SETTINGS: &str = "--hidden 4 --epochs 5 --weight-decay 0 --restarts 1";

/// Forty rows of ten people, each with a target of its own, at times that go back.
fn people() -> String {
    let row = |i: usize| {
        let person = i % 10;
        format!("{}.5,p{person},{},{}.25,{}\n", i % 7, 1 + i % 3, person, 2000 - i)
    };
    "a,who,w,y,year\n".to_string() + &(0..40).map(row).collect::<String>()
}

/// The weights after a training on the file.
fn network(folder: &Folder, words: &str) -> Vec<u32> {
    folder.run(&format!("train people.csv --fast --target y {words} {SETTINGS} --out m")).ok();
    network_bits(palmnet::Model::load(folder.path("m")).unwrap().network())
}

#[test]
fn trainings_repeat_with_their_columns_about_rows() {
    let folder = Folder::new();
    folder.write("people.csv", people());
    for option in ["--weights w", "--group who", "--time year"] {
        let (name, column) = option.split_once(' ').unwrap();
        let others: Vec<&str> = ["w", "who", "year"].into_iter().filter(|other| *other != column).collect();
        let ignored = others.join(",");
        let words = format!("{option} --ignore {ignored} --validation 0.2");
        let out = folder.run(&format!("train people.csv --fast --target y {words} {SETTINGS} --out m")).ok();
        let flat = out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("palmnet train people.csv --target y") && flat.contains(option), "{out}");
        let expected = palmnet::Model::load(folder.path("m")).unwrap();
        assert_eq!(expected.schema().input_names(), ["a"], "{option}");
        // The same by one call of a program.
        let mut reading = palmnet::data::Reading::default();
        let column = Some(column.to_string());
        match name {
            "--weights" => reading.weights = column,
            "--group" => reading.group = column,
            _ => reading.time = column,
        }
        let mut table = palmnet::Table::read_with(folder.path("people.csv"), &reading).unwrap();
        table.ignore(&others).unwrap();
        let data = palmnet::Dataset::from_table(table, palmnet::Target::Column("y"), palmnet::data::Missing::Fill);
        let (train, test) = data.unwrap().split(0.8, 0);
        let overrides = palmnet::tune::Overrides {
            fast: true,
            hidden: Some(vec![4]),
            epochs: Some(5),
            weight_decay: Some(0.0),
            restarts: Some(1),
            validation: Some(0.2),
            ..Default::default()
        };
        let fit = overrides.for_data(&train).fit(&train).unwrap();
        assert_eq!(network_bits(fit.model.network()), network_bits(expected.network()), "{option}");
        assert!(fit.model.score(&test).unwrap().loss.is_finite());
        // Later tables do not need the column.
        folder.write("later.csv", "a,y\n1.5,0.25\n2.5,1.25\n");
        folder.run("eval m later.csv").ok();
        folder.run("predict m later.csv").ok();
        folder.run(&format!("train people.csv --fast --target y {words} {SETTINGS} --test later.csv --out m")).ok();
        let further = format!("train people.csv --fast --from m {option} --epochs 2 --weight-decay 0 --out n");
        folder.run(&further).ok();
    }
}

#[test]
fn weights_change_a_training_unless_they_are_equal() {
    let folder = Folder::new();
    let table = |weight: &dyn Fn(usize) -> usize| {
        let lines: String = (0..30).map(|i| format!("{},{},{}.5\n", i % 7, weight(i), i % 5)).collect();
        format!("a,w,y\n{lines}")
    };
    let train = |weight: &dyn Fn(usize) -> usize, words: &str| {
        folder.write("people.csv", table(weight));
        network(&folder, words)
    };
    let plain = train(&|_| 1, "--ignore w");
    assert_eq!(train(&|_| 12, "--weights w"), plain);
    assert_ne!(train(&|i| i, "--weights w"), plain);
}

/// A constant is learned per person, so that nothing is known of those who are not trained on.
#[test]
fn tests_and_folds_are_of_other_people() {
    let folder = Folder::new();
    // The feature says who it is; its number is the target.
    let lines: String = (0..80).map(|i| format!("p{},p{},{}\n", i % 8, i % 8, ["yes", "no"][(i % 8) / 4])).collect();
    folder.write("people.csv", format!("a,who,y\n{lines}"));
    let accuracy = |words: &str| {
        let run =
            folder.run(&format!("train people.csv --fast {words} --epochs 60 --hidden 8 --weight-decay 0 --json"));
        number(run.json().last().unwrap(), if words.contains("folds") { "mean.accuracy" } else { "test.accuracy" })
    };
    assert_eq!(accuracy("--ignore who"), 1.0);
    assert!(accuracy("--group who") < 1.0);
    assert_eq!(accuracy("--ignore who --folds 4"), 1.0);
    assert!(accuracy("--group who --folds 4") < 1.0);
    folder.run("train people.csv --fast --group who --folds 9").fails(1, &["9 folds of 8 groups"]);
    folder.run("search people.csv --fast --group who --trials 2 --epochs 3 --out s").ok();
}

#[test]
fn columns_about_rows_that_cannot_be_used_are_errors() {
    let folder = Folder::new();
    folder.write("people.csv", people());
    folder.run("train people.csv --fast --weights weight").fails(1, &["no column `weight`", "`w`"]);
    folder.run("train people.csv --fast --weights who").fails(1, &["line 2", "column who", "`p0` is not a number"]);
    folder.run("train people.csv --fast --time who").fails(1, &["line 2", "neither a number nor a date"]);
    folder.run("train people.csv --fast --group who --time year").fails(2, &["--time", "--group"]);
    folder.run("train people.csv --fast --target y --group y").fails(1, &["`y` is the target"]);
    write_images(&folder, "images");
    folder.run("train images --group who").fails(2, &["--group is for tables"]);
}

/// Trials and calibration keep groups together, however few there are; of two, none is left to score on.
#[test]
fn few_rows_in_groups_are_tuned() {
    let folder = Folder::new();
    for (rows, groups, folds) in [(75, 15, "5 folds"), (75, 4, "3 folds"), (40, 3, "")] {
        let row =
            |i: usize| format!("{},{},p{},{}\n", i % 7, i % 5, i % groups, if i % 7 > i % 5 { "yes" } else { "no" });
        folder.write("few.csv", format!("a,b,who,y\n{}", (0..rows).map(row).collect::<String>()));
        let found = folder.run("train few.csv --group who --hidden 4 --members 2");
        assert_eq!(found.err.contains(&format!("trials in {folds}, then")), !folds.is_empty(), "{}", found.err);
        assert_eq!(found.ok().contains("90 % sets"), !folds.is_empty());
    }
}

/// Rows of a group on both sides of a split of files show nothing about new groups.
#[test]
fn groups_in_both_files_are_warned_about() {
    let folder = Folder::new();
    folder.write("people.csv", people());
    let part =
        |keep: &dyn Fn(&str) -> bool| people().lines().filter(|line| keep(line)).map(|l| format!("{l}\n")).collect();
    let known: String = part(&|line| line.starts_with("a,") || line.contains(",p3,") || line.contains(",p4,"));
    folder.write("known.csv", &known);
    folder.write("new.csv", known.replace(",p3,", ",q3,").replace(",p4,", ",q4,"));
    let train = |words: &str, file: &str| {
        let run =
            folder.run(&format!("train people.csv --fast --target y --ignore w,year {words} {SETTINGS} --test {file}"));
        assert_eq!(run.status, Some(0), "{}", run.err);
        run.err.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let warning = "known.csv: rows of 2 groups are in the training file, too (`p3`, `p4`)";
    assert!(train("--group who", "known.csv").contains(warning));
    assert!(train("--group 2", "known.csv").contains(warning));
    assert!(!train("--group who", "new.csv").contains("groups are in"));
    assert!(!train("", "known.csv").contains("groups are in"));
}

#[test]
fn misspelled_columns_are_corrected() {
    let folder = Folder::new();
    folder.write("people.csv", people());
    for option in ["--weights", "--group", "--time", "--categories", "--numbers", "--ignore", "--target"] {
        let run = folder.run(&format!("train people.csv --fast {option} yaer"));
        run.fails(1, &["people.csv: has no column `yaer` (did you mean `year`?); it has `a`"]);
    }
}
