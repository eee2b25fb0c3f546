//! The state of reading: the values and constants that nodes have made so far, and access to the inputs of the next.

use std::collections::BTreeMap;

use super::patterns;
use super::proto::{Graph, Node};
use super::tensor::Tensor;
use super::value::{Cell, Id, Kind, Source, Step, Value, joined};
use crate::base::text::quoted;

/// Everything that has been read so far.
pub(super) struct Reader<'a> {
    pub(super) graph: &'a Graph,
    pub(super) values: Vec<Value>,
    /// The values and constants that nodes have made, by name.
    pub(super) names: BTreeMap<&'a str, Made>,
    pub(super) columns: Vec<Source>,
    /// The number of rows that the graph is for, if it is for one only.
    pub(super) batch: Option<usize>,
    /// The index of the node that is read.
    pub(super) node: usize,
    /// Remarks on the meaning, for people.
    pub(super) notes: Vec<String>,
    /// The number of constants in the file: a network has no more columns.
    pub(super) constants: usize,
    /// How many numbers nodes may still copy: a small file must not ask for any amount of memory.
    pub(super) budget: usize,
}

/// The result of a node.
#[derive(Clone, Debug)]
pub(super) enum Made {
    Value(Id),
    Constant(Tensor),
}

/// An input of a node.
#[derive(Clone, Copy)]
pub(super) enum Given<'g> {
    Data(Id),
    Constant(&'g Tensor),
    Absent,
}

pub(super) type Answer<T> = Result<T, String>;

/// The answer if a node has inputs of other kinds than can be understood.
pub(super) const BRANCHES: &str = "it joins two branches, and palmnet has sequences of layers only";

impl<'a> Reader<'a> {
    /// Returns the input of a node at this position.
    pub(super) fn given(&self, node: &'a Node, index: usize) -> Answer<Given<'_>> {
        let Some(name) = node.inputs.get(index).filter(|name| !name.is_empty()) else { return Ok(Given::Absent) };
        if let Some(made) = self.names.get(name.as_str()) {
            return Ok(match made {
                Made::Value(id) => Given::Data(*id),
                Made::Constant(tensor) => Given::Constant(tensor),
            });
        }
        let found = self.graph.constants.get(name).map(Given::Constant);
        found.ok_or_else(|| format!("its input {} comes from no node before it", quoted(name)))
    }

    /// Returns the input at this position, if it depends on the row.
    pub(super) fn data(&self, node: &'a Node, index: usize) -> Answer<Id> {
        match self.given(node, index)? {
            Given::Data(id) => Ok(id),
            Given::Constant(_) => Err(format!("its input {} is a constant, and must depend on the row", index + 1)),
            Given::Absent => Err(format!("its input {} is absent", index + 1)),
        }
    }

    /// Returns the input at this position, if it is a constant; `None` if it is absent.
    pub(super) fn constant(&self, node: &'a Node, index: usize) -> Answer<Option<&Tensor>> {
        match self.given(node, index)? {
            Given::Constant(tensor) => Ok(Some(tensor)),
            Given::Absent => Ok(None),
            Given::Data(_) => Err(format!("its input {} depends on the row, and must be a constant", index + 1)),
        }
    }

    /// Returns the constant numbers at this position, as many as `width`.
    pub(super) fn numbers(&self, node: &'a Node, index: usize, width: usize) -> Answer<Vec<f32>> {
        let tensor = self.constant(node, index)?.ok_or_else(|| format!("its input {} is absent", index + 1))?;
        let all = tensor.numbers().ok_or("it has texts, or integers that are too large, in place of numbers")?;
        if all.len() == width {
            return Ok(all);
        }
        Err(format!("it has {} numbers in input {}, for {width} columns", all.len(), index + 1))
    }

    pub(super) fn width(&self, id: Id) -> usize {
        self.values[id].width()
    }

    /// Refuses a value whose rows are not of one dimension.
    pub(super) fn flat(&self, id: Id) -> Answer<usize> {
        match self.values[id].dims[..] {
            [width] if width > 0 => Ok(width),
            ref dims => Err(format!("it takes rows in the shape {dims:?}, and palmnet has rows of one dimension")),
        }
    }

    /// Adds a value, or what it is recognized as.
    pub(super) fn push(&mut self, kind: Kind, dims: Vec<usize>) -> Made {
        let kind = patterns::recognized(&self.values, &kind).unwrap_or(kind);
        self.values.push(Value { kind, dims, node: self.node });
        Made::Value(self.values.len() - 1)
    }

    /// Refuses more columns than the file has numbers for.
    pub(super) fn check_cells(&mut self, count: usize) -> Answer<()> {
        if count > self.constants {
            return Err(format!("it makes {count} columns, and the file has only {} constants", self.constants));
        }
        self.spend(count)
    }

    /// Counts numbers that are copied.
    pub(super) fn spend(&mut self, count: usize) -> Answer<()> {
        let rest = self.budget.checked_sub(count).ok_or("the graph copies its constants or columns too often")?;
        self.budget = rest;
        Ok(())
    }

    /// Adds columns.
    pub(super) fn columns(&mut self, cells: Vec<Cell>, dims: Vec<usize>) -> Answer<Made> {
        self.check_cells(cells.len())?;
        Ok(self.push(Kind::Columns(cells), dims))
    }

    /// Adds a value with the dimensions of `of`.
    pub(super) fn like(&mut self, of: Id, kind: Kind) -> Answer<Vec<Made>> {
        let dims = self.values[of].dims.clone();
        Ok(vec![self.push(kind, dims)])
    }

    /// Applies an operation with constants in this shape to each entry.
    pub(super) fn step(&mut self, x: Id, step: Step, dims: &[usize]) -> Answer<Vec<Made>> {
        let own = &self.values[x].dims;
        let count: usize = dims.iter().product();
        // The first dimension of constants may be that of the rows.
        let dims = if dims.len() > own.len() && dims[0] == 1 { &dims[dims.len() - own.len()..] } else { dims };
        let joined = joined(own, dims)?;
        let width: usize = joined.iter().product();
        if count == 0 || (count != 1 && count != width) {
            return Err(format!("it has {count} constants, for rows of {width} numbers"));
        }
        if let Kind::Columns(cells) = &self.values[x].kind {
            let mut cells = cells.clone();
            if width != cells.len() {
                return Err(format!("it has {count} constants, for rows of {} numbers", cells.len()));
            }
            for (index, cell) in cells.iter_mut().enumerate() {
                cell.apply(&step, index)?;
            }
            return Ok(vec![self.columns(cells, joined)?]);
        }
        self.spend(count)?;
        Ok(vec![self.push(Kind::Step(step, x), joined)])
    }

    /// Returns the value of this name, if there is one.
    pub(super) fn value_of(&self, name: &str) -> Option<Id> {
        if let Some(Made::Value(id)) = self.names.get(name) { Some(*id) } else { None }
    }
}

/// Returns a copy of the cells, if a value is of columns.
pub(super) fn cells(reader: &Reader<'_>, id: Id) -> Option<Vec<Cell>> {
    if let Kind::Columns(cells) = &reader.values[id].kind { Some(cells.clone()) } else { None }
}

/// Returns a copy of the cells of columns.
pub(super) fn columns(reader: &Reader<'_>, id: Id) -> Answer<Vec<Cell>> {
    cells(reader, id).ok_or_else(|| "it is behind a layer, and palmnet has such a thing before the first only".into())
}

/// Sets the categories of a column, which must be the same wherever it is encoded.
pub(super) fn categorize(source: &mut Source, categories: &[String]) -> Answer<()> {
    if let Some(name) = categories.iter().find(|name| name.trim() != name.as_str()) {
        let (column, name) = (quoted(&source.name), quoted(name));
        return Err(format!(
            "category {name} of column {column} has blanks around it, which palmnet takes off cells: strip them"
        ));
    }
    match &source.categories {
        Some(known) if known != categories => {
            Err(format!("column {} is encoded before with other categories", quoted(&source.name)))
        }
        Some(_) => Ok(()),
        None => {
            source.categories = Some(categories.to_vec());
            Ok(())
        }
    }
}
