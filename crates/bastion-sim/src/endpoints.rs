//! The endpoints that the simulated upstream has: one file each, listed here.
//!
//! They must never import each other.

mod chat_completions;
mod completions;
mod embeddings;
mod images;
mod models;
mod responses;
mod speech;
mod transcriptions;

use crate::endpoint::Endpoint;

/// All of them. Source: contract, Endpoints.
pub(crate) static ALL: [&dyn Endpoint; 8] = [
    &chat_completions::ChatCompletions,
    &completions::Completions,
    &embeddings::Embeddings,
    &images::Images,
    &models::Models,
    &responses::Responses,
    &speech::Speech,
    &transcriptions::Transcriptions,
];

/// The endpoint of a path, whatever the method.
pub(crate) fn at(path: &str) -> Option<&'static dyn Endpoint> {
    ALL.iter().copied().find(|endpoint| endpoint.takes(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::ENDPOINT_NAMES;

    #[test]
    fn scripts_can_name_every_endpoint() {
        assert_eq!(ALL.map(Endpoint::name), ENDPOINT_NAMES);
    }
}
