//! Once training has started, a step allocates nothing; neither does a prediction. A counting allocator checks that. Of
//! several threads, each allocates its buffers once, when it first does a kind of work.
#![allow(unsafe_code)] // An allocator that counts.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use palmnet::compute::{Rng, set_threads};
use palmnet::nn::{Piecewise, Role, Scratch};
use palmnet::optim::Optimizer;
use palmnet::train::ExampleWeights;
use palmnet::{Activation::*, Adam, Dataset, Event, Loss, Matrix, Network, Penalty, Run, Trainer, Workspace, generate};

use support::{rules, scaled_digits};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations of each epoch but the first, counted between the observer's calls.
fn allocations_per_epoch(network: &mut Network, trainer: Trainer, data: &Dataset, epochs: usize) -> Vec<usize> {
    let (mut counts, mut start) = (Vec::with_capacity(100), 0);
    // Batches of 48 do not divide the examples: the last batch of an epoch is smaller, the next epoch's are not.
    let trainer = trainer.penalty(Penalty::default().l2(1e-4)).epochs(epochs).batch_size(48);
    let mut run = Run::default().observe(|event| {
        match event {
            Event::Batch { batch: 1, .. } => start = ALLOCATIONS.load(Ordering::Relaxed),
            Event::Batch { batch, batches, .. } if batch == batches => {
                counts.push(ALLOCATIONS.load(Ordering::Relaxed) - start);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    trainer.fit_with(network, data, &mut run).unwrap();
    drop(run);
    counts.split_off(1)
}

// One test, because a second one at the same time would be counted too.
#[test]
fn steps_and_predictions_do_not_allocate() {
    set_threads(1);
    let classes = scaled_digits(1797);
    assert!(classes.features().is_bytes());
    let activations = [Relu, LeakyRelu(0.1), Elu(1.0), Selu, Sigmoid, Tanh, Softplus, Silu, Gelu, HardSigmoid];
    for (activation, rule) in activations.into_iter().zip(rules(0.1).into_iter().cycle()) {
        let layers = Network::builder(64).dense(130, activation).dropout(0.2).dense(33, activation).dense(10, Softmax);
        let mut network = layers.build().unwrap();
        let counts = allocations_per_epoch(&mut network, Trainer::new(Loss::CrossEntropy, rule), &classes, 6);
        assert_eq!(counts, [0; 5], "{activation}, {rule:?}");
    }

    // Everything else that a step can do.
    let adam = |loss| Trainer::new(loss, Adam::new(0.001));
    let layers = Network::builder(64).noise(0.1).dense(70, Identity).batch_norm().activation(Relu).dropout(0.2);
    let layers = layers.dense(33, Identity).layer_norm().activation(Silu).batch_norm().dense(10, Softmax);
    for frozen in [0, 1] {
        let trainer = adam(Loss::CrossEntropy).clip_norm(0.1).clip_value(0.1).max_norm(1.0).label_smoothing(0.1);
        let trainer = trainer.example_weights(ExampleWeights::Balanced).freeze(frozen);
        let counts = allocations_per_epoch(&mut layers.build().unwrap(), trainer, &classes, 6);
        assert_eq!(counts, [0; 5], "everything, {frozen} frozen");
    }

    let columns = (0..64).map(|i| (i % 2 > 0).then(|| vec![-0.5, 0.0, 1.0])).collect();
    let ensemble = Network::builder(64).piecewise(Piecewise::new(columns).unwrap());
    let roles = (0..128).map(|i| if i < 32 { Role::Kept } else { Role::Group(i / 2 - 16) }).collect();
    let ensemble = ensemble.embedding(roles, vec![0.5; 128], 2).members(4).dense(33, Identity);
    let members = ensemble.adapter().activation(Relu).dropout(0.2).heads(10, Softmax).build().unwrap();
    let trainer = adam(Loss::CrossEntropy).example_weights(ExampleWeights::Balanced).validation(0.1);
    let counts = allocations_per_epoch(&mut members.clone(), trainer, &classes, 6);
    assert_eq!(counts, [0; 5], "members");

    set_threads(3);
    let mut network =
        Network::builder(64).dense(130, Relu).dropout(0.2).dense(100, Tanh).dense(10, Softmax).build().unwrap();
    let counts = allocations_per_epoch(&mut network, adam(Loss::CrossEntropy), &classes, 60);
    let (steps, taken) = (59 * classes.len() / 48, counts.iter().sum::<usize>());
    assert!(taken < 100, "{taken} allocations in {steps} steps of three threads");
    set_threads(1);

    let values = generate::sums(500, 1);
    for loss in [Loss::MeanSquaredError, Loss::MeanAbsoluteError, Loss::Huber(1.0)] {
        let mut network = Network::builder(2).dense(7, Tanh).dense(3, Identity).build().unwrap();
        let counts = allocations_per_epoch(&mut network, adam(loss), &values, 6);
        assert_eq!(counts, [0; 5], "{loss}");
    }

    let mut network = layers.build().unwrap();
    let (mut target, mut workspace) = (network.clone(), Workspace::new(&network, 1));
    let mut optimizer = Optimizer::new(Adam::new(0.001), &network);
    let x = Matrix::from_fn(48, 64, |i, j| ((7 * i + j) % 16) as f32 / 16.0);
    let y = Matrix::from_fn(48, 10, |i, j| f32::from(i % 10 == j));
    let counts = [(); 5].map(|()| {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        workspace.step(&mut network, Loss::CrossEntropy, &x, &y).unwrap();
        optimizer.step(&mut network, workspace.gradient());
        workspace.input_gradient(&network);
        let outputs = workspace.forward(&network, &x);
        let value = Loss::MeanSquaredError.value(outputs, &y);
        assert!(value.is_finite());
        workspace.backward_from(&network, &y);
        target.blend_parameters(&network, 0.1).unwrap();
        target.copy_parameters_from(&network).unwrap();
        ALLOCATIONS.load(Ordering::Relaxed) - before
    });
    // Layers that exchange buffers take the last of them in the second step.
    assert_eq!(counts[2..], [0; 3], "a loop of one's own");

    let mut scratch = Scratch::default();
    let x = Matrix::zeros(100, 64);
    members.predict_into(&x, &mut scratch);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    members.predict_into(&x, &mut scratch);
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before, "members");

    let network = Network::builder(784).dense(128, Relu).dense(128, Relu).dense(10, Softmax).build().unwrap();
    let mut rng = Rng::new(1);
    let mut scratch = Scratch::default();
    for rows in [1, 7, 1000] {
        let x = Matrix::from_fn(rows, 784, |_, _| rng.uniform() as f32);
        network.predict_into(&x, &mut scratch);
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        network.predict_into(&x, &mut scratch);
        assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before, "{rows} rows");
    }
}
