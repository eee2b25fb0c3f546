//! `palmnet completions`: scripts that teach a shell the commands, their options and the values of these.

use std::io::Write;

use crate::cli::arguments::{Arguments, Command, Opt};
use crate::cli::format::fill;
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

/// The candidates for a word of a command line: names, files of some kind, or neither, as for a number.
#[derive(Default)]
struct Values {
    /// Separated by spaces.
    names: String,
    files: Option<Files>,
}

#[derive(Clone, Copy)]
enum Files {
    Models,
    Tables,
    All,
}

impl Values {
    /// Returns the values of an option.
    fn of(option: &Opt) -> Values {
        // Of `step:EPOCHS:FACTOR`, the name.
        let name = |form: &'static str| form.split([':', '[']).next().unwrap_or_default();
        let names = (option.choices)().into_iter().map(name).collect::<Vec<_>>().join(" ");
        Values { names, ..Values::named(option.value) }
    }

    /// Returns the words of a command, each with its name.
    fn of_words(command: &Command) -> Vec<(&'static str, Values)> {
        let names = command.usage.split(' ').skip(1).filter(|word| *word != "[options]");
        let mut words: Vec<_> = names.map(|name| (name, Values::named(name))).collect();
        if let Some((_, first)) = words.first_mut() {
            first.names = command.names.join(" ");
        }
        words
    }

    /// Returns the values that a placeholder stands for.
    fn named(placeholder: &str) -> Values {
        let files = match placeholder {
            "MODEL" => Some(Files::Models),
            "DATA" | "FILE|P" => Some(Files::Tables),
            "FOLDER" => Some(Files::All),
            _ if placeholder.starts_with("FILE") => Some(Files::All),
            _ => None,
        };
        Values { files, ..Values::default() }
    }

    /// Returns the names between two texts; or the text for files; or the one for neither.
    fn text(&self, names: [&str; 2], files: [&str; 3], unknown: &str) -> String {
        match self.files {
            _ if !self.names.is_empty() => [names[0], &self.names, names[1]].concat(),
            Some(kind) => files[kind as usize].to_string(),
            None => unknown.to_string(),
        }
    }
}

/// Returns the beginning of a help text: enough for a line in a list.
fn short(help: &str) -> &str {
    let end = help.as_bytes().windows(2).position(|pair| matches!(pair, [b'.' | b':' | b';', b' ']));
    help[..end.unwrap_or(help.len())].trim_end_matches('.')
}

/// Returns a text as it stands in single quotes.
fn quoted(text: &str, escaped_quote: &str) -> String {
    text.replace('\'', escaped_quote)
}

fn commands() -> String {
    COMMANDS.iter().map(|(command, _)| command.name).collect::<Vec<_>>().join(" ")
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
    1:*) names='% help --help --version' ;;
    *:help) names='%' ;;
"#;

const BASH_END: &str = r#"    esac
    [ -z "$names" ] || COMPREPLY=($(compgen -W "$names" -- "$word"))
}
complete -F _palmnet palmnet
"#;

fn bash() -> String {
    let (mut text, all) = (String::new(), commands());
    fill(&mut text, BASH, &[&all, &all]);
    for (command, _) in COMMANDS {
        fill(&mut text, "    *:%)\n        case $before in\n", &[command.name]);
        let mut options = String::new();
        for option in command.options {
            let names = [&[option.name], option.aliases].concat();
            fill(&mut options, "% % ", &[option.name, option.short().unwrap_or_default()]);
            if !option.value.is_empty() {
                fill(&mut text, "        %) % ;;\n", &[&names.join("|"), &bash_action(&Values::of(option))]);
            }
        }
        fill(
            &mut text,
            "        *)\n            case ${COMP_WORDS[*]:2:COMP_CWORD-2}:$word in\n            *:-*) names='%--help' ;;\n",
            &[&options],
        );
        let mut words = Values::of_words(command).into_iter().map(|(_, values)| bash_action(&values));
        let first = words.next().unwrap_or_else(|| "return".to_string());
        // The table stands behind the model.
        if let Some(second) = words.next() {
            fill(&mut text, "            *.safetensors*:*) % ;;\n", &[&second]);
        }
        fill(&mut text, "            *) % ;;\n            esac\n            ;;\n        esac\n        ;;\n", &[&first]);
    }
    text + BASH_END
}

fn bash_action(values: &Values) -> String {
    let files = [
        "_palmnet_files \"$word\" safetensors",
        "_palmnet_files \"$word\" csv tsv txt data",
        "_palmnet_files \"$word\"",
    ];
    values.text(["names='", "'"], files, "return")
}

const ZSH: &str = "#compdef palmnet
# Completions of palmnet for zsh.

_palmnet() {
    local -a commands
    commands=(
%        'help:Show the help of a command'
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    shift words
    (( CURRENT-- ))
    case $words[1] in
    help) _describe command commands ;;
%    esac
}

if [ \"$funcstack[1]\" = _palmnet ]; then
    _palmnet \"$@\"
else
    compdef _palmnet palmnet
fi
";

fn zsh() -> String {
    let (mut text, mut commands, mut cases) = (String::new(), String::new(), String::new());
    for (command, _) in COMMANDS {
        fill(&mut commands, "        '%:%'\n", &[command.name, &zsh_plain(command.summary)]);
        fill(&mut cases, "    %) _arguments", &[command.name]);
        for option in command.options {
            let help = zsh_plain(option.help);
            for name in [Some(option.name), option.short()].into_iter().flatten() {
                let equals = if name.starts_with("--") { "=" } else { "" };
                match option.value {
                    "" => fill(&mut cases, " \\\n        '%[%]'", &[name, &help]),
                    value => {
                        let action = zsh_action(&Values::of(option));
                        fill(&mut cases, " \\\n        '%%[%]:%:%'", &[name, equals, &help, value, &action]);
                    }
                }
            }
        }
        cases += " \\\n        '--help[Show the help]'";
        for (number, (name, values)) in ["1", "2"].into_iter().zip(Values::of_words(command)) {
            fill(&mut cases, " \\\n        '%:%:%'", &[number, name, &zsh_action(&values)]);
        }
        cases += " ;;\n";
    }
    fill(&mut text, ZSH, &[&commands, &cases]);
    text
}

/// Returns the beginning of a help text without characters that mean something in a description.
fn zsh_plain(help: &str) -> String {
    let mut plain = String::new();
    for c in short(help).chars() {
        if matches!(c, '[' | ']' | ':' | '\\') {
            plain.push('\\');
        }
        plain.push(c);
    }
    quoted(&plain, "'\\''")
}

fn zsh_action(values: &Values) -> String {
    let files = ["_files -g \"*.safetensors\"", "_files -g \"*.(csv|tsv|txt|data)\"", "_files"];
    values.text(["(", ")"], files, " ")
}

const FISH: &str = "# Completions of palmnet for fish.
complete -c palmnet -f
complete -c palmnet -n __fish_use_subcommand -a help -d 'Show the help of a command'
complete -c palmnet -n '__fish_seen_subcommand_from help' -a '%'
";

fn fish() -> String {
    let mut text = String::new();
    fill(&mut text, FISH, &[&commands()]);
    let plain = |help: &str| quoted(short(help), "\\'");
    for (command, _) in COMMANDS {
        let values = [command.name, &plain(command.summary)];
        fill(&mut text, "complete -c palmnet -n __fish_use_subcommand -a % -d '%'\n", &values);
        let mut begin = String::new();
        fill(&mut begin, "complete -c palmnet -n '__fish_seen_subcommand_from %'", &[command.name]);
        for option in command.options {
            let short = option.short().map_or(String::new(), |short| short.replace('-', " -s "));
            let action = if option.value.is_empty() { String::new() } else { fish_action(&Values::of(option)) };
            let flag = if option.value.is_empty() { "" } else { " -x" };
            let values = [&begin, &option.name[2..], &short, flag, &action, &plain(option.help)];
            fill(&mut text, "% -l %%%% -d '%'\n", &values);
        }
        fill(&mut text, "% -l help -d 'Show the help'\n", &[&begin]);
        for (_, values) in Values::of_words(command) {
            fill(&mut text, "%%\n", &[&begin, &fish_action(&values)]);
        }
    }
    text
}

fn fish_action(values: &Values) -> String {
    let files = [
        " -k -a '(__fish_complete_suffix .safetensors)'",
        " -k -a '(__fish_complete_suffix .csv)'",
        " -a '(__fish_complete_path (commandline -ct))'",
    ];
    values.text([" -a '", "'"], files, "")
}
