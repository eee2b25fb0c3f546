//! Every option of `train`, walked.

use super::*;
use crate::cli::arguments::Opt;
use crate::cli::commands::train::OPTIONS;
use palmnet::generate;
use palmnet::tune::Overrides;

/// Overrides with something unusual everywhere, twice: switches exclude each other.
fn unusual() -> [Vec<(&'static str, &'static str)>; 2] {
    let common = [
        ("--scale", "minmax"),
        ("--hidden", "7,5"),
        ("--activation", "leaky_relu:0.2"),
        ("--init", "uniform:-1:1"),
        ("--schedule", "step:10:0.5"),
        ("--warmup", "0.25"),
        ("--lr", "0.004"),
        ("--batch", "11"),
        ("--clip", "2"),
        ("--clip-value", "0.5"),
        ("--weight-decay", "0.02"),
        ("--l1", "0.001"),
        ("--l2", "0.003"),
        ("--dropout", "0.1"),
        ("--noise", "0.2"),
        ("--max-norm", "3"),
        ("--label-smoothing", "0.05"),
        ("--balanced", ""),
        ("--epochs", "17"),
        ("--validation", "0.15"),
        ("--patience", "6"),
        ("--restarts", "3"),
        ("--freeze", "1"),
        ("--seed", "9"),
    ];
    let with = |more: &[(&'static str, &'static str)]| common.into_iter().chain(more.iter().copied()).collect();
    let plain = [("--fast", ""), ("--batch-norm", ""), ("--optimizer", "nadam")];
    let members = [("--members", "4"), ("--bins", "5"), ("--embedding", "3"), ("--no-clamp", "")];
    [with(&plain), with(&[&members[..], &[("--layer-norm", ""), ("--optimizer", "sgd")]].concat())]
}

fn option(name: &str) -> &'static Opt {
    OPTIONS.iter().find(|option| option.name == name).unwrap()
}

#[test]
fn shown_options_give_the_same_hyperparameters() {
    let data = generate::moons(100, 0.1, 1);
    for given in unusual() {
        let mut overrides = Overrides::default();
        for (name, value) in &given {
            option(name).set.unwrap()(&mut overrides, value).unwrap();
        }
        let found = overrides.for_data(&data);
        assert_ne!(found, Overrides::default().for_data(&data));
        let mut again = Overrides::default();
        for option in OPTIONS {
            let Some(value) = (option.show)(&found) else { continue };
            option.set.unwrap()(&mut again, &value).unwrap();
            assert!(given.iter().any(|(name, _)| *name == option.name), "{} is unusual", option.name);
        }
        assert_eq!(again.for_data(&data), found);
    }
}

#[test]
fn every_hyperparameter_option_is_tried() {
    let tried: Vec<&str> = unusual().iter().flatten().map(|(name, _)| *name).collect();
    for option in OPTIONS.iter().filter(|option| option.set.is_some()) {
        // Neither is in the line that repeats a training: one needs a model, the other is spent.
        if [FROM.name, BUDGET.name].contains(&option.name) {
            continue;
        }
        assert!(tried.contains(&option.name), "{}", option.name);
    }
}

#[test]
fn choices_are_understood() {
    for option in OPTIONS {
        let Some(set) = option.set else { continue };
        for choice in (option.choices)() {
            // A form such as `step:EPOCHS:FACTOR[:…]` stands for a name with numbers.
            let word = choice.split('[').next().unwrap();
            let word = word.split(':').map(|part| if part.chars().all(|c| !c.is_lowercase()) { "1" } else { part });
            let text = word.collect::<Vec<_>>().join(":");
            set(&mut Overrides::default(), &text).unwrap_or_else(|error| panic!("{} {text}: {error}", option.name));
        }
    }
}

#[test]
fn names_and_aliases_are_unique() {
    let mut names: Vec<&str> =
        OPTIONS.iter().flat_map(|option| option.aliases.iter().copied().chain([option.name])).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    for option in OPTIONS {
        for other in option.excludes {
            assert!(OPTIONS.iter().any(|option| option.name == *other), "{} excludes {other}", option.name);
        }
    }
}

/// README's table of options, which is made from the declarations.
#[test]
fn readme_lists_every_option() {
    let cell = |text: String| text.replace('|', "\\|");
    let row = |option: &&Opt| {
        let default = (option.default)();
        format!(
            "| `{}` | {} | {} |\n",
            cell(format!("{} {}", option.name, option.value).trim_end().into()),
            cell(option.help.into()),
            cell(default)
        )
    };
    let table: String = OPTIONS.iter().map(row).collect();
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&table), "README's table of options should be\n{table}");
}
