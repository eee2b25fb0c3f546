//! Pictures: their text at fixed sizes, as it was looked at, and their SVG, as a parser of XML reads it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use palmnet::metrics::Classification;
use palmnet::plot::{self, Axis, Chart, Images, Mark, Picture, Regions, Series, TextStyle};
use palmnet::{
    Activation::*, Adam, Dataset, Hyperparameters, Loss, Matrix, Model, Network, Preprocessing, Scaling, Trainer,
    generate,
};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pictures").join(name)
}

/// Compares a picture with its file, at two widths, in ASCII, and with colors. The variable writes new files, to be
/// looked at.
fn check(name: &str, picture: &Picture) {
    let narrow = TextStyle::default();
    let styles = [
        ("40", narrow),
        ("100", TextStyle { width: 100, ..narrow }),
        ("ascii", TextStyle { unicode: false, ..narrow }),
        ("color", TextStyle { color: true, ..narrow }),
    ];
    for (form, style) in styles {
        let text = picture.to_text(&style);
        let plain = ["\x1b[0m", "\x1b[36m", "\x1b[33m", "\x1b[35m", "\x1b[32m"];
        let visible = plain.iter().fold(text.clone(), |text, code| text.replace(code, ""));
        assert!(visible.lines().all(|line| line.chars().count() <= style.width), "{name} {form}:\n{visible}");
        assert!(!visible.contains('\x1b'));
        assert!(style.unicode || text.is_ascii(), "{text}");
        let file = golden(&format!("{name}-{form}.txt"));
        if std::env::var_os("PALMNET_WRITE_PICTURES").is_some() {
            fs::write(&file, &text).unwrap();
        }
        assert_eq!(text, fs::read_to_string(&file).unwrap(), "{}:\n{text}", file.display());
    }
}

/// Losses of an exponential decrease.
fn curve() -> Picture {
    let epochs: Vec<f64> = (1..=60).map(f64::from).collect();
    let losses = |rate: f64, least: f64| epochs.iter().map(|epoch| least + (-epoch / rate).exp()).collect();
    let series = |name: &str, y| Series { name: name.into(), mark: Mark::Line, x: epochs.clone(), y };
    let series = vec![series("training", losses(9.0, 0.05)), series("validation", losses(7.0, 0.3))];
    let [x, y] = ["epoch", "loss"].map(|label| Axis { label: label.into(), is_log: false });
    Picture::Chart(Chart { title: "Learning curve".into(), x, y, series })
}

fn confused() -> Picture {
    let truth = [0; 50].into_iter().chain([1; 30]).chain([2; 20]).collect::<Vec<u32>>();
    let predicted =
        [0; 50].into_iter().chain([1; 20]).chain([2; 10]).chain([1; 2]).chain([2; 18]).collect::<Vec<u32>>();
    let names = ["setosa", "versicolor", "a name that is too long"].map(String::from);
    plot::confusion(&Classification::new(3, &truth, &predicted, 0.0), &names)
}

/// Half planes, and points on both sides.
fn halves() -> Picture {
    let predicted = (0..40 * 40).map(|cell| u32::from(cell % 40 + cell / 40 > 39)).collect();
    let points: Vec<[f64; 2]> = (0..30).map(|i| [f64::from(i * 7 % 30), f64::from(i * 11 % 30)]).collect();
    Picture::Regions(Regions {
        title: "Data, and the class that is predicted".into(),
        axes: ["x".into(), "y".into()],
        classes: vec!["low".into(), "high".into()],
        ranges: [[0.0, 30.0]; 2],
        columns: 40,
        predicted,
        truth: points.iter().map(|[x, y]| u32::from(x > y)).collect(),
        points,
    })
}

fn crosses() -> Picture {
    let cross: Vec<f32> = (0..64).map(|i| if i % 8 == i / 8 || i % 8 + i / 8 == 7 { 1.0 } else { 0.1 }).collect();
    let half: Vec<f32> = (0..64).map(|i| (i % 8) as f32 / 7.0).collect();
    let captions = vec!["8 taken for 1".into(), "a long caption without an end".into(), "3".into()];
    Picture::Images(Images {
        title: "3 misread".into(),
        captions,
        side: 8,
        pixels: [&cross[..], &half, &cross].concat(),
    })
}

fn bars() -> Picture {
    let x: Vec<f64> = (0..=12).map(f64::from).collect();
    let y = (0..12).map(|i| f64::from(i * (12 - i)) - 8.0).collect();
    let [x_axis, y_axis] = ["residual", "rows"].map(|label| Axis { label: label.into(), is_log: false });
    let series = vec![Series { name: "".into(), mark: Mark::Bars, x, y }];
    Picture::Chart(Chart { title: "Residuals".into(), x: x_axis, y: y_axis, series })
}

fn calibrated() -> Picture {
    let probabilities = Matrix::from_fn(100, 1, |row, _| row as f32 / 100.0);
    let truth: Vec<u32> = (0..100).map(|row| u32::from(row * 37 % 100 < row)).collect();
    plot::calibration_curve(&probabilities, &truth)
}

/// The accuracy of a few rows is mostly chance: they are joined with the next bin, or the one before.
#[test]
fn thin_bins_of_a_calibration_curve_are_joined() {
    // Confidences, and how many of the rows are right: 4 of 5 at 0.55, 9 of 20 at 0.65, 7 of 10 at 0.75, 0 of 1 at 0.95.
    let groups = [(0.55, 5, 4), (0.65, 20, 9), (0.75, 10, 7), (0.95, 1, 0)];
    let rows: Vec<(f32, u32)> =
        groups.iter().flat_map(|&(p, rows, right)| (0..rows).map(move |row| (p, u32::from(row < right)))).collect();
    let probabilities = Matrix::from_fn(rows.len(), 1, |row, _| rows[row].0);
    let truth: Vec<u32> = rows.iter().map(|&(_, right)| right).collect();
    let Picture::Chart(chart) = plot::calibration_curve(&probabilities, &truth) else { panic!() };
    let rounded = |numbers: &[f64]| numbers.iter().map(|x| (x * 1e4).round() / 1e4).collect::<Vec<_>>();
    // (5 * 0.55 + 20 * 0.65) / 25, and (10 * 0.75 + 0.95) / 11.
    assert_eq!(rounded(&chart.series[0].x), [0.63, 0.7682]);
    assert_eq!(rounded(&chart.series[0].y), [0.52, 0.6364]);
}

#[test]
fn text_at_fixed_sizes() {
    check("curve", &curve());
    check("confusion", &confused());
    check("regions", &halves());
    check("images", &crosses());
    check("bars", &bars());
    check("calibration", &calibrated());
}

/// Every combination of strange numbers makes a picture.
#[test]
fn strange_numbers_are_left_out() {
    let strange = [f64::NAN, f64::INFINITY, -f64::INFINITY, 0.0, -1.0, f64::MAX, f64::MIN, 1e-308];
    for mark in [Mark::Line, Mark::Points, Mark::Bars, Mark::Reference] {
        for is_log in [false, true] {
            for from in 0..strange.len() {
                let axis = || Axis { label: "x".into(), is_log };
                let x: Vec<f64> = strange.iter().cycle().skip(from).take(5).copied().collect();
                let y = strange.iter().rev().take(4).copied().collect();
                let series = vec![Series { name: "\u{1b}[2J<".into(), mark, x, y }];
                let chart = Picture::Chart(Chart { title: String::new(), x: axis(), y: axis(), series });
                let (text, svg) = (chart.to_text(&TextStyle::default()), chart.to_svg());
                assert!(!text.contains('\x1b') && !svg.contains('\x1b'));
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }
    for empty in
        [Picture::Chart(Chart::default()), Picture::Regions(Regions::default()), Picture::Images(Images::default())]
    {
        assert!(empty.to_svg().ends_with("</svg>\n") && !empty.to_text(&TextStyle::default()).is_empty());
    }
}

/// Python's parser of XML reads every file, and finds the shapes that belong to the data.
#[test]
fn svg_is_xml() {
    let folder = std::env::temp_dir().join(format!("palmnet-pictures-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("all.svg");
    plot::save(&file, &[curve(), confused(), halves(), crosses(), bars(), calibrated()]).unwrap();
    let script = "import sys, xml.etree.ElementTree as E\n\
                  root = E.parse(sys.argv[1]).getroot()\n\
                  count = lambda name: len(root.findall('.//{http://www.w3.org/2000/svg}' + name))\n\
                  print(root.tag, [count(name) for name in ['image', 'circle', 'style']], root.get('viewBox'))";
    let python = Command::new("python3").args(["-c", script]).arg(&file).output();
    match python {
        Err(_) => eprintln!("SVG is not parsed: there is no Python"),
        Ok(output) => {
            let text = String::from_utf8(output.stdout).unwrap();
            // Three images; a dot for every point and for every class of the legend.
            assert!(text.starts_with("{http://www.w3.org/2000/svg}svg [3, 32, 1] 0 0 488 1920"), "{text}");
        }
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// The pictures of results show what the results are.
#[test]
fn pictures_of_results() -> palmnet::Result<()> {
    let (train, test) = generate::moons(300, 0.1, 1).split(0.5, 1);
    let mut hyperparameters = Hyperparameters::for_data(&train);
    (hyperparameters.members, hyperparameters.epochs, hyperparameters.tune_penalty) = (1, 20, false);
    let fit = hyperparameters.fit(&train)?;
    let pictures = plot::of_training(&fit.history, &fit.model, &test)?;
    let [Picture::Chart(curve), Picture::Regions(regions)] = &pictures[..] else { panic!("{pictures:?}") };
    let losses: Vec<f64> = fit.history.epochs.iter().map(|epoch| epoch.train_loss).collect();
    assert_eq!(curve.series[0].y, losses);
    assert_eq!((regions.points.len(), &regions.truth[..]), (test.len(), test.labels().unwrap()));
    // The cell of an example has the class that is predicted for it, but for those at a border.
    let outputs = fit.model.predict_dataset(&test)?;
    let rows = regions.predicted.len() / regions.columns;
    let agree = (0..test.len()).filter(|&i| {
        let place = |axis: usize, cells: usize| {
            let [low, high] = regions.ranges[axis];
            ((regions.points[i][axis] - low) / (high - low) * cells as f64) as usize
        };
        let cell = (rows - 1 - place(1, rows)) * regions.columns + place(0, regions.columns);
        fit.model.class(outputs.row(i)) == Some(regions.classes[regions.predicted[cell] as usize].as_str())
    });
    assert!(agree.count() >= test.len() - 3);
    let pictures = plot::of_evaluation(&fit.model, &test)?;
    assert!(matches!(&pictures[..], [Picture::Shades(_), Picture::Chart(_)]), "{pictures:?}");
    // With gaps, a column has one input more: no plane.
    let rows: Vec<[String; 3]> = (0..60)
        .map(|i| {
            [
                if i % 2 == 0 { String::new() } else { i.to_string() },
                (i * 7 % 11).to_string(),
                ["a", "b"][i / 30].into(),
            ]
        })
        .collect();
    let table = palmnet::Table::from_rows(&["x", "y", "class"], &rows)?;
    let gaps = Dataset::from_table(table, palmnet::Target::Last, palmnet::data::Missing::Fill)?;
    let mut hyperparameters = Hyperparameters::for_data(&gaps);
    (hyperparameters.members, hyperparameters.epochs, hyperparameters.tune_penalty) = (1, 3, false);
    let model = hyperparameters.fit(&gaps)?.model;
    assert_eq!(model.schema().width(), 3);
    assert!(plot::decision_regions(&model, &gaps).is_err() && plot::of_evaluation(&model, &gaps).is_ok());
    // Of values, in the units of the table; of other models, a clear refusal.
    let values = Dataset::from_values(
        Matrix::from_fn(9, 1, |i, _| i as f32),
        Matrix::from_fn(9, 1, |i, _| 3.0 * i as f32 + 1.0),
    )?;
    let mut network = Network::builder(1).dense(1, Identity).build()?;
    Trainer::new(Loss::MeanSquaredError, Adam::new(0.1)).epochs(300).fit(&mut network, &values)?;
    let line = Model::new(network, Preprocessing::fit(&values, Scaling::None), values.schema().clone())?;
    let Picture::Chart(chart) = plot::predicted_against_true(&line, &values, 0)? else { panic!() };
    assert_eq!(chart.series[0].x, (0..9).map(|i| 3.0 * f64::from(i) + 1.0).collect::<Vec<_>>());
    assert!(plot::predicted_against_true(&line, &values, 1).is_err());
    assert!(plot::decision_regions(&line, &values).is_err() && plot::misread(&line, &values, 1).is_err());
    Ok(())
}

/// Text for people is short, however large the network.
#[test]
fn values_print_well() -> palmnet::Result<()> {
    let data = generate::digits().slice(0..40)?;
    let mut hyperparameters = Hyperparameters::for_data(&data);
    (hyperparameters.epochs, hyperparameters.tune_penalty) = (3, false);
    let fit = hyperparameters.fit(&data)?;
    for text in [format!("{:?}", fit.model), format!("{:?}", fit.model.network()), format!("{data:?}")] {
        assert!(text.len() < 2000, "{} characters: {text}", text.len());
    }
    assert!(format!("{:?}", fit.model.network()).contains("parameters: "));
    let history = fit.history.to_string();
    assert!(history.starts_with("Learning curve\n") && history.contains("epoch 3 of 3: loss "), "{history}");
    assert_eq!(palmnet::History::default().to_string().lines().next(), Some("Learning curve"));
    Ok(())
}

#[test]
fn weights_in_bins() -> palmnet::Result<()> {
    let mut network = Network::builder(3).dense(8, Relu).dense(2, Softmax).build()?;
    let first = network.parameters_mut().next().unwrap();
    first.iter_mut().enumerate().for_each(|(i, weight)| *weight = i as f32);
    let found = plot::weight_histograms(&network);
    assert_eq!((found.len(), found[0].count, found[0].mean), (2, 24, 11.5));
    assert_eq!((found[0].range, &found[0].bins[..]), ([0.0, 23.0], &[1; 24][..]));
    // The variance of 0..24 is (24² - 1) / 12.
    assert!((found[0].standard_deviation - (575f64 / 12.0).sqrt()).abs() < 1e-12);
    Ok(())
}
