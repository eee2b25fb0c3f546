//! The trials of a part of a search, as JSON lines that `--part` prints and `--merge` reads.

use palmnet::tune::{RandomSearch, TrialLoss};
use palmnet::unversioned::Json;
use palmnet::{Dataset, Error};

use super::Failure;

/// Returns the line before the trials, by which those of another search are told.
pub fn heading(search: &RandomSearch, data: &Dataset) -> Json {
    Json::object([("event", "search".into()), ("fingerprint", search.fingerprint(data).into())])
}

/// Returns the losses of the trials in all files, which are of the search with this fingerprint.
pub fn read(files: &[&str], fingerprint: &str) -> Result<Vec<TrialLoss>, Failure> {
    let mut losses = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|error| Error::io(file, error))?;
        let mut is_known = false;
        for (index, line) in text.lines().enumerate() {
            let fault = |fault: &str| Error::format(format!("{file}, line {}", index + 1), fault);
            let json = Json::parse(line)
                .map_err(|error| fault(&format!("{error}: remove the line, or run the part again")))?;
            match json.get("event").and_then(Json::as_str) {
                Some("search") if json.get("fingerprint").and_then(Json::as_str) != Some(fingerprint) => {
                    let remedy = "give --merge the data and the options of the parts";
                    return Err(fault(&format!("these trials are of other data, options or version: {remedy}")).into());
                }
                Some("search") => is_known = true,
                Some("trial") if is_known => {
                    let number = json.get("trial").and_then(Json::as_usize).filter(|&number| number > 0);
                    let index = number.ok_or_else(|| fault("this trial has no number"))? - 1;
                    let loss = json.get("validation").and_then(|score| score.get("loss")).and_then(Json::as_f64);
                    losses.push(TrialLoss { index, loss });
                }
                _ => return Err(fault("it is not what palmnet search --part prints with --json").into()),
            }
        }
        if !is_known {
            return Err(Error::format(*file, "is empty: run its part again, or leave the file out").into());
        }
    }
    Ok(losses)
}
