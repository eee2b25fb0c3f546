//! The functions that `page.html` calls: the crate in a browser tab, as WebAssembly. `examples/web/build` makes the page.
//!
//! Everything that goes in or out goes through one buffer in the module's memory, which JavaScript writes and reads by
//! its address: [`palmnet_reserve`] makes room for an input, [`palmnet_address`] and [`palmnet_length`] tell where the
//! answer is. A function that can fail returns 1 if it succeeded; after 0, the buffer holds the sentence of the error.
//! Texts are UTF-8, and most are JSON. A module does one thing at a time, on one thread; while it trains, it calls back.

// JavaScript finds functions by their names, which the attribute `no_mangle` keeps: it counts as unsafe because two
// functions of a program could have the same name. All of these begin with `palmnet_`.
#![allow(unsafe_code)]

mod answers;

use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use palmnet::data::{Column, Missing};
use palmnet::model::TargetRange;
use palmnet::tune::{FitEvent, FitRun, Overrides, diagnose, diagnose_split};
use palmnet::unversioned::Json;
use palmnet::{
    Dataset, Error, Event, Fit, Hyperparameters, Matrix, Model, Network, Preprocessing, Result, Table, Target,
};

use answers::{described, figures, list, network_json, plane, prediction_line};

/// Input and answer. Nothing holds the lock while JavaScript runs.
static BUFFER: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static STATE: Mutex<State> = Mutex::new(State { table: None, parts: None, model: None });

struct State {
    table: Option<Table>,
    parts: Option<Parts>,
    model: Option<Model>,
}

/// The training set and the test set.
struct Parts {
    train: Dataset,
    test: Option<Dataset>,
    warnings: Vec<String>,
}

/// A function of JavaScript, given by its number in the module's table of functions. Its argument says what the buffer
/// holds. It returns 1 if it wants the model as it is now: two more calls follow, with the file and with the regions.
type Callback = extern "C" fn(u32) -> u32;

/// The contents of the buffer when JavaScript is called: progress, of which some may be skipped; an event that counts;
/// a model file; the regions of [`palmnet_regions`], or nothing.
const PROGRESS: u32 = 0;
const EVENT: u32 = 1;
const MODEL: u32 = 2;
const REGIONS: u32 = 3;

/// The cells of a side of the grid of regions.
const GRID: usize = 48;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(answer: impl Into<Vec<u8>>) {
    *lock(&BUFFER) = answer.into();
}

/// Puts the answer, or the sentence of the error, into the buffer. Returns 1 or 0.
fn finish<A: Into<Vec<u8>>>(answer: Result<A>) -> u32 {
    let is_done = answer.is_ok();
    match answer {
        Ok(answer) => put(answer),
        Err(error) => put(error.to_string()),
    }
    is_done.into()
}

/// Returns the input: a line of text, the rest of it, which may be any bytes.
fn input() -> (String, Vec<u8>) {
    let mut line = std::mem::take(&mut *lock(&BUFFER));
    let end = line.iter().position(|&byte| byte == b'\n');
    let rest = end.map(|end| line.split_off(end + 1)).unwrap_or_default();
    (String::from_utf8_lossy(&line).trim_end().to_string(), rest)
}

/// Returns the input, a line of JSON.
fn settings() -> Result<Json> {
    Json::parse(&input().0).map_err(Error::Setting)
}

fn nothing(what: &str) -> Error {
    Error::Setting(format!("there is no {what} yet"))
}

/// Makes room for an input of this many bytes, and returns its address. A panic later on leaves its message in the
/// buffer, before the module traps.
#[unsafe(no_mangle)]
pub extern "C" fn palmnet_reserve(length: usize) -> usize {
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut buffer) = BUFFER.try_lock() {
            *buffer = panic.to_string().into();
        }
    }));
    *lock(&BUFFER) = vec![0; length];
    palmnet_address()
}

/// Returns the address of the buffer. It changes with its contents.
#[unsafe(no_mangle)]
pub extern "C" fn palmnet_address() -> usize {
    lock(&BUFFER).as_mut_ptr().expose_provenance()
}

/// Returns the number of bytes in the buffer.
#[unsafe(no_mangle)]
pub extern "C" fn palmnet_length() -> usize {
    lock(&BUFFER).len()
}

/// Reads a table: the file's name in a line, then its bytes. Answers with its columns and the first rows.
#[unsafe(no_mangle)]
pub extern "C" fn palmnet_open() -> u32 {
    let (name, bytes) = input();
    let open = || {
        let table = Table::parse(bytes, &name)?;
        let columns = (0..table.columns()).map(|column| table.column_name(column).into());
        let rows = (0..table.rows().min(5)).map(|row| list(table.cells(row)));
        let last = (0..table.columns()).rfind(|&column| !table.ignores(column)).unwrap_or(0);
        let answer = Json::object([
            ("columns", Json::Array(columns.collect())),
            ("rows", table.rows().into()),
            ("first", Json::Array(rows.collect())),
            ("target", last.into()),
            ("notes", list(table.notes())),
        ]);
        let mut state = lock(&STATE);
        (state.table, state.parts) = (Some(table), None);
        Ok(answer.to_string())
    };
    finish(open())
}

/// Splits the table into a training set and a test set as `palmnet train` does: `{"target":…,"seed":…}`, where the target
/// is the index of a column. Answers with a description of the data.
#[unsafe(no_mangle)]
pub extern "C" fn palmnet_split() -> u32 {
    let split = || {
        let settings = settings()?;
        let mut state = lock(&STATE);
        let table = state.table.clone().ok_or_else(|| nothing("table"))?;
        let rows = table.rows();
        let number = settings.get("target").and_then(Json::as_usize).unwrap_or(0);
        // A header may hold numbers: by its name a column is found first.
        let target = if number < table.columns() { table.column_name(number) } else { number.to_string() };
        let data = Dataset::from_table(table, Target::Column(&target), Missing::Fill)?;
        let mut warnings = data.notes().to_vec();
        if data.len() < rows {
            warnings.push(format!("{} of {rows} rows are dropped because a cell is missing", rows - data.len()));
        }
        let (train, test) = match data.len() {
            1 => (data, None),
            _ => {
                let (train, test) = data.split(0.8, seed(&settings));
                warnings.extend(diagnose_split(&train, &test).map(|warning| warning.to_string()));
                (train, Some(test))
            }
        };
        let preprocessing = Preprocessing::fit(&train, overrides(&settings).for_data(&train).scaling);
        warnings.extend(diagnose(&train, &preprocessing, None).iter().map(ToString::to_string));
        let answer = Json::object([
            ("train", train.len().into()),
            ("test", test.as_ref().map_or(0, Dataset::len).into()),
            ("target", train.schema().target().names().join(", ").into()),
            ("classes", list(train.class_names())),
            ("features", list(train.schema().columns().iter().map(|column: &Column| &column.name))),
            ("plane", plane(&train)),
            ("warnings", list(&warnings)),
        ]);
        state.parts = Some(Parts { train, test, warnings });
        Ok(answer.to_string())
    };
    finish(split())
}

fn seed(settings: &Json) -> u64 {
    settings.get("seed").and_then(Json::as_f64).unwrap_or(0.0) as u64
}

/// Returns the settings of the page: everything else is a default.
fn overrides(settings: &Json) -> Overrides {
    let fast = settings.get("tuned") != Some(&Json::Bool(true));
    Overrides { fast, seed: Some(seed(settings)), ..Overrides::default() }
}

/// Trains on the training set with the defaults of `palmnet train`: `{"tuned":…,"seed":…}`; if it is not tuned, with
/// those of `--fast`. Answers with the scores and a description of the model.
#[unsafe(no_mangle)]
pub extern "C" fn palmnet_train(callback: Callback) -> u32 {
    let train = || {
        let settings = settings()?;
        let parts = lock(&STATE).parts.take().ok_or_else(|| nothing("data"))?;
        let fitted = fit(&overrides(&settings).for_data(&parts.train), &parts.train, callback);
        let result = fitted.and_then(|fit| finish_model(fit, &parts));
        let mut state = lock(&STATE);
        state.parts = Some(parts);
        let (model, answer) = result?;
        state.model = Some(model);
        Ok(answer.to_string())
    };
    finish(train())
}

/// Gives the model the notes that the command writes too, and returns it with the answer.
fn finish_model(fit: Fit, parts: &Parts) -> Result<(Model, Json)> {
    let Fit { mut model, history, hyperparameters, .. } = fit;
    let train = model.score(&parts.train)?;
    let test = parts.test.as_ref().map(|test| model.score(test)).transpose()?;
    let epochs = history.epochs.len();
    let used = hyperparameters.map(|used| used.to_string()).unwrap_or_default();
    let notes = [
        ("hyperparameters", used.clone()),
        ("palmnet", env!("CARGO_PKG_VERSION").to_string()),
        ("loss", model.loss().to_string()),
        ("epochs", epochs.to_string()),
        ("trained on", format!("{} examples, in a browser", parts.train.len())),
        ("train", train.to_string()),
    ];
    model.notes.extend(notes.map(|(name, text)| (name.into(), text)));
    model.notes.extend(test.iter().map(|score| ("test".into(), score.to_string())));
    let answer = Json::object([
        ("epochs", epochs.into()),
        ("train", figures(&train)),
        ("test", test.as_ref().map_or(Json::Null, figures)),
        ("hyperparameters", used.into()),
        ("warnings", list(&parts.warnings)),
        ("model", described(&model)),
    ]);
    Ok((model, answer))
}

/// Trains, and calls JavaScript with every event.
fn fit(hyperparameters: &Hyperparameters, train: &Dataset, callback: Callback) -> Result<Fit> {
    let mut resolved = hyperparameters.clone();
    let mut run = FitRun::default().observe(|event| {
        if let FitEvent::Begin { hyperparameters: Some(used), .. } = event {
            resolved = used.clone();
        }
        let Some((kind, json)) = reported(event, resolved.epochs) else { return ControlFlow::Continue(()) };
        put(json.to_string());
        let wants_model = callback(kind) == 1;
        if let (true, FitEvent::Training(Event::Epoch { network, .. })) = (wants_model, event)
            && let Ok(model) = snapshot(network, &resolved, train)
        {
            put(model.to_bytes());
            callback(MODEL);
            put(regions(&model, train));
            callback(REGIONS);
        }
        ControlFlow::Continue(())
    });
    hyperparameters.fit_with(train, &mut run)
}

/// Returns an event as JSON.
fn reported(event: FitEvent<'_>, epochs: usize) -> Option<(u32, Json)> {
    let (kind, name, members) = match event {
        FitEvent::Trial { index, trials, fold, folds, fraction } => {
            let trials = trials.map_or(Json::Null, Json::from);
            let position =
                [("index", index.into()), ("trials", trials), ("fold", fold.into()), ("folds", folds.into())];
            (PROGRESS, "trial", [&position[..], &[("fraction", fraction.into())]].concat())
        }
        FitEvent::Tuned { trials, .. } => (EVENT, "tuned", vec![("trials", trials.len().into())]),
        FitEvent::Begin { network, .. } => {
            (EVENT, "begin", vec![("network", network_json(network)), ("epochs", epochs.into())])
        }
        FitEvent::Training(Event::Batch { epoch, batch, batches, .. }) => {
            let done = (epoch - 1) as f64 + batch as f64 / batches as f64;
            (PROGRESS, "batch", vec![("fraction", (done / epochs as f64).into())])
        }
        FitEvent::Training(Event::Epoch { record, .. }) => {
            let validation = record.validation_loss.map_or(Json::Null, Json::from);
            let losses = [("train_loss", record.train_loss.into()), ("validation_loss", validation)];
            (EVENT, "epoch", [&[("epoch", record.epoch.into()), ("epochs", epochs.into())][..], &losses].concat())
        }
        _ => return None,
    };
    Some((kind, Json::object([("event", name.into())].into_iter().chain(members))))
}

/// Returns the model of a training that is under way, without a calibration.
fn snapshot(network: &Network, hyperparameters: &Hyperparameters, train: &Dataset) -> Result<Model> {
    let range = train.values().filter(|_| hyperparameters.clamp).and_then(TargetRange::fit);
    let preprocessing = Preprocessing::fit(train, hyperparameters.scaling).with_range(range);
    let mut model = Model::new(network.clone(), preprocessing, train.schema().clone())?;
    model.notes.insert("stopped".into(), "in a browser, before the last epoch".into());
    Ok(model.with_loss(hyperparameters.loss))
}

/// Answers with the model as a safetensors file.
#[unsafe(no_mangle)]
pub extern "C" fn palmnet_save() -> u32 {
    finish(lock(&STATE).model.as_ref().map(Model::to_bytes).ok_or_else(|| nothing("model")))
}

/// Reads a model: the file's name in a line, then its bytes. Answers with its description and, if it fits the data, its
/// scores.
#[unsafe(no_mangle)]
pub extern "C" fn palmnet_load() -> u32 {
    let load = || {
        let (name, bytes) = input();
        let model = Model::from_bytes(&bytes, &name)?;
        let mut state = lock(&STATE);
        let parts = state.parts.as_ref().filter(|parts| model.check(&parts.train).is_ok());
        let score = |data: Option<&Dataset>| {
            data.map_or(Json::Null, |data| model.score(data).map_or(Json::Null, |score| figures(&score)))
        };
        let answer = Json::object([
            ("model", described(&model)),
            ("train", score(parts.map(|parts| &parts.train))),
            ("test", score(parts.and_then(|parts| parts.test.as_ref()))),
        ]);
        state.model = Some(model);
        Ok(answer.to_string())
    };
    finish(load())
}

/// Predicts one row: an object with a text for each column. Answers as `palmnet predict --json` does.
#[unsafe(no_mangle)]
pub extern "C" fn palmnet_predict() -> u32 {
    let predict = || {
        let settings = settings()?;
        let state = lock(&STATE);
        let model = state.model.as_ref().ok_or_else(|| nothing("model"))?;
        let members = settings.as_object().unwrap_or_default().iter();
        let cells: Vec<(&str, &str)> =
            members.map(|(name, cell)| (name.as_str(), cell.as_str().unwrap_or_default())).collect();
        Ok(prediction_line(model, &model.predict_cells(&cells)?, false).to_string())
    };
    finish(predict())
}

/// Predicts a table: the file's name in a line, then its bytes. Answers with a line for each row, as
/// `palmnet predict --json` does.
#[unsafe(no_mangle)]
pub extern "C" fn palmnet_predict_table() -> u32 {
    let predict = || {
        let (name, bytes) = input();
        let state = lock(&STATE);
        let model = state.model.clone().ok_or_else(|| nothing("model"))?.folded();
        let mut found = model.predict_rows(&Table::parse_with(bytes, &name, &model.schema().reading())?)?;
        if !found.failures.is_empty() {
            return Err(found.failures.swap_remove(0).1);
        }
        let lines = found.outputs.iter_rows().map(|row| format!("{}\n", prediction_line(&model, row, true)));
        Ok(lines.collect::<String>())
    };
    finish(predict())
}

/// Answers with the class that the model predicts in each cell of a grid over the two features of the training set, from
/// the upper left, and with its probability in 255ths: two bytes each. Nothing if there are not two features and classes.
#[unsafe(no_mangle)]
pub extern "C" fn palmnet_regions() -> u32 {
    let state = lock(&STATE);
    let suited =
        state.model.as_ref().zip(state.parts.as_ref()).filter(|(model, parts)| model.check(&parts.train).is_ok());
    finish(Ok(suited.map(|(model, parts)| regions(model, &parts.train)).unwrap_or_default()))
}

fn regions(model: &Model, train: &Dataset) -> Vec<u8> {
    let Some([x, y]) = answers::ranges(train) else { return Vec::new() };
    let between = |[low, high]: [f32; 2], i: usize| low + (high - low) * (i as f32 + 0.5) / GRID as f32;
    let mut points = Matrix::zeros(GRID * GRID, 2);
    for (cell, point) in points.as_mut_slice().chunks_exact_mut(2).enumerate() {
        point.copy_from_slice(&[between(x, cell % GRID), between(y, GRID - 1 - cell / GRID)]);
    }
    let outputs = model.predict(&points);
    let likeliest = |row: &[f32]| {
        let row = answers::probabilities(row);
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
        [best as u8, (row[best] * 255.0) as u8]
    };
    outputs.iter_rows().flat_map(likeliest).collect()
}
