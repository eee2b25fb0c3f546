//! Train, inspect and run multilayer perceptrons (fully connected neural networks) with nothing but the standard
//! library: on a laptop, an ARM board, a phone, or inside another small program.
//!
//! A model of a CSV file, scored on rows that were held out, and saved:
//!
//! ```
//! use palmnet::{Dataset, Target};
//! # let path = std::env::temp_dir().join(format!("palmnet-first-{}.safetensors", std::process::id()));
//! let (train, test) = Dataset::from_csv("tests/data/iris.csv", Target::Last)?.split(0.8, 0);
//! let model = palmnet::fit(&train)?;
//! println!("{}", model.score(&test)?);  // loss 0.03819, accuracy 1.0000
//! # assert!(model.score(&test)?.value() > 0.9);
//! # /*
//! model.save("iris.safetensors")?;
//! # */ model.save(&path)?; std::fs::remove_file(path).unwrap();
//! # Ok::<(), palmnet::Error>(())
//! ```
//!
//! Put this into the `Cargo.toml` of your project. Without it, `cargo run` without `--release` compiles palmnet without
//! optimization, and training is 81 times slower:
//!
//! ```toml
//! [profile.dev.package.palmnet]
//! opt-level = 3
//! ```
//!
//! [`fit`] tunes the regularization and trains with the defaults of the command `palmnet train`. For a network and a
//! training of your own, the same steps by hand:
//!
//! ```
//! use palmnet::{Activation::*, Adam, Dataset, Loss, Model, Network, Preprocessing, Scaling, Target, Trainer};
//!
//! let data = Dataset::from_csv("tests/data/iris.csv", Target::Class("species"))?;
//! let (mut train, test) = data.split(0.8, 42);
//! // Standardize with the means and standard deviations of the training set.
//! let preprocessing = Preprocessing::fit(&train, Scaling::Standard);
//! preprocessing.apply(&mut train);
//! let mut network = Network::builder(4).dense(16, Relu).dropout(0.1).dense(3, Softmax).seed(42).build()?;
//! Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(100).fit(&mut network, &train)?;
//! // The model takes and scores data that is not scaled.
//! let model = Model::new(network, preprocessing, data.schema().clone())?;
//! println!("{}", model.score(&test)?);
//! # assert!(model.score(&test)?.value() > 0.9);
//! # Ok::<(), palmnet::Error>(())
//! ```
//!
//! And later, in another program:
//!
//! ```
//! let model = palmnet::Model::load("examples/iris.safetensors")?;
//! let flower = [("sepal_length", "5.9"), ("sepal_width", "2.8"), ("petal_length", "4.2"), ("petal_width", "1.3")];
//! let probabilities = model.predict_cells(&flower)?;
//! assert_eq!(model.class(&probabilities), Some("versicolor"));
//! # Ok::<(), palmnet::Error>(())
//! ```
//!
//! The page [`guide::how_do_i`] answers further questions with short programs: threads, own losses, fine-tuning,
//! streams, PyTorch's weights, time series.
//!
//! # Coming from scikit-learn or PyTorch
//!
//! | there | here |
//! |---|---|
//! | `X`, `y` | [`Dataset`]: features, targets, and their names. The targets are classes or values |
//! | `train_test_split(stratify=y)` | [`Dataset::split`] |
//! | `StandardScaler`, `SimpleImputer`, `OneHotEncoder` | [`Preprocessing`]; [`Dataset::from_csv`] encodes categories |
//! | `MLPClassifier().fit(X, y)` | [`fit`] or [`Hyperparameters::fit`], which return a [`Model`] |
//! | `Pipeline` | [`Model`]: the preprocessing, the network and the columns in one file |
//! | `.predict_proba(X)`, `.predict(X)` of a regressor | [`Model::predict`]; [`Model::class`] for the likeliest class |
//! | `.score(X, y)` | [`Model::score`]; [`Score::value`] is the accuracy or R² |
//! | `classification_report`, `roc_auc_score` | [`Model::evaluate`], [`metrics`] |
//! | `permutation_importance`, `partial_dependence`; `shap` | [`Model::importance`], [`Model::partial_dependence`]; [`Model::shapley`] |
//! | `cross_val_score`, `RandomizedSearchCV` | [`tune::cross_validate`], [`tune::RandomSearch`] |
//! | `nn.Sequential` | [`Network::builder`] |
//! | `loss.backward()`, `optimizer.step()` | [`Workspace::step`], [`Optimizer::step`] |
//! | `partial_fit` | [`Online::partial_fit`] |
//! | `scheduler` | [`Schedule`], in a [`Trainer`] or by [`Scheduler`] |
//!
//! # Map
//!
//! - **Data**: [`Dataset`], [`Table`], [`Schema`], [`Target`], [`Missing`], [`Imputer`], [`Scaler`], [`generate`].
//! - **Networks**: [`Network`], [`Layer`], [`Activation`], [`Init`], [`Loss`]. A network holds parameters and nothing
//!   else: [`Network::predict`] needs no lock.
//! - **Training**: [`Trainer`], a [`Rule`] such as [`Adam`], [`Sgd`] or, for small data, [`Lbfgs`], a [`Penalty`], a
//!   [`Schedule`]. A [`Run`] adds an observer and [`Checkpoints`] to a call: a training survives being killed.
//!   [`Online`] is for data that arrives bit by bit or is larger than memory.
//! - **Custom loops**: [`Workspace`], [`Optimizer`], [`Scheduler`].
//! - **Models**: [`Model`], [`Preprocessing`], [`Score`], [`metrics`].
//! - **Pictures**: [`plot`]: learning curves, confusion matrices, regions, as text and as SVG; [`report`]: a page about a model.
//! - **Devices**: [`mod@export`]: a model as C or Rust source code, or as an ONNX file.
//! - **Other programs**: [`mod@import`]: models of PyTorch, Keras and scikit-learn.
//! - **Explanations**: [`Model::importance`], [`Model::partial_dependence`], [`Model::shapley`], in [`explain`].
//! - **Defaults and search**: [`fit`], [`Hyperparameters`], [`tune`].
//!
//! Names that most programs need are at the root. The others are in the modules [`data`], [`nn`], [`optim`], [`train`],
//! [`model`], [`metrics`], [`explain`], [`tune`], [`error`], [`compute`] and [`mod@format`].
//!
//! # Conventions
//!
//! Parameters and arithmetic are `f32`. An example is a row. A dense layer's weights are inputs × outputs, Z = A·W + b.
//! The loss is the mean over examples. The same seed, data and settings give the same bits in every weight, for any
//! number of threads, on the same instruction set. Files and data never cause a panic: they give an [`Error`] that
//! names the file, line or setting, and the remedy. Panics are for programmers' mistakes, and documented.
//!
//! # Crate features
//!
//! `simd`, on by default: machine code for the widest vectors that a processor may turn out to have, chosen at run
//! time, and taller tiles of the matrix product. Without it, programs are up to 0.2 MB smaller.
//!
//! `export` and `import`, on by default: the modules [`mod@export`] and [`mod@import`], and their commands.
//!
//! # Threads
//!
//! [`Network`], [`Model`], [`Dataset`], [`Trainer`] and [`Hyperparameters`] are `Send` and `Sync`: predict from several
//! threads at once, train on a thread of your own. Large work is shared among all cores; [`set_threads`] sets the
//! number for the whole process, [`Trainer::threads`] for one trainer. Results do not depend on it.
//!
//! # WebAssembly
//!
//! On `wasm32-unknown-unknown` there are no files, no threads and no clock: read tables with [`Table::parse`] and models
//! with [`Model::from_bytes`], on one thread, without a [`budget`](Hyperparameters::budget); the seconds of a history are
//! zero. With the target feature `simd128`, products use vectors. The bits are those of SSE2.
//! `examples/web` is a page that trains in a browser.
//!
//! # Versions
//!
//! The API follows semantic versioning; before 1.0, a minor version may change it, with old and new names in
//! [`guide::changes`]. The minimum supported Rust version is 1.89; raising it takes a minor version. Model files stay
//! readable. Checkpoints belong to the version that wrote them. The bits of a training change between minor versions
//! only, with a note in [`guide::changes`]. The hidden module `unversioned` may change at any time.
//!
//! [`Imputer`]: crate::data::Imputer
//! [`Init`]: crate::nn::Init
//! [`Layer`]: crate::nn::Layer
//! [`Lbfgs`]: crate::optim::Lbfgs
//! [`Missing`]: crate::data::Missing
//! [`Online`]: crate::train::Online
//! [`Online::partial_fit`]: crate::train::Online::partial_fit
//! [`Optimizer`]: crate::optim::Optimizer
//! [`Optimizer::step`]: crate::optim::Optimizer::step
//! [`Rule`]: crate::optim::Rule
//! [`Scaler`]: crate::data::Scaler
//! [`Scheduler`]: crate::optim::Scheduler
//! [`Schema`]: crate::data::Schema
//! [`set_threads`]: crate::compute::set_threads

mod base;
#[cfg(feature = "c-api")]
mod c_api;
pub mod data;
pub mod explain;
#[cfg(feature = "export")]
pub mod export;
pub mod format;
#[cfg(feature = "import")]
pub mod import;
mod linalg;
pub mod model;
pub mod nn;
pub mod optim;
pub mod plot;
pub mod report;
pub mod train;
pub mod tune;

// In one call.
#[doc(inline)]
pub use tune::{Fit, Hyperparameters, fit};

// Data and models.
pub use data::generate;
pub use data::{Dataset, Table, Target};
pub use linalg::matrix::Matrix;
pub use model::{Model, Preprocessing, Scaling, Score};

// Networks by hand.
pub use nn::{Activation, Loss, Network, Workspace};
pub use optim::{Adam, Penalty, Schedule, Sgd};
pub use train::{Checkpoints, Event, History, Run, Trainer};

pub use error::{Error, Result};

/// Errors, and their kinds, by which a program distinguishes them.
pub mod error {
    pub use crate::base::error::{Divergence, Error, ErrorKind, Result};
}

/// The machine: threads, instruction sets, random numbers.
pub mod compute {
    pub use crate::base::parallel::{set_threads, threads};
    pub use crate::base::rng::Rng;
    pub use crate::linalg::isa::Isa;
}

/// Items that the command needs beyond the public interface. Nothing here is stable.
#[doc(hidden)]
pub mod unversioned {
    pub use crate::base::nearest::nearest;
    pub use crate::base::text::{NARROWEST, counted, printable, significant};
    #[cfg(feature = "export")]
    pub use crate::export::{C_START, ONNX_START, RUST_START};
    pub use crate::format::atomic::{check_writable, follow_links, write_atomic};
    pub use crate::format::json::Json;
    pub use crate::format::safetensors::{Safetensors, Tensor};
    pub use crate::linalg::gemm::{SHARED_PRODUCT, peak_flops};
    pub use crate::linalg::view::MatrixView;
    pub use crate::model::file::{FileKind, check_length};
    pub use crate::plot::SVG_START as PICTURE_START;
    pub use crate::report::START as REPORT_START;
}

/// Readers of bytes in memory, for tests/fuzz: to write files takes most of the time.
#[cfg(fuzzing)]
#[allow(missing_docs)]
pub mod fuzzing {
    pub use crate::data::idx_from_bytes;
    pub use crate::train::{GIVEN, digest_of_file};
}

/// Metrics of predicted classes, labels, values and probabilities.
///
/// [`Model::evaluate`] returns an [`Evaluation`](crate::metrics::Evaluation). For more, compare the probabilities with
/// the true classes:
///
/// ```
/// use palmnet::metrics::{self, Ranking, Threshold};
/// use palmnet::{Activation::*, Adam, Loss, Network, Trainer, generate};
/// let (train, test) = generate::moons(400, 0.2, 1).split(0.5, 1);
/// let mut network = Network::builder(2).dense(16, Relu).dense(1, Sigmoid).seed(1).build()?;
/// Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(60).fit(&mut network, &train)?;
///
/// let (probabilities, truth) = (network.predict_dataset(&test)?, test.labels().unwrap());
/// assert!(metrics::roc_auc(&probabilities, truth) > 0.95);
/// // The threshold with the best F1, chosen on the training data.
/// let ranking = Ranking::of_class(&network.predict_dataset(&train)?, train.labels().unwrap(), 1);
/// let best = ranking.best_threshold(Threshold::f1).unwrap();
/// assert!(best.f1() > 0.9);
/// # Ok::<(), palmnet::Error>(())
/// ```
pub mod metrics {
    pub use crate::model::classification::{Classification, Scores, calibration_error};
    pub use crate::model::metrics::Evaluation;
    pub use crate::model::multi_label::{LabelMetrics, MultiLabel};
    pub use crate::model::ranking::{Ranking, Threshold, average_precision, brier_score, roc_auc};
    pub use crate::model::regression::{OutputErrors, Regression};
}

#[cfg(any(doc, doctest))]
pub mod guide {
    #![doc = include_str!("guide/index.md")]

    #[doc = include_str!("guide/how_do_i.md")]
    pub mod how_do_i {}
    #[doc = include_str!("guide/architecture.md")]
    pub mod architecture {}
    #[doc = include_str!("guide/files.md")]
    pub mod files {}
    #[doc = include_str!("guide/contributing.md")]
    pub mod contributing {}
    #[doc = include_str!("guide/changes.md")]
    pub mod changes {}
}

/// The README's code is tested as the rest of the documentation is.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The README and the crate's documentation promise that these can be shared and moved between threads.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Network>();
    is_send_and_sync::<Model>();
    is_send_and_sync::<Dataset>();
    is_send_and_sync::<Trainer>();
    is_send_and_sync::<Hyperparameters>();
};
