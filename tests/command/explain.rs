//! `palmnet explain`: importance, dependence, and Shapley values of one row.

use super::*;

/// A folder with the irises and the model of the README.
fn irises() -> Folder {
    let folder = Folder::of_irises();
    folder.write("iris.model", include_bytes!("../../examples/iris.safetensors"));
    folder
}

/// A folder with a table of dates, categories, gaps and values of millions, and a model of it.
fn houses() -> Folder {
    let folder = Folder::new();
    let mut rng = Rng::new(4);
    let mut table = "built,city,rooms,id,price\n".to_string();
    for row in 0..200 {
        let (year, rooms, city) = (1950 + rng.below(70), 1 + rng.below(8), rng.below(3));
        let price = 1_000_000.0 + 100_000.0 * rooms as f64 + 200_000.0 * city as f64 + rng.uniform_in(0.0, 9.0);
        let rooms = if row % 9 == 0 { String::new() } else { rooms.to_string() };
        table += &format!("{year}-07-01,{},{rooms},{row},{price:.1}\n", ["Bonn", "Köln", "Ulm"][city]);
    }
    folder.write("houses.csv", &table);
    folder.write("new.csv", without_last_column(&table));
    folder.run("train houses.csv --ignore id --fast --epochs 60 --quiet --out houses.model --weight-decay 0.01").ok();
    folder
}

/// The parts of a text between empty lines.
fn parts(text: &str) -> Vec<Vec<&str>> {
    text.trim_end().split("\n\n").map(|part| part.lines().collect()).collect()
}

#[test]
fn importance_and_dependence_of_classes() {
    let folder = irises();
    let out = folder.run_with("explain iris.model iris.csv", &[("COLUMNS", "40")]).ok();
    assert!(out.lines().all(|line| line.chars().count() <= 40), "{out}");
    let parts = parts(&out);
    let accuracy = number(&folder.run("eval iris.model iris.csv --json").json()[0], "accuracy");
    assert_eq!(parts[0], [format!("150 examples: accuracy {accuracy:.4}")]);
    assert_eq!(parts[1][..2], ["Fall of the accuracy if a column is", "shuffled (5 times):"]);
    assert_eq!(parts[1][2].split_whitespace().collect::<Vec<_>>(), ["column", "fall", "std"]);
    let columns: Vec<&str> = parts[1][3..].iter().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(columns.len(), 4);
    assert!(columns[..2].iter().all(|name| name.starts_with("petal")), "{out}");
    assert!(parts[1][3].ends_with('█'), "{out}");
    // A table for each of the first three, of all classes, whose probabilities add up to 1.
    assert_eq!(parts.len(), 5);
    for (part, column) in [&parts[2][2..], &parts[3], &parts[4]].iter().zip(&columns) {
        assert!(part[0].starts_with(column), "{out}");
        for line in &part[1..] {
            let sum: f64 = line.split_whitespace().skip(1).map(|cell| cell.parse::<f64>().unwrap()).sum();
            assert!((sum - 1.0).abs() < 1e-3, "{line}");
        }
    }
    let top = folder.run("explain iris.model iris.csv --top 1 --repeats 1 --seed 3").ok();
    assert!(top.contains("(1 time)") && top.contains("\n3 others\n"), "{top}");
    assert_eq!(top.matches("petal").count(), 2, "{top}");

    // A class can be chosen.
    let chosen = folder.run("explain iris.model iris.csv --class versicolor").ok();
    assert!(chosen.contains(" versicolor\n") && !chosen.contains("setosa"), "{chosen}");
    let all = folder.run("explain iris.model iris.csv --json").json().remove(0);
    let point =
        &member(&all, "partial_dependence").as_array().unwrap()[0].get("points").unwrap().as_array().unwrap()[0];
    let expected = format!("{:.4}", number(point, "means.versicolor"));
    let line = self::parts(&chosen)[2][2].to_string();
    let shown: f64 = line.split_whitespace().last().unwrap().parse().unwrap();
    assert!((shown - expected.parse::<f64>().unwrap()).abs() < 1e-3, "{line}: {expected}");
    let row = folder.run("explain iris.model iris.csv --row 1 --class virginica").ok();
    assert!(row.contains("\nprobability of virginica\n") && !row.contains("of setosa"), "{row}");
    for words in ["", " --row 1"] {
        let wrong = folder.run(&format!("explain iris.model iris.csv --class rose{words}"));
        wrong.fails(2, &["--class rose", "setosa, versicolor, virginica"]);
    }

    // The values are those of the class that is predicted.
    let predicted = folder.run("predict iris.model unlabeled.csv").ok();
    for row in [1, 60, 150] {
        let out = folder.run_with(&format!("explain iris.model iris.csv --row {row}"), &[("COLUMNS", "40")]).ok();
        assert!(out.lines().all(|line| line.chars().count() <= 40), "{out}");
        let class = predicted.lines().nth(row - 1).unwrap();
        let parts = self::parts(&out);
        assert_eq!(parts[0], [format!("Row {row}, from the mean of 100 rows:")]);
        assert_eq!((parts[1][0], parts[1].len()), (&*format!("probability of {class}"), 7));
        let figure = |line: &str| line.split_whitespace().find_map(|cell| cell.strip_prefix('+')?.parse::<f64>().ok());
        assert!(figure(parts[1][2]) > Some(0.1), "{out}");
    }
}

#[test]
fn json_has_what_the_library_finds() {
    let folder = irises();
    let found = &folder.run("explain iris.model iris.csv --repeats 3 --seed 7 --json --top 2").json()[0];
    let model = palmnet::Model::load(folder.path("iris.model")).unwrap();
    let data = palmnet::Dataset::from_csv_as(folder.path("iris.csv"), model.schema()).unwrap();
    let importance = model.importance(&data, 3, 7).unwrap();
    assert_eq!(names(found), ["examples", "rows", "repeats", "accuracy", "importance", "partial_dependence"]);
    assert_eq!([number(found, "examples"), number(found, "rows"), number(found, "repeats")], [150.0, 150.0, 3.0]);
    let ranked = importance.ranked();
    let listed = member(found, "importance").as_array().unwrap();
    assert_eq!(listed.len(), 4);
    for (json, column) in listed.iter().zip(ranked.iter().map(|&column| &importance.columns[column])) {
        assert_eq!(
            (text(json, "column"), number(json, "mean"), number(json, "std")),
            (&*column.name, column.mean, column.std)
        );
    }
    let dependences = member(found, "partial_dependence").as_array().unwrap();
    assert_eq!(dependences.len(), 2);
    for (json, &column) in dependences.iter().zip(&ranked) {
        let name = &importance.columns[column].name;
        let dependence = model.partial_dependence(data.features(), name, 7, 7).unwrap();
        assert_eq!((text(json, "column"), number(json, "rows")), (&name[..], 150.0));
        let points = member(json, "points").as_array().unwrap();
        assert_eq!(points.len(), dependence.points.len());
        for (json, point) in points.iter().zip(dependence.points) {
            assert_eq!((text(json, "cell"), number(json, "value")), (&*point.cell, point.value.unwrap()));
            assert_eq!(names(member(json, "means")), dependence.outputs);
            assert_eq!(number(json, "means.virginica"), point.means[2]);
        }
    }

    // Rows need no labels.
    let words = "--row 60 --seed 2 --json";
    let found = &folder.run(&format!("explain iris.model unlabeled.csv {words}")).json()[0];
    assert_eq!(&folder.run(&format!("explain iris.model iris.csv {words}")).json()[0], found);
    let shapley = model.shapley(data.to_matrix().row(59), data.features(), 2).unwrap();
    assert_eq!(names(found), ["row", "background", "base", "prediction", "columns"]);
    assert_eq!([number(found, "row"), number(found, "background")], [60.0, 100.0]);
    for (output, name) in ["setosa", "versicolor", "virginica"].iter().enumerate() {
        assert_eq!(number(found, &format!("base.{name}")), shapley.base[output]);
        let mut sum = shapley.base[output];
        for (json, column) in member(found, "columns").as_array().unwrap().iter().zip(&shapley.columns) {
            assert_eq!((text(json, "column"), text(json, "cell")), (&*column.name, &*column.cell));
            assert_eq!(number(json, &format!("values.{name}")), column.values[output]);
            assert_eq!(number(json, &format!("errors.{name}")), 0.0);
            sum += column.values[output];
        }
        assert!((number(found, &format!("prediction.{name}")) - sum).abs() < 1e-6);
    }
}

#[test]
fn values_of_a_table_with_gaps() {
    let folder = houses();
    for width in [40, 100] {
        let variables = &[("COLUMNS", &*width.to_string())];
        let out = folder.run_with("explain houses.model houses.csv", variables).ok();
        assert!(out.lines().all(|line| line.chars().count() <= width), "{out}");
        let parts = parts(&out);
        assert!(parts[0][0].starts_with("200 examples: R² 0.9"), "{out}");
        assert!(parts[1].last().unwrap().starts_with("built"), "{out}");
        let city = parts.iter().skip(2).flatten().position(|line| line.starts_with("city ") && line.ends_with("price"));
        let lines: Vec<&&str> = parts.iter().skip(2).flatten().skip(city.unwrap() + 1).take(3).collect();
        let mean = |name: &str| -> f64 {
            lines.iter().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse().unwrap()
        };
        assert!((150_000.0..250_000.0).contains(&(mean("Köln") - mean("Bonn"))), "{out}");
        let row = folder.run_with("explain houses.model new.csv --row 10", variables).ok();
        assert!(row.lines().all(|line| line.chars().count() <= width), "{row}");
        let lines: Vec<Vec<&str>> = row.lines().map(|line| line.split_whitespace().collect()).collect();
        let line = |name: &str| lines.iter().find(|line| line.first() == Some(&name)).unwrap();
        // The tenth row lacks its rooms.
        assert_eq!(line("rooms")[1], "missing");
        assert!(line("built")[1].ends_with("-07-01"));
        let figure = |name: &str, index: usize| line(name)[index].parse::<f64>().unwrap();
        let sum: f64 = ["rooms", "built", "city"].iter().map(|name| figure(name, 2)).sum();
        assert!((figure("base", 1) + sum - figure("prediction", 1)).abs() < 3e4, "{row}");
        let predicted = folder.run("predict houses.model new.csv").ok();
        let predicted: f64 = predicted.lines().nth(9).unwrap().parse().unwrap();
        assert!((figure("prediction", 1) / predicted - 1.0).abs() < 0.01, "{row}");
    }
}

#[test]
fn labels_and_images() {
    let folder = Folder::new();
    folder.write("mlt.csv", include_str!("../data/tables/mlt.csv"));
    let header = include_str!("../data/tables/mlt.csv").lines().next().unwrap();
    let targets: Vec<&str> = header.rsplit(',').take(2).collect();
    let target = format!("{},{}", targets[1], targets[0]);
    folder.run(&format!("train mlt.csv --target {target} --fast --epochs 3 --quiet --out m")).ok();
    let out = folder.run("explain m mlt.csv").ok();
    assert!(out.contains(": exact match 0.") && out.contains("=yes"), "{out}");
    let row = folder.run("explain m mlt.csv --row 1").ok();
    assert_eq!(row.matches("\nprobability of ").count(), 2, "{row}");
    assert!(folder.run("explain m mlt.csv --json").json()[0].get("subset_accuracy").is_some());

    write_images(&folder, "images");
    folder.run("train images --epochs 4 --quiet --out i").ok();
    let out = folder.run("explain i images --top 4 --repeats 1").ok();
    assert!(out.starts_with("60 examples: accuracy ") && out.contains("\n12 others\n"), "{out}");
    let row = folder.run("explain i images --row 60 --top 3").ok();
    assert!(row.contains("\n13 others") && row.contains("\nstandard errors up to "), "{row}");
    folder.run("explain i images --row 61").fails(2, &["--row 61", "60 rows"]);
}

/// Without labels there is the dependence, of the first columns, and of those that say nothing a line.
#[test]
fn dependence_needs_no_labels() {
    let folder = irises();
    let found = folder.run("explain iris.model unlabeled.csv --top 2");
    assert!(found.err.contains("importance of columns needs labels, and the data lacks species"), "{}", found.err);
    let labeled = &folder.run("explain iris.model iris.csv --json").json()[0];
    let out = found.ok();
    assert!(out.starts_with("Mean prediction") && !out.contains("accuracy"), "{out}");
    let header = IRIS.lines().next().unwrap();
    let firsts: Vec<&str> = header.split(',').take(2).collect();
    assert!(firsts.iter().all(|name| out.contains(&format!("\n{name}"))), "{out}");
    let json = folder.run("explain iris.model unlabeled.csv --json --quiet");
    assert_eq!(json.err, "");
    let json = &json.json()[0];
    assert_eq!(names(json), ["partial_dependence"]);
    // The same as of labeled rows.
    let dependences = |json| member(json, "partial_dependence").as_array().unwrap().to_vec();
    let all = dependences(json);
    assert_eq!(all.len(), 4);
    assert!(dependences(labeled).iter().all(|found| all.contains(found)));

    let constant = IRIS.lines().skip(1).map(|line| format!("5.5,{}\n", line.split_once(',').unwrap().1));
    folder.write("constant.csv", format!("{header}\n{}", constant.collect::<String>()));
    let out = folder.run("explain iris.model constant.csv --top 4 --rows 100").ok();
    assert!(out.starts_with("100 of 150 examples: "), "{out}");
    let out = folder.run("explain iris.model constant.csv --report page.html").ok();
    assert!(out.ends_with("\nsaved page.html\n"), "{out}");
    let page = std::fs::read_to_string(folder.path("page.html")).unwrap();
    assert!(page.contains(&format!("{} is constant: 5.5.", firsts[0])), "{page}");
    assert!(page.contains("palmnet explain iris.model constant.csv"), "{page}");
    folder.run("explain iris.model iris.csv --rows 50 --repeats 3 --report few.html").ok();
    assert!(std::fs::read_to_string(folder.path("few.html")).unwrap().contains("deviation of 3 times on 50 rows"));
    folder.write("new.csv", without_last_column(&std::fs::read_to_string(folder.path("constant.csv")).unwrap()));
    let out = folder.run("explain iris.model new.csv").ok();
    assert!(out.contains(&format!("\n{} is constant: 5.5\n", firsts[0])), "{out}");
}

#[test]
fn wrong_requests() {
    let folder = irises();
    let unlabeled = folder.run("explain iris.model unlabeled.csv --report page.html");
    unlabeled.fails(1, &["needs labels", "lacks species", "--report"]);
    folder.run("explain iris.model iris.csv --rows 0").fails(2, &["--rows 0", "a whole number from 2"]);
    folder
        .run("explain iris.model iris.csv --class virginca")
        .fails(2, &["--class virginca (did you mean virginica?)"]);
    for more in ["--json", "--report page.html"] {
        folder.run(&format!("explain iris.model iris.csv --class rose {more}")).fails(2, &["--class rose: the model"]);
        assert!(!folder.path("page.html").exists());
    }
    folder.run("explain iris.model unlabeled.csv --rows 50").fails(1, &["leave --rows out, or add them"]);
    folder.run("explain iris.model iris.csv --row 1 --report page.html").fails(2, &["--row and --report"]);
    folder.run("explain iris.model iris.csv --row 151").fails(2, &["--row 151", "150 rows", "palmnet explain --help"]);
    folder.run("explain iris.model iris.csv --row 0").fails(2, &["--row 0", "a whole number from 1"]);
    folder.run("explain iris.model iris.csv --repeats 0").fails(2, &["--repeats 0"]);
    folder.run("explain iris.model iris.csv --row 1 --repeats 2").fails(2, &["--row and --repeats exclude each other"]);
    for words in ["", " --row 1"] {
        let missing = folder.run(&format!("explain iris.model none.csv{words}"));
        let message = missing.fails(1, &["none.csv"]);
        assert!(!message.contains("--row"), "{message}");
        folder.run(&format!("explain none.model iris.csv{words}")).fails(1, &["none.model"]);
        folder.run(&format!("explain iris.csv iris.model{words}")).fails(2, &["the order is MODEL DATA"]);
    }
    folder.run("explain iris.model").fails(2, &["palmnet explain MODEL DATA"]);
    let broken = IRIS.replacen("5.1,", "x,", 1);
    folder.write("broken.csv", &broken);
    let message = folder.run("explain iris.model broken.csv").fails(1, &["broken.csv, line 2"]);
    assert!(!message.contains("--row"), "{message}");
    folder.run("explain iris.model broken.csv --row 9").fails(1, &["broken.csv, line 2"]);
    // A gap that the model cannot fill in.
    folder.write("gap.csv", IRIS.replacen("5.1,", ",", 1));
    folder.run("explain iris.model gap.csv").fails(1, &["gap.csv, line 2"]);
    let dropped = folder.run("explain iris.model gap.csv --missing drop");
    assert!(dropped.err.contains("1 of 150 rows are dropped"), "{}", dropped.err);
    assert!(dropped.ok().starts_with("149 examples: "));
}
