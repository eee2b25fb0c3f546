//! A custom training loop with data augmentation: every image of MNIST is shifted by up to two pixels before each step.
//! `cargo run --release --example mnist_shifts -- FOLDER [EPOCHS [SEED]]`, with the folder that holds MNIST's four
//! files.
//!
//! In your own project, put these lines into Cargo.toml: without them, `cargo run` without `--release` trains 81 times
//! slower.
//!
//! ```toml
//! [profile.dev.package.palmnet]
//! opt-level = 3
//! ```

use palmnet::compute::Rng;
use palmnet::data::Scaler;
use palmnet::optim::{Optimizer, Scheduler};
use palmnet::{Activation::*, Adam, Dataset, Loss, Matrix, Network, Penalty, Schedule, Workspace};

const SIDE: usize = 28;
const BATCH: usize = 128;
const RATE: f32 = 0.005;

fn main() -> palmnet::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: cargo run --release --example mnist_shifts -- FOLDER [EPOCHS [SEED]]");
        std::process::exit(2);
    };
    let epochs = arguments.next().and_then(|word| word.parse().ok()).unwrap_or(30);
    let seed = arguments.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let (mut train, mut test) = Dataset::from_idx_folder(&folder)?;
    let scaler = Scaler::divide_by(SIDE * SIDE, 255.0);
    train.scale(&scaler);
    test.scale(&scaler);

    let builder = Network::builder(SIDE * SIDE).dense(512, Identity).batch_norm().activation(Relu).dropout(0.2);
    let builder = builder.dense(512, Identity).batch_norm().activation(Relu).dropout(0.2);
    let mut network = builder.dense(10, Softmax).seed(seed).build()?;
    let mut workspace = Workspace::new(&network, seed);
    let mut optimizer = Optimizer::new(Adam::new(RATE), &network).penalty(Penalty::default().weight_decay(0.01));
    let batches = train.len().div_ceil(BATCH);
    let scheduler = Scheduler::new(Schedule::OneCycle, epochs, batches);

    let start = std::time::Instant::now();
    let (mut x, mut y, mut rng) = (Matrix::default(), Matrix::default(), Rng::new(seed));
    let mut order: Vec<usize> = (0..train.len()).collect();
    for epoch in 0..epochs {
        rng.shuffle(&mut order);
        let mut loss = 0.0;
        for (i, rows) in order.chunks(BATCH).enumerate() {
            train.gather(rows, &mut x);
            train.gather_targets(rows, 10, &mut y);
            shift(&mut x, &mut rng);
            loss += workspace.step(&mut network, Loss::CrossEntropy, &x, &y)? / batches as f64;
            optimizer.set_learning_rate(RATE * scheduler.factor(epoch * batches + i));
            optimizer.step(&mut network, workspace.gradient());
        }
        let accuracy = network.evaluate(&test)?.accuracy().unwrap();
        println!("epoch {:>2}, loss {loss:.4}, test {accuracy:.4}, {:.1} s", epoch + 1, start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Moves every image by up to two pixels to each side; pixels from outside are black.
fn shift(images: &mut Matrix, rng: &mut Rng) {
    let mut moved = [0.0; SIDE * SIDE];
    for i in 0..images.rows() {
        let (down, right) = (rng.below(5), rng.below(5));
        moved.fill(0.0);
        let image = images.row_mut(i);
        for row in down.saturating_sub(2)..SIDE.min(SIDE + down - 2) {
            let from = &image[(row + 2 - down) * SIDE..][..SIDE];
            let to = &mut moved[row * SIDE..][..SIDE];
            to[right.saturating_sub(2)..SIDE.min(SIDE + right - 2)]
                .copy_from_slice(&from[2usize.saturating_sub(right)..SIDE.min(SIDE + 2 - right)]);
        }
        image.copy_from_slice(&moved);
    }
}
