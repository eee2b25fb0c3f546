//! Columns about rows: weights, groups that stay together, and times that order.

use palmnet::Activation::*;
use palmnet::data::{Dataset, Missing, Reading, Table};
use palmnet::nn::{Dense, Init};
use palmnet::{Loss, Matrix, Network, Result, Sgd, Target, Trainer};
use proptest::prelude::*;

use crate::support::says;

/// A column of the table: of weights, of groups, or of times.
fn reading(kind: &str, name: &str) -> Reading {
    let mut reading = Reading::default();
    let name = Some(name.to_string());
    match kind {
        "weights" => reading.weights = name,
        "group" => reading.group = name,
        _ => reading.time = name,
    }
    reading
}

fn load(text: &str, reading: &Reading) -> Result<Dataset> {
    Dataset::from_table(Table::parse_with(text, "a.csv", reading)?, Target::Last, Missing::Fill)
}

/// The first feature of every example, which numbers it.
fn rows(data: &Dataset) -> Vec<usize> {
    (0..data.len()).map(|row| data.to_matrix().row(row)[0] as usize).collect()
}

fn sorted(parts: &[&Dataset]) -> Vec<usize> {
    let mut all: Vec<usize> = parts.iter().flat_map(|part| rows(part)).collect();
    all.sort_unstable();
    all
}

fn groups_of(data: &Dataset, of: impl Fn(usize) -> usize) -> Vec<usize> {
    let mut groups: Vec<usize> = rows(data).into_iter().map(of).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

fn in_groups(groups: &[u32]) -> Dataset {
    let column = || Matrix::from_fn(groups.len(), 1, |row, _| row as f32);
    Dataset::from_values(column(), column()).unwrap().with_groups(groups.to_vec()).unwrap()
}

fn at(times: &[f64]) -> Dataset {
    let column = || Matrix::from_fn(times.len(), 1, |row, _| row as f32);
    Dataset::from_values(column(), column()).unwrap().with_times(times.to_vec()).unwrap()
}

#[test]
fn groups_of_a_table_stay_together() {
    // Twelve people with five rows each, in turn.
    let person = |row: usize| row % 12;
    let lines: String = (0..60).map(|row| format!("{row},P{},{}.5\n", person(row), row * 7 % 13)).collect();
    let data = load(&format!("x,who,y\n{lines}"), &reading("group", "who")).unwrap();
    assert_eq!(data.schema().input_names(), ["x"]);
    let expected: Vec<u32> = (0..60).map(|row| person(row) as u32).collect();
    assert_eq!(data.groups().unwrap(), expected);
    let mut tested = Vec::new();
    for seed in 0..10 {
        let (train, test) = data.split(0.8, seed);
        assert_eq!(sorted(&[&train, &test]), (0..60).collect::<Vec<_>>());
        let (inside, outside) = (groups_of(&train, person), groups_of(&test, person));
        assert!(inside.iter().all(|group| !outside.contains(group)), "seed {seed}: {inside:?} {outside:?}");
        // 48 and 12 are no multiples of 5: the nearest are 50 and 10.
        assert_eq!((train.len(), test.len()), (50, 10), "seed {seed}");
        assert_eq!(data.split(0.8, seed), (train, test));
        tested.extend(outside);
    }
    tested.sort_unstable();
    tested.dedup();
    assert!(tested.len() > 6, "any person may be tested on: {tested:?}");
    let pairs: Vec<(Dataset, Dataset)> = data.folds(4, 1).unwrap().collect();
    for (train, test) in &pairs {
        assert_eq!((train.len(), test.len()), (45, 15));
        assert_eq!(groups_of(train, person).len() + groups_of(test, person).len(), 12);
    }
    assert_eq!(sorted(&pairs.iter().map(|(_, test)| test).collect::<Vec<_>>()), (0..60).collect::<Vec<_>>());
    says(data.folds(13, 0).map(drop), &["13 folds of 12 groups"]);
}

#[test]
fn groups_of_one_class_each_are_stratified() {
    // 40 groups of three rows, the first half of them of class a.
    let groups: Vec<u32> = (0..120).map(|row| row / 3).collect();
    let labels: Vec<u32> = groups.iter().map(|group| group / 20).collect();
    let x = Matrix::from_fn(120, 1, |row, _| row as f32);
    let data = Dataset::from_classes(x, labels, ["a", "b"]).unwrap().with_groups(groups).unwrap();
    let of_a = |data: &Dataset| data.labels().unwrap().iter().filter(|&&label| label == 0).count();
    for seed in 0..10 {
        let (first, second) = data.split(0.5, seed);
        assert_eq!((of_a(&first), first.len(), of_a(&second), second.len()), (30, 60, 30, 60), "seed {seed}");
        for (_, test) in data.folds(5, seed).unwrap() {
            assert_eq!((of_a(&test), test.len()), (12, 24), "seed {seed}");
        }
    }
}

#[test]
fn one_large_group_does_not_empty_a_part() {
    for seed in 0..20 {
        let (train, test) = in_groups(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).split(0.8, seed);
        assert_eq!((train.len().min(test.len()), train.len() + test.len()), (1, 10));
        let (train, test) = in_groups(&[5, 5, 5]).split(0.1, seed);
        assert_eq!((train.len(), test.len()), (3, 0));
    }
}

proptest! {
    /// For any groups no row is lost, no group is divided, and no part is empty.
    #[test]
    fn splits_of_any_groups_keep_them_whole(groups in prop::collection::vec(0u32..9, 2..60), fraction in 0.01f64..0.99, seed: u64) {
        let data = in_groups(&groups);
        let (first, second) = data.split(fraction, seed);
        prop_assert_eq!(sorted(&[&first, &second]), (0..groups.len()).collect::<Vec<_>>());
        let of = |row: usize| groups[row] as usize;
        let (inside, outside) = (groups_of(&first, of), groups_of(&second, of));
        prop_assert!(inside.iter().all(|group| !outside.contains(group)));
        let all = groups_of(&data, of).len();
        prop_assert!(!inside.is_empty() && (all == 1) == outside.is_empty());
        for k in 2..=all {
            let tests: Vec<Dataset> = data.folds(k, seed).unwrap().map(|(_, test)| test).collect();
            prop_assert!(tests.iter().all(|test| !test.is_empty()));
            prop_assert_eq!(tests.iter().map(|test| groups_of(test, of).len()).sum::<usize>(), all);
        }
    }
}

#[test]
fn last_rows_are_the_test_part() {
    // The row of each line's number in time, from the last to the first and back.
    let (days, numbers) = ([3, 1, 4, 10, 5, 9, 2, 6, 8, 7], [-3.5, -1e3, 0.0, 1e9, 0.25, 7e8, -20.0, 1.0, 5.0, 2.0]);
    let table = |cell: &dyn Fn(usize) -> String| {
        let lines: String = (0..10).map(|row| format!("{row},{},{}.5\n", cell(row), row * 3 % 7)).collect();
        format!("x,t,y\n{lines}")
    };
    for (form, text) in [
        ("ISO", table(&|row| format!("2024-02-{:02}", days[row]))),
        ("day first", table(&|row| format!("{:02}.11.{}", days[row], 2020))),
        ("across a year", table(&|row| ["28.12.2019", "03.01.2020"][days[row] / 6].to_string())),
        ("time of day", table(&|row| format!("{}:30", days[row] + 5))),
        ("numbers", table(&|row| numbers[row].to_string())),
        ("decimal commas", table(&|row| format!("\"{},5\"", days[row]))),
    ] {
        let data = load(&text, &reading("time", "t")).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!(data.schema().input_names(), ["x"], "{form}");
        for seed in [0, 1] {
            let (train, test) = data.split(0.7, seed);
            // Equal times keep the order of the file.
            let expected = match form {
                "across a year" => (vec![0, 1, 2, 4, 6, 3, 5], vec![7, 8, 9]),
                _ => (vec![1, 6, 0, 2, 4, 7, 9], vec![8, 5, 3]),
            };
            assert_eq!((rows(&train), rows(&test)), expected, "{form}");
        }
    }
}

#[test]
fn folds_test_what_comes_after_their_training_data() {
    let data = at(&[9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
    let pairs: Vec<_> = data.folds(4, 3).unwrap().map(|(train, test)| (rows(&train), rows(&test))).collect();
    assert_eq!(
        pairs,
        [
            (vec![9, 8], vec![7, 6]),
            (vec![9, 8, 7, 6], vec![5, 4]),
            (vec![9, 8, 7, 6, 5, 4], vec![3, 2]),
            (vec![9, 8, 7, 6, 5, 4, 3, 2], vec![1, 0]),
        ]
    );
    says(data.folds(10, 0).map(drop), &["10 folds of 10 examples in the order of time"]);
    assert_eq!(data.folds(9, 0).unwrap().count(), 9);
}

/// A network that answers 0 has the mean of the squared targets for its loss.
#[test]
fn validation_set_follows_groups_and_times() {
    let losses = |data: &Dataset, seed: u64| {
        let mut network =
            Network::builder(1).dense_with(Dense::units(1, Identity).init(Init::Constant(0.0))).build().unwrap();
        let trainer = Trainer::new(Loss::MeanSquaredError, Sgd::new(1e-20)).validation(0.25).epochs(1).seed(seed);
        let epoch = trainer.fit(&mut network, data).unwrap().epochs[0];
        (epoch.train_loss, epoch.validation_loss.unwrap())
    };
    let values = |values: &[f32]| {
        Dataset::from_values(Matrix::zeros(values.len(), 1), Matrix::from_vec(values.len(), 1, values.to_vec()))
            .unwrap()
    };
    // The targets 5 and 7 are the latest: (25 + 49) / 2. The others: (1 + 4 + 9 + 16 + 36 + 64) / 6.
    let late = values(&[7.0, 1.0, 2.0, 5.0, 3.0, 4.0, 6.0, 8.0]);
    let late = late.with_times(vec![30.0, 2.0, 3.0, 20.0, 1.0, 0.0, -1.0, 9.0]).unwrap();
    let mut found = Vec::new();
    for seed in 0..8 {
        let (train, validation) = losses(&late, seed);
        assert!((validation - 37.0).abs() < 1e-4 && (train - 130.0 / 6.0).abs() < 1e-4, "{train} {validation}");
        // Four groups, each of two examples with one target: one of them is the validation set.
        let grouped = values(&[1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]).with_groups(vec![1, 2, 3, 4, 1, 2, 3, 4]);
        let (_, validation) = losses(&grouped.unwrap(), seed);
        assert!([1.0, 4.0, 9.0, 16.0].contains(&validation), "{validation}");
        found.push(validation);
    }
    assert!(found.iter().any(|&validation| validation != found[0]));
}

#[test]
fn columns_about_rows_are_no_features() {
    let text = "w,a,who,b,y\n1,5,x,1,2.5\n0,6,y,2,3.5\n2.5,7,x,3,1.5\n";
    let mut both = reading("weights", "w");
    both.group = Some("3".to_string());
    let data = load(text, &both).unwrap();
    assert_eq!((data.weights().unwrap(), data.groups().unwrap()), (&[1.0, 0.0, 2.5][..], &[0, 1, 0][..]));
    assert_eq!(data.schema().input_names(), ["a", "b"]);
    let part = data.select(&[2, 1]);
    assert_eq!((part.weights().unwrap(), part.groups().unwrap()), (&[2.5, 0.0][..], &[0, 1][..]));
    // The target is the last column that is left.
    let last = load("a,y,w\n1,2.5,3\n2,3.5,4\n", &reading("weights", "w")).unwrap();
    assert_eq!(last.schema().target().names(), ["y"]);
    // Later tables do not need the columns, and may have anything in them.
    for later in ["a,b,y\n5,1,2.5\n", "w,a,who,b,y\nold,5,,1,2.5\n"] {
        let later = Table::parse_with(later, "b.csv", &data.schema().reading()).unwrap();
        let later = Dataset::from_table_as(&later, data.schema()).unwrap();
        assert_eq!((later.to_matrix().as_slice(), later.weights(), later.groups()), (&[5.0, 1.0][..], None, None));
    }
    // By position they are there, and not looked at.
    let mut numbered = reading("weights", "1");
    (numbered.group, numbered.header) = (Some("3".to_string()), Some(false));
    let data = load(text.split_once('\n').unwrap().1, &numbered).unwrap();
    let read = |text: &str| {
        let mut reading = data.schema().reading();
        reading.header = Some(false);
        Table::parse_with(text, "b.csv", &reading).unwrap()
    };
    let later = Dataset::from_table_as(&read("old,5,,1,2.5\n"), data.schema()).unwrap();
    assert_eq!(later.to_matrix().as_slice(), [5.0, 1.0]);
    assert_eq!(later.values().unwrap().as_slice(), [2.5]);
    assert_eq!(data.schema().features(&read("old,5,,1\n")).unwrap().as_slice(), [5.0, 1.0]);
}

#[test]
fn decorated_weights_are_read() {
    let data = load("a,y,w\n1,2.5,$1.50\n2,3.5,$0\n", &reading("weights", "w")).unwrap();
    assert_eq!(data.weights().unwrap(), [1.5, 0.0]);
    assert!(data.notes().iter().any(|note| note.contains("`w`") && note.contains('$')), "{:?}", data.notes());
    assert_eq!(data.notes().len(), 1);
}

#[test]
fn unusable_columns_about_rows_are_errors() {
    for (kind, cells, parts) in [
        ("weights", ["1", "-0.5", "2"], &["a.csv, line 3", "column w", "`-0.5` is a negative weight"][..]),
        ("weights", ["1", "", "2"], &["a.csv, line 3", "column w", "is empty"]),
        ("weights", ["1", "NA", "2"], &["a.csv, line 3", "`NA` is a missing value"]),
        ("weights", ["1", "2", "inf"], &["a.csv, line 4", "`inf` is infinite"]),
        ("weights", ["1", "2", "1e39"], &["a.csv, line 4", "`1e39` is infinite or beyond"]),
        ("weights", ["1", "much", "2"], &["a.csv, line 3", "`much` is not a number"]),
        ("weights", ["2024-01-01", "2024-01-02", "2024-01-03"], &["a.csv, line 2", "is not a number"]),
        ("weights", ["0", "0", "0"], &["a.csv", "`w` are all zero"]),
        ("weights", ["\"1,234\"", "\"2,345\"", "\"3,456\""], &["a.csv, line 2", "--decimal"]),
        ("group", ["p", "p", "p"], &["a.csv", "`w` has only one group, `p`"]),
        ("group", ["p", "", "q"], &["a.csv, line 3", "is empty"]),
        ("time", ["1", "", "2"], &["a.csv, line 3", "is empty"]),
        ("time", ["2024-01-01", "soon", "2024-01-02"], &["a.csv, line 3", "`soon` is neither a number nor a date"]),
        (
            "time",
            ["5", "2024-01-01", "6"],
            &["a.csv, line 3", "`2024-01-01` is neither a number nor a date in the form"],
        ),
        ("time", ["2024-01-01", "-", "2024-01-02"], &["a.csv, line 3", "`-` is a missing value"]),
    ] {
        let [first, second, third] = cells;
        let text = format!("a,w,y\n1,{first},1.5\n2,{second},2.5\n3,{third},0.5\n");
        says(load(&text, &reading(kind, "w")), parts);
    }
    let text = "a,w,t,y\n1,2,1,1.5\n2,3,2,2.5\n";
    says(load(text, &reading("weights", "v")), &["a.csv", "no column `v`", "`w`"]);
    let table = Table::parse_with(text, "a.csv", &reading("weights", "y")).unwrap();
    says(Dataset::from_table(table, Target::Column("y"), Missing::Fill), &["`y` is the target"]);
    let mut both = reading("group", "w");
    both.time = Some("t".to_string());
    says(load(text, &both), &["groups and times exclude each other"]);
    let data = || at(&[1.0, 2.0]);
    says(data().with_groups(vec![0, 1]), &["groups and times exclude each other"]);
    says(data().with_weights(vec![1.0]), &["1 weights for 2 examples"]);
    says(data().with_weights(vec![1.0, f32::NAN]), &["weight NaN"]);
    says(data().with_weights(vec![1.0, -1.0]), &["weight -1"]);
    says(data().with_weights(vec![0.0; 2]), &["all weights are zero"]);
    says(data().with_times(vec![0.0, f64::NAN]), &["a time is NaN"]);
    says(in_groups(&[0, 1]).with_times(vec![0.0, 1.0]), &["exclude each other"]);
    // Datasets are appended with all that is known of their examples, or not at all.
    let mut timed = data();
    timed.append(&at(&[0.5])).unwrap();
    assert_eq!(timed.times().unwrap(), [1.0, 2.0, 0.5]);
    says(timed.append(&in_groups(&[0])), &["the groups of two datasets"]);
    says(timed.append(&at(&[3.0]).with_weights(vec![1.0]).unwrap()), &["one of two datasets has weights"]);
    assert_eq!((timed.len(), timed.windows(2).unwrap().times().unwrap()), (3, &[2.0, 0.5][..]));
}
