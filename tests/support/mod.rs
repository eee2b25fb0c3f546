//! Helpers of several test binaries.
#![allow(dead_code)] // Each binary uses a part of them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use palmnet::compute::Rng;
use palmnet::data::Scaler;
use palmnet::optim::{AdaGrad, NAdam, RmsProp, Rprop, Rule};
use palmnet::{Adam, Dataset, Matrix, Network, Result, Sgd, generate};

/// An empty temporary folder, removed when dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Two binaries may run at once, and so may two tests of one.
        let binary = env!("CARGO_CRATE_NAME");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("palmnet-{binary}-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The names of all files, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Replaces a file: some file systems wait for the disk when one is truncated and filled again.
pub fn put(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

/// Asserts that the result is an error whose message contains all of `parts`.
#[track_caller]
pub fn says<T>(result: Result<T>, parts: &[&str]) {
    let message = result.err().expect("an error").to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

#[track_caller]
pub fn close(got: f64, truth: f64, tolerance: f64) {
    assert!((got - truth).abs() <= tolerance, "{got} for {truth}");
}

#[track_caller]
pub fn all_close(got: &[f32], truth: &[f64], tolerance: f64) {
    assert_eq!(got.len(), truth.len());
    let near = |(&a, b): (&f32, &f64)| (f64::from(a) - b).abs() <= tolerance;
    assert!(got.iter().zip(truth).all(near), "{got:?} for {truth:?}");
}

/// All parameters in one vector.
pub fn flat(network: &Network) -> Vec<f32> {
    network.parameters().flatten().copied().collect()
}

/// The bits of all parameters, and of running means and variances.
pub fn network_bits(network: &Network) -> Vec<u32> {
    let state = network.layers().iter().flat_map(|layer| layer.state()).flat_map(|(_, values)| values);
    network.parameters().flatten().chain(state).map(|number| number.to_bits()).collect()
}

pub fn matrix_bits(matrix: &Matrix) -> Vec<u32> {
    matrix.as_slice().iter().map(|x| x.to_bits()).collect()
}

pub fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

/// Every update rule, at learning rates that suit small networks, times `factor`.
pub fn rules(factor: f32) -> [Rule; 9] {
    [
        Sgd::new(0.3 * factor).into(),
        Sgd::new(0.1 * factor).momentum(0.9).into(),
        Sgd::new(0.1 * factor).momentum(0.9).nesterov().into(),
        Adam::new(0.01 * factor).into(),
        Adam::new(0.01 * factor).amsgrad().into(),
        NAdam::new(0.01 * factor).into(),
        AdaGrad::new(0.1 * factor).into(),
        RmsProp::new(0.005 * factor).into(),
        Rprop::new(0.01 * factor).into(),
    ]
}

/// The first of the bundled digits, scaled to 0..1.
pub fn scaled_digits(examples: usize) -> Dataset {
    let mut data = generate::digits().select(&(0..examples).collect::<Vec<_>>());
    data.scale(&Scaler::divide_by(64, 16.0));
    data
}

/// Labels without any relation to the features: a network can only overfit.
pub fn random_labels(examples: usize, rng: &mut Rng) -> Dataset {
    let x = Matrix::from_fn(examples, 2, |_, _| rng.normal() as f32);
    let labels = (0..examples).map(|_| rng.below(2) as u32).collect();
    Dataset::from_classes(x, labels, ["a", "b"]).unwrap()
}

/// The number of threads belongs to the process: tests that change it take turns, by holding this.
pub fn thread_count_lock() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The emulator in which Cargo runs programs for the target of this test, if there is one.
pub fn runner() -> Option<String> {
    let arch = std::env::consts::ARCH.to_uppercase();
    let (system, android) = (std::env::consts::OS.to_uppercase(), cfg!(target_os = "android"));
    std::env::vars().find_map(|(name, runner)| {
        let triple = name.strip_prefix("CARGO_TARGET_")?.strip_suffix("_RUNNER")?;
        let ours = triple.starts_with(&arch) && triple.contains(&system) && triple.contains("ANDROID") == android;
        ours.then_some(runner)
    })
}

/// A command that runs a program for the target of this test, in the emulator if there is one.
pub fn program(path: &Path) -> Command {
    let runner = runner();
    let words = runner.iter().flat_map(|runner| runner.split_whitespace()).map(OsStr::new);
    let mut words = words.chain([path.as_os_str()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

/// Whether this test runs in an emulator. A runner for another target in the environment does not count.
pub fn emulated() -> bool {
    runner().is_some()
}
