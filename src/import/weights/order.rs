//! The order and the activations of layers, as far as the names of the tensors tell.

use super::modules::{Kind, Module};
use super::words::{Part, Parts};
use crate::base::sort::order;
use crate::base::text::printable;
use crate::nn::activation::Activation;
use crate::nn::layer::Layer;

/// Returns the stack of these modules: in their order, with the activation once between two linear layers.
///
/// The numbers of an `nn.Sequential` leave a gap where it is. If there are no numbers, or no gaps in them, it is before
/// every linear layer but the first, unless there is a normalization, which may be before or after it.
pub(super) fn stack(modules: &[Module<'_>], activation: Option<Activation>) -> Result<Parts, String> {
    let linear: Vec<usize> = (0..modules.len()).filter(|&i| modules[i].kind == Kind::Linear).collect();
    let (Some(&first), Some(&last)) = (linear.first(), linear.last()) else {
        return Err("the file has no weight of a linear layer, which is a tensor of two dimensions".into());
    };
    if let Some(module) = modules.iter().find(|module| module.is_unclear()) {
        return Err(format!(
            "{} has no bias beside it, as a PReLU or an RMSNorm, which cannot be imported: if it is of a LayerNorm, name the \
             layers, as in --layers linear,layer_norm,relu,linear",
            module.described()
        ));
    }
    let numbers = numbers(modules);
    let gaps = gaps(modules.len(), numbers.as_deref());
    // Names such as fc1 and bn1 tell no order.
    if numbers.is_none() && linear.len() < modules.len() && modules.len() > 1 {
        return Err(unclear(modules, activation, true));
    }
    let has_gaps = gaps.iter().any(|&gap| gap);
    let mut is_before = vec![false; modules.len()];
    // The modules before which an activation may be, for each two linear layers.
    for pair in linear.windows(2) {
        let between: Vec<usize> = (pair[0] + 1..=pair[1]).filter(|&i| if has_gaps { gaps[i] } else { true }).collect();
        match between[..] {
            [place] => is_before[place] = true,
            _ => return Err(unclear(modules, activation, false)),
        }
    }
    if (1..modules.len()).any(|i| gaps[i] && (i <= first || i > last)) {
        return Err(unclear(modules, activation, false));
    }
    let mut parts = Vec::new();
    for (module, is_before) in modules.iter().zip(is_before) {
        if is_before {
            let activation = activation.ok_or(
                "the file does not tell the activation between the layers: name it, as in --activation relu, or the \
                 layers, as in --layers linear,relu,linear",
            )?;
            parts.push(Part::Layer(Layer::Activation(activation)));
        }
        parts.push(Part::Next(module.kind, None));
    }
    Ok(Parts { inputs: None, parts })
}

/// Returns the numbers of the modules of one `nn.Sequential`, in their order.
fn numbers(modules: &[Module<'_>]) -> Option<Vec<usize>> {
    let numbers: Option<Vec<(&str, usize)>> = modules.iter().map(Module::number).collect();
    let numbers = numbers.filter(|numbers| numbers.iter().all(|number| number.0 == numbers[0].0))?;
    Some(numbers.into_iter().map(|(_, number)| number).collect())
}

/// Returns for each of so many modules whether numbers are left out before it; none before the first.
fn gaps(count: usize, numbers: Option<&[usize]>) -> Vec<bool> {
    let is_gap = |numbers: &[usize], i: usize| i > 0 && numbers[i] > numbers[i - 1].saturating_add(1);
    (0..count).map(|i| numbers.is_some_and(|numbers| is_gap(numbers, i))).collect()
}

/// Returns the error if it is not clear where the activations are, with a list of kinds or names that may be right.
fn unclear(modules: &[Module<'_>], activation: Option<Activation>, by_name: bool) -> String {
    let activation = activation.unwrap_or(Activation::Relu).to_string();
    let digits = |i: usize| modules[i].name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let key = |i: usize| (digits(i).is_empty(), digits(i).len(), digits(i), modules[i].kind != Kind::Linear);
    let order = match by_name {
        true => order(modules.len(), &|a, b| key(a).cmp(&key(b))),
        false => (0..modules.len()).collect(),
    };
    let mut words: Vec<&str> = Vec::new();
    for module in order.into_iter().take(20).map(|i| &modules[i]) {
        if module.kind == Kind::Linear && !words.is_empty() {
            words.push(&activation);
        }
        words.push(if by_name { module.name } else { module.kind.word() });
    }
    let (list, more) = (printable(&words.join(",")), if modules.len() > 20 { ",..." } else { "" });
    format!(
        "the names of the tensors do not tell where the activations are: name the layers, as in --layers {list}{more}"
    )
}
