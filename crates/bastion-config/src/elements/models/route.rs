//! `upstream` of a model: who answers for it, in the order in which they are tried.
//!
//! It must never let the same upstream stand twice: a fallback to what has just failed is none.

use std::borrow::Cow;

use bastion_types::{ModelName, Price, UpstreamName};

use super::kind::Kind as ModelKind;
use super::price;
use crate::codes;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::tree::{Entry, Node, Origin, Table, Value};

/// One upstream that answers for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Who answers.
    pub upstream: UpstreamName,
    /// The model's name there; none: the name that callers use.
    pub model: Option<ModelName>,
    /// What it costs there; none: unpriced.
    pub price: Option<Price>,
}

/// Most upstreams of one model.
const MOST_ROUTES: usize = 8;

/// `models.*.upstream`; that they exist is checked in `agreement`.
pub(crate) const UPSTREAM: Field = Field::required(
    "upstream",
    Kind::NamesOrTables { fields: LONG_FORM, most: MOST_ROUTES },
    "who answers for it: the name of an upstream, or a list of them, the first one first",
);

/// `models.*.upstream[].name`.
pub(crate) const NAME: Field = Field::required("name", Kind::Text, "the name of an upstream");
const MODEL: Field = Field::absent(
    "model",
    Kind::Text,
    "as the model's upstream_model",
    "the model's name at this upstream",
);
const PRICE: Field = Field::absent(
    "price",
    Kind::Table(price::FIELDS),
    "as the model's price",
    "what it costs at this upstream",
);
const LONG_FORM: &[Field] = &[NAME, MODEL, PRICE];

/// Reads the upstreams of a model; at least one, each once.
pub(crate) fn read(reader: &Reader<'_>, kinds: &[ModelKind]) -> Result<Vec<Route>, Invalid> {
    let routes = match reader.node(&UPSTREAM).and_then(Node::list) {
        Some(nodes) if nodes.iter().any(|node| node.table().is_some()) => {
            long(reader, nodes, kinds)
        }
        Some(_) | None => short(reader),
    }?;
    match routes.len() {
        0 => {
            let problem = Problem::new(codes::BAD_VALUE, "names no upstream")
                .help("name at least one, such as \"bastion\"");
            Err(reader.error(&UPSTREAM, &origin(reader, None), problem))
        }
        1..=MOST_ROUTES => differ(reader, &routes).map(|()| routes),
        many => {
            let message = format!("must name at most {MOST_ROUTES} upstreams, not {many}");
            let problem = Problem::new(codes::OUT_OF_RANGE, message);
            Err(reader.error(&UPSTREAM, &origin(reader, None), problem))
        }
    }
}

/// A name, or a list of names alone.
fn short(reader: &Reader<'_>) -> Result<Vec<Route>, Invalid> {
    let names = reader.list(&UPSTREAM, kinds::name(UpstreamName::parse))?;
    let route = |upstream| Route { upstream, model: None, price: None };
    Ok(names.into_iter().map(route).collect())
}

/// A list with tables in it; a name there is a table that says nothing else.
fn long(reader: &Reader<'_>, nodes: &[Node], kinds: &[ModelKind]) -> Result<Vec<Route>, Invalid> {
    let all: Vec<Result<Route, Invalid>> = nodes
        .iter()
        .enumerate()
        .map(|(at, node)| one(&reader.element(&UPSTREAM, at, &as_table(node))?, kinds))
        .collect();
    all.into_iter().collect()
}

fn one(reader: &Reader<'_>, of: &[ModelKind]) -> Result<Route, Invalid> {
    let upstream = reader.one(&NAME, kinds::name(UpstreamName::parse));
    let model = reader.maybe(&MODEL, kinds::name(ModelName::parse));
    let price = price::read(reader, &PRICE, of);
    Ok(Route { upstream: upstream?, model: model?, price: price? })
}

fn as_table(node: &Node) -> Cow<'_, Node> {
    if node.text().is_none() {
        return Cow::Borrowed(node);
    }
    let origin = node.origin.clone();
    let name = Entry { key: NAME.name.to_owned(), key_origin: origin.clone(), node: node.clone() };
    Cow::Owned(Node { value: Value::Table(Table { entries: vec![name] }), origin })
}

fn differ(reader: &Reader<'_>, routes: &[Route]) -> Result<(), Invalid> {
    for (at, route) in routes.iter().enumerate() {
        if routes.iter().take(at).any(|before| before.upstream == route.upstream) {
            let message = format!("names the upstream '{}' twice", route.upstream);
            let problem = Problem::new(codes::SET_TWICE, message)
                .help("keep one of them: the next in the list is for when this one fails");
            return Err(reader.error(&UPSTREAM, &origin(reader, Some(at)), problem));
        }
    }
    Ok(())
}

/// Where an element stands, else the setting.
fn origin(reader: &Reader<'_>, at: Option<usize>) -> Origin {
    let Some(node) = reader.node(&UPSTREAM) else {
        return Origin::Default;
    };
    let element = at.and_then(|at| node.list()?.get(at));
    element.unwrap_or(node).origin.clone()
}
