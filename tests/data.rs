//! The data floor: tables, what their columns mean, datasets, scaling, IDX files, generated problems.

use std::fs;
use std::path::PathBuf;

use palmnet::{Dataset, Features, Kind, Matrix, Output, Scaler, Schema, Table, Target, Targets, generate};
use proptest::prelude::*;

fn table(text: &str) -> Table {
    Table::parse(text, "a.csv").unwrap()
}

fn cells(table: &Table) -> Vec<Vec<String>> {
    (0..table.rows()).map(|row| table.cells(row).map(|cell| cell.into_owned()).collect()).collect()
}

fn load(text: &str, target: Target<'_>) -> palmnet::Result<Dataset> {
    let table = Table::parse(text, "a.csv")?;
    let schema = Schema::infer(&table, target)?;
    Dataset::from_table(&table, &schema)
}

/// Whether the message says all of this.
fn says<T>(result: palmnet::Result<T>, parts: &[&str]) {
    let message = result.err().expect("an error").to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

/// An empty folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("palmnet-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        fs::write(self.0.join(name), content).unwrap();
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

// Tables

#[test]
fn dialects_of_csv() {
    let expected = [["1", "red"], ["-2.5", "blue"]];
    for text in [
        "x,colour\n1,red\n-2.5,blue\n",
        "x,colour\n1,red\n-2.5,blue",
        "x\tcolour\r\n1\tred\r\n-2.5\tblue\r\n",
        "x;colour\r1;red\r-2.5;blue\r",
        "\u{FEFF}x,colour\n\n1, red \n   \n -2.5 ,\"blue\"\n\n",
        "\"x\" , \"colour\"\n\"1\",\"red\"\n\"-2.5\",blue\n",
    ] {
        let table = table(text);
        assert_eq!(table.header().unwrap(), ["x", "colour"], "{text:?}");
        assert_eq!(cells(&table), expected, "{text:?}");
    }
    let table = table("name,text\nq,\"a \"\"b\"\", c\r\nd\"\nr,5\" pipe\n");
    assert_eq!(cells(&table), [["q", "a \"b\", c\r\nd"], ["r", "5\" pipe"]]);
    assert_eq!((table.line(0), table.line(1)), (2, 4));
}

#[test]
fn header_or_not() {
    assert!(table("a,b\nc,d\n").header().is_some());
    assert!(table("a,1\nb,2\n").header().is_none());
    assert!(table("a,\nb,c\n").header().is_none());
    let numbers = table("1,2\n");
    assert_eq!((numbers.rows(), numbers.columns(), numbers.column_name(1)), (1, 2, "2".to_string()));
}

#[test]
fn the_separator_is_what_the_first_record_has_most_of() {
    assert_eq!(cells(&table("1,5;2,5\n3;4\n")), [["1,5", "2,5"], ["3", "4"]]);
    assert_eq!(cells(&table("\"a;b;c\",1\nd,2\n"))[0], ["a;b;c", "1"]);
    assert_eq!(cells(&table("1,2,3\n"))[0], ["1", "2", "3"]);
    assert_eq!(cells(&table("a;b\tc\td\n1\t2\t3\n"))[0], ["1", "2", "3"]);
    assert_eq!(cells(&table("1\n2\n")), [["1"], ["2"]]);
}

#[test]
fn bad_tables() {
    let parse = |bytes: &[u8]| Table::parse(bytes, "a.csv");
    says(parse(b"a,b\n1,2\n\n3\n"), &["a.csv, line 4: 1 cell, where line 1 has 2", "comma", "quotes"]);
    says(parse(b"a\tb\n1\t2\t3\n"), &["a.csv, line 2: 3 cells", "tab"]);
    says(parse(b"a,b\n1,\"2\n3,4\n"), &["a.csv, line 2: a double quote opens here and never ends"]);
    says(parse(b"a,b\n1,\"2\n\"3,4\n"), &["a.csv, line 3: a cell goes on after its closing double quote"]);
    says(parse(b"a,b\n1,\xE9\n"), &["a.csv, line 2: is not UTF-8", "iconv"]);
    says(parse(b"\xFF\xFEa\0,\0b\0"), &["a.csv: is UTF-16", "iconv -f UTF-16 -t UTF-8 a.csv"]);
    says(parse(b"a\0,\0b\0"), &["is UTF-16"]);
    for empty in ["", "\n\n", " \r\n ", "\u{FEFF}"] {
        says(parse(empty.as_bytes()), &["a.csv: is empty"]);
    }
    says(parse(b"a,b\n\n"), &["a.csv: has a header but no rows"]);
    says(parse(b"a,b,a\n1,2,3\n"), &["a.csv, line 1: two columns are called `a`"]);
    says(parse(b"\x1F\x8B\x08\0"), &["a.csv: is compressed", "gunzip -k a.csv"]);
    says(Table::parse(*b"\x1F\x8B\x08\0", "b.csv.gz"), &["unpack it first with `gunzip -k b.csv.gz`"]);
    says(Table::read("no/such.csv"), &["no/such.csv: "]);
    says(Table::read("tests"), &["tests: "]);
}

// Schemas

#[test]
fn categories_become_one_input_each() {
    let data = load("size,colour,age,price\n1,red,9,5.5\n2,blue,8,6\n4,red,7,7\n", Target::Last).unwrap();
    assert_eq!(data.schema().input_names(), ["size", "colour=blue", "colour=red", "age"]);
    assert_eq!(data.schema().width(), 4);
    assert_eq!(data.schema().columns()[1].kind, Kind::Categories(vec!["blue".to_string(), "red".to_string()]));
    let expected = Matrix::from_rows(&[[1.0, 0.0, 1.0, 9.0], [2.0, 1.0, 0.0, 8.0], [4.0, 0.0, 1.0, 7.0]]);
    assert_eq!(data.to_matrix(), expected);
    assert_eq!(data.targets(), &Targets::Values(Matrix::from_rows(&[[5.5], [6.0], [7.0]])));
}

#[test]
fn content_decides_between_classes_and_values() {
    let classes = |cells: &[&str], target| {
        let rows: String = cells.iter().map(|cell| format!("1,{cell}\n")).collect();
        load(&format!("x,y\n{rows}"), target).unwrap().class_names().to_vec()
    };
    // Two whole numbers; many rows for each; too few rows for each; not whole; text.
    assert_eq!(classes(&["1", "0"], Target::Last), ["0", "1"]);
    let ten_and_nine_and_one = ["10", "9", "1.0", "1", "9"].repeat(3);
    assert_eq!(classes(&ten_and_nine_and_one, Target::Last), ["1", "9", "10"]);
    assert_eq!(classes(&["10", "9", "1", "1", "9"], Target::Column("y")), [""; 0]);
    assert_eq!(classes(&["0.5", "1"], Target::Last), [""; 0]);
    assert_eq!(classes(&["b", "10", "c", "9"], Target::Last), ["10", "9", "b", "c"]);
    // 20 different numbers with 5 rows each are classes, 21 are not.
    let numbers: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    assert_eq!(classes(&numbers[..20].repeat(5), Target::Last).len(), 20);
    assert_eq!(classes(&numbers.repeat(5), Target::Last).len(), 0);
    // The caller's word counts more.
    assert_eq!(classes(&["0.5", "1", "7"], Target::Class("y")), ["0.5", "1", "7"]);
    assert_eq!(classes(&["1", "0"], Target::Values(&["y"])), [""; 0]);
}

#[test]
fn a_column_is_named_or_numbered() {
    let text = "b,a\n1,10\n2,30\n";
    let names = |target| load(text, target).unwrap().schema().output().names().to_vec();
    assert_eq!(names(Target::Values(&["1"])), ["b"]);
    assert_eq!(names(Target::Values(&["a"])), ["a"]);
    let data = load("1,2,3\n4,5,7\n", Target::Values(&["3", "1"])).unwrap();
    assert_eq!(data.targets(), &Targets::Values(Matrix::from_rows(&[[3.0, 1.0], [7.0, 4.0]])));
    assert_eq!(data.to_matrix(), Matrix::from_rows(&[[2.0], [5.0]]));
    assert_eq!(data.schema().target_positions(), [2, 0]);
}

#[test]
fn tables_that_nothing_can_be_learned_from() {
    says(load("a,b\n1,2\n", Target::Column("c")), &["a.csv: has no column `c`; it has `a`, `b`"]);
    says(load("a,b\n1,2\n", Target::Column("3")), &["has no column `3`"]);
    says(load("a,b\n1,2\n", Target::Column("0")), &["has no column `0`"]);
    says(load("a\n1\n", Target::Last), &["a.csv: has no feature columns", "commas, tabs or semicolons"]);
    says(load("a,b\n1,2\n", Target::Values(&["a", "b"])), &["has no feature columns"]);
    says(load("a,b\n1,2\n", Target::Values(&["a", "1"])), &["two targets are called `a`"]);
    says(load("a,b\n1,2\n", Target::Values(&[])), &["no target column"]);
    says(load("a,b\n1,x\n2,x\n", Target::Last), &["a.csv: the target `b` has only one class, `x`"]);
    says(load("a,b\n1,2\nx,2\n3,4\n", Target::Last), &["a.csv, line 3, column a: `x` is not a number", "line"]);
    says(load("a,b\n1,2\n1,x\n3,4\n", Target::Last), &["a.csv, line 3, column b: `x` is not a number"]);
    says(load("a,b\n1,x\n2,y\n", Target::Values(&["b"])), &["a.csv, line 2, column b: `x` is not a number"]);
    says(load("a;b\n1,5;2\n3;4\n6;4\n", Target::Last), &["line 2, column a: `1,5`", "point"]);
    // Decimal commas throughout are neither an identifier nor categories.
    let commas: String = (0..200).map(|i| format!("{i},5;{}\n", i % 2)).collect();
    says(load(&format!("a;b\n{commas}"), Target::Last), &["a.csv, line 2, column a: `0,5`", "decimals with a point"]);
    says(load(&format!("b;a\n{}", "1;2,5\n".repeat(3)), Target::Last), &["line 2, column a: `2,5`", "point"]);
    says(load("a\tb\nx\t1\n1\t2\n2,5\t1\n3,5\t1\n", Target::Last), &["a.csv, line 4, column a: `2,5`", "point"]);
    assert_eq!(load("a;b\n1;2,5\n2;1,5\n", Target::Class("b")).unwrap().class_names(), ["1,5", "2,5"]);
    // Dates.
    let days: String =
        (0..200).map(|i| format!("{}-{}-{},{}\n", 2000 + i / 300, 1 + i / 30, 1 + i % 30, i % 2)).collect();
    says(load(&format!("day,b\n{days}"), Target::Last), &["the column `day` has 200", "like a date", "year"]);
    says(load("day,b\n31.12.2024,1\n1.1.2025,2\n2.1.2025,1\n", Target::Last), &["`day`", "like a date", "remove"]);
    says(load("b,day\n1,2024-12-31\n2,2025-01-01\n", Target::Last), &["`day`", "like a date"]);
    assert_eq!(
        load(&format!("a,b\n{}", "2024-01,1\n2024-02,2\n".repeat(5)), Target::Last).unwrap().schema().width(),
        2
    );
    // A stray text in the target may be a class.
    says(load("a,b\n1,2\n1,x\n3,4\n", Target::Last), &["correct the cell", "--task classify"]);
    // An index column without a name hides the header.
    says(load(",a\n0,1\n1,2\n", Target::Last), &["a.csv, line 1, column 1: is empty"]);
    says(load("1,a\n0,1\n1,2\n", Target::Last), &["a.csv, line 1, column 2: `a` is not a number", "header"]);
    for word in ["", " ", "NA", "n/a", "NaN", "-nan", "Null", "NONE", "?"] {
        says(load(&format!("a,b\n1,2\n\n{word},4\n"), Target::Last), &["a.csv, line 4, column a: ", "fill"]);
        says(load(&format!("a,b\nx,2\n\"{word}\",4\n"), Target::Last), &["a.csv, line 3, column a: ", "fill"]);
    }
    for word in ["inf", "-Infinity", "1e39"] {
        says(load(&format!("a,b\n1,2\n2,{word}\n"), Target::Last), &["line 3, column b: ", "infinite"]);
    }
    let rows: String = (0..101).map(|i| format!("name{i},{}\n", i % 2)).collect();
    says(load(&format!("a,b\n{rows}"), Target::Last), &["the column `a` has 101 different", "remove this column"]);
    let hundred: String = (0..200).map(|i| format!("name{},{}\n", i % 100, i % 2)).collect();
    assert_eq!(load(&format!("a,b\n{hundred}"), Target::Last).unwrap().schema().width(), 100);
    // More where each is common, but not that many.
    let rows = |n: usize, count: usize| (0..count).map(|i| format!("name{},{}\n", i % n, i % 2)).collect::<String>();
    assert_eq!(load(&format!("a,b\n{}", rows(101, 1010)), Target::Last).unwrap().schema().width(), 101);
    says(load(&format!("a,b\n{}", rows(101, 1009)), Target::Last), &["101 different cells in 1009 rows"]);
    assert_eq!(load(&format!("a,b\n{}", rows(300, 3000)), Target::Last).unwrap().schema().width(), 300);
    says(load(&format!("a,b\n{}", rows(301, 9000)), Target::Last), &["301 different cells in 9000 rows"]);
    says(load(&format!("b,a\n{}", "1,x\n".repeat(3)), Target::Class("a")), &["only one class"]);
    let rows: String = (0..30).map(|i| format!("1,name{i}\n")).collect();
    says(
        load(&format!("a,b\n{rows}"), Target::Last),
        &["the column `b` has 30 different cells", "name another target"],
    );
}

#[test]
fn columns_are_found_by_name() {
    let schema = Schema::infer(&table("a,kind,b\n1,x,2\n3,y,4\n"), Target::Column("kind")).unwrap();
    let later = table("note,b,kind,a\n?,20,y,10\n,40,x,30\n");
    let data = Dataset::from_table(&later, &schema).unwrap();
    assert_eq!(data.to_matrix(), Matrix::from_rows(&[[10.0, 20.0], [30.0, 40.0]]));
    assert_eq!(data.labels().unwrap(), [1, 0]);
    assert_eq!(schema.features(&table("b,a\n2,1\n")).unwrap(), Matrix::from_rows(&[[1.0, 2.0]]));
    says(Dataset::from_table(&table("b,a\n2,1\n"), &schema), &["a.csv: lacks the columns `kind`; it has `b`, `a`"]);
    says(schema.features(&table("kind,b\nx,1\n")), &["lacks the columns `a`"]);
    // Another table that happens to have three columns.
    says(schema.features(&table("u,v,w\n1,2,3\n")), &["lacks the columns `a`, `b`"]);
}

#[test]
fn columns_are_found_by_position() {
    let whole = Matrix::from_rows(&[[1.0, 2.0], [3.0, 4.0]]);
    for text in ["x,1,2\ny,3,4\n", "kind,a,b\nx,1,2\ny,3,4\n"] {
        let schema = Schema::infer(&table(text), Target::Column("1")).unwrap();
        let data = Dataset::from_table(&table("y,1,2\nx,3,4\n"), &schema).unwrap();
        assert_eq!((data.to_matrix(), data.labels().unwrap()), (whole.clone(), &[1, 0][..]));
        assert_eq!(schema.features(&table("1,2\n3,4\n")).unwrap(), whole);
        assert_eq!(schema.features(&table("?,1,2\n?,3,4\n")).unwrap(), whole);
        says(Dataset::from_table(&table("1,2\n3,4\n"), &schema), &["has 2 columns, where 3 were expected: "]);
        says(schema.features(&table("1,2,3,4\n")), &["has 4 columns, where 3 were expected, or 2 without"]);
    }
    let schema = Schema::infer(&table("x,1,2\ny,3,4\n"), Target::Column("1")).unwrap();
    assert_eq!(schema.features(&table("u,v,w\nx,1,2\ny,3,4\n")).unwrap(), whole);
    let schema = Schema::infer(&table("red,1\nblue,2\n"), Target::Last).unwrap();
    says(schema.features(&table("red\nblue\n")), &["data where a header was expected"]);
}

#[test]
fn unknown_cells() {
    let schema = Schema::infer(&table("a,colour,kind\n1,red,x\n2,blue,y\n"), Target::Last).unwrap();
    let read = |row: &str| Dataset::from_table(&table(&format!("a,colour,kind\n1,red,x\n{row}\n")), &schema);
    says(read("1,green,x"), &["a.csv, line 3, column colour: `green` is not a known category", "`blue`, `red`"]);
    says(read("1,red,z"), &["a.csv, line 3, column kind: `z` is not a known class", "`x`, `y`"]);
    says(read("one,red,x"), &["a.csv, line 3, column a: `one` is not a number"]);
    says(read(",red,x"), &["line 3, column a: is empty"]);
    says(read("1,NA,x"), &["line 3, column colour: `NA` is a missing value"]);
    says(read("1,red,"), &["line 3, column kind: is empty"]);
    says(read("1e40,red,x"), &["line 3, column a: `1e40` is infinite"]);
    let schema = Schema::infer(&table("a,kind\n1,1\n2,2.0\n"), Target::Class("kind")).unwrap();
    let data = Dataset::from_table(&table("a,kind\n1,2\n2,1.00\n"), &schema).unwrap();
    assert_eq!(data.labels().unwrap(), [1, 0]);
}

#[test]
fn schemas_of_parts() {
    let output = || Output::Values { names: vec!["y".to_string()] };
    assert!(Schema::numbers(["x"], output()).is_ok());
    says(Schema::numbers(["x", "y"], output()), &["two columns are called `y`"]);
    says(Schema::numbers([""; 0], output()), &["at least one feature"]);
    let column = Schema::numbers(["x"], output()).unwrap().columns().to_vec();
    for positions in [vec![], vec![2], vec![usize::MAX], vec![0, 1]] {
        says(Schema::from_parts(column.clone(), output(), positions), &["targets at"]);
    }
}

// Datasets

#[test]
fn iris() {
    let data = Dataset::from_csv("tests/data/iris.csv", Target::Class("species")).unwrap();
    assert_eq!((data.len(), data.features().columns()), (150, 4));
    assert_eq!(data.class_names(), ["setosa", "versicolor", "virginica"]);
    let counts = [0, 1, 2].map(|class| data.labels().unwrap().iter().filter(|&&label| label == class).count());
    assert_eq!(counts, [50, 50, 50]);
    assert_eq!(data.to_matrix().row(0), [5.1, 3.5, 1.4, 0.2]);
    // The means are well known.
    let scaler = Scaler::standard(data.features());
    for (offset, mean) in scaler.offset().iter().zip([5.843, 3.057, 3.758, 1.199]) {
        assert!((offset - mean).abs() < 0.001, "{offset} {mean}");
    }
}

#[test]
fn parts_that_do_not_fit() {
    let x = || Matrix::zeros(2, 1);
    says(Dataset::from_classes(x(), vec![0], ["a", "b"]), &["2 rows of features and 1 of targets"]);
    says(Dataset::from_classes(x(), vec![0, 2], ["a", "b"]), &["the label 2, where there are 2 classes"]);
    says(Dataset::from_classes(x(), vec![0, 0], ["a"]), &["only one class"]);
    says(Dataset::from_classes(x(), vec![0, 1], ["a", "a"]), &["two classes are called `a`"]);
    says(Dataset::from_values(Matrix::filled(2, 3, f32::NAN), x()), &["feature 0 of example 0", "NaN"]);
    says(Dataset::from_values(x(), Matrix::from_rows(&[[0.0], [f32::INFINITY]])), &["target 0 of example 1", "inf"]);
    says(Dataset::from_values(Matrix::zeros(3, 1), x()), &["3 rows of features and 2 of targets"]);
    says(Features::bytes(2, vec![0; 5]), &["5 bytes", "2 features"]);
    says(Features::bytes(0, vec![]), &["0 features"]);
}

#[test]
fn split_is_seeded_and_loses_nothing() {
    let x = Matrix::from_fn(50, 1, |row, _| row as f32);
    let data = Dataset::from_values(x.clone(), x).unwrap();
    let (train, test) = data.split(0.8, 7);
    assert_eq!((train.len(), test.len()), (40, 10));
    let mut all = [train.to_matrix().into_vec(), test.to_matrix().into_vec()].concat();
    assert!(!all.is_sorted());
    all.sort_by(f32::total_cmp);
    assert_eq!(all, data.to_matrix().into_vec());
    // Features and targets stay together.
    assert_eq!(train.targets(), &Targets::Values(train.to_matrix()));
    assert_eq!(data.split(0.8, 7), (train.clone(), test));
    assert_ne!(data.split(0.8, 8).0, train);
    for (rows, share, sizes) in [(2, 0.99, (1, 1)), (2, 0.01, (1, 1)), (1, 0.5, (1, 0)), (0, 0.5, (0, 0))] {
        let (first, second) = data.select(&(0..rows).collect::<Vec<_>>()).split(share, 0);
        assert_eq!((first.len(), second.len()), sizes);
    }
}

#[test]
#[should_panic(expected = "a share of 1 is not between 0 and 1")]
fn split_by_nonsense() {
    generate::xor().split(1.0, 0);
}

#[test]
fn targets_of_a_batch() {
    let mut y = Matrix::zeros(0, 0);
    let three = Dataset::from_classes(Matrix::zeros(3, 1), vec![2, 0, 1], ["a", "b", "c"]).unwrap();
    three.gather_targets(&[0, 2], 3, &mut y);
    assert_eq!(y, Matrix::from_rows(&[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]));
    let two = generate::xor();
    two.gather_targets(&[0, 1], 2, &mut y);
    assert_eq!(y, Matrix::from_rows(&[[1.0, 0.0], [0.0, 1.0]]));
    two.gather_targets(&[0, 1, 2, 3], 1, &mut y);
    assert_eq!(y, Matrix::from_rows(&[[0.0], [1.0], [1.0], [0.0]]));
    let values = Dataset::from_values(Matrix::zeros(2, 1), Matrix::from_rows(&[[1.0, 2.0], [3.0, 4.0]])).unwrap();
    values.gather_targets(&[1, 1], 2, &mut y);
    assert_eq!(y, Matrix::from_rows(&[[3.0, 4.0], [3.0, 4.0]]));
}

// Scaling

/// The digits as bytes, and the same as floats.
fn twins() -> (Dataset, Dataset) {
    let bytes = generate::digits();
    assert!(matches!(bytes.features(), Features::Bytes { .. }));
    let floats = Dataset::new(bytes.to_matrix(), bytes.targets().clone(), bytes.schema().clone()).unwrap();
    (bytes, floats)
}

#[test]
fn bytes_and_floats_have_the_same_bits() {
    let (mut bytes, mut floats) = twins();
    let scaler = Scaler::standard(bytes.features());
    assert_eq!(scaler, Scaler::standard(floats.features()));
    assert_eq!(Scaler::min_max(bytes.features()), Scaler::min_max(floats.features()));
    bytes.scale(&scaler);
    floats.scale(&scaler);
    assert!(bytes.to_matrix() == floats.to_matrix());
    let rows = [3, 1796, 3, 0];
    let (mut x, mut of_floats) = (Matrix::zeros(9, 9), Matrix::zeros(0, 0));
    bytes.gather(&rows, &mut x);
    floats.gather(&rows, &mut of_floats);
    assert_eq!(x, bytes.to_matrix().select_rows(&rows));
    assert_eq!(x, of_floats);
    assert_eq!(bytes.select(&rows).to_matrix(), x);
    // Later batches find their memory in place.
    let memory = x.as_slice().as_ptr();
    bytes.gather(&[5, 6, 7], &mut x);
    bytes.gather(&[5, 6, 7, 8], &mut x);
    assert_eq!(x.as_slice().as_ptr(), memory);
}

#[test]
fn scalers_of_bytes_compose() {
    let (mut bytes, mut floats) = twins();
    for scaler in [Scaler::divide_by(64, 16.0), Scaler::from_parts(vec![0.25; 64], vec![3.0; 64]).unwrap()] {
        bytes.scale(&scaler);
        floats = scaler.apply(&floats);
    }
    // 16 / 16 = 1, (1 - 0.25) 3 = 2.25
    let (x, y) = (bytes.to_matrix(), floats.to_matrix());
    assert!(x.as_slice().contains(&2.25));
    assert!(x.as_slice().iter().zip(y.as_slice()).all(|(x, y)| (x - y).abs() < 1e-6));
}

#[test]
fn scaling_is_found_on_the_training_data_only() {
    // Mean 3 and population deviation 2; the last feature is constant.
    let x = Matrix::from_rows(&[[1.0, -10.0, 0.1], [5.0, 10.0, 0.1], [1.0, 0.0, 0.1], [5.0, 0.0, 0.1]]);
    let train = Dataset::from_values(x, Matrix::zeros(4, 1)).unwrap();
    let scaler = Scaler::standard(train.features());
    assert_eq!(scaler.offset(), [3.0, 0.0, 0.1]);
    assert_eq!((scaler.factor()[0], scaler.factor()[2]), (0.5, 1.0));
    assert!((scaler.factor()[1] - 1.0 / 50f32.sqrt()).abs() < 1e-7);
    let test = Dataset::from_values(Matrix::from_rows(&[[7.0, 0.0, 1.1]]), Matrix::zeros(1, 1)).unwrap();
    assert_eq!(scaler.apply(&test).to_matrix(), Matrix::from_rows(&[[2.0, 0.0, 1.0]]));
    let scaler = Scaler::min_max(train.features());
    assert_eq!(scaler.apply(&train).to_matrix().row(0), [0.0, 0.0, 0.0]);
    assert_eq!(scaler.apply(&train).to_matrix().row(1), [1.0, 1.0, 0.0]);
    let mut back = train.to_matrix();
    scaler.transform(&mut back);
    scaler.invert(&mut back);
    assert_eq!(back, train.to_matrix());
}

#[test]
fn a_large_mean_and_a_small_spread() {
    let x = Matrix::from_rows(&[[1e6], [1e6 + 1.0], [1e6 + 2.0], [1e6 + 1.0]]);
    let scaler = Scaler::standard_of(&x);
    assert_eq!(scaler.offset(), [1e6 + 1.0]);
    assert!((scaler.factor()[0] - 2f32.sqrt()).abs() < 1e-6);
    assert!(Scaler::standard_of(&Matrix::filled(1000, 1, 0.1)).factor() == [1.0]);
    assert_eq!(Scaler::standard_of(&Matrix::zeros(0, 2)), Scaler::identity(2));
}

#[test]
fn targets_are_scaled_too() {
    let mut data = generate::sums(500, 1);
    let before = data.values().unwrap().clone();
    let scaler = Scaler::standard_of(&before);
    data.scale_targets(&scaler);
    let mut after = data.values().unwrap().clone();
    let mean = |column: usize| after.iter_rows().map(|row| row[column]).sum::<f32>() / 500.0;
    let square = |column: usize| after.iter_rows().map(|row| row[column].powi(2)).sum::<f32>() / 500.0;
    for column in 0..3 {
        assert!(mean(column).abs() < 1e-4 && (square(column) - 1.0).abs() < 1e-4);
    }
    scaler.invert(&mut after);
    assert!(after.as_slice().iter().zip(before.as_slice()).all(|(a, b)| (a - b).abs() < 1e-3));
}

#[test]
fn scalers_of_parts() {
    says(Scaler::from_parts(vec![0.0], vec![]), &["1 offsets and 0 factors"]);
    for (offset, factor) in [(f32::NAN, 1.0), (0.0, 0.0), (0.0, f32::INFINITY)] {
        says(Scaler::from_parts(vec![0.0, offset], vec![1.0, factor]), &["in column 1"]);
    }
}

// IDX

fn images(count: u8) -> Vec<u8> {
    let pixels = (0..count * 2).map(|pixel| pixel * 10);
    [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 1, 0, 0, 0, 2].into_iter().chain(pixels).collect()
}

fn labels(labels: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, 1, 0, 0, 0, labels.len() as u8], labels].concat()
}

#[test]
fn a_folder_of_images() {
    let folder = Folder::new("idx");
    folder.write("train-images-idx3-ubyte", &images(3));
    folder.write("train-labels-idx1-ubyte", &labels(&[0, 2, 1]));
    folder.write("t10k-images.idx3-ubyte", &images(2));
    folder.write("t10k-labels.idx1-ubyte", &labels(&[1, 0]));
    let (train, test) = Dataset::from_idx_folder(&folder.0).unwrap();
    assert_eq!(train.to_matrix(), Matrix::from_rows(&[[0.0, 10.0], [20.0, 30.0], [40.0, 50.0]]));
    assert_eq!((train.labels().unwrap(), test.labels().unwrap()), (&[0, 2, 1][..], &[1, 0][..]));
    assert_eq!(train.schema(), test.schema());
    assert_eq!(test.class_names(), ["0", "1", "2"]);
    assert_eq!(train.schema().input_names(), ["pixel0", "pixel1"]);

    folder.write("t10k-images.idx3-ubyte", &[&images(2)[..11], &[2, 0, 0, 0, 1, 1, 2, 3, 4]].concat());
    says(Dataset::from_idx_folder(&folder.0), &["t10k-images.idx3-ubyte: has images of [2, 1]", "of [1, 2]"]);
    fs::remove_file(folder.0.join("t10k-images.idx3-ubyte")).unwrap();
    says(Dataset::from_idx_folder(&folder.0), &["t10k-images-idx3-ubyte is not there"]);
    let packed = folder.write("t10k-images-idx3-ubyte.gz", b"\x1F\x8B");
    says(Dataset::from_idx_folder(&folder.0), &[&format!("`gunzip -k {}`", packed.display())]);
}

/// The test part alone, read for a model that is there already.
#[test]
fn test_images_for_a_schema() {
    let folder = Folder::new("idx-test");
    let schema = |names: &[&str], classes: &[&str]| {
        let classes = classes.iter().map(|class| class.to_string()).collect();
        Schema::numbers(names.to_vec(), Output::Classes { name: "label".to_string(), classes }).unwrap()
    };
    let two = schema(&["pixel0", "pixel1"], &["0", "1", "2"]);
    folder.write("t10k-images-idx3-ubyte", &images(2));
    let x = Matrix::from_rows(&[[0.0, 10.0], [20.0, 30.0]]);
    // Images are enough to predict.
    let features = Features::from_idx_test(&folder.0, &two).unwrap();
    says(Dataset::from_idx_test(&folder.0, &two), &["t10k-labels-idx1-ubyte"]);
    folder.write("t10k-labels-idx1-ubyte", &labels(&[1, 0]));
    let data = Dataset::from_idx_test(&folder.0, &two).unwrap();
    assert_eq!((data.to_matrix(), data.labels().unwrap(), data.schema()), (x.clone(), &[1, 0][..], &two));
    assert!(matches!(data.features(), Features::Bytes { .. }) && data.features() == &features);
    // Labels are names.
    let named = schema(&["a", "b"], &["1", "7", "0"]);
    assert_eq!(Dataset::from_idx_test(&folder.0, &named).unwrap().labels().unwrap(), [0, 2]);
    let file = "t10k-labels-idx1-ubyte: the label of image 2, 0, is not a known class: there are `1`, `7`";
    says(Dataset::from_idx_test(&folder.0, &schema(&["a", "b"], &["1", "7"])), &[file]);
    let wide = schema(&["a", "b", "c"], &["0", "1"]);
    let message = "t10k-images-idx3-ubyte: has images of 1 × 2, 2 features, where the model has 3 inputs";
    says(Dataset::from_idx_test(&folder.0, &wide), &[message]);
    says(Features::from_idx_test(&folder.0, &wide), &[message]);
    let values = Schema::numbers(["a", "b"], Output::Values { names: vec!["y".to_string()] }).unwrap();
    says(Dataset::from_idx_test(&folder.0, &values), &["predicts values"]);
    folder.write("t10k-labels-idx1-ubyte", &labels(&[1, 0, 1]));
    says(Dataset::from_idx_test(&folder.0, &two), &["has 3 labels for the 2 images"]);
}

#[test]
fn schemas_that_differ() {
    let schema = |text: &str, target| Schema::infer(&table(text), target).unwrap();
    let abc = schema("size,colour,kind\n1,red,a\n2,blue,b\n3,red,c\n", Target::Last);
    let check = |other: &Schema, parts: &[&str]| {
        says(abc.check(other), parts);
        assert!(other.check(&abc).is_err());
    };
    abc.check(&abc.clone()).unwrap();
    let of = |text: &str| schema(text, Target::Last);
    // The name of the column of classes, and of any column without a name, does not matter.
    abc.check(&of("size,colour,class\n1,red,a\n2,blue,b\n3,red,c\n")).unwrap();
    let unnamed = of("1,red,a\n2,blue,b\n3,red,c\n");
    abc.check(&unnamed).unwrap();
    unnamed.check(&abc).unwrap();
    check(
        &of("size,colour,kind\n1,red,b\n2,blue,c\n3,red,d\n"),
        &["the classes differ", "`a`, `b`, `c`", "`b`, `c`, `d`"],
    );
    check(&of("size,colour,kind\n1,red,a\n2,blue,b\n"), &["the classes differ"]);
    check(&of("size,colour,kind\n1,red,a\n2,green,b\n3,red,c\n"), &["categories of the feature `colour`", "`green`"]);
    check(&of("size,hue,kind\n1,red,a\n2,blue,b\n3,red,c\n"), &["feature 2 is `colour` for the model, `hue`"]);
    check(&of("size,colour,kind\n1,1,a\n2,2,b\n3,1,c\n"), &["`colour`", "a number in the data"]);
    check(&of("size,kind\n1,a\n2,b\n3,c\n"), &["takes 2 features, the data has 1"]);
    check(&of("size,colour,kind\n1,red,0.5\n2,blue,2.5\n3,red,4\n"), &["predicts classes, the data has values"]);
    let sums = schema("x,u,v\n1,2,3\n", Target::Values(&["u", "v"]));
    says(sums.check(&schema("x,v,u\n1,2,3\n", Target::Values(&["v", "u"]))), &["target 1 is `u` for the model, `v`"]);
    says(sums.check(&schema("x,v\n1,2\n", Target::Values(&["v"]))), &["predicts 2 values, the data has 1"]);
    sums.check(&schema("1,2,3\n", Target::Values(&["2", "3"]))).unwrap();
}

#[test]
fn a_file_read_as_another() {
    let folder = Folder::new("as");
    let (train, test) = (folder.write("a.csv", b"x,kind\n1,a\n2,b\n3,c\n"), folder.write("b.csv", b"kind,x\nc,5\n"));
    let train = Dataset::from_csv(train, Target::Last).unwrap();
    let test = Dataset::from_csv_as(test, train.schema()).unwrap();
    assert_eq!((test.labels().unwrap(), test.schema()), (&[2][..], train.schema()));
    assert_eq!(test.to_matrix(), Matrix::from_rows(&[[5.0]]));
    says(Dataset::from_csv_as(folder.0.join("c.csv"), train.schema()), &["c.csv"]);
}

#[test]
fn damaged_images() {
    let folder = Folder::new("damage");
    let good_labels = folder.write("labels", &labels(&[0, 1]));
    let good_images = folder.write("images", &images(2));
    assert!(Dataset::from_idx(&good_images, &good_labels).is_ok());
    let with_images = |content: &[u8], parts: &[&str]| {
        says(Dataset::from_idx(folder.write("bad", content), &good_labels), &[&["bad: "], parts].concat());
    };
    with_images(b"", &["is not an IDX file of images"]);
    with_images(b"a,b\n1,2\n", &["is not an IDX file of images"]);
    with_images(&images(2)[..9], &["is cut off within its header: 9 bytes of 16"]);
    with_images(&images(2)[..19], &["is cut off: its header says [2, 1, 2], 4 bytes, and 3 follow"]);
    with_images(&[&images(2)[..], &[0]].concat(), &["is longer than it should be", "4 bytes, and 5 follow"]);
    with_images(&[&[0, 0, 8, 3], &[0xFF; 12][..]].concat(), &["is cut off"]);
    // The sizes 2³² - 1 and 0: nothing in it, whatever is promised.
    with_images(&[&[0, 0, 8, 3], &[0xFF; 8][..], &[0; 4]].concat(), &["holds no images"]);
    with_images(&images(0), &["holds no images"]);
    with_images(&labels(&[1, 2]), &["of 1 dimensions, where images have 3", "swapped"]);
    with_images(&[&[0, 0, 0x0D, 3], &[0; 20][..]].concat(), &["other numbers than unsigned bytes"]);
    with_images(b"\x1F\x8B\x08\0", &["is compressed", "gunzip -k "]);
    says(
        Dataset::from_idx(folder.write("three", &images(3)), &good_labels),
        &["labels: has 2 labels for the 3 images"],
    );
    let wide = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0x10, 0, 1, 0, 0, 0, 1][..], &vec![0; 2 * 0x10_0001]].concat();
    with_images(&wide, &["has images of 1048577 pixels"]);
    let same = folder.write("same", &labels(&[0, 0]));
    says(Dataset::from_idx(&good_images, same), &["same: ", "only one class"]);
    says(Dataset::from_idx(folder.0.join("none"), &good_labels), &["none: "]);
    folder.write("packed.gz", b"\x1F\x8B");
    let packed = folder.0.join("packed");
    says(Dataset::from_idx(&packed, &good_labels), &[&format!("`gunzip -k {}.gz`", packed.display())]);
}

// Generated problems

fn points(data: &Dataset) -> Vec<(f64, f64, u32)> {
    let x = data.to_matrix();
    let labels = data.labels().unwrap();
    x.iter_rows().zip(labels).map(|(x, &label)| (f64::from(x[0]), f64::from(x[1]), label)).collect()
}

#[test]
fn moons() {
    for (x, y, label) in points(&generate::moons(201, 0.0, 1)) {
        let (radius, outside) = match label {
            0 => (x.hypot(y), y < -1e-6),
            _ => ((x - 1.0).hypot(y - 0.5), y > 0.5 + 1e-6),
        };
        assert!((radius - 1.0).abs() < 1e-6 && !outside, "{x} {y} {label}");
    }
    let ends = points(&generate::moons(10, 0.0, 1));
    let near = |(x, y, _): (f64, f64, u32), to: (f64, f64)| (x - to.0).abs() < 1e-6 && (y - to.1).abs() < 1e-6;
    assert!(near(ends[0], (1.0, 0.0)) && near(ends[4], (0.0, 1.0)) && near(ends[8], (-1.0, 0.0)));
    assert!(near(ends[1], (0.0, 0.5)) && near(ends[5], (1.0, -0.5)) && near(ends[9], (2.0, 0.5)));
    // Both half circles together have the means ½ and ¼ and, for x, the variance ½ + ¼.
    let noisy = points(&generate::moons(20_000, 0.2, 1));
    let mean = |f: &dyn Fn(f64, f64) -> f64| noisy.iter().map(|&(x, y, _)| f(x, y)).sum::<f64>() / 20_000.0;
    assert!((mean(&|x, _| x) - 0.5).abs() < 0.01 && (mean(&|_, y| y) - 0.25).abs() < 0.01);
    assert!((mean(&|x, _| (x - 0.5).powi(2)) - (0.5 + 0.25 + 0.04)).abs() < 0.01);
    assert_eq!(noisy.iter().filter(|point| point.2 == 1).count(), 10_000);
}

#[test]
fn labels_are_what_they_should_be() {
    let circles = points(&generate::circles(10_000, 0.0, 3));
    assert!(circles.iter().all(|&(x, y, label)| (x * x + y * y < 2.0 / std::f64::consts::PI) == (label == 1)));
    assert!(circles.iter().all(|&(x, y, _)| x.abs() <= 1.0 && y.abs() <= 1.0));
    let inside = circles.iter().filter(|point| point.2 == 1).count();
    assert!((4_800..5_200).contains(&inside), "{inside}");

    let linear = points(&generate::linear(10_000, 3));
    // Clear of the line by more than single precision blurs it.
    let clear = |x: f64, y: f64| (x - 1.5 * y - 0.4).abs() > 1e-5;
    assert!(linear.iter().all(|&(x, y, label)| !clear(x, y) || (x - 1.5 * y > 0.4) == (label == 1)));

    let spirals = points(&generate::spirals(100, 0.0, 3));
    for pair in spirals.chunks(2) {
        assert!((pair[0].0 + pair[1].0).abs() < 1e-6 && (pair[0].1 + pair[1].1).abs() < 1e-6);
    }
    // One and a half turns end on the other side.
    assert!((spirals[98].0 + 1.0).abs() < 1e-6 && spirals[98].2 == 0);

    let blobs = points(&generate::blobs(9_000, 3, 0.5, 3));
    for class in 0..3 {
        let of: Vec<f64> = blobs.iter().filter(|point| point.2 == class).map(|point| point.0).collect();
        let mean = of.iter().sum::<f64>() / of.len() as f64;
        let variance = of.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / of.len() as f64;
        assert!(of.len() == 3_000 && (variance - 0.25).abs() < 0.03, "{variance}");
    }

    let sums = generate::sums(1_000, 3);
    assert_eq!(sums.schema().input_names(), ["a", "b"]);
    assert_eq!(sums.schema().output().names(), ["sum", "difference", "distance"]);
    let y = sums.values().unwrap();
    for (x, y) in sums.to_matrix().iter_rows().zip(y.iter_rows()) {
        assert!(x.iter().all(|x| (0.0..=100.0).contains(x)));
        let expected = [x[0] + x[1], x[0] - x[1], (x[0] - x[1]).abs()];
        assert!(y.iter().zip(expected).all(|(y, expected)| (y - expected).abs() < 2e-5));
    }

    let xor = points(&generate::xor());
    assert!(generate::xor().values().is_none());
    assert!(xor.len() == 4 && xor.iter().all(|&(x, y, label)| (x != y) == (label == 1)));
}

#[test]
fn a_seed_is_a_problem() {
    let problems: [fn(u64) -> Dataset; 6] = [
        |seed| generate::moons(50, 0.1, seed),
        |seed| generate::circles(50, 0.1, seed),
        |seed| generate::blobs(50, 4, 1.0, seed),
        |seed| generate::spirals(50, 0.1, seed),
        |seed| generate::linear(50, seed),
        |seed| generate::sums(50, seed),
    ];
    for problem in problems {
        assert_eq!(problem(1), problem(1));
        assert_ne!(problem(1), problem(2));
        assert_eq!(problem(1).len(), 50);
    }
    assert!(generate::moons(0, 0.1, 1).is_empty());
    assert_eq!(generate::moons(1, 0.1, 1).len(), 1);
}

#[test]
fn digits() {
    let digits = generate::digits();
    assert_eq!((digits.len(), digits.features().columns(), digits.class_names().len()), (1797, 64, 10));
    // The counts of the ten classes and the first image, as UCI gives them.
    let count = |class| digits.labels().unwrap().iter().filter(|&&label| label == class).count();
    assert_eq!((0..10).map(count).collect::<Vec<_>>(), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    let x = digits.to_matrix();
    // Sums by another program over the original files.
    let pixels = || x.as_slice().iter().map(|&pixel| pixel as usize);
    assert_eq!(pixels().sum::<usize>(), 561_718);
    assert_eq!(pixels().enumerate().map(|(i, pixel)| (i % 1009 + 1) * pixel).sum::<usize>(), 283_701_122);
    assert_eq!(x.row(0)[..16], [0., 0., 5., 13., 9., 1., 0., 0., 0., 0., 13., 15., 10., 15., 5., 0.]);
    assert!(x.as_slice().iter().all(|pixel| (0.0..=16.0).contains(pixel)) && x.as_slice().contains(&16.0));
}

// Any content

/// Bytes that often look like a table.
fn tablelike() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        ",", ";", "\t", "\n", "\r\n", "\r", "\"", "\"\"", " ", "1", "-2.5", "a", "é", "nan", "inf", "1e99", "\u{FEFF}",
        "\0", "?",
    ]);
    let pieces = prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![pieces, prop::collection::vec(any::<u8>(), 0..60)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_answered(bytes in tablelike(), other in tablelike()) {
        let Ok(table) = Table::parse(bytes, "a.csv") else { return Ok(()) };
        for row in 0..table.rows() {
            prop_assert_eq!(table.cells(row).count(), table.columns());
        }
        for target in [Target::Last, Target::Column("1"), Target::Class("a"), Target::Values(&["1", "2"])] {
            if let Ok(schema) = Schema::infer(&table, target) {
                let data = Dataset::from_table(&table, &schema).expect("a schema reads its own table");
                prop_assert_eq!(data.len(), table.rows());
                if let Ok(other) = Table::parse(other.clone(), "b.csv") {
                    let _ = schema.features(&other);
                    let _ = Dataset::from_table(&other, &schema);
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_read(
        rows in prop::collection::vec(prop::collection::vec("[a-c1,;\t\n\r\"é .-]{0,6}", 3), 1..6),
        separator in prop::sample::select(vec![",", ";", "\t"]),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        last in any::<bool>(),
    ) {
        // An empty cell in the first record: no header.
        let rows: Vec<Vec<String>> =
            [vec![String::new(); 3]].into_iter().chain(rows).map(|row| row.into_iter().collect()).collect();
        let quote = |cell: &String| {
            let plain = cell.chars().all(|c| c.is_ascii_alphanumeric()) && !cell.is_empty();
            if plain { cell.clone() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
        };
        let lines: Vec<String> =
            rows.iter().map(|row| row.iter().map(quote).collect::<Vec<_>>().join(separator)).collect();
        let text = lines.join(end) + if last { end } else { "" };
        let table = table(&text);
        prop_assert!(table.header().is_none());
        prop_assert_eq!(cells(&table), rows);
    }
}
