//! A program as source code.

use std::fmt::Display;

use super::dialect::fill;
use super::dialect::{Dialect, Language};
use super::names::identifiers;
use super::program::{Link, Program, Step, Work};
use crate::base::error::Result;
use crate::data::{Column, ColumnKind, TargetSchema};
use crate::nn::activation::Activation;

/// The functions that code is made of, each after its name and the bytes of its code on a Cortex-M4, and in an order in
/// which it uses those before it.
const FUNCTIONS: &str = include_str!("functions.txt");
/// Those that the languages say in different ways.
const C_FUNCTIONS: &str = include_str!("functions_c.txt");
const RUST_FUNCTIONS: &str = include_str!("functions_rust.txt");

/// The parts of a source file.
pub(super) struct Source<'a> {
    pub(super) dialect: Dialect<'a>,
    pub(super) program: &'a Program<'a>,
    /// An identifier for each column.
    pub(super) fields: Vec<String>,
    /// The constants.
    pub(super) data: String,
    /// The functions.
    pub(super) functions: String,
    /// The bytes of constants and code in flash.
    pub(super) flash: usize,
    /// The numbers in arrays on the stack.
    pub(super) numbers: usize,
    /// The number of arrays of constants.
    pub(super) arrays: usize,
    /// The code with marks, while it is being written.
    code: String,
}

/// The buffers of a prediction, and that of the outputs, which the last product fills.
const BUFFERS: [&str; 4] = ["a", "b", "c", "outputs"];
const OUTPUTS: usize = 3;

/// The buffers in use.
struct Buffers {
    sizes: [usize; 4],
    now: usize,
    /// One that is kept.
    kept: usize,
}

impl Buffers {
    /// Takes another buffer for so many numbers; returns its name.
    fn take(&mut self, size: usize) -> &'static str {
        self.now = (0..OUTPUTS).find(|&i| i != self.now && i != self.kept).unwrap_or(0);
        self.sizes[self.now] = self.sizes[self.now].max(size);
        BUFFERS[self.now]
    }
}

impl<'a> Source<'a> {
    /// Writes the constants and the functions of a program.
    ///
    /// # Errors
    /// If a text cannot be written in the language.
    pub(super) fn new(program: &'a Program<'a>, language: Language, name: &'a str) -> Result<Self> {
        let mut source = Source {
            dialect: Dialect { language, name },
            program,
            fields: identifiers(program.columns.iter().map(|column| column.name.as_str())),
            data: String::new(),
            functions: String::new(),
            flash: 0,
            numbers: 0,
            arrays: 0,
            code: String::new(),
        };
        source.write_outputs()?;
        source.write_predict();
        source.write_label()?;
        source.write_functions();
        Ok(source)
    }

    /// Returns the name of the function for the outputs before their links, if there is one.
    pub(super) fn inner(&self) -> Option<&'static str> {
        match self.program.target {
            TargetSchema::Values { .. } => self.has_origins().then_some("relative"),
            _ => (!self.program.links.is_empty()).then_some("scores"),
        }
    }

    /// Returns whether predicted values are of double precision.
    pub(super) fn has_origins(&self) -> bool {
        self.program.origins.iter().any(|&origin| origin != 0.0)
    }

    /// Adds code in which each % stands for the next of some values.
    fn add(&mut self, code: &str, values: &[&dyn Display]) {
        fill(&mut self.code, code, values);
    }

    /// Begins a function of a row, which `end` ends.
    fn begin(&mut self, name: &str, number: (&str, &str)) {
        let count = self.program.outputs();
        match self.dialect.is_c() {
            true => self.add("\nstatic inline void @%(const struct @input *row, % *outputs) {\n", &[&name, &number.0]),
            false => self.add(
                "\npub fn %(row: &Input) -> [%; %] {\n  let mut outputs = [0.0; %];\n",
                &[&name, &number.1, &count, &count],
            ),
        }
    }

    fn end(&mut self) {
        self.code += self.dialect.choose("}\n", "  outputs\n}\n");
    }

    /// Writes the function for the outputs, before the links if there is another one for these.
    fn write_outputs(&mut self) -> Result<()> {
        let program = self.program;
        self.begin(self.inner().unwrap_or("predict"), ("float", "f32"));
        let head = std::mem::take(&mut self.code);
        let mut buffers = Buffers { sizes: [program.offset.len(), 0, 0, 0], now: 0, kept: OUTPUTS };
        self.write_inputs()?;
        program.steps.iter().for_each(|step| self.write_step(step, &mut buffers, step.is_apart()));
        if program.members > 1 {
            self.write_members(&mut buffers);
        } else {
            let last = program.of_members.iter().rposition(Step::is_apart);
            for (index, step) in program.of_members.iter().enumerate() {
                if Some(index) == last {
                    let from = std::mem::replace(&mut buffers.now, OUTPUTS);
                    self.write_work(step, BUFFERS[from], BUFFERS[OUTPUTS]);
                } else {
                    self.write_step(step, &mut buffers, step.is_apart());
                }
            }
        }
        if let TargetSchema::Values { .. } = program.target {
            self.write_links();
        }
        let code = std::mem::replace(&mut self.code, head);
        let bytes = program.most_quantized();
        if bytes > 0 {
            self.numbers += bytes.div_ceil(4);
            self.add("  $W q$W[%];\n", &[&bytes]);
        }
        for (name, size) in BUFFERS.iter().zip(buffers.sizes).filter(|(_, size)| *size > 0) {
            self.numbers += size;
            self.add("  $a %$[%];\n", &[&name, &size]);
        }
        self.code += &code;
        self.end();
        Ok(())
    }

    /// Writes how cells become scaled inputs, in the first buffer.
    fn write_inputs(&mut self) -> Result<()> {
        let program = self.program;
        let mut start = 0;
        for (index, column) in program.columns.iter().enumerate() {
            self.write_column(column, start, index)?;
            start += column.width();
        }
        if let Some(fill) = program.fill {
            let fill = self.constants(fill);
            self.add("  loop_i:%:i{ if (a[i] != a[i]) { a[i] = [[$k%][i]]; } }\n", &[&start, &fill]);
        }
        if program.offset.iter().any(|x| *x != 0.0) || program.factor.iter().any(|x| *x != 1.0) {
            let (offset, factor) = (self.constants(program.offset), self.constants(program.factor));
            self.write_each("a", start, "(a[i] - [[$k%][i]]) * [[$k%][i]]", &[&offset, &factor]);
        }
        Ok(())
    }

    fn write_column(&mut self, column: &Column, start: usize, index: usize) -> Result<()> {
        let (at, field) = (start, std::mem::take(&mut self.fields[index]));
        match &column.kind {
            ColumnKind::Number(form) => {
                let code = if form.origin == 0.0 { "  a[%] = $row.%;\n" } else { "  a[%] = f<$row.% - %>f;\n" };
                self.add(code, &[&at, &field, &double(form.origin)]);
            }
            ColumnKind::Time(form) => {
                let (reference, parts) = (self.dialect.choose("", "&"), form.parts().len());
                self.add(
                    "  @time(%$row.%, %, %, $!a+[%]+);\n",
                    &[&reference, &field, &parts, &double(form.origin), &at],
                );
            }
            // An unknown text is as a missing one.
            ColumnKind::Categories(names) if names.is_empty() => {
                if column.marks_missing {
                    self.add("  a[%] = 1.0~;\n", &[&at]);
                }
            }
            ColumnKind::Categories(names) => {
                let texts = self.texts(&format!("t{index}"), names)?;
                let (count, marks) = (names.len(), usize::from(column.marks_missing));
                let code = "  @category(@find($row.%, %), %, %, $!a+[%]+);\n";
                self.add(code, &[&field, &texts, &count, &marks, &at]);
            }
        }
        if column.marks_missing && !matches!(column.kind, ColumnKind::Categories(_)) {
            let mark = start + column.width() - 1;
            self.add("  a[%] = 0.0~;\n  if (a[%] != a[%]) { a[%] = 1.0~; }\n", &[&mark, &at, &at, &mark]);
        }
        self.fields[index] = field;
        Ok(())
    }

    /// Writes a step from the buffer in use, to another one if it is `apart`.
    fn write_step(&mut self, step: &Step, buffers: &mut Buffers, apart: bool) {
        let from = BUFFERS[buffers.now];
        let to = if apart { buffers.take(step.outputs) } else { from };
        self.write_work(step, from, to);
    }

    /// Writes the loop over the members.
    fn write_members(&mut self, buffers: &mut Buffers) {
        let program = self.program;
        let members = program.members;
        buffers.kept = buffers.now;
        self.write_each("outputs", program.outputs(), "0.0~", &[]);
        self.add("  loop_m:%:m{\n", &[&members]);
        for (index, step) in program.of_members.iter().enumerate() {
            self.write_step(step, buffers, index == 0 || step.is_apart());
        }
        self.write_each("outputs", program.outputs(), "outputs[i] + %[i]", &[&BUFFERS[buffers.now]]);
        self.code += "  }\n";
        self.write_each("outputs", program.outputs(), "outputs[i] / %.0~", &[&members]);
    }

    fn write_work(&mut self, step: &Step, from: &str, to: &str) {
        let (n, m) = (step.inputs, step.outputs);
        // Those of each member begin at so many times its index.
        let start = |count: usize, own: usize, text: &str| {
            let mut start = String::new();
            if count > own {
                fill(&mut start, text, &[&own]);
            }
            start
        };
        match &step.work {
            Work::Product { weights, bias } => {
                let starts =
                    [(weights.len(), n * m), (bias.len(), m)].map(|(count, own)| start(count, own, "+[m * %]+"));
                let (weights, bias) = (self.constants(weights), self.constants(bias));
                let values: [&dyn Display; 8] = [&weights, &starts[0], &bias, &starts[1], &from, &n, &to, &m];
                self.add("  @dense($&$k%%, $&$k%%, $&%, %, $!%, %);\n", &values);
            }
            Work::Quantized { weights, start: first, scale, inverse, zero } => {
                let starts =
                    [(weights.len(), n * m), (scale.len(), m)].map(|(count, own)| start(count, own, "+[m * %]+"));
                let arrays = [self.bytes(weights), self.words(first), self.constants(scale)];
                let code = "  @dense8($&$k%%, $&$k%%, $&$k%%, $&%, %, $!%, %, %~, %, $!q);\n";
                let (inverse, zero) = (double((*inverse).into()), usize::from(*zero));
                let values: [&dyn Display; 12] = [
                    &arrays[0], &starts[0], &arrays[1], &starts[1], &arrays[2], &starts[1], &from, &n, &to, &m,
                    &inverse, &zero,
                ];
                self.add(code, &values);
            }
            Work::Affine { scale, shift } | Work::Normalize { scale, shift } => {
                if let Work::Normalize { .. } = step.work {
                    self.add("  @normalize($!%, %);\n", &[&to, &n]);
                }
                let start = start(scale.len(), m, "m * % + ");
                let (scale, shift) = (self.constants(scale), self.constants(shift));
                let values: [&dyn Display; 5] = [&scale, &start, &from, &shift, &start];
                self.write_each(to, step.outputs, "[[$k%][%i]] * %[i] + [[$k%][%i]]", &values);
            }
            Work::Piecewise { bins, edges } => {
                let (bins, edges) = (self.constants(bins), self.constants(edges));
                self.add("  @piecewise($&$k%, $&$k%, $&%, %, $!%);\n", &[&bins, &edges, &from, &n, &to]);
            }
            Work::Embedding { roles, weights, bias } => {
                let kept = roles.iter().filter(|role| **role == -1.0).count();
                let size = weights.len() / roles.iter().filter(|role| **role >= 0.0).count().max(1);
                let groups = bias.len();
                let (roles, weights, bias) = (self.constants(roles), self.constants(weights), self.constants(bias));
                self.add("  loop_i:%:i{ %[% + i] = [[$k%][i]]; }\n", &[&groups, &to, &kept, &bias]);
                let values: [&dyn Display; 7] = [&roles, &weights, &from, &n, &to, &kept, &size];
                self.add("  @embed($&$k%, $&$k%, $&%, %, $!%, %, %);\n", &values);
            }
            Work::Activate(activation) => self.write_activation(*activation, to, step.outputs),
        }
    }

    fn write_activation(&mut self, activation: Activation, to: &str, count: usize) {
        let name = activation.to_string();
        let (name, parameter) = name.split_once(':').unwrap_or((&name, ""));
        match activation {
            Activation::Softmax => self.add("  @softmax($!%, %);\n", &[&to, &count]),
            Activation::LeakyRelu(x) | Activation::Elu(x) => {
                self.write_each(to, count, "@%(%[i], %~)", &[&name, &to, &double(x.into())]);
            }
            _ => self.write_each(to, count, "@%(%[i]%)", &[&name, &to, &parameter]),
        }
    }

    /// Writes that every entry of an array becomes something.
    fn write_each(&mut self, array: &str, count: usize, value: &str, values: &[&dyn Display]) {
        self.add("  loop_i:%:i{ %[i] = ", &[&count, &array]);
        self.add(value, values);
        self.code += "; }\n";
    }

    fn write_links(&mut self) {
        let program = self.program;
        let n = program.outputs();
        for link in &program.links {
            match link {
                Link::Activate(activation) => self.write_activation(*activation, "outputs", n),
                Link::Log => self.write_each("outputs", n, "@ln(outputs[i])", &[]),
                Link::Logit => self.write_each("outputs", n, "@logit(outputs[i])", &[]),
                Link::Divide(by) => self.write_each("outputs", n, "outputs[i] / %~", &[&double((*by).into())]),
                Link::Unscale { offset, factor } => {
                    let (offset, factor) = (self.constants(offset), self.constants(factor));
                    let value = "@unscale(outputs[i], [[$k%][i]], [[$k%][i]])";
                    self.write_each("outputs", n, value, &[&offset, &factor]);
                }
                Link::Clamp { low, high } => {
                    let (low, high) = (self.constants(low), self.constants(high));
                    self.write_each("outputs", n, "@clamp(outputs[i], [[$k%][i]], [[$k%][i]])", &[&low, &high]);
                }
            }
        }
    }

    /// Writes the function for predictions, if it is another one than that for the outputs.
    fn write_predict(&mut self) {
        let program = self.program;
        match self.inner() {
            None => return,
            Some("scores") => {
                self.begin("predict", ("float", "f32"));
                self.code += self.dialect.choose("  @scores(row, outputs);\n", "  outputs = scores(row);\n");
                self.write_links();
            }
            Some(_) => {
                self.begin("predict", ("double", "f64"));
                self.write_call("values", "relative");
                for (index, &origin) in program.origins.iter().enumerate() {
                    let at = index;
                    self.add("  outputs[%] = % + d<values[%]>d;\n", &[&at, &double(origin), &at]);
                }
            }
        }
        self.end();
    }

    /// Writes a call of a function of the row, and the array of its outputs.
    fn write_call(&mut self, array: &str, function: &str) {
        let n = self.program.outputs();
        match self.dialect.is_c() {
            true => self.add("  float %[%];\n  @%(row, %);\n", &[&array, &n, &function, &array]),
            false => self.add("  let % = %(row);\n", &[&array, &function]),
        }
    }

    /// Writes the names of classes, and the function that tells the class.
    fn write_label(&mut self) -> Result<()> {
        let (count, is_c) = (self.program.outputs(), self.dialect.is_c());
        let (n, threshold) = (count, format!("{:?}", self.program.threshold()));
        let from = self.inner().unwrap_or("predict");
        match self.program.target {
            TargetSchema::Values { .. } => {}
            TargetSchema::Classes { classes, .. } => {
                self.texts("classes", classes)?;
                self.code += self.dialect.choose(
                    "\nstatic inline int @label(const struct @input *row) {\n",
                    "\npub fn label(row: &Input) -> Option<usize> {\n",
                );
                self.write_call("z", from);
                self.code += self.dialect.choose("  unsigned int index = ", "  let index = ");
                match count {
                    1 => self.add("@above(z[0], %~);\n", &[&threshold]),
                    _ => self.add("@argmax($&z, %);\n", &[&n]),
                }
                let end = self.dialect.choose(
                    "  return index < % ? (int)index : -1;\n}\n",
                    "  if index < % { Some(index) } else { None }\n}\n",
                );
                self.add(end, &[&classes.len()]);
            }
            TargetSchema::Labels { classes, .. } => {
                self.texts("classes", &classes.concat())?;
                match is_c {
                    true => self.code += "\nstatic inline void @labels(const struct @input *row, int *labels) {\n",
                    false => {
                        self.add("\npub fn labels(row: &Input) -> [i32; %] {\n  let mut labels = [0; %];\n", &[&n, &n])
                    }
                }
                self.write_call("z", from);
                let each = self.dialect.choose("(int)@above(z[i], %~)", "@above(z[i], %~) as i32");
                self.write_each("labels", count, each, &[&threshold]);
                self.add("  loop_i:%:i{ if (labels[i] > 1) { labels[i] = -1; } }\n", &[&n]);
                self.code += self.dialect.choose("}\n", "  labels\n}\n");
            }
        }
        Ok(())
    }

    /// Puts the functions that the code uses before it, and translates all.
    fn write_functions(&mut self) {
        // A line, and what calls take.
        self.flash += 6 * self.code.lines().count() + 64;
        let mut code = std::mem::take(&mut self.code);
        // The last ones use those before them.
        for part in [FUNCTIONS, self.dialect.choose(C_FUNCTIONS, RUST_FUNCTIONS)] {
            for block in part.rsplit("\n\n") {
                let (head, text) = block.split_once('\n').unwrap_or_default();
                let (name, bytes) = head.split_once(' ').unwrap_or_default();
                let mut call = String::new();
                fill(&mut call, "@%(", &[&name]);
                if code.contains(&call) {
                    code.insert_str(0, "\n\n");
                    code.insert_str(0, text.trim_end());
                    self.flash += bytes.parse::<usize>().unwrap_or(0);
                }
            }
        }
        self.functions = self.dialect.translate(code);
    }
}

impl Step {
    /// Returns whether its outputs are in another buffer than its inputs.
    fn is_apart(&self) -> bool {
        matches!(
            self.work,
            Work::Product { .. } | Work::Quantized { .. } | Work::Piecewise { .. } | Work::Embedding { .. }
        )
    }
}

/// Returns the bytes of a column's member of the structure.
pub(super) fn field_bytes(column: &Column) -> usize {
    match &column.kind {
        ColumnKind::Number(form) if form.origin != 0.0 => 8,
        ColumnKind::Number(_) | ColumnKind::Categories(_) => 4,
        ColumnKind::Time(_) => 32,
    }
}

/// Returns a number of double precision.
fn double(number: f64) -> String {
    format!("{number:?}")
}
