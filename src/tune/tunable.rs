//! The hyperparameters that trials may change.

use std::fmt;

/// The hyperparameters that trials may change: those that are not given. None for no trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is documented in Hyperparameters")]
pub struct Tune {
    pub epochs: bool,
    pub dropout: bool,
    /// Both `bins` and `embedding`.
    pub encoding: bool,
    pub learning_rate: bool,
    pub hidden: bool,
    pub weight_decay: bool,
}

impl Tune {
    /// No trials.
    pub const NONE: Tune = Tune {
        epochs: false,
        dropout: false,
        encoding: false,
        learning_rate: false,
        hidden: false,
        weight_decay: false,
    };

    /// Returns whether there is anything to try.
    pub fn any(&self) -> bool {
        *self != Tune::NONE
    }
}

/// Writes the names, as `epochs,dropout`, or `none`.
impl fmt::Display for Tune {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tune { epochs, dropout, encoding, learning_rate, hidden, weight_decay } = *self;
        let named = [
            (epochs, "epochs"),
            (dropout, "dropout"),
            (encoding, "encoding"),
            (learning_rate, "learning_rate"),
            (hidden, "hidden"),
            (weight_decay, "weight_decay"),
        ];
        let names: Vec<&str> = named.into_iter().filter(|(is_tuned, _)| *is_tuned).map(|(_, name)| name).collect();
        f.pad(&if names.is_empty() { "none".into() } else { names.join(",") })
    }
}
