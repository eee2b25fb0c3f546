//! The time of a prediction with weights in 8 bits, in turns with the same network of floats:
//! `cargo run --release --example int8_speed`.
//!
//! `PALMNET_ISA` chooses lesser instructions.

use std::time::Instant;

use palmnet::compute::{Isa, Rng};
use palmnet::nn::{InputScale, Layer, Quantized, Scratch};
use palmnet::{Activation::*, Matrix, Network};

/// The network with its dense layers in 8 bits, for inputs and hidden units from -4 to 4.
fn quantized(network: &Network) -> Result<Network, palmnet::Error> {
    let layers = network.layers().iter().map(|layer| {
        let scale = InputScale::of_range(-4.0, 4.0);
        Quantized::new(layer, scale).map_or_else(|| layer.clone(), Layer::Quantized)
    });
    Network::from_layers(network.inputs(), layers.collect())
}

/// The microseconds of a prediction, of so many in a row.
fn time(network: &Network, x: &Matrix, scratch: &mut Scratch, count: usize) -> f64 {
    let began = Instant::now();
    for _ in 0..count {
        std::hint::black_box(network.predict_into(std::hint::black_box(x), scratch));
    }
    began.elapsed().as_secs_f64() * 1e6 / count as f64
}

fn main() -> Result<(), palmnet::Error> {
    println!("{}\n{:<20}{:>5}{:>11}{:>11}{:>7}", Isa::current()?, "network", "rows", "float µs", "8 bits µs", "ratio");
    let mut rng = Rng::new(1);
    for widths in
        [&[4, 16, 3][..], &[16, 64, 64, 3], &[64, 128, 128, 10], &[784, 256, 256, 10], &[1024, 1024, 1024, 10]]
    {
        let mut builder = Network::builder(widths[0]);
        for &width in &widths[1..widths.len() - 1] {
            builder = builder.dense(width, Relu);
        }
        let float = builder.dense(widths[widths.len() - 1], Softmax).build()?;
        let networks = [&float, &quantized(&float)?];
        let name = widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
        for rows in [1, 16, 256] {
            let x = Matrix::from_fn(rows, widths[0], |_, _| rng.normal() as f32);
            let mut scratch = Scratch::default();
            let count = (20_000_000 / (rows * float.parameter_count())).clamp(3, 20_000);
            let mut times = [Vec::new(), Vec::new()];
            for _ in 0..15 {
                for (times, network) in times.iter_mut().zip(networks) {
                    times.push(time(network, &x, &mut scratch, count));
                }
            }
            let [float, bytes] = times.map(|mut times| {
                times.sort_by(f64::total_cmp);
                times[times.len() / 2]
            });
            println!("{name:<20}{rows:>5}{float:>11.3}{bytes:>11.3}{:>7.2}", float / bytes);
        }
    }
    Ok(())
}
