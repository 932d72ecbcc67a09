//! The list of keys, and a new one.
//!
//! It must never show a plain key but in the answer that made it, and never log one.

use std::future::ready;
use std::sync::Arc;

use bastion_store::{KeyBonds, KeyFilter, NewKey, Page, RevokedKeys};
use bastion_types::{Enforce, EnvironmentName, KeyId, Money, ServiceName, SurfaceName, Timestamp};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::fields::Fields;
use crate::lifetime;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{
    self, ENVIRONMENT_PATTERN, KEY_ID_PATTERN, SERVICE_PATTERN, SURFACE_PATTERN, nullable, object,
    query, text,
};
use crate::shown_key::ShownKey;
use crate::worded;

const PATH: &str = "/admin/v1/keys";
const PARAMETERS: [&str; 5] = ["environment", "service", "revoked", "after", "limit"];
const FIELDS: [&str; 10] = [
    "environment",
    "service",
    "expires_in",
    "rpm",
    "tpm",
    "concurrency",
    "surfaces",
    "enforce",
    "monthly_cap",
    "daily_cap",
];

/// Most surfaces that a key is bound to.
const MAX_SURFACES: usize = 16;

/// The largest whole number that every JSON reader keeps exact: 2⁵³ − 1.
const MAX_TPM: u64 = 9_007_199_254_740_991;

/// `keys`
pub(crate) struct Keys;

impl Resource for Keys {
    fn name(&self) -> &'static str {
        "keys"
    }

    fn operations(&self) -> Vec<Operation> {
        let list = |desk: Arc<Desk>, ask: Ask| ready(list(&desk, &ask));
        vec![
            Operation::get(PATH, describe_list(), list),
            Operation::post(PATH, describe_create(), create),
        ]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("KeyPage", schema::page("Key", "after", KEY_ID_PATTERN)),
            ("NewKey", new_key_schema()),
            ("KnownEnvironment", text(ENVIRONMENT_PATTERN)),
            ("KnownSurface", text(SURFACE_PATTERN)),
            ("MadeKey", made_key_schema()),
        ]
    }
}

#[derive(Serialize)]
struct KeyPage {
    data: Vec<ShownKey>,
    next: Option<String>,
}

fn list(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    let query = ask.query(&PARAMETERS)?;
    let filter = KeyFilter {
        environment: query.named("environment", EnvironmentName::parse)?,
        service: query.named("service", ServiceName::parse)?,
        include_revoked: query
            .parsed("revoked", "is true or false", revoked)?
            .unwrap_or(RevokedKeys::Hidden),
    };
    let after = query.parsed("after", "is what 'next' of the page before says", KeyId::parse)?;
    let page = desk.store.keys().list(filter, Page { after, limit: query.limit()? });
    let now = desk.clock.now();
    let data = page.data.into_iter().map(|record| ShownKey::at(now, record)).collect();
    Answer::ok(&KeyPage { data, next: page.next })
}

fn revoked(text: &str) -> Option<RevokedKeys> {
    match text {
        "true" => Some(RevokedKeys::Shown),
        "false" => Some(RevokedKeys::Hidden),
        _ => None,
    }
}

/// A new key, with its plain text for the only time.
#[derive(Serialize)]
struct MadeKey<'a> {
    id: KeyId,
    environment: &'a EnvironmentName,
    service: &'a ServiceName,
    api_key: &'a str,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

async fn create(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let request_id = ask.id;
    let fields = ask.fields(&FIELDS).await?;
    let new = new_key(&desk, &fields)?;
    let made = desk.store.keys().create(new).await;
    let (plain, record) = made.map_err(|cause| Problem::store(request_id, &cause))?;
    tracing::info!(%request_id, key_id = %record.id, environment = %record.environment,
        service = %record.service, "an operator made a key");
    let made = MadeKey {
        id: record.id,
        environment: &record.environment,
        service: &record.service,
        api_key: plain.reveal(),
        created_at: record.created_at,
        expires_at: record.expires_at,
    };
    Answer::json(StatusCode::CREATED, &made)
}

fn new_key(desk: &Desk, fields: &Fields) -> Result<NewKey, Problem> {
    let service = ServiceName::parse(fields.required_text("service")?);
    Ok(NewKey {
        organization: desk.deployment.organization(),
        environment: known_environment(desk, fields.required_text("environment")?)?,
        service: service.map_err(|cause| Problem::invalid_name("service", &cause))?,
        expires_at: expires_at(desk, fields)?,
        rpm: small_number(fields, "rpm")?,
        tpm: fields.number("tpm", 1..=MAX_TPM)?,
        concurrency: small_number(fields, "concurrency")?,
        bonds: KeyBonds {
            surfaces: surfaces(desk, fields)?,
            enforce: enforce(fields)?,
            monthly_cap: cap(fields, "monthly_cap")?,
            daily_cap: cap(fields, "daily_cap")?,
        },
    })
}

/// Surfaces of the configuration, each once.
fn surfaces(desk: &Desk, fields: &Fields) -> Result<Vec<SurfaceName>, Problem> {
    let Some(value) = fields.value("surfaces") else { return Ok(Vec::new()) };
    let wrong = |rule: &str| Problem::invalid_field("surfaces", rule);
    let list = value.as_array().filter(|list| list.len() <= MAX_SURFACES);
    let rule = format!("is a list of at most {MAX_SURFACES} names");
    let known = desk.deployment.surfaces();
    let mut surfaces = Vec::new();
    for name in list.ok_or_else(|| wrong(&rule))? {
        let name = name.as_str().ok_or_else(|| wrong(&rule))?;
        let Some(surface) = known.iter().find(|surface| surface.as_str() == name) else {
            let names: Vec<_> = known.iter().map(SurfaceName::as_str).collect();
            let rule = if names.is_empty() {
                "names a surface, and this deployment has none".to_owned()
            } else {
                format!("names none of this deployment's: {}", names.join(", "))
            };
            return Err(wrong(&rule));
        };
        if !surfaces.contains(surface) {
            surfaces.push(surface.clone());
        }
    }
    Ok(surfaces)
}

fn enforce(fields: &Fields) -> Result<Enforce, Problem> {
    let Some(text) = fields.text("enforce")? else { return Ok(Enforce::On) };
    let wrong = || Problem::invalid_field("enforce", "is \"on\" or \"observe\"");
    Enforce::parse(text).ok_or_else(wrong)
}

fn cap(fields: &Fields, name: &str) -> Result<Option<Money>, Problem> {
    let rule = "is an amount as a decimal text, such as \"20.00\"; absent: no cap";
    let wrong = || Problem::invalid_field(name, rule);
    fields.text(name)?.map(|text| worded::amount(text).ok_or_else(wrong)).transpose()
}

fn known_environment(desk: &Desk, text: &str) -> Result<EnvironmentName, Problem> {
    let known = desk.deployment.environments();
    known.iter().find(|name| name.as_str() == text).cloned().ok_or_else(|| {
        let names: Vec<_> = known.iter().map(EnvironmentName::as_str).collect();
        let rule = format!("is none of this deployment's: {}", names.join(", "));
        Problem::invalid_field("environment", &rule)
    })
}

fn expires_at(desk: &Desk, fields: &Fields) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = fields.text("expires_in")? else { return Ok(None) };
    let span = lifetime::parse(text);
    let span = span.ok_or_else(|| Problem::invalid_field("expires_in", lifetime::RULE))?;
    Ok(Some(desk.clock.now().plus(span)))
}

fn small_number(fields: &Fields, name: &str) -> Result<Option<u32>, Problem> {
    let number = fields.number(name, 1..=u64::from(u32::MAX))?;
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

fn describe_list() -> Description {
    let revoked = json!({ "type": "boolean", "default": false });
    Description {
        id: "list_keys",
        summary: "Keys, oldest first",
        parameters: vec![
            query("environment", "only of this environment", &text(ENVIRONMENT_PATTERN)),
            query("service", "only of this service", &text(SERVICE_PATTERN)),
            query("revoked", "revoked keys, too", &revoked),
            query("after", "what 'next' of the page before says", &text(KEY_ID_PATTERN)),
            schema::limit(),
        ],
        body: None,
        answers: vec![(200, schema::json_answer("a page of keys", "KeyPage"))],
        problems: &[],
    }
}

fn describe_create() -> Description {
    Description {
        id: "create_key",
        summary: "Make a key; its text is shown in this answer only",
        parameters: Vec::new(),
        body: Some(schema::required_body("NewKey")),
        answers: vec![(201, schema::json_answer("the key, with its text", "MadeKey"))],
        problems: &[409, 503],
    }
}

fn new_key_schema() -> Value {
    let number = |what: &str, most: u64| {
        let kind = ["integer", "null"];
        json!({ "type": kind, "minimum": 1, "maximum": most, "description": what })
    };
    let cap = |what: &str| {
        let pattern = worded::AMOUNT_PATTERN;
        json!({ "type": ["string", "null"], "pattern": pattern, "description": what })
    };
    let expires_in = json!({
        "type": ["string", "null"],
        "pattern": lifetime::PATTERN,
        "description": "how long it opens calls; absent: it does not expire",
        "examples": ["90d"],
    });
    json!({
        "type": "object",
        "required": ["environment", "service"],
        "properties": {
            "environment": schema::reference("KnownEnvironment"),
            "service": text(SERVICE_PATTERN),
            "expires_in": expires_in,
            "rpm": number("requests a minute", u64::from(u32::MAX)),
            "tpm": number("tokens a minute", MAX_TPM),
            "concurrency": number("calls at the same time", u64::from(u32::MAX)),
            "surfaces": {
                "type": ["array", "null"], "items": schema::reference("KnownSurface"),
                "maxItems": MAX_SURFACES,
                "description": "the use cases that it may call for; absent: any",
            },
            "enforce": {
                "enum": ["on", "observe", null],
                "description": "observe: refusals of surfaces, budgets and its own caps are \
                                counted, not applied",
            },
            "monthly_cap": cap("the most that it may spend in a month of its environment"),
            "daily_cap": cap("the most that it may spend in a day of its environment"),
        },
        "additionalProperties": false,
    })
}

fn made_key_schema() -> Value {
    object(&json!({
        "id": text(KEY_ID_PATTERN),
        "environment": text(ENVIRONMENT_PATTERN),
        "service": text(SERVICE_PATTERN),
        "api_key": text("^bst_[a-z][a-z0-9-]{0,30}_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$"),
        "created_at": schema::time("when it was made"),
        "expires_at": nullable(&schema::time("from when on it opens nothing")),
    }))
}
