//! One method of one path: how it is served, and how it is described.
//!
//! It must never be served without being described: both come from here.

use std::future::Future;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::door::{Access, enter};
use crate::problem::Problem;

/// A method of a path.
pub(crate) struct Operation {
    /// With `{id}` where an id stands.
    pub(crate) path: &'static str,
    /// As the OpenAPI document writes it.
    pub(crate) method: &'static str,
    pub(crate) access: Access,
    pub(crate) description: Description,
    pub(crate) route: MethodRouter<Arc<Desk>>,
}

impl Operation {
    /// A GET for whoever reaches the listener.
    pub(crate) fn open<A, F>(path: &'static str, description: Description, act: A) -> Operation
    where
        A: Fn(Arc<Desk>, Ask) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        let route = route(MethodFilter::GET, Access::Open, act);
        Operation { path, method: "get", access: Access::Open, description, route }
    }

    /// A GET for operators.
    pub(crate) fn get<A, F>(path: &'static str, description: Description, act: A) -> Operation
    where
        A: Fn(Arc<Desk>, Ask) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        let route = route(MethodFilter::GET, Access::Operator, act);
        Operation { path, method: "get", access: Access::Operator, description, route }
    }

    /// A PUT for operators.
    pub(crate) fn put<A, F>(path: &'static str, description: Description, act: A) -> Operation
    where
        A: Fn(Arc<Desk>, Ask) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        let route = route(MethodFilter::PUT, Access::Operator, act);
        Operation { path, method: "put", access: Access::Operator, description, route }
    }

    /// A POST for operators.
    pub(crate) fn post<A, F>(path: &'static str, description: Description, act: A) -> Operation
    where
        A: Fn(Arc<Desk>, Ask) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Problem>> + Send + 'static,
    {
        let route = route(MethodFilter::POST, Access::Operator, act);
        Operation { path, method: "post", access: Access::Operator, description, route }
    }
}

fn route<A, F>(filter: MethodFilter, access: Access, act: A) -> MethodRouter<Arc<Desk>>
where
    A: Fn(Arc<Desk>, Ask) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Answer, Problem>> + Send + 'static,
{
    on(filter, move |State(desk): State<Arc<Desk>>, request: Request| {
        enter(desk, access, request, act)
    })
}
