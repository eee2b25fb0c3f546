//! The options about data: which columns there are, and how they are read.

use crate::cli::arguments::Group::Data;
use crate::cli::arguments::Opt;
use crate::cli::options::time;

pub const TARGET: Opt = Opt::new(
    "--target",
    "NAME[,NAME...]",
    Data,
    "The column to predict, by its header or its number from 1. Several are predicted together: as labels if each has two \
     classes, as values if they are numbers.",
)
.default(|| "the last column".into());

pub const TASK: Opt = Opt::new(
    "--task",
    "classify|regress",
    Data,
    "Whether the target is a class or a number. By default, classes are text, or whole numbers with at most 20 \
     different values that are exactly two or have at least 5 rows each on average.",
)
.choices(|| vec!["classify", "regress"]);

pub const TEST: Opt = Opt::new(
    "--test",
    "FILE|P",
    Data,
    "Labeled data to test on, or the fraction of DATA that is held out for it, chosen by the seed; 0 for none. A \
     folder has its own test set.",
)
.aliases(&["--test-size"])
.default(|| "0.2".into());

pub const IGNORE: Opt = Opt::new(
    "--ignore",
    "NAME[,NAME...]",
    Data,
    "Columns that are not features, by their headers or their numbers from 1.",
)
.aliases(&["--drop-columns", "--exclude"]);

pub const CATEGORIES: Opt = Opt::new(
    "--categories",
    "NAME[,NAME...]",
    Data,
    "Columns whose cells are categories, even if they are numbers (codes) or mostly different.",
);

pub const NUMBERS: Opt = Opt::new(
    "--numbers",
    "NAME[,NAME...]",
    Data,
    "Columns whose cells are numbers: a text in them is an error, and targets among them are values.",
)
.aliases(&["--numeric"]);

pub const MISSING: Opt = Opt::new(
    "--missing",
    "error|drop|fill",
    Data,
    "How missing cells are handled: as an error; drop their rows; or fill features in with the median or the most \
     frequent category of the training data, as later in prediction if the training data has missing features. With \
     fill, a column with more than a few has an input that says so. Rows without a target are never filled in: with fill they are dropped.",
)
.choices(|| vec!["error", "drop", "fill"])
.default(|| "fill".into());

pub const MISSING_VALUES: Opt = Opt::new(
    "--missing-values",
    "WORD[,WORD...]",
    Data,
    "The words that stand for a missing cell; an empty cell and NaN always do.",
)
.aliases(&["--na-values"])
.default(|| "NA, N/A, #N/A, <NA>, \\N, null, none, ?, #DIV/0!; - and . among numbers".into());

pub const HEADER: Opt = Opt::new(
    "--header",
    "yes|no",
    Data,
    "Whether the first line has the names of the columns. By default it is compared with the lines under it.",
)
.choices(|| vec!["yes", "no"]);

pub const SEPARATOR: Opt = Opt::new(
    "--separator",
    "CHARACTER",
    Data,
    "The character between cells, or tab. By default it is found among , ; | tab and blanks.",
)
.aliases(&["--sep", "--delimiter"]);

pub const DECIMAL: Opt = Opt::new(
    "--decimal",
    ".|,",
    Data,
    "The character before decimals. By default each column tells, or an error asks.",
)
.choices(|| vec![".", ","]);

pub const KEEP_INDEX: Opt = Opt::new(
    "--keep-index",
    "",
    Data,
    "Keep a first column without a name that numbers the rows. By default it is left out.",
);

pub const WEIGHTS: Opt = Opt::new(
    "--weights",
    "COLUMN",
    Data,
    "The column that says how much each row counts in training, compared with the others: numbers of at least 0. It is \
     no feature.",
)
.aliases(&["--sample-weight", "--sample-weights"]);

pub const GROUP: Opt = Opt::new(
    "--group",
    "COLUMN",
    Data,
    "The column that names the group of each row, such as a person or a device. The rows of a group stay together in \
     every split: test, validation, folds. It is no feature.",
)
.aliases(&["--groups"]);

pub const TIME: Opt = Opt::new(
    "--time",
    "COLUMN",
    Data,
    "The column of numbers or dates that orders the rows: the last ones are the test set, and the last of the others the \
     validation set; folds are tested on what comes after their training data. It is no feature.",
)
.or_if("--budget", |text| time(text).is_some())
.excludes(&["--group"]);

pub const FOLDS: Opt = Opt::new(
    "--folds",
    "K",
    Data,
    "Cross-validation instead of a model: train K networks, each tested on another K-th of DATA, and report the mean \
     and the standard deviation of their scores. Nothing is saved.",
)
.aliases(&["--cv"])
.excludes(&["--test", "--out", "--history", "--checkpoint", "--checkpoint-every", "--resume", "--from"]);

pub const UNKNOWN: Opt = Opt::new(
    "--unknown",
    "error|other",
    Data,
    "How a category is handled that training did not have: as an error, or as none of the known ones.",
)
.choices(|| vec!["error", "other"])
.default(|| "other".into());
