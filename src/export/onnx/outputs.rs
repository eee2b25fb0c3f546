//! From the outputs of the network to predictions.

use super::graph::{Attribute, Graph, Kind, Port};
use super::steps::activated;
use crate::data::TargetSchema;
use crate::export::program::{Link, Program};

/// Where the outputs of a graph come from.
pub(super) struct Found {
    /// The outputs of the network.
    pub(super) scores: String,
    /// Whether a row has a missing cell that it must not have, if there can be one.
    pub(super) is_open: Option<String>,
}

impl Found {
    /// Writes the predictions and their labels.
    pub(super) fn write(&self, program: &Program<'_>, graph: &mut Graph<'_>) {
        let count = program.outputs();
        let outputs = program.links.iter().fold(self.scores.clone(), |x, link| write_link(link, &x, graph));
        match program.target {
            TargetSchema::Values { names } => {
                let about = format!("The values of {}.", names.join(", "));
                let has_origins = program.origins.iter().any(|&origin| origin != 0.0);
                let kind = if has_origins { Kind::Double } else { Kind::Float };
                let outputs = if has_origins {
                    let (wide, origins) = (graph.cast(&outputs, kind), graph.doubles(&program.origins, &[count]));
                    graph.op("Add", &[&wide, &origins])
                } else {
                    outputs
                };
                self.finish(&outputs, Port { name: "values", kind, width: Some(count), about: &about }, graph);
            }
            TargetSchema::Classes { classes, .. } => {
                let label = self.class(program, classes, graph);
                let about = "The likeliest class; the empty text if a cell is missing that must not be.";
                self.finish(&label, Port { name: "label", kind: Kind::Text, width: None, about }, graph);
                let probabilities = if count == 1 {
                    let one = graph.float(1.0);
                    let first = graph.op("Sub", &[&one, &outputs]);
                    graph.beside(&[first, outputs])
                } else {
                    outputs
                };
                let about = format!("The probabilities of {}.", classes.join(", "));
                let width = Some(count.max(2));
                self.finish(
                    &probabilities,
                    Port { name: "probabilities", kind: Kind::Float, width, about: &about },
                    graph,
                );
            }
            TargetSchema::Labels { names, classes } => {
                let is_second = is_above(program, &self.scores, graph);
                let [first, second] = [0, 1]
                    .map(|index| graph.texts(&classes.iter().map(|pair| pair[index].as_str()).collect::<Vec<&str>>()));
                let labels = graph.op("Where", &[&is_second, &second, &first]);
                let about = format!("The classes of {}.", names.join(", "));
                let width = Some(count);
                self.finish(&labels, Port { name: "label", kind: Kind::Text, width, about: &about }, graph);
                let about = format!("The probabilities of {}.", program.target.output_names().join(", "));
                self.finish(&outputs, Port { name: "probabilities", kind: Kind::Float, width, about: &about }, graph);
            }
        }
    }

    /// Returns the names of the likeliest classes.
    fn class(&self, program: &Program<'_>, classes: &[String], graph: &mut Graph<'_>) -> String {
        if program.outputs() > 1 {
            let best =
                graph.node("ArgMax", &[&self.scores], &[Attribute::Int("axis", 1), Attribute::Int("keepdims", 0)]);
            let names = graph.texts(classes);
            return graph.op("Gather", &[&names, &best]);
        }
        let only = graph.ints(&[1]);
        let score = graph.op("Squeeze", &[&self.scores, &only]);
        let is_second = is_above(program, &score, graph);
        let [first, second] = [0, 1].map(|index| graph.texts(&classes[index..=index]));
        graph.op("Where", &[&is_second, &second, &first])
    }

    /// Writes an output of the graph, which is NaN or the empty text for rows that must not be predicted. Its name is
    /// another one if a column has it.
    fn finish(&self, from: &str, port: Port<'_>, graph: &mut Graph<'_>) {
        let mut name = port.name.to_string();
        while graph.is_input(&name) {
            name.push('_');
        }
        match &self.is_open {
            None => graph.node_to(&name, "Identity", &[from], &[]),
            Some(is_open) => {
                let nothing = match port.kind {
                    Kind::Float => graph.float(f32::NAN),
                    Kind::Double => graph.doubles(&[f64::NAN], &[]),
                    Kind::Text => graph.texts(&[""]),
                };
                let is_open = match port.width {
                    Some(_) => is_open.clone(),
                    None => {
                        let only = graph.ints(&[1]);
                        graph.op("Squeeze", &[is_open, &only])
                    }
                };
                graph.node_to(&name, "Where", &[&is_open, &nothing, from], &[]);
            }
        }
        graph.output(&Port { name: &name, ..port });
    }
}

/// Returns whether scores are those of the second of two classes.
fn is_above(program: &Program<'_>, scores: &str, graph: &mut Graph<'_>) -> String {
    let threshold = graph.float(program.threshold());
    graph.op("Greater", &[scores, &threshold])
}

fn write_link(link: &Link<'_>, x: &str, graph: &mut Graph<'_>) -> String {
    match link {
        Link::Activate(activation) => activated(*activation, x, graph),
        Link::Log => graph.op("Log", &[x]),
        Link::Logit => {
            let one = graph.float(1.0);
            let other = graph.op("Sub", &[&one, x]);
            let [own, other] = [x, &other].map(|p| graph.op("Log", &[p]));
            graph.op("Sub", &[&own, &other])
        }
        Link::Divide(by) => {
            let by = graph.float(*by);
            graph.op("Div", &[x, &by])
        }
        Link::Unscale { offset, factor } => {
            // A column of factor 0 is its offset.
            let factor: Vec<f32> = factor.iter().map(|&f| if f == 0.0 { f32::INFINITY } else { f }).collect();
            let [factor, offset] = [&factor, *offset].map(|numbers| graph.row(numbers));
            let ratio = graph.op("Div", &[x, &factor]);
            graph.op("Add", &[&ratio, &offset])
        }
        Link::Clamp { low, high } => {
            let [low, high] = [low, high].map(|numbers| graph.row(numbers));
            let above = graph.op("Max", &[x, &low]);
            graph.op("Min", &[&above, &high])
        }
    }
}
