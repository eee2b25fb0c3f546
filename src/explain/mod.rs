//! Explanations of a model: which columns it needs, how its predictions depend on one of them, and what moved a single
//! prediction.
//!
//! | question | method |
//! |---|---|
//! | Which columns does the model need? | [`Model::importance`]: the fall of the score if a column is shuffled |
//! | How does the prediction change with a column? | [`Model::partial_dependence`] |
//! | Why this prediction for this row? | [`Model::shapley`] |
//! | Which way does an output of a network rise? | [`Network::input_gradient`] |
//!
//! All of them treat the inputs of a column together: those of its categories, the parts of a date, and the input that
//! marks missing cells. They show how the model works, not how the world does: of two columns that say the same, a model
//! may use either, and a column can be important because it goes along with a cause.
//!
//! ```
//! use palmnet::{Dataset, Model, Target};
//! let model = Model::load("examples/iris.safetensors")?;
//! let data = Dataset::from_csv_as("tests/data/iris.csv", model.schema())?;
//! let importance = model.importance(&data, 5, 0)?;
//! println!("{importance}");
//! let first = &importance.columns[importance.ranked()[0]];
//! assert!(first.name.starts_with("petal") && first.mean > 0.1);
//!
//! println!("{}", model.partial_dependence(data.features(), &first.name, 7, 0)?);
//! println!("{}", model.shapley(data.to_matrix().row(0), data.features(), 0)?);
//! # Ok::<(), palmnet::Error>(())
//! ```
//!
//! [`Model::importance`]: crate::Model::importance
//! [`Model::partial_dependence`]: crate::Model::partial_dependence
//! [`Model::shapley`]: crate::Model::shapley
//! [`Network::input_gradient`]: crate::Network::input_gradient

pub(crate) mod cells;
mod dependence;
mod importance;
mod layout;
mod rows;
mod shapley;

pub use dependence::{GridPoint, PartialDependence};
pub use importance::{ColumnImportance, Importance, Permutations};
pub use shapley::{Contribution, Shapley};
