//! Checkpoints: whatever interrupts a training, and wherever, it goes on and ends with the same bits.

use std::fs;
use std::ops::ControlFlow::{Break, Continue};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use palmnet::Activation::*;
use palmnet::{
    AdaGrad, Adam, Checkpoints, Dataset, Event, History, Lbfgs, Loss, Model, NAdam, Network, NetworkBuilder, Penalty,
    RmsProp, Rng, Rprop, Rule, Safetensors, Schedule, Sgd, Trainer, Weights, generate,
};

/// An empty folder, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("palmnet-checkpoints-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("a.checkpoint")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes a file anew: to shorten and fill one, some file systems wait for the disk.
fn put(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

fn bits(network: &Network) -> Vec<u32> {
    let state = network.layers().iter().flat_map(|layer| layer.state()).flat_map(|(_, values)| values);
    network.parameters().flatten().chain(state).map(|number| number.to_bits()).collect()
}

/// Everything of a history but the seconds.
fn facts(history: &History) -> String {
    let epochs = history.epochs.iter().map(|epoch| {
        // The shortest text of a float is its own: no other has it.
        let (train_loss, validation_loss) = (epoch.train_loss, epoch.validation_loss);
        format!("{} {train_loss:?} {validation_loss:?} {:?}", epoch.epoch, epoch.learning_rate)
    });
    format!("{}, best {}", epochs.collect::<Vec<_>>().join(", "), history.best_epoch)
}

fn rules() -> [Rule; 9] {
    [
        Sgd::new(0.1).into(),
        Sgd::new(0.05).momentum(0.9).into(),
        Sgd::new(0.05).momentum(0.9).nesterov().into(),
        Adam::new(0.01).into(),
        Adam::new(0.01).amsgrad().into(),
        NAdam::new(0.01).into(),
        AdaGrad::new(0.1).into(),
        RmsProp::new(0.01).into(),
        Rprop::new(0.01).into(),
    ]
}

fn data() -> Dataset {
    generate::moons(60, 0.3, 1)
}

fn builder() -> NetworkBuilder {
    Network::builder(2).dense(7, Tanh).dropout(0.2).dense(2, Softmax).seed(5)
}

/// One with running means, and with random numbers in every step.
fn normalised() -> NetworkBuilder {
    let builder = Network::builder(2).noise(0.1).dense(7, Identity).batch_norm().activation(Tanh);
    builder.dropout(0.2).dense(2, Softmax).seed(5)
}

/// Everything that can be set, so that everything has to be kept: 8 epochs of 3 batches at most.
fn trainer<'a>(rule: Rule) -> Trainer<'a> {
    let penalty = Penalty::default().l1(0.001).l2(0.001).weight_decay(0.01);
    let trainer = Trainer::new(Loss::CrossEntropy, rule).penalty(penalty).clip_value(0.2).epochs(8).batch_size(20);
    let plateau = Schedule::Plateau { patience: 0, factor: 0.5 };
    trainer.schedule(plateau).warmup(0.3).validation(0.2).early_stopping(3).seed(3)
}

fn undisturbed(mut trainer: Trainer<'_>) -> (Network, History) {
    let mut network = builder().build().unwrap();
    let history = trainer.fit(&mut network, &data()).unwrap();
    (network, history)
}

#[track_caller]
fn resumes(trainer: Trainer<'_>, path: &Path, expected: &(Network, History), what: &str) {
    let mut network = builder().build().unwrap();
    let mut trainer = trainer.checkpoints(Checkpoints::new(path).resume());
    let history = trainer.fit(&mut network, &data()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(bits(&network), bits(&expected.0), "{what}");
    assert_eq!(facts(&history), facts(&expected.1), "{what}");
    assert!(history.epochs.is_sorted_by_key(|epoch| epoch.seconds), "{what}");
}

// -------------------------------------------------------------------------------------------------------- the same bits

/// After every single batch and every epoch, for every rule: what was on disk then leads to the same end.
#[test]
fn every_checkpoint_of_a_training_resumes() {
    let folder = Folder::new();
    let path = folder.file();
    for rule in rules() {
        let expected = undisturbed(trainer(rule));
        let mut states: Vec<Vec<u8>> = Vec::new();
        let checkpoints = Checkpoints::new(&path).every(Duration::ZERO);
        let mut observed = trainer(rule).checkpoints(checkpoints).observe(|_| {
            // What the last batch or epoch left.
            states.extend(fs::read(&path).ok());
            Continue(())
        });
        let mut network = builder().build().unwrap();
        let history = observed.fit(&mut network, &data()).unwrap();
        drop(observed);
        assert_eq!(bits(&network), bits(&expected.0), "{rule:?}, with checkpoints");
        assert_eq!(facts(&history), facts(&expected.1), "{rule:?}, with checkpoints");
        // The last one is of a training that is over.
        states.push(fs::read(&path).unwrap());
        assert_eq!(states.len(), 4 * history.epochs.len(), "{rule:?}");
        for (i, state) in states.iter().enumerate() {
            put(&path, state);
            resumes(trainer(rule), &path, &expected, &format!("{rule:?}, checkpoint {i}"));
        }
        fs::remove_file(&path).unwrap();
    }
}

/// Running means, noise, weights and every other limit on a step are in a checkpoint, or follow from what is.
#[test]
fn a_training_with_everything_resumes() {
    let folder = Folder::new();
    let path = folder.file();
    let trainer = || {
        let trainer = trainer(Adam::new(0.01).into()).weights(Weights::Balanced).label_smoothing(0.1);
        trainer.clip_norm(0.5).max_norm(1.0).freeze(0)
    };
    let train = |mut trainer: Trainer<'_>| {
        let mut network = normalised().build().unwrap();
        let history = trainer.fit(&mut network, &data()).unwrap();
        (bits(&network), facts(&history))
    };
    let expected = train(trainer());
    for stop in 1..30 {
        let mut left = stop;
        let checkpoints = Checkpoints::new(&path).resume();
        train(trainer().checkpoints(checkpoints.clone()).observe(|_| {
            left -= 1;
            if left == 0 { Break(()) } else { Continue(()) }
        }));
        assert_eq!(train(trainer().checkpoints(checkpoints)), expected, "stopped after {stop} events");
        let _ = fs::remove_file(&path);
    }
}

/// L-BFGS remembers steps in place of moments, and ends by itself: what has ended does not go on.
#[test]
fn lbfgs_resumes() {
    let folder = Folder::new();
    let path = folder.file();
    let builder = || Network::builder(2).dense(5, Tanh).dense(2, Softmax).seed(5);
    // It ends because the loss is level, because nothing is gained any more, by early stopping, by the epochs.
    for (rule, l2, validation, epochs) in [
        (Lbfgs::default().tolerance(1e-2, 0.0), 0.1, 0.0, 500),
        (Lbfgs::default().memory(2).tolerance(0.0, 1e-3), 0.01, 0.0, 500),
        (Lbfgs::default().memory(3).tolerance(0.0, 0.0), 1.0, 0.0, 500),
        (Lbfgs::default(), 0.0, 0.3, 500),
        (Lbfgs::default(), 0.001, 0.0, 12),
    ] {
        let trainer = || {
            let trainer = Trainer::new(Loss::CrossEntropy, rule).epochs(epochs).validation(validation).seed(3);
            let trainer = if validation > 0.0 { trainer.early_stopping(3) } else { trainer };
            trainer.penalty(Penalty::default().l2(l2))
        };
        let train = |mut trainer: Trainer<'_>| {
            let mut network = builder().build().unwrap();
            let history = trainer.fit(&mut network, &data()).unwrap();
            (bits(&network), facts(&history), history.epochs.len())
        };
        let expected = train(trainer());
        assert!((5..500).contains(&expected.2), "{rule:?} ends after {} epochs", expected.2);
        let resumed = || trainer().checkpoints(Checkpoints::new(&path).every_epochs(2).resume());
        // Stopped once, after every event there is, and gone on to the end; and once more from the end.
        for stop in 1..=2 * expected.2 {
            let mut left = stop;
            train(resumed().observe(|_| {
                left -= 1;
                if left == 0 { Break(()) } else { Continue(()) }
            }));
            assert_eq!(train(resumed()), expected, "{rule:?}, stopped after {stop} events");
            assert_eq!(train(resumed()), expected, "{rule:?}, stopped after {stop} events, and at the end");
            fs::remove_file(&path).unwrap();
        }
        // Stopped at every event.
        let mut events = 0;
        while {
            let before = events;
            train(resumed().observe(|_| {
                events += 1;
                Break(())
            }));
            events > before
        } {}
        assert_eq!((train(resumed()), events), (expected.clone(), 2 * expected.2), "{rule:?}");
        fs::remove_file(&path).unwrap();
    }
}

/// An observer that stops, again and again, in the middle of an epoch or at its end.
#[test]
fn a_training_that_is_stopped_goes_on_where_it_was() {
    let folder = Folder::new();
    let path = folder.file();
    let mut rng = Rng::new(1);
    for rule in rules().into_iter().cycle().take(27) {
        let expected = undisturbed(trainer(rule));
        let (mut events, mut places) = (0, Vec::new());
        loop {
            let mut left = rng.below(7);
            let mut trainer = trainer(rule).checkpoints(Checkpoints::new(&path).resume()).observe(|event| {
                events += 1;
                if left == 0 {
                    places.push(format!("{event:?}"));
                    return Break(());
                }
                left -= 1;
                Continue(())
            });
            let mut network = builder().build().unwrap();
            let history = trainer.fit(&mut network, &data()).unwrap();
            drop(trainer);
            if left > 0 || history.epochs.len() == 8 {
                assert_eq!(bits(&network), bits(&expected.0), "{rule:?} {places:?}");
                assert_eq!(facts(&history), facts(&expected.1), "{rule:?} {places:?}");
                break;
            }
        }
        // Nothing was done twice.
        assert!(events <= 4 * 8, "{events} events");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_checkpoint_comes_when_it_is_asked_for() {
    let folder = Folder::new();
    let path = folder.file();
    let epochs_and_batches = |checkpoints: Checkpoints<'_>, request: &AtomicBool| {
        let mut written = Vec::new();
        let mut last = Vec::new();
        let mut network = builder().build().unwrap();
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(7).batch_size(20);
        let mut trainer = trainer.checkpoints(checkpoints).observe(|event| {
            let file = fs::read(&path).unwrap_or_default();
            if file != last {
                let file = Safetensors::from_bytes(&file, "").unwrap();
                written.push((file.tensor("history").unwrap().shape[0], file.metadata["batch"].clone()));
            }
            last = file;
            request.fetch_or(matches!(event, Event::Batch { epoch: 3, batch: 2, .. }), Ordering::Relaxed);
            Continue(())
        });
        trainer.fit(&mut network, &data()).unwrap();
        drop(trainer);
        let _ = fs::remove_file(&path);
        written.iter().map(|(epoch, batch)| format!("{epoch}.{batch}")).collect::<Vec<_>>().join(" ")
    };
    let request = AtomicBool::new(false);
    let checkpoints = || Checkpoints::new(&path);
    assert_eq!(epochs_and_batches(checkpoints(), &request), "");
    request.store(false, Ordering::Relaxed);
    assert_eq!(epochs_and_batches(checkpoints().every_epochs(3), &request), "3.0 6.0");
    request.store(false, Ordering::Relaxed);
    assert_eq!(epochs_and_batches(checkpoints().on_request(&request), &request), "2.2");
    assert!(!request.load(Ordering::Relaxed));
    assert_eq!(epochs_and_batches(checkpoints().every(Duration::MAX), &request), "");
    request.store(false, Ordering::Relaxed);
    // Three epochs after the one that was asked for.
    let both = checkpoints().every_epochs(4).on_request(&request);
    assert_eq!(epochs_and_batches(both, &request), "2.2 6.0");
}

/// The starts are trainings too: a checkpoint of any of them leads to the same choice and the same end.
#[test]
fn the_best_of_several_starts() {
    let folder = Folder::new();
    let path = folder.file();
    // Trials of four epochs.
    let trainer = |checkpoints| trainer(Adam::new(0.02).into()).epochs(40).early_stopping(30).checkpoints(checkpoints);
    let fit = |mut trainer: Trainer<'_>| {
        let (network, history) = trainer.fit_best_of(3, &builder(), &data()).unwrap();
        (bits(&network), facts(&history))
    };
    let unused = folder.0.join("unused");
    let expected = fit(trainer(Checkpoints::new(&unused)));
    assert!(!unused.exists());
    let request = AtomicBool::new(false);
    let mut trials = Vec::new();
    // Trained are 12 epochs of trials and 40 of the best: the file from the trials is there until so many have passed.
    for every in [0, 3, 5, 7, 9, 12, 13, 50] {
        let checkpoints = Checkpoints::new(&path);
        let checkpoints = match every {
            // After the first batch of all.
            0 => checkpoints.on_request(&request),
            _ => checkpoints.every_epochs(every),
        };
        request.store(true, Ordering::Relaxed);
        let mut stopped = trainer(checkpoints).observe(|event| {
            // As if it had been killed: the file from before is put back after the checkpoint at the end.
            match event {
                Event::Batch { epoch: 1, batch: 1, .. } if path.exists() => {
                    fs::copy(&path, folder.0.join("kept")).unwrap();
                    Break(())
                }
                Event::Epoch { record, .. } if record.epoch == 39 => {
                    fs::copy(&path, folder.0.join("kept")).unwrap();
                    Break(())
                }
                _ => Continue(()),
            }
        });
        stopped.fit_best_of(3, &builder(), &data()).unwrap();
        drop(stopped);
        fs::rename(folder.0.join("kept"), &path).unwrap();
        trials.push(Safetensors::read(&path).unwrap().metadata.get("trials").cloned().unwrap_or("-".into()));
        assert_eq!(fit(trainer(Checkpoints::new(&path).resume())), expected, "every {every}");
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(trials, ["0", "2", "2", "1", "2", "2", "-", "-"]);
}

#[test]
fn a_checkpoint_is_a_network_too() {
    let folder = Folder::new();
    let mut now = None;
    let trainer = trainer(Adam::new(0.01).into()).checkpoints(Checkpoints::new(folder.file()));
    let mut trainer = trainer.observe(|event| match event {
        Event::Epoch { network, .. } => {
            now = Some(network.clone());
            Break(())
        }
        _ => Continue(()),
    });
    trainer.fit(&mut builder().build().unwrap(), &data()).unwrap();
    drop(trainer);
    assert_eq!(Network::load(folder.file()).unwrap(), now.unwrap());
    let error = Model::load(folder.file()).unwrap_err().to_string();
    assert!(error.contains("this is the checkpoint of a training"), "{error}");
}

/// A process that is killed while it writes leaves a temporary file: when nobody can be writing it any more, it goes.
#[test]
fn leftovers_are_removed() {
    let folder = Folder::new();
    let old = std::time::SystemTime::now() - Duration::from_secs(7200);
    for (name, time) in [(".palmnet-1-0.tmp", Some(old)), (".palmnet-2-0.tmp", None), ("a.tmp", Some(old))] {
        let file = fs::File::create(folder.0.join(name)).unwrap();
        time.into_iter().for_each(|time| file.set_modified(time).unwrap());
    }
    let expected = undisturbed(trainer(Adam::new(0.01).into()));
    resumes(trainer(Adam::new(0.01).into()), &folder.file(), &expected, "from nothing");
    let mut names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".palmnet-2-0.tmp", "a.tmp"]);
}

// ---------------------------------------------------------------------------------------------------------- refusals

/// A checkpoint after the second batch of the third epoch.
fn checkpoint(path: &Path) {
    let stop = |event: Event| match event {
        Event::Batch { epoch: 3, batch: 2, .. } => Break(()),
        _ => Continue(()),
    };
    let mut trainer = trainer(Adam::new(0.01).into()).checkpoints(Checkpoints::new(path)).observe(stop);
    trainer.fit(&mut builder().build().unwrap(), &data()).unwrap();
}

#[test]
fn another_training_is_refused_by_name() {
    let folder = Folder::new();
    checkpoint(&folder.file());
    let before = fs::read(folder.file()).unwrap();
    let adam = || trainer(Adam::new(0.01).into());
    let fit = |trainer: Trainer<'_>, builder: NetworkBuilder, data: &Dataset| {
        let mut network = builder.build().unwrap();
        let before = network.clone();
        let mut trainer = trainer.checkpoints(Checkpoints::new(folder.file()).resume());
        let message = trainer.fit(&mut network, data).unwrap_err().to_string();
        assert_eq!(network, before);
        assert!(message.contains("a.checkpoint: ") && message.contains("remove the file"), "{message}");
        message
    };
    let one_label = {
        let mut labels = data().labels().unwrap().to_vec();
        labels[17] = 1 - labels[17];
        let names = data().class_names().to_vec();
        Dataset::from_classes(data().to_matrix(), labels, names).unwrap()
    };
    let one_number = {
        let mut x = data().to_matrix();
        x[(59, 1)] += 1e-5;
        Dataset::from_classes(x, data().labels().unwrap().to_vec(), data().class_names().to_vec()).unwrap()
    };
    let same = data();
    for (trainer, parts) in [
        (adam().epochs(9), &["epochs was 8 and is 9"][..]),
        (adam().batch_size(21), &["batch size was 20 and is 21"]),
        (adam().seed(4), &["seed was 3 and is 4"]),
        (adam().warmup(0.2), &["warmup was 0.3 and is 0.2"]),
        (adam().clip_value(0.3), &["clip value was 0.2 and is 0.3"]),
        (adam().schedule(Schedule::OneCycle), &["schedule was plateau:0:0.5 and is one_cycle"]),
        (adam().validation(0.25), &["validation was 0.2 and is 0.25"]),
        (adam().validation_data(&same), &["validation was 0.2 and is 60 examples"]),
        (adam().early_stopping(4), &["patience was 3 and is 4"]),
        (adam().penalty(Penalty::default().l1(0.001)), &["l2 was 0.001 and is 0", "weight decay was 0.01 and is 0"]),
        (trainer(Adam::new(0.02).into()), &["learning rate was 0.01 and is 0.02"]),
        (trainer(NAdam::new(0.01).into()), &["update rule was Adam(", " and is NAdam("]),
        (adam().epochs(9).seed(4), &["epochs was 8 and is 9", "seed was 3 and is 4"]),
    ] {
        let message = fit(trainer, builder(), &data());
        assert!(parts.iter().all(|part| message.contains(part)), "{message} lacks {parts:?}");
        // Nothing else is blamed, but for a rule that contains the rate.
        let (blamed, rate) = (message.matches(" was ").count(), message.contains("learning rate was"));
        assert_eq!(blamed, parts.iter().filter(|part| part.contains("was")).count() + usize::from(rate), "{message}");
    }
    for (builder, part) in [
        (builder().seed(6), "initial weights was "),
        (Network::builder(2).dense(7, Relu).dropout(0.2).dense(2, Softmax), "network was dense(2,7) tanh "),
        (Network::builder(2).dense(7, Tanh).dropout(0.3).dense(2, Softmax), "network was "),
    ] {
        let message = fit(adam(), builder, &data());
        assert!(message.contains(part), "{message}");
    }
    for data in [one_label, one_number, data().select(&(0..59).collect::<Vec<_>>())] {
        let message = fit(adam(), builder(), &data);
        assert!(message.contains("data was 60 examples of digest "), "{message}");
    }
    let mut other = adam().checkpoints(Checkpoints::new(folder.file()).resume());
    let message = other.fit_best_of(2, &builder(), &data()).unwrap_err().to_string();
    assert!(message.contains("starts was 1 and is 2"), "{message}");
    // And it is still there.
    assert_eq!(fs::read(folder.file()).unwrap(), before);
    resumes(adam(), &folder.file(), &undisturbed(adam()), "after all that");
}

#[test]
fn damaged_files_are_errors() {
    let folder = Folder::new();
    let path = folder.file();
    checkpoint(&path);
    let whole = fs::read(&path).unwrap();
    let fails = |bytes: &[u8], what: &str| {
        put(&path, bytes);
        let mut network = builder().build().unwrap();
        let mut trainer = trainer(Adam::new(0.01).into()).checkpoints(Checkpoints::new(&path).resume());
        let error = trainer.fit(&mut network, &data()).err().unwrap_or_else(|| panic!("{what} is accepted"));
        assert!(error.to_string().contains("a.checkpoint: "), "{what}: {error}");
        error.to_string()
    };
    for length in (0..whole.len()).step_by(5) {
        fails(&whole[..length], &format!("{length} bytes"));
    }
    let mut rng = Rng::new(2);
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << rng.below(8);
        fails(&bytes, &format!("byte {place}, {} for {}", bytes[place], whole[place]));
    }
    assert!(fails(b"a,b\n1,2\n", "a table").contains("not a safetensors file"));
    builder().build().unwrap().save(&path).unwrap();
    assert!(fails(&fs::read(&path).unwrap(), "a network").contains("not a checkpoint"));
    let mut file = Safetensors::from_bytes(&whole, "").unwrap();
    file.metadata.insert("checkpoint".into(), "2".into());
    assert!(fails(&file.to_bytes(), "a newer one").contains("newer palmnet"));
    let (name, value) = ("setting: batch size", "30".to_string());
    let mut file = Safetensors::from_bytes(&whole, "").unwrap();
    file.metadata.insert(name.into(), value).expect("the setting is there");
    assert!(fails(&file.to_bytes(), "another setting").contains("digest"));
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let folder = Folder::new();
    let path = folder.0.join("nowhere/a.checkpoint");
    // To resume from what is not there is to begin; the first checkpoint fails.
    let mut trainer = trainer(Adam::new(0.01).into()).checkpoints(Checkpoints::new(path).every_epochs(1).resume());
    let error = trainer.fit(&mut builder().build().unwrap(), &data()).unwrap_err().to_string();
    assert!(error.contains("the folder does not exist"), "{error}");
    let mut trainer = self::trainer(Adam::new(0.01).into()).checkpoints(Checkpoints::new(&folder.0).resume());
    let error = trainer.fit(&mut builder().build().unwrap(), &data()).unwrap_err().to_string();
    assert!(error.contains("this is a folder"), "{error}");
}

/// What has diverged is no state to go on from.
#[test]
fn a_state_that_is_not_finite_is_not_written() {
    let folder = Folder::new();
    let fit = |rate: f32| {
        let mut network = Network::builder(2).dense(4, Identity).dense(3, Identity).build().unwrap();
        let checkpoints = Checkpoints::new(folder.file()).every(Duration::ZERO);
        let mut trainer = Trainer::new(Loss::MeanSquaredError, Sgd::new(rate)).epochs(20).checkpoints(checkpoints);
        trainer.fit(&mut network, &generate::sums(50, 1)).unwrap_err();
    };
    // The loss is finite before the first step, the weights are not after it.
    fit(1e38);
    assert!(!folder.file().exists());
    fit(1e3);
    Network::load(folder.file()).unwrap();
}
