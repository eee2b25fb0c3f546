//! `palmnet completions`: scripts that teach a shell the commands, their options and the values of these.

use std::io::Write;

use crate::cli::arguments::{Arguments, Command, Opt};
use crate::cli::{COMMANDS, Failure};

pub const COMMAND: Command = Command {
    name: "completions",
    usage: "completions bash|zsh|fish",
    summary: "Print a script with which a shell completes commands, options and their values.",
    details: &[
        "bash: source <(palmnet completions bash) in ~/.bashrc.",
        "zsh: palmnet completions zsh > _palmnet, in a folder of $fpath.",
        "fish: palmnet completions fish > ~/.config/fish/completions/palmnet.fish",
    ],
    words: (1, 1),
    names: &["bash", "zsh", "fish"],
    options: &[],
};

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let script = match arguments.named(&COMMAND)? {
        Some("bash") => bash(),
        Some("zsh") => zsh(),
        _ => fish(),
    };
    Ok(out.write_all(script.as_bytes())?)
}

/// The endings of files that are likely tables.
const TABLES: [&str; 4] = ["csv", "tsv", "txt", "data"];
const MODELS: [&str; 1] = ["safetensors"];

/// What a word of a command line may be.
enum Values {
    Names(Vec<&'static str>),
    Models,
    Tables,
    Files,
    /// A number, or the name of a column.
    Unknown,
}

impl Values {
    /// Returns the values of an option.
    fn of(option: &Opt) -> Values {
        let choices = (option.choices)();
        if choices.is_empty() {
            return Values::named(option.value);
        }
        // Of `step:EPOCHS:FACTOR`, the name.
        Values::Names(choices.iter().map(|form| form.split([':', '[']).next().unwrap_or_default()).collect())
    }

    /// Returns the words of a command, each with its name.
    fn of_words(command: &Command) -> Vec<(&'static str, Values)> {
        let names = command.usage.split(' ').skip(1).filter(|word| *word != "[options]");
        let mut words: Vec<_> = names.map(|name| (name, Values::named(name))).collect();
        if let (Some((_, values)), false) = (words.first_mut(), command.names.is_empty()) {
            *values = Values::Names(command.names.to_vec());
        }
        words
    }

    /// Returns the values that a placeholder stands for.
    fn named(placeholder: &str) -> Values {
        match placeholder {
            "MODEL" => Values::Models,
            "DATA" | "FILE|P" => Values::Tables,
            "FILE" | "FOLDER" => Values::Files,
            _ => Values::Unknown,
        }
    }
}

/// Returns the beginning of a help text: enough for a line in a list.
fn short(help: &str) -> &str {
    let end = [". ", ": ", "; "].iter().filter_map(|end| help.find(end)).min();
    end.map_or(help, |end| &help[..end]).trim_end_matches('.')
}

/// Returns a text as one word of a shell.
fn word(text: &str, escaped_quote: &str) -> String {
    ["'", &text.replace('\'', escaped_quote), "'"].concat()
}

fn commands() -> String {
    COMMANDS.map(|(command, _)| command.name).join(" ")
}

/// Returns the names of the options of a command, those of one letter among them.
fn option_names(command: &Command) -> Vec<&'static str> {
    let names = command.options.iter().flat_map(|option| [Some(option.name), option.short()]);
    names.flatten().chain(["--help"]).collect()
}

const BASH: &str = r#"# Completions of palmnet for bash.

# Completes the name of a file with one of some endings, or of any file if there is none with them.
_palmnet_files() {
    local word=$1 ending IFS=$'\n'
    compopt -o filenames 2>/dev/null
    shift
    for ending; do
        COMPREPLY+=($(compgen -f -X "!*.$ending" -- "$word"))
    done
    if [ "${#COMPREPLY[@]}" -gt 0 ]; then
        COMPREPLY+=($(compgen -d -- "$word"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}

_palmnet() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} names=
    # An option and its value after = are three words.
    if [ "$word" = = ]; then
        word=
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
    COMPREPLY=()
    case $COMP_CWORD:${COMP_WORDS[1]} in
"#;

fn bash() -> String {
    let mut text = BASH.to_string();
    let all = commands();
    text.extend(["    1:*) names='", &all, " help --help --version' ;;\n    *:help) names='", &all, "' ;;\n"]);
    for (command, _) in COMMANDS {
        text.extend(["    *:", command.name, ")\n        case $before in\n"]);
        for option in command.options.iter().filter(|option| !option.value.is_empty()) {
            let names = [&[option.name], option.aliases].concat();
            text.extend(["        ", &names.join("|"), ") ", &bash_action(&Values::of(option)), " ;;\n"]);
        }
        let options = option_names(command).join(" ");
        text.extend([
            "        *)\n            case $word in\n            -*) names='",
            &options,
            "' ;;\n            *) ",
        ]);
        text.push_str(&match &Values::of_words(command)[..] {
            // The table stands behind the model.
            [(_, first), (_, second)] => {
                let (first, second) = (bash_action(first), bash_action(second));
                ["case ${COMP_WORDS[*]:2:COMP_CWORD-2} in *.safetensors*) ", &second, " ;; *) ", &first, " ;; esac"]
                    .concat()
            }
            [(_, only)] => bash_action(only),
            _ => "return".to_string(),
        });
        text.push_str(" ;;\n            esac\n            ;;\n        esac\n        ;;\n");
    }
    text + "    esac\n    [ -z \"$names\" ] || COMPREPLY=($(compgen -W \"$names\" -- \"$word\"))\n}\n\
            complete -F _palmnet palmnet\n"
}

fn bash_action(values: &Values) -> String {
    let files = |endings: &[&str]| ["_palmnet_files \"$word\" ", &endings.join(" ")].concat();
    match values {
        Values::Names(names) => ["names='", &names.join(" "), "'"].concat(),
        Values::Models => files(&MODELS),
        Values::Tables => files(&TABLES),
        Values::Files => files(&[]),
        Values::Unknown => "return".to_string(),
    }
}

fn zsh() -> String {
    let mut text = "#compdef palmnet\n# Completions of palmnet for zsh.\n\n_palmnet() {\n    local -a commands\n    \
                    commands=(\n"
        .to_string();
    let quote = |text: &str| word(text, "'\\''");
    for (command, _) in COMMANDS {
        text.extend(["        ", &quote(&[command.name, ":", &zsh_plain(short(command.summary))].concat()), "\n"]);
    }
    text += "        'help:Show the help of a command'\n    )\n    if (( CURRENT == 2 )); then\n        _describe command \
             commands\n        return\n    fi\n    shift words\n    (( CURRENT-- ))\n    case $words[1] in\n    help) \
             _describe command commands ;;\n";
    for (command, _) in COMMANDS {
        text.extend(["    ", command.name, ") _arguments"]);
        for option in command.options {
            for name in [Some(option.name), option.short()].into_iter().flatten() {
                let description = zsh_plain(short(option.help));
                let equals = if name.starts_with("--") { "=" } else { "" };
                let spec = match option.value {
                    "" => [name, "[", &description, "]"].concat(),
                    value => {
                        [name, equals, "[", &description, "]:", value, ":", &zsh_action(&Values::of(option))].concat()
                    }
                };
                text.extend([" \\\n        ", &quote(&spec)]);
            }
        }
        text += " \\\n        '--help[Show the help]'";
        for (number, (name, values)) in ["1:", "2:"].into_iter().zip(Values::of_words(command)) {
            text.extend([" \\\n        ", &quote(&[number, name, ":", &zsh_action(&values)].concat())]);
        }
        text += " ;;\n";
    }
    text + "    esac\n}\n\nif [ \"$funcstack[1]\" = _palmnet ]; then\n    _palmnet \"$@\"\nelse\n    compdef _palmnet \
            palmnet\nfi\n"
}

/// Returns a description without characters that mean something in it.
fn zsh_plain(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '[' | ']' | ':' | '\\').then_some('\\').into_iter().chain([c])).collect()
}

fn zsh_action(values: &Values) -> String {
    match values {
        Values::Names(names) => ["(", &names.join(" "), ")"].concat(),
        Values::Models => "_files -g \"*.safetensors\"".to_string(),
        Values::Tables => ["_files -g \"*.(", &TABLES.join("|"), ")\""].concat(),
        Values::Files => "_files".to_string(),
        Values::Unknown => " ".to_string(),
    }
}

fn fish() -> String {
    let mut text = "# Completions of palmnet for fish.\ncomplete -c palmnet -f\n".to_string();
    let quote = |text: &str| word(text, "\\'");
    let first = "complete -c palmnet -n __fish_use_subcommand -a ";
    for (command, _) in COMMANDS {
        text.extend([first, command.name, " -d ", &quote(short(command.summary)), "\n"]);
    }
    text.extend([first, "help -d 'Show the help of a command'\n"]);
    text.extend(["complete -c palmnet -n '__fish_seen_subcommand_from help' -a '", &commands(), "'\n"]);
    for (command, _) in COMMANDS {
        let begin = ["complete -c palmnet -n '__fish_seen_subcommand_from ", command.name, "'"].concat();
        for option in command.options {
            text.extend([&begin, " -l ", option.name.trim_start_matches('-')]);
            if let Some(short) = option.short() {
                text.extend([" -s ", short.trim_start_matches('-')]);
            }
            match option.value {
                "" => {}
                _ => text.extend([" -x", &fish_action(&Values::of(option))]),
            }
            text.extend([" -d ", &quote(short(option.help)), "\n"]);
        }
        text.extend([&begin, " -l help -d 'Show the help'\n"]);
        for (_, values) in Values::of_words(command) {
            text.extend([&begin, &fish_action(&values), "\n"]);
        }
    }
    text
}

fn fish_action(values: &Values) -> String {
    match values {
        Values::Names(names) => [" -a '", &names.join(" "), "'"].concat(),
        Values::Models => " -k -a '(__fish_complete_suffix .safetensors)'".to_string(),
        Values::Tables => " -k -a '(__fish_complete_suffix .csv)'".to_string(),
        Values::Files => " -a '(__fish_complete_path (commandline -ct))'".to_string(),
        Values::Unknown => String::new(),
    }
}
