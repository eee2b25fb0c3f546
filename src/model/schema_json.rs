//! A schema as JSON: the member `schema` of a model's metadata.
//!
//! `{"columns":["width",{"name":"color","categories":["blue","red"]}],"target":{"name":"kind","classes":["a","b"]},
//! "positions":[2]}` is the least that there is. Several labels are
//! `"target":{"labels":[{"name":"ripe","classes":["no","yes"]}]}`, and values `"target":{"values":["price"]}`. Further members say whatever is not as usual, so that an older program
//! reads the models that it can use, and refuses the others.

use crate::data::{Column, ColumnKind, DateOrder, NumberForm, Schema, TargetSchema, TimeForm};
use crate::format::json::Json;

const ORDERS: [(&str, DateOrder); 3] =
    [("year", DateOrder::YearFirst), ("day", DateOrder::DayFirst), ("month", DateOrder::MonthFirst)];

/// Returns the schema as JSON.
pub(super) fn to_json(schema: &Schema) -> Json {
    let indices = |indices: &[usize]| Json::Array(indices.iter().map(|&index| index.into()).collect());
    let target = match schema.target() {
        TargetSchema::Classes { name, classes } => {
            Json::object([("name", name.as_str().into()), ("classes", strings(classes))])
        }
        TargetSchema::Labels { names, classes } => {
            let label = |(name, pair): (&String, &[String; 2])| {
                Json::object([("name", name.as_str().into()), ("classes", strings(pair))])
            };
            Json::object([("labels", Json::Array(names.iter().zip(classes).map(label).collect()))])
        }
        TargetSchema::Values { names } => {
            let mut members = vec![("values", strings(names))];
            if schema.target_forms().iter().any(|form| *form != NumberForm::default()) {
                members.push(("forms", Json::Array(schema.target_forms().iter().map(number_to_json).collect())));
            }
            Json::object(members)
        }
    };
    let mut members = vec![
        ("columns", Json::Array(schema.columns().iter().map(column_to_json).collect())),
        ("target", target),
        ("positions", indices(schema.target_positions())),
    ];
    if !schema.ignored_positions().is_empty() {
        members.push(("ignored", indices(schema.ignored_positions())));
    }
    if schema.is_named() != schema.clone().with_usual_names().is_named() {
        members.push(("named", Json::Bool(schema.is_named())));
    }
    if let Some(words) = schema.missing_values() {
        members.push(("missing_values", strings(words)));
    }
    Json::object(members)
}

/// Reads a schema.
pub(super) fn from_json(json: &Json) -> Result<Schema, String> {
    let parts = || {
        let columns = json.get("columns")?.as_array()?.iter().map(column_from_json).collect::<Option<Vec<Column>>>()?;
        let target = json.get("target")?;
        let output = match (target.get("classes"), target.get("labels")) {
            (Some(classes), _) => TargetSchema::Classes { name: text(target.get("name")?)?, classes: texts(classes)? },
            (None, Some(labels)) => labels_from_json(labels)?,
            (None, None) => TargetSchema::Values { names: texts(target.get("values")?)? },
        };
        let indices = |json: &Json| json.as_array()?.iter().map(Json::as_usize).collect::<Option<Vec<usize>>>();
        let ignored = json.get("ignored").map_or(Some(Vec::new()), indices)?;
        Some((columns, output, indices(json.get("positions")?)?, ignored))
    };
    let further = || {
        let forms = match json.get("target")?.get("forms") {
            Some(forms) => Some(forms.as_array()?.iter().map(number_from_json).collect::<Option<Vec<NumberForm>>>()?),
            None => None,
        };
        let named = json.get("named").map_or(Some(None), |named| flag(named).map(Some))?;
        let words = json.get("missing_values").map_or(Some(None), |words| texts(words).map(Some))?;
        Some((forms, named, words))
    };
    let damaged = || "`schema` is incomplete: the file is damaged, or comes from a newer palmnet".to_string();
    let (columns, output, positions, ignored) = parts().ok_or_else(damaged)?;
    let (forms, named, words) = further().ok_or_else(damaged)?;
    let mut schema =
        Schema::from_parts_ignoring(columns, output, positions, ignored).map_err(|error| error.to_string())?;
    if let Some(forms) = forms {
        if forms.len() != schema.target_forms().len() {
            return Err(damaged());
        }
        schema = schema.with_target_forms(forms);
    }
    if let Some(named) = named {
        schema = schema.with_names(named);
    }
    Ok(schema.with_missing_values(words))
}

fn labels_from_json(json: &Json) -> Option<TargetSchema> {
    let label = |label: &Json| {
        let pair: [String; 2] = texts(label.get("classes")?)?.try_into().ok()?;
        Some((text(label.get("name")?)?, pair))
    };
    let (names, classes) = json.as_array()?.iter().map(label).collect::<Option<(Vec<String>, Vec<[String; 2]>)>>()?;
    Some(TargetSchema::Labels { names, classes })
}

fn column_to_json(column: &Column) -> Json {
    let name = || ("name", column.name.as_str().into());
    let mut members = match &column.kind {
        ColumnKind::Number(form) if *form == NumberForm::default() && !column.marks_missing => {
            return column.name.as_str().into();
        }
        ColumnKind::Number(form) => vec![name(), ("number", number_to_json(form))],
        ColumnKind::Time(form) => vec![name(), ("time", time_to_json(form))],
        ColumnKind::Categories(categories) => vec![name(), ("categories", strings(categories))],
    };
    if column.marks_missing {
        members.push(("marks_missing", Json::Bool(true)));
    }
    Json::object(members)
}

fn column_from_json(json: &Json) -> Option<Column> {
    if let Some(name) = json.as_str() {
        return Some(Column::new(name, ColumnKind::Number(NumberForm::default())));
    }
    let kind = match (json.get("number"), json.get("time"), json.get("categories")) {
        (Some(form), None, None) => ColumnKind::Number(number_from_json(form)?),
        (None, Some(form), None) => ColumnKind::Time(time_from_json(form)?),
        (None, None, Some(categories)) => ColumnKind::Categories(texts(categories)?),
        _ => return None,
    };
    let mut column = Column::new(text(json.get("name")?)?, kind);
    column.marks_missing = json.get("marks_missing").map_or(Some(false), flag)?;
    Some(column)
}

/// Only members that are not those of a plain number are there.
fn number_to_json(form: &NumberForm) -> Json {
    let usual = NumberForm::default();
    let mut members = Vec::new();
    if form.decimal != usual.decimal {
        members.push(("decimal", form.decimal.to_string().as_str().into()));
    }
    if let Some(group) = form.group {
        members.push(("group", group.to_string().as_str().into()));
    }
    for (name, affix) in [("prefix", &form.prefix), ("suffix", &form.suffix)] {
        if !affix.is_empty() {
            members.push((name, affix.as_str().into()));
        }
    }
    if form.hexadecimal {
        members.push(("hexadecimal", Json::Bool(true)));
    }
    if form.origin != usual.origin {
        members.push(("origin", Json::Number(form.origin)));
    }
    Json::object(members)
}

fn number_from_json(json: &Json) -> Option<NumberForm> {
    let mut form = NumberForm::default();
    for (name, value) in json.as_object()? {
        match name.as_str() {
            "decimal" => form.decimal = character(value).filter(|c| matches!(c, '.' | ','))?,
            "group" => form.group = Some(character(value).filter(|c| matches!(c, '.' | ',' | ' ' | '\''))?),
            "prefix" => form.prefix = text(value)?,
            "suffix" => form.suffix = text(value)?,
            "hexadecimal" => form.hexadecimal = flag(value)?,
            "origin" => form.origin = value.as_f64().filter(|origin| origin.is_finite())?,
            _ => return None,
        }
    }
    (form.group != Some(form.decimal)).then_some(form)
}

fn time_to_json(form: &TimeForm) -> Json {
    let order = ORDERS.iter().find(|(_, order)| *order == form.order).map_or("year", |(name, _)| name);
    let parts = [("first", order.into()), ("date", Json::Bool(form.date)), ("clock", Json::Bool(form.clock))];
    Json::object(parts.into_iter().chain([("origin", Json::Number(form.origin))]))
}

fn time_from_json(json: &Json) -> Option<TimeForm> {
    let first = json.get("first")?.as_str()?;
    let (_, order) = ORDERS.into_iter().find(|(name, _)| *name == first)?;
    let (date, clock) = (flag(json.get("date")?)?, flag(json.get("clock")?)?);
    let origin = json.get("origin")?.as_f64().filter(|origin| origin.is_finite())?;
    (date || clock).then_some(TimeForm { order, date, clock, origin })
}

fn strings(names: &[String]) -> Json {
    Json::Array(names.iter().map(|name| name.as_str().into()).collect())
}

fn text(json: &Json) -> Option<String> {
    json.as_str().map(str::to_string)
}

fn texts(json: &Json) -> Option<Vec<String>> {
    json.as_array()?.iter().map(text).collect()
}

fn flag(json: &Json) -> Option<bool> {
    if let Json::Bool(flag) = json { Some(*flag) } else { None }
}

fn character(json: &Json) -> Option<char> {
    let mut characters = json.as_str()?.chars();
    characters.next().filter(|_| characters.next().is_none())
}
