//! Defaults of ensembles: ranges of predictions, and columns of many categories.

use palmnet::data::{Missing, Table, Target};
use palmnet::generate;
use palmnet::model::TargetRange;
use palmnet::tune::{FitRun, Overrides, Tune};
use palmnet::{Dataset, Hyperparameters, Matrix, Model};

/// Few members and epochs, and no trials.
fn quick(data: &Dataset) -> Hyperparameters {
    let mut hyperparameters = Hyperparameters::for_data(data);
    (hyperparameters.members, hyperparameters.epochs) = (4, 30);
    (hyperparameters.tune, hyperparameters.calibrate) = (Tune::NONE, false);
    hyperparameters
}

/// y = 5x for x from 0 to 1.
fn line(from: f32) -> Dataset {
    let x = Matrix::from_fn(200, 1, |row, _| from + row as f32 / 199.0);
    let y = x.map(|x| 5.0 * x);
    Dataset::from_values(x, y).unwrap()
}

#[test]
fn predictions_stay_in_the_range_of_the_training() {
    let data = line(0.0);
    let mut hyperparameters = quick(&data);
    assert!(hyperparameters.clamp && !Overrides { fast: true, ..Overrides::default() }.for_data(&data).clamp);
    let model = hyperparameters.fit(&data).unwrap().model;
    let range = model.preprocessing().range().unwrap();
    assert_eq!((range.low(), range.high()), (&[0.0][..], &[5.0][..]));
    let far = Matrix::from_rows(&[[9.0], [-9.0], [0.5]]);
    let clamped = model.predict(&far);
    assert_eq!((clamped[(0, 0)], clamped[(1, 0)]), (5.0, 0.0));
    // A row, a dataset and the file predict the same.
    assert_eq!(model.predictor().predict(&[9.0]).unwrap(), [5.0]);
    assert_eq!(Model::from_bytes(&model.to_bytes(), "m").unwrap().predict(&far), clamped);
    // The score is that of the predictions.
    let beyond = Dataset::from_values(Matrix::from_rows(&[[9.0], [9.0]]), Matrix::from_rows(&[[5.0], [6.0]])).unwrap();
    assert_eq!(model.evaluate(&beyond).unwrap().regression().unwrap().mae, 0.5);
    let deviation = 1.0 / f64::from(model.preprocessing().targets().unwrap().factor()[0]);
    assert!((model.score(&beyond).unwrap().loss * deviation * deviation - 0.5).abs() < 1e-4);
    hyperparameters.clamp = false;
    let free = hyperparameters.fit(&data).unwrap().model;
    assert_eq!(free.preprocessing().range(), None);
    assert!(free.predict(&far)[(0, 0)] > 5.0);
    assert_eq!(free.predict(&far)[(2, 0)], clamped[(2, 0)]);
}

#[test]
fn training_on_more_data_joins_the_ranges() {
    let (first, more) = (line(0.0), line(0.5));
    let model = quick(&first).fit(&first).unwrap().model;
    let warm = Overrides { warm_start: true, epochs: Some(5), ..Overrides::default() }.for_data(&more);
    let further = warm.fit_with(&more, &mut FitRun::default().start(&model)).unwrap().model;
    let range = further.preprocessing().range().unwrap();
    assert_eq!((range.low(), range.high()), (&[0.0][..], &[7.5][..]));
    // A model without a range gets none.
    let mut free = quick(&first);
    free.clamp = false;
    let free = free.fit(&first).unwrap().model;
    let further = warm.fit_with(&more, &mut FitRun::default().start(&free)).unwrap().model;
    assert_eq!(further.preprocessing().range(), None);
}

#[test]
fn budgets_and_members_out_of_range_are_refused() {
    let data = generate::moons(100, 0.1, 1);
    let mut many = quick(&data);
    many.members = 257;
    assert!(many.fit(&data).unwrap_err().to_string().contains("members 257: it must be from 1 to 256"));
    let mut without_trials = quick(&data);
    without_trials.budget = Some(std::time::Duration::from_secs(1));
    assert!(without_trials.fit(&data).unwrap_err().to_string().contains("a budget is for the trials"));
}

#[test]
fn ranges_are_checked() {
    assert!(TargetRange::from_parts(vec![1.0], vec![1.0]).is_ok());
    for (low, high) in [(vec![1.0], vec![0.5]), (vec![f32::NAN], vec![1.0]), (vec![0.0], vec![1.0, 2.0])] {
        assert!(TargetRange::from_parts(low, high).is_err());
    }
    assert_eq!(TargetRange::fit(&Matrix::zeros(0, 2)), None);
    assert_eq!(TargetRange::fit(&Matrix::from_rows(&[[1.0], [f32::INFINITY]])), None);
    let data = generate::moons(20, 0.1, 1);
    assert!(quick(&data).fit(&data).unwrap().model.preprocessing().range().is_none());
}

/// Four hundred shops whose sales differ, four days each: a shop's mean says nearly everything about another day of it.
#[test]
fn many_categories_are_known_by_the_means_of_their_targets() {
    let sales = |shop: usize, day: usize| 10.0 * ((shop * 7919) % 400) as f64 + 50.0 * ((shop + 3 * day) % 5) as f64;
    let rows = |days: std::ops::Range<usize>| {
        let rows = (0..400).flat_map(|shop| days.clone().map(move |day| (shop, day)));
        let rows = rows.map(|(shop, day)| format!("shop {shop},{},{}\n", day % 2, sales(shop, day)));
        format!("shop,day,sales\n{}", rows.collect::<String>())
    };
    let table = Table::parse(rows(0..4), "train.csv").unwrap();
    let train = Dataset::from_table(table, Target::Last, Missing::Fill).unwrap();
    assert_eq!(train.schema().width(), 401);
    let test = Table::parse(rows(4..5), "test.csv").unwrap();
    let test = Dataset::from_table_as(&test, train.schema()).unwrap();
    let model = quick(&train).fit(&train).unwrap().model;
    let r2 = model.evaluate(&test).unwrap().regression().unwrap().r2;
    assert!(r2 > 0.98, "R² {r2}");
    // Shops that nobody knows get about the mean of all.
    let unknown = Table::parse("shop,day\nshop x,0\n", "unknown.csv").unwrap();
    let predicted = model.predict_table(&unknown).unwrap()[(0, 0)];
    assert!((1500.0..2700.0).contains(&predicted), "{predicted}");
}
