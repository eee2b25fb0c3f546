//! Progress of a training on standard error: one line that redraws itself on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use palmnet::Event;
use palmnet::train::Epoch;

use super::format::{duration, short, significant};
use super::terminal;

/// The shortest time between two redraws of the line.
const PAUSE: Duration = Duration::from_millis(100);
/// Without `--every`, a training reports about this many plain lines.
const LINES: usize = 20;

pub struct Progress {
    style: Style,
    epochs: usize,
    examples: usize,
    /// The time of the first event, and the epochs done by then: time and rate are counted from there.
    started: Option<(Instant, f64)>,
    drawn: Option<Instant>,
    last: Option<Epoch>,
}

enum Style {
    Silent,
    Redrawn,
    /// A line every so many epochs; without a number, [`LINES`] lines.
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
            None if std::io::stderr().is_terminal() => Style::Redrawn,
            None => Style::Plain { every },
        };
        Progress { style, epochs, examples, started: None, drawn: None, last: None }
    }

    /// Sets the number of epochs, once it is known.
    pub fn set_epochs(&mut self, epochs: usize) {
        self.epochs = epochs;
    }

    /// Reports a phase, such as tuning, during which there are no training events.
    pub fn phase(&mut self, line: &str) {
        match self.style {
            Style::Silent => {}
            Style::Redrawn => self.draw(line),
            Style::Plain { .. } => terminal::write_error(&format!("{line}\n")),
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
        // The epoch, its loss so far, and how many epochs are done.
        let (epoch, loss, done) = match event {
            Event::Batch { epoch, batch, batches, mean_loss: loss, .. } => {
                (epoch, loss, (epoch - 1) as f64 + batch as f64 / batches as f64)
            }
            Event::Epoch { record, .. } => {
                self.last = Some(*record);
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
                let every = every.unwrap_or(self.epochs.div_ceil(LINES).max(1));
                if matches!(event, Event::Epoch { .. }) && (epoch % every == 0 || epoch == 1 || epoch == self.epochs) {
                    terminal::write_error(&format!("{}\n", self.line("epoch ", epoch, loss, done)));
                }
            }
        }
    }

    /// Leaves the last state on the screen, and moves the cursor to a new line.
    pub fn finish(&mut self) {
        if matches!(self.style, Style::Redrawn) && self.drawn.is_some() {
            if let Some(epoch) = self.last {
                self.draw(&self.line("", epoch.epoch, epoch.train_loss, epoch.epoch as f64));
            }
            terminal::write_error("\n");
        }
    }

    /// Erases the line that redraws itself.
    pub fn wipe(&mut self) {
        if self.drawn.take().is_some() {
            terminal::write_error("\r\x1b[K");
        }
    }

    fn draw(&mut self, line: &str) {
        self.drawn = Some(Instant::now());
        // Back to the first column, the line, and erase the rest of a longer one.
        terminal::write_error(&format!("\r{line}\x1b[K"));
    }

    /// Returns the state in as many words as fit, the most important ones first: loss, time left, examples per second,
    /// learning rate.
    fn line(&self, start: &str, epoch: usize, loss: f64, done: f64) -> String {
        let mut line = format!("{start}{epoch}/{} loss {}", self.epochs, significant(loss, 3));
        let validation =
            self.last.and_then(|last| last.validation_loss).map(|loss| format!(" val {}", significant(loss, 3)));
        // Seconds per epoch, as soon as anything was done since the clock was started.
        let pace = self.started.map(|(start, before)| start.elapsed().as_secs_f64() / (done - before));
        let pace = pace.filter(|pace| pace.is_finite() && *pace > 0.0);
        let left = pace.map(|pace| format!(" {} left", duration(pace * (self.epochs as f64 - done))));
        let speed = pace.map(|pace| format!(" {}/s", short(self.examples as f64 / pace)));
        let rate = self.last.map(|last| format!(" rate {}", significant(last.learning_rate.into(), 2)));
        for word in [validation, left, speed, rate].into_iter().flatten() {
            // The last column stays free: a full line would wrap on some terminals.
            if line.len() + word.len() < terminal::width() {
                line += &word;
            }
        }
        line
    }
}
