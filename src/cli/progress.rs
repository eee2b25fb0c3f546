//! How training is going, on standard error: one line that redraws itself on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use palmnet::{Epoch, Event};

use super::terminal;

/// A line that redraws itself does so no more often than this.
const PAUSE: Duration = Duration::from_millis(100);
/// Without `--every`, about this many plain lines tell a training.
const LINES: usize = 20;

pub struct Progress {
    style: Style,
    epochs: usize,
    examples: usize,
    started: Instant,
    drawn: Option<Instant>,
    last: Option<Epoch>,
}

enum Style {
    Silent,
    Redrawn,
    Plain { every: usize },
}

impl Progress {
    /// Progress of a training of `epochs` epochs over `examples` examples. `every` asks for a plain line that often.
    pub fn new(silent: bool, every: Option<usize>, epochs: usize, examples: usize) -> Self {
        let style = match every {
            _ if silent => Style::Silent,
            Some(every) => Style::Plain { every },
            None if std::io::stderr().is_terminal() => Style::Redrawn,
            None => Style::Plain { every: epochs.div_ceil(LINES).max(1) },
        };
        Progress { style, epochs, examples, started: Instant::now(), drawn: None, last: None }
    }

    pub fn show(&mut self, event: Event<'_>) {
        let done = match event {
            Event::Batch { epoch, batch, batches, .. } => (epoch - 1) as f64 + batch as f64 / batches as f64,
            Event::Epoch(epoch) => {
                self.last = Some(*epoch);
                epoch.epoch as f64
            }
            _ => return,
        };
        match self.style {
            Style::Silent => {}
            Style::Redrawn => {
                if self.drawn.is_none_or(|drawn| drawn.elapsed() >= PAUSE) {
                    self.redraw(event, done);
                }
            }
            Style::Plain { every } => {
                if let Event::Epoch(epoch) = event
                    && (epoch.epoch % every == 0 || epoch.epoch == 1 || epoch.epoch == self.epochs)
                {
                    terminal::complain(&format!("{}\n", self.line("epoch ", event, done)));
                }
            }
        }
    }

    /// Leaves the last state on the screen.
    pub fn finish(self) {
        if let (Style::Redrawn, Some(epoch)) = (&self.style, &self.last) {
            self.draw(&self.line("", Event::Epoch(epoch), epoch.epoch as f64));
            terminal::complain("\n");
        }
    }

    fn redraw(&mut self, event: Event<'_>, done: f64) {
        self.drawn = Some(Instant::now());
        self.draw(&self.line("", event, done));
    }

    fn draw(&self, line: &str) {
        // Back to the first column, the line, and erase what is left of a longer one.
        terminal::complain(&format!("\r{line}\x1b[K"));
    }

    /// The state in as many words as fit, the most telling ones first: loss, time left, examples per second, learning
    /// rate.
    fn line(&self, start: &str, event: Event<'_>, done: f64) -> String {
        let (epoch, loss) = match event {
            Event::Batch { epoch, loss, .. } => (epoch, loss),
            Event::Epoch(epoch) => (epoch.epoch, epoch.train_loss),
            _ => return start.to_string(),
        };
        let seconds = self.started.elapsed().as_secs_f64();
        let mut line = format!("{start}{epoch}/{} loss {}", self.epochs, short(loss));
        let validation = self.last.and_then(|last| last.validation_loss).map(|loss| format!(" val {}", short(loss)));
        let left = format!(" {} left", duration(seconds / done * (self.epochs as f64 - done)));
        let speed = format!(" {}/s", count(done * self.examples as f64 / seconds));
        let rate = self.last.map(|last| format!(" rate {}", short(last.learning_rate.into())));
        for word in [validation, Some(left), Some(speed), rate].into_iter().flatten() {
            // The last column stays free: a full line would wrap on some terminals.
            if line.len() + word.len() < terminal::width() {
                line += &word;
            }
        }
        line
    }
}

/// A loss in three or four digits.
pub fn short(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e5).contains(&size) => format!("{x:.1e}"),
        size if size >= 100.0 => format!("{x:.0}"),
        size if size >= 1.0 => format!("{x:.2}"),
        _ => format!("{x:.4}"),
    }
}

/// A number of examples: 950, 12k, 3.4M.
fn count(x: f64) -> String {
    match x {
        x if x >= 1e6 => format!("{:.1}M", x / 1e6),
        x if x >= 1e4 => format!("{:.0}k", x / 1e3),
        _ => format!("{x:.0}"),
    }
}

/// A time: 45ms, 4.2s, 12s, 3m05s, 2h10m.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 1.0 => format!("{:.0}ms", seconds * 1000.0),
        0..10 => format!("{seconds:.1}s"),
        10..60 => format!("{whole}s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        _ => format!("{}h{:02}m", whole / 3600, whole / 60 % 60),
    }
}
