//! Schemas: inferred, applied to other tables, and compared.

use palmnet::data::{ColumnKind, Missing, Reading, Schema, TargetSchema, Targets, Unknown};
use palmnet::{Dataset, Matrix, Table, Target};

use super::{load, table};
use crate::support::{Folder, says};

#[test]
fn categories_are_one_hot_encoded() {
    let data = load("size,color,age,price\n1,red,9,5.5\n2,blue,8,6\n4,red,7,7\n", Target::Last).unwrap();
    assert_eq!(data.schema().input_names(), ["size", "color=blue", "color=red", "age"]);
    assert_eq!(data.schema().width(), 4);
    assert_eq!(data.schema().columns()[1].kind, ColumnKind::Categories(vec!["blue".to_string(), "red".to_string()]));
    let expected = Matrix::from_rows(&[[1.0, 0.0, 1.0, 9.0], [2.0, 1.0, 0.0, 8.0], [4.0, 0.0, 1.0, 7.0]]);
    assert_eq!(data.to_matrix(), expected);
    assert_eq!(data.targets(), &Targets::Values(Matrix::from_rows(&[[5.5], [6.0], [7.0]])));
}

#[test]
fn target_kind_is_inferred_from_content() {
    let classes = |cells: &[&str], target| {
        let rows: String = cells.iter().map(|cell| format!("1,{cell}\n")).collect();
        load(&format!("x,y\n{rows}"), target).unwrap().class_names().to_vec()
    };
    // Two whole numbers; many rows for each; too few rows for each; not whole; text.
    assert_eq!(classes(&["1", "0"], Target::Last), ["0", "1"]);
    // A class is its text: `1.0` is not `1`, nor `007` the same as `7`.
    let ten_and_nine_and_one = ["10", "9", "1.0", "1", "9"].repeat(3);
    assert_eq!(classes(&ten_and_nine_and_one, Target::Last), ["1", "1.0", "9", "10"]);
    assert_eq!(classes(&["7", "007", "08", "7"].repeat(30), Target::Last), ["007", "7", "08"]);
    let above = ["9007199254740993", "9007199254740992"];
    assert_eq!(classes(&above.repeat(2), Target::Last), ["9007199254740992", "9007199254740993"]);
    assert_eq!(classes(&["10", "9", "1", "1", "9"], Target::Column("y")), [""; 0]);
    assert_eq!(classes(&["0.5", "1"], Target::Last), [""; 0]);
    assert_eq!(classes(&["b", "10", "c", "9"], Target::Last), ["10", "9", "b", "c"]);
    // 20 different numbers with 5 rows each are classes, 21 are not.
    let numbers: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    assert_eq!(classes(&numbers[..20].repeat(5), Target::Last).len(), 20);
    assert_eq!(classes(&numbers.repeat(5), Target::Last).len(), 0);
    // An explicit kind overrides the content.
    assert_eq!(classes(&["0.5", "1", "7"], Target::Class("y")), ["0.5", "1", "7"]);
    assert_eq!(classes(&["1", "0"], Target::Values(&["y"])), [""; 0]);
}

#[test]
fn target_by_name_or_number() {
    let text = "b,a\n1,10\n2,30\n";
    let names = |target| load(text, target).unwrap().schema().target().names().to_vec();
    assert_eq!(names(Target::Values(&["1"])), ["b"]);
    assert_eq!(names(Target::Values(&["a"])), ["a"]);
    let data = load("1,2,3\n4,5,7\n", Target::Values(&["3", "1"])).unwrap();
    assert_eq!(data.targets(), &Targets::Values(Matrix::from_rows(&[[3.0, 1.0], [7.0, 4.0]])));
    assert_eq!(data.to_matrix(), Matrix::from_rows(&[[2.0], [5.0]]));
    assert_eq!(data.schema().target_positions(), [2, 0]);
}

#[test]
fn unusable_columns_are_errors() {
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
}

#[test]
fn decimal_commas_are_read() {
    let column = |text: &str| load(text, Target::Last).unwrap().to_matrix().into_vec();
    assert_eq!(column("a;b\n1,5;2\n3;4\n6;4\n"), [1.5, 3.0, 6.0]);
    let target = load(&format!("b;a\n{}", "1;2,5\n2;3,5\n".repeat(3)), Target::Last).unwrap();
    assert_eq!(target.values().unwrap().as_slice()[..2], [2.5, 3.5]);
    says(load("a\tb\nx\t1\n1\t2\n2,5\t1\n3,5\t1\n", Target::Last), &["a.csv, line 2, column a: `x` is not a number"]);
    assert_eq!(load("a;b\n1;2,5\n2;1,5\n", Target::Class("b")).unwrap().class_names(), ["1,5", "2,5"]);
}

#[test]
fn dates_are_numbers_but_no_targets() {
    let data = load("day,b\n31.12.2024,1\n1.1.2025,2\n2.1.2025,1\n", Target::Last).unwrap();
    assert_eq!(data.schema().input_names(), ["day.year", "day.month", "day.weekday", "day.seconds"]);
    // A Tuesday, a Wednesday and a Thursday; the seconds are those from the middle.
    let days = [[2024.0, 12.0, 1.0, -86400.0], [2025.0, 1.0, 2.0, 0.0], [2025.0, 1.0, 3.0, 86400.0]];
    assert_eq!(data.to_matrix(), Matrix::from_rows(&days));
    says(load("b,day\n1,2024-12-31\n2,2025-01-01\n", Target::Last), &["`day`", "like a date"]);
}

#[test]
fn stray_text_is_an_error() {
    says(load("a,b\n1,2\n1,x\n3,4\n", Target::Last), &["correct the cell", "--missing-values x", "--task classify"]);
    says(load("1,2\n0,1\nx,2\n3,4\n", Target::Last), &["a.csv, line 3, column 1: `x` is not a number"]);
}

#[test]
fn missing_and_infinite_cells_are_errors() {
    for word in ["", " ", "NA", "n/a", "NaN", "-nan", "Null", "NONE", "?"] {
        says(load(&format!("a,b\n1,2\n\n{word},4\n"), Target::Last), &["a.csv, line 4, column a: ", "fill"]);
        says(load(&format!("a,b\nx,2\n\"{word}\",4\n"), Target::Last), &["a.csv, line 3, column a: ", "fill"]);
    }
    for word in ["inf", "-Infinity", "1e39"] {
        says(load(&format!("a,b\n1,2\n2,{word}\n"), Target::Last), &["line 3, column b: ", "infinite"]);
    }
}

#[test]
fn too_many_categories_are_an_identifier() {
    let rows: String = (0..101).map(|i| format!("name{i},{}\n", i % 2)).collect();
    says(load(&format!("a,b\n{rows}"), Target::Last), &["no feature columns", "identifiers", "--categories"]);
    let width = |rows: &str| {
        let text: String = rows.lines().enumerate().map(|(i, line)| format!("{},{line}\n", i % 7)).collect();
        let table = table(&format!("x,a,b\n{text}"));
        let data = Dataset::from_table(table, Target::Last, Missing::Fill).unwrap();
        let noted = data.notes().iter().any(|note| note.contains("the column `a`") && note.contains("left out"));
        assert_eq!(noted, data.schema().width() == 1);
        data.schema().width() - 1
    };
    assert_eq!(width(&rows), 0);
    let hundred: String = (0..200).map(|i| format!("name{},{}\n", i % 100, i % 2)).collect();
    assert_eq!(width(&hundred), 100);
    // Mostly different texts are an identifier if there are more than 20.
    assert_eq!(width(&(0..20).map(|i| format!("name{i},{}\n", i % 2)).collect::<String>()), 20);
    assert_eq!(width(&(0..21).map(|i| format!("name{i},{}\n", i % 2)).collect::<String>()), 0);
    // More than 100 are allowed with two rows for each on average, up to 10,000.
    let rows = |n: usize, count: usize| (0..count).map(|i| format!("name{},{}\n", i % n, i % 2)).collect::<String>();
    assert_eq!([width(&rows(101, 202)), width(&rows(101, 201))], [101, 0]);
    assert_eq!([width(&rows(10_000, 20_000)), width(&rows(10_001, 30_000))], [10_000, 0]);
    says(load(&format!("b,a\n{}", "1,x\n".repeat(3)), Target::Class("a")), &["only one class"]);
    let rows: String = (0..30).map(|i| format!("1,name{i}\n")).collect();
    says(
        load(&format!("a,b\n{rows}"), Target::Last),
        &["the column `b` has 30 different cells", "name another target"],
    );
}

#[test]
fn schema_finds_columns_by_name() {
    let schema = Schema::infer(&table("a,kind,b\n1,x,2\n3,y,4\n"), Target::Column("kind")).unwrap();
    let later = table("note,b,kind,a\n?,20,y,10\n,40,x,30\n");
    let data = Dataset::from_table_as(&later, &schema).unwrap();
    assert_eq!(data.to_matrix(), Matrix::from_rows(&[[10.0, 20.0], [30.0, 40.0]]));
    assert_eq!(data.labels().unwrap(), [1, 0]);
    assert_eq!(schema.features(&table("b,a\n2,1\n")).unwrap(), Matrix::from_rows(&[[1.0, 2.0]]));
    says(Dataset::from_table_as(&table("b,a\n2,1\n"), &schema), &["a.csv: lacks the columns `kind`; it has `b`, `a`"]);
    says(schema.features(&table("kind,b\nx,1\n")), &["lacks the columns `a`"]);
    // A different table that also has three columns.
    says(schema.features(&table("u,v,w\n1,2,3\n")), &["lacks the columns `a`, `b`"]);
}

#[test]
fn schema_finds_columns_by_position() {
    let whole = Matrix::from_rows(&[[1.0, 2.0], [3.0, 4.0]]);
    for text in ["x,1,2\ny,3,4\n", "kind,a,b\nx,1,2\ny,3,4\n"] {
        let schema = Schema::infer(&table(text), Target::Column("1")).unwrap();
        let data = Dataset::from_table_as(&table("y,1,2\nx,3,4\n"), &schema).unwrap();
        assert_eq!((data.to_matrix(), data.labels().unwrap()), (whole.clone(), &[1, 0][..]));
        assert_eq!(schema.features(&table("1,2\n3,4\n")).unwrap(), whole);
        assert_eq!(schema.features(&table("?,1,2\n?,3,4\n")).unwrap(), whole);
        says(Dataset::from_table_as(&table("1,2\n3,4\n"), &schema), &["has 2 columns, where 3 were expected: "]);
        says(schema.features(&table("1,2,3,4\n")), &["has 4 columns, where 3 were expected, or 2 without"]);
    }
    let schema = Schema::infer(&table("x,1,2\ny,3,4\n"), Target::Column("1")).unwrap();
    assert_eq!(schema.features(&table("u,v,w\nx,1,2\ny,3,4\n")).unwrap(), whole);
    let schema = Schema::infer(&table("red,1\nblue,2\n"), Target::Last).unwrap();
    says(schema.features(&table("red\nblue\n")), &["data where a header was expected"]);
}

#[test]
fn unknown_cells_are_errors_but_for_categories() {
    let schema = Schema::infer(&table("a,color,kind\n1,red,x\n2,blue,y\n"), Target::Last).unwrap();
    let read = |row: &str| Dataset::from_table_as(&table(&format!("a,color,kind\n1,red,x\n{row}\n")), &schema);
    let green = read("1,green,x").unwrap();
    assert_eq!(green.to_matrix().row(1), [1.0, 0.0, 0.0]);
    assert!(green.notes()[0].contains("`color` has 1 cell with a category that training did not have, as `green`"));
    let mut strict = Reading::default();
    strict.unknown = Unknown::Error;
    let table_of_green = Table::parse_with("a,color,kind\n1,green,x\n", "a.csv", &strict).unwrap();
    says(
        Dataset::from_table_as(&table_of_green, &schema),
        &["a.csv, line 2, column color: `green` is not a known category", "`blue`, `red`"],
    );
    says(read("1,red,z"), &["a.csv, line 3, column kind: `z` is not a known class", "`x`, `y`"]);
    says(read("one,red,x"), &["a.csv, line 3, column a: `one` is not a number"]);
    says(read(",red,x"), &["line 3, column a: is empty"]);
    says(read("1,NA,x"), &["line 3, column color: `NA` is a missing value"]);
    says(read("1,red,"), &["line 3, column kind: is empty"]);
    says(read("1e40,red,x"), &["line 3, column a: `1e40` is infinite"]);
    // Numbers are compared as numbers if every class is written as programs print numbers.
    let schema = Schema::infer(&table("a,kind\n1,1\n2,2\n"), Target::Class("kind")).unwrap();
    let data = Dataset::from_table_as(&table("a,kind\n1,2\n2,1.00\n"), &schema).unwrap();
    assert_eq!(data.labels().unwrap(), [1, 0]);
    let schema = Schema::infer(&table("a,kind\n1,1\n2,02\n"), Target::Class("kind")).unwrap();
    says(Dataset::from_table_as(&table("a,kind\n1,2\n"), &schema), &["`2` is not a known class"]);
}

#[test]
fn schema_from_parts() {
    let output = || TargetSchema::Values { names: vec!["y".to_string()] };
    assert!(Schema::numbers(["x"], output()).is_ok());
    says(Schema::numbers(["x", "y"], output()), &["two columns are called `y`"]);
    says(Schema::numbers([""; 0], output()), &["at least one feature"]);
    let column = Schema::numbers(["x"], output()).unwrap().columns().to_vec();
    for positions in [vec![], vec![2], vec![usize::MAX], vec![0, 1]] {
        says(Schema::from_parts(column.clone(), output(), positions), &["targets at"]);
    }
}

#[test]
fn schema_mismatches_are_named() {
    let schema = |text: &str, target| Schema::infer(&table(text), target).unwrap();
    let abc = schema("size,color,kind\n1,red,a\n2,blue,b\n3,red,c\n", Target::Last);
    let check = |other: &Schema, parts: &[&str]| {
        says(abc.check(other), parts);
        assert!(other.check(&abc).is_err());
    };
    abc.check(&abc.clone()).unwrap();
    let of = |text: &str| schema(text, Target::Last);
    // The name of the class column does not matter, nor does that of an unnamed column.
    abc.check(&of("size,color,class\n1,red,a\n2,blue,b\n3,red,c\n")).unwrap();
    let unnamed = of("1,red,a\n2,blue,b\n3,red,c\n");
    abc.check(&unnamed).unwrap();
    unnamed.check(&abc).unwrap();
    check(
        &of("size,color,kind\n1,red,b\n2,blue,c\n3,red,d\n"),
        &["the classes differ", "`a`, `b`, `c`", "`b`, `c`, `d`"],
    );
    check(&of("size,color,kind\n1,red,a\n2,blue,b\n"), &["the classes differ"]);
    check(&of("size,color,kind\n1,red,a\n2,green,b\n3,red,c\n"), &["categories of the feature `color`", "`green`"]);
    check(&of("size,hue,kind\n1,red,a\n2,blue,b\n3,red,c\n"), &["feature 2 is `color` for the model, `hue`"]);
    check(&of("size,color,kind\n1,1,a\n2,2,b\n3,1,c\n"), &["`color`", "a number in the data"]);
    check(&of("size,kind\n1,a\n2,b\n3,c\n"), &["takes 2 features, the data has 1"]);
    check(&of("size,color,kind\n1,red,0.5\n2,blue,2.5\n3,red,4\n"), &["predicts classes, the data has values"]);
    let sums = schema("x,u,v\n1,2,3\n", Target::Values(&["u", "v"]));
    says(sums.check(&schema("x,v,u\n1,2,3\n", Target::Values(&["v", "u"]))), &["target 1 is `u` for the model, `v`"]);
    says(sums.check(&schema("x,v\n1,2\n", Target::Values(&["v"]))), &["predicts 2 values, the data has 1"]);
    sums.check(&schema("1,2,3\n", Target::Values(&["2", "3"]))).unwrap();
}

#[test]
fn csv_read_with_the_schema_of_another() {
    let folder = Folder::new();
    let (train, test) = (folder.write("a.csv", b"x,kind\n1,a\n2,b\n3,c\n"), folder.write("b.csv", b"kind,x\nc,5\n"));
    let train = Dataset::from_csv(train, Target::Last).unwrap();
    let test = Dataset::from_csv_as(test, train.schema()).unwrap();
    assert_eq!((test.labels().unwrap(), test.schema()), (&[2][..], train.schema()));
    assert_eq!(test.to_matrix(), Matrix::from_rows(&[[5.0]]));
    says(Dataset::from_csv_as(folder.path("c.csv"), train.schema()), &["c.csv"]);
}
