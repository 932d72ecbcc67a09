//! `credentials.secret-store`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct SecretStore;

const CARD: Card = Card {
    id: "credentials.secret-store",
    sentence: "API key lives in a secrets manager, not in source control or in client code.",
    why: "a key in a repository is everybody's key, for as long as its history exists",
    mend: "keep upstreams.*.api_key a reference (env: or file:); until the scan is built, waive \
         this box with who looked through the repositories",
    proof: "the reference resolves, and a scan of the tree, its history and the client bundles \
         finds no live key",
};

impl Check for SecretStore {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("the scan for leaked keys")
    }
}
