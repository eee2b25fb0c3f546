//! Missing cells and ignored columns: dropped or imputed, and remembered by a model.

use palmnet::Activation::*;
use palmnet::data::{ColumnKind, Imputer, Missing, Scaler, Schema, Targets};
use palmnet::unversioned::{Safetensors, Tensor};
use palmnet::{
    Adam, Dataset, Error, Loss, Matrix, Model, Network, Preprocessing, Result, Scaling, Target, Trainer, generate,
};

use super::table;
use crate::support::says;

fn infer(text: &str, missing: Missing) -> Result<Dataset> {
    Dataset::from_table(table(text), Target::Last, missing)
}

/// The numbers that an imputer of these examples fills in.
fn fill(data: &Dataset) -> Vec<f32> {
    Imputer::fit(data).fill().to_vec()
}

const PETS: &str = "age,color,weight\n3,red,1\nNA,red,2\n5,,3\n8,blue,\n9,red,?\n1,blue,6\n10,red,7\n";

#[test]
fn missing_cells_are_errors_that_name_the_remedies() {
    says(
        infer(PETS, Missing::Error),
        &["a.csv, line 3, column age: `NA`", "--missing drop", "Missing::Fill", "--ignore"],
    );
    assert_eq!(Missing::default(), Missing::Fill);
}

#[test]
fn rows_with_missing_cells_are_dropped() {
    let data = infer(PETS, Missing::Drop).unwrap();
    // Lines 2, 7 and 8; inputs age, blue, red.
    assert_eq!(data.to_matrix(), Matrix::from_rows(&[[3.0, 0.0, 1.0], [1.0, 1.0, 0.0], [10.0, 0.0, 1.0]]));
    assert_eq!(data.values().unwrap().as_slice(), [1.0, 6.0, 7.0]);
    assert_eq!((data.schema().allows_missing(), data.missing_count()), (false, 0));
    says(infer("a,b\n1,\n,2\n", Missing::Drop), &["a.csv: has no row without a missing cell", "--missing fill"]);
    // An error in a row that is kept is reported with its own line.
    says(infer("a,b\n1,\n2,3\n4,5\nx,6\n", Missing::Drop), &["line 5, column a: `x` is not a number"]);
    // Data for a model is read strictly.
    let mut more = table("age,color,weight\n1,,2\n3,red,4\n5,red,\n");
    says(Dataset::from_table_as(&more, data.schema()), &["line 2, column color: is empty"]);
    assert_eq!(more.drop_missing(data.schema()).unwrap(), 2);
    assert_eq!(Dataset::from_table_as(&more, data.schema()).unwrap().values().unwrap().as_slice(), [4.0]);
}

#[test]
fn missing_features_are_imputed_but_targets_are_not() {
    let mut data = infer(PETS, Missing::Fill).unwrap();
    assert_eq!(data.missing_count(), 1);
    // Inputs age, blue, red, and whether the color is missing.
    let x = data.to_matrix();
    assert!(x[(1, 0)].is_nan());
    assert_eq!(x.row(2), [5.0, 0.0, 0.0, 1.0]);
    assert_eq!(x.as_slice().iter().filter(|x| x.is_nan()).count(), 1);
    // Of 3, 5, 1 and 10 the median is 4. The rows of 8 and 9 have no target.
    assert_eq!(fill(&data), [4.0, 0.0, 0.0, 0.0]);
    Imputer::fit(&data).apply(&mut data);
    let x =
        [[3.0, 0.0, 1.0, 0.0], [4.0, 0.0, 1.0, 0.0], [5.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 0.0], [10.0, 0.0, 1.0, 0.0]];
    assert_eq!((data.to_matrix(), data.missing_count()), (Matrix::from_rows(&x), 0));
    assert_eq!(data.values().unwrap().as_slice(), [1.0, 2.0, 3.0, 6.0, 7.0]);
    assert_eq!(data.schema().columns()[1].kind, ColumnKind::Categories(vec!["blue".into(), "red".into()]));
    // A column with few numbers is numeric, and text among its blanks is an error.
    assert_eq!(fill(&infer("a,b\n,1\n,2\n,3\n7,4\n", Missing::Fill).unwrap()), [7.0]);
    says(infer("a,b\n,1\n,2\nx,3\n7,4\n8,5\n", Missing::Fill), &["line 4, column a: `x` is not a number"]);
    let without = infer("a,b,c\n1,,1\n2,NA,2\n", Missing::Fill).unwrap();
    assert_eq!((without.schema().input_names(), without.schema().ignored_positions()), (vec!["a".into()], &[1][..]));
    assert!(without.notes()[0].contains("the column `b` is empty"), "{:?}", without.notes());
    says(infer("a,b\n1,\n2,NA\n", Missing::Fill), &["has no row"]);
    says(infer("a,b\n1,1\n-inf,2\n", Missing::Fill), &["line 3, column a", "infinite"]);
    // A part in which a column is missing altogether.
    let (first, _) = infer("a,b,y\n,,1\n,,2\n5,x,3\n7,y,4\n", Missing::Fill).unwrap().split_at(2).unwrap();
    assert_eq!((first.missing_count(), fill(&first)), (2, vec![0.0; 4]));
}

/// The values imputed in both parts come from the training part only.
#[test]
fn imputer_is_fitted_on_the_training_part() {
    let rows: String =
        (0..40).map(|i| if i % 4 == 0 { format!(",{i}\n") } else { format!("{},{i}\n", i * i) }).collect();
    let data = infer(&format!("square,root\n{rows}"), Missing::Fill).unwrap();
    let whole = fill(&data)[0];
    let median = |part: &Dataset| {
        let roots = part.values().unwrap().as_slice().iter();
        let mut known: Vec<f32> = roots.filter(|&&root| root % 4.0 != 0.0).map(|root| root * root).collect();
        known.sort_by(f32::total_cmp);
        (known[(known.len() - 1) / 2] + known[known.len() / 2]) / 2.0
    };
    let mut different = 0;
    for (train, test) in data.folds(5, 0).unwrap().chain([data.split(0.7, 0)]) {
        let of_train = median(&train);
        let preprocessing = Preprocessing::fit(&train, Scaling::Standard);
        let imputer = preprocessing.imputer().unwrap();
        assert_eq!((imputer.fill(), imputer), (&[of_train, 0.0][..], &Imputer::fit(&train)));
        assert_eq!(train.missing_count() + test.missing_count(), 10);
        for part in [&train, &test] {
            let mut part = part.clone();
            imputer.apply(&mut part);
            for (x, root) in part.to_matrix().iter_rows().zip(part.values().unwrap().as_slice()) {
                // The second input says whether the first was missing.
                assert_eq!(x, if root % 4.0 == 0.0 { [of_train, 1.0] } else { [root * root, 0.0] });
            }
        }
        different += usize::from(of_train != whole);
        // The scaler is fitted on the imputed training part.
        let mut imputed = train.clone();
        imputer.apply(&mut imputed);
        assert_eq!(preprocessing.features(), &Scaler::standard(imputed.features()));
        imputed.scale(preprocessing.features());
        let mut prepared = train.clone();
        preprocessing.apply(&mut prepared);
        assert_eq!(prepared.to_matrix(), imputed.to_matrix());
        // A part of a part is imputed again, unless it was imputed before.
        let twice = train.split(0.5, 1).0;
        assert!(twice.missing_count() > 0 && fill(&twice) != imputer.fill());
        assert_eq!(imputed.split(0.5, 1).0.missing_count(), 0);
        // Rows come in any order, and more than once.
        let rows: Vec<usize> = (0..train.len()).rev().chain([0, 0]).collect();
        let part = train.select(&rows).split(0.9, 2).0;
        assert_eq!(fill(&part), [median(&part), 0.0]);
    }
    assert!(different > 0);
}

#[test]
fn model_keeps_imputer_and_ignored_columns() {
    let numbered = |(i, line): (usize, &str)| if i == 0 { format!("id,{line}\n") } else { format!("{i},{line}\n") };
    let mut pets = table(&PETS.lines().enumerate().map(numbered).collect::<String>());
    pets.ignore(&["id"]).unwrap();
    let data = Dataset::from_table(pets, Target::Last, Missing::Fill).unwrap();
    assert_eq!(data.schema().input_names(), ["age", "color=blue", "color=red", "color is missing"]);
    let network = Network::builder(4).dense(1, Identity).seed(1).build().unwrap();
    let preprocessing = Preprocessing::fit(&data, Scaling::Standard);
    let model = Model::new(network, preprocessing, data.schema().clone()).unwrap();
    let same = Model::from_bytes(&model.to_bytes(), "m").unwrap();
    assert_eq!(same, model);
    let y = same.predict_table(&table("age,color\n,red\n2,NA\n4,red\n2,red\n")).unwrap();
    assert_eq!(y.row(0), y.row(2));
    assert_ne!(y.row(1), y.row(3));
    // By position, including the ignored column, with or without the target.
    let by_place = |text: &str| same.predict_table(&table(text)).unwrap();
    assert_eq!(by_place("0,2,red,1\n1,4,red,1\n").row(0), y.row(3));
    assert_eq!(by_place("0,2,red\n1,4,red\n").row(1), y.row(0));
    let message = same.predict_table(&table("2,red\n")).unwrap_err().to_string();
    assert!(message.contains("has 2 columns, where 4 were expected, or 3 without the targets, 1 of them"), "{message}");
    // From memory, where NaN stands for a missing feature.
    let x = Matrix::from_rows(&[[f32::NAN, 0.0, 1.0, 0.0], [2.0, 0.0, 0.0, 1.0]]);
    assert_eq!(same.predict(&x).as_slice(), &y.as_slice()[..2]);
    let rows = table("age,color\n3,red\nNA,red\n5,\n1,blue\n10,red\n");
    assert_eq!(same.predict_dataset(&data).unwrap(), same.predict_table(&rows).unwrap());
    assert!(same.score(&data).unwrap().loss.is_finite() && same.evaluate(&data).is_ok());
    // A damaged file is an error.
    let mut file = Safetensors::from_bytes(&model.to_bytes(), "m").unwrap();
    let schema = file.metadata["schema"].clone();
    assert!(schema.contains("\"ignored\":[0]"), "{schema}");
    for damage in ["\"ignored\":[3]", "\"ignored\":[9]", "\"ignored\":[0,0]", "\"ignored\":\"x\"", "\"ignored\":[]"] {
        file.metadata.insert("schema".into(), schema.replace("\"ignored\":[0]", damage));
        assert!(Model::from_bytes(&file.to_bytes(), "m").is_err(), "{damage}");
    }
    file.metadata.insert("schema".into(), schema);
    let fill = file.tensors.iter_mut().find(|tensor| tensor.name == "features.fill").unwrap();
    *fill = Tensor::new("features.fill", &[4], vec![0.0, f32::NAN, 1.0, 0.0]);
    assert!(Model::from_bytes(&file.to_bytes(), "m").is_err());
}

#[test]
fn ignored_columns_are_no_features() {
    let ids: String = (0..200).map(|i| format!("id{i},{i},2024-01-{:02},{}\n", i % 28 + 1, i % 2)).collect();
    let text = format!("id,x,day,y\n{ids}");
    let alone = Dataset::from_table(table(&text), Target::Last, Missing::Fill).unwrap();
    assert!(alone.notes().iter().any(|note| note.contains("`id` has 200 different texts")), "{:?}", alone.notes());
    assert_eq!(alone.schema().ignored_positions(), [0]);
    let mut people = table(&text);
    people.ignore(&["id", "3"]).unwrap();
    let schema = Schema::infer(&people, Target::Last).unwrap();
    assert_eq!((schema.input_names(), schema.ignored_positions()), (vec!["x".to_string()], &[0, 2][..]));
    assert_eq!(schema.target().names(), ["y"]);
    says(people.ignore(&["z"]), &["a.csv: has no column `z`; it has `id`"]);
    says(Schema::infer(&people, Target::Column("id")), &["`id` is the target"]);
    people.ignore(&["y"]).unwrap();
    assert!(matches!(Schema::infer(&people, Target::Last), Err(Error::Format { .. })));
    let mut plain = table("1,2,3\n4,5,\n");
    plain.ignore(&["3"]).unwrap();
    let data = Dataset::from_table(plain, Target::Last, Missing::Error).unwrap();
    assert_eq!((data.to_matrix().into_vec(), data.schema().target_positions()), (vec![1.0, 4.0], &[1][..]));
}

#[test]
fn training_without_imputer_refuses_missing_features() {
    let data = infer(PETS, Missing::Fill).unwrap();
    let mut network = Network::builder(4).dense(1, Identity).build().unwrap();
    let mut fit =
        |data: &Dataset| Trainer::new(Loss::MeanSquaredError, Adam::new(0.01)).epochs(1).fit(&mut network, data);
    says(fit(&data), &["1 feature is missing", "Imputer", "Preprocessing", "Missing::Drop"]);
    // Scaling hides nothing.
    let mut scaled = data.clone();
    scaled.scale(&Scaler::divide_by(4, 2.0));
    says(fit(&scaled), &["1 feature is missing"]);
    let mut imputed = data.clone();
    Imputer::fit(&data).apply(&mut imputed);
    fit(&imputed).unwrap();
    // Nor does a model without imputer guess.
    let model = Model::new(network, Scaler::identity(4), data.schema().clone()).unwrap();
    says(model.evaluate(&data), &["1 feature is missing"]);
    says(model.score(&data), &["1 feature is missing"]);
    says(model.predict_dataset(&data), &["1 feature is missing"]);
    says(model.network().evaluate(&data), &["1 feature is missing"]);
    says(model.predict_table(&table("age,color\n,red\n")), &["line 2, column age: is empty", "--missing fill"]);
    assert!(!model.schema().allows_missing());
    let wide = Preprocessing::from(Scaler::identity(4)).with_imputer(Imputer::from_parts(vec![0.0; 2]).unwrap());
    says(Model::new(model.network().clone(), wide, data.schema().clone()), &["the imputer has 2 columns"]);
}

#[test]
fn missing_features_in_memory_are_nan() {
    let sums = generate::sums(3, 0);
    let x = Matrix::from_rows(&[[f32::NAN, 1.0], [2.0, 2.0], [4.0, f32::NAN]]);
    let schema = || sums.schema().clone();
    says(Dataset::new(x.clone(), sums.targets().clone(), schema()), &["feature 0 of example 0", "NaN"]);
    let mut data = Dataset::new(x.clone(), sums.targets().clone(), schema().allowing_missing(true)).unwrap();
    let imputer = Imputer::fit(&data);
    assert_eq!((data.missing_count(), imputer.fill()), (2, &[3.0, 1.5][..]));
    imputer.apply(&mut data);
    assert_eq!(data.to_matrix(), Matrix::from_rows(&[[3.0, 1.0], [2.0, 2.0], [4.0, 1.5]]));
    let mut infinite = x;
    infinite[(0, 0)] = f32::INFINITY;
    says(Dataset::new(infinite, sums.targets().clone(), schema().allowing_missing(true)), &["inf"]);
    let targets = Targets::Values(Matrix::filled(3, 3, f32::NAN));
    says(Dataset::new(Matrix::zeros(3, 2), targets, schema().allowing_missing(true)), &["target 0 of example 0"]);
    says(Imputer::from_parts(vec![0.0, f32::INFINITY]), &["inf"]);
}
