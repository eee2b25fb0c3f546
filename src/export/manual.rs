//! The whole file: its manual, the declarations of the inputs, constants and functions.

use std::fmt::Display;

use super::dialect::fill;
use super::names::plain;
use super::source::{Source, field_bytes};
use super::{C_START, RUST_START};
use crate::base::text::quoted;
use crate::data::{Column, ColumnKind, TargetSchema};
use crate::model::Model;

/// More constants than this are beyond the addresses of 16 bits that an AVR reads flash by.
const MOST_ON_AVR: usize = 60_000;

/// The beginnings of the lines that read a byte, after those that read whole numbers.
const WHOLE_ON_AVR: &str = "#define %_INT8(entry) ((int8_t)pgm_read_byte(entry))\n\
     #define %_INT32(entry) ((int32_t)pgm_read_dword(entry))\n#define %_BYTE(entry) ((char)";
const WHOLE: &str = "#define %_INT8(entry) (*(entry))\n#define %_INT32(entry) (*(entry))\n#define %_BYTE(entry) (*";

fn has_times(source: &Source<'_>) -> bool {
    source.program.columns.iter().any(|column| matches!(column.kind, ColumnKind::Time(_)))
}

fn has_texts(source: &Source<'_>) -> bool {
    source.program.columns.iter().any(|column| matches!(column.kind, ColumnKind::Categories(_)))
}

/// Returns whether something is computed in double precision.
fn has_doubles(source: &Source<'_>) -> bool {
    let columns = source.program.columns.iter();
    has_times(source) || source.has_origins() || columns.into_iter().any(|column| field_bytes(column) == 8)
}

/// Returns the whole file.
pub(super) fn with_manual(model: &Model, source: &Source<'_>) -> String {
    let dialect = &source.dialect;
    let mut text = dialect.choose(C_START, RUST_START).to_string();
    let (ended, line) = (manual(model, source), dialect.choose("\n * ", "\n//! "));
    text += &ended.replace('\n', line).replace(dialect.choose(" * \n", "//! \n"), dialect.choose(" *\n", "//!\n"));
    match dialect.is_c() {
        true => c_head(source, &mut text),
        false => {
            text += "\n#![no_std]\n#![forbid(unsafe_code)]\n#![allow(dead_code, unused_assignments, unused_mut, unused_parens, clippy::all)]\n";
        }
    }
    structures(source, &mut text);
    fill(&mut text, "\n%\n%", &[&source.data, &source.functions]);
    text += dialect.choose("\n#endif\n", "");
    text
}

fn c_head(source: &Source<'_>, text: &mut String) {
    let (name, guard) = (source.dialect.name, source.dialect.name.to_ascii_uppercase());
    fill(text, "\n */\n#ifndef %_H\n#define %_H\n\n", &[&guard, &guard]);
    *text += "#ifdef __FAST_MATH__\n#error \"-ffast-math leaves out what is done about NaN\"\n#endif\n";
    if source.functions.contains("memcpy(") {
        *text += "#include <stdint.h>\n#include <string.h>\n";
    }
    if has_doubles(source) {
        *text += "#include <float.h>\n#if DBL_MANT_DIG < 53\n#error \"a column needs a double of 64 bits: -mdouble=64\"\n#endif\n";
    }
    *text += "#ifdef __AVR__\n";
    if source.flash > MOST_ON_AVR {
        *text += "#error \"more constants than an AVR reads: train a smaller network\"\n";
    }
    let flash = "#include <avr/pgmspace.h>\n#define %_FLASH PROGMEM\n#define %_READ(entry) pgm_read_float(entry)\n\
         #define %_BYTE(entry) ((char)pgm_read_byte(entry))\n\
         #else\n#define %_FLASH\n#define %_READ(entry) (*(entry))\n#define %_BYTE(entry) (*(entry))\n#endif\n";
    let name: &dyn Display = &name;
    let flash = match source.data.contains("int8_t") {
        true => flash.replace("#define %_BYTE(entry) ((char)", WHOLE_ON_AVR).replace("#define %_BYTE(entry) (*", WHOLE),
        false => flash.to_string(),
    };
    fill(text, &flash, &[name; 10]);
}

/// Adds the declarations of the inputs.
fn structures(source: &Source<'_>, text: &mut String) {
    let (dialect, has_times) = (&source.dialect, has_times(source));
    let (is_c, name) = (dialect.is_c(), dialect.name);
    if has_times {
        *text += "\n/* The zone is in seconds ahead of UTC, or 0. */\n";
    }
    const DERIVED: &str = "#[derive(Clone, Copy, Debug, Default, PartialEq)]\npub struct ";
    match (has_times, is_c) {
        (false, _) => {}
        (_, true) => {
            let time = "struct %_time {\n  int year, month, day, hour, minute;\n  double second;\n  long zone;\n};\n";
            fill(text, time, &[&name]);
        }
        _ => {
            let time = "%Time {\n  pub year: i32,\n  pub month: i32,\n  pub day: i32,\n  pub hour: i32,\n  pub minute: i32,\n  \
                pub second: f64,\n  pub zone: i64,\n}\n";
            fill(text, time, &[&DERIVED]);
        }
    }
    let lifetime = if has_texts(source) { "<'a>" } else { "" };
    match is_c {
        true => fill(text, "\nstruct %_input {\n", &[&name]),
        false => fill(text, "\n%Input% {\n", &[&DERIVED, &lifetime]),
    }
    for (column, field) in source.program.columns.iter().zip(&source.fields) {
        let (c, rust) = match &column.kind {
            ColumnKind::Number(form) if form.origin != 0.0 => ("double ", "f64"),
            ColumnKind::Number(_) => ("float ", "f32"),
            ColumnKind::Time(_) => ("struct %_time ", "Time"),
            ColumnKind::Categories(_) => ("const char *", "&'a str"),
        };
        match is_c {
            true => {
                *text += "  ";
                fill(text, c, &[&name]);
                fill(text, "%;\n", &[&field]);
            }
            false => fill(text, "  pub %: %,\n", &[&field, &rust]),
        }
    }
    *text += dialect.choose("};\n", "}\n");
}

/// Returns the manual, the first line of which follows the name of the command.
fn manual(model: &Model, source: &Source<'_>) -> String {
    let (program, dialect, cost) = (source.program, &source.dialect, source.cost());
    let (name, mut text, mut layers) = (dialect.name, String::new(), String::new());
    for layer in model.network().layers() {
        fill(&mut layers, " %", &[&layer]);
    }
    fill(
        &mut text,
        "%, by palmnet %\n\nNetwork:%\nCost: % on a Cortex-M4 (-Os).\nAny number of threads may predict at once.\n\n\
         Inputs are what the cells of the table were:\n\n",
        &[&name, &env!("CARGO_PKG_VERSION"), &layers, &cost],
    );
    for (column, field) in program.columns.iter().zip(&source.fields) {
        let column_name = plain(&quoted(&column.name));
        fill(&mut text, "  %: %, ", &[&field, &column_name]);
        describe(column, &mut text);
    }
    let (number, none) = (dialect.choose("NAN", "f32::NAN"), dialect.choose("NULL or \"\"", "\"\""));
    let missing = match program.fill {
        Some(_) => "filled in as in training",
        None => "not allowed: outputs of numbers and times are NaN then, without a label",
    };
    fill(
        &mut text,
        "\nMissing are the number %, the text %, a date of month 0, a time of hour -1. Such cells are\n%.\n\n",
        &[&number, &none, &missing],
    );
    outputs(source, &mut text);
    example(source, &mut text);
    text
}

/// Describes the cells of a column.
fn describe(column: &Column, text: &mut String) {
    match &column.kind {
        ColumnKind::Number(form) => {
            let (prefix, suffix) = (plain(&form.prefix), plain(&form.suffix));
            let about = if prefix.is_empty() && suffix.is_empty() { "" } else { ", without " };
            fill(text, "a number%%%\n", &[&about, &prefix, &suffix]);
        }
        ColumnKind::Time(form) => {
            let kinds = [if form.date { "a date" } else { "" }, if form.clock { "a time of day" } else { "" }];
            fill(text, if form.date && form.clock { "% with %\n" } else { "%%\n" }, &[&kinds[0], &kinds[1]]);
        }
        ColumnKind::Categories(names) => {
            fill(text, "one of % texts:", &[&names.len()]);
            names.iter().take(8).for_each(|name| fill(text, " %", &[&plain(&quoted(name))]));
            *text += if names.len() > 8 { " and more\n" } else { "\n" };
        }
    }
}

/// Describes the outputs.
fn outputs(source: &Source<'_>, text: &mut String) {
    let target = source.program.target;
    let (about, names) = match target {
        TargetSchema::Classes { classes, .. } if source.program.outputs() == 1 => {
            ("The output is the probability of class 1; scores are before that, and a label is the index", classes)
        }
        TargetSchema::Classes { classes, .. } => {
            ("Outputs are the probabilities of the classes, scores are before that, and a label is the index", classes)
        }
        TargetSchema::Labels { names, .. } => {
            ("Outputs are the probabilities of the second classes, and labels say whether they are above 1/2,", names)
        }
        TargetSchema::Values { names } => ("Outputs are the values", names),
    };
    fill(text, "% of\n\n", &[&about]);
    for (index, name) in names.iter().enumerate() {
        fill(text, "  %: %", &[&index, &plain(&quoted(name))]);
        if let TargetSchema::Labels { classes, .. } = target {
            fill(text, ", % or %", &[&plain(&quoted(&classes[index][0])), &plain(&quoted(&classes[index][1]))]);
        }
        *text += "\n";
    }
}

/// Adds a program that predicts one row.
fn example(source: &Source<'_>, text: &mut String) {
    let (dialect, name) = (&source.dialect, source.dialect.name);
    let (field, count) = (source.fields.first().map_or("", |field| field), source.program.outputs().to_string());
    if !dialect.is_c() {
        let about = "\nThis is the root of a crate or, without the line no_std, a module. In a program:\n\n```ignore\n\
             let row = %::Input { /* %: ..., */ ..Default::default() };\nlet outputs = %::predict(&row);\n```";
        return fill(text, about, &[&name, &field, &name]);
    }
    let about = "\nInclude this in one source file, such as:\n\n  #include <math.h>\n  #include <stdio.h>\n  #include \"%.h\"\n  \
         int main(void) {\n    struct %_input row = {0};\n    % outputs[%];\n    row.% = ...;\n    \
         %_predict(&row, outputs);\n    printf(\"%g\\n\", (double)outputs[0]);\n";
    let number = if source.has_origins() { "double" } else { "float" };
    fill(text, about, &[&name, &name, &number, &count, &field, &name, &"%"]);
    if let TargetSchema::Classes { .. } = source.program.target {
        fill(text, "    printf(\"%s\\n\", %_classes[%_label(&row)]);\n", &[&"%", &name, &name]);
    }
    *text += "  }";
}
