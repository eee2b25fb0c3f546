//! The options for files and for what is printed.

use crate::cli::arguments::Group::Output;
use crate::cli::arguments::Opt;

pub const OUT: Opt = Opt::new("--out", "FILE", Output, "The file of the model.")
    .aliases(&["-o", "--output"])
    .default(|| "model.safetensors".into());

#[cfg(feature = "export")]
pub const INT8: Opt = Opt::new(
    "--int8",
    "",
    Output,
    "Save the weights in 8 bits, as palmnet quantize does on the training set; scores are those of this model.",
)
.excludes(&["--folds"]);

pub const HISTORY: Opt = Opt::new(
    "--history",
    "FILE",
    Output,
    "A file for a table of the epochs, as CSV: epoch, train_loss, validation_loss, learning_rate, seconds.",
);

pub const PLOT: Opt = Opt::new(
    "--plot",
    "FILE.svg",
    Output,
    "A file for the pictures, as SVG; - prints them as text, as on a terminal without this option.",
);

pub const REPORT: Opt = Opt::new(
    "--report",
    "FILE.html",
    Output,
    "A page about the model: data, scores, pictures, the columns it needs, the rows it predicts worst.",
);

pub const CHECKPOINT: Opt = Opt::new(
    "--checkpoint",
    "FILE",
    Output,
    "Write checkpoints to FILE while training, and remove it once the model is saved.",
)
.default(|| "none; with --resume and --checkpoint-every, that of --out with the ending .checkpoint".into());

pub const CHECKPOINT_EVERY: Opt =
    Opt::new("--checkpoint-every", "N|Nm", Output, "Write a checkpoint every N epochs, or every N minutes.")
        .default(|| "1m".into());

pub const RESUME: Opt = Opt::new(
    "--resume",
    "",
    Output,
    "Resume from the checkpoint, or start if there is none: after a training was killed, or stopped by Ctrl-C, repeat \
     its command. The model is the same as without interruption.",
);

pub const EVERY: Opt =
    Opt::new("--every", "N", Output, "Print a plain progress line every N epochs.").aliases(&["--log-every"]);

pub const QUIET: Opt = Opt::new("--quiet", "", Output, "No progress and no warnings.").aliases(&["-q", "--silent"]);

pub const JSON: Opt = Opt::new("--json", "", Output, "JSON lines on standard output.");
