//! What suits the data where the command line says nothing, and the network and trainer that follow.

use palmnet::{
    Activation, AdaGrad, Adam, Dataset, ExampleWeights, Features, Lbfgs, Loss, Model, NAdam, Network, NetworkBuilder,
    Penalty, RmsProp, Rng, Rprop, Rule, Scaler, Sgd, Targets, Trainer,
};

use super::arguments::Arguments;
use super::decay;
use super::numbers::exact;
use super::options::{Norm, OPTIMIZERS, Options};
use super::report::Score;
use super::train::COMMAND;
use super::training;

/// About so many steps fit most tables.
pub const STEPS: usize = 6_000;

/// How a network is made and trained: what was asked for, and what suits the data for the rest.
#[derive(Clone)]
pub struct Settings {
    pub options: Options,
    pub optimizer: &'static str,
    pub learning_rate: f32,
    pub weight_decay: f32,
    /// Whether trials are still to find the weight decay.
    pub seeks_decay: bool,
    pub hidden: Vec<usize>,
    pub outputs: (usize, Activation),
    pub loss: Loss,
    pub batch: usize,
    pub epochs: usize,
    pub restarts: usize,
}

impl Settings {
    pub fn choose(options: Options, train: &Dataset) -> Self {
        let rows = train.len();
        let images = matches!(train.features(), Features::Bytes { .. });
        let (outputs, loss) = match train.targets() {
            Targets::Classes(_) => ((train.class_names().len(), Activation::Softmax), Loss::CrossEntropy),
            Targets::Values(values) => ((values.columns(), Activation::Identity), Loss::MeanSquaredError),
        };
        // A network of new weights learns by heart what weight decay does not keep it from. How much of it is right
        // depends on the data, and is soon found; what is right for many images is about the same for all.
        let free = options.optimizer.is_none() && options.weight_decay.is_none() && !options.warm;
        let many_images = images && rows >= 10_000;
        let optimizer = options.optimizer.unwrap_or(if options.warm { "adam" } else { "adamw" });
        let usual_rate = OPTIMIZERS.iter().find(|(name, _)| *name == optimizer).map_or(0.001, |&(_, rate)| rate);
        let learning_rate = options.learning_rate.unwrap_or(usual_rate);
        let usual_decay = match optimizer {
            "adamw" if free => 0.1,
            "adamw" => 0.01,
            _ => 0.0,
        };
        let weight_decay = options.weight_decay.unwrap_or(usual_decay);
        let seeks_decay = options.auto_decay || (free && !many_images);
        // The signs of a batch's gradient, which are all that Rprop looks at, are mostly noise; L-BFGS takes no batches.
        let all = matches!(optimizer, "rprop" | "lbfgs");
        let batch = options.batch.unwrap_or(match rows {
            _ if all => rows,
            0..1000 if !images => 16,
            0..10_000 if !images => 32,
            _ => 64,
        });
        let fewest = if images { 10 } else { 40 };
        let usual_epochs = match optimizer {
            "lbfgs" => 500,
            _ => (STEPS.saturating_mul(batch) / rows).clamp(fewest, 200),
        };
        let epochs = options.epochs.unwrap_or(usual_epochs);
        let mut settings = Settings {
            optimizer,
            learning_rate,
            weight_decay,
            seeks_decay,
            hidden: Vec::new(),
            outputs,
            loss,
            batch,
            epochs,
            restarts: 1,
            options,
        };
        settings.hidden = match settings.options.hidden.take() {
            Some(hidden) => hidden,
            None if images => vec![128, 128],
            None => vec![64, 64, 64],
        };
        let usual_restarts = if settings.parameters(train) < 300 { 5 } else { 1 };
        settings.restarts = settings.options.restarts.unwrap_or(usual_restarts);
        settings
    }

    /// What brings features to a size that networks learn from: what was asked for, else the `usual` scaler, else one
    /// to mean 0 and variance 1.
    pub fn scaler(&self, train: &Dataset, usual: Option<Scaler>) -> Scaler {
        match (self.options.scale, usual) {
            (Some(fit), _) => fit(train.features()),
            (None, Some(usual)) => usual,
            (None, None) => Scaler::standard(train.features()),
        }
    }

    pub fn dropout(&self) -> f32 {
        self.options.dropout
    }

    /// Trains a network on one part, both of them unscaled, and says how it does there and on the other part.
    pub fn attempt(
        &self,
        mut train: Dataset,
        mut test: Dataset,
        usual_scaler: Option<Scaler>,
    ) -> palmnet::Result<[Score; 2]> {
        let (scaler, target_scaler) = (self.scaler(&train, usual_scaler), training::target_scaler(&train));
        let settings = self.settled(&train, &scaler, target_scaler.as_ref())?;
        for part in [&mut train, &mut test] {
            part.scale(&scaler);
            if let Some(scaler) = &target_scaler {
                part.scale_targets(scaler);
            }
        }
        let (network, _) = settings.trainer().fit_best_of(self.restarts, &self.builder(&train), &train)?;
        let score = |part: &Dataset| Score::of(&network, part, self.loss, target_scaler.as_ref());
        Ok([score(&train)?, score(&test)?])
    }

    /// The same with this weight decay and L1 penalty.
    pub fn with(&self, weight_decay: f32, l1: f32) -> Settings {
        let mut settings = Settings { weight_decay, seeks_decay: false, ..self.clone() };
        settings.options.l1 = l1;
        settings
    }

    /// The same with the weight decay that trials on this data find, where they are to; it is not yet scaled.
    pub fn settled(
        &self,
        train: &Dataset,
        scaler: &Scaler,
        target_scaler: Option<&Scaler>,
    ) -> palmnet::Result<Settings> {
        if !self.seeks_decay {
            return Ok(self.clone());
        }
        Ok(decay::best(&decay::find(self, train, scaler, target_scaler, None, None, &mut |_| {})?, self))
    }

    /// The number of weights and biases.
    pub fn parameters(&self, train: &Dataset) -> usize {
        let inputs = [train.features().columns()].into_iter().chain(self.hidden.iter().copied());
        let outputs = self.hidden.iter().copied().chain([self.outputs.0]);
        let layers = inputs.zip(outputs).map(|(inputs, outputs)| inputs.saturating_add(1).saturating_mul(outputs));
        layers.fold(0, usize::saturating_add)
    }

    pub fn builder(&self, train: &Dataset) -> NetworkBuilder {
        let Options { activation, init, dropout, noise, norm, seed, .. } = self.options;
        let mut builder = Network::builder(train.features().columns()).seed(seed);
        if noise > 0.0 {
            builder = builder.noise(noise);
        }
        let dense = |builder: NetworkBuilder, units, activation| {
            let builder = builder.dense(units, activation);
            if let Some(init) = init { builder.init(init) } else { builder }
        };
        for &units in &self.hidden {
            builder = match norm {
                Some(Norm::Batch) => dense(builder, units, Activation::Identity).batch_norm().activation(activation),
                Some(Norm::Layer) => dense(builder, units, Activation::Identity).layer_norm().activation(activation),
                None => dense(builder, units, activation),
            };
            if dropout > 0.0 {
                builder = builder.dropout(dropout);
            }
        }
        dense(builder, self.outputs.0, self.outputs.1)
    }

    pub fn trainer(&self) -> Trainer {
        let Options { schedule, warmup, l1, l2, validation, patience, seed, .. } = self.options;
        let learning_rate = self.learning_rate;
        let rule: Rule = match self.optimizer {
            "amsgrad" => Adam::new(learning_rate).amsgrad().into(),
            "nadam" => NAdam::new(learning_rate).into(),
            "sgd" => Sgd::new(learning_rate).into(),
            "momentum" => Sgd::new(learning_rate).momentum(0.9).into(),
            "nesterov" => Sgd::new(learning_rate).momentum(0.9).nesterov().into(),
            "adagrad" => AdaGrad::new(learning_rate).into(),
            "rmsprop" => RmsProp::new(learning_rate).into(),
            "rprop" => Rprop::new(learning_rate).into(),
            "lbfgs" => Lbfgs::default().into(),
            _ => Adam::new(learning_rate).into(),
        };
        let penalty = Penalty::default().l1(l1).l2(l2).weight_decay(self.weight_decay);
        let trainer = Trainer::new(self.loss, rule).epochs(self.epochs).batch_size(self.batch).seed(seed);
        let trainer = trainer.penalty(penalty).schedule(schedule).warmup(f64::from(warmup)).validation(validation);
        let Options { max_norm, clip_norm, clip_value, label_smoothing, balanced, .. } = self.options;
        let trainer = trainer.max_norm(max_norm).clip_norm(clip_norm).clip_value(clip_value);
        let trainer = trainer.label_smoothing(f64::from(label_smoothing)).freeze(self.options.freeze);
        let trainer = if balanced { trainer.example_weights(ExampleWeights::Balanced) } else { trainer };
        if patience > 0 { trainer.early_stopping(patience) } else { trainer }
    }

    /// A learning rate for these settings, if one makes the loss fall.
    pub fn find_rate(
        &self,
        train: &Dataset,
        scaler: &Scaler,
        target_scaler: Option<&Scaler>,
        start: Option<&Model>,
    ) -> palmnet::Result<Option<f32>> {
        // As many examples as the search takes.
        let mut rows: Vec<usize> = (0..train.len()).collect();
        Rng::new(self.options.seed).shuffle(&mut rows);
        rows.truncate(self.batch.saturating_mul(101).max(1000));
        let mut train = scaler.apply(&train.select(&rows));
        if let Some(scaler) = target_scaler {
            train.scale_targets(scaler);
        }
        let network = match start {
            Some(model) => model.network().clone(),
            None => self.builder(&train).build()?,
        };
        let found = self.trainer().find_rate(&network, &train)?;
        Ok(found.rate)
    }

    /// The command line that does all this again, whatever a later version chooses when nothing is said.
    pub fn line(&self, arguments: &Arguments) -> String {
        let data = arguments.word(0).unwrap_or_default();
        // A file of such a name is no option.
        let dash = if data.len() > 1 && data.starts_with('-') { "./" } else { "" };
        let mut line = format!("palmnet train {dash}{}", shell_word(data));
        for option in COMMAND.options {
            let hidden = || match &self.hidden[..] {
                [] => "0".to_string(),
                sizes => sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(","),
            };
            let value = match option.name {
                "--hidden" | "--restarts" if arguments.has("--from") => continue,
                "--hidden" => hidden(),
                "--optimizer" => self.optimizer.to_string(),
                "--lr" | "--batch" if self.optimizer == "lbfgs" => continue,
                "--lr" if self.options.auto_rate => "auto".to_string(),
                "--lr" => exact(self.learning_rate),
                "--weight-decay" if self.seeks_decay => "auto".to_string(),
                "--weight-decay" if self.weight_decay > 0.0 || self.optimizer == "adamw" => exact(self.weight_decay),
                "--l1" if self.options.l1 > 0.0 => exact(self.options.l1),
                "--epochs" => self.epochs.to_string(),
                "--batch" => self.batch.to_string(),
                "--restarts" => self.restarts.to_string(),
                "--seed" => self.options.seed.to_string(),
                // These change nothing in the model.
                "--out" | "--history" | "--every" | "--quiet" | "--json" => continue,
                "--checkpoint" | "--checkpoint-every" | "--resume" | "--threads" => continue,
                name => match arguments.text(name) {
                    Some(_) if option.value.is_empty() => String::new(),
                    Some(value) => value.to_string(),
                    None => continue,
                },
            };
            line += " ";
            line += option.name;
            if !option.value.is_empty() {
                line += &format!(" {}", shell_word(&value));
            }
        }
        line
    }
}

/// A word as it must be typed for a shell to leave it as it is.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,:=+@%".contains(c);
    match word.chars().all(plain) && !word.is_empty() {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}
