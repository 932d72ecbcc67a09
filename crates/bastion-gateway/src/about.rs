//! What is known of a call beside its answer: for its record.
//!
//! It must never decide anything.

use std::sync::Arc;

use bastion_types::SurfaceName;

use crate::policy::ModelPolicy;

/// What a call was about.
#[derive(Default)]
pub(crate) struct About {
    /// The model, once it is found.
    pub(crate) model: Option<Arc<ModelPolicy>>,
    /// The surface, if it has one.
    pub(crate) surface: Option<SurfaceName>,
    /// The end user's id.
    pub(crate) user: Option<String>,
    /// The code of the first refusal that was only observed.
    pub(crate) observed: Option<&'static str>,
}
