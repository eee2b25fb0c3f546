//! Trains on a thread of its own, while the main thread shows progress, predicts with the latest weights, and stops the
//! training when they are good enough. `cargo run --release --example background`
//!
//! In your own project, put these lines into Cargo.toml: without them, `cargo run` without `--release` trains 81 times
//! slower.
//!
//! ```toml
//! [profile.dev.package.palmnet]
//! opt-level = 3
//! ```

use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};

use palmnet::{Activation::*, Adam, Event, Loss, Matrix, Network, Run, Trainer, generate};

fn main() -> palmnet::Result<()> {
    let (data, point) = (generate::moons(2000, 0.1, 1), Matrix::from_rows(&[[0.5, 0.25]]));
    let mut network = Network::builder(2).dense(32, Relu).dense(32, Relu).dense(2, Softmax).build()?;
    let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.001)).epochs(10_000);
    let (latest, stop) = (Mutex::new(network.clone()), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();

    std::thread::scope(|scope| {
        let (latest, stop, network) = (&latest, &stop, &mut network);
        let training = scope.spawn(move || {
            let mut run = Run::default().observe(|event| {
                if let Event::Epoch { record, network, .. } = event {
                    latest.lock().unwrap().clone_from(network);
                    let _ = sender.send(*record);
                }
                if stop.load(Ordering::Relaxed) { Break(()) } else { Continue(()) }
            });
            trainer.fit_with(network, &data, &mut run)
        });
        for record in receiver {
            let p = latest.lock().unwrap().predict(&point)[(0, 1)];
            println!(
                "epoch {:3}, loss {:.4}, the middle is in the second moon: {p:.2}",
                record.epoch, record.train_loss
            );
            stop.fetch_or(record.train_loss < 0.01, Ordering::Relaxed);
        }
        training.join().expect("training does not panic").map(drop)
    })
}
