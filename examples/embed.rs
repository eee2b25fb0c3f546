//! A trained model inside another program: nothing is read at run time. `cargo run --release --example embed`
//!
//! The model was made by `palmnet train iris.csv --out iris.safetensors`.
//!
//! In your own project, put these lines into Cargo.toml: without them, `cargo run` without `--release` trains 81 times
//! slower.
//!
//! ```toml
//! [profile.dev.package.palmnet]
//! opt-level = 3
//! ```

use palmnet::{Matrix, Model};

static IRIS: &[u8] = include_bytes!("iris.safetensors");

fn main() -> palmnet::Result<()> {
    let model = Model::from_bytes(IRIS, "iris.safetensors")?;
    // Sepal length and width, petal length and width, in centimeters: the units of the training data.
    let flowers = Matrix::from_rows(&[[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.2, 1.3], [6.6, 3.0, 5.6, 2.1]]);
    for (flower, probabilities) in flowers.iter_rows().zip(model.predict(&flowers).iter_rows()) {
        println!("{flower:?} → {}", model.class(probabilities).unwrap_or("?"));
    }
    Ok(())
}
