//! The configuration: defaults, then the file, then environment variables, into one [`Config`].
//!
//! It must never show a secret, never stop at the first error, and never load a setting whose
//! protection is not built.
//!
//! Start reading at `load`. Settings are data: the field tables in `elements` are what unknown
//! keys, environment variables, `config show`, the schema and the manual's test read.

mod agreement;
mod at_once;
mod base_url;
mod caps;
mod codes;
mod config;
mod elements;
mod enforce;
mod field;
mod file_reference;
mod kinds;
mod lines;
mod load;
mod mask;
mod notes;
mod overlay;
mod reader;
mod report;
mod schema;
mod secret_reference;
mod shown;
mod sources;
mod suggest;
mod tree;

pub use at_once::CallsAtOnce;
pub use base_url::{BaseUrl, Scheme};
pub use caps::Caps;
pub use codes::CODES;
pub use config::Config;
pub use elements::balance::Prepaid;
pub use elements::environments::Environment;
pub use elements::ledger::UnknownOutcome;
pub use elements::limits::{LimitsSection, LimitsUrl};
pub use elements::models::bounds::Bounds;
pub use elements::models::kind::Kind;
pub use elements::models::route::Route;
pub use elements::models::speech::Speech;
pub use elements::models::{Model, ModelTimeouts, Size};
pub use elements::operator::Operator;
pub use elements::retry::{Breaker, Retry};
pub use elements::server::{Server, ServerTimeouts, ServerTls};
pub use elements::store::{StoreMigrate, StoreSection, StoreUrl};
pub use elements::surfaces::Surface;
pub use elements::surfaces::budget::{AboveCeiling, TokenBudget};
pub use elements::upstreams::{HttpVersion, Upstream, UpstreamTimeouts};
pub use elements::waivers::Waiver;
pub use file_reference::FileReference;
pub use load::{Loaded, load};
pub use report::{Diagnostic, RenderStyle, Report, Severity};
pub use schema::schema;
pub use secret_reference::SecretReference;
pub use shown::{SettingSource, ShownSetting};
pub use sources::{ReadError, Sources, read_sources};

/// The manual: every setting of this version, commented, with its default and a sentence or two.
/// A line that begins with `#` and no space behind it is a setting that can be uncommented.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// What `bastion init` writes: dev, staging and prod with the Bastion API as upstream.
pub const INIT_TOML: &str = include_str!("init.toml");
