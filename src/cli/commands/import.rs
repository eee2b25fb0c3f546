//! `palmnet import`: a model of another program.

use std::fs;
use std::io::Write;
use std::path::Path;

use palmnet::Error;
use palmnet::import::{Options, is_safetensors, model};
use palmnet::unversioned::{FileKind, Json};

use super::import_weights::{self, ACTIVATION, DATA, HEAD, LAYERS, LIKE, MEAN, SCALE, STD};
use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::options::{HEADER, IGNORE, JSON, OUT, SEPARATOR, TASK};
use crate::cli::output::{Output, check_name};
use crate::cli::terminal::wrap;

pub const COMMAND: Command = Command {
    name: "import",
    usage: "import FILE",
    summary: "Turn a model of PyTorch, Keras or scikit-learn, an ONNX file, or PyTorch's weights, a safetensors file, into \
              a model of palmnet.",
    details: &[
        "The graph must be a sequence of layers that palmnet has, behind columns that are scaled, filled in or one-hot \
         encoded. Anything else is an error that names the node. The model predicts, is evaluated and is trained further \
         as any other. A file of palmnet export --to onnx becomes the model that it was made of, as it predicts.",
        "Weights are those of safetensors.torch.save_file(model.state_dict(), FILE) with the layers Linear, BatchNorm1d and \
         LayerNorm. Those of a Sequential need --activation; other options name the classes and the scaling.",
    ],
    words: (1, 1),
    names: &[],
    options: &[
        &FEATURES,
        &TARGETS,
        &CLASSES,
        &LAYERS,
        &ACTIVATION,
        &HEAD,
        &LIKE,
        &DATA,
        &TASK,
        &IGNORE,
        &HEADER,
        &SEPARATOR,
        &SCALE,
        &MEAN,
        &STD,
        &OUT,
        &JSON,
    ],
};

const FEATURES: Opt = Opt::new(
    "--features",
    "NAME[,NAME...]",
    Group::Data,
    "The names of the feature columns, in the order of the inputs.",
)
.default(|| "those in FILE, or numbers".into());

const TARGETS: Opt =
    Opt::new("--target", "NAME[,NAME...]", Group::Data, "The names of the columns that are predicted.")
        .default(|| "those in FILE".into());

const CLASSES: Opt = Opt::new(
    "--classes",
    "NAME[,NAME...]",
    Group::Data,
    "The names of the classes, in the order of the outputs. Outputs that are numbers become probabilities of them.",
)
.default(|| "those in FILE, or numbers from 0".into());

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let file = arguments.word(0).unwrap_or_default();
    let target = arguments.text(OUT.name).unwrap_or("model.safetensors");
    check_name(arguments, OUT.name, target)?;
    let may_replace = &|path: &Path| Ok(FileKind::of(path)? == FileKind::Model);
    Output { option: OUT.name, noun: "model", may_replace }.check(target, &[file])?;
    let names = |option: &Opt| -> Vec<String> {
        arguments.text(option.name).map_or(Vec::new(), |text| text.split(',').map(|name| name.trim().into()).collect())
    };
    for option in [&FEATURES, &TARGETS, &CLASSES] {
        if names(option).iter().any(String::is_empty) {
            return Err(arguments.misuse(&format!("{}: a name is empty", option.name)));
        }
    }
    let mut options = Options::default();
    (options.features, options.targets, options.classes) = (names(&FEATURES), names(&TARGETS), names(&CLASSES));
    options.folder = Path::new(file).parent().map(Path::to_path_buf);
    let bytes = fs::read(file).map_err(|error| Error::io(file, error))?;
    let model = if is_safetensors(&bytes) {
        import_weights::model(arguments, &bytes, &options)?
    } else {
        import_weights::refuse(arguments, file)?;
        model(&bytes, file, &options)?
    };
    model.save(target)?;
    if arguments.has(JSON.name) {
        let parameters = model.network().parameter_count();
        let line =
            Json::object([("event", "done".into()), ("parameters", parameters.into()), ("model", target.into())]);
        return Ok(writeln!(out, "{line}")?);
    }
    let note = model.notes.get("import").map_or("the whole model, as palmnet wrote it", String::as_str);
    write!(out, "{}", wrap(note, 0))?;
    Ok(write!(out, "{}", wrap(&format!("saved {target}"), 0))?)
}
