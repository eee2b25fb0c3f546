//! Progress of a training on standard error: one line that redraws itself on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use palmnet::Event;
use palmnet::plot::sparkline;
use palmnet::train::Epoch;

use super::format::{duration, short, significant};
use super::terminal;

/// The shortest time between two redraws of the line.
const PAUSE: Duration = Duration::from_millis(100);
/// Without `--every`, the shortest time between two plain lines.
const LINE_PAUSE: Duration = Duration::from_secs(1);
/// The losses that are kept for the curve. From then on, every second one is dropped.
const KEPT: usize = 256;
/// The widest curve, and the narrowest that says something.
const WIDEST: usize = 24;
const NARROWEST: usize = 6;

pub struct Progress {
    style: Style,
    epochs: usize,
    examples: usize,
    /// The time of the first event, and the epochs done by then: time and rate are counted from there.
    started: Option<(Instant, f64)>,
    drawn: Option<Instant>,
    last: Option<Epoch>,
    /// The losses of every so many epochs.
    losses: Vec<f64>,
    stride: usize,
    /// The mini-batches of the epoch that are done, and all of them.
    batch: Option<[usize; 2]>,
    /// The last epoch that was printed as a plain line.
    printed: usize,
    has_unicode: bool,
}

enum Style {
    Silent,
    Redrawn,
    /// A line every so many epochs; without a number, about one a second, and one for the last epoch.
    Plain {
        every: Option<usize>,
    },
}

impl Progress {
    /// Returns the progress of a training of `epochs` epochs over `examples` examples. With `every`, a plain line is
    /// printed every so many epochs.
    pub fn new(silent: bool, every: Option<usize>, epochs: usize, examples: usize) -> Self {
        let style = match every {
            _ if silent => Style::Silent,
            Some(_) => Style::Plain { every },
            None if std::io::stderr().is_terminal() && !terminal::is_dumb() => Style::Redrawn,
            None => Style::Plain { every },
        };
        Progress {
            style,
            epochs,
            examples,
            started: None,
            drawn: None,
            last: None,
            losses: Vec::new(),
            stride: 1,
            batch: None,
            printed: 0,
            has_unicode: terminal::has_unicode(),
        }
    }

    /// Sets the number of epochs, once it is known.
    pub fn set_epochs(&mut self, epochs: usize) {
        self.epochs = epochs;
    }

    /// Reports a phase, such as a trial, during which there are no training events.
    pub fn phase(&mut self, line: &str) {
        match self.style {
            Style::Silent => {}
            Style::Redrawn => self.draw(line),
            Style::Plain { .. } if self.drawn.is_some_and(|drawn| drawn.elapsed() < LINE_PAUSE) => {}
            Style::Plain { .. } => {
                self.drawn = Some(Instant::now());
                terminal::write_error(&format!("{line}\n"));
            }
        }
    }

    /// Shows what goes on in a line that redraws itself; elsewhere nothing.
    pub fn hint(&mut self, line: &str) {
        if matches!(self.style, Style::Redrawn) {
            self.draw(line);
        }
    }

    /// Reports an event of the training.
    pub fn show(&mut self, event: Event<'_>) {
        if matches!(self.style, Style::Silent) {
            return;
        }
        // The epoch, its loss so far, and how many epochs are done.
        let (epoch, loss, done) = match event {
            Event::Batch { epoch, batch, batches, mean_loss: loss, .. } => {
                self.batch = Some([batch, batches]);
                (epoch, loss, (epoch - 1) as f64 + batch as f64 / batches as f64)
            }
            Event::Epoch { record, .. } => {
                (self.last, self.batch) = (Some(*record), None);
                self.keep(record);
                (record.epoch, record.train_loss, record.epoch as f64)
            }
            _ => return,
        };
        self.started.get_or_insert_with(|| (Instant::now(), done));
        match self.style {
            Style::Silent => {}
            Style::Redrawn => {
                if self.drawn.is_none_or(|drawn| drawn.elapsed() >= PAUSE) {
                    self.draw(&self.line("", epoch, loss, done));
                }
            }
            Style::Plain { every } => {
                let is_due = match every {
                    Some(every) => epoch % every == 0 || epoch == 1,
                    None => self.drawn.get_or_insert_with(Instant::now).elapsed() >= LINE_PAUSE,
                };
                if matches!(event, Event::Epoch { .. }) && (is_due || epoch == self.epochs) {
                    self.print(epoch, loss);
                }
            }
        }
    }

    fn print(&mut self, epoch: usize, loss: f64) {
        (self.drawn, self.printed) = (Some(Instant::now()), epoch);
        terminal::write_error(&format!("{}\n", self.line("epoch ", epoch, loss, epoch as f64)));
    }

    /// Leaves the last state on the screen, and moves the cursor to a new line.
    pub fn finish(&mut self) {
        match (&self.style, self.last) {
            (Style::Redrawn, last) if self.drawn.is_some() => {
                if let Some(epoch) = last {
                    self.draw(&self.line("", epoch.epoch, epoch.train_loss, epoch.epoch as f64));
                }
                terminal::write_error("\n");
            }
            // Early stopping, or a divergence.
            (Style::Plain { .. }, Some(epoch)) if epoch.epoch > self.printed => {
                self.print(epoch.epoch, epoch.train_loss);
            }
            _ => {}
        }
    }

    /// Erases the line that redraws itself.
    pub fn wipe(&mut self) {
        if matches!(self.style, Style::Redrawn) && self.drawn.take().is_some() {
            terminal::write_error("\r\x1b[K");
        }
    }

    /// Keeps the loss of an epoch for the curve. A training that begins again begins a new curve.
    fn keep(&mut self, record: &Epoch) {
        if record.epoch == 1 {
            (self.losses, self.stride) = (Vec::new(), 1);
        }
        if (record.epoch - 1).is_multiple_of(self.stride) {
            self.losses.push(record.validation_loss.unwrap_or(record.train_loss));
        }
        if self.losses.len() > KEPT {
            self.stride *= 2;
            self.losses = self.losses.iter().copied().step_by(2).collect();
        }
    }

    fn draw(&mut self, line: &str) {
        self.drawn = Some(Instant::now());
        // Back to the first column, the line, and erase the rest of a longer one.
        terminal::write_error(&format!("\r{line}\x1b[K"));
    }

    /// Returns the state in as many words as fit, the most important ones first: loss, time left, the curve of the losses,
    /// examples per second, learning rate, mini-batch.
    fn line(&self, start: &str, epoch: usize, loss: f64, done: f64) -> String {
        let mut line = format!("{start}{epoch}/{} loss {}", self.epochs, significant(loss, 3));
        let mut columns = line.len();
        // The last column stays free: a full line would wrap on some terminals.
        let most = terminal::width() - 1;
        let mut add = |word: String| {
            if columns + word.chars().count() <= most {
                columns += word.chars().count();
                line += &word;
            }
            most.saturating_sub(columns)
        };
        if let Some(loss) = self.last.and_then(|last| last.validation_loss) {
            add(format!(" val {}", significant(loss, 3)));
        }
        // Seconds per epoch, as soon as anything was done since the clock was started.
        let pace = self.started.map(|(start, before)| start.elapsed().as_secs_f64() / (done - before));
        let pace = pace.filter(|pace| pace.is_finite() && *pace > 0.0);
        let left = pace.map(|pace| format!(" {} left", duration(pace * (self.epochs as f64 - done))));
        let room = add(left.unwrap_or_default()).saturating_sub(1).min(WIDEST);
        if matches!(self.style, Style::Redrawn) && room >= NARROWEST && self.losses.len() > 1 {
            // On a logarithmic scale, the end of a training is not flat.
            let logarithms: Vec<f64> = self.losses.iter().map(|loss| loss.ln()).collect();
            add(format!(" {}", sparkline(&logarithms, room, self.has_unicode)));
        }
        if let Some(pace) = pace {
            add(format!(" {}/s", short(self.examples as f64 / pace)));
        }
        if let Some(last) = self.last {
            add(format!(" rate {}", significant(last.learning_rate.into(), 2)));
        }
        // Of short epochs, nobody could read it.
        if let Some([batch, batches]) = self.batch.filter(|_| pace.is_some_and(|pace| pace > 2.0)) {
            add(format!(" batch {batch}/{batches}"));
        }
        line
    }
}
