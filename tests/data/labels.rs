//! Several target columns: labels, numbers, or an error whose remedy can be followed.

use palmnet::data::{Missing, Reading, Schema, TargetSchema, Targets};
use palmnet::{Dataset, Matrix, Table, Target};

use super::{load, table};
use crate::support::says;

/// Two labels of text, one of 0 and 1, one of other numbers, and numbers.
const MIXED: &str = "x,t,u,b,c,y,z\n1,yes,red,0,5,0.5,7\n2,no,red,1,6,1.5,8\n3,no,blue,1,6,2.5,9\n4,yes,blue,0,5,3,7\n";

fn labels(data: &palmnet::Result<Dataset>) -> (Vec<String>, Vec<[String; 2]>, Vec<f32>) {
    let data = data.as_ref().unwrap();
    let (TargetSchema::Labels { names, classes }, Targets::Labels(values)) = (data.schema().target(), data.targets())
    else {
        panic!("{data:?} has labels");
    };
    assert!(data.values().is_none() && data.labels().is_none() && data.class_names().is_empty());
    (names.clone(), classes.clone(), values.as_slice().to_vec())
}

fn pairs(pairs: &[[&str; 2]]) -> Vec<[String; 2]> {
    pairs.iter().map(|pair| pair.map(String::from)).collect()
}

/// Reads as the command does, with what the options say.
fn read(text: &str, target: Target<'_>, set: impl Fn(&mut Reading)) -> palmnet::Result<Dataset> {
    let mut reading = Reading::default();
    set(&mut reading);
    Dataset::from_table(Table::parse_with(text, "a.csv", &reading)?, target, Missing::Fill)
}

#[test]
fn columns_of_two_classes_are_labels() {
    let (names, classes, values) = labels(&load(MIXED, Target::Columns(&["t", "b"])));
    assert_eq!((names, classes), (vec!["t".into(), "b".into()], pairs(&[["no", "yes"], ["0", "1"]])));
    assert_eq!(values, [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    // In the order that they are named in; any two whole numbers are classes.
    let (names, classes, values) = labels(&load(MIXED, Target::Columns(&["c", "u"])));
    assert_eq!((names, classes), (vec!["c".into(), "u".into()], pairs(&[["5", "6"], ["blue", "red"]])));
    assert_eq!(values, [0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    // The class that says yes is the positive one, whatever its letters; a class is its text.
    let text = "x,a,b,c\n1,TRUE,ja,007\n2,false,nein,08\n3,TRUE,nein,007\n";
    let (_, classes, values) = labels(&load(text, Target::Columns(&["a", "b", "c"])));
    assert_eq!(classes, pairs(&[["false", "TRUE"], ["nein", "ja"], ["007", "08"]]));
    assert_eq!(values, [1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    // One column alone, if it is said.
    let (names, ..) = labels(&load(MIXED, Target::Labels(&["t"])));
    assert_eq!(names, ["t"]);
    assert_eq!(load(MIXED, Target::Columns(&["t"])).unwrap().class_names(), ["no", "yes"]);
    // Any two numbers, if it is said.
    let halves = "x,a,b\n1,0.5,1\n2,1.5,0\n3,0.5,1\n";
    assert_eq!(labels(&load(halves, Target::Labels(&["a", "b"]))).1, pairs(&[["0.5", "1.5"], ["0", "1"]]));
}

#[test]
fn columns_of_numbers_are_values() {
    let values = |target| load(MIXED, target).unwrap().values().unwrap().clone();
    let found = values(Target::Columns(&["y", "z"]));
    assert_eq!(found, Matrix::from_rows(&[[0.5, 7.0], [1.5, 8.0], [2.5, 9.0], [3.0, 7.0]]));
    assert_eq!(values(Target::Values(&["b", "c"])).row(1), [1.0, 6.0]);
    // A constant number beside numbers is one.
    let constant = load("x,y,k\n1,2,5\n2,3,5\n3,4,5\n", Target::Columns(&["y", "k"])).unwrap();
    assert_eq!(constant.values().unwrap().row(2), [4.0, 5.0]);
    // Whole numbers that recur, and codes, are classes in a column alone, and numbers beside others.
    let rows: String = (0..60).map(|i| format!("{i},{},{:03},{i}.5\n", i % 3, i % 4)).collect();
    let recurring = format!("x,d,c,y\n{rows}");
    assert_eq!(load(&recurring, Target::Column("d")).unwrap().class_names(), ["0", "1", "2"]);
    let several = load(&recurring, Target::Columns(&["d", "c", "y"])).unwrap();
    assert_eq!(several.values().unwrap().row(4), [1.0, 0.0, 4.5]);
}

#[test]
fn numbers_and_categories_that_are_declared_decide() {
    let values = |data: palmnet::Result<Dataset>| data.unwrap().values().map(|values| values.row(1).to_vec());
    let numbers = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        move |reading: &mut Reading| reading.numbers = names.clone()
    };
    let both = read(MIXED, Target::Columns(&["b", "c"]), numbers(&["b", "c"]));
    assert_eq!(values(both), Some(vec![1.0, 6.0]));
    let beside = read(MIXED, Target::Columns(&["b", "y"]), numbers(&["b"]));
    assert_eq!(values(beside), Some(vec![1.0, 1.5]));
    // So they do for one column.
    assert_eq!(values(read(MIXED, Target::Column("b"), numbers(&["b"]))), Some(vec![1.0]));
    assert_eq!(read(MIXED, Target::Column("b"), |_| {}).unwrap().class_names(), ["0", "1"]);
    let halves = "x,a,b\n1,0.5,1\n2,1.5,0\n3,0.5,1\n";
    let declared = read(halves, Target::Columns(&["a", "b"]), |reading| reading.categories = vec!["a".into()]);
    assert_eq!(labels(&declared).1, pairs(&[["0.5", "1.5"], ["0", "1"]]));
    // Both at once is a contradiction, and so is another task.
    let twice = |reading: &mut Reading| (reading.numbers, reading.categories) = (vec!["b".into()], vec!["b".into()]);
    let both = &["`b` is to be categories and to be numbers", "leave it out of --categories or of --numbers"];
    says(read(MIXED, Target::Columns(&["b", "y"]), twice), both);
    let as_class = &["`b` is to be predicted as a class, and to be numbers", "leave out --task classify"];
    says(read(MIXED, Target::Labels(&["b", "c"]), numbers(&["b"])), as_class);
    let as_value = read(MIXED, Target::Values(&["b", "c"]), |reading| reading.categories = vec!["b".into()]);
    says(as_value, &["`b` is to be predicted as a value, and to be categories", "leave out --task regress"]);
}

/// Each message has the remedy, and following it succeeds.
#[test]
fn mixtures_are_errors_with_a_remedy() {
    let read_without = |targets: &[&str], ignored: &[&str]| {
        let mut table = table(MIXED);
        table.ignore(ignored).unwrap();
        Dataset::from_table(table, Target::Columns(targets), Missing::Fill).unwrap()
    };
    // Labels of text and numbers.
    let remedy = "(--target t,b --ignore y,z) and one for the numbers (--target y,z --ignore t,b)";
    let mixed = load(MIXED, Target::Columns(&["t", "y", "b", "z"]));
    says(mixed, &["a.csv: ", "labels of two classes (`t`, `b`) and numbers (`y`, `z`)", remedy]);
    assert!(matches!(read_without(&["t", "b"], &["y", "z"]).targets(), Targets::Labels(_)));
    assert!(read_without(&["y", "z"], &["t", "b"]).values().is_some());
    // If all are numbers, they may be read so.
    let numeric = load(MIXED, Target::Columns(&["b", "y"]));
    says(numeric, &["labels of two classes (`b`) and numbers (`y`)", "read all as numbers (--numbers b,y,"]);
    read(MIXED, Target::Columns(&["b", "y"]), |reading| reading.numbers = vec!["b".into(), "y".into()]).unwrap();
    assert!(!load(MIXED, Target::Columns(&["t", "y"])).unwrap_err().to_string().contains("--numbers"));
    // More than two classes.
    let text = "x,t,kind\n1,yes,a\n2,no,b\n3,no,c\n4,yes,a\n";
    let many = "the target `kind` has 3 different cells, such as `a`, `b`, `c`, where a label has two";
    for target in [Target::Columns(&["t", "kind"]), Target::Labels(&["t", "kind"])] {
        says(load(text, target), &[many, "(--target kind --ignore t)", "--missing-values"]);
    }
    let marked = read(text, Target::Columns(&["t", "kind"]), |reading| reading.missing_values = Some(vec!["c".into()]));
    assert_eq!(marked.unwrap().len(), 3);
    says(load(MIXED, Target::Labels(&["t", "y"])), &["`y` has 4 different cells", "(--target y --ignore t)"]);
    // One class.
    let text = "x,t,k,y\n1,yes,a,0\n2,no,a,1\n3,no,a,2\n4,no,a,3\n";
    let one = ["the target `k` has only one class, `a`", "(--target t --ignore k)"];
    says(load(text, Target::Columns(&["t", "k"])), &one);
    says(load(text, Target::Columns(&["y", "k"])), &["`k` has only one class", "(--target y --ignore k)"]);
    says(load(text, Target::Labels(&["k"])), &["`k` has only one class", "name another target"]);
    let zeros = "x,l,k\n1,0,0\n2,1,0\n3,1,0\n";
    says(load(zeros, Target::Columns(&["l", "k"])), &["`k` has only one class, `0`", "(--target l --ignore k)"]);
    // Several columns that are the same one.
    says(load(MIXED, Target::Columns(&["b", "4"])), &["two targets are called `b`"]);
}

/// Counting stops early in columns of numbers, also where the first of them are few.
#[test]
fn late_numbers_count() {
    let text = |last: &str| {
        let rows: String = (0..3000).map(|i| format!("{i},{},{}\n", i % 2, i * 7 % 2)).collect();
        format!("x,a,b\n{rows}3000,1,{last}\n")
    };
    assert!(matches!(load(&text("1"), Target::Columns(&["a", "b"])).unwrap().targets(), Targets::Labels(_)));
    says(load(&text("2"), Target::Columns(&["a", "b"])), &["two classes (`a`) and numbers (`b`)"]);
    let rows: String = (0..3000).map(|i| format!("{i},{i},{}\n", i * 7 % 1900)).collect();
    let many = load(&format!("x,a,b\n{rows}"), Target::Labels(&["a", "b"]));
    says(many, &["the target `a` has more than 1000 different cells"]);
}

#[test]
fn missing_labels_are_errors_or_dropped() {
    let text = "x,t,b\n1,yes,0\n2,,1\n3,no,NA\n4,no,1\n,yes,1\n";
    let of = |missing| Dataset::from_table(table(text), Target::Columns(&["t", "b"]), missing);
    says(of(Missing::Error), &["line 3, column t", "is empty"]);
    let filled = of(Missing::Fill).unwrap();
    assert_eq!((filled.len(), filled.missing_count()), (3, 1));
    assert_eq!(of(Missing::Drop).unwrap().len(), 2);
    // In data for a model.
    let (model, mut later) = (filled.schema(), table(text));
    says(Dataset::from_table_as(&later, model), &["line 3, column t", "is empty"]);
    assert_eq!(later.drop_missing(model).unwrap(), 2);
    assert_eq!(Dataset::from_table_as(&later, model).unwrap().len(), 3);
    let other = table("x,t,b\n1,maybe,0\n");
    says(Dataset::from_table_as(&other, model), &["column t", "`maybe` is not a known class: there are `no`, `yes`"]);
}

#[test]
fn labeled_data_is_checked_split_and_compared() {
    let data = read(MIXED, Target::Columns(&["t", "b"]), |_| {}).unwrap();
    let (train, test) = data.split(0.5, 1);
    assert_eq!((train.len(), test.len()), (2, 2));
    assert_eq!(data.select(&[3, 0]).targets(), &Targets::Labels(Matrix::from_rows(&[[1.0, 0.0], [1.0, 0.0]])));
    let mut y = Matrix::default();
    data.gather_targets(&[2, 1], 2, &mut y);
    assert_eq!(y, Matrix::from_rows(&[[0.0, 1.0], [0.0, 1.0]]));
    assert_eq!(format!("{:?}", data.targets()), "Labels(4 × 2)");
    // Other features, the same labels.
    let other = data.with_features(Matrix::zeros(4, 1)).unwrap();
    assert_eq!((other.targets(), other.schema().target().names()), (data.targets(), data.schema().target().names()));
    let schema = |classes: &[[&str; 2]], names: &[&str]| {
        let names = names.iter().map(|name| name.to_string()).collect();
        Schema::numbers(["x"], TargetSchema::Labels { names, classes: pairs(classes) })
    };
    says(schema(&[["a", "a"]], &["t"]), &["two classes of a label are called `a`"]);
    says(schema(&[["a", "b"]], &["t", "u"]), &["2 labels, and classes of 1"]);
    says(schema(&[["a", "b"]; 2], &["t", "t"]), &["two columns are called `t`"]);
    says(schema(&[], &[]), &["at least one feature and one target"]);
    let good = schema(&[["a", "b"], ["0", "1"]], &["t", "u"]).unwrap();
    let dataset = |targets| Dataset::new(Matrix::zeros(1, 1), targets, good.clone());
    dataset(Targets::Labels(Matrix::from_rows(&[[1.0, 0.0]]))).unwrap();
    says(dataset(Targets::Labels(Matrix::from_rows(&[[1.0, 0.5]]))), &["the label 0.5, where 0 or 1 was expected"]);
    says(dataset(Targets::Labels(Matrix::zeros(1, 3))), &["3 targets, where the schema has 2"]);
    says(dataset(Targets::Values(Matrix::zeros(1, 2))), &["the targets are values, the schema has labels"]);
    says(dataset(Targets::Classes(vec![0])), &["the targets are classes, the schema has labels"]);
    // The schemas of a model and of data.
    good.check(&good.clone()).unwrap();
    let differs = |other: Schema, parts: &[&str]| says(good.check(&other), parts);
    differs(
        schema(&[["a", "b"], ["1", "0"]], &["t", "u"]).unwrap(),
        &["classes of label 2 differ", "`0`, `1`", "`1`, `0`"],
    );
    differs(
        schema(&[["a", "b"], ["0", "1"]], &["t", "v"]).unwrap(),
        &["target 2 is `u` for the model, `v` in the data"],
    );
    differs(schema(&[["a", "b"]], &["t"]).unwrap(), &["classes of label 2 differ", "the data none"]);
    let values = Schema::numbers(["x"], TargetSchema::Values { names: vec!["t".into(), "u".into()] }).unwrap();
    differs(values.clone(), &["predicts labels, the data has values"]);
    says(values.check(&good), &["predicts values, the data has labels"]);
}
