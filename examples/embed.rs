//! A trained model inside another program: nothing is read at run time. `cargo run --release --example embed`
//!
//! The model was made by `palmnet train iris.csv --out iris.safetensors`.

use palmnet::{Matrix, Model};

static IRIS: &[u8] = include_bytes!("iris.safetensors");

fn main() -> palmnet::Result<()> {
    let model = Model::from_bytes(IRIS, "iris.safetensors")?;
    // Sepal length and width, petal length and width, in centimetres: the units of the training data.
    let flowers = Matrix::from_rows(&[[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.2, 1.3], [6.6, 3.0, 5.6, 2.1]]);
    for (flower, probabilities) in flowers.iter_rows().zip(model.predict(&flowers).iter_rows()) {
        println!("{flower:?} → {}", model.class(probabilities).unwrap_or("?"));
    }
    Ok(())
}
