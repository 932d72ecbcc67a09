//! One pass: defaults, then the file, then environment variables, into one typed `Config`.
//!
//! It must never return a configuration while anything is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use bastion_types::{EnvironmentName, ModelName, OrganizationName, SurfaceName, UpstreamName};

use crate::agreement;
use crate::at_once::Sections;
use crate::codes;
use crate::config::Config;
use crate::elements::balance::Prepaid;
use crate::elements::environments::Environment;
use crate::elements::ledger::UnknownOutcome;
use crate::elements::limits::{LimitsSection, LimitsUrl};
use crate::elements::models::Model;
use crate::elements::operator::Operator;
use crate::elements::retry::Retry;
use crate::elements::server::Server;
use crate::elements::store::StoreSection;
use crate::elements::surfaces::Surface;
use crate::elements::upstreams::Upstream;
use crate::elements::waivers::Waiver;
use crate::elements::{
    self, balance, deployment, environments, ledger, limits, models, operator, retry, server,
    store, surfaces, upstreams, waivers,
};
use crate::kinds;
use crate::mask;
use crate::notes::{Notes, Problem};
use crate::overlay;
use crate::reader::{Invalid, Reader};
use crate::report::{Diagnostic, Report};
use crate::secret_reference::SecretReference;
use crate::shown::ShownSetting;
use crate::sources::Sources;
use crate::tree::{self, Origin, SyntaxError, Table};

/// How the parser begins these messages; a test notices when it says them otherwise.
const PARSER_DUPLICATE: &str = "duplicate key";
const PARSER_UNQUOTED: &str = "string values must be quoted";

/// A configuration that loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The effective configuration.
    pub config: Config,
    /// Each effective value with its source, section by section.
    pub shown: Vec<ShownSetting>,
    /// What loads and is still worth a word; may be empty.
    pub warnings: Report,
}

/// The sections, each right or written down as wrong.
struct Parts {
    organization: Result<OrganizationName, Invalid>,
    currency: Result<String, Invalid>,
    data_dir: Result<PathBuf, Invalid>,
    server: Result<Server, Invalid>,
    operator: Result<Operator, Invalid>,
    store: Result<StoreSection, Invalid>,
    limits: Result<LimitsSection, Invalid>,
    upstreams: Result<BTreeMap<UpstreamName, Upstream>, Invalid>,
    models: Result<BTreeMap<ModelName, Model>, Invalid>,
    environments: Result<BTreeMap<EnvironmentName, Environment>, Invalid>,
    retry: Result<Retry, Invalid>,
    waivers: Result<Vec<Waiver>, Invalid>,
    surfaces: Result<BTreeMap<SurfaceName, Surface>, Invalid>,
    prepaid: Result<Prepaid, Invalid>,
    unknown_outcome: Result<UnknownOutcome, Invalid>,
}

/// Reads file and environment into one configuration. Relative paths are beside the file.
///
/// # Errors
/// Every error of the file and of the environment's variables, in one report.
pub fn load(sources: &Sources) -> Result<Loaded, Report> {
    let path = sources.file.as_ref().map(|(path, _)| path.as_path());
    let text = sources.file.as_ref().map_or("", |(_, text)| text.as_str());
    let notes = Notes::new(path, mask::file::hide(text, &elements::showing));
    let (mut root, syntax_errors) = tree::parse(text);
    for error in &syntax_errors {
        note_syntax(error, text, &notes);
    }
    overlay::apply(&mut root, elements::ALL, &sources.environment, &notes);
    let parts = Parts::read(&Reader::root(&notes, &root, elements::ALL));
    if syntax_errors.is_empty() {
        parts.agree(&root, &notes);
    }
    let (mut errors, warnings, shown) = notes.finish();
    if !syntax_errors.is_empty() {
        drop_consequences(&mut errors);
    }
    let folder = path.and_then(Path::parent).unwrap_or(Path::new(""));
    match parts.config(folder) {
        Ok(config) if errors.is_empty() => {
            Ok(Loaded { config, shown, warnings: Report::new(warnings) })
        }
        Ok(_) | Err(Invalid) => Err(Report::new(errors)),
    }
}

impl Parts {
    fn read(root: &Reader<'_>) -> Parts {
        let organization = kinds::name(OrganizationName::parse);
        let section = |field| root.table(field);
        Parts {
            organization: root.one(&deployment::ORGANIZATION, organization),
            currency: root.one(&deployment::CURRENCY, deployment::currency),
            data_dir: root.one(&deployment::DATA_DIR, kinds::path),
            server: section(&server::SECTION).and_then(|reader| server::read(&reader)),
            operator: section(&operator::SECTION).and_then(|reader| operator::read(&reader)),
            store: section(&store::SECTION).and_then(|reader| store::read(&reader)),
            limits: section(&limits::SECTION).and_then(|reader| limits::read(&reader)),
            upstreams: root.named(&upstreams::SECTION, UpstreamName::parse, upstreams::read),
            models: root.named(&models::SECTION, ModelName::parse, models::read),
            surfaces: root.maybe_named(&surfaces::SECTION, SurfaceName::parse, surfaces::read),
            environments: root.named(
                &environments::SECTION,
                EnvironmentName::parse,
                environments::read,
            ),
            retry: section(&retry::SECTION).and_then(|reader| retry::read(&reader)),
            waivers: waivers::read(root),
            prepaid: section(&balance::SECTION).and_then(|reader| balance::read(&reader)),
            unknown_outcome: section(&ledger::SECTION).and_then(|reader| ledger::read(&reader)),
        }
    }

    fn agree(&self, root: &Table, notes: &Notes) {
        agreement::upstreams_exist(root, notes);
        agreement::surfaces::models_exist(root, notes);
        if let Ok(server) = &self.server {
            agreement::environments_exist(root, server, notes);
        }
        if let (Ok(server), Ok(operator)) = (&self.server, &self.operator) {
            agreement::listeners_differ(root, server, operator, notes);
        }
        if let (Ok(store), Ok(limits)) = (&self.store, &self.limits) {
            agreement::limits_are_shared(root, store, limits, notes);
        }
        if let Ok(models) = &self.models {
            agreement::speech_is_clear(root, models, notes);
        }
        if let (Ok(upstreams), Ok(models), Ok(environments)) =
            (&self.upstreams, &self.models, &self.environments)
        {
            agreement::regions_are_reached(root, upstreams, models, environments, notes);
        }
        if let (Ok(models), Ok(surfaces)) = (&self.models, &self.surfaces) {
            agreement::surfaces::budgets_fit(root, models, surfaces, notes);
        }
        self.agree_on_money(root, notes);
    }

    fn agree_on_money(&self, root: &Table, notes: &Notes) {
        let (Ok(upstreams), Ok(models), Ok(environments), Ok(surfaces), Ok(prepaid)) =
            (&self.upstreams, &self.models, &self.environments, &self.surfaces, &self.prepaid)
        else {
            return;
        };
        let sections = Sections { upstreams, models, environments, surfaces };
        let counted = agreement::money::Counted { sections, prepaid: *prepaid };
        agreement::money::caps_can_be_held(root, &counted, notes);
        agreement::money::caps_hold_calls(root, &counted.sections, notes);
    }

    fn config(self, folder: &Path) -> Result<Config, Invalid> {
        let mut upstreams = self.upstreams?;
        for upstream in upstreams.values_mut() {
            if let SecretReference::File(path) = &mut upstream.api_key {
                *path = beside(folder, path);
            }
            if let Some(ca) = &mut upstream.ca {
                ca.path = beside(folder, &ca.path);
            }
        }
        let mut store = self.store?;
        for reference in store.references() {
            if let SecretReference::File(path) = reference {
                *path = beside(folder, path);
            }
        }
        let mut server = self.server?;
        if let Some(tls) = &mut server.tls {
            tls.cert.path = beside(folder, &tls.cert.path);
            tls.key.path = beside(folder, &tls.key.path);
        }
        let mut limits = self.limits?;
        let url = match &mut limits.url {
            LimitsUrl::Reference(reference) => Some(reference),
            LimitsUrl::Local | LimitsUrl::Redis(_) => None,
        };
        for reference in url.into_iter().chain(&mut limits.password) {
            if let SecretReference::File(path) = reference {
                *path = beside(folder, path);
            }
        }
        Ok(Config {
            organization: self.organization?,
            currency: self.currency?,
            data_dir: beside(folder, &self.data_dir?),
            server,
            operator: self.operator?,
            store,
            limits,
            upstreams,
            models: self.models?,
            environments: self.environments?,
            retry: self.retry?,
            waivers: self.waivers?,
            surfaces: self.surfaces?,
            prepaid: self.prepaid?,
            unknown_outcome: self.unknown_outcome?,
        })
    }
}

/// A path of the file as the process sees it: relative ones are beside the file.
fn beside(folder: &Path, path: &Path) -> PathBuf {
    let joined: PathBuf =
        folder.join(path).components().filter(|part| *part != Component::CurDir).collect();
    if joined.as_os_str().is_empty() { PathBuf::from(".") } else { joined }
}

fn note_syntax(error: &SyntaxError, text: &str, notes: &Notes) {
    let found = text.get(error.span.clone()).unwrap_or_default();
    let problem = if error.message.starts_with(PARSER_DUPLICATE) {
        Problem::new(codes::DUPLICATE, format!("'{}' is written twice", found.escape_debug()))
            .help("keep one of them")
    } else if error.message.starts_with(PARSER_UNQUOTED) {
        let what = if found.is_empty() { "a value is missing" } else { "a text needs quotes" };
        Problem::new(codes::SYNTAX, format!("this is not TOML: {what}"))
    } else {
        Problem::new(codes::SYNTAX, format!("this is not TOML: {}", error.message))
    };
    notes.error("", &Origin::Span(error.span.clone()), problem);
}

/// Beside errors of form: what is missing may stand on a line that could not be read, and what
/// else is wrong with such a line nobody can say.
fn drop_consequences(errors: &mut Vec<Diagnostic>) {
    let is_form = |code: &str| code == codes::SYNTAX || code == codes::DUPLICATE;
    let spoilt: BTreeSet<Option<usize>> =
        errors.iter().filter(|finding| is_form(finding.code)).map(|finding| finding.line).collect();
    errors.retain(|finding| {
        let is_consequence = finding.code == codes::MISSING_KEY || spoilt.contains(&finding.line);
        is_form(finding.code) || !is_consequence
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_beside_the_file() {
        let check = |folder: &str, path: &str, expect: &str| {
            assert_eq!(beside(Path::new(folder), Path::new(path)), Path::new(expect));
        };
        check("/etc/bastion", "./data", "/etc/bastion/data");
        check("/etc/bastion", "/var/lib/bastion", "/var/lib/bastion");
        check("", "./data", "data");
        check("", ".", ".");
        check("conf", "../data", "conf/../data");
    }
}
