//! `palmnet export --to pytorch`: a state dict.

use std::io::Write;
use std::path::Path;

use palmnet::Model;
use palmnet::export::{SEQUENTIAL, name_of, sequential, state_dict};
use palmnet::unversioned::{Json, Safetensors};

use crate::cli::Failure;
use crate::cli::arguments::Arguments;
use crate::cli::options::{JSON, OUT};
use crate::cli::output::{Output, check_name};
use crate::cli::terminal::wrap;

/// Writes the state dict of an `nn.Sequential`.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(option) = ["--name", "--budget"].into_iter().find(|option| arguments.has(option)) {
        return Err(arguments.misuse(&format!("{option} is for C and Rust")));
    }
    let file = arguments.word(0).unwrap_or_default();
    let model = Model::load(file)?;
    let target = arguments.text(OUT.name).map_or_else(|| name_of(file) + "-pytorch.safetensors", str::to_string);
    check_name(arguments, OUT.name, &target)?;
    let may_replace =
        &|path: &Path| Ok(Safetensors::read(path).is_ok_and(|file| file.metadata.contains_key(SEQUENTIAL)));
    Output { option: OUT.name, noun: "state dict of palmnet export", may_replace }.check(&target, &[file])?;
    let (weights, expression) = (state_dict(&model)?, sequential(&model)?);
    weights.write(&target)?;
    if arguments.has(JSON.name) {
        let members =
            [("event", "done".into()), (SEQUENTIAL, expression.as_str().into()), ("file", target.as_str().into())];
        return Ok(writeln!(out, "{}", Json::object(members))?);
    }
    writeln!(out, "{expression}")?;
    let inputs = "its inputs: (x - features.offset) * features.factor, which are in the metadata";
    let preprocessing = model.preprocessing();
    let mut steps = inputs.to_string();
    if preprocessing.targets().is_some() {
        steps += "; its outputs become values: y / targets.factor + targets.offset";
    }
    if preprocessing.range().is_some() {
        steps += ", at least targets.low and at most targets.high";
    }
    Ok(write!(out, "{}{}", wrap(&steps, 0), wrap(&format!("saved {target}"), 0))?)
}
