//! Training and products of random shapes by random numbers of threads, against one thread, bit by bit. A few rounds by
//! default; `PALMNET_SOAK=2000 cargo test --release --test soak` takes minutes.

use palmnet::compute::{Rng, set_threads};
use palmnet::data::{Features, Scaler};
use palmnet::optim::Rule;
use palmnet::{Activation, Adam, Dataset, Loss, Matrix, Network, Schedule, Sgd, Trainer};

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.below(from.len())]
}

/// Examples with random labels, kept as bytes or not.
fn examples(rng: &mut Rng, rows: usize, columns: usize, classes: usize) -> Dataset {
    let features = if rng.below(2) == 0 {
        Features::from_bytes(columns, (0..rows * columns).map(|_| rng.below(256) as u8).collect()).unwrap()
    } else {
        Matrix::from_fn(rows, columns, |_, _| rng.normal() as f32).into()
    };
    let labels = (0..rows).map(|_| rng.below(classes) as u32).collect();
    let mut data = Dataset::from_classes(features, labels, (0..classes).map(|class| class.to_string())).unwrap();
    data.scale(&Scaler::standard(data.features()));
    data
}

#[test]
fn thread_count_does_not_change_bits_of_random_trainings() {
    let rounds = std::env::var("PALMNET_SOAK").map_or(12, |rounds| rounds.parse().expect("a number of rounds"));
    for round in 0..rounds {
        let mut rng = Rng::new(round);
        let columns = 1 + rng.below(400);
        let classes = 2 + rng.below(12);
        let rows = 1 + rng.below(700);
        let data = examples(&mut rng, rows, columns, classes);
        let mut builder = Network::builder(columns);
        for _ in 0..rng.below(4) {
            let activation = pick(&mut rng, &[Activation::Relu, Activation::Tanh, Activation::Silu, Activation::Gelu]);
            builder = builder.dense(1 + rng.below(300), activation);
            if rng.below(3) == 0 {
                builder = builder.dropout(0.3);
            }
        }
        let builder = builder.dense(classes, Activation::Softmax).seed(round);
        let rule: Rule = pick(&mut rng, &[Sgd::new(0.01).into(), Adam::new(0.001).into()]);
        let (batch, validation) = (1 + rng.below(300), pick(&mut rng, &[0.0, 0.2]));
        let (m, k, n) = (1 + rng.below(900), 1 + rng.below(600), 1 + rng.below(600));
        let a = Matrix::from_fn(k, m, |_, _| rng.normal() as f32);
        let b = Matrix::from_fn(k, n, |_, _| rng.normal() as f32);
        let all = |threads| {
            set_threads(threads);
            let mut network = builder.build().unwrap();
            let mut trainer = Trainer::new(Loss::CrossEntropy, rule).schedule(Schedule::Constant).epochs(2);
            trainer = trainer.batch_size(batch).validation(validation).seed(round);
            let history = trainer.fit(&mut network, &data).unwrap();
            let losses: Vec<_> = history.epochs.iter().map(|epoch| (epoch.train_loss, epoch.validation_loss)).collect();
            let mut product = Matrix::default();
            product.set_product(a.operand().transposed(), b.operand());
            (losses, network, product)
        };
        let threads = 2 + rng.below(7);
        let (one, many) = (all(1), all(threads));
        let shapes = format!("round {round}: {rows} × {columns}, batch {batch}, {threads} threads, {m} × {k} × {n}");
        assert!(one == many, "{shapes}\n{}", one.1);
    }
}
